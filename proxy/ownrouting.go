package proxy

import (
	"gatehouse/proxy/keyring"
	"gatehouse/proxy/policy"
	"gatehouse/proxy/route"
)

// ownRoutings are router_settings of the key and of its team, the key's first.
func (c *call) ownRoutings() (own [2]*keyring.Routing) {
	own[0] = c.grant.Routing()
	if t := c.snap.Team(c.grant.TeamID); t != nil {
		own[1] = t.Routing
	}
	return own
}

// ownTiming fills what the call does not say about its time and its retries with what its key or team says.
func (c *call) ownTiming() {
	for _, r := range c.ownRoutings() {
		if r == nil {
			continue
		}
		c.timeout, c.streamFirst = orDuration(c.timeout, r.Timeout), orDuration(c.streamFirst, r.StreamFirst)
		if c.retries == nil {
			c.retries = r.Retries
		}
	}
}

// ownChains fills the chains that the call does not bring with those of its key or team, as far as the key may use them.
func (c *call) ownChains() {
	for _, r := range c.ownRoutings() {
		if r == nil {
			continue
		}
		c.fallbacks = c.ownChain(c.fallbacks, r.Fallbacks)
		c.contextFallbacks = c.ownChain(c.contextFallbacks, r.ContextFallbacks)
		c.policyFallbacks = c.ownChain(c.policyFallbacks, r.PolicyFallbacks)
	}
}

func (c *call) ownChain(have []route.Fallback, chains map[string][]keyring.Step) []route.Fallback {
	if have != nil || len(chains) == 0 {
		return have
	}
	for _, name := range [...]string{c.asked, c.group, c.match.Group, "*"} {
		steps, ok := chains[name]
		if !ok {
			continue
		}
		out := []route.Fallback{}
		for _, s := range steps {
			if _, refused := policy.Model(c.snap, c.grant, s.Model); refused == nil {
				out = append(out, route.Fallback(s))
			}
		}
		return out
	}
	return have
}
