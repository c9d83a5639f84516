package app

import (
	"strings"

	"github.com/gofiber/fiber/v2"

	"gatehouse/app/access"
	"gatehouse/app/config"
	"gatehouse/app/control"
	"gatehouse/app/hooks"
	"gatehouse/app/jwtauth"
	"gatehouse/app/web"
	"gatehouse/models"
	"gatehouse/models/fault"
	"gatehouse/proxy"
	"gatehouse/proxy/keyring"
	"gatehouse/proxy/policy"
)

// apiAuth names the caller of an admin API request. The key is looked for where the data plane looks for it.
type apiAuth struct {
	identity  *control.Identity
	hooks     *hooks.Hooks
	tokens    *jwtauth.Service
	snapshot  func() *keyring.Snapshot
	keyHeader func() string // general_settings.litellm_key_header_name
	clientIP  func(*fiber.Ctx) string
	prefix    string
	general   func() *config.General
}

// Caller reads the key and gives its actor. A cookie never counts here.
func (a *apiAuth) Caller(c *fiber.Ctx) (access.Actor, error) {
	secret, err := proxy.Credential(&c.Request().Header, a.keyHeader())
	if err != nil {
		return access.Actor{}, err
	}
	actor, err := a.who(c, secret)
	if err != nil {
		return access.Actor{}, err
	}
	route := c.Route().Path[len(a.prefix):]
	if actor.Key != nil && len(actor.Key.Routes) > 0 && !policy.RouteAllowed(actor.Key.Routes, route) {
		return access.Actor{}, fault.Newf(fault.Forbidden, "Virtual key is not allowed to call this route. Only allowed to call routes: %v. Tried to call route: %s",
			actor.Key.Routes, route).WithType("auth_error")
	}
	general := a.general()
	if !policy.RouteAllowed(general.AllowedRoutes, route) {
		return access.Actor{}, fault.Newf(fault.Forbidden, "Route %s is not among the allowed_routes of this gateway.", route).WithType("auth_error")
	}
	actor.AdminOnly = general.AdminOnlyRoutes
	return a.sign(c, actor), nil
}

// who is behind a secret: the master key, what custom_auth says, a signed token, a key.
func (a *apiAuth) who(c *fiber.Ctx, secret string) (access.Actor, error) {
	switch {
	case a.identity.IsMaster(secret):
		return access.Master(), nil
	case a.hooks.HasAuth():
		return a.ask(c, secret)
	case a.tokens.Signed([]byte(secret)):
		return a.token(c, secret)
	}
	return a.identity.Secret(c.UserContext(), secret)
}

// token is the caller of a signed token: a person with the role that they have here, an admin by the token's scope, or a
// team.
func (a *apiAuth) token(c *fiber.Ctx, secret string) (access.Actor, error) {
	t, err := a.tokens.Caller(c.UserContext(), a.snapshot(), []byte(secret))
	if err != nil {
		return access.Actor{}, err
	}
	actor := access.Actor{UserID: t.UserID}
	if t.UserID != "" {
		person, known, err := a.identity.Known(c.UserContext(), t.UserID)
		if err != nil {
			return access.Actor{}, err
		}
		if known {
			actor = person
		}
	}
	actor.Key = &access.Via{ID: t.KeyID, Hash: t.KeyHash, TeamID: t.TeamID, OrgID: t.OrgID}
	switch {
	case t.Admin:
		actor.Role, actor.Key.Routes = models.RoleAdmin, t.Routes
	case t.TeamID != "":
		actor.Key.Routes = t.TeamRoutes()
	}
	return actor, nil
}

// ask lets custom_auth say who the caller is; it replaces the look-up of keys here as it does for calls to models.
func (a *apiAuth) ask(c *fiber.Ctx, secret string) (access.Actor, error) {
	req := hooks.Request{Method: c.Method(), Path: c.Path(), Headers: map[string]string{}, Query: c.Queries(), ClientIP: a.clientIP(c)}
	c.Request().Header.VisitAll(func(k, v []byte) { req.Headers[strings.ToLower(string(k))] = string(v) })
	g, err := a.hooks.Authenticate(c.UserContext(), req, secret)
	if err != nil {
		return access.Actor{}, refused(err)
	}
	k := hookKey(g, secret)
	actor := access.Actor{UserID: g.UserID, Role: g.UserRole}
	if g.UserID != "" {
		// A person whom Gatehouse knows keeps their teams; the rule's role wins over the row's.
		person, known, err := a.identity.Known(c.UserContext(), g.UserID)
		if err != nil {
			return access.Actor{}, err
		}
		if known {
			actor = person
		}
		if g.UserRole != "" {
			actor.Role = g.UserRole
		}
	}
	actor.Key = &access.Via{ID: k.ID, Hash: k.Hash, TeamID: g.TeamID, OrgID: g.OrgID, Models: g.Models, Routes: g.AllowedRoutes, MaxBudget: g.MaxBudget}
	return actor, nil
}

// Anonymous is the caller of a public route.
func (a *apiAuth) Anonymous(c *fiber.Ctx) access.Actor { return a.sign(c, access.Actor{}) }

func (a *apiAuth) sign(c *fiber.Ctx, actor access.Actor) access.Actor {
	actor.IP, actor.RequestID = a.clientIP(c), web.RequestID(c)
	actor.ChangedBy = c.Get("litellm-changed-by")
	return actor
}
