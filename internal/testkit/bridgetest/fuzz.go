// Package bridgetest holds the fuzz targets that every translation between two wires passes: whatever bytes come in, what goes
// out is well formed, in an order that the wire knows, no larger than what came in accounts for, and the same each time.
package bridgetest

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"gatehouse/internal/testkit/storm"
	"gatehouse/proxy/stream"
	"gatehouse/proxy/wire"
)

// Bridge is a translation between a client's wire and a provider's.
type Bridge interface {
	Request(dst []byte, in *wire.Request, model string) ([]byte, error)
	Answer(dst, body []byte) ([]byte, wire.Usage, error)
	Filter(next stream.Filter) stream.Filter
}

// room is what an output may be larger than its input by: escapes, and what every answer has around its content.
func room(in int) int { return 64<<10 + 64*in }

// Requests fuzzes the client's half: a body is refused, or becomes a JSON body, the same each time.
func Requests(f *testing.F, make func() Bridge, seeds ...string) {
	f.Helper()
	s := storm.New(f)
	for _, text := range seeds {
		s.Add([]byte(text))
	}
	s.Fuzz(func(tb testing.TB, body []byte) { tb.Helper(); Request(tb, make, body) })
}

// Request holds the translation of one request to what Requests says. A body with a broken string in it, which the plane lets
// pass, may stay broken.
func Request(tb testing.TB, make func() Bridge, body []byte) {
	tb.Helper()
	given := slices.Clone(body)
	var r wire.Request
	if r.Parse(body) != nil {
		return // the plane parses first
	}
	out, err := make().Request(nil, &r, "m")
	if !bytes.Equal(given, body) {
		tb.Fatalf("%q was written over: %q", given, body)
	}
	if err != nil {
		if err.Error() == "" {
			tb.Fatalf("%q is refused without a word", body)
		}
		return
	}
	if !json.Valid(out) && json.Valid(body) {
		tb.Fatalf("%q gave %q", body, out)
	}
	if len(out) > room(len(body)) {
		tb.Fatalf("%d bytes gave %d", len(body), len(out))
	}
	if len(body)%8 == 0 {
		var again wire.Request
		if again.Parse(body) != nil {
			tb.Fatalf("%q reads once", body)
		}
		if second, _ := make().Request(nil, &again, "m"); !bytes.Equal(out, second) {
			tb.Fatalf("%q gave %q, then %q", body, out, second)
		}
	}
}

// Answers fuzzes the provider's half: the bytes are taken for a whole answer, and their lines for the events of a stream.
// next makes the client's own filter.
func Answers(f *testing.F, make func() Bridge, next func() stream.Filter, seeds ...string) {
	f.Helper()
	s := storm.New(f)
	for _, text := range seeds {
		s.Add([]byte(text))
	}
	s.Fuzz(func(tb testing.TB, text []byte) { tb.Helper(); Answer(tb, make, next, text) })
}

// Answer holds the translation of one answer, and of one stream, to what is true of all of them.
func Answer(tb testing.TB, make func() Bridge, next func() stream.Filter, text []byte) {
	tb.Helper()
	given := slices.Clone(text)
	if out, usage, err := make().Answer(nil, text); err == nil {
		if !json.Valid(out) && json.Valid(text) {
			tb.Fatalf("%q gave %q", given, out)
		}
		if len(out) > room(len(text)) {
			tb.Fatalf("%d bytes gave %d", len(text), len(out))
		}
		Usage(tb, usage)
		shown(tb, out)
	}
	client := next()
	Events(tb, make().Filter(client), text, orderOf(client))
	if !bytes.Equal(given, text) {
		tb.Fatalf("%q was written over: %q", given, text)
	}
}

// Usage holds usage to what can be billed: no count is below nothing, whatever the provider said.
func Usage(tb testing.TB, u wire.Usage) {
	tb.Helper()
	c := u.Canonical()
	for i, n := range c.Values() {
		if n < 0 {
			tb.Fatalf("counter %d of %+v is %d", i, u, n)
		}
	}
	if c.InputTotal() < 0 || c.OutputTotal() < 0 {
		tb.Fatalf("%+v is %d and %d tokens", u, c.InputTotal(), c.OutputTotal())
	}
	for _, n := range [...]int64{
		u.Input, u.CacheRead, u.CacheWrite5m, u.CacheWrite1h, u.InputAudio, u.AudioCached, u.InputImage, u.Output, u.Reasoning, u.OutputAudio,
		u.OutputImage, u.WebSearches, u.SearchUnits, int64(u.Cost),
	} {
		if n < 0 {
			tb.Fatalf("a count below nothing: %+v", u)
		}
	}
}

// shown holds the usage in an answer, which clients add up, to the same.
func shown(tb testing.TB, out []byte) {
	tb.Helper()
	for _, name := range [...]string{"usage", "usageMetadata"} {
		raw := wire.Lookup(out, name)
		if i := bytes.Index(raw, []byte(`":-`)); i >= 0 {
			tb.Fatalf("a client is shown %s", raw)
		}
	}
}

