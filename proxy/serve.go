package proxy

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"gatehouse/models"
	"gatehouse/models/fault"
	"gatehouse/proxy/budget"
	"gatehouse/proxy/keyring"
	"gatehouse/proxy/policy"
	"gatehouse/proxy/provider"
	"gatehouse/proxy/wire"
)

// serve takes one call to a model through the plane: the whole way is walk, top to bottom.
func (p *Plane) serve(ctx *fasthttp.RequestCtx, op provider.Op, pathModel string) {
	c := p.begin(ctx, op)
	defer c.release()
	defer c.recovered()
	if f := c.walk(pathModel); f != nil {
		c.refuse(f)
	}
}

// Known is a caller whom the control plane knows already, such as the person before the portal's chat pane.
type Known struct {
	Grant *keyring.Grant
	// Session is the scope that the call is charged to besides the grant's own, "" for none; it holds Cap at most.
	Session string
	Cap     models.Nano
}

// ServeAs serves a call of somebody known: ctx is a request of theirs, its body a call in OpenAI's form. The answer goes
// into ctx, streamed if the body asks for it.
func (p *Plane) ServeAs(ctx *fasthttp.RequestCtx, op provider.Op, who Known) {
	c := p.begin(ctx, op)
	defer c.release()
	defer c.recovered()
	c.grant, c.route = who.Grant, "/v1/chat/completions"
	if who.Session != "" {
		c.session = budget.Want{Level: keyring.LevelSession, Scope: who.Session, Cap: keyring.Cap{N: int64(who.Cap), Set: true}}
	}
	if f := c.walk(""); f != nil {
		c.refuse(f)
	}
}

// walk is the way of a call: every step reads the one snapshot that was taken at the start, and the first that says no
// ends it.
func (c *call) walk(pathModel string) *failure {
	if f := c.enter(); f != nil {
		return f
	}
	if f := c.authenticate(); f != nil {
		return f
	}
	if f := c.read(pathModel); f != nil {
		return f
	}
	if f := c.permit(); f != nil {
		return f
	}
	if c.op == provider.CountTokens || c.op == provider.InputTokens || c.op == provider.CountContent {
		return c.countTokens()
	}
	if f := c.reserve(); f != nil {
		return f
	}
	defer c.hold.Settle()
	if answered, f := c.fromCache(); answered || f != nil {
		return f
	}
	return c.attempts()
}

// enter judges the request before anything of it is believed.
func (c *call) enter() *failure {
	if err := CheckHead(&c.ctx.Request.Header); err != nil {
		f := fail(badHead, err.Error())
		f.close = true
		return f
	}
	c.head = readHead(&c.ctx.Request.Header, c.cfg.KeyHeader, c.cfg.UserHeader)
	c.ip = c.cfg.clientIP(c.ctx.RemoteAddr(), c.head.forwarded)
	if c.p.draining.Load() {
		f := fail(draining, "Gatehouse is shutting down").after(time.Second)
		f.close = true
		return f
	}
	if c.p.active.Load() > c.cfg.InFlight {
		return fail(overloaded, "too many calls are in flight").after(time.Second)
	}
	c.snap = c.p.Ring.Snapshot()
	if c.p.Ring.Stale() > c.cfg.MaxStale {
		return fail(authDown, "Service unavailable: cannot verify key").after(time.Second)
	}
	if len(c.cfg.AllowedIPs) > 0 && c.only == nil && !contains(c.cfg.AllowedIPs, c.ip) {
		return fail(ipDenied, "this address may not call Gatehouse")
	}
	return nil
}

// authenticate finds the grant of the key, and what can be said of it without the body: a request without a good key is
// answered with its body unread.
func (c *call) authenticate() *failure {
	if c.grant == nil {
		f := c.lookup()
		if f == nil {
			f = c.routeOpen()
		}
		if f != nil {
			f.close = c.ctx.Request.Header.ContentLength() != 0
			return f
		}
	}
	if _, refused := c.judge(c.asks("")); refused != nil {
		f := refusedByPolicy(refused)
		f.close = c.ctx.Request.Header.ContentLength() != 0
		return f
	}
	return nil
}

