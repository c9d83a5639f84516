package anthropic

import (
	"bytes"

	"gatehouse/proxy/wire"
)

// calls are the tool calls of a stream, in the order in which they began. OpenAI's wire tells them apart by an index and may
// send their pieces in turns; Anthropic's has one block open at a time.
type calls struct {
	all  []toolCall
	open int // how many have had a block opened: the last of these may be open still
}

// toolCall is one of them.
type toolCall struct {
	index   int64
	id      string
	idRaw   []byte
	name    string
	text    []byte // arguments so far, decoded
	pending []byte // those that its block has not had: it is not open yet
	whole   wire.Whole
}

func (c *calls) any() bool { return len(c.all) > 0 }

// find is the call that a piece belongs to, a new one if need be. Some servers leave the index out, or give each call the
// same one, but a piece with another id is of another call.
func (c *calls) find(piece []byte) *toolCall {
	index, _ := wire.Int(wire.Lookup(piece, "index"))
	idRaw := wire.Lookup(piece, "id")
	id, _ := wire.String(idRaw)
	for i := len(c.all) - 1; i >= 0; i-- {
		if call := &c.all[i]; call.index == index && (id == "" || id == call.id) {
			return call
		}
	}
	name, _ := wire.String(wire.Lookup(piece, "function", "name"))
	c.all = append(c.all, toolCall{index: index, id: id, idRaw: bytes.Clone(idRaw), name: name})
	return &c.all[len(c.all)-1]
}

// complete says whether the arguments so far are whole. Those of a tool without any may be an empty text, which looks like
// one that has not begun.
func (c *toolCall) complete() bool { return c.whole.Is(c.text) }

// tools passes tool calls on: the pieces of the call whose block is open go out at once, and the next block is opened when that
// one is whole. Until then the pieces of the others wait.
func (e *events) tools(raw, out []byte) ([]byte, error) {
	var err error
	wire.EachElement(raw, func(piece []byte) {
		if err != nil {
			return
		}
		call := e.calls.find(piece)
		if arguments := wire.Lookup(piece, "function", "arguments"); len(arguments) > len(`""`) && arguments[0] == '"' {
			before := len(call.text)
			call.text = wire.AppendText(call.text, arguments)
			if e.open == "tool_use" && call == e.current() {
				out, err = e.delta("input_json_delta", "partial_json", arguments, out)
			} else {
				call.pending = append(call.pending, call.text[before:]...)
			}
		}
		for err == nil && e.calls.open < len(e.calls.all) && (e.open != "tool_use" || e.current().complete()) {
			out, err = e.nextCall(out)
		}
	})
	return out, err
}

// current is the call whose block was opened last.
func (e *events) current() *toolCall {
	if e.calls.open == 0 {
		return nil
	}
	return &e.calls.all[e.calls.open-1]
}

// nextCall opens the block of the next call, with what has come of its arguments.
func (e *events) nextCall(out []byte) ([]byte, error) {
	call := &e.calls.all[e.calls.open]
	e.calls.open++
	var content wire.Builder
	content.Text("type", "tool_use")
	content.RawOr("id", call.idRaw, `""`)
	content.Text("name", e.t.original(call.name))
	content.Raw("input", []byte("{}"))
	out, err := e.block("tool_use", content.Bytes(), out)
	if err != nil || len(call.pending) == 0 {
		return out, err
	}
	text := wire.AppendString(nil, string(call.pending))
	call.pending = nil
	return e.delta("input_json_delta", "partial_json", text, out)
}

// rest opens the blocks of the calls that still wait.
func (e *events) rest(out []byte) ([]byte, error) {
	var err error
	for err == nil && e.calls.open < len(e.calls.all) {
		out, err = e.nextCall(out)
	}
	return out, err
}
