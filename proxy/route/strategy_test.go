package route_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"gatehouse/models"
	"gatehouse/proxy/route"
)

// proxy.md §13 (9): within 2 % of the weights over 10,000 picks.
func TestShuffle(t *testing.T) {
	t.Parallel()
	weight := func(w float64) func(*models.Deployment) { return func(d *models.Deployment) { d.Weight = &w } }
	rpm := func(n int64) func(*models.Deployment) { return func(d *models.Deployment) { d.RPM = &n } }
	tpm := func(n int64) func(*models.Deployment) { return func(d *models.Deployment) { d.TPM = &n } }
	for _, tc := range []struct {
		name  string
		deps  []*models.Deployment
		share map[string]float64
	}{
		{"uniform", []*models.Deployment{dep("a", "m"), dep("b", "m")}, map[string]float64{"a": .5, "b": .5}},
		{"by weight", []*models.Deployment{dep("a", "m", weight(9)), dep("b", "m", weight(1))}, map[string]float64{"a": .9, "b": .1}},
		{"weight zero is out", []*models.Deployment{dep("a", "m", weight(0)), dep("b", "m", weight(1))}, map[string]float64{"b": 1}},
		{"weight on a later one counts, missing is zero", []*models.Deployment{dep("a", "m"), dep("b", "m", weight(1))}, map[string]float64{"b": 1}},
		{"by rpm", []*models.Deployment{dep("a", "m", rpm(3_000_000)), dep("b", "m", rpm(1_000_000))}, map[string]float64{"a": .75, "b": .25}},
		{"by tpm", []*models.Deployment{dep("a", "m", tpm(1e9)), dep("b", "m", tpm(4e9))}, map[string]float64{"a": .2, "b": .8}},
		{"weight before rpm", []*models.Deployment{dep("a", "m", rpm(9_000_000), weight(1)), dep("b", "m", rpm(1_000_000), weight(1))}, map[string]float64{"a": .5, "b": .5}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(route.Settings{}, tc.deps...)
			got := map[string]float64{}
			const n = 10_000
			for range n {
				got[r.one(t, "m", route.Outcome{})]++
			}
			for _, d := range tc.deps {
				if math.Abs(got[d.ID]/n-tc.share[d.ID]) > 0.02 {
					t.Errorf("%s: %.3f, want %.3f", d.ID, got[d.ID]/n, tc.share[d.ID])
				}
			}
		})
	}
}

// proxy.md §13 (9).
func TestLeastBusyNeverStacks(t *testing.T) {
	t.Parallel()
	r := newRig(route.Settings{Strategy: route.LeastBusy}, dep("a", "m"), dep("b", "m"), dep("c", "m"))
	var open []*route.Plan
	for round := range 4 {
		seen := map[string]bool{}
		for range 3 {
			p := r.plan(t, "m")
			a, _ := p.Next(route.Outcome{})
			if seen[a.Deployment.ID] {
				t.Fatalf("round %d: %s got a second call while another was idle", round, a.Deployment.ID)
			}
			seen[a.Deployment.ID] = true
			open = append(open, p)
		}
	}
	for _, p := range open {
		p.End(route.Outcome{})
		p.End(route.Outcome{})
	}
	for _, id := range []string{"a", "b", "c"} {
		if s := r.Status(id); s.InFlight != 0 || s.Requests != 4 {
			t.Errorf("%s: %+v", id, s)
		}
	}
}

func TestLatencyBased(t *testing.T) {
	t.Parallel()
	r := newRig(route.Settings{Strategy: route.LatencyBased, LatencyBuffer: 0.2, LatencyTTL: time.Minute}, dep("a", "m"), dep("b", "m"), dep("c", "m"))
	took := map[string]route.Outcome{
		"a": {Total: time.Second, OutputTokens: 100},             // 10 ms a token
		"b": {Total: 1100 * time.Millisecond, OutputTokens: 100}, // 11 ms: within the buffer
		"c": {Total: time.Second, OutputTokens: 50},              // 20 ms
	}
	var first []string
	for range 3 { // one without a sample is tried
		p := r.plan(t, "m")
		a, _ := p.Next(route.Outcome{})
		first = append(first, a.Deployment.ID)
		p.End(took[a.Deployment.ID])
	}
	if !slices.Equal(sorted(first), []string{"a", "b", "c"}) {
		t.Fatalf("the first three went to %q", first)
	}
	got := map[string]int{}
	for range 200 {
		p := r.plan(t, "m")
		a, _ := p.Next(route.Outcome{})
		got[a.Deployment.ID]++
		p.End(took[a.Deployment.ID])
	}
	if got["c"] != 0 || got["a"] < 50 || got["b"] < 50 {
		t.Errorf("picks %v", got)
	}
	r.one(t, "m", route.Outcome{Class: route.Timeout}) // cools and is remembered as slow
	r.clock.Advance(10 * time.Second)
	got = map[string]int{}
	for range 20 {
		got[r.one(t, "m", route.Outcome{Total: time.Second, OutputTokens: 100})]++
	}
	if len(got) != 1 {
		t.Errorf("after a timeout: %v", got)
	}
	// Streams have figures of their own: time to the first chunk.
	streams := func(q *route.Request) { q.Stream = true }
	seen := map[string]bool{}
	for range 3 {
		p := r.plan(t, "m", streams)
		a, _ := p.Next(route.Outcome{})
		seen[a.Deployment.ID] = true
		p.End(route.Outcome{Stream: true, FirstByte: time.Duration(len(seen)) * time.Second})
	}
	if len(seen) != 3 {
		t.Errorf("streams were judged by calls that were none: %v", seen)
	}
}