// routeOpen judges the route by what the operator left open: allowed_routes for everyone, admin_only_routes for administrators.
func (c *call) routeOpen() *failure {
	if len(c.cfg.AllowedRoutes) == 0 && len(c.cfg.AdminOnlyRoutes) == 0 {
		return nil
	}
	route := strings.TrimPrefix(string(c.ctx.Path()), c.cfg.RootPath)
	if !policy.RouteAllowed(c.cfg.AllowedRoutes, route) {
		return fail(routeClosed, "Route "+route+" is not among the allowed_routes of this gateway.")
	}
	if len(c.cfg.AdminOnlyRoutes) == 0 || !policy.RouteAllowed(c.cfg.AdminOnlyRoutes, route) {
		return nil
	}
	if _, admin := policy.Exempt(c.snap, c.grant); !admin {
		return fail(routeClosed, "user not allowed to access this route. Route="+route+" is an admin only route")
	}
	return nil
}

// asks is the call as the policy judges it.
func (c *call) asks(model string) policy.Call {
	out := policy.Call{Path: c.route, Model: model, Now: c.start.UnixMicro()}
	if out.Path == "" && (len(c.grant.AllowedRoutes()) > 0 || c.bearer != nil) {
		out.Path = strings.TrimPrefix(string(c.ctx.Path()), c.cfg.RootPath)
	}
	return out
}

// unsure is the age of a snapshot from which on a key that is not in it may exist all the same: twice the time between
// two looks at the database.
const unsure = 4 * time.Second

func (c *call) lookup() *failure {
	secret, err := c.head.secret(c.cfg.KeyHeader)
	if errors.Is(err, errNoKey) && c.wire == provider.Gemini && c.cfg.KeyHeader == "" {
		if key := c.ctx.QueryArgs().Peek("key"); len(key) > 0 {
			secret, err = key, nil
		}
	}
	switch {
	case errors.Is(err, errNoKey):
		return fail(noKey, err.Error())
	case err != nil:
		return fail(malformedKey, err.Error())
	}
	sum := sha256.Sum256(secret)
	if c.cfg.MasterKey.IsSet() && subtle.ConstantTimeCompare(sum[:], c.p.masterSum.Load()[:]) == 1 {
		c.grant = c.p.master
		return nil
	}
	if c.p.Auth != nil {
		return c.ask(string(secret))
	}
	if c.p.Tokens != nil && c.p.Tokens.Signed(secret) {
		return c.token(secret)
	}
	if len(secret) < 3 || string(secret[:3]) != "sk-" {
		return fail(malformedKey, "LiteLLM Virtual Key expected. Received="+hideKey(string(secret))+", expected to start with 'sk-'")
	}
	if c.grant = c.snap.Lookup(&sum, c.start.UnixMicro()); c.grant == nil {
		if c.p.Ring.Stale() > unsure {
			// It may have been made since the database was last heard: our own failure is never a 401.
			return fail(authDown, "Service unavailable: cannot verify key").after(time.Second)
		}
		return fail(unknownKey, "Authentication Error, Invalid proxy server token passed").about("key")
	}
	return nil
}

// hideKey shows the first and last four characters of something long enough for that.
func hideKey(key string) string {
	if len(key) < 16 {
		return "****"
	}
	return strings.ToValidUTF8(key[:4]+"****"+key[len(key)-4:], "?")
}

// ask leaves the decision to the operator's own rule. Whatever goes wrong there refuses the call.
func (c *call) ask(secret string) *failure {
	req := AuthRequest{
		Method: string(c.ctx.Method()), Path: string(c.ctx.Path()), Headers: map[string]string{}, Query: map[string]string{}, ClientIP: c.ip.String(),
	}
	c.ctx.Request.Header.VisitAll(func(k, v []byte) { req.Headers[strings.ToLower(string(k))] = string(v) })
	c.ctx.QueryArgs().VisitAll(func(k, v []byte) { req.Query[string(k)] = string(v) })
	grant, err := c.p.Auth.Authenticate(context.Background(), req, secret)
	if err != nil {
		message := "Authentication Error"
		if f := fault.As(err); f != nil {
			message += ", " + f.Message
		}
		return fail(hookRefused, message).because(err)
	}
	c.grant = grant
	return nil
}

