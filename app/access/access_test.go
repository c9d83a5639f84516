package access

import (
	"slices"
	"strings"
	"testing"

	"gatehouse/models"
	"gatehouse/models/fault"
)

// The cast: one person with every place a person can have, seen through each role.
const (
	me, other = "u-me", "u-other"
)

func cast(role models.Role) Actor {
	return Actor{
		UserID: me, Role: role, Key: &Via{ID: "k-me", TeamID: "t-key"},
		Teams: map[string]models.TeamRole{"t-member": models.TeamMember, "t-admin": models.TeamAdmin},
		Orgs:  map[string]models.Role{"o-admin": models.RoleOrgAdmin, "o-member": models.RoleInternalUser},
	}
}

func actors() map[string]Actor {
	return map[string]Actor{
		"nobody": {}, "master": Master(), "job": System("sweep"),
		"admin": cast(models.RoleAdmin), "viewer": cast(models.RoleAdminViewer),
		"user": cast(models.RoleInternalUser), "reader": cast(models.RoleInternalViewer), "odd": cast("some_word"),
		"bare": {Key: &Via{ID: "k-me", TeamID: "t-key"}},
	}
}

// targets are the objects of each noun, by how they stand to the cast.
func targets(noun string) map[string]Target {
	switch noun {
	case "key":
		return map[string]Target{
			"none": {}, "stranger": {ID: "k", Owner: other, Team: "t-none"}, "personal": {ID: "k", Owner: other}, "own": {ID: "k", Owner: me},
			"own-team": {ID: "k", Owner: me, Team: "t-member"}, "own-gone": {ID: "k", Owner: me, Team: "t-none"},
			"colleague": {ID: "k", Owner: other, Team: "t-member"}, "service": {ID: "k", Team: "t-member"},
			"foreign-service": {ID: "k", Team: "t-none"}, "led": {ID: "k", Owner: other, Team: "t-admin"}, "itself": {ID: "k-me"},
			"sister": {ID: "k", Owner: other, Team: "t-key"}, "nobodys": {ID: "k"},
		}
	case "user", "session":
		return map[string]Target{
			"none": {}, "stranger": User(other, []string{"t-none"}, []string{"o-none"}), "own": User(me, nil, nil),
			"colleague": User(other, []string{"t-member"}, nil), "led": User(other, []string{"t-admin"}, nil),
			"org": User(other, nil, []string{"o-admin"}), "org-mate": User(other, nil, []string{"o-member"}), "in-org": {Org: "o-admin"},
		}
	case "team", "model":
		org, none := "o-admin", "o-none"
		return map[string]Target{
			"none": {}, "stranger": Team("t-none", &none), "member": Team("t-member", nil), "led": Team("t-admin", nil),
			"org": Team("t-org", &org), "key": Team("t-key", nil), "open": {ID: "t-open", Team: "t-open", Open: true},
			"join": {ID: "t-open", Team: "t-open", Open: true, Owner: me}, "join-closed": {ID: "t-none", Team: "t-none", Owner: me},
			"in-org": {Org: "o-admin"},
		}
	case "organization":
		return map[string]Target{"none": {}, "stranger": {ID: "o-none", Org: "o-none"}, "org": {ID: "o-admin", Org: "o-admin"}, "member": {ID: "o-member", Org: "o-member"}}
	case "spend":
		return map[string]Target{"none": {}, "stranger": {Owner: other, Team: "t-none"}, "own": {Owner: me}, "led": {Owner: other, Team: "t-admin"}, "member": {Owner: other, Team: "t-member"}}
	}
	return map[string]Target{"none": {}, "stranger": {ID: "x", Owner: other, Team: "t-none", Org: "o-none"}, "own": {ID: "x", Owner: me}}
}

