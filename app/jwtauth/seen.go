package jwtauth

import (
	"sync"
	"sync/atomic"
)

const (
	shards = 64
	// perShard bounds how many tokens are remembered: about 32,000 in all.
	perShard = 512
)

// seen remembers tokens that were verified, by their hash. Safe for concurrent use.
type seen struct {
	gen   atomic.Uint64
	parts [shards]struct {
		sync.RWMutex
		m map[[32]byte]*Caller
	}
}

func newSeen() *seen {
	s := new(seen)
	for i := range s.parts {
		s.parts[i].m = map[[32]byte]*Caller{}
	}
	return s
}

func (s *seen) get(sum *[32]byte) *Caller {
	part := &s.parts[sum[0]%shards]
	part.RLock()
	defer part.RUnlock()
	return part.m[*sum]
}

// generation changes with the provider's keys.
func (s *seen) generation() uint64 { return s.gen.Load() }

// put remembers a token, unless the keys that it was verified by have changed since generation.
func (s *seen) put(sum *[32]byte, c *Caller, generation uint64) {
	part := &s.parts[sum[0]%shards]
	part.Lock()
	defer part.Unlock()
	if s.gen.Load() != generation {
		return
	}
	if _, known := part.m[*sum]; !known && len(part.m) >= perShard {
		for old := range part.m { // any one: maps are walked in no order
			delete(part.m, old)
			break
		}
	}
	part.m[*sum] = c
}

// forget drops every token: one whose key the provider withdrew must not live on.
func (s *seen) forget() {
	s.gen.Add(1)
	for i := range s.parts {
		part := &s.parts[i]
		part.Lock()
		clear(part.m)
		part.Unlock()
	}
}

// names remembers which row an id of the provider's leads to, where that is not the row's own id.
type names struct {
	mu sync.RWMutex
	m  map[[2]string]string
}

func newNames() *names { return &names{m: map[[2]string]string{}} }

func (n *names) get(issuer, id string) string {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.m[[2]string{issuer, id}]
}

func (n *names) put(issuer, id, row string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.m) >= shards*perShard {
		clear(n.m)
	}
	n.m[[2]string{issuer, id}] = row
}
