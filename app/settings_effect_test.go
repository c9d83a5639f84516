package app

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gatehouse/app/config"
)

const png = "\x89PNG\r\n\x1a\n and the rest of a picture"

// TestLogo: the operator's picture is on the sign-in page and at /get_image; what is no picture is not shown.
func TestLogo(t *testing.T) {
	t.Parallel()
	there := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/logo.png" {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write([]byte(png))
	}))
	t.Cleanup(there.Close)
	file := func(text string) string {
		path := filepath.Join(t.TempDir(), "logo")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, c := range []struct{ name, path, kind, body string }{
		{"a page", file("<html><script>alert(1)</script></html>"), "image/svg+xml", "<svg"},
		{"a secret", file("sk-not-a-picture"), "image/svg+xml", "<svg"},
		{"nothing there", "/nowhere/logo.png", "image/svg+xml", "<svg"},
		{"a server without it", there.URL + "/other.png", "image/svg+xml", "<svg"},
		{"none", "", "image/svg+xml", "<svg"},
		{"a PNG", file(png), "image/png", png},
		{"an SVG", file(`<?xml version="1.0"?><svg xmlns="x"><g id="own"/></svg>`), "image/svg+xml", `id="own"`},
		{"an address", there.URL + "/logo.png", "image/png", png},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRigWith(t, rolesConfig, Options{Env: []string{"UI_LOGO_PATH=" + c.path}})
			got := r.do(http.MethodGet, "/get_image", "")
			if got.status != http.StatusOK || got.header.Get("Content-Type") != c.kind || !strings.Contains(got.body, c.body) {
				t.Errorf("%d %s %q", got.status, got.header.Get("Content-Type"), got.body)
			}
			own := c.kind == "image/png" || strings.Contains(c.body, "own")
			if page := r.do(http.MethodGet, "/login", "").body; strings.Contains(page, `src="/get_image"`) != own {
				t.Errorf("the sign-in page shows it: %v, want %v", !own, own)
			}
		})
	}
}

// TestRootRedirect: ROOT_REDIRECT_URL takes the place of the API page where that is elsewhere, or nowhere.
func TestRootRedirect(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		env    []string
		status int
		to     string
	}{
		{nil, http.StatusOK, ""},
		{[]string{"DOCS_URL=/docs"}, http.StatusFound, "https://intranet.example/llm"},
		{[]string{"NO_DOCS=True"}, http.StatusFound, "https://intranet.example/llm"},
	} {
		r := newRigWith(t, rolesConfig, Options{Env: append(c.env, "ROOT_REDIRECT_URL=https://intranet.example/llm")})
		if got := r.do(http.MethodGet, "/", ""); got.status != c.status || got.header.Get("Location") != c.to {
			t.Errorf("%v: %d to %q", c.env, got.status, got.header.Get("Location"))
		}
	}
}

// TestAuditLogOff: store_audit_logs: false writes no row of changes or refusals; without it both are there.
func TestAuditLogOff(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{"": true, "litellm_settings: {store_audit_logs: false}\n": false} {
		r := newRig(t, text)
		user := r.admin(http.MethodPost, "/user/new", `{"user_role":"internal_user"}`)
		key, _ := user["key"].(string)
		if a := r.do(http.MethodPost, "/team/new", `{}`, "Authorization", "Bearer "+key); a.status != http.StatusUnauthorized {
			t.Fatalf("a refusal: %d", a.status)
		}
		if a := r.do(http.MethodGet, "/audit", "", "Authorization", "Bearer "+rigMaster); a.status != http.StatusOK || strings.Contains(a.body, `"user.create"`) != want || strings.Contains(a.body, `"refused"`) != want {
			t.Errorf("%q: %d %s", text, a.status, a.body)
		}
	}
}

