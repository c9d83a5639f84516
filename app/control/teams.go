package control

import (
	"context"
	"slices"
	"strings"

	"github.com/google/uuid"

	"gatehouse/app/access"
	"gatehouse/models"
	"gatehouse/models/fault"
	"gatehouse/models/store"
)

// Teams are the acts on teams and their members.
type Teams struct{ base }

func sameEmail(a, b string) bool { return strings.EqualFold(a, b) }

// load finds a team and asks whether the actor may do this to it. An absent team is answered as one that the actor may
// not see.
func (t *Teams) load(ctx context.Context, st *store.Store, who access.Actor, action access.Action, id string) (*models.Team, error) {
	team, err := st.Team(ctx, id)
	if err != nil {
		if action == access.TeamInfo {
			return nil, hideAbsent(who, action, "team", id, err)
		}
		return nil, notFound("team", id, err)
	}
	return team, access.Check(who, action, access.Team(team.ID, team.OrgID))
}

// New makes a team. The caller becomes its admin. Errors: Invalid for an id that is taken, Forbidden, Unauthenticated.
func (t *Teams) New(ctx context.Context, who access.Actor, in NewTeam) (*TeamView, error) {
	if err := t.gate(ctx, who, access.TeamNew); err != nil {
		return nil, err
	}
	if err := in.check(); err != nil {
		return nil, err
	}
	if err := checkID("team_id", in.ID); err != nil {
		return nil, err
	}
	if in.ID == models.UISessionTeam {
		return nil, teamTaken(in.ID)
	}
	target := access.Target{Org: in.OrgID.Or("")}
	if err := access.Check(who, access.TeamNew, target); err != nil {
		t.noteRefusal(ctx, who, access.TeamNew, in.ID, err)
		return nil, err
	}
	if err := in.permit(access.FieldsOf(who, access.TeamNew, target), &models.Team{}); err != nil {
		return nil, err
	}
	var out *TeamView
	err := t.change(ctx, who, access.TeamNew, in.ID, func(tx *store.Store) error {
		team, err := t.insertTeam(ctx, tx, who, in)
		if err != nil {
			return err
		}
		out, err = t.teamView(ctx, tx, team)
		return err
	})
	if err == nil && out.Spend > 0 {
		t.Ledger.Reset(models.ScopeTeam(out.Team.ID), out.Spend)
	}
	return out, err
}

func teamTaken(id string) error {
	return fault.BadField("team_id", "Team id = %s already exists. Please use a different team id.", id)
}

func (t *Teams) insertTeam(ctx context.Context, tx *store.Store, who access.Actor, in NewTeam) (*models.Team, error) {
	team := &models.Team{ID: in.ID}
	if team.ID == "" {
		team.ID = uuid.NewString()
	}
	if err := in.apply(team); err != nil {
		return nil, err
	}
	if _, err := tx.Team(ctx, team.ID); !absent(err) {
		if err != nil {
			return nil, err
		}
		return nil, teamTaken(team.ID)
	}
	if err := t.checkOrg(ctx, tx, team.OrgID); err != nil {
		return nil, err
	}
	t.stampNew(&team.Audit, who)
	if err := tx.InsertTeam(ctx, team); err != nil {
		return nil, clashText(err, "team_id", fault.Invalid, "Team id = %s already exists. Please use a different team id.", team.ID)
	}
	if err := t.reset(ctx, tx, models.ScopeTeam(team.ID), team.BudgetDuration); err != nil {
		return nil, err
	}
	if in.Spend.Or(0) > 0 {
		if err := t.setSpent(ctx, tx, models.ScopeTeam(team.ID), in.Spend.Value); err != nil {
			return nil, err
		}
	}
	if err := t.audit(ctx, tx, who, access.TeamNew, team.ID, nil, team); err != nil {
		return nil, err
	}
	return team, t.firstMembers(ctx, tx, who, team, in.Members)
}

// firstMembers adds the people named, and the caller as admin unless they are among them.
func (t *Teams) firstMembers(ctx context.Context, tx *store.Store, who access.Actor, team *models.Team, members []Member) error {
	named := false
	for _, m := range members {
		id, err := t.addMember(ctx, tx, withTeam(who, team.ID), access.MemberAdd, team, m, MemberLimits{})
		if err != nil {
			return err
		}
		named = named || id == who.UserID
	}
	if named || who.UserID == "" {
		return nil
	}
	return t.join(ctx, tx, who, team.ID, who.UserID, models.TeamAdmin, MemberLimits{})
}

// withTeam is the actor as admin of a team that they are making.
func withTeam(who access.Actor, team string) access.Actor {
	teams := map[string]models.TeamRole{team: models.TeamAdmin}
	for id, role := range who.Teams {
		teams[id] = role
	}
	who.Teams = teams
	return who
}

