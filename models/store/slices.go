package store

import (
	"context"
	"slices"
	"strings"

	"gorm.io/gorm"

	"gatehouse/models"
)

// budgetChannel is where replicas tell each other what cannot wait (Store.OnBudgetNews).
const budgetChannel = "gatehouse_budget"

// accountRow is a counter with what is lent of it.
type accountRow struct {
	Scope                      string
	WindowStart                int64
	ResetsAt                   *int64
	Spent, Total, Sliced, Lost int64
	rolled, dirty              bool
	gone                       bool // nobody owns the scope any more
}

func (a *accountRow) counter() models.Counter {
	return counterRow{Scope: a.Scope, WindowStart: a.WindowStart, ResetsAt: a.ResetsAt, Spent: a.Spent, Total: a.Total}.counter()
}

type sliceRow struct {
	Scope, Replica  string
	ID, WindowStart int64
	Balance, Lost   int64
	Serial, Granted int64
}

// Slice does a batch of operations of one replica in one transaction: it gives back, rolls windows, lends, and returns
// what became of each in the order of scopes, with the database's clock. A scope may be named once. An operation whose
// serial was done before answers as it did then, so that a batch may be sent again after any error.
// Errors: models.ErrGivenUp, fault.Unavailable.
func (s *Store) Slice(ctx context.Context, replica string, asks []models.SliceAsk) (got []models.SliceGot, now models.Time, err error) {
	asks = slices.Clone(asks)
	slices.SortFunc(asks, func(a, b models.SliceAsk) int { return strings.Compare(a.Scope, b.Scope) })
	err = s.transact(ctx, s.bank, func(tx *Store) error {
		db := tx.bank.WithContext(ctx)
		var me struct{ Now, Live int64 }
		found := db.Raw(`SELECT `+dbMicros+` AS now, (SELECT count(*) FROM replicas WHERE seen_at + ttl > `+dbMicros+`) AS live
FROM replicas WHERE id = ? FOR KEY SHARE`, replica).Find(&me)
		if found.Error != nil {
			return found.Error
		}
		if found.RowsAffected == 0 {
			return models.ErrGivenUp
		}
		now = models.FromMicros(me.Now)
		accounts, mine, err := s.lockAccounts(db, replica, asks)
		if err != nil {
			return err
		}
		got = got[:0]
		var write []sliceRow
		for i := range asks {
			ask, a := &asks[i], accounts[asks[i].Scope]
			a.roll(ask, now)
			row, changed, answer := a.operate(ask, mine[ask.Scope], me.Live)
			got = append(got, answer)
			if changed {
				row.Scope, row.Replica = ask.Scope, replica
				write = append(write, row)
			}
		}
		return s.writeAccounts(db, asks, accounts, write)
	})
	return got, now, fail("lend from budgets", err)
}

// lockAccounts locks the counters in the order of their scopes, made where a new slice is asked for, and reads this
// replica's slices.
func (s *Store) lockAccounts(db *gorm.DB, replica string, asks []models.SliceAsk) (map[string]*accountRow, map[string]*sliceRow, error) {
	scopes := make([]string, len(asks))
	for i := range asks {
		scopes[i] = asks[i].Scope
	}
	accounts := make(map[string]*accountRow, len(asks))
	for range 2 {
		var rows []accountRow
		err := db.Raw("SELECT "+counterColumns+", sliced, lost FROM counters WHERE scope IN ? ORDER BY scope FOR UPDATE", scopes).Find(&rows).Error
		if err != nil {
			return nil, nil, err
		}
		for i := range rows {
			accounts[rows[i].Scope] = &rows[i]
		}
		var missing [][]any
		for i := range asks {
			if accounts[asks[i].Scope] == nil && asks[i].New {
				missing = append(missing, []any{asks[i].Scope})
			}
		}
		if len(missing) == 0 {
			break
		}
		if err := s.insertRows(db, insert{into: "counters", columns: "scope text", ending: "ON CONFLICT (scope) DO NOTHING"}, missing, nil); err != nil {
			return nil, nil, err
		}
	}
	for _, scope := range scopes {
		if accounts[scope] == nil {
			accounts[scope] = &accountRow{Scope: scope, gone: true}
		}
	}
	var rows []sliceRow
	err := db.Raw("SELECT * FROM slices WHERE replica = ? AND scope IN ?", replica, scopes).Find(&rows).Error
	mine := make(map[string]*sliceRow, len(rows))
	for i := range rows {
		mine[rows[i].Scope] = &rows[i]
	}
	return accounts, mine, err
}

