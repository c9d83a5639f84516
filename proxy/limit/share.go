package limit

import "time"

// Share says how many replicas there are and whether this one has the lowest id.
type Share func() (replicas int64, lowest bool)

func alone() (int64, bool) { return 1, true }

// split is the part that a replica has of a limit that nobody counts for all of them.
type split struct {
	replicas int64
	lowest   bool
}

// of is the whole part of an even split; what is smaller than the number of replicas is the lowest id's alone. Never
// more, so the sum holds.
func (s split) of(n int64) int64 {
	switch {
	case s.replicas <= 1:
		return n
	case n >= s.replicas:
		return n / s.replicas
	case !s.lowest:
		return 0
	}
	return n
}

// seen is how a scope stood over all replicas when Redis last said so in this window.
type seen struct {
	start                int64 // of the window, by the clock of Redis, ms; 0: it has not been heard of in this window
	requests, tokens     int64 // over all replicas
	requestsOf, tokensOf int64 // of this process, at that moment
}

// testRoom is the second test of a process that cannot ask: of what was left when it last heard, the others may take as
// much as it does.
func (m *Memory) testRoom(w *Want, e *entry, by split, now time.Time) *Refused {
	if e.seen.start == 0 {
		return nil
	}
	switch {
	case w.RPM.Set && e.requests-e.seen.requestsOf >= by.of(max(0, w.RPM.N-e.seen.requests)):
		return m.refused(w, Requests, w.RPM.N, e, now)
	case w.TPM.Set && e.tokens-e.seen.tokensOf >= by.of(max(0, w.TPM.N-e.seen.tokens)):
		return m.refused(w, Tokens, w.TPM.N, e, now)
	}
	return nil
}

// heard is what Redis said about one scope of a call.
type heard struct {
	start            int64     // of its window, ms, by its clock
	began            time.Time // the same by the clock here
	requests, tokens int64     // in it; -1: not told
	counted          bool      // the call is among them
}

// hear takes over what Redis said about scope i of a reserved call: where the window begins, and how it stands. It returns
// how many calls, and tokens, Redis no longer knows of: a window that began within another one was begun by a server that
// has lost its data.
func (m *Memory) hear(s *Slot, i int, h heard) (lostCalls, lostTokens int64) {
	part := &s.taken[i]
	e := part.entry
	e.mu.Lock()
	defer e.mu.Unlock()
	length := m.window.Milliseconds()
	switch was := e.seen.start; {
	case was != 0 && h.start <= was-length:
		return 0, 0 // of a window that has ended
	case was != 0 && h.start >= was+length:
		e.begin(h.began.UnixNano())
	case was != 0 && h.start > was:
		lostCalls, lostTokens = e.sure, max(0, e.tokens-s.tokens)
		e.seen = seen{}
	}
	e.seen.start, e.start = h.start, h.began.UnixNano()
	if part.window != e.turn { // reserved in a window that has ended at Redis
		e.requests++
		e.tokens += s.tokens
		part.window = e.turn
	}
	if h.counted {
		part.admit()
	}
	if h.requests >= e.seen.requests {
		e.seen.requests, e.seen.requestsOf = h.requests, e.requests
	}
	if h.tokens >= e.seen.tokens {
		e.seen.tokens, e.seen.tokensOf = h.tokens, e.tokens
	}
	return lostCalls, lostTokens
}

// admit counts a call as one that was let through. The entry is locked.
func (t *taken) admit() {
	if !t.sure {
		t.sure = true
		t.entry.sure++
	}
}

// admitAlone lets a reserved call through without Redis, unless those that were let through since it was reserved are the
// whole share already.
func (m *Memory) admitAlone(s *Slot, wants []Want, by split) *Refused {
	for i := range s.taken {
		e := s.taken[i].entry
		e.mu.Lock()
		if w := &wants[i]; w.RPM.Set && e.sure >= by.of(w.RPM.N) && s.taken[i].window == e.turn {
			refused := m.refused(w, Requests, w.RPM.N, e, m.now())
			e.mu.Unlock()
			return refused
		}
		s.taken[i].admit()
		e.mu.Unlock()
	}
	return nil
}
