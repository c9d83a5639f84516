package gemini

import (
	"bytes"
	"encoding/base64"
	"errors"

	"gatehouse/proxy/stream"
	"gatehouse/proxy/wire"
)

var (
	errAnswer = errors.New("the answer is no chat completion")
	errEvent  = errors.New("the provider sent an event that is not JSON")
)

// finishReason is OpenAI's finish reason in Google's words.
func finishReason(finish string) string {
	switch finish {
	case "length", "model_length":
		return "MAX_TOKENS"
	case "content_filter":
		return "SAFETY"
	}
	return "STOP"
}

// usageOf is usage in Google's form: thoughts beside the candidates.
func usageOf(u wire.Usage) []byte {
	c := u.Canonical()
	var o wire.Builder
	o.Int("promptTokenCount", c.InputTotal())
	if c.InputCacheRead > 0 {
		o.Int("cachedContentTokenCount", c.InputCacheRead)
	}
	o.Int("candidatesTokenCount", c.OutputTotal()-c.OutputReasoning)
	if c.OutputReasoning > 0 {
		o.Int("thoughtsTokenCount", c.OutputReasoning)
	}
	o.Int("totalTokenCount", c.InputTotal()+c.OutputTotal())
	return o.Bytes()
}

// candidate is one choice.
func candidate(index int64, parts [][]byte, finish string) []byte {
	var content, o wire.Builder
	content.Raw("parts", wire.List(parts))
	content.Text("role", "model")
	o.Raw("content", content.Bytes())
	if finish != "" {
		o.Text("finishReason", finishReason(finish))
	}
	o.Int("index", index)
	return o.Bytes()
}

// whole is a response, or a part of one in a stream.
func (t *ToChat) whole(candidates [][]byte, usage *wire.Usage) []byte {
	var o wire.Builder
	o.Raw("candidates", wire.List(candidates))
	if usage != nil && usage.Seen {
		o.Raw("usageMetadata", usageOf(*usage))
	}
	o.Text("modelVersion", t.Model)
	o.Text("responseId", t.ID)
	return o.Bytes()
}

func textPart(text []byte) []byte {
	var p wire.Builder
	p.Raw("text", text)
	return p.Bytes()
}

// thoughtPart is a thought. A signature is bytes here, so that of another provider travels as base64.
func thoughtPart(text []byte, signature string) []byte {
	var p wire.Builder
	p.RawOr("text", text, `""`)
	p.Bool("thought", true)
	if signature != "" {
		p.Text("thoughtSignature", base64.StdEncoding.EncodeToString([]byte(signature)))
	}
	return p.Bytes()
}

func callPart(id, name, arguments string) []byte {
	var fn, p wire.Builder
	if id != "" {
		fn.Text("id", id)
	}
	fn.Text("name", name)
	fn.RawOr("args", wire.ObjectIn(arguments), "{}")
	p.Raw("functionCall", fn.Bytes())
	return p.Bytes()
}

// Answer appends the response for a chat completion.
func (t *ToChat) Answer(dst, body []byte) ([]byte, wire.Usage, error) {
	var a wire.Answer
	if err := a.Parse(body); err != nil {
		return dst, wire.Usage{}, errAnswer
	}
	var out [][]byte
	wire.EachElement(a.Choices(), func(choice []byte) {
		said := wire.Lookup(choice, "message")
		index, _ := wire.Int(wire.Lookup(choice, "index"))
		finish, _ := wire.String(wire.Lookup(choice, "finish_reason"))
		out = append(out, candidate(index, parts(said), finish))
	})
	if len(out) == 0 {
		return dst, wire.Usage{}, errAnswer
	}
	usage := a.Usage()
	return append(dst, t.whole(out, &usage)...), usage, nil
}

// parts are those of a chat message.
func parts(said []byte) [][]byte {
	out := [][]byte{}
	wire.EachElement(wire.Lookup(said, "thinking_blocks"), func(b []byte) {
		sign, _ := wire.String(wire.Lookup(b, "signature"))
		out = append(out, thoughtPart(wire.Lookup(b, "thinking"), sign))
	})
	if thought := wire.Lookup(said, "reasoning_content"); len(out) == 0 && len(thought) > len(`""`) && thought[0] == '"' {
		out = append(out, thoughtPart(thought, ""))
	}
	if text := wire.Lookup(said, "content"); len(text) > len(`""`) && text[0] == '"' {
		out = append(out, textPart(text))
	}
	wire.EachElement(wire.Lookup(said, "tool_calls"), func(call []byte) {
		id, _ := wire.String(wire.Lookup(call, "id"))
		name, _ := wire.String(wire.Lookup(call, "function", "name"))
		arguments, _ := wire.String(wire.Lookup(call, "function", "arguments"))
		out = append(out, callPart(id, name, arguments))
	})
	return out
}

