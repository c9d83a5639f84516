package testkit

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"testing"
)

// Response is an HTTP answer read to its end.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// JSON returns the body as an object; it is nil when the body is none.
func (r *Response) JSON() map[string]any {
	var object map[string]any
	if json.Unmarshal(r.Body, &object) != nil {
		return nil
	}
	return object
}

// Do sends one request with key as the bearer secret (none when empty) and body as JSON (none when nil; []byte and
// string go as they are). The test fails only when there is no answer at all: statuses are the caller's to judge.
func (s *Server) Do(tb testing.TB, method, path, key string, body any) *Response {
	tb.Helper()
	ctx, cancel := patient()
	defer cancel()
	var content io.Reader
	switch b := body.(type) {
	case nil:
	case []byte:
		content = bytes.NewReader(b)
	case string:
		content = bytes.NewReader([]byte(b))
	default:
		data, err := json.Marshal(b)
		if err != nil {
			tb.Fatal(err)
		}
		content = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, s.URL+path, content)
	if err != nil {
		tb.Fatal(err)
	}
	if content != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		tb.Fatal(err)
	}
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		tb.Fatalf("read the answer of %s %s: %v", method, path, err)
	}
	if err := resp.Body.Close(); err != nil {
		tb.Fatal(err)
	}
	return &Response{Status: resp.StatusCode, Header: resp.Header, Body: data}
}

// Admin sends a request with the master key and returns the object answered; any status but 200 fails the test.
func (s *Server) Admin(tb testing.TB, method, path string, body any) map[string]any {
	tb.Helper()
	resp := s.Do(tb, method, path, s.MasterKey, body)
	if resp.Status != http.StatusOK {
		tb.Fatalf("%s %s: %d %s", method, path, resp.Status, resp.Body)
	}
	return resp.JSON()
}

// Key is a key made by [Server.GenerateKey].
type Key struct {
	Secret string         // sk-…
	Hash   string         // what the admin API calls token_id
	Row    map[string]any // the whole answer
}

// GenerateKey makes a key by POST /key/generate with the master key; nil fields make a key without limits.
func (s *Server) GenerateKey(tb testing.TB, fields map[string]any) Key {
	tb.Helper()
	row := s.Admin(tb, http.MethodPost, "/key/generate", orEmpty(fields))
	return Key{Secret: text(row["key"]), Hash: text(row["token_id"]), Row: row}
}

// NewTeam makes a team by POST /team/new and returns its id.
func (s *Server) NewTeam(tb testing.TB, fields map[string]any) string {
	tb.Helper()
	return text(s.Admin(tb, http.MethodPost, "/team/new", orEmpty(fields))["team_id"])
}

// NewUser makes a user by POST /user/new and returns its id and its first key's secret, which is empty when the fields
// say auto_create_key: false.
func (s *Server) NewUser(tb testing.TB, fields map[string]any) (id, secret string) {
	tb.Helper()
	row := s.Admin(tb, http.MethodPost, "/user/new", orEmpty(fields))
	return text(row["user_id"]), text(row["key"])
}

// AddMember puts a user into a team as "admin" or "user".
func (s *Server) AddMember(tb testing.TB, teamID, userID, role string) {
	tb.Helper()
	s.Admin(tb, http.MethodPost, "/team/member_add", map[string]any{
		"team_id": teamID, "member": map[string]any{"user_id": userID, "role": role},
	})
}

// Chat sends one short chat request and returns the answer, whatever its status.
func (s *Server) Chat(tb testing.TB, key, model string) *Response {
	tb.Helper()
	return s.Do(tb, http.MethodPost, "/v1/chat/completions", key, map[string]any{
		"model": model, "messages": []any{map[string]any{"role": "user", "content": "Hello"}},
	})
}

// KeyInfo returns the stored row of a key, named by its secret or hash.
func (s *Server) KeyInfo(tb testing.TB, key string) map[string]any {
	tb.Helper()
	info, ok := s.Admin(tb, http.MethodGet, "/key/info?key="+key, nil)["info"].(map[string]any)
	if !ok {
		tb.Fatalf("/key/info answered no info for %s", key)
	}
	return info
}

func orEmpty(fields map[string]any) map[string]any {
	if fields == nil {
		return map[string]any{}
	}
	return fields
}

func text(v any) string {
	s, _ := v.(string)
	return s
}
