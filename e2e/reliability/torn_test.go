package reliability_test

import (
	"bytes"
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gatehouse/internal/testkit"
)

// TestStartsWithATornJournal is what a power cut leaves: the process is killed with ten calls open, and the end of its
// journal is cut, or garbage. The start says so, books every call but the one whose record was torn, and serves.
func TestStartsWithATornJournal(t *testing.T) {
	t.Parallel()
	cut := func(by int) func([]byte) []byte { return func(b []byte) []byte { return b[:len(b)-by] } }
	then := func(tail []byte) func([]byte) []byte {
		return func(b []byte) []byte { return append(b, tail...) }
	}
	for name, tc := range map[string]struct {
		tear func([]byte) []byte
		lost int // calls, at most
	}{
		"a byte is missing":             {cut(1), 1},
		"half a record is missing":      {cut(60), 1},
		"text behind the end":           {then([]byte(strings.Repeat("not a record ", 40))), 0},
		"a few bytes behind the end":    {then([]byte{200, 0, 0}), 0},
		"a length without its record":   {then([]byte{64, 0, 0, 0, 1, 2, 3, 4, 5}), 0},
		"a block that was never filled": {then(make([]byte, 4096)), 0},
		"the last bytes are wrong":      {func(b []byte) []byte { return append(b[:len(b)-4], 1, 2, 3, 4) }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			provider := testkit.NewProvider(t)
			g := startGateway(t, options{config: configFor(provider, "")})
			keys := teamKeys(t, g, 1)
			gate := make(chan struct{})
			defer close(gate)
			provider.Always(testkit.Reply{Usage: &usual, Before: gate})
			var calls load
			for i := range 10 {
				calls.run(g, keys, i, 1)
				provider.WaitRequests(t, i+1)
			}
			g.kill(t)
			calls.all()
			path := lastSegment(t, filepath.Join(g.Data, "journal"))
			whole, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, tc.tear(whole), 0o600); err != nil {
				t.Fatal(err)
			}

			g.start(t)
			if !strings.Contains(g.out.String(), "the end of the journal was torn") {
				t.Errorf("the log does not say that the journal was torn:\n%s", tail(g.out.String(), 2000))
			}
			db := g.books(t)
			replayed := 0
			for _, r := range rows(t, db) {
				if r.settledBy == "replay" {
					replayed++
				}
			}
			if replayed < 10-tc.lost || replayed > 10 {
				t.Errorf("%d of 10 open calls are booked, want %d or more", replayed, 10-tc.lost)
			}
			sumsAgree(t, db)
			provider.Always(testkit.Reply{Usage: &usual})
			if o := call(g, keys[0], 100); !o.complete {
				t.Errorf("a call after that: %d %s", o.status, o.body)
			}
			g.kill(t)
			g.start(t) // the mended journal is whole
			if n := strings.Count(g.out.String(), "the end of the journal was torn"); n != 1 {
				t.Errorf("the log says %d times that the journal was torn, want once", n)
			}
			settled(t, g, 1)
			sumsAgree(t, db)
		})
	}
}

// lastSegment is the file of a journal that was written to last.
func lastSegment(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if len(bytes.Trim(b, "\x00")) > 100 {
			names = append(names, filepath.Join(dir, e.Name()))
		}
	}
	if len(names) == 0 {
		t.Fatalf("no segment in %s: %v", dir, entries)
	}
	return slices.MaxFunc(names, cmp.Compare[string])
}
