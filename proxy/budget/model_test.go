package budget

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gatehouse/models"
	"gatehouse/proxy/keyring"
)

// The model of docs/adr/0001-budget-slices.md: real ledgers and bankers, driven step by step in any order, over a bank in
// memory that does what models/store does in SQL. Between every two steps any of these may happen: an answer is lost, a
// replica dies, the others give it up, it comes back, the window turns.

const (
	modelCap  = models.Nano(1000)
	modelName = "key:k"
)

var errFault = errors.New("fault")

type modelSlice struct {
	id, serial       int64
	balance, granted models.Nano
	lost             bool
}

// modelBank is the database.
type modelBank struct {
	window              int64
	spent, sliced, lost models.Nano
	all                 models.Nano // of every window
	slices              map[string]*modelSlice
	live                map[string]bool
	calls               map[string]bool
	before, after       bool // the next operation fails so
}

func newModelBank() *modelBank {
	return &modelBank{slices: map[string]*modelSlice{}, live: map[string]bool{}, calls: map[string]bool{}}
}

func (b *modelBank) Slice(_ context.Context, replica string, asks []models.SliceAsk) ([]models.SliceGot, models.Time, error) {
	if b.before {
		return nil, models.Time{}, errFault
	}
	if !b.live[replica] {
		return nil, models.Time{}, models.ErrGivenUp
	}
	ask := &asks[0]
	got := models.SliceGot{Scope: ask.Scope, Slice: ask.Slice, Window: models.FromMicros(b.window)}
	s := b.slices[replica]
	view := func() models.SliceView {
		v := models.SliceView{Spent: b.spent, Sliced: b.sliced, Lost: b.lost, Live: int64(len(b.live))}
		if s != nil {
			v.Mine = s.balance
		}
		return v
	}
	switch {
	case s != nil && s.id == ask.Slice && s.serial >= ask.Serial:
		got.Granted = s.granted
	case s == nil && !ask.New, s != nil && s.id != ask.Slice && !ask.New:
		got.Void = true
	default:
		if s == nil || s.id != ask.Slice {
			if s != nil {
				b.sliced -= s.balance
			}
			s = &modelSlice{id: ask.Slice}
			b.slices[replica] = s
		}
		back := min(ask.Return, max(0, s.balance))
		s.balance -= back
		b.sliced -= back
		s.granted = 0
		if ask.Grant != nil {
			s.granted = max(0, ask.Grant(view()))
		}
		s.balance += s.granted
		b.sliced += s.granted
		s.serial = ask.Serial
		got.Granted = s.granted
	}
	got.View = view()
	if b.after {
		return nil, models.Time{}, errFault
	}
	return []models.SliceGot{got}, models.At(time.Unix(0, 0)), nil
}

func (b *modelBank) Recall(context.Context, string, ...string) error { return nil }

func (b *modelBank) Last(context.Context, string, ...string) error { return nil }

// book writes a settled call, once.
func (b *modelBank) book(c *modelCall) {
	if b.calls[c.id] {
		return
	}
	b.calls[c.id] = true
	b.all += c.actual
	if c.charge.WindowStart.Micros() == b.window {
		b.spent += c.actual
	}
	for _, s := range b.slices {
		if s.id == c.charge.Slice {
			s.balance -= c.charge.Take
			if s.lost {
				b.lost -= c.charge.Take
			} else {
				b.sliced -= c.charge.Take
			}
		}
	}
}

type modelCall struct {
	id     string
	hold   *Hold
	actual models.Nano
	charge models.ScopeCharge
}

// modelReplica is a process; its calls that have settled wait in the journal, which outlives it.
type modelReplica struct {
	name    string
	l       *Ledger
	open    []*modelCall
	journal []*modelCall
}

type world struct {
	t        *rapid.T
	bank     *modelBank
	now      time.Time
	replicas []*modelReplica
	admitted int
	spent    models.Nano
}

