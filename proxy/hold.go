package proxy

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"math"
	"sync/atomic"
	"time"

	"gatehouse/models"
	"gatehouse/proxy/budget"
	"gatehouse/proxy/limit"
	"gatehouse/proxy/policy"
	"gatehouse/proxy/price"
	"gatehouse/proxy/route"
	"gatehouse/proxy/spend"
	"gatehouse/proxy/tokens"
)

// hold is everything a call has taken: its place in the rates, its money, its line in the journal. It has one owner at
// any time: the handler, which settles it by a deferred call, or the stream that it was handed over to. It settles once.
type hold struct {
	c        *call
	slot     *limit.Slot
	money    *budget.Hold
	admitted bool // the journal knows of the call
	over     bool // handed over: the deferred Settle is idle
	done     atomic.Bool
}

// Settle ends what nobody has ended: a call that failed on a way that says nothing more about it.
func (h *hold) Settle() {
	if !h.over {
		h.c.settle(ending{
			status: spend.StatusFailure, httpStatus: rows[internal].status, code: rows[internal].code,
			routed: route.Outcome{Class: route.Cancelled}, // our own fault is none of the deployment's
		})
	}
}

// HandOver moves the duty to settle to a stream.
func (h *hold) HandOver() { h.over = true }

// cancel gives everything back: the call was not sent.
func (h *hold) cancel() {
	if h.done.CompareAndSwap(false, true) {
		h.slot.Cancel()
		if h.money != nil {
			h.money.Refund()
		}
	}
}

// reserve takes what the call needs on every scope that counts it, or nothing: rates and parallel slots first, money
// after them, and the rates back when money refuses. A budget that is used up is told rather than a rate that is, since
// it does not end by waiting.
func (c *call) reserve() *failure {
	ask, f := c.estimate(c.match.Deployments)
	if f != nil {
		return f
	}
	slot, err := c.p.Limits.Take(context.Background(), c.rateWants(), c.limited(c.inTok, c.expected()))
	if err != nil {
		if used := c.usedUp(ask.Pricing); used != nil {
			return refusedByBudget(used)
		}
		return unrated(err)
	}
	c.hold.slot = slot
	wants := c.budgetWants()
	c.refine(&ask, wants)
	if err := c.p.Budget.ReserveInto(&c.lasting.money, wants, ask); err != nil {
		c.hold.slot.Cancel()
		return c.unfunded(err)
	}
	c.hold.money = &c.lasting.money
	return nil
}

// usedUp is the first budget of the call of which nothing is left, as far as this process knows; nil: there is none.
func (c *call) usedUp(pricing budget.Pricing) *budget.Exhausted {
	if pricing == budget.Free {
		return nil
	}
	for _, w := range c.budgetWants() {
		if !w.Cap.Set {
			continue
		}
		s := c.p.Budget.State(w.Scope)
		over := int64(s.Spent + s.Held)
		if pricing == budget.Unpriced {
			over = int64(s.Spent) - 1 // refused once a budget is overdrawn
		}
		if over >= w.Cap.N {
			return &budget.Exhausted{
				Level: w.Level, Scope: w.Scope, ID: w.ID, Of: w.Of, Model: w.Model, Limit: models.Nano(w.Cap.N), Spent: s.Spent, Held: s.Held, ResetsAt: s.ResetsAt,
			}
		}
	}
	return nil
}

// unrated is a call that the limiter did not take.
func unrated(err error) *failure {
	var refused *limit.Refused
	if errors.As(err, &refused) {
		return refusedByLimit(refused)
	}
	return fail(overloaded, "the rate of this key cannot be told").after(time.Second).because(err)
}

// unfunded is a call that the budget did not take.
func (c *call) unfunded(err error) *failure {
	var used *budget.Exhausted
	if errors.As(err, &used) {
		return refusedByBudget(used)
	}
	if errors.Is(err, budget.ErrUnavailable) {
		return fail(ledgerDown, "what this budget has left cannot be told at the moment").after(time.Second).because(err)
	}
	return internalFailure(c.id, err)
}

// limited is what a tpm limit counts of a call.
func (c *call) limited(input, output int64) int64 {
	switch c.cfg.TokenLimit {
	case CountInput:
		return input
	case CountOutput:
		return output
	case CountTotal:
	}
	return input + output
}

// expected is how many tokens the call is expected to put out.
func (c *call) expected() int64 {
	if !c.op.Textual() {
		return 0
	}
	return c.p.Outputs.Expect(c.group, c.output) * c.n
}

// bytesPerToken is a cautious share for the estimate that costs nothing.
const bytesPerToken = 4

// estimate is what the call is taken to cost at the dearest deployment that may serve it. The input is guessed from its
// length; refine counts it where that could matter.
func (c *call) estimate(deployments []*models.Deployment) (budget.Ask, *failure) {
	if c.inTok < 0 {
		c.inTok = int64(len(c.s.body)/bytesPerToken + 1)
	}
	usage := price.Usage{InputUncached: c.inTok, OutputText: c.expected(), Requests: 1}
	if isMedia(c.op) {
		usage = c.foreseen()
	}
	ask := budget.Ask{Pricing: budget.Free, Mode: policy.Mode(c.snap, c.grant, &c.cfg.Caps), MaxTokens: c.output, MinTokens: c.cfg.MinOutput}
	priced := false
	for _, d := range deployments {
		p, known := c.priceOf(d, "")
		switch {
		case !known:
			if c.cfg.BlockUnpriced {
				return ask, fail(unpriced, "the model "+c.asked+" has no known price").about("model")
			}
			if !priced {
				ask.Pricing = budget.Unpriced
			}
			continue
		case p.Free:
			continue
		}
		priced = true
		ask.Pricing = budget.Priced
		adjust := c.cfg.Adjust.For(d.Provider)
		usage := usage
		c.fit(&usage, &p, true)
		cost, lines := p.AppendCost(c.s.lines[:0], usage, "")
		cost, lines = adjust.Apply(cost, lines)
		floor, lines := p.AppendCost(lines[:0], price.Usage{InputUncached: c.inTok, Requests: 1}, "")
		floor, lines = adjust.Apply(floor, lines)
		c.s.lines = lines
		ask.Est, ask.Floor = max(ask.Est, cost), max(ask.Floor, floor)
		if ask.Mode == budget.Exact {
			c.worst(&ask, &p, adjust, d)
		}
	}
	return ask, nil
}

