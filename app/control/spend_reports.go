package control

import (
	"cmp"
	"context"
	"slices"

	"gatehouse/app/access"
	"gatehouse/models"
	"gatehouse/models/fault"
	"gatehouse/models/store"
)

// Activity is usage by day with cuts, newest day first (/user, /team, /organization, /customer, /tag daily activity);
// entity says what the report is about. A page is so many days.
func (s *Spend) Activity(ctx context.Context, who access.Actor, entity Dimension, q SpendQuery) (*Activity, error) {
	f, err := s.filter(ctx, who, &q, true)
	if err != nil {
		return nil, err
	}
	p, err := page(q.Page, q.Size, 50, 1000)
	if err != nil {
		return nil, err
	}
	if entity == ByTag {
		return s.tagActivity(ctx, f, q.Tags, p)
	}
	rows, err := s.Store.Report(ctx, f, store.ByDay)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(rows, func(a, b store.ReportRow) int { return cmp.Compare(b.Day, a.Day) })
	out := &Activity{Page: p.Number, Pages: (len(rows) + p.Size - 1) / p.Size}
	for _, r := range rows {
		out.Total.Add(usage(r.Metrics))
	}
	from := min((p.Number-1)*p.Size, len(rows))
	for _, r := range rows[from:min(from+p.Size, len(rows))] {
		out.Days = append(out.Days, Day{Date: r.Day, Usage: usage(r.Metrics), Cuts: map[Dimension][]Slice{}})
	}
	if len(out.Days) == 0 {
		return out, nil
	}
	f.From, f.To = out.Days[len(out.Days)-1].Date, out.Days[0].Date
	cuts := []Dimension{ByModel, ByModelGroup, ByProvider, ByKey}
	if !slices.Contains(cuts, entity) {
		cuts = append(cuts, entity)
	}
	return out, s.cut(ctx, f, cuts, out.Days)
}

// cut fills dimensions of every day, each value with its usage by key. The aggregates are read once, however many
// dimensions there are.
func (s *Spend) cut(ctx context.Context, f store.ReportFilter, by []Dimension, days []Day) error {
	dimensions := []store.Dimension{store.ByDay, store.ByKey}
	for _, d := range by {
		if d != ByKey {
			dimensions = append(dimensions, store.Dimension(d))
		}
	}
	rows, err := s.Store.Report(ctx, f, dimensions...)
	if err != nil {
		return err
	}
	at := map[string]*Day{}
	for i := range days {
		at[days[i].Date] = &days[i]
	}
	cells := newCells()
	for i := range rows {
		if day := at[rows[i].Day]; day != nil {
			for _, d := range by {
				cells.add(day, d, &rows[i])
			}
		}
	}
	var keys []*Slice
	for _, d := range by {
		var values []*Slice
		for i := range days {
			list := days[i].Cuts[d]
			sortSlices(list)
			for j := range list {
				sortSlices(list[j].Keys)
				values = append(values, &list[j])
				keys = append(keys, pointers(list[j].Keys)...)
			}
		}
		if d == ByKey {
			keys = append(keys, values...)
		} else if err := s.label(ctx, d, values); err != nil {
			return err
		}
	}
	return s.label(ctx, ByKey, keys)
}

func sortSlices(list []Slice) {
	slices.SortFunc(list, func(a, b Slice) int { return cmp.Compare(a.Value, b.Value) })
}

// cells knows where in the cuts of a day a value stands, and under it a key.
type cells struct {
	values map[cell]int
	keys   map[cellKey]int
}

type cell struct {
	day   *Day
	by    Dimension
	value string
}

type cellKey struct {
	cell
	key string
}

func newCells() *cells { return &cells{values: map[cell]int{}, keys: map[cellKey]int{}} }

// add counts one row of the aggregates in one dimension of its day.
func (c *cells) add(day *Day, by Dimension, r *store.ReportRow) {
	where := cell{day, by, valueOf(by, r)}
	i, seen := c.values[where]
	if !seen {
		i = len(day.Cuts[by])
		c.values[where] = i
		day.Cuts[by] = append(day.Cuts[by], Slice{Value: where.value})
	}
	one := &day.Cuts[by][i]
	one.Usage.Add(usage(r.Metrics))
	if by == ByKey {
		return
	}
	under := cellKey{where, r.KeyID}
	j, seen := c.keys[under]
	if !seen {
		j = len(one.Keys)
		c.keys[under] = j
		one.Keys = append(one.Keys, Slice{Value: r.KeyID})
	}
	one.Keys[j].Usage.Add(usage(r.Metrics))
}

// tagActivity is Activity over tags, whose aggregate keeps fewer figures.
func (s *Spend) tagActivity(ctx context.Context, f store.ReportFilter, tags []string, p store.Page) (*Activity, error) {
	rows, err := s.Store.DailyTags(ctx, f, tags)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(rows, func(a, b store.TagRow) int { return cmp.Compare(b.Day, a.Day) })
	out := &Activity{Page: p.Number}
	var days []Day
	for _, r := range rows {
		if len(days) == 0 || days[len(days)-1].Date != r.Day {
			days = append(days, Day{Date: r.Day, Cuts: map[Dimension][]Slice{}})
		}
		day, u := &days[len(days)-1], tagUsage(r)
		day.Usage.Add(u)
		day.Cuts[ByTag] = append(day.Cuts[ByTag], Slice{Value: r.Tag, Label: r.Tag, Usage: u})
		out.Total.Add(u)
	}
	out.Pages = (len(days) + p.Size - 1) / p.Size
	from := min((p.Number-1)*p.Size, len(days))
	out.Days = days[from:min(from+p.Size, len(days))]
	return out, nil
}

