package budget_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"gatehouse/internal/testkit"
	"gatehouse/models"
	"gatehouse/proxy/budget"
	"gatehouse/proxy/keyring"
)

func usd(n float64) models.Nano { return models.Nano(math.Round(n * float64(models.USD))) }

func limit(n models.Nano) keyring.Cap { return keyring.Cap{N: int64(n), Set: true} }

func ledger(clock *testkit.Clock) *budget.Ledger { return budget.New(budget.Options{Now: clock.Now}) }

// spend books an amount on a scope without asking.
func spend(t *testing.T, l *budget.Ledger, scope string, amount models.Nano) {
	t.Helper()
	h, err := l.Reserve([]budget.Want{{Scope: scope}}, budget.Ask{Pricing: budget.Free})
	if err != nil {
		t.Fatal(err)
	}
	h.Settle(amount)
}

func TestAdmission(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		limit   keyring.Cap
		spent   models.Nano
		held    models.Nano
		pricing budget.Pricing
		refused bool
	}{
		{"priced, cap of zero", limit(0), 0, 0, budget.Priced, true},
		{"priced, spent is the cap", limit(usd(1)), usd(1), 0, budget.Priced, true},
		{"priced, spent and held are the cap", limit(usd(1)), usd(0.4), usd(0.6), budget.Priced, true},
		{"unpriced, spent over the cap", limit(usd(1)), usd(1) + 1, 0, budget.Unpriced, true},
		{"unpriced, negative cap", limit(-1), 0, 0, budget.Unpriced, true},
		{"priced, a nano is left", limit(usd(1)), usd(1) - 1, 0, budget.Priced, false},
		{"unpriced, cap of zero", limit(0), 0, 0, budget.Unpriced, false},
		{"unpriced, spent is the cap", limit(usd(1)), usd(1), 0, budget.Unpriced, false},
		{"free, far over the cap", limit(usd(1)), usd(9), 0, budget.Free, false},
		{"no cap", keyring.Cap{}, usd(1e6), 0, budget.Priced, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			l := ledger(testkit.NewClock())
			spend(t, l, "key:a", tc.spent)
			if tc.held > 0 {
				if _, err := l.Reserve([]budget.Want{{Scope: "key:a"}}, budget.Ask{Est: tc.held}); err != nil {
					t.Fatal(err)
				}
			}
			h, err := l.Reserve([]budget.Want{{Scope: "key:a", Cap: tc.limit}}, budget.Ask{Pricing: tc.pricing, Est: usd(0.01)})
			var ex *budget.Exhausted
			switch {
			case tc.refused && !errors.As(err, &ex):
				t.Fatalf("admitted: %v", err)
			case tc.refused:
				if ex.Spent != tc.spent || ex.Held != tc.held || ex.Limit != models.Nano(tc.limit.N) {
					t.Errorf("told %+v", ex)
				}
			case err != nil:
				t.Fatalf("refused: %v", err)
			default:
				h.Refund()
			}
			if l.State("key:a").Held != tc.held {
				t.Errorf("held %s afterwards", l.State("key:a").Held)
			}
		})
	}
}

func TestAllOrNothing(t *testing.T) {
	t.Parallel()
	l := ledger(testkit.NewClock())
	spend(t, l, "team:t", usd(5))
	spend(t, l, "user:u", usd(9))
	wants := []budget.Want{
		{Level: keyring.LevelKey, Scope: "key:a", Cap: limit(usd(1))},
		{Level: keyring.LevelTeam, Scope: "team:t", ID: "t", Cap: limit(usd(5))},
		{Level: keyring.LevelUser, Scope: "user:u", ID: "u", Cap: limit(usd(9))},
	}
	_, err := l.Reserve(wants, budget.Ask{Est: usd(0.5)})
	var ex *budget.Exhausted
	if !errors.As(err, &ex) || ex.Level != keyring.LevelTeam || ex.Scope != "team:t" {
		t.Fatalf("the first that refuses is %+v", ex)
	}
	if want := "Budget has been exceeded! Team=t Current cost: 5.0, Max budget: 5.0"; err.Error() != want {
		t.Errorf("text %q", err)
	}
	if l.Held() != 0 {
		t.Errorf("a refused call holds %s", l.Held())
	}
}

