package portal

import (
	"github.com/gofiber/fiber/v2"

	"gatehouse/app/control"
	"gatehouse/app/web"
	"gatehouse/models"
	"gatehouse/views/apiref"
	"gatehouse/views/i18n"
	"gatehouse/views/ui"
)

// ownKeysMost is how many of a person's keys a choice offers.
const ownKeysMost = 100

// apiReference serves GET /ui/api?key&model.
func (h *Handlers) apiReference(c *fiber.Ctx) error {
	f, err := h.view(c)
	if err != nil {
		return err
	}
	l := h.locale(c)
	keyID, model := c.Query("key"), c.Query("model")
	options, chosen, err := h.ownKeys(c, keyID)
	if err != nil {
		return err
	}
	if len(options) == 0 {
		options = []ui.Option{{Label: l.None()}}
	}
	list, err := h.modelChoices(c, chosen, model)
	if err != nil {
		return err
	}
	v := apiref.Reference{URL: h.url("/ui/api"), Base: f.APIBase, Keys: options, Models: list, Endpoints: endpoints(l), Errors: refusals(l)}
	if at := extra(c).OpenAPI; at != "" {
		v.OpenAPI = h.url(at)
	}
	example := "demo"
	for _, o := range list {
		if o.Selected || example == "demo" {
			example = o.Value
		}
	}
	v.Snippets = ui.Snippets(v.Base, example, "")
	return web.Render(c, apiref.Page(f, v), apiref.ExamplePart(f, v))
}

// ownKeys are the keys of the person that they can choose from, and the chosen one; the first is chosen unless id names one.
func (h *Handlers) ownKeys(c *fiber.Ctx, id string) ([]ui.Option, *models.Key, error) {
	actor := web.Actor(c)
	page, err := h.Keys.List(c.UserContext(), actor, control.KeyQuery{
		Page: 1, Size: ownKeysMost, UserID: actor.UserID, SortBy: "last_used", SortOrder: "desc", State: "active", All: true,
	})
	if err != nil {
		return nil, nil, err
	}
	var out []ui.Option
	var chosen *models.Key
	for i := range page.Items {
		k := &page.Items[i].Key
		if k.ID == id || id == "" && i == 0 {
			chosen = k
		}
		out = append(out, ui.Option{Value: k.ID, Label: keyName(k), Note: shortName(k), Selected: chosen == k})
	}
	return out, chosen, nil
}

// modelChoices are the models that the key may call, or the person without one.
func (h *Handlers) modelChoices(c *fiber.Ctx, key *models.Key, chosen string) ([]ui.Option, error) {
	var choices []control.ModelChoice
	var err error
	if key != nil {
		choices, err = h.Models.OfKey(c.UserContext(), web.Actor(c), key)
	} else {
		choices, err = h.Models.Callable(c.UserContext(), web.Actor(c), "")
	}
	if err != nil {
		return nil, err
	}
	var out []ui.Option
	for _, m := range choices {
		if !m.IsGroup {
			out = append(out, ui.Option{Value: m.Name, Label: m.Name, Selected: m.Name == chosen})
		}
	}
	return out, nil
}

// endpoints are the routes that keys call most.
func endpoints(l i18n.Locale) []apiref.Endpoint {
	return []apiref.Endpoint{
		{Method: "POST", Path: "/v1/chat/completions", Text: l.RefChat()},
		{Method: "POST", Path: "/v1/responses", Text: l.RefResponses()},
		{Method: "POST", Path: "/v1/messages", Text: l.RefMessages()},
		{Method: "POST", Path: "/v1/embeddings", Text: l.RefEmbeddings()},
		{Method: "GET", Path: "/v1/models", Text: l.RefModels()},
	}
}

// refusals are the data plane's refusals in the words of these pages.
func refusals(l i18n.Locale) []apiref.Error {
	return []apiref.Error{
		{Status: "401", Code: "token_not_found_in_db", Text: l.RefErr401()},
		{Status: "403", Code: "model_access_denied", Text: l.RefErr403()},
		{Status: "404", Code: "model_not_found", Text: l.RefErr404()},
		{Status: "429", Code: "budget_exceeded", Text: l.RefErr429Budget()},
		{Status: "429", Code: "rate_limit_exceeded", Text: l.RefErr429Rate()},
		{Status: "503", Code: "service_unavailable", Text: l.RefErr503()},
	}
}
