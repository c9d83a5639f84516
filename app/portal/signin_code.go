package portal

import (
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"

	"gatehouse/app/control"
	"gatehouse/app/web"
	"gatehouse/models/fault"
	"gatehouse/views/auth"
	"gatehouse/views/ui"
)

// codePages are the last step of a sign-in that needs a second factor.
func (h *Handlers) codePages() []page {
	return []page{
		open(fiber.MethodGet, "/login/code", h.codePage),
		open(fiber.MethodPost, "/login/code", h.code),
		open(fiber.MethodGet, "/login/factor", h.setupPage),
		open(fiber.MethodPost, "/login/factor", h.finishSetup),
	}
}

// proceed ends a sign-in, or leads to the step that it still needs.
func (h *Handlers) proceed(c *fiber.Ctx, who *control.SignedIn, next string) error {
	if who.Needs != "" {
		h.pendingCookie(c, who.Pending)
		path := "/login/code"
		if who.Needs == control.NeedsSetup {
			path = "/login/factor"
		}
		return c.Redirect(h.codeURL(path, next, false), fiber.StatusSeeOther)
	}
	if err := h.sessions.Start(c, who.UserID, who.Role, who.Method); err != nil {
		return err
	}
	if next == "" {
		next = h.url("/ui/?userID=" + url.QueryEscape(who.UserID))
	}
	return c.Redirect(next, fiber.StatusSeeOther)
}

func (h *Handlers) codeURL(path, next string, recovery bool) string {
	q := url.Values{}
	if next != "" {
		q.Set("next", next)
	}
	if recovery {
		q.Set("recovery", "true")
	}
	if len(q) == 0 {
		return h.url(path)
	}
	return h.url(path) + "?" + q.Encode()
}

// pendingName is the cookie of a sign-in that waits for its last step; it signs nobody in.
func (h *Handlers) pendingName() string {
	if h.opt.Web.Secure() {
		return "__Host-gh_step"
	}
	return "gh_step"
}

// pendingCookie sets the cookie, or removes it.
func (h *Handlers) pendingCookie(c *fiber.Ctx, value string) {
	life := 600
	if value == "" {
		life = -1
	}
	c.Cookie(&fiber.Cookie{
		Name: h.pendingName(), Value: value, Path: "/", MaxAge: life, HTTPOnly: true, Secure: h.opt.Web.Secure(), SameSite: fiber.CookieSameSiteLaxMode,
	})
}

// codePage serves GET /login/code.
func (h *Handlers) codePage(c *fiber.Ctx) error {
	if c.Cookies(h.pendingName()) == "" {
		return c.Redirect(h.url("/login"), fiber.StatusSeeOther)
	}
	return h.showCode(c, fiber.StatusOK, "")
}

func (h *Handlers) showCode(c *fiber.Ctx, status int, problem string) error {
	next, recovery := localNext(either(c.FormValue("next"), c.Query("next"))), either(c.FormValue("recovery"), c.Query("recovery")) == "true"
	v := auth.Code{
		Action: h.url("/login/code"), Next: next, Recovery: recovery, Other: h.codeURL("/login/code", next, !recovery), Back: h.url("/login"),
		Code: ui.Text{Error: problem},
	}
	return web.RenderStatus(c, status, auth.CodePage(h.Frame(c), v), nil)
}

func either(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// code serves POST /login/code.
func (h *Handlers) code(c *fiber.Ctx) error {
	who, err := h.Login.Code(c.UserContext(), h.visitor(c), c.Cookies(h.pendingName()), c.FormValue("code"))
	if err != nil {
		return h.refusedCode(c, err, func(status int, problem string) error { return h.showCode(c, status, problem) })
	}
	h.pendingCookie(c, "")
	return h.proceed(c, who, localNext(c.FormValue("next")))
}

// refusedCode shows the form again, or the sign-in page when the sign-in is over; a script gets the wire error.
func (h *Handlers) refusedCode(c *fiber.Ctx, err error, again func(status int, problem string) error) error {
	no := fault.As(err)
	if no == nil {
		return err
	}
	if !strings.Contains(c.Get(fiber.HeaderAccept), fiber.MIMETextHTML) {
		c.Locals("gatehouse.page", false)
		return err
	}
	t := h.lang(c)
	switch {
	case no.Param == "sign_in":
		h.pendingCookie(c, "")
		return h.showSignIn(c, fiber.StatusUnauthorized, "", t.SignInOver())
	case no.Param == "code":
		return again(fiber.StatusUnauthorized, t.ErrCode())
	case no.Kind == fault.Exhausted:
		return again(fiber.StatusTooManyRequests, tooManyTries(t, no))
	}
	return h.refuseSignIn(c, "", err)
}

// setupPage serves GET /login/factor: a second factor that the role needs is set up before anybody is in.
func (h *Handlers) setupPage(c *fiber.Ctx) error {
	if c.Cookies(h.pendingName()) == "" {
		return c.Redirect(h.url("/login"), fiber.StatusSeeOther)
	}
	return h.showPendingSetup(c, fiber.StatusOK, "")
}

func (h *Handlers) showPendingSetup(c *fiber.Ctx, status int, problem string) error {
	setup, err := h.Login.Setup(c.UserContext(), c.Cookies(h.pendingName()))
	if err != nil {
		return h.refusedCode(c, err, func(int, string) error { return err })
	}
	shown, err := shownSetup(setup)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return web.RenderStatus(c, status, auth.SetupPage(h.Frame(c), auth.Setup{
		Action: h.url("/login/factor"), Next: localNext(either(c.FormValue("next"), c.Query("next"))), Factor: shown, Code: ui.Text{Error: problem}, Back: h.url("/login"),
	}), nil)
}

// finishSetup serves POST /login/factor: the first code turns the second factor on and signs in; the recovery codes are shown.
func (h *Handlers) finishSetup(c *fiber.Ctx) error {
	who, codes, err := h.Login.ConfirmSetup(c.UserContext(), h.visitor(c), c.Cookies(h.pendingName()), c.FormValue("code"))
	if err != nil {
		return h.refusedCode(c, err, func(status int, problem string) error { return h.showPendingSetup(c, status, problem) })
	}
	h.pendingCookie(c, "")
	if err := h.sessions.Start(c, who.UserID, who.Role, who.Method); err != nil {
		return err
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return web.Render(c, auth.RecoveryPage(h.Frame(c), auth.Recovery{Codes: codes, Next: h.next(c.FormValue("next"))}), nil)
}
