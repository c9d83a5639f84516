package proxy

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"gatehouse/internal/testkit"
	"gatehouse/models"
	"gatehouse/proxy/keyring"
	"gatehouse/proxy/spend"
)

// passRig is a plane with deployments of Anthropic, Gemini and Mistral, the environment's credential of OpenAI, and three
// routes of the operator's own.
func passRig(t *testing.T, change func(*Config), rows func(models.ChangeSink)) *rig {
	t.Helper()
	gem := deployment("flash", "gemini", "gemini-real")
	gem.APIBase = "${PROVIDER}/v1beta"
	r := newRig(t, setup{settings: oneTry(), rows: rows, deployments: []models.Deployment{
		deployment("claude", "anthropic", "claude-real"), deployment("small", "mistral", "mistral-real"), gem,
	}})
	own := func(prefix, target string, change func(*PassRoute)) PassRoute {
		route := PassRoute{Prefix: prefix, Custom: true, Exact: true, Deployment: models.Deployment{
			ID: "pass" + prefix, ModelName: prefix, Provider: PassProvider, Model: "*", APIBase: r.provider.URL + target, FromConfig: true,
			Params: map[string]any{}, Prices: map[string]any{"cost_per_request": "0.005"},
			Secrets: map[string]models.Secret{"headers.Authorization": models.NewSecret("Bearer " + upstream), "headers.Content-Type": models.NewSecret("application/json")},
		}}
		if change != nil {
			change(&route)
		}
		return route
	}
	env := deployment("openai/*", "openai", "*")
	env.ID, env.APIBase, env.Prices = "env", r.provider.URL+"/v1", nil
	c := *r.plane.cfg.Load()
	c.PassDefaults = map[string]models.Deployment{"openai": env}
	c.PassRoutes = []PassRoute{
		own("/own/closed", "/svc/a", nil),
		own("/own/open", "/svc/b", func(p *PassRoute) { p.Open = true }),
		own("/own/deep", "/svc/c", func(p *PassRoute) { p.Exact, p.Forward = false, true }),
	}
	if change != nil {
		change(&c)
	}
	r.plane.Configure(c)
	return r
}

func TestPassThroughRefusals(t *testing.T) {
	t.Parallel()
	zero, none := models.Nano(0), int64(0)
	r := passRig(t, nil, func(s models.ChangeSink) {
		s.Key(keyRow("sk-narrow-0123456789abcdef", func(k *models.Key) { k.Models = models.Strings{"gpt-4o", "claude"} }))
		s.Key(keyRow("sk-routes-0123456789abcdef", func(k *models.Key) { k.AllowedRoutes = models.Strings{"/embeddings"} }))
		s.Key(keyRow("sk-nobudget-0123456789abcd", func(k *models.Key) { k.MaxBudget = &zero }))
		s.Key(keyRow("sk-norate-0123456789abcdef", func(k *models.Key) { k.RPMLimit = &none }))
		s.Customer(&models.Customer{ID: "bad-customer", Blocked: true, Seq: 1})
	})
	const complete = "/anthropic/v1/complete"
	refusals := []struct {
		name, path, key, body string
		status                int
		header                []string
	}{
		{"no key", complete, "", `{"model":"claude"}`, 401, nil},
		{"an unknown key", complete, "sk-unknown-0123456789abcdef", `{"model":"claude"}`, 401, nil},
		{"a model the key may not use", complete, "sk-narrow-0123456789abcdef", `{"model":"claude-other"}`, 403, nil},
		{"a model of the path that the key may not use", "/gemini/v1beta/models/flash:countTokens", "sk-narrow-0123456789abcdef", `{"model":"gpt-4o"}`, 403, nil},
		{"a list and no model", "/openai_passthrough/v1/files", "sk-narrow-0123456789abcdef", `{}`, 403, nil},
		{"a list and no body", "/openai_passthrough/v1/files", "sk-narrow-0123456789abcdef", "", 403, nil},
		{"a route that is not allowed", complete, "sk-routes-0123456789abcdef", `{"model":"claude"}`, 403, nil},
		{"an own route that is not allowed", "/own/closed", "sk-routes-0123456789abcdef", `{}`, 403, nil},
		{"no budget left", complete, "sk-nobudget-0123456789abcd", `{"model":"claude"}`, 429, nil},
		{"no budget left for an own route", "/own/closed", "sk-nobudget-0123456789abcd", `{}`, 429, nil},
		{"no rate", complete, "sk-norate-0123456789abcdef", `{"model":"claude"}`, 429, nil},
		{"a path that climbs", "/anthropic/v1/../v2", plainKey, `{"model":"claude"}`, 404, nil},
		{"a path that climbs in escapes", "/anthropic/v1/%2e%2e/v2", plainKey, `{"model":"claude"}`, 404, nil},
		{"a path with another host in it", "/anthropic//evil.example/v1", plainKey, `{"model":"claude"}`, 404, nil},
		{"two models", complete, plainKey, `{"model":"claude","model":"gpt-4o"}`, 400, nil},
		{"a model in other letters", complete, plainKey, `{"model":"claude","MODEL":"gpt-4o"}`, 400, nil},
		{"no credential", "/cohere/v1/tokenize", plainKey, `{"model":"c"}`, 404, nil},
		{"a blocked customer", complete, plainKey, `{"model":"claude"}`, 403, []string{"x-litellm-customer-id: bad-customer"}},
		{"an own route without a key", "/own/closed", "", `{}`, 401, nil},
		{"below an own route", "/own/closed/more", plainKey, `{}`, 404, nil},
		{"below an open route", "/own/open/more", "", `{}`, 404, nil},
		{"beside an open route", "/own/open2", "", `{}`, 404, nil},
	}
	for _, tt := range refusals {
		if got := r.send("POST", tt.path, tt.key, tt.body, tt.header...); got.status != tt.status {
			t.Errorf("%s: %d %s, want %d", tt.name, got.status, got.body, tt.status)
		}
	}
	if n := len(r.provider.Requests()); n != 0 {
		t.Fatalf("%d refused requests reached the provider: %+v", n, r.provider.Last(t))
	}
}

