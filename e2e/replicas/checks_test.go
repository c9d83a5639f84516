package replicas_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/testkit"
)

// prices is three models: one with a price, one that is free because its entry says so, one that nobody knows the price of.
const prices = `model_list:
  - model_name: gpt-4o
    litellm_params: {model: openai/gpt-4o, api_base: "${PROVIDER}/v1", api_key: sk-upstream, input_cost_per_token: 0, output_cost_per_token: 0.000001}
  - model_name: free
    litellm_params: {model: openai/of-our-own, api_base: "${PROVIDER}/v1", api_key: sk-upstream, input_cost_per_token: 0, output_cost_per_token: 0}
  - model_name: forgotten
    litellm_params: {model: openai/nobody-knows-it, api_base: "${PROVIDER}/v1", api_key: sk-upstream}
litellm_settings: {callbacks: [prometheus]}
`

// TestUnpricedModels is contract/proxy.md §13 (17): a model without a known price is served, costs nothing, its rows say so
// and the log does once; with unknown_price: block nothing is sent.
func TestUnpricedModels(t *testing.T) {
	t.Parallel()
	provider := testkit.NewProvider(t)
	provider.Always(uses(1000))
	dsn := testkit.Postgres(t, nil)
	s := testkit.Start(t, testkit.Options{Provider: provider, Database: dsn, Config: prices})
	key := s.GenerateKey(t, nil)
	for i, a := range burst(t, []*testkit.Server{s}, key.Secret, 20, object{"model": "forgotten"}) {
		if a.status != http.StatusOK || a.header.Get("X-Litellm-Response-Cost") != "0.0" && a.header.Get("X-Litellm-Response-Cost") != "0" {
			t.Fatalf("call %d: %d, cost %q %s", i, a.status, a.header.Get("X-Litellm-Response-Cost"), a.body)
		}
	}
	if a := chat(t.Context(), client(t), s, key.Secret, nil); a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	db := database(t, dsn)
	var rows, flagged, cost int
	until(t, "every call is booked", func() bool {
		err := db.QueryRowContext(t.Context(), `SELECT count(*), count(*) FILTER (WHERE unpriced), COALESCE(sum(spend) FILTER (WHERE unpriced), 0) FROM spend_records
WHERE status = 'success'`).Scan(&rows, &flagged, &cost)
		if err != nil {
			t.Fatal(err)
		}
		return rows == 21
	})
	if flagged != 20 || cost != 0 {
		t.Errorf("%d rows of 20 calls are marked unpriced, they cost %d", flagged, cost)
	}
	if n := strings.Count(s.Log(), "a model has no known price"); n != 1 {
		t.Errorf("the log warns %d times of a model without a price, want once", n)
	}
	until(t, "the metric counts them", func() bool {
		return strings.Contains(string(s.Do(t, http.MethodGet, "/metrics", "", nil).Body), `gatehouse_unpriced_requests_total{model="forgotten"} 20`)
	})

	before := len(provider.Requests())
	s = testkit.Start(t, testkit.Options{Provider: provider, Config: prices + "gatehouse: {unknown_price: block}\n"})
	key = s.GenerateKey(t, nil)
	a := chat(t.Context(), client(t), s, key.Secret, object{"model": "forgotten"})
	if a.status != http.StatusBadRequest || !strings.Contains(string(a.body), "model_has_no_price") {
		t.Errorf("blocked: %d %s", a.status, a.body)
	}
	if n := len(provider.Requests()) - before; n != 0 {
		t.Errorf("%d blocked calls reached the provider", n)
	}
	for _, model := range []string{"gpt-4o", "free"} {
		if a := chat(t.Context(), client(t), s, key.Secret, object{"model": model}); a.status != http.StatusOK {
			t.Errorf("%s: %d %s", model, a.status, a.body)
		}
	}
}

