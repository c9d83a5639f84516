package portal

import (
	"net/url"

	"github.com/gofiber/fiber/v2"

	"gatehouse/app/access"
	"gatehouse/app/control"
	"gatehouse/app/web"
	"gatehouse/models"
	"gatehouse/models/fault"
	"gatehouse/views/teams"
	"gatehouse/views/ui"
)

// teamBlock serves POST /ui/teams/:id/block.
func (h *Handlers) teamBlock(c *fiber.Ctx) error {
	t, err := h.Teams.Block(c.UserContext(), web.Actor(c), pathID(c, "id"))
	if err != nil {
		return err
	}
	return h.done(c, h.teamURL(t.Team.ID, ""), h.lang(c).ToastBlocked(teamName(&t.Team)))
}

// teamUnblock serves POST /ui/teams/:id/unblock.
func (h *Handlers) teamUnblock(c *fiber.Ctx) error {
	t, err := h.Teams.Unblock(c.UserContext(), web.Actor(c), pathID(c, "id"))
	if err != nil {
		return err
	}
	return h.done(c, h.teamURL(t.Team.ID, ""), h.lang(c).ToastUnblocked(teamName(&t.Team)))
}

// teamDeleteForm serves GET /ui/teams/:id/delete.
func (h *Handlers) teamDeleteForm(c *fiber.Ctx) error {
	t, err := h.teamOf(c)
	if err != nil {
		return err
	}
	return h.askTeamDelete(c, t, fiber.StatusOK, "")
}

func (h *Handlers) askTeamDelete(c *fiber.Ctx, t *control.TeamInfo, status int, problem string) error {
	if err := access.Check(web.Actor(c), access.TeamDelete, access.Team(t.Team.ID, t.Team.OrgID)); err != nil {
		return err
	}
	f, err := h.view(c)
	if err != nil {
		return err
	}
	name := teamName(&t.Team)
	v := ui.Ask{
		Page: !web.IsPartial(c), Title: f.T.DeleteTitle(name), Text: f.T.DeleteTeamText(int64(t.KeyCount)), Action: h.teamURL(t.Team.ID, "/delete"),
		Back: h.teamURL(t.Team.ID, ""), Button: f.T.DeleteTeam(), Busy: f.T.Deleting(), Value: ui.Text{Error: problem},
	}
	if t.KeyCount > 0 {
		v.Confirm = name
	}
	if status != fiber.StatusOK {
		dialogAgain(c)
	}
	return web.RenderStatus(c, status, teams.AskPage(f, v), ui.Question(f.T, v))
}

// teamDelete serves POST /ui/teams/:id/delete. A team with keys wants its name typed.
func (h *Handlers) teamDelete(c *fiber.Ctx) error {
	t, err := h.teamOf(c)
	if err != nil {
		return err
	}
	name, l := teamName(&t.Team), h.lang(c)
	if t.KeyCount > 0 && c.FormValue("confirm") != name {
		return h.askTeamDelete(c, t, fiber.StatusUnprocessableEntity, l.ErrConfirmName(name))
	}
	if _, err := h.Teams.Delete(c.UserContext(), web.Actor(c), []string{t.Team.ID}); err != nil {
		return err
	}
	return h.done(c, h.url("/ui/teams"), l.ToastDeleted(name))
}

// memberAdd serves POST /ui/teams/:id/members.
func (h *Handlers) memberAdd(c *fiber.Ctx) error {
	t, err := h.teamTo(c, access.MemberAdd)
	if err != nil {
		return err
	}
	f := h.readForm(c)
	email := f.value("user_email")
	if !plausibleEmail(email) {
		f.fail("user_email", f.l.ErrEmail())
	}
	in := control.AddMembers{TeamID: t.Team.ID, Members: control.MemberList{{Email: email, Role: f.value("role")}}, MaxBudget: f.amount("max_budget_in_team")}
	if !f.bad() {
		_, err := h.Teams.AddMembers(c.UserContext(), web.Actor(c), in)
		no := fault.As(err)
		switch {
		case err == nil:
			return h.done(c, h.teamURL(t.Team.ID, ""), f.l.ToastMemberAdded(email, teamName(&t.Team)))
		case no != nil && no.Type == "team_member_already_in_team":
			f.fail("user_email", f.l.ErrAlreadyMember(email))
		case !f.refused(err, "user_email", "max_budget_in_team"):
			return err
		}
	}
	return h.showTeam(c, t, "", fiber.StatusUnprocessableEntity, f)
}

// memberOf loads the team and the member that the path names.
func (h *Handlers) memberOf(c *fiber.Ctx, action access.Action) (*control.TeamInfo, *control.MemberView, error) {
	t, err := h.teamTo(c, action)
	if err != nil {
		return nil, nil, err
	}
	id := pathID(c, "user")
	for i := range t.Members {
		if t.Members[i].UserID == id {
			return t, &t.Members[i], nil
		}
	}
	return nil, nil, fault.New(fault.NotFound, h.lang(c).UserGone())
}

