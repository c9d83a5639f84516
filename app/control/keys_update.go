package control

import (
	"context"
	"fmt"

	"gatehouse/app/access"
	"gatehouse/models"
	"gatehouse/models/fault"
	"gatehouse/models/store"
)

// Update changes a key; fields that were not sent stay, null clears. Errors: NotFound, Forbidden, Invalid.
func (k *Keys) Update(ctx context.Context, who access.Actor, in KeyUpdate) (*KeyView, error) {
	if err := k.gate(ctx, who, access.KeyUpdate); err != nil {
		return nil, err
	}
	if in.Key == "" {
		return nil, fault.Missing("key")
	}
	var view *KeyView
	var spent *models.Nano
	err := k.change(ctx, who, access.KeyUpdate, ref2id(in.Key), func(tx *store.Store) error {
		key, err := k.load(ctx, tx, who, access.KeyUpdate, in.Key)
		if err != nil {
			return err
		}
		before := *key
		if spent, err = k.applyUpdate(ctx, tx, who, access.KeyUpdate, key, in.KeyFields); err != nil {
			return err
		}
		if view, err = k.keyView(ctx, tx, key); err != nil {
			return err
		}
		return k.audit(ctx, tx, who, access.KeyUpdate, key.ID, &before, key)
	})
	if err != nil {
		return nil, err
	}
	if spent != nil {
		k.Ledger.Reset(models.ScopeKey(view.Key.ID), *spent)
	}
	return view, nil
}

// load finds a key and asks whether the actor may do this to it.
func (k *Keys) load(ctx context.Context, tx *store.Store, who access.Actor, action access.Action, ref string) (*models.Key, error) {
	key, err := k.key(ctx, tx, ref)
	if err != nil {
		return nil, notFound("key", "", err)
	}
	return key, access.Check(who, action, access.Key(key))
}

// applyUpdate judges and writes the sent fields of an update or a rotation. It returns the spend to tell the running
// process, if the spend was set.
func (k *Keys) applyUpdate(ctx context.Context, tx *store.Store, who access.Actor, action access.Action, key *models.Key, f KeyFields) (*models.Nano, error) {
	p := k.policy()
	if err := f.check(); err != nil {
		return nil, err
	}
	if err := checkAlias(f.Alias.Or(""), p.Keys.AliasFormat); err != nil {
		return nil, err
	}
	if err := f.permit(access.FieldsOf(who, action, access.Key(key)), key); err != nil {
		return nil, err
	}
	if _, err := f.applyBounds(p.LiteLLM.UpperBound, false); err != nil {
		return nil, err
	}
	if err := k.checkLinks(ctx, tx, &f); err != nil {
		return nil, err
	}
	if err := checkViaRoutes(who, &f); err != nil {
		return nil, err
	}
	before := *key
	if err := f.apply(key, k.Now()); err != nil {
		return nil, err
	}
	team, err := k.checkPlace(ctx, tx, who, &before, key)
	if err != nil {
		return nil, err
	}
	if f.Models.Sent {
		if err := k.checkOwnerModels(ctx, tx, who, deref(key.UserID), team, f.Models.Value); err != nil {
			return nil, err
		}
	}
	if f.RPMLimit.Sent || f.TPMLimit.Sent || f.RPMLimitType.Sent || f.TPMLimitType.Sent || f.TeamID.Sent {
		if err := k.checkTeamThroughput(ctx, tx, key, team); err != nil {
			return nil, err
		}
	}
	if err := k.checkAliasFree(ctx, tx, key); err != nil {
		return nil, err
	}
	k.stampChange(&key.Audit, who)
	if err := tx.UpdateKey(ctx, key); err != nil {
		return nil, keyClash(err, key)
	}
	if err := k.keyResets(ctx, tx, key, &before); err != nil {
		return nil, err
	}
	if !f.Spend.Has() {
		return nil, nil //nolint:nilnil // no spend was set
	}
	return f.Spend.Ptr(), k.setSpent(ctx, tx, models.ScopeKey(key.ID), f.Spend.Value)
}