// read takes the body and what the gateway must know of it; the rest stays bytes.
func (c *call) read(pathModel string) *failure {
	req := &c.s.req
	if f := c.take(); f != nil {
		return f
	}
	if err := req.Parse(c.s.body); err != nil {
		return refusedByBody(err)
	}
	if f := c.model(pathModel); f != nil {
		return f
	}
	if f := c.shape(); f != nil {
		return f
	}
	if f := c.readExtras(); f != nil {
		return f
	}
	return c.readCache()
}

// refusedRead turns a body that did not come into an answer.
func refusedRead(err error) *failure {
	f := fail(slowBody, "the request body did not arrive in time")
	if errors.Is(err, errTooLarge) {
		f = fail(tooLarge, "the request body is over the limit")
	}
	f.close = true
	return f
}

// take reads the body: a form is taken apart where the operation knows such bodies.
func (c *call) take() *failure {
	if boundary, ok := isForm(c.ctx.Request.Header.ContentType()); ok && isMedia(c.op) {
		return c.takeForm(boundary)
	}
	body, err := readBody(c.ctx, c.s.body[:0], c.cfg.MaxBody)
	c.s.body = body
	if err != nil {
		return refusedRead(err)
	}
	return nil
}

// takeForm reads a body that is a form; its fields are the call's body from here on.
func (c *call) takeForm(boundary string) *failure {
	body, err := c.takeUpload()
	if err != nil {
		return refusedUpload(err)
	}
	c.upload = body
	form, err := readForm(boundary, body)
	switch {
	case errors.Is(err, errSpool):
		return refusedUpload(err)
	case err != nil:
		return fail(badField, err.Error())
	case form.twice("model"):
		return fail(badField, "the field model is there twice").about("model")
	}
	c.form, c.s.body = form, form.json
	return nil
}

// model settles what model is asked for: the operator's own choice, the path, the body.
func (c *call) model(pathModel string) *failure {
	if c.only != nil {
		c.asked = pathModel
		return nil
	}
	asked, err := c.s.req.Text(wire.Model)
	if err != nil {
		return refusedByBody(err)
	}
	if pathModel != "" {
		asked = strings.Clone(pathModel)
	}
	switch {
	case c.op == provider.Chat && c.cfg.CompletionModel != "", c.op == provider.Completion && c.cfg.CompletionModel != "",
		isGenerate(c.op) && c.cfg.CompletionModel != "", c.op == provider.Messages && c.cfg.CompletionModel != "":
		asked = c.cfg.CompletionModel
	case c.op == provider.Embedding && c.cfg.EmbeddingModel != "":
		asked = c.cfg.EmbeddingModel
	case isImage(c.op) && c.cfg.ImageModel != "":
		asked = c.cfg.ImageModel
	case c.op == provider.Moderation && c.cfg.ModerationModel != "":
		asked = c.cfg.ModerationModel
	case c.op == provider.Moderation && asked == "":
		asked = defaultModeration
	}
	if asked == "" {
		return fail(missingField, "the field model is missing").about("model")
	}
	c.asked = asked
	return nil
}

// shape checks the few fields that the gateway relies on.
func (c *call) shape() *failure {
	req := &c.s.req
	var err error
	if c.op.Textual() && c.op != provider.Compact {
		if c.stream, err = req.Flag(wire.Stream); err != nil {
			return refusedByBody(err)
		}
	}
	const most = 1 << 40
	for _, f := range [...]wire.Field{wire.MaxTokens, wire.MaxCompletionTokens, wire.MaxOutputTokens} {
		n, err := req.Number(f, most)
		if err != nil {
			return refusedByBody(err)
		}
		c.output = max(c.output, n) // of several caps nobody knows which one the provider goes by
	}
	if n, err := req.Number(wire.N, mostChoices); err != nil {
		return refusedByBody(err)
	} else if n > 0 {
		c.n = n
	}
	if c.op == provider.Completion {
		c.n = completions(c.s.body, c.n)
	}
	if isMedia(c.op) {
		return c.readMedia()
	}
	if isGenerate(c.op) {
		return c.readGenerate()
	}
	need := wire.Messages
	switch c.op {
	case provider.Completion:
		need = wire.Prompt
	case provider.Embedding, provider.Responses, provider.Compact, provider.InputTokens:
		need = wire.Input
	default:
	}
	if !req.Has(need) && (c.op != provider.Responses || req.Find("previous_response_id") < 0) {
		return fail(missingField, "the field "+need.Name()+" is missing").about(need.Name())
	}
	if need == wire.Messages && !wire.IsArray(req.Get(need)) {
		return fail(badField, "messages must be a list").about("messages")
	}
	if c.stream && c.op != provider.Messages {
		options := req.Get(wire.StreamOptions)
		if !wire.Null(options) && !wire.IsObject(options) {
			return fail(badField, "stream_options must be an object").about("stream_options")
		}
		asked, _ := wire.Bool(wire.Lookup(options, "include_usage"))
		c.usage = asked || c.cfg.AlwaysUsage
	}
	return nil
}

