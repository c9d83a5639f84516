package limit_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"gatehouse/internal/testkit"
	"gatehouse/proxy/limit"
)

// Replicas over one Redis share a limit; without it, each keeps to its part.
func TestReplicas(t *testing.T) {
	t.Parallel()
	clock := testkit.NewClock()
	server := miniredis.RunT(t)
	server.SetTime(clock.Now())
	var replicas []*limit.Redis
	for i := range 3 {
		replicas = append(replicas, newRedis(t, server, clock, func() (int64, bool) { return 3, i == 0 }))
	}
	heard := func() { // of each other: the first time a replica only learns the server's clock
		for range 2 {
			for _, r := range replicas {
				r.Beat(t.Context())
			}
		}
	}
	heard()
	key, tiny := limit.Want{Scope: "key:a", RPM: at(10)}, limit.Want{Scope: "key:tiny", RPM: at(2)}
	count := func(w limit.Want) (passed int) {
		for i := range 30 {
			s, err := replicas[i%3].Take(t.Context(), []limit.Want{w}, 0)
			var r *limit.Refused
			switch {
			case err == nil:
				passed++
				s.Settle(0)
			case !errors.As(err, &r):
				t.Fatal(err)
			}
		}
		return passed
	}
	if got := count(key); got != 10 {
		t.Errorf("%d of 30 calls passed a limit of 10", got)
	}
	server.SetError("LOADING")
	// The minute's calls are known without Redis too: nobody starts again from nothing.
	if got := count(key); got != 0 {
		t.Errorf("%d more passed in the same minute, when redis went away", got)
	}
	clock.Advance(time.Minute)
	if got := count(key); got != 9 {
		t.Errorf("%d passed without redis, want three for each of three", got)
	}
	if got := count(tiny); got != 2 {
		t.Errorf("%d passed a limit smaller than the number of replicas, want 2", got)
	}
	for i, r := range replicas {
		if r.Catch(t.Context()) || i > 0 && !r.Degraded() {
			t.Errorf("replica %d still trusts redis", i)
		}
	}
	server.SetError("")
	clock.Advance(time.Second) // the next probe
	server.SetTime(clock.Now())
	for _, r := range replicas {
		if !r.Catch(t.Context()) {
			t.Fatal("redis answers, and was not told")
		}
	}
	heard()
	if got := count(key); got != 1 {
		t.Errorf("%d more passed in the minute in which redis came back, want the one that nobody has had", got)
	}
	clock.Advance(time.Minute)
	server.SetTime(clock.Now())
	heard()
	if got := count(key); got != 10 {
		t.Errorf("%d passed after redis came back, want 10", got)
	}
	for i, r := range replicas {
		if r.Degraded() {
			t.Errorf("replica %d still works alone", i)
		}
	}
}

// brokenRedis answers nothing and counts who asks.
type brokenRedis struct {
	redis.Scripter
	asked int
}

func (b *brokenRedis) EvalSha(ctx context.Context, _ string, _ []string, _ ...any) *redis.Cmd {
	b.asked++
	c := redis.NewCmd(ctx)
	c.SetErr(errors.New("i/o timeout"))
	return c
}

// A broken Redis is asked by the call that finds it broken, and after that by the one goroutine that has to tell it of that
// call: five times, then once a second.
func TestBreakerSparesRedis(t *testing.T) {
	t.Parallel()
	clock := testkit.NewClock()
	broken := &brokenRedis{}
	r := limit.NewRedis(limit.RedisOptions{Client: broken, Now: clock.Now, Name: "r"})
	w := limit.Want{Scope: "key:a", RPM: at(1000)}
	call := func(n int) int {
		before := broken.asked
		for range n {
			take(t, r, 0, w).Settle(0)
			r.Catch(t.Context())
		}
		return broken.asked - before
	}
	if n := call(50); n != 6 {
		t.Errorf("redis was asked %d times until the breaker opened, want twice for the first call and four times to tell of it", n)
	}
	clock.Advance(time.Second)
	if n := call(50); n != 1 {
		t.Errorf("%d asked in the second that was due for a probe", n)
	}
	if n := call(50); n != 0 {
		t.Errorf("%d asked a broken redis", n)
	}
}

