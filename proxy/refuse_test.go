package proxy

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"gatehouse/models"
	"gatehouse/models/fault"
	"gatehouse/proxy/keyring"
	"gatehouse/proxy/spend"
)

func TestRefusalsNeverReachTheProvider(t *testing.T) {
	t.Parallel()
	ten := int64(0)
	r := newRig(t, setup{
		config: Config{MaxBody: 2000},
		rows: func(s models.ChangeSink) {
			past, yes := models.At(time.Unix(1000, 0)), true
			s.Key(keyRow("sk-narrow-0123456789abcdef", func(k *models.Key) { k.Models = models.Strings{"claude"} }))
			s.Key(keyRow("sk-expired-0123456789abcde", func(k *models.Key) { k.ExpiresAt = &past }))
			s.Key(keyRow("sk-blocked-0123456789abcde", func(k *models.Key) { k.Blocked = &yes }))
			s.Key(keyRow("sk-routes-0123456789abcdef", func(k *models.Key) { k.AllowedRoutes = models.Strings{"/embeddings"} }))
			s.Key(keyRow("sk-nobudget-0123456789abcd", func(k *models.Key) { zero := models.Nano(0); k.MaxBudget = &zero }))
			s.Key(keyRow("sk-norate-0123456789abcdef", func(k *models.Key) { k.RPMLimit = &ten }))
			s.Key(keyRow("sk-params-0123456789abcdef", func(k *models.Key) { k.EnforcedParams = models.Strings{"user", "metadata.app"} }))
			s.Customer(&models.Customer{ID: "bad-customer", Blocked: true, Seq: 1})
		},
	})
	good := chatBody("gpt-4o", "")
	tests := map[string]struct {
		key, body, header string
		status            int
		kind, code        string
		says              string
	}{
		"no key":                     {"", good, "", 401, "auth_error", "missing_api_key", "No api key"},
		"key without sk-":            {"bad-key", good, "", 401, "auth_error", "invalid_api_key", "expected to start with 'sk-'"},
		"empty bearer":               {"", good, "Authorization: Bearer ", 401, "auth_error", "invalid_api_key", ""},
		"no scheme":                  {"", good, "Authorization: " + plainKey, 401, "auth_error", "invalid_api_key", ""},
		"basic":                      {"", good, "Authorization: Basic YTpi", 401, "auth_error", "invalid_api_key", ""},
		"unknown key":                {"sk-unknown-0123456789abcdef", good, "", 401, "token_not_found_in_db", "invalid_api_key", ""},
		"almost the master key":      {masterKey + "x", good, "", 401, "token_not_found_in_db", "invalid_api_key", ""},
		"first header decides":       {"", good, "x-litellm-api-key: sk-unknown-0123456789abcdef", 401, "token_not_found_in_db", "invalid_api_key", ""},
		"expired":                    {"sk-expired-0123456789abcde", good, "", 401, "expired_key", "key_expired", ""},
		"blocked":                    {"sk-blocked-0123456789abcde", good, "", 401, "auth_error", "key_blocked", "blocked"},
		"route":                      {"sk-routes-0123456789abcdef", good, "", 403, "auth_error", "route_not_allowed", ""},
		"model of another":           {"sk-narrow-0123456789abcdef", good, "", 403, "key_model_access_denied", "model_access_denied", "gpt-4o"},
		"fallback of another":        {"sk-narrow-0123456789abcdef", chatBody("claude", `"fallbacks":["gpt-4o"]`), "", 403, "key_model_access_denied", "model_access_denied", "gpt-4o"},
		"unknown model":              {plainKey, chatBody("gpt-9", ""), "", 404, "invalid_request_error", "model_not_found", "gpt-9"},
		"pattern as a name":          {plainKey, chatBody("openai/*", ""), "", 404, "invalid_request_error", "model_not_found", ""},
		"no budget":                  {"sk-nobudget-0123456789abcd", good, "", 429, "budget_exceeded", "budget_exceeded", "Budget has been exceeded"},
		"no rate":                    {"sk-norate-0123456789abcdef", good, "", 429, "rate_limit_error", "rate_limit_exceeded", "Rate limit exceeded"},
		"parameter missing":          {"sk-params-0123456789abcdef", chatBody("gpt-4o", `"user":"u"`), "", 400, "invalid_request_error", "missing_required_parameter", "metadata.app"},
		"blocked customer":           {plainKey, chatBody("gpt-4o", `"user":"bad-customer"`), "", 401, "auth_error", "key_blocked", "bad-customer"},
		"blocked customer by header": {plainKey, good, "x-litellm-customer-id: bad-customer", 401, "auth_error", "key_blocked", ""},
		"no JSON":                    {plainKey, "nope", "", 400, "invalid_request_error", "invalid_json", ""},
		"empty body":                 {plainKey, "", "", 400, "invalid_request_error", "invalid_json", ""},
		"broken inside":              {plainKey, `{"model":"gpt-4o","messages":[}`, "", 400, "invalid_request_error", "invalid_json", ""},
		"two values":                 {plainKey, good + good, "", 400, "invalid_request_error", "invalid_json", ""},
		"model twice":                {plainKey, chatBody("gpt-4o", `"model":"claude"`), "", 400, "invalid_request_error", "invalid_value", "twice"},
		"model in capitals":          {plainKey, chatBody("gpt-4o", `"Model":"claude"`), "", 400, "invalid_request_error", "invalid_value", ""},
		"no model":                   {plainKey, `{"messages":[]}`, "", 400, "invalid_request_error", "missing_required_parameter", "model"},
		"model is a number":          {plainKey, `{"model":5,"messages":[]}`, "", 400, "invalid_request_error", "invalid_value", ""},
		"no messages":                {plainKey, `{"model":"gpt-4o"}`, "", 400, "invalid_request_error", "missing_required_parameter", "messages"},
		"messages are text":          {plainKey, `{"model":"gpt-4o","messages":"x"}`, "", 400, "invalid_request_error", "invalid_value", ""},
		"stream is text":             {plainKey, chatBody("gpt-4o", `"stream":"yes"`), "", 400, "invalid_request_error", "invalid_value", "stream"},
		"stream_options is a list":   {plainKey, chatBody("gpt-4o", `"stream":true,"stream_options":[]`), "", 400, "invalid_request_error", "invalid_value", ""},
		"negative max_tokens":        {plainKey, chatBody("gpt-4o", `"max_tokens":-1`), "", 400, "invalid_request_error", "invalid_value", ""},
		"own key":                    {plainKey, chatBody("gpt-4o", `"api_key":"stolen"`), "", 400, "invalid_request_error", "unsupported_parameter", ""},
		"own base":                   {plainKey, chatBody("gpt-4o", `"api_base":"http://evil"`), "", 400, "invalid_request_error", "unsupported_parameter", ""},
		"own base in a fallback":     {plainKey, chatBody("gpt-4o", `"fallbacks":[{"model":"claude","api_base":"http://evil"}]`), "", 400, "invalid_request_error", "invalid_value", ""},
		"own base, in our object":    {plainKey, chatBody("gpt-4o", `"gatehouse":{"base_url":"http://evil"}`), "", 400, "invalid_request_error", "unsupported_parameter", ""},
		"mock by an ordinary key":    {plainKey, chatBody("gpt-4o", `"mock_response":"x"`), "", 400, "invalid_request_error", "unsupported_parameter", ""},
		"mock failure":               {plainKey, chatBody("gpt-4o", `"mock_testing_fallbacks":true`), "", 400, "invalid_request_error", "unsupported_parameter", ""},
		"timeout is text":            {plainKey, chatBody("gpt-4o", `"timeout":"soon"`), "", 400, "invalid_request_error", "invalid_value", ""},
		"retries are negative":       {plainKey, chatBody("gpt-4o", `"num_retries":-1`), "", 400, "invalid_request_error", "invalid_value", ""},
		"metadata is text":           {plainKey, chatBody("gpt-4o", `"metadata":"x"`), "", 400, "invalid_request_error", "invalid_value", ""},
		"too large":                  {plainKey, chatBody("gpt-4o", `"x":"`+strings.Repeat("x", 2000)+`"`), "", 413, "invalid_request_error", "request_too_large", ""},
		"unsupported by Anthropic":   {plainKey, chatBody("claude", `"logprobs":true`), "", 400, "invalid_request_error", "unsupported_parameter", "logprobs"},
		"two hosts, two minds":       {"sk-unknown-0123456789abcdef", good, "api-key: " + plainKey, 401, "token_not_found_in_db", "invalid_api_key", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var headers []string
			if tt.header != "" {
				headers = append(headers, tt.header)
			}
			got := r.send("POST", "/v1/chat/completions", tt.key, tt.body, headers...)
			if got.status != tt.status {
				t.Fatalf("%d %s", got.status, got.body)
			}
			kind, code, message := got.failure(t)
			if kind != tt.kind || code != tt.code || !strings.Contains(message, tt.says) {
				t.Errorf("%s / %s: %s", kind, code, message)
			}
			if tt.kind == "budget_exceeded" && (got.header.Get("X-Should-Retry") != "false" || !strings.Contains(got.body, `"budget":{"level":"key"`)) {
				t.Errorf("%v %s", got.header, got.body)
			}
			if tt.code == "rate_limit_exceeded" && (got.header.Get("Retry-After") == "" || got.header.Get("Rate_limit_type") != "requests" || got.header.Get("X-Ratelimit-Remaining-Requests") != "0") {
				t.Errorf("%v", got.header)
			}
			if got.header.Get("X-Request-Id") == "" {
				t.Error("no x-request-id")
			}
			for _, secret := range []string{plainKey, masterKey, "sk-unknown-0123456789abcdef", upstream} {
				if strings.Contains(got.body, secret) {
					t.Errorf("a key is in the answer: %s", got.body)
				}
			}
		})
	}
	if n := len(r.provider.Requests()); n != 0 {
		t.Errorf("%d refused calls reached the provider", n)
	}
	if len(r.book.admitted) != 0 {
		t.Errorf("%d refused calls were admitted", len(r.book.admitted))
	}
	for _, rec := range r.book.wait(t, 1) {
		if rec.Status != spend.StatusFailure || rec.CostNano != 0 || len(rec.Charges) != 0 || rec.ErrorCode == "" {
			t.Errorf("record of a refusal: %+v", rec)
		}
	}
}

