package replicas_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"gatehouse/internal/testkit"
)

// relay stands between the replicas and Redis, so that Redis can be cut off.
type relay struct {
	to   string
	ln   net.Listener
	down atomic.Bool
	mu   sync.Mutex
	open []net.Conn
}

func newRelay(t *testing.T, to string) *relay {
	t.Helper()
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{to: to, ln: ln}
	t.Cleanup(func() { _ = ln.Close(); r.cut() })
	go func() {
		for {
			in, err := ln.Accept()
			if err != nil {
				return
			}
			if r.down.Load() {
				_ = in.Close()
				continue
			}
			out, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", r.to)
			if err != nil {
				_ = in.Close()
				continue
			}
			r.mu.Lock()
			r.open = append(r.open, in, out)
			r.mu.Unlock()
			go pipe(in, out)
			go pipe(out, in)
		}
	}()
	return r
}

func pipe(to, from net.Conn) {
	buf := make([]byte, 16<<10)
	for {
		n, err := from.Read(buf)
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

// cut ends every connection and takes no more.
func (r *relay) cut() {
	r.down.Store(true)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.open {
		_ = c.Close()
	}
	r.open = nil
}

// TestRatesAreSharedByRedis is 600 calls a minute over two replicas, with Redis, and their shares without it.
func TestRatesAreSharedByRedis(t *testing.T) {
	t.Parallel()
	address := testkit.Redis(t)
	host, db, _ := strings.Cut(strings.TrimPrefix(address, "redis://"), "/")
	redis := newRelay(t, host)
	provider := testkit.NewProvider(t)
	all := fleet(t, 2, testkit.Options{
		Provider: provider, Redis: "redis://" + redis.ln.Addr().String() + "/" + db,
		Env: map[string]string{"LITELLM_RATE_LIMIT_WINDOW_SIZE": "600"},
	})
	until(t, "the first replica knows of the second", func() bool {
		return strings.Contains(all[0].Log(), "count=2") || strings.Contains(all[0].Log(), `"count":2`)
	})
	key := all[0].GenerateKey(t, map[string]any{"rpm_limit": 600})
	waitKnown(t, all, key.Secret)
	var answers []answer
	for range 6 { // a busy machine keeps Redis from answering some of them in 50 ms
		answers = append(answers, burst(t, all, key.Secret, 150, nil)...)
	}
	until(t, "the limit is used up", func() bool {
		a := chat(t.Context(), client(t), all[0], key.Secret, nil)
		answers = append(answers, a)
		return a.status == http.StatusTooManyRequests && a.header.Get("Retry-After") != "1"
	})
	if got := count(answers, http.StatusOK); got != 600 {
		t.Errorf("600 a window over two replicas: %d went through, %v", got, statuses(answers))
	}
	for i := range answers {
		if a := &answers[i]; a.status == http.StatusTooManyRequests {
			if a.header.Get("Retry-After") == "" || a.header.Get("Rate_limit_type") != "requests" || a.header.Get("Reset_at") == "" {
				t.Fatalf("headers of a refusal: %v", a.header)
			}
		}
	}

	redis.cut()
	shares := all[0].GenerateKey(t, map[string]any{"rpm_limit": 60})
	waitKnown(t, all, shares.Secret)
	got := count(burst(t, all, shares.Secret, 150, nil), http.StatusOK)
	if got > 60 || got < 58 {
		t.Errorf("60 a window, Redis away: %d went through on two replicas, want 30 on each", got)
	}
	one := all[0].GenerateKey(t, map[string]any{"rpm_limit": 1})
	waitKnown(t, all, one.Secret)
	if got := count(burst(t, all, one.Secret, 20, nil), http.StatusOK); got > 1 {
		t.Errorf("1 a window, Redis away: %d went through", got)
	}
	redis.down.Store(false)
	until(t, "Redis is used again", func() bool {
		_ = chat(t.Context(), client(t), all[0], shares.Secret, nil)
		return strings.Contains(all[0].Log(), "redis answers again")
	})
}

// TestRatesAreSplitWithoutRedis is a limit over two replicas that have no Redis: each enforces its share.
func TestRatesAreSplitWithoutRedis(t *testing.T) {
	t.Parallel()
	all := fleet(t, 2, testkit.Options{
		Provider: testkit.NewProvider(t), Env: map[string]string{"LITELLM_RATE_LIMIT_WINDOW_SIZE": "600"},
	})
	until(t, "the first replica knows of the second", func() bool {
		return strings.Contains(all[0].Log(), "count=2") || strings.Contains(all[0].Log(), `"count":2`)
	})
	for limit, want := range map[int]int{60: 60, 7: 6, 1: 1} {
		key := all[0].GenerateKey(t, map[string]any{"rpm_limit": limit})
		waitKnown(t, all, key.Secret)
		answers := burst(t, all, key.Secret, 150, nil)
		if got := count(answers, http.StatusOK); got != want {
			t.Errorf("%d a window over two replicas without Redis: %d went through, want %d", limit, got, want)
		}
		for i := range answers {
			if a := &answers[i]; a.status != http.StatusOK && !strings.Contains(string(a.body), fmt.Sprintf("Current limit: %d,", limit)) {
				t.Fatalf("%d %s", a.status, a.body)
			}
		}
	}
}
