package jwtauth

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"gatehouse/app/claim"
	"gatehouse/app/config"
	"gatehouse/app/control"
	"gatehouse/models"
	"gatehouse/models/fault"
	"gatehouse/proxy"
	"gatehouse/proxy/keyring"
	"gatehouse/proxy/policy"
)

// Caller is who a token stands for. Immutable and shared.
type Caller struct {
	UserID  string   // the row's id; "" for a token that names a team alone
	Admin   bool     // by the admin scope, or by a role that is mapped to it
	Routes  []string // what an admin token opens; nil for others
	TeamID  string   // the first team that the token names
	OrgID   string
	EndUser string
	KeyID   string // stands for the token where a key's id would, and KeyHash where its hash would
	KeyHash string

	person       bool // UserID has a row
	teamsMissing bool // a group of the token is no team yet
	seq          int64
	proved, ends time.Time
	grants       []*keyring.Grant
	bearer       proxy.Bearer
}

// TeamRoutes are the routes that the caller may use when the token names a team; nil = all.
func (c *Caller) TeamRoutes() []string {
	if len(c.grants) == 0 {
		return nil
	}
	return c.grants[len(c.grants)-1].AllowedRoutes()
}

func denied(text string) error {
	return fault.New(fault.Forbidden, text).WithType("auth_error")
}

// reading is a token's claims on the way to a Caller.
type reading struct {
	*state
	claims map[string]any
	scopes []string
	role   string // proxy_admin, team, internal_user: what role_mappings say; "" = nothing
	team   string // the one team of team_id_jwt_field or object_id_jwt_field
	teams  []string
	listed bool // the token has a list of groups that is not empty
	models []string
	routes []string
}

// read turns proved claims into a caller.
func (s *state) read(ctx context.Context, snap *keyring.Snapshot, p *proved) (*Caller, error) {
	r := &reading{state: s, claims: p.claims}
	r.scopes = slices.Concat(spaced(p.claims["scope"]), spaced(p.claims["scp"]))
	c := &Caller{proved: s.opt.Now(), ends: p.ends, seq: snap.Seq(), Admin: slices.Contains(r.scopes, s.cfg.AdminScope)}
	c.OrgID, c.EndUser = r.text(s.cfg.OrgIDField), r.text(s.cfg.EndUserIDField)
	if err := r.readRole(c); err != nil {
		return nil, err
	}
	profile := r.profile(c, p)
	if err := r.allowed(c, &profile); err != nil {
		return nil, err
	}
	if err := r.readTeams(snap, c, &profile); err != nil {
		return nil, err
	}
	if err := r.readScopes(c); err != nil {
		return nil, err
	}
	if err := r.readPerson(ctx, snap, c, profile); err != nil {
		return nil, err
	}
	return c, r.grant(c)
}

// spaced is a claim of words: a text with spaces between them, or a list.
func spaced(v any) []string {
	var out []string
	for _, t := range texts(v) {
		out = append(out, strings.Fields(t)...)
	}
	return out
}

func (r *reading) text(field string) string { return clean(claim.Text(claim.Lookup(r.claims, field))) }

// clean drops what cannot be an id here.
func clean(id string) string {
	const longest = 255
	if len(id) > longest || strings.ContainsFunc(id, func(c rune) bool { return c < ' ' || c == 0x7f || c == 0xfffd }) {
		return ""
	}
	return id
}

// readRole finds what role_mappings make of the token's roles.
func (r *reading) readRole(c *Caller) error {
	roles, _ := claim.List(claim.Lookup(r.claims, r.cfg.RolesField))
	for _, m := range r.cfg.RoleMappings {
		if slices.Contains(roles, m.Role) {
			r.role = m.Here
			break
		}
	}
	if r.role == string(models.RoleAdmin) {
		c.Admin = true
	}
	if r.cfg.EnforceRBAC && r.role == "" && !c.Admin {
		return denied("The token's roles open nothing here (enforce_rbac).")
	}
	return nil
}

