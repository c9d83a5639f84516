package portal

import (
	"slices"
	"time"

	"github.com/gofiber/fiber/v2"

	"gatehouse/app/access"
	"gatehouse/app/control"
	"gatehouse/app/web"
	"gatehouse/models"
	"gatehouse/models/duration"
	"gatehouse/models/fault"
	"gatehouse/views/i18n"
	"gatehouse/views/keys"
	"gatehouse/views/ui"
)

// keyForm serves GET /ui/keys/new; ?from= starts with another key's settings.
func (h *Handlers) keyForm(c *fiber.Ctx) error {
	if actor := web.Actor(c); !mayCreate(actor) {
		return access.Role(actor, access.KeyCreate)
	}
	in := readKeyInput(c)
	if from := c.Query("from"); from != "" {
		v, err := h.Keys.Info(c.UserContext(), web.Actor(c), control.ByID(from))
		if err != nil {
			return err
		}
		in = inputOf(v)
	}
	return h.showKeyForm(c, fiber.StatusOK, in, nil)
}

// inputOf is another key's settings as the form of a new one: all but its end, which belongs to the other.
func inputOf(v *control.KeyView) keyInput {
	k := &v.Key
	in := standing(k)
	in.expires, in.owner = "", "me"
	if in.name != "" {
		in.name += "-copy"
	}
	if k.TeamID != nil {
		in.team, in.owner = *k.TeamID, "team"
		if k.UserID == nil {
			in.owner = "service"
		}
	}
	return in
}

// keyFormOptions serves GET /ui/keys/new/options: what the chosen owner and team allow.
func (h *Handlers) keyFormOptions(c *fiber.Ctx) error {
	in := readKeyInput(c)
	options, err := h.Keys.Options(c.UserContext(), web.Actor(c), in.teamID())
	if err != nil {
		return err
	}
	f := h.Frame(c)
	part := keys.OptionsPart(f, h.formOptions(c, in, options, nil))
	return web.Render(c, part, part)
}

// teamID is the team that the key would belong to.
func (in keyInput) teamID() string {
	if in.owner == "me" {
		return ""
	}
	return in.team
}

// showKeyForm draws the form; problems are the fields' errors by their wire name.
func (h *Handlers) showKeyForm(c *fiber.Ctx, status int, in keyInput, problems map[string]string) error {
	f, err := h.frame(c)
	if err != nil {
		return err
	}
	l := h.locale(c)
	options, err := h.Keys.Options(c.UserContext(), web.Actor(c), in.teamID())
	if err != nil {
		return err
	}
	once, err := nonce()
	if err != nil {
		return err
	}
	text := func(field, value string) ui.Text { return ui.Text{Value: value, Error: problems[field]} }
	at := h.keyPlace(c, "")
	v := keys.Form{
		Page: !web.IsPartial(c), Action: h.url("/ui/keys/new" + at.mark), Back: at.back, OptionsURL: h.url("/ui/keys/new/options"), Nonce: once,
		Name: text("key_alias", in.name), Owner: text("owner", in.owner), Team: text("team_id", in.team), Options: h.formOptions(c, in, options, problems),
		RPM: text("rpm_limit", in.rpm), TPM: text("tpm_limit", in.tpm), Parallel: text("max_parallel_requests", in.parallel),
		PerModel: text("model_limits", in.perModel), Tags: text("tags", in.tags), Aliases: text("aliases", in.aliases), Metadata: text("metadata", in.metadata),
		Routes: text("allowed_routes", in.routes),
	}
	v.Owners, v.Teams = ownerOptions(l, in, options)
	for _, field := range []string{"rpm_limit", "tpm_limit", "max_parallel_requests", "model_limits", "tags", "aliases", "metadata", "allowed_routes"} {
		v.More = v.More || problems[field] != ""
	}
	v.More = v.More || in.rpm+in.tpm+in.parallel+in.perModel+in.tags+in.aliases+in.metadata+in.routes != ""
	v.Problems = inOrder(problems)
	return web.RenderStatus(c, status, keys.CreatePage(f, v), keys.CreatePart(f, v))
}

// ownerOptions are the owners and teams to choose from; what the policy forbids is shown with its reason.
func ownerOptions(l i18n.Locale, in keyInput, o *control.KeyOptions) (owners, teams []ui.Option) {
	service, team := false, false
	for _, t := range o.Teams {
		option := ui.Option{Value: t.ID, Label: t.Alias, Selected: t.ID == in.team}
		if option.Label == "" {
			option.Label = t.ID
		}
		if !t.May {
			option.Reason = say(l, t.Why)
		}
		team, service = team || t.May, service || t.Service
		teams = append(teams, option)
	}
	if len(o.Teams) == 0 {
		return nil, nil
	}
	me := ui.Option{Value: "me", Label: l.OwnerMe(), Selected: in.owner == "" || in.owner == "me"}
	if !o.Personal {
		me.Reason, me.Selected = say(l, o.PersonalWhy), false
	}
	owners = []ui.Option{me}
	if team {
		owners = append(owners, ui.Option{Value: "team", Label: l.OwnerTeam(), Selected: in.owner == "team" || !me.Selected && in.owner == ""})
	}
	if service {
		owners = append(owners, ui.Option{Value: "service", Label: l.OwnerService(), Selected: in.owner == "service"})
	}
	return owners, teams
}

