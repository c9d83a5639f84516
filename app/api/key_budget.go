package api

import (
	"github.com/gofiber/fiber/v2"

	"gatehouse/app/access"
	"gatehouse/app/control"
	"gatehouse/app/web"
	"gatehouse/models"
)

// keyBudgetOp explains a key's budgets.
func (h *Handlers) keyBudgetOp() Op {
	return op(Op{
		Method: "GET", Path: "/key/budget", Action: access.KeyInfo, Tag: "keys", Example: "key={key}",
		Doc: "Every budget that a key's calls are counted in: cap, spent, held, left, next reset, and which one would refuse a call now (for ?model=, if it is given).",
	}, h.keyBudget)
}

type keyBudgetQuery struct {
	Key      string `query:"key"`
	Model    string `query:"model"`
	Customer string `query:"user"`
}

type keyBudgetAnswer struct {
	Key       string        `json:"key"`
	Model     *string       `json:"model"`
	Mode      string        `json:"budget_mode"`
	RefusedBy *string       `json:"refused_by"`
	Scopes    []scopeBudget `json:"scopes"`
}

// scopeBudget is one scope; the figures are null where the caller may not see them.
type scopeBudget struct {
	Scope    string       `json:"scope"`
	ID       string       `json:"id"`
	Model    *string      `json:"model"`
	Max      *models.Nano `json:"max_budget"`
	Soft     *models.Nano `json:"soft_budget"`
	Spend    *models.Nano `json:"spend"`
	Held     *models.Nano `json:"held"`
	Lent     *models.Nano `json:"lent"`
	Lost     *models.Nano `json:"lost"`
	Left     *models.Nano `json:"left"`
	Duration *string      `json:"budget_duration"`
	ResetAt  *models.Time `json:"budget_reset_at"`
	Refuses  bool         `json:"refuses"`
}

func (h *Handlers) keyBudget(c *fiber.Ctx, in keyBudgetQuery) (keyBudgetAnswer, error) {
	b, err := h.Keys.Budget(c.UserContext(), web.Actor(c), in.Key, in.Model, in.Customer)
	if err != nil {
		return keyBudgetAnswer{}, err
	}
	out := keyBudgetAnswer{Key: b.Hash, Model: text(b.Model), Mode: b.Mode, RefusedBy: text(b.RefusedBy), Scopes: []scopeBudget{}}
	for i := range b.Scopes {
		out.Scopes = append(out.Scopes, scopeBudgetOf(&b.Scopes[i]))
	}
	return out, nil
}

func scopeBudgetOf(s *control.ScopeBudget) scopeBudget {
	row := scopeBudget{Scope: s.Scope, ID: s.ID, Model: text(s.Model), Refuses: s.Refuses}
	if s.Confidential {
		return row
	}
	row.Max, row.Soft, row.Left, row.ResetAt, row.Duration = s.MaxBudget, s.Soft, s.Left, s.ResetsAt, text(s.Duration)
	row.Spend, row.Held, row.Lent, row.Lost = &s.Spent, &s.Held, &s.Lent, &s.Lost
	return row
}

// keyReleaseOp frees what replicas that are gone for good have of a key's budgets.
func (h *Handlers) keyReleaseOp() Op {
	return op(Op{
		Method: "POST", Path: "/key/budget/release", Action: access.KeyReleaseBudget, Tag: "keys", Example: `{"key":"{key}"}`,
		Doc: "Give back what replicas that are gone for good had of the budgets that a key's calls are counted in (\"lost\" of /key/budget). What was spent stays.",
	}, h.keyRelease)
}

type keyRelease struct {
	Key string `json:"key"`
}

type keyReleased struct {
	Key      string          `json:"key"`
	Released []releasedScope `json:"released"`
}

type releasedScope struct {
	Scope  string      `json:"scope"`
	ID     string      `json:"id"`
	Amount models.Nano `json:"amount"`
}

func (h *Handlers) keyRelease(c *fiber.Ctx, in keyRelease) (keyReleased, error) {
	hash, freed, err := h.Keys.ReleaseBudget(c.UserContext(), web.Actor(c), in.Key)
	if err != nil {
		return keyReleased{}, err
	}
	out := keyReleased{Key: hash, Released: []releasedScope{}}
	for _, f := range freed {
		out.Released = append(out.Released, releasedScope{Scope: f.Scope, ID: f.ID, Amount: f.Lost})
	}
	return out, nil
}
