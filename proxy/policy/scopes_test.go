package policy_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"gatehouse/models"
	"gatehouse/proxy/budget"
	"gatehouse/proxy/keyring"
	"gatehouse/proxy/limit"
	"gatehouse/proxy/policy"
)

func usd(n int64) *models.Nano { return ptr(models.Nano(n) * models.USD) }

// busy is a configuration in which every level has figures.
func busy() *world {
	w := seed()
	w.budgets = []models.Budget{
		{ID: "org-row", Limits: models.Limits{MaxBudget: usd(50), RPMLimit: ptr(int64(500))}},
		{ID: "member-row", Limits: models.Limits{MaxBudget: usd(4), TPMLimit: ptr(int64(40))}},
		{ID: "guest", Limits: models.Limits{MaxBudget: usd(1)}},
	}
	w.orgs = []models.Organization{{ID: "o", BudgetID: "org-row"}}
	w.teams = []models.Team{{
		ID: "t", OrgID: ptr("o"), Metadata: models.JSON(`{"budget_mode":"exact"}`),
		Limits: models.Limits{
			MaxBudget: usd(20), BudgetDuration: ptr("30d"), RPMLimit: ptr(int64(100)),
			ModelRPMLimit: models.IntMap{"gpt-4": 9, "gpt-4o": 8}, ModelTPMLimit: models.IntMap{"gpt-4": 90},
		},
	}}
	w.users = []models.User{{ID: "u", Limits: models.Limits{MaxBudget: usd(7), SoftBudget: usd(5), MaxParallel: ptr(int64(3))}}, {ID: "admin", Role: models.RoleAdmin}}
	w.members = []models.Membership{{TeamID: "t", UserID: "u", BudgetID: ptr("member-row")}}
	key := models.Limits{
		MaxBudget: usd(10), RPMLimit: ptr(int64(60)), ModelRPMLimit: models.IntMap{"gpt-4": 5},
		ModelMaxBudget: models.ModelBudgets{"gpt-4": {Limit: models.USD, Duration: "1d"}},
	}
	w.keys = []models.Key{
		{ID: "team", TeamID: ptr("t"), UserID: ptr("u"), Alias: ptr("ci"), Limits: key},
		{ID: "personal", UserID: ptr("u"), Limits: key},
		{ID: "service", TeamID: ptr("t")},
		{ID: "admins", UserID: ptr("admin"), Limits: key},
		{ID: "plain"},
	}
	return w
}

func TestBudgets(t *testing.T) {
	t.Parallel()
	s := busy().snapshot(t)
	caps := &policy.Caps{
		ProxyBudget: keyring.Cap{N: 100 * int64(models.USD), Set: true}, ProxyDuration: "1mo", CustomerBudgetID: "guest",
		Tags: map[string]policy.TagCap{"blue": {Budget: keyring.Cap{N: 2 * int64(models.USD), Set: true}, Duration: "1d"}},
	}
	for _, tc := range []struct {
		key, customer, model string
		tags, want           []string
	}{
		{"team", "c", "gpt-4", []string{"red", "blue"}, []string{
			"key:team 10.0", "keymodel:team/gpt-4 1.0 1d", "team:t 20.0 30d", "org:o 50.0", "member:1:t/u 4.0", "user:u -", "customer:c 1.0", "tag:blue 2.0 1d", "proxy 100.0 1mo",
		}},
		{"personal", "", "gpt-4o", nil, []string{"key:personal 10.0", "user:u 7.0 soft 5.0", "proxy 100.0 1mo"}},
		{"service", "", "gpt-4", []string{"red"}, []string{"key:service -", "team:t 20.0 30d", "org:o 50.0", "proxy 100.0 1mo"}},
		{"plain", "stranger", "gpt-4", nil, []string{"key:plain -", "customer:stranger 1.0", "proxy 100.0 1mo"}},
	} {
		var got []string
		for _, w := range policy.Budgets(nil, s, s.Grant(tc.key), policy.Bill{Model: tc.model, Customer: tc.customer, Tags: tc.tags, Now: noon.UnixMicro()}, caps) {
			text := w.Scope + " -"
			if w.Cap.Set {
				text = w.Scope + " " + models.Nano(w.Cap.N).String()
			}
			if w.Duration != "" {
				text += " " + w.Duration
			}
			if w.Soft.Set {
				text += " soft " + models.Nano(w.Soft.N).String()
			}
			got = append(got, text)
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("%s:\n got %q\nwant %q", tc.key, got, tc.want)
		}
	}
	for _, w := range policy.Budgets(nil, s, keyring.NewMaster("m"), policy.Bill{}, caps) {
		if w.Cap.Set || w.Soft.Set {
			t.Errorf("the master key is capped: %+v", w)
		}
	}
	if w, ok := policy.ModelBudget(s, s.Grant("team"), policy.Bill{Model: "m", Asked: "gpt-4"}); !ok || w.Scope != "keymodel:team/gpt-4" {
		t.Errorf("the budget of a model by the name it was asked for: %+v %t", w, ok)
	}
	if w, ok := policy.ModelBudget(s, s.Grant("plain"), policy.Bill{Model: "gpt-4"}); ok {
		t.Errorf("a key without budgets for models: %+v", w)
	}
}

