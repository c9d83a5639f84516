package store

import (
	"context"

	"gorm.io/gorm"

	"gatehouse/models"
)

const noMember = "this user is not a member of the team"

// MemberRow is a person's place in a team, with who they are. The user's columns are nil when the member has no user
// row (the master key's user).
type MemberRow struct {
	models.Membership `gorm:"embedded"`
	UserEmail         *string
	UserAlias         *string
	UserRole          *models.Role
	TeamAlias         *string
}

// Membership loads one person's place in one team. Errors: fault.NotFound.
func (s *Store) Membership(ctx context.Context, teamID, userID string) (*models.Membership, error) {
	var m models.Membership
	if err := s.read.WithContext(ctx).Take(&m, "team_id = ? AND user_id = ?", teamID, userID).Error; err != nil {
		return nil, missing("load a membership", noMember, err)
	}
	return &m, nil
}

// MembersOfTeams lists everybody in these teams, in the order in which they came.
func (s *Store) MembersOfTeams(ctx context.Context, teamIDs ...string) ([]MemberRow, error) {
	return s.members(ctx, "m.team_id IN ?", teamIDs)
}

// MembershipsOfUsers lists every place these users have in teams.
func (s *Store) MembershipsOfUsers(ctx context.Context, userIDs ...string) ([]MemberRow, error) {
	return s.members(ctx, "m.user_id IN ?", userIDs)
}

func (s *Store) members(ctx context.Context, condition string, ids []string) ([]MemberRow, error) {
	var rows []MemberRow
	err := s.read.WithContext(ctx).Raw("SELECT m.*, u.email AS user_email, u.alias AS user_alias, u.role AS user_role, t.alias AS team_alias"+
		" FROM memberships m JOIN teams t ON t.id = m.team_id LEFT JOIN users u ON u.id = m.user_id WHERE "+condition+
		" ORDER BY m.team_id, m.created_at, m.user_id", ids).Find(&rows).Error
	return rows, fail("list members", err)
}

// InsertMembership adds a person to a team. Errors: fault.Conflict with Param "user_id" for one who is in it already,
// fault.Invalid when the team or the budget does not exist.
func (s *Store) InsertMembership(ctx context.Context, m *models.Membership) error {
	return s.mutate(ctx, "add a member", func(db *gorm.DB) error { return db.Create(m).Error })
}

// UpdateMembership writes role, budget and who changed it. Errors: fault.NotFound.
func (s *Store) UpdateMembership(ctx context.Context, m *models.Membership) error {
	return s.mutate(ctx, "update a member", func(db *gorm.DB) error {
		return changed(db.Model(&models.Membership{}).Where("team_id = ? AND user_id = ?", m.TeamID, m.UserID).
			Updates(map[string]any{"role": m.Role, "budget_id": m.BudgetID, "updated_at": m.UpdatedAt, "updated_by": m.UpdatedBy}), noMember)
	})
}

// DeleteMembership takes a person out of a team. The counter of their place stays: leaving and coming back is no way
// to a fresh budget. Errors: fault.NotFound.
func (s *Store) DeleteMembership(ctx context.Context, teamID, userID string) error {
	return s.mutate(ctx, "remove a member", func(db *gorm.DB) error {
		return changed(db.Exec("DELETE FROM memberships WHERE team_id = ? AND user_id = ?", teamID, userID), noMember)
	})
}
