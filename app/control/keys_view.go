package control

import (
	"context"

	"gatehouse/models"
	"gatehouse/models/store"
)

// keyViews adds to keys what other tables know of them, in a fixed number of queries however many keys there are.
func (b *base) keyViews(ctx context.Context, st *store.Store, keys []models.Key) ([]KeyView, error) {
	var scopes, budgets, teams, users []string
	for i := range keys {
		k := &keys[i]
		scopes = append(scopes, models.ScopeKey(k.ID))
		for model := range k.ModelMaxBudget {
			scopes = append(scopes, models.ScopeKeyModel(k.ID, model))
		}
		budgets, teams, users = addPtr(budgets, k.BudgetID), addPtr(teams, k.TeamID), addPtr(users, k.UserID)
	}
	if len(keys) == 0 {
		return []KeyView{}, nil
	}
	counters, err := st.CurrentCounters(ctx, scopes...)
	if err != nil {
		return nil, err
	}
	rows, err := budgetRows(ctx, st, budgets)
	if err != nil {
		return nil, err
	}
	names, err := teamNames(ctx, st, teams)
	if err != nil {
		return nil, err
	}
	owners, err := usersByID(ctx, st, users)
	if err != nil {
		return nil, err
	}
	views := make([]KeyView, len(keys))
	for i := range keys {
		k := &keys[i]
		c := counters[models.ScopeKey(k.ID)]
		v := KeyView{Key: *k, Spend: c.Spent, Total: c.Total, ResetsAt: c.ResetsAt, LastUsedAt: c.LastUsedAt, TeamAlias: names[deref(k.TeamID)]}
		v.Budget = rows[deref(k.BudgetID)]
		v.Owner = owners[deref(k.UserID)]
		for model := range k.ModelMaxBudget {
			if v.ModelSpend == nil {
				v.ModelSpend = map[string]models.Nano{}
			}
			v.ModelSpend[model] = counters[models.ScopeKeyModel(k.ID, model)].Spent
		}
		views[i] = v
	}
	return views, nil
}

// keyView is keyViews for one key, with the end of its grace period.
func (b *base) keyView(ctx context.Context, st *store.Store, k *models.Key) (*KeyView, error) {
	views, err := b.keyViews(ctx, st, []models.Key{*k})
	if err != nil {
		return nil, err
	}
	v := &views[0]
	old, err := st.OldSecrets(ctx, k.ID)
	if err != nil {
		return nil, err
	}
	now := b.Now()
	for _, o := range old {
		if o.ExpiresAt.After(now) && (v.GraceEnds == nil || o.ExpiresAt.After(v.GraceEnds.Time)) {
			v.GraceEnds = models.AtPtr(o.ExpiresAt.Time)
		}
	}
	return v, nil
}

func addPtr(list []string, p *string) []string {
	if p == nil {
		return list
	}
	return append(list, *p)
}

// budgetRows loads budget rows by id.
func budgetRows(ctx context.Context, st *store.Store, ids []string) (map[string]*models.Budget, error) {
	out := map[string]*models.Budget{}
	if len(ids) == 0 {
		return out, nil
	}
	rows, err := st.BudgetsByID(ctx, ids)
	for i := range rows {
		out[rows[i].ID] = &rows[i]
	}
	return out, err
}

// teamNames loads the aliases of teams by id.
func teamNames(ctx context.Context, st *store.Store, ids []string) (map[string]string, error) {
	out := map[string]string{}
	if len(ids) == 0 {
		return out, nil
	}
	rows, err := st.TeamsByID(ctx, ids)
	for i := range rows {
		out[rows[i].ID] = deref(rows[i].Alias)
	}
	return out, err
}

// usersByID loads people by id, without their password hashes.
func usersByID(ctx context.Context, st *store.Store, ids []string) (map[string]*models.User, error) {
	out := map[string]*models.User{}
	if len(ids) == 0 {
		return out, nil
	}
	rows, err := st.UsersByID(ctx, ids)
	for i := range rows {
		rows[i].PasswordHash = ""
		out[rows[i].ID] = &rows[i]
	}
	return out, err
}
