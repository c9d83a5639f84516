package control

import (
	"encoding/json"

	"gatehouse/models"
)

// A key is named by its secret, by the hash of it (64 hex digits), or, inside the program, by ByID.

// byID begins a name that ByID made. The byte is no part of any UTF-8 text, and web.DecodeJSON and api.bindQuery give no
// other: a request cannot name a key in this way.
const byID = "\xff"

// ByID names a key by its id, for callers that hold no hash: the portal's URLs.
func ByID(id string) string { return byID + id }

// LimitFields are the budget and rate fields that keys, users, teams, customers and budget rows share.
type LimitFields struct {
	MaxBudget      Opt[models.Nano]      `json:"max_budget"`
	SoftBudget     Opt[models.Nano]      `json:"soft_budget"`
	BudgetDuration Opt[string]           `json:"budget_duration"`
	TPMLimit       Opt[int64]            `json:"tpm_limit"`
	RPMLimit       Opt[int64]            `json:"rpm_limit"`
	MaxParallel    Opt[int64]            `json:"max_parallel_requests"`
	ModelMaxBudget Opt[ModelBudgets]     `json:"model_max_budget"`
	ModelRPMLimit  Opt[map[string]int64] `json:"model_rpm_limit"`
	ModelTPMLimit  Opt[map[string]int64] `json:"model_tpm_limit"`
}

// KeyFields are what /key/generate, /key/update and /key/regenerate can set.
type KeyFields struct {
	Alias    Opt[string] `json:"key_alias"`
	Duration Opt[string] `json:"duration"` // null or "-1" = never expires
	UserID   Opt[string] `json:"user_id"`
	TeamID   Opt[string] `json:"team_id"`
	OrgID    Opt[string] `json:"organization_id"`
	BudgetID Opt[string] `json:"budget_id"`

	Models         Opt[[]string]          `json:"models"`
	Aliases        Opt[map[string]string] `json:"aliases"`
	AccessGroupIDs Opt[[]string]          `json:"access_group_ids"`
	AllowedRoutes  Opt[[]string]          `json:"allowed_routes"`
	KeyType        Opt[string]            `json:"key_type"` // default, llm_api, management, read_only
	Blocked        Opt[bool]              `json:"blocked"`

	LimitFields
	Spend              Opt[models.Nano] `json:"spend"`
	TempBudgetIncrease Opt[models.Nano] `json:"temp_budget_increase"`
	TempBudgetExpiry   Opt[models.Time] `json:"temp_budget_expiry"`
	RPMLimitType       Opt[string]      `json:"rpm_limit_type"`
	TPMLimitType       Opt[string]      `json:"tpm_limit_type"`

	Metadata             Opt[models.JSON] `json:"metadata"`
	Tags                 Opt[[]string]    `json:"tags"` // kept in metadata.tags
	Permissions          Opt[models.JSON] `json:"permissions"`
	Config               Opt[models.JSON] `json:"config"`
	EnforcedParams       Opt[[]string]    `json:"enforced_params"`
	AllowedCacheControls Opt[[]string]    `json:"allowed_cache_controls"`
	AutoRotate           Opt[bool]        `json:"auto_rotate"`
	RotationInterval     Opt[string]      `json:"rotation_interval"`

	StoredFields
}

// StoredFields are accepted, kept and given back without effect. They live in the row's Extra.
type StoredFields struct {
	Guardrails         Opt[json.RawMessage] `json:"guardrails"`
	Policies           Opt[json.RawMessage] `json:"policies"`
	Prompts            Opt[json.RawMessage] `json:"prompts"`
	ObjectPermission   Opt[json.RawMessage] `json:"object_permission"`
	RouterSettings     Opt[json.RawMessage] `json:"router_settings"`
	AgentID            Opt[json.RawMessage] `json:"agent_id"`
	ProjectID          Opt[json.RawMessage] `json:"project_id"`
	PassthroughRoutes  Opt[json.RawMessage] `json:"allowed_passthrough_routes"`
	VectorStoreIndexes Opt[json.RawMessage] `json:"allowed_vector_store_indexes"`
	NoGlobalGuardrails Opt[json.RawMessage] `json:"disable_global_guardrails"`
}

// NewKey asks for a key.
type NewKey struct {
	KeyFields
	Secret    string          `json:"key"` // chosen by the caller; empty = made here
	SendEmail Opt[bool]       `json:"send_invite_email"`
	Body      json.RawMessage `json:"-"` // the request as sent, for custom_key_generate; nil = the fields above
	Via       string          `json:"-"` // "api" (default) or "portal"
	// Nonce makes a repeated form harmless: the second Create with the same nonce answers fault.Conflict.
	Nonce string `json:"-"`
}

