// Package access is the one authorisation function of the control plane: it says whether a caller may do a thing to an
// object, which objects of a list a caller sees, and which fields a caller may set. It does no I/O; a service loads the
// object first and asks about the loaded row. Whatever the table (table.go) does not grant is refused.
package access

import (
	"slices"
	"strings"

	"gatehouse/models"
	"gatehouse/models/fault"
)

// Actor is who is calling. The zero Actor may do nothing.
type Actor struct {
	UserID string      // "" for a key without a user
	Email  string      // for display and the audit log; may be empty
	Role   models.Role // the person's global role; "" for a key without a user
	Master bool        // the master key: every right of an admin
	System string      // name of a job of our own ("budget-reset"); it has every right
	Key    *Via        // the key that the call came with; nil for a portal session and the master key

	Prefs     models.Preferences // how the portal looks to the person; of no meaning here
	SessionID string             // hash of the portal session; "" for API calls

	Teams map[string]models.TeamRole // the person's teams
	Orgs  map[string]models.Role     // the person's organizations

	// AdminOnly are routes that the operator kept for administrators (general_settings.admin_only_routes).
	AdminOnly []string

	Route     string // matched route, for the text of a refusal; "" means the action's own
	IP        string
	RequestID string
	ChangedBy string // litellm-changed-by as claimed
}

// Via is the key that a call came with. A key never makes a wider one than itself.
type Via struct {
	ID        string
	Hash      string
	TeamID    string
	OrgID     string
	Models    []string
	Routes    []string // allowed_routes; empty = all
	MaxBudget *models.Nano
	ExpiresAt *models.Time
}

// System is the actor of a job of our own; it is written to the audit log under that name.
func System(name string) Actor { return Actor{System: name, Role: models.RoleAdmin} }

// Master is the actor of the master key.
func Master() Actor {
	return Actor{UserID: models.DefaultUserID, Role: models.RoleAdmin, Master: true}
}

// IsAdmin says whether the actor has every right of the table: an admin, the master key or a job.
func (a Actor) IsAdmin() bool { return a.Master || a.System != "" || a.Role == models.RoleAdmin }

// SeesAll says whether the actor reads everything: admins and admin viewers.
func (a Actor) SeesAll() bool { return a.IsAdmin() || a.Role == models.RoleAdminViewer }

// directory says whether the call came with a directory's key: one that belongs to nobody, no team and no organization, which
// only admins can make, and whose allowed_routes name SCIM. People give their own keys what routes they like; that makes
// no directory of them.
func (a Actor) directory() bool {
	return a.Key != nil && a.UserID == "" && a.Role == "" && a.Key.TeamID == "" && a.Key.OrgID == "" &&
		slices.ContainsFunc(a.Key.Routes, func(r string) bool { return r == "/scim" || strings.HasPrefix(r, "/scim/") })
}

// Name is what created_by, updated_by and deleted_by hold.
func (a Actor) Name() string {
	switch {
	case a.System != "":
		return a.System
	case a.UserID != "":
		return a.UserID
	case a.Key != nil:
		return a.Key.Hash
	}
	return ""
}

// KeyID is the id of the key that the call came with, or "".
func (a Actor) KeyID() string {
	if a.Key == nil {
		return ""
	}
	return a.Key.ID
}

// Target is the object an action is about, as loaded. Which fields count depends on the noun:
// a key has ID, Owner, Team, Org; a user ID, Owner (= ID), Teams, Orgs; a team Team, Org; an organization Org;
// spend the Owner and Team it is asked for. The zero Target stands for actions without an object.
type Target struct {
	ID    string
	Owner string   // user id
	Team  string   // team id
	Org   string   // organization id
	Teams []string // a person's teams
	Orgs  []string // a person's organizations
	Open  bool     // a team that anyone may join
}

// User is the target of an act on a person.
func User(id string, teams, orgs []string) Target {
	return Target{ID: id, Owner: id, Teams: teams, Orgs: orgs}
}

// Team is the target of an act on a team.
func Team(id string, org *string) Target {
	t := Target{ID: id, Team: id}
	if org != nil {
		t.Org = *org
	}
	return t
}

