// Package api holds the admin API against the real binary: the document against the answers, the walk-throughs of
// LiteLLM's documents, the traffic of scripts and Terraform, and what bad input gets.
package api_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

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
		opts.Database = testkit.Postgres(t, nil)
		fn(t, testkit.Start(t, opts))
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
