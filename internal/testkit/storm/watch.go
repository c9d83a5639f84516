package storm

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"
)

// heap is what is alive after the garbage was collected.
type heap struct {
	bytes    uint64
	routines int
}

// measure collects the garbage, pools included, and looks at what is left.
func measure() heap {
	runtime.GC()
	runtime.GC() // the first only moves what is in a pool aside
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return heap{m.HeapAlloc, runtime.NumGoroutine()}
}

// most is what a run may have on the heap at once, garbage included.
const most = 1 << 30

// patience is how many looks in a row find the same execution before it is taken to hang. Looks and not time: a process that the
// system leaves no time for is not looked at either.
const patience = 100

// watch looks at a run from outside: an execution that does not end, or that takes all memory, cannot report itself.
func (r *run) watch() (stop func()) {
	over, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		tick := time.NewTicker(max(r.hang/patience, time.Millisecond))
		defer tick.Stop()
		began := time.Now()
		seen, still, told := int64(-1), 0, began
		live := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		for {
			select {
			case <-over:
				return
			case now := <-tick.C:
				still++
				if n := r.done.Load(); n != seen {
					seen, still = n, 0
				}
				metrics.Read(live)
				bytes := live[0].Value.Uint64()
				r.peak.Store(max(r.peak.Load(), bytes))
				if still > patience || bytes > most {
					r.onHang()
					return
				}
				if now.Sub(told) > time.Minute {
					told = now
					r.note("on the way", now.Sub(began), heap{}, heap{bytes: bytes})
				}
			}
		}
	}()
	var once sync.Once
	return func() {
		once.Do(func() { close(over) })
		<-gone
	}
}

// hung ends the process: there is no other way to end an execution that does not end itself. The panic shows where it is.
func (r *run) hung() {
	file, err := save(r.dir, r.args[1:])
	if err != nil {
		file = err.Error()
	}
	debug.SetTraceback("all")
	panic(fmt.Sprintf("%s: execution %d of seed %d has not ended in %v or takes over %d bytes; its input is kept in %s",
		r.name, r.done.Load()+1, r.seed, r.hang, uint64(most), file))
}

// note appends a line to the log: where the run is, and what it takes.
func (r *run) note(what string, took time.Duration, tenth, end heap) {
	if r.log == "" {
		return
	}
	f, err := os.OpenFile(r.log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644) //nolint:gosec // no secret in it
	if err != nil {
		r.trial.TB.Error(err)
		return
	}
	defer func() { _ = f.Close() }()
	fmt.Fprintf(f, "%s\t%s.%s\truns=%d\tseed=%d\tcorpus=%d\tseconds=%.0f\theap10=%d\theap=%d\troutines=%d\tpeak=%d\tslowest=%s\n", what, r.pkg, r.name,
		r.done.Load(), r.seed, len(r.pool), took.Seconds(), tenth.bytes, end.bytes, end.routines, r.peak.Load(), time.Duration(r.slowest.Load()).Round(time.Microsecond))
}
