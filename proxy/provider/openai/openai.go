// Package openai is every provider that speaks OpenAI's wire: a table of where they are and the edits that some of
// them need. The client's JSON passes through but for those.
package openai

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"gatehouse/models"
	"gatehouse/proxy/provider"
	"gatehouse/proxy/wire"
)

// Vendor is a provider of the table. It satisfies provider.Provider.
type Vendor struct {
	name string
	v    vendor
}

// New returns the provider of that name (the prefix of litellm_params.model); nil when the table has none.
func New(name string) *Vendor {
	v, ok := vendors[name]
	if !ok {
		return nil
	}
	return &Vendor{name, v}
}

// Names lists the providers of the table in order.
func Names() []string {
	names := make([]string, 0, len(vendors))
	for name := range vendors {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Wire is OpenAI's.
func (p *Vendor) Wire() provider.Wire { return provider.OpenAI }

const defaultAzureVersion = "2024-10-21"

// Ready compiles a deployment.
func (p *Vendor) Ready(d *models.Deployment, env func(string) string) (*provider.Target, error) {
	base, err := p.base(d, env)
	if err != nil {
		return nil, err
	}
	t := &provider.Target{Base: base, MoneyUsage: p.v.moneyOut, NoUsageOpt: p.v.quirks&mistralNames != 0}
	if p.v.quirks&azurePaths != 0 {
		p.azure(t, d, env)
	}
	key := d.APIKey.Reveal()
	if key == "" {
		key = firstOf(env, p.v.keys)
	}
	h, err := provider.AppendHeader(nil, "Host", t.Base.Name)
	if err != nil {
		return nil, err
	}
	switch {
	case key != "" && p.v.header != "":
		h, err = provider.AppendHeader(h, p.v.header, key)
	case key != "":
		h, err = provider.AppendHeader(h, "Authorization", "Bearer "+key)
	case p.v.quirks&azurePaths != 0 && env("AZURE_AD_TOKEN") != "":
		h, err = provider.AppendHeader(h, "Authorization", "Bearer "+env("AZURE_AD_TOKEN"))
	case !p.v.noKey && len(p.v.keys) > 0 && d.APIBase == "":
		return nil, fmt.Errorf("no api_key, and %s is not set", strings.Join(p.v.keys, " and "))
	}
	if err != nil {
		return nil, fmt.Errorf("api_key: %w", err)
	}
	if p.v.quirks&organization != 0 {
		org := d.Organization
		if org == "" && d.APIBase == "" {
			org = env("OPENAI_ORGANIZATION")
		}
		if org != "" {
			if h, err = provider.AppendHeader(h, "OpenAI-Organization", org); err != nil {
				return nil, fmt.Errorf("organization: %w", err)
			}
		}
	}
	for _, e := range p.v.extra {
		if v := env(e.env); v != "" {
			if h, err = provider.AppendHeader(h, e.header, v); err != nil {
				return nil, fmt.Errorf("%s: %w", e.env, err)
			}
		}
	}
	t.Head = append(h, "Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\nUser-Agent: gatehouse\r\n"...)
	return t, nil
}

func (p *Vendor) base(d *models.Deployment, env func(string) string) (provider.Base, error) {
	text := d.APIBase
	if text == "" {
		text = firstOf(env, p.v.bases)
	}
	if text == "" {
		text = p.v.base
	}
	if text == "" {
		return provider.Base{}, errors.New("no api_base: " + p.v.display + " has no address of its own")
	}
	if p.v.quirks&regionInHost != 0 {
		region := firstOf(env, []string{"AWS_REGION_NAME", "AWS_REGION"})
		if s, ok := d.Defaults["aws_region_name"].(string); ok && s != "" {
			region = s
		}
		if region == "" {
			region = "us-west-2"
		}
		text = strings.ReplaceAll(text, "{region}", region)
	}
	b, err := provider.ParseBase(text)
	if err != nil {
		return b, fmt.Errorf("%w", err)
	}
	if p.v.v1 && b.Path == "" {
		b.Path = "/v1"
	}
	return b, nil
}

// azure settles the API version and whether the base is that of Azure's v1 API, which has no version and no model in
// its paths.
func (p *Vendor) azure(t *provider.Target, d *models.Deployment, env func(string) string) {
	t.APIVersion = d.APIVersion
	if t.APIVersion == "" {
		t.APIVersion = env("AZURE_API_VERSION")
	}
	if strings.HasSuffix(t.Base.Path, "/openai/v1") {
		t.APIVersion = ""
		return
	}
	if t.APIVersion == "" {
		t.APIVersion = defaultAzureVersion
	}
	if v, err := url.ParseQuery(t.Base.Query); err == nil && v.Get("api-version") != "" {
		t.APIVersion = v.Get("api-version")
		t.Base.Query = ""
	}
	t.Base.Path = strings.TrimSuffix(t.Base.Path, "/openai")
}

func firstOf(env func(string) string, names []string) string {
	for _, name := range names {
		if v := env(name); v != "" {
			return v
		}
	}
	return ""
}

// Path appends the path of an operation.
func (p *Vendor) Path(t *provider.Target, dst []byte, op provider.Op, model string) ([]byte, error) {
	var path string
	switch op {
	case provider.Chat:
		path = "/chat/completions"
	case provider.Completion:
		path = "/completions"
	case provider.Embedding:
		path = "/embeddings"
	case provider.Responses:
		path = "/responses"
	case provider.Messages, provider.CountTokens:
		return dst, provider.ErrNoSuchOp
	default:
		return dst, provider.ErrNoSuchOp
	}
	if p.v.quirks&azurePaths == 0 || t.APIVersion == "" {
		return append(dst, path...), nil
	}
	if op == provider.Responses {
		dst = append(dst, "/openai"...)
	} else {
		dst = append(dst, "/openai/deployments/"...)
		dst = append(dst, url.PathEscape(model)...)
	}
	dst = append(dst, path...)
	dst = append(dst, "?api-version="...)
	return append(dst, url.QueryEscape(t.APIVersion)...), nil
}

// Edit applies the provider's quirks to a body.
func (p *Vendor) Edit(t *provider.Target, body *wire.Request, e *provider.Edits) error {
	q := p.v.quirks
	if q&reasoningCap != 0 && e.Op == provider.Chat && wantsCompletionCap(e.Model, t.Deployment.BaseModel) &&
		body.Has(wire.MaxTokens) && !body.Present(wire.MaxCompletionTokens) {
		body.RenameField(wire.MaxTokens, wire.MaxCompletionTokens.Name())
	}
	if q&mistralNames != 0 {
		return p.mistral(body, e)
	}
	if q&noLogprobs != 0 {
		return p.plainSampling(body, e)
	}
	return nil
}

// wantsCompletionCap knows the models that refuse max_tokens: the o-series and gpt-5 and later.
func wantsCompletionCap(model, base string) bool {
	for _, name := range []string{model, base} {
		if i := strings.LastIndexByte(name, '/'); i >= 0 {
			name = name[i+1:]
		}
		if len(name) >= 2 && name[0] == 'o' && name[1] >= '1' && name[1] <= '9' && (len(name) == 2 || name[2] == '-') {
			return true
		}
		if rest, ok := strings.CutPrefix(name, "gpt-"); ok && rest != "" && rest[0] >= '5' && rest[0] <= '9' {
			return true
		}
	}
	return false
}

// mistral knows other names for three parameters and refuses three more.
func (p *Vendor) mistral(body *wire.Request, e *provider.Edits) error {
	if e.Op == provider.Embedding {
		return nil
	}
	for i := range body.Len() {
		switch string(body.Name(i)) {
		case "max_completion_tokens":
			if body.Present(wire.MaxTokens) {
				body.Drop(i)
			} else {
				body.Rename(i, "max_tokens")
			}
		case "seed":
			body.Rename(i, "random_seed")
		case "tool_choice":
			if string(body.Raw(i)) == `"required"` {
				body.Replace(i, []byte(`"any"`))
			}
		case "stream_options", "user":
			body.Drop(i) // what they ask for is done here: usage always comes, the end user is ours to know
		case "logit_bias":
			if err := e.Unsupported(body, i, "logit_bias", p.v.display); err != nil {
				return err //nolint:wrapcheck // the text is for the caller as it is
			}
		}
	}
	return nil
}

// plainSampling refuses log probabilities and more than one choice.
func (p *Vendor) plainSampling(body *wire.Request, e *provider.Edits) error {
	if e.Op == provider.Embedding {
		return nil
	}
	for i := range body.Len() {
		name := string(body.Name(i))
		raw := body.Raw(i)
		refuse := false
		switch name {
		case "logprobs":
			refuse = !wire.Null(raw) && !bytes.Equal(raw, []byte("false"))
		case "top_logprobs":
			refuse = !wire.Null(raw)
		case "n":
			n, ok := wire.Int(raw)
			refuse = ok && n > 1
		}
		if refuse {
			if err := e.Unsupported(body, i, name, p.v.display); err != nil {
				return err //nolint:wrapcheck // as above
			}
		}
	}
	return nil
}

// Finish brings a finish reason that only one provider knows to OpenAI's word; "" means that it stays.
func Finish(raw []byte) string {
	switch string(raw) {
	case `"model_length"`: // Mistral
		return "length"
	case `"eos"`: // Together
		return "stop"
	}
	return ""
}
