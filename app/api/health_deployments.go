package api

import (
	"encoding/json"
	"net/http"

	"github.com/gofiber/fiber/v2"

	"gatehouse/app/web"
	"gatehouse/models"
)

type deploymentQuery struct {
	Model   string `query:"model" doc:"a public name; empty: all"`
	ModelID string `query:"model_id" doc:"one deployment"`
}

// deploymentHealth is one deployment as /health shows it, without credentials.
type deploymentHealth struct {
	ModelName string       `json:"model_name,omitempty"`
	Model     string       `json:"model"`
	ModelID   string       `json:"model_id,omitempty"`
	Provider  string       `json:"custom_llm_provider"`
	APIBase   any          `json:"api_base"`
	Mode      string       `json:"mode"`
	Error     string       `json:"error,omitempty"`
	Status    int          `json:"status_code,omitempty"`
	Skipped   string       `json:"skipped,omitempty"` // why it was not called
	CheckedAt *models.Time `json:"checked_at,omitempty"`
}

type deploymentsAnswer struct {
	Healthy   []deploymentHealth `json:"healthy_endpoints"`
	Unhealthy []deploymentHealth `json:"unhealthy_endpoints"`
	Good      int                `json:"healthy_count"`
	Bad       int                `json:"unhealthy_count"`
}

// deployments asks every deployment that the query names. Nobody's budget is touched by that.
func (h *Handlers) deployments(c *fiber.Ctx, in deploymentQuery) (deploymentsAnswer, error) {
	out := deploymentsAnswer{Healthy: []deploymentHealth{}, Unhealthy: []deploymentHealth{}}
	views, err := h.Models.List(c.UserContext(), web.Actor(c), in.ModelID)
	if err != nil {
		return out, err
	}
	var ids []string
	for i := range views {
		if in.Model == "" || views[i].ModelName == in.Model {
			ids = append(ids, views[i].ID)
		}
	}
	checks := h.Health.Checks(ids)
	for i := range views {
		v := &views[i]
		if in.Model != "" && v.ModelName != in.Model {
			continue
		}
		row, checked := checks[v.ID]
		if !checked && v.Disabled == "" {
			continue // left out of checks
		}
		mode, _ := v.Info["mode"].(string)
		d := deploymentHealth{ModelName: v.ModelName, Model: v.Model, ModelID: v.ID, Provider: v.Provider, APIBase: v.Params["api_base"], Mode: mode, Error: v.Disabled}
		if text, ok := v.Params["model"].(string); ok {
			d.Model = text
		}
		if checked {
			d.Status, d.CheckedAt = row.Status, &row.CheckedAt
			if row.Healthy {
				d.Skipped = row.Reason
			} else {
				d.Error = row.Reason
			}
		}
		if v.Disabled == "" && row.Healthy {
			out.Healthy = append(out.Healthy, d)
		} else {
			out.Unhealthy = append(out.Unhealthy, d)
		}
	}
	out.Good, out.Bad = len(out.Healthy), len(out.Unhealthy)
	return out, nil
}

type connectionInput struct {
	Mode   string                     `json:"mode" doc:"chat, embedding, ...: in place of model_info's"`
	Params map[string]json.RawMessage `json:"litellm_params"`
	Info   map[string]json.RawMessage `json:"model_info"`
}

type connectionAnswer struct {
	Status string           `json:"status"`
	Result deploymentHealth `json:"result"`
}

// tryConnection is what a form for a new model asks before it is stored.
func (h *Handlers) tryConnection(c *fiber.Ctx, in connectionInput) (connectionAnswer, error) {
	d, err := h.Models.Draft(c.UserContext(), web.Actor(c), in.Mode, in.Params, in.Info)
	if err != nil {
		return connectionAnswer{}, err
	}
	status, reason, err := h.Health.Try(d)
	if err != nil {
		return connectionAnswer{}, err
	}
	out := connectionAnswer{Status: "success", Result: deploymentHealth{Model: d.Model, Provider: d.Provider, APIBase: d.Params["api_base"], Mode: d.Mode, Status: status}}
	if status != http.StatusOK {
		out.Status, out.Result.Error = "error", reason
	}
	return out, nil
}
