package imports

import (
	"encoding/json"

	"gatehouse/app/control"
	"gatehouse/models"
)

// The tables of LiteLLM's schema.prisma that are taken over.
const (
	keyTable       = "LiteLLM_VerificationToken"
	oldSecretTable = "LiteLLM_DeprecatedVerificationToken"
	userTable      = "LiteLLM_UserTable"
	teamTable      = "LiteLLM_TeamTable"
	aliasTable     = "LiteLLM_ModelTable"
	memberTable    = "LiteLLM_TeamMembership"
	orgTable       = "LiteLLM_OrganizationTable"
	orgMemberTable = "LiteLLM_OrganizationMembership"
	budgetTable    = "LiteLLM_BudgetTable"
	customerTable  = "LiteLLM_EndUserTable"
	modelTable     = "LiteLLM_ProxyModelTable"
)

// leftTables are the tables with rows of an operator's that have no place here, and what to do about each.
func leftTables() [][2]string {
	return [][2]string{
		{"LiteLLM_Config", "settings made in LiteLLM's UI: put them into config.yaml"},
		{"LiteLLM_TagTable", "tags: set their budgets in config.yaml (litellm_settings.tag_budget_config)"},
		{"LiteLLM_CredentialsTable", "stored credentials: put them into the models that use them"},
		{"LiteLLM_ProjectTable", "projects"},
		{"LiteLLM_MCPServerTable", "MCP servers"},
		{"LiteLLM_GuardrailsTable", "guardrails"},
		{"LiteLLM_SpendLogs", "the log of calls: it stays where it is"},
	}
}

// spentRow is what most rows have: limits, and how far they are used up.
type spentRow struct {
	Spend          models.Nano          `json:"spend"`
	MaxBudget      *models.Nano         `json:"max_budget"`
	SoftBudget     *models.Nano         `json:"soft_budget"`
	BudgetDuration *string              `json:"budget_duration"`
	ResetAt        *models.Time         `json:"budget_reset_at"`
	MaxParallel    *int64               `json:"max_parallel_requests"`
	TPMLimit       *int64               `json:"tpm_limit"`
	RPMLimit       *int64               `json:"rpm_limit"`
	ModelMaxBudget control.ModelBudgets `json:"model_max_budget"`
}

// stampRow are the times of a row and who was at work; some tables lack some.
type stampRow struct {
	CreatedAt *models.Time `json:"created_at"`
	UpdatedAt *models.Time `json:"updated_at"`
	CreatedBy *string      `json:"created_by"`
	UpdatedBy *string      `json:"updated_by"`
}

type budgetRow struct {
	ID string `json:"budget_id"`
	spentRow
	stampRow
}

type orgRow struct {
	ID       string         `json:"organization_id"`
	Alias    *string        `json:"organization_alias"`
	BudgetID string         `json:"budget_id"`
	Metadata models.JSON    `json:"metadata"`
	Models   models.Strings `json:"models"`
	Spend    models.Nano    `json:"spend"`
	stampRow
}

type teamRow struct {
	ID          string          `json:"team_id"`
	Alias       *string         `json:"team_alias"`
	OrgID       *string         `json:"organization_id"`
	Admins      []string        `json:"admins"`
	Members     []string        `json:"members"`
	Roles       json.RawMessage `json:"members_with_roles"` // {} where there is nobody
	Metadata    models.JSON     `json:"metadata"`
	Models      models.Strings  `json:"models"`
	Permissions models.Strings  `json:"team_member_permissions"`
	Blocked     bool            `json:"blocked"`
	AliasesID   *int64          `json:"model_id"`
	spentRow
	stampRow
}

type memberRole struct {
	Role   string  `json:"role"`
	UserID *string `json:"user_id"`
	Email  *string `json:"user_email"`
}

type aliasRow struct {
	ID      int64           `json:"id"`
	Aliases json.RawMessage `json:"aliases"`
}

type memberRow struct {
	UserID   string      `json:"user_id"`
	TeamID   string      `json:"team_id"`
	Spend    models.Nano `json:"spend"`
	BudgetID *string     `json:"budget_id"`
}

type orgMemberRow struct {
	UserID   string  `json:"user_id"`
	OrgID    string  `json:"organization_id"`
	Role     *string `json:"user_role"`
	BudgetID *string `json:"budget_id"`
	stampRow
}

type userRow struct {
	ID        string         `json:"user_id"`
	Alias     *string        `json:"user_alias"`
	Email     *string        `json:"user_email"`
	SSOUserID *string        `json:"sso_user_id"`
	Password  *string        `json:"password"`
	Role      *string        `json:"user_role"`
	Teams     []string       `json:"teams"`
	Models    models.Strings `json:"models"`
	Metadata  models.JSON    `json:"metadata"`
	spentRow
	stampRow
}

type customerRow struct {
	ID           string      `json:"user_id"`
	Alias        *string     `json:"alias"`
	Spend        models.Nano `json:"spend"`
	Region       *string     `json:"allowed_model_region"`
	DefaultModel *string     `json:"default_model"`
	BudgetID     *string     `json:"budget_id"`
	Blocked      bool        `json:"blocked"`
}

type keyRow struct {
	Hash           string           `json:"token"`
	Name           *string          `json:"key_name"`
	Alias          *string          `json:"key_alias"`
	Expires        *models.Time     `json:"expires"`
	Models         models.Strings   `json:"models"`
	Aliases        models.StringMap `json:"aliases"`
	Config         models.JSON      `json:"config"`
	UserID         *string          `json:"user_id"`
	TeamID         *string          `json:"team_id"`
	OrgID          *string          `json:"organization_id"`
	Permissions    models.JSON      `json:"permissions"`
	Metadata       models.JSON      `json:"metadata"`
	Blocked        *bool            `json:"blocked"`
	CacheControls  models.Strings   `json:"allowed_cache_controls"`
	AllowedRoutes  models.Strings   `json:"allowed_routes"`
	AccessGroupIDs models.Strings   `json:"access_group_ids"`
	BudgetID       *string          `json:"budget_id"`
	AutoRotate     *bool            `json:"auto_rotate"`
	Rotation       *string          `json:"rotation_interval"`
	spentRow
	stampRow
}

type oldSecretRow struct {
	Hash   string      `json:"token"`
	Active string      `json:"active_token_id"`
	Until  models.Time `json:"revoke_at"`
}

type modelRow struct {
	ID     string                     `json:"model_id"`
	Name   string                     `json:"model_name"`
	Params map[string]json.RawMessage `json:"litellm_params"`
	Info   map[string]any             `json:"model_info"`
	stampRow
}
