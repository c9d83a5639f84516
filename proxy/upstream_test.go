package proxy

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/testkit"
	"gatehouse/models"
	"gatehouse/proxy/route"
	"gatehouse/proxy/spend"
)

func replyWith(header map[string]string) testkit.Reply { return testkit.Reply{Header: header} }

// oneTry leaves no retries and no cooldowns, so that each test sees what one attempt gives.
func oneTry() route.Settings { return route.Settings{NoCooldowns: true} }

func TestUpstreamStatuses(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		reply      testkit.Reply
		status     int
		kind, code string
		noRetry    bool
	}{
		"400":        {testkit.ErrorReply(400, "invalid_request_error", "bad", "bad thing"), 400, "invalid_request_error", "bad", false},
		"context":    {testkit.ErrorReply(400, "invalid_request_error", "context_length_exceeded", "too long"), 400, "invalid_request_error", "context_length_exceeded", false},
		"policy":     {testkit.ErrorReply(400, "invalid_request_error", "content_filter", "no"), 400, "invalid_request_error", "content_filter", false},
		"401":        {testkit.ErrorReply(401, "authentication_error", "invalid_api_key", "Incorrect API key "+upstream), 502, "upstream_error", "upstream_auth_failed", true},
		"403":        {testkit.ErrorReply(403, "x", "y", "no"), 502, "upstream_error", "upstream_auth_failed", true},
		"404":        {testkit.ErrorReply(404, "invalid_request_error", "model_not_found", "gone"), 404, "invalid_request_error", "model_not_found", false},
		"408":        {testkit.ErrorReply(408, "x", "y", "slow"), 408, "timeout_error", "timeout", false},
		"409":        {testkit.ErrorReply(409, "conflict_error", "c", "clash"), 409, "conflict_error", "c", false},
		"413":        {testkit.ErrorReply(413, "invalid_request_error", "big", "big"), 413, "invalid_request_error", "big", false},
		"422":        {testkit.Reply{Status: 422, Body: `{"detail":"wrong"}`}, 422, "invalid_request_error", "", false},
		"429":        {testkit.RateLimited(7), 429, "rate_limit_error", "rate_limit_exceeded", false},
		"429 quota":  {testkit.ErrorReply(429, "insufficient_quota", "insufficient_quota", "pay"), 429, "insufficient_quota", "insufficient_quota", true},
		"500":        {testkit.ErrorReply(500, "server_error", "x", "oops"), 500, "upstream_error", "upstream_unavailable", false},
		"502 markup": {testkit.Reply{Status: 502, Body: "<html>bad gateway</html>"}, 502, "upstream_error", "upstream_unavailable", false},
		"503":        {testkit.ErrorReply(503, "server_error", "x", "down"), 503, "upstream_error", "upstream_unavailable", false},
		"529":        {testkit.AnthropicErrorReply(529, "overloaded_error", "busy"), 503, "upstream_error", "upstream_unavailable", false},
		"dropped":    {testkit.Reply{Fault: testkit.FaultDrop}, 502, "upstream_error", "upstream_unavailable", false},
		"bad JSON":   {testkit.Reply{Body: "<html>this is not JSON</html>"}, 502, "upstream_error", "upstream_unavailable", false},
		"cut JSON":   {testkit.Reply{BadJSON: true}, 502, "upstream_error", "upstream_unavailable", false},
		"cut body":   {testkit.Reply{Fault: testkit.FaultCut}, 502, "upstream_error", "upstream_unavailable", false},
		"reset":      {testkit.Reply{Fault: testkit.FaultReset}, 502, "upstream_error", "upstream_unavailable", false},
		"200 error":  {testkit.Reply{Body: `{"error":{"message":"hidden","type":"t","code":429}}`}, 429, "t", "429", false},
	}
	for name, tt := range tests {
		for _, stream := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, stream %v", name, stream), func(t *testing.T) {
				t.Parallel()
				r := newRig(t, setup{settings: oneTry()})
				reply := tt.reply
				if stream && reply.Status == 0 && reply.Body == "" {
					if reply.BadJSON {
						return // in a stream it is the second event, which comes after the first content
					}
					if reply.Fault == testkit.FaultCut || reply.Fault == testkit.FaultReset {
						reply.After = 1 // the role only: nothing that a client would miss
					}
				}
				r.provider.Always(reply)
				got := r.chat("gpt-4o", fmt.Sprintf(`"stream":%v`, stream))
				kind, code, message := got.failure(t)
				if got.status != tt.status || kind != tt.kind || code != tt.code {
					t.Errorf("%d %s", got.status, got.body)
				}
				if strings.Contains(message, upstream) {
					t.Errorf("the provider's key is in the answer: %s", message)
				}
				if (got.header.Get("X-Should-Retry") == "false") != tt.noRetry {
					t.Errorf("x-should-retry %q", got.header.Get("X-Should-Retry"))
				}
				if tt.reply.Header["Retry-After"] != "" && got.header.Get("Retry-After") != "7" {
					t.Errorf("retry-after %q", got.header.Get("Retry-After"))
				}
				rec := r.book.wait(t, 1)[0]
				if rec.Status != spend.StatusFailure || rec.CostNano != 0 || rec.HTTPStatus != tt.status {
					t.Errorf("record %+v", rec)
				}
			})
		}
	}
}

