package control

import (
	"context"
	"time"

	"gatehouse/app/access"
	"gatehouse/models"
	"gatehouse/models/store"
)

// What Attention calls near, soon and unused.
const (
	attentionShare  = 80
	attentionSoon   = 7 * 24 * time.Hour
	attentionUnused = 60 * 24 * time.Hour
)

// Attention lists the keys that the caller sees and that want an answer: over or near their budget, blocked, expired or
// expiring within a week, unused for 60 days; the most pressing first, at most most of them.
func (k *Keys) Attention(ctx context.Context, who access.Actor, most int) ([]KeyView, error) {
	a, err := k.attention(who)
	if err != nil {
		return nil, err
	}
	keys, err := k.Store.KeysNeedingAttention(ctx, a, most)
	if err != nil {
		return nil, err
	}
	return k.keyViews(ctx, k.Store, keys)
}

// AttentionCount is how many keys Attention would list without an end, by what they want an answer for.
func (k *Keys) AttentionCount(ctx context.Context, who access.Actor) (out AttentionCount, err error) {
	a, err := k.attention(who)
	if err != nil {
		return out, err
	}
	counts, err := k.Store.CountKeysNeedingAttention(ctx, a)
	for _, c := range counts {
		switch c.RankOf {
		case store.AttentionOverBudget:
			out.OverBudget = c.Keys
		case store.AttentionBlocked:
			out.Blocked = c.Keys
		case store.AttentionExpired:
			out.Expired = c.Keys
		case store.AttentionExpiring:
			out.Expiring = c.Keys
		case store.AttentionNearBudget:
			out.NearBudget = c.Keys
		case store.AttentionUnused:
			out.Unused = c.Keys
		}
	}
	return out, err
}

// AttentionCount is how many keys want an answer, each counted for the most pressing thing.
type AttentionCount struct {
	OverBudget, Blocked, Expired, Expiring, NearBudget, Unused int64
}

func (k *Keys) attention(who access.Actor) (store.Attention, error) {
	scope, err := access.Scope(who, access.KeyList)
	if err != nil {
		return store.Attention{}, err
	}
	now := k.Now()
	return store.Attention{
		Visible: visible(scope), Now: models.At(now), ExpireBefore: models.At(now.Add(attentionSoon)), UnusedSince: models.At(now.Add(-attentionUnused)),
		NearShare: attentionShare,
	}, nil
}

func (b *base) teamOf(ctx context.Context, key *models.Key) (*models.Team, error) {
	if key.TeamID == nil {
		return nil, nil //nolint:nilnil // a personal key has no team
	}
	team, err := b.Store.Team(ctx, *key.TeamID)
	if absent(err) {
		return nil, nil //nolint:nilnil // an imported key may name a team that is gone
	}
	return team, err
}

func (b *base) ownerOf(ctx context.Context, key *models.Key) (*models.User, error) {
	if key.UserID == nil {
		return nil, nil //nolint:nilnil // a service account's key has no owner
	}
	user, err := b.Store.User(ctx, *key.UserID)
	if absent(err) {
		return nil, nil //nolint:nilnil // keys may name people without a row
	}
	return user, err
}

// KeyFrame is what stands around a key: the rows whose limits hold for it too.
type KeyFrame struct {
	Team *models.Team // nil: a personal key
	User *models.User // the owner; without a password hash
}

// Frame loads what stands around a key. Errors: Forbidden, NotFound.
func (k *Keys) Frame(ctx context.Context, who access.Actor, key *models.Key) (*KeyFrame, error) {
	if err := access.Check(who, access.KeyInfo, access.Key(key)); err != nil {
		return nil, err
	}
	out := &KeyFrame{}
	var err error
	if out.Team, err = k.teamOf(ctx, key); err != nil {
		return nil, err
	}
	if out.User, err = k.ownerOf(ctx, key); err != nil {
		return nil, err
	}
	if out.User != nil {
		out.User.PasswordHash = ""
	}
	return out, nil
}
