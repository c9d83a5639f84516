package imports

import (
	"context"
	"regexp"
	"strings"

	"github.com/google/uuid"

	"gatehouse/app/control"
	"gatehouse/models"
)

func (w *writer) takeKeys(ctx context.Context) error {
	hash := regexp.MustCompile("^[0-9a-f]{64}$")
	c := w.count("keys")
	return each(ctx, w.src, keyTable, "created_at, token", func(r *keyRow, broken error) error {
		c.Read++
		if strings.HasPrefix(r.Hash, "sk-") { // once in a while LiteLLM kept the secret itself: never to be repeated
			r.Hash = control.HashSecret(r.Hash)
		}
		if !hash.MatchString(r.Hash) {
			c.Left++
			w.note("a key is left out: what stands for it is not a SHA-256")
			return nil
		}
		if w.broken(c, "key", r.Hash, broken) {
			return nil
		}
		if r.TeamID != nil && *r.TeamID == models.UISessionTeam {
			c.Left++
			return nil
		}
		had, err := found(second(w.tx.KeyByHash(ctx, r.Hash)))
		if err != nil {
			return err
		}
		c.took(had)
		if had {
			return nil
		}
		row, err := w.key(ctx, r)
		if err != nil {
			return err
		}
		if err := w.tx.InsertKey(ctx, row); err != nil {
			return err
		}
		resets, at := row.BudgetDuration, r.ResetAt
		if b := w.budgets[orEmpty(row.BudgetID)]; resets == nil && b != nil {
			resets, at = b.BudgetDuration, b.ResetAt
		}
		return w.books(ctx, models.ScopeKey(row.ID), r.Spend, resets, at)
	})
}

func (w *writer) key(ctx context.Context, r *keyRow) (*models.Key, error) {
	what := "key " + r.Hash[:12] + "…"
	if r.Alias != nil && *r.Alias != "" {
		what = "key " + *r.Alias
	}
	row := &models.Key{
		ID: uuid.NewString(), Hash: r.Hash, Name: orEmpty(r.Name), Alias: text(r.Alias), UserID: text(r.UserID), TeamID: text(r.TeamID), OrgID: text(r.OrgID),
		Models: r.Models, Aliases: r.Aliases, AllowedRoutes: r.AllowedRoutes, AccessGroupIDs: r.AccessGroupIDs, Blocked: r.Blocked, ExpiresAt: r.Expires,
		Limits: w.limits(what, r.spentRow), BudgetID: idOf(w.linked(what, r.BudgetID)), AllowedCacheControls: r.CacheControls,
		Permissions: r.Permissions, Config: r.Config, RotationInterval: text(r.Rotation), AutoRotate: r.AutoRotate != nil && *r.AutoRotate,
		Audit: w.stamp(r.stampRow),
	}
	m := w.metadata(what, r.Metadata)
	m.limits(&row.Limits)
	m.take("temp_budget_increase", &row.TempBudgetIncrease)
	m.take("temp_budget_expiry", &row.TempBudgetExpiresAt)
	m.take("rpm_limit_type", &row.RPMLimitType)
	m.take("tpm_limit_type", &row.TPMLimitType)
	m.take("enforced_params", &row.EnforcedParams)
	var err error
	if row.Metadata, err = m.text(); err != nil {
		return nil, err
	}
	if row.Alias != nil {
		// LiteLLM let two keys have one alias; here it names one.
		taken, err := found(second(w.tx.KeyByAlias(ctx, *row.Alias)))
		if err != nil {
			return nil, err
		}
		if taken {
			other := *row.Alias + " " + r.Hash[:8]
			w.note("%s: another key has this alias; it becomes %q", what, other)
			row.Alias = &other
		}
	}
	return row, nil
}

func orEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// takeOldSecrets lets secrets that were rotated away go on for as long as LiteLLM promised.
func (w *writer) takeOldSecrets(ctx context.Context) error {
	c := w.count("old secrets")
	now := models.At(w.Now())
	return each(ctx, w.src, oldSecretTable, "token", func(r *oldSecretRow, broken error) error {
		c.Read++
		if w.broken(c, "old secret", r.Hash, broken) {
			return nil
		}
		if !r.Until.After(now.Time) {
			c.Left++
			return nil
		}
		if had, err := found(second(w.tx.KeyByOldSecret(ctx, r.Hash))); err != nil || had {
			if had {
				c.took(true)
			}
			return err
		}
		key, err := w.tx.KeyByHash(ctx, r.Active)
		if there, err := found(err); err != nil {
			return err
		} else if !there {
			c.Left++
			return nil
		}
		c.took(false)
		return w.tx.InsertOldSecret(ctx, &models.OldSecret{Hash: r.Hash, KeyID: key.ID, ExpiresAt: r.Until})
	})
}

func (w *writer) takeModels(ctx context.Context) error {
	c := w.count("models")
	open := newUnsealer(w.Salts...)
	return each(ctx, w.src, modelTable, "model_name, model_id", func(r *modelRow, broken error) error {
		c.Read++
		if w.broken(c, "model", r.ID, broken) {
			return nil
		}
		had, err := found(second(w.tx.Deployment(ctx, r.ID)))
		if err != nil {
			return err
		}
		if had {
			c.took(true)
			return nil
		}
		row := &models.DeploymentRow{ID: r.ID, ModelName: r.Name, Audit: w.stamp(r.stampRow)}
		params, err := open.params(r.Params, w.Env)
		if err == nil {
			if r.Info == nil {
				r.Info = map[string]any{}
			}
			r.Info["id"] = r.ID
			err = control.SealDeployment(w.Seal, row, params, r.Info)
		}
		if err != nil {
			c.Left++
			w.note("model %s (%s): %v", r.Name, r.ID, err)
			return nil
		}
		c.took(false)
		return w.tx.InsertDeployment(ctx, row)
	})
}
