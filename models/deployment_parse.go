package models

import (
	"encoding/json"
	"fmt"
	"math/big"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Problem is one thing wrong with a model entry. Path is relative to the entry ("litellm_params.rpm"). A fatal one
// refuses the entry; any other leaves a deployment that serves as Deployment.Disabled says.
type Problem struct {
	Path    string
	Message string // never repeats a value
	Fatal   bool
}

// providers are the prefixes of litellm_params.model that Gatehouse has an upstream for (contract/proxy.md §5).
var providers = [...]string{
	"openai", "azure", "anthropic", "bedrock", "gemini", "vertex_ai", "ollama", "ollama_chat", "huggingface", "fireworks_ai",
	"mistral", "openrouter", "groq", "together_ai", "deepseek", "xai", "cohere", "cohere_chat", "perplexity", "hosted_vllm",
	"custom_openai", "litellm_proxy",
}

// KnownProvider says whether name is a provider prefix.
func KnownProvider(name string) bool { return slices.Contains(providers[:], name) }

// Providers lists the provider prefixes.
func Providers() []string { return slices.Clone(providers[:]) }

// SplitModel divides litellm_params.model into provider and the name there. Without a prefix the provider is told by the
// family of the name, else it is openai. known is false for a prefix that is no provider; provider is then that prefix.
func SplitModel(model string) (provider, name string, known bool) {
	prefix, rest, found := strings.Cut(model, "/")
	if found {
		return prefix, rest, KnownProvider(prefix)
	}
	for _, f := range [...]struct{ prefix, provider string }{
		{"claude", "anthropic"},
		{"gemini", "gemini"},
		{"command", "cohere"},
		{"mistral", "mistral"},
		{"codestral", "mistral"},
		{"deepseek", "deepseek"},
		{"grok", "xai"},
		{"sonar", "perplexity"},
	} {
		if strings.HasPrefix(model, f.prefix) {
			return f.provider, model, true
		}
	}
	return "openai", model, true
}

// modes are the values of model_info.mode that mean something here.
var modes = [...]string{
	"chat", "completion", "embedding", "image_generation", "image_edit", "audio_transcription", "audio_speech", "moderation", "rerank", "responses", "batch", "realtime", "ocr", "search", "video_generation",
}

// ParseDeployment turns one model entry, of config.yaml or of /model/new, into a Deployment. params and info are
// litellm_params and model_info as decoded JSON or YAML (numbers as json.Number, float64, int or text); they are
// not changed. Every problem is reported. Credentials leave Params: api_key for APIKey, all others for Secrets, a
// nested one under its dotted path. Prices hold each price as json.Number. The id, when model_info names none,
// is a hash of everything but credentials, so a changed key keeps it.
func ParseDeployment(modelName string, params, info map[string]any) (Deployment, []Problem) {
	p := &deploymentParser{params: params, info: info}
	d := &p.d
	d.ModelName, d.Secrets, d.Prices, d.Defaults = modelName, map[string]Secret{}, map[string]any{}, map[string]any{}
	if strings.TrimSpace(modelName) == "" {
		p.fatal("model_name", "a model needs a name")
	}
	d.Params = p.withoutSecrets("", params)
	d.Info = p.withoutSecrets("model_info.", info)
	p.model()
	p.upstream()
	p.limits()
	p.prices()
	p.modelInfo()
	p.defaults()
	if d.ID == "" {
		d.ID = deploymentHash(modelName, d.Params, d.Info, "")
	}
	d.Disabled = strings.Join(p.disabled, "; ")
	return p.d, p.problems
}

// Nth gives the id of the nth entry (from 1) among entries that are equal but for their credentials.
func (d Deployment) Nth(n int) string {
	return deploymentHash(d.ModelName, d.Params, d.Info, strconv.Itoa(n))
}

// IsWildcard says whether the public name is a pattern.
func (d Deployment) IsWildcard() bool { return strings.Contains(d.ModelName, "*") }

// ExtraHeaders are the upstream headers of litellm_params (extra_headers, headers). All are secret: they are where
// credentials are put most often.
func (d Deployment) ExtraHeaders() map[string]Secret {
	out := map[string]Secret{}
	for name, value := range d.Secrets {
		for _, prefix := range [...]string{"headers.", "extra_headers."} {
			if header, ok := strings.CutPrefix(name, prefix); ok {
				out[header] = value
			}
		}
	}
	return out
}

type deploymentParser struct {
	params, info map[string]any
	d            Deployment
	problems     []Problem
	disabled     []string
}

func (p *deploymentParser) fatal(path, message string) {
	p.problems = append(p.problems, Problem{Path: path, Message: message, Fatal: true})
}

func (p *deploymentParser) warn(path, message string) {
	p.problems = append(p.problems, Problem{Path: path, Message: message})
}

func (p *deploymentParser) disable(path, format string, args ...any) {
	reason := fmt.Sprintf(format, args...)
	p.disabled = append(p.disabled, reason)
	p.warn(path, reason+"; this deployment serves nothing")
}

// withoutSecrets copies m less its credentials, which go to Secrets under prefix and their path.
func (p *deploymentParser) withoutSecrets(prefix string, m map[string]any) map[string]any {
	out := make(map[string]any, len(m))
	for _, name := range sortedNames(m) {
		path, value := prefix+name, m[name]
		headers, isMap := value.(map[string]any)
		switch {
		case isMap && (path == "extra_headers" || path == "headers"):
			p.takeHeaders(path, headers)
		case value != nil && (IsCredentialName(name) || isHeader(name)):
			p.take(path, value)
		default:
			out[name] = p.strip(path, value)
		}
	}
	return out
}

// isHeader knows a header that was taken out once before and comes back from the database under its dotted path.
func isHeader(name string) bool {
	return strings.HasPrefix(name, "extra_headers.") || strings.HasPrefix(name, "headers.")
}

func (p *deploymentParser) strip(path string, value any) any {
	switch v := value.(type) {
	case map[string]any:
		return p.withoutSecrets(path+".", v)
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = p.strip(fmt.Sprintf("%s[%d]", path, i), e)
		}
		return out
	case string:
		p.refuseReference(path, v)
	}
	return value
}

