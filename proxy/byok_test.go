package proxy

import (
	"slices"
	"strings"
	"testing"

	"gatehouse/internal/testkit"
	"gatehouse/models"
)

const ownKey = "sk-their-own-0123456789abcdef"

// ownRig has one deployment that lets callers bring a key and some addresses, and one that lets them bring nothing.
func ownRig(t *testing.T, c Config) *rig {
	t.Helper()
	free := deployment("free", "openai", "free-real")
	free.Params["configurable_clientside_auth_params"] = []any{"api_key", map[string]any{"api_base": `http://127\.0\.0\.1:\d+/theirs`}}
	r := newRig(t, setup{config: c, settings: oneTry(), deployments: []models.Deployment{free, deployment("gpt-4o", "openai", "gpt-4o-real"), deployment("claude", "anthropic", "claude-real")}})
	return r
}

func TestClientCredentialsRefused(t *testing.T) {
	t.Parallel()
	r := ownRig(t, Config{})
	for name, tt := range map[string]struct {
		model, more string
		status      int
		code        string
	}{
		"a key":                        {"gpt-4o", `"api_key":"` + ownKey + `"`, 400, "unsupported_parameter"},
		"an address":                   {"gpt-4o", `"api_base":"` + r.provider.URL + `/v1","api_key":"k"`, 400, "unsupported_parameter"},
		"base_url":                     {"gpt-4o", `"base_url":"` + r.provider.URL + `/v1","api_key":"k"`, 400, "unsupported_parameter"},
		"in the gatehouse object":      {"gpt-4o", `"gatehouse":{"api_key":"k"}`, 400, "unsupported_parameter"},
		"a version":                    {"free", `"api_version":"v9"`, 400, "unsupported_parameter"},
		"another address":              {"free", `"api_base":"http://evil.example/theirs","api_key":"k"`, 400, "unsupported_parameter"},
		"a pattern within the address": {"free", `"api_base":"http://evil.example/?http://127.0.0.1:1/theirs","api_key":"k"`, 400, "unsupported_parameter"},
		"an address without a key":     {"free", `"api_base":"` + r.provider.URL + `/theirs"`, 400, "unsupported_parameter"},
		"no text":                      {"free", `"api_key":7`, 400, "invalid_value"},
		"a private address":            {"free", `"api_base":"` + r.provider.URL + `/theirs","api_key":"k"`, 502, "upstream_unavailable"},
	} {
		got := r.chat(tt.model, tt.more)
		if _, code, _ := got.failure(t); got.status != tt.status || code != tt.code {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	if n := len(r.provider.Requests()); n != 0 {
		t.Errorf("%d refused calls reached the provider", n)
	}
}

func TestClientCredentialsAllowed(t *testing.T) {
	t.Parallel()
	r := ownRig(t, Config{ClientCredentials: true, EgressAllow: []string{"127.0.0.1"}})
	if got := r.chat("free", `"api_key":"`+ownKey+`"`); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if sent := r.provider.Last(t); sent.Header.Get("Authorization") != "Bearer "+ownKey || strings.Contains(string(sent.Body), ownKey) || sent.Path != "/v1/chat/completions" {
		t.Errorf("sent %s %v %s", sent.Path, sent.Header, sent.Body)
	}
	if got := r.chat("gpt-4o", `"api_base":"`+r.provider.URL+`/theirs","api_key":"`+ownKey+`"`); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if sent := r.provider.Last(t); sent.Header.Get("Authorization") != "Bearer "+ownKey || !strings.HasPrefix(sent.Path, "/theirs/") {
		t.Errorf("sent %s %v", sent.Path, sent.Header)
	}
	if got := r.chat("gpt-4o", ""); got.status != 200 || r.provider.Last(t).Header.Get("Authorization") != "Bearer "+upstream {
		t.Errorf("the next call: %d, sent %v", got.status, r.provider.Last(t).Header)
	}
}

// The provider's own header carries the client's credential where the operator lets it, and our key stands elsewhere.
func TestForwardedProviderCredential(t *testing.T) {
	t.Parallel()
	const body = `{"model":"claude","max_tokens":5,"messages":[{"role":"user","content":"hi"}]}`
	for _, tt := range []struct {
		name    string
		forward bool
		header  []string
		want    string
	}{
		{"switched off", false, []string{"x-litellm-api-key: " + plainKey, "x-api-key: " + ownKey}, upstream},
		{"our key alone", true, []string{"x-api-key: " + plainKey}, upstream},
		{"our key twice", true, []string{"x-litellm-api-key: " + plainKey, "x-api-key: " + plainKey}, upstream},
		{"theirs beside ours", true, []string{"x-litellm-api-key: " + plainKey, "x-api-key: " + ownKey, "Authorization: Bearer " + ownKey}, ownKey},
	} {
		r := ownRig(t, Config{ForwardAuth: tt.forward})
		got := r.send("POST", "/v1/messages", "", body, tt.header...)
		sent := r.provider.Last(t)
		if got.status != 200 || !slices.Equal(sent.Header.Values("X-Api-Key"), []string{tt.want}) || sent.Header.Get("Authorization") != "" {
			t.Errorf("%s: %d %s, sent %v", tt.name, got.status, got.body, sent.Header)
		}
	}
}

func TestForwardedClientHeaders(t *testing.T) {
	t.Parallel()
	header := []string{"X-Team: blue", "X-Stainless-Lang: go", "Anthropic-Beta: b", "Accept-Language: de", "X-Leak: Bearer " + plainKey}
	for _, tt := range []struct {
		name   string
		config Config
		want   string
	}{
		{"off", Config{}, "||||"},
		{"everywhere", Config{ForwardHeaders: true}, "blue||b||"},
		{"this group", Config{ForwardGroups: []string{"gpt-*"}}, "blue||b||"},
		{"another group", Config{ForwardGroups: []string{"claude"}}, "||||"},
	} {
		r := ownRig(t, tt.config)
		if got := r.send("POST", "/v1/chat/completions", plainKey, chatBody("gpt-4o", ""), header...); got.status != 200 {
			t.Fatalf("%s: %d %s", tt.name, got.status, got.body)
		}
		h := r.provider.Last(t).Header
		if got := strings.Join([]string{h.Get("X-Team"), h.Get("X-Stainless-Lang"), h.Get("Anthropic-Beta"), h.Get("Accept-Language"), h.Get("X-Leak")}, "|"); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// A key of their own that the provider refuses is their own trouble: the deployment goes on serving others.
func TestTheirBadKeyHurtsNobody(t *testing.T) {
	t.Parallel()
	d := deployment("gpt-4o", "openai", "gpt-4o-real")
	other := deployment("gpt-4o", "openai", "gpt-4o-other")
	other.ID = "dep-other"
	r := newRig(t, setup{config: Config{ClientCredentials: true}, deployments: []models.Deployment{d, other}})
	r.provider.Always(testkit.ErrorReply(401, "auth_error", "invalid_api_key", "no"))
	for range 4 {
		if got := r.chat("gpt-4o", `"api_key":"`+ownKey+`"`); got.status != 502 {
			t.Fatalf("%d %s", got.status, got.body)
		}
	}
	r.provider.Always(testkit.Reply{})
	seen := map[string]bool{}
	for range 60 {
		got := r.chat("gpt-4o", "")
		if got.status != 200 {
			t.Fatalf("%d %s", got.status, got.body)
		}
		seen[got.header.Get("X-Gatehouse-Deployment-Id")] = true
	}
	if len(seen) != 2 {
		t.Errorf("only %v serve", seen)
	}
}

func TestWhoAndWhatCalls(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		config  Config
		header  []string
		body    string
		endUser string
		tags    string
	}{
		{"an SDK", Config{}, []string{"User-Agent: OpenAI/Python 3.54.0"}, "", "", "User-Agent: OpenAI|User-Agent: OpenAI/Python 3.54.0"},
		{"no slash", Config{}, []string{"User-Agent: curl"}, `"tags":["a"]`, "", "a|User-Agent: curl"},
		{"switched off", Config{NoAgentTags: true}, []string{"User-Agent: curl"}, `"tags":["a"]`, "", "a"},
		{"client tags refused, the program's name is none", Config{RejectTags: true}, []string{"User-Agent: curl"}, "", "", "User-Agent: curl"},
		{"a mapped header", Config{UserHeaders: []string{"x-open-user"}, UserHeader: "X-Plain"}, []string{"User-Agent: ", "X-Open-User: mapped", "X-Plain: plain"}, `"user":"body"`, "mapped", ""},
		{"the customer's header comes first", Config{UserHeaders: []string{"x-open-user"}}, []string{"User-Agent: ", "X-Open-User: mapped", "X-Litellm-Customer-Id: first"}, "", "first", ""},
		{"the mapped header is absent", Config{UserHeaders: []string{"x-open-user"}, UserHeader: "X-Plain"}, []string{"User-Agent: ", "X-Plain: plain"}, `"user":"body"`, "plain", ""},
	}
	for _, tt := range tests {
		r := ownRig(t, tt.config)
		if got := r.send("POST", "/v1/chat/completions", plainKey, chatBody("gpt-4o", tt.body), tt.header...); got.status != 200 {
			t.Fatalf("%s: %d %s", tt.name, got.status, got.body)
		}
		if rec := r.book.wait(t, 1)[0]; rec.EndUser != tt.endUser || strings.Join(rec.Tags, "|") != tt.tags {
			t.Errorf("%s: end user %q, tags %q", tt.name, rec.EndUser, rec.Tags)
		}
	}
}

// Speech that comes in events tells its tokens in the last one.
func TestSpeechInEvents(t *testing.T) {
	t.Parallel()
	d := deployment("tts", "openai", "tts-real")
	r := newRig(t, setup{settings: oneTry(), deployments: []models.Deployment{d}})
	events := "event: speech.audio.delta\ndata: {\"type\":\"speech.audio.delta\",\"audio\":\"AAAA\"}\n\nevent: speech.audio.done\ndata: {\"type\":\"speech.audio.done\",\"usage\":{\"input_tokens\":14,\"output_tokens\":101,\"total_tokens\":115}}\n\n"
	r.provider.Script(testkit.Reply{Body: events, Header: map[string]string{"Content-Type": "text/event-stream; charset=utf-8"}})
	got := r.send("POST", "/v1/audio/speech", plainKey, `{"model":"tts","input":"hello","voice":"a","stream_format":"sse"}`)
	if got.status != 200 || got.body != events {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if rec := r.book.wait(t, 1)[0]; rec.CostNano != 14_000+202_000 || rec.Usage.OutputAudio != 101 || rec.UsageEstimated {
		t.Errorf("record %+v", rec)
	}
}
