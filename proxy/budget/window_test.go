package budget_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"
	_ "time/tzdata" // the machine may have none

	"pgregory.net/rapid"

	"gatehouse/internal/testkit"
	"gatehouse/models"
	"gatehouse/models/duration"
	"gatehouse/proxy/budget"
)

func reserve(t *testing.T, l *budget.Ledger, w budget.Want, est models.Nano) *budget.Hold {
	t.Helper()
	h, err := l.Reserve([]budget.Want{w}, budget.Ask{Est: est})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// Windows turn at admission, at the time they were due, and skip what was missed.
func TestWindowTurnsAtAdmission(t *testing.T) {
	t.Parallel()
	clock := testkit.NewClock() // Thursday 2026-01-15 12:00
	l := ledger(clock)
	w := budget.Want{Scope: "key:a", Cap: limit(usd(1)), Duration: "7d"}
	reserve(t, l, w, 1).Settle(usd(1))
	if _, err := l.Reserve([]budget.Want{w}, budget.Ask{Est: 1}); err == nil {
		t.Fatal("the budget is used up")
	}
	monday := time.Date(2026, time.January, 19, 0, 0, 0, 0, time.UTC)
	clock.Set(monday.Add(-time.Microsecond))
	if _, err := l.Reserve([]budget.Want{w}, budget.Ask{Est: 1}); err == nil {
		t.Error("the window turned early")
	}
	clock.Set(monday.AddDate(0, 0, 15)) // two windows and a day later
	h := reserve(t, l, w, 1)
	c := h.Charges(nil)[0]
	if next := time.Date(2026, time.February, 9, 0, 0, 0, 0, time.UTC); !c.ResetsAt.Equal(next) {
		t.Errorf("next reset %s, want %s", c.ResetsAt, next)
	}
	if last := monday.AddDate(0, 0, 14); !c.WindowStart.Equal(last) {
		t.Errorf("window starts %s, want the last reset, %s", c.WindowStart, last)
	}
	h.Settle(usd(0.5))
	if s := l.State("key:a"); s.Spent != usd(0.5) || s.Total != usd(1.5) {
		t.Errorf("%+v", s)
	}
}

// A call that was admitted in one window and ends in the next is no part of the new one.
func TestHoldBelongsToItsWindow(t *testing.T) {
	t.Parallel()
	clock := testkit.NewClock()
	l := ledger(clock)
	w := budget.Want{Scope: "key:a", Cap: limit(usd(1)), Duration: "1d"}
	old := reserve(t, l, w, usd(0.9))
	clock.Advance(12 * time.Hour)
	young := reserve(t, l, w, usd(0.4))
	if s := l.State("key:a"); s.Held != usd(0.4) {
		t.Errorf("the new window holds %s", s.Held)
	}
	if got := old.Settle(usd(5)); got.Overshoot != 0 {
		t.Errorf("overshoot %s of a window that is over", got.Overshoot)
	}
	if s := l.State("key:a"); s.Spent != 0 || s.Held != usd(0.4) || s.Total != usd(5) {
		t.Errorf("%+v", s)
	}
	oldCharge, newCharge := old.Charges(nil)[0], young.Charges(nil)[0]
	if !oldCharge.WindowStart.Before(newCharge.WindowStart.Time) {
		t.Errorf("windows %s and %s are not told apart", oldCharge.WindowStart, newCharge.WindowStart)
	}
	// The same for a hold that is exchanged after its window has ended.
	clock.Advance(24 * time.Hour)
	reserve(t, l, w, usd(0.1))
	if err := young.Again(budget.Ask{Est: usd(0.8)}, nil); err != nil {
		t.Fatal(err)
	}
	young.Settle(usd(1))
	if s := l.State("key:a"); s.Spent != 0 || s.Held != usd(0.1) {
		t.Errorf("after an exchange: %+v", s)
	}
}

func TestDurationChanges(t *testing.T) {
	t.Parallel()
	clock := testkit.NewClock()
	l := ledger(clock)
	at := func(length string) budget.Want {
		return budget.Want{Scope: "key:a", Cap: limit(usd(9)), Duration: length}
	}
	reserve(t, l, at("30d"), 1).Settle(usd(1))
	if got := time.UnixMicro(l.State("key:a").ResetsAt).UTC(); !got.Equal(time.Date(2026, time.February, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("30d resets at %s", got)
	}
	reserve(t, l, at("1d"), 1).Settle(usd(1))
	if s := l.State("key:a"); s.Spent != usd(2) || !time.UnixMicro(s.ResetsAt).Equal(time.Date(2026, time.January, 16, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("1d: %+v", s)
	}
	reserve(t, l, at(""), 1).Settle(usd(1))
	if s := l.State("key:a"); s.Spent != usd(3) || s.ResetsAt != 0 {
		t.Errorf("never: %+v", s)
	}
	clock.Advance(40 * 24 * time.Hour)
	reserve(t, l, at(""), 1).Refund()
	if s := l.State("key:a"); s.Spent != usd(3) {
		t.Errorf("a budget without a window was reset: %+v", s)
	}
}

func TestFixedReset(t *testing.T) {
	t.Parallel()
	clock := testkit.NewClock()
	l := ledger(clock)
	fixed := clock.Now().Add(3 * time.Hour)
	w := budget.Want{Scope: "key:a", Cap: limit(usd(9)), Duration: "30d", ResetAt: fixed.UnixMicro()}
	reserve(t, l, w, 1).Settle(usd(1))
	if s := l.State("key:a"); s.ResetsAt != fixed.UnixMicro() {
		t.Errorf("resets at %s, want the operator's %s", time.UnixMicro(s.ResetsAt).UTC(), fixed)
	}
	clock.Set(fixed)
	reserve(t, l, w, 1).Refund()
	s := l.State("key:a")
	if s.Spent != 0 || !time.UnixMicro(s.ResetsAt).Equal(time.Date(2026, time.February, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("after it: %+v", s)
	}
	// A date that has passed resets nothing, also not in a process that was started after it.
	fresh := ledger(clock)
	reserve(t, fresh, w, 1).Settle(usd(2))
	reserve(t, fresh, w, 1).Refund()
	if fresh.State("key:a").Spent != usd(2) {
		t.Error("an old date reset a budget")
	}
}

func TestReset(t *testing.T) {
	t.Parallel()
	l := ledger(testkit.NewClock())
	w := budget.Want{Scope: "key:a", Cap: limit(usd(1)), Duration: "1d"}
	reserve(t, l, w, 1).Settle(usd(0.5))
	flying := reserve(t, l, w, usd(0.4))
	before := l.State("key:a")
	l.Reset("key:a", usd(0.3))
	after := before
	after.Spent = usd(0.3)
	if s := l.State("key:a"); s != after {
		t.Errorf("%+v, want %+v: the window stays as it is", s, after)
	}
	flying.Settle(usd(0.4))
	if s := l.State("key:a"); s.Spent != usd(0.7) || s.Held != 0 || s.Total != usd(0.9) {
		t.Errorf("a call that was under way: %+v", s)
	}
	l.Forget("key:a")
	if s := l.State("key:a"); s != (budget.State{}) {
		t.Errorf("%+v", s)
	}
}

func TestAdopt(t *testing.T) {
	t.Parallel()
	clock := testkit.NewClock()
	l := ledger(clock)
	w := budget.Want{Scope: "key:a", Cap: limit(usd(1)), Duration: "3d"}
	flying := reserve(t, l, w, usd(0.4))
	end := clock.Now().Add(time.Hour)
	l.Adopt(models.Counter{Scope: "key:a", ResetsAt: models.AtPtr(end)})
	reserve(t, l, w, 1).Settle(usd(0.2))
	if s := l.State("key:a"); s.ResetsAt != end.UnixMicro() || s.Held != usd(0.4) || s.Spent != usd(0.2) {
		t.Errorf("%+v", s)
	}
	begun := clock.Now().Add(-time.Minute)
	l.Adopt(models.Counter{Scope: "key:a", WindowStart: models.At(begun), Spent: usd(0.1), ResetsAt: models.AtPtr(end)})
	if s := l.State("key:a"); s.WindowStart != begun.UnixMicro() || s.Held != 0 || s.Spent != usd(0.1) {
		t.Errorf("a newer window: %+v", s)
	}
	flying.Settle(usd(0.4))
	if s := l.State("key:a"); s.Held != 0 || s.Spent != usd(0.1) {
		t.Errorf("a call of the window before: %+v", s)
	}
	l.Adopt(models.Counter{Scope: "key:a"})
	if s := l.State("key:a"); s.WindowStart != begun.UnixMicro() || s.ResetsAt != end.UnixMicro() {
		t.Errorf("a scope without a row: %+v", s)
	}
}

// rows answers with one reset for everybody, after a first failure.
type rows struct {
	resets models.Time
	failed bool
	asked  chan []string
}

func (r *rows) Counters(_ context.Context, scopes ...string) (map[string]models.Counter, error) {
	if !r.failed {
		r.failed = true
		return nil, errors.New("away")
	}
	all := map[string]models.Counter{}
	for _, s := range scopes {
		all[s] = models.Counter{Scope: s, ResetsAt: &r.resets}
	}
	r.asked <- scopes
	return all, nil
}

// A window that this process had to work out is asked for, once.
func TestRunAsksForWindows(t *testing.T) {
	t.Parallel()
	clock := testkit.NewClock()
	l := ledger(clock)
	if err := l.Seed(t.Context(), counters{{Scope: "key:known", ResetsAt: models.AtPtr(clock.Now().Add(time.Hour))}}); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		reserve(t, l, budget.Want{Scope: "key:known", Duration: "3d"}, 1)
		reserve(t, l, budget.Want{Scope: "key:new", Duration: "3d"}, 1)
		reserve(t, l, budget.Want{Scope: "key:plain"}, 1)
	}
	ctx, cancel := context.WithCancel(t.Context())
	from := &rows{resets: models.At(clock.Now().Add(time.Minute)), asked: make(chan []string, 8)}
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx, from) }()
	if got := <-from.asked; !slices.Equal(got, []string{"key:new"}) {
		t.Errorf("asked for %q", got)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
	if s := l.State("key:new"); s.ResetsAt != from.resets.Micros() {
		t.Errorf("%+v", s)
	}
}

// What the ledger says of a window is what the job that rolls idle scopes would write, so that both charge the same one.
func TestWindowsAgreeWithTheJob(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SampledFrom([]string{"30s", "7m", "1h", "5h", "24h", "30h", "1d", "3d", "7d", "2w", "30d", "1mo", "2mo"}).Draw(t, "duration")
		d, err := duration.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		clock := testkit.NewClock()
		l := ledger(clock)
		w := budget.Want{Scope: "key:a", Duration: text}
		call := func() models.ScopeCharge {
			h, err := l.Reserve([]budget.Want{w}, budget.Ask{Est: 1})
			if err != nil {
				t.Fatal(err)
			}
			h.Refund()
			return h.Charges(nil)[0]
		}
		first := call()
		start, resets := first.WindowStart, *first.ResetsAt // the row of the database
		for range 6 {
			clock.Advance(time.Duration(rapid.Int64Range(1, int64(3*d.Std())).Draw(t, "pause")).Truncate(time.Microsecond) + time.Microsecond)
			for !resets.After(clock.Now()) { // the job comes by at every reset
				start, resets = resets, models.At(d.NextAfter(resets.Time, resets.Time, time.UTC))
			}
			c := call()
			if c.WindowStart.Micros() != start.Micros() || !c.ResetsAt.Equal(resets.Time) {
				t.Fatalf("%s at %s: ledger %s to %s, job %s to %s", text, clock.Now(), c.WindowStart, c.ResetsAt, start, resets)
			}
		}
	})
}

