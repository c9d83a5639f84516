package proxy

import (
	"log/slog"
	"time"

	"gatehouse/models"
	"gatehouse/proxy/price"
	"gatehouse/proxy/provider"
	"gatehouse/proxy/route"
	"gatehouse/proxy/spend"
	"gatehouse/proxy/tokens"
	"gatehouse/proxy/wire"
)

// ending is what is known when a call is over.
type ending struct {
	status     string
	httpStatus int
	code       string

	usage   wire.Usage // as the provider reported it
	text    []byte     // output, for counting where usage is missing or cannot be whole
	scale   float64    // of text to all of the output; 0 = 1
	whole   bool       // the answer came to its end
	assumed int64      // output tokens that are expected to come when nobody of this call is there
	floor   bool       // nothing is known but that the provider was asked
	tier    string     // service tier of the answer
	images  int64      // delivered
	millis  int64      // of audio
	units   int64      // searches
	reply   string     // model named by the answer
	answer  []byte     // as a whole, while words are kept
	routed  route.Outcome
}

// bill is what a call came to.
type bill struct {
	usage     price.Usage
	cost      models.Nano
	lines     []price.Line
	version   string
	estimated bool
	unpriced  bool
	saved     models.Nano // what a hit of the cache would have cost
	prompt    models.Nano // what the provider's own prompt cache saved, net
}

// absurd is more tokens than any model takes: a count above it is not believed.
const absurd = 50_000_000

// absurdCost is more than any call costs. What is above it is a provider that lies or a price with a slip in it; booked
// as it stands, a few such calls would be more than a counter can hold.
const absurdCost = 1_000_000 * models.USD

// usageOf turns what the provider reported into what is billed, and counts here what it did not report.
func (c *call) usageOf(e *ending) (u price.Usage, estimated bool) {
	if e.usage.Seen && !e.usage.Bad {
		u = e.usage.Canonical()
		estimated = u.Clamp(absurd)
		if e.whole || len(e.text) == 0 {
			return u, estimated
		}
		// A stream that was cut reports what it had counted at some point; what has come since is counted here.
		if n := c.counted(e); n > u.OutputTotal() {
			u.OutputText += n - u.OutputTotal()
			estimated = true
		}
		return u, estimated
	}
	if !e.whole && !e.floor && len(e.text) == 0 {
		return u, false // nothing came and nothing was reported: nothing is billed
	}
	u.Requests = 1
	if c.op == provider.PassThrough && len(e.text) == 0 && !e.floor {
		return u, false // a route that uses no tokens, as far as its answer tells
	}
	u.InputUncached = int64(tokens.CountChat(c.sent.model, c.s.body))
	if c.op != provider.Embedding && !e.floor {
		u.OutputText = max(e.assumed, c.counted(e))
	}
	return u, true
}

func (c *call) counted(e *ending) int64 {
	n := tokens.Count(c.sent.model, string(e.text))
	if e.scale > 1 {
		n = int(float64(n) * e.scale)
	}
	return int64(n)
}

// price works the bill out.
func (c *call) price(e *ending) bill {
	if c.cache.hit != nil {
		return c.priceHit()
	}
	var b bill
	if isMedia(c.op) {
		b.usage = c.mediaUsage(e)
	} else {
		b.usage, b.estimated = c.usageOf(e)
	}
	return c.priced(b, e)
}

// priced puts the price of its usage on a bill.
func (c *call) priced(b bill, e *ending) bill {
	if c.sent.attempt.Deployment == nil || b.usage.Zero() {
		return b
	}
	d := c.sent.attempt.Deployment
	p, known := c.priceOf(d, e.reply)
	b.version = p.Version
	if known && c.fit(&b.usage, &p, e.usage.Seen) {
		b.estimated = true
	}
	if money := c.sent.target != nil && c.sent.target.MoneyUsage && e.usage.HasCost && !c.sent.target.Custom.Known; money {
		b.cost, b.version = e.usage.Cost, "provider"
		b.lines = []price.Line{{Unit: price.Request, Quantity: 1, Rate: int64(e.usage.Cost), Nano: e.usage.Cost}}
	} else if known {
		b.cost, b.lines = p.AppendCost(c.lines(), b.usage, e.tier)
		b.prompt = c.cfg.Adjust.For(d.Provider).Shift(p.CacheSaving(b.usage, e.tier))
		b.unpriced = c.op == provider.PassThrough && len(b.lines) == 0
	} else {
		b.unpriced = true
		if c.sent.model == "" {
			return b // a pass-through route that names no model
		}
		if c.p.warned.due("price:"+d.Provider+"/"+c.sent.model, c.start) {
			c.p.Log.Warn("a model has no known price: its calls cost nothing", slog.String("provider", d.Provider),
				slog.String("model", c.sent.model), slog.String("model_group", c.group))
		}
		return b
	}
	b.cost, b.lines = c.cfg.Adjust.For(d.Provider).Apply(b.cost, b.lines)
	if b.cost > absurdCost {
		b.cost, b.estimated = absurdCost, true
	}
	return b
}

// lines is room for a bill's lines, which last as long as the call does.
func (c *call) lines() []price.Line {
	if c.s == nil { // of a call that is settled after its end
		return nil
	}
	if c.s.bill == nil {
		c.s.bill = make([]price.Line, 0, 8)
	}
	return c.s.bill[:0]
}

// settle ends the call, once: the actual cost replaces what was held, and the call is in the journal before anybody can
// see that it is over. Later calls do nothing.
func (c *call) settle(e ending) bill {
	if !c.hold.done.CompareAndSwap(false, true) {
		return bill{}
	}
	b := c.price(&e)
	c.book(&e, b)
	c.say(&e)
	return b
}

