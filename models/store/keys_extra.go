package store

import (
	"context"

	"gorm.io/gorm"

	"gatehouse/models"
)

// KeyByOldSecret loads the live key that a rotated secret still opens: the grace period is not over. Errors: fault.NotFound.
func (s *Store) KeyByOldSecret(ctx context.Context, hash string) (*models.Key, error) {
	var key models.Key
	err := s.read.WithContext(ctx).Take(&key, "id = (SELECT key_id FROM old_secrets WHERE hash = ? AND expires_at > ?)", hash, models.At(s.opt.Now())).Error
	if err != nil {
		return nil, missing("load a key by a former secret", noKey, err)
	}
	return &key, nil
}

// InsertOldSecret lets a former secret go on opening its key until it expires. Errors: fault.Conflict for one that is here.
func (s *Store) InsertOldSecret(ctx context.Context, old *models.OldSecret) error {
	return s.mutate(ctx, "add a former secret", func(db *gorm.DB) error { return db.Create(old).Error })
}

// AwaitsImport says whether the database has LiteLLM's keys beside none of ours: its owner has moved over and not imported.
func (s *Store) AwaitsImport(ctx context.Context) (waits bool, err error) {
	if !s.postgres {
		return false, nil
	}
	err = s.read.WithContext(ctx).Raw(`SELECT to_regclass('"LiteLLM_VerificationToken"') IS NOT NULL AND NOT EXISTS (SELECT 1 FROM keys)`).Scan(&waits).Error
	return waits, fail("look for LiteLLM's tables", err)
}
