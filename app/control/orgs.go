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

// Orgs are the acts on organizations.
type Orgs struct{ base }

// orgRole is the place in an organization that fits a global role.
func orgRole(role models.Role) models.Role {
	if role == models.RoleInternalViewer {
		return models.RoleInternalViewer
	}
	return models.RoleInternalUser
}

func readOrgRole(word string) (models.Role, error) {
	switch r := models.Role(word); r { //nolint:exhaustive // the other roles are no places in an organization
	case models.RoleOrgAdmin, models.RoleInternalUser, models.RoleInternalViewer:
		return r, nil
	case "":
		return models.RoleInternalUser, nil
	}
	return "", oneOf("role", string(models.RoleOrgAdmin), string(models.RoleInternalUser), string(models.RoleInternalViewer))
}

// joinOrg puts a person into an organization. Errors: NotFound, Invalid for one who is in it already.
func (b *base) joinOrg(ctx context.Context, tx *store.Store, who access.Actor, orgID, userID string, role models.Role, maxBudget Opt[models.Nano]) error {
	if _, err := tx.Organization(ctx, orgID); err != nil {
		return notFound("organization", orgID, err)
	}
	if _, err := tx.OrgMembership(ctx, orgID, userID); !absent(err) {
		if err != nil {
			return err
		}
		return fault.BadField("user_id", "User with id %s is already in organization %s", userID, orgID)
	}
	m := &models.OrgMembership{OrgID: orgID, UserID: userID, Role: role}
	b.stampNew(&m.Audit, who)
	if maxBudget.Has() {
		var err error
		if m.BudgetID, err = b.ownBudget(ctx, tx, who, nil, LimitFields{MaxBudget: maxBudget}, nil); err != nil {
			return err
		}
	}
	if err := tx.InsertOrgMembership(ctx, m); err != nil {
		return err
	}
	return b.audit(ctx, tx, who, access.OrgMember, orgID, nil, map[string]any{"user_id": userID, "role": role, "max_budget_in_organization": maxBudget.Ptr()})
}

func (o *Orgs) views(ctx context.Context, st *store.Store, rows []models.Organization) ([]OrgView, error) {
	views := make([]OrgView, len(rows))
	if len(rows) == 0 {
		return views, nil
	}
	var ids, scopes, budgets []string
	at := map[string]*OrgView{}
	for i := range rows {
		ids, budgets = append(ids, rows[i].ID), append(budgets, rows[i].BudgetID)
		scopes = append(scopes, models.ScopeOrg(rows[i].ID))
		views[i].Org = rows[i]
		at[rows[i].ID] = &views[i]
	}
	members, err := st.MembersOfOrganizations(ctx, ids...)
	if err != nil {
		return nil, err
	}
	for i := range members {
		budgets = addPtr(budgets, members[i].BudgetID)
	}
	limits, err := budgetRows(ctx, st, budgets)
	if err != nil {
		return nil, err
	}
	for i := range members {
		m := &members[i]
		v := at[m.OrgID]
		v.Members = append(v.Members, OrgMemberView{OrgMembership: m.OrgMembership, Email: deref(m.UserEmail), Budget: limits[deref(m.BudgetID)]})
	}
	counters, err := st.CurrentCounters(ctx, scopes...)
	if err != nil {
		return nil, err
	}
	for i := range views {
		v := &views[i]
		spent := counters[models.ScopeOrg(v.Org.ID)]
		v.Budget, v.Spend, v.ResetsAt = limits[v.Org.BudgetID], spent.Spent, spent.ResetsAt
		teams, _, err := st.ListTeams(ctx, store.TeamFilter{All: true, OrgID: v.Org.ID}, store.Page{Number: 1, Size: store.MaxPage})
		if err != nil {
			return nil, err
		}
		for j := range teams {
			v.Teams = append(v.Teams, teams[j].ID)
		}
	}
	return views, nil
}

func (o *Orgs) view(ctx context.Context, st *store.Store, row *models.Organization) (*OrgView, error) {
	views, err := o.views(ctx, st, []models.Organization{*row})
	if err != nil {
		return nil, err
	}
	return &views[0], nil
}

