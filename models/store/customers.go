package store

import (
	"context"

	"gorm.io/gorm"

	"gatehouse/models"
)

const noCustomer = "no such customer"

// CustomerRow is a customer as lists show it.
type CustomerRow struct {
	models.Customer `gorm:"embedded"`
	Spent           models.Nano
	Total           models.Nano
	ResetsAt        *models.Time
	LastUsedAt      models.Time // zero = never
}

// Customer loads one customer by id. Errors: fault.NotFound.
func (s *Store) Customer(ctx context.Context, id string) (*models.Customer, error) {
	var customer models.Customer
	if err := s.read.WithContext(ctx).Take(&customer, "id = ?", id).Error; err != nil {
		return nil, missing("load a customer", noCustomer, err)
	}
	return &customer, nil
}

// InsertCustomer adds a customer. Errors: fault.Conflict with Param "user_id", fault.Invalid for an unknown budget.
func (s *Store) InsertCustomer(ctx context.Context, customer *models.Customer) error {
	return s.mutate(ctx, "add a customer", func(db *gorm.DB) error { return db.Create(customer).Error })
}

// EnsureCustomers makes rows for end users seen for the first time, with the default budget if there is one. Those
// that exist stay as they are, and do not disturb the change feed.
func (s *Store) EnsureCustomers(ctx context.Context, ids []string, budgetID *string) error {
	if len(ids) == 0 {
		return nil
	}
	return s.mutate(ctx, "add customers", func(db *gorm.DB) error {
		var known []string
		if err := db.Raw("SELECT id FROM customers WHERE id IN ?", ids).Find(&known).Error; err != nil {
			return err
		}
		have := make(map[string]bool, len(known))
		for _, id := range known {
			have[id] = true
		}
		now := models.At(s.opt.Now())
		for _, id := range ids {
			if have[id] {
				continue
			}
			have[id] = true
			// Another replica may have been first by now; its row is as good as ours.
			if err := db.Exec(`INSERT INTO customers (id, budget_id, created_at, updated_at) VALUES (?, ?, ?, ?)
ON CONFLICT (id) DO NOTHING`, id, budgetID, now, now).Error; err != nil {
				return err
			}
		}
		return nil
	})
}

// UpdateCustomer writes every column of customer but its id, creation and stamp. Errors: fault.NotFound.
func (s *Store) UpdateCustomer(ctx context.Context, customer *models.Customer) error {
	return s.mutate(ctx, "update a customer", func(db *gorm.DB) error {
		return changed(db.Select("*").Omit("id", "created_at", "created_by", "change_seq").
			Where("id = ?", customer.ID).Updates(customer), noCustomer)
	})
}

// SetCustomersBlocked blocks or unblocks customers, making rows for those that are not there yet, since a block must
// hold before the first call too.
func (s *Store) SetCustomersBlocked(ctx context.Context, ids []string, blocked bool, by string) error {
	return s.mutate(ctx, "block customers", func(db *gorm.DB) error {
		now := models.At(s.opt.Now())
		for _, id := range ids {
			if err := db.Exec(`INSERT INTO customers (id, blocked, created_at, created_by, updated_at, updated_by) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET blocked = excluded.blocked, updated_at = excluded.updated_at, updated_by = excluded.updated_by`,
				id, blocked, now, by, now, by).Error; err != nil {
				return err
			}
		}
		return nil
	})
}

// DeleteCustomers removes customers and their counters, and returns how many there were.
func (s *Store) DeleteCustomers(ctx context.Context, ids []string) (count int64, err error) {
	err = s.mutate(ctx, "delete customers", func(db *gorm.DB) error {
		scopes := make([]string, len(ids))
		for i, id := range ids {
			scopes[i] = models.ScopeCustomer(id)
		}
		if err := db.Exec("DELETE FROM counters WHERE scope IN ?", scopes).Error; err != nil {
			return err
		}
		result := db.Exec("DELETE FROM customers WHERE id IN ?", ids)
		count = result.RowsAffected
		return result.Error
	})
	return count, err
}

// ListCustomers gives one page of customers by creation, newest first (page.Sort is not heard), and the number of all
// that match. search is part of id or alias.
func (s *Store) ListCustomers(ctx context.Context, search string, page Page) ([]CustomerRow, int64, error) {
	w := new(where)
	w.like(search, "e.id", "e.alias")
	total, err := s.count(ctx, "customers e", w)
	if err != nil || total == 0 {
		return nil, total, err
	}
	limit, offset := page.limits()
	var rows []CustomerRow
	err = s.read.WithContext(ctx).Raw("SELECT e.*, COALESCE(c.spent, 0) AS spent, COALESCE(c.total, 0) AS total, c.resets_at,"+
		" COALESCE(c.last_used_at, 0) AS last_used_at FROM customers e LEFT JOIN counters c ON c.scope = 'customer:' || e.id"+w.sql()+
		" ORDER BY e.created_at DESC, e.id DESC LIMIT ? OFFSET ?", append(w.args, limit, offset)...).Find(&rows).Error
	return rows, total, fail("list customers", err)
}