// refuseReference keeps os.environ/NAME out. Those of config.yaml were replaced before; one that arrives here came over
// the API, where it could send any variable of this process to an address of the sender's choice.
func (p *deploymentParser) refuseReference(path, text string) {
	if strings.HasPrefix(text, "os.environ/") {
		p.fatal("litellm_params."+path, "os.environ/ references are for config.yaml only")
	}
}

func (p *deploymentParser) takeHeaders(path string, headers map[string]any) {
	for name, v := range headers {
		if v != nil {
			p.take(path+"."+name, v)
		}
	}
}

func (p *deploymentParser) take(path string, v any) {
	text, ok := v.(string)
	if !ok {
		b, err := json.Marshal(v)
		if err != nil {
			p.fatal("litellm_params."+path, "cannot be read")
			return
		}
		text = string(b)
	}
	p.refuseReference(path, text)
	switch {
	case text == "":
	case path == "api_key":
		p.d.APIKey = NewSecret(text)
	default:
		p.d.Secrets[path] = NewSecret(text)
	}
}

func (p *deploymentParser) model() {
	text, ok := p.params["model"].(string)
	if !ok || strings.TrimSpace(text) == "" {
		p.fatal("litellm_params.model", "is required: the provider and the model's name there, as in openai/gpt-4o")
		return
	}
	provider, name, known := SplitModel(text)
	if own := p.text("custom_llm_provider"); own != "" {
		provider, known = own, KnownProvider(own)
		name = strings.TrimPrefix(text, own+"/")
	}
	p.d.Provider, p.d.Model = provider, name
	switch {
	case !known:
		p.disable("litellm_params.model", "unknown provider %q", clip(provider))
	case name == "":
		p.fatal("litellm_params.model", "names a provider but no model")
	case strings.Count(name, "*") > strings.Count(p.d.ModelName, "*"):
		p.disable("litellm_params.model", "has more * than model_name, so nothing could stand in for them")
	}
}

