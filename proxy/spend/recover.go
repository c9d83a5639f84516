package spend

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"syscall"

	"github.com/oklog/ulid/v2"
)

// Recovery is what a start found in the journal.
type Recovery struct {
	Segments   int      // files of earlier runs
	Unwritten  int      // settled calls that the database may not have; they go there first
	Floored    int      // calls that were open when the process died; booked at their floor
	Truncated  int64    // bytes of a torn tail that were cut off
	Unreadable int      // calls that were open but whose admission this version cannot read
	SetAside   []string // damaged files, renamed; what could be read of them is kept
}

// lockDir makes the folder this process' own, until the file is closed.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open journal lock: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("journal folder %s is in use by another process", dir)
		}
		return nil, fmt.Errorf("lock journal folder: %w", err)
	}
	return f, nil
}

// replicaID reads the name of this replica, or makes one: it stays with the folder, since the holds in the database
// that this journal can settle carry it.
func replicaID(dir string) (string, error) {
	path := filepath.Join(dir, "replica")
	b, err := os.ReadFile(path)
	if err == nil {
		id := strings.TrimSpace(string(b))
		if _, err := ulid.ParseStrict(id); err != nil {
			return "", fmt.Errorf("journal file replica holds no replica id: %w", err)
		}
		return id, nil
	}
	if !os.IsNotExist(err) {
		return "", fmt.Errorf("read replica id: %w", err)
	}
	id := ulid.Make().String()
	tmp := path + ".tmp"
	if err := os.WriteFile(tmp, []byte(id+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("write replica id: %w", err)
	}
	if err := os.Rename(tmp, path); err != nil {
		return "", fmt.Errorf("write replica id: %w", err)
	}
	syncDir(dir)
	return id, nil
}

// recovered is the state of the journal at a start.
type recovered struct {
	report  Recovery
	segs    []*segment
	damaged []string // paths, to be set aside once what is good in them is written anew
	open    map[string]*openAdmit
	order   []string // call ids in the order of admission
	rescued [][]byte // settle bodies from damaged segments
	settles []uint64 // numbers of those in whole segments
	acked   uint64
	next    uint64
	seq     uint64
}

type openAdmit struct {
	seg  *segment // nil: it stood in a damaged segment
	from int64
	size int
	body []byte
	last *progress
}

// recoverDir reads every segment. It changes nothing but the torn tail of the last one.
func recoverDir(dir string) (*recovered, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.seg"))
	if err != nil {
		return nil, fmt.Errorf("list journal: %w", err)
	}
	sort.Strings(names)
	r := &recovered{open: map[string]*openAdmit{}, next: 1}
	numbers := map[string]uint64{} // body of a settle in a damaged segment -> its number
	for i, path := range names {
		seq, err := strconv.ParseUint(strings.TrimSuffix(filepath.Base(path), ".seg"), 10, 64)
		if err != nil {
			continue // not ours
		}
		r.seq = max(r.seq, seq)
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read journal: %w", err)
		}
		r.report.Segments++
		if err := r.segment(path, seq, b, i == len(names)-1, numbers); err != nil {
			return nil, err
		}
	}
	r.next = max(r.next, r.acked+1)
	for body, n := range numbers {
		if n > r.acked {
			r.rescued = append(r.rescued, []byte(body))
		}
	}
	sort.Slice(r.rescued, func(i, k int) bool { return numbers[string(r.rescued[i])] < numbers[string(r.rescued[k])] })
	return r, nil
}

func (r *recovered) segment(path string, seq uint64, b []byte, last bool, numbers map[string]uint64) error {
	s := scanSegment(b)
	whole := s.headerOK && s.good == len(b)
	torn := !whole && last && !s.later
	if torn {
		// The process or the machine stopped in the middle of a write: what was promised ends before it.
		r.report.Truncated += int64(len(b) - s.good)
		if s.good == 0 {
			if err := os.Remove(path); err != nil {
				return fmt.Errorf("remove torn journal segment: %w", err)
			}
			return nil
		}
		if err := os.Truncate(path, int64(s.good)); err != nil {
			return fmt.Errorf("cut torn journal segment: %w", err)
		}
	}
	seg := &segment{seq: seq, path: path, size: int64(s.good)}
	if whole || torn {
		r.segs = append(r.segs, seg)
	} else {
		seg = nil
		r.damaged = append(r.damaged, path)
	}
	if s.headerOK {
		r.acked = max(r.acked, s.header.acked)
		r.next = max(r.next, s.header.next)
	}
	for _, at := range s.frames {
		f, _ := parseFrame(b[at.from:at.to])
		switch f.kind {
		case kindAdmit:
			r.admit(seg, at, f.body)
		case kindProgress:
			if id, p, err := decodeProgress(f.body); err == nil && r.open[id] != nil {
				r.open[id].last = &p
			}
		case kindSettle:
			r.next = max(r.next, f.number+1)
			r.settle(f.body)
			if seg == nil {
				numbers[string(f.body)] = f.number
			} else {
				r.settles = append(r.settles, f.number)
			}
		case kindAck:
			r.acked = max(r.acked, f.number)
		}
	}
	return nil
}

func (r *recovered) admit(seg *segment, at span, body []byte) {
	a, err := decodeAdmit(body)
	if err != nil {
		r.report.Unreadable++
		return
	}
	id := a.Record.CallID
	if old := r.open[id]; old != nil && old.seg != nil {
		old.seg.open--
	} else if old == nil {
		r.order = append(r.order, id)
	}
	r.open[id] = &openAdmit{seg: seg, from: int64(at.from), size: at.to - at.from, body: append([]byte(nil), body...)}
	if seg != nil {
		seg.open++
	}
}

func (r *recovered) settle(body []byte) {
	d := decode(body)
	d.byte()
	id := d.text() // the first text of a record
	if o := r.open[id]; d.ok && o != nil {
		if o.seg != nil {
			o.seg.open--
		}
		delete(r.open, id)
	}
}
