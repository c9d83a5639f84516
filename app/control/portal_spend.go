package control

import (
	"context"
	"time"

	"gatehouse/app/access"
	"gatehouse/models"
	"gatehouse/models/fault"
	"gatehouse/models/store"
)

// DaysOf is usage by day of some values of a dimension, zero-filled, oldest first, in one query; a value is "" for calls
// without one. Errors: Invalid for an unknown dimension.
func (s *Spend) DaysOf(ctx context.Context, who access.Actor, by Dimension, values []string, q SpendQuery) (map[string][]DaySpend, error) {
	f, err := s.filter(ctx, who, &q, true)
	out := make(map[string][]DaySpend, len(values))
	if err != nil || len(values) == 0 {
		return out, err
	}
	at := make(map[string]map[string]Usage, len(values))
	note := func(value, day string, u Usage) {
		if at[value] == nil {
			at[value] = map[string]Usage{}
		}
		at[value][day] = u
	}
	if by == ByTag {
		rows, err := s.Store.DailyTags(ctx, f, values)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			note(r.Tag, r.Day, tagUsage(r))
		}
	} else {
		if err := narrow(&f, by, values); err != nil {
			return nil, err
		}
		rows, err := s.Store.Report(ctx, f, store.ByDay, store.Dimension(by))
		if err != nil {
			return nil, err
		}
		for i := range rows {
			note(valueOf(by, &rows[i]), rows[i].Day, usage(rows[i].Metrics))
		}
	}
	for _, value := range values {
		out[value] = fillDays(f, at[value])
	}
	return out, nil
}

// narrow restricts a report to some values of one dimension.
func narrow(f *store.ReportFilter, by Dimension, values []string) error {
	switch by {
	case ByModel:
		f.Models = values
	case ByModelGroup:
		f.ModelGroups = values
	case ByProvider:
		f.Providers = values
	case ByKey:
		f.KeyIDs = values
	case ByUser:
		f.UserIDs = values
	case ByTeam:
		f.TeamIDs = values
	case ByOrg:
		f.OrgIDs = values
	case ByEndUser:
		f.EndUsers = values
	default:
		return fault.BadField("by", "%q is nothing that spend can be cut by", string(by))
	}
	return nil
}

// KeyDays is the usage of keys by day from a day on, in one query however many keys there are; days without usage are
// absent. Keys that the caller may not see are left out, so who sees a key sees what it used.
func (s *Spend) KeyDays(ctx context.Context, who access.Actor, keys []KeyView, from string) (map[string]map[string]Usage, error) {
	var ids []string
	for i := range keys {
		if access.May(who, access.KeyInfo, access.Key(&keys[i].Key)) {
			ids = append(ids, keys[i].Key.ID)
		}
	}
	out := make(map[string]map[string]Usage, len(ids))
	if len(ids) == 0 {
		return out, nil
	}
	rows, err := s.Store.Report(ctx, store.ReportFilter{Visible: store.Scope{All: true}, KeyIDs: ids, From: from}, store.ByKey, store.ByDay)
	for i := range rows {
		r := &rows[i]
		if out[r.KeyID] == nil {
			out[r.KeyID] = map[string]Usage{}
		}
		out[r.KeyID][r.Day] = usage(r.Metrics)
	}
	return out, err
}

// KeyModels is what one key used by public model name, highest spend first, with the rule of KeyDays. Days are inclusive.
func (s *Spend) KeyModels(ctx context.Context, who access.Actor, key *models.Key, from, to string) ([]Slice, error) {
	if err := access.Check(who, access.KeyInfo, access.Key(key)); err != nil {
		return nil, err
	}
	f := store.ReportFilter{Visible: store.Scope{All: true}, KeyIDs: []string{key.ID}, From: from, To: to}
	rows, err := s.Store.TopSpend(ctx, f, store.ByModelGroup, topSeries)
	out := make([]Slice, len(rows))
	for i := range rows {
		out[i] = Slice{Value: rows[i].ModelGroup, Usage: usage(rows[i].Metrics)}
	}
	return out, err
}

// recentMost is where counting the calls of a day stops.
const recentMost = 100_000

// Recent is how many calls there were since a moment, as the ledger knows.
type Recent struct {
	Known     bool // false: the ledger keeps no calls
	Capped    bool // there were more than were counted
	Requests  int64
	Failed    int64
	Providers []ProviderRecent // those with failures, most failures first
}

// ProviderRecent is one provider's part of Recent, with its last failure.
type ProviderRecent struct {
	Provider         string
	Requests, Failed int64
	Code             string
	HTTPStatus       int
	At               models.Time
}

// Recent counts what the caller sees of the calls since a moment. With failures it also names the providers that failed.
func (s *Spend) Recent(ctx context.Context, who access.Actor, since time.Time, failures bool) (*Recent, error) {
	if err := s.gate(ctx, who, access.SpendRead); err != nil {
		return nil, err
	}
	scope, err := s.scope(who, &SpendQuery{})
	if err != nil {
		return nil, err
	}
	out := &Recent{Known: !s.policy().General.NoSpendLogs}
	if !out.Known {
		return out, nil
	}
	calls, capped, err := s.Store.CallsByProvider(ctx, scope, models.At(since), recentMost)
	if err != nil {
		return nil, err
	}
	out.Capped = capped
	by := map[string]store.ProviderCalls{}
	for _, c := range calls {
		out.Requests += c.Requests
		out.Failed += c.Failed
		by[c.Provider] = c
	}
	if !failures || out.Failed == 0 {
		return out, nil
	}
	rows, err := s.Store.LastFailures(ctx, scope, models.At(since))
	for i := range rows {
		r, c := &rows[i], by[rows[i].Provider]
		out.Providers = append(out.Providers, ProviderRecent{
			Provider: r.Provider, Requests: c.Requests, Failed: c.Failed, Code: r.ErrorCode, HTTPStatus: r.HTTPStatus, At: r.StartedAt,
		})
	}
	return out, err
}

// KeyRecent counts the calls of one key since a moment, up to where counting stops; known is false where calls are not kept.
func (s *Spend) KeyRecent(ctx context.Context, who access.Actor, key *models.Key, since time.Time) (calls int64, known bool, err error) {
	if err := access.Check(who, access.KeyInfo, access.Key(key)); err != nil {
		return 0, false, err
	}
	if s.policy().General.NoSpendLogs {
		return 0, false, nil
	}
	found, _, err := s.Store.CallsByProvider(ctx, store.Scope{KeyIDs: []string{key.ID}}, models.At(since), recentMost)
	for _, c := range found {
		calls += c.Requests
	}
	return calls, true, err
}

// TagNames lists the tags of calls that the caller sees, sorted.
func (s *Spend) TagNames(ctx context.Context, who access.Actor) ([]string, error) {
	if err := s.gate(ctx, who, access.SpendRead); err != nil {
		return nil, err
	}
	scope, err := s.scope(who, &SpendQuery{})
	if err != nil {
		return nil, err
	}
	return s.Store.TagNames(ctx, scope)
}
