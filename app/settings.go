package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"gatehouse/app/config"
	"gatehouse/app/control"
	"gatehouse/app/hooks"
	"gatehouse/app/seal"
	"gatehouse/models"
	"gatehouse/models/fault"
	"gatehouse/proxy"
	"gatehouse/proxy/keyring"
	"gatehouse/proxy/price"
	"gatehouse/proxy/route"
)

// This file turns what the operator wrote into what each part takes.

func aliasesOf(in map[string]config.Alias) map[string]keyring.Alias {
	out := make(map[string]keyring.Alias, len(in))
	for name, a := range in {
		out[name] = keyring.Alias(a)
	}
	return out
}

func fallbacksOf(in map[string][]config.Fallback) map[string][]route.Fallback {
	out := make(map[string][]route.Fallback, len(in))
	for group, chain := range in {
		for _, f := range chain {
			out[group] = append(out[group], route.Fallback(f))
		}
	}
	return out
}

func routeSettings(r config.Router) (route.Settings, error) {
	s := route.Settings{
		Strategy: route.Strategy(r.Strategy), NumRetries: r.NumRetries, RetryAfter: r.RetryAfter, RetryPolicy: r.RetryPolicy,
		GroupRetryPolicy: r.GroupRetryPolicy, Cooldown: r.Cooldown, NoCooldowns: r.NoCooldowns, AllowedFails: &r.AllowedFails,
		AllowedFailsPolicy: r.AllowedFailsPolicy, Fallbacks: fallbacksOf(r.Fallbacks), ContextFallbacks: fallbacksOf(r.ContextFallbacks),
		PolicyFallbacks: fallbacksOf(r.PolicyFallbacks), DefaultFallbacks: r.DefaultFallbacks, MaxFallbacks: r.MaxFallbacks,
		EnforceRateLimits: r.EnforceRateLimits, DefaultMaxParallel: r.DefaultMaxParallel,
		Affinity: route.Affinity(r.Affinity), AffinityTTL: r.AffinityTTL, GroupAffinity: map[string]route.Affinity{},
		TagFiltering: r.TagFiltering, TagsMatchAll: r.TagsMatchAll, PreCallChecks: r.PreCallChecks,
	}
	for group, a := range r.GroupAffinity {
		s.GroupAffinity[group] = route.Affinity(a)
	}
	args := struct {
		TTL    float64 `json:"ttl"`
		Buffer float64 `json:"lowest_latency_buffer"`
	}{}
	raw, err := json.Marshal(r.StrategyArgs)
	if err == nil && len(r.StrategyArgs) > 0 {
		err = json.Unmarshal(raw, &args)
	}
	if err != nil {
		return s, fmt.Errorf("router_settings.routing_strategy_args: %w", err)
	}
	s.LatencyTTL, s.LatencyBuffer = seconds(args.TTL), args.Buffer
	return s, nil
}

func (p *process) planeConfig(c *config.Config) proxy.Config {
	adjust, err := price.ParseAdjustments(c.LiteLLM.CostDiscount, c.LiteLLM.CostMargin)
	if err != nil {
		p.log.Warn("cost_discount_config and cost_margin_config are left out", slog.Any("error", err))
	}
	out := proxy.Config{
		Cache:   cacheRules(&c.Cache),
		Version: p.opt.Version, RootPath: c.Server.RootPath, MasterKey: p.master, KeyHeader: c.General.KeyHeader,
		MaxBody: c.General.MaxRequestMB << 20, MaxAnswer: c.General.MaxResponseMB << 20,
		Timeout: c.Router.Timeout, StreamFirst: c.Router.StreamFirst, StreamIdle: c.Router.StreamIdle, StreamLongest: c.Router.MaxStream,
		MaxStale: c.Gatehouse.SnapshotMaxStale, AlwaysUsage: c.LiteLLM.AlwaysIncludeUsage, AllowMock: c.Gatehouse.AllowMock,
		BlockUnpriced: c.Gatehouse.BlockUnpriced, DropParams: c.LiteLLM.DropParams, EnforceUser: c.General.EnforceUserParam,
		RejectTags: c.General.RejectClientTags, ForwardHeaders: c.General.ForwardHeaders, ForwardOrg: c.General.ForwardOpenAIOrg,
		NoEndUsers: c.LiteLLM.NoEndUserTracking, KeepPrompts: c.General.StorePrompts && !c.Log.HideMessages && !c.General.NoSpendLogs, CompletionModel: c.General.CompletionModel, EmbeddingModel: c.General.EmbeddingModel,
		ImageModel: c.General.ImageModel, ModerationModel: c.General.ModerationModel,
		UserHeader: c.General.UserHeaderName, UseForwardedFor: c.General.UseXForwardedFor, TrustedProxies: c.Server.TrustedProxies,
		AllowedIPs: c.General.AllowedIPs, AllowedRoutes: c.General.AllowedRoutes, AdminOnlyRoutes: c.General.AdminOnlyRoutes, Caps: capsOf(c), MinOutput: int64(c.Gatehouse.MinOutput), Adjust: adjust, EgressAllow: c.Gatehouse.EgressAllow,
	}
	passThrough(&out, c)
	clientSide(&out, c)
	out.ProviderCaps = providerCaps(c)
	switch c.General.TokenLimitType {
	case config.CountInput:
		out.TokenLimit = proxy.CountInput
	case config.CountOutput:
		out.TokenLimit = proxy.CountOutput
	case config.CountTotal:
	}
	return out
}

