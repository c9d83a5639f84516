package proxy

import (
	"time"

	"gatehouse/proxy/provider"
	"gatehouse/proxy/provider/mock"
	"gatehouse/proxy/route"
	"gatehouse/proxy/wire"
)

// answerMock answers without a provider: a deployment's mock_response, or a test's own. The call is admitted, counted and
// booked like any other. err is why the deployment has no target, which a mock needs not.
func (c *call) answerMock(target *provider.Target, err error) route.Outcome {
	if err == nil {
		c.sent.target = target
	}
	text := c.sent.attempt.Deployment.MockResponse
	if c.mock != nil {
		var ok bool
		if text, ok = wire.String(c.mock); !ok {
			text = string(c.mock) // an object: the whole answer
		}
	}
	if f := c.admit(); f != nil {
		return route.Outcome{Class: route.BadRequest, Err: f}
	}
	c.sent.tries++
	c.sent.first = c.p.Now()
	if f := pretendedBy(text); f != nil {
		return route.Outcome{Class: route.ClassOf(f.status), Status: f.status, Err: f}
	}
	answer := mock.Answer{ID: c.id, Created: c.start.Unix(), Model: c.shownModel(), Text: text, Op: c.op}
	if c.stream {
		return c.relay(answer.Stream(), time.Time{})
	}
	c.s.in = answer.JSON(c.s.in[:0])
	return c.finishPlain(c.s.in)
}

// pretendedBy is the failure that LiteLLM's special texts ask for; nil for an ordinary text.
func pretendedBy(text string) *failure {
	switch text {
	case "litellm.RateLimitError":
		return fail(upstreamRate, "a rate limit was asked for")
	case "litellm.InternalServerError":
		f := fail(upstreamStatus, "a failure was asked for")
		f.status, f.astatus = 500, 500
		return f
	case "litellm.ContextWindowExceededError":
		return fail(contextTooLong, "a context window error was asked for")
	}
	return nil
}
