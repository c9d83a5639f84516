package imports

import (
	"context"
	"encoding/json"

	"gatehouse/models"
	"gatehouse/models/duration"
)

// limits are a row's limits. A duration that means nothing is left out and noted: the budget then holds without a reset.
func (w *writer) limits(what string, r spentRow) models.Limits {
	l := models.Limits{
		MaxBudget: r.MaxBudget, SoftBudget: r.SoftBudget, MaxParallel: r.MaxParallel, TPMLimit: r.TPMLimit, RPMLimit: r.RPMLimit,
		ModelMaxBudget: models.ModelBudgets(r.ModelMaxBudget),
	}
	if r.BudgetDuration == nil || *r.BudgetDuration == "" {
		return l
	}
	if _, err := duration.Parse(*r.BudgetDuration); err != nil {
		w.note("%s: budget_duration: %v; its budget does not reset", what, err)
		return l
	}
	l.BudgetDuration = r.BudgetDuration
	return l
}

// books carries over what a scope has spent and when it is reset. A reset that fell due meanwhile is done soon after.
func (w *writer) books(ctx context.Context, scope string, spent models.Nano, lasts *string, resetAt *models.Time) error {
	if spent > 0 {
		if _, _, err := w.tx.SetSpent(ctx, scope, spent); err != nil {
			return err
		}
	}
	if lasts == nil || *lasts == "" {
		return nil
	}
	if resetAt == nil {
		d, err := duration.Parse(*lasts)
		if err != nil {
			return err
		}
		next := d.Next(w.Now(), w.Zone)
		if next.IsZero() {
			return nil
		}
		resetAt = models.AtPtr(next)
	}
	return w.tx.SetReset(ctx, scope, resetAt)
}

// linked gives the budget that a row names: nil where it names none or one that does not exist.
func (w *writer) linked(what string, id *string) *models.Budget {
	if id == nil || *id == "" {
		return nil
	}
	b := w.budgets[*id]
	if b == nil {
		w.note("%s: its budget %q does not exist; it is taken over without", what, *id)
	}
	return b
}

func idOf(b *models.Budget) *string {
	if b == nil {
		return nil
	}
	return &b.ID
}

func lasts(b *models.Budget) *string {
	if b == nil {
		return nil
	}
	return b.BudgetDuration
}

// metadata is a row's metadata, from which LiteLLM's own entries can be taken: here they have columns.
type metadata map[string]json.RawMessage

func (w *writer) metadata(what string, text models.JSON) metadata {
	m := metadata{}
	if len(text) > 0 && json.Unmarshal(text, &m) != nil {
		w.note("%s: its metadata is not an object; it is taken over without", what)
		return metadata{}
	}
	return m
}

// take moves an entry into dst. One in another form stays where it is.
func (m metadata) take(name string, dst any) bool {
	raw, has := m[name]
	if !has || json.Unmarshal(raw, dst) != nil {
		return false
	}
	delete(m, name)
	return string(raw) != "null"
}

func (m metadata) limits(l *models.Limits) {
	m.take("model_rpm_limit", &l.ModelRPMLimit)
	m.take("model_tpm_limit", &l.ModelTPMLimit)
}

func (m metadata) text() (models.JSON, error) { return json.Marshal(map[string]json.RawMessage(m)) }

func (w *writer) takeBudgets(ctx context.Context) error {
	rows, err := w.tx.ListBudgets(ctx)
	if err != nil {
		return err
	}
	for i := range rows {
		w.budgets[rows[i].ID] = &rows[i].Budget
	}
	c := w.count("budgets")
	return each(ctx, w.src, budgetTable, "budget_id", func(r *budgetRow, broken error) error {
		c.Read++
		if w.broken(c, "budget", r.ID, broken) {
			return nil
		}
		had := w.budgets[r.ID] != nil
		if !had {
			row := &models.Budget{ID: r.ID, Limits: w.limits("budget "+r.ID, r.spentRow), Audit: w.stamp(r.stampRow)}
			if err := w.tx.InsertBudget(ctx, row); err != nil {
				return err
			}
			w.budgets[r.ID] = row
		}
		c.took(had)
		return nil
	})
}

// broken notes a row that cannot be read.
func (w *writer) broken(c *Count, noun, id string, err error) bool {
	if err == nil && id != "" {
		return false
	}
	c.Left++
	if err == nil {
		w.note("a %s without an id is left out", noun)
	} else {
		w.note("%s %s cannot be read: %v", noun, id, err)
	}
	return true
}
