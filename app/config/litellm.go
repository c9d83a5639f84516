package config

import (
	"time"

	"gatehouse/models"
	"gatehouse/models/duration"
)

// LiteLLM is the block litellm_settings.
type LiteLLM struct {
	MaxBudget      *models.Nano // over everything; nil = none
	BudgetDuration duration.Duration

	MaxInternalUserBudget      *models.Nano // given to new internal users who have none
	InternalUserBudgetDuration duration.Duration
	DefaultUser                DefaultUserParams
	DefaultTeam                *DefaultTeamParams // nil = not set
	DefaultKey                 DefaultKeyParams
	UpperBound                 *UpperBound            // nil = no bounds
	KeyGeneration              *KeyGenerationSettings // nil = not set

	MaxUISessionBudget models.Nano  // cap of the chat pane per session, 1 USD
	MaxEndUserBudget   *models.Nano // of end users without a row
	EndUserBudgetID    string       // max_end_user_budget_id
	TagBudgets         []TagBudget  // tag_budget_config
	Timezone           *time.Location

	NoAuditLogs        bool     // store_audit_logs: false
	Callbacks          []string // as written, all three lists joined
	Prometheus         bool
	RequestTimeout     time.Duration
	RequestTimeoutSet  bool // false: the default stands, and router_settings.timeout may differ
	DropParams         bool
	Verbose            bool
	NoEndUserTracking  bool
	AlwaysIncludeUsage bool     // always_include_stream_usage
	NoAgentTags        bool     // disable_add_user_agent_to_request_tags
	ForwardGroups      []string // model_group_settings.forward_client_headers_to_llm_api
	CostDiscount       map[string]any
	CostMargin         map[string]any
}

// TagBudget is an entry of tag_budget_config: what the calls with one spend tag may cost together.
type TagBudget struct {
	Tag                   string
	MaxBudget, SoftBudget *models.Nano // nil = none
	BudgetDuration        duration.Duration
}

// DefaultUserParams is default_internal_user_params: what a new user without an admin role gets.
type DefaultUserParams struct {
	Set            bool
	Role           models.Role // empty = not set
	MaxBudget      *models.Nano
	BudgetDuration duration.Duration
	Models         []string // nil = not set
	TPMLimit       *int64
	RPMLimit       *int64
	MaxParallel    *int64
	Teams          []DefaultTeamPlace
	AvailableTeams []string
	Other          map[string]any // further /user/new fields as decoded JSON
}

// DefaultTeamPlace is a team that a new user joins.
type DefaultTeamPlace struct {
	TeamID    string
	MaxBudget *models.Nano // max_budget_in_team
	Role      models.TeamRole
}

// DefaultTeamParams is what a team made from an SSO group gets.
type DefaultTeamParams struct {
	MaxBudget      *models.Nano
	BudgetDuration duration.Duration
	Models         []string
	TPMLimit       *int64
	RPMLimit       *int64
	MaxParallel    *int64
	Other          map[string]any // further /team/new fields as decoded JSON
}

// DefaultKeyParams fills what a new key leaves out (admin-api §4.7 step 4). Fields has every entry as decoded
// JSON, typed ones included, nulls left out; numbers are json.Number.
type DefaultKeyParams struct {
	Set            bool
	MaxBudget      *models.Nano
	SoftBudget     *models.Nano
	BudgetDuration duration.Duration
	Duration       duration.Duration
	MaxParallel    *int64
	TPMLimit       *int64
	RPMLimit       *int64
	UserID         string
	TeamID         string
	Models         []string
	Metadata       map[string]any
	Fields         map[string]any
}

// UpperBound is upperbound_key_generate_params; nil and never mean no bound.
type UpperBound struct {
	MaxBudget      *models.Nano
	BudgetDuration duration.Duration
	Duration       duration.Duration
	MaxParallel    *int64
	TPMLimit       *int64
	RPMLimit       *int64
}

// KeyGenerationSettings says who may make keys; a nil block restricts nothing.
type KeyGenerationSettings struct {
	Team     *TeamKeyRule
	Personal *PersonalKeyRule
}

// TeamKeyRule is team_key_generation. Roles nil = both roles; empty = nobody.
type TeamKeyRule struct {
	Roles    []models.TeamRole
	Required []string // body fields that must be present
}

// PersonalKeyRule is personal_key_generation. Roles nil = every role; empty = nobody.
type PersonalKeyRule struct {
	Roles    []models.Role
	Required []string
}

// Cache is the response cache.
type Cache struct {
	On            bool
	Type          string // "local", "redis"
	Redis         Redis
	TTL           time.Duration // 0 = the cache's default
	Namespace     string
	DefaultOff    bool     // mode: default_off, callers opt in
	CallTypes     []string // supported_call_types; empty = the default set
	Scope         string   // "key", "team", "org", "global"
	Deterministic bool     // cache_only_deterministic
	MemoryMB      int      // gatehouse.cache_memory_mb: bound of a local cache
	MaxAnswerKB   int      // gatehouse.cache_max_answer_kb: a larger answer is not kept
}
