package control

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"gatehouse/app/access"
	"gatehouse/app/config"
	"gatehouse/models"
	"gatehouse/models/fault"
	"gatehouse/models/store"
)

// maxNewTeams bounds how many teams one sign-in makes: a person in more groups than that is in a directory whose groups
// are not meant to be teams.
const maxNewTeams = 200

// groupPlan is what a list of groups means for a person.
type groupPlan struct {
	join []SSOGroup // teams to join; those that are missing are in make, too
	make []SSOGroup // teams to make
	skip int        // groups that are no team and become none
}

// usableGroups are the groups that can be teams at all, each once.
func usableGroups(lists ...[]SSOGroup) []SSOGroup {
	var out []SSOGroup
	seen := map[string]bool{}
	for _, list := range lists {
		for _, g := range list {
			if g.ID == "" || seen[g.ID] || g.ID == models.UISessionTeam || checkID("team_id", g.ID) != nil {
				continue
			}
			seen[g.ID] = true
			out = append(out, g)
		}
	}
	return out
}

// planGroups looks which of the groups are teams, or become some.
func (u *Users) planGroups(ctx context.Context, tx *store.Store, p *SSOProfile) (groupPlan, error) {
	mine := usableGroups(p.Groups)
	all := usableGroups(p.AppGroups, p.Groups)
	known := make(map[string]bool, len(all))
	ids := make([]string, len(all))
	for i, g := range all {
		ids[i] = g.ID
	}
	for chunk := range slices.Chunk(ids, 500) {
		teams, err := tx.TeamsByID(ctx, chunk)
		if err != nil {
			return groupPlan{}, err
		}
		for i := range teams {
			known[teams[i].ID] = true
		}
	}
	var plan groupPlan
	made := map[string]bool{}
	if p.CreateTeams || u.policy().LiteLLM.DefaultTeam != nil {
		for _, g := range all {
			if !known[g.ID] && len(plan.make) < maxNewTeams {
				plan.make = append(plan.make, g)
				made[g.ID] = true
			}
		}
	}
	for _, g := range mine {
		if known[g.ID] || made[g.ID] {
			plan.join = append(plan.join, g)
		} else {
			plan.skip++
		}
	}
	return plan, nil
}

// syncTeams adds the person to the teams of their groups, making teams where the operator said how they should be, and
// (sso_team_sync: full) takes them out of those teams that only a group had put them into.
func (u *Users) syncTeams(ctx context.Context, tx *store.Store, actor access.Actor, userID string, p *SSOProfile) error {
	sync := u.policy().Gatehouse.SSOTeamSync
	if sync == config.SyncOff || !p.GroupsKnown {
		return nil
	}
	rows, err := tx.MembershipsOfUsers(ctx, userID)
	if err != nil {
		return err
	}
	in := map[string]bool{}
	for i := range rows {
		in[rows[i].TeamID] = true
	}
	plan, err := u.planGroups(ctx, tx, p)
	if err != nil {
		return err
	}
	if len(plan.make) == maxNewTeams {
		u.Log.LogAttrs(ctx, slog.LevelWarn, "a sign-in named more new groups than become teams at once", slog.String("user_id", userID), slog.Int("groups", len(p.Groups)))
	}
	for _, g := range plan.make {
		if err := u.makeTeam(ctx, tx, actor, g); err != nil {
			return err
		}
	}
	wanted := map[string]bool{}
	for _, g := range plan.join {
		wanted[g.ID] = true
		if in[g.ID] {
			continue
		}
		if err := u.join(ctx, tx, actor, g.ID, userID, models.TeamMember, MemberLimits{}); err != nil {
			return err
		}
	}
	if sync != config.SyncFull {
		return nil
	}
	for i := range rows {
		if !wanted[rows[i].TeamID] && rows[i].CreatedBy == actor.Name() {
			if err := u.leave(ctx, tx, actor, &rows[i].Membership); err != nil {
				return err
			}
		}
	}
	return nil
}

// SSOPreview is what a sign-in would do, for the page that helps to set one up.
type SSOPreview struct {
	UserID string      // the account it leads to
	New    bool        // that account does not exist yet
	Role   models.Role // the account's role
	Join   []string    // teams that the person would be in by their groups
	Make   []string    // of those, the ones that would be made
	Skip   int         // groups that are no team
	Reason string      // why it would be refused; "" = it would not
}

// PreviewSSO says what SignInSSO would do with this profile, and changes nothing.
func (u *Users) PreviewSSO(ctx context.Context, p SSOProfile) (*SSOPreview, error) {
	out := &SSOPreview{}
	undo := errors.New("a preview changes nothing")
	var plan groupPlan
	_, err := u.Store.Change(ctx, func(tx *store.Store) error {
		if err := u.acceptable(&p); err != nil {
			return err
		}
		user, err := u.ssoUser(ctx, tx, ssoActor(access.Actor{}), &p)
		if err != nil {
			return err
		}
		out.Role, out.UserID = user.Role, user.ID
		if user.Blocked {
			return errBlocked()
		}
		if err := u.admits(user); err != nil {
			return err
		}
		if plan, err = u.planGroups(ctx, tx, &p); err != nil {
			return err
		}
		return undo
	})
	if !errors.Is(err, undo) {
		f := fault.As(err)
		if f == nil || f.Kind == fault.Unavailable {
			return nil, err
		}
		out.Reason = f.Message
		return out, nil
	}
	if _, err := u.Store.User(ctx, out.UserID); absent(err) {
		out.New = true
	} else if err != nil {
		return nil, err
	}
	if u.policy().Gatehouse.SSOTeamSync == config.SyncOff || !p.GroupsKnown {
		return out, nil
	}
	out.Skip = plan.skip
	for _, g := range plan.join {
		out.Join = append(out.Join, cmp.Or(g.Name, g.ID))
	}
	for _, g := range plan.make {
		out.Make = append(out.Make, cmp.Or(g.Name, g.ID))
	}
	return out, nil
}

// makeTeam makes the team of a group as default_team_params say.
func (b *base) makeTeam(ctx context.Context, tx *store.Store, actor access.Actor, g SSOGroup) error {
	d := b.policy().LiteLLM.DefaultTeam
	in := NewTeam{ID: g.ID}
	if g.Name != "" {
		in.Alias = Some(cleanName(g.Name))
	}
	if d != nil {
		if len(d.Other) > 0 {
			text, err := json.Marshal(d.Other)
			if err != nil {
				return fmt.Errorf("encode default_team_params: %w", err)
			}
			if err := json.Unmarshal(text, &in.TeamFields); err != nil {
				return fmt.Errorf("default_team_params: %w", err)
			}
		}
		fill(&in.MaxBudget, d.MaxBudget)
		fillText(&in.BudgetDuration, d.BudgetDuration.String())
		fill(&in.TPMLimit, d.TPMLimit)
		fill(&in.RPMLimit, d.RPMLimit)
		fill(&in.MaxParallel, d.MaxParallel)
		if d.Models != nil {
			in.Models = Some(slices.Clone(d.Models))
		}
	}
	if err := in.check(); err != nil {
		return err
	}
	teams := Teams{base: *b}
	_, err := teams.insertTeam(ctx, tx, actor, in)
	return err
}
