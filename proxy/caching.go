package proxy

import (
	"bytes"
	"errors"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"gatehouse/models"
	"gatehouse/proxy/cache"
	"gatehouse/proxy/policy"
	"gatehouse/proxy/provider"
	"gatehouse/proxy/route"
	"gatehouse/proxy/spend"
	"gatehouse/proxy/stream"
	"gatehouse/proxy/wire"
)

// caching is what the response cache means to one call (proxy.md §9).
type caching struct {
	controls cache.Controls
	state    cacheState
	key      cache.Key
	flight   *cache.Flight // others wait for this call's answer, and it must land; nil: nobody does
	tap      *cache.Tap    // puts the answer of a stream together
	hit      *cache.Entry  // the kept answer that this call is given
}

// cacheState is the word of the x-gatehouse-cache header.
type cacheState string

const (
	cacheOff    cacheState = "" // the cache has no part in this call
	cacheHit    cacheState = "hit"
	cacheMiss   cacheState = "miss"
	cacheBypass cacheState = "bypass" // the call does not use it, or the cache does not answer
)

// readCache reads what the call says about the cache.
func (c *call) readCache() *failure {
	raw := c.s.req.Get(wire.Cache)
	var header []byte
	if c.cfg.Cache.On {
		header = c.ctx.Request.Header.Peek(fasthttp.HeaderCacheControl)
	}
	if len(raw) == 0 && len(header) == 0 {
		return nil
	}
	allowed := func(control string) error {
		if refused := policy.CacheControl(c.grant, control); refused != nil {
			return refused
		}
		return nil
	}
	if err := c.cache.controls.Parse(raw, allowed); err != nil {
		var refused *policy.Refusal
		if errors.As(err, &refused) {
			return refusedByPolicy(refused)
		}
		return refusedByBody(err)
	}
	c.cache.controls.Header(header, allowed)
	return nil
}

// usesCache says whether the call may be answered from the cache or be kept in it.
func (c *call) usesCache() bool {
	rules, controls := &c.cfg.Cache, &c.cache.controls
	if c.mocked() || c.theirs.given() || rules.DefaultOff && !controls.Use || controls.NoCache && controls.NoStore {
		return false
	}
	if rules.Deterministic {
		if i := c.s.req.Find("temperature"); i >= 0 {
			t, err := strconv.ParseFloat(string(c.s.req.Raw(i)), 64)
			return err == nil && t <= 0
		}
	}
	return true
}

// question is what the call asks, for the key.
func (c *call) question() cache.Question {
	g, rules := c.grant, &c.cfg.Cache
	user, team := g.UserID, g.TeamID
	if user == models.DefaultUserID { // whoever makes keys with the master key: nobody in particular
		user = ""
	}
	if g.Personal() {
		team = ""
	}
	tenant := rules.Tenant(g.ID(), user, team, c.snap.OrgID(g))
	q := cache.Question{
		Scope: tenant, Namespace: rules.Namespace + "\x1f" + c.cache.controls.Namespace, Op: c.op, Group: c.group, Body: &c.s.req, Raw: c.s.body,
	}
	if c.wire == provider.Anthropic { // these two change what the model may do
		h := &c.ctx.Request.Header
		q.Extra = append(append(append(q.Extra, h.Peek("Anthropic-Version")...), '\n'), h.Peek("Anthropic-Beta")...)
	}
	return q
}

// fromCache answers the call with what is kept, or with what another call under way is about to learn. Answered is false
// when the call must ask a provider.
func (c *call) fromCache() (answered bool, f *failure) {
	if c.p.Cache == nil || !c.cfg.Cache.Serves(c.op) {
		return false, nil
	}
	k := &c.cache
	if k.state = cacheBypass; !c.usesCache() {
		return false, nil
	}
	q := c.question()
	k.key, k.state = c.p.Cache.Key(&q), cacheMiss
	if k.controls.NoCache {
		return false, nil
	}
	if c.p.Cache.Near() || k.controls.NoStore {
		if e := c.look(); e != nil && c.answerHit(e) {
			return true, nil
		}
		if k.controls.NoStore {
			return false, nil
		}
	}
	return c.together()
}

