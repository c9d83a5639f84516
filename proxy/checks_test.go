package proxy

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/testkit"
	"gatehouse/models"
	"gatehouse/proxy/route"
)

// This file holds checks of proxy.md §13 that need a provider to see them. Their numbers stand in the names of the tests; the
// others of this package that hold one say so in their comments.

// Each auth header alone works; of two, the higher one decides, also when it is the wrong one.
func TestCheck1AuthHeaders(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{})
	names := []string{"x-litellm-api-key", "Authorization", "api-key", "x-api-key", "x-goog-api-key", "Ocp-Apim-Subscription-Key"} // from the highest down
	line := func(name, key string) string {
		if name == "Authorization" {
			key = "Bearer " + key
		}
		return name + ": " + key
	}
	const wrong = "sk-unknown-0123456789abcdef"
	for i, higher := range names {
		if got := r.send("POST", "/v1/chat/completions", "", chatBody("gpt-4o", ""), line(higher, plainKey)); got.status != 200 {
			t.Errorf("%s alone: %d", higher, got.status)
		}
		for _, lower := range names[i+1:] {
			if got := r.send("POST", "/v1/chat/completions", "", chatBody("gpt-4o", ""), line(higher, plainKey), line(lower, wrong)); got.status != 200 {
				t.Errorf("good %s beside bad %s: %d", higher, lower, got.status)
			}
			if got := r.send("POST", "/v1/chat/completions", "", chatBody("gpt-4o", ""), line(higher, wrong), line(lower, plainKey)); got.status != 401 {
				t.Errorf("bad %s beside good %s: %d", higher, lower, got.status)
			}
		}
	}
}

// What is added to an answer's headers fits into 4 KB, and no value has a line end or a secret in it, whatever the provider sends.
func TestCheck21HeaderBudget(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{rows: func(s models.ChangeSink) {
		s.Key(keyRow(otherKey, func(k *models.Key) {
			k.MaxBudget, k.RPMLimit, k.TPMLimit = budgetOf(1e12), ptr(int64(100)), ptr(int64(1e6))
		}))
	}})
	header := map[string]string{"X-Echo": "Bearer " + upstream, "X-Small": "fine"}
	for i := range 60 {
		header[fmt.Sprintf("X-Filler-%02d", i)] = strings.Repeat("y", 200)
	}
	for name, body := range map[string]string{
		"plain": chatBody("gpt-4o", ""), "stream": chatBody("gpt-4o", `"stream":true`), "refused": chatBody("gpt-9", ""), "failed": chatBody("gpt-4o", ""),
	} {
		reply := replyWith(header)
		if name == "failed" {
			reply.Status = 400
		}
		r.provider.Reset()
		r.provider.Always(reply)
		got := r.send("POST", "/v1/chat/completions", otherKey, body, "x-litellm-call-id: "+strings.Repeat("c", 5000), "x-litellm-tags: "+strings.Repeat("t,", 2000))
		size := 0
		for name, values := range got.header {
			for _, v := range values {
				if size += len(name) + len(v) + 4; strings.ContainsAny(v, "\r\n") || strings.Contains(v, upstream) || strings.Contains(v, otherKey) {
					t.Errorf("%s: %s: %q", name, got.body, v)
				}
			}
		}
		const served = 200 // Date, Content-Type, Content-Length and the like are not added by the plane
		if size > 4<<10+served {
			t.Errorf("%s: %d bytes of headers", name, size)
		}
		if got.header.Get("X-Gatehouse-Call-Id") == "" {
			t.Errorf("%s: the call's id is not there", name)
		}
	}
}

