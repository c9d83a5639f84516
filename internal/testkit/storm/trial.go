package storm

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// errStop ends an execution that has failed.
var errStop = errors.New("failed")

// trial is the testing.TB of one execution: it notes the failure and leaves the target to report it.
type trial struct {
	testing.TB
	failed bool
	text   strings.Builder
}

// Helper has nothing to mark.
func (*trial) Helper() {}

// Log notes nothing: only failures are shown.
func (*trial) Log(...any) {}

// Logf is Log.
func (*trial) Logf(string, ...any) {}

// Failed says whether the execution has failed.
func (t *trial) Failed() bool { return t.failed }

// Fail notes a failure.
func (t *trial) Fail() { t.failed = true }

// FailNow notes a failure and ends the execution.
func (t *trial) FailNow() {
	t.failed = true
	panic(errStop)
}

// Error notes a failure.
func (t *trial) Error(args ...any) {
	t.failed = true
	fmt.Fprintln(&t.text, args...)
}

// Errorf notes a failure.
func (t *trial) Errorf(format string, args ...any) {
	t.failed = true
	fmt.Fprintf(&t.text, format+"\n", args...)
}

// Fatal notes a failure and ends the execution.
func (t *trial) Fatal(args ...any) {
	t.Error(args...)
	t.FailNow()
}

// Fatalf notes a failure and ends the execution.
func (t *trial) Fatalf(format string, args ...any) {
	t.Errorf(format, args...)
	t.FailNow()
}
