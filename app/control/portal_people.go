package control

import (
	"context"

	"gatehouse/app/access"
	"gatehouse/models"
	"gatehouse/models/fault"
)

// UserState narrows a list of people by what they can do.
type UserState string

// The states a list can be narrowed to.
const (
	UsersAll     UserState = ""
	UsersOpen    UserState = "active" // not blocked
	UsersInvited UserState = "invited"
	UsersBlocked UserState = "blocked"
)

// ListByState is List, narrowed to people in one state. Errors: those of List, Invalid for an unknown state.
func (u *Users) ListByState(ctx context.Context, who access.Actor, q UserQuery, state UserState) (Page[UserView], error) {
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
	out := Page[UserView]{Items: []UserView{}, Page: p.Number, Size: p.Size}
	f, empty, err := userFilter(scope, q)
	if err != nil || empty {
		return out, err
	}
	switch state {
	case UsersAll:
	case UsersOpen:
		f.Blocked = ptr(false)
	case UsersBlocked:
		f.Blocked = ptr(true)
	case UsersInvited:
		f.Blocked = ptr(false)
		if f.IDs, err = u.Store.InvitedUsers(ctx); err != nil || len(f.IDs) == 0 {
			return out, err
		}
	default:
		return out, fault.BadField("state", "Invalid state: must be active, invited or blocked")
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

// Places is the person's places in teams with what they spent there, in a fixed number of queries. Errors: NotFound, also
// where the caller may not see the person.
func (u *Users) Places(ctx context.Context, who access.Actor, id string) ([]MemberView, map[string]models.Team, error) {
	view, err := u.Card(ctx, who, id)
	if err != nil {
		return nil, nil, err
	}
	places, err := u.Store.MembershipsOfUsers(ctx, view.User.ID)
	if err != nil {
		return nil, nil, err
	}
	members, err := memberViews(ctx, u.Store, places)
	if err != nil {
		return nil, nil, err
	}
	teams := map[string]models.Team{}
	if len(view.Teams) == 0 {
		return members, teams, nil
	}
	list, err := u.Store.TeamsByID(ctx, view.Teams)
	for _, t := range list {
		teams[t.ID] = t
	}
	return members, teams, err
}

// Search is one page of the teams that the caller sees whose id or name holds text, without keys. Errors: those of Pages.
func (t *Teams) Search(ctx context.Context, who access.Actor, text string, q TeamQuery) (Page[TeamView], error) {
	p, err := page(q.Page, q.Size, 25, 100)
	if err != nil {
		return Page[TeamView]{}, err
	}
	if err := sorted(&p, q.SortBy, q.SortOrder, "asc", "team_id", "team_alias", "created_at", "spend", "max_budget", "last_used"); err != nil {
		return Page[TeamView]{}, err
	}
	out := Page[TeamView]{Items: []TeamView{}, Page: p.Number, Size: p.Size}
	f, none, err := t.filter(ctx, who, q)
	if err != nil || none {
		return out, err
	}
	f.Search = text
	rows, total, err := t.Store.ListTeams(ctx, f, p)
	if err != nil {
		return out, err
	}
	teams := make([]models.Team, len(rows))
	for i := range rows {
		teams[i] = rows[i].Team
	}
	out.Total = int(total)
	out.Items, err = t.teamViews(ctx, t.Store, teams)
	return out, err
}

// Choices are the ids and names of the teams that the caller sees, by name, at most a hundred: for filters. Errors: those of Pages.
func (t *Teams) Choices(ctx context.Context, who access.Actor) ([]models.Team, error) {
	f, none, err := t.filter(ctx, who, TeamQuery{})
	if err != nil || none {
		return nil, err
	}
	return t.Store.TeamChoices(ctx, f, teamChoicesMost)
}

const teamChoicesMost = 100

// TeamNames gives the names of teams by id, of those that the caller sees.
func (t *Teams) TeamNames(ctx context.Context, who access.Actor, ids []string) (map[string]string, error) {
	seen := ids
	if !who.SeesAll() {
		seen = nil
		for _, id := range ids {
			if who.Teams[id] != "" {
				seen = append(seen, id)
			}
		}
	}
	return teamNames(ctx, t.Store, seen)
}

// BudgetUse is a budget row with the number of keys, members, customers and organizations that use it.
type BudgetUse struct {
	BudgetView
	Links int64
}

// Uses is List with how much each row is used.
func (b *Budgets) Uses(ctx context.Context, who access.Actor) ([]BudgetUse, error) {
	if err := b.gate(ctx, who, access.BudgetRead); err != nil {
		return nil, err
	}
	rows, err := b.Store.ListBudgets(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]BudgetUse, len(rows))
	for i := range rows {
		v, err := b.view(&rows[i].Budget)
		if err != nil {
			return nil, err
		}
		out[i] = BudgetUse{BudgetView: *v, Links: rows[i].Linked}
	}
	return out, nil
}
