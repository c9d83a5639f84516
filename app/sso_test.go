package app

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"gatehouse/models"
)

const ssoYAML = `
litellm_settings:
  default_internal_user_params: {user_role: internal_user, max_budget: 100, budget_duration: 30d, models: ["gpt-3.5-turbo"]}
  default_team_params: {max_budget: 77, budget_duration: 30d, models: ["gpt-3.5-turbo"]}
general_settings:
  litellm_jwtauth: {team_ids_jwt_field: "groups"}
gatehouse: {login_rate: 10000/min}
`

func person(name string, more ...any) map[string]any {
	c := map[string]any{"sub": "sub-" + name, "preferred_username": name, "email": name + "@example.org", "email_verified": true}
	for i := 0; i+1 < len(more); i += 2 {
		if more[i+1] == nil {
			delete(c, more[i].(string))
		} else {
			c[more[i].(string)] = more[i+1]
		}
	}
	return c
}

func (r *rig) user(id string) map[string]any {
	r.t.Helper()
	info, _ := r.admin("GET", "/user/info?user_id="+url.QueryEscape(id), "")["user_info"].(map[string]any)
	return info
}

// TestSSOAttacks: whatever is wrong with an answer, nobody is signed in, and the page says why.
func TestSSOAttacks(t *testing.T) {
	p := newIDP(t)
	r := newRigWith(t, ssoYAML, Options{Env: p.genericEnv()})
	refused := func(t *testing.T, b *browser, a answer) {
		t.Helper()
		if a.status != http.StatusUnauthorized || !strings.Contains(a.body, "/sso/key/generate") {
			t.Errorf("answered %d %s", a.status, a.header.Get("Location"))
		}
		if b.signedIn() {
			t.Error("somebody is signed in")
		}
	}
	change := func(path string, fn func(url.Values)) string {
		u, err := url.Parse(path)
		if err != nil {
			t.Fatal(err)
		}
		q := u.Query()
		fn(q)
		u.RawQuery = q.Encode()
		return u.RequestURI()
	}
	p.as(person("mallory"))
	for name, fn := range map[string]func(url.Values){
		"changed state":   func(q url.Values) { q.Set("state", q.Get("state")+"x") },
		"missing state":   func(q url.Values) { q.Del("state") },
		"empty state":     func(q url.Values) { q.Set("state", "") },
		"two states":      func(q url.Values) { q.Add("state", q.Get("state")) },
		"no code":         func(q url.Values) { q.Del("code") },
		"two codes":       func(q url.Values) { q.Add("code", "another") },
		"made-up code":    func(q url.Values) { q.Set("code", "made-up") },
		"provider error":  func(q url.Values) { q.Set("error", "access_denied"); q.Del("code") },
		"script in error": func(q url.Values) { q.Set("error", "<script>alert(1)</script>") },
	} {
		t.Run(name, func(t *testing.T) {
			b := r.browser()
			a := b.get(change(b.begin("/sso/key/generate"), fn))
			refused(t, b, a)
			if strings.Contains(a.body, "<script>alert") {
				t.Error("the provider's words are not escaped")
			}
		})
	}
	t.Run("reused state", func(t *testing.T) {
		b := r.browser()
		back := b.begin("/sso/key/generate")
		cookie := b.cookies["gh_sso"]
		if a := b.get(back); a.status != http.StatusSeeOther || b.cookies["gh_sso"] != "" {
			t.Fatalf("the first time: %d, cookies %v", a.status, b.cookies)
		}
		other := r.browser()
		other.cookies["gh_sso"] = cookie
		p.set(func() { // a provider that accepts a code twice
			p.codes[mustQuery(t, back).Get("code")] = &idpGrant{claims: person("mallory"), redirect: "http://gate.example/sso/callback", issuer: p.URL}
			p.loose = true
		})
		defer p.set(func() { p.loose = false })
		refused(t, other, other.get(back))
	})
	t.Run("no cookie: an answer planted in another browser", func(t *testing.T) {
		attacker, victim := r.browser(), r.browser()
		refused(t, victim, victim.get(attacker.begin("/sso/key/generate")))
	})
	t.Run("code of another session", func(t *testing.T) {
		attacker, victim := r.browser(), r.browser()
		stolen := mustQuery(t, attacker.begin("/sso/key/generate")).Get("code")
		mine := victim.begin("/sso/key/generate")
		swapped := change(mine, func(q url.Values) { q.Set("code", stolen) })
		refused(t, victim, victim.get(swapped))
		// At a provider that ignores PKCE the nonce still tells.
		p.set(func() { p.loose = true })
		defer p.set(func() { p.loose = false })
		stolen = mustQuery(t, attacker.begin("/sso/key/generate")).Get("code")
		swapped = change(victim.begin("/sso/key/generate"), func(q url.Values) { q.Set("code", stolen) })
		refused(t, victim, victim.get(swapped))
	})
	t.Run("another provider's issuer in the answer", func(t *testing.T) {
		b := r.browser()
		if a := b.through(); a.status != http.StatusSeeOther { // learns the issuer
			t.Fatal(a.status, a.body)
		}
		b = r.browser()
		refused(t, b, b.get(change(b.begin("/sso/key/generate"), func(q url.Values) { q.Set("iss", "https://evil.example") })))
	})
	t.Run("the answer of a debug attempt at the callback", func(t *testing.T) {
		b := r.browser()
		back := b.begin("/sso/debug/login")
		refused(t, b, b.get(strings.Replace(back, "/sso/debug/callback", "/sso/callback", 1)))
	})
	t.Run("cookie of another key", func(t *testing.T) {
		b := r.browser()
		back := b.begin("/sso/key/generate")
		b.cookies["gh_sso"] = b.cookies["gh_sso"][:len(b.cookies["gh_sso"])-4] + "AAAA"
		refused(t, b, b.get(back))
	})
	for name, twist := range map[string]func(h, c map[string]any){
		"wrong nonce":      func(_, c map[string]any) { c["nonce"] = "another" },
		"no nonce":         func(_, c map[string]any) { delete(c, "nonce") },
		"wrong audience":   func(_, c map[string]any) { c["aud"] = "another-app" },
		"other party":      func(_, c map[string]any) { c["aud"] = []string{idpClient, "x"}; c["azp"] = "x" },
		"two audiences":    func(_, c map[string]any) { c["aud"] = []string{idpClient, "x"} },
		"wrong issuer":     func(_, c map[string]any) { c["iss"] = "https://evil.example" },
		"expired token":    func(_, c map[string]any) { c["exp"] = time.Now().Add(-time.Minute).Unix() },
		"no expiry":        func(_, c map[string]any) { delete(c, "exp") },
		"unknown key":      func(h, _ map[string]any) { h["kid"] = "k2" },
		"another person":   func(_, c map[string]any) { c["sub"] = "somebody-else" },
		"wrong token hash": func(_, c map[string]any) { c["at_hash"] = "AAAAAAAAAAAAAAAAAAAAAA" },
	} {
		t.Run(name, func(t *testing.T) {
			p.set(func() { p.twist = twist })
			defer p.set(func() { p.twist = nil })
			b := r.browser()
			refused(t, b, b.through())
		})
	}
	t.Run("alg none", func(t *testing.T) {
		p.set(func() {
			p.twist = func(h, _ map[string]any) { h["alg"] = "none" }
			p.sign = func(string) string { return "" }
		})
		defer p.set(func() { p.twist, p.sign = nil, nil })
		b := r.browser()
		refused(t, b, b.through())
	})
	t.Run("signed with the client secret", func(t *testing.T) {
		p.set(func() {
			p.twist = func(h, _ map[string]any) { h["alg"] = "HS256" }
			p.sign = func(text string) string {
				m := hmac.New(sha256.New, []byte(idpSecret))
				m.Write([]byte(text))
				return b64(m.Sum(nil))
			}
		})
		defer p.set(func() { p.twist, p.sign = nil, nil })
		b := r.browser()
		refused(t, b, b.through())
	})
	t.Run("userinfo fails", func(t *testing.T) {
		p.set(func() { p.userinfo = func() (int, any) { return 403, nil } })
		defer p.set(func() { p.userinfo = nil })
		b := r.browser()
		refused(t, b, b.through())
	})
	t.Run("the provider is down at the exchange", func(t *testing.T) {
		p.set(func() { p.userinfo = func() (int, any) { return 200, "not an object" } })
		defer p.set(func() { p.userinfo = nil })
		b := r.browser()
		refused(t, b, b.through())
	})
	t.Run("session fixation", func(t *testing.T) {
		b := r.browser()
		b.cookies["gh_session"] = strings.Repeat("B", 42) + "A"
		planted := b.cookies["gh_session"]
		if a := b.through(); a.status != http.StatusSeeOther || b.cookies["gh_session"] == planted {
			t.Fatalf("answered %d with %v", a.status, b.cookies)
		}
		other := r.browser()
		other.cookies["gh_session"] = planted
		if other.signedIn() {
			t.Error("the planted value is a session")
		}
	})
	t.Run("login CSRF by a form of another site", func(t *testing.T) {
		b := r.browser()
		b.headers["Origin"] = "https://evil.example"
		if a := b.post("/login", url.Values{"username": {"admin"}, "password": {"password-of-the-rig"}}); a.status != http.StatusForbidden {
			t.Errorf("answered %d", a.status)
		}
	})
}

