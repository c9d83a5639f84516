package limit

import (
	"context"
	"strings"
	"sync"
	"time"
)

const (
	memoryShards = 64
	sweepFrom    = 256 // scopes in a shard before idle ones are looked for
)

// Memory is the limiter of a process of its own: exact for one, and the share of one among several. A parallel slot ends
// with the call that owns it or with the process, so it needs no lease. Safe for concurrent use.
type Memory struct {
	now    func() time.Time
	window time.Duration
	share  Share
	shards [memoryShards]struct {
		mu      sync.RWMutex
		entries map[string]*entry
		sweepAt int
	}
}

// entry is the state of one scope. mu guards it. Windows are fixed and start with the first call.
type entry struct {
	scope    string
	mu       sync.Mutex
	dead     bool  // swept: look the scope up again
	turn     int64 // which window this is: one more each time the counts begin anew
	start    int64 // of the window, Unix ns; 0: no call yet
	requests int64
	tokens   int64
	parallel int64
	sure     int64 // with a Redis beside it: how many of the requests were let through; the rest are being decided
	seen     seen
}

// NewMemory makes a limiter with windows of this length; 0 = one minute. share may be nil: this process is alone.
func NewMemory(now func() time.Time, window time.Duration, share Share) *Memory {
	if window <= 0 {
		window = time.Minute
	}
	if share == nil {
		share = alone
	}
	return &Memory{now: now, window: window, share: share}
}

