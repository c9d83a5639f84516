package limit_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"gatehouse/internal/testkit"
	"gatehouse/proxy/keyring"
	"gatehouse/proxy/limit"
)

func at(n int64) keyring.Cap { return keyring.Cap{N: n, Set: true} }

// bench is a limiter under test with its clock.
type bench struct {
	limit.Limiter
	advance func(time.Duration)
	used    func(scope string) int64 // parallel calls
}

// limiters are both kinds: what holds for one holds for the other.
func limiters(t *testing.T, run func(t *testing.T, l bench)) {
	t.Helper()
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		clock := testkit.NewClock()
		m := limit.NewMemory(clock.Now, 0, nil)
		run(t, bench{m, func(d time.Duration) { clock.Advance(d) }, m.InFlight})
	})
	t.Run("redis", func(t *testing.T) {
		t.Parallel()
		clock := testkit.NewClock()
		server := miniredis.RunT(t)
		server.SetTime(clock.Now())
		run(t, bench{
			newRedis(t, server, clock, nil),
			func(d time.Duration) { server.SetTime(clock.Advance(d)); server.FastForward(d) },
			func(scope string) int64 {
				members, err := server.ZMembers("gatehouse:{" + scope + "}:p")
				if err != nil {
					return 0
				}
				return int64(len(members))
			},
		})
	})
}

func newRedis(t *testing.T, server *miniredis.Miniredis, clock *testkit.Clock, share func() (int64, bool)) *limit.Redis {
	t.Helper()
	opt := &redis.Options{Addr: server.Addr()}
	limit.TuneRedis(opt)
	// These tests are not about slowness, and the machine that runs them may be slow.
	opt.DialTimeout, opt.ReadTimeout, opt.WriteTimeout = testkit.Patience, testkit.Patience, testkit.Patience
	client := redis.NewClient(opt)
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	return limit.NewRedis(limit.RedisOptions{Client: client, Now: clock.Now, Name: fmt.Sprintf("%p", client), Share: share, Timeout: testkit.Patience})
}

func take(t *testing.T, l limit.Limiter, tokens int64, wants ...limit.Want) *limit.Slot {
	t.Helper()
	s, err := l.Take(t.Context(), wants, tokens)
	if err != nil {
		t.Fatalf("refused: %v", err)
	}
	return s
}

// full fails the test unless the call is refused.
func full(t *testing.T, l limit.Limiter, tokens int64, wants ...limit.Want) {
	t.Helper()
	if r := refuse(t, l, tokens, wants...); r.Error() == "" {
		t.Error("a refusal without a text")
	}
}

func refuse(t *testing.T, l limit.Limiter, tokens int64, wants ...limit.Want) *limit.Refused {
	t.Helper()
	_, err := l.Take(t.Context(), wants, tokens)
	var r *limit.Refused
	if !errors.As(err, &r) {
		t.Fatalf("admitted: %v", err)
	}
	return r
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	limiters(t, func(t *testing.T, l bench) {
		for _, w := range []limit.Want{{Scope: "a", RPM: at(0)}, {Scope: "b", TPM: at(0)}, {Scope: "c", Parallel: at(0)}} {
			full(t, l, 0, w)
		}
		w := limit.Want{Level: keyring.LevelKey, Scope: "key:a", ID: "sk-...abcd", RPM: at(2)}
		take(t, l, 1, w)
		l.advance(20 * time.Second)
		take(t, l, 1, w)
		r := refuse(t, l, 1, w)
		end := testkit.Epoch.Add(time.Minute)
		if r.Kind != limit.Requests || r.Limit != 2 || r.Remaining != 0 || !r.ResetsAt.Equal(end) || r.RetrySeconds() != "40" {
			t.Errorf("%+v", r)
		}
		want := "Rate limit exceeded for api_key: sk-...abcd. Limit type: requests. Current limit: 2, Remaining: 0. Limit resets at: 2026-01-15 12:01:00 UTC"
		if r.Error() != want {
			t.Errorf("text %q", r)
		}
		l.advance(40*time.Second - time.Millisecond)
		full(t, l, 1, w)
		l.advance(time.Millisecond)
		take(t, l, 1, w)
	})
}

