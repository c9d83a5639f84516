package control_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/app/access"
	"gatehouse/app/control"
	"gatehouse/models"
	"gatehouse/models/fault"
)

func TestTeamNew(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, e *env) {
		e.user("ana", models.RoleInternalUser)
		_, err := e.Teams.New(t.Context(), e.as("ana"), control.NewTeam{})
		refused(t, err, fault.Unauthenticated, "Only proxy admin")
		v, err := e.Teams.New(t.Context(), admin(), parse[control.NewTeam](t,
			`{"team_id":"core","team_alias":"Core","models":["gpt-4"],"max_budget":5,"budget_duration":"1h","tags":["a"],"members_with_roles":[{"role":"admin","user_id":"ana"},{"role":"user","user_email":"new@example.org"}]}`))
		ok(t, err)
		same(t, "reset", v.ResetsAt.Time, time.Date(2026, 1, 15, 13, 0, 0, 0, time.UTC))
		var roles []string
		for _, m := range v.Members {
			roles = append(roles, m.Email+"="+string(m.Role))
		}
		same(t, "members", len(v.Members), 3)
		if all := strings.Join(roles, " "); !strings.Contains(all, "ana@example.org=admin") || !strings.Contains(all, "new@example.org=user") || !strings.Contains(all, "=admin") {
			t.Errorf("members %s", all)
		}
		for name, tc := range map[string]struct {
			body string
			kind fault.Kind
			text string
		}{
			"id taken":        {`{"team_id":"core"}`, fault.Invalid, "Team id = core already exists. Please use a different team id."},
			"session team":    {`{"team_id":"litellm-dashboard"}`, fault.Invalid, "already exists"},
			"bad role":        {`{"members_with_roles":[{"role":"org_admin","user_id":"ana"}]}`, fault.Unprocessable, "role must be one of"},
			"no such org":     {`{"organization_id":"ghost"}`, fault.Invalid, "Organization ghost does not exist"},
			"negative budget": {`{"max_budget":-1}`, fault.Invalid, "cannot be negative"},
			"odd permission":  {`{"team_member_permissions":["/user/new"]}`, fault.Unprocessable, "team_member_permissions"},
		} {
			t.Run(name, func(t *testing.T) {
				_, err := e.Teams.New(t.Context(), admin(), parse[control.NewTeam](t, tc.body))
				refused(t, err, tc.kind, tc.text)
			})
		}
	})
}

func TestTeamUpdate(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, e *env) {
		e.user("lead", models.RoleInternalUser)
		e.user("ana", models.RoleInternalUser)
		e.team("core", "lead:admin", "ana")
		_, err := e.Teams.Update(t.Context(), admin(), parse[control.TeamUpdate](t, `{"team_id":"core","max_budget":5,"tpm_limit":100,"models":["gpt-4"]}`))
		ok(t, err)
		for name, tc := range map[string]struct {
			who, set string
			kind     fault.Kind
		}{
			"raise the budget": {"lead", `"max_budget":6`, fault.Forbidden}, "drop it": {"lead", `"max_budget":null`, fault.Forbidden},
			"raise a limit": {"lead", `"tpm_limit":200`, fault.Forbidden}, "spend": {"lead", `"spend":0`, fault.Forbidden},
			"unblock": {"lead", `"blocked":true`, fault.Forbidden}, "another organization": {"lead", `"organization_id":"x"`, fault.Forbidden},
			"aliases": {"lead", `"model_aliases":{"a":"b"}`, fault.Forbidden}, "plain member": {"ana", `"team_alias":"x"`, fault.Forbidden},
		} {
			t.Run(name, func(t *testing.T) {
				_, err := e.Teams.Update(t.Context(), e.as(tc.who), parse[control.TeamUpdate](t, `{"team_id":"core",`+tc.set+`}`))
				refused(t, err, tc.kind, "")
			})
		}
		_, err = e.Teams.Update(t.Context(), admin(), control.TeamUpdate{ID: "ghost"})
		refused(t, err, fault.NotFound, "Team not found, passed team_id: ghost.")
		v, err := e.Teams.Update(t.Context(), e.as("lead"), parse[control.TeamUpdate](t, `{"team_id":"core","max_budget":4,"team_alias":"C"}`))
		ok(t, err)
		same(t, "tighter", *v.Team.MaxBudget, 4*models.USD)
		same(t, "kept", v.Team.Models[0], "gpt-4")
		v, err = e.Teams.AddModels(t.Context(), e.as("lead"), "core", []string{"gpt-4o", "gpt-4"})
		ok(t, err)
		same(t, "models", strings.Join(v.Team.Models, ","), "gpt-4,gpt-4o")
		_, err = e.Teams.RemoveModels(t.Context(), e.as("lead"), "core", []string{"gpt-4", "gpt-4o"})
		refused(t, err, fault.Invalid, "every model")
		e.team("open")
		_, err = e.Teams.AddModels(t.Context(), admin(), "open", []string{"gpt-4"})
		refused(t, err, fault.Invalid, "every model")
	})
}

