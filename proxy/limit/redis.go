package limit

import (
	"context"
	_ "embed"
	"errors"
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

//go:embed tell.lua
var tellLua string

//go:embed beat.lua
var beatLua string

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
	Share  Share         // nil: it is alone
	Log    *slog.Logger  // nil: silent
	// Timeout is how long a call waits for Redis before it counts as failed; 0 = 50 ms.
	Timeout time.Duration
}

// Redis is the limiter that replicas share: one script call for all scopes of a call, by the clock of the server. While
// Redis does not answer, each replica enforces its share of every limit by itself, and so does one that has calls to tell
// it of. The others then get no more than their share from Redis either: a replica says there, several times a second,
// that it asks for each call, and only while all say so does Redis give one of them more. Safe for concurrent use.
type Redis struct {
	o        RedisOptions
	take     *redis.Script
	tell     *redis.Script
	beats    *redis.Script
	clock    serverClock
	later    backlog
	patience patience
	local    *Memory // counts every call of this process, so that a share is known the moment Redis is gone
	breaker  breaker.Breaker
	serial   atomic.Uint64
	mu       sync.Mutex
	open     map[*Slot]struct{}
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
		o.Share = alone
	}
	if o.Timeout <= 0 {
		o.Timeout = redisTimeout
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Redis{
		o: o, take: redis.NewScript(takeLua), tell: redis.NewScript(tellLua), beats: redis.NewScript(beatLua),
		later: backlog{wake: make(chan struct{}, 1)},
		local: NewMemory(o.Now, o.Window, o.Share), open: map[*Slot]struct{}{},
	}
}

// Degraded says whether shares are enforced: Redis is away, or is still to be told of calls.
func (r *Redis) Degraded() bool { return r.breaker.Open() || r.later.owing() }

// Take admits a call, by Redis or else by this replica's share.
func (r *Redis) Take(ctx context.Context, wants []Want, tokens int64) (*Slot, error) {
	c := ask{wants: make([]Want, 0, len(wants)), tokens: max(0, tokens), at: r.o.Now(), by: r.local.split()}
	for i := range wants {
		if wants[i].limits() && !named(c.wants, wants[i].Scope) {
			c.wants = append(c.wants, wants[i])
		}
	}
	if len(c.wants) == 0 {
		return nil, nil //nolint:nilnil // a nil Slot is a call without limits
	}
	c.own, c.mine = r.local.reserve(c.wants, c.tokens, c.by, false)
	if r.later.owing() || !r.breaker.Try(c.at) {
		return r.takeAlone(ctx, &c)
	}
	s, refused, err := r.askPatiently(ctx, &c)
	switch {
	case err == nil && refused == nil:
		s.also = c.own
		return s, nil
	case err == nil:
		c.own.Cancel()
		return nil, refused
	case ctx.Err() != nil:
		c.own.Cancel()
		r.later.add(r.owe(c.wants, c.lease, c.tokens, c.at, 0))
		return nil, fmt.Errorf("take a rate slot: %w", ctx.Err())
	}
	return r.takeAlone(ctx, &c)
}

// ask is one call that is to be admitted.
type ask struct {
	wants  []Want // each with a limit
	tokens int64
	at     time.Time
	by     split
	own    *Slot   // the call in the memory of this process
	mine   verdict // what that thinks of it
	lease  string  // empty until Redis is asked
}

// name gives the call its name at Redis.
func (r *Redis) name(c *ask) {
	if c.lease == "" {
		c.lease = r.o.Name + "/" + strconv.FormatUint(r.serial.Add(1), 36)
	}
}

// takeAlone admits a call by what this process knows.
func (r *Redis) takeAlone(ctx context.Context, c *ask) (*Slot, error) {
	refused := c.mine.room
	if refused == nil {
		refused = r.local.admitAlone(c.own, c.wants, c.by)
	}
	if refused != nil {
		c.own.Cancel()
		if c.lease != "" {
			r.later.add(r.owe(c.wants, c.lease, c.tokens, c.at, 0))
		}
		return nil, refused
	}
	r.name(c)
	s := &Slot{end: r, tokens: c.tokens, lease: c.lease, since: c.at, taken: make([]taken, len(c.wants)), also: c.own}
	for i := range c.wants {
		s.taken[i] = taken{scope: c.wants[i].Scope, window: -1}
	}
	s.rates = r.local.rates(c.wants, c.own.taken, c.by)
	r.hold(s)
	free := r.later.alone(r.owe(c.wants, c.lease, c.tokens, c.at, 1))
	if err := rest(ctx, free.Sub(r.o.Now())); err != nil {
		s.Cancel()
		return nil, fmt.Errorf("take a rate slot: %w", err)
	}
	return s, nil
}

