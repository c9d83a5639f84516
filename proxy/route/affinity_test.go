package route_test

import (
	"fmt"
	"testing"
	"time"

	"gatehouse/proxy/route"
)

// callAs makes one call of a key and session, which ends so, and tells who served it.
func (r *rig) callAs(t *testing.T, model, key, session string, out route.Outcome) string {
	t.Helper()
	p := r.plan(t, model, func(q *route.Request) { q.NoFallbacks, q.Retries, q.Key, q.Session = true, ptr(0), key, session })
	a, ok := p.Next(route.Outcome{})
	if !ok {
		return ""
	}
	p.End(out)
	return a.Deployment.ID
}

func TestAffinity(t *testing.T) {
	t.Parallel()
	both := route.Affinity{Key: true, Session: true}
	for name, tc := range map[string]struct {
		set          route.Settings
		key, session string
		stays        bool
	}{
		"off":                           {route.Settings{}, "k", "s", false},
		"by key":                        {route.Settings{Affinity: route.Affinity{Key: true}}, "k", "", true},
		"by key, nobody's":              {route.Settings{Affinity: both}, "", "", false},
		"by session":                    {route.Settings{Affinity: route.Affinity{Session: true}}, "k", "s", true},
		"by session, without one":       {route.Settings{Affinity: route.Affinity{Session: true}}, "k", "", false},
		"by key, whatever the session":  {route.Settings{Affinity: route.Affinity{Key: true}}, "k", "s", true},
		"for this model":                {route.Settings{GroupAffinity: map[string]route.Affinity{"m": both}}, "k", "", true},
		"for another model":             {route.Settings{GroupAffinity: map[string]route.Affinity{"n": both}}, "k", "", false},
		"beside a strategy of its own":  {route.Settings{Affinity: both, Strategy: route.LeastBusy}, "k", "", true},
		"beside the latency of streams": {route.Settings{Affinity: both, Strategy: route.LatencyBased}, "k", "", true},
	} {
		r := newRig(tc.set, dep("a", "m"), dep("b", "m"), dep("c", "m"))
		seen := map[string]bool{}
		for range 60 {
			seen[r.callAs(t, "m", tc.key, tc.session, route.Outcome{})] = true
		}
		if (len(seen) == 1) != tc.stays {
			t.Errorf("%s: went to %v", name, seen)
		}
	}
}

func TestAffinityOfWhom(t *testing.T) {
	t.Parallel()
	r := newRig(route.Settings{Affinity: route.Affinity{Key: true, Session: true}}, dep("a", "m"), dep("b", "m"), dep("c", "n"), dep("d", "n"))
	// Sessions of one key are apart from each other, keys are apart, and so are models: over many of them each deployment has its share.
	for what, of := range map[string]func(i int) (model, key, session string){
		"sessions": func(i int) (string, string, string) { return "m", "k", fmt.Sprint("s", i) },
		"keys":     func(i int) (string, string, string) { return "m", fmt.Sprint("k", i), "" },
		"both":     func(i int) (string, string, string) { return "n", fmt.Sprint("k", i), "one session" },
	} {
		share := map[string]int{}
		for i := range 100 {
			model, key, session := of(i)
			first := r.callAs(t, model, key, session, route.Outcome{})
			share[first]++
			for range 3 {
				if got := r.callAs(t, model, key, session, route.Outcome{}); got != first {
					t.Fatalf("%s: %d went to %s and then to %s", what, i, first, got)
				}
			}
		}
		for id, n := range share {
			if len(share) != 2 || n < 25 {
				t.Errorf("%s: %s has %d of 100", what, id, n)
			}
		}
	}
}

func TestAffinityEnds(t *testing.T) {
	t.Parallel()
	set := route.Settings{Affinity: route.Affinity{Key: true}, AffinityTTL: time.Minute, Cooldown: 10 * time.Second}
	r := newRig(set, dep("a", "m"), dep("b", "m"))
	call := func(out route.Outcome) string { return r.callAs(t, "m", "k", "", out) }
	first := call(route.Outcome{})
	for range 20 { // each call begins the time anew
		r.clock.Advance(59 * time.Second)
		if got := call(route.Outcome{}); got != first {
			t.Fatalf("went to %s after 59 s, and to %s before", got, first)
		}
	}
	for class, stays := range map[route.Class]bool{route.BadRequest: true, route.ContextWindow: true, route.Cancelled: true, route.Server: false, route.Connection: false, route.Forbidden: false} {
		left := false
		for range 20 {
			at := call(route.Outcome{Class: class})
			if got := call(route.Outcome{}); got != at {
				left = true
			}
		}
		if left == stays {
			t.Errorf("class %d: left %v", class, left)
		}
		r.clock.Advance(2 * time.Minute)
	}
	// A deployment that rests is not waited for, and who has moved stays there.
	at := call(route.Outcome{Class: route.RateLimit})
	other := call(route.Outcome{})
	if other == at {
		t.Fatalf("%s rests and was picked", at)
	}
	r.clock.Advance(30 * time.Second)
	for range 20 {
		if got := call(route.Outcome{}); got != other {
			t.Fatalf("went back to %s", got)
		}
	}
	moved := false
	for range 40 {
		r.clock.Advance(61 * time.Second)
		moved = moved || call(route.Outcome{}) != other
	}
	if !moved {
		t.Error("kept for longer than the time")
	}
}

// A retry leaves the deployment that failed, and the next call goes to the one that served.
func TestAffinityAndRetries(t *testing.T) {
	t.Parallel()
	r := newRig(route.Settings{Affinity: route.Affinity{Key: true}, NumRetries: 1}, dep("a", "m"), dep("b", "m"))
	first := r.callAs(t, "m", "k", "", route.Outcome{})
	ids, _ := tries(r.plan(t, "m", func(q *route.Request) { q.Key = "k" }), func(n int, _ route.Attempt) route.Outcome {
		if n == 0 {
			return route.Outcome{Class: route.Server}
		}
		return route.Outcome{}
	})
	if len(ids) != 2 || ids[0] != first || ids[1] == first {
		t.Fatalf("kept with %s, tried %q", first, ids)
	}
	for range 10 {
		if got := r.callAs(t, "m", "k", "", route.Outcome{}); got != ids[1] {
			t.Errorf("the next call went to %s", got)
		}
	}
}
