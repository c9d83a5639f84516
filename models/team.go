package models

// Team is a group of people who share models, a budget and keys.
type Team struct {
	ID           string `gorm:"primaryKey"`
	Alias        *string
	OrgID        *string `gorm:"column:organization_id"`
	Models       Strings
	ModelAliases StringMap
	Blocked      bool
	Limits       `gorm:"embedded"`

	MemberBudget         *Nano    `gorm:"column:team_member_budget"`
	MemberBudgetDuration *string  `gorm:"column:team_member_budget_duration"`
	MemberRPMLimit       *int64   `gorm:"column:team_member_rpm_limit"`
	MemberTPMLimit       *int64   `gorm:"column:team_member_tpm_limit"`
	MemberKeyDuration    *string  `gorm:"column:team_member_key_duration"`
	MemberPermissions    *Strings `gorm:"column:team_member_permissions"` // nil = every key route

	ExternalID string // what a SCIM client calls this group

	Metadata JSON
	Extra    JSON
	Audit    `gorm:"embedded"`
	Seq      int64 `gorm:"column:change_seq;->"`
}

// Organization groups teams under one budget.
type Organization struct {
	ID       string `gorm:"primaryKey"`
	Alias    *string
	Models   Strings
	BudgetID string
	Metadata JSON
	Audit    `gorm:"embedded"`
	Seq      int64 `gorm:"column:change_seq;->"`
}

// OrgMembership is a person's place in an organization; Role is org_admin, internal_user or internal_user_viewer.
type OrgMembership struct {
	OrgID    string `gorm:"primaryKey;column:organization_id"`
	UserID   string `gorm:"primaryKey"`
	Role     Role
	BudgetID *string
	Audit    `gorm:"embedded"`
	Seq      int64 `gorm:"column:change_seq;->"`
}

// Budget is a named set of limits that keys, members, customers and organizations can share.
type Budget struct {
	ID     string `gorm:"primaryKey"`
	Limits `gorm:"embedded"`
	// ResetAt is the time an operator fixed for the next reset; nil = by the duration's calendar.
	ResetAt *Time `gorm:"column:budget_reset_at"`
	// Own says that the row was made for one member or organization, and goes with it.
	Own   bool
	Audit `gorm:"embedded"`
	Seq   int64 `gorm:"column:change_seq;->"`
}

// Customer is an end user: the person behind an app's call, named by its `user` field.
type Customer struct {
	ID           string `gorm:"primaryKey"`
	Alias        *string
	Blocked      bool
	BudgetID     *string
	Region       *string `gorm:"column:allowed_model_region"`
	DefaultModel *string
	Limits       `gorm:"embedded"`
	Audit        `gorm:"embedded"`
	Seq          int64 `gorm:"column:change_seq;->"`
}
