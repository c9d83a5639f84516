package store

import (
	"errors"
	"fmt"

	"gorm.io/gorm"

	"gatehouse/models"
)

// sendKeys streams keys as sendRows does, but reads the columns by hand: there may be a million of them, a starting
// process serves nobody before it has them, and GORM takes more than twice as long.
func sendKeys(db *gorm.DB, since int64, send func(*models.Key)) (err error) {
	query, args := "SELECT "+keyColumns+", change_seq FROM keys", []any(nil)
	if since > 0 { // without a condition when all are wanted: a plan by the index would read them in a bad order
		query, args = query+" WHERE change_seq > ?", []any{since}
	}
	rows, err := db.Raw(query, args...).Rows()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		k := new(models.Key)
		if err := rows.Scan(keyFields(k)...); err != nil {
			return fmt.Errorf("read a key: %w", err)
		}
		send(k)
	}
	return rows.Err()
}

// keyFields are the places of keyColumns and change_seq in a row, in their order.
func keyFields(k *models.Key) []any {
	return []any{
		&k.ID, &k.Hash, &k.Name, &k.Alias, &k.UserID, &k.TeamID, &k.OrgID, &k.Models, &k.Aliases, &k.AllowedRoutes,
		&k.AccessGroupIDs, &k.Blocked, &k.BlockedReason, &k.Delegated, &k.ExpiresAt, &k.MaxBudget, &k.SoftBudget, &k.BudgetDuration, &k.TPMLimit, &k.RPMLimit,
		&k.MaxParallel, &k.ModelMaxBudget, &k.ModelRPMLimit, &k.ModelTPMLimit, &k.BudgetID, &k.TempBudgetIncrease,
		&k.TempBudgetExpiresAt, &k.RPMLimitType, &k.TPMLimitType, &k.AllowedCacheControls, &k.EnforcedParams, &k.Metadata, &k.Permissions,
		&k.Config, &k.Extra, &k.AutoRotate, &k.RotationInterval, &k.CreatedAt, &k.CreatedBy, &k.UpdatedAt, &k.UpdatedBy, &k.Seq,
	}
}
