package control

import (
	"context"
	"strconv"

	"gatehouse/app/access"
	"gatehouse/models"
	"gatehouse/models/fault"
	"gatehouse/models/store"
)

// Audit reads the audit log. Services write it themselves, in the transactions of their changes.
type Audit struct{ base }

// List is a page of the log, newest first. Errors: Unauthenticated for who sees none of it.
func (a *Audit) List(ctx context.Context, who access.Actor, q AuditQuery) (*AuditPage, error) {
	if err := access.Check(who, access.AuditRead, access.Target{}); err != nil {
		return nil, err
	}
	return a.list(ctx, q)
}

// Info is one row of the log. Errors: NotFound, Unauthenticated.
func (a *Audit) Info(ctx context.Context, who access.Actor, id string) (*models.AuditRow, error) {
	if err := access.Check(who, access.AuditRead, access.Target{}); err != nil {
		return nil, err
	}
	row, err := a.Store.AuditRow(ctx, id)
	return row, notFound("audit log entry", id, err)
}

// OfKey is the rows of one key, for those who may see the key. Errors: NotFound, Forbidden.
func (a *Audit) OfKey(ctx context.Context, who access.Actor, ref string, q AuditQuery) (*AuditPage, error) {
	keys := Keys{base: a.base}
	key, err := keys.key(ctx, a.Store, ref)
	if err != nil {
		return nil, notFound("key", "", err)
	}
	if err := access.Check(who, access.KeyInfo, access.Key(key)); err != nil {
		return nil, err
	}
	q.ObjectType, q.ObjectID = "key", key.ID
	return a.list(ctx, q)
}

func (a *Audit) list(ctx context.Context, q AuditQuery) (*AuditPage, error) {
	f := store.AuditFilter{
		ActorID: q.Actor, Action: q.Action, ObjectType: q.ObjectType, ObjectID: q.ObjectID, Outcome: q.Outcome, Size: q.Size,
	}
	if f.Size < 1 {
		f.Size = 50
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

// Note writes a row for something that is no change of a row: a sign-out, an export, a refused act at a door.
func (a *Audit) Note(ctx context.Context, who access.Actor, action, objectType, objectID, outcome string) error {
	row := a.auditRow(who, action, objectID)
	row.ObjectType, row.Outcome = objectType, outcome
	return a.Store.AppendAudit(ctx, row)
}
