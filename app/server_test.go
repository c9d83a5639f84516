package app

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"gatehouse/app/config"
	"gatehouse/app/web"
)

// deafPlane owns /v1 and answers without looking at the body.
type deafPlane struct{}

func (deafPlane) Owns(_, path []byte) bool { return strings.HasPrefix(string(path), "/v1/") }

func (deafPlane) Handler() fasthttp.RequestHandler {
	return func(ctx *fasthttp.RequestCtx) { ctx.SetBodyString("plane") }
}

// serveTest runs a server on a free port and gives its address.
func serveTest(t *testing.T, root string, draining *atomic.Bool) (string, *pacedListener) {
	t.Helper()
	control := func(ctx *fasthttp.RequestCtx) { _, _ = ctx.WriteString("control:" + string(ctx.Request.Body())) }
	ln, err := listen(t.Context(), config.Server{Host: "127.0.0.1"}, time.Now) //nolint:forbidigo // deadlines of real connections
	if err != nil {
		t.Fatal(err)
	}
	server := newServer(deafPlane{}, control, root, draining.Load)
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
	return ln.Addr().String(), ln
}

// answers sends text on one connection and reads every response until the server closes or has nothing more to say.
func answers(t *testing.T, addr, text string) (bodies []string, closed bool) {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(conn)
	for {
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			return bodies, closed
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		bodies = append(bodies, resp.Status[:3]+" "+string(body))
		closed = resp.Close
	}
}

func TestNothingOfABodyBecomesARequest(t *testing.T) {
	t.Parallel()
	addr, _ := serveTest(t, "", new(atomic.Bool))
	const second = "GET /inner HTTP/1.1\r\nHost: x\r\n\r\n"
	long := strings.Repeat("x", prefetched)
	for name, tt := range map[string]struct {
		request string
		want    int // answers
		closed  bool
	}{
		"a long body unread":     {"POST /v1/x HTTP/1.1\r\nHost: x\r\nContent-Length: 8226\r\n\r\n" + long + second, 1, true},
		"a chunked body unread":  {"POST /v1/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + second, 1, true},
		"a short body unread":    {"POST /v1/x HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello" + second, 2, false},
		"no body":                {"GET /v1/x HTTP/1.1\r\nHost: x\r\n\r\n" + second, 2, false},
		"a long body read":       {"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 8192\r\n\r\n" + long + second, 2, false},
		"a chunked body read":    {"POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n" + second, 2, false},
		"two lengths":            {"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: 34\r\n\r\n" + second, 1, true},
		"two hosts":              {"GET /x HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n" + second, 1, true},
		"no host":                {"GET /x HTTP/1.1\r\nX-A: b\r\n\r\n" + second, 1, true},
		"no host, of old":        {"GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" + second, 2, false},
		"a line of two for some": {"GET /x HTTP/1.1\r\nHost: x\r\nX-A: b\rContent-Length: 34\r\n\r\n" + second, 1, true},
		"a header with NUL":      {"GET /x HTTP/1.1\r\nHost: x\r\nX-A: b\x00c\r\n\r\n" + second, 1, true},
		"a length and an chunks": {"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + second, 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, closed := answers(t, addr, tt.request)
			if len(got) != tt.want || closed != tt.closed {
				t.Errorf("%d answers, closed %v: %q", len(got), closed, got)
			}
		})
	}
}

func TestControlBodies(t *testing.T) {
	t.Parallel()
	addr, _ := serveTest(t, "/root", new(atomic.Bool))
	for name, tt := range map[string]struct{ request, want string }{
		"within the bound": {"POST /root/x HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi", "200 control:hi"},
		"over it":          {"POST /root/x HTTP/1.1\r\nHost: x\r\nContent-Length: 1048577\r\n\r\n" + strings.Repeat("x", web.MaxBody+1), "413 "},
		"chunked, over it": {"POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n100001\r\n" + strings.Repeat("x", web.MaxBody+1) + "\r\n0\r\n\r\n", "413 "},
		"packed":           {"POST /x HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nhi", "415 "},
		"packed twice":     {"POST /x HTTP/1.1\r\nHost: x\r\nContent-Encoding: identity\r\nContent-Encoding: br\r\nContent-Length: 2\r\n\r\nhi", "415 "},
		"packed, by GET":   {"GET /x HTTP/1.1\r\nHost: x\r\nContent-Encoding: deflate\r\nContent-Length: 2\r\n\r\nhi", "415 "},
		"as it is":         {"POST /x HTTP/1.1\r\nHost: x\r\nContent-Encoding: identity\r\nContent-Length: 2\r\n\r\nhi", "200 control:hi"},
		"the plane's":      {"GET /root/v1/x HTTP/1.1\r\nHost: x\r\n\r\n", "200 plane"},
		"no request":       {"hello\r\n\r\n", "400 {"},
		"a huge head":      {"GET / HTTP/1.1\r\nHost: x\r\nX-A: " + strings.Repeat("a", 40<<10) + "\r\n\r\n", "431 {"},
		"outside the root": {"GET /v1/x HTTP/1.1\r\nHost: x\r\n\r\n", "200 control:"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, _ := answers(t, addr, tt.request)
			if len(got) != 1 || !strings.HasPrefix(got[0], tt.want) {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

func TestDrainingControlPlane(t *testing.T) {
	t.Parallel()
	draining := new(atomic.Bool)
	draining.Store(true)
	addr, ln := serveTest(t, "", draining)
	for path, want := range map[string]string{"/key/generate": "503 ", "/ui/keys": "503 ", "/health/readiness": "200 "} {
		got, closed := answers(t, addr, "GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n")
		if len(got) != 1 || !strings.HasPrefix(got[0], want) || closed != (want == "503 ") {
			t.Errorf("%s: %q, closed %v", path, got, closed)
		}
	}
	waiting, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = waiting.Close() }()
	for ln.busy.Load() != 0 { // connections that only wait for a request are no work
		time.Sleep(time.Millisecond)
	}
}
