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
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"))
	f.Add([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1;x=y\r\n!\r\n0\r\nA: b\r\n\r\n"))
	f.Add([]byte("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nto the end"))
	f.Add([]byte("HTTP/1.1 204 No Content\r\n\r\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if folded(text) {
			return
		}
		whole := answered(bytes.NewReader(text))
		if got := answered(iotest.OneByteReader(bytes.NewReader(text))); !bytes.Equal(got, whole) || (got == nil) != (whole == nil) {
			t.Fatalf("%q byte by byte: %q, at once %q", text, got, whole)
		}
		if whole == nil {
			return
		}
		resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(text)), nil)
		if err != nil {
			return
		}
		defer func() { _ = resp.Body.Close() }()
		if want, err := io.ReadAll(resp.Body); err == nil && !bytes.Equal(want, whole) {
			t.Fatalf("%q: %q, want %q", text, whole, want)
		}
	})
}

// folded says whether a header line goes on in the next: what the header parser makes of those that arrive in pieces differs,
// and no provider has sent any since HTTP forbade them (RFC 9112 §5.2).
func folded(text []byte) bool {
	head, _, _ := bytes.Cut(bytes.ReplaceAll(text, []byte("\r"), nil), []byte("\n\n"))
	return bytes.Contains(head, []byte("\n ")) || bytes.Contains(head, []byte("\n\t"))
}
