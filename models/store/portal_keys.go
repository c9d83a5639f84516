package store

import (
	"context"

	"gatehouse/models"
)

// Attention says when a key wants an answer.
type Attention struct {
	Visible      Scope
	Now          models.Time
	ExpireBefore models.Time // keys that end until then, or have ended within the same time
	UnusedSince  models.Time // keys that were made and last used before
	NearShare    int64       // per cent of the budget
}

// What a key needs attention for, the most pressing first.
const (
	AttentionOverBudget = iota + 1
	AttentionBlocked
	AttentionExpired
	AttentionExpiring
	AttentionNearBudget
	AttentionUnused
)

// AttentionCount is how many keys need attention for one thing.
type AttentionCount struct {
	RankOf int
	Keys   int64
}

// CountKeysNeedingAttention is how many keys KeysNeedingAttention would list without a limit, by what they need it for, the
// most pressing first.
func (s *Store) CountKeysNeedingAttention(ctx context.Context, a Attention) (counts []AttentionCount, err error) {
	ranked, args := a.ranked()
	err = s.read.WithContext(ctx).Raw("SELECT p.rank_of, COUNT(*) AS keys FROM ("+ranked+") p WHERE p.rank_of < 9 GROUP BY p.rank_of ORDER BY p.rank_of", args...).
		Find(&counts).Error
	return counts, fail("count keys that need attention", err)
}

// KeysNeedingAttention lists the keys that are over or near their budget, blocked, expired or expiring, or unused, the most
// pressing first, at most limit of them.
func (s *Store) KeysNeedingAttention(ctx context.Context, a Attention, limit int) ([]models.Key, error) {
	ranked, args := a.ranked()
	query := "SELECT k.* FROM (" + ranked + ") p JOIN keys k ON k.id = p.id WHERE p.rank_of < 9 ORDER BY p.rank_of, p.spent_of DESC, k.id LIMIT ?"
	var keys []models.Key
	err := s.read.WithContext(ctx).Raw(query, append(args, limit)...).Find(&keys).Error
	return keys, fail("list keys that need attention", err)
}

// ranked selects the keys in sight with the rank of what they want; 9 is nothing.
func (a Attention) ranked() (query string, args []any) {
	w := new(where)
	a.Visible.keys(w, "k")
	w.add("(k.team_id IS NULL OR k.team_id <> ?)", models.UISessionTeam)
	now, soon := a.Now.Micros(), a.ExpireBefore.Micros()
	span := soon - now
	const most = "COALESCE(k.max_budget, b.max_budget)"
	// One expression gives the rank and the condition: what matches none of it has rank 9 and is left out.
	rank := "CASE WHEN COALESCE(k.blocked, FALSE) THEN 2" +
		" WHEN " + most + " > 0 AND c.spent >= " + most + " THEN 1" +
		" WHEN k.expires_at > ? AND k.expires_at <= ? THEN 3" +
		" WHEN k.expires_at > ? AND k.expires_at <= ? THEN 4" +
		" WHEN " + most + " > 0 AND c.spent >= " + most + " / 100 * ? THEN 5" +
		" WHEN c.last_used_at < ? AND k.created_at < ? AND (k.expires_at IS NULL OR k.expires_at > ?) THEN 6 ELSE 9 END"
	args = []any{now - span, now, now, soon, a.NearShare, a.UnusedSince.Micros(), a.UnusedSince.Micros(), now}
	query = "SELECT k.id, " + rank + " AS rank_of, c.spent AS spent_of FROM keys k JOIN counters c ON c.key_id = k.id" +
		" LEFT JOIN budgets b ON b.id = k.budget_id" + w.sql()
	return query, append(args, w.args...)
}
