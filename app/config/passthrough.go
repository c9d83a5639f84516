package config

import (
	"net/url"
	"regexp"
	"strings"

	"gatehouse/models"
)

// PassEndpoint is one of general_settings.pass_through_endpoints: a route of the operator's own.
type PassEndpoint struct {
	Path    string
	Target  string
	Headers map[string]models.Secret // sent with every request
	Subpath bool                     // include_subpath: what follows Path goes upstream too
	Open    bool                     // auth: false; needs no key
	Forward bool                     // forward_headers
	Cost    *models.Nano             // cost_per_request; nil = none
}

// ownSegments are the first segments of paths that Gatehouse itself serves; no endpoint may take one.
//
//nolint:gochecknoglobals // a table, never written
var ownSegments = map[string]bool{
	"": true, "ui": true, "key": true, "user": true, "team": true, "organization": true, "budget": true, "customer": true, "end_user": true,
	"model": true, "models": true, "model_group": true, "spend": true, "global": true, "sso": true, "login": true, "logout": true, "health": true,
	"metrics": true, "cache": true, "config": true, "invitation": true, "onboarding": true, "audit": true, "access_group": true, "tag": true,
	"static": true, "api": true, "openapi.json": true, "docs": true, "utils": true, "routes": true, "scim": true, "fallback": true, "v2": true,
	"get": true, "settings": true, "test": true, "activity": true,
}

// passEndpoints reads the list. An entry that cannot be used is left out with a warning.
func (l *loader) passEndpoints(r ref) []PassEndpoint {
	if r.isNull() {
		return nil
	}
	if r.kind != kindList {
		l.mismatch(r, may, "a list of routes")
		return nil
	}
	var out []PassEndpoint
	taken := map[string]bool{}
	for i, v := range r.list {
		s := l.section(ref{v, indexed(r.path, i)}, may)
		if s.v == nil {
			continue
		}
		e := PassEndpoint{
			Path: strings.TrimRight(l.text(s.ref("path"), may), "/"), Target: l.text(s.ref("target"), may),
			Subpath: l.boolean(s.ref("include_subpath"), may, false), Open: !l.boolean(s.ref("auth"), may, true),
			Forward: l.boolean(s.ref("forward_headers"), may, false), Headers: l.passHeaders(s.ref("headers")),
			Cost: l.money(s.ref("cost_per_request"), may),
		}
		s.accept("id", "description")
		s.done()
		if problem := e.problem(); problem != "" {
			l.warn(v, s.path, "%s; this route serves nothing", problem)
			continue
		}
		if taken[e.Path] {
			l.warn(v, s.path, "has the path of an earlier route; this route serves nothing")
			continue
		}
		taken[e.Path] = true
		if e.Open {
			l.warn(v, s.path, "auth is false: anybody who reaches Gatehouse can use this route, with the credentials in its headers")
		}
		out = append(out, e)
	}
	return out
}

// problem is why a route cannot be served; "" when it can.
func (e *PassEndpoint) problem() string {
	if !strings.HasPrefix(e.Path, "/") || strings.ContainsAny(e.Path, "?#%\\ {}*") || strings.Contains(e.Path, "//") || strings.Contains(e.Path+"/", "/../") {
		return "path must be a plain path such as /v1/my-service"
	}
	first, rest, _ := strings.Cut(e.Path[1:], "/")
	if ownSegments[first] || first == "v1" && rest == "" {
		return "path belongs to Gatehouse itself"
	}
	if u, err := url.Parse(e.Target); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		return "target must be an http or https URL without a user"
	}
	return ""
}

// embedded finds a variable within a text, as LiteLLM's documents write it: "bearer os.environ/COHERE_API_KEY".
//
//nolint:gochecknoglobals // compiled once, never written
var embedded = regexp.MustCompile(`os\.environ/([A-Za-z_][A-Za-z0-9_]*)`)

// passHeaders reads headers. All are secret: they are where credentials are put.
func (l *loader) passHeaders(r ref) map[string]models.Secret {
	s := l.section(r, may)
	if s.v == nil {
		return nil
	}
	out := map[string]models.Secret{}
	for _, name := range s.v.names {
		h := s.ref(name)
		missing := missingBelow(h.value)
		text := embedded.ReplaceAllStringFunc(l.text(h, may), func(match string) string {
			variable := strings.TrimPrefix(match, "os.environ/")
			if l.env[variable] == "" {
				missing = append(missing, variable)
			}
			return l.env[variable]
		})
		for _, variable := range missing {
			l.warn(h.value, h.path, "environment variable %s is not set", variable)
		}
		if text != "" {
			out[name] = models.NewSecret(text)
		}
	}
	return out
}

// passDefaults are the credentials of the environment by provider, for what is passed through to models that nobody
// configured. Providers whose variables are not set are left out.
func passDefaults(getenv func(string) string) map[string]models.Deployment {
	out := map[string]models.Deployment{}
	for _, provider := range [...]string{"anthropic", "openai", "azure", "gemini", "vertex_ai", "bedrock", "cohere", "mistral", "hosted_vllm"} {
		if offered(provider, getenv) {
			out[provider] = entry(provider+"/*", map[string]any{"model": provider + "/*"}, getenv)
		}
	}
	return out
}

// Deployment is the route as the data plane sends to it.
func (e *PassEndpoint) Deployment(provider string) models.Deployment {
	d := models.Deployment{
		ID: "pass-through" + e.Path, ModelName: e.Path, Provider: provider, Model: "*", APIBase: e.Target, FromConfig: true,
		Params: map[string]any{}, Defaults: map[string]any{}, Prices: map[string]any{}, Secrets: map[string]models.Secret{},
	}
	for name, value := range e.Headers {
		d.Secrets["headers."+name] = value
	}
	if e.Cost != nil {
		d.Prices["cost_per_request"] = e.Cost.String()
	}
	return d
}
