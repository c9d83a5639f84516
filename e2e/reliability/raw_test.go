package reliability_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strconv"
	"testing"
	"time"
)

// rawConn is a TCP connection on which a test speaks HTTP by hand.
type rawConn struct {
	net.Conn
	in *bufio.Reader
}

// dial connects to the gateway; the connection is closed with the test.
func dial(t *testing.T, g *gateway) *rawConn {
	t.Helper()
	return dialFrom(t, g, "127.0.0.1")
}

// dialFrom connects from another address of this machine (127.0.0.0/8 all are).
func dialFrom(t *testing.T, g *gateway, from string) *rawConn {
	t.Helper()
	d := net.Dialer{Timeout: patience, LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	conn, err := d.DialContext(t.Context(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(g.Port)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &rawConn{conn, bufio.NewReader(conn)}
}

// say writes text.
func (c *rawConn) say(t *testing.T, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
}

// answer reads one response to its end.
func (c *rawConn) answer(t *testing.T) (*http.Response, []byte) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(patience)) //nolint:forbidigo // of a real connection
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("the answer broke off: %v", err)
	}
	return resp, body
}

// exchange sends one request and expects a status.
func (c *rawConn) exchange(t *testing.T, request string, status int) {
	t.Helper()
	c.say(t, request)
	if resp, body := c.answer(t); resp.StatusCode != status {
		t.Errorf("status %d %s, want %d", resp.StatusCode, body, status)
	}
}

// ended waits until the other side closes, and fails the test when it says something more first.
func (c *rawConn) ended(t *testing.T) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(patience)) //nolint:forbidigo // of a real connection
	rest, err := io.ReadAll(c.in)
	if timeout, ok := err.(net.Error); ok && timeout.Timeout() { //nolint:errorlint // straight from the connection
		t.Fatal("the connection stays open")
	}
	if len(rest) > 0 {
		t.Errorf("after its answer the connection says %q", tail(string(rest), 200))
	}
}
