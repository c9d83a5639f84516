package portal

import (
	"encoding/json"
	"fmt"

	"github.com/gofiber/fiber/v2"

	"gatehouse/app/access"
	"gatehouse/app/control"
	"gatehouse/app/web"
	"gatehouse/models"
	"gatehouse/models/fault"
	"gatehouse/views/i18n"
	"gatehouse/views/keys"
	"gatehouse/views/ui"
)

const lastRequests = 10

// keyDetail serves GET /ui/keys/:id?tab=usage|settings|activity.
func (h *Handlers) keyDetail(c *fiber.Ctx) error {
	v, err := h.keyOf(c)
	if err != nil {
		return h.keyGone(c, err)
	}
	return h.showKey(c, v, c.Query("tab"), fiber.StatusOK, nil)
}

// keyGone says that a key does not exist in the words of the page, whether it does or may not be seen.
func (h *Handlers) keyGone(c *fiber.Ctx, err error) error {
	if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Forbidden) {
		return fault.New(fault.NotFound, h.lang(c).KeyGone()).WithCause(err)
	}
	return err
}

// showKey draws one tab of a key's page; edit is a settings form that came back.
func (h *Handlers) showKey(c *fiber.Ctx, v *control.KeyView, tab string, status int, edit *form) error {
	f, err := h.view(c)
	if err != nil {
		return err
	}
	l, actor, k := h.locale(c), web.Actor(c), &v.Key
	base := h.keyURL(k.ID, "")
	out := keys.Detail{
		ID: k.ID, KeyID: k.Hash, Name: keyName(k), Short: shortName(k), State: h.state(v), Links: fromKeyPage(h.keyLinks(actor, k)), Back: h.url("/ui/keys"),
		Tabs: []ui.Tab{
			{Label: l.Overview(), Href: base, Current: tab == ""},
			{Label: l.Usage(), Href: base + "?tab=usage", Current: tab == "usage"},
			{Label: l.Settings(), Href: base + "?tab=settings", Current: tab == "settings"},
			{Label: l.Activity(), Href: base + "?tab=activity", Current: tab == "activity"},
		},
	}
	if k.Blocked != nil && *k.Blocked {
		out.Reason = l.BlockedBy(k.UpdatedBy, l.Date(k.UpdatedAt.Time))
		if k.BlockedReason != "" {
			out.Reason = l.BlockedBecause(k.UpdatedBy, l.Date(k.UpdatedAt.Time), k.BlockedReason)
		}
	}
	switch tab {
	case "":
		out.Overview, err = h.keyOverview(c, l, v)
	case "usage":
		out.Usage, err = h.keyUsage(c, l, v)
	case "settings":
		out.Settings, err = h.keySettings(c, v, edit)
	case "activity":
		out.Activity, err = h.keyActivity(c, l, v)
	default:
		return c.Redirect(base, fiber.StatusFound)
	}
	if err != nil {
		if out.Failure = h.failure(c, keyName(k), err); out.Failure == nil {
			return err
		}
		out.Overview, out.Usage, out.Settings, out.Activity = nil, nil, nil, nil
		status = c.Response().StatusCode()
	}
	return web.RenderStatus(c, status, keys.DetailPage(f, out), keys.DetailTab(f, out))
}

// keyDays is a key's usage by day over a range, zero-filled.
func (h *Handlers) keyDays(c *fiber.Ctx, v *control.KeyView, d dates) ([]control.DaySpend, error) {
	used, err := h.Spend.KeyDays(c.UserContext(), web.Actor(c), []control.KeyView{*v}, day(d.from))
	if err != nil {
		return nil, err
	}
	var out []control.DaySpend
	for at := d.from; !at.After(d.to); at = at.AddDate(0, 0, 1) {
		out = append(out, control.DaySpend{Date: day(at), Usage: used[v.Key.ID][day(at)]})
	}
	return out, nil
}

func (h *Handlers) keyOverview(c *fiber.Ctx, l i18n.Locale, v *control.KeyView) (*keys.Overview, error) {
	ctx, actor, k := c.UserContext(), web.Actor(c), &v.Key
	frame, err := h.Keys.Frame(ctx, actor, k)
	if err != nil {
		return nil, err
	}
	days, err := h.keyDays(c, v, lastDays(l, 31))
	if err != nil {
		return nil, err
	}
	calls, err := h.Spend.Logs(ctx, actor, control.SpendQuery{Key: control.ByID(k.ID), Size: lastRequests})
	if err != nil {
		return nil, err
	}
	out := &keys.Overview{
		Stats: h.keyStats(c, l, v, days), Limits: keyLimits(l, v, frame), Facts: h.keyAbout(c, l, v, frame),
		Chart: plainChart(l, "key-spend", l.SpendPerDay30(), days[1:]), LogsURL: h.url("/ui/logs?range=30d&key=" + k.ID),
	}
	for i := range calls.Rows {
		r := &calls.Rows[i]
		out.Requests = append(out.Requests, keys.Request{
			At: l.Relative(r.StartedAt.Time), OK: r.Status == statusSuccess, Status: statusText(l, &r.SpendRow), Model: orDash(r.ModelGroup),
			Tokens: l.InAndOut(l.Number(r.PromptTokens), l.Number(r.OutputTokens)), Cost: l.Money(int64(r.Spend)), Href: h.url("/ui/logs?range=30d&log=" + r.ID),
		})
	}
	if out.Budgets, err = h.keyBudgets(c, l, v, frame); err != nil {
		return nil, err
	}
	out.Check, err = h.accessCheck(c, l, v)
	return out, err
}

