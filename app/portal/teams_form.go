package portal

import (
	"slices"

	"github.com/gofiber/fiber/v2"

	"gatehouse/app/access"
	"gatehouse/app/control"
	"gatehouse/app/web"
	"gatehouse/models"
	"gatehouse/views/i18n"
	"gatehouse/views/teams"
	"gatehouse/views/ui"
)

func teamFields() []string {
	return []string{
		"team_alias", "models", "max_budget", "budget_duration", "rpm_limit", "tpm_limit", "max_parallel_requests", "team_member_budget",
		"team_member_budget_duration", "team_member_permissions",
	}
}

// teamValues is a team's form, as it stands or as it was sent.
type teamValues struct {
	name, budget, period, rpm, tpm, parallel, memberBudget, memberPeriod string
	models, permissions                                                  []string
}

func teamStands(t *models.Team) teamValues {
	return teamValues{
		name: textOf(t.Alias), budget: amountInput(t.MaxBudget), period: textOf(t.BudgetDuration), rpm: whole(t.RPMLimit), tpm: whole(t.TPMLimit),
		parallel: whole(t.MaxParallel), memberBudget: amountInput(t.MemberBudget), memberPeriod: textOf(t.MemberBudgetDuration), models: t.Models,
	}
}

func (f *form) teamValues() teamValues {
	return teamValues{
		name: f.value("team_alias"), budget: f.value("max_budget"), period: f.value("budget_duration"), rpm: f.value("rpm_limit"), tpm: f.value("tpm_limit"),
		parallel: f.value("max_parallel_requests"), memberBudget: f.value("team_member_budget"), memberPeriod: f.value("team_member_budget_duration"),
		models: f.list("models"), permissions: f.list("team_member_permissions"),
	}
}

// teamForm draws the fields; may says what the person may set.
func (h *Handlers) teamForm(c *fiber.Ctx, in teamValues, sent *form, may func(field string) access.Freedom, writes bool) (teams.Form, error) {
	l := h.locale(c)
	text := func(field, value string) ui.Text {
		t := ui.Text{Value: value}
		if sent != nil {
			t.Error = sent.problem(field)
		}
		switch {
		case !writes:
			t.Locked = l.SeeOnly()
		case may(field) == access.Fixed:
			t.Locked = l.OnlyAdminsChange()
		case may(field) == access.LowerOnly && value != "":
			t.Help = l.LowerOnly()
		}
		return t
	}
	v := teams.Form{
		Page: !web.IsPartial(c), Back: h.url("/ui/teams"), Name: text("team_alias", in.name), ModelText: text("models", ""), Budget: text("max_budget", in.budget),
		Periods: periods(l, in.period), RPM: text("rpm_limit", in.rpm), TPM: text("tpm_limit", in.tpm), Parallel: text("max_parallel_requests", in.parallel),
		MemberBudget: text("team_member_budget", in.memberBudget), MemberPeriods: periods(l, in.memberPeriod),
	}
	if may("budget_duration") == access.Fixed {
		v.Periods = slices.DeleteFunc(v.Periods, func(o ui.Option) bool { return !o.Selected })
	}
	if sent != nil {
		v.Problems = sent.problems
	}
	if v.ModelText.Locked != "" {
		v.ModelText.Value = l.List(in.models)
		if len(in.models) == 0 {
			v.ModelText.Value = l.AllModels()
		}
	}
	choices, err := h.Models.Callable(c.UserContext(), web.Actor(c), "")
	if err != nil {
		return v, err
	}
	v.Models = modelOptions(choices, in.models)
	return v, nil
}

// modelOptions are the models to choose from, and those that were chosen before and are not on offer any more.
func modelOptions(choices []control.ModelChoice, chosen []string) []ui.Option {
	var out []ui.Option
	for _, m := range choices {
		out = append(out, ui.Option{Value: m.Name, Label: m.Name, Selected: slices.Contains(chosen, m.Name)})
	}
	for _, name := range chosen {
		if !slices.ContainsFunc(out, func(o ui.Option) bool { return o.Value == name }) {
			out = append(out, ui.Option{Value: name, Label: name, Selected: true})
		}
	}
	return out
}

// teamNewForm serves GET /ui/teams/new.
func (h *Handlers) teamNewForm(c *fiber.Ctx) error {
	return h.showTeamNew(c, fiber.StatusOK, teamValues{}, nil)
}

