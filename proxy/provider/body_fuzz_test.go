package provider

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/iotest"
	"time"

	"gatehouse/internal/testkit/storm"
)

// wired is a connection whose other side has sent its bytes already.
type wired struct {
	net.Conn
	r io.Reader
}

func (w *wired) Read(p []byte) (int, error)     { return w.r.Read(p) } //nolint:wrapcheck // io.EOF must stay itself
func (*wired) SetReadDeadline(time.Time) error  { return nil }
func (*wired) SetDeadline(time.Time) error      { return nil }
func (*wired) SetWriteDeadline(time.Time) error { return nil }
func (*wired) Close() error                     { return nil }

// answered reads an answer as the transport does; nil when it makes no sense.
func answered(r io.Reader) []byte {
	cn := &conn{Conn: &wired{r: r}}
	cn.br = bufio.NewReaderSize(cn.Conn, readBuffer)
	resp := acquireResponse()
	defer releaseResponse(resp)
	if resp.Header.Read(cn.br) != nil || resp.Status() < 200 {
		return nil
	}
	resp.flight, resp.conn = new(Flight), cn
	resp.Body.start(resp)
	body, err := resp.Body.ReadAll([]byte{}, 1<<20)
	if err != nil {
		return nil
	}
	return body
}

// FuzzBody holds an answer's body to be the same however its bytes arrive, and to be what net/http reads, where that takes
// the answer at all.
func FuzzBody(f *testing.F) {
	s := storm.New(f)
	s.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"))
	s.Add([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1;x=y\r\n!\r\n0\r\nA: b\r\n\r\n"))
	s.Add([]byte("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nto the end"))
	s.Add([]byte("HTTP/1.1 204 No Content\r\n\r\n"))
	s.Fuzz(func(tb testing.TB, text []byte) {
		if folded(text) {
			return
		}
		whole := answered(bytes.NewReader(text))
		if got := answered(iotest.OneByteReader(bytes.NewReader(text))); !bytes.Equal(got, whole) || (got == nil) != (whole == nil) {
			tb.Fatalf("%q byte by byte: %q, at once %q", text, got, whole)
		}
		if whole == nil {
			return
		}
		resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(text)), nil)
		if err != nil {
			return
		}
		defer func() { _ = resp.Body.Close() }()
		if !resp.ProtoAtLeast(1, 1) {
			return // chunks of an older server are none to net/http; no provider is one
		}
		if want, err := io.ReadAll(resp.Body); err == nil && !bytes.Equal(want, whole) {
			tb.Fatalf("%q: %q, want %q", text, whole, want)
		}
	})
}

// FuzzReadRefusal reads an error answer as it comes from the wire: its status, what its headers say of waiting, its body.
func FuzzReadRefusal(f *testing.F) {
	s := storm.New(f)
	s.Add([]byte("HTTP/1.1 429 Too Many Requests\r\nRetry-After: 3\r\nContent-Length: 31\r\n\r\n{\"error\":{\"message\":\"slow down\"}}"))
	s.Add([]byte("HTTP/1.1 503 x\r\nretry-after-ms: 1500.5\r\nRetry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\nConnection: close\r\n\r\nupstream connect error"))
	s.Add([]byte("HTTP/1.1 400 Bad Request\r\nX-Amzn-Errortype: ValidationException:http://x\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n{\"message\":\"no\"}\r\n0\r\n\r\n"))
	refused := func(r io.Reader) *Refusal {
		cn := &conn{Conn: &wired{r: r}}
		cn.br = bufio.NewReaderSize(cn.Conn, readBuffer)
		resp := acquireResponse()
		defer releaseResponse(resp)
		if resp.Header.Read(cn.br) != nil || resp.Status() < 200 {
			return nil
		}
		resp.flight, resp.conn = new(Flight), cn
		resp.Body.start(resp)
		return ReadRefusal(resp)
	}
	s.Fuzz(func(tb testing.TB, text []byte) {
		if folded(text) {
			return
		}
		r := refused(bytes.NewReader(text))
		if got := refused(iotest.HalfReader(bytes.NewReader(text))); (got == nil) != (r == nil) || r != nil && *got != *r {
			tb.Fatalf("%q in pieces: %+v, at once %+v", text, got, r)
		}
		if r == nil {
			return
		}
		if r.Message == "" || len(r.Message) > len(text)+100 || r.RetryAfter < 0 || r.RetryAfter > 1e7*time.Second {
			tb.Fatalf("%q is refused with %+v", text, r)
		}
	})
}

// folded says whether a header line goes on in the next: what the header parser makes of those that arrive in pieces differs,
// and no provider has sent any since HTTP forbade them (RFC 9112 §5.2).
func folded(text []byte) bool {
	text = bytes.TrimLeft(bytes.ReplaceAll(text, []byte("\r"), nil), "\n") // an answer may begin after empty lines
	head, _, _ := bytes.Cut(text, []byte("\n\n"))
	return bytes.Contains(head, []byte("\n ")) || bytes.Contains(head, []byte("\n\t"))
}
