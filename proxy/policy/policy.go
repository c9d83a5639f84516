// Package policy says what a key may do: key ∩ team ∩ user ∩ organization, read live from one snapshot. It does no I/O
// and reads no clock. The data plane asks it to enforce and the control plane to explain, so both answers are the same.
package policy

import (
	"strings"

	"gatehouse/models"
	"gatehouse/proxy/keyring"
	"gatehouse/proxy/policy/glob"
)

// Call is what a request asks for.
type Call struct {
	Path  string // route as called, without the query; empty = not tested
	Model string // as named by the caller; empty = the route needs none
	Now   int64  // Unix µs
}

// Verdict is what a permitted call will use.
type Verdict struct {
	Model string        // the name after every alias: what is served and booked as the model group
	Match keyring.Match // the deployments behind it; empty when no model was asked for
}

// Check tests a call in the order of contract/admin-api.md §4.8, as far as the key alone decides: blocks, expiry, route,
// models at every level. A permitted call costs no allocation. The refusal is nil when the call may go on.
func Check(s *keyring.Snapshot, g *keyring.Grant, c Call) (Verdict, *Refusal) {
	if g.Blocked {
		return Verdict{}, &Refusal{Kind: KeyBlocked, Label: g.Label()}
	}
	if g.Expired(c.Now) {
		return Verdict{}, &Refusal{Kind: KeyExpired, At: g.ExpiresAt, Now: c.Now, Label: g.Label()}
	}
	if c.Path != "" && !g.Master && !RouteAllowed(g.AllowedRoutes(), c.Path) {
		return Verdict{}, &Refusal{Kind: RouteDenied, Route: c.Path, Allowed: g.AllowedRoutes(), Label: g.Label()}
	}
	return admit(s, g, c.Model, false)
}

// Model tests one model name for a key that has passed Check: each group of a fallback chain.
func Model(s *keyring.Snapshot, g *keyring.Grant, name string) (Verdict, *Refusal) {
	return admit(s, g, name, false)
}

// candidate is a name by which a list may admit the call.
type candidate struct {
	name  string
	match keyring.Match
}

// asked is the requested model and what aliases make of it. The last candidate is served.
type asked struct {
	c [3]candidate
	n int
}

func (a *asked) served() *candidate { return &a.c[a.n-1] }

// resolve follows the aliases: key, then team, then proxy, one hop a level. The key's own aliases were set by its owner,
// so their target stands in place of the name; those of team and proxy were set by admins, so either name will do.
func resolve(s *keyring.Snapshot, g *keyring.Grant, t *keyring.Team, name string) asked {
	var a asked
	if to, ok := g.Aliases()[name]; ok {
		name = to
	}
	a.c[0].name = name
	a.n = 1
	if t != nil {
		if to, ok := t.Aliases[name]; ok && to != name {
			name = to
			a.c[a.n].name = name
			a.n++
		}
	}
	if alias, ok := s.Catalog().Alias(name); ok && alias.Model != name {
		a.c[a.n].name = alias.Model
		a.n++
	}
	for i := range a.n {
		a.c[i].match, _ = s.Catalog().Resolve(a.c[i].name, g.TeamID)
	}
	return a
}

// admit tests the levels. With listing, a wildcard may be asked for by its own pattern.
func admit(s *keyring.Snapshot, g *keyring.Grant, model string, listing bool) (Verdict, *Refusal) {
	var team *keyring.Team
	if !g.Personal() {
		team = s.Team(g.TeamID)
	}
	var a asked
	cat := s.Catalog()
	if model != "" {
		a = resolve(s, g, team, model)
		if !g.Master && g.Models != nil && !g.Models.TeamDecides() && !admits(cat, g.Models, &a) {
			return Verdict{}, &Refusal{Kind: ModelDenied, Level: keyring.LevelKey, Model: model, Allowed: entries(g.Models), Label: g.Label()}
		}
	}
	if !g.Master {
		if r := above(s, g, team, model, &a); r != nil {
			return Verdict{}, r
		}
	}
	if model == "" {
		return Verdict{}, nil
	}
	got := a.served()
	if len(got.match.Deployments) == 0 || !listing && glob.Has(got.name) {
		return Verdict{}, &Refusal{Kind: UnknownModel, Model: model, Label: g.Label()}
	}
	return Verdict{Model: got.name, Match: got.match}, nil
}

// above tests the levels above the key.
func above(s *keyring.Snapshot, g *keyring.Grant, team *keyring.Team, model string, a *asked) *Refusal {
	if !g.Personal() {
		switch {
		case team == nil && !g.Foreign:
			return &Refusal{Kind: TeamMissing, Level: keyring.LevelTeam, ID: g.TeamID, Label: g.Label()}
		case team != nil && team.Blocked:
			return &Refusal{Kind: TeamBlocked, Level: keyring.LevelTeam, ID: team.ID, Label: g.Label()}
		}
	}
	var user *keyring.User
	if g.UserID != "" {
		user = s.User(g.UserID)
	}
	if user != nil && user.Blocked {
		return &Refusal{Kind: UserBlocked, Level: keyring.LevelUser, ID: user.ID, Label: g.Label()}
	}
	if team != nil && model != "" && team.Models != nil && !admits(s.Catalog(), team.Models, a) {
		r := &Refusal{Kind: ModelDenied, Level: keyring.LevelTeam, ID: team.ID, Model: model, Label: g.Label()}
		if g.Models == nil || g.Models.TeamDecides() {
			r.Allowed = entries(team.Models) // the list that /v1/models shows this key
		}
		return r
	}
	if user != nil && g.Personal() && model != "" && user.Models != nil {
		if user.Models.NoDefault() {
			return &Refusal{Kind: NoDefault, Level: keyring.LevelUser, ID: user.ID, Model: model, Label: g.Label()}
		}
		if !admits(s.Catalog(), user.Models, a) {
			return &Refusal{Kind: ModelDenied, Level: keyring.LevelUser, ID: user.ID, Model: model, Label: g.Label()}
		}
	}
	if id := s.OrgID(g); id != "" {
		org := s.Org(id)
		if org == nil {
			if g.Foreign {
				return nil
			}
			return &Refusal{Kind: OrgMissing, Level: keyring.LevelOrg, ID: id, Label: g.Label()}
		}
		if model != "" && org.Models != nil && !admits(s.Catalog(), org.Models, a) {
			return &Refusal{Kind: ModelDenied, Level: keyring.LevelOrg, ID: org.ID, Model: model, Label: g.Label()}
		}
	}
	return nil
}