// TestOnlyAPriceOfZeroSkipsBudgets is contract/proxy.md §13 (18): a model that is free by its entry is served whatever is
// spent; one whose price is missing is refused once a budget is overdrawn, and served on a budget of nothing until then.
func TestOnlyAPriceOfZeroSkipsBudgets(t *testing.T) {
	t.Parallel()
	provider := testkit.NewProvider(t)
	provider.Always(uses(1000))
	s := testkit.Start(t, testkit.Options{Provider: provider, Config: prices})
	try := func(key testkit.Key, model string) answer {
		t.Helper()
		return chat(t.Context(), client(t), s, key.Secret, object{"model": model})
	}
	overdrawn, nothing := s.GenerateKey(t, object{"max_budget": perCall / 2}), s.GenerateKey(t, object{"max_budget": 0})
	if a := try(overdrawn, "gpt-4o"); a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	for _, tc := range []struct {
		key    testkit.Key
		model  string
		status int
	}{
		{overdrawn, "gpt-4o", 429},
		{overdrawn, "forgotten", 429},
		{nothing, "gpt-4o", 429},
		{overdrawn, "free", 200},
		{nothing, "free", 200},
		{nothing, "forgotten", 200},
	} {
		a := try(tc.key, tc.model)
		if a.status != tc.status {
			t.Errorf("%s: %d %s, want %d", tc.model, a.status, a.body, tc.status)
		}
		if a.status == http.StatusTooManyRequests {
			refusals(t, []answer{a})
		}
	}
}

// TestHoldsThatSettleMakeRoom is the second half of contract/proxy.md §13 (13): calls that use half of what was held for
// them let more calls in than would fit by their holds, and the cap is not passed.
func TestHoldsThatSettleMakeRoom(t *testing.T) {
	t.Parallel()
	provider := testkit.NewProvider(t)
	provider.Always(uses(500))
	dsn := testkit.Postgres(t, nil)
	all := fleet(t, 3, testkit.Options{Provider: provider, Database: dsn})
	db := database(t, dsn)
	key := all[0].GenerateKey(t, object{"max_budget": 37 * perCall, "metadata": object{"budget_mode": "exact"}})
	waitKnown(t, all, key.Secret)
	admitted := 0
	until(t, "the budget is used up", func() bool {
		answers := burst(t, all, key.Secret, 30, object{"max_tokens": 1000})
		admitted += count(answers, http.StatusOK)
		return count(answers, http.StatusTooManyRequests) == len(answers)
	})
	if admitted <= 37 || admitted > 74 {
		t.Errorf("%d calls were admitted that use half of their holds, 37 fit by their holds and 74 by their use", admitted)
	}
	var id string
	if err := db.QueryRowContext(t.Context(), "SELECT id FROM keys WHERE hash = $1", key.Hash).Scan(&id); err != nil {
		t.Fatal(err)
	}
	var b books
	until(t, "every call is booked", func() bool {
		b = look(t, db, "key:"+id, "key_id", id)
		return b.rows == int64(admitted)*500_000
	})
	if b.spent != b.rows || b.spent > 37_000_000 {
		t.Errorf("%d calls were admitted, the books: %+v", admitted, b)
	}
}

// TestTheBudgetIsToldFirst is a key whose budget and whose rate are both used up: it is told of the budget, which does not
// end by waiting a minute (contract/admin-api.md §4.8). A limit that lets nothing through says that waiting is no use.
func TestTheBudgetIsToldFirst(t *testing.T) {
	t.Parallel()
	provider := testkit.NewProvider(t)
	provider.Always(uses(1000))
	s := testkit.Start(t, testkit.Options{Provider: provider, Config: prices})
	key := s.GenerateKey(t, object{"max_budget": perCall / 2, "rpm_limit": 1}).Secret
	ask := func(key, model string) answer {
		return chat(t.Context(), client(t), s, key, object{"model": model})
	}
	if a := ask(key, "gpt-4o"); a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	refusals(t, []answer{ask(key, "gpt-4o"), ask(key, "forgotten")})
	if a := ask(key, "free"); !strings.Contains(string(a.body), "rate_limit_exceeded") || a.header.Get("X-Should-Retry") != "" {
		t.Errorf("a free model: %d %v %s", a.status, a.header, a.body)
	}
	for _, field := range []string{"rpm_limit", "tpm_limit", "max_parallel_requests"} {
		a := ask(s.GenerateKey(t, object{field: 0}).Secret, "free")
		if !strings.Contains(string(a.body), "rate_limit_exceeded") || a.header.Get("X-Should-Retry") != "false" {
			t.Errorf("%s of 0: %d %v %s", field, a.status, a.header, a.body)
		}
	}
	if n := len(provider.Requests()); n != 1 {
		t.Errorf("%d calls reached the provider, want 1", n)
	}
}

