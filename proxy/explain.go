package proxy

import (
	"context"
	"errors"

	"gatehouse/proxy/budget"
	"gatehouse/proxy/keyring"
	"gatehouse/proxy/limit"
	"gatehouse/proxy/policy"
)

// Answer is what would become of a call at this moment: at most one of its parts is set, and none means that it passes.
type Answer struct {
	Rule    *policy.Refusal   // a block, an end, a list of models
	Rate    *limit.Refused    // a rate, or calls in parallel
	Budget  *budget.Exhausted // a budget that is used up
	Cooling bool              // every deployment of the model is left alone after failures
}

// Explain says whether a call of this grant for a model would pass, by the rules that serve it and in their order. It books
// nothing and calls nobody; the end user of a call and its size are not known here.
func (p *Plane) Explain(ctx context.Context, g *keyring.Grant, model string) Answer {
	c := &call{work: work{p: p, cfg: p.cfg.Load(), s: acquireScratch(), start: p.Now(), n: 1, inTok: -1, snap: p.Ring.Snapshot(), grant: g, asked: model}}
	defer releaseScratch(c.s)
	verdict, refused := policy.Check(c.snap, g, policy.Call{Model: model, Now: c.start.UnixMicro()})
	if refused != nil {
		return Answer{Rule: refused}
	}
	c.group, c.match, c.tags = verdict.Model, verdict.Match, policy.Tags(nil, c.snap, g)
	ask, f := c.estimate(c.match.Deployments)
	if f == nil {
		if used := c.usedUp(ask.Pricing); used != nil {
			return Answer{Budget: used}
		}
	}
	slot, err := p.Limits.Take(ctx, c.rateWants(), 1)
	var full *limit.Refused
	if errors.As(err, &full) {
		return Answer{Rate: full}
	}
	if err == nil {
		slot.Cancel()
	}
	for _, d := range c.match.Deployments {
		if s := p.Router.Status(d.ID); !s.Sick && s.CoolFor <= 0 {
			return Answer{}
		}
	}
	return Answer{Cooling: true}
}
