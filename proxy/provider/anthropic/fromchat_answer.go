package anthropic

import (
	"bytes"
	"errors"
	"strconv"

	"gatehouse/proxy/stream"
	"gatehouse/proxy/wire"
)

var errAnswer = errors.New("the answer is no message")

// Answer appends the chat completion for a message.
func (f *FromChat) Answer(dst, body []byte) ([]byte, wire.Usage, error) {
	content := wire.Lookup(body, "content")
	if !wire.IsArray(content) {
		return dst, wire.Usage{}, errAnswer
	}
	var text, thought string
	var calls, thinking [][]byte
	wire.EachElement(content, func(block []byte) {
		kind, _ := wire.String(wire.Lookup(block, "type"))
		switch kind {
		case "text":
			s, _ := wire.String(wire.Lookup(block, "text"))
			text += s
		case "tool_use":
			var fn, call object
			fn.raw("name", wire.Lookup(block, "name"))
			fn.text("arguments", string(compact(wire.Lookup(block, "input"))))
			call.raw("index", strconv.AppendInt(nil, int64(len(calls)), 10))
			call.raw("id", wire.Lookup(block, "id"))
			call.text("type", "function")
			call.raw("function", fn.bytes())
			calls = append(calls, call.bytes())
		case "thinking":
			s, _ := wire.String(wire.Lookup(block, "thinking"))
			thought += s
			thinking = append(thinking, block)
		case "redacted_thinking":
			thinking = append(thinking, block)
		}
	})
	var message, choice, out object
	message.text("role", "assistant")
	if text == "" && len(calls) > 0 {
		message.raw("content", []byte("null"))
	} else {
		message.text("content", text)
	}
	if thought != "" {
		message.text("reasoning_content", thought)
	}
	if len(thinking) > 0 {
		message.raw("thinking_blocks", list(thinking))
	}
	if len(calls) > 0 {
		message.raw("tool_calls", list(calls))
	}
	stop, _ := wire.String(wire.Lookup(body, "stop_reason"))
	choice.raw("index", []byte("0"))
	choice.raw("message", message.bytes())
	choice.text("finish_reason", finishReason(stop))
	usage := wire.ReadAnthropicUsage(wire.Lookup(body, "usage"))
	id, _ := wire.String(wire.Lookup(body, "id"))
	out.text("id", "chatcmpl-"+id)
	out.text("object", "chat.completion")
	out.raw("created", strconv.AppendInt(nil, f.Now().Unix(), 10))
	out.raw("model", wire.Lookup(body, "model"))
	out.raw("choices", list([][]byte{choice.bytes()}))
	if usage.Seen {
		out.raw("usage", chatUsage(usage))
	}
	return append(dst, out.bytes()...), usage, nil
}

// compact is JSON without white space between its tokens.
func compact(raw []byte) []byte {
	if raw == nil {
		return []byte("{}")
	}
	out := make([]byte, 0, len(raw))
	inside := false
	for i := 0; i < len(raw); i++ {
		b := raw[i]
		switch {
		case inside && b == '\\' && i+1 < len(raw):
			out = append(out, b, raw[i+1])
			i++
			continue
		case b == '"':
			inside = !inside
		case !inside && (b == ' ' || b == '\n' || b == '\t' || b == '\r'):
			continue
		}
		out = append(out, b)
	}
	return out
}

// chatUsage is usage in OpenAI's form, with LiteLLM's fields for the cache.
func chatUsage(u wire.Usage) []byte {
	c := u.Canonical()
	n := func(v int64) []byte { return strconv.AppendInt(nil, v, 10) }
	var o, in, out object
	o.raw("prompt_tokens", n(c.InputTotal()))
	o.raw("completion_tokens", n(c.OutputTotal()))
	o.raw("total_tokens", n(c.InputTotal()+c.OutputTotal()))
	in.raw("cached_tokens", n(c.InputCacheRead))
	in.raw("cache_write_tokens", n(c.CacheWrite()))
	o.raw("prompt_tokens_details", in.bytes())
	out.raw("reasoning_tokens", n(c.OutputReasoning))
	o.raw("completion_tokens_details", out.bytes())
	o.raw("cache_read_input_tokens", n(c.InputCacheRead))
	o.raw("cache_creation_input_tokens", n(c.CacheWrite()))
	return o.bytes()
}

// Filter turns a Messages stream into chunks for next.
func (f *FromChat) Filter(next stream.Filter) stream.Filter {
	return &chunks{next: next, id: "chatcmpl-" + f.ID, created: f.Now().Unix(), tool: -1}
}

// chunks is the filter of FromChat.
type chunks struct {
	next    stream.Filter
	id      string
	created int64
	model   []byte
	usage   wire.Usage
	tool    int64  // index of the tool call under way; -1: none yet
	kind    string // of the block under way
	thought []byte // thinking text of the block under way, decoded
	sign    string
}

func (c *chunks) State() *stream.State  { return c.next.State() }
func (c *chunks) Heartbeat() []byte     { return c.next.Heartbeat() }
func (c *chunks) End(out []byte) []byte { return c.next.End(out) }

var errEvent = errors.New("the provider sent an event that is not JSON")

