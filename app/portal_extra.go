package app

import (
	"time"

	"gatehouse/app/config"
	"gatehouse/app/control"
	"gatehouse/app/portal"
)

// portalExtra is what the pages show of the running process: calls from the playground, the configuration, what is known
// of models, how deployments are and how old the spend numbers are.
func (p *process) portalExtra(cfg *config.Config) portal.Extra {
	x := portal.Extra{
		Caller: &chat{plane: p.plane}, Config: p.cfg.Load, Facts: p.modelFacts, Lag: p.health.Lag,
		Health:  func(id string) (portal.Health, bool) { return deploymentHealth(p, id) },
		Explain: p.explain, Tests: p.settingTests(), Draining: p.health.draining.Load,
	}
	if !cfg.Server.NoDocs {
		x.OpenAPI = "/openapi.json"
	}
	return x
}

// modelFacts is what the price lists tell of a deployment's model.
func (p *process) modelFacts(d *control.ModelView) portal.ModelFacts {
	info, _ := p.prices.Info(d.Provider, d.Model)
	return portal.ModelFacts{Context: info.MaxInputTokens, Output: info.MaxOutputTokens, Supports: info.Supports}
}

// deploymentHealth is what the router knows of a deployment at this moment.
func deploymentHealth(p *process, id string) (portal.Health, bool) {
	s := p.router.Status(id)
	h := portal.Health{OK: !s.Sick && s.CoolFor <= 0, Cooling: s.CoolFor > 0}
	if h.Cooling {
		h.For = s.CoolFor.Round(time.Second)
	}
	return h, true
}
