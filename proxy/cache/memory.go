package cache

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/maypok86/otter/v2"
)

// Memory keeps entries in this process, up to a number of bytes; which ones go when there is no room is decided by how
// often and how lately they were asked for.
type Memory struct {
	cache *otter.Cache[Key, *Entry]
}

// NewMemory makes a store of so many bytes at most.
func NewMemory(bytes int64) (*Memory, error) {
	c, err := otter.New(&otter.Options[Key, *Entry]{
		MaximumWeight: uint64(max(bytes, 1<<20)),
		Weigher:       func(_ Key, e *Entry) uint32 { return uint32(min(e.size(), math.MaxUint32)) },
		ExpiryCalculator: otter.ExpiryWritingFunc(func(e otter.Entry[Key, *Entry]) time.Duration {
			return e.Value.TTL
		}),
	})
	if err != nil {
		return nil, fmt.Errorf("make the response cache: %w", err)
	}
	return &Memory{cache: c}, nil
}

// Get gives the entry of a key; nil when there is none.
func (m *Memory) Get(_ context.Context, k Key) (*Entry, error) {
	e, ok := m.cache.GetIfPresent(k)
	if !ok {
		return nil, nil //nolint:nilnil // there is none
	}
	return e, nil
}

// Put keeps an entry.
func (m *Memory) Put(_ context.Context, k Key, e *Entry) error {
	m.cache.Set(k, e)
	return nil
}

// Delete forgets keys.
func (m *Memory) Delete(_ context.Context, keys []Key) (int, error) {
	n := 0
	for _, k := range keys {
		if _, ok := m.cache.Invalidate(k); ok {
			n++
		}
	}
	return n, nil
}

// Flush forgets everything.
func (m *Memory) Flush(context.Context) error {
	m.cache.InvalidateAll()
	return nil
}

// Ping is always well.
func (m *Memory) Ping(context.Context) error { return nil }

// Kind is "local".
func (m *Memory) Kind() string { return "local" }

// Near is true: it is our own memory.
func (m *Memory) Near() bool { return true }

// Close ends what the store does by itself.
func (m *Memory) Close() { m.cache.StopAllGoroutines() }

// Bytes is how much the entries take now, once what waits to be evicted is.
func (m *Memory) Bytes() uint64 {
	m.cache.CleanUp()
	return m.cache.WeightedSize()
}
