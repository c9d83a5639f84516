package responses

import (
	"gatehouse/proxy/wire"
)

// toolCall is a tool call of a stream. Chat completions may send the pieces of several in turns; here one item is open at
// a time, so those of the others wait.
type toolCall struct {
	index    int64
	id, name string
	text     []byte // arguments so far, decoded
	pending  []byte // of these, what has not been sent
	whole    wire.Whole
}

// complete says whether the arguments so far are whole.
func (c *toolCall) complete() bool { return c.whole.Is(c.text) }

// call finds the call that a piece belongs to, or begins one.
func (e *events) call(piece []byte) *toolCall {
	index, _ := wire.Int(wire.Lookup(piece, "index"))
	id, _ := wire.String(wire.Lookup(piece, "id"))
	for i := len(e.calls) - 1; i >= 0; i-- {
		if c := e.calls[i]; c.index == index && (id == "" || id == c.id) {
			return c
		}
	}
	name, _ := wire.String(wire.Lookup(piece, "function", "name"))
	c := &toolCall{index: index, id: id, name: name}
	e.calls = append(e.calls, c)
	return c
}

// current is the call whose item was opened last.
func (e *events) current() *toolCall { return e.calls[e.opened-1] }

// calling says whether the open item is a call whose arguments are not whole yet.
func (e *events) calling() bool { return e.open == "function_call" && !e.current().complete() }

// tools passes tool calls on.
func (e *events) tools(raw, out []byte) ([]byte, error) {
	var err error
	wire.EachElement(raw, func(piece []byte) {
		if err != nil {
			return
		}
		c := e.call(piece)
		if arguments := wire.Lookup(piece, "function", "arguments"); len(arguments) > len(`""`) && arguments[0] == '"' {
			before := len(c.text)
			c.text = wire.AppendText(c.text, arguments)
			c.pending = append(c.pending, c.text[before:]...)
		}
		if e.open == "function_call" && c == e.current() {
			out, err = e.arguments(out)
		}
		for err == nil && e.opened < len(e.calls) && !e.calling() {
			out, err = e.nextCall(out)
		}
	})
	return out, err
}

// nextCall opens the item of the next call, with what has come of its arguments.
func (e *events) nextCall(out []byte) ([]byte, error) {
	out, err := e.finishItem(out)
	if err != nil {
		return out, err
	}
	e.opened++
	if out, err = e.begin("function_call", out); err != nil {
		return out, err
	}
	return e.arguments(out)
}

// arguments sends what has come of the open call's; the text of a custom tool goes out when it is whole, at the end.
func (e *events) arguments(out []byte) ([]byte, error) {
	c := e.current()
	if len(c.pending) == 0 || e.t.customs[c.name] {
		return out, nil
	}
	text := wire.AppendString(nil, string(c.pending))
	c.pending = c.pending[:0]
	return e.delta("response.function_call_arguments.delta", "", text, out)
}

// finishCall ends the open call's arguments.
func (e *events) finishCall(out []byte) ([]byte, error) {
	c, text := e.current(), string(e.text)
	if !e.t.customs[c.name] {
		o := e.part("response.function_call_arguments.done")
		o.Text("arguments", text)
		o.Text("name", c.name)
		return e.pass("response.function_call_arguments.done", o, out)
	}
	input := customText(text)
	o := e.part("response.custom_tool_call_input.delta")
	o.Text("delta", input)
	out, err := e.pass("response.custom_tool_call_input.delta", o, out)
	if err != nil {
		return out, err
	}
	o = e.part("response.custom_tool_call_input.done")
	o.Text("input", input)
	return e.pass("response.custom_tool_call_input.done", o, out)
}

// rest opens what still waits when the stream ends: calls, and what was said while one of them went on.
func (e *events) rest(out []byte) ([]byte, error) {
	e.ending = true
	var err error
	for err == nil && e.opened < len(e.calls) {
		out, err = e.nextCall(out)
	}
	for _, say := range e.held {
		if err == nil {
			out, err = say(out)
		}
	}
	return out, err
}