// checkViaRoutes keeps a key that may call few routes from opening others, on itself or on a sister.
func checkViaRoutes(who access.Actor, f *KeyFields) error {
	routes, err := f.routes()
	if err != nil || who.Key == nil || len(who.Key.Routes) == 0 || !routes.Sent {
		return err
	}
	if len(routes.Value) == 0 {
		return fault.New(fault.Forbidden, "The key you are using may call few routes, so it may not open all of them.").
			WithType("auth_error").WithParam("allowed_routes")
	}
	return routesWithin(routes.Value, who.Key.Routes)
}

// checkPlace judges a change of team: the target must admit the key's models and limits, the owner must be in it, and
// the actor must be an admin, or the admin of the target. It returns the key's team, nil for a personal key.
func (k *Keys) checkPlace(ctx context.Context, tx *store.Store, who access.Actor, before, key *models.Key) (*models.Team, error) {
	id := deref(key.TeamID)
	moved := id != deref(before.TeamID)
	if id == "" {
		if moved && !who.IsAdmin() {
			return nil, fault.New(fault.Forbidden, "Only proxy admins can take a key out of its team.").WithType("auth_error").WithParam("team_id")
		}
		return nil, nil //nolint:nilnil // a personal key has no team
	}
	team, err := tx.Team(ctx, id)
	if absent(err) && !moved {
		return nil, nil //nolint:nilnil // an imported key may name a team that is gone
	}
	if err != nil {
		return nil, notFound("team", id, err)
	}
	if !moved {
		return team, nil
	}
	if !who.IsAdmin() && who.Teams[id] != models.TeamAdmin {
		return nil, fault.Newf(fault.Forbidden, "Only proxy admins and the admins of team %s can move a key into it.", id).WithType("auth_error").WithParam("team_id")
	}
	admits := func(list []string, model string) bool { return k.Models.Admits(list, model, id) }
	if name := firstOutside(key.Models, team.Models, admits); name != "" {
		return nil, modelBeyond(name, "team "+id)
	}
	if name := aboveLimits(&key.Limits, &team.Limits); name != "" {
		return nil, fault.Newf(fault.Forbidden, "The key's %s is above that of team %s.", name, id).WithType("auth_error").WithParam(name)
	}
	if key.UserID != nil {
		if _, err := tx.Membership(ctx, id, *key.UserID); err != nil {
			if absent(err) {
				return nil, fault.Newf(fault.Forbidden, "User=%s not assigned to team=%s", *key.UserID, id).WithType("auth_error").WithParam("team_id")
			}
			return nil, err
		}
	}
	return team, nil
}

// aboveLimits names the first limit of inner that is above the same limit of outer.
func aboveLimits(inner, outer *models.Limits) string {
	if inner.MaxBudget != nil && outer.MaxBudget != nil && *inner.MaxBudget > *outer.MaxBudget {
		return "max_budget"
	}
	for _, l := range []struct {
		name     string
		in, edge *int64
	}{{"tpm_limit", inner.TPMLimit, outer.TPMLimit}, {"rpm_limit", inner.RPMLimit, outer.RPMLimit}, {"max_parallel_requests", inner.MaxParallel, outer.MaxParallel}} {
		if l.in != nil && l.edge != nil && *l.in > *l.edge {
			return l.name
		}
	}
	return ""
}

// maxBulk is how many lines one bulk request may have.
const maxBulk = 500