// keyStats are a key's figures: spend, requests today and yesterday, last use and end.
func (h *Handlers) keyStats(c *fiber.Ctx, l i18n.Locale, v *control.KeyView, days []control.DaySpend) []ui.Stat {
	spend := ui.Stat{Label: l.SpendThisMonth(), Value: l.Money(int64(v.Spend))}
	limit := budgetOf(v)
	switch {
	case v.ResetsAt != nil:
		spend.Label, spend.Note = l.Spend(), l.Resets(l.Day(v.ResetsAt.Time))
	case limit != nil:
		spend.Label = l.Spend()
	default:
		var month control.Usage
		for _, d := range days {
			if d.Date >= day(monthStart(l)) {
				month.Add(d.Usage)
			}
		}
		spend.Value = l.Money(int64(month.Spend))
	}
	if limit != nil {
		note := l.OfBudget(l.MoneyShort(int64(*limit)))
		if spend.Note != "" {
			note += " · " + spend.Note
		}
		spend.Note = note
	}
	var now control.Usage
	if len(days) > 0 {
		now = days[len(days)-1].Usage
	}
	used := ui.Stat{Label: l.LastUsed(), Value: l.NeverUsedShort()}
	if v.LastUsedAt != nil {
		at := h.locale(c).Relative(v.LastUsedAt.Time)
		used.Value, used.Full = at.Text, at.Full
	}
	ends := ui.Stat{Label: l.Expires(), Value: l.Never()}
	if v.Key.ExpiresAt != nil {
		at := h.locale(c).Relative(v.Key.ExpiresAt.Time)
		ends.Value, ends.Full = at.Text, at.Full
	}
	return []ui.Stat{spend, {Label: l.RequestsToday(), Value: l.Number(now.Requests), Note: l.FailedShare(failedShare(l, now.Failed, now.Requests))}, used, ends}
}

// keyLimits are the limits that hold for the key, each with whose it is.
func keyLimits(l i18n.Locale, v *control.KeyView, frame *control.KeyFrame) []ui.Fact {
	k := &v.Key
	var facts []ui.Fact
	add := func(term, text, note string) { facts = append(facts, ui.Fact{Term: term, Text: text, Note: note}) }
	money := func(lim *models.Limits, note string) {
		if lim.MaxBudget != nil {
			add(l.Budget(), amountPer(l, lim.MaxBudget, lim.BudgetDuration), note)
		}
	}
	rates := func(lim *models.Limits, note string) {
		for _, r := range []struct {
			term string
			n    *int64
		}{{l.RequestsPerMin(), lim.RPMLimit}, {l.TokensPerMin(), lim.TPMLimit}, {l.Parallel(), lim.MaxParallel}} {
			if r.n != nil {
				add(r.term, l.Number(*r.n), note)
			}
		}
	}
	each := func(lim *models.Limits, note string) {
		money(lim, note)
		rates(lim, note)
	}
	each(&k.Limits, l.SetByKey())
	if v.Budget != nil {
		each(&v.Budget.Limits, l.SetByBudget(v.Budget.ID))
	}
	for model, b := range k.ModelMaxBudget {
		var duration *string
		if b.Duration != "" {
			duration = &b.Duration
		}
		limit := b.Limit
		add(model, amountPer(l, &limit, duration), l.SetByKey())
	}
	if frame.Team != nil {
		each(&frame.Team.Limits, l.SetByTeam(teamName(frame.Team)))
	} else if frame.User != nil {
		each(&frame.User.Limits, l.SetByUser())
	}
	if len(facts) == 0 {
		add(l.Budget(), l.NoLimitHint(), "")
	}
	return facts
}

