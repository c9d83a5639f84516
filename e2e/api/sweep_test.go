package api_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"gatehouse/internal/testkit"
)

// nasty are values for any field, as JSON. What a field takes it may take; what it refuses changes nothing; nothing
// breaks. The first are for both databases, since a database may choke on them.
var nasty = []string{
	`"a\u0007b\u001b[31m\u2028"`, `"\ud800"`, `"'; DROP TABLE keys; --"`, `"a/b#c+d%41?e&f=g"`, `9223372036854775808`, `-1`, `["a","a",1]`,
	`"` + strings.Repeat("A", 5000) + `"`,
	`null`, `true`, `1.5`, `1e30`, `-0.0000000001`, `"12.5"`, `"NaN"`, `""`, `[]`, `{}`, `[null]`, `{"a":{"b":[1,{"c":null}]}}`, `"5"`, `"-3d"`,
	`"\ud83d\ude00 \u202e"`, `"../../etc/passwd%s%n{{7*7}}"`, `"9999-99-99T99:99:99Z"`, `"0001-01-01T00:00:00Z"`,
}

const nastyForDatabases = 8

// nastyQuery are the same for query strings and paths, escaped.
var nastyQuery = []string{
	"", "-1", "0", "1.5", "99999999999999999999", "NaN", "true", "null", "a,b,,c", "%27%3B%20DROP%20TABLE%20keys%3B--", "%00", "%ff", "%", "%2e%2e%2f",
	"%F0%9F%98%80", "%0d%0aX-Injected:%201", "2025-13-45", "0001-01-01", "9999-12-31", strings.Repeat("A", 3000), "%25_%5C",
}

// TestNothingBreaks puts every nasty value into every field, query parameter and path of the document. No answer is a
// 5xx, every refusal has the contract's shape, and a refused request leaves nothing behind.
func TestNothingBreaks(t *testing.T) {
	t.Parallel()
	both(t, testkit.Options{Config: documentConfig, Provider: testkit.NewProvider(t)}, func(t *testing.T, s *testkit.Server) {
		s.Chat(t, s.GenerateKey(t, nil).Secret, "demo")
		eventually(t, "the ledger has a call", func() bool { return len(list(t, s, s.MasterKey, "/spend/logs")) > 0 })
		doc := loadDocument(t, s)
		for _, o := range doc.operations {
			if strings.HasPrefix(o.path, "/onboarding/") { // its throttle would answer
				continue
			}
			if strings.HasPrefix(text(o.spec["description"]), "The same as") { // another name of one that is tried
				continue
			}
			t.Run(o.method+" "+o.path, func(t *testing.T) { sweep{t: t, s: s, f: &filler{t: t, s: s}, o: o, last: new(string)}.run(doc) })
		}
		if strings.Contains(s.Log(), "panic") {
			t.Error("the log tells of a panic")
		}
	})
}

type sweep struct {
	t *testing.T
	s *testkit.Server
	f *filler
	o operation

	last *string // the newest change before this request
}

func (w sweep) run(doc *document) {
	w.t.Helper()
	path := w.f.fill(w.o.path)
	example, fields := w.body(doc)
	*w.last = w.newest()
	for i, param := range parameters(w.o) {
		name := text(param["name"])
		for _, value := range nastyQuery {
			target := path + "?" + name + "=" + value
			if param["in"] == "path" {
				target = strings.Replace(w.o.path, "{"+name+"}", strings.ReplaceAll(value, "%2f", "_"), 1)
			}
			if i > 0 && param["in"] == "query" && name != "start_date" { // dates come in pairs, or nothing is looked at
				target += "&start_date=2025-01-01&end_date=2025-01-02"
			}
			w.send(target, nil)
		}
	}
	for _, field := range fields {
		values := nasty
		if strings.HasSuffix(strings.Split(w.t.Name(), "/")[1], "postgres") {
			values = nasty[:nastyForDatabases]
		}
		for _, value := range values {
			body := maps.Clone(example)
			body[field] = json.RawMessage(value)
			w.send(path, compact(w.t, body))
		}
	}
}

func parameters(o operation) []object {
	var out []object
	list, _ := o.spec["parameters"].([]any)
	for _, p := range list {
		out = append(out, p.(object))
	}
	return out
}

// body is the example, and the names of all fields of the request.
func (w sweep) body(doc *document) (example object, fields []string) {
	content, ok := at(w.o.spec, "requestBody.content").(object)
	if !ok {
		return nil, nil
	}
	media := content["application/json"].(object)
	if err := json.Unmarshal([]byte(w.f.fill(compact(w.t, media["example"]))), &example); err != nil {
		w.t.Fatal(err)
	}
	schema, _ := media["schema"].(object)
	if ref := text(schema["$ref"]); ref != "" {
		schema = at(doc.root, "components.schemas").(object)[ref[strings.LastIndexByte(ref, '/')+1:]].(object)
	}
	props, _ := schema["properties"].(object)
	return example, slices.Sorted(maps.Keys(props))
}

// compact is json.Marshal without escaping, so that placeholders stay.
func compact(t *testing.T, v any) string {
	t.Helper()
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func (w sweep) send(target string, body any) {
	w.t.Helper()
	resp := w.raw(target, body)
	what := fmt.Sprintf("%s %s %.300s", w.o.method, target, body)
	switch {
	case resp == nil: // no HTTP client sends such a path
	case resp.Status >= 500 && !strings.HasPrefix(w.o.path, "/cache/"):
		w.t.Errorf("%s: %d %s", what, resp.Status, resp.Body)
	case resp.Status >= 400 && resp.Status != http.StatusServiceUnavailable:
		refusal(w.t, what, resp, resp.Status)
		if now := w.newest(); now != *w.last {
			w.t.Errorf("%s: refused with %d, yet something was changed", what, resp.Status)
			*w.last = now
		}
	default:
		*w.last = w.newest()
	}
	if resp != nil && resp.Header.Get("X-Injected") != "" {
		w.t.Errorf("%s: a header was injected", what)
	}
}

// newest is the last change that the audit log knows of; GET requests are taken not to change a thing.
func (w sweep) newest() string {
	if w.o.method == http.MethodGet {
		return ""
	}
	answer := w.s.Do(w.t, http.MethodGet, "/audit?outcome=done&page_size=1", w.s.MasterKey, nil)
	logs, ok := answer.JSON()["audit_logs"].([]any)
	if !ok {
		w.t.Fatalf("/audit: %d %q", answer.Status, answer.Body)
	}
	if len(logs) == 0 {
		return ""
	}
	return text(logs[0].(object)["id"])
}

// raw sends what a URL parser lets through.
func (w sweep) raw(target string, body any) *testkit.Response {
	w.t.Helper()
	if _, err := http.NewRequestWithContext(w.t.Context(), w.o.method, w.s.URL+target, nil); err != nil {
		return nil
	}
	return w.s.Do(w.t, w.o.method, target, w.s.MasterKey, body)
}