func mustQuery(t *testing.T, path string) url.Values {
	t.Helper()
	u, err := url.Parse(path)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query()
}

// TestSSORedirects: nothing in a request changes where people are sent.
func TestSSORedirects(t *testing.T) {
	p := newIDP(t)
	r := newRigWith(t, ssoYAML, Options{Env: p.genericEnv()})
	p.as(person("ana"))
	for _, next := range []string{"//evil.example", "https://evil.example/", `/\evil.example`, "javascript:alert(1)", "/%0d%0aLocation:x", "///evil.example", "http:evil"} {
		b := r.browser()
		a := b.get(b.begin("/sso/key/generate?next=" + url.QueryEscape(next)))
		if to := a.header.Get("Location"); a.status != http.StatusSeeOther || !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.Contains(to, "evil") {
			t.Errorf("next=%s leads to %q (%d)", next, to, a.status)
		}
	}
	b := r.browser()
	if a := b.get(b.begin("/sso/key/generate?next=" + url.QueryEscape("/ui/keys?page=2"))); a.header.Get("Location") != "/ui/keys?page=2" {
		t.Errorf("a page of our own: %q", a.header.Get("Location"))
	}
	b = r.browser()
	b.headers["Host"], b.headers["X-Forwarded-Host"], b.headers["X-Forwarded-Proto"] = "evil.example", "evil.example", "https"
	b.begin("/sso/key/generate")
	if got := p.asked.Get("redirect_uri"); got != "http://gate.example/sso/callback" {
		t.Errorf("redirect address %q", got)
	}
	for name, want := range map[string]string{"state": "", "nonce": "", "code_challenge": "", "code_challenge_method": "S256", "response_type": "code", "scope": "openid email profile"} {
		if got := p.asked.Get(name); got == "" || want != "" && got != want {
			t.Errorf("%s = %q", name, got)
		}
	}
	if a := b.get("/sso/key/generate?provider=okta"); a.status != http.StatusNotFound {
		t.Errorf("an unknown provider: %d", a.status)
	}
}