// Gateway-only fields and headers, and the client's key, never reach a provider.
func TestCheck6GatewayFieldsStayHere(t *testing.T) {
	t.Parallel()
	const fields = `"metadata":{"tags":["a"],"secret":"zzz"},"litellm_metadata":{"user":"zzz"},"tags":["zzz"],"fallbacks":["gpt-4o"],"context_window_fallbacks":["gpt-4o"],` +
		`"content_policy_fallbacks":["gpt-4o"],"disable_fallbacks":true,"num_retries":1,"timeout":30,"request_timeout":30,"stream_timeout":30,"cache":{"no-cache":true},` +
		`"drop_params":true,"additional_drop_params":["zzz"],"allowed_openai_params":["zzz"],"guardrails":["zzz"],"priority":1,"litellm_session_id":"zzz","litellm_trace_id":"zzz",` +
		`"litellm_call_id":"zzz","no-log":true,"gatehouse":{"tags":["zzz"]}`
	headers := []string{
		"X-Litellm-Timeout: 30", "X-Litellm-Num-Retries: 1", "X-Litellm-Tags: zzz", "X-Litellm-Customer-Id: zzz", "X-Litellm-Session-Id: zzz", "X-Gatehouse-Tags: zzz",
		"X-Litellm-Spend-Logs-Metadata: {}", "X-Litellm-Call-Id: zzz", "X-Stainless-Timeout: 30", "X-Custom: zzz", "Cookie: zzz", "Api-Key: zzz", "X-Api-Key: zzz", "Openai-Organization: zzz",
	}
	r := newRig(t, setup{})
	for _, model := range []string{"gpt-4o", "claude"} {
		for _, stream := range []bool{false, true} {
			got := r.send("POST", "/v1/chat/completions", plainKey, chatBody(model, fmt.Sprintf(`%s,"stream":%v`, fields, stream)), headers...)
			sent := r.provider.Last(t)
			if got.status != 200 || strings.Contains(string(sent.Body), "zzz") || strings.Contains(string(sent.Body), plainKey) {
				t.Errorf("%s, stream %v: %d, sent %s", model, stream, got.status, sent.Body)
			}
			var body map[string]json.RawMessage
			if err := json.Unmarshal(sent.Body, &body); err != nil {
				t.Fatal(err)
			}
			for name := range body {
				if !slices.Contains([]string{"model", "messages", "max_tokens", "stream", "stream_options"}, name) {
					t.Errorf("%s: the field %s went up", model, name)
				}
			}
			for name, values := range sent.Header {
				if text := strings.Join(values, " "); strings.Contains(text, "zzz") || strings.Contains(text, plainKey) || strings.HasPrefix(name, "X-Litellm") || strings.HasPrefix(name, "X-Gatehouse") || strings.HasPrefix(name, "X-Stainless") {
					t.Errorf("%s: the header %s went up: %s", model, name, text)
				}
			}
		}
	}
}

