package store

import (
	"context"

	"gatehouse/models"
	"gatehouse/models/fault"
)

// WriteSpendBodies keeps what was said in calls. Calls that are there already stay as they are. Errors: fault.Unavailable.
func (s *Store) WriteSpendBodies(ctx context.Context, batch []models.SpendBody) error {
	rows := make([][]any, len(batch))
	for i := range batch {
		b := &batch[i]
		rows[i] = []any{clean(b.ID), b.StartedAt.Micros(), clean(string(b.Request)), clean(string(b.Answer)), b.Missing}
	}
	in := insert{into: "spend_bodies", columns: "id text, started_at bigint, request text, answer text, missing text", ending: "ON CONFLICT (id) DO NOTHING"}
	return fail("keep what was said", s.insertRows(s.ledger.WithContext(ctx), in, rows, nil))
}

// SpendBody is what was kept of a call. Errors: fault.NotFound where nothing was.
func (s *Store) SpendBody(ctx context.Context, id string) (*models.SpendBody, error) {
	var found []models.SpendBody
	if err := s.read.WithContext(ctx).Raw("SELECT * FROM spend_bodies WHERE id = ?", id).Find(&found).Error; err != nil {
		return nil, fail("read what was said", err)
	}
	if len(found) == 0 {
		return nil, fault.New(fault.NotFound, "nothing was kept of this request")
	}
	return &found[0], nil
}
