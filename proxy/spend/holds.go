package spend

import (
	"context"
	"os"
)

// admitted remembers a call for the next round of holds.
func (d *dbWriter) admitted(callID string) {
	d.mu.Lock()
	d.fresh = append(d.fresh, callID)
	d.mu.Unlock()
	signal(d.wake)
}

// writeHolds gives the database the calls that were admitted since the last round and are still open. Most calls are
// over before: they cost nothing here. A failure is tried again with the next round.
func (d *dbWriter) writeHolds(ctx context.Context) {
	if d.holds == nil {
		return
	}
	d.mu.Lock()
	fresh := d.fresh
	d.fresh = nil
	d.mu.Unlock()
	for len(fresh) > 0 && ctx.Err() == nil {
		n := min(len(fresh), d.l.o.BatchSize)
		if open := d.l.j.stillOpen(fresh[:n]); len(open) > 0 {
			if err := d.tryHolds(ctx, open); err != nil {
				d.mu.Lock()
				d.fresh = append(fresh, d.fresh...)
				d.mu.Unlock()
				d.pause(ctx, d.l.o.RetryFirst)
				signal(d.wake)
				return
			}
		}
		fresh = fresh[n:]
	}
}

// stillOpen reads the admissions of those calls that have no settle.
func (j *journal) stillOpen(ids []string) []AdmitRecord {
	type place struct {
		path string
		at   int64
		size int
	}
	var places []place
	j.state.Lock()
	for _, id := range ids {
		if c := j.calls[id]; c != nil {
			places = append(places, place{c.seg.path, c.from, c.size})
		}
	}
	j.state.Unlock()
	files := map[string]*os.File{}
	defer closeAll(files)
	var out []AdmitRecord
	for _, p := range places {
		if a, err := decodeAdmit(readAdmit(files, p.path, p.at, p.size).body); err == nil {
			out = append(out, a)
		}
	}
	return out
}

// readAdmit reads the frame of an admission, opening each file once. A frame that is not there is empty.
func readAdmit(files map[string]*os.File, path string, at int64, size int) frame {
	f := files[path]
	if f == nil {
		var err error
		if f, err = os.Open(path); err != nil {
			return frame{}
		}
		files[path] = f
	}
	b := make([]byte, size)
	if _, err := f.ReadAt(b, at); err != nil {
		return frame{}
	}
	fr, state := parseFrame(b)
	if state != frameGood || fr.kind != kindAdmit {
		return frame{}
	}
	return fr
}

func closeAll(files map[string]*os.File) {
	for _, f := range files {
		_ = f.Close()
	}
}
