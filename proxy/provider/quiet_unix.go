//go:build unix

package provider

import (
	"net"
	"syscall"
)

// probe looks at an idle connection. It is made once for each, so that looking costs a system call and no memory.
type probe struct {
	raw  syscall.RawConn // nil: it cannot be told
	look func(fd uintptr)
	idle bool
}

// of readies the probe for a connection.
func (p *probe) of(c net.Conn) {
	for {
		inner, ok := c.(interface{ NetConn() net.Conn })
		if !ok {
			break
		}
		c = inner.NetConn()
	}
	sc, ok := c.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return
	}
	p.raw, p.look = raw, func(fd uintptr) {
		var one [1]byte
		n, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		p.idle = n < 0 && (err == syscall.EAGAIN || err == syscall.EWOULDBLOCK) //nolint:errorlint // errno values
	}
}

// quiet says whether nothing has arrived on the connection: neither the other side's end of it nor bytes that nobody
// asked for.
func (p *probe) quiet() bool {
	if p.raw == nil {
		return true
	}
	p.idle = false
	err := p.raw.Control(p.look) // Control, not Read: that fails after an old deadline
	return err == nil && p.idle
}
