package spend

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// crash is what kill -9 leaves: the files as they are now, in another folder. The old ledger ends without a word to
// its database.
func crash(tb testing.TB, dir string, l *Ledger) string {
	tb.Helper()
	l.w.cancel()
	<-l.w.stopped
	to := tb.TempDir()
	copyDir(tb, dir, to)
	_ = l.Close(ended())
	return to
}

func copyDir(tb testing.TB, from, to string) {
	tb.Helper()
	entries, err := os.ReadDir(from)
	if err != nil {
		tb.Fatal(err)
	}
	for _, e := range entries {
		copyFile(tb, filepath.Join(from, e.Name()), filepath.Join(to, e.Name()))
	}
}

func copyFile(tb testing.TB, from, to string) {
	tb.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(to, b, 0o600); err != nil {
		tb.Fatal(err)
	}
}

// Power fails with the last segment on the disk up to any byte: every settle before that is booked at its cost, every
// admission before it without its settle at its floor, once each, also when the database had some of them already.
func TestJournalCutAtAnyByte(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := mustOpen(t, dir, down(), quick())
	const calls = 4
	for i := 1; i <= calls; i++ {
		admit(t, l, i)
		if i > 2 {
			settle(t, l, i-2)
		}
	}
	dir = crash(t, dir, l)
	path := segments(t, dir)[0]
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	frames := scanSegment(whole).frames
	near := func(cut int) bool { // of the end of a frame: every byte there, every third elsewhere
		return slices.ContainsFunc(frames, func(s span) bool { return cut >= s.to-1 && cut <= s.to+frameHead+1 })
	}
	for cut := 0; cut <= len(whole); cut++ {
		if cut%3 != 0 && !near(cut) {
			continue // TestScanOfCutSegment looks at each
		}
		want := map[string]int64{}
		for _, at := range frames {
			if at.to > cut {
				break
			}
			switch f, _ := parseFrame(whole[at.from:at.to]); f.kind {
			case kindAdmit:
				a, err := decodeAdmit(f.body)
				if err != nil {
					t.Fatal(err)
				}
				want[a.Record.CallID] = int64(a.FloorNano)
			case kindSettle:
				r, err := decodeRecord(f.body)
				if err != nil {
					t.Fatal(err)
				}
				want[r.CallID] = int64(r.CostNano)
			}
		}
		here := t.TempDir()
		if err := os.WriteFile(filepath.Join(here, filepath.Base(path)), whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		db := newDatabase()
		if cut%3 == 0 && want[callID(1)] == 1 { // the ack of the first was lost with the rest
			if err := db.WriteSpend(context.Background(), []Record{settled(1)}); err != nil {
				t.Fatal(err)
			}
		}
		o, _ := withDisk(quick())
		copyFile(t, filepath.Join(dir, "replica"), filepath.Join(here, "replica"))
		l, err := Open(here, db, o)
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		flush(t, l)
		got := l.Recovery()
		if err := l.Close(within(t)); err != nil {
			t.Fatal(err)
		}
		rows, _ := db.snapshot()
		if len(rows) != len(want) || len(got.SetAside) != 0 {
			t.Fatalf("cut at %d: %d rows, want %d; %+v", cut, len(rows), len(want), got)
		}
		for id, cost := range want {
			if int64(rows[id].CostNano) != cost {
				t.Fatalf("cut at %d: %s costs %d, want %d", cut, id, rows[id].CostNano, cost)
			}
		}
	}
}

// One byte of the journal is wrong: at most the record that it is in is lost, the file is set aside, and the rest goes
// on, in a segment that is the last one and in one that is not.
func TestJournalWithAWrongByte(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o, _ := withDisk(quick())
	o.SegmentSize = 700
	l := mustOpen(t, dir, down(), o)
	const calls = 8
	for i := 1; i <= calls; i++ {
		settle(t, l, i)
	}
	dir = crash(t, dir, l)
	names := segments(t, dir)
	if len(names) < 2 {
		t.Fatalf("segments %v", names)
	}
	for _, which := range []int{0, len(names) - 1} {
		whole, err := os.ReadFile(names[which])
		if err != nil {
			t.Fatal(err)
		}
		for at := 0; at < len(whole); at += 11 {
			here := t.TempDir()
			copyDir(t, dir, here)
			bad := append([]byte(nil), whole...)
			bad[at] ^= 0x41
			if err := os.WriteFile(filepath.Join(here, filepath.Base(names[which])), bad, 0o600); err != nil {
				t.Fatal(err)
			}
			db := newDatabase()
			l, err := Open(here, db, o)
			if err != nil {
				t.Fatalf("byte %d: %v", at, err)
			}
			flush(t, l)
			health := l.Health()
			if err := l.Close(within(t)); err != nil {
				t.Fatal(err)
			}
			rows, _ := db.snapshot()
			least := calls - 1
			if at < headerSize {
				least = calls
			}
			if len(rows) < least {
				t.Fatalf("segment %d byte %d: %d rows", which, at, len(rows))
			}
			if len(health.Alerts) == 0 {
				t.Fatalf("segment %d byte %d: no alert", which, at)
			}
			if r := l.Recovery(); len(r.SetAside) == 0 && r.Truncated == 0 {
				t.Fatalf("segment %d byte %d: %+v", which, at, r)
			}
			for _, name := range l.Recovery().SetAside {
				if _, err := os.Stat(filepath.Join(here, name)); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// A segment that is not the last one ends in the middle of a record: that is no torn tail.
func TestEarlierSegmentCut(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o := quick()
	o.SegmentSize = 700
	db := down()
	l := mustOpen(t, dir, db, o)
	for i := 1; i <= 8; i++ {
		settle(t, l, i)
	}
	dir = crash(t, dir, l)
	first := segments(t, dir)[0]
	b, err := os.ReadFile(first)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(first, int64(len(b)-3)); err != nil {
		t.Fatal(err)
	}
	db.setFail(0)
	l = mustOpen(t, dir, db, o)
	flush(t, l)
	rows, _ := db.snapshot()
	if r := l.Recovery(); len(rows) != 7 || len(r.SetAside) != 1 || r.Truncated != 0 {
		t.Errorf("%d rows, %+v", len(rows), r)
	}
}

// A disk that gives back something else than was written, under a running process.
func TestDamageUnderARunningReader(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db := down()
	l := mustOpen(t, dir, db, quick())
	for i := 1; i <= 5; i++ {
		settle(t, l, i)
	}
	// Let the writer hold its first batch, then damage what it has not read.
	until(t, "a try", func() bool { return l.Health().Database != "" })
	for i := 6; i <= 10; i++ {
		settle(t, l, i)
	}
	path := segments(t, dir)[0]
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	frames := scanSegment(b).frames
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{7, 9} { // the eighth and the last call
		if _, err := f.WriteAt([]byte("damage"), int64(frames[i].from+20)); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	db.setFail(0)
	flush(t, l)
	rows, _ := db.snapshot()
	if len(rows) != 8 || rows[callID(9)].CostNano != 9 {
		t.Errorf("%d rows", len(rows))
	}
	if h := l.Health(); len(h.Alerts) == 0 || h.Backlog != 0 {
		t.Errorf("health %+v", h)
	}
	if err := l.Close(within(t)); err != nil {
		t.Fatal(err)
	}
	left := segments(t, dir)
	if len(left) != 1 || !strings.HasSuffix(left[0], ".bad") {
		t.Errorf("left %v", left)
	}
}

const isChild = "SPEND_TEST_CHILD"

// child is a process of its own that works in the current folder and settles calls until it is killed, and says each one that is promised.
func child() {
	o := quick()
	o.SegmentSize = 8 << 10
	l, err := Open(".", down(), o)
	if err != nil {
		panic(err)
	}
	first := 0
	if _, err := fmt.Sscanf(os.Getenv("SPEND_TEST_FIRST"), "%d", &first); err != nil {
		panic(err)
	}
	for n := first; ; n++ {
		if err := l.Admit(admitted(n)); err != nil {
			panic(err)
		}
		if _, err := fmt.Fprintf(os.Stdout, "A %d\n", n); err != nil {
			return
		}
		if n%5 == 0 {
			continue // a stream that is under way
		}
		if err := l.Settle(settled(n)); err != nil {
			panic(err)
		}
		if _, err := fmt.Fprintf(os.Stdout, "S %d\n", n); err != nil {
			return
		}
	}
}

// kill -9 of a real process, again and again on one folder: what was promised is there.
func TestKilledProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	want := map[string]int64{}
	for round := range 4 {
		cmd := exec.CommandContext(within(t), os.Args[0]) //nolint:gosec // the test binary itself
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), isChild+"=1", fmt.Sprintf("SPEND_TEST_FIRST=%d", 1+round*100_000))
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewReader(out)
		seen := 0
		for {
			line, err := lines.ReadString('\n')
			if errors.Is(err, io.EOF) || errors.Is(err, os.ErrClosed) {
				break
			}
			if err != nil {
				break
			}
			var kind string
			var n int
			if _, err := fmt.Sscanf(line, "%s %d", &kind, &n); err != nil {
				t.Fatalf("child says %q", line)
			}
			if kind == "S" {
				want[callID(n)] = int64(n)
			} else {
				want[callID(n)] = int64(1000 + n)
			}
			if seen++; seen == 120+37*round {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = cmd.Wait()
		if seen < 100 {
			t.Fatalf("round %d: the child said only %d lines", round, seen)
		}
	}
	db := newDatabase()
	l := mustOpen(t, dir, db, quick())
	flush(t, l)
	rows, _ := db.snapshot()
	for id, cost := range want {
		r, ok := rows[id]
		// A settle may have been written after its admission was all that was heard of.
		if !ok || int64(r.CostNano) != cost && int64(r.CostNano) != cost-1000 {
			t.Errorf("%s is booked at %d (%v), want %d", id, r.CostNano, ok, cost)
		}
	}
	if extra := len(rows) - len(want); extra < 0 || extra > 400 {
		t.Errorf("%d rows for %d promises", len(rows), len(want))
	}
}
