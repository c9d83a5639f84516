package policy

import (
	"fmt"
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

// wording is how a kind of refusal looks on the OpenAI wire.
type wording struct {
	status     int
	kind, code string
	field      string // the wire's param
}

// wordings is indexed by kind; never written.
var wordings = [...]wording{
	KeyBlocked:      {401, "auth_error", "key_blocked", ""},
	KeyExpired:      {401, "expired_key", "key_expired", ""},
	RouteDenied:     {403, "auth_error", "route_not_allowed", ""},
	ModelDenied:     {403, "key_model_access_denied", "model_access_denied", "model"},
	NoDefault:       {403, "key_model_access_denied", "model_access_denied", "model"},
	TeamBlocked:     {401, "auth_error", "key_blocked", ""},
	TeamMissing:     {401, "auth_error", "key_blocked", ""},
	UserBlocked:     {401, "auth_error", "key_blocked", ""},
	OrgMissing:      {401, "auth_error", "key_blocked", ""},
	CustomerBlocked: {401, "auth_error", "key_blocked", ""},
	UnknownModel:    {404, "invalid_request_error", "model_not_found", "model"},
	ParamMissing:    {400, "invalid_request_error", "missing_required_parameter", ""},
	CacheDenied:     {400, "invalid_request_error", "unsupported_parameter", "cache"},
}

// Type is the wire word for the class of error.
func (r *Refusal) Type() string {
	if r.Kind == ModelDenied && r.Level != keyring.LevelKey {
		return r.who() + "_model_access_denied"
	}
	return wordings[r.Kind].kind
}

// who is the level as LiteLLM's model messages call it.
func (r *Refusal) who() string {
	if r.Level == keyring.LevelOrg {
		return "org"
	}
	return r.Level.String()
}

// Code is the semantic code.
func (r *Refusal) Code() string { return wordings[r.Kind].code }

// Field is the wire's param: the field at fault, empty for null.
func (r *Refusal) Field() string {
	if r.Kind == ParamMissing {
		return r.Param
	}
	return wordings[r.Kind].field
}

// Status is the HTTP status on the OpenAI wire.
func (r *Refusal) Status() int { return wordings[r.Kind].status }

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
		who := r.who()
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
