package proxy

import (
	"log/slog"
	"net/url"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/valyala/fasthttp"

	"gatehouse/models"
	"gatehouse/proxy/price"
	"gatehouse/proxy/provider"
	"gatehouse/proxy/route"
	"gatehouse/proxy/spend"
	"gatehouse/proxy/wire"
)

// later are the calls whose provider works on after its answer (background responses). Each has had its answer and given its
// slots back; its hold stays until the provider tells what it came to: to the client who asks, or to us. A call that is never
// heard of again, and every one when the process ends, is booked at what it was expected to cost; so is one whose process
// dies, by its journal.
type later struct {
	first time.Duration // before we ask for the first time; twice as long each time, askMost at most

	mu    sync.Mutex
	calls map[laterID]*lateCall
	ended bool
	stop  chan struct{} // closed when the process ends
	group sync.WaitGroup
}

// laterID is a response by its deployment and the provider's id.
type laterID struct{ deployment, upstream string }

const (
	askFirst = 2 * time.Second
	askMost  = time.Minute
	// askLimit is how long one question may take, and laterMost how long a response may: longer than any that is known of.
	askLimit  = 10 * time.Second
	laterMost = 2 * time.Hour
	// laterCalls bounds the calls that wait: what comes on top is booked at once, at what it is expected to cost.
	laterCalls = 1000
)

func newLater() *later {
	return &later{first: askFirst, calls: map[laterID]*lateCall{}, stop: make(chan struct{})}
}

// lateCall is one of them: c is the call without its request and its answer.
type lateCall struct {
	c        *call
	expected ending // as it is booked when nothing more is heard
	bill     bill
	done     chan struct{} // closed when it is settled
}

// postpone moves the duty to settle this call to the day when its response is finished; ok is false when it is to be settled
// now. The bill is what it is expected to come to.
func (c *call) postpone(e *ending, a *wire.Answer) (b bill, ok bool) {
	upstream := ""
	if i := a.Find("id"); i >= 0 {
		upstream, _ = wire.String(a.Raw(i))
	}
	d := c.sent.attempt.Deployment
	if upstream == "" || c.sent.bridge != nil || d == nil || c.theirs.given() || c.theirs.headers || c.rec == nil {
		return b, false
	}
	l := c.p.later
	l.mu.Lock()
	defer l.mu.Unlock()
	id := laterID{d.ID, upstream}
	if l.ended || len(l.calls) >= laterCalls || l.calls[id] != nil || !c.hold.done.CompareAndSwap(false, true) {
		return b, false
	}
	c.hold.HandOver()
	b = c.price(e)
	late := &lateCall{expected: *e, bill: b, done: make(chan struct{}), c: &call{work: work{
		p: c.p, cfg: c.cfg, id: c.id, start: c.start, op: c.op, wire: c.wire, group: c.group, n: c.n, extras: c.extras, rec: c.rec,
		sent: sent{attempt: c.sent.attempt, target: c.sent.target, model: c.sent.model, at: c.sent.at, first: c.sent.first},
	}}}
	late.expected.answer = nil
	late.bill.lines = slices.Clone(b.lines) // they stand in memory of this call, as its record and its hold do
	c.held = true
	late.c.hold.c, late.c.hold.money, late.c.hold.admitted = late.c, c.hold.money, true
	c.rec = nil
	c.hold.slot.Settle(c.limited(b.usage.InputTotal(), b.usage.OutputTotal()))
	c.sent.plan.End(route.Outcome{Total: c.p.Now().Sub(c.sent.at), TotalTokens: b.usage.InputTotal() + b.usage.OutputTotal()})
	if err := c.p.Ledger.Progress(c.id, b.cost, b.usage); err != nil {
		c.p.Log.Warn("what a background response is expected to cost is not in the journal", slog.String("call_id", c.id), slog.Any("error", err))
	}
	l.calls[id] = late
	l.group.Go(func() { c.p.await(id, late) })
	c.say(e)
	return b, true
}