func TestFirmShrinksAndOvershoots(t *testing.T) {
	t.Parallel()
	l := ledger(testkit.NewClock())
	key := []budget.Want{{Scope: "key:a", Cap: limit(usd(1))}, {Scope: "team:t", Cap: limit(usd(100))}}
	first, err := l.Reserve(key, budget.Ask{Est: usd(0.7)})
	if err != nil {
		t.Fatal(err)
	}
	last, err := l.Reserve(key, budget.Ask{Est: usd(0.7)})
	if err != nil {
		t.Fatal("the last call of a window is refused")
	}
	if s := l.State("key:a"); s.Held != usd(1) {
		t.Errorf("held %s: the second hold was not shrunk to what is left", s.Held)
	}
	if s := l.State("team:t"); s.Held != usd(1.4) {
		t.Errorf("the team holds %s", s.Held)
	}
	if _, err := l.Reserve(key, budget.Ask{Est: 1}); err == nil {
		t.Error("a third call is admitted while nothing is left")
	}
	if got := first.Settle(usd(0.7)); got.Overshoot != 0 || !got.First {
		t.Errorf("first: %+v", got)
	}
	if got := last.Settle(usd(0.8)); got.Overshoot != usd(0.5) {
		t.Errorf("overshoot %s, want 0.5: the last call's own excess", got.Overshoot)
	}
	if s := l.State("key:a"); s.Spent != usd(1.5) || s.Held != 0 || s.Total != usd(1.5) {
		t.Errorf("%+v", s)
	}
	if got := last.Settle(usd(9)); got.First || l.State("key:a").Spent != usd(1.5) {
		t.Error("a hold settled twice")
	}
}

// Calls that end cheaper than they were held for give room to the last call, whose hold was shrunk, and not to one more
// after another: whatever the order in which they end, the cap is passed by less than one call.
func TestOnlyTheLastCallPassesTheCap(t *testing.T) {
	t.Parallel()
	const limitOf, est, actual = 950, 111, 100
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 1))
		l := ledger(testkit.NewClock())
		want := []budget.Want{{Scope: "key:a", Cap: keyring.Cap{N: limitOf, Set: true}}}
		var open []*budget.Hold
		for calls := 0; calls < 100; calls++ {
			h, err := l.Reserve(want, budget.Ask{Est: est})
			var used *budget.Exhausted
			switch {
			case err == nil:
				open = append(open, h)
			case !errors.As(err, &used):
				t.Fatal(err)
			case used.Spent+used.Held < used.Limit:
				t.Fatalf("refused with %d spent and %d held of %d", used.Spent, used.Held, used.Limit)
			}
			if len(open) > 0 && (err != nil || random.IntN(3) == 0) {
				i := random.IntN(len(open))
				open[i].Settle(actual)
				open = append(open[:i], open[i+1:]...)
			}
		}
		for _, h := range open {
			h.Settle(actual)
		}
		if s := l.State("key:a"); s.Spent < limitOf || s.Spent >= limitOf+actual || s.Held != 0 {
			t.Fatalf("seed %d: %d spent of %d by calls of %d, %d held", seed, s.Spent, limitOf, actual, s.Held)
		}
	}
}

// A burst of calls that are taken to cost nothing must not all pass a nearly empty budget.
func TestEveryPricedCallHolds(t *testing.T) {
	t.Parallel()
	l := ledger(testkit.NewClock())
	want := []budget.Want{{Scope: "key:a", Cap: limit(3)}}
	n := 0
	for range 10 {
		if _, err := l.Reserve(want, budget.Ask{Est: 0}); err == nil {
			n++
		}
	}
	if n != 3 {
		t.Errorf("%d calls admitted on 3 nano-dollars", n)
	}
}

