package control

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"gatehouse/app/access"
	"gatehouse/models"
	"gatehouse/models/fault"
	"gatehouse/models/store"
)

// Spend reports what was spent. Every report covers what the caller may see and no more, and reads daily aggregates, never
// the ledger, but for Logs and Log.
type Spend struct{ base }

// maxDays bounds a report; a longer one is asked for in parts.
const maxDays = 1100

func ownSpendOnly() error {
	return fault.New(fault.Forbidden, "Non-admin users can only view their own spend data.").WithType("auth_error")
}

// scope is what the actor sees of spend. Asking for somebody else's, or for a team one is not in, is refused rather than
// answered with nothing.
func (s *Spend) scope(who access.Actor, q *SpendQuery) (store.Scope, error) {
	f, err := access.Scope(who, access.SpendRead)
	if err != nil {
		return store.Scope{}, err
	}
	if who.SeesAll() {
		return visible(f), nil
	}
	for _, id := range append(slices.Clone(q.UserIDs), q.UserID) {
		if id != "" && id != who.UserID {
			return store.Scope{}, ownSpendOnly()
		}
	}
	for _, id := range append(slices.Clone(q.Teams), q.TeamID) {
		if id != "" && who.Teams[id] == "" {
			return store.Scope{}, ownSpendOnly()
		}
	}
	if len(q.Orgs) > 0 {
		return store.Scope{}, ownSpendOnly()
	}
	return visible(f), nil
}

// noSuchID matches no row: what a filter becomes that names a key nobody has.
const noSuchID = "\x1fnone"

// filter turns a query into the store's words. needDays asks for both dates.
func (s *Spend) filter(ctx context.Context, who access.Actor, q *SpendQuery, needDays bool) (store.ReportFilter, error) {
	if err := s.gate(ctx, who, access.SpendRead); err != nil {
		return store.ReportFilter{}, err
	}
	scope, err := s.scope(who, q)
	if err != nil {
		return store.ReportFilter{}, err
	}
	f := store.ReportFilter{
		Visible: scope, UserIDs: withOne(q.UserIDs, q.UserID), TeamIDs: withOne(q.Teams, q.TeamID), OrgIDs: q.Orgs,
		EndUsers: withOne(q.EndUsers, q.EndUser), ModelGroups: withOne(nil, q.Model), Providers: withOne(nil, q.Provider),
	}
	if f.From, f.To, err = s.days(q, needDays); err != nil {
		return f, err
	}
	if q.Key != "" {
		id, err := s.keyID(ctx, q.Key)
		if err != nil {
			return f, err
		}
		f.KeyIDs = []string{id}
	}
	return f, nil
}

func withOne(list []string, one string) []string {
	if one == "" {
		return list
	}
	return append(slices.Clone(list), one)
}

// keyID finds the id of a key that a query names, live or gone.
func (s *Spend) keyID(ctx context.Context, ref string) (string, error) {
	r, err := parseRef(ref)
	if err != nil {
		return "", err
	}
	if r.id != "" {
		return r.id, nil
	}
	key, err := s.Store.KeyByHash(ctx, r.hash)
	if err == nil {
		return key.ID, nil
	}
	if !absent(err) {
		return "", err
	}
	gone, err := s.Store.ArchivedKeys(ctx, []string{r.hash})
	if err != nil || len(gone) == 0 {
		return noSuchID, err
	}
	return gone[0].ID, nil
}

// days reads the two dates of a query; both are inclusive. Of a time only its date counts: reports are by day.
func (s *Spend) days(q *SpendQuery, needed bool) (from, to string, err error) {
	if q.StartDate == "" && q.EndDate == "" && !needed {
		return "", "", nil
	}
	if q.StartDate == "" || q.EndDate == "" {
		return "", "", fault.BadField("start_date", "Please provide start_date and end_date")
	}
	a, err := models.ParseTime(q.StartDate)
	if err != nil {
		return "", "", fault.BadField("start_date", "start_date: %v", err)
	}
	b, err := models.ParseTime(q.EndDate)
	if err != nil {
		return "", "", fault.BadField("end_date", "end_date: %v", err)
	}
	if b.Day < a.Day {
		return "", "", fault.BadField("end_date", "end_date lies before start_date")
	}
	if b.Instant.Sub(a.Instant) > maxDays*24*time.Hour {
		return "", "", fault.BadField("start_date", "a report covers at most %d days", maxDays)
	}
	return a.Day, b.Day, nil
}

// usage turns sums into the words of this package.
func usage(m store.Metrics) Usage { return Usage(m) }

// span lists the days from one date to another, both included.
func span(from, to string) []string {
	a, errA := time.Parse(time.DateOnly, from)
	b, errB := time.Parse(time.DateOnly, to)
	var days []string
	for d := a; errA == nil && errB == nil && !d.After(b); d = d.AddDate(0, 0, 1) {
		days = append(days, d.Format(time.DateOnly))
	}
	return days
}

