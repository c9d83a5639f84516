package app

import (
	"context"
	"sync/atomic"
	"time"

	"gatehouse/app/api"
	"gatehouse/models"
	"gatehouse/models/store"
	"gatehouse/proxy/keyring"
	"gatehouse/proxy/spend"
)

// A database that answers a trivial question neither at once nor within probeLimit is away. Both are short, since requests
// of the control plane wait until it is known (reliability.md §14: 503 in about 2 s).
const (
	probeEvery = time.Second
	probeLimit = 1200 * time.Millisecond
)

// requestLimit is the longest that a request of the control plane may work.
const requestLimit = 30 * time.Second

// health keeps what the last probes found, so that a health request runs no query (reliability.md §14).
type health struct {
	store    *store.Store
	ring     *keyring.Ring
	ledger   *spend.Ledger
	checks   *healthChecks
	kept     *keptAnswers // nil: answers are not kept
	maxStale time.Duration
	version  string
	level    string

	now      func() time.Time
	behind   atomic.Int64 // Unix ns since when the ledger cannot write to the database; 0: it can
	dbDown   atomic.Bool
	draining atomic.Bool
	answers  atomic.Pointer[span] // the present time of a database that answers; nil before the first probe
}

// span is a time that ends.
type span struct {
	ctx context.Context //nolint:containedctx // it is what others wait on
	end context.CancelFunc
}

func newSpan() *span {
	ctx, end := context.WithCancel(context.Background())
	return &span{ctx, end}
}

// run probes the database until ctx ends.
func (h *health) run(ctx context.Context) {
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	for {
		h.probe(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (h *health) probe(ctx context.Context) {
	if l := h.ledger.Health(); l.Database == "" && !l.Replaying {
		h.behind.Store(0)
	} else {
		h.behind.CompareAndSwap(0, h.now().UnixNano())
	}
	probe, cancel := context.WithTimeout(ctx, probeLimit)
	defer cancel()
	err := h.store.Ping(probe)
	if !h.store.IsPostgres() && probe.Err() != nil {
		return // the file is on our own disk: slow is not away
	}
	h.dbDown.Store(err != nil)
	now := h.answers.Load()
	switch {
	case err != nil && now != nil:
		now.end()
	case err == nil && (now == nil || now.ctx.Err() != nil):
		h.answers.Store(newSpan())
	}
}

// Guard is the context of one request of the control plane. It ends when the database is found not to answer, so that
// nobody waits on one that hangs, and at once while that is so; a long report of one that answers goes on. done ends
// it; an answer that is still being written calls it late.
func (h *health) Guard(parent context.Context) (ctx context.Context, done func()) {
	ctx, cancel := context.WithTimeout(parent, requestLimit)
	now := h.answers.Load()
	if now == nil {
		return ctx, cancel
	}
	stop := context.AfterFunc(now.ctx, cancel)
	return ctx, func() { stop(); cancel() }
}

// Readiness says whether calls can be served: with the database away, known keys are, while the snapshot is fresh.
func (h *health) Readiness() (api.Readiness, bool) {
	r := api.Readiness{Status: "healthy", DB: "connected", Version: h.version, LogLevel: h.level, Cache: h.kept.state()}
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

// Checks tells how deployments are, by id.
func (h *health) Checks(ids []string) map[string]models.DeploymentHealth { return h.checks.Checks(ids) }

// Try calls a deployment that is not in use.
func (h *health) Try(d *models.Deployment) (status int, reason string, err error) {
	return h.checks.Try(d)
}

// Lag is how old the spend numbers in the database are: 0 while calls are booked as they end.
func (h *health) Lag() time.Duration {
	since := h.behind.Load()
	if since == 0 {
		return 0
	}
	return h.now().Sub(time.Unix(0, since))
}
