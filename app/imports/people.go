package imports

import (
	"context"
	"encoding/json"
	"slices"

	"gatehouse/models"
)

func (w *writer) takeOrganizations(ctx context.Context) error {
	c := w.count("organizations")
	return each(ctx, w.src, orgTable, "organization_id", func(r *orgRow, broken error) error {
		c.Read++
		if w.broken(c, "organization", r.ID, broken) {
			return nil
		}
		had, err := found(second(w.tx.Organization(ctx, r.ID)))
		if err != nil {
			return err
		}
		if had {
			c.took(true)
			return nil
		}
		what := "organization " + r.ID
		budget := w.linked(what, &r.BudgetID)
		if budget == nil {
			budget = &models.Budget{ID: "org-" + r.ID, Own: true, Audit: w.stamp(r.stampRow)}
			if err := w.tx.InsertBudget(ctx, budget); err != nil {
				return err
			}
		}
		text, err := w.metadata(what, r.Metadata).text()
		if err != nil {
			return err
		}
		row := &models.Organization{ID: r.ID, Alias: r.Alias, Models: r.Models, BudgetID: budget.ID, Metadata: text, Audit: w.stamp(r.stampRow)}
		if err := w.tx.InsertOrganization(ctx, row); err != nil {
			return err
		}
		c.took(false)
		return w.books(ctx, models.ScopeOrg(r.ID), r.Spend, lasts(budget), budget.ResetAt)
	})
}

func (w *writer) takeUsers(ctx context.Context) error {
	c := w.count("users")
	return each(ctx, w.src, userTable, "user_id", func(r *userRow, broken error) error {
		c.Read++
		if w.broken(c, "user", r.ID, broken) {
			return nil
		}
		if r.ID == models.DefaultUserID { // LiteLLM's row for the master key, which needs none here
			c.Left++
			return nil
		}
		had, err := found(second(w.tx.User(ctx, r.ID)))
		if err != nil {
			return err
		}
		if had {
			c.took(true)
			return nil
		}
		what := "user " + r.ID
		email := text(r.Email)
		if email != nil {
			other, err := w.tx.UserByEmail(ctx, *email)
			if taken, err := found(err); err != nil {
				return err
			} else if taken {
				c.Left++
				w.note("%s: %s is the address of user %s here", what, *email, other.ID)
				return nil
			}
		}
		role := models.RoleInternalViewer
		if r.Role != nil && *r.Role != "" {
			role = models.Role(*r.Role)
		}
		if !role.Valid() {
			w.note("%s: %q is not a role here; it becomes %s", what, role, models.RoleInternalViewer)
			role = models.RoleInternalViewer
		}
		m := w.metadata(what, r.Metadata)
		row := &models.User{
			ID: r.ID, Alias: r.Alias, Email: email, Role: role, SSOUserID: text(r.SSOUserID), Models: r.Models,
			Limits: w.limits(what, r.spentRow), Audit: w.stamp(r.stampRow),
		}
		if r.Password != nil {
			row.PasswordHash = *r.Password
		}
		m.limits(&row.Limits)
		if row.Metadata, err = m.text(); err != nil {
			return err
		}
		if err := w.tx.InsertUser(ctx, row); err != nil {
			return err
		}
		c.took(false)
		return w.books(ctx, models.ScopeUser(r.ID), r.Spend, row.BudgetDuration, r.ResetAt)
	})
}

// text is a text that says something, or nil.
func text(s *string) *string {
	if s == nil || *s == "" {
		return nil
	}
	return s
}

func second[T any](_ T, err error) error { return err }

func (w *writer) takeTeams(ctx context.Context) error {
	aliases := map[int64]models.StringMap{}
	if err := each(ctx, w.src, aliasTable, "id", func(r *aliasRow, broken error) error {
		if broken == nil {
			aliases[r.ID] = readAliases(r.Aliases)
		}
		return nil
	}); err != nil {
		return err
	}
	places := map[[2]string]memberRow{}
	if err := each(ctx, w.src, memberTable, "team_id, user_id", func(r *memberRow, broken error) error {
		if broken == nil {
			places[[2]string{r.TeamID, r.UserID}] = *r
		}
		return nil
	}); err != nil {
		return err
	}
	belongs := map[string][]string{} // team -> users whose own row names it
	if err := each(ctx, w.src, userTable, "user_id", func(r *userRow, _ error) error {
		for _, team := range r.Teams {
			belongs[team] = append(belongs[team], r.ID)
		}
		return nil
	}); err != nil {
		return err
	}
	c := w.count("teams")
	return each(ctx, w.src, teamTable, "team_id", func(r *teamRow, broken error) error {
		c.Read++
		if w.broken(c, "team", r.ID, broken) {
			return nil
		}
		had, err := found(second(w.tx.Team(ctx, r.ID)))
		if err != nil {
			return err
		}
		if had {
			c.took(true)
			return nil
		}
		row, err := w.team(ctx, r)
		if err != nil {
			return err
		}
		if r.AliasesID != nil {
			row.ModelAliases = aliases[*r.AliasesID]
		}
		if err := w.tx.InsertTeam(ctx, row); err != nil {
			return err
		}
		c.took(false)
		if err := w.books(ctx, models.ScopeTeam(r.ID), r.Spend, row.BudgetDuration, r.ResetAt); err != nil {
			return err
		}
		return w.members(ctx, row, r, belongs[r.ID], places)
	})
}

// readAliases reads {"name": "model"}, which LiteLLM stores as an object or as a text that holds one.
func readAliases(raw json.RawMessage) models.StringMap {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		raw = json.RawMessage(text)
	}
	var m models.StringMap
	if json.Unmarshal(raw, &m) != nil {
		return nil
	}
	return m
}

