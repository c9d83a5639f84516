package store_test

import (
	"strings"
	"testing"
	"time"

	"gatehouse/internal/testkit"
	"gatehouse/models"
	"gatehouse/models/store"
)

func TestKeysThatEndSoon(t *testing.T) {
	on(t, func(t *testing.T, s *store.Store, clock *testkit.Clock) {
		ctx, day := t.Context(), 24*time.Hour
		born := clock.Now()
		blocked := true
		for id, k := range map[string]models.Key{
			"soon":    {ExpiresAt: models.AtPtr(born.Add(30 * day))},
			"sooner":  {ExpiresAt: models.AtPtr(born.Add(29 * day))},
			"later":   {ExpiresAt: models.AtPtr(born.Add(40 * day))},
			"never":   {},
			"gone":    {ExpiresAt: models.AtPtr(born.Add(20 * day))},
			"blocked": {ExpiresAt: models.AtPtr(born.Add(30 * day)), Blocked: &blocked},
			"short":   {ExpiresAt: models.AtPtr(born.Add(30 * day)), Audit: models.Audit{CreatedAt: models.At(born.Add(27 * day))}},
		} {
			k.ID, k.Hash = id, "hash-"+id
			if k.CreatedAt.IsZero() {
				k.CreatedAt = models.At(born)
			}
			must(t, s.InsertKey(ctx, &k))
		}
		clock.Advance(28 * day)
		list := func(limit int) (ids []string) {
			for _, k := range got(s.ExpiringKeys(ctx, models.At(clock.Now().Add(3*day)), 7*day, limit))(t) {
				ids = append(ids, k.ID)
			}
			return ids
		}
		same(t, "those that end soon", strings.Join(list(10), " "), "sooner soon")
		same(t, "the first of them", strings.Join(list(1), " "), "sooner")
		sooner := got(s.Key(ctx, "sooner"))(t)
		same(t, "told", got(s.ClaimExpiry(ctx, sooner))(t), true)
		same(t, "told again", got(s.ClaimExpiry(ctx, sooner))(t), false)
		same(t, "left", strings.Join(list(10), " "), "soon")
		sooner.ExpiresAt = models.AtPtr(born.Add(30 * day))
		must(t, s.UpdateKey(ctx, sooner))
		same(t, "another end of the key is told anew", strings.Join(list(10), " "), "soon sooner")
		clock.Advance(399 * day)
		same(t, "kept", got(s.PurgeAlerts(ctx))(t), int64(0))
		clock.Advance(2 * day)
		same(t, "forgotten", got(s.PurgeAlerts(ctx))(t), int64(1))
	})
}