// Event turns one event into the chunks it means.
func (c *chunks) Event(ev stream.Event, out []byte) ([]byte, error) {
	data := bytes.TrimSpace(ev.Data)
	if len(data) == 0 {
		return out, nil
	}
	var a wire.Answer
	if err := a.Parse(data); err != nil {
		return out, errEvent
	}
	kind, _ := wire.String(a.Type())
	var delta object
	switch kind {
	case "ping":
		return append(out, ": ping\n\n"...), nil
	case "error":
		failure := a.Failure()
		if failure == nil {
			failure = data
		}
		c.State().Failure = append(c.State().Failure[:0], failure...)
		return out, nil
	case "message_start":
		c.start(wire.Lookup(data, "message"))
		delta.text("role", "assistant")
		delta.text("content", "")
	case "content_block_start":
		if !c.open(wire.Lookup(data, "content_block"), &delta) {
			return out, nil
		}
	case "content_block_delta":
		if !c.grow(wire.Lookup(data, "delta"), &delta) {
			return out, nil
		}
	case "content_block_stop":
		if c.kind != "thinking" || c.sign == "" {
			return out, nil
		}
		var block object
		block.text("type", "thinking")
		block.text("thinking", string(c.thought))
		block.text("signature", c.sign)
		c.thought, c.sign = c.thought[:0], ""
		delta.raw("thinking_blocks", list([][]byte{block.bytes()}))
	case "message_delta":
		return c.stop(wire.Lookup(data, "delta"), a.UsageRaw(), out)
	case "message_stop":
		return c.next.Event(stream.Event{Data: []byte("[DONE]")}, out) //nolint:wrapcheck // the filter's own
	default:
		return out, nil
	}
	return c.pass(delta.bytes(), nil, nil, out)
}

func (c *chunks) start(message []byte) {
	c.model = bytes.Clone(wire.Lookup(message, "model"))
	c.usage.Merge(wire.ReadAnthropicUsage(wire.Lookup(message, "usage")))
	c.State().Usage = c.usage
	if tier, ok := wire.String(wire.Lookup(message, "usage", "service_tier")); ok {
		c.State().ServiceTier = tier
	}
}

// open begins a block; true when there is something to say about it.
func (c *chunks) open(block []byte, delta *object) bool {
	c.kind, _ = wire.String(wire.Lookup(block, "type"))
	switch c.kind {
	case "tool_use":
		c.tool++
		var fn, call object
		fn.raw("name", wire.Lookup(block, "name"))
		fn.text("arguments", "")
		call.raw("index", strconv.AppendInt(nil, c.tool, 10))
		call.raw("id", wire.Lookup(block, "id"))
		call.text("type", "function")
		call.raw("function", fn.bytes())
		delta.raw("tool_calls", list([][]byte{call.bytes()}))
		return true
	case "redacted_thinking":
		delta.raw("thinking_blocks", list([][]byte{block}))
		return true
	case "text":
		if raw := wire.Lookup(block, "text"); len(raw) > len(`""`) {
			delta.raw("content", raw)
			return true
		}
	}
	return false
}

// grow adds to a block; true when there is something to say about it.
func (c *chunks) grow(d []byte, delta *object) bool {
	kind, _ := wire.String(wire.Lookup(d, "type"))
	switch kind {
	case "text_delta":
		delta.raw("content", wire.Lookup(d, "text"))
	case "input_json_delta":
		var fn, call object
		fn.raw("arguments", wire.Lookup(d, "partial_json"))
		call.raw("index", strconv.AppendInt(nil, max(c.tool, 0), 10))
		call.raw("function", fn.bytes())
		delta.raw("tool_calls", list([][]byte{call.bytes()}))
	case "thinking_delta":
		raw := wire.Lookup(d, "thinking")
		c.thought = wire.AppendText(c.thought, raw)
		delta.raw("reasoning_content", raw)
	case "signature_delta":
		s, _ := wire.String(wire.Lookup(d, "signature"))
		c.sign += s
		return false
	default:
		return false
	}
	return true
}

// stop passes the reason for the end and the usage, which is of the whole message.
func (c *chunks) stop(delta, usage, out []byte) ([]byte, error) {
	c.usage.Merge(wire.ReadAnthropicUsage(usage))
	reason, _ := wire.String(wire.Lookup(delta, "stop_reason"))
	var err error
	if reason != "" {
		if out, err = c.pass([]byte("{}"), wire.AppendString(nil, finishReason(reason)), nil, out); err != nil {
			return out, err
		}
	}
	if c.usage.Seen {
		out, err = c.pass(nil, nil, chatUsage(c.usage), out)
		c.State().Usage = c.usage // with the kinds of cache writes, which OpenAI's form does not tell apart
	}
	return out, err
}

// pass gives one chunk to the next filter.
func (c *chunks) pass(delta, finish, usage, out []byte) ([]byte, error) {
	var o object
	o.text("id", c.id)
	o.text("object", "chat.completion.chunk")
	o.raw("created", strconv.AppendInt(nil, c.created, 10))
	o.raw("model", c.model)
	if delta == nil {
		o.raw("choices", []byte("[]"))
		o.raw("usage", usage)
	} else {
		var choice object
		choice.raw("index", []byte("0"))
		choice.raw("delta", delta)
		if finish == nil {
			finish = []byte("null")
		}
		choice.raw("finish_reason", finish)
		o.raw("choices", list([][]byte{choice.bytes()}))
	}
	before := c.State().Usage
	out, err := c.next.Event(stream.Event{Data: o.bytes()}, out)
	if usage == nil {
		c.State().Usage = before
	}
	return out, err //nolint:wrapcheck // the filter's own
}
