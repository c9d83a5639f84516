package bedrock

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"

	"gatehouse/proxy/stream"
	"gatehouse/proxy/wire"
)

// ContentType is how AWS frames a stream.
const ContentType = "application/vnd.amazon.eventstream"

// maxMessage bounds one message of a stream; AWS's own limit is 16 MiB of payload.
const maxMessage = 24 << 20

var errFrame = errors.New("a message of the event stream is broken")

// EventStream turns AWS's event stream into server-sent events, so that the rest of the way is that of every stream. What
// InvokeModel wraps in "bytes" is unwrapped. A read that misses its deadline loses nothing. For one goroutine.
type EventStream struct {
	src     stream.Source
	in, out []byte
	from    int // of out, not yet read
	err     error
	decoder *eventstream.Decoder
}

// NewEventStream reads src.
func NewEventStream(src stream.Source) *EventStream {
	return &EventStream{src: src, decoder: eventstream.NewDecoder()}
}

// ReadBy sets the deadline of the reads that follow.
func (s *EventStream) ReadBy(t time.Time) { s.src.ReadBy(t) }

// Read reads the events that have come, and blocks only while there is none.
func (s *EventStream) Read(p []byte) (int, error) {
	for s.from == len(s.out) {
		s.out, s.from = s.out[:0], 0
		if s.err != nil {
			return 0, s.err
		}
		more, err := s.decode()
		if err != nil {
			s.err = err
			continue
		}
		if !more {
			if err := s.fill(); err != nil {
				return 0, err
			}
		}
	}
	n := copy(p, s.out[s.from:])
	s.from += n
	return n, nil
}

// fill reads more bytes.
func (s *EventStream) fill() error {
	const room = 4 << 10
	n := len(s.in)
	s.in = slices.Grow(s.in, room)
	k, err := s.src.Read(s.in[n : n+room])
	s.in = s.in[:n+k]
	if k > 0 {
		return nil
	}
	if errors.Is(err, io.EOF) && n > 0 {
		err = io.ErrUnexpectedEOF
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err //nolint:wrapcheck // io.EOF must stay itself, and so must a timeout
}

// decode turns every whole message into an event; false when there was none.
func (s *EventStream) decode() (bool, error) {
	used, any := 0, false
	for len(s.in)-used >= 4 {
		size := int(binary.BigEndian.Uint32(s.in[used:]))
		if size < 16 || size > maxMessage {
			return any, errFrame
		}
		if len(s.in)-used < size {
			break
		}
		message, err := s.decoder.Decode(bytes.NewReader(s.in[used:used+size]), nil)
		if err != nil {
			return any, fmt.Errorf("%w: %w", errFrame, err)
		}
		used += size
		any = s.event(&message) || any
	}
	if used > 0 {
		s.in = s.in[:copy(s.in, s.in[used:])]
	}
	return any, nil
}

// event appends one message; true when there was something in it.
func (s *EventStream) event(m *eventstream.Message) bool {
	header := func(name string) string {
		if v := m.Headers.Get(name); v != nil {
			return v.String()
		}
		return ""
	}
	name, data := header(":event-type"), bytes.TrimSpace(m.Payload)
	switch header(":message-type") {
	case "exception":
		name, data = "error", failure(header(":exception-type"), text(data))
	case "error":
		name, data = "error", failure(header(":error-code"), header(":error-message"))
	default:
		if name == "chunk" {
			encoded, _ := wire.String(wire.Lookup(data, "bytes"))
			inner, err := base64.StdEncoding.DecodeString(encoded)
			if err != nil || len(inner) == 0 {
				return false
			}
			data = bytes.TrimSpace(inner)
			name, _ = wire.String(wire.Lookup(data, "type"))
		}
	}
	if len(data) == 0 {
		data = []byte("{}")
	}
	s.out = append(s.out, "event: "...)
	s.out = append(s.out, oneLine([]byte(name))...)
	s.out = append(s.out, "\ndata: "...)
	s.out = append(s.out, oneLine(data)...)
	s.out = append(s.out, "\n\n"...)
	return true
}

// text is the message of an exception.
func text(payload []byte) string {
	for _, name := range [...]string{"message", "Message", "originalMessage"} {
		if s, ok := wire.String(wire.Lookup(payload, name)); ok {
			return s
		}
	}
	return ""
}

func failure(kind, message string) []byte {
	if message == "" {
		message = kind
	}
	var inner, o wire.Builder
	inner.Text("type", kind)
	inner.Text("message", message)
	o.Text("type", "error")
	o.Raw("error", inner.Bytes())
	return o.Bytes()
}

// oneLine keeps a payload from ending its event early. Line ends in JSON are white space.
func oneLine(b []byte) []byte {
	return bytes.Map(func(r rune) rune {
		if r == '\n' || r == '\r' {
			return ' '
		}
		return r
	}, b)
}
