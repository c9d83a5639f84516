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
			Method: "GET", Path: "/health", Action: access.HealthRead, Tag: "health", Doc: "The deployments, by whether they are served calls. No call is made.",
			Example: "model=demo",
		}, h.deployments),
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

type deploymentQuery struct {
	Model string `query:"model"`
}

// deploymentHealth is one deployment as /health shows it.
type deploymentHealth struct {
	ModelName string `json:"model_name"`
	Model     string `json:"model"`
	ModelID   string `json:"model_id"`
	Provider  string `json:"custom_llm_provider"`
	APIBase   any    `json:"api_base"`
	Error     string `json:"error,omitempty"`
}

type deploymentsAnswer struct {
	Healthy   []deploymentHealth `json:"healthy_endpoints"`
	Unhealthy []deploymentHealth `json:"unhealthy_endpoints"`
	Good      int                `json:"healthy_count"`
	Bad       int                `json:"unhealthy_count"`
}

func (h *Handlers) deployments(c *fiber.Ctx, in deploymentQuery) (deploymentsAnswer, error) {
	out := deploymentsAnswer{Healthy: []deploymentHealth{}, Unhealthy: []deploymentHealth{}}
	views, err := h.Models.List(c.UserContext(), web.Actor(c), "")
	if err != nil {
		return out, err
	}
	for i := range views {
		v := &views[i]
		if in.Model != "" && v.ModelName != in.Model {
			continue
		}
		d := deploymentHealth{ModelName: v.ModelName, Model: v.Model, ModelID: v.ID, Provider: v.Provider, APIBase: v.Params["api_base"], Error: v.Disabled}
		healthy := v.Disabled == ""
		if healthy {
			healthy, d.Error = h.Health.Deployment(v.ID)
		}
		if healthy {
			out.Healthy = append(out.Healthy, d)
		} else {
			out.Unhealthy = append(out.Unhealthy, d)
		}
	}
	out.Good, out.Bad = len(out.Healthy), len(out.Unhealthy)
	return out, nil
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
