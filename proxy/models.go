package proxy

import (
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"gatehouse/proxy/keyring"
	"gatehouse/proxy/policy"
	"gatehouse/proxy/provider"
	"gatehouse/proxy/wire"
)

// modelCreated is the constant that LiteLLM gives as the creation time of every model.
const modelCreated = "1677610602"

// models lists the models that the key may use, in OpenAI's and Anthropic's form at once.
func (p *Plane) models(fc *fiber.Ctx) error {
	p.listing(fc, func(c *call) *failure {
		query := fc.Context().QueryArgs()
		names := c.visible(policy.Listing{
			Expand: p.Prices.Models, Wildcards: query.GetBool("return_wildcard_routes"), Groups: query.GetBool("include_model_access_groups"),
			OnlyGroups: query.GetBool("only_model_access_groups"),
		})
		out := []byte(`{"object":"list","data":[`)
		for i, name := range names {
			if i > 0 {
				out = append(out, ',')
			}
			out = appendModel(out, name)
		}
		out = append(out, `],"has_more":false,"first_id":`...)
		first, last := "", ""
		if len(names) > 0 {
			first, last = names[0], names[len(names)-1]
		}
		out = appendNullable(out, first)
		out = append(out, `,"last_id":`...)
		out = appendNullable(out, last)
		fc.Context().Response.SetBodyRaw(append(out, '}'))
		return nil
	})
	return nil
}

// visible is the names that any of the call's grants may use, sorted.
func (c *call) visible(l policy.Listing) []string {
	var names []string
	for _, g := range c.grants() {
		names = append(names, policy.Visible(c.snap, g, l)...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// model describes one model; one that the key may not use is not there.
func (p *Plane) model(fc *fiber.Ctx) error {
	name := strings.Clone(fc.Params("+"))
	p.listing(fc, func(c *call) *failure {
		if _, refused := c.mayUse(name); refused != nil {
			return refusedByPolicy(&policy.Refusal{Kind: policy.UnknownModel, Level: keyring.LevelKey, Model: name})
		}
		fc.Context().Response.SetBodyRaw(appendModel(nil, name))
		return nil
	})
	return nil
}

// listing serves a request that asks about models and calls none.
func (p *Plane) listing(fc *fiber.Ctx, answer func(*call) *failure) {
	p.listingOn(fc, provider.OpenAI, answer)
}

// listingOn is listing for a client of a wire.
func (p *Plane) listingOn(fc *fiber.Ctx, w provider.Wire, answer func(*call) *failure) {
	ctx := fc.Context()
	c := p.begin(ctx, provider.Chat)
	c.wire = w
	defer c.release()
	defer c.recovered()
	if len(ctx.Request.Header.Peek("Anthropic-Version")) > 0 {
		c.wire = provider.Anthropic
	}
	f := c.enter()
	if f == nil {
		f = c.authenticate()
	}
	if f == nil {
		ctx.Response.Header.SetContentType("application/json")
		c.commonHeaders()
		f = answer(c)
	}
	if f != nil {
		status := f.statusOn(c.wire)
		c.writeFailure(f, status)
	}
}

func appendModel(dst []byte, name string) []byte {
	id := wire.AppendString(nil, name)
	dst = append(dst, `{"id":`...)
	dst = append(dst, id...)
	dst = append(dst, `,"object":"model","created":`+modelCreated+`,"owned_by":"openai","type":"model","display_name":`...)
	dst = append(dst, id...)
	return append(dst, `,"created_at":"2023-02-28T18:56:42Z"}`...)
}
