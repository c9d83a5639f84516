package budget

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"gatehouse/models"
)

// banker asks the bank for what calls need: one goroutine, one transaction for all needs of a moment.
type banker struct {
	l       *Ledger
	bank    Bank
	replica string
	wake    chan struct{}
	lease   atomic.Pointer[time.Time] // slices are this replica's until then
	clock   atomic.Pointer[reading]   // of the database; nil before the first answer

	mu    sync.Mutex
	needs map[*account]*need
}

// reading is what the database's clock said, and when that was by this process' own, which is read as a stopwatch: a
// wall clock that is set meanwhile changes nothing.
type reading struct {
	micros int64
	at     time.Time
}

// need is what is wanted of one account.
type need struct {
	waiters  []*waiter
	giveBack bool
	refresh  bool
	recalled time.Time // when the others were asked to give back; zero: not yet
}

// waiter is a call that waits.
type waiter struct {
	est  models.Nano
	done chan error // gets one value for each account that the call waits for
}

func newBanker(l *Ledger, o *Options) *banker {
	return &banker{l: l, bank: o.Bank, replica: o.Replica, wake: make(chan struct{}, 1), needs: map[*account]*need{}}
}

// want registers a need.
func (b *banker) want(a *account, change func(*need)) {
	b.mu.Lock()
	n := b.needs[a]
	if n == nil {
		n = &need{}
		b.needs[a] = n
	}
	change(n)
	b.mu.Unlock()
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// need waits until each account has been asked for what a call needs, whatever came of it. Errors: ErrUnavailable.
func (b *banker) need(accounts []*account, est models.Nano) error {
	w := &waiter{est: est, done: make(chan error, len(accounts))}
	for _, a := range accounts {
		b.want(a, func(n *need) { n.waiters = append(n.waiters, w) })
	}
	limit := time.NewTimer(needLimit)
	defer limit.Stop()
	for range accounts {
		select {
		case err := <-w.done:
			if err != nil {
				return fmt.Errorf("%w: %w", ErrUnavailable, err)
			}
		case <-limit.C:
			return ErrUnavailable
		}
	}
	return nil
}

// run serves needs until ctx ends.
func (b *banker) run(ctx context.Context) error {
	idle := time.NewTicker(idleEvery)
	defer idle.Stop()
	step := time.NewTimer(time.Hour)
	defer step.Stop()
	for {
		select {
		case <-ctx.Done():
			b.fail(b.take(), ctx.Err())
			return ctx.Err()
		case <-idle.C:
			b.returnIdle()
			continue
		case <-b.wake:
			if !wait(ctx, gather) {
				continue
			}
		case <-step.C:
		}
		if again := b.once(ctx); again > 0 {
			step.Reset(again)
		}
	}
}

func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// take gives the needs there are.
func (b *banker) take() map[*account]*need {
	b.mu.Lock()
	defer b.mu.Unlock()
	needs := b.needs
	b.needs = map[*account]*need{}
	return needs
}

// once does one transaction. again says how soon some needs are to be tried again; 0: none.
func (b *banker) once(ctx context.Context) (again time.Duration) {
	needs := b.take()
	if len(needs) == 0 {
		return 0
	}
	now := b.l.opt.Now()
	byScope := make(map[string]*account, len(needs))
	asks := make([]models.SliceAsk, 0, len(needs))
	var last []string
	for a, n := range needs {
		a.mu.Lock()
		if n.giveBack && a.short > 0 {
			last = append(last, a.scope)
		}
		if len(n.waiters) > 0 || a.slice.id != 0 {
			asks = append(asks, a.begin(n, &b.l.cal, b.final(n, now)))
		}
		a.mu.Unlock()
		byScope[a.scope] = a
	}
	if len(asks) == 0 {
		return 0
	}
	slices.SortFunc(asks, func(x, y models.SliceAsk) int { return strings.Compare(x.Scope, y.Scope) })
	limited, cancel := context.WithTimeout(ctx, needLimit)
	if len(last) > 0 {
		// Where it is not heard, the crumb of another replica lets one more call through.
		_ = b.bank.Last(limited, b.replica, last...)
	}
	got, clock, err := b.bank.Slice(limited, b.replica, asks)
	cancel()
	if err != nil {
		b.fail(needs, err)
		if errors.Is(err, models.ErrGivenUp) {
			b.lease.Store(nil)
		}
		return 0
	}
	b.l.Clock(clock)
	var recall []string
	for i := range got {
		a := byScope[got[i].Scope]
		n := needs[a]
		a.mu.Lock()
		nothing := a.end(&got[i], n)
		others := got[i].View.Sliced.AddSat(-got[i].View.Mine)
		waits := nothing && others > 0 && !b.final(n, now)
		if nothing && !waits {
			a.slice.drained = b.l.opt.Now().Add(drainedFor)
		}
		lines := a.booked(b.l)
		a.mu.Unlock()
		b.l.report(lines)
		if !waits {
			n.tell(nil)
			continue
		}
		if n.recalled.IsZero() {
			n.recalled = now
			recall = append(recall, a.scope)
		}
		again = recallStep
		b.keep(a, n)
	}
	if len(recall) > 0 {
		// A recall that is not heard costs the waiting time, no more.
		limited, cancel := context.WithTimeout(ctx, needLimit)
		_ = b.bank.Recall(limited, b.replica, recall...)
		cancel()
	}
	return again
}

// final says that the others have had their time to give back.
func (b *banker) final(n *need, now time.Time) bool {
	return !n.recalled.IsZero() && now.Sub(n.recalled) >= recallFor
}

// keep puts a need back, together with what came meanwhile.
func (b *banker) keep(a *account, n *need) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if newer := b.needs[a]; newer != nil {
		n.waiters = append(n.waiters, newer.waiters...)
		n.giveBack = n.giveBack || newer.giveBack
	}
	b.needs[a] = n
}

