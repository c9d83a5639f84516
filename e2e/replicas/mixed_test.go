package replicas_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/testkit"
)

// TestHoldsRefuseNobody is a key with a tenth of its budget to spare: whatever other calls come to (answers, refusals,
// failures, providers that hang, clients that leave), none is refused for what they hold, nothing stays held, and there
// is a row for each request that the provider saw. GATEHOUSE_CALLS=10000 makes it long.
func TestHoldsRefuseNobody(t *testing.T) {
	t.Parallel()
	calls := 400
	if n, err := strconv.Atoi(os.Getenv("GATEHOUSE_CALLS")); err == nil {
		calls = n
	}
	provider := testkit.NewProvider(t)
	provider.Choose(func(testkit.Request) *testkit.Reply {
		reply := uses(1000)
		switch rand.IntN(10) {
		case 0:
			reply = testkit.ErrorReply(http.StatusBadRequest, "invalid_request_error", "bad", "no")
		case 1:
			reply = testkit.ErrorReply(http.StatusInternalServerError, "server_error", "down", "no")
		case 2:
			reply.Fault = testkit.FaultDrop
		case 3:
			reply.Fault = testkit.FaultHang
		case 4:
			reply.Fault, reply.After = testkit.FaultReset, 2
		case 5:
			reply.EventEvery = 20 * time.Millisecond
		}
		return &reply
	})
	dsn := testkit.Postgres(t, nil)
	all := fleet(t, 3, testkit.Options{Provider: provider, Database: dsn, Config: config + "\nlitellm_settings:\n  num_retries: 0\n"})
	db := database(t, dsn)
	key := all[0].GenerateKey(t, map[string]any{"max_budget": float64(calls) * perCall / 0.9})
	waitKnown(t, all, key.Secret)
	c := client(t)
	seen := map[int]int{}
	for done := 0; done < calls; done += 200 {
		answers := make([]answer, min(200, calls-done))
		parallel(len(answers), func(i int) {
			ctx := t.Context()
			if i%7 == 0 { // the client loses patience
				impatient, cancel := context.WithTimeout(ctx, time.Duration(1+rand.IntN(80))*time.Millisecond)
				defer cancel()
				ctx = impatient
			}
			answers[i] = chat(ctx, c, all[i%len(all)], key.Secret, object{"max_tokens": 1000, "stream": i%2 == 0, "timeout": 1, "user": fmt.Sprint("u", done+i)})
		})
		for i := range answers {
			if strings.Contains(string(answers[i].body), "budget_exceeded") {
				t.Fatalf("refused with plenty left: %s", answers[i].body)
			}
		}
		for status, n := range statuses(answers) {
			seen[status] += n
		}
	}
	var id string
	if err := db.QueryRowContext(t.Context(), "SELECT id FROM keys WHERE hash = $1", key.Hash).Scan(&id); err != nil {
		t.Fatal(err)
	}
	var b books
	var open, rows int
	until(t, "nothing is held and every call is booked", func() bool {
		b = look(t, db, "key:"+id, "key_id", id)
		for _, s := range all {
			if held(t, s, key.Hash) != 0 {
				return false
			}
		}
		err := db.QueryRowContext(t.Context(), "SELECT (SELECT count(*) FROM open_holds), (SELECT count(*) FROM spend_records WHERE key_id = $1 AND model <> '')", id).Scan(&open, &rows)
		return err == nil && open == 0 && rows >= len(provider.Requests()) && b.spent == b.rows
	})
	// A call whose client left while it was being sent has a row, whether or not the provider came to read it.
	if requests := len(provider.Requests()); rows-requests > seen[0] {
		t.Errorf("%d rows for %d requests at the provider, %d clients left", rows, requests, seen[0])
	}
	t.Logf("%d calls, %d rows, %d to the provider, answers by status %v, books %+v", calls, rows, len(provider.Requests()), seen, b)
}
