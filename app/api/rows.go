package api

import (
	"encoding/json"

	"gatehouse/app/control"
	"gatehouse/models"
)

// limitRow are the limits as every row object shows them; what is not set is null.
type limitRow struct {
	MaxBudget      *models.Nano  `json:"max_budget"`
	SoftBudget     *models.Nano  `json:"soft_budget"`
	BudgetDuration *string       `json:"budget_duration"`
	BudgetResetAt  *models.Time  `json:"budget_reset_at"`
	TPMLimit       *int64        `json:"tpm_limit"`
	RPMLimit       *int64        `json:"rpm_limit"`
	MaxParallel    *int64        `json:"max_parallel_requests"`
	ModelMaxBudget modelBudgets  `json:"model_max_budget"`
	ModelRPMLimit  models.IntMap `json:"model_rpm_limit"`
	ModelTPMLimit  models.IntMap `json:"model_tpm_limit"`
}

// modelBudgets writes {} for none, as LiteLLM does, and each entry as its writer spelled it.
type modelBudgets models.ModelBudgets

func (modelBudgets) schema(*schemas) object {
	return object{"type": "object", "additionalProperties": modelBudgetInput()}
}

func (m modelBudgets) MarshalJSON() ([]byte, error) {
	if len(m) == 0 {
		return []byte("{}"), nil
	}
	out := make(map[string]any, len(m))
	for model, b := range m {
		out[model] = b
		if b.Written != "" && json.Valid([]byte(b.Written)) {
			out[model] = json.RawMessage(b.Written)
		}
	}
	return json.Marshal(out)
}

func limitsOf(l models.Limits, resets *models.Time) limitRow {
	return limitRow{
		MaxBudget: l.MaxBudget, SoftBudget: l.SoftBudget, BudgetDuration: l.BudgetDuration, BudgetResetAt: resets, TPMLimit: l.TPMLimit,
		RPMLimit: l.RPMLimit, MaxParallel: l.MaxParallel, ModelMaxBudget: modelBudgets(l.ModelMaxBudget),
		ModelRPMLimit: nilEmpty(l.ModelRPMLimit), ModelTPMLimit: nilEmpty(l.ModelTPMLimit),
	}
}

func nilEmpty(m models.IntMap) models.IntMap {
	if len(m) == 0 {
		return nil
	}
	return m
}

// auditRow are the columns that say who made and last changed a row.
type auditRow struct {
	CreatedAt models.Time `json:"created_at"`
	CreatedBy string      `json:"created_by"`
	UpdatedAt models.Time `json:"updated_at"`
	UpdatedBy string      `json:"updated_by"`
}

func auditOf(a models.Audit) auditRow {
	return auditRow{CreatedAt: a.CreatedAt, CreatedBy: a.CreatedBy, UpdatedAt: a.UpdatedAt, UpdatedBy: a.UpdatedBy}
}

// storedRow are the fields that are kept and given back without effect.
type storedRow struct {
	Guardrails         json.RawMessage `json:"guardrails"`
	Policies           json.RawMessage `json:"policies"`
	Prompts            json.RawMessage `json:"prompts"`
	ObjectPermission   json.RawMessage `json:"object_permission"`
	RouterSettings     json.RawMessage `json:"router_settings"`
	AgentID            json.RawMessage `json:"agent_id"`
	ProjectID          json.RawMessage `json:"project_id"`
	PassthroughRoutes  json.RawMessage `json:"allowed_passthrough_routes"`
	VectorStoreIndexes json.RawMessage `json:"allowed_vector_store_indexes"`
	NoGlobalGuardrails json.RawMessage `json:"disable_global_guardrails"`
}

func extraOf[T any](extra models.JSON) T {
	var s T
	if len(extra) > 0 {
		// The column was written by Gatehouse from checked JSON; one that cannot be read shows as nulls.
		_ = json.Unmarshal(extra, &s)
	}
	return s
}

