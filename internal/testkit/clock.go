package testkit

import (
	"sync"
	"time"
)

// Epoch is where a [Clock] starts: a Thursday noon, away from every day, week, month and year boundary.
var Epoch = time.Date(2026, time.January, 15, 12, 0, 0, 0, time.UTC)

// Clock is a clock that moves only when told. Pass its Now method where code takes `now func() time.Time`.
// Safe for concurrent use.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock returns a clock that stands at [Epoch].
func NewClock() *Clock { return NewClockAt(Epoch) }

// NewClockAt returns a clock that stands at t, in UTC.
func NewClockAt(t time.Time) *Clock { return &Clock{now: t.UTC()} }

// Now returns the time the clock stands at, in UTC.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock by d, which may be negative to model a clock that was set back, and returns the new time.
func (c *Clock) Advance(d time.Duration) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	return c.now
}

// Set puts the clock to t.
func (c *Clock) Set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = t.UTC()
}
