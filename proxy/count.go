package proxy

import (
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"gatehouse/proxy/provider"
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

// askCount asks the provider, if it speaks this wire.
func (c *call) askCount() (int64, bool) {
	d := c.match.Deployments[0]
	target, err := c.p.targets.Target(d)
	if err != nil || c.match.Wildcard || !target.Speaks(provider.PathOf{Op: c.op, Model: d.Model}) {
		return 0, false
	}
	c.sent.target, c.sent.model = target, d.Model
	req, f := c.prepare(c.p.Now().Add(countPatience))
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
	n, ok := wire.Int(wire.Lookup(body, "input_tokens"))
	return n, ok && n >= 0
}
