package spend

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
)

// file is what the journal needs of a segment it writes; tests make it fail.
type file interface {
	WriteAt(b []byte, off int64) (int, error)
	Truncate(size int64) error
	Sync() error
	Close() error
}

type createFile func(path string) (file, error)

func createSegmentFile(path string) (file, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	syncDir(filepath.Dir(path))
	return f, nil
}

// segment is one file of the journal; its fields are guarded by journal.state.
type segment struct {
	seq  uint64
	path string
	size int64 // bytes that are written and good
	open int   // calls whose ADMIT stands here and that have no SETTLE yet
	keep bool  // it holds something unreadable: it is set aside, not deleted
}

// openCall is a call without a SETTLE: where its ADMIT stands, and the last running cost.
type openCall struct {
	seg  *segment
	from int64
	size int
	last *progress
}

// journal appends frames to segments. Callers gather in a batch; the first of a batch writes it for all of them while
// the next batch gathers, so there is one write(2) at a time, under any load, and none waits for a timer.
type journal struct {
	dir         string
	create      createFile
	segmentSize int64
	always      bool // fsync before a commit returns

	gather sync.Mutex
	cur    *batch
	next   uint64 // number of the next settle
	shut   bool

	write sync.Mutex // held by the one who writes; guards the two below
	out   file
	seg   *segment

	kick func() // wakes the one who syncs, closes full segments and tries again after a failure

	state   sync.Mutex // guards the fields below and the segments
	segs    []*segment
	calls   map[string]*openCall
	memory  []held // settles that the disk did not take, in order; they come after everything on disk
	taken   int    // how many of them are on their way to the database
	retired []file // full segments to sync and close
	failure error  // why the last write failed; nil when it did not
	lastSeq uint64
	written uint64 // highest settle number on the disk

	acked  atomic.Uint64 // highest settle number in the database
	booked atomic.Uint64 // highest settle number on the disk or in memory
	bytes  atomic.Int64  // of all segments
}

// held is a settle kept in memory.
type held struct {
	number uint64
	callID string
	frame  []byte
}

// batch is what one write puts down.
type batch struct {
	buf     []byte
	entries []entry
	done    chan struct{} // made by the first follower
	err     error
	users   atomic.Int32 // callers that have yet to read err
}

type entry struct {
	kind     byte
	callID   string
	from, to int
	number   uint64
	last     *progress
}

// commit writes one frame and returns when it is written (and, in always mode, synced). For a settle, an error means
// that the frame is kept in memory and tried again.
func (j *journal) commit(kind byte, callID string, body []byte, last *progress) error {
	j.gather.Lock()
	if j.shut {
		j.gather.Unlock()
		return ErrClosed
	}
	b := j.cur
	leader := len(b.entries) == 0
	var number uint64
	switch kind {
	case kindSettle:
		number = j.next
		j.next++
	case kindAck:
		number = j.acked.Load()
	}
	from := len(b.buf)
	b.buf = appendFrame(b.buf, kind, number, body)
	b.entries = append(b.entries, entry{kind, callID, from, len(b.buf), number, last})
	if !leader && b.done == nil {
		b.done = make(chan struct{})
	}
	j.gather.Unlock()
	if !leader {
		<-b.done
		err := b.err
		b.leave()
		return err
	}
	// Calls that could run now get to join the batch before it is written: of several that are due, one write.
	runtime.Gosched()
	j.write.Lock()
	j.gather.Lock()
	j.cur = acquireBatch()
	j.gather.Unlock()
	err := j.flush(b)
	j.write.Unlock()
	b.users.Store(int32(len(b.entries))) //nolint:gosec // calls under way
	if b.done != nil {
		b.err = err
		close(b.done)
	}
	b.leave()
	return err
}

var batches = sync.Pool{New: func() any { return new(batch) }}

func acquireBatch() *batch { return batches.Get().(*batch) }

