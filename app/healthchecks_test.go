package app

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"gatehouse/app/config"
	"gatehouse/internal/testkit"
)

func TestBackgroundHealthChecks(t *testing.T) {
	t.Parallel()
	upstream := testkit.NewProvider(t)
	status := 503
	upstream.Choose(func(q testkit.Request) *testkit.Reply {
		if q.Model == "bad" {
			reply := testkit.ErrorReply(status, "", "", "not now")
			return &reply
		}
		return nil
	})
	entry := func(id, extra string) string {
		return fmt.Sprintf("  - model_name: m\n    litellm_params: {model: openai/%s, api_base: %s/v1, api_key: k}\n    model_info: {id: %s%s}\n", id, upstream.URL, id, extra)
	}
	r := newRig(t, "model_list:\n"+entry("good", "")+entry("bad", "")+entry("out", ", disable_background_health_check: true"))
	cfg := *r.p.cfg.Load()
	cfg.General.BackgroundHealth, cfg.General.HealthInterval, cfg.Router.HealthRouting = true, time.Minute, true
	now := time.Now()
	h := &healthChecks{
		store: r.p.store, ring: r.p.ring, router: r.p.router, check: r.p.plane.Check, cfg: func() *config.Config { return &cfg },
		now: func() time.Time { return now }, log: r.p.log,
	}
	r.p.health.checks = h
	calls := 0
	round := func(more int, sick bool) {
		t.Helper()
		if err := h.round(t.Context()); err != nil {
			t.Fatal(err)
		}
		calls += more
		if n := len(upstream.Requests()); n != calls {
			t.Errorf("%d calls, want %d", n, calls)
		}
		if got := r.p.router.Status("bad").Sick; got != sick || r.p.router.Status("good").Sick {
			t.Errorf("ill: bad %v, want %v; good %v", got, sick, r.p.router.Status("good").Sick)
		}
	}
	round(2, true)
	round(0, true) // nothing is due
	if healthy, reason := r.p.health.Deployment("bad"); healthy || !strings.Contains(reason, "not now") {
		t.Errorf("shown as %v, %q", healthy, reason)
	}
	if healthy, _ := r.p.health.Deployment("good"); !healthy {
		t.Error("the good one is shown as ill")
	}
	if healthy, _ := r.p.health.Deployment("out"); !healthy {
		t.Error("one that is not checked is shown as ill")
	}
	now, status = now.Add(time.Minute), 429
	round(2, true)
	cfg.Router.HealthNoTransient = true
	round(0, false)
	cfg.Router.HealthNoTransient, cfg.Router.HealthRouting = false, false
	round(0, false) // shown, but not acted on
	cfg.Router.HealthRouting, cfg.General.HealthInterval = true, time.Hour
	round(0, true)
	now, status, cfg.General.HealthInterval = now.Add(time.Minute), 200, time.Minute
	upstream.Choose(nil)
	round(2, false)
	// Another replica reads what this one found.
	other := &healthChecks{store: h.store, ring: h.ring, router: h.router, check: h.check, cfg: h.cfg, now: h.now, log: h.log}
	h = other
	round(0, false)
}
