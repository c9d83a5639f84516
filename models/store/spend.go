package store

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"slices"
	"strings"
	"unicode/utf8"

	"gorm.io/gorm"

	"gatehouse/models"
)

// WriteSpend books a batch of finished calls in one transaction: their ledger rows, every counter they are charged to,
// last use, and the daily aggregates. It is idempotent by call id: a call that is in the books already changes nothing,
// so a batch may be sent again after any error. Texts of the batch are made storable where they stand. Safe for concurrent
// use, from other replicas too.
//
// A charge adds to its scope's total always, and to its spend if the call belongs to the counter's present window. A
// call of a newer window starts that window; one of an older window counts in the total only. Missing counters are
// made. Errors: fault.Unavailable (send the batch again).
func (s *Store) WriteSpend(ctx context.Context, batch []models.Spend) error {
	_, err := s.BookSpend(ctx, batch)
	return err
}

// BookSpend is WriteSpend for a replica: it also moves what the calls had of slices from lent to spent, forgets that they
// were open, replaces what the others had booked for a call whose replica was gone, and gives the counters that it charged
// (PostgreSQL; none on SQLite).
func (s *Store) BookSpend(ctx context.Context, batch []models.Spend) (charged []models.Counter, err error) {
	calls := distinct(batch)
	if len(calls) == 0 {
		return nil, nil
	}
	var added []*models.DailySpend
	if s.today != nil {
		s.today.begin()
		defer func() { s.today.end(added, err != nil) }()
	}
	write := func(tx *Store) error {
		added, tx.added = nil, &added
		charged, err = tx.book(tx.ledger.WithContext(ctx), calls)
		return err
	}
	if s.postgres || s.inTx {
		err = s.transact(ctx, s.ledger, write)
	} else {
		err = s.onDriver(ctx, write)
	}
	return charged, err
}

// book writes calls in the transaction that db is.
func (s *Store) book(db *gorm.DB, calls []*models.Spend) (charged []models.Counter, err error) {
	booked, err := s.insertCalls(db, calls)
	if err != nil {
		return nil, fail("write the ledger", err)
	}
	if s.postgres && len(booked) < len(calls) {
		again, err := s.correct(db, calls, booked)
		if err != nil {
			return nil, fail("correct the ledger", err)
		}
		booked = append(booked, again...)
	}
	if s.postgres {
		if err := s.closeHolds(db, calls); err != nil {
			return nil, fail("forget open calls", err)
		}
	}
	if len(booked) == 0 {
		return nil, nil
	}
	if charged, err = s.chargeScopes(db, booked); err != nil {
		return nil, fail("charge the counters", err)
	}
	if s.postgres {
		if err := take(db, booked); err != nil {
			return nil, fail("settle slices", err)
		}
	}
	if err := s.addDaily(db, booked, 1); err != nil {
		return nil, fail("write the daily sums", err)
	}
	if err := s.noteLate(db, booked); err != nil {
		return nil, fail("note a late call", err)
	}
	return charged, nil
}

// distinct is the batch without repeated ids, ordered by id so that two writers meet rows in the same order, with every
// text made storable.
func distinct(batch []models.Spend) []*models.Spend {
	calls := make([]*models.Spend, len(batch))
	for i := range batch {
		cleanRow(&batch[i].Row)
		calls[i] = &batch[i]
	}
	slices.SortStableFunc(calls, func(a, b *models.Spend) int { return cmp.Compare(a.Row.ID, b.Row.ID) })
	return slices.CompactFunc(calls, func(a, b *models.Spend) bool { return a.Row.ID == b.Row.ID })
}

func cleanRow(r *models.SpendRow) {
	for _, text := range [...]*string{
		&r.ID, &r.CallType, &r.KeyID, &r.KeyHash, &r.UserID, &r.TeamID, &r.OrgID, &r.EndUser, &r.ModelGroup, &r.Model,
		&r.DeploymentID, &r.Provider, &r.APIBase, &r.Status, &r.ErrorCode, &r.IP, &r.SessionID, &r.PriceVersion, &r.SettledBy, &r.CacheKey,
	} {
		if !storable(*text) {
			*text = clean(*text)
		}
	}
	if slices.ContainsFunc(r.Tags, func(tag string) bool { return !storable(tag) }) {
		tags := make(models.Strings, len(r.Tags))
		for i, tag := range r.Tags {
			tags[i] = clean(tag)
		}
		r.Tags = tags
	}
	for _, text := range [...]*models.JSON{&r.Metadata, &r.Lines} {
		if bytes.IndexByte(*text, 0) >= 0 || !utf8.Valid(*text) {
			*text = models.JSON(clean(string(*text)))
		}
	}
}

