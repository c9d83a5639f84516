package control

import (
	"context"
	"strconv"

	"gatehouse/app/access"
	"gatehouse/models"
	"gatehouse/models/fault"
	"gatehouse/models/store"
)

// Search is List with text that must stand in the actor, the action, the object's id, the address or the request id.
func (a *Audit) Search(ctx context.Context, who access.Actor, text string, q AuditQuery) (*AuditPage, error) {
	if err := access.Check(who, access.AuditRead, access.Target{}); err != nil {
		return nil, err
	}
	f := store.AuditFilter{
		ActorID: q.Actor, Action: q.Action, ObjectType: q.ObjectType, ObjectID: q.ObjectID, Outcome: q.Outcome, Size: q.Size, Search: text,
	}
	if !q.From.IsZero() {
		f.From = models.At(q.From)
	}
	if !q.To.IsZero() {
		f.To = models.At(q.To)
	}
	if q.Before != "" {
		seq, err := strconv.ParseInt(q.Before, 10, 64)
		if err != nil || seq < 1 {
			return nil, fault.BadField("cursor", "this cursor is not one of ours")
		}
		f.Before = seq
	}
	rows, more, err := a.Store.ListAudit(ctx, f)
	if err != nil {
		return nil, err
	}
	page := &AuditPage{Rows: rows}
	if more {
		page.Next = strconv.FormatInt(rows[len(rows)-1].Seq, 10)
	}
	return page, nil
}

// Entry is one row by its place in the log. Errors: NotFound, Unauthenticated for who sees none of it.
func (a *Audit) Entry(ctx context.Context, who access.Actor, seq int64) (*models.AuditRow, error) {
	if err := access.Check(who, access.AuditRead, access.Target{}); err != nil {
		return nil, err
	}
	if seq < 1 {
		return nil, fault.New(fault.NotFound, "no such entry")
	}
	rows, _, err := a.Store.ListAudit(ctx, store.AuditFilter{Before: seq + 1, Size: 1})
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 || rows[0].Seq != seq {
		return nil, fault.New(fault.NotFound, "no such entry")
	}
	return &rows[0], nil
}

// AuditNames are the names of what audit rows speak of, by id. An id without a name is absent.
type AuditNames struct {
	People map[string]string // email, else name
	Keys   map[string]string
	Teams  map[string]string
}

// Names finds the names for rows that the caller was shown, in three queries however many rows there are.
func (a *Audit) Names(ctx context.Context, _ access.Actor, rows []models.AuditRow) (*AuditNames, error) {
	out := &AuditNames{People: map[string]string{}, Keys: map[string]string{}}
	var people, keys, teams []string
	for i := range rows {
		r := &rows[i]
		if r.ActorType == "user" {
			people = append(people, r.ActorID)
		}
		switch r.ObjectType {
		case "user", "session":
			people = append(people, r.ObjectID)
		case "key":
			keys = append(keys, r.ObjectID)
		case "team":
			teams = append(teams, r.ObjectID)
		}
	}
	users, err := usersByID(ctx, a.Store, people)
	if err != nil {
		return nil, err
	}
	for id, u := range users {
		if out.People[id] = deref(u.Email); out.People[id] == "" {
			out.People[id] = deref(u.Alias)
		}
	}
	names, err := a.Store.KeyNames(ctx, keys)
	if err != nil {
		return nil, err
	}
	for id, k := range names {
		out.Keys[id] = deref(k.Alias)
	}
	out.Teams, err = teamNames(ctx, a.Store, teams)
	return out, err
}
