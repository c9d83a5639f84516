package portal

import (
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"gatehouse/app/access"
	"gatehouse/app/control"
	"gatehouse/app/web"
	"gatehouse/models/fault"
	"gatehouse/views/i18n"
	modelviews "gatehouse/views/models"
	"gatehouse/views/ui"
)

// modelURL is a model's page. Names hold slashes, which stay; everything else is escaped.
func (h *Handlers) modelURL(name string) string {
	parts := strings.Split(name, "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return h.url("/ui/models/" + strings.Join(parts, "/"))
}

// modelInfo is what is known of a public model, over all its deployments.
type modelInfo struct {
	context, output int64
	abilities       []string // by the words of model_info
}

// describe reads model_info of every deployment, and what the provider published.
func describe(c *fiber.Ctx, g *control.ModelGroup) modelInfo {
	var out modelInfo
	facts := extra(c).Facts
	for i := range g.Deployments {
		d := &g.Deployments[i]
		var known ModelFacts
		if facts != nil {
			known = facts(d)
		}
		out.context = max(out.context, numberOf(d.Info["max_input_tokens"]), known.Context)
		out.output = max(out.output, numberOf(d.Info["max_output_tokens"]), known.Output)
		for _, name := range abilityNames() {
			if yes, _ := d.Info[name].(bool); (yes || known.Supports[name]) && !slices.Contains(out.abilities, name) {
				out.abilities = append(out.abilities, name)
			}
		}
	}
	return out
}

// abilityNames are the properties of model_info that pages show.
func abilityNames() []string {
	return []string{
		"supports_vision", "supports_function_calling", "supports_response_schema", "supports_reasoning", "supports_prompt_caching", "supports_audio_input",
	}
}

func abilityName(l i18n.Locale, name string) string {
	switch name {
	case "supports_vision":
		return l.AbilityVision()
	case "supports_function_calling":
		return l.AbilityTools()
	case "supports_response_schema":
		return l.AbilityJSON()
	case "supports_reasoning":
		return l.AbilityReason()
	case "supports_prompt_caching":
		return l.AbilityCaching()
	}
	return l.AbilityAudio()
}

func (i modelInfo) names(l i18n.Locale) []string {
	var out []string
	for _, name := range abilityNames() {
		if slices.Contains(i.abilities, name) {
			out = append(out, abilityName(l, name))
		}
	}
	return out
}

// numberOf reads a whole number out of decoded YAML or JSON, 0 for anything else.
func numberOf(v any) int64 {
	switch n := v.(type) {
	case int:
		return int64(n)
	case int64:
		return n
	case float64:
		return int64(n)
	case json.Number:
		i, err := n.Int64()
		if err != nil {
			return 0
		}
		return i
	}
	return 0
}

// tokensText shortens a context window: 200000 -> "200K".
func tokensText(l i18n.Locale, n int64) string {
	switch {
	case n == 0:
		return l.NotKnown()
	case n < 1000:
		return l.Number(n)
	case n < 1_000_000:
		return l.Number(n/1000) + "K"
	}
	return strconv.FormatFloat(float64(n/100_000)/10, 'f', -1, 64) + "M"
}

// modelList serves GET /ui/models.
func (h *Handlers) modelList(c *fiber.Ctx) error {
	f, err := h.view(c)
	if err != nil {
		return err
	}
	ctx, actor, l := c.UserContext(), web.Actor(c), h.locale(c)
	query := queryOf(c)
	text, provider, ability := strings.ToLower(strings.TrimSpace(query.Get("q"))), query.Get("provider"), query.Get("ability")
	v := modelviews.List{URL: h.url("/ui/models"), Search: query.Get("q")}
	v.Table.ClearURL, v.Table.Filtered = v.URL, text+provider+ability != ""
	v.Table.Health = extra(c).Health != nil
	if actor.IsAdmin() && h.opt.Policy().General.StoreModelInDB {
		v.AddURL = h.url("/ui/deployments/new")
	}
	groups, err := h.Models.Groups(ctx, actor)
	if err != nil {
		if v.Table.Failure = h.failure(c, l.Models(), err); v.Table.Failure == nil {
			return err
		}
	}
	var providers []string
	infos, names := map[string]modelInfo{}, []string{}
	for i := range groups {
		g := &groups[i]
		infos[g.Name] = describe(c, g)
		for _, p := range g.Providers {
			if !slices.Contains(providers, p) {
				providers = append(providers, p)
			}
		}
		if text != "" && !strings.Contains(strings.ToLower(g.Name), text) || provider != "" && !slices.Contains(g.Providers, provider) ||
			ability != "" && !slices.Contains(infos[g.Name].abilities, ability) {
			continue
		}
		names = append(names, g.Name)
	}
	prices, err := h.Models.Prices(ctx, actor, names)
	if err != nil {
		return err
	}
	ways, err := h.Models.Ways(ctx, actor, names)
	if err != nil {
		return err
	}
	for i := range groups {
		g := &groups[i]
		if !slices.Contains(names, g.Name) {
			continue
		}
		info := infos[g.Name]
		in, out := priceText(l, prices[g.Name])
		v.Table.Rows = append(v.Table.Rows, modelviews.Row{
			Name: g.Name, Href: h.modelURL(g.Name), Providers: g.Providers, Context: tokensText(l, info.context), In: in, Out: out,
			Abilities: info.names(l), Access: accessText(l, actor, ways[g.Name]), Health: groupHealth(c, l, g),
		})
	}
	slices.Sort(providers)
	v.Providers = []ui.Option{{Label: l.ProviderAll(), Selected: provider == ""}}
	for _, p := range providers {
		v.Providers = append(v.Providers, ui.Option{Value: p, Label: p, Selected: p == provider})
	}
	v.Abilities = []ui.Option{{Label: l.AbilityAll(), Selected: ability == ""}}
	for _, name := range abilityNames() {
		v.Abilities = append(v.Abilities, ui.Option{Value: name, Label: abilityName(l, name), Selected: name == ability})
	}
	return web.Render(c, modelviews.Page(f, v), modelviews.ListPart(f, v.Table))
}

func priceText(l i18n.Locale, p control.Price) (in, out string) {
	if !p.Known {
		return l.NotKnown(), l.NotKnown()
	}
	return l.Money(int64(p.In)), l.Money(int64(p.Out))
}

// accessText says how the person comes to call a model.
func accessText(l i18n.Locale, actor access.Actor, w control.Way) string {
	switch {
	case actor.SeesAll():
		return l.AccessAsAdmin()
	case w.Own && !w.Named:
		return l.AccessEveryKey()
	case w.Own:
		return l.AccessYourList()
	case len(w.Teams) > 0:
		return l.AccessViaTeam(l.List(w.Teams))
	}
	return orDash("")
}

// groupHealth is the best that is known of a model's deployments; the zero badge is "not known".
func groupHealth(c *fiber.Ctx, l i18n.Locale, g *control.ModelGroup) ui.Badge {
	health := extra(c).Health
	if health == nil {
		return ui.Badge{}
	}
	known, ok, cooling := false, false, false
	for i := range g.Deployments {
		s, found := health(g.Deployments[i].ID)
		known, ok, cooling = known || found, ok || found && s.OK, cooling || found && s.Cooling
	}
	switch {
	case !known:
		return ui.Badge{}
	case ok:
		return ui.Badge{Tone: ui.OK, Text: l.Healthy()}
	case cooling:
		return ui.Badge{Tone: ui.Warn, Text: l.CoolingDown()}
	}
	return ui.Badge{Tone: ui.Bad, Text: l.Unhealthy()}
}

// modelDetail serves GET /ui/models/*: names hold slashes.
func (h *Handlers) modelDetail(c *fiber.Ctx) error {
	name := pathID(c, "*")
	ctx, actor, l := c.UserContext(), web.Actor(c), h.locale(c)
	groups, err := h.Models.Groups(ctx, actor)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(groups, func(g control.ModelGroup) bool { return g.Name == name })
	if at < 0 {
		return fault.New(fault.NotFound, l.ModelGone())
	}
	f, err := h.view(c)
	if err != nil {
		return err
	}
	g := &groups[at]
	info := describe(c, g)
	v := modelviews.Detail{
		Name: name, Back: h.url("/ui/models"), APIURL: h.url("/ui/api?model=" + url.QueryEscape(name)), Abilities: info.names(l),
	}
	if access.Role(actor, access.Playground) == nil && (g.Mode == "" || g.Mode == "chat") {
		v.Playground = h.url("/ui/playground?model=" + url.QueryEscape(name))
	}
	if v.Facts, err = h.modelFacts(c, l, g, info); err != nil {
		return err
	}
	q := lastDays(l, 30).query()
	q.Model = name
	days, err := h.Spend.Days(ctx, actor, q)
	if err != nil {
		return err
	}
	if total(days).Requests > 0 {
		chart := plainChart(l, "model-usage", l.SpendPerDay30(), days)
		v.Chart = &chart
	}
	if actor.SeesAll() {
		v.Groups = g.AccessGroups
		for i := range g.Deployments {
			v.Deployments = append(v.Deployments, h.deployment(c, l, actor, &g.Deployments[i]))
		}
	}
	return web.Render(c, modelviews.DetailPage(f, v), nil)
}

func (h *Handlers) modelFacts(c *fiber.Ctx, l i18n.Locale, g *control.ModelGroup, info modelInfo) ([]ui.Fact, error) {
	ctx, actor := c.UserContext(), web.Actor(c)
	prices, err := h.Models.Prices(ctx, actor, []string{g.Name})
	if err != nil {
		return nil, err
	}
	ways, err := h.Models.Ways(ctx, actor, []string{g.Name})
	if err != nil {
		return nil, err
	}
	in, out := priceText(l, prices[g.Name])
	facts := []ui.Fact{{Term: l.Provider(), Text: l.List(g.Providers)}, {Term: l.Context(), Text: tokensText(l, info.context)}}
	if info.output > 0 {
		facts = append(facts, ui.Fact{Term: l.MaxOutput(), Text: tokensText(l, info.output)})
	}
	facts = append(facts, ui.Fact{Term: l.PriceInLong(), Text: in}, ui.Fact{Term: l.PriceOutLong(), Text: out}, ui.Fact{Term: l.Access(), Text: accessText(l, actor, ways[g.Name])})
	if g.Mode != "" {
		facts = append(facts, ui.Fact{Term: l.Purpose(), Text: modeName(l, g.Mode)})
	}
	return facts, nil
}

func modeName(l i18n.Locale, mode string) string {
	switch mode {
	case "chat", "completion", "responses":
		return l.ModeChat()
	case "embedding":
		return l.ModeEmbedding()
	case "image_generation":
		return l.ModeImage()
	}
	return mode
}

// deployment is the model at one provider, for those who see all.
func (h *Handlers) deployment(c *fiber.Ctx, l i18n.Locale, actor access.Actor, d *control.ModelView) modelviews.Deployment {
	out := modelviews.Deployment{ID: d.ID, Model: d.Model, Provider: d.Provider, Where: hostOf(d.Params["api_base"]), Source: l.StoredHere(), Last: d.Disabled}
	if d.FromConfig {
		out.Source = l.ConfigReadOnly()
	} else if access.May(actor, access.ModelWrite, access.Target{ID: d.ID, Team: d.TeamID}) && h.opt.Policy().General.StoreModelInDB {
		out.EditURL = h.url("/ui/deployments/" + url.PathEscape(d.ID))
		out.DeleteURL = out.EditURL + "/delete"
	}
	if d.Disabled != "" {
		out.Health = ui.Badge{Tone: ui.Bad, Text: l.Unhealthy()}
		return out
	}
	one := control.ModelGroup{Deployments: []control.ModelView{*d}}
	out.Health = groupHealth(c, l, &one)
	if health := extra(c).Health; health != nil {
		if s, ok := health(d.ID); ok && s.Cooling {
			out.Last = l.CoolsFor(l.For(s.For))
		}
	}
	return out
}

// hostOf is where a deployment's calls go, without anything that could be secret.
func hostOf(base any) string {
	text, _ := base.(string)
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return "–"
	}
	return u.Host
}
