package replicas_test

import (
	"fmt"
	"net/http"
	"testing"

	"gatehouse/internal/testkit"
)

// TestABudgetSmallerThanOneCall lets one call of a window through in firm mode, the first, whichever replica it reaches,
// and none in exact mode; the books show what it went over by.
func TestABudgetSmallerThanOneCall(t *testing.T) {
	t.Parallel()
	provider := testkit.NewProvider(t)
	provider.Always(uses(1000))
	dsn := testkit.Postgres(t, nil)
	all := fleet(t, 2, testkit.Options{Provider: provider, Database: dsn})
	db := database(t, dsn)
	for mode, want := range map[string]int{"firm": 1, "exact": 0} {
		for n := 1; n <= 2; n++ {
			for _, together := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%d replicas/together %t", mode, n, together), func(t *testing.T) {
					key := all[0].GenerateKey(t, map[string]any{"max_budget": 0.00000001, "metadata": map[string]any{"budget_mode": mode}})
					waitKnown(t, all, key.Secret)
					var answers []answer
					if together {
						answers = burst(t, all[:n], key.Secret, 20, nil)
					} else {
						for range 3 {
							for i := range n {
								answers = append(answers, chat(t.Context(), client(t), all[n-1-i], key.Secret, nil))
							}
						}
					}
					if got := count(answers, http.StatusOK); got != want || !together && (answers[0].status == http.StatusOK) != (want == 1) {
						t.Fatalf("%d calls went through, want %d: %v, the first %d %s", got, want, statuses(answers), answers[0].status, answers[0].body)
					}
					refusals(t, answers)
					if want == 0 {
						return
					}
					var id string
					if err := db.QueryRowContext(t.Context(), "SELECT id FROM keys WHERE hash = $1", key.Hash).Scan(&id); err != nil {
						t.Fatal(err)
					}
					var b books
					until(t, "the call is booked", func() bool { b = look(t, db, "key:"+id, "key_id", id); return b.rows > 0 })
					if b.spent != 1_000_000 || b.rows != b.spent || b.sliced != b.balance {
						t.Errorf("the books: %+v", b)
					}
				})
			}
		}
	}
}
