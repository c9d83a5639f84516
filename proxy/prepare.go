package proxy

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"gatehouse/proxy/provider"
	"gatehouse/proxy/provider/anthropic"
	"gatehouse/proxy/wire"
)

// prepare makes the request of this attempt out of the client's body: what must change, and nothing else.
func (c *call) prepare(deadline time.Time) (*provider.Request, *failure) {
	t, s := c.sent.target, c.s
	body := &s.req
	body.Reset()
	c.dropPrivate(body)
	if c.previous.upstream != "" {
		body.Set("previous_response_id", wire.AppendString(nil, c.previous.upstream))
	}
	if f := c.override(body); f != nil {
		return nil, f
	}
	c.defaults(body)
	c.sent.wire = t.Provider.Wire(t, c.sent.model)
	b, op, err := c.bridgeTo(t)
	if err != nil {
		return nil, refusedOp(err)
	}
	c.sent.op = op
	if b != nil || c.touched() {
		// What follows must see the body as it is now, edits and all.
		s.edited = body.Append(s.edited[:0])
		if body = &s.whole; body.Parse(s.edited) != nil {
			return nil, refusedByBody(wire.ErrSyntax)
		}
	}
	if c.sent.bridge = b; b != nil {
		if s.other, err = b.Request(s.other[:0], body, c.sent.model); err != nil {
			return nil, refusedByBody(err)
		}
		body = &s.moved
		if err := body.Parse(s.other); err != nil {
			return nil, refusedByBody(err)
		}
	}
	if err := c.edit(body, op); err != nil {
		return nil, refusedByBody(err)
	}
	at := provider.PathOf{Op: op, Model: c.sent.model, Stream: c.stream}
	if s.head, err = t.AppendHead(s.head[:0], at); err != nil {
		return nil, refusedOp(err)
	}
	var long []provider.Section
	parts, size := body.Parts()
	if isMedia(c.op) {
		s.head = c.mediaHead(s.head)
		if c.form != nil {
			parts = nil
			long, size = c.form.body(c.sent.model, c.notForwarded)
		}
	}
	var extra []byte
	s.head, extra = c.bring(s.head, c.extraHead())
	c.sent.req = provider.Request{Host: t.Host, Head: s.head, Extra: extra, Body: parts, Long: long, Size: size, Deadline: deadline}
	return &c.sent.req, c.sign(&c.sent.req)
}

// notForwarded says whether a field of a form is for the gateway alone, or is to be left out.
func (c *call) notForwarded(name string) bool {
	if wire.Private(name) || name == "metadata" && !c.cfg.ForwardMeta {
		return true
	}
	return slices.Contains(c.sent.target.Drop, name) || slices.Contains(c.drop, name)
}

// sign adds the credential of a deployment whose credential depends on the time or on the call.
func (c *call) sign(req *provider.Request) *failure {
	t := c.sent.target
	if t.Credential == nil {
		return nil
	}
	call := provider.Unsigned{Method: or(req.Method, "POST"), Host: t.Base.Name, Path: requestPath(req.Head), Body: req.Body, Now: c.p.Now(), Deadline: req.Deadline}
	extra, err := t.Credential.Append(req.Extra, &call)
	if err != nil {
		return fail(upstreamAuth, "the deployment of this model has no valid credential now").because(err)
	}
	req.Extra = extra
	return nil
}

// touched says whether the body has had fields put in or left out for this attempt.
func (c *call) touched() bool {
	t := c.sent.target
	return len(t.Defaults) > 0 || len(t.Drop) > 0 || len(c.drop) > 0 || len(c.sent.attempt.Overrides) > 0
}

// requestPath is the path of a request line, with its query.
func requestPath(head []byte) string {
	line, _, _ := bytes.Cut(head, []byte(" HTTP/1.1\r\n"))
	_, path, _ := bytes.Cut(line, []byte(" "))
	return string(path)
}

func refusedOp(err error) *failure {
	if errors.Is(err, provider.ErrNoSuchOp) {
		return fail(unsupported, err.Error()).about("model")
	}
	return fail(upstreamDown, "the deployment of this model cannot serve").because(err)
}

