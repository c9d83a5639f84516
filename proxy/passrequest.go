package proxy

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"

	"github.com/valyala/fasthttp"

	"gatehouse/models"
	"gatehouse/proxy/provider"
	"gatehouse/proxy/provider/anthropic"
	"gatehouse/proxy/wire"
)

// passRequest is the client's request with another credential, and the deployment's name for the model.
func (c *call) passRequest(r *PassRoute, t *provider.Target, tail tailOf) *provider.Request {
	s := c.s
	if tail.model != "" && c.sent.model != tail.model {
		tail.path = tail.path[:tail.from] + url.PathEscape(c.sent.model) + tail.path[tail.to:]
	}
	base := t.Base.Path
	if r.Custom {
		if base+tail.path == "" {
			base = "/"
		}
	} else if i := strings.LastIndexByte(base, '/'); i >= 0 { // both may name the version
		if last := base[i:]; tail.path == last || strings.HasPrefix(tail.path, last+"/") {
			base = base[:i]
		}
	} else if base == "" && t.Deployment.Provider == "openai" && !strings.HasPrefix(tail.path, "/v1/") {
		base = "/v1"
	}
	method := string(c.ctx.Method())
	s.head = append(append(append(append(s.head[:0], method...), ' '), base...), tail.path...)
	query := tail.query
	if t.Base.Query != "" {
		query = strings.Trim(query+"&"+t.Base.Query, "&")
	}
	if query != "" {
		s.head = append(append(s.head, '?'), query...)
	}
	s.head = append(s.head, " HTTP/1.1\r\n"...)
	for line := range bytes.SplitAfterSeq(t.Head, []byte("\r\n")) {
		name, _, _ := bytes.Cut(line, []byte{':'})
		if lower := strings.ToLower(string(name)); lower != "content-type" && lower != "accept" { // those of the client, or the operator's
			s.head = append(s.head, line...)
		}
	}
	c.sent.req = provider.Request{Host: t.Host, Method: method, Head: s.head, Extra: c.passHeaders(r, t), Deadline: c.deadline}
	if method == http.MethodGet || method == http.MethodHead {
		return &c.sent.req
	}
	switch req := &c.sent.req; {
	case c.upload == nil && r.Custom:
		req.Body, req.Size = [][]byte{c.s.body}, len(c.s.body)
	case c.upload == nil:
		req.Body, req.Size = c.passBody()
	case r.Custom || !c.s.req.Present(wire.Model):
		req.Long, req.Size = c.upload.whole()
	default:
		req.Long, req.Size = c.form.body(c.sent.model, func(name string) bool { return name == "litellm_metadata" || name == "gatehouse" })
	}
	return &c.sent.req
}

// passBody is the client's body: its bytes, but for the model's name and what is for the gateway alone.
func (c *call) passBody() (parts [][]byte, size int) {
	req := &c.s.req
	if !wire.IsObject(bytes.TrimSpace(c.s.body)) {
		return [][]byte{c.s.body}, len(c.s.body)
	}
	req.Reset()
	if req.Present(wire.Model) && c.sent.model != "" && !wire.StringIs(req.Get(wire.Model), c.sent.model) {
		req.SetField(wire.Model, wire.AppendString(nil, c.sent.model))
	}
	req.DropField(wire.LitellmMetadata)
	req.DropField(wire.Gatehouse)
	return req.Parts()
}

// passHeaders are the client's headers that go upstream: what the body is, what the API's version is, and x-pass-*.
func (c *call) passHeaders(r *PassRoute, t *provider.Target) []byte {
	var out []byte
	secret, named := string(c.presented()), connectionNames(&c.ctx.Request.Header)
	add := func(name string, value []byte) {
		if holds(string(value), secret) {
			return
		}
		if more, err := provider.AppendHeader(out, name, string(value)); err == nil {
			out = more
		}
	}
	version, own := false, ownHeaders(t.Deployment)
	c.ctx.Request.Header.VisitAll(func(k, v []byte) {
		name := strings.ToLower(string(k))
		if own[strings.TrimPrefix(name, "x-pass-")] != "" {
			return // the operator's word stands
		}
		if rest, ok := strings.CutPrefix(name, "x-pass-"); ok {
			if rest != "" && !hopByHop(rest) && forwardable(rest) && !named[name] {
				add(rest, v)
			}
			return
		}
		switch {
		case hopByHop(name) || named[name] || !forwardable(name) || string(k) == c.cfg.KeyHeader:
		case name == "content-type" && !r.Custom && c.form != nil && c.s.req.Present(wire.Model):
			add("Content-Type", []byte("multipart/form-data; boundary="+quoted(c.form.boundary)))
		case name == "content-type", name == "accept", name == "openai-beta", name == "if-none-match", name == "range",
			strings.HasPrefix(name, "anthropic-"), strings.HasPrefix(name, "x-amzn-bedrock-"), strings.HasPrefix(name, "x-goog-api-client"):
			version = version || name == "anthropic-version"
			add(string(k), v)
		case r.Forward:
			add(string(k), v)
		}
	})
	for _, name := range [...]string{"content-type", "accept"} {
		if own[name] != "" {
			add(name, []byte(own[name]))
		}
	}
	if t.Deployment.Provider == "anthropic" && !version {
		add("Anthropic-Version", []byte(anthropic.Version))
	}
	return out
}

// ownHeaders are the headers that the operator sets for a deployment, by name in lower case.
func ownHeaders(d *models.Deployment) map[string]string {
	headers := d.ExtraHeaders()
	out := make(map[string]string, len(headers))
	for name, value := range headers {
		out[strings.ToLower(name)] = value.Reveal()
	}
	return out
}

// connectionNames are the headers that a Connection header says are for this hop alone.
func connectionNames(h *fasthttp.RequestHeader) map[string]bool {
	value := h.Peek("Connection")
	if len(value) == 0 {
		return nil
	}
	out := map[string]bool{}
	for name := range strings.SplitSeq(string(value), ",") {
		out[strings.ToLower(strings.TrimSpace(name))] = true
	}
	return out
}

// hopByHop are the headers of the message itself, which this hop writes.
func hopByHop(name string) bool {
	switch name {
	case "host", "content-length", "transfer-encoding", "connection", "keep-alive", "proxy-connection", "upgrade", "te", "trailer",
		"proxy-authorization", "proxy-authenticate", "accept-encoding", "expect", "user-agent":
		return true
	}
	return false
}

// forwardable says whether a header is neither a credential nor ours.
func forwardable(name string) bool {
	switch name {
	case "authorization", "cookie", "api-key", "x-api-key", "x-goog-api-key", "ocp-apim-subscription-key", "x-amz-security-token", "x-amz-date",
		"x-amz-content-sha256":
		return false
	}
	return !strings.HasPrefix(name, "x-litellm-") && !strings.HasPrefix(name, "x-gatehouse-") && !strings.HasPrefix(name, "x-forwarded-")
}

// presented is the key that the request carries, wherever it stands; nil when it carries none.
func (c *call) presented() []byte {
	secret, err := c.head.secret(c.cfg.KeyHeader)
	if err != nil && c.wire == provider.Gemini {
		secret = c.ctx.QueryArgs().Peek("key")
	}
	return secret
}

// shortSecret is the length below which a text is no key worth hiding, but would be found by chance.
const shortSecret = 8

// holds says whether a text that is to leave holds the key of its caller.
func holds(text, secret string) bool {
	return len(secret) >= shortSecret && strings.Contains(text, secret)
}