// granted is contract/admin-api.md §2 once more, in other words: per action and role the objects that are open. Roles
// that are left out get nothing; admins get everything, always. "odd" is as user.
var granted = map[Action]map[string]string{
	KeyCreate:        {"user": "own own-team own-gone"},
	KeyCreateTeam:    {"user": "own-team service led"},
	KeyCreateService: {"user": "own-team colleague service led"},
	KeyInfo:          {"viewer": "*", "user": "own own-team own-gone service led itself", "reader": "own own-team own-gone service led itself", "bare": "itself"},
	KeyInfoMany:      {"viewer": "*"},
	KeyList:          {"viewer": "*", "user": "own own-team own-gone service led itself", "reader": "own own-team own-gone service led itself", "bare": "itself"},
	KeyAliases:       {"viewer": "*", "user": "own own-team own-gone service led itself", "reader": "own own-team own-gone service led itself", "bare": "itself"},
	KeyUpdate:        {"user": "own own-team own-gone led"},
	KeyBulkUpdate:    {},
	KeyDelete:        {"user": "own own-team own-gone led"},
	KeyRegenerate:    {"user": "own own-team own-gone led"},
	KeyBlock:         {"user": "led"},
	KeyUnblock:       {"user": "led"},
	KeyResetSpend:    {"user": "led"},
	KeyReleaseBudget: {},
	KeyHealth:        {"viewer": "itself", "user": "itself", "reader": "itself", "bare": "itself"},

	UserNew:        {"user": "org in-org"},
	UserInfo:       {"viewer": "*", "user": "own", "reader": "own"},
	UserCard:       {"viewer": "*", "user": "own led", "reader": "own led"},
	UserList:       {"viewer": "*", "user": "org in-org", "reader": "org in-org"},
	UserFilter:     {"viewer": "*", "user": "led org in-org", "reader": "led org in-org"},
	UserRoles:      {"viewer": "*", "user": "*", "reader": "*"},
	UserUpdate:     {"viewer": "own", "user": "own", "reader": "own"},
	UserBulkUpdate: {}, UserDelete: {},
	SessionRead: {"viewer": "own", "user": "own", "reader": "own"},
	SessionEnd:  {"viewer": "own", "user": "own", "reader": "own"},

	TeamNew:         {"user": "org in-org"},
	TeamInfo:        {"viewer": "*", "user": "member led org key in-org", "reader": "member led org key in-org", "bare": "key"},
	TeamList:        {"viewer": "*", "user": "member led org key in-org", "reader": "member led org key in-org"},
	TeamFilter:      {"viewer": "*"},
	TeamAvailable:   {"viewer": "*", "user": "*", "reader": "*"},
	TeamUpdate:      {"user": "led org in-org"},
	TeamDelete:      {"user": "org in-org"},
	TeamBlock:       {"user": "org in-org"},
	TeamUnblock:     {"user": "org in-org"},
	MemberAdd:       {"user": "led org in-org join"},
	MemberBulkAdd:   {},
	MemberUpdate:    {"user": "led org in-org"},
	MemberDelete:    {"user": "led org in-org"},
	TeamPermissions: {"viewer": "*", "user": "led org in-org", "reader": "led org in-org"},
	TeamPermit:      {"user": "led org in-org"},
	TeamModels:      {"user": "led org in-org"},
	TeamCallback:    {},

	OrgNew: {}, OrgUpdate: {}, OrgDelete: {}, OrgMember: {},
	OrgInfo:    {"viewer": "*", "user": "org member", "reader": "org member"},
	OrgList:    {"viewer": "*", "user": "org member", "reader": "org member"},
	BudgetRead: {"viewer": "*"}, BudgetWrite: {}, BudgetDelete: {},
	CustomerRead: {"viewer": "*"}, CustomerWrite: {},
	InvitationNew: {}, InvitationRead: {}, InvitationWrite: {},
	ModelRead:       {"viewer": "*", "user": "*", "reader": "*", "bare": "*"},
	ModelWrite:      {"user": "led"},
	AccessGroupRead: {"viewer": "*"}, AccessGroupWrite: {},
	ScimRead: {}, ScimWrite: {}, // and a directory's key: TestDirectoryKeys
	SpendRead:     {"viewer": "*", "user": "own led", "reader": "own led"},
	SpendResetAll: {},
	AuditRead:     {"viewer": "*"}, SettingsRead: {"viewer": "*"}, SettingsWrite: {},
	HealthRead: {"viewer": "*"}, HealthTest: {}, CacheWrite: {},
	CachePing:  {"viewer": "*", "user": "*", "reader": "*", "bare": "*"},
	Playground: {"user": "*"},
}