func (p *deploymentParser) upstream() {
	d := &p.d
	d.APIBase = p.text("api_base")
	if d.APIBase == "" {
		d.APIBase = p.text("base_url")
	}
	if d.APIBase != "" {
		if u, err := url.Parse(d.APIBase); err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil {
			p.disable("litellm_params.api_base", "api_base is not an http(s) URL without a user name")
			for _, name := range [...]string{"api_base", "base_url"} {
				if text, _ := d.Params[name].(string); strings.Contains(text, "@") {
					d.Params[name] = "***" // it may hold a password
				}
			}
		}
	}
	d.APIVersion, d.Organization = p.text("api_version"), p.text("organization")
	d.Timeout, d.StreamTimeout = p.seconds("timeout"), p.seconds("stream_timeout")
	if v, ok := p.whole("max_retries", false); ok {
		n := int(v)
		d.MaxRetries = &n
	}
	if v, ok := p.params["cooldown_time"]; ok && v != nil {
		n, ok := numberText(v)
		f, err := strconv.ParseFloat(n, 64)
		if !ok || err != nil || f < 0 || f > 1e8 {
			p.warn("litellm_params.cooldown_time", "must be seconds, 0 or more; the default is used")
		} else {
			t := time.Duration(f * float64(time.Second))
			d.CooldownTime = &t
		}
	}
	d.Tags = p.list("litellm_params.tags", p.params["tags"])
	switch mock := p.params["mock_response"].(type) {
	case nil:
	case string:
		d.MockResponse = mock
	default:
		p.warn("litellm_params.mock_response", "must be text; ignored")
	}
}

func (p *deploymentParser) limits() {
	d := &p.d
	for _, l := range [...]struct {
		name string
		to   **int64
	}{{"rpm", &d.RPM}, {"tpm", &d.TPM}, {"max_parallel_requests", &d.MaxParallel}} {
		if v, ok := p.whole(l.name, true); ok {
			*l.to = &v
		}
	}
	if v, ok := p.whole("order", false); ok {
		d.Order = int(v)
	}
	if v := p.params["weight"]; v != nil {
		text, ok := numberText(v)
		f, err := strconv.ParseFloat(text, 64)
		switch {
		case !ok || err != nil:
			p.fatal("litellm_params.weight", "must be a number")
		case f <= 0:
			d.Weight = &f
			p.disable("litellm_params.weight", "weight is not above zero")
		default:
			d.Weight = &f
		}
	}
}

// IsPriceName says whether a key of litellm_params or model_info is a price.
func IsPriceName(name string) bool {
	return strings.Contains(name, "_cost_per_") || strings.Contains(name, "_token_cost") || name == "cost_per_request" || name == "tiered_pricing"
}

func (p *deploymentParser) prices() {
	prices := p.d.Prices
	for _, from := range [...]struct {
		block  string
		values map[string]any
	}{{"litellm_params", p.params}, {"model_info", p.info}} {
		for _, name := range sortedNames(from.values) {
			v := from.values[name]
			if _, have := prices[name]; have || v == nil || !IsPriceName(name) {
				continue
			}
			switch v.(type) {
			case map[string]any, []any:
				prices[name] = copyValue(v)
				continue
			}
			text, ok := numberText(v)
			r, valid := new(big.Rat).SetString(text)
			switch {
			case !ok || !valid:
				p.fatal(from.block+"."+name, "must be a number of USD")
			case r.Sign() < 0:
				p.fatal(from.block+"."+name, "must not be negative")
			default:
				prices[name] = json.Number(text)
			}
		}
	}
	in, out := prices["input_cost_per_token"], prices["output_cost_per_token"]
	mode, _ := p.info["mode"].(string)
	switch {
	case in != nil && out == nil:
		prices["output_cost_per_token"] = json.Number("0")
		if mode != "embedding" && mode != "rerank" && mode != "moderation" {
			p.warn(p.block("input_cost_per_token")+".input_cost_per_token", "only input_cost_per_token is given: output is counted as free")
		}
	case in == nil && out != nil:
		prices["input_cost_per_token"] = json.Number("0")
		p.warn(p.block("output_cost_per_token")+".output_cost_per_token", "only output_cost_per_token is given: input is counted as free")
	}
}