func TestMode(t *testing.T) {
	t.Parallel()
	w := busy()
	w.keys = append(w.keys, models.Key{ID: "firm", TeamID: ptr("t"), Metadata: models.JSON(`{"budget_mode":"firm"}`)})
	s := w.snapshot(t)
	for id, want := range map[string]budget.Mode{"firm": budget.Exact, "team": budget.Exact, "personal": budget.Firm} {
		if got := policy.Mode(s, s.Grant(id), &policy.Caps{}); got != want {
			t.Errorf("%s: mode %d, want %d", id, got, want)
		}
	}
	if policy.Mode(s, s.Grant("personal"), &policy.Caps{Mode: budget.Exact}) != budget.Exact {
		t.Error("a key loosened the operator's mode")
	}
}

func TestRates(t *testing.T) {
	t.Parallel()
	s := busy().snapshot(t)
	caps := &policy.Caps{ProxyParallel: keyring.Cap{N: 1000, Set: true}}
	for _, tc := range []struct {
		key, model string
		want       []string
	}{
		{"team", "gpt-4", []string{
			"api_key key:team r60", "model_per_key keymodel:team/gpt-4 r5", "team team:t r100", "model_per_team teammodel:t/gpt-4 t90",
			"organization org:o r500", "team_member member:1:t/u t40", "user user:u p3", "proxy proxy p1000",
		}},
		{"service", "gpt-4o", []string{"team team:t r100", "model_per_team teammodel:t/gpt-4o r8", "organization org:o r500", "proxy proxy p1000"}},
		{"admins", "gpt-4", nil},
		{"plain", "gpt-4", []string{"proxy proxy p1000"}},
	} {
		var got []string
		for _, w := range policy.Rates(nil, s, s.Grant(tc.key), policy.Bill{Model: tc.model, Now: noon.UnixMicro()}, caps) {
			text := limit.Word(w.Level) + " " + w.Scope + " "
			for _, c := range []struct {
				letter string
				cap    keyring.Cap
			}{{"r", w.RPM}, {"t", w.TPM}, {"p", w.Parallel}} {
				if c.cap.Set {
					text += fmt.Sprint(c.letter, c.cap.N)
				}
			}
			got = append(got, strings.TrimSpace(text))
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("%s:\n got %q\nwant %q", tc.key, got, tc.want)
		}
	}
}

func TestScopesAllocateNothing(t *testing.T) {
	s := busy().snapshot(t)
	g := s.Grant("team")
	caps := &policy.Caps{}
	var budgets [12]budget.Want
	var rates [12]limit.Want
	if n := testing.AllocsPerRun(100, func() {
		bill := policy.Bill{Model: "my-free-tier", Now: noon.UnixMicro()}
		if len(policy.Budgets(budgets[:0], s, g, bill, caps)) != 6 || len(policy.Rates(rates[:0], s, g, bill, caps)) != 5 {
			panic("scopes")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