// storable says whether clean would leave the text as it is.
func storable(text string) bool { return strings.IndexByte(text, 0) < 0 && utf8.ValidString(text) }

// ledgerRows is how calls are written; ledgerValues are the values in the same order.
func ledgerRows() insert {
	return insert{
		into: "spend_records",
		columns: `id text, call_type text, key_id text, key_hash text, user_id text, team_id text, organization_id text, end_user text,
  model_group text, model text, deployment_id text, provider text, api_base text, spend bigint, saved bigint, prompt_tokens bigint,
  output_tokens bigint, cache_read bigint, cache_write bigint, cache_hit boolean, unpriced boolean, estimated boolean, overshoot bigint,
  status text, http_status bigint, error_code text, started_at bigint, first_byte_at bigint, ended_at bigint, ip text, session_id text,
  tags text, metadata text, lines text, price_version text, settled_by text,
  prompt_saved bigint, cache_key text`,
		ending: "ON CONFLICT (id) DO NOTHING",
	}
}

func ledgerValues(r *models.SpendRow) []any {
	return []any{
		r.ID, r.CallType, r.KeyID, r.KeyHash, r.UserID, r.TeamID, r.OrgID, r.EndUser,
		r.ModelGroup, r.Model, r.DeploymentID, r.Provider, r.APIBase, int64(r.Spend), int64(r.Saved), r.PromptTokens,
		r.OutputTokens, r.CacheRead, r.CacheWrite, r.CacheHit, r.Unpriced, r.Estimated, int64(r.Overshoot),
		r.Status, int64(r.HTTPStatus), r.ErrorCode, r.StartedAt.Micros(), micros(r.FirstByteAt), r.EndedAt.Micros(), r.IP, r.SessionID,
		text(r.Tags), text(r.Metadata), text(r.Lines), r.PriceVersion, r.SettledBy,
		int64(r.PromptSaved), r.CacheKey,
	}
}

// text is a JSON column as it is stored.
func text(v driver.Valuer) string {
	value, err := v.Value()
	if err != nil {
		return "null" // a list of texts can always be written
	}
	s, _ := value.(string)
	return s
}

// micros is a time that may be missing as it is stored.
func micros(at *models.Time) *int64 {
	if at == nil {
		return nil
	}
	us := at.Micros()
	return &us
}

// insertCalls writes the rows and returns the calls that were not in the books before. Both tables of ids are asked,
// since disable_spend_logs may have been switched between a call and its replay.
func (s *Store) insertCalls(db *gorm.DB, calls []*models.Spend) ([]*models.Spend, error) {
	into, other := ledgerRows(), "spend_seen"
	if s.opt.DisableSpendLogs {
		into, other = insert{into: "spend_seen", columns: "id text, at bigint, swept text", ending: into.ending}, into.into
	}
	unknown, err := s.notIn(db, other, calls)
	if err != nil {
		return nil, err
	}
	if s.driver != nil {
		return s.insertOnDriver(db, into, unknown)
	}
	rows := make([][]any, len(unknown))
	at := make(map[string]*models.Spend, len(unknown))
	for i, c := range unknown {
		at[c.Row.ID] = c
		if !s.opt.DisableSpendLogs {
			rows[i] = ledgerValues(&c.Row)
			continue
		}
		swept, err := sweptCall(c)
		if err != nil {
			return nil, err
		}
		rows[i] = []any{c.Row.ID, c.Row.EndedAt.Micros(), swept}
	}
	fresh := make([]*models.Spend, 0, len(rows))
	err = s.insertRows(db, into, rows, func(id string) { fresh = append(fresh, at[id]) })
	return fresh, err
}

