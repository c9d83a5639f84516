package provider

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/valyala/fasthttp"
)

// Transport sends one request upstream. Do returns when the status and the headers of the answer are there; the
// caller closes the response. A Failure is the only kind of error.
type Transport interface {
	Do(f *Flight, req *Request) (*Response, error)
}

// Request is what goes upstream. It belongs to the caller and may be sent again.
type Request struct {
	Host     *Host
	Method   string // "" = POST, as for every call to a model
	Head     []byte // request line and header lines, each with CRLF; without Content-Length and the blank line
	Extra    []byte // further header lines
	Body     [][]byte
	Long     []Section // sent in place of Body when there are any: what is too large to be held
	Size     int       // bytes of Body, or of Long
	Deadline time.Time // for the head of the answer, and for its body unless Body.ReadBy moves it; zero = none
}

// Section is a stretch of a body: Bytes, or, when From is there, Size bytes of it from Off on.
type Section struct {
	Bytes []byte
	From  io.ReaderAt
	Off   int64
	Size  int64
}

// FailureKind says how an exchange failed without an answer.
type FailureKind uint8

// The kinds of failure.
const (
	Connect   FailureKind = iota + 1 // no connection: refused, unknown host, TLS
	Timeout                          // the deadline passed
	Lost                             // the connection broke
	Malformed                        // the answer is no HTTP, or over a limit
	Cancelled                        // Flight.Cancel
)

// Failure is an exchange that failed without an answer. Its text may name hosts and is for the log.
type Failure struct {
	Kind  FailureKind
	cause error
}

func (e *Failure) Error() string { return "upstream: " + e.cause.Error() }

// Unwrap gives the cause.
func (e *Failure) Unwrap() error { return e.cause }

// The limits of what an upstream may send (reliability.md §15).
const (
	MaxHeader = 64 << 10
	MaxAnswer = 256 << 20
)

const (
	connectTimeout = 5 * time.Second
	tlsTimeout     = 10 * time.Second
	idleTimeout    = 60 * time.Second
	maxIdlePerHost = 1024
	readBuffer     = 4 << 10 // grows for an answer whose head needs it
	writeBuffer    = 4 << 10
)

// Dialer opens connections; *net.Dialer is one.
type Dialer interface {
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
}

// Client is the transport: HTTP/1.1 over pooled connections, with fasthttp's header parser. It starts no goroutine for
// a connection and none for a request, which is why it was chosen over net/http and fasthttp's own client (see
// BenchmarkTransport). It takes no proxy from the environment and follows no redirect. Safe for concurrent use.
type Client struct {
	now  func() time.Time
	tls  *tls.Config
	mu   sync.Mutex
	host map[hostKey]*Host
}

type hostKey struct {
	addr   string
	tls    bool
	dialer Dialer
}

// NewClient makes a transport. config may be nil.
func NewClient(now func() time.Time, config *tls.Config) *Client {
	if config == nil {
		config = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	config = config.Clone()
	config.NextProtos = []string{"http/1.1"}
	if config.ClientSessionCache == nil {
		config.ClientSessionCache = tls.NewLRUClientSessionCache(256)
	}
	return &Client{now: now, tls: config, host: map[hostKey]*Host{}}
}

// Host is one place to connect to, with its idle connections. Hosts reached by different dialers share none.
type Host struct {
	client *Client
	dialer Dialer
	addr   string // host:port
	name   string // for TLS
	tls    bool

	mu    sync.Mutex
	idle  []*conn // the last is the youngest
	timer *time.Timer
}

// Host returns the place for addr (host:port). The same place is returned for the same arguments.
func (c *Client) Host(addr string, secure bool, dialer Dialer) *Host {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := hostKey{addr, secure, dialer}
	if h := c.host[key]; h != nil {
		return h
	}
	name, _, err := net.SplitHostPort(addr)
	if err != nil {
		name = addr
	}
	h := &Host{client: c, dialer: dialer, addr: addr, name: name, tls: secure}
	c.host[key] = h
	return h
}

// CloseIdle closes every idle connection.
func (c *Client) CloseIdle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, h := range c.host {
		h.expire(time.Time{})
	}
}

type conn struct {
	net.Conn
	host  *Host
	br    *bufio.Reader
	bw    *bufio.Writer
	probe probe
	lead  []byte      // what goes before a large body
	parts [][]byte    // of a request with a large body
	left  net.Buffers // of parts, while they are written
	wrote bool        // something of the request under way has left
	used  time.Time   // when it became idle
	due   time.Time   // its deadline; zero: none that could serve again
}

// deadlineShare is the part of the time that is left by which a deadline may be late: setting one costs, and calls that
// follow each other on a connection have nearly the same.
const deadlineShare = 256

