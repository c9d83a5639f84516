package control

import (
	"cmp"
	"context"

	"gatehouse/app/access"
	"gatehouse/models"
	"gatehouse/models/fault"
	"gatehouse/models/store"
)

// Customers are the acts on end users.
type Customers struct{ base }

// check refuses field values that mean nothing.
func (f *CustomerFields) check(models Catalog) error {
	if f.ID == "" {
		return fault.Missing("user_id")
	}
	if err := checkID("user_id", f.ID); err != nil {
		return err
	}
	if err := checkName("alias", f.Alias.Or("")); err != nil {
		return err
	}
	if err := f.LimitFields.check(); err != nil {
		return err
	}
	if f.BudgetID.Has() && f.MaxBudget.Has() {
		msg := "Set either 'max_budget' or 'budget_id', not both"
		bad := fault.New(fault.Unprocessable, msg).WithParam("max_budget")
		bad.Issues = []fault.Issue{{Type: "value_error", Loc: []string{"body", "max_budget"}, Msg: msg}}
		return bad
	}
	if f.Spend.Has() && f.Spend.Value < 0 {
		return fault.BadField("spend", "spend cannot be negative. Received: %s", f.Spend.Value)
	}
	switch f.Region.Or("") {
	case "", "eu", "us":
	default:
		return oneOf("allowed_model_region", "eu", "us")
	}
	model := f.DefaultModel.Or("")
	if model == "" || models.Admits(models.Names(), model, "") {
		return nil
	}
	msg := "Default Model not on proxy. Configure via `/model/new` or config.yaml. Default_model=" + model
	bad := fault.New(fault.Unprocessable, msg).WithParam("default_model")
	bad.Issues = []fault.Issue{{Type: "value_error", Loc: []string{"body", "default_model"}, Msg: msg}}
	return bad
}

func (f *CustomerFields) apply(c *models.Customer) {
	setText(&c.Alias, f.Alias)
	setText(&c.BudgetID, f.BudgetID)
	setText(&c.Region, f.Region)
	setText(&c.DefaultModel, f.DefaultModel)
	if f.Blocked.Sent {
		c.Blocked = f.Blocked.Or(false)
	}
	f.LimitFields.apply(&c.Limits)
}

// views says of each end user what caps them: their own limits, the linked row, or the operator's default.
func (c *Customers) views(ctx context.Context, st *store.Store, rows []models.Customer) ([]CustomerView, error) {
	l := &c.policy().LiteLLM
	ids := []string{}
	if l.EndUserBudgetID != "" {
		ids = append(ids, l.EndUserBudgetID)
	}
	scopes := make([]string, len(rows))
	for i := range rows {
		ids = addPtr(ids, rows[i].BudgetID)
		scopes[i] = models.ScopeCustomer(rows[i].ID)
	}
	budgets, err := budgetRows(ctx, st, ids)
	if err != nil {
		return nil, err
	}
	counters, err := st.CurrentCounters(ctx, scopes...)
	if err != nil {
		return nil, err
	}
	views := make([]CustomerView, len(rows))
	for i := range rows {
		row := &rows[i]
		v := CustomerView{Customer: *row, Spend: counters[scopes[i]].Spent, ResetsAt: counters[scopes[i]].ResetsAt}
		switch {
		case row.BudgetID != nil:
			v.Budget = withOwn(budgets[*row.BudgetID], &row.Limits)
		case len(auditValues(&row.Limits)) > 0:
			v.Budget = &models.Budget{Limits: row.Limits}
		case l.EndUserBudgetID != "":
			v.Budget = budgets[l.EndUserBudgetID]
		case l.MaxEndUserBudget != nil:
			v.Budget = &models.Budget{Limits: models.Limits{MaxBudget: l.MaxEndUserBudget}}
		}
		views[i] = v
	}
	return views, nil
}

// withOwn is a linked row with what the customer has of their own in its place, as calls are held to it.
func withOwn(row *models.Budget, own *models.Limits) *models.Budget {
	if row == nil {
		return nil
	}
	b := *row
	b.MaxBudget, b.SoftBudget = cmp.Or(own.MaxBudget, b.MaxBudget), cmp.Or(own.SoftBudget, b.SoftBudget)
	b.BudgetDuration = cmp.Or(own.BudgetDuration, b.BudgetDuration)
	b.TPMLimit, b.RPMLimit = cmp.Or(own.TPMLimit, b.TPMLimit), cmp.Or(own.RPMLimit, b.RPMLimit)
	b.MaxParallel = cmp.Or(own.MaxParallel, b.MaxParallel)
	if len(own.ModelMaxBudget) > 0 {
		b.ModelMaxBudget = own.ModelMaxBudget
	}
	return &b
}

func (c *Customers) view(ctx context.Context, st *store.Store, row *models.Customer) (*CustomerView, error) {
	views, err := c.views(ctx, st, []models.Customer{*row})
	if err != nil {
		return nil, err
	}
	return &views[0], nil
}

// New makes an end user. Errors: Invalid for an id that is taken, Unprocessable.
func (c *Customers) New(ctx context.Context, who access.Actor, in CustomerFields) (*CustomerView, error) {
	return c.write(ctx, who, in, func(tx *store.Store) (*models.Customer, bool, error) {
		_, err := tx.Customer(ctx, in.ID)
		if err == nil {
			return nil, false, fault.BadField("user_id", "Customer already exists, passed user_id=%s. Please pass a new user_id.", in.ID).WithType("bad_request")
		}
		if !absent(err) {
			return nil, false, err
		}
		row := &models.Customer{ID: in.ID}
		c.stampNew(&row.Audit, who)
		return row, true, nil
	})
}