func TestRefusalsOnAnthropicsWire(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{rows: func(s models.ChangeSink) {
		s.Key(keyRow("sk-nobudget-0123456789abcd", func(k *models.Key) { zero := models.Nano(0); k.MaxBudget = &zero }))
	}})
	body := func(model string) string {
		return `{"model":"` + model + `","max_tokens":5,"messages":[{"role":"user","content":"x"}]}`
	}
	tests := map[string]struct {
		key, model string
		status     int
		kind       string
	}{
		"no key":        {"", "claude", 401, "authentication_error"},
		"unknown key":   {"sk-unknown-0123456789abcdef", "claude", 401, "authentication_error"},
		"unknown model": {plainKey, "gpt-9", 404, "not_found_error"},
		"budget":        {"sk-nobudget-0123456789abcd", "claude", 429, "rate_limit_error"},
		"embeddings":    {plainKey, "", 400, "invalid_request_error"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := r.send("POST", "/v1/messages", tt.key, body(tt.model))
			id := got.header.Get("Request-Id")
			want := `{"type":"error","error":{"type":"` + tt.kind + `","message":`
			if got.status != tt.status || !strings.HasPrefix(got.body, want) || id == "" || !strings.HasSuffix(got.body, `,"request_id":"`+id+`"}`) {
				t.Errorf("%d %s", got.status, got.body)
			}
		})
	}
}

