package portal

import (
	"net/url"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"gatehouse/app/access"
	"gatehouse/app/control"
	"gatehouse/app/web"
	"gatehouse/models"
	"gatehouse/models/fault"
	"gatehouse/views/i18n"
	"gatehouse/views/keys"
	"gatehouse/views/ui"
	"gatehouse/views/users"
)

func (h *Handlers) userURL(id, rest string) string {
	return h.url("/ui/users/" + url.PathEscape(id) + rest)
}

// userList serves GET /ui/users.
func (h *Handlers) userList(c *fiber.Ctx) error {
	f, err := h.view(c)
	if err != nil {
		return err
	}
	ctx, actor, l := c.UserContext(), web.Actor(c), h.locale(c)
	s := h.readList(c, "/ui/users", "-last_used")
	text, state, role, team := strings.TrimSpace(s.query.Get("q")), s.query.Get("state"), s.query.Get("role"), s.query.Get("team_id")
	if state == "all" {
		state = ""
	}
	v := users.List{URL: s.base, Search: text}
	if actor.IsAdmin() {
		v.InviteURL, v.ImportURL = h.url("/ui/users/invite"), h.url("/ui/users/import")
	}
	v.Table = users.Table{
		Email: s.head("email", "email", l.User()), Role: s.head("role", "role", l.Role()), Spend: s.head("spend", "spend", l.Spend()),
		Seen: s.head("seen", "last_used", l.LastActive()), Sort: s.sort, Filtered: text+state+role+team != "", ClearURL: s.base,
	}
	field, order := s.by()
	switch field {
	case "email", "role":
		field = "user_" + field
	}
	q := control.UserQuery{Page: s.page, Size: s.size, SortBy: field, SortOrder: order, Search: text, Role: role, Team: team}
	page, err := h.Users.ListByState(ctx, actor, q, control.UserState(state))
	if err != nil {
		if v.Table.Failure = h.failure(c, l.Users(), err); v.Table.Failure == nil {
			return err
		}
	}
	if v.Table.Rows, err = h.userRows(c, l, page.Items); err != nil {
		return err
	}
	v.Table.Pager = s.pager(l, "list", "filters", len(page.Items), page.Total)
	if !web.IsPartial(c) {
		for _, o := range []struct{ value, label string }{
			{"all", l.All()}, {"active", l.StateActive()}, {"invited", l.StateInvited()}, {"blocked", l.StateBlocked()},
		} {
			v.States = append(v.States, ui.Option{Value: o.value, Label: o.label, Selected: o.value == state || o.value == "all" && state == ""})
		}
		v.Roles = append([]ui.Option{{Label: l.RoleAll(), Selected: role == ""}}, roleOptions(l, models.Role(role))...)
		if v.Teams, err = h.teamOptions(c, l, team); err != nil && v.Table.Failure == nil {
			return err
		}
	}
	return web.Render(c, users.Page(f, v), users.ListPart(f, v.Table))
}

// teamOptions are the teams to filter by.
func (h *Handlers) teamOptions(c *fiber.Ctx, l i18n.Locale, chosen string) ([]ui.Option, error) {
	teams, err := h.Teams.Choices(c.UserContext(), web.Actor(c))
	if err != nil && !fault.Is(err, fault.Unauthenticated) {
		return nil, err
	}
	if len(teams) == 0 {
		return nil, nil
	}
	out := []ui.Option{{Label: l.TeamAll(), Selected: chosen == ""}}
	for i := range teams {
		t := &teams[i]
		out = append(out, ui.Option{Value: t.ID, Label: teamName(t), Selected: t.ID == chosen})
	}
	return out, nil
}

// roleOptions are the global roles, each with what it means.
func roleOptions(l i18n.Locale, chosen models.Role) []ui.Option {
	var out []ui.Option
	for _, r := range models.GlobalRoles {
		out = append(out, ui.Option{Value: string(r), Label: globalRole(l, r), Note: roleHelp(l, r), Selected: r == chosen})
	}
	return out
}