// memberForm serves GET /ui/teams/:id/members/:user.
func (h *Handlers) memberForm(c *fiber.Ctx) error { return h.showMember(c, fiber.StatusOK, nil) }

func (h *Handlers) showMember(c *fiber.Ctx, status int, sent *form) error {
	t, m, err := h.memberOf(c, access.MemberUpdate)
	if err != nil {
		return err
	}
	f, err := h.view(c)
	if err != nil {
		return err
	}
	l := h.locale(c)
	v := teams.EditMember{
		Page: !web.IsPartial(c), Name: memberName(m), Action: h.teamURL(t.Team.ID, "/members/"+url.PathEscape(m.UserID)), Back: h.teamURL(t.Team.ID, ""),
		Roles: memberRoles(l, string(m.Role)),
	}
	if m.Budget != nil {
		v.Budget.Value = amountInput(m.Budget.MaxBudget)
	} else if t.Team.MemberBudget != nil {
		v.Budget.Help = l.MemberDefault(amountPer(l, t.Team.MemberBudget, t.Team.MemberBudgetDuration))
	}
	if sent != nil {
		v.Roles, v.Budget, v.Problems = memberRoles(l, sent.value("role")), sent.text("max_budget_in_team"), sent.problems
		dialogAgain(c)
	}
	return web.RenderStatus(c, status, teams.EditMemberPage(f, v), teams.EditMemberPart(f, v))
}

// memberUpdate serves POST /ui/teams/:id/members/:user.
func (h *Handlers) memberUpdate(c *fiber.Ctx) error {
	t, m, err := h.memberOf(c, access.MemberUpdate)
	if err != nil {
		return err
	}
	f := h.readForm(c)
	in := control.UpdateMember{TeamID: t.Team.ID, UserID: m.UserID}
	if role := f.value("role"); role != string(m.Role) {
		in.Role = control.Some(role)
	}
	stands := memberOwnLimit(m)
	in.MaxBudget = changed(f.amount("max_budget_in_team"), stands)
	if !f.bad() {
		if !in.Role.Sent && !in.MaxBudget.Sent {
			return h.done(c, h.teamURL(t.Team.ID, ""), f.l.ToastSaved())
		}
		_, err := h.Teams.UpdateMember(c.UserContext(), web.Actor(c), in)
		if err == nil {
			return h.done(c, h.teamURL(t.Team.ID, ""), f.l.ToastSaved())
		}
		if !f.refused(err, "max_budget_in_team") {
			return err
		}
	}
	return h.showMember(c, fiber.StatusUnprocessableEntity, f)
}

// memberRemoveForm serves GET /ui/teams/:id/members/:user/remove.
func (h *Handlers) memberRemoveForm(c *fiber.Ctx) error {
	t, m, err := h.memberOf(c, access.MemberDelete)
	if err != nil {
		return err
	}
	f, err := h.view(c)
	if err != nil {
		return err
	}
	var held int64
	for i := range t.Keys {
		if textOf(t.Keys[i].Key.UserID) == m.UserID {
			held++
		}
	}
	text := f.T.NoTheirKeys()
	if held > 0 {
		text = f.T.TheirKeysBlocked(held)
	}
	v := ui.Ask{
		Page: !web.IsPartial(c), Title: f.T.RemoveTitle(memberName(m), teamName(&t.Team)), Text: text,
		Action: h.teamURL(t.Team.ID, "/members/"+url.PathEscape(m.UserID)+"/remove"), Back: h.teamURL(t.Team.ID, ""), Button: f.T.RemoveMember(), Busy: f.T.Removing(),
	}
	return web.Render(c, teams.AskPage(f, v), ui.Question(f.T, v))
}

// memberRemove serves POST /ui/teams/:id/members/:user/remove.
func (h *Handlers) memberRemove(c *fiber.Ctx) error {
	t, m, err := h.memberOf(c, access.MemberDelete)
	if err != nil {
		return err
	}
	if _, err := h.Teams.RemoveMember(c.UserContext(), web.Actor(c), control.RemoveMember{TeamID: t.Team.ID, UserID: m.UserID}); err != nil {
		return err
	}
	to := h.teamURL(t.Team.ID, "")
	if m.UserID == web.Actor(c).UserID && !web.Actor(c).SeesAll() { // they do not see the team any more
		to = h.url("/ui/teams")
	}
	return h.done(c, to, h.lang(c).ToastMemberRemoved(memberName(m), teamName(&t.Team)))
}

// memberOwnLimit is the budget that a person has for themselves in a team, nil without one.
func memberOwnLimit(m *control.MemberView) *models.Nano {
	if m.Budget == nil {
		return nil
	}
	return m.Budget.MaxBudget
}