func (w *world) start(r *modelReplica) { r.start(w.bank, func() time.Time { return w.now }) }

func (r *modelReplica) start(b *modelBank, now func() time.Time) {
	r.l = &Ledger{opt: Options{Now: now, Bank: b, Replica: r.name}} // New, without the queue that nobody reads here
	r.l.banker = newBanker(r.l, &r.l.opt)
	a := r.l.account(modelName)
	a.start, a.spent = b.window, b.spent
	b.live[r.name] = true
	r.l.Lease(now().Add(time.Hour*1000), false)
}

// try is Reserve up to where it would wait; then it leaves its need with the banker. nil: the call was not admitted.
func (r *modelReplica) try(limit, est models.Nano) *Hold {
	ask := Ask{Pricing: Priced, Est: est}
	a := r.l.account(modelName)
	h := &Hold{ledger: r.l, parts: []part{{account: a, limit: keyring.Cap{N: int64(limit), Set: true}}}}
	a.mu.Lock()
	defer a.mu.Unlock()
	h.parts[0].window, h.parts[0].epoch = a.start, a.epoch
	short, est, err := h.short([]uint8{0}, &ask)
	if err != nil {
		return nil
	}
	if len(short) > 0 {
		r.l.banker.want(a, func(n *need) { n.waiters = append(n.waiters, &waiter{est: est, done: make(chan error, 8)}) })
		return nil
	}
	if a.free(0) < ask.Est { // a firm call would now pass the cap by its own excess: another test
		return nil
	}
	if h.admit(&ask) >= 0 {
		return nil
	}
	return h
}

// end settles a call; it waits in the journal to be booked.
func (r *modelReplica) end(c *modelCall) {
	c.hold.Settle(c.actual)
	c.charge = c.hold.Charges(nil)[0]
	r.journal = append(r.journal, c)
}

// write books the oldest settled call. With its answer lost it stays in the journal and comes again.
func (r *modelReplica) write(b *modelBank, lost bool) {
	c := r.journal[0]
	b.book(c)
	if lost {
		return
	}
	r.journal = r.journal[1:]
	if r.l != nil {
		call := models.Spend{Scopes: []models.ScopeCharge{c.charge}}
		call.Row.Spend = c.actual
		r.l.Booked([]models.Spend{call}, []models.Counter{{Scope: modelName, WindowStart: models.FromMicros(b.window), Spent: b.spent}})
	}
}

func (w *world) reserve(r *modelReplica) {
	est := models.Nano(rapid.SampledFrom([]int64{1, 7, 60, 150, 400}).Draw(w.t, "est"))
	if h := r.try(modelCap, est); h != nil {
		w.admitted++
		r.open = append(r.open, &modelCall{id: fmt.Sprint(w.admitted), hold: h})
	}
}

func (w *world) settle(r *modelReplica) {
	if len(r.open) == 0 {
		return
	}
	i := rapid.IntRange(0, len(r.open)-1).Draw(w.t, "which")
	c := r.open[i]
	r.open = append(r.open[:i], r.open[i+1:]...)
	c.actual = c.hold.est
	if rapid.Bool().Draw(w.t, "less") {
		c.actual = models.Nano(rapid.Int64Range(0, int64(c.hold.est)).Draw(w.t, "actual"))
	}
	w.finish(r, c)
}

func (w *world) finish(r *modelReplica, c *modelCall) {
	w.spent += c.actual
	r.end(c)
}

func (w *world) write(r *modelReplica) {
	if len(r.journal) > 0 {
		r.write(w.bank, rapid.IntRange(0, 3).Draw(w.t, "lost") == 0)
	}
}

// once lets the banker ask, perhaps in vain.
func (w *world) once(r *modelReplica) {
	switch rapid.IntRange(0, 5).Draw(w.t, "fault") {
	case 0:
		w.bank.before = true
	case 1:
		w.bank.after = true
	}
	r.l.banker.once(w.t.Context())
	w.bank.before, w.bank.after = false, false
}

