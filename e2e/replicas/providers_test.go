package replicas_test

import (
	"net/http"
	"strings"
	"testing"

	"gatehouse/internal/testkit"
)

// What a provider has cost in its period outlives the process, on both databases.
func TestProviderBudgetsOutliveTheProcess(t *testing.T) {
	t.Parallel()
	for name, database := range map[string]string{"sqlite": "", "postgres": testkit.Postgres(t, nil)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := testkit.Start(t, testkit.Options{
				Provider: testkit.NewProvider(t), Database: database,
				Config: strings.Replace(config, "router_settings:\n", "router_settings:\n  provider_budget_config: {openai: {budget_limit: 0.000000000001, time_period: 30d}}\n", 1),
			})
			key := s.GenerateKey(t, nil).Secret
			if got := chat(t.Context(), client(t), s, key, nil); got.status != http.StatusOK {
				t.Fatalf("%d %s", got.status, got.body)
			}
			over := func(when string) {
				t.Helper()
				if got := chat(t.Context(), client(t), s, key, nil); got.status != http.StatusTooManyRequests || !strings.Contains(string(got.body), "Exceeded budget for provider openai") {
					t.Errorf("%s: %d %s", when, got.status, got.body)
				}
			}
			over("at once")
			told, _ := s.Admin(t, http.MethodGet, "/provider/budgets", nil)["providers"].(object)
			if of, _ := told["openai"].(object); len(told) != 1 || of["time_period"] != "30d" || of["spend"] == 0.0 || of["budget_reset_at"] == nil {
				t.Errorf("told %v", told)
			}
			s.Restart(t)
			over("after a new start")
		})
	}
}
