package app

import (
	"context"
	"log/slog"
	"slices"
	"strings"

	"gatehouse/app/config"
	"gatehouse/models"
	"gatehouse/models/fault"
	"gatehouse/proxy/price"
)

// finding is something about the configuration that only prices or the database can tell.
type finding struct {
	text  string
	model string // public name, "" = none
	value string
}

// tellFindings warns, once a start, of what will not do what its writer expects. It runs beside the start, since it reads the
// price list and the database.
func (p *process) tellFindings(ctx context.Context, cfg *config.Config, log *slog.Logger) error {
	found := priceFindings(p.prices, p.ring.Snapshot().Catalog().Deployments())
	if id := cfg.LiteLLM.EndUserBudgetID; id != "" {
		_, err := p.store.Budget(ctx, id)
		switch {
		case fault.Is(err, fault.NotFound):
			found = append(found, finding{text: "litellm_settings.max_end_user_budget_id names a budget that does not exist: unknown end users have none", value: id})
		case err != nil:
			return err
		}
	}
	for _, f := range found {
		attrs := []slog.Attr{slog.String("finding", f.text), slog.String("value", f.value)}
		if f.model != "" {
			attrs = append(attrs, slog.String("model", f.model))
		}
		log.LogAttrs(ctx, slog.LevelWarn, "configuration", attrs...)
	}
	return nil
}

// priceFindings names the models whose calls will count as free because nobody knows their price, and the base models that
// no list knows. Wildcards are left out: callers choose the names.
func priceFindings(prices *price.Table, deployments []*models.Deployment) []finding {
	var found []finding
	for _, d := range deployments {
		if d.Disabled != "" || strings.Contains(d.Model, "*") {
			continue
		}
		if _, known := prices.Lookup(d.Provider, d.BaseModel); d.BaseModel != "" && !known {
			found = append(found, finding{"model_info.base_model is in no price list", d.ModelName, d.BaseModel})
		}
		own, _, _ := price.FromConfig(d.Prices) // the entry was checked when it was read
		if _, known := prices.Resolve(price.Query{Custom: own, BaseModel: d.BaseModel, Provider: d.Provider, Model: d.Model}); !known {
			one := finding{"no price is known for this model: its calls cost 0 and are marked as unpriced", d.ModelName, d.Model}
			if !slices.Contains(found, one) { // several deployments of one model
				found = append(found, one)
			}
		}
	}
	return found
}