// entries is what a message may show of a list.
func entries(l *keyring.List) []string {
	if len(l.Groups) == 0 {
		return l.Entries
	}
	return append(append([]string(nil), l.Entries...), l.Groups...)
}

func admits(cat *keyring.Catalog, l *keyring.List, a *asked) bool {
	if l.All() {
		return true
	}
	for i := range a.n {
		if admitsOne(cat, l, &a.c[i]) {
			return true
		}
	}
	return false
}

// admitsOne is contract/admin-api.md §4.2 for one name.
func admitsOne(cat *keyring.Catalog, l *keyring.List, c *candidate) bool {
	if named(cat, l, c.name) {
		return true
	}
	// One deployment, named by its id, is as free as the public name it belongs to.
	if c.match.Pinned && named(cat, l, c.match.Group) {
		return true
	}
	for _, d := range c.match.Deployments {
		for _, group := range d.AccessGroups {
			if l.NamesGroup(group) {
				return true
			}
		}
		if bareName(l, c.name, d) {
			return true
		}
	}
	return false
}

// named says whether the list spells the name, covers it by a pattern, or names a stored group that holds it.
func named(cat *keyring.Catalog, l *keyring.List, name string) bool {
	if l.Names(name) && name != keyring.NoDefaultModels && name != keyring.AllTeamModels {
		return true
	}
	for _, pattern := range l.Globs() {
		if glob.Match(pattern, name) {
			return true
		}
	}
	if cat.HasRowGroups() {
		for _, e := range l.Entries {
			if cat.GroupAdmits(e, name) {
				return true
			}
		}
		for _, e := range l.Groups {
			if cat.GroupAdmits(e, name) {
				return true
			}
		}
	}
	return false
}

// bareName lets `openai/*` admit a bare gpt-4o, when that is the name the provider itself has for what serves it: a
// public name of the operator's own invention says nothing about a provider.
func bareName(l *keyring.List, name string, d *models.Deployment) bool {
	if name != d.Model || d.Provider == "" {
		return false
	}
	for _, pattern := range l.Globs() {
		rest, ok := strings.CutPrefix(pattern, d.Provider)
		if ok && len(rest) > 1 && rest[0] == '/' && glob.Match(rest[1:], name) {
			return true
		}
	}
	return false
}

// Admits says whether one list lets a model through, for the services that compare lists before a key is made. team is
// whose own models count; empty = shared models only.
func Admits(cat *keyring.Catalog, list []string, model, team string) bool {
	l := keyring.NewList(list, nil)
	if l == nil {
		return true
	}
	var a asked
	a.n = 1
	a.c[0].name = model
	a.c[0].match, _ = cat.Resolve(model, team)
	if alias, ok := cat.Alias(model); ok && alias.Model != model {
		a.c[1].name = alias.Model
		a.c[1].match, _ = cat.Resolve(alias.Model, team)
		a.n = 2
	}
	return admits(cat, l, &a)
}

// Exempt says whether no rate limit and no budget applies: the master key; and rate limits alone do not apply to admins.
func Exempt(s *keyring.Snapshot, g *keyring.Grant) (budgets, rates bool) {
	if g.Master {
		return true, true
	}
	if g.UserID != "" {
		if u := s.User(g.UserID); u != nil && u.Role == models.RoleAdmin {
			return false, true
		}
	}
	return false, false
}

// Param tests the fields that a key must send. has says whether the body carries a dotted path. nil when all are there.
func Param(g *keyring.Grant, has func(path string) bool) *Refusal {
	for _, p := range g.EnforcedParams() {
		if !has(p) {
			return &Refusal{Kind: ParamMissing, Param: p, Label: g.Label()}
		}
	}
	return nil
}

// CacheControl tests one control of the `cache` field. nil when the key may use it.
func CacheControl(g *keyring.Grant, control string) *Refusal {
	allowed := g.CacheControls()
	if len(allowed) == 0 {
		return nil
	}
	for _, a := range allowed {
		if a == control {
			return nil
		}
	}
	return &Refusal{Kind: CacheDenied, Param: control, Allowed: allowed, Label: g.Label()}
}

// Customer tests the end user a call names. nil for one without a row, or one that is not blocked.
func Customer(s *keyring.Snapshot, id string) *Refusal {
	if id == "" {
		return nil
	}
	if c := s.Customer(id); c != nil && c.Blocked {
		return &Refusal{Kind: CustomerBlocked, Level: keyring.LevelCustomer, ID: id}
	}
	return nil
}