// TestEndedWindowsShowNoSpend is budgets whose period ends while nobody calls, long before the next sweep: whoever asks is
// told of the new period, with nothing spent in it (contract/admin-api.md §4.5).
func TestEndedWindowsShowNoSpend(t *testing.T) {
	t.Parallel()
	provider := testkit.NewProvider(t)
	provider.Always(uses(1000))
	s := testkit.Start(t, testkit.Options{Provider: provider, Config: prices})
	limits := func(more object) object {
		more["max_budget"], more["budget_duration"] = 1, "2s"
		return more
	}
	user, _ := s.NewUser(t, limits(object{"auto_create_key": false}))
	org, _ := s.Admin(t, http.MethodPost, "/organization/new", limits(object{"organization_alias": "o"}))["organization_id"].(string)
	team := s.NewTeam(t, limits(object{"organization_id": org, "team_member_budget": 1, "team_member_budget_duration": "2s"}))
	s.Admin(t, http.MethodPost, "/organization/member_add", object{"organization_id": org, "member": object{"role": "internal_user", "user_id": user}})
	s.AddMember(t, team, user, "user")
	s.Admin(t, http.MethodPost, "/customer/new", limits(object{"user_id": "guest"}))
	key := s.GenerateKey(t, limits(object{"team_id": team, "user_id": user}))
	if a := chat(t.Context(), client(t), s, key.Secret, object{"user": "guest"}); a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	until(t, "the call is booked", func() bool {
		rows, ok := s.Admin(t, http.MethodGet, "/global/spend", nil)["spend"].(float64)
		return ok && rows >= perCall
	})
	now := time.Now().UTC()
	first := func(list any) object {
		for _, m := range list.([]any) {
			if m := m.(object); m["user_id"] == user {
				return m
			}
		}
		return nil
	}
	for name, look := range map[string]func() (row object, resets any){
		"key": func() (object, any) { v := s.KeyInfo(t, key.Secret); return v, v["budget_reset_at"] },
		"user": func() (object, any) {
			v := s.Admin(t, http.MethodGet, "/user/info?user_id="+user, nil)["user_info"].(object)
			return v, v["budget_reset_at"]
		},
		"team": func() (object, any) {
			v := s.Admin(t, http.MethodGet, "/team/info?team_id="+team, nil)["team_info"].(object)
			return v, v["budget_reset_at"]
		},
		"member": func() (object, any) {
			return first(s.Admin(t, http.MethodGet, "/team/info?team_id="+team, nil)["team_memberships"]), nil
		},
		"organization": func() (object, any) {
			return s.Admin(t, http.MethodGet, "/organization/info?organization_id="+org, nil), nil
		},
		"customer": func() (object, any) { return s.Admin(t, http.MethodGet, "/customer/info?end_user_id=guest", nil), nil },
	} {
		until(t, "the "+name+"'s period has ended", func() bool {
			row, resets := look()
			if text, ok := resets.(string); ok {
				at, err := time.Parse(time.RFC3339, text)
				if err != nil || at.Before(now) {
					return false
				}
			}
			return row["spend"] == 0.0
		})
	}
	// Nothing was written: a call in the new period begins it.
	if a := chat(t.Context(), client(t), s, key.Secret, nil); a.status != http.StatusOK {
		t.Errorf("in the new period: %d %s", a.status, a.body)
	}
}