// KeyUpdate changes a key; fields that were not sent stay.
type KeyUpdate struct {
	Key string `json:"key"`
	KeyFields
}

// RotateKey gives a key a new secret. The settings stay, but for those sent here.
type RotateKey struct {
	Key         string      `json:"key"`
	NewSecret   string      `json:"new_key"`      // empty = made here
	GracePeriod Opt[string] `json:"grace_period"` // the old secret works that long; not sent = the configured default
	KeyFields
}

// CreatedKey is a key with its secret, which is shown this once.
type CreatedKey struct {
	KeyView
	Secret   models.Secret
	Duration string  // as asked or clamped, "" = never
	Clamped  []Clamp // values that the operator's bounds lowered
}

// Clamp is one value that a bound lowered.
type Clamp struct {
	Field  string // wire name
	Asked  string // "" = none was asked for
	Given  string
	Filled bool // the field was not sent, so it got the bound
}

// KeyView is a key as its readers see it.
type KeyView struct {
	Key        models.Key
	Spend      models.Nano  // in the current window
	Total      models.Nano  // since the key exists
	ResetsAt   *models.Time // nil = never
	LastUsedAt *models.Time
	Budget     *models.Budget // the linked row
	ModelSpend map[string]models.Nano
	TeamAlias  string // "" = no team, or it has none
	Owner      *models.User
	GraceEnds  *models.Time // an older secret works until then
	DeletedAt  *models.Time // archive rows only
	DeletedBy  string
}

// KeyQuery selects keys. Zero values select nothing away.
type KeyQuery struct {
	Page             int    `query:"page"`
	Size             int    `query:"size"`
	UserID           string `query:"user_id"`
	TeamID           string `query:"team_id"`
	OrgID            string `query:"organization_id"`
	Hash             string `query:"key_hash"`
	Alias            string `query:"key_alias"`
	IncludeTeamKeys  bool   `query:"include_team_keys"`
	IncludeCreatedBy bool   `query:"include_created_by_keys"`
	SortBy           string `query:"sort_by"`
	SortOrder        string `query:"sort_order"`
	Status           string `query:"status"` // "deleted" = the archive
	Expand           string `query:"expand"`
	ProjectID        string `query:"project_id"`
	AccessGroupID    string `query:"access_group_id"`

	Search string // portal: name, last 4, owner, tag or id
	State  string // portal: "blocked", "expired", "active", "attention"
	All    bool   // portal: everything the caller sees, not only their own
}

// AliasQuery selects key names.
type AliasQuery struct {
	Page   int    `query:"page"`
	Size   int    `query:"size"`
	Search string `query:"search"`
}

// BulkKey is one line of /key/bulk_update.
type BulkKey struct {
	Key       string           `json:"key"`
	BudgetID  Opt[string]      `json:"budget_id"`
	MaxBudget Opt[models.Nano] `json:"max_budget"`
	TeamID    Opt[string]      `json:"team_id"`
	Tags      Opt[[]string]    `json:"tags"`
}

// BulkOutcome is what became of one line; Err is nil when it was done.
type BulkOutcome struct {
	Key  string
	View *KeyView
	Err  error
}

// SpendReset is the answer of ResetSpend.
type SpendReset struct {
	Hash          string
	Spend         models.Nano
	PreviousSpend models.Nano
	MaxBudget     *models.Nano
	ResetsAt      *models.Time
}

// KeyOptions is what a form for a new key offers this caller, with the reason where it offers nothing.
type KeyOptions struct {
	Personal     bool
	PersonalWhy  string // why not
	Teams        []TeamChoice
	Models       []ModelChoice // for the chosen owner
	Bounds       KeyBounds
	MayNeverEnd  bool
	DefaultModel []string
}

// TeamChoice is a team in which the caller may, or may not, make keys.
type TeamChoice struct {
	ID, Alias string
	May       bool
	Service   bool // may make service-account keys
	Why       string
}

// ModelChoice is a model or group that the chosen owner may call.
type ModelChoice struct {
	Name    string
	IsGroup bool
	Via     string // "team Checkout", "" = no list narrows it
}

// KeyBounds are the operator's upper bounds; nil and "" are none.
type KeyBounds struct {
	MaxBudget      *models.Nano
	BudgetDuration string
	Duration       string
	TPMLimit       *int64
	RPMLimit       *int64
	MaxParallel    *int64
}
