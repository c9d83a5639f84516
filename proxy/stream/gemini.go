package stream

import (
	"bytes"

	"gatehouse/proxy/wire"
)

// Gemini filters the stream of a streamGenerateContent call, whose events are partial responses: it puts the name the
// client asked for and reads usage, which grows with every event. Without alt=sse the client gets one JSON list.
type Gemini struct {
	Model []byte // JSON string that replaces modelVersion; nil leaves it
	Array bool   // one list and no events

	state  State
	answer wire.Answer
	sent   int
	closed bool
}

// State is what was learned so far.
func (f *Gemini) State() *State { return &f.state }

// Heartbeat is white space: Google's SDKs take no comments.
func (f *Gemini) Heartbeat() []byte { return []byte("\n\n") }

// Event handles one event.
func (f *Gemini) Event(ev Event, out []byte) ([]byte, error) {
	s, a := &f.state, &f.answer
	s.Events++
	data := bytes.TrimSpace(ev.Data)
	if bytes.Equal(data, doneMark) {
		return f.End(out), nil
	}
	if len(data) == 0 {
		return out, nil
	}
	if err := a.Parse(data); err != nil {
		return out, errEvent
	}
	if failure := a.Failure(); failure != nil {
		s.Failure = append(s.Failure[:0], failure...)
		return out, nil
	}
	if i := a.Find("usageMetadata"); i >= 0 {
		if u := wire.ReadGeminiUsage(a.Raw(i)); u.Seen {
			s.Usage = u
		}
	}
	if i := a.Find("candidates"); i >= 0 {
		wire.EachElement(a.Raw(i), f.candidate)
	}
	if i := a.Find("modelVersion"); i >= 0 && f.Model != nil {
		a.Replace(i, f.Model)
	}
	return f.append(out), nil
}

// candidate notes what one candidate says.
func (f *Gemini) candidate(c []byte) {
	s := &f.state
	wire.EachElement(wire.Lookup(c, "content", "parts"), func(p []byte) {
		s.Started = true
		if text := wire.Lookup(p, "text"); text != nil {
			s.note(text)
		} else {
			s.note(wire.Lookup(p, "functionCall"))
		}
	})
	if !wire.Null(wire.Lookup(c, "finishReason")) {
		s.Started, s.Finished = true, true
	}
}

func (f *Gemini) append(out []byte) []byte {
	f.sent++
	if !f.Array {
		out = append(out, "data: "...)
		start := len(out)
		return endData(f.answer.Append(out), start)
	}
	return f.answer.Append(append(out, f.separator()...))
}

// separator stands before the next item of the list.
func (f *Gemini) separator() string {
	if f.sent <= 1 {
		return "["
	}
	return ",\r\n"
}

// End closes the list.
func (f *Gemini) End(out []byte) []byte {
	f.state.Done = true
	if f.closed || !f.Array {
		return out
	}
	f.closed = true
	if f.sent == 0 {
		out = append(out, '[')
	}
	return append(out, ']')
}
