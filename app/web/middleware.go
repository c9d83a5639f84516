package web

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/oklog/ulid/v2"

	"gatehouse/models/fault"
)

func requestID(c *fiber.Ctx) error {
	id := ulid.Make().String()
	c.Locals(localID, id)
	c.Set("x-request-id", id)
	return c.Next()
}

// guard gives the request its context. An answer that is still being written when its handler has ended keeps it.
func guard(o Options) fiber.Handler {
	return func(c *fiber.Ctx) error {
		if o.Guard == nil {
			return c.Next()
		}
		ctx, done := o.Guard(c.UserContext())
		c.SetUserContext(ctx)
		err := c.Next()
		if !c.Context().Response.IsBodyStream() {
			done()
		}
		return err
	}
}

// accessLog writes one line a request: no query, no header value, no body. Health probes are logged at debug.
func accessLog(o Options) fiber.Handler {
	return func(c *fiber.Ctx) error {
		start := o.Now()
		err := c.Next()
		if err != nil {
			// The error handler runs here, so that the line below knows the status that was sent.
			if herr := c.App().ErrorHandler(c, err); herr != nil {
				_ = c.SendStatus(fiber.StatusInternalServerError)
			}
		}
		level := slog.LevelInfo
		if strings.HasPrefix(c.Route().Path, "/health") || strings.HasPrefix(c.Route().Path, "/ui/static") {
			level = slog.LevelDebug
		}
		o.Log.LogAttrs(c.UserContext(), level, "request", slog.String("request_id", RequestID(c)), slog.String("method", c.Method()),
			slog.String("route", c.Route().Path), slog.Int("status", c.Response().StatusCode()), slog.Duration("took", o.Now().Sub(start)))
		return nil
	}
}

func recoverPanic(c *fiber.Ctx) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	return c.Next()
}

// securityHeaders sets reliability.md §4. Pages get the page policy from their own middleware (PageHeaders).
func securityHeaders(o Options) fiber.Handler {
	secure := o.Secure()
	return func(c *fiber.Ctx) error {
		c.Set("X-Content-Type-Options", "nosniff")
		c.Set("Referrer-Policy", "no-referrer")
		c.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		c.Set("Cross-Origin-Resource-Policy", "same-origin")
		if secure {
			c.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
		}
		return c.Next()
	}
}

// PageHeaders is the middleware of every page: the page policy, and errors as pages.
func PageHeaders(o Options) fiber.Handler {
	form := strings.Join(append([]string{"'self'"}, o.FormActions...), " ")
	csp := "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; form-action " + form +
		"; frame-ancestors 'none'; base-uri 'none'; object-src 'none'"
	return func(c *fiber.Ctx) error {
		MarkPage(c)
		c.Set("Content-Security-Policy", csp)
		c.Set("Cross-Origin-Opener-Policy", "same-origin")
		c.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
		c.Set("Cache-Control", "no-store")
		if err := c.Next(); err != nil {
			return err
		}
		compressPage(c)
		return nil
	}
}

// crossOrigin refuses writes that another site's page sends (reliability.md §4). It needs no token and covers
// sign-in too, so nobody can be signed in as somebody else.
func crossOrigin(o Options) fiber.Handler {
	guard := http.NewCrossOriginProtection()
	if o.BaseURL != "" {
		if u, err := url.Parse(o.BaseURL); err == nil && u.Host != "" {
			// An error here would mean a malformed origin, which config has refused already.
			_ = guard.AddTrustedOrigin(u.Scheme + "://" + u.Host)
		}
	}
	return func(c *fiber.Ctx) error {
		switch c.Method() {
		case fiber.MethodGet, fiber.MethodHead, fiber.MethodOptions:
			return c.Next()
		}
		site, origin := c.Get("Sec-Fetch-Site"), c.Get("Origin")
		if site == "" && origin == "" {
			return c.Next()
		}
		r := &http.Request{Method: c.Method(), Host: string(c.Context().Host()), URL: &url.URL{Path: c.Path()}, Header: http.Header{}}
		if site != "" {
			r.Header.Set("Sec-Fetch-Site", site)
		}
		if origin != "" {
			r.Header.Set("Origin", origin)
		}
		if err := guard.Check(r); err != nil {
			return fault.New(fault.Forbidden, "this request came from another site and was refused")
		}
		return c.Next()
	}
}