func TestEveryAuthHeader(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{})
	for _, header := range []string{
		"x-litellm-api-key: " + plainKey, "x-litellm-api-key: Bearer " + plainKey, "x-gatehouse-api-key: " + plainKey,
		"Authorization: Bearer " + plainKey, "Authorization: bearer " + plainKey, "api-key: " + plainKey, "x-api-key: " + plainKey,
		"x-goog-api-key: " + plainKey, "Ocp-Apim-Subscription-Key: " + plainKey, "Authorization: Bearer " + masterKey,
	} {
		if got := r.send("POST", "/chat/completions", "", chatBody("gpt-4o", ""), header); got.status != 200 {
			t.Errorf("%s: %d %s", header, got.status, got.body)
		}
		for name, values := range r.provider.Last(t).Header {
			if v := strings.Join(values, ""); strings.Contains(v, plainKey) || strings.Contains(v, masterKey) {
				t.Errorf("%s: the caller's key went upstream in %s", header, name)
			}
		}
	}
	// The query never carries a key here.
	if got := r.send("POST", "/chat/completions?key="+plainKey+"&api_key="+plainKey, "", chatBody("gpt-4o", "")); got.status != 401 {
		t.Errorf("a key in the query: %d", got.status)
	}
}

func TestKeyHeaderOfTheOperatorsChoice(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{config: Config{KeyHeader: "X-Litellm-Key"}})
	body := chatBody("gpt-4o", "")
	if got := r.send("POST", "/chat/completions", "bad", body, "X-Litellm-Key: "+plainKey); got.status != 200 {
		t.Errorf("good header beside a bad one: %d", got.status)
	}
	if got := r.send("POST", "/chat/completions", "", body, "X-Litellm-Key: Bearer "+plainKey); got.status != 200 {
		t.Errorf("with Bearer: %d", got.status)
	}
	if got := r.send("POST", "/chat/completions", plainKey, body); got.status != 401 {
		t.Errorf("Authorization alone: %d", got.status)
	}
}

