package proxy

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"gatehouse/models"
	"gatehouse/proxy/budget"
	"gatehouse/proxy/keyring"
	"gatehouse/proxy/policy"
	"gatehouse/proxy/price"
	"gatehouse/proxy/provider"
	"gatehouse/proxy/route"
	"gatehouse/proxy/spend"
	"gatehouse/proxy/tokens"
	"gatehouse/proxy/wire"
)

// sent is what is known of the attempt under way, or of the last one.
type sent struct {
	plan    *route.Plan
	attempt route.Attempt
	target  *provider.Target
	model   string        // the provider's own name for it
	wire    provider.Wire // the provider's, for this model
	op      provider.Op   // in the provider's words
	bridge  bridge        // nil: the wires are the same
	at      time.Time
	first   time.Time // first byte, or first content of a stream
	last    time.Time // the end of an answer that is no stream
	req     provider.Request
	resp    *provider.Response
	tries   int
	away    time.Duration // that earlier attempts took
	dropped provider.Dropped
	cap     int64 // output cap that the gateway has put into the body; 0: none
}

// secrets are the deployment's, which no text may show.
func (s *sent) secrets() []string {
	if s.target == nil {
		return nil
	}
	d := s.target.Deployment
	out := []string{d.APIKey.Reveal()}
	for _, v := range d.Secrets {
		out = append(out, v.Reveal())
	}
	return out
}

// shows says whether a text has one of the secrets in it.
func (s *sent) shows(text []byte) bool {
	if s.target == nil {
		return false
	}
	in := func(secret string) bool { return secret != "" && bytes.Contains(text, []byte(secret)) }
	d := s.target.Deployment
	if in(d.APIKey.Reveal()) {
		return true
	}
	for _, v := range d.Secrets {
		if in(v.Reveal()) {
			return true
		}
	}
	return false
}

// attempts sends the call to one deployment after the other, as the plan says, until one answers. A retry never happens
// after a byte has reached the client. All attempts run under the one hold.
func (c *call) attempts() *failure {
	c.follow()
	total := orDuration(c.timeout, c.cfg.Timeout)
	c.deadline = c.start.Add(total)
	c.ownChains()
	plan := &c.lasting.plan
	if err := c.p.Router.PlanInto(plan, c.routing()); err != nil {
		return c.failed(refusedPermit(err))
	}
	c.sent.plan = plan
	var last route.Outcome
	for {
		a, ok := plan.Next(last)
		for wait := slotFirst; !ok && c.mayWait(plan) && c.flight.Sleep(wait); wait = min(2*wait, slotMost) {
			plan.Again()
			a, ok = plan.Next(last)
		}
		if !ok {
			break
		}
		if a.Sleep > 0 && (c.p.Now().Add(a.Sleep).After(c.deadline) || !c.flight.Sleep(a.Sleep)) {
			last.Class = route.Cancelled
			if c.flight.Cause() == provider.Running && last.Err != nil { // the time left is shorter than the wait
				break
			}
			last.Err = c.ended()
			plan.End(last)
			return c.failed(asFailure(last.Err))
		}
		last = c.blameless(c.try(a))
		c.sent.away += last.Total
		if last.Class == route.Success {
			return nil
		}
		if last.Class == route.Cancelled {
			plan.End(last)
			return c.failed(asFailure(last.Err))
		}
	}
	if first := plan.First(); first != nil {
		return c.failed(asFailure(first.Err))
	}
	if last.Err != nil {
		return c.failed(asFailure(last.Err))
	}
	if c.flight.Cause() != provider.Running { // while it waited
		return c.failed(c.ended())
	}
	var none *route.Unavailable
	if errors.As(plan.Err(), &none) {
		switch none.Reason {
		case route.TooLong:
			return c.failed(fail(contextTooLong, none.Error()).about("messages"))
		case route.Untagged:
			return c.failed(fail(badField, none.Error()).about("tags"))
		case route.Unfit:
			if c.fits() != nil {
				return c.failed(c.unfit(none))
			}
		case route.Cooling, route.Busy, route.Limited:
		}
		return c.failed(fail(noDeployment, none.Error()).after(none.RetryAfter))
	}
	return c.failed(fail(noDeployment, "no deployment of "+c.group+" can serve this call").after(time.Second))
}

// How long a call waits for a slot of a deployment, where all of them are taken: LiteLLM's limit is a semaphore, so that a
// burst is served late and not refused. It looks more and more seldom; nobody can be told, since slots of other replicas count too.
const (
	slotPatience = 30 * time.Second
	slotFirst    = 10 * time.Millisecond
	slotMost     = 160 * time.Millisecond
)

// mayWait says whether a call that found every slot taken goes on looking. A health check does not: it learns nothing by that.
func (c *call) mayWait(plan *route.Plan) bool {
	limit := slotPatience
	if first := orDuration(c.streamFirst, c.cfg.StreamFirst); c.stream {
		limit = min(limit, first)
	}
	by := c.start.Add(limit)
	if c.deadline.Before(by) {
		by = c.deadline
	}
	return plan.Full() && c.only == nil && c.p.Now().Add(slotMost).Before(by)
}