// budgetRow is a budget row as objects that link to it show it.
type budgetRow struct {
	BudgetID string `json:"budget_id"`
	limitRow
	auditRow
}

func budgetOf(b *models.Budget, resets *models.Time) *budgetRow {
	if b == nil {
		return nil
	}
	if resets == nil {
		resets = b.ResetAt
	}
	return &budgetRow{BudgetID: b.ID, limitRow: limitsOf(b.Limits, resets), auditRow: auditOf(b.Audit)}
}

// keyRow is a key as /key/info and /key/list show it.
type keyRow struct {
	Token     string       `json:"token,omitempty"` // hash; left out of info
	KeyName   *string      `json:"key_name"`
	KeyAlias  *string      `json:"key_alias"`
	Spend     models.Nano  `json:"spend"`
	Expires   *models.Time `json:"expires"`
	UserID    *string      `json:"user_id"`
	TeamID    *string      `json:"team_id"`
	OrgID     *string      `json:"organization_id"`
	TeamAlias string       `json:"team_alias,omitempty"`

	Models        models.Strings   `json:"models"`
	Aliases       models.StringMap `json:"aliases"`
	AllowedRoutes models.Strings   `json:"allowed_routes"`
	AccessGroups  models.Strings   `json:"access_group_ids"`
	Blocked       *bool            `json:"blocked"`
	BlockedReason string           `json:"blocked_reason,omitempty"`

	limitRow
	BudgetID             *string                `json:"budget_id"`
	BudgetTable          *budgetRow             `json:"litellm_budget_table"`
	SoftBudgetCooldown   bool                   `json:"soft_budget_cooldown"`
	TempBudgetIncrease   *models.Nano           `json:"temp_budget_increase"`
	TempBudgetExpiry     *models.Time           `json:"temp_budget_expiry"`
	RPMLimitType         *string                `json:"rpm_limit_type"`
	TPMLimitType         *string                `json:"tpm_limit_type"`
	Metadata             models.JSON            `json:"metadata"`
	Tags                 json.RawMessage        `json:"tags"`
	Permissions          models.JSON            `json:"permissions"`
	Config               models.JSON            `json:"config"`
	EnforcedParams       models.Strings         `json:"enforced_params"`
	AllowedCacheControls models.Strings         `json:"allowed_cache_controls"`
	AutoRotate           bool                   `json:"auto_rotate"`
	RotationInterval     *string                `json:"rotation_interval"`
	ModelSpend           map[string]models.Nano `json:"model_spend"`
	LastActive           *models.Time           `json:"last_active"`
	storedRow
	auditRow
	User      *userRow     `json:"user,omitempty"`
	DeletedAt *models.Time `json:"deleted_at,omitempty"`
	DeletedBy string       `json:"deleted_by,omitempty"`
}

// keyOf is the row of a key without its hash.
func keyOf(v *control.KeyView) keyRow {
	k := &v.Key
	row := keyRow{
		KeyAlias: k.Alias, Spend: v.Spend, Expires: k.ExpiresAt, UserID: k.UserID, TeamID: k.TeamID, OrgID: k.OrgID,
		Models: k.Models, Aliases: k.Aliases, AllowedRoutes: k.AllowedRoutes, AccessGroups: k.AccessGroupIDs, Blocked: k.Blocked, BlockedReason: k.BlockedReason,
		limitRow: limitsOf(k.Limits, v.ResetsAt), BudgetID: k.BudgetID, BudgetTable: budgetOf(v.Budget, v.ResetsAt),
		TempBudgetIncrease: k.TempBudgetIncrease, TempBudgetExpiry: k.TempBudgetExpiresAt, RPMLimitType: k.RPMLimitType, TPMLimitType: k.TPMLimitType,
		Metadata: k.Metadata, Tags: tagsOf(k.Metadata), Permissions: k.Permissions, Config: k.Config, EnforcedParams: k.EnforcedParams,
		AllowedCacheControls: k.AllowedCacheControls, AutoRotate: k.AutoRotate, RotationInterval: k.RotationInterval, ModelSpend: v.ModelSpend,
		LastActive: v.LastUsedAt, storedRow: extraOf[storedRow](k.Extra), auditRow: auditOf(k.Audit), DeletedAt: v.DeletedAt, DeletedBy: v.DeletedBy,
	}
	if row.ModelSpend == nil {
		row.ModelSpend = map[string]models.Nano{}
	}
	if k.Name != "" {
		row.KeyName = &k.Name
	}
	return row
}

