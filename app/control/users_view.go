package control

import (
	"context"

	"gatehouse/models"
	"gatehouse/models/store"
)

// userViews adds to people what other tables know of them, in a fixed number of queries.
func (b *base) userViews(ctx context.Context, st *store.Store, users []models.User) ([]UserView, error) {
	views := make([]UserView, len(users))
	if len(users) == 0 {
		return views, nil
	}
	ids, scopes := make([]string, len(users)), make([]string, len(users))
	at := make(map[string]*UserView, len(users))
	for i := range users {
		ids[i], scopes[i] = users[i].ID, models.ScopeUser(users[i].ID)
		views[i].User = users[i]
		views[i].HasPassword = users[i].PasswordHash != ""
		views[i].User.PasswordHash = ""
		at[ids[i]] = &views[i]
	}
	counters, err := st.CurrentCounters(ctx, scopes...)
	if err != nil {
		return nil, err
	}
	for i := range views {
		c := counters[scopes[i]]
		views[i].Spend, views[i].Total, views[i].ResetsAt, views[i].LastUsedAt = c.Spent, c.Total, c.ResetsAt, c.LastUsedAt
	}
	if err := addPlaces(ctx, st, at, ids); err != nil {
		return nil, err
	}
	keys, err := st.CountKeysOf(ctx, store.ByUser, ids)
	if err != nil {
		return nil, err
	}
	for i := range views {
		views[i].KeyCount = keys[ids[i]]
	}
	return views, b.addInvited(ctx, st, at, ids)
}

func addPlaces(ctx context.Context, st *store.Store, at map[string]*UserView, ids []string) error {
	places, err := st.MembershipsOfUsers(ctx, ids...)
	if err != nil {
		return err
	}
	for i := range places {
		v := at[places[i].UserID]
		v.Teams = append(v.Teams, places[i].TeamID)
	}
	orgs, err := st.OrgMembershipsOfUsers(ctx, ids...)
	for i := range orgs {
		v := at[orgs[i].UserID]
		v.Orgs = append(v.Orgs, orgs[i].OrgID)
	}
	return err
}

func (b *base) addInvited(ctx context.Context, st *store.Store, at map[string]*UserView, ids []string) error {
	list, err := st.InvitationsOfUsers(ctx, ids...)
	now := b.Now()
	for i := range list {
		inv := &list[i]
		if v := at[inv.UserID]; v.Invited == nil && inv.AcceptedAt == nil && inv.RevokedAt == nil && inv.ExpiresAt.After(now) {
			v.Invited = models.AtPtr(inv.ExpiresAt.Time)
		}
	}
	return err
}

// userView is userViews for one person.
func (b *base) userView(ctx context.Context, st *store.Store, u *models.User) (*UserView, error) {
	views, err := b.userViews(ctx, st, []models.User{*u})
	if err != nil {
		return nil, err
	}
	return &views[0], nil
}

// places loads the teams and organizations of a person, for the target of a check.
func places(ctx context.Context, st *store.Store, id string) (teams, orgs []string, err error) {
	at := map[string]*UserView{id: {}}
	err = addPlaces(ctx, st, at, []string{id})
	return at[id].Teams, at[id].Orgs, err
}
