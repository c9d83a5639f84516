package config

import (
	"strings"
	"time"
)

// JWTAuth is litellm_jwtauth: how signed tokens of an identity provider are read as callers. Only TeamIDsField has an
// effect without enable_jwt_auth. Fields named Field hold a claim's name or dotted path.
type JWTAuth struct {
	Enabled   bool
	KeyURLs   []string // JWT_PUBLIC_KEY_URL: key sets, or discovery documents that name one
	Audiences []string // JWT_AUDIENCE; empty = not checked
	Issuers   []string // JWT_ISSUER; empty = the issuer that a discovery document names, else not checked
	KeyTTL    time.Duration

	UserIDField, EmailField, EndUserIDField, OrgIDField string
	TeamIDField, TeamIDsField, TeamIDDefault            string
	EmailDomain                                         string // people of it need no row beforehand
	UserIDUpsert, TeamIDUpsert                          bool
	TeamRoutes                                          []string
	TeamRequired                                        bool // enforce_team_based_model_access

	AdminScope  string
	AdminRoutes []string

	UserRolesField   string
	UserAllowedRoles []string

	RolesField      string
	RoleMappings    []JWTRole       // what a role of the provider is here: proxy_admin, team or internal_user
	RolePermissions []JWTPermission // general_settings.role_permissions, by that
	EnforceRBAC     bool
	ObjectIDField   string // the id of what RoleMappings say the caller is

	ScopeMappings []JWTPermission
	EnforceScopes bool

	RoleMap   []JWTRole // jwt_litellm_role_map: what a role of the provider is here, as a person's role
	SyncUsers bool      // sync_user_role_and_teams
}

// JWTRole is what one role of the provider is here.
type JWTRole struct{ Role, Here string }

// JWTPermission is what a scope or a role opens. nil = everything.
type JWTPermission struct {
	Name           string
	Models, Routes []string
}

// The groups of routes that LiteLLM grants by itself.
func adminRoutes() []string {
	return []string{"management_routes", "spend_tracking_routes", "global_spend_tracking_routes", "info_routes"}
}

func teamRoutes() []string { return []string{"openai_routes", "info_routes"} }

func (l *loader) jwt(s *section) {
	j := &l.c.General.JWT
	j.Enabled = l.boolean(s.ref("enable_jwt_auth"), must, false)
	j.KeyURLs = l.keyURLs()
	j.Audiences = splitList(l.text(l.variable("JWT_AUDIENCE"), must))
	j.Issuers = splitList(l.text(l.variable("JWT_ISSUER"), must))

	b := l.section(s.ref("litellm_jwtauth"), must)
	for name, to := range map[string]*string{
		"user_id_jwt_field": &j.UserIDField, "user_email_jwt_field": &j.EmailField, "end_user_id_jwt_field": &j.EndUserIDField, "org_id_jwt_field": &j.OrgIDField,
		"team_id_jwt_field": &j.TeamIDField, "team_ids_jwt_field": &j.TeamIDsField, "team_id_default": &j.TeamIDDefault, "user_allowed_email_domain": &j.EmailDomain,
		"user_roles_jwt_field": &j.UserRolesField, "roles_jwt_field": &j.RolesField, "object_id_jwt_field": &j.ObjectIDField, "admin_jwt_scope": &j.AdminScope,
	} {
		*to = l.text(b.ref(name), must)
	}
	for name, to := range map[string]*bool{
		"user_id_upsert": &j.UserIDUpsert, "team_id_upsert": &j.TeamIDUpsert, "enforce_rbac": &j.EnforceRBAC, "enforce_scope_based_access": &j.EnforceScopes,
		"enforce_team_based_model_access": &j.TeamRequired, "sync_user_role_and_teams": &j.SyncUsers,
	} {
		*to = l.boolean(b.ref(name), must, false)
	}
	if j.AdminScope == "" {
		j.AdminScope = "litellm_proxy_admin"
	}
	j.EmailDomain = strings.ToLower(strings.TrimPrefix(j.EmailDomain, "@"))
	if j.AdminRoutes = l.texts(b.ref("admin_allowed_routes"), must); j.AdminRoutes == nil {
		j.AdminRoutes = adminRoutes()
	}
	if j.TeamRoutes = l.texts(b.ref("team_allowed_routes"), must); j.TeamRoutes == nil {
		j.TeamRoutes = teamRoutes()
	}
	j.UserAllowedRoles = l.texts(b.ref("user_allowed_roles"), must)
	j.KeyTTL = l.seconds(b.ref("public_key_ttl"), must, true, 600*time.Second)
	j.RoleMappings = l.jwtRoles(b.ref("role_mappings"), "role", "internal_role", "proxy_admin", "team", "internal_user")
	j.RoleMap = l.jwtRoles(b.ref("jwt_litellm_role_map"), "jwt_role", "litellm_role", "proxy_admin", "proxy_admin_viewer", "internal_user", "internal_user_viewer")
	j.ScopeMappings = l.jwtPermissions(b.ref("scope_mappings"), "scope")
	j.RolePermissions = l.jwtPermissions(s.ref("role_permissions"), "role")
	b.accept("public_allowed_routes", "upsert_sso_user_to_team") // a sign-in joins its teams in any case (gatehouse.sso_team_sync)
	if r := b.ref("custom_validate"); !r.isNull() {
		l.fault(r.value, r.path, "is not supported: a check that would not run must not look as if it did; general_settings.custom_auth can judge tokens")
	}
	b.done()
	l.c.SSO.TeamIDsField = j.TeamIDsField
	l.checkJWT(b)
}

