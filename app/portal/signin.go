package portal

import (
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"

	"gatehouse/app/access"
	"gatehouse/app/control"
	"gatehouse/app/web"
	"gatehouse/models/fault"
	"gatehouse/views/auth"
	"gatehouse/views/i18n"
	"gatehouse/views/ui"
)

// visitor is somebody who is not signed in: an address and a request id.
func (h *Handlers) visitor(c *fiber.Ctx) access.Actor {
	return access.Actor{IP: h.opt.Web.ClientIP(c), RequestID: web.RequestID(c)}
}

// signInPage serves GET /login and its other names. Whoever is signed in already goes on.
func (h *Handlers) signInPage(c *fiber.Ctx) error {
	_, err := h.sessions.Actor(c)
	if err == nil {
		return c.Redirect(h.next(c.Query("next")), fiber.StatusSeeOther)
	}
	if !fault.Is(err, fault.Unauthenticated) {
		return err
	}
	return h.showSignIn(c, fiber.StatusOK, "", "")
}

func (h *Handlers) showSignIn(c *fiber.Ctx, status int, username, problem string) error {
	return h.showSignInWith(c, status, auth.SignIn{Username: ui.Text{Value: username}, Error: problem})
}

// showSignInWith draws the sign-in page around what v says already.
func (h *Handlers) showSignInWith(c *fiber.Ctx, status int, v auth.SignIn) error {
	f := h.Frame(c)
	next := c.Query("next")
	if next == "" {
		next = c.FormValue("next")
	}
	v.Password, v.Action, v.Next = true, h.url("/login"), localNext(next)
	v.Days = int64(h.opt.Policy().Gatehouse.InviteTTL.Hours() / 24)
	v.Gateway = auth.Gateway{Known: true, Healthy: h.opt.Healthy(), APIBase: f.APIBase}
	v.Providers = h.providers(v.Next)
	if mailWorks(c) {
		v.Forgot = h.url("/ui/forgot")
	}
	c.Status(status)
	return web.Render(c, auth.SignInPage(f, v), nil)
}

// signIn serves POST /login: username and password, from the form or from a script.
func (h *Handlers) signIn(c *fiber.Ctx) error {
	in := control.LoginInput{Username: c.FormValue("username"), Password: c.FormValue("password")}
	if strings.HasPrefix(c.Get(fiber.HeaderContentType), fiber.MIMEApplicationJSON) {
		var body struct {
			Username string `json:"username"`
			Password string `json:"password"`
		}
		if err := web.DecodeJSON(c, &body); err != nil {
			return err
		}
		in = control.LoginInput{Username: body.Username, Password: body.Password}
	}
	who, err := h.Login.Password(c.UserContext(), h.visitor(c), in)
	if err != nil {
		return h.refuseSignIn(c, in.Username, err)
	}
	return h.proceed(c, who, localNext(c.FormValue("next")))
}

// refuseSignIn shows the form again to a browser; a script gets the wire error.
func (h *Handlers) refuseSignIn(c *fiber.Ctx, username string, err error) error {
	f := fault.As(err)
	if f == nil {
		return err
	}
	if !strings.Contains(c.Get(fiber.HeaderAccept), fiber.MIMETextHTML) {
		c.Locals("gatehouse.page", false)
		return err
	}
	t := h.lang(c)
	switch f.Kind {
	case fault.Unauthenticated:
		return h.showSignIn(c, fiber.StatusUnauthorized, username, t.ErrSignIn())
	case fault.Exhausted:
		return h.showSignIn(c, fiber.StatusTooManyRequests, username, tooManyTries(t, f))
	case fault.Forbidden:
		if f.Param == "blocked" {
			return h.showSignIn(c, fiber.StatusForbidden, username, t.ErrAccountBlocked(h.contact(c)))
		}
		return h.showSignIn(c, fiber.StatusForbidden, username, say(h.locale(c), f.Message))
	default:
		return err
	}
}

// contact is whom a person without an account asks: the operator's address where one is set.
func (h *Handlers) contact(c *fiber.Ctx) string {
	if set := h.config(c).Mail.SupportContact; set != "" {
		return set
	}
	return h.lang(c).YourAdmin()
}

// tooManyTries says when to come back.
func tooManyTries(t i18n.Lang, f *fault.Fault) string {
	return t.TooManyTries(max(1, int64(f.RetryAfter.Minutes()+0.99)))
}

// signOut serves POST /logout.
func (h *Handlers) signOut(c *fiber.Ctx) error {
	if err := h.sessions.End(c); err != nil {
		return err
	}
	to := h.opt.Policy().UI.LogoutURL
	if to == "" {
		to = h.url("/login")
	}
	return c.Redirect(to, fiber.StatusSeeOther)
}

// next is where a sign-in leads: a page of our own, or the start page.
func (h *Handlers) next(raw string) string {
	if next := localNext(raw); next != "" {
		return next
	}
	return h.url("/ui/")
}

// localNext is raw as a local path, parsed and written anew, or "" when it is anything else (reliability.md §4).
func localNext(raw string) string {
	if len(raw) < 1 || raw[0] != '/' || len(raw) > 1 && (raw[1] == '/' || raw[1] == '\\') {
		return ""
	}
	for i := range len(raw) {
		if raw[i] < 0x20 || raw[i] == 0x7f || raw[i] == '\\' {
			return ""
		}
	}
	u, err := url.Parse(raw)
	if err != nil || u.IsAbs() || u.Host != "" || u.User != nil || strings.HasPrefix(u.Path, "//") {
		return ""
	}
	out := url.URL{Path: u.Path, RawPath: u.RawPath, RawQuery: u.RawQuery}
	return out.String()
}
