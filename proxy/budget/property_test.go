package budget_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gatehouse/internal/testkit"
	"gatehouse/models"
	"gatehouse/proxy/budget"
	"gatehouse/proxy/keyring"
)

// call is one call of the model that the ledger is held to.
type call struct {
	hold  *budget.Hold
	held  map[string]models.Nano
	est   models.Nano
	exact bool
}

// Whatever calls come, are admitted, are exchanged and settle in whatever order: what is held is the sum of the open holds;
// with exact calls alone, spent + held never passes a cap; with firm ones it is passed only by what settles cost beyond
// their holds; and in the end nothing is held and every nano is accounted for.
func TestLedgerAgainstModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		clock := testkit.NewClock()
		l := budget.New(budget.Options{Now: clock.Now})
		scopes := []string{"key:a", "key:b", "team:t", "user:u", "proxy"}
		caps := map[string]keyring.Cap{}
		for _, s := range scopes {
			if rapid.Bool().Draw(t, "capped "+s) {
				caps[s] = keyring.Cap{N: rapid.Int64Range(0, 500).Draw(t, "cap "+s), Set: true}
			}
		}
		allExact := rapid.Bool().Draw(t, "all exact")
		var open []call
		spent, held, excess := map[string]models.Nano{}, map[string]models.Nano{}, map[string]models.Nano{}
		check := func() {
			for _, s := range scopes {
				st := l.State(s)
				if st.Spent != spent[s] || st.Held != held[s] || st.Total != spent[s] {
					t.Fatalf("%s: ledger says %s + %s, model %s + %s", s, st.Spent, st.Held, spent[s], held[s])
				}
				if c := caps[s]; c.Set && st.Spent+st.Held > models.Nano(c.N)+excess[s] {
					t.Fatalf("%s: %s + %s over %d, and only %s of that is excess", s, st.Spent, st.Held, c.N, excess[s])
				}
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"reserve": func(t *rapid.T) {
				var wants []budget.Want
				for _, s := range scopes {
					if rapid.Bool().Draw(t, s) {
						wants = append(wants, budget.Want{Scope: s, Cap: caps[s]})
					}
				}
				ask := budget.Ask{Est: models.Nano(rapid.Int64Range(0, 200).Draw(t, "est"))}
				if allExact || rapid.Bool().Draw(t, "exact") {
					ask.Mode, ask.Input = budget.Exact, models.Nano(rapid.Int64Range(0, 100).Draw(t, "input"))
					ask.OutputPerMillion, ask.MinTokens = 1_000_000*rapid.Int64Range(0, 3).Draw(t, "rate"), 1
					ask.MaxTokens = rapid.Int64Range(0, 100).Draw(t, "max")
				}
				h, err := l.Reserve(wants, ask)
				if err == nil {
					c := call{hold: h, held: map[string]models.Nano{}, est: h.Est(), exact: ask.Mode == budget.Exact}
					for _, w := range wants {
						c.held[w.Scope] = c.est
						if w.Cap.Set {
							c.held[w.Scope] = min(c.est, models.Nano(w.Cap.N)-spent[w.Scope]-held[w.Scope])
						}
					}
					for s, n := range c.held {
						held[s] += n
					}
					open = append(open, c)
				} else if free := firstFull(wants, spent, held); free < 0 && ask.Mode == budget.Firm {
					t.Fatalf("refused although every scope has something left: %v", err)
				}
				check()
			},
			"settle": func(t *rapid.T) {
				if len(open) == 0 {
					t.Skip("nothing is open")
				}
				i := rapid.IntRange(0, len(open)-1).Draw(t, "which")
				c := open[i]
				open = append(open[:i], open[i+1:]...)
				most := int64(c.est)
				if !allExact {
					most += 100 // the estimate was too low
				}
				actual := models.Nano(rapid.Int64Range(0, most).Draw(t, "actual"))
				c.hold.Settle(actual)
				c.hold.Settle(actual) // a panic's defer on top of the owner's own
				for s, n := range c.held {
					held[s] -= n
					spent[s] += actual
					excess[s] += max(0, actual-n)
				}
				check()
			},
			"": func(*rapid.T) {},
		})
		for _, c := range open {
			c.hold.Refund()
		}
		if l.Held() != 0 {
			t.Fatalf("%s held in the end", l.Held())
		}
	})
}

func firstFull(wants []budget.Want, spent, held map[string]models.Nano) int {
	for i, w := range wants {
		if w.Cap.Set && spent[w.Scope]+held[w.Scope] >= models.Nano(w.Cap.N) {
			return i
		}
	}
	return -1
}

