package anthropic

import (
	"bytes"
	"strconv"

	"gatehouse/proxy/stream"
	"gatehouse/proxy/wire"
)

// messageUsage is usage in Anthropic's form: the input without what came from the cache.
func messageUsage(u wire.Usage) []byte {
	c := u.Canonical()
	n := func(v int64) []byte { return strconv.AppendInt(nil, v, 10) }
	var o wire.Builder
	o.Raw("input_tokens", n(c.InputTotal()-c.InputCacheRead-c.CacheWrite()))
	o.Raw("cache_creation_input_tokens", n(c.CacheWrite()))
	o.Raw("cache_read_input_tokens", n(c.InputCacheRead))
	o.Raw("output_tokens", n(c.OutputTotal()))
	return o.Bytes()
}

// Filter turns chunks into the events of a Messages stream for next.
func (t *ToChat) Filter(next stream.Filter) stream.Filter {
	return &events{t: t, next: next, index: -1}
}

// events is the filter of ToChat. One block is open at a time, and their indexes grow by one.
type events struct {
	t       *ToChat
	next    stream.Filter
	answer  wire.Answer
	usage   wire.Usage
	begun   bool
	open    string // kind of the open block: "text", "thinking", "tool_use" or "" for none
	index   int64  // of the open block
	calls   calls
	held    []func(out []byte) ([]byte, error) // what came while a call was not whole
	ending  bool
	finish  string
	stopped bool
}

func (e *events) State() *stream.State { return e.next.State() }
func (e *events) Heartbeat() []byte    { return e.next.Heartbeat() }

// Event turns one chunk into the events it means.
func (e *events) Event(ev stream.Event, out []byte) ([]byte, error) {
	data := bytes.TrimSpace(ev.Data)
	if len(data) == 0 {
		return out, nil
	}
	if string(data) == "[DONE]" {
		return e.close(out)
	}
	a := &e.answer
	if err := a.Parse(data); err != nil {
		return out, errEvent
	}
	if failure := a.Failure(); failure != nil {
		e.State().Failure = append(e.State().Failure[:0], failure...)
		return out, nil
	}
	if u := a.Usage(); u.Seen {
		e.usage = u
	}
	var err error
	if !e.begun {
		e.begun = true
		if out, err = e.start(out); err != nil {
			return out, err
		}
	}
	a.EachDelta(func(d wire.Delta) {
		if err != nil || d.Index != 0 {
			return
		}
		if d.Thought != nil {
			out, err = e.grow(out, "thinking", "thinking_delta", "thinking", d.Thought)
		}
		if d.Blocks != nil && err == nil {
			out, err = e.blocks(d.Blocks, out)
		}
		if d.Text != nil && err == nil {
			out, err = e.grow(out, "text", "text_delta", "text", d.Text)
		}
		if d.Tools != nil && err == nil {
			out, err = e.tools(d.Tools, out)
		}
		if d.Finish != nil {
			e.finish, _ = wire.String(d.Finish)
			e.State().Finished = true
		}
	})
	e.State().Usage = e.usage
	return out, err
}

// End closes a stream that gave its finish reason but no [DONE].
func (e *events) End(out []byte) []byte {
	out, err := e.close(out)
	if err != nil {
		e.State().Done = true
	}
	return out
}

// pass gives one event to the next filter; the usage that counts is the provider's, not the one shown.
func (e *events) pass(name string, data, out []byte) ([]byte, error) {
	out, err := e.next.Event(stream.Event{Name: []byte(name), Data: data}, out)
	e.State().Usage = e.usage
	return out, err //nolint:wrapcheck // the filter's own
}

func (e *events) start(out []byte) ([]byte, error) {
	var usage, m, o wire.Builder
	usage.Raw("input_tokens", strconv.AppendInt(nil, max(e.t.InputTokens, 0), 10))
	usage.Raw("cache_creation_input_tokens", []byte("0"))
	usage.Raw("cache_read_input_tokens", []byte("0"))
	usage.Raw("output_tokens", []byte("1"))
	m.Text("id", "msg_"+e.t.ID)
	m.Text("type", "message")
	m.Text("role", "assistant")
	m.Raw("model", e.answer.Model())
	m.Raw("content", []byte("[]"))
	m.Raw("stop_reason", []byte("null"))
	m.Raw("stop_sequence", []byte("null"))
	m.Raw("usage", usage.Bytes())
	o.Text("type", "message_start")
	o.Raw("message", m.Bytes())
	return e.pass("message_start", o.Bytes(), out)
}

