package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
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
		changed, err := changedTables(db, since)
		if err != nil {
			return err
		}
		send := feed{db: db, since: since, changed: changed}
		return errors.Join(
			send.deletions(sink),
			sendRows(send, "budgets", sink.Budget),
			sendRows(send, "organizations", sink.Organization),
			sendRows(send, "teams", sink.Team),
			sendRows(send, "users", sink.User),
			sendRows(send, "memberships", sink.Membership),
			sendRows(send, "org_memberships", sink.OrgMembership),
			sendRows(send, "customers", sink.Customer),
			sendRows(send, "deployments", sink.Deployment),
			sendRows(send, "access_groups", sink.AccessGroup),
			sendRows(send, "settings", sink.Setting),
			send.keys(sink.Key),
			sendRows(send, "old_secrets", sink.OldSecret),
		)
	})
	if err != nil {
		return 0, fail("read the changes", err)
	}
	s.bell.ring(seq)
	return seq, nil
}

// feed is one read of what changed.
type feed struct {
	db      *gorm.DB
	since   int64
	changed map[string]bool // tables with something to read; nil: all
}

func (f feed) has(table string) bool { return f.changed == nil || f.changed[table] }

// changedTables asks, in one question, which tables hold something newer than since. Most changes touch one or two, and
// each question saved is a round trip that a revoked key is served less. nil for since 0: all of them.
func changedTables(db *gorm.DB, since int64) (map[string]bool, error) {
	if since == 0 {
		return nil, nil
	}
	const one = "SELECT '%[1]s' AS name WHERE EXISTS (SELECT 1 FROM %[1]s WHERE change_seq > ?)"
	var parts []string
	var args []any
	for _, table := range []string{
		"tombstones", "budgets", "organizations", "teams", "users", "memberships", "org_memberships", "customers", "deployments",
		"access_groups", "settings", "keys", "old_secrets",
	} {
		parts, args = append(parts, fmt.Sprintf(one, table)), append(args, since)
	}
	var names []string
	if err := db.Raw(strings.Join(parts, " UNION ALL "), args...).Find(&names).Error; err != nil {
		return nil, err
	}
	changed := make(map[string]bool, len(names))
	for _, name := range names {
		changed[name] = true
	}
	return changed, nil
}

func (f feed) deletions(sink models.ChangeSink) error {
	if f.since == 0 || !f.has("tombstones") {
		return nil
	}
	type tombstone struct{ TableName, RowID string }
	return each(f.db, func(t *tombstone) { sink.Deleted(t.TableName, t.RowID) },
		"SELECT table_name, row_id FROM tombstones WHERE change_seq > ? ORDER BY change_seq", f.since)
}

func (f feed) keys(send func(*models.Key)) error {
	if !f.has("keys") {
		return nil
	}
	return sendKeys(f.db, f.since, send)
}

// sendRows streams one table; its name is a literal of this file.
func sendRows[T any](f feed, table string, send func(*T)) error {
	switch {
	case !f.has(table):
		return nil
	case f.since == 0:
		return each(f.db, send, "SELECT * FROM "+table)
	}
	return each(f.db, send, "SELECT * FROM "+table+" WHERE change_seq > ?", f.since)
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
