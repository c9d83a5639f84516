package store

import (
	"context"

	"gorm.io/gorm"

	"gatehouse/models"
)

const noSession = "no such session"

// Session loads a session that has not ended by time, by the hash of its cookie's value. Errors: fault.NotFound (signed
// out, ended, expired, never there), fault.Unavailable (the database cannot say: neither signed in nor out).
func (s *Store) Session(ctx context.Context, hash string) (*models.Session, error) {
	now := models.At(s.opt.Now())
	var session models.Session
	err := s.read.WithContext(ctx).Where("hash = ? AND expires_at > ? AND idle_ends > ?", hash, now, now).Take(&session).Error
	if err != nil {
		return nil, missing("load a session", noSession, err)
	}
	return &session, nil
}

// InsertSession adds a session.
func (s *Store) InsertSession(ctx context.Context, session *models.Session) error {
	return s.mutate(ctx, "add a session", func(db *gorm.DB) error { return db.Create(session).Error })
}

// TouchSession notes that a session was used at seen and may idle until idleEnds. A session that ended meanwhile stays
// ended, and time does not run backwards.
func (s *Store) TouchSession(ctx context.Context, hash string, seen, idleEnds models.Time) error {
	return s.mutate(ctx, "touch a session", func(db *gorm.DB) error {
		return db.Exec("UPDATE sessions SET last_seen_at = ?, idle_ends = ? WHERE hash = ? AND last_seen_at < ?",
			seen, idleEnds, hash, seen).Error
	})
}

// SetFlash leaves a message for the next page of a session.
func (s *Store) SetFlash(ctx context.Context, hash, flash string) error {
	return s.mutate(ctx, "leave a message", func(db *gorm.DB) error {
		return changed(db.Exec("UPDATE sessions SET flash = ? WHERE hash = ?", clean(flash), hash), noSession)
	})
}

// TakeFlash gives the message and removes it; "" when there is none.
func (s *Store) TakeFlash(ctx context.Context, hash string) (flash string, err error) {
	err = s.mutate(ctx, "take a message", func(db *gorm.DB) error {
		lock := "SELECT flash FROM sessions WHERE hash = ?"
		if s.postgres {
			lock += " FOR UPDATE"
		}
		if err := db.Raw(lock, hash).Find(&flash).Error; err != nil || flash == "" {
			return err
		}
		return db.Exec("UPDATE sessions SET flash = '' WHERE hash = ?", hash).Error
	})
	return flash, err
}

// SessionsOfUser lists a user's sessions that have not ended, last used first.
func (s *Store) SessionsOfUser(ctx context.Context, userID string) ([]models.Session, error) {
	now := models.At(s.opt.Now())
	var list []models.Session
	err := s.read.WithContext(ctx).Where("user_id = ? AND expires_at > ? AND idle_ends > ?", userID, now, now).
		Order("last_seen_at DESC, hash").Find(&list).Error
	return list, fail("list sessions", err)
}

// DeleteSession ends one session; that it is gone already is no error.
func (s *Store) DeleteSession(ctx context.Context, hash string) error {
	return s.mutate(ctx, "end a session", func(db *gorm.DB) error {
		return db.Exec("DELETE FROM sessions WHERE hash = ?", hash).Error
	})
}

// DeleteSessionsOfUser ends every session of a user but the one with this hash ("" for none), and returns how many.
func (s *Store) DeleteSessionsOfUser(ctx context.Context, userID, except string) (count int64, err error) {
	err = s.mutate(ctx, "end sessions", func(db *gorm.DB) error {
		result := db.Exec("DELETE FROM sessions WHERE user_id = ? AND hash <> ?", userID, except)
		count = result.RowsAffected
		return result.Error
	})
	return count, err
}

// PurgeSessions removes sessions that have ended by time, and returns how many.
func (s *Store) PurgeSessions(ctx context.Context) (count int64, err error) {
	err = s.mutate(ctx, "purge sessions", func(db *gorm.DB) error {
		now := models.At(s.opt.Now())
		result := db.Exec("DELETE FROM sessions WHERE expires_at <= ? OR idle_ends <= ?", now, now)
		count = result.RowsAffected
		return result.Error
	})
	return count, err
}
