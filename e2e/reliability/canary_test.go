package reliability_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gatehouse/internal/testkit"
)

// The marked secrets: each has a word that occurs nowhere else.
const (
	canaryMaster   = "sk-canarymaster-0123456789abcdefXY"
	canarySalt     = "canarysalt-0123456789abcdefghijklmn"
	canaryProvider = "sk-canaryprovider-0123456789abcdef"
	canaryStored   = "sk-canarystored-0123456789abcdefgh"
	canaryChosen   = "sk-canarychosen-0123456789abcdefgh"
	canaryUnknown  = "sk-canaryunknown-0123456789abcdef"
	canaryUI       = "canaryuipassword of the admin 77"
	canaryPassword = "canarypassword of a person 4711"
	canaryWrong    = "canarywrongpassword of nobody 12"
	canaryDB       = "canarydbpassword"
	canaryPrompt   = "canaryprompt what is the meaning"
	canaryAnswer   = "canaryanswer it is forty two"
	canaryMail     = "canarymail@example.com"
)

// TestCanaries gives Gatehouse a marked secret wherever it takes one, works it for a while at debug level, and then looks
// for the marks in everything that it wrote or said.
func TestCanaries(t *testing.T) {
	t.Parallel()
	for _, b := range backends() {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			provider := testkit.NewProvider(t)
			database := b.url(t)
			if database != "" {
				u, err := url.Parse(database)
				if err != nil {
					t.Fatal(err)
				}
				u.User = url.UserPassword(u.User.Username(), canaryDB)
				database = u.String()
			}
			config := strings.ReplaceAll(configFor(provider, `  callbacks: [prometheus]
gatehouse: {egress_allow: ["127.0.0.1"]}
`), "sk-upstream", canaryProvider)
			config = strings.Replace(config, "litellm_settings: {num_retries: 0}\nrouter_settings: {num_retries: 0, disable_cooldowns: true}\n",
				"router_settings: {num_retries: 0, disable_cooldowns: true}\nlitellm_settings:\n  num_retries: 0\n", 1)
			g := startGateway(t, options{config: config, database: database, env: map[string]string{
				"LITELLM_MASTER_KEY": canaryMaster, "LITELLM_SALT_KEY": canarySalt, "UI_PASSWORD": canaryUI, "LITELLM_LOG": "DEBUG",
				"STORE_MODEL_IN_DB": "True", "GATEHOUSE_LOG_SQL": "1",
			}})
			g.MasterKey = canaryMaster
			s := &scene{t: t, g: g, provider: provider}
			made := s.play()
			g.stop(t)
			g.start(t) // what a start says
			g.kill(t)  // and what stays behind
			s.search(b.name, made)
		})
	}
}

// scene plays every part with a secret and keeps what Gatehouse said that no one was meant to copy.
type scene struct {
	t        *testing.T
	g        *gateway
	provider *testkit.Provider
	said     bytes.Buffer
}

// ask makes a request whose answer may show no secret.
func (s *scene) ask(method, path, key, body string, headers ...string) reply {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.g.URL+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return s.heard(client.Do(req))
}

func (s *scene) heard(resp *http.Response, err error) reply {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var body bytes.Buffer
	if _, err := body.ReadFrom(resp.Body); err != nil {
		s.t.Fatal(err)
	}
	_, _ = fmt.Fprintf(&s.said, "%d %v\n%s\n", resp.StatusCode, resp.Header, body.Bytes())
	return reply{status: resp.StatusCode, header: resp.Header, body: body.Bytes()}
}

