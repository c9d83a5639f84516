package spend

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// tail reads settles from the journal in the order in which they were written. What waits for the database waits on the
// disk, not in memory, and a start after a crash reads the same way. One goroutine uses it.
type tail struct {
	j       *journal
	seg     *segment
	at      int64
	f       *os.File
	buf     []byte
	problem func(string, error)
}

const tailChunk = 64 << 10

// read appends settles above the acknowledged number to into, until it holds limit or the journal ends, and returns the
// number up to which that is all there is (0: nothing was read).
func (t *tail) read(into []Record, limit int, acked uint64) ([]Record, uint64, error) {
	var last uint64
	for len(into) < limit {
		size, more, end := t.position()
		if t.seg == nil || t.at >= size && !more {
			return into, max(last, end), nil
		}
		if t.at >= size {
			t.next()
			continue
		}
		b, err := t.chunk(size)
		if err != nil {
			return into, last, err
		}
		used := 0
		for len(into) < limit && used < len(b) {
			f, state := parseFrame(b[used:])
			if state != frameGood {
				break
			}
			used += f.size
			if f.kind != kindSettle || f.number <= acked {
				continue
			}
			r, err := decodeRecord(f.body)
			if err != nil {
				t.damaged("a settle of the journal cannot be read", err)
				continue
			}
			into = append(into, r)
			last = f.number
		}
		t.at += int64(used)
		if used == 0 {
			if err := t.skip(b, size); err != nil {
				return into, last, err
			}
		}
	}
	return into, last, nil
}

// position is the end of what is written in the current segment, whether there is a later one, and the highest settle
// number written, which counts when the end is reached: numbers may be missing where a file was damaged.
func (t *tail) position() (int64, bool, uint64) {
	t.j.state.Lock()
	defer t.j.state.Unlock()
	segs := t.j.segs
	if t.seg == nil {
		if len(segs) == 0 {
			return 0, false, t.j.written
		}
		t.seg, t.at = segs[0], headerSize
	}
	return t.seg.size, segs[len(segs)-1] != t.seg, t.j.written
}

// next goes on to the following segment.
func (t *tail) next() {
	t.close()
	t.j.state.Lock()
	defer t.j.state.Unlock()
	for i, s := range t.j.segs {
		if s == t.seg && i+1 < len(t.j.segs) {
			t.seg, t.at = t.j.segs[i+1], headerSize
			return
		}
	}
}

func (t *tail) chunk(size int64) ([]byte, error) {
	if t.f == nil {
		f, err := os.Open(t.seg.path)
		if err != nil {
			return nil, fmt.Errorf("open journal segment: %w", err)
		}
		t.f = f
	}
	if t.buf == nil {
		t.buf = make([]byte, tailChunk)
	}
	b := t.buf[:min(int64(len(t.buf)), size-t.at)]
	n, err := t.f.ReadAt(b, t.at)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read journal segment: %w", err)
	}
	return b[:n], nil
}

// skip is called when no frame could be read at the current place: either the chunk was too small for it, or the disk
// gave back something else than was written.
func (t *tail) skip(b []byte, size int64) error {
	left := size - t.at
	if _, state := parseFrame(b); state == frameShort && int64(len(b)) < left && len(t.buf) < maxPayload+frameHead {
		t.buf = make([]byte, maxPayload+frameHead)
		return nil
	}
	rest := make([]byte, left)
	n, err := t.f.ReadAt(rest, t.at)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read journal segment: %w", err)
	}
	from := left
	for i := 1; i < n; i++ {
		if _, plausible := plausibleFrame(rest[i:n]); !plausible {
			continue
		}
		if _, state := parseFrame(rest[i:n]); state == frameGood {
			from = int64(i)
			break
		}
	}
	t.damaged("a part of the journal cannot be read", fmt.Errorf("%d bytes at %d", from, t.at))
	t.at += from
	return nil
}

// damaged keeps the segment for a person to look at, and says so.
func (t *tail) damaged(what string, err error) {
	t.j.state.Lock()
	t.seg.keep = true
	t.j.state.Unlock()
	t.problem(what, fmt.Errorf("%s: %w", t.seg.path, err))
}

func (t *tail) close() {
	if t.f != nil {
		_ = t.f.Close()
		t.f = nil
	}
	if len(t.buf) > tailChunk {
		t.buf = nil
	}
}