func TestTeamBlockAndDelete(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, e *env) {
		e.user("ana", models.RoleInternalUser)
		e.team("core", "ana:admin")
		k := e.key(e.as("ana"), `{"team_id":"core"}`)
		_, err := e.Teams.Block(t.Context(), e.as("ana"), "core")
		refused(t, err, fault.Forbidden, "may see this team")
		_, err = e.Teams.Block(t.Context(), admin(), "core")
		ok(t, err)
		_, err = e.Identity.Secret(t.Context(), k.Secret.Reveal())
		refused(t, err, fault.Unauthenticated, "Team=core is blocked.")
		_, err = e.Teams.Unblock(t.Context(), admin(), "core")
		ok(t, err)
		_, err = e.Teams.Delete(t.Context(), admin(), []string{"core", "ghost"})
		refused(t, err, fault.NotFound, "ghost")
		_, err = e.Identity.Secret(t.Context(), k.Secret.Reveal())
		ok(t, err)
		_, err = e.Teams.Delete(t.Context(), admin(), []string{"core"})
		ok(t, err)
		_, err = e.Identity.Secret(t.Context(), k.Secret.Reveal())
		refused(t, err, fault.Unauthenticated, "")
		_, err = e.Teams.Info(t.Context(), admin(), "core")
		refused(t, err, fault.NotFound, "")
		info, err := e.Users.Info(t.Context(), admin(), "ana")
		ok(t, err)
		same(t, "teams of the member", len(info.Teams), 0)
	})
}

func TestTeamSight(t *testing.T) {
	e := lite(t)
	e.user("ana", models.RoleInternalUser)
	e.user("bo", models.RoleInternalUser)
	e.team("core", "ana", "bo")
	e.team("else")
	e.key(e.as("bo"), `{"team_id":"core"}`)
	teamKey := e.key(admin(), `{"team_id":"core"}`)
	_, err := e.Teams.Info(t.Context(), e.as("ana"), "else")
	refused(t, err, fault.Forbidden, "")
	_, ghost := e.Teams.Info(t.Context(), e.as("ana"), "ghost")
	same(t, "an unknown team looks like another's", ghost.Error(), err.Error())
	info, err := e.Teams.Info(t.Context(), e.as("ana"), "core")
	ok(t, err)
	same(t, "keys that a member sees: the team's own", len(info.Keys), 1)
	who, err := e.Identity.Secret(t.Context(), teamKey.Secret.Reveal())
	ok(t, err)
	_, err = e.Teams.Info(t.Context(), who, "core")
	ok(t, err)
	_, err = e.Teams.Info(t.Context(), who, "else")
	refused(t, err, fault.Forbidden, "")
	list, err := e.Teams.List(t.Context(), e.as("ana"), control.TeamQuery{})
	ok(t, err)
	same(t, "own teams", len(list), 1)
	_, err = e.Teams.List(t.Context(), e.as("ana"), control.TeamQuery{UserID: "bo"})
	refused(t, err, fault.Unauthenticated, "")
	page, err := e.Teams.Pages(t.Context(), admin(), control.TeamQuery{SortBy: "team_id", SortOrder: "desc"})
	ok(t, err)
	same(t, "pages", page.Items[0].Team.ID, "else")
}