// keyWithToken is keyOf with the hash.
func keyWithToken(v *control.KeyView) keyRow {
	row := keyOf(v)
	row.Token = v.Key.Hash
	return row
}

func keysWithToken(views []control.KeyView) []keyRow {
	rows := make([]keyRow, len(views))
	for i := range views {
		rows[i] = keyWithToken(&views[i])
	}
	return rows
}

// tagsOf reads metadata.tags, null when there are none.
func tagsOf(metadata models.JSON) json.RawMessage {
	var m struct {
		Tags json.RawMessage `json:"tags"`
	}
	if len(metadata) == 0 || json.Unmarshal(metadata, &m) != nil {
		return nil
	}
	return m.Tags
}

// createdKey is the answer that shows a secret, once.
type createdKey struct {
	Key     string `json:"key"`
	TokenID string `json:"token_id"`
	keyRow
	Duration *string `json:"duration"`
	Clamped  []clamp `json:"clamped,omitempty"`
}

// clamp tells a caller that the operator's bound replaced what was asked for.
type clamp struct {
	Field string `json:"field"`
	Asked string `json:"asked,omitempty"`
	Given string `json:"given"`
}

func createdOf(k *control.CreatedKey) createdKey {
	out := createdKey{Key: k.Secret.Reveal(), TokenID: k.KeyView.Key.Hash, keyRow: keyWithToken(&k.KeyView)}
	if k.Duration != "" {
		out.Duration = &k.Duration
	}
	for _, c := range k.Clamped {
		if !c.Filled {
			out.Clamped = append(out.Clamped, clamp{Field: c.Field, Asked: c.Asked, Given: c.Given})
		}
	}
	return out
}

// userRow is a person without a password.
type userRow struct {
	UserID    string      `json:"user_id"`
	Email     *string     `json:"user_email"`
	Alias     *string     `json:"user_alias"`
	Role      models.Role `json:"user_role"`
	SSOUserID *string     `json:"sso_user_id"`
	Blocked   bool        `json:"blocked"`
	Teams     []string    `json:"teams"`
	Orgs      []string    `json:"organizations"`

	Models models.Strings `json:"models"`
	Spend  models.Nano    `json:"spend"`
	limitRow
	Metadata models.JSON `json:"metadata"`
	auditRow
	KeyCount *int `json:"key_count,omitempty"`
}

func userOf(v *control.UserView) userRow {
	u := &v.User
	return userRow{
		UserID: u.ID, Email: u.Email, Alias: u.Alias, Role: u.Role, SSOUserID: u.SSOUserID, Blocked: u.Blocked, Teams: orEmpty(v.Teams),
		Orgs: orEmpty(v.Orgs), Models: u.Models, Spend: v.Spend, limitRow: limitsOf(u.Limits, v.ResetsAt), Metadata: u.Metadata, auditRow: auditOf(u.Audit),
	}
}

