package portal

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"gatehouse/app/access"
	"gatehouse/app/control"
	"gatehouse/app/web"
	"gatehouse/models"
	"gatehouse/models/fault"
	"gatehouse/views/audit"
	"gatehouse/views/i18n"
	"gatehouse/views/ui"
)

// auditActor is who did it.
func auditActor(l i18n.Locale, r *models.AuditRow, names *control.AuditNames) ui.Person {
	switch r.ActorType {
	case "system":
		return ui.Person{Name: r.ActorID, Service: true}
	case "master":
		return ui.Person{Name: l.MasterKey(), Service: true}
	case "key":
		return ui.Person{Name: l.APIKey() + " " + r.ActorID, Service: true}
	}
	if name := names.People[r.ActorID]; name != "" {
		return ui.Person{Name: name}
	}
	if r.ActorID == models.DefaultUserID {
		return ui.Person{Name: "admin"}
	}
	return ui.Person{Name: orDash(r.ActorID)}
}

// auditWords is what was done, in words: "changed", "tried and may not: delete".
func auditWords(l i18n.Locale, r *models.AuditRow) string {
	words := actionWords(l, r.Action)
	if strings.HasSuffix(r.Action, ".write") { // one action for all that is done to such a thing
		switch {
		case noValues(r.Before) && !noValues(r.After):
			words = l.DidCreate()
		case noValues(r.After) && !noValues(r.Before):
			words = l.DidDelete()
		}
	}
	if r.Outcome == "refused" {
		return l.WasRefused(words)
	}
	return words
}

func noValues(values models.JSON) bool { return len(valuesOf(values)) == 0 }

func actionWords(l i18n.Locale, action string) string {
	_, verb, _ := strings.Cut(action, ".")
	switch verb {
	case "create", "create_team", "create_service":
		if strings.HasPrefix(action, "invitation.") {
			return l.DidInvite()
		}
		return l.DidCreate()
	case "update", "bulk_update", "write", "reset_spend", "permissions_update", "models", "callback", "member":
		return l.DidUpdate()
	case "delete":
		return l.DidDelete()
	case "block":
		return l.DidBlock()
	case "unblock":
		return l.DidUnblock()
	case "regenerate":
		return l.DidRotate()
	case "sign_in":
		return l.DidSignIn()
	case "sign_out", "end":
		return l.DidSignOut()
	case "member_add", "member_bulk_add":
		return l.DidAddMember()
	case "member_update":
		return l.DidChangeMember()
	case "member_delete":
		return l.DidRemoveMember()
	case "accept":
		return l.DidAccept()
	case "reset_password":
		return l.DidResetPassword()
	case "factor_on":
		return l.DidFactorOn()
	case "factor_setup":
		return l.DidFactorSetup()
	case "export":
		return l.DidExport()
	case "factor_off", "factor_reset":
		return l.DidFactorOff()
	case "factor_recovery":
		return l.DidRecover()
	case "release_budget":
		return l.DidRelease()
	case "reset_all":
		return l.DidResetAll()
	}
	return action
}

// kindName is a noun of the audit log as people say it.
func kindName(l i18n.Locale, noun string) string {
	switch noun {
	case "key":
		return l.APIKey()
	case "user":
		return l.User()
	case "team":
		return l.Team()
	case "model":
		return l.Model()
	case "budget":
		return l.Budget()
	case "invitation":
		return l.InvitationLink()
	case "session":
		return l.SessionLabel()
	case "settings":
		return l.Settings()
	case "organization":
		return l.Organization()
	case "customer":
		return l.EndUser()
	case "access_group":
		return l.AccessGroup()
	case "spend":
		return l.Spend()
	}
	return noun
}

// valuesOf flattens a row's values to text, secrets as marks.
func valuesOf(values models.JSON) map[string]string {
	raw := map[string]json.RawMessage{}
	if json.Unmarshal(values, &raw) != nil {
		return nil
	}
	out := make(map[string]string, len(raw))
	for name, v := range raw {
		var text string
		if json.Unmarshal(v, &text) != nil {
			text = string(v)
		}
		if strings.HasPrefix(text, "•••") {
			text = "•••"
		}
		out[name] = text
	}
	return out
}

// changesOf lists what differs, in the order of the names.
func changesOf(r *models.AuditRow) []ui.Change {
	was, is := valuesOf(r.Before), valuesOf(r.After)
	names := map[string]bool{}
	for name := range was {
		names[name] = true
	}
	for name := range is {
		names[name] = true
	}
	var out []ui.Change
	for _, name := range slices.Sorted(maps.Keys(names)) {
		out = append(out, ui.Change{Field: name, Before: was[name], After: is[name]})
	}
	return out
}

