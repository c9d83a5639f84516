package store

import (
	"context"

	"gorm.io/gorm"

	"gatehouse/models"
)

// DropOwnBudgets removes those of the rows that were made for one owner and that nothing uses any more. What an operator
// made, and what something else was linked to, stays.
func (s *Store) DropOwnBudgets(ctx context.Context, ids ...string) error {
	if len(ids) == 0 {
		return nil
	}
	return s.mutate(ctx, "delete budgets without an owner", func(db *gorm.DB) error {
		return db.Exec(`DELETE FROM budgets WHERE id IN ? AND own
  AND NOT EXISTS (SELECT 1 FROM keys x WHERE x.budget_id = budgets.id)
  AND NOT EXISTS (SELECT 1 FROM memberships x WHERE x.budget_id = budgets.id)
  AND NOT EXISTS (SELECT 1 FROM org_memberships x WHERE x.budget_id = budgets.id)
  AND NOT EXISTS (SELECT 1 FROM customers x WHERE x.budget_id = budgets.id)
  AND NOT EXISTS (SELECT 1 FROM organizations x WHERE x.budget_id = budgets.id)`, ids).Error
	})
}

// BudgetScopes lists the scopes whose reset goes by this budget row: what is linked to it and has no duration of its own.
func (s *Store) BudgetScopes(ctx context.Context, id string) ([]string, error) {
	db := s.read.WithContext(ctx)
	var scopes []string
	for _, of := range []struct {
		query string
		scope func(id string) string
	}{
		{"SELECT id FROM keys WHERE budget_id = ? AND budget_duration IS NULL", models.ScopeKey},
		{"SELECT id FROM organizations WHERE budget_id = ?", models.ScopeOrg},
		{"SELECT id FROM customers WHERE budget_id = ? AND budget_duration IS NULL", models.ScopeCustomer},
	} {
		var ids []string
		if err := db.Raw(of.query, id).Scan(&ids).Error; err != nil {
			return nil, fail("list the users of a budget", err)
		}
		for _, one := range ids {
			scopes = append(scopes, of.scope(one))
		}
	}
	var members []models.Membership
	if err := db.Raw("SELECT team_id, user_id FROM memberships WHERE budget_id = ?", id).Scan(&members).Error; err != nil {
		return nil, fail("list the users of a budget", err)
	}
	for _, m := range members {
		scopes = append(scopes, models.ScopeMember(m.TeamID, m.UserID))
	}
	return scopes, nil
}
