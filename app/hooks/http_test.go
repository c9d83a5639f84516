package hooks

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// serve runs a local endpoint; loopback is reachable only where the test allows it.
func serve(t *testing.T, h http.HandlerFunc) (url string, calls *atomic.Int32) {
	t.Helper()
	calls = &atomic.Int32{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		h(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL, calls
}

func answer(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func TestHTTPNeverOpens(t *testing.T) {
	t.Parallel()
	other, otherCalls := serve(t, answer(200, `{"user_id":"u"}`))
	for _, c := range []struct {
		name string
		h    http.HandlerFunc
	}{
		{"403", answer(403, `{"user_id":"u"}`)},
		{"500", answer(500, `{"user_id":"u"}`)},
		{"no content", answer(204, ``)},
		{"redirect", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other, http.StatusTemporaryRedirect) }},
		{"not JSON", answer(200, `<html>welcome</html>`)},
		{"more than JSON", answer(200, `{"user_id":"u"} {"user_id":"v"}`)},
		{"null", answer(200, `null`)},
		{"true", answer(200, `true`)},
		{"nobody", answer(200, `{}`)},
		{"unknown field", answer(200, `{"user_id":"u","budget":1}`)},
		{"too large", answer(200, `{"user_id":"`+strings.Repeat("u", maxAnswer)+`"}`)},
		{"cut off", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, `{"user_id":"u"}`)
		}},
		{"hangs up", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }},
	} {
		url, calls := serve(t, c.h)
		h := newHooks(t, Settings{Auth: url, EgressAllow: []string{"127.0.0.0/8"}})
		g, err := h.Authenticate(t.Context(), Request{}, "sk-canary")
		if err == nil || g != nil {
			t.Errorf("%s lets the caller through: %+v", c.name, g)
		} else if strings.Contains(err.Error(), "canary") || strings.Contains(err.Error(), url) {
			t.Errorf("%s: the error holds what it should not: %v", c.name, err)
		}
		if calls.Load() == 0 {
			t.Errorf("%s: the endpoint was not asked", c.name)
		}
	}
	if otherCalls.Load() != 0 {
		t.Error("a redirect was followed")
	}
}

func TestHTTPGoneCaller(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	url, _ := serve(t, func(w http.ResponseWriter, r *http.Request) { <-release })
	t.Cleanup(func() { close(release) })
	h := newHooks(t, Settings{Auth: url, EgressAllow: []string{"127.0.0.1"}})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.Authenticate(ctx, Request{}, "k"); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestHTTPTimeout(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	url, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"user_id":`) // a slow answer, not a slow start
		w.(http.Flusher).Flush()
		<-release
	})
	t.Cleanup(func() { close(release) })
	e, err := openURL(Settings{EgressAllow: []string{"127.0.0.1"}}, url)
	if err != nil {
		t.Fatal(err)
	}
	if e.timeout != 2*time.Second {
		t.Errorf("an endpoint may take %s", e.timeout)
	}
	e.timeout = 20 * time.Millisecond
	if g, err := (authRule{e}).Authenticate(t.Context(), Request{}, "k"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%+v %v", g, err)
	}
}

func TestHTTPRules(t *testing.T) {
	t.Parallel()
	url, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		var in map[string]any
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" {
			w.WriteHeader(400)
			return
		}
		w.WriteHeader(http.StatusCreated)
		if data, ok := in["data"].(map[string]any); ok {
			allowed := data["team_id"] == "core" && in["caller"].(map[string]any)["user_role"] == "internal_user"
			_ = json.NewEncoder(w).Encode(map[string]any{"decision": allowed, "message": "core only"})
			return
		}
		request := in["request"].(map[string]any)
		_ = json.NewEncoder(w).Encode(map[string]any{"user_id": request["headers"].(map[string]any)["x-user"], "max_budget": 1.5, "api_key": in["api_key"]})
	})
	h := newHooks(t, Settings{Auth: url, KeyGenerate: url, EgressAllow: []string{"127.0.0.1/32"}})
	g, err := h.Authenticate(t.Context(), Request{Headers: map[string]string{"X-User": "ana"}}, "sk-x")
	if err != nil || g.UserID != "ana" || g.APIKey != "sk-x" || g.MaxBudget.String() != "1.5" {
		t.Errorf("%+v %v", g, err)
	}
	who := Caller{UserRole: "internal_user"}
	var no *Refusal
	if err := h.AllowKey(t.Context(), map[string]any{"team_id": "x"}, who); !errors.As(err, &no) || no.Message != "core only" {
		t.Errorf("%v", err)
	}
	if err := h.AllowKey(t.Context(), map[string]any{"team_id": "core"}, who); err != nil {
		t.Error(err)
	}
}

// TestEgress: a listener on loopback sees no connection, however its address is written.
func TestEgress(t *testing.T) {
	t.Parallel()
	_, calls := serve(t, answer(200, `{"user_id":"u"}`))
	for _, address := range []string{"127.0.0.1:443", "[::1]:443", "[::ffff:127.0.0.1]:443", "localhost:443", "0.0.0.0:443", "169.254.169.254:80", "10.0.0.1:443", "100.64.0.1:443", "[64:ff9b::7f00:1]:443", "[2002:7f00:1::]:443", "[fe80::1]:443", "224.0.0.1:443"} {
		if c, err := NewEgress(nil).DialContext(t.Context(), "tcp", address, false); err == nil {
			_ = c.Close()
			t.Errorf("%s was reached", address)
		}
	}
	if calls.Load() != 0 {
		t.Error("the listener saw a connection")
	}

	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	address := l.Addr().String()
	port := netip.MustParseAddrPort(address).Port()
	_, portText, _ := net.SplitHostPort(address)
	for _, c := range []struct {
		allow string
		to    string
		plain bool
		ok    bool
	}{
		{"127.0.0.0/8", address, true, true},
		{"127.0.0.1", address, false, true},
		{"10.0.0.0/8", address, false, false},
		{"localhost", "localhost:" + portText, true, true},
		{"LOCALHOST.", "localhost:" + portText, true, true},
		{"localhost:" + portText, "localhost:" + portText, true, true},
		{"localhost:1", "localhost:" + portText, true, false},
		{"localhost", address, true, false}, // the name is allowed, not what it stands for
	} {
		conn, err := NewEgress([]string{c.allow}).DialContext(t.Context(), "tcp", c.to, c.plain)
		if (err == nil) != c.ok {
			t.Errorf("allow %s, to %s (port %d): %v", c.allow, c.to, port, err)
		}
		if conn != nil {
			_ = conn.Close()
		}
	}
	if _, err := NewEgress([]string{"10.0.0.0/8"}).DialContext(t.Context(), "tcp", "192.0.2.1:80", true); err == nil || !strings.Contains(err.Error(), "plain http") {
		t.Errorf("clear text to a public address: %v", err)
	}
}