func TestMembers(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, e *env) {
		for _, id := range []string{"lead", "ana", "bo"} {
			e.user(id, models.RoleInternalUser)
		}
		e.user("vi", models.RoleInternalViewer)
		e.team("core", "lead:admin", "ana")
		e.team("open")
		e.policy.LiteLLM.DefaultUser.AvailableTeams = []string{"open"}
		add := func(who access.Actor, body string) error {
			_, err := e.Teams.AddMembers(t.Context(), who, parse[control.AddMembers](t, body))
			return err
		}
		refused(t, add(e.as("ana"), `{"team_id":"core","member":{"role":"user","user_id":"bo"}}`), fault.Forbidden, "")
		refused(t, add(e.as("bo"), `{"team_id":"core","member":{"role":"user","user_id":"bo"}}`), fault.NotFound, "")
		refused(t, add(e.as("lead"), `{"team_id":"core","member":{"role":"user","user_id":"ana"}}`), fault.Invalid, "already in team")
		refused(t, add(e.as("lead"), `{"team_id":"core","member":{"role":"king","user_id":"bo"}}`), fault.Unprocessable, "role")
		refused(t, add(e.as("lead"), `{"team_id":"core"}`), fault.Unprocessable, "member")
		refused(t, add(e.as("bo"), `{"team_id":"open","member":{"role":"admin","user_id":"bo"}}`), fault.Forbidden, "plain member")
		refused(t, add(e.as("bo"), `{"team_id":"open","member":{"role":"user","user_id":"ana"}}`), fault.NotFound, "")
		refused(t, add(e.as("bo"), `{"team_id":"open","member":{"user_id":"bo"},"max_budget_in_team":5}`), fault.Forbidden, "plain member")
		refused(t, add(e.as("vi"), `{"team_id":"open","member":{"user_id":"vi"}}`), fault.Unauthenticated, "")
		open, err := e.Teams.Available(t.Context(), e.as("bo"))
		ok(t, err)
		same(t, "teams to join", len(open), 1)
		ok(t, add(e.as("bo"), `{"team_id":"open","member":{"role":"user","user_id":"bo"}}`))
		change, err := e.Teams.AddMembers(t.Context(), e.as("lead"), parse[control.AddMembers](t,
			`{"team_id":"core","member":[{"role":"user","user_email":"BO@example.org"},{"role":"internal_user","user_email":"new@example.org"}],"max_budget_in_team":5}`))
		ok(t, err)
		same(t, "added", len(change.Users)+len(change.Members), 4)
		same(t, "budget", *change.Members[0].Budget.MaxBudget, 5*models.USD)
		m, err := e.Teams.UpdateMember(t.Context(), e.as("lead"), parse[control.UpdateMember](t, `{"team_id":"core","user_id":"bo","max_budget_in_team":8,"role":"admin"}`))
		ok(t, err)
		same(t, "budget after an update", *m.Budget.MaxBudget, 8*models.USD)
		same(t, "role", m.Role, models.TeamAdmin)
		_, err = e.Teams.UpdateMember(t.Context(), e.as("lead"), control.UpdateMember{TeamID: "core", UserID: "ghost"})
		refused(t, err, fault.Invalid, "not a member")
		k := e.key(e.as("bo"), `{"team_id":"core"}`)
		_, err = e.Teams.RemoveMember(t.Context(), e.as("ana"), control.RemoveMember{TeamID: "core", UserID: "bo"})
		refused(t, err, fault.Forbidden, "")
		_, err = e.Teams.RemoveMember(t.Context(), admin(), control.RemoveMember{TeamID: "ghost", UserID: "bo"})
		refused(t, err, fault.Invalid, "Team not found")
		_, err = e.Teams.RemoveMember(t.Context(), e.as("lead"), control.RemoveMember{TeamID: "core", Email: "bo@EXAMPLE.org"})
		ok(t, err)
		_, err = e.Identity.Secret(t.Context(), k.Secret.Reveal())
		refused(t, err, fault.Unauthenticated, "")
		_, err = e.Keys.Create(t.Context(), e.as("bo"), newKey(t, `{"team_id":"core"}`))
		refused(t, err, fault.NotFound, "")
		bulk, err := e.Teams.BulkAddMembers(t.Context(), admin(), control.BulkAddMembers{TeamID: "core", AllUsers: true})
		ok(t, err)
		if len(bulk.Team.Members) < 5 {
			t.Errorf("%d members after adding everybody", len(bulk.Team.Members))
		}
	})
}

