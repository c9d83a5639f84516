// Package proxy is the data plane: it takes calls to models, decides whether they may pass, sends them to a provider and
// books what they cost. It serves no page and asks no database on a call's way.
package proxy

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"gatehouse/models"
	"gatehouse/proxy/budget"
	"gatehouse/proxy/cache"
	"gatehouse/proxy/keyring"
	"gatehouse/proxy/limit"
	"gatehouse/proxy/policy"
	"gatehouse/proxy/price"
	"gatehouse/proxy/provider"
	"gatehouse/proxy/provider/anthropic"
	"gatehouse/proxy/provider/bedrock"
	"gatehouse/proxy/provider/cohere"
	"gatehouse/proxy/provider/gemini"
	"gatehouse/proxy/provider/openai"
	"gatehouse/proxy/route"
	"gatehouse/proxy/spend"
	"gatehouse/proxy/stream"
)

// Config is what an operator decides about the data plane. Zero values mean what the comments say.
type Config struct {
	Version  string
	RootPath string // SERVER_ROOT_PATH, "" or "/prefix"

	MasterKey models.Secret
	KeyHeader string // only this header carries the key; empty = the usual ones

	MaxBody   int   // bytes of a request; 100 MiB
	MaxAnswer int   // bytes of an answer; 256 MiB
	InFlight  int64 // calls at once; 5,000

	Timeout       time.Duration // of a whole call that is not a stream; 600 s
	StreamFirst   time.Duration // wait for the first chunk; Timeout
	StreamIdle    time.Duration // between chunks; 120 s
	StreamLongest time.Duration // 0 = no limit
	Heartbeat     time.Duration // 5 s
	MaxStale      time.Duration // age of the snapshot after which calls are refused; 10 min

	AlwaysUsage    bool // always_include_stream_usage
	AllowMock      bool // mock_response from ordinary keys
	BlockUnpriced  bool
	DropParams     bool
	EnforceUser    bool
	RejectTags     bool // reject_clientside_metadata_tags
	ForwardMeta    bool // metadata goes upstream too
	ForwardHeaders bool // forward_client_headers_to_llm_api
	ForwardOrg     bool // forward_openai_org_id
	ShowUpstream   bool // the provider's address in the headers of every key's answers
	NoEndUsers     bool // disable_end_user_cost_tracking
	KeepPrompts    bool // store_prompts_in_spend_logs, without turn_off_message_logging

	CompletionModel string // replaces the model that callers ask for
	EmbeddingModel  string
	ImageModel      string
	ModerationModel string
	UserHeader      string   // carries the end user
	UserHeaders     []string // user_header_mappings: these do too, and come first
	NoAgentTags     bool     // disable_add_user_agent_to_request_tags

	ClientCredentials bool     // allow_client_side_credentials
	ForwardAuth       bool     // forward_llm_provider_auth_headers
	ForwardGroups     []string // model groups to which clients' headers are forwarded; * at the end stands for anything

	UseForwardedFor bool
	TrustedProxies  []netip.Prefix
	AllowedIPs      []netip.Prefix // empty = all
	AllowedRoutes   []string       // empty = all
	AdminOnlyRoutes []string

	Caps         policy.Caps
	ProviderCaps map[string]SpendCap // router_settings.provider_budget_config

	MinOutput  int64
	TokenLimit TokenLimit

	Cache cache.Rules

	Adjust       price.Adjustments
	PassRoutes   []PassRoute                  // general_settings.pass_through_endpoints
	PassDefaults map[string]models.Deployment // by provider: the environment's credentials, for models nobody configured

	UploadDir   string   // where large forms wait while they are served; the system's folder for such files
	EgressAllow []string // CIDR or host: reachable for deployments made through the API
}

// TokenLimit is what a tpm limit counts.
type TokenLimit uint8

// The token limits.
const (
	CountTotal TokenLimit = iota
	CountInput
	CountOutput
)

// Ring is the keyring as the plane needs it.
type Ring interface {
	Snapshot() *keyring.Snapshot
	Stale() time.Duration
}

