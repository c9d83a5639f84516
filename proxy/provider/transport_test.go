package provider

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
)

func serve(tb testing.TB, handle func(n int, c net.Conn, br *bufio.Reader)) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	done := make(chan struct{})
	tb.Cleanup(func() { _ = l.Close(); <-done })
	go func() {
		defer close(done)
		for n := 0; ; n++ {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				handle(n, c, bufio.NewReader(c))
			}()
		}
	}()
	return l.Addr().String()
}

func readRequest(br *bufio.Reader) (*http.Request, []byte, error) {
	r, err := http.ReadRequest(br)
	if err != nil {
		return nil, nil, err
	}
	body, err := io.ReadAll(r.Body)
	return r, body, err
}

func request(c *Client, addr string, body string) *Request {
	return &Request{
		Host: c.Host(addr, false, direct), Head: []byte("POST /v1/x HTTP/1.1\r\nHost: h\r\n"),
		Body: [][]byte{[]byte(body)}, Size: len(body), Deadline: time.Now().Add(10 * time.Second),
	}
}

var direct = Direct() // hosts are told apart by dialer

func newClient(tb testing.TB) *Client {
	tb.Helper()
	c := NewClient(time.Now, nil)
	tb.Cleanup(c.CloseIdle)
	return c
}

func TestTransportFailures(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		answer string
		kind   FailureKind
	}{
		"closed at once":   {"", Lost},
		"half a head":      {"HTTP/1.1 200 OK\r\nContent-Le", Lost},
		"no HTTP":          {"hello there, this is not HTTP\r\n\r\n", Malformed},
		"endless headers":  {"HTTP/1.1 200 OK\r\n" + strings.Repeat("X-Long: "+strings.Repeat("x", 1000)+"\r\n", 70) + "\r\n", Malformed},
		"early hints only": {"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", Lost},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			addr := serve(t, func(_ int, c net.Conn, br *bufio.Reader) {
				if _, _, err := readRequest(br); err == nil {
					_, _ = io.WriteString(c, tt.answer)
				}
			})
			c := newClient(t)
			_, err := c.Do(new(Flight), request(c, addr, "{}"))
			var f *Failure
			if !errors.As(err, &f) || f.Kind != tt.kind {
				t.Errorf("got %v (%+v), want kind %d", err, f, tt.kind)
			}
		})
	}
}

// Bodies of any size and number of parts arrive as they are, one after the other on a connection.
func TestTransportSendsEveryPart(t *testing.T) {
	t.Parallel()
	got := make(chan string, 8)
	addr := serve(t, func(_ int, c net.Conn, br *bufio.Reader) {
		for {
			_, body, err := readRequest(br)
			if err != nil {
				return
			}
			got <- string(body)
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
		}
	})
	c := newClient(t)
	for _, size := range []int{0, 10, writeBuffer, writeBuffer + 1, 100 << 10, 9 << 20, 10} {
		whole := strings.Repeat("0123456789", size/10+1)[:size]
		req := request(c, addr, whole)
		req.Body = [][]byte{[]byte(whole[:size/3]), nil, []byte(whole[size/3 : size/2]), []byte(whole[size/2:])}
		resp, err := c.Do(new(Flight), req)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := resp.Body.ReadAll(nil, 100); err != nil {
			t.Error(err)
		}
		resp.Close()
		if <-got != whole {
			t.Errorf("a body of %d bytes arrived changed", size)
		}
		if parts := bytes.Join(req.Body, nil); string(parts) != whole {
			t.Errorf("the request of %d bytes was changed", size)
		}
	}
}

func TestTransportRefusedConnection(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	c := newClient(t)
	_, err = c.Do(new(Flight), request(c, addr, "{}"))
	var f *Failure
	if !errors.As(err, &f) || f.Kind != Connect {
		t.Errorf("got %v, want a connect failure", err)
	}
}

func TestTransportDeadline(t *testing.T) {
	t.Parallel()
	hold := make(chan struct{})
	t.Cleanup(func() { close(hold) })
	addr := serve(t, func(_ int, _ net.Conn, br *bufio.Reader) {
		_, _, _ = readRequest(br)
		<-hold
	})
	c := newClient(t)
	req := request(c, addr, "{}")
	req.Deadline = time.Now().Add(30 * time.Millisecond)
	_, err := c.Do(new(Flight), req)
	var f *Failure
	if !errors.As(err, &f) || f.Kind != Timeout {
		t.Errorf("got %v, want a timeout", err)
	}
}

