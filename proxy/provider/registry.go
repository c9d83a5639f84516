package provider

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"gatehouse/models"
	"gatehouse/proxy/wire"
)

// Registry makes deployments ready and remembers them while they stay the same. Safe for concurrent use.
type Registry struct {
	client    *Client
	providers func(name string) Provider // nil for a name that is not known
	env       func(string) string
	trusted   Dialer // for deployments of config.yaml, which may name any address
	checked   Dialer // for deployments made through the API
	log       *slog.Logger

	mu    sync.RWMutex
	ready map[string]entry // by deployment id
}

type entry struct {
	of     *models.Deployment
	target *Target
	err    error
}

// RegistryOptions are the parts of a Registry. All of them are needed.
type RegistryOptions struct {
	Client    *Client
	Providers func(name string) Provider
	Env       func(string) string
	Trusted   Dialer
	Checked   Dialer
	Log       *slog.Logger
}

// NewRegistry makes a registry.
func NewRegistry(o RegistryOptions) *Registry {
	return &Registry{
		client: o.Client, providers: o.Providers, env: o.Env, trusted: o.Trusted, checked: o.Checked, log: o.Log,
		ready: map[string]entry{},
	}
}

// Target returns the deployment made ready. The same error is returned for as long as the deployment stays the same.
func (r *Registry) Target(d *models.Deployment) (*Target, error) {
	r.mu.RLock()
	e, ok := r.ready[d.ID]
	r.mu.RUnlock()
	if ok && e.of == d {
		return e.target, e.err
	}
	e = entry{of: d}
	e.target, e.err = r.make(d)
	if e.err != nil {
		r.log.Warn("deployment cannot serve", slog.String("deployment_id", d.ID), slog.String("model_group", d.ModelName),
			slog.String("reason", e.err.Error()))
	}
	r.mu.Lock()
	r.ready[d.ID] = e
	r.mu.Unlock()
	return e.target, e.err
}

// Forget drops every deployment that keep does not know any more.
func (r *Registry) Forget(keep func(id string) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id := range r.ready {
		if !keep(id) {
			delete(r.ready, id)
		}
	}
}

func (r *Registry) make(d *models.Deployment) (*Target, error) {
	p := r.providers(d.Provider)
	if p == nil {
		return nil, fmt.Errorf("provider %q is not known", d.Provider)
	}
	t, err := p.Ready(d, r.env)
	if err != nil {
		return nil, fmt.Errorf("make deployment ready: %w", err)
	}
	t.Deployment, t.Provider = d, p
	if err := t.params(d); err != nil {
		return nil, err
	}
	dialer := r.checked
	if d.FromConfig {
		dialer = r.trusted
	}
	t.Host = r.client.Host(t.Base.Addr, t.Base.TLS, dialer)
	t.prepare()
	return t, nil
}

// ownParams are litellm_params that steer the gateway and are no request fields.
var ownParams = []string{ //nolint:gochecknoglobals // a table
	"region_name", "model_info", "custom_llm_provider", "organization", "use_in_pass_through", "merge_reasoning_content_in_choices",
	"litellm_credential_name", "configurable_clientside_auth_params", "max_budget", "budget_duration", "supports_system_message",
	"disable_add_transform_inline_image_block", "health_check_model", "extra_headers", "vertex_project", "vertex_location",
}

// params reads the deployment's default parameters; those that are the gateway's own are not sent.
func (t *Target) params(d *models.Deployment) error {
	names := make([]string, 0, len(d.Defaults))
	for name := range d.Defaults {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		value := d.Defaults[name]
		switch name {
		case "drop_params":
			t.DropParams, _ = value.(bool)
			continue
		case "additional_drop_params":
			t.Drop = texts(value)
			continue
		case "allowed_openai_params":
			t.Allowed = texts(value)
			continue
		}
		if wire.Private(name) || name == "model" || name == "stream" || slices.Contains(ownParams, name) || strings.HasSuffix(name, "_cost") ||
			strings.Contains(name, "_cost_per_") || strings.HasPrefix(name, "aws_") {
			continue
		}
		raw, err := json.Marshal(value)
		if err != nil {
			return fmt.Errorf("litellm_params.%s: %w", name, err)
		}
		t.Defaults = append(t.Defaults, Param{name, raw})
	}
	return nil
}

func texts(v any) []string {
	list, ok := v.([]any)
	if !ok {
		if list, ok := v.([]string); ok {
			return list
		}
		return nil
	}
	var out []string
	for _, item := range list {
		if s, ok := item.(string); ok {
			out = append(out, s)
		}
	}
	return out
}
