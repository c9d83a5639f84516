package wire

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"gatehouse/internal/testkit/storm"
)

func TestRequestRefuses(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ body, field string }{
		"model twice":            {`{"model":"a","x":1,"model":"b"}`, "model"},
		"model twice by escapes": {`{"model":"a","\u006dodel":"b"}`, "model"},
		"model in capitals":      {`{"model":"a","Model":"b"}`, "model"},
		"stream twice":           {`{"stream":true,"stream":false}`, "stream"},
		"private field twice":    {`{"tags":[],"tags":[]}`, "tags"},
		"gatehouse is no object": {`{"gatehouse":[]}`, "gatehouse"},
		"gatehouse knows no x":   {`{"gatehouse":{"x":1}}`, "gatehouse.x"},
		"gatehouse is no model":  {`{"gatehouse":{"model":"a"}}`, "gatehouse.model"},
		"gatehouse tags twice":   {`{"gatehouse":{"tags":[],"tags":[]}}`, "gatehouse.tags"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var r Request
			var bad *BadField
			if err := r.Parse([]byte(tt.body)); !errors.As(err, &bad) || bad.Field != tt.field {
				t.Errorf("Parse(%s) = %v, want a refusal of %s", tt.body, err, tt.field)
			}
		})
	}
}

func TestRequestTypes(t *testing.T) {
	t.Parallel()
	var r Request
	if err := r.Parse([]byte(`{"model":5,"stream":"yes","max_tokens":-1,"n":1.5,"user":null,"num_retries":2.0,"timeout":"x"}`)); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Text(Model); err == nil {
		t.Error("a number passed as model")
	}
	if _, err := r.Flag(Stream); err == nil {
		t.Error("a string passed as stream")
	}
	for _, f := range []Field{MaxTokens, N, Timeout} {
		if _, err := r.Number(f, 100); err == nil {
			t.Errorf("%s passed as a number", f.Name())
		}
	}
	if s, err := r.Text(User); s != "" || err != nil {
		t.Errorf("null user: %q, %v", s, err)
	}
	if n, err := r.Number(NumRetries, 100); n != 2 || err != nil {
		t.Errorf("2.0 read as %d, %v", n, err)
	}
	if n, err := r.Number(MaxCompletionTokens, 100); n != -1 || err != nil {
		t.Errorf("absent number read as %d, %v", n, err)
	}
}

func TestRequestPrivateFieldsGo(t *testing.T) {
	t.Parallel()
	var names []string
	for f := LitellmMetadata; f < fields; f++ {
		if f != Gatehouse {
			names = append(names, `"`+f.Name()+`":1`)
		}
	}
	body := `{"model":"a",` + strings.Join(names, ",") + `,"gatehouse":{"tags":["x"]},"metadata":{"a":1},"temperature":1.0}`
	var r Request
	if err := r.Parse([]byte(body)); err != nil {
		t.Fatal(err)
	}
	if got := string(r.Get(Tags)); got != `["x"]` {
		t.Errorf("tags %s: the gatehouse object must win", got)
	}
	r.DropPrivate(false)
	if got := string(r.Append(nil)); got != `{"model":"a","temperature":1.0}` {
		t.Errorf("sent upstream: %s", got)
	}
	r.Reset()
	r.DropPrivate(true)
	if !r.Has(Metadata) || !strings.Contains(string(r.Append(nil)), `"metadata":{"a":1}`) {
		t.Error("metadata that is the provider's was dropped")
	}
}

func TestRequestStoredMetadataStays(t *testing.T) {
	t.Parallel()
	var r Request
	if err := r.Parse([]byte(`{"store":true,"metadata":{"a":1}}`)); err != nil {
		t.Fatal(err)
	}
	r.DropPrivate(false)
	if got := string(r.Append(nil)); got != `{"store":true,"metadata":{"a":1}}` {
		t.Errorf("got %s", got)
	}
}

func TestRequestParseDoesNotAllocate(t *testing.T) {
	body := []byte(`{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}],"stream":true,"max_tokens":5,"temperature":0.5}`)
	var r Request
	if n := testing.AllocsPerRun(100, func() {
		if err := r.Parse(body); err != nil {
			t.Fatal(err)
		}
		r.ReplaceField(Model, body[9:17])
		r.Parts()
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzRequest(f *testing.F) {
	s := storm.New(f)
	s.Add([]byte(`{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}],"stream":true,"gatehouse":{"tags":["a"]}}`))
	s.Add([]byte(`{"model":"a","\u006dodel":"b"}`))
	s.Add([]byte(`{"MODEL":"a"}`))
	s.Fuzz(func(tb testing.TB, body []byte) {
		var r Request
		if r.Parse(body) != nil {
			return
		}
		r.DropPrivate(false)
		out := r.Append(nil)
		if !json.Valid(body) {
			return
		}
		var sent map[string]json.RawMessage
		if err := json.Unmarshal(out, &sent); err != nil {
			tb.Fatalf("%q gave %q: %v", body, out, err)
		}
		for name := range sent {
			if field, ok := fieldOf([]byte(name)); ok && field.private() {
				tb.Fatalf("%q sends %s upstream", body, name)
			}
		}
		if model, err := r.Text(Model); err == nil && model != "" {
			var again struct {
				Model string `json:"model"`
			}
			if err := json.Unmarshal(out, &again); err == nil && again.Model != model {
				tb.Fatalf("%q: checked %q, sent %q", body, model, again.Model)
			}
		}
	})
}
