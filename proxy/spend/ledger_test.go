package spend

import (
	"testing"
)

func TestSettledCallsReachTheDatabase(t *testing.T) {
	t.Parallel()
	db := newDatabase()
	l := mustOpen(t, t.TempDir(), db, quick())
	for i := 1; i <= 2000; i++ {
		admit(t, l, i)
		settle(t, l, i)
	}
	flush(t, l)
	rows, order := db.snapshot()
	if len(rows) != 2000 {
		t.Fatalf("%d rows", len(rows))
	}
	for i, id := range order {
		if id != callID(i+1) {
			t.Fatalf("row %d is %s", i, id)
		}
	}
}
