package cache

import (
	"hash/maphash"
	"sync"
)

const (
	// memoFrom is how long a body must be for its key to be remembered: working out the key of 100 KB takes longer than
	// sending them to a provider.
	memoFrom = 8 << 10
	memoMost = 4096
)

// memo remembers the keys of long bodies, so that who asks again byte for byte is not made to pay for SHA-256 again. A body
// is known again by 128 bits under seeds that no one outside this process knows, and who asks it is compared as a whole:
// whatever those bits do, no one is given the key of another tenant.
type memo struct {
	seeds [2]maphash.Seed

	mu    sync.Mutex
	known map[memoKey]remembered
}

type memoKey struct {
	a, b   uint64
	length int
}

type remembered struct {
	who string
	key Key
}

// Key is q.Key, from memory where a long body was asked before. Raw must be the whole of Body.
func (c *Cache) Key(q *Question) Key {
	if len(q.Raw) < memoFrom {
		return q.Key()
	}
	m := &c.memo
	at := memoKey{maphash.Bytes(m.seeds[0], q.Raw), maphash.Bytes(m.seeds[1], q.Raw), len(q.Raw)}
	who := string(q.appendWho(nil))
	m.mu.Lock()
	r, ok := m.known[at]
	m.mu.Unlock()
	if ok && r.who == who {
		return r.key
	}
	k := q.Key()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known == nil || len(m.known) >= memoMost {
		m.known = map[memoKey]remembered{}
	}
	m.known[at] = remembered{who, k}
	return k
}
