package proxy

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"runtime/debug"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/valyala/fasthttp"

	"gatehouse/models"
	"gatehouse/proxy/budget"
	"gatehouse/proxy/keyring"
	"gatehouse/proxy/provider"
	"gatehouse/proxy/route"
	"gatehouse/proxy/spend"
	"gatehouse/proxy/stream"
)

// call is one request on its way through the plane. It belongs to the handler until a stream takes it over; ctx and
// head are of use to the handler alone.
type call struct {
	work
	lasting
}

// work is what a call knows.
type work struct {
	p    *Plane
	cfg  *Config
	ctx  *fasthttp.RequestCtx
	head head
	s    *scratch

	id    string
	start time.Time
	op    provider.Op
	route string        // the path that a key must be allowed; "" = the request's own
	wire  provider.Wire // the client's
	ip    netip.Addr

	snap    *keyring.Snapshot
	grant   *keyring.Grant
	bearer  *Bearer     // of a signed token; nil for a key
	session budget.Want // of a portal session; its scope is "" for every other call
	asked   string      // the model as the client named it
	group   string      // after aliases
	match   keyring.Match
	only    *models.Deployment // a health check of this one; nil for every other call
	trial   *provider.Target   // of only, when the catalog does not have it; nil otherwise
	stream  bool
	usage   bool // the client asked for usage in its stream
	array   bool // its stream is one JSON list (Gemini without alt=sse)
	output  int64
	n       int64
	inTok   int64 // input tokens, as far as they were counted; -1: not yet
	extras
	upload   *formBytes // the bytes of a multipart body; nil: JSON
	form     *form      // what is in them
	media    media      // what decides the cost of images, audio and searches
	shownID  []byte     // of the response that this call makes, a JSON string
	previous responseID // of the response that this call continues

	cache       caching
	flight      provider.Flight
	watched     bool
	hold        hold
	deadline    time.Time // of the whole call; zero for streams that have begun
	sent        sent
	rec         *spend.Record // what the journal was told at admission; nil: nothing yet
	handed      bool          // a stream owns the call now
	held        bool          // somebody else has a part of it, or may have: its memory serves no other call
	headerBytes int
	prompt      int64 // its tokens, for room; 0: not counted yet
	logged      *failure
}

// lasting is the memory of a call that serves the next one too: what points to the call itself, and room.
type lasting struct {
	watch  stream.Watch
	plan   route.Plan
	money  budget.Hold
	record spend.Record
	ways   ways
	digits [32]byte
}

//nolint:gochecknoglobals // a pool
var calls = sync.Pool{New: func() any {
	c := new(call)
	c.ways = ways{permit: c.fallbackGroup, room: c.room, cost: c.costAt}
	return c
}}

func acquireCall() *call { return calls.Get().(*call) } //nolint:forcetypeassert // the pool holds nothing else

// releaseCall takes a call back that nobody else can hold: one whose answer a stream brings is not given back.
func releaseCall(c *call) {
	c.clear()
	calls.Put(c)
}

// clear forgets everything of the call.
func (c *call) clear() {
	charges := c.lasting.record.Charges
	clear(charges)
	c.lasting.record = spend.Record{Charges: charges[:0]}
	c.plan, c.money = route.Plan{}, budget.Hold{}
	c.work = work{}
}

// begin makes the call of a request.
func (p *Plane) begin(ctx *fasthttp.RequestCtx, op provider.Op) *call {
	c := acquireCall()
	c.p, c.cfg, c.ctx, c.s = p, p.cfg.Load(), ctx, acquireScratch()
	c.start, c.op, c.n, c.inTok = p.Now(), op, 1, -1
	p.active.Add(1)
	c.id = newID(c.start)
	if op == provider.Messages || op == provider.CountTokens {
		c.wire = provider.Anthropic
	} else if isGenerate(op) {
		c.wire = provider.Gemini
	}
	c.hold.c = c
	return c
}

