package store

import (
	"context"

	"gorm.io/gorm"

	"gatehouse/models"
)

// SaveDeploymentHealth keeps what a check found in place of what the one before had.
func (s *Store) SaveDeploymentHealth(ctx context.Context, h *models.DeploymentHealth) error {
	return s.mutate(ctx, "save a health check", func(db *gorm.DB) error {
		return db.Exec(`INSERT INTO deployment_health (deployment_id, healthy, status, reason, checked_at) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (deployment_id) DO UPDATE SET healthy = excluded.healthy, status = excluded.status, reason = excluded.reason, checked_at = excluded.checked_at`,
			clean(h.DeploymentID), h.Healthy, h.Status, clean(h.Reason), h.CheckedAt).Error
	})
}

// DeploymentHealth lists what the last checks found, by deployment.
func (s *Store) DeploymentHealth(ctx context.Context) ([]models.DeploymentHealth, error) {
	var rows []models.DeploymentHealth
	err := s.read.WithContext(ctx).Raw("SELECT * FROM deployment_health ORDER BY deployment_id").Find(&rows).Error
	return rows, fail("list health checks", err)
}

// PurgeDeploymentHealth forgets checks from before: their deployments are gone.
func (s *Store) PurgeDeploymentHealth(ctx context.Context, before models.Time) error {
	return s.mutate(ctx, "purge health checks", func(db *gorm.DB) error {
		return db.Exec("DELETE FROM deployment_health WHERE checked_at < ?", before).Error
	})
}
