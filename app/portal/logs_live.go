package portal

import (
	"context"
	"time"

	"github.com/gofiber/fiber/v2"

	"gatehouse/app/access"
	"gatehouse/views/logs"
)

const (
	// liveWindow is how far back the live tail looks, since a long call is written down at its end.
	liveWindow = 10 * time.Minute
	liveRows   = 50
)

// logStream serves GET /ui/logs/stream with the filters of the list: the rows of requests as they end, as server-sent events.
func (h *Handlers) logStream(c *fiber.Ctx) error {
	l, f := h.locale(c), h.Frame(c)
	q, err := h.logQuery(c, l, l.Now.Add(-liveWindow))
	if err != nil {
		return err
	}
	q.Size, q.Cursor, q.Uncounted = liveRows, "", true
	s := h.readList(c, "/ui/logs", "")
	s.query.Set("live", "1")
	seen := map[string]bool{}
	return h.events(c, access.SpendRead, func(ctx context.Context, who access.Actor) (event, error) {
		l.Now = h.opt.Now()
		q.StartDate = l.Now.Add(-liveWindow).UTC().Format(time.DateTime)
		page, err := h.Spend.Logs(ctx, who, q)
		if err != nil {
			return event{}, err
		}
		var fresh []logs.Row
		for i := range page.Rows {
			if r := &page.Rows[i]; !seen[r.ID] {
				seen[r.ID] = true
				fresh = append(fresh, h.logRowView(l, s, r))
			}
		}
		if len(fresh) == 0 {
			return event{name: "well"}, nil
		}
		return event{name: "rows", body: logs.TableRows(f, fresh)}, nil
	})
}
