package budget

import (
	"context"
	"fmt"
	"hash/fnv"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"gatehouse/models"
)

// The model of docs/adr/0001-budget-slices.md, explored: every order of every step of a few replicas that share one small
// budget, each state once. The steps are those of the real ledger and banker over the bank of model_test.go. In each state
// the invariant holds, no window's calls come to more than its cap, booked or not, and from each state all comes to rest
// with nothing lent, nothing lost and every call booked once.

// step is one thing that happens to one replica.
type step uint8

const (
	stepCall     step = iota // a call is admitted, or leaves its need with the banker
	stepSettle               // the oldest call ends with all that it held
	stepFree                 // the newest call ends and cost nothing
	stepBank                 // the banker asks
	stepBefore               // and does not reach the database
	stepAfter                // and its answer is lost
	stepWrite                // the oldest settled call is booked
	stepWriteOut             // and the answer is lost
	stepRecall               // another replica asks for what is free
	stepGiveUp               // the others take it for dead
	stepBeat                 // it was not, and says so
	stepRestart              // it dies, and starts with its journal
	stepWait                 // time passes, for all
	stepRoll                 // the window turns, for all
	steps
)

// shape is how large a world is.
type shape struct {
	replicas        int
	limit, est      models.Nano
	calls           int // that are admitted
	depth           int // steps that follow each other
	deaths, windows int
}

// lab is a world that steps can be taken in.
type lab struct {
	shape
	ctx      context.Context
	bank     *modelBank
	now      time.Time
	replicas []*modelReplica
	admitted int
	dead     int
	cost     map[int64]models.Nano // of each window: what its calls have cost, or may still
}

func newLab(ctx context.Context, of shape) *lab {
	w := &lab{shape: of, ctx: ctx, bank: newModelBank(), now: time.Unix(1_000_000, 0), cost: map[int64]models.Nano{}}
	for i := range of.replicas {
		r := &modelReplica{name: string(rune('a' + i))}
		w.replicas = append(w.replicas, r)
		r.start(w.bank, func() time.Time { return w.now })
	}
	return w
}

func (r *modelReplica) needs() *need { return r.l.banker.needs[r.l.account(modelName)] }

// take does one step; false: it is none in this state.
func (w *lab) take(r *modelReplica, s step) bool {
	a := r.l.account(modelName)
	switch s {
	case stepCall:
		if n := r.needs(); w.admitted >= w.calls || n != nil && len(n.waiters) > 0 {
			return false
		}
		if h := r.try(w.limit, w.est); h != nil {
			w.admitted++
			w.cost[h.parts[0].window] += w.est
			r.open = append(r.open, &modelCall{id: fmt.Sprint(w.admitted), hold: h})
			return true
		}
		return r.needs() != nil
	case stepSettle, stepFree:
		if len(r.open) == 0 {
			return false
		}
		i := 0
		if s == stepFree {
			i = len(r.open) - 1
		}
		w.end(r, i, s == stepSettle)
	case stepBank, stepBefore, stepAfter:
		if r.needs() == nil {
			return false
		}
		w.bank.before, w.bank.after = s == stepBefore, s == stepAfter
		r.l.banker.once(w.ctx)
		w.bank.before, w.bank.after = false, false
	case stepWrite, stepWriteOut:
		if len(r.journal) == 0 || s == stepWriteOut && w.bank.calls[r.journal[0].id] {
			return false
		}
		r.write(w.bank, s == stepWriteOut)
	case stepRecall:
		if n := r.needs(); a.slice.id == 0 || n != nil && n.giveBack {
			return false
		}
		r.l.News("recall other " + modelName)
	case stepGiveUp:
		return w.bank.giveUp(r.name)
	case stepBeat:
		if !w.bank.beat(r.name) {
			return false
		}
		r.l.Lease(w.now.Add(time.Hour*1000), true)
	case stepRestart:
		if w.dead >= w.deaths {
			return false
		}
		w.dead++
		w.restart(r)
	case stepWait:
		w.now = w.now.Add(recallFor)
	case stepRoll:
		if w.bank.window >= int64(w.windows) {
			return false
		}
		w.bank.roll()
		for _, r := range w.replicas {
			r.l.News("set " + modelName)
		}
	case steps:
	}
	return true
}

func (w *lab) end(r *modelReplica, i int, cost bool) {
	c := r.open[i]
	r.open = slices.Delete(r.open, i, i+1)
	if cost {
		c.actual = c.hold.est
	} else {
		w.cost[c.hold.parts[0].window] -= c.hold.est
	}
	r.end(c)
}

// restart books the journal, and open calls at a floor of nothing.
func (w *lab) restart(r *modelReplica) {
	r.l = nil
	for _, c := range r.open {
		w.cost[c.hold.parts[0].window] -= c.hold.est
	}
	r.open = nil
	for len(r.journal) > 0 {
		r.write(w.bank, false)
	}
	w.bank.leave(r.name)
	r.start(w.bank, func() time.Time { return w.now })
}

func (w *lab) check() error {
	for window, cost := range w.cost {
		if cost > w.limit {
			return fmt.Errorf("the calls of window %d come to %d of %d", window, cost, w.limit)
		}
	}
	return invariant(w.bank, w.replicas, w.limit)
}