// together asks a question once for all who ask it at this time: the first goes on, the others wait for its answer.
func (c *call) together() (answered bool, f *failure) {
	k := &c.cache
	for {
		flight, lead := c.p.Cache.Join(k.key)
		if lead {
			k.flight = flight
			if e := c.look(); e != nil && c.answerHit(e) {
				k.flight = nil
				flight.Land(e, false)
				return true, nil
			}
			return false, nil
		}
		c.follow()
		if !c.flight.Wait(flight.Done(), orDuration(c.timeout, c.cfg.Timeout)/2) {
			return false, c.failed(asFailure(c.ended()))
		}
		select {
		case <-flight.Done():
		default:
			return false, nil // it takes too long: every caller for themselves
		}
		e, again := flight.Result()
		if e != nil && c.takes(e) != nil && c.answerHit(e) {
			return true, nil
		}
		if !again {
			return false, nil
		}
	}
}

// look asks the cache. What it has is nothing to a call that wants it younger, or whose model is served by others now.
func (c *call) look() *cache.Entry {
	e, ok := c.p.Cache.Get(c.cache.key)
	if !ok {
		c.cache.state = cacheBypass
		return nil
	}
	if e == nil || c.takes(e) == nil {
		return nil
	}
	return e
}

// takes gives the deployment that a kept answer came from, if this call may be given the answer.
func (c *call) takes(e *cache.Entry) *models.Deployment {
	if k := &c.cache.controls; e.Op != c.op || k.HasMaxAge && (k.MaxAge == 0 || e.Age(c.p.Now()) > k.MaxAge) {
		return nil
	}
	for _, d := range c.match.Deployments {
		if e.From(d) {
			return d
		}
	}
	return nil
}

// answerHit answers with a kept answer; false when that cannot be done, and nothing has happened.
func (c *call) answerHit(e *cache.Entry) bool {
	d := c.takes(e)
	if d == nil {
		return false
	}
	target, err := c.p.targets.Target(d)
	if err != nil {
		return false
	}
	now := c.p.Now()
	before, state := c.sent, c.cache.state
	c.sent = sent{attempt: route.Attempt{Deployment: d, Group: c.group, Model: e.Model}, target: target, model: e.Model, at: now, first: now}
	c.cache.hit, c.cache.state = e, cacheHit
	if c.stream && c.replay(e) || !c.stream && c.repeat(e) {
		return true
	}
	c.sent, c.cache.hit, c.cache.state = before, nil, state
	return false
}

// repeat gives a kept answer whole.
func (c *call) repeat(e *cache.Entry) bool {
	a := &c.s.answer
	if a.Parse(e.Body) != nil {
		return false
	}
	b := c.settle(ending{status: spend.StatusSuccess, httpStatus: fasthttp.StatusOK, whole: true})
	a.SetModel(c.shownJSON())
	if c.op == provider.Responses {
		c.ownID(a)
	}
	r := &c.ctx.Response
	r.SetStatusCode(fasthttp.StatusOK)
	r.Header.SetContentType("application/json")
	c.commonHeaders()
	c.attemptHeaders()
	c.costHeaders(b)
	c.cacheHeaders()
	r.SetBodyRaw(nil)
	r.SwapBody(a.Append(r.SwapBody(nil)[:0]))
	c.log(fasthttp.StatusOK, "")
	return true
}

// replay gives a kept answer as a stream.
func (c *call) replay(e *cache.Entry) bool {
	src, ok := cache.Replay(e.Op, e.Body)
	if !ok {
		return false
	}
	c.follow()
	return c.relay(src, time.Time{}).Class == route.Success
}

// priceHit is the bill of a hit: nothing, and what the answer would cost today.
func (c *call) priceHit() bill {
	e := c.cache.hit
	then := ending{reply: e.Reply, tier: e.Tier}
	then.usage.Seen = true
	if e.Cost != nil {
		then.usage.Cost, then.usage.HasCost = *e.Cost, true
	}
	b := c.priced(bill{usage: e.Usage, estimated: e.Estimated}, &then)
	b.saved, b.cost, b.lines, b.prompt = b.cost, 0, nil, 0
	return b
}

// noteHit puts into the record that the answer was a kept one.
func (c *call) noteHit(rec *spend.Record, b bill) {
	if c.cache.hit != nil {
		rec.CacheHit, rec.CacheKey, rec.SavedNano = true, c.cache.key.String(), b.saved
	}
}