// worst fills what exact mode needs: bounds that the call cannot pass, whatever it turns into.
func (c *call) worst(ask *budget.Ask, p *price.Price, adjust price.Adjust, d *models.Deployment) {
	bound, perMillion := adjust.Ceiling(p.Ceiling(int64(tokens.UpperBound(c.s.body)), c.kinds(d)))
	ask.Input = max(ask.Input, bound)
	if isMedia(c.op) {
		ask.Input = max(ask.Input, ask.Est) // what is sold by the piece is known beforehand
	}
	if !c.op.Textual() {
		return
	}
	if perMillion > math.MaxInt64/c.n {
		perMillion = math.MaxInt64 / c.n // no budget has that much
	}
	ask.OutputPerMillion = max(ask.OutputPerMillion, perMillion*c.n)
	if info, ok := c.p.Prices.Info(d.Provider, d.Model); ok && info.MaxOutputTokens > ask.ModelMax {
		ask.ModelMax = info.MaxOutputTokens
	}
}

// kinds is which dearer kinds of token the call can lead to, as far as its body tells.
func (c *call) kinds(d *models.Deployment) price.Kinds {
	has := func(word string) bool { return bytes.Contains(c.s.body, []byte(word)) }
	_, tiered := d.Params["service_tier"]
	return price.Kinds{
		Cached: has(`"cache_control"`), Media: has("audio") || has("image") || has(`"modalities"`),
		Tiered: tiered || has(`"service_tier"`) || has(`"speed"`),
	}
}

// nearlyUsed is the share of what is left from which on an estimate is worth counting the input for.
const nearlyUsed = 64

// refine counts the input by a tokenizer when the guess is a good part of what some budget has left. Counting costs more
// than the rest of a call, and far from the cap nothing depends on it.
func (c *call) refine(ask *budget.Ask, wants []budget.Want) {
	if ask.Pricing != budget.Priced || ask.Mode == budget.Exact || isMedia(c.op) {
		return
	}
	for i := range wants {
		if !wants[i].Cap.Set {
			continue
		}
		s := c.p.Budget.State(wants[i].Scope)
		if left := models.Nano(wants[i].Cap.N) - s.Spent - s.Held; left > 0 && ask.Est > left/nearlyUsed {
			c.inTok = int64(tokens.EstimateChat(c.match.Deployments[0].Model, c.s.body))
			if again, f := c.estimate(c.match.Deployments); f == nil {
				*ask = again
			}
			return
		}
	}
}

// priceOf finds what a deployment's calls cost; reply is the model that its answer named.
func (c *call) priceOf(d *models.Deployment, reply string) (price.Price, bool) {
	q := price.Query{Provider: d.Provider, BaseModel: d.BaseModel, ReplyModel: reply, Model: d.Model}
	if region, ok := d.Params["aws_region_name"].(string); ok {
		q.Region = region
	}
	if c.sent.target != nil && c.sent.target.Deployment == d {
		q.Custom, q.Model = c.sent.target.Custom, c.sent.model
	} else if t, err := c.ready(d); err == nil {
		q.Custom = t.Custom
		if c.match.Wildcard {
			q.Model = c.asked
		}
	} else if custom, ok, err := price.FromConfig(d.Prices); err == nil && ok {
		q.Custom = custom
	}
	if isImage(c.op) && !q.Custom.Known {
		return c.p.Prices.ResolveImage(q, c.media.size, c.media.quality)
	}
	return c.p.Prices.Resolve(q)
}

// admit writes the call into the journal, which must be done before the first byte goes upstream.
func (c *call) admit() *failure {
	if c.hold.admitted {
		return nil
	}
	c.rec = c.record()
	c.whose(c.rec)
	c.rec.Usage = price.Usage{InputUncached: c.inTok, Requests: 1}
	err := c.p.Ledger.Admit(spend.AdmitRecord{Record: *c.rec, EstNano: c.hold.money.Est(), FloorNano: c.hold.money.Floor()})
	if err != nil {
		c.p.Log.Error("calls are refused: the spend ledger takes none", slog.Any("error", err))
		return fail(ledgerDown, "calls cannot be recorded at the moment").after(time.Second).because(err)
	}
	c.hold.admitted = true
	return nil
}

// again holds for a fallback group what that would cost, before it is tried; a budget that the key has for that model
// counts in place of the one for the model that was asked for.
func (c *call) again(group string, deployments []*models.Deployment) *failure {
	ask, f := c.estimate(deployments)
	if f != nil {
		return f
	}
	var own *budget.Want
	if w, ok := policy.ModelBudget(c.snap, c.grant, policy.Bill{Model: group, Now: c.start.UnixMicro()}); ok {
		own = &w
	}
	if err := c.hold.money.Again(ask, own); err != nil {
		return c.unfunded(err)
	}
	return nil
}