// TestAlertTypes: where alert_types names others alone, no webhook is told of budgets.
func TestAlertTypes(t *testing.T) {
	t.Parallel()
	for types, want := range map[string]int{"[llm_exceptions]": 0, "[budget_alerts]": 1, "[]": 1} {
		path := filepath.Join(t.TempDir(), "config.yaml")
		if err := os.WriteFile(path, []byte("general_settings:\n  alerting: [webhook]\n  alert_types: "+types+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, _ := config.Load(path, []string{"WEBHOOK_URL=https://hook.example"})
		if got := len(newAlerts(cfg, nil, nil, nil).hooks); got != want {
			t.Errorf("%s: %d webhooks, want %d", types, got, want)
		}
	}
}

// TestPricesFromAnAddress: a list at LITELLM_MODEL_COST_MAP_URL counts; one that cannot be had changes nothing.
func TestPricesFromAnAddress(t *testing.T) {
	t.Parallel()
	there := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/prices.json":
			_, _ = w.Write([]byte(`{"house-model":{"litellm_provider":"openai","mode":"chat","input_cost_per_token":1e-6,"output_cost_per_token":2e-6}}`))
		case "/broken.json":
			_, _ = w.Write([]byte(`{"house-model":`))
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(there.Close)
	for path, want := range map[string]bool{"/prices.json": true, "/broken.json": false, "/gone.json": false} {
		r := newRigWith(t, rolesConfig, Options{Env: []string{"LITELLM_MODEL_COST_MAP_URL=" + there.URL + path}})
		if _, known := r.p.prices.Lookup("openai", "house-model"); known != want {
			t.Errorf("%s: the list's own model is known: %v", path, known)
		}
		if _, known := r.p.prices.Lookup("openai", "gpt-4o"); !known {
			t.Errorf("%s: the built-in prices are gone", path)
		}
	}
}

// TestPortalOff: DISABLE_ADMIN_UI leaves a page that says so where people come in, and nothing that signs anybody in; the
// API and its page stay as they are.
func TestPortalOff(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, rolesConfig, Options{Env: []string{"DISABLE_ADMIN_UI=True"}})
	for _, path := range []string{"/ui", "/ui/", "/ui/keys", "/login", "/fallback/login", "/sso/key/generate"} {
		if a := r.do(http.MethodGet, path, ""); a.status != http.StatusOK || !strings.Contains(a.body, "The portal is turned off") || strings.Contains(a.body, `type="password"`) {
			t.Errorf("%s: %d %.300s", path, a.status, a.body)
		}
	}
	if a := r.do(http.MethodPost, "/login", "username=admin&password=password-of-the-rig", "Content-Type", "application/x-www-form-urlencoded"); a.status < 400 || a.header.Get("Set-Cookie") != "" {
		t.Errorf("somebody is signed in: %d", a.status)
	}
	page := r.do(http.MethodGet, "/", "")
	style := regexp.MustCompile(`href="(/ui/static/app[^"]+)"`).FindStringSubmatch(page.body)
	if len(style) != 2 || r.do(http.MethodGet, style[1], "").status != http.StatusOK {
		t.Errorf("the API's page has no styles: %v", style)
	}
	r.admin(http.MethodGet, "/key/list", "")
}

// TestProbesWithoutPrefix: with SERVER_ROOT_PATH the probes answer with it and without, and nothing else does.
func TestProbesWithoutPrefix(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, rolesConfig, Options{Env: []string{"SERVER_ROOT_PATH=/llm"}})
	for path, want := range map[string]int{
		"/health/liveliness": 200, "/health/liveness": 200, "/health/readiness": 200, "/llm/health/readiness": 200, "/llm": 302, "/llm/": 200,
		"/health": 404, "/key/list": 404, "/": 404, "/login": 404, "/ui/": 404, "/get_image": 404,
	} {
		if a := r.do(http.MethodGet, path, "", "Authorization", "Bearer "+rigMaster); a.status != want {
			t.Errorf("%s: %d, want %d", path, a.status, want)
		}
	}
}
