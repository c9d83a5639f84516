package views_test

import (
	"time"

	"github.com/a-h/templ"

	"gatehouse/views/account"
	"gatehouse/views/i18n"
	"gatehouse/views/jobs"
	"gatehouse/views/layout"
	"gatehouse/views/teams"
	"gatehouse/views/ui"
	"gatehouse/views/users"
)

func teamForm(l i18n.Lang, page bool) teams.Form {
	return teams.Form{Page: page, Action: "/ui/teams/new", Back: "/ui/teams", Version: "3", Name: ui.Text{Value: "Checkout"}, Models: modelOptions(l, "gpt-5-mini"), Budget: ui.Text{Value: "800.00"}, Periods: periods(l), MemberPeriods: periods(l), Permissions: []ui.Option{{Value: "/key/generate", Label: l.PermitCreate(), Selected: true}, {Value: "/key/delete", Label: l.PermitDelete()}}}
}

func teamDetail(c i18n.Locale, tab string) teams.Detail {
	l := c.Lang
	v := teams.Detail{
		ID: "0ac95f21-7b7e-4b44-9d7e-0f0f0f0f0f0f", Name: "Checkout", Back: "/ui/teams", BlockURL: "/ui/teams/1/block", DeleteURL: "/ui/teams/1/delete",
		Stats: []ui.Stat{{Label: l.SpendThisMonth(), Value: "$467.77", Note: l.OfBudget("$800")}, {Label: l.Members(), Value: "6"}, {Label: l.APIKeys(), Value: "4"}},
		Tabs:  []ui.Tab{{Label: l.Members(), Href: "/ui/teams/1", Current: tab == ""}, {Label: l.APIKeys(), Href: "/ui/teams/1?tab=keys", Current: tab == "keys"}, {Label: l.Settings(), Href: "/ui/teams/1?tab=settings", Current: tab == "settings"}},
	}
	switch tab {
	case "":
		v.Members = &teams.Members{
			AddURL: "/ui/teams/1/members", Email: ui.Text{Value: "x", Error: l.ErrEmail()}, Role: []ui.Option{{Value: "user", Label: l.RoleTeamMember()}, {Value: "admin", Label: l.RoleTeamAdmin()}}, Pager: tabPager(l, "tab"),
			Rows: []teams.Member{
				{UserID: "u1", Person: ui.Person{Name: "Maya Okafor"}, Email: "maya@acme.dev", Href: "/ui/users/u1", Role: l.RoleTeamAdmin(), Spend: spend(l, 412*usd, 600*usd), Keys: "2", EditURL: "/ui/teams/1/members/u1", RemoveURL: "/ui/teams/1/members/u1/remove"},
				{UserID: "u2", Person: ui.Person{Name: "Priya Nair"}, Email: "priya@acme.dev", Role: l.RoleTeamMember(), Spend: spend(l, 54*usd, 0), Keys: "1"},
			},
		}
	case "keys":
		v.Keys = &teams.Keys{CreateURL: "/ui/keys/new?team_id=1", Rows: plainRows(c), Pager: tabPager(l, "tab")}
	case "settings":
		form := teamForm(l, true)
		v.Settings = &form
	}
	return v
}

