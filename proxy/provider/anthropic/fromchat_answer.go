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
	answered := false
	var calls, thinking [][]byte
	wire.EachElement(content, func(block []byte) {
		kind, _ := wire.String(wire.Lookup(block, "type"))
		switch kind {
		case "text":
			s, _ := wire.String(wire.Lookup(block, "text"))
			text += s
		case "tool_use":
			if f.isAnswer(block) {
				text += string(compactObject(wire.Lookup(block, "input")))
				answered = true
				return
			}
			var fn, call wire.Builder
			fn.Raw("name", wire.Lookup(block, "name"))
			fn.Text("arguments", string(compactObject(wire.Lookup(block, "input"))))
			call.Raw("index", strconv.AppendInt(nil, int64(len(calls)), 10))
			call.Raw("id", wire.Lookup(block, "id"))
			call.Text("type", "function")
			call.Raw("function", fn.Bytes())
			calls = append(calls, call.Bytes())
		case "thinking":
			s, _ := wire.String(wire.Lookup(block, "thinking"))
			thought += s
			thinking = append(thinking, block)
		case "redacted_thinking":
			thinking = append(thinking, block)
		}
	})
	var message, choice, out wire.Builder
	message.Text("role", "assistant")
	if text == "" && len(calls) > 0 {
		message.Raw("content", []byte("null"))
	} else {
		message.Text("content", text)
	}
	if thought != "" {
		message.Text("reasoning_content", thought)
	}
	if len(thinking) > 0 {
		message.Raw("thinking_blocks", wire.List(thinking))
	}
	if len(calls) > 0 {
		message.Raw("tool_calls", wire.List(calls))
	}
	stop, _ := wire.String(wire.Lookup(body, "stop_reason"))
	choice.Raw("index", []byte("0"))
	choice.Raw("message", message.Bytes())
	if answered && len(calls) == 0 && stop == "tool_use" {
		stop = "end_turn"
	}
	choice.Text("finish_reason", finishReason(stop))
	usage := wire.ReadAnthropicUsage(wire.Lookup(body, "usage"))
	id, _ := wire.String(wire.Lookup(body, "id"))
	out.Text("id", "chatcmpl-"+id)
	out.Text("object", "chat.completion")
	out.Raw("created", strconv.AppendInt(nil, f.Now().Unix(), 10))
	out.Raw("model", wire.Lookup(body, "model"))
	out.Raw("choices", wire.List([][]byte{choice.Bytes()}))
	if usage.Seen {
		out.Raw("usage", chatUsage(usage))
	}
	return append(dst, out.Bytes()...), usage, nil
}

// isAnswer says whether a block is the answer itself, given by way of a tool.
func (f *FromChat) isAnswer(block []byte) bool {
	name, _ := wire.String(wire.Lookup(block, "name"))
	return f.jsonTool && name == answerTool
}

// compactObject is wire.Compact of an object that may be missing.
func compactObject(raw []byte) []byte {
	if raw == nil {
		return []byte("{}")
	}
	return wire.Compact(raw)
}

// chatUsage is usage in OpenAI's form, with LiteLLM's fields for the cache.
func chatUsage(u wire.Usage) []byte {
	c := u.Canonical()
	n := func(v int64) []byte { return strconv.AppendInt(nil, v, 10) }
	var o, in, out wire.Builder
	o.Raw("prompt_tokens", n(c.InputTotal()))
	o.Raw("completion_tokens", n(c.OutputTotal()))
	o.Raw("total_tokens", n(c.InputTotal()+c.OutputTotal()))
	in.Raw("cached_tokens", n(c.InputCacheRead))
	in.Raw("cache_write_tokens", n(c.CacheWrite()))
	o.Raw("prompt_tokens_details", in.Bytes())
	out.Raw("reasoning_tokens", n(c.OutputReasoning))
	o.Raw("completion_tokens_details", out.Bytes())
	o.Raw("cache_read_input_tokens", n(c.InputCacheRead))
	o.Raw("cache_creation_input_tokens", n(c.CacheWrite()))
	return o.Bytes()
}

// Filter turns a Messages stream into chunks for next.
func (f *FromChat) Filter(next stream.Filter) stream.Filter {
	return &chunks{f: f, next: next, id: "chatcmpl-" + f.ID, created: f.Now().Unix(), tool: -1}
}