// Key is the target of an act on a key.
func Key(k *models.Key) Target {
	return Target{ID: k.ID, Owner: deref(k.UserID), Team: deref(k.TeamID), Org: deref(k.OrgID)}
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// Check says whether actor may do action to target: nil, or a fault whose text and type are those of
// contract/admin-api.md §2. Errors: fault.Unauthenticated where the role never may, fault.NotFound where the actor may
// not even see the object, fault.Forbidden where they see it but may not act (and for admin viewers who write).
func Check(actor Actor, action Action, target Target) error {
	r, known := table[action]
	if !known {
		return fault.New(fault.Forbidden, "unknown action")
	}
	granted := r.grant(actor)
	if granted&relations(actor, target) != 0 {
		return nil
	}
	if granted == 0 {
		return roleRefusal(actor, r)
	}
	return objectRefusal(actor, action, r, target)
}

// May says whether Check lets the act pass, for booleans in view models.
func May(actor Actor, action Action, target Target) bool { return Check(actor, action, target) == nil }

// Role says whether actor's role may do action to anything at all: the gate of a route before any object is known.
// The error is the one that Check would give.
func Role(actor Actor, action Action) error {
	r, known := table[action]
	if !known {
		return fault.New(fault.Forbidden, "unknown action")
	}
	if r.grant(actor) == 0 {
		return roleRefusal(actor, r)
	}
	if route := actor.keptForAdmins(r); route != "" {
		return fault.Newf(fault.Forbidden, "user not allowed to access this route. Route=%s is an admin only route", route).WithType("auth_error")
	}
	return nil
}

// keptForAdmins is the route by which the operator kept this action for administrators, or "". An act that changes
// something is the same act by whichever path or page it comes.
func (a Actor) keptForAdmins(r rule) string {
	if len(a.AdminOnly) == 0 || a.IsAdmin() {
		return ""
	}
	if kept(a.AdminOnly, a.Route) {
		return a.Route
	}
	if (r.write || a.SessionID != "") && kept(a.AdminOnly, r.route) {
		return r.route
	}
	return ""
}

// kept says whether a list names a route: itself, or everything below /like/this/*.
func kept(list []string, route string) bool {
	return route != "" && slices.ContainsFunc(list, func(entry string) bool {
		below, wild := strings.CutSuffix(entry, "*")
		return entry == route || wild && strings.HasPrefix(route, below)
	})
}

// roleRefusal is for roles that may never do the action.
func roleRefusal(actor Actor, r rule) error {
	if r.refusal != "" {
		return fault.Newf(r.refusalKind, r.refusal, actor.roleName()).WithType(r.refusalType)
	}
	if actor.Role == models.RoleAdminViewer && r.write {
		return fault.New(fault.Forbidden, "user not allowed to access this route, role= proxy_admin_viewer").WithType("auth_error")
	}
	return fault.Newf(fault.Unauthenticated,
		"Only proxy admin can be used to generate, delete, update info for new keys/users/teams. Route=%s. Your role=%s",
		actor.route(r), actor.roleName()).WithType("auth_error")
}

// objectRefusal is for objects outside the actor's reach.
func objectRefusal(actor Actor, action Action, r rule, target Target) error {
	if action == KeyCreate || action == KeyCreateTeam {
		return createRefusal(actor, target)
	}
	if r.see == action || r.see == "" || !May(actor, r.see, target) {
		return unseen(actor, r, target)
	}
	return fault.Newf(fault.Forbidden, "You may see this %s, but not change it. Your role=%s", r.noun(), actor.roleName()).WithType("auth_error")
}

// unseen answers for objects that the actor may not see. Reads whose refusal the contract fixes as 403 say so; all else
// is absent for the caller.
func unseen(actor Actor, r rule, target Target) error {
	switch r.hide {
	case hideForbid:
		return Hidden(actor, r.action)
	case hideOwnSpend:
		return fault.New(fault.Forbidden, "Non-admin users can only view their own spend data.").WithType("auth_error")
	case hideAdmin:
		return roleRefusal(actor, r)
	case hideOwnList:
		return fault.Newf(fault.Forbidden, "You are not allowed to list the %ss of others. Your role=%s", r.noun(), actor.roleName()).
			WithType("bad_request_error")
	default:
		return NotFound(r.noun(), target.ID)
	}
}

// Hidden is the refusal of a read whose object the actor may not see. Services answer it for objects that do not exist
// too, unless the actor sees everything, so that nobody learns which ids are taken.
func Hidden(actor Actor, action Action) error {
	r := table[action]
	return fault.Newf(fault.Forbidden, "You are not allowed to access this %s. Your role=%s", r.noun(), actor.roleName()).WithType("auth_error")
}

// NotFound is the refusal for absent objects; the texts of keys and teams are LiteLLM's.
func NotFound(noun, id string) error {
	switch noun {
	case "key":
		return fault.New(fault.NotFound, "Key not found in database").WithType("not_found_error").WithParam("key")
	case "team":
		return fault.Newf(fault.NotFound, "Team not found, passed team_id: %s.", id).WithParam("team_id")
	case "user":
		return fault.Newf(fault.NotFound, "User %s not found", id).WithParam("user_id")
	}
	return fault.Newf(fault.NotFound, "%s %s not found", noun, id)
}

// createRefusal is what a person hears who makes a key for somebody else, or in a team that is not theirs.
func createRefusal(actor Actor, target Target) error {
	if target.Team != "" && actor.Teams[target.Team] == "" {
		return NotFound("team", target.Team)
	}
	return fault.Newf(fault.Forbidden, "User can only create keys for themselves. Got user_id=%s, Your ID=%s", target.Owner, actor.UserID).
		WithType("auth_error").WithParam("user_id")
}

func (a Actor) route(r rule) string {
	if a.Route != "" {
		return a.Route
	}
	return r.route
}

func (a Actor) roleName() string {
	if a.Role == "" {
		return "unknown"
	}
	return string(a.Role)
}
