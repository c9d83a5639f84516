package app

import (
	"net"
	"syscall"
	"time"
)

// The pace that a client must keep while it sends a request: ten seconds to start with, and a second more for
// each KiB that has arrived. fasthttp's own ReadTimeout does not cover streamed bodies (reliability.md §8.1).
const (
	requestGrace = 10 * time.Second
	bytesPerSec  = 1 << 10
)

// pacedListener hands out connections whose reads end when the client is too slow.
type pacedListener struct {
	net.Listener
	now func() time.Time
}

func (l pacedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &pacedConn{Conn: c, now: l.now}, nil
}

// pacedConn sets a deadline of its own before every read. fasthttp calls SetReadDeadline at the start of each
// request; that call is taken as the mark of a new request and its value only as the wait for the first byte.
type pacedConn struct {
	net.Conn
	now   func() time.Time
	start time.Time // of the request that is being read; zero until its first byte
	wait  time.Time // deadline for the first byte
	read  int64     // bytes of this request so far
}

func (c *pacedConn) SetReadDeadline(t time.Time) error {
	c.wait, c.start, c.read = t, time.Time{}, 0
	return c.Conn.SetReadDeadline(t)
}

func (c *pacedConn) Read(b []byte) (int, error) {
	if c.read > 0 {
		limit := c.start.Add(requestGrace + time.Duration(c.read/bytesPerSec)*time.Second)
		if err := c.Conn.SetReadDeadline(limit); err != nil {
			return 0, err
		}
	}
	n, err := c.Conn.Read(b)
	if n > 0 && c.read == 0 {
		c.start = c.now()
	}
	c.read += int64(n)
	return n, err
}

// SyscallConn gives the data plane the raw connection, on which it looks for a client that has left.
func (c *pacedConn) SyscallConn() (syscall.RawConn, error) {
	if sc, ok := c.Conn.(syscall.Conn); ok {
		return sc.SyscallConn()
	}
	return nil, syscall.EINVAL
}
