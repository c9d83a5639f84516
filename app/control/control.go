// Package control is the one service layer of the control plane: a file a noun. Services know the rules and no HTTP, so
// the portal and the JSON API are two doors to the same acts. Each method takes the caller second, loads the object,
// asks access.Check about the loaded row, changes it, writes the audit row in the same transaction, and then waits until
// this process enforces the change. Errors are faults of models/fault with the texts of contract/admin-api.md; anything
// else is internal. All services are safe for concurrent use.
package control

import (
	"context"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"gatehouse/app/config"
	"gatehouse/app/control/password"
	"gatehouse/app/hooks"
	"gatehouse/models"
	"gatehouse/models/store"
)

// Ring is the data plane's view of the configuration.
type Ring interface {
	// Await returns when this process enforces the change seq, or after its own deadline.
	Await(ctx context.Context, seq int64)
}

// Ledger is the running process's memory of what was spent.
type Ledger interface {
	// Reset tells that the scope's counter was set to this amount.
	Reset(scope string, to models.Nano)
}

// Catalog knows which models exist and which of them a list admits: the same code that the data plane asks.
type Catalog interface {
	// Names lists every public model name that everybody may be given, wildcards as written, sorted. Shared: read only.
	Names() []string
	// TeamNames lists the public names of one team's own models, sorted.
	TeamNames(team string) []string
	// Groups lists the access groups of deployments and of the database, sorted. Shared: read only.
	Groups() []string
	// Admits says whether a list (contract/admin-api.md §4.2) lets the model through for a caller of this team ("" = none).
	Admits(list []string, model, team string) bool
	// Deployments lists what serves, config entries and database rows alike, disabled ones too. Shared: read only.
	Deployments() []*models.Deployment
	// Cost is the price of a call; priced is false when no price is known.
	Cost(model string, promptTokens, outputTokens int64) (cost models.Nano, priced bool)
}

// Sealer closes and opens secrets at rest (reliability.md §6). place is "table/column/row id".
type Sealer interface {
	Seal(place string, plain []byte) (string, error)
	Open(place string, sealed string) ([]byte, error)
}

// Mailer sends mail in the background; it never fails an act.
type Mailer interface {
	Invitation(ctx context.Context, m InvitationMail)
	KeyCreated(ctx context.Context, m KeyMail)
	// ResetRequested asks for the mail with a link to set a new password. It takes the same time for every address.
	ResetRequested(ctx context.Context, email, lang string)
}

// InvitationMail asks somebody to set a password.
type InvitationMail struct {
	To, InviterEmail, Link string
	Lang                   string // "en", "zh-CN": what to write in when nobody concerned has chosen a language
	Expires                time.Time
}

// KeyMail tells somebody about a key of theirs.
type KeyMail struct {
	To, Alias, Name string
	Secret          models.Secret
	Rotated         bool
}

// ExpiryMail tells somebody that a key of theirs ends soon.
type ExpiryMail struct {
	To, Alias, Name string
	Expires         time.Time
}

// The lines that a BudgetMail tells about.
const (
	BudgetNear = "near"
	BudgetFull = "full"
	BudgetSoft = "soft"
)

// BudgetMail tells somebody that a budget is nearly or wholly used up.
type BudgetMail struct {
	To          string
	Kind        string // BudgetNear, BudgetFull, BudgetSoft
	Scope, Name string // "team", "Checkout"
	Percent     int64
	Spent       models.Nano
	Limit       models.Nano
}

// Policy is what the operator decided, as the services need it.
type Policy struct {
	LiteLLM   config.LiteLLM
	General   config.General
	Gatehouse config.Gatehouse
	UI        config.UI
	Keys      config.KeyMaterial
	SSO       config.SSO
	BaseURL   string // without a trailing slash; empty = links are relative to RootPath
	RootPath  string
	MasterKey models.Secret // the effective one; also the portal's password while UI_PASSWORD is not set
}

