package budget

import (
	"context"
	"errors"
	"testing"
	"time"

	"gatehouse/internal/testkit"
	"gatehouse/proxy/keyring"
)

// lastBank notes what a replica tells the others of its last calls.
type lastBank struct {
	*modelBank
	told chan string
}

func (b *lastBank) Last(_ context.Context, replica string, scopes ...string) error {
	for _, s := range scopes {
		b.told <- replica + " " + s
	}
	return nil
}

// Two replicas have a crumb each, less than a call: the one where a call runs on what is left says so when it is asked to
// give back, and the other one lets none through on its crumb while it has heard that.
func TestOneReplicaHasTheLastCall(t *testing.T) {
	t.Parallel()
	clock := testkit.NewClock()
	want := []Want{{Scope: "key:a", Cap: keyring.Cap{N: 50, Set: true}}}
	start := func() (*Ledger, *lastBank) {
		bank := &lastBank{modelBank: newModelBank(), told: make(chan string, 1)}
		bank.live["here"] = true
		l := New(Options{Now: clock.Now, Bank: bank, Replica: "here"})
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { defer close(done); _ = l.Share(ctx) }()
		t.Cleanup(func() { cancel(); <-done })
		l.Lease(clock.Now().Add(time.Hour), false)
		return l, bank
	}

	l, bank := start()
	hold, err := l.Reserve(want, Ask{Est: 111})
	if err != nil {
		t.Fatalf("the last call is refused: %v", err)
	}
	l.News("recall there key:a")
	select {
	case got := <-bank.told:
		if got != "here key:a" {
			t.Errorf("the others are told %q", got)
		}
	case <-time.After(testkit.Patience):
		t.Fatal("the others are not told that the last call runs here")
	}
	hold.Refund()

	l, _ = start()
	l.account("key:a")
	l.News("last here key:a") // its own words
	l.News("last there key:b")
	if hold, err = l.Reserve(want, Ask{Est: 111}); err != nil {
		t.Fatalf("refused, though nobody else has the last call: %v", err)
	}
	hold.Refund()
	l.News("last there key:a")
	var used *Exhausted
	if _, err = l.Reserve(want, Ask{Est: 111}); !errors.As(err, &used) {
		t.Fatalf("a crumb lets a call through beside the last one: %v", err)
	}
	if hold, err = l.Reserve(want, Ask{Est: 40}); err != nil {
		t.Fatalf("a call that fits is refused: %v", err)
	}
	hold.Refund()
	clock.Advance(lastFor)
	if _, err = l.Reserve(want, Ask{Est: 111}); err != nil {
		t.Errorf("refused, though nothing was heard for a while: %v", err)
	}
}
