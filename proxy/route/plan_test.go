package route_test

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/models"
	"gatehouse/proxy/keyring"
	"gatehouse/proxy/route"
)

// Contract/proxy.md §13 (7): for each failure, how many attempts are made where.
func TestRetryMatrix(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name       string
		class      route.Class
		alone, two int // attempts with one deployment, with two
	}{
		{"400", route.BadRequest, 1, 1},
		{"401", route.Auth, 1, 2},
		{"403", route.Forbidden, 1, 1},
		{"404", route.NotFound, 1, 1},
		{"context window", route.ContextWindow, 1, 1},
		{"content policy", route.ContentPolicy, 1, 1},
		{"client gone", route.Cancelled, 1, 1},
		{"quota", route.Quota, 1, 2},
		{"408", route.Timeout, 3, 3},
		{"409", route.Conflict, 3, 3},
		{"429", route.RateLimit, 3, 3},
		{"5xx", route.Server, 3, 3},
		{"connection", route.Connection, 3, 3},
		{"success", route.Success, 1, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			set := route.Settings{NumRetries: 2}
			if ids, _ := tries(newRig(set, dep("a", "m")).plan(t, "m"), always(route.Outcome{Class: tc.class})); len(ids) != tc.alone {
				t.Errorf("alone: %d attempts, want %d", len(ids), tc.alone)
			}
			ids, sleeps := tries(newRig(set, dep("a", "m"), dep("b", "m")).plan(t, "m"), always(route.Outcome{Class: tc.class}))
			if len(ids) != tc.two {
				t.Errorf("of two: %q, want %d attempts", ids, tc.two)
			}
			if len(ids) > 1 && (ids[0] == ids[1] || sleeps[1] != 0) {
				t.Errorf("the second attempt went to %s after %v: another one was free", ids[1], sleeps[1])
			}
		})
	}
}

func TestNoRetryAfterTheFirstByte(t *testing.T) {
	t.Parallel()
	r := newRig(route.Settings{NumRetries: 5, Fallbacks: map[string][]route.Fallback{"m": {{Model: "n"}}}}, dep("a", "m"), dep("b", "m"), dep("c", "n"))
	p := r.plan(t, "m")
	p.Next(route.Outcome{})
	if a, ok := p.Next(route.Outcome{Class: route.Server, Committed: true}); ok {
		t.Errorf("tried %s after a byte had reached the client", a.Deployment.ID)
	}
	if a, ok := p.Next(route.Outcome{Class: route.Server}); ok {
		t.Errorf("a plan that has ended goes on to %s", a.Deployment.ID)
	}
}

func TestRetryCount(t *testing.T) {
	t.Parallel()
	policy := map[string]int{"InternalServerErrorRetries": 4, "BadRequestErrorRetries": 1}
	for _, tc := range []struct {
		name  string
		set   route.Settings
		dep   func(*models.Deployment)
		call  *int
		class route.Class
		want  int
	}{
		{"none", route.Settings{}, nil, nil, route.Server, 1},
		{"general", route.Settings{NumRetries: 2}, nil, nil, route.Server, 3},
		{"by class", route.Settings{NumRetries: 2, RetryPolicy: policy}, nil, nil, route.Server, 5},
		{"another class", route.Settings{NumRetries: 2, RetryPolicy: policy}, nil, nil, route.Timeout, 3},
		{"a class that is retried only on demand", route.Settings{NumRetries: 2, RetryPolicy: policy}, nil, nil, route.BadRequest, 2},
		{"by class for the group", route.Settings{RetryPolicy: policy, GroupRetryPolicy: map[string]map[string]int{"m": {"InternalServerErrorRetries": 0}}}, nil, nil, route.Server, 1},
		{"the deployment's", route.Settings{NumRetries: 2, RetryPolicy: policy}, func(d *models.Deployment) { d.MaxRetries = ptr(1) }, nil, route.Server, 2},
		{"the call's", route.Settings{NumRetries: 2}, func(d *models.Deployment) { d.MaxRetries = ptr(1) }, ptr(0), route.Server, 1},
	} {
		d := dep("a", "m")
		if tc.dep != nil {
			tc.dep(d)
		}
		p := newRig(tc.set, d).plan(t, "m", func(q *route.Request) { q.Retries = tc.call })
		if ids, _ := tries(p, always(route.Outcome{Class: tc.class})); len(ids) != tc.want {
			t.Errorf("%s: %d attempts, want %d", tc.name, len(ids), tc.want)
		}
	}
}

