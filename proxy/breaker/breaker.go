// Package breaker keeps calls away from a server that does not answer, such as a Redis that is gone.
package breaker

import (
	"sync"
	"time"
)

const breakAfter = 5 // failures in a row

// ProbeEvery is how often one call tries while the breaker is open.
const ProbeEvery = time.Second

// Breaker is closed at first. Safe for concurrent use.
type Breaker struct {
	mu      sync.Mutex
	fails   int
	probeAt time.Time
}

// Try says whether a call may ask the server.
func (b *Breaker) Try(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fails < breakAfter {
		return true
	}
	if now.Before(b.probeAt) {
		return false
	}
	b.probeAt = now.Add(ProbeEvery)
	return true
}

// Done tells what became of it; turned is true when the breaker has opened or closed by this.
func (b *Breaker) Done(ok bool, now time.Time) (turned bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if ok {
		turned = b.fails >= breakAfter
		b.fails = 0
		return turned
	}
	b.fails++
	if b.fails == breakAfter {
		b.probeAt = now.Add(ProbeEvery)
		return true
	}
	return false
}

// Open says whether the server counts as gone.
func (b *Breaker) Open() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.fails >= breakAfter
}
