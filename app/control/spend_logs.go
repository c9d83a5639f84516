package control

import (
	"context"
	"strconv"
	"strings"
	"time"

	"gatehouse/app/access"
	"gatehouse/models"
	"gatehouse/models/fault"
	"gatehouse/models/store"
)

// Logs is a page of the ledger, newest first; at most 1000 rows a page. With q.Cursor it goes on from there and counts
// nothing. Errors: Forbidden for the calls of others.
func (s *Spend) Logs(ctx context.Context, who access.Actor, q SpendQuery) (*LogPage, error) {
	if err := s.gate(ctx, who, access.SpendRead); err != nil {
		return nil, err
	}
	scope, err := s.scope(who, &q)
	if err != nil {
		return nil, err
	}
	size := q.Size
	if size == 0 && q.Limit != nil {
		size = *q.Limit
	}
	p, err := page(q.Page, size, 100, store.MaxPage)
	if err != nil {
		return nil, err
	}
	sq := store.SpendQuery{
		Visible: scope, CallID: q.RequestID, UserID: q.UserID, TeamID: q.TeamID, EndUser: q.EndUser, Model: q.Model, Provider: q.Provider,
		KeyAlias: q.KeyAlias, Status: q.Status, Page: p, Counts: q.Cursor == "" && !q.Uncounted,
	}
	if q.Key != "" {
		if sq.KeyID, err = s.keyID(ctx, q.Key); err != nil {
			return nil, err
		}
	}
	if err := s.logTimes(&q, &sq); err != nil {
		return nil, err
	}
	if sq.MinSpend, err = amount("min_spend", q.MinSpend); err != nil {
		return nil, err
	}
	if sq.MaxSpend, err = amount("max_spend", q.MaxSpend); err != nil {
		return nil, err
	}
	if sq.After, err = readCursor(q.Cursor); err != nil {
		return nil, err
	}
	if len(q.Tags) > 0 {
		sq.Tag = q.Tags[0]
	}
	found, err := s.Store.ListSpend(ctx, sq)
	if err != nil {
		return nil, err
	}
	out := &LogPage{Total: int(found.Total), Page: p.Number, Size: p.Size}
	if found.More {
		last := found.Rows[len(found.Rows)-1]
		out.Next = strconv.FormatInt(last.StartedAt.Micros(), 10) + "." + last.ID
	}
	out.Rows, err = s.logRows(ctx, found.Rows)
	return out, err
}

// logTimes reads dates (whole days of the reporting zone, both inclusive) and times (UTC, end exclusive of the next second).
func (s *Spend) logTimes(q *SpendQuery, sq *store.SpendQuery) error {
	zone := s.policy().Zone()
	for _, end := range []struct {
		name, text string
		dst        *models.Time
		last       bool
	}{{"start_date", q.StartDate, &sq.From, false}, {"end_date", q.EndDate, &sq.To, true}} {
		if end.text == "" {
			continue
		}
		at, err := models.ParseTime(end.text)
		if err != nil {
			return fault.BadField(end.name, "%s: %v", end.name, err)
		}
		switch {
		case at.Whole:
			y, m, d := at.Instant.Date()
			if end.last {
				d++
			}
			*end.dst = models.At(time.Date(y, m, d, 0, 0, 0, 0, zone))
		case end.last:
			*end.dst = models.At(at.Instant.Add(time.Second))
		default:
			*end.dst = models.At(at.Instant)
		}
	}
	return nil
}

// amount reads a sum of dollars out of a query.
func amount(name string, v *float64) (*models.Nano, error) {
	if v == nil {
		return nil, nil //nolint:nilnil // no bound
	}
	n, err := models.ParseNano(strconv.FormatFloat(*v, 'f', -1, 64))
	if err != nil {
		return nil, fault.BadField(name, "%s: %v", name, err)
	}
	return &n, nil
}

func readCursor(text string) (*store.Cursor, error) {
	if text == "" {
		return nil, nil //nolint:nilnil // the first page
	}
	at, id, found := strings.Cut(text, ".")
	us, err := strconv.ParseInt(at, 10, 64)
	if !found || err != nil || id == "" {
		return nil, fault.BadField("cursor", "this cursor is not one of ours")
	}
	return &store.Cursor{StartedAt: models.FromMicros(us), ID: id}, nil
}

// logRows adds the names that readers want, in three queries however many rows there are.
func (s *Spend) logRows(ctx context.Context, rows []models.SpendRow) ([]LogRow, error) {
	var keys, teams, users []string
	for i := range rows {
		keys, teams, users = append(keys, rows[i].KeyID), append(teams, rows[i].TeamID), append(users, rows[i].UserID)
	}
	out := make([]LogRow, len(rows))
	if len(rows) == 0 {
		return out, nil
	}
	names, err := s.Store.KeyNames(ctx, keys)
	if err != nil {
		return nil, err
	}
	aliases, err := teamNames(ctx, s.Store, teams)
	if err != nil {
		return nil, err
	}
	people, err := usersByID(ctx, s.Store, users)
	if err != nil {
		return nil, err
	}
	for i := range rows {
		out[i] = LogRow{SpendRow: rows[i], KeyAlias: deref(names[rows[i].KeyID].Alias), TeamAlias: aliases[rows[i].TeamID]}
		if u := people[rows[i].UserID]; u != nil {
			out[i].UserEmail = deref(u.Email)
		}
	}
	return out, nil
}

// Log is one call. Errors: NotFound, also where the caller may not see it.
func (s *Spend) Log(ctx context.Context, who access.Actor, id string) (*LogRow, error) {
	if err := s.gate(ctx, who, access.SpendRead); err != nil {
		return nil, err
	}
	scope, err := s.scope(who, &SpendQuery{})
	if err != nil {
		return nil, err
	}
	row, err := s.Store.SpendRecord(ctx, scope, id)
	if err != nil {
		return nil, err
	}
	rows, err := s.logRows(ctx, []models.SpendRow{*row})
	if err != nil {
		return nil, err
	}
	return &rows[0], nil
}

// Words is what was asked and answered in a call, empty where nothing was kept. Errors: those of Log.
func (s *Spend) Words(ctx context.Context, who access.Actor, id string) (*models.SpendBody, error) {
	if _, err := s.Log(ctx, who, id); err != nil {
		return nil, err
	}
	body, err := s.Store.SpendBody(ctx, id)
	if absent(err) {
		return &models.SpendBody{ID: id}, nil
	}
	return body, err
}
