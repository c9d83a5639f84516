package replicas_test

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver that looks into the database

	"gatehouse/internal/testkit"
)

// perCall is what one call costs: it is capped at 1,000 output tokens, uses them all, and input costs nothing.
const perCall = 0.001

// uses is an answer that uses so many output tokens.
func uses(tokens int64) testkit.Reply {
	return testkit.Reply{Usage: &testkit.Usage{Prompt: 1, Completion: tokens}}
}

// books is what the database says of the money of one scope.
type books struct {
	spent, sliced, lost, balance, rows int64
}

func look(t *testing.T, db *sql.DB, scope, column, id string) books {
	t.Helper()
	var b books
	err := db.QueryRowContext(t.Context(), `SELECT COALESCE(max(spent), 0), COALESCE(max(sliced), 0), COALESCE(max(lost), 0),
  (SELECT COALESCE(sum(balance), 0) FROM slices WHERE scope = $1 AND lost = 0),
  (SELECT COALESCE(sum(spend), 0) FROM spend_records WHERE `+column+` = $2) FROM counters WHERE scope = $1`, scope, id).
		Scan(&b.spent, &b.sliced, &b.lost, &b.balance, &b.rows)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func database(t *testing.T, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// TestExactlySoManyCallsFit is a budget for exactly 37 calls, offered 200 at once.
func TestExactlySoManyCallsFit(t *testing.T) {
	t.Parallel()
	provider := testkit.NewProvider(t)
	provider.Always(uses(1000))
	dsn := testkit.Postgres(t, nil)
	all := fleet(t, 3, testkit.Options{Provider: provider, Database: dsn})
	db := database(t, dsn)
	// The model's usual output becomes known, so that a hold is what a call uses.
	warm := all[0].GenerateKey(t, nil)
	waitKnown(t, all, warm.Secret)
	burst(t, all, warm.Secret, 30, object{"max_tokens": 1000})

	for _, mode := range []string{"firm", "exact"} {
		for _, replicas := range []int{1, 3} {
			for run := range 5 {
				t.Run(fmt.Sprintf("%s/%d replicas/run %d", mode, replicas, run), func(t *testing.T) {
					fields := map[string]any{"metadata": map[string]any{"budget_mode": mode}}
					column, scope, id := "key_id", "", ""
					const budget = 37 * perCall
					switch run {
					case 0, 1:
						fields["max_budget"] = budget
					case 2: // the tightest of three scopes decides
						team := all[0].NewTeam(t, map[string]any{"max_budget": budget})
						fields["team_id"], fields["max_budget"] = team, 10*budget
						column, scope, id = "team_id", "team:"+team, team
					case 3:
						user, _ := all[0].NewUser(t, map[string]any{"max_budget": budget, "auto_create_key": false})
						fields["user_id"], fields["max_budget"] = user, 2*budget
						column, scope, id = "user_id", "user:"+user, user
					case 4: // both at the same figure
						team := all[0].NewTeam(t, map[string]any{"max_budget": budget})
						fields["team_id"], fields["max_budget"] = team, budget
						column, scope, id = "team_id", "team:"+team, team
					}
					key := all[0].GenerateKey(t, fields)
					waitKnown(t, all[:replicas], key.Secret)
					answers := burst(t, all[:replicas], key.Secret, 200, object{"max_tokens": 1000})
					if got := count(answers, http.StatusOK); got != 37 {
						t.Errorf("a budget for 37 calls let %d through: %v", got, statuses(answers))
					}
					for i := range answers {
						a := &answers[i]
						if a.status != http.StatusOK && (a.status != http.StatusTooManyRequests || a.header.Get("X-Should-Retry") != "false") {
							t.Fatalf("a refusal: %d %v %s", a.status, a.header, a.body)
						}
					}
					if scope == "" {
						if err := db.QueryRowContext(t.Context(), "SELECT id FROM keys WHERE hash = $1", key.Hash).Scan(&id); err != nil {
							t.Fatal(err)
						}
						scope = "key:" + id
					}
					var b books
					until(t, "every call is booked", func() bool { b = look(t, db, scope, column, id); return b.rows >= 37_000_000 })
					if b.spent != 37_000_000 || b.rows != b.spent || b.sliced != b.balance || b.spent+b.sliced+b.lost > 37_000_000 {
						t.Errorf("the books: %+v, want 37,000,000 nano spent and nothing lent", b)
					}
				})
			}
		}
	}
}

// TestADeadReplicaLeavesNothingHeld kills one of two replicas under load, for good.
func TestADeadReplicaLeavesNothingHeld(t *testing.T) {
	t.Parallel()
	provider := testkit.NewProvider(t)
	gate := make(chan struct{})
	provider.Choose(func(testkit.Request) *testkit.Reply {
		reply := uses(1000)
		if rand.IntN(4) == 0 {
			reply.Before = gate
		}
		return &reply
	})
	dsn := testkit.Postgres(t, nil)
	all := fleet(t, 2, testkit.Options{Provider: provider, Database: dsn})
	db := database(t, dsn)
	key := all[0].GenerateKey(t, map[string]any{"max_budget": 2000 * perCall})
	waitKnown(t, all, key.Secret)
	done := make(chan []answer, 1)
	go func() { done <- burst(t, all, key.Secret, 200, object{"max_tokens": 1000}) }()
	provider.WaitRequests(t, 150)
	until(t, "open calls are noted", func() bool {
		var n int
		return db.QueryRowContext(t.Context(), "SELECT count(*) FROM open_holds").Scan(&n) == nil && n > 10
	})
	all[1].Kill(t)
	close(gate)
	<-done
	var id string
	if err := db.QueryRowContext(t.Context(), "SELECT id FROM keys WHERE hash = $1", key.Hash).Scan(&id); err != nil {
		t.Fatal(err)
	}
	until(t, "the dead replica is settled for", func() bool {
		var n int
		return db.QueryRowContext(t.Context(), "SELECT (SELECT count(*) FROM open_holds) + abs(count(*) - 1) FROM replicas").Scan(&n) == nil && n == 0
	})
	b := look(t, db, "key:"+id, "key_id", id)
	if b.spent != b.rows || b.sliced != b.balance || b.spent+b.sliced+b.lost > 2_000_000_000 {
		t.Errorf("after the sweep: %+v", b)
	}
	before := b
	// It comes back: its journal says what the calls really came to, and what it had is free again.
	all[1].Restart(t)
	until(t, "what was lost is free again", func() bool { b = look(t, db, "key:"+id, "key_id", id); return b.lost == 0 })
	if b.spent != b.rows || b.sliced != b.balance || b.spent < before.spent {
		t.Errorf("after its return: %+v, before it %+v", b, before)
	}
	var rows int
	if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM spend_records WHERE key_id = $1 AND http_status < 400 OR settled_by <> ''", id).Scan(&rows); err != nil {
		t.Fatal(err)
	}
	t.Logf("provider %d, rows %d, books %+v", len(provider.Requests()), rows, b)
	all[0].Stop(t)
	all[1].Stop(t)
	if b = look(t, db, "key:"+id, "key_id", id); b.sliced != 0 || b.balance != 0 {
		t.Errorf("after both stopped: %+v", b)
	}
}

// TestResetsReachEveryReplica is a key that is used up, then reset by hand, and one whose window is two seconds.
func TestResetsReachEveryReplica(t *testing.T) {
	t.Parallel()
	provider := testkit.NewProvider(t)
	provider.Always(uses(1000))
	all := fleet(t, 2, testkit.Options{Provider: provider})
	key := all[0].GenerateKey(t, map[string]any{"max_budget": 3 * perCall})
	waitKnown(t, all, key.Secret)
	used := func(secret string) bool {
		for _, a := range burst(t, all, secret, 2, object{"max_tokens": 1000}) {
			if a.status == http.StatusOK {
				return false
			}
		}
		return true
	}
	until(t, "the budget is used up on both", func() bool { return used(key.Secret) })
	all[0].Admin(t, http.MethodPost, "/key/"+key.Hash+"/reset_spend", object{"reset_to": 0})
	until(t, "the other replica serves again", func() bool {
		return chat(t.Context(), client(t), all[1], key.Secret, object{"max_tokens": 1000}).status == http.StatusOK
	})

	short := all[0].GenerateKey(t, map[string]any{"max_budget": perCall, "budget_duration": "2s"})
	waitKnown(t, all, short.Secret)
	for range 2 {
		until(t, "the window's budget is used up", func() bool { return used(short.Secret) })
		until(t, "a new window serves", func() bool {
			return chat(t.Context(), client(t), all[1], short.Secret, object{"max_tokens": 1000}).status == http.StatusOK
		})
	}
}
