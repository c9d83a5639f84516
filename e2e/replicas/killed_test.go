package replicas_test

import (
	"context"
	"database/sql"
	"net/http"
	"sync"
	"testing"

	"gatehouse/internal/testkit"
)

// TestKilledWithFiftyStreams kills one of three replicas while 50 streams are open on it and others elsewhere. Whether it
// comes back or not: nothing stays held, there is one row for each call that the provider saw, and key, team and rows
// say the same.
func TestKilledWithFiftyStreams(t *testing.T) {
	t.Parallel()
	for name, restarted := range map[string]bool{"restarted": true, "gone for good": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for range runs(t) {
				killed(t, restarted)
			}
		})
	}
}

func killed(t *testing.T, restarted bool) {
	t.Helper()
	provider := testkit.NewProvider(t)
	gate := make(chan struct{})
	provider.Choose(func(r testkit.Request) *testkit.Reply {
		reply := uses(1000)
		if r.Stream {
			reply.Each = gate
		}
		return &reply
	})
	dsn := testkit.Postgres(t, nil)
	all := fleet(t, 3, testkit.Options{Provider: provider, Database: dsn})
	db := database(t, dsn)
	team := all[0].NewTeam(t, map[string]any{"max_budget": 1000 * perCall})
	key := all[0].GenerateKey(t, map[string]any{"team_id": team, "max_budget": 500 * perCall})
	waitKnown(t, all, key.Secret)
	burst(t, all, key.Secret, 60, object{"max_tokens": 1000})

	victim := all[1]
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	var open sync.WaitGroup
	c := client(t)
	stream := func(s *testkit.Server, n int) {
		for range n {
			open.Go(func() { chat(ctx, c, s, key.Secret, object{"max_tokens": 1000, "stream": true}) })
		}
	}
	stream(victim, 50)
	stream(all[0], 10)
	stream(all[2], 10)
	provider.WaitRequests(t, 130)
	number := func(query string, args ...any) int {
		var n sql.NullInt64
		if err := db.QueryRowContext(t.Context(), query, args...).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return int(n.Int64)
	}
	until(t, "open streams are noted", func() bool { return number("SELECT count(*) FROM open_holds") == 70 })
	victim.Kill(t)
	if restarted {
		victim.Restart(t)
	} else {
		until(t, "the dead replica is settled for", func() bool { return number("SELECT count(*) FROM replicas") == 2 })
	}
	close(gate)
	open.Wait()

	var id string
	if err := db.QueryRowContext(t.Context(), "SELECT id FROM keys WHERE hash = $1", key.Hash).Scan(&id); err != nil {
		t.Fatal(err)
	}
	calls := len(provider.Requests())
	until(t, "every call is booked", func() bool {
		return number("SELECT count(*) FROM open_holds") == 0 && number("SELECT count(*) FROM spend_records WHERE key_id = $1", id) >= calls
	})
	own, shared := look(t, db, "key:"+id, "key_id", id), look(t, db, "team:"+team, "team_id", team)
	if rows := number("SELECT count(*) FROM spend_records WHERE key_id = $1", id); rows != calls {
		t.Errorf("%d rows for %d calls at the provider", rows, calls)
	}
	if own.spent != own.rows || shared.spent != own.spent || shared.rows != own.rows {
		t.Errorf("key %+v, team %+v", own, shared)
	}
	for _, b := range []books{own, shared} {
		if b.sliced != b.balance || restarted && b.lost != 0 {
			t.Errorf("lent: %+v", b)
		}
	}
	cut := number("SELECT count(*) FROM spend_records WHERE key_id = $1 AND settled_by <> ''", id)
	if cut != 50 {
		t.Errorf("%d rows say that somebody else settled them, want the 50 streams of the killed replica", cut)
	}
	for _, s := range []*testkit.Server{all[0], all[2]} {
		if n := held(t, s, key.Hash); n != 0 {
			t.Errorf("%v is still held", n)
		}
	}
	// What the dead one had of the budgets is shown, and an administrator can give it back.
	if !restarted && own.lost > 0 {
		all[0].Admin(t, http.MethodPost, "/key/budget/release", object{"key": key.Hash})
		for scope, before := range map[string]books{"key:" + id: own, "team:" + team: shared} {
			if b := look(t, db, scope, "key_id", id); b.lost != 0 || b.spent != before.spent || b.sliced != b.balance {
				t.Errorf("%s after a release: %+v, before it %+v", scope, b, before)
			}
		}
	}
	t.Logf("restarted %t: provider %d, rows %d, settled by others %d, key %+v, team %+v", restarted, calls, calls, cut, own, shared)
}

// held is what /key/budget says is held of a key's own budget.
func held(t *testing.T, s *testkit.Server, hash string) float64 {
	t.Helper()
	scopes, _ := s.Admin(t, http.MethodGet, "/key/budget?key="+hash, nil)["scopes"].([]any)
	if len(scopes) == 0 {
		t.Fatal("/key/budget tells no scopes")
	}
	first, _ := scopes[0].(map[string]any)
	n, ok := first["held"].(float64)
	if !ok {
		t.Fatalf("/key/budget tells no holds: %v", first)
	}
	return n
}
