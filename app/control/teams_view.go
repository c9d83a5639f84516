package control

import (
	"context"

	"gatehouse/models"
	"gatehouse/models/store"
)

// teamViews adds to teams what other tables know of them, in a fixed number of queries.
func (b *base) teamViews(ctx context.Context, st *store.Store, teams []models.Team) ([]TeamView, error) {
	views := make([]TeamView, len(teams))
	if len(teams) == 0 {
		return views, nil
	}
	ids, scopes := make([]string, len(teams)), make([]string, len(teams))
	at := make(map[string]*TeamView, len(teams))
	for i := range teams {
		ids[i], scopes[i] = teams[i].ID, models.ScopeTeam(teams[i].ID)
		views[i].Team = teams[i]
		at[ids[i]] = &views[i]
	}
	counters, err := st.CurrentCounters(ctx, scopes...)
	if err != nil {
		return nil, err
	}
	rows, err := st.MembersOfTeams(ctx, ids...)
	if err != nil {
		return nil, err
	}
	members, err := memberViews(ctx, st, rows)
	if err != nil {
		return nil, err
	}
	for _, m := range members {
		v := at[m.TeamID]
		v.Members = append(v.Members, m)
	}
	keys, err := st.CountKeysOf(ctx, store.ByTeam, ids)
	if err != nil {
		return nil, err
	}
	for i := range views {
		views[i].KeyCount = keys[ids[i]]
		c := counters[scopes[i]]
		views[i].Spend, views[i].Total, views[i].ResetsAt = c.Spent, c.Total, c.ResetsAt
	}
	return views, nil
}

func (b *base) teamView(ctx context.Context, st *store.Store, t *models.Team) (*TeamView, error) {
	views, err := b.teamViews(ctx, st, []models.Team{*t})
	if err != nil {
		return nil, err
	}
	return &views[0], nil
}

// teamViewsByID loads teams in the order of ids; unknown ones are left out.
func (b *base) teamViewsByID(ctx context.Context, st *store.Store, ids []string) ([]TeamView, error) {
	if len(ids) == 0 {
		return []TeamView{}, nil
	}
	rows, err := st.TeamsByID(ctx, ids)
	if err != nil {
		return nil, err
	}
	at := map[string]models.Team{}
	for i := range rows {
		at[rows[i].ID] = rows[i]
	}
	var teams []models.Team
	for _, id := range ids {
		if t, has := at[id]; has {
			teams = append(teams, t)
		}
	}
	return b.teamViews(ctx, st, teams)
}

func memberViews(ctx context.Context, st *store.Store, rows []store.MemberRow) ([]MemberView, error) {
	var budgets []string
	scopes := make([]string, len(rows))
	for i := range rows {
		budgets = addPtr(budgets, rows[i].BudgetID)
		scopes[i] = models.ScopeMember(rows[i].TeamID, rows[i].UserID)
	}
	limits, err := budgetRows(ctx, st, budgets)
	if err != nil {
		return nil, err
	}
	counters, err := st.CurrentCounters(ctx, scopes...)
	if err != nil {
		return nil, err
	}
	views := make([]MemberView, len(rows))
	for i := range rows {
		m, c := &rows[i], counters[scopes[i]]
		views[i] = MemberView{
			TeamID: m.TeamID, UserID: m.UserID, Email: deref(m.UserEmail), Alias: deref(m.UserAlias), Role: m.Role,
			BudgetID: m.BudgetID, Budget: limits[deref(m.BudgetID)], Spend: c.Spent, ResetsAt: c.ResetsAt,
		}
	}
	return views, nil
}
