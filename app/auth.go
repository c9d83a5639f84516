package app

import (
	"github.com/gofiber/fiber/v2"

	"gatehouse/app/access"
	"gatehouse/app/control"
	"gatehouse/app/web"
	"gatehouse/models/fault"
	"gatehouse/proxy"
	"gatehouse/proxy/policy"
)

// apiAuth names the caller of an admin API request. The key is looked for where the data plane looks for it.
type apiAuth struct {
	identity  *control.Identity
	keyHeader func() string // general_settings.litellm_key_header_name
	clientIP  func(*fiber.Ctx) string
	prefix    string
}

// Caller reads the key and gives its actor. A cookie never counts here.
func (a *apiAuth) Caller(c *fiber.Ctx) (access.Actor, error) {
	secret, err := proxy.Credential(&c.Request().Header, a.keyHeader())
	if err != nil {
		return access.Actor{}, err
	}
	actor, err := a.identity.Secret(c.UserContext(), secret)
	if err != nil {
		return access.Actor{}, err
	}
	route := c.Route().Path[len(a.prefix):]
	if actor.Key != nil && len(actor.Key.Routes) > 0 && !policy.RouteAllowed(actor.Key.Routes, route) {
		return access.Actor{}, fault.Newf(fault.Forbidden, "Virtual key is not allowed to call this route. Only allowed to call routes: %v. Tried to call route: %s",
			actor.Key.Routes, route).WithType("auth_error")
	}
	return a.sign(c, actor), nil
}

// Anonymous is the caller of a public route.
func (a *apiAuth) Anonymous(c *fiber.Ctx) access.Actor { return a.sign(c, access.Actor{}) }

func (a *apiAuth) sign(c *fiber.Ctx, actor access.Actor) access.Actor {
	actor.IP, actor.RequestID = a.clientIP(c), web.RequestID(c)
	actor.ChangedBy = c.Get("litellm-changed-by")
	return actor
}
