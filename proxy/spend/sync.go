package spend

import (
	"time"
)

// syncer owns the disk side that no call waits for: fsync a little after a write, closing of full segments, and new
// tries after a failure. It sleeps while nothing is written.
type syncer struct {
	j       *journal
	every   time.Duration
	retry   time.Duration
	wake    chan struct{}
	stop    chan struct{}
	stopped chan struct{}
	problem func(string, error)
}

func (s *syncer) kick() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *syncer) run() {
	defer close(s.stopped)
	for {
		select {
		case <-s.wake:
		case <-s.stop:
			if s.failing() {
				s.j.probe()
			}
			s.sync()
			return
		}
		stopping := !s.pause(s.every)
		s.sync()
		for !stopping && s.failing() {
			stopping = !s.pause(s.retry)
			s.j.probe()
		}
	}
}

// pause waits; false when the syncer is to stop. A stop that comes meanwhile is still in the channel for run.
func (s *syncer) pause(d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-s.stop:
		return false
	}
}

func (s *syncer) failing() bool {
	s.j.state.Lock()
	defer s.j.state.Unlock()
	return s.j.failure != nil
}

// sync makes what is written durable. Only this goroutine closes files that are not synced at once, so none is closed
// under it.
func (s *syncer) sync() {
	s.j.write.Lock()
	out := s.j.out
	s.j.write.Unlock()
	s.j.state.Lock()
	retired := s.j.retired
	s.j.retired = nil
	s.j.state.Unlock()
	for _, f := range retired {
		if err := s.one(f); err != nil {
			s.problem("a full journal segment could not be synced", err)
		}
		_ = f.Close()
	}
	if out == nil || s.j.always {
		return
	}
	if err := out.Sync(); err != nil {
		s.problem("the journal could not be synced", err)
		s.j.giveUp(out, err)
	}
}

func (s *syncer) one(f file) error {
	if s.j.always {
		return nil
	}
	return f.Sync()
}

// giveUp ends the current segment after a failed sync and notes the failure; the next write starts another.
func (j *journal) giveUp(out file, cause error) {
	j.write.Lock()
	if j.out == out {
		_ = out.Close()
		j.out = nil
	}
	j.write.Unlock()
	j.state.Lock()
	j.failure = cause
	j.state.Unlock()
}

// probeRoom is what must fit for a disk to count as usable again. On a full one a few bytes often still fit into the last
// block, and a journal that takes nothing else would look whole every other moment.
const probeRoom = 16 << 10

// probe tries to write again after a failure: the settles kept in memory, and a frame of some size.
func (j *journal) probe() {
	j.write.Lock()
	defer j.write.Unlock()
	err := j.flushMemory()
	if err == nil {
		b := &batch{buf: appendFrame(nil, kindAck, j.acked.Load(), make([]byte, probeRoom))}
		var at int64
		if at, err = j.put(b.buf); err == nil {
			j.book(b, at)
			return
		}
	}
	j.state.Lock()
	j.failure = err
	j.state.Unlock()
}
