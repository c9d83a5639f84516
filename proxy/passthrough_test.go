package proxy

import (
	"strings"
	"testing"

	"gatehouse/internal/testkit"
	"gatehouse/models"
	"gatehouse/proxy/spend"
)

func TestPassThrough(t *testing.T) {
	t.Parallel()
	narrow := keyRow(otherKey, func(k *models.Key) { k.Models = models.Strings{"gpt-4o"} })
	r := newRig(t, setup{settings: oneTry(), rows: func(s models.ChangeSink) { s.Key(narrow) }})
	refusals := []struct {
		name, path, key, body string
		status                int
	}{
		{"no key", "/anthropic/v1/complete", "", `{"model":"claude"}`, 401},
		{"a model the key may not use", "/anthropic/v1/complete", otherKey, `{"model":"claude"}`, 403},
		{"a list and no model", "/openai/v1/files", otherKey, `{}`, 403},
		{"a path that climbs", "/anthropic/v1/../v2", plainKey, `{"model":"claude"}`, 404},
		{"a path that climbs in escapes", "/anthropic/v1/%2e%2e/v2", plainKey, `{"model":"claude"}`, 404},
		{"two models", "/anthropic/v1/complete", plainKey, `{"model":"claude","model":"gpt-4o"}`, 400},
		{"no credential", "/cohere/v1/tokenize", plainKey, `{"model":"c"}`, 404},
	}
	for _, tt := range refusals {
		if got := r.send("POST", tt.path, tt.key, tt.body); got.status != tt.status {
			t.Errorf("%s: %d %s", tt.name, got.status, got.body)
		}
	}
	if n := len(r.provider.Requests()); n != 0 {
		t.Fatalf("%d refused requests reached the provider", n)
	}
	r.provider.Script(testkit.Reply{Body: `{"type":"message","stop_reason":"end_turn","usage":{"input_tokens":10,"output_tokens":20}}`})
	got := r.send("POST", "/anthropic/v1/complete?beta=true", plainKey, `{"model":"claude","x": 1.0}`, "X-Pass-Foo: bar", "Anthropic-Beta: b1")
	sent := r.provider.Last(t)
	if got.status != 200 || sent.Path != "/v1/complete" || sent.Query != "beta=true" || string(sent.Body) != `{"model":"claude-real","x": 1.0}` ||
		sent.Header.Get("X-Api-Key") != upstream || sent.Header.Get("Foo") != "bar" || sent.Header.Get("Anthropic-Beta") != "b1" || sent.Header.Get("Authorization") != "" {
		t.Errorf("%d %s, sent %s?%s %s %v", got.status, got.body, sent.Path, sent.Query, sent.Body, sent.Header)
	}
	for _, rec := range r.book.wait(t, 1) {
		if rec.Status == spend.StatusSuccess && (rec.CostNano != 50_000 || rec.CallType != "pass_through_endpoint") {
			t.Errorf("record %+v", rec)
		}
	}
	if strings.Contains(got.body, upstream) {
		t.Error("the answer shows our credential")
	}
}
