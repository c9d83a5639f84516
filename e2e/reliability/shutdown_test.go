package reliability_test

import (
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"gatehouse/internal/testkit"
)

// TestStopUnderLoad sends SIGTERM while calls are under way: all of them finish, new ones are refused, the exit status is
// 0, and the database has everything.
func TestStopUnderLoad(t *testing.T) {
	t.Parallel()
	for _, b := range backends() {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			provider := testkit.NewProvider(t)
			slow(provider, 2*time.Second)
			g := startGateway(t, options{config: configFor(provider, "gatehouse: {drain_delay: 300ms}\n"), database: b.url(t)})
			keys := teamKeys(t, g, 2)
			var calls load
			calls.run(g, keys, 0, 200)
			provider.WaitRequests(t, 200)
			took := g.stop(t)
			for _, o := range calls.all() {
				if !o.complete {
					t.Errorf("%s was cut: status %d, %v, %s", o.user, o.status, o.err, tail(string(o.body), 200))
				}
			}
			db := g.books(t)
			if n := number(t, db, "SELECT count(*) FROM spend_records WHERE status = 'success' AND settled_by = ''"); n != 200 {
				t.Errorf("%d of 200 calls are in the books before any restart", n)
			}
			if sum := sumsAgree(t, db); sum != 200*usualCost {
				t.Errorf("the rows sum up to %d, want %d", sum, 200*usualCost)
			}
			t.Logf("200 calls of up to 2 s finished, exit 0 after %s", took.Round(time.Millisecond))
		})
	}
}

// TestStopIdle shows that a process without work ends at once; one with a shared database first lets balancers look away.
func TestStopIdle(t *testing.T) {
	t.Parallel()
	provider := testkit.NewProvider(t)
	g := startGateway(t, options{config: configFor(provider, "gatehouse: {drain_delay: 60s}\n")})
	if r := g.Chat(t, g.MasterKey, "gpt-4o"); r.Status != http.StatusOK {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
	took := g.stop(t)
	if took > 20*time.Second {
		t.Errorf("an idle process took %s to end", took)
	}
	if n := number(t, g.books(t), "SELECT count(*) FROM spend_records"); n != 1 {
		t.Errorf("%d rows after a stop right behind a call", n)
	}
	t.Logf("idle, keep-alive connection open: exit 0 after %s", took.Round(time.Millisecond))
}

// TestStopRefusesAndReports looks at a process that drains: readiness is red, liveness is not, new calls get 503, and
// a second signal ends the calls that are still open, each with its row.
func TestStopRefusesAndReports(t *testing.T) {
	t.Parallel()
	provider := testkit.NewProvider(t)
	g := startGateway(t, options{config: configFor(provider, "gatehouse: {drain_delay: 1ms, drain_timeout: 120s}\n")})
	key := g.GenerateKey(t, nil).Secret
	events := make(chan struct{})
	provider.Always(testkit.Reply{Usage: &usual, Pieces: []string{"one ", "two ", "three "}, Each: events})
	var calls load
	calls.run(g, []string{key}, 1, 1) // a stream
	provider.WaitRequests(t, 1)
	events <- struct{}{}
	events <- struct{}{}
	idle := dial(t, g) // a connection from before, as a pool keeps it
	idle.exchange(t, "GET /health/readiness HTTP/1.1\r\nHost: x\r\n\r\n", 200)

	g.signal(t, syscall.SIGTERM)
	within(t, "readiness is red", func() bool {
		status, body := g.get("/health/readiness", "")
		return status == 503 && strings.Contains(string(body), "shutting down") || status == 0
	})
	within(t, "new calls are refused", func() bool {
		r := g.send(http.MethodPost, "/v1/chat/completions", key, `{"model":"gpt-4o","messages":[]}`)
		return r.status == 503 && r.header.Get("Retry-After") != "" || r.status == 0
	})
	if status, _ := g.get("/health/liveliness", ""); status != 200 && status != 0 {
		t.Errorf("liveness %d while draining", status)
	}
	g.signal(t, syscall.SIGTERM)
	if err := g.wait(t); err != nil {
		t.Errorf("after a second SIGTERM: %v", err)
	}
	o := calls.all()[0]
	if o.complete || !strings.Contains(string(o.body), "shutting down") {
		t.Errorf("the cut stream ended with %q", tail(string(o.body), 300))
	}
	all := rows(t, g.books(t))
	if got := byUser(all)[userOf(1)]; len(got) != 1 || got[0].spend <= 0 || got[0].settledBy != "" {
		t.Errorf("the cut stream's rows: %+v", got)
	}
}
