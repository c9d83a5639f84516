package spend

import (
	"errors"
	"syscall"
	"testing"
)

func withDisk(o Options) (Options, *disk) {
	d := &disk{}
	o.create = d.create
	return o, d
}

// The disk is full: no call is admitted, a call under way is settled all the same, and nothing that was refused is
// booked at the next start.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		partial  int
		stuck    bool
		started  bool // a segment exists before the disk fills up
		database bool // the database is up meanwhile
	}{
		"from the start":                   {},
		"nothing gets through":             {started: true},
		"a part gets through":              {started: true, partial: 30},
		"a whole frame gets through":       {started: true, partial: 1 << 20},
		"a part, and it stays":             {started: true, partial: 30, stuck: true},
		"database takes what disk did not": {started: true, database: true},
		"both from the start":              {database: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			db := down()
			o, d := withDisk(quick())
			l := mustOpen(t, dir, db, o)
			var want int64
			if c.started {
				admit(t, l, 1)
				admit(t, l, 2)
				settle(t, l, 3)
				want = 3
			}
			d.set(func(d *disk) { d.full, d.partial, d.stuck = true, c.partial, c.stuck })
			if err := l.Admit(admitted(4)); !errors.Is(err, ErrJournal) || !errors.Is(err, syscall.ENOSPC) {
				t.Fatalf("admitted: %v", err)
			}
			if h := l.Health(); h.Ready || h.Journal == "" {
				t.Errorf("health %+v", h)
			}
			for _, n := range []int{1, 5} {
				if err := l.Settle(settled(n)); !errors.Is(err, ErrJournal) {
					t.Errorf("settle: %v", err)
				}
				want += int64(n)
			}
			if h := l.Health(); h.InMemory != 2 {
				t.Errorf("health %+v", h)
			}
			if c.database {
				db.setFail(0)
				flush(t, l)
				if rows, _ := db.snapshot(); rows[callID(5)].CostNano != 5 || rows[callID(1)].CostNano != 1 {
					t.Errorf("rows %v", rows)
				}
				if h := l.Health(); h.InMemory != 0 || h.Ready {
					t.Errorf("health %+v", h)
				}
			}
			d.set(func(d *disk) { d.full, d.stuck = false, false })
			until(t, "the disk is found to be good again", func() bool { return l.Health().Ready })
			if h := l.Health(); h.InMemory != 0 {
				t.Errorf("health %+v", h)
			}
			admit(t, l, 6)
			settle(t, l, 6)
			want += 6
			dir = crash(t, dir, l)
			db.setFail(0)
			again := mustOpen(t, dir, db, quick())
			flush(t, again)
			if c.started {
				want += 1002 // call 2 was never settled
			}
			if rows, _ := db.snapshot(); int64(db.sum()) != want {
				for id, r := range rows {
					t.Log(id, r.CostNano, r.SettledBy)
				}
				t.Errorf("sum %d, want %d", db.sum(), want)
			}
		})
	}
}

// Settles keep their order when some of them had to wait in memory.
func TestOrderAcrossAFullDisk(t *testing.T) {
	t.Parallel()
	db := down()
	o, d := withDisk(quick())
	o.BatchSize = 3
	l := mustOpen(t, t.TempDir(), db, o)
	n := 0
	for round := range 6 {
		full := round%2 == 1
		d.set(func(d *disk) { d.full = full })
		for range 5 {
			n++
			if err := l.Settle(settled(n)); err != nil && !full {
				t.Fatalf("settle %d: %v", n, err)
			}
		}
		if round == 3 {
			db.setFail(2)
		}
	}
	d.set(func(d *disk) { d.full = false })
	db.setFail(0)
	flush(t, l)
	_, order := db.snapshot()
	if len(order) != n {
		t.Fatalf("%d of %d rows", len(order), n)
	}
	for i, id := range order {
		if id != callID(i+1) {
			t.Fatalf("row %d is %s: %v", i, id, order)
		}
	}
}

