// Package web is what the portal and the JSON admin API share: the control plane's Fiber app with its middleware,
// the one error handler, request bodies read within bounds, and the caller of a request.
package web

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"gatehouse/app/access"
)

// Options are what the control plane's app needs from outside.
type Options struct {
	Log *slog.Logger
	Now func() time.Time
	// BaseURL is PROXY_BASE_URL, or empty. Cookies, HSTS and the origin check go by it and never by a header.
	BaseURL string
	// RootPath is SERVER_ROOT_PATH ("" or "/prefix").
	RootPath string
	// ClientIP gives the caller's address (peer, or the right X-Forwarded-For entry behind a trusted proxy).
	ClientIP func(*fiber.Ctx) string
	// FormActions are further origins that a form's redirect may reach (PROXY_LOGOUT_URL, the SSO provider).
	FormActions []string
	// Guard makes the context of a request, which may end before the request does (a database that hangs); done ends it.
	// nil: contexts do not end.
	Guard func(context.Context) (ctx context.Context, done func())
	// ErrorPage renders an error for people; nil answers JSON everywhere.
	ErrorPage func(c *fiber.Ctx, e Problem) error
}

// Secure says whether browsers reach the control plane by https.
func (o Options) Secure() bool { return strings.HasPrefix(o.BaseURL, "https://") }

// New makes the control plane's app. Paths are case sensitive and strict, so that the route which is matched is the
// route whose action was checked.
func New(o Options) *fiber.App {
	app := fiber.New(fiber.Config{
		AppName:               "gatehouse",
		CaseSensitive:         true,
		StrictRouting:         true,
		Immutable:             true,
		DisableStartupMessage: true,
		UnescapePath:          false,
		ErrorHandler:          errorHandler(o),
		BodyLimit:             MaxBody,
	})
	app.Use(requestID, guard(o), accessLog(o), recoverPanic, securityHeaders(o), crossOrigin(o))
	return app
}

const (
	localActor   = "gatehouse.actor"
	localID      = "gatehouse.request_id"
	localDetail  = "gatehouse.detail"
	localPartial = "gatehouse.page"
	localScim    = "gatehouse.scim"
)

// Actor is the caller that the route's authentication put there; the zero Actor may do nothing.
func Actor(c *fiber.Ctx) access.Actor {
	a, _ := c.Locals(localActor).(access.Actor)
	return a
}

// SetActor records who is calling.
func SetActor(c *fiber.Ctx, a access.Actor) { c.Locals(localActor, a) }

// RequestID is the id that the answer's x-request-id, the log line and the audit row share.
func RequestID(c *fiber.Ctx) string {
	id, _ := c.Locals(localID).(string)
	return id
}

// WithDetail marks the route as one whose errors also carry LiteLLM's "detail" (contract/admin-api.md §3.1).
func WithDetail(c *fiber.Ctx) { c.Locals(localDetail, true) }

// MarkPage says that this request is a page's: its errors are pages (or fragments for HTMX), not JSON.
func MarkPage(c *fiber.Ctx) { c.Locals(localPartial, true) }

// IsPartial says whether HTMX asked for a part. A boosted link or a history restore gets the whole page.
func IsPartial(c *fiber.Ctx) bool {
	return c.Get("HX-Request") == "true" && c.Get("HX-Boosted") != "true" && c.Get("HX-History-Restore-Request") != "true"
}
