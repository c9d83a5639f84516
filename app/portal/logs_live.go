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

	"gatehouse/app/web"
	"gatehouse/views/logs"
)

// How the live tail goes: it asks every liveEvery, for what began within liveWindow, since a long call is written down at
// its end. After liveLength the browser connects again, so that a session which has ended meanwhile ends the tail too.
const (
	liveEvery  = 2 * time.Second
	liveLength = time.Minute
	liveWindow = 10 * time.Minute
	liveRows   = 50
)

// logStream serves GET /ui/logs/stream with the filters of the list: the rows of requests as they end, as server-sent events.
func (h *Handlers) logStream(c *fiber.Ctx) error {
	l, actor, f := h.locale(c), web.Actor(c), h.Frame(c)
	q, err := h.logQuery(c, l, l.Now.Add(-liveWindow))
	if err != nil {
		return err
	}
	q.Size, q.Cursor, q.Uncounted = liveRows, "", true
	s := h.readList(c, "/ui/logs", "")
	s.query.Set("live", "1")
	first, err := h.Spend.Logs(c.UserContext(), actor, q)
	if err != nil {
		return err
	}
	draining := extra(c).Draining
	ctx, log, id := context.WithoutCancel(c.UserContext()), h.opt.Log, web.RequestID(c)
	c.Set(fiber.HeaderContentType, "text/event-stream")
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set("X-Accel-Buffering", "no")
	c.Context().SetBodyStreamWriter(func(w *bufio.Writer) {
		// This runs after the handler, in a goroutine of the server's: a panic must end here.
		defer func() {
			if r := recover(); r != nil {
				log.Error("panic in a live tail", slog.String("request_id", id), slog.Any("panic", r))
			}
		}()
		seen := map[string]bool{}
		page := first
		for left := liveLength; ; left -= liveEvery {
			var fresh []logs.Row
			for i := range page.Rows {
				if r := &page.Rows[i]; !seen[r.ID] {
					seen[r.ID] = true
					fresh = append(fresh, h.logRowView(l, s, r))
				}
			}
			if !sendRows(ctx, w, logs.TableRows(f, fresh), len(fresh)) || left <= 0 || draining != nil && draining() {
				return
			}
			time.Sleep(liveEvery)
			l.Now = h.opt.Now()
			q.StartDate = l.Now.Add(-liveWindow).UTC().Format(time.DateTime)
			if page, err = h.Spend.Logs(ctx, actor, q); err != nil {
				log.Warn("a live tail ends", slog.String("request_id", id), slog.Any("error", err))
				return
			}
		}
	})
	return nil
}

// sendRows sends one event, or a comment where there are no rows; false when the browser has left.
func sendRows(ctx context.Context, w *bufio.Writer, rows templ.Component, n int) bool {
	if n == 0 {
		_, err := w.WriteString(": \n\n")
		return err == nil && w.Flush() == nil
	}
	var html bytes.Buffer
	if rows.Render(ctx, &html) != nil {
		return false
	}
	_, err := w.WriteString("event: rows\ndata: " + strings.ReplaceAll(html.String(), "\n", "\ndata: ") + "\n\n")
	return err == nil && w.Flush() == nil
}