func TestEveryCell(t *testing.T) {
	t.Parallel()
	for _, action := range Actions() {
		want, listed := granted[action]
		if !listed {
			t.Errorf("%s is in the table but not in the test", action)
			continue
		}
		noun, _, _ := strings.Cut(string(action), ".")
		for who, actor := range actors() {
			open := want[who]
			switch who {
			case "odd":
				open = want["user"]
			case "admin":
				if open = "*"; action == SpendResetAll {
					open = ""
				}
			case "master", "job":
				open = "*"
			}
			for how, target := range targets(noun) {
				expect := open == "*" || slices.Contains(strings.Fields(open), how)
				if err := Check(actor, action, target); (err == nil) != expect {
					t.Errorf("%s %s %s: allowed=%v, wanted %v (%v)", who, action, how, err == nil, expect, err)
				}
				if May(actor, action, target) != expect {
					t.Errorf("%s %s %s: May disagrees with Check", who, action, how)
				}
			}
		}
	}
	for action := range granted {
		if _, known := table[action]; !known {
			t.Errorf("%s is in the test but not in the table", action)
		}
	}
}

func TestUnknownActionIsRefused(t *testing.T) {
	t.Parallel()
	if err := Check(Master(), "key.invent", Target{}); !fault.Is(err, fault.Forbidden) {
		t.Fatalf("got %v", err)
	}
	if err := Role(Master(), "key.invent"); !fault.Is(err, fault.Forbidden) {
		t.Fatalf("got %v", err)
	}
}

