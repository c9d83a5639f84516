package store

import (
	"context"
	"time"

	"gorm.io/gorm"

	"gatehouse/models"
)

// Throttle gives the count of failed sign-ins of a subject (an account, a client network); the zero row when there
// were none.
func (s *Store) Throttle(ctx context.Context, subject string) (models.Throttle, error) {
	t := models.Throttle{Subject: subject}
	err := s.read.WithContext(ctx).Raw("SELECT * FROM login_throttles WHERE subject = ?", subject).Find(&t).Error
	return t, fail("load a throttle", err)
}

// CountAttempt counts one try of a subject in the minute (or other window) that holds now, and returns the row after
// it. Replicas share the count.
func (s *Store) CountAttempt(ctx context.Context, subject string, window time.Duration) (t models.Throttle, err error) {
	err = s.mutate(ctx, "count a sign-in", func(db *gorm.DB) error {
		now := s.opt.Now()
		start := models.At(now.Truncate(window))
		return db.Raw(`INSERT INTO login_throttles (subject, window_start, attempts, updated_at) VALUES (?, ?, 1, ?)
ON CONFLICT (subject) DO UPDATE SET
  attempts = CASE WHEN login_throttles.window_start = excluded.window_start THEN login_throttles.attempts + 1 ELSE 1 END,
  window_start = excluded.window_start, updated_at = excluded.updated_at
RETURNING *`, clean(subject), start, models.At(now)).Find(&t).Error
	})
	return t, err
}

// CountFailure counts one failed try and keeps the subject out until then; a later end that stands already stays. It
// returns the row after it.
func (s *Store) CountFailure(ctx context.Context, subject string, blockedUntil models.Time) (t models.Throttle, err error) {
	err = s.mutate(ctx, "count a failed sign-in", func(db *gorm.DB) error {
		return db.Raw(`INSERT INTO login_throttles (subject, failures, blocked_until, updated_at) VALUES (?, 1, ?, ?)
ON CONFLICT (subject) DO UPDATE SET failures = login_throttles.failures + 1, updated_at = excluded.updated_at,
  blocked_until = CASE WHEN excluded.blocked_until > login_throttles.blocked_until THEN excluded.blocked_until ELSE login_throttles.blocked_until END
RETURNING *`, clean(subject), blockedUntil, models.At(s.opt.Now())).Find(&t).Error
	})
	return t, err
}

// ClearThrottle forgets the failures of a subject: it signed in.
func (s *Store) ClearThrottle(ctx context.Context, subject string) error {
	return s.mutate(ctx, "clear a throttle", func(db *gorm.DB) error {
		return db.Exec("DELETE FROM login_throttles WHERE subject = ?", clean(subject)).Error
	})
}

// PurgeThrottles removes rows that nothing has touched since before, and returns how many.
func (s *Store) PurgeThrottles(ctx context.Context, before models.Time) (count int64, err error) {
	err = s.mutate(ctx, "purge throttles", func(db *gorm.DB) error {
		result := db.Exec("DELETE FROM login_throttles WHERE updated_at < ? AND blocked_until < ?", before, before)
		count = result.RowsAffected
		return result.Error
	})
	return count, err
}

// KnownNetwork says whether this user has signed in from this network before.
func (s *Store) KnownNetwork(ctx context.Context, userID, network string) (bool, error) {
	var n int64
	err := s.read.WithContext(ctx).Raw("SELECT count(*) FROM login_networks WHERE user_id = ? AND network = ?", userID, network).Find(&n).Error
	return n > 0, fail("look up a network", err)
}

// NoteNetwork remembers that this user has signed in from this network.
func (s *Store) NoteNetwork(ctx context.Context, userID, network string) error {
	return s.mutate(ctx, "note a network", func(db *gorm.DB) error {
		return db.Exec(`INSERT INTO login_networks (user_id, network, seen_at) VALUES (?, ?, ?)
ON CONFLICT (user_id, network) DO UPDATE SET seen_at = excluded.seen_at`, userID, network, models.At(s.opt.Now())).Error
	})
}

// ClaimAlert says whether this process may send an alert of this kind about a scope: true for one caller among all
// replicas in any span of every.
func (s *Store) ClaimAlert(ctx context.Context, scope, kind string, every time.Duration) (mine bool, err error) {
	err = s.mutate(ctx, "claim an alert", func(db *gorm.DB) error {
		now := s.opt.Now()
		result := db.Exec(`INSERT INTO alerts_sent (scope, kind, sent_at) VALUES (?, ?, ?)
ON CONFLICT (scope, kind) DO UPDATE SET sent_at = excluded.sent_at WHERE alerts_sent.sent_at <= ?`,
			scope, kind, models.At(now), models.At(now.Add(-every)))
		mine = result.RowsAffected > 0
		return result.Error
	})
	return mine, err
}
