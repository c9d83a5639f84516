package portal

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"gatehouse/app/control"
	"gatehouse/app/web"
	"gatehouse/models"
	"gatehouse/models/duration"
	"gatehouse/views/i18n"
	"gatehouse/views/ui"
)

const maxMetadata = 16 << 10

// keyInput is the create form as it was sent.
type keyInput struct {
	name, owner, team                                             string
	models                                                        []string
	budget, period, expires, date                                 string
	rpm, tpm, parallel, perModel, tags, aliases, metadata, routes string
	nonce                                                         string
}

func readKeyInput(c *fiber.Ctx) keyInput {
	value := func(name string) string { return strings.TrimSpace(c.FormValue(name)) }
	in := keyInput{
		name: value("key_alias"), owner: value("owner"), team: value("team_id"), budget: value("max_budget"), period: value("budget_duration"),
		expires: value("duration"), date: value("expires_at"), rpm: value("rpm_limit"), tpm: value("tpm_limit"), parallel: value("max_parallel_requests"),
		perModel: value("model_limits"), tags: value("tags"), aliases: value("aliases"), metadata: value("metadata"), routes: value("allowed_routes"), nonce: value("nonce"),
	}
	for _, m := range c.Context().PostArgs().PeekMulti("models") {
		in.models = append(in.models, string(m))
	}
	if c.Method() == fiber.MethodGet {
		for _, m := range c.Context().QueryArgs().PeekMulti("models") {
			in.models = append(in.models, string(m))
		}
	} else if form, err := c.MultipartForm(); err == nil {
		in.models = append(in.models, form.Value["models"]...)
	}
	if in.owner == "me" {
		in.team = ""
	}
	return in
}

// newKey reads the form. problems are by wire name.
func (in keyInput) newKey(l i18n.Locale) (ask control.NewKey, problems map[string]string) {
	problems = map[string]string{}
	ask.Via, ask.Nonce = "portal", in.nonce
	switch {
	case in.name == "":
		problems["key_alias"] = l.ErrNameMissing()
	case len([]rune(in.name)) > 80:
		problems["key_alias"] = l.ErrNameLong()
	}
	ask.Alias = control.Some(in.name)
	if team := in.teamID(); team != "" {
		ask.TeamID = control.Some(team)
	} else if in.owner == "team" || in.owner == "service" {
		problems["team_id"] = l.ErrTeamMissing()
	}
	ask.Models = control.Some(in.models)
	if in.budget != "" {
		amount, err := models.ParseNano(strings.TrimPrefix(in.budget, "$"))
		if err != nil || amount < 0 {
			problems["max_budget"] = l.ErrAmount()
		}
		ask.MaxBudget = control.Some(amount)
	}
	if in.period != "" {
		ask.BudgetDuration = control.Some(in.period)
	}
	in.expiry(l, &ask, problems)
	whole := func(field, value string, to *control.Opt[int64]) {
		if value == "" {
			return
		}
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil || n < 1 {
			problems[field] = l.ErrWholeNumber()
			return
		}
		*to = control.Some(n)
	}
	whole("rpm_limit", in.rpm, &ask.RPMLimit)
	whole("tpm_limit", in.tpm, &ask.TPMLimit)
	whole("max_parallel_requests", in.parallel, &ask.MaxParallel)
	in.lists(l, &ask, problems)
	return ask, problems
}

// expiry reads "7d", "custom" with a date, or never.
func (in keyInput) expiry(l i18n.Locale, ask *control.NewKey, problems map[string]string) {
	switch in.expires {
	case "":
		ask.Duration = control.Null[string]()
	case "custom":
		day, err := time.Parse(time.DateOnly, in.date)
		if err != nil {
			problems["expires_at"] = l.ErrDate()
			return
		}
		left := day.Sub(l.Now)
		if left <= 0 {
			problems["expires_at"] = l.ErrPast()
			return
		}
		ask.Duration = control.Some(strconv.FormatInt(int64(left/time.Second), 10) + "s")
	default:
		ask.Duration = control.Some(in.expires)
	}
}

// lists reads the folded fields: one entry a line, or comma separated.
func (in keyInput) lists(l i18n.Locale, ask *control.NewKey, problems map[string]string) {
	if in.tags != "" {
		var tags []string
		for tag := range strings.SplitSeq(in.tags, ",") {
			if tag = strings.TrimSpace(tag); tag != "" {
				tags = append(tags, tag)
			}
		}
		ask.Tags = control.Some(tags)
	}
	if in.aliases != "" {
		aliases := map[string]string{}
		for i, line := range lineList(in.aliases) {
			name, model, ok := strings.Cut(line, "=")
			name, model = strings.TrimSpace(name), strings.TrimSpace(model)
			if !ok || name == "" || model == "" {
				problems["aliases"] = l.ErrLineForm(int64(i+1), "name = model")
				return
			}
			aliases[name] = model
		}
		ask.Aliases = control.Some(aliases)
	}
	if in.perModel != "" {
		rpm, tpm := map[string]int64{}, map[string]int64{}
		for i, line := range lineList(in.perModel) {
			if !modelLimit(line, rpm, tpm) {
				problems["model_limits"] = l.ErrLineForm(int64(i+1), "model rpm tpm")
				return
			}
		}
		ask.ModelRPMLimit, ask.ModelTPMLimit = control.Some(rpm), control.Some(tpm)
	}
	if in.routes != "" {
		ask.AllowedRoutes = control.Some(lineList(in.routes))
	}
	in.meta(l, ask, problems)
}

