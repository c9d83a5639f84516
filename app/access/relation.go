package access

import (
	"slices"

	"gatehouse/models"
)

// relation is how an actor stands to an object; a set of them is a bit mask.
type relation uint16

const (
	anything   relation = 1 << iota // holds for every object, and for actions without one
	own                             // the object is the person, or belongs to them
	itself                          // the object is the key that the call came with
	keyTeam                         // the object is the team that the call's key belongs to
	member                          // the object is a team of the person's, or in one
	memberOwn                       // the object is in a team of the person's and is their own, or nobody's
	service                         // the object is a key without an owner in a team of the person's
	teamAdmin                       // the object is a team that the person administers, or in one
	usersAdmin                      // the object is a person in a team that the actor administers
	orgAdmin                        // the object is an organization that the person administers, or in one
	orgMember                       // the object is an organization of the person's
	joining                         // the object is an open team that the person would join themselves
)

// relations computes every relation that holds between actor and target.
func relations(actor Actor, t Target) relation {
	has := anything
	set := func(bit relation, holds bool) {
		if holds {
			has |= bit
		}
	}
	mine := actor.UserID != "" && t.Owner == actor.UserID
	set(own, mine)
	if actor.Key != nil {
		set(itself, t.ID != "" && t.ID == actor.Key.ID)
		set(keyTeam, t.Team != "" && t.Team == actor.Key.TeamID && t.ID == t.Team)
	}
	if t.Team != "" {
		role := actor.Teams[t.Team]
		set(member, role != "")
		set(memberOwn, role != "" && (mine || t.Owner == ""))
		set(service, role != "" && t.Owner == "" && t.ID != t.Team)
		set(teamAdmin, role == models.TeamAdmin)
		set(joining, t.Open && mine)
	}
	set(usersAdmin, slices.ContainsFunc(t.Teams, func(id string) bool { return actor.Teams[id] == models.TeamAdmin }))
	if t.Org != "" {
		set(orgAdmin, actor.Orgs[t.Org] == models.RoleOrgAdmin)
		set(orgMember, actor.Orgs[t.Org] != "")
	}
	if slices.ContainsFunc(t.Orgs, func(id string) bool { return actor.Orgs[id] == models.RoleOrgAdmin }) {
		has |= orgAdmin
	}
	return has
}
