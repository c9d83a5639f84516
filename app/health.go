package app

import (
	"context"
	"sync/atomic"
	"time"

	"gatehouse/app/api"
	"gatehouse/models/store"
	"gatehouse/proxy/keyring"
	"gatehouse/proxy/spend"
)

const (
	probeEvery = 2 * time.Second
	probeLimit = 2 * time.Second
)

// health keeps what the last probes found, so that a health request runs no query (reliability.md §14).
type health struct {
	store    *store.Store
	ring     *keyring.Ring
	ledger   *spend.Ledger
	maxStale time.Duration
	version  string
	level    string

	dbDown   atomic.Bool
	draining atomic.Bool
}

// run probes the database until ctx ends.
func (h *health) run(ctx context.Context) {
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	for {
		probe, cancel := context.WithTimeout(ctx, probeLimit)
		h.dbDown.Store(h.store.Ping(probe) != nil)
		cancel()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Readiness says whether calls can be served: with the database away, known keys are, while the snapshot is fresh.
func (h *health) Readiness() (api.Readiness, bool) {
	r := api.Readiness{Status: "healthy", DB: "connected", Version: h.version, LogLevel: h.level}
	if h.dbDown.Load() {
		r.Status, r.DB = "degraded", "Not connected"
		r.Reason = "the database does not answer; known keys are served"
	}
	unready := func(reason string) (api.Readiness, bool) {
		r.Status, r.Reason = "unhealthy", reason
		return r, false
	}
	if h.draining.Load() {
		return unready("shutting down")
	}
	if h.ring.Stale() > h.maxStale {
		return unready("the configuration is too old to be trusted")
	}
	if l := h.ledger.Health(); !l.Ready {
		return unready("the spend journal takes no calls: " + l.Journal)
	}
	return r, true
}
