package proxy

import (
	"errors"
	"fmt"
	"log/slog"

	"gatehouse/models"
	"gatehouse/models/duration"
	"gatehouse/proxy/budget"
	"gatehouse/proxy/keyring"
)

// SpendCap is what a provider, or one deployment, may cost in a period. It steers: what has used it up gets no calls. It holds nothing,
// so calls under way may pass it, and each replica knows what the others have booked as of its own last booking.
type SpendCap struct {
	Limit  models.Nano
	Period string // as written, "" for ever
}

var errSpendCap = errors.New("not a budget")

// spendCaps appends the caps that a deployment's cost counts in: its provider's (router_settings.provider_budget_config) and its
// own (litellm_params.max_budget, budget_duration).
func (c *call) spendCaps(to []budget.Want, d *models.Deployment) []budget.Want {
	want := func(scope, id string, limit SpendCap) {
		to = append(to, budget.Want{
			Level: keyring.LevelDeployment, Scope: scope, ID: id, Cap: keyring.Cap{N: int64(limit.Limit), Set: true}, Duration: limit.Period,
		})
	}
	if limit, ok := c.cfg.ProviderCaps[d.Provider]; ok {
		want(models.ScopeProvider(d.Provider), "provider "+d.Provider, limit)
	}
	if raw := d.Params["max_budget"]; raw != nil {
		limit, err := DeploymentCap(d)
		if err == nil {
			want(models.ScopeDeployment(d.ID), "deployment "+d.ID, limit)
		} else if c.p.warned.due("budget:"+d.ID, c.start) {
			c.p.Log.Warn("the budget of a deployment cannot be read and is not kept", slog.String("deployment_id", d.ID), slog.Any("error", err))
		}
	}
	return to
}

// DeploymentCap is a deployment's own budget. The error is why it cannot be kept.
func DeploymentCap(d *models.Deployment) (SpendCap, error) {
	limit, err := models.ParseNano(fmt.Sprint(d.Params["max_budget"]))
	if err != nil || limit < 0 {
		return SpendCap{}, fmt.Errorf("max_budget: %w", errors.Join(errSpendCap, err))
	}
	text, _ := d.Params["budget_duration"].(string)
	period, err := duration.Parse(text)
	if err != nil && text != "" {
		return SpendCap{}, fmt.Errorf("budget_duration: %w", err)
	}
	if text == "" || period.IsNever() {
		return SpendCap{Limit: limit}, nil
	}
	return SpendCap{limit, text}, nil
}

// capped says whether any deployment may have a cap.
func (c *call) capped() bool { return len(c.cfg.ProviderCaps) > 0 || c.snap.Catalog().Capped() }

// overspent is the first cap of a deployment that is used up.
func (c *call) overspent(d *models.Deployment) (text string, over bool) {
	var room [2]budget.Want
	for _, w := range c.spendCaps(room[:0], d) {
		if spent := c.p.Budget.State(w.Scope).Spent; int64(spent) >= w.Cap.N {
			return fmt.Sprintf("Exceeded budget for %s: %s >= %s", w.ID, spent, models.Nano(w.Cap.N)), true
		}
	}
	return "", false
}

// countCost adds what the call came to to the caps of the deployment that served it.
func (c *call) countCost(cost models.Nano) []models.ScopeCharge {
	d := c.sent.attempt.Deployment
	if cost <= 0 || d == nil {
		return nil
	}
	var room [2]budget.Want
	wants := c.spendCaps(room[:0], d)
	if len(wants) == 0 {
		return nil
	}
	for i := range wants {
		wants[i].Cap = keyring.Cap{} // it is counted, and nothing is held
	}
	hold, err := c.p.Budget.Reserve(wants, budget.Ask{Pricing: budget.Free})
	if err != nil {
		c.p.Log.Warn("what a provider has cost is not counted in its budget", slog.String("call_id", c.id), slog.Any("error", err))
		return nil
	}
	hold.Settle(cost)
	return hold.Charges(nil)
}