func userList(c i18n.Locale) users.List {
	l := c.Lang
	return users.List{
		URL: "/ui/users", InviteURL: "/ui/users/invite", ImportURL: "/ui/users/import",
		States: []ui.Option{{Value: "all", Label: l.All(), Note: "34", Selected: true}, {Value: "active", Label: l.StateActive(), Note: "30"}, {Value: "invited", Label: l.StateInvited(), Note: "3"}, {Value: "blocked", Label: l.StateBlocked(), Note: "1"}},
		Roles:  []ui.Option{{Value: "", Label: l.RoleAll()}, {Value: "proxy_admin", Label: l.RoleAdmin()}},
		Teams:  []ui.Option{{Value: "", Label: l.TeamAll()}, {Value: "t1", Label: "Checkout"}},
		Table: users.Table{
			Email: sortLink(l.Email(), "user_email", ""), Role: sortLink(l.Role(), "user_role", ""), Spend: sortLink(l.Spend(), "spend", ""), Seen: sortLink(l.LastActive(), "last_active", "descending"), Pager: pager(l),
			Rows: []users.Row{
				{ID: "u1", Name: "Maya Okafor", Email: "maya@acme.dev", Href: "/ui/users/u1", Role: l.RoleAdmin(), Teams: ui.Chips{Names: []string{"Checkout", "Platform"}}, Spend: spend(l, 7*usd, 25*usd), Keys: "3", Seen: c.Relative(ago(2 * time.Minute)), State: users.Active},
				{ID: "u2", Name: "李伟", Email: "li.wei@acme.dev", Href: "/ui/users/u2", Role: l.RoleInternalUser(), Teams: ui.Chips{Names: []string{"Platform"}}, Spend: spend(l, 42*usd/100, 0), Keys: "1", Seen: c.Relative(ago(80 * time.Hour)), State: users.Active},
				{ID: "u3", Name: "noor@acme.dev", Email: "noor@acme.dev", Href: "/ui/users/u3", Role: l.RoleInternalViewer(), Spend: spend(l, 0, 10*usd), Keys: "0", State: users.Invited},
				{ID: "u4", Name: "Tomás Silva", Email: "tomas@acme.dev", Href: "/ui/users/u4", Role: l.RoleInternalUser(), Teams: ui.Chips{Names: []string{"Research"}}, Spend: spend(l, 25*usd, 25*usd), Keys: "1", Seen: c.Relative(ago(500 * time.Hour)), State: users.Blocked},
			},
		},
	}
}

func userDetail(c i18n.Locale) users.Detail {
	l := c.Lang
	return users.Detail{
		ID: "u2", Name: "李伟", Email: "li.wei@acme.dev", State: users.Active, Back: "/ui/users", BlockURL: "/ui/users/u2/block", DeleteURL: "/ui/users/u2/delete", EndURL: "/ui/users/u2/sessions/end", InviteURL: "/ui/users/u2/invite",
		Stats: []ui.Stat{{Label: l.SpendThisMonth(), Value: "$0.42", Note: l.NoLimit()}, {Label: l.APIKeys(), Value: "1"}, {Label: l.LastActive(), Value: c.Relative(ago(80 * time.Hour)).Text}},
		Facts: []ui.Fact{{Term: l.UserID(), Text: "e9d45c7c-0000-4000-8000-000000000001", Mono: true, Copy: true}, {Term: l.SignsInBy(), Text: "Okta"}, {Term: l.CreatedBy(), Time: c.Calendar(ago(5000 * time.Hour))}},
		Teams: []users.TeamLine{{Name: "Platform", Href: "/ui/teams/2", Role: l.RoleTeamMember(), Spend: spend(l, 42*usd/100, 50*usd)}}, Keys: keyRows(c)[6:7], KeysURL: "/ui/keys?user_id=u2",
		Edit: &users.Edit{Action: "/ui/users/u2", Version: "2", Name: ui.Text{Value: "李伟"}, Email: ui.Text{Value: "li.wei@acme.dev"}, Role: ui.Text{Locked: l.OnlyAdminsChange(), Value: l.RoleInternalUser()}, Models: modelOptions(l), Periods: periods(l)},
	}
}