// leave gives the batch back when the last of those who wrote into it has read what came of it.
func (b *batch) leave() {
	if b.users.Add(-1) > 0 || cap(b.buf) > 1<<20 {
		return
	}
	clear(b.entries)
	b.buf, b.entries, b.done, b.err = b.buf[:0], b.entries[:0], nil, nil
	batches.Put(b)
}

// flush puts down what is held in memory, then the batch. The caller holds write.
func (j *journal) flush(b *batch) error {
	err := j.flushMemory()
	if err == nil {
		var at int64
		if at, err = j.put(b.buf); err == nil {
			j.book(b, at)
			return nil
		}
	}
	j.state.Lock()
	j.failure = err
	for _, e := range b.entries {
		if e.kind == kindSettle {
			j.memory = append(j.memory, held{e.number, e.callID, append([]byte(nil), b.buf[e.from:e.to]...)})
			j.booked.Store(e.number)
		}
	}
	j.state.Unlock()
	j.kick()
	return fmt.Errorf("%w: %w", ErrJournal, err)
}

// flushMemory writes held settles. The caller holds write.
func (j *journal) flushMemory() error {
	j.state.Lock()
	if len(j.memory) == 0 {
		j.state.Unlock()
		return nil
	}
	if j.taken > 0 {
		// The database has them in hand: written now, they would go there twice.
		err := j.failure
		j.state.Unlock()
		return err
	}
	b := &batch{}
	for _, h := range j.memory {
		from := len(b.buf)
		b.buf = append(b.buf, h.frame...)
		b.entries = append(b.entries, entry{kindSettle, h.callID, from, len(b.buf), h.number, nil})
	}
	j.taken = len(j.memory) // no one else may take them meanwhile
	j.state.Unlock()
	at, err := j.put(b.buf)
	j.state.Lock()
	j.taken = 0
	if err == nil {
		j.memory = nil
	}
	j.state.Unlock()
	if err == nil {
		j.book(b, at)
	}
	return err
}

// put appends bytes to the current segment, making a new one when that is full, and returns where they begin. The
// caller holds write.
func (j *journal) put(b []byte) (int64, error) {
	if j.out == nil || j.seg.size >= j.segmentSize {
		if err := j.rotate(); err != nil {
			return 0, err
		}
		j.kick()
	}
	at := j.seg.size
	_, err := j.out.WriteAt(b, at)
	if err == nil && j.always {
		err = j.out.Sync()
	}
	if err != nil {
		// Nothing of it may stay: an ADMIT that was refused would be booked at the next start. The segment is given up,
		// since a failed sync may have thrown its dirty pages away; a write that found no room may go on in it.
		if cut := j.out.Truncate(at); cut != nil || j.always {
			_ = j.out.Close()
			j.out = nil
		}
		return 0, err
	}
	return at, nil
}

// book makes a written batch visible: to the reader, and among the open calls. The caller holds write.
func (j *journal) book(b *batch, at int64) {
	j.state.Lock()
	j.failure = nil
	j.seg.size = at + int64(len(b.buf))
	j.bytes.Add(int64(len(b.buf)))
	for i := range b.entries {
		e := &b.entries[i]
		switch e.kind {
		case kindAdmit:
			j.admitted(e.callID, &openCall{seg: j.seg, from: at + int64(e.from), size: e.to - e.from})
		case kindSettle:
			j.settled(e.callID)
			j.written = e.number
			j.booked.Store(max(e.number, j.booked.Load()))
		case kindProgress:
			if c := j.calls[e.callID]; c != nil {
				c.last = e.last
			}
		}
	}
	j.state.Unlock()
	if !j.always {
		j.kick()
	}
}

// admitted and settled keep the open calls; the caller holds state.
func (j *journal) admitted(callID string, c *openCall) {
	j.settled(callID)
	j.calls[callID] = c
	c.seg.open++
}

func (j *journal) settled(callID string) {
	if c := j.calls[callID]; c != nil {
		c.seg.open--
		delete(j.calls, callID)
	}
}

