package bedrock

import (
	"bytes"
	"io"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"

	"gatehouse/proxy/stream"
)

// pieces is a source that gives n bytes at a time.
type pieces struct {
	r io.Reader
	n int
}

func (p *pieces) Read(b []byte) (int, error) { return p.r.Read(b[:min(p.n, len(b))]) } //nolint:wrapcheck // io.EOF must stay itself

func (*pieces) ReadBy(time.Time) {}

// read reads an event stream to its end, which is an error of some kind.
func read(t *testing.T, in []byte, n int) (out []byte, end error) {
	t.Helper()
	s := NewEventStream(&pieces{bytes.NewReader(in), n})
	buf := make([]byte, 512)
	for {
		k, err := s.Read(buf)
		out = append(out, buf[:k]...)
		if err != nil {
			if k, again := s.Read(buf); k != 0 || again == nil {
				t.Fatalf("%q: %d bytes after the end", in, k)
			}
			return out, err
		}
		if len(out) > 64<<10+16*len(in) {
			t.Fatalf("%d bytes gave %d", len(in), len(out))
		}
	}
}

// FuzzEventStream holds AWS's framing to the same events however the bytes arrive. Of two inputs, one is taken for the bytes
// of the wire, the other for the payload of a message that is whole.
func FuzzEventStream(f *testing.F) {
	f.Add([]byte{0, 0, 0, 16, 0, 0, 0, 0}, "contentBlockDelta", []byte(`{"contentBlockIndex":0,"delta":{"text":"a"}}`), uint8(3))
	f.Add([]byte(nil), "chunk", []byte(`{"bytes":"eyJ0eXBlIjoicGluZyJ9"}`), uint8(200))
	f.Add([]byte{255, 255, 255, 255}, "!throttlingException", []byte(`{"message":"slow"}`), uint8(17))
	f.Fuzz(func(t *testing.T, tail []byte, name string, payload []byte, n uint8) {
		var in bytes.Buffer
		m := eventstream.Message{Payload: payload}
		kind, header := "event", ":event-type"
		if len(name) > 0 && name[0] == '!' {
			kind, header = "exception", ":exception-type"
		}
		m.Headers.Set(":message-type", eventstream.StringValue(kind))
		m.Headers.Set(header, eventstream.StringValue(name))
		if err := eventstream.NewEncoder().Encode(&in, m); err != nil {
			return // a name that is too long for a header
		}
		in.Write(tail)
		whole, _ := read(t, in.Bytes(), 1<<20)
		got, _ := read(t, in.Bytes(), int(n)+1)
		if !bytes.Equal(got, whole) {
			t.Fatalf("%q by %d: %q, at once %q", in.Bytes(), n, got, whole)
		}
		if alone, _ := read(t, tail, int(n)+1); !bytes.HasSuffix(whole, alone) {
			t.Fatalf("%q gave %q, after a message %q", tail, alone, whole)
		}
		var p stream.Parser
		for text := whole; len(text) > 0; {
			room, err := p.Room()
			if err != nil {
				t.Fatal(err)
			}
			k := copy(room, text)
			p.Filled(k)
			text = text[k:]
			for {
				if ev, ok := p.Next(); !ok {
					break
				} else if len(ev.Data) == 0 {
					t.Fatalf("%q gave an event without data: %q", in.Bytes(), whole)
				}
			}
		}
		if ev, ok := p.Rest(); ok {
			t.Fatalf("%q left %q", in.Bytes(), ev.Data)
		}
	})
}
