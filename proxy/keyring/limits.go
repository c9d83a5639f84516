package keyring

import (
	"maps"
	"slices"

	"gatehouse/models"
)

// Cap is a limit that may be absent. The zero Cap is "no limit"; a set Cap of 0 lets nothing through. Money is in nano-USD.
type Cap struct {
	N   int64
	Set bool
}

func capOf(p *int64) Cap {
	if p == nil {
		return Cap{}
	}
	return Cap{N: *p, Set: true}
}

func capNano(p *models.Nano) Cap {
	if p == nil {
		return Cap{}
	}
	return Cap{N: int64(*p), Set: true}
}

// or gives c, or other where c is absent.
func (c Cap) or(other Cap) Cap {
	if c.Set {
		return c
	}
	return other
}

// Limits are what one object allows: its own fields, or those of a budget row it is linked to. The maps are shared
// between snapshots and must not be written.
type Limits struct {
	MaxBudget, SoftBudget Cap // nano-USD
	TPM, RPM, Parallel    Cap
	Duration              string // of the budget window, as written; empty = never resets
	ResetAt               int64  // a reset that an operator fixed on the budget row, Unix µs; 0 = by the calendar
	ModelBudgets          map[string]models.ModelBudget
	ModelRPM, ModelTPM    map[string]int64
}

// BudgetedModels are the models that have a budget of their own, sorted.
func (l Limits) BudgetedModels() []string { return slices.Sorted(maps.Keys(l.ModelBudgets)) }

// over fills what l leaves open from the budget row it is linked to: explicit fields on the object win
// (contract/admin-api.md §4.4).
func (l Limits) over(row *Limits) Limits {
	if row == nil {
		return l
	}
	l.MaxBudget = l.MaxBudget.or(row.MaxBudget)
	l.SoftBudget = l.SoftBudget.or(row.SoftBudget)
	l.TPM = l.TPM.or(row.TPM)
	l.RPM = l.RPM.or(row.RPM)
	l.Parallel = l.Parallel.or(row.Parallel)
	if l.Duration == "" {
		l.Duration, l.ResetAt = row.Duration, row.ResetAt
	}
	if l.ModelBudgets == nil {
		l.ModelBudgets = row.ModelBudgets
	}
	if l.ModelRPM == nil {
		l.ModelRPM = row.ModelRPM
	}
	if l.ModelTPM == nil {
		l.ModelTPM = row.ModelTPM
	}
	return l
}

// limitsKey is the part of Limits that can be compared, so that keys with the same figures share one value.
type limitsKey struct {
	maxBudget, softBudget, tpm, rpm, parallel Cap
	duration                                  string
	resetAt                                   int64
}

// limits turns the columns into a shared value; nil when nothing is limited.
func (p *pool) limits(m *models.Limits, resetAt int64) *Limits {
	l := Limits{
		MaxBudget: capNano(m.MaxBudget), SoftBudget: capNano(m.SoftBudget),
		TPM: capOf(m.TPMLimit), RPM: capOf(m.RPMLimit), Parallel: capOf(m.MaxParallel),
		ResetAt: resetAt,
	}
	if m.BudgetDuration != nil {
		l.Duration = p.str(*m.BudgetDuration)
	}
	if len(m.ModelMaxBudget) > 0 {
		l.ModelBudgets = m.ModelMaxBudget
	}
	if len(m.ModelRPMLimit) > 0 {
		l.ModelRPM = m.ModelRPMLimit
	}
	if len(m.ModelTPMLimit) > 0 {
		l.ModelTPM = m.ModelTPMLimit
	}
	if l.ModelBudgets != nil || l.ModelRPM != nil || l.ModelTPM != nil {
		return &l
	}
	key := limitsKey{l.MaxBudget, l.SoftBudget, l.TPM, l.RPM, l.Parallel, l.Duration, l.ResetAt}
	if key == (limitsKey{}) {
		return nil
	}
	if shared, ok := p.byLimits[key]; ok {
		return shared
	}
	if len(p.byLimits) < poolSize {
		p.byLimits[key] = &l
	}
	return &l
}