// play returns the secrets that Gatehouse itself made on the way.
func (s *scene) play() []string {
	t, g := s.t, s.g
	t.Helper()
	team := g.NewTeam(t, map[string]any{"team_alias": "canaries"})
	user, _ := g.NewUser(t, map[string]any{"user_email": canaryMail, "auto_create_key": false, "teams": []string{team}})
	made := g.GenerateKey(t, map[string]any{"team_id": team, "user_id": user}).Secret
	g.GenerateKey(t, map[string]any{"key": canaryChosen, "key_alias": "chosen"})
	secrets := []string{made}

	// Models with a credential, then changed and looked at.
	s.ask("POST", "/model/new", canaryMaster, fmt.Sprintf(`{"model_name":"stored","litellm_params":{"model":"openai/x","api_base":%q,"api_key":%q}}`,
		s.provider.URL+"/v1", canaryStored))
	s.ask("GET", "/model/info", canaryMaster, "")
	s.ask("GET", "/v1/model/info", made, "")

	// Calls: good, streamed, refused by the provider in words that repeat what it was sent, broken.
	chat := func(model string, stream bool) string {
		return fmt.Sprintf(`{"model":%q,"stream":%t,"messages":[{"role":"system","content":%q},{"role":"user","content":%q}]}`, model, stream, canaryPrompt, canaryPrompt)
	}
	for _, key := range []string{made, canaryChosen, canaryMaster} {
		for _, stream := range []bool{false, true} {
			s.provider.Script(testkit.Reply{Text: canaryAnswer})
			g.send("POST", "/v1/chat/completions", key, chat("gpt-4o", stream)) // the answer is the client's own
			s.provider.Script(testkit.ErrorReply(401, "auth", "invalid_api_key", "Incorrect API key provided: "+canaryProvider))
			s.ask("POST", "/v1/chat/completions", key, chat("gpt-4o", stream))
			s.provider.Script(testkit.Reply{Status: 500, Body: "Traceback: request to https://x/?key=" + canaryProvider + " with Authorization: Bearer " + canaryProvider})
			s.ask("POST", "/v1/chat/completions", key, chat("gpt-4o", stream))
			s.provider.Script(testkit.Reply{Body: `{"oops": "` + canaryAnswer})
			s.ask("POST", "/v1/chat/completions", key, chat("gpt-4o", stream))
			s.provider.Script(testkit.ErrorReply(400, "invalid_request_error", "bad", "bad key "+canaryStored))
			s.ask("POST", "/v1/chat/completions", key, chat("stored", stream))
		}
	}
	// Keys in every place where somebody may put one.
	for _, header := range []string{"Authorization", "x-api-key", "api-key", "x-litellm-api-key", "Ocp-Apim-Subscription-Key", "x-goog-api-key"} {
		s.ask("POST", "/v1/chat/completions", "", chat("gpt-4o", false), header, canaryUnknown)
		s.ask("GET", "/key/info", "", "", header, canaryUnknown)
	}
	s.ask("POST", "/v1/chat/completions?key="+canaryUnknown, "", chat("gpt-4o", false))
	s.ask("GET", "/key/info?key="+canaryUnknown, canaryMaster, "")
	s.ask("GET", "/v1/"+canaryUnknown, made, "")
	s.ask("GET", "/"+canaryUnknown, "", "")
	s.ask("POST", "/key/generate", canaryMaster, `{"models": [`+canaryPrompt) // JSON that ends too early
	// These two answer with the key as they were given it (contract/admin-api.md).
	g.send("POST", "/key/block", canaryMaster, fmt.Sprintf(`{"key":%q}`, canaryChosen))
	g.send("POST", "/key/update", canaryMaster, fmt.Sprintf(`{"key":%q,"max_budget":1}`, canaryChosen))
	secrets = append(secrets, s.people(user)...)
	for _, path := range []string{"/metrics", "/key/list", "/user/list", "/team/list", "/spend/logs", "/audit", "/health/readiness", "/health", "/v1/models", "/openapi.json"} {
		s.ask("GET", path, canaryMaster, "")
	}
	return secrets
}