// newID makes a ULID. It orders rows and need not be secret, so its randomness is the fast kind.
func newID(at time.Time) string {
	var id ulid.ULID
	_ = id.SetTime(uint64(at.UnixMilli())) //nolint:gosec // after 1970, before 10889
	hi, lo := rand.Uint64(), rand.Uint64() //nolint:gosec // see above
	for i := range 8 {
		id[6+i] = byte(hi >> (8 * i))
	}
	id[14], id[15] = byte(lo), byte(lo>>8)
	return id.String()
}

// release ends the call's use of memory and of the watch. A call that a stream has taken over is released by that.
func (c *call) release() {
	if c.handed {
		return
	}
	c.free()
	if !c.held && c.sent.resp == nil {
		releaseCall(c)
	}
}

func (c *call) free() {
	if c.s == nil {
		return
	}
	defer c.p.active.Add(-1)
	c.leaveFlight()
	if c.watched {
		c.watched = false
		c.p.watcher.Remove(&c.watch)
	}
	c.upload.close()
	releaseScratch(c.s)
	c.s = nil
	c.ctx, c.head = nil, head{}
}

// follow notices a client that leaves while the call is under way.
func (c *call) follow() {
	if c.watched {
		return
	}
	c.watched = true
	c.p.watcher.Add(&c.watch, c.ctx.Conn(), c)
}

// Left ends the exchange with the provider: nobody waits for its answer.
func (c *call) Left() { c.flight.Cancel(provider.ClientGone) }

// Stop ends the exchange with the provider: the process stops.
func (c *call) Stop() { c.flight.Cancel(provider.Shutdown) }

// recovered turns a panic into an answer: it costs one call.
func (c *call) recovered() {
	v := recover()
	if v == nil {
		return
	}
	c.held = true
	c.p.Log.Error("panic in a call", slog.String("call_id", c.id), slog.Any("panic", v), slog.String("stack", string(debug.Stack())))
	c.refuse(internalFailure(c.id, nil))
}

// log writes the one line of a call.
func (c *call) log(status int, code string) {
	level := slog.LevelInfo
	now := c.p.Now()
	var room [12]slog.Attr
	attrs := append(room[:0], slog.String("call_id", c.id), slog.String("op", c.op.String()), slog.Int("status", status),
		slog.Duration("took", now.Sub(c.start)))
	if c.grant != nil {
		attrs = append(attrs, slog.String("key_id", c.grant.ID()))
	}
	if c.group != "" {
		attrs = append(attrs, slog.String("model_group", c.group))
	}
	if c.sent.target != nil {
		attrs = append(attrs, slog.String("deployment_id", c.sent.target.Deployment.ID))
	}
	if code != "" {
		attrs = append(attrs, slog.String("error_code", code))
	}
	if f := c.logged; f != nil && f.cause != nil {
		level = slog.LevelWarn
		attrs = append(attrs, slog.String("cause", Mask(f.cause.Error(), c.sent.secrets()...)))
	}
	// The handler is spoken to directly, since a Logger looks up where in the program it was called.
	if h, ctx := c.p.Log.Handler(), context.Background(); h.Enabled(ctx, level) {
		r := slog.NewRecord(now, level, "call", 0)
		r.AddAttrs(attrs...)
		_ = h.Handle(ctx, r) // there is nobody to tell
	}
}

// warnings are said once an hour each.
type warnings struct {
	mu   sync.Mutex
	said map[string]time.Time
}

const (
	warnEvery = time.Hour
	warnMost  = 10_000
)

// due says whether a warning is to be said now.
func (w *warnings) due(what string, now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if last, ok := w.said[what]; ok && now.Sub(last) < warnEvery {
		return false
	}
	if w.said == nil || len(w.said) >= warnMost {
		w.said = map[string]time.Time{}
	}
	w.said[what] = now
	return true
}