func (w *writer) team(ctx context.Context, r *teamRow) (*models.Team, error) {
	what := "team " + r.ID
	row := &models.Team{
		ID: r.ID, Alias: r.Alias, OrgID: text(r.OrgID), Models: r.Models, Blocked: r.Blocked, Limits: w.limits(what, r.spentRow), Audit: w.stamp(r.stampRow),
	}
	if row.OrgID != nil {
		there, err := found(second(w.tx.Organization(ctx, *row.OrgID)))
		if err != nil {
			return nil, err
		}
		if !there {
			w.note("%s: its organization %q does not exist; it is taken over without", what, *row.OrgID)
			row.OrgID = nil
		}
	}
	if len(r.Permissions) > 0 { // an empty list is LiteLLM's "not set"
		row.MemberPermissions = &r.Permissions
	}
	m := w.metadata(what, r.Metadata)
	m.limits(&row.Limits)
	var id string
	if m.take("team_member_budget_id", &id) {
		if b := w.linked(what, &id); b != nil {
			row.MemberBudget, row.MemberBudgetDuration = b.MaxBudget, b.BudgetDuration
			row.MemberRPMLimit, row.MemberTPMLimit = b.RPMLimit, b.TPMLimit
		}
	}
	m.take("team_member_key_duration", &row.MemberKeyDuration)
	var err error
	row.Metadata, err = m.text()
	return row, err
}

// members puts into a team whoever LiteLLM counts as in it: it keeps that in four places, of which any may know more.
func (w *writer) members(ctx context.Context, team *models.Team, r *teamRow, belong []string, places map[[2]string]memberRow) error {
	role := map[string]models.TeamRole{}
	var order []string
	add := func(id string, as models.TeamRole) {
		if id == "" || id == models.DefaultUserID {
			return
		}
		if role[id] == "" {
			order = append(order, id)
			role[id] = as
		} else if as == models.TeamAdmin {
			role[id] = as
		}
	}
	var roles []memberRole
	_ = json.Unmarshal(r.Roles, &roles) // {} in a team of nobody
	for _, m := range roles {
		as := models.TeamMember
		if m.Role == string(models.TeamAdmin) {
			as = models.TeamAdmin
		}
		switch {
		case m.UserID != nil && *m.UserID != "":
			add(*m.UserID, as)
		case m.Email != nil && *m.Email != "":
			user, err := w.tx.UserByEmail(ctx, *m.Email)
			if there, err := found(err); err != nil {
				return err
			} else if there {
				add(user.ID, as)
			} else {
				w.note("team %s: its member %s is no user", r.ID, *m.Email)
			}
		}
	}
	for _, id := range r.Admins {
		add(id, models.TeamAdmin)
	}
	for _, id := range slices.Concat(r.Members, belong) {
		add(id, models.TeamMember)
	}
	for _, id := range order {
		place := places[[2]string{r.ID, id}]
		budget := w.linked("team "+r.ID+", member "+id, place.BudgetID)
		row := &models.Membership{TeamID: r.ID, UserID: id, Role: role[id], BudgetID: idOf(budget), Audit: w.stamp(stampRow{})}
		if err := w.tx.InsertMembership(ctx, row); err != nil {
			return err
		}
		resets, at := team.MemberBudgetDuration, (*models.Time)(nil)
		if budget != nil {
			resets, at = budget.BudgetDuration, budget.ResetAt
		}
		if err := w.books(ctx, models.ScopeMember(r.ID, id), place.Spend, resets, at); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) takeOrgMembers(ctx context.Context) error {
	c := w.count("places in organizations")
	return each(ctx, w.src, orgMemberTable, "organization_id, user_id", func(r *orgMemberRow, broken error) error {
		c.Read++
		if w.broken(c, "place in an organization", r.UserID, broken) {
			return nil
		}
		had, err := found(second(w.tx.OrgMembership(ctx, r.OrgID, r.UserID)))
		if err != nil {
			return err
		}
		if had {
			c.took(true)
			return nil
		}
		what := "organization " + r.OrgID + ", member " + r.UserID
		there, err := found(second(w.tx.Organization(ctx, r.OrgID)))
		if err != nil {
			return err
		}
		if !there {
			c.Left++
			w.note("%s: the organization does not exist", what)
			return nil
		}
		role := models.RoleInternalViewer
		if as := models.Role(orEmpty(r.Role)); as == models.RoleOrgAdmin || as == models.RoleInternalUser {
			role = as
		}
		c.took(false)
		return w.tx.InsertOrgMembership(ctx, &models.OrgMembership{
			OrgID: r.OrgID, UserID: r.UserID, Role: role, BudgetID: idOf(w.linked(what, r.BudgetID)), Audit: w.stamp(r.stampRow),
		})
	})
}

func (w *writer) takeCustomers(ctx context.Context) error {
	c := w.count("customers")
	return each(ctx, w.src, customerTable, "user_id", func(r *customerRow, broken error) error {
		c.Read++
		if w.broken(c, "customer", r.ID, broken) {
			return nil
		}
		had, err := found(second(w.tx.Customer(ctx, r.ID)))
		if err != nil {
			return err
		}
		if had {
			c.took(true)
			return nil
		}
		budget := w.linked("customer "+r.ID, r.BudgetID)
		row := &models.Customer{
			ID: r.ID, Alias: r.Alias, Blocked: r.Blocked, BudgetID: idOf(budget), Region: text(r.Region), DefaultModel: text(r.DefaultModel),
			Audit: w.stamp(stampRow{}),
		}
		if err := w.tx.InsertCustomer(ctx, row); err != nil {
			return err
		}
		c.took(false)
		var at *models.Time
		if budget != nil {
			at = budget.ResetAt
		}
		return w.books(ctx, models.ScopeCustomer(r.ID), r.Spend, lasts(budget), at)
	})
}