func capOf(p *int64) keyring.Cap {
	if p == nil {
		return keyring.Cap{}
	}
	return keyring.Cap{N: *p, Set: true}
}

// modelSealer closes the credentials of models that are stored in the database.
type modelSealer struct{ *seal.Sealer }

// Seal closes plain for one place.
func (s modelSealer) Seal(place string, plain []byte) (string, error) {
	return s.Sealer.Seal(seal.ModelCredentials, place, plain)
}

// Open opens what was sealed for this place.
func (s modelSealer) Open(place, sealed string) ([]byte, error) {
	return s.Sealer.Open(seal.ModelCredentials, place, sealed)
}

// reloadableRule asks custom_key_generate where there is one; a reload may bring or take it.
type reloadableRule struct{ *hooks.Hooks }

// AllowKey lets every key through while no rule is configured.
func (r reloadableRule) AllowKey(ctx context.Context, data map[string]any, caller hooks.Caller) error {
	if !r.HasKeyRule() {
		return nil
	}
	return r.Hooks.AllowKey(ctx, data, caller)
}

func keyRule(h *hooks.Hooks) hooks.KeyRule { return reloadableRule{h} }

// hookAuth is custom_auth for the data plane: what the rule says becomes a grant.
type hookAuth struct{ hooks *hooks.Hooks }

// Authenticate refuses whenever the rule refuses or fails.
func (a hookAuth) Authenticate(ctx context.Context, req proxy.AuthRequest, secret string) (*keyring.Grant, error) {
	g, err := a.hooks.Authenticate(ctx, hooks.Request{
		Method: req.Method, Path: req.Path, Headers: req.Headers, Query: req.Query, ClientIP: req.ClientIP, Model: req.Model,
	}, secret)
	if err != nil {
		return nil, refused(err)
	}
	return keyring.NewGrant(hookKey(g, secret))
}

// refused passes on the text that the rule's author wrote, and nothing of other errors.
func refused(err error) error {
	var no *hooks.Refusal
	if errors.As(err, &no) && no.Message != "" {
		return fault.New(fault.Unauthenticated, no.Message).WithType("auth_error").WithCause(err)
	}
	return fault.New(fault.Unauthenticated, "custom auth refused this key").WithType("auth_error").WithCause(err)
}

// hookKey is the key row that custom_auth's answer amounts to. Its id is made of the secret's hash, so that its spend adds up.
func hookKey(g *hooks.Grant, secret string) *models.Key {
	if g.APIKey != "" {
		secret = g.APIKey
	}
	sum := sha256.Sum256([]byte(secret))
	hash := hex.EncodeToString(sum[:])
	k := &models.Key{
		ID: "custom-" + hash[:32], Hash: hash, Alias: orNil(g.KeyAlias), UserID: orNil(g.UserID), TeamID: orNil(g.TeamID), OrgID: orNil(g.OrgID),
		Models: g.Models, Aliases: g.Aliases, AllowedRoutes: g.AllowedRoutes,
		Limits: models.Limits{MaxBudget: g.MaxBudget, SoftBudget: g.SoftBudget, TPMLimit: g.TPMLimit, RPMLimit: g.RPMLimit, MaxParallel: g.MaxParallel},
	}
	if g.Blocked {
		k.Blocked = &g.Blocked
	}
	if !g.Expires.IsZero() {
		k.ExpiresAt = &g.Expires
	}
	if !g.BudgetDuration.IsNever() {
		k.BudgetDuration = g.BudgetDuration.Ptr()
	}
	if len(g.Metadata) > 0 {
		if b, err := json.Marshal(g.Metadata); err == nil {
			k.Metadata = b
		}
	}
	return k
}

func orNil(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

var _ control.Sealer = modelSealer{}