func (b *base) checkOrg(ctx context.Context, tx *store.Store, id *string) error {
	if id == nil {
		return nil
	}
	_, err := tx.Organization(ctx, *id)
	if absent(err) {
		return fault.BadField("organization_id", "Organization %s does not exist", *id)
	}
	return err
}

// Update changes a team; fields that were not sent stay, null clears. Errors: NotFound, Forbidden, Invalid.
func (t *Teams) Update(ctx context.Context, who access.Actor, in TeamUpdate) (*TeamView, error) {
	if err := t.gate(ctx, who, access.TeamUpdate); err != nil {
		return nil, err
	}
	if in.ID == "" {
		return nil, fault.Missing("team_id")
	}
	if err := in.check(); err != nil {
		return nil, err
	}
	out, err := t.edit(ctx, who, access.TeamUpdate, in.ID, func(tx *store.Store, team *models.Team) error {
		before := *team
		if err := in.permit(access.FieldsOf(who, access.TeamUpdate, access.Team(team.ID, team.OrgID)), team); err != nil {
			return err
		}
		if err := in.apply(team); err != nil {
			return err
		}
		if err := t.checkOrg(ctx, tx, team.OrgID); err != nil {
			return err
		}
		if deref(before.BudgetDuration) != deref(team.BudgetDuration) {
			if err := t.reset(ctx, tx, models.ScopeTeam(team.ID), team.BudgetDuration); err != nil {
				return err
			}
		}
		if in.Spend.Has() {
			if err := t.setSpent(ctx, tx, models.ScopeTeam(team.ID), in.Spend.Value); err != nil {
				return err
			}
		}
		if deref(before.MemberBudgetDuration) == deref(team.MemberBudgetDuration) {
			return nil
		}
		return t.memberResets(ctx, tx, team)
	})
	if err == nil && in.Spend.Has() {
		t.Ledger.Reset(models.ScopeTeam(in.ID), in.Spend.Value)
	}
	return out, err
}

// memberResets moves the resets of the members who have no budget row of their own.
func (t *Teams) memberResets(ctx context.Context, tx *store.Store, team *models.Team) error {
	rows, err := tx.MembersOfTeams(ctx, team.ID)
	if err != nil {
		return err
	}
	for i := range rows {
		if rows[i].BudgetID != nil {
			continue
		}
		if err := t.memberReset(ctx, tx, team, &rows[i].Membership); err != nil {
			return err
		}
	}
	return nil
}

// edit loads a team, checks, runs fn on the row, stores it and writes the audit row.
func (t *Teams) edit(ctx context.Context, who access.Actor, action access.Action, id string, fn func(tx *store.Store, team *models.Team) error) (*TeamView, error) {
	if err := t.gate(ctx, who, action); err != nil {
		return nil, err
	}
	if id == "" {
		return nil, fault.Missing("team_id")
	}
	var out *TeamView
	err := t.change(ctx, who, action, id, func(tx *store.Store) error {
		team, err := t.load(ctx, tx, who, action, id)
		if err != nil {
			return err
		}
		before := *team
		if err := fn(tx, team); err != nil {
			return err
		}
		t.stampChange(&team.Audit, who)
		if err := tx.UpdateTeam(ctx, team); err != nil {
			return err
		}
		if out, err = t.teamView(ctx, tx, team); err != nil {
			return err
		}
		return t.audit(ctx, tx, who, action, id, &before, team)
	})
	return out, err
}

// Block stops every key of a team. Errors: NotFound, Forbidden.
func (t *Teams) Block(ctx context.Context, who access.Actor, id string) (*TeamView, error) {
	return t.edit(ctx, who, access.TeamBlock, id, func(_ *store.Store, team *models.Team) error {
		team.Blocked = true
		return nil
	})
}

// Unblock lets them work again. Errors: NotFound, Forbidden.
func (t *Teams) Unblock(ctx context.Context, who access.Actor, id string) (*TeamView, error) {
	return t.edit(ctx, who, access.TeamUnblock, id, func(_ *store.Store, team *models.Team) error {
		team.Blocked = false
		return nil
	})
}

// Delete removes teams with their keys and memberships, all or none. Errors: NotFound when one of them is unknown.
func (t *Teams) Delete(ctx context.Context, who access.Actor, ids []string) ([]string, error) {
	if err := t.gate(ctx, who, access.TeamDelete); err != nil {
		return nil, err
	}
	if len(ids) == 0 {
		return nil, fault.Missing("team_ids")
	}
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	err := t.change(ctx, who, access.TeamDelete, "", func(tx *store.Store) error {
		var teams []*models.Team
		for _, id := range ids {
			team, err := t.load(ctx, tx, who, access.TeamDelete, id)
			if err != nil {
				return err
			}
			teams = append(teams, team)
		}
		return t.remove(ctx, tx, who, teams)
	})
	return ids, err
}