// Which failures are tried again: the second attempt is answered well.
func TestRetries(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		reply    testkit.Reply
		attempts int
	}{
		"400": {testkit.ErrorReply(400, "", "", "x"), 1}, "403": {testkit.ErrorReply(403, "", "", "x"), 1}, "404": {testkit.ErrorReply(404, "", "", "x"), 1},
		"413": {testkit.ErrorReply(413, "", "", "x"), 1}, "422": {testkit.ErrorReply(422, "", "", "x"), 1},
		"401": {testkit.ErrorReply(401, "", "", "x"), 2}, "408": {testkit.ErrorReply(408, "", "", "x"), 2}, "409": {testkit.ErrorReply(409, "", "", "x"), 2},
		"429": {testkit.ErrorReply(429, "", "", "x"), 2}, "500": {testkit.ErrorReply(500, "", "", "x"), 2}, "503": {testkit.ErrorReply(503, "", "", "x"), 2},
		"529": {testkit.ErrorReply(529, "", "", "x"), 2}, "dropped": {testkit.Reply{Fault: testkit.FaultDrop}, 2},
		"bad JSON": {testkit.Reply{Body: "nope"}, 2},
	}
	for name, tt := range tests {
		for _, stream := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, stream %v", name, stream), func(t *testing.T) {
				t.Parallel()
				a, b := deployment("m", "openai", "real"), deployment("m", "openai", "real")
				a.ID, b.ID = "a", "b"
				r := newRig(t, setup{settings: route.Settings{NumRetries: 2, NoCooldowns: true}, deployments: []models.Deployment{a, b}})
				r.provider.Script(tt.reply)
				got := r.chat("m", fmt.Sprintf(`"stream":%v`, stream))
				if n := len(r.provider.Requests()); n != tt.attempts {
					t.Errorf("%d attempts, want %d: %d %s", n, tt.attempts, got.status, got.body)
				}
				if (got.status == 200) != (tt.attempts == 2) {
					t.Errorf("%d %s", got.status, got.body)
				}
				if want := fmt.Sprint(tt.attempts - 1); got.header.Get("X-Litellm-Attempted-Retries") != want {
					t.Errorf("retries header %q", got.header.Get("X-Litellm-Attempted-Retries"))
				}
				if rec := r.book.wait(t, 1); len(rec) != 1 {
					t.Errorf("%d records for one call", len(rec))
				}
			})
		}
	}
}

