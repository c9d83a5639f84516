package replicas_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"

	"gatehouse/internal/testkit"
)

// runs is how often a test of this package goes through its scenario: once in the suite, more by hand
// (GATEHOUSE_RUNS=20, see docs/reliability.md).
func runs(t *testing.T) int {
	t.Helper()
	text := os.Getenv("GATEHOUSE_RUNS")
	if text == "" {
		return 1
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("GATEHOUSE_RUNS=%q", text)
	}
	return n
}

// TestEveryCapAtOnce is a key whose own budget, whose team's, and whose owner's in the team each fit exactly 37 calls, and
// a personal key whose own and whose owner's do, each offered 500 at once over three replicas.
func TestEveryCapAtOnce(t *testing.T) {
	t.Parallel()
	provider := testkit.NewProvider(t)
	provider.Always(uses(1000))
	dsn := testkit.Postgres(t, nil)
	all := fleet(t, 3, testkit.Options{Provider: provider, Database: dsn})
	db := database(t, dsn)
	warm := all[0].GenerateKey(t, nil)
	waitKnown(t, all, warm.Secret)
	burst(t, all, warm.Secret, 30, object{"max_tokens": 1000})

	const budget = 37 * perCall
	for _, mode := range []string{"firm", "exact"} {
		for run := range runs(t) {
			t.Run(fmt.Sprintf("%s/run %d", mode, run), func(t *testing.T) {
				team := all[0].NewTeam(t, map[string]any{"max_budget": budget})
				user, _ := all[0].NewUser(t, map[string]any{"max_budget": budget, "auto_create_key": false})
				all[0].Admin(t, http.MethodPost, "/team/member_add", map[string]any{
					"team_id": team, "member": map[string]any{"user_id": user, "role": "user"}, "max_budget_in_team": budget,
				})
				meta := map[string]any{"budget_mode": mode}
				of := all[0].GenerateKey(t, map[string]any{"team_id": team, "user_id": user, "max_budget": budget, "metadata": meta})
				own, _ := all[0].NewUser(t, map[string]any{"max_budget": budget, "auto_create_key": false})
				personal := all[0].GenerateKey(t, map[string]any{"user_id": own, "max_budget": budget, "metadata": meta})
				for _, tc := range []struct {
					key    testkit.Key
					scopes []string
				}{
					{of, []string{"team:" + team, fmt.Sprintf("member:%d:%s/%s", len(team), team, user), "user:" + user}},
					{personal, []string{"user:" + own}},
				} {
					waitKnown(t, all, tc.key.Secret)
					before := len(provider.Requests())
					answers := burst(t, all, tc.key.Secret, 500, object{"max_tokens": 1000})
					if got, sent := count(answers, http.StatusOK), len(provider.Requests())-before; got != 37 || sent != 37 {
						t.Errorf("budgets for 37 calls let %d through, %d to the provider: %v", got, sent, statuses(answers))
					}
					refusals(t, answers)
					var id string
					if err := db.QueryRowContext(t.Context(), "SELECT id FROM keys WHERE hash = $1", tc.key.Hash).Scan(&id); err != nil {
						t.Fatal(err)
					}
					for _, scope := range append([]string{"key:" + id}, tc.scopes...) {
						var b books
						until(t, "every call is booked", func() bool { b = look(t, db, scope, "key_id", id); return b.rows >= 37_000_000 })
						if b.spent != 37_000_000 || b.rows != b.spent || b.sliced != b.balance || b.spent+b.sliced+b.lost > 37_000_000 {
							t.Errorf("%s: %+v, want 37,000,000 nano spent and nothing lent", scope, b)
						}
					}
				}
			})
		}
	}
}

// refusals fails the test unless everything that was not served was refused for a budget, for good.
func refusals(t *testing.T, answers []answer) {
	t.Helper()
	for i := range answers {
		a := &answers[i]
		if a.status != http.StatusOK && (a.status != http.StatusTooManyRequests || a.header.Get("X-Should-Retry") != "false" ||
			!strings.Contains(string(a.body), "budget_exceeded")) {
			t.Fatalf("a refusal: %d %v %s", a.status, a.header, a.body)
		}
	}
}

