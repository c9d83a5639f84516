// Package portal serves the pages that people use. Handlers parse input, call one service and render; every rule is the
// services'. routes.go lists every URL.
package portal

import (
	"log/slog"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"

	"gatehouse/app/access"
	"gatehouse/app/control"
	"gatehouse/app/session"
	"gatehouse/app/sso"
	"gatehouse/app/web"
	"gatehouse/models"
	"gatehouse/models/fault"
	"gatehouse/static"
	"gatehouse/views/layout"
	"gatehouse/views/ui"
)

// Options are what the pages need besides the services.
type Options struct {
	Services *control.Services
	Sessions *session.Manager
	Web      web.Options
	Policy   func() *control.Policy
	Version  string
	Log      *slog.Logger
	Now      func() time.Time
	// Logo is the address of the operator's own picture, "" for our mark.
	Logo string
	// APIBase is what clients put as their base URL, for a request ("https://llm.example/v1").
	APIBase func(*fiber.Ctx) string
	// Healthy says whether calls can be served, for the sign-in page.
	Healthy func() bool
	// SSO signs people in through their provider; nil or without choices: by password alone.
	SSO func() *sso.Service
	// PublicBase is where browsers reach this gateway, for a request: PROXY_BASE_URL with SERVER_ROOT_PATH, else the
	// request's own address.
	PublicBase func(*fiber.Ctx) string
	// LiveEvery is how often live streams look; 0: every 2 s.
	LiveEvery time.Duration
}

// Handlers serve the pages.
type Handlers struct {
	*control.Services
	opt      Options
	sessions *session.Manager
	streams  atomic.Int64 // live streams that are open
}

// New makes the handlers.
func New(opt Options) *Handlers {
	return &Handlers{Services: opt.Services, opt: opt, sessions: opt.Sessions}
}

const localSignedIn = "gatehouse.signed_in"

// signedIn lets people through who are signed in and whose role grants the page's action. Others go to the sign-in page
// and come back after it.
func (h *Handlers) signedIn(action access.Action) fiber.Handler {
	return func(c *fiber.Ctx) error {
		actor, err := h.sessions.Actor(c)
		if fault.Is(err, fault.Unauthenticated) {
			return h.toSignIn(c)
		}
		if err != nil {
			return err
		}
		actor.Route = c.Route().Path
		if actor.Prefs.Language == "" { // so that a mail which their act causes is written in what they read
			actor.Prefs.Language = h.lang(c).Code()
		}
		web.SetActor(c, actor)
		c.Locals(localSignedIn, true)
		if err := access.Role(actor, action); err != nil {
			// On a page, a role that never may is told so in the frame, whatever the API's status for it is.
			return h.refuseRole(c, action, err)
		}
		err = c.Next()
		if no := fault.As(err); no != nil && no.Kind == fault.Unauthenticated { // the same, from a service that looked closer
			return h.refuseRole(c, action, err)
		}
		return err
	}
}

// toSignIn sends a browser to the sign-in page. HTMX is told by a header, so that no form lands in a table.
func (h *Handlers) toSignIn(c *fiber.Ctx) error {
	next := c.OriginalURL()
	if c.Method() != fiber.MethodGet {
		next = h.url("/ui/")
	}
	to := h.url("/login?next=" + url.QueryEscape(next))
	if c.Get("HX-Request") == "true" {
		c.Set("HX-Redirect", to)
		return c.SendStatus(fiber.StatusUnauthorized)
	}
	return c.Redirect(to, fiber.StatusSeeOther)
}

// url puts SERVER_ROOT_PATH before a local path.
func (h *Handlers) url(path string) string { return h.opt.Web.RootPath + path }

// isSignedIn says whether this page's person is signed in; false on public pages.
func isSignedIn(c *fiber.Ctx) bool {
	in, _ := c.Locals(localSignedIn).(bool)
	return in
}

// Frame is the frame of a public page.
func (h *Handlers) Frame(c *fiber.Ctx) layout.Frame {
	l := h.locale(c)
	f := layout.Frame{
		T: l.Lang, Base: h.opt.Web.RootPath, Path: localPath(c), APIBase: h.opt.APIBase(c), Version: h.opt.Version, Zone: l.Zone.String(),
		ClockZone: l.ClockZone(),
		Assets: layout.Assets{
			CSS: static.URL("app.css"), HTMX: static.URL("htmx.js"), App: static.URL("app.js"), Live: static.URL("live.js"), Playground: static.URL("playground.js"),
			Font: static.URL("fonts/geist.woff2"), Icon: static.URL("favicon.svg"), Logo: h.opt.Logo,
		},
	}
	switch theme := chosen(c).Theme; theme {
	case "light", "dark":
		f.Theme = theme
	}
	return f
}