// Ledger is the durable list of calls.
type Ledger interface {
	// Admit must have returned nil before the first byte of a call goes upstream.
	Admit(a spend.AdmitRecord) error
	// Settle is called once for each call, before its end is reported.
	Settle(r spend.Record) error
	// Progress notes what an open stream would be booked at if the process died now.
	Progress(callID string, floor models.Nano, usage price.Usage) error
}

// AuthRequest is what a custom_auth hook is told of a request.
type AuthRequest struct {
	Method, Path string
	Headers      map[string]string // names in lower case
	Query        map[string]string
	ClientIP     string
	Model        string // always empty: the body is read after the key is known
}

// Authenticator replaces the look-up of keys (general_settings.custom_auth). Its errors refuse the call with 401; a
// fault's text may be shown to the caller.
type Authenticator interface {
	Authenticate(ctx context.Context, req AuthRequest, secret string) (*keyring.Grant, error)
}

// Deps are the parts of a plane. Auth, Cache, Dial and TLS may be nil.
type Deps struct {
	Config  Config
	Ring    Ring
	Router  *route.Router
	Limits  limit.Limiter
	Budget  *budget.Ledger
	Outputs *budget.Outputs
	Ledger  Ledger
	Prices  *price.Table
	Auth    Authenticator
	Tokens  Tokens          // nil: no signed token is known
	Seal    Sealer          // makes the ids of responses; nil: ids last as long as the process
	Cache   *cache.Cache    // nil: no answer is kept, whatever Config says
	Dial    provider.Dialer // for deployments of config.yaml; nil = any address
	TLS     *tls.Config
	Log     *slog.Logger
	Now     func() time.Time
	// Finished is told of every call after it was settled; nil: nobody asks. It must not block or keep the record's slices.
	Finished func(*spend.Record)
	// Said takes what was asked and answered while Config.KeepPrompts is on; nil: nobody keeps it. It must not block.
	Said func(Said)
}

// Plane is the data plane. Safe for concurrent use.
type Plane struct {
	Deps
	cfg       atomic.Pointer[Config]
	app       *fiber.App
	handler   fasthttp.RequestHandler
	client    *provider.Client
	transport provider.Transport
	fetcher   *provider.Fetcher
	targets   *provider.Registry
	watcher   *stream.Watcher
	master    *keyring.Grant
	open      *keyring.Grant
	passes    passDefaults
	later     *later
	masterSum atomic.Pointer[[32]byte]
	active    atomic.Int64 // calls that have begun and not ended
	draining  atomic.Bool
	warned    warnings
}

// masterAlias stands for the master key in logs and rows, which never hold it or its hash.
const masterAlias = "litellm_proxy_master_key"

// New builds the plane. The error is a setting that cannot work.
func New(d Deps) (*Plane, error) {
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	checked, err := provider.Guarded(d.Config.EgressAllow)
	if err != nil {
		return nil, fmt.Errorf("gatehouse: %w", err)
	}
	if d.Dial == nil {
		d.Dial = provider.Direct()
	}
	if d.Seal == nil {
		d.Seal = newProcessSealer()
	}
	open, err := newOpen()
	if err != nil {
		return nil, err
	}
	p := &Plane{
		Deps: d, client: provider.NewClient(d.Now, d.TLS), watcher: stream.NewWatcher(stream.PollEvery),
		master: keyring.NewMaster(masterAlias), open: open, later: newLater(),
	}
	p.transport = p.client
	p.fetcher = provider.NewFetcher(checked, d.TLS)
	p.targets = provider.NewRegistry(provider.RegistryOptions{
		Client: p.client, Providers: providers, Trusted: d.Dial, Checked: checked, Log: d.Log,
	})
	p.Configure(d.Config)
	p.app = p.routes()
	p.handler = p.app.Handler()
	return p, nil
}

// providers finds a deployment's provider by its prefix. Some offer OpenAI's wire beside their own, under a base of its own.
func providers(d *models.Deployment) provider.Provider {
	compatible := strings.Contains(d.APIBase, "/openai") || strings.Contains(d.APIBase, "/compatibility/")
	switch name := d.Provider; {
	case name == PassProvider:
		return openai.New("custom_openai") // only its address and headers count
	case name == anthropic.Name:
		return anthropic.New()
	case compatible:
	case name == gemini.Studio, name == gemini.Vertex:
		return gemini.New(name)
	case name == bedrock.Name:
		return bedrock.New()
	case name == "cohere", name == "cohere_chat":
		return cohere.New()
	}
	if v := openai.New(d.Provider); v != nil {
		return v
	}
	return nil
}

