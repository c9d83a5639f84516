package app

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"gatehouse/app/config"
	"gatehouse/internal/testkit"
)

func TestBackgroundHealthChecks(t *testing.T) {
	t.Parallel()
	upstream := testkit.NewProvider(t)
	status := 503
	upstream.Choose(func(q testkit.Request) *testkit.Reply {
		if q.Model == "bad" {
			reply := testkit.ErrorReply(status, "", "", "not now")
			return &reply
		}
		return nil
	})
	entry := func(id, extra string) string {
		return fmt.Sprintf("  - model_name: m\n    litellm_params: {model: openai/%s, api_base: %s/v1, api_key: k}\n    model_info: {id: %s%s}\n", id, upstream.URL, id, extra)
	}
	r := newRig(t, "model_list:\n"+entry("good", "")+entry("bad", "")+entry("out", ", disable_background_health_check: true"))
	cfg := *r.p.cfg.Load()
	cfg.General.BackgroundHealth, cfg.General.HealthInterval, cfg.Router.HealthRouting = true, time.Minute, true
	now := time.Now()
	h := &healthChecks{
		store: r.p.store, ring: r.p.ring, router: r.p.router, check: r.p.plane.Check, cfg: func() *config.Config { return &cfg },
		now: func() time.Time { return now }, log: r.p.log,
	}
	r.p.health.checks = h
	calls := 0
	round := func(more int, sick bool) {
		t.Helper()
		if err := h.round(t.Context()); err != nil {
			t.Fatal(err)
		}
		calls += more
		if n := len(upstream.Requests()); n != calls {
			t.Errorf("%d calls, want %d", n, calls)
		}
		if got := r.p.router.Status("bad").Sick; got != sick || r.p.router.Status("good").Sick {
			t.Errorf("ill: bad %v, want %v; good %v", got, sick, r.p.router.Status("good").Sick)
		}
	}
	round(2, true)
	round(0, true) // nothing is due
	// GET /health answers from what was found, without a call; one that is left out of checks is not there.
	shown := r.admin("GET", "/health", "")
	if ids(shown["healthy_endpoints"]) != "good" || ids(shown["unhealthy_endpoints"]) != "bad" || !strings.Contains(fmt.Sprint(shown["unhealthy_endpoints"]), "not now") {
		t.Errorf("shown: %v", shown)
	}
	round(0, true)
	now, status = now.Add(time.Minute), 429
	round(2, true)
	cfg.Router.HealthNoTransient = true
	round(0, false)
	cfg.Router.HealthNoTransient, cfg.Router.HealthRouting = false, false
	round(0, false) // shown, but not acted on
	cfg.Router.HealthRouting, cfg.General.HealthInterval = true, time.Hour
	round(0, true)
	now, status, cfg.General.HealthInterval = now.Add(time.Minute), 200, time.Minute
	upstream.Choose(nil)
	round(2, false)
	// Another replica reads what this one found.
	other := &healthChecks{store: h.store, ring: h.ring, router: h.router, check: h.check, cfg: h.cfg, now: h.now, log: h.log}
	h = other
	round(0, false)
}

// ids are the ids of a list of endpoints, in order.
func ids(list any) string {
	endpoints, _ := list.([]any)
	var out []string
	for _, e := range endpoints {
		out = append(out, text(e.(map[string]any)["model_id"]))
	}
	return strings.Join(out, " ")
}