func globalRole(l i18n.Locale, r models.Role) string {
	switch r {
	case models.RoleAdmin:
		return l.RoleAdmin()
	case models.RoleAdminViewer:
		return l.RoleAdminViewer()
	case models.RoleInternalViewer:
		return l.RoleInternalViewer()
	case models.RoleInternalUser, models.RoleOrgAdmin:
	}
	return l.RoleInternalUser()
}

func roleHelp(l i18n.Locale, r models.Role) string {
	switch r {
	case models.RoleAdmin:
		return l.RoleAdminHelp()
	case models.RoleAdminViewer:
		return l.RoleAdminViewerHelp()
	case models.RoleInternalViewer:
		return l.RoleInternalViewerHelp()
	case models.RoleInternalUser, models.RoleOrgAdmin:
	}
	return l.RoleInternalUserHelp()
}

func userName(u *models.User) string {
	switch {
	case textOf(u.Alias) != "":
		return *u.Alias
	case textOf(u.Email) != "":
		return *u.Email
	}
	return u.ID
}

func userState(v *control.UserView) users.State {
	switch {
	case v.User.Blocked:
		return users.Blocked
	case v.Invited != nil && !v.HasPassword && v.User.SSOUserID == nil:
		return users.Invited
	}
	return users.Active
}

