package proxy

import (
	"gatehouse/proxy/budget"
	"gatehouse/proxy/limit"
	"gatehouse/proxy/policy"
)

// bill is whom the call is counted for.
func (c *call) bill() policy.Bill {
	b := policy.Bill{Model: c.group, Asked: c.asked, Tags: c.tags, Now: c.start.UnixMicro()}
	if !c.cfg.NoEndUsers {
		b.Customer = c.endUser
	}
	return b
}

// budgetWants lists the scopes that a call is counted in, in the order in which a refusal is reported.
func (c *call) budgetWants() []budget.Want {
	c.s.money = policy.Budgets(c.s.money[:0], c.snap, c.grant, c.bill(), &c.cfg.Caps)
	if c.session.Scope != "" {
		c.s.money = append(c.s.money, c.session)
	}
	return c.s.money
}

// rateWants lists the scopes with rates, in the order in which a refusal is reported; none for who is exempt.
func (c *call) rateWants() []limit.Want {
	c.s.rates = policy.Rates(c.s.rates[:0], c.snap, c.grant, c.bill(), &c.cfg.Caps)
	return c.s.rates
}
