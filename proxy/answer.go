package proxy

import (
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"gatehouse/models"
	"gatehouse/proxy/provider"
	"gatehouse/proxy/provider/bedrock"
	"gatehouse/proxy/provider/openai"
	"gatehouse/proxy/route"
	"gatehouse/proxy/spend"
	"gatehouse/proxy/stream"
	"gatehouse/proxy/wire"
)

// plain reads a whole answer, books it and passes it on.
func (c *call) plain() route.Outcome {
	if isMedia(c.op) && !isJSON(&c.sent.resp.Header) {
		return c.plainBytes()
	}
	defer c.closeResponse()
	s := c.s
	var err error
	if s.in, err = c.sent.resp.Body.ReadAll(s.in[:0], c.cfg.MaxAnswer); err != nil {
		return c.outcome(err)
	}
	c.sent.last = c.p.Now()
	return c.finishPlain(s.in)
}

// finishPlain takes an answer of the provider's wire to the client.
func (c *call) finishPlain(body []byte) route.Outcome {
	s := c.s
	a := &s.answer
	if err := a.Parse(body); err != nil {
		return c.unreadable(err)
	}
	if a.Failure() != nil || string(a.Type()) == `"error"` {
		return c.refusal(provider.ParseHidden(body))
	}
	usage := a.Usage()
	e := ending{status: spend.StatusSuccess, httpStatus: 200, whole: true, tier: a.ServiceTier()}
	if !wire.StringIs(a.Model(), c.sent.model) {
		e.reply, _ = wire.String(a.Model())
	}
	switch {
	case c.sent.bridge != nil:
		var err error
		if s.other, usage, err = c.sent.bridge.Answer(s.other[:0], body); err != nil {
			return c.notAnswered(err)
		}
		if err := a.Parse(s.other); err != nil {
			return c.unreadable(err)
		}
		e.tier = or(e.tier, a.ServiceTier())
	case c.wire == provider.Gemini:
		if i := a.Find("usageMetadata"); i >= 0 {
			usage = wire.ReadGeminiUsage(a.Raw(i))
		}
		if i := a.Find("modelVersion"); i >= 0 {
			a.Replace(i, c.shownJSON())
		}
	case c.op == provider.Chat || c.op == provider.Completion:
		a.RenameFinish(openai.Finish)
	case c.wire == provider.Anthropic:
		usage = wire.ReadAnthropicUsage(a.UsageRaw())
	}
	e.usage = usage
	background := false
	if isMedia(c.op) {
		c.measure(a, &e)
	} else if !usage.Seen || usage.Bad {
		e.text = outputText(a)
		if background = c.background(a); background {
			e.text, e.assumed = nil, c.expected()
		}
	}
	if c.keepsWords() {
		e.answer = a.Append(nil)
	}
	var b bill
	if background {
		b, background = c.postpone(&e, a)
	}
	if !background {
		b = c.settle(e)
	}
	a.SetModel(c.shownJSON())
	if c.sent.bridge == nil && (c.op == provider.Responses || c.op == provider.Compact) {
		c.ownID(a)
	}
	if !usage.Seen && (c.op == provider.Chat || c.op == provider.Completion) {
		a.SetUsage(stream.AppendUsage(nil, b.usage.InputTotal(), b.usage.OutputTotal()))
	}
	r := &c.ctx.Response
	r.SetStatusCode(fasthttp.StatusOK)
	r.Header.SetContentType("application/json")
	c.commonHeaders()
	c.attemptHeaders()
	c.costHeaders(b)
	c.providerHeaders()
	c.cacheHeaders()
	r.SetBodyRaw(nil)
	body = a.Append(r.SwapBody(nil)[:0])
	c.keep(body, a, &e, b)
	r.SwapBody(body)
	c.log(fasthttp.StatusOK, "")
	return route.Outcome{Class: route.Success}
}

// notAnswered is an answer that its bridge does not take for one: a refusal in disguise, or nothing that can be read.
func (c *call) notAnswered(err error) route.Outcome {
	var refused *provider.Refusal
	if errors.As(err, &refused) {
		return c.refusal(refused)
	}
	return c.unreadable(err)
}

// unreadable is an answer that is not what its wire sends.
func (c *call) unreadable(err error) route.Outcome {
	return route.Outcome{
		Class: route.Server, Status: fasthttp.StatusBadGateway, Total: c.p.Now().Sub(c.sent.at),
		Err: fail(upstreamBroken, "the provider sent an answer that cannot be read").because(err),
	}
}

// background says whether an answer is a response that the provider still works on: what it will come to is told to whoever
// asks later.
func (c *call) background(a *wire.Answer) bool {
	i := a.Find("status")
	return c.op == provider.Responses && i >= 0 && (wire.StringIs(a.Raw(i), "queued") || wire.StringIs(a.Raw(i), "in_progress"))
}

