package control_test

import (
	"strings"
	"testing"
	"time"

	"gatehouse/app/access"
	"gatehouse/app/config"
	"gatehouse/app/control"
	"gatehouse/models"
	"gatehouse/models/fault"
)

func newUser(t *testing.T, body string) control.NewUser {
	t.Helper()
	return parse[control.NewUser](t, body)
}

func TestUserNewRefusals(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, e *env) {
		e.user("ana", models.RoleInternalUser)
		e.user("pv", models.RoleAdminViewer)
		e.user("boss", models.RoleInternalUser)
		_, err := e.Orgs.New(t.Context(), admin(), parse[control.NewOrg](t, `{"organization_id":"acme","max_budget":10}`))
		ok(t, err)
		_, _, err = e.Orgs.AddMembers(t.Context(), admin(), control.OrgMember{OrgID: "acme", Members: control.MemberList{{UserID: "boss", Role: "org_admin"}}})
		ok(t, err)
		for name, tc := range map[string]struct {
			who  access.Actor
			body string
			kind fault.Kind
			text string
		}{
			"internal user":         {e.as("ana"), `{}`, fault.Unauthenticated, "Only proxy admin"},
			"admin viewer":          {e.as("pv"), `{}`, fault.Forbidden, "proxy_admin_viewer"},
			"id taken":              {admin(), `{"user_id":"ana"}`, fault.Conflict, "User with id ana already exists"},
			"email taken":           {admin(), `{"user_email":"ANA@example.org"}`, fault.Conflict, "User with email ANA@example.org already exists"},
			"the master key's id":   {admin(), `{"user_id":"default_user_id"}`, fault.Conflict, "already exists"},
			"bad role":              {admin(), `{"user_role":"root"}`, fault.Unprocessable, "user_role must be one of"},
			"bad email":             {admin(), `{"user_email":"nobody"}`, fault.Invalid, "does not look like an email"},
			"two lines of email":    {admin(), `{"user_email":"a@b\nBcc: x@y"}`, fault.Invalid, "does not look like an email"},
			"short password":        {admin(), `{"password":"short"}`, fault.Unprocessable, "at least 12"},
			"unknown team":          {admin(), `{"teams":["ghost"]}`, fault.NotFound, "Team not found"},
			"unknown organization":  {admin(), `{"organizations":["ghost"]}`, fault.NotFound, "organization ghost not found"},
			"odd id":                {admin(), `{"user_id":" x "}`, fault.Invalid, "no space at its ends"},
			"negative budget":       {admin(), `{"max_budget":-5}`, fault.Invalid, "cannot be negative"},
			"org admin, no org":     {e.as("boss"), `{}`, fault.Unauthenticated, "Only proxy admin"},
			"org admin makes admin": {e.as("boss"), `{"organizations":["acme"],"user_role":"proxy_admin"}`, fault.Forbidden, "admin role"},
			"org admin sets spend":  {e.as("boss"), `{"organizations":["acme"],"spend":1}`, fault.Forbidden, "spend"},
		} {
			t.Run(name, func(t *testing.T) {
				_, err := e.Users.New(t.Context(), tc.who, newUser(t, tc.body))
				refused(t, err, tc.kind, tc.text)
			})
		}
		page, err := e.Users.List(t.Context(), admin(), control.UserQuery{})
		ok(t, err)
		same(t, "people after only refusals", page.Total, 3)
		made, err := e.Users.New(t.Context(), e.as("boss"), newUser(t, `{"organizations":["acme"],"user_id":"cy"}`))
		ok(t, err)
		same(t, "in the organization", strings.Join(made.User.Orgs, ","), "acme")
		list, err := e.Users.List(t.Context(), e.as("boss"), control.UserQuery{})
		ok(t, err)
		same(t, "an organization's admin sees its people", list.Total, 2)
	})
}

