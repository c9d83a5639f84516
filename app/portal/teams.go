package portal

import (
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"

	"gatehouse/app/access"
	"gatehouse/app/control"
	"gatehouse/app/web"
	"gatehouse/models"
	"gatehouse/models/fault"
	"gatehouse/views/i18n"
	"gatehouse/views/teams"
	"gatehouse/views/ui"
)

func (h *Handlers) teamURL(id, rest string) string {
	return h.url("/ui/teams/" + url.PathEscape(id) + rest)
}

// pathID is an id out of the path. It stands there escaped, so that an id may hold any character.
func pathID(c *fiber.Ctx, name string) string {
	id, err := url.PathUnescape(c.Params(name))
	if err != nil {
		return c.Params(name)
	}
	return id
}

// teamList serves GET /ui/teams.
func (h *Handlers) teamList(c *fiber.Ctx) error {
	f, err := h.view(c)
	if err != nil {
		return err
	}
	actor, l := web.Actor(c), h.locale(c)
	s := h.readList(c, "/ui/teams", "name")
	text := strings.TrimSpace(s.query.Get("q"))
	v := teams.List{URL: s.base, Search: text}
	if access.Role(actor, access.TeamNew) == nil && (actor.IsAdmin() || len(actor.Orgs) > 0) {
		v.CreateURL = h.url("/ui/teams/new")
	}
	v.Table = teams.Table{
		Name: s.head("name", "name", l.NameLabel()), Members: s.head("members", "", l.Members()), Keys: s.head("keys", "", l.APIKeys()),
		Spend: s.head("spend", "spend", l.Spend()), Sort: s.sort, Filtered: text != "", ClearURL: s.base, Create: v.CreateURL,
	}
	field, order := s.by()
	if field == "name" {
		field = "team_alias"
	}
	page, err := h.Teams.Search(c.UserContext(), actor, text, control.TeamQuery{Page: s.page, Size: s.size, SortBy: field, SortOrder: order})
	if err != nil {
		if v.Table.Failure = h.failure(c, l.Teams(), err); v.Table.Failure == nil {
			return err
		}
	}
	for i := range page.Items {
		v.Table.Rows = append(v.Table.Rows, h.teamRow(l, actor, &page.Items[i]))
	}
	v.Table.Pager = s.pager(l, "list", "filters", len(page.Items), page.Total)
	return web.Render(c, teams.Page(f, v), teams.ListPart(f, v.Table))
}

func (h *Handlers) teamRow(l i18n.Locale, actor access.Actor, v *control.TeamView) teams.Row {
	t := &v.Team
	row := teams.Row{
		ID: t.ID, Name: teamName(t), Href: h.teamURL(t.ID, ""), Members: l.Number(int64(len(v.Members))), Keys: l.Number(int64(v.KeyCount)),
		Spend: spendOf(l, v.Spend, t.MaxBudget), Models: ui.Chips{Plain: l.AllModels()}, Blocked: t.Blocked, Role: teamRoleName(l, actor.Teams[t.ID]),
	}
	if len(t.Models) > 0 {
		row.Models = chips(t.Models)
	}
	return row
}

// chips shows the first name and how many more there are.
func chips(names []string) ui.Chips {
	if len(names) == 0 {
		return ui.Chips{}
	}
	return ui.Chips{Names: names[:1], More: len(names) - 1, All: strings.Join(names, ", ")}
}

func teamRoleName(l i18n.Locale, role models.TeamRole) string {
	switch role {
	case models.TeamAdmin:
		return l.RoleTeamAdmin()
	case models.TeamMember:
		return l.RoleTeamMember()
	}
	return ""
}

// teamOf loads the team that the path names, with what the person sees of it.
func (h *Handlers) teamOf(c *fiber.Ctx) (*control.TeamInfo, error) {
	t, err := h.Teams.Info(c.UserContext(), web.Actor(c), pathID(c, "id"))
	if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Forbidden) {
		return nil, fault.New(fault.NotFound, h.lang(c).TeamGone()).WithCause(err)
	}
	return t, err
}

// teamTo is teamOf for somebody who is about to change it: who may not is told so before anything of a form is looked at.
func (h *Handlers) teamTo(c *fiber.Ctx, action access.Action) (*control.TeamInfo, error) {
	t, err := h.teamOf(c)
	if err != nil {
		return nil, err
	}
	return t, access.Check(web.Actor(c), action, access.Team(t.Team.ID, t.Team.OrgID))
}

// teamDetail serves GET /ui/teams/:id?tab=members|keys|settings.
func (h *Handlers) teamDetail(c *fiber.Ctx) error {
	t, err := h.teamOf(c)
	if err != nil {
		return err
	}
	return h.showTeam(c, t, c.Query("tab"), fiber.StatusOK, nil)
}