// outputText is all text of an answer, for counting.
func outputText(a *wire.Answer) []byte {
	var text []byte
	a.EachDelta(func(d wire.Delta) {
		for _, raw := range [...][]byte{d.Text, d.Thought, d.Tools} {
			if raw != nil {
				text = wire.AppendText(text, raw)
			}
		}
	})
	for _, name := range [...]string{"content", "output", "candidates"} { // Anthropic's, that of Responses, Google's
		if i := a.Find(name); i >= 0 && a.Choices() == nil {
			text = append(text, a.Raw(i)...)
		}
	}
	return text
}

// shownModel is the name of the model in answers: what the client asked for, or after a fallback the group that answered.
func (c *call) shownModel() string {
	if c.sent.attempt.Fallbacks > 0 {
		return c.sent.attempt.Group
	}
	return c.asked
}

// shownJSON is shownModel as a JSON string: mostly the bytes that the client sent.
func (c *call) shownJSON() []byte {
	name := c.shownModel()
	if raw := c.s.req.Get(wire.Model); wire.StringIs(raw, name) {
		return raw
	}
	return wire.AppendString(nil, name)
}

// beginStream waits for the first content and then hands the call over to its relay. Until that content a failure is one
// of the attempt.
func (c *call) beginStream(deadline time.Time) route.Outcome {
	src := events(c.sent.resp)
	if src == nil {
		return c.notAStream()
	}
	return c.relay(src, deadline)
}

// relay streams what src sends.
func (c *call) relay(src stream.Source, deadline time.Time) route.Outcome {
	filter := c.filter()
	relay := stream.NewRelay(stream.Options{
		Source: src, Flight: &c.flight, Filter: filter, Now: c.p.Now, Heartbeat: c.cfg.Heartbeat, Idle: c.cfg.StreamIdle,
		Longest: c.longest(), Progress: c.progress,
		Finish: func(end stream.End, cause error) { c.streamed(filter.State(), end, cause) },
		Frame:  func(end stream.End) []byte { return c.errorFrame(c.streamFailure(filter.State(), end), filter) },
		Closed: func() { c.closeResponse(); c.free() },
	})
	if err := relay.Prime(deadline); err != nil {
		relay.Drop()
		out := c.unprimed(filter.State(), err)
		c.closeResponse()
		return out
	}
	c.sent.first = c.p.Now()
	r := &c.ctx.Response
	r.SetStatusCode(fasthttp.StatusOK)
	r.Header.SetContentType("text/event-stream")
	if c.array {
		r.Header.SetContentType("application/json")
	}
	r.Header.Set("Cache-Control", "no-cache")
	r.Header.Set("X-Accel-Buffering", "no")
	c.commonHeaders()
	c.attemptHeaders()
	c.providerHeaders()
	c.cacheHeaders()
	r.ImmediateHeaderFlush = false // the first content is there already: one write brings both
	c.hold.HandOver()
	c.handed = true
	c.ctx = nil // the stream outlives the handler, whose request is gone then
	c.head = head{}
	r.SetBodyStream(relay, -1)
	return route.Outcome{Class: route.Success}
}

// errorFrame is a failure as an event of a stream that has begun.
func (c *call) errorFrame(f *failure, filter stream.Filter) []byte {
	if c.op == provider.Responses {
		return f.responseFrame(nil, filter.State().Events)
	}
	if c.wire == provider.Gemini {
		return c.geminiFrame(f, filter)
	}
	return f.frame(nil, c.wire, c.id)
}

func (c *call) longest() time.Time {
	if c.cfg.StreamLongest <= 0 {
		return time.Time{}
	}
	return c.start.Add(c.cfg.StreamLongest)
}

// filter is what stands between the provider's events and the client.
func (c *call) filter() stream.Filter {
	name := c.shownJSON()
	var f stream.Filter
	switch {
	case c.wire == provider.Anthropic:
		f = &stream.Anthropic{Model: name}
	case c.wire == provider.Gemini:
		f = &stream.Gemini{Model: name, Array: c.array}
	case isMedia(c.op):
		f = new(stream.Plain)
	case c.op == provider.Responses:
		r := &stream.Responses{Model: name}
		if c.sent.bridge == nil {
			r.Response = c.ownID
		}
		f = r
	default:
		o := &stream.OpenAI{Model: name, Asked: c.usage, Finish: openai.Finish}
		if c.streamCost {
			o.Cost = func(u wire.Usage) *models.Nano {
				b := c.price(&ending{usage: u, whole: true})
				return &b.cost
			}
		}
		f = o
	}
	f = c.tapped(f)
	if c.sent.bridge != nil {
		f = c.sent.bridge.Filter(f)
	}
	return f
}

// events is the stream of server-sent events that an answer holds, whatever it is framed in; nil when it is no stream.
func events(resp *provider.Response) stream.Source {
	kind, _, _ := strings.Cut(string(resp.Header.ContentType()), ";")
	switch strings.ToLower(strings.TrimSpace(kind)) {
	case "text/event-stream":
		return &resp.Body
	case bedrock.ContentType:
		return bedrock.NewEventStream(&resp.Body)
	}
	return nil
}

