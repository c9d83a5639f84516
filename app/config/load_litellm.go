package config

import (
	"slices"
	"strings"
	"time"

	"gatehouse/models"
)

// litellm reads litellm_settings.
func (l *loader) litellm(s *section) {
	c := &l.c.LiteLLM
	c.MaxBudget = l.money(s.ref("max_budget"), may)
	if c.MaxBudget != nil && *c.MaxBudget == 0 {
		c.MaxBudget = nil // 0 is LiteLLM's default and means that there is none
	}
	c.BudgetDuration = l.duration(s.ref("budget_duration"))
	c.MaxInternalUserBudget = l.money(s.ref("max_internal_user_budget"), must)
	c.InternalUserBudgetDuration = l.duration(s.ref("internal_user_budget_duration"))
	c.DefaultUser = l.defaultUser(s.ref("default_internal_user_params"))
	c.DefaultTeam = l.defaultTeam(s.ref("default_team_params"))
	c.DefaultKey = l.defaultKey(s.ref("default_key_generate_params"))
	c.UpperBound = l.upperBound(s.ref("upperbound_key_generate_params"))
	c.KeyGeneration = l.keyGeneration(s.ref("key_generation_settings"))
	c.MaxUISessionBudget = models.USD
	if v := l.money(s.ref("max_ui_session_budget"), may); v != nil {
		c.MaxUISessionBudget = *v
	}
	c.MaxEndUserBudget = l.money(s.ref("max_end_user_budget"), may)
	c.EndUserBudgetID = l.text(s.ref("max_end_user_budget_id"), may)
	c.TagBudgets = l.tagBudgets(s.ref("tag_budget_config"))
	c.Timezone = l.timezone(s.ref("timezone"))
	c.NoAuditLogs = !l.boolean(s.ref("store_audit_logs"), may, true)
	timeout := s.ref("request_timeout")
	c.RequestTimeout = l.seconds(timeout, may, true, 600*time.Second)
	c.RequestTimeoutSet = !timeout.isNull()
	c.DropParams = l.boolean(s.ref("drop_params"), may, false)
	c.NoEndUserTracking = l.boolean(s.ref("disable_end_user_cost_tracking"), may, false)
	c.AlwaysIncludeUsage = l.boolean(s.ref("always_include_stream_usage"), may, false)
	c.NoAgentTags = l.boolean(s.ref("disable_add_user_agent_to_request_tags"), may, false)
	c.ForwardGroups = l.forwardGroups(s.ref("model_group_settings"))
	c.CostDiscount = l.freeMap(s.ref("cost_discount_config"))
	c.CostMargin = l.freeMap(s.ref("cost_margin_config"))
	l.callbacks(s)
	s.accept("guardrails", "priority_reservation", "default_team_settings", "modify_params", "telemetry", "add_function_to_prompt",
		"default_max_internal_user_budget", "cache", "cache_params", "num_retries", "fallbacks", "context_window_fallbacks", "content_policy_fallbacks",
		"default_fallbacks", "enable_key_alias_format_validation", "service_callback", "audit_log_callbacks", "set_verbose")
}

// tagBudgets reads budgets by spend tag, in the order of the file.
func (l *loader) tagBudgets(r ref) []TagBudget {
	s := l.section(r, may)
	if s.v == nil {
		return nil
	}
	var out []TagBudget
	for _, tag := range s.v.names {
		of := l.section(s.ref(tag), may)
		if of.v == nil {
			continue
		}
		b := TagBudget{
			Tag: tag, MaxBudget: l.money(of.ref("max_budget"), may), SoftBudget: l.money(of.ref("soft_budget"), may),
			BudgetDuration: l.duration(of.ref("budget_duration")),
		}
		of.done()
		out = append(out, b)
	}
	return out
}

func (l *loader) freeMap(r ref) map[string]any {
	return l.section(r, may).v.plainMap()
}

func (l *loader) timezone(r ref) *time.Location {
	name := l.text(r, must)
	if name == "" {
		return time.UTC
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		l.fault(r.value, r.path, "must be an IANA time zone, as in Europe/Berlin")
		return time.UTC
	}
	return zone
}

// callbacks sorts the three lists into what has an effect here and what is accepted for LiteLLM's sake.
func (l *loader) callbacks(s *section) {
	c := &l.c.LiteLLM
	for _, name := range [...]string{"callbacks", "success_callback", "failure_callback"} {
		r := s.ref(name)
		for _, callback := range l.texts(r, may) {
			c.Callbacks = append(c.Callbacks, callback)
			switch callback {
			case "smtp_email", "resend_email", "sendgrid_email":
				l.c.Alerts.MailCallback = true
			case "prometheus":
				c.Prometheus = true
			default:
				l.warn(r.value, r.path, "a callback here has no effect in Gatehouse; smtp_email, resend_email, sendgrid_email and prometheus have one")
			}
		}
	}
}