func TestSleep(t *testing.T) {
	t.Parallel()
	run := func(set route.Settings, out route.Outcome) []time.Duration {
		set.NumRetries = 6
		_, sleeps := tries(newRig(set, dep("a", "m")).plan(t, "m"), always(out))
		return sleeps[1:]
	}
	for i, got := range run(route.Settings{}, route.Outcome{Class: route.Server}) {
		least := min(8*time.Second, 500*time.Millisecond<<i)
		if got < least || got > least+750*time.Millisecond {
			t.Errorf("retry %d sleeps %v, want %v and up to 0.75 s", i+1, got, least)
		}
	}
	if got := run(route.Settings{}, route.Outcome{Class: route.RateLimit, RetryAfter: 7 * time.Second})[0]; got != 7*time.Second {
		t.Errorf("retry-after 7 s sleeps %v", got)
	}
	if got := run(route.Settings{}, route.Outcome{Class: route.RateLimit, RetryAfter: time.Hour})[0]; got > 2*time.Second {
		t.Errorf("retry-after of an hour sleeps %v", got)
	}
	if got := run(route.Settings{RetryAfter: 3 * time.Second}, route.Outcome{Class: route.Server})[0]; got != 3*time.Second {
		t.Errorf("retry_after 3 s sleeps %v", got)
	}
	late := newRig(route.Settings{NumRetries: 6}, dep("a", "m"))
	p := late.plan(t, "m", func(q *route.Request) { q.Deadline = late.clock.Now().Add(2 * time.Second) })
	ids, _ := tries(p, func(int, route.Attempt) route.Outcome {
		return route.Outcome{Class: route.RateLimit, RetryAfter: 3 * time.Second}
	})
	if len(ids) != 1 {
		t.Errorf("%d attempts although the first sleep ends after the deadline", len(ids))
	}
}

func TestRetryBudget(t *testing.T) {
	t.Parallel()
	r := newRig(route.Settings{NumRetries: 1, NoCooldowns: true}, dep("a", "m"))
	attempts := 0
	for range 100 {
		ids, _ := tries(r.plan(t, "m"), always(route.Outcome{Class: route.Server}))
		attempts += len(ids)
	}
	if attempts < 115 || attempts > 125 {
		t.Errorf("%d attempts for 100 calls, want about a fifth more", attempts)
	}
	r.clock.Advance(11 * time.Second)
	if ids, _ := tries(r.plan(t, "m"), always(route.Outcome{Class: route.Server})); len(ids) != 2 {
		t.Error("a quiet group gets no retry")
	}
}

func TestOrder(t *testing.T) {
	t.Parallel()
	order := func(n int) func(*models.Deployment) { return func(d *models.Deployment) { d.Order = n } }
	deps := []*models.Deployment{dep("last", "m"), dep("b1", "m", order(2)), dep("a1", "m", order(1)), dep("a2", "m", order(1))}
	set := route.Settings{NumRetries: 1, Fallbacks: map[string][]route.Fallback{"m": {{Model: "n"}}}}
	r := newRig(set, append(deps, dep("c", "n"))...)
	ids, _ := tries(r.plan(t, "m"), always(route.Outcome{Class: route.Server}))
	if len(ids) != 8 || !slices.Equal(sorted(ids[:2]), []string{"a1", "a2"}) || !slices.Equal(ids[2:], []string{"b1", "b1", "last", "last", "c", "c"}) {
		t.Errorf("tried %q", ids)
	}
	// The first tier cools: the next one serves, and no probe goes to the first.
	for range 2 {
		r.one(t, "m", route.Outcome{Class: route.RateLimit})
	}
	if got := r.one(t, "m", route.Outcome{}); got != "b1" {
		t.Errorf("got %q", got)
	}
	if ids, _ := tries(newRig(set, deps...).plan(t, "m"), always(route.Outcome{Class: route.BadRequest})); len(ids) != 1 {
		t.Errorf("a bad request was tried on %q", ids)
	}
}

