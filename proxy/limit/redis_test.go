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
	for i, r := range replicas {
		if !r.Degraded() {
			t.Errorf("replica %d still trusts redis", i)
		}
	}
	clock.Advance(time.Minute)
	if got := count(key); got != 9 {
		t.Errorf("%d passed without redis, want three for each of three", got)
	}
	if got := count(tiny); got != 2 {
		t.Errorf("%d passed a limit smaller than the number of replicas, want 2", got)
	}
	server.SetError("")
	clock.Advance(time.Minute)
	server.SetTime(clock.Now())
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

// While Redis is broken, one call a second asks it and all others do not.
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
		}
		return broken.asked - before
	}
	if n := call(50); n != 5 {
		t.Errorf("redis was asked %d times until the breaker opened, want 5", n)
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
