package proxy

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"

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
	Open       bool              // needs no key; of the operator's own routes alone
	Forward    bool              // the client's headers go upstream, but for credentials
}

// PassProvider is the provider of the deployments behind the operator's own routes.
const PassProvider = "pass_through"

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
	if r.Custom && r.Open {
		c.grant = c.p.open
	}
	if f := c.authenticate(); f != nil {
		return f
	}
	tail, f := c.passTail(r)
	if f != nil {
		return f
	}
	if f := c.passRead(r); f != nil {
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
	t := tailOf{path: path, query: c.withoutKey(query)}
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

// withoutKey takes our key out of a query: key=, which is where Google's clients put it, and any value that holds it.
func (c *call) withoutKey(query string) string {
	if query == "" {
		return ""
	}
	secret := string(c.presented())
	kept := make([]string, 0, 4)
	for part := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(part, "=")
		plainName, err := url.QueryUnescape(name)
		plain, errValue := url.QueryUnescape(value)
		if err != nil || errValue != nil || c.wire == provider.Gemini && plainName == "key" || holds(plain, secret) || holds(plainName, secret) {
			continue
		}
		kept = append(kept, part)
	}
	return strings.Join(kept, "&")
}

// passRead takes the body, and what the gateway must know of it if it is JSON or a form. The body of an operator's own
// route may be anything: what cannot be read there is passed on unread.
func (c *call) passRead(r *PassRoute) *failure {
	known, f := c.passKnown()
	if f == nil {
		if err := c.s.req.Parse(known); err != nil {
			f = refusedByBody(err)
		}
	}
	if f == nil {
		f = c.passFields()
	}
	if f != nil {
		if !r.Custom || f.close { // the body is not there
			return f
		}
		c.form = nil
		if err := c.s.req.Parse([]byte("{}")); err != nil {
			return refusedByBody(err)
		}
	}
	return c.readLabels()
}

// passKnown takes the body and gives what of it can be read as an object.
func (c *call) passKnown() ([]byte, *failure) {
	if boundary, ok := isForm(c.ctx.Request.Header.ContentType()); ok {
		f := c.takeForm(boundary)
		return c.s.body, f
	}
	body, err := readBody(c.ctx, c.s.body[:0], c.cfg.MaxBody)
	if c.s.body = body; err != nil {
		return nil, refusedRead(err)
	}
	if trimmed := bytes.TrimSpace(body); wire.IsObject(trimmed) {
		return trimmed, nil
	}
	return []byte("{}"), nil
}

// passFields reads the few fields that a route's access and price depend on.
func (c *call) passFields() *failure {
	req := &c.s.req
	var err error
	if c.asked, err = req.Text(wire.Model); err != nil {
		return refusedByBody(err)
	}
	if c.stream, err = req.Flag(wire.Stream); err != nil {
		return refusedByBody(err)
	}
	if _, err = req.Text(wire.User); err != nil {
		return refusedByBody(err)
	}
	for _, f := range [...]wire.Field{wire.Metadata, wire.LitellmMetadata} {
		if raw := req.Get(f); !wire.Null(raw) && !wire.IsObject(raw) {
			return fail(badField, f.Name()+" must be an object").about(f.Name())
		}
	}
	c.output = passOutput(req)
	return nil
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
	if refused := policy.Customer(c.snap, c.endUser); refused != nil {
		return nil, refusedByPolicy(refused)
	}
	if r.Custom {
		c.asked, c.group = "", r.Prefix
		c.match = keyring.Match{Group: r.Prefix, Deployments: []*models.Deployment{d}}
		return d, nil
	}
	if c.cfg.EnforceUser && c.endUser == "" {
		return nil, fail(missingField, "the field user is missing").about("user")
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
		return nil, fail(modelRefused, "this key may use some models only, and the request names none").about("model")
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
	if !r.Custom && (status == http.StatusUnauthorized || status == http.StatusForbidden) { // our credential, not the client's key
		refusal := provider.ReadRefusal(resp)
		c.closeResponse()
		return c.failed(asFailure(c.refusal(refusal).Err))
	}
	c.passHead(status)
	sniff := newSniffer(string(resp.Header.ContentType()))
	finish := func(stream.End) ending {
		e := sniff.ending(&resp.Header)
		if status >= http.StatusBadRequest {
			e.status, e.httpStatus, e.code = spend.StatusFailure, status, rows[upstreamRefused].code
		}
		return e
	}
	if status == http.StatusNoContent || status == http.StatusNotModified || c.ctx.IsHead() {
		c.headOnly(status, finish)
		return nil
	}
	c.relayRaw(sniff.Write, finish)
	return nil
}

// headOnly ends a call whose answer has no body, whatever its header lines say.
func (c *call) headOnly(status int, finish func(stream.End) ending) {
	c.commonHeaders()
	c.attemptHeaders()
	c.providerHeaders()
	e := finish(stream.Complete)
	c.closeResponse()
	e.whole = true
	if e.status == "" {
		e.status, e.httpStatus = spend.StatusSuccess, status
	}
	c.settle(e)
	c.log(status, e.code)
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
			name == "content-encoding", name == "etag", name == "last-modified", name == "accept-ranges",
			strings.HasPrefix(name, "x-amzn-"), strings.HasPrefix(name, "x-goog-"):
			r.Header.SetBytesKV(bytes.Clone(k), bytes.Clone(v))
		}
	})
}
