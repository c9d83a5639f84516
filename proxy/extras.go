package proxy

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"gatehouse/proxy/policy"
	"gatehouse/proxy/provider"
	"gatehouse/proxy/route"
	"gatehouse/proxy/wire"
)

// extras are what a call may say to the gateway beside its own fields (proxy.md §3). All values are owned.
type extras struct {
	endUser   string
	tags      []string
	metadata  []byte // for the spend row: one JSON object, or nil
	sessionID string
	clientID  string // the caller's own id of the call

	timeout, streamFirst time.Duration // 0 = as configured
	retries              *int

	fallbacks, contextFallbacks, policyFallbacks []route.Fallback
	noFallbacks                                  bool

	noWords bool // the caller's no-log: nothing of what is said is kept

	dropParams bool
	drop       []string
	allowed    []string
	mock       []byte      // raw mock_response
	pretend    route.Class // the failure that a test asks for; Success: none
	streamCost bool
	theirs     theirs
	agent      []string // tags of the program that calls: for the row, not for choosing deployments
}

// maxText bounds ids and tags that go into rows.
const (
	maxText     = 256
	maxTags     = 64
	maxMetadata = 16 << 10
)

// readExtras reads body fields and headers; a header wins over the body.
func (c *call) readExtras() *failure {
	if f := c.readTheirs(); f != nil {
		return f
	}
	if f := c.readLabels(); f != nil {
		return f
	}
	if f := c.readTiming(); f != nil {
		return f
	}
	if f := c.readRouting(); f != nil {
		return f
	}
	return c.readMocks()
}

// readLabels finds who the call is for and how it is filed.
func (c *call) readLabels() *failure {
	req, h := &c.s.req, &c.head
	meta, own := req.Get(wire.Metadata), req.Get(wire.LitellmMetadata)
	for _, f := range [...]wire.Field{wire.Metadata, wire.LitellmMetadata} {
		if raw := req.Get(f); !wire.Null(raw) && !wire.IsObject(raw) {
			return fail(badField, f.Name()+" must be an object").about(f.Name())
		}
	}
	user, err := req.Text(wire.User)
	if err != nil {
		return refusedByBody(err)
	}
	text := func(raw []byte) string { s, _ := wire.String(raw); return s }
	c.endUser = or(string(h.customer), string(h.endUser))
	for i := 0; c.endUser == "" && i < len(c.cfg.UserHeaders); i++ {
		c.endUser = string(c.ctx.Request.Header.Peek(c.cfg.UserHeaders[i]))
	}
	c.endUser = or(c.endUser, or(string(h.userHeader), user))
	if c.endUser == "" {
		c.endUser = or(text(wire.Lookup(own, "user")), or(text(wire.Lookup(meta, "user_id")), text(req.Get(wire.SafetyIdentifier))))
	}
	if c.bearer != nil && c.bearer.EndUser != "" {
		c.endUser = c.bearer.EndUser // vouched for: what the request says counts for nothing
	}
	c.endUser = clip(c.endUser)
	if c.sessionID = string(h.sessionID); c.sessionID == "" {
		c.sessionID = or(text(req.Get(wire.SessionID)), or(text(wire.Lookup(own, "session_id")), text(wire.Lookup(meta, "session_id"))))
	}
	c.sessionID = clip(c.sessionID)
	if id := string(h.callID); id != "" && plainText(id) {
		c.clientID = clip(id)
	}
	if f := c.readTags(meta, own); f != nil {
		return f
	}
	switch {
	case wire.IsObject(own) && len(own) <= maxMetadata:
		c.metadata = bytes.Clone(own)
	case wire.IsObject(meta) && len(meta) <= maxMetadata && c.wire == provider.OpenAI:
		c.metadata = bytes.Clone(meta)
	}
	if logs := h.logsMetadata; len(logs) > 0 && len(logs) <= maxMetadata && json.Valid(logs) {
		var o wire.Object
		if o.Parse(orBytes(c.metadata, []byte("{}"))) == nil {
			o.Set("spend_logs_metadata", logs)
			c.metadata = o.Append(nil)
		}
	}
	return nil
}

