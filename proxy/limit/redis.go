package limit

import (
	"context"
	_ "embed"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"gatehouse/proxy/breaker"
	"gatehouse/proxy/keyring"
)

//go:embed take.lua
var takeLua string

//go:embed finish.lua
var finishLua string

//go:embed owe.lua
var oweLua string

// redisTimeout is how long a call waits for Redis: a slow one counts as failed.
const redisTimeout = 50 * time.Millisecond

// redisLease is how long a parallel slot outlives the process that held it; open ones are renewed.
const redisLease = time.Minute

// TuneRedis sets what Redis needs of its client: deadlines that reach the socket, no retries of its own.
func TuneRedis(o *redis.Options) {
	o.ContextTimeoutEnabled = true
	o.MaxRetries = -1
	o.DialTimeout = redisTimeout
	o.ReadTimeout, o.WriteTimeout = redisTimeout, redisTimeout
	// A few connections that stand: a burst that has to dial first takes longer than a call may wait.
	o.PoolSize, o.MinIdleConns = 32, 8
}

// RedisOptions are what a Redis limiter is made of. Client, Now and Name are needed.
type RedisOptions struct {
	Client redis.Scripter
	Now    func() time.Time
	Window time.Duration // 0 = one minute
	Name   string        // of this process, unlike every other's: leases carry it
	Prefix string        // of keys; empty = "gatehouse"
	// Share says how many replicas there are and whether this one has the lowest id. nil: it is alone.
	Share func() (replicas int64, lowest bool)
	Log   *slog.Logger // nil: silent
	// Timeout is how long a call waits for Redis before it counts as failed; 0 = 50 ms.
	Timeout time.Duration
}

// Redis is the limiter that replicas share: one script call for all scopes of a call, by the clock of the server. While
// Redis does not answer, each replica enforces its share of every limit by itself. Safe for concurrent use.
type Redis struct {
	o       RedisOptions
	take    *redis.Script
	finishS *redis.Script
	oweS    *redis.Script
	later   backlog
	local   *Memory // counts every call of this process, so that a share is known the moment Redis is gone
	breaker breaker.Breaker
	serial  atomic.Uint64
	mu      sync.Mutex
	open    map[*Slot]struct{}
}