func orEmpty(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

// memberRow is one entry of members_with_roles.
type memberRow struct {
	UserID string          `json:"user_id"`
	Email  *string         `json:"user_email"`
	Role   models.TeamRole `json:"role"`
}

// membershipRow is a person's place in a team with its budget.
type membershipRow struct {
	UserID   string      `json:"user_id"`
	TeamID   string      `json:"team_id"`
	BudgetID *string     `json:"budget_id"`
	Spend    models.Nano `json:"spend"`
	Budget   *budgetRow  `json:"litellm_budget_table"`
}

func membershipOf(m *control.MemberView) membershipRow {
	return membershipRow{UserID: m.UserID, TeamID: m.TeamID, BudgetID: m.BudgetID, Spend: m.Spend, Budget: budgetOf(m.Budget, m.ResetsAt)}
}

func membershipsOf(views []control.MemberView) []membershipRow {
	rows := make([]membershipRow, len(views))
	for i := range views {
		rows[i] = membershipOf(&views[i])
	}
	return rows
}

// teamRow is a team.
type teamRow struct {
	TeamID  string           `json:"team_id"`
	Alias   *string          `json:"team_alias"`
	OrgID   *string          `json:"organization_id"`
	Admins  []string         `json:"admins"`
	Members []string         `json:"members"`
	Roles   []memberRow      `json:"members_with_roles"`
	Models  models.Strings   `json:"models"`
	ModelID *int             `json:"model_id"`
	Table   *modelTable      `json:"litellm_model_table"`
	Aliases models.StringMap `json:"model_aliases"`
	Spend   models.Nano      `json:"spend"`
	Blocked bool             `json:"blocked"`
	limitRow
	MemberBudget         *models.Nano    `json:"team_member_budget"`
	MemberBudgetDuration *string         `json:"team_member_budget_duration"`
	MemberRPMLimit       *int64          `json:"team_member_rpm_limit"`
	MemberTPMLimit       *int64          `json:"team_member_tpm_limit"`
	MemberKeyDuration    *string         `json:"team_member_key_duration"`
	MemberPermissions    *models.Strings `json:"team_member_permissions"`
	Metadata             models.JSON     `json:"metadata"`
	Tags                 json.RawMessage `json:"tags"`
	limitTypes
	storedRow
	auditRow
}

// limitTypes are kept for teams and have no effect there: they are about keys.
type limitTypes struct {
	RPMLimitType json.RawMessage `json:"rpm_limit_type"`
	TPMLimitType json.RawMessage `json:"tpm_limit_type"`
}

// modelTable is where LiteLLM shows a team's aliases.
type modelTable struct {
	Aliases models.StringMap `json:"model_aliases"`
}

func teamOf(v *control.TeamView) teamRow {
	t := &v.Team
	row := teamRow{
		TeamID: t.ID, Alias: t.Alias, OrgID: t.OrgID, Admins: []string{}, Members: []string{}, Roles: make([]memberRow, len(v.Members)),
		Models: t.Models, Aliases: t.ModelAliases, Spend: v.Spend, Blocked: t.Blocked, limitRow: limitsOf(t.Limits, v.ResetsAt), MemberBudget: t.MemberBudget,
		MemberBudgetDuration: t.MemberBudgetDuration, MemberRPMLimit: t.MemberRPMLimit, MemberTPMLimit: t.MemberTPMLimit,
		MemberKeyDuration: t.MemberKeyDuration, MemberPermissions: t.MemberPermissions, Metadata: t.Metadata, Tags: tagsOf(t.Metadata),
		limitTypes: extraOf[limitTypes](t.Extra), storedRow: extraOf[storedRow](t.Extra), auditRow: auditOf(t.Audit),
	}
	if len(t.ModelAliases) > 0 {
		row.Table = &modelTable{Aliases: t.ModelAliases}
	}
	for i, m := range v.Members {
		row.Roles[i] = memberRow{UserID: m.UserID, Email: text(m.Email), Role: m.Role}
	}
	return row
}

// text is s, or null for the empty string.
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// pageAnswer is how LiteLLM wraps a page.
type pageAnswer struct {
	Total      int `json:"total"`
	Page       int `json:"page"`
	PageSize   int `json:"page_size"`
	TotalPages int `json:"total_pages"`
}

func pageOf[T any](p control.Page[T]) pageAnswer {
	return pageAnswer{Total: p.Total, Page: p.Page, PageSize: p.Size, TotalPages: p.Pages()}
}
