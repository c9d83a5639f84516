package reliability_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/testkit"
)

// TestCallsNeedNoDatabase freezes PostgreSQL: calls of known keys are answered as before, plain and streamed, while
// keys that nobody knows are told that they cannot be judged.
func TestCallsNeedNoDatabase(t *testing.T) {
	t.Parallel()
	pg := startPostgres(t)
	provider := testkit.NewProvider(t)
	provider.Always(testkit.Reply{Usage: &usual})
	g := startGateway(t, options{config: configFor(provider, ""), database: pg.url})
	keys := teamKeys(t, g, 2)
	warm := measure(t, g, keys, 0, 200)

	pg.freeze(t)
	frozen := measure(t, g, keys, 200, 200)
	t.Logf("a call with the database answering: p50 %s, p99 %s, worst %s", warm[0], warm[1], warm[2])
	t.Logf("a call with the database frozen:    p50 %s, p99 %s, worst %s", frozen[0], frozen[1], frozen[2])
	if frozen[2] > time.Second {
		t.Errorf("with the database frozen a call took %s: something waits for it", frozen[2])
	}
	pg.resume(t)
	settled(t, g, 400)
	sumsAgree(t, g.books(t))
}

// measure makes n calls one after the other and returns median, p99 and worst.
func measure(t *testing.T, g *gateway, keys []string, first, n int) [3]time.Duration {
	t.Helper()
	took := make([]time.Duration, 0, n)
	for i := first; i < first+n; i++ {
		o := call(g, keys[i%len(keys)], i)
		if !o.complete {
			t.Fatalf("call %d: status %d %v %s", i, o.status, o.err, tail(string(o.body), 300))
		}
		took = append(took, o.took)
	}
	p50, p99, most := figures(took)
	return [3]time.Duration{p50.Round(10 * time.Microsecond), p99.Round(10 * time.Microsecond), most.Round(10 * time.Microsecond)}
}

// settled waits until the database has n answered calls of the load.
func settled(t *testing.T, g *gateway, n int64) {
	t.Helper()
	db := g.books(t)
	within(t, "the database has every call", func() bool {
		return number(t, db, "SELECT count(*) FROM spend_records WHERE end_user LIKE 'call-%' AND status = 'success'") >= n
	})
}

// TestDatabaseOutage takes PostgreSQL away under load, by a stop and by a freeze, and brings it back.
func TestDatabaseOutage(t *testing.T) {
	t.Parallel()
	for name, how := range map[string]struct {
		away, back func(*ownPostgres, *testing.T)
	}{
		"stopped": {(*ownPostgres).stop, (*ownPostgres).start},
		"frozen":  {(*ownPostgres).freeze, (*ownPostgres).resume},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pg := startPostgres(t)
			provider := testkit.NewProvider(t)
			g := startGateway(t, options{config: configFor(provider, ""), database: pg.url})
			keys := teamKeys(t, g, 3)
			slow(provider, 2*time.Second)
			var calls load
			calls.run(g, keys, 0, 150)
			provider.WaitAnswered(t, 30)
			how.away(pg, t)
			calls.run(g, keys, 150, 150)
			outageAnswers(t, g, keys[0])
			within(t, "readiness says degraded", func() bool {
				status, body := g.get("/health/readiness", "")
				if status != http.StatusOK {
					t.Fatalf("readiness %d %s: known keys are served", status, body)
				}
				return strings.Contains(string(body), "degraded")
			})
			calls.run(g, keys, 300, 100)
			outcomes := calls.all()
			how.back(pg, t)
			back := time.Now() //nolint:forbidigo // a figure for the log
			within(t, "readiness is whole again", func() bool {
				_, body := g.get("/health/readiness", "")
				return strings.Contains(string(body), `"healthy"`)
			})
			within(t, "the control plane is back", func() bool {
				return g.send(http.MethodPost, "/key/generate", g.MasterKey, "{}").status == http.StatusOK
			})
			settled(t, g, 400)
			t.Logf("every call had its row %s after the database came back", time.Since(back).Round(100*time.Millisecond)) //nolint:forbidigo // a figure for the log
			db := g.books(t)
			for _, o := range outcomes {
				if !o.complete {
					t.Errorf("%s: status %d %v %s", o.user, o.status, o.err, tail(string(o.body), 200))
				}
			}
			judge(t, db, provider, outcomes)
			if sum := sumsAgree(t, db); sum != 400*usualCost {
				t.Errorf("the rows sum up to %d, want %d", sum, 400*usualCost)
			}
		})
	}
}

// outageAnswers looks at what everyone is told while the database is away.
func outageAnswers(t *testing.T, g *gateway, known string) {
	t.Helper()
	var worst time.Duration
	for what, r := range map[string]struct{ method, path, key, body string }{
		"make a key":    {http.MethodPost, "/key/generate", g.MasterKey, "{}"},
		"look at a key": {http.MethodGet, "/key/info?key=" + known, g.MasterKey, ""},
		"own key":       {http.MethodGet, "/key/info", known, ""},
		"list users":    {http.MethodGet, "/user/list", g.MasterKey, ""},
		"spend":         {http.MethodGet, "/spend/logs", g.MasterKey, ""},
	} {
		got := g.send(r.method, r.path, r.key, r.body)
		worst = max(worst, got.took)
		if got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" {
			t.Errorf("%s: %d %v %s %v", what, got.status, got.header, got.body, got.err)
		}
		if got.took > 10*time.Second {
			t.Errorf("%s took %s to be refused", what, got.took)
		}
	}
	t.Logf("control plane refused within %s", worst.Round(time.Millisecond))
	var unknown reply
	within(t, "an unknown key cannot be judged", func() bool {
		unknown = g.send(http.MethodPost, "/v1/chat/completions", "sk-nobody-has-seen-this-key-before", `{"model":"gpt-4o","messages":[]}`)
		return unknown.status != http.StatusUnauthorized
	})
	if unknown.status != http.StatusServiceUnavailable || !strings.Contains(string(unknown.body), "auth_backend_unavailable") ||
		unknown.header.Get("Retry-After") == "" {
		t.Errorf("an unknown key: %d %v %s", unknown.status, unknown.header, unknown.body)
	}
	if status, _ := g.get("/health/liveliness", ""); status != http.StatusOK {
		t.Errorf("liveness %d", status)
	}
}
