package access

import (
	"strings"

	"gatehouse/models"
	"gatehouse/models/fault"
)

// Action is one thing that can be done; its text is the word the audit log keeps ("key.update").
type Action string

// Keys. KeyCreate is a personal key, KeyCreateTeam one for a team, KeyCreateService one that belongs to nobody.
const (
	KeyCreate        Action = "key.create"
	KeyCreateTeam    Action = "key.create_team"
	KeyCreateService Action = "key.create_service"
	KeyInfo          Action = "key.info"
	KeyInfoMany      Action = "key.info_many"
	KeyList          Action = "key.list"
	KeyAliases       Action = "key.aliases"
	KeyUpdate        Action = "key.update"
	KeyBulkUpdate    Action = "key.bulk_update"
	KeyDelete        Action = "key.delete"
	KeyRegenerate    Action = "key.regenerate"
	KeyBlock         Action = "key.block"
	KeyUnblock       Action = "key.unblock"
	KeyResetSpend    Action = "key.reset_spend"
	KeyReleaseBudget Action = "key.release_budget"
	KeyHealth        Action = "key.health"
)

// People. UserCard is the row without keys (/v2/user/info).
const (
	UserNew        Action = "user.create"
	UserInfo       Action = "user.info"
	UserCard       Action = "user.card"
	UserList       Action = "user.list"
	UserFilter     Action = "user.filter"
	UserRoles      Action = "user.roles"
	UserUpdate     Action = "user.update"
	UserBulkUpdate Action = "user.bulk_update"
	UserDelete     Action = "user.delete"
	SessionRead    Action = "session.read"
	SessionEnd     Action = "session.end"
)

// Teams.
const (
	TeamNew         Action = "team.create"
	TeamInfo        Action = "team.info"
	TeamList        Action = "team.list"
	TeamFilter      Action = "team.filter"
	TeamAvailable   Action = "team.available"
	TeamUpdate      Action = "team.update"
	TeamDelete      Action = "team.delete"
	TeamBlock       Action = "team.block"
	TeamUnblock     Action = "team.unblock"
	MemberAdd       Action = "team.member_add"
	MemberBulkAdd   Action = "team.member_bulk_add"
	MemberUpdate    Action = "team.member_update"
	MemberDelete    Action = "team.member_delete"
	TeamPermissions Action = "team.permissions"
	TeamPermit      Action = "team.permissions_update"
	TeamModels      Action = "team.models"
	TeamCallback    Action = "team.callback"
)

// Organizations, budgets, customers, invitations, models.
const (
	OrgNew           Action = "organization.create"
	OrgInfo          Action = "organization.info"
	OrgList          Action = "organization.list"
	OrgUpdate        Action = "organization.update"
	OrgDelete        Action = "organization.delete"
	OrgMember        Action = "organization.member"
	BudgetRead       Action = "budget.read"
	BudgetWrite      Action = "budget.write"
	BudgetDelete     Action = "budget.delete"
	CustomerRead     Action = "customer.read"
	CustomerWrite    Action = "customer.write"
	InvitationNew    Action = "invitation.create"
	InvitationRead   Action = "invitation.read"
	InvitationWrite  Action = "invitation.write"
	ModelRead        Action = "model.read"
	ModelWrite       Action = "model.write"
	AccessGroupRead  Action = "access_group.read"
	AccessGroupWrite Action = "access_group.write"
)

// Spend, the audit log, and the running of the proxy.
const (
	SpendRead     Action = "spend.read"
	SpendResetAll Action = "spend.reset_all"
	AuditRead     Action = "audit.read"
	SettingsRead  Action = "settings.read"
	SettingsWrite Action = "settings.write"
	HealthRead    Action = "health.read"
	HealthTest    Action = "health.test"
	CachePing     Action = "cache.ping"
	CacheWrite    Action = "cache.write"
	Playground    Action = "playground.use"
	ScimRead      Action = "scim.read"
	ScimWrite     Action = "scim.write"
)

// how an object that the actor may not see is answered.
type hiding uint8

const (
	hideAbsent   hiding = iota // 404, as if it did not exist
	hideForbid                 // 403, as the contract fixes for this read
	hideOwnSpend               // 403 with the text of spend reports
	hideOwnList                // 403 bad_request_error: a list asked for somebody else's rows
	hideAdmin                  // 401 with the text for missing rights
)

// rule is one line of the table. An admin (M, PA, a job) is always granted, but for masterOnly.
type rule struct {
	action     Action
	route      string
	write      bool
	viewer     relation // proxy_admin_viewer
	user       relation // internal_user, and every unknown role
	reader     relation // internal_user_viewer: reads, and writes to themselves only
	bare       relation // a key without a user
	see        Action   // whoever is granted this for the object knows that it exists
	hide       hiding
	masterOnly bool
	directory  bool // a directory's key is granted this for every object

	refusal     string // own text of the role's refusal; %s is the role
	refusalKind fault.Kind
	refusalType string
}

