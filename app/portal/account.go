package portal

import (
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"gatehouse/app/access"
	"gatehouse/app/control"
	"gatehouse/app/web"
	"gatehouse/models/fault"
	"gatehouse/views/account"
	"gatehouse/views/i18n"
	"gatehouse/views/ui"
)

// zones are the time zones offered for clock times.
func zones() []string {
	return []string{
		"UTC", "America/Los_Angeles", "America/Denver", "America/Chicago", "America/New_York", "America/Sao_Paulo", "Europe/London", "Europe/Berlin",
		"Europe/Paris", "Europe/Helsinki", "Africa/Johannesburg", "Asia/Dubai", "Asia/Kolkata", "Asia/Singapore", "Asia/Shanghai", "Asia/Tokyo",
		"Australia/Sydney", "Pacific/Auckland",
	}
}

func knownZone(name string) bool { return slices.Contains(zones(), name) }

// accountPage serves GET /ui/account.
func (h *Handlers) accountPage(c *fiber.Ctx) error { return h.showAccount(c, fiber.StatusOK, nil, nil) }

// staySignedIn serves HEAD /ui/account: the page's script asks for it to keep a session from ending while somebody reads.
func staySignedIn(c *fiber.Ctx) error { return c.SendStatus(fiber.StatusNoContent) }

// showAccount draws the page; profile and password are forms that came back.
func (h *Handlers) showAccount(c *fiber.Ctx, status int, profile, password *form) error {
	f, err := h.view(c)
	if err != nil {
		return err
	}
	ctx, actor, l := c.UserContext(), web.Actor(c), h.locale(c)
	me, err := h.Users.Card(ctx, actor, "")
	if err != nil {
		return err
	}
	teams, err := h.Teams.TeamNames(ctx, actor, me.Teams)
	if err != nil {
		return err
	}
	operator := isOperator(actor)
	v := account.Account{Prefs: h.preferencesForm(c, l), Profile: h.profileForm(l, me, operator, profile)}
	names := make([]string, 0, len(me.Teams))
	for _, id := range me.Teams {
		names = append(names, orID(ptrText(teams[id]), id))
	}
	slices.Sort(names)
	v.Facts = []ui.Fact{{Term: l.UserID(), Text: actor.UserID, Mono: true, Copy: true}, {Term: l.Role(), Text: roleOf(actor).Name(l.Lang)}}
	if len(names) > 0 {
		v.Facts = append(v.Facts, ui.Fact{Term: l.Teams(), Chips: names})
	}
	v.Facts = append(v.Facts, ui.Fact{Term: l.SignsInBy(), Text: signsInBy(l, me, operator)})
	if !operator && (me.HasPassword || me.User.SSOUserID == nil) {
		p := h.passwordForm(password)
		v.Password = &p
	}
	if factor, ok := c.Locals(localFactor).(*account.Factor); ok {
		v.Factor = factor
	} else if v.Factor, err = h.factorForm(c); err != nil {
		return err
	}
	if v.Sessions, err = h.sessionRows(c, actor); err != nil {
		return err
	}
	if access.Role(actor, access.SessionEnd) == nil {
		v.EndURL = h.url("/ui/account/sessions/end")
	}
	return web.RenderStatus(c, status, account.Page(f, v), nil)
}

func ptrText(s string) *string { return &s }

func signsInBy(l i18n.Locale, me *control.UserView, operator bool) string {
	var ways []string
	if me.HasPassword || operator {
		ways = append(ways, l.Password())
	}
	if me.User.SSOUserID != nil {
		ways = append(ways, l.SingleSignOn())
	}
	return orDash(l.List(ways))
}

func (h *Handlers) profileForm(l i18n.Locale, me *control.UserView, operator bool, sent *form) account.Profile {
	p := account.Profile{Action: h.url("/ui/account"), Name: ui.Text{Value: textOf(me.User.Alias)}, Email: ui.Text{Value: textOf(me.User.Email)}}
	if sent != nil {
		p.Name, p.Email = sent.text("user_alias"), sent.text("user_email")
		if text := sent.problem(""); text != "" {
			p.Name.Error = text
		}
	}
	if operator {
		p.Name.Locked, p.Email.Locked = l.OperatorAccount(), l.OperatorAccount()
		p.Name.Value = "admin"
	} else if me.User.SSOUserID != nil {
		p.Email.Locked = l.OwnedBySSO()
	}
	return p
}

func (h *Handlers) passwordForm(sent *form) account.Password {
	p := account.Password{Action: h.url("/ui/account/password"), Min: h.opt.Policy().Gatehouse.PasswordMin}
	if p.Min < 1 {
		p.Min = 12
	}
	if sent == nil {
		return p
	}
	// What was typed is not sent back: a password is never in a page.
	p.Current.Error, p.New.Error, p.Repeat.Error = sent.problem("current_password"), sent.problem("password"), sent.problem("password_repeat")
	p.Problems = sent.problems
	return p
}

func (h *Handlers) sessionRows(c *fiber.Ctx, actor access.Actor) ([]account.Session, error) {
	list, err := h.Sessions.List(c.UserContext(), actor, "")
	if err != nil {
		return nil, err
	}
	l, now := h.locale(c), h.opt.Now()
	var rows []account.Session
	for i := range list {
		s := &list[i].Session
		if !s.ExpiresAt.After(now) || !s.IdleEnds.After(now) {
			continue
		}
		rows = append(rows, account.Session{
			Current: list[i].Current, Device: device(l, s.Agent), IP: orDash(s.IP), Since: l.Relative(s.CreatedAt.Time), Seen: l.Relative(s.LastSeenAt.Time),
			EndURL: h.url("/ui/account/sessions/" + list[i].ID + "/end"),
		})
	}
	return rows, nil
}

