// Package bridgetest holds the fuzz target that every translation between two wires passes: whatever bytes come in, what goes
// out is well formed, no larger than what came in accounts for, and the same each time.
package bridgetest

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

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

// Requests fuzzes the client's half: a body is refused, or becomes a JSON body.
func Requests(f *testing.F, make func() Bridge, seeds ...string) {
	f.Helper()
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var r wire.Request
		if !json.Valid(body) || r.Parse(slices.Clone(body)) != nil {
			return // the plane parses first
		}
		out, err := make().Request(nil, &r, "m")
		if err != nil {
			return
		}
		if !json.Valid(out) {
			t.Fatalf("%q gave %q", body, out)
		}
		if len(out) > room(len(body)) {
			t.Fatalf("%d bytes gave %d", len(body), len(out))
		}
	})
}

// Answers fuzzes the provider's half: the bytes are taken for a whole answer, and their lines for the events of a stream.
// next makes the client's own filter.
func Answers(f *testing.F, make func() Bridge, next func() stream.Filter, seeds ...string) {
	f.Helper()
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		given := slices.Clone(text)
		if out, _, err := make().Answer(nil, text); err == nil {
			if json.Valid(text) && !json.Valid(out) {
				t.Fatalf("%q gave %q", given, out)
			}
			if len(out) > room(len(text)) {
				t.Fatalf("%d bytes gave %d", len(text), len(out))
			}
		}
		if !bytes.Equal(given, text) {
			t.Fatalf("%q was written over: %q", given, text)
		}
		Events(t, make().Filter(next()), text)
	})
}

// Events feeds the lines of a text as the events of a stream, and holds what comes out to the form of server-sent events, with
// JSON in them where there was JSON in those of the provider: the strings of a provider's JSON are passed on as they are, and
// a broken escape in one is not looked for. A line "name|data" names its event.
func Events(t *testing.T, filter stream.Filter, text []byte) {
	t.Helper()
	var out []byte
	state, sound := filter.State(), true
	for line := range bytes.Lines(text) {
		ev := stream.Event{Data: bytes.TrimRight(line, "\n")}
		if name, data, ok := bytes.Cut(ev.Data, []byte("|")); ok && len(name) < 40 && bytes.IndexByte(name, '{') < 0 && bytes.IndexByte(name, '\r') < 0 {
			ev = stream.Event{Name: name, Data: data}
		}
		sound = sound && json.Valid(ev.Data)
		var err error
		if out, err = filter.Event(ev, out); err != nil || state.Failure != nil || state.Done {
			break
		}
	}
	if state.Finished && !state.Done {
		out = filter.End(out)
	}
	if len(out) > room(len(text)) {
		t.Fatalf("%d bytes gave %d", len(text), len(out))
	}
	if len(out) > 0 && !bytes.HasSuffix(out, []byte("\n\n")) {
		t.Fatalf("%q gave an event without an end: %q", text, out)
	}
	for frame := range strings.SplitSeq(strings.TrimSuffix(string(out), "\n\n"), "\n\n") {
		lines := strings.Split(frame, "\n")
		for _, line := range lines {
			data, ok := strings.CutPrefix(line, "data: ")
			switch {
			case ok && sound && data != "[DONE]" && !json.Valid([]byte(data)):
				t.Fatalf("%q gave the data %q", text, data)
			case !ok && line != "" && line[0] != ':' && !strings.HasPrefix(line, "event: "):
				t.Fatalf("%q gave the line %q", text, line)
			}
		}
		if len(lines) > 2 {
			t.Fatalf("%q gave an event of %d lines: %q", text, len(lines), frame)
		}
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
