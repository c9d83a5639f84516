package control

import (
	"context"
	"slices"

	"gatehouse/app/access"
	"gatehouse/models"
	"gatehouse/models/fault"
	"gatehouse/models/store"
)

// visible turns what an actor sees into the store's words.
func visible(f access.Filter) store.Scope {
	v := store.Scope{All: f.All, UserID: f.UserID, TeamIDs: f.Teams, ServiceTeamIDs: f.ServiceTeams}
	if f.KeyID != "" {
		v.KeyIDs = []string{f.KeyID}
	}
	return v
}

// List is one page of the keys that the caller sees. Without a user, team or organization in the query a person who is no
// admin gets their own keys; asking for somebody else's is Forbidden.
func (k *Keys) List(ctx context.Context, who access.Actor, q KeyQuery) (Page[KeyView], error) {
	scope, err := access.Scope(who, access.KeyList)
	if err != nil {
		return Page[KeyView]{}, err
	}
	p, err := page(q.Page, q.Size, 10, 100)
	if err != nil {
		return Page[KeyView]{}, err
	}
	if err := sorted(&p, q.SortBy, q.SortOrder, "desc",
		"spend", "max_budget", "created_at", "updated_at", "token", "key_alias", "expires", "last_used"); err != nil {
		return Page[KeyView]{}, err
	}
	f, err := k.keyFilter(who, scope, q)
	if err != nil {
		return Page[KeyView]{}, err
	}
	out := Page[KeyView]{Page: p.Number, Size: p.Size}
	var total int64
	switch q.Status {
	case "":
		out.Items, total, err = k.liveKeys(ctx, f, p)
	case "deleted":
		out.Items, total, err = k.deletedKeys(ctx, f, p)
	default:
		return out, fault.BadField("status", "Invalid status: the only value is deleted")
	}
	out.Total = int(total)
	return out, err
}

func (k *Keys) keyFilter(who access.Actor, scope access.Filter, q KeyQuery) (store.KeyFilter, error) {
	hash, err := HashRef(q.Hash)
	if err != nil {
		return store.KeyFilter{}, err
	}
	f := store.KeyFilter{
		Visible: visible(scope), UserID: q.UserID, TeamID: q.TeamID, OrgID: q.OrgID, Hash: hash, Alias: q.Alias,
		AccessGroupID: q.AccessGroupID, Search: q.Search,
	}
	switch q.State {
	case "":
	case "blocked":
		f.Blocked = ptr(true)
	case "expired":
		f.Expired = ptr(true)
	case "active":
		f.Blocked, f.Expired = ptr(false), ptr(false)
	case "attention":
		wanting, err := k.attention(who)
		if err != nil {
			return f, err
		}
		f.Attention = &wanting
	default:
		return f, fault.BadField("state", "Invalid state: must be blocked, expired, active or attention")
	}
	if who.SeesAll() {
		return f, nil
	}
	if err := ownList(who, q); err != nil {
		return f, err
	}
	// LiteLLM's default: one's own keys, and more only when asked for.
	if !q.All && !q.IncludeTeamKeys && q.TeamID == "" && who.UserID != "" {
		f.Visible = store.Scope{UserID: who.UserID}
	}
	if q.IncludeCreatedBy && who.UserID != "" {
		f.Visible.CreatedBy = who.UserID
	}
	return f, nil
}

// ownList refuses a query for the rows of others.
func ownList(who access.Actor, q KeyQuery) error {
	foreign := q.UserID != "" && q.UserID != who.UserID && who.Teams[q.TeamID] != models.TeamAdmin ||
		q.TeamID != "" && who.Teams[q.TeamID] == "" && (who.Key == nil || who.Key.TeamID != q.TeamID) ||
		q.OrgID != "" && who.Orgs[q.OrgID] == ""
	if !foreign {
		return nil
	}
	return fault.New(fault.Forbidden, "You are not allowed to list the keys of other users, teams or organizations.").WithType("bad_request_error")
}

func (k *Keys) liveKeys(ctx context.Context, f store.KeyFilter, p store.Page) ([]KeyView, int64, error) {
	rows, total, err := k.Store.ListKeys(ctx, f, p)
	if err != nil {
		return nil, 0, err
	}
	keys := make([]models.Key, len(rows))
	for i := range rows {
		keys[i] = rows[i].Key
	}
	views, err := k.keyViews(ctx, k.Store, keys)
	return views, total, err
}

func (k *Keys) deletedKeys(ctx context.Context, f store.KeyFilter, p store.Page) ([]KeyView, int64, error) {
	rows, total, err := k.Store.ListDeletedKeys(ctx, f, p)
	if err != nil {
		return nil, 0, err
	}
	views := make([]KeyView, len(rows))
	for i := range rows {
		r := &rows[i]
		deleted := r.DeletedAt
		views[i] = KeyView{
			Key: r.Key, Spend: r.Spent, Total: r.Total, LastUsedAt: nullTime(r.LastUsedAt), TeamAlias: deref(r.TeamAlias),
			DeletedAt: &deleted, DeletedBy: r.DeletedBy,
		}
		if r.UserID != nil && (r.OwnerEmail != nil || r.OwnerAlias != nil) {
			views[i].Owner = &models.User{ID: *r.UserID, Email: r.OwnerEmail, Alias: r.OwnerAlias}
		}
	}
	return views, total, nil
}

