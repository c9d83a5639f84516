package store

import (
	"context"
	"database/sql"
	"errors"
	"slices"

	"gorm.io/gorm"

	"gatehouse/models"
)

// counterRow is a counter as the table has it: last use is 0 when there was none, which sorts where it should.
type counterRow struct {
	Scope                   string
	WindowStart, LastUsedAt int64
	ResetsAt                *int64
	Spent, Total            int64
}

const counterColumns = "scope, window_start, resets_at, spent, total, last_used_at"

// scanCounter reads a row of counterColumns.
func scanCounter(rows *sql.Rows) (r counterRow, err error) {
	err = rows.Scan(&r.Scope, &r.WindowStart, &r.ResetsAt, &r.Spent, &r.Total, &r.LastUsedAt)
	return r, err
}

func (r counterRow) counter() models.Counter {
	c := models.Counter{
		Scope: r.Scope, WindowStart: models.FromMicros(r.WindowStart),
		Spent: models.Nano(r.Spent), Total: models.Nano(r.Total),
	}
	if r.ResetsAt != nil {
		at := models.FromMicros(*r.ResetsAt)
		c.ResetsAt = &at
	}
	if r.LastUsedAt != 0 {
		at := models.FromMicros(r.LastUsedAt)
		c.LastUsedAt = &at
	}
	return c
}

// EachCounter streams every counter in one consistent read, so that a starting process knows what was spent.
func (s *Store) EachCounter(ctx context.Context, fn func(models.Counter)) error {
	return fail("read the counters", s.snapshot(ctx, func(db *gorm.DB) (err error) {
		rows, err := db.Raw("SELECT " + counterColumns + " FROM counters").Rows()
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, rows.Close()) }()
		for rows.Next() { // by hand, since there is a row for every key
			r, err := scanCounter(rows)
			if err != nil {
				return err
			}
			fn(r.counter())
		}
		return rows.Err()
	}))
}

// Counter gives the counter of one scope; one that nobody has charged is all zero.
func (s *Store) Counter(ctx context.Context, scope string) (models.Counter, error) {
	all, err := s.Counters(ctx, scope)
	return all[scope], err
}

// ShowWindows registers who knows the calendar of each scope's owner: a counter whose window has ended, by the clock of
// this process, is shown in the window that has begun, also while nobody has called and no sweep has been by.
func (s *Store) ShowWindows(now func(models.Counter) models.Counter) { s.windows.Store(&now) }

// CurrentCounters are Counters as they stand now: for showing, not for changing.
func (s *Store) CurrentCounters(ctx context.Context, scopes ...string) (map[string]models.Counter, error) {
	all, err := s.Counters(ctx, scopes...)
	if now := s.windows.Load(); now != nil {
		for scope, c := range all {
			if c.ResetsAt != nil {
				all[scope] = (*now)(c)
			}
		}
	}
	return all, err
}

// Counters gives the counters of these scopes by scope; those without a row are there as zero.
func (s *Store) Counters(ctx context.Context, scopes ...string) (map[string]models.Counter, error) {
	all := make(map[string]models.Counter, len(scopes))
	for _, scope := range scopes {
		all[scope] = models.Counter{Scope: scope}
	}
	for part := range slices.Chunk(scopes, maxIDs) {
		var rows []counterRow
		err := s.read.WithContext(ctx).Raw("SELECT "+counterColumns+" FROM counters WHERE scope IN ?", part).Find(&rows).Error
		if err != nil {
			return all, fail("load counters", err)
		}
		for _, row := range rows {
			all[row.Scope] = row.counter()
		}
	}
	return all, nil
}

// SetReset says when a scope is reset next (nil: never), and makes its counter if there is none. Spend and window stay.
func (s *Store) SetReset(ctx context.Context, scope string, at *models.Time) error {
	return s.mutate(ctx, "set a reset", func(db *gorm.DB) error {
		return db.Exec(`INSERT INTO counters (scope, resets_at) VALUES (?, ?)
ON CONFLICT (scope) DO UPDATE SET resets_at = excluded.resets_at`, scope, at).Error
	})
}

// SetSpent puts the spend of a scope's present window to an amount, as an admin asked, and returns the counter before
// and after. The window stays, so calls that are under way still add to it; the total stays too.
func (s *Store) SetSpent(ctx context.Context, scope string, spent models.Nano) (before, after models.Counter, err error) {
	err = s.mutate(ctx, "set a counter", func(db *gorm.DB) error {
		lock := "SELECT " + counterColumns + " FROM counters WHERE scope = ?"
		if s.postgres {
			lock += " FOR UPDATE"
		}
		row := counterRow{Scope: scope}
		if err := db.Raw(lock, scope).Find(&row).Error; err != nil {
			return err
		}
		before = row.counter()
		after = before
		after.Spent = spent
		if err := db.Exec(`INSERT INTO counters (scope, spent) VALUES (?, ?)
ON CONFLICT (scope) DO UPDATE SET spent = excluded.spent, lost = 0`, scope, spent).Error; err != nil {
			return err
		}
		return s.counterSet(db, scope)
	})
	return before, after, err
}