// keyURLs reads JWT_PUBLIC_KEY_URL, a list with commas.
func (l *loader) keyURLs() []string {
	r := l.variable("JWT_PUBLIC_KEY_URL")
	urls := splitList(l.text(r, must))
	for _, one := range urls {
		if _, ok := webURL(one); !ok {
			l.fault(r.value, r.path, "must be one http or https URL, or several with commas between them")
		}
	}
	return urls
}

func (l *loader) jwtRoles(list ref, from, to string, known ...string) []JWTRole {
	var out []JWTRole
	l.eachMap(list, func(s *section) {
		role := JWTRole{Role: l.text(s.ref(from), must), Here: l.oneOf(s.ref(to), must, "", known...)}
		switch {
		case role.Role == "" || !s.has(to):
			l.fault(s.v, s.path, "needs %s and %s", from, to)
		case role.Here != "":
			out = append(out, role)
		}
	})
	return out
}

func (l *loader) jwtPermissions(list ref, name string) []JWTPermission {
	var out []JWTPermission
	l.eachMap(list, func(s *section) {
		p := JWTPermission{Name: l.text(s.ref(name), must), Models: l.texts(s.ref("models"), must), Routes: l.texts(s.ref("routes"), must)}
		if p.Name == "" {
			l.fault(s.v, s.path, "needs %s", name)
			return
		}
		out = append(out, p)
	})
	return out
}

// eachMap reads a list of maps.
func (l *loader) eachMap(list ref, fn func(*section)) {
	if list.isNull() {
		return
	}
	if list.kind != kindList {
		l.mismatch(list, must, "a list")
		return
	}
	for i, e := range list.list {
		s := l.section(ref{e, indexed(list.path, i)}, must)
		if s.v == nil {
			continue
		}
		fn(s)
		s.done()
	}
}

// checkJWT looks for settings that would let in more, or fewer, than they seem to.
func (l *loader) checkJWT(b *section) {
	j := &l.c.General.JWT
	if (j.UserRolesField == "") != (len(j.UserAllowedRoles) == 0) {
		l.fault(b.v, b.path, "user_roles_jwt_field and user_allowed_roles need one another")
	}
	if j.ObjectIDField != "" && len(j.RoleMappings) == 0 {
		l.fault(b.v, b.path, "object_id_jwt_field needs role_mappings, which say whether the object is a person or a team")
	}
	if len(j.ScopeMappings) > 0 && !j.EnforceScopes {
		l.fault(b.v, b.path, "scope_mappings need enforce_scope_based_access: true")
	}
	if len(j.RoleMappings)+len(j.RoleMap) > 0 && j.RolesField == "" {
		l.fault(b.v, b.path, "role_mappings and jwt_litellm_role_map need roles_jwt_field, the claim with the roles")
	}
	if !j.Enabled {
		return
	}
	if len(j.KeyURLs) == 0 {
		l.faultAt(envFile, 0, "JWT_PUBLIC_KEY_URL", "is required for general_settings.enable_jwt_auth and is not set")
	}
	if len(j.Audiences) == 0 {
		l.warnAt(envFile, 0, "JWT_AUDIENCE", "is not set: a token that the provider made for any other application is accepted here too")
	}
}
