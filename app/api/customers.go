package api

import (
	"github.com/gofiber/fiber/v2"

	"gatehouse/app/access"
	"gatehouse/app/control"
	"gatehouse/app/web"
	"gatehouse/models"
	"gatehouse/models/fault"
)

func (h *Handlers) customerOps() []Op {
	alias := func(path string) []string { return []string{"/end_user" + path} }
	return []Op{
		op(Op{
			Method: "POST", Path: "/customer/new", Aliases: alias("/new"), Action: access.CustomerWrite, Tag: "customers", Doc: "Make an end user.",
			Example: `{"user_id":"palantir","alias":"Palantir","max_budget":5}`,
		}, h.customerNew),
		op(Op{
			Method: "POST", Path: "/customer/update", Aliases: alias("/update"), Action: access.CustomerWrite, Tag: "customers", Doc: "Change an end user.",
			Example: `{"user_id":"{customer}","max_budget":6}`,
		}, h.customerUpdate),
		op(Op{
			Method: "GET", Path: "/customer/info", Aliases: alias("/info"), Action: access.CustomerRead, Tag: "customers", Doc: "One end user.",
			Example: "end_user_id={customer}",
		}, h.customerInfo),
		op(Op{Method: "GET", Path: "/customer/list", Aliases: alias("/list"), Action: access.CustomerRead, Tag: "customers", Doc: "End users, at most 1,000."}, h.customerList),
		op(Op{
			Method: "POST", Path: "/customer/delete", Aliases: alias("/delete"), Action: access.CustomerWrite, Tag: "customers", Doc: "Delete end users, all or none.",
			Example: `{"user_ids":["{customer}"]}`,
		}, h.customerDelete),
		op(Op{
			Method: "POST", Path: "/customer/block", Aliases: alias("/block"), Action: access.CustomerWrite, Tag: "customers", Doc: "Refuse calls that name them.",
			Example: `{"user_ids":["{customer}"]}`,
		}, h.customerBlock),
		op(Op{
			Method: "POST", Path: "/customer/unblock", Aliases: alias("/unblock"), Action: access.CustomerWrite, Tag: "customers", Doc: "Let their calls pass again.",
			Example: `{"user_ids":["{customer}"]}`,
		}, h.customerUnblock),
	}
}

// customerRow is an end user with the budget that caps them.
type customerRow struct {
	UserID       string      `json:"user_id"`
	Alias        *string     `json:"alias"`
	Blocked      bool        `json:"blocked"`
	Spend        models.Nano `json:"spend"`
	Region       *string     `json:"allowed_model_region"`
	DefaultModel *string     `json:"default_model"`
	BudgetID     *string     `json:"budget_id"`
	Budget       *budgetRow  `json:"litellm_budget_table"`
}

func customerOf(v *control.CustomerView) customerRow {
	c := &v.Customer
	return customerRow{
		UserID: c.ID, Alias: c.Alias, Blocked: c.Blocked, Spend: v.Spend, Region: c.Region, DefaultModel: c.DefaultModel, BudgetID: c.BudgetID,
		Budget: budgetOf(v.Budget, v.ResetsAt),
	}
}

func oneCustomer(v *control.CustomerView, err error) (customerRow, error) {
	if err != nil {
		return customerRow{}, err
	}
	return customerOf(v), nil
}

func customersOf(views []control.CustomerView, err error) ([]customerRow, error) {
	if err != nil {
		return nil, err
	}
	rows := make([]customerRow, len(views))
	for i := range views {
		rows[i] = customerOf(&views[i])
	}
	return rows, nil
}

func (h *Handlers) customerNew(c *fiber.Ctx, in control.CustomerFields) (customerRow, error) {
	if in.ID == "" {
		return customerRow{}, fault.Missing("user_id")
	}
	return oneCustomer(h.Customers.New(c.UserContext(), web.Actor(c), in))
}

func (h *Handlers) customerUpdate(c *fiber.Ctx, in control.CustomerFields) (customerRow, error) {
	if in.ID == "" {
		return customerRow{}, fault.Missing("user_id")
	}
	return oneCustomer(h.Customers.Update(c.UserContext(), web.Actor(c), in))
}

type customerRef struct {
	ID string `query:"end_user_id"`
}

func (h *Handlers) customerInfo(c *fiber.Ctx, in customerRef) (customerRow, error) {
	if in.ID == "" {
		return customerRow{}, missingQuery("end_user_id")
	}
	return oneCustomer(h.Customers.Info(c.UserContext(), web.Actor(c), in.ID))
}

func (h *Handlers) customerList(c *fiber.Ctx, _ none) ([]customerRow, error) {
	return customersOf(h.Customers.List(c.UserContext(), web.Actor(c)))
}

type customerRefs struct {
	IDs []string `json:"user_ids" required:"true"`
}

type customersDeleted struct {
	Deleted int    `json:"deleted_customers"`
	Message string `json:"message"`
}

func (h *Handlers) customerDelete(c *fiber.Ctx, in customerRefs) (customersDeleted, error) {
	if len(in.IDs) == 0 {
		return customersDeleted{}, fault.Missing("user_ids")
	}
	n, err := h.Customers.Delete(c.UserContext(), web.Actor(c), in.IDs)
	return customersDeleted{Deleted: n, Message: "Successfully deleted customers with ids"}, err
}

type customersBlocked struct {
	Users []customerRow `json:"blocked_users"`
}

func (h *Handlers) customerBlock(c *fiber.Ctx, in customerRefs) (customersBlocked, error) {
	return h.customerGate(c, in, true)
}

func (h *Handlers) customerUnblock(c *fiber.Ctx, in customerRefs) (customersBlocked, error) {
	return h.customerGate(c, in, false)
}

func (h *Handlers) customerGate(c *fiber.Ctx, in customerRefs, blocked bool) (customersBlocked, error) {
	if len(in.IDs) == 0 {
		return customersBlocked{}, fault.Missing("user_ids")
	}
	rows, err := customersOf(h.Customers.Block(c.UserContext(), web.Actor(c), in.IDs, blocked))
	return customersBlocked{Users: rows}, err
}