// book puts the bill in place of what was held and the call into the ledger.
func (c *call) book(e *ending, b bill) {
	now := c.p.Now()
	rec := c.rec
	if rec == nil {
		rec = c.record()
	}
	c.whose(rec)
	rec.Usage, rec.Lines, rec.CostNano, rec.PriceVersion = b.usage, b.lines, b.cost, b.version
	rec.UsageEstimated, rec.PromptSaved = b.estimated, b.prompt
	if rec.Unpriced = b.unpriced && (c.op != provider.PassThrough || e.status == spend.StatusSuccess); rec.Unpriced && c.op == provider.PassThrough {
		rec.Metadata = withReason(rec.Metadata)
	}
	c.noteHit(rec, b)
	rec.Status, rec.HTTPStatus, rec.ErrorCode = e.status, e.httpStatus, e.code
	rec.End = now
	if c.hold.money != nil {
		rec.OvershootNano = c.hold.money.Settle(b.cost).Overshoot
		rec.Charges = c.hold.money.Charges(rec.Charges[:0]) // with what the cost takes out of slices
	}
	rec.Charges = append(rec.Charges, c.countCost(b.cost)...)
	if c.cache.hit != nil {
		c.hold.slot.Settle(0) // a hit counts as a request, not in tokens
	} else {
		c.hold.slot.Settle(c.limited(b.usage.InputTotal(), b.usage.OutputTotal()))
	}
	if e.status == spend.StatusSuccess && c.op.Textual() && c.cache.hit == nil {
		c.p.Outputs.Observe(c.group, b.usage.OutputTotal()/max(1, c.n))
	}
	if c.sent.plan != nil {
		out := e.routed
		out.Total, out.OutputTokens, out.TotalTokens = now.Sub(c.sent.at), b.usage.OutputTotal(), b.usage.InputTotal()+b.usage.OutputTotal()
		out.Stream = c.stream
		if !c.sent.first.IsZero() {
			out.FirstByte = c.sent.first.Sub(c.sent.at)
		}
		c.sent.plan.End(out)
	}
	c.write(rec)
}

// write puts the record into the ledger. What the journal cannot take now it keeps and writes later.
func (c *call) write(rec *spend.Record) {
	if err := c.p.Ledger.Settle(*rec); err != nil {
		c.p.Log.Error("a call could not be written to the journal", slog.String("call_id", c.id), slog.Any("error", err))
	}
	if c.p.Finished != nil {
		c.p.Finished(rec)
	}
}

// settleRefused books a call that the gateway itself refused: it cost nothing, and its scopes are not charged.
func (c *call) settleRefused(f *failure, status int) {
	if c.hold.admitted || !c.hold.done.CompareAndSwap(false, true) && c.sent.tries > 0 {
		return
	}
	if c.hold.money != nil {
		c.hold.money.Refund()
	}
	c.hold.slot.Cancel()
	rec := c.record()
	c.whose(rec)
	rec.Charges = nil
	rec.Status, rec.HTTPStatus, rec.ErrorCode, rec.End = spend.StatusFailure, status, f.code, c.p.Now()
	c.write(rec)
}

// record is who makes the call and for whom. It is made once: what the journal was told at admission is amended at the end.
func (c *call) record() *spend.Record {
	g := c.grant
	rec := &c.lasting.record
	*rec = spend.Record{
		Charges: rec.Charges[:0], CallID: c.id, CallType: c.op.String(), KeyID: g.ID(), KeyAlias: g.Alias(), UserID: g.UserID, TeamID: g.TeamID,
		OrgID: c.snap.OrgID(g), EndUser: c.endUser, Tags: c.rowTags(nil), ModelGroup: or(c.group, c.asked), Start: c.start,
		IP: c.ip.String(), SessionID: c.sessionID, Metadata: c.metadata,
	}
	if c.cfg.NoEndUsers {
		rec.EndUser = ""
	}
	if g.Master {
		rec.KeyHash = masterAlias
	} else {
		rec.KeyHash = g.HashHex()
	}
	if c.hold.money != nil {
		rec.Charges = c.hold.money.Charges(rec.Charges)
	}
	return rec
}

// whose adds who serves the call, which a retry may change.
func (c *call) whose(rec *spend.Record) {
	rec.FirstByte = c.sent.first
	if d := c.sent.attempt.Deployment; d != nil {
		rec.Model, rec.DeploymentID, rec.Provider = c.sent.model, d.ID, d.Provider
		rec.ModelGroup = or(c.sent.attempt.Group, rec.ModelGroup)
		if len(d.Tags) > 0 {
			rec.Tags = c.rowTags(d.Tags)
		}
	}
	if c.sent.target != nil {
		rec.APIBase = c.sent.target.Shown
	}
}

// took is how long the call has taken so far, and how much of that was not the provider's.
func (c *call) took() (total, own time.Duration) {
	total = c.p.Now().Sub(c.start)
	own = total - c.sent.away
	came := c.sent.first
	if c.sent.last.After(came) {
		came = c.sent.last
	}
	if !c.sent.at.IsZero() && !came.IsZero() {
		own -= came.Sub(c.sent.at)
	}
	return total, max(own, 0)
}

// withReason says in a record's metadata why a pass-through call cost nothing: its route has no price (proxy.md §1.2).
func withReason(metadata []byte) []byte {
	var o wire.Object
	if o.Parse(orBytes(metadata, []byte("{}"))) != nil {
		return metadata
	}
	o.Set("reason", []byte(`"unpriced_route"`))
	return o.Append(nil)
}