// Without background checks GET /health calls every deployment, in the way of its mode, and nobody's budget pays for it.
func TestHealthCallsEveryDeployment(t *testing.T) {
	t.Parallel()
	const secret = "sk-upstream-of-the-health-test"
	upstream := testkit.NewProvider(t)
	upstream.Choose(func(q testkit.Request) *testkit.Reply {
		if q.Model == "bad" {
			reply := testkit.ErrorReply(500, "", "", "broken, for "+secret+" "+strings.Repeat("long ", 400))
			return &reply
		}
		if q.Path == "/v1/audio/transcriptions" {
			return &testkit.Reply{Body: `{"text":""}`}
		}
		return nil
	})
	entry := func(id, mode, more string) string {
		return fmt.Sprintf("  - model_name: %s\n    litellm_params: {model: openai/%s, api_base: %s/v1, api_key: %s%s}\n    model_info: {id: %s, mode: %s}\n",
			strings.TrimRight(id, "2"), id, upstream.URL, secret, more, id, mode)
	}
	r := newRig(t, "model_list:\n"+entry("chat", "chat", ", input_cost_per_token: 1, output_cost_per_token: 1")+entry("chat2", "chat", "")+entry("bad", "chat", "")+entry("embed", "embedding", "")+
		entry("hears", "audio_transcription", "")+entry("rests", "chat", ", weight: 0")+entry("live", "realtime", ""))
	got := r.admin("GET", "/health?model=chat", "")
	if ids(got["healthy_endpoints"]) != "chat chat2" || got["healthy_count"] != 2.0 || got["unhealthy_count"] != 0.0 {
		t.Errorf("one model: %v", got)
	}
	if n := len(upstream.Requests()); n != 2 {
		t.Errorf("one model: %d calls", n)
	}
	got = r.admin("GET", "/health", "")
	if ids(got["healthy_endpoints"]) != "chat chat2 embed hears live" || ids(got["unhealthy_endpoints"]) != "bad rests" || got["unhealthy_count"] != 2.0 {
		t.Errorf("all: %v", got)
	}
	all := fmt.Sprint(got)
	for _, want := range []string{"broken", "weight is not above zero", "mode realtime is not checked", "model:openai/chat", "status_code:500"} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is not in %s", want, all)
		}
	}
	if strings.Contains(all, secret) || len(all) > 4000 {
		t.Errorf("%d bytes: %s", len(all), all)
	}
	paths := map[string]int{}
	for _, q := range upstream.Requests() {
		paths[q.Path]++
	}
	if paths["/v1/chat/completions"] != 5 || paths["/v1/embeddings"] != 1 || paths["/v1/audio/transcriptions"] != 1 || len(paths) != 3 {
		t.Errorf("called %v", paths)
	}
	if got := r.admin("GET", "/health?model_id=chat2", ""); ids(got["healthy_endpoints"]) != "chat2" {
		t.Errorf("one deployment: %v", got)
	}
	// The calls are booked: at their cost, as the master's, under a tag that tells what they were.
	if err := r.p.ledger.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	logs := r.do("GET", "/spend/logs?summarize=false", "", "Authorization", "Bearer "+rigMaster).body
	if n := strings.Count(logs, "litellm-internal-health-check"); n < 7 || strings.Contains(logs, secret) {
		t.Errorf("%d records are marked: %s", n, logs)
	}
	if r.p.budget.Held() != 0 {
		t.Error("something is still held")
	}
	// Callers who ask at the same time share the calls, and refused callers cause none.
	before := len(upstream.Requests())
	gate := make(chan struct{})
	upstream.Always(testkit.Reply{Before: gate})
	upstream.Choose(nil)
	answers := make(chan map[string]any, 5)
	for range cap(answers) {
		go func() { answers <- r.admin("GET", "/health?model_id=chat", "") }()
	}
	upstream.WaitRequests(t, before+1)
	close(gate)
	for range cap(answers) {
		if got := <-answers; ids(got["healthy_endpoints"]) != "chat" {
			t.Errorf("shared: %v", got)
		}
	}
	if n := len(upstream.Requests()) - before; n >= cap(answers) {
		t.Errorf("%d calls for %d that asked at once", n, cap(answers))
	}
	before = len(upstream.Requests())
	key := text(r.admin("POST", "/key/generate", `{}`)["key"])
	for _, path := range []string{"GET /health", "POST /health/test_connection"} {
		method, path, _ := strings.Cut(path, " ")
		if got := r.do(method, path, `{"litellm_params":{"model":"openai/chat","api_base":"`+upstream.URL+`"}}`, "Authorization", "Bearer "+key); got.status/100 != 4 {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	if n := len(upstream.Requests()); n != before {
		t.Errorf("%d calls for somebody without the right", n-before)
	}
}

// POST /health/test_connection calls what is not stored, by the rules for models that come over the API.
func TestConnectionIsTried(t *testing.T) {
	t.Parallel()
	upstream := testkit.NewProvider(t)
	r := newRig(t, "model_list: []\ngatehouse: {egress_allow: [\"127.0.0.1\"]}\n")
	entry := func(more string) string {
		return `{"litellm_params":{"model":"openai/some","api_key":"sk-tried-0123456789","api_base":"` + upstream.URL + `/v1"` + more + `}}`
	}
	got := r.admin("POST", "/health/test_connection", entry(""))
	if got["status"] != "success" || len(upstream.Requests()) != 1 || strings.Contains(fmt.Sprint(got), "sk-tried") {
		t.Errorf("%v, %d calls", got, len(upstream.Requests()))
	}
	if q := upstream.Last(t); q.Header.Get("Authorization") != "Bearer sk-tried-0123456789" || q.Model != "some" {
		t.Errorf("sent %+v", q)
	}
	upstream.Script(testkit.ErrorReply(401, "", "", "bad key sk-tried-0123456789"))
	got = r.admin("POST", "/health/test_connection", entry(""))
	if result, _ := got["result"].(map[string]any); got["status"] != "error" || text(result["error"]) == "" || strings.Contains(fmt.Sprint(got), "sk-tried") {
		t.Errorf("%v", got)
	}
	got = r.admin("POST", "/health/test_connection", strings.Replace(entry(""), `{`, `{"mode":"embedding",`, 1))
	if got["status"] != "success" || upstream.Last(t).Path != "/v1/embeddings" {
		t.Errorf("%v, asked at %s", got, upstream.Last(t).Path)
	}
	n := len(upstream.Requests())
	for name, body := range map[string]string{
		"nothing":                  `{}`,
		"no model":                 `{"litellm_params":{"api_key":"x"}}`,
		"an unknown provider":      `{"litellm_params":{"model":"nobody/x"}}`,
		"a variable of ours":       entry(`,"organization":"os.environ/LITELLM_MASTER_KEY"`),
		"a mode without a call":    strings.Replace(entry(""), `{`, `{"mode":"realtime",`, 1),
		"no base and no such name": `{"litellm_params":{"model":"openai/*"}}`,
	} {
		if a := r.do("POST", "/health/test_connection", body, "Authorization", "Bearer "+rigMaster); a.status != 400 && a.status != 422 {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	if len(upstream.Requests()) != n {
		t.Error("a bad entry was called")
	}
	if models := r.admin("GET", "/model/info", ""); fmt.Sprint(models["data"]) != "[]" {
		t.Errorf("kept: %v", models)
	}
}
