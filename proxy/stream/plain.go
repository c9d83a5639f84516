package stream

import (
	"bytes"
	"strings"

	"gatehouse/proxy/wire"
)

// Plain passes the events of images and transcripts on as they are, and reads usage where one of them has it.
type Plain struct {
	state  State
	answer wire.Answer
}

// State is what was learned so far.
func (f *Plain) State() *State { return &f.state }

// Heartbeat is a comment.
func (f *Plain) Heartbeat() []byte { return []byte(": hb\n\n") }

// Event handles one event.
func (f *Plain) Event(ev Event, out []byte) ([]byte, error) {
	s := &f.state
	s.Events++
	data := bytes.TrimSpace(ev.Data)
	if bytes.Equal(data, doneMark) {
		s.Done = true
		return append(out, "data: [DONE]\n\n"...), nil
	}
	if len(data) == 0 {
		return out, nil
	}
	a := &f.answer
	if err := a.Parse(data); err != nil {
		return out, errEvent
	}
	kind, _ := wire.String(a.Type())
	if failure := a.Failure(); failure != nil || kind == "error" || string(ev.Name) == "error" {
		s.Failure = append(s.Failure[:0], orData(failure, data)...)
		return out, nil
	}
	s.Started = true
	if u := a.Usage(); u.Seen {
		s.Usage = u
	}
	if strings.HasSuffix(kind, ".done") || strings.HasSuffix(kind, ".completed") {
		s.Finished = true
	}
	return appendData(appendName(out, ev.Name), data), nil
}

// End has nothing to add.
func (f *Plain) End(out []byte) []byte {
	f.state.Done = true
	return out
}
