package policy

import (
	"gatehouse/models"
	"gatehouse/proxy/budget"
	"gatehouse/proxy/keyring"
	"gatehouse/proxy/limit"
)

// Caps are the operator's figures that belong to no row.
type Caps struct {
	ProxyBudget      keyring.Cap // nano-USD over everything
	ProxyDuration    string
	ProxyParallel    keyring.Cap
	CustomerBudget   keyring.Cap // of an end user without a budget of their own
	CustomerBudgetID string      // budget row of such an end user; it wins
	Tags             map[string]TagCap
	Mode             budget.Mode
}

// TagCap is the budget of a spend tag.
type TagCap struct {
	Budget, Soft keyring.Cap // nano-USD
	Duration     string
}

// Bill is whom a call is counted for.
type Bill struct {
	Model    string // after aliases
	Asked    string // as the caller named it: limits per model go by either name
	Customer string // end user named by the call; empty = none
	Tags     []string
	Now      int64 // Unix µs
}

// Tags appends the spend tags that every call of a key has: its own and its team's.
func Tags(to []string, s *keyring.Snapshot, g *keyring.Grant) []string {
	to = append(to, g.Tags()...)
	if t := s.Team(g.TeamID); t != nil {
		to = append(to, t.Tags...)
	}
	return to
}

// Mode is how strictly the call's budgets are kept: the strictest of key, team and operator.
func Mode(s *keyring.Snapshot, g *keyring.Grant, caps *Caps) budget.Mode {
	mode := max(caps.Mode, budget.ParseMode(g.BudgetMode()))
	if !g.Personal() {
		if t := s.Team(g.TeamID); t != nil {
			mode = max(mode, budget.ParseMode(t.BudgetMode))
		}
	}
	return mode
}

// Budgets appends every scope that a call is counted in, in the order in which a refusal is reported: key, key and
// model, team, organization, member, user, end user, tags with a budget, proxy (contract/admin-api.md §4.4, §4.8). Scopes without a cap are there to
// be counted; the master key has none that is capped. With a buffer to append to it allocates nothing for a key whose
// team, user and member have rows.
func Budgets(to []budget.Want, s *keyring.Snapshot, g *keyring.Grant, b Bill, caps *Caps) []budget.Want {
	first := len(to)
	kl := s.KeyLimits(g, b.Now)
	to = append(to, want(keyring.LevelKey, g.Scope(), g.Label(), &kl, true))
	if w, ok := keyModel(g, &kl, b.Model, b.Asked); ok {
		to = append(to, w)
	}
	var team *keyring.Team
	if !g.Personal() {
		if team = s.Team(g.TeamID); team != nil {
			l := s.TeamLimits(team)
			to = append(to, want(keyring.LevelTeam, team.Scope, team.ID, &l, true))
		} else {
			to = append(to, budget.Want{Level: keyring.LevelTeam, Scope: models.ScopeTeam(g.TeamID), ID: g.TeamID})
		}
	}
	if id := s.OrgID(g); id != "" {
		if org := s.Org(id); org != nil {
			l := s.OrgLimits(org)
			to = append(to, want(keyring.LevelOrg, org.Scope, org.ID, &l, true))
		} else {
			to = append(to, budget.Want{Level: keyring.LevelOrg, Scope: models.ScopeOrg(id), ID: id})
		}
	}
	if g.UserID != "" {
		to = userBudgets(to, s, g, team)
	}
	if b.Customer != "" {
		to = append(to, customerWant(s, b.Customer, caps))
	}
	if len(caps.Tags) > 0 {
		to = tagWants(to, b.Tags, caps)
	}
	to = append(to, budget.Want{Level: keyring.LevelProxy, Scope: models.ScopeProxy, Cap: caps.ProxyBudget, Duration: caps.ProxyDuration})
	if exempt, _ := Exempt(s, g); exempt {
		for i := first; i < len(to); i++ {
			to[i].Cap, to[i].Soft = keyring.Cap{}, keyring.Cap{}
		}
	}
	return to
}

