package models

// Key is a virtual key: what an app sends as its bearer secret. The secret itself is never stored.
type Key struct {
	ID     string `gorm:"primaryKey"` // UUID, the same through every rotation
	Hash   string // lowercase hex SHA-256 of the whole secret: LiteLLM's "token"
	Name   string `gorm:"column:key_name"` // "sk-...abcd"; empty under DISABLE_KEY_NAME
	Alias  *string
	UserID *string
	TeamID *string
	OrgID  *string `gorm:"column:organization_id"`

	Models         Strings
	Aliases        StringMap
	AllowedRoutes  Strings
	AccessGroupIDs Strings `gorm:"column:access_group_ids"`
	Blocked        *bool
	BlockedReason  string
	Delegated      bool // its secret was last given to somebody who is neither its owner nor an admin: see control.Identity
	ExpiresAt      *Time

	Limits               `gorm:"embedded"`
	BudgetID             *string
	TempBudgetIncrease   *Nano
	TempBudgetExpiresAt  *Time
	RPMLimitType         *string `gorm:"column:rpm_limit_type"`
	TPMLimitType         *string `gorm:"column:tpm_limit_type"`
	AllowedCacheControls Strings
	EnforcedParams       Strings

	Metadata    JSON // tags live in metadata.tags
	Permissions JSON
	Config      JSON
	Extra       JSON // accepted and given back: guardrails, policies, ... Of it, router_settings have an effect

	AutoRotate       bool
	RotationInterval *string
	Audit            `gorm:"embedded"`
	Seq              int64 `gorm:"column:change_seq;->"`
}

// Audit are the columns that say who made and who last changed a row.
type Audit struct {
	CreatedAt Time
	CreatedBy string
	UpdatedAt Time
	UpdatedBy string
}

// ArchivedKey is a key that was deleted or rotated away, kept so that old spend keeps its names.
type ArchivedKey struct {
	Key       `gorm:"embedded"`
	DeletedAt Time
	DeletedBy string
}

// OldSecret is the former hash of a rotated key, valid until ExpiresAt.
type OldSecret struct {
	Hash      string `gorm:"primaryKey"`
	KeyID     string
	ExpiresAt Time
	Seq       int64 `gorm:"column:change_seq;->"`
}

// UISessionTeam marks keys that belong to a portal session; they are in no list.
const UISessionTeam = "litellm-dashboard"