// await asks the provider now and then, until the call is settled or its time is over.
func (p *Plane) await(id laterID, late *lateCall) {
	defer func() {
		if v := recover(); v != nil {
			p.Log.Error("panic while a background response was waited for", slog.Any("panic", v), slog.String("stack", string(debug.Stack())))
			p.settleLate(id, nil)
		}
	}()
	wait, by := p.later.first, p.Now().Add(laterMost)
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case <-late.done:
			return
		case <-p.later.stop:
			p.settleLate(id, nil)
			return
		case <-timer.C:
		}
		body, known := p.ask(id)
		if body != nil && p.settleLate(id, body) {
			return
		}
		if !known || p.Now().After(by) {
			p.settleLate(id, nil)
			return
		}
		wait = min(2*wait, askMost)
		timer.Reset(wait)
	}
}

// ask gets a response from its provider. known is false when that will never tell: the response or its deployment is gone. A
// nil body is no news.
func (p *Plane) ask(id laterID) (body []byte, known bool) {
	d := p.Ring.Snapshot().Catalog().ByID(id.deployment)
	if d == nil {
		return nil, false
	}
	var req fasthttp.Request
	req.Header.SetHost("localhost")
	var ctx fasthttp.RequestCtx
	ctx.Init(&req, nil, nil)
	c := p.begin(&ctx, provider.Responses)
	defer c.release()
	c.grant = p.master
	short := *c.cfg
	short.Timeout = min(short.Timeout, askLimit)
	c.cfg = &short
	body, f := c.exchange(d, fasthttp.MethodGet, provider.Responses, "/"+url.PathEscape(id.upstream))
	if f != nil {
		return nil, f.status != fasthttp.StatusNotFound && f.status != fasthttp.StatusBadRequest && f.status != fasthttp.StatusMethodNotAllowed
	}
	return body, true
}

// settleLate books a call by what its provider tells of its response; nil: at what it was expected to cost. It says whether the
// call is settled, by this or before.
func (p *Plane) settleLate(id laterID, body []byte) bool {
	var a wire.Answer
	status := ""
	if body != nil {
		if a.Parse(body) != nil {
			return false
		}
		if i := a.Find("status"); i >= 0 {
			status, _ = wire.String(a.Raw(i))
		}
		switch status {
		case "completed", "incomplete", "failed", "cancelled":
		default:
			return false
		}
	}
	l := p.later
	l.mu.Lock()
	late := l.calls[id]
	delete(l.calls, id)
	l.mu.Unlock()
	if late == nil {
		return true
	}
	defer close(late.done)
	e, b := late.expected, late.bill
	if body != nil {
		e, b = late.told(&a, status)
	}
	if late.c.hold.done.CompareAndSwap(false, true) {
		late.c.book(&e, b)
	}
	return true
}

// told is what a finished response comes to. Its output is billed as the provider counts it. Without a count, a failed one costs nothing and
// of a cancelled one the input is booked, as of every call that is ended from this side.
func (l *lateCall) told(a *wire.Answer, status string) (ending, bill) {
	e := ending{status: spend.StatusSuccess, httpStatus: fasthttp.StatusOK, whole: true, tier: a.ServiceTier(), usage: a.Usage()}
	if !wire.StringIs(a.Model(), l.c.sent.model) {
		e.reply, _ = wire.String(a.Model())
	}
	switch status {
	case "failed":
		e.status, e.httpStatus, e.code = spend.StatusFailure, rows[upstreamStatus].status, rows[upstreamStatus].code
	case "cancelled":
		e.status, e.httpStatus, e.code = spend.StatusCancelled, rows[clientLeft].status, rows[clientLeft].code
	}
	if e.usage.Seen && !e.usage.Bad {
		return e, l.c.price(&e)
	}
	b := bill{usage: l.bill.usage, estimated: true}
	switch status {
	case "failed":
		b.usage = price.Usage{}
	case "cancelled":
		b.usage = price.Usage{InputUncached: l.bill.usage.InputTotal(), Requests: 1}
	}
	return e, l.c.priced(b, &e)
}

// heardOf looks at what a client was told of a response: it may be what a call waits for.
func (p *Plane) heardOf(d *models.Deployment, upstream string, body []byte) {
	id := laterID{d.ID, upstream}
	p.later.mu.Lock()
	waiting := p.later.calls[id] != nil
	p.later.mu.Unlock()
	if waiting {
		p.settleLate(id, body)
	}
}

// close settles all that wait, at what they were expected to cost.
func (l *later) close() {
	l.mu.Lock()
	if !l.ended {
		l.ended = true
		close(l.stop)
	}
	l.mu.Unlock()
	l.group.Wait()
}
