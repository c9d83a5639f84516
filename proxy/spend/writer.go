package spend

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// dbWriter carries settles to the database: one goroutine, one batch at a time, in the order of the journal. A batch
// that fails comes again until it does not. It sleeps while nothing is settled.
type dbWriter struct {
	l     *Ledger
	w     Writer
	holds HoldWriter // nil: the Writer keeps no holds
	tail  tail

	hurry   atomic.Int32 // callers of wait: do not gather
	wake    chan struct{}
	quick   chan struct{} // a full batch waits, or someone is in a hurry
	cancel  context.CancelFunc
	stopped chan struct{}
	batch   []Record
	gathers time.Duration // how long the next round waits for company

	mu      sync.Mutex
	hooks   []func([]Record)
	failure string
	moved   chan struct{} // closed and replaced when the acknowledged number moves
	fresh   []string      // calls admitted since holds were last written
}

func newDBWriter(l *Ledger, w Writer) *dbWriter {
	d := &dbWriter{
		l: l, w: w, wake: make(chan struct{}, 1), quick: make(chan struct{}, 1), stopped: make(chan struct{}),
		moved: make(chan struct{}), gathers: l.o.Gather,
	}
	d.holds, _ = w.(HoldWriter)
	d.tail = tail{j: l.j, problem: l.problem}
	return d
}

// start runs the writer until stop: it outlives every request.
func (d *dbWriter) start() {
	var ctx context.Context
	ctx, d.cancel = context.WithCancel(context.Background())
	go d.run(ctx)
}

