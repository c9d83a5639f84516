package store_test

import (
	"testing"
	"time"

	"gatehouse/internal/testkit"
	"gatehouse/models"
	"gatehouse/models/store"
)

func TestDeploymentHealth(t *testing.T) {
	on(t, func(t *testing.T, s *store.Store, clock *testkit.Clock) {
		ctx := t.Context()
		at := models.At(clock.Now())
		must(t, s.SaveDeploymentHealth(ctx, &models.DeploymentHealth{DeploymentID: "b", Status: 429, Reason: "slow\x00 down", CheckedAt: at}))
		must(t, s.SaveDeploymentHealth(ctx, &models.DeploymentHealth{DeploymentID: "a", Healthy: true, Status: 200, CheckedAt: at}))
		later := models.At(clock.Now().Add(time.Minute))
		must(t, s.SaveDeploymentHealth(ctx, &models.DeploymentHealth{DeploymentID: "b", Status: 503, Reason: "down", CheckedAt: later}))
		rows, err := s.DeploymentHealth(ctx)
		must(t, err)
		if len(rows) != 2 || !rows[0].Healthy || rows[1].Healthy || rows[1].Reason != "down" || !rows[1].CheckedAt.Equal(later.Time) || rows[1].Transient() {
			t.Errorf("%+v", rows)
		}
		must(t, s.PurgeDeploymentHealth(ctx, later))
		if rows, err = s.DeploymentHealth(ctx); err != nil || len(rows) != 1 || rows[0].DeploymentID != "b" {
			t.Errorf("%+v, %v", rows, err)
		}
	})
}
