package cache

import "sync"

// flights are the questions under way, so that the same question is asked once.
type flights struct {
	shards [flightShards]flightShard
}

const flightShards = 64

type flightShard struct {
	mu   sync.Mutex
	open map[Key]*Flight
}

// Flight is one question under way: the first who asks it answers the others.
type Flight struct {
	done   chan struct{}
	entry  *Entry
	again  bool
	shard  *flightShard
	key    Key
	landed bool // under the shard's lock
}

// Join takes part in the flight of a question. lead is true for the first, who must land it; the others wait for Done.
func (c *Cache) Join(k Key) (f *Flight, lead bool) {
	s := &c.flights.shards[k[0]%flightShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	if f = s.open[k]; f != nil {
		return f, false
	}
	f = &Flight{done: make(chan struct{}), shard: s, key: k}
	if s.open == nil {
		s.open = map[Key]*Flight{}
	}
	s.open[k] = f
	return f, true
}

// Land ends the flight, once: the others get the entry. Without one they ask for themselves; again says that one of them
// should lead instead, since the first went away before anything could be learned.
func (f *Flight) Land(e *Entry, again bool) {
	f.shard.mu.Lock()
	defer f.shard.mu.Unlock()
	if f.landed {
		return
	}
	f.landed, f.entry, f.again = true, e, again
	delete(f.shard.open, f.key)
	close(f.done)
}

// Done is closed when the flight has landed.
func (f *Flight) Done() <-chan struct{} { return f.done }

// Result is what a landed flight has brought.
func (f *Flight) Result() (e *Entry, again bool) { return f.entry, f.again }