func (h *Handlers) formOptions(c *fiber.Ctx, in keyInput, o *control.KeyOptions, problems map[string]string) keys.Options {
	l := h.locale(c)
	v := keys.Options{
		AllLabel: l.AllMyModels(), AllText: l.AllowAllModels(), ModelText: ui.Text{Error: problems["models"]},
		Budget: ui.Text{Value: in.budget, Error: problems["max_budget"]}, Expires: ui.Text{Value: in.expires, Error: problems["duration"]},
		Date: ui.Text{Value: in.date, Error: problems["expires_at"]}, DateMin: l.Now.AddDate(0, 0, 1).UTC().Format(time.DateOnly),
	}
	if in.teamID() != "" {
		v.AllLabel, v.AllText = l.AllTeamModels(), l.AllowAllTeamModels()
	}
	v.Models = h.pricedModels(c, o.Models, in.models)
	if o.Bounds.MaxBudget != nil {
		v.Budget.Help = l.UpToByAdmin(l.MoneyShort(int64(*o.Bounds.MaxBudget)))
	}
	for _, p := range []struct{ value, label string }{{"", l.NoReset()}, {"1d", l.PerDay()}, {"7d", l.PerWeek()}, {"30d", l.PerMonth()}} {
		v.Periods = append(v.Periods, ui.Option{Value: p.value, Label: p.label, Selected: in.period == p.value})
	}
	bound, _ := duration.Parse(o.Bounds.Duration)
	for _, d := range []struct {
		value string
		days  int
	}{{"7d", 7}, {"30d", 30}, {"90d", 90}} {
		option := ui.Option{Value: d.value, Label: l.InDays(int64(d.days)), Note: l.LongDate(l.Now.AddDate(0, 0, d.days)), Selected: in.expires == d.value}
		if !bound.IsNever() && int64(d.days)*86400 > bound.Seconds() {
			option.Reason = l.UpToDaysByAdmin(bound.Seconds() / 86400)
		}
		v.Durations = append(v.Durations, option)
	}
	v.Durations = append(v.Durations, ui.Option{Value: "custom", Label: l.OnADate(), Selected: in.expires == "custom"})
	if o.MayNeverEnd {
		v.Durations = append(v.Durations, ui.Option{Value: "", Label: l.NeverExpires(), Selected: in.expires == ""})
	}
	if !bound.IsNever() {
		v.DateMax = bound.Add(l.Now).UTC().Format(time.DateOnly)
		v.Expires.Help = l.UpToDaysByAdmin(bound.Seconds() / 86400)
	}
	return v
}

// pricedModels are models to choose from, each with what it costs where that is known.
func (h *Handlers) pricedModels(c *fiber.Ctx, choices []control.ModelChoice, chosen []string) []ui.Option {
	l := h.locale(c)
	names := make([]string, len(choices))
	for i := range choices {
		names[i] = choices[i].Name
	}
	prices, err := h.Models.Prices(c.UserContext(), web.Actor(c), names)
	if err != nil {
		prices = nil // a list without prices is still one to choose from
	}
	options := make([]ui.Option, len(choices))
	for i, name := range names {
		options[i] = ui.Option{Value: name, Label: name, Selected: slices.Contains(chosen, name)}
		if p := prices[name]; p.Known {
			options[i].Note = l.PriceInOut(l.Money(int64(p.In)), l.Money(int64(p.Out)))
		}
	}
	return options
}

// keyCreate serves POST /ui/keys/new: the one view of the secret, or the form again with what is wrong.
func (h *Handlers) keyCreate(c *fiber.Ctx) error {
	in := readKeyInput(c)
	l, actor := h.locale(c), web.Actor(c)
	ask, problems := in.newKey(l)
	options, err := h.Keys.Options(c.UserContext(), actor, in.teamID())
	switch {
	case fault.Is(err, fault.NotFound):
		problems["team_id"] = l.TeamGone()
		in.team = ""
	case err != nil:
		return err
	default:
		h.boundProblems(c, in, ask, options, problems)
	}
	if len(problems) > 0 {
		return h.showKeyForm(c, fiber.StatusUnprocessableEntity, in, problems)
	}
	var created *control.CreatedKey
	switch in.owner {
	case "service":
		created, err = h.Keys.CreateService(c.UserContext(), actor, ask)
	default:
		ask.UserID = control.Some(actor.UserID)
		created, err = h.Keys.Create(c.UserContext(), actor, ask)
	}
	if err == nil {
		return h.showCreated(c, created, false)
	}
	f := fault.As(err)
	if f == nil {
		return err
	}
	if _, sentTwice := h.Keys.OfForm(c.UserContext(), actor, ask.Nonce); sentTwice == nil { // whatever else is wrong with it by now
		return h.showSpent(c, ask.Nonce)
	}
	switch f.Kind {
	case fault.Conflict:
		return h.showSpent(c, ask.Nonce)
	case fault.Invalid, fault.Unprocessable, fault.Forbidden, fault.NotFound:
		return h.showKeyForm(c, fiber.StatusUnprocessableEntity, in, map[string]string{formField(f.Param): say(l, f.Message)})
	default:
		return err
	}
}

