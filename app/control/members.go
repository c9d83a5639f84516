package control

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"gatehouse/app/access"
	"gatehouse/models"
	"gatehouse/models/fault"
	"gatehouse/models/store"
)

// join puts a person into a team. Errors: NotFound for an unknown team, Invalid for one who is a member already.
func (b *base) join(ctx context.Context, tx *store.Store, who access.Actor, teamID, userID string, role models.TeamRole, limits MemberLimits) error {
	team, err := tx.Team(ctx, teamID)
	if err != nil {
		return notFound("team", teamID, err)
	}
	if _, err := tx.Membership(ctx, teamID, userID); !absent(err) {
		if err != nil {
			return err
		}
		return fault.Newf(fault.Invalid, "User with id %s is already in team %s", userID, teamID).
			WithType("team_member_already_in_team").WithParam("user_id")
	}
	m := &models.Membership{TeamID: teamID, UserID: userID, Role: role}
	b.stampNew(&m.Audit, who)
	if limits.MaxBudget.Has() || limits.Duration.Has() {
		if m.BudgetID, err = b.ownBudget(ctx, tx, who, nil, limits.fields(), team.MemberBudgetDuration); err != nil {
			return err
		}
	}
	if err := tx.InsertMembership(ctx, m); err != nil {
		return err
	}
	if err := b.memberReset(ctx, tx, team, m); err != nil {
		return err
	}
	return b.audit(ctx, tx, who, access.MemberAdd, teamID, nil, map[string]any{"user_id": userID, "role": role, "max_budget_in_team": limits.MaxBudget.Ptr()})
}

// MemberLimits are a person's own limits inside a team.
type MemberLimits struct {
	MaxBudget Opt[models.Nano]
	Duration  Opt[string]
	TPMLimit  Opt[int64]
	RPMLimit  Opt[int64]
}

func (l MemberLimits) fields() LimitFields {
	return LimitFields{MaxBudget: l.MaxBudget, BudgetDuration: l.Duration, TPMLimit: l.TPMLimit, RPMLimit: l.RPMLimit}
}

func (l MemberLimits) sent() bool {
	return l.MaxBudget.Sent || l.Duration.Sent || l.TPMLimit.Sent || l.RPMLimit.Sent
}

// ownBudget writes the budget row of one member or organization and gives its id. A row that others use too is not
// touched: the caller gets one of their own, which starts as a copy of it, or with this duration.
func (b *base) ownBudget(ctx context.Context, tx *store.Store, who access.Actor, id *string, f LimitFields, duration *string) (*string, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	row := &models.Budget{Own: true}
	row.BudgetDuration = duration
	if id != nil {
		stands, err := tx.Budget(ctx, *id)
		if err != nil {
			return nil, err
		}
		links, err := tx.BudgetLinks(ctx, *id)
		if err != nil {
			return nil, err
		}
		*row = *stands
		if links <= 1 {
			before := deref(row.BudgetDuration)
			f.apply(&row.Limits)
			if deref(row.BudgetDuration) != before {
				row.ResetAt = nil
			}
			b.stampChange(&row.Audit, who)
			return id, tx.UpdateBudget(ctx, row)
		}
		row.Own = true
	}
	f.apply(&row.Limits)
	row.ID = uuid.NewString()
	b.stampNew(&row.Audit, who)
	return &row.ID, tx.InsertBudget(ctx, row)
}

// memberReset sets the reset of a place in a team: by the person's own row, else by the team's default for members.
func (b *base) memberReset(ctx context.Context, tx *store.Store, team *models.Team, m *models.Membership) error {
	scope := models.ScopeMember(m.TeamID, m.UserID)
	if m.BudgetID == nil {
		return b.reset(ctx, tx, scope, team.MemberBudgetDuration)
	}
	return b.linkedReset(ctx, tx, scope, nil, m.BudgetID)
}

// AddMembers puts people into a team; unknown ones are made as internal users. A person may add themselves to a team that
// is open to all, as a plain member. Errors: NotFound, Forbidden, Invalid for one who is a member already.
func (t *Teams) AddMembers(ctx context.Context, who access.Actor, in AddMembers) (*MemberChange, error) {
	if err := t.gate(ctx, who, access.MemberAdd); err != nil {
		return nil, err
	}
	if in.TeamID == "" || len(in.Members) == 0 {
		return nil, missing(map[string]bool{"team_id": in.TeamID == "", "member": len(in.Members) == 0})
	}
	return t.addMembers(ctx, who, access.MemberAdd, in, false)
}

