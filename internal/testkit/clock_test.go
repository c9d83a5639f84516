package testkit_test

import (
	"testing"
	"time"

	"gatehouse/internal/testkit"
)

func TestClockMovesOnlyWhenTold(t *testing.T) {
	t.Parallel()
	clock := testkit.NewClock()
	if got := clock.Now(); !got.Equal(testkit.Epoch) || !clock.Now().Equal(got) {
		t.Fatalf("a new clock stands at %v, want %v", got, testkit.Epoch)
	}
	if got, want := clock.Advance(90*time.Minute), testkit.Epoch.Add(90*time.Minute); !got.Equal(want) || !clock.Now().Equal(want) {
		t.Fatalf("advanced to %v, want %v", got, want)
	}
	if got, want := clock.Advance(-2*time.Hour), testkit.Epoch.Add(-30*time.Minute); !got.Equal(want) {
		t.Fatalf("set back to %v, want %v", got, want)
	}
	clock.Set(time.Date(2026, 3, 1, 0, 0, 0, 0, time.FixedZone("east", 3600)))
	if got := clock.Now(); got.Location() != time.UTC || got.Day() != 28 {
		t.Fatalf("set to %v, want it in UTC", got)
	}
}