// rotate starts a segment. Calls that are still open from long ago move into it, so that one endless stream does not
// keep every segment after it on the disk. The caller holds write.
func (j *journal) rotate() error {
	j.gather.Lock()
	next := j.next
	j.gather.Unlock()
	j.state.Lock()
	seq := j.lastSeq + 1
	// Settles in memory are to stand in this segment, although later numbers are given out already.
	if len(j.memory) > 0 {
		next = j.memory[0].number
	}
	j.state.Unlock()
	s := &segment{seq: seq, path: filepath.Join(j.dir, fmt.Sprintf("%016d.seg", seq))}
	moved, frames := j.movable(seq)
	b := append(header{seq: seq, acked: j.acked.Load(), next: next}.append(nil), frames...)
	out, err := j.create(s.path)
	if err != nil {
		return err
	}
	if _, err = out.WriteAt(b, 0); err == nil && j.always {
		err = out.Sync()
	}
	if err != nil {
		_ = out.Close()
		_ = os.Remove(s.path)
		return err
	}
	s.size = int64(len(b))
	j.bytes.Add(s.size)
	j.state.Lock()
	if j.out != nil {
		j.retired = append(j.retired, j.out)
	}
	j.out, j.seg, j.lastSeq = out, s, seq
	j.segs = append(j.segs, s)
	for _, m := range moved {
		if c := j.calls[m.callID]; c != nil {
			c.seg.open--
			c.seg, c.from, c.size = s, headerSize+int64(m.from), m.to-m.from
			s.open++
		}
	}
	j.state.Unlock()
	return nil
}

// movable copies the frames of calls that were admitted two segments ago or earlier, with their running cost.
func (j *journal) movable(seq uint64) ([]entry, []byte) {
	type from struct {
		callID string
		path   string
		at     int64
		size   int
		last   *progress
	}
	var old []from
	j.state.Lock()
	for id, c := range j.calls {
		if c.seg.seq+2 <= seq {
			old = append(old, from{id, c.seg.path, c.from, c.size, c.last})
		}
	}
	j.state.Unlock()
	var moved []entry
	var frames []byte
	files := map[string]*os.File{}
	defer closeAll(files)
	for _, o := range old {
		fr := readAdmit(files, o.path, o.at, o.size)
		if fr.size == 0 {
			continue // it stays where it is
		}
		start := len(frames)
		frames = appendFrame(frames, kindAdmit, 0, fr.body)
		moved = append(moved, entry{kind: kindAdmit, callID: o.callID, from: start, to: len(frames)})
		if o.last != nil {
			frames = appendFrame(frames, kindProgress, 0, appendProgress(nil, o.callID, o.last))
		}
	}
	return moved, frames
}

// syncDir makes a new name durable. A folder that cannot be synced is no reason to refuse calls.
func syncDir(dir string) {
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync()
		_ = d.Close()
	}
}

// drop deletes the segments from the front that hold nothing the database lacks. below is the segment that the reader
// stands in. It returns what was set aside instead.
func (j *journal) drop(below uint64) []string {
	var gone []*segment
	j.state.Lock()
	for len(j.segs) > 0 {
		s := j.segs[0]
		if s.seq >= below || s == j.seg || s.open > 0 {
			break
		}
		gone = append(gone, s)
		j.segs = j.segs[1:]
	}
	j.state.Unlock()
	var aside []string
	for _, s := range gone {
		j.bytes.Add(-s.size)
		if s.keep {
			if name, err := setAside(s.path); err == nil {
				aside = append(aside, name)
			}
			continue
		}
		_ = os.Remove(s.path)
	}
	return aside
}

// setAside renames a segment so that no start reads it, and returns its new name.
func setAside(path string) (string, error) {
	name := path + ".bad"
	for i := 2; ; i++ {
		if _, err := os.Lstat(name); os.IsNotExist(err) {
			break
		}
		name = fmt.Sprintf("%s.bad%d", path, i)
	}
	if err := os.Rename(path, name); err != nil {
		return "", fmt.Errorf("set aside %s: %w", filepath.Base(path), err)
	}
	return filepath.Base(name), nil
}
