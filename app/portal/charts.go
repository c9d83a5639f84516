package portal

import (
	"slices"
	"time"

	"github.com/gofiber/fiber/v2"

	"gatehouse/app/control"
	"gatehouse/app/web"
	"gatehouse/views/i18n"
	"gatehouse/views/ui"
)

// measure is what a chart counts.
type measure string

// The measures, in the words of the URL.
const (
	bySpend    measure = "spend"
	byRequests measure = "requests"
	byTokens   measure = "tokens"
)

func readMeasure(text string) measure {
	if m := measure(text); m == byRequests || m == byTokens {
		return m
	}
	return bySpend
}

func (m measure) of(u control.Usage) int64 {
	switch m {
	case byRequests:
		return u.Requests
	case byTokens:
		return u.Tokens()
	case bySpend:
	}
	return int64(u.Spend)
}

// dates is a range of days in the reporting zone, both inclusive.
type dates struct{ from, to time.Time }

func (d dates) query() control.SpendQuery {
	return control.SpendQuery{StartDate: day(d.from), EndDate: day(d.to)}
}

// lastDays is the last n days with today.
func lastDays(l i18n.Locale, n int) dates {
	t := today(l)
	return dates{from: t.AddDate(0, 0, 1-n), to: t}
}

// count is the number of days, whatever the clocks did in between.
func (d dates) count() int {
	utc := func(t time.Time) time.Time { return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC) }
	return int(utc(d.to).Sub(utc(d.from))/dayLength) + 1
}

// before is the range of the same length right before.
func (d dates) before() dates {
	n := d.count()
	return dates{from: d.from.AddDate(0, 0, -n), to: d.from.AddDate(0, 0, -1)}
}

// topSeries is how many parts a bar has besides "Other", topMost how many values a ranking asks for.
const (
	topSeries = 5
	topMost   = 100
)

// breakdown is usage by day, with the largest values of one dimension apart.
type breakdown struct {
	days []control.DaySpend
	top  []control.Slice // largest first; may hold more than the chart shows
	part map[string][]control.DaySpend
	by   control.Dimension
}

// breakDown loads a breakdown in three queries and one for names.
func (h *Handlers) breakDown(c *fiber.Ctx, by control.Dimension, q control.SpendQuery, most int) (breakdown, error) {
	ctx, actor := c.UserContext(), web.Actor(c)
	b := breakdown{by: by}
	var err error
	if b.days, err = h.Spend.Days(ctx, actor, q); err != nil {
		return b, err
	}
	q.Limit = &most
	if b.top, err = h.Spend.Top(ctx, actor, by, q); err != nil {
		return b, err
	}
	q.Limit = nil
	var values []string
	for _, s := range b.top[:min(len(b.top), topSeries)] {
		values = append(values, s.Value)
	}
	b.part, err = h.Spend.DaysOf(ctx, actor, by, values, q)
	return b, err
}

func total(days []control.DaySpend) control.Usage {
	var sum control.Usage
	for _, d := range days {
		sum.Add(d.Usage)
	}
	return sum
}

// chart draws the breakdown: the largest values and "Other". The last bar is not over yet when it holds today.
func (b breakdown) chart(l i18n.Locale, id, title string, m measure) ui.ChartData {
	bars := groupDays(l, b.days)
	d := ui.ChartData{ID: id, Title: title, First: bars.head(l), Empty: l.NoUsage(), Days: bars.labels}
	if m != bySpend {
		d.Measure = ui.MeasureNumber
	}
	rest := bars.sum(b.days, m)
	shown := slices.Clone(b.top[:min(len(b.top), topSeries)])
	slices.SortStableFunc(shown, func(x, y control.Slice) int { return compareInt(m.of(y.Usage), m.of(x.Usage)) })
	colour := 1
	for _, s := range shown {
		values := bars.sum(b.part[s.Value], m)
		empty := true
		for i, v := range values {
			rest[i] -= v
			empty = empty && v == 0
		}
		if empty {
			continue
		}
		d.Series = append(d.Series, ui.ChartSeries{Name: sliceName(l, b.by, s), Colour: colour, Values: values})
		colour++
	}
	other := false
	for i, v := range rest {
		rest[i] = max(v, 0) // calls with two tags count twice
		other = other || rest[i] > 0
	}
	if other {
		name := l.Other()
		if len(d.Series) == 0 {
			name = l.Total()
		}
		d.Series = append(d.Series, ui.ChartSeries{Name: name, Colour: 6, Values: rest})
	}
	return d
}