// attach ties a kept connection to a flight.
func (cn *conn) attach(f *Flight, deadline time.Time) bool {
	if late := cn.due.Sub(deadline); !cn.due.IsZero() && late >= 0 && late <= deadline.Sub(cn.used)/deadlineShare {
		return f.attachSet(cn.Conn)
	}
	if cn.due = deadline; !deadline.IsZero() {
		cn.due = deadline.Add(deadline.Sub(cn.used) / deadlineShare)
	}
	return f.attach(cn.Conn, cn.due)
}

// Write notes whether anything has left.
func (cn *conn) Write(b []byte) (int, error) {
	n, err := cn.Conn.Write(b)
	cn.wrote = cn.wrote || n > 0
	return n, err //nolint:wrapcheck // stands in for the connection
}

// Do sends req, once: a model may be at work for whatever has left, and its provider bills that. So a kept connection is
// looked at before it is used, and only a request of which not a byte could be written is sent again, on a new connection.
// One that finds its connection closed after that is the caller's to repeat, as an attempt of its own.
func (c *Client) Do(f *Flight, req *Request) (*Response, error) {
	for fresh := false; ; fresh = true {
		cn, kept, err := req.Host.get(f, req.Deadline, fresh)
		if err != nil {
			return nil, err
		}
		resp, err := cn.exchange(f, req)
		if err == nil {
			return resp, nil
		}
		f.detach()
		_ = cn.Close() // it is of no use any more
		if kept && !cn.wrote && f.Cause() == Running {
			continue
		}
		return nil, failure(f, err)
	}
}

// get takes an idle connection or dials.
func (h *Host) get(f *Flight, deadline time.Time, fresh bool) (cn *conn, kept bool, err error) {
	for !fresh {
		if cn = h.pop(); cn == nil {
			break
		}
		if cn.probe.quiet() {
			if !cn.attach(f, deadline) {
				_ = cn.Close()
				return nil, false, failure(f, net.ErrClosed)
			}
			return cn, true, nil
		}
		_ = cn.Close() // the server ended it
	}
	raw, err := h.dial(f, deadline)
	if err != nil {
		if f.Cause() != Running {
			return nil, false, &Failure{Cancelled, err}
		}
		var timeout interface{ Timeout() bool }
		if errors.As(err, &timeout) && timeout.Timeout() && !deadline.IsZero() && !h.client.now().Before(deadline) {
			return nil, false, &Failure{Timeout, err}
		}
		return nil, false, &Failure{Connect, err}
	}
	if !f.attach(raw, deadline) {
		_ = raw.Close()
		return nil, false, failure(f, net.ErrClosed)
	}
	cn = &conn{Conn: raw, host: h, br: bufio.NewReaderSize(raw, readBuffer)}
	cn.bw = bufio.NewWriterSize(cn, writeBuffer)
	cn.probe.of(raw)
	return cn, false, nil
}

func (h *Host) dial(f *Flight, deadline time.Time) (net.Conn, error) {
	ctx, cancel := within(connectTimeout, deadline)
	defer cancel()
	if !f.dialling(cancel) {
		return nil, net.ErrClosed
	}
	defer f.dialled()
	raw, err := h.dialer.DialContext(ctx, "tcp", h.addr)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", h.addr, err)
	}
	if !h.tls {
		return raw, nil
	}
	config := h.client.tls.Clone()
	config.ServerName = h.name
	secure := tls.Client(raw, config)
	limit, cancelTLS := within(tlsTimeout, deadline)
	defer cancelTLS()
	if !f.dialling(cancelTLS) {
		_ = raw.Close()
		return nil, net.ErrClosed
	}
	if err := secure.HandshakeContext(limit); err != nil {
		_ = raw.Close()
		return nil, fmt.Errorf("TLS with %s: %w", h.addr, err)
	}
	return secure, nil
}

// within is a context that ends after d, or at the deadline when there is one and it is sooner. It hangs on no other
// context: what ends it early is the flight.
func within(d time.Duration, deadline time.Time) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	if deadline.IsZero() {
		return ctx, cancel
	}
	inner, cancelInner := context.WithDeadline(ctx, deadline)
	return inner, func() { cancelInner(); cancel() }
}

// exchange writes the request and reads the head of the answer.
func (cn *conn) exchange(f *Flight, req *Request) (*Response, error) {
	if err := cn.write(req); err != nil {
		// A server may answer and close before it has read a large body; its answer is worth more than the error.
		if _, peekErr := cn.br.Peek(1); peekErr != nil {
			return nil, err
		}
	}
	resp := acquireResponse()
	for {
		if err := resp.Header.Read(cn.br); err != nil {
			var small *fasthttp.ErrSmallBuffer
			if errors.As(err, &small) && cn.br.Size() < MaxHeader {
				cn.br = bufio.NewReaderSize(cn.br, MaxHeader)
				continue
			}
			releaseResponse(resp)
			return nil, fmt.Errorf("read the head of the answer: %w", err)
		}
		if resp.Header.StatusCode() >= 200 {
			break
		}
		resp.Header.Reset() // 100 Continue, 103 Early Hints
	}
	resp.flight, resp.conn = f, cn
	resp.Body.start(resp)
	return resp, nil
}