// giveUp is the sweep of the others; false: it had been.
func (b *modelBank) giveUp(name string) bool {
	if !b.live[name] {
		return false
	}
	delete(b.live, name)
	if s := b.slices[name]; s != nil && !s.lost {
		s.lost = true
		b.sliced -= s.balance
		b.lost += s.balance
	}
	return true
}

// beat gives a replica that was given up what it had; false: it was not.
func (b *modelBank) beat(name string) bool {
	if b.live[name] {
		return false
	}
	b.live[name] = true
	if s := b.slices[name]; s != nil && s.lost {
		s.lost = false
		b.lost -= s.balance
		b.sliced += s.balance
	}
	return true
}

// leave gives back all that a replica had, as at its start.
func (b *modelBank) leave(name string) {
	if s := b.slices[name]; s != nil {
		if s.lost {
			b.lost -= s.balance
		} else {
			b.sliced -= s.balance
		}
		delete(b.slices, name)
	}
}

// roll turns the window.
func (b *modelBank) roll() {
	b.window++
	b.spent, b.sliced, b.lost = 0, 0, 0
	clear(b.slices)
}

func (w *world) giveUp(r *modelReplica) { w.bank.giveUp(r.name) }

// beat brings a replica back that was given up and had not died.
func (w *world) beat(r *modelReplica) {
	if w.bank.beat(r.name) {
		r.l.Lease(w.now.Add(time.Hour*1000), true)
	}
}

// restart is a crash and a start: the journal is booked, open calls at a floor of nothing, and the old slices go back.
func (w *world) restart(r *modelReplica) {
	r.l = nil
	r.open = nil
	for len(r.journal) > 0 {
		w.write(r)
	}
	w.bank.leave(r.name)
	w.start(r)
}

// roll turns the window in the database, as the sweep of resets does; replicas learn of it when they ask.
func (w *world) roll() {
	w.bank.roll()
	for _, r := range w.replicas {
		r.l.News("set " + modelName)
	}
}

// check is the invariant.
func (w *world) check(*rapid.T) {
	if err := invariant(w.bank, w.replicas, modelCap); err != nil {
		w.t.Fatal(err)
	}
}

// invariant is the one of docs/adr/0001-budget-slices.md.
func invariant(b *modelBank, replicas []*modelReplica, limit models.Nano) error {
	var sliced, lost models.Nano
	for _, s := range b.slices {
		if s.balance < 0 {
			return fmt.Errorf("a slice is overdrawn: %+v", s)
		}
		if s.lost {
			lost += s.balance
		} else {
			sliced += s.balance
		}
	}
	if b.sliced != sliced || b.lost != lost {
		return fmt.Errorf("lent %d, the slices say %d; lost %d, they say %d", b.sliced, sliced, b.lost, lost)
	}
	if b.spent+b.sliced+b.lost > limit {
		return fmt.Errorf("spent %d + lent %d + lost %d > %d", b.spent, b.sliced, b.lost, limit)
	}
	for _, r := range replicas {
		a := r.l.account(modelName)
		s := b.slices[r.name]
		if s == nil || a.slice.id != s.id {
			continue
		}
		unwritten := models.Nano(0)
		for _, c := range r.journal {
			if c.charge.Slice == s.id && !b.calls[c.id] {
				unwritten += c.charge.Take
			}
		}
		if a.slice.balance+unwritten > s.balance {
			return fmt.Errorf("%s believes in %d + %d, the database in %d", r.name, a.slice.balance, unwritten, s.balance)
		}
		if a.held > a.slice.balance {
			return fmt.Errorf("%s holds %d of %d", r.name, a.held, a.slice.balance)
		}
	}
	return nil
}

func TestTheCapHoldsInAnyOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := &world{t: t, now: time.Unix(1_000_000, 0), bank: newModelBank()}
		for _, name := range []string{"a", "b", "c"} {
			r := &modelReplica{name: name}
			w.replicas = append(w.replicas, r)
			w.start(r)
		}
		some := func(do func(*modelReplica)) func(*rapid.T) {
			return func(t *rapid.T) { do(w.replicas[rapid.IntRange(0, 2).Draw(t, "replica")]) }
		}
		t.Repeat(map[string]func(*rapid.T){
			"":        w.check,
			"reserve": some(w.reserve), "settle": some(w.settle), "write": some(w.write), "bank": some(w.once),
			"call": some(func(r *modelReplica) { w.reserve(r); w.once(r); w.reserve(r) }),
			"calls": some(func(r *modelReplica) {
				for range 4 {
					w.reserve(r)
				}
				w.once(r)
				for range 4 {
					w.reserve(r)
				}
			}),
			"give up": some(w.giveUp), "beat": some(w.beat), "restart": some(w.restart),
			"recall": some(func(r *modelReplica) { r.l.News("recall other " + modelName) }),
			"wait":   func(*rapid.T) { w.now = w.now.Add(60 * time.Millisecond) },
			"roll": func(t *rapid.T) {
				if rapid.IntRange(0, 9).Draw(t, "really") == 0 {
					w.roll()
				}
			},
		})
		// Quiet: everything ends, is written, and given back.
		for _, r := range w.replicas {
			w.beat(r)
			for len(r.open) > 0 {
				c := r.open[0]
				r.open = r.open[1:]
				w.finish(r, c)
			}
			for len(r.journal) > 0 {
				w.write(r)
			}
			w.check(t)
		}
		for _, r := range w.replicas {
			if held := r.l.Held(); held != 0 {
				t.Fatalf("%s still holds %d", r.name, held)
			}
			w.restart(r)
		}
		if w.bank.sliced != 0 || w.bank.lost != 0 {
			t.Fatalf("lent %d and lost %d to nobody", w.bank.sliced, w.bank.lost)
		}
		if w.bank.all != w.spent {
			t.Fatalf("booked %d of %d", w.bank.all, w.spent)
		}
	})
}

func TestWhatIsGranted(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		plan plan
		view models.SliceView
		want models.Nano
	}{
		{"nothing is left", plan{limit: 100, needs: []models.Nano{1}}, models.SliceView{Spent: 40, Sliced: 50, Lost: 10, Live: 1}, 0},
		{"spent past the cap", plan{limit: 100, needs: []models.Nano{1}}, models.SliceView{Spent: 140, Live: 1}, 0},
		{"far from the cap, a share in whole calls", plan{limit: 100_000, pace: 90_000, needs: []models.Nano{30}}, models.SliceView{Live: 2}, 12480},
		{"far from the cap, no more than the pace", plan{limit: 100_000, pace: 300, needs: []models.Nano{30}}, models.SliceView{Live: 2}, 300},
		{"near the cap, call by call", plan{limit: 100, needs: []models.Nano{30, 30, 30, 30}}, models.SliceView{Live: 2}, 90},
		{"near the cap, what is free counts", plan{limit: 100, free: 20, needs: []models.Nano{30}}, models.SliceView{Spent: 60, Sliced: 20, Live: 1}, 10},
		{"too little, and others may give back", plan{limit: 100, needs: []models.Nano{30}}, models.SliceView{Spent: 50, Sliced: 30, Mine: 10, Live: 2}, 0},
		{"too little, and nobody has anything to give back", plan{limit: 100, needs: []models.Nano{30}}, models.SliceView{Spent: 70, Sliced: 10, Mine: 10, Live: 2}, 20},
		{"too little, and nobody gives back", plan{limit: 100, needs: []models.Nano{30}, final: true}, models.SliceView{Spent: 50, Sliced: 30, Mine: 10, Live: 2}, 20},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := tc.plan.grant(tc.view); got != tc.want {
				t.Errorf("got %d, want %d", got, tc.want)
			}
		})
	}
}