func (m *Memory) entry(scope string, now int64) *entry {
	h := uint32(2166136261)
	for i := range len(scope) {
		h = (h ^ uint32(scope[i])) * 16777619
	}
	s := &m.shards[(h^h>>8^h>>16)%memoryShards]
	s.mu.RLock()
	e := s.entries[scope]
	s.mu.RUnlock()
	if e != nil {
		return e
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if e = s.entries[scope]; e != nil {
		return e
	}
	if s.entries == nil {
		s.entries, s.sweepAt = map[string]*entry{}, sweepFrom
	}
	if len(s.entries) >= s.sweepAt {
		for k, old := range s.entries {
			old.mu.Lock()
			if old.parallel == 0 && now-old.start >= int64(m.window) {
				old.dead = true
				delete(s.entries, k)
			}
			old.mu.Unlock()
		}
		s.sweepAt = max(sweepFrom, 2*len(s.entries))
	}
	e = &entry{scope: scope}
	s.entries[scope] = e
	return e
}

// Take admits a call. A token rate is used up once what was used and what calls in flight are taken to use has reached
// it: the last call of a window may pass it by its own size, as a call larger than the whole rate must be able to.
func (m *Memory) Take(_ context.Context, wants []Want, tokens int64) (*Slot, error) {
	by := m.split()
	s, out := m.reserve(wants, tokens, by, true)
	if out.share != nil {
		return nil, out.share
	}
	if s != nil {
		s.rates = m.rates(wants, s.taken, by)
	}
	return s, nil
}

func (m *Memory) split() split {
	replicas, lowest := m.share()
	return split{replicas, lowest}
}

// verdict is what a process alone thinks of a call; nil is yes.
type verdict struct {
	share *Refused // of its share of each limit
	room  *Refused // of that, and of its share of what was left when it last heard how the limit stands
}

// reserve tests a call and counts it. With must, a call beyond the share is refused and not counted; else all are, since
// somebody else decides. The slot is nil for a call without limits, and for one that was not counted. It has no rates.
func (m *Memory) reserve(wants []Want, tokens int64, by split, must bool) (s *Slot, out verdict) {
	counted := 0
	for i := range wants {
		if wants[i].limits() {
			counted++
		}
	}
	if counted == 0 {
		return nil, out
	}
	tokens = max(0, tokens)
	at := m.now()
	s = &Slot{end: m, tokens: tokens, taken: make([]taken, 0, counted)}
	locked := make([]*entry, 0, 16)
	s.taken, locked = m.lock(wants, s.taken, locked, at.UnixNano())
	n := 0
	for i := range wants {
		if !wants[i].limits() {
			continue
		}
		e := s.taken[n].entry
		if out.share == nil {
			out.share = m.test(&wants[i], e, by, at)
		}
		if out.room == nil {
			if out.room = out.share; out.room == nil {
				out.room = m.testRoom(&wants[i], e, by, at)
			}
		}
		n++
	}
	counts := !must || out.share == nil
	if counts {
		s.charge(locked)
	}
	for _, e := range locked {
		e.mu.Unlock()
	}
	if !counts {
		return nil, out
	}
	return s, out
}

// lock looks the scopes up, locks each once in the order of their names, and turns their windows.
func (m *Memory) lock(wants []Want, parts []taken, locked []*entry, now int64) ([]taken, []*entry) {
retry:
	for {
		parts, locked = parts[:0], locked[:0]
		for i := range wants {
			w := &wants[i]
			if !w.limits() {
				continue
			}
			e := m.entry(w.Scope, now)
			parts = append(parts, taken{entry: e})
			at := len(locked)
			for at > 0 && strings.Compare(locked[at-1].scope, e.scope) > 0 {
				at--
			}
			if at > 0 && locked[at-1] == e {
				continue
			}
			locked = append(locked, nil)
			copy(locked[at+1:], locked[at:])
			locked[at] = e
		}
		for i, e := range locked {
			e.mu.Lock()
			if e.dead {
				for _, held := range locked[:i+1] {
					held.mu.Unlock()
				}
				continue retry
			}
		}
		for _, e := range locked {
			if e.start == 0 || now-e.start >= int64(m.window) || now < e.start {
				e.begin(now)
			}
		}
		for i := range parts {
			parts[i].window = parts[i].entry.turn
		}
		return parts, locked
	}
}

// begin starts a window at a time.
func (e *entry) begin(start int64) {
	e.turn++
	e.start, e.requests, e.tokens, e.sure, e.seen = start, 0, 0, 0, seen{}
}

func (m *Memory) test(w *Want, e *entry, by split, now time.Time) *Refused {
	switch {
	case w.RPM.Set && e.requests >= by.of(w.RPM.N):
		return m.refused(w, Requests, w.RPM.N, e, now)
	case w.TPM.Set && e.tokens >= by.of(w.TPM.N):
		return m.refused(w, Tokens, w.TPM.N, e, now)
	case w.Parallel.Set && e.parallel >= by.of(w.Parallel.N):
		return m.refused(w, Parallel, w.Parallel.N, e, now)
	}
	return nil
}

func (m *Memory) refused(w *Want, kind Kind, limit int64, e *entry, now time.Time) *Refused {
	r := &Refused{Level: w.Level, Scope: w.Scope, ID: w.ID, Model: w.Model, Kind: kind, Limit: limit}
	if kind == Parallel {
		r.ResetsAt, r.RetryAfter = now.UTC(), time.Second
		return r
	}
	r.ResetsAt = time.Unix(0, e.start).Add(m.window).UTC()
	r.RetryAfter = max(time.Second, r.ResetsAt.Sub(now))
	return r
}

// charge counts the call in each scope once, with all of them locked. Everything is counted, whatever is limited, so
// that a limit set in the middle of a minute finds the minute's calls.
func (s *Slot) charge(locked []*entry) {
	for _, e := range locked {
		e.requests++
		e.tokens += s.tokens
		e.parallel++
	}
}

// rates tells where the scopes stand; what is left is this process' share of it.
func (m *Memory) rates(wants []Want, parts []taken, by split) []Rate {
	var rates []Rate
	now := m.now().UnixNano()
	at := 0
	for i := range wants {
		w := &wants[i]
		if !w.limits() {
			continue
		}
		e := parts[at].entry
		at++
		if rates == nil && (w.RPM.Set || w.TPM.Set) {
			rates = make([]Rate, 0, 2*len(parts))
		}
		e.mu.Lock()
		requests, tokens, reset := e.requests, e.tokens, time.Duration(e.start+int64(m.window)-now)
		e.mu.Unlock()
		rates = w.rates(rates, w.RPM.N-max(0, by.of(w.RPM.N)-requests), w.TPM.N-max(0, by.of(w.TPM.N)-tokens), reset)
	}
	return rates
}

// finish gives a call back. Tokens beyond the estimate count in the window in which they became known; an estimate that
// was too high is given back only to the window that was charged.
func (m *Memory) finish(s *Slot, delta int64, undo bool) {
	for i := range s.taken {
		e := s.taken[i].entry
		if twin(s.taken[:i], e) {
			continue
		}
		e.mu.Lock()
		e.parallel--
		same := e.turn == s.taken[i].window
		if same || delta > 0 {
			e.tokens = max(0, e.tokens+delta)
		}
		if same && undo {
			e.requests--
			if s.taken[i].sure {
				e.sure--
			}
		}
		e.mu.Unlock()
	}
}

func twin(before []taken, e *entry) bool {
	for i := range before {
		if before[i].entry == e {
			return true
		}
	}
	return false
}

// InFlight is how many calls hold a slot in the scope: for tests and metrics.
func (m *Memory) InFlight(scope string) int64 {
	e := m.entry(scope, m.now().UnixNano())
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.parallel
}

// Scopes is how many scopes are remembered, for tests and metrics.
func (m *Memory) Scopes() int {
	n := 0
	for i := range m.shards {
		s := &m.shards[i]
		s.mu.RLock()
		n += len(s.entries)
		s.mu.RUnlock()
	}
	return n
}
