package control

import (
	"encoding/json"

	"gatehouse/models"
)

// TeamFields are what /team/new and /team/update can set.
type TeamFields struct {
	Alias        Opt[string]            `json:"team_alias"`
	OrgID        Opt[string]            `json:"organization_id"`
	Models       Opt[[]string]          `json:"models"`
	ModelAliases Opt[map[string]string] `json:"model_aliases"`
	Blocked      Opt[bool]              `json:"blocked"`
	LimitFields
	Spend                Opt[models.Nano] `json:"spend"`
	Metadata             Opt[models.JSON] `json:"metadata"`
	Tags                 Opt[[]string]    `json:"tags"`
	MemberBudget         Opt[models.Nano] `json:"team_member_budget"`
	MemberBudgetDuration Opt[string]      `json:"team_member_budget_duration"`
	MemberRPMLimit       Opt[int64]       `json:"team_member_rpm_limit"`
	MemberTPMLimit       Opt[int64]       `json:"team_member_tpm_limit"`
	MemberKeyDuration    Opt[string]      `json:"team_member_key_duration"`
	MemberPermissions    Opt[[]string]    `json:"team_member_permissions"`

	Guardrails       Opt[json.RawMessage] `json:"guardrails"` // this and the next six: kept without effect
	Policies         Opt[json.RawMessage] `json:"policies"`
	Prompts          Opt[json.RawMessage] `json:"prompts"`
	ObjectPermission Opt[json.RawMessage] `json:"object_permission"`
	RouterSettings   Opt[json.RawMessage] `json:"router_settings"`
	RPMLimitType     Opt[json.RawMessage] `json:"rpm_limit_type"`
	TPMLimitType     Opt[json.RawMessage] `json:"tpm_limit_type"`
}

// NewTeam asks for a team. The caller becomes its admin.
type NewTeam struct {
	ID string `json:"team_id"`
	TeamFields
	Members []Member `json:"members_with_roles"`
}

// TeamUpdate changes a team; fields that were not sent stay.
type TeamUpdate struct {
	ID string `json:"team_id"`
	TeamFields
}

// Member names a person of a team by id or by email.
type Member struct {
	Role   string `json:"role"` // "admin" or "user" (default); "internal_user" is read as "user"
	UserID string `json:"user_id"`
	Email  string `json:"user_email"`
}

// MemberList is one member or a list of them.
type MemberList []Member

// UnmarshalJSON reads both forms.
func (l *MemberList) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '{' {
		var one Member
		if err := json.Unmarshal(b, &one); err != nil {
			return err
		}
		*l = MemberList{one}
		return nil
	}
	return json.Unmarshal(b, (*[]Member)(l))
}

// AddMembers puts people into a team.
type AddMembers struct {
	TeamID    string           `json:"team_id"`
	Members   MemberList       `json:"member"`
	MaxBudget Opt[models.Nano] `json:"max_budget_in_team"`
	Duration  Opt[string]      `json:"budget_duration"` // of these people's budgets in the team
}

// BulkAddMembers puts many people into a team; AllUsers takes everybody.
type BulkAddMembers struct {
	TeamID    string           `json:"team_id"`
	Members   MemberList       `json:"members"`
	AllUsers  bool             `json:"all_users"`
	MaxBudget Opt[models.Nano] `json:"max_budget_in_team"`
	Duration  Opt[string]      `json:"budget_duration"`
}

// UpdateMember changes a person's place in a team.
type UpdateMember struct {
	TeamID    string           `json:"team_id"`
	UserID    string           `json:"user_id"`
	Email     string           `json:"user_email"`
	Role      Opt[string]      `json:"role"`
	MaxBudget Opt[models.Nano] `json:"max_budget_in_team"`
	Duration  Opt[string]      `json:"budget_duration"`
	TPMLimit  Opt[int64]       `json:"tpm_limit"`
	RPMLimit  Opt[int64]       `json:"rpm_limit"`
}

// RemoveMember takes a person out of a team.
type RemoveMember struct {
	TeamID string `json:"team_id"`
	UserID string `json:"user_id"`
	Email  string `json:"user_email"`
}

