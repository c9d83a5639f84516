package cache

import (
	"bytes"

	"gatehouse/proxy/provider"
	"gatehouse/proxy/stream"
	"gatehouse/proxy/wire"
)

// Tap listens to a stream on its way to the client and puts its answer together. It stands before the filter that turns
// the events into what the client asked for, so it hears usage that the client does not.
type Tap struct {
	next stream.Filter
	asm  assembler
	room int // bytes that the answer may still grow by; below 0 it is given up
}

// assembler makes one answer of events.
type assembler interface {
	// event takes one event; it says by how much the answer has grown, and whether it can still be put together.
	event(data []byte) (grown int, ok bool)
	// answer is the whole answer; ok is false when something is missing in it.
	answer() (body []byte, ok bool)
}

// NewTap makes the tap of a stream. An answer of more than most bytes is not put together.
func NewTap(op provider.Op, next stream.Filter, most int) *Tap {
	t := &Tap{next: next, room: most}
	switch op {
	case provider.Messages:
		t.asm = new(message)
	case provider.Responses:
		t.asm = new(response)
	default:
		t.asm = &chat{legacy: op == provider.Completion}
	}
	return t
}

// Event listens to an event and passes it on.
func (t *Tap) Event(ev stream.Event, out []byte) ([]byte, error) {
	if data := bytes.TrimSpace(ev.Data); t.asm != nil && len(data) > 0 && data[0] == '{' {
		grown, ok := t.asm.event(data)
		if t.room -= grown; !ok || t.room < 0 {
			t.asm = nil
		}
	}
	return t.next.Event(ev, out) //nolint:wrapcheck // the filter's own
}

// End passes on.
func (t *Tap) End(out []byte) []byte { return t.next.End(out) }

// State passes on.
func (t *Tap) State() *stream.State { return t.next.State() }

// Heartbeat passes on.
func (t *Tap) Heartbeat() []byte { return t.next.Heartbeat() }

// Answer is what a stream that came to its end has said, as one answer.
func (t *Tap) Answer() (body []byte, ok bool) {
	if t.asm == nil {
		return nil, false
	}
	return t.asm.answer()
}

// Complete says whether an answer is whole: every part of it has come to its end.
func Complete(op provider.Op, a *wire.Answer) bool {
	get := func(name string) []byte {
		if i := a.Find(name); i >= 0 {
			return a.Raw(i)
		}
		return nil
	}
	switch op {
	case provider.Chat, provider.Completion:
		n, whole := 0, true
		a.EachDelta(func(d wire.Delta) {
			n++
			whole = whole && d.Finish != nil && !wire.StringIs(d.Finish, "error")
		})
		return n > 0 && whole
	case provider.Embedding:
		raw := get("data")
		return wire.IsArray(raw) && len(raw) > len("[]")
	case provider.Messages:
		return !wire.Null(get("stop_reason"))
	case provider.Responses:
		return wire.StringIs(get("status"), "completed")
	default:
		return false
	}
}