// ModelBudget is the scope of a key's budget for one model, named one way or the other; ok is false when it has none. A
// fallback asks it for the model that it falls back to.
func ModelBudget(s *keyring.Snapshot, g *keyring.Grant, b Bill) (w budget.Want, ok bool) {
	if exempt, _ := Exempt(s, g); exempt {
		return w, false
	}
	kl := s.KeyLimits(g, b.Now)
	return keyModel(g, &kl, b.Model, b.Asked)
}

func keyModel(g *keyring.Grant, kl *keyring.Limits, names ...string) (w budget.Want, ok bool) {
	if len(kl.ModelBudgets) == 0 {
		return w, false
	}
	for _, name := range names {
		if mb, ok := kl.ModelBudgets[name]; ok && name != "" {
			return budget.Want{
				Level: keyring.LevelKeyModel, Scope: models.ScopeKeyModel(g.ID(), name), ID: g.Label(), Of: g.Alias(), Model: name,
				Cap: keyring.Cap{N: int64(mb.Limit), Set: true}, Duration: mb.Duration,
			}, true
		}
	}
	return w, false
}

func userBudgets(to []budget.Want, s *keyring.Snapshot, g *keyring.Grant, team *keyring.Team) []budget.Want {
	if team != nil {
		m := s.Member(g.TeamID, g.UserID)
		l := s.MemberLimits(team, m)
		w := budget.Want{}
		if m != nil {
			w = want(keyring.LevelMember, m.Scope, m.UserID, &l, true)
		} else {
			w = want(keyring.LevelMember, models.ScopeMember(g.TeamID, g.UserID), g.UserID, &l, true)
		}
		w.Of = g.TeamID
		to = append(to, w)
	}
	u := s.User(g.UserID)
	if u == nil {
		return append(to, budget.Want{Level: keyring.LevelUser, Scope: models.ScopeUser(g.UserID), ID: g.UserID})
	}
	l := s.UserLimits(u)
	// Spend with a team's key is tracked for the person too, but only personal keys are capped by it.
	w := want(keyring.LevelUser, u.Scope, u.ID, &l, g.Personal())
	if !g.Personal() {
		w.Soft = keyring.Cap{}
	}
	return append(to, w)
}

func customerWant(s *keyring.Snapshot, id string, caps *Caps) budget.Want {
	l := s.CustomerLimits(s.Customer(id), caps.CustomerBudgetID)
	if !l.MaxBudget.Set {
		l.MaxBudget = caps.CustomerBudget
	}
	return want(keyring.LevelCustomer, models.ScopeCustomer(id), id, &l, true)
}

// mostTags is how many budgets of tags one call can be counted in: callers name tags, and each is a lock and a counter.
const mostTags = 8

func tagWants(to []budget.Want, tags []string, caps *Caps) []budget.Want {
	n := 0
	for _, tag := range tags {
		if c, ok := caps.Tags[tag]; ok && n < mostTags {
			to = append(to, budget.Want{Level: keyring.LevelTag, Scope: models.ScopeTag(tag), ID: tag, Cap: c.Budget, Soft: c.Soft, Duration: c.Duration})
			n++
		}
	}
	return to
}

func want(level keyring.Level, scope, id string, l *keyring.Limits, enforced bool) budget.Want {
	w := budget.Want{Level: level, Scope: scope, ID: id, Soft: l.SoftBudget, Duration: l.Duration, ResetAt: l.ResetAt}
	if enforced {
		w.Cap = l.MaxBudget
	}
	return w
}

