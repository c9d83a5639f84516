package stream

import (
	"bytes"

	"gatehouse/proxy/wire"
)

// Anthropic filters the stream of a Messages call: it puts the name the client asked for and notes usage, which comes in
// two parts. Everything else passes as it is.
type Anthropic struct {
	Model []byte // JSON string that replaces the model's name; nil leaves it

	state  State
	answer wire.Answer
}

// State is what was learned so far.
func (f *Anthropic) State() *State { return &f.state }

// Heartbeat is the wire's own.
func (f *Anthropic) Heartbeat() []byte {
	return []byte("event: ping\ndata: {\"type\":\"ping\"}\n\n")
}

// Event handles one event.
func (f *Anthropic) Event(ev Event, out []byte) ([]byte, error) {
	s, a := &f.state, &f.answer
	s.Events++
	data := bytes.TrimSpace(ev.Data)
	if len(data) == 0 {
		return out, nil
	}
	if err := a.Parse(data); err != nil {
		return out, errEvent
	}
	kind, _ := wire.String(a.Type())
	switch kind {
	case "error":
		s.Failure = append(s.Failure[:0], orData(a.Failure(), data)...)
		return out, nil
	case "message_start":
		f.start()
	case "content_block_start":
		if block, _ := wire.String(wire.Lookup(data, "content_block", "type")); block != "text" {
			s.Started = true
			s.note(wire.Lookup(data, "content_block", "name"))
		}
	case "content_block_delta":
		s.Started = true
		for _, name := range [...]string{"text", "thinking", "partial_json"} {
			if raw := wire.Lookup(data, "delta", name); raw != nil {
				s.note(raw)
			}
		}
	case "message_delta":
		s.Usage.Merge(wire.ReadAnthropicUsage(a.UsageRaw()))
		if !wire.Null(wire.Lookup(data, "delta", "stop_reason")) {
			s.Finished, s.Started = true, true
		}
	case "message_stop":
		s.Done = true
	}
	name := ev.Name
	if len(name) == 0 {
		name = []byte(kind) // the SDK skips events without a name
	}
	return f.append(out, name), nil
}

func orData(a, b []byte) []byte {
	if a != nil {
		return a
	}
	return b
}

// start reads the head of the message: who answers and what the input was.
func (f *Anthropic) start() {
	a := &f.answer
	i := a.Find("message")
	if i < 0 {
		return
	}
	var m wire.Answer
	if m.Parse(a.Raw(i)) != nil {
		return
	}
	f.state.Usage.Merge(wire.ReadAnthropicUsage(m.UsageRaw()))
	if tier, ok := wire.String(wire.Lookup(m.UsageRaw(), "service_tier")); ok {
		f.state.ServiceTier = tier
	}
	if f.Model != nil {
		m.SetModel(f.Model)
		a.Replace(i, m.Append(nil))
	}
}

func (f *Anthropic) append(out, name []byte) []byte {
	out = append(appendName(out, name), "data: "...)
	start := len(out)
	out = f.answer.Append(out)
	return endData(out, start)
}

// End ends a stream that gave its stop reason but no message_stop.
func (f *Anthropic) End(out []byte) []byte {
	f.state.Done = true
	return append(out, "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"...)
}
