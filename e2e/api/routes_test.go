package api_test

import (
	"net/http"
	"strings"
	"testing"

	"gatehouse/internal/testkit"
)

// TestKeptRoutes: what allowed_routes does not name is shut for everyone, and what admin_only_routes names for all but
// administrators, on the admin API as for calls to models. Probes stay open.
func TestKeptRoutes(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, testkit.Options{Provider: testkit.NewProvider(t), Config: documentConfig + `
  allowed_routes: [/chat/completions, "/key/*", /user/new, /models]
  admin_only_routes: [/key/generate, /models]
`})
	_, person := s.NewUser(t, object{"user_role": "internal_user"})
	_, admin := s.NewUser(t, object{"user_role": "proxy_admin"})
	chat := `{"model":"demo","messages":[{"role":"user","content":"hi"}]}`
	for _, c := range []struct {
		name, key, method, path, body string
		want                          int
		says                          string
	}{
		{"not named, by the master key", s.MasterKey, "POST", "/team/new", `{}`, 403, "Route /team/new is not among the allowed_routes"},
		{"a model's route that is not named", s.MasterKey, "POST", "/v1/embeddings", `{"model":"demo","input":"x"}`, 403, "Route /v1/embeddings is not among"},
		{"a wrong key learns nothing", "sk-not-a-key-of-this-gateway", "POST", "/v1/embeddings", `{}`, 401, "Invalid proxy server token"},
		{"kept for admins", person, "POST", "/key/generate", `{}`, 403, "Route=/key/generate is an admin only route"},
		{"a model's route kept for admins", person, "GET", "/v1/models", "", 403, "Route=/v1/models is an admin only route"},
		{"the same by an admin", admin, "GET", "/v1/models", "", 200, ""},
		{"making keys, by an admin", admin, "POST", "/key/generate", `{}`, 200, ""},
		{"named with *", person, "GET", "/key/list", "", 200, ""},
		{"a call", person, "POST", "/v1/chat/completions", chat, 200, ""},
		{"a probe", "", "GET", "/health/readiness", "", 200, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var body any
			if c.body != "" {
				body = c.body
			}
			resp := s.Do(t, c.method, c.path, c.key, body)
			if resp.Status != c.want || !strings.Contains(string(resp.Body), c.says) {
				t.Errorf("%d %s; want %d that says %q", resp.Status, resp.Body, c.want, c.says)
			}
		})
	}
}

// TestKeptAddresses: allowed_ips shuts the admin API, the portal and the calls to models alike, whatever key is shown.
func TestKeptAddresses(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, testkit.Options{Config: "general_settings:\n  allowed_ips: [192.0.2.0/24]\n"})
	for path, want := range map[string]int{
		"/v1/models": 403, "/key/list": 403, "/scim/v2/Users": 403, "/login": 403, "/ui/": 403, "/": 403, "/metrics": 403, "/onboarding/get_token?invite_link=x": 403,
		"/health": 403, "/health/liveliness": 200, "/health/readiness": 200,
	} {
		if resp := s.Do(t, http.MethodGet, path, s.MasterKey, nil); resp.Status != want {
			t.Errorf("GET %s: %d, want %d: %.200s", path, resp.Status, want, resp.Body)
		}
	}
}
