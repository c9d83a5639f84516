package portal

import (
	"bufio"
	"bytes"
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/a-h/templ"
	"github.com/gofiber/fiber/v2"

	"gatehouse/app/access"
	"gatehouse/app/web"
	"gatehouse/models/fault"
)

const (
	// liveEvery is how often a stream looks, unless Options say otherwise; what it looks at is in the database, so that any
	// replica's calls are seen.
	liveEvery = 2 * time.Second
	// liveLength is after how long a stream ends; the browser then connects again, by another proxy's patience and through
	// sign-in.
	liveLength = time.Minute
	// liveBeat is how long a stream sleeps at most before it sees that the process ends.
	liveBeat = 100 * time.Millisecond
	// liveMost is how many streams one process has open at once.
	liveMost = 256
)

// event is what a stream sends next. Its name is heard by static/src/live.js; one without a body says that all is well.
type event struct {
	name string
	body templ.Component // nil: none
	last bool
}

// events answers with server-sent events: next is asked at once and then again and again, until it is done, the browser
// leaves, the session ends or loses the right, or the process ends.
func (h *Handlers) events(c *fiber.Ctx, action access.Action, next func(ctx context.Context, who access.Actor) (event, error)) error {
	actor := web.Actor(c)
	first, err := next(c.UserContext(), actor)
	if err != nil {
		return err
	}
	if h.streams.Add(1) > liveMost {
		h.streams.Add(-1)
		return fault.New(fault.Unavailable, "too many pages are followed live at once")
	}
	every := h.opt.LiveEvery
	if every <= 0 {
		every = liveEvery
	}
	draining := extra(c).Draining
	ctx, log, id := context.WithoutCancel(c.UserContext()), h.opt.Log, web.RequestID(c)
	c.Set(fiber.HeaderContentType, "text/event-stream")
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set("X-Accel-Buffering", "no")
	c.Context().SetBodyStreamWriter(func(w *bufio.Writer) {
		// This runs after the handler, in a goroutine of the server's: a panic must end here.
		defer func() {
			h.streams.Add(-1)
			if r := recover(); r != nil {
				log.Error("panic in a live stream", slog.String("request_id", id), slog.Any("panic", r))
			}
		}()
		e, who := first, actor
		for left := liveLength; ; left -= every {
			if !send(ctx, w, e) || e.last || left <= 0 || !rest(every, draining) {
				return
			}
			var err error
			if who, err = h.sessions.Still(ctx, who); err == nil {
				err = access.Role(who, action)
			}
			if err == nil {
				e, err = next(ctx, who)
			}
			if err != nil {
				if no := fault.As(err); no == nil || no.Kind == fault.Internal {
					log.Warn("a live stream ends", slog.String("request_id", id), slog.Any("error", err))
				}
				return
			}
		}
	})
	return nil
}

// rest waits; false when the process ends.
func rest(d time.Duration, draining func() bool) bool {
	for ; d > 0; d -= liveBeat {
		if draining != nil && draining() {
			return false
		}
		time.Sleep(min(d, liveBeat))
	}
	return draining == nil || !draining()
}

// send writes one event; false when the browser has left.
func send(ctx context.Context, w *bufio.Writer, e event) bool {
	var html bytes.Buffer
	if e.body != nil && e.body.Render(ctx, &html) != nil {
		return false
	}
	_, err := w.WriteString("event: " + e.name + "\ndata: " + strings.ReplaceAll(html.String(), "\n", "\ndata: ") + "\n\n")
	return err == nil && w.Flush() == nil
}