// TestSSOBase: without PROXY_BASE_URL the request's own address counts, and what proxies forward only from those that
// are trusted.
func TestSSOBase(t *testing.T) {
	p := newIDP(t)
	env := slices.DeleteFunc(p.genericEnv(), func(s string) bool { return strings.HasPrefix(s, "PROXY_BASE_URL") })
	for _, tc := range []struct {
		name, yaml, root, want string
	}{
		{"trusted proxy", "gatehouse: {trusted_proxies: [0.0.0.0/32]}", "", "https://public.example/sso/callback"}, // the rig's peer is 0.0.0.0
		{"other peer", "gatehouse: {trusted_proxies: [198.51.100.1/32]}", "", "http://inner.example:4000/sso/callback"},
		{"root path", "gatehouse: {trusted_proxies: [0.0.0.0/32]}", "/llm", "https://public.example/llm/sso/callback"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRigWith(t, tc.yaml, Options{Env: append([]string{"SERVER_ROOT_PATH=" + tc.root}, env...)})
			b := r.browser()
			b.headers["Host"], b.headers["X-Forwarded-Host"], b.headers["X-Forwarded-Proto"] = "inner.example:4000", "public.example", "https"
			p.as(person("ana"))
			back := b.begin(tc.root + "/sso/key/generate")
			if got := p.asked.Get("redirect_uri"); got != tc.want {
				t.Fatalf("redirect address %q, wanted %q", got, tc.want)
			}
			if a := b.get(back); a.status != http.StatusSeeOther || a.header.Get("Location") != tc.root+"/ui/?login=success" {
				t.Errorf("answered %d to %q", a.status, a.header.Get("Location"))
			}
		})
	}
	t.Run("the prefix is never doubled", func(t *testing.T) {
		r := newRigWith(t, ssoYAML, Options{Env: p.genericEnv("PROXY_BASE_URL=http://gate.example/llm/", "SERVER_ROOT_PATH=/llm")})
		r.browser().begin("/llm/sso/key/generate")
		if got := p.asked.Get("redirect_uri"); got != "http://gate.example/llm/sso/callback" {
			t.Errorf("redirect address %q", got)
		}
	})
}

