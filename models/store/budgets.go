package store

import (
	"context"

	"gorm.io/gorm"

	"gatehouse/models"
	"gatehouse/models/fault"
)

const noBudget = "no such budget"

// BudgetRow is a budget as lists show it.
type BudgetRow struct {
	models.Budget `gorm:"embedded"`
	Linked        int64 // keys, members, customers and organizations that use it
}

// budgetLinks counts what uses the budget b.
const budgetLinks = `((SELECT count(*) FROM keys x WHERE x.budget_id = b.id)
  + (SELECT count(*) FROM memberships x WHERE x.budget_id = b.id)
  + (SELECT count(*) FROM org_memberships x WHERE x.budget_id = b.id)
  + (SELECT count(*) FROM customers x WHERE x.budget_id = b.id)
  + (SELECT count(*) FROM organizations x WHERE x.budget_id = b.id)) AS linked`

// Budget loads one budget by id. Errors: fault.NotFound.
func (s *Store) Budget(ctx context.Context, id string) (*models.Budget, error) {
	var budget models.Budget
	if err := s.read.WithContext(ctx).Take(&budget, "id = ?", id).Error; err != nil {
		return nil, missing("load a budget", noBudget, err)
	}
	return &budget, nil
}

// BudgetsByID loads budgets by id, in no order; unknown ids are left out.
func (s *Store) BudgetsByID(ctx context.Context, ids []string) ([]models.Budget, error) {
	var budgets []models.Budget
	err := s.read.WithContext(ctx).Where("id IN ?", ids).Find(&budgets).Error
	return budgets, fail("load budgets", err)
}

// ListBudgets gives every budget with the number of rows that use it, by creation.
func (s *Store) ListBudgets(ctx context.Context) ([]BudgetRow, error) {
	var rows []BudgetRow
	err := s.read.WithContext(ctx).Raw("SELECT b.*, " + budgetLinks + " FROM budgets b ORDER BY b.created_at, b.id").Find(&rows).Error
	return rows, fail("list budgets", err)
}

// BudgetLinks counts the rows that use one budget.
func (s *Store) BudgetLinks(ctx context.Context, id string) (int64, error) {
	var linked int64
	err := s.read.WithContext(ctx).Raw("SELECT "+budgetLinks+" FROM budgets b WHERE b.id = ?", id).Find(&linked).Error
	return linked, fail("count the users of a budget", err)
}

// InsertBudget adds a budget. Errors: fault.Conflict with Param "budget_id".
func (s *Store) InsertBudget(ctx context.Context, budget *models.Budget) error {
	return s.mutate(ctx, "add a budget", func(db *gorm.DB) error { return db.Create(budget).Error })
}

// UpdateBudget writes every column of budget but its id, creation and stamp. Errors: fault.NotFound.
func (s *Store) UpdateBudget(ctx context.Context, budget *models.Budget) error {
	return s.mutate(ctx, "update a budget", func(db *gorm.DB) error {
		return changed(db.Select("*").Omit("id", "created_at", "created_by", "change_seq").
			Where("id = ?", budget.ID).Updates(budget), noBudget)
	})
}

// DeleteBudget removes a budget that nothing uses. Errors: fault.NotFound, fault.Conflict while something does.
func (s *Store) DeleteBudget(ctx context.Context, id string) error {
	return s.mutate(ctx, "delete a budget", func(db *gorm.DB) error {
		err := changed(db.Exec("DELETE FROM budgets WHERE id = ?", id), noBudget)
		if isForeignKey(err) {
			return fault.New(fault.Conflict, "this budget is in use").WithParam("budget_id").WithCause(err)
		}
		return err
	})
}
