package portal

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"gatehouse/app/access"
	"gatehouse/app/control"
	"gatehouse/app/web"
	"gatehouse/models"
	"gatehouse/views/i18n"
	"gatehouse/views/keys"
	"gatehouse/views/ui"
)

// keepExpiry is the choice that leaves a key's end as it is.
const keepExpiry = "keep"

// keyFormFields are the fields of a key's form, in the order in which they stand.
func keyFormFields() []string {
	return []string{
		"key_alias", "models", "max_budget", "budget_duration", "duration", "expires_at", "rpm_limit", "tpm_limit", "max_parallel_requests",
		"model_limits", "tags", "aliases", "metadata", "allowed_routes",
	}
}

// standing is a key as its form shows it.
func standing(k *models.Key) keyInput {
	in := keyInput{
		name: textOf(k.Alias), models: k.Models, budget: amountInput(k.MaxBudget), period: textOf(k.BudgetDuration), expires: keepExpiry,
		rpm: whole(k.RPMLimit), tpm: whole(k.TPMLimit), parallel: whole(k.MaxParallel), tags: strings.Join(tagsOf(k.Metadata), ", "),
		routes: strings.Join(k.AllowedRoutes, "\n"), metadata: otherMetadata(k.Metadata),
	}
	if k.ExpiresAt == nil {
		in.expires = ""
	}
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(k.Aliases)) {
		lines = append(lines, name+" = "+k.Aliases[name])
	}
	in.aliases, lines = strings.Join(lines, "\n"), nil
	both := map[string]bool{}
	for name := range k.ModelRPMLimit {
		both[name] = true
	}
	for name := range k.ModelTPMLimit {
		both[name] = true
	}
	limit := func(m models.IntMap, name string) string {
		if n, has := m[name]; has {
			return strconv.FormatInt(n, 10)
		}
		return "-"
	}
	for _, name := range slices.Sorted(maps.Keys(both)) {
		lines = append(lines, name+" "+limit(k.ModelRPMLimit, name)+" "+limit(k.ModelTPMLimit, name))
	}
	in.perModel = strings.Join(lines, "\n")
	return in
}

// otherMetadata is the metadata without its tags, which have a field of their own; "" when there is nothing else.
func otherMetadata(metadata models.JSON) string {
	var m map[string]json.RawMessage
	if json.Unmarshal(metadata, &m) != nil {
		return ""
	}
	delete(m, "tags")
	if len(m) == 0 {
		return ""
	}
	text, err := json.Marshal(m)
	if err != nil {
		return ""
	}
	var out bytes.Buffer
	if json.Indent(&out, text, "", "  ") != nil {
		return string(text)
	}
	return out.String()
}

// freedoms says of each field of the form whether the actor may set it on this key; nil when they may set none.
func freedoms(actor access.Actor, k *models.Key) func(field string) access.Freedom {
	may := access.FieldsOf(actor, access.KeyUpdate, access.Key(k))
	return func(field string) access.Freedom {
		switch field {
		case "expires_at":
			field = "duration"
		case "model_limits":
			return min(may.Of("model_rpm_limit"), may.Of("model_tpm_limit"))
		}
		return may.Of(field)
	}
}

