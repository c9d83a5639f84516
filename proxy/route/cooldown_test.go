package route_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"gatehouse/models"
	"gatehouse/proxy/route"
)

func asUnavailable(err error, to **route.Unavailable) bool { return errors.As(err, to) }

func TestCooldown(t *testing.T) {
	t.Parallel()
	repeat := func(n int, c route.Class) []route.Class {
		out := make([]route.Class, n)
		for i := range out {
			out[i] = c
		}
		return out
	}
	for _, tc := range []struct {
		name  string
		set   route.Settings
		alone bool
		seen  []route.Class
		cools bool
	}{
		{"400 never", route.Settings{}, false, repeat(20, route.BadRequest), false},
		{"403 never", route.Settings{}, false, repeat(20, route.Forbidden), false},
		{"409 never", route.Settings{}, false, repeat(20, route.Conflict), false},
		{"context window never", route.Settings{}, false, repeat(20, route.ContextWindow), false},
		{"a client that left never", route.Settings{}, false, repeat(20, route.Cancelled), false},
		{"four failures are too few to tell", route.Settings{}, false, repeat(4, route.Server), false},
		{"half is not more than half", route.Settings{}, false, append(repeat(5, route.Success), repeat(5, route.Server)...), false},
		{"429 of the only one", route.Settings{}, true, repeat(20, route.RateLimit), false},
		{"the only one, 999 failures", route.Settings{}, true, repeat(999, route.Server), false},
		{"the only one, one success in 1000", route.Settings{}, true, append(repeat(1, route.Success), repeat(1000, route.Server)...), false},
		{"switched off", route.Settings{NoCooldowns: true}, false, repeat(20, route.RateLimit), false},
		{"allowed fails not passed", route.Settings{AllowedFails: ptr(5)}, false, repeat(5, route.RateLimit), false},
		{"policy by class, not passed", route.Settings{AllowedFailsPolicy: map[string]int{"RateLimitErrorAllowedFails": 10}}, false, repeat(10, route.RateLimit), false},
		{"429 at once", route.Settings{}, false, repeat(1, route.RateLimit), true},
		{"quota at once", route.Settings{}, false, repeat(1, route.Quota), true},
		{"401 at once", route.Settings{}, false, repeat(1, route.Auth), true},
		{"404 at once", route.Settings{}, false, repeat(1, route.NotFound), true},
		{"408 at once", route.Settings{}, false, repeat(1, route.Timeout), true},
		{"five failures", route.Settings{}, false, repeat(5, route.Server), true},
		{"connection errors count like 5xx", route.Settings{}, false, repeat(5, route.Connection), true},
		{"more than half", route.Settings{}, false, append(repeat(5, route.Success), repeat(6, route.Server)...), true},
		{"the only one, a thousand of a thousand", route.Settings{}, true, repeat(1000, route.Server), true},
		{"LiteLLM's default of allowed fails is its own rule", route.Settings{AllowedFails: ptr(3)}, false, repeat(1, route.RateLimit), true},
		{"allowed fails passed", route.Settings{AllowedFails: ptr(5)}, false, repeat(6, route.Server), true},
		{"no fails allowed", route.Settings{AllowedFails: ptr(0)}, false, repeat(1, route.Server), true},
		{"policy by class", route.Settings{AllowedFailsPolicy: map[string]int{"BadRequestErrorAllowedFails": 2}}, false, repeat(3, route.BadRequest), true},
		{"policy by class, one name for two", route.Settings{AllowedFailsPolicy: map[string]int{"InternalServerErrorAllowedFails": 3}}, false, append(repeat(2, route.Server), repeat(2, route.Connection)...), true},
		{"a class the policy leaves out", route.Settings{AllowedFailsPolicy: map[string]int{"BadRequestErrorAllowedFails": 2}}, false, repeat(4, route.Server), true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			deps := []*models.Deployment{dep("a", "m", func(d *models.Deployment) { d.Weight = ptr(1.0) })}
			if !tc.alone {
				deps = append(deps, dep("b", "m"))
			}
			r := newRig(tc.set, deps...)
			for i, c := range tc.seen {
				if r.Status("a").CoolFor > 0 {
					t.Fatalf("cools after %d of %d", i, len(tc.seen))
				}
				if got := r.one(t, "m", route.Outcome{Class: c}); got != "a" {
					t.Fatalf("call %d went to %q", i, got)
				}
			}
			if cools := r.Status("a").CoolFor > 0; cools != tc.cools {
				t.Errorf("cools: %v", cools)
			}
		})
	}
}