// changeWords is a change in a line: "max_budget: 400.0 → 600.0". What was made or deleted needs none.
func changeWords(r *models.AuditRow) string {
	if len(valuesOf(r.Before)) == 0 || len(valuesOf(r.After)) == 0 {
		return ""
	}
	const most = 3
	var parts []string
	for i, change := range changesOf(r) {
		if i == most {
			parts = append(parts, "…")
			break
		}
		parts = append(parts, change.Field+": "+shorten(orDash(change.Before))+" → "+shorten(orDash(change.After)))
	}
	return strings.Join(parts, ", ")
}

func shorten(text string) string {
	const most = 40
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return text
}

// auditQuery is the list's state as the URL holds it.
func (h *Handlers) auditQuery(c *fiber.Ctx, l i18n.Locale) (control.AuditQuery, string, error) {
	v := queryOf(c)
	q := control.AuditQuery{Actor: v.Get("actor"), Action: v.Get("action"), ObjectType: v.Get("target"), Size: h.pageSize(c, v.Get("size")), Before: v.Get("before")}
	switch v.Get("range") {
	case "", "all":
	case "24h":
		q.From = l.Now.Add(-dayLength)
	case "7d":
		q.From = l.Now.Add(-7 * dayLength)
	case "30d":
		q.From = l.Now.Add(-30 * dayLength)
	default:
		return q, "", fault.BadField("range", "%s", l.ErrChoice())
	}
	return q, strings.TrimSpace(v.Get("q")), nil
}

// auditList serves GET /ui/audit; ?entry= opens one entry.
func (h *Handlers) auditList(c *fiber.Ctx) error {
	l := h.locale(c)
	if web.IsPartial(c) && c.Query("entry") != "" {
		entry, err := h.auditEntry(c)
		if err != nil {
			return err
		}
		part := audit.DrawerPart(h.Frame(c), *entry)
		return web.Render(c, part, part)
	}
	f, err := h.view(c)
	if err != nil {
		return err
	}
	s := h.readList(c, "/ui/audit", "")
	q, text, err := h.auditQuery(c, l)
	if err != nil {
		return err
	}
	v := audit.List{URL: s.base, Search: text}
	v.Table.Export = link(h.url("/ui/audit.csv"), s.query, "before", "", "entry", "", "size", "")
	v.Table.ClearURL, v.Table.Filtered = s.base, text != "" || s.query.Get("actor")+s.query.Get("action")+s.query.Get("target")+s.query.Get("range") != ""
	if v.Table.Rows, v.Table.Pager, err = h.auditRows(c, s, q, text); err != nil {
		if v.Table.Failure = h.failure(c, h.lang(c).AuditLog(), err); v.Table.Failure == nil {
			return err
		}
	}
	h.auditFilters(l, s, q, &v)
	if c.Query("entry") != "" {
		if v.Drawer, err = h.auditEntry(c); err != nil {
			return err
		}
	}
	return web.Render(c, audit.Page(f, v), audit.ListPart(f, v.Table))
}

func (h *Handlers) auditFilters(l i18n.Locale, s list, q control.AuditQuery, v *audit.List) {
	at := s.query.Get("range")
	v.Ranges = []ui.Option{
		{Label: l.TimeAll(), Selected: at == ""},
		{Value: "24h", Label: l.LastHours(24), Selected: at == "24h"},
		{Value: "7d", Label: l.LastDays(7), Selected: at == "7d"},
		{Value: "30d", Label: l.LastDays(30), Selected: at == "30d"},
	}
	v.Targets = []ui.Option{{Label: l.TargetAll(), Selected: q.ObjectType == ""}}
	for _, noun := range []string{"key", "user", "team", "model", "budget", "invitation", "session", "organization", "customer"} {
		v.Targets = append(v.Targets, ui.Option{Value: noun, Label: kindName(l, noun), Selected: q.ObjectType == noun})
	}
	if q.Actor != "" {
		v.Chips = append(v.Chips, ui.FilterChip{Label: l.Actor() + ": " + q.Actor, Clear: link(s.base, s.query, "actor", ""), Remove: l.Remove() + " " + l.Actor()})
	}
}

func (h *Handlers) auditRows(c *fiber.Ctx, s list, q control.AuditQuery, text string) ([]audit.Row, ui.Pager, error) {
	ctx, actor, l := c.UserContext(), web.Actor(c), h.locale(c)
	pager := ui.Pager{List: "list", Size: s.size, Sizes: []int{10, 25, 50, 100}, FormID: "filters", SizeName: "size"}
	page, err := h.Audit.Search(ctx, actor, text, q)
	if err != nil {
		return nil, pager, err
	}
	names, err := h.Audit.Names(ctx, actor, page.Rows)
	if err != nil {
		return nil, pager, err
	}
	if q.Before != "" {
		pager.Prev = link(s.base, s.query, "before", "")
	}
	if page.Next != "" {
		pager.Next = link(s.base, s.query, "before", page.Next)
	}
	var rows []audit.Row
	for i := range page.Rows {
		r := &page.Rows[i]
		row := audit.Row{
			Href: link(s.base, s.query, "entry", strconv.FormatInt(r.Seq, 10)), At: l.Relative(r.At.Time), Actor: auditActor(l, r, names),
			Action: auditWords(l, r), Kind: kindName(l, r.ObjectType), IP: orDash(r.IP),
		}
		row.Target, row.TargetHref = h.auditTarget(r, names)
		rows = append(rows, row)
	}
	return rows, pager, nil
}