// askHook is a custom_auth rule: it lets one key in, under a user of its own.
type askHook struct{}

func (askHook) Authenticate(_ context.Context, req AuthRequest, secret string) (*keyring.Grant, error) {
	switch {
	case secret == "let-me-in" && req.Path == "/chat/completions" && req.Headers["x-team"] == "a":
		return keyring.NewGrant(keyRow("sk-hooked-0123456789abcdef", func(k *models.Key) { u := "hook-user"; k.UserID = &u }))
	case secret == "say-why":
		return nil, fault.New(fault.Unauthenticated, "not today")
	}
	return nil, errors.New("database password is hunter2")
}

func TestCustomAuth(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{auth: askHook{}})
	body := chatBody("gpt-4o", "")
	for key, says := range map[string]string{plainKey: "Authentication Error", "say-why": "not today"} {
		got := r.send("POST", "/chat/completions", key, body)
		if _, _, message := got.failure(t); got.status != 401 || !strings.Contains(message, says) || strings.Contains(got.body, "hunter2") {
			t.Errorf("%s: %d %s", key, got.status, got.body)
		}
	}
	if got := r.send("POST", "/chat/completions", "let-me-in", body, "X-Team: a"); got.status != 200 {
		t.Errorf("%d %s", got.status, got.body)
	}
	if rec := r.book.wait(t, 1)[0]; rec.UserID != "hook-user" {
		t.Errorf("record %+v", rec)
	}
}

func TestTwoWaysToReadARequest(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{})
	tests := map[string]string{
		"two lengths":        "Host: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n",
		"length and chunked": "Host: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n",
		"other encoding":     "Host: a\r\nTransfer-Encoding: gzip, chunked\r\n",
		"two hosts":          "Host: a\r\nHost: b\r\nContent-Length: 2\r\n",
		"two keys":           "Host: a\r\nAuthorization: Bearer " + plainKey + "\r\nAuthorization: Bearer x\r\nContent-Length: 2\r\n",
		"no host":            "Content-Length: 2\r\n",
		"a line for some":    "Host: a\r\nX-A: b\rContent-Length: 9\r\nContent-Length: 2\r\n",
		"NUL":                "Host: a\r\nUser-Agent: b\x00c\r\nContent-Length: 2\r\n",
		"folded line":        "Host: a\r\nX-A: b\r\n c\r\nContent-Length: 2\r\n",
		"too many fields":    "Host: a\r\n" + strings.Repeat("X-A: b\r\n", 120) + "Content-Length: 2\r\n",
	}
	for name, head := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, err := net.Dial("tcp", r.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			if _, err := io.WriteString(conn, "POST /v1/chat/completions HTTP/1.1\r\n"+head+"\r\n{}0\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			br := bufio.NewReader(conn)
			resp, err := http.ReadResponse(br, nil)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			if resp.StatusCode != 400 || !resp.Close {
				t.Errorf("%d, close %v", resp.StatusCode, resp.Close)
			}
			if n, err := br.Read(make([]byte, 1)); err == nil {
				t.Errorf("%d more bytes after the refusal", n)
			}
		})
	}
}

// A request without a good key is answered with its body unread, however large it says it is.
func TestBodyIsNotReadWithoutAKey(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{})
	conn, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, err = fmt.Fprintf(conn, "POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer sk-unknown-0123456789abcdef\r\nContent-Length: 50000000\r\n\r\n%s", strings.Repeat("x", 9000))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != 401 || !resp.Close {
		t.Errorf("%d, close %v", resp.StatusCode, resp.Close)
	}
}

