package route_test

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"gatehouse/internal/testkit"
	"gatehouse/models"
	"gatehouse/proxy/keyring"
	"gatehouse/proxy/route"
)

func ptr[T any](v T) *T { return &v }

func dep(id, name string, more ...func(*models.Deployment)) *models.Deployment {
	d := &models.Deployment{ID: id, ModelName: name, Provider: "openai", Model: "up-" + id}
	for _, fn := range more {
		fn(d)
	}
	return d
}

// rig is a router with a clock and a fixed seed.
type rig struct {
	*route.Router
	clock *testkit.Clock
	cat   *keyring.Catalog
	told  []string // what the other replicas would hear
}

func newRig(set route.Settings, deployments ...*models.Deployment) *rig {
	clock := testkit.NewClock()
	var mu sync.Mutex
	rng := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a test wants the same picks every time
	random := func() float64 {
		mu.Lock()
		defer mu.Unlock()
		return rng.Float64()
	}
	if set.Cooldown == 0 {
		set.Cooldown = 5 * time.Second
	}
	r := &rig{clock: clock, cat: keyring.NewCatalog(deployments, nil, nil)}
	r.Router = route.New(route.Options{Now: clock.Now, Rand: random, Told: func(id string, until time.Time) {
		mu.Lock()
		defer mu.Unlock()
		if until.IsZero() {
			r.told = append(r.told, id+" is well")
			return
		}
		r.told = append(r.told, id+" rests for "+until.Sub(clock.Now()).String())
	}}, set)
	return r
}

func (r *rig) plan(tb testing.TB, model string, more ...func(*route.Request)) *route.Plan {
	tb.Helper()
	match, _ := r.cat.Resolve(model, "")
	req := route.Request{Catalog: r.cat, Model: model, Match: match}
	for _, fn := range more {
		fn(&req)
	}
	p, err := r.Plan(req)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// tries drives a plan with the same failure for every attempt and lists the deployments tried.
func tries(p *route.Plan, out func(n int, a route.Attempt) route.Outcome) (ids []string, sleeps []time.Duration) {
	var last route.Outcome
	for n := 0; ; n++ {
		a, ok := p.Next(last)
		if !ok {
			return ids, sleeps
		}
		ids = append(ids, a.Deployment.ID)
		sleeps = append(sleeps, a.Sleep)
		last = out(n, a)
	}
}

func always(out route.Outcome) func(int, route.Attempt) route.Outcome {
	return func(int, route.Attempt) route.Outcome { return out }
}

// one makes one call that ends so, and tells who served it; empty when nobody did.
func (r *rig) one(tb testing.TB, model string, out route.Outcome) string {
	tb.Helper()
	p := r.plan(tb, model, func(q *route.Request) { q.NoFallbacks, q.Retries = true, ptr(0) })
	a, ok := p.Next(route.Outcome{})
	if !ok {
		return ""
	}
	p.End(out)
	return a.Deployment.ID
}

func sorted(ids []string) []string {
	ids = slices.Clone(ids)
	slices.Sort(ids)
	return ids
}
