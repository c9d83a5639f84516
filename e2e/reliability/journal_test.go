package reliability_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gatehouse/internal/testkit"
)

// TestJournalDiskFull fills the disk under the journal, a small tmpfs of the process's own: priced calls are refused
// before anything is sent, readiness is red, what was under way gets its row, and with room again all goes on.
func TestJournalDiskFull(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	journal := filepath.Join(data, "journal")
	if err := os.Mkdir(journal, 0o700); err != nil {
		t.Fatal(err)
	}
	wrap := []string{"unshare", "--mount"}
	if os.Getuid() != 0 {
		wrap = append(wrap, "--map-root-user")
	}
	provider := testkit.NewProvider(t)
	g := startGateway(t, options{
		config: configFor(provider, ""), data: data,
		wrap: append(wrap, "sh", "-c", `mount -t tmpfs -o size=512k tmpfs "$0" && exec "$@"`, journal),
	})
	keys := teamKeys(t, g, 1)
	gate := make(chan struct{})
	provider.Always(testkit.Reply{Usage: &usual, Before: gate})
	var calls load
	calls.run(g, keys, 0, 20) // under way while the disk fills up
	provider.WaitRequests(t, 20)

	filler := filepath.Join(fmt.Sprintf("/proc/%d/root", g.process.Process.Pid), journal, "filler")
	fill(t, filler)
	refused := 0
	for i := 100; refused < 5; i++ { // the last page of a segment may have room for a few
		if i > 600 {
			t.Fatal("calls are still taken with the disk full")
		}
		asked := len(provider.Requests())
		var one load
		one.run(g, keys, 2*i, 1)
		within(t, "a call is taken or refused", func() bool {
			one.mu.Lock()
			defer one.mu.Unlock()
			return len(one.seen) > 0 || len(provider.Requests()) > asked
		})
		one.mu.Lock()
		answered := len(one.seen) > 0
		one.mu.Unlock()
		if !answered {
			calls.mu.Lock()
			calls.more = append(calls.more, &one)
			calls.mu.Unlock()
			continue
		}
		o := one.all()[0]
		if o.status != http.StatusServiceUnavailable || !strings.Contains(string(o.body), "ledger_unavailable") || len(provider.Requests()) != asked {
			t.Fatalf("status %d %v %s, sent upstream: %t", o.status, o.err, o.body, len(provider.Requests()) != asked)
		}
		refused++
	}
	within(t, "readiness is red", func() bool {
		status, _ := g.get("/health/readiness", "")
		return status == http.StatusServiceUnavailable
	})
	if status, _ := g.get("/health/liveliness", ""); status != http.StatusOK {
		t.Errorf("liveness %d", status)
	}
	close(gate)
	taken := 0
	for _, o := range calls.all() {
		if taken++; !o.complete {
			t.Errorf("%s was under way: status %d %v %s", o.user, o.status, o.err, o.body)
		}
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	within(t, "readiness is back", func() bool {
		status, _ := g.get("/health/readiness", "")
		return status == http.StatusOK
	})
	if o := call(g, keys[0], 5000); !o.complete {
		t.Errorf("with room again: status %d %s", o.status, o.body)
	}
	settled(t, g, int64(taken+1))
	db := g.books(t)
	if sum := sumsAgree(t, db); sum != int64(taken+1)*usualCost {
		t.Errorf("the rows sum up to %d, want %d", sum, int64(taken+1)*usualCost)
	}
	judge(t, db, provider, calls.all())
	t.Logf("%d calls were taken before the disk was full, all have their rows; refused at once after that", taken)
}

// fill writes until there is no room.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	block := make([]byte, 4096)
	for {
		if _, err := f.Write(block); err != nil {
			return
		}
		if size, err := f.Seek(0, io.SeekCurrent); err != nil || size > 8<<20 {
			t.Fatalf("the journal's disk has room for %d bytes: %v", size, err)
		}
	}
}
