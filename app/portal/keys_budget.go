package portal

import (
	"cmp"

	"github.com/gofiber/fiber/v2"

	"gatehouse/app/control"
	"gatehouse/app/web"
	"gatehouse/models/fault"
	"gatehouse/views/i18n"
	"gatehouse/views/keys"
)

// keyBudgets is every budget that a call with the key is counted in, as the data plane knows them at this moment; nil where
// it cannot be told, or there is none.
func (h *Handlers) keyBudgets(c *fiber.Ctx, l i18n.Locale, v *control.KeyView, frame *control.KeyFrame) ([]keys.Budget, error) {
	b, err := h.Keys.Budget(c.UserContext(), web.Actor(c), control.ByID(v.Key.ID), "", "")
	if fault.Is(err, fault.Unavailable) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []keys.Budget
	for i := range b.Scopes {
		s := &b.Scopes[i]
		if s.MaxBudget == nil && !s.Confidential {
			continue
		}
		row := keys.Budget{Whose: l.UpperFirst(scopeName(l, v, frame, s)), Refuses: s.Refuses}
		switch {
		case s.Confidential && !s.Refuses:
			continue // nothing to tell
		case s.Confidential:
			row.Note = l.BudgetNotShown()
		default:
			row.Spend = spendOf(l, s.Spent, s.MaxBudget)
			row.Note = budgetNote(l, s)
		}
		out = append(out, row)
	}
	return out, nil
}

// scopeName is whose a budget is: "team Checkout", "this key for gpt-5-mini".
func scopeName(l i18n.Locale, v *control.KeyView, frame *control.KeyFrame, s *control.ScopeBudget) string {
	team := v.TeamAlias
	if frame.Team != nil {
		team = teamName(frame.Team)
	}
	name := ""
	switch s.Scope {
	case "key", "model_per_key":
		name = l.ThisKey()
	case "team", "model_per_team":
		name = l.TheTeam(cmp.Or(team, s.ID))
	case "team_member":
		name = l.TheMemberIn(team)
	case "user":
		name = l.TheOwner()
	case "organization":
		name = l.TheOrganization(s.ID)
	case "end_user":
		name = l.TheCustomer()
	case "tag":
		name = l.TheTag(s.ID)
	default:
		name = l.TheGateway()
	}
	if s.Model != "" {
		name = l.ForModel(name, s.Model)
	}
	return name
}

// budgetNote is what is left, what open calls hold, and when it starts again.
func budgetNote(l i18n.Locale, s *control.ScopeBudget) string {
	var parts []string
	if s.Left != nil {
		parts = append(parts, l.AmountLeft(l.Money(int64(max(*s.Left, 0)))))
	}
	if s.Held > 0 {
		parts = append(parts, l.AmountHeld(l.Money(int64(s.Held))))
	}
	if s.ResetsAt != nil {
		parts = append(parts, l.Resets(l.Day(s.ResetsAt.Time)))
	}
	return l.Join(parts)
}