func (cn *conn) write(req *Request) error {
	if tcp, ok := cn.Conn.(*net.TCPConn); ok && len(req.Long) == 0 && req.Size > writeBuffer {
		return cn.writeWhole(tcp, req)
	}
	w := cn.bw
	w.Reset(cn)
	cn.wrote = false
	_, _ = w.Write(req.Head) // bufio keeps the first error for Flush
	_, _ = w.Write(req.Extra)
	_, _ = w.WriteString("Content-Length: ")
	_, _ = w.Write(fasthttp.AppendUint(w.AvailableBuffer(), req.Size))
	_, _ = w.WriteString("\r\n\r\n")
	if len(req.Long) > 0 {
		if err := writeLong(w, req.Long); err != nil {
			return err
		}
	} else {
		for _, part := range req.Body {
			_, _ = w.Write(part)
		}
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("send the request: %w", err)
	}
	return nil
}

// writeWhole sends a large body and what goes before it by one system call, if the system takes that much.
func (cn *conn) writeWhole(tcp *net.TCPConn, req *Request) error {
	cn.wrote = false
	cn.lead = append(append(append(cn.lead[:0], req.Head...), req.Extra...), "Content-Length: "...)
	cn.lead = append(fasthttp.AppendUint(cn.lead, req.Size), "\r\n\r\n"...)
	cn.parts = append(append(cn.parts[:0], cn.lead), req.Body...)
	cn.left = cn.parts
	n, err := cn.left.WriteTo(tcp)
	cn.wrote, cn.left = n > 0, nil
	clear(cn.parts)
	if err != nil {
		return fmt.Errorf("send the request: %w", err)
	}
	return nil
}

// copyBuffers are for what is copied out of files.
//
//nolint:gochecknoglobals // a pool
var copyBuffers = sync.Pool{New: func() any { return new([64 << 10]byte) }}

// writeLong writes sections. What cannot be read ends the exchange: its length has been promised.
func writeLong(w *bufio.Writer, sections []Section) error {
	buf := copyBuffers.Get().(*[64 << 10]byte) //nolint:forcetypeassert // the pool holds nothing else
	defer copyBuffers.Put(buf)
	for _, s := range sections {
		if s.From == nil {
			_, _ = w.Write(s.Bytes) // as in write
			continue
		}
		for off, end := s.Off, s.Off+s.Size; off < end; {
			n, err := s.From.ReadAt(buf[:min(int64(len(buf)), end-off)], off)
			if n == 0 {
				return fmt.Errorf("read what is to be sent: %w", unexpected(err))
			}
			off += int64(n)
			if _, err := w.Write(buf[:n]); err != nil {
				return fmt.Errorf("send the request: %w", err)
			}
		}
	}
	return nil
}

func failure(f *Flight, err error) error {
	kind := Lost
	var timeout interface{ Timeout() bool }
	var small *fasthttp.ErrSmallBuffer
	switch {
	case f.Cause() != Running:
		kind = Cancelled
	case errors.As(err, &timeout) && timeout.Timeout():
		kind = Timeout
	case errors.As(err, &small):
		kind = Malformed
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed), isNetwork(err):
	default:
		kind = Malformed
	}
	return &Failure{kind, err}
}

func isNetwork(err error) bool {
	var network net.Error
	return errors.As(err, &network)
}

// pop takes the youngest idle connection; nil when there is none.
func (h *Host) pop() *conn {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := len(h.idle)
	if n == 0 {
		return nil
	}
	cn := h.idle[n-1]
	h.idle[n-1] = nil
	h.idle = h.idle[:n-1]
	return cn
}

// push keeps a connection for the next request.
func (h *Host) push(cn *conn) {
	cn.used = h.client.now()
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.idle) >= maxIdlePerHost {
		_ = cn.Close()
		return
	}
	h.idle = append(h.idle, cn)
	if h.timer == nil {
		h.timer = time.AfterFunc(idleTimeout, h.sweep)
	}
}

// sweep closes what has been idle for too long. Its timer runs only while something is idle.
func (h *Host) sweep() {
	left := h.expire(h.client.now().Add(-idleTimeout))
	h.mu.Lock()
	defer h.mu.Unlock()
	if left == 0 && len(h.idle) == 0 {
		h.timer = nil
		return
	}
	h.timer.Reset(idleTimeout)
}

// expire closes the connections idle since before; the zero time means all. It returns how many are left.
func (h *Host) expire(before time.Time) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	keep := h.idle[:0]
	for _, cn := range h.idle {
		if before.IsZero() || cn.used.Before(before) {
			_ = cn.Close()
			continue
		}
		keep = append(keep, cn)
	}
	clear(h.idle[len(keep):])
	h.idle = keep
	return len(keep)
}
