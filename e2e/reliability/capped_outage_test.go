package reliability_test

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/testkit"
)

// TestCappedKeysInAnOutage freezes PostgreSQL, for three seconds (GATEHOUSE_OUTAGE=60s for longer): a key with a budget is
// served within its slice and then told 503, neither "exceeded" nor let through; one without a budget is served all
// along; and when the database is back the budget lets through what it has left, and no call more.
func TestCappedKeysInAnOutage(t *testing.T) {
	t.Parallel()
	outage, err := time.ParseDuration(os.Getenv("GATEHOUSE_OUTAGE"))
	if err != nil {
		outage = 3 * time.Second
	}
	pg := startPostgres(t)
	provider := testkit.NewProvider(t)
	provider.Always(testkit.Reply{Usage: &usual})
	g := startGateway(t, options{config: configFor(provider, ""), database: pg.url})
	const fits = 800
	capped := g.GenerateKey(t, map[string]any{"max_budget": float64(fits*usualCost) / 1e9}).Secret
	open := g.GenerateKey(t, nil).Secret
	n, served := 0, 0
	ask := func(key string) outcome {
		n++
		return call(g, key, n)
	}
	for range 100 { // its pace, by which it is lent to
		if o := ask(capped); o.complete {
			served++
		} else {
			t.Fatalf("status %d %s", o.status, o.body)
		}
	}

	pg.freeze(t)
	began := time.Now() //nolint:forbidigo // how long the outage lasts
	var inSlice, refused int
	var worst time.Duration
	for time.Since(began) < outage || refused == 0 { //nolint:forbidigo // as above
		o := ask(open)
		if worst = max(worst, o.took); !o.complete {
			t.Fatalf("a key without a budget: %d %v %s", o.status, o.err, o.body)
		}
		if refused > 0 {
			time.Sleep(20 * time.Millisecond) // the processor is for others
		}
		switch o = ask(capped); {
		case o.complete:
			inSlice++
		case o.status == http.StatusServiceUnavailable && strings.Contains(string(o.body), "ledger_unavailable"):
			refused++
		default:
			t.Fatalf("a key whose budget cannot be told: %d %v %s", o.status, o.err, o.body)
		}
	}
	pg.resume(t)
	t.Logf("frozen for %s: %d calls within the slice, %d refused with 503, the worst call of a key without a budget %s",
		time.Since(began).Round(time.Millisecond), inSlice, refused, worst.Round(time.Millisecond)) //nolint:forbidigo // a figure for the log
	if inSlice == 0 || served+inSlice >= fits {
		t.Errorf("%d calls of %d went through with nobody to ask", inSlice, fits)
	}
	served += inSlice
	recovered := false
	var last outcome
	for {
		if last = ask(capped); last.complete {
			served, recovered = served+1, true
			continue
		}
		if last.status == http.StatusTooManyRequests {
			break
		}
		if recovered || time.Since(began) > outage+patience { //nolint:forbidigo // a limit
			t.Fatalf("after the outage: %d %v %s", last.status, last.err, last.body)
		}
	}
	if !strings.Contains(string(last.body), "budget_exceeded") || served != fits {
		t.Errorf("%d calls of a budget for %d went through, then %s", served, fits, last.body)
	}
	db := g.books(t)
	within(t, "every call is booked", func() bool {
		return number(t, db, "SELECT count(*) FROM spend_records WHERE status = 'success'") == int64(len(provider.Requests()))
	})
	sumsAgree(t, db)
}
