// Package anthropic is Anthropic's Messages API: as a provider, and both ways between it and OpenAI's chat completions
// (Anthropic Messages API, 2026-10-21; proxy.md §5.1).
package anthropic

import (
	"errors"
	"fmt"
	"strings"

	"gatehouse/models"
	"gatehouse/proxy/provider"
	"gatehouse/proxy/wire"
)

// Name is the provider's prefix.
const Name = "anthropic"

// Version is sent where the client names none.
const Version = "2023-06-01"

// DefaultMaxTokens is sent where the client names no output cap: the API requires one.
const DefaultMaxTokens = 4096

const baseURL = "https://api.anthropic.com"

// Provider is Anthropic. It satisfies provider.Provider.
type Provider struct{}

// New returns the provider.
func New() Provider { return Provider{} }

// Wire is Anthropic's own.
func (Provider) Wire(*provider.Target, string) provider.Wire { return provider.Anthropic }

// Ready compiles a deployment: the key goes into x-api-key, a token (ANTHROPIC_AUTH_TOKEN) into Authorization.
func (Provider) Ready(d *models.Deployment) (*provider.Target, error) {
	text := d.APIBase
	if text == "" {
		text = baseURL
	}
	base, err := provider.ParseBase(text)
	if err != nil {
		return nil, err //nolint:wrapcheck // says it all
	}
	// A base may be given with or without what the API's path begins with.
	base.Path = strings.TrimSuffix(strings.TrimSuffix(base.Path, "/messages"), "/v1")
	t := &provider.Target{Base: base}
	switch key, token := d.APIKey.Reveal(), d.Secrets["auth_token"].Reveal(); {
	case key != "":
		t.Head, err = provider.AppendHeader(nil, "X-Api-Key", key)
	case token != "":
		t.Head, err = provider.AppendHeader(nil, "Authorization", "Bearer "+token)
	case d.APIBase == "":
		return nil, errors.New("no api_key for Anthropic")
	}
	if err != nil {
		return nil, fmt.Errorf("api_key: %w", err)
	}
	t.Head = append(t.Head, "Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n"...)
	return t, nil
}

// Path appends the path of an operation.
func (Provider) Path(_ *provider.Target, dst []byte, c provider.PathOf) ([]byte, error) {
	switch c.Op {
	case provider.Messages:
		return append(dst, "/v1/messages"...), nil
	case provider.CountTokens:
		return append(dst, "/v1/messages/count_tokens"...), nil
	default:
		return dst, provider.ErrNoSuchOp
	}
}

// Count leaves of a call what its count depends on: the API refuses the rest.
func (Provider) Count(_ *provider.Target, _ provider.PathOf, body []byte) []byte {
	return Counted(body)
}

// Counted is a Messages body as the API that counts takes it (Anthropic API, token counting, 2026-10).
func Counted(body []byte) []byte {
	return wire.Only(body, "model", "messages", "system", "tools", "tool_choice", "thinking", "output_config", "mcp_servers", "context_management")
}

// Edit has nothing to change: what a client writes in Anthropic's wire passes.
func (Provider) Edit(*provider.Target, *wire.Request, *provider.Edits) error { return nil }

// stopReasons are Anthropic's stop reasons in OpenAI's words.
func finishReason(stop string) string {
	switch stop {
	case "max_tokens", "model_context_window_exceeded":
		return "length"
	case "tool_use":
		return "tool_calls"
	case "refusal":
		return "content_filter"
	}
	return "stop" // end_turn, stop_sequence, pause_turn
}

// stopReason is the inverse. A call of a tool is its own reason, whatever word the provider has for the end: an agent that
// hears of another one runs no tool.
func stopReason(finish string, calls bool) string {
	if calls && (finish == "stop" || finish == "") {
		return "tool_use"
	}
	switch finish {
	case "length", "model_length":
		return "max_tokens"
	case "tool_calls", "function_call":
		return "tool_use"
	case "content_filter":
		return "refusal"
	}
	return "end_turn"
}
