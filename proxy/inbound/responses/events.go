package responses

import (
	"bytes"
	"errors"

	"gatehouse/proxy/stream"
	"gatehouse/proxy/wire"
)

var errEvent = errors.New("the provider sent an event that is not JSON")

// Filter turns chunks into the events of a response for next.
func (t *ToChat) Filter(next stream.Filter) stream.Filter { return &events{t: t, next: next} }

// events is the filter of ToChat. One output item is open at a time.
type events struct {
	t      *ToChat
	next   stream.Filter
	answer wire.Answer
	usage  wire.Usage
	model  []byte
	seq    int64
	begun  bool
	done   [][]byte // items that are complete
	open   string   // kind of the open item: "message", "function_call", "reasoning" or "" for none
	text   []byte   // of the open item, decoded
	blocks [][]byte // thinking blocks of the open item
	calls  []*toolCall
	opened int                                // how many of the calls have had an item opened: the last of these may be open still
	held   []func(out []byte) ([]byte, error) // what came while a call was not whole
	ending bool
	finish string
	ended  bool
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
	if tier := a.ServiceTier(); tier != "" {
		e.State().ServiceTier = tier
	}
	var err error
	if out, err = e.start(out); err != nil {
		return out, err
	}
	a.EachDelta(func(d wire.Delta) {
		if err == nil && d.Index == 0 {
			out, err = e.grow(d, out)
		}
	})
	e.State().Usage = e.usage
	return out, err
}

// start sends the events that every response begins with, once.
func (e *events) start(out []byte) ([]byte, error) {
	if e.begun {
		return out, nil
	}
	e.begun, e.model = true, bytes.Clone(e.answer.Model())
	var err error
	for _, name := range [...]string{"response.created", "response.in_progress"} {
		if out, err = e.whole(name, "in_progress", "null", out); err != nil {
			return out, err
		}
	}
	return out, nil
}

