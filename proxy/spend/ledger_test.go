package spend

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"gatehouse/models"
	"gatehouse/proxy/price"
)

func segments(tb testing.TB, dir string) []string {
	tb.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.seg*"))
	if err != nil {
		tb.Fatal(err)
	}
	return names
}

func TestSettledCallsReachTheDatabaseInOrder(t *testing.T) {
	t.Parallel()
	db, dir := newDatabase(), t.TempDir()
	l := mustOpen(t, dir, db, quick())
	var mu sync.Mutex
	var hooked []string
	l.OnCommitted(func(batch []Record) {
		mu.Lock()
		defer mu.Unlock()
		for _, r := range batch {
			hooked = append(hooked, r.CallID)
		}
	})
	for i := 1; i <= 2000; i++ {
		admit(t, l, i)
		settle(t, l, i)
	}
	flush(t, l)
	rows, order := db.snapshot()
	if len(rows) != 2000 {
		t.Fatalf("%d rows", len(rows))
	}
	for i, id := range order {
		if id != callID(i+1) {
			t.Fatalf("row %d is %s", i, id)
		}
	}
	if got := rows[callID(7)]; got.CostNano != 7 || got.Usage.InputUncached != 7 || len(got.Charges) != 2 || got.Charges[0].Scope != "key:k1" || got.Charges[0].WindowStart.Micros() != 5 || !got.Start.Equal(testTime) {
		t.Errorf("row %+v", got)
	}
	if h := l.Health(); !h.Ready || h.Backlog != 0 || h.Open != 0 || h.Replaying || len(h.Alerts) != 0 || h.Database != "" {
		t.Errorf("health %+v", h)
	}
	if err := l.Close(within(t)); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if !slices.Equal(hooked, order) {
		t.Errorf("the hook saw %d calls, the database %d", len(hooked), len(order))
	}
	if left := segments(t, dir); len(left) != 0 {
		t.Errorf("a clean end leaves %v", left)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := Open(dir, newDatabase(), Options{}); err == nil {
		t.Error("opened without a clock")
	}
	l := mustOpen(t, dir, newDatabase(), quick())
	if _, err := Open(dir, newDatabase(), quick()); err == nil {
		t.Error("two ledgers have one folder")
	}
	id := l.Replica()
	if err := l.Close(within(t)); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(within(t)); err != nil {
		t.Errorf("second close: %v", err)
	}
	if err := l.Admit(admitted(1)); !errors.Is(err, ErrClosed) {
		t.Errorf("admit after close: %v", err)
	}
	if err := l.Settle(settled(1)); !errors.Is(err, ErrClosed) {
		t.Errorf("settle after close: %v", err)
	}
	if err := l.Progress(callID(1), 1, price.Usage{}); !errors.Is(err, ErrClosed) {
		t.Errorf("progress after close: %v", err)
	}
	again := mustOpen(t, dir, newDatabase(), quick())
	if again.Replica() != id || len(id) != 26 {
		t.Errorf("replica %q became %q", id, again.Replica())
	}
	if err := again.Close(within(t)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "replica"), []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, newDatabase(), quick()); err == nil {
		t.Error("opened with a replica file that names none")
	}
}

func TestDatabaseErrorsAreRetriedInOrder(t *testing.T) {
	t.Parallel()
	db := newDatabase()
	db.fail, db.lost = 7, 3
	l := mustOpen(t, t.TempDir(), db, quick())
	for i := 1; i <= 50; i++ {
		settle(t, l, i)
	}
	until(t, "a failure is seen", func() bool { return l.Health().Database != "" || l.Backlog() == 0 })
	for i := 51; i <= 100; i++ {
		settle(t, l, i)
	}
	flush(t, l)
	_, order := db.snapshot()
	if len(order) != 100 || db.tries < 8 {
		t.Fatalf("%d rows after %d tries", len(order), db.tries)
	}
	for i, id := range order {
		if id != callID(i+1) {
			t.Fatalf("row %d is %s", i, id)
		}
	}
}

func TestBacklogLimits(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Options){
		"records": func(o *Options) { o.MaxBacklog = 10 },
		"bytes":   func(o *Options) { o.MaxBacklogBytes = 4096 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := quick()
			o.SegmentSize = 512
			change(&o)
			db := down()
			l := mustOpen(t, t.TempDir(), db, o)
			n := 0
			for ; n < 1000; n++ {
				if err := l.Admit(admitted(n)); errors.Is(err, ErrBacklog) {
					break
				} else if err != nil {
					t.Fatal(err)
				}
				settle(t, l, n)
			}
			if n == 0 || n >= 1000 {
				t.Fatalf("refused after %d", n)
			}
			if h := l.Health(); h.Ready || h.Backlog != n {
				t.Errorf("health %+v", h)
			}
			settle(t, l, n) // a call under way is still written down
			refused := settled(n + 2)
			refused.Charges = nil
			if err := l.Settle(refused); !errors.Is(err, ErrBacklog) {
				t.Errorf("a call that was refused is written down: %v", err)
			}
			db.setFail(0)
			flush(t, l)
			until(t, "calls are admitted again", func() bool { return l.Admit(admitted(n+1)) == nil })
			if rows, _ := db.snapshot(); len(rows) != n+1 {
				t.Errorf("%d rows of %d", len(rows), n+1)
			}
		})
	}
}

