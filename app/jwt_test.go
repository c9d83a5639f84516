package app

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gatehouse/app/config"
)

const jwtYAML = `
model_list:
  - model_name: gpt-4o
    litellm_params: {model: openai/gpt-4o, api_key: sk-up, mock_response: hello, input_cost_per_token: 0.001, output_cost_per_token: 0.001}
  - model_name: gpt-4
    litellm_params: {model: openai/gpt-4, api_key: sk-up, mock_response: hello, input_cost_per_token: 0.001, output_cost_per_token: 0.001}
gatehouse: {allow_mock: true, login_rate: 10000/min}
general_settings:
  enable_jwt_auth: true
  litellm_jwtauth:
    user_id_jwt_field: sub
    user_email_jwt_field: email
    team_ids_jwt_field: realm.groups
    end_user_id_jwt_field: customer
`

// signer is an issuer of tokens: its key set, and how often it was asked for it.
type signer struct {
	*httptest.Server
	mu    sync.Mutex
	keys  map[string]*rsa.PrivateKey
	asked atomic.Int64
	other atomic.Int64 // requests to any other path
}

func newSigner(t *testing.T) *signer {
	t.Helper()
	s := &signer{keys: map[string]*rsa.PrivateKey{}}
	s.add(t, "k1")
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/jwks":
		case "/.well-known/openid-configuration":
			answerJSON(w, 200, map[string]string{"issuer": s.URL, "jwks_uri": s.URL + "/jwks"})
			return
		default:
			s.other.Add(1)
			http.NotFound(w, r)
			return
		}
		s.asked.Add(1)
		s.mu.Lock()
		defer s.mu.Unlock()
		set := []any{map[string]any{"kty": "oct", "kid": "shared", "k": b64([]byte("0123456789abcdef0123456789abcdef"))}}
		for id, key := range s.keys {
			set = append(set, map[string]any{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": id, "n": b64(key.N.Bytes()), "e": b64(big.NewInt(int64(key.E)).Bytes())})
		}
		answerJSON(w, 200, map[string]any{"keys": set})
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *signer) add(t *testing.T, id string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys[id] = key
}

// claims is a good token's, with changes; nil takes a claim out.
func (s *signer) claims(more ...any) map[string]any {
	now := time.Now().Unix()
	c := map[string]any{"iss": s.URL, "aud": "gatehouse", "sub": "ana", "iat": now, "exp": now + 300, "email": "ana@example.org", "email_verified": true}
	for i := 0; i+1 < len(more); i += 2 {
		if more[i+1] == nil {
			delete(c, more[i].(string))
		} else {
			c[more[i].(string)] = more[i+1]
		}
	}
	return c
}

func encode(header, claims map[string]any) string {
	h, _ := json.Marshal(header)
	c, _ := json.Marshal(claims)
	return b64(h) + "." + b64(c)
}

func (s *signer) sign(t *testing.T, header, claims map[string]any) string {
	t.Helper()
	full := map[string]any{"alg": "RS256", "typ": "JWT", "kid": "k1"}
	maps.Copy(full, header)
	text := encode(full, claims)
	s.mu.Lock()
	defer s.mu.Unlock()
	key := s.keys["k1"]
	if other, ok := s.keys[fmt.Sprint(full["kid"])]; ok {
		key = other
	}
	sum := sha256.Sum256([]byte(text))
	sig, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + b64(sig)
}

func (s *signer) token(t *testing.T, more ...any) string {
	t.Helper()
	return s.sign(t, nil, s.claims(more...))
}

// open is a rig whose data plane answers, too.
type openRig struct {
	*rig
	base string
}

func newOpenRig(t *testing.T, yaml string, opt Options) *openRig {
	t.Helper()
	r := newRigWith(t, yaml, opt)
	ln, err := listen(t.Context(), config.Server{Host: "127.0.0.1"}, time.Now) //nolint:forbidigo // deadlines of real connections
	if err != nil {
		t.Fatal(err)
	}
	server := newServer(r.p.plane, r.app.Handler(), "", new(atomic.Bool).Load)
	done := make(chan error, 1)
	go func() { done <- server.Serve(ln) }()
	t.Cleanup(func() {
		if err := server.Shutdown(); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return &openRig{r, "http://" + ln.Addr().String()}
}

// ask sends a request with a bearer.
func (r *openRig) ask(method, path, bearer, body string) answer {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.base+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+bearer)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(text)}
}

func (r *openRig) chat(bearer, model string) answer {
	r.t.Helper()
	return r.ask("POST", "/v1/chat/completions", bearer, `{"model":"`+model+`","messages":[{"role":"user","content":"hi"}]}`)
}

func (s *signer) env(more ...string) []string {
	return append([]string{"JWT_PUBLIC_KEY_URL=" + s.URL + "/jwks", "JWT_AUDIENCE=gatehouse, other", "JWT_ISSUER=" + s.URL}, more...)
}

// TestJWTAttacks: a token that is not what it seems opens neither half of the gateway.
func TestJWTAttacks(t *testing.T) {
	s := newSigner(t)
	r := newOpenRig(t, jwtYAML, Options{Env: s.env()})
	r.admin("POST", "/user/new", `{"user_id":"ana","auto_create_key":false}`)
	if a := r.chat(s.token(t), "gpt-4o"); a.status != http.StatusOK {
		t.Fatalf("a good token: %d %s", a.status, a.body)
	}
	stranger := newSigner(t)
	public := func() []byte {
		der, err := x509.MarshalPKIXPublicKey(&s.keys["k1"].PublicKey)
		if err != nil {
			t.Fatal(err)
		}
		return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	}
	mac := func(header map[string]any, key []byte) string {
		text := encode(header, s.claims())
		m := hmac.New(sha256.New, key)
		m.Write([]byte(text))
		return text + "." + b64(m.Sum(nil))
	}
	good := s.token(t)
	parts := strings.Split(good, ".")
	now := time.Now().Unix()
	for name, token := range map[string]string{
		"alg none":                      encode(map[string]any{"alg": "none", "kid": "k1"}, s.claims()) + ".",
		"alg None, a signature":         encode(map[string]any{"alg": "None", "kid": "k1"}, s.claims()) + "." + parts[2],
		"HS256 with the public key":     mac(map[string]any{"alg": "HS256", "kid": "k1"}, public()),
		"HS256 with a published secret": mac(map[string]any{"alg": "HS256", "kid": "shared"}, []byte("0123456789abcdef0123456789abcdef")),
		"another's key, our kid":        stranger.sign(t, nil, s.claims()),
		"no signature":                  parts[0] + "." + parts[1] + ".",
		"claims of another token":       parts[0] + "." + strings.Split(s.token(t, "sub", "boss"), ".")[1] + "." + parts[2],
		"wrong audience":                s.token(t, "aud", "another"),
		"audience by prefix":            s.token(t, "aud", "gatehouse-x"),
		"audience in one text":          s.token(t, "aud", "x,gatehouse"),
		"no audience":                   s.token(t, "aud", nil),
		"wrong issuer":                  s.token(t, "iss", "https://evil.example"),
		"no issuer":                     s.token(t, "iss", nil),
		"expired":                       s.token(t, "exp", now-1),
		"no end":                        s.token(t, "exp", nil),
		"end as text":                   s.token(t, "exp", "9999999999"),
		"not yet valid":                 s.token(t, "nbf", now+600),
		"issued tomorrow":               s.token(t, "iat", now+86400),
		"kid that climbs":               s.sign(t, map[string]any{"kid": "../../../../etc/passwd"}, s.claims()),
		"kid with SQL":                  s.sign(t, map[string]any{"kid": "k1' OR '1'='1"}, s.claims()),
		"kid as a URL":                  s.sign(t, map[string]any{"kid": stranger.URL + "/jwks"}, s.claims()),
		"jku of another":                stranger.sign(t, map[string]any{"jku": stranger.URL + "/jku", "kid": "k9"}, s.claims()),
		"x5u of another":                stranger.sign(t, map[string]any{"x5u": stranger.URL + "/x5u", "kid": "k9"}, s.claims()),
		"key in the header": stranger.sign(t, map[string]any{"kid": "k1", "jwk": map[string]any{
			"kty": "RSA", "n": b64(stranger.keys["k1"].N.Bytes()), "e": "AQAB",
		}}, s.claims()),
		"unknown critical header": s.sign(t, map[string]any{"crit": []string{"odd"}, "odd": 1}, s.claims()),
		"a logout token":          s.sign(t, map[string]any{"typ": "logout+jwt"}, s.claims()),
		"a person who is unknown": s.token(t, "sub", "nobody", "email", nil),
		"an id with a NUL":        s.token(t, "sub", "ana\x00", "email", nil),
		"nobody at all":           s.token(t, "sub", nil, "email", nil),
		"very long":               s.token(t, "pad", strings.Repeat("x", 20<<10)),
		"claims twice":            twice(t, s),
	} {
		t.Run(name, func(t *testing.T) {
			for _, a := range []answer{r.chat(token, "gpt-4o"), r.ask("GET", "/user/info", token, "")} {
				if a.status != http.StatusUnauthorized && a.status != http.StatusForbidden {
					t.Errorf("answered %d %s", a.status, a.body)
				}
				if strings.Contains(a.body, parts[2]) || strings.Contains(a.body, "passwd") {
					t.Errorf("the answer shows the token: %s", a.body)
				}
			}
		})
	}
	if n := stranger.asked.Load() + stranger.other.Load(); n != 0 {
		t.Errorf("the address of a token's header was asked %d times", n)
	}
	if n := s.asked.Load(); n > 3 {
		t.Errorf("the key set was asked for %d times", n)
	}
	if n := s.other.Load(); n != 0 {
		t.Errorf("%d other requests to the issuer", n)
	}
	if a := r.chat("sk-"+good, "gpt-4o"); a.status != http.StatusUnauthorized {
		t.Errorf("a token behind sk-: %d", a.status)
	}
	off := newOpenRig(t, strings.Replace(jwtYAML, "enable_jwt_auth: true", "enable_jwt_auth: false", 1), Options{Env: s.env()})
	if a := off.chat(good, "gpt-4o"); a.status != http.StatusUnauthorized {
		t.Errorf("tokens are off: %d", a.status)
	}
}

// twice signs claims that name the person two times.
func twice(t *testing.T, s *signer) string {
	t.Helper()
	header, _ := json.Marshal(map[string]string{"alg": "RS256", "kid": "k1"})
	claims, _ := json.Marshal(s.claims("sub", nil))
	text := b64(header) + "." + b64([]byte(`{"sub":"boss","sub":"ana",`+string(claims[1:])))
	sum := sha256.Sum256([]byte(text))
	sig, err := rsa.SignPKCS1v15(rand.Reader, s.keys["k1"], crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + b64(sig)
}

// TestJWTCallers: people, teams, end users and budgets of a token are those of the gateway's rows, at this moment.
func TestJWTCallers(t *testing.T) {
	s := newSigner(t)
	r := newOpenRig(t, jwtYAML, Options{Env: s.env()})
	status := func(what string, want int, a answer) {
		t.Helper()
		if a.status != want {
			t.Errorf("%s: %d, wanted %d: %.200s", what, a.status, want, a.body)
		}
	}
	r.admin("POST", "/user/new", `{"user_id":"ana","user_email":"ana@example.org","auto_create_key":false,"models":["gpt-4o"]}`)
	r.admin("POST", "/team/new", `{"team_id":"red","models":["gpt-4o"]}`)
	r.admin("POST", "/team/new", `{"team_id":"blue","models":["gpt-4"],"max_budget":0.05}`)
	groups := func(ids ...any) map[string]any { return map[string]any{"groups": ids} }

	status("own models", 200, r.chat(s.token(t), "gpt-4o"))
	status("another model", 403, r.chat(s.token(t), "gpt-4"))
	status("the first team that has it", 200, r.chat(s.token(t, "realm", groups("nowhere", "red", "blue")), "gpt-4"))
	status("no team has it", 403, r.chat(s.token(t, "realm", groups("red")), "gpt-4"))
	status("groups that are no teams", 403, r.chat(s.token(t, "realm", groups("nowhere")), "gpt-4o"))
	status("a team alone", 200, r.chat(s.token(t, "sub", nil, "email", nil, "realm", groups("red")), "gpt-4o"))
	status("by email", 200, r.chat(s.token(t, "sub", "0042", "realm", nil), "gpt-4o"))
	status("by an email that is not verified", 401, r.chat(s.token(t, "sub", "0043", "email_verified", false), "gpt-4o"))
	list := r.ask("GET", "/v1/models", s.token(t, "realm", groups("red", "blue")), "")
	if !strings.Contains(list.body, `"gpt-4o"`) || !strings.Contains(list.body, `"gpt-4"`) {
		t.Errorf("models of two teams: %s", list.body)
	}

	many := make([]any, 10_000)
	for i := range many {
		many[i] = fmt.Sprintf("g%d", i)
	}
	// A token that long cannot be sent in a header; what fits is read whole.
	status("400 groups", 200, r.chat(s.token(t, "realm", groups(append(many[:400:400], "red")...)), "gpt-4o"))
	for name, odd := range map[string]any{"a text": "red, blue", "an object": map[string]any{"red": 1}, "objects": []any{map[string]any{"id": "red"}}} {
		status("groups as "+name, 200, r.chat(s.token(t, "realm", map[string]any{"groups": odd}), "gpt-4o"))
	}

	// A group that becomes a team counts without a new token.
	late := s.token(t, "realm", groups("late"))
	status("before the team", 403, r.chat(late, "gpt-4"))
	r.admin("POST", "/team/new", `{"team_id":"late","models":["gpt-4"]}`)
	status("after", 200, r.chat(late, "gpt-4"))
	r.admin("POST", "/team/block", `{"team_id":"late"}`)
	status("blocked", 401, r.chat(late, "gpt-4"))

	// The team's budget is spent by its tokens: 30 tokens cost 0.03.
	blue := s.token(t, "realm", groups("blue"))
	for range 3 {
		r.chat(blue, "gpt-4")
	}
	status("over the team's budget", 429, r.chat(blue, "gpt-4"))

	// A verified end user counts, whatever the body says.
	r.admin("POST", "/customer/new", `{"user_id":"evil-corp","blocked":true}`)
	body := `{"model":"gpt-4o","user":"nice-corp","messages":[{"role":"user","content":"hi"}]}`
	status("end user by token", 401, r.ask("POST", "/v1/chat/completions", s.token(t, "customer", "evil-corp"), body))

	mine := s.token(t)
	status("own row", 200, r.ask("GET", "/user/info", mine, ""))
	status("nobody else's", 403, r.ask("GET", "/user/info?user_id=boss", mine, ""))
	status("no admin", 401, r.ask("POST", "/user/new", mine, `{}`))
	boss := s.token(t, "sub", "boss", "email", nil, "scope", "openid litellm_proxy_admin")
	status("the admin scope", 200, r.ask("POST", "/user/new", boss, `{"user_id":"zoe","auto_create_key":false}`))
	status("the admin scope calls no models", 403, r.chat(boss, "gpt-4"))
	status("a scope that looks like it", 401, r.ask("POST", "/user/new", s.token(t, "scope", "litellm_proxy_admin_not"), `{}`))
	scoped := s.token(t, "scope", "litellm_proxy_admin")
	status("an admin's own call", 200, r.ask("GET", "/user/list", scoped, ""))
	r.admin("POST", "/user/update", `{"user_id":"ana","blocked":true}`)
	status("blocked: models", 401, r.chat(mine, "gpt-4o"))
	status("blocked: API", 401, r.ask("GET", "/user/info", mine, ""))
	status("blocked: admin scope", 401, r.ask("GET", "/user/list", scoped, ""))
	r.admin("POST", "/user/update", `{"user_id":"ana","blocked":false}`)
	status("unblocked", 200, r.chat(mine, "gpt-4o"))
	r.admin("POST", "/user/delete", `{"user_ids":["ana"]}`)
	status("deleted", 401, r.chat(mine, "gpt-4o"))
}

// TestJWTSettings: upserts, scopes, roles, sync.
func TestJWTSettings(t *testing.T) {
	s := newSigner(t)
	rigWith := func(t *testing.T, more string) *openRig {
		t.Helper()
		return newOpenRig(t, jwtYAML+more, Options{Env: s.env()})
	}
	t.Run("people and teams are made", func(t *testing.T) {
		r := rigWith(t, `
    user_id_upsert: true
    team_id_jwt_field: team
    team_id_upsert: true
litellm_settings:
  default_internal_user_params: {user_role: internal_user_viewer, max_budget: 7}
  default_team_params: {models: [gpt-4]}
`)
		if a := r.chat(s.token(t, "team", "fresh"), "gpt-4"); a.status != 200 {
			t.Fatalf("answered %d %s", a.status, a.body)
		}
		if u := r.user("ana"); u["max_budget"] != 7.0 || u["user_role"] != "internal_user_viewer" || u["user_email"] != "ana@example.org" {
			t.Errorf("user %v", u)
		}
		if a := r.chat(s.token(t, "team", "fresh"), "gpt-4o"); a.status != 403 {
			t.Errorf("outside of default_team_params: %d", a.status)
		}
		if a := r.chat(s.token(t, "sub", "default_user_id", "email", nil), "gpt-4"); a.status == 200 {
			t.Error("a token became the gateway's own user")
		}
	})
	t.Run("email domain", func(t *testing.T) {
		r := rigWith(t, "    user_allowed_email_domain: example.org\n")
		if a := r.chat(s.token(t), "gpt-4"); a.status != 200 {
			t.Errorf("of the domain: %d %s", a.status, a.body)
		}
		for _, mail := range []string{"bo@sub.example.org", "bo@example.org.evil", "bo@evilexample.org"} {
			if a := r.chat(s.token(t, "sub", "bo", "email", mail), "gpt-4"); a.status != 401 {
				t.Errorf("%s: %d", mail, a.status)
			}
		}
	})
	t.Run("scopes", func(t *testing.T) {
		r := rigWith(t, `
    enforce_scope_based_access: true
    scope_mappings:
      - {scope: llm.small, models: [gpt-4o], routes: [openai_routes]}
      - {scope: llm.list, models: [], routes: [/v1/models]}
`)
		r.admin("POST", "/user/new", `{"user_id":"ana","auto_create_key":false}`)
		for name, tc := range map[string]struct {
			scope, model string
			want         int
		}{
			"none":          {"openid", "gpt-4o", 403},
			"its model":     {"openid llm.small", "gpt-4o", 200},
			"another model": {"llm.small", "gpt-4", 403},
			"another route": {"llm.list", "gpt-4o", 403},
		} {
			if a := r.chat(s.token(t, "scope", tc.scope), tc.model); a.status != tc.want {
				t.Errorf("%s: %d %s", name, a.status, a.body)
			}
		}
	})
	t.Run("roles", func(t *testing.T) {
		r := rigWith(t, `
    roles_jwt_field: resource.roles
    object_id_jwt_field: oid
    enforce_rbac: true
    role_mappings:
      - {role: app.admin, internal_role: proxy_admin}
      - {role: app.team, internal_role: team}
  role_permissions:
    - {role: team, models: [gpt-4], routes: [openai_routes]}
`)
		r.admin("POST", "/team/new", `{"team_id":"red"}`)
		roles := func(names ...any) map[string]any { return map[string]any{"roles": names} }
		as := func(role string) string {
			return s.token(t, "sub", nil, "email", nil, "oid", "red", "resource", roles("x", role))
		}
		if a := r.chat(as("app.team"), "gpt-4"); a.status != 200 {
			t.Errorf("a team: %d %s", a.status, a.body)
		}
		if a := r.chat(as("app.team"), "gpt-4o"); a.status != 403 {
			t.Errorf("outside of role_permissions: %d", a.status)
		}
		if a := r.chat(as("app.other"), "gpt-4"); a.status != 403 {
			t.Errorf("a role that is not mapped: %d", a.status)
		}
		if a := r.ask("GET", "/user/list", as("app.admin"), ""); a.status != 200 {
			t.Errorf("an admin: %d %s", a.status, a.body)
		}
		if a := r.ask("GET", "/user/list", as("app.team"), ""); a.status == 200 {
			t.Error("a team lists people")
		}
	})
	t.Run("sync", func(t *testing.T) {
		r := rigWith(t, `
    roles_jwt_field: roles
    sync_user_role_and_teams: true
    jwt_litellm_role_map: [{jwt_role: boss, litellm_role: proxy_admin_viewer}]
`)
		for _, id := range []string{"red", "blue"} {
			r.admin("POST", "/team/new", `{"team_id":"`+id+`"}`)
		}
		r.admin("POST", "/user/new", `{"user_id":"ana","auto_create_key":false,"teams":["blue"]}`)
		if a := r.chat(s.token(t, "roles", []any{"boss"}, "realm", map[string]any{"groups": []any{"red"}}), "gpt-4"); a.status != 200 {
			t.Fatalf("answered %d %s", a.status, a.body)
		}
		u := r.user("ana")
		if u["user_role"] != "proxy_admin_viewer" || fmt.Sprint(u["teams"]) != "[red]" {
			t.Errorf("user %v", u)
		}
	})
	t.Run("a discovery document names keys and issuer", func(t *testing.T) {
		r := newOpenRig(t, jwtYAML, Options{Env: []string{"JWT_PUBLIC_KEY_URL=" + s.URL + "/.well-known/openid-configuration"}})
		r.admin("POST", "/user/new", `{"user_id":"ana","auto_create_key":false}`)
		if a := r.chat(s.token(t), "gpt-4"); a.status != 200 {
			t.Errorf("answered %d %s", a.status, a.body)
		}
		if a := r.chat(s.token(t, "iss", "https://evil.example"), "gpt-4"); a.status != 401 {
			t.Errorf("another issuer: %d", a.status)
		}
	})
}
