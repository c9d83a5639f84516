package proxy

import (
	"bytes"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"gatehouse/models"
	"gatehouse/proxy/keyring"
	"gatehouse/proxy/policy"
	"gatehouse/proxy/provider"
	"gatehouse/proxy/provider/gemini"
	"gatehouse/proxy/spend"
	"gatehouse/proxy/stream"
	"gatehouse/proxy/wire"
)

// PassRoute is a route whose requests go to one place untranslated: a provider's own API, or an operator's
// (general_settings.pass_through_endpoints).
type PassRoute struct {
	Prefix     string            // "/anthropic"; what follows it goes upstream
	Deployment models.Deployment // where, with which credential; Model is "*"
	Wire       provider.Wire     // of errors
	Custom     bool              // the operator's own: it names no model, and allowed_routes alone decide who may call it
	Exact      bool              // nothing may follow the prefix
	Open       bool              // needs no key
	Forward    bool              // the client's headers go upstream, but for credentials
}

// passWires are the provider routes: which provider they are of, and how errors read there.
//
//nolint:gochecknoglobals // a table, never written
var passWires = []struct {
	prefix, provider string
	wire             provider.Wire
}{
	{"/anthropic", "anthropic", provider.Anthropic},
	{"/openai", "openai", provider.OpenAI},
	{"/openai_passthrough", "openai", provider.OpenAI},
	{"/azure", "azure", provider.OpenAI},
	{"/azure_ai", "azure", provider.OpenAI},
	{"/gemini", "gemini", provider.Gemini},
	{"/vertex-ai", gemini.Vertex, provider.Gemini},
	{"/vertex_ai", gemini.Vertex, provider.Gemini},
	{"/bedrock", "bedrock", provider.BedrockConverse},
	{"/cohere", "cohere", provider.OpenAI},
	{"/mistral", "mistral", provider.OpenAI},
	{"/vllm", "hosted_vllm", provider.OpenAI},
}

// passRoutes registers the provider routes. They stand last: what has a route of its own is not passed through.
func (p *Plane) passRoutes(root fiber.Router) {
	for _, w := range passWires {
		r := PassRoute{Prefix: w.prefix, Wire: w.wire, Deployment: models.Deployment{
			ID: "pass-through-" + w.provider, ModelName: w.prefix, Provider: w.provider, Model: "*", FromConfig: true,
			Params: map[string]any{}, Defaults: map[string]any{}, Secrets: map[string]models.Secret{},
		}}
		root.All(w.prefix+"/*", func(c *fiber.Ctx) error {
			p.pass(c.Context(), &r)
			return nil
		})
	}
}

// customPass finds the operator's own route for a path.
func (c *Config) customPass(path string) *PassRoute {
	for i := range c.PassRoutes {
		r := &c.PassRoutes[i]
		if rest, ok := strings.CutPrefix(path, r.Prefix); ok && (rest == "" || !r.Exact && rest[0] == '/') {
			return r
		}
	}
	return nil
}

// pass takes one request through: who, which model, what it may cost, and then its bytes both ways.
func (p *Plane) pass(ctx *fasthttp.RequestCtx, r *PassRoute) {
	c := p.begin(ctx, provider.PassThrough)
	defer c.release()
	defer c.recovered()
	c.wire = r.Wire
	if f := c.passWalk(r); f != nil {
		c.refuse(f)
	}
}

func (c *call) passWalk(r *PassRoute) *failure {
	if f := c.enter(); f != nil {
		return f
	}
	if r.Open {
		c.grant = c.p.open
	}
	if f := c.authenticate(); f != nil {
		return f
	}
	tail, f := c.passTail(r)
	if f != nil {
		return f
	}
	if f := c.passRead(); f != nil {
		return f
	}
	d, f := c.passPermit(r, &tail)
	if f != nil {
		return f
	}
	if f := c.reserve(); f != nil {
		return f
	}
	defer c.hold.Settle()
	c.follow()
	return c.passSend(r, d, tail)
}

// tailOf is what follows the prefix of a pass-through route.
type tailOf struct {
	path  string // escaped, as it came
	query string
	model string // unescaped; "" when the path names none
	from  int    // of the escaped model in path
	to    int
}

