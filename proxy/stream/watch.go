package stream

import (
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Watcher notices clients that hang up while they wait. Neither fasthttp nor a context tells, and a failed write comes
// seconds late (reliability.md §15), so one goroutine looks at the connections of all waiting calls four times a second;
// it ends when nobody waits. Safe for concurrent use.
type Watcher struct {
	every  time.Duration
	shards [shards]watchShard
	next   atomic.Uint32
	count  atomic.Int64
	mu     sync.Mutex
	on     bool
}

const shards = 8

type watchShard struct {
	mu   sync.Mutex
	head *Watch // ring with a sentinel would cost a struct a shard; nil-ended list
}

// Watch is one connection under watch. It is a part of the call it belongs to and may be used again after Remove.
type Watch struct {
	shard      *watchShard
	prev, next *Watch
	raw        syscall.RawConn
	look       func(fd uintptr) // made once, so that looking allocates nothing
	gone       bool
	call       Watched
}

// Watched is a call under watch. Its methods are called with a lock held and must not block.
type Watched interface {
	Left() // the client has hung up; called once
	Stop() // the process wants all calls to end
}

// PollEvery is how often connections are looked at.
const PollEvery = 250 * time.Millisecond

// NewWatcher makes a watcher that looks every so often.
func NewWatcher(every time.Duration) *Watcher { return &Watcher{every: every} }

// Add watches conn for call until Remove.
func (t *Watcher) Add(w *Watch, conn net.Conn, call Watched) {
	w.raw, w.gone, w.call = rawConn(conn), false, call
	if w.look == nil {
		w.look = func(fd uintptr) { w.gone = hungUp(fd) }
	}
	s := &t.shards[t.next.Add(1)%shards]
	s.mu.Lock()
	w.shard, w.prev, w.next = s, nil, s.head
	if s.head != nil {
		s.head.prev = w
	}
	s.head = w
	s.mu.Unlock()
	if t.count.Add(1) == 1 {
		t.wake()
	}
}

// Remove ends the watch. After it returns the call hears nothing more.
func (t *Watcher) Remove(w *Watch) {
	s := w.shard
	if s == nil {
		return
	}
	s.mu.Lock()
	if w.prev != nil {
		w.prev.next = w.next
	} else {
		s.head = w.next
	}
	if w.next != nil {
		w.next.prev = w.prev
	}
	w.shard, w.prev, w.next, w.raw, w.call = nil, nil, nil, nil, nil
	s.mu.Unlock()
	t.count.Add(-1)
}

// Open is the number of calls under watch.
func (t *Watcher) Open() int64 { return t.count.Load() }

// StopAll tells every call under watch to end.
func (t *Watcher) StopAll() {
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		for w := s.head; w != nil; w = w.next {
			w.call.Stop()
		}
		s.mu.Unlock()
	}
}

// wake starts the goroutine unless it runs.
func (t *Watcher) wake() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.on {
		t.on = true
		go t.run()
	}
}

func (t *Watcher) run() {
	tick := time.NewTicker(t.every)
	defer tick.Stop()
	for range tick.C {
		for i := range t.shards {
			t.shards[i].look()
		}
		t.mu.Lock()
		if t.count.Load() <= 0 {
			t.on = false
			t.mu.Unlock()
			return
		}
		t.mu.Unlock()
	}
}

func (s *watchShard) look() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for w := s.head; w != nil; w = w.next {
		if w.raw == nil || w.gone {
			continue
		}
		if err := w.raw.Control(w.look); err != nil {
			w.gone = true // closed on our side
		}
		if w.gone {
			w.call.Left()
		}
	}
}

// rawConn finds the file descriptor under the wrappers of a connection; nil when there is none to look at.
func rawConn(conn net.Conn) syscall.RawConn {
	for conn != nil {
		if sc, ok := conn.(syscall.Conn); ok {
			raw, err := sc.SyscallConn()
			if err != nil {
				return nil
			}
			return raw
		}
		inner, ok := conn.(interface{ NetConn() net.Conn })
		if !ok {
			return nil
		}
		conn = inner.NetConn()
	}
	return nil
}
