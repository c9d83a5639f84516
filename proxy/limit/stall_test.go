package limit_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"gatehouse/internal/testkit"
	"gatehouse/proxy/limit"
)

// valve stands between a replica and Redis. While it is shut nothing passes, and nothing is lost: as with a server that has
// stopped for a moment.
type valve struct {
	ln   net.Listener
	mu   sync.Mutex
	open chan struct{} // closed while it is open
}

func newValve(t *testing.T, to string) *valve {
	t.Helper()
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	v := &valve{ln: ln, open: make(chan struct{})}
	close(v.open)
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			in, err := ln.Accept()
			if err != nil {
				return
			}
			out, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", to)
			if err != nil {
				_ = in.Close()
				continue
			}
			go v.pipe(in, out)
			go v.pipe(out, in)
		}
	}()
	return v
}

func (v *valve) pipe(to, from net.Conn) {
	buf := make([]byte, 16<<10)
	for {
		n, err := from.Read(buf)
		v.mu.Lock()
		open := v.open
		v.mu.Unlock()
		<-open
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				break
			}
		}
		if err != nil {
			break
		}
	}
	_, _ = to.Close(), from.Close()
}

func (v *valve) shut() {
	v.mu.Lock()
	v.open = make(chan struct{})
	v.mu.Unlock()
}

func (v *valve) let() {
	v.mu.Lock()
	close(v.open)
	v.mu.Unlock()
}

// stalled are two replicas over one real Redis, each through a valve, and one limit of 60 calls.
type stalled struct {
	t        *testing.T
	valves   []*valve
	replicas []*limit.Redis
	want     limit.Want
	passed   [2]int
}

func newStalled(t *testing.T) *stalled {
	t.Helper()
	address := testkit.Redis(t)
	host, db, _ := strings.Cut(strings.TrimPrefix(address, "redis://"), "/")
	s := &stalled{t: t, want: limit.Want{Scope: "key:a", RPM: at(60)}}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for i := range 2 {
		v := newValve(t, host)
		opt, err := redis.ParseURL("redis://" + v.ln.Addr().String() + "/" + db)
		if err != nil {
			t.Fatal(err)
		}
		limit.TuneRedis(opt)
		client := redis.NewClient(opt)
		t.Cleanup(func() { _ = client.Close() })
		r := limit.NewRedis(limit.RedisOptions{
			Client: client, Now: time.Now, Window: 10 * time.Minute, Name: fmt.Sprint("replica-", i), Share: func() (int64, bool) { return 2, i == 0 },
		})
		running.Go(func() { _ = r.Run(ctx) })
		running.Go(func() { _ = r.RunBeats(ctx) })
		s.valves, s.replicas = append(s.valves, v), append(s.replicas, r)
	}
	t.Cleanup(func() { cancel(); running.Wait() })
	s.whole()
	return s
}

// whole waits until both replicas ask Redis for each call.
func (s *stalled) whole() {
	s.t.Helper()
	probe := limit.Want{Scope: "key:probe", RPM: at(1_000_000)}
	deadline := time.Now().Add(testkit.Patience)
	for _, r := range s.replicas {
		for n := 0; n < 5; n++ {
			slot, err := r.Take(s.t.Context(), []limit.Want{probe}, 0)
			if slot.Settle(0); err != nil || r.Degraded() {
				n = -1
			}
			if time.Now().After(deadline) {
				s.t.Fatal("redis is not used again")
			}
			time.Sleep(10 * time.Millisecond) // for the beats of the other
		}
	}
}

// offer sends n calls to one replica, one after the other.
func (s *stalled) offer(replica, n int) {
	s.t.Helper()
	for range n {
		slot, err := s.replicas[replica].Take(s.t.Context(), []limit.Want{s.want}, 0)
		var refused *limit.Refused
		switch {
		case err == nil:
			s.passed[replica]++
			slot.Settle(0)
		case !errors.As(err, &refused):
			s.t.Error(err)
		}
	}
}

// both offers n calls to each at the same time.
func (s *stalled) both(n int) {
	s.t.Helper()
	var group sync.WaitGroup
	for i := range s.replicas {
		group.Go(func() { s.offer(i, n) })
	}
	group.Wait()
}

// end offers the rest of the window, until all that may pass has.
func (s *stalled) end(most int) {
	s.t.Helper()
	s.whole()
	deadline := time.Now().Add(testkit.Patience)
	for time.Now().Before(deadline) && s.passed[0]+s.passed[1] < 60 {
		s.both(5)
	}
	s.both(20)
	if got := s.passed[0] + s.passed[1]; got < 60 || got > most {
		s.t.Errorf("%d of a limit of 60 passed: %v", got, s.passed)
	}
}

// A Redis that stalls, for one replica or for all, lets nobody pass a limit, neither while it stalls nor when it is told
// afterwards; and what is left is refused to nobody for good. Only what one replica has taken beyond its share, and the
// other has not been told of before it was cut off, can come on top.
func TestStallsPassNoLimit(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		over int
		run  func(s *stalled)
	}{
		"one replica is cut off": {0, func(s *stalled) {
			s.both(10)
			s.valves[0].shut()
			s.offer(0, 50) // takes its share
			s.offer(1, 50) // knows nothing of it, and must leave it
			s.valves[0].let()
		}},
		"the other one goes on": {0, func(s *stalled) {
			s.both(10)
			s.valves[1].shut()
			s.both(20)
			s.both(40)
			s.valves[1].let()
		}},
		"the other one is much faster": {20, func(s *stalled) {
			s.both(10)
			s.valves[1].shut()
			s.both(60) // beyond its share, before it can know; what the first has not yet had of its own comes on top
			s.valves[1].let()
		}},
		"both are cut off": {0, func(s *stalled) {
			s.both(10)
			s.valves[0].shut()
			s.valves[1].shut()
			s.both(50)
			s.valves[0].let()
			s.valves[1].let()
		}},
		"both, and only one comes back": {0, func(s *stalled) {
			s.both(10)
			s.valves[0].shut()
			s.valves[1].shut()
			s.offer(0, 50)
			s.valves[1].let()
			s.offer(1, 100)
			s.valves[0].let()
		}},
		"short stalls, again and again": {0, func(s *stalled) {
			for i := range 12 {
				v := s.valves[i%2]
				v.shut()
				s.both(3)
				v.let()
				s.both(1)
			}
		}},
		"what was left is all that is split": {0, func(s *stalled) {
			s.offer(1, 50) // more than its share, which both know
			s.offer(0, 2)
			s.valves[0].shut()
			s.valves[1].shut()
			s.both(30)
			s.valves[0].let()
			s.valves[1].let()
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStalled(t)
			tc.run(s)
			if got := s.passed[0] + s.passed[1]; got > 60+tc.over {
				t.Errorf("%d of a limit of 60 passed: %v", got, s.passed)
			}
			s.end(60 + tc.over)
		})
	}
}
