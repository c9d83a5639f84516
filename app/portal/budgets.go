package portal

import (
	"net/url"

	"github.com/gofiber/fiber/v2"

	"gatehouse/app/access"
	"gatehouse/app/control"
	"gatehouse/app/web"
	"gatehouse/models"
	"gatehouse/models/fault"
	"gatehouse/views/budgets"
	"gatehouse/views/i18n"
	"gatehouse/views/ui"
)

func (h *Handlers) budgetURL(id, rest string) string {
	return h.url("/ui/budgets/" + url.PathEscape(id) + rest)
}

// budgetList serves GET /ui/budgets.
func (h *Handlers) budgetList(c *fiber.Ctx) error {
	f, err := h.view(c)
	if err != nil {
		return err
	}
	actor, l := web.Actor(c), h.locale(c)
	var v budgets.List
	if access.Role(actor, access.BudgetWrite) == nil {
		v.CreateURL = h.url("/ui/budgets/new")
	}
	v.Table.CreateURL = v.CreateURL
	all, err := h.Budgets.Uses(c.UserContext(), actor)
	if err != nil {
		if v.Table.Failure = h.failure(c, h.lang(c).Budgets(), err); v.Table.Failure == nil {
			return err
		}
	}
	s := h.readList(c, "/ui/budgets", "")
	shown := cut(s, all)
	for i := range shown {
		v.Table.Rows = append(v.Table.Rows, h.budgetRow(l, actor, &shown[i]))
	}
	v.Table.Pager = s.pager(l, "list", "", len(shown), len(all))
	return web.Render(c, budgets.Page(f, v), budgets.ListPart(f, v.Table))
}

func (h *Handlers) budgetRow(l i18n.Locale, actor access.Actor, v *control.BudgetUse) budgets.Row {
	b := &v.Budget
	limit := func(n *int64) string {
		if n == nil {
			return "–"
		}
		return l.Number(*n)
	}
	row := budgets.Row{
		ID: b.ID, Amount: amountPer(l, b.MaxBudget, b.BudgetDuration), RPM: limit(b.RPMLimit), TPM: limit(b.TPMLimit), Reset: l.Never(), Used: l.BudgetUses(v.Links),
	}
	if b.SoftBudget != nil {
		row.Soft = l.WarnsAt(l.MoneyShort(int64(*b.SoftBudget)))
	}
	if v.ResetsAt != nil {
		row.Reset = l.LongDate(v.ResetsAt.Time)
	}
	if access.Role(actor, access.BudgetWrite) == nil {
		row.EditURL = h.budgetURL(b.ID, "")
	}
	if access.Role(actor, access.BudgetDelete) == nil {
		row.DeleteURL = h.budgetURL(b.ID, "/delete")
	}
	return row
}

// budgetOf loads the budget that the path names.
func (h *Handlers) budgetOf(c *fiber.Ctx) (*models.Budget, error) {
	found, err := h.Budgets.Info(c.UserContext(), web.Actor(c), []string{pathID(c, "id")})
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, fault.New(fault.NotFound, h.lang(c).BudgetGone())
	}
	return &found[0].Budget, nil
}

// budgetForm serves GET /ui/budgets/new, budgetEdit GET /ui/budgets/:id.
func (h *Handlers) budgetForm(c *fiber.Ctx) error { return h.showBudget(c, fiber.StatusOK, nil, nil) }

func (h *Handlers) budgetEdit(c *fiber.Ctx) error {
	b, err := h.budgetOf(c)
	if err != nil {
		return err
	}
	return h.showBudget(c, fiber.StatusOK, b, nil)
}

// showBudget draws the form; b is the budget to change, nil for a new one.
func (h *Handlers) showBudget(c *fiber.Ctx, status int, b *models.Budget, sent *form) error {
	f, err := h.view(c)
	if err != nil {
		return err
	}
	l := h.locale(c)
	v := budgets.Form{Page: !web.IsPartial(c), Action: h.url("/ui/budgets/new"), Back: h.url("/ui/budgets"), Periods: periods(l, "30d")}
	if b != nil {
		v.Edit, v.Action = true, h.budgetURL(b.ID, "")
		v.ID = ui.Text{Value: b.ID, Locked: l.NameStays()}
		v.Budget.Value, v.Soft.Value, v.Periods = amountInput(b.MaxBudget), amountInput(b.SoftBudget), periods(l, textOf(b.BudgetDuration))
		v.RPM.Value, v.TPM.Value, v.Parallel.Value = whole(b.RPMLimit), whole(b.TPMLimit), whole(b.MaxParallel)
	}
	if sent != nil {
		v.Problems, v.Periods = sent.problems, periods(l, sent.value("budget_duration"))
		if b == nil {
			v.ID = sent.text("budget_id")
		}
		v.Budget, v.Soft, v.RPM, v.TPM, v.Parallel = sent.text("max_budget"), sent.text("soft_budget"), sent.text("rpm_limit"), sent.text("tpm_limit"), sent.text("max_parallel_requests")
		dialogAgain(c)
	}
	return web.RenderStatus(c, status, budgets.FormPage(f, v), budgets.FormPart(f, v))
}

