package models

// Limits are the budget and rate fields that keys, users, teams, organizations, customers and budget rows
// share. nil means no limit of its own; 0 means nothing is let through (for money: only free models).
type Limits struct {
	MaxBudget      *Nano        `json:"max_budget"`
	SoftBudget     *Nano        `json:"soft_budget"`
	BudgetDuration *string      `json:"budget_duration"` // grammar: contract/admin-api.md §4.5
	TPMLimit       *int64       `json:"tpm_limit" gorm:"column:tpm_limit"`
	RPMLimit       *int64       `json:"rpm_limit" gorm:"column:rpm_limit"`
	MaxParallel    *int64       `json:"max_parallel_requests" gorm:"column:max_parallel_requests"`
	ModelMaxBudget ModelBudgets `json:"model_max_budget"`
	ModelRPMLimit  IntMap       `json:"model_rpm_limit" gorm:"column:model_rpm_limit"`
	ModelTPMLimit  IntMap       `json:"model_tpm_limit" gorm:"column:model_tpm_limit"`
}

// ModelBudget caps what one key may spend on one model.
type ModelBudget struct {
	Limit    Nano   `json:"budget_limit"`
	Duration string `json:"time_period,omitempty"`
	TPMLimit *int64 `json:"tpm_limit,omitempty"`
	RPMLimit *int64 `json:"rpm_limit,omitempty"`
	// Written is the entry as its writer spelled it, where that differs: LiteLLM knows several spellings, and a script
	// that reads back what it wrote must find it.
	Written string `json:"written,omitempty"`
}

// ModelBudgets maps a model name to its cap, stored as JSON text.
type ModelBudgets map[string]ModelBudget