// NewRedis makes the limiter. It does not connect.
func NewRedis(o RedisOptions) *Redis {
	if o.Window <= 0 {
		o.Window = time.Minute
	}
	if o.Prefix == "" {
		o.Prefix = "gatehouse"
	}
	if o.Share == nil {
		o.Share = func() (int64, bool) { return 1, true }
	}
	if o.Timeout <= 0 {
		o.Timeout = redisTimeout
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Redis{
		o: o, take: redis.NewScript(takeLua), finishS: redis.NewScript(finishLua), oweS: redis.NewScript(oweLua),
		later: backlog{wake: make(chan struct{}, 1)},
		local: NewMemory(o.Now, o.Window), open: map[*Slot]struct{}{},
	}
}

// Degraded says whether Redis is away and shares are enforced.
func (r *Redis) Degraded() bool { return r.breaker.Open() }

// Take admits a call, by Redis or else by this replica's share.
func (r *Redis) Take(ctx context.Context, wants []Want, tokens int64) (*Slot, error) {
	counted := make([]Want, 0, len(wants))
	for i := range wants {
		if wants[i].limits() && !named(counted, wants[i].Scope) {
			counted = append(counted, wants[i])
		}
	}
	if len(counted) == 0 {
		return nil, nil //nolint:nilnil // a nil Slot is a call without limits
	}
	tokens = max(0, tokens)
	lease, at := "", r.o.Now()
	if r.breaker.Try(at) {
		lease = r.o.Name + "/" + strconv.FormatUint(r.serial.Add(1), 36)
		s, refused, err := r.ask(ctx, counted, tokens, lease)
		if err != nil && ctx.Err() == nil && !r.breaker.Open() {
			s, refused, err = r.ask(ctx, counted, tokens, lease) // a stall, or a connection that had gone stale
		}
		switch {
		case err == nil:
			r.report(ctx, true, nil)
			if refused != nil {
				return nil, refused
			}
			s.also, _ = r.local.take(counted, tokens, false)
			return s, nil
		case ctx.Err() != nil:
			r.owe(counted, lease, tokens, at, false)
			return nil, fmt.Errorf("take a rate slot: %w", ctx.Err())
		}
		r.report(ctx, false, err)
	}
	scopes := counted
	s, err := r.local.Take(ctx, r.shares(counted), tokens)
	if lease == "" && err == nil {
		lease = r.o.Name + "/" + strconv.FormatUint(r.serial.Add(1), 36)
	}
	if lease != "" {
		r.owe(scopes, lease, tokens, at, err == nil)
	}
	return s, err
}

func named(wants []Want, scope string) bool {
	for i := range wants {
		if wants[i].Scope == scope {
			return true
		}
	}
	return false
}

func (r *Redis) report(ctx context.Context, ok bool, err error) {
	if !r.breaker.Done(ok, r.o.Now()) {
		return
	}
	if ok {
		r.o.Log.InfoContext(ctx, "redis answers again, limits are shared")
		return
	}
	r.o.Log.WarnContext(ctx, "redis does not answer, each replica enforces its share of the limits", slog.Any("error", err))
}

// shares are the limits with this replica's part in them: the whole part of an even split, and a limit smaller than the
// number of replicas for the lowest id alone. Never more, so the sum holds.
func (r *Redis) shares(wants []Want) []Want {
	replicas, lowest := r.o.Share()
	if replicas <= 1 {
		return wants
	}
	part := func(c keyring.Cap) keyring.Cap {
		switch {
		case !c.Set:
		case c.N >= replicas:
			c.N /= replicas
		case !lowest:
			c.N = 0
		}
		return c
	}
	for i := range wants {
		w := &wants[i]
		w.RPM, w.TPM, w.Parallel = part(w.RPM), part(w.TPM), part(w.Parallel)
	}
	return wants
}

func (r *Redis) keys(scope func(int) string, n int) []string {
	keys := make([]string, 0, 2*n)
	for i := range n {
		tag := r.o.Prefix + ":{" + scope(i) + "}"
		keys = append(keys, tag+":w", tag+":p")
	}
	return keys
}

// ask runs the script. Its answer is {1, now, start, requests, tokens, …} or {0, now, scope, kind, limit, start}, in ms.
func (r *Redis) ask(ctx context.Context, wants []Want, tokens int64, lease string) (*Slot, *Refused, error) {
	ctx, cancel := context.WithTimeout(ctx, r.o.Timeout)
	defer cancel()
	args := make([]any, 0, 4+3*len(wants))
	args = append(args, r.o.Window.Milliseconds(), redisLease.Milliseconds(), lease, tokens)
	for i := range wants {
		args = append(args, orNone(wants[i].RPM), orNone(wants[i].TPM), orNone(wants[i].Parallel))
	}
	got, err := r.take.Run(ctx, r.o.Client, r.keys(func(i int) string { return wants[i].Scope }, len(wants)), args...).Int64Slice()
	if err != nil {
		return nil, nil, fmt.Errorf("ask redis for a rate slot: %w", err)
	}
	switch {
	case len(got) == 6 && got[0] == 0 && got[2] >= 1 && got[2] <= int64(len(wants)):
		return nil, r.refused(&wants[got[2]-1], got), nil
	case len(got) != 2+3*len(wants) || got[0] != 1:
		return nil, nil, fmt.Errorf("redis answered %d figures for %d scopes", len(got), len(wants))
	}
	s := &Slot{end: r, tokens: tokens, lease: lease, taken: make([]taken, len(wants))}
	for i := range wants {
		at := got[2+3*i:]
		s.taken[i] = taken{scope: wants[i].Scope, window: at[0]}
		reset := time.Duration(at[0]-got[1])*time.Millisecond + r.o.Window
		s.rates = wants[i].rates(s.rates, at[1], at[2], reset)
	}
	r.mu.Lock()
	r.open[s] = struct{}{}
	r.mu.Unlock()
	return s, nil, nil
}

// orNone is a limit as the scripts read it. A negative one lets as little through as zero.
func orNone(c keyring.Cap) int64 {
	if !c.Set {
		return -1
	}
	return max(0, c.N)
}

func (r *Redis) refused(w *Want, got []int64) *Refused {
	out := &Refused{Level: w.Level, Scope: w.Scope, ID: w.ID, Model: w.Model, Kind: Kind(got[3]), Limit: got[4]} //nolint:gosec // 0 to 2
	now := time.UnixMilli(got[1]).UTC()
	if out.Kind == Parallel {
		out.ResetsAt, out.RetryAfter = now, time.Second
		return out
	}
	out.ResetsAt = time.UnixMilli(got[5]).UTC().Add(r.o.Window)
	out.RetryAfter = max(time.Second, out.ResetsAt.Sub(now))
	return out
}

// finish tells Redis that a call has ended, at once or when it answers again.
func (r *Redis) finish(s *Slot, delta int64, undo bool) {
	r.mu.Lock()
	delete(r.open, s)
	r.mu.Unlock()
	back := 0
	if undo {
		back = 1
	}
	args := []any{s.lease, delta, back}
	for i := range s.taken {
		args = append(args, s.taken[i].window)
	}
	d := debt{script: r.finishS, keys: r.keys(func(i int) string { return s.taken[i].scope }, len(s.taken)), args: args}
	if r.breaker.Open() || !r.pay(context.Background(), &d) {
		r.later.add(d)
	}
}

// Run renews the leases of calls that last long, and tells Redis what it could not be told, until ctx ends.
func (r *Redis) Run(ctx context.Context) error {
	tick := time.NewTicker(redisLease / 3)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
			r.Renew(ctx)
		case <-r.later.wake:
			if r.Catch(ctx) {
				continue
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(breaker.ProbeEvery):
				r.later.ring()
			}
		}
	}
}

// Renew extends the leases of all open calls once.
func (r *Redis) Renew(ctx context.Context) {
	r.mu.Lock()
	open := make([]*Slot, 0, len(r.open))
	for s := range r.open {
		open = append(open, s)
	}
	r.mu.Unlock()
	for _, s := range open {
		if ctx.Err() != nil || s.done.Load() || !r.breaker.Try(r.o.Now()) {
			continue
		}
		once, cancel := context.WithTimeout(ctx, r.o.Timeout)
		keys := r.keys(func(i int) string { return s.taken[i].scope }, len(s.taken))
		err := r.o.Client.Eval(once, renewLua, keys, s.lease, redisLease.Milliseconds()).Err()
		cancel()
		r.report(ctx, err == nil, err)
	}
}

// renewLua extends a lease where it still stands: one that has run out may have been given to another call.
const renewLua = `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
for i = 1, #KEYS / 2 do
	redis.call('ZADD', KEYS[2 * i], 'XX', now + tonumber(ARGV[2]), ARGV[1])
	redis.call('PEXPIRE', KEYS[2 * i], 2 * tonumber(ARGV[2]))
end
return 1`
