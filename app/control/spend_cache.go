package control

import (
	"context"

	"gatehouse/app/access"
	"gatehouse/models/store"
)

// CacheRow is what the response cache did for one key, model and call type.
type CacheRow struct {
	KeyHash, Model, CallType string
	Usage                    Usage
}

// CacheHits sums calls and hits by key, public model and call type. Errors: Forbidden, Invalid.
func (s *Spend) CacheHits(ctx context.Context, who access.Actor, q SpendQuery) ([]CacheRow, error) {
	f, err := s.filter(ctx, who, &q, true)
	if err != nil {
		return nil, err
	}
	rows, err := s.Store.Report(ctx, f, store.ByKey, store.ByModelGroup, store.ByCallType)
	if err != nil {
		return nil, err
	}
	keys := make([]Slice, len(rows))
	for i := range rows {
		keys[i] = Slice{Value: rows[i].KeyID}
	}
	if err := s.label(ctx, ByKey, pointers(keys)); err != nil {
		return nil, err
	}
	out := make([]CacheRow, len(rows))
	for i := range rows {
		out[i] = CacheRow{KeyHash: keys[i].Hash, Model: rows[i].ModelGroup, CallType: rows[i].CallType, Usage: usage(rows[i].Metrics)}
	}
	return out, nil
}