// failed settles a call that has no answer, and hands the failure on.
func (c *call) failed(f *failure) *failure {
	if c.sent.tries == 0 {
		c.hold.cancel()
		return f
	}
	e := ending{status: spend.StatusFailure, httpStatus: f.statusOn(c.wire), code: f.code}
	if f.reason == clientLeft {
		e.status = spend.StatusCancelled
	}
	// The provider may have been at work for a call that was ended from this side: its input is booked. A time limit of the
	// client's own is such an end, or a short one would be a way to have models work for nothing.
	e.floor = f.reason == clientLeft || f.reason == draining || f.reason == timedOut && c.timeout > 0
	c.settle(e)
	return f
}

func asFailure(err error) *failure {
	var f *failure
	if errors.As(err, &f) {
		return f
	}
	return fail(upstreamDown, "no provider could be reached").because(err)
}

func refusedPermit(err error) *failure {
	var r *policy.Refusal
	if errors.As(err, &r) {
		return refusedByPolicy(r)
	}
	return fail(badField, err.Error()).about("fallbacks")
}

// ways are the questions that the router may have about a call. Each is made once for the memory of a call.
type ways struct {
	permit func(model string) (string, keyring.Match, error)
	room   func(*models.Deployment) bool
	cost   func(*models.Deployment) (models.Nano, bool)
}

// routing is the call as the router needs it.
func (c *call) routing() route.Request {
	return route.Request{
		Catalog: c.snap.Catalog(), Model: c.group, Match: c.match, Team: c.grant.TeamID, Stream: c.stream,
		Tokens: c.inTok + c.expected(), Retries: c.retries, Fallbacks: c.fallbacks, ContextFallbacks: c.contextFallbacks,
		PolicyFallbacks: c.policyFallbacks, NoFallbacks: c.noFallbacks, Deadline: c.deadline,
		Tags: c.tags, Fit: c.fits(), Key: c.grant.ID(), Session: c.sessionID,
		Room: c.ways.room, Permit: c.ways.permit, Cost: c.ways.cost,
	}
}

// fallbackGroup is what a group that stands in for another is to this caller, if they may use it.
func (c *call) fallbackGroup(model string) (string, keyring.Match, error) {
	v, refused := policy.Model(c.snap, c.grant, model)
	if refused != nil {
		return "", keyring.Match{}, refused
	}
	return v.Model, v.Match, nil
}

// costAt is what the call would cost at a deployment; false without a price.
func (c *call) costAt(d *models.Deployment) (models.Nano, bool) {
	ask, f := c.estimate([]*models.Deployment{d})
	return ask.Est, f == nil && ask.Pricing == budget.Priced
}

// room says whether the prompt fits into the context window of a deployment, as its model_info or the price list gives it. A
// window that is not known holds everything. The prompt is counted only where its length alone does not tell.
func (c *call) room(d *models.Deployment) bool {
	window := c.p.window(d)
	if window <= 0 || int64(len(c.s.body)) <= window || !c.op.Textual() {
		return true
	}
	if c.prompt == 0 {
		c.prompt = int64(tokens.EstimateChat(d.Model, c.s.body))
	}
	return c.prompt <= window
}

// window is what a deployment's model takes at most, in tokens; 0: not known.
func (p *Plane) window(d *models.Deployment) int64 {
	return p.most(d, "max_input_tokens", func(i price.Info) int64 { return i.MaxInputTokens })
}

// longest is what it writes at most, in tokens; 0: not known.
func (p *Plane) longest(d *models.Deployment) int64 {
	return p.most(d, "max_output_tokens", func(i price.Info) int64 { return i.MaxOutputTokens })
}

// most is a bound of a deployment's model: what its model_info says under that name, else what the price list says.
func (p *Plane) most(d *models.Deployment, name string, listed func(price.Info) int64) int64 {
	if raw, ok := d.Info[name]; ok && raw != nil {
		if n, ok := wire.Int([]byte(fmt.Sprint(raw))); ok {
			return n
		}
	}
	model := d.Model
	if d.BaseModel != "" {
		model = d.BaseModel
	}
	info, _ := p.Prices.Info(d.Provider, model)
	return listed(info)
}

// ended is the failure of a call that was ended from outside.
func (c *call) ended() *failure {
	switch c.flight.Cause() {
	case provider.ClientGone:
		return fail(clientLeft, "the client closed the connection")
	case provider.Shutdown:
		f := fail(draining, "Gatehouse is shutting down").after(time.Second)
		f.close = true
		return f
	case provider.Running, provider.Expired:
	}
	return fail(timedOut, "the call took longer than its time limit")
}

