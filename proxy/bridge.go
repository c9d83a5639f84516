package proxy

import (
	"fmt"
	"slices"

	textin "gatehouse/proxy/inbound/completions"
	geminiin "gatehouse/proxy/inbound/gemini"
	"gatehouse/proxy/inbound/responses"
	"gatehouse/proxy/provider"
	"gatehouse/proxy/provider/anthropic"
	"gatehouse/proxy/provider/bedrock"
	"gatehouse/proxy/provider/chat"
	"gatehouse/proxy/provider/cohere"
	"gatehouse/proxy/provider/gemini"
	"gatehouse/proxy/stream"
	"gatehouse/proxy/wire"
)

// bridge translates between a client's wire and another that the provider speaks.
type bridge interface {
	// Request appends the provider's body for the client's.
	Request(dst []byte, in *wire.Request, model string) ([]byte, error)
	// Answer appends the client's answer for the provider's, and says what the provider says it used. An error that is a
	// *provider.Refusal says that the answer is one.
	Answer(dst, body []byte) ([]byte, wire.Usage, error)
	// Filter stands before the client's filter and feeds it with the client's events.
	Filter(next stream.Filter) stream.Filter
}

// bridgeTo finds what stands between the client's call and what the deployment speaks, and the operation that it is
// there. Chat completions are the middle: every client's wire has a way to them, every provider's wire one from them.
func (c *call) bridgeTo(t *provider.Target) (bridge, provider.Op, error) {
	if c.speaks(t, c.op) {
		return nil, c.op, nil
	}
	if c.op == provider.Embedding {
		return c.fromEmbedding()
	}
	in, err := c.toChat(t)
	if err != nil {
		return nil, c.op, err
	}
	if c.speaks(t, provider.Chat) {
		return in, provider.Chat, nil
	}
	out, op, err := c.fromChat(t)
	if err != nil || in == nil {
		return out, op, err
	}
	return &chain{in: in, out: out}, op, nil
}

func (c *call) speaks(t *provider.Target, op provider.Op) bool {
	return t.Speaks(provider.PathOf{Op: op, Model: c.sent.model, Stream: c.stream})
}

// toChat is the way from the client's wire to chat completions; nil for chat itself.
func (c *call) toChat(t *provider.Target) (bridge, error) {
	switch c.op {
	case provider.Chat:
		return nil, nil //nolint:nilnil // no bridge is needed
	case provider.Completion:
		return &textin.ToChat{DropParams: c.dropsParams(), Allowed: slices.Concat(c.allowed, t.Allowed)}, nil
	case provider.Messages:
		foreign := !c.speaks(t, provider.Chat)
		return &anthropic.ToChat{
			ID: c.id, InputTokens: c.inTok, KeepThinking: t.KeepThinking || foreign, KeepMarks: t.KeepMarks || foreign,
			MaxOutput: c.p.longest(t.Deployment),
		}, nil
	case provider.Responses:
		return &responses.ToChat{
			ID: c.sealID(""), CallID: c.id, Now: c.p.Now, DropParams: c.dropsParams(),
			KeepThinking: t.KeepThinking || !c.speaks(t, provider.Chat),
		}, nil
	case provider.Generate, provider.StreamGenerate:
		return &geminiin.ToChat{
			ID: c.id, Model: c.shownModel(), Stream: c.stream, KeepThinking: t.KeepThinking || !c.speaks(t, provider.Chat),
		}, nil
	default:
		return nil, provider.ErrNoSuchOp
	}
}

// foreign says whether the client speaks another wire than OpenAI's. Agents that do send sampling parameters whatever the
// model, and nobody can tell them not to: what a model does not take of these is left out.
func (c *call) foreign() bool { return c.wire != provider.OpenAI }

// fromChat is the way from chat completions to the provider's wire.
func (c *call) fromChat(t *provider.Target) (bridge, provider.Op, error) {
	policy := chat.Policy{Drop: c.dropsParams(), Allowed: slices.Concat(c.allowed, t.Allowed), Dropped: &c.sent.dropped}
	switch c.sent.wire {
	case provider.Anthropic:
		return &anthropic.FromChat{
			Now: c.p.Now, ID: c.id, DropParams: policy.Drop, Allowed: policy.Allowed, MaxOutput: c.p.longest(t.Deployment),
			Foreign: c.foreign(), Dropped: policy.Dropped,
		}, provider.Messages, nil
	case provider.Gemini:
		policy.Provider = "Gemini"
		op := provider.Generate
		if c.stream {
			op = provider.StreamGenerate
		}
		return &gemini.FromChat{Now: c.p.Now, ID: c.id, Policy: policy}, op, nil
	case provider.BedrockConverse:
		policy.Provider = "Bedrock"
		op := provider.Converse
		if c.stream {
			op = provider.ConverseStream
		}
		return &bedrock.FromChat{Now: c.p.Now, ID: c.id, Policy: policy, Fetch: c.fetch}, op, nil
	case provider.Cohere:
		policy.Provider = "Cohere"
		return &cohere.FromChat{Now: c.p.Now, ID: c.id, Stream: c.stream, Policy: policy}, provider.CohereChat, nil
	case provider.OpenAI:
	}
	return nil, c.op, provider.ErrNoSuchOp
}

// fromEmbedding is the way from OpenAI's embeddings to the provider's.
func (c *call) fromEmbedding() (bridge, provider.Op, error) {
	switch c.sent.wire {
	case provider.Gemini:
		return &gemini.FromEmbedding{Vertex: c.sent.target.Deployment.Provider == gemini.Vertex}, provider.Embed, nil
	case provider.BedrockConverse:
		return &bedrock.FromEmbedding{}, provider.Embed, nil
	case provider.Cohere:
		return &cohere.FromEmbedding{}, provider.Embed, nil
	case provider.OpenAI, provider.Anthropic:
	}
	return nil, c.op, provider.ErrNoSuchOp
}

// fetch gets what a URL in a prompt points to, for providers that take bytes alone.
func (c *call) fetch(url string) (mediaType string, data []byte, err error) {
	return c.p.fetcher.Get(url, c.deadline) //nolint:wrapcheck // fit for the caller
}

// chain is two bridges: from the client's wire to chat, and on to the provider's.
type chain struct {
	in, out bridge
	chat    []byte
	req     wire.Request
}

// Request appends the provider's body.
func (b *chain) Request(dst []byte, in *wire.Request, model string) ([]byte, error) {
	var err error
	if b.chat, err = b.in.Request(b.chat[:0], in, model); err != nil {
		return dst, err //nolint:wrapcheck // its text is for the caller as it is
	}
	if err := b.req.Parse(b.chat); err != nil {
		return dst, fmt.Errorf("a translated body: %w", err)
	}
	return b.out.Request(dst, &b.req, model) //nolint:wrapcheck // as above
}

// Answer appends the client's answer; the usage is the provider's own.
func (b *chain) Answer(dst, body []byte) ([]byte, wire.Usage, error) {
	var usage wire.Usage
	var err error
	if b.chat, usage, err = b.out.Answer(b.chat[:0], body); err != nil {
		return dst, usage, err //nolint:wrapcheck // as above
	}
	dst, shown, err := b.in.Answer(dst, b.chat)
	if !usage.Seen {
		usage = shown
	}
	return dst, usage, err //nolint:wrapcheck // as above
}

// Filter chains the two filters; the usage that counts is the provider's own.
func (b *chain) Filter(next stream.Filter) stream.Filter { return b.out.Filter(b.in.Filter(next)) }
