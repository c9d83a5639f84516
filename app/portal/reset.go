package portal

import (
	"github.com/gofiber/fiber/v2"

	"gatehouse/app/web"
	"gatehouse/models/fault"
	"gatehouse/views/auth"
	"gatehouse/views/ui"
)

// forgotPage serves GET /ui/forgot: where to send a link to set a new password.
func (h *Handlers) forgotPage(c *fiber.Ctx) error {
	f := h.Frame(c)
	if !mailWorks(c) {
		return web.Render(c, auth.NoticePage(f, auth.Notice{
			Tone: ui.Info, Title: f.T.ResetPassword(), Text: f.T.ResetOff(), Action: f.T.BackToSignIn(), Href: h.url("/login"),
		}), nil)
	}
	return h.showForgot(c, fiber.StatusOK, auth.Forgot{})
}

func (h *Handlers) showForgot(c *fiber.Ctx, status int, v auth.Forgot) error {
	v.Action, v.Back = h.url("/ui/forgot"), h.url("/login")
	return web.RenderStatus(c, status, auth.ForgotPage(h.Frame(c), v), nil)
}

// forgot serves POST /ui/forgot. Its answer is the same whether anybody has the address.
func (h *Handlers) forgot(c *fiber.Ctx) error {
	if !mailWorks(c) {
		return h.forgotPage(c)
	}
	f := h.readForm(c)
	email := f.value("user_email")
	if !plausibleEmail(email) {
		f.fail("user_email", f.l.ErrEmail())
		return h.showForgot(c, fiber.StatusUnprocessableEntity, auth.Forgot{Email: f.text("user_email")})
	}
	err := h.Login.RequestReset(c.UserContext(), h.visitor(c), email, f.l.Code())
	if no := fault.As(err); no != nil && no.Kind == fault.Exhausted {
		f.fail("user_email", tooManyTries(f.l.Lang, no))
		return h.showForgot(c, fiber.StatusTooManyRequests, auth.Forgot{Email: f.text("user_email")})
	}
	if err != nil {
		return err
	}
	return h.showForgot(c, fiber.StatusOK, auth.Forgot{Sent: true})
}

// resetPage serves GET /ui/reset?token=: the form for a new password. Opening it changes nothing.
func (h *Handlers) resetPage(c *fiber.Ctx) error {
	return h.showReset(c, fiber.StatusOK, c.Query("token"), nil)
}

func (h *Handlers) showReset(c *fiber.Ctx, status int, token string, sent *form) error {
	f := h.Frame(c)
	email, err := h.Login.OpenReset(c.UserContext(), h.visitor(c), token)
	if fault.Is(err, fault.Unauthenticated) {
		return web.RenderStatus(c, fiber.StatusGone, auth.NoticePage(f, auth.Notice{
			Tone: ui.Warn, Title: f.T.ResetLinkTitle(), Text: f.T.ResetLinkText(), Action: f.T.ForgotPassword(), Href: h.url("/ui/forgot"),
		}), nil)
	}
	if err != nil {
		return err
	}
	v := auth.Onboarding{Reset: true, Action: h.url("/ui/reset"), Link: token, Email: email, Min: h.passwordForm(nil).Min}
	if sent != nil { // what was typed is not sent back: a password is never in a page
		v.Password.Error, v.Repeat.Error, v.Problems = sent.problem("password"), sent.problem("password_repeat"), sent.problems
	}
	return web.RenderStatus(c, status, auth.OnboardingPage(f, v), nil)
}

// reset serves POST /ui/reset: the password is set, the link is used up, and every session of the person ends. They sign
// in anew, with their second factor if they have one.
func (h *Handlers) reset(c *fiber.Ctx) error {
	f := h.readForm(c)
	token, password := c.FormValue("invitation_link"), c.FormValue("password")
	if c.FormValue("password_repeat") != password {
		f.fail("password_repeat", f.l.ErrPasswordDiffers())
	}
	if !f.bad() {
		err := h.Login.Reset(c.UserContext(), h.visitor(c), token, password)
		switch {
		case err == nil:
			return c.Redirect(h.url("/ui/reset/done"), fiber.StatusSeeOther)
		case fault.Is(err, fault.Unauthenticated): // the page says so
		case !f.refused(err, "password"):
			return err
		}
	}
	return h.showReset(c, fiber.StatusUnprocessableEntity, token, f)
}

// resetDone serves GET /ui/reset/done.
func (h *Handlers) resetDone(c *fiber.Ctx) error {
	f := h.Frame(c)
	return web.Render(c, auth.NoticePage(f, auth.Notice{
		Tone: ui.OK, Title: f.T.PasswordSetTitle(), Text: f.T.PasswordSetText(), Action: f.T.SignIn(), Href: h.url("/login"),
	}), nil)
}
