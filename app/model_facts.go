package app

import (
	"gatehouse/app/control"
	"gatehouse/proxy/price"
)

// knownOf is what the price lists know of a deployment's model, by LiteLLM's names: prices, context, mode, abilities. Prices
// that the deployment has of its own stand in its model_info, and then the lists' do not count.
func (p *process) knownOf(d *control.ModelView) map[string]any {
	base, _ := d.Info["base_model"].(string)
	name := base
	if name == "" {
		name = d.Model
	}
	out := map[string]any{"litellm_provider": d.Provider}
	if info, ok := p.prices.Info(d.Provider, name); ok {
		for field, n := range map[string]int64{"max_input_tokens": info.MaxInputTokens, "max_output_tokens": info.MaxOutputTokens, "max_tokens": info.MaxOutputTokens} {
			if n > 0 {
				out[field] = n
			}
		}
		if info.Mode != "" {
			out["mode"] = info.Mode
		}
		for field, yes := range info.Supports {
			out[field] = yes
		}
	}
	if own, _, err := price.FromConfig(d.Info); err != nil || own.Known {
		return out
	}
	if list, ok := p.prices.Resolve(price.Query{BaseModel: base, Provider: d.Provider, Model: d.Model}); ok {
		const perUnit = 1e15 // nano-USD per million units in a dollar per unit
		for field, unit := range map[string]price.Unit{
			"input_cost_per_token": price.Input, "output_cost_per_token": price.Output, "cache_read_input_token_cost": price.CacheRead,
			"cache_creation_input_token_cost": price.CacheWrite5m,
		} {
			if rate, has := list.Rate(unit); has {
				out[field] = float64(rate) / perUnit
			}
		}
	}
	return out
}
