package reliability_test

import (
	"database/sql"
	"net/http"
	"testing"
	"time"

	"gatehouse/internal/testkit"
)

// TestKillUnderLoad is the promise of the ledger: 500 calls are in flight, the process is killed, and after a restart on
// the same folder every call that the provider was asked for has exactly one row, and all sums are the same.
func TestKillUnderLoad(t *testing.T) {
	t.Parallel()
	for _, b := range backends() {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			provider := testkit.NewProvider(t)
			g := startGateway(t, options{config: configFor(provider, ""), database: b.url(t)})
			keys := teamKeys(t, g, 3)

			var calls load
			calls.run(g, keys, 0, 100)
			calls.all()
			slow(provider, 3*time.Second)
			calls.run(g, keys, 100, 500)
			provider.WaitRequests(t, 600)
			provider.WaitAnswered(t, 150)
			g.kill(t)
			answered := provider.Answered()
			outcomes := calls.all()

			took := g.start(t)
			db := g.books(t)
			complete, replayed := judge(t, db, provider, outcomes)
			sum := sumsAgree(t, db)
			sumsShown(t, g, keys, sum)
			t.Logf("600 calls, killed with %d answered by the provider and %d at the client; restart took %s and booked %d cut-off calls",
				answered, complete, took.Round(time.Millisecond), replayed)
			if replayed == 0 {
				t.Error("no call was cut off: the test did not test")
			}

			g.kill(t)
			g.start(t)
			if again := sumsAgree(t, db); again != sum {
				t.Errorf("a second restart changed the sum from %d to %d", sum, again)
			}
		})
	}
}

// judge holds the ledger against what the provider and the clients saw. It returns how many calls their clients got
// whole, and how many a start had to settle.
func judge(t *testing.T, db *sql.DB, provider *testkit.Provider, outcomes []outcome) (complete, replayed int) {
	t.Helper()
	ledger := byUser(rows(t, db))
	for user, times := range asked(provider) {
		if len(ledger[user]) != 1 || times != 1 {
			t.Errorf("%s: asked for %d times, %d rows", user, times, len(ledger[user]))
		}
	}
	for user, of := range ledger {
		for _, r := range of {
			switch {
			case r.settledBy == "replay":
				replayed++
				if r.spend <= 0 || r.status != "failure" {
					t.Errorf("%s was cut off: status %s, %d nano-USD", user, r.status, r.spend)
				}
			case r.settledBy != "":
				t.Errorf("%s was settled by %q", user, r.settledBy)
			case r.status == "success" && r.spend != usualCost && r.prompt == usual.Prompt:
				t.Errorf("%s costs %d, want %d", user, r.spend, usualCost)
			}
		}
	}
	for _, o := range outcomes {
		if !o.complete {
			continue
		}
		complete++
		if of := ledger[o.user]; len(of) != 1 || of[0].status != "success" || of[0].settledBy != "" {
			t.Errorf("%s was answered in full, the ledger says %+v", o.user, of)
		}
	}
	return complete, replayed
}

// sumsShown checks that the admin API tells the same sums.
func sumsShown(t *testing.T, g *gateway, keys []string, want int64) {
	t.Helper()
	var sum, team int64
	for _, key := range keys {
		info := g.KeyInfo(t, key)
		sum += nano(t, info["spend"])
		shown := g.Admin(t, http.MethodGet, "/team/info?team_id="+info["team_id"].(string), nil)
		team = nano(t, shown["team_info"].(map[string]any)["spend"])
	}
	if sum != want || team != want {
		t.Errorf("the API shows %d on the keys and %d on the team, the rows say %d", sum, team, want)
	}
}

// nano turns an amount of USD from JSON into nano-USD.
func nano(t *testing.T, v any) int64 {
	t.Helper()
	usd, ok := v.(float64)
	if !ok {
		t.Fatalf("%v is no amount", v)
	}
	return int64(usd*1e9 + 0.5)
}

// TestKillDuringReplay kills the process again and again while it books what an earlier run left.
func TestKillDuringReplay(t *testing.T) {
	t.Parallel()
	for _, b := range backends() {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			provider := testkit.NewProvider(t)
			provider.Always(testkit.Reply{Usage: &usual})
			g := startGateway(t, options{config: configFor(provider, ""), database: b.url(t)})
			keys := teamKeys(t, g, 2)
			db := g.books(t)

			release := holdBooks(t, db, b.name)
			var calls load
			calls.run(g, keys, 0, 300)
			outcomes := calls.all()
			g.kill(t)
			g.launch(t) // its replay waits for the lock
			time.Sleep(300 * time.Millisecond)
			if status, _ := g.get("/health/liveliness", ""); status != 0 {
				t.Errorf("it serves (%d) before the journal is booked", status)
			}
			g.kill(t)
			release()
			for i := range 8 { // killed at every stage of its start
				g.launch(t)
				time.Sleep(time.Duration(20+25*i) * time.Millisecond)
				g.kill(t)
			}
			g.start(t)
			complete, _ := judge(t, db, provider, outcomes)
			if complete != 300 {
				t.Errorf("%d of 300 calls were answered while the database took nothing", complete)
			}
			if sum := sumsAgree(t, db); sum != 300*usualCost {
				t.Errorf("the rows sum up to %d, want %d", sum, 300*usualCost)
			}
		})
	}
}

// holdBooks keeps everyone else from writing the ledger until the returned function is called.
func holdBooks(t *testing.T, db *sql.DB, kind string) func() {
	t.Helper()
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	statements := []string{"BEGIN IMMEDIATE"}
	if kind == "postgres" {
		statements = []string{"BEGIN", "LOCK TABLE spend_records IN EXCLUSIVE MODE"}
	}
	for _, s := range statements {
		if _, err := conn.ExecContext(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	return func() {
		if _, err := conn.ExecContext(t.Context(), "ROLLBACK"); err != nil {
			t.Error(err)
		}
		_ = conn.Close()
	}
}
