package provider

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"

	"gatehouse/models"
	"gatehouse/proxy/price"
	"gatehouse/proxy/wire"
)

// Registry makes deployments ready and remembers them while they stay the same. Safe for concurrent use.
type Registry struct {
	client    *Client
	providers func(*models.Deployment) Provider // nil for one that is not known
	trusted   Dialer                            // for deployments of config.yaml, which may name any address
	checked   Dialer                            // for deployments made through the API
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
	Providers func(*models.Deployment) Provider
	Trusted   Dialer
	Checked   Dialer
	Log       *slog.Logger
}

// NewRegistry makes a registry.
func NewRegistry(o RegistryOptions) *Registry {
	return &Registry{
		client: o.Client, providers: o.Providers, trusted: o.Trusted, checked: o.Checked, log: o.Log,
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

// Fresh makes a deployment ready for one call and remembers nothing.
func (r *Registry) Fresh(d *models.Deployment) (*Target, error) { return r.make(d) }

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
	p := r.providers(d)
	if p == nil {
		return nil, fmt.Errorf("provider %q has no upstream here", d.Provider)
	}
	t, err := p.Ready(d)
	if err != nil {
		return nil, fmt.Errorf("make deployment ready: %w", err)
	}
	t.Deployment, t.Provider = d, p
	t.ModelJSON, t.Shown = wire.AppendString(nil, d.Model), t.Base.String()
	if err := t.params(d); err != nil {
		return nil, err
	}
	if t.Custom, _, err = price.FromConfig(d.Prices); err != nil {
		return nil, fmt.Errorf("price: %w", err)
	}
	dialer := r.checked
	if d.FromConfig {
		dialer = r.trusted
	}
	t.Host = r.client.Host(t.Base.Addr, t.Base.TLS, dialer)
	if a, ok := p.(Authorizer); ok {
		if t.Credential, err = a.Credential(t, r.env(dialer, d.FromConfig)); err != nil {
			return nil, fmt.Errorf("credential: %w", err)
		}
	}
	t.prepare()
	return t, nil
}

// params reads the deployment's default parameters and the litellm_params that say how to edit a body.
func (t *Target) params(d *models.Deployment) error {
	t.DropParams, _ = d.Params["drop_params"].(bool)
	t.Drop = texts(d.Params["additional_drop_params"])
	t.Allowed = texts(d.Params["allowed_openai_params"])
	for _, name := range slices.Sorted(maps.Keys(d.Defaults)) {
		if wire.Private(name) || name == "model" || name == "stream" {
			continue
		}
		raw, err := json.Marshal(d.Defaults[name])
		if err != nil {
			return fmt.Errorf("litellm_params.%s: %w", name, err)
		}
		t.Defaults = append(t.Defaults, Param{name, raw})
	}
	headers := d.ExtraHeaders()
	var err error
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		if !token(name) {
			return fmt.Errorf("litellm_params.extra_headers: %q is no header that can be set", name)
		}
		if t.Head, err = AppendHeader(t.Head, name, headers[name].Reveal()); err != nil {
			return fmt.Errorf("litellm_params.extra_headers: %w", err)
		}
	}
	host, err := AppendHeader(nil, "Host", t.Base.Name)
	if err != nil {
		return fmt.Errorf("api_base: %w", err)
	}
	t.Head = append(append(host, "User-Agent: gatehouse\r\n"...), t.Head...)
	return nil
}

// token says whether name may be a header's name that a deployment sets: not one of the message's own.
func token(name string) bool {
	switch strings.ToLower(name) {
	case "", "host", "content-length", "transfer-encoding", "connection":
		return false
	}
	return strings.IndexFunc(name, func(r rune) bool {
		return r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}) < 0
}

func texts(v any) []string {
	switch list := v.(type) {
	case []string:
		return list
	case []any:
		var out []string
		for _, item := range list {
			if s, ok := item.(string); ok {
				out = append(out, s)
			}
		}
		return out
	}
	return nil
}
