package proxy

import (
	"gatehouse/models"
	"gatehouse/proxy/budget"
	"gatehouse/proxy/keyring"
	"gatehouse/proxy/limit"
)

// budgetWants lists the scopes that a call is counted in, in the order in which a refusal is reported. The master key is
// counted and never refused.
func (c *call) budgetWants(exempt bool) []budget.Want {
	now := c.start.UnixMicro()
	g := c.grant
	wants := c.s.money[:0]
	add := func(w budget.Want, l *keyring.Limits) {
		if l != nil {
			w.Cap, w.Soft, w.Duration, w.ResetAt = l.MaxBudget, l.SoftBudget, l.Duration, l.ResetAt
		}
		if exempt {
			w.Cap, w.Soft = keyring.Cap{}, keyring.Cap{}
		}
		wants = append(wants, w)
	}
	own := c.snap.KeyLimits(g, now)
	add(budget.Want{Level: keyring.LevelKey, Scope: g.Scope(), ID: g.Label()}, &own)
	if len(own.ModelBudgets) > 0 {
		if name, b, ok := modelBudget(own.ModelBudgets, c.group, c.asked); ok {
			add(budget.Want{
				Level: keyring.LevelKeyModel, Scope: models.ScopeKeyModel(g.ID(), name), ID: g.Label(), Of: g.Alias(), Model: name,
				Cap: keyring.Cap{N: int64(b.Limit), Set: true}, Duration: b.Duration,
			}, nil)
		}
	}
	var team *keyring.Team
	if !g.Personal() {
		team = c.snap.Team(g.TeamID)
	}
	if team != nil {
		l := c.snap.TeamLimits(team)
		add(budget.Want{Level: keyring.LevelTeam, Scope: team.Scope, ID: team.ID}, &l)
	}
	if id := c.snap.OrgID(g); id != "" {
		var l *keyring.Limits
		if org := c.snap.Org(id); org != nil {
			limits := c.snap.OrgLimits(org)
			l = &limits
		}
		add(budget.Want{Level: keyring.LevelOrg, Scope: models.ScopeOrg(id), ID: id}, l)
	}
	if team != nil && g.UserID != "" {
		m := c.snap.Member(team.ID, g.UserID)
		l := c.snap.MemberLimits(team, m)
		scope := ""
		if m != nil {
			scope = m.Scope
		} else {
			scope = models.ScopeMember(team.ID, g.UserID)
		}
		add(budget.Want{Level: keyring.LevelMember, Scope: scope, ID: g.UserID, Of: team.ID}, &l)
	}
	if g.UserID != "" {
		c.userWant(add)
	}
	if c.endUser != "" && !c.cfg.NoEndUsers {
		l := c.snap.CustomerLimits(c.snap.Customer(c.endUser), c.cfg.EndUserBudgetID)
		if !l.MaxBudget.Set {
			l.MaxBudget = c.cfg.EndUserBudget
		}
		add(budget.Want{Level: keyring.LevelCustomer, Scope: models.ScopeCustomer(c.endUser), ID: c.endUser}, &l)
	}
	add(budget.Want{Level: keyring.LevelProxy, Scope: models.ScopeProxy, Cap: c.cfg.ProxyBudget, Duration: c.cfg.ProxyDuration}, nil)
	if c.session.Scope != "" {
		wants = append(wants, c.session)
	}
	c.s.money = wants
	return wants
}

// userWant counts a person's calls; their own budget caps personal keys alone.
func (c *call) userWant(add func(budget.Want, *keyring.Limits)) {
	u := c.snap.User(c.grant.UserID)
	if u == nil {
		add(budget.Want{Level: keyring.LevelUser, Scope: models.ScopeUser(c.grant.UserID), ID: c.grant.UserID}, nil)
		return
	}
	l := c.snap.UserLimits(u)
	if !c.grant.Personal() {
		l.MaxBudget, l.SoftBudget = keyring.Cap{}, keyring.Cap{}
	}
	add(budget.Want{Level: keyring.LevelUser, Scope: u.Scope, ID: u.ID}, &l)
}

