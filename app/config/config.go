// Package config reads LiteLLM's config.yaml and the environment into one typed Config (contract/config.md). A load
// finds every fault in one run, each with its file, line and key; no message repeats a value that may be secret.
package config

import (
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"gatehouse/app/hooks"
	"gatehouse/models"
	"gatehouse/models/duration"
)

// Config is everything an operator decides before the start. It is not changed after Load and safe to share.
// Secrets print as ***.
type Config struct {
	Path    string                   // config.yaml; empty when there is none
	Sources []Source                 // where settings with two possible homes came from, for the start-up line
	Exports map[string]models.Secret // environment_variables: for the process environment

	Models     []models.Deployment // model_list, or what the environment offers when there is no file
	LiteLLM    LiteLLM
	General    General
	Router     Router
	Cache      Cache
	Gatehouse  Gatehouse
	Hooks      hooks.Settings
	Server     Server
	UI         UI
	SSO        SSO
	Mail       Mail
	Alerts     Alerts
	Redis      Redis
	Keys       KeyMaterial
	Prices     Prices
	Log        Log
	Production bool // LITELLM_MODE=PRODUCTION: weak settings become faults
}

// Format prints what a Config is about and none of its values, whatever the verb: some, like a hook's URL, are secret only
// to those who put a token there.
func (c *Config) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "config(%s, %d deployments, secrets ***)", c.Path, len(c.Models))
}

// LogValue is Format for slog.
func (c *Config) LogValue() slog.Value {
	return slog.GroupValue(slog.String("path", c.Path), slog.Int("deployments", len(c.Models)))
}

// MarshalJSON is Format for JSON.
func (c *Config) MarshalJSON() ([]byte, error) {
	return []byte(`"***"`), nil
}

// Source says where one setting came from, never its value.
type Source struct{ Setting, From string }

// Server is where Gatehouse listens and under which address others know it.
type Server struct {
	Host     string // 0.0.0.0
	Port     int    // 4000
	DataDir  string // SQLite, journal and the generated master key live here
	BaseURL  string // PROXY_BASE_URL without a trailing slash; empty = the request's own
	RootPath string // SERVER_ROOT_PATH, "" or "/prefix"

	DocsURL      string // where the API page is, "/"
	RedocURL     string // "/redoc"
	NoDocs       bool
	NoRedoc      bool
	RootRedirect string // ROOT_REDIRECT_URL
	SSLVerify    bool
	SSLCertFile  string

	TrustedProxies []netip.Prefix // whose X-Forwarded-* count
}

// UI is the portal's own settings.
type UI struct {
	Disabled      bool
	Username      string        // "admin"
	Password      models.Secret // not set: the master key is the password
	LogoutURL     string        // PROXY_LOGOUT_URL, empty = the sign-in page
	AdminID       string        // PROXY_ADMIN_ID: this user is proxy_admin
	AccessMode    AccessMode
	SessionLength time.Duration // 24h
	LogoPath      string        // UI_LOGO_PATH: a picture in place of our mark
}

// AccessMode says who may use the portal.
type AccessMode string

// The access modes of general_settings.ui_access_mode.
const (
	AccessAll       AccessMode = "all"
	AccessAdminOnly AccessMode = "admin_only"
)

// SSO holds the configured providers; nil is one that is not configured. Order of precedence: Google, Microsoft, Generic.
type SSO struct {
	Google         *Google
	Microsoft      *Microsoft
	Generic        *Generic
	AllowedDomains []string // lower case; empty = every domain
	TeamIDsField   string   // litellm_jwtauth.team_ids_jwt_field, dotted
}

// Any says whether a provider is configured.
func (s SSO) Any() bool { return s.Google != nil || s.Microsoft != nil || s.Generic != nil }

// Google is the Google provider.
type Google struct {
	ClientID     string
	ClientSecret models.Secret
}

// Microsoft is the Entra provider.
type Microsoft struct {
	ClientID           string
	ClientSecret       models.Secret
	Tenant             string
	ServicePrincipalID string // groups assigned to this app are made as teams; empty = off

	AuthorizationEndpoint string // empty = Entra's own
	TokenEndpoint         string
	UserinfoEndpoint      string
	Claims                Claims
}

// Generic is any other OAuth2 or OpenID Connect provider.
type Generic struct {
	ClientID              string
	ClientSecret          models.Secret
	AuthorizationEndpoint string
	TokenEndpoint         string
	UserinfoEndpoint      string
	Scopes                []string
	IncludeClientID       bool // also send client_id in the token body
	Claims                Claims

	RoleMappings map[string][]string // role -> groups that give it (GENERIC_ROLE_MAPPINGS_ROLES)
	GroupClaim   string
	DefaultRole  models.Role
}

// Claims name the claims that tell who somebody is; dotted paths.
type Claims struct{ ID, Email, Role, DisplayName, FirstName, LastName, Provider string }

// Mail is SMTP, two mail services beside it, and the wording of mails.
type Mail struct {
	Enabled  bool // SMTP_HOST is set
	Host     string
	Port     int
	Username string
	Password models.Secret
	Sender   string
	TLS      bool // STARTTLS
	Implicit bool // port 465: TLS from the first byte

	ResendKey      models.Secret
	SendGridKey    models.Secret
	SendGridSender string

	LogoURL           string
	SupportContact    string
	Signature         string // may hold HTML
	SubjectInvitation string // empty = the built-in text
	SubjectKeyCreated string
	SubjectKeyRotated string
	IncludeKey        bool // put the key itself into the mail
	TestAddress       string
	BudgetAlertAt     float64       // share of a budget, 0.8
	BudgetAlertTTL    time.Duration // at most one mail per budget in this time
}

// Works says whether mail can be sent.
func (m *Mail) Works() bool { return m.Enabled && m.Sender != "" }

// Alerts are where budget alerts go.
type Alerts struct {
	Kinds        []string // "slack", "email", "webhook"
	Types        []string
	SlackURL     models.Secret
	WebhookURL   models.Secret
	URLByType    map[string][]models.Secret // alert_to_webhook_url
	MailCallback bool                       // smtp_email in callbacks
}

// Redis shares limits and the response cache between replicas. Configured says whether there is one.
type Redis struct {
	Configured bool
	URL        models.Secret // redis:// or rediss://; wins over the parts
	Host       string
	Port       int
	Password   models.Secret
	DB         int
	TLS        bool
}

// KeyMaterial is how keys are made and kept.
type KeyMaterial struct {
	Bytes       int               // random bytes in a key, 32
	StoreName   bool              // keep "sk-...abcd"
	Salt        models.Secret     // LITELLM_SALT_KEY; not set = the master key
	RotateGrace duration.Duration // LITELLM_KEY_ROTATION_GRACE_PERIOD; never = the old key ends at once
	RateWindow  time.Duration
	AliasFormat bool // enable_key_alias_format_validation
}

// Prices is where model prices come from beside the built-in list.
type Prices struct {
	Map   string // LITELLM_MODEL_COST_MAP_URL: URL or path of a price file in LiteLLM's format; empty = built-in only
	Local bool   // LITELLM_LOCAL_MODEL_COST_MAP: never fetch
}

// Log is how much is written and in which form.
type Log struct {
	Level string // "debug", "info", "warn", "error"
	JSON  bool
	// HideMessages keeps prompts out of the database, whatever else says that they are kept.
	HideMessages bool
}
