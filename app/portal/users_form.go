package portal

import (
	"github.com/gofiber/fiber/v2"

	"gatehouse/app/access"
	"gatehouse/app/control"
	"gatehouse/app/web"
	"gatehouse/models"
	"gatehouse/models/fault"
	"gatehouse/views/i18n"
	"gatehouse/views/ui"
	"gatehouse/views/users"
)

func userFields() []string {
	return []string{"user_alias", "user_email", "user_role", "models", "max_budget", "budget_duration", "rpm_limit", "tpm_limit", "teams"}
}

// userEdit is the form on a person's page.
func (h *Handlers) userEdit(c *fiber.Ctx, l i18n.Locale, u *control.UserView, sent *form) (users.Edit, error) {
	row := &u.User
	v := users.Edit{
		Action: h.userURL(row.ID, ""), Version: versionOf(row.Audit), Name: ui.Text{Value: textOf(row.Alias)}, Email: ui.Text{Value: textOf(row.Email)},
		Roles: roleOptions(l, row.Role), Budget: ui.Text{Value: amountInput(row.MaxBudget)}, Periods: periods(l, textOf(row.BudgetDuration)),
		RPM: ui.Text{Value: whole(row.RPMLimit)}, TPM: ui.Text{Value: whole(row.TPMLimit)},
	}
	chosen := []string(row.Models)
	if sent != nil {
		v.Version, v.Problems, chosen = sent.value("version"), sent.problems, sent.list("models")
		v.Name, v.Email, v.Role = sent.text("user_alias"), sent.text("user_email"), ui.Text{Error: sent.problem("user_role")}
		v.Roles, v.Periods = roleOptions(l, models.Role(sent.value("user_role"))), periods(l, sent.value("budget_duration"))
		v.Budget, v.RPM, v.TPM = sent.text("max_budget"), sent.text("rpm_limit"), sent.text("tpm_limit")
	}
	if row.ID == web.Actor(c).UserID { // nobody locks themselves out by a slip
		v.Role.Locked, v.Role.Value = l.NotYourself(), globalRole(l, row.Role)
	}
	choices, err := h.Models.Callable(c.UserContext(), web.Actor(c), "")
	v.Models = modelOptions(choices, chosen)
	return v, err
}

// userUpdate serves POST /ui/users/:id: only what changed is sent on.
func (h *Handlers) userUpdate(c *fiber.Ctx) error {
	u, err := h.userOf(c)
	if err != nil {
		return err
	}
	row, actor := &u.User, web.Actor(c)
	if err := access.Check(actor, access.UserUpdate, access.User(row.ID, u.Teams, u.Orgs)); err != nil {
		return err
	}
	if !actor.IsAdmin() { // their own page is the account page
		return fault.New(fault.Forbidden, h.lang(c).SeeOnly())
	}
	f := h.readForm(c)
	back := func() error { return h.showUser(c, u, fiber.StatusUnprocessableEntity, f) }
	if f.stale(row.Audit) {
		return back()
	}
	in := control.UserUpdate{ID: row.ID}
	if f.value("user_alias") != textOf(row.Alias) {
		in.Alias = f.optional("user_alias")
	}
	if email := f.value("user_email"); email != textOf(row.Email) {
		if !plausibleEmail(email) {
			f.fail("user_email", f.l.ErrEmail())
		}
		in.Email = control.Some(email)
	}
	if role := models.Role(f.value("user_role")); role != row.Role && row.ID != actor.UserID {
		if !role.Valid() {
			f.fail("user_role", f.l.ErrChoice())
		}
		in.Role = control.Some(role)
	}
	in.Models = changedList(f.list("models"), row.Models)
	in.MaxBudget = changed(f.amount("max_budget"), row.MaxBudget)
	in.BudgetDuration = changed(f.optional("budget_duration"), row.BudgetDuration)
	in.RPMLimit = changed(f.whole("rpm_limit"), row.RPMLimit)
	in.TPMLimit = changed(f.whole("tpm_limit"), row.TPMLimit)
	if f.bad() {
		return back()
	}
	if _, err := h.Users.Update(c.UserContext(), actor, in); err != nil {
		if fault.Is(err, fault.Conflict) {
			f.fail("user_email", f.l.ErrEmailTaken(f.value("user_email")))
		} else if !f.refused(err, userFields()...) {
			return err
		}
		return back()
	}
	return h.done(c, h.userURL(row.ID, ""), f.l.ToastSaved())
}

