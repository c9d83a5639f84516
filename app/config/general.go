package config

import (
	"net/netip"
	"time"

	"gatehouse/models"
	"gatehouse/models/duration"
)

// General is the block general_settings, with the environment's fallbacks applied.
type General struct {
	MasterKey   models.Secret // not set: EnsureMasterKey makes one
	DatabaseURL models.Secret // postgres://…, postgresql://… or sqlite:PATH; not set: SQLite in the data folder
	PoolLimit   int
	DBTimeout   time.Duration
	NoMigration bool // disable_prisma_schema_update

	KeyHeader string // only this header carries the key; empty = the usual ones

	JWT JWTAuth

	DefaultTeamDisabled bool // no personal keys for non-admins
	SweepMin, SweepMax  time.Duration
	NoBudgetReset       bool // disable_reset_budget
	NoSpendLogs         bool
	StorePrompts        bool
	SpendRetention      duration.Duration // never = keep
	RetentionInterval   duration.Duration
	StoreModelInDB      bool

	EnforceUserParam    bool
	RejectClientTags    bool // reject_clientside_metadata_tags
	GlobalMaxParallel   *int64
	MaxParallel         *int64 // per deployment
	TokenLimitType      TokenLimitType
	UseXForwardedFor    bool
	AllowedIPs          []netip.Prefix // empty = all
	AdminOnlyRoutes     []string
	AllowedRoutes       []string
	BackgroundHealth    bool
	HealthInterval      time.Duration
	MaxRequestMB        int // 0 = the built-in 100
	MaxResponseMB       int // 0 = the built-in 256
	MetricsAuth         bool
	ForwardHeaders      bool // forward_client_headers_to_llm_api
	ForwardProviderAuth bool // forward_llm_provider_auth_headers
	ForwardOpenAIOrg    bool // forward_openai_org_id
	ClientCredentials   bool // allow_client_side_credentials
	CompletionModel     string
	EmbeddingModel      string
	ImageModel          string
	ModerationModel     string
	UserHeaderName      string
	UserHeaders         []string                     // user_header_mappings of customers
	PassEndpoints       []PassEndpoint               // pass_through_endpoints
	PassDefaults        map[string]models.Deployment // by provider: the environment's credentials
}

// TokenLimitType is what a tpm limit counts.
type TokenLimitType string

// The values of token_rate_limit_type.
const (
	CountTotal  TokenLimitType = "total"
	CountInput  TokenLimitType = "input"
	CountOutput TokenLimitType = "output"
)

// Gatehouse is the block gatehouse, which LiteLLM ignores.
type Gatehouse struct {
	SSOTeamSync      TeamSync
	SessionSecrets   []models.Secret // newest first; empty = derived from the salt or master key
	PasswordMin      int
	InviteTTL        time.Duration
	LoginRate        Rate
	BudgetMode       BudgetMode
	MinOutput        int
	AllowMock        bool
	BlockUnpriced    bool // unknown_price: block
	SliceTTL         time.Duration
	SnapshotMaxStale time.Duration
	JournalSync      time.Duration // 0 = every record
	DrainDelay       time.Duration
	DrainTimeout     time.Duration
	SessionIdle      time.Duration
	SessionIdleAdmin time.Duration
	RequireMFA       bool
	EgressAllow      []string
}

// TeamSync is what a sign-in does to team membership.
type TeamSync string

// The values of gatehouse.sso_team_sync.
const (
	SyncAdd  TeamSync = "add"  // join teams of the groups
	SyncFull TeamSync = "full" // and leave the others
	SyncOff  TeamSync = "off"
)

// BudgetMode is how strictly a cap holds (proxy.md §14 (9)).
type BudgetMode string

// The budget modes.
const (
	BudgetFirm  BudgetMode = "firm"
	BudgetExact BudgetMode = "exact"
)

// Rate is N events per Per.
type Rate struct {
	N   int
	Per time.Duration
}
