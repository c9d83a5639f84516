package control

import (
	"encoding/json"
	"time"

	"gatehouse/models"
)

// InvitationView is an invitation as admins see it. ID is whole only where the caller named it; else it is the first
// eight characters and Short is true.
type InvitationView struct {
	ID         string
	Short      bool
	Invitation models.Invitation
	Email      string
}

// CreatedInvitation is a new invitation with the link that works once.
type CreatedInvitation struct {
	InvitationView
	Link string
}

// UpdateInvitation marks an invitation as accepted, or as not.
type UpdateInvitation struct {
	ID       string `json:"invitation_id"`
	Accepted bool   `json:"is_accepted"`
}

// InvitationState says what an onboarding page shows.
type InvitationState string

// The states of an invitation.
const (
	InvitationOpen    InvitationState = "open"
	InvitationUsed    InvitationState = "used"
	InvitationExpired InvitationState = "expired"
	InvitationUnknown InvitationState = "unknown"
)

// OpenInvitation is what the holder of a link learns by opening it, which changes nothing.
type OpenInvitation struct {
	State   InvitationState
	UserID  string
	Email   string
	At      *models.Time // used or expired then
	Inviter string       // whom to ask for a new one
	Token   string       // for /onboarding/claim_token; open invitations only
}

// ClaimInvitation sets the password and uses the link up.
type ClaimInvitation struct {
	ID       string `json:"invitation_link"`
	UserID   string `json:"user_id"` // must be the invited person when given
	Password string `json:"password"`
	Token    string `json:"-"` // the bearer of the API call; "" for the portal's form
}

// LoginInput is one try to sign in.
type LoginInput struct {
	Username string // UI_USERNAME, or an email in any case
	Password string
}

// SessionView is a signed-in browser as its person sees it.
type SessionView struct {
	ID      string // first 16 hex digits of the hash: names it, opens nothing
	Session models.Session
	Current bool
}

// ModelParams is a model as /model/new sends it.
type ModelParams struct {
	ModelName string                     `json:"model_name"`
	Params    map[string]json.RawMessage `json:"litellm_params"`
	Info      map[string]json.RawMessage `json:"model_info"`
}

// ModelUpdate changes a model stored in the database; litellm_params are merged, model_info too.
type ModelUpdate struct {
	ID        string                     `json:"id"` // or model_info.id
	ModelName Opt[string]                `json:"model_name"`
	Params    map[string]json.RawMessage `json:"litellm_params"`
	Info      map[string]json.RawMessage `json:"model_info"`
}

// ModelView is a deployment without anything secret.
type ModelView struct {
	ID         string
	ModelName  string
	Provider   string
	Model      string
	Params     map[string]any // litellm_params, credentials taken out
	Info       map[string]any // model_info
	FromConfig bool
	Disabled   string // why it serves nothing
	TeamID     string
	CreatedAt  models.Time
	CreatedBy  string
	UpdatedAt  models.Time
	UpdatedBy  string
}

// ModelGroup is a public model name with what its deployments have in common.
type ModelGroup struct {
	Name         string
	Providers    []string
	Deployments  []ModelView
	AccessGroups []string
	Mode         string
}

// AccessGroupInput names a group and its models.
type AccessGroupInput struct {
	Name   string   `json:"access_group"`
	Models []string `json:"model_names"`
}

// SpendQuery selects spend. Days are YYYY-MM-DD in the reporting zone, both inclusive.
type SpendQuery struct {
	StartDate string   `query:"start_date"`
	EndDate   string   `query:"end_date"`
	UserID    string   `query:"user_id"`
	UserIDs   []string `query:"user_ids"`
	Key       string   `query:"api_key"` // secret or hash
	Teams     []string `query:"team_ids"`
	TeamID    string   `query:"team_id"`
	Orgs      []string `query:"organization_ids"`
	EndUser   string   `query:"end_user"`
	EndUsers  []string `query:"end_user_ids"`
	Tags      []string `query:"tags"`
	Model     string   `query:"model"`
	Provider  string   `query:"custom_llm_provider"`
	RequestID string   `query:"request_id"`
	KeyAlias  string   `query:"key_alias"`
	Status    string   `query:"status_filter"`
	MinSpend  *float64 `query:"min_spend"`
	MaxSpend  *float64 `query:"max_spend"`
	GroupBy   string   `query:"group_by"`
	Limit     *int     `query:"limit"`
	Page      int      `query:"page"`
	Size      int      `query:"page_size"`
	Uncounted bool     // portal: the total is not asked for
	Cursor    string   `query:"cursor"` // keyset paging of the portal: the last row's id
}