func TestReplay(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db := down()
	l := mustOpen(t, dir, db, quick())
	for i := 1; i <= 5; i++ {
		admit(t, l, i)
	}
	settle(t, l, 1)
	settle(t, l, 2)
	settle(t, l, 9) // never admitted: a cache hit, a refusal
	if err := l.Progress(callID(4), 4444, price.Usage{InputUncached: 4, OutputText: 40}); err != nil {
		t.Fatal(err)
	}
	copied := crash(t, dir, l)

	db.setFail(0)
	again := mustOpen(t, copied, db, quick())
	if got := again.Recovery(); got.Unwritten != 3 || got.Floored != 3 || got.Truncated != 0 || len(got.SetAside) != 0 {
		t.Errorf("recovery %+v", got)
	}
	if err := again.Replayed(within(t)); err != nil {
		t.Fatal(err)
	}
	rows, order := db.snapshot()
	if want := []string{callID(1), callID(2), callID(9), callID(3), callID(4), callID(5)}; !slices.Equal(order, want) {
		t.Fatalf("order %v", order)
	}
	for n, want := range map[int]models.Nano{1: 1, 2: 2, 9: 9, 3: 1003, 4: 4444, 5: 1005} {
		if got := rows[callID(n)]; got.CostNano != want {
			t.Errorf("call %d is booked at %d, want %d", n, got.CostNano, want)
		}
	}
	cut := rows[callID(4)]
	if cut.SettledBy != SettledByReplay || cut.Status != StatusFailure || cut.Usage.OutputText != 40 || !cut.UsageEstimated || !cut.End.Equal(testTime.Add(time.Hour)) {
		t.Errorf("cut off call: %+v", cut)
	}
	if rows[callID(1)].SettledBy != "" {
		t.Error("a settled call is marked as replayed")
	}
	if again.Health().Replaying {
		t.Error("still replaying")
	}
}

// The process may die at any time while it replays: the calls that were cut off are not charged twice, nor lost.
func TestReplayOfReplay(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db := down()
	l := mustOpen(t, dir, db, quick())
	admit(t, l, 1)
	settle(t, l, 2)
	for range 4 {
		dir = crash(t, dir, l)
		l = mustOpen(t, dir, db, quick())
	}
	db.setFail(0)
	flush(t, l)
	if rows, _ := db.snapshot(); len(rows) != 2 || db.sum() != 1001+2 {
		t.Errorf("rows %v", rows)
	}
}

func TestAcksAreOnlyAHint(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db := newDatabase()
	l := mustOpen(t, dir, db, quick())
	for i := 1; i <= 20; i++ {
		settle(t, l, i)
	}
	flush(t, l)
	admit(t, l, 21)
	copied := crash(t, dir, l)
	acked := t.TempDir()
	copyDir(t, copied, acked)
	if l := mustOpen(t, acked, db, quick()); l.Recovery().Unwritten != 0 || l.Recovery().Floored != 1 {
		t.Errorf("recovery %+v", l.Recovery())
	} else if flush(t, l); db.seen != 21 {
		t.Errorf("%d records for 21 calls: what the database has came again", db.seen)
	}

	// Cut the journal to just its settles: every ack is lost.
	path := segments(t, copied)[0]
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	kept := append([]byte(nil), b[:headerSize]...)
	for _, at := range scanSegment(b).frames {
		if f, _ := parseFrame(b[at.from:at.to]); f.kind != kindAck {
			kept = append(kept, b[at.from:at.to]...)
		}
	}
	if err := os.WriteFile(path, kept, 0o600); err != nil {
		t.Fatal(err)
	}
	again := mustOpen(t, copied, db, quick())
	flush(t, again)
	if rows, _ := db.snapshot(); len(rows) != 21 || db.sum() != 210+1021 {
		t.Errorf("%d rows, sum %d", len(rows), db.sum())
	}
}

