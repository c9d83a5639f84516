package app

import (
	"context"

	"gatehouse/app/control"
	"gatehouse/models"
	"gatehouse/proxy/budget"
	"gatehouse/proxy/keyring"
	"gatehouse/proxy/policy"
)

// KeyBudget is control.Budgeter, by the rules that the data plane admits by.
func (p *process) KeyBudget(ctx context.Context, keyID, model, customer string) (control.KeyBudget, bool, error) {
	snap, cfg := p.ring.Snapshot(), p.cfg.Load()
	grant := snap.Grant(keyID)
	if grant == nil {
		return control.KeyBudget{}, false, nil
	}
	caps := capsOf(cfg)
	if cfg.LiteLLM.NoEndUserTracking {
		customer = ""
	}
	out := control.KeyBudget{Mode: "firm"}
	if policy.Mode(snap, grant, &caps) == budget.Exact {
		out.Mode = "exact"
	}
	bill := policy.Bill{Asked: model, Customer: customer, Tags: policy.Tags(nil, snap, grant), Now: p.now().UnixMicro()}
	pricing := budget.Priced
	if model != "" {
		verdict, refused := policy.Model(snap, grant, model)
		if refused != nil {
			out.RefusedBy = "model"
		}
		bill.Model = verdict.Model
		out.Model = model
		if verdict.Model != "" {
			out.Model = verdict.Model
		}
		pricing = p.pricing(out.Model)
	}
	wants := policy.Budgets(nil, snap, grant, bill, &caps)
	if model == "" {
		wants = append(wants, modelBudgets(snap, grant, bill)...)
	}
	lent := map[string]models.SliceView{}
	if p.store.IsPostgres() {
		scopes := make([]string, len(wants))
		for i := range wants {
			scopes[i] = wants[i].Scope
		}
		var err error
		if lent, err = p.store.Lent(ctx, scopes...); err != nil {
			return out, true, err
		}
	}
	for i := range wants {
		s := explain(&wants[i], p.budget.State(wants[i].Scope), lent[wants[i].Scope], pricing)
		if s.Refuses && out.RefusedBy == "" {
			out.RefusedBy = s.Scope
		}
		out.Scopes = append(out.Scopes, s)
	}
	return out, true, nil
}

// explain puts one scope's figures together: the books, and what this process knows beyond them.
func explain(w *budget.Want, here budget.State, books models.SliceView, pricing budget.Pricing) control.ScopeBudget {
	spent := here.Spent
	if here.Shared {
		spent = books.Spent.AddSat(here.Unbooked)
	}
	s := control.ScopeBudget{
		Scope: w.Level.String(), ID: w.ID, Model: w.Model, Counter: w.Scope, Spent: spent, Held: here.Held, Lent: books.Sliced, Lost: books.Lost, Duration: w.Duration,
	}
	if here.ResetsAt != 0 {
		at := models.FromMicros(here.ResetsAt)
		s.ResetsAt = &at
	}
	if w.Soft.Set {
		soft := models.Nano(w.Soft.N)
		s.Soft = &soft
	}
	if !w.Cap.Set {
		return s
	}
	limit := models.Nano(w.Cap.N)
	left := max(0, limit.AddSat(-spent).AddSat(-s.Held).AddSat(-s.Lost))
	s.MaxBudget, s.Left = &limit, &left
	switch pricing {
	case budget.Priced:
		s.Refuses = left == 0
	case budget.Unpriced:
		s.Refuses = spent > limit
	case budget.Free:
	}
	return s
}

// pricing is what is known of a model's price: free ones skip budgets, unpriced ones are refused once a budget is overdrawn.
func (p *process) pricing(model string) budget.Pricing {
	switch cost, priced := (catalog{ring: p.ring, prices: p.prices}).Cost(model, 1_000_000, 1_000_000); {
	case !priced:
		return budget.Unpriced
	case cost == 0:
		return budget.Free
	}
	return budget.Priced
}

// modelBudgets are the key's budgets for single models, each a scope of its own.
func modelBudgets(snap *keyring.Snapshot, grant *keyring.Grant, bill policy.Bill) []budget.Want {
	var out []budget.Want
	for _, name := range snap.KeyLimits(grant, bill.Now).BudgetedModels() {
		if w, ok := policy.ModelBudget(snap, grant, policy.Bill{Model: name, Now: bill.Now}); ok {
			out = append(out, w)
		}
	}
	return out
}
