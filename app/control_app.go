package app

import (
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"gatehouse/app/api"
	"gatehouse/app/config"
	"gatehouse/app/portal"
	"gatehouse/app/session"
	"gatehouse/app/web"
	"gatehouse/proxy/tokens"
)

// controlApp is the control plane's half of the server: the admin API, its pages, and the portal.
func (p *process) controlApp(cfg *config.Config) (*fiber.App, error) {
	if err := p.openSSO(cfg); err != nil {
		return nil, err
	}
	ip := clientIP(p.cfg.Load)
	o := web.Options{Log: p.log, Now: p.now, BaseURL: cfg.Server.BaseURL, RootPath: cfg.Server.RootPath, ClientIP: ip, Guard: p.health.Guard}
	if cfg.UI.LogoutURL != "" {
		o.FormActions = append(o.FormActions, originOf(cfg.UI.LogoutURL))
	}
	sessions := session.New(session.Options{
		Rows: p.store, Identity: p.services.Identity, Audit: p.services.Audit, Secure: o.Secure(), Now: p.now, ClientIP: ip, RequestID: web.RequestID,
		Lengths: func() session.Lengths {
			c := p.cfg.Load()
			return session.Lengths{Absolute: c.UI.SessionLength, Idle: c.Gatehouse.SessionIdle, IdleAdmin: c.Gatehouse.SessionIdleAdmin}
		},
	})
	picture, shown := p.openLogo(cfg), ""
	if picture.own {
		shown = cfg.Server.RootPath + logoRoute
	}
	pages := portal.New(portal.Options{
		Logo:     shown,
		Services: p.services, Sessions: sessions, Web: o, Policy: p.policy.Load, Version: p.opt.Version, Log: p.log, Now: p.now,
		APIBase: p.apiBase, Healthy: func() bool { _, ready := p.health.Readiness(); return ready },
		SSO: p.sso.Load, PublicBase: p.publicBase,
	})
	o.ErrorPage = pages.ErrorPage
	app := web.New(o)
	handlers := &api.Handlers{
		Services: p.services, Version: p.opt.Version, RootPath: cfg.Server.RootPath, Now: p.now, Zone: func() *time.Location { return p.policy.Load().Zone() },
		Health: p.health, Base: p.publicBase,
		UISettings: p.uiSettings,

		ProviderBudgets: p.providerBudgets,
		Known:           p.knownOf,
		CountTokens:     tokens.CountChat,
		TryService:      p.testService,
		MetricsOpen:     func() bool { return !p.cfg.Load().General.MetricsAuth },
	}
	if p.metrics != nil {
		handlers.Metrics = p.metrics.Text
	}
	picture.register(app, cfg.Server.RootPath)
	if root := cfg.Server.RootPath; root != "" {
		handlers.RegisterProbes(app)
		app.Get(root, func(c *fiber.Ctx) error { return c.Redirect(root+"/", fiber.StatusFound) })
	}
	ops := handlers.Ops()
	app.Use(p.allowedAddress(ip))
	if !cfg.UI.Disabled {
		app.Use(portal.Provide(p.portalExtra(cfg)))
		pages.Register(app)
	} else {
		pages.RegisterOff(app)
	}
	auth := &apiAuth{
		identity: p.services.Identity, hooks: p.hooks, tokens: p.tokens, snapshot: p.ring.Snapshot, clientIP: ip, prefix: cfg.Server.RootPath,
		keyHeader: func() string { return p.cfg.Load().General.KeyHeader },
		general:   func() *config.General { return &p.cfg.Load().General },
	}
	api.Register(app, cfg.Server.RootPath, auth, ops)
	handlers.RegisterScim(app, cfg.Server.RootPath, auth)
	docs := api.Docs{
		Version: p.opt.Version, Prefix: cfg.Server.RootPath, Path: cfg.Server.DocsURL, Redoc: cfg.Server.RedocURL, Hidden: cfg.Server.NoDocs, Root: cfg.Server.RootRedirect, Frame: pages.Frame,
	}
	if cfg.Server.NoRedoc {
		docs.Redoc = ""
	}
	if err := docs.Register(app, ops); err != nil {
		return nil, err
	}
	app.Use(func(*fiber.Ctx) error { return fiber.ErrNotFound })
	return app, nil
}

// apiBase is what clients put as their base URL.
func (p *process) apiBase(c *fiber.Ctx) string { return p.publicBase(c) + "/v1" }

func (p *process) uiSettings() api.UISettings {
	c := p.cfg.Load()
	return api.UISettings{
		BaseURL: orNil(c.Server.BaseURL), LogoutURL: orNil(c.UI.LogoutURL), DefaultTeamDisabled: c.General.DefaultTeamDisabled, SSOEnabled: c.SSO.Any(),
	}
}

// originOf is the scheme and host of a URL that config has checked.
func originOf(raw string) string {
	scheme, rest, _ := strings.Cut(raw, "://")
	host, _, _ := strings.Cut(rest, "/")
	return scheme + "://" + host
}