// A call refused by one scope must not use up another.
func TestAllTestedBeforeAnyIsCharged(t *testing.T) {
	t.Parallel()
	limiters(t, func(t *testing.T, l bench) {
		key := limit.Want{Level: keyring.LevelKey, Scope: "key:a", RPM: at(1), Parallel: at(1)}
		team := limit.Want{Level: keyring.LevelTeam, Scope: "team:t", ID: "t", TPM: at(1)}
		take(t, l, 1, team)
		for range 3 {
			if r := refuse(t, l, 1, key, team); r.Level != keyring.LevelTeam || r.Kind != limit.Tokens {
				t.Fatalf("%+v", r)
			}
		}
		if n := l.used("key:a"); n != 0 {
			t.Errorf("a refused call holds %d slots", n)
		}
		take(t, l, 1, key)
		// The order of the wants decides who is told, not the order of locks.
		if r := refuse(t, l, 1, team, key); r.Level != keyring.LevelTeam {
			t.Errorf("%+v", r)
		}
		if r := refuse(t, l, 1, key, team); r.Level != keyring.LevelKey {
			t.Errorf("%+v", r)
		}
	})
}

func TestTokens(t *testing.T) {
	t.Parallel()
	limiters(t, func(t *testing.T, l bench) {
		w := limit.Want{Scope: "key:a", TPM: at(100)}
		first := take(t, l, 60, w)
		second := take(t, l, 60, w) // the last call may pass the rate by its own size
		full(t, l, 1, w)
		first.Settle(30) // 90 now
		take(t, l, 5, w).Settle(5)
		second.Settle(70) // 105
		second.Settle(0)
		full(t, l, 1, w)

		l.advance(time.Minute)
		late := take(t, l, 10, w)
		l.advance(time.Minute)
		long := take(t, l, 50, w)
		late.Settle(0) // what was too much belongs to a window that is over
		late.Cancel()
		if r := refuse(t, l, 1, limit.Want{Scope: "key:a", TPM: at(50)}); r.Limit != 50 {
			t.Errorf("%+v", r)
		}
		l.advance(time.Minute)
		take(t, l, 1, w)
		long.Settle(200) // what became known now counts now
		full(t, l, 1, w)
	})
}

func TestParallel(t *testing.T) {
	t.Parallel()
	limiters(t, func(t *testing.T, l bench) {
		w := limit.Want{Level: keyring.LevelUser, Scope: "user:u", ID: "u", Parallel: at(2)}
		a, b := take(t, l, 0, w), take(t, l, 0, w)
		r := refuse(t, l, 0, w)
		if r.Kind != limit.Parallel || r.Limit != 2 || r.RetrySeconds() != "1" {
			t.Errorf("%+v", r)
		}
		a.Settle(10)
		a.Settle(10)
		a.Cancel()
		c := take(t, l, 0, w)
		full(t, l, 0, w)
		b.Cancel()
		c.Settle(0)
		if n := l.used("user:u"); n != 0 {
			t.Errorf("%d slots are still held", n)
		}
	})
}

func TestCancelGivesEverythingBack(t *testing.T) {
	t.Parallel()
	limiters(t, func(t *testing.T, l bench) {
		w := limit.Want{Scope: "key:a", RPM: at(1), TPM: at(100), Parallel: at(1)}
		for range 3 {
			take(t, l, 100, w).Cancel()
		}
		s := take(t, l, 100, w)
		l.advance(time.Minute)
		other := take(t, l, 1, limit.Want{Scope: "key:a", RPM: at(1)})
		s.Cancel() // of the window before: nothing of this one comes back
		full(t, l, 1, limit.Want{Scope: "key:a", RPM: at(1)})
		other.Cancel()
	})
}