// TestMembersAtOnce: people who join side by side are all in.
func TestMembersAtOnce(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, e *env) {
		e.team("core")
		var wg sync.WaitGroup
		for _, id := range strings.Split("abcdefgh", "") {
			e.user(id, models.RoleInternalUser)
			wg.Go(func() {
				_, err := e.Teams.AddMembers(t.Context(), admin(), control.AddMembers{TeamID: "core", Members: control.MemberList{{UserID: id}}})
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		info, err := e.Teams.Info(t.Context(), admin(), "core")
		ok(t, err)
		same(t, "members", len(info.Members), 9)
	})
}

func TestBudgetsAndCustomers(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, e *env) {
		e.user("ana", models.RoleInternalUser)
		_, err := e.Budgets.List(t.Context(), e.as("ana"))
		refused(t, err, fault.Unauthenticated, "")
		_, err = e.Budgets.Delete(t.Context(), e.as("ana"), "x")
		refused(t, err, fault.Invalid, "Admin-only endpoint. Not allowed to access this., your role=internal_user")
		b, err := e.Budgets.New(t.Context(), admin(), parse[control.BudgetFields](t, `{"budget_id":"free","max_budget":1,"budget_duration":"1d"}`))
		ok(t, err)
		same(t, "reset", b.ResetsAt.Time, time.Date(2026, 1, 16, 0, 0, 0, 0, time.UTC))
		_, err = e.Budgets.New(t.Context(), admin(), parse[control.BudgetFields](t, `{"budget_id":"free"}`))
		refused(t, err, fault.Invalid, "already exists")
		_, err = e.Budgets.Update(t.Context(), admin(), control.BudgetFields{})
		refused(t, err, fault.Invalid, "budget_id is required")
		_, err = e.Budgets.Update(t.Context(), admin(), control.BudgetFields{ID: "ghost"})
		refused(t, err, fault.NotFound, "")
		_, err = e.Budgets.Info(t.Context(), admin(), nil)
		refused(t, err, fault.Invalid, "list of budget")

		for name, tc := range map[string]struct {
			body string
			kind fault.Kind
			text string
		}{
			"no id":          {`{}`, fault.Unprocessable, "user_id"},
			"two budgets":    {`{"user_id":"c","max_budget":1,"budget_id":"free"}`, fault.Unprocessable, "not both"},
			"region":         {`{"user_id":"c","allowed_model_region":"moon"}`, fault.Unprocessable, "allowed_model_region"},
			"unknown model":  {`{"user_id":"c","default_model":"gpt-9"}`, fault.Unprocessable, "Default Model not on proxy"},
			"unknown budget": {`{"user_id":"c","budget_id":"ghost"}`, fault.Invalid, "Budget ghost does not exist"},
		} {
			t.Run(name, func(t *testing.T) {
				_, err := e.Customers.New(t.Context(), admin(), parse[control.CustomerFields](t, tc.body))
				refused(t, err, tc.kind, tc.text)
			})
		}
		c, err := e.Customers.New(t.Context(), admin(), parse[control.CustomerFields](t, `{"user_id":"palantir","budget_id":"free","alias":"P","default_model":"gpt-4"}`))
		ok(t, err)
		same(t, "budget", *c.Budget.MaxBudget, models.USD)
		_, err = e.Customers.New(t.Context(), admin(), control.CustomerFields{ID: "palantir"})
		refused(t, err, fault.Invalid, "Customer already exists")
		same(t, "type", fault.As(err).Type, "bad_request")
		_, err = e.Customers.Info(t.Context(), admin(), "ghost")
		refused(t, err, fault.NotFound, "does not exist")
		same(t, "type", fault.As(err).Type, "not_found")
		_, err = e.Customers.Info(t.Context(), e.as("ana"), "palantir")
		refused(t, err, fault.Unauthenticated, "")
		list, err := e.Customers.Block(t.Context(), admin(), []string{"palantir", "new"}, true)
		ok(t, err)
		same(t, "blocked", list[0].Customer.Blocked && list[1].Customer.Blocked, true)
		_, err = e.Customers.Delete(t.Context(), admin(), []string{"palantir", "ghost"})
		refused(t, err, fault.NotFound, "ghost")
		n, err := e.Customers.Delete(t.Context(), admin(), []string{"palantir", "new"})
		ok(t, err)
		same(t, "deleted", n, 2)
	})
}

