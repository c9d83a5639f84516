package limit

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// presence is how long others may take it that a replica asks Redis for each call, after it said so. A call that is
	// to be admitted without Redis waits until that is over.
	presence = 300 * time.Millisecond
	// beatEvery is how often it says so.
	beatEvery = 100 * time.Millisecond
	// lateAfter is how long after its time an ask may still be done by Redis: it is an estimate of two clocks.
	lateAfter = 50 * time.Millisecond
	// goodbye is how long a replica that ends says that it takes nothing: until the others no longer count it.
	goodbye = 5 * time.Second
)

// serverClock is the clock of Redis as an answer last told it. Safe for concurrent use.
type serverClock struct {
	mu    sync.Mutex
	local time.Time // when the answer was here
	ms    int64     // what it said; so the server's clock is this or a little later
}

func (c *serverClock) set(local time.Time, ms int64) {
	c.mu.Lock()
	c.local, c.ms = local, ms
	c.mu.Unlock()
}

// at is the server's time at a moment here, or a little before it; 0 while it is not known.
func (c *serverClock) at(local time.Time) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ms == 0 {
		return 0
	}
	return c.ms + local.Sub(c.local).Milliseconds()
}

// patience keeps calls from waiting one after the other for replicas that are not heard of. Safe for concurrent use.
type patience struct{ until atomic.Int64 }

// over says whether a call has waited in vain a moment ago.
func (p *patience) over(now time.Time) bool { return now.UnixNano() < p.until.Load() }

func (p *patience) end(now time.Time) {
	if !p.over(now) {
		p.until.Store(now.Add(time.Second).UnixNano())
	}
}

func (p *patience) begin() {
	if p.until.Load() != 0 {
		p.until.Store(0)
	}
}

// Beat tells the others, through Redis, that this replica asks for each call, which lets them take more than their share.
// It does so only while that is true: not with calls that Redis has not been told of.
func (r *Redis) Beat(ctx context.Context) {
	if replicas, _ := r.o.Share(); replicas <= 1 || r.later.owing() {
		return
	}
	now := r.o.Now()
	var till int64
	if at := r.clock.at(now); at > 0 && !r.breaker.Open() && r.later.lease(now.Add(presence)) {
		till = at + presence.Milliseconds()
	}
	if r.breaker.Try(now) {
		err := r.beat(ctx, till)
		r.report(ctx, err == nil, err)
	}
}

func (r *Redis) beat(ctx context.Context, till int64) error {
	once, cancel := context.WithTimeout(ctx, r.o.Timeout)
	defer cancel()
	ms, err := r.beats.Run(once, r.o.Client, []string{r.o.Prefix + ":{replicas}"}, r.o.Name, till).Int64()
	if err == nil {
		r.clock.set(r.o.Now(), ms)
	}
	return err
}

// RunBeats beats until ctx ends. It is apart from Run, whose work may take long.
func (r *Redis) RunBeats(ctx context.Context) error {
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			r.leave(context.WithoutCancel(ctx))
			return ctx.Err()
		case <-tick.C:
			r.Beat(ctx)
		}
	}
}

// leave tells the others that this replica has ended.
func (r *Redis) leave(ctx context.Context) {
	if at := r.clock.at(r.o.Now()); at > 0 && !r.later.owing() && !r.breaker.Open() {
		// Without an answer the others wait for the database to say so.
		_ = r.beat(ctx, at+goodbye.Milliseconds())
	}
}