func (l *loader) role(r ref) models.Role {
	name := l.text(r, must)
	if name == "" {
		return ""
	}
	role := models.Role(name)
	if !role.Valid() {
		l.fault(r.value, r.path, "unknown role: one of %s", roleNames())
		return ""
	}
	return role
}

func roleNames() string {
	names := make([]string, len(models.GlobalRoles))
	for i, r := range models.GlobalRoles {
		names[i] = string(r)
	}
	return strings.Join(names, ", ")
}

func (l *loader) defaultUser(r ref) DefaultUserParams {
	s := l.section(r, must)
	p := DefaultUserParams{
		Set:            s.v != nil,
		Role:           l.role(s.ref("user_role")),
		MaxBudget:      l.money(s.ref("max_budget"), must),
		BudgetDuration: l.duration(s.ref("budget_duration")),
		Models:         l.modelNames(s.ref("models")),
		TPMLimit:       l.whole(s.ref("tpm_limit"), must, 0),
		RPMLimit:       l.whole(s.ref("rpm_limit"), must, 0),
		MaxParallel:    l.whole(s.ref("max_parallel_requests"), must, 0),
		AvailableTeams: l.texts(s.ref("available_teams"), must),
	}
	teams := s.ref("teams")
	if teams.isNull() {
		p.Other = s.other()
		return p
	}
	if teams.kind != kindList {
		l.mismatch(teams, must, "a list of teams")
	} else {
		for i, e := range teams.list {
			p.Teams = append(p.Teams, l.defaultPlace(ref{e, indexed(teams.path, i)})...)
		}
	}
	p.Other = s.other()
	return p
}

func (l *loader) defaultPlace(r ref) []DefaultTeamPlace {
	if r.isNull() {
		return nil
	}
	if r.kind != kindMap {
		if id := l.text(r, must); id != "" {
			return []DefaultTeamPlace{{TeamID: id, Role: models.TeamMember}}
		}
		return nil
	}
	s := l.section(r, must)
	place := DefaultTeamPlace{
		TeamID:    l.text(s.ref("team_id"), must),
		MaxBudget: l.money(s.ref("max_budget_in_team"), must),
		Role:      models.TeamRole(l.oneOf(s.ref("user_role"), must, string(models.TeamMember), string(models.TeamMember), string(models.TeamAdmin))),
	}
	s.done()
	if place.TeamID == "" {
		l.fault(r.value, join(r.path, "team_id"), "is required")
		return nil
	}
	return []DefaultTeamPlace{place}
}

func (l *loader) defaultTeam(r ref) *DefaultTeamParams {
	s := l.section(r, must)
	if s.v == nil {
		return nil
	}
	p := &DefaultTeamParams{
		MaxBudget:      l.money(s.ref("max_budget"), must),
		BudgetDuration: l.duration(s.ref("budget_duration")),
		Models:         l.modelNames(s.ref("models")),
		TPMLimit:       l.whole(s.ref("tpm_limit"), must, 0),
		RPMLimit:       l.whole(s.ref("rpm_limit"), must, 0),
		MaxParallel:    l.whole(s.ref("max_parallel_requests"), must, 0),
	}
	p.Other = s.other()
	return p
}

func (l *loader) defaultKey(r ref) DefaultKeyParams {
	s := l.section(r, must)
	p := DefaultKeyParams{
		Set:            s.v != nil,
		Fields:         s.other(),
		MaxBudget:      l.money(s.ref("max_budget"), must),
		SoftBudget:     l.money(s.ref("soft_budget"), must),
		BudgetDuration: l.duration(s.ref("budget_duration")),
		Duration:       l.duration(s.ref("duration")),
		MaxParallel:    l.whole(s.ref("max_parallel_requests"), must, 0),
		TPMLimit:       l.whole(s.ref("tpm_limit"), must, 0),
		RPMLimit:       l.whole(s.ref("rpm_limit"), must, 0),
		UserID:         l.text(s.ref("user_id"), must),
		TeamID:         l.text(s.ref("team_id"), must),
		Models:         l.modelNames(s.ref("models")),
	}
	if meta := l.section(s.ref("metadata"), must); meta.v != nil {
		p.Metadata = meta.v.plainMap()
	}
	return p
}

