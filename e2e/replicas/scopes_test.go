package replicas_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/testkit"
)

// TestEveryScopeHasItsBudget is a budget for two calls at each scope, on SQLite and on PostgreSQL: two pass, the third is
// refused in the words and with the figures of that scope, and calls outside of it are not.
func TestEveryScopeHasItsBudget(t *testing.T) {
	t.Parallel()
	provider := testkit.NewProvider(t)
	provider.Always(uses(1000))
	const tags = "litellm_settings:\n  tag_budget_config:\n    blue: {max_budget: 0.002, budget_duration: 1d}\n"
	for name, dsn := range map[string]string{"sqlite": "", "postgres": testkit.Postgres(t, nil)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := testkit.Start(t, testkit.Options{Provider: provider, Database: dsn, Config: config + tags})
			for _, tc := range budgetScopes(t, s) {
				t.Run(tc.level, func(t *testing.T) { tc.check(t, s) })
			}
		})
	}
	t.Run("proxy", func(t *testing.T) {
		t.Parallel()
		s := testkit.Start(t, testkit.Options{
			Provider: provider, Database: testkit.Postgres(t, nil), Config: config + "litellm_settings:\n  max_budget: 0.002\n  budget_duration: 30d\n",
		})
		one, two := s.GenerateKey(t, nil), s.GenerateKey(t, nil)
		scope := scopeCase{level: "proxy", key: one.Secret, also: two.Secret, message: "Budget has been exceeded! Current cost: 0.002, Max budget: 0.002"}
		scope.check(t, s)
	})
}

// scopeCase is one scope with a budget for two calls.
type scopeCase struct {
	level   string
	key     string // whose calls it counts
	also    string // another key whose calls it counts, for the second one; empty: the same
	free    string // a key whose calls it does not count; empty: none
	extra   object // of each call
	other   object // of a call by the same key that it does not count; nil: none
	message string
}

const twoCalls = 2 * perCall

func budgetScopes(t *testing.T, s *testkit.Server) []scopeCase {
	t.Helper()
	plain := s.GenerateKey(t, nil).Secret
	key := s.GenerateKey(t, map[string]any{"max_budget": twoCalls})
	perModel := s.GenerateKey(t, map[string]any{
		"key_alias": "one-model", "model_max_budget": object{"gpt-4o": object{"budget_limit": "0.002", "time_period": "1d"}},
	})
	user, _ := s.NewUser(t, map[string]any{"max_budget": twoCalls, "auto_create_key": false})
	personal, second := s.GenerateKey(t, map[string]any{"user_id": user}), s.GenerateKey(t, map[string]any{"user_id": user})
	free := s.NewTeam(t, nil)
	s.AddMember(t, free, user, "user")
	service := s.GenerateKey(t, map[string]any{"user_id": user, "team_id": free})

	team := s.NewTeam(t, map[string]any{"max_budget": twoCalls})
	ofTeam, alsoOfTeam := s.GenerateKey(t, map[string]any{"team_id": team}), s.GenerateKey(t, map[string]any{"team_id": team})

	wide := s.NewTeam(t, nil)
	member, _ := s.NewUser(t, map[string]any{"auto_create_key": false})
	s.Admin(t, http.MethodPost, "/team/member_add", object{
		"team_id": wide, "member": object{"user_id": member, "role": "user"}, "max_budget_in_team": twoCalls,
	})
	ofMember := s.GenerateKey(t, map[string]any{"team_id": wide, "user_id": member})
	colleague := s.GenerateKey(t, map[string]any{"team_id": wide})

	org, _ := s.Admin(t, http.MethodPost, "/organization/new", object{"organization_alias": "o-" + t.Name(), "max_budget": twoCalls})["organization_id"].(string)
	ofOrg := s.GenerateKey(t, map[string]any{"team_id": s.NewTeam(t, map[string]any{"organization_id": org})})
	alsoOfOrg := s.GenerateKey(t, map[string]any{"team_id": s.NewTeam(t, map[string]any{"organization_id": org})})

	s.Admin(t, http.MethodPost, "/customer/new", object{"user_id": "guest", "max_budget": twoCalls})
	anyone := s.GenerateKey(t, nil).Secret
	const spent = "Current cost: 0.002, Max budget: 0.002"
	return []scopeCase{
		{level: "key", key: key.Secret, free: plain, message: "Budget has been exceeded! " + spent},
		{
			level: "model_per_key", key: perModel.Secret, free: plain,
			message: "LiteLLM Virtual Key: sk-..." + perModel.Secret[len(perModel.Secret)-4:] + ", key_alias: one-model, exceeded budget for model=gpt-4o",
		},
		{
			level: "user", key: personal.Secret, also: second.Secret, free: service.Secret,
			message: "ExceededBudget: User=" + user + " over budget. Spend=0.002, Budget=0.002",
		},
		{level: "team", key: ofTeam.Secret, also: alsoOfTeam.Secret, free: plain, message: "Budget has been exceeded! Team=" + team + " " + spent},
		{level: "team_member", key: ofMember.Secret, free: colleague.Secret, message: "Budget has been exceeded! User=" + member + " in Team=" + wide + " " + spent},
		{level: "organization", key: ofOrg.Secret, also: alsoOfOrg.Secret, free: plain, message: "Budget has been exceeded! Organization=" + org + " " + spent},
		{
			level: "end_user", key: anyone, also: plain, extra: object{"user": "guest"}, other: object{"user": "somebody"},
			message: "ExceededBudget: End User=guest over budget. Spend=0.002, Budget=0.002",
		},
		{
			level: "tag", key: anyone, also: plain, extra: object{"metadata": object{"tags": []string{"red", "blue"}}},
			other: object{"metadata": object{"tags": []string{"red"}}}, message: "Budget has been exceeded! Tag=blue " + spent,
		},
	}
}