// TestScopeAgreesWithCheck: a list shows exactly the rows that a look at one row would show.
func TestScopeAgreesWithCheck(t *testing.T) {
	t.Parallel()
	for _, action := range []Action{KeyList, KeyAliases, KeyInfo, UserList, UserFilter, UserCard, TeamList, TeamInfo, OrgList, SpendRead, BudgetRead, CustomerRead} {
		noun, _, _ := strings.Cut(string(action), ".")
		for who, actor := range actors() {
			scope, err := Scope(actor, action)
			for how, target := range targets(noun) {
				if how == "in-org" || how == "join" || how == "join-closed" {
					continue // targets of acts, not rows of lists
				}
				if seen := err == nil && scope.Allows(target); seen != May(actor, action, target) {
					t.Errorf("%s %s %s: in the list %v, by itself %v", who, action, how, seen, !seen)
				}
			}
			if err != nil && !scope.None() {
				t.Errorf("%s %s: refused, but the filter is not empty", who, action)
			}
		}
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	all := actors()
	for name, tc := range map[string]struct {
		who    string
		action Action
		target Target
		kind   fault.Kind
		typ    string
		text   string
	}{
		"no right at all": {
			"user", UserDelete,
			Target{},
			fault.Unauthenticated, "auth_error",
			"Only proxy admin can be used to generate, delete, update info for new keys/users/teams. Route=/user/delete. Your role=internal_user",
		},
		"key without a user":     {"bare", KeyCreate, Target{}, fault.Unauthenticated, "auth_error", "Route=/key/generate. Your role=unknown"},
		"nobody":                 {"nobody", KeyInfo, Target{}, fault.Unauthenticated, "auth_error", "Only proxy admin"},
		"viewer writes":          {"viewer", KeyCreate, Target{Owner: me}, fault.Forbidden, "auth_error", "user not allowed to access this route, role= proxy_admin_viewer"},
		"internal viewer writes": {"reader", KeyCreate, Target{Owner: me}, fault.Unauthenticated, "auth_error", "Your role=internal_user_viewer"},
		"key for another":        {"user", KeyCreate, Target{Owner: other}, fault.Forbidden, "auth_error", "User can only create keys for themselves. Got user_id=u-other, Your ID=u-me"},
		"key in a foreign team":  {"user", KeyCreateTeam, Target{Owner: me, Team: "t-none"}, fault.NotFound, "", "Team not found"},
		"key for a colleague":    {"user", KeyCreateTeam, Target{Owner: other, Team: "t-member"}, fault.Forbidden, "auth_error", "User can only create keys for themselves"},
		"another's key":          {"user", KeyInfo, Target{ID: "k", Owner: other}, fault.Forbidden, "auth_error", "not allowed to access this key"},
		"change an unseen key":   {"user", KeyUpdate, Target{ID: "k", Owner: other}, fault.NotFound, "not_found_error", "Key not found in database"},
		"change a seen key":      {"user", KeyUpdate, Target{ID: "k", Team: "t-member"}, fault.Forbidden, "auth_error", "may see this key, but not change it"},
		"delete an unseen key":   {"user", KeyDelete, Target{ID: "k", Owner: other}, fault.Forbidden, "auth_error", "not allowed to access this key"},
		"block one's own key":    {"user", KeyBlock, Target{ID: "k", Owner: me}, fault.Forbidden, "auth_error", "may see this key"},
		"list another's keys":    {"user", KeyList, Target{Owner: other}, fault.Forbidden, "bad_request_error", "not allowed to list"},
		"another person":         {"user", UserInfo, User(other, nil, nil), fault.Forbidden, "auth_error", "not allowed to access this user"},
		"card of a stranger":     {"user", UserCard, User(other, nil, nil), fault.NotFound, "", "User u-other not found"},
		"all people":             {"user", UserList, Target{}, fault.Forbidden, "auth_error", "not allowed"},
		"all people, bare key":   {"bare", UserList, Target{}, fault.Unauthenticated, "auth_error", "Only proxy admin"},
		"foreign team":           {"user", TeamInfo, Team("t-none", nil), fault.Forbidden, "auth_error", "not allowed to access this team"},
		"change a foreign team":  {"user", TeamUpdate, Team("t-none", nil), fault.NotFound, "", "Team not found, passed team_id: t-none."},
		"change own team":        {"user", TeamUpdate, Team("t-member", nil), fault.Forbidden, "auth_error", "may see this team"},
		"teams of another":       {"user", TeamList, Target{Owner: other}, fault.Unauthenticated, "auth_error", "Only proxy admin"},
		"invite":                 {"user", InvitationNew, Target{}, fault.Invalid, "bad_request_error", "Admin-only endpoint. Not allowed to access this., your role=internal_user"},
		"make an organization":   {"user", OrgNew, Target{}, fault.Unauthenticated, "auth_error", "Only admins can create orgs"},
		"spend of another":       {"user", SpendRead, Target{Owner: other}, fault.Forbidden, "auth_error", "Non-admin users can only view their own spend data."},
		"reset all as admin":     {"admin", SpendResetAll, Target{}, fault.Unauthenticated, "auth_error", "Route=/global/spend/reset. Your role=proxy_admin"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := fault.As(Check(all[tc.who], tc.action, tc.target))
			if f == nil || f.Kind != tc.kind || tc.typ != "" && f.Type != tc.typ || !strings.Contains(f.Message, tc.text) {
				t.Fatalf("got %+v, wanted kind %d, type %s, %q", f, tc.kind, tc.typ, tc.text)
			}
		})
	}
}