// try makes one attempt. On success the answer is in the response, or a stream is about to bring it.
func (c *call) try(a route.Attempt) route.Outcome {
	now := c.p.Now()
	if a.Fallbacks != c.sent.attempt.Fallbacks {
		if f := c.again(a.Group, []*models.Deployment{a.Deployment}); f != nil {
			return route.Outcome{Class: route.BadRequest, Err: f}
		}
	}
	c.sent = sent{plan: c.sent.plan, attempt: a, model: a.Model, at: now, tries: c.sent.tries, away: c.sent.away}
	if c.pretend != route.Success && a.Fallbacks == 0 {
		return c.pretended()
	}
	target, err := c.target(a.Deployment)
	if mock := a.Deployment.MockResponse; mock != "" || c.mock != nil {
		return c.answerMock(target, err)
	}
	if err != nil {
		f := fail(upstreamDown, "the deployment of this model cannot serve").because(fmt.Errorf("deployment %s: %w", a.Deployment.ID, err))
		f.status, f.astatus = 503, 503
		return route.Outcome{Class: route.Server, Err: f}
	}
	c.sent.target = target
	req, f := c.prepare(c.patience(a.Deployment, now))
	if f != nil {
		class := route.BadRequest
		if f.reason == upstreamAuth {
			class = route.Auth
		}
		return route.Outcome{Class: class, Err: f}
	}
	if f := c.admit(); f != nil {
		return route.Outcome{Class: route.BadRequest, Err: f}
	}
	c.sent.tries++
	resp, err := c.p.transport.Do(&c.flight, req)
	if err != nil {
		return c.outcome(err)
	}
	c.sent.resp = resp
	c.sent.first = c.p.Now()
	status := resp.Status()
	if status < 200 || status > 299 {
		refusal := provider.ReadRefusal(resp)
		c.closeResponse()
		return c.refusal(refusal)
	}
	if c.stream {
		return c.beginStream(req.Deadline)
	}
	return c.plain()
}

// patience is how long the attempt may take: to its end, or for a stream to its first content.
func (c *call) patience(d *models.Deployment, now time.Time) time.Time {
	limit := c.timeout
	if limit == 0 {
		limit = orDuration(d.Timeout, c.cfg.Timeout)
	}
	if c.stream {
		switch {
		case c.streamFirst > 0:
			limit = min(limit, c.streamFirst)
		case d.StreamTimeout > 0:
			limit = d.StreamTimeout
		case c.timeout == 0 && d.Timeout == 0:
			limit = c.cfg.StreamFirst
		}
	}
	if by := now.Add(limit); by.Before(c.deadline) {
		return by
	}
	return c.deadline
}

func (c *call) closeResponse() {
	if c.sent.resp != nil {
		c.sent.resp.Close()
		c.sent.resp = nil
	}
}

// outcome is an exchange without an answer.
func (c *call) outcome(err error) route.Outcome {
	if c.flight.Cause() != provider.Running {
		return route.Outcome{Class: route.Cancelled, Err: c.ended()}
	}
	var f *provider.Failure
	if !errors.As(err, &f) {
		return route.Outcome{Class: route.Server, Err: internalFailure(c.id, err)}
	}
	out := route.Outcome{Class: route.Connection, Err: failedUpstream(f), Total: c.p.Now().Sub(c.sent.at)}
	switch f.Kind {
	case provider.Timeout:
		out.Class = route.Timeout
	case provider.Malformed:
		out.Class = route.Server
	case provider.Connect, provider.Lost, provider.Cancelled:
	}
	return out
}

// refusal is an answer that says no.
func (c *call) refusal(r *provider.Refusal) route.Outcome {
	f := refusedUpstream(r, c.sent.secrets()...)
	return route.Outcome{
		Class: classOf(r), Status: r.Status, RetryAfter: r.RetryAfter, Err: f, Total: c.p.Now().Sub(c.sent.at),
	}
}

func classOf(r *provider.Refusal) route.Class {
	switch r.Class {
	case provider.ContextWindow:
		return route.ContextWindow
	case provider.ContentPolicy:
		return route.ContentPolicy
	case provider.QuotaGone:
		return route.Quota
	case provider.Slow:
		return route.Timeout
	case provider.Auth:
		if r.Status == 403 {
			return route.Forbidden
		}
		return route.Auth
	case provider.Other:
		return route.Server
	case provider.BadRequest, provider.NotFound, provider.RateLimit, provider.ServerError:
	}
	return route.ClassOf(r.Status)
}

// pretended is the failure that a test asks for, in the class that it names.
func (c *call) pretended() route.Outcome {
	c.sent.tries++ // the call counts as made
	reason, ok := map[route.Class]reason{
		route.Timeout: timedOut, route.RateLimit: upstreamRate, route.ContextWindow: contextTooLong, route.ContentPolicy: contentPolicy,
	}[c.pretend]
	if !ok {
		reason = upstreamStatus
	}
	f := fail(reason, "a failure of this kind was asked for")
	return route.Outcome{Class: c.pretend, Status: f.status, Err: f}
}
