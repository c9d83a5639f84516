package stream

import (
	"bytes"

	"gatehouse/proxy/wire"
)

// Responses filters the stream of a Responses call: it puts the name the client asked for into the response objects and
// reads usage from the last one. This wire has no [DONE]; its last event names how the response ended.
type Responses struct {
	Model []byte // JSON string that replaces the model's name; nil leaves it
	// Response changes the response object inside an event: its ids. May be nil.
	Response func(*wire.Answer)

	state  State
	answer wire.Answer
}

// State is what was learned so far.
func (f *Responses) State() *State { return &f.state }

// Heartbeat is a comment.
func (f *Responses) Heartbeat() []byte { return []byte(": hb\n\n") }

// Event handles one event.
func (f *Responses) Event(ev Event, out []byte) ([]byte, error) {
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
	case "response.output_text.delta", "response.function_call_arguments.delta", "response.reasoning_summary_text.delta", "response.reasoning_text.delta", "response.refusal.delta":
		s.Started = true
		s.note(wire.Lookup(data, "delta"))
	case "response.completed", "response.incomplete":
		s.Started, s.Finished, s.Done = true, true, true
	case "response.failed":
		s.Failure = append(s.Failure[:0], orData(wire.Lookup(data, "response", "error"), data)...)
		return out, nil
	}
	if i := a.Find("response"); i >= 0 {
		f.response(i)
	}
	name := ev.Name
	if len(name) == 0 {
		name = []byte(kind)
	}
	out = append(appendName(out, name), "data: "...)
	start := len(out)
	out = a.Append(out)
	return endData(out, start), nil
}

// response reads the response object inside an event.
func (f *Responses) response(i int) {
	var r wire.Answer
	if r.Parse(f.answer.Raw(i)) != nil {
		return
	}
	if u := r.Usage(); u.Seen {
		f.state.Usage = u
	}
	if tier := r.ServiceTier(); tier != "" {
		f.state.ServiceTier = tier
	}
	if f.Model != nil {
		r.SetModel(f.Model)
	}
	if f.Response != nil {
		f.Response(&r)
	}
	f.answer.Replace(i, r.Append(nil))
}

// End has nothing to add: a stream without its last event is not complete.
func (f *Responses) End(out []byte) []byte { return out }