// Days is usage by day, zero-filled, oldest first.
func (s *Spend) Days(ctx context.Context, who access.Actor, q SpendQuery) ([]DaySpend, error) {
	f, err := s.filter(ctx, who, &q, true)
	if err != nil {
		return nil, err
	}
	rows, err := s.Store.Report(ctx, f, store.ByDay)
	if err != nil {
		return nil, err
	}
	at := map[string]Usage{}
	for _, r := range rows {
		at[r.Day] = usage(r.Metrics)
	}
	return fillDays(f, at), nil
}

func fillDays(f store.ReportFilter, at map[string]Usage) []DaySpend {
	out := []DaySpend{}
	for _, day := range span(f.From, f.To) {
		out = append(out, DaySpend{Date: day, Usage: at[day]})
	}
	return out
}

// limit is how many rows a cut gives.
func limit(q *SpendQuery, standard int) (int, error) {
	if q.Limit == nil {
		return standard, nil
	}
	if *q.Limit < 1 {
		return 0, fault.New(fault.Unprocessable, "limit must be at least 1").WithParam("limit")
	}
	return min(*q.Limit, store.MaxPage), nil
}

// Top is usage cut by one dimension, highest spend first; q.Limit bounds it (100 without one). Errors: Invalid for an
// unknown dimension.
func (s *Spend) Top(ctx context.Context, who access.Actor, by Dimension, q SpendQuery) ([]Slice, error) {
	f, err := s.filter(ctx, who, &q, false)
	if err != nil {
		return nil, err
	}
	most, err := limit(&q, 100)
	if err != nil {
		return nil, err
	}
	if by == ByTag {
		rows, err := s.Store.TopTags(ctx, f, q.Tags, most)
		out := make([]Slice, len(rows))
		for i, r := range rows {
			out[i] = Slice{Value: r.Tag, Label: r.Tag, Usage: tagUsage(r)}
		}
		return out, err
	}
	rows, err := s.Store.TopSpend(ctx, f, store.Dimension(by), most)
	if err != nil {
		return nil, err
	}
	out := make([]Slice, len(rows))
	for i := range rows {
		out[i] = Slice{Value: valueOf(by, &rows[i]), Usage: usage(rows[i].Metrics)}
	}
	return out, s.label(ctx, by, pointers(out))
}

func tagUsage(r store.TagRow) Usage {
	return Usage{Spend: r.Spend, PromptTokens: r.Tokens, Requests: r.Requests, Failed: r.Failed}
}

func pointers(list []Slice) []*Slice {
	out := make([]*Slice, len(list))
	for i := range list {
		out[i] = &list[i]
	}
	return out
}

func valueOf(by Dimension, r *store.ReportRow) string {
	switch by {
	case ByKey:
		return r.KeyID
	case ByUser:
		return r.UserID
	case ByTeam:
		return r.TeamID
	case ByOrg:
		return r.OrgID
	case ByEndUser:
		return r.EndUser
	case ByModel:
		return r.Model
	case ByModelGroup:
		return r.ModelGroup
	case ByProvider:
		return r.Provider
	case ByTag:
	}
	return ""
}

// label gives slices the names that people know: of keys also the hash and the team.
func (s *Spend) label(ctx context.Context, by Dimension, list []*Slice) error {
	var ids []string
	seen := make(map[string]bool, len(list)) // a report by day names every key once a day
	for _, one := range list {
		if one.Value != "" && !seen[one.Value] {
			seen[one.Value] = true
			ids = append(ids, one.Value)
		}
	}
	names := map[string]string{}
	switch by {
	case ByKey:
		keys, err := s.Store.KeyNames(ctx, ids)
		if err != nil {
			return err
		}
		for _, one := range list {
			k := keys[one.Value]
			one.Label, one.Hash, one.Team = deref(k.Alias), k.Hash, deref(k.TeamID)
			if one.Hash == "" { // booked before the key was known here
				one.Hash = one.Value
			}
		}
		return nil
	case ByTeam:
		var err error
		if names, err = teamNames(ctx, s.Store, ids); err != nil {
			return err
		}
	case ByUser:
		users, err := usersByID(ctx, s.Store, ids)
		if err != nil {
			return err
		}
		for id, u := range users {
			if names[id] = deref(u.Email); names[id] == "" {
				names[id] = deref(u.Alias)
			}
		}
	case ByOrg:
		orgs, err := s.Store.ListOrganizations(ctx, "")
		if err != nil {
			return err
		}
		for i := range orgs {
			names[orgs[i].ID] = deref(orgs[i].Alias)
		}
	case ByModel, ByModelGroup, ByProvider, ByEndUser, ByTag:
		return nil
	}
	for _, one := range list {
		one.Label = names[one.Value]
	}
	return nil
}