func (tc *scopeCase) check(t *testing.T, s *testkit.Server) {
	t.Helper()
	ask := func(key string, extra object) answer {
		body := object{"max_tokens": 1000}
		for name, v := range extra {
			body[name] = v
		}
		return chat(t.Context(), client(t), s, key, body)
	}
	also := tc.also
	if also == "" {
		also = tc.key
	}
	for i, key := range []string{tc.key, also} {
		if a := ask(key, tc.extra); a.status != http.StatusOK {
			t.Fatalf("call %d of a budget for two: %d %s", i+1, a.status, a.body)
		}
	}
	a := ask(tc.key, tc.extra)
	var refusal struct {
		Error struct {
			Message, Type, Code string
			Param               *string
		}
		Budget struct {
			Level, ID    string
			Limit, Spent float64
			Reserved     *float64
			ResetsAt     *string `json:"resets_at"`
		}
	}
	if err := json.Unmarshal(a.body, &refusal); err != nil || a.status != http.StatusTooManyRequests {
		t.Fatalf("the third call: %d %s", a.status, a.body)
	}
	e := refusal.Error
	if e.Type != "budget_exceeded" || e.Code != "budget_exceeded" || e.Param != nil || !strings.Contains(e.Message, tc.message) {
		t.Errorf("the refusal: %s\nwant %q", a.body, tc.message)
	}
	if b := refusal.Budget; b.Level != tc.level || b.Limit != 0.002 || b.Spent != 0.002 || (b.ID == "") != (tc.level == "proxy") {
		t.Errorf("the figures: %s", a.body)
	}
	if at := refusal.Budget.ResetsAt; at != nil {
		if next, err := time.Parse(time.RFC3339, *at); err != nil || !next.After(time.Now()) {
			t.Errorf("resets_at: %s", a.body)
		}
	}
	if a.header.Get("X-Should-Retry") != "false" || a.header.Get("Retry-After") != "" {
		t.Errorf("headers of a refusal that waiting does not end: %v", a.header)
	}
	raw, _ := json.Marshal(object{"model": "gpt-4o", "max_tokens": 1000, "messages": []object{{"role": "user", "content": "hi"}}})
	if tc.extra == nil {
		var claude struct {
			Type  string
			Error struct{ Type, Message string }
		}
		r := s.Do(t, http.MethodPost, "/v1/messages", tc.key, raw)
		if err := json.Unmarshal(r.Body, &claude); err != nil || r.Status != http.StatusTooManyRequests || claude.Type != "error" ||
			claude.Error.Type != "rate_limit_error" || !strings.Contains(claude.Error.Message, tc.message) || r.Header.Get("X-Should-Retry") != "false" {
			t.Errorf("on Anthropic's wire: %d %s", r.Status, r.Body)
		}
	}
	if tc.free != "" {
		if a := ask(tc.free, tc.extra); a.status != http.StatusOK {
			t.Errorf("a key outside of the scope: %d %s", a.status, a.body)
		}
	}
	if tc.other != nil {
		if a := ask(tc.key, tc.other); a.status != http.StatusOK {
			t.Errorf("a call outside of the scope: %d %s", a.status, a.body)
		}
	}
}
