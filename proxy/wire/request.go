package wire

import (
	"bytes"
	"fmt"
)

// Field is a member of a request body that the gateway reads.
type Field uint8

// The fields that are forwarded, then those that are for the gateway alone and never reach a provider (proxy.md §3).
const (
	Model Field = iota
	Stream
	StreamOptions
	MaxTokens
	MaxCompletionTokens
	MaxOutputTokens
	N
	User
	Store
	SafetyIdentifier
	Messages
	Prompt
	Input
	ServiceTier
	Metadata // forwarded only with "store": true

	LitellmMetadata
	Tags
	Fallbacks
	ContextWindowFallbacks
	ContentPolicyFallbacks
	DisableFallbacks
	NumRetries
	Timeout
	RequestTimeout
	StreamTimeout
	Cache
	MockResponse
	MockTimeout
	MockTestingFallbacks
	MockTestingContextWindowFallbacks
	MockTestingContentPolicyFallbacks
	MockTestingRateLimitError
	DropParams
	AdditionalDropParams
	AllowedOpenAIParams
	Guardrails
	Priority
	APIKey
	APIBase
	BaseURL
	APIVersion
	SessionID
	TraceID
	CallID
	NoLog
	Gatehouse
	ProxyServerRequest
	UserAPIKey
	fields
)

var fieldNames = [fields]string{
	Model: "model", Stream: "stream", StreamOptions: "stream_options", MaxTokens: "max_tokens", MaxCompletionTokens: "max_completion_tokens",
	MaxOutputTokens: "max_output_tokens", N: "n", User: "user", Store: "store", SafetyIdentifier: "safety_identifier",
	Messages: "messages", Prompt: "prompt", Input: "input", ServiceTier: "service_tier", Metadata: "metadata",
	LitellmMetadata: "litellm_metadata", Tags: "tags", Fallbacks: "fallbacks", ContextWindowFallbacks: "context_window_fallbacks",
	ContentPolicyFallbacks: "content_policy_fallbacks", DisableFallbacks: "disable_fallbacks", NumRetries: "num_retries", Timeout: "timeout",
	RequestTimeout: "request_timeout", StreamTimeout: "stream_timeout", Cache: "cache", MockResponse: "mock_response",
	MockTimeout: "mock_timeout", MockTestingFallbacks: "mock_testing_fallbacks",
	MockTestingContextWindowFallbacks: "mock_testing_context_window_fallbacks",
	MockTestingContentPolicyFallbacks: "mock_testing_content_policy_fallbacks",
	MockTestingRateLimitError:         "mock_testing_rate_limit_error",
	DropParams:                        "drop_params", AdditionalDropParams: "additional_drop_params", AllowedOpenAIParams: "allowed_openai_params",
	Guardrails: "guardrails", Priority: "priority", APIKey: "api_key", APIBase: "api_base", BaseURL: "base_url", APIVersion: "api_version",
	SessionID: "litellm_session_id", TraceID: "litellm_trace_id", CallID: "litellm_call_id", NoLog: "no-log", Gatehouse: "gatehouse",
	ProxyServerRequest: "proxy_server_request", UserAPIKey: "user_api_key",
}

// Name is the field's name on the wire.
func (f Field) Name() string { return fieldNames[f] }

// private says whether a field is for the gateway alone.
func (f Field) private() bool { return f > Metadata }

// fieldOf finds the field of that name. The switch on the length keeps the many names that are not ours from being compared.
func fieldOf(name []byte) (Field, bool) {
	if len(name) == 0 || len(name) > 37 {
		return 0, false
	}
	switch string(name) {
	case "model":
		return Model, true
	case "messages":
		return Messages, true
	case "stream":
		return Stream, true
	case "temperature", "tools", "tool_choice", "top_p", "stop", "seed", "response_format":
		return 0, false
	}
	for f := StreamOptions; f < fields; f++ {
		if fieldNames[f] == string(name) {
			return f, true
		}
	}
	return 0, false
}

// Request is a client's JSON body with the fields the gateway reads picked out of it. It may be parsed again and keeps
// its memory. What it returns are views of the body, but for strings.
type Request struct {
	Object
	raw [fields][]byte // by field; the gatehouse object wins over the top level
	at  [fields]int    // 1 + index of the top-level member; 0 = absent
}

// BadField is a refusal that names the field at fault.
type BadField struct {
	Field   string
	Message string
}

func (e *BadField) Error() string { return e.Message }