// Contract/proxy.md §13 (13): 200 concurrent calls at a key with budget for exactly 37, stacked scopes, both modes.
func TestThirtySevenOfTwoHundred(t *testing.T) {
	t.Parallel()
	for _, mode := range []budget.Mode{budget.Firm, budget.Exact} {
		for _, stacked := range []bool{false, true} {
			t.Run(fmt.Sprintf("mode %d stacked %v", mode, stacked), func(t *testing.T) {
				t.Parallel()
				l := ledger(testkit.NewClock())
				price := usd(0.01)
				ask := budget.Ask{Mode: mode, Est: price, Input: usd(0.005), MaxTokens: 500, OutputPerMillion: int64(usd(10))}
				var admitted atomic.Int64
				var calls sync.WaitGroup
				for i := range 200 {
					calls.Go(func() {
						wants := []budget.Want{{Scope: "key:a", Cap: limit(37 * price)}}
						if stacked { // different orders, as different callers might have
							more := []budget.Want{{Scope: "team:t", Cap: limit(50 * price)}, {Scope: "user:u"}, {Scope: "proxy", Cap: limit(usd(9))}}
							if i%2 == 0 {
								wants = append(more, wants...)
							} else {
								wants = append(wants, more...)
							}
						}
						h, err := l.Reserve(wants, ask)
						if err != nil {
							return
						}
						admitted.Add(1)
						if got := h.Settle(h.Est()); got.Overshoot != 0 {
							t.Errorf("overshoot %s", got.Overshoot)
						}
					})
				}
				calls.Wait()
				if s := l.State("key:a"); admitted.Load() != 37 || s.Spent != 37*price || l.Held() != 0 {
					t.Errorf("%d admitted, spent %s, held %s", admitted.Load(), s.Spent, l.Held())
				}
			})
		}
	}
}

// Calls, resets and turning windows at the same time leave nothing held.
func TestConcurrentWindowsHoldNothingAfterwards(t *testing.T) {
	t.Parallel()
	clock := testkit.NewClock()
	l := ledger(clock)
	var calls sync.WaitGroup
	for i := range 8 {
		calls.Go(func() {
			for n := range 300 {
				h, err := l.Reserve([]budget.Want{
					{Scope: fmt.Sprintf("key:%d", i%3), Cap: limit(usd(1)), Duration: "1m"}, {Scope: "team:t", Duration: "1h"},
				}, budget.Ask{Est: usd(0.1)})
				switch n % 10 {
				case 0:
					clock.Advance(7 * time.Second)
				case 1:
					l.Reset("team:t", 0)
				}
				if err == nil {
					h.Settle(usd(0.05))
				}
			}
		})
	}
	calls.Wait()
	if l.Held() != 0 {
		t.Errorf("%s held", l.Held())
	}
}

func TestReserveAllocations(t *testing.T) {
	l := ledger(testkit.NewClock())
	wants := []budget.Want{
		{Scope: "key:a", Cap: limit(usd(1e6)), Duration: "30d"},
		{Scope: "team:t", Cap: limit(usd(1e6))},
		{Scope: "member:1:t/u"},
		{Scope: "user:u"},
		{Scope: "proxy"},
	}
	h := new(budget.Hold)
	run := func() {
		if err := l.ReserveInto(h, wants, budget.Ask{Est: 5, OutputPerMillion: 5}); err != nil {
			panic(err)
		}
		h.Settle(3)
	}
	run()
	if n := testing.AllocsPerRun(100, run); n > 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

func BenchmarkReserveSettle(b *testing.B) {
	l := budget.New(budget.Options{Now: time.Now, OnCross: func(budget.Crossing) {}})
	wants := []budget.Want{
		{Scope: "key:a", Cap: limit(usd(1e6)), Duration: "30d"},
		{Scope: "team:t", Cap: limit(usd(1e6))},
		{Scope: "member:1:t/u"},
		{Scope: "user:u"},
		{Scope: "proxy"},
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			h, err := l.Reserve(wants, budget.Ask{Est: 5})
			if err != nil {
				b.Error(err)
				return
			}
			h.Settle(3)
		}
	})
}

func TestOutputs(t *testing.T) {
	t.Parallel()
	var o budget.Outputs
	if got := o.Expect("m", 0); got != 1024 {
		t.Errorf("an unknown model is expected to put out %d", got)
	}
	if got := o.Expect("m", 100); got != 100 {
		t.Errorf("a named cap of 100 gives %d", got)
	}
	for i := range int64(100) {
		o.Observe("m", 10+i) // 10 … 109: the 90th percentile is 99
	}
	if got := o.Expect("m", 0); got < 99 || got > 128 {
		t.Errorf("the 90th percentile of 10…109 is %d", got)
	}
	if got := o.Expect("other", 0); got != 1024 {
		t.Errorf("models share their figures: %d", got)
	}
	for range 2000 {
		o.Observe("m", 5000)
	}
	if got := o.Expect("m", 0); got < 5000 || got > 6500 {
		t.Errorf("old calls still decide: %d", got)
	}
	o.Observe("tiny", 0)
	if got := o.Expect("tiny", 0); got > 1 {
		t.Errorf("a model that says nothing is expected to put out %d", got)
	}
}
