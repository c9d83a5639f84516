package app

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"gatehouse/internal/testkit"
)

// openid signs in at a certified provider and returns the path that the browser comes back by.
func (b *browser) openid(p *testkit.OpenID, start, login string) string {
	b.t.Helper()
	a := b.get(start)
	if a.status != http.StatusSeeOther {
		b.t.Fatalf("%s: %d %s", start, a.status, a.body)
	}
	return p.SignIn(a.header.Get("Location"), login).RequestURI()
}

// TestOpenIDProvider: the generic flow against oidc-provider, which demands PKCE, echoes the nonce in its id token, names
// itself in its answer and serves the claims by scope.
func TestOpenIDProvider(t *testing.T) {
	p := testkit.StartOpenID(t, "http://gate.example/sso/callback", "http://gate.example/sso/debug/callback")
	env := []string{
		"GENERIC_CLIENT_ID=" + testkit.OpenIDClient, "GENERIC_CLIENT_SECRET=" + testkit.OpenIDSecret, "GENERIC_AUTHORIZATION_ENDPOINT=" + p.URL + "/auth",
		"GENERIC_TOKEN_ENDPOINT=" + p.URL + "/token", "GENERIC_USERINFO_ENDPOINT=" + p.URL + "/me", "GENERIC_SCOPE=openid email profile groups",
		"GENERIC_USER_ROLE_ATTRIBUTE=realm_access.roles", "PROXY_BASE_URL=http://gate.example",
		"JWT_PUBLIC_KEY_URL=" + p.URL + "/.well-known/openid-configuration", "JWT_AUDIENCE=gatehouse",
	}
	account := func(name string, more ...any) map[string]any {
		c := map[string]any{"preferred_username": name, "name": strings.ToUpper(name), "email": name + "@example.org", "email_verified": true}
		for i := 0; i+1 < len(more); i += 2 {
			c[more[i].(string)] = more[i+1]
		}
		return c
	}
	on(t, env, func(t *testing.T, opt Options) {
		yaml := strings.Replace(ssoYAML, "general_settings:\n", "general_settings:\n  enable_jwt_auth: true\n", 1) + `
model_list:
  - model_name: gpt-4o
    litellm_params: {model: openai/gpt-4o, api_key: sk-up, mock_response: hello}
`
		yaml = strings.Replace(yaml, `{team_ids_jwt_field: "groups"}`, `{team_ids_jwt_field: "groups", team_id_jwt_field: client_id}`, 1)
		yaml = strings.Replace(yaml, "{login_rate: 10000/min}", "{login_rate: 10000/min, allow_mock: true, sso_team_sync: full}", 1)
		r := newOpenRig(t, yaml, opt)
		p.Set(map[string]map[string]any{
			"ana":  account("ana", "groups", []string{"red", "blue"}, "realm_access", map[string]any{"roles": []string{"offline", "proxy_admin_viewer"}}),
			"mike": account("mike", "groups", []string{"red"}),
			"fake": account("fake", "email", "mike@example.org", "email_verified", false),
		})
		b := r.browser()
		a := b.get(b.openid(p, "/sso/key/generate", "ana"))
		if a.status != http.StatusSeeOther || !b.signedIn() {
			t.Fatalf("answered %d %.500s", a.status, a.body)
		}
		if u := r.user("ana"); u["user_role"] != "proxy_admin_viewer" || u["user_email"] != "ana@example.org" || fmt.Sprint(u["teams"]) != "[blue red]" && fmt.Sprint(u["teams"]) != "[red blue]" {
			t.Errorf("user %v", u)
		}
		if team := r.admin("GET", "/team/info?team_id=red", "")["team_info"].(map[string]any); team["max_budget"] != 77.0 {
			t.Errorf("team %v", team)
		}
		mike := r.browser()
		if a := mike.get(mike.openid(p, "/sso/key/generate", "mike")); a.status != http.StatusSeeOther {
			t.Fatalf("answered %d", a.status)
		}
		fake := r.browser()
		if a := fake.get(fake.openid(p, "/sso/key/generate", "fake")); a.status != http.StatusUnauthorized || fake.signedIn() {
			t.Errorf("an email that is not verified: %d", a.status)
		}
		debug := r.browser()
		if a := debug.get(debug.openid(p, "/sso/debug/login", "mike")); a.status != 200 || !strings.Contains(a.body, "mike@example.org") || debug.signedIn() {
			t.Errorf("the debug page: %d", a.status)
		}

		// The provider's own checks hold: a code belongs to the browser that asked for it, and works once.
		thief, victim := r.browser(), r.browser()
		stolen := mustQuery(t, thief.openid(p, "/sso/key/generate", "mike")).Get("code")
		back := mustQuery(t, victim.openid(p, "/sso/key/generate", "ana"))
		back.Set("code", stolen)
		if a := victim.get("/sso/callback?" + back.Encode()); a.status != http.StatusUnauthorized || victim.signedIn() {
			t.Errorf("a code of another session: %d", a.status)
		}
		once := r.browser()
		path := once.openid(p, "/sso/key/generate", "mike")
		cookie := once.cookies["gh_sso"]
		once.get(path)
		once.cookies = map[string]string{"gh_sso": cookie}
		if a := once.get(path); a.status != http.StatusUnauthorized || once.signedIn() {
			t.Errorf("a code twice: %d", a.status)
		}
		other := r.browser()
		forged := mustQuery(t, other.openid(p, "/sso/key/generate", "mike"))
		if forged.Get("iss") != p.URL {
			t.Errorf("the provider does not name itself: %v", forged)
		}
		forged.Set("iss", "https://evil.example")
		if a := other.get("/sso/callback?" + forged.Encode()); a.status != http.StatusUnauthorized {
			t.Errorf("another issuer: %d", a.status)
		}

		// Out of a group at the provider, out of the team with the next sign-in; out of the provider, no way in.
		p.Set(map[string]map[string]any{"mike": account("mike", "groups", []string{})})
		again := r.browser()
		again.get(again.openid(p, "/sso/key/generate", "mike"))
		if rows, err := r.p.store.MembershipsOfUsers(t.Context(), "mike"); err != nil || len(rows) != 0 {
			t.Errorf("teams %v, %v", rows, err)
		}

		// Signed tokens of the same provider, by its discovery document. They come from a client, which is a team here.
		r.admin("POST", "/team/new", `{"team_id":"`+testkit.OpenIDClient+`"}`)
		if a := r.chat(p.Token("gatehouse"), "gpt-4o"); a.status != 200 {
			t.Errorf("a token: %d %s", a.status, a.body)
		}
		if a := r.chat(p.Token("another"), "gpt-4o"); a.status != 401 {
			t.Errorf("a token for another audience: %d", a.status)
		}
	})
}