// device is a browser's name for itself in two words: "Firefox on Windows".
func device(l i18n.Locale, agent string) string {
	first := func(of [][2]string) string {
		for _, pair := range of {
			if strings.Contains(agent, pair[0]) {
				return pair[1]
			}
		}
		return ""
	}
	browser := first([][2]string{{"Edg/", "Edge"}, {"OPR/", "Opera"}, {"Firefox/", "Firefox"}, {"Chrome/", "Chrome"}, {"Safari/", "Safari"}, {"curl/", "curl"}})
	system := first([][2]string{{"Android", "Android"}, {"iPhone", "iOS"}, {"iPad", "iPadOS"}, {"Windows", "Windows"}, {"Mac OS X", "macOS"}, {"Linux", "Linux"}})
	switch {
	case browser == "":
		return l.UnknownDevice()
	case system == "":
		return browser
	}
	return l.BrowserOn(browser, system)
}

// accountSave serves POST /ui/account: name and email.
func (h *Handlers) accountSave(c *fiber.Ctx) error {
	ctx, actor, l := c.UserContext(), web.Actor(c), h.locale(c)
	if isOperator(actor) {
		return fault.New(fault.Forbidden, l.OperatorAccount())
	}
	me, err := h.Users.Card(ctx, actor, "")
	if err != nil {
		return err
	}
	f := h.readForm(c)
	in := control.UserUpdate{ID: actor.UserID}
	if name := f.value("user_alias"); name != textOf(me.User.Alias) {
		in.Alias = f.optional("user_alias")
	}
	if email := f.value("user_email"); email != textOf(me.User.Email) && me.User.SSOUserID == nil {
		if !plausibleEmail(email) {
			f.fail("user_email", l.ErrEmail())
		}
		in.Email = control.Some(email)
	}
	if f.bad() {
		return h.showAccount(c, fiber.StatusUnprocessableEntity, f, nil)
	}
	if in.Alias.Sent || in.Email.Sent {
		if _, err := h.Users.Update(ctx, actor, in); err != nil {
			if fault.Is(err, fault.Conflict) {
				f.fail("user_email", l.ErrEmailTaken(f.value("user_email")))
			} else if !f.refused(err, "user_alias", "user_email") {
				return err
			}
			return h.showAccount(c, fiber.StatusUnprocessableEntity, f, nil)
		}
	}
	return h.done(c, h.url("/ui/account"), l.ToastSaved())
}

// plausibleEmail is the rule of ui.md §5: one @ with something on both sides, at most 254 bytes.
func plausibleEmail(email string) bool {
	name, domain, ok := strings.Cut(email, "@")
	return ok && name != "" && domain != "" && len(email) <= 254 && !strings.Contains(domain, "@") && !strings.ContainsAny(email, " \t\r\n<>")
}

// accountPassword serves POST /ui/account/password.
func (h *Handlers) accountPassword(c *fiber.Ctx) error {
	ctx, actor, l := c.UserContext(), web.Actor(c), h.locale(c)
	f := h.readForm(c)
	current, next := c.FormValue("current_password"), c.FormValue("password")
	if next == "" {
		f.fail("password", l.ErrPasswordShort(h.passwordForm(nil).Min))
	} else if c.FormValue("password_repeat") != next {
		f.fail("password_repeat", l.ErrPasswordDiffers())
	}
	if !f.bad() {
		if err := h.Login.Try(ctx, actor, "password"); err != nil {
			return err
		}
		err := h.Users.ChangePassword(ctx, actor, current, next)
		switch {
		case err == nil:
			return h.done(c, h.url("/ui/account"), l.ToastPasswordChanged())
		case fault.Is(err, fault.Unauthenticated):
			f.fail("current_password", l.ErrPasswordWrong())
		case !f.refused(err, "password"):
			return err
		}
	}
	frame, err := h.view(c)
	if err != nil {
		return err
	}
	if web.IsPartial(c) {
		part := account.PasswordPart(frame, h.passwordForm(f))
		return web.RenderStatus(c, fiber.StatusUnprocessableEntity, part, part)
	}
	return h.showAccount(c, fiber.StatusUnprocessableEntity, nil, f)
}

// sessionEnd serves POST /ui/account/sessions/:session/end.
func (h *Handlers) sessionEnd(c *fiber.Ctx) error {
	err := h.Sessions.End(c.UserContext(), web.Actor(c), "", c.Params("session"))
	if err != nil && !fault.Is(err, fault.NotFound) { // gone already is what was asked for
		return err
	}
	return h.done(c, h.url("/ui/account"), h.lang(c).ToastSessionEnded())
}

// sessionsEnd serves POST /ui/account/sessions/end: every session of the person but this one.
func (h *Handlers) sessionsEnd(c *fiber.Ctx) error {
	if err := h.Sessions.EndAll(c.UserContext(), web.Actor(c), ""); err != nil {
		return err
	}
	return h.done(c, h.url("/ui/account"), h.lang(c).ToastOthersEnded())
}