func TestFallbacks(t *testing.T) {
	t.Parallel()
	f := func(names ...string) (chain []route.Fallback) {
		for _, n := range names {
			chain = append(chain, route.Fallback{Model: n})
		}
		return chain
	}
	deps := []*models.Deployment{dep("m", "m"), dep("n", "n"), dep("o", "o"), dep("p", "p"), dep("long", "long"), dep("safe", "safe"), dep("w", "wild/*")}
	fail := func(c route.Class) func(int, route.Attempt) route.Outcome { return always(route.Outcome{Class: c}) }
	for _, tc := range []struct {
		name string
		set  route.Settings
		req  func(*route.Request)
		ask  string
		out  func(int, route.Attempt) route.Outcome
		want string
	}{
		{"none configured", route.Settings{}, nil, "m", fail(route.Server), "m"},
		{
			"switched off for the call",
			route.Settings{Fallbacks: map[string][]route.Fallback{"m": f("n")}},
			func(q *route.Request) { q.NoFallbacks = true }, "m", fail(route.Server), "m",
		},
		{
			"context window goes to its own chain",
			route.Settings{Fallbacks: map[string][]route.Fallback{"m": f("n")}, ContextFallbacks: map[string][]route.Fallback{"m": f("long")}},
			nil, "m", fail(route.ContextWindow), "m long",
		},
		{
			"context window does not take the general chain",
			route.Settings{Fallbacks: map[string][]route.Fallback{"m": f("n")}, DefaultFallbacks: []string{"o"}},
			nil, "m", fail(route.ContextWindow), "m",
		},
		{
			"content policy goes to its own",
			route.Settings{PolicyFallbacks: map[string][]route.Fallback{"*": f("safe")}, Fallbacks: map[string][]route.Fallback{"m": f("n")}},
			nil, "m", fail(route.ContentPolicy), "m safe",
		},
		{"in order", route.Settings{Fallbacks: map[string][]route.Fallback{"m": f("n", "o")}}, nil, "m", fail(route.Server), "m n o"},
		{"a chain of chains, in depth", route.Settings{Fallbacks: map[string][]route.Fallback{"m": f("n", "p"), "n": f("o")}}, nil, "m", fail(route.Server), "m n o p"},
		{"a circle ends", route.Settings{Fallbacks: map[string][]route.Fallback{"m": f("n"), "n": f("m", "o"), "o": f("n")}}, nil, "m", fail(route.Server), "m n o"},
		{"no more than max_fallbacks", route.Settings{MaxFallbacks: 2, Fallbacks: map[string][]route.Fallback{"m": f("n", "o", "p")}}, nil, "m", fail(route.Server), "m n o"},
		{"any group", route.Settings{Fallbacks: map[string][]route.Fallback{"*": f("n")}}, nil, "m", fail(route.Server), "m n"},
		{"the group's own before any group's", route.Settings{Fallbacks: map[string][]route.Fallback{"*": f("n"), "m": f("o")}}, nil, "m", fail(route.Server), "m o n"},
		{"default", route.Settings{DefaultFallbacks: []string{"p"}}, nil, "m", fail(route.Server), "m p"},
		{"default only without an entry", route.Settings{DefaultFallbacks: []string{"p"}, Fallbacks: map[string][]route.Fallback{"m": {}}}, nil, "m", fail(route.Server), "m"},
		{
			"the client's replace the configured",
			route.Settings{Fallbacks: map[string][]route.Fallback{"m": f("n"), "o": f("p")}},
			func(q *route.Request) { q.Fallbacks = f("o") }, "m", fail(route.Server), "m o",
		},
		{
			"an empty list of the client is none",
			route.Settings{Fallbacks: map[string][]route.Fallback{"m": f("n")}},
			func(q *route.Request) { q.Fallbacks = []route.Fallback{} }, "m", fail(route.Server), "m",
		},
		{"a name under a wildcard, by the pattern", route.Settings{Fallbacks: map[string][]route.Fallback{"wild/*": f("n")}}, nil, "wild/x", fail(route.Server), "w n"},
		{"a group that does not exist is passed over", route.Settings{Fallbacks: map[string][]route.Fallback{"m": f("gone", "n")}}, nil, "m", fail(route.Server), "m n"},
		{
			"a group the key may not use is passed over",
			route.Settings{Fallbacks: map[string][]route.Fallback{"m": f("n", "o")}},
			func(q *route.Request) {
				cat := q.Catalog
				q.Permit = func(model string) (string, keyring.Match, error) {
					if model == "n" {
						return "", keyring.Match{}, errors.New("not allowed")
					}
					m, _ := cat.Resolve(model, "")
					return model, m, nil
				}
			}, "m", fail(route.Server), "m o",
		},
		{"401 falls back", route.Settings{Fallbacks: map[string][]route.Fallback{"m": f("n")}}, nil, "m", fail(route.Auth), "m n"},
		{
			"429 with no other deployment goes straight on",
			route.Settings{NumRetries: 3, Fallbacks: map[string][]route.Fallback{"m": f("n")}},
			nil, "m",
			func(_ int, a route.Attempt) route.Outcome {
				if a.Group == "m" {
					return route.Outcome{Class: route.RateLimit}
				}
				return route.Outcome{}
			}, "m n",
		},
		{
			"the first success ends it",
			route.Settings{Fallbacks: map[string][]route.Fallback{"m": f("n", "o")}},
			nil, "m",
			func(n int, _ route.Attempt) route.Outcome {
				if n == 1 {
					return route.Outcome{}
				}
				return route.Outcome{Class: route.Server}
			}, "m n",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var more []func(*route.Request)
			if tc.req != nil {
				more = append(more, tc.req)
			}
			ids, _ := tries(newRig(tc.set, deps...).plan(t, tc.ask, more...), tc.out)
			if got := strings.Join(ids, " "); got != tc.want {
				t.Errorf("tried %q, want %q", got, tc.want)
			}
		})
	}
}