// block says where a price was read.
func (p *deploymentParser) block(name string) string {
	if p.params[name] != nil {
		return "litellm_params"
	}
	return "model_info"
}

func (p *deploymentParser) modelInfo() {
	d := &p.d
	switch id := p.info["id"].(type) {
	case nil:
	case string:
		d.ID = strings.TrimSpace(id)
	default:
		text, ok := numberText(id)
		if !ok {
			p.fatal("model_info.id", "must be text")
		}
		d.ID = text
	}
	d.AccessGroups = p.list("model_info.access_groups", p.info["access_groups"])
	for _, f := range [...]struct {
		name string
		to   *string
	}{{"base_model", &d.BaseModel}, {"mode", &d.Mode}, {"team_id", &d.TeamID}, {"team_public_model_name", &d.TeamPublicName}} {
		switch v := p.info[f.name].(type) {
		case nil:
		case string:
			*f.to = v
		default:
			p.warn("model_info."+f.name, "must be text; ignored")
		}
	}
	if d.BaseModel == "" {
		d.BaseModel = p.text("base_model")
	}
	switch {
	case d.Mode == "":
		d.Mode = "chat"
	case !slices.Contains(modes[:], d.Mode):
		p.warn("model_info.mode", "unknown mode; chat is assumed")
		d.Mode = "chat"
	}
	for name := range d.Secrets {
		if strings.HasPrefix(name, "model_info.") {
			p.warn(name, "looks like a credential and is left out: it belongs under litellm_params")
			delete(d.Secrets, name)
		}
	}
}

// gatewayParams are the litellm_params that steer Gatehouse or the connection and never go upstream in a body.
var gatewayParams = [...]string{
	"model", "api_base", "base_url", "api_version", "organization", "timeout", "stream_timeout", "max_retries", "num_retries", "rpm", "tpm",
	"max_parallel_requests", "weight", "order", "cooldown_time", "tags", "mock_response", "base_model", "custom_llm_provider", "region_name",
	"drop_params", "additional_drop_params", "allowed_openai_params", "extra_headers", "headers", "extra_body", "model_info", "use_in_pass_through",
	"configurable_clientside_auth_params", "max_budget", "budget_duration", "litellm_credential_name", "merge_reasoning_content_in_choices",
	"disable_add_transform_inline_image_block", "tenant_id", "client_id", "caching", "cooldown", "guardrails", "use_litellm_proxy",
	"forward_client_headers_to_llm_api",
}

func (p *deploymentParser) defaults() {
	for name, v := range p.d.Params {
		switch {
		case v == nil, slices.Contains(gatewayParams[:], name), IsPriceName(name):
		case strings.HasPrefix(name, "aws_"), strings.HasPrefix(name, "vertex_"), strings.HasPrefix(name, "azure_"), strings.HasPrefix(name, "litellm_"),
			strings.HasPrefix(name, "auto_router_"), strings.HasPrefix(name, "mock_"):
		default:
			p.d.Defaults[name] = v
		}
	}
	body, ok := p.d.Params["extra_body"].(map[string]any)
	if !ok && p.d.Params["extra_body"] != nil {
		p.warn("litellm_params.extra_body", "must be a map; ignored")
	}
	for name, v := range body {
		p.d.Defaults[name] = v
	}
}
