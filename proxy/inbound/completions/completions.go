// Package completions serves OpenAI's older text completions by chat completions, for providers that offer chats alone
// (OpenAI API reference, Completions, 2026-08). The prompt is what the user says.
package completions

import (
	"bytes"
	"errors"
	"slices"

	"gatehouse/proxy/provider"
	"gatehouse/proxy/provider/chat"
	"gatehouse/proxy/stream"
	"gatehouse/proxy/wire"
)

// ToChat is one call's bridge. It keeps nothing between calls of its methods.
type ToChat struct {
	DropParams bool
	Allowed    []string
}

var (
	errAnswer = errors.New("the answer is no chat completion")
	errEvent  = errors.New("the provider sent an event that is not JSON")
)

// Request appends the chat request for a completions request. Errors: *wire.BadField, *provider.UnsupportedParam.
func (t *ToChat) Request(dst []byte, in *wire.Request, _ string) ([]byte, error) {
	var o wire.Builder
	for i := range in.Len() {
		name, raw := string(in.Name(i)), in.Raw(i)
		if in.Dropped(i) || wire.Null(raw) {
			continue
		}
		switch name {
		case "prompt":
			text, err := prompt(raw)
			if err != nil {
				return dst, err
			}
			var m wire.Builder
			m.Text("role", "user")
			m.Raw("content", text)
			o.Raw("messages", wire.List([][]byte{m.Bytes()}))
		case "suffix", "echo", "best_of", "logprobs":
			if slices.Contains(t.Allowed, name) {
				o.Raw(name, raw)
			} else if !t.DropParams && !asksNothing(name, raw) {
				return dst, &provider.UnsupportedParam{Name: name, Provider: "The provider of this model"}
			}
		default:
			o.Raw(name, raw)
		}
	}
	return append(dst, o.Bytes()...), nil
}

// prompt is the one text of a prompt, as a JSON string.
func prompt(raw []byte) ([]byte, error) {
	n := 0
	wire.EachElement(raw, func(e []byte) {
		raw = e
		n++
	})
	if n > 1 {
		return nil, &wire.BadField{Field: "prompt", Message: "this model takes one prompt a call"}
	}
	if _, ok := wire.String(raw); !ok {
		return nil, &wire.BadField{Field: "prompt", Message: "prompt must be text for this model"}
	}
	return raw, nil
}

// asksNothing knows the values that change nothing, of what a chat has no word for.
func asksNothing(name string, raw []byte) bool {
	return string(raw) == map[string]string{"suffix": `""`, "echo": "false", "best_of": "1", "logprobs": "0"}[name]
}

// choice is a choice of a text completion.
func choice(index int64, text, finish []byte) []byte {
	var o wire.Builder
	o.RawOr("text", text, `""`)
	o.Int("index", index)
	o.Raw("logprobs", []byte("null"))
	o.RawOr("finish_reason", finish, "null")
	return o.Bytes()
}

// reform makes a chat's answer, or a chunk of one, that of a completion.
func reform(a *wire.Answer) {
	var choices [][]byte
	a.EachDelta(func(d wire.Delta) { choices = append(choices, choice(d.Index, d.Text, d.Finish)) })
	a.SetChoices(wire.List(choices))
	if i := a.Find("object"); i >= 0 {
		a.Replace(i, []byte(`"text_completion"`))
	}
}

// count says what an answer used, and writes it as a client can add it up.
func count(a *wire.Answer) wire.Usage {
	u := a.Usage()
	if u.Bad || !u.Seen {
		a.DropUsage()
	} else {
		a.SetUsage(chat.AppendUsage(nil, u))
	}
	return u
}

// Answer appends the completion for a chat completion.
func (t *ToChat) Answer(dst, body []byte) ([]byte, wire.Usage, error) {
	var a wire.Answer
	if a.Parse(body) != nil || !wire.IsArray(a.Choices()) {
		return dst, wire.Usage{}, errAnswer
	}
	usage := count(&a)
	reform(&a)
	return a.Append(dst), usage, nil
}

// Filter turns chunks of a chat into those of a completion for next.
func (t *ToChat) Filter(next stream.Filter) stream.Filter { return &events{next: next} }

// events is the filter of ToChat.
type events struct {
	next   stream.Filter
	answer wire.Answer
	out    []byte
}

func (e *events) State() *stream.State  { return e.next.State() }
func (e *events) Heartbeat() []byte     { return e.next.Heartbeat() }
func (e *events) End(out []byte) []byte { return e.next.End(out) }

// Event passes one chunk on as it is there.
func (e *events) Event(ev stream.Event, out []byte) ([]byte, error) {
	data := bytes.TrimSpace(ev.Data)
	if len(data) == 0 || string(data) == "[DONE]" {
		return e.next.Event(ev, out) //nolint:wrapcheck // the filter's own
	}
	a := &e.answer
	if a.Parse(data) != nil {
		return out, errEvent
	}
	usage := count(a)
	if a.Failure() == nil && wire.IsArray(a.Choices()) && !a.EmptyChoices() {
		said := false
		a.EachDelta(func(d wire.Delta) { said = said || d.Text != nil || d.Finish != nil })
		if !said && a.UsageRaw() == nil {
			return out, nil // a role, a thought, a call of a tool: nothing of them is text
		}
		reform(a)
	}
	e.out = a.Append(e.out[:0])
	out, err := e.next.Event(stream.Event{Name: ev.Name, Data: e.out}, out)
	if usage.Seen {
		e.State().Usage = usage
	}
	return out, err //nolint:wrapcheck // as above
}
