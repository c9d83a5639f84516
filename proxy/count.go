package proxy

import (
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"gatehouse/proxy/provider"
	"gatehouse/proxy/provider/anthropic"
	"gatehouse/proxy/route"
	"gatehouse/proxy/tokens"
	"gatehouse/proxy/wire"
)

// countPatience is how long a provider may take to count.
const countPatience = 10 * time.Second

// countTokens answers how many tokens a Messages call would take, without making it: the provider's own count where it
// has one, else a count made here. It is free and not booked.
func (c *call) countTokens() *failure {
	n, ok := c.askCount()
	if !ok {
		n = int64(tokens.CountChat(c.match.Deployments[0].Model, c.s.body))
	}
	if c.op == provider.CountContent {
		c.answerFree(append(strconv.AppendInt([]byte(`{"totalTokens":`), n, 10), '}'))
		return nil
	}
	body := []byte(`{`)
	if c.op == provider.InputTokens {
		body = append(body, `"object":"response.input_tokens",`...)
	}
	c.answerFree(append(strconv.AppendInt(append(body, `"input_tokens":`...), n, 10), '}'))
	return nil
}

// answerFree answers a call that costs nothing and is not booked.
func (c *call) answerFree(body []byte) {
	r := &c.ctx.Response
	r.SetStatusCode(fasthttp.StatusOK)
	r.Header.SetContentType("application/json")
	c.commonHeaders()
	r.SetBodyRaw(body)
}

// askCount asks the provider, if it has a counter. What a client of another wire says is translated for it, as its call would
// be.
func (c *call) askCount() (int64, bool) {
	d := c.match.Deployments[0]
	t, err := c.p.targets.Target(d)
	if err != nil || c.match.Wildcard {
		return 0, false
	}
	c.sent.target, c.sent.model, c.sent.attempt = t, d.Model, route.Attempt{Deployment: d, Group: c.group, Model: d.Model}
	c.sent.wire = t.Provider.Wire(t, d.Model)
	var req *provider.Request
	var f *failure
	deadline := c.p.Now().Add(countPatience)
	counter, ok := t.Provider.(provider.Counter)
	switch {
	case ok && (c.sent.wire != c.wire || d.Provider != anthropic.Name):
		req, f = c.prepareCount(t, counter, deadline)
	case t.Speaks(provider.PathOf{Op: c.op, Model: d.Model}):
		req, f = c.prepare(deadline)
	default:
		return 0, false
	}
	if f != nil {
		return 0, false
	}
	c.follow()
	resp, err := c.p.transport.Do(&c.flight, req)
	if err != nil {
		return 0, false
	}
	defer resp.Close()
	body, err := resp.Body.ReadAll(nil, 64<<10)
	if err != nil || resp.Status() != fasthttp.StatusOK {
		return 0, false
	}
	for _, name := range [...]string{"input_tokens", "totalTokens", "inputTokens"} { // Anthropic and OpenAI, Google, AWS
		if n, ok := wire.Int(wire.Lookup(body, name)); ok && n >= 0 {
			return n, true
		}
	}
	return 0, false
}

// prepareCount makes the request by which a provider of its own wire is asked to count.
func (c *call) prepareCount(t *provider.Target, counter provider.Counter, deadline time.Time) (*provider.Request, *failure) {
	asked, s := c.op, c.s
	defer func() { c.op = asked }()
	c.op = map[provider.Op]provider.Op{
		provider.CountTokens: provider.Messages, provider.InputTokens: provider.Responses, provider.CountContent: provider.Generate,
	}[asked]
	body := &s.req
	if i := body.Find("generateContentRequest"); i >= 0 { // Google's other way to ask
		s.edited = append(s.edited[:0], body.Raw(i)...)
		if body = &s.whole; body.Parse(s.edited) != nil {
			return nil, refusedByBody(wire.ErrSyntax)
		}
	}
	body.Reset()
	c.dropPrivate(body)
	b, op, err := c.bridgeTo(t)
	if err != nil {
		return nil, refusedOp(err)
	}
	if b != nil {
		if s.other, err = b.Request(s.other[:0], body, c.sent.model); err != nil {
			return nil, refusedByBody(err)
		}
		if body = &s.moved; body.Parse(s.other) != nil {
			return nil, refusedByBody(wire.ErrSyntax)
		}
	}
	if err := c.edit(body, op); err != nil {
		return nil, refusedByBody(err)
	}
	out := counter.Count(t, provider.PathOf{Op: op, Model: c.sent.model}, body.Append(nil))
	if s.head, err = t.AppendHead(s.head[:0], provider.PathOf{Op: provider.CountTokens, Model: c.sent.model}); err != nil {
		return nil, refusedOp(err)
	}
	var extra []byte
	s.head, extra = c.bring(s.head, c.extraHead())
	c.sent.req = provider.Request{Host: t.Host, Head: s.head, Extra: extra, Body: [][]byte{out}, Size: len(out), Deadline: deadline}
	return &c.sent.req, c.sign(&c.sent.req)
}
