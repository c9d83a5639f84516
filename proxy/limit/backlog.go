package limit

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"gatehouse/proxy/breaker"
)

const (
	// mostDebts bounds what is kept for Redis while it is away. Beyond it the oldest is dropped: it is of a window that has
	// ended, or of a lease that runs out by itself.
	mostDebts = 100_000
	// debtsAtOnce is how many are told in one script call, which nobody else can interrupt.
	debtsAtOnce = 64
	// payAgain is how soon debts are tried again while Redis does not count as gone.
	payAgain = 20 * time.Millisecond
)

// debt is something that Redis is still to be told: the arguments of one thing for tell.lua.
type debt struct {
	what   string // "o": a call that may not be counted; "f": a call has ended
	keys   []string
	name   string // of the lease
	tokens int64
	since  time.Time // when the call was taken
	figure int64
	starts []int64 // of an end: of the windows that were charged
}

// admits says whether Redis thinks that there is more room than there is while it has not been told.
func (d *debt) admits() bool { return d.what == "o" && d.figure > 0 }

// backlog are the debts, oldest first. Safe for concurrent use.
type backlog struct {
	wake chan struct{} // has a value while there may be some

	mu     sync.Mutex
	debts  []debt
	calls  atomic.Int64 // of those, calls that were admitted without Redis; changes under mu
	leased time.Time    // until then others may take it that this replica asks for each call
}

func (b *backlog) add(d debt) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.put(d)
}

func (b *backlog) put(d debt) {
	if len(b.debts) >= mostDebts {
		for i := range b.debts[:mostDebts/10] {
			if b.debts[i].admits() {
				b.calls.Add(-1)
			}
		}
		b.debts = append(b.debts[:0], b.debts[mostDebts/10:]...)
	}
	if d.admits() {
		b.calls.Add(1)
	}
	b.debts = append(b.debts, d)
	b.ring()
}

// alone adds a call that is admitted without Redis and returns when that may happen: not while others count on this
// replica to ask.
func (b *backlog) alone(d debt) time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.put(d)
	return b.leased
}

// owing says whether Redis is to be told of calls, so that its counts are too low.
func (b *backlog) owing() bool { return b.calls.Load() > 0 }

// lease promises until then to admit no call without asking, unless one has been already.
func (b *backlog) lease(until time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.calls.Load() > 0 {
		return false
	}
	b.leased = until
	return true
}

func (b *backlog) ring() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// first gives the oldest debts and leaves them there.
func (b *backlog) first() []debt {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]debt(nil), b.debts[:min(len(b.debts), debtsAtOnce)]...)
}

// drop takes away what first gave, which has been paid. Only one goroutine pays.
func (b *backlog) drop(paid []debt) {
	b.mu.Lock()
	defer b.mu.Unlock()
	// Some of them may have been dropped meanwhile, as the oldest of too many.
	n := 0
	for n < len(paid) && n < len(b.debts) && b.debts[n].name == paid[n].name && b.debts[n].what == paid[n].what {
		if b.debts[n].admits() {
			b.calls.Add(-1)
		}
		n++
	}
	clear(b.debts[:n])
	b.debts = b.debts[n:]
}

// owe is a call that Redis may not have counted, or may have counted although it was refused here.
func (r *Redis) owe(wants []Want, lease string, tokens int64, at time.Time, calls int64) debt {
	return debt{what: "o", name: lease, keys: r.keys(func(i int) string { return wants[i].Scope }, len(wants)), tokens: tokens, since: at, figure: calls}
}

// Catch tells Redis what it could not be told, oldest first, as long as it answers; it says whether all was told. One
// goroutine at a time may do it.
func (r *Redis) Catch(ctx context.Context) bool {
	for ctx.Err() == nil {
		debts := r.later.first()
		if len(debts) == 0 {
			return true
		}
		if !r.breaker.Try(r.o.Now()) || !r.pay(ctx, debts) {
			return false
		}
		r.later.drop(debts)
	}
	return false
}

// pay tells Redis a few things.
func (r *Redis) pay(ctx context.Context, debts []debt) bool {
	once, cancel := context.WithTimeout(ctx, r.o.Timeout)
	defer cancel()
	keys := make([]string, 0, 4*len(debts))
	args := append(make([]any, 0, 3+8*len(debts)), r.o.Window.Milliseconds(), redisLease.Milliseconds(), len(debts))
	now := r.o.Now()
	for i := range debts {
		d := &debts[i]
		keys = append(keys, d.keys...)
		args = append(args, d.what, d.name, d.tokens, max(0, now.Sub(d.since).Milliseconds()), d.figure, len(d.keys)/2)
		for _, start := range d.starts {
			args = append(args, start)
		}
	}
	err := r.tell.Run(once, r.o.Client, keys, args...).Err()
	if ctx.Err() == nil {
		r.report(ctx, err == nil, err)
	}
	return err == nil
}

// payLater is how long to leave Redis alone after it did not take a debt.
func (r *Redis) payLater() time.Duration {
	if r.breaker.Open() {
		return breaker.ProbeEvery
	}
	return payAgain
}