// rest waits, or until ctx ends.
func rest(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// askPatiently asks Redis; twice when it does not answer, since that may be a stall or a connection that had gone stale;
// and for as long as a beat may be late when it does not know whether the others leave the call its room.
func (r *Redis) askPatiently(ctx context.Context, c *ask) (s *Slot, refused *Refused, err error) {
	r.name(c)
	const beatsMissed = 10 // asks until a beat that is late has come, or will not
	for lost, belated, unheard := 0, 0, 0; ; {
		var what outcome
		s, refused, what, err = r.ask(ctx, c)
		if err != nil {
			if lost++; ctx.Err() == nil && lost < 2 && !r.breaker.Open() {
				continue
			}
			if ctx.Err() == nil {
				r.report(ctx, false, err)
			}
			return nil, nil, err
		}
		r.report(ctx, true, nil)
		switch what {
		case decided:
			if c.mine.share != nil && refused == nil {
				r.patience.begin()
			}
			return s, refused, nil
		case late: // the server's clock has jumped; it is known now
			if belated++; belated == 3 {
				return nil, nil, errLate
			}
		case unsure:
			if unheard++; unheard > beatsMissed || r.patience.over(c.at) {
				r.patience.end(r.o.Now())
				refused = c.mine.share
				refused.RetryAfter = time.Second
				return nil, refused, nil
			}
			if err := rest(ctx, presence/beatsMissed); err != nil {
				return nil, nil, err
			}
		}
	}
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

func (r *Redis) keys(scope func(int) string, n int) []string {
	keys := make([]string, 0, 2*n)
	for i := range n {
		tag := r.o.Prefix + ":{" + scope(i) + "}"
		keys = append(keys, tag+":w", tag+":p")
	}
	return keys
}

// outcome is what an answer of the script decides.
type outcome uint8

const (
	decided outcome = iota
	unsure          // beyond this replica's share, and not all others are heard of
	late            // it was done when nobody was waiting any more, or the clocks have moved
)

var errLate = errors.New("redis finds every ask too late")

// ask runs the script once.
func (r *Redis) ask(ctx context.Context, c *ask) (*Slot, *Refused, outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, r.o.Timeout)
	defer cancel()
	wants := c.wants
	within := 0
	if c.mine.share == nil {
		within = 1
	}
	last := r.clock.at(r.o.Now())
	if last > 0 {
		last += (r.o.Timeout + lateAfter).Milliseconds()
	}
	keys := append(r.keys(func(i int) string { return wants[i].Scope }, len(wants)), r.o.Prefix+":{replicas}")
	args := make([]any, 0, 8+3*len(wants))
	args = append(args, r.o.Window.Milliseconds(), redisLease.Milliseconds(), c.lease, c.tokens, last, max(0, c.by.replicas-1), r.o.Name, within)
	for i := range wants {
		args = append(args, orNone(wants[i].RPM), orNone(wants[i].TPM), orNone(wants[i].Parallel))
	}
	got, err := r.take.Run(ctx, r.o.Client, keys, args...).Int64Slice()
	if err != nil {
		return nil, nil, decided, fmt.Errorf("ask redis for a rate slot: %w", err)
	}
	now := r.o.Now()
	if len(got) >= 2 {
		r.clock.set(now, got[1])
	}
	switch {
	case len(got) == 2 && got[0] == 2:
		return nil, nil, unsure, nil
	case len(got) == 2 && got[0] == 3:
		return nil, nil, late, nil
	case len(got) == 6 && got[0] == 0 && got[2] >= 1 && got[2] <= int64(len(wants)):
		return nil, r.refused(c, int(got[2]-1), got, now), decided, nil
	case len(got) != 2+3*len(wants) || got[0] != 1:
		return nil, nil, decided, fmt.Errorf("redis answered %d figures for %d scopes", len(got), len(wants))
	}
	s := &Slot{end: r, tokens: c.tokens, lease: c.lease, since: c.at, taken: make([]taken, len(wants))}
	for i := range wants {
		at := got[2+3*i:]
		s.taken[i] = taken{scope: wants[i].Scope, window: at[0]}
		age := time.Duration(got[1]-at[0]) * time.Millisecond
		s.rates = wants[i].rates(s.rates, at[1], at[2], r.o.Window-age)
		r.hear(c, i, heard{start: at[0], began: now.Add(-age), requests: at[1], tokens: at[2], counted: true})
	}
	r.hold(s)
	return s, nil, decided, nil
}

// hear keeps what Redis said about a scope, and tells it again of the calls that it has lost.
func (r *Redis) hear(c *ask, i int, h heard) {
	calls, tokens := r.local.hear(c.own, i, h)
	if calls > 0 {
		lost := ask{}
		r.name(&lost)
		// The lease of these ends at once: the calls are not in parallel.
		r.later.add(r.owe(c.wants[i:i+1], lost.lease, tokens, h.began, calls))
		r.later.add(debt{what: "f", name: lost.lease, keys: r.keys(func(int) string { return c.wants[i].Scope }, 1), since: h.began, starts: []int64{h.start}})
	}
}

// hold remembers an open call, whose lease is renewed.
func (r *Redis) hold(s *Slot) {
	r.mu.Lock()
	r.open[s] = struct{}{}
	r.mu.Unlock()
}

// orNone is a limit as the scripts read it. A negative one lets as little through as zero.
func orNone(c keyring.Cap) int64 {
	if !c.Set {
		return -1
	}
	return max(0, c.N)
}

// refused is the answer {0, now, scope, kind, limit, start}.
func (r *Redis) refused(c *ask, i int, got []int64, now time.Time) *Refused {
	w := &c.wants[i]
	out := &Refused{Level: w.Level, Scope: w.Scope, ID: w.ID, Model: w.Model, Kind: Kind(got[3]), Limit: got[4]} //nolint:gosec // 0 to 2
	server := time.UnixMilli(got[1]).UTC()
	h := heard{start: got[5], began: now.Add(-time.Duration(got[1]-got[5]) * time.Millisecond), requests: -1, tokens: -1}
	switch out.Kind {
	case Parallel:
		out.ResetsAt, out.RetryAfter = server, time.Second
		return out
	case Requests:
		h.requests = out.Limit
	case Tokens:
		h.tokens = out.Limit
	}
	r.hear(c, i, h)
	out.ResetsAt = time.UnixMilli(got[5]).UTC().Add(r.o.Window)
	out.RetryAfter = max(time.Second, out.ResetsAt.Sub(server))
	return out
}

// finish tells Redis that a call has ended, at once or when it answers again.
func (r *Redis) finish(s *Slot, delta int64, undo bool) {
	r.mu.Lock()
	delete(r.open, s)
	r.mu.Unlock()
	d := debt{
		what: "f", name: s.lease, keys: r.keys(func(i int) string { return s.taken[i].scope }, len(s.taken)),
		tokens: delta, since: s.since, starts: make([]int64, len(s.taken)),
	}
	if undo {
		d.figure = 1
	}
	for i := range s.taken {
		d.starts[i] = s.taken[i].window
	}
	// What Redis is still to be told of this call comes first.
	if r.later.owing() || r.breaker.Open() || !r.pay(context.Background(), []debt{d}) {
		r.later.add(d)
	}
}

// Run renews the leases of calls that last long, and tells Redis what it could not be told, until ctx ends.
func (r *Redis) Run(ctx context.Context) error {
	renew := time.NewTicker(redisLease / 3)
	defer renew.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-renew.C:
			r.Renew(ctx)
		case <-r.later.wake:
			if r.Catch(ctx) {
				r.Beat(ctx)
				continue
			}
			if err := rest(ctx, r.payLater()); err != nil {
				return err
			}
			r.later.ring()
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