// Configure replaces the settings; calls under way keep theirs.
func (p *Plane) Configure(c Config) {
	c.MaxBody = orInt(c.MaxBody, 100<<20)
	c.MaxAnswer = orInt(c.MaxAnswer, provider.MaxAnswer)
	c.InFlight = int64(orInt(int(c.InFlight), 5000))
	c.Timeout = orDuration(c.Timeout, 600*time.Second)
	c.StreamFirst = orDuration(c.StreamFirst, c.Timeout)
	c.StreamIdle = orDuration(c.StreamIdle, 120*time.Second)
	c.Heartbeat = orDuration(c.Heartbeat, 5*time.Second)
	c.MaxStale = orDuration(c.MaxStale, 10*time.Minute)
	c.KeyHeader, c.UserHeader = canonical(c.KeyHeader), canonical(c.UserHeader)
	c.UserHeaders = slices.Clone(c.UserHeaders)
	for i, name := range c.UserHeaders {
		c.UserHeaders[i] = canonical(name)
	}
	sum := sha256.Sum256([]byte(c.MasterKey.Reveal()))
	p.masterSum.Store(&sum)
	p.cfg.Store(&c)
}

func orInt(v, fallback int) int {
	if v <= 0 {
		return fallback
	}
	return v
}

func orDuration(v, fallback time.Duration) time.Duration {
	if v <= 0 {
		return fallback
	}
	return v
}

// routes lists every URL of the data plane. Each path answers with and without /v1.
func (p *Plane) routes() *fiber.App {
	app := fiber.New(fiber.Config{
		DisableStartupMessage: true, CaseSensitive: true, StrictRouting: true, UnescapePath: true, DisableDefaultContentType: true,
		ErrorHandler: func(c *fiber.Ctx, err error) error {
			if r := p.cfg.Load().customPass(strings.TrimPrefix(string(c.Context().Path()), p.cfg.Load().RootPath)); r != nil {
				p.pass(c.Context(), r)
				return nil
			}
			p.unrouted(c.Context(), err)
			return nil
		},
	})
	root := fiber.Router(app)
	if prefix := p.cfg.Load().RootPath; prefix != "" {
		root = app.Group(prefix)
	}
	// {m} may hold slashes, so it is a greedy segment; Azure's SDK puts the model into the path, where it wins.
	for _, v := range []string{"", "/v1"} {
		root.Post(v+"/chat/completions", p.call(provider.Chat))
		root.Post(v+"/completions", p.call(provider.Completion))
		root.Post(v+"/embeddings", p.call(provider.Embedding))
		root.Post(v+"/messages", p.call(provider.Messages))
		root.Post(v+"/messages/count_tokens", p.call(provider.CountTokens))
		root.Get(v+"/models", p.models)
		root.Get(v+"/models/+", p.model)
		for _, base := range []string{"/openai/deployments/+", "/engines/+"} {
			root.Post(v+base+"/chat/completions", p.call(provider.Chat))
			root.Post(v+base+"/completions", p.call(provider.Completion))
			root.Post(v+base+"/embeddings", p.call(provider.Embedding))
		}
	}
	p.responseRoutes(root)
	p.mediaRoutes(root)
	p.geminiRoutes(root)
	root.Post("/anthropic/v1/messages", p.call(provider.Messages))
	root.Post("/anthropic/v1/messages/count_tokens", p.call(provider.CountTokens))
	root.Post("/api/event_logging/batch", p.telemetry)
	p.passRoutes(root)
	return app
}

// call serves one operation.
func (p *Plane) call(op provider.Op) fiber.Handler {
	return func(c *fiber.Ctx) error {
		p.serve(c.Context(), op, c.Params("+"))
		return nil
	}
}

// telemetry takes what Claude Code tells its base URL about itself, and drops it.
func (p *Plane) telemetry(c *fiber.Ctx) error {
	c.Context().SetContentType("application/json")
	c.Context().SetBodyString("{}")
	return nil
}

