package proxy

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

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

// A failing deployment gets no more calls than it takes to know that it fails (§4.3, §13 (9)), seen from the provider: while
// another serves, not one call more, and alone with others that fail, one a second.
func TestAFailingDeploymentGetsItsProbesOnly(t *testing.T) {
	t.Parallel()
	bad, worse, good := deployment("m", "openai", "bad"), deployment("m", "openai", "worse"), deployment("m", "openai", "good")
	bad.ID, worse.ID, good.ID = "bad", "worse", "good"
	for _, d := range []*models.Deployment{&bad, &worse} {
		d.Timeout = 50 * time.Millisecond
	}
	count := func(r *rig) map[string]int {
		calls := map[string]int{}
		for _, q := range r.provider.Requests() {
			calls[q.Model]++
		}
		return calls
	}
	for name, tt := range map[string]struct {
		reply testkit.Reply
		most  int
	}{
		"429":             {testkit.ErrorReply(429, "", "", "x"), 1},
		"401":             {testkit.ErrorReply(401, "", "", "x"), 1},
		"no answer":       {testkit.Reply{Fault: testkit.FaultHang}, 1},
		"500":             {testkit.ErrorReply(500, "", "", "x"), 5},
		"529":             {testkit.ErrorReply(529, "", "", "x"), 5},
		"dropped":         {testkit.Reply{Fault: testkit.FaultDrop}, 5},
		"reset in a body": {testkit.Reply{Fault: testkit.FaultReset}, 5},
		"no JSON":         {testkit.Reply{BadJSON: true}, 5},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, setup{settings: route.Settings{NumRetries: 2, Cooldown: time.Hour}, deployments: []models.Deployment{bad, good}})
			r.provider.Choose(func(q testkit.Request) *testkit.Reply {
				if q.Model == "bad" {
					return &tt.reply
				}
				return nil
			})
			for range 60 {
				if got := r.chat("m", ""); got.status != 200 {
					t.Fatalf("%d %s", got.status, got.body)
				}
			}
			// The rule counts by the minute, of which one may end in between.
			if calls := count(r)["bad"]; calls < 1 || calls > 2*tt.most {
				t.Errorf("the failing deployment got %d calls of 60, want %d", calls, tt.most)
			}
			for _, rec := range r.book.wait(t, 60) {
				if rec.DeploymentID != "good" || rec.Status != "success" {
					t.Errorf("a record names %s, %s", rec.DeploymentID, rec.Status)
				}
			}
		})
	}
	t.Run("all of them fail", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, setup{settings: route.Settings{Cooldown: time.Hour}, deployments: []models.Deployment{bad, worse}})
		r.provider.Always(testkit.ErrorReply(401, "", "", "x"))
		began := time.Now()
		refused := 0
		for range 60 {
			if got := r.chat("m", ""); got.status == 429 {
				if got.header.Get("Retry-After") == "" || !strings.Contains(got.body, "try again in") {
					t.Errorf("%v %s", got.header, got.body)
				}
				refused++
			}
		}
		seconds := int(time.Since(began)/time.Second) + 1
		for model, n := range count(r) {
			if n > 2+seconds {
				t.Errorf("%s got %d calls in %d s", model, n, seconds)
			}
		}
		if refused < 60-2*(2+seconds) {
			t.Errorf("%d of 60 were refused", refused)
		}
	})
}

// 10,000 calls through the plane are shared out by weight to within 2 % (§13 (9)).
func TestSharesOfTenThousandCalls(t *testing.T) {
	t.Parallel()
	const calls = 10_000
	weights := map[string]float64{"a": 5, "b": 3, "c": 2}
	var deps []models.Deployment
	for _, id := range []string{"a", "b", "c"} {
		d, w := deployment("m", "openai", id), weights[id]
		d.ID, d.Weight, d.MockResponse = id, &w, "hello"
		deps = append(deps, d)
	}
	r := newRig(t, setup{deployments: deps})
	handler := r.plane.Handler()
	served := map[string]int{}
	for range calls {
		var req fasthttp.Request
		req.Header.SetMethod("POST")
		req.Header.SetHost("x")
		req.SetRequestURI("/v1/chat/completions")
		req.Header.Set("Authorization", "Bearer "+plainKey)
		req.SetBodyString(chatBody("m", ""))
		req.Header.SetContentLength(len(req.Body()))
		var ctx fasthttp.RequestCtx
		ctx.Init(&req, nil, nil)
		handler(&ctx)
		if ctx.Response.StatusCode() != 200 {
			t.Fatalf("%d %s", ctx.Response.StatusCode(), ctx.Response.Body())
		}
		served[string(ctx.Response.Header.Peek("X-Litellm-Model-Id"))]++
	}
	for id, w := range weights {
		if share := float64(served[id]) / calls; math.Abs(share-w/10) > 0.02 {
			t.Errorf("%s has %.3f of the calls, its weight says %.1f", id, share, w/10)
		}
	}
}