func TestRates(t *testing.T) {
	t.Parallel()
	limiters(t, func(t *testing.T, l bench) {
		wants := []limit.Want{
			{Level: keyring.LevelKey, Scope: "key:a", RPM: at(10), TPM: at(1000)},
			{Level: keyring.LevelTeam, Scope: "team:t", RPM: at(3)},
			{Level: keyring.LevelUser, Scope: "user:u"},
		}
		take(t, l, 100, wants...)
		l.advance(15 * time.Second)
		s := take(t, l, 100, wants...)
		if n := len(s.Rates()); n != 3 {
			t.Fatalf("%d rates: %+v", n, s.Rates())
		}
		requests, ok := s.Tightest(limit.Requests)
		if !ok || requests.Level != keyring.LevelTeam || requests.Limit != 3 || requests.Remaining != 1 || requests.Reset != 45*time.Second {
			t.Errorf("%+v", requests)
		}
		if tokens, ok := s.Tightest(limit.Tokens); !ok || tokens.Remaining != 800 {
			t.Errorf("%+v", tokens)
		}
	})
}

func TestNoLimits(t *testing.T) {
	t.Parallel()
	limiters(t, func(t *testing.T, l bench) {
		s := take(t, l, 5, limit.Want{Scope: "key:a"})
		if _, ok := s.Tightest(limit.Requests); s != nil || ok {
			t.Errorf("%+v", s)
		}
		s.Settle(1)
		s.Cancel()
	})
}

// Many at once: exactly the limit passes, and all slots are free afterwards.
func TestConcurrentCalls(t *testing.T) {
	t.Parallel()
	limiters(t, func(t *testing.T, l bench) {
		var passed atomic.Int64
		var calls sync.WaitGroup
		for i := range 60 {
			calls.Go(func() {
				wants := []limit.Want{{Scope: "key:a", RPM: at(25)}, {Scope: "team:t", RPM: at(1000), Parallel: at(1000)}}
				if i%2 == 0 {
					wants[0], wants[1] = wants[1], wants[0]
				}
				s, err := l.Take(context.Background(), wants, 1)
				if err == nil {
					passed.Add(1)
					s.Settle(2)
				}
			})
		}
		calls.Wait()
		if passed.Load() != 25 || l.used("team:t") != 0 || l.used("key:a") != 0 {
			t.Errorf("%d passed, %d held", passed.Load(), l.used("team:t"))
		}
	})
}

// Scopes that are idle are forgotten, those in use are not.
func TestIdleScopesAreSwept(t *testing.T) {
	t.Parallel()
	clock := testkit.NewClock()
	m := limit.NewMemory(clock.Now, 0, nil)
	held := take(t, m, 0, limit.Want{Scope: "held", Parallel: at(1)})
	for round := range 3 {
		for i := range 30_000 {
			take(t, m, 0, limit.Want{Scope: fmt.Sprint(round, "/", i), RPM: at(1)}).Settle(0)
		}
		clock.Advance(2 * time.Minute)
	}
	if n := m.Scopes(); n > 65_000 {
		t.Errorf("%d scopes are kept", n)
	}
	full(t, m, 0, limit.Want{Scope: "held", Parallel: at(1)})
	held.Settle(0)
	take(t, m, 0, limit.Want{Scope: "held", Parallel: at(1)})
}

func TestMemoryAllocations(t *testing.T) {
	m := limit.NewMemory(time.Now, time.Hour, nil)
	wants := []limit.Want{{Scope: "key:a", RPM: at(1 << 40)}, {Scope: "team:t", TPM: at(1 << 40)}, {Scope: "user:u", Parallel: at(1000)}}
	if n := testing.AllocsPerRun(100, func() {
		s, err := m.Take(context.Background(), wants, 1)
		if err != nil {
			panic(err)
		}
		s.Settle(1)
	}); n > 3 {
		t.Errorf("%v allocations, want three: the slot, its scopes, its rates", n)
	}
}

func BenchmarkMemory(b *testing.B) {
	m := limit.NewMemory(time.Now, time.Hour, nil)
	wants := []limit.Want{{Scope: "key:a", RPM: at(1 << 40)}, {Scope: "team:t", TPM: at(1 << 40)}, {Scope: "user:u", Parallel: at(1 << 40)}}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			s, err := m.Take(context.Background(), wants, 1)
			if err != nil {
				b.Error(err)
				return
			}
			s.Settle(1)
		}
	})
}