// localPath is the request's path and query without the root path, for the way back after a change of language.
func localPath(c *fiber.Ctx) string {
	if c.Method() != fiber.MethodGet {
		return "/ui/"
	}
	return c.OriginalURL()
}

// frame is the frame of a signed-in person's page.
func (h *Handlers) frame(c *fiber.Ctx) (layout.Frame, error) {
	f, actor := h.Frame(c), web.Actor(c)
	f.Shortcuts = chosen(c).Shortcuts != "off"
	f.User = layout.User{Name: personName(actor), Email: actor.Email, Role: roleOf(actor), ViewOnly: actor.Role == models.RoleAdminViewer || actor.Role == models.RoleInternalViewer}
	f.Nav = layout.Nav{Teams: len(actor.Teams) > 0, Playground: access.Role(actor, access.Playground) == nil, Admin: actor.SeesAll()}
	if keys, err := h.Keys.List(c.UserContext(), actor, control.KeyQuery{Page: 1, Size: 1, All: true}); err != nil {
		h.lost(c, "the number of keys", err) // a frame without it is better than none
	} else {
		f.Nav.KeyCount = f.T.Number(int64(keys.Total))
	}
	text, err := h.sessions.TakeFlash(c)
	if err != nil {
		h.lost(c, "a notice", err)
	}
	if text != "" {
		f.Toasts = []ui.Toast{{Tone: ui.OK, Text: text}}
	}
	if ends := h.sessions.Ends(c); !ends.IsZero() {
		f.SessionEnds = ends.UTC().Format(time.RFC3339)
	}
	if old := staleMinutes(c); old > 0 && h.showsNumbers(c) {
		f.Notice = layout.Notice{Tone: ui.Warn, Text: f.T.NumbersOld(old)}
	}
	return f, nil
}

// lost notes something that a page does without.
func (h *Handlers) lost(c *fiber.Ctx, what string, err error) {
	h.opt.Log.LogAttrs(c.UserContext(), slog.LevelWarn, "a page does without a part", slog.String("part", what), slog.String("request_id", web.RequestID(c)), slog.Any("error", err))
}

// staleAfter is how far the books may lag before pages say so.
const staleAfter = 5 * time.Minute

// staleMinutes is how old the spend numbers are, 0 while that needs no word.
func staleMinutes(c *fiber.Ctx) int64 {
	if lag := lagOf(c); lag > staleAfter {
		return int64(lag / time.Minute)
	}
	return 0
}

// showsNumbers says whether a page shows spend or calls. The usage page has a line of its own, which its parts bring along.
func (h *Handlers) showsNumbers(c *fiber.Ctx) bool {
	path := strings.TrimPrefix(c.Path(), h.opt.Web.RootPath)
	if path == "/ui/" {
		return true
	}
	for _, prefix := range []string{"/ui/keys", "/ui/logs", "/ui/teams", "/ui/users", "/ui/models", "/ui/budgets"} {
		if strings.HasPrefix(path, prefix) {
			return c.Method() == fiber.MethodGet
		}
	}
	return false
}

func personName(a access.Actor) string {
	switch {
	case a.Email != "":
		return a.Email
	case a.Master || a.UserID == models.DefaultUserID:
		return "admin"
	}
	return a.UserID
}

func roleOf(a access.Actor) layout.Role {
	switch a.Role {
	case models.RoleAdmin:
		return layout.RoleAdmin
	case models.RoleAdminViewer:
		return layout.RoleAdminViewer
	case models.RoleInternalViewer:
		return layout.RoleViewer
	case models.RoleInternalUser, models.RoleOrgAdmin:
	}
	for _, role := range a.Teams {
		if role == models.TeamAdmin {
			return layout.RoleTeamAdmin
		}
	}
	return layout.RoleUser
}

// done ends a write: HTMX gets the page again through a redirect header, a plain form a 303; the next page shows text.
func (h *Handlers) done(c *fiber.Ctx, to, text string) error {
	if err := h.sessions.Flash(c, text); err != nil {
		h.opt.Log.Warn("a notice was lost", slog.Any("error", err))
	}
	if c.Get("HX-Request") == "true" {
		c.Set("HX-Redirect", to)
		return c.SendStatus(fiber.StatusNoContent)
	}
	return c.Redirect(to, fiber.StatusSeeOther)
}