// TestExactIsNeverPassed draws prompts and output caps at random; the provider uses all that it may: a token for every
// byte of the text and every token of the cap. The budget is never passed, and what is left in the end is less than
// the smallest call could cost.
func TestExactIsNeverPassed(t *testing.T) {
	t.Parallel()
	const in, out = 2_000, 5_000 // nano-USD a token
	const prices = `model_list:
  - model_name: gpt-4o
    litellm_params: {model: openai/gpt-4o, api_base: "${PROVIDER}/v1", api_key: sk-upstream, input_cost_per_token: 0.000002, output_cost_per_token: 0.000005}
gatehouse: {slice_ttl: 10s, budget_mode: exact}
router_settings: {num_retries: 0}
`
	provider := testkit.NewProvider(t)
	provider.Choose(func(r testkit.Request) *testkit.Reply {
		var body struct {
			Max       int64 `json:"max_tokens"`
			MaxNew    int64 `json:"max_completion_tokens"`
			N         int64 `json:"n"`
			Messages  json.RawMessage
			ServiceAs string `json:"service_tier"`
		}
		_ = json.Unmarshal(r.Body, &body)
		reply := testkit.Reply{Usage: &testkit.Usage{Prompt: int64(len(body.Messages)), Completion: max(body.Max, body.MaxNew) * max(1, body.N)}}
		return &reply
	})
	dsn := testkit.Postgres(t, nil)
	all := fleet(t, 3, testkit.Options{Provider: provider, Database: dsn, Config: prices})
	db := database(t, dsn)
	for run := range runs(t) {
		t.Run(fmt.Sprint("run ", run), func(t *testing.T) {
			budget := int64(20_000_000) + rand.Int64N(80_000_000)
			team := all[0].NewTeam(t, map[string]any{"max_budget": float64(budget) / 1e9})
			key := all[0].GenerateKey(t, map[string]any{"team_id": team, "max_budget": float64(budget) / 1e9})
			waitKnown(t, all, key.Secret)
			drawn := func() object {
				o := object{"messages": []object{{"role": "user", "content": strings.Repeat("x", 1+rand.IntN(400))}}}
				switch rand.IntN(4) {
				case 0:
					o["max_tokens"] = 1 + rand.IntN(800)
				case 1:
					o["max_completion_tokens"] = 1 + rand.IntN(800)
				case 2:
					o["max_tokens"], o["max_completion_tokens"] = 1+rand.IntN(800), 1+rand.IntN(800)
				}
				if rand.IntN(4) == 0 {
					o["n"] = 2
				}
				return o
			}
			c := client(t)
			for range 4 {
				answers := make([]answer, 100)
				parallel(len(answers), func(i int) { answers[i] = chat(t.Context(), c, all[i%3], key.Secret, drawn()) })
				refusals(t, answers)
			}
			// The smallest call there is, until it is refused everywhere.
			least := object{"max_tokens": 16, "messages": []object{{"role": "user", "content": "x"}}}
			raw, _ := json.Marshal(object{"model": "gpt-4o", "messages": least["messages"], "max_tokens": 16})
			smallest := int64(len(raw)+64)*in + 16*out // what the gateway takes it to cost at most
			var b books
			// A call may be refused while others are held at their worst; once those are settled there can be room again.
			until(t, "nothing is left that the smallest call fits into, and every call is booked", func() bool {
				answers := burst(t, all, key.Secret, 30, least)
				refusals(t, answers)
				if count(answers, http.StatusOK) > 0 {
					return false
				}
				var open int
				_ = db.QueryRowContext(t.Context(), "SELECT count(*) FROM open_holds").Scan(&open)
				b = look(t, db, "team:"+team, "team_id", team)
				return open == 0 && b.rows == b.spent && budget-b.spent < smallest
			})
			if b.spent > budget || b.rows != b.spent {
				t.Errorf("a budget of %d: %+v", budget, b)
			}
			t.Logf("budget %d, spent %d, left %d, smallest call %d", budget, b.spent, budget-b.spent, smallest)
		})
	}
}
