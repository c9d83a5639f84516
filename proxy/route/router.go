package route

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"gatehouse/models"
	"gatehouse/proxy/limit"
)

// Options are what a Router is made of. Now and Rand are needed.
type Options struct {
	Now  func() time.Time
	Rand func() float64 // in [0, 1); safe for concurrent use
	// Shared counts the limits of deployments over all replicas; nil: each replica counts its own.
	Shared limit.Limiter
	// Told hears of each cooldown that begins, grows or ends early here: the time it lasts to, or the zero time. It must not
	// block. nil: nobody asks.
	Told func(id string, until time.Time)
}

// Router picks deployments. Safe for concurrent use.
type Router struct {
	opt      Options
	settings atomic.Pointer[Settings]
	mu       sync.RWMutex
	states   map[string]*state
	groups   map[string]*retryBudget
	affinity *affinity
}

// New makes a router with the settings.
func New(opt Options, settings Settings) *Router {
	r := &Router{opt: opt, states: map[string]*state{}, groups: map[string]*retryBudget{}, affinity: newAffinity()}
	r.SetSettings(settings)
	return r
}

// SetSettings replaces the settings; plans that have begun keep theirs.
func (r *Router) SetSettings(s Settings) {
	if s.Strategy == "" {
		s.Strategy = Shuffle
	}
	if s.LatencyTTL <= 0 {
		s.LatencyTTL = time.Hour
	}
	if s.AffinityTTL <= 0 {
		s.AffinityTTL = defaultAffinity
	}
	r.settings.Store(&s)
}

func (r *Router) state(id string) *state {
	r.mu.RLock()
	s := r.states[id]
	r.mu.RUnlock()
	if s != nil {
		return s
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if s = r.states[id]; s == nil {
		s = &state{}
		r.states[id] = s
	}
	return s
}

// Status is what the router knows of a deployment, for health pages and metrics.
type Status struct {
	InFlight, Requests, Tokens int64 // in flight now; begun and used in this minute
	CoolFor                    time.Duration
	Sick                       bool
}

// Status reads one deployment.
func (r *Router) Status(id string) Status {
	v := r.state(id).view(r.opt.Now().UnixNano(), false, time.Hour)
	return Status{InFlight: v.inFlight, Requests: v.requests, Tokens: v.tokens, CoolFor: v.coolFor, Sick: v.sick}
}

// SetHealth tells what a health check found; a failed one keeps the deployment out of picks until it is stale.
func (r *Router) SetHealth(id string, healthy bool, holds time.Duration) {
	s := r.state(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sickUntil = 0
	if !healthy {
		s.sickUntil = r.opt.Now().Add(holds).UnixNano()
	}
}

// Cool takes over what another replica tells of a cooldown: the time it lasts to, or the zero time when it has ended early.
func (r *Router) Cool(id string, until time.Time) {
	s := r.state(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if until.IsZero() {
		s.coolUntil = 0
		return
	}
	now := r.opt.Now().UnixNano()
	if s.coolUntil <= now {
		s.coolSince = now
	}
	s.coolUntil = max(s.coolUntil, until.UnixNano())
}

// tell passes on what became of a cooldown.
func (r *Router) tell(id string, news cooling, until int64) {
	switch {
	case r.opt.Told == nil:
	case news == began:
		r.opt.Told(id, time.Unix(0, until))
	case news == ended:
		r.opt.Told(id, time.Time{})
	}
}

// maxParallel is how many calls a deployment takes at once; 0 = no limit (contract/proxy.md §4.2).
func (c *Settings) maxParallel(d *models.Deployment) int64 {
	switch {
	case d.MaxParallel != nil:
		return *d.MaxParallel
	case c.DefaultMaxParallel != nil:
		return *c.DefaultMaxParallel
	case d.RPM != nil:
		return *d.RPM
	case d.TPM != nil: // LiteLLM takes a call for a thousand tokens and a sixth of a minute
		return max(1, *d.TPM/1000/6)
	}
	return 0
}

// retryBudget bounds the retries of a group to a fifth of its calls, so that a provider in trouble is not buried. It
// counts in two halves of ten seconds.
type retryBudget struct {
	half           int64
	calls, retries [2]int64 // this half, the one before
}

const (
	retryHalf  = 5 * time.Second
	retryFloor = 10 // retries in ten seconds that are always allowed: a quiet group needs its retries too
)

func (b *retryBudget) turn(now int64) {
	switch half := now / int64(retryHalf); half - b.half {
	case 0:
	case 1:
		b.half = half
		b.calls[1], b.retries[1] = b.calls[0], b.retries[0]
		b.calls[0], b.retries[0] = 0, 0
	default:
		*b = retryBudget{half: half}
	}
}

func (r *Router) budget(group string) *retryBudget {
	b := r.groups[group]
	if b == nil {
		b = &retryBudget{half: math.MinInt32}
		r.groups[group] = b
	}
	b.turn(r.opt.Now().UnixNano())
	return b
}

func (r *Router) countCall(group string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.budget(group).calls[0]++
}

// mayRetry takes one retry out of the group's budget.
func (r *Router) mayRetry(group string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.budget(group)
	used := b.retries[0] + b.retries[1]
	if used >= retryFloor && 5*used >= b.calls[0]+b.calls[1] {
		return false
	}
	b.retries[0]++
	return true
}