func TestCooldownLength(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		own   *time.Duration
		after time.Duration
		want  time.Duration
	}{
		{"never for this one", ptr(time.Duration(0)), time.Minute, 0},
		{"the router's", nil, 0, 5 * time.Second},
		{"its own", ptr(time.Minute), 0, time.Minute},
		{"the provider asks for longer", nil, 30 * time.Second, 30 * time.Second},
		{"the provider asks for less", ptr(time.Minute), time.Second, time.Minute},
		{"the provider asks for hours", nil, 5 * time.Hour, 5 * time.Minute},
	} {
		r := newRig(route.Settings{}, dep("a", "m", func(d *models.Deployment) { d.CooldownTime, d.Weight = tc.own, ptr(1.0) }), dep("b", "m"))
		r.one(t, "m", route.Outcome{Class: route.RateLimit, RetryAfter: tc.after})
		if got := r.Status("a").CoolFor; got != tc.want {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
}

// proxy.md §13 (9): after its cooldown a deployment is picked again.
func TestCooldownEnds(t *testing.T) {
	t.Parallel()
	r := newRig(route.Settings{}, dep("a", "m"), dep("b", "m"))
	first := r.one(t, "m", route.Outcome{Class: route.RateLimit})
	other := map[string]string{"a": "b", "b": "a"}[first]
	for range 50 {
		if got := r.one(t, "m", route.Outcome{}); got != other {
			t.Fatalf("%s cools and was picked", got)
		}
	}
	r.clock.Advance(5 * time.Second)
	back := false
	for range 50 {
		back = back || r.one(t, "m", route.Outcome{}) == first
	}
	if !back {
		t.Error("the deployment does not come back after its cooldown")
	}
	// What another replica tells counts too.
	r.Cool(first, r.clock.Now().Add(time.Minute))
	for range 50 {
		if r.one(t, "m", route.Outcome{}) == first {
			t.Fatal("a cooldown told by another replica is not kept")
		}
	}
}

func TestHalfOpen(t *testing.T) {
	t.Parallel()
	r := newRig(route.Settings{Cooldown: time.Minute}, dep("a", "m"), dep("b", "m"))
	r.one(t, "m", route.Outcome{Class: route.Auth})
	r.one(t, "m", route.Outcome{Class: route.Auth})
	probes := func() map[string]int {
		got := map[string]int{}
		for range 10 {
			got[r.one(t, "m", route.Outcome{Class: route.Auth})]++
		}
		return got
	}
	if got := probes(); got["a"] != 1 || got["b"] != 1 || got[""] != 8 {
		t.Errorf("in one second: %v, want one probe each", got)
	}
	p := r.plan(t, "m")
	_, ok := p.Next(route.Outcome{})
	var why *route.Unavailable
	if ok || !asUnavailable(p.Err(), &why) || why.Reason != route.Cooling || why.RetryAfter != time.Minute {
		t.Fatalf("%v %+v", ok, why)
	}
	if want := "No deployments available for m, try again in 60 seconds."; why.Error() != want {
		t.Errorf("text %q", why)
	}
	r.clock.Advance(time.Second)
	if got := probes(); got["a"] != 1 || got["b"] != 1 {
		t.Errorf("in the next second: %v", got)
	}
	r.clock.Advance(time.Second)
	healed := r.one(t, "m", route.Outcome{}) // a probe that succeeds ends the cooldown
	for range 10 {
		if got := r.one(t, "m", route.Outcome{}); got != healed {
			t.Fatalf("got %q after %s was well again", got, healed)
		}
	}
	// With a fallback there is no probe: the fallback serves.
	f := newRig(route.Settings{Cooldown: time.Minute, Fallbacks: map[string][]route.Fallback{"m": {{Model: "n"}}}}, dep("a", "m"), dep("b", "m"), dep("c", "n"))
	for range 2 {
		f.one(t, "m", route.Outcome{Class: route.Auth})
	}
	a, ok := f.plan(t, "m").Next(route.Outcome{})
	if !ok || a.Deployment.ID != "c" || a.Fallbacks != 1 {
		t.Errorf("%+v", a)
	}
}

// A call that was under way when a cooldown began does not end it: it was let through by what was known before.
func TestAnEarlierCallEndsNoCooldown(t *testing.T) {
	t.Parallel()
	r := newRig(route.Settings{Cooldown: time.Minute}, dep("a", "m", func(d *models.Deployment) { d.Weight = ptr(1.0) }), dep("b", "m"))
	early := r.plan(t, "m")
	if a, _ := early.Next(route.Outcome{}); a.Deployment.ID != "a" {
		t.Fatalf("went to %s", a.Deployment.ID)
	}
	r.clock.Advance(time.Second)
	r.one(t, "m", route.Outcome{Class: route.RateLimit})
	r.clock.Advance(time.Second)
	early.End(route.Outcome{})
	if got := r.Status("a").CoolFor; got != 59*time.Second {
		t.Errorf("after the earlier call's success a rests for %v", got)
	}
	if got := r.one(t, "a", route.Outcome{}); got != "a" { // pinned: a call that began later
		t.Fatalf("went to %q", got)
	}
	if got := r.Status("a").CoolFor; got != 0 {
		t.Errorf("after a later call's success a rests for %v", got)
	}
}

// The other replicas hear when a cooldown begins, grows or ends early, and of nothing that they told themselves.
func TestCooldownsAreTold(t *testing.T) {
	t.Parallel()
	r := newRig(route.Settings{Cooldown: time.Minute}, dep("a", "m", func(d *models.Deployment) { d.Weight = ptr(1.0) }), dep("b", "m"))
	check := func(when string, want ...string) {
		t.Helper()
		if !slices.Equal(r.told, want) {
			t.Errorf("%s: told %q, want %q", when, r.told, want)
		}
		r.told = nil
	}
	r.one(t, "m", route.Outcome{Class: route.Server})
	r.one(t, "m", route.Outcome{})
	check("calls that cool nothing")
	r.one(t, "m", route.Outcome{Class: route.RateLimit})
	check("a cooldown", "a rests for 1m0s")
	r.one(t, "a", route.Outcome{Class: route.RateLimit})
	check("the same again")
	r.one(t, "a", route.Outcome{Class: route.RateLimit, RetryAfter: 2 * time.Minute})
	check("a longer one", "a rests for 2m0s")
	r.clock.Advance(time.Second)
	r.one(t, "a", route.Outcome{})
	check("a success", "a is well")
	r.Cool("b", r.clock.Now().Add(time.Minute))
	if got := r.Status("b").CoolFor; got != time.Minute {
		t.Errorf("b rests for %v", got)
	}
	r.Cool("b", r.clock.Now().Add(time.Second))
	if got := r.Status("b").CoolFor; got != time.Minute {
		t.Errorf("older news: b rests for %v", got)
	}
	r.Cool("b", time.Time{})
	if got := r.Status("b").CoolFor; got != 0 {
		t.Errorf("after it ended elsewhere b rests for %v", got)
	}
	check("what others told")
}
