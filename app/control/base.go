package control

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"unicode"

	"gatehouse/app/access"
	"gatehouse/app/control/password"
	"gatehouse/models"
	"gatehouse/models/fault"
	"gatehouse/models/store"
)

// base is what every service stands on.
type base struct {
	Deps
	hasher func() (*password.Hasher, error)
}

func (b *base) policy() *Policy { return b.Policy() }

// stamp is now as the database keeps it.
func (b *base) stamp() models.Time { return models.At(b.Now()) }

// change runs fn in one transaction in which no other change of configuration can fall, and waits until this process
// enforces it. fn may run again after a deadlock, so it sets what it returns afresh. A refusal of action on object is
// written to the audit log.
func (b *base) change(ctx context.Context, who access.Actor, action access.Action, object string, fn func(tx *store.Store) error) error {
	seq, err := b.Store.Change(ctx, func(tx *store.Store) error {
		if err := tx.Serialize(ctx); err != nil {
			return err
		}
		return fn(tx)
	})
	if err != nil {
		b.noteRefusal(ctx, who, action, object, err)
		return err
	}
	if seq > 0 {
		b.Ring.Await(ctx, seq)
	}
	return nil
}

// gate refuses roles that may never do the action, before anything is loaded.
func (b *base) gate(ctx context.Context, who access.Actor, action access.Action) error {
	err := access.Role(who, action)
	if err != nil && action.Writes() {
		b.noteRefusal(ctx, who, action, "", err)
	}
	return err
}

// noteRefusal writes the audit row of a refused act. That it cannot be written is no reason to let anything through, so
// the refusal stands either way.
func (b *base) noteRefusal(ctx context.Context, who access.Actor, action access.Action, object string, err error) {
	if !fault.Is(err, fault.Forbidden) && !fault.Is(err, fault.Unauthenticated) {
		return
	}
	if b.policy().LiteLLM.NoAuditLogs {
		return
	}
	row := b.auditRow(who, string(action), object)
	row.Outcome = "refused"
	if werr := b.Store.AppendAudit(ctx, row); werr != nil {
		b.Log.LogAttrs(ctx, slog.LevelError, "a refused act could not be written to the audit log",
			slog.String("action", string(action)), slog.String("request_id", who.RequestID), slog.Any("error", werr))
	}
}

func (b *base) auditRow(who access.Actor, action, object string) *models.AuditRow {
	noun, _, _ := strings.Cut(action, ".")
	row := &models.AuditRow{
		At: b.stamp(), ActorType: "user", ActorID: who.UserID, ChangedBy: who.ChangedBy, Action: action,
		ObjectType: noun, ObjectID: object, IP: who.IP, RequestID: who.RequestID, Outcome: "done",
	}
	switch {
	case who.System != "":
		row.ActorType, row.ActorID = "system", who.System
	case who.Master:
		row.ActorType, row.ActorID = "master", models.DefaultUserID
	case who.UserID == "" && who.Key != nil:
		row.ActorType, row.ActorID = "key", who.Key.ID
	}
	return row
}

// audit writes what an act changed, in its transaction; before or after is nil for something made or deleted. Only
// columns that differ are kept.
func (b *base) audit(ctx context.Context, tx *store.Store, who access.Actor, action access.Action, object string, before, after any) error {
	if b.policy().LiteLLM.NoAuditLogs {
		return nil
	}
	row := b.auditRow(who, string(action), object)
	was, is := auditValues(before), auditValues(after)
	for name, v := range was {
		if w, both := is[name]; both && reflect.DeepEqual(v, w) {
			delete(was, name)
			delete(is, name)
		}
	}
	// A secret's mark is the same before and after; that it changed is said where it did.
	var err error
	if row.Before, err = json.Marshal(was); err != nil {
		return fmt.Errorf("encode the audit row: %w", err)
	}
	if row.After, err = json.Marshal(is); err != nil {
		return fmt.Errorf("encode the audit row: %w", err)
	}
	return tx.AppendAudit(ctx, row)
}

// secretColumns hold hashes and sealed texts: the audit log says that they are set, and when they changed, never what
// they are.
func secretColumn(name string) bool {
	switch name {
	case "PasswordHash", "Sealed", "Hash", "RowHash", "PrevHash":
		return true
	}
	return false
}

