package control

import (
	"context"
	"slices"

	"gatehouse/app/access"
	"gatehouse/models"
	"gatehouse/models/fault"
	"gatehouse/models/store"
)

// Keys are the acts on keys.
type Keys struct{ base }

// key loads a live key by what a request named.
func (k *Keys) key(ctx context.Context, st *store.Store, ref string) (*models.Key, error) {
	r, err := parseRef(ref)
	if err != nil {
		return nil, err
	}
	if r.id != "" {
		return st.Key(ctx, r.id)
	}
	key, err := st.KeyByHash(ctx, r.hash)
	if absent(err) { // a rotated secret in its grace period still names its key
		return st.KeyByOldSecret(ctx, r.hash)
	}
	return key, err
}

// Info loads one key; an empty ref is the key that the call came with. Errors: NotFound, Forbidden, Invalid.
func (k *Keys) Info(ctx context.Context, who access.Actor, ref string) (*KeyView, error) {
	if err := k.gate(ctx, who, access.KeyInfo); err != nil {
		return nil, err
	}
	if ref == "" {
		if who.Key == nil {
			return nil, fault.Missing("key")
		}
		ref = ByID(who.Key.ID)
	}
	key, err := k.key(ctx, k.Store, ref)
	if err != nil {
		// The hash of a secret cannot be guessed, so that there is no such key may be said to anybody.
		return nil, notFound("key", "", err)
	}
	if err := access.Check(who, access.KeyInfo, access.Key(key)); err != nil {
		return nil, err
	}
	return k.keyView(ctx, k.Store, key)
}

// InfoMany loads several keys for admins; unknown ones are left out, and an empty list gives nothing.
func (k *Keys) InfoMany(ctx context.Context, who access.Actor, refs []string) ([]KeyView, error) {
	if err := k.gate(ctx, who, access.KeyInfoMany); err != nil {
		return nil, err
	}
	const most = 500
	if len(refs) > most {
		return nil, fault.BadField("keys", "at most %d keys in one request", most)
	}
	var hashes, ids []string
	for _, ref := range refs {
		r, err := parseRef(ref)
		if err != nil {
			return nil, err
		}
		if r.id != "" {
			ids = append(ids, r.id)
		} else {
			hashes = append(hashes, r.hash)
		}
	}
	var keys []models.Key
	if len(hashes) > 0 {
		rows, err := k.Store.KeysByHash(ctx, hashes)
		if err != nil {
			return nil, err
		}
		keys = append(keys, rows...)
	}
	if len(ids) > 0 {
		rows, err := k.Store.KeysByID(ctx, ids)
		if err != nil {
			return nil, err
		}
		keys = append(keys, rows...)
	}
	return k.keyViews(ctx, k.Store, keys)
}

// Health says that the caller's own key is good; authentication has refused it otherwise. nil for the master key.
func (k *Keys) Health(ctx context.Context, who access.Actor) (*KeyView, error) {
	if who.Master {
		return nil, nil //nolint:nilnil // the master key has no row, and its health is that it got here
	}
	if err := access.Check(who, access.KeyHealth, access.Target{ID: who.KeyID()}); err != nil {
		return nil, err
	}
	if who.Key == nil {
		return nil, fault.New(fault.Invalid, "only a key can ask for its health")
	}
	return k.Info(ctx, who, "")
}

// Delete ends keys, all or none: they move to the archive. It returns the refs that named a key, as given. Errors:
// NotFound when none did, Forbidden when one of them may not be deleted.
func (k *Keys) Delete(ctx context.Context, who access.Actor, refs []string) ([]string, error) {
	return k.deleteWhere(ctx, who, refs, func(tx *store.Store, ref string) (*models.Key, error) { return k.key(ctx, tx, ref) })
}

// DeleteByAlias is Delete by name.
func (k *Keys) DeleteByAlias(ctx context.Context, who access.Actor, aliases []string) ([]string, error) {
	return k.deleteWhere(ctx, who, aliases, func(tx *store.Store, alias string) (*models.Key, error) { return tx.KeyByAlias(ctx, alias) })
}

func (k *Keys) deleteWhere(ctx context.Context, who access.Actor, refs []string, load func(*store.Store, string) (*models.Key, error)) ([]string, error) {
	if err := k.gate(ctx, who, access.KeyDelete); err != nil {
		return nil, err
	}
	if len(refs) == 0 {
		return nil, fault.Missing("keys")
	}
	var found []string
	err := k.change(ctx, who, access.KeyDelete, "", func(tx *store.Store) error {
		found = nil
		var keys []*models.Key
		for _, ref := range refs {
			key, err := load(tx, ref)
			if absent(err) {
				continue
			}
			if err != nil {
				return err
			}
			if err := access.Check(who, access.KeyDelete, access.Key(key)); err != nil {
				return err
			}
			found = append(found, ref)
			keys = append(keys, key)
		}
		if len(keys) == 0 {
			return fault.New(fault.NotFound, "No keys found").WithParam("keys")
		}
		return k.deleteRows(ctx, tx, who, keys)
	})
	return found, err
}

