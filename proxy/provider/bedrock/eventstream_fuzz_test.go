package bedrock

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"

	"gatehouse/internal/testkit/storm"
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
func read(tb testing.TB, in []byte, n int) (out []byte, end error) {
	tb.Helper()
	s := NewEventStream(&pieces{bytes.NewReader(in), n})
	buf := make([]byte, 512)
	for {
		k, err := s.Read(buf)
		out = append(out, buf[:k]...)
		if err != nil {
			if k, again := s.Read(buf); k != 0 || again == nil {
				tb.Fatalf("%q: %d bytes after the end", in, k)
			}
			return out, err
		}
		if len(out) > 64<<10+16*len(in) {
			tb.Fatalf("%d bytes gave %d", len(in), len(out))
		}
	}
}

// summed puts right the two checksums of every message in b whose length fits: without that nothing behind them is reached.
func summed(b []byte) []byte {
	b = bytes.Clone(b)
	for at := 0; len(b)-at >= 16; {
		size := int(binary.BigEndian.Uint32(b[at:]))
		if size < 16 || size > len(b)-at {
			break
		}
		m := b[at : at+size]
		binary.BigEndian.PutUint32(m[8:], crc32.ChecksumIEEE(m[:8]))
		binary.BigEndian.PutUint32(m[size-4:], crc32.ChecksumIEEE(m[:size-4]))
		at += size
	}
	return b
}

// FuzzEventStream holds AWS's framing to the same events however the bytes arrive. Of two inputs, one is taken for the bytes
// of the wire, the other for the payload of a message that is whole.
func FuzzEventStream(f *testing.F) {
	s := storm.New(f)
	s.Add([]byte{0, 0, 0, 16, 0, 0, 0, 0}, "contentBlockDelta", []byte(`{"contentBlockIndex":0,"delta":{"text":"a"}}`), uint8(3))
	s.Add([]byte(nil), "chunk", []byte(`{"bytes":"eyJ0eXBlIjoicGluZyJ9"}`), uint8(200))
	s.Add([]byte{255, 255, 255, 255}, "!throttlingException", []byte(`{"message":"slow"}`), uint8(17))
	var message bytes.Buffer
	m := eventstream.Message{Payload: []byte(`{"inputTokens":1}`)}
	m.Headers.Set(":message-type", eventstream.StringValue("event"))
	m.Headers.Set("n", eventstream.Int32Value(7))
	m.Headers.Set("b", eventstream.BytesValue{1, 2})
	if err := eventstream.NewEncoder().Encode(&message, m); err != nil {
		f.Fatal(err)
	}
	s.Add(message.Bytes(), "messageStop", []byte(`{"stopReason":"end_turn"}`), uint8(5))
	s.Fuzz(func(tb testing.TB, tail []byte, name string, payload []byte, n uint8) {
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
		if n&1 == 1 {
			tail = summed(tail)
		}
		in.Write(tail)
		whole, _ := read(tb, in.Bytes(), 1<<20)
		got, _ := read(tb, in.Bytes(), int(n)+1)
		if !bytes.Equal(got, whole) {
			tb.Fatalf("%q by %d: %q, at once %q", in.Bytes(), n, got, whole)
		}
		if n%4 == 1 {
			if alone, _ := read(tb, tail, int(n)+1); !bytes.HasSuffix(whole, alone) {
				tb.Fatalf("%q gave %q, after a message %q", tail, alone, whole)
			}
		}
		var p stream.Parser
		for text := whole; len(text) > 0; {
			room, err := p.Room()
			if err != nil {
				tb.Fatal(err)
			}
			k := copy(room, text)
			p.Filled(k)
			text = text[k:]
			for {
				if ev, ok := p.Next(); !ok {
					break
				} else if len(ev.Data) == 0 {
					tb.Fatalf("%q gave an event without data: %q", in.Bytes(), whole)
				}
			}
		}
		if ev, ok := p.Rest(); ok {
			tb.Fatalf("%q left %q", in.Bytes(), ev.Data)
		}
	})
}