func compareInt(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// sliceName is a value of a dimension as people know it.
func sliceName(l i18n.Locale, by control.Dimension, s control.Slice) string {
	switch {
	case s.Label != "":
		return s.Label
	case s.Value == "" && by == control.ByTeam:
		return l.Unassigned()
	case s.Value == "":
		return l.NotKnown()
	}
	return s.Value
}

// bars groups days into what one bar of a chart stands for.
type bars struct {
	labels []ui.ChartDay
	at     []int // which bar a day belongs to
	step   string
}

// The longest ranges that are drawn by day and by week.
const (
	longestByDay  = 31
	longestByWeek = 190
)

func stepOf(n int) string {
	switch {
	case n <= longestByDay:
		return "day"
	case n <= longestByWeek:
		return "week"
	}
	return "month"
}

func groupDays(l i18n.Locale, days []control.DaySpend) bars {
	b := bars{step: stepOf(len(days))}
	now := day(today(l))
	zone := today(l).Location()
	last := ""
	for _, d := range days {
		at, err := time.ParseInLocation(time.DateOnly, d.Date, zone)
		if err != nil {
			at = l.Now
		}
		key, short, long := d.Date, l.Day(at), l.LongDay(at)
		switch b.step {
		case "week":
			monday := at.AddDate(0, 0, -(int(at.Weekday())+6)%7)
			key, short, long = day(monday), l.Day(monday), l.Range(monday, monday.AddDate(0, 0, 6))
		case "month":
			key, short, long = at.Format("2006-01"), l.Month(at), l.Month(at)
		}
		if key != last {
			b.labels = append(b.labels, ui.ChartDay{Short: short, Long: long})
			last = key
		}
		if d.Date == now {
			b.labels[len(b.labels)-1].Partial = true
		}
		b.at = append(b.at, len(b.labels)-1)
	}
	return b
}

func (b bars) head(l i18n.Locale) string {
	switch b.step {
	case "week":
		return l.WeekHead()
	case "month":
		return l.MonthHead()
	}
	return l.DayHead()
}

func (b bars) stepName(l i18n.Locale) string {
	switch b.step {
	case "week":
		return l.StepWeek()
	case "month":
		return l.StepMonth()
	}
	return l.StepDay()
}

func (b bars) sum(days []control.DaySpend, m measure) []int64 {
	out := make([]int64, len(b.labels))
	for i, d := range days {
		if i < len(b.at) {
			out[b.at[i]] += m.of(d.Usage)
		}
	}
	return out
}

// chartTitle is "Spend per day".
func chartTitle(l i18n.Locale, m measure, b bars) string {
	switch m {
	case byRequests:
		return l.RequestsPer(b.stepName(l))
	case byTokens:
		return l.TokensPer(b.stepName(l))
	case bySpend:
	}
	return l.SpendPer(b.stepName(l))
}

// plainChart draws spend by day without parts.
func plainChart(l i18n.Locale, id, title string, days []control.DaySpend) ui.ChartData {
	b := groupDays(l, days)
	d := ui.ChartData{ID: id, Title: title, First: b.head(l), Empty: l.NoUsage(), Days: b.labels}
	if values := b.sum(days, bySpend); slices.ContainsFunc(values, func(v int64) bool { return v > 0 }) {
		d.Series = []ui.ChartSeries{{Name: l.Spend(), Colour: 1, Values: values}}
	}
	return d
}

// ranking turns slices into rows: the first most of them, and what is left of all together.
func ranking(l i18n.Locale, by control.Dimension, top []control.Slice, all control.Usage, most int, href func(control.Slice) string) []ui.RankRow {
	rows := []ui.RankRow{}
	var shown control.Usage
	for i, s := range top {
		if i == most || s.Usage.Spend <= 0 {
			break
		}
		shown.Add(s.Usage)
		rows = append(rows, ui.RankRow{
			Name: sliceName(l, by, s), Href: href(s), Share: percent(s.Usage.Spend, max(top[0].Usage.Spend, 1)),
			Part: l.Percent(percent(s.Usage.Spend, max(all.Spend, 1))), Value: l.Money(int64(s.Usage.Spend)),
		})
	}
	if left := all.Spend - shown.Spend; left > 0 && len(rows) > 0 {
		rest := ui.RankRow{
			Name: l.Other(), Share: min(100, percent(left, max(top[0].Usage.Spend, 1))), Part: l.Percent(percent(left, max(all.Spend, 1))),
			Value: l.Money(int64(left)), Rest: true,
		}
		if more := len(top) - len(rows); by == control.ByKey && more > 0 && len(top) < topMost {
			rest.Name = l.MoreKeys(int64(more))
		}
		rows = append(rows, rest)
	}
	return rows
}
