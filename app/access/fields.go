package access

import (
	"gatehouse/models"
	"gatehouse/models/fault"
)

// Freedom is what an actor may do to one field.
type Freedom uint8

// The freedoms, least first.
const (
	Fixed     Freedom = iota // may not be set
	LowerOnly                // a limit that may be tightened, never loosened or cleared
	Free                     // may be set
)

// Fields says what an actor may set in one act, by the wire names of contract/admin-api.md §5. A name that no list holds
// gets the default of its act.
type Fields struct {
	rest   Freedom
	named  map[string]Freedom
	refuse func(name string) error
}

// Of is the freedom of one field.
func (f Fields) Of(name string) Freedom {
	if v, ok := f.named[name]; ok {
		return v
	}
	return f.rest
}

// Refuse is the error for a field that may not be set so.
func (f Fields) Refuse(name string) error {
	if f.refuse != nil {
		if err := f.refuse(name); err != nil {
			return err
		}
	}
	return fault.Newf(fault.Forbidden, "Only proxy admins can change %s.", name).WithType("auth_error").WithParam(name)
}

// The fields that only admins set on keys, whoever owns the key.
var keyNever = map[string]Freedom{
	"spend": Fixed, "temp_budget_increase": Fixed, "temp_budget_expiry": Fixed, "user_id": Fixed, "organization_id": Fixed, "budget_id": Fixed,
}

// The fields that the owner of a key may not set on it after its birth, or may only tighten.
var keyOwnUpdate = merge(keyNever, map[string]Freedom{
	"max_budget": Fixed, "soft_budget": Fixed, "budget_duration": Fixed, "model_max_budget": Fixed, "blocked": Fixed,
	"tpm_limit": LowerOnly, "rpm_limit": LowerOnly, "max_parallel_requests": LowerOnly, "model_tpm_limit": LowerOnly, "model_rpm_limit": LowerOnly,
	"tpm_limit_type": Fixed, "rpm_limit_type": Fixed,
})

// What a team's admin may not set on the team, or may only tighten.
var teamAdminUpdate = map[string]Freedom{
	"spend": Fixed, "organization_id": Fixed, "blocked": Fixed, "model_aliases": Fixed, "budget_duration": Fixed,
	"max_budget": LowerOnly, "soft_budget": LowerOnly, "tpm_limit": LowerOnly, "rpm_limit": LowerOnly, "max_parallel_requests": LowerOnly,
	"model_rpm_limit": LowerOnly, "model_tpm_limit": LowerOnly,
}

// FieldsOf says which fields actor may set when doing action to target. Whoever Check refuses may set none.
func FieldsOf(actor Actor, action Action, target Target) Fields {
	if Check(actor, action, target) != nil {
		return Fields{}
	}
	if actor.IsAdmin() {
		return Fields{rest: Free}
	}
	switch action { //nolint:exhaustive // the other acts have no fields of their own
	case KeyCreate, KeyCreateTeam, KeyCreateService:
		return Fields{rest: Free, named: map[string]Freedom{"spend": Fixed, "temp_budget_increase": Fixed, "temp_budget_expiry": Fixed}}
	case KeyUpdate, KeyRegenerate:
		if relations(actor, target)&teamAdmin != 0 {
			return Fields{rest: Free, named: keyNever}
		}
		return Fields{rest: Free, named: keyOwnUpdate}
	case UserUpdate:
		return Fields{named: ownAccount(actor), refuse: refuseRole}
	case UserNew:
		return Fields{rest: Free, named: map[string]Freedom{"spend": Fixed}}
	case TeamNew:
		return Fields{rest: Free, named: map[string]Freedom{"spend": Fixed}}
	case TeamUpdate:
		if relations(actor, target)&orgAdmin != 0 {
			return Fields{rest: Free, named: map[string]Freedom{"spend": Fixed, "organization_id": Fixed}}
		}
		return Fields{rest: Free, named: teamAdminUpdate}
	case MemberAdd:
		if relations(actor, target)&(teamAdmin|orgAdmin) == 0 { // joining by oneself
			return Fields{}
		}
	}
	return Fields{rest: Free}
}

// ownAccount is what people change on themselves.
func ownAccount(actor Actor) map[string]Freedom {
	if actor.Role == models.RoleAdminViewer {
		return map[string]Freedom{"user_email": Free, "password": Free, "prefs": Free}
	}
	return map[string]Freedom{"user_alias": Free, "user_email": Free, "password": Free, "metadata": Free, "prefs": Free}
}

func refuseRole(name string) error {
	if name != "user_role" {
		return nil
	}
	return fault.New(fault.Forbidden, "Only proxy admins can modify user roles.").WithType("auth_error").WithParam("user_role")
}

func merge(maps ...map[string]Freedom) map[string]Freedom {
	out := map[string]Freedom{}
	for _, m := range maps {
		for k, v := range m {
			out[k] = v
		}
	}
	return out
}
