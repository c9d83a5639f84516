package store

import (
	"context"

	"gorm.io/gorm"

	"gatehouse/models"
)

const noDeployment = "no such model"

// Deployment loads one stored model by id. Errors: fault.NotFound.
func (s *Store) Deployment(ctx context.Context, id string) (*models.DeploymentRow, error) {
	var row models.DeploymentRow
	if err := s.read.WithContext(ctx).Take(&row, "id = ?", id).Error; err != nil {
		return nil, missing("load a model", noDeployment, err)
	}
	return &row, nil
}

// ListDeployments gives every stored model, by creation.
func (s *Store) ListDeployments(ctx context.Context) ([]models.DeploymentRow, error) {
	var rows []models.DeploymentRow
	err := s.read.WithContext(ctx).Order("created_at, id").Find(&rows).Error
	return rows, fail("list models", err)
}

// InsertDeployment adds a model. Errors: fault.Conflict with Param "id".
func (s *Store) InsertDeployment(ctx context.Context, row *models.DeploymentRow) error {
	return s.mutate(ctx, "add a model", func(db *gorm.DB) error { return db.Create(row).Error })
}

// UpdateDeployment writes every column of row but its id, creation and stamp. Errors: fault.NotFound.
func (s *Store) UpdateDeployment(ctx context.Context, row *models.DeploymentRow) error {
	return s.mutate(ctx, "update a model", func(db *gorm.DB) error {
		return changed(db.Select("*").Omit("id", "created_at", "created_by", "change_seq").
			Where("id = ?", row.ID).Updates(row), noDeployment)
	})
}

// SetSealed writes the sealed secrets of one model, for a change of the salt key. Errors: fault.NotFound.
func (s *Store) SetSealed(ctx context.Context, id, sealed string) error {
	return s.mutate(ctx, "seal a model's secrets", func(db *gorm.DB) error {
		return changed(db.Exec("UPDATE deployments SET sealed = ? WHERE id = ?", sealed, id), noDeployment)
	})
}

// DeleteDeployment removes a model. Errors: fault.NotFound.
func (s *Store) DeleteDeployment(ctx context.Context, id string) error {
	return s.mutate(ctx, "delete a model", func(db *gorm.DB) error {
		return changed(db.Exec("DELETE FROM deployments WHERE id = ?", id), noDeployment)
	})
}
