package control

import (
	"encoding/json"
	"slices"

	"gatehouse/app/access"
	"gatehouse/models"
	"gatehouse/models/fault"
)

// memberRoutes are the key routes that a team can open to its plain members.
func memberRoutes() []string {
	return []string{
		"/key/generate", "/key/service-account/generate", "/key/update", "/key/delete", "/key/info", "/key/list", "/key/aliases",
		"/key/regenerate", "/key/{key}/regenerate", "/key/block", "/key/unblock", "/key/health", "/key/{key}/reset_spend",
	}
}

// check refuses field values that mean nothing.
func (f *TeamFields) check() error {
	if err := f.LimitFields.check(); err != nil {
		return err
	}
	if f.MemberBudget.Has() && f.MemberBudget.Value < 0 {
		return fault.BadField("team_member_budget", "team_member_budget cannot be negative. Received: %s", f.MemberBudget.Value)
	}
	if f.Spend.Has() && f.Spend.Value < 0 {
		return fault.BadField("spend", "spend cannot be negative. Received: %s", f.Spend.Value)
	}
	if err := checkCount("team_member_rpm_limit", f.MemberRPMLimit); err != nil {
		return err
	}
	if err := checkCount("team_member_tpm_limit", f.MemberTPMLimit); err != nil {
		return err
	}
	if _, err := readDuration("team_member_budget_duration", f.MemberBudgetDuration); err != nil {
		return err
	}
	if _, err := readDuration("team_member_key_duration", f.MemberKeyDuration); err != nil {
		return err
	}
	if err := checkName("team_alias", f.Alias.Or("")); err != nil {
		return err
	}
	return checkPermissions(f.MemberPermissions.Value)
}

func checkPermissions(routes []string) error {
	for _, r := range routes {
		if !slices.Contains(memberRoutes(), r) {
			return oneOf("team_member_permissions", memberRoutes()...)
		}
	}
	return nil
}

// apply writes the sent fields to the row; null clears.
func (f *TeamFields) apply(t *models.Team) error {
	setText(&t.Alias, f.Alias)
	setText(&t.OrgID, f.OrgID)
	setList(&t.Models, f.Models)
	if f.ModelAliases.Sent {
		t.ModelAliases = f.ModelAliases.Value
	}
	if f.Blocked.Sent {
		t.Blocked = f.Blocked.Or(false)
	}
	f.LimitFields.apply(&t.Limits)
	set(&t.MemberBudget, f.MemberBudget)
	setText(&t.MemberBudgetDuration, f.MemberBudgetDuration)
	set(&t.MemberRPMLimit, f.MemberRPMLimit)
	set(&t.MemberTPMLimit, f.MemberTPMLimit)
	setText(&t.MemberKeyDuration, f.MemberKeyDuration)
	if f.MemberPermissions.Sent {
		t.MemberPermissions = nil
		if f.MemberPermissions.Has() {
			list := models.Strings(slices.Clone(f.MemberPermissions.Value))
			t.MemberPermissions = &list
		}
	}
	var err error
	if t.Metadata, err = mergeMetadata(t.Metadata, f.Metadata, f.Tags); err != nil {
		return err
	}
	t.Extra, err = mergeExtra(t.Extra, map[string]Opt[json.RawMessage]{
		"guardrails": f.Guardrails, "policies": f.Policies, "prompts": f.Prompts,
		"object_permission": f.ObjectPermission, "router_settings": f.RouterSettings,
		"rpm_limit_type": f.RPMLimitType, "tpm_limit_type": f.TPMLimitType,
	})
	return err
}

// permit refuses the sent fields that the actor may not set, or may only tighten.
func (f *TeamFields) permit(may access.Fields, t *models.Team) error {
	for _, name := range sent(f) {
		freedom := may.Of(name)
		if freedom == access.Free {
			continue
		}
		same, lower := f.compare(name, t)
		if same || lower && freedom == access.LowerOnly {
			continue
		}
		return may.Refuse(name)
	}
	return nil
}

func (f *TeamFields) compare(name string, t *models.Team) (same, lower bool) {
	switch name {
	case "organization_id":
		return f.OrgID.Or("") == deref(t.OrgID), false
	case "blocked":
		return f.Blocked.Or(false) == t.Blocked, false
	case "model_aliases":
		return sameJSON(f.ModelAliases.Value, t.ModelAliases), false
	case "spend":
		return !f.Spend.Has(), false
	}
	return f.LimitFields.compare(name, &t.Limits)
}

// teamRole reads a role word of a member: "" is a plain member, and internal_user is read as one.
func teamRole(word string) (models.TeamRole, error) {
	switch word {
	case "", "user", "internal_user":
		return models.TeamMember, nil
	case "admin":
		return models.TeamAdmin, nil
	}
	return "", oneOf("role", "admin", "user")
}
