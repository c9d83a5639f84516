package control

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"gatehouse/app/access"
	"gatehouse/app/config"
	"gatehouse/models"
	"gatehouse/models/duration"
	"gatehouse/models/fault"
)

// The creation policy of contract/admin-api.md §4.7, in pieces that do no I/O; keys_create.go calls them in order.

// checkGeneration is step 2 for one kind of key. present lists the body's fields.
func checkGeneration(rules *config.KeyGenerationSettings, who access.Actor, team string, present []string) error {
	if rules == nil {
		return nil
	}
	if team != "" {
		return checkTeamRule(rules.Team, who, team, present)
	}
	return checkPersonalRule(rules.Personal, who, present)
}

func checkTeamRule(rule *config.TeamKeyRule, who access.Actor, team string, present []string) error {
	if rule == nil || who.IsAdmin() {
		return nil
	}
	if role := who.Teams[team]; rule.Roles != nil && !slices.Contains(rule.Roles, role) {
		return fault.BadField("team_id", "Team member role %s not in allowed_team_member_roles=%s", role, quoteList(rule.Roles))
	}
	return checkRequired(rule.Required, present)
}

func checkPersonalRule(rule *config.PersonalKeyRule, who access.Actor, present []string) error {
	if rule == nil {
		return nil
	}
	if rule.Roles != nil && !slices.Contains(rule.Roles, who.Role) {
		return fault.BadField("user_id", "Personal key creation has been restricted by admin. Allowed roles=%s. Your role=%s", quoteList(rule.Roles), who.Role)
	}
	return checkRequired(rule.Required, present)
}

func checkRequired(required, present []string) error {
	for _, p := range required {
		if !slices.Contains(present, p) {
			return fault.BadField(p, "Required param %s not in data", p)
		}
	}
	return nil
}

// quoteList writes a list as LiteLLM prints one: ['admin', 'user'].
func quoteList[T ~string](list []T) string {
	out := []byte{'['}
	for i, s := range list {
		if i > 0 {
			out = append(out, ", "...)
		}
		out = append(out, '\'')
		out = append(out, s...)
		out = append(out, '\'')
	}
	return string(append(out, ']'))
}

// applyDefaults is step 4: what the body left out, or sent as null. It says whether the team came from the defaults.
func (in *NewKey) applyDefaults(d config.DefaultKeyParams) (teamIsDefault bool, err error) {
	if !d.Set {
		return false, nil
	}
	fill(&in.MaxBudget, d.MaxBudget)
	fill(&in.SoftBudget, d.SoftBudget)
	fill(&in.MaxParallel, d.MaxParallel)
	fill(&in.TPMLimit, d.TPMLimit)
	fill(&in.RPMLimit, d.RPMLimit)
	fillText(&in.UserID, d.UserID)
	fillText(&in.BudgetDuration, d.BudgetDuration.String())
	fillText(&in.Duration, d.Duration.String())
	if in.TeamID.Or("") == "" && d.TeamID != "" {
		in.TeamID, teamIsDefault = Some(d.TeamID), true
	}
	if len(in.Models.Value) == 0 && len(d.Models) > 0 {
		in.Models = Some(slices.Clone(d.Models))
	}
	if len(d.Metadata) > 0 && isEmptyObject(in.Metadata) {
		text, err := json.Marshal(d.Metadata)
		if err != nil {
			return false, fmt.Errorf("encode the default metadata: %w", err)
		}
		in.Metadata = Some(models.JSON(text))
	}
	return teamIsDefault, in.fillRest(d.Fields)
}

// fillRest fills the fields that config keeps as decoded JSON, by their wire names.
func (in *NewKey) fillRest(fields map[string]any) error {
	present := sent(in)
	rest := map[string]any{}
	for name, value := range fields {
		switch name {
		case "max_budget", "soft_budget", "max_parallel_requests", "tpm_limit", "rpm_limit", "user_id", "team_id",
			"budget_duration", "duration", "models", "metadata", "key":
		default:
			if !slices.Contains(present, name) {
				rest[name] = value
			}
		}
	}
	if len(rest) == 0 {
		return nil
	}
	text, err := json.Marshal(rest)
	if err != nil {
		return fmt.Errorf("encode default_key_generate_params: %w", err)
	}
	if err := json.Unmarshal(text, &in.KeyFields); err != nil {
		return fmt.Errorf("default_key_generate_params: %w", err)
	}
	return nil
}

func isEmptyObject(j Opt[models.JSON]) bool {
	if !j.Has() {
		return true
	}
	m, err := object(j.Value)
	return err == nil && len(m) == 0
}

func fill[T any](f *Opt[T], d *T) {
	if !f.Has() && d != nil {
		*f = Some(*d)
	}
}

func fillText(f *Opt[string], d string) {
	if f.Or("") == "" && d != "" {
		*f = Some(d)
	}
}

// applyBounds is step 5: values above the bound, and values that were not given, become the bound. On an update or a
// rotation (filling false) fields that were not sent stay as they are.
func (f *KeyFields) applyBounds(b *config.UpperBound, filling bool) ([]Clamp, error) {
	if b == nil {
		return nil, nil
	}
	var done []Clamp
	note := func(c *Clamp) {
		if c != nil {
			done = append(done, *c)
		}
	}
	note(boundNumber("max_budget", &f.MaxBudget, b.MaxBudget, filling, models.Nano.String))
	for _, n := range []struct {
		name  string
		field *Opt[int64]
		bound *int64
	}{{"max_parallel_requests", &f.MaxParallel, b.MaxParallel}, {"tpm_limit", &f.TPMLimit, b.TPMLimit}, {"rpm_limit", &f.RPMLimit, b.RPMLimit}} {
		note(boundNumber(n.name, n.field, n.bound, filling, func(v int64) string { return strconv.FormatInt(v, 10) }))
	}
	for _, d := range []struct {
		name  string
		field *Opt[string]
		bound duration.Duration
	}{{"duration", &f.Duration, b.Duration}, {"budget_duration", &f.BudgetDuration, b.BudgetDuration}} {
		c, err := boundDuration(d.name, d.field, d.bound, filling)
		if err != nil {
			return nil, err
		}
		note(c)
	}
	return done, nil
}

