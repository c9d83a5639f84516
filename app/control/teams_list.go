package control

import (
	"context"
	"encoding/json"
	"slices"

	"gatehouse/app/access"
	"gatehouse/models"
	"gatehouse/models/fault"
	"gatehouse/models/store"
)

func marshalObject(m map[string]json.RawMessage) (models.JSON, error) {
	text, err := json.Marshal(m)
	return text, err
}

// Info is a team with its keys and members. Errors: Forbidden, NotFound for those who see all.
func (t *Teams) Info(ctx context.Context, who access.Actor, id string) (*TeamInfo, error) {
	if err := t.gate(ctx, who, access.TeamInfo); err != nil {
		return nil, err
	}
	if id == "" {
		return nil, fault.Missing("team_id")
	}
	team, err := t.load(ctx, t.Store, who, access.TeamInfo, id)
	if f := fault.As(err); f != nil && f.Kind == fault.NotFound {
		return nil, f.WithType("auth_error") // as clients of this route know it
	}
	if err != nil {
		return nil, err
	}
	infos, err := t.withKeys(ctx, who, []models.Team{*team})
	if err != nil {
		return nil, err
	}
	return &infos[0], nil
}

// withKeys adds to teams the keys that the actor sees in them.
func (t *Teams) withKeys(ctx context.Context, who access.Actor, teams []models.Team) ([]TeamInfo, error) {
	views, err := t.teamViews(ctx, t.Store, teams)
	if err != nil {
		return nil, err
	}
	infos := make([]TeamInfo, len(views))
	at := map[string]*TeamInfo{}
	ids := make([]string, len(views))
	for i := range views {
		infos[i].TeamView = views[i]
		ids[i] = views[i].Team.ID
		at[ids[i]] = &infos[i]
	}
	if len(ids) == 0 {
		return infos, nil
	}
	rows, err := t.Store.KeysOfTeams(ctx, ids...)
	if err != nil {
		return nil, err
	}
	rows = slices.DeleteFunc(rows, func(k models.Key) bool { return !seesTeamKey(who, &k) })
	keys, err := t.keyViews(ctx, t.Store, rows)
	if err != nil {
		return nil, err
	}
	for _, v := range keys {
		info := at[deref(v.Key.TeamID)]
		info.Keys = append(info.Keys, v)
	}
	return infos, nil
}

// seesTeamKey is KeyInfo, and for admins of the team's organization, who see the team, the same as for the team's own.
func seesTeamKey(who access.Actor, k *models.Key) bool {
	return access.May(who, access.KeyInfo, access.Key(k))
}

// List is every team that the caller sees and the query selects, with keys. Errors: Unauthenticated where somebody else's
// teams are asked for.
func (t *Teams) List(ctx context.Context, who access.Actor, q TeamQuery) ([]TeamInfo, error) {
	f, none, err := t.filter(ctx, who, q)
	if err != nil || none {
		return []TeamInfo{}, err
	}
	var teams []models.Team
	for number := 1; ; number++ {
		rows, total, err := t.Store.ListTeams(ctx, f, store.Page{Number: number, Size: store.MaxPage})
		if err != nil {
			return nil, err
		}
		for i := range rows {
			teams = append(teams, rows[i].Team)
		}
		if len(rows) == 0 || int64(len(teams)) >= total {
			break
		}
	}
	return t.withKeys(ctx, who, teams)
}

// Pages is List in pages, without keys.
func (t *Teams) Pages(ctx context.Context, who access.Actor, q TeamQuery) (Page[TeamView], error) {
	p, err := page(q.Page, q.Size, 10, 100)
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

// filter narrows a query to what the actor sees; none says that nothing can match.
func (t *Teams) filter(ctx context.Context, who access.Actor, q TeamQuery) (f store.TeamFilter, none bool, err error) {
	if err := t.gate(ctx, who, access.TeamList); err != nil {
		return f, false, err
	}
	if q.UserID != "" && q.UserID != who.UserID && !who.SeesAll() {
		// Check with a team that nobody is in: the refusal that the contract fixes for the teams of others.
		return f, false, access.Check(who, access.TeamList, access.Target{Owner: q.UserID})
	}
	f = store.TeamFilter{Alias: q.Alias, MemberID: q.UserID}
	if q.ID != "" {
		f.IDs = []string{q.ID}
	}
	if q.OrgID == "default_organization" {
		f.NoOrg = true
	} else {
		f.OrgID = q.OrgID
	}
	if who.SeesAll() {
		f.All = true
		return f, false, nil
	}
	f.VisibleTo, err = t.visibleTeams(ctx, who)
	return f, len(f.VisibleTo) == 0, err
}

// visibleTeams lists the teams that the actor sees: their own, their key's, and those of organizations they administer.
func (t *Teams) visibleTeams(ctx context.Context, who access.Actor) ([]string, error) {
	scope, err := access.Scope(who, access.TeamList)
	if err != nil {
		if access.Role(who, access.TeamList) == nil { // the role may list; there is just nothing to see
			return nil, nil
		}
		return nil, err
	}
	ids := slices.Clone(scope.Teams)
	for _, org := range scope.Orgs {
		rows, _, err := t.Store.ListTeams(ctx, store.TeamFilter{All: true, OrgID: org}, store.Page{Number: 1, Size: store.MaxPage})
		if err != nil {
			return nil, err
		}
		for i := range rows {
			if !slices.Contains(ids, rows[i].ID) {
				ids = append(ids, rows[i].ID)
			}
		}
	}
	return ids, nil
}

// Filter is a short list for pickers: at most 50.
func (t *Teams) Filter(ctx context.Context, who access.Actor, q TeamQuery) ([]TeamView, error) {
	if err := t.gate(ctx, who, access.TeamFilter); err != nil {
		return nil, err
	}
	f := store.TeamFilter{All: true, Alias: q.Alias}
	if q.ID != "" {
		f.IDs = []string{q.ID}
	}
	rows, _, err := t.Store.ListTeams(ctx, f, store.Page{Number: 1, Size: maxFilter, Sort: "team_alias"})
	if err != nil {
		return nil, err
	}
	teams := make([]models.Team, len(rows))
	for i := range rows {
		teams[i] = rows[i].Team
	}
	return t.teamViews(ctx, t.Store, teams)
}

// Available lists the teams that the caller may join and is not in. Errors: Invalid where the operator named none.
func (t *Teams) Available(ctx context.Context, who access.Actor) ([]TeamView, error) {
	if err := access.Check(who, access.TeamAvailable, access.Target{}); err != nil {
		return nil, err
	}
	open := t.policy().LiteLLM.DefaultUser.AvailableTeams
	if len(open) == 0 {
		return nil, fault.New(fault.Invalid, "No available teams for user to join. See how to set available teams in the docs.")
	}
	var ids []string
	for _, id := range open {
		if who.Teams[id] == "" {
			ids = append(ids, id)
		}
	}
	views, err := t.teamViewsByID(ctx, t.Store, ids)
	for i := range views { // who else is in a team is for its members
		views[i].Members = nil
	}
	return views, err
}
