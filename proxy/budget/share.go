package budget

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"gatehouse/models"
	"gatehouse/proxy/keyring"
)

// Bank lends slices of budgets to the replicas that share a database. models/store is the one.
type Bank interface {
	// Slice does operations of this replica, at most one a scope: see models.SliceAsk.
	Slice(ctx context.Context, replica string, asks []models.SliceAsk) ([]models.SliceGot, models.Time, error)
	// Recall asks the other replicas to give back what they do not need of these scopes.
	Recall(ctx context.Context, replica string, scopes ...string) error
	// Last tells the other replicas that a call runs here that takes all that is left of these scopes, and more.
	Last(ctx context.Context, replica string, scopes ...string) error
}

// ErrUnavailable means that a budget may have more but the database cannot be asked: neither "exceeded" nor "allowed".
var ErrUnavailable = errors.New("budgets cannot be told at the moment")

const (
	needLimit  = 2 * time.Second        // how long a call waits for the database
	gather     = 2 * time.Millisecond   // how long needs gather for one transaction
	recallFor  = 100 * time.Millisecond // how long the others have to give back
	recallStep = 10 * time.Millisecond
	drainedFor = 100 * time.Millisecond // how long "nothing is left" is believed
	lastFor    = 250 * time.Millisecond // how long "the last call runs elsewhere" is believed; each recall asks again
	idleAfter  = 30 * time.Second
	idleEvery  = 5 * time.Second
	paceSpan   = time.Minute
	nearCalls  = 8 // from so few calls a replica on, each is asked for by itself
)

// slice is what an account of a shared budget knows beside its figures. The account's mu guards it.
type slice struct {
	id       int64       // 0: none
	serial   int64       // of the last operation
	balance  models.Nano // lent and not settled; calls in flight are in it
	pending  *operation  // sent and not answered
	unbooked models.Nano // settled here and not in the database yet
	booked   models.Nano // spent, as the database last said

	limit   models.Nano // as of the last call
	known   bool        // limit and left are known
	left    models.Nano // what the database could still lend, as it last said
	recheck bool        // the limit was lowered or a counter set: give back before anything is admitted
	drained time.Time   // until then nothing is left
	last    time.Time   // until then the last call runs on another replica
	used    time.Time   // last settle

	paceFrom time.Time // spent since then, and in the span before
	pace     models.Nano
	lastPace models.Nano
}

// operation is one that the bank does once, however often it is sent.
type operation struct {
	ask  models.SliceAsk
	back bool // it gives back all that is free
}

// void forgets the slice: a new window, or the database's word.
func (a *account) void() {
	a.slice.id, a.slice.serial, a.slice.balance, a.slice.pending, a.slice.recheck = 0, 0, 0, nil, false
	a.slice.left, a.slice.drained = 0, time.Time{}
	a.slice.known = false
}

// spend notes a settle: how much of it the slice has, and the pace.
func (a *account) spend(actual models.Nano, now time.Time) (id int64, take models.Nano) {
	s := &a.slice
	take = min(actual, max(0, s.balance))
	s.balance -= take
	s.used = now
	if now.Sub(s.paceFrom) > paceSpan {
		s.lastPace, s.pace = s.pace, 0
		if now.Sub(s.paceFrom) > 2*paceSpan {
			s.lastPace = 0
		}
		s.paceFrom = now
	}
	s.pace = s.pace.AddSat(actual)
	return s.id, take
}

// see takes over what the limit of a call is.
func (a *account) see(c keyring.Cap) {
	limit := models.Nano(c.N)
	s := &a.slice
	if s.known && limit < s.limit {
		s.recheck = true
	}
	if !s.known || limit != s.limit {
		s.drained = time.Time{}
	}
	s.limit, s.known = limit, true
}

// begin makes the operation that serves these waiters, or the one that has had no answer yet. final says that nothing is
// waited for any more: what is left goes out even when it fits nobody.
func (a *account) begin(n *need, cal *calendar, final bool) models.SliceAsk {
	s := &a.slice
	if s.pending == nil {
		op := &operation{ask: models.SliceAsk{Scope: a.scope}}
		if s.id == 0 {
			s.id, s.serial, s.balance, op.ask.New = newSliceID(), 0, 0, true
		} else if n.giveBack || s.recheck {
			op.back = true
			op.ask.Return = max(0, s.balance.AddSat(-a.held).AddSat(-a.short))
			s.balance -= op.ask.Return
		}
		s.serial++
		op.ask.Slice, op.ask.Serial = s.id, s.serial
		s.pending = op
	}
	ask := s.pending.ask
	length, fixed := a.length, a.fixed
	ask.Roll = func(now models.Time, at models.Counter) (models.Time, *models.Time, bool) {
		return rollWindow(cal, length, fixed, now, at)
	}
	p := plan{limit: s.limit, free: s.balance.AddSat(-a.held).AddSat(-a.short), pace: max(s.pace, s.lastPace), final: final}
	for _, w := range n.waiters {
		p.needs = append(p.needs, w.est)
	}
	if len(p.needs) > 0 && s.known {
		ask.Grant = p.grant
	}
	return ask
}

