package portal

import (
	"slices"

	"github.com/gofiber/fiber/v2"

	"gatehouse/app/control"
	"gatehouse/app/web"
	"gatehouse/models"
	"gatehouse/models/fault"
	"gatehouse/views/ui"
	"gatehouse/views/users"
)

// inviteForm serves GET /ui/users/invite.
func (h *Handlers) inviteForm(c *fiber.Ctx) error { return h.showInvite(c, fiber.StatusOK, nil) }

func (h *Handlers) showInvite(c *fiber.Ctx, status int, sent *form) error {
	f, err := h.view(c)
	if err != nil {
		return err
	}
	l := h.locale(c)
	role, period := h.opt.Policy().LiteLLM.DefaultUser.Role, ""
	if role == "" {
		role = models.RoleInternalUser
	}
	v := users.Invite{Page: !web.IsPartial(c), Action: h.url("/ui/users/invite"), Back: h.url("/ui/users")}
	var chosen []string
	if sent != nil {
		v.Problems, v.Email, v.Budget, v.Role = sent.problems, sent.text("user_email"), sent.text("max_budget"), ui.Text{Error: sent.problem("user_role")}
		role, period, chosen = models.Role(sent.value("user_role")), sent.value("budget_duration"), sent.list("teams")
	}
	v.Roles, v.Periods = roleOptions(l, role), periods(l, period)
	if v.Teams, err = h.teamOptions(c, l, ""); err != nil {
		return err
	}
	v.Teams = slices.DeleteFunc(v.Teams, func(o ui.Option) bool { return o.Value == "" })
	for i := range v.Teams {
		v.Teams[i].Selected = slices.Contains(chosen, v.Teams[i].Value)
	}
	return web.RenderStatus(c, status, users.InvitePage(f, v), users.InvitePart(f, v))
}

// mailWorks says whether the gateway can send mail. An invitation is mailed whenever it can.
func mailWorks(c *fiber.Ctx) bool {
	config := extra(c).Config
	if config == nil {
		return false
	}
	return config().Mail.Works()
}

// invite serves POST /ui/users/invite: a new person, and the one view of their link.
func (h *Handlers) invite(c *fiber.Ctx) error {
	f := h.readForm(c)
	// SendEmail asks for the invitation; it is mailed only where mail is set up, and shown here in any case.
	in := control.NewUser{SendEmail: control.Some(true), AutoCreateKey: control.Some(false)}
	email := f.value("user_email")
	if !plausibleEmail(email) {
		f.fail("user_email", f.l.ErrEmail())
	}
	in.Email = control.Some(email)
	role := models.Role(f.value("user_role"))
	if !role.Valid() {
		f.fail("user_role", f.l.ErrChoice())
	}
	in.Role = control.Some(role)
	if list := f.list("teams"); len(list) > 0 {
		in.Teams = control.Some(places(list))
	}
	if budget := f.amount("max_budget"); budget.Has() {
		in.MaxBudget = budget
		in.BudgetDuration = f.optional("budget_duration")
	}
	if !f.bad() {
		made, err := h.Users.New(c.UserContext(), web.Actor(c), in)
		switch {
		case err == nil:
			return h.showInvitation(c, made.Invitation)
		case fault.Is(err, fault.Conflict):
			f.fail("user_email", f.l.ErrEmailTaken(email))
		case !f.refused(err, userFields()...):
			return err
		}
	}
	return h.showInvite(c, fiber.StatusUnprocessableEntity, f)
}

func places(teams []string) []control.TeamPlace {
	var out []control.TeamPlace
	for _, id := range teams {
		out = append(out, control.TeamPlace{TeamID: id})
	}
	return out
}

// userInvite serves POST /ui/users/:id/invite: a new link, which ends the older one.
func (h *Handlers) userInvite(c *fiber.Ctx) error {
	made, err := h.Invitations.New(c.UserContext(), web.Actor(c), pathID(c, "id"))
	if err != nil {
		return err
	}
	return h.showInvitation(c, made)
}

// showInvitation shows a link, once.
func (h *Handlers) showInvitation(c *fiber.Ctx, made *control.CreatedInvitation) error {
	f, err := h.view(c)
	if err != nil {
		return err
	}
	v := users.Invitation{
		Page: !web.IsPartial(c), Email: made.Email, Link: absolute(string(c.Context().Host()), made.Link), Until: h.locale(c).DateTime(made.Invitation.ExpiresAt.Time),
		Sent: mailWorks(c) && made.Email != "", Done: h.userURL(made.Invitation.UserID, ""),
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return web.Render(c, users.InvitedPage(f, v), users.InvitedPart(f, v))
}

// absolute makes an address whole that has only a path because PROXY_BASE_URL is not set.
func absolute(host, address string) string {
	if address == "" || address[0] != '/' {
		return address
	}
	return "http://" + host + address
}