// New makes an organization; a budget row is made for it unless one is named. Errors: Unauthenticated, Invalid.
func (o *Orgs) New(ctx context.Context, who access.Actor, in NewOrg) (*OrgView, error) {
	if err := o.gate(ctx, who, access.OrgNew); err != nil {
		return nil, err
	}
	if err := in.check(); err != nil {
		return nil, err
	}
	if err := checkName("organization_alias", in.Alias.Or("")); err != nil {
		return nil, err
	}
	if err := checkID("organization_id", in.ID); err != nil {
		return nil, err
	}
	var out *OrgView
	err := o.change(ctx, who, access.OrgNew, in.ID, func(tx *store.Store) error {
		row := &models.Organization{ID: in.ID, Models: slices.Clone(in.Models.Value), Metadata: in.Metadata.Value, BudgetID: in.BudgetID.Or("")}
		if row.ID == "" {
			row.ID = uuid.NewString()
		}
		setText(&row.Alias, in.Alias)
		if _, err := tx.Organization(ctx, row.ID); !absent(err) {
			if err != nil {
				return err
			}
			return fault.BadField("organization_id", "Organization id = %s already exists", row.ID)
		}
		if err := o.orgBudget(ctx, tx, who, row, &in.LimitFields); err != nil {
			return err
		}
		o.stampNew(&row.Audit, who)
		if err := tx.InsertOrganization(ctx, row); err != nil {
			return err
		}
		if err := o.linkedReset(ctx, tx, models.ScopeOrg(row.ID), nil, &row.BudgetID); err != nil {
			return err
		}
		var err error
		if out, err = o.view(ctx, tx, row); err != nil {
			return err
		}
		return o.audit(ctx, tx, who, access.OrgNew, row.ID, nil, row)
	})
	return out, err
}

// orgBudget finds the budget row that the request names, or makes one.
func (o *Orgs) orgBudget(ctx context.Context, tx *store.Store, who access.Actor, row *models.Organization, f *LimitFields) error {
	if row.BudgetID != "" {
		_, err := tx.Budget(ctx, row.BudgetID)
		if absent(err) {
			return fault.BadField("budget_id", "Budget %s does not exist", row.BudgetID)
		}
		return err
	}
	id, err := o.ownBudget(ctx, tx, who, nil, *f, nil)
	if err != nil {
		return err
	}
	row.BudgetID = *id
	return nil
}

// Update changes an organization; limits go to its budget row. Errors: NotFound, Invalid.
func (o *Orgs) Update(ctx context.Context, who access.Actor, in OrgUpdate) (*OrgView, error) {
	if err := o.gate(ctx, who, access.OrgUpdate); err != nil {
		return nil, err
	}
	if in.ID == "" {
		return nil, fault.Missing("organization_id")
	}
	if err := in.check(); err != nil {
		return nil, err
	}
	if err := checkName("organization_alias", in.Alias.Or("")); err != nil {
		return nil, err
	}
	var out *OrgView
	err := o.change(ctx, who, access.OrgUpdate, in.ID, func(tx *store.Store) error {
		row, err := tx.Organization(ctx, in.ID)
		if err != nil {
			return notFound("organization", in.ID, err)
		}
		before := *row
		setText(&row.Alias, in.Alias)
		setList(&row.Models, in.Models)
		if in.Metadata.Sent {
			row.Metadata = in.Metadata.Value
		}
		if id := in.BudgetID.Or(""); id != "" {
			row.BudgetID = id
		}
		if err := o.orgLimits(ctx, tx, who, row, &in); err != nil {
			return err
		}
		o.stampChange(&row.Audit, who)
		if err := tx.UpdateOrganization(ctx, row); err != nil {
			return err
		}
		if before.BudgetID != row.BudgetID {
			if err := tx.DropOwnBudgets(ctx, before.BudgetID); err != nil {
				return err
			}
		}
		if out, err = o.view(ctx, tx, row); err != nil {
			return err
		}
		return o.audit(ctx, tx, who, access.OrgUpdate, row.ID, &before, row)
	})
	return out, err
}