// budgetFields reads the form; stands is the budget that is changed.
func (f *form) budgetFields(stands *models.Budget) control.BudgetFields {
	in := control.BudgetFields{ID: stands.ID}
	in.MaxBudget = changed(f.amount("max_budget"), stands.MaxBudget)
	in.SoftBudget = changed(f.amount("soft_budget"), stands.SoftBudget)
	in.BudgetDuration = changed(f.optional("budget_duration"), stands.BudgetDuration)
	in.RPMLimit = changed(f.whole("rpm_limit"), stands.RPMLimit)
	in.TPMLimit = changed(f.whole("tpm_limit"), stands.TPMLimit)
	in.MaxParallel = changed(f.whole("max_parallel_requests"), stands.MaxParallel)
	return in
}

// budgetCreate serves POST /ui/budgets/new.
func (h *Handlers) budgetCreate(c *fiber.Ctx) error {
	f := h.readForm(c)
	in := f.budgetFields(&models.Budget{ID: f.value("budget_id")})
	if in.ID == "" {
		f.fail("budget_id", f.l.ErrBudgetName())
	}
	return h.saveBudget(c, f, nil, func() error {
		_, err := h.Budgets.New(c.UserContext(), web.Actor(c), in)
		return err
	})
}

// budgetUpdate serves POST /ui/budgets/:id.
func (h *Handlers) budgetUpdate(c *fiber.Ctx) error {
	b, err := h.budgetOf(c)
	if err != nil {
		return err
	}
	f := h.readForm(c)
	in := f.budgetFields(b)
	return h.saveBudget(c, f, b, func() error {
		_, err := h.Budgets.Update(c.UserContext(), web.Actor(c), in)
		return err
	})
}

func (h *Handlers) saveBudget(c *fiber.Ctx, f *form, b *models.Budget, save func() error) error {
	if !f.bad() {
		err := save()
		if err == nil {
			return h.done(c, h.url("/ui/budgets"), f.l.ToastSaved())
		}
		if !f.refused(err, "budget_id", "max_budget", "soft_budget", "budget_duration", "rpm_limit", "tpm_limit", "max_parallel_requests") {
			return err
		}
	}
	return h.showBudget(c, fiber.StatusUnprocessableEntity, b, f)
}

// budgetDeleteForm serves GET /ui/budgets/:id/delete.
func (h *Handlers) budgetDeleteForm(c *fiber.Ctx) error {
	return h.askBudgetDelete(c, fiber.StatusOK, "")
}

func (h *Handlers) askBudgetDelete(c *fiber.Ctx, status int, problem string) error {
	b, err := h.budgetOf(c)
	if err != nil {
		return err
	}
	f, err := h.view(c)
	if err != nil {
		return err
	}
	v := ui.Ask{
		Page: !web.IsPartial(c), Title: f.T.DeleteBudgetTitle(b.ID), Text: f.T.DeleteBudgetText(), Action: h.budgetURL(b.ID, "/delete"), Back: h.url("/ui/budgets"),
		Button: f.T.DeleteBudget(), Busy: f.T.Deleting(),
	}
	if problem != "" {
		v.Text = problem
		dialogAgain(c)
	}
	return web.RenderStatus(c, status, budgets.AskPage(f, v), ui.Question(f.T, v))
}

// budgetDelete serves POST /ui/budgets/:id/delete. A budget in use stays, and the question says so.
func (h *Handlers) budgetDelete(c *fiber.Ctx) error {
	id := pathID(c, "id")
	_, err := h.Budgets.Delete(c.UserContext(), web.Actor(c), id)
	if no := fault.As(err); no != nil && no.Kind == fault.Conflict {
		return h.askBudgetDelete(c, fiber.StatusUnprocessableEntity, say(h.locale(c), no.Message))
	}
	if err != nil {
		return err
	}
	return h.done(c, h.url("/ui/budgets"), h.lang(c).ToastDeleted(id))
}
