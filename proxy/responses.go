package proxy

import (
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"gatehouse/models"
	"gatehouse/proxy/provider"
	"gatehouse/proxy/wire"
)

// responseRoutes are the Responses API. What is about a response that exists goes to the deployment that made it.
func (p *Plane) responseRoutes(root fiber.Router) {
	root.Post("/openai/responses", p.azureResponse)
	root.Get("/openai/responses/:id", p.azureResponse)
	root.Delete("/openai/responses/:id", p.azureResponse)
	root.Post("/openai/responses/:id/cancel", p.azureResponse)
	root.Get("/openai/responses/:id/input_items", p.azureResponse)
	for _, v := range [...]string{"", "/v1", "/openai/v1"} {
		root.Post(v+"/responses", p.call(provider.Responses))
		root.Post(v+"/responses/compact", p.call(provider.Compact))
		root.Post(v+"/responses/input_tokens", p.call(provider.InputTokens))
		root.Get(v+"/responses/:id", p.response)
		root.Delete(v+"/responses/:id", p.response)
		root.Post(v+"/responses/:id/cancel", p.response)
		root.Get(v+"/responses/:id/input_items", p.response)
	}
}

// azureResponse serves the path of Azure's SDK, which names an API version; without one the path is OpenAI's own, passed
// through.
func (p *Plane) azureResponse(fc *fiber.Ctx) error {
	if !fc.Context().QueryArgs().Has("api-version") {
		return fc.Next() //nolint:wrapcheck // the next route's own
	}
	fc.Context().QueryArgs().Del("api-version") // that of the deployment counts
	if fc.Params("id") != "" {
		return p.response(fc)
	}
	p.serve(fc.Context(), provider.Responses, "")
	return nil
}

func (c *call) isResponses() bool {
	return c.op == provider.Responses || c.op == provider.Compact || c.op == provider.InputTokens
}

// response serves a request about a response that exists. It costs nothing and is not booked.
func (p *Plane) response(fc *fiber.Ctx) error {
	id := strings.Clone(fc.Params("id"))
	path := string(fc.Context().Path())
	tail := path[strings.LastIndexByte(path, '/'):]
	if tail == "/"+id {
		tail = ""
	}
	p.listing(fc, func(c *call) *failure {
		r, d, f := c.ownResponse(id, "response_id")
		if f != nil {
			return f
		}
		query := fc.Context().QueryArgs()
		if query.GetBool("stream") {
			return fail(unsupported, "a stored response cannot be streamed again").about("stream")
		}
		if r.upstream == "" {
			return fail(noResponse, "the provider of this response keeps none").about("response_id")
		}
		below := "/" + url.PathEscape(r.upstream) + tail
		if q := query.QueryString(); len(q) > 0 {
			below += "?" + string(q)
		}
		body, f := c.exchange(d, string(fc.Context().Method()), provider.Responses, below)
		if f != nil {
			return f
		}
		if tail == "" || tail == "/cancel" {
			c.p.heardOf(d, r.upstream, body)
		}
		if body, f = shownResponse(body, r.upstream, id); f != nil {
			return f
		}
		fc.Context().Response.SetBodyRaw(body)
		return nil
	})
	return nil
}

// shownResponse puts the client's id where the provider's stands.
func shownResponse(body []byte, upstream, id string) ([]byte, *failure) {
	var a wire.Answer
	if err := a.Parse(body); err != nil {
		return nil, fail(upstreamBroken, "the provider sent an answer that cannot be read").because(err)
	}
	if i := a.Find("id"); i >= 0 && wire.StringIs(a.Raw(i), upstream) {
		a.Replace(i, wire.AppendString(nil, id))
	}
	return a.Append(nil), nil
}

// exchange makes one free request to a deployment and returns its good answer.
func (c *call) exchange(d *models.Deployment, method string, op provider.Op, below string) ([]byte, *failure) {
	target, err := c.p.targets.Target(d)
	if err != nil {
		return nil, fail(upstreamDown, "the deployment of this model cannot serve").because(err)
	}
	c.sent.target = target
	head, err := target.AppendRequest(nil, method, provider.PathOf{Op: op, Model: d.Model}, below)
	if err != nil {
		return nil, refusedOp(err)
	}
	req := provider.Request{Host: target.Host, Method: method, Head: head, Deadline: c.p.Now().Add(c.cfg.Timeout)}
	if f := c.sign(&req); f != nil {
		return nil, f
	}
	c.follow()
	resp, err := c.p.transport.Do(&c.flight, &req)
	if err != nil {
		return nil, asFailure(c.outcome(err).Err)
	}
	defer resp.Close()
	if status := resp.Status(); status < fasthttp.StatusOK || status > 299 {
		return nil, asFailure(c.refusal(provider.ReadRefusal(resp)).Err)
	}
	body, err := resp.Body.ReadAll(nil, c.cfg.MaxAnswer)
	if err != nil {
		return nil, asFailure(c.outcome(err).Err)
	}
	return body, nil
}
