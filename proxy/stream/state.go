package stream

import (
	"gatehouse/proxy/wire"
)

// State is what a filter has learned of a stream so far.
type State struct {
	Usage       wire.Usage
	ServiceTier string
	Text        []byte // output so far, for counting tokens when the provider does not; cut at textKept
	TextBytes   int    // all of it
	Started     bool   // something that a client would miss has come
	Finished    bool   // the provider gave a reason for the end
	Done        bool   // the stream said that it is over
	Failure     []byte // the provider's error, raw JSON, when it sent one
	Events      int
}

// textKept bounds what is kept for counting; beyond it the count is scaled up.
const textKept = 256 << 10

// note keeps the text of a raw JSON string.
func (s *State) note(raw []byte) {
	before := len(s.Text)
	s.Text = wire.AppendText(s.Text, raw)
	s.TextBytes += len(s.Text) - before
	if len(s.Text) > textKept {
		s.Text = s.Text[:textKept]
	}
}

// Filter turns the events of one wire into what the client gets. It is for one stream at a time and one goroutine.
type Filter interface {
	// Event appends to out what the client gets of ev. An error means that the event makes no sense.
	Event(ev Event, out []byte) ([]byte, error)
	// End appends what is missing when the provider's stream has ended without saying so, but is complete.
	End(out []byte) []byte
	// State is what was learned so far; the pointer stays the same.
	State() *State
	// Heartbeat is what a silent stream sends now and then.
	Heartbeat() []byte
}

// appendName appends an event's name. One that would end its line, wherever a provider took it from, ends where it would.
func appendName(out, name []byte) []byte {
	if i := indexLineEnd(name); i >= 0 {
		name = name[:i]
	}
	if len(name) == 0 {
		return out
	}
	return append(append(append(out, "event: "...), name...), '\n')
}

// appendData appends a data line and the end of the event. Line feeds in JSON are white space and would end the line.
func appendData(out, data []byte) []byte {
	out = append(out, "data: "...)
	start := len(out)
	out = append(out, data...)
	return endData(out, start)
}

// endData ends an event whose data starts at out[start].
func endData(out []byte, start int) []byte {
	for i := start; i < len(out); i++ {
		k := indexLineEnd(out[i:])
		if k < 0 {
			break
		}
		i += k
		out[i] = ' '
	}
	return append(out, '\n', '\n')
}
