package proxy

import (
	"strconv"

	"github.com/valyala/fasthttp"

	"gatehouse/proxy/tokens"
)

// countTokens answers how many tokens a Messages call would take, without making it: the count is free and local.
func (c *call) countTokens() *failure {
	n := tokens.CountChat(c.match.Deployments[0].Model, c.s.body)
	c.ctx.Response.SetStatusCode(fasthttp.StatusOK)
	c.ctx.Response.Header.SetContentType("application/json")
	c.commonHeaders()
	c.ctx.Response.SetBodyRaw(append(strconv.AppendInt([]byte(`{"input_tokens":`), int64(n), 10), '}'))
	return nil
}