// unrouted answers what no route serves.
func (p *Plane) unrouted(ctx *fasthttp.RequestCtx, err error) {
	c := p.begin(ctx, provider.Chat)
	defer c.release()
	if bytes.Contains(ctx.Path(), []byte("/messages")) || bytes.Contains(ctx.Path(), []byte("/anthropic/")) {
		c.wire = provider.Anthropic
	} else if bytes.Contains(ctx.Path(), []byte("/v1beta/")) {
		c.wire = provider.Gemini
	}
	var e *fiber.Error
	if !errors.As(err, &e) {
		c.refuse(internalFailure(c.id, err))
		return
	}
	path := string(ctx.Path())
	switch {
	case e.Code == fiber.StatusMethodNotAllowed:
		c.refuse(fail(badMethod, "this route does not answer "+string(ctx.Method())))
	case planned(strings.TrimPrefix(path, p.cfg.Load().RootPath)):
		c.refuse(fail(routeUnsupported, "Gatehouse does not serve "+Mask(path)))
	default:
		c.refuse(fail(noRoute, "there is no route "+Mask(path)))
	}
}

// segments are the first segments of paths that belong to the data plane, served or not.
//
//nolint:gochecknoglobals // a table, never written
var segments = map[string]bool{
	"chat": true, "completions": true, "embeddings": true, "models": true, "messages": true, "engines": true, "responses": true,
	"images": true, "audio": true, "moderations": true, "rerank": true, "openai": true, "openai_passthrough": true, "anthropic": true,
	"azure": true, "azure_ai": true, "gemini": true, "vertex-ai": true, "vertex_ai": true, "bedrock": true, "cohere": true,
	"mistral": true, "vllm": true, "files": false, "batches": false, "fine_tuning": false, "vector_stores": false, "assistants": false,
	"threads": false, "realtime": false, "conversations": false, "containers": false, "videos": false, "ocr": false, "search": false,
}

// segment is the first segment of a path after /v1 (or /v2 or /v1beta).
func segment(path []byte) (name string, versioned bool) {
	path = bytes.TrimPrefix(path, []byte{'/'})
	first, rest, more := bytes.Cut(path, []byte{'/'})
	switch string(first) {
	case "v1", "v1beta":
		if !more {
			return "", true
		}
		first, _, _ = bytes.Cut(rest, []byte{'/'})
		return string(first), true
	case "v2":
		first, _, _ = bytes.Cut(rest, []byte{'/'})
		if string(first) == "rerank" {
			return "rerank", true
		}
		return "", false
	}
	return string(first), false
}

func planned(path string) bool {
	name, _ := segment([]byte(path))
	served, known := segments[name]
	return known && !served
}

// adminBelowV1 are the first segments under /v1 that belong to the control plane.
//
//nolint:gochecknoglobals // a table, never written
var adminBelowV1 = map[string]bool{"model": true, "model_group": true, "mcp": true}

// Owns says whether the data plane serves this path (without the root path and the query). It costs one map read.
func (p *Plane) Owns(_, path []byte) bool {
	if len(path) > 1 && path[1] == 'a' && bytes.HasPrefix(path, []byte("/api/event_logging/")) {
		return true
	}
	if c := p.cfg.Load(); len(c.PassRoutes) > 0 && c.customPass(string(path)) != nil {
		return true
	}
	name, versioned := segment(path)
	if _, ok := segments[name]; ok {
		return true
	}
	return versioned && !adminBelowV1[name]
}

// Handler serves the paths that the plane owns. The server streams request bodies, and closes connections whose clients
// read or write too slowly.
func (p *Plane) Handler() fasthttp.RequestHandler { return p.handler }

// InFlight is the number of calls under way.
func (p *Plane) InFlight() int64 { return p.active.Load() }

// Drain refuses new calls and waits for those under way. When ctx ends first, they are ended: streams with an error
// event, and every one of them settled.
func (p *Plane) Drain(ctx context.Context) {
	p.draining.Store(true)
	defer p.client.CloseIdle()
	defer p.later.close()
	if p.idleBy(ctx) {
		return
	}
	p.watcher.StopAll()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	p.idleBy(last)
}

// idleBy waits until no call is under way; false when ctx ends first.
func (p *Plane) idleBy(ctx context.Context) bool {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for p.active.Load() > 0 {
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
	return true
}