// grow takes what one choice adds.
func (e *events) grow(d wire.Delta, out []byte) ([]byte, error) {
	var err error
	if (d.Thought != nil || d.Blocks != nil || d.Text != nil) && !e.ending && e.calling() {
		said := wire.Delta{Thought: bytes.Clone(d.Thought), Blocks: bytes.Clone(d.Blocks), Text: bytes.Clone(d.Text)}
		e.held = append(e.held, func(out []byte) ([]byte, error) { return e.grow(said, out) })
		d.Thought, d.Blocks, d.Text = nil, nil, nil // an item that is closed cannot be gone on with
	}
	if d.Thought != nil {
		if out, err = e.begin("reasoning", out); err == nil {
			out, err = e.delta("response.reasoning_summary_text.delta", "summary_index", d.Thought, out)
		}
	}
	if d.Blocks != nil && err == nil {
		if out, err = e.begin("reasoning", out); err == nil {
			wire.EachElement(d.Blocks, func(b []byte) { e.blocks = append(e.blocks, bytes.Clone(b)) })
		}
	}
	if d.Text != nil && err == nil {
		if out, err = e.begin("message", out); err == nil {
			out, err = e.delta("response.output_text.delta", "content_index", d.Text, out)
		}
	}
	if d.Tools != nil && err == nil {
		out, err = e.tools(d.Tools, out)
	}
	if d.Finish != nil {
		e.finish, _ = wire.String(d.Finish)
		e.State().Finished = true
	}
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

// pass gives one event to the next filter; the usage that counts is the provider's.
func (e *events) pass(name string, o *wire.Builder, out []byte) ([]byte, error) {
	o.Int("sequence_number", e.seq)
	e.seq++
	out, err := e.next.Event(stream.Event{Name: []byte(name), Data: o.Bytes()}, out)
	e.State().Usage = e.usage
	return out, err //nolint:wrapcheck // the filter's own
}

// whole sends an event that carries the response object.
func (e *events) whole(name, status, details string, out []byte) ([]byte, error) {
	usage := &e.usage
	if status == "in_progress" {
		usage = nil
	}
	var o wire.Builder
	o.Text("type", name)
	o.Raw("response", e.t.response(status, details, e.model, e.done, usage))
	return e.pass(name, &o, out)
}

// part starts an event about the open item.
func (e *events) part(name string) *wire.Builder {
	o := new(wire.Builder)
	o.Text("type", name)
	o.Text("item_id", e.itemID())
	o.Int("output_index", int64(len(e.done)))
	return o
}

func (e *events) itemID() string {
	prefix := map[string]string{"message": "msg", "function_call": "fc", "reasoning": "rs"}[e.open]
	if e.open == "function_call" && e.t.customs[e.current().name] {
		prefix = "ctc"
	}
	return e.t.id(prefix, len(e.done))
}

// item is the open item as it stands.
func (e *events) item(status string) []byte {
	id := e.itemID()
	switch e.open {
	case "message":
		if status == "in_progress" {
			return message(id, status)
		}
		return message(id, status, textPart(string(e.text)))
	case "function_call":
		return e.t.called(len(e.done), status, e.current().id, e.current().name, string(e.text))
	}
	var blocks []byte
	if len(e.blocks) > 0 {
		blocks = wire.List(e.blocks)
	}
	return reasoning(id, string(e.text), blocks)
}

// begin opens an item of a kind, after closing the one before, unless it is open already.
func (e *events) begin(kind string, out []byte) ([]byte, error) {
	if e.open == kind {
		return out, nil
	}
	out, err := e.finishItem(out)
	if err != nil {
		return out, err
	}
	e.open, e.text, e.blocks = kind, e.text[:0], nil
	var o wire.Builder
	o.Text("type", "response.output_item.added")
	o.Int("output_index", int64(len(e.done)))
	o.Raw("item", e.item("in_progress"))
	if out, err = e.pass("response.output_item.added", &o, out); err != nil {
		return out, err
	}
	switch kind {
	case "message":
		p := e.part("response.content_part.added")
		p.Int("content_index", 0)
		p.Raw("part", textPart(""))
		return e.pass("response.content_part.added", p, out)
	case "reasoning":
		p := e.part("response.reasoning_summary_part.added")
		p.Int("summary_index", 0)
		p.Raw("part", summary(""))
		return e.pass("response.reasoning_summary_part.added", p, out)
	}
	return out, nil
}

// delta adds text, a JSON string, to the open item.
func (e *events) delta(name, index string, raw, out []byte) ([]byte, error) {
	e.text = wire.AppendText(e.text, raw)
	o := e.part(name)
	if index != "" {
		o.Int(index, 0)
	}
	o.Raw("delta", raw)
	if e.open == "message" {
		o.Raw("logprobs", []byte("[]"))
	}
	return e.pass(name, o, out)
}

// finishItem closes the open item.
func (e *events) finishItem(out []byte) ([]byte, error) {
	if e.open == "" {
		return out, nil
	}
	var err error
	if e.open == "function_call" {
		e.text = append(e.text[:0], e.current().text...)
	}
	text := string(e.text)
	send := func(name, index string, fill func(o *wire.Builder)) {
		if err != nil {
			return
		}
		o := e.part(name)
		if index != "" {
			o.Int(index, 0)
		}
		fill(o)
		out, err = e.pass(name, o, out)
	}
	switch e.open {
	case "message":
		send("response.output_text.done", "content_index", func(o *wire.Builder) { o.Text("text", text); o.Raw("logprobs", []byte("[]")) })
		send("response.content_part.done", "content_index", func(o *wire.Builder) { o.Raw("part", textPart(text)) })
	case "function_call":
		out, err = e.finishCall(out)
	case "reasoning":
		send("response.reasoning_summary_text.done", "summary_index", func(o *wire.Builder) { o.Text("text", text) })
		send("response.reasoning_summary_part.done", "summary_index", func(o *wire.Builder) { o.Raw("part", summary(text)) })
	}
	if err != nil {
		return out, err
	}
	item := e.item("completed")
	var o wire.Builder
	o.Text("type", "response.output_item.done")
	o.Int("output_index", int64(len(e.done)))
	o.Raw("item", item)
	if out, err = e.pass("response.output_item.done", &o, out); err != nil {
		return out, err
	}
	e.done = append(e.done, item)
	e.open = ""
	return out, nil
}

// close ends the response with its status and the usage that the provider reported.
func (e *events) close(out []byte) ([]byte, error) {
	if e.ended {
		return out, nil
	}
	e.ended = true
	out, err := e.start(out)
	if err != nil {
		return out, err
	}
	if out, err = e.rest(out); err != nil {
		return out, err
	}
	if out, err = e.finishItem(out); err != nil {
		return out, err
	}
	status, details := ended(e.finish)
	return e.whole("response."+status, status, details, out)
}
