package portal

import (
	"slices"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"gatehouse/app/control"
	"gatehouse/app/web"
	"gatehouse/views/i18n"
	"gatehouse/views/ui"
	"gatehouse/views/usage"
)

// usageTable is the list of one tab, largest spend first.
func (h *Handlers) usageTable(c *fiber.Ctx, l i18n.Locale, s usageState, body *usage.Body) error {
	by := tabDimension(s.tab)
	q := s.spendQuery(s.at)
	most := tableMost
	q.Limit = &most
	all, err := h.Spend.Top(c.UserContext(), web.Actor(c), by, q)
	if err != nil {
		return err
	}
	days, err := h.usageDays(c, s, s.at)
	if err != nil {
		return err
	}
	body.Stats = usageStats(l, days, total(days), nil)
	chart := plainChart(l, "usage-chart", chartTitle(l, bySpend, groupDays(l, days)), days)
	body.Chart = &chart
	place := list{base: h.url("/ui/usage"), query: s.query, size: h.pageSize(c, s.query.Get("size"))}
	place.page, _ = strconv.Atoi(s.query.Get("page"))
	place.page = max(place.page, 1)
	shown := cut(place, all)
	spark, err := h.sparks(c, by, shown, s)
	if err != nil {
		return err
	}
	t := &usage.Table{First: tabHead(l, by), Pager: place.pager(l, "usage", "", len(shown), len(all))}
	href := h.sliceURL(by)
	for _, one := range shown {
		in, _ := compact(l, one.Usage.PromptTokens)
		out, _ := compact(l, one.Usage.OutputTokens)
		row := usage.Row{
			Name: sliceName(l, by, one), Href: href(one), Mono: by == control.ByModelGroup, Spend: l.Money(int64(one.Usage.Spend)),
			Requests: l.Number(one.Usage.Requests), Failed: failedShare(l, one.Usage.Failed, one.Usage.Requests), In: in, Out: out, Days: spark[one.Value],
		}
		if by == control.ByTag { // the tag sums know tokens together only
			row.In, row.Out = in, "–"
		}
		if by == control.ByUser && !web.Actor(c).SeesAll() {
			row.Href = ""
		}
		t.Rows = append(t.Rows, row)
	}
	body.Table = t
	return nil
}

// tableMost is how many rows a tab's list has in all.
const tableMost = 1000

func tabHead(l i18n.Locale, by control.Dimension) string {
	switch by {
	case control.ByKey:
		return l.APIKey()
	case control.ByTeam:
		return l.Team()
	case control.ByUser:
		return l.User()
	case control.ByTag:
		return l.Tag()
	case control.ByModelGroup, control.ByModel, control.ByProvider, control.ByOrg, control.ByEndUser:
	}
	return l.Model()
}

// sparks is the spend of the last 14 days of the range, of the rows shown, in one query.
func (h *Handlers) sparks(c *fiber.Ctx, by control.Dimension, shown []control.Slice, s usageState) (map[string][]int64, error) {
	at := s.at
	if first := at.to.AddDate(0, 0, 1-sparkDays); at.from.Before(first) {
		at.from = first
	}
	var values []string
	for _, one := range shown {
		values = append(values, one.Value)
	}
	days, err := h.Spend.DaysOf(c.UserContext(), web.Actor(c), by, values, s.spendQuery(at))
	out := make(map[string][]int64, len(days))
	for value, list := range days {
		for _, d := range list {
			out[value] = append(out[value], int64(d.Usage.Spend))
		}
	}
	return out, err
}

// caching is the tab about the gateway's own cache and the providers' prompt caches.
func (h *Handlers) caching(c *fiber.Ctx, l i18n.Locale, s usageState) (*usage.Cache, error) {
	parts, err := h.breakDown(c, control.ByModelGroup, s.spendQuery(s.at), topMost)
	if err != nil {
		return nil, err
	}
	sum := total(parts.days)
	short := func(n int64) ui.Stat {
		value, full := compact(l, n)
		return ui.Stat{Value: value, Full: full}
	}
	hits, read, written := short(sum.CacheHits), short(sum.CacheRead), short(sum.CacheWrite)
	hits.Label, read.Label, written.Label = l.Hits(), l.CachedTokens(), l.CacheWritten()
	saved := ui.Stat{Label: l.Saved(), Value: l.Money(int64(sum.Saved)), Help: l.SavedResponseHelp()}
	v := &usage.Cache{
		Response: []ui.Stat{hits, {Label: l.HitRate(), Value: failedShare(l, sum.CacheHits, sum.Requests)}, saved},
		Prompt:   []ui.Stat{read, written, {Label: l.CachedShare(), Value: failedShare(l, sum.CacheRead, sum.PromptTokens)}, {Label: l.Saved(), Value: l.Money(int64(sum.PromptSaved)), Help: l.SavedPromptHelp()}},
	}
	bars := groupDays(l, parts.days)
	v.Chart = ui.ChartData{ID: "saved", Title: l.SavedPer(bars.stepName(l)), First: bars.head(l), Empty: l.NoUsage(), Days: bars.labels}
	values := make([]int64, len(bars.labels))
	for i, d := range parts.days {
		values[bars.at[i]] += int64(d.Usage.Saved)
	}
	if slices.ContainsFunc(values, func(n int64) bool { return n > 0 }) {
		v.Chart.Series = []ui.ChartSeries{{Name: l.Saved(), Colour: 1, Values: values}}
	}
	for _, one := range parts.top {
		if u := one.Usage; u.CacheHits+u.CacheRead > 0 {
			v.Rows = append(v.Rows, usage.CacheRow{
				Model: sliceName(l, control.ByModelGroup, one), Hits: l.Number(u.CacheHits), Rate: failedShare(l, u.CacheHits, u.Requests),
				CachedIn: l.Number(u.CacheRead), Saved: l.Money(int64(u.Saved)),
			})
		}
	}
	if config := extra(c).Config; config != nil && !config().Cache.On {
		v.Off, v.OffReason = true, l.CacheOff()
	}
	return v, nil
}