func TestTransportCancel(t *testing.T) {
	t.Parallel()
	arrived, hold := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { close(hold) })
	addr := serve(t, func(_ int, _ net.Conn, br *bufio.Reader) {
		_, _, _ = readRequest(br)
		close(arrived)
		<-hold
	})
	c := newClient(t)
	var flight Flight
	go func() {
		<-arrived
		flight.Cancel(ClientGone)
		flight.Cancel(Shutdown)
	}()
	_, err := c.Do(&flight, request(c, addr, "{}"))
	var f *Failure
	if !errors.As(err, &f) || f.Kind != Cancelled || flight.Cause() != ClientGone {
		t.Errorf("got %v, cause %d", err, flight.Cause())
	}
	if _, err := c.Do(&flight, request(c, addr, "{}")); !errors.As(err, &f) || f.Kind != Cancelled {
		t.Errorf("a cancelled flight sent again: %v", err)
	}
}

func TestTransportKeepsConnections(t *testing.T) {
	t.Parallel()
	answers := []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;ext=1\r\no\r\n1\r\nk\r\n0\r\nTrailer: x\r\n\r\n",
		"HTTP/1.1 200 OK\r\nX-Long: " + strings.Repeat("x", readBuffer) + "\r\nContent-Length: 2\r\n\r\nok",
	}
	addr := serve(t, func(n int, c net.Conn, br *bufio.Reader) {
		if n > 0 {
			return // a second connection gets nothing
		}
		for _, answer := range answers {
			r, body, err := readRequest(br)
			if err != nil || string(body) != "{}" || r.Header.Get("X-More") != "1" {
				return
			}
			_, _ = io.WriteString(c, answer)
		}
	})
	c := newClient(t)
	for i := range answers {
		var flight Flight
		req := request(c, addr, "{}")
		req.Extra = []byte("X-More: 1\r\n")
		resp, err := c.Do(&flight, req)
		if err != nil {
			t.Fatalf("answer %d: %v", i, err)
		}
		body, err := resp.Body.ReadAll(nil, 100)
		if err != nil || string(body) != "ok" || resp.Status() != 200 {
			t.Errorf("answer %d: %q, %v", i, body, err)
		}
		resp.Close()
	}
}

// A server may end an idle connection at any time. That is seen before the next request is written, which then takes a
// new connection.
func TestTransportLooksAtAKeptConnection(t *testing.T) {
	t.Parallel()
	closed := make(chan struct{}, 1)
	addr := serve(t, func(n int, c net.Conn, br *bufio.Reader) {
		if _, _, err := readRequest(br); err != nil {
			return
		}
		_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%d", n)
		if n == 0 {
			_ = c.Close()
			closed <- struct{}{}
		}
	})
	c := newClient(t)
	for want := range 2 {
		var flight Flight
		resp, err := c.Do(&flight, request(c, addr, "{}"))
		if err != nil {
			t.Fatal(err)
		}
		body, err := resp.Body.ReadAll(nil, 100)
		if err != nil || string(body) != fmt.Sprint(want) {
			t.Fatalf("request %d: %q, %v", want, body, err)
		}
		resp.Close()
		if want == 0 {
			<-closed
		}
	}
}

