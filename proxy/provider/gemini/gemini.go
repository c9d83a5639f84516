// Package gemini is Google's generateContent, at AI Studio and at Vertex AI, which serves Claude and open models too
// (Gemini API v1beta and Vertex AI v1; proxy.md §5.3).
package gemini

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"gatehouse/models"
	"gatehouse/proxy/provider"
	"gatehouse/proxy/provider/anthropic"
	"gatehouse/proxy/wire"
)

// The providers' prefixes.
const (
	Studio = "gemini"
	Vertex = "vertex_ai"
)

const studioBase = "https://generativelanguage.googleapis.com/v1beta"

// claudeVersion is what Vertex wants in a Messages body in place of the header.
const claudeVersion = `"vertex-2023-10-16"`

// Provider is one of the two. It satisfies provider.Provider and provider.Authorizer.
type Provider struct{ vertex bool }

// New returns AI Studio or Vertex.
func New(name string) Provider { return Provider{vertex: name == Vertex} }

// kind is what serves a model at Vertex.
type kind uint8

const (
	google kind = iota
	claude
	open // an OpenAI-compatible endpoint for models of other makers
)

func (p Provider) kind(model string) kind {
	switch {
	case !p.vertex:
		return google
	case strings.HasPrefix(model, "claude"):
		return claude
	case strings.Contains(model, "/"):
		return open
	}
	return google
}

// Wire is generateContent, but for what Vertex serves of others.
func (p Provider) Wire(_ *provider.Target, model string) provider.Wire {
	switch p.kind(model) {
	case claude:
		return provider.Anthropic
	case open:
		return provider.OpenAI
	case google:
	}
	return provider.Gemini
}

// Ready compiles a deployment.
func (p Provider) Ready(d *models.Deployment) (*provider.Target, error) {
	text := d.APIBase
	project, location := place(d)
	switch {
	case text != "":
	case p.vertex:
		if text = "https://aiplatform.googleapis.com"; location != "global" {
			text = "https://" + location + "-aiplatform.googleapis.com"
		}
	default:
		text = studioBase
	}
	base, err := provider.ParseBase(text)
	if err != nil {
		return nil, err //nolint:wrapcheck // says it all
	}
	if !p.vertex && base.Path == "" {
		base.Path = "/v1beta"
	}
	t := &provider.Target{Base: base}
	switch key := d.APIKey.Reveal(); {
	case key != "":
		if t.Head, err = provider.AppendHeader(nil, "X-Goog-Api-Key", key); err != nil {
			return nil, fmt.Errorf("api_key: %w", err)
		}
	case !p.vertex && d.APIBase == "":
		return nil, errors.New("no api_key for Gemini")
	case p.vertex && project == "" && !d.Secrets["vertex_credentials"].IsSet():
		return nil, errors.New("no vertex_project for Vertex AI")
	}
	if strings.ContainsAny(project+location, "/?#% \r\n") {
		return nil, errors.New("vertex_project and vertex_location are plain names")
	}
	t.Head = append(t.Head, "Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n"...)
	return t, nil
}

// place is where at Vertex a deployment is.
func place(d *models.Deployment) (project, location string) {
	text := func(names ...string) string {
		for _, name := range names {
			if s, _ := d.Params[name].(string); s != "" {
				return s
			}
		}
		return ""
	}
	project = text("vertex_project", "vertex_ai_project")
	if location = text("vertex_location", "vertex_ai_location"); location == "" {
		location = "us-central1"
	}
	if project == "" {
		project, _ = wire.String(wire.Lookup([]byte(d.Secrets["vertex_credentials"].Reveal()), "project_id"))
	}
	return project, location
}

// Path appends the path of an operation.
func (p Provider) Path(t *provider.Target, dst []byte, c provider.PathOf) ([]byte, error) {
	action, publisher := "", "google"
	switch k := p.kind(c.Model); {
	case k == claude && c.Op == provider.Messages:
		publisher = "anthropic"
		if action = "rawPredict"; c.Stream {
			action = "streamRawPredict"
		}
	case k == claude && c.Op == provider.CountTokens:
		return append(p.place(t, dst), "/publishers/anthropic/models/count-tokens:rawPredict"...), nil
	case k == open && (c.Op == provider.Chat || c.Op == provider.Completion):
		dst = p.place(t, dst)
		if c.Op == provider.Completion {
			return append(dst, "/endpoints/openapi/completions"...), nil
		}
		return append(dst, "/endpoints/openapi/chat/completions"...), nil
	case k != google:
		return dst, provider.ErrNoSuchOp
	case c.Op == provider.Generate:
		action = "generateContent"
	case c.Op == provider.StreamGenerate:
		action = "streamGenerateContent?alt=sse"
	case c.Op == provider.CountTokens:
		action = "countTokens"
	case c.Op == provider.Embed && p.vertex:
		action = "predict"
	case c.Op == provider.Embed:
		action = "batchEmbedContents"
	default:
		return dst, provider.ErrNoSuchOp
	}
	if p.vertex {
		dst = p.place(t, dst)
		dst = append(dst, "/publishers/"...)
		dst = append(dst, publisher...)
	}
	dst = append(dst, "/models/"...)
	dst = append(dst, url.PathEscape(strings.TrimPrefix(c.Model, "models/"))...)
	dst = append(dst, ':')
	return append(dst, action...), nil
}

// place appends the project and the location; a key alone (express mode) needs neither.
func (Provider) place(t *provider.Target, dst []byte) []byte {
	project, location := place(t.Deployment)
	if t.Base.Path == "" {
		dst = append(dst, "/v1"...)
	}
	if project == "" {
		return dst
	}
	dst = append(dst, "/projects/"...)
	dst = append(dst, project...)
	dst = append(dst, "/locations/"...)
	return append(dst, location...)
}

// Count makes the body of countTokens. At Vertex the model of a Claude stands in the body, as the path has none.
func (p Provider) Count(_ *provider.Target, c provider.PathOf, body []byte) []byte {
	switch {
	case c.Op == provider.Messages:
		var o wire.Object
		if o.Parse(anthropic.Counted(body)) == nil {
			o.Set("model", wire.AppendString(nil, c.Model))
		}
		return o.Append(nil)
	case p.vertex:
		return wire.Only(body, "contents", "systemInstruction", "tools")
	}
	var o wire.Object
	if o.Parse(body) == nil {
		o.Set("model", wire.AppendString(nil, "models/"+strings.TrimPrefix(c.Model, "models/")))
	}
	var out wire.Builder
	out.Raw("generateContentRequest", o.Append(nil))
	return out.Bytes()
}

// Edit makes a Messages body the one that Vertex takes; bodies of Google's own wire are made for it already.
func (p Provider) Edit(_ *provider.Target, body *wire.Request, e *provider.Edits) error {
	if e.Op != provider.Messages {
		return nil
	}
	body.DropField(wire.Model)
	if body.Find("anthropic_version") < 0 {
		body.Add("anthropic_version", []byte(claudeVersion))
	}
	return nil
}