func (c *call) dropPrivate(body *wire.Request) {
	body.DropPrivate(c.cfg.ForwardMeta || c.wire == provider.Anthropic)
}

// defaults puts the deployment's own parameters into a body of the client's wire, where the client says nothing, and
// leaves out what is to be dropped.
func (c *call) defaults(body *wire.Request) {
	t := c.sent.target
	for _, p := range t.Defaults {
		if !body.Object.Has(p.Name) {
			body.Add(p.Name, p.Value)
		}
	}
	c.capOutput(body, c.op)
	for _, list := range [...][]string{t.Drop, c.drop} {
		for _, name := range list {
			dropPath(body, name)
		}
	}
}

// edit changes a body of the provider's wire for this deployment.
func (c *call) edit(body *wire.Request, op provider.Op) error {
	t := c.sent.target
	if c.sent.wire.NamesModel() {
		name := t.ModelJSON
		if c.sent.model != t.Deployment.Model {
			name = wire.AppendString(nil, c.sent.model)
		}
		body.SetField(wire.Model, name)
	}
	if c.stream && (op == provider.Chat || op == provider.Completion) && !t.NoUsageOpt {
		askUsage(body)
	}
	c.s.edits = provider.Edits{
		Op: op, Model: c.sent.model, Stream: c.stream, Beta: c.beta(), DropParams: c.dropsParams(), Allowed: slices.Concat(c.allowed, t.Allowed),
		Foreign: c.foreign(), Dropped: &c.sent.dropped,
	}
	return t.Provider.Edit(t, body, &c.s.edits) //nolint:wrapcheck // its text is for the caller as it is
}

// beta is what a client of Anthropic's wire switches on.
func (c *call) beta() string {
	if c.wire != provider.Anthropic || c.sent.wire == provider.Anthropic {
		return "" // its header goes up as it is
	}
	return string(c.ctx.Request.Header.Peek("Anthropic-Beta"))
}

func (c *call) dropsParams() bool { return c.dropParams || c.sent.target.DropParams }

// askUsage makes the provider report usage at the end of a stream, whatever the client asked for.
func askUsage(body *wire.Request) {
	raw := body.Get(wire.StreamOptions)
	if wire.Null(raw) {
		body.SetField(wire.StreamOptions, []byte(`{"include_usage":true}`))
		return
	}
	if asked, _ := wire.Bool(wire.Lookup(raw, "include_usage")); asked {
		return
	}
	var o wire.Object
	if o.Parse(raw) == nil {
		o.Set("include_usage", []byte("true"))
		body.SetField(wire.StreamOptions, o.Append(nil))
	}
}

// capOutput puts the output cap into the body that exact budgets allow.
func (c *call) capOutput(body *wire.Request, op provider.Op) {
	c.sent.cap = 0
	if c.hold.money == nil || c.hold.money.MaxTokens == 0 {
		return
	}
	c.sent.cap = c.hold.money.MaxTokens
	raw := strconv.AppendInt(nil, c.sent.cap, 10)
	switch op {
	case provider.Responses:
		body.SetField(wire.MaxOutputTokens, raw)
		return
	case provider.Generate, provider.StreamGenerate:
		capNested(body, "generationConfig", "maxOutputTokens", raw)
		return
	case provider.Converse, provider.ConverseStream:
		capNested(body, "inferenceConfig", "maxTokens", raw)
		return
	default:
	}
	if op == provider.Chat && body.Present(wire.MaxCompletionTokens) {
		body.SetField(wire.MaxCompletionTokens, raw)
		if body.Present(wire.MaxTokens) {
			body.SetField(wire.MaxTokens, raw)
		}
		return
	}
	body.SetField(wire.MaxTokens, raw)
}

// capNested puts a value into an object of the body, which is made if need be.
func capNested(body *wire.Request, object, name string, raw []byte) {
	var o wire.Object
	i := body.Find(object)
	if i < 0 || o.Parse(body.Raw(i)) != nil {
		body.Set(object, append(append(append([]byte(`{"`), name...), `":`...), append(raw, '}')...))
		return
	}
	o.Set(name, raw)
	body.Replace(i, o.Append(nil))
}