func TestNoReset(t *testing.T) {
	t.Parallel()
	clock := testkit.NewClock()
	l := budget.New(budget.Options{Now: clock.Now, NoReset: true})
	w := budget.Want{Scope: "key:a", Cap: limit(usd(1)), Duration: "1d"}
	reserve(t, l, w, 1).Settle(usd(1))
	clock.Advance(48 * time.Hour)
	if _, err := l.Reserve([]budget.Want{w}, budget.Ask{Est: 1}); err == nil {
		t.Error("disable_reset_budget does not hold")
	}
}

// A year of days, in a zone with summer time: every midnight once.
func TestYearOfResets(t *testing.T) {
	t.Parallel()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	clock := testkit.NewClock()
	l := budget.New(budget.Options{Now: clock.Now, Zone: zone})
	w := budget.Want{Scope: "key:a", Cap: limit(1), Duration: "1d"}
	turns, last := 0, int64(-1)
	for range 365 * 24 {
		h := reserve(t, l, budget.Want{Scope: "key:a", Duration: w.Duration}, 1)
		c := h.Charges(nil)[0]
		h.Settle(1)
		if at := c.WindowStart.Micros(); at != last {
			if at > 0 && c.WindowStart.In(zone).Hour() != 0 {
				t.Fatalf("a window starts at %s", c.WindowStart.In(zone))
			}
			turns, last = turns+1, at
		}
		clock.Advance(time.Hour)
	}
	if turns != 366 {
		t.Errorf("%d windows in 365 days from noon, want 366", turns)
	}
}
