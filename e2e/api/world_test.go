// Package api holds the admin API against the real binary: the document against the answers, the walk-throughs of
// LiteLLM's documents, the traffic of scripts and Terraform, and what bad input gets.
package api_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/testkit"
)

// both runs fn against the program on SQLite and on PostgreSQL, side by side.
func both(t *testing.T, opts testkit.Options, fn func(t *testing.T, s *testkit.Server)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		fn(t, testkit.Start(t, opts))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		own := opts // both run at once: each has its own options
		own.Database = testkit.Postgres(t, nil)
		fn(t, testkit.Start(t, own))
	})
}

type object = map[string]any

// call sends one request and wants a status; it returns the answer as an object.
func call(t *testing.T, s *testkit.Server, key, method, path string, body any, want int) object {
	t.Helper()
	resp := s.Do(t, method, path, key, body)
	if resp.Status != want {
		t.Fatalf("%s %s: got %d, want %d: %s", method, path, resp.Status, want, resp.Body)
	}
	return resp.JSON()
}

// post is call with POST, by the master key.
func post(t *testing.T, s *testkit.Server, path string, body any, want int) object {
	t.Helper()
	return call(t, s, s.MasterKey, http.MethodPost, path, body, want)
}

// get is call with GET, by the master key, and wants 200.
func get(t *testing.T, s *testkit.Server, path string) object {
	t.Helper()
	return call(t, s, s.MasterKey, http.MethodGet, path, nil, http.StatusOK)
}

// list is a GET that answers an array.
func list(t *testing.T, s *testkit.Server, key, path string) []any {
	t.Helper()
	resp := s.Do(t, http.MethodGet, path, key, nil)
	var out []any
	if resp.Status != http.StatusOK || json.Unmarshal(resp.Body, &out) != nil {
		t.Fatalf("GET %s: got %d %s", path, resp.Status, resp.Body)
	}
	return out
}

// query escapes a value for a query string.
func query(value string) string { return strings.ReplaceAll(url.QueryEscape(value), "+", "%20") }

func text(v any) string {
	s, _ := v.(string)
	return s
}

// at reads a value by a dotted path of names; nil when a step is missing.
func at(v any, path string) any {
	for name := range strings.SplitSeq(path, ".") {
		m, ok := v.(object)
		if !ok {
			return nil
		}
		v = m[name]
	}
	return v
}

// refusal checks the error's shape and returns its inner object.
func refusal(t *testing.T, what string, resp *testkit.Response, status int) object {
	t.Helper()
	if resp.Status != status {
		t.Fatalf("%s: got %d, want %d: %s", what, resp.Status, status, resp.Body)
	}
	e, ok := resp.JSON()["error"].(object)
	if !ok || text(e["message"]) == "" || text(e["type"]) == "" || text(e["code"]) == "" {
		t.Fatalf("%s: no error object: %s", what, resp.Body)
	}
	return e
}

// exchange sends a request with headers of its own and reads the whole answer.
func exchange(t *testing.T, s *testkit.Server, method, path string, headers map[string]string, body string) (status int, text []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range headers {
		req.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	text, err = io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, text
}

// sendWith sends a request with headers of its own and follows no redirect; the body is read and closed.
func sendWith(t *testing.T, s *testkit.Server, method, path string, headers map[string]string, body string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range headers {
		req.Header.Set(name, value)
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return resp
}

// signIn signs somebody in as the form of the portal does, and gives the cookie.
func signIn(t *testing.T, s *testkit.Server, email, password string) string {
	t.Helper()
	form := url.Values{"username": {email}, "password": {password}}
	resp := sendWith(t, s, http.MethodPost, "/login", map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, form.Encode())
	if resp.StatusCode != http.StatusSeeOther || !strings.HasPrefix(resp.Header.Get("Location"), "/ui/") {
		t.Fatalf("signing in: %d %s", resp.StatusCode, resp.Header.Get("Location"))
	}
	cookie, _, _ := strings.Cut(resp.Header.Get("Set-Cookie"), ";")
	return cookie
}

// moment reads a time as the contract writes it: RFC 3339, UTC, microseconds.
func moment(t *testing.T, v any) time.Time {
	t.Helper()
	at, err := time.Parse("2006-01-02T15:04:05.000000Z", text(v))
	if err != nil {
		t.Fatalf("%v is not a time of the contract", v)
	}
	return at
}

// days is a query for yesterday to tomorrow.
func days() string {
	now := time.Now().UTC()
	return "start_date=" + now.AddDate(0, 0, -1).Format(time.DateOnly) + "&end_date=" + now.AddDate(0, 0, 1).Format(time.DateOnly)
}