// TeamView is a team as its readers see it.
type TeamView struct {
	Team     models.Team
	Spend    models.Nano // in the current window
	Total    models.Nano
	ResetsAt *models.Time
	Members  []MemberView // oldest first
	KeyCount int
}

// MemberView is a person's place in a team.
type MemberView struct {
	TeamID   string
	UserID   string
	Email    string
	Alias    string
	Role     models.TeamRole
	BudgetID *string
	Budget   *models.Budget // their own row, nil when the team's default stands
	Spend    models.Nano
	ResetsAt *models.Time
}

// TeamInfo is the answer of /team/info.
type TeamInfo struct {
	TeamView
	Keys []KeyView
}

// MemberChange is the answer of AddMembers.
type MemberChange struct {
	Team    TeamView
	Users   []UserView   // those who were added
	Members []MemberView // their places
}

// TeamQuery selects teams.
type TeamQuery struct {
	UserID    string `query:"user_id"`
	OrgID     string `query:"organization_id"` // "default_organization" = without one
	ID        string `query:"team_id"`
	Alias     string `query:"team_alias"` // part of it
	Page      int    `query:"page"`
	Size      int    `query:"page_size"`
	SortBy    string `query:"sort_by"`
	SortOrder string `query:"sort_order"`
}

// TeamPermissions is what plain members may do with the team's keys, as route paths.
type TeamPermissions struct {
	TeamID    string
	Granted   []string
	Available []string
}

// NewOrg asks for an organization; a budget row is made for it unless BudgetID names one.
type NewOrg struct {
	ID       string           `json:"organization_id"`
	Alias    Opt[string]      `json:"organization_alias"`
	Models   Opt[[]string]    `json:"models"`
	BudgetID Opt[string]      `json:"budget_id"`
	Metadata Opt[models.JSON] `json:"metadata"`
	LimitFields
}

// OrgUpdate changes an organization.
type OrgUpdate = NewOrg

// OrgView is an organization as its readers see it.
type OrgView struct {
	Org      models.Organization
	Budget   *models.Budget
	Spend    models.Nano
	ResetsAt *models.Time
	Members  []OrgMemberView
	Teams    []string // ids
}

// OrgMemberView is a person's place in an organization.
type OrgMemberView struct {
	models.OrgMembership
	Email  string
	Budget *models.Budget
}

// OrgMember puts a person into an organization or changes their place.
type OrgMember struct {
	OrgID     string           `json:"organization_id"`
	Members   MemberList       `json:"member"`
	UserID    string           `json:"user_id"` // member_update, member_delete
	Email     string           `json:"user_email"`
	Role      Opt[string]      `json:"role"`
	MaxBudget Opt[models.Nano] `json:"max_budget_in_organization"`
}

// BudgetFields are what /budget/new and /budget/update can set.
type BudgetFields struct {
	ID string `json:"budget_id"`
	LimitFields
	ResetAt Opt[models.Time] `json:"budget_reset_at"`
}

// BudgetView is a budget row with its next reset.
type BudgetView struct {
	Budget   models.Budget
	ResetsAt *models.Time
}

// CustomerFields are what /customer/new and /customer/update can set.
type CustomerFields struct {
	ID           string           `json:"user_id"`
	Alias        Opt[string]      `json:"alias"`
	Blocked      Opt[bool]        `json:"blocked"`
	BudgetID     Opt[string]      `json:"budget_id"`
	Region       Opt[string]      `json:"allowed_model_region"`
	DefaultModel Opt[string]      `json:"default_model"`
	Spend        Opt[models.Nano] `json:"spend"`
	LimitFields
}

// CustomerView is an end user as admins see them.
type CustomerView struct {
	Customer models.Customer
	Spend    models.Nano
	ResetsAt *models.Time
	Budget   *models.Budget // what caps them: their own limits, the linked row, or the default
}

// ModelBudgets reads every form in which LiteLLM writes model_max_budget.
type ModelBudgets models.ModelBudgets
