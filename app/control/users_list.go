package control

import (
	"context"
	"slices"

	"gatehouse/app/access"
	"gatehouse/models"
	"gatehouse/models/store"
)

// List is one page of people. Admins of organizations see the people of theirs. Errors: Forbidden, Unauthenticated.
func (u *Users) List(ctx context.Context, who access.Actor, q UserQuery) (Page[UserView], error) {
	scope, err := access.Scope(who, access.UserList)
	if err != nil {
		return Page[UserView]{}, err
	}
	p, err := page(q.Page, q.Size, 25, 100)
	if err != nil {
		return Page[UserView]{}, err
	}
	if err := sorted(&p, q.SortBy, q.SortOrder, "asc", "user_id", "user_email", "created_at", "spend", "user_alias", "user_role", "last_used"); err != nil {
		return Page[UserView]{}, err
	}
	f, empty, err := userFilter(scope, q)
	out := Page[UserView]{Items: []UserView{}, Page: p.Number, Size: p.Size}
	if err != nil || empty {
		return out, err
	}
	rows, total, err := u.Store.ListUsers(ctx, f, p)
	if err != nil {
		return out, err
	}
	users := make([]models.User, len(rows))
	for i := range rows {
		users[i] = rows[i].User
	}
	out.Total = int(total)
	out.Items, err = u.userViews(ctx, u.Store, users)
	return out, err
}

// userFilter narrows the query to the scope; empty says that nothing can match.
func userFilter(scope access.Filter, q UserQuery) (f store.UserFilter, empty bool, err error) {
	if q.Role != "" && !models.Role(q.Role).Valid() {
		return f, false, oneOf("role", string(models.RoleAdmin), string(models.RoleAdminViewer), string(models.RoleInternalUser), string(models.RoleInternalViewer))
	}
	f = store.UserFilter{IDs: q.IDs, SSOUserIDs: q.SSOIDs, Role: models.Role(q.Role), Email: q.Email, OrgIDs: q.OrgIDs, Search: q.Search}
	if q.Team != "" {
		f.TeamIDs = []string{q.Team}
	}
	if scope.All {
		return f, false, nil
	}
	if f.OrgIDs, empty = within(f.OrgIDs, scope.Orgs); empty {
		return f, true, nil
	}
	return f, false, nil
}

// within narrows what was asked for to what may be seen; asking for nothing is asking for all of it.
func within(asked, seen []string) (ids []string, empty bool) {
	if len(asked) == 0 {
		return seen, len(seen) == 0
	}
	for _, id := range asked {
		if slices.Contains(seen, id) {
			ids = append(ids, id)
		}
	}
	return ids, len(ids) == 0
}

// maxFilter is how many rows a picker offers.
const maxFilter = 50

// Filter is a short list for pickers: at most 50. Team admins find the people of their teams.
func (u *Users) Filter(ctx context.Context, who access.Actor, q UserQuery) ([]UserView, error) {
	scope, err := access.Scope(who, access.UserFilter)
	if err != nil {
		return nil, err
	}
	f := store.UserFilter{Email: q.Email, IDs: q.IDs, Search: q.Search}
	var users []models.User
	add := func(f store.UserFilter) error {
		rows, _, err := u.Store.ListUsers(ctx, f, store.Page{Number: 1, Size: maxFilter})
		for i := range rows {
			if !slices.ContainsFunc(users, func(o models.User) bool { return o.ID == rows[i].ID }) && len(users) < maxFilter {
				users = append(users, rows[i].User)
			}
		}
		return err
	}
	if scope.All {
		err = add(f)
	}
	if err == nil && len(scope.UserTeams) > 0 {
		byTeam := f
		byTeam.TeamIDs = scope.UserTeams
		err = add(byTeam)
	}
	if err == nil && len(scope.Orgs) > 0 {
		byOrg := f
		byOrg.OrgIDs = scope.Orgs
		err = add(byOrg)
	}
	if err != nil {
		return nil, err
	}
	return u.userViews(ctx, u.Store, users)
}

// Roles lists the global roles, highest privilege first.
func (u *Users) Roles(_ context.Context, who access.Actor) ([]RoleInfo, error) {
	if err := access.Check(who, access.UserRoles, access.Target{}); err != nil {
		return nil, err
	}
	return []RoleInfo{
		{models.RoleAdmin, "Sees and changes everything.", "Admin (All Permissions)"},
		{models.RoleAdminViewer, "Sees everything, changes nothing.", "Admin (View Only)"},
		{models.RoleInternalUser, "Makes, sees and deletes their own keys, and sees their own spend.", "Internal User (Create/Delete/View)"},
		{models.RoleInternalViewer, "Sees their own keys and their own spend.", "Internal User (View Only)"},
	}, nil
}
