package app

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"gatehouse/app/config"
	"gatehouse/models"
	"gatehouse/models/store"
	"gatehouse/proxy"
	"gatehouse/proxy/keyring"
	"gatehouse/proxy/route"
)

// healthChecks calls every deployment now and then (background_health_checks): one replica does, all of them hear of it. With
// enable_health_check_routing, what failed gets no calls until it is well again or the check is stale.
type healthChecks struct {
	store  *store.Store
	ring   *keyring.Ring
	router *route.Router
	check  func(*models.Deployment, time.Duration) (proxy.Checked, bool)
	cfg    func() *config.Config
	now    func() time.Time
	log    *slog.Logger

	found atomic.Pointer[map[string]models.DeploymentHealth] // by deployment; nil while there are no checks
}

const (
	// healthLook is how often replicas read what was found.
	healthLook = 10 * time.Second
	// healthPatience is how long a check may take, and healthAtOnce how many there are at a time.
	healthPatience = 60 * time.Second
	healthAtOnce   = 4
	// healthText bounds the reason that is kept.
	healthText = 500
)

// run works until ctx ends.
func (h *healthChecks) run(ctx context.Context) {
	tick := time.NewTicker(healthLook)
	defer tick.Stop()
	for {
		if h.cfg().General.BackgroundHealth {
			if err := h.round(ctx); err != nil && ctx.Err() == nil {
				h.log.Warn("health checks will be tried again", slog.Any("error", err))
			}
		} else {
			h.found.Store(nil)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// round checks what is due, unless another replica does, and takes in what is known then.
func (h *healthChecks) round(ctx context.Context) error {
	if err := h.read(ctx); err != nil {
		return err
	}
	if len(h.due()) > 0 {
		ran, err := h.store.Exclusive(ctx, "health-checks", func(ctx context.Context, held func() error) error {
			if err := h.read(ctx); err != nil { // another replica may have been at it until now
				return err
			}
			return h.checkAll(ctx, held)
		})
		if err != nil {
			return err //nolint:wrapcheck // says what it did
		}
		if ran {
			if err := h.read(ctx); err != nil {
				return err
			}
		}
	}
	h.apply()
	return nil
}

// due are the deployments whose last check is an interval old.
func (h *healthChecks) due() []*models.Deployment {
	var out []*models.Deployment
	before := h.now().Add(-h.cfg().General.HealthInterval)
	found := *h.found.Load()
	for _, d := range h.ring.Snapshot().Catalog().Deployments() {
		if off, _ := d.Info["disable_background_health_check"].(bool); off || d.Disabled != "" {
			continue
		}
		if last, ok := found[d.ID]; !ok || !last.CheckedAt.After(before) {
			out = append(out, d)
		}
	}
	return out
}

func (h *healthChecks) checkAll(ctx context.Context, held func() error) error {
	due := h.due()
	var group sync.WaitGroup
	slots := make(chan struct{}, healthAtOnce)
	var failed atomic.Pointer[error]
	for _, d := range due {
		if ctx.Err() != nil || failed.Load() != nil {
			break
		}
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			if err := h.one(ctx, d); err != nil {
				failed.Store(&err)
			}
		})
	}
	group.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	if err := held(); err != nil {
		return err
	}
	return h.store.PurgeDeploymentHealth(ctx, models.At(h.now().Add(-10*h.cfg().General.HealthInterval))) //nolint:wrapcheck // says what it did
}

// one checks a deployment and keeps what was found. One that cannot be checked is kept as well: nothing speaks against it.
func (h *healthChecks) one(ctx context.Context, d *models.Deployment) error {
	row := models.DeploymentHealth{DeploymentID: d.ID, Healthy: true, CheckedAt: models.At(h.now())}
	if found, ok := h.check(d, healthPatience); ok {
		row.Status, row.Healthy, row.Reason = found.Status, found.Status == 200, found.Message
		if len(row.Reason) > healthText {
			row.Reason = row.Reason[:healthText]
		}
	}
	if !row.Healthy {
		h.log.Warn("a deployment failed its health check", slog.String("deployment_id", d.ID), slog.String("model_group", d.ModelName), slog.Int("status", row.Status))
	}
	return h.store.SaveDeploymentHealth(ctx, &row) //nolint:wrapcheck // says what it did
}

func (h *healthChecks) read(ctx context.Context) error {
	rows, err := h.store.DeploymentHealth(ctx)
	if err != nil {
		return err //nolint:wrapcheck // says what it did
	}
	found := make(map[string]models.DeploymentHealth, len(rows))
	for _, row := range rows {
		found[row.DeploymentID] = row
	}
	h.found.Store(&found)
	return nil
}

// apply tells the router. A check counts for two intervals: when there is no newer one by then, nobody knows.
func (h *healthChecks) apply() {
	cfg := h.cfg()
	for id, row := range *h.found.Load() {
		left := row.CheckedAt.Add(2 * cfg.General.HealthInterval).Sub(h.now())
		sick := cfg.Router.HealthRouting && !row.Healthy && (!cfg.Router.HealthNoTransient || !row.Transient())
		h.router.SetHealth(id, !sick || left <= 0, left)
	}
}

// last is why the last check of a deployment failed; ok is false when it did not, or there was none.
func (h *healthChecks) last(id string) (reason string, failed bool) {
	found := h.found.Load()
	if found == nil {
		return "", false
	}
	row, ok := (*found)[id]
	if !ok || row.Healthy {
		return "", false
	}
	return row.Reason, true
}

// healthChecks starts the checks.
func (p *process) healthChecks(background context.Context) *healthChecks {
	h := &healthChecks{store: p.store, ring: p.ring, router: p.router, check: p.plane.Check, cfg: p.cfg.Load, now: p.now, log: p.log}
	p.goRun(background, "health checks", func(ctx context.Context) error { h.run(ctx); return nil })
	return h
}