// notIn is the calls, in order of id, whose ids a table does not have.
func (s *Store) notIn(db *gorm.DB, table string, calls []*models.Spend) ([]*models.Spend, error) {
	if !s.postgres {
		// Ids grow with time, so a table that is written no more is told by having none as late. PostgreSQL may order them otherwise.
		var late string
		err := db.Raw("SELECT id FROM "+table+" WHERE id >= ? ORDER BY id LIMIT 1", calls[0].Row.ID).Find(&late).Error
		if err != nil || late == "" {
			return calls, err
		}
	}
	ids := make([]string, len(calls))
	for i := range calls {
		ids[i] = calls[i].Row.ID
	}
	condition, list := s.anyOf("id", ids)
	var known []string
	if err := db.Raw("SELECT id FROM "+table+" WHERE "+condition, list).Find(&known).Error; err != nil || len(known) == 0 {
		return calls, err
	}
	return slices.DeleteFunc(slices.Clone(calls), func(c *models.Spend) bool { return slices.Contains(known, c.Row.ID) }), nil
}

// charge is what one batch adds to one window of one scope.
type charge struct {
	scope   string
	window  int64
	resets  *models.Time
	spend   models.Nano
	lastUse int64
}

// chargeScopes adds the batch to the counters. A statement may name a row once, so the second, newer window of a scope
// (a batch that spans a reset) goes into a second statement.
func (s *Store) chargeScopes(db *gorm.DB, calls []*models.Spend) (charged []models.Counter, err error) {
	type place struct {
		scope  string
		window int64
	}
	sums := map[place]*charge{}
	for i := range calls {
		for _, sc := range calls[i].Scopes {
			at := place{clean(sc.Scope), sc.WindowStart.Micros()}
			sum := sums[at]
			if sum == nil {
				sum = &charge{scope: at.scope, window: at.window, resets: sc.ResetsAt}
				sums[at] = sum
			}
			sum.spend = sum.spend.AddSat(calls[i].Row.Spend)
			sum.lastUse = max(sum.lastUse, calls[i].Row.EndedAt.Micros())
		}
	}
	charges := make([]*charge, 0, len(sums))
	for _, sum := range sums {
		charges = append(charges, sum)
	}
	// In order of scope, as everyone takes them; the windows of one scope oldest first.
	slices.SortFunc(charges, func(a, b *charge) int {
		return cmp.Or(cmp.Compare(a.scope, b.scope), cmp.Compare(a.window, b.window))
	})
	for len(charges) > 0 {
		var rows [][]any
		var later []*charge
		for i, c := range charges {
			if i > 0 && charges[i-1].scope == c.scope {
				later = append(later, c)
				continue
			}
			rows = append(rows, []any{c.scope, c.window, micros(c.resets), int64(c.spend), int64(c.spend), c.lastUse})
		}
		if charged, err = s.addCharges(db, rows, charged); err != nil {
			return nil, err
		}
		charges = later
	}
	return charged, nil
}

// addCharges writes one charge a scope. Replicas, which know less than all of a scope's spend, get the counters after it
// added to charged.
func (s *Store) addCharges(db *gorm.DB, rows [][]any, charged []models.Counter) ([]models.Counter, error) {
	in := insert{
		into: "counters", columns: "scope text, window_start bigint, resets_at bigint, spent bigint, total bigint, last_used_at bigint",
		ending: `ON CONFLICT (scope) DO UPDATE SET
  total = counters.total + excluded.total,
  spent = CASE WHEN excluded.window_start = counters.window_start THEN counters.spent + excluded.spent
    WHEN excluded.window_start > counters.window_start THEN excluded.spent ELSE counters.spent END,
  sliced = CASE WHEN excluded.window_start > counters.window_start THEN 0 ELSE counters.sliced END,
  lost = CASE WHEN excluded.window_start > counters.window_start THEN 0 ELSE counters.lost END,
  resets_at = CASE WHEN excluded.window_start > counters.window_start THEN excluded.resets_at ELSE counters.resets_at END,
  window_start = CASE WHEN excluded.window_start > counters.window_start THEN excluded.window_start ELSE counters.window_start END,
  last_used_at = CASE WHEN excluded.last_used_at > counters.last_used_at THEN excluded.last_used_at ELSE counters.last_used_at END`,
	}
	if !s.postgres {
		return charged, s.insertRows(db, in, rows, nil)
	}
	err := s.insertColumns(db, in, rows, counterColumns, func(result *sql.Rows) error {
		r, err := scanCounter(result)
		charged = append(charged, r.counter())
		return err
	})
	return charged, err
}