// TestRouteIsNamed: the text names the route that was called, not the table's.
func TestRouteIsNamed(t *testing.T) {
	t.Parallel()
	a := cast(models.RoleInternalUser)
	a.Route = "/end_user/new"
	if err := Check(a, CustomerWrite, Target{}); !strings.Contains(err.Error(), "Route=/end_user/new.") {
		t.Fatalf("got %v", err)
	}
}

// TestKeptForAdmins: a route that the operator kept is shut by every door that leads to the same change.
func TestKeptForAdmins(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		role   models.Role
		kept   []string
		route  string
		page   bool
		action Action
		shut   bool
	}{
		{"the route", models.RoleInternalUser, []string{"/key/generate"}, "/key/generate", false, KeyCreate, true},
		{"another path of the same change", models.RoleInternalUser, []string{"/key/regenerate"}, "/key/:key/regenerate", false, KeyRegenerate, true},
		{"a page of the same change", models.RoleInternalUser, []string{"/key/generate"}, "/ui/keys", true, KeyCreate, true},
		{"a page that reads the same", models.RoleInternalUser, []string{"/spend/logs"}, "/ui/logs", true, SpendRead, true},
		{"everything below", models.RoleInternalUser, []string{"/key/*"}, "/key/info", false, KeyInfo, true},
		{"a viewer", models.RoleAdminViewer, []string{"/user/list"}, "/user/list", false, UserList, true},
		{"another route of one action", models.RoleInternalUser, []string{"/spend/logs"}, "/spend/keys", false, SpendRead, false},
		{"a longer name", models.RoleInternalUser, []string{"/key/info"}, "/key/info2", false, KeyInfo, false},
		{"an admin", models.RoleAdmin, []string{"/key/generate"}, "/key/generate", false, KeyCreate, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := cast(c.role)
			a.AdminOnly, a.Route = c.kept, c.route
			if c.page {
				a.SessionID = "s"
			}
			if err := Role(a, c.action); (err != nil) != c.shut || c.shut && fault.As(err).Kind != fault.Forbidden {
				t.Errorf("got %v, shut %v", err, c.shut)
			}
		})
	}
}

// TestHiddenLooksLikeAbsent: the answer for a thing one may not see does not tell whether it is there.
func TestHiddenLooksLikeAbsent(t *testing.T) {
	t.Parallel()
	user := cast(models.RoleInternalUser)
	seen := Check(user, TeamInfo, Team("t-none", nil))
	if absent := Hidden(user, TeamInfo); seen.Error() != absent.Error() {
		t.Fatalf("%q and %q differ", seen, absent)
	}
	seen = Check(user, KeyUpdate, Target{ID: "k", Owner: other})
	if absent := NotFound("key", ""); seen.Error() != absent.Error() {
		t.Fatalf("%q and %q differ", seen, absent)
	}
}

