package store

import (
	"context"

	"gorm.io/gorm"

	"gatehouse/models"
	"gatehouse/models/fault"
)

const noInvitation = "no such invitation"

// Invitation loads one invitation by the hash of its id. Errors: fault.NotFound.
func (s *Store) Invitation(ctx context.Context, hash string) (*models.Invitation, error) {
	var inv models.Invitation
	if err := s.read.WithContext(ctx).Take(&inv, "hash = ?", hash).Error; err != nil {
		return nil, missing("load an invitation", noInvitation, err)
	}
	return &inv, nil
}

// InvitationsOfUsers lists the invitations of these users, newest first.
func (s *Store) InvitationsOfUsers(ctx context.Context, userIDs ...string) ([]models.Invitation, error) {
	var list []models.Invitation
	err := s.read.WithContext(ctx).Where("user_id IN ?", userIDs).Order("created_at DESC, hash").Find(&list).Error
	return list, fail("list invitations", err)
}

// InsertInvitation adds an invitation and revokes the user's older ones that nobody has used, in one transaction.
// Errors: fault.Invalid when the user does not exist.
func (s *Store) InsertInvitation(ctx context.Context, inv *models.Invitation) error {
	return s.mutate(ctx, "add an invitation", func(db *gorm.DB) error {
		if err := s.revokeInvitations(db, inv.UserID, inv.CreatedBy); err != nil {
			return err
		}
		return db.Create(inv).Error
	})
}

// ClaimInvitation uses up an invitation and says whose it is. Of any number of claims at once exactly one succeeds. Run
// it in the transaction that sets the password. Errors: fault.Unauthenticated when it is unknown, used, revoked or expired.
func (s *Store) ClaimInvitation(ctx context.Context, hash string) (userID string, err error) {
	err = s.mutate(ctx, "claim an invitation", func(db *gorm.DB) error {
		now := models.At(s.opt.Now())
		return db.Raw(`UPDATE invitations SET accepted_at = ?, updated_at = ?, updated_by = user_id
WHERE hash = ? AND accepted_at IS NULL AND revoked_at IS NULL AND expires_at > ? RETURNING user_id`,
			now, now, hash, now).Find(&userID).Error
	})
	if err == nil && userID == "" {
		err = fault.New(fault.Unauthenticated, "this invitation cannot be used")
	}
	return userID, err
}

// RevokeInvitations ends every unused invitation of a user: on a new one, a block, a password set another way.
func (s *Store) RevokeInvitations(ctx context.Context, userID, by string) error {
	return s.mutate(ctx, "revoke invitations", func(db *gorm.DB) error { return s.revokeInvitations(db, userID, by) })
}

func (s *Store) revokeInvitations(db *gorm.DB, userID, by string) error {
	now := models.At(s.opt.Now())
	return db.Exec(`UPDATE invitations SET revoked_at = ?, updated_at = ?, updated_by = ?
WHERE user_id = ? AND accepted_at IS NULL AND revoked_at IS NULL`, now, now, by, userID).Error
}

// UpdateInvitation writes accepted, revoked, expiry and who changed it. Errors: fault.NotFound.
func (s *Store) UpdateInvitation(ctx context.Context, inv *models.Invitation) error {
	return s.mutate(ctx, "update an invitation", func(db *gorm.DB) error {
		return changed(db.Model(&models.Invitation{}).Where("hash = ?", inv.Hash).Updates(map[string]any{
			"accepted_at": inv.AcceptedAt, "revoked_at": inv.RevokedAt, "expires_at": inv.ExpiresAt,
			"updated_at": inv.UpdatedAt, "updated_by": inv.UpdatedBy,
		}), noInvitation)
	})
}

// DeleteInvitation removes an invitation. Errors: fault.NotFound.
func (s *Store) DeleteInvitation(ctx context.Context, hash string) error {
	return s.mutate(ctx, "delete an invitation", func(db *gorm.DB) error {
		return changed(db.Exec("DELETE FROM invitations WHERE hash = ?", hash), noInvitation)
	})
}