// profile reads who the person is said to be.
func (r *reading) profile(c *Caller, p *proved) control.TokenProfile {
	cfg := &r.cfg
	out := control.TokenProfile{
		Issuer: p.issuer, Sub: clean(claim.Text(p.claims["sub"])), UserID: r.text(cfg.UserIDField), Email: claim.Email(claim.Lookup(p.claims, cfg.EmailField)),
		EmailVerified: claim.Flag(p.claims["email_verified"]), MayMake: cfg.UserIDUpsert,
	}
	object := r.text(cfg.ObjectIDField)
	switch r.role {
	case "team":
		r.team = object
	case string(models.RoleInternalUser):
		if object != "" {
			out.UserID = object
		}
	}
	if cfg.UserIDField == "" && cfg.EmailField == "" && cfg.ObjectIDField == "" && cfg.TeamIDField == "" && cfg.TeamIDsField == "" && !c.Admin {
		out.UserID = out.Sub // nothing says which claim names the caller
	}
	roles, _ := claim.List(claim.Lookup(p.claims, cfg.RolesField))
	for _, m := range cfg.RoleMap {
		if slices.Contains(roles, m.Role) {
			out.Role = models.Role(m.Here)
			break
		}
	}
	return out
}

// allowed applies user_roles and the email domain.
func (r *reading) allowed(c *Caller, p *control.TokenProfile) error {
	if c.Admin || p.UserID == "" && p.Email == "" {
		return nil
	}
	if r.cfg.UserRolesField != "" {
		roles, _ := claim.List(claim.Lookup(r.claims, r.cfg.UserRolesField))
		if !slices.ContainsFunc(roles, func(role string) bool { return slices.Contains(r.cfg.UserAllowedRoles, role) }) {
			return denied("None of the token's roles may use the gateway (user_allowed_roles).")
		}
	}
	if r.cfg.EmailDomain != "" {
		_, domain, _ := strings.Cut(strings.ToLower(p.Email), "@")
		p.MayMake = domain == r.cfg.EmailDomain && (p.EmailVerified == nil || *p.EmailVerified)
	}
	return nil
}

// mostTeams bounds how many teams of a token are tried in turn.
const mostTeams = 100

// readTeams finds the teams of the token. Of a list of groups those count that are teams here.
func (r *reading) readTeams(snap *keyring.Snapshot, c *Caller, p *control.TokenProfile) error {
	cfg := &r.cfg
	if r.team == "" {
		r.team = r.text(cfg.TeamIDField)
	}
	groups, _ := claim.List(claim.Lookup(r.claims, cfg.TeamIDsField))
	r.listed = len(groups) > 0
	if r.team == "" && !r.listed {
		r.team = cfg.TeamIDDefault
	}
	if r.team != "" && snap.Team(r.team) == nil && cfg.TeamIDUpsert {
		p.MakeTeam = r.team
	}
	if r.team != "" {
		r.teams = append(r.teams, r.team) // one that does not exist is refused by name
		c.teamsMissing = snap.Team(r.team) == nil
	}
	for _, id := range groups {
		switch {
		case snap.Team(id) == nil:
			c.teamsMissing = true
		case len(r.teams) < mostTeams && !slices.Contains(r.teams, id):
			r.teams = append(r.teams, id)
		}
	}
	if cfg.SyncUsers {
		p.Sync = &control.TokenSync{Teams: r.teams, Known: r.listed || r.team != ""}
	}
	if c.Admin {
		return nil
	}
	if r.listed && len(r.teams) == 0 {
		return denied("None of the groups in the token is a team of this gateway.")
	}
	if cfg.TeamRequired && len(r.teams) == 0 {
		return denied("The token names no team (enforce_team_based_model_access).")
	}
	return nil
}

// readScopes narrows models and routes to what the token's scopes, and its role, open.
func (r *reading) readScopes(c *Caller) error {
	if c.Admin {
		return nil
	}
	if r.cfg.EnforceScopes {
		found := false
		var open []config.JWTPermission
		for _, m := range r.cfg.ScopeMappings {
			if slices.Contains(r.scopes, m.Name) {
				found, open = true, append(open, m)
			}
		}
		if !found {
			return denied("None of the token's scopes opens anything here (enforce_scope_based_access).")
		}
		r.models, r.routes = union(open)
	}
	for _, p := range r.cfg.RolePermissions {
		if r.role == "" || p.Name != r.role {
			continue
		}
		if r.models == nil {
			r.models = p.Models
		}
		if r.routes == nil {
			r.routes = p.Routes
		}
	}
	return nil
}

