package store

import (
	"context"

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
