package route

import (
	"context"
	"errors"
	"time"

	"gatehouse/models"
	"gatehouse/proxy/keyring"
	"gatehouse/proxy/limit"
)

// share counts an attempt in those limits of a deployment that refuse, over all replicas: calls in parallel where the
// operator set how many, and its rpm and tpm under enforce_model_rate_limits. Figures that only steer picks stay with each
// replica, so that a weight written as rpm costs no question. A slot is nil where there is nothing to share.
func (r *Router) share(cfg *Settings, d *models.Deployment, tokens int64) (*limit.Slot, *Unavailable) {
	if r.opt.Shared == nil {
		return nil, nil
	}
	want := limit.Want{Level: keyring.LevelDeployment, Scope: "deployment:" + d.ID, ID: d.ID}
	switch {
	case d.MaxParallel != nil:
		want.Parallel = keyring.Cap{N: *d.MaxParallel, Set: *d.MaxParallel > 0}
	case cfg.DefaultMaxParallel != nil:
		want.Parallel = keyring.Cap{N: *cfg.DefaultMaxParallel, Set: *cfg.DefaultMaxParallel > 0}
	}
	if cfg.EnforceRateLimits {
		want.RPM, want.TPM = capOf(d.RPM), capOf(d.TPM)
	}
	if !want.RPM.Set && !want.TPM.Set && !want.Parallel.Set {
		return nil, nil
	}
	slot, err := r.opt.Shared.Take(context.Background(), []limit.Want{want}, tokens)
	var refused *limit.Refused
	switch {
	case err == nil:
		return slot, nil
	case errors.As(err, &refused) && refused.Kind != limit.Parallel:
		return nil, &Unavailable{Reason: Limited, RetryAfter: max(time.Second, refused.RetryAfter)}
	}
	return nil, &Unavailable{Reason: Busy, RetryAfter: time.Second}
}

func capOf(n *int64) keyring.Cap {
	if n == nil {
		return keyring.Cap{}
	}
	return keyring.Cap{N: *n, Set: true}
}