// max_parallel_requests is a semaphore: a burst waits, and there are never more calls at the provider than there are slots. Who waits
// for too long is refused.
func TestCallsWaitForASlot(t *testing.T) {
	t.Parallel()
	two := int64(2)
	a, b, spare := deployment("m", "openai", "a"), deployment("m", "openai", "b"), deployment("spare", "openai", "spare")
	a.ID, b.ID, a.MaxParallel = "a", "b", &two
	one := int64(1)
	r := newRig(t, setup{settings: route.Settings{DefaultMaxParallel: &one}, deployments: []models.Deployment{a, b, spare}})
	gate := make(chan struct{})
	r.provider.Always(testkit.Reply{Before: gate})
	const calls = 9
	answers := make(chan answer, calls)
	for range calls {
		go func() { answers <- r.send("POST", "/v1/chat/completions", plainKey, chatBody("m", "")) }()
	}
	r.provider.WaitRequests(t, 3)
	late := r.chat("m", `"timeout":0.4`)
	if _, code, _ := late.failure(t); late.status != 429 || code != "no_deployments_available" || late.header.Get("Retry-After") == "" {
		t.Errorf("a call that has waited for as long as it may: %d %s", late.status, late.body)
	}
	if n := len(r.provider.Requests()); n != 3 {
		t.Errorf("%d calls at the provider, which has 3 slots", n)
	}
	for n := 1; n <= calls; n++ {
		gate <- struct{}{} // lets one answer out, and with that one call in
		if got := <-answers; got.status != 200 {
			t.Errorf("%d %s", got.status, got.body)
		}
		if at := len(r.provider.Requests()) - r.provider.Answered(); at > 3 {
			t.Errorf("%d calls at the provider at once", at)
		}
	}
	if records := r.book.wait(t, calls+1); len(records) != calls+1 {
		t.Errorf("%d records", len(records))
	}
	// A fallback is taken before anybody waits.
	gate = make(chan struct{})
	r.provider.Always(testkit.Reply{Before: gate})
	n := len(r.provider.Requests())
	for range 3 {
		go func() { answers <- r.send("POST", "/v1/chat/completions", plainKey, chatBody("m", "")) }()
	}
	r.provider.WaitRequests(t, n+3)
	r.provider.Choose(func(q testkit.Request) *testkit.Reply {
		if q.Model == "spare" {
			return &testkit.Reply{}
		}
		return nil
	})
	if got := r.chat("m", `"fallbacks":["spare"]`); got.status != 200 || got.header.Get("X-Litellm-Model-Group") != "spare" {
		t.Errorf("%d %v", got.status, got.header)
	}
	close(gate)
	for range 3 {
		<-answers
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

// An end user's region is kept to, whatever else would serve; what is asked for goes to deployments of that mode (§4.1).
func TestRegionsAndModes(t *testing.T) {
	t.Parallel()
	eu, us := "eu", "us"
	of := func(id, mode, param, region string) models.Deployment {
		d := deployment("m", "openai", id)
		d.ID, d.Mode = id, mode
		if mode != "" {
			d.Info = map[string]any{"mode": mode}
		}
		if param != "" {
			d.Params = map[string]any{param: region}
		}
		return d
	}
	only := deployment("only-us", "openai", "only")
	only.Params = map[string]any{"region_name": "us"}
	spare := deployment("spare", "openai", "spare")
	spare.Params = map[string]any{"region_name": "eu"}
	r := newRig(t, setup{
		deployments: []models.Deployment{
			of("frankfurt", "chat", "aws_region_name", "eu-central-1"), of("belgium", "", "vertex_location", "europe-west1"), of("virginia", "responses", "region_name", "us-east-1"),
			of("somewhere", "chat", "", ""), of("embeds", "embedding", "region_name", "eu"), only, spare,
		},
		rows: func(s models.ChangeSink) {
			s.Customer(&models.Customer{ID: "anna", Region: &eu, Seq: 1})
			s.Customer(&models.Customer{ID: "bob", Region: &us, Seq: 1})
			s.Customer(&models.Customer{ID: "eve", Seq: 1})
		},
	})
	for name, tt := range map[string]struct{ user, path, want string }{
		"nobody":               {"", "/v1/chat/completions", "belgium frankfurt somewhere virginia"},
		"no region":            {"eve", "/v1/chat/completions", "belgium frankfurt somewhere virginia"},
		"in Europe":            {"anna", "/v1/chat/completions", "belgium frankfurt"},
		"in the States":        {"bob", "/v1/chat/completions", "virginia"},
		"embeddings":           {"", "/v1/embeddings", "belgium embeds"},
		"embeddings, America":  {"bob", "/v1/embeddings", ""},
		"embeddings in Europe": {"anna", "/v1/embeddings", "belgium embeds"},
	} {
		seen := map[string]bool{}
		for range 60 {
			body := fmt.Sprintf(`{"model":"m","user":%q,"input":"x","messages":[{"role":"user","content":"x"}]}`, tt.user)
			got := r.send("POST", tt.path, plainKey, body)
			if got.status == 200 {
				seen[got.header.Get("X-Litellm-Model-Id")] = true
			} else if tt.want != "" || got.status != 403 {
				t.Fatalf("%s: %d %s", name, got.status, got.body)
			}
			if region := got.header.Get("X-Litellm-Model-Region"); (region == "eu") != (tt.user == "anna") {
				t.Fatalf("%s: the header says %q", name, region)
			}
		}
		if got := strings.Join(slices.Sorted(maps.Keys(seen)), " "); got != tt.want {
			t.Errorf("%s: went to %q, want %q", name, got, tt.want)
		}
	}
	got := r.chat("only-us", `"user":"anna"`)
	if _, code, message := got.failure(t); got.status != 403 || code != "model_access_denied" || !strings.Contains(message, "region eu") {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := r.chat("only-us", `"user":"anna","fallbacks":["spare"]`); got.status != 200 || got.header.Get("X-Litellm-Model-Id") != "dep-spare" {
		t.Errorf("a fallback: %d %s", got.status, got.body)
	}
}
