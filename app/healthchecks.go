package app

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"gatehouse/app/config"
	"gatehouse/models"
	"gatehouse/models/fault"
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
	try    func(*models.Deployment, time.Duration) (proxy.Checked, bool, error)
	cfg    func() *config.Config
	now    func() time.Time
	log    *slog.Logger

	found atomic.Pointer[map[string]models.DeploymentHealth] // by deployment; nil while there are no checks
	live  singleflight.Group                                 // checks that somebody waits for
}

const (
	// healthLook is how often replicas read what was found.
	healthLook = 10 * time.Second
	// healthPatience is how long a check may take, and healthAtOnce how many there are at a time.
	healthPatience = 60 * time.Second
	healthAtOnce   = 4
	// While somebody waits for GET /health a check is given less, and more go at a time: monitors do not wait for a minute.
	livePatience = 10 * time.Second
	liveAtOnce   = 32
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
		if unchecked(d) || d.Disabled != "" {
			continue
		}
		if last, ok := found[d.ID]; !ok || !last.CheckedAt.After(before) {
			out = append(out, d)
		}
	}
	return out
}

func (h *healthChecks) checkAll(ctx context.Context, held func() error) error {
	var failed atomic.Pointer[error]
	h.each(h.due(), healthAtOnce, func(d *models.Deployment) {
		if ctx.Err() != nil || failed.Load() != nil {
			return
		}
		if err := h.one(ctx, d); err != nil {
			failed.Store(&err)
		}
	})
	if err := failed.Load(); err != nil {
		return *err
	}
	if err := held(); err != nil {
		return err
	}
	return h.store.PurgeDeploymentHealth(ctx, models.At(h.now().Add(-10*h.cfg().General.HealthInterval))) //nolint:wrapcheck // says what it did
}

// each does something with deployments, a few at a time, and waits for all.
func (h *healthChecks) each(list []*models.Deployment, atOnce int, do func(*models.Deployment)) {
	var group sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for _, d := range list {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			do(d)
		})
	}
	group.Wait()
}

// one checks a deployment and keeps what was found. One that cannot be checked is kept as well: nothing speaks against it.
func (h *healthChecks) one(ctx context.Context, d *models.Deployment) error {
	row := h.ask(d, healthPatience)
	if !row.Healthy {
		h.log.Warn("a deployment failed its health check", slog.String("deployment_id", d.ID), slog.String("model_group", d.ModelName), slog.Int("status", row.Status))
	}
	return h.store.SaveDeploymentHealth(ctx, &row) //nolint:wrapcheck // says what it did
}

// ask calls a deployment. The row of one that could not be checked has no status and says why.
func (h *healthChecks) ask(d *models.Deployment, patience time.Duration) models.DeploymentHealth {
	found, ok := h.check(d, patience)
	row := models.DeploymentHealth{DeploymentID: d.ID, Healthy: !ok || found.Status == http.StatusOK, CheckedAt: models.At(h.now()), Reason: found.Message}
	if ok {
		row.Status = found.Status
	}
	if len(row.Reason) > healthText {
		row.Reason = strings.ToValidUTF8(row.Reason[:healthText], "")
	}
	return row
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

// Checks tells how deployments are, by id. While there are background checks, it is what they found last, and those that
// have not been checked yet are called now, but for those that are to be left out of them; else all are called now. Callers
// who ask for the same at the same time share the calls.
func (h *healthChecks) Checks(ids []string) map[string]models.DeploymentHealth {
	out := make(map[string]models.DeploymentHealth, len(ids))
	var found map[string]models.DeploymentHealth
	if all := h.found.Load(); all != nil {
		found = *all
	}
	catalog := h.ring.Snapshot().Catalog()
	var ask []*models.Deployment
	for _, id := range ids {
		d := catalog.ByID(id)
		if d == nil || d.Disabled != "" {
			continue
		}
		if row, known := found[id]; known {
			out[id] = row
		} else if found == nil || !unchecked(d) {
			ask = append(ask, d)
		}
	}
	var mu sync.Mutex
	h.each(ask, liveAtOnce, func(d *models.Deployment) {
		v, _, _ := h.live.Do(d.ID, func() (any, error) { return h.ask(d, livePatience), nil })
		row, _ := v.(models.DeploymentHealth)
		mu.Lock()
		defer mu.Unlock()
		out[d.ID] = row
	})
	return out
}

// Try calls a deployment that is not in use. An error is why it could never serve.
func (h *healthChecks) Try(d *models.Deployment) (status int, reason string, err error) {
	config.FillFromEnv(d, os.Getenv)
	if d.Disabled != "" {
		return 0, "", fault.New(fault.Invalid, d.Disabled)
	}
	found, ok, err := h.try(d, healthPatience)
	switch {
	case err != nil:
		return 0, "", fault.New(fault.Invalid, proxy.Mask(err.Error())).WithCause(err)
	case !ok && found.Status == 0:
		return 0, "", fault.New(fault.Invalid, found.Message)
	case !ok:
		return 0, "", fault.New(fault.Unavailable, found.Message)
	}
	return found.Status, found.Message, nil
}

// unchecked says whether the operator keeps a deployment out of background checks.
func unchecked(d *models.Deployment) bool {
	off, _ := d.Info["disable_background_health_check"].(bool)
	return off
}

// healthChecks starts the checks.
func (p *process) healthChecks(background context.Context) *healthChecks {
	h := &healthChecks{store: p.store, ring: p.ring, router: p.router, check: p.plane.Check, try: p.plane.Try, cfg: p.cfg.Load, now: p.now, log: p.log}
	p.goRun(background, "health checks", func(ctx context.Context) error { h.run(ctx); return nil })
	return h
}