// Who may use an open route may use nothing else by it: the caller without a key is no master.
func TestOpenRouteGivesNothingElse(t *testing.T) {
	t.Parallel()
	r := passRig(t, nil, nil)
	if g := r.plane.open; g.Master || g.Models == nil || g.Models.All() {
		t.Fatalf("the caller without a key: %+v", g)
	}
	r.provider.Always(testkit.Reply{Body: "fine"})
	if got := r.send("POST", "/own/open", "", `{"model":"claude","stream":"maybe","metadata":7}`); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if sent := r.provider.Last(t); sent.Path != "/svc/b" || string(sent.Body) != `{"model":"claude","stream":"maybe","metadata":7}` {
		t.Errorf("sent %s %s", sent.Path, sent.Body)
	}
	rec := r.book.wait(t, 1)[0]
	if rec.KeyID != noKeyID || rec.UserID != "" || rec.CostNano != 5_000_000 || rec.Status != spend.StatusSuccess {
		t.Errorf("record %+v", rec)
	}
	for _, path := range []string{"/v1/chat/completions", "/anthropic/v1/complete", "/own/closed", "/openai_passthrough/v1/files"} {
		if got := r.send("POST", path, "", chatBody("claude", "")); got.status != 401 {
			t.Errorf("%s without a key: %d", path, got.status)
		}
	}
	// A provider's route cannot be opened, whatever a configuration says.
	c := r.plane.begin(nil, 0)
	c.p, c.cfg = r.plane, r.plane.cfg.Load()
	c.snap = r.ring.Snapshot()
	if _, refused := c.passPermitAs(r.plane.open, "anthropic", "claude"); refused == nil {
		t.Error("the caller without a key may use a model")
	}
	c.free()
}

func (c *call) passPermitAs(g *keyring.Grant, providerName, model string) (*models.Deployment, *failure) {
	c.grant, c.asked = g, model
	return c.passPermit(&PassRoute{Prefix: "/" + providerName, Deployment: models.Deployment{Provider: providerName}}, &tailOf{})
}

