package limit

import (
	"context"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// mostDebts bounds what is kept for Redis while it is away. Beyond it the oldest is dropped: it is of a window that has
// ended, or of a lease that runs out by itself.
const mostDebts = 100_000

// debt is something that Redis is still to be told.
type debt struct {
	script *redis.Script
	keys   []string
	args   []any
	since  time.Time // of a call that was admitted without Redis; its age becomes the fourth argument
}

// backlog are the debts, oldest first. Safe for concurrent use.
type backlog struct {
	wake chan struct{} // has a value while there may be some

	mu    sync.Mutex
	debts []debt
}

func (b *backlog) add(d debt) {
	b.mu.Lock()
	if len(b.debts) >= mostDebts {
		b.debts = append(b.debts[:0], b.debts[mostDebts/10:]...)
	}
	b.debts = append(b.debts, d)
	b.mu.Unlock()
	b.ring()
}

func (b *backlog) ring() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// first gives the oldest debt and leaves it there.
func (b *backlog) first() (d debt, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.debts) == 0 {
		return d, false
	}
	return b.debts[0], true
}

// drop takes the oldest away, which has been paid.
func (b *backlog) drop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.debts) > 0 {
		b.debts = b.debts[1:]
	}
}

// owe notes a call that Redis may not have counted, or may have counted although it was refused here.
func (r *Redis) owe(wants []Want, lease string, tokens int64, at time.Time, admitted bool) {
	yes := 0
	if admitted {
		yes = 1
	}
	r.later.add(debt{
		script: r.oweS, keys: r.keys(func(i int) string { return wants[i].Scope }, len(wants)),
		args: []any{r.o.Window.Milliseconds(), lease, tokens, int64(0), yes}, since: at,
	})
}

// Catch tells Redis what it could not be told, oldest first, as long as it answers; it says whether all was told.
func (r *Redis) Catch(ctx context.Context) bool {
	for ctx.Err() == nil {
		d, ok := r.later.first()
		if !ok {
			return true
		}
		if !r.breaker.Try(r.o.Now()) || !r.pay(ctx, &d) {
			return false
		}
		r.later.drop()
	}
	return false
}

// pay tells Redis one thing.
func (r *Redis) pay(ctx context.Context, d *debt) bool {
	once, cancel := context.WithTimeout(ctx, r.o.Timeout)
	defer cancel()
	args := d.args
	if !d.since.IsZero() {
		args = append([]any(nil), d.args...)
		args[3] = r.o.Now().Sub(d.since).Milliseconds()
	}
	err := d.script.Run(once, r.o.Client, d.keys, args...).Err()
	if ctx.Err() == nil {
		r.report(ctx, err == nil, err)
	}
	return err == nil
}
