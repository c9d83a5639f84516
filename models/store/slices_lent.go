package store

import (
	"context"

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
