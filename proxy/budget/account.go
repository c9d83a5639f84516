package budget

import (
	"sync"
	"time"

	"gatehouse/models"
	"gatehouse/models/duration"
)

// account is what this process knows of one scope. mu guards all but scope.
type account struct {
	scope string

	mu       sync.Mutex
	spent    models.Nano // in the window
	held     models.Nano // by calls of this window that have not settled
	total    models.Nano // since the scope exists
	start    int64       // of the window, Unix µs; it tells windows apart, so it only grows
	resetsAt int64       // end of the window; 0: none
	fixed    int64       // the operator's reset that was taken over
	length   string      // the duration that resetsAt was made with; empty: not known yet, or none
}

// balance is what this process may spend in the window, calls in flight not yet taken off.
func (a *account) balance(limit models.Nano) models.Nano { return limit.AddSat(-a.spent) }

// free is what a further call can hold.
func (a *account) free(limit models.Nano) models.Nano { return a.balance(limit).AddSat(-a.held) }

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

// turn brings the window of a up to date: at admission, so that a budget is never stale because a job has not run.
func (a *account) turn(c *calendar, length string, fixed, now int64) {
	if length != a.length {
		switch {
		case a.length == "" && a.resetsAt != 0 && length != "":
			// From the database, where the duration is not kept: its reset stands.
		case length == "":
			a.resetsAt = 0
		default:
			// A new duration sets a new reset; what was spent stays (contract/admin-api.md §4.4).
			a.resetsAt = c.next(length, now, now)
			if a.start == 0 {
				a.start = now
			}
		}
		a.length = length
	} else if length == "" && fixed == 0 && a.resetsAt != 0 {
		a.resetsAt = 0 // its owner has no window any more
	}
	if fixed != a.fixed && fixed > now {
		a.fixed, a.resetsAt = fixed, fixed
		if a.start == 0 {
			a.start = now
		}
	}
	if a.resetsAt == 0 || now < a.resetsAt || c.off {
		return
	}
	// Holds belong to the window of their admission, so the new one starts with none.
	a.spent, a.held = 0, 0
	a.start = max(a.resetsAt, a.start+1)
	a.resetsAt = c.next(length, a.resetsAt, now)
}