// TestSSOFirstSignIn walks admin-api.md §6: who is made, who is found, which teams come of it.
func TestSSOFirstSignIn(t *testing.T) {
	p := newIDP(t)
	r := newRigWith(t, ssoYAML, Options{Env: p.genericEnv("PROXY_ADMIN_ID=boss")})
	in := func(claims map[string]any) answer { t.Helper(); p.as(claims); return r.browser().through() }
	must := func(claims map[string]any) {
		t.Helper()
		if a := in(claims); a.status != http.StatusSeeOther {
			t.Fatalf("answered %d: %s", a.status, a.body)
		}
	}
	must(person("ana", "groups", []string{"g-1", "g-2"}))
	u := r.user("ana")
	if u["user_role"] != "internal_user" || u["max_budget"] != 100.0 || u["budget_duration"] != "30d" || fmt.Sprint(u["models"]) != "[gpt-3.5-turbo]" || u["user_email"] != "ana@example.org" || u["sso_user_id"] != "ana" {
		t.Errorf("new user %v", u)
	}
	team := r.admin("GET", "/team/info?team_id=g-1", "")["team_info"].(map[string]any)
	if team["max_budget"] != 77.0 || fmt.Sprint(team["models"]) != "[gpt-3.5-turbo]" {
		t.Errorf("new team %v", team)
	}
	r.admin("POST", "/team/update", `{"team_id":"g-1","max_budget":5,"models":["gpt-4"]}`)
	must(person("bo", "groups", "g-1, g-3"))
	if team = r.admin("GET", "/team/info?team_id=g-1", "")["team_info"].(map[string]any); team["max_budget"] != 5.0 || fmt.Sprint(team["models"]) != "[gpt-4]" {
		t.Errorf("an existing team was changed: %v", team)
	}
	must(person("vera", "role", "Proxy_Admin_Viewer"))
	if got := r.user("vera")["user_role"]; got != "proxy_admin_viewer" {
		t.Errorf("role by claim: %v", got)
	}
	must(person("odd", "role", "emperor"))
	if got := r.user("odd")["user_role"]; got != "internal_user" {
		t.Errorf("a role that is none: %v", got)
	}
	must(person("boss"))
	if got := r.user("boss")["user_role"]; got != "proxy_admin" {
		t.Errorf("PROXY_ADMIN_ID: %v", got)
	}
	r.admin("POST", "/user/new", `{"user_id":"row-7","user_email":"chief@example.org","auto_create_key":false}`)
	if a := in(person("chief")); a.status != http.StatusSeeOther || r.user("row-7")["user_role"] != "internal_user" {
		t.Errorf("a linked row: %d %v", a.status, r.user("row-7"))
	}
	r.p.policy.Load().UI.AdminID = "chief"
	must(person("chief"))
	if got := r.user("row-7")["user_role"]; got != "proxy_admin" {
		t.Errorf("PROXY_ADMIN_ID of a linked row: %v", got)
	}
	if a := in(person("", "preferred_username", nil, "email_verified", nil)); a.status != http.StatusUnauthorized {
		t.Errorf("no id, no verified email: %d", a.status)
	}
	// A role changed here is not changed back by the provider, and holds at the next click.
	p.as(person("vera", "role", "proxy_admin_viewer"))
	b := r.browser()
	b.through()
	if a := b.get("/ui/audit"); a.status != http.StatusOK {
		t.Fatalf("an admin viewer reads the audit log: %d", a.status)
	}
	r.admin("POST", "/user/update", `{"user_id":"vera","user_role":"internal_user"}`)
	if a := b.get("/ui/audit"); a.status == http.StatusOK {
		t.Error("the old role still holds")
	}
	must(person("vera", "role", "proxy_admin_viewer"))
	if got := r.user("vera")["user_role"]; got != "internal_user" {
		t.Errorf("the provider changed the role back: %v", got)
	}
	// A block ends the session and the way in.
	p.as(person("ana"))
	b = r.browser()
	b.through()
	if !b.signedIn() {
		t.Fatal("not signed in")
	}
	r.admin("POST", "/user/update", `{"user_id":"ana","blocked":true}`)
	if b.signedIn() {
		t.Error("a blocked person is signed in")
	}
	if a := in(person("ana")); a.status != http.StatusForbidden {
		t.Errorf("a blocked person signs in: %d", a.status)
	}
}