// showCreated answers with the one view of a secret.
func (h *Handlers) showCreated(c *fiber.Ctx, created *control.CreatedKey, rotated bool) error {
	f, err := h.frame(c)
	if err != nil {
		return err
	}
	l, k := h.locale(c), &created.KeyView.Key
	secret := created.Secret.Reveal()
	shown := secret[:min(7, len(secret))] + "…" + secret[max(0, len(secret)-4):]
	v := keys.Created{
		Page: !web.IsPartial(c), Rotated: rotated, Name: keyName(k), Secret: secret, Shown: shown, Facts: keyFacts(l, &created.KeyView),
		Done: h.keyPlace(c, k.ID).back,
	}
	model := h.exampleModel(c, k)
	v.Snippets = ui.Snippets(f.APIBase, model, shown)
	if f.Nav.Playground {
		v.Playground = link(h.url("/ui/playground"), nil, "key", k.ID, "model", model)
	}
	for _, clamp := range created.Clamped {
		v.Clamped = append(v.Clamped, sayClamp(l, created, clamp))
	}
	if rotated {
		v.OldWorks = l.OldKeyStopped()
		if created.GraceEnds != nil {
			v.OldWorks = l.OldKeyWorksUntil(l.DateTime(created.GraceEnds.Time))
		}
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	part := both{keys.CreatedPart(f, v)}
	if web.IsPartial(c) {
		fresh, err := h.freshList(c, f)
		if err != nil {
			return err
		}
		part = append(part, fresh...)
	}
	return web.Render(c, keys.CreatedPage(f, v), part)
}

// exampleModel is a model that the key may call, for the snippets.
func (h *Handlers) exampleModel(c *fiber.Ctx, k *models.Key) string {
	team := ""
	if k.TeamID != nil {
		team = *k.TeamID
	}
	choices, err := h.Models.Callable(c.UserContext(), web.Actor(c), team)
	if err == nil {
		for _, choice := range choices {
			if !choice.IsGroup && (len(k.Models) == 0 || slices.Contains(k.Models, choice.Name)) {
				return choice.Name
			}
		}
	}
	if len(k.Models) > 0 {
		return k.Models[0]
	}
	return "demo"
}

// keyFacts are the key's settings in a line each.
func keyFacts(l i18n.Locale, v *control.KeyView) []string {
	var facts []string
	if v.Key.TeamID != nil {
		name := v.TeamAlias
		if name == "" {
			name = *v.Key.TeamID
		}
		facts = append(facts, l.TeamNamed(name))
	}
	if n := len(v.Key.Models); n > 0 {
		facts = append(facts, l.ModelCount(int64(n)))
	} else {
		facts = append(facts, l.AllModels())
	}
	if v.Key.MaxBudget != nil {
		amount := l.Money(int64(*v.Key.MaxBudget))
		if v.Key.BudgetDuration != nil {
			amount = l.AmountPer(amount, period(l, *v.Key.BudgetDuration))
		}
		facts = append(facts, amount)
	}
	if v.Key.ExpiresAt != nil {
		return append(facts, l.ExpiresOnDay(l.LongDate(v.Key.ExpiresAt.Time)))
	}
	return append(facts, l.NeverExpires())
}

func sayClamp(l i18n.Locale, created *control.CreatedKey, clamp control.Clamp) string {
	switch clamp.Field {
	case "max_budget":
		if b := created.KeyView.Key.MaxBudget; b != nil {
			return l.BudgetLowered(l.Money(int64(*b)))
		}
	case "duration":
		if e := created.KeyView.Key.ExpiresAt; e != nil {
			return l.ExpiryShortened(l.LongDate(e.Time))
		}
	}
	return l.LimitLowered(clamp.Field, clamp.Given)
}

// showSpent answers a form that was sent twice.
func (h *Handlers) showSpent(c *fiber.Ctx, nonce string) error {
	f, err := h.frame(c)
	if err != nil {
		return err
	}
	v := keys.Spent{Page: !web.IsPartial(c), Back: h.url("/ui/keys")}
	if made, err := h.Keys.OfForm(c.UserContext(), web.Actor(c), nonce); err == nil && access.May(web.Actor(c), access.KeyRegenerate, access.Key(&made.Key)) {
		v.Rotate = h.keyURL(made.Key.ID, "/rotate")
	}
	status := fiber.StatusConflict
	if web.IsPartial(c) {
		status = fiber.StatusUnprocessableEntity // the one refusal that HTMX shows in the dialog
	}
	return web.RenderStatus(c, status, keys.SpentPage(f, v), keys.SpentPart(f, v))
}

// period is a budget period in words.
func period(l i18n.Locale, text string) string {
	switch text {
	case "1d", "24h":
		return l.PerDay()
	case "7d", "1w":
		return l.PerWeek()
	case "30d", "1mo":
		return l.PerMonth()
	}
	return l.Every(text)
}