// Usage is what a set of calls used.
type Usage struct {
	Spend        models.Nano
	Saved        models.Nano // by kept answers
	PromptSaved  models.Nano // by the providers' own prompt caches, net
	PromptTokens int64
	OutputTokens int64
	CacheRead    int64
	CacheWrite   int64
	CachedOutput int64
	Requests     int64
	Failed       int64
	CacheHits    int64
}

// Tokens is prompt and output together.
func (u Usage) Tokens() int64 { return u.PromptTokens + u.OutputTokens }

// Add adds o to u.
func (u *Usage) Add(o Usage) {
	u.Spend = u.Spend.AddSat(o.Spend)
	u.Saved = u.Saved.AddSat(o.Saved)
	u.PromptSaved = u.PromptSaved.AddSat(o.PromptSaved)
	u.PromptTokens += o.PromptTokens
	u.OutputTokens += o.OutputTokens
	u.CacheRead += o.CacheRead
	u.CacheWrite += o.CacheWrite
	u.CachedOutput += o.CachedOutput
	u.Requests += o.Requests
	u.Failed += o.Failed
	u.CacheHits += o.CacheHits
}

// Dimension is what spend is cut by.
type Dimension string

// The dimensions of daily spend. ByEntity is what the report is about: user, team, organization, customer or tag.
const (
	ByModel      Dimension = "model"       // name at the provider
	ByModelGroup Dimension = "model_group" // public name
	ByProvider   Dimension = "provider"
	ByKey        Dimension = "key" // id of the key
	ByUser       Dimension = "user"
	ByTeam       Dimension = "team"
	ByOrg        Dimension = "organization"
	ByEndUser    Dimension = "end_user"
	ByTag        Dimension = "tag"
)

// Slice is the usage of one value of a dimension.
type Slice struct {
	Value string // id or name; "" = none (a key without a team)
	Label string // alias or email where there is one
	Hash  string // ByKey: the key's hash
	Team  string // ByKey: the key's team id
	Usage Usage
	// Keys is the same usage by key, where the report asks for it.
	Keys []Slice
}

// Day is the usage of one day, with its cuts.
type Day struct {
	Date  string // YYYY-MM-DD
	Usage Usage
	Cuts  map[Dimension][]Slice
}

// Activity is the answer of the daily activity reports: days newest first, and totals over all pages.
type Activity struct {
	Days  []Day
	Total Usage
	Page  int
	Pages int
}

// DaySpend is one day of a series without cuts.
type DaySpend struct {
	Date  string
	Usage Usage
}

// DayLog is one day of /spend/logs?summarize=true.
type DayLog struct {
	Date   string
	Spend  models.Nano
	Users  map[string]models.Nano
	Models map[string]models.Nano
	Keys   map[string]models.Nano // by key hash
}

// TagSpend is one tag's total.
type TagSpend struct {
	Tag   string
	Calls int64
	Spend models.Nano
}

// TeamSpend is the answer of /global/spend/teams: days in order, teams by total, at most ten.
type TeamSpend struct {
	Days   []TeamSpendDay
	Teams  []string // labels
	Totals []Slice
}

// TeamSpendDay is one day, by team label ("Unassigned" = no team).
type TeamSpendDay struct {
	Date  string
	Spend map[string]models.Nano
}

// ModelSeries is one model's days.
type ModelSeries struct {
	Model string
	Days  []DaySpend
	Total Usage
}

// LogPage is a page of the ledger.
type LogPage struct {
	Rows  []LogRow
	Total int
	Page  int
	Size  int
	Next  string // cursor of the next page, "" at the end
}

// LogRow is one call with the names a reader wants.
type LogRow struct {
	models.SpendRow
	KeyAlias  string
	TeamAlias string
	UserEmail string
}

// CostInput asks what a call would cost.
type CostInput struct {
	Model      string          `json:"model"`
	Messages   json.RawMessage `json:"messages"`
	Completion json.RawMessage `json:"completion_response"`
}

// AuditQuery selects audit rows, newest first.
type AuditQuery struct {
	From       time.Time
	To         time.Time
	Actor      string `query:"actor"`
	Action     string `query:"action"`
	ObjectType string `query:"object_type"`
	ObjectID   string `query:"object_id"`
	Outcome    string `query:"outcome"`
	Before     string `query:"cursor"` // Next of the page before
	Size       int    `query:"page_size"`
}

// AuditPage is a page of the audit log.
type AuditPage struct {
	Rows []models.AuditRow
	Next string // cursor, "" at the end
}
