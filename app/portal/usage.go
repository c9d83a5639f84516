package portal

import (
	"math"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"gatehouse/app/control"
	"gatehouse/app/web"
	"gatehouse/models/duration"
	"gatehouse/models/fault"
	"gatehouse/views/i18n"
	"gatehouse/views/ui"
	"gatehouse/views/usage"
)

// usagePage serves GET /ui/usage, all tabs.
func (h *Handlers) usagePage(c *fiber.Ctx) error {
	f, err := h.view(c)
	if err != nil {
		return err
	}
	s, l := h.readUsage(c), h.locale(c)
	base := h.url("/ui/usage")
	v := usage.Usage{URL: base, Lead: l.UsageLead(l.UpdatedNow()), Tab: s.tab, Span: l.Range(s.at.from, s.at.to), From: ui.Text{Value: day(s.at.from), Error: s.problem}, To: ui.Text{Value: day(s.at.to)}}
	if v.Body, err = h.usageBody(c, l, s); err != nil {
		if failure := h.failure(c, l.Usage(), err); failure != nil {
			v.Body = usage.Body{Failure: failure}
		} else {
			return err
		}
	}
	v.Body.ExportURL = link(h.url("/ui/usage.csv"), s.query)
	v.Body.ZoneURL = "" // the reporting zone is set in config.yaml
	if old := staleMinutes(c); old > 0 {
		v.Body.Stale = usage.Stale(l.Lang, old)
		v.Lead = l.UsageLead(l.Relative(l.Now.Add(-lagOf(c))).Text)
	}
	if web.IsPartial(c) {
		return web.Render(c, usage.BodyPart(f, v.Body), usage.BodyPart(f, v.Body))
	}
	if err := h.usageControls(c, l, s, base, &v); err != nil && v.Body.Failure == nil {
		return err
	}
	return web.Render(c, usage.Page(f, v), nil)
}

// usageBody is the part that the tab decides.
func (h *Handlers) usageBody(c *fiber.Ctx, l i18n.Locale, s usageState) (usage.Body, error) {
	var body usage.Body
	var err error
	switch s.tab {
	case "caching":
		body.Cache, err = h.caching(c, l, s)
	case "":
		err = h.usageOverview(c, l, s, &body)
	default:
		err = h.usageTable(c, l, s, &body)
	}
	return body, err
}

// usageDays is usage by day under the state's filters; with a tag it comes from the tag sums.
func (h *Handlers) usageDays(c *fiber.Ctx, s usageState, at dates) ([]control.DaySpend, error) {
	q := s.spendQuery(at)
	if !s.onlyTags() {
		return h.Spend.Days(c.UserContext(), web.Actor(c), q)
	}
	days, err := h.Spend.DaysOf(c.UserContext(), web.Actor(c), control.ByTag, q.Tags, q)
	if err != nil {
		return nil, err
	}
	return days[q.Tags[0]], nil
}

func (h *Handlers) usageOverview(c *fiber.Ctx, l i18n.Locale, s usageState, body *usage.Body) error {
	before, err := h.usageDays(c, s, s.at.before())
	if err != nil {
		return err
	}
	parts, err := h.breakDown(c, s.by, s.spendQuery(s.at), topMost)
	if err != nil {
		return err
	}
	if s.onlyTags() {
		if parts.days, err = h.usageDays(c, s, s.at); err != nil {
			return err
		}
	}
	sum, old := total(parts.days), total(before)
	body.Stats = usageStats(l, parts.days, sum, &old)
	chart := parts.chart(l, "usage-chart", chartTitle(l, s.measure, groupDays(l, parts.days)), s.measure)
	body.Chart = &chart
	for _, o := range []struct {
		m     measure
		label string
	}{{bySpend, l.Spend()}, {byRequests, l.Requests()}, {byTokens, l.Tokens()}} {
		body.Measures = append(body.Measures, ui.Option{Value: string(o.m), Label: o.label, Selected: o.m == s.measure})
	}
	for _, o := range []struct{ value, label string }{{"model", l.ByModel()}, {"key", l.ByKey()}, {"team", l.ByTeam()}, {"user", l.ByUser()}, {"tag", l.ByTag()}} {
		body.Bys = append(body.Bys, ui.Option{Value: o.value, Label: o.label, Selected: byDimension(o.value) == s.by})
	}
	if s.onlyTags() { // keys and budgets are not summed by tag
		return nil
	}
	top := parts.top
	if parts.by != control.ByKey {
		q := s.spendQuery(s.at)
		most := topMost
		q.Limit = &most
		if top, err = h.Spend.Top(c.UserContext(), web.Actor(c), control.ByKey, q); err != nil {
			return err
		}
	}
	body.TopKeys = ranking(l, control.ByKey, top, sum, topSeries, h.sliceURL(control.ByKey))
	body.KeysURL = link(h.url("/ui/usage"), s.query, "tab", "keys", "page", "")
	return h.teamBudgets(c, l, s, body, &chart)
}