// proxy.md §13 (8): an error before the first content falls back, role-only chunks or not.
func TestFallbacks(t *testing.T) {
	t.Parallel()
	settings := route.Settings{NoCooldowns: true, Fallbacks: map[string][]route.Fallback{"gpt-4o": {{Model: "claude"}}}}
	r := newRig(t, setup{settings: settings})
	r.provider.Script(testkit.ErrorReply(500, "", "", "x"))
	got := r.chat("gpt-4o", "")
	if got.status != 200 || !strings.Contains(got.body, `"model":"claude"`) || got.header.Get("X-Litellm-Attempted-Fallbacks") != "1" ||
		got.header.Get("X-Litellm-Model-Group") != "claude" {
		t.Fatalf("%d %v %s", got.status, got.header, got.body)
	}
	if rec := r.book.wait(t, 1)[0]; rec.ModelGroup != "claude" || rec.CostNano != 50_000 {
		t.Errorf("record %+v", rec)
	}
	// A client's own chain, with fields of its own for the step.
	r.provider.Script(testkit.ErrorReply(500, "", "", "x"))
	got = r.chat("claude", `"fallbacks":[{"model":"gpt-4o","temperature":0.5}]`)
	if sent := string(r.provider.Last(t).Body); got.status != 200 || !strings.Contains(sent, `"temperature":0.5`) {
		t.Errorf("%d, sent %s", got.status, sent)
	}
	// All fail: the first group's error is the answer.
	r.provider.Script(testkit.ErrorReply(500, "", "", "first"), testkit.ErrorReply(503, "", "", "second"))
	got = r.chat("gpt-4o", "")
	if _, _, message := got.failure(t); got.status != 500 || message != "first" {
		t.Errorf("%d %s", got.status, got.body)
	}
	// Held back role chunks do not stand in the way of a fallback.
	r.provider.Script(testkit.Reply{Fault: testkit.FaultCut, After: 1})
	got = r.chat("gpt-4o", `"stream":true`)
	if events := got.events(); got.status != 200 || events[len(events)-1] != "[DONE]" {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// proxy.md §13 (8): nothing is tried again after the first content byte.
func TestNoRetryAfterTheFirstByte(t *testing.T) {
	t.Parallel()
	for _, fault := range []testkit.Fault{testkit.FaultCut, testkit.FaultReset, testkit.FaultEnd, testkit.FaultError} {
		t.Run(string(fault), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, setup{settings: route.Settings{NumRetries: 2}})
			r.provider.Script(testkit.Reply{Fault: fault, After: 4})
			got := r.chat("gpt-4o", `"stream":true`)
			events := got.events()
			if got.status != 200 || len(events) == 0 {
				t.Fatalf("%d %s", got.status, got.body)
			}
			last := events[len(events)-1]
			if !strings.HasPrefix(last, `{"error":{"message":`) || strings.Contains(got.body, "[DONE]") || strings.Contains(got.body, `"finish_reason":"stop"`) {
				t.Errorf("the stream ends with %s", last)
			}
			if n := len(r.provider.Requests()); n != 1 {
				t.Errorf("%d attempts", n)
			}
			rec := r.book.wait(t, 1)[0]
			if rec.Status != spend.StatusFailure || !rec.UsageEstimated || rec.Usage.OutputTotal() == 0 || rec.Usage.InputTotal() == 0 || rec.CostNano == 0 {
				t.Errorf("record %+v", rec)
			}
		})
	}
}

// The router must learn that a stream went well: with no failure allowed, one that did not would end the service.
func TestGoodCallsDoNotCoolTheDeployment(t *testing.T) {
	t.Parallel()
	none := 0
	a, b := deployment("m", "openai", "real"), deployment("m", "openai", "real")
	a.ID, b.ID = "a", "b"
	r := newRig(t, setup{settings: route.Settings{AllowedFails: &none, Cooldown: time.Hour}, deployments: []models.Deployment{a, b}})
	for i := range 8 {
		if got := r.chat("m", fmt.Sprintf(`"stream":%v`, i%2 == 0)); got.status != 200 {
			t.Fatalf("call %d: %d %s", i, got.status, got.body)
		}
	}
	r.book.wait(t, 8)
	for _, id := range []string{"a", "b"} {
		if s := r.router.Status(id); s.InFlight != 0 || s.CoolFor != 0 {
			t.Errorf("deployment %s: %+v", id, s)
		}
	}
}

