package portal_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"gatehouse/app/config"
	"gatehouse/app/portal"
	"gatehouse/models"
)

// fakeCaller answers as the data plane would, and keeps what it was asked.
type fakeCaller struct {
	mu     sync.Mutex
	calls  []portal.ChatCall
	status int
	body   string
	fail   error
	closed bool
}

func (f *fakeCaller) Chat(_ context.Context, call portal.ChatCall) (*portal.ChatAnswer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, call)
	if f.fail != nil {
		return nil, f.fail
	}
	kind := "application/json"
	if call.Stream {
		kind = "text/event-stream"
	}
	return &portal.ChatAnswer{Status: f.status, ContentType: kind, Cost: "0.0042", Body: &closer{Reader: strings.NewReader(f.body), f: f}}, nil
}

type closer struct {
	io.Reader
	f *fakeCaller
}

func (c *closer) Close() error { c.f.closed = true; return nil }

const chatAnswer = `{"choices":[{"message":{"role":"assistant","content":"<b>Hi</b> there"}}],"usage":{"total_tokens":31}}`

func withCaller(f *fakeCaller) func(*rig) { return func(r *rig) { r.extra.Caller = f } }

func TestPlaygroundWithoutScripts(t *testing.T) {
	t.Parallel()
	f := &fakeCaller{status: 200, body: chatAnswer}
	r := newRig(t, withCaller(f))
	k, foreign := r.key(dev, "web", true), r.key(lead, "lead-key", true)
	b := r.as(dev)
	page := b.get("/ui/playground?model=gpt-5-mini").page(200)
	has(t, page, "Calls here are charged to your session, up to $1.00.", "web")
	if strings.Contains(text(page.Find("#key")), "lead-key") {
		t.Error("a foreign key is on offer")
	}
	send := func(more ...string) *answer {
		v := url.Values{"model": {"gpt-5-mini"}, "message": {"Hello"}, "system": {"Be brief"}, "max_tokens": {"50"}, "temperature": {"0.5"}}
		for i := 0; i+1 < len(more); i += 2 {
			v.Set(more[i], more[i+1])
		}
		return b.post("/ui/playground", v)
	}
	for name, c := range map[string]struct{ field, value, say string }{
		"no message": {"message", " ", "Write a message first."}, "too warm": {"temperature", "9", "from 0 to 2"}, "no number": {"max_tokens", "x", "Enter a whole number"},
	} {
		t.Run(name, func(t *testing.T) { has(t, send(c.field, c.value).page(http.StatusUnprocessableEntity), c.say) })
	}
	if res := send("key", foreign.Key.ID); res.status == 200 {
		t.Error("a foreign key makes calls")
	}
	if res := r.as(lead).post("/ui/playground", url.Values{"model": {"gpt-5-mini"}, "message": {"Hello"}, "key": {k.Key.ID}}); res.status == 200 {
		t.Error("a team admin makes calls with a member's key")
	}
	if len(f.calls) != 0 {
		t.Fatalf("%d calls were made", len(f.calls))
	}
	res := send("key", k.Key.ID)
	doc := res.page(200)
	has(t, doc, "Hello", "<b>Hi</b> there", "31 tokens", "$0.0042")
	if strings.Contains(res.body, "<b>Hi</b>") {
		t.Error("the answer is not escaped")
	}
	call := f.calls[0]
	var body struct {
		Model     string
		Messages  []map[string]string
		MaxTokens int64 `json:"max_tokens"`
		Stream    bool
	}
	if err := json.Unmarshal(call.Body, &body); err != nil {
		t.Fatal(err)
	}
	if call.Key == nil || call.Key.ID != k.Key.ID || call.Cap != models.USD || !strings.HasPrefix(call.Scope, "session:") || call.Scope == "session:" || call.Actor.UserID != dev ||
		body.Model != "gpt-5-mini" || len(body.Messages) != 2 || body.MaxTokens != 50 || body.Stream {
		t.Errorf("the call is %+v %s", call, call.Body)
	}
	if !f.closed {
		t.Error("the answer was not closed")
	}
}

func TestPlaygroundRefusalsAreShown(t *testing.T) {
	t.Parallel()
	f := &fakeCaller{status: 429, body: `{"error":{"message":"Budget has been exceeded","type":"budget_exceeded"}}`}
	r := newRig(t, withCaller(f))
	doc := r.as(dev).post("/ui/playground", url.Values{"model": {"gpt-5-mini"}, "message": {"Hello <i>"}}).page(http.StatusUnprocessableEntity)
	has(t, doc, "Budget has been exceeded")
	if got := doc.Find("#message").Text(); got != "Hello <i>" {
		t.Errorf("the message is not kept: %q", got)
	}
	f.fail = errors.New("dial tcp: secret-host")
	res := r.as(dev).post("/ui/playground", url.Values{"model": {"gpt-5-mini"}, "message": {"Hello"}})
	if res.status != http.StatusInternalServerError || strings.Contains(res.body, "secret-host") {
		t.Errorf("%d: %s", res.status, clip(res.body))
	}
}

func TestPlaygroundStream(t *testing.T) {
	t.Parallel()
	events := "data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"}}]}\n\ndata: [DONE]\n\n"
	f := &fakeCaller{status: 200, body: events}
	r := newRig(t, withCaller(f))
	b := r.as(dev)
	send := func(body string) *answer {
		req := httptest.NewRequest(http.MethodPost, "/ui/playground/stream", strings.NewReader(body))
		req.Header.Set("Content-Type", "application/json")
		return b.send(req)
	}
	for name, body := range map[string]string{"no JSON": "{", "nothing": "{}", "no messages": `{"model":"m"}`} {
		res := send(body)
		var said struct{ Error struct{ Message string } }
		if res.status < 400 || json.Unmarshal([]byte(res.body), &said) != nil || said.Error.Message == "" {
			t.Errorf("%s: %d %s", name, res.status, clip(res.body))
		}
	}
	res := send(`{"model":"gpt-5-mini","messages":[{"role":"user","content":"Hello"}],"user":"forged","metadata":{"x":1},"n":50,"max_tokens":5}`)
	if res.status != 200 || res.body != events || res.header.Get("Content-Type") != "text/event-stream" || res.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %s %q", res.status, res.header.Get("Content-Type"), res.body)
	}
	body := string(f.calls[0].Body)
	if strings.Contains(body, "forged") || strings.Contains(body, `"n"`) || !strings.Contains(body, `"include_usage":true`) || !f.calls[0].Stream {
		t.Errorf("the call is %s", body)
	}
	if !f.closed {
		t.Error("the answer was not closed")
	}
}

func TestPlaygroundOff(t *testing.T) {
	t.Parallel()
	for name, adjust := range map[string]func(*rig){
		"no caller": func(*rig) {},
		"no budget": func(r *rig) { r.extra.Caller, r.policy.LiteLLM.MaxUISessionBudget = &fakeCaller{}, 0 },
		"personal keys are for admins": func(r *rig) {
			r.extra.Caller = &fakeCaller{}
			r.policy.LiteLLM.KeyGeneration = &config.KeyGenerationSettings{Personal: &config.PersonalKeyRule{Roles: []models.Role{models.RoleAdmin}}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, adjust)
			b := r.as(dev)
			doc := b.get("/ui/playground").page(200)
			has(t, doc, "turned")
			hasNot(t, doc, "#play")
			if res := b.post("/ui/playground", url.Values{"model": {"gpt-5-mini"}, "message": {"Hello"}}); res.status != http.StatusForbidden {
				t.Errorf("asking all the same: %d", res.status)
			}
		})
	}
}