// passTail takes the path apart, as it was sent: an escaped slash in a model's name must stay one.
func (c *call) passTail(r *PassRoute) (tailOf, *failure) {
	uri := string(c.ctx.Request.Header.RequestURI())
	if i := strings.Index(uri, "://"); i > 0 && uri[0] != '/' { // the absolute form
		uri = uri[i+3:]
		uri = uri[max(0, strings.IndexByte(uri, '/')):]
	}
	path, query, _ := strings.Cut(uri, "?")
	path, ok := strings.CutPrefix(strings.TrimPrefix(path, c.cfg.RootPath), r.Prefix)
	plain, err := url.PathUnescape(path)
	if !ok || err != nil || strings.ContainsAny(plain, "\\\r\n\x00 ") || strings.Contains(plain, "//") || dotted(plain) {
		return tailOf{}, fail(noRoute, "there is no such path below "+r.Prefix)
	}
	t := tailOf{path: path, query: withoutKey(query)}
	for _, mark := range [...]string{"/models/", "/model/", "/deployments/"} {
		i := strings.LastIndex(path, mark)
		if i < 0 || r.Custom {
			continue
		}
		t.from = i + len(mark)
		t.to = len(path)
		if end := strings.IndexAny(path[t.from:], "/:"); end >= 0 {
			t.to = t.from + end
		}
		if t.model, err = url.PathUnescape(path[t.from:t.to]); err != nil {
			return tailOf{}, fail(noRoute, "there is no such path below "+r.Prefix)
		}
		return t, nil
	}
	return t, nil
}

// dotted says whether a path climbs: a server could read it as another path than the one that was judged.
func dotted(path string) bool {
	for part := range strings.SplitSeq(path, "/") {
		if part == "." || part == ".." {
			return true
		}
	}
	return false
}

// withoutKey takes our key out of a query.
func withoutKey(query string) string {
	if !strings.Contains(query, "key=") {
		return query
	}
	kept := make([]string, 0, 4)
	for part := range strings.SplitSeq(query, "&") {
		if !strings.HasPrefix(part, "key=") {
			kept = append(kept, part)
		}
	}
	return strings.Join(kept, "&")
}

// passRead takes the body, and what the gateway must know of it if it is JSON or a form.
func (c *call) passRead() *failure {
	body, err := readBody(c.ctx, c.s.body[:0], c.cfg.MaxBody)
	if c.s.body = body; err != nil {
		return refusedRead(err)
	}
	req := &c.s.req
	known := []byte("{}")
	if boundary, ok := isForm(string(c.ctx.Request.Header.ContentType())); ok {
		form, err := readForm(boundary, body)
		if err != nil {
			return fail(badField, err.Error())
		}
		if form.twice("model") {
			return fail(badField, "the field model is there twice").about("model")
		}
		c.form, known = form, form.json
	} else if trimmed := bytes.TrimSpace(body); wire.IsObject(trimmed) {
		known = trimmed
	}
	if err := req.Parse(known); err != nil {
		return refusedByBody(err)
	}
	if c.asked, err = req.Text(wire.Model); err != nil {
		return refusedByBody(err)
	}
	if c.stream, err = req.Flag(wire.Stream); err != nil {
		return refusedByBody(err)
	}
	c.output = passOutput(req)
	return c.readLabels()
}

// passOutput is the output cap of a request of any wire.
func passOutput(req *wire.Request) int64 {
	for _, f := range [...]wire.Field{wire.MaxTokens, wire.MaxCompletionTokens, wire.MaxOutputTokens} {
		if n, ok := wire.Int(req.Get(f)); ok && n > 0 {
			return n
		}
	}
	for _, nested := range [...][2]string{{"generationConfig", "maxOutputTokens"}, {"inferenceConfig", "maxTokens"}} {
		if i := req.Find(nested[0]); i >= 0 {
			if n, ok := wire.Int(wire.Lookup(req.Raw(i), nested[1])); ok && n > 0 {
				return n
			}
		}
	}
	return 0
}

// noModel is a name that no list spells: who may call it may call everything.
const noModel = "\x00"

// passPermit asks whether this key may use the model that the request names, and finds the deployment whose credential
// it goes out with.
func (c *call) passPermit(r *PassRoute, tail *tailOf) (*models.Deployment, *failure) {
	d := &r.Deployment
	if r.Custom {
		c.asked = ""
		return d, nil
	}
	if tail.model != "" {
		c.asked = tail.model
	}
	name := c.asked
	if name == "" {
		name = noModel
	}
	verdict, refused := policy.Model(c.snap, c.grant, name)
	if refused != nil && refused.Kind == policy.ModelDenied && c.asked != "" { // a list may spell it with the provider
		if v, again := policy.Model(c.snap, c.grant, d.Provider+"/"+c.asked); again == nil || again.Kind == policy.UnknownModel {
			verdict, refused = v, again
		}
	}
	switch {
	case refused == nil:
		for _, own := range verdict.Match.Deployments {
			if own.Provider == d.Provider {
				c.group, c.match = verdict.Model, keyring.Match{Group: verdict.Match.Group, Wildcard: verdict.Match.Wildcard, Deployments: []*models.Deployment{own}}
				return own, nil
			}
		}
	case refused.Kind == policy.UnknownModel: // every level has let the name through; that it has no deployment here is no refusal
	case c.asked == "":
		return nil, fail(noModelNamed, "this key may use some models only, and the request names none").about("model")
	default:
		return nil, refusedByPolicy(refused)
	}
	c.group = c.asked
	own, f := c.p.passes.find(r, tail, c.cfg.PassDefaults)
	if f != nil {
		return nil, f
	}
	c.match = keyring.Match{Group: c.asked, Deployments: []*models.Deployment{own}}
	return own, nil
}