// TestSSOAccounts: nobody gets at an account that is not theirs.
func TestSSOAccounts(t *testing.T) {
	p := newIDP(t)
	r := newRigWith(t, ssoYAML, Options{Env: p.genericEnv()})
	in := func(claims map[string]any) answer { t.Helper(); p.as(claims); return r.browser().through() }
	make := func(id, role string) {
		t.Helper()
		r.admin("POST", "/user/new", fmt.Sprintf(`{"user_id":%q,"user_email":%q,"user_role":%q,"auto_create_key":false}`, id, id+"@example.org", role))
	}
	make("carl-row", "internal_user")
	make("dora-row", "proxy_admin")
	make("eve-row", "internal_user")
	for _, tc := range []struct {
		name   string
		claims map[string]any
		status int
	}{
		{"unverified mail of a user", person("x1", "email", "carl-row@example.org", "email_verified", false), 401},
		{"unverified mail of an admin", person("x2", "email", "dora-row@example.org", "email_verified", nil), 401},
		{"an admin's id as one's name: another account", person("dora-row", "email", "x3@example.org"), 303},
		{"verified mail of a user", person("carl", "email", "CARL-row@example.org"), 303},
		{"the same mail with another id", person("x4", "email", "carl-row@example.org"), 401},
		{"verified mail of an admin", person("dora", "email", "dora-row@example.org"), 303},
		{"a name that was given to somebody else", person("dora", "sub", "sub-x5", "email", nil), 401},
		{"mail without a claim, of a user", person("eve", "email", "eve-row@example.org", "email_verified", nil), 303},
	} {
		if a := in(tc.claims); a.status != tc.status {
			t.Errorf("%s: %d, wanted %d", tc.name, a.status, tc.status)
		}
	}
	for id, want := range map[string]string{"carl-row": "carl", "dora-row": "dora", "eve-row": "eve"} {
		if got := r.user(id)["sso_user_id"]; got != want {
			t.Errorf("%s is bound to %v", id, got)
		}
	}
	// The same person under a new name stays the same account.
	if a := in(person("carl-renamed", "sub", "sub-carl", "email", "carl-row@example.org")); a.status != 303 {
		t.Errorf("renamed: %d", a.status)
	}
	if a := r.do("GET", "/user/info?user_id=carl-renamed", "", "Authorization", "Bearer "+rigMaster); a.status != http.StatusNotFound {
		t.Errorf("a second account: %d", a.status)
	}
}

// TestSSOGroupForms: a group claim may be anything; the sign-in stands, and only names become teams.
func TestSSOGroupForms(t *testing.T) {
	p := newIDP(t)
	r := newRigWith(t, strings.Replace(ssoYAML, `"groups"`, `"realm.access.groups"`, 1), Options{Env: p.genericEnv()})
	many := make([]any, 10_000)
	for i := range many {
		many[i] = fmt.Sprintf("bulk-%05d", i)
	}
	for name, tc := range map[string]struct {
		value any
		want  int
	}{
		"string": {"alpha", 1}, "commas": {"beta, gamma ,,beta", 2}, "list": {[]any{"delta", "delta", "", 7, nil, true}, 2},
		"objects": {[]any{map[string]any{"id": "eps", "displayName": "E"}, map[string]any{"odd": 1}}, 1},
		"object":  {map[string]any{"zeta": map[string]any{}}, 1}, "number": {42, 1}, "boolean": {true, 0}, "nested": {[]any{[]any{"x"}}, 0},
		"hostile": {[]any{"../../etc", "a\x00b", strings.Repeat("x", 5000), "litellm-dashboard"}, 1},
		"10,000":  {many, 200},
	} {
		t.Run(name, func(t *testing.T) {
			id := "u-" + strings.ReplaceAll(name, ",", "")
			p.as(person(id, "realm", map[string]any{"access": map[string]any{"groups": tc.value}}))
			if a := r.browser().through(); a.status != http.StatusSeeOther {
				t.Fatalf("answered %d: %.300s", a.status, a.body)
			}
			rows, err := r.p.store.MembershipsOfUsers(t.Context(), id)
			if err != nil || len(rows) != tc.want {
				var ids []string
				for i := range min(len(rows), 5) {
					ids = append(ids, rows[i].TeamID)
				}
				t.Errorf("%d teams %q, wanted %d (%v)", len(rows), ids, tc.want, err)
			}
		})
	}
}

// TestSSOProviders: several at once are buttons, the preferred one is the entry.
func TestSSOProviders(t *testing.T) {
	p := newIDP(t)
	env := append(p.genericEnv(), "GOOGLE_CLIENT_ID="+idpClient, "GOOGLE_CLIENT_SECRET="+idpSecret)
	r := newRigWith(t, ssoYAML, Options{Env: append(env, p.microsoftEnv()...), Endpoints: p.endpoints()})
	page := r.browser().get("/login").body
	for _, want := range []string{"Continue with Google", "Continue with Microsoft", "Continue with SSO", `provider=google`, `name="password"`} {
		if !strings.Contains(page, want) {
			t.Errorf("the sign-in page lacks %q", want)
		}
	}
	if page := r.browser().get("/fallback/login"); page.status != 200 || !strings.Contains(page.body, `name="password"`) {
		t.Errorf("/fallback/login: %d", page.status)
	}
	b := r.browser()
	p.as(map[string]any{"sub": "1165", "email": "gina@example.org", "email_verified": true, "name": "Gina"})
	if a := b.through(); a.status != http.StatusSeeOther {
		t.Fatalf("Google: %d %s", a.status, a.body)
	}
	u := r.user("1165")
	if u["user_email"] != "gina@example.org" || u["user_alias"] != "Gina" || u["metadata"].(map[string]any)["auth_provider"] != "google" {
		t.Errorf("user %v", u)
	}
	// The same subject at another provider is another person.
	p.as(person("1165", "sub", "1165", "email", nil))
	if a := b.get(b.begin("/sso/key/generate?provider=generic")); a.status != http.StatusSeeOther {
		t.Fatalf("generic: %d", a.status)
	}
	n, err := r.p.store.CountUsers(t.Context(), storeUsers())
	if err != nil || n != 2 {
		t.Errorf("%d accounts, %v", n, err)
	}
}

