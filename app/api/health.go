package api

import (
	"github.com/gofiber/fiber/v2"

	"gatehouse/app/access"
	"gatehouse/app/web"
	"gatehouse/models/fault"
)

func (h *Handlers) healthOps() []Op {
	return []Op{
		op(Op{Method: "GET", Path: "/health/liveliness", Aliases: []string{"/health/liveness"}, Public: true, Tag: "health", Doc: "The process runs."}, h.liveness),
		op(Op{Method: "GET", Path: "/health/readiness", Public: true, Tag: "health", Doc: "Calls can be served. 503 while they cannot.", Down: true}, h.readiness),
		op(Op{
			Method: "GET", Path: "/health", Action: access.HealthRead, Tag: "health",
			Doc:     "Calls every deployment, or those of a model, and tells which of them serve. With background_health_checks: what those found last.",
			Example: "model=demo",
		}, h.deployments),
		op(Op{
			Method: "POST", Path: "/health/test_connection", Action: access.HealthTest, Tag: "health",
			Doc:     "Makes one call to a deployment that is not stored, to see whether it would serve.",
			Example: `{"mode":"chat","litellm_params":{"model":"openai/gpt-4o","api_key":"upstream-secret","mock_response":"hello"}}`,
		}, h.tryConnection),
		op(Op{
			Method: "GET", Path: "/health/services", Action: access.HealthTest, Tag: "health",
			Doc: "Sends a test mail (service=email, to TEST_EMAIL_ADDRESS or to who asks) or a test alert (service=webhook, slack).", Example: "service=email",
		}, h.tryService),
		op(Op{
			Method: "GET", Path: "/metrics", Action: access.HealthRead, Open: h.metricsOpen, Media: metricsMedia, Tag: "health",
			Doc: "Counts for Prometheus; there when litellm_settings.callbacks has prometheus.",
		}, h.metrics),
		op(Op{Method: "GET", Path: "/routes", Public: true, Tag: "portal", Doc: "Every operation of this document, as a list."}, h.routes),
		op(Op{
			Method: "GET", Path: "/sso/get/ui_settings", Aliases: []string{"/get/ui_settings"}, Action: access.ModelRead, Tag: "portal",
			Doc: "What a portal needs to know.",
		}, h.uiSettings),
		op(Op{Method: "GET", Path: "/.well-known/litellm-ui-config", Public: true, Tag: "portal", Doc: "Where the portal is."}, h.uiConfig),
	}
}

// RegisterProbes puts the probes on the app without SERVER_ROOT_PATH too: they come from machines that know of no prefix,
// such as Kubernetes with LiteLLM's chart.
func (h *Handlers) RegisterProbes(app *fiber.App) {
	for _, o := range h.healthOps() {
		if o.Path == "/health/liveliness" || o.Path == "/health/readiness" {
			for _, path := range append([]string{o.Path}, o.Aliases...) {
				app.Get(path, o.serve(anonymous{}, path))
			}
		}
	}
}

// anonymous is the Auth of routes that are public anyway.
type anonymous struct{}

func (anonymous) Caller(*fiber.Ctx) (access.Actor, error) {
	return access.Actor{}, fiber.ErrUnauthorized
}
func (anonymous) Anonymous(*fiber.Ctx) access.Actor { return access.Actor{} }

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

const metricsMedia = "text/plain; version=0.0.4; charset=utf-8"

func (h *Handlers) metricsOpen() bool { return h.MetricsOpen() }

func (h *Handlers) metrics(*fiber.Ctx, none) (string, error) {
	if h.Metrics == nil {
		return "", fault.New(fault.NotFound, "Metrics are off. Add prometheus to litellm_settings.callbacks to turn them on.")
	}
	text, err := h.Metrics()
	return string(text), err
}

type routeRow struct {
	Path    string   `json:"path"`
	Methods []string `json:"methods"`
	Name    string   `json:"name"`
}

type routesAnswer struct {
	Routes []routeRow `json:"routes"`
}

func (h *Handlers) routes(*fiber.Ctx, none) (routesAnswer, error) {
	out := routesAnswer{Routes: []routeRow{}}
	for _, o := range h.Ops() {
		for _, path := range append([]string{o.Path}, o.Aliases...) {
			out.Routes = append(out.Routes, routeRow{Path: templatePath(path), Methods: []string{o.Method}, Name: o.Doc})
		}
	}
	return out, nil
}

type serviceQuery struct {
	Service string `query:"service" doc:"email, webhook or slack"`
}

type serviceAnswer struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

// tryService tells an admin whether mails and alerts arrive. What a server said is for admins alone.
func (h *Handlers) tryService(c *fiber.Ctx, in serviceQuery) (serviceAnswer, error) {
	if in.Service == "" {
		return serviceAnswer{}, fault.Missing("service")
	}
	done, err := h.TryService(c.UserContext(), web.Actor(c), in.Service)
	return serviceAnswer{Status: "success", Message: done}, err
}