// keepable says whether the answer of the attempt under way may be kept: a fallback's, or one that the gateway has cut to
// a budget, would go on long after its reason is gone.
func (c *call) keepable() bool {
	k := &c.cache
	return (k.state == cacheMiss || k.flight != nil) && !k.controls.NoStore && c.sent.attempt.Fallbacks == 0 && c.sent.cap == 0
}

// keep stores an answer that has come to its end, and gives it to those who wait for it. body is the client's; it is
// copied.
func (c *call) keep(body []byte, a *wire.Answer, e *ending, b bill) {
	k := &c.cache
	if !c.keepable() || len(body) > c.p.Cache.MaxAnswer() || !cache.Complete(c.op, a) {
		return
	}
	if body = bytes.Clone(body); c.op == provider.Responses {
		body = c.ownerless(body)
	}
	d := c.sent.attempt.Deployment
	entry := &cache.Entry{
		Op: c.op, Stored: c.p.Now(), TTL: orDuration(c.cfg.Cache.TTL, cache.DefaultTTL), Body: body, DeploymentID: d.ID,
		Provider: d.Provider, APIBase: d.APIBase, Pattern: d.Model, Model: c.sent.model, Reply: e.reply, Tier: e.tier, Usage: b.usage,
		Estimated: b.estimated,
	}
	if e.usage.HasCost {
		cost := e.usage.Cost
		entry.Cost = &cost
	}
	if k.controls.HasTTL {
		entry.TTL = k.controls.TTL
	}
	if k.state == cacheMiss {
		c.p.Cache.Put(k.key, entry)
	}
	if k.flight != nil {
		k.flight.Land(entry, false)
		k.flight = nil
	}
}

// ownerless puts the provider's own id back into a response: each who is given it gets an id that is sealed for them.
func (c *call) ownerless(body []byte) []byte {
	var a wire.Answer
	if a.Parse(body) != nil {
		return body
	}
	i := a.Find("id")
	if i < 0 {
		return body
	}
	id, _ := wire.String(a.Raw(i))
	r, err := c.p.openID(id)
	if err != nil {
		return body // a stream's, which is heard before ids are sealed
	}
	a.Replace(i, wire.AppendString(nil, r.upstream))
	return a.Append(nil)
}

// keepStream is keep for the answer of a stream.
func (c *call) keepStream(e *ending, b bill) {
	if c.cache.tap == nil || !e.whole || e.status != spend.StatusSuccess {
		return
	}
	body, ok := c.cache.tap.Answer()
	a := &c.s.answer
	if !ok || a.Parse(body) != nil {
		return
	}
	if !wire.IsObject(a.UsageRaw()) && (c.op == provider.Chat || c.op == provider.Completion) {
		a.SetUsage(stream.AppendUsage(nil, b.usage.InputTotal(), b.usage.OutputTotal()))
		body = a.Append(nil)
	}
	c.keep(body, a, e, b)
}

// tapped puts a tap before the filter of a stream whose answer is to be kept.
func (c *call) tapped(f stream.Filter) stream.Filter {
	c.cache.tap = nil
	if c.cache.hit != nil {
		return f
	}
	if !c.keepable() {
		return c.listened(f)
	}
	c.cache.tap = cache.NewTap(c.op, f, c.p.Cache.MaxAnswer())
	return c.cache.tap
}

// leaveFlight tells those who wait that no answer will come from this call.
func (c *call) leaveFlight() {
	if f := c.cache.flight; f != nil {
		c.cache.flight = nil
		f.Land(nil, c.flight.Cause() != provider.Running)
	}
}

// cacheHeaders tell what the cache had to do with the answer.
func (c *call) cacheHeaders() {
	k := &c.cache
	if k.state == cacheOff {
		return
	}
	c.set("X-Gatehouse-Cache", string(k.state))
	if k.key != (cache.Key{}) {
		c.set("X-Gatehouse-Cache-Key", k.key.String())
	}
	if k.hit != nil {
		c.set("X-Litellm-Cache-Key", k.key.String())
		c.set("Age", strconv.FormatInt(int64(k.hit.Age(c.p.Now())/time.Second), 10))
	}
}