// teamBudgets are the budgets of the teams that the person sees, and the pace line when one budget alone is in scope.
func (h *Handlers) teamBudgets(c *fiber.Ctx, l i18n.Locale, s usageState, body *usage.Body, chart *ui.ChartData) error {
	q := control.TeamQuery{Page: 1, Size: topMost, SortBy: "spend", SortOrder: "desc", ID: s.query.Get("team_id")}
	page, err := h.Teams.Search(c.UserContext(), web.Actor(c), "", q)
	if fault.Is(err, fault.Unauthenticated) {
		return nil // no team to see
	}
	if err != nil || len(page.Items) == 0 {
		return err
	}
	body.Budgets = []usage.Budget{}
	for i := range page.Items {
		v := &page.Items[i]
		limit := v.Team.MaxBudget
		if limit == nil {
			continue
		}
		share := percent(v.Spend, *limit)
		b := usage.Budget{
			Name: teamName(&v.Team), Href: h.teamURL(v.Team.ID, ""), Spend: l.Money(int64(v.Spend)), Of: l.OfBudget(l.MoneyShort(int64(*limit))),
			Meter: ui.Meter{Percent: share, Label: l.BudgetUsed(int64(share))},
		}
		b.Note = runsOut(l, v)
		if v.ResetsAt != nil && body.Reset == "" {
			body.Reset = l.ResetOn(l.LongDate(v.ResetsAt.Time))
		}
		if len(body.Budgets) < topSeries {
			body.Budgets = append(body.Budgets, b)
		}
		monthly := textOf(v.Team.BudgetDuration) == "30d" || textOf(v.Team.BudgetDuration) == "1mo"
		if q.ID != "" && monthly && s.measure == bySpend && stepOf(s.at.count()) == "day" {
			const daysOfMonth = 30
			chart.Pace, chart.PaceSay = int64(*limit)/daysOfMonth, l.PaceFor(l.MoneyShort(int64(*limit)))
		}
	}
	return nil
}

// runsOut says when a team's budget is used up at the pace of its present period, "" where it lasts until the reset.
func runsOut(l i18n.Locale, v *control.TeamView) string {
	limit, every := v.Team.MaxBudget, textOf(v.Team.BudgetDuration)
	length, err := duration.Parse(every)
	if limit == nil || v.ResetsAt == nil || err != nil || length.IsNever() || v.Spend <= 0 || v.Spend >= *limit {
		return ""
	}
	left := v.ResetsAt.Sub(l.Now)
	gone := time.Duration(length.Seconds())*time.Second - left
	if gone < dayLength || left <= 0 { // too early to speak of a pace
		return ""
	}
	lasts := time.Duration(float64(gone) * float64(*limit-v.Spend) / float64(v.Spend))
	if lasts >= left {
		return ""
	}
	return l.RunsOutIn(max(1, int64(lasts/dayLength)))
}

// usageStats are the tiles; old is the period before, nil to leave the comparison out.
func usageStats(l i18n.Locale, days []control.DaySpend, sum control.Usage, old *control.Usage) []ui.Stat {
	line := func(of func(control.Usage) int64) []float64 {
		var out []float64
		for _, d := range days {
			out = append(out, float64(of(d.Usage)))
		}
		return out
	}
	requests, allRequests := compact(l, sum.Requests)
	tokens, allTokens := compact(l, sum.Tokens())
	in, _ := compact(l, sum.PromptTokens)
	out, _ := compact(l, sum.OutputTokens)
	stats := []ui.Stat{
		{Label: l.Spend(), Value: l.Money(int64(sum.Spend)), Line: line(bySpend.of)},
		{Label: l.Requests(), Value: requests, Full: allRequests, Note: l.FailedShare(failedShare(l, sum.Failed, sum.Requests)), Line: line(byRequests.of)},
		{Label: l.Tokens(), Value: tokens, Full: allTokens, Note: l.InAndOut(in, out), Line: line(byTokens.of)},
		{Label: l.CacheHitRate(), Value: failedShare(l, sum.CacheHits, sum.Requests), Help: l.SavedResponseHelp(), Note: l.SavedAmount(l.Money(int64(sum.Saved))), Line: hitLine(days)},
	}
	if old == nil {
		return stats
	}
	stats[0].Note = l.NoEarlierPeriod()
	if old.Requests > 0 {
		stats[0].Note = l.VersusBefore(l.Money(int64(old.Spend)))
	}
	stats[0].Delta = delta(l, int64(sum.Spend), int64(old.Spend), ui.Neutral)
	stats[1].Delta = delta(l, sum.Requests, old.Requests, ui.Neutral)
	stats[2].Delta = delta(l, sum.Tokens(), old.Tokens(), ui.Neutral)
	if old.Requests > 0 && sum.Requests > 0 {
		stats[3].Delta = pointDelta(l, share(sum.CacheHits, sum.Requests)-share(old.CacheHits, old.Requests))
	}
	return stats
}

func share(part, all int64) float64 {
	if all == 0 {
		return 0
	}
	return float64(part) * 100 / float64(all)
}

// hitLine is the share of calls that the response cache answered, by day; nil while it answered none.
func hitLine(days []control.DaySpend) []float64 {
	var out []float64
	some := false
	for _, d := range days {
		out = append(out, share(d.Usage.CacheHits, d.Usage.Requests))
		some = some || d.Usage.CacheHits > 0
	}
	if !some {
		return nil
	}
	return out
}

// pointDelta is a change of a share, in percentage points; nil where it does not show.
func pointDelta(l i18n.Locale, change float64) *ui.Delta {
	points := math.Round(math.Abs(change)*10) / 10
	if points == 0 {
		return nil
	}
	return &ui.Delta{Text: l.Points(strconv.FormatFloat(points, 'f', -1, 64)), Down: change < 0, Tone: ui.Neutral}
}

// delta is a change to the period before; nil where there is nothing to compare with.
func delta(l i18n.Locale, now, before int64, tone ui.Tone) *ui.Delta {
	if before <= 0 || now == before {
		return nil
	}
	change := float64(now-before) * 100 / float64(before)
	d := &ui.Delta{Text: l.Percent(change), Tone: tone}
	if change < 0 {
		d.Text, d.Down = l.Percent(-change), true
	}
	return d
}