func orBytes(a, b []byte) []byte {
	if len(a) > 0 {
		return a
	}
	return b
}

// readTags joins the tags of the request with those of the key and the team.
func (c *call) readTags(meta, own []byte) *failure {
	req := &c.s.req
	var asked []string
	for _, raw := range [...][]byte{req.Get(wire.Tags), wire.Lookup(own, "tags"), wire.Lookup(meta, "tags")} {
		wire.EachElement(raw, func(e []byte) {
			if s, ok := wire.String(e); ok && s != "" {
				asked = append(asked, clip(s))
			}
		})
	}
	if len(c.head.tags) > 0 {
		for tag := range strings.SplitSeq(string(c.head.tags), ",") {
			if tag = strings.TrimSpace(tag); tag != "" {
				asked = append(asked, clip(tag))
			}
		}
	}
	if len(asked) > 0 && c.cfg.RejectTags {
		return fail(badField, "tags may not be set by callers").about("tags")
	}
	c.tags = policy.Tags(c.tags, c.snap, c.grant)
	c.agent = c.agentTags()
	for _, tag := range asked {
		if !slices.Contains(c.tags, tag) && len(c.tags) < maxTags {
			c.tags = append(c.tags, tag)
		}
	}
	return nil
}

// agentTags say what program called, by name and with its version, as LiteLLM's reports expect.
func (c *call) agentTags() []string {
	const word = "User-Agent: "
	if c.only != nil {
		return []string{checkTag}
	}
	if c.cfg.NoAgentTags || len(c.head.userAgent) == 0 {
		return nil
	}
	full := clip(word + string(c.head.userAgent))
	if i := strings.IndexByte(full, '/'); i > len(word) {
		return []string{full[:i], full}
	}
	return []string{full}
}

// rowTags are the tags of the spend row; more are the deployment's.
func (c *call) rowTags(more []string) []string {
	if len(c.agent) == 0 && len(more) == 0 {
		return c.tags
	}
	return slices.Concat(c.tags, c.agent, more)
}

// readTiming finds how long the call may take.
func (c *call) readTiming() *failure {
	req, h := &c.s.req, &c.head
	var bad string
	seconds := func(name string, header []byte, fields ...wire.Field) time.Duration {
		raw := header
		for _, f := range fields {
			if len(raw) == 0 && req.Has(f) {
				raw, name = req.Get(f), f.Name()
			}
		}
		if len(raw) == 0 {
			return 0
		}
		v, err := strconv.ParseFloat(string(raw), 64)
		if err != nil || v <= 0 || v > 1e6 || math.IsNaN(v) {
			bad = name
			return 0
		}
		return time.Duration(v * float64(time.Second))
	}
	c.timeout = seconds("x-litellm-timeout", h.timeout, wire.Timeout, wire.RequestTimeout)
	c.streamFirst = seconds("x-litellm-stream-timeout", h.streamTimeout, wire.StreamTimeout)
	if bad != "" {
		return fail(badField, bad+" must be a number of seconds").about(bad)
	}
	c.ownTiming()
	// Both SDKs tell when they will give up; going on after that helps nobody.
	if len(h.stainless) == 0 {
		c.streamCost = h.streamCost
		return nil
	}
	if v, err := strconv.ParseFloat(string(h.stainless), 64); err == nil && v > 0 && v < 1e6 {
		if d := time.Duration(v * float64(time.Second)); c.timeout == 0 || d < c.timeout {
			c.timeout = min(d, orDuration(c.timeout, c.cfg.Timeout))
		}
	}
	c.streamCost = h.streamCost
	return nil
}