// modelLimit reads "gpt-4o 60 100000"; a dash leaves one of the two open.
func modelLimit(line string, rpm, tpm map[string]int64) bool {
	parts := strings.Fields(line)
	if len(parts) < 2 || len(parts) > 3 {
		return false
	}
	for i, limits := range []map[string]int64{rpm, tpm} {
		if len(parts) <= i+1 || parts[i+1] == "-" {
			continue
		}
		n, err := strconv.ParseInt(parts[i+1], 10, 64)
		if err != nil || n < 1 {
			return false
		}
		limits[parts[0]] = n
	}
	return true
}

func (in keyInput) meta(l i18n.Locale, ask *control.NewKey, problems map[string]string) {
	if in.metadata == "" {
		return
	}
	if len(in.metadata) > maxMetadata {
		problems["metadata"] = l.ErrJSONSize()
		return
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal([]byte(in.metadata), &object); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			line := 1 + strings.Count(in.metadata[:min(int(syntax.Offset), len(in.metadata))], "\n")
			problems["metadata"] = l.ErrJSONLine(int64(line), jsonProblem(l, in.metadata, syntax))
			return
		}
		problems["metadata"] = l.ErrJSONObject()
		return
	}
	ask.Metadata = control.Some(models.JSON(in.metadata))
}

func lineList(text string) []string {
	var out []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, line)
		}
	}
	return out
}

// jsonProblem says what stands where a JSON text breaks off making sense.
func jsonProblem(l i18n.Locale, text string, at *json.SyntaxError) string {
	i := int(at.Offset) - 1
	if strings.Contains(at.Error(), "unexpected end") || i < 0 || i >= len(text) {
		return l.JSONEndsEarly()
	}
	if strings.Contains(at.Error(), "after object key:value pair") || strings.Contains(at.Error(), "after array element") {
		return l.JSONCommaMissing()
	}
	r := []rune(text[i:])
	return l.JSONUnexpected("'" + string(r[0]) + "'")
}

// formField is the form's field for a wire name; "" is the whole form.
func formField(param string) string {
	switch param {
	case "user_id":
		return "owner"
	case "model_rpm_limit", "model_tpm_limit":
		return "model_limits"
	}
	if param == "owner" || param == "team_id" || slices.Contains(keyFormFields(), param) {
		return param
	}
	return ""
}

// inOrder lists problems as their fields stand in the form.
func inOrder(problems map[string]string) []ui.Problem {
	var out []ui.Problem
	left := maps.Clone(problems)
	for _, field := range append([]string{"", "owner", "team_id"}, keyFormFields()...) {
		if text := problems[field]; text != "" {
			out = append(out, ui.Problem{FieldID: field, Text: text})
			delete(left, field)
		}
	}
	for _, field := range slices.Sorted(maps.Keys(left)) {
		out = append(out, ui.Problem{FieldID: field, Text: left[field]})
	}
	return out
}

// boundProblems checks what was typed against what the owner and the team allow, with the reason that the form shows.
func (h *Handlers) boundProblems(c *fiber.Ctx, in keyInput, ask control.NewKey, o *control.KeyOptions, problems map[string]string) {
	l := h.locale(c)
	note := func(field, text string) {
		if problems[field] == "" {
			problems[field] = text
		}
	}
	team := ""
	for _, t := range o.Teams {
		if t.ID != in.teamID() {
			continue
		}
		if team = t.Alias; team == "" {
			team = t.ID
		}
		if !t.May || in.owner == "service" && !t.Service {
			note("team_id", l.ErrTeamForbidden(team, h.teamAdmins(c, t.ID)))
		}
	}
	if in.teamID() == "" && !o.Personal && in.owner != "team" && in.owner != "service" {
		note("owner", say(l, o.PersonalWhy))
	}
	may := map[string]bool{}
	for _, m := range o.Models {
		may[m.Name] = true
	}
	for _, name := range in.models {
		switch {
		case may[name] || problems["team_id"] != "":
		case team != "":
			note("models", l.ErrModelNotInTeam(name, team))
		default:
			note("models", l.ErrModelNotAllowed(name))
		}
	}
	if most := o.Bounds.MaxBudget; most != nil && ask.MaxBudget.Has() && ask.MaxBudget.Value > *most {
		note("max_budget", l.ErrAmountTooHigh(l.Money(int64(*most))))
	}
	for _, n := range []struct {
		field string
		asked control.Opt[int64]
		most  *int64
	}{{"rpm_limit", ask.RPMLimit, o.Bounds.RPMLimit}, {"tpm_limit", ask.TPMLimit, o.Bounds.TPMLimit}, {"max_parallel_requests", ask.MaxParallel, o.Bounds.MaxParallel}} {
		if n.most != nil && n.asked.Has() && n.asked.Value > *n.most {
			note(n.field, l.ErrAmountTooHigh(l.Number(*n.most)))
		}
	}
	bound, err := duration.Parse(o.Bounds.Duration)
	if err != nil || bound.IsNever() || !ask.Duration.Has() {
		return
	}
	if asked, err := duration.Parse(ask.Duration.Value); err == nil && asked.Seconds() > bound.Seconds() {
		field := "duration"
		if in.expires == "custom" {
			field = "expires_at"
		}
		note(field, l.ErrTooLong(bound.Seconds()/86400))
	}
}

// teamAdmins names a team's admins for the end of a refusal.
func (h *Handlers) teamAdmins(c *fiber.Ctx, id string) string {
	names, err := h.Teams.Admins(c.UserContext(), web.Actor(c), id)
	if err != nil || len(names) == 0 {
		return h.lang(c).YourAdmin()
	}
	return i18n.Or(h.lang(c), names)
}
