package spend

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"gatehouse/models"
	"gatehouse/proxy/price"
)

// Options are the settings of a ledger; zero values mean what the comments say.
type Options struct {
	Now             func() time.Time // required; the end time of calls that a start settles
	Logger          *slog.Logger     // slog.Default()
	SyncAlways      bool             // fsync before Admit and Settle return (gatehouse.journal_sync: always)
	SyncEvery       time.Duration    // else fsync this long after a write; 20 ms
	SegmentSize     int64            // 16 MiB
	Gather          time.Duration    // how long settles gather before they go to the database after a quiet while; 25 ms
	GatherMost      time.Duration    // and twice as long each time while calls keep coming, up to this; 250 ms
	BatchSize       int              // or until there are that many; 2,048
	MaxBacklog      int              // settled calls that may wait for the database; 100,000
	MaxBacklogBytes int64            // bytes of journal; 1 GiB
	WriteTimeout    time.Duration    // for one try at the database; 10 s
	RetryFirst      time.Duration    // pause after a failed try, doubled each time; 50 ms
	RetryMost       time.Duration    // 5 s

	create createFile
}

func (o *Options) fill() error {
	if o.Now == nil {
		return errors.New("spend: Options.Now is required")
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.create == nil {
		o.create = createSegmentFile
	}
	o.SyncEvery = or(o.SyncEvery, 20*time.Millisecond)
	o.SegmentSize = or(o.SegmentSize, 16<<20)
	o.Gather = or(o.Gather, 25*time.Millisecond)
	o.GatherMost = max(o.Gather, or(o.GatherMost, 250*time.Millisecond))
	o.BatchSize = or(o.BatchSize, 2048)
	o.MaxBacklog = or(o.MaxBacklog, 100_000)
	o.MaxBacklogBytes = or(o.MaxBacklogBytes, 1<<30)
	o.WriteTimeout = or(o.WriteTimeout, 10*time.Second)
	o.RetryFirst = or(o.RetryFirst, 50*time.Millisecond)
	o.RetryMost = or(o.RetryMost, 5*time.Second)
	return nil
}

func or[T int | int64 | time.Duration](v, fallback T) T {
	if v <= 0 {
		return fallback
	}
	return v
}

// Ledger keeps every call until the database has it. Safe for concurrent use.
type Ledger struct {
	o        Options
	lock     *os.File
	replica  string
	recovery Recovery
	j        *journal
	sync     *syncer
	w        *dbWriter

	closing  atomic.Bool
	closed   sync.Once
	closeErr error
	replayed uint64 // number of the last settle of earlier runs

	mu     sync.Mutex
	alerts []string
}

// Open takes the journal folder, made when missing, and reads what earlier runs left in it: settled calls that the
// database may not have go there first, calls that were open are settled at their floor. Errors: the folder is in use,
// or cannot be read or written.
func Open(dir string, w Writer, o Options) (*Ledger, error) {
	if err := o.fill(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make journal folder: %w", err)
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	l := &Ledger{o: o, lock: lock}
	if err := l.open(dir, w); err != nil {
		_ = lock.Close()
		return nil, err
	}
	return l, nil
}

func (l *Ledger) open(dir string, w Writer) error {
	var err error
	if l.replica, err = replicaID(dir); err != nil {
		return err
	}
	r, err := recoverDir(dir)
	if err != nil {
		return err
	}
	l.j = &journal{
		dir: dir, create: l.o.create, segmentSize: l.o.SegmentSize, always: l.o.SyncAlways,
		cur: acquireBatch(), next: r.next, segs: r.segs, calls: map[string]*openCall{}, lastSeq: r.seq,
	}
	l.j.acked.Store(r.acked)
	l.j.written = r.next - 1
	l.j.booked.Store(r.next - 1)
	for _, s := range r.segs {
		l.j.bytes.Add(s.size)
	}
	l.sync = &syncer{
		j: l.j, every: l.o.SyncEvery, retry: 250 * time.Millisecond, wake: make(chan struct{}, 1),
		stop: make(chan struct{}), stopped: make(chan struct{}), problem: l.problem,
	}
	l.j.kick = l.sync.kick
	l.w = newDBWriter(l, w)
	l.adopt(r)
	go l.sync.run()
	l.w.start()
	return nil
}

// adopt takes over what a start found.
func (l *Ledger) adopt(r *recovered) {
	for _, n := range r.settles {
		if n > r.acked {
			r.report.Unwritten++
		}
	}
	written := true
	settle := func(body []byte, callID string) {
		if err := l.j.commit(kindSettle, callID, body, nil); err != nil {
			written = false
		}
	}
	for _, body := range r.rescued {
		r.report.Unwritten++
		settle(body, "")
	}
	for _, id := range r.order {
		o := r.open[id]
		if o == nil {
			continue
		}
		a, err := decodeAdmit(o.body)
		if err != nil {
			continue
		}
		if o.seg != nil {
			l.j.calls[id] = &openCall{seg: o.seg, from: o.from, size: o.size, last: o.last}
		}
		rec := l.floor(a, o.last)
		r.report.Floored++
		settle(appendRecord(nil, &rec), id)
	}
	// A damaged file goes out of the way only when all that was good in it stands elsewhere.
	for _, path := range r.damaged {
		if !written {
			l.alert("a damaged journal segment is still in place: " + path)
			continue
		}
		name, err := setAside(path)
		if err != nil {
			l.problem("a damaged journal segment could not be renamed", err)
			continue
		}
		r.report.SetAside = append(r.report.SetAside, name)
		l.alert("a damaged journal segment was set aside: " + name)
	}
	if r.report.Truncated > 0 {
		l.alert(fmt.Sprintf("the end of the journal was torn: %d bytes were cut off", r.report.Truncated))
	}
	if r.report.Unreadable > 0 {
		l.alert(fmt.Sprintf("%d open calls of the journal cannot be read", r.report.Unreadable))
	}
	l.recovery = r.report
	l.replayed = l.j.last()
	if l.Backlog() > 0 {
		l.w.kick()
	}
}

// floor is what a call is booked as when its process died before it settled.
func (l *Ledger) floor(a AdmitRecord, last *progress) Record {
	r := a.Record
	r.CostNano = a.FloorNano
	r.Lines = nil
	if last != nil {
		r.CostNano, r.Usage = last.floor, last.usage
	}
	r.Status, r.ErrorCode, r.SettledBy = StatusFailure, "process_ended", SettledByReplay
	r.UsageEstimated = true
	if r.End.IsZero() {
		r.End = l.o.Now()
	}
	return r
}

var scratch = sync.Pool{New: func() any { b := make([]byte, 0, 1024); return &b }}

// Admit writes down that a call is about to be sent. Only when it returns nil may the first byte go upstream; the
// errors are ErrJournal, ErrBacklog and ErrClosed, and all mean that the call is refused with 503.
func (l *Ledger) Admit(a AdmitRecord) error {
	if l.closing.Load() {
		return ErrClosed
	}
	if l.full() {
		return ErrBacklog
	}
	b := scratch.Get().(*[]byte)
	*b = appendAdmit((*b)[:0], &a)
	err := l.j.commit(kindAdmit, a.Record.CallID, *b, nil)
	release(b)
	if err == nil && l.w.holds != nil {
		l.w.admitted(a.Record.CallID)
	}
	return err
}

// Settle writes down what a call came to, once for each call, before its end is reported. It works without an Admit,
// for calls that nothing was sent for. On ErrJournal the record is kept in memory and written when that is possible:
// do not call again. A call that is charged to nobody, since it was refused, is left out with ErrBacklog when the backlog
// is full: whoever is refused in a loop must not fill the disk.
func (l *Ledger) Settle(r Record) error {
	if len(r.Charges) == 0 && l.full() {
		return ErrBacklog
	}
	b := scratch.Get().(*[]byte)
	*b = appendRecord((*b)[:0], &r)
	err := l.j.commit(kindSettle, r.CallID, *b, nil)
	release(b)
	l.w.kick()
	return err
}

// Progress notes the running cost of an open call, which is what it is booked at if this process dies. It is worth its
// write every few seconds of a long stream, not for every chunk.
func (l *Ledger) Progress(callID string, floor models.Nano, usage price.Usage) error {
	p := &progress{floor: floor, usage: usage}
	b := scratch.Get().(*[]byte)
	*b = appendProgress((*b)[:0], callID, p)
	err := l.j.commit(kindProgress, callID, *b, p)
	release(b)
	return err
}

func release(b *[]byte) {
	if cap(*b) <= 64<<10 {
		scratch.Put(b)
	}
}

func (l *Ledger) full() bool {
	return l.Backlog() >= l.o.MaxBacklog || l.j.bytes.Load() >= l.o.MaxBacklogBytes
}

// OnCommitted registers a function that is called with every batch the database has taken, in order, from one
// goroutine. The slice is only lent. Register before the first call.
func (l *Ledger) OnCommitted(f func([]Record)) { l.w.register(f) }

// Replica is the id of this replica, which stays with the journal folder.
func (l *Ledger) Replica() string { return l.replica }

// Recovery is what Open found.
func (l *Ledger) Recovery() Recovery { return l.recovery }

// Flush waits until the database has every call settled before.
func (l *Ledger) Flush(ctx context.Context) error { return l.w.wait(ctx, l.j.last()) }

// Replayed waits until the database has what earlier runs left.
func (l *Ledger) Replayed(ctx context.Context) error { return l.w.wait(ctx, l.replayed) }

// Close refuses new calls, gives the database until ctx ends to take what waits, and releases the folder. What it did
// not take, and calls still open, stay in the journal for the next start; the error says that something stayed.
func (l *Ledger) Close(ctx context.Context) error {
	l.closing.Store(true)
	l.closed.Do(func() {
		l.closeErr = l.Flush(ctx)
		l.j.gather.Lock()
		l.j.shut = true
		l.j.gather.Unlock()
		l.w.stop()
		close(l.sync.stop)
		<-l.sync.stopped
		l.j.close()
		if err := l.lock.Close(); err != nil && l.closeErr == nil {
			l.closeErr = fmt.Errorf("release journal folder: %w", err)
		}
	})
	return l.closeErr
}

// last is the number of the newest settle.
func (j *journal) last() uint64 {
	j.gather.Lock()
	defer j.gather.Unlock()
	return j.next - 1
}

// close ends the journal after its goroutines. When the database has everything, nothing needs to be read at the next
// start.
func (j *journal) close() {
	last := j.last()
	j.write.Lock()
	defer j.write.Unlock()
	if j.out != nil {
		_ = j.out.Close()
		j.out = nil
	}
	j.state.Lock()
	defer j.state.Unlock()
	for _, f := range j.retired {
		_ = f.Close()
	}
	if j.acked.Load() < last || len(j.calls) > 0 || len(j.memory) > 0 {
		return
	}
	for _, s := range j.segs {
		if s.keep {
			_, _ = setAside(s.path)
			continue
		}
		_ = os.Remove(s.path)
	}
}
