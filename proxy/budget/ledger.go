package budget

import (
	"context"
	"fmt"
	"sync"
	"time"

	"gatehouse/models"
	"gatehouse/proxy/keyring"
)

// Counters is where a starting process learns what was spent.
type Counters interface {
	// EachCounter streams every counter row.
	EachCounter(ctx context.Context, fn func(models.Counter)) error
}

// CrossKind is which line spending has crossed.
type CrossKind uint8

// The lines, for alerts.
const (
	CrossSoft CrossKind = iota + 1 // soft_budget
	CrossNear                      // Options.NearPercent of max_budget
	CrossFull                      // max_budget
)

// Crossing tells that a scope's spend went over a line. Each line is reported once a window by the process that crossed it.
type Crossing struct {
	Kind         CrossKind
	Level        keyring.Level
	Scope        string
	Limit, Spent models.Nano // the line, and what is spent
	Cap          models.Nano // max_budget of the scope; 0 = none, or not known
	WindowStart  int64
}

// Options are what a Ledger is made of. Now is needed.
type Options struct {
	Now         func() time.Time
	Zone        *time.Location // of budget resets; nil = UTC
	NoReset     bool           // disable_reset_budget
	NearPercent int64          // 0 = 80
	OnCross     func(Crossing) // called after a settle, outside of every lock; must not block. nil: nobody asks

	Bank    Bank   // lends budgets to the replicas that share them; nil: this process is alone and owns all that is left
	Replica string // id of this one among them
}

const ledgerShards = 256

// Ledger holds the accounts. Each has its own lock; a call locks those it touches in the order of their scopes, so that
// no two calls wait for each other. Safe for concurrent use.
type Ledger struct {
	opt    Options
	cal    calendar
	unsure chan string // scopes whose window this process has worked out by itself
	banker *banker     // nil: alone
	shards [ledgerShards]struct {
		mu       sync.RWMutex
		accounts map[string]*account
	}
}

// New makes an empty ledger.
func New(opt Options) *Ledger {
	if opt.NearPercent <= 0 {
		opt.NearPercent = 80
	}
	l := &Ledger{opt: opt, cal: calendar{zone: opt.Zone, off: opt.NoReset}, unsure: make(chan string, 4096)}
	if opt.Bank != nil {
		l.banker = newBanker(l, &l.opt)
	}
	return l
}

// Seed takes over what was spent before this process started. Call it before the first Reserve.
func (l *Ledger) Seed(ctx context.Context, from Counters) error {
	err := from.EachCounter(ctx, func(c models.Counter) {
		a := l.account(c.Scope)
		a.mu.Lock()
		defer a.mu.Unlock()
		a.spent, a.total, a.start = c.Spent, c.Total, c.WindowStart.Micros()
		a.slice.booked, a.seen.spent, a.seen.window = c.Spent, c.Spent, a.start
		a.resetsAt = 0
		if c.ResetsAt != nil {
			a.resetsAt = c.ResetsAt.Micros()
		}
	})
	if err != nil {
		return fmt.Errorf("read spend counters: %w", err)
	}
	return nil
}

func shardOf(scope string) uint8 {
	h := uint32(2166136261)
	for i := range len(scope) {
		h = (h ^ uint32(scope[i])) * 16777619
	}
	return uint8(h ^ h>>8 ^ h>>16)
}

