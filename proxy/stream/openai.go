package stream

import (
	"bytes"
	"errors"
	"strconv"

	"gatehouse/models"
	"gatehouse/proxy/wire"
)

// errEvent says that the data of an event is not what its wire sends.
var errEvent = errors.New("the provider sent an event that is not JSON")

func indexLineEnd(b []byte) int {
	i := bytes.IndexByte(b, '\n')
	if j := bytes.IndexByte(b, '\r'); j >= 0 && (i < 0 || j < i) {
		return j
	}
	return i
}

// OpenAI filters the stream of a chat or completion call: it puts the name the client asked for, keeps usage from a
// client that did not ask for it, and passes it once, before [DONE], to one that did.
type OpenAI struct {
	Model  []byte                        // JSON string that replaces the model's name; nil leaves it
	Asked  bool                          // the client asked for usage
	Finish func(raw []byte) string       // OpenAI's word for a foreign finish reason; may be nil
	Cost   func(wire.Usage) *models.Nano // adds the cost to the usage the client sees; may be nil

	state  State
	answer wire.Answer
	shape  shape
	only   []byte // the text of the chunk just read, when it is all that the chunk says
	last   []byte // the usage chunk, held until the end
	passed bool   // it has gone out

	choices []byte // of the chunk just read, as they are passed on
}

// State is what was learned so far.
func (f *OpenAI) State() *State { return &f.state }

// Heartbeat is a comment.
func (f *OpenAI) Heartbeat() []byte { return []byte(": hb\n\n") }

var doneMark = []byte("[DONE]") //nolint:gochecknoglobals // a constant

// Event handles one chunk.
func (f *OpenAI) Event(ev Event, out []byte) ([]byte, error) {
	s := &f.state
	s.Events++
	data := bytes.TrimSpace(ev.Data)
	if bytes.Equal(data, doneMark) {
		s.Done = true
		return f.close(out), nil
	}
	if len(data) == 0 {
		return out, nil
	}
	if text := f.shape.match(data); text != nil && len(ev.Name) == 0 {
		s.note(text)
		return f.shape.append(out, text), nil
	}
	start := len(out)
	out, err := f.chunk(ev, data, out)
	if f.only != nil && len(out) > start {
		f.learn(data, out[start:])
	}
	return out, err
}

// chunk handles a chunk by reading it.
func (f *OpenAI) chunk(ev Event, data, out []byte) ([]byte, error) {
	s := &f.state
	f.only = nil
	a := &f.answer
	if err := a.Parse(data); err != nil {
		return out, errEvent
	}
	if failure := a.Failure(); failure != nil {
		s.Failure = append(s.Failure[:0], failure...)
		return out, nil
	}
	if string(ev.Name) == "error" {
		s.Failure = append(s.Failure[:0], data...)
		return out, nil
	}
	f.read()
	if f.Model != nil {
		a.SetModel(f.Model)
	}
	if !f.usage() {
		return out, nil
	}
	out = append(out, "data: "...)
	start := len(out)
	out = a.Append(out)
	return endData(out, start), nil
}

// read notes what the chunk says.
func (f *OpenAI) read() {
	s, a := &f.state, &f.answer
	if tier := a.ServiceTier(); tier != "" {
		s.ServiceTier = tier
	}
	foreign := false
	choices := 0
	a.EachDelta(func(d wire.Delta) {
		if choices++; choices == 1 && d.Text != nil && d.Thought == nil && d.Tools == nil && d.Finish == nil {
			f.only = d.Text
		} else {
			f.only = nil
		}
		s.Started = s.Started || d.Anything
		if d.Text != nil {
			s.note(d.Text)
		}
		if d.Thought != nil {
			s.note(d.Thought)
		}
		if d.Tools != nil {
			s.note(d.Tools)
		}
		if d.Finish != nil {
			s.Finished = true
			foreign = foreign || f.Finish != nil && f.Finish(d.Finish) != ""
		}
	})
	f.choices = a.Choices()
	if foreign {
		f.choices = a.RenameFinish(f.Finish)
	}
	if u := a.Usage(); u.Seen {
		f.only = nil
		s.Usage = u // every usage is of the whole stream so far: the last one counts
	}
}

// usage settles what the client sees of the chunk's usage; false when it sees nothing of the chunk at all.
func (f *OpenAI) usage() bool {
	a := &f.answer
	if !a.HasUsage() {
		return true
	}
	raw := a.UsageRaw()
	only := raw != nil && a.EmptyChoices()
	if !f.Asked {
		a.DropUsage()
		return !only
	}
	if raw == nil {
		return true
	}
	if f.Cost != nil {
		if cost := f.Cost(f.state.Usage); cost != nil {
			raw = withCost(raw, *cost)
		}
	}
	a.SetChoices([]byte("[]"))
	a.SetUsage(raw)
	f.last = a.Append(f.last[:0])
	a.SetChoices(f.choices)
	a.SetUsage([]byte("null"))
	return !only
}

// withCost adds the cost in USD to a usage object.
func withCost(raw []byte, cost models.Nano) []byte {
	var o wire.Object
	if o.Parse(raw) != nil {
		return raw
	}
	o.Set("cost", []byte(cost.String()))
	return o.Append(nil)
}

// close appends the usage chunk, if the client asked for one, and the end mark.
func (f *OpenAI) close(out []byte) []byte {
	if len(f.last) > 0 && !f.passed {
		f.passed = true
		out = appendData(out, f.last)
	}
	return append(out, "data: [DONE]\n\n"...)
}

// End ends a stream that gave its finish reason but no [DONE].
func (f *OpenAI) End(out []byte) []byte {
	f.state.Done = true
	return f.close(out)
}

// AppendUsage appends a usage object in OpenAI's form, for answers whose usage was counted here.
func AppendUsage(dst []byte, input, output int64) []byte {
	dst = append(dst, `{"prompt_tokens":`...)
	dst = strconv.AppendInt(dst, input, 10)
	dst = append(dst, `,"completion_tokens":`...)
	dst = strconv.AppendInt(dst, output, 10)
	dst = append(dst, `,"total_tokens":`...)
	dst = strconv.AppendInt(dst, input+output, 10)
	return append(dst, '}')
}
