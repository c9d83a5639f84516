package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"gorm.io/gorm"

	"gatehouse/models"
)

// Changes streams to sink, in one consistent read, every deletion since that sequence number and then every
// configuration row whose stamp is newer (since 0: every row, no deletions), and returns the number the read stands at.
// Rows are streamed, so a million keys are never held at once. When the answer is since, nothing was sent. When it is
// smaller, the database was put back to an older state: nothing was sent either, and the caller must start over from 0.
// Errors: fault.Unavailable; what was sent before an error is true but not complete.
func (s *Store) Changes(ctx context.Context, since int64, sink models.ChangeSink) (seq int64, err error) {
	err = s.snapshot(ctx, func(db *gorm.DB) error {
		if err := db.Raw("SELECT seq FROM config_seq").Find(&seq).Error; err != nil {
			return err
		}
		if seq == since {
			return nil
		}
		if seq < since {
			s.opt.Log.WarnContext(ctx, "the database went back to an older state",
				slog.Int64("seq", seq), slog.Int64("known_seq", since))
			return nil
		}
		if since > 0 {
			if err := sendDeletions(db, since, sink); err != nil {
				return err
			}
		}
		return errors.Join(
			sendRows(db, since, "budgets", sink.Budget),
			sendRows(db, since, "organizations", sink.Organization),
			sendRows(db, since, "teams", sink.Team),
			sendRows(db, since, "users", sink.User),
			sendRows(db, since, "memberships", sink.Membership),
			sendRows(db, since, "org_memberships", sink.OrgMembership),
			sendRows(db, since, "customers", sink.Customer),
			sendRows(db, since, "deployments", sink.Deployment),
			sendRows(db, since, "access_groups", sink.AccessGroup),
			sendRows(db, since, "settings", sink.Setting),
			sendKeys(db, since, sink.Key),
			sendRows(db, since, "old_secrets", sink.OldSecret),
		)
	})
	if err != nil {
		return 0, fail("read the changes", err)
	}
	s.bell.ring(seq)
	return seq, nil
}

func sendDeletions(db *gorm.DB, since int64, sink models.ChangeSink) error {
	type tombstone struct{ TableName, RowID string }
	return each(db, func(t *tombstone) { sink.Deleted(t.TableName, t.RowID) },
		"SELECT table_name, row_id FROM tombstones WHERE change_seq > ? ORDER BY change_seq", since)
}

// sendRows streams one table; its name is a literal of this file.
func sendRows[T any](db *gorm.DB, since int64, table string, send func(*T)) error {
	if since == 0 {
		return each(db, send, "SELECT * FROM "+table)
	}
	return each(db, send, "SELECT * FROM "+table+" WHERE change_seq > ?", since)
}

// each streams the rows of a query. The row that fn gets is new each time.
func each[T any](db *gorm.DB, fn func(*T), query string, args ...any) (err error) {
	rows, err := db.Raw(query, args...).Rows()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		row := new(T)
		if err := db.ScanRows(rows, row); err != nil {
			return fmt.Errorf("read a row: %w", err)
		}
		fn(row)
	}
	return rows.Err()
}

// Watch returns nil when something newer than since may exist: a commit of this process, a NOTIFY of another, or 2 s
// without news (a NOTIFY is lost while disconnected; Changes answers at once when there is nothing). It returns ctx's
// error when that ends first.
func (s *Store) Watch(ctx context.Context, since int64) error {
	s.bell.start() //nolint:contextcheck // the listener outlives this watch; Close ends it
	timer := time.NewTimer(s.opt.PollEvery)
	defer timer.Stop()
	for {
		seq, changed := s.bell.state()
		if seq > since {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
			return nil
		case <-changed:
		}
	}
}