// showTeam draws one tab of a team's page; sent is the tab's form that came back.
func (h *Handlers) showTeam(c *fiber.Ctx, t *control.TeamInfo, tab string, status int, sent *form) error {
	f, err := h.view(c)
	if err != nil {
		return err
	}
	l, actor, team := h.locale(c), web.Actor(c), &t.Team
	target := access.Team(team.ID, team.OrgID)
	at := func(action access.Action, rest string) string {
		if !access.May(actor, action, target) {
			return ""
		}
		return h.teamURL(team.ID, rest)
	}
	if tab == "members" {
		tab = ""
	}
	base := h.teamURL(team.ID, "")
	v := teams.Detail{
		ID: team.ID, Name: teamName(team), Blocked: team.Blocked, Back: h.url("/ui/teams"), DeleteURL: at(access.TeamDelete, "/delete"),
		Stats: h.teamStats(l, t),
		Tabs: []ui.Tab{
			{Label: l.Members(), Href: base, Current: tab == "", Count: l.Number(int64(len(t.Members)))},
			{Label: l.APIKeys(), Href: base + "?tab=keys", Current: tab == "keys", Count: l.Number(int64(t.KeyCount))},
			{Label: l.Settings(), Href: base + "?tab=settings", Current: tab == "settings"},
		},
	}
	if team.Blocked {
		v.OpenURL = at(access.TeamUnblock, "/unblock")
	} else {
		v.BlockURL = at(access.TeamBlock, "/block")
	}
	switch tab {
	case "":
		v.Members = h.teamMembers(c, l, t, sent)
	case "keys":
		v.Keys, err = h.teamKeys(c, l, t)
	case "settings":
		v.Settings, err = h.teamSettings(c, t, sent)
	default:
		return c.Redirect(base, fiber.StatusFound)
	}
	if err != nil {
		return err
	}
	return web.RenderStatus(c, status, teams.DetailPage(f, v), teams.DetailTab(f, v))
}

func (h *Handlers) teamStats(l i18n.Locale, t *control.TeamInfo) []ui.Stat {
	spend := ui.Stat{Label: l.Spend(), Value: l.Money(int64(t.Spend)), Note: l.NoLimit()}
	left := ui.Stat{Label: l.BudgetLeft(), Value: l.NoLimitHint()}
	if limit := t.Team.MaxBudget; limit != nil {
		spend.Note = l.OfBudget(l.MoneyShort(int64(*limit)))
		left.Value = l.Money(int64(max(*limit-t.Spend, 0)))
	}
	if t.ResetsAt != nil {
		left.Note = l.Resets(l.Day(t.ResetsAt.Time))
	}
	return []ui.Stat{spend, left, {Label: l.Members(), Value: l.Number(int64(len(t.Members)))}, {Label: l.APIKeys(), Value: l.Number(int64(t.KeyCount))}}
}

// teamMembers is the first tab.
func (h *Handlers) teamMembers(c *fiber.Ctx, l i18n.Locale, t *control.TeamInfo, sent *form) *teams.Members {
	actor, id := web.Actor(c), t.Team.ID
	target := access.Team(id, t.Team.OrgID)
	out := &teams.Members{Role: memberRoles(l, "")}
	if access.May(actor, access.MemberAdd, target) {
		out.AddURL = h.teamURL(id, "/members")
	}
	if sent != nil {
		out.Email, out.Budget, out.Problems = sent.text("user_email"), sent.text("max_budget_in_team"), sent.problems
		out.Role = memberRoles(l, sent.value("role"))
	}
	s := h.readList(c, "/ui/teams/"+url.PathEscape(id), "")
	seesKeys := actor.SeesAll() || actor.Teams[id] == models.TeamAdmin
	held := map[string]int64{}
	for i := range t.Keys {
		held[textOf(t.Keys[i].Key.UserID)]++
	}
	rows := cut(s, t.Members)
	for i := range rows {
		m := &rows[i]
		row := teams.Member{
			UserID: m.UserID, Person: ui.Person{Name: memberName(m)}, Email: m.Email, Role: teamRoleName(l, m.Role), Spend: spendOf(l, m.Spend, memberLimit(&t.Team, m)),
			Keys: "–",
		}
		if seesKeys || m.UserID == actor.UserID {
			row.Keys = l.Number(held[m.UserID])
		}
		if actor.SeesAll() && m.UserID != models.DefaultUserID {
			row.Href = h.userURL(m.UserID, "")
		}
		member := "/members/" + url.PathEscape(m.UserID)
		if access.May(actor, access.MemberUpdate, target) {
			row.EditURL = h.teamURL(id, member)
		}
		if access.May(actor, access.MemberDelete, target) {
			row.RemoveURL = h.teamURL(id, member+"/remove")
		}
		out.Rows = append(out.Rows, row)
	}
	out.Pager = s.pager(l, "tab", "", len(rows), len(t.Members))
	return out
}

func memberRoles(l i18n.Locale, chosen string) []ui.Option {
	return []ui.Option{
		{Value: string(models.TeamMember), Label: l.RoleTeamMember(), Selected: chosen != string(models.TeamAdmin)},
		{Value: string(models.TeamAdmin), Label: l.RoleTeamAdmin(), Selected: chosen == string(models.TeamAdmin)},
	}
}

func memberName(m *control.MemberView) string {
	switch {
	case m.Alias != "":
		return m.Alias
	case m.Email != "":
		return m.Email
	case m.UserID == models.DefaultUserID:
		return "admin"
	}
	return m.UserID
}

// memberLimit is what caps a person in a team: their own budget there, or the team's for each member.
func memberLimit(t *models.Team, m *control.MemberView) *models.Nano {
	if m.Budget != nil {
		return m.Budget.MaxBudget
	}
	return t.MemberBudget
}

func (h *Handlers) teamKeys(c *fiber.Ctx, l i18n.Locale, t *control.TeamInfo) (*teams.Keys, error) {
	s := h.readList(c, "/ui/teams/"+url.PathEscape(t.Team.ID), "")
	actor := web.Actor(c)
	out := &teams.Keys{}
	if access.May(actor, access.KeyCreateTeam, access.Target{Owner: actor.UserID, Team: t.Team.ID}) {
		out.CreateURL = h.url("/ui/keys/new?owner=team&team_id=" + url.QueryEscape(t.Team.ID))
	}
	views := cut(s, t.Keys)
	rows, err := h.keyRows(c, views)
	if err != nil {
		return nil, err
	}
	out.Rows, out.Pager = rows, s.pager(l, "tab", "", len(rows), len(t.Keys))
	return out, nil
}
