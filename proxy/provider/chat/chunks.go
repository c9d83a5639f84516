package chat

import (
	"errors"

	"gatehouse/proxy/stream"
	"gatehouse/proxy/wire"
)

// ErrEvent says that an event is not what its wire sends.
var ErrEvent = errors.New("the provider sent an event that cannot be read")

// ErrAnswer says that an answer is not what its wire sends.
var ErrAnswer = errors.New("the provider's answer cannot be read")

// Chunks feeds a filter of OpenAI's wire with chunks that another wire's events mean. Its methods append what the client
// gets. It is part of a filter and satisfies most of stream.Filter for it.
type Chunks struct {
	Next    stream.Filter
	ID      string
	Created int64
	Model   []byte // JSON string
	Usage   wire.Usage

	begun  map[int64]bool // choices whose role was sent
	ended  bool
	calls  map[int64]int64 // tool calls so far, by choice
	images int64
}

// State is what was learned so far.
func (c *Chunks) State() *stream.State { return c.Next.State() }

// Heartbeat is the client's wire's.
func (c *Chunks) Heartbeat() []byte { return c.Next.Heartbeat() }

// Delta sends one choice's delta; finish is "" while the choice goes on.
func (c *Chunks) Delta(index int64, delta *wire.Builder, finish string, out []byte) ([]byte, error) {
	if !c.begun[index] {
		if c.begun == nil {
			c.begun = map[int64]bool{}
		}
		c.begun[index] = true
		var first wire.Builder
		first.Text("role", "assistant")
		first.Text("content", "")
		var err error
		if out, err = c.send(index, first.Bytes(), "", out); err != nil {
			return out, err
		}
		if delta.Empty() && finish == "" {
			return out, nil
		}
	}
	return c.send(index, delta.Bytes(), finish, out)
}

func (c *Chunks) send(index int64, delta []byte, finish string, out []byte) ([]byte, error) {
	var choice wire.Builder
	choice.Int("index", index)
	choice.Raw("delta", delta)
	if finish == "" {
		choice.Raw("finish_reason", []byte("null"))
	} else {
		choice.Text("finish_reason", finish)
	}
	return c.event(wire.List([][]byte{choice.Bytes()}), nil, out)
}

// Text sends a piece of text.
func (c *Chunks) Text(index int64, text string, out []byte) ([]byte, error) {
	var d wire.Builder
	d.Text("content", text)
	return c.Delta(index, &d, "", out)
}

// Thought sends a piece of reasoning.
func (c *Chunks) Thought(index int64, text string, out []byte) ([]byte, error) {
	var d wire.Builder
	d.Text("reasoning_content", text)
	return c.Delta(index, &d, "", out)
}

// Thinking sends a whole thinking block.
func (c *Chunks) Thinking(index int64, block, out []byte) ([]byte, error) {
	var d wire.Builder
	d.Raw("thinking_blocks", wire.List([][]byte{block}))
	return c.Delta(index, &d, "", out)
}

// Image sends a picture as a data URL.
func (c *Chunks) Image(index int64, url string, out []byte) ([]byte, error) {
	var d wire.Builder
	d.Raw("images", wire.List([][]byte{Picture(url, c.images)}))
	c.images++
	return c.Delta(index, &d, "", out)
}

// Call begins a tool call; its arguments follow, or are all there.
func (c *Chunks) Call(index int64, call *Called, out []byte) ([]byte, error) {
	if c.calls == nil {
		c.calls = map[int64]int64{}
	}
	n := c.calls[index]
	c.calls[index] = n + 1
	var fn, o, d wire.Builder
	fn.Text("name", call.Name)
	fn.Text("arguments", string(wire.Compact(call.Args)))
	o.Int("index", n)
	o.Text("id", call.ID)
	o.Text("type", "function")
	o.Raw("function", fn.Bytes())
	o.Raw("provider_specific_fields", call.Extra)
	d.Raw("tool_calls", wire.List([][]byte{o.Bytes()}))
	return c.Delta(index, &d, "", out)
}

// Arguments sends a fragment of the arguments of the call begun last.
func (c *Chunks) Arguments(index int64, text string, out []byte) ([]byte, error) {
	var fn, o, d wire.Builder
	fn.Text("arguments", text)
	o.Int("index", max(c.calls[index]-1, 0))
	o.Raw("function", fn.Bytes())
	d.Raw("tool_calls", wire.List([][]byte{o.Bytes()}))
	return c.Delta(index, &d, "", out)
}

// Called says how many tool calls a choice has made.
func (c *Chunks) Called(index int64) int64 { return c.calls[index] }

// Finish ends a choice.
func (c *Chunks) Finish(index int64, reason string, out []byte) ([]byte, error) {
	var d wire.Builder
	return c.Delta(index, &d, reason, out)
}

// Close sends the usage and the end mark, once.
func (c *Chunks) Close(out []byte) ([]byte, error) {
	if c.ended {
		return out, nil
	}
	c.ended = true
	var err error
	if c.Usage.Seen {
		if out, err = c.event([]byte("[]"), AppendUsage(nil, c.Usage), out); err != nil {
			return out, err
		}
	}
	out, err = c.Next.Event(stream.Event{Data: []byte("[DONE]")}, out)
	c.State().Usage = c.Usage // OpenAI's form does not tell all that there is to tell
	return out, err           //nolint:wrapcheck // the filter's own
}

// Fail notes the provider's error: a JSON object with a message, and a code or type that tells its kind.
func (c *Chunks) Fail(failure []byte) {
	c.State().Failure = append(c.State().Failure[:0], failure...)
}

// End closes a stream that has given its reasons but not its end.
func (c *Chunks) End(out []byte) []byte {
	out, err := c.Close(out)
	if err != nil {
		c.State().Done = true
	}
	return out
}

func (c *Chunks) event(choices, usage, out []byte) ([]byte, error) {
	var o wire.Builder
	o.Text("id", c.ID)
	o.Text("object", "chat.completion.chunk")
	o.Int("created", c.Created)
	model := c.Model
	if model == nil {
		model = []byte(`""`)
	}
	o.Raw("model", model)
	o.Raw("choices", choices)
	o.Raw("usage", usage)
	out, err := c.Next.Event(stream.Event{Data: o.Bytes()}, out)
	c.State().Usage = c.Usage
	return out, err //nolint:wrapcheck // the filter's own
}
