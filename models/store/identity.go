package store

import (
	"context"

	"gorm.io/gorm"

	"gatehouse/models"
	"gatehouse/models/fault"
)

// InsertCode keeps a one-time code; older unused ones of the same person and purpose stop working. Errors:
// fault.Conflict for a code that is there already.
func (s *Store) InsertCode(ctx context.Context, code *models.OneTimeCode) error {
	return s.mutate(ctx, "keep a one-time code", func(db *gorm.DB) error {
		if code.UserID != "" {
			err := db.Exec("UPDATE one_time_codes SET used_at = ? WHERE user_id = ? AND purpose = ? AND used_at IS NULL",
				code.CreatedAt, code.UserID, code.Purpose).Error
			if err != nil {
				return err
			}
		}
		return db.Create(code).Error
	})
}

// OpenCode loads a code of this purpose that may still be used, and leaves it as it is. Errors: fault.NotFound.
func (s *Store) OpenCode(ctx context.Context, purpose, hash string) (*models.OneTimeCode, error) {
	var code models.OneTimeCode
	err := s.read.WithContext(ctx).Take(&code, "hash = ? AND purpose = ? AND used_at IS NULL AND expires_at > ?", hash, purpose, models.At(s.opt.Now())).Error
	if err != nil {
		return nil, missing("load a one-time code", "no such code", err)
	}
	return &code, nil
}

// ClaimCode uses a code up and says whose it is: of any number of claims at once exactly one succeeds. Errors:
// fault.Unauthenticated when it is unknown, used, expired or of another purpose.
func (s *Store) ClaimCode(ctx context.Context, purpose, hash string) (userID string, err error) {
	var rows []string
	err = s.mutate(ctx, "claim a one-time code", func(db *gorm.DB) error {
		now := models.At(s.opt.Now())
		return db.Raw("UPDATE one_time_codes SET used_at = ? WHERE hash = ? AND purpose = ? AND used_at IS NULL AND expires_at > ? RETURNING user_id",
			now, hash, purpose, now).Find(&rows).Error
	})
	if err != nil {
		return "", err
	}
	if len(rows) == 0 {
		return "", fault.New(fault.Unauthenticated, "this code cannot be used")
	}
	return rows[0], nil
}

// RevokeCodes ends every unused code of a person: what they prove themselves by has changed.
func (s *Store) RevokeCodes(ctx context.Context, userID string) error {
	return s.mutate(ctx, "revoke one-time codes", func(db *gorm.DB) error {
		return db.Exec("UPDATE one_time_codes SET used_at = ? WHERE user_id = ? AND used_at IS NULL", models.At(s.opt.Now()), userID).Error
	})
}

// PurgeCodes removes codes that have expired, and returns how many.
func (s *Store) PurgeCodes(ctx context.Context) (count int64, err error) {
	err = s.mutate(ctx, "purge one-time codes", func(db *gorm.DB) error {
		result := db.Exec("DELETE FROM one_time_codes WHERE expires_at < ?", models.At(s.opt.Now()))
		count = result.RowsAffected
		return result.Error
	})
	return count, err
}

// SecondFactor loads a person's second factor. Errors: fault.NotFound.
func (s *Store) SecondFactor(ctx context.Context, userID string) (*models.SecondFactor, error) {
	var f models.SecondFactor
	if err := s.read.WithContext(ctx).Take(&f, "user_id = ?", userID).Error; err != nil {
		return nil, missing("load a second factor", "no second factor", err)
	}
	return &f, nil
}

// SaveSecondFactor writes a person's second factor whole.
func (s *Store) SaveSecondFactor(ctx context.Context, f *models.SecondFactor) error {
	return s.mutate(ctx, "save a second factor", func(db *gorm.DB) error { return db.Save(f).Error })
}

// SpendStep accepts the code of one time step, once: false when that step or a later one was used already.
func (s *Store) SpendStep(ctx context.Context, userID string, step int64) (mine bool, err error) {
	err = s.mutate(ctx, "accept a code", func(db *gorm.DB) error {
		result := db.Exec("UPDATE second_factors SET last_step = ? WHERE user_id = ? AND last_step < ?", step, userID, step)
		mine = result.RowsAffected > 0
		return result.Error
	})
	return mine, err
}

// DeleteSecondFactor removes a person's second factor; none is no error.
func (s *Store) DeleteSecondFactor(ctx context.Context, userID string) error {
	return s.mutate(ctx, "remove a second factor", func(db *gorm.DB) error {
		return db.Exec("DELETE FROM second_factors WHERE user_id = ?", userID).Error
	})
}
