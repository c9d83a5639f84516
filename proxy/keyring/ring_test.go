package keyring_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"gatehouse/internal/testkit"
	"gatehouse/models"
	"gatehouse/proxy/keyring"
)

var errTest = errors.New("database is away")

// running starts Run and stops it with the test.
func running(t *testing.T, r *keyring.Ring) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Run ended with %v", err)
		}
		goleak.VerifyNone(t, goleak.IgnoreCurrent())
	})
}

func TestAwait(t *testing.T) {
	t.Parallel()
	clock := testkit.NewClock()
	src := newFake()
	r := ring(t, src, clock)
	running(t, r)

	for i := range 20 {
		id := fmt.Sprint(i)
		seq := src.key(key(id, "sk-"+id))
		r.Await(t.Context(), seq)
		if lookup(r, "sk-"+id, clock.Now()) == nil {
			t.Fatalf("change %d is not enforced after Await", i)
		}
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	r.Await(gone, 1<<40) // a caller that left does not wait
	r.Await(t.Context(), 0)
}

// Await reads at once even where the source never says that something has changed.
func TestAwaitWithoutNotification(t *testing.T) {
	t.Parallel()
	src := &deafSource{fakeSource: newFake()}
	r := keyring.New(keyring.Options{Source: src, Decode: decode, Now: testkit.NewClock().Now, Poll: time.Hour})
	load(t, r)
	running(t, r)
	seq := src.key(key("a", "sk-a"))
	r.Await(t.Context(), seq)
	if r.Snapshot().Seq() != seq {
		t.Errorf("the snapshot stands at %d, want %d", r.Snapshot().Seq(), seq)
	}
}

type deafSource struct{ *fakeSource }

func (d *deafSource) Watch(ctx context.Context, _ int64) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestStale(t *testing.T) {
	t.Parallel()
	clock := testkit.NewClock()
	src := newFake()
	r := keyring.New(keyring.Options{Source: src, Decode: decode, Now: clock.Now})
	if r.Stale() < time.Hour {
		t.Error("an empty ring says it is fresh")
	}
	load(t, r)
	if r.Stale() != 0 {
		t.Errorf("stale %v after a load", r.Stale())
	}
	clock.Advance(time.Minute)
	src.fail(errTest)
	if r.Load(t.Context()) == nil || r.Stale() != time.Minute {
		t.Errorf("stale %v while the database is away", r.Stale())
	}
	src.fail(nil)
	load(t, r) // nothing changed, but the database answered
	if r.Stale() != 0 {
		t.Errorf("stale %v after the database is back", r.Stale())
	}
}

func TestRunOutlivesAnOutage(t *testing.T) {
	t.Parallel()
	clock := testkit.NewClock()
	src := newFake()
	src.key(key("a", "sk-a"))
	r := keyring.New(keyring.Options{Source: src, Decode: decode, Now: clock.Now, Poll: 10 * time.Millisecond})
	load(t, r)
	src.fail(errTest)
	running(t, r)
	seq := src.key(key("b", "sk-b"))
	if lookup(r, "sk-a", clock.Now()) == nil {
		t.Error("a known key is refused while the database is away")
	}
	src.fail(nil)
	r.Await(t.Context(), seq)
	if lookup(r, "sk-b", clock.Now()) == nil {
		t.Error("the change was not picked up after the outage")
	}
}

// Readers see whole states only: here that both keys of a pair are always of one generation.
func TestReadersSeeWholeStates(t *testing.T) {
	t.Parallel()
	clock := testkit.NewClock()
	src := &pairSource{}
	r := ring(t, src, clock)
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				s := r.Snapshot()
				a, b := s.Grant("a"), s.Grant("b")
				if a == nil || b == nil || a.Alias() != b.Alias() {
					t.Error("two generations in one snapshot")
					return
				}
			}
		})
	}
	for range 300 {
		load(t, r)
	}
	close(stop)
	readers.Wait()
}

// pairSource gives both keys a new alias with every read.
type pairSource struct{ seq int64 }

func (p *pairSource) Changes(_ context.Context, _ int64, sink models.ChangeSink) (int64, error) {
	p.seq++
	for _, id := range []string{"a", "b"} {
		k := key(id, fmt.Sprintf("sk-%s-%d", id, p.seq))
		k.Alias, k.Seq = ptr(fmt.Sprint(p.seq)), p.seq
		sink.Key(&k)
	}
	return p.seq, nil
}

func (p *pairSource) Watch(ctx context.Context, _ int64) error { <-ctx.Done(); return ctx.Err() }