// people sign in, fail to, and set passwords.
func (s *scene) people(user string) []string {
	t, g := s.t, s.g
	t.Helper()
	invitation, _ := g.Admin(t, "POST", "/invitation/new", map[string]any{"user_id": user})["id"].(string)
	if invitation == "" {
		t.Fatal("no invitation")
	}
	token, _ := g.Admin(t, "GET", "/onboarding/get_token?invite_link="+invitation, nil)["token"].(string)
	s.ask("POST", "/onboarding/claim_token", token, fmt.Sprintf(`{"invitation_link":%q,"user_id":%q,"password":%q}`, invitation, user, canaryPassword))
	s.ask("POST", "/onboarding/claim_token", token, fmt.Sprintf(`{"invitation_link":%q,"user_id":%q,"password":%q}`, invitation, user, canaryPassword))
	cookies := []string{invitation}
	for _, who := range [][2]string{{"admin", canaryUI}, {canaryMail, canaryPassword}, {canaryMail, canaryWrong}, {"admin", canaryMaster}} {
		jar, err := cookiejar.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		browser := &http.Client{Jar: jar, Transport: client.Transport}
		login, err := http.NewRequestWithContext(t.Context(), "POST", g.URL+"/login", strings.NewReader(url.Values{"username": {who[0]}, "password": {who[1]}}.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		login.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		s.heard(browser.Do(login)) //nolint:bodyclose // heard closes it
		for _, path := range []string{"/ui/", "/ui/keys", "/ui/users", "/ui/logs", "/ui/models", "/ui/account", "/ui/audit"} {
			req, err := http.NewRequestWithContext(t.Context(), "GET", g.URL+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			s.heard(browser.Do(req)) //nolint:bodyclose // heard closes it
		}
		home, _ := url.Parse(g.URL)
		for _, c := range jar.Cookies(home) {
			cookies = append(cookies, c.Value)
		}
	}
	if len(cookies) < 3 {
		t.Error("nobody could sign in")
	}
	return cookies
}

// search looks for every mark in every place.
func (s *scene) search(kind string, made []string) {
	t, g := s.t, s.g
	t.Helper()
	masterHash := sha256.Sum256([]byte(canaryMaster))
	secrets := append([]string{
		canaryMaster, hex.EncodeToString(masterHash[:]), canarySalt, canaryProvider, canaryStored, canaryChosen, canaryUnknown, canaryUI, canaryPassword,
		canaryWrong, canaryDB, canaryPrompt, canaryAnswer,
	}, made...)
	for _, secret := range secrets[:] { // in JSON, in URLs and in base64 they look different
		secrets = append(secrets, url.QueryEscape(secret), base64.StdEncoding.EncodeToString([]byte(secret)))
	}
	look := func(where, text string, extra ...string) {
		lower := strings.ToLower(text)
		for _, secret := range append(secrets, extra...) {
			if len(secret) < 8 {
				continue
			}
			if i := strings.Index(lower, strings.ToLower(secret)); i >= 0 {
				t.Errorf("%s holds %q: …%s…", where, secret, text[max(0, i-120):min(len(text), i+80)])
			}
		}
	}
	look("the log", g.out.String(), canaryMail)
	said := s.said.String()
	for _, own := range made[1:] { // invitation links and cookies are told to their owner
		said = strings.ReplaceAll(said, own, "")
	}
	look("an answer or a page", said)
	dump := s.dump(kind)
	if !strings.Contains(dump, canaryMail) || !strings.Contains(dump, "canaries") {
		t.Errorf("the dump of %d bytes does not hold what it must: the search is blind", len(dump))
	}
	look("the database", dump)
	err := filepath.WalkDir(g.Data, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		look(filepath.Base(path), string(data))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d marks, none in %d KiB of log, %d KiB of answers, %d KiB of database", len(secrets), len(g.out.String())>>10, len(said)>>10, len(dump)>>10)
}

// dump is every column of every row.
func (s *scene) dump(kind string) string {
	s.t.Helper()
	if kind == "sqlite" {
		var all []byte
		for _, suffix := range []string{"", "-wal"} {
			data, err := os.ReadFile(filepath.Join(s.g.Data, "gatehouse.db"+suffix))
			if err != nil && !os.IsNotExist(err) {
				s.t.Fatal(err)
			}
			all = append(all, data...)
		}
		return string(all)
	}
	program := "pg_dump"
	if found, err := filepath.Glob("/usr/lib/postgresql/*/bin/pg_dump"); err == nil && len(found) > 0 {
		program = found[len(found)-1]
	}
	out, err := exec.CommandContext(s.t.Context(), program, "--data-only", s.g.database).CombinedOutput() //nolint:gosec // our own database
	if err != nil {
		s.t.Fatalf("pg_dump: %v %s", err, out)
	}
	return string(out)
}
