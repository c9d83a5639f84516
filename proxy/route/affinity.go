package route

import (
	"hash/maphash"
	"sync"
	"time"
)

// Affinity says what keeps calls with the deployment that served before, so that the provider's prompt cache stays warm. A
// session counts before the key that it runs under.
type Affinity struct{ Key, Session bool }

// defaultAffinity is how long a deployment is kept after the last call (LiteLLM's default).
const defaultAffinity = time.Hour

// affinity is which deployment serves whom. Each replica has its own. It is bounded: whoever is forgotten is picked for anew.
type affinity struct {
	seed   maphash.Seed
	shards [64]affinityShard // a call locks one of them
}

type affinityShard struct {
	mu   sync.Mutex
	pins map[uint64]affinityPin
}

type affinityPin struct {
	deployment string
	until      int64 // Unix ns
}

// pinsAShard bounds the memory that all shards take to about 15 MB.
const pinsAShard = 2048

func newAffinity() *affinity { return &affinity{seed: maphash.MakeSeed()} }

// of is what a call is remembered by; 0: by nothing. Two that share a number by chance share a deployment, no more.
func (a *affinity) of(want Affinity, group string, req *Request) uint64 {
	kind, who := byte(0), ""
	switch {
	case want.Session && req.Session != "":
		kind, who = 's', req.Session
	case want.Key && req.Key != "":
		kind = 'k'
	default:
		return 0
	}
	var h maphash.Hash
	h.SetSeed(a.seed)
	_ = h.WriteByte(kind) // these never fail
	for _, part := range [...]string{group, req.Key, who} {
		_, _ = h.WriteString(part)
		_ = h.WriteByte(0)
	}
	return max(1, h.Sum64())
}

func (a *affinity) shard(pin uint64) *affinityShard { return &a.shards[pin%uint64(len(a.shards))] }

// get is the deployment that serves this one, "" for none.
func (a *affinity) get(pin uint64, now int64) string {
	s := a.shard(pin)
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.pins[pin]; p.until > now {
		return p.deployment
	}
	return ""
}

// set remembers it.
func (a *affinity) set(pin uint64, deployment string, now int64, ttl time.Duration) {
	s := a.shard(pin)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pins == nil {
		s.pins = map[uint64]affinityPin{}
	}
	if _, known := s.pins[pin]; !known && len(s.pins) >= pinsAShard {
		s.makeRoom(now)
	}
	s.pins[pin] = affinityPin{deployment, now + int64(ttl)}
}

// makeRoom forgets the oldest of a few taken at random.
func (s *affinityShard) makeRoom(now int64) {
	const few = 8
	oldest, looked := uint64(0), 0
	for pin, p := range s.pins {
		if p.until <= now {
			delete(s.pins, pin)
		} else if oldest == 0 || p.until < s.pins[oldest].until {
			oldest = pin
		}
		if looked++; looked == few {
			break
		}
	}
	if len(s.pins) >= pinsAShard {
		delete(s.pins, oldest)
	}
}

// drop forgets a deployment that failed.
func (a *affinity) drop(pin uint64, deployment string) {
	s := a.shard(pin)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pins[pin].deployment == deployment {
		delete(s.pins, pin)
	}
}

// kept is the option that served this caller before; nil when there is none among them.
func (p *Plan) kept(options []option, now int64) *option {
	if p.step.pin == 0 {
		return nil
	}
	id := p.router.affinity.get(p.step.pin, now)
	for i := range options {
		if options[i].d.ID == id {
			return &options[i]
		}
	}
	return nil
}

// blames says whether a failure of this class is a reason to go elsewhere next time.
func (c Class) blames() bool {
	switch c {
	case Auth, Forbidden, NotFound, Timeout, RateLimit, Quota, Server, Connection:
		return true
	case Success, Cancelled, BadRequest, ContextWindow, ContentPolicy, Conflict, classes:
	}
	return false
}

// affinityOf is what keeps the calls of a group together.
func (c *Settings) affinityOf(group string) Affinity {
	a := c.GroupAffinity[group]
	return Affinity{Key: a.Key || c.Affinity.Key, Session: a.Session || c.Affinity.Session}
}
