package provider

import (
	"context"
	"net"
	"sync"
	"time"
)

// Cause says why an exchange was ended from outside.
type Cause uint8

// The causes.
const (
	Running    Cause = iota // it was not
	ClientGone              // the client hung up
	Shutdown                // the process stops
	Expired                 // a time limit of the whole call
)

// Flight is one upstream exchange that another goroutine may end: the poller that sees the client leave, or a
// shutdown. It is a context in all but cost. The zero Flight is ready; Reset readies a used one. Safe for concurrent use.
type Flight struct {
	mu    sync.Mutex
	conn  net.Conn
	stop  context.CancelFunc // while dialling
	cause Cause
	wake  chan struct{} // closed by Cancel while somebody sleeps
}

// past is a deadline that has always been missed.
var past = time.Unix(1, 0)

// Cancel ends the exchange: what blocks on the connection returns at once. The first cause stays.
func (f *Flight) Cancel(cause Cause) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.cause != Running {
		return
	}
	f.cause = cause
	if f.conn != nil {
		_ = f.conn.SetDeadline(past) // a connection that refuses it is closed, which is as good
	}
	if f.stop != nil {
		f.stop()
	}
	if f.wake != nil {
		close(f.wake)
		f.wake = nil
	}
}

// Sleep waits, and says whether the flight is still on afterwards.
func (f *Flight) Sleep(d time.Duration) bool { return f.Wait(nil, d) }

// Wait waits for done to be closed, d at most, and says whether the flight is still on afterwards.
func (f *Flight) Wait(done <-chan struct{}, d time.Duration) bool {
	f.mu.Lock()
	if f.cause != Running {
		f.mu.Unlock()
		return false
	}
	wake := make(chan struct{})
	f.wake = wake
	f.mu.Unlock()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-wake:
		return false
	case <-done:
	case <-timer.C:
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.wake = nil
	return f.cause == Running
}

// Cause says whether and why the exchange was ended.
func (f *Flight) Cause() Cause {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.cause
}

// Reset readies f for another call. Nobody else may hold it any more.
func (f *Flight) Reset() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.conn, f.stop, f.wake, f.cause = nil, nil, nil, Running
}

// attach ties the flight to a connection and sets its deadline; false when the flight is over.
func (f *Flight) attach(conn net.Conn, deadline time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.cause != Running || conn.SetDeadline(deadline) != nil {
		return false
	}
	f.conn = conn
	return true
}

// attachSet is attach for a connection whose deadline is set.
func (f *Flight) attachSet(conn net.Conn) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.cause != Running {
		return false
	}
	f.conn = conn
	return true
}

// detach gives the connection up; from here on Cancel does not touch it.
func (f *Flight) detach() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.conn = nil
}

// readBy sets the deadline of the next reads, unless the flight is over.
func (f *Flight) readBy(t time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.cause == Running && f.conn != nil {
		_ = f.conn.SetReadDeadline(t) // as in Cancel
	}
}

// dialling registers the way to stop a dial; false when the flight is over.
func (f *Flight) dialling(stop context.CancelFunc) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.cause != Running {
		return false
	}
	f.stop = stop
	return true
}

func (f *Flight) dialled() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stop = nil
}