// remove deletes teams with their keys and memberships.
func (t *Teams) remove(ctx context.Context, tx *store.Store, who access.Actor, teams []*models.Team) error {
	ids := make([]string, len(teams))
	for i, team := range teams {
		ids[i] = team.ID
	}
	keys, err := tx.KeysOfTeams(ctx, ids...)
	if err != nil {
		return err
	}
	list := make([]*models.Key, len(keys))
	for i := range keys {
		list[i] = &keys[i]
	}
	if err := t.deleteRows(ctx, tx, who, list); err != nil {
		return err
	}
	members, err := tx.MembersOfTeams(ctx, ids...)
	if err != nil {
		return err
	}
	var budgets []string
	for i := range members {
		budgets = addPtr(budgets, members[i].BudgetID)
	}
	if _, err := tx.DeleteTeams(ctx, ids); err != nil {
		return err
	}
	if err := tx.DropOwnBudgets(ctx, budgets...); err != nil {
		return err
	}
	for _, team := range teams {
		if err := t.audit(ctx, tx, who, access.TeamDelete, team.ID, team, nil); err != nil {
			return err
		}
	}
	return nil
}

// Permissions says what plain members may do with the team's keys.
func (t *Teams) Permissions(ctx context.Context, who access.Actor, id string) (*TeamPermissions, error) {
	if err := t.gate(ctx, who, access.TeamPermissions); err != nil {
		return nil, err
	}
	if id == "" {
		return nil, fault.Missing("team_id")
	}
	team, err := t.load(ctx, t.Store, who, access.TeamPermissions, id)
	if err != nil {
		return nil, err
	}
	return permissionsOf(team), nil
}

func permissionsOf(team *models.Team) *TeamPermissions {
	p := &TeamPermissions{TeamID: team.ID, Granted: memberRoutes(), Available: memberRoutes()}
	if team.MemberPermissions != nil {
		p.Granted = *team.MemberPermissions
	}
	return p
}

// SetPermissions changes that. Errors: Unprocessable for a route that is not on offer.
func (t *Teams) SetPermissions(ctx context.Context, who access.Actor, id string, routes []string) (*TeamPermissions, error) {
	if err := checkPermissions(routes); err != nil {
		return nil, err
	}
	view, err := t.edit(ctx, who, access.TeamPermit, id, func(_ *store.Store, team *models.Team) error {
		list := models.Strings(slices.Clone(routes))
		team.MemberPermissions = &list
		return nil
	})
	if err != nil {
		return nil, err
	}
	return permissionsOf(&view.Team), nil
}

// AddModels adds to a team's model list. Errors: Invalid without models, and for a team whose empty list lets everything
// through: adding to it would narrow it.
func (t *Teams) AddModels(ctx context.Context, who access.Actor, id string, names []string) (*TeamView, error) {
	return t.edit(ctx, who, access.TeamModels, id, func(_ *store.Store, team *models.Team) error {
		if len(names) == 0 {
			return fault.BadField("models", "models must name at least one model")
		}
		if len(team.Models) == 0 {
			return fault.BadField("models", "Team %s may use every model: set its list with /team/update to narrow it.", id)
		}
		for _, name := range names {
			if name == "" {
				return fault.BadField("models", "a model name must not be empty")
			}
			if !slices.Contains(team.Models, name) {
				team.Models = append(team.Models, name)
			}
		}
		return nil
	})
}

// RemoveModels takes from a team's model list. Errors: Invalid where nothing would be left, since an empty list lets
// everything through.
func (t *Teams) RemoveModels(ctx context.Context, who access.Actor, id string, names []string) (*TeamView, error) {
	return t.edit(ctx, who, access.TeamModels, id, func(_ *store.Store, team *models.Team) error {
		if len(names) == 0 {
			return fault.BadField("models", "models must name at least one model")
		}
		left := slices.DeleteFunc(slices.Clone(team.Models), func(name string) bool { return slices.Contains(names, name) })
		if len(left) == 0 && len(team.Models) > 0 {
			return fault.BadField("models", "An empty list would let team %s use every model. Set it to [\"%s\"] with /team/update to let it use none.", id, noDefault)
		}
		team.Models = left
		return nil
	})
}

// SetCallback keeps a callback setting without effect.
func (t *Teams) SetCallback(ctx context.Context, who access.Actor, id string, setting models.JSON) (*TeamView, error) {
	return t.edit(ctx, who, access.TeamCallback, id, func(_ *store.Store, team *models.Team) (err error) {
		m, err := object(team.Extra)
		if err != nil {
			return err
		}
		m["callback"] = []byte(setting)
		team.Extra, err = marshalObject(m)
		return err
	})
}