func TestUserNew(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, e *env) {
		e.team("core")
		ten := 10 * models.USD
		e.policy.LiteLLM.MaxInternalUserBudget = &ten
		e.policy.LiteLLM.InternalUserBudgetDuration = mustDuration(t, "1mo")
		made, err := e.Users.New(t.Context(), admin(), newUser(t,
			`{"user_email":"Ana@Example.org","models":["gpt-4"],"teams":[{"team_id":"core","max_budget_in_team":2,"user_role":"admin"}],"key_alias":"first","send_invite_email":true}`))
		ok(t, err)
		u := made.User.User
		same(t, "role", u.Role, models.RoleInternalUser)
		same(t, "budget of internal users", *u.MaxBudget, ten)
		same(t, "reset on the first", made.User.ResetsAt.Time, time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC))
		same(t, "key's owner", *made.Key.Key.UserID, u.ID)
		same(t, "key's models", made.Key.Key.Models[0], "gpt-4")
		if made.Key.Key.MaxBudget != nil {
			t.Error("the automatic key has a budget of its own")
		}
		who, err := e.Identity.Secret(t.Context(), made.Key.Secret.Reveal())
		ok(t, err)
		same(t, "place in the team", who.Teams["core"], models.TeamAdmin)
		same(t, "mails", len(e.mail.invites), 1)
		same(t, "mail to", e.mail.invites[0].To, "Ana@Example.org")
		if !strings.HasPrefix(e.mail.invites[0].Link, "https://gate.example/ui/onboarding?id=") {
			t.Errorf("link %s", e.mail.invites[0].Link)
		}
		team, err := e.Teams.Info(t.Context(), admin(), "core")
		ok(t, err)
		i := 0
		for i < len(team.Members) && team.Members[i].UserID != u.ID {
			i++
		}
		same(t, "budget in the team", *team.Members[i].Budget.MaxBudget, 2*models.USD)

		aliased, err := e.Users.New(t.Context(), admin(), newUser(t, `{"models":["gpt-4"],"aliases":{"mistral-7b":"gpt-4"}}`))
		ok(t, err)
		same(t, "the automatic key's alias", aliased.Key.Key.Aliases["mistral-7b"], "gpt-4")
		none, err := e.Users.New(t.Context(), admin(), newUser(t, `{"user_role":"proxy_admin","auto_create_key":false}`))
		ok(t, err)
		if none.Key != nil || none.User.User.MaxBudget != nil {
			t.Errorf("an admin got %+v", none)
		}
		hundred := 100 * models.USD
		e.policy.LiteLLM.DefaultUser = config.DefaultUserParams{Set: true, Role: models.RoleInternalViewer, MaxBudget: &hundred, Models: []string{"gpt-4o"}}
		made, err = e.Users.New(t.Context(), admin(), newUser(t, `{}`))
		ok(t, err)
		same(t, "default role", made.User.User.Role, models.RoleInternalViewer)
		same(t, "default budget", *made.User.User.MaxBudget, hundred)
		same(t, "default models", made.User.User.Models[0], "gpt-4o")
		made, err = e.Users.New(t.Context(), admin(), newUser(t, `{"models":[],"max_budget":0}`))
		ok(t, err)
		same(t, "an empty list is given", len(made.User.User.Models), 0)
		same(t, "zero is given", *made.User.User.MaxBudget, 0)
	})
}

func TestUserUpdate(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, e *env) {
		for id, role := range map[string]models.Role{"ana": models.RoleInternalUser, "bo": models.RoleInternalUser, "vi": models.RoleInternalViewer, "pv": models.RoleAdminViewer} {
			e.user(id, role)
		}
		for name, tc := range map[string]struct {
			who, body string
			kind      fault.Kind
			text      string
		}{
			"own role":              {"ana", `{"user_id":"ana","user_role":"proxy_admin"}`, fault.Forbidden, "Only proxy admins can modify user roles."},
			"own budget":            {"ana", `{"user_id":"ana","max_budget":1000}`, fault.Forbidden, "max_budget"},
			"own models":            {"ana", `{"user_id":"ana","models":["gpt-4"]}`, fault.Forbidden, "models"},
			"own spend":             {"ana", `{"user_id":"ana","spend":0}`, fault.Forbidden, "spend"},
			"own limits":            {"ana", `{"user_id":"ana","tpm_limit":1}`, fault.Forbidden, "tpm_limit"},
			"own sign-in identity":  {"ana", `{"user_id":"ana","sso_user_id":"x"}`, fault.Forbidden, "sso_user_id"},
			"another":               {"ana", `{"user_id":"bo","user_alias":"x"}`, fault.NotFound, "User bo not found"},
			"nobody":                {"ana", `{"user_id":"ghost","user_alias":"x"}`, fault.NotFound, "User ghost not found"},
			"no one named":          {"ana", `{"user_alias":"x"}`, fault.Unprocessable, "user_id"},
			"another's email":       {"ana", `{"user_id":"ana","user_email":"BO@example.org"}`, fault.Conflict, "already exists"},
			"viewer's alias":        {"pv", `{"user_id":"pv","user_alias":"x"}`, fault.Forbidden, "user_alias"},
			"viewer on another":     {"pv", `{"user_id":"ana","user_email":"x@y.z"}`, fault.Forbidden, ""},
			"the email as password": {"ana", `{"user_id":"ana","password":"ana@example.org"}`, fault.Unprocessable, "your email"},
		} {
			t.Run(name, func(t *testing.T) {
				_, err := e.Users.Update(t.Context(), e.as(tc.who), parse[control.UserUpdate](t, tc.body))
				refused(t, err, tc.kind, tc.text)
			})
		}
		v, err := e.Users.Update(t.Context(), e.as("vi"), parse[control.UserUpdate](t, `{"user_id":"vi","user_alias":"Vi","metadata":{"a":1}}`))
		ok(t, err)
		same(t, "own alias", *v.User.Alias, "Vi")

		ok(t, e.store.InsertSession(t.Context(), session("s1", "ana", e.clock.Now())))
		v, err = e.Users.Update(t.Context(), admin(), parse[control.UserUpdate](t, `{"user_email":"ANA@example.org","user_role":"internal_user_viewer","models":["gpt-4"],"budget_duration":"1d","max_budget":9}`))
		ok(t, err)
		same(t, "role", v.User.Role, models.RoleInternalViewer)
		if v.ResetsAt == nil {
			t.Error("no reset")
		}
		list, err := e.store.SessionsOfUser(t.Context(), "ana")
		ok(t, err)
		same(t, "sessions after a change of role", len(list), 0)
		v, err = e.Users.Update(t.Context(), admin(), parse[control.UserUpdate](t, `{"user_id":"ana","models":[]}`))
		ok(t, err)
		same(t, "an explicit empty list empties", len(v.User.Models), 0)
		same(t, "what was not sent stays", *v.User.MaxBudget, 9*models.USD)
		row := e.lastAudit()
		if strings.Contains(string(row.After), "argon2") {
			t.Error("the audit log holds a password hash")
		}
	})
}