// BulkUpdate changes up to 500 keys, each on its own. Errors: Invalid for another number of lines, Forbidden.
func (k *Keys) BulkUpdate(ctx context.Context, who access.Actor, items []BulkKey) ([]BulkOutcome, error) {
	if err := k.gate(ctx, who, access.KeyBulkUpdate); err != nil {
		return nil, err
	}
	if len(items) < 1 || len(items) > maxBulk {
		return nil, fault.BadField("keys", "between 1 and %d keys in one request", maxBulk)
	}
	out := make([]BulkOutcome, len(items))
	for i, item := range items {
		in := KeyUpdate{Key: item.Key}
		in.BudgetID, in.TeamID, in.Tags = item.BudgetID, item.TeamID, item.Tags
		in.MaxBudget = item.MaxBudget
		out[i].Key = item.Key
		out[i].View, out[i].Err = k.Update(ctx, who, in)
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("bulk update: %w", err)
		}
	}
	return out, nil
}

// Rotate gives a key a new secret (/key/regenerate): same id, so spend, alias, team, budgets and windows stay. The old
// secret ends at once, or with its grace period. Errors: NotFound, Forbidden, Invalid.
func (k *Keys) Rotate(ctx context.Context, who access.Actor, in RotateKey) (*CreatedKey, error) {
	if err := k.gate(ctx, who, access.KeyRegenerate); err != nil {
		return nil, err
	}
	if in.Key == "" {
		return nil, fault.BadField("key", "No key was given to regenerate")
	}
	p := k.policy()
	grace := p.Keys.RotateGrace
	if in.GracePeriod.Sent {
		var err error
		if grace, err = readDuration("grace_period", in.GracePeriod); err != nil {
			return nil, err
		}
	}
	d := &draft{in: NewKey{Secret: in.NewSecret}}
	if err := d.chooseSecret(p.Keys.Bytes); err != nil {
		return nil, err
	}
	var made *CreatedKey
	var spent *models.Nano
	err := k.change(ctx, who, access.KeyRegenerate, ref2id(in.Key), func(tx *store.Store) error {
		key, err := k.load(ctx, tx, who, access.KeyRegenerate, in.Key)
		if err != nil {
			return err
		}
		before := *key
		if spent, err = k.applyUpdate(ctx, tx, who, access.KeyRegenerate, key, in.KeyFields); err != nil {
			return err
		}
		rotation := store.Rotation{KeyID: key.ID, Hash: HashSecret(d.secret), Name: keyName(d.secret, p.Keys.StoreName), By: who.Name(), Delegated: delegated(who, key)}
		if rotation.Hash == key.Hash {
			return fault.BadField("new_key", "the new key must differ from the old one")
		}
		if !grace.IsNever() {
			rotation.OldUntil = models.AtPtr(grace.Add(k.Now()))
		}
		if err := tx.RotateKey(ctx, rotation); err != nil {
			return keyClash(err, key)
		}
		if key, err = tx.Key(ctx, key.ID); err != nil {
			return err
		}
		view, err := k.keyView(ctx, tx, key)
		if err != nil {
			return err
		}
		made = &CreatedKey{KeyView: *view, Secret: models.NewSecret(d.secret), Duration: in.Duration.Or("")}
		return k.audit(ctx, tx, who, access.KeyRegenerate, key.ID, &before, key)
	})
	if err != nil {
		return nil, err
	}
	if spent != nil {
		k.Ledger.Reset(models.ScopeKey(made.Key.ID), *spent)
	}
	k.tellOwner(ctx, who, made)
	return made, nil
}

// tellOwner mails the owner of a key that somebody else rotated, whose apps will stop working.
func (k *Keys) tellOwner(ctx context.Context, who access.Actor, made *CreatedKey) {
	owner := deref(made.Key.UserID)
	if owner == "" || owner == who.UserID {
		return
	}
	user, err := k.Store.User(ctx, owner)
	if err != nil || user.Email == nil { // a key may name somebody who has no row; the rotation stands
		return
	}
	k.Mailer.KeyCreated(ctx, KeyMail{To: *user.Email, Alias: deref(made.Key.Alias), Name: made.Key.Name, Secret: made.Secret, Rotated: true})
}