// dropPath leaves out a parameter named by a dotted path, with or without "$." in front.
func dropPath(body *wire.Request, path string) {
	path = strings.TrimPrefix(path, "$.")
	name, rest, nested := strings.Cut(path, ".")
	i := body.Find(name)
	if i < 0 {
		return
	}
	if !nested {
		body.Drop(i)
		return
	}
	if raw := without(body.Raw(i), rest); raw != nil {
		body.Replace(i, raw)
	}
}

func without(raw []byte, path string) []byte {
	var o wire.Object
	if !wire.IsObject(raw) || o.Parse(raw) != nil {
		return nil
	}
	name, rest, nested := strings.Cut(path, ".")
	i := o.Find(name)
	if i < 0 {
		return nil
	}
	if !nested {
		o.Drop(i)
		return o.Append(nil)
	}
	inner := without(o.Raw(i), rest)
	if inner == nil {
		return nil
	}
	o.Replace(i, inner)
	return o.Append(nil)
}

// override puts the fields of a fallback step into the body.
func (c *call) override(body *wire.Request) *failure {
	over := c.sent.attempt.Overrides
	if len(over) == 0 {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(over)) {
		raw, err := json.Marshal(over[name])
		if err != nil || wire.Private(name) || name == "model" || name == "stream" {
			return fail(badField, "a fallback cannot set "+name).about("fallbacks")
		}
		body.Set(name, raw)
	}
	return nil
}

// extraHead is the header lines that this call alone sends upstream.
func (c *call) extraHead() []byte {
	var out []byte
	add := func(name string, value []byte) {
		if more, err := provider.AppendHeader(out, name, string(value)); err == nil {
			out = more
		}
	}
	h := &c.ctx.Request.Header
	if c.sent.wire == provider.Anthropic && c.wire == provider.Anthropic {
		add("Anthropic-Version", orBytes(h.Peek("Anthropic-Version"), []byte(anthropic.Version)))
		if beta := h.Peek("Anthropic-Beta"); len(beta) > 0 {
			add("Anthropic-Beta", beta)
		}
	} else if c.sent.wire == provider.Anthropic {
		add("Anthropic-Version", []byte(anthropic.Version))
	}
	if c.cfg.ForwardOrg && len(c.head.organization) > 0 {
		add("OpenAI-Organization", c.head.organization)
	}
	if c.forwards() {
		if beta := h.Peek("Anthropic-Beta"); len(beta) > 0 && (c.sent.wire != provider.Anthropic || c.wire != provider.Anthropic) {
			add("Anthropic-Beta", beta)
		}
		secret, named := string(c.presented()), connectionNames(h)
		h.VisitAll(func(k, v []byte) {
			if name := string(k); forwarded(name) && name != c.cfg.KeyHeader && !named[strings.ToLower(name)] && !holds(string(v), secret) {
				add(name, v)
			}
		})
	}
	return out
}

// forwards says whether the client's headers go to the deployment: everywhere, to this group, or to this deployment.
func (c *call) forwards() bool {
	if c.cfg.ForwardHeaders {
		return true
	}
	for _, group := range c.cfg.ForwardGroups {
		prefix, open := strings.CutSuffix(group, "*")
		if name := or(c.sent.attempt.Group, c.group); name == group || open && strings.HasPrefix(name, prefix) {
			return true
		}
	}
	on, _ := c.sent.target.Deployment.Params["forward_client_headers_to_llm_api"].(bool)
	return on
}

// forwarded says whether a client's header may go upstream: x-* but for those that are ours, credentials or the SDKs'.
func forwarded(name string) bool {
	name = strings.ToLower(name)
	if !strings.HasPrefix(name, "x-") {
		return false
	}
	for _, prefix := range [...]string{"x-stainless-", "x-litellm-", "x-gatehouse-", "x-forwarded-", "x-real-", "x-pass-"} {
		if strings.HasPrefix(name, prefix) {
			return false
		}
	}
	return name != "x-api-key" && name != "x-goog-api-key" && !strings.Contains(name, "token") && !strings.Contains(name, "secret")
}