// union is what several permissions open together; nil where one of them does not narrow.
func union(all []config.JWTPermission) (names, routes []string) {
	names, routes = []string{}, []string{}
	for _, p := range all {
		if p.Models == nil {
			names = nil
		}
		if p.Routes == nil {
			routes = nil
		}
		if names != nil {
			names = append(names, p.Models...)
		}
		if routes != nil {
			routes = append(routes, p.Routes...)
		}
	}
	return names, routes
}

// readPerson finds the person's row. An admin token needs none.
func (r *reading) readPerson(ctx context.Context, snap *keyring.Snapshot, c *Caller, p control.TokenProfile) error {
	if p.UserID == "" && p.Email == "" && p.MakeTeam == "" {
		if !c.Admin && len(r.teams) == 0 {
			return denied("The token names neither a person nor a team.")
		}
		return nil
	}
	if c.Admin && p.MakeTeam == "" && (p.UserID == "" || snap.User(p.UserID) == nil) {
		c.UserID = p.UserID
		return nil
	}
	id, err := r.person(ctx, snap, p)
	if err != nil {
		return err
	}
	c.UserID, c.person = id, id != ""
	return nil
}

// grant works out what the data plane may let through: one grant a team, each of which the policy judges live.
func (r *reading) grant(c *Caller) error {
	add := func(team string, routes []string) error {
		key := &models.Key{
			UserID: optional(c.UserID), TeamID: optional(team), OrgID: optional(c.OrgID), Models: r.narrowed(), AllowedRoutes: routes, Name: "JWT",
		}
		sum := sha256.Sum256([]byte("gatehouse jwt\x00" + c.UserID + "\x00" + team))
		key.Hash = hex.EncodeToString(sum[:])
		key.ID = "jwt-" + key.Hash[:32]
		end := models.At(c.ends)
		key.ExpiresAt = &end
		g, err := keyring.NewGrant(key)
		if err == nil {
			c.grants = append(c.grants, g)
		}
		return err
	}
	if c.Admin {
		c.Routes = routesOf(r.cfg.AdminRoutes)
		if err := add("", c.Routes); err != nil {
			return err
		}
	}
	if len(r.teams) > 0 {
		c.TeamID = r.teams[0]
	}
	for _, team := range r.teams {
		routes := routesOf(r.cfg.TeamRoutes)
		if r.routes != nil {
			routes = routesOf(r.routes)
		}
		if err := add(team, routes); err != nil {
			return err
		}
	}
	if len(r.teams) == 0 && c.person {
		if err := add("", routesOf(r.routes)); err != nil {
			return err
		}
	}
	if len(c.grants) == 0 {
		return denied("The token names neither a person nor a team.")
	}
	c.KeyID, c.KeyHash = c.grants[0].ID(), c.grants[0].HashHex()
	c.bearer = proxy.Bearer{Grants: c.grants, EndUser: c.EndUser}
	return nil
}

// narrowed is the model list of a grant. A scope that opens no model opens none, while an empty list would open all.
func (r *reading) narrowed() []string {
	if r.models != nil && len(r.models) == 0 {
		return []string{keyring.NoDefaultModels}
	}
	return r.models
}

// routesOf translates LiteLLM's words for groups of routes. nil stays nil; a list of nothing that is known opens nothing.
func routesOf(words []string) []string {
	if words == nil {
		return nil
	}
	out := []string{}
	for _, w := range words {
		switch w {
		case "openai_routes", "llm_api_routes", "anthropic_routes", "google_routes":
			out = append(out, policy.LLMRoutes)
		case "info_routes":
			out = append(out, policy.InfoRoutes)
		case "management_routes":
			out = append(out, policy.ManagementRoutes)
		case "spend_tracking_routes":
			out = append(out, "/spend")
		case "global_spend_tracking_routes":
			out = append(out, "/global")
		case "public_routes":
		default:
			out = append(out, w)
		}
	}
	if len(out) == 0 {
		return []string{"/-"} // no route is called so: an empty list would open all
	}
	return out
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
