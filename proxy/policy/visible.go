package policy

import (
	"maps"
	"slices"

	"gatehouse/models"
	"gatehouse/proxy/keyring"
	"gatehouse/proxy/policy/glob"
)

// Listing says what a list of models shows beside plain names.
type Listing struct {
	// Expand names the models known at a provider, as the provider spells them; nil: wildcards are not expanded.
	Expand     func(provider string) []string
	Wildcards  bool // patterns as written, too
	Groups     bool // access groups, too
	OnlyGroups bool // access groups and nothing else
}

// Visible lists the names this key may call, sorted: plain names, what wildcards cover, and the aliases of key, team and
// proxy. Every name it returns passes Model; patterns and groups are listed only when asked for.
func Visible(s *keyring.Snapshot, g *keyring.Grant, how Listing) []string {
	found := map[string]struct{}{}
	if !how.OnlyGroups {
		names(s, g, how, found)
	}
	if how.Groups || how.OnlyGroups {
		for _, group := range s.Catalog().Groups() {
			if showsGroup(s, g, group) {
				found[group] = struct{}{}
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

func names(s *keyring.Snapshot, g *keyring.Grant, how Listing, found map[string]struct{}) {
	add := func(name string) {
		if _, known := found[name]; known || name == "" {
			return
		}
		if _, refused := admit(s, g, name, how.Wildcards); refused == nil {
			found[name] = struct{}{}
		}
	}
	cat := s.Catalog()
	for _, name := range cat.Names() {
		add(name)
	}
	for _, name := range cat.TeamNames(g.TeamID) {
		add(name)
	}
	if how.Expand != nil {
		for _, d := range cat.Deployments() {
			if d.Disabled == "" && glob.Has(d.ModelName) && (d.TeamID == "" || d.TeamID == g.TeamID) {
				expand(d, how.Expand(d.Provider), add)
			}
		}
	}
	var team *keyring.Team
	if !g.Personal() {
		team = s.Team(g.TeamID)
	}
	// A name that only a wildcard serves is listed when a list spells it out.
	spelled := func(l *keyring.List) {
		if l == nil {
			return
		}
		for _, e := range l.Entries {
			if !glob.Has(e) {
				add(e)
			}
		}
	}
	spelled(g.Models)
	for alias := range g.Aliases() {
		add(alias)
	}
	if team != nil {
		spelled(team.Models)
		for alias := range team.Aliases {
			add(alias)
		}
	}
	if u := s.User(g.UserID); u != nil && g.Personal() {
		spelled(u.Models)
	}
	for name, alias := range cat.Aliases() {
		if !alias.Hidden {
			add(name)
		}
	}
}

// expand gives the public names that a wildcard deployment has for the models known at its provider.
func expand(d *models.Deployment, known []string, add func(string)) {
	if !glob.Has(d.Model) {
		return // whatever the caller writes, one model answers: there is no list to give
	}
	for _, model := range known {
		if captures, ok := glob.Captures(d.Model, model); ok {
			add(glob.Fill(d.ModelName, captures))
		}
	}
}

// showsGroup says whether a key's own list, or its team's, lets the group through.
func showsGroup(s *keyring.Snapshot, g *keyring.Grant, group string) bool {
	if g.Master {
		return true
	}
	ok := func(l *keyring.List) bool { return l.All() || l.NamesGroup(group) }
	if !ok(g.Models) && !g.Models.TeamDecides() {
		return false
	}
	if !g.Personal() {
		if t := s.Team(g.TeamID); t != nil {
			return ok(t.Models)
		}
		return g.Foreign
	}
	if u := s.User(g.UserID); u != nil {
		return ok(u.Models)
	}
	return true
}