// roll starts the window that now is in. Slices of the old one are void with it.
func (a *accountRow) roll(ask *models.SliceAsk, now models.Time) {
	if ask.Roll == nil || a.gone {
		return
	}
	start, resets, rolled := ask.Roll(now, a.counter())
	if !rolled && sameTime(a.ResetsAt, resets) {
		return
	}
	a.dirty = true
	a.ResetsAt = nil
	if resets != nil {
		at := resets.Micros()
		a.ResetsAt = &at
	}
	if rolled {
		a.WindowStart, a.Spent, a.Sliced, a.Lost, a.rolled = start.Micros(), 0, 0, 0, true
	}
}

func sameTime(a *int64, b *models.Time) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return *a == b.Micros()
}

// operate does one operation on a slice: row is what to write if changed.
func (a *accountRow) operate(ask *models.SliceAsk, have *sliceRow, live int64) (row sliceRow, changed bool, got models.SliceGot) {
	got = models.SliceGot{Scope: ask.Scope, Slice: ask.Slice, Window: models.FromMicros(a.WindowStart), ResetsAt: a.counter().ResetsAt}
	current := have != nil && !a.rolled && have.WindowStart == a.WindowStart && have.Lost == 0
	mine := int64(0)
	if current {
		mine = have.Balance
	}
	view := func() models.SliceView {
		return models.SliceView{
			Spent: models.Nano(a.Spent), Sliced: models.Nano(a.Sliced), Lost: models.Nano(a.Lost), Mine: models.Nano(mine), Live: max(1, live),
		}
	}
	same := current && have.ID == ask.Slice
	switch {
	case same && have.Serial >= ask.Serial: // done before: the answer was lost
		got.Granted, got.View = models.Nano(have.Granted), view()
		return row, false, got
	case !same && !ask.New:
		got.Void, got.View = true, view()
		return row, false, got
	case same:
		row = *have
		back := min(int64(ask.Return), max(0, mine))
		mine -= back
		a.Sliced -= back
	default: // whatever stands in the place of the new slice is nobody's
		if current {
			a.Sliced -= mine
		}
		mine = 0
		row = sliceRow{ID: ask.Slice, WindowStart: a.WindowStart}
	}
	granted := int64(0)
	if ask.Grant != nil {
		granted = max(0, int64(ask.Grant(view())))
	}
	mine += granted
	a.Sliced += granted
	a.dirty = true
	row.Balance, row.Serial, row.Granted = mine, ask.Serial, granted
	got.Granted, got.View = models.Nano(granted), view()
	return row, true, got
}

