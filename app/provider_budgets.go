package app

import (
	"gatehouse/app/api"
	"gatehouse/app/config"
	"gatehouse/models"
	"gatehouse/proxy"
)

// providerCaps are the budgets of providers as the data plane keeps them.
func providerCaps(c *config.Config) map[string]proxy.SpendCap {
	out := make(map[string]proxy.SpendCap, len(c.Router.ProviderBudgets))
	for name, b := range c.Router.ProviderBudgets {
		limit := proxy.SpendCap{Limit: b.Limit}
		if !b.Period.IsNever() {
			limit.Period = b.Period.String()
		}
		out[name] = limit
	}
	return out
}

// providerBudgets are the same with what they have cost, as far as this replica knows.
func (p *process) providerBudgets() map[string]api.ProviderBudget {
	out := map[string]api.ProviderBudget{}
	for name, limit := range providerCaps(p.cfg.Load()) {
		s := p.budget.State(models.ScopeProvider(name))
		b := api.ProviderBudget{Limit: limit.Limit, Spend: s.Spent}
		if limit.Period != "" {
			b.Period = &limit.Period
		}
		if s.ResetsAt != 0 {
			at := models.FromMicros(s.ResetsAt)
			b.ResetAt = &at
		}
		out[name] = b
	}
	return out
}
