// The tests of this package walk the translation tables of the contract (proxy.md §5.1 to §5.4) row by row: each case is named
// after its row, gives what goes in, and states what must come out.
package provider_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/testkit/bridgetest"
	"gatehouse/proxy/stream"
	"gatehouse/proxy/wire"
)

// row is one row of a table: of a request, an answer or a stream.
type row struct {
	name  string
	in    string   // a body; of a stream, what a line of the events is
	model string   // "" = the table's usual one
	want  string   // JSON that must be in what comes out: members of objects, lists whole; `null` = the member is not there
	not   []string // texts that must not be in it
	err   string   // instead: what the refusal says
}

func now() time.Time { return time.Unix(7, 0) }

// requests checks the way of requests.
func requests(t *testing.T, model string, bridge func() bridgetest.Bridge, rows []row) {
	t.Helper()
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			var in wire.Request
			if err := in.Parse([]byte(r.in)); err != nil {
				t.Fatalf("%v in %s", err, r.in)
			}
			name := model
			if r.model != "" {
				name = r.model
			}
			got, err := bridge().Request(nil, &in, name)
			r.check(t, got, err)
		})
	}
}

// answers checks the way back of whole answers. ask is the request before them, "" for none.
func answers(t *testing.T, model, ask string, bridge func() bridgetest.Bridge, rows []row) {
	t.Helper()
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			b := bridge()
			asked(t, b, ask, model)
			got, _, err := b.Answer(nil, []byte(r.in))
			r.check(t, got, err)
		})
	}
}

func asked(t *testing.T, b bridgetest.Bridge, ask, model string) {
	t.Helper()
	if ask == "" {
		return
	}
	var in wire.Request
	if err := in.Parse([]byte(ask)); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Request(nil, &in, model); err != nil {
		t.Fatal(err)
	}
}

func (r *row) check(t *testing.T, got []byte, err error) {
	t.Helper()
	if r.err != "" {
		if err == nil || !strings.Contains(err.Error(), r.err) {
			t.Fatalf("got %s (%v), want a refusal that says %q", got, err, r.err)
		}
		return
	}
	if err != nil {
		t.Fatalf("%v for %s", err, r.in)
	}
	var g, w any
	if err := json.Unmarshal(got, &g); err != nil {
		t.Fatalf("%v in %s", err, got)
	}
	if r.want != "" {
		if err := json.Unmarshal([]byte(r.want), &w); err != nil {
			t.Fatalf("%v in %s", err, r.want)
		}
		if at := missing(g, w, ""); at != "" {
			t.Errorf("%s differs:\ngot  %s\nwant %s", at, got, r.want)
		}
	}
	for _, text := range r.not {
		if strings.Contains(string(got), text) {
			t.Errorf("%s is in %s", text, got)
		}
	}
}

// missing says where what is wanted is not in what was got; "" = nowhere.
func missing(got, want any, at string) string {
	switch want := want.(type) {
	case map[string]any:
		object, ok := got.(map[string]any)
		if !ok {
			return at + "."
		}
		for name, w := range want {
			g, there := object[name]
			if w == nil && !there {
				continue
			}
			if where := missing(g, w, at+"."+name); where != "" {
				return where
			}
		}
		return ""
	case []any:
		list, ok := got.([]any)
		if !ok || len(list) != len(want) {
			return at + "[]"
		}
		for i := range want {
			if where := missing(list[i], want[i], fmt.Sprintf("%s[%d]", at, i)); where != "" {
				return where
			}
		}
		return ""
	}
	if !reflect.DeepEqual(got, want) {
		return at
	}
	return ""
}

// flow is a row of a streaming table.
type flow struct {
	name string
	in   []string // events, "name|data" where the wire names them beside the data
	out  []string // what must be in the stream that comes out, in this order
	not  []string
	fail string // what must be in the failure that the stream ends with
}

// streams checks a streaming table. next makes the client's own filter.
func streams(t *testing.T, model, ask string, bridge func() bridgetest.Bridge, next func() stream.Filter, flows []flow) {
	t.Helper()
	for _, f := range flows {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			b := bridge()
			asked(t, b, ask, model)
			filter := b.Filter(next())
			var out []byte
			var err error
			for _, e := range f.in {
				name, data, named := strings.Cut(e, "|")
				if !named || strings.HasPrefix(e, "{") {
					name, data = "", e
				}
				if out, err = filter.Event(stream.Event{Name: []byte(name), Data: []byte(data)}, out); err != nil {
					t.Fatalf("%v at %s", err, e)
				}
			}
			rest := string(out)
			for _, want := range f.out {
				i := strings.Index(rest, want)
				if i < 0 {
					t.Fatalf("%s is not, or not in its place, in\n%s", want, out)
				}
				rest = rest[i+len(want):]
			}
			for _, text := range f.not {
				if strings.Contains(string(out), text) {
					t.Errorf("%s is in\n%s", text, out)
				}
			}
			if failure := string(filter.State().Failure); f.fail != "" && !strings.Contains(failure, f.fail) {
				t.Errorf("failed with %q, want %q", failure, f.fail)
			}
		})
	}
}

func openAI() stream.Filter { return &stream.OpenAI{Asked: true} }

// hashOf is what stands behind a name that had to be cut.
func hashOf(name string) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:4])
}

// run passes events through a filter.
func run(t *testing.T, f stream.Filter, events ...string) []byte {
	t.Helper()
	var out []byte
	var err error
	for _, e := range events {
		if out, err = f.Event(stream.Event{Data: []byte(e)}, out); err != nil {
			t.Fatalf("%v at %s", err, e)
		}
	}
	return out
}
