package stream_test

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/testkit/bridgetest"
	"gatehouse/internal/testkit/storm"
	"gatehouse/proxy/provider"
	"gatehouse/proxy/stream"
	"gatehouse/proxy/wire"
)

// FuzzFilters passes the events of a provider through the filter of each client's wire. A filter that stands alone passes on
// what it does not know, so the events' names are the provider's own.
func FuzzFilters(f *testing.F) {
	s := storm.New(f)
	for i, name := range []string{"openai", "anthropic", "gemini"} {
		for _, text := range bridgetest.Seeds(f, "../testdata/conformance/"+name+".json") {
			s.Add(uint8(i), []byte(text))
		}
	}
	s.Add(uint8(3), []byte(`{"type":"response.created","response":{"id":"r","model":"m"}}`+"\n"+`{"type":"response.completed","response":{"id":"r","usage":{"input_tokens":1}}}`))
	s.Add(uint8(4), []byte(`{"type":"image_generation.completed","usage":{"input_tokens":1}}`))
	s.Fuzz(func(tb testing.TB, which uint8, text []byte) {
		filters := []stream.Filter{
			&stream.OpenAI{Model: []byte(`"mine"`), Asked: which >= 128}, &stream.Anthropic{Model: []byte(`"mine"`)}, &stream.Gemini{Model: []byte(`"mine"`)},
			&stream.Responses{Model: []byte(`"mine"`)}, &stream.Plain{},
		}
		bridgetest.Events(tb, filters[int(which)%len(filters)], text, nil)
	})
}

// trickle gives its bytes some at a time.
type trickle struct {
	r io.Reader
	n int
}

func (s *trickle) Read(p []byte) (int, error) { return s.r.Read(p[:min(s.n, len(p))]) } //nolint:wrapcheck // io.EOF must stay itself

func (*trickle) ReadBy(time.Time) {}

// relayed is what came of a stream.
type relayed struct {
	prime  string
	out    string
	end    stream.End
	text   string
	length int
	usage  wire.Usage
	tier   string
}

// relay passes a stream through a relay as the plane does.
func relay(tb testing.TB, filter stream.Filter, text []byte, n int) relayed {
	tb.Helper()
	var got relayed
	ends, closed := 0, 0
	r := stream.NewRelay(stream.Options{
		Source: &trickle{bytes.NewReader(text), n}, Flight: new(provider.Flight), Filter: filter, Now: func() time.Time { return time.Unix(9, 0) },
		Heartbeat: time.Second, Idle: time.Minute,
		Finish: func(end stream.End, _ error) { got.end, ends = end, ends+1 },
		Frame:  func(stream.End) []byte { return []byte(": broken\n\n") },
		Closed: func() { closed++ },
	})
	state := filter.State()
	if err := r.Prime(time.Unix(99, 0)); err != nil {
		got.prime = err.Error()
		r.Drop()
		if ends > 0 {
			tb.Fatalf("%q did not begin, and ended", text)
		}
	} else {
		var out bytes.Buffer
		room := make([]byte, 512)
		for {
			k, err := r.Read(room)
			out.Write(room[:k])
			if err != nil {
				break
			}
			if out.Len() > 64<<10+64*len(text) {
				tb.Fatalf("%d bytes gave %d", len(text), out.Len())
			}
		}
		if ends != 1 || got.end == stream.Open || got.end == stream.Panic {
			tb.Fatalf("%q ended %d times, with %d", text, ends, got.end)
		}
		if err := r.Close(); err != nil || closed != 1 || ends != 1 {
			tb.Fatalf("%q: closed %d times, ended %d times: %v", text, closed, ends, err)
		}
		got.out = out.String()
	}
	got.text, got.length, got.usage, got.tier = string(state.Text), state.TextBytes, state.Usage, state.ServiceTier
	return got
}

// FuzzRelay relays a provider's bytes to a client of each wire: what comes out, how it ends and what it cost is the same
// however the bytes arrive.
func FuzzRelay(f *testing.F) {
	s := storm.New(f)
	for i, name := range []string{"openai", "anthropic", "gemini"} {
		for _, text := range bridgetest.Seeds(f, "../testdata/conformance/"+name+".json") {
			var events strings.Builder
			for line := range strings.Lines(text) {
				fmt.Fprintf(&events, "data: %s\n\n", strings.TrimSuffix(line, "\n"))
			}
			s.Add(uint8(i), uint8(30), []byte(events.String()+[]string{"data: [DONE]\n\n", "", ""}[i]))
		}
	}
	s.Add(uint8(3), uint8(7), []byte("event: response.created\r\ndata: {\"type\":\"response.created\",\"response\":{\"model\":\"m\"}}\r\n\r\ndata: {\"type\":\"response.completed\",\"response\":{\"usage\":{\"input_tokens\":1}}}\n\n"))
	s.Add(uint8(4), uint8(1), []byte(": c\n\ndata: {\"type\":\"image_generation.completed\",\ndata: \"usage\":{\"input_tokens\":1}}\n\ndata: [DONE]"))
	s.Fuzz(func(tb testing.TB, which, n uint8, text []byte) {
		make := func() stream.Filter {
			mine := []byte(`"mine"`)
			return []stream.Filter{
				&stream.OpenAI{Model: mine, Asked: which >= 128}, &stream.Anthropic{Model: mine}, &stream.Gemini{Model: mine},
				&stream.Responses{Model: mine}, &stream.Plain{}, &stream.Gemini{Model: mine, Array: true},
			}[int(which)%6]
		}
		whole := relay(tb, make(), text, 1<<20)
		if got := relay(tb, make(), text, int(n)+1); got != whole {
			tb.Fatalf("%q by %d: %+v, at once %+v", text, int(n)+1, got, whole)
		}
		bridgetest.Usage(tb, whole.usage)
		if whole.length < len(whole.text) {
			tb.Fatalf("%q: %d bytes of text, %d kept", text, whole.length, len(whole.text))
		}
		switch {
		case which%6 != 5:
			bridgetest.Frames(tb, []byte(whole.out), text, false, nil)
		case whole.end == stream.Complete && (!strings.HasPrefix(whole.out, "[") || !strings.HasSuffix(whole.out, "]")):
			tb.Fatalf("%q gave %q, which is no list", text, whole.out)
		}
	})
}
