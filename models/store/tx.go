package store

import (
	"context"
	"database/sql"
	"math/rand/v2"
	"time"

	"gorm.io/gorm"

	"gatehouse/models"
)

// attempts bounds how often a transaction is run that PostgreSQL ends for the sake of another.
const attempts = 6

// Change runs fn in one transaction and returns the config sequence it committed at (0: it changed no config row).
// Everything in fn goes through tx, never through s. A Change inside a Change joins it. fn runs again when PostgreSQL
// ends the transaction for a deadlock or a serialization failure, so it must have no other effects. An error of fn
// rolls everything back and is returned as it is.
func (s *Store) Change(ctx context.Context, fn func(tx *Store) error) (seq int64, err error) {
	if s.inTx {
		if err := fn(s); err != nil {
			return 0, err
		}
		return s.changedSeq(ctx, 0)
	}
	err = s.transact(ctx, s.write, func(tx *Store) error {
		var before int64
		if !s.postgres {
			if err := tx.write.WithContext(ctx).Raw("SELECT seq FROM config_seq").Find(&before).Error; err != nil {
				return fail("read the config sequence", err)
			}
		}
		if err := fn(tx); err != nil {
			return err
		}
		if err := tx.writeAudit(ctx); err != nil {
			return err
		}
		seq, err = tx.changedSeq(ctx, before)
		return err
	})
	if err != nil {
		return 0, err
	}
	if seq > 0 {
		s.bell.ring(seq)
	}
	return seq, nil
}

// changedSeq gives the sequence number this transaction took, or 0. SQLite needs the number from its beginning.
func (s *Store) changedSeq(ctx context.Context, before int64) (int64, error) {
	var seq int64
	query := "SELECT seq FROM config_seq"
	if s.postgres {
		query = "SELECT COALESCE(CAST(NULLIF(current_setting('gatehouse.seq', true), '') AS BIGINT), 0)"
	}
	if err := s.write.WithContext(ctx).Raw(query).Find(&seq).Error; err != nil {
		return 0, fail("read the config sequence", err)
	}
	if seq == before {
		return 0, nil
	}
	return seq, nil
}

// transact runs fn in a transaction on db, again after a deadlock.
func (s *Store) transact(ctx context.Context, db *gorm.DB, fn func(tx *Store) error) error {
	for attempt := 1; ; attempt++ {
		err := db.WithContext(ctx).Transaction(func(tx *gorm.DB) error { return fn(s.within(tx)) })
		if err == nil {
			return nil
		}
		if attempt == attempts || !isRetryable(err) || !pause(ctx, attempt) {
			return fail("run a transaction", err)
		}
	}
}

// within is the store whose every query runs in tx.
func (s *Store) within(tx *gorm.DB) *Store {
	return &Store{
		windows: s.windows,
		opt:     s.opt, postgres: s.postgres, read: tx, write: tx, ledger: tx, feed: tx, bank: tx,
		inTx: true, bell: s.bell, audit: new([]*models.AuditRow),
	}
}

// pause waits a random time that grows with the attempt; false means that ctx has ended.
func pause(ctx context.Context, attempt int) bool {
	limit := time.Duration(attempt*attempt) * 4 * time.Millisecond
	timer := time.NewTimer(time.Millisecond + rand.N(limit)) //nolint:gosec // spreads load, guards nothing
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// mutate runs one write: in the surrounding transaction, or in one of its own, so that a change of configuration wakes
// the watchers either way.
func (s *Store) mutate(ctx context.Context, doing string, fn func(db *gorm.DB) error) error {
	if s.inTx {
		return fail(doing, fn(s.write.WithContext(ctx)))
	}
	_, err := s.Change(ctx, func(tx *Store) error { return fail(doing, fn(tx.write.WithContext(ctx))) })
	return err
}

// snapshot runs fn in one read-only transaction in which every statement sees the same state.
func (s *Store) snapshot(ctx context.Context, fn func(db *gorm.DB) error) error {
	if s.inTx {
		return fn(s.feed.WithContext(ctx))
	}
	var options []*sql.TxOptions
	if s.postgres { // SQLite's transactions are like that always, and its driver takes no options
		options = append(options, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	}
	return s.feed.WithContext(ctx).Transaction(fn, options...)
}