func boundNumber[T models.Nano | int64](name string, f *Opt[T], bound *T, filling bool, text func(T) string) *Clamp {
	if bound == nil || !f.Sent && !filling || f.Has() && f.Value <= *bound {
		return nil
	}
	c := &Clamp{Field: name, Given: text(*bound), Filled: !f.Has()}
	if f.Has() {
		c.Asked = text(f.Value)
	}
	*f = Some(*bound)
	return c
}

func boundDuration(name string, f *Opt[string], bound duration.Duration, filling bool) (*Clamp, error) {
	d, err := readDuration(name, *f)
	if err != nil || bound.IsNever() || !f.Sent && !filling || d.Seconds() <= bound.Seconds() {
		return nil, err
	}
	c := &Clamp{Field: name, Asked: d.String(), Given: bound.String(), Filled: d.IsNever()}
	*f = Some(bound.String())
	return c, nil
}

// narrowToMaker keeps a new key within the key that its maker came with: models, routes, budget and lifetime. Admins
// are bound by the routes alone, since those say what the maker's key is for.
func (in *NewKey) narrowToMaker(who access.Actor, admits func(list []string, model string) bool, now time.Time) ([]Clamp, error) {
	via := who.Key
	if via == nil {
		return nil, nil
	}
	if len(via.Routes) > 0 {
		if len(in.AllowedRoutes.Value) == 0 {
			in.AllowedRoutes = Some(slices.Clone(via.Routes))
		}
		if err := routesWithin(in.AllowedRoutes.Value, via.Routes); err != nil {
			return nil, err
		}
	}
	if who.IsAdmin() {
		return nil, nil
	}
	if len(via.Models) > 0 && via.TeamID == in.TeamID.Or("") {
		if len(in.Models.Value) == 0 {
			in.Models = Some(slices.Clone(via.Models))
		}
		if name := firstOutside(in.Models.Value, via.Models, admits); name != "" {
			return nil, modelBeyond(name, "the key you are using")
		}
	}
	var done []Clamp
	if via.MaxBudget != nil {
		if c := boundNumber("max_budget", &in.MaxBudget, via.MaxBudget, true, models.Nano.String); c != nil {
			done = append(done, *c)
		}
	}
	if via.ExpiresAt != nil {
		d, err := readDuration("duration", in.Duration)
		if err != nil {
			return nil, err
		}
		if left := int64(via.ExpiresAt.Sub(now) / time.Second); d.Seconds() > left {
			given := strconv.FormatInt(max(left, 1), 10) + "s"
			done = append(done, Clamp{Field: "duration", Asked: d.String(), Given: given, Filled: d.IsNever()})
			in.Duration = Some(given)
		}
	}
	return done, nil
}

// routesWithin refuses routes that the maker's key may not call, by their spelling.
func routesWithin(routes, maker []string) error {
	for _, route := range routes {
		if !slices.Contains(maker, route) {
			return fault.Newf(fault.Forbidden, "The key you are using may not call %s, so a key made with it may not either.", route).
				WithType("auth_error").WithParam("allowed_routes")
		}
	}
	return nil
}

// The words in a model list that are no names (contract/admin-api.md §4.2).
const (
	allTeamModels = "all-team-models"
	noDefault     = "no-default-models"
)

// firstOutside is the first entry of list that the outer list does not let through; an empty outer list lets all through.
func firstOutside(list, outer []string, admits func(list []string, model string) bool) string {
	if len(outer) == 0 {
		return ""
	}
	for _, name := range list {
		if name == allTeamModels || name == noDefault || slices.Contains(outer, name) || admits(outer, name) {
			continue
		}
		return name
	}
	return ""
}

func modelBeyond(name, whose string) error {
	return fault.Newf(fault.Forbidden, "A key may not have models that its owner cannot call: %s is not open to %s.", name, whose).
		WithType("key_model_access_denied").WithParam("models")
}

// checkThroughput is step 6: with guaranteed_throughput the limits of a team's keys may not add up to more than the
// team's own. others are the team's other keys.
func checkThroughput(k *models.Key, team *models.Team, others []models.Key) error {
	const guaranteed = "guaranteed_throughput"
	if team == nil {
		return nil
	}
	for _, l := range []struct {
		name  string
		kind  *string
		mine  *int64
		limit *int64
		of    func(*models.Key) *int64
	}{
		{"rpm", k.RPMLimitType, k.RPMLimit, team.RPMLimit, func(k *models.Key) *int64 { return k.RPMLimit }},
		{"tpm", k.TPMLimitType, k.TPMLimit, team.TPMLimit, func(k *models.Key) *int64 { return k.TPMLimit }},
	} {
		if deref(l.kind) != guaranteed || l.mine == nil || l.limit == nil {
			continue
		}
		var used int64
		for i := range others {
			if v := l.of(&others[i]); v != nil && others[i].ID != k.ID {
				used += *v
			}
		}
		if used+*l.mine > *l.limit {
			return fault.BadField(l.name+"_limit", "Allocated %s limit=%d + Key %s limit=%d is greater than team %s limit=%d", l.name, used, l.name, *l.mine, l.name, *l.limit)
		}
	}
	return nil
}