func peopleSamples() []sample {
	team := func(tab string) func(f layout.Frame, c i18n.Locale) templ.Component {
		return func(f layout.Frame, c i18n.Locale) templ.Component { return teams.DetailPage(f, teamDetail(c, tab)) }
	}
	return []sample{
		{name: "teams", path: "/ui/teams", make: func(f layout.Frame, c i18n.Locale) templ.Component {
			l := c.Lang
			return teams.Page(f, teams.List{URL: "/ui/teams", CreateURL: "/ui/teams/new", Table: teams.Table{Name: sortLink(l.NameLabel(), "team_alias", "ascending"), Members: sortLink(l.Members(), "members", ""), Keys: sortLink(l.APIKeys(), "keys", ""), Spend: sortLink(l.SpendThisMonth(), "spend", ""), Pager: pager(l), Rows: []teams.Row{
				{ID: "1", Name: "Checkout", Href: "/ui/teams/1", Members: "6", Keys: "4", Spend: spend(l, 467*usd, 800*usd), Models: ui.Chips{Names: []string{"claude-sonnet-4-5", "gpt-5-mini"}, More: 3}, Role: l.RoleTeamAdmin()},
				{ID: "2", Name: "Platform", Href: "/ui/teams/2", Members: "11", Keys: "2", Spend: spend(l, 583*usd, 650*usd), Models: ui.Chips{Plain: l.AllModels()}},
				{ID: "3", Name: "Research", Href: "/ui/teams/3", Members: "3", Keys: "1", Spend: spend(l, 25*usd, 0), Models: ui.Chips{Names: []string{"gpt-5-mini"}}, Blocked: true},
			}}})
		}},
		{name: "teams-empty", path: "/ui/teams", make: func(f layout.Frame, _ i18n.Locale) templ.Component {
			return teams.Page(f, teams.List{URL: "/ui/teams", CreateURL: "/ui/teams/new", Table: teams.Table{Create: "/ui/teams/new"}})
		}},
		{name: "team-create", part: true, open: true, make: func(f layout.Frame, c i18n.Locale) templ.Component {
			return teams.CreatePart(f, teamForm(c.Lang, false))
		}},
		{name: "team-create-page", path: "/ui/teams/new", make: func(f layout.Frame, c i18n.Locale) templ.Component {
			return teams.CreatePage(f, teamForm(c.Lang, true))
		}},
		{name: "team", path: "/ui/teams/1", make: team("")},
		{name: "team-keys", path: "/ui/teams/1?tab=keys", make: team("keys")},
		{name: "team-settings", path: "/ui/teams/1?tab=settings", make: team("settings")},
		{name: "team-member", part: true, open: true, make: func(f layout.Frame, c i18n.Locale) templ.Component {
			return teams.EditMemberPart(f, teams.EditMember{Name: "Priya Nair", Action: "/ui/teams/1/members/u2", Back: "/ui/teams/1", Roles: []ui.Option{{Value: "user", Label: c.RoleTeamMember()}}})
		}},
		{name: "team-remove-page", path: "/ui/teams/1/members/u2/remove", make: func(f layout.Frame, c i18n.Locale) templ.Component {
			return teams.AskPage(f, ui.Ask{Page: true, Title: c.RemoveTitle("Priya Nair", "Checkout"), Text: c.TheirKeysBlocked(3), Action: "/ui/teams/1/members/u2/remove", Back: "/ui/teams/1", Button: c.RemoveMember(), Busy: c.Removing(), Confirm: "Priya Nair"})
		}},
		{name: "users", path: "/ui/users", make: func(f layout.Frame, c i18n.Locale) templ.Component { return users.Page(f, userList(c)) }},
		{name: "user", path: "/ui/users/u2", make: func(f layout.Frame, c i18n.Locale) templ.Component { return users.DetailPage(f, userDetail(c)) }},
		{name: "user-invite", part: true, open: true, make: func(f layout.Frame, c i18n.Locale) templ.Component {
			return users.InvitePart(f, users.Invite{Action: "/ui/users/invite", Back: "/ui/users", Mail: true, Roles: []ui.Option{{Value: "internal_user", Label: c.RoleInternalUser(), Note: c.RoleInternalUserHelp()}}, Role: ui.Text{Help: c.RoleInternalUserHelp()}, Teams: []ui.Option{{Value: "t1", Label: "Checkout"}}, Periods: periods(c.Lang)})
		}},
		{name: "user-invited", part: true, open: true, make: func(f layout.Frame, c i18n.Locale) templ.Component {
			return users.InvitedPart(f, users.Invitation{Email: "noor@acme.dev", Link: "https://llm.acme.dev/ui/onboarding?id=a2f0918f-0000-4000-8000-00000000000a", Until: c.DateTime(sampleNow.AddDate(0, 0, 7)), Done: "/ui/users", Sent: true})
		}},
		{name: "users-import", path: "/ui/users/import", make: func(f layout.Frame, _ i18n.Locale) templ.Component {
			return users.ImportPage(f, users.Import{Action: "/ui/users/import", Back: "/ui/users", Template: "/ui/users/import.csv"})
		}},
		{name: "users-import-preview", path: "/ui/users/import", make: func(f layout.Frame, c i18n.Locale) templ.Component {
			return users.ImportPage(f, users.Import{Action: "/ui/users/import", Back: "/ui/users", CSV: ui.Text{Value: "a,b"}, Valid: 1, Preview: []users.ImportRow{{Line: 1, Email: "ana@acme.dev", Role: c.RoleInternalUser(), Teams: "Checkout"}, {Line: 4, Email: "bo@acme.dev", Role: "viewer", Error: c.ErrRow(4, c.Role(), c.ErrNotARole("viewer"))}}})
		}},
		{name: "users-imports", path: "/ui/users/import", make: func(f layout.Frame, c i18n.Locale) templ.Component {
			return users.ImportPage(f, users.Import{Action: "/ui/users/import", Back: "/ui/users", Recent: []users.Recent{{Href: "/ui/jobs/x", Text: c.JobOf(480, 500), At: c.Relative(ago(time.Minute))}}})
		}},
		{name: "job-running", path: "/ui/jobs/x", make: func(f layout.Frame, c i18n.Locale) templ.Component {
			f.Reload = 2
			return jobs.Page(f, jobs.Job{At: layout.ItemKeys, Title: c.JobBlocking(214), Back: "/ui/keys", BackLabel: c.APIKeys(), Running: true, Done: 120, Total: 214, Failed: 2, PollURL: "/ui/jobs/x", CancelURL: "/ui/jobs/x/cancel"})
		}},
		{name: "job-ended", path: "/ui/jobs/x", make: func(f layout.Frame, c i18n.Locale) templ.Component {
			return jobs.Page(f, jobs.Job{At: layout.ItemUsers, Title: c.JobInviting(500), Back: "/ui/users", BackLabel: c.Users(), Done: 500, Total: 500, Failed: 1, Tone: ui.Warn, Said: c.JobDone(499, 500), Note: c.JobLinksText(), ResultURL: "/ui/jobs/x/result.csv", Failures: []jobs.Failed{{Name: "bo@acme.dev", Reason: c.ErrEmailTaken("bo@acme.dev")}}})
		}},
		{name: "account", path: "/ui/account", make: func(f layout.Frame, c i18n.Locale) templ.Component {
			l := c.Lang
			return account.Page(f, account.Account{
				Facts: []ui.Fact{{Term: l.UserID(), Text: "e9d45c7c", Mono: true, Copy: true}, {Term: l.Role(), Text: l.RoleAdmin()}}, EndURL: "/ui/account/sessions/end",
				Profile:  account.Profile{Action: "/ui/account", Name: ui.Text{Value: "Maya Okafor"}, Email: ui.Text{Value: "maya@acme.dev", Locked: l.OnlyAdminsChange()}},
				Prefs:    account.Preferences{Action: "/ui/preferences", Next: "/ui/account", Languages: []ui.Option{{Value: "en", Label: "English", Selected: true}, {Value: "zh-CN", Label: "简体中文"}}, Themes: []ui.Option{{Value: "system", Label: l.ThemeSystem()}}, Zones: []ui.Option{{Value: "", Label: l.SameAsReports()}}, Shortcuts: true},
				Password: &account.Password{Action: "/ui/account/password", Min: 12, Current: ui.Text{Error: l.ErrPasswordWrong()}},
				Factor:   &account.Factor{SetupURL: "/ui/account/factor"},
				Sessions: []account.Session{{Current: true, Device: "Firefox on Linux", IP: "203.0.113.9", Seen: c.Relative(ago(time.Minute))}, {Device: "Safari on iPhone", IP: "203.0.113.10", Seen: c.Relative(ago(26 * time.Hour)), EndURL: "/ui/account/sessions/2/end"}},
			})
		}},
		{name: "account-factor", part: true, make: func(f layout.Frame, c i18n.Locale) templ.Component {
			return account.FactorPart(f, account.Factor{Setup: &ui.FactorSetup{Secret: "JBSWY3DPEHPK3PXP", QR: ui.QRCode{Path: "M0 0h7v1h-7z", Size: 21}}, ConfirmURL: "/ui/account/factor/confirm", Code: ui.Text{Error: c.ErrCode()}})
		}},
	}
}