func modelBudget(budgets map[string]models.ModelBudget, names ...string) (string, models.ModelBudget, bool) {
	for _, name := range names {
		if b, ok := budgets[name]; ok {
			return name, b, true
		}
	}
	return "", models.ModelBudget{}, false
}

// rateWants lists the scopes with rates, in the order in which a refusal is reported.
func (c *call) rateWants() []limit.Want {
	now := c.start.UnixMicro()
	g := c.grant
	wants := c.s.rates[:0]
	add := func(level keyring.Level, scope, id string, l *keyring.Limits) {
		if l.RPM.Set || l.TPM.Set || l.Parallel.Set {
			wants = append(wants, limit.Want{Level: level, Scope: scope, ID: id, RPM: l.RPM, TPM: l.TPM, Parallel: l.Parallel})
		}
	}
	perModel := func(level keyring.Level, scope, id string, l *keyring.Limits) {
		rpm, tpm := modelCap(l.ModelRPM, c.group, c.asked), modelCap(l.ModelTPM, c.group, c.asked)
		if b, ok := l.ModelBudgets[c.group]; ok {
			rpm, tpm = orCap(rpm, b.RPMLimit), orCap(tpm, b.TPMLimit)
		}
		if rpm.Set || tpm.Set {
			wants = append(wants, limit.Want{Level: level, Scope: scope + "\x1f" + c.group, ID: id, Model: c.group, RPM: rpm, TPM: tpm})
		}
	}
	own := c.snap.KeyLimits(g, now)
	add(keyring.LevelKey, g.Scope(), g.Label(), &own)
	if own.ModelRPM != nil || own.ModelTPM != nil || own.ModelBudgets != nil {
		perModel(keyring.LevelKeyModel, g.Scope(), g.Label(), &own)
	}
	var team *keyring.Team
	if !g.Personal() {
		team = c.snap.Team(g.TeamID)
	}
	if team != nil {
		l := c.snap.TeamLimits(team)
		add(keyring.LevelTeam, team.Scope, team.ID, &l)
		if l.ModelRPM != nil || l.ModelTPM != nil {
			perModel(keyring.LevelTeamModel, team.Scope, team.ID, &l)
		}
		if g.UserID != "" {
			m := c.snap.Member(team.ID, g.UserID)
			l := c.snap.MemberLimits(team, m)
			if l.RPM.Set || l.TPM.Set || l.Parallel.Set {
				add(keyring.LevelMember, models.ScopeMember(team.ID, g.UserID), g.UserID, &l)
			}
		}
	}
	if id := c.snap.OrgID(g); id != "" {
		if org := c.snap.Org(id); org != nil {
			l := c.snap.OrgLimits(org)
			add(keyring.LevelOrg, models.ScopeOrg(id), id, &l)
		}
	}
	if u := c.snap.User(g.UserID); u != nil {
		l := c.snap.UserLimits(u)
		add(keyring.LevelUser, u.Scope, u.ID, &l)
	}
	if c.endUser != "" && !c.cfg.NoEndUsers {
		l := c.snap.CustomerLimits(c.snap.Customer(c.endUser), c.cfg.EndUserBudgetID)
		add(keyring.LevelCustomer, models.ScopeCustomer(c.endUser), c.endUser, &l)
	}
	if c.cfg.GlobalParallel.Set {
		wants = append(wants, limit.Want{Level: keyring.LevelProxy, Scope: models.ScopeProxy, ID: "proxy", Parallel: c.cfg.GlobalParallel})
	}
	c.s.rates = wants
	return wants
}

func modelCap(limits map[string]int64, names ...string) keyring.Cap {
	for _, name := range names {
		if n, ok := limits[name]; ok {
			return keyring.Cap{N: n, Set: true}
		}
	}
	return keyring.Cap{}
}

func orCap(c keyring.Cap, other *int64) keyring.Cap {
	if c.Set || other == nil {
		return c
	}
	return keyring.Cap{N: *other, Set: true}
}