// The retry matrix: for each failure that lasts, the attempts, where they went, how long was waited, and what the client sees. One
// deployment alone, two, and two that a fallback stands behind.
func TestCheck7RetryMatrix(t *testing.T) {
	t.Parallel()
	const tries = 3 // num_retries 2
	hang := testkit.Reply{Fault: testkit.FaultHang}
	status := func(n int) testkit.Reply { return testkit.ErrorReply(n, "", "", "no") }
	for _, tt := range []struct {
		name            string
		reply           testkit.Reply
		alone, two      int // attempts of one deployment, and of two
		status          int // that the client sees
		fallsBack, cuts bool
	}{
		{"400", status(400), 1, 1, 400, true, false},
		{"401", status(401), 1, 2, 502, true, false},
		{"403", status(403), 1, 1, 502, true, false},
		{"404", status(404), 1, 1, 404, true, false},
		{"408", status(408), tries, tries, 408, true, false},
		{"409", status(409), tries, tries, 409, true, false},
		{"413", status(413), 1, 1, 413, true, false},
		{"422", status(422), 1, 1, 422, true, false},
		{"429", status(429), tries, tries, 429, true, false},
		{"429 without credit", testkit.ErrorReply(429, "insufficient_quota", "insufficient_quota", "pay"), 1, 2, 429, true, false},
		{"500", status(500), tries, tries, 500, true, false},
		{"502", status(502), tries, tries, 502, true, false},
		{"503", status(503), tries, tries, 503, true, false},
		{"529", status(529), tries, tries, 503, true, false},
		{"dropped", testkit.Reply{Fault: testkit.FaultDrop}, tries, tries, 502, true, false},
		{"reset", testkit.Reply{Fault: testkit.FaultReset}, tries, tries, 502, true, false},
		{"slow first byte", hang, tries, tries, 408, true, true},
		{"context window", testkit.ErrorReply(400, "invalid_request_error", "context_length_exceeded", "long"), 1, 1, 400, false, false},
		{"content policy", testkit.ErrorReply(400, "invalid_request_error", "content_policy_violation", "no"), 1, 1, 400, false, false},
	} {
		for _, shape := range []string{"alone", "two", "fallback"} {
			for _, stream := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, %s, stream %v", tt.name, shape, stream), func(t *testing.T) {
					t.Parallel()
					a, b, c := deployment("m", "openai", "a"), deployment("m", "openai", "b"), deployment("other", "openai", "c")
					a.ID, b.ID = "a", "b"
					for _, d := range []*models.Deployment{&a, &b} {
						if tt.cuts {
							d.Timeout, d.StreamTimeout = 40*time.Millisecond, 40*time.Millisecond
						}
					}
					deps, attempts := []models.Deployment{a, b, c}, tt.two
					if shape == "alone" {
						deps, attempts = []models.Deployment{a, c}, tt.alone
					}
					set := route.Settings{NumRetries: tries - 1, NoCooldowns: true}
					if tt.reply.Fault != "" { // nobody names a wait, so that each retry of one deployment takes half a second or more
						set.NumRetries, attempts = 1, min(attempts, 2)
					}
					if shape == "fallback" {
						set.Fallbacks = map[string][]route.Fallback{"m": {{Model: "other"}}}
					}
					r := newRig(t, setup{settings: set, deployments: deps})
					const wait = 30 * time.Millisecond
					r.provider.Choose(func(q testkit.Request) *testkit.Reply {
						if q.Model == "c" {
							return nil
						}
						reply := tt.reply
						if reply.Fault != testkit.FaultHang && reply.Fault != testkit.FaultDrop {
							reply.Header = map[string]string{"Retry-After-Ms": fmt.Sprint(wait.Milliseconds())}
						}
						return &reply
					})
					got := r.chat("m", fmt.Sprintf(`"stream":%v`, stream))
					var first []testkit.Request
					served := ""
					for _, q := range r.provider.Requests() {
						if q.Model == "c" {
							served += "c"
						} else {
							first = append(first, q)
						}
					}
					wantStatus, wantServed := tt.status, ""
					if shape == "fallback" && tt.fallsBack {
						wantStatus, wantServed = 200, "c"
					}
					if len(first) != attempts || got.status != wantStatus || served != wantServed {
						t.Errorf("%d attempts, want %d; the fallback served %q; %d %s", len(first), attempts, served, got.status, got.body)
					}
					if shape != "alone" && len(first) > 1 && first[0].Model == first[1].Model {
						t.Errorf("the second attempt went to %s again", first[0].Model)
					}
					// Waiting is for a deployment that has failed before.
					for i := 1; i < len(first); i++ {
						again := slices.ContainsFunc(first[:i], func(q testkit.Request) bool { return q.Model == first[i].Model })
						if gap := first[i].At.Sub(first[i-1].At); again && gap < wait {
							t.Errorf("attempt %d came after %s", i+1, gap)
						}
					}
					if records := r.book.wait(t, 1); len(records) != 1 {
						t.Errorf("%d records for one call", len(records))
					}
				})
			}
		}
	}
}