// Update changes an end user. Errors: NotFound, Unprocessable.
func (c *Customers) Update(ctx context.Context, who access.Actor, in CustomerFields) (*CustomerView, error) {
	return c.write(ctx, who, in, func(tx *store.Store) (*models.Customer, bool, error) {
		row, err := tx.Customer(ctx, in.ID)
		return row, false, noCustomer(in.ID, err)
	})
}

func noCustomer(id string, err error) error {
	if !absent(err) {
		return err
	}
	return fault.Newf(fault.NotFound, "End User Id=%s does not exist in db", id).WithType("not_found").WithParam("end_user_id")
}

func (c *Customers) write(ctx context.Context, who access.Actor, in CustomerFields, load func(*store.Store) (*models.Customer, bool, error)) (*CustomerView, error) {
	if err := c.gate(ctx, who, access.CustomerWrite); err != nil {
		return nil, err
	}
	if err := in.check(c.Models); err != nil {
		return nil, err
	}
	var out *CustomerView
	err := c.change(ctx, who, access.CustomerWrite, in.ID, func(tx *store.Store) error {
		row, fresh, err := load(tx)
		if err != nil {
			return err
		}
		before := *row
		in.apply(row)
		if err := c.checkLinks(ctx, tx, &KeyFields{BudgetID: in.BudgetID}); err != nil {
			return err
		}
		c.stampChange(&row.Audit, who)
		if fresh {
			err = tx.InsertCustomer(ctx, row)
		} else {
			err = tx.UpdateCustomer(ctx, row)
		}
		if err != nil {
			return err
		}
		scope := models.ScopeCustomer(row.ID)
		if fresh || deref(before.BudgetDuration) != deref(row.BudgetDuration) || deref(before.BudgetID) != deref(row.BudgetID) {
			if err := c.linkedReset(ctx, tx, scope, row.BudgetDuration, row.BudgetID); err != nil {
				return err
			}
		}
		if in.Spend.Has() {
			if err := c.setSpent(ctx, tx, scope, in.Spend.Value); err != nil {
				return err
			}
		}
		if out, err = c.view(ctx, tx, row); err != nil {
			return err
		}
		if fresh {
			return c.audit(ctx, tx, who, access.CustomerWrite, row.ID, nil, row)
		}
		return c.audit(ctx, tx, who, access.CustomerWrite, row.ID, &before, row)
	})
	if err == nil && in.Spend.Has() {
		c.Ledger.Reset(models.ScopeCustomer(in.ID), in.Spend.Value)
	}
	return out, err
}

// Info loads one end user. Errors: NotFound.
func (c *Customers) Info(ctx context.Context, who access.Actor, id string) (*CustomerView, error) {
	if err := c.gate(ctx, who, access.CustomerRead); err != nil {
		return nil, err
	}
	if id == "" {
		return nil, fault.Missing("end_user_id")
	}
	row, err := c.Store.Customer(ctx, id)
	if err != nil {
		return nil, noCustomer(id, err)
	}
	return c.view(ctx, c.Store, row)
}

// List is the end users, newest first, at most 1000.
func (c *Customers) List(ctx context.Context, who access.Actor) ([]CustomerView, error) {
	if err := c.gate(ctx, who, access.CustomerRead); err != nil {
		return nil, err
	}
	rows, _, err := c.Store.ListCustomers(ctx, "", store.Page{Number: 1, Size: store.MaxPage})
	if err != nil {
		return nil, err
	}
	plain := make([]models.Customer, len(rows))
	for i := range rows {
		plain[i] = rows[i].Customer
	}
	return c.views(ctx, c.Store, plain)
}

// Delete removes end users, all or none. Errors: NotFound when one of them is unknown.
func (c *Customers) Delete(ctx context.Context, who access.Actor, ids []string) (int, error) {
	if err := c.gate(ctx, who, access.CustomerWrite); err != nil {
		return 0, err
	}
	if len(ids) == 0 {
		return 0, fault.Missing("user_ids")
	}
	var count int64
	err := c.change(ctx, who, access.CustomerWrite, "", func(tx *store.Store) error {
		for _, id := range ids {
			row, err := tx.Customer(ctx, id)
			if err != nil {
				return noCustomer(id, err)
			}
			if err := c.audit(ctx, tx, who, access.CustomerWrite, id, row, nil); err != nil {
				return err
			}
		}
		var err error
		count, err = tx.DeleteCustomers(ctx, ids)
		return err
	})
	return int(count), err
}

// Block stops or admits end users; those without a row get one, since a block must hold before the first call too.
func (c *Customers) Block(ctx context.Context, who access.Actor, ids []string, blocked bool) ([]CustomerView, error) {
	if err := c.gate(ctx, who, access.CustomerWrite); err != nil {
		return nil, err
	}
	if len(ids) == 0 {
		return nil, fault.Missing("user_ids")
	}
	for _, id := range ids {
		if err := checkID("user_ids", id); err != nil || id == "" {
			return nil, fault.BadField("user_ids", "an end user needs an id")
		}
	}
	var out []CustomerView
	err := c.change(ctx, who, access.CustomerWrite, "", func(tx *store.Store) error {
		if err := tx.SetCustomersBlocked(ctx, ids, blocked, who.Name()); err != nil {
			return err
		}
		rows := make([]models.Customer, 0, len(ids))
		for _, id := range ids {
			row, err := tx.Customer(ctx, id)
			if err != nil {
				return err
			}
			rows = append(rows, *row)
			if err := c.audit(ctx, tx, who, access.CustomerWrite, id, map[string]any{"blocked": !blocked}, map[string]any{"blocked": blocked}); err != nil {
				return err
			}
		}
		var err error
		out, err = c.views(ctx, tx, rows)
		return err
	})
	return out, err
}