func (l *loader) upperBound(r ref) *UpperBound {
	s := l.section(r, must)
	if s.v == nil {
		return nil
	}
	u := &UpperBound{
		MaxBudget:      l.money(s.ref("max_budget"), must),
		BudgetDuration: l.duration(s.ref("budget_duration")),
		Duration:       l.duration(s.ref("duration")),
		MaxParallel:    l.whole(s.ref("max_parallel_requests"), must, 0),
		TPMLimit:       l.whole(s.ref("tpm_limit"), must, 0),
		RPMLimit:       l.whole(s.ref("rpm_limit"), must, 0),
	}
	s.done()
	return u
}

func (l *loader) keyGeneration(r ref) *KeyGenerationSettings {
	s := l.section(r, must)
	if s.v == nil {
		return nil
	}
	out := &KeyGenerationSettings{}
	team, personal := s.ref("team_key_generation"), s.ref("personal_key_generation")
	if !team.isNull() {
		t := l.section(team, must)
		out.Team = &TeamKeyRule{Roles: l.teamRoles(t.ref("allowed_team_member_roles")), Required: l.texts(t.ref("required_params"), must)}
		t.done()
	}
	if !personal.isNull() {
		p := l.section(personal, must)
		out.Personal = &PersonalKeyRule{Roles: l.personalRoles(p.ref("allowed_user_roles")), Required: l.texts(p.ref("required_params"), must)}
		p.done()
	}
	l.unindented(s, out)
	s.done()
	return out
}

// unindented reads the form in which LiteLLM's own page shows these blocks, with the children beside their parents:
// an operator who copied it meant a restriction, and ignoring it would leave key creation open.
func (l *loader) unindented(s *section, out *KeyGenerationSettings) {
	if s.has("allowed_team_member_roles") && out.Team == nil {
		r := s.ref("allowed_team_member_roles")
		l.warn(r.value, r.path, "belongs under team_key_generation, one step further in; it is read as if it stood there")
		out.Team = &TeamKeyRule{Roles: l.teamRoles(r)}
	}
	if s.has("allowed_user_roles") && out.Personal == nil {
		r := s.ref("allowed_user_roles")
		l.warn(r.value, r.path, "belongs under personal_key_generation, one step further in; it is read as if it stood there")
		out.Personal = &PersonalKeyRule{Roles: l.personalRoles(r)}
	}
}

func (l *loader) teamRoles(r ref) []models.TeamRole {
	names := l.roleList(r)
	if names == nil {
		return nil
	}
	out := make([]models.TeamRole, 0, len(names))
	for _, n := range names {
		if role := models.TeamRole(n); role == models.TeamAdmin || role == models.TeamMember {
			out = append(out, role)
		} else {
			l.fault(r.value, r.path, "unknown role: one of admin, user")
		}
	}
	return out
}

func (l *loader) personalRoles(r ref) []models.Role {
	names := l.roleList(r)
	if names == nil {
		return nil
	}
	out := make([]models.Role, 0, len(names))
	for _, n := range names {
		if role := models.Role(n); role.Valid() {
			out = append(out, role)
		} else {
			l.fault(r.value, r.path, "unknown role: one of %s", roleNames())
		}
	}
	return out
}

func (l *loader) roleList(r ref) []string {
	names := l.texts(r, must)
	if names != nil && len(names) == 0 {
		l.warn(r.value, r.path, "is empty: nobody may make such keys")
	}
	return names
}

// modelNames reads a list of models and warns of names that config.yaml does not have; models of the database may.
func (l *loader) modelNames(r ref) []string {
	names := l.texts(r, must)
	for _, n := range names {
		if !l.knowsModel(n) {
			l.warn(r.value, r.path, "names a model or access group that model_list does not have: %q", n)
		}
	}
	return names
}

func (l *loader) knowsModel(name string) bool {
	switch name {
	case "*", "all-proxy-models", "all-team-models", "no-default-models":
		return true
	}
	for i := range l.c.Models {
		d := &l.c.Models[i]
		if d.ModelName == name || slices.Contains(d.AccessGroups, name) || d.IsWildcard() && wildcardMatch(d.ModelName, name) {
			return true
		}
	}
	return strings.Contains(name, "*")
}

// wildcardMatch says whether name fits pattern, whose * is any run of characters, both ends bound.
func wildcardMatch(pattern, name string) bool {
	parts := strings.Split(pattern, "*")
	head, tail := parts[0], parts[len(parts)-1]
	if len(parts) == 1 || len(name) < len(head)+len(tail) || !strings.HasPrefix(name, head) || !strings.HasSuffix(name, tail) {
		return pattern == name
	}
	rest := name[len(head) : len(name)-len(tail)]
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(rest, part)
		if i < 0 {
			return false
		}
		rest = rest[i+len(part):]
	}
	return true
}
