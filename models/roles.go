package models

// Role is a person's global role, in LiteLLM's words (contract/admin-api.md §2).
type Role string

// The global roles. RoleOrgAdmin is a role inside one organization only.
const (
	RoleAdmin          Role = "proxy_admin"
	RoleAdminViewer    Role = "proxy_admin_viewer"
	RoleInternalUser   Role = "internal_user"
	RoleInternalViewer Role = "internal_user_viewer"
	RoleOrgAdmin       Role = "org_admin"
)

// GlobalRoles lists what a user row may hold, highest privilege first.
var GlobalRoles = [...]Role{RoleAdmin, RoleAdminViewer, RoleInternalUser, RoleInternalViewer}

// Valid says whether r is a global role.
func (r Role) Valid() bool {
	for _, g := range GlobalRoles {
		if g == r {
			return true
		}
	}
	return false
}

// IsAdmin says whether r sees everything: Admin or Admin viewer.
func (r Role) IsAdmin() bool { return r == RoleAdmin || r == RoleAdminViewer }

// TeamRole is a person's role in one team.
type TeamRole string

// The team roles.
const (
	TeamAdmin  TeamRole = "admin"
	TeamMember TeamRole = "user"
)

// DefaultUserID is who the master key acts as.
const DefaultUserID = "default_user_id"