func (o *Orgs) orgLimits(ctx context.Context, tx *store.Store, who access.Actor, row *models.Organization, in *OrgUpdate) error {
	budget, err := tx.Budget(ctx, row.BudgetID)
	if absent(err) {
		return fault.BadField("budget_id", "Budget %s does not exist", row.BudgetID)
	}
	if err != nil {
		return err
	}
	if len(sent(&in.LimitFields)) > 0 {
		before := *budget
		in.apply(&budget.Limits)
		o.stampChange(&budget.Audit, who)
		if err := tx.UpdateBudget(ctx, budget); err != nil {
			return err
		}
		if err := o.audit(ctx, tx, who, access.BudgetWrite, budget.ID, &before, budget); err != nil {
			return err
		}
	}
	if in.BudgetID.Sent || in.BudgetDuration.Sent {
		return o.resetByRow(ctx, tx, models.ScopeOrg(row.ID), budget)
	}
	return nil
}

// Delete removes organizations, all or none. Errors: NotFound; Conflict while teams or keys are in one.
func (o *Orgs) Delete(ctx context.Context, who access.Actor, ids []string) ([]OrgView, error) {
	if err := o.gate(ctx, who, access.OrgDelete); err != nil {
		return nil, err
	}
	if len(ids) == 0 {
		return nil, fault.Missing("organization_ids")
	}
	var out []OrgView
	err := o.change(ctx, who, access.OrgDelete, "", func(tx *store.Store) error {
		out = nil
		var budgets []string
		for _, id := range ids {
			row, err := tx.Organization(ctx, id)
			if err != nil {
				return notFound("organization", id, err)
			}
			view, err := o.view(ctx, tx, row)
			if err != nil {
				return err
			}
			keys, err := tx.CountKeys(ctx, store.KeyFilter{Visible: store.Scope{All: true}, OrgID: id})
			if err != nil {
				return err
			}
			if len(view.Teams) > 0 || keys > 0 {
				return fault.Newf(fault.Conflict, "Organization %s still has %d teams and %d keys", id, len(view.Teams), keys).WithParam("organization_ids")
			}
			out = append(out, *view)
			budgets = append(budgets, row.BudgetID)
			for i := range view.Members {
				budgets = addPtr(budgets, view.Members[i].BudgetID)
			}
			if err := o.audit(ctx, tx, who, access.OrgDelete, id, row, nil); err != nil {
				return err
			}
		}
		if _, err := tx.DeleteOrganizations(ctx, ids); err != nil {
			return err
		}
		return tx.DropOwnBudgets(ctx, budgets...)
	})
	return out, err
}

// Info loads one organization. Errors: NotFound, also where the caller may not see it.
func (o *Orgs) Info(ctx context.Context, who access.Actor, id string) (*OrgView, error) {
	if err := o.gate(ctx, who, access.OrgInfo); err != nil {
		return nil, err
	}
	if id == "" {
		return nil, fault.Missing("organization_id")
	}
	row, err := o.Store.Organization(ctx, id)
	if err != nil {
		return nil, notFound("organization", id, err)
	}
	if err := access.Check(who, access.OrgInfo, access.Target{ID: id, Org: id}); err != nil {
		return nil, err
	}
	return o.view(ctx, o.Store, row)
}

// List is every organization that the caller sees.
func (o *Orgs) List(ctx context.Context, who access.Actor) ([]OrgView, error) {
	if err := o.gate(ctx, who, access.OrgList); err != nil {
		return nil, err
	}
	member := who.UserID
	if who.SeesAll() {
		member = ""
	} else if member == "" {
		return []OrgView{}, nil
	}
	rows, err := o.Store.ListOrganizations(ctx, member)
	if err != nil {
		return nil, err
	}
	return o.views(ctx, o.Store, rows)
}