// deleteRows archives keys and writes an audit row for each.
func (b *base) deleteRows(ctx context.Context, tx *store.Store, who access.Actor, keys []*models.Key) error {
	var ids []string
	for _, key := range keys {
		if !slices.Contains(ids, key.ID) {
			ids = append(ids, key.ID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	if _, err := tx.DeleteKeys(ctx, ids, who.Name()); err != nil {
		return err
	}
	for i, key := range keys {
		if slices.IndexFunc(keys, func(o *models.Key) bool { return o.ID == key.ID }) != i {
			continue
		}
		if err := b.audit(ctx, tx, who, access.KeyDelete, key.ID, key, nil); err != nil {
			return err
		}
	}
	return nil
}

// Block stops a key until Unblock; reason may be empty and is shown to the owner. Errors: NotFound, Forbidden.
func (k *Keys) Block(ctx context.Context, who access.Actor, ref, reason string) (*KeyView, error) {
	return k.setBlocked(ctx, who, access.KeyBlock, ref, reason)
}

// Unblock lets a key work again. Errors: NotFound, Forbidden.
func (k *Keys) Unblock(ctx context.Context, who access.Actor, ref string) (*KeyView, error) {
	return k.setBlocked(ctx, who, access.KeyUnblock, ref, "")
}

// maxReason bounds the text that Block keeps.
const maxReason = 500

func (k *Keys) setBlocked(ctx context.Context, who access.Actor, action access.Action, ref, reason string) (*KeyView, error) {
	if err := k.gate(ctx, who, action); err != nil {
		return nil, err
	}
	if len([]rune(reason)) > maxReason {
		return nil, fault.BadField("reason", "the reason may have at most %d characters", maxReason)
	}
	var view *KeyView
	err := k.change(ctx, who, action, ref2id(ref), func(tx *store.Store) error {
		key, err := k.key(ctx, tx, ref)
		if err != nil {
			return notFound("key", "", err)
		}
		if err := access.Check(who, action, access.Key(key)); err != nil {
			return err
		}
		before := *key
		blocked := action == access.KeyBlock
		key.Blocked, key.BlockedReason = &blocked, reason
		k.stampChange(&key.Audit, who)
		if err := tx.UpdateKey(ctx, key); err != nil {
			return err
		}
		if view, err = k.keyView(ctx, tx, key); err != nil {
			return err
		}
		return k.audit(ctx, tx, who, action, key.ID, &before, key)
	})
	return view, err
}

// ref2id is what the audit log says of a key that a refused act named: a hash, never a secret.
func ref2id(ref string) string {
	r, err := parseRef(ref)
	if err != nil {
		return ""
	}
	if r.id != "" {
		return r.id
	}
	return r.hash
}

// ResetSpend sets what a key has spent in its window. Errors: Invalid below zero, above the current spend or above the
// budget; NotFound, Forbidden.
func (k *Keys) ResetSpend(ctx context.Context, who access.Actor, ref string, to models.Nano) (*SpendReset, error) {
	if err := k.gate(ctx, who, access.KeyResetSpend); err != nil {
		return nil, err
	}
	if to < 0 {
		return nil, fault.BadField("reset_to", "reset_to must be >= 0")
	}
	var out *SpendReset
	var scope string
	err := k.change(ctx, who, access.KeyResetSpend, ref2id(ref), func(tx *store.Store) error {
		key, err := k.key(ctx, tx, ref)
		if err != nil {
			return notFound("key", "", err)
		}
		if err := access.Check(who, access.KeyResetSpend, access.Key(key)); err != nil {
			return err
		}
		scope = models.ScopeKey(key.ID)
		now, err := tx.Counter(ctx, scope)
		if err != nil {
			return err
		}
		if to > now.Spent {
			return fault.BadField("reset_to", "reset_to must be <= current spend (%s)", now.Spent)
		}
		if key.MaxBudget != nil && to > *key.MaxBudget {
			return fault.BadField("reset_to", "reset_to must be <= max_budget (%s)", *key.MaxBudget)
		}
		before, after, err := tx.SetSpent(ctx, scope, to)
		if err != nil {
			return err
		}
		out = &SpendReset{Hash: key.Hash, Spend: after.Spent, PreviousSpend: before.Spent, MaxBudget: key.MaxBudget, ResetsAt: after.ResetsAt}
		return k.audit(ctx, tx, who, access.KeyResetSpend, key.ID, map[string]any{"spend": before.Spent}, map[string]any{"spend": after.Spent})
	})
	if err != nil {
		return nil, err
	}
	k.Ledger.Reset(scope, to)
	return out, nil
}
