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
	Limit, Spent models.Nano
	WindowStart  int64
}

// Options are what a Ledger is made of. Now is needed.
type Options struct {
	Now         func() time.Time
	Zone        *time.Location // of budget resets; nil = UTC
	NoReset     bool           // disable_reset_budget
	NearPercent int64          // 0 = 80
	OnCross     func(Crossing) // called after a settle, outside of every lock; must not block. nil: nobody asks
}

const ledgerShards = 256

// Ledger holds the accounts. Each has its own lock; a call locks those it touches in the order of their scopes, so that
// no two calls wait for each other. Safe for concurrent use.
type Ledger struct {
	opt    Options
	cal    calendar
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
	return &Ledger{opt: opt, cal: calendar{zone: opt.Zone, off: opt.NoReset}}
}

// Seed takes over what was spent before this process started. Call it before the first Reserve.
func (l *Ledger) Seed(ctx context.Context, from Counters) error {
	err := from.EachCounter(ctx, func(c models.Counter) {
		a := l.account(c.Scope)
		a.mu.Lock()
		defer a.mu.Unlock()
		a.spent, a.total, a.start = c.Spent, c.Total, c.WindowStart.Micros()
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
		a = &account{scope: scope}
		s.accounts[scope] = a
	}
	return a
}

// State is what an account says.
type State struct {
	Spent, Held, Total    models.Nano
	WindowStart, ResetsAt int64 // Unix µs; 0: no window
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
	now := l.opt.Now().UnixMicro()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.length != "" {
		a.turn(&l.cal, a.length, a.fixed, now)
	}
	return State{Spent: a.spent, Held: a.held, Total: a.total, WindowStart: a.start, ResetsAt: a.resetsAt}
}

// Reset sets what a scope has spent in its window, as an administrator or a job decided. Calls in flight stay with what
// came before: they add to the total alone.
func (l *Ledger) Reset(scope string, to models.Nano) {
	now := l.opt.Now().UnixMicro()
	a := l.account(scope)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.spent, a.held = to, 0
	a.start = max(now, a.start+1)
}

// SetReset tells when a scope's window ends, where a service decided that. Zero: by the calendar of the duration, at the
// next call.
func (l *Ledger) SetReset(scope string, at models.Time) {
	a := l.account(scope)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.resetsAt, a.length = at.Micros(), ""
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