// A request that has left is not sent a second time, whatever becomes of its connection: the provider may be at work for
// it, and bills that.
func TestTransportSendsOnce(t *testing.T) {
	t.Parallel()
	var seen atomic.Int64
	addr := serve(t, func(_ int, c net.Conn, br *bufio.Reader) {
		for {
			if _, _, err := readRequest(br); err != nil {
				return
			}
			if seen.Add(1) > 1 {
				return // read, and not answered
			}
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		}
	})
	c := newClient(t)
	var first, second Flight
	resp, err := c.Do(&first, request(c, addr, "{}"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := resp.Body.ReadAll(nil, 100); err != nil {
		t.Fatal(err)
	}
	resp.Close()
	_, err = c.Do(&second, request(c, addr, "{}"))
	var f *Failure
	if !errors.As(err, &f) || f.Kind != Lost || seen.Load() != 2 {
		t.Errorf("the server was sent %d requests, want the first and the second once: %v", seen.Load(), err)
	}
}

// What could not be written at all is sent on a new connection.
func TestTransportSendsAgainWhatNeverLeft(t *testing.T) {
	t.Parallel()
	addr := serve(t, func(n int, c net.Conn, br *bufio.Reader) {
		if _, _, err := readRequest(br); err == nil {
			_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%d", n)
			_, _, _ = readRequest(br)
		}
	})
	c := newClient(t)
	req := request(c, addr, "{}")
	for want := range 2 {
		var flight Flight
		resp, err := c.Do(&flight, req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := resp.Body.ReadAll(nil, 100)
		if err != nil || string(body) != fmt.Sprint(want) {
			t.Fatalf("request %d: %q, %v", want, body, err)
		}
		resp.Close()
		if kept, ok := req.Host.idle[0].Conn.(*net.TCPConn); ok {
			_ = kept.CloseWrite()
		}
	}
}

func TestBodyFailures(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"short body":         "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok",
		"no last chunk":      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n",
		"half a chunk":       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nok",
		"no chunk size":      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nok\r\n",
		"negative chunk":     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-2\r\nok\r\n",
		"chunk without end":  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nokXX\r\n0\r\n\r\n",
		"over the limit":     "HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n" + strings.Repeat("x", 101),
		"chunks over limit":  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n80\r\n" + strings.Repeat("x", 128) + "\r\n0\r\n\r\n",
		"until close, large": "HTTP/1.1 200 OK\r\n\r\n" + strings.Repeat("x", 200),
	}
	for name, answer := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			addr := serve(t, func(_ int, c net.Conn, br *bufio.Reader) {
				if _, _, err := readRequest(br); err == nil {
					_, _ = io.WriteString(c, answer)
				}
			})
			c := newClient(t)
			resp, err := c.Do(new(Flight), request(c, addr, "{}"))
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Close()
			if body, err := resp.Body.ReadAll(nil, 100); err == nil {
				t.Errorf("read %q without an error", body)
			}
		})
	}
}

