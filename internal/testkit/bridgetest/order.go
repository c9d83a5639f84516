package bridgetest

import (
	"fmt"
	"strings"

	"gatehouse/proxy/stream"
	"gatehouse/proxy/wire"
)

// Order is the order of events that a wire's clients rely on. It is for one stream.
type Order interface {
	// Event takes the next event and says what is wrong with it; "" when nothing is.
	Event(name, data []byte) string
	// End says what is missing when nothing more comes.
	End(state *stream.State) string
}

// orderOf is the order of the wire that a client's filter is of.
func orderOf(client stream.Filter) Order {
	switch client.(type) {
	case *stream.OpenAI:
		return &openaiOrder{}
	case *stream.Anthropic:
		return &messageOrder{}
	case *stream.Responses:
		return &responseOrder{}
	default:
		return nil
	}
}

func kindOf(data []byte) string {
	kind, _ := wire.String(wire.Lookup(data, "type"))
	return kind
}

// openaiOrder: chunks, then [DONE] once, then nothing.
type openaiOrder struct{ done bool }

func (o *openaiOrder) Event(_, data []byte) string {
	if o.done {
		return "an event after [DONE]"
	}
	o.done = string(data) == "[DONE]"
	return ""
}

func (o *openaiOrder) End(state *stream.State) string {
	if state.Done && !o.done {
		return "no [DONE]"
	}
	return ""
}

// messageOrder is Anthropic's: message_start, blocks one after the other with indexes that count up, message_delta,
// message_stop (Messages API, streaming).
type messageOrder struct {
	begun, open, delta, stopped bool
	next                        int64 // index of the block that is open, or of the next one
}

func (o *messageOrder) Event(name, data []byte) string {
	kind := kindOf(data)
	if kind != string(name) {
		return fmt.Sprintf("the event %q is of the type %q", name, kind)
	}
	index, _ := wire.Int(wire.Lookup(data, "index"))
	switch {
	case o.stopped:
		return kind + " after message_stop"
	case kind == "ping" && o.begun:
		return ""
	case kind == "message_start" != !o.begun:
		return kind + " where message_start belongs, or a second one"
	case strings.HasPrefix(kind, "content_block_") && (o.delta || index != o.next):
		return fmt.Sprintf("%s of block %d, where block %d is to come", kind, index, o.next)
	}
	was := o.open
	switch kind {
	case "message_start":
		o.begun = true
		return ""
	case "content_block_start":
		o.open = true
	case "content_block_delta":
		was = !was
	case "content_block_stop":
		o.open, was = false, !was
		o.next++
	case "message_delta":
		was = was || o.delta
		o.delta = true
	case "message_stop":
		was = was || !o.delta
		o.stopped = true
	default:
		return "an event of the type " + kind
	}
	if was {
		return kind + " at the wrong place"
	}
	return ""
}

func (o *messageOrder) End(state *stream.State) string {
	if state.Done && !o.stopped {
		return "no message_stop"
	}
	return ""
}

// responseOrder is that of the Responses API: created, items one after the other whose parts open and close, and one of the
// last events; the sequence numbers count up.
type responseOrder struct {
	seq, item int64
	open      bool
	last      bool
}

func (o *responseOrder) Event(name, data []byte) string {
	kind := kindOf(data)
	seq, ok := wire.Int(wire.Lookup(data, "sequence_number"))
	switch {
	case kind != string(name):
		return fmt.Sprintf("the event %q is of the type %q", name, kind)
	case o.last:
		return kind + " after the last event"
	case !ok || seq != o.seq:
		return fmt.Sprintf("sequence number %d, where %d is to come", seq, o.seq)
	case kind == "response.created" != (seq == 0):
		return kind + " is the event number " + fmt.Sprint(seq)
	}
	o.seq++
	if raw := wire.Lookup(data, "output_index"); raw != nil {
		if index, _ := wire.Int(raw); index != o.item {
			return fmt.Sprintf("%s of item %d, where item %d is to come", kind, index, o.item)
		}
	}
	was := o.open
	switch kind {
	case "response.created", "response.in_progress":
		if o.item > 0 {
			return kind + " after an item"
		}
	case "response.completed", "response.incomplete", "response.failed":
		o.last = true
	case "response.output_item.added":
		o.open = true
	case "response.output_item.done":
		o.open, was = false, !was
		o.item++
	default:
		was = !was
	}
	if was {
		return kind + " at the wrong place"
	}
	return ""
}

func (o *responseOrder) End(state *stream.State) string {
	if state.Done && !o.last {
		return "no last event"
	}
	return ""
}
