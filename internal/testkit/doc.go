// Package testkit holds what tests of many packages share: databases of their own on real servers, a fake clock, a
// provider that misbehaves to order, and the built binary running on a free port. Only test files and e2e import it.
//
// Nothing here sleeps to wait for an event: waits end when their condition holds, and fail the test after [Patience].
package testkit

import (
	"context"
	"os"
	"testing"
	"time"
)

// Patience bounds every wait in this package. It is far above what a loaded two-core machine needs, so that reaching
// it means the awaited thing will not happen.
const Patience = 30 * time.Second

// noServices names the variable that `make test-unit` sets: tests that need a server are then skipped, and only then.
const noServices = "GATEHOUSE_TEST_NO_SERVICES"

// needServices skips the test when the run was asked to do without servers.
func needServices(tb testing.TB) {
	tb.Helper()
	if os.Getenv(noServices) == "1" {
		tb.Skip(noServices + "=1: this test needs a server")
	}
}

// patient returns a context that ends after [Patience] and outlives the test body, so that cleanups can use it.
func patient() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), Patience)
}