// chunks is the filter of FromChat.
type chunks struct {
	f       *FromChat
	next    stream.Filter
	id      string
	created int64
	model   []byte
	usage   wire.Usage
	tool    int64  // index of the tool call under way; -1: none yet
	kind    string // of the block under way
	thought []byte // thinking text of the block under way, decoded
	sign    string
	inJSON  bool // the block under way is the answer, given by way of a tool
	isJSON  bool // there was such a block
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
	var delta wire.Builder
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
		delta.Text("role", "assistant")
		delta.Text("content", "")
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
		var block wire.Builder
		block.Text("type", "thinking")
		block.Text("thinking", string(c.thought))
		block.Text("signature", c.sign)
		c.thought, c.sign = c.thought[:0], ""
		delta.Raw("thinking_blocks", wire.List([][]byte{block.Bytes()}))
	case "message_delta":
		return c.stop(wire.Lookup(data, "delta"), a.UsageRaw(), out)
	case "message_stop":
		return c.next.Event(stream.Event{Data: []byte("[DONE]")}, out) //nolint:wrapcheck // the filter's own
	default:
		return out, nil
	}
	return c.pass(delta.Bytes(), nil, nil, out)
}

func (c *chunks) start(message []byte) {
	c.model = bytes.Clone(wire.Lookup(message, "model"))
	if id, _ := wire.String(wire.Lookup(message, "id")); id != "" {
		c.id = "chatcmpl-" + id
	}
	c.usage.Merge(wire.ReadAnthropicUsage(wire.Lookup(message, "usage")))
	c.State().Usage = c.usage
	if tier, ok := wire.String(wire.Lookup(message, "usage", "service_tier")); ok {
		c.State().ServiceTier = tier
	}
}

// open begins a block; true when there is something to say about it.
func (c *chunks) open(block []byte, delta *wire.Builder) bool {
	c.kind, _ = wire.String(wire.Lookup(block, "type"))
	c.inJSON = false
	switch c.kind {
	case "tool_use":
		if c.f.isAnswer(block) {
			c.inJSON, c.isJSON = true, true
			return false
		}
		c.tool++
		var fn, call wire.Builder
		fn.Raw("name", wire.Lookup(block, "name"))
		fn.Text("arguments", "")
		call.Raw("index", strconv.AppendInt(nil, c.tool, 10))
		call.Raw("id", wire.Lookup(block, "id"))
		call.Text("type", "function")
		call.Raw("function", fn.Bytes())
		delta.Raw("tool_calls", wire.List([][]byte{call.Bytes()}))
		return true
	case "redacted_thinking":
		delta.Raw("thinking_blocks", wire.List([][]byte{block}))
		return true
	case "text":
		if raw := wire.Lookup(block, "text"); len(raw) > len(`""`) {
			delta.Raw("content", raw)
			return true
		}
	}
	return false
}

// grow adds to a block; true when there is something to say about it.
func (c *chunks) grow(d []byte, delta *wire.Builder) bool {
	kind, _ := wire.String(wire.Lookup(d, "type"))
	switch kind {
	case "text_delta":
		delta.Raw("content", wire.Lookup(d, "text"))
	case "input_json_delta":
		if c.inJSON {
			delta.Raw("content", wire.Lookup(d, "partial_json"))
			return true
		}
		var fn, call wire.Builder
		fn.Raw("arguments", wire.Lookup(d, "partial_json"))
		call.Raw("index", strconv.AppendInt(nil, max(c.tool, 0), 10))
		call.Raw("function", fn.Bytes())
		delta.Raw("tool_calls", wire.List([][]byte{call.Bytes()}))
	case "thinking_delta":
		raw := wire.Lookup(d, "thinking")
		c.thought = wire.AppendText(c.thought, raw)
		delta.Raw("reasoning_content", raw)
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
	if c.isJSON && c.tool < 0 && reason == "tool_use" {
		reason = "end_turn"
	}
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
	var o wire.Builder
	o.Text("id", c.id)
	o.Text("object", "chat.completion.chunk")
	o.Raw("created", strconv.AppendInt(nil, c.created, 10))
	o.Raw("model", c.model)
	if delta == nil {
		o.Raw("choices", []byte("[]"))
		o.Raw("usage", usage)
	} else {
		var choice wire.Builder
		choice.Raw("index", []byte("0"))
		choice.Raw("delta", delta)
		if finish == nil {
			finish = []byte("null")
		}
		choice.Raw("finish_reason", finish)
		o.Raw("choices", wire.List([][]byte{choice.Bytes()}))
	}
	before := c.State().Usage
	out, err := c.next.Event(stream.Event{Data: o.Bytes()}, out)
	if usage == nil {
		c.State().Usage = before
	}
	return out, err //nolint:wrapcheck // the filter's own
}