// What is in memory comes after what is on the disk, also when the disk took some while the writer looked away.
func TestMemoryWaitsForTheDisk(t *testing.T) {
	t.Parallel()
	db := newDatabase()
	o, d := withDisk(quick())
	l := mustOpen(t, t.TempDir(), db, o)
	l.w.cancel()
	<-l.w.stopped
	settle(t, l, 1)
	d.set(func(d *disk) { d.full = true })
	if err := l.Settle(settled(2)); !errors.Is(err, ErrJournal) {
		t.Fatal(err)
	}
	if rows, _ := db.snapshot(); !l.w.fromMemory(t.Context()) || len(rows) != 0 {
		t.Errorf("rows %v", rows)
	}
	for range 4 {
		l.w.once(t.Context())
	}
	if _, order := db.snapshot(); len(order) != 2 || order[0] != callID(1) || l.Backlog() != 0 {
		t.Errorf("order %v, backlog %d", order, l.Backlog())
	}
}

func TestSync(t *testing.T) {
	t.Parallel()
	t.Run("soon after a write", func(t *testing.T) {
		t.Parallel()
		o, d := withDisk(quick())
		l := mustOpen(t, t.TempDir(), down(), o)
		admit(t, l, 1)
		until(t, "a sync", func() bool { return d.count(func(d *disk) int { return d.unsynced }) == 0 })
	})
	t.Run("before a commit returns", func(t *testing.T) {
		t.Parallel()
		o, d := withDisk(quick())
		o.SyncAlways = true
		l := mustOpen(t, t.TempDir(), down(), o)
		for i := range 20 {
			admit(t, l, i)
			if n := d.count(func(d *disk) int { return d.unsynced }); n != 0 {
				t.Fatalf("%d writes are not synced", n)
			}
		}
	})
	t.Run("always, failing", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		o, d := withDisk(quick())
		o.SyncAlways = true
		db := down()
		l := mustOpen(t, dir, db, o)
		admit(t, l, 1)
		d.set(func(d *disk) { d.badSync = 1 })
		if err := l.Admit(admitted(2)); !errors.Is(err, ErrJournal) {
			t.Fatalf("admitted: %v", err)
		}
		admit(t, l, 3)
		settle(t, l, 1)
		dir = crash(t, dir, l)
		db.setFail(0)
		again := mustOpen(t, dir, db, quick())
		flush(t, again)
		if db.sum() != 1+1003 {
			rows, _ := db.snapshot()
			t.Errorf("rows %v", rows)
		}
	})
	t.Run("later, failing", func(t *testing.T) {
		t.Parallel()
		o, d := withDisk(quick())
		db := down()
		l := mustOpen(t, t.TempDir(), db, o)
		d.set(func(d *disk) { d.badSync = 1 })
		settle(t, l, 1)
		until(t, "an alert", func() bool { return len(l.Health().Alerts) > 0 })
		until(t, "a new segment works", func() bool { return l.Health().Ready })
		settle(t, l, 2)
		db.setFail(0)
		flush(t, l)
		if db.sum() != 3 {
			t.Errorf("sum %d", db.sum())
		}
	})
}

// A disk that is full but for a few bytes does not look whole in between.
func TestNearlyFullDisk(t *testing.T) {
	t.Parallel()
	o, d := withDisk(quick())
	l := mustOpen(t, t.TempDir(), newDatabase(), o)
	admit(t, l, 1)
	d.set(func(d *disk) { d.full, d.room = true, 64 })
	if err := l.Admit(admitted(2)); !errors.Is(err, ErrJournal) {
		t.Fatalf("admitted: %v", err)
	}
	l.j.probe() // as the syncer does four times a second
	if h := l.Health(); h.Ready {
		t.Errorf("health %+v", h)
	}
	d.set(func(d *disk) { d.full, d.room = false, 0 })
	until(t, "the journal is whole again", func() bool { return l.Health().Ready })
}

// The journal cannot be made better at a start on a full disk; what it holds is still booked, and stays until the
// database has it.
func TestStartOnAFullDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db := down()
	l := mustOpen(t, dir, db, quick())
	admit(t, l, 1)
	settle(t, l, 2)
	dir = crash(t, dir, l)
	o, d := withDisk(quick())
	d.full = true
	l = mustOpen(t, dir, db, o)
	if h := l.Health(); h.Ready {
		t.Errorf("health %+v", h)
	}
	dir = crash(t, dir, l) // and dies again
	l = mustOpen(t, dir, db, o)
	db.setFail(0)
	flush(t, l)
	if db.sum() != 1001+2 {
		t.Errorf("sum %d", db.sum())
	}
}
