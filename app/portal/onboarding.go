package portal

import (
	"context"

	"github.com/gofiber/fiber/v2"

	"gatehouse/app/access"
	"gatehouse/app/control"
	"gatehouse/app/web"
	"gatehouse/models"
	"gatehouse/models/fault"
	"gatehouse/views/auth"
	"gatehouse/views/ui"
)

// onboarding serves GET /ui/onboarding?id=: what the link is good for. Opening it changes nothing.
func (h *Handlers) onboarding(c *fiber.Ctx) error {
	return h.showOnboarding(c, c.Query("id"), fiber.StatusOK, nil)
}

func (h *Handlers) showOnboarding(c *fiber.Ctx, id string, status int, refused *fault.Fault) error {
	f := h.Frame(c)
	open, err := h.Invitations.Open(c.UserContext(), h.visitor(c), id)
	if err != nil {
		return err
	}
	l := h.locale(c)
	day := func(at *models.Time) string {
		if at == nil {
			return ""
		}
		return l.LongDate(at.Time)
	}
	notice := func(title, text string) error {
		c.Status(fiber.StatusGone)
		return web.Render(c, auth.NoticePage(f, auth.Notice{Tone: ui.Warn, Title: title, Text: text, Action: f.T.SignIn(), Href: f.URL("/login")}), nil)
	}
	switch open.State {
	case control.InvitationUsed:
		return notice(f.T.LinkUsedTitle(), f.T.LinkUsed(day(open.At)))
	case control.InvitationExpired:
		who := open.Inviter
		if who == "" {
			who = f.T.YourAdmin()
		}
		return notice(f.T.LinkExpiredTitle(), f.T.LinkExpired(day(open.At), who))
	case control.InvitationUnknown:
		return notice(f.T.LinkUnknownTitle(), f.T.LinkUnknown())
	case control.InvitationOpen:
	}
	v := auth.Onboarding{Action: h.url("/ui/onboarding"), Link: id, Email: open.Email, Min: h.opt.Policy().Gatehouse.PasswordMin}
	if refused != nil {
		v.Password.Error = say(l, refused.Message)
	}
	c.Status(status)
	return web.Render(c, auth.OnboardingPage(f, v), nil)
}

// onboard serves POST /ui/onboarding: the password is set, the link is used up, and the person is signed in.
func (h *Handlers) onboard(c *fiber.Ctx) error {
	id, password := c.FormValue("invitation_link"), c.FormValue("password")
	if id == "" {
		id = c.Query("id")
	}
	if c.Context().PostArgs().Has("password_repeat") && c.FormValue("password_repeat") != password { // a script may send it once
		return h.showOnboarding(c, id, fiber.StatusUnprocessableEntity, fault.New(fault.Unprocessable, h.lang(c).ErrPasswordDiffers()))
	}
	user, err := h.Invitations.Claim(c.UserContext(), h.visitor(c), control.ClaimInvitation{ID: id, Password: password})
	if f := fault.As(err); f != nil {
		switch f.Kind {
		case fault.Unprocessable, fault.Invalid:
			return h.showOnboarding(c, id, fiber.StatusUnprocessableEntity, f)
		case fault.Unauthenticated:
			return h.showOnboarding(c, id, fiber.StatusOK, nil)
		default:
		}
	}
	if err != nil {
		return err
	}
	// An invitation is a new password, not a way around a second factor.
	who, err := h.Login.Proved(c.UserContext(), h.visitor(c), user.User.ID)
	if err != nil {
		return err
	}
	return h.proceed(c, who, h.url("/ui/welcome"))
}

// welcome serves GET /ui/welcome: a first key, then the first request with it.
func (h *Handlers) welcome(c *fiber.Ctx) error {
	f, err := h.frame(c)
	if err != nil {
		return err
	}
	v, err := h.firstSteps(c)
	if err != nil {
		return err
	}
	if v.Step == 3 && !v.Works {
		f.Scripts = append(f.Scripts, f.Assets.Live)
	}
	return web.Render(c, auth.WelcomePage(f, v), auth.WaitPart(f, v))
}

// firstSteps says how far a new person is: no key yet, no request yet, or done.
func (h *Handlers) firstSteps(c *fiber.Ctx) (auth.Welcome, error) {
	actor := web.Actor(c)
	v := auth.Welcome{Step: 2, PollURL: h.url("/ui/welcome"), Done: h.url("/ui/")}
	options, err := h.Keys.Options(c.UserContext(), actor, "")
	if err != nil {
		return v, err
	}
	if mayCreate(actor) && (options.Personal || len(options.Teams) > 0) {
		v.CreateURL = h.url("/ui/keys/new" + backToWelcome)
	}
	made, used, err := h.firstKey(c.UserContext(), actor)
	if err != nil || !made {
		return v, err
	}
	v.Step, v.Works = 3, used
	v.StreamURL = h.url("/ui/welcome/stream")
	choices, err := h.Models.Callable(c.UserContext(), actor, "")
	if err != nil {
		return v, err
	}
	model := "demo"
	if len(choices) > 0 {
		model = choices[0].Name
	}
	v.Snippets = ui.Snippets(h.opt.APIBase(c), model, "")
	return v, nil
}

// firstKey says whether the person has a key, and whether the newest one was used.
func (h *Handlers) firstKey(ctx context.Context, who access.Actor) (made, used bool, err error) {
	keys, err := h.Keys.List(ctx, who, control.KeyQuery{Page: 1, Size: 1, UserID: who.UserID})
	if err != nil || len(keys.Items) == 0 {
		return false, false, err
	}
	return true, keys.Items[0].LastUsedAt != nil, nil
}

// welcomeStream serves GET /ui/welcome/stream: it says when the first request was seen, by whichever replica.
func (h *Handlers) welcomeStream(c *fiber.Ctx) error {
	return h.events(c, access.UserRoles, func(ctx context.Context, who access.Actor) (event, error) {
		_, used, err := h.firstKey(ctx, who)
		if err != nil || !used {
			return event{name: "well"}, err
		}
		return event{name: "seen", last: true}, nil
	})
}
