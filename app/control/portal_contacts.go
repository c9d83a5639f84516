package control

import (
	"context"

	"gatehouse/app/access"
	"gatehouse/models"
	"gatehouse/models/store"
)

// contactsNamed is how many people a refusal names.
const contactsNamed = 3

// Admins names some people with the role Admin who can sign in, by name or email: those whom a refusal sends people to.
// Everybody who is signed in may know them. Errors: Unauthenticated.
func (u *Users) Admins(ctx context.Context, who access.Actor) ([]string, error) {
	if err := access.Role(who, access.SessionRead); err != nil {
		return nil, err
	}
	rows, _, err := u.Store.ListUsers(ctx, store.UserFilter{Role: models.RoleAdmin, Blocked: ptr(false)}, store.Page{Number: 1, Size: contactsNamed, Sort: "created_at"})
	if err != nil {
		return nil, err
	}
	var names []string
	for i := range rows {
		if name := calledBy(rows[i].Alias, rows[i].Email); name != "" {
			names = append(names, name)
		}
	}
	return names, nil
}

// Admins names some admins of a team that the caller is in, by name or email. Errors: NotFound.
func (t *Teams) Admins(ctx context.Context, who access.Actor, teamID string) ([]string, error) {
	if !who.SeesAll() && who.Teams[teamID] == "" {
		return nil, access.NotFound("team", teamID)
	}
	members, err := t.Store.MembersOfTeams(ctx, teamID)
	if err != nil {
		return nil, err
	}
	var names []string
	for i := range members {
		if name := calledBy(members[i].UserAlias, members[i].UserEmail); members[i].Role == models.TeamAdmin && name != "" && len(names) < contactsNamed {
			names = append(names, name)
		}
	}
	return names, nil
}

func calledBy(alias, email *string) string {
	if alias != nil && *alias != "" {
		return *alias
	}
	return deref(email)
}
