package store

import (
	"context"

	"gorm.io/gorm"

	"gatehouse/models"
)

const (
	noOrg       = "no such organization"
	noOrgMember = "this user is not a member of the organization"
)

// OrgMemberRow is a person's place in an organization, with who they are.
type OrgMemberRow struct {
	models.OrgMembership `gorm:"embedded"`
	UserEmail            *string
	UserAlias            *string
}

// Organization loads one organization by id. Errors: fault.NotFound.
func (s *Store) Organization(ctx context.Context, id string) (*models.Organization, error) {
	var org models.Organization
	if err := s.read.WithContext(ctx).Take(&org, "id = ?", id).Error; err != nil {
		return nil, missing("load an organization", noOrg, err)
	}
	return &org, nil
}

// ListOrganizations gives every organization, or those that memberID is in, by creation.
func (s *Store) ListOrganizations(ctx context.Context, memberID string) ([]models.Organization, error) {
	db := s.read.WithContext(ctx)
	if memberID != "" {
		db = db.Where("id IN (SELECT organization_id FROM org_memberships WHERE user_id = ?)", memberID)
	}
	var orgs []models.Organization
	err := db.Order("created_at, id").Find(&orgs).Error
	return orgs, fail("list organizations", err)
}

// InsertOrganization adds an organization; its budget row must exist. Errors: fault.Conflict, fault.Invalid.
func (s *Store) InsertOrganization(ctx context.Context, org *models.Organization) error {
	return s.mutate(ctx, "add an organization", func(db *gorm.DB) error { return db.Create(org).Error })
}

// UpdateOrganization writes every column of org but its id, creation and stamp. Errors: fault.NotFound.
func (s *Store) UpdateOrganization(ctx context.Context, org *models.Organization) error {
	return s.mutate(ctx, "update an organization", func(db *gorm.DB) error {
		return changed(db.Select("*").Omit("id", "created_at", "created_by", "change_seq").
			Where("id = ?", org.ID).Updates(org), noOrg)
	})
}

// DeleteOrganizations removes organizations with their memberships and counters. Teams and keys that name them are
// the caller's business. It returns how many there were.
func (s *Store) DeleteOrganizations(ctx context.Context, ids []string) (count int64, err error) {
	err = s.mutate(ctx, "delete organizations", func(db *gorm.DB) error {
		scopes := make([]string, len(ids))
		for i, id := range ids {
			scopes[i] = models.ScopeOrg(id)
		}
		if err := db.Exec("DELETE FROM counters WHERE scope IN ?", scopes).Error; err != nil {
			return err
		}
		result := db.Exec("DELETE FROM organizations WHERE id IN ?", ids) // memberships go with them (foreign key)
		count = result.RowsAffected
		return result.Error
	})
	return count, err
}

// OrgMembership loads one person's place in one organization. Errors: fault.NotFound.
func (s *Store) OrgMembership(ctx context.Context, orgID, userID string) (*models.OrgMembership, error) {
	var m models.OrgMembership
	if err := s.read.WithContext(ctx).Take(&m, "organization_id = ? AND user_id = ?", orgID, userID).Error; err != nil {
		return nil, missing("load an organization membership", noOrgMember, err)
	}
	return &m, nil
}

// MembersOfOrganizations lists everybody in these organizations, in the order in which they came.
func (s *Store) MembersOfOrganizations(ctx context.Context, orgIDs ...string) ([]OrgMemberRow, error) {
	return s.orgMembers(ctx, "m.organization_id IN ?", orgIDs)
}

// OrgMembershipsOfUsers lists every place these users have in organizations.
func (s *Store) OrgMembershipsOfUsers(ctx context.Context, userIDs ...string) ([]OrgMemberRow, error) {
	return s.orgMembers(ctx, "m.user_id IN ?", userIDs)
}

func (s *Store) orgMembers(ctx context.Context, condition string, ids []string) ([]OrgMemberRow, error) {
	var rows []OrgMemberRow
	err := s.read.WithContext(ctx).Raw("SELECT m.*, u.email AS user_email, u.alias AS user_alias FROM org_memberships m"+
		" LEFT JOIN users u ON u.id = m.user_id WHERE "+condition+" ORDER BY m.organization_id, m.created_at, m.user_id", ids).Find(&rows).Error
	return rows, fail("list organization members", err)
}

// InsertOrgMembership adds a person to an organization. Errors: fault.Conflict with Param "user_id", fault.Invalid.
func (s *Store) InsertOrgMembership(ctx context.Context, m *models.OrgMembership) error {
	return s.mutate(ctx, "add an organization member", func(db *gorm.DB) error { return db.Create(m).Error })
}

// UpdateOrgMembership writes role, budget and who changed it. Errors: fault.NotFound.
func (s *Store) UpdateOrgMembership(ctx context.Context, m *models.OrgMembership) error {
	return s.mutate(ctx, "update an organization member", func(db *gorm.DB) error {
		return changed(db.Model(&models.OrgMembership{}).Where("organization_id = ? AND user_id = ?", m.OrgID, m.UserID).
			Updates(map[string]any{"role": m.Role, "budget_id": m.BudgetID, "updated_at": m.UpdatedAt, "updated_by": m.UpdatedBy}), noOrgMember)
	})
}

// DeleteOrgMembership takes a person out of an organization. Errors: fault.NotFound.
func (s *Store) DeleteOrgMembership(ctx context.Context, orgID, userID string) error {
	return s.mutate(ctx, "remove an organization member", func(db *gorm.DB) error {
		return changed(db.Exec("DELETE FROM org_memberships WHERE organization_id = ? AND user_id = ?", orgID, userID), noOrgMember)
	})
}
