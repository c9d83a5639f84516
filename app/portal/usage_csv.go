package portal

import (
	"context"
	"slices"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"gatehouse/app/control"
	"gatehouse/app/web"
	"gatehouse/views/i18n"
)

// usageExport serves GET /ui/usage.csv with the filters of the page: one line a day and value.
func (h *Handlers) usageExport(c *fiber.Ctx) error {
	s, l, actor := h.readUsage(c), h.locale(c), web.Actor(c)
	by := tabDimension(s.tab)
	if by == "" {
		by = s.by
	}
	q := s.spendQuery(s.at)
	most := tableMost
	q.Limit = &most
	top, err := h.Spend.Top(c.UserContext(), actor, by, q)
	if err != nil {
		return err
	}
	q.Limit = nil
	zone := today(l).Location().String()
	name := "usage-" + day(s.at.from) + "-to-" + day(s.at.to) + "-" + zone
	head := []string{"date", "time_zone", string(by), "name", "spend_usd", "requests", "failed", "tokens_in", "tokens_out", "cache_hits", "cached_tokens_read", "saved_usd"}
	return h.sendCSV(c, name, head, func(ctx context.Context, row func(...string) error) error {
		const chunk = 50
		for part := range slices.Chunk(top, chunk) {
			values := make([]string, len(part))
			for i := range part {
				values[i] = part[i].Value
			}
			days, err := h.Spend.DaysOf(ctx, actor, by, values, q)
			if err != nil {
				return err
			}
			for _, one := range part {
				for _, d := range days[one.Value] {
					if d.Usage == (control.Usage{}) {
						continue
					}
					if err := row(usageRecord(zone, l, by, one, d)...); err != nil {
						return err
					}
				}
			}
		}
		return nil
	})
}

func usageRecord(zone string, l i18n.Locale, by control.Dimension, one control.Slice, d control.DaySpend) []string {
	n := func(v int64) string { return strconv.FormatInt(v, 10) }
	u := d.Usage
	return []string{
		d.Date, zone, one.Value, sliceName(l, by, one), u.Spend.String(), n(u.Requests), n(u.Failed), n(u.PromptTokens), n(u.OutputTokens), n(u.CacheHits), n(u.CacheRead), u.Saved.String(),
	}
}
