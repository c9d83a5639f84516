package policy

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"gatehouse/proxy/keyring"
)

// Kind is why a call is refused.
type Kind uint8

// The kinds, in the order in which they are tested.
const (
	KeyBlocked Kind = iota + 1
	KeyExpired
	RouteDenied
	ModelDenied
	NoDefault // the person may call models through teams only
	TeamBlocked
	TeamMissing // the key names a team that does not exist
	UserBlocked
	OrgMissing
	CustomerBlocked
	UnknownModel
	ParamMissing
	CacheDenied
)

// Refusal says who refuses what, in parts, so that enforcement and the portal's explanation come from one place. Type,
// Code and Param are the wire words of contract/proxy.md §8; texts are those of contract/admin-api.md §3.2.
type Refusal struct {
	Kind    Kind
	Level   keyring.Level
	ID      string   // of the team, user, organization or end user
	Model   string   // as the caller asked for it
	Route   string   // as called
	Param   string   // the missing field
	Allowed []string // models or routes that would do; nil where the caller may not see them
	At, Now int64    // expiry and the time of the call, Unix µs
	Label   string   // the masked key
}

// Error is the message for the caller.
func (r *Refusal) Error() string { return r.Message() }

// Type is the wire word for the class of error.
func (r *Refusal) Type() string {
	switch r.Kind {
	case KeyExpired:
		return "expired_key"
	case NoDefault:
		return "key_model_access_denied"
	case ModelDenied:
		switch r.Level {
		case keyring.LevelTeam:
			return "team_model_access_denied"
		case keyring.LevelUser:
			return "user_model_access_denied"
		case keyring.LevelOrg:
			return "org_model_access_denied"
		}
		return "key_model_access_denied"
	case UnknownModel, ParamMissing, CacheDenied:
		return "invalid_request_error"
	}
	return "auth_error"
}

// Code is the semantic code.
func (r *Refusal) Code() string {
	switch r.Kind {
	case KeyExpired:
		return "key_expired"
	case RouteDenied:
		return "route_not_allowed"
	case ModelDenied, NoDefault:
		return "model_access_denied"
	case UnknownModel:
		return "model_not_found"
	case ParamMissing:
		return "missing_required_parameter"
	case CacheDenied:
		return "unsupported_parameter"
	}
	return "key_blocked"
}

// Field is the wire's param: the field at fault, empty for null.
func (r *Refusal) Field() string {
	switch r.Kind {
	case ModelDenied, NoDefault, UnknownModel:
		return "model"
	case ParamMissing:
		return r.Param
	case CacheDenied:
		return "cache"
	}
	return ""
}

// Status is the HTTP status on the OpenAI wire.
func (r *Refusal) Status() int {
	switch r.Kind {
	case RouteDenied, ModelDenied, NoDefault:
		return http.StatusForbidden
	case UnknownModel:
		return http.StatusNotFound
	case ParamMissing, CacheDenied:
		return http.StatusBadRequest
	}
	return http.StatusUnauthorized
}

// Message is the text for the caller: what they asked for and, for their own list only, what they could ask for instead.
func (r *Refusal) Message() string {
	switch r.Kind {
	case KeyBlocked:
		return "Key is blocked. Update via `/key/unblock` if you're an admin."
	case KeyExpired:
		return fmt.Sprintf("Authentication Error - Expired Key. Key Expiry time %s and current time %s", wireTime(r.At), wireTime(r.Now))
	case RouteDenied:
		return fmt.Sprintf("Virtual key is not allowed to call this route. Only allowed to call routes: %s. Tried to call route: %s",
			quoted(r.Allowed), r.Route)
	case NoDefault:
		return fmt.Sprintf("No default model access, only team models allowed. Tried to access %s", r.Model)
	case ModelDenied:
		who := [...]string{keyring.LevelKey: "key", keyring.LevelTeam: "team", keyring.LevelUser: "user", keyring.LevelOrg: "org"}[r.Level]
		if r.Allowed == nil {
			return fmt.Sprintf("%s not allowed to access model. Tried to access %s", who, r.Model)
		}
		return fmt.Sprintf("%s not allowed to access model. This %s can only access models=%s. Tried to access %s",
			who, who, quoted(r.Allowed), r.Model)
	case TeamBlocked:
		return fmt.Sprintf("Team=%s is blocked. Update via `/team/unblock` if you're an admin.", r.ID)
	case TeamMissing:
		return fmt.Sprintf("Team=%s of this key does not exist.", r.ID)
	case UserBlocked:
		return fmt.Sprintf("User=%s is blocked.", r.ID)
	case OrgMissing:
		return fmt.Sprintf("Organization=%s of this key does not exist.", r.ID)
	case CustomerBlocked:
		return fmt.Sprintf("End User=%s is blocked.", r.ID)
	case UnknownModel:
		return fmt.Sprintf("Invalid model name passed in model=%s. Call /v1/models to view available models for your key.", r.Model)
	case ParamMissing:
		return fmt.Sprintf("Please pass param=%s in the request body. This is a required param.", r.Param)
	case CacheDenied:
		return fmt.Sprintf("Key is not allowed to use cache control %q. Allowed: %s", r.Param, quoted(r.Allowed))
	}
	return "not allowed"
}

// quoted writes a list the way LiteLLM's messages do: ['a', 'b'].
func quoted(list []string) string {
	if len(list) == 0 {
		return "[]"
	}
	return "['" + strings.Join(list, "', '") + "']"
}

func wireTime(us int64) string {
	return time.UnixMicro(us).UTC().Format("2006-01-02T15:04:05.000000Z")
}
