// Package cohere is Cohere's API, version 2: chat, embed and rerank (Cohere API reference, 2025; proxy.md §5).
package cohere

import (
	"errors"
	"fmt"
	"strings"

	"gatehouse/models"
	"gatehouse/proxy/provider"
	"gatehouse/proxy/wire"
)

const baseURL = "https://api.cohere.com"

// Provider is Cohere. It satisfies provider.Provider.
type Provider struct{}

// New returns the provider.
func New() Provider { return Provider{} }

// Wire is Cohere's own.
func (Provider) Wire(*provider.Target, string) provider.Wire { return provider.Cohere }

// Ready compiles a deployment.
func (Provider) Ready(d *models.Deployment) (*provider.Target, error) {
	text := d.APIBase
	if text == "" {
		text = baseURL
	}
	base, err := provider.ParseBase(text)
	if err != nil {
		return nil, err //nolint:wrapcheck // says it all
	}
	// A base may be given with or without what the API's paths begin with.
	for _, tail := range [...]string{"/chat", "/embed", "/rerank", "/v2", "/v1"} {
		base.Path = strings.TrimSuffix(base.Path, tail)
	}
	t := &provider.Target{Base: base}
	switch key := d.APIKey.Reveal(); {
	case key != "":
		if t.Head, err = provider.AppendHeader(nil, "Authorization", "Bearer "+key); err != nil {
			return nil, fmt.Errorf("api_key: %w", err)
		}
	case d.APIBase == "":
		return nil, errors.New("no api_key for Cohere")
	}
	t.Head = append(t.Head, "Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n"...)
	return t, nil
}

// Path appends the path of an operation.
func (Provider) Path(_ *provider.Target, dst []byte, c provider.PathOf) ([]byte, error) {
	switch c.Op {
	case provider.CohereChat:
		return append(dst, "/v2/chat"...), nil
	case provider.Embed:
		return append(dst, "/v2/embed"...), nil
	case provider.Rerank:
		return append(dst, "/v2/rerank"...), nil
	default:
		return dst, provider.ErrNoSuchOp
	}
}

// Edit leaves out of a rerank what version 2 does not know.
func (Provider) Edit(_ *provider.Target, body *wire.Request, e *provider.Edits) error {
	if e.Op != provider.Rerank {
		return nil
	}
	for i := range body.Len() {
		switch string(body.Name(i)) {
		case "return_documents", "rank_fields", "max_chunks_per_doc":
			body.Drop(i)
		}
	}
	return nil
}
