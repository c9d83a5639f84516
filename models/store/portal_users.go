package store

import (
	"context"

	"gatehouse/models"
)

// InvitedUsers lists the people who hold an open invitation, the newest first, at most MaxPage of them.
func (s *Store) InvitedUsers(ctx context.Context) ([]string, error) {
	var ids []string
	err := s.read.WithContext(ctx).Raw(`SELECT user_id FROM invitations WHERE accepted_at IS NULL AND revoked_at IS NULL AND expires_at > ?
GROUP BY user_id ORDER BY max(created_at) DESC LIMIT ?`, models.At(s.opt.Now()), MaxPage).Find(&ids).Error
	return ids, fail("list invited people", err)
}
