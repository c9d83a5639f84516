package budget

import (
	"sync"
	"time"

	"gatehouse/models"
	"gatehouse/models/duration"
	"gatehouse/proxy/keyring"
)

// account is what this process knows of one scope. mu guards all but scope.
type account struct {
	scope string

	mu       sync.Mutex
	spent    models.Nano // in the window
	held     models.Nano // by calls of this window that have not settled
	short    models.Nano // what holds of those were shrunk by
	epoch    int64       // counts how often held began anew: a hold of an earlier one has nothing in it
	total    models.Nano // since the scope exists
	start    int64       // of the window, Unix µs: the reset that began it, 0 for the first one; it tells windows apart
	resetsAt int64       // end of the window; 0: none
	fixed    int64       // the operator's reset that was taken over
	length   string      // the duration that resetsAt was made with; empty: not known yet, or none

	shared bool  // with other replicas: slice is all that this process may spend, and held is of calls that it covers
	slice  slice // zero unless shared
	seen   seen
}

// seen is what alerts go by in a shared budget: the lines, as of the last call, and the spend up to which they were told.
type seen struct {
	limit, soft keyring.Cap
	level       keyring.Level
	window      int64
	spent       models.Nano
}

// balance is what this process may spend in the window, calls in flight not yet taken off.
func (a *account) balance(limit models.Nano) models.Nano {
	if a.shared {
		if a.slice.recheck {
			return a.held
		}
		return a.slice.balance
	}
	return limit.AddSat(-a.spent)
}

// free is what a further call can hold: what is not held, less what shrunk holds lack, so that calls which end cheaper
// than expected do not let one call after another in beside the one that is the last.
func (a *account) free(limit models.Nano) models.Nano {
	return a.balance(limit).AddSat(-a.held).AddSat(-a.short)
}

// claimed is what calls in flight have of the balance: their holds, and what has come free for the shrunk ones of them.
func (a *account) claimed(limit models.Nano) models.Nano {
	return max(a.held, min(a.held.AddSat(a.short), a.balance(limit)))
}

// reach is what a call could hold once more is lent, as far as is known.
func (a *account) reach(limit models.Nano, now time.Time) models.Nano {
	free := a.free(limit)
	if a.shared && now.After(a.slice.drained) {
		return max(0, free).AddSat(a.slice.left)
	}
	return free
}

// letGo forgets what is held: the calls belong to a window that is over.
func (a *account) letGo() { a.held, a.short, a.epoch = 0, 0, a.epoch+1 }

// calendar is how windows end.
type calendar struct {
	zone *time.Location
	off  bool // budgets do not reset by themselves
}

// next is the first reset after now in the series that scheduled belongs to; 0 for never.
func (c *calendar) next(length string, scheduled, now int64) int64 {
	d, err := duration.Parse(length)
	if err != nil || d.IsNever() { // input is validated where it is written; here a bad one means no window
		return 0
	}
	return d.NextAfter(time.UnixMicro(scheduled), time.UnixMicro(now), c.zone).UnixMicro()
}

// window is the one that now is in, of the series that scheduled, which is not after now, belongs to: the last reset that
// is not after now, and the one after it, 0 for never. Both come from the series, since some durations ("5h") meet other
// hours when they are counted from a moment in between.
func (c *calendar) window(length string, scheduled, now int64) (start, next int64) {
	d, err := duration.Parse(length)
	if err != nil || d.IsNever() {
		return scheduled, 0
	}
	at := time.UnixMicro(scheduled)
	if span := d.Std(); span < 24*time.Hour {
		// Bound to the clock: where the series began does not matter, and there may be very many missed windows.
		if near := time.UnixMicro(now).Add(-2 * span); near.After(at) {
			at = d.Next(near, c.zone)
		}
	}
	for {
		next := d.Next(at, c.zone)
		if next.UnixMicro() > now {
			return at.UnixMicro(), next.UnixMicro()
		}
		at = next
	}
}

// turn brings the window of a up to date: at admission, so that a budget is never stale because a job has not run. It
// says whether the end of the window was worked out here, so that the database should be asked what it was set to.
func (a *account) turn(c *calendar, length string, fixed, now int64) (guessed bool) {
	switch {
	case length == "":
		if fixed == 0 || a.length != "" {
			a.resetsAt = 0 // its owner has no window, or none any more
		}
	case length != a.length && (a.length != "" || a.resetsAt == 0):
		// A new duration sets a new reset; what was spent stays, and so does the window (contract/admin-api.md §4.4).
		a.resetsAt, guessed = c.next(length, now, now), true
	}
	a.length = length
	if fixed != a.fixed && fixed > now {
		a.fixed, a.resetsAt, guessed = fixed, fixed, false
	}
	if a.resetsAt == 0 || now < a.resetsAt || c.off {
		return guessed
	}
	// Holds belong to the window of their admission, so the new one starts with none.
	a.spent = 0
	a.letGo()
	a.void()
	a.slice.unbooked, a.slice.booked = 0, 0
	start, next := c.window(length, a.resetsAt, now)
	a.start, a.resetsAt = max(start, a.start+1), next
	return guessed
}
