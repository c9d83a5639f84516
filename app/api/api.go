package api

import (
	"context"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"gatehouse/app/access"
	"gatehouse/app/control"
	"gatehouse/models"
)

// Handlers serve the operations. They hold services, never a store.
type Handlers struct {
	*control.Services
	// Version is the build's version.
	Version string
	// RootPath is SERVER_ROOT_PATH.
	RootPath string
	// Now is the clock.
	Now func() time.Time
	// Zone is the reporting zone.
	Zone func() *time.Location
	// Health knows how the process and its deployments are; it runs no query.
	Health Health
	// Metrics is the page for Prometheus; nil = metrics are off.
	Metrics func() ([]byte, error)
	// MetricsOpen says whether that page needs no key (require_auth_for_metrics).
	MetricsOpen func() bool
	// Base is this gateway's address with SERVER_ROOT_PATH: PROXY_BASE_URL, else what the request came to.
	Base func(c *fiber.Ctx) string
	// TryService sends a test by one way of telling people, "email", "webhook" or "slack". Errors: Invalid for another
	// word and where nothing is set up, Unavailable with what went wrong.
	TryService func(ctx context.Context, who access.Actor, service string) (done string, err error)
	// ProviderBudgets are the budgets of providers, by name.
	ProviderBudgets func() map[string]ProviderBudget
	// UISettings is the answer of /sso/get/ui_settings.
	UISettings func() UISettings
	// Known is what the price lists know of a deployment's model, by LiteLLM's names; nil = nothing. The caller owns it.
	Known func(*control.ModelView) map[string]any
	// CountTokens is the number of input tokens of a request body for a provider's model.
	CountTokens func(model string, body []byte) int
}

// absolute makes a link to a page of ours one that works elsewhere, also while PROXY_BASE_URL is not set.
func (h *Handlers) absolute(c *fiber.Ctx, link string) string {
	if !strings.HasPrefix(link, "/") {
		return link
	}
	return strings.TrimSuffix(h.Base(c), h.RootPath) + link
}

// Health is the running process as its probes see it.
type Health interface {
	Readiness() (Readiness, bool)
	// Checks tells how deployments are, by id: what background checks found last, else what a call of each shows now, which
	// takes a minute at most for a few of them at a time. One that serves nothing, or is left out of checks, is not there.
	Checks(ids []string) map[string]models.DeploymentHealth
	// Try calls a deployment that is not in use and tells the status of the answer, 200 when it serves, and why it does not.
	// Errors: Invalid for one that could never serve, Unavailable when this gateway cannot send the call.
	Try(d *models.Deployment) (status int, reason string, err error)
}

// Readiness is the answer of /health/readiness.
type Readiness struct {
	Status    string   `json:"status"`
	DB        string   `json:"db"`
	Cache     *string  `json:"cache"`
	Version   string   `json:"litellm_version"`
	Callbacks []string `json:"success_callbacks"`
	LogLevel  string   `json:"log_level"`
	Reason    string   `json:"reason,omitempty"`
}

// UISettings is what a portal needs to know before anybody signs in.
type UISettings struct {
	BaseURL             *string `json:"PROXY_BASE_URL"`
	LogoutURL           *string `json:"PROXY_LOGOUT_URL"`
	DefaultTeamDisabled bool    `json:"DEFAULT_TEAM_DISABLED"`
	SSOEnabled          bool    `json:"SSO_ENABLED"`
	SpendLogRows        int64   `json:"NUM_SPEND_LOGS_ROWS"`
	NoExpensiveQueries  bool    `json:"DISABLE_EXPENSIVE_DB_QUERIES"`
}

// Ops lists every operation of the API, on one screen a family.
func (h *Handlers) Ops() []Op {
	var all []Op
	for _, family := range [][]Op{
		h.keyOps(), h.userOps(), h.teamOps(), h.orgOps(), h.budgetOps(), h.customerOps(), h.invitationOps(), h.modelOps(), h.utilOps(), h.spendOps(),
		h.auditOps(), h.healthOps(), h.cacheOps(),
	} {
		all = append(all, family...)
	}
	return all
}