func TestFirstErrorIsTheAnswer(t *testing.T) {
	t.Parallel()
	r := newRig(route.Settings{NumRetries: 1, Fallbacks: map[string][]route.Fallback{"m": {{Model: "n"}}}}, dep("a", "m"), dep("b", "n"))
	p := r.plan(t, "m")
	n := 0
	tries(p, func(_ int, a route.Attempt) route.Outcome {
		n++
		return route.Outcome{Class: route.Server, Status: 500 + n, Err: errors.New(a.Deployment.ID)}
	})
	if first := p.First(); first == nil || first.Status != 502 || first.Err.Error() != "a" || p.Err() != nil {
		t.Errorf("first %+v, err %v", p.First(), p.Err())
	}
	if retries, fallbacks := p.Counts(); retries != 2 || fallbacks != 1 {
		t.Errorf("%d retries, %d fallbacks", retries, fallbacks)
	}
}

// A fallback that could not be tried was not taken.
func TestCountsOfWhatWasTried(t *testing.T) {
	t.Parallel()
	r := newRig(route.Settings{Fallbacks: map[string][]route.Fallback{"m": {{Model: "n"}}}}, dep("a", "m"), dep("b", "n"))
	p := r.plan(t, "m", func(q *route.Request) { q.Deadline = r.clock.Now().Add(time.Second) })
	tries(p, func(int, route.Attempt) route.Outcome {
		r.clock.Advance(2 * time.Second)
		return route.Outcome{Class: route.Timeout}
	})
	if retries, fallbacks := p.Counts(); retries != 0 || fallbacks != 0 {
		t.Errorf("%d retries, %d fallbacks", retries, fallbacks)
	}
}

func TestClientFallbackMustBePermitted(t *testing.T) {
	t.Parallel()
	r := newRig(route.Settings{}, dep("a", "m"), dep("b", "n"))
	denied := errors.New("key not allowed to access model")
	match, _ := r.cat.Resolve("m", "")
	for _, set := range []func(*route.Request){
		func(q *route.Request) { q.Fallbacks = []route.Fallback{{Model: "n"}} },
		func(q *route.Request) { q.ContextFallbacks = []route.Fallback{{Model: "n"}} },
		func(q *route.Request) { q.PolicyFallbacks = []route.Fallback{{Model: "n"}} },
	} {
		req := route.Request{Catalog: r.cat, Model: "m", Match: match, Permit: func(string) (string, keyring.Match, error) { return "", keyring.Match{}, denied }}
		set(&req)
		if _, err := r.Plan(req); !errors.Is(err, denied) {
			t.Errorf("got %v", err)
		}
	}
}

func TestUpstreamName(t *testing.T) {
	t.Parallel()
	star := func(model string) func(*models.Deployment) { return func(d *models.Deployment) { d.Model = model } }
	r := newRig(route.Settings{}, dep("a", "openai/*", star("*")), dep("b", "claude-*", star("anthropic.claude-*-v1")), dep("c", "any/*", star("fixed")),
		dep("d", "exact", star("*")), dep("e", "two/*/x-*", star("*+*")))
	for asked, want := range map[string]string{
		"openai/gpt-5": "gpt-5", "openai/ft:gpt/x": "ft:gpt/x", "claude-4": "anthropic.claude-4-v1", "any/thing": "fixed", "exact": "exact", "two/a/x-b": "a+b",
	} {
		a, ok := r.plan(t, asked).Next(route.Outcome{})
		if !ok || a.Model != want || a.Group != asked {
			t.Errorf("%s goes up as %q in group %q, want %q", asked, a.Model, a.Group, want)
		}
	}
}