// Aliases is one page of the names of the keys that the caller sees.
func (k *Keys) Aliases(ctx context.Context, who access.Actor, q AliasQuery) (Page[string], error) {
	scope, err := access.Scope(who, access.KeyAliases)
	if err != nil {
		return Page[string]{}, err
	}
	p, err := page(q.Page, q.Size, 50, 100)
	if err != nil {
		return Page[string]{}, err
	}
	names, total, err := k.Store.KeyAliases(ctx, store.KeyFilter{Visible: visible(scope)}, q.Search, p)
	return Page[string]{Items: names, Total: int(total), Page: p.Number, Size: p.Size}, err
}

// Options is what a form for a new key offers this caller; teamID is the chosen team, "" = a personal key. The same
// rules decide here and in Create.
func (k *Keys) Options(ctx context.Context, who access.Actor, teamID string) (*KeyOptions, error) {
	p := k.policy()
	out := &KeyOptions{Personal: true, MayNeverEnd: true}
	self := access.Target{Owner: who.UserID}
	if err := access.Check(who, access.KeyCreate, self); err != nil {
		out.Personal, out.PersonalWhy = false, "Your role may not make keys."
	} else if rules := p.LiteLLM.KeyGeneration; rules != nil && rules.Personal != nil && rules.Personal.Roles != nil && !slices.Contains(rules.Personal.Roles, who.Role) ||
		p.General.DefaultTeamDisabled && !who.IsAdmin() {
		out.Personal, out.PersonalWhy = false, "Personal keys are turned off by your admin."
	}
	if err := k.teamChoices(ctx, who, out); err != nil {
		return nil, err
	}
	if b := p.LiteLLM.UpperBound; b != nil {
		out.Bounds = KeyBounds{
			MaxBudget: b.MaxBudget, BudgetDuration: b.BudgetDuration.String(), Duration: b.Duration.String(),
			TPMLimit: b.TPMLimit, RPMLimit: b.RPMLimit, MaxParallel: b.MaxParallel,
		}
		out.MayNeverEnd = b.Duration.IsNever()
	}
	out.DefaultModel = slices.Clone(p.LiteLLM.DefaultKey.Models)
	var err error
	out.Models, err = k.choices(ctx, who, teamID)
	return out, err
}

// teamChoices lists the caller's teams, or for admins every team (at most 1000), each with the rule that forbids it.
func (k *Keys) teamChoices(ctx context.Context, who access.Actor, out *KeyOptions) error {
	f := store.TeamFilter{All: who.IsAdmin()}
	for id := range who.Teams {
		f.VisibleTo = append(f.VisibleTo, id)
	}
	rows, _, err := k.Store.ListTeams(ctx, f, store.Page{Number: 1, Size: store.MaxPage, Sort: "team_alias"})
	if err != nil {
		return err
	}
	rules := k.policy().LiteLLM.KeyGeneration
	for i := range rows {
		t := &rows[i].Team
		c := TeamChoice{ID: t.ID, Alias: deref(t.Alias), May: true, Service: true}
		var required []string
		if rules != nil && rules.Team != nil {
			required = rules.Team.Required
		}
		err := access.Check(who, access.KeyCreateTeam, access.Target{Owner: who.UserID, Team: t.ID})
		if err == nil {
			err = checkGeneration(rules, who, t.ID, required)
		}
		service := access.Check(who, access.KeyCreateService, access.Team(t.ID, t.OrgID))
		if service == nil {
			service = memberPermitted(who, t, "/key/service-account/generate")
		}
		if err == nil {
			err = memberPermitted(who, t, "/key/generate")
		}
		c.Service = service == nil
		if err != nil {
			c.May, c.Service, c.Why = false, false, "Only the admins of this team may make keys in it."
		}
		out.Teams = append(out.Teams, c)
	}
	return nil
}

// choices lists the models and groups that an owner's lists let through: those of the team, or of the person.
func (b *base) choices(ctx context.Context, who access.Actor, teamID string) ([]ModelChoice, error) {
	var list []string
	via := ""
	switch {
	case teamID != "":
		team, err := b.Store.Team(ctx, teamID)
		if err != nil {
			return nil, notFound("team", teamID, err)
		}
		if err := access.Check(who, access.TeamInfo, access.Team(team.ID, team.OrgID)); err != nil {
			return nil, err
		}
		if list = team.Models; len(list) > 0 {
			if via = "team " + deref(team.Alias); team.Alias == nil {
				via = "team " + team.ID
			}
		}
	case who.UserID != "" && !who.Master:
		user, err := b.Store.User(ctx, who.UserID)
		if err != nil && !absent(err) {
			return nil, err
		}
		if user != nil {
			list = user.Models
		}
	}
	out := []ModelChoice{}
	if slices.Contains(list, noDefault) {
		return out, nil
	}
	names := append(slices.Clone(b.Models.Names()), b.Models.TeamNames(teamID)...)
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if b.Models.Admits(list, name, teamID) {
			out = append(out, ModelChoice{Name: name, Via: via})
		}
	}
	for _, group := range b.Models.Groups() {
		if len(list) == 0 || slices.Contains(list, group) || b.Models.Admits(list, group, teamID) {
			out = append(out, ModelChoice{Name: group, IsGroup: true, Via: via})
		}
	}
	return out, nil
}

func ptr[T any](v T) *T { return &v }