func TestCloseKeepsWhatTheDatabaseDidNotTake(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db := down()
	l := mustOpen(t, dir, db, quick())
	admit(t, l, 1)
	settle(t, l, 2)
	if err := l.Close(ended()); err == nil {
		t.Error("close says that all is well")
	}
	db.setFail(0)
	again := mustOpen(t, dir, db, quick())
	flush(t, again)
	if db.sum() != 1001+2 {
		t.Errorf("sum %d", db.sum())
	}
}

func TestFullSegmentsGoAndOpenCallsMoveOn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o := quick()
	o.SegmentSize = 4096
	db := newDatabase()
	l := mustOpen(t, dir, db, o)
	admit(t, l, 1)
	if err := l.Progress(callID(1), 5555, price.Usage{OutputText: 3}); err != nil {
		t.Fatal(err)
	}
	for i := 2; i <= 1000; i++ {
		settle(t, l, i)
		if i%50 == 0 {
			flush(t, l)
		}
	}
	flush(t, l)
	until(t, "old segments are deleted", func() bool { return len(segments(t, dir)) <= 5 })
	if h := l.Health(); h.Open != 1 || h.BacklogBytes > 5*8192 {
		t.Errorf("health %+v", h)
	}
	dir = crash(t, dir, l)
	again := mustOpen(t, dir, db, o)
	if got := again.Recovery(); got.Floored != 1 {
		t.Errorf("recovery %+v", got)
	}
	flush(t, again)
	rows, _ := db.snapshot()
	if got := rows[callID(1)]; got.CostNano != 5555 || got.Usage.OutputText != 3 {
		t.Errorf("the long call is booked as %+v", got)
	}
	if len(rows) != 1000 {
		t.Errorf("%d rows", len(rows))
	}
}

func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	for _, always := range []bool{false, true} {
		t.Run(fmt.Sprintf("always=%v", always), func(t *testing.T) {
			t.Parallel()
			o := quick()
			o.SegmentSize, o.SyncAlways, o.BatchSize = 16<<10, always, 64
			if always {
				o.create = new(disk).create // the syncs themselves are counted elsewhere
			}
			db := newDatabase()
			db.fail = 5
			dir := t.TempDir()
			l := mustOpen(t, dir, db, o)
			const workers, each = 8, 200
			var wg sync.WaitGroup
			for w := range workers {
				wg.Go(func() {
					for i := range each {
						n := w*each + i
						if err := l.Admit(admitted(n)); err != nil {
							t.Error(err)
						}
						if i%10 == 0 {
							_ = l.Progress(callID(n), 1, price.Usage{})
							_ = l.Health()
						}
						if i%7 != 3 {
							if err := l.Settle(settled(n)); err != nil {
								t.Error(err)
							}
						}
					}
				})
			}
			wg.Wait()
			flush(t, l)
			dir = crash(t, dir, l)
			again := mustOpen(t, dir, db, o)
			flush(t, again)
			rows, order := db.snapshot()
			if len(rows) != workers*each {
				t.Fatalf("%d rows", len(rows))
			}
			last := map[int]int{}
			for _, id := range order {
				var n int
				if _, err := fmt.Sscanf(id, "01JCALL%d", &n); err != nil {
					t.Fatal(err)
				}
				r := rows[id]
				if (n%each)%7 == 3 {
					if r.SettledBy != SettledByReplay {
						t.Fatalf("call %d was never settled: %+v", n, r)
					}
					continue
				}
				if r.CostNano != models.Nano(n) {
					t.Fatalf("call %d costs %d", n, r.CostNano)
				}
				if w := n / each; n < last[w] {
					t.Fatalf("call %d came after %d", n, last[w])
				} else {
					last[w] = n
				}
			}
		})
	}
}

type holding struct {
	*database
	mu      sync.Mutex
	open    map[string]AdmitRecord
	replica string
	refuse  int
}

func (h *holding) WriteHolds(_ context.Context, replica string, open []AdmitRecord) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.refuse > 0 {
		h.refuse--
		return errDown
	}
	h.replica = replica
	for _, a := range open {
		h.open[a.Record.CallID] = a
	}
	return nil
}

func TestOpenCallsAreReported(t *testing.T) {
	t.Parallel()
	h := &holding{database: newDatabase(), open: map[string]AdmitRecord{}, refuse: 2}
	o := quick()
	o.Gather = 50 * time.Millisecond
	l := mustOpen(t, t.TempDir(), h, o)
	admit(t, l, 1)
	admit(t, l, 2)
	settle(t, l, 2)
	until(t, "the open call is reported", func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return len(h.open) > 0
	})
	settle(t, l, 1)
	flush(t, l)
	h.mu.Lock()
	defer h.mu.Unlock()
	a, ok := h.open[callID(1)]
	if !ok || a.FloorNano != 1001 || a.EstNano != 10 || h.replica != l.Replica() {
		t.Errorf("%+v of replica %q", a, h.replica)
	}
}
