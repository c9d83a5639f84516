package replicas_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"gatehouse/internal/testkit"
)

// TestBudgetLinesAreToldOnce is a budget that two replicas use up together: each line reaches the webhook once.
func TestBudgetLinesAreToldOnce(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	told := map[string]int{}
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var alert struct {
			Event string
			Scope string
		}
		_ = json.NewDecoder(r.Body).Decode(&alert)
		mu.Lock()
		defer mu.Unlock()
		told[alert.Event]++
	}))
	t.Cleanup(hook.Close)
	provider := testkit.NewProvider(t)
	provider.Always(uses(1000))
	all := fleet(t, 2, testkit.Options{
		Provider: provider, Config: config + "  alerting: [webhook]\n", Env: map[string]string{"WEBHOOK_URL": hook.URL},
	})
	key := all[0].GenerateKey(t, map[string]any{"max_budget": 10 * perCall, "soft_budget": 5 * perCall})
	waitKnown(t, all, key.Secret)
	for range 6 {
		burst(t, all, key.Secret, 4, object{"max_tokens": 1000})
	}
	want := map[string]int{"soft_budget_crossed": 1, "threshold_crossed": 1, "budget_crossed": 1}
	until(t, "every line is told", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(told) == len(want)
	})
	for _, s := range all {
		s.Stop(t)
	}
	mu.Lock()
	defer mu.Unlock()
	for event, n := range want {
		if told[event] != n {
			t.Errorf("%s was told %d times, want %d: %v", event, told[event], n, told)
		}
	}
}
