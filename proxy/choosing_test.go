package proxy

import (
	"fmt"
	"strings"
	"testing"

	"gatehouse/internal/testkit"
	"gatehouse/models"
	"gatehouse/proxy/route"
)

// tagDeployments are two deployments of one model, told apart by their tags and by the provider's name for the model.
func tagDeployments() []models.Deployment {
	free, paid := deployment("m", "openai", "small"), deployment("m", "openai", "large")
	free.ID, free.Tags = "free", []string{"free"}
	paid.ID, paid.Tags = "paid", []string{"paid"}
	return []models.Deployment{free, paid}
}

func TestTagsChooseDeployments(t *testing.T) {
	t.Parallel()
	const tagKey = "sk-tagged-0123456789abcdef00"
	r := newRig(t, setup{
		settings: route.Settings{TagFiltering: true, NoCooldowns: true}, deployments: tagDeployments(),
		rows: func(s models.ChangeSink) {
			s.Key(keyRow(tagKey, func(k *models.Key) { k.Metadata = models.JSON(`{"tags":["paid"]}`) }))
		},
	})
	for name, tt := range map[string]struct{ key, more, header, want string }{
		"the key's":        {tagKey, "", "", "large"},
		"the call's":       {plainKey, `"tags":["free"]`, "", "small"},
		"metadata's":       {plainKey, `"metadata":{"tags":["paid"]}`, "", "large"},
		"a header's":       {plainKey, "", "X-Litellm-Tags: other, free", "small"},
		"our own object's": {plainKey, `"gatehouse":{"tags":["paid"]}`, "", "large"},
	} {
		var header []string
		if tt.header != "" {
			header = append(header, tt.header)
		}
		got := r.send("POST", "/v1/chat/completions", tt.key, chatBody("m", tt.more), header...)
		if got.status != 200 || r.provider.Last(t).Model != tt.want {
			t.Errorf("%s: %d, sent to %s: %s", name, got.status, r.provider.Last(t).Model, got.body)
		}
	}
	n := len(r.provider.Requests())
	got := r.chat("m", `"tags":["nobody"]`)
	if kind, _, message := got.failure(t); got.status != 400 || kind != "invalid_request_error" || !strings.Contains(message, "tags") || len(r.provider.Requests()) != n {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestPromptsThatAreTooLong(t *testing.T) {
	t.Parallel()
	short, long := deployment("m", "openai", "short"), deployment("long", "openai", "long")
	short.Info = map[string]any{"max_input_tokens": 100}
	r := newRig(t, setup{settings: route.Settings{PreCallChecks: true}, deployments: []models.Deployment{short, long}})
	body := func(words int, more string) string {
		return fmt.Sprintf(`{"model":"m","messages":[{"role":"user","content":%q}]%s}`, strings.Repeat("word ", words), more)
	}
	if got := r.send("POST", "/v1/chat/completions", plainKey, body(60, "")); got.status != 200 { // 300 bytes, fewer tokens
		t.Errorf("a prompt that fits: %d %s", got.status, got.body)
	}
	got := r.send("POST", "/v1/chat/completions", plainKey, body(200, ""))
	if kind, code, _ := got.failure(t); got.status != 400 || kind != "invalid_request_error" || code != "context_length_exceeded" {
		t.Errorf("%d %s", got.status, got.body)
	}
	if n := len(r.provider.Requests()); n != 1 {
		t.Errorf("%d calls went out", n)
	}
	got = r.send("POST", "/v1/chat/completions", plainKey, body(200, `,"context_window_fallbacks":["long"]`))
	if got.status != 200 || r.provider.Last(t).Model != "long" {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// A failing deployment gets no more calls than its probes (§13 (9)), seen from the provider.
func TestAFailingDeploymentGetsItsProbesOnly(t *testing.T) {
	t.Parallel()
	bad, good := deployment("m", "openai", "bad"), deployment("m", "openai", "good")
	bad.ID, good.ID = "bad", "good"
	r := newRig(t, setup{settings: route.Settings{NumRetries: 2, Cooldown: 3600e9}, deployments: []models.Deployment{bad, good}})
	r.provider.Choose(func(q testkit.Request) *testkit.Reply {
		if q.Model == "bad" {
			reply := testkit.ErrorReply(429, "", "", "x")
			return &reply
		}
		return nil
	})
	for range 40 {
		if got := r.chat("m", ""); got.status != 200 {
			t.Fatalf("%d %s", got.status, got.body)
		}
	}
	calls := 0
	for _, q := range r.provider.Requests() {
		if q.Model == "bad" {
			calls++
		}
	}
	if calls > 1 {
		t.Errorf("the failing deployment got %d calls", calls)
	}
}

// deployment_affinity and session_affinity, as the provider sees them: by key, and by session however it is named.
func TestCallsStayWithTheirDeployment(t *testing.T) {
	t.Parallel()
	deps := make([]models.Deployment, 6)
	for i := range deps {
		deps[i] = deployment("m", "openai", fmt.Sprint("up", i))
		deps[i].ID = fmt.Sprint("d", i)
	}
	served := func(r *rig, body string, header ...string) string {
		t.Helper()
		got := r.send("POST", "/v1/chat/completions", plainKey, body, header...)
		if got.status != 200 {
			t.Fatalf("%d %s", got.status, got.body)
		}
		return got.header.Get("X-Litellm-Model-Id")
	}
	same := func(r *rig, what string, calls ...func() string) {
		t.Helper()
		first := calls[0]()
		for i := range 30 {
			if got := calls[i%len(calls)](); got != first {
				t.Errorf("%s: went to %s and to %s", what, first, got)
				return
			}
		}
	}
	byKey := newRig(t, setup{deployments: deps, settings: route.Settings{Affinity: route.Affinity{Key: true}}})
	same(byKey, "a key", func() string { return served(byKey, chatBody("m", "")) }, func() string { return served(byKey, chatBody("m", `"stream":true`)) })
	sessions := newRig(t, setup{deployments: deps, settings: route.Settings{Affinity: route.Affinity{Session: true}}})
	for i := range 3 {
		id := fmt.Sprint("session-", i)
		same(sessions, id, func() string { return served(sessions, chatBody("m", ""), "X-Litellm-Session-Id: "+id) },
			func() string { return served(sessions, chatBody("m", `"metadata":{"session_id":"`+id+`"}`)) },
			func() string { return served(sessions, chatBody("m", `"litellm_session_id":"`+id+`"`)) })
	}
	spread := map[string]bool{}
	for range 60 {
		spread[served(sessions, chatBody("m", ""))] = true
	}
	if len(spread) < 4 {
		t.Errorf("calls without a session went to %v", spread)
	}
}
