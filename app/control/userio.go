package control

import (
	"encoding/json"

	"gatehouse/models"
)

// UserFields are what /user/new and /user/update can set.
type UserFields struct {
	Email    Opt[string]      `json:"user_email"`
	Alias    Opt[string]      `json:"user_alias"`
	Role     Opt[models.Role] `json:"user_role"`
	Password Opt[string]      `json:"password"`
	SSOID    Opt[string]      `json:"sso_user_id"`
	Models   Opt[[]string]    `json:"models"`
	LimitFields
	Spend    Opt[models.Nano] `json:"spend"`
	Metadata Opt[models.JSON] `json:"metadata"`
	Blocked  Opt[bool]        `json:"blocked"`
}

// NewUser asks for a user and, unless AutoCreateKey is false, one personal key.
type NewUser struct {
	ID string `json:"user_id"`
	UserFields
	Teams         Opt[[]TeamPlace]       `json:"teams"`
	Organizations Opt[[]string]          `json:"organizations"`
	SendEmail     Opt[bool]              `json:"send_invite_email"`
	AutoCreateKey Opt[bool]              `json:"auto_create_key"`
	KeyAlias      Opt[string]            `json:"key_alias"` // of the automatic key
	Duration      Opt[string]            `json:"duration"`  // of the automatic key
	KeyTeamID     Opt[string]            `json:"team_id"`   // of the automatic key
	KeyAliases    Opt[map[string]string] `json:"aliases"`   // of the automatic key
}

// TeamPlace is a team that a new user joins: on the wire its id, or an object.
type TeamPlace struct {
	TeamID    string           `json:"team_id"`
	MaxBudget Opt[models.Nano] `json:"max_budget_in_team"`
	Role      string           `json:"user_role"` // "user" (default) or "admin"
}

// UnmarshalJSON reads both forms.
func (p *TeamPlace) UnmarshalJSON(b []byte) error {
	*p = TeamPlace{}
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, &p.TeamID)
	}
	type plain TeamPlace
	return json.Unmarshal(b, (*plain)(p))
}

// CreatedUser is a new user with the automatic key and, when one was asked for, the invitation.
type CreatedUser struct {
	User       UserView
	Key        *CreatedKey // nil: none was made
	Invitation *CreatedInvitation
}

// UserView is a person as their readers see them; it holds no password.
type UserView struct {
	User        models.User // PasswordHash is empty
	HasPassword bool
	Spend       models.Nano // in the current window
	Total       models.Nano
	ResetsAt    *models.Time
	LastUsedAt  *models.Time
	Teams       []string // ids
	Orgs        []string
	KeyCount    int
	Invited     *models.Time // an open invitation ends then
}

// UserInfo is the answer of /user/info.
type UserInfo struct {
	UserID    string
	User      *UserView // nil for an admin who asked for everything
	Keys      []KeyView
	Teams     []TeamView
	Truncated bool // more than 100 keys or teams exist
}

// UserUpdate changes a person, named by id or by email.
type UserUpdate struct {
	ID string `json:"user_id"`
	UserFields
}

// UserBulk changes many people: a list, or all of them.
type UserBulk struct {
	Users    []UserUpdate `json:"users"`
	AllUsers bool         `json:"all_users"`
	Updates  *UserUpdate  `json:"user_updates"`
}

// UserOutcome is what became of one line; Err is nil when it was done.
type UserOutcome struct {
	UserID string
	Email  string
	View   *UserView
	Err    error
}

// UserQuery selects people.
type UserQuery struct {
	Role      string   `query:"role"`
	IDs       []string `query:"user_ids"`
	SSOIDs    []string `query:"sso_user_ids"`
	Email     string   `query:"user_email"` // part of it
	Team      string   `query:"team"`
	OrgIDs    []string `query:"organization_ids"`
	Page      int      `query:"page"`
	Size      int      `query:"page_size"`
	SortBy    string   `query:"sort_by"`
	SortOrder string   `query:"sort_order"`
	Search    string   // portal: id, email or alias
}

// RoleInfo describes one role.
type RoleInfo struct {
	Role        models.Role `json:"-"`
	Description string      `json:"description"`
	Label       string      `json:"ui_label"`
}

// SSOProfile is what an identity provider said about somebody who just signed in there.
type SSOProfile struct {
	Provider      string // "google", "microsoft", "generic"
	Issuer        string
	Subject       string // the id claim: what names the person here
	Sub           string // the provider's own id, which it gives to nobody else; "" = it told none
	Email         string
	EmailVerified *bool // nil: the claim is absent
	DisplayName   string
	Role          models.Role // valid role claim, or ""
	Groups        []SSOGroup
	GroupsKnown   bool       // the provider gave a group list, maybe empty
	CreateTeams   bool       // Microsoft service principal: groups are made as teams in any case
	AppGroups     []SSOGroup // groups assigned to the app: they become teams whoever is in them
}

// SSOGroup is a group of the identity provider; Name may be empty.
type SSOGroup struct{ ID, Name string }

// SignedIn is who a sign-in is for.
type SignedIn struct {
	UserID string
	Role   models.Role
	Method string // "password", "password, code", "master", "sso"

	// Needs is what is still to be done, NeedsCode or NeedsSetup: nobody is signed in then, and only Pending is set, a
	// secret by which this browser goes on. "" is a sign-in that is complete.
	Needs   string
	Pending string
}