// Events feeds the lines of a text as the events of a stream, and holds what comes out to the form of server-sent events, with
// JSON in them where there was JSON in those of the provider: the strings of a provider's JSON are passed on as they are, and
// a broken escape in one is not looked for. A line "name|data" names its event. order is that of the client's wire, or nil.
func Events(tb testing.TB, filter stream.Filter, text []byte, order Order) {
	tb.Helper()
	var out []byte
	state, sound := filter.State(), true
	for line := range bytes.Lines(text) {
		ev := stream.Event{Data: bytes.TrimRight(line, "\n")}
		if name, data, ok := bytes.Cut(ev.Data, []byte("|")); ok && len(name) < 40 && bytes.IndexByte(name, '{') < 0 {
			ev = stream.Event{Name: name, Data: data}
		}
		sound = sound && json.Valid(ev.Data)
		var err error
		if out, err = filter.Event(ev, out); err != nil || state.Failure != nil || state.Done {
			break
		}
	}
	if state.Finished && !state.Done && state.Failure == nil {
		out = filter.End(out)
		if !state.Done {
			order = nil // a wire whose end cannot be made up
		}
	}
	if len(out) > room(len(text)) {
		tb.Fatalf("%d bytes gave %d", len(text), len(out))
	}
	Usage(tb, state.Usage)
	if state.TextBytes < len(state.Text) {
		tb.Fatalf("%q: %d bytes of text, %d kept", text, state.TextBytes, len(state.Text))
	}
	Frames(tb, out, text, sound, order)
	if order != nil {
		if wrong := order.End(state); wrong != "" {
			tb.Fatalf("%q gave %q: %s", text, out, wrong)
		}
	}
}

// Frames takes a stream apart as a client does. sound says that its data must be JSON; text is what it was made of.
func Frames(tb testing.TB, out, text []byte, sound bool, order Order) {
	tb.Helper()
	if len(out) > 0 && !bytes.HasSuffix(out, []byte("\n\n")) {
		tb.Fatalf("%q gave an event without an end: %q", text, out)
	}
	if bytes.IndexByte(out, '\r') >= 0 {
		tb.Fatalf("%q gave a line that a client ends elsewhere: %q", text, out)
	}
	for rest := out; len(rest) > 0; {
		var frame, name, data []byte
		frame, rest, _ = bytes.Cut(rest, []byte("\n\n"))
		for line := range bytes.SplitSeq(frame, []byte("\n")) {
			switch {
			case bytes.HasPrefix(line, []byte("data: ")) && data == nil:
				data = line[len("data: "):]
			case bytes.HasPrefix(line, []byte("event: ")) && name == nil && data == nil:
				name = line[len("event: "):]
			case len(line) > 0 && line[0] != ':':
				tb.Fatalf("%q gave the line %q", text, line)
			}
		}
		if data == nil {
			continue
		}
		if sound && string(data) != "[DONE]" && !json.Valid(data) {
			tb.Fatalf("%q gave the data %q", text, data)
		}
		if order == nil {
			continue
		}
		if wrong := order.Event(name, data); wrong != "" {
			tb.Fatalf("%q gave %q: %s", text, out, wrong)
		}
		shown(tb, data)
	}
}

// Seeds are the answers of a recorded fixture of proxy/testdata/conformance, as bodies and as the events of streams.
func Seeds(f *testing.F, path string) []string {
	f.Helper()
	var file struct {
		Answers map[string]struct {
			Body   json.RawMessage
			Events []json.RawMessage
		}
	}
	read(f, path, &file)
	var out []string
	for _, name := range slices.Sorted(maps.Keys(file.Answers)) {
		a := file.Answers[name]
		out = append(out, compact(f, a.Body))
		lines := make([]string, len(a.Events))
		for i, ev := range a.Events {
			lines[i] = compact(f, ev)
		}
		out = append(out, strings.Join(lines, "\n"))
	}
	return out
}

// Bodies are the requests of a fixture of proxy/testdata/conformance/requests.
func Bodies(f *testing.F, path string) []string {
	f.Helper()
	var file map[string]struct{ Body json.RawMessage }
	read(f, path, &file)
	var out []string
	for _, name := range slices.Sorted(maps.Keys(file)) {
		out = append(out, compact(f, file[name].Body))
	}
	return out
}

func read(f *testing.F, path string, into any) {
	f.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		f.Fatalf("%s: %v", path, err)
	}
}

func compact(f *testing.F, raw []byte) string {
	f.Helper()
	if len(raw) == 0 {
		return ""
	}
	var out bytes.Buffer
	if err := json.Compact(&out, raw); err != nil {
		f.Fatal(err)
	}
	return out.String()
}
