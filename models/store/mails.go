package store

import (
	"context"
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
