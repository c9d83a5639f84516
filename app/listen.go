package app

import (
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"time"
)

// The pace that a client must keep while it sends a request: ten seconds to start with, and a second more for
// each KiB that has arrived. fasthttp's own ReadTimeout does not cover streamed bodies (reliability.md §8.1).
const (
	requestGrace = 10 * time.Second
	bytesPerSec  = 1 << 10
)

// A client that takes nothing of an answer for this long is cut. An answer goes out in pieces, so that a slow client of
// a large one has this long for each.
const (
	writeGrace = 30 * time.Second
	writePiece = 64 << 10
	renewAfter = 5 * time.Second // moving a deadline costs, so it is not done for every write
	waitSlack  = time.Second     // nor for every request that is waited for
)

// What a client may still send when it was answered before it had sent its whole request: closing at once would reset
// the connection, and the client would lose the answer.
const (
	lingerTime  = 2 * time.Second
	lingerBytes = 16 << 20
)

// pacedListener hands out connections that end when the client is too slow, and knows how many are in use.
type pacedListener struct {
	net.Listener
	now  func() time.Time
	busy atomic.Int64 // connections between the first byte of a request and the end of its answer
}

func (l *pacedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &pacedConn{Conn: c, now: l.now, busy: &l.busy}, nil
}

// pacedConn sets a deadline of its own before every read. fasthttp calls SetReadDeadline at the start of each
// request; that call is taken as the mark of a new request and its value only as the wait for the first byte, which may
// last waitSlack longer.
type pacedConn struct {
	net.Conn
	now     func() time.Time
	busy    *atomic.Int64
	raw     syscall.RawConn
	wait    time.Time // until when the first byte is waited for; zero: for ever
	due     time.Time // the deadline that is set for reads
	start   time.Time // of the request that is being read; zero until its first byte
	read    int64     // bytes of this request so far
	renewed time.Time // when the write deadline was set
	linger  bool      // the client may still be sending when this closes
	inUse   atomic.Bool
}

// SetReadDeadline takes effect with the next read: most requests need none after it.
func (c *pacedConn) SetReadDeadline(t time.Time) error {
	c.start, c.read, c.wait = time.Time{}, 0, t
	return nil
}

// SetDeadline sets both deadlines at once.
func (c *pacedConn) SetDeadline(t time.Time) error {
	c.start, c.read, c.wait, c.due = time.Time{}, 0, t, t
	return c.Conn.SetDeadline(t)
}

// pace sets the deadline of the next read.
func (c *pacedConn) pace() error {
	due := c.wait
	if c.read > 0 {
		due = c.start.Add(requestGrace + time.Duration(c.read/bytesPerSec)*time.Second)
	} else if !due.IsZero() {
		if late := c.due.Sub(due); late >= 0 && late <= waitSlack {
			return nil
		}
		due = due.Add(waitSlack)
	}
	if due.Equal(c.due) {
		return nil
	}
	c.due = due
	return c.Conn.SetReadDeadline(due)
}

func (c *pacedConn) Read(b []byte) (int, error) {
	if err := c.pace(); err != nil {
		return 0, err
	}
	n, err := c.Conn.Read(b)
	if n > 0 && c.read == 0 {
		c.start = c.now()
		c.use(true)
	}
	c.read += int64(n)
	return n, err
}

func (c *pacedConn) Write(b []byte) (int, error) {
	sent := 0
	for {
		if now := c.now(); now.Sub(c.renewed) > renewAfter || len(b) > writePiece {
			c.renewed = now
			if err := c.Conn.SetWriteDeadline(now.Add(writeGrace)); err != nil {
				return sent, err
			}
		}
		piece := b[:min(len(b), writePiece)]
		n, err := c.Conn.Write(piece)
		sent += n
		b = b[len(piece):]
		if err != nil || len(b) == 0 {
			return sent, err
		}
	}
}

// use notes that a request begins or that its answer is complete.
func (c *pacedConn) use(on bool) {
	if c.inUse.CompareAndSwap(!on, on) {
		if on {
			c.busy.Add(1)
		} else {
			c.busy.Add(-1)
		}
	}
}

func (c *pacedConn) Close() error {
	defer c.use(false)
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok && c.linger && half.CloseWrite() == nil {
		if c.Conn.SetReadDeadline(c.now().Add(lingerTime)) == nil {
			_, _ = io.CopyN(io.Discard, c.Conn, lingerBytes) // what comes is not wanted
		}
	}
	return c.Conn.Close()
}

// SyscallConn gives the data plane the raw connection, on which it looks for a client that has left.
func (c *pacedConn) SyscallConn() (syscall.RawConn, error) {
	if c.raw != nil {
		return c.raw, nil
	}
	sc, ok := c.Conn.(syscall.Conn)
	if !ok {
		return nil, syscall.EINVAL
	}
	var err error
	c.raw, err = sc.SyscallConn()
	return c.raw, err
}