func TestPassThroughSwapsCredentialAndModel(t *testing.T) {
	t.Parallel()
	r := passRig(t, nil, nil)
	r.provider.Script(testkit.Reply{Body: `{"type":"message","stop_reason":"end_turn","usage":{"input_tokens":10,"output_tokens":20}}`})
	got := r.send("POST", "/anthropic/v1/complete?beta=true&key="+plainKey+"&x="+plainKey+"&y=%73k-plain-0123456789abcdefgh&k%65y=1", plainKey, `{"model":"claude","x": 1.0,"big":12345678901234567890}`,
		"X-Pass-Foo: bar", "Anthropic-Beta: b1", "X-Pass-Authorization: Bearer x", "X-Pass-Leak: a"+plainKey, "X-Pass-Hop: 1", "Connection: x-pass-hop, keep-alive",
		"Cookie: a=b", "X-Other: o", "Anthropic-Odd: "+plainKey)
	sent := r.provider.Last(t)
	if got.status != 200 || sent.Path != "/v1/complete" || sent.Query != "beta=true&k%65y=1" {
		t.Errorf("%d %s, sent %s?%s", got.status, got.body, sent.Path, sent.Query)
	}
	if string(sent.Body) != `{"model":"claude-real","x": 1.0,"big":12345678901234567890}` {
		t.Errorf("body %s", sent.Body)
	}
	want := map[string]string{"X-Api-Key": upstream, "Foo": "bar", "Anthropic-Beta": "b1", "Authorization": "", "Leak": "", "Hop": "", "Cookie": "", "X-Other": "", "Anthropic-Odd": "", "Anthropic-Version": "2023-06-01"}
	for name, value := range want {
		if got := strings.Join(sent.Header.Values(name), "|"); got != value {
			t.Errorf("%s: %q, want %q", name, got, value)
		}
	}
	if raw, _ := json.Marshal(sent); strings.Contains(string(raw), plainKey) || strings.Contains(sent.Query, plainKey) {
		t.Error("our key left")
	}
	rec := r.book.wait(t, 1)[0]
	if rec.Status != spend.StatusSuccess || rec.CostNano != 50_000 || rec.CallType != "pass_through_endpoint" || rec.ModelGroup != "claude" || rec.DeploymentID != "dep-claude" {
		t.Errorf("record %+v", rec)
	}
	if strings.Contains(got.body, upstream) {
		t.Error("the answer shows our credential")
	}
}

func TestPassThroughModelInPath(t *testing.T) {
	t.Parallel()
	r := passRig(t, nil, nil)
	r.provider.Script(testkit.Reply{Body: `{"candidates":[],"usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":4,"totalTokenCount":7}}`})
	got := r.send("POST", "/gemini/v1beta/models/flash:batchGenerateContent?key="+plainKey+"&alt=json", "", `{"contents":[]}`)
	sent := r.provider.Last(t)
	if got.status != 200 || sent.Path != "/v1beta/models/gemini-real:batchGenerateContent" || sent.Query != "alt=json" || sent.Header.Get("X-Goog-Api-Key") != upstream {
		t.Errorf("%d %s, sent %s?%s %v", got.status, got.body, sent.Path, sent.Query, sent.Header)
	}
	if rec := r.book.wait(t, 1)[0]; rec.CostNano != 3_000+8_000 || rec.Usage.InputTotal() != 3 {
		t.Errorf("record %+v", rec)
	}
}

