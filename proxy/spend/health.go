package spend

import (
	"log/slog"
	"slices"
)

// Health is the state of the ledger for readiness pages.
type Health struct {
	Ready        bool   // calls are admitted
	Journal      string // why the journal cannot be written; empty when it can
	Database     string // why the last try at the database failed; empty when it did not
	Backlog      int    // settled calls the database does not have
	BacklogBytes int64  // size of the journal
	Open         int    // calls admitted and not settled
	InMemory     int    // settled calls that the disk did not take
	Replaying    bool   // calls of an earlier run are still on their way to the database
	Alerts       []string
}

// Health reads the state; it does no I/O.
func (l *Ledger) Health() Health {
	h := Health{
		Backlog: l.Backlog(), BacklogBytes: l.j.bytes.Load(), Database: l.w.problem(),
		Replaying: l.j.acked.Load() < l.replayed,
	}
	l.j.state.Lock()
	h.Open, h.InMemory = len(l.j.calls), len(l.j.memory)
	if l.j.failure != nil {
		h.Journal = l.j.failure.Error()
	}
	l.j.state.Unlock()
	l.mu.Lock()
	h.Alerts = slices.Clone(l.alerts)
	l.mu.Unlock()
	h.Ready = h.Journal == "" && !l.full() && !l.closing.Load()
	return h
}

// Backlog is the number of settled calls that the database does not have yet.
func (l *Ledger) Backlog() int { return l.j.backlog() }

func (j *journal) backlog() int {
	acked := j.acked.Load() // first: it never passes booked
	return int(j.booked.Load() - acked)
}

const maxAlerts = 20

// alert is something a person must look at. The newest are kept.
func (l *Ledger) alert(text string) {
	l.o.Logger.Error("spend journal needs attention", slog.String("what", text))
	l.mu.Lock()
	defer l.mu.Unlock()
	if slices.Contains(l.alerts, text) {
		return
	}
	l.alerts = append(l.alerts, text)
	if len(l.alerts) > maxAlerts {
		l.alerts = slices.Delete(l.alerts, 0, 1)
	}
}

func (l *Ledger) problem(what string, err error) { l.alert(what + ": " + err.Error()) }