// block opens a block after closing the one before.
func (e *events) block(kind string, content, out []byte) ([]byte, error) {
	out, err := e.stopBlock(out)
	if err != nil {
		return out, err
	}
	e.index++
	e.open = kind
	var o wire.Builder
	o.Text("type", "content_block_start")
	o.Raw("index", strconv.AppendInt(nil, e.index, 10))
	o.Raw("content_block", content)
	return e.pass("content_block_start", o.Bytes(), out)
}

func (e *events) stopBlock(out []byte) ([]byte, error) {
	if e.open == "" {
		return out, nil
	}
	e.open = ""
	var o wire.Builder
	o.Text("type", "content_block_stop")
	o.Raw("index", strconv.AppendInt(nil, e.index, 10))
	return e.pass("content_block_stop", o.Bytes(), out)
}

// grow adds text to a block of that kind, which it opens if need be.
func (e *events) grow(out []byte, kind, delta, member string, raw []byte) ([]byte, error) {
	raw = bytes.Clone(raw) // a view of the chunk, which the next filter does not keep
	if e.open == "tool_use" && !e.ending && !e.current().complete() {
		e.held = append(e.held, func(out []byte) ([]byte, error) { return e.grow(out, kind, delta, member, raw) })
		return out, nil // a block that is closed cannot be gone on with
	}
	var err error
	if e.open != kind {
		var content wire.Builder
		content.Text("type", kind)
		content.Text(member, "")
		if out, err = e.block(kind, content.Bytes(), out); err != nil {
			return out, err
		}
	}
	return e.delta(delta, member, raw, out)
}

func (e *events) delta(kind, member string, raw, out []byte) ([]byte, error) {
	var d, o wire.Builder
	d.Text("type", kind)
	d.Raw(member, raw)
	o.Text("type", "content_block_delta")
	o.Raw("index", strconv.AppendInt(nil, e.index, 10))
	o.Raw("delta", d.Bytes())
	return e.pass("content_block_delta", o.Bytes(), out)
}

// blocks passes thinking blocks on: the signature of one whose text has come already, or a whole one.
func (e *events) blocks(raw, out []byte) ([]byte, error) {
	var err error
	wire.EachElement(bytes.Clone(raw), func(b []byte) {
		if err != nil {
			return
		}
		kind, _ := wire.String(wire.Lookup(b, "type"))
		if kind != "thinking" {
			out, err = e.block(kind, b, out)
			return
		}
		if text := wire.Lookup(b, "thinking"); e.open != "thinking" && len(text) > len(`""`) {
			if out, err = e.grow(out, "thinking", "thinking_delta", "thinking", text); err != nil {
				return
			}
		}
		if sign := wire.Lookup(b, "signature"); e.open == "thinking" && len(sign) > len(`""`) {
			if out, err = e.delta("signature_delta", "signature", sign, out); err == nil {
				out, err = e.stopBlock(out) // a signature is the last of a block
			}
		}
	})
	return out, err
}

// close ends the message with its reason and the usage that the provider reported.
func (e *events) close(out []byte) ([]byte, error) {
	if e.stopped {
		return out, nil
	}
	e.stopped = true
	var err error
	if !e.begun {
		if out, err = e.start(out); err != nil {
			return out, err
		}
	}
	e.ending = true
	if out, err = e.rest(out); err != nil {
		return out, err
	}
	for _, say := range e.held {
		if out, err = say(out); err != nil {
			return out, err
		}
	}
	if out, err = e.stopBlock(out); err != nil {
		return out, err
	}
	var d, o wire.Builder
	d.Text("stop_reason", stopReason(e.finish, e.calls.any()))
	d.Raw("stop_sequence", []byte("null"))
	o.Text("type", "message_delta")
	o.Raw("delta", d.Bytes())
	o.Raw("usage", messageUsage(e.usage))
	if out, err = e.pass("message_delta", o.Bytes(), out); err != nil {
		return out, err
	}
	return e.pass("message_stop", []byte(`{"type":"message_stop"}`), out)
}
