package store

import (
	"context"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"gatehouse/models"
)

const noAccessGroup = "no such access group"

// Setting loads one stored setting. Errors: fault.NotFound.
func (s *Store) Setting(ctx context.Context, name string) (*models.Setting, error) {
	var row models.Setting
	if err := s.read.WithContext(ctx).Take(&row, "name = ?", name).Error; err != nil {
		return nil, missing("load a setting", "no such setting", err)
	}
	return &row, nil
}

// Settings gives every stored setting, by name.
func (s *Store) Settings(ctx context.Context) ([]models.Setting, error) {
	var rows []models.Setting
	err := s.read.WithContext(ctx).Order("name").Find(&rows).Error
	return rows, fail("list settings", err)
}

// PutSetting writes a setting, new or not. Creation columns of one that exists stay.
func (s *Store) PutSetting(ctx context.Context, row *models.Setting) error {
	return s.mutate(ctx, "write a setting", func(db *gorm.DB) error {
		return db.Clauses(clause.OnConflict{
			Columns:   []clause.Column{{Name: "name"}},
			DoUpdates: clause.AssignmentColumns([]string{"value", "updated_at", "updated_by"}),
		}).Create(row).Error
	})
}

// DeleteSetting removes a setting, so that config.yaml speaks again; that it is not there is no error.
func (s *Store) DeleteSetting(ctx context.Context, name string) error {
	return s.mutate(ctx, "delete a setting", func(db *gorm.DB) error {
		return db.Exec("DELETE FROM settings WHERE name = ?", name).Error
	})
}

// AccessGroup loads one access group. Errors: fault.NotFound.
func (s *Store) AccessGroup(ctx context.Context, name string) (*models.AccessGroup, error) {
	var row models.AccessGroup
	if err := s.read.WithContext(ctx).Take(&row, "name = ?", name).Error; err != nil {
		return nil, missing("load an access group", noAccessGroup, err)
	}
	return &row, nil
}

// AccessGroups gives every stored access group, by name.
func (s *Store) AccessGroups(ctx context.Context) ([]models.AccessGroup, error) {
	var rows []models.AccessGroup
	err := s.read.WithContext(ctx).Order("name").Find(&rows).Error
	return rows, fail("list access groups", err)
}

// InsertAccessGroup adds an access group. Errors: fault.Conflict with Param "access_group".
func (s *Store) InsertAccessGroup(ctx context.Context, row *models.AccessGroup) error {
	return s.mutate(ctx, "add an access group", func(db *gorm.DB) error { return db.Create(row).Error })
}

// UpdateAccessGroup writes the models of a group and who changed it. Errors: fault.NotFound.
func (s *Store) UpdateAccessGroup(ctx context.Context, row *models.AccessGroup) error {
	return s.mutate(ctx, "update an access group", func(db *gorm.DB) error {
		return changed(db.Model(&models.AccessGroup{}).Where("name = ?", row.Name).Updates(map[string]any{
			"models": row.Models, "updated_at": row.UpdatedAt, "updated_by": row.UpdatedBy,
		}), noAccessGroup)
	})
}

// DeleteAccessGroup removes an access group. Errors: fault.NotFound.
func (s *Store) DeleteAccessGroup(ctx context.Context, name string) error {
	return s.mutate(ctx, "delete an access group", func(db *gorm.DB) error {
		return changed(db.Exec("DELETE FROM access_groups WHERE name = ?", name), noAccessGroup)
	})
}
