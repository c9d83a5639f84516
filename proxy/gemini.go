package proxy

import (
	"strings"

	"github.com/gofiber/fiber/v2"

	"gatehouse/proxy/policy"
	"gatehouse/proxy/provider"
	"gatehouse/proxy/stream"
	"gatehouse/proxy/wire"
)

// geminiRoutes are Google's wire: the model and what to do with it are one segment of the path.
func (p *Plane) geminiRoutes(root fiber.Router) {
	for _, v := range [...]string{"/v1beta", "/v1", ""} {
		root.Post(v+"/models/+", p.generate)
	}
	root.Get("/v1beta/models", p.geminiModels)
	root.Get("/v1beta/models/+", p.geminiModel)
}

// generate serves /v1beta/models/{model}:{action}.
func (p *Plane) generate(fc *fiber.Ctx) error {
	whole := fc.Params("+")
	i := strings.LastIndexByte(whole, ':')
	if i < 0 {
		return fiber.ErrMethodNotAllowed
	}
	model := strings.Clone(whole[:i])
	switch whole[i+1:] {
	case "generateContent":
		p.serve(fc.Context(), provider.Generate, model)
	case "streamGenerateContent":
		p.serve(fc.Context(), provider.StreamGenerate, model)
	case "countTokens":
		p.serve(fc.Context(), provider.CountContent, model)
	default:
		return fiber.ErrNotFound
	}
	return nil
}

func isGenerate(op provider.Op) bool {
	return op == provider.Generate || op == provider.StreamGenerate || op == provider.CountContent
}

// readGenerate checks the few fields of Google's wire that the gateway relies on.
func (c *call) readGenerate() *failure {
	contents := c.s.req.Find("contents")
	if c.op == provider.CountContent && contents < 0 && c.s.req.Find("generateContentRequest") >= 0 {
		return nil
	}
	if contents < 0 || !wire.IsArray(c.s.req.Raw(contents)) {
		return fail(missingField, "the field contents is missing").about("contents")
	}
	c.stream = c.op == provider.StreamGenerate
	c.array = c.stream && string(c.ctx.QueryArgs().Peek("alt")) != "sse"
	for _, name := range [...]string{"generationConfig", "generation_config"} {
		i := c.s.req.Find(name)
		if i < 0 {
			continue
		}
		raw := c.s.req.Raw(i)
		for _, limit := range [...]string{"maxOutputTokens", "max_output_tokens"} {
			if n, ok := wire.Int(wire.Lookup(raw, limit)); ok && n > 0 {
				c.output = n
			}
		}
		for _, count := range [...]string{"candidateCount", "candidate_count"} {
			if n, ok := wire.Int(wire.Lookup(raw, count)); ok && n > 0 && n <= 1024 {
				c.n = n
			}
		}
	}
	return nil
}

// geminiModels lists the models that the key may use, in Google's form.
func (p *Plane) geminiModels(fc *fiber.Ctx) error {
	p.listingOn(fc, provider.Gemini, func(c *call) *failure {
		out := []byte(`{"models":[`)
		for i, name := range policy.Visible(c.snap, c.grant, policy.Listing{Expand: p.Prices.Models}) {
			if i > 0 {
				out = append(out, ',')
			}
			out = append(out, geminiModel(name)...)
		}
		fc.Context().Response.SetBodyRaw(append(out, "]}"...))
		return nil
	})
	return nil
}

// geminiModel describes one model.
func (p *Plane) geminiModel(fc *fiber.Ctx) error {
	name := strings.Clone(fc.Params("+"))
	p.listingOn(fc, provider.Gemini, func(c *call) *failure {
		if _, refused := policy.Model(c.snap, c.grant, name); refused != nil {
			return refusedByPolicy(&policy.Refusal{Kind: policy.UnknownModel, Model: name})
		}
		fc.Context().Response.SetBodyRaw(geminiModel(name))
		return nil
	})
	return nil
}

func geminiModel(name string) []byte {
	var o wire.Builder
	o.Text("name", "models/"+name)
	o.Text("displayName", name)
	o.Raw("supportedGenerationMethods", []byte(`["generateContent","streamGenerateContent","countTokens"]`))
	return o.Bytes()
}

// googleStatus is Google's word for an HTTP status (google.rpc.Code).
func googleStatus(status int) string {
	switch status {
	case 400, 405, 413, 422:
		return "INVALID_ARGUMENT"
	case 401:
		return "UNAUTHENTICATED"
	case 403:
		return "PERMISSION_DENIED"
	case 404:
		return "NOT_FOUND"
	case 408, 504:
		return "DEADLINE_EXCEEDED"
	case 409:
		return "ABORTED"
	case 429:
		return "RESOURCE_EXHAUSTED"
	case 499:
		return "CANCELLED"
	case 502, 503, 529:
		return "UNAVAILABLE"
	}
	return "INTERNAL"
}

// appendGoogle appends the error in Google's form, with our code as the reason.
func (f *failure) appendGoogle(dst []byte) []byte {
	var o, e, info wire.Builder
	e.Int("code", int64(f.status))
	e.Text("message", f.message)
	e.Text("status", googleStatus(f.status))
	info.Text("@type", "type.googleapis.com/google.rpc.ErrorInfo")
	info.Text("reason", strings.ToUpper(f.code))
	info.Text("domain", "gatehouse")
	details := [][]byte{info.Bytes()}
	if f.retryAfter > 0 {
		var retry wire.Builder
		retry.Text("@type", "type.googleapis.com/google.rpc.RetryInfo")
		retry.Text("retryDelay", retrySeconds(f.retryAfter)+"s")
		details = append(details, retry.Bytes())
	}
	e.Raw("details", wire.List(details))
	o.Raw("error", e.Bytes())
	return append(dst, o.Bytes()...)
}

// geminiFrame is a failure as the last item of a stream in Google's form.
func (c *call) geminiFrame(f *failure, filter stream.Filter) []byte {
	body := f.appendGoogle(nil)
	if !c.array {
		return append(append([]byte("data: "), body...), "\n\n"...)
	}
	before := ",\r\n"
	if filter.State().Events == 0 {
		before = "["
	}
	return append(append([]byte(before), body...), ']')
}