// A read that misses its deadline in the middle of a chunk header must lose nothing.
func TestBodyReadsOnAfterAMissedDeadline(t *testing.T) {
	t.Parallel()
	pieces := []string{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1", "0\r", "\n01234567", "89abcdef\r", "\n0\r\n", "\r\n"}
	next := make(chan struct{})
	addr := serve(t, func(_ int, c net.Conn, br *bufio.Reader) {
		if _, _, err := readRequest(br); err != nil {
			return
		}
		for _, p := range pieces {
			_, _ = io.WriteString(c, p)
			<-next
		}
	})
	c := newClient(t)
	var flight Flight
	resp, err := c.Do(&flight, request(c, addr, "{}"))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Close()
	var got []byte
	buf := make([]byte, 5)
	for {
		resp.Body.ReadBy(time.Now().Add(10 * time.Millisecond))
		n, err := resp.Body.Read(buf)
		got = append(got, buf[:n]...)
		if errors.Is(err, io.EOF) {
			break
		}
		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() {
			next <- struct{}{}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if string(got) != "0123456789abcdef" {
		t.Errorf("got %q", got)
	}
	close(next)
}

func TestParseBase(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "localhost:8080", "ftp://h", "http://", "http://user:pw@h/", "http://h/#f", "http://h/ x", "://", "http://h\r\nX: y"} {
		if b, err := ParseBase(bad); err == nil && !strings.Contains(b.Path, "%20") {
			t.Errorf("%q was taken as %+v", bad, b)
		}
	}
	tests := map[string]Base{
		"http://127.0.0.1:18080/":  {Addr: "127.0.0.1:18080", Name: "127.0.0.1:18080"},
		"https://api.x.ai/v1//":    {TLS: true, Addr: "api.x.ai:443", Name: "api.x.ai", Path: "/v1"},
		"http://h/v1?api-key=zz":   {Addr: "h:80", Name: "h", Path: "/v1", Query: "api-key=zz"},
		"http://[::1]:9/openai/v1": {Addr: "[::1]:9", Name: "[::1]:9", Path: "/openai/v1"},
	}
	for text, want := range tests {
		if got, err := ParseBase(text); err != nil || got != want {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}

func TestAppendHeaderRefusesControlCharacters(t *testing.T) {
	t.Parallel()
	for _, v := range []string{"a\r\nX: y", "a\n", "\x00", "\x7f"} {
		if _, err := AppendHeader(nil, "X", v); err == nil {
			t.Errorf("%q was taken", v)
		}
	}
}

func TestGuardedDialerRefusesPrivateAddresses(t *testing.T) {
	t.Parallel()
	addr := serve(t, func(int, net.Conn, *bufio.Reader) { t.Error("a connection arrived") })
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	guarded, err := Guarded(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0"} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		if c, err := guarded.DialContext(ctx, "tcp", host+":"+port); err == nil {
			_ = c.Close()
			t.Errorf("%s was dialled", host)
		}
		cancel()
	}
}

func TestGuardedDialerAllows(t *testing.T) {
	t.Parallel()
	for _, allow := range []string{"127.0.0.0/8", "127.0.0.1", "localhost"} {
		addr := serve(t, func(int, net.Conn, *bufio.Reader) {})
		if allow == "localhost" {
			addr = strings.Replace(addr, "127.0.0.1", "localhost", 1)
		}
		guarded, err := Guarded([]string{allow})
		if err != nil {
			t.Fatal(err)
		}
		c, err := guarded.DialContext(t.Context(), "tcp", addr)
		if err != nil {
			t.Errorf("%s: %v", allow, err)
			continue
		}
		_ = c.Close()
	}
	if _, err := Guarded([]string{"not a host/8"}); err == nil {
		t.Error("rubbish in egress_allow was taken")
	}
}

// BenchmarkTransport compares ways to send a small call: this transport, fasthttp's client and net/http.
func BenchmarkTransport(b *testing.B) {
	answer := []byte(strings.Repeat("x", 1200))
	srv := &fasthttp.Server{Handler: func(ctx *fasthttp.RequestCtx) { ctx.Response.SetBodyRaw(answer) }, NoDefaultDate: true}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	go func() { _ = srv.Serve(l) }()
	b.Cleanup(func() { _ = srv.Shutdown() })
	body := []byte(strings.Repeat("y", 500))
	url := "http://" + l.Addr().String() + "/v1/chat/completions"

	b.Run("own", func(b *testing.B) {
		c := newClient(b)
		req := request(c, l.Addr().String(), string(body))
		var buf []byte
		b.ReportAllocs()
		for b.Loop() {
			var flight Flight
			req.Deadline = time.Now().Add(time.Minute)
			resp, err := c.Do(&flight, req)
			if err != nil {
				b.Fatal(err)
			}
			if buf, err = resp.Body.ReadAll(buf[:0], 1<<20); err != nil {
				b.Fatal(err)
			}
			resp.Close()
		}
	})
	b.Run("fasthttp", func(b *testing.B) {
		c := &fasthttp.HostClient{Addr: l.Addr().String(), MaxConns: 64}
		b.ReportAllocs()
		for b.Loop() {
			req, resp := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
			req.SetRequestURI(url)
			req.Header.SetMethod("POST")
			req.SetBodyRaw(body)
			if err := c.DoTimeout(req, resp, time.Minute); err != nil {
				b.Fatal(err)
			}
			fasthttp.ReleaseRequest(req)
			fasthttp.ReleaseResponse(resp)
		}
	})
	b.Run("net/http", func(b *testing.B) {
		c := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
		b.ReportAllocs()
		for b.Loop() {
			ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
			if err != nil {
				b.Fatal(err)
			}
			resp, err := c.Do(req)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, resp.Body); err != nil {
				b.Fatal(err)
			}
			_ = resp.Body.Close()
			cancel()
		}
	})
}

func TestTransportOverTLS(t *testing.T) {
	t.Parallel()
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "%s %d", r.Proto, r.TLS.Version)
	}))
	t.Cleanup(srv.Close)
	addr := strings.TrimPrefix(srv.URL, "https://")
	config := srv.Client().Transport.(*http.Transport).TLSClientConfig
	do := func(c *Client) (string, error) {
		req := request(c, addr, "{}")
		req.Host = c.Host(addr, true, direct)
		resp, err := c.Do(new(Flight), req)
		if err != nil {
			return "", err
		}
		defer resp.Close()
		body, err := resp.Body.ReadAll(nil, 100)
		return string(body), err
	}
	trusting := NewClient(time.Now, config)
	t.Cleanup(trusting.CloseIdle)
	if body, err := do(trusting); err != nil || !strings.HasPrefix(body, "HTTP/1.1 ") {
		t.Errorf("got %q, %v", body, err)
	}
	var f *Failure
	if _, err := do(newClient(t)); !errors.As(err, &f) || f.Kind != Connect {
		t.Errorf("an unknown certificate: %v", err)
	}
}