func TestBadJSONInTheMiddleOfAStream(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{})
	r.provider.Always(testkit.Reply{Body: "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"}}]}\n\ndata: {\"choices\":[{\n\ndata: [DONE]\n\n", Header: map[string]string{"Content-Type": "text/event-stream"}})
	got := r.chat("gpt-4o", `"stream":true`)
	if events := got.events(); len(events) != 2 || !strings.Contains(events[1], `"code":"upstream_unavailable"`) {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestTimeouts(t *testing.T) {
	t.Parallel()
	slow := func(change func(*models.Deployment)) []models.Deployment {
		d := deployment("gpt-4o", "openai", "real")
		change(&d)
		return []models.Deployment{d}
	}
	const short = 50 * time.Millisecond
	tests := map[string]struct {
		setup  setup
		header string
		stream bool
	}{
		"deployment":               {setup{deployments: slow(func(d *models.Deployment) { d.Timeout = short })}, "", false},
		"first chunk":              {setup{deployments: slow(func(d *models.Deployment) { d.StreamTimeout = short })}, "", true},
		"configured":               {setup{config: Config{Timeout: short}}, "", false},
		"configured, stream":       {setup{config: Config{StreamFirst: short}}, "", true},
		"header":                   {setup{}, "x-litellm-timeout: 0.05", false},
		"our header":               {setup{}, "x-gatehouse-timeout: 0.05", false},
		"header for the stream":    {setup{}, "x-litellm-stream-timeout: 0.05", true},
		"what the SDK waits":       {setup{}, "x-stainless-timeout: 0.05", false},
		"what the SDK waits, more": {setup{config: Config{Timeout: short}}, "x-stainless-timeout: 600", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.setup.settings = oneTry()
			r := newRig(t, tt.setup)
			r.provider.Always(testkit.Reply{Fault: testkit.FaultHang})
			var headers []string
			if tt.header != "" {
				headers = append(headers, tt.header)
			}
			got := r.send("POST", "/v1/chat/completions", plainKey, chatBody("gpt-4o", fmt.Sprintf(`"stream":%v`, tt.stream)), headers...)
			if kind, code, _ := got.failure(t); got.status != 408 || kind != "timeout_error" || code != "timeout" {
				t.Errorf("%d %s", got.status, got.body)
			}
			r.provider.WaitGone(t, 1)
		})
	}
}

func TestIdleStreamGetsHeartbeatsAndAnEnd(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{config: Config{Heartbeat: 20 * time.Millisecond, StreamIdle: 150 * time.Millisecond}})
	r.provider.Always(testkit.Reply{Fault: testkit.FaultStall, After: 3})
	got := r.chat("gpt-4o", `"stream":true`)
	events := got.events()
	if !strings.Contains(got.body, ": hb\n\n") || !strings.Contains(events[len(events)-1], `"code":"timeout"`) {
		t.Errorf("%s", got.body)
	}
	r.provider.WaitGone(t, 1)
	if rec := r.book.wait(t, 1)[0]; rec.Status != spend.StatusFailure || rec.ErrorCode != "timeout" || rec.CostNano == 0 {
		t.Errorf("record %+v", rec)
	}
}

