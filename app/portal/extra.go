package portal

import (
	"context"
	"io"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"gatehouse/app/access"
	"gatehouse/app/config"
	"gatehouse/app/control"
	"gatehouse/models"
)

// Extra is what single pages need besides Options. The zero Extra leaves those parts out: no playground, no settings that
// only the configuration knows, health and lag "not known".
type Extra struct {
	Caller Caller
	// Config is the running configuration, for the settings pages.
	Config func() *config.Config
	// OpenAPI is the local path of the API document, "" when it is turned off.
	OpenAPI string
	// Facts tells what is known of a deployment's model beside its entry.
	Facts func(*control.ModelView) ModelFacts
	// Health tells how a deployment is; ok is false when it is not known.
	Health func(deploymentID string) (h Health, ok bool)
	// Explain says what would become of a call of a key at this moment.
	Explain func(ctx context.Context, key *models.Key, model string) (Explanation, error)
	// Tests try out single settings.
	Tests []SettingTest
	// Draining says that the process is about to end, so that a page's open stream ends with it.
	Draining func() bool
	// Lag is how old the spend numbers are, 0 when they are fresh.
	Lag func() time.Duration
}

// ModelFacts are properties of a model as its provider published them.
type ModelFacts struct {
	Context  int64 // input tokens; 0 = not known
	Output   int64
	Supports map[string]bool // "supports_vision", …; read only
}

// Health is how a deployment is.
type Health struct {
	OK      bool
	Cooling bool          // left out for a while after failures
	For     time.Duration // how much longer
}

// Explanation is what would become of a call; the zero Explanation is that it passes.
type Explanation struct {
	By    Refusal
	Level string // whose rule it is: "key", "model_per_key", "team", "team_member", "organization", "user", "end_user", "proxy"
	ID    string // of the team, person or organization
	Model string // of a budget or a limit for one model

	Limit, Spent models.Nano // of a budget
	ResetsAt     time.Time   // zero: never
	Kind         string      // of a limit: "requests", "tokens", "max_parallel_requests"
	Most         int64
}

// Refusal is what refuses a call.
type Refusal uint8

// The refusals.
const (
	Passes Refusal = iota
	ByList         // of models
	ByBlock
	ByExpiry
	ByUnknownModel
	ByMissing // a team or organization that is gone
	ByLimit
	ByBudget
	ByCooling // every deployment is left alone after failures
)

// SettingTest is a "Test" button of a settings page: POST /ui/settings/:section/test/:id.
type SettingTest struct {
	Section string // "mail", "sign-in", "alerts"
	ID      string // "mail", "sso", "webhook"
	// Ready says whether there is something to try; the button is absent otherwise.
	Ready func() bool
	// Run tries it. Its error's text is shown to the admin who asked, so it must hold no secret.
	Run func(ctx context.Context, who access.Actor) error
}

// Caller makes calls of a signed-in person to a model through the data plane, in this process.
type Caller interface {
	// Chat makes one chat completion. Refusals of the data plane come back as an answer with its status and error body;
	// an error means that there is no answer at all. Cancelling ctx cancels the call upstream.
	Chat(ctx context.Context, call ChatCall) (*ChatAnswer, error)
}

// ChatCall is one request from the playground.
type ChatCall struct {
	Actor access.Actor // who asks; never the master key
	// Key is the key whose models, team and tags hold for the call, nil for the person's own. The actor may see it.
	Key *models.Key
	// Scope is the session that the call is charged to besides; it holds at most Cap in all.
	Scope     string
	Cap       models.Nano
	Body      []byte // an OpenAI chat completion request
	Stream    bool
	RequestID string
	// From is the person's own request: its connection tells whether they are still there, its address is the call's.
	From *fasthttp.RequestCtx
}

// ChatAnswer is what the data plane answered. The caller closes Body.
type ChatAnswer struct {
	Status      int
	ContentType string
	Cost        string // dollars, "" when not known (a stream)
	Body        io.ReadCloser
}

type extraKey struct{}

// Provide is the middleware that gives the pages behind it what x holds.
func Provide(x Extra) fiber.Handler {
	return func(c *fiber.Ctx) error {
		c.Locals(extraKey{}, x)
		return c.Next()
	}
}

func extra(c *fiber.Ctx) Extra {
	x, _ := c.Locals(extraKey{}).(Extra)
	return x
}

// lagOf is how old the spend numbers are.
func lagOf(c *fiber.Ctx) time.Duration {
	if lag := extra(c).Lag; lag != nil {
		return lag()
	}
	return 0
}
