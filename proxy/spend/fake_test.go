package spend

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"gatehouse/models"
	"gatehouse/proxy/price"
)

// database is a Writer that keeps the first row of each call, as the real one does.
type database struct {
	mu    sync.Mutex
	fail  int   // how many tries to refuse; negative: all
	cause error // with which error
	rows  map[string]Record
	order []string // call ids in the order of their first arrival
	tries int
	seen  int // records that came, again ones included
	lost  int // how many commits to report as failed although they happened
}

func newDatabase() *database { return &database{rows: map[string]Record{}} }

var errDown = errors.New("database is down")

func (d *database) WriteSpend(ctx context.Context, batch []Record) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tries++
	if err := ctx.Err(); err != nil {
		return err
	}
	if d.fail != 0 {
		d.fail--
		if d.cause != nil {
			return d.cause
		}
		return errDown
	}
	d.seen += len(batch)
	for _, r := range batch {
		if _, ok := d.rows[r.CallID]; !ok {
			d.rows[r.CallID] = r
			d.order = append(d.order, r.CallID)
		}
	}
	if d.lost > 0 {
		d.lost--
		return errors.New("connection lost after commit")
	}
	return nil
}

func (d *database) setFail(n int) {
	d.mu.Lock()
	d.fail = n
	d.mu.Unlock()
}

func (d *database) snapshot() (map[string]Record, []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	rows := make(map[string]Record, len(d.rows))
	for k, v := range d.rows {
		rows[k] = v
	}
	return rows, append([]string(nil), d.order...)
}

func (d *database) sum() models.Nano {
	rows, _ := d.snapshot()
	var n models.Nano
	for _, r := range rows {
		n += r.CostNano
	}
	return n
}

// down makes a database that refuses everything until it is told otherwise.
func down() *database {
	d := newDatabase()
	d.fail = -1
	return d
}

var testTime = time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)

// quick are options that make tests fast without changing what happens.
func quick() Options {
	return Options{
		Now: func() time.Time { return testTime.Add(time.Hour) }, Logger: slog.New(slog.DiscardHandler),
		SyncEvery: time.Millisecond, Gather: time.Millisecond, GatherMost: time.Millisecond, RetryFirst: time.Millisecond, RetryMost: 2 * time.Millisecond,
	}
}

func mustOpen(tb testing.TB, dir string, w Writer, o Options) *Ledger {
	tb.Helper()
	l, err := Open(dir, w, o)
	if err != nil {
		tb.Fatalf("open: %v", err)
	}
	tb.Cleanup(func() { _ = l.Close(ended()) })
	return l
}

// ended is a context for a Close that does not wait.
func ended() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

func within(tb testing.TB) context.Context {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	tb.Cleanup(cancel)
	return ctx
}

func callID(n int) string { return fmt.Sprintf("01JCALL%019d", n) }

func settled(n int) Record {
	return Record{
		CallID: callID(n), CallType: "completion", KeyID: "k1", KeyHash: "5f0c", UserID: "u-17", TeamID: "t1",
		ModelGroup: "gpt-4", Model: "gpt-4o", Provider: "openai", Status: StatusSuccess, HTTPStatus: 200,
		Usage:    price.Usage{InputUncached: int64(n), OutputText: 5},
		CostNano: models.Nano(n), Start: testTime, End: testTime.Add(time.Second),
		Tags: []string{"a", "b"}, Charges: []models.ScopeCharge{{Scope: "key:k1", WindowStart: models.FromMicros(5)}, {Scope: "team:t1"}},
	}
}

func admitted(n int) AdmitRecord {
	r := settled(n)
	r.CostNano, r.Status, r.HTTPStatus, r.End = 0, "", 0, time.Time{}
	r.Usage.OutputText = 0
	return AdmitRecord{Record: r, EstNano: models.Nano(10 * n), FloorNano: models.Nano(1000 + n)}
}

func admit(tb testing.TB, l *Ledger, n int) {
	tb.Helper()
	if err := l.Admit(admitted(n)); err != nil {
		tb.Fatalf("admit %d: %v", n, err)
	}
}

func settle(tb testing.TB, l *Ledger, n int) {
	tb.Helper()
	if err := l.Settle(settled(n)); err != nil {
		tb.Fatalf("settle %d: %v", n, err)
	}
}

func flush(tb testing.TB, l *Ledger) {
	tb.Helper()
	if err := l.Flush(within(tb)); err != nil {
		tb.Fatalf("flush: %v, health %+v", err, l.Health())
	}
}

// until waits for a condition that other goroutines bring about.
func until(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			tb.Fatalf("never: %s", what)
		}
	}
}