// Filter turns chunks into partial responses for next.
func (t *ToChat) Filter(next stream.Filter) stream.Filter { return &events{t: t, next: next} }

// events is the filter of ToChat. A tool call is whole here, so it waits until all of it has come.
type events struct {
	t      *ToChat
	next   stream.Filter
	answer wire.Answer
	usage  wire.Usage
	calls  []openToolCall
	finish string
	ended  bool
}

type openToolCall struct {
	index    int64
	id, name string
	argument []byte
}

func (e *events) State() *stream.State { return e.next.State() }
func (e *events) Heartbeat() []byte    { return e.next.Heartbeat() }

// Event turns one chunk into the partial response that it means.
func (e *events) Event(ev stream.Event, out []byte) ([]byte, error) {
	data := bytes.TrimSpace(ev.Data)
	if len(data) == 0 {
		return out, nil
	}
	if string(data) == "[DONE]" {
		out, err := e.close(out)
		if err != nil {
			return out, err
		}
		return e.next.Event(ev, out) //nolint:wrapcheck // the filter's own
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
	if tier := a.ServiceTier(); tier != "" {
		e.State().ServiceTier = tier
	}
	var err error
	a.EachDelta(func(d wire.Delta) {
		if err == nil {
			out, err = e.grow(d, out)
		}
	})
	e.State().Usage = e.usage
	return out, err
}

func (e *events) grow(d wire.Delta, out []byte) ([]byte, error) {
	var parts [][]byte
	if d.Thought != nil {
		parts = append(parts, thoughtPart(d.Thought, ""))
	}
	wire.EachElement(d.Blocks, func(b []byte) {
		if sign, _ := wire.String(wire.Lookup(b, "signature")); sign != "" {
			parts = append(parts, thoughtPart(nil, sign))
		}
	})
	if d.Text != nil {
		parts = append(parts, textPart(d.Text))
	}
	wire.EachElement(d.Tools, e.call)
	if d.Tools != nil {
		e.State().Started = true // nothing of it can be shown yet, and it cannot be taken back either
	}
	if d.Finish != nil {
		e.finish, _ = wire.String(d.Finish)
		e.State().Finished = true
	}
	if len(parts) == 0 {
		return out, nil
	}
	return e.pass(e.t.whole([][]byte{candidate(d.Index, parts, "")}, nil), out)
}

// call gathers a piece of a tool call.
func (e *events) call(piece []byte) {
	index, _ := wire.Int(wire.Lookup(piece, "index"))
	n := len(e.calls)
	if n == 0 || e.calls[n-1].index != index {
		e.calls = append(e.calls, openToolCall{index: index})
		n++
	}
	c := &e.calls[n-1]
	if id, _ := wire.String(wire.Lookup(piece, "id")); id != "" {
		c.id = id
	}
	if name, _ := wire.String(wire.Lookup(piece, "function", "name")); name != "" {
		c.name = name
	}
	arguments, _ := wire.String(wire.Lookup(piece, "function", "arguments"))
	c.argument = append(c.argument, arguments...)
}

func (e *events) pass(data, out []byte) ([]byte, error) {
	out, err := e.next.Event(stream.Event{Data: data}, out)
	e.State().Usage = e.usage
	return out, err //nolint:wrapcheck // the filter's own
}

// close sends the tool calls, the reason for the end and the usage.
func (e *events) close(out []byte) ([]byte, error) {
	if e.ended {
		return out, nil
	}
	e.ended = true
	parts := [][]byte{}
	for _, c := range e.calls {
		parts = append(parts, callPart(c.id, c.name, string(c.argument)))
	}
	if e.finish == "" {
		e.finish = "stop"
	}
	return e.pass(e.t.whole([][]byte{candidate(0, parts, e.finish)}, &e.usage), out)
}

// End closes a stream that gave its finish reason but no [DONE].
func (e *events) End(out []byte) []byte {
	out, err := e.close(out)
	if err != nil {
		e.State().Done = true
		return out
	}
	return e.next.End(out)
}
