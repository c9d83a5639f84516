package store

import (
	"context"

	"gatehouse/models"
)

// ProviderCalls is what one provider was asked since a moment.
type ProviderCalls struct {
	Provider string
	Requests int64
	Failed   int64
}

// CallsByProvider counts the calls since a moment by provider, refused ones under "". It looks at most at cap of the
// newest calls, so that a tile never walks millions of rows; capped says that there were more.
func (s *Store) CallsByProvider(ctx context.Context, visible Scope, from models.Time, most int64) (calls []ProviderCalls, capped bool, err error) {
	w := new(where)
	visible.spend(w)
	w.add("started_at >= ?", from)
	err = s.read.WithContext(ctx).Raw("SELECT provider, count(*) AS requests, CAST(COALESCE(sum(CASE WHEN status = 'failure' THEN 1 ELSE 0 END), 0) AS BIGINT) AS failed"+
		" FROM (SELECT provider, status FROM spend_records"+w.sql()+" ORDER BY started_at DESC, id DESC LIMIT ?) newest GROUP BY provider ORDER BY provider",
		append(w.args, most)...).Find(&calls).Error
	var seen int64
	for _, c := range calls {
		seen += c.Requests
	}
	return calls, seen >= most, fail("count calls", err)
}

// LastFailures gives the newest failed call of each provider since a moment.
func (s *Store) LastFailures(ctx context.Context, visible Scope, from models.Time) ([]models.SpendRow, error) {
	w := new(where)
	visible.spend(w)
	w.add("started_at >= ?", from)
	w.add("status <> 'success'") // names the index over the few that are not
	w.add("status = 'failure'")
	w.add("provider <> ''")
	var rows []models.SpendRow
	// Call ids are ULIDs, so the largest is the newest.
	err := s.read.WithContext(ctx).Raw("SELECT * FROM spend_records WHERE id IN (SELECT max(id) FROM spend_records"+w.sql()+" GROUP BY provider) ORDER BY started_at DESC",
		w.args...).Find(&rows).Error
	return rows, fail("list failures", err)
}