func (s *Store) writeAccounts(db *gorm.DB, asks []models.SliceAsk, accounts map[string]*accountRow, write []sliceRow) error {
	var rolled []string
	var counters [][]any
	for i := range asks {
		a := accounts[asks[i].Scope]
		if a.rolled {
			rolled = append(rolled, a.Scope)
		}
		if a.dirty {
			counters = append(counters, []any{a.Scope, a.WindowStart, a.ResetsAt, a.Spent, a.Sliced, a.Lost})
		}
	}
	if len(rolled) > 0 {
		if err := db.Exec("DELETE FROM slices WHERE scope IN ?", rolled).Error; err != nil {
			return err
		}
	}
	err := s.insertRows(db, insert{
		into: "counters", columns: "scope text, window_start bigint, resets_at bigint, spent bigint, sliced bigint, lost bigint",
		ending: `ON CONFLICT (scope) DO UPDATE SET
  window_start = excluded.window_start, resets_at = excluded.resets_at, spent = excluded.spent, sliced = excluded.sliced, lost = excluded.lost`,
	}, counters, nil)
	if err != nil {
		return err
	}
	rows := make([][]any, len(write))
	for i, r := range write {
		rows[i] = []any{r.Scope, r.Replica, r.ID, r.WindowStart, r.Balance, int64(0), r.Serial, r.Granted}
	}
	return s.insertRows(db, insert{
		into:    "slices",
		columns: `scope text, replica text, id bigint, window_start bigint, balance bigint, lost bigint, serial bigint, granted bigint`,
		ending: `ON CONFLICT (scope, replica) DO UPDATE SET
  id = excluded.id, window_start = excluded.window_start, balance = excluded.balance, lost = excluded.lost, serial = excluded.serial,
  granted = excluded.granted`,
	}, rows, nil)
}

// take moves what settled calls had of their slices from lent to spent. The counters are locked by the charge before it.
func take(db *gorm.DB, calls []*models.Spend) error {
	sums := map[int64]int64{}
	for i := range calls {
		for _, c := range calls[i].Scopes {
			if c.Slice != 0 && c.Take > 0 {
				sums[c.Slice] += int64(c.Take)
			}
		}
	}
	if len(sums) == 0 {
		return nil
	}
	ids, amounts := make([]int64, 0, len(sums)), make([]int64, 0, len(sums))
	for id := range sums {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		amounts = append(amounts, sums[id])
	}
	values := strings.TrimSuffix(strings.Repeat("(CAST(? AS BIGINT), CAST(? AS BIGINT)),", len(ids)), ",")
	args := make([]any, 0, 2*len(ids))
	for i := range ids {
		args = append(args, ids[i], amounts[i])
	}
	return db.Exec(`WITH v(id, amount) AS (VALUES `+values+`),
m AS (UPDATE slices AS s SET balance = s.balance - v.amount FROM v WHERE s.id = v.id RETURNING s.scope, s.window_start, s.lost, v.amount),
t AS (SELECT scope, window_start, sum(amount * (1 - lost)) AS live, sum(amount * lost) AS lost FROM m GROUP BY scope, window_start)
UPDATE counters AS c SET sliced = c.sliced - t.live, lost = c.lost - t.lost FROM t
WHERE c.scope = t.scope AND c.window_start = t.window_start`, args...).Error
}

// Recall asks the other replicas to give back what they do not need of these scopes.
func (s *Store) Recall(ctx context.Context, replica string, scopes ...string) error {
	return s.tellOfScopes(ctx, "recall", replica, scopes)
}

// Last tells the other replicas that a call runs here that takes all that is left of these scopes, and more.
func (s *Store) Last(ctx context.Context, replica string, scopes ...string) error {
	return s.tellOfScopes(ctx, "last", replica, scopes)
}

func (s *Store) tellOfScopes(ctx context.Context, what, replica string, scopes []string) error {
	if !s.postgres {
		return nil
	}
	for _, scope := range scopes {
		if err := tell(s.bank.WithContext(ctx), what+" "+replica+" "+scope); err != nil {
			return fail("tell the replicas of slices", err)
		}
	}
	return nil
}

// tell sends news of budgets to every replica, when the transaction commits.
func tell(db *gorm.DB, news string) error {
	return db.Exec("SELECT pg_notify('"+budgetChannel+"', ?)", news).Error
}

// OnBudgetNews registers who is told of news of budgets: "recall REPLICA SCOPE", "last REPLICA SCOPE", "set SCOPE" when an operator changed a
// counter, "set" when any may have been. Register before the first Watch. fn must not block.
func (s *Store) OnBudgetNews(fn func(news string)) {
	s.bell.on(budgetChannel, fn)
}