// proxy.md §13 (12): a client that leaves at chunk 5 of 100.
func TestClientThatLeavesItsStream(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{})
	step := make(chan struct{})
	r.provider.Always(testkit.Reply{Pieces: strings.SplitAfter(strings.Repeat("word ", 100), " "), Each: step})
	go func() {
		for range 6 {
			step <- struct{}{}
		}
	}()
	conn, _, resp := r.rawChat(chatBody("gpt-4o", `"stream":true`))
	got := make([]byte, 0, 4096)
	for strings.Count(string(got), "word ") < 5 {
		buf := make([]byte, 512)
		n, err := resp.Body.Read(buf)
		if err != nil {
			t.Fatalf("after %q: %v", got, err)
		}
		got = append(got, buf[:n]...)
	}
	_ = conn.Close()
	if gone := r.provider.WaitGone(t, 1); gone[0].Sent > 8 {
		t.Errorf("the provider had sent %d events when it was told", gone[0].Sent)
	}
	rec := r.book.wait(t, 1)[0]
	if rec.Status != spend.StatusCancelled || rec.Usage.OutputTotal() < 4 || rec.Usage.OutputTotal() > 8 || rec.Usage.InputTotal() == 0 ||
		!rec.UsageEstimated || rec.CostNano == 0 {
		t.Errorf("record %+v", rec)
	}
}

func TestClientThatLeavesBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{})
	r.provider.Always(testkit.Reply{Fault: testkit.FaultHang})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	conn := dial(t, r)
	body := chatBody("gpt-4o", "")
	if _, err := fmt.Fprintf(conn, "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s", plainKey, len(body), body); err != nil {
		t.Fatal(err)
	}
	r.provider.WaitRequests(t, 1)
	_ = conn.Close()
	r.provider.WaitGone(t, 1)
	rec := r.book.wait(t, 1)[0]
	if rec.Status != spend.StatusCancelled || rec.Usage.OutputTotal() != 0 || rec.Usage.InputTotal() == 0 {
		t.Errorf("record %+v", rec)
	}
	_ = ctx
}

func TestUsageThatCannotBeTrue(t *testing.T) {
	t.Parallel()
	tests := map[string]testkit.Reply{
		"none":     {UsageMode: testkit.UsageNone},
		"negative": {Usage: &testkit.Usage{Prompt: -5, Completion: -7}},
		"absurd":   {Usage: &testkit.Usage{Prompt: 1 << 60, Completion: 3}},
	}
	for name, reply := range tests {
		for _, stream := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, stream %v", name, stream), func(t *testing.T) {
				t.Parallel()
				r := newRig(t, setup{})
				r.provider.Always(reply)
				got := r.chat("gpt-4o", fmt.Sprintf(`"stream":%v`, stream))
				rec := r.book.wait(t, 1)[0]
				if got.status != 200 || !rec.UsageEstimated || rec.Usage.InputTotal() <= 0 || rec.Usage.InputTotal() > absurd || rec.Usage.OutputTotal() <= 0 || rec.CostNano <= 0 {
					t.Errorf("%d, record %+v", got.status, rec)
				}
				if name == "none" && (rec.Usage.OutputTotal() < 5 || rec.Usage.OutputTotal() > 8) {
					t.Errorf("%q was counted as %d tokens", testkit.DefaultText, rec.Usage.OutputTotal())
				}
			})
		}
	}
}

func TestShutdownEndsStreams(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{})
	r.provider.Always(testkit.Reply{Fault: testkit.FaultStall, After: 3})
	_, _, resp := r.rawChat(chatBody("gpt-4o", `"stream":true`))
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	r.plane.Drain(ctx)
	body, err := io.ReadAll(resp.Body)
	if err != nil || !strings.Contains(string(body), `"code":"shutting_down"`) {
		t.Errorf("%q, %v", body, err)
	}
	if rec := r.book.wait(t, 1)[0]; rec.Status != spend.StatusFailure || rec.CostNano == 0 {
		t.Errorf("record %+v", rec)
	}
}