// RollWindow starts a new window of a scope: spend 0 from start on, next reset at next. It acts only if the counter's
// window is older, so that of many processes that see the same reset fall due one does it and no charge to the new
// window is lost; acted says whether it was this one.
func (s *Store) RollWindow(ctx context.Context, scope string, start models.Time, next *models.Time) (acted bool, err error) {
	err = s.mutate(ctx, "reset a counter", func(db *gorm.DB) error {
		result := db.Exec(`INSERT INTO counters (scope, window_start, resets_at) VALUES (?, ?, ?)
ON CONFLICT (scope) DO UPDATE SET spent = 0, sliced = 0, lost = 0, window_start = excluded.window_start, resets_at = excluded.resets_at
WHERE counters.window_start < excluded.window_start`, scope, start, next)
		acted = result.RowsAffected > 0
		if result.Error != nil || !acted {
			return result.Error
		}
		return s.counterSet(db, scope)
	})
	return acted, err
}

// counterSet tells the replicas that a counter was set by hand ("": many were), and forgets the slices of it that were
// lost with their owner.
func (s *Store) counterSet(db *gorm.DB, scope string) error {
	if !s.postgres {
		return nil
	}
	if scope == "" {
		if err := db.Exec("DELETE FROM slices AS s USING counters AS c WHERE s.lost = 1 AND c.scope = s.scope AND c.lost = 0").Error; err != nil {
			return err
		}
		return tell(db, "set")
	}
	if err := db.Exec("DELETE FROM slices WHERE scope = ? AND lost = 1", scope).Error; err != nil {
		return err
	}
	return tell(db, "set "+scope)
}

// DueCounters lists counters whose reset is due, longest overdue first, at most limit of them.
func (s *Store) DueCounters(ctx context.Context, limit int) ([]models.Counter, error) {
	var rows []counterRow
	err := s.read.WithContext(ctx).Raw("SELECT "+counterColumns+" FROM counters WHERE resets_at <= ? ORDER BY resets_at, scope LIMIT ?",
		models.At(s.opt.Now()).Micros(), limit).Find(&rows).Error
	due := make([]models.Counter, len(rows))
	for i, row := range rows {
		due[i] = row.counter()
	}
	return due, fail("list due counters", err)
}

// ResetSpendOf puts the spend of every scope of some kinds ("key", "team") to 0, keeping windows, totals and the
// ledger, and returns the scopes that had spent something.
func (s *Store) ResetSpendOf(ctx context.Context, kinds ...string) (scopes []string, err error) {
	err = s.mutate(ctx, "reset spend", func(db *gorm.DB) error {
		scopes = nil // a second run after a deadlock starts over
		for _, kind := range kinds {
			var some []string
			if err := db.Raw("UPDATE counters SET spent = 0, lost = 0 WHERE (spent <> 0 OR lost <> 0) AND substr(scope, 1, CAST(? AS INTEGER)) = ? RETURNING scope",
				len(kind)+1, kind+":").Find(&some).Error; err != nil {
				return err
			}
			scopes = append(scopes, some...)
		}
		return s.counterSet(db, "")
	})
	return scopes, err
}

// DeleteCounters forgets scopes, so that a new owner of the same id starts from nothing.
func (s *Store) DeleteCounters(ctx context.Context, scopes ...string) error {
	if len(scopes) == 0 {
		return nil
	}
	return s.mutate(ctx, "delete counters", func(db *gorm.DB) error {
		return db.Exec("DELETE FROM counters WHERE scope IN ?", scopes).Error
	})
}

// LastUsed says when each of these keys was last used; keys that never were are absent.
func (s *Store) LastUsed(ctx context.Context, keyIDs []string) (map[string]models.Time, error) {
	used := map[string]models.Time{}
	if len(keyIDs) == 0 {
		return used, nil
	}
	var rows []struct {
		KeyID      string
		LastUsedAt models.Time
	}
	err := s.read.WithContext(ctx).Raw("SELECT key_id, last_used_at FROM counters WHERE key_id IN ? AND last_used_at > 0", keyIDs).Find(&rows).Error
	for _, row := range rows {
		used[row.KeyID] = row.LastUsedAt
	}
	return used, fail("load last use", err)
}
