package route

import (
	"math/rand/v2"
	"testing"
	"time"
)

// However many callers there are, the memory for them is bounded, and who calls all the time is not forgotten.
func TestAffinityIsBounded(t *testing.T) {
	t.Parallel()
	a := newAffinity()
	most := pinsAShard * len(a.shards)
	rng := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same numbers every time
	const busy = 42
	lost := 0
	for i := range 2 * most {
		now := int64(i)
		if i%100 == 0 {
			if i > 0 && a.get(busy, now) == "" {
				lost++
			}
			a.set(busy, "d", now, time.Hour)
		}
		a.set(rng.Uint64(), "d", now, time.Hour)
	}
	n := 0
	for i := range a.shards {
		n += len(a.shards[i].pins)
	}
	if n > most || n < most*9/10 {
		t.Errorf("%d are remembered, the bound is %d", n, most)
	}
	if lost > 2*most/100/100 {
		t.Errorf("one that calls all the time was forgotten %d times", lost)
	}
	now := int64(2 * time.Hour)
	for range most {
		a.set(rng.Uint64(), "d", now, time.Second)
		now += int64(time.Second)
	}
	n = 0
	for i := range a.shards {
		n += len(a.shards[i].pins)
	}
	if n > most {
		t.Errorf("%d are remembered", n)
	}
}