func TestRoutesThatAreNotServed(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{})
	tests := map[string]struct {
		method, path string
		status       int
		code         string
	}{
		"planned":          {"POST", "/v1/files", 404, "route_not_supported"},
		"planned, bare":    {"POST", "/batches", 404, "route_not_supported"},
		"unknown":          {"GET", "/v1/nope", 404, "route_not_found"},
		"below a route":    {"POST", "/v1/chat/completions/x/y", 404, "route_not_found"},
		"trailing slash":   {"POST", "/v1/chat/completions/", 404, "route_not_found"},
		"other case":       {"POST", "/V1/CHAT/completions", 404, "route_not_found"},
		"other method":     {"GET", "/v1/chat/completions", 405, "method_not_allowed"},
		"models by delete": {"DELETE", "/v1/models", 405, "method_not_allowed"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := r.send(tt.method, tt.path, plainKey, "{}")
			if _, code, _ := got.failure(t); got.status != tt.status || code != tt.code {
				t.Errorf("%d %s", got.status, got.body)
			}
		})
	}
	if got := r.send("POST", "/api/event_logging/batch", "", "{}"); got.status != 200 || got.body != "{}" {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestOwns(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{})
	for path, want := range map[string]bool{
		"/v1/chat/completions": true, "/chat/completions": true, "/v1/models": true, "/models": true, "/models/a/b": true, "/engines/x/completions": true,
		"/openai/deployments/x/embeddings": true, "/v1/nope": true, "/v2/rerank": true, "/v1beta/models/x": true, "/api/event_logging/batch": true,
		"/anthropic/v1/messages": true, "/": false, "": false, "/ui": false, "/key/generate": false, "/v1/model/info": false, "/v2/model/info": false,
		"/v2/team/list": false, "/health": false, "/model/info": false, "/nope": false, "/api/other": false, "/v1": true,
	} {
		if got := r.plane.Owns([]byte("POST"), []byte(path)); got != want {
			t.Errorf("Owns(%q) = %v", path, got)
		}
	}
}

func TestLedgerThatTakesNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{})
	r.book.refuse = spend.ErrJournal
	got := r.chat("gpt-4o", "")
	if kind, code, _ := got.failure(t); got.status != 503 || kind != "service_unavailable" || code != "ledger_unavailable" || got.header.Get("Retry-After") == "" {
		t.Errorf("%d %s", got.status, got.body)
	}
	if n := len(r.provider.Requests()); n != 0 {
		t.Errorf("%d calls went upstream unrecorded", n)
	}
}

// lateRing is a ring whose source was last heard some time ago.
type lateRing struct {
	Ring
	age time.Duration
}

func (r lateRing) Stale() time.Duration { return r.age }

func TestStaleSnapshot(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		age            time.Duration
		known, unknown int
	}{
		"fresh":     {2 * time.Second, 200, 401},
		"unsure":    {time.Minute, 200, 503},
		"untrusted": {11 * time.Minute, 503, 503},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, setup{})
			r.plane.Ring = lateRing{r.plane.Ring, tt.age}
			if got := r.chat("gpt-4o", ""); got.status != tt.known {
				t.Errorf("known key: %d %s", got.status, got.body)
			}
			got := r.send("POST", "/v1/chat/completions", "sk-unknown-0123456789abcdef", "{}")
			_, code, _ := got.failure(t)
			if got.status != tt.unknown || (tt.unknown == 503) != (code == "auth_backend_unavailable") {
				t.Errorf("unknown key: %d %s", got.status, got.body)
			}
		})
	}
}

func TestDrainRefusesNewCalls(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{})
	r.plane.Drain(t.Context())
	got := r.chat("gpt-4o", "")
	if _, code, _ := got.failure(t); got.status != 503 || code != "shutting_down" {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// proxy.md §13 (17).
func TestUnpricedModels(t *testing.T) {
	t.Parallel()
	free := deployment("free", "openai", "zz-unknown-model")
	free.Prices = map[string]any{}
	for _, block := range []bool{false, true} {
		r := newRig(t, setup{config: Config{BlockUnpriced: block}, deployments: []models.Deployment{free}})
		got := r.chat("free", "")
		if block {
			if _, code, _ := got.failure(t); got.status != 400 || code != "model_has_no_price" || len(r.provider.Requests()) != 0 {
				t.Errorf("blocked: %d %s", got.status, got.body)
			}
			continue
		}
		if rec := r.book.wait(t, 1)[0]; got.status != 200 || !rec.Unpriced || rec.CostNano != 0 {
			t.Errorf("%d %+v", got.status, rec)
		}
	}
}

func TestHeaderBudget(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{})
	header := map[string]string{"X-Bad": "a"}
	for i := range 80 {
		header[fmt.Sprintf("X-Filler-%02d", i)] = strings.Repeat("y", 100)
	}
	reply := r.provider
	reply.Always(replyWith(header))
	got := r.chat("gpt-4o", "")
	size := 0
	for name, values := range got.header {
		size += len(name) + len(values[0]) + 4
	}
	if got.status != 200 || size > maxHeaders+300 {
		t.Errorf("%d, %d bytes of headers", got.status, size)
	}
	if got.header.Get("X-Litellm-Call-Id") == "" {
		t.Error("the call id gave way to the provider's headers")
	}
}