// userBlock serves POST /ui/users/:id/block, userUnblock the way back.
func (h *Handlers) userBlock(c *fiber.Ctx) error   { return h.setUserBlocked(c, true) }
func (h *Handlers) userUnblock(c *fiber.Ctx) error { return h.setUserBlocked(c, false) }

func (h *Handlers) setUserBlocked(c *fiber.Ctx, blocked bool) error {
	u, err := h.userOf(c)
	if err != nil {
		return err
	}
	l := h.lang(c)
	if u.User.ID == web.Actor(c).UserID {
		return fault.New(fault.Forbidden, l.NotYourself())
	}
	in := control.UserUpdate{ID: u.User.ID}
	in.Blocked = control.Some(blocked)
	if _, err := h.Users.Update(c.UserContext(), web.Actor(c), in); err != nil {
		return err
	}
	text := l.ToastUnblocked(userName(&u.User))
	if blocked {
		text = l.ToastBlocked(userName(&u.User))
	}
	return h.done(c, h.userURL(u.User.ID, ""), text)
}

// userSessionsEnd serves POST /ui/users/:id/sessions/end.
func (h *Handlers) userSessionsEnd(c *fiber.Ctx) error {
	u, err := h.userOf(c)
	if err != nil {
		return err
	}
	if err := h.Sessions.EndAll(c.UserContext(), web.Actor(c), u.User.ID); err != nil {
		return err
	}
	return h.done(c, h.userURL(u.User.ID, ""), h.lang(c).ToastSessionsEnded(userName(&u.User)))
}

// userDeleteForm serves GET /ui/users/:id/delete.
func (h *Handlers) userDeleteForm(c *fiber.Ctx) error { return h.askUserDelete(c, fiber.StatusOK, "") }

func (h *Handlers) askUserDelete(c *fiber.Ctx, status int, problem string) error {
	u, err := h.userOf(c)
	if err != nil {
		return err
	}
	f, err := h.view(c)
	if err != nil {
		return err
	}
	name := userName(&u.User)
	v := ui.Ask{
		Page: !web.IsPartial(c), Title: f.T.DeleteTitle(name), Text: f.T.DeleteUserText(int64(u.KeyCount)), Action: h.userURL(u.User.ID, "/delete"),
		Back: h.userURL(u.User.ID, ""), Button: f.T.DeleteUser(), Busy: f.T.Deleting(), Value: ui.Text{Error: problem},
	}
	if u.KeyCount > 0 {
		v.Confirm = name
	}
	if status != fiber.StatusOK {
		dialogAgain(c)
	}
	return web.RenderStatus(c, status, users.AskPage(f, v), ui.Question(f.T, v))
}

// userDelete serves POST /ui/users/:id/delete. A person with keys wants their name typed.
func (h *Handlers) userDelete(c *fiber.Ctx) error {
	u, err := h.userOf(c)
	if err != nil {
		return err
	}
	name, l := userName(&u.User), h.lang(c)
	if u.User.ID == web.Actor(c).UserID {
		return fault.New(fault.Forbidden, l.NotYourself())
	}
	if u.KeyCount > 0 && c.FormValue("confirm") != name {
		return h.askUserDelete(c, fiber.StatusUnprocessableEntity, l.ErrConfirmName(name))
	}
	if _, err := h.Users.Delete(c.UserContext(), web.Actor(c), []string{u.User.ID}); err != nil {
		return err
	}
	return h.done(c, h.url("/ui/users"), l.ToastDeleted(name))
}