// Rates appends every scope with a rate or a limit of calls in parallel, in the order in which a refusal is reported.
// Of a limit per model, the key's beats the team's.
func Rates(to []limit.Want, s *keyring.Snapshot, g *keyring.Grant, b Bill, caps *Caps) []limit.Want {
	if _, exempt := Exempt(s, g); exempt {
		return to
	}
	kl := s.KeyLimits(g, b.Now)
	to = rate(to, keyring.LevelKey, g.Scope(), g.Label(), &kl)
	perKey := modelRate(keyring.LevelKeyModel, &kl, &b)
	if perKey.RPM.Set || perKey.TPM.Set {
		perKey.Scope, perKey.ID = models.ScopeKeyModel(g.ID(), b.Model), g.Label()
		to = append(to, perKey)
	}
	var team *keyring.Team
	if !g.Personal() {
		team = s.Team(g.TeamID)
	}
	if team != nil {
		l := s.TeamLimits(team)
		to = rate(to, keyring.LevelTeam, team.Scope, team.ID, &l)
		perTeam := modelRate(keyring.LevelTeamModel, &l, &b)
		if perKey.RPM.Set {
			perTeam.RPM = keyring.Cap{}
		}
		if perKey.TPM.Set {
			perTeam.TPM = keyring.Cap{}
		}
		if perTeam.RPM.Set || perTeam.TPM.Set {
			perTeam.Scope, perTeam.ID = "teammodel:"+team.ID+"/"+b.Model, team.ID
			to = append(to, perTeam)
		}
	}
	if org := s.Org(s.OrgID(g)); org != nil {
		l := s.OrgLimits(org)
		to = rate(to, keyring.LevelOrg, org.Scope, org.ID, &l)
	}
	if g.UserID != "" {
		if team != nil {
			if m := s.Member(g.TeamID, g.UserID); m != nil {
				l := s.MemberLimits(team, m)
				to = rate(to, keyring.LevelMember, m.Scope, m.UserID, &l)
			} else if l := s.MemberLimits(team, nil); l.RPM.Set || l.TPM.Set || l.Parallel.Set {
				to = rate(to, keyring.LevelMember, models.ScopeMember(g.TeamID, g.UserID), g.UserID, &l)
			}
		}
		if u := s.User(g.UserID); u != nil {
			l := s.UserLimits(u)
			to = rate(to, keyring.LevelUser, u.Scope, u.ID, &l)
		}
	}
	if b.Customer != "" {
		c := s.Customer(b.Customer)
		if l := s.CustomerLimits(c, caps.CustomerBudgetID); l.RPM.Set || l.TPM.Set || l.Parallel.Set {
			to = rate(to, keyring.LevelCustomer, models.ScopeCustomer(b.Customer), b.Customer, &l)
		}
	}
	if caps.ProxyParallel.Set {
		to = append(to, limit.Want{Level: keyring.LevelProxy, Scope: models.ScopeProxy, ID: "proxy", Parallel: caps.ProxyParallel})
	}
	return to
}

func rate(to []limit.Want, level keyring.Level, scope, id string, l *keyring.Limits) []limit.Want {
	if !l.RPM.Set && !l.TPM.Set && !l.Parallel.Set {
		return to
	}
	return append(to, limit.Want{Level: level, Scope: scope, ID: id, RPM: l.RPM, TPM: l.TPM, Parallel: l.Parallel})
}

// modelRate is the limit a row sets for one model, from its maps and from its budgets per model.
func modelRate(level keyring.Level, l *keyring.Limits, b *Bill) limit.Want {
	w := limit.Want{Level: level, Model: b.Model}
	if l.ModelRPM == nil && l.ModelTPM == nil && l.ModelBudgets == nil || b.Model == "" {
		return w
	}
	for _, name := range [...]string{b.Model, b.Asked} {
		if n, ok := l.ModelRPM[name]; ok && !w.RPM.Set {
			w.RPM = keyring.Cap{N: n, Set: true}
		}
		if n, ok := l.ModelTPM[name]; ok && !w.TPM.Set {
			w.TPM = keyring.Cap{N: n, Set: true}
		}
	}
	if mb, ok := l.ModelBudgets[b.Model]; ok {
		if mb.RPMLimit != nil && !w.RPM.Set {
			w.RPM = keyring.Cap{N: *mb.RPMLimit, Set: true}
		}
		if mb.TPMLimit != nil && !w.TPM.Set {
			w.TPM = keyring.Cap{N: *mb.TPMLimit, Set: true}
		}
	}
	return w
}