func (h *Handlers) userRows(c *fiber.Ctx, l i18n.Locale, list []control.UserView) ([]users.Row, error) {
	var ids []string
	for i := range list {
		ids = append(ids, list[i].Teams...)
	}
	slices.Sort(ids)
	names, err := h.Teams.TeamNames(c.UserContext(), web.Actor(c), slices.Compact(ids))
	if err != nil {
		return nil, err
	}
	var rows []users.Row
	for i := range list {
		v := &list[i]
		row := users.Row{
			ID: v.User.ID, Name: userName(&v.User), Email: textOf(v.User.Email), Href: h.userURL(v.User.ID, ""), Role: globalRole(l, v.User.Role),
			Spend: spendOf(l, v.Spend, v.User.MaxBudget), Keys: l.Number(int64(v.KeyCount)), State: userState(v),
		}
		var teams []string
		for _, id := range v.Teams {
			teams = append(teams, orID(ptrText(names[id]), id))
		}
		row.Teams = chips(teams)
		if v.LastUsedAt != nil {
			row.Seen = l.Relative(v.LastUsedAt.Time)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// userOf loads the person that the path names.
func (h *Handlers) userOf(c *fiber.Ctx) (*control.UserView, error) {
	u, err := h.Users.Card(c.UserContext(), web.Actor(c), pathID(c, "id"))
	if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Forbidden) {
		return nil, fault.New(fault.NotFound, h.lang(c).UserGone()).WithCause(err)
	}
	return u, err
}

// userDetail serves GET /ui/users/:id.
func (h *Handlers) userDetail(c *fiber.Ctx) error {
	u, err := h.userOf(c)
	if err != nil {
		return err
	}
	return h.showUser(c, u, fiber.StatusOK, nil)
}

const userKeys = 10

// showUser draws a person's page; sent is the form that came back.
func (h *Handlers) showUser(c *fiber.Ctx, u *control.UserView, status int, sent *form) error {
	f, err := h.view(c)
	if err != nil {
		return err
	}
	ctx, actor, l := c.UserContext(), web.Actor(c), h.locale(c)
	id := u.User.ID
	target := access.User(id, u.Teams, u.Orgs)
	v := users.Detail{
		ID: id, Name: userName(&u.User), Email: textOf(u.User.Email), State: userState(u), Back: h.url("/ui/users"), Stats: h.userStats(c, l, u),
		Facts: h.userFacts(c, l, u), KeysURL: h.url("/ui/keys?q=" + url.QueryEscape(id)),
	}
	at := func(action access.Action, rest string) string {
		if !access.May(actor, action, target) {
			return ""
		}
		return h.userURL(id, rest)
	}
	own := id == actor.UserID
	if !own && actor.IsAdmin() {
		v.DeleteURL = at(access.UserDelete, "/delete")
		if u.User.Blocked {
			v.UnblockURL = at(access.UserUpdate, "/unblock")
		} else {
			v.BlockURL = at(access.UserUpdate, "/block")
		}
	}
	if !own && actor.IsAdmin() {
		on, err := h.Factors.IsOn(ctx, actor, id)
		if err != nil {
			return err
		}
		if on {
			v.FactorURL = at(access.UserBulkUpdate, "/factor/reset")
		}
	}
	if actor.IsAdmin() {
		v.InviteURL = at(access.InvitationNew, "/invite")
		v.EndURL = at(access.SessionEnd, "/sessions/end")
		edit, err := h.userEdit(c, l, u, sent)
		if err != nil {
			return err
		}
		v.Edit = &edit
	}
	if sent != nil && web.IsPartial(c) {
		part := users.EditPart(f, *v.Edit)
		return web.RenderStatus(c, status, part, part)
	}
	places, teams, err := h.Users.Places(ctx, actor, id)
	if err != nil {
		return err
	}
	for i := range places {
		t := teams[places[i].TeamID]
		v.Teams = append(v.Teams, users.TeamLine{
			Name: teamName(&t), Href: h.teamURL(t.ID, ""), Role: teamRoleName(l, places[i].Role), Spend: spendOf(l, places[i].Spend, memberLimit(&t, &places[i])),
		})
	}
	if v.Keys, err = h.keysOfUser(c, id); err != nil {
		return err
	}
	return web.RenderStatus(c, status, users.DetailPage(f, v), nil)
}

func (h *Handlers) keysOfUser(c *fiber.Ctx, id string) ([]keys.Row, error) {
	page, err := h.Keys.List(c.UserContext(), web.Actor(c), control.KeyQuery{Page: 1, Size: userKeys, All: true, UserID: id, SortBy: "last_used", SortOrder: "desc"})
	if err != nil {
		return nil, err
	}
	return h.keyRows(c, page.Items)
}

func (h *Handlers) userStats(c *fiber.Ctx, l i18n.Locale, u *control.UserView) []ui.Stat {
	spend := ui.Stat{Label: l.Spend(), Value: l.Money(int64(u.Spend)), Note: l.NoLimit()}
	if u.User.MaxBudget != nil {
		spend.Note = l.OfBudget(l.MoneyShort(int64(*u.User.MaxBudget)))
	}
	if u.ResetsAt != nil {
		spend.Note += " · " + l.Resets(l.Day(u.ResetsAt.Time))
	}
	seen := ui.Stat{Label: l.LastActive(), Value: l.Never()}
	if u.LastUsedAt != nil {
		at := h.locale(c).Relative(u.LastUsedAt.Time)
		seen.Value, seen.Full = at.Text, at.Full
	}
	return []ui.Stat{spend, {Label: l.TotalSpend(), Value: l.Money(int64(u.Total))}, {Label: l.APIKeys(), Value: l.Number(int64(u.KeyCount))}, seen}
}

func (h *Handlers) userFacts(c *fiber.Ctx, l i18n.Locale, u *control.UserView) []ui.Fact {
	facts := []ui.Fact{
		{Term: l.UserID(), Text: u.User.ID, Mono: true, Copy: true},
		{Term: l.Role(), Text: globalRole(l, u.User.Role), Note: roleHelp(l, u.User.Role)},
		{Term: l.SignsInBy(), Text: signsInBy(l, u, false)},
	}
	if u.Invited != nil {
		facts = append(facts, ui.Fact{Term: l.InvitationLink(), Text: l.LinkValid(h.locale(c).DateTime(u.Invited.Time))})
	}
	return append(facts, ui.Fact{Term: l.CreatedBy(), Text: l.ByWhom(l.Date(u.User.CreatedAt.Time), whoDid(u.User.CreatedBy))})
}