// A context window that is too small has a chain of its own; a fallback that the key may not use is refused before any call.
func TestCheck10Chains(t *testing.T) {
	t.Parallel()
	const narrowKey = "sk-narrow-0123456789abcdef00"
	settings := oneTry()
	settings.Fallbacks = map[string][]route.Fallback{"m": {{Model: "general"}}}
	settings.ContextFallbacks = map[string][]route.Fallback{"m": {{Model: "long"}}}
	settings.PolicyFallbacks = map[string][]route.Fallback{"m": {{Model: "frank"}}}
	var deps []models.Deployment
	for _, name := range []string{"m", "general", "long", "frank"} {
		deps = append(deps, deployment(name, "openai", name))
	}
	r := newRig(t, setup{settings: settings, deployments: deps, rows: func(s models.ChangeSink) {
		s.Key(keyRow(narrowKey, func(k *models.Key) { k.Models = models.Strings{"m"} }))
	}})
	for kind, tt := range map[string]struct {
		reply testkit.Reply
		want  string
	}{
		"a failure":        {testkit.ErrorReply(500, "", "", "x"), "general"},
		"a context window": {testkit.ErrorReply(400, "invalid_request_error", "context_length_exceeded", "x"), "long"},
		"a policy":         {testkit.ErrorReply(400, "invalid_request_error", "content_policy_violation", "x"), "frank"},
	} {
		r.provider.Script(tt.reply)
		if got := r.chat("m", ""); got.status != 200 || r.provider.Last(t).Model != tt.want {
			t.Errorf("%s: %d, served by %s", kind, got.status, r.provider.Last(t).Model)
		}
	}
	n := len(r.provider.Requests())
	for _, field := range []string{"fallbacks", "context_window_fallbacks", "content_policy_fallbacks"} {
		got := r.send("POST", "/v1/chat/completions", narrowKey, chatBody("m", `"`+field+`":["general"]`))
		if _, code, _ := got.failure(t); got.status != 403 || code != "model_access_denied" {
			t.Errorf("%s: %d %s", field, got.status, got.body)
		}
	}
	if len(r.provider.Requests()) != n {
		t.Error("a call went out")
	}
	// A configured one that the key may not use is passed over, and the first error is the answer.
	r.provider.Script(testkit.ErrorReply(500, "", "", "first"))
	got := r.send("POST", "/v1/chat/completions", narrowKey, chatBody("m", ""))
	if _, _, message := got.failure(t); got.status != 500 || message != "first" || len(r.provider.Requests()) != n+1 {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// Without usage from the provider, the count is within a tenth of what OpenAI bills: its own example of a conversation is 124
// tokens for gpt-4o (OpenAI cookbook, "How to count tokens with tiktoken").
func TestCheck11CountedUsage(t *testing.T) {
	t.Parallel()
	const body = `{"model":"gpt-4o","messages":[{"role":"system","content":"You are a helpful, pattern-following assistant that translates corporate jargon into plain English."},` +
		`{"role":"system","name":"example_user","content":"New synergies will help drive top-line growth."},{"role":"system","name":"example_assistant","content":"Things working well together will increase revenue."},` +
		`{"role":"system","name":"example_user","content":"Let's circle back when we have more bandwidth to touch base on opportunities for increased leverage."},` +
		`{"role":"system","name":"example_assistant","content":"Let's talk later when we're less busy about how to do better."},` +
		`{"role":"user","content":"This late pivot means we don't have time to boil the ocean for the client deliverable."}],"stream":%v}`
	const billed = 124.0
	for _, stream := range []bool{false, true} {
		d := deployment("gpt-4o", "openai", "gpt-4o")
		r := newRig(t, setup{deployments: []models.Deployment{d}})
		r.provider.Always(testkit.Reply{UsageMode: testkit.UsageNone})
		got := r.send("POST", "/v1/chat/completions", plainKey, fmt.Sprintf(body, stream))
		rec := r.book.wait(t, 1)[0]
		if got.status != 200 || !rec.UsageEstimated || math.Abs(float64(rec.Usage.InputTotal())-billed) > billed/10 {
			t.Errorf("stream %v: %d, counted %d of %v", stream, got.status, rec.Usage.InputTotal(), billed)
		}
	}
}

// An explicit zero price skips budgets; a missing price does not.
func TestCheck18FreeModels(t *testing.T) {
	t.Parallel()
	const brokeKey = "sk-broke0-0123456789abcdef00"
	free, unknown, priced := deployment("free", "openai", "a"), deployment("unknown", "openai", "zz-unknown-model"), deployment("priced", "openai", "b")
	free.Prices = map[string]any{"input_cost_per_token": json.Number("0"), "output_cost_per_token": json.Number("0")}
	unknown.Prices = map[string]any{}
	r := newRig(t, setup{deployments: []models.Deployment{free, unknown, priced}, rows: func(s models.ChangeSink) {
		s.Key(keyRow(brokeKey, func(k *models.Key) { k.MaxBudget = budgetOf(40_000) }))
	}})
	if got := r.send("POST", "/v1/chat/completions", brokeKey, chatBody("priced", "")); got.status != 200 { // costs 50,000
		t.Fatalf("%d %s", got.status, got.body)
	}
	r.book.wait(t, 1)
	for model, want := range map[string]int{"free": 200, "unknown": 429, "priced": 429} {
		got := r.send("POST", "/v1/chat/completions", brokeKey, chatBody(model, ""))
		if got.status != want {
			t.Errorf("%s: %d %s", model, got.status, got.body)
		}
		if want == 429 && (got.header.Get("X-Should-Retry") != "false" || !strings.Contains(got.body, `"budget_exceeded"`)) {
			t.Errorf("%s: %v %s", model, got.header, got.body)
		}
	}
	if n := len(r.provider.Requests()); n != 2 {
		t.Errorf("%d calls went out", n)
	}
}
