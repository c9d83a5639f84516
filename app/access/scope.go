package access

import (
	"slices"
	"sort"

	"gatehouse/models"
)

// Filter says which rows of a list an actor sees: the union of its parts. The zero Filter matches nothing.
type Filter struct {
	All          bool
	UserID       string   // rows that belong to this person
	KeyID        string   // this key
	Teams        []string // every row of these teams
	ServiceTeams []string // rows of these teams that belong to nobody
	Orgs         []string // rows of these organizations
	UserTeams    []string // people who are in one of these teams
}

// None says whether nothing can match.
func (f Filter) None() bool {
	return !f.All && f.UserID == "" && f.KeyID == "" && len(f.Teams)+len(f.ServiceTeams)+len(f.Orgs)+len(f.UserTeams) == 0
}

// Allows says whether the row is seen. Stores build the same condition in SQL; a test holds the two together.
func (f Filter) Allows(t Target) bool {
	switch {
	case f.All:
		return true
	case f.UserID != "" && t.Owner == f.UserID:
		return true
	case f.KeyID != "" && t.ID == f.KeyID:
		return true
	case t.Team != "" && slices.Contains(f.Teams, t.Team):
		return true
	case t.Team != "" && t.Owner == "" && slices.Contains(f.ServiceTeams, t.Team):
		return true
	case t.Org != "" && slices.Contains(f.Orgs, t.Org):
		return true
	}
	return overlap(t.Orgs, f.Orgs) || overlap(t.Teams, f.UserTeams)
}

func overlap(a, b []string) bool {
	return slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
}

// Scope says which objects of the action's noun the actor sees. It grants exactly what Check grants row by row. Errors:
// those of Check where the actor's role sees nothing of the kind.
func Scope(actor Actor, action Action) (Filter, error) {
	if err := Role(actor, action); err != nil {
		return Filter{}, err
	}
	r := table[action]
	g := r.grant(actor)
	if g&anything != 0 {
		return Filter{All: true}, nil
	}
	var f Filter
	if g&own != 0 {
		f.UserID = actor.UserID
	}
	if g&itself != 0 {
		f.KeyID = actor.KeyID()
	}
	if g&(member|memberOwn) != 0 {
		f.Teams = teams(actor, false)
	} else if g&teamAdmin != 0 {
		f.Teams = teams(actor, true)
	}
	if g&keyTeam != 0 && actor.Key != nil && actor.Key.TeamID != "" && !slices.Contains(f.Teams, actor.Key.TeamID) {
		f.Teams = append(f.Teams, actor.Key.TeamID)
	}
	if g&service != 0 {
		f.ServiceTeams = teams(actor, false)
	}
	if g&usersAdmin != 0 {
		f.UserTeams = teams(actor, true)
	}
	if g&orgMember != 0 {
		f.Orgs = orgs(actor, false)
	} else if g&orgAdmin != 0 {
		f.Orgs = orgs(actor, true)
	}
	if f.None() {
		return f, unseen(actor, r, Target{})
	}
	return f, nil
}

func teams(a Actor, adminOnly bool) []string {
	var ids []string
	for id, role := range a.Teams {
		if role == models.TeamAdmin || !adminOnly && role != "" {
			ids = append(ids, id)
		}
	}
	sort.Strings(ids)
	return ids
}

func orgs(a Actor, adminOnly bool) []string {
	var ids []string
	for id, role := range a.Orgs {
		if role == models.RoleOrgAdmin || !adminOnly && role != "" {
			ids = append(ids, id)
		}
	}
	sort.Strings(ids)
	return ids
}