// Report is Top for each day, oldest first (/global/spend/report). Errors: Invalid for an unknown dimension.
func (s *Spend) Report(ctx context.Context, who access.Actor, by Dimension, q SpendQuery) ([]Day, error) {
	f, err := s.filter(ctx, who, &q, true)
	if err != nil {
		return nil, err
	}
	if by == ByTag || store.Dimension(by) == store.ByDay {
		return nil, fault.BadField("group_by", "%q is nothing that this report can be grouped by", string(by))
	}
	rows, err := s.Store.Report(ctx, f, store.ByDay)
	if err != nil {
		return nil, err
	}
	days := make([]Day, len(rows))
	for i, r := range rows {
		days[i] = Day{Date: r.Day, Usage: usage(r.Metrics), Cuts: map[Dimension][]Slice{}}
	}
	return days, s.cut(ctx, f, []Dimension{by}, days)
}

// Summary is /spend/logs with summarize: zero-filled days, oldest first.
func (s *Spend) Summary(ctx context.Context, who access.Actor, q SpendQuery) ([]DayLog, error) {
	f, err := s.filter(ctx, who, &q, true)
	if err != nil {
		return nil, err
	}
	out := []DayLog{}
	at := map[string]int{}
	for _, day := range span(f.From, f.To) {
		at[day] = len(out)
		out = append(out, DayLog{Date: day, Users: map[string]models.Nano{}, Models: map[string]models.Nano{}, Keys: map[string]models.Nano{}})
	}
	rows, err := s.Store.Report(ctx, f, store.ByDay, store.ByKey, store.ByUser, store.ByModelGroup)
	if err != nil {
		return nil, err
	}
	keys := make([]Slice, len(rows))
	for i := range rows {
		keys[i].Value = rows[i].KeyID
	}
	if err := s.label(ctx, ByKey, pointers(keys)); err != nil {
		return nil, err
	}
	add := func(sums map[string]models.Nano, name string, spend models.Nano) {
		sums[name] = sums[name].AddSat(spend)
	}
	for i := range rows {
		r := &rows[i]
		day := &out[at[r.Day]]
		day.Spend = day.Spend.AddSat(r.Spend)
		add(day.Users, r.UserID, r.Spend)
		add(day.Models, r.ModelGroup, r.Spend)
		add(day.Keys, keys[i].Hash, r.Spend)
	}
	return out, nil
}

// Unassigned is the label of spend without a team.
const Unassigned = "Unassigned"

// topSeries is how many series the charts of /global/* show.
const topSeries = 10

// Teams is /global/spend/teams: the ten teams with the most spend, and their days, zero-filled.
func (s *Spend) Teams(ctx context.Context, who access.Actor, q SpendQuery) (*TeamSpend, error) {
	f, err := s.filter(ctx, who, &q, true)
	if err != nil {
		return nil, err
	}
	q.Limit = ptr(topSeries)
	top, err := s.Top(ctx, who, ByTeam, q)
	if err != nil {
		return nil, err
	}
	rows, err := s.Store.Report(ctx, f, store.ByDay, store.ByTeam)
	if err != nil {
		return nil, err
	}
	out := &TeamSpend{}
	name := map[string]string{}
	for i := range top {
		t := &top[i]
		switch {
		case t.Value == "":
			t.Label = Unassigned
		case t.Label == "":
			t.Label = t.Value
		}
		name[t.Value] = t.Label
		out.Teams = append(out.Teams, t.Label)
	}
	out.Totals = top
	at := map[string]map[string]models.Nano{}
	for _, r := range rows {
		if label, shown := name[r.TeamID]; shown {
			if at[r.Day] == nil {
				at[r.Day] = map[string]models.Nano{}
			}
			at[r.Day][label] = at[r.Day][label].AddSat(r.Spend)
		}
	}
	for _, day := range span(f.From, f.To) {
		out.Days = append(out.Days, TeamSpendDay{Date: day, Spend: at[day]})
	}
	return out, nil
}

// ModelDays is /global/activity/model: the ten models with the most tokens, each with its days, zero-filled.
func (s *Spend) ModelDays(ctx context.Context, who access.Actor, q SpendQuery) ([]ModelSeries, error) {
	f, err := s.filter(ctx, who, &q, true)
	if err != nil {
		return nil, err
	}
	rows, err := s.Store.Report(ctx, f, store.ByModelGroup, store.ByDay)
	if err != nil {
		return nil, err
	}
	var out []ModelSeries
	var at []map[string]Usage
	for _, r := range rows {
		if len(out) == 0 || out[len(out)-1].Model != r.ModelGroup {
			out, at = append(out, ModelSeries{Model: r.ModelGroup}), append(at, map[string]Usage{})
		}
		i := len(out) - 1
		at[i][r.Day] = usage(r.Metrics)
		out[i].Total.Add(usage(r.Metrics))
	}
	for i := range out {
		out[i].Days = fillDays(f, at[i])
	}
	slices.SortStableFunc(out, func(a, b ModelSeries) int { return cmp.Compare(b.Total.Tokens(), a.Total.Tokens()) })
	return out[:min(len(out), topSeries)], nil
}