func (d *dbWriter) kick() {
	signal(d.wake)
	if d.l.j.backlog() >= d.l.o.BatchSize {
		signal(d.quick)
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (d *dbWriter) register(f func([]Record)) {
	d.mu.Lock()
	d.hooks = append(d.hooks, f)
	d.mu.Unlock()
}

func (d *dbWriter) problem() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.failure
}

func (d *dbWriter) stop() {
	d.cancel()
	<-d.stopped
}

func (d *dbWriter) run(ctx context.Context) {
	defer close(d.stopped)
	defer d.tail.close()
	for d.sleep(ctx) {
		d.gather(ctx)
		for more := true; more && ctx.Err() == nil; {
			// A round goes on while batches are full or someone waits; what comes meanwhile gathers for the next.
			more = d.once(ctx) && (d.hurry.Load() > 0 || d.l.j.backlog() >= d.l.o.BatchSize)
		}
		if d.l.j.backlog() > 0 {
			signal(d.wake)
		}
		d.writeHolds(ctx)
		d.gathers = min(2*d.gathers, d.l.o.GatherMost)
	}
}

// sleep returns when something waits; false when the ledger is being closed. After a while of quiet the next call goes to
// the database almost at once; the busier it is, the longer calls gather, since a transaction costs as much as many rows.
func (d *dbWriter) sleep(ctx context.Context) bool {
	t := time.NewTimer(d.l.o.GatherMost)
	defer t.Stop()
	select {
	case <-d.wake:
		return true
	case <-ctx.Done():
		return false
	case <-t.C:
		d.gathers = d.l.o.Gather
	}
	select {
	case <-d.wake:
		return true
	case <-ctx.Done():
		return false
	}
}

// gather waits a little for company.
func (d *dbWriter) gather(ctx context.Context) {
	select {
	case <-d.quick: // of an earlier round
	default:
	}
	if d.hurry.Load() > 0 || d.l.j.backlog() >= d.l.o.BatchSize {
		return
	}
	t := time.NewTimer(d.gathers)
	defer t.Stop()
	select {
	case <-t.C:
	case <-d.quick:
	case <-ctx.Done():
	}
}

// once carries one batch; false when nothing could be carried.
func (d *dbWriter) once(ctx context.Context) bool {
	acked := d.l.j.acked.Load()
	batch, last, err := d.tail.read(d.batch[:0], d.l.o.BatchSize, acked)
	d.batch = batch
	if err != nil {
		d.l.problem("the journal cannot be read", err)
		d.pause(ctx, d.l.o.RetryMost)
		signal(d.wake)
		if len(batch) == 0 {
			return false
		}
	}
	if len(batch) == 0 {
		if last > acked {
			d.acknowledge(nil, last) // what is missing cannot be read any more
		}
		return d.fromMemory(ctx)
	}
	if !d.commit(ctx, batch) {
		return false
	}
	d.acknowledge(batch, last)
	return true
}

// fromMemory carries settles that the disk did not take. They come after everything on the disk.
func (d *dbWriter) fromMemory(ctx context.Context) bool {
	j := d.l.j
	j.state.Lock()
	n := min(len(j.memory), d.l.o.BatchSize)
	if n == 0 || j.taken > 0 {
		j.state.Unlock()
		return false
	}
	if j.written > j.acked.Load() {
		j.state.Unlock()
		return true // the disk took some meanwhile: those come first
	}
	j.taken = n
	mine := j.memory[:n:n]
	j.state.Unlock()
	batch := d.batch[:0]
	for _, h := range mine {
		f, _ := parseFrame(h.frame)
		r, err := decodeRecord(f.body)
		if err != nil {
			d.l.problem("a settle in memory cannot be read", err)
			continue
		}
		batch = append(batch, r)
	}
	d.batch = batch
	ok := len(batch) == 0 || d.try(ctx, batch) == nil
	j.state.Lock()
	j.taken = 0
	if ok {
		for _, h := range mine {
			j.settled(h.callID)
		}
		j.memory = j.memory[n:]
	}
	j.state.Unlock()
	if !ok {
		// Tried once only, so that the journal gets its chance in between.
		d.pause(ctx, d.l.o.RetryFirst)
		signal(d.wake)
		return false
	}
	d.acknowledge(batch, mine[n-1].number)
	return true
}

// commit tries until the database has the batch; false when the ledger is being closed.
func (d *dbWriter) commit(ctx context.Context, batch []Record) bool {
	wait := d.l.o.RetryFirst
	for {
		err := d.try(ctx, batch)
		if err == nil {
			return true
		}
		d.l.o.Logger.Warn("spend batch not written, trying again", slog.Int("records", len(batch)), slog.Any("error", err))
		if !d.pause(ctx, wait/2+rand.N(wait/2+1)) {
			return false
		}
		wait = min(2*wait, d.l.o.RetryMost)
	}
}

func (d *dbWriter) try(ctx context.Context, batch []Record) error {
	ctx, cancel := context.WithTimeout(ctx, d.l.o.WriteTimeout)
	defer cancel()
	err := d.w.WriteSpend(ctx, batch)
	d.note(err)
	return err
}

func (d *dbWriter) tryHolds(ctx context.Context, open []AdmitRecord) error {
	ctx, cancel := context.WithTimeout(ctx, d.l.o.WriteTimeout)
	defer cancel()
	err := d.holds.WriteHolds(ctx, d.l.replica, open)
	d.note(err)
	return err
}

func (d *dbWriter) note(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failure = ""
	if err != nil {
		d.failure = err.Error()
	}
}

// acknowledge notes in the journal that the database has everything up to last, and deletes what is no longer needed.
// Losing the note costs only a repeated batch.
func (d *dbWriter) acknowledge(batch []Record, last uint64) {
	j := d.l.j
	j.acked.Store(last)
	d.mu.Lock()
	close(d.moved)
	d.moved = make(chan struct{})
	hooks := d.hooks
	d.mu.Unlock()
	for _, hook := range hooks {
		if len(batch) > 0 {
			hook(batch)
		}
	}
	clear(batch)
	_ = j.commit(kindAck, "", nil, nil)
	if d.tail.seg != nil {
		for _, name := range j.drop(d.tail.seg.seq) {
			d.l.alert("a damaged journal segment was set aside: " + name)
		}
	}
}

// pause waits; false when the ledger is being closed.
func (d *dbWriter) pause(ctx context.Context, wait time.Duration) bool {
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// wait returns when the database has every settle up to number.
func (d *dbWriter) wait(ctx context.Context, number uint64) error {
	d.hurry.Add(1)
	defer d.hurry.Add(-1)
	for {
		d.mu.Lock()
		moved := d.moved
		d.mu.Unlock()
		if d.l.j.acked.Load() >= number {
			return nil
		}
		signal(d.quick)
		signal(d.wake)
		select {
		case <-moved:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-d.stopped:
			return ErrClosed
		}
	}
}
