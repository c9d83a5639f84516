package control

import (
	"context"

	"github.com/google/uuid"

	"gatehouse/app/access"
	"gatehouse/models"
	"gatehouse/models/fault"
	"gatehouse/models/store"
)

// Budgets are the acts on budget rows.
type Budgets struct{ base }

func (b *Budgets) view(row *models.Budget) (*BudgetView, error) {
	v := &BudgetView{Budget: *row, ResetsAt: row.ResetAt}
	if row.ResetAt != nil && row.ResetAt.After(b.Now()) {
		return v, nil
	}
	var err error
	v.ResetsAt, err = nextReset(row.BudgetDuration, b.Now(), b.policy().Zone())
	return v, err
}

// New makes a budget row. Errors: Invalid for an id that is taken or a negative amount.
func (b *Budgets) New(ctx context.Context, who access.Actor, in BudgetFields) (*BudgetView, error) {
	if err := b.gate(ctx, who, access.BudgetWrite); err != nil {
		return nil, err
	}
	if err := in.check(); err != nil {
		return nil, err
	}
	if err := checkID("budget_id", in.ID); err != nil {
		return nil, err
	}
	var out *BudgetView
	err := b.change(ctx, who, access.BudgetWrite, in.ID, func(tx *store.Store) error {
		row := &models.Budget{ID: in.ID}
		if row.ID == "" {
			row.ID = uuid.NewString()
		}
		if _, err := tx.Budget(ctx, row.ID); !absent(err) {
			if err != nil {
				return err
			}
			return fault.BadField("budget_id", "Budget id = %s already exists", row.ID)
		}
		in.apply(&row.Limits)
		set(&row.ResetAt, in.ResetAt)
		b.stampNew(&row.Audit, who)
		if err := tx.InsertBudget(ctx, row); err != nil {
			return err
		}
		var err error
		if out, err = b.view(row); err != nil {
			return err
		}
		return b.audit(ctx, tx, who, access.BudgetWrite, row.ID, nil, row)
	})
	return out, err
}

// Update changes a budget row; the resets of what is linked to it move when the duration changes. Errors: Invalid without
// an id, NotFound.
func (b *Budgets) Update(ctx context.Context, who access.Actor, in BudgetFields) (*BudgetView, error) {
	if err := b.gate(ctx, who, access.BudgetWrite); err != nil {
		return nil, err
	}
	if in.ID == "" {
		return nil, fault.BadField("budget_id", "budget_id is required")
	}
	if err := in.check(); err != nil {
		return nil, err
	}
	var out *BudgetView
	err := b.change(ctx, who, access.BudgetWrite, in.ID, func(tx *store.Store) error {
		row, err := tx.Budget(ctx, in.ID)
		if err != nil {
			return notFound("budget", in.ID, err)
		}
		before := *row
		in.apply(&row.Limits)
		set(&row.ResetAt, in.ResetAt)
		if in.BudgetDuration.Sent && deref(before.BudgetDuration) != deref(row.BudgetDuration) && !in.ResetAt.Sent {
			row.ResetAt = nil
		}
		b.stampChange(&row.Audit, who)
		if err := tx.UpdateBudget(ctx, row); err != nil {
			return err
		}
		if deref(before.BudgetDuration) != deref(row.BudgetDuration) || in.ResetAt.Sent {
			if err := b.moveResets(ctx, tx, row); err != nil {
				return err
			}
		}
		if out, err = b.view(row); err != nil {
			return err
		}
		return b.audit(ctx, tx, who, access.BudgetWrite, row.ID, &before, row)
	})
	return out, err
}

// moveResets sets the resets of everything that goes by this row.
func (b *Budgets) moveResets(ctx context.Context, tx *store.Store, row *models.Budget) error {
	scopes, err := tx.BudgetScopes(ctx, row.ID)
	if err != nil {
		return err
	}
	for _, scope := range scopes {
		if err := b.resetByRow(ctx, tx, scope, row); err != nil {
			return err
		}
	}
	return nil
}

// Info loads budget rows by id; unknown ones are left out. Errors: Invalid for an empty list.
func (b *Budgets) Info(ctx context.Context, who access.Actor, ids []string) ([]BudgetView, error) {
	if err := b.gate(ctx, who, access.BudgetRead); err != nil {
		return nil, err
	}
	if len(ids) == 0 {
		return nil, fault.BadField("budgets", "Specify list of budget id's to query. Passed in=[]")
	}
	rows, err := b.Store.BudgetsByID(ctx, ids)
	if err != nil {
		return nil, err
	}
	return b.views(rows)
}

func (b *Budgets) views(rows []models.Budget) ([]BudgetView, error) {
	out := make([]BudgetView, len(rows))
	for i := range rows {
		v, err := b.view(&rows[i])
		if err != nil {
			return nil, err
		}
		out[i] = *v
	}
	return out, nil
}

// List is every budget row.
func (b *Budgets) List(ctx context.Context, who access.Actor) ([]BudgetView, error) {
	if err := b.gate(ctx, who, access.BudgetRead); err != nil {
		return nil, err
	}
	rows, err := b.Store.ListBudgets(ctx)
	if err != nil {
		return nil, err
	}
	plain := make([]models.Budget, len(rows))
	for i := range rows {
		plain[i] = rows[i].Budget
	}
	return b.views(plain)
}

// Delete removes a budget row. Errors: NotFound; Conflict while something is linked to it.
func (b *Budgets) Delete(ctx context.Context, who access.Actor, id string) (*BudgetView, error) {
	if err := b.gate(ctx, who, access.BudgetDelete); err != nil {
		return nil, err
	}
	if id == "" {
		return nil, fault.Missing("id")
	}
	var out *BudgetView
	err := b.change(ctx, who, access.BudgetDelete, id, func(tx *store.Store) error {
		row, err := tx.Budget(ctx, id)
		if err != nil {
			return notFound("budget", id, err)
		}
		links, err := tx.BudgetLinks(ctx, id)
		if err != nil {
			return err
		}
		if links > 0 {
			return fault.Newf(fault.Conflict, "Budget %s is in use by %d keys, members, customers or organizations", id, links).WithParam("id")
		}
		if err := tx.DeleteBudget(ctx, id); err != nil {
			return err
		}
		if out, err = b.view(row); err != nil {
			return err
		}
		return b.audit(ctx, tx, who, access.BudgetDelete, id, row, nil)
	})
	return out, err
}