func (h *Handlers) showTeamNew(c *fiber.Ctx, status int, in teamValues, sent *form) error {
	f, err := h.view(c)
	if err != nil {
		return err
	}
	v, err := h.teamForm(c, in, sent, func(string) access.Freedom { return access.Free }, true)
	if err != nil {
		return err
	}
	v.Action = h.url("/ui/teams/new")
	return web.RenderStatus(c, status, teams.CreatePage(f, v), teams.CreatePart(f, v))
}

// teamCreate serves POST /ui/teams/new.
func (h *Handlers) teamCreate(c *fiber.Ctx) error {
	f := h.readForm(c)
	in := f.teamValues()
	ask := control.NewTeam{TeamFields: f.teamFields(in, &models.Team{})}
	if in.name == "" {
		f.fail("team_alias", f.l.ErrTeamNameMissing())
	}
	if !f.bad() {
		made, err := h.Teams.New(c.UserContext(), web.Actor(c), ask)
		if err == nil {
			return h.done(c, h.teamURL(made.Team.ID, ""), f.l.ToastTeamCreated(teamName(&made.Team)))
		}
		if !f.refused(err, teamFields()...) {
			return err
		}
	}
	return h.showTeamNew(c, fiber.StatusUnprocessableEntity, in, f)
}

// teamFields reads the fields that differ from the team as it stands.
func (f *form) teamFields(in teamValues, t *models.Team) control.TeamFields {
	stands := teamStands(t)
	var out control.TeamFields
	if in.name != stands.name {
		out.Alias = f.optional("team_alias")
	}
	out.Models = changedList(in.models, t.Models)
	out.MaxBudget = changed(f.amount("max_budget"), t.MaxBudget)
	out.BudgetDuration = changed(f.optional("budget_duration"), t.BudgetDuration)
	out.RPMLimit = changed(f.whole("rpm_limit"), t.RPMLimit)
	out.TPMLimit = changed(f.whole("tpm_limit"), t.TPMLimit)
	out.MaxParallel = changed(f.whole("max_parallel_requests"), t.MaxParallel)
	out.MemberBudget = changed(f.amount("team_member_budget"), t.MemberBudget)
	out.MemberBudgetDuration = changed(f.optional("team_member_budget_duration"), t.MemberBudgetDuration)
	return out
}

// permissionNames are what members can be allowed, in words, each with the routes that it stands for.
func permissionNames(l i18n.Locale) []struct {
	label  string
	routes []string
} {
	return []struct {
		label  string
		routes []string
	}{
		{l.PermitInfo(), []string{"/key/info", "/key/list", "/key/aliases", "/key/health"}},
		{l.PermitCreate(), []string{"/key/generate", "/key/service-account/generate"}},
		{l.PermitUpdate(), []string{"/key/update", "/key/{key}/reset_spend"}},
		{l.PermitRotate(), []string{"/key/regenerate", "/key/{key}/regenerate"}},
		{l.PermitBlock(), []string{"/key/block", "/key/unblock"}},
		{l.PermitDelete(), []string{"/key/delete"}},
	}
}

// teamSettings is the third tab; sent is the form that came back.
func (h *Handlers) teamSettings(c *fiber.Ctx, t *control.TeamInfo, sent *form) (*teams.Form, error) {
	actor, team := web.Actor(c), &t.Team
	target := access.Team(team.ID, team.OrgID)
	may := access.FieldsOf(actor, access.TeamUpdate, target)
	writes := access.May(actor, access.TeamUpdate, target)
	in := teamStands(team)
	if sent != nil {
		in = lockedTeam(in, sent.teamValues(), may)
	}
	v, err := h.teamForm(c, in, sent, may.Of, writes)
	if err != nil {
		return nil, err
	}
	v.Page, v.Version = true, versionOf(team.Audit)
	if sent != nil {
		v.Version = sent.value("version")
	}
	if writes {
		v.Action = h.teamURL(team.ID, "")
	} else {
		v.Budget.Value = amountPer(h.locale(c), team.MaxBudget, team.BudgetDuration)
		v.MemberBudget.Value = amountPer(h.locale(c), team.MemberBudget, team.MemberBudgetDuration)
	}
	granted, err := h.granted(c, t)
	if err != nil || granted == nil {
		return &v, err
	}
	if sent != nil {
		granted = in.permissions
	}
	for _, p := range permissionNames(h.locale(c)) {
		o := ui.Option{Value: p.routes[0], Label: p.label, Selected: slices.Contains(granted, p.routes[0])}
		if !access.May(actor, access.TeamPermit, target) {
			o.Reason = h.lang(c).SeeOnly()
		}
		v.Permissions = append(v.Permissions, o)
	}
	return &v, nil
}

