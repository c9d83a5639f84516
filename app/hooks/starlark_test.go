package hooks

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/models"
	"gatehouse/models/duration"
)

func settings(auth, key string) Settings {
	return Settings{Dir: "testdata", Auth: auth, KeyGenerate: key}
}

func newHooks(t *testing.T, s Settings) *Hooks {
	t.Helper()
	h, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestCheckRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, reference, says string }{
		{"no function", "custom_auth", "module.function"},
		{"a folder", "../testdata/custom_auth.user_api_key_auth", "module.function"},
		{"two dots", "a.b.c", "module.function"},
		{"missing file", "absent.f", "absent.star is not beside config.yaml"},
		{"Python", "old.user_api_key_auth", "old.star"},
		{"missing function", "rules.absent", "no function absent"},
		{"not a function", "custom_auth.UserAPIKeyAuth", "no function"},
		{"syntax", "broken.f", "broken.star:1"},
		{"another file", "loads.f", "cannot be loaded"},
		{"endless at the top", "spins.f", "cannot be loaded"},
		{"a file URL", "file:///etc/passwd", "https URL"},
		{"plain http", "http://127.0.0.1/x", "https"},
		{"a password in the URL", "https://u:hunter2@h/x", "password"},
		{"no host", "https:///x", "https URL"},
	} {
		err := Check(settings("", ""), c.reference)
		if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), docsPage) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", c.name, err)
		}
		if _, err := New(settings(c.reference, "")); err == nil {
			t.Errorf("%s: starts", c.name)
		}
		if _, err := New(settings("", c.reference)); err == nil {
			t.Errorf("%s: starts as a key rule", c.name)
		}
	}
}

// TestAuthNeverOpens: whatever a rule does wrong, nobody passes.
func TestAuthNeverOpens(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"forever", "crashes", "nothing", "yes", "empty", "misspelt", "bad_role", "negative", "infinite", "fraction", "not_a_list", "blocked", "returns_a_function",
		"writes_request", "unknown_field",
	} {
		h := newHooks(t, settings("rules."+name, ""))
		if g, err := h.Authenticate(t.Context(), Request{Headers: map[string]string{}}, "sk-x"); err == nil || g != nil {
			t.Errorf("%s lets the caller through: %+v", name, g)
		}
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	h := newHooks(t, settings("custom_auth.user_api_key_auth", ""))
	if _, err := h.Authenticate(gone, Request{}, "sk-my-master-key"); err == nil {
		t.Error("a call that ended is let through")
	}
	if _, err := newHooks(t, Settings{}).Authenticate(t.Context(), Request{}, "sk"); err == nil {
		t.Error("no rule at all lets everybody through")
	}
}

func TestSeedAuth(t *testing.T) {
	t.Parallel()
	h := newHooks(t, settings("custom_auth.user_api_key_auth", "custom_auth.custom_generate_key_fn"))
	var no *Refusal
	if _, err := h.Authenticate(t.Context(), Request{}, "sk-other"); !errors.As(err, &no) || no.Message != "Not the key of this gateway." {
		t.Errorf("a foreign key: %v", err)
	}
	g, err := h.Authenticate(t.Context(), Request{}, "sk-my-master-key")
	if err != nil || !reflect.DeepEqual(*g, Grant{APIKey: "sk-my-master-key"}) {
		t.Errorf("%+v %v", g, err)
	}

	for _, data := range []map[string]any{{}, {"team_id": "someone-else"}, {"team_id": nil}, {"team_id": 1}} {
		if err := h.AllowKey(t.Context(), data, Caller{}); !errors.As(err, &no) || no.Message != "This violates LiteLLM Proxy Rules. No team id provided." {
			t.Errorf("%v: %v", data, err)
		}
	}
	if err := h.AllowKey(t.Context(), map[string]any{"team_id": "litellm-core-infra@gmail.com", "models": []any{"a"}}, Caller{}); err != nil {
		t.Error(err)
	}
	if !h.HasAuth() || !h.HasKeyRule() {
		t.Error("the rules are not seen")
	}
}

func TestGrant(t *testing.T) {
	t.Parallel()
	h := newHooks(t, settings("rules.full", ""))
	var no *Refusal
	if _, err := h.Authenticate(t.Context(), Request{}, "sk-x"); !errors.As(err, &no) || no.Message != "no tenant 1" {
		t.Errorf("%v", err)
	}
	g, err := h.Authenticate(t.Context(), Request{
		Method: "POST", Path: "/v1/chat/completions", Headers: map[string]string{"X-Tenant": "blue"}, Query: map[string]string{"a": "1"}, ClientIP: "192.0.2.1", Model: "gpt-4o",
	}, "sk-x")
	if err != nil {
		t.Fatal(err)
	}
	quarter, five, two := models.USD/4, int64(5), int64(2)
	want := Grant{
		APIKey: "sk-x", UserID: "blue@192.0.2.1", UserRole: models.RoleInternalUser, TeamID: "t-1", Models: []string{"gpt-4", "gpt-4o"}, Aliases: map[string]string{"a": "b"},
		MaxBudget: &quarter, BudgetDuration: duration.Duration{N: 30, Unit: duration.Day}, RPMLimit: &five, MaxParallel: &two,
		Expires: models.At(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)),
		Metadata: map[string]any{
			"path": "/v1/chat/completions", "method": "POST", "q": "1", "big": json.Number("12345678901234567890"),
			"list": []any{json.Number("1"), []any{json.Number("2"), json.Number("3")}},
		},
	}
	if !reflect.DeepEqual(*g, want) {
		t.Errorf("got  %+v\nwant %+v", *g, want)
	}
	known := newHooks(t, settings("rules.by_hash", ""))
	if g, err := known.Authenticate(t.Context(), Request{}, "sk-known"); err != nil || g.APIKey != "shared" {
		t.Errorf("sha256: %+v %v", g, err)
	}
	if _, err := known.Authenticate(t.Context(), Request{}, "sk-unknown"); err == nil {
		t.Error("sha256: another key passes")
	}
}