// Parse reads body. The error is one of this package's or a *BadField.
func (r *Request) Parse(body []byte) error {
	r.forget()
	if err := Text(body); err != nil {
		return err
	}
	if err := r.Object.Parse(body); err != nil {
		return err
	}
	for i := range r.Len() {
		name := r.Name(i)
		f, ok := fieldOf(name)
		if !ok {
			// A provider that reads names without regard to case would take this for the model we did not check.
			if len(name) == len("model") && bytes.EqualFold(name, []byte("model")) {
				return &BadField{"model", fmt.Sprintf("%q is not a field; write \"model\"", name)}
			}
			continue
		}
		if r.at[f] != 0 {
			return &BadField{f.Name(), "the field " + f.Name() + " is there twice"}
		}
		r.at[f] = i + 1
		r.raw[f] = r.Raw(i)
	}
	return r.own()
}

// own reads the gatehouse object: the same fields, which win over those of the top level.
func (r *Request) own() error {
	raw := r.raw[Gatehouse]
	if Null(raw) {
		return nil
	}
	if !IsObject(raw) {
		return &BadField{"gatehouse", "gatehouse must be an object"}
	}
	var room [16]Member
	members, _, _, err := Members(raw, room[:0])
	if err != nil {
		return err
	}
	var seen [fields]bool
	for _, m := range members {
		f, ok := fieldOf(m.Name(raw))
		if !ok || !f.private() && f != Metadata && f != User || f == Gatehouse {
			return &BadField{"gatehouse." + string(m.Name(raw)), fmt.Sprintf("gatehouse has no field %q", m.Name(raw))}
		}
		if seen[f] {
			return &BadField{"gatehouse." + f.Name(), "the field gatehouse." + f.Name() + " is there twice"}
		}
		seen[f] = true
		r.raw[f] = raw[m.Val:m.End]
	}
	return nil
}

func (r *Request) forget() {
	clear(r.raw[:])
	clear(r.at[:])
}

// Release drops every view of the body.
func (r *Request) Release() {
	r.forget()
	r.Object.Release()
}

// Get is the raw value of a field; nil when it is absent.
func (r *Request) Get(f Field) []byte { return r.raw[f] }

// Has says whether a field is there and not null.
func (r *Request) Has(f Field) bool { return !Null(r.raw[f]) }

// Text reads a string field; absent and null give "".
func (r *Request) Text(f Field) (string, error) {
	raw := r.raw[f]
	if Null(raw) {
		return "", nil
	}
	s, ok := String(raw)
	if !ok {
		return "", &BadField{f.Name(), f.Name() + " must be a string"}
	}
	return s, nil
}

// Flag reads a boolean field; absent and null give false.
func (r *Request) Flag(f Field) (bool, error) {
	raw := r.raw[f]
	if Null(raw) {
		return false, nil
	}
	v, ok := Bool(raw)
	if !ok {
		return false, &BadField{f.Name(), f.Name() + " must be true or false"}
	}
	return v, nil
}

// Number reads a whole number from 0 to most; absent and null give -1.
func (r *Request) Number(f Field, most int64) (int64, error) {
	raw := r.raw[f]
	if Null(raw) {
		return -1, nil
	}
	n, ok := Int(raw)
	if !ok || n < 0 || n > most {
		return 0, &BadField{f.Name(), fmt.Sprintf("%s must be a whole number from 0 to %d", f.Name(), most)}
	}
	return n, nil
}

// ReplaceField gives a field that is there another value.
func (r *Request) ReplaceField(f Field, value []byte) {
	if i := r.at[f]; i > 0 {
		r.Replace(i-1, value)
	}
}

// SetField replaces a top-level field or adds it.
func (r *Request) SetField(f Field, value []byte) {
	if i := r.at[f]; i > 0 {
		r.Replace(i-1, value)
		return
	}
	r.Add(f.Name(), value)
}

// RenameField gives a top-level field another name and keeps its value.
func (r *Request) RenameField(f Field, name string) {
	if i := r.at[f]; i > 0 {
		r.Rename(i-1, name)
	}
}

// DropField leaves a field out.
func (r *Request) DropField(f Field) {
	if i := r.at[f]; i > 0 {
		r.Drop(i - 1)
	}
}

// Present says whether a field stands at the top level of the body, null or not.
func (r *Request) Present(f Field) bool { return r.at[f] > 0 }

// DropPrivate leaves out what no provider may see: the gateway's own fields, and metadata unless it is the provider's
// (Anthropic's wire) or the client asks the provider to keep the call with "store": true.
func (r *Request) DropPrivate(keepMetadata bool) {
	for f := LitellmMetadata; f < fields; f++ {
		r.DropField(f)
	}
	if !keepMetadata && string(r.raw[Store]) != "true" {
		r.DropField(Metadata)
	}
}

// Private says whether a field of that name is for the gateway alone and never reaches a provider.
func Private(name string) bool {
	f, ok := fieldOf([]byte(name))
	return ok && f.private()
}
