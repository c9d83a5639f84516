package limit

import (
	"sync"
	"time"
)

const (
	breakAfter = 5           // failures in a row
	probeEvery = time.Second // while broken, one call tries
)

// breaker keeps calls away from a server that does not answer. Safe for concurrent use.
type breaker struct {
	mu      sync.Mutex
	fails   int
	probeAt time.Time
}

// try says whether a call may ask the server.
func (b *breaker) try(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fails < breakAfter {
		return true
	}
	if now.Before(b.probeAt) {
		return false
	}
	b.probeAt = now.Add(probeEvery)
	return true
}

// done tells what became of it; turned is true when the breaker has opened or closed by this.
func (b *breaker) done(ok bool, now time.Time) (turned bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if ok {
		turned = b.fails >= breakAfter
		b.fails = 0
		return turned
	}
	b.fails++
	if b.fails == breakAfter {
		b.probeAt = now.Add(probeEvery)
		return true
	}
	return false
}

// open says whether the server counts as gone.
func (b *breaker) open() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.fails >= breakAfter
}