func missing(fields map[string]bool) error {
	var names []string
	for name, isMissing := range fields {
		if isMissing {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return fault.Missing(names...)
}

func (t *Teams) addMembers(ctx context.Context, who access.Actor, action access.Action, in AddMembers, lenient bool) (*MemberChange, error) {
	var out *MemberChange
	err := t.change(ctx, who, action, in.TeamID, func(tx *store.Store) error {
		team, err := tx.Team(ctx, in.TeamID)
		if err != nil {
			return notFound("team", in.TeamID, err)
		}
		var added []string
		for _, m := range in.Members {
			id, err := t.addMember(ctx, tx, who, action, team, m, MemberLimits{MaxBudget: in.MaxBudget, Duration: in.Duration})
			if lenient && fault.As(err) != nil && fault.As(err).Type == "team_member_already_in_team" {
				continue
			}
			if err != nil {
				return err
			}
			added = append(added, id)
		}
		out, err = t.memberChange(ctx, tx, team, added)
		return err
	})
	return out, err
}

// addMember adds one person and gives their id. The check knows who is joining, since people may let themselves in.
func (t *Teams) addMember(ctx context.Context, tx *store.Store, who access.Actor, action access.Action, team *models.Team, m Member, limits MemberLimits) (string, error) {
	role, err := teamRole(m.Role)
	if err != nil {
		return "", err
	}
	if m.UserID == "" && m.Email == "" {
		return "", fault.Missing("member.user_id")
	}
	target := access.Team(team.ID, team.OrgID)
	target.Open = slices.Contains(t.policy().LiteLLM.DefaultUser.AvailableTeams, team.ID)
	target.Owner = m.UserID
	if m.UserID == "" && who.Email != "" && sameEmail(m.Email, who.Email) {
		target.Owner = who.UserID
	}
	if err := access.Check(who, action, target); err != nil {
		return "", err
	}
	may := access.FieldsOf(who, action, target)
	if may.Of("role") != access.Free && role != models.TeamMember || may.Of("max_budget_in_team") != access.Free && limits.sent() {
		return "", fault.New(fault.Forbidden, "You may join this team as a plain member only.").WithType("auth_error")
	}
	user, err := t.memberUser(ctx, tx, who, m)
	if err != nil {
		return "", err
	}
	return user, t.join(ctx, tx, who, team.ID, user, role, limits)
}

// memberUser finds the person a request names, or makes them.
func (b *base) memberUser(ctx context.Context, tx *store.Store, who access.Actor, m Member) (string, error) {
	if m.UserID == models.DefaultUserID {
		return m.UserID, nil
	}
	if m.UserID != "" {
		if _, err := tx.User(ctx, m.UserID); !absent(err) {
			return m.UserID, err
		}
	}
	if m.Email != "" {
		user, err := tx.UserByEmail(ctx, m.Email)
		if err == nil && m.UserID != "" && user.ID != m.UserID {
			return "", fault.Newf(fault.Invalid, "user_id %s and user_email %s name two different users", m.UserID, m.Email).WithParam("user_email")
		}
		if err == nil {
			return user.ID, nil
		}
		if !absent(err) {
			return "", err
		}
	}
	in := NewUser{ID: m.UserID}
	in.Role = Some(models.RoleInternalUser)
	if m.Email != "" {
		in.Email = Some(m.Email)
	}
	in.defaults(&b.policy().LiteLLM)
	if err := checkID("user_id", in.ID); err != nil {
		return "", err
	}
	if err := in.check(); err != nil {
		return "", err
	}
	user, err := b.insertUser(ctx, tx, who, &in, "")
	if err != nil {
		return "", err
	}
	return user.ID, nil
}

func (t *Teams) memberChange(ctx context.Context, tx *store.Store, team *models.Team, added []string) (*MemberChange, error) {
	view, err := t.teamView(ctx, tx, team)
	if err != nil {
		return nil, err
	}
	out := &MemberChange{Team: *view}
	for _, m := range view.Members {
		if slices.Contains(added, m.UserID) {
			out.Members = append(out.Members, m)
		}
	}
	if len(added) == 0 {
		return out, nil
	}
	rows, err := tx.UsersByID(ctx, added)
	if err != nil {
		return nil, err
	}
	out.Users, err = t.userViews(ctx, tx, rows)
	return out, err
}

// BulkAddMembers is AddMembers for up to 500 people; those who are members already are left as they are.
func (t *Teams) BulkAddMembers(ctx context.Context, who access.Actor, in BulkAddMembers) (*MemberChange, error) {
	if err := t.gate(ctx, who, access.MemberBulkAdd); err != nil {
		return nil, err
	}
	if in.TeamID == "" {
		return nil, fault.Missing("team_id")
	}
	members := in.Members
	if in.AllUsers {
		rows, total, err := t.Store.ListUsers(ctx, store.UserFilter{}, store.Page{Number: 1, Size: store.MaxPage})
		if err != nil {
			return nil, err
		}
		if total > maxBulk {
			return nil, fault.BadField("all_users", "there are more than %d users: name them in several requests", maxBulk)
		}
		members = nil
		for i := range rows {
			members = append(members, Member{UserID: rows[i].ID, Role: "user"})
		}
	}
	if len(members) < 1 || len(members) > maxBulk {
		return nil, fault.BadField("members", "between 1 and %d members in one request", maxBulk)
	}
	return t.addMembers(ctx, who, access.MemberBulkAdd, AddMembers{TeamID: in.TeamID, Members: members, MaxBudget: in.MaxBudget, Duration: in.Duration}, true)
}

// place finds a person of a team by id or by email. Errors: Invalid for one who is no member.
func (t *Teams) place(ctx context.Context, tx *store.Store, teamID, userID, email string) (*models.Membership, error) {
	if userID == "" && email == "" {
		return nil, fault.Missing("user_id")
	}
	if userID == "" {
		user, err := tx.UserByEmail(ctx, email)
		if err != nil {
			if absent(err) {
				return nil, fault.BadField("user_email", "User=%s is not a member of team=%s", email, teamID)
			}
			return nil, err
		}
		userID = user.ID
	}
	m, err := tx.Membership(ctx, teamID, userID)
	if absent(err) {
		return nil, fault.BadField("user_id", "User=%s is not a member of team=%s", userID, teamID)
	}
	return m, err
}

// UpdateMember changes a person's role, budget or limits in a team. Errors: NotFound, Forbidden, Invalid for one who is
// no member.
func (t *Teams) UpdateMember(ctx context.Context, who access.Actor, in UpdateMember) (*MemberView, error) {
	if err := t.gate(ctx, who, access.MemberUpdate); err != nil {
		return nil, err
	}
	if in.TeamID == "" {
		return nil, fault.Missing("team_id")
	}
	var out *MemberView
	err := t.change(ctx, who, access.MemberUpdate, in.TeamID, func(tx *store.Store) error {
		team, err := t.load(ctx, tx, who, access.MemberUpdate, in.TeamID)
		if err != nil {
			return err
		}
		m, err := t.place(ctx, tx, in.TeamID, in.UserID, in.Email)
		if err != nil {
			return err
		}
		before := *m
		if in.Role.Has() {
			if m.Role, err = teamRole(in.Role.Value); err != nil {
				return err
			}
		}
		limits := MemberLimits{MaxBudget: in.MaxBudget, Duration: in.Duration, TPMLimit: in.TPMLimit, RPMLimit: in.RPMLimit}
		if limits.sent() {
			if m.BudgetID, err = t.ownBudget(ctx, tx, who, m.BudgetID, limits.fields(), team.MemberBudgetDuration); err != nil {
				return err
			}
			if err := t.memberReset(ctx, tx, team, m); err != nil {
				return err
			}
		}
		t.stampChange(&m.Audit, who)
		if err := tx.UpdateMembership(ctx, m); err != nil {
			return err
		}
		views, err := t.members(ctx, tx, in.TeamID)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(views, func(v MemberView) bool { return v.UserID == m.UserID })
		out = &views[i]
		return t.audit(ctx, tx, who, access.MemberUpdate, in.TeamID,
			map[string]any{"user_id": m.UserID, "role": before.Role},
			map[string]any{"user_id": m.UserID, "role": m.Role, "max_budget_in_team": in.MaxBudget.Ptr(), "tpm_limit": in.TPMLimit.Ptr(), "rpm_limit": in.RPMLimit.Ptr()})
	})
	return out, err
}

func (t *Teams) members(ctx context.Context, tx *store.Store, teamID string) ([]MemberView, error) {
	rows, err := tx.MembersOfTeams(ctx, teamID)
	if err != nil {
		return nil, err
	}
	return memberViews(ctx, tx, rows)
}

// RemoveMember takes a person out; their keys of the team are deleted, so they stop at once. Errors: Invalid for one who
// is no member or an unknown team, Forbidden.
func (t *Teams) RemoveMember(ctx context.Context, who access.Actor, in RemoveMember) (*TeamView, error) {
	if err := t.gate(ctx, who, access.MemberDelete); err != nil {
		return nil, err
	}
	if in.TeamID == "" {
		return nil, fault.Missing("team_id")
	}
	var out *TeamView
	err := t.change(ctx, who, access.MemberDelete, in.TeamID, func(tx *store.Store) error {
		team, err := t.load(ctx, tx, who, access.MemberDelete, in.TeamID)
		if absent(err) && who.SeesAll() {
			return fault.BadField("team_id", "Team not found, passed team_id: %s.", in.TeamID)
		}
		if err != nil {
			return err
		}
		m, err := t.place(ctx, tx, in.TeamID, in.UserID, in.Email)
		if err != nil {
			return err
		}
		if err := t.leave(ctx, tx, who, m); err != nil {
			return err
		}
		out, err = t.teamView(ctx, tx, team)
		return err
	})
	return out, err
}

// leave takes a person out of a team; the keys they hold in it are deleted.
func (b *base) leave(ctx context.Context, tx *store.Store, who access.Actor, m *models.Membership) error {
	keys, err := tx.KeysOfMember(ctx, m.TeamID, m.UserID)
	if err != nil {
		return err
	}
	list := make([]*models.Key, len(keys))
	for i := range keys {
		list[i] = &keys[i]
	}
	if err := b.deleteRows(ctx, tx, who, list); err != nil {
		return err
	}
	if err := tx.DeleteMembership(ctx, m.TeamID, m.UserID); err != nil {
		return err
	}
	if err := tx.DropOwnBudgets(ctx, addPtr(nil, m.BudgetID)...); err != nil {
		return err
	}
	return b.audit(ctx, tx, who, access.MemberDelete, m.TeamID, map[string]any{"user_id": m.UserID, "role": m.Role}, nil)
}
