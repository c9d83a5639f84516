package replicas_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"gatehouse/internal/testkit"
)

// TestBudgetLinesAreToldOnce is a budget that two replicas use up together: each line reaches the webhook once.
func TestBudgetLinesAreToldOnce(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	told, bodies := map[string]int{}, map[string]object{}
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var alert object
		_ = json.NewDecoder(r.Body).Decode(&alert)
		mu.Lock()
		defer mu.Unlock()
		event, _ := alert["event"].(string)
		told[event]++
		bodies[event] = alert
	}))
	t.Cleanup(hook.Close)
	provider := testkit.NewProvider(t)
	provider.Always(uses(1000))
	all := fleet(t, 2, testkit.Options{
		Provider: provider, Config: config + "  alerting: [webhook]\n", Env: map[string]string{"WEBHOOK_URL": hook.URL},
	})
	team := all[0].NewTeam(t, object{"team_alias": "crew"})
	key := all[0].GenerateKey(t, object{"max_budget": 10 * perCall, "soft_budget": 5 * perCall, "key_alias": "bot", "team_id": team})
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
		b := bodies[event]
		if b["event_group"] != "key" || b["token"] != key.Hash || b["key_alias"] != "bot" || b["team_id"] != team || b["team_alias"] != "crew" || b["max_budget"] != 10*perCall {
			t.Errorf("%s does not say whose budget it is: %v", event, b)
		}
		if soft := b["soft_budget"]; (event == "soft_budget_crossed") != (soft == 5*perCall) || (soft == nil) == (event == "soft_budget_crossed") {
			t.Errorf("%s has a soft budget of %v", event, soft)
		}
		if text, _ := b["event_message"].(string); !strings.Contains(text, "key bot") {
			t.Errorf("%s says %q", event, text)
		}
	}
}
