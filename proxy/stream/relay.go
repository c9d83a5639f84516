package stream

import (
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"sync"
	"time"

	"gatehouse/proxy/provider"
)

// End says how a stream ended.
type End uint8

// The ends. All but Complete send an error frame if somebody is there to read it.
const (
	Open       End = iota
	Complete       // the provider said so
	Failed         // the provider sent an error
	Truncated      // the provider's stream broke off
	Malformed      // the provider sent what nobody can read
	Idle           // no event for too long
	TooLong        // over the longest time a stream may take
	ClientGone     // the client left
	Shutdown       // the process stops
	Panic          // a bug here
)

// Source is a provider's answer: provider.Body.
type Source interface {
	io.Reader
	// ReadBy sets the deadline of the reads that follow. A read that misses it can be repeated.
	ReadBy(t time.Time)
}

// Options say how a stream is relayed. All but Longest are needed.
type Options struct {
	Source    Source
	Flight    *provider.Flight
	Filter    Filter
	Now       func() time.Time
	Heartbeat time.Duration // silence after which a heartbeat is sent
	Idle      time.Duration // silence after which the stream is given up
	Longest   time.Time     // when the stream is ended in any case; zero = never

	// Progress is called now and then while the stream goes on, with what was learned so far. nil: nobody asks.
	Progress func(*State)
	// Finish is called once, before the client can see that the stream is over: it settles the call. cause is for the log.
	Finish func(end End, cause error)
	// Frame is the error event for an end; nothing for ends that nobody sees.
	Frame func(end End) []byte
	// Closed is called once, last: it gives back what the stream used.
	Closed func()
}

// Relay is the body of a streamed answer: the server pulls from it and so sets the pace, which is all the backpressure
// there is to it. What blocks in Read is ended by the flight. For one goroutine.
type Relay struct {
	o Options
	*buffers
	off    int
	end    End
	over   bool      // nothing more is to come from upstream
	heard  time.Time // last bytes from upstream
	spoke  time.Time // last bytes to the client
	told   time.Time // last Progress
	by     time.Time // deadline set on the source
	events int       // handled by spoke
	closed bool
}

// buffers is the memory of a relay, which goes back to the pool at its end.
type buffers struct {
	parser Parser
	out    []byte
}

//nolint:gochecknoglobals // a pool
var pool = sync.Pool{New: func() any { return new(buffers) }}

func acquireBuffers() *buffers { return pool.Get().(*buffers) } //nolint:forcetypeassert // the pool holds nothing else

func releaseBuffers(b *buffers) {
	const keep = 64 << 10
	b.parser.reset()
	if b.out = b.out[:0]; cap(b.out) > keep {
		b.out = nil
	}
	pool.Put(b)
}

// The most that is held back before the first content (proxy.md §4.5).
const (
	maxHeldEvents = 64
	maxHeldBytes  = 256 << 10
)

// afterDone is how long the end of a stream may take after it has said that it is over: the connection is worth waiting
// for, but not long.
const afterDone = time.Second

// progressEvery is how often Progress is called.
const progressEvery = 10 * time.Second

// NewRelay makes the relay of one stream.
func NewRelay(o Options) *Relay {
	now := o.Now()
	return &Relay{o: o, buffers: acquireBuffers(), heard: now, spoke: now, told: now}
}

// Errors of Prime.
var (
	// ErrEmpty: the stream ended before it had begun.
	ErrEmpty = errors.New("the provider's stream ended before any content")
	// ErrFailed: the provider sent an error first; it is in the filter's state.
	ErrFailed = errors.New("the provider's stream began with an error")
	// ErrSlow: no content came before the deadline.
	ErrSlow = errors.New("the provider's stream did not begin in time")
	// ErrMalformed: the provider sent what nobody can read.
	ErrMalformed = errors.New("the provider's stream cannot be read")
)

// Prime reads until the first content, so that a failure before it can still be retried or answered with a status.
// What came before is held and sent first. After an error the relay is not used, but closed by Drop.
func (r *Relay) Prime(deadline time.Time) error {
	r.o.Source.ReadBy(deadline)
	state := r.o.Filter.State()
	for {
		for {
			ev, ok := r.parser.Next()
			if !ok {
				break
			}
			if err := r.event(ev); err != nil {
				return ErrMalformed
			}
			if state.Failure != nil {
				return ErrFailed
			}
			if state.Started || state.Done || state.Finished || state.Events >= maxHeldEvents || len(r.out) >= maxHeldBytes {
				r.heard = r.o.Now()
				if state.Done {
					r.finish(Complete, nil)
				}
				return nil
			}
		}
		if err := r.fill(); err != nil {
			switch {
			case isTimeout(err) && r.o.Flight.Cause() == provider.Running:
				return ErrSlow
			case errors.Is(err, ErrEventSize):
				return ErrMalformed
			}
			if ev, ok := r.parser.Rest(); ok && r.event(ev) == nil && state.Failure != nil {
				return ErrFailed
			}
			return fmt.Errorf("%w: %w", ErrEmpty, err)
		}
	}
}

func (r *Relay) event(ev Event) error {
	out, err := r.o.Filter.Event(ev, r.out)
	r.out = out
	return err //nolint:wrapcheck // the filter's own
}

// fill reads more from upstream.
func (r *Relay) fill() error {
	room, err := r.parser.Room()
	if err != nil {
		return err
	}
	n, err := r.o.Source.Read(room)
	r.parser.Filled(n)
	if n > 0 {
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err //nolint:wrapcheck // io.EOF must stay itself
}

func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout()
}