// TestMicrosoft: Graph tells who somebody is and, page by page, in which groups.
func TestMicrosoft(t *testing.T) {
	p := newIDP(t)
	group := func(id, name string) map[string]any {
		return map[string]any{"@odata.type": "#microsoft.graph.group", "id": id, "displayName": name}
	}
	p.groups = []map[string]any{group("ms-1", "One"), group("ms-2", "Two"), {"@odata.type": "#microsoft.graph.directoryRole", "id": "role"}, group("ms-3", "Three"), group("ms-4", "Four")}
	p.assigned = []map[string]any{
		{"principalType": "Group", "principalId": "ms-3", "principalDisplayName": "Three"},
		{"principalType": "User", "principalId": "u"},
		{"principalType": "Group", "principalId": "ms-9", "principalDisplayName": "Nine"},
	}
	who := func(id string) map[string]any {
		return map[string]any{
			"id": id, "oid": id, "tid": idpTenant, "sub": "pairwise-" + id, "displayName": "Mia", "userPrincipalName": id + "@example.org", "mail": nil,
		}
	}
	teams := func(r *rig, user string) string {
		rows, err := r.p.store.MembershipsOfUsers(t.Context(), user)
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for i := range rows {
			ids = append(ids, rows[i].TeamID)
		}
		return strings.Join(ids, " ")
	}
	t.Run("all groups, with default_team_params", func(t *testing.T) {
		r := newRigWith(t, ssoYAML, Options{Env: p.microsoftEnv(), Endpoints: p.endpoints()})
		p.as(who("mia"))
		if a := r.browser().through(); a.status != http.StatusSeeOther {
			t.Fatalf("answered %d: %s", a.status, a.body)
		}
		if got := teams(r, "mia"); got != "ms-1 ms-2 ms-3 ms-4" {
			t.Errorf("teams %s", got)
		}
		team := r.admin("GET", "/team/info?team_id=ms-4", "")["team_info"].(map[string]any)
		if team["team_alias"] != "Four" || team["max_budget"] != 77.0 {
			t.Errorf("team %v", team)
		}
		if u := r.user("mia"); u["user_email"] != "mia@example.org" || u["user_alias"] != "Mia" {
			t.Errorf("user %v", u)
		}
		t.Run("Graph is down: nobody loses a team", func(t *testing.T) {
			p.set(func() { p.graphing = func(w http.ResponseWriter) bool { w.WriteHeader(503); return true } })
			defer p.set(func() { p.graphing = nil })
			if a := r.browser().through(); a.status != http.StatusSeeOther {
				t.Errorf("answered %d", a.status)
			}
			if got := teams(r, "mia"); got != "ms-1 ms-2 ms-3 ms-4" {
				t.Errorf("teams %s", got)
			}
		})
		t.Run("a next page elsewhere is not asked", func(t *testing.T) {
			asked := make(chan string, 1)
			elsewhere := newIDP(t)
			elsewhere.graphing = func(http.ResponseWriter) bool { asked <- "token"; return false }
			p.set(func() { p.nextHost = elsewhere.URL })
			defer p.set(func() { p.nextHost = "" })
			p.as(who("nia"))
			if a := r.browser().through(); a.status != http.StatusSeeOther || teams(r, "nia") != "" {
				t.Errorf("answered %d, teams %s", a.status, teams(r, "nia"))
			}
			select {
			case <-asked:
				t.Error("the token went to another host")
			default:
			}
		})
		t.Run("an id token of another tenant", func(t *testing.T) {
			p.set(func() {
				p.twist = func(_, c map[string]any) { c["iss"] = p.URL + "/0000aaaa-1111-4222-8333-444455556666/v2.0" }
			})
			defer p.set(func() { p.twist = nil })
			if a := r.browser().through(); a.status != http.StatusUnauthorized {
				t.Errorf("answered %d", a.status)
			}
		})
	})
	t.Run("service principal: assigned groups alone, and all of them become teams", func(t *testing.T) {
		yaml := strings.Replace(ssoYAML, "  default_team_params: {max_budget: 77, budget_duration: 30d, models: [\"gpt-3.5-turbo\"]}\n", "", 1)
		r := newRigWith(t, yaml, Options{Env: p.microsoftEnv("MICROSOFT_SERVICE_PRINCIPAL_ID=sp-1"), Endpoints: p.endpoints()})
		p.as(who("mia"))
		if a := r.browser().through(); a.status != http.StatusSeeOther {
			t.Fatalf("answered %d: %s", a.status, a.body)
		}
		if got := teams(r, "mia"); got != "ms-3" {
			t.Errorf("teams %s", got)
		}
		if team := r.admin("GET", "/team/info?team_id=ms-9", "")["team_info"].(map[string]any); team["team_alias"] != "Nine" {
			t.Errorf("team %v", team)
		}
	})
	t.Run("another cloud: its own Graph, and nobody else sees the token", func(t *testing.T) {
		cloud := newIDP(t)
		cloud.groups, cloud.perPage = p.groups, 1
		cloud.as(who("mia"))
		r := newRigWith(t, ssoYAML, Options{Env: p.microsoftEnv("MICROSOFT_AUTHORIZATION_ENDPOINT="+cloud.URL+"/authorize", "MICROSOFT_TOKEN_ENDPOINT="+cloud.URL+"/token", "MICROSOFT_USERINFO_ENDPOINT="+cloud.URL+"/v1.0/me"), Endpoints: p.endpoints()})
		asked := false
		p.set(func() { p.graphing = func(http.ResponseWriter) bool { asked = true; return false } })
		defer p.set(func() { p.graphing = nil })
		if a := r.browser().through(); a.status != http.StatusSeeOther {
			t.Fatalf("answered %d: %s", a.status, a.body)
		}
		if got := teams(r, "mia"); got != "ms-1 ms-2 ms-3 ms-4" || asked {
			t.Errorf("teams %s, Microsoft's Graph was asked: %v", got, asked)
		}
	})
	t.Run("any tenant: an address that nobody verified links nothing", func(t *testing.T) {
		r := newRigWith(t, ssoYAML, Options{Env: p.microsoftEnv("MICROSOFT_TENANT=common"), Endpoints: p.endpoints()})
		r.admin("POST", "/user/new", `{"user_id":"victim","user_email":"mia@example.org","auto_create_key":false}`)
		p.set(func() { p.twist = func(_, c map[string]any) { c["iss"] = p.URL + "/" + idpTenant + "/v2.0" } })
		defer p.set(func() { p.twist = nil })
		p.as(who("mia"))
		if a := r.browser().through(); a.status != http.StatusUnauthorized {
			t.Errorf("answered %d", a.status)
		}
	})
}