// readRouting finds what to try when the model fails.
func (c *call) readRouting() *failure {
	req := &c.s.req
	const mostRetries = 10
	raw := c.head.retries
	if len(raw) == 0 && req.Has(wire.NumRetries) {
		raw = req.Get(wire.NumRetries)
	}
	if len(raw) > 0 {
		n, ok := wire.Int(raw)
		if !ok || n < 0 {
			return fail(badField, "num_retries must be a whole number from 0").about("num_retries")
		}
		v := int(min(n, mostRetries))
		c.retries = &v // its own counts before the key's
	}
	for _, chain := range [...]struct {
		f  wire.Field
		to *[]route.Fallback
	}{{wire.Fallbacks, &c.fallbacks}, {wire.ContextWindowFallbacks, &c.contextFallbacks}, {wire.ContentPolicyFallbacks, &c.policyFallbacks}} {
		if !req.Has(chain.f) {
			continue
		}
		list, ok := fallbacks(req.Get(chain.f))
		if !ok {
			return fail(badField, chain.f.Name()+" must be a list of model names or of objects with a model").about(chain.f.Name())
		}
		*chain.to = list
	}
	var err error
	if c.noFallbacks, err = req.Flag(wire.DisableFallbacks); err != nil {
		return refusedByBody(err)
	}
	if c.noWords, err = req.Flag(wire.NoLog); err != nil {
		return refusedByBody(err)
	}
	if c.dropParams, err = req.Flag(wire.DropParams); err != nil {
		return refusedByBody(err)
	}
	c.dropParams = c.dropParams || c.cfg.DropParams
	if c.grant.DisableFallbacks() {
		c.noFallbacks = true
	} else if t := c.snap.Team(c.grant.TeamID); t != nil && t.DisableFallbacks {
		c.noFallbacks = true
	}
	c.drop = texts(req.Get(wire.AdditionalDropParams))
	c.allowed = texts(req.Get(wire.AllowedOpenAIParams))
	return nil
}

// fallbacks reads a chain: names, or objects whose other members go into the body.
func fallbacks(raw []byte) ([]route.Fallback, bool) {
	if !wire.IsArray(raw) {
		return nil, false
	}
	list, ok := []route.Fallback{}, true
	wire.EachElement(raw, func(e []byte) {
		if name, isText := wire.String(e); isText {
			list = append(list, route.Fallback{Model: name})
			return
		}
		var step map[string]any
		d := json.NewDecoder(bytes.NewReader(e))
		d.UseNumber()
		if d.Decode(&step) != nil {
			ok = false
			return
		}
		name, isText := step["model"].(string)
		if !isText || name == "" {
			ok = false
			return
		}
		delete(step, "model")
		for k := range step {
			if wire.Private(k) {
				ok = false // credentials and the like cannot ride in on a fallback
			}
		}
		list = append(list, route.Fallback{Model: name, Overrides: step})
	})
	return list, ok
}

// readMocks finds what is to be pretended; permit decides whether it may be.
func (c *call) readMocks() *failure {
	req := &c.s.req
	if req.Has(wire.MockResponse) {
		c.mock = req.Get(wire.MockResponse)
	}
	for _, m := range [...]struct {
		f     wire.Field
		class route.Class
	}{
		{wire.MockTimeout, route.Timeout},
		{wire.MockTestingFallbacks, route.Server},
		{wire.MockTestingContextWindowFallbacks, route.ContextWindow},
		{wire.MockTestingContentPolicyFallbacks, route.ContentPolicy},
		{wire.MockTestingRateLimitError, route.RateLimit},
	} {
		on, err := req.Flag(m.f)
		if err != nil {
			return refusedByBody(err)
		}
		if on {
			c.pretend = m.class
		}
	}
	return nil
}

// mocked says whether the call wants to pretend anything.
func (c *call) mocked() bool { return c.mock != nil || c.pretend != route.Success }

func texts(raw []byte) []string {
	var out []string
	wire.EachElement(raw, func(e []byte) {
		if s, ok := wire.String(e); ok {
			out = append(out, s)
		}
	})
	return out
}

// clip bounds a text that goes into a row and takes control characters out of it.
func clip(s string) string {
	if len(s) > maxText {
		s = strings.ToValidUTF8(s[:maxText], "")
	}
	if plainText(s) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '�' {
			return -1
		}
		return r
	}, s)
}

// plainText says whether a text may stand in a header.
func plainText[T string | []byte](s T) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}