// AddMembers puts people into an organization; unknown ones are made as internal users, as for teams. It returns those
// who were added. Errors: NotFound, Invalid, Unprocessable.
func (o *Orgs) AddMembers(ctx context.Context, who access.Actor, in OrgMember) (*OrgView, []UserView, error) {
	if err := o.gate(ctx, who, access.OrgMember); err != nil {
		return nil, nil, err
	}
	if in.OrgID == "" || len(in.Members) == 0 {
		return nil, nil, missing(map[string]bool{"organization_id": in.OrgID == "", "member": len(in.Members) == 0})
	}
	var out *OrgView
	var users []UserView
	err := o.change(ctx, who, access.OrgMember, in.OrgID, func(tx *store.Store) error {
		row, err := tx.Organization(ctx, in.OrgID)
		if err != nil {
			return notFound("organization", in.OrgID, err)
		}
		var ids []string
		for _, m := range in.Members {
			role, err := readOrgRole(m.Role)
			if err != nil {
				return err
			}
			if m.UserID == "" && m.Email == "" {
				return fault.Missing("member.user_id")
			}
			user, err := o.memberUser(ctx, tx, who, m)
			if err != nil {
				return err
			}
			if err := o.joinOrg(ctx, tx, who, in.OrgID, user, role, in.MaxBudget); err != nil {
				return err
			}
			ids = append(ids, user)
		}
		rows, err := tx.UsersByID(ctx, ids)
		if err != nil {
			return err
		}
		if users, err = o.userViews(ctx, tx, rows); err != nil {
			return err
		}
		out, err = o.view(ctx, tx, row)
		return err
	})
	return out, users, err
}

func (o *Orgs) person(ctx context.Context, tx *store.Store, id, email string) (*models.User, error) {
	if id == "" && email == "" {
		return nil, fault.Missing("user_id")
	}
	if id != "" {
		user, err := tx.User(ctx, id)
		return user, notFound("user", id, err)
	}
	user, err := tx.UserByEmail(ctx, email)
	return user, notFound("user", email, err)
}

// UpdateMember changes a person's place. Errors: NotFound.
func (o *Orgs) UpdateMember(ctx context.Context, who access.Actor, in OrgMember) (*OrgMemberView, error) {
	var out *OrgMemberView
	err := o.editMember(ctx, who, in, func(tx *store.Store, m *models.OrgMembership) error {
		before := *m
		if in.Role.Has() {
			role, err := readOrgRole(in.Role.Value)
			if err != nil {
				return err
			}
			m.Role = role
		}
		if in.MaxBudget.Sent {
			id, err := o.ownBudget(ctx, tx, who, m.BudgetID, LimitFields{MaxBudget: in.MaxBudget}, nil)
			if err != nil {
				return err
			}
			m.BudgetID = id
		}
		o.stampChange(&m.Audit, who)
		if err := tx.UpdateOrgMembership(ctx, m); err != nil {
			return err
		}
		rows, err := budgetRows(ctx, tx, addPtr(nil, m.BudgetID))
		if err != nil {
			return err
		}
		out = &OrgMemberView{OrgMembership: *m, Budget: rows[deref(m.BudgetID)]}
		return o.audit(ctx, tx, who, access.OrgMember, in.OrgID, &before, m)
	})
	return out, err
}

// RemoveMember takes a person out. Errors: NotFound.
func (o *Orgs) RemoveMember(ctx context.Context, who access.Actor, in OrgMember) error {
	return o.editMember(ctx, who, in, func(tx *store.Store, m *models.OrgMembership) error {
		if err := tx.DeleteOrgMembership(ctx, m.OrgID, m.UserID); err != nil {
			return err
		}
		if err := tx.DropOwnBudgets(ctx, addPtr(nil, m.BudgetID)...); err != nil {
			return err
		}
		return o.audit(ctx, tx, who, access.OrgMember, in.OrgID, m, nil)
	})
}

func (o *Orgs) editMember(ctx context.Context, who access.Actor, in OrgMember, fn func(*store.Store, *models.OrgMembership) error) error {
	if err := o.gate(ctx, who, access.OrgMember); err != nil {
		return err
	}
	if in.OrgID == "" {
		return fault.Missing("organization_id")
	}
	return o.change(ctx, who, access.OrgMember, in.OrgID, func(tx *store.Store) error {
		user, err := o.person(ctx, tx, in.UserID, in.Email)
		if err != nil {
			return err
		}
		m, err := tx.OrgMembership(ctx, in.OrgID, user.ID)
		if err != nil {
			return fault.Newf(fault.NotFound, "User=%s is not a member of organization=%s", user.ID, in.OrgID).WithCause(err)
		}
		return fn(tx, m)
	})
}
