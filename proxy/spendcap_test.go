package proxy

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"gatehouse/internal/testkit"
	"gatehouse/models"
	"gatehouse/proxy/route"
)

// A provider, or a deployment, that has used its budget up gets no calls; when nothing else serves, the caller is told.
func TestBudgetsOfProvidersAndDeployments(t *testing.T) {
	t.Parallel()
	one := func(id, providerName string, more map[string]any) models.Deployment {
		d := deployment("m", providerName, id)
		d.ID = id
		d.Params = more
		return d
	}
	const call = 10*1000 + 20*2000 // nano-USD that one costs
	for name, tt := range map[string]struct {
		caps  map[string]SpendCap
		deps  []models.Deployment
		want  string // who serves, in order; "-": refused
		calls int
	}{
		"none": {nil, []models.Deployment{one("a", "openai", nil)}, "aaa", 3},
		"a provider's": {
			map[string]SpendCap{"openai": {Limit: call + 1, Period: "1d"}, "mistral": {Limit: 1}},
			[]models.Deployment{one("a", "openai", nil), one("b", "anthropic", nil)},
			"aabb", 4,
		},
		"of two deployments of one provider together": {
			map[string]SpendCap{"openai": {Limit: 2 * call}}, []models.Deployment{one("a", "openai", nil), one("b", "openai", nil)}, "xx--", 4,
		},
		"both providers'": {
			map[string]SpendCap{"openai": {Limit: 1}, "anthropic": {Limit: 1}}, []models.Deployment{one("a", "openai", nil), one("b", "anthropic", nil)}, "ab--", 4,
		},
		"a deployment's own": {
			nil, []models.Deployment{one("a", "openai", map[string]any{"max_budget": json.Number("0.00005"), "budget_duration": "30d"}), one("b", "openai", nil)}, "abbb", 4,
		},
		"one that cannot be read": {nil, []models.Deployment{one("a", "openai", map[string]any{"max_budget": "much"})}, "aa", 2},
		"nothing at all":          {nil, []models.Deployment{one("a", "openai", map[string]any{"max_budget": 0.0})}, "--", 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for i := range tt.deps {
				tt.deps[i].Order = i + 1 // in this order, as long as they may
			}
			if strings.Contains(tt.want, "x") {
				tt.deps[0].Order, tt.deps[1].Order = 0, 0
			}
			r := newRig(t, setup{config: Config{ProviderCaps: tt.caps}, settings: oneTry(), deployments: tt.deps})
			got := ""
			for range tt.calls {
				a := r.chat("m", "")
				switch id := a.header.Get("X-Litellm-Model-Id"); {
				case a.status == 200 && strings.Contains(tt.want, "x"):
					got += "x"
				case a.status == 200:
					got += id
				default:
					_, code, message := a.failure(t)
					if a.status != 429 || code != "no_deployments_available" || !strings.Contains(message, "crossed budget: Exceeded budget for ") || a.header.Get("X-Should-Retry") != "false" {
						t.Errorf("%d %v %s", a.status, a.header, a.body)
					}
					got += "-"
				}
			}
			if got != tt.want {
				t.Errorf("served by %s, want %s", got, tt.want)
			}
			for _, rec := range r.book.wait(t, tt.calls) {
				of := func(scope string) bool {
					return slices.ContainsFunc(rec.Charges, func(c models.ScopeCharge) bool { return c.Scope == scope })
				}
				served := rec.Status == "success"
				if _, capped := tt.caps[rec.Provider]; served && of(models.ScopeProvider(rec.Provider)) != capped {
					t.Errorf("charged %+v", rec.Charges)
				}
				if served && of(models.ScopeDeployment(rec.DeploymentID)) != (name == "a deployment's own" && rec.DeploymentID == "a") {
					t.Errorf("charged %+v", rec.Charges)
				}
			}
		})
	}
}

// What is over its budget is stood in for by a fallback, and a health check is made all the same.
func TestBudgetsOfProvidersAndFallbacks(t *testing.T) {
	t.Parallel()
	a, b := deployment("m", "openai", "a"), deployment("other", "anthropic", "b")
	r := newRig(t, setup{
		config: Config{ProviderCaps: map[string]SpendCap{"openai": {Limit: 1}}}, deployments: []models.Deployment{a, b},
		settings: route.Settings{Fallbacks: map[string][]route.Fallback{"m": {{Model: "other"}}}},
	})
	for i, want := range []string{"dep-m", "dep-other", "dep-other"} {
		if got := r.chat("m", ""); got.status != 200 || got.header.Get("X-Litellm-Model-Id") != want {
			t.Errorf("call %d: %d by %s", i, got.status, got.header.Get("X-Litellm-Model-Id"))
		}
	}
	if found, ok := r.plane.Check(r.plane.Ring.Snapshot().Catalog().ByID("dep-m"), testkit.Patience); !ok || found.Status != 200 {
		t.Errorf("a check: %v %+v", ok, found)
	}
}
