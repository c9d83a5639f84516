package app

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"strings"
	"time"

	"gatehouse/app/config"
	"gatehouse/models"
	"gatehouse/models/duration"
	"gatehouse/models/store"
	"gatehouse/proxy/keyring"
)

// jobs are what one replica does for all: budget resets of scopes that nobody calls, and the clearing of old rows.
type jobs struct {
	store *store.Store
	ring  *keyring.Ring
	cfg   func() *config.Config
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
	lastPurge := time.Time{}
	for {
		c := j.cfg()
		j.exclusive(ctx, "budget-reset", j.sweep)
		if now := j.now(); now.Sub(lastPurge) >= purgeEvery {
			lastPurge = now
			j.exclusive(ctx, "retention", j.purge)
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
			next := j.nextReset(snap, c)
			acted, err := j.store.RollWindow(ctx, c.Scope, *c.ResetsAt, next)
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

// nextReset is the first reset after now by the calendar of the scope's owner, from the time that was scheduled, so that
// windows missed while nothing ran are skipped. nil: the owner has no period any more.
func (j *jobs) nextReset(snap *keyring.Snapshot, c *models.Counter) *models.Time {
	text := durationOf(snap, c.Scope, j.now())
	if text == "" || c.ResetsAt == nil {
		return nil
	}
	d, err := duration.Parse(text)
	if err != nil {
		return nil
	}
	return models.AtPtr(d.NextAfter(c.ResetsAt.Time, j.now(), j.cfg().LiteLLM.Timezone))
}

// durationOf is the budget period of a scope's owner as written, "" for none.
func durationOf(snap *keyring.Snapshot, scope string, now time.Time) string {
	kind, id, _ := strings.Cut(scope, ":")
	switch kind {
	case "key":
		if g := snap.Grant(id); g != nil {
			return snap.KeyLimits(g, now.UnixMicro()).Duration
		}
	case "keymodel":
		keyID, model, _ := strings.Cut(id, "/")
		if g := snap.Grant(keyID); g != nil {
			return snap.KeyLimits(g, now.UnixMicro()).ModelBudgets[model].Duration
		}
	case "user":
		if u := snap.User(id); u != nil {
			return snap.UserLimits(u).Duration
		}
	case "team":
		if t := snap.Team(id); t != nil {
			return snap.TeamLimits(t).Duration
		}
	case "member":
		if team, user, ok := models.SplitMember(id); ok {
			if t := snap.Team(team); t != nil {
				return snap.MemberLimits(t, snap.Member(team, user)).Duration
			}
		}
	case "org":
		if o := snap.Org(id); o != nil {
			return snap.OrgLimits(o).Duration
		}
	case "customer":
		if c := snap.Customer(id); c != nil {
			return snap.CustomerLimits(c, "").Duration
		}
	}
	return ""
}

// purge removes what has had its time.
func (j *jobs) purge(ctx context.Context, held func() error) error {
	if _, err := j.store.PurgeSessions(ctx); err != nil {
		return err
	}
	if _, err := j.store.PurgeOldSecrets(ctx); err != nil {
		return err
	}
	if _, err := j.store.PurgeThrottles(ctx, models.At(j.now().Add(-throttleAge))); err != nil {
		return err
	}
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