func TestPinned(t *testing.T) {
	t.Parallel()
	r := newRig(route.Settings{NumRetries: 1}, dep("a", "m"), dep("b", "m"))
	r.Cool("a", r.clock.Now().Add(time.Hour))
	ids, _ := tries(r.plan(t, "a"), always(route.Outcome{Class: route.Server}))
	if !slices.Equal(ids, []string{"a", "a"}) {
		t.Errorf("a call that named its deployment went to %q", ids)
	}
}

func TestOverridesAndFit(t *testing.T) {
	t.Parallel()
	r := newRig(route.Settings{Fallbacks: map[string][]route.Fallback{"m": {{Model: "n", Overrides: map[string]any{"temperature": 0}}}}},
		dep("eu", "m"), dep("us", "m"), dep("c", "n"))
	only := func(id string) func(*route.Request) {
		return func(q *route.Request) {
			q.Fit = func(d *models.Deployment) bool { return d.ID == id || d.ModelName == "n" }
		}
	}
	p := r.plan(t, "m", only("eu"))
	if a, _ := p.Next(route.Outcome{}); a.Deployment.ID != "eu" || a.Overrides != nil {
		t.Errorf("%+v", a)
	}
	if a, ok := p.Next(route.Outcome{Class: route.Server}); !ok || a.Group != "n" || a.Overrides["temperature"] != 0 {
		t.Errorf("%+v", a)
	}
	p = r.plan(t, "m", only("none"), func(q *route.Request) { q.NoFallbacks = true })
	_, ok := p.Next(route.Outcome{})
	var why *route.Unavailable
	if ok || !asUnavailable(p.Err(), &why) || why.Reason != route.Unfit || why.Group != "m" {
		t.Errorf("%v %+v", ok, why)
	}
}

// Many calls at once leave nothing in flight, whatever becomes of them.
func TestConcurrentCallsLeaveNothingInFlight(t *testing.T) {
	t.Parallel()
	r := newRig(route.Settings{NumRetries: 2, DefaultMaxParallel: ptr(int64(3)), Strategy: route.LeastBusy, Fallbacks: map[string][]route.Fallback{"m": {{Model: "n"}}}},
		dep("a", "m"), dep("b", "m"), dep("c", "n"))
	var calls sync.WaitGroup
	for i := range 16 {
		calls.Go(func() {
			for n := range 50 {
				p := r.plan(t, "m")
				var last route.Outcome
				for {
					a, ok := p.Next(last)
					if !ok {
						break
					}
					if s := r.Status(a.Deployment.ID); s.InFlight > 3 {
						t.Errorf("%d at once on %s", s.InFlight, a.Deployment.ID)
					}
					last = route.Outcome{Class: []route.Class{route.Success, route.Server, route.RateLimit, route.Cancelled}[(i+n)%4]}
				}
				r.clock.Advance(100 * time.Millisecond)
			}
		})
	}
	calls.Wait()
	for _, id := range []string{"a", "b", "c"} {
		if s := r.Status(id); s.InFlight != 0 {
			t.Errorf("%s: %d in flight", id, s.InFlight)
		}
	}
}

func TestPlanAllocations(t *testing.T) {
	r := newRig(route.Settings{}, dep("a", "m"), dep("b", "m"), dep("c", "m"))
	match, _ := r.cat.Resolve("m", "")
	p := new(route.Plan)
	run := func() {
		if err := r.PlanInto(p, route.Request{Catalog: r.cat, Model: "m", Match: match}); err != nil {
			panic(err)
		}
		p.Next(route.Outcome{})
		p.End(route.Outcome{Class: route.Success})
	}
	run()
	if n := testing.AllocsPerRun(100, run); n > 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

func BenchmarkPlan(b *testing.B) {
	r := newRig(route.Settings{}, dep("a", "m"), dep("b", "m"), dep("c", "m"))
	match, _ := r.cat.Resolve("m", "")
	p := new(route.Plan)
	b.ReportAllocs()
	for b.Loop() {
		if err := r.PlanInto(p, route.Request{Catalog: r.cat, Model: "m", Match: match}); err != nil {
			b.Fatal(err)
		}
		p.Next(route.Outcome{})
		p.Next(route.Outcome{})
	}
}