// passDefaults are the deployments that provider routes use for models that nobody configured: the credentials of the
// environment. Vertex has one for each location that a path names.
type passDefaults struct {
	mu   sync.Mutex
	made map[string]*models.Deployment
}

// vertexPlace is the location in a Vertex path.
//
//nolint:gochecknoglobals // compiled once, never written
var vertexPlace = regexp.MustCompile(`/locations/([a-z0-9-]{2,32})/`)

// maxPlaces bounds the locations that callers can make us know.
const maxPlaces = 128

func (p *passDefaults) find(r *PassRoute, tail *tailOf, defaults map[string]models.Deployment) (*models.Deployment, *failure) {
	from, ok := defaults[r.Deployment.Provider]
	if !ok {
		return nil, fail(routeUnsupported, "no credential of "+r.Deployment.Provider+" is configured for "+r.Prefix)
	}
	id, place := r.Deployment.ID, ""
	if r.Deployment.Provider == gemini.Vertex {
		if m := vertexPlace.FindStringSubmatch(tail.path); m != nil {
			place = m[1]
			id += "-" + place
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if d := p.made[id]; d != nil && sameCredential(d, &from) {
		return d, nil
	}
	if len(p.made) >= maxPlaces {
		return nil, fail(noRoute, "there are too many locations in use")
	}
	if p.made == nil {
		p.made = map[string]*models.Deployment{}
	}
	d := from
	d.ID, d.ModelName, d.Model = id, r.Prefix, "*"
	if place != "" {
		params := map[string]any{}
		for name, v := range from.Params {
			params[name] = v
		}
		params["vertex_location"] = place
		d.Params = params
	}
	p.made[id] = &d
	return &d, nil
}

func sameCredential(a, b *models.Deployment) bool {
	if a.APIKey.Reveal() != b.APIKey.Reveal() || a.APIBase != b.APIBase || len(a.Secrets) != len(b.Secrets) {
		return false
	}
	for name, s := range a.Secrets {
		if other := b.Secrets[name]; s.Reveal() != other.Reveal() {
			return false
		}
	}
	return true
}

// passSend makes the one attempt and relays the answer as it is.
func (c *call) passSend(r *PassRoute, d *models.Deployment, tail tailOf) *failure {
	c.deadline = c.start.Add(orDuration(c.timeout, c.cfg.Timeout))
	c.sent.attempt.Deployment, c.sent.attempt.Group, c.sent.at = d, c.group, c.p.Now()
	target, err := c.p.targets.Target(d)
	if err != nil {
		return c.failed(fail(upstreamDown, "the deployment behind this route cannot serve").because(err))
	}
	c.sent.target, c.sent.model = target, c.asked
	if d.Model != "*" && !strings.Contains(d.Model, "*") {
		c.sent.model = d.Model
	}
	req := c.passRequest(r, target, tail)
	if f := c.sign(req); f != nil {
		return c.failed(f)
	}
	if f := c.admit(); f != nil {
		return c.failed(f)
	}
	c.sent.tries++
	resp, err := c.p.transport.Do(&c.flight, req)
	if err != nil {
		return c.failed(asFailure(c.outcome(err).Err))
	}
	c.sent.resp, c.sent.first = resp, c.p.Now()
	status := resp.Status()
	if status == http.StatusUnauthorized || status == http.StatusForbidden {
		refusal := provider.ReadRefusal(resp)
		c.closeResponse()
		return c.failed(asFailure(c.refusal(refusal).Err))
	}
	c.passHead(status)
	sniff := newSniffer(string(resp.Header.ContentType()))
	c.relayRaw(sniff.Write, func(stream.End) ending {
		e := sniff.ending(&resp.Header)
		if status >= http.StatusBadRequest {
			e.status, e.httpStatus, e.code = spend.StatusFailure, status, rows[upstreamRefused].code
		}
		return e
	})
	return nil
}

// passHead writes the status and those headers that a provider's SDK reads.
func (c *call) passHead(status int) {
	from, r := &c.sent.resp.Header, &c.ctx.Response
	r.SetStatusCode(status)
	r.Header.SetContentTypeBytes(bytes.Clone(from.ContentType()))
	from.VisitAll(func(k, v []byte) {
		name := strings.ToLower(string(k))
		switch {
		case name == "content-disposition", name == "retry-after", name == "retry-after-ms", name == "location", name == "content-range",
			strings.HasPrefix(name, "x-amzn-"), strings.HasPrefix(name, "x-goog-"):
			r.Header.SetBytesKV(bytes.Clone(k), bytes.Clone(v))
		}
	})
}

// passRequest is the client's request with another credential, and the deployment's name for the model.
func (c *call) passRequest(r *PassRoute, t *provider.Target, tail tailOf) *provider.Request {
	s := c.s
	if tail.model != "" && c.sent.model != tail.model {
		tail.path = tail.path[:tail.from] + url.PathEscape(c.sent.model) + tail.path[tail.to:]
	}
	base := t.Base.Path
	if i := strings.LastIndexByte(base, '/'); i >= 0 { // both may name the version
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
		if !strings.EqualFold(string(name), "content-type") && !strings.EqualFold(string(name), "accept") {
			s.head = append(s.head, line...)
		}
	}
	c.sent.req = provider.Request{Host: t.Host, Method: method, Head: s.head, Extra: c.passHeaders(r, t), Deadline: c.deadline}
	if method == http.MethodGet || method == http.MethodHead {
		return &c.sent.req
	}
	c.sent.req.Body, c.sent.req.Size = c.passBody()
	return &c.sent.req
}

// passBody is the client's body: its bytes, but for the model's name and what is for the gateway alone.
func (c *call) passBody() (parts [][]byte, size int) {
	req := &c.s.req
	if c.form != nil {
		if !req.Present(wire.Model) {
			return [][]byte{c.form.raw}, len(c.form.raw)
		}
		return c.form.body(c.sent.model, func(name string) bool { return name == "litellm_metadata" || name == "gatehouse" })
	}
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
	add := func(name string, value []byte) {
		if more, err := provider.AppendHeader(out, name, string(value)); err == nil {
			out = more
		}
	}
	version := false
	c.ctx.Request.Header.VisitAll(func(k, v []byte) {
		name := strings.ToLower(string(k))
		if rest, ok := strings.CutPrefix(name, "x-pass-"); ok && rest != "" && !hopByHop(rest) {
			add(rest, v)
			return
		}
		switch {
		case name == "content-type" && c.form != nil && c.s.req.Present(wire.Model):
			add("Content-Type", []byte("multipart/form-data; boundary="+quoted(c.form.boundary)))
		case name == "content-type", name == "accept", name == "openai-beta", name == "if-none-match", name == "range",
			strings.HasPrefix(name, "anthropic-"), strings.HasPrefix(name, "x-amzn-bedrock-"), strings.HasPrefix(name, "x-goog-api-client"):
			version = version || name == "anthropic-version"
			add(string(k), v)
		case r.Forward && !hopByHop(name) && forwardable(name):
			add(string(k), v)
		}
	})
	if t.Deployment.Provider == "anthropic" && !version {
		add("Anthropic-Version", []byte("2023-06-01"))
	}
	return out
}

// hopByHop are the headers of the message itself, which this hop writes.
func hopByHop(name string) bool {
	switch name {
	case "host", "content-length", "transfer-encoding", "connection", "keep-alive", "upgrade", "te", "trailer", "proxy-authorization",
		"accept-encoding", "expect", "user-agent":
		return true
	}
	return false
}

// forwardable says whether a header is neither a credential nor ours.
func forwardable(name string) bool {
	switch name {
	case "authorization", "cookie", "api-key", "x-api-key", "x-goog-api-key", "ocp-apim-subscription-key":
		return false
	}
	return !strings.HasPrefix(name, "x-litellm-") && !strings.HasPrefix(name, "x-gatehouse-") && !strings.HasPrefix(name, "x-forwarded-")
}

// awsError is AWS's name for a failure.
func (f *failure) awsError() string {
	switch {
	case f.status == http.StatusUnauthorized:
		return "UnrecognizedClientException"
	case f.status == http.StatusForbidden:
		return "AccessDeniedException"
	case f.status == http.StatusNotFound:
		return "ResourceNotFoundException"
	case f.status == http.StatusTooManyRequests:
		return "ThrottlingException"
	case f.status == http.StatusRequestTimeout:
		return "ModelTimeoutException"
	case f.status < http.StatusInternalServerError:
		return "ValidationException"
	case f.status == http.StatusServiceUnavailable:
		return "ServiceUnavailableException"
	}
	return "InternalServerException"
}

// newOpen is the caller of routes that need no key.
func newOpen() *keyring.Grant { return keyring.NewMaster("no-key") }
