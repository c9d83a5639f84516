package api_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/testkit"
)

// The page for Prometheus has LiteLLM's names with what was called and spent, and nothing that opens a door.
func TestMetrics(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, testkit.Options{Config: testkit.DefaultConfig + "\nlitellm_settings: {callbacks: [prometheus]}\n", Provider: testkit.NewProvider(t)})
	team := s.NewTeam(t, object{"team_alias": "crew", "max_budget": 10})
	key := s.GenerateKey(t, object{"team_id": team, "key_alias": "bot", "max_budget": 2})
	if r := s.Chat(t, key.Secret, "gpt-4o"); r.Status != http.StatusOK {
		t.Fatalf("call: %d %s", r.Status, r.Body)
	}
	if r := s.Chat(t, key.Secret, "no-such-model-of-mine"); r.Status == http.StatusOK {
		t.Fatal("an unknown model answered")
	}
	var page string
	eventually(t, "the calls are counted", func() bool {
		page = string(s.Do(t, http.MethodGet, "/metrics", "", nil).Body)
		return strings.Count(page, "\nlitellm_proxy_total_requests_metric{") == 2
	})
	labels := `end_user="None",hashed_api_key="` + key.Hash + `",model="gpt-4o",team="` + team + `",team_alias="crew",user="None"`
	for _, want := range []string{
		`litellm_spend_metric{api_key_alias="bot",` + labels + `} 5e-05`,
		`litellm_spend_metric_total{api_key_alias="bot",` + labels + `} 5e-05`,
		`litellm_total_tokens{api_key_alias="bot",` + labels + `} 30`,
		`litellm_remaining_team_budget_metric{team="` + team + `",team_alias="crew"} 9.99995`,
		`litellm_remaining_api_key_budget_metric{api_key_alias="bot",hashed_api_key="` + key.Hash + `"} 1.99995`,
		`requested_model="gpt-4o",status_code="200"`, "gatehouse_database_up 1", "go_goroutines",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("/metrics lacks %s", want)
		}
	}
	if !regexp.MustCompile(`litellm_proxy_failed_requests_metric\{[^}]*requested_model="None"[^}]*\} 1`).MatchString(page) {
		t.Error("the failed call is not counted under no model")
	}
	for _, secret := range []string{key.Secret, s.MasterKey, "sk-upstream", "no-such-model-of-mine"} {
		if strings.Contains(page, secret) {
			t.Errorf("/metrics shows %s", secret)
		}
	}
}

func TestMetricsNeedAKeyWhenToldSo(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, testkit.Options{Config: "litellm_settings: {callbacks: [prometheus]}\ngeneral_settings: {require_auth_for_metrics: true}\n"})
	refusal(t, "nobody", s.Do(t, http.MethodGet, "/metrics", "", nil), http.StatusUnauthorized)
	refusal(t, "a plain key", s.Do(t, http.MethodGet, "/metrics", s.GenerateKey(t, nil).Secret, nil), http.StatusUnauthorized)
	_, viewer := s.NewUser(t, object{"user_role": "proxy_admin_viewer"})
	if r := s.Do(t, http.MethodGet, "/metrics", viewer, nil); r.Status != http.StatusOK {
		t.Errorf("an admin viewer: %d", r.Status)
	}
	off := testkit.Start(t, testkit.Options{})
	refusal(t, "metrics that are off", off.Do(t, http.MethodGet, "/metrics", "", nil), http.StatusNotFound)
}

// eventually waits for a condition that follows from what was done.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.After(testkit.Patience)
	for !done() {
		select {
		case <-deadline:
			t.Fatalf("still waiting until %s", what)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