// auditTarget is what an entry is about, and its page where it has one.
func (h *Handlers) auditTarget(r *models.AuditRow, names *control.AuditNames) (name, href string) {
	pick := func(of map[string]string) string {
		if of[r.ObjectID] != "" {
			return of[r.ObjectID]
		}
		return r.ObjectID
	}
	switch r.ObjectType {
	case "key":
		if name = pick(names.Keys); names.Keys[r.ObjectID] != "" && r.Action != string(access.KeyDelete) {
			href = h.keyURL(r.ObjectID, "")
		}
	case "team":
		if name = pick(names.Teams); names.Teams[r.ObjectID] != "" {
			href = h.teamURL(r.ObjectID, "")
		}
	case "user", "session":
		if name = pick(names.People); names.People[r.ObjectID] != "" {
			href = h.userURL(r.ObjectID, "")
		} else if r.ObjectID == models.DefaultUserID {
			name = "admin"
		}
	case "model":
		for _, values := range []models.JSON{r.After, r.Before} {
			if public := valuesOf(values)["model_name"]; public != "" && name == "" {
				name = public
			}
		}
		if name = cmp.Or(name, r.ObjectID); r.Action != string(access.ModelWrite) || !noValues(r.After) {
			href = h.modelURL(name)
		}
	default:
		name = r.ObjectID
	}
	return name, href
}

func (h *Handlers) auditEntry(c *fiber.Ctx) (*audit.Entry, error) {
	ctx, actor, l := c.UserContext(), web.Actor(c), h.locale(c)
	seq, _ := strconv.ParseInt(c.Query("entry"), 10, 64) // what is no number is no entry
	r, err := h.Audit.Entry(ctx, actor, seq)
	if err != nil {
		return nil, err
	}
	names, err := h.Audit.Names(ctx, actor, []models.AuditRow{*r})
	if err != nil {
		return nil, err
	}
	who := auditActor(l, r, names)
	target, href := h.auditTarget(r, names)
	out := &audit.Entry{
		Title: l.AuditSentence(who.Name, auditWords(l, r), orDash(target)), ID: r.ID, Back: link(h.url("/ui/audit"), queryOf(c), "entry", ""), Changes: changesOf(r),
		Facts: []ui.Fact{
			{Term: l.TimeHead(), Time: h.locale(c).Minute(r.At.Time)},
			{Term: l.Actor(), Text: who.Name, Note: r.ActorType},
			{Term: l.Action(), Text: r.Action, Mono: true},
			{Term: l.Target(), Text: orDash(target), Href: href, Note: kindName(l, r.ObjectType)},
			{Term: l.IPAddress(), Text: orDash(r.IP), Mono: true},
			{Term: l.RequestIDLabel(), Text: orDash(r.RequestID), Mono: true},
		},
	}
	if r.ChangedBy != "" {
		out.Facts = append(out.Facts, ui.Fact{Term: l.ChangedByClaim(), Text: r.ChangedBy})
	}
	return out, nil
}

// auditExport serves GET /ui/audit.csv with the filters of the list. That it was taken is itself written down.
func (h *Handlers) auditExport(c *fiber.Ctx) error {
	l, actor := h.locale(c), web.Actor(c)
	q, text, err := h.auditQuery(c, l)
	if err != nil {
		return err
	}
	q.Size, q.Before = 500, ""
	if _, err := h.Audit.Search(c.UserContext(), actor, text, control.AuditQuery{Size: 1}); err != nil {
		return err
	}
	if err := h.Audit.Note(c.UserContext(), actor, "audit.export", "audit", "", "done"); err != nil {
		return err
	}
	head := []string{"time_utc", "actor_type", "actor", "changed_by", "action", "object_type", "object", "outcome", "ip", "request_id", "before", "after", "row_hash"}
	return h.sendCSV(c, fmt.Sprintf("audit-%s-UTC", day(l.Now.UTC())), head, func(ctx context.Context, row func(...string) error) error {
		for {
			page, err := h.Audit.Search(ctx, actor, text, q)
			if err != nil {
				return err
			}
			for i := range page.Rows {
				r := &page.Rows[i]
				if err := row(r.At.UTC().Format(time.RFC3339), r.ActorType, r.ActorID, r.ChangedBy, r.Action, r.ObjectType, r.ObjectID, r.Outcome, r.IP,
					r.RequestID, string(r.Before), string(r.After), r.RowHash); err != nil {
					return err
				}
			}
			if q.Before = page.Next; page.Next == "" {
				return nil
			}
		}
	})
}
