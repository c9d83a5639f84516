package api

import (
	"github.com/gofiber/fiber/v2"

	"gatehouse/app/access"
	"gatehouse/app/control"
	"gatehouse/app/web"
	"gatehouse/models"
	"gatehouse/models/fault"
)

func (h *Handlers) budgetOps() []Op {
	return []Op{
		op(Op{
			Method: "POST", Path: "/budget/new", Action: access.BudgetWrite, Tag: "budgets", Doc: "Make a named budget.", Detail: true,
			Example: `{"budget_id":"free-tier","max_budget":1,"budget_duration":"1d"}`,
		}, h.budgetNew),
		op(Op{
			Method: "POST", Path: "/budget/update", Action: access.BudgetWrite, Tag: "budgets", Doc: "Change a budget.", Detail: true,
			Example: `{"budget_id":"{budget}","max_budget":2}`,
		}, h.budgetUpdate),
		op(Op{
			Method: "POST", Path: "/budget/info", Action: access.BudgetRead, Tag: "budgets", Doc: "Several budgets.", Detail: true,
			Example: `{"budgets":["{budget}"]}`,
		}, h.budgetInfo),
		op(Op{Method: "GET", Path: "/budget/list", Action: access.BudgetRead, Tag: "budgets", Doc: "Every budget.", Detail: true}, h.budgetList),
		op(Op{
			Method: "GET", Path: "/budget/settings", Action: access.BudgetRead, Tag: "budgets", Doc: "The fields of a budget with their values.", Detail: true,
			Example: "budget_id={budget}",
		}, h.budgetSettings),
		op(Op{
			Method: "POST", Path: "/budget/delete", Action: access.BudgetDelete, Tag: "budgets", Doc: "Delete a budget that nothing is linked to.", Detail: true,
			Example: `{"id":"{budget}"}`,
		}, h.budgetDelete),
		op(Op{
			Method: "GET", Path: "/provider/budgets", Action: access.BudgetRead, Tag: "budgets",
			Doc: "What the providers in router_settings.provider_budget_config have cost in their periods.",
		}, h.providerBudgets),
	}
}

// ProviderBudget is what a provider may cost and has cost.
type ProviderBudget struct {
	Limit   models.Nano  `json:"budget_limit"`
	Period  *string      `json:"time_period"`
	Spend   models.Nano  `json:"spend"`
	ResetAt *models.Time `json:"budget_reset_at"`
}

type providersAnswer struct {
	Providers map[string]ProviderBudget `json:"providers"`
}

func (h *Handlers) providerBudgets(*fiber.Ctx, none) (providersAnswer, error) {
	return providersAnswer{Providers: h.ProviderBudgets()}, nil
}

func oneBudget(v *control.BudgetView, err error) (budgetRow, error) {
	if err != nil {
		return budgetRow{}, err
	}
	return *budgetOf(&v.Budget, v.ResetsAt), nil
}

func (h *Handlers) budgetNew(c *fiber.Ctx, in control.BudgetFields) (budgetRow, error) {
	return oneBudget(h.Budgets.New(c.UserContext(), web.Actor(c), in))
}

func (h *Handlers) budgetUpdate(c *fiber.Ctx, in control.BudgetFields) (budgetRow, error) {
	if in.ID == "" {
		return budgetRow{}, fault.BadField("budget_id", "budget_id is required")
	}
	return oneBudget(h.Budgets.Update(c.UserContext(), web.Actor(c), in))
}

type budgetRefs struct {
	IDs []string `json:"budgets" required:"true"`
}

func budgetsOf(views []control.BudgetView, err error) ([]budgetRow, error) {
	if err != nil {
		return nil, err
	}
	rows := make([]budgetRow, len(views))
	for i := range views {
		rows[i] = *budgetOf(&views[i].Budget, views[i].ResetsAt)
	}
	return rows, nil
}

func (h *Handlers) budgetInfo(c *fiber.Ctx, in budgetRefs) ([]budgetRow, error) {
	return budgetsOf(h.Budgets.Info(c.UserContext(), web.Actor(c), in.IDs))
}

func (h *Handlers) budgetList(c *fiber.Ctx, _ none) ([]budgetRow, error) {
	return budgetsOf(h.Budgets.List(c.UserContext(), web.Actor(c)))
}

type budgetQueryRef struct {
	ID string `query:"budget_id"`
}

type budgetSetting struct {
	Name        string `json:"field_name"`
	Type        string `json:"field_type"`
	Description string `json:"field_description"`
	Value       any    `json:"field_value"`
	Stored      bool   `json:"stored_in_db"`
	Default     any    `json:"field_default_value"`
}

func (h *Handlers) budgetSettings(c *fiber.Ctx, in budgetQueryRef) ([]budgetSetting, error) {
	if in.ID == "" {
		return nil, missingQuery("budget_id")
	}
	views, err := h.Budgets.Info(c.UserContext(), web.Actor(c), []string{in.ID})
	if err != nil {
		return nil, err
	}
	if len(views) == 0 {
		return nil, access.NotFound("budget", in.ID)
	}
	l := views[0].Budget.Limits
	field := func(name, typ, doc string, value any, set bool) budgetSetting {
		if !set {
			value = nil
		}
		return budgetSetting{Name: name, Type: typ, Description: doc, Value: value, Stored: set}
	}
	return []budgetSetting{
		field("max_budget", "Float", "The most that may be spent in one period, in US dollars.", l.MaxBudget, l.MaxBudget != nil),
		field("soft_budget", "Float", "An alert is sent when this much is spent; nothing is refused.", l.SoftBudget, l.SoftBudget != nil),
		field("budget_duration", "String", "The period after which spend starts again, such as 30d.", l.BudgetDuration, l.BudgetDuration != nil),
		field("tpm_limit", "Integer", "Tokens a minute.", l.TPMLimit, l.TPMLimit != nil),
		field("rpm_limit", "Integer", "Requests a minute.", l.RPMLimit, l.RPMLimit != nil),
		field("max_parallel_requests", "Integer", "Calls at the same time.", l.MaxParallel, l.MaxParallel != nil),
	}, nil
}

type budgetDelete struct {
	ID string `json:"id" required:"true"`
}

func (h *Handlers) budgetDelete(c *fiber.Ctx, in budgetDelete) (budgetRow, error) {
	if in.ID == "" {
		return budgetRow{}, fault.Missing("id")
	}
	return oneBudget(h.Budgets.Delete(c.UserContext(), web.Actor(c), in.ID))
}