// TestSSODebug: the page shows the claims and what would come of them, no credential, and creates nothing.
func TestSSODebug(t *testing.T) {
	p := newIDP(t)
	r := newRigWith(t, ssoYAML, Options{Env: p.genericEnv()})
	p.as(person("ana", "groups", []string{"g-1"}, "backend_token", "canary-secret-1", "nested", map[string]any{"raw": "eyJh.eyJi.c"}, "odd", "<b>x</b>"))
	b := r.browser()
	a := b.get(b.begin("/sso/debug/login"))
	if a.status != http.StatusOK {
		t.Fatalf("answered %d: %s", a.status, a.body)
	}
	for _, want := range []string{"SSO debug information", "ana@example.org", "internal_user", "g-1", "preferred_username", "data-copy"} {
		if !strings.Contains(a.body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, not := range []string{"canary-secret-1", "eyJh.eyJi.c", "<b>x", idpSecret} {
		if strings.Contains(a.body, not) {
			t.Errorf("the page shows %q", not)
		}
	}
	if p.asked.Get("redirect_uri") != "http://gate.example/sso/debug/callback" {
		t.Errorf("redirect address %q", p.asked.Get("redirect_uri"))
	}
	if n, err := r.p.store.CountUsers(t.Context(), storeUsers()); err != nil || n != 0 || b.signedIn() {
		t.Errorf("%d accounts were made, %v", n, err)
	}
	if _, err := r.p.store.Team(t.Context(), "g-1"); err == nil {
		t.Error("a team was made")
	}
	none := newRig(t, "general_settings: {}\n")
	if a := none.browser().get("/sso/debug/login"); a.status != http.StatusNotFound {
		t.Errorf("without a provider: %d", a.status)
	}
	if a := none.browser().get("/sso/key/generate"); a.status != http.StatusOK || !strings.Contains(a.body, `name="password"`) {
		t.Errorf("the entry without a provider: %d", a.status)
	}
}

// TestSSODoors: domains, who may use the portal, bare endpoints, role mappings, teams that are left.
func TestSSODoors(t *testing.T) {
	p := newIDP(t)
	status := func(r *rig, claims map[string]any) int { p.as(claims); return r.browser().through().status }
	t.Run("domains", func(t *testing.T) {
		r := newRigWith(t, ssoYAML, Options{Env: p.genericEnv("ALLOWED_EMAIL_DOMAINS=Example.org,other.example")})
		for mail, want := range map[string]int{"a@EXAMPLE.org": 303, "b@sub.example.org": 401, "c@evilexample.org": 401, "d@example.org.evil": 401, "": 401} {
			if got := status(r, person("u"+mail, "email", mail)); got != want {
				t.Errorf("%s: %d", mail, got)
			}
		}
		if got := status(r, person("e", "email", "e@example.org", "email_verified", false)); got != 401 {
			t.Errorf("unverified: %d", got)
		}
	})
	t.Run("admins only", func(t *testing.T) {
		r := newRigWith(t, "general_settings: {ui_access_mode: admin_only}\ngatehouse: {login_rate: 1000/min}\n", Options{Env: p.genericEnv()})
		if got := status(r, person("ana")); got != 401 {
			t.Errorf("a user: %d", got)
		}
		if got := status(r, person("vera", "role", "proxy_admin_viewer")); got != 303 {
			t.Errorf("an admin viewer: %d", got)
		}
	})
	t.Run("bare endpoints", func(t *testing.T) {
		p.set(func() { p.bare = true })
		defer p.set(func() { p.bare = false })
		r := newRigWith(t, ssoYAML, Options{Env: p.genericEnv("GENERIC_USER_ID_ATTRIBUTE=profile.number", "GENERIC_USER_EMAIL_ATTRIBUTE=mails", "GENERIC_INCLUDE_CLIENT_ID=true")})
		if got := status(r, map[string]any{"profile": map[string]any{"number": 1234567890123456789}}); got != 303 {
			t.Errorf("status %d", got)
		}
		if r.user("1234567890123456789") == nil {
			t.Error("a number as id lost digits")
		}
		if p.redeemed.Get("client_id") != idpClient {
			t.Errorf("GENERIC_INCLUDE_CLIENT_ID: %v", p.redeemed)
		}
	})
	t.Run("role mappings", func(t *testing.T) {
		r := newRigWith(t, ssoYAML, Options{Env: p.genericEnv(`GENERIC_ROLE_MAPPINGS_ROLES={"proxy_admin":["ops"],"internal_user":["dev"]}`, "GENERIC_ROLE_MAPPINGS_GROUP_CLAIM=groups", "GENERIC_ROLE_MAPPINGS_DEFAULT_ROLE=internal_user_viewer")})
		for name, groups := range map[string][]string{"proxy_admin": {"dev", "ops"}, "internal_user": {"dev"}, "internal_user_viewer": {"else"}} {
			if got := status(r, person("r-"+name, "groups", groups)); got != 303 {
				t.Fatalf("%s: %d", name, got)
			}
			if got := r.user("r-" + name)["user_role"]; got != name {
				t.Errorf("%v: %v, wanted %s", groups, got, name)
			}
		}
	})
	t.Run("full sync takes people out again", func(t *testing.T) {
		r := newRigWith(t, ssoYAML+"\n", Options{Env: p.genericEnv()})
		r.p.policy.Load().Gatehouse.SSOTeamSync = "full"
		r.admin("POST", "/team/new", `{"team_id":"by-hand"}`)
		status(r, person("ana", "groups", []string{"g-1", "g-2"}))
		r.admin("POST", "/team/member_add", `{"team_id":"by-hand","member":{"role":"user","user_id":"ana"}}`)
		status(r, person("ana", "groups", []string{"g-2"}))
		rows, err := r.p.store.MembershipsOfUsers(t.Context(), "ana")
		if err != nil || len(rows) != 2 || rows[0].TeamID != "by-hand" || rows[1].TeamID != "g-2" || rows[1].Role != models.TeamMember {
			t.Errorf("teams %+v, %v", rows, err)
		}
	})
	t.Run("throttle", func(t *testing.T) {
		r := newRigWith(t, "gatehouse: {login_rate: 3/h}\n", Options{Env: p.genericEnv()})
		b := r.browser()
		for range 3 {
			if a := b.get("/sso/key/generate"); a.status != 303 {
				t.Fatalf("answered %d", a.status)
			}
		}
		if a := b.get("/sso/key/generate"); a.status != http.StatusTooManyRequests {
			t.Errorf("the fourth: %d", a.status)
		}
	})
	t.Run("sign-out", func(t *testing.T) {
		r := newRigWith(t, ssoYAML, Options{Env: p.genericEnv("PROXY_LOGOUT_URL=https://idp.example/logout")})
		b := r.browser()
		p.as(person("ana"))
		b.through()
		session := b.cookies["gh_session"]
		if a := b.post("/logout", url.Values{}); a.status != 303 || a.header.Get("Location") != "https://idp.example/logout" {
			t.Errorf("answered %d to %q", a.status, a.header.Get("Location"))
		}
		b.cookies["gh_session"] = session
		if b.signedIn() {
			t.Error("the session outlived the sign-out")
		}
	})
}