func (r rule) grant(a Actor) relation {
	switch {
	case r.masterOnly:
		if a.Master || a.System != "" {
			return anything
		}
		return 0
	case a.IsAdmin(), r.directory && a.directory():
		return anything
	case a.Role == models.RoleAdminViewer:
		return r.viewer
	case a.UserID == "":
		if a.Key == nil {
			return 0 // the zero actor
		}
		return r.bare
	case a.Role == models.RoleInternalViewer:
		return r.reader
	}
	return r.user
}

func (r rule) noun() string {
	noun, _, _ := strings.Cut(string(r.action), ".")
	return noun
}

const (
	keysSeen  = own | itself | service | teamAdmin
	teamsSeen = member | keyTeam | orgAdmin
)

const adminOnly = "Admin-only endpoint. Not allowed to access this., your role=%s"

// table is the whole of contract/admin-api.md §2.
//
// Two choices of ours: internal_user_viewer writes nothing but their own account even as a team's admin, since the role
// says "view only"; and invitations are for admins alone, since an invitation sets the password of whoever it names.
var table = index(
	rule{action: KeyCreate, route: "/key/generate", write: true, user: own},
	rule{action: KeyCreateTeam, route: "/key/generate", write: true, user: memberOwn | teamAdmin},
	rule{action: KeyCreateService, route: "/key/service-account/generate", write: true, user: member, see: TeamInfo},
	rule{action: KeyInfo, route: "/key/info", viewer: anything, user: keysSeen, reader: keysSeen, bare: itself, hide: hideForbid},
	rule{action: KeyInfoMany, route: "/v2/key/info", viewer: anything},
	rule{action: KeyList, route: "/key/list", viewer: anything, user: keysSeen, reader: keysSeen, bare: itself, hide: hideOwnList},
	rule{action: KeyAliases, route: "/key/aliases", viewer: anything, user: keysSeen, reader: keysSeen, bare: itself, hide: hideOwnList},
	rule{action: KeyUpdate, route: "/key/update", write: true, user: own | teamAdmin, see: KeyInfo},
	rule{
		action: KeyBulkUpdate, route: "/key/bulk_update", write: true, refusal: "Only proxy admins can update keys in bulk. Your role=%s",
		refusalKind: fault.Forbidden, refusalType: "auth_error",
	},
	rule{action: KeyDelete, route: "/key/delete", write: true, user: own | teamAdmin, see: KeyInfo, hide: hideForbid},
	rule{action: KeyRegenerate, route: "/key/regenerate", write: true, user: own | teamAdmin, see: KeyInfo, hide: hideForbid},
	rule{action: KeyBlock, route: "/key/block", write: true, user: teamAdmin, see: KeyInfo},
	rule{action: KeyUnblock, route: "/key/unblock", write: true, user: teamAdmin, see: KeyInfo},
	rule{action: KeyResetSpend, route: "/key/{key}/reset_spend", write: true, user: teamAdmin, see: KeyInfo},
	rule{action: KeyReleaseBudget, route: "/key/budget/release", write: true, see: KeyInfo},
	rule{action: KeyHealth, route: "/key/health", viewer: itself, user: itself, reader: itself, bare: itself, hide: hideAdmin},

	rule{action: UserNew, route: "/user/new", write: true, user: orgAdmin, hide: hideAdmin},
	rule{action: UserInfo, route: "/user/info", viewer: anything, user: own, reader: own, hide: hideForbid},
	rule{action: UserCard, route: "/v2/user/info", viewer: anything, user: own | usersAdmin, reader: own | usersAdmin},
	rule{action: UserList, route: "/user/list", viewer: anything, user: orgAdmin, reader: orgAdmin, hide: hideForbid},
	rule{action: UserFilter, route: "/user/filter/ui", viewer: anything, user: usersAdmin | orgAdmin, reader: usersAdmin | orgAdmin, hide: hideAdmin},
	rule{action: UserRoles, route: "/user/available_roles", viewer: anything, user: anything, reader: anything},
	rule{action: UserUpdate, route: "/user/update", write: true, viewer: own, user: own, reader: own, see: UserCard},
	rule{action: UserBulkUpdate, route: "/user/bulk_update", write: true},
	rule{action: UserDelete, route: "/user/delete", write: true},
	rule{action: SessionRead, route: "/ui/account", viewer: own, user: own, reader: own},
	rule{action: SessionEnd, route: "/ui/account", write: true, viewer: own, user: own, reader: own},

	rule{action: TeamNew, route: "/team/new", write: true, user: orgAdmin, hide: hideAdmin},
	rule{action: TeamInfo, route: "/team/info", viewer: anything, user: teamsSeen, reader: teamsSeen, bare: keyTeam, hide: hideForbid},
	rule{action: TeamList, route: "/team/list", viewer: anything, user: teamsSeen, reader: teamsSeen, hide: hideAdmin},
	rule{action: TeamFilter, route: "/team/filter/ui", viewer: anything},
	rule{action: TeamAvailable, route: "/team/available", viewer: anything, user: anything, reader: anything},
	rule{action: TeamUpdate, route: "/team/update", write: true, user: teamAdmin | orgAdmin, see: TeamInfo},
	rule{action: TeamDelete, route: "/team/delete", write: true, user: orgAdmin, see: TeamInfo},
	rule{action: TeamBlock, route: "/team/block", write: true, user: orgAdmin, see: TeamInfo},
	rule{action: TeamUnblock, route: "/team/unblock", write: true, user: orgAdmin, see: TeamInfo},
	rule{action: MemberAdd, route: "/team/member_add", write: true, user: teamAdmin | orgAdmin | joining, see: TeamInfo},
	rule{action: MemberBulkAdd, route: "/team/bulk_member_add", write: true},
	rule{action: MemberUpdate, route: "/team/member_update", write: true, user: teamAdmin | orgAdmin, see: TeamInfo},
	rule{action: MemberDelete, route: "/team/member_delete", write: true, user: teamAdmin | orgAdmin, see: TeamInfo},
	rule{action: TeamPermissions, route: "/team/permissions_list", viewer: anything, user: teamAdmin | orgAdmin, reader: teamAdmin | orgAdmin, see: TeamInfo},
	rule{action: TeamPermit, route: "/team/permissions_update", write: true, user: teamAdmin | orgAdmin, see: TeamInfo},
	rule{action: TeamModels, route: "/team/model/add", write: true, user: teamAdmin | orgAdmin, see: TeamInfo},
	rule{action: TeamCallback, route: "/team/{team_id}/callback", write: true},

	rule{
		action: OrgNew, route: "/organization/new", write: true, refusal: "Only admins can create orgs. Your role=%s",
		refusalKind: fault.Unauthenticated, refusalType: "auth_error",
	},
	rule{action: OrgInfo, route: "/organization/info", viewer: anything, user: orgMember, reader: orgMember},
	rule{action: OrgList, route: "/organization/list", viewer: anything, user: orgMember, reader: orgMember},
	rule{action: OrgUpdate, route: "/organization/update", write: true},
	rule{action: OrgDelete, route: "/organization/delete", write: true},
	rule{action: OrgMember, route: "/organization/member_add", write: true},
	rule{action: BudgetRead, route: "/budget/list", viewer: anything},
	rule{action: BudgetWrite, route: "/budget/new", write: true},
	rule{action: BudgetDelete, route: "/budget/delete", write: true, refusal: adminOnly, refusalKind: fault.Invalid, refusalType: "bad_request_error"},
	rule{action: CustomerRead, route: "/customer/info", viewer: anything},
	rule{action: CustomerWrite, route: "/customer/new", write: true},
	rule{action: InvitationNew, route: "/invitation/new", write: true, refusal: adminOnly, refusalKind: fault.Invalid, refusalType: "bad_request_error"},
	rule{action: InvitationRead, route: "/invitation/info", refusal: adminOnly, refusalKind: fault.Invalid, refusalType: "bad_request_error"},
	rule{action: InvitationWrite, route: "/invitation/update", write: true, refusal: adminOnly, refusalKind: fault.Invalid, refusalType: "bad_request_error"},
	rule{action: ModelRead, route: "/model/info", viewer: anything, user: anything, reader: anything, bare: anything},
	rule{action: ModelWrite, route: "/model/new", write: true, user: teamAdmin, hide: hideAdmin},
	rule{action: AccessGroupRead, route: "/access_group/list", viewer: anything},
	rule{action: AccessGroupWrite, route: "/access_group/new", write: true},

	rule{action: SpendRead, route: "/spend/logs", viewer: anything, user: own | teamAdmin, reader: own | teamAdmin, hide: hideOwnSpend},
	rule{action: SpendResetAll, route: "/global/spend/reset", write: true, masterOnly: true},
	rule{action: AuditRead, route: "/ui/audit", viewer: anything},
	rule{action: SettingsRead, route: "/ui/settings", viewer: anything},
	rule{action: SettingsWrite, route: "/ui/settings", write: true},
	rule{action: HealthRead, route: "/health", viewer: anything},
	rule{action: HealthTest, route: "/health/services", write: true},
	rule{action: CachePing, route: "/cache/ping", viewer: anything, user: anything, reader: anything, bare: anything},
	rule{action: CacheWrite, route: "/cache/flushall", write: true},
	rule{action: Playground, route: "/ui/playground", write: true, user: anything},
	rule{action: ScimRead, route: "/scim/v2/Users", directory: true},
	rule{action: ScimWrite, route: "/scim/v2/Users", write: true, directory: true},
)

func index(rules ...rule) map[Action]rule {
	m := make(map[Action]rule, len(rules))
	for _, r := range rules {
		m[r.action] = r
	}
	return m
}

// Actions lists every action of the table, for the tests that walk routes and roles.
func Actions() []Action {
	all := make([]Action, 0, len(table))
	for a := range table {
		all = append(all, a)
	}
	return all
}

// Writes says whether the action changes something.
func (a Action) Writes() bool { return table[a].write }