// auditValues flattens a row to its columns. Secrets are shown by a mark that differs when the secret does.
func auditValues(v any) map[string]any {
	out := map[string]any{}
	if v == nil {
		return out
	}
	if m, ok := v.(map[string]any); ok {
		return m
	}
	r := reflect.Indirect(reflect.ValueOf(v))
	if !r.IsValid() {
		return out
	}
	flatten(r, out)
	return out
}

func flatten(r reflect.Value, out map[string]any) {
	t := r.Type()
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous && f.Type.Kind() == reflect.Struct {
			flatten(r.Field(i), out)
			continue
		}
		switch f.Name {
		case "Seq", "UpdatedAt", "UpdatedBy", "CreatedAt", "CreatedBy":
			continue
		}
		value := r.Field(i)
		if value.IsZero() {
			continue
		}
		if secretColumn(f.Name) {
			out[snake(f.Name)] = "••• " + HashSecret(fmt.Sprint(value.Interface()))[:8]
			continue
		}
		out[snake(f.Name)] = value.Interface()
	}
}

// snake is the column-like spelling of a field: MaxBudget -> max_budget, TPMLimit -> tpm_limit.
func snake(name string) string {
	var b strings.Builder
	runes := []rune(name)
	for i, r := range runes {
		if unicode.IsUpper(r) && i > 0 && (unicode.IsLower(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1])) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// absent says whether err is a missing row.
func absent(err error) bool { return fault.Is(err, fault.NotFound) }

// hideAbsent answers a read of an absent object like one of an object that the caller may not see, unless they see all:
// nobody learns which ids are taken.
func hideAbsent(who access.Actor, action access.Action, noun, id string, err error) error {
	if !absent(err) {
		return err
	}
	if who.SeesAll() {
		return access.NotFound(noun, id)
	}
	return access.Hidden(who, action)
}

// notFound gives a missing row the words of the contract.
func notFound(noun, id string, err error) error {
	if !absent(err) {
		return err
	}
	return access.NotFound(noun, id)
}

// clashText turns a unique violation on param into the contract's words: 400 on most routes.
func clashText(err error, param string, kind fault.Kind, format string, args ...any) error {
	f := fault.As(err)
	if f == nil || f.Kind != fault.Conflict || f.Param != param {
		return err
	}
	return fault.Newf(kind, format, args...).WithParam(param).WithCause(err)
}

// stampNew fills the audit columns of a new row.
func (b *base) stampNew(a *models.Audit, who access.Actor) {
	now := b.stamp()
	*a = models.Audit{CreatedAt: now, CreatedBy: who.Name(), UpdatedAt: now, UpdatedBy: who.Name()}
}

// stampChange notes who changed a row.
func (b *base) stampChange(a *models.Audit, who access.Actor) {
	a.UpdatedAt, a.UpdatedBy = b.stamp(), who.Name()
}

// reset sets when a scope's budget resets next. Spend and window stay.
func (b *base) reset(ctx context.Context, tx *store.Store, scope string, budgetDuration *string) error {
	next, err := nextReset(budgetDuration, b.Now(), b.policy().Zone())
	if err != nil {
		return err
	}
	return tx.SetReset(ctx, scope, next)
}

// setSpent sets what a scope has spent, here and, once committed, in the running process.
func (b *base) setSpent(ctx context.Context, tx *store.Store, scope string, to models.Nano) error {
	_, _, err := tx.SetSpent(ctx, scope, to)
	return err
}

// page reads paging fields: sizes above the limit are cut, sizes and numbers below 1 get their defaults.
func page(number, size, standard, most int) (store.Page, error) {
	if number < 0 || size < 0 {
		return store.Page{}, fault.BadField("page", "page and size must be at least 1")
	}
	if number == 0 {
		number = 1
	}
	if size == 0 {
		size = standard
	}
	const farthest = 1_000_000 // a page beyond is empty anyway, and the offset must not overflow
	return store.Page{Number: min(number, farthest), Size: min(size, most)}, nil
}

// sorted reads sort_by and sort_order; names says which columns the route offers.
func sorted(p *store.Page, by, order, standard string, names ...string) error {
	if by != "" {
		found := false
		for _, n := range names {
			found = found || n == by
		}
		if !found {
			return fault.BadField("sort_by", "Invalid sort_by: must be one of %s", strings.Join(names, ", "))
		}
		p.Sort = by
	}
	if order == "" {
		order = standard
	}
	switch strings.ToLower(order) {
	case "asc":
	case "desc":
		p.Desc = true
	default:
		return fault.BadField("sort_order", "Invalid sort_order: must be asc or desc")
	}
	return nil
}
