package store

import (
	"context"
	"strconv"
	"time"

	"gorm.io/gorm"

	"gatehouse/models"
)

// InsertMail queues a mail.
func (s *Store) InsertMail(ctx context.Context, m *models.Mail) error {
	return s.mutate(ctx, "queue a mail", func(db *gorm.DB) error { return db.Create(m).Error })
}

// ClaimMail takes the mail that has waited longest and keeps other processes from it for lease; nil when none is due.
// The attempt is counted, so that a mail which brings its sender down is not tried for ever.
func (s *Store) ClaimMail(ctx context.Context, lease time.Duration) (*models.Mail, error) {
	var rows []models.Mail
	err := s.mutate(ctx, "take a mail from the queue", func(db *gorm.DB) error {
		now := s.opt.Now()
		lock := ""
		if s.postgres {
			lock = " FOR UPDATE SKIP LOCKED"
		}
		return db.Raw(`UPDATE mails SET attempts = attempts + 1, next_at = ? WHERE id = (
  SELECT id FROM mails WHERE done_at IS NULL AND next_at <= ? ORDER BY next_at, id LIMIT 1`+lock+`) RETURNING *`,
			models.At(now.Add(lease)), models.At(now)).Find(&rows).Error
	})
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return &rows[0], nil
}

// RetryMail puts a mail back until next, saying why it was not sent.
func (s *Store) RetryMail(ctx context.Context, id string, next models.Time, problem string) error {
	return s.mutate(ctx, "put a mail back", func(db *gorm.DB) error {
		return db.Exec("UPDATE mails SET next_at = ?, last_error = ? WHERE id = ? AND done_at IS NULL", next, clean(problem), id).Error
	})
}

// FinishMail notes that a mail was sent, or given up for problem. What it said is removed.
func (s *Store) FinishMail(ctx context.Context, id, problem string) error {
	return s.mutate(ctx, "finish a mail", func(db *gorm.DB) error {
		return db.Exec("UPDATE mails SET done_at = ?, failed = ?, last_error = ?, sealed = '' WHERE id = ?",
			models.At(s.opt.Now()), problem != "", clean(problem), id).Error
	})
}

// MailCounts is how the queue stands.
type MailCounts struct {
	Waiting   int64
	Failed    int64 // given up, of those still kept
	LastError string
}

// CountMails says how many mails wait and how many were given up, with the last error.
func (s *Store) CountMails(ctx context.Context) (MailCounts, error) {
	var c MailCounts
	err := s.read.WithContext(ctx).Raw(`SELECT COALESCE(SUM(CASE WHEN done_at IS NULL THEN 1 ELSE 0 END), 0) AS waiting,
  COALESCE(SUM(CASE WHEN failed THEN 1 ELSE 0 END), 0) AS failed,
  COALESCE((SELECT last_error FROM mails WHERE last_error <> '' ORDER BY id DESC LIMIT 1), '') AS last_error FROM mails`).Find(&c).Error
	return c, fail("count mails", err)
}

// PurgeMails removes mails that were done before a time, and returns how many.
func (s *Store) PurgeMails(ctx context.Context, before models.Time) (count int64, err error) {
	err = s.mutate(ctx, "purge mails", func(db *gorm.DB) error {
		result := db.Exec("DELETE FROM mails WHERE done_at < ?", before)
		count = result.RowsAffected
		return result.Error
	})
	return count, err
}

// ExpiringKeys loads at most limit keys that end before a time, live now, were made for at least life, and whose end
// nobody was told (ClaimExpiry); those that end first come first.
func (s *Store) ExpiringKeys(ctx context.Context, before models.Time, life time.Duration, limit int) ([]models.Key, error) {
	var keys []models.Key
	err := s.read.WithContext(ctx).
		Where(`expires_at > ? AND expires_at <= ? AND expires_at - created_at >= ? AND (blocked IS NULL OR blocked = ?)
  AND NOT EXISTS (SELECT 1 FROM alerts_sent a WHERE a.scope = 'key:' || keys.id AND a.kind = 'expiring:' || keys.expires_at)`,
			models.At(s.opt.Now()), before, life.Microseconds(), false).
		Order("expires_at, id").Limit(limit).Find(&keys).Error
	return keys, fail("load keys that end soon", err)
}

// ClaimExpiry says whether this process may tell that a key ends when it does: true once for each end of a key.
func (s *Store) ClaimExpiry(ctx context.Context, key *models.Key) (bool, error) {
	return s.ClaimAlert(ctx, models.ScopeKey(key.ID), "expiring:"+strconv.FormatInt(key.ExpiresAt.UnixMicro(), 10), alertsKept)
}

// alertsKept is how long it is known that an alert was sent.
const alertsKept = 400 * 24 * time.Hour

// PurgeAlerts forgets alerts that nobody can send again, and returns how many.
func (s *Store) PurgeAlerts(ctx context.Context) (count int64, err error) {
	err = s.mutate(ctx, "purge alerts", func(db *gorm.DB) error {
		result := db.Exec("DELETE FROM alerts_sent WHERE sent_at < ?", models.At(s.opt.Now().Add(-alertsKept)))
		count = result.RowsAffected
		return result.Error
	})
	return count, err
}