// notAStream is a good status with something else than events: mostly an error in JSON.
func (c *call) notAStream() route.Outcome {
	defer c.closeResponse()
	body, err := c.sent.resp.Body.ReadAll(c.s.in[:0], c.cfg.MaxAnswer)
	c.s.in = body
	if err != nil {
		return c.outcome(err)
	}
	if wire.Lookup(body, "error") != nil {
		return c.refusal(provider.ParseHidden(body))
	}
	return c.unreadable(errors.New("a stream was asked for and something else came"))
}

// unprimed is a stream that failed before its first content.
func (c *call) unprimed(state *stream.State, err error) route.Outcome {
	if c.flight.Cause() != provider.Running {
		return route.Outcome{Class: route.Cancelled, Err: c.ended()}
	}
	switch {
	case errors.Is(err, stream.ErrFailed):
		return c.refusal(provider.ParseHidden(append(append([]byte(`{"error":`), state.Failure...), '}')))
	case errors.Is(err, stream.ErrSlow):
		return route.Outcome{Class: route.Timeout, Err: fail(timedOut, "the provider did not begin its stream in time"), Total: c.p.Now().Sub(c.sent.at)}
	case errors.Is(err, stream.ErrMalformed):
		return c.unreadable(err)
	}
	return route.Outcome{
		Class: route.Connection, Err: fail(upstreamDown, "the provider ended its stream before any content").because(err),
		Total: c.p.Now().Sub(c.sent.at),
	}
}

// streamFailure is how an end reads to a client whose stream has begun.
func (c *call) streamFailure(state *stream.State, end stream.End) *failure {
	switch end {
	case stream.Failed:
		return refusedUpstream(provider.ParseHidden(append(append([]byte(`{"error":`), state.Failure...), '}')), c.sent.secrets()...)
	case stream.Malformed:
		return fail(upstreamBroken, "the provider sent an event that cannot be read")
	case stream.Idle:
		return fail(timedOut, "the provider sent nothing for too long")
	case stream.TooLong:
		return fail(timedOut, "the stream has reached its longest time")
	case stream.Shutdown:
		return fail(draining, "Gatehouse is shutting down")
	case stream.Panic:
		return internalFailure(c.id, nil)
	case stream.ClientGone:
		return fail(clientLeft, "the client closed the connection")
	case stream.Truncated, stream.Open, stream.Complete:
	}
	return fail(upstreamDown, "Upstream closed the stream.")
}

// ending reads a stream's state as it is now.
func streamEnding(state *stream.State) ending {
	e := ending{status: spend.StatusSuccess, httpStatus: fasthttp.StatusOK, usage: state.Usage, tier: state.ServiceTier, text: state.Text}
	if n := len(state.Text); n > 0 && state.TextBytes > n {
		e.scale = float64(state.TextBytes) / float64(n)
	}
	return e
}

// streamed settles a stream, before its client can see that it is over.
func (c *call) streamed(state *stream.State, end stream.End, cause error) {
	e := streamEnding(state)
	e.routed = route.Outcome{Class: route.Success, Committed: true, Stream: true}
	switch end {
	case stream.Complete:
		e.whole = true
		if state.Usage.Seen && !state.Usage.Bad {
			e.text = nil
		}
	case stream.ClientGone:
		e.status, e.httpStatus, e.code = spend.StatusCancelled, rows[clientLeft].status, rows[clientLeft].code
		e.routed.Class = route.Cancelled
	default:
		f := c.streamFailure(state, end).because(cause)
		c.logged = f
		e.status, e.httpStatus, e.code = spend.StatusFailure, f.status, f.code
		e.routed.Class, e.routed.Err = route.Connection, f
		switch end {
		case stream.Idle, stream.TooLong:
			e.routed.Class = route.Timeout
		case stream.Failed, stream.Malformed:
			e.routed.Class = route.Server
		case stream.Shutdown, stream.Panic:
			e.routed.Class = route.Cancelled
		case stream.Truncated, stream.Open, stream.Complete, stream.ClientGone:
		}
	}
	if end == stream.Panic {
		c.p.Log.Error("panic in a stream", slog.String("call_id", c.id), slog.Any("error", cause))
	}
	c.keepStream(&e, c.settle(e))
	c.log(e.httpStatus, e.code)
}

// progress notes what a long stream would be booked at, should the process die now.
func (c *call) progress(state *stream.State) {
	e := streamEnding(state)
	b := c.price(&e)
	if err := c.p.Ledger.Progress(c.id, b.cost, b.usage); err != nil {
		c.p.Log.Warn("the progress of a stream could not be noted", slog.String("call_id", c.id), slog.Any("error", err))
	}
}