// Read gives the client what has come, as soon as it has come.
func (r *Relay) Read(p []byte) (n int, err error) {
	defer func() {
		if v := recover(); v != nil {
			r.panicked(v)
			n, err = 0, io.ErrUnexpectedEOF
		}
	}()
	for r.off == len(r.out) {
		r.out, r.off = r.out[:0], 0
		if r.over {
			return 0, io.EOF
		}
		r.pump()
	}
	n = copy(p, r.out[r.off:])
	r.off += n
	return n, nil
}

func (r *Relay) panicked(v any) {
	r.over = true
	r.finish(Panic, fmt.Errorf("panic in a stream: %v\n%s", v, debug.Stack()))
}

// pump handles every event that is here and, only when that gave nothing to send, waits for more.
func (r *Relay) pump() {
	if r.end == Complete {
		r.drain()
		return
	}
	state := r.o.Filter.State()
	for {
		ev, ok := r.parser.Next()
		if !ok {
			break
		}
		if r.handled(ev) {
			return
		}
	}
	if len(r.out) > 0 {
		return
	}
	r.wait()
	err := r.fill()
	switch {
	case err == nil:
		r.heard = r.o.Now()
		// A provider that sends comments only keeps itself alive, not our client.
		if r.heard.Sub(r.spoke) > 2*r.o.Heartbeat {
			r.spoke = r.heard
			r.out = append(r.out, r.o.Filter.Heartbeat()...)
		}
	case r.o.Flight.Cause() != provider.Running:
		r.cancelled()
	case isTimeout(err):
		r.silence()
	case errors.Is(err, ErrEventSize):
		r.stop(Malformed, err)
	default:
		if ev, ok := r.parser.Rest(); ok && r.handled(ev) {
			return
		}
		if errors.Is(err, io.EOF) && state.Finished {
			r.out = r.o.Filter.End(r.out)
			r.finish(Complete, nil)
			r.over = true
			return
		}
		r.stop(Truncated, err)
	}
}

// handled passes one event through the filter; true when it was the last.
func (r *Relay) handled(ev Event) bool {
	if err := r.event(ev); err != nil {
		r.stop(Malformed, err)
		return true
	}
	state := r.o.Filter.State()
	if state.Failure != nil {
		r.stop(Failed, nil)
		return true
	}
	if state.Done {
		r.finish(Complete, nil)
		return true
	}
	return false
}

// wait sets the deadline of the next read: the heartbeat, or the end of patience. It is moved only when it is worth it,
// since each move costs.
func (r *Relay) wait() {
	now := r.o.Now()
	if len(r.out) == 0 && r.off == 0 && r.o.Filter.State().Events > r.events {
		r.events, r.spoke = r.o.Filter.State().Events, now
	}
	if r.o.Progress != nil && now.Sub(r.told) >= progressEvery {
		r.told = now
		r.o.Progress(r.o.Filter.State())
	}
	next := now.Add(r.o.Heartbeat)
	if last := r.heard.Add(r.o.Idle); last.Before(next) {
		next = last
	}
	if !r.o.Longest.IsZero() && r.o.Longest.Before(next) {
		next = r.o.Longest
	}
	if early := next.Sub(r.by); early >= 0 && early < r.o.Heartbeat/8 && r.by.After(now) {
		return
	}
	r.by = next
	r.o.Source.ReadBy(next)
}

// silence is a read that missed its deadline.
func (r *Relay) silence() {
	r.by = time.Time{}
	now := r.o.Now()
	switch {
	case !r.o.Longest.IsZero() && !now.Before(r.o.Longest):
		r.stop(TooLong, nil)
	case now.Sub(r.heard) >= r.o.Idle:
		r.stop(Idle, nil)
	default:
		r.spoke = now
		r.out = append(r.out, r.o.Filter.Heartbeat()...)
	}
}

// cancelled is a flight that somebody ended.
func (r *Relay) cancelled() {
	if r.o.Flight.Cause() == provider.Shutdown {
		r.stop(Shutdown, nil)
		return
	}
	r.stop(ClientGone, nil)
}

// stop ends the stream with an error frame.
func (r *Relay) stop(end End, cause error) {
	r.over = true
	r.finish(end, cause)
	if end != ClientGone {
		r.out = append(r.out, r.o.Frame(end)...)
	}
}

// drain reads what follows the end mark, so that the connection can be used again.
func (r *Relay) drain() {
	r.o.Source.ReadBy(r.o.Now().Add(afterDone))
	for {
		r.parser.reset()
		if r.fill() != nil {
			r.over = true
			return
		}
	}
}

func (r *Relay) finish(end End, cause error) {
	if r.end != Open {
		return
	}
	r.end = end
	r.o.Finish(end, cause)
}

// Close ends the stream. A server that could not write closes before the end: the client is gone.
func (r *Relay) Close() (err error) {
	if r.closed {
		return nil
	}
	r.closed = true
	defer func() {
		if v := recover(); v != nil {
			r.panicked(v)
			err = io.ErrUnexpectedEOF
		}
		r.o.Closed()
		r.over = true
		releaseBuffers(r.buffers)
		r.buffers, r.off = new(buffers), 0
	}()
	if r.end == Open {
		r.o.Flight.Cancel(provider.ClientGone)
		r.finish(ClientGone, nil)
	}
	return nil
}

// Drop forgets a relay whose Prime failed: nothing is settled by it.
func (r *Relay) Drop() {
	r.closed = true
	releaseBuffers(r.buffers)
	r.buffers = nil
}
