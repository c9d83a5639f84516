package store

import (
	"context"

	"gorm.io/gorm"

	"gatehouse/models"
)

// Lent tells how the windows of these scopes stand in the books: spent, lent to replicas, lost with dead ones. A scope
// without a row is absent. Errors: fault.Unavailable.
func (s *Store) Lent(ctx context.Context, scopes ...string) (map[string]models.SliceView, error) {
	out := make(map[string]models.SliceView, len(scopes))
	if len(scopes) == 0 {
		return out, nil
	}
	var rows []accountRow
	err := s.read.WithContext(ctx).Raw("SELECT "+counterColumns+", sliced, lost FROM counters WHERE scope IN ?", scopes).Find(&rows).Error
	for i := range rows {
		r := &rows[i]
		out[r.Scope] = models.SliceView{Spent: models.Nano(r.Spent), Sliced: models.Nano(r.Sliced), Lost: models.Nano(r.Lost)}
	}
	return out, fail("read what is lent of budgets", err)
}

// ReleaseLost frees what replicas that are gone had of these scopes, and gives what that was where it was anything.
// Errors: fault.Unavailable.
func (s *Store) ReleaseLost(ctx context.Context, scopes ...string) (lost map[string]models.Nano, err error) {
	lost = map[string]models.Nano{}
	if !s.postgres || len(scopes) == 0 {
		return lost, nil
	}
	err = s.mutate(ctx, "release what was lost", func(db *gorm.DB) error {
		var rows []accountRow
		err := db.Raw("SELECT scope, lost FROM counters WHERE scope IN ? AND lost <> 0 ORDER BY scope FOR UPDATE", scopes).Find(&rows).Error
		if err != nil {
			return err
		}
		for _, row := range rows {
			lost[row.Scope] = models.Nano(row.Lost)
			if err := db.Exec("UPDATE counters SET lost = 0 WHERE scope = ?", row.Scope).Error; err != nil {
				return err
			}
			if err := s.counterSet(db, row.Scope); err != nil {
				return err
			}
		}
		return nil
	})
	return lost, err
}