// PolicyOf takes the services' part of the configuration. master is the effective master key, which config.yaml may lack.
func PolicyOf(c *config.Config, master models.Secret) Policy {
	return Policy{
		LiteLLM: c.LiteLLM, General: c.General, Gatehouse: c.Gatehouse, UI: c.UI, Keys: c.Keys, SSO: c.SSO,
		BaseURL: c.Server.BaseURL, RootPath: c.Server.RootPath, MasterKey: master,
	}
}

// Zone is the zone of budget resets and reports.
func (p *Policy) Zone() *time.Location {
	if p.LiteLLM.Timezone != nil {
		return p.LiteLLM.Timezone
	}
	return time.UTC
}

// Deps are what the services stand on. Policy is asked at each act, so that a reload takes effect.
type Deps struct {
	Store   *store.Store
	Ring    Ring
	Ledger  Ledger
	Explain Budgeter      // nil: nobody serves calls here
	KeyRule hooks.KeyRule // nil: no rule
	Sealer  Sealer
	// FactorSealer closes the secrets of second factors; nil: none are offered.
	FactorSealer Sealer
	// JobSealer closes the results of jobs, which may hold invitation links; nil: none can be started.
	JobSealer Sealer
	Models    Catalog
	Mailer    Mailer           // nil: no mail
	Answers   AnswerCache      // nil: answers are not kept
	Hasher    *password.Hasher // nil: the default cost, as many at once as there are processors
	Policy    func() *Policy
	Now       func() time.Time
	Log       *slog.Logger
}

// Services are all services over one set of Deps.
type Services struct {
	Keys        *Keys
	Users       *Users
	Teams       *Teams
	Orgs        *Orgs
	Budgets     *Budgets
	Customers   *Customers
	Invitations *Invitations
	Login       *Login
	Identity    *Identity
	Sessions    *Sessions
	Factors     *Factors
	Models      *Models
	Spend       *Spend
	Audit       *Audit
	Cache       *Cache
	Directory   *Directory
	Jobs        *Jobs
}

// New makes the services.
func New(d Deps) *Services {
	if d.Mailer == nil {
		d.Mailer = noMail{}
	}
	b := base{Deps: d, hasher: sync.OnceValues(func() (*password.Hasher, error) {
		if d.Hasher != nil {
			return d.Hasher, nil
		}
		return password.NewHasher(password.DefaultCost(), runtime.NumCPU())
	})}
	s := &Services{
		Keys: &Keys{base: b}, Users: &Users{base: b}, Teams: &Teams{base: b}, Orgs: &Orgs{base: b}, Budgets: &Budgets{base: b},
		Customers: &Customers{base: b}, Invitations: &Invitations{base: b}, Identity: &Identity{base: b}, Sessions: &Sessions{base: b},
		Models: &Models{base: b}, Spend: &Spend{base: b}, Audit: &Audit{base: b}, Cache: &Cache{base: b},
	}
	s.Jobs = newJobs(b, s.Identity)
	s.Login = newLogin(b)
	s.Factors = &Factors{base: b, login: s.Login}
	s.Login.factors = s.Factors
	s.Invitations.login = s.Login
	s.Users.keys, s.Users.invitations = s.Keys, s.Invitations
	s.Directory = &Directory{base: b, users: s.Users, teams: s.Teams}
	return s
}

// Page is one page of a list.
type Page[T any] struct {
	Items []T
	Total int // rows on all pages
	Page  int // from 1
	Size  int
}

// Pages is the number of pages, 0 for an empty list.
func (p Page[T]) Pages() int {
	if p.Size <= 0 {
		return 0
	}
	return (p.Total + p.Size - 1) / p.Size
}

type noMail struct{}

func (noMail) Invitation(context.Context, InvitationMail) {}
func (noMail) KeyCreated(context.Context, KeyMail)        {}

func (noMail) ResetRequested(context.Context, string, string) {}