// keyAbout is what else there is to know of a key.
func (h *Handlers) keyAbout(c *fiber.Ctx, l i18n.Locale, v *control.KeyView, frame *control.KeyFrame) []ui.Fact {
	k, actor := &v.Key, web.Actor(c)
	chips := h.modelChips(l, v)
	list := ui.Fact{Term: l.Models(), Text: chips.Plain}
	if chips.Plain == "" {
		list.Chips = k.Models
	}
	team := ui.Fact{Term: l.Team(), Text: l.Personal()}
	if k.TeamID != nil {
		team.Text = *k.TeamID
		if frame.Team != nil {
			team.Text = teamName(frame.Team)
			if access.May(actor, access.TeamInfo, access.Team(frame.Team.ID, frame.Team.OrgID)) {
				team.Href = h.teamURL(frame.Team.ID, "")
			}
		}
	}
	owner := ui.Fact{Term: l.Owner(), Text: l.ServiceAccount()}
	if k.UserID != nil {
		owner.Text = ownerName(v)
		if v.Owner != nil && access.Role(actor, access.UserList) == nil && actor.SeesAll() {
			owner.Href = h.userURL(v.Owner.ID, "")
		}
	}
	facts := []ui.Fact{list, team, owner}
	if tags := tagsOf(k.Metadata); len(tags) > 0 {
		facts = append(facts, ui.Fact{Term: l.Tags(), Chips: tags})
	}
	if len(k.AllowedRoutes) > 0 {
		facts = append(facts, ui.Fact{Term: l.AllowedRoutes(), Chips: k.AllowedRoutes})
	}
	if v.GraceEnds != nil {
		facts = append(facts, ui.Fact{Term: l.StateRotating(), Text: l.OldKeyWorksUntil(h.locale(c).DateTime(v.GraceEnds.Time))})
	}
	facts = append(facts, ui.Fact{Term: l.TotalSpend(), Text: l.Money(int64(v.Total))}, ui.Fact{Term: l.CreatedBy(), Text: l.ByWhom(l.Date(k.CreatedAt.Time), whoDid(k.CreatedBy))})
	if k.UpdatedAt.After(k.CreatedAt.Time) {
		facts = append(facts, ui.Fact{Term: l.ChangedBy(), Text: l.ByWhom(l.Date(k.UpdatedAt.Time), whoDid(k.UpdatedBy))})
	}
	return facts
}

// whoDid is the person an audit column names: the operator has no account but a name.
func whoDid(id string) string {
	if id == models.DefaultUserID {
		return "admin"
	}
	return orDash(id)
}

func orDash(text string) string {
	if text == "" {
		return "–"
	}
	return text
}

// tagsOf reads metadata.tags.
func tagsOf(metadata models.JSON) []string {
	var m struct {
		Tags []string `json:"tags"`
	}
	if json.Unmarshal(metadata, &m) != nil {
		return nil
	}
	return m.Tags
}

func (h *Handlers) keyUsage(c *fiber.Ctx, l i18n.Locale, v *control.KeyView) (*keys.UsageTab, error) {
	n := 30
	switch c.Query("range") {
	case "7d":
		n = 7
	case "90d":
		n = 90
	}
	d := lastDays(l, n)
	days, err := h.keyDays(c, v, d)
	if err != nil {
		return nil, err
	}
	top, err := h.Spend.KeyModels(c.UserContext(), web.Actor(c), &v.Key, day(d.from), day(d.to))
	if err != nil {
		return nil, err
	}
	sum := total(days)
	out := &keys.UsageTab{
		Stats: usageStats(l, days, sum, nil), Models: ranking(l, control.ByModelGroup, top, sum, lastRequests, h.sliceURL(control.ByModelGroup)),
		Full: h.url(fmt.Sprintf("/ui/usage?range=%dd&key=%s", n, v.Key.ID)),
	}
	out.Chart = plainChart(l, "key-usage", chartTitle(l, bySpend, groupDays(l, days)), days)
	for _, days := range []int{7, 30, 90} {
		out.Range = append(out.Range, ui.Tab{Label: l.LastDays(int64(days)), Href: h.keyURL(v.Key.ID, fmt.Sprintf("?tab=usage&range=%dd", days)), Current: days == n})
	}
	return out, nil
}

func (h *Handlers) keyActivity(c *fiber.Ctx, l i18n.Locale, v *control.KeyView) (*keys.Activity, error) {
	s := h.readList(c, "/ui/keys/"+v.Key.ID, "")
	ctx, actor := c.UserContext(), web.Actor(c)
	page, err := h.Audit.OfKey(ctx, actor, control.ByID(v.Key.ID), control.AuditQuery{Size: s.size, Before: s.query.Get("before")})
	if err != nil {
		return nil, err
	}
	names, err := h.Audit.Names(ctx, actor, page.Rows)
	if err != nil {
		return nil, err
	}
	out := &keys.Activity{Pager: ui.Pager{List: "tab", Size: s.size}}
	if page.Next != "" {
		out.Pager.Next = link(s.base, s.query, "tab", "activity", "before", page.Next)
	}
	if s.query.Get("before") != "" {
		out.Pager.Prev = s.base + "?tab=activity"
	}
	for i := range page.Rows {
		r := &page.Rows[i]
		e := keys.Event{At: l.Relative(r.At.Time), Actor: auditActor(l, r, names), What: auditWords(l, r), Detail: changeWords(r)}
		if access.May(actor, access.AuditRead, access.Target{}) {
			e.Href = h.url(fmt.Sprintf("/ui/audit?entry=%d", r.Seq))
		}
		out.Rows = append(out.Rows, e)
	}
	return out, nil
}