// Every way to end leaves one record.
func TestPassThroughRecords(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, method, path, body string
		reply                    testkit.Reply
		status                   int
		check                    func(rec spend.Record) bool
	}{
		{"a route with no price", "GET", "/openai_passthrough/v1/files", "", testkit.Reply{Body: `{"data":[]}`}, 200, func(rec spend.Record) bool {
			return rec.Unpriced && rec.CostNano == 0 && strings.Contains(string(rec.Metadata), `"reason":"unpriced_route"`) && rec.Status == spend.StatusSuccess
		}},
		{"an own route", "POST", "/own/closed", "any text", testkit.Reply{Body: "fine"}, 200, func(rec spend.Record) bool {
			return !rec.Unpriced && rec.CostNano == 5_000_000 && rec.ModelGroup == "/own/closed" && rec.Provider == PassProvider
		}},
		{"nothing in the answer", "DELETE", "/openai_passthrough/v1/files/f", "", testkit.Reply{Status: 204, Body: "x"}, 204, func(rec spend.Record) bool { return rec.Status == spend.StatusSuccess }},
		{"only a head", "HEAD", "/openai_passthrough/v1/files/f", "", testkit.Reply{Body: "body"}, 200, func(rec spend.Record) bool { return rec.Status == spend.StatusSuccess }},
		{"a refusal", "POST", "/anthropic/v1/x", `{"model":"claude"}`, testkit.AnthropicErrorReply(422, "invalid_request_error", "no"), 422, func(rec spend.Record) bool {
			return rec.Status == spend.StatusFailure && rec.HTTPStatus == 422 && rec.CostNano == 0
		}},
		{"our credential refused", "POST", "/anthropic/v1/x", `{"model":"claude"}`, testkit.AnthropicErrorReply(401, "authentication_error", "no"), 502, func(rec spend.Record) bool {
			return rec.Status == spend.StatusFailure && rec.ErrorCode == "upstream_auth_failed"
		}},
		{"an own route's 401", "POST", "/own/closed", `{}`, testkit.Reply{Status: 401, Body: "who?"}, 401, func(rec spend.Record) bool { return rec.Status == spend.StatusFailure && rec.HTTPStatus == 401 }},
		{"nobody there", "POST", "/anthropic/v1/x", `{"model":"claude"}`, testkit.Reply{Fault: testkit.FaultDrop}, 502, func(rec spend.Record) bool { return rec.Status == spend.StatusFailure }},
		{"a stream", "POST", "/mistral/v1/chat/completions", `{"model":"small","stream":true,"stream_options":{"include_usage":true}}`, testkit.Reply{}, 200, func(rec spend.Record) bool {
			return rec.Status == spend.StatusSuccess && rec.CostNano == 50_000 && !rec.UsageEstimated
		}},
		{"a stream that breaks", "POST", "/mistral/v1/chat/completions", `{"model":"small","stream":true,"stream_options":{"include_usage":true}}`, testkit.Reply{Fault: testkit.FaultCut, After: 5}, 200, func(rec spend.Record) bool {
			return rec.Status == spend.StatusFailure && rec.CostNano > 0
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := passRig(t, nil, nil)
			r.provider.Always(tt.reply)
			got := r.send(tt.method, tt.path, plainKey, tt.body)
			if got.status != tt.status {
				t.Errorf("%d %s, want %d", got.status, got.body, tt.status)
			}
			if recs := r.book.wait(t, 1); len(recs) != 1 || !tt.check(recs[0]) {
				t.Errorf("records %+v", recs)
			}
		})
	}
}

// An own route that forwards headers forwards no credential, ours least of all.
func TestPassThroughForwardsNoCredential(t *testing.T) {
	t.Parallel()
	r := passRig(t, func(c *Config) { c.KeyHeader = "X-Corp-Key" }, nil)
	r.provider.Always(testkit.Reply{Body: "fine"})
	got := r.send("PUT", "/own/deep/x%2Fy?q=1", "", "<xml/>", "X-Corp-Key: "+plainKey, "Authorization: Bearer theirs", "X-Api-Key: theirs", "X-Custom: yes",
		"X-Litellm-Tags: a", "X-Twice: "+plainKey, "Content-Type: text/xml", "Accept-Encoding: br")
	sent := r.provider.Last(t)
	if got.status != 200 || sent.Method != http.MethodPut || sent.Path != "/svc/c/x/y" || sent.Query != "q=1" || string(sent.Body) != "<xml/>" {
		t.Errorf("%d %s, sent %s %s?%s %s", got.status, got.body, sent.Method, sent.Path, sent.Query, sent.Body)
	}
	want := map[string]string{
		"Authorization": "Bearer " + upstream, "X-Corp-Key": "", "X-Api-Key": "", "X-Custom": "yes", "X-Litellm-Tags": "", "X-Twice": "",
		"Content-Type": "application/json", "Accept-Encoding": "",
	}
	for name, value := range want {
		if got := strings.Join(sent.Header.Values(name), "|"); got != value {
			t.Errorf("%s: %q, want %q", name, got, value)
		}
	}
}

// The headers that the operator sets for a deployment go with every call to it.
func TestExtraHeadersGoUpstream(t *testing.T) {
	t.Parallel()
	d := deployment("gpt-4o", "openai", "gpt-4o-real")
	d.Secrets = map[string]models.Secret{"extra_headers.X-Team": models.NewSecret("blue")}
	r := newRig(t, setup{deployments: []models.Deployment{d}})
	if got := r.chat("gpt-4o", ""); got.status != 200 || r.provider.Last(t).Header.Get("X-Team") != "blue" {
		t.Errorf("%d, sent %v", got.status, r.provider.Last(t).Header)
	}
}
