// Package hooks runs the operator's own rules: who a caller is (custom_auth) and whether a key may be made
// (custom_key_generate), written as Starlark functions beside config.yaml or served by an HTTP endpoint.
// Whatever goes wrong, a hook refuses: it never lets a caller through by failing.
package hooks

import (
	"context"

	"gatehouse/models"
	"gatehouse/models/duration"
)

// Settings name the two hooks and where they live. An empty reference is a hook that is not used.
type Settings struct {
	Dir         string   // folder of config.yaml, where module.star is looked for
	Auth        string   // general_settings.custom_auth: "module.function" or an http(s) URL
	KeyGenerate string   // general_settings.custom_key_generate, same forms
	EgressAllow []string // gatehouse.egress_allow: CIDR ranges and hosts that HTTP hooks may reach though they are private
}

// Request is what custom_auth learns of a call. Header names are lower case.
type Request struct {
	Method   string            `json:"method"`
	Path     string            `json:"path"`
	Headers  map[string]string `json:"headers"`
	Query    map[string]string `json:"query"`
	ClientIP string            `json:"client_ip"`
	Model    string            `json:"model"`
}

// Grant is custom_auth's answer: who the caller is and what they may do, in UserAPIKeyAuth's field names. A nil
// pointer or list is a field that the rule did not set.
type Grant struct {
	APIKey         string
	KeyAlias       string
	UserID         string
	UserEmail      string
	UserRole       models.Role
	TeamID         string
	TeamAlias      string
	OrgID          string
	EndUserID      string
	Models         []string
	Aliases        map[string]string
	AllowedRoutes  []string
	MaxBudget      *models.Nano
	SoftBudget     *models.Nano
	BudgetDuration duration.Duration
	TPMLimit       *int64
	RPMLimit       *int64
	MaxParallel    *int64
	Expires        models.Time // zero: does not expire
	Blocked        bool
	Metadata       map[string]any
}

// Auth decides who a caller is. Every error is a refusal (401); the text of a *Refusal may be shown to the caller.
type Auth interface {
	Authenticate(ctx context.Context, req Request, apiKey string) (*Grant, error)
}

// Caller is who asks for a key, as custom_key_generate sees them.
type Caller struct {
	UserID   string      `json:"user_id"`
	UserRole models.Role `json:"user_role"`
	TeamID   string      `json:"team_id"`
	KeyAlias string      `json:"key_alias"`
	Via      string      `json:"via"` // "api", "portal"
}

// KeyRule decides whether a key may be made. data is the body of /key/generate as decoded JSON. A denial and every
// failure come back as an error (403); the text of a *Refusal may be shown to the caller.
type KeyRule interface {
	AllowKey(ctx context.Context, data map[string]any, caller Caller) error
}

// Refusal is a hook's own no, with the message its author wrote.
type Refusal struct{ Message string }

// Error is the message.
func (r *Refusal) Error() string { return r.Message }
