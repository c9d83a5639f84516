package replicas_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"gatehouse/internal/testkit"
)

// TestATemporaryRaise is a used-up key that may spend two more calls for a while: on every replica, and not after it.
func TestATemporaryRaise(t *testing.T) {
	t.Parallel()
	provider := testkit.NewProvider(t)
	provider.Always(uses(1000))
	all := fleet(t, 2, testkit.Options{Provider: provider})
	key := all[0].GenerateKey(t, map[string]any{"max_budget": twoCalls})
	open := all[0].GenerateKey(t, nil)
	waitKnown(t, all, key.Secret)
	ask := func(i int) answer {
		return chat(t.Context(), client(t), all[i%2], key.Secret, object{"max_tokens": 1000})
	}
	until(t, "the budget is used up on both", func() bool { return ask(0).status != http.StatusOK && ask(1).status != http.StatusOK })
	raise := func(secret string, until time.Time) {
		all[0].Admin(t, http.MethodPost, "/key/update", object{
			"key": secret, "temp_budget_increase": twoCalls, "temp_budget_expiry": until.UTC().Format(time.RFC3339Nano),
		})
	}
	end := time.Now().Add(8 * time.Second)
	raise(key.Secret, end)
	served := 0
	until(t, "two more calls go through", func() bool {
		if ask(served).status == http.StatusOK {
			served++
		}
		return served == 2
	})
	refusals(t, []answer{ask(0), ask(1)})
	// A further raise, of which nothing is used before it ends, is worth nothing after it.
	all[0].Admin(t, http.MethodPost, "/key/update", object{
		"key": key.Secret, "temp_budget_increase": 2 * twoCalls, "temp_budget_expiry": end.UTC().Format(time.RFC3339Nano),
	})
	until(t, "the raise has ended", func() bool { return time.Now().After(end) })
	if a, b := ask(0), ask(1); a.status == http.StatusOK || b.status == http.StatusOK {
		t.Errorf("after the raise: %d and %d", a.status, b.status)
	}
	// A key without a budget has none with a raise.
	raise(open.Secret, time.Now().Add(time.Hour))
	for range 5 {
		if a := chat(t.Context(), client(t), all[0], open.Secret, object{"max_tokens": 1000}); a.status != http.StatusOK {
			t.Fatalf("a key without a budget: %d %s", a.status, a.body)
		}
	}
}

// TestAlertsComeOnceAWindow is a key with a soft budget, used up in one window after the other: soft budgets refuse
// nothing, 80 % and 100 % are told in each window, and no more often than there were windows.
func TestAlertsComeOnceAWindow(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	told := map[string]int{}
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var alert struct{ Event string }
		_ = json.NewDecoder(r.Body).Decode(&alert)
		mu.Lock()
		defer mu.Unlock()
		told[alert.Event]++
	}))
	t.Cleanup(hook.Close)
	many := func(event string) int {
		mu.Lock()
		defer mu.Unlock()
		return told[event]
	}
	provider := testkit.NewProvider(t)
	provider.Always(uses(1000))
	all := fleet(t, 2, testkit.Options{
		Provider: provider, Config: config + "  alerting: [webhook]\n", Env: map[string]string{"WEBHOOK_URL": hook.URL},
	})
	const length = 4 * time.Second
	key := all[0].GenerateKey(t, map[string]any{"max_budget": 5 * perCall, "soft_budget": perCall, "budget_duration": "4s"})
	waitKnown(t, all, key.Secret)
	began := time.Now()
	for window := 1; window <= 2; window++ {
		until(t, "80 % and 100 % are told", func() bool {
			burst(t, all, key.Secret, 2, object{"max_tokens": 1000})
			return many("threshold_crossed") >= window && many("budget_crossed") >= window
		})
	}
	windows := int(time.Since(began)/length) + 2
	for _, s := range all {
		s.Stop(t)
	}
	if near, full, soft := many("threshold_crossed"), many("budget_crossed"), many("soft_budget_crossed"); near > windows || full > windows || soft != 1 {
		t.Errorf("in %d windows at most: told of 80 %% %d times, of 100 %% %d times, of the soft budget %d times in a day", windows, near, full, soft)
	}
}