// newSliceID is any number but 0: slices are told apart by it.
func newSliceID() int64 {
	return rand.Int64N(1<<62) + 1 //nolint:gosec // tells apart, guards nothing
}

// Roll is the window of a counter that now is in, for whoever turns windows without a call: its start, its end (nil:
// none) and whether it is another one than the counter's. length is the duration of its owner's budget as written, fixed a
// reset that an operator set, Unix µs. Windows that were missed are skipped.
func Roll(zone *time.Location, length string, fixed int64, now models.Time, at models.Counter) (start models.Time, resets *models.Time, rolled bool) {
	return rollWindow(&calendar{zone: zone}, length, fixed, now, at)
}

// rollWindow is the window that the database's clock is in.
func rollWindow(cal *calendar, length string, fixed int64, now models.Time, at models.Counter) (models.Time, *models.Time, bool) {
	resets := int64(0)
	if at.ResetsAt != nil {
		resets = at.ResetsAt.Micros()
	}
	t := now.Micros()
	if resets == 0 && length != "" {
		if resets = cal.next(length, t, t); fixed > t {
			resets = fixed
		}
	}
	if resets == 0 || cal.off || t < resets || length == "" {
		if resets == 0 {
			return at.WindowStart, nil, false
		}
		end := models.FromMicros(resets)
		return at.WindowStart, &end, false
	}
	from, next := cal.window(length, resets, t)
	start := models.FromMicros(max(from, at.WindowStart.Micros()+1))
	if next == 0 {
		return start, nil, true
	}
	end := models.FromMicros(next)
	return start, &end, true
}

// plan decides what a replica is lent of one scope.
type plan struct {
	limit models.Nano
	free  models.Nano   // of the slice
	pace  models.Nano   // what a minute has cost
	needs []models.Nano // of the calls that wait, oldest first
	final bool
}

// grant is the rule of reliability.md §11: a share by pace while there is much, and near the cap what the calls need,
// one by one.
func (p *plan) grant(v models.SliceView) models.Nano {
	left := p.limit.AddSat(-v.Spent).AddSat(-v.Sliced).AddSat(-v.Lost)
	if left <= 0 {
		return 0
	}
	var sum, most models.Nano
	for _, n := range p.needs {
		sum, most = sum.AddSat(n), max(most, n)
	}
	most = max(most, 1)
	if share := left / models.Nano(4*max(1, v.Live)); share/nearCalls >= most {
		g := min(max(sum.AddSat(-p.free), p.pace), share)
		// In whole calls, so that no crumbs lie about on many replicas.
		if whole := (max(0, p.free) + g) / most * most; whole > max(0, p.free) {
			g = whole - max(0, p.free)
		}
		return max(0, min(g, left))
	}
	budget, fits := max(0, p.free).AddSat(left), models.Nano(0)
	for _, n := range p.needs {
		if fits.AddSat(n) <= budget {
			fits += n
		}
	}
	// What is left and fits nobody goes out once nobody else can give anything back: firm mode lets a call through on it.
	if fits == 0 && (p.final || v.Sliced <= v.Mine) {
		return left
	}
	return max(0, min(fits-max(0, p.free), left))
}

// end takes over the answer. nothing says that the needs of those who wait were not met and that no more is there.
func (a *account) end(got *models.SliceGot, n *need) (nothing bool) {
	s := &a.slice
	if got.Slice != s.id {
		return false // this process has gone on to another window meanwhile
	}
	if s.pending != nil && (s.pending.back || s.pending.ask.New) {
		s.recheck = false
	}
	s.pending = nil
	window := got.Window.Micros()
	if window != a.start {
		known, limit := s.known, s.limit
		a.void()
		if !got.Void {
			s.id, s.serial = got.Slice, 1
		}
		s.known, s.limit = known, limit
		a.letGo()
		a.start, s.unbooked, s.booked = window, 0, 0
	} else if got.Void {
		known, limit := s.known, s.limit
		a.void()
		s.known, s.limit = known, limit
	}
	a.resetsAt = 0
	if got.ResetsAt != nil {
		a.resetsAt = got.ResetsAt.Micros()
	}
	s.balance = s.balance.AddSat(got.Granted)
	s.booked = got.View.Spent
	a.spent = s.booked.AddSat(s.unbooked)
	s.left = max(0, s.limit.AddSat(-got.View.Spent).AddSat(-got.View.Sliced).AddSat(-got.View.Lost))
	if got.Void || got.Granted > 0 || len(n.waiters) == 0 {
		return false
	}
	free := s.balance.AddSat(-a.held).AddSat(-a.short)
	for _, w := range n.waiters {
		if w.est <= free {
			return false
		}
	}
	return true
}
