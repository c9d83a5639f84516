package config

import (
	"time"

	"gatehouse/models"
	"gatehouse/models/duration"
)

// Router is the block router_settings; its values beat the same names in litellm_settings.
type Router struct {
	Strategy     string // "simple-shuffle", "least-busy", "latency-based-routing", "usage-based-routing", "cost-based-routing"
	StrategyArgs map[string]any
	Aliases      map[string]Alias // model_group_alias
	NumRetries   int
	Timeout      time.Duration
	StreamFirst  time.Duration // stream_timeout: first chunk; 0 = Timeout
	StreamIdle   time.Duration // stream_idle_timeout: between chunks
	AllowedFails int
	Cooldown     time.Duration
	NoCooldowns  bool
	RetryAfter   time.Duration

	Fallbacks        map[string][]Fallback // "*" = any group
	ContextFallbacks map[string][]Fallback
	PolicyFallbacks  map[string][]Fallback
	DefaultFallbacks []string
	MaxFallbacks     int

	RetryPolicy        map[string]int            // error class -> retries
	GroupRetryPolicy   map[string]map[string]int // model group -> error class -> retries
	AllowedFailsPolicy map[string]int

	Affinity      Affinity            // optional_pre_call_checks
	GroupAffinity map[string]Affinity // model_group_affinity_config
	AffinityTTL   time.Duration       // deployment_affinity_ttl_seconds

	PreCallChecks     bool
	TagFiltering      bool
	TagsMatchAll      bool                      // tag_filtering_match_any: false
	HealthRouting     bool                      // enable_health_check_routing: what fails its check gets no calls
	HealthNoTransient bool                      // health_check_ignore_transient_errors: 429 and 408 are no failure
	ProviderBudgets   map[string]ProviderBudget // provider_budget_config

	EnforceRateLimits  bool // enforce_model_rate_limits
	DefaultMaxParallel *int64
	MaxStream          time.Duration // LITELLM_MAX_STREAMING_DURATION_SECONDS; 0 = no limit
}

// Affinity is what keeps calls with the deployment that served before.
type Affinity struct {
	Key     bool // deployment_affinity
	Session bool // session_affinity
}

// ProviderBudget is what all calls to one provider may cost in a period.
type ProviderBudget struct {
	Limit  models.Nano
	Period duration.Duration
}

// Alias is one entry of model_group_alias; a hidden one is not listed.
type Alias struct {
	Model  string
	Hidden bool
}

// Fallback is one step of a chain: a group or deployment id, with body fields to override.
type Fallback struct {
	Model     string
	Overrides map[string]any
}
