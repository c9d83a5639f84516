package testkit

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What an [OpenID] provider knows of its one client.
const (
	OpenIDClient = "gatehouse-client"
	OpenIDSecret = "gatehouse-secret-9f3c"
)

// OpenID is a certified OpenID provider, the npm package oidc-provider, run for one test. It demands PKCE, and signs people
// in by its own pages.
type OpenID struct {
	URL string
	tb  testing.TB
}

// StartOpenID runs a provider whose client may be sent back to these addresses. It ends with the test.
func StartOpenID(tb testing.TB, redirects ...string) *OpenID {
	tb.Helper()
	needServices(tb)
	root, err := moduleRoot()
	if err != nil {
		tb.Fatal(err)
	}
	script := filepath.Join(root, "internal", "testkit", "openid.mjs")
	cmd := exec.CommandContext(tb.Context(), "node", append([]string{script}, redirects...)...)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	in, err := cmd.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatalf("start oidc-provider: %v (Node.js is needed)", err)
	}
	tb.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait() // killed by the test's context or ended by its input
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "http://") {
			return &OpenID{URL: lines.Text(), tb: tb}
		}
	}
	tb.Fatalf("oidc-provider did not start (npm ci installs it): %s", complaint.String())
	return nil
}

// Set replaces the people by login: the claims of each. Their login is their sub.
func (o *OpenID) Set(people map[string]map[string]any) {
	o.tb.Helper()
	body, err := json.Marshal(people)
	if err != nil {
		o.tb.Fatal(err)
	}
	req, err := http.NewRequestWithContext(o.tb.Context(), http.MethodPut, o.URL+"/test/accounts", bytes.NewReader(body))
	if err != nil {
		o.tb.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		o.tb.Fatal(err)
	}
	_ = res.Body.Close()
}

var (
	formAction = regexp.MustCompile(`<form[^>]* action="([^"]+)"`)
	formPrompt = regexp.MustCompile(`name="prompt" value="([a-z]+)"`)
)

// SignIn goes to address as a browser does, signs in as login and consents. It returns where the provider sends the browser
// back to.
func (o *OpenID) SignIn(address, login string) *url.URL {
	o.tb.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		o.tb.Fatal(err)
	}
	client := &http.Client{Jar: jar, CheckRedirect: func(req *http.Request, _ []*http.Request) error {
		if !strings.HasPrefix(req.URL.String(), o.URL+"/") {
			return http.ErrUseLastResponse
		}
		return nil
	}}
	var form url.Values
	for range 6 {
		method, body := http.MethodGet, io.Reader(nil)
		if form != nil {
			method, body = http.MethodPost, strings.NewReader(form.Encode())
		}
		req, err := http.NewRequestWithContext(o.tb.Context(), method, address, body)
		if err != nil {
			o.tb.Fatal(err)
		}
		if form != nil {
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		res, err := client.Do(req)
		if err != nil {
			o.tb.Fatal(err)
		}
		page, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil {
			o.tb.Fatal(err)
		}
		if back, err := res.Location(); err == nil {
			return back
		}
		action, prompt := formAction.FindSubmatch(page), formPrompt.FindSubmatch(page)
		if action == nil || prompt == nil {
			o.tb.Fatalf("the provider answered %d: %.500s", res.StatusCode, page)
		}
		next, err := res.Request.URL.Parse(string(action[1]))
		if err != nil {
			o.tb.Fatal(err)
		}
		address, form = next.String(), url.Values{"prompt": {string(prompt[1])}, "login": {login}, "password": {"any"}}
	}
	o.tb.Fatal("the provider asks without end")
	return nil
}

// Token is a signed token of the client itself, for an audience.
func (o *OpenID) Token(audience string) string {
	o.tb.Helper()
	form := url.Values{"grant_type": {"client_credentials"}, "resource": {"urn:gatehouse:" + audience}, "scope": {"llm.chat"}}
	req, err := http.NewRequestWithContext(o.tb.Context(), http.MethodPost, o.URL+"/token", strings.NewReader(form.Encode()))
	if err != nil {
		o.tb.Fatal(err)
	}
	req.SetBasicAuth(OpenIDClient, OpenIDSecret)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		o.tb.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var answer struct {
		Token string `json:"access_token"`
		Error string `json:"error_description"`
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil || answer.Token == "" {
		o.tb.Fatalf("no token: %v %s", err, answer.Error)
	}
	return answer.Token
}