func TestUsageBased(t *testing.T) {
	t.Parallel()
	tight := func(d *models.Deployment) { d.TPM = ptr(int64(1000)) }
	r := newRig(route.Settings{Strategy: route.UsageBased}, dep("a", "m", tight), dep("b", "m"))
	p := r.plan(t, "m", func(q *route.Request) { q.Tokens = 1001 })
	if a, _ := p.Next(route.Outcome{}); a.Deployment.ID != "b" {
		t.Error("a call went where its tokens do not fit")
	}
	p.End(route.Outcome{TotalTokens: 500})
	if got := r.one(t, "m", route.Outcome{TotalTokens: 900}); got != "a" {
		t.Errorf("the less used one is a, got %s", got)
	}
	if got := r.one(t, "m", route.Outcome{TotalTokens: 900}); got != "b" {
		t.Errorf("the less used one is b, got %s", got)
	}
	r.clock.Advance(time.Minute)
	if s := r.Status("a"); s.Tokens != 0 {
		t.Errorf("the minute is over: %+v", s)
	}
}

func TestCostBased(t *testing.T) {
	t.Parallel()
	r := newRig(route.Settings{Strategy: route.CostBased}, dep("dear", "m"), dep("cheap", "m"), dep("unpriced", "m"))
	prices := map[string]models.Nano{"dear": 2 * models.USD, "cheap": models.USD / 2}
	cost := func(q *route.Request) {
		q.Cost = func(d *models.Deployment) (models.Nano, bool) { n, ok := prices[d.ID]; return n, ok }
	}
	p := r.plan(t, "m", cost)
	if a, _ := p.Next(route.Outcome{}); a.Deployment.ID != "cheap" {
		t.Errorf("picked %s", a.Deployment.ID)
	}
	prices["cheap"] = 3 * models.USD
	p = r.plan(t, "m", cost)
	if a, _ := p.Next(route.Outcome{}); a.Deployment.ID != "unpriced" {
		t.Errorf("picked %s: a missing price counts as a dollar", a.Deployment.ID)
	}
}

func TestFiguresOfADeployment(t *testing.T) {
	t.Parallel()
	t.Run("rpm steers", func(t *testing.T) {
		t.Parallel()
		r := newRig(route.Settings{}, dep("a", "m", func(d *models.Deployment) { d.RPM = ptr(int64(1)) }), dep("b", "m", func(d *models.Deployment) { d.RPM = ptr(int64(2)) }))
		got := map[string]int{}
		for range 3 {
			got[r.one(t, "m", route.Outcome{})]++
		}
		if got["a"] != 1 || got["b"] != 2 {
			t.Errorf("picks %v", got)
		}
		if r.one(t, "m", route.Outcome{}) == "" {
			t.Error("figures that steer refused a call")
		}
	})
	t.Run("rpm refuses when told to", func(t *testing.T) {
		t.Parallel()
		r := newRig(route.Settings{EnforceRateLimits: true}, dep("a", "m", func(d *models.Deployment) { d.RPM = ptr(int64(1)) }))
		r.one(t, "m", route.Outcome{})
		r.clock.Advance(20 * time.Second)
		p := r.plan(t, "m")
		_, ok := p.Next(route.Outcome{})
		var why *route.Unavailable
		if ok || !asUnavailable(p.Err(), &why) || why.Reason != route.Limited || why.RetryAfter != 40*time.Second {
			t.Errorf("%v %+v", ok, why)
		}
		r.clock.Advance(40 * time.Second)
		if r.one(t, "m", route.Outcome{}) != "a" {
			t.Error("the minute is over")
		}
	})
	t.Run("parallel calls", func(t *testing.T) {
		t.Parallel()
		r := newRig(route.Settings{DefaultMaxParallel: ptr(int64(1))}, dep("a", "m"), dep("b", "m", func(d *models.Deployment) { d.MaxParallel = ptr(int64(2)) }))
		var open []*route.Plan
		for range 3 {
			p := r.plan(t, "m")
			if _, ok := p.Next(route.Outcome{}); !ok {
				t.Fatal("a slot was free")
			}
			open = append(open, p)
		}
		p := r.plan(t, "m")
		_, ok := p.Next(route.Outcome{})
		var why *route.Unavailable
		if ok || !asUnavailable(p.Err(), &why) || why.Reason != route.Busy {
			t.Errorf("%v %+v", ok, why)
		}
		if !p.Full() {
			t.Error("a plan that found every slot taken does not say so")
		}
		p.Again()
		if _, ok := p.Next(route.Outcome{}); ok || !p.Full() {
			t.Error("the slots are still taken")
		}
		open[0].End(route.Outcome{})
		p.Again()
		if _, ok := p.Next(route.Outcome{}); !ok || p.Full() {
			t.Error("the freed slot is not used")
		}
		p.End(route.Outcome{})
		if s := r.Status("a").InFlight + r.Status("b").InFlight; s != 2 {
			t.Errorf("%d in flight", s)
		}
	})
	t.Run("health", func(t *testing.T) {
		t.Parallel()
		r := newRig(route.Settings{}, dep("a", "m"), dep("b", "m"))
		r.SetHealth("a", false, time.Minute)
		for range 20 {
			if r.one(t, "m", route.Outcome{}) != "b" {
				t.Fatal("an ill deployment was picked")
			}
		}
		r.SetHealth("b", false, time.Minute)
		if r.one(t, "m", route.Outcome{}) == "" {
			t.Error("when all are said to be ill, calls are refused")
		}
		r.clock.Advance(time.Minute)
		r.SetHealth("b", false, time.Minute)
		for range 20 {
			if r.one(t, "m", route.Outcome{}) != "a" {
				t.Fatal("a stale result counts")
			}
		}
	})
}