func TestFields(t *testing.T) {
	t.Parallel()
	user := cast(models.RoleInternalUser)
	own, led := Target{ID: "k", Owner: me}, Target{ID: "k", Owner: other, Team: "t-admin"}
	for name, tc := range map[string]struct {
		who    Actor
		action Action
		target Target
		free   string
		lower  string
		fixed  string
	}{
		"owner of a key": {
			user, KeyUpdate, own, "key_alias models metadata duration",
			"tpm_limit rpm_limit max_parallel_requests model_tpm_limit",
			"max_budget soft_budget budget_duration budget_id spend temp_budget_increase temp_budget_expiry model_max_budget user_id blocked organization_id",
		},
		"admin of its team":     {user, KeyUpdate, led, "max_budget tpm_limit blocked models", "", "spend temp_budget_increase user_id budget_id"},
		"admin":                 {cast(models.RoleAdmin), KeyUpdate, own, "spend max_budget user_id temp_budget_increase", "", ""},
		"somebody else":         {user, KeyUpdate, Target{ID: "k", Owner: other}, "", "", "key_alias models max_budget"},
		"maker of a key":        {user, KeyCreate, own, "max_budget models", "", "spend temp_budget_increase"},
		"oneself":               {user, UserUpdate, User(me, nil, nil), "user_alias user_email password metadata", "", "user_role max_budget models spend blocked sso_user_id tpm_limit teams"},
		"oneself as viewer":     {cast(models.RoleAdminViewer), UserUpdate, User(me, nil, nil), "user_email password", "", "user_alias metadata user_role"},
		"team admin":            {user, TeamUpdate, Team("t-admin", nil), "team_alias models metadata", "max_budget tpm_limit rpm_limit", "spend organization_id blocked budget_duration model_aliases"},
		"joining by oneself":    {user, MemberAdd, Target{ID: "t-open", Team: "t-open", Owner: me, Open: true}, "", "", "role max_budget_in_team"},
		"adding as team admin":  {user, MemberAdd, Team("t-admin", nil), "role max_budget_in_team", "", ""},
		"organization's admin":  {user, TeamUpdate, targets("team")["org"], "max_budget tpm_limit", "", "organization_id spend"},
		"org admin makes users": {user, UserNew, Target{Org: "o-admin"}, "user_email max_budget", "", "spend"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			may := FieldsOf(tc.who, tc.action, tc.target)
			for list, want := range map[string]Freedom{tc.free: Free, tc.lower: LowerOnly, tc.fixed: Fixed} {
				for _, field := range strings.Fields(list) {
					if got := may.Of(field); got != want {
						t.Errorf("%s: freedom %d, wanted %d", field, got, want)
					}
				}
			}
		})
	}
	err := FieldsOf(user, UserUpdate, User(me, nil, nil)).Refuse("user_role")
	if !fault.Is(err, fault.Forbidden) || !strings.Contains(err.Error(), "Only proxy admins can modify user roles.") {
		t.Errorf("got %v", err)
	}
}

// TestDirectoryKeys: SCIM is for admins and for a key of nobody's that names its routes; nobody makes such a key of their own.
func TestDirectoryKeys(t *testing.T) {
	scim := []string{"/scim/*"}
	for name, tc := range map[string]struct {
		key  Via
		user string
		role models.Role
		want bool
	}{
		"a directory's":         {key: Via{ID: "k", Routes: scim}, want: true},
		"with a longer path":    {key: Via{ID: "k", Routes: []string{"/scim/v2"}}, want: true},
		"an admin's":            {key: Via{ID: "k", Routes: scim}, user: me, role: models.RoleAdmin, want: true},
		"every route":           {key: Via{ID: "k"}},
		"a star":                {key: Via{ID: "k", Routes: []string{"*"}}},
		"another route":         {key: Via{ID: "k", Routes: []string{"/scimitar"}}},
		"management routes":     {key: Via{ID: "k", Routes: []string{"management_routes"}}},
		"a person's":            {key: Via{ID: "k", Routes: scim}, user: me, role: models.RoleInternalUser},
		"a person's, no row":    {key: Via{ID: "k", Routes: scim}, user: me},
		"an admin viewer's":     {key: Via{ID: "k", Routes: scim}, user: me, role: models.RoleAdminViewer},
		"a team's service key":  {key: Via{ID: "k", TeamID: "t-member", Routes: scim}},
		"an organization's key": {key: Via{ID: "k", OrgID: "o-admin", Routes: scim}},
	} {
		actor := Actor{UserID: tc.user, Role: tc.role, Key: &tc.key}
		for _, action := range []Action{ScimRead, ScimWrite} {
			if got := May(actor, action, Target{}); got != tc.want {
				t.Errorf("%s: %s is %v, wanted %v", name, action, got, tc.want)
			}
		}
		if tc.user == "" && May(actor, UserList, Target{}) {
			t.Errorf("%s lists people outside of SCIM", name)
		}
	}
}