func session(hash, user string, now time.Time) *models.Session {
	return &models.Session{
		Hash: strings.Repeat(hash, 16), UserID: user, Method: "password", CreatedAt: models.At(now), LastSeenAt: models.At(now),
		IdleEnds: models.At(now.Add(time.Hour)), ExpiresAt: models.At(now.Add(24 * time.Hour)),
	}
}

func TestUserBlockAndPassword(t *testing.T) {
	e := lite(t)
	e.user("ana", models.RoleInternalUser)
	k := e.key(e.as("ana"), `{}`)
	ok(t, e.store.InsertSession(t.Context(), session("s1", "ana", e.clock.Now())))
	ok(t, e.store.InsertSession(t.Context(), session("s2", "ana", e.clock.Now())))
	who := e.as("ana")
	who.SessionID = strings.Repeat("s1", 16)
	_, err := e.Users.Update(t.Context(), who, parse[control.UserUpdate](t, `{"user_id":"ana","password":"korrekt-pferd-1"}`))
	ok(t, err)
	list, err := e.Sessions.List(t.Context(), who, "")
	ok(t, err)
	if len(list) != 1 || !list[0].Current {
		t.Fatalf("sessions after a new password: %+v", list)
	}
	refused(t, e.Users.ChangePassword(t.Context(), who, "wrong", "another-good-one-2"), fault.Unauthenticated, "current password is wrong")
	refused(t, e.Users.ChangePassword(t.Context(), who, "korrekt-pferd-1", "short"), fault.Unprocessable, "at least 12")
	refused(t, e.Users.ChangePassword(t.Context(), admin(), "x", "another-good-one-2"), fault.Forbidden, "no password of its own")
	ok(t, e.Users.ChangePassword(t.Context(), who, "korrekt-pferd-1", "another-good-one-2"))
	_, err = e.Users.Update(t.Context(), admin(), parse[control.UserUpdate](t, `{"user_id":"ana","blocked":true}`))
	ok(t, err)
	_, err = e.Identity.Secret(t.Context(), k.Secret.Reveal())
	refused(t, err, fault.Unauthenticated, "User=ana is blocked.")
	rows, err := e.store.SessionsOfUser(t.Context(), "ana")
	ok(t, err)
	same(t, "sessions of a blocked person", len(rows), 0)
}

