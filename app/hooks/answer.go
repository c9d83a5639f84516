package hooks

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"gatehouse/models"
	"gatehouse/models/duration"
)

// readDecision reads custom_key_generate's answer. nil allows; a *Refusal carries the rule's message.
func readDecision(answer any) error {
	m, ok := answer.(map[string]any)
	if !ok {
		return errors.New(`the answer must be {"decision": true or false, "message": text}`)
	}
	decision, ok := m["decision"].(bool)
	if !ok {
		return errors.New(`the answer has no "decision" that is true or false`)
	}
	if decision {
		return nil
	}
	message, _ := m["message"].(string)
	if message == "" {
		message = "This key is not allowed by the rules of this gateway."
	}
	return &Refusal{Message: message}
}

// withoutEffect are the fields of UserAPIKeyAuth that a rule may set and that change nothing here.
var withoutEffect = [...]string{
	"key_name", "token_id", "spend", "config", "permissions", "model_spend", "model_max_budget", "soft_budget_cooldown", "litellm_budget_table", "created_at",
	"updated_at", "created_by", "updated_by", "team_spend", "team_max_budget", "team_models", "team_tpm_limit", "team_rpm_limit", "team_metadata", "team_blocked",
	"user_max_budget", "user_spend", "user_tpm_limit", "user_rpm_limit", "last_refreshed_at", "parent_otel_span", "request_route", "api_key_hash",
}

// grantReader takes fields out of an answer one by one and keeps the first thing wrong.
type grantReader struct {
	m   map[string]any
	err error
}

// readGrant reads custom_auth's answer. It refuses an answer that names nobody, and any field it does not know.
func readGrant(answer any, apiKey string) (*Grant, error) {
	m, ok := answer.(map[string]any)
	if !ok {
		return nil, errors.New("the answer is not a struct or dict in UserAPIKeyAuth's field names")
	}
	r := &grantReader{m: m}
	g := &Grant{
		APIKey:    first(r.text("api_key"), r.text("token")),
		KeyAlias:  r.text("key_alias"),
		UserID:    r.text("user_id"),
		UserEmail: r.text("user_email"),
		UserRole:  models.Role(r.text("user_role")),
		TeamID:    r.text("team_id"),
		TeamAlias: r.text("team_alias"),
		OrgID:     first(r.text("org_id"), r.text("organization_id")),
		EndUserID: r.text("end_user_id"),
	}
	named := g.APIKey != "" || g.UserID != "" || g.TeamID != "" || g.UserRole != ""
	g.Models, g.AllowedRoutes, g.Aliases = r.texts("models"), r.texts("allowed_routes"), r.textMap("aliases")
	g.MaxBudget, g.SoftBudget = r.money("max_budget"), r.money("soft_budget")
	g.BudgetDuration = r.duration("budget_duration")
	g.TPMLimit, g.RPMLimit, g.MaxParallel = r.whole("tpm_limit"), r.whole("rpm_limit"), r.whole("max_parallel_requests")
	g.Expires = r.time("expires")
	g.Blocked = r.boolean("blocked")
	g.Metadata, _ = r.take("metadata").(map[string]any)
	for _, name := range withoutEffect {
		delete(r.m, name)
	}
	switch {
	case r.err != nil:
		return nil, r.err
	case !named:
		return nil, errors.New("the answer names nobody: it needs api_key, user_id, team_id or user_role")
	case g.UserRole != "" && !g.UserRole.Valid():
		return nil, errors.New("the answer's user_role is not a role")
	}
	for name := range r.m {
		return nil, fmt.Errorf("the answer has a field that is not known: %.60q", name)
	}
	if g.APIKey == "" {
		g.APIKey = apiKey
	}
	return g, nil
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// take removes a field; nil stands for absent and for None.
func (r *grantReader) take(name string) any {
	v := r.m[name]
	delete(r.m, name)
	return v
}

func (r *grantReader) wrong(name, want string) {
	if r.err == nil {
		r.err = fmt.Errorf("the answer's %s must be %s", name, want)
	}
}

func (r *grantReader) text(name string) string {
	switch v := r.take(name).(type) {
	case nil:
		return ""
	case string:
		return v
	default:
		r.wrong(name, "text")
		return ""
	}
}

func (r *grantReader) boolean(name string) bool {
	switch v := r.take(name).(type) {
	case nil:
		return false
	case bool:
		return v
	default:
		r.wrong(name, "true or false")
		return true
	}
}

// texts gives nil for an absent list; [] stays an empty list, which restricts nothing.
func (r *grantReader) texts(name string) []string {
	v := r.take(name)
	if v == nil {
		return nil
	}
	list, ok := v.([]any)
	if !ok {
		r.wrong(name, "a list of text")
		return nil
	}
	out := make([]string, 0, len(list))
	for _, e := range list {
		s, ok := e.(string)
		if !ok || s == "" {
			r.wrong(name, "a list of text")
			return nil
		}
		out = append(out, s)
	}
	return out
}

func (r *grantReader) textMap(name string) map[string]string {
	v := r.take(name)
	if v == nil {
		return nil
	}
	m, ok := v.(map[string]any)
	out := make(map[string]string, len(m))
	for k, e := range m {
		s, isText := e.(string)
		ok = ok && isText
		out[k] = s
	}
	if !ok {
		r.wrong(name, "a map of text")
	}
	return out
}

// number is a JSON number as text, or "" for absent.
func (r *grantReader) number(name string) string {
	switch v := r.take(name).(type) {
	case nil:
		return ""
	case json.Number:
		return v.String()
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			r.wrong(name, "a number")
			return ""
		}
		return strconv.FormatFloat(v, 'f', -1, 64)
	case int64:
		return strconv.FormatInt(v, 10)
	default:
		r.wrong(name, "a number")
		return ""
	}
}

func (r *grantReader) money(name string) *models.Nano {
	text := r.number(name)
	if text == "" {
		return nil
	}
	n, err := models.ParseNano(text)
	if err != nil || n < 0 {
		r.wrong(name, "an amount of USD, 0 or more")
		return nil
	}
	return &n
}

func (r *grantReader) whole(name string) *int64 {
	text := r.number(name)
	if text == "" {
		return nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || f < 0 || f != math.Trunc(f) || f > 1<<53 {
		r.wrong(name, "a whole number, 0 or more")
		return nil
	}
	n := int64(f)
	return &n
}

func (r *grantReader) duration(name string) duration.Duration {
	text := r.text(name)
	if text == "" {
		return duration.Duration{}
	}
	d, err := duration.Parse(text)
	if err != nil {
		r.wrong(name, "a duration such as 30d")
	}
	return d
}

func (r *grantReader) time(name string) models.Time {
	text := r.text(name)
	if text == "" {
		return models.Time{}
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		r.wrong(name, "a time in RFC 3339")
		return models.Time{}
	}
	return models.At(t)
}
