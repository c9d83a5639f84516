package spend

import (
	"os"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"

	"gatehouse/models"
	"gatehouse/proxy/price"
)

// TestAnyHistory drives a ledger through random calls, crashes and failures of disk and database, and then compares the
// database with what was promised: every settle that was accepted is there at its cost, every admission that was
// accepted is there, nothing refused is.
func TestAnyHistory(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	rapid.Check(t, func(r *rapid.T) {
		m := &machine{
			t: t, r: r, db: newDatabase(), open: map[int]models.Nano{}, settled: map[int]models.Nano{}, refused: map[int]bool{},
		}
		var err error
		if m.dir, err = os.MkdirTemp(base, "run"); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = os.RemoveAll(m.dir) }()
		m.start()
		r.Repeat(map[string]func(*rapid.T){
			"admit": m.admit, "settle": m.settle, "settle alone": m.alone, "progress": m.progress, "crash": m.crash, "flush": m.flush,
			"database": m.database, "disk": m.disk,
		})
		m.finish()
	})
}

type machine struct {
	t   *testing.T
	r   *rapid.T
	db  *database
	d   *disk
	dir string
	l   *Ledger

	next    int
	open    map[int]models.Nano // admitted -> floor
	settled map[int]models.Nano // accepted -> cost
	refused map[int]bool
}

func (m *machine) start() {
	o, d := withDisk(quick())
	o.SegmentSize = 600
	o.BatchSize = 4
	o.SyncAlways = rapid.Bool().Draw(m.r, "always")
	m.d = d
	l, err := Open(m.dir, m.db, o)
	if err != nil {
		m.r.Fatalf("open: %v", err)
	}
	m.l = l
}

func (m *machine) admit(*rapid.T) {
	m.next++
	if err := m.l.Admit(admitted(m.next)); err != nil {
		m.refused[m.next] = true
		return
	}
	m.open[m.next] = models.Nano(1000 + m.next)
}

func (m *machine) pick(r *rapid.T) (int, bool) {
	var ids []int
	for n := 1; n <= m.next; n++ {
		if _, ok := m.open[n]; ok {
			ids = append(ids, n)
		}
	}
	if len(ids) == 0 {
		return 0, false
	}
	return rapid.SampledFrom(ids).Draw(r, "call"), true
}

func (m *machine) settle(r *rapid.T) {
	if n, ok := m.pick(r); ok {
		_ = m.l.Settle(settled(n)) // an error means that it is held in memory
		m.settled[n] = models.Nano(n)
		delete(m.open, n)
	}
}

func (m *machine) alone(*rapid.T) {
	m.next++
	_ = m.l.Settle(settled(m.next))
	m.settled[m.next] = models.Nano(m.next)
}

func (m *machine) progress(r *rapid.T) {
	if n, ok := m.pick(r); ok {
		floor := m.open[n] + 1
		if err := m.l.Progress(callID(n), floor, price.Usage{OutputText: 1}); err == nil {
			m.open[n] = floor
		}
	}
}

func (m *machine) database(r *rapid.T) {
	m.db.setFail(rapid.SampledFrom([]int{-1, 0, 0, 3}).Draw(r, "failures"))
}

func (m *machine) disk(r *rapid.T) {
	full := rapid.Bool().Draw(r, "full")
	m.d.set(func(d *disk) { d.full, d.partial = full, rapid.IntRange(0, 900).Draw(r, "partial") })
}

func (m *machine) flush(r *rapid.T) {
	m.db.setFail(0)
	if err := m.l.Flush(within(m.t)); err != nil {
		r.Fatalf("flush: %v, %+v", err, m.l.Health())
	}
}

// crash loses what only memory held: the disk was full, so those settles were never durable. The start after it books
// their calls at the floor.
func (m *machine) crash(r *rapid.T) {
	m.l.w.cancel()
	<-m.l.w.stopped
	to, err := os.MkdirTemp(filepath.Dir(m.dir), "crashed")
	if err != nil {
		r.Fatal(err)
	}
	copyDir(m.t, m.dir, to)
	rows, _ := m.db.snapshot()
	m.l.j.state.Lock()
	for _, h := range m.l.j.memory {
		f, _ := parseFrame(h.frame)
		rec, err := decodeRecord(f.body)
		if err != nil {
			r.Fatal(err)
		}
		n := int(rec.CostNano)
		if _, ok := rows[rec.CallID]; !ok {
			delete(m.settled, n)
			if c := m.l.j.calls[rec.CallID]; c != nil {
				m.open[n] = models.Nano(1000 + n)
				if c.last != nil {
					m.open[n] = c.last.floor
				}
			}
		}
	}
	m.l.j.state.Unlock()
	_ = m.l.Close(ended())
	_ = os.RemoveAll(m.dir)
	m.dir = to
	m.start()
	// Whatever was open is booked now, once.
	for n, floor := range m.open {
		m.settled[n] = floor
		delete(m.open, n)
	}
}

func (m *machine) finish() {
	m.d.set(func(d *disk) { d.full = false })
	m.crash(m.r)
	m.flush(m.r)
	rows, _ := m.db.snapshot()
	for n, cost := range m.settled {
		if got, ok := rows[callID(n)]; !ok || got.CostNano != cost {
			m.r.Fatalf("call %d is booked at %d (%v), want %d", n, got.CostNano, ok, cost)
		}
	}
	for n := range m.refused {
		if _, ok := rows[callID(n)]; ok {
			m.r.Fatalf("call %d was refused and is booked", n)
		}
	}
	if len(rows) != len(m.settled) {
		m.r.Fatalf("%d rows, want %d", len(rows), len(m.settled))
	}
	if err := m.l.Close(within(m.t)); err != nil {
		m.r.Fatalf("close: %v", err)
	}
	if left := segments(m.t, m.dir); len(left) != 0 {
		m.r.Fatalf("left %v", left)
	}
}