func TestUserInfo(t *testing.T) {
	e := lite(t)
	for id, role := range map[string]models.Role{"ana": models.RoleInternalUser, "lead": models.RoleInternalUser, "pv": models.RoleAdminViewer} {
		e.user(id, role)
	}
	e.team("core", "ana", "lead:admin")
	e.key(e.as("ana"), `{"key_alias":"one"}`)
	_, err := e.Users.Info(t.Context(), e.as("ana"), "lead")
	refused(t, err, fault.Forbidden, "")
	_, unknown := e.Users.Info(t.Context(), e.as("ana"), "ghost")
	same(t, "unknown people look like others", unknown.Error(), err.Error())
	_, err = e.Users.Info(t.Context(), admin(), "ghost")
	refused(t, err, fault.NotFound, "User ghost not found")
	_, err = e.Users.Card(t.Context(), e.as("ana"), "lead")
	refused(t, err, fault.NotFound, "User lead not found")
	card, err := e.Users.Card(t.Context(), e.as("lead"), "ana")
	ok(t, err)
	same(t, "a team's admin sees its people", card.User.ID, "ana")
	info, err := e.Users.Info(t.Context(), e.as("ana"), "")
	ok(t, err)
	same(t, "own", info.UserID+" "+*info.Keys[0].Key.Alias+" "+info.Teams[0].Team.ID, "ana one core")
	all, err := e.Users.Info(t.Context(), e.as("pv"), "")
	ok(t, err)
	same(t, "everything", len(all.Keys)+len(all.Teams), 2)
	_, err = e.Users.List(t.Context(), e.as("ana"), control.UserQuery{})
	refused(t, err, fault.Forbidden, "")
	few, err := e.Users.Filter(t.Context(), e.as("lead"), control.UserQuery{Email: "ANA"})
	ok(t, err)
	same(t, "found", len(few), 1)
	_, err = e.Users.Filter(t.Context(), e.as("ana"), control.UserQuery{})
	refused(t, err, fault.Unauthenticated, "")
	page, err := e.Users.List(t.Context(), admin(), control.UserQuery{Role: "proxy_admin_viewer"})
	ok(t, err)
	same(t, "by role", page.Items[0].User.ID, "pv")
	_, err = e.Users.List(t.Context(), admin(), control.UserQuery{Role: "king"})
	refused(t, err, fault.Unprocessable, "role")
}

func TestUserDelete(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, e *env) {
		e.user("ana", models.RoleInternalUser)
		e.user("bo", models.RoleInternalUser)
		e.team("core", "ana")
		own := e.key(e.as("ana"), `{}`)
		team := e.key(e.as("ana"), `{"team_id":"core"}`)
		svc, err := e.Keys.CreateService(t.Context(), admin(), newKey(t, `{"team_id":"core"}`))
		ok(t, err)
		inv, err := e.Invitations.New(t.Context(), admin(), "ana")
		ok(t, err)
		_, err = e.Users.Delete(t.Context(), e.as("bo"), []string{"ana"})
		refused(t, err, fault.Unauthenticated, "")
		_, err = e.Users.Delete(t.Context(), admin(), []string{"ana", "ghost"})
		refused(t, err, fault.NotFound, "ghost")
		_, err = e.Identity.Secret(t.Context(), own.Secret.Reveal())
		ok(t, err)
		n, err := e.Users.Delete(t.Context(), admin(), []string{"ana"})
		ok(t, err)
		same(t, "count", n, 1)
		for _, k := range []*control.CreatedKey{own, team} {
			_, err = e.Identity.Secret(t.Context(), k.Secret.Reveal())
			refused(t, err, fault.Unauthenticated, "")
		}
		_, err = e.Identity.Secret(t.Context(), svc.Secret.Reveal())
		ok(t, err)
		opened, err := e.Invitations.Open(t.Context(), access.Actor{IP: "192.0.2.1"}, inv.ID)
		ok(t, err)
		same(t, "invitation", opened.State, control.InvitationUnknown)
		info, err := e.Teams.Info(t.Context(), admin(), "core")
		ok(t, err)
		for _, m := range info.Members {
			if m.UserID == "ana" {
				t.Error("a deleted person is still a member")
			}
		}
	})
}

func TestUserBulkUpdate(t *testing.T) {
	e := lite(t)
	e.user("ana", models.RoleInternalUser)
	e.user("bo", models.RoleInternalUser)
	out, err := e.Users.BulkUpdate(t.Context(), admin(), parse[control.UserBulk](t, `{"users":[{"user_id":"ana","max_budget":1},{"user_id":"ghost"}]}`))
	ok(t, err)
	if out[0].Err != nil || out[1].Err == nil {
		t.Fatalf("got %v, %v", out[0].Err, out[1].Err)
	}
	out, err = e.Users.BulkUpdate(t.Context(), admin(), parse[control.UserBulk](t, `{"all_users":true,"user_updates":{"max_budget":2}}`))
	ok(t, err)
	same(t, "everybody", len(out), 2)
	_, err = e.Users.BulkUpdate(t.Context(), admin(), control.UserBulk{})
	refused(t, err, fault.Invalid, "between 1 and 500")
	_, err = e.Users.BulkUpdate(t.Context(), e.as("ana"), control.UserBulk{})
	refused(t, err, fault.Unauthenticated, "")
}