// Tags is the tags by spend; a call with two tags counts in both.
func (s *Spend) Tags(ctx context.Context, who access.Actor, q SpendQuery) ([]TagSpend, error) {
	f, err := s.filter(ctx, who, &q, false)
	if err != nil {
		return nil, err
	}
	most, err := limit(&q, store.MaxPage)
	if err != nil {
		return nil, err
	}
	rows, err := s.Store.TopTags(ctx, f, q.Tags, most)
	out := make([]TagSpend, len(rows))
	for i, r := range rows {
		out[i] = TagSpend{Tag: r.Tag, Calls: r.Requests, Spend: r.Spend}
	}
	return out, err
}

// Keys is the keys by spend (/spend/keys), at most 1000.
func (s *Spend) Keys(ctx context.Context, who access.Actor) ([]KeyView, error) {
	scope, err := access.Scope(who, access.SpendRead)
	if err != nil {
		return nil, err
	}
	keys := Keys{base: s.base}
	views, _, err := keys.liveKeys(ctx, store.KeyFilter{Visible: visible(scope)}, store.Page{Number: 1, Size: store.MaxPage, Sort: "spend", Desc: true})
	return views, err
}

// Users is the people by spend (/spend/users), at most 1000; people who are no admins see themselves.
func (s *Spend) Users(ctx context.Context, who access.Actor, userID string) ([]UserView, error) {
	q := SpendQuery{UserID: userID}
	if _, err := s.filter(ctx, who, &q, false); err != nil {
		return nil, err
	}
	f := store.UserFilter{IDs: withOne(nil, userID)}
	if !who.SeesAll() {
		f.IDs = []string{who.UserID}
	}
	rows, _, err := s.Store.ListUsers(ctx, f, store.Page{Number: 1, Size: store.MaxPage, Sort: "spend", Desc: true})
	if err != nil {
		return nil, err
	}
	users := make([]models.User, len(rows))
	for i := range rows {
		users[i] = rows[i].User
	}
	return s.userViews(ctx, s.Store, users)
}

// Total is /global/spend: what the caller sees spent, and the budget over everything where there is one.
func (s *Spend) Total(ctx context.Context, who access.Actor) (spent models.Nano, most *models.Nano, err error) {
	f, err := s.filter(ctx, who, &SpendQuery{}, false)
	if err != nil {
		return 0, nil, err
	}
	total, err := s.Store.TotalSpend(ctx, f)
	if b := s.policy().LiteLLM.MaxBudget; b != nil && *b > 0 && who.SeesAll() {
		most = b
	}
	return total.Spend, most, err
}

// Cost says what a call would cost, by the usage of a finished one or by an estimate of four characters a token. Errors:
// Invalid for a model without a known price.
func (s *Spend) Cost(ctx context.Context, who access.Actor, in CostInput) (models.Nano, error) {
	if err := s.gate(ctx, who, access.ModelRead); err != nil {
		return 0, err
	}
	var done struct {
		Model string `json:"model"`
		Usage struct {
			Prompt int64 `json:"prompt_tokens"`
			Output int64 `json:"completion_tokens"`
		} `json:"usage"`
	}
	if len(in.Completion) > 0 && string(in.Completion) != "null" {
		if err := json.Unmarshal(in.Completion, &done); err != nil {
			return 0, fault.BadField("completion_response", "completion_response cannot be read")
		}
	}
	if in.Model == "" {
		in.Model = done.Model
	}
	if in.Model == "" {
		return 0, fault.BadField("model", "Bad Request - Either 'model' or 'completion_response' must be provided")
	}
	if done.Usage.Prompt < 0 || done.Usage.Output < 0 {
		return 0, fault.BadField("completion_response", "tokens cannot be negative")
	}
	if done.Usage.Prompt == 0 && len(in.Messages) > 0 {
		const bytesPerToken = 4
		done.Usage.Prompt = int64(len(in.Messages)+bytesPerToken-1) / bytesPerToken
	}
	cost, priced := s.Models.Cost(in.Model, done.Usage.Prompt, done.Usage.Output)
	if !priced {
		return 0, fault.BadField("model", "No price is known for model=%s", in.Model)
	}
	return cost, nil
}

// ResetAll sets the spend of all keys and teams to zero; logs stay. For the master key alone.
func (s *Spend) ResetAll(ctx context.Context, who access.Actor) error {
	if err := s.gate(ctx, who, access.SpendResetAll); err != nil {
		return err
	}
	var scopes []string
	err := s.change(ctx, who, access.SpendResetAll, "", func(tx *store.Store) error {
		var err error
		if scopes, err = tx.ResetSpendOf(ctx, "key", "team"); err != nil {
			return err
		}
		return s.audit(ctx, tx, who, access.SpendResetAll, "", map[string]any{"scopes": strconv.Itoa(len(scopes))}, nil)
	})
	if err != nil {
		return err
	}
	for _, scope := range scopes {
		s.Ledger.Reset(scope, 0)
	}
	return nil
}