// keySettings is the settings tab; edit is the form that came back.
func (h *Handlers) keySettings(c *fiber.Ctx, v *control.KeyView, edit *form) (*keys.Form, error) {
	l, actor, k := h.locale(c), web.Actor(c), &v.Key
	in := standing(k)
	version := versionOf(k.Audit)
	if edit != nil {
		sent := readKeyInput(c)
		in = merged(in, sent, freedoms(actor, k))
		version = edit.value("version")
	} else {
		edit = &form{c: c, l: l}
	}
	options, err := h.Keys.Options(c.UserContext(), actor, textOf(k.TeamID))
	if err != nil {
		return nil, err
	}
	may := freedoms(actor, k)
	writes := access.May(actor, access.KeyUpdate, access.Key(k))
	text := func(field, value string) ui.Text {
		t := ui.Text{Value: value, Error: edit.problem(field)}
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
	out := &keys.Form{
		Edit: true, Page: true, Back: h.url("/ui/keys"), Version: version, Problems: edit.problems, Name: text("key_alias", in.name),
		Options: h.formOptions(c, in, options, nil), More: true, RPM: text("rpm_limit", in.rpm), TPM: text("tpm_limit", in.tpm),
		Parallel: text("max_parallel_requests", in.parallel), PerModel: text("model_limits", in.perModel), Tags: text("tags", in.tags),
		Aliases: text("aliases", in.aliases), Metadata: text("metadata", in.metadata), Routes: text("allowed_routes", in.routes),
	}
	if writes {
		out.Action = h.keyURL(k.ID, "")
	}
	h.editOptions(c, l, v, in, &out.Options, text)
	return out, nil
}

// editOptions turns the options of a new key into those of one that stands.
func (h *Handlers) editOptions(c *fiber.Ctx, l i18n.Locale, v *control.KeyView, in keyInput, o *keys.Options, text func(field, value string) ui.Text) {
	k := &v.Key
	for _, name := range in.models { // a list may name what is not on offer any more
		if !slices.ContainsFunc(o.Models, func(m ui.Option) bool { return m.Value == name }) {
			o.Models = append(o.Models, ui.Option{Value: name, Label: name, Selected: true})
		}
	}
	o.ModelText = text("models", strings.Join(in.models, ", "))
	if o.ModelText.Locked != "" && len(in.models) == 0 {
		o.ModelText.Value = o.AllLabel
	}
	help := o.Budget.Help
	o.Budget = text("max_budget", in.budget)
	if o.Budget.Locked != "" {
		o.Budget.Value = amountPer(l, k.MaxBudget, k.BudgetDuration)
	} else if o.Budget.Help == "" {
		o.Budget.Help = help
	}
	o.Periods = periods(l, in.period)
	help = o.Expires.Help
	o.Expires = text("duration", in.expires)
	if o.Expires.Help == "" {
		o.Expires.Help = help
	}
	ends := l.NeverExpires()
	if k.ExpiresAt != nil {
		ends = l.ExpiresOnDay(h.locale(c).DateTime(k.ExpiresAt.Time))
		o.Durations = append([]ui.Option{{Value: keepExpiry, Label: ends, Selected: in.expires == keepExpiry}}, o.Durations...)
	}
	if o.Expires.Locked != "" {
		o.Expires.Value = ends
	}
	o.Date.Error = text("expires_at", "").Error
}

// merged is the standing values under those that were sent; what the actor may not set was not sent.
func merged(stands, sent keyInput, may func(string) access.Freedom) keyInput {
	for _, field := range keyFormFields() {
		if may(field) != access.Fixed {
			continue
		}
		switch field {
		case "key_alias":
			sent.name = stands.name
		case "models":
			sent.models = stands.models
		case "max_budget":
			sent.budget = stands.budget
		case "budget_duration":
			sent.period = stands.period
		case "duration":
			sent.expires, sent.date = stands.expires, stands.date
		case "rpm_limit":
			sent.rpm = stands.rpm
		case "tpm_limit":
			sent.tpm = stands.tpm
		case "max_parallel_requests":
			sent.parallel = stands.parallel
		case "model_limits":
			sent.perModel = stands.perModel
		case "tags":
			sent.tags = stands.tags
		case "aliases":
			sent.aliases = stands.aliases
		case "metadata":
			sent.metadata = stands.metadata
		case "allowed_routes":
			sent.routes = stands.routes
		}
	}
	sent.owner, sent.team = "", ""
	return sent
}

// versionOf names a row's state: a form that was opened on another one is stale.
func versionOf(a models.Audit) string { return strconv.FormatInt(a.UpdatedAt.Micros(), 10) }

// stale notes that somebody changed the row since the form was opened.
func (f *form) stale(a models.Audit) bool {
	sent := f.value("version")
	if sent == "" || sent == versionOf(a) {
		return false
	}
	f.fail("", f.l.Conflict(f.l.DateTime(a.UpdatedAt.Time)))
	return true
}

// keyUpdate serves POST /ui/keys/:id: the settings, of which only what changed is sent on.
func (h *Handlers) keyUpdate(c *fiber.Ctx) error {
	v, err := h.keyOf(c)
	if err != nil {
		return h.keyGone(c, err)
	}
	l, actor := h.locale(c), web.Actor(c)
	f := h.readForm(c)
	back := func() error { return h.showKey(c, v, "settings", fiber.StatusUnprocessableEntity, f) }
	if f.stale(v.Key.Audit) {
		return back()
	}
	in := merged(standing(&v.Key), readKeyInput(c), freedoms(actor, &v.Key))
	ask := f.keyChanges(l, &v.Key, in)
	if f.bad() {
		return back()
	}
	saved, err := h.Keys.Update(c.UserContext(), actor, control.KeyUpdate{Key: control.ByID(v.Key.ID), KeyFields: ask})
	if err != nil {
		if f.refused(err, keyFormFields()...) {
			return back()
		}
		return err
	}
	return h.done(c, h.keyURL(saved.Key.ID, "?tab=settings"), l.ToastSaved())
}

// keyChanges are the fields that differ from the key as it stands.
func (f *form) keyChanges(l i18n.Locale, k *models.Key, in keyInput) control.KeyFields {
	stands := standing(k)
	parse := in
	if in.expires == keepExpiry {
		parse.expires = ""
	}
	read, problems := parse.newKey(l)
	for _, field := range keyFormFields() {
		if text := problems[field]; text != "" {
			f.fail(field, text)
		}
	}
	var out control.KeyFields
	if in.name != stands.name {
		out.Alias = read.Alias
	}
	if list := changedList(in.models, k.Models); list.Sent {
		out.Models = list
	}
	out.MaxBudget = changed(orNull(read.MaxBudget), k.MaxBudget)
	out.BudgetDuration = changed(orNull(read.BudgetDuration), k.BudgetDuration)
	out.RPMLimit = changed(orNull(read.RPMLimit), k.RPMLimit)
	out.TPMLimit = changed(orNull(read.TPMLimit), k.TPMLimit)
	out.MaxParallel = changed(orNull(read.MaxParallel), k.MaxParallel)
	if in.expires != stands.expires {
		out.Duration = read.Duration
	}
	if in.perModel != stands.perModel {
		out.ModelRPMLimit, out.ModelTPMLimit = control.Some(read.ModelRPMLimit.Value), control.Some(read.ModelTPMLimit.Value)
	}
	if in.tags != stands.tags {
		out.Tags = control.Some(append([]string{}, read.Tags.Value...))
	}
	if in.aliases != stands.aliases {
		out.Aliases = control.Some(read.Aliases.Value)
	}
	if in.routes != stands.routes {
		out.AllowedRoutes = control.Some(read.AllowedRoutes.Value)
	}
	if strings.ReplaceAll(in.metadata, "\r\n", "\n") != stands.metadata {
		out.Metadata = control.Some(models.JSON("{}")) // null would take the tags out too
		if read.Metadata.Has() {
			out.Metadata = read.Metadata
		}
	}
	return out
}

// orNull reads an empty field of a form as null: the form holds every field, so nothing is left out.
func orNull[T any](o control.Opt[T]) control.Opt[T] {
	if o.Sent {
		return o
	}
	return control.Null[T]()
}

// keyExtension reads the new end that a bulk action gives.
func keyExtension(text string) (control.Opt[string], bool) {
	switch text {
	case "never":
		return control.Null[string](), true
	case "7d", "30d", "90d":
		return control.Some(text), true
	}
	return control.Opt[string]{}, false
}
