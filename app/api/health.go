package api

import (
	"github.com/gofiber/fiber/v2"

	"gatehouse/app/access"
)

func (h *Handlers) healthOps() []Op {
	return []Op{
		op(Op{Method: "GET", Path: "/health/liveliness", Aliases: []string{"/health/liveness"}, Public: true, Tag: "health", Doc: "The process runs."}, h.liveness),
		op(Op{Method: "GET", Path: "/health/readiness", Public: true, Tag: "health", Doc: "Calls can be served. 503 while they cannot.", Down: true}, h.readiness),
		op(Op{Method: "GET", Path: "/sso/get/ui_settings", Aliases: []string{"/get/ui_settings"}, Action: access.ModelRead, Tag: "portal",
			Doc: "What a portal needs to know."}, h.uiSettings),
		op(Op{Method: "GET", Path: "/.well-known/litellm-ui-config", Public: true, Tag: "portal", Doc: "Where the portal is."}, h.uiConfig),
		op(Op{Method: "GET", Path: "/cache/ping", Action: access.CachePing, Tag: "cache", Doc: "Whether the response cache answers; 503 while there is none.", Down: true}, h.cachePing),
	}
}

func (h *Handlers) liveness(*fiber.Ctx, none) (string, error) { return "I'm alive!", nil }

func (h *Handlers) readiness(c *fiber.Ctx, _ none) (Readiness, error) {
	r, ready := h.Health.Readiness()
	if r.Callbacks == nil {
		r.Callbacks = []string{}
	}
	if !ready {
		c.Status(fiber.StatusServiceUnavailable)
	}
	return r, nil
}

func (h *Handlers) uiSettings(*fiber.Ctx, none) (UISettings, error) { return h.UISettings(), nil }

type uiConfig struct {
	RootPath string  `json:"server_root_path"`
	BaseURL  *string `json:"proxy_base_url"`
}

func (h *Handlers) uiConfig(*fiber.Ctx, none) (uiConfig, error) {
	return uiConfig{RootPath: h.RootPath, BaseURL: h.UISettings().BaseURL}, nil
}

// cacheState is the answer of /cache/ping: why the cache does not answer.
type cacheState struct {
	Error struct {
		Message string `json:"message"`
		Type    string `json:"type"`
		Param   string `json:"param"`
		Code    string `json:"code"`
	} `json:"error"`
}

func (cacheState) schema(g *schemas) object { return g.failure() }

func (h *Handlers) cachePing(c *fiber.Ctx, _ none) (cacheState, error) {
	var out cacheState
	out.Error.Message, out.Error.Type, out.Error.Param, out.Error.Code = "The response cache is not on.", "cache_ping_error", "None", "503"
	c.Status(fiber.StatusServiceUnavailable)
	return out, nil
}