// mostChoices is how many answers a call may ask for.
const mostChoices = 1024

// completions is how many answers a call of the old completions API is billed for: n of them (best_of, where that is
// more) for each of its prompts.
func completions(body []byte, n int64) int64 {
	if best, ok := wire.Int(wire.Lookup(body, "best_of")); ok {
		n = max(n, min(best, mostChoices))
	}
	var prompts []json.RawMessage
	if raw := wire.Lookup(body, "prompt"); wire.IsArray(raw) && json.Unmarshal(raw, &prompts) == nil && len(prompts) > 1 && !number(prompts[0]) {
		n *= int64(len(prompts))
	}
	return n
}

// number tells a list of tokens, which is one prompt, from a list of prompts.
func number(raw json.RawMessage) bool { return len(raw) > 0 && raw[0] != '"' && raw[0] != '[' }

// mayUse asks about a model. A caller with a key has passed Check already; one with a token may have several teams.
func (c *call) mayUse(model string) (policy.Verdict, *policy.Refusal) {
	if c.bearer == nil {
		return policy.Model(c.snap, c.grant, model)
	}
	return c.judge(c.asks(model))
}

// permit asks whether this key may make this call.
func (c *call) permit() *failure {
	if c.only != nil {
		c.checked()
		return nil
	}
	verdict, refused := c.mayUse(c.asked)
	if refused != nil {
		return refusedByPolicy(refused)
	}
	c.group, c.match = verdict.Model, verdict.Match
	if f := c.continues(); f != nil {
		return f
	}
	if f := c.permitTheirs(); f != nil {
		return f
	}
	if refused := policy.Customer(c.snap, c.endUser); refused != nil {
		return refusedByPolicy(refused)
	}
	if c.cfg.EnforceUser && c.endUser == "" {
		return fail(missingField, "the field user is missing").about("user")
	}
	if len(c.grant.EnforcedParams()) > 0 {
		if refused := policy.Param(c.grant, func(path string) bool {
			return wire.Lookup(c.s.body, strings.Split(path, ".")...) != nil
		}); refused != nil {
			return refusedByPolicy(refused)
		}
	}
	if c.mocked() && !c.cfg.AllowMock && !c.grant.Master {
		return fail(unsupported, "mock_response may be used with the master key only, unless gatehouse.allow_mock is set").about("mock_response")
	}
	return nil
}

// refuse answers with a failure, and books the refusal if somebody is to be named for it.
func (c *call) refuse(f *failure) {
	c.logged = f
	status := f.statusOn(c.wire)
	if c.grant != nil {
		c.settleRefused(f, status)
	}
	c.writeFailure(f, status)
	c.log(status, f.code)
}

// writeFailure puts the failure into the response.
func (c *call) writeFailure(f *failure, status int) {
	if c.ctx == nil {
		return
	}
	r := &c.ctx.Response
	r.Reset()
	if f.reason == clientLeft {
		c.ctx.SetConnectionClose()
	}
	r.SetStatusCode(status)
	r.Header.SetContentType("application/json")
	c.commonHeaders()
	if f.close {
		c.ctx.SetConnectionClose()
	}
	if f.noRetry {
		r.Header.Set("X-Should-Retry", "false")
	}
	if c.wire == provider.BedrockConverse {
		r.Header.Set("X-Amzn-Errortype", f.awsError())
	}
	if f.retryAfter > 0 || status == http.StatusServiceUnavailable {
		r.Header.Set("Retry-After", retrySeconds(f.retryAfter))
	}
	if f.limit != nil {
		c.limitHeaders(f.limit)
	}
	c.attemptHeaders()
	r.SetBodyRaw(f.appendJSON(nil, c.wire, c.id))
}