func TestOrganizations(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, e *env) {
		e.user("boss", models.RoleInternalUser)
		e.user("ana", models.RoleInternalUser)
		_, err := e.Orgs.New(t.Context(), e.as("ana"), control.NewOrg{})
		refused(t, err, fault.Unauthenticated, "Only admins can create orgs")
		o, err := e.Orgs.New(t.Context(), admin(), parse[control.NewOrg](t, `{"organization_id":"acme","organization_alias":"Acme","max_budget":10,"budget_duration":"1mo"}`))
		ok(t, err)
		same(t, "a budget row is made", *o.Budget.MaxBudget, 10*models.USD)
		_, users, err := e.Orgs.AddMembers(t.Context(), admin(), control.OrgMember{OrgID: "acme", Members: control.MemberList{{UserID: "boss", Role: "org_admin"}}})
		ok(t, err)
		same(t, "added", users[0].User.ID, "boss")
		_, _, err = e.Orgs.AddMembers(t.Context(), admin(), control.OrgMember{OrgID: "acme", Members: control.MemberList{{UserID: "ana", Role: "king"}}})
		refused(t, err, fault.Unprocessable, "role")
		_, err = e.Orgs.Info(t.Context(), e.as("ana"), "acme")
		refused(t, err, fault.NotFound, "")
		team, err := e.Teams.New(t.Context(), e.as("boss"), parse[control.NewTeam](t, `{"team_id":"sales","organization_id":"acme","max_budget":3}`))
		ok(t, err)
		same(t, "who made it is its admin", team.Members[0].UserID+"/"+string(team.Members[0].Role), "boss/admin")
		_, err = e.Teams.New(t.Context(), e.as("boss"), parse[control.NewTeam](t, `{"organization_id":"other"}`))
		refused(t, err, fault.Unauthenticated, "")
		_, err = e.Teams.New(t.Context(), e.as("boss"), control.NewTeam{})
		refused(t, err, fault.Unauthenticated, "")
		_, err = e.Orgs.Delete(t.Context(), admin(), []string{"acme"})
		refused(t, err, fault.Conflict, "still has 1 teams")
		o, err = e.Orgs.Update(t.Context(), admin(), parse[control.OrgUpdate](t, `{"organization_id":"acme","max_budget":20}`))
		ok(t, err)
		same(t, "limits go to the row", *o.Budget.MaxBudget, 20*models.USD)
		m, err := e.Orgs.UpdateMember(t.Context(), admin(), parse[control.OrgMember](t, `{"organization_id":"acme","user_id":"boss","role":"internal_user"}`))
		ok(t, err)
		same(t, "role", m.Role, models.RoleInternalUser)
		ok(t, e.Orgs.RemoveMember(t.Context(), admin(), control.OrgMember{OrgID: "acme", UserID: "boss"}))
		_, err = e.Teams.Delete(t.Context(), admin(), []string{"sales"})
		ok(t, err)
		_, err = e.Orgs.Delete(t.Context(), admin(), []string{"acme"})
		ok(t, err)
		list, err := e.Orgs.List(t.Context(), admin())
		ok(t, err)
		same(t, "left", len(list), 0)
	})
}