func TestExact(t *testing.T) {
	t.Parallel()
	// A million output tokens cost a thousand dollars: a token is a tenth of a cent.
	const perMillion = 1000 * int64(models.USD)
	token := usd(0.001)
	for _, tc := range []struct {
		name      string
		limit     models.Nano
		ask       budget.Ask
		refused   bool
		est       models.Nano
		maxTokens int64
	}{
		{"input alone does not fit", usd(1), budget.Ask{Input: usd(1.1), MaxTokens: 100}, true, 0, 0},
		{"named cap, fewer than the least fit", usd(1), budget.Ask{Input: usd(1) - 15*token, MaxTokens: 100}, true, 0, 0},
		{"no cap, half of what is left buys too few", 31 * token, budget.Ask{}, true, 0, 0},
		{"no output is billed, input does not fit", usd(1), budget.Ask{Input: usd(2), OutputPerMillion: -1}, true, 0, 0},
		{"named cap fits", usd(1), budget.Ask{Input: usd(0.1), MaxTokens: 100}, false, usd(0.2), 0},
		{"named cap fits to the nano", usd(1), budget.Ask{Input: usd(0.9), MaxTokens: 100}, false, usd(1), 0},
		{"named cap is lowered", usd(1), budget.Ask{Input: usd(0.9), MaxTokens: 5000}, false, usd(1), 100},
		{"a named cap below the least is the caller's wish", usd(1), budget.Ask{MaxTokens: 3}, false, 3 * token, 0},
		{"no cap gets half of what is left", usd(10), budget.Ask{Input: usd(1)}, false, usd(5), 4000},
		{"no cap gets 1,024 tokens where half is less", usd(1.5), budget.Ask{}, false, 1024 * token, 1024},
		{"no cap gets half where 1,024 tokens do not fit", usd(1), budget.Ask{}, false, usd(0.5), 500},
		{"no cap gets no more than the model can", usd(100), budget.Ask{ModelMax: 2000}, false, usd(2), 2000},
		{"no output is billed", usd(1), budget.Ask{Input: usd(1), OutputPerMillion: -1}, false, usd(1), 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			l := ledger(testkit.NewClock())
			ask := tc.ask
			ask.Mode = budget.Exact
			if ask.OutputPerMillion == 0 {
				ask.OutputPerMillion = perMillion
			}
			wants := []budget.Want{{Scope: "key:a", Cap: limit(tc.limit)}, {Scope: "team:t", Cap: limit(usd(1000))}, {Scope: "user:u"}}
			h, err := l.Reserve(wants, ask)
			if tc.refused {
				var ex *budget.Exhausted
				if !errors.As(err, &ex) || ex.Scope != "key:a" {
					t.Fatalf("admitted: %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if h.Est() != tc.est || h.MaxTokens != tc.maxTokens {
				t.Errorf("holds %s with %d tokens, want %s with %d", h.Est(), h.MaxTokens, tc.est, tc.maxTokens)
			}
			for _, scope := range []string{"key:a", "team:t", "user:u"} {
				if got := l.State(scope).Held; got != tc.est {
					t.Errorf("%s holds %s", scope, got)
				}
			}
		})
	}
	t.Run("without a budget nothing changes", func(t *testing.T) {
		t.Parallel()
		h, err := ledger(testkit.NewClock()).Reserve([]budget.Want{{Scope: "key:a"}},
			budget.Ask{Mode: budget.Exact, Est: 7, Input: usd(5), OutputPerMillion: perMillion})
		if err != nil || h.MaxTokens != 0 || h.Est() != 7 {
			t.Errorf("%+v, %v", h, err)
		}
	})
	t.Run("prices that overflow refuse", func(t *testing.T) {
		t.Parallel()
		_, err := ledger(testkit.NewClock()).Reserve([]budget.Want{{Scope: "key:a", Cap: limit(usd(1))}},
			budget.Ask{Mode: budget.Exact, Input: math.MaxInt64, OutputPerMillion: math.MaxInt64, MaxTokens: math.MaxInt64})
		if err == nil {
			t.Error("admitted")
		}
	})
}

func TestAgain(t *testing.T) {
	t.Parallel()
	l := ledger(testkit.NewClock())
	wants := []budget.Want{{Scope: "key:a", Cap: limit(usd(1))}, {Scope: "team:t", Cap: limit(usd(3))}}
	other, _ := l.Reserve([]budget.Want{{Scope: "team:t", Cap: limit(usd(3))}}, budget.Ask{Est: usd(2.5)})
	h, err := l.Reserve(wants, budget.Ask{Est: usd(0.2)})
	if err != nil {
		t.Fatal(err)
	}
	dear := budget.Ask{Mode: budget.Exact, Input: usd(0.8), MaxTokens: 1, OutputPerMillion: 1}
	if err := h.Again(dear, nil); err == nil {
		t.Fatal("a dearer model is admitted beyond the team's cap")
	}
	if h.Est() != usd(0.2) || l.State("key:a").Held != usd(0.2) || l.State("team:t").Held != usd(2.7) {
		t.Errorf("the old hold does not stand: %+v %+v", l.State("key:a"), l.State("team:t"))
	}
	other.Refund()
	if err := h.Again(dear, nil); err != nil {
		t.Fatal(err)
	}
	if l.State("key:a").Held != usd(0.8)+1 || l.State("team:t").Held != usd(0.8)+1 {
		t.Errorf("held %s and %s", l.State("key:a").Held, l.State("team:t").Held)
	}
	h.Settle(usd(0.9))
	if l.Held() != 0 || l.State("key:a").Spent != usd(0.9) {
		t.Errorf("%+v", l.State("key:a"))
	}
}

// A fallback is counted in the key's budget for the model that it goes to, and no longer in the one of the model before.
func TestAgainCountsTheOtherModel(t *testing.T) {
	t.Parallel()
	l := ledger(testkit.NewClock())
	model := func(name string, most models.Nano) budget.Want {
		return budget.Want{Level: keyring.LevelKeyModel, Scope: "keymodel:a/" + name, ID: "sk-...a", Model: name, Cap: limit(most)}
	}
	spare := model("spare", usd(0.5))
	full, err := l.Reserve([]budget.Want{spare}, budget.Ask{Est: usd(0.5)})
	if err != nil {
		t.Fatal(err)
	}
	h, err := l.Reserve([]budget.Want{{Scope: "key:a", Cap: limit(usd(2))}, model("first", usd(1))}, budget.Ask{Est: usd(0.2)})
	if err != nil {
		t.Fatal(err)
	}
	var used *budget.Exhausted
	if err := h.Again(budget.Ask{Est: usd(0.3)}, &spare); !errors.As(err, &used) || used.Model != "spare" || used.Level != keyring.LevelKeyModel {
		t.Fatalf("a model whose budget is used up: %v", err)
	}
	if l.State("keymodel:a/first").Held != usd(0.2) || l.State("key:a").Held != usd(0.2) || l.State(spare.Scope).Held != usd(0.5) {
		t.Errorf("after the refusal: %s", l.Held())
	}
	full.Settle(usd(0.1))
	if err := h.Again(budget.Ask{Est: usd(0.3)}, &spare); err != nil {
		t.Fatal(err)
	}
	if l.State("keymodel:a/first").Held != 0 || l.State("key:a").Held != usd(0.3) || l.State(spare.Scope).Held != usd(0.3) {
		t.Errorf("after the fallback: %+v %+v", l.State("keymodel:a/first"), l.State(spare.Scope))
	}
	h.Settle(usd(0.25))
	if l.Held() != 0 || l.State("keymodel:a/first").Spent != 0 || l.State(spare.Scope).Spent != usd(0.35) || l.State("key:a").Spent != usd(0.25) {
		t.Errorf("after the end: %+v %+v", l.State(spare.Scope), l.State("key:a"))
	}
	if charges := h.Charges(nil); len(charges) != 2 {
		t.Errorf("charged to %+v", charges)
	}
}

// Whatever calls are taken to cost, a scope without a cap never ends below zero.
func TestHugeEstimatesLeaveNothing(t *testing.T) {
	t.Parallel()
	l := ledger(testkit.NewClock())
	var holds []*budget.Hold
	for range 8 {
		h, err := l.Reserve([]budget.Want{{Scope: "key:a"}}, budget.Ask{Est: math.MaxInt64})
		if err != nil {
			t.Fatal(err)
		}
		holds = append(holds, h)
	}
	for _, h := range holds {
		h.Settle(1)
	}
	if held := l.State("key:a").Held; held != 0 {
		t.Errorf("%d is held by nobody", held)
	}
}

func TestTwoWantsOfOneScope(t *testing.T) {
	t.Parallel()
	l := ledger(testkit.NewClock())
	h, err := l.Reserve([]budget.Want{{Scope: "b"}, {Scope: "a"}, {Scope: "b"}}, budget.Ask{Est: 5})
	if err != nil {
		t.Fatal(err)
	}
	if l.State("b").Held != 5 || len(h.Charges(nil)) != 2 {
		t.Errorf("held %s, charges %v", l.State("b").Held, h.Charges(nil))
	}
	h.Settle(3)
	if l.State("b").Spent != 3 || l.State("a").Spent != 3 || l.Held() != 0 {
		t.Errorf("b %+v", l.State("b"))
	}
}

func TestCrossings(t *testing.T) {
	t.Parallel()
	var got []budget.Crossing
	l := budget.New(budget.Options{Now: testkit.NewClock().Now, OnCross: func(c budget.Crossing) { got = append(got, c) }})
	wants := []budget.Want{{Scope: "key:a", Cap: limit(usd(10)), Soft: limit(usd(5))}}
	for _, amount := range []float64{4, 1, 1, 2, 1, 5} { // 4, 5, 6, 8, 9, 14
		h, err := l.Reserve(wants, budget.Ask{Est: 1})
		if err != nil {
			t.Fatal(err)
		}
		h.Settle(usd(amount))
	}
	want := []budget.CrossKind{budget.CrossSoft, budget.CrossNear, budget.CrossFull}
	if len(got) != len(want) {
		t.Fatalf("%+v", got)
	}
	for i, c := range got {
		if c.Kind != want[i] || c.Scope != "key:a" {
			t.Errorf("crossing %d: %+v", i, c)
		}
	}
	if got[1].Limit != usd(8) || got[1].Spent != usd(8) {
		t.Errorf("near the limit: %+v", got[1])
	}
}

type counters []models.Counter

func (c counters) EachCounter(_ context.Context, fn func(models.Counter)) error {
	for _, row := range c {
		fn(row)
	}
	if len(c) == 0 {
		return errors.New("away")
	}
	return nil
}

func TestSeed(t *testing.T) {
	t.Parallel()
	clock := testkit.NewClock()
	l := ledger(clock)
	if l.Seed(t.Context(), counters{}) == nil {
		t.Error("a ledger that could not be read counts as read")
	}
	end := clock.Now().Add(time.Hour)
	err := l.Seed(t.Context(), counters{
		{Scope: "key:a", Spent: usd(1), Total: usd(8), WindowStart: models.At(clock.Now().Add(-time.Hour)), ResetsAt: models.AtPtr(end)},
		{Scope: "key:b", Spent: usd(2), Total: usd(2)},
	})
	if err != nil {
		t.Fatal(err)
	}
	a := []budget.Want{{Scope: "key:a", Cap: limit(usd(1)), Duration: "30d"}}
	if _, err := l.Reserve(a, budget.Ask{Est: 1}); err == nil {
		t.Error("a restart forgot what was spent")
	}
	if s := l.State("key:a"); s.ResetsAt != end.UnixMicro() {
		t.Errorf("the reset moved to %s", time.UnixMicro(s.ResetsAt).UTC())
	}
	clock.Set(end)
	if _, err := l.Reserve(a, budget.Ask{Est: 1}); err != nil {
		t.Errorf("after the reset: %v", err)
	}
	if s := l.State("key:a"); s.Total != usd(8) || s.Spent != 0 {
		t.Errorf("%+v", s)
	}
	if s := l.State("key:b"); s.Spent != usd(2) || s.ResetsAt != 0 {
		t.Errorf("%+v", s)
	}
}