// granted is what plain members may do, nil where the person may not know.
func (h *Handlers) granted(c *fiber.Ctx, t *control.TeamInfo) ([]string, error) {
	actor := web.Actor(c)
	if !access.May(actor, access.TeamPermissions, access.Team(t.Team.ID, t.Team.OrgID)) {
		return nil, nil
	}
	p, err := h.Teams.Permissions(c.UserContext(), actor, t.Team.ID)
	if err != nil {
		return nil, err
	}
	return append([]string{}, p.Granted...), nil
}

// lockedTeam puts the standing values back where the actor may set nothing: those fields were not sent.
func lockedTeam(stands, sent teamValues, may access.Fields) teamValues {
	for _, field := range teamFields() {
		if may.Of(field) != access.Fixed {
			continue
		}
		switch field {
		case "team_alias":
			sent.name = stands.name
		case "models":
			sent.models = stands.models
		case "max_budget":
			sent.budget = stands.budget
		case "budget_duration":
			sent.period = stands.period
		case "rpm_limit":
			sent.rpm = stands.rpm
		case "tpm_limit":
			sent.tpm = stands.tpm
		case "max_parallel_requests":
			sent.parallel = stands.parallel
		case "team_member_budget":
			sent.memberBudget = stands.memberBudget
		case "team_member_budget_duration":
			sent.memberPeriod = stands.memberPeriod
		}
	}
	return sent
}

// teamUpdate serves POST /ui/teams/:id: the settings, of which only what changed is sent on.
func (h *Handlers) teamUpdate(c *fiber.Ctx) error {
	t, err := h.teamTo(c, access.TeamUpdate)
	if err != nil {
		return err
	}
	actor, team := web.Actor(c), &t.Team
	f := h.readForm(c)
	back := func() error { return h.showTeam(c, t, "settings", fiber.StatusUnprocessableEntity, f) }
	if f.stale(team.Audit) {
		return back()
	}
	may := access.FieldsOf(actor, access.TeamUpdate, access.Team(team.ID, team.OrgID))
	ask := control.TeamUpdate{ID: team.ID, TeamFields: f.teamFields(lockedTeam(teamStands(team), f.teamValues(), may), team)}
	if may.Of("budget_duration") == access.Fixed { // not in the form, so its absence says nothing
		ask.BudgetDuration = control.Opt[string]{}
	}
	if err := h.readPermissions(c, t, f, &ask); err != nil {
		return err
	}
	if ask.Alias.Sent && ask.Alias.Or("") == "" {
		f.fail("team_alias", f.l.ErrTeamNameMissing())
	}
	if f.bad() {
		return back()
	}
	if _, err := h.Teams.Update(c.UserContext(), actor, ask); err != nil {
		if f.refused(err, teamFields()...) {
			return back()
		}
		return err
	}
	return h.done(c, h.teamURL(team.ID, "?tab=settings"), f.l.ToastSaved())
}

// readPermissions turns the ticks into routes, where they differ from what stands.
func (h *Handlers) readPermissions(c *fiber.Ctx, t *control.TeamInfo, f *form, ask *control.TeamUpdate) error {
	granted, err := h.granted(c, t)
	if err != nil || granted == nil || !access.May(web.Actor(c), access.TeamPermit, access.Team(t.Team.ID, t.Team.OrgID)) {
		return err
	}
	chosen := f.list("team_member_permissions")
	differs := false
	routes := slices.Clone(granted)
	for _, p := range permissionNames(f.l) {
		was, is := slices.Contains(granted, p.routes[0]), slices.Contains(chosen, p.routes[0])
		if was == is {
			continue
		}
		differs = true
		routes = slices.DeleteFunc(routes, func(r string) bool { return slices.Contains(p.routes, r) })
		if is {
			routes = append(routes, p.routes...)
		}
	}
	if differs {
		ask.MemberPermissions = control.Some(routes)
	}
	return nil
}
