package app

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/app/sso"
)

const (
	idpClient = "gatehouse-client"
	idpSecret = "gatehouse-secret-9f3c"
	idpTenant = "5a39737a-1111-4222-8333-444455556666"
)

// idp speaks the wire of an OpenID provider, of Google, of Entra and of Microsoft Graph. It is strict where they are:
// client, redirect address, PKCE, one use of a code.
type idp struct {
	*httptest.Server
	t   *testing.T
	key *rsa.PrivateKey

	mu       sync.Mutex
	codes    map[string]*idpGrant
	tokens   map[string]map[string]any
	claims   map[string]any                   // of whoever signs in next
	asked    url.Values                       // the last authorization request
	redeemed url.Values                       // the last token request
	twist    func(h, c map[string]any)        // changes the next id tokens
	sign     func(text string) string         // signs them in another way
	userinfo func() (int, any)                // answers userinfo in another way
	bare     bool                             // no discovery document
	groups   []map[string]any                 // Graph: memberOf
	assigned []map[string]any                 // Graph: appRoleAssignedTo
	perPage  int                              // Graph
	nextHost string                           // Graph: where the next page is
	graphing func(w http.ResponseWriter) bool // Graph answers in another way
	loose    bool                             // PKCE is ignored, as some do
}

type idpGrant struct {
	claims                     map[string]any
	redirect, nonce, challenge string
	issuer                     string
}

func newIDP(t *testing.T) *idp {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p := &idp{t: t, key: key, codes: map[string]*idpGrant{}, tokens: map[string]map[string]any{}, perPage: 2}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /authorize", p.authorize)
	mux.HandleFunc("POST /token", p.token)
	mux.HandleFunc("GET /me", p.me)
	mux.HandleFunc("GET /jwks", p.jwks)
	mux.HandleFunc("GET /.well-known/openid-configuration", p.document)
	mux.HandleFunc("GET /google/authorize", p.authorize)
	mux.HandleFunc("GET /{tenant}/oauth2/v2.0/authorize", p.authorize)
	mux.HandleFunc("POST /{tenant}/oauth2/v2.0/token", p.token)
	mux.HandleFunc("GET /{tenant}/discovery/v2.0/keys", p.jwks)
	mux.HandleFunc("GET /v1.0/me", p.me)
	mux.HandleFunc("GET /v1.0/me/memberOf", p.graph(func() []map[string]any { return p.groups }))
	mux.HandleFunc("GET /v1.0/servicePrincipals/{id}/appRoleAssignedTo", p.graph(func() []map[string]any { return p.assigned }))
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	return p
}

func (p *idp) genericEnv(more ...string) []string {
	return append([]string{
		"GENERIC_CLIENT_ID=" + idpClient, "GENERIC_CLIENT_SECRET=" + idpSecret, "GENERIC_AUTHORIZATION_ENDPOINT=" + p.URL + "/authorize",
		"GENERIC_TOKEN_ENDPOINT=" + p.URL + "/token", "GENERIC_USERINFO_ENDPOINT=" + p.URL + "/me", "PROXY_BASE_URL=http://gate.example",
	}, more...)
}

func (p *idp) microsoftEnv(more ...string) []string {
	return append([]string{
		"MICROSOFT_CLIENT_ID=" + idpClient, "MICROSOFT_CLIENT_SECRET=" + idpSecret, "MICROSOFT_TENANT=" + idpTenant, "PROXY_BASE_URL=http://gate.example",
	}, more...)
}

func (p *idp) endpoints() sso.Endpoints {
	return sso.Endpoints{
		GoogleIssuer: p.URL + "/google", GoogleAuthorize: p.URL + "/google/authorize", GoogleToken: p.URL + "/token", GoogleKeys: p.URL + "/jwks", GoogleUserinfo: p.URL + "/me",
		Entra: p.URL, Graph: p.URL,
	}
}

// as sets who signs in next.
func (p *idp) as(claims map[string]any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.claims = claims
}

func (p *idp) set(fn func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fn()
}

func answerJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func (p *idp) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if q.Get("client_id") != idpClient || q.Get("response_type") != "code" || q.Get("redirect_uri") == "" || q.Get("code_challenge_method") != "S256" {
		answerJSON(w, 400, map[string]string{"error": "invalid_request"})
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = q
	code := fmt.Sprintf("code-%d-%s", len(p.codes), rand.Text())
	issuer := p.URL
	if tenant := r.PathValue("tenant"); tenant != "" {
		issuer += "/" + tenant + "/v2.0"
	}
	if r.URL.Path == "/google/authorize" {
		issuer += "/google"
	}
	p.codes[code] = &idpGrant{claims: maps.Clone(p.claims), redirect: q.Get("redirect_uri"), nonce: q.Get("nonce"), challenge: q.Get("code_challenge"), issuer: issuer}
	http.Redirect(w, r, q.Get("redirect_uri")+"?"+url.Values{"code": {code}, "state": {q.Get("state")}}.Encode(), http.StatusFound)
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func (p *idp) token(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.redeemed = r.PostForm
	id, secret, ok := r.BasicAuth()
	if !ok {
		id, secret = r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	}
	if id != idpClient || secret != idpSecret {
		answerJSON(w, 401, map[string]string{"error": "invalid_client"})
		return
	}
	g := p.codes[r.PostForm.Get("code")]
	delete(p.codes, r.PostForm.Get("code"))
	sum := sha256.Sum256([]byte(r.PostForm.Get("code_verifier")))
	if g == nil || g.redirect != r.PostForm.Get("redirect_uri") || g.challenge != b64(sum[:]) && !p.loose {
		answerJSON(w, 400, map[string]string{"error": "invalid_grant"})
		return
	}
	access := rand.Text()
	p.tokens[access] = g.claims
	header := map[string]any{"alg": "RS256", "typ": "JWT", "kid": "k1"}
	body := maps.Clone(g.claims)
	if body == nil {
		body = map[string]any{}
	}
	now := time.Now().Unix()
	maps.Copy(body, map[string]any{"iss": g.issuer, "aud": idpClient, "iat": now, "exp": now + 300, "nonce": g.nonce})
	if p.twist != nil {
		p.twist(header, body)
	}
	answerJSON(w, 200, map[string]any{"access_token": access, "token_type": "Bearer", "expires_in": 300, "id_token": p.jwt(header, body)})
}

func (p *idp) jwt(header, body map[string]any) string {
	h, _ := json.Marshal(header)
	c, _ := json.Marshal(body)
	text := b64(h) + "." + b64(c)
	if p.sign != nil {
		return text + "." + p.sign(text)
	}
	sum := sha256.Sum256([]byte(text))
	sig, err := rsa.SignPKCS1v15(rand.Reader, p.key, crypto.SHA256, sum[:])
	if err != nil {
		p.t.Error(err)
	}
	return text + "." + b64(sig)
}

func (p *idp) me(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	claims, ok := p.tokens[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
	switch {
	case p.userinfo != nil:
		status, v := p.userinfo()
		answerJSON(w, status, v)
	case !ok:
		answerJSON(w, 401, map[string]string{"error": "invalid_token"})
	default:
		answerJSON(w, 200, claims)
	}
}

func (p *idp) jwks(w http.ResponseWriter, _ *http.Request) {
	answerJSON(w, 200, map[string]any{"keys": []any{map[string]any{
		"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "k1", "n": b64(p.key.N.Bytes()), "e": b64(big.NewInt(int64(p.key.E)).Bytes()),
	}}})
}

func (p *idp) document(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bare {
		http.NotFound(w, r)
		return
	}
	answerJSON(w, 200, map[string]any{
		"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/jwks",
		"id_token_signing_alg_values_supported": []string{"RS256", "none", "HS256"},
	})
}

// graph pages a list as Microsoft Graph does.
func (p *idp) graph(list func() []map[string]any) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if _, ok := p.tokens[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]; !ok {
			answerJSON(w, 401, map[string]any{"error": map[string]string{"code": "InvalidAuthenticationToken"}})
			return
		}
		if p.graphing != nil && p.graphing(w) {
			return
		}
		from := 0
		_, _ = fmt.Sscan(r.URL.Query().Get("$skiptoken"), &from)
		all := list()
		to := min(from+p.perPage, len(all))
		page := map[string]any{"@odata.context": p.URL, "value": all[from:to]}
		if to < len(all) {
			host := p.URL
			if p.nextHost != "" {
				host = p.nextHost
			}
			page["@odata.nextLink"] = fmt.Sprintf("%s%s?$skiptoken=%d", host, r.URL.Path, to)
		}
		answerJSON(w, 200, page)
	}
}