func (n *need) tell(err error) {
	for _, w := range n.waiters {
		w.done <- err
	}
	n.waiters = nil
}

func (b *banker) fail(needs map[*account]*need, err error) {
	for _, n := range needs {
		n.tell(err)
	}
}

// returnIdle gives back what nobody has used for a while.
func (b *banker) returnIdle() {
	now := b.l.opt.Now()
	b.l.each(func(a *account) {
		a.mu.Lock()
		idle := a.slice.balance > a.held && now.Sub(a.slice.used) > idleAfter
		a.mu.Unlock()
		if idle {
			b.want(a, func(n *need) { n.giveBack = true })
		}
	})
}

// Share runs the part of the ledger that borrows from the bank until ctx ends; it returns at once where there is none.
func (l *Ledger) Share(ctx context.Context) error {
	if l.banker == nil {
		return nil
	}
	return l.banker.run(ctx)
}

// Clock takes over what the database's clock said just now.
func (l *Ledger) Clock(now models.Time) {
	if l.banker != nil {
		l.banker.clock.Store(&reading{micros: now.Micros(), at: l.opt.Now()})
	}
}

// Lease tells how long the slices of this replica are its own, and whether the others had given it up before.
func (l *Ledger) Lease(until time.Time, resumed bool) {
	if l.banker == nil {
		return
	}
	if resumed {
		l.each(func(a *account) {
			a.mu.Lock()
			a.slice.recheck = a.slice.id != 0
			a.mu.Unlock()
		})
	}
	l.banker.lease.Store(&until)
}

// News takes news of other replicas: "recall REPLICA SCOPE", "last REPLICA SCOPE", "set SCOPE" or "set" (models/store, Store.OnBudgetNews).
func (l *Ledger) News(news string) {
	if l.banker == nil {
		return
	}
	word, rest, _ := strings.Cut(news, " ")
	switch word {
	case "recall":
		who, scope, _ := strings.Cut(rest, " ")
		if a := l.find(scope); a != nil && who != l.banker.replica {
			l.banker.want(a, func(n *need) { n.giveBack = true })
		}
	case "last":
		who, scope, _ := strings.Cut(rest, " ")
		if a := l.find(scope); a != nil && who != l.banker.replica {
			a.mu.Lock()
			a.slice.last = l.opt.Now().Add(lastFor)
			a.mu.Unlock()
		}
	case "set":
		if rest != "" {
			if a := l.find(rest); a != nil {
				l.changed(a)
			}
			return
		}
		l.each(l.changed)
	}
}

// changed forgets what was known of a scope that an operator has set.
func (l *Ledger) changed(a *account) {
	a.mu.Lock()
	a.slice.drained = time.Time{}
	a.slice.recheck = a.slice.id != 0
	ask := a.slice.id != 0
	a.mu.Unlock()
	if ask {
		l.banker.want(a, func(n *need) { n.refresh = true })
	} else {
		l.ask(a.scope)
	}
}

// Booked takes over what the database says after a batch of settled calls was written: the batch no longer counts as
// settled here alone. Only a ledger that shares its budgets needs to be told.
func (l *Ledger) Booked(calls []models.Spend, counters []models.Counter) {
	if l.banker == nil {
		return
	}
	for _, call := range calls {
		for _, c := range call.Scopes {
			if a := l.find(c.Scope); a != nil {
				a.mu.Lock()
				if a.start == c.WindowStart.Micros() {
					a.slice.unbooked = max(0, a.slice.unbooked-call.Row.Spend)
				}
				a.mu.Unlock()
			}
		}
	}
	for i := range counters {
		c := &counters[i]
		a := l.find(c.Scope)
		if a == nil {
			continue
		}
		a.mu.Lock()
		if a.start == c.WindowStart.Micros() {
			a.slice.booked = c.Spent
			a.spent, a.total = c.Spent.AddSat(a.slice.unbooked), c.Total.AddSat(a.slice.unbooked)
		}
		lines := a.booked(l)
		a.mu.Unlock()
		l.report(lines)
	}
}

func (l *Ledger) report(lines []Crossing) {
	for _, c := range lines {
		l.opt.OnCross(c)
	}
}

// booked gives the lines that the database's figure has crossed since it was last looked at.
func (a *account) booked(l *Ledger) []Crossing {
	if l.opt.OnCross == nil || a.seen.window == a.start && a.slice.booked <= a.seen.spent {
		return nil
	}
	before := a.seen.spent
	if a.seen.window != a.start {
		before = 0
	}
	a.seen.window, a.seen.spent = a.start, a.slice.booked
	p := part{account: a, window: a.start, limit: a.seen.limit, soft: a.seen.soft, level: a.seen.level}
	return p.crossings(nil, before, a.slice.booked, l.opt.NearPercent)
}

func (l *Ledger) find(scope string) *account {
	s := &l.shards[shardOf(scope)]
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.accounts[scope]
}

func (l *Ledger) each(fn func(*account)) {
	for i := range l.shards {
		s := &l.shards[i]
		s.mu.RLock()
		all := make([]*account, 0, len(s.accounts))
		for _, a := range s.accounts {
			all = append(all, a)
		}
		s.mu.RUnlock()
		for _, a := range all {
			fn(a)
		}
	}
}