func TestSlotsOfADeadReplicaRunOut(t *testing.T) {
	t.Parallel()
	clock := testkit.NewClock()
	server := miniredis.RunT(t)
	server.SetTime(clock.Now())
	dead, alive := newRedis(t, server, clock, nil), newRedis(t, server, clock, nil)
	w := limit.Want{Scope: "key:a", Parallel: at(2)}
	take(t, dead, 0, w)
	long := take(t, alive, 0, w)
	for range 4 { // the living renews its own
		clock.Advance(20 * time.Second)
		server.SetTime(clock.Now())
		alive.Renew(t.Context())
	}
	second := take(t, alive, 0, w)
	full(t, alive, 0, w)
	second.Settle(0)
	long.Settle(0)
	members, err := server.ZMembers("gatehouse:{key:a}:p")
	if err == nil && len(members) != 0 {
		t.Errorf("leases left: %q", members)
	}
}

func TestCallerThatLeft(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	r := newRedis(t, server, testkit.NewClock(), nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 10 {
		if _, err := r.Take(ctx, []limit.Want{{Scope: "a", RPM: at(1)}}, 0); !errors.Is(err, context.Canceled) {
			t.Fatalf("%v", err)
		}
	}
	if r.Degraded() {
		t.Error("callers that left have opened the breaker")
	}
}

// flaky is a Redis whose answers get lost while told so: what it was asked is done.
type flaky struct {
	redis.Scripter
	lose bool
}

func (f *flaky) EvalSha(ctx context.Context, sha string, keys []string, args ...any) *redis.Cmd {
	c := f.Scripter.EvalSha(ctx, sha, keys, args...)
	if f.lose && !redis.HasErrorPrefix(c.Err(), "NOSCRIPT") {
		c.SetErr(errors.New("i/o timeout"))
	}
	return c
}

// A call whose answer from Redis is lost is counted once, whatever becomes of it, and holds no slot afterwards.
func TestLostAnswersAreMadeUpFor(t *testing.T) {
	t.Parallel()
	clock := testkit.NewClock()
	server := miniredis.RunT(t)
	server.SetTime(clock.Now())
	client := redis.NewClient(&redis.Options{Addr: server.Addr()})
	t.Cleanup(func() { _ = client.Close() })
	net := &flaky{Scripter: client}
	r := limit.NewRedis(limit.RedisOptions{Client: net, Now: clock.Now, Name: "r", Share: func() (int64, bool) { return 2, true }})
	w := limit.Want{Scope: "key:a", RPM: at(10), TPM: at(1000), Parallel: at(8)}
	take(t, r, 10, w).Settle(10)
	net.lose = true
	lost := take(t, r, 20, w) // done there, admitted here by this replica's share
	lost.Settle(20)
	away := make([]*limit.Slot, 0, 3)
	for range 3 { // two more that are done there; from the fifth failure on nobody asks
		away = append(away, take(t, r, 30, w))
	}
	full(t, r, 0, w) // the share is used up; Redis may have counted this one
	for _, s := range away {
		s.Settle(30)
	}
	net.lose = false
	clock.Advance(2 * time.Second)
	server.SetTime(clock.Now())
	if !r.Catch(t.Context()) {
		t.Fatal("redis answers, and was not told")
	}
	if got := server.HGet("gatehouse:{key:a}:w", "r"); got != "5" {
		t.Errorf("%s calls are counted, want 5", got)
	}
	if got := server.HGet("gatehouse:{key:a}:w", "t"); got != "120" {
		t.Errorf("%s tokens are counted, want 120", got)
	}
	if members, err := server.ZMembers("gatehouse:{key:a}:p"); err == nil && len(members) != 0 {
		t.Errorf("leases left: %q", members)
	}
}

// A call that ends while Redis is away gives its slot back as soon as it answers.
func TestEndsAreTold(t *testing.T) {
	t.Parallel()
	clock := testkit.NewClock()
	server := miniredis.RunT(t)
	server.SetTime(clock.Now())
	r := newRedis(t, server, clock, nil)
	w := limit.Want{Scope: "key:a", Parallel: at(1), TPM: at(100)}
	s := take(t, r, 10, w)
	server.SetError("LOADING")
	s.Settle(30)
	server.SetError("")
	full(t, r, 0, w)
	if !r.Catch(t.Context()) {
		t.Fatal("redis answers, and was not told")
	}
	take(t, r, 0, w).Settle(0)
	if got := server.HGet("gatehouse:{key:a}:w", "t"); got != "30" {
		t.Errorf("%s tokens are counted, want 30", got)
	}
}

// A Redis that comes back empty in the middle of a window is told what it had counted.
func TestRedisThatLosesItsData(t *testing.T) {
	t.Parallel()
	clock := testkit.NewClock()
	server := miniredis.RunT(t)
	server.SetTime(clock.Now())
	r := newRedis(t, server, clock, nil)
	w := limit.Want{Scope: "key:a", RPM: at(10)}
	for range 6 {
		take(t, r, 0, w).Settle(0)
	}
	clock.Advance(10 * time.Second)
	server.SetTime(clock.Now())
	server.FlushAll()
	take(t, r, 0, w).Settle(0)
	if !r.Catch(t.Context()) {
		t.Fatal("redis answers, and was not told")
	}
	for range 3 {
		take(t, r, 0, w).Settle(0)
	}
	full(t, r, 0, w)
	if members, err := server.ZMembers("gatehouse:{key:a}:p"); err == nil && len(members) != 0 {
		t.Errorf("leases left: %q", members)
	}
}

// An open call that was admitted without Redis is among those in parallel once Redis knows of it, and until it ends; and
// what it used in the end counts.
func TestOpenCallsAreTold(t *testing.T) {
	t.Parallel()
	clock := testkit.NewClock()
	server := miniredis.RunT(t)
	server.SetTime(clock.Now())
	r := newRedis(t, server, clock, nil)
	w := limit.Want{Scope: "key:a", Parallel: at(1), TPM: at(100)}
	server.SetError("LOADING")
	s := take(t, r, 40, w)
	server.SetError("")
	if !r.Catch(t.Context()) {
		t.Fatal("redis answers, and was not told")
	}
	full(t, r, 0, w)
	s.Settle(15)
	take(t, r, 0, w).Settle(0)
	if got := server.HGet("gatehouse:{key:a}:w", "t"); got != "15" {
		t.Errorf("%s tokens are counted, want 15", got)
	}
}

// Without Redis each replica enforces its share.
func TestShares(t *testing.T) {
	t.Parallel()
	clock := testkit.NewClock()
	for _, tc := range []struct {
		limit, replicas int64
		lowest          bool
		want            int
	}{{10, 1, true, 10}, {10, 3, false, 3}, {10, 3, true, 3}, {2, 3, true, 2}, {2, 3, false, 0}, {0, 3, true, 0}} {
		m := limit.NewMemory(clock.Now, 0, func() (int64, bool) { return tc.replicas, tc.lowest })
		got := 0
		for range 20 {
			if s, err := m.Take(t.Context(), []limit.Want{{Scope: "a", RPM: at(tc.limit)}}, 0); err == nil {
				got++
				s.Settle(0)
			}
		}
		if r := refuse(t, m, 0, limit.Want{Scope: "a", RPM: at(tc.limit)}); got != tc.want || r.Limit != tc.limit {
			t.Errorf("%+v: %d passed, refusal %+v", tc, got, r)
		}
	}
}