func (l *Ledger) account(scope string) *account {
	s := &l.shards[shardOf(scope)]
	s.mu.RLock()
	a := s.accounts[scope]
	s.mu.RUnlock()
	if a != nil {
		return a
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if a = s.accounts[scope]; a == nil {
		if s.accounts == nil {
			s.accounts = map[string]*account{}
		}
		a = &account{scope: scope, shared: l.banker != nil}
		s.accounts[scope] = a
	}
	return a
}

// State is what an account says.
type State struct {
	Spent, Held, Total    models.Nano
	WindowStart, ResetsAt int64 // Unix µs; 0: no window

	Shared   bool        // with other replicas: Spent is what the books last said, and Unbooked
	Unbooked models.Nano // settled here and not in the books yet
}

// State reads one scope; the zero State for one that nobody has spent in.
func (l *Ledger) State(scope string) State {
	s := &l.shards[shardOf(scope)]
	s.mu.RLock()
	a := s.accounts[scope]
	s.mu.RUnlock()
	if a == nil {
		return State{}
	}
	now := l.micros()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.length != "" {
		a.turn(&l.cal, a.length, a.fixed, now)
	}
	return State{
		Spent: a.spent, Held: a.held, Total: a.total, WindowStart: a.start, ResetsAt: a.resetsAt, Shared: a.shared, Unbooked: a.slice.unbooked,
	}
}

// Reset sets what a scope has spent in its window, as an administrator decided. The window stays, and calls that are
// under way still add to it.
func (l *Ledger) Reset(scope string, to models.Nano) {
	a := l.account(scope)
	a.mu.Lock()
	a.spent = to
	a.slice.unbooked, a.slice.booked = 0, to
	a.mu.Unlock()
	if l.banker != nil {
		l.changed(a)
	}
}

// micros is the clock that windows go by: the database's, as far as this process knows it.
func (l *Ledger) micros() int64 {
	now := l.opt.Now()
	if l.banker != nil {
		if r := l.banker.clock.Load(); r != nil {
			return r.micros + now.Sub(r.at).Microseconds()
		}
	}
	return now.UnixMicro()
}

// Adopt takes over from the database when a scope's window ends, and the window itself where that is a newer one.
func (l *Ledger) Adopt(c models.Counter) {
	a := l.account(c.Scope)
	a.mu.Lock()
	defer a.mu.Unlock()
	if at := c.WindowStart.Micros(); at > a.start {
		a.start, a.spent = at, c.Spent
		a.letGo()
		a.void()
		a.slice.unbooked, a.slice.booked = 0, c.Spent
	} else if l.banker != nil && at == a.start {
		a.slice.booked = c.Spent
		a.spent = c.Spent.AddSat(a.slice.unbooked)
	}
	if c.ResetsAt != nil {
		a.resetsAt = c.ResetsAt.Micros()
	}
}

// CounterReader reads a few counters.
type CounterReader interface {
	Counters(ctx context.Context, scopes ...string) (map[string]models.Counter, error)
}

const (
	askBatch   = 500
	askTimeout = 2 * time.Second
	askAgain   = time.Second
)

// Run asks the database for the windows of scopes that had none when this process started: a key made since then, a
// duration that was changed. Until it is answered such a window ends by the calendar as seen from its first call, which
// differs for durations like "3d" alone. It returns when ctx ends.
func (l *Ledger) Run(ctx context.Context, from CounterReader) error {
	var scopes []string
	for {
		if len(scopes) == 0 {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case s := <-l.unsure:
				scopes = append(scopes, s)
			}
		}
		for len(scopes) < askBatch && len(l.unsure) > 0 {
			scopes = append(scopes, <-l.unsure)
		}
		once, cancel := context.WithTimeout(ctx, askTimeout)
		rows, err := from.Counters(once, scopes...)
		cancel()
		if err != nil {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(askAgain):
			}
			continue
		}
		for _, row := range rows {
			l.Adopt(row)
		}
		scopes = scopes[:0]
	}
}

// ask notes a scope for Run. A full queue drops it: the calendar then stands.
func (l *Ledger) ask(scope string) {
	select {
	case l.unsure <- scope:
	default:
	}
}

// Forget drops the account of a scope whose owner is gone.
func (l *Ledger) Forget(scope string) {
	s := &l.shards[shardOf(scope)]
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.accounts, scope)
}

// Held is the sum of all holds: zero when no call is in flight.
func (l *Ledger) Held() models.Nano {
	var sum models.Nano
	for i := range l.shards {
		s := &l.shards[i]
		s.mu.RLock()
		for _, a := range s.accounts {
			a.mu.Lock()
			sum = sum.AddSat(a.held)
			a.mu.Unlock()
		}
		s.mu.RUnlock()
	}
	return sum
}
