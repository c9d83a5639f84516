package control

import (
	"context"

	"gatehouse/app/access"
	"gatehouse/models"
	"gatehouse/models/fault"
	"gatehouse/models/store"
)

// Budgeter knows how the budgets of a key stand at this moment, by the rules that the data plane refuses calls by.
type Budgeter interface {
	// KeyBudget gives every scope that a call with the key is counted in, in the order in which a refusal is reported. With
	// a model it says for that one whether it would be refused; without, for any priced one, and lists every budget that the
	// key has for a model. customer is the end user that the call would name. ok is false while this process does not know
	// the key.
	KeyBudget(ctx context.Context, keyID, model, customer string) (b KeyBudget, ok bool, err error)
}

// KeyBudget is how a key's budgets stand.
type KeyBudget struct {
	Hash      string
	Mode      string // firm or exact
	Model     string // that was asked about, after aliases; empty: any
	RefusedBy string // scope that would refuse a call now; empty: none
	Scopes    []ScopeBudget
}

// ScopeBudget is one scope of it. Money is of the present window.
type ScopeBudget struct {
	Scope, ID, Model      string
	Counter               string       // models.Scope…
	MaxBudget, Soft       *models.Nano // nil: none
	Spent                 models.Nano
	Held                  models.Nano  // by calls that are under way in this process
	Lent                  models.Nano  // of the cap, to the replicas, which have not spent it yet
	Lost                  models.Nano  // went with replicas that are gone
	Left                  *models.Nano // nil: no cap
	Duration              string
	ResetsAt              *models.Time
	Refuses, Confidential bool // Confidential: this caller is told no figures
}

// Budget explains a key's budgets; without a key, those of the caller's own. Who sees the key sees them, but for the
// figures of its organization and of the whole proxy, which are for those who see everything.
// Errors: fault.NotFound, fault.Forbidden, fault.Unavailable.
func (k *Keys) Budget(ctx context.Context, who access.Actor, ref, model, customer string) (*KeyBudget, error) {
	v, err := k.Info(ctx, who, ref)
	if err != nil {
		return nil, err
	}
	if k.Explain == nil {
		return nil, fault.New(fault.Unavailable, "budgets cannot be told yet")
	}
	b, ok, err := k.Explain.KeyBudget(ctx, v.Key.ID, model, customer)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fault.New(fault.Unavailable, "this key is not served here yet")
	}
	b.Hash = v.Key.Hash
	if !who.SeesAll() {
		for i := range b.Scopes {
			s := &b.Scopes[i]
			switch s.Scope {
			case "organization", "proxy", "end_user":
				*s = ScopeBudget{Scope: s.Scope, ID: s.ID, Refuses: s.Refuses, Confidential: true}
			}
		}
	}
	return &b, nil
}

// ReleaseBudget gives back what replicas that are gone have of the budgets that a key's calls are counted in, and tells
// which scopes had lost how much. Should such a replica come back after all, what it had spent is booked beyond that.
// Errors: fault.NotFound, fault.Forbidden, fault.Unavailable.
func (k *Keys) ReleaseBudget(ctx context.Context, who access.Actor, ref string) (hash string, freed []ScopeBudget, err error) {
	if err := k.gate(ctx, who, access.KeyReleaseBudget); err != nil {
		return "", nil, err
	}
	err = k.change(ctx, who, access.KeyReleaseBudget, ref2id(ref), func(tx *store.Store) error {
		key, err := k.key(ctx, tx, ref)
		if err != nil {
			return notFound("key", "", err)
		}
		if err := access.Check(who, access.KeyReleaseBudget, access.Key(key)); err != nil {
			return err
		}
		if k.Explain == nil {
			return fault.New(fault.Unavailable, "budgets cannot be told yet")
		}
		b, ok, err := k.Explain.KeyBudget(ctx, key.ID, "", "")
		if err != nil {
			return err
		}
		if !ok {
			return fault.New(fault.Unavailable, "this key is not served here yet")
		}
		scopes := make([]string, len(b.Scopes))
		for i := range b.Scopes {
			scopes[i] = b.Scopes[i].Counter
		}
		lost, err := tx.ReleaseLost(ctx, scopes...)
		if err != nil {
			return err
		}
		hash, freed = key.Hash, nil
		for _, s := range b.Scopes {
			if s.Lost = lost[s.Counter]; s.Lost != 0 {
				freed = append(freed, s)
			}
		}
		return k.audit(ctx, tx, who, access.KeyReleaseBudget, key.ID, map[string]any{"lost": lost}, map[string]any{"lost": map[string]any{}})
	})
	return hash, freed, err
}
