package app

import (
	"context"
	"runtime/debug"
	"time"
)

// settled is how long after its start a process has done what it does once.
const settled = time.Second

// giveBack returns to the system, a moment after the start, what only the start needed: parsed configuration and
// migrations on the heap, and the pages of the program that ran for it.
func giveBack(ctx context.Context) {
	t := time.NewTimer(settled)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
		return
	}
	debug.FreeOSMemory()
	dropProgramPages()
}