func TestMocks(t *testing.T) {
	t.Parallel()
	demo := deployment("demo", "openai", "demo")
	demo.MockResponse, demo.APIKey = "made here", models.Secret{}
	r := newRig(t, setup{config: Config{AllowMock: true}, deployments: []models.Deployment{demo, deployment("gpt-4o", "openai", "x")}})
	got := r.chat("demo", "")
	if got.status != 200 || !strings.Contains(got.body, `"content":"made here"`) || !strings.Contains(got.body, `"prompt_tokens":10`) {
		t.Errorf("%d %s", got.status, got.body)
	}
	got = r.chat("gpt-4o", `"mock_response":"asked for","stream":true`)
	if events := got.events(); got.status != 200 || events[len(events)-1] != "[DONE]" || !strings.Contains(got.body, `"content":"asked "`) {
		t.Errorf("%d %s", got.status, got.body)
	}
	if n := len(r.provider.Requests()); n != 0 {
		t.Errorf("%d mocked calls went upstream", n)
	}
	for _, rec := range r.book.wait(t, 2) {
		if rec.Usage.InputTotal() != 10 || rec.Usage.OutputTotal() != 20 || rec.CostNano != 50_000 {
			t.Errorf("record %+v", rec)
		}
	}
	got = r.chat("gpt-4o", `"mock_testing_rate_limit_error":true`)
	if _, code, _ := got.failure(t); got.status != 429 || code != "rate_limit_exceeded" {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestBudgetLetsTheLastCallThrough(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{rows: func(s models.ChangeSink) {
		s.Key(keyRow("sk-capped-0123456789abcdef", func(k *models.Key) { b := models.Nano(120_000); k.MaxBudget = &b }))
	}})
	statuses := []int{}
	for range 5 { // 50,000 each: two fit, the third passes the cap, the rest is refused
		statuses = append(statuses, r.send("POST", "/v1/chat/completions", "sk-capped-0123456789abcdef", chatBody("gpt-4o", "")).status)
	}
	if fmt.Sprint(statuses) != "[200 200 200 429 429]" {
		t.Errorf("statuses %v", statuses)
	}
	var over models.Nano
	for _, rec := range r.book.wait(t, 5) {
		over += rec.OvershootNano
	}
	if over != 30_000 {
		t.Errorf("overshoot %d", over)
	}
}

func TestExactBudgetCapsTheOutput(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{rows: func(s models.ChangeSink) {
		s.Key(keyRow("sk-exact-0123456789abcdef0", func(k *models.Key) {
			b := models.Nano(1_000_000)
			k.MaxBudget, k.Metadata = &b, models.JSON(`{"budget_mode":"exact"}`)
		}))
	}})
	got := r.send("POST", "/v1/chat/completions", "sk-exact-0123456789abcdef0", chatBody("gpt-4o", ""))
	var sent struct {
		Max int `json:"max_tokens"`
	}
	if err := json.Unmarshal(r.provider.Last(t).Body, &sent); err != nil || sent.Max == 0 || got.header.Get("X-Gatehouse-Max-Tokens") != fmt.Sprint(sent.Max) {
		t.Errorf("%d %v, sent %s", got.status, got.header, r.provider.Last(t).Body)
	}
	if worst := int64(sent.Max)*2000 + int64(len(chatBody("gpt-4o", "")))*1000; worst > 1_100_000 {
		t.Errorf("%d tokens could cost %d", sent.Max, worst)
	}
}

func TestMasterKeyIsNeverLimited(t *testing.T) {
	t.Parallel()
	zero := int64(0)
	r := newRig(t, setup{rows: func(s models.ChangeSink) {
		b := models.Nano(0)
		s.User(&models.User{ID: models.DefaultUserID, Role: models.RoleAdmin, Limits: models.Limits{MaxBudget: &b, RPMLimit: &zero}, Seq: 1})
	}})
	if got := r.send("POST", "/v1/chat/completions", masterKey, chatBody("gpt-4o", "")); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	rec := r.book.wait(t, 1)[0]
	if rec.UserID != models.DefaultUserID || strings.Contains(fmt.Sprintf("%+v", rec), masterKey) || rec.KeyHash != masterAlias {
		t.Errorf("record %+v", rec)
	}
}
