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
	scope, err := access.Scope(who, access.KeyList)
	if err != nil {
		return nil, err
	}
	now := k.Now()
	keys, err := k.Store.KeysNeedingAttention(ctx, store.Attention{
		Visible: visible(scope), Now: models.At(now), ExpireBefore: models.At(now.Add(attentionSoon)), UnusedSince: models.At(now.Add(-attentionUnused)),
		NearShare: attentionShare,
	}, most)
	if err != nil {
		return nil, err
	}
	return k.keyViews(ctx, k.Store, keys)
}

// Decider is what lets a key call a model, or does not.
type Decider string

// The deciders, in the order in which they are asked.
const (
	DecidesKey     Decider = "key"
	DecidesTeam    Decider = "team"
	DecidesUser    Decider = "user"
	DecidesOrg     Decider = "organization"
	DecidesNothing Decider = "" // everything admits it
)

// AccessAnswer is the answer of CheckAccess.
type AccessAnswer struct {
	Allowed bool
	By      Decider // whose list refuses it
	ID      string  // of the team, person or organization
	Name    string  // of it, where it has one
}

// CheckAccess says whether a key may call a model, or whose model list refuses it. It asks of lists alone: whether the key is
// blocked, expired or out of budget is on its page. Errors: NotFound, Forbidden.
func (k *Keys) CheckAccess(ctx context.Context, who access.Actor, ref, model string) (*AccessAnswer, error) {
	if err := k.gate(ctx, who, access.KeyInfo); err != nil {
		return nil, err
	}
	key, err := k.key(ctx, k.Store, ref)
	if err != nil {
		return nil, notFound("key", "", err)
	}
	if err := access.Check(who, access.KeyInfo, access.Key(key)); err != nil {
		return nil, err
	}
	team, err := k.teamOf(ctx, key)
	if err != nil {
		return nil, err
	}
	names := aliasesOf(key, team, model)
	admits := func(list []string) bool {
		for _, name := range names {
			if len(list) == 0 || k.Models.Admits(list, name, deref(key.TeamID)) {
				return true
			}
		}
		return false
	}
	if own := keyList(&access.Via{TeamID: deref(key.TeamID), Models: key.Models}); !admits(own) {
		return &AccessAnswer{By: DecidesKey, ID: key.ID, Name: deref(key.Alias)}, nil
	}
	if team != nil {
		if !admits(team.Models) {
			return &AccessAnswer{By: DecidesTeam, ID: team.ID, Name: deref(team.Alias)}, nil
		}
	} else if owner, err := k.ownerOf(ctx, key); err != nil {
		return nil, err
	} else if owner != nil && !admits(owner.Models) {
		return &AccessAnswer{By: DecidesUser, ID: owner.ID, Name: deref(owner.Email)}, nil
	}
	org, err := k.orgOf(ctx, key, team)
	if err != nil || org == nil || admits(org.Models) {
		return &AccessAnswer{Allowed: true}, err
	}
	return &AccessAnswer{By: DecidesOrg, ID: org.ID, Name: deref(org.Alias)}, nil
}

// aliasesOf is the model under every name by which a list may admit it: the key's alias stands in its place, the team's
// beside it, as in the data plane.
func aliasesOf(key *models.Key, team *models.Team, model string) []string {
	if to, has := key.Aliases[model]; has {
		model = to
	}
	names := []string{model}
	if team != nil {
		if to, has := team.ModelAliases[model]; has {
			names = append(names, to)
		}
	}
	return names
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

func (b *base) orgOf(ctx context.Context, key *models.Key, team *models.Team) (*models.Organization, error) {
	id := deref(key.OrgID)
	if team != nil && team.OrgID != nil {
		id = *team.OrgID
	}
	if id == "" {
		return nil, nil //nolint:nilnil // in no organization
	}
	org, err := b.Store.Organization(ctx, id)
	if absent(err) {
		return nil, nil //nolint:nilnil // as above
	}
	return org, err
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