// rest ends everything and says what is left over.
func (w *lab) rest() error {
	var total models.Nano
	for _, r := range w.replicas {
		w.take(r, stepBeat)
		for len(r.open) > 0 {
			w.end(r, 0, true)
		}
		for len(r.journal) > 0 {
			r.write(w.bank, false)
		}
		if err := w.check(); err != nil {
			return err
		}
	}
	for _, r := range w.replicas {
		if held := r.l.Held(); held != 0 {
			return fmt.Errorf("%s still holds %d", r.name, held)
		}
		w.restart(r)
	}
	for _, cost := range w.cost {
		total += cost
	}
	if b := w.bank; b.sliced != 0 || b.lost != 0 || b.all != total {
		return fmt.Errorf("lent %d and lost %d to nobody, booked %d of %d", b.sliced, b.lost, b.all, total)
	}
	return nil
}

// key tells states apart by all that later steps can depend on. Replicas are alike, so their order does not count; slices
// and calls are told by whose they are, since their ids only ever meet in comparisons, and so are serials and times by
// their distances.
func (w *lab) key() uint64 {
	k := w.bank
	all := make([]string, len(w.replicas))
	for i, r := range w.replicas {
		var b strings.Builder
		a := r.l.account(modelName)
		s, have := &a.slice, k.slices[r.name]
		fmt.Fprint(&b, k.live[r.name], a.start, a.spent, a.held, s.id != 0, s.balance, s.unbooked, s.booked, s.known, s.left, s.recheck, w.now.After(s.drained))
		if have != nil {
			fmt.Fprint(&b, "|", have.balance, have.lost, have.id == s.id, s.serial-have.serial, have.granted)
		}
		if op := s.pending; op != nil {
			fmt.Fprint(&b, "|", op.ask.New, op.ask.Return, op.back, s.serial-op.ask.Serial)
		}
		if n := r.needs(); n != nil {
			fmt.Fprint(&b, "|", len(n.waiters), n.giveBack, n.refresh, n.recalled.IsZero(), w.now.Sub(n.recalled) >= recallFor)
		}
		for _, list := range [][]*modelCall{r.open, r.journal} {
			b.WriteByte('/')
			for _, c := range list {
				p, charge := c.hold.parts[0], c.charge
				fmt.Fprint(&b, " ", c.actual, p.window, p.held, p.epoch == a.epoch, p.slice == s.id, k.calls[c.id], charge.Take,
					have != nil && charge.Slice == have.id)
			}
		}
		all[i] = b.String()
	}
	slices.Sort(all)
	h := fnv.New64a()
	_, _ = fmt.Fprint(h, k.window, k.spent, k.sliced, k.lost, w.admitted, w.dead, w.cost, all)
	return h.Sum64()
}

// move is a step of one replica.
type move struct {
	replica uint8
	step    step
}

// replay goes the path from the beginning: worlds are not copied, since a step is cheaper than a copy.
func replay(ctx context.Context, of shape, path []move) *lab {
	w := newLab(ctx, of)
	for _, m := range path {
		w.take(w.replicas[m.replica], m.step)
	}
	return w
}

// The suite goes five or six steps deep; GATEHOUSE_DEEPER=4 adds four (docs/reliability.md).
func TestEveryOrderOfEveryStep(t *testing.T) {
	t.Parallel()
	deeper, _ := strconv.Atoi(os.Getenv("GATEHOUSE_DEEPER"))
	for _, of := range []shape{
		{replicas: 2, limit: 2, est: 1, calls: 3, depth: 6, deaths: 1, windows: 1},
		{replicas: 2, limit: 3, est: 2, calls: 3, depth: 6, deaths: 1, windows: 1}, // a crumb is left over
		{replicas: 3, limit: 2, est: 1, calls: 3, depth: 5, deaths: 1, windows: 1},
		{replicas: 2, limit: 64, est: 1, calls: 3, depth: 6, deaths: 1}, // more is lent than one call needs
	} {
		t.Run(fmt.Sprintf("%d replicas, %d of %d", of.replicas, of.est, of.limit), func(t *testing.T) {
			t.Parallel()
			of.depth += deeper
			explore(t, of)
		})
	}
}

func explore(t *testing.T, of shape) {
	t.Helper()
	seen := map[uint64]bool{}
	paths := [][]move{nil}
	taken := 0
	for depth := 1; depth <= of.depth; depth++ {
		var next [][]move
		for _, path := range paths {
			for i := range of.replicas {
				for s := range steps {
					if s >= stepWait && i > 0 {
						continue
					}
					w := replay(t.Context(), of, path)
					if !w.take(w.replicas[i], s) {
						continue
					}
					taken++
					key := w.key()
					if seen[key] {
						continue
					}
					seen[key] = true
					longer := append(slices.Clip(path), move{uint8(i), s}) //nolint:gosec // a few replicas
					if err := w.check(); err != nil {
						t.Fatalf("%v: %v", longer, err)
					}
					if depth < of.depth {
						next = append(next, longer)
					}
					if err := w.rest(); err != nil {
						t.Fatalf("%v, then rest: %v", longer, err)
					}
				}
			}
		}
		paths = next
	}
	t.Logf("%d states, %d steps, up to %d in a row", len(seen), taken, of.depth)
}
