package app

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"strings"
	"time"

	"gatehouse/app/config"
	"gatehouse/app/control"
	"gatehouse/app/mail"
	"gatehouse/models"
	"gatehouse/models/store"
	"gatehouse/proxy"
	"gatehouse/proxy/budget"
	"gatehouse/proxy/keyring"
)

// jobs are what one replica does for all: budget resets of scopes that nobody calls, and the clearing of old rows.
type jobs struct {
	store *store.Store
	ring  *keyring.Ring
	cfg   func() *config.Config
	mail  *mail.Mailer
	now   func() time.Time
	log   *slog.Logger
}

const (
	sweepBatch  = 500
	purgeEvery  = time.Hour
	purgeBatch  = 5000
	throttleAge = 48 * time.Hour
)

// run works until ctx ends.
func (j *jobs) run(ctx context.Context) {
	lastPurge, lastSpend := time.Time{}, time.Time{}
	for {
		c := j.cfg()
		j.exclusive(ctx, "budget-reset", j.sweep)
		if now := j.now(); now.Sub(lastPurge) >= purgeEvery {
			lastPurge = now
			j.exclusive(ctx, "retention", j.purge)
			j.exclusive(ctx, "keys-that-end", j.tellExpiry)
		}
		if every := time.Duration(c.General.RetentionInterval.Seconds()) * time.Second; j.now().Sub(lastSpend) >= every {
			lastSpend = j.now()
			j.exclusive(ctx, "spend-retention", j.purgeSpend)
		}
		wait := c.General.SweepMin
		if d := c.General.SweepMax - c.General.SweepMin; d > 0 {
			wait += rand.N(d) //nolint:gosec // spreads replicas in time; nothing secret
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

func (j *jobs) exclusive(ctx context.Context, name string, fn func(context.Context, func() error) error) {
	if _, err := j.store.Exclusive(ctx, name, fn); err != nil && ctx.Err() == nil {
		j.log.Warn("a job will be tried again", slog.String("job", name), slog.Any("error", err))
	}
}

// sweep rolls the windows of scopes whose reset is due. Calls roll their own at admission; this is for what lists show.
func (j *jobs) sweep(ctx context.Context, held func() error) error {
	if j.cfg().General.NoBudgetReset {
		return nil
	}
	for {
		if err := held(); err != nil {
			return err
		}
		due, err := j.store.DueCounters(ctx, sweepBatch)
		if err != nil || len(due) == 0 {
			return err
		}
		snap := j.ring.Snapshot()
		moved := false
		for i := range due {
			c := &due[i]
			start, next, rolled := j.roll(snap, c)
			if !rolled {
				continue
			}
			acted, err := j.store.RollWindow(ctx, c.Scope, start, next)
			if err != nil {
				return err
			}
			moved = moved || acted
		}
		if !moved || len(due) < sweepBatch {
			return nil
		}
	}
}

// roll is the window that a due counter should be in, by the calendar of its owner, as a call would work it out. The
// window of an owner who has no period any more just ends: next is nil.
func (j *jobs) roll(snap *keyring.Snapshot, c *models.Counter) (start models.Time, next *models.Time, rolled bool) {
	text, fixed := j.durationOf(snap, c.Scope)
	if text == "" {
		return *c.ResetsAt, nil, true
	}
	return budget.Roll(j.cfg().LiteLLM.Timezone, text, fixed, models.At(j.now()), *c)
}

// current is a counter in the window that it is in now, as its next call or the next sweep will write it.
func (j *jobs) current(c models.Counter) models.Counter {
	if j.cfg().General.NoBudgetReset || c.ResetsAt.After(j.now()) {
		return c
	}
	start, next, rolled := j.roll(j.ring.Snapshot(), &c)
	if rolled && start.Micros() > c.WindowStart.Micros() {
		c.WindowStart, c.ResetsAt, c.Spent = start, next, 0
	}
	return c
}

// durationOf is the budget period of a scope's owner as written, "" for none, and a reset that an operator fixed, Unix µs.
func (j *jobs) durationOf(snap *keyring.Snapshot, scope string) (text string, fixed int64) {
	caps, now := capsOf(j.cfg()), j.now()
	kind, id, _ := strings.Cut(scope, ":")
	of := func(l keyring.Limits) (string, int64) { return l.Duration, l.ResetAt }
	switch kind {
	case models.ScopeProxy:
		return caps.ProxyDuration, 0
	case "key":
		if g := snap.Grant(id); g != nil {
			return of(snap.KeyLimits(g, now.UnixMicro()))
		}
	case "keymodel":
		keyID, model, _ := strings.Cut(id, "/")
		if g := snap.Grant(keyID); g != nil {
			return snap.KeyLimits(g, now.UnixMicro()).ModelBudgets[model].Duration, 0
		}
	case "user":
		if u := snap.User(id); u != nil {
			return of(snap.UserLimits(u))
		}
	case "team":
		if t := snap.Team(id); t != nil {
			return of(snap.TeamLimits(t))
		}
	case "member":
		if team, user, ok := models.SplitMember(id); ok {
			if t := snap.Team(team); t != nil {
				return of(snap.MemberLimits(t, snap.Member(team, user)))
			}
		}
	case "org":
		if o := snap.Org(id); o != nil {
			return of(snap.OrgLimits(o))
		}
	case "customer":
		return of(snap.CustomerLimits(snap.Customer(id), caps.CustomerBudgetID))
	case "tag":
		return caps.Tags[id].Duration, 0
	case "provider":
		return providerCaps(j.cfg())[id].Period, 0
	case "deployment":
		if d := snap.Catalog().ByID(id); d != nil {
			limit, _ := proxy.DeploymentCap(d)
			return limit.Period, 0
		}
	}
	return "", 0
}

// purge removes what has had its time.
func (j *jobs) purge(ctx context.Context, _ func() error) error {
	if _, err := j.store.PurgeSessions(ctx); err != nil {
		return err
	}
	if _, err := j.store.PurgeOldSecrets(ctx); err != nil {
		return err
	}
	if _, err := j.store.PurgeCodes(ctx); err != nil {
		return err
	}
	if _, err := j.store.PurgeMails(ctx, models.At(j.now().Add(-mailsKept))); err != nil {
		return err
	}
	if _, err := j.store.PurgeJobs(ctx, models.At(j.now().Add(-control.JobsKept))); err != nil {
		return err
	}
	if _, err := j.store.PurgeAlerts(ctx); err != nil {
		return err
	}
	_, err := j.store.PurgeThrottles(ctx, models.At(j.now().Add(-throttleAge)))
	return err
}

// purgeSpend removes ledger rows that are older than maximum_spend_logs_retention_period.
func (j *jobs) purgeSpend(ctx context.Context, held func() error) error {
	keep := j.cfg().General.SpendRetention
	if keep.IsNever() {
		return nil
	}
	before := models.At(j.now().Add(-time.Duration(keep.Seconds()) * time.Second))
	for {
		if err := held(); err != nil {
			return err
		}
		n, err := j.store.PurgeSpend(ctx, before, purgeBatch)
		if err != nil || n < purgeBatch {
			return err
		}
	}
}