func TestKeyRule(t *testing.T) {
	t.Parallel()
	for name, message := range map[string]string{
		"key_no_decision": "", "key_text_decision": "", "key_true": "", "crashes": "", "nothing": "", "forever": "", "key_typo": "",
		"key_silent": "This key is not allowed by the rules of this gateway.", "key_fails": "ask your admin",
	} {
		err := newHooks(t, settings("", "rules."+name)).AllowKey(t.Context(), map[string]any{}, Caller{})
		var no *Refusal
		if err == nil || errors.As(err, &no) != (message != "") || no != nil && no.Message != message {
			t.Errorf("%s: %v", name, err)
		}
	}
	h := newHooks(t, settings("", "rules.key_by_caller"))
	for _, c := range []struct {
		name string
		data string
		who  Caller
		ok   bool
	}{
		{"admin", `{}`, Caller{UserRole: models.RoleAdmin}, true},
		{"no budget", `{"models":["gpt-4"],"metadata":{"ok":true}}`, Caller{UserID: "u"}, false},
		{"too much", `{"max_budget":10.5,"models":["gpt-4"],"metadata":{"ok":true}}`, Caller{UserID: "u"}, false},
		{"other model", `{"max_budget":1,"models":["x"],"metadata":{"ok":true}}`, Caller{UserID: "u"}, false},
		{"no mark", `{"max_budget":1,"models":["gpt-4"]}`, Caller{UserID: "u"}, false},
		{"all right", `{"max_budget":10,"models":["gpt-4"],"metadata":{"ok":true}}`, Caller{UserID: "u"}, true},
	} {
		var data map[string]any
		d := json.NewDecoder(strings.NewReader(c.data))
		d.UseNumber()
		if err := d.Decode(&data); err != nil {
			t.Fatal(err)
		}
		if err := h.AllowKey(t.Context(), data, c.who); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if err := newHooks(t, Settings{}).AllowKey(t.Context(), nil, Caller{}); err != nil {
		t.Error("without a rule no key can be made")
	}
	if err := h.AllowKey(t.Context(), map[string]any{"x": make(chan int)}, Caller{}); err == nil {
		t.Error("an input that cannot be passed on is allowed")
	}
}

// TestReload swaps rules under running calls, and keeps the old ones when the new are broken.
func TestReload(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, "r.star"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("def f(request, api_key):\n    return {'user_id': 'one'}\n")
	s := Settings{Dir: dir, Auth: "r.f"}
	h := newHooks(t, s)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				g, err := h.Authenticate(t.Context(), Request{}, "k")
				if err != nil && strings.Contains(err.Error(), "took too long") {
					continue // a busy machine may leave a rule no time; it must never get a wrong answer
				}
				if err != nil || g.UserID != "one" && g.UserID != "two" {
					t.Errorf("%+v %v", g, err)
				}
			}
		})
	}
	write("def f(request, api_key):\n    return {'user_id': 'two'}\n")
	if err := h.Reload(s); err != nil {
		t.Error(err)
	}
	wg.Wait()
	write("def f(")
	if err := h.Reload(s); err == nil {
		t.Error("a broken file is taken")
	}
	if g, err := h.Authenticate(t.Context(), Request{}, "k"); err != nil || g.UserID != "two" {
		t.Errorf("after a broken reload: %+v %v", g, err)
	}
	if err := h.Reload(Settings{}); err != nil || h.HasAuth() {
		t.Errorf("a rule that was taken out: %v", err)
	}
}

func TestTry(t *testing.T) {
	t.Parallel()
	s := settings("custom_auth.user_api_key_auth", "custom_auth.custom_generate_key_fn")
	for _, c := range []struct{ which, sample string }{
		{"custom_sso", `{}`},
		{TryAuth, `{"api_kee":"x"}`},
		{TryAuth, `not json`},
	} {
		if _, err := Try(t.Context(), s, c.which, []byte(c.sample)); err == nil {
			t.Errorf("%s %s: no error", c.which, c.sample)
		}
	}
	if _, err := Try(t.Context(), Settings{}, TryAuth, []byte(`{}`)); err == nil {
		t.Error("a rule that is not set")
	}
	if _, err := Try(t.Context(), settings("rules.crashes", ""), TryAuth, []byte(`{}`)); err == nil || !strings.Contains(err.Error(), "rules.star: crashes") {
		t.Errorf("a rule that fails: %v", err)
	}
	r, err := Try(t.Context(), s, TryAuth, []byte(`{"request":{"method":"POST"},"api_key":"sk-my-master-key"}`))
	shown, _ := json.Marshal(r)
	if err != nil || !r.Allowed || strings.Contains(string(shown), "sk-my-master-key") {
		t.Errorf("%s %v", shown, err)
	}
	r, err = Try(t.Context(), s, TryKeyGenerate, []byte(`{"data":{"team_id":"x"}}`))
	if err != nil || r.Allowed || r.Message != "This violates LiteLLM Proxy Rules. No team id provided." || !reflect.DeepEqual(r.Printed, []string{"Failed custom auth"}) {
		t.Errorf("%+v %v", r, err)
	}
}
