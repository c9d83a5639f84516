package portal

import (
	"context"
	"strconv"
	"strings"
	"time"

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

// bulkMost is how many keys one bulk action may name.
const bulkMost = 5000

// The bulk actions.
const (
	actBlock  = "block"
	actExtend = "extend"
	actDelete = "delete"
)

// keyBulk serves POST /ui/keys/bulk: a question first, then the act, key by key; many keys are a job.
func (h *Handlers) keyBulk(c *fiber.Ctx) error {
	l := h.locale(c)
	action := c.FormValue("action")
	switch action {
	case actBlock, actExtend, actDelete:
	default:
		return fault.BadField("action", "%s", l.ErrChoice())
	}
	action = strings.Clone(action)
	asks := c.FormValue("confirmed") != "true"
	refs, total, err := h.bulkKeys(c, asks)
	if err != nil {
		return err
	}
	if total == 0 {
		return h.bulkDone(c, keys.BulkResult{Title: l.NothingChosen()})
	}
	if total > bulkMost {
		return h.bulkDone(c, keys.BulkResult{Title: l.TooManyChosen(bulkMost)})
	}
	if asks {
		return h.askBulk(c, l, action, total)
	}
	until, ok := keyExtension(c.FormValue("duration"))
	if action == actExtend && !ok {
		return fault.BadField("duration", "%s", l.ErrChoice())
	}
	step := func(ctx context.Context, who access.Actor, i int) (models.JobLine, error) {
		return h.bulkOne(ctx, who, l, action, refs[i], until)
	}
	if len(refs) > atOnce {
		return h.startJob(c, control.JobWork{Kind: jobKeys + action, Total: len(refs), Head: []string{"key_id", "name", "problem"}, Step: step})
	}
	var out keys.BulkResult
	done := 0
	for i := range refs {
		line, err := step(c.UserContext(), web.Actor(c), i)
		if err != nil {
			return err
		}
		if line.Problem == "" {
			done++
		} else {
			out.Failures = append(out.Failures, keys.Failed{Name: line.Name, Reason: line.Problem})
		}
	}
	out.Title = l.BulkDone(int64(done), int64(len(refs)))
	return h.bulkDone(c, out)
}

// bulkKeys are the ids that the form names, or every key that its filters match; countOnly leaves the latter out.
func (h *Handlers) bulkKeys(c *fiber.Ctx, countOnly bool) (ids []string, total int, err error) {
	if c.FormValue("all_matching") != "true" {
		for _, id := range formList(c, "keys") {
			if id != "" && len(ids) <= bulkMost {
				ids = append(ids, id)
			}
		}
		return ids, len(ids), nil
	}
	q := listState{
		q: c.FormValue("q"), status: c.FormValue("status"), team: c.FormValue("team_id"), sort: "created_at", size: 100,
	}.query()
	for q.Page = 1; ; q.Page++ {
		page, err := h.Keys.List(c.UserContext(), web.Actor(c), q)
		if err != nil {
			return nil, 0, err
		}
		for i := range page.Items {
			ids = append(ids, page.Items[i].Key.ID)
		}
		if countOnly || len(page.Items) == 0 || len(ids) >= page.Total || page.Total > bulkMost {
			return ids, page.Total, nil
		}
	}
}

// bulkOne does the act to one key.
func (h *Handlers) bulkOne(ctx context.Context, who access.Actor, l i18n.Locale, action, id string, until control.Opt[string]) (models.JobLine, error) {
	name, ref := id, control.ByID(id)
	v, err := h.Keys.Info(ctx, who, ref)
	if err == nil {
		name = keyName(&v.Key)
		switch action {
		case actBlock:
			_, err = h.Keys.Block(ctx, who, ref, "")
		case actExtend:
			in := control.KeyUpdate{Key: ref}
			in.Duration = until
			_, err = h.Keys.Update(ctx, who, in)
		case actDelete:
			_, err = h.Keys.Delete(ctx, who, []string{ref})
		}
	}
	line := models.JobLine{Name: name}
	if err != nil {
		var ours bool
		if line.Problem, ours = refusedLine(l, err); !ours {
			return line, err
		}
	}
	line.Cells = []string{id, name, line.Problem}
	return line, nil
}

func (h *Handlers) askBulk(c *fiber.Ctx, l i18n.Locale, action string, n int) error {
	f, err := h.view(c)
	if err != nil {
		return err
	}
	v := keys.Bulk{Page: !web.IsPartial(c), Action: h.url("/ui/keys/bulk"), Back: h.url("/ui/keys")}
	switch action {
	case actBlock:
		v.Title, v.Text, v.Button, v.Danger = l.BulkBlockTitle(int64(n)), l.BlockLead(), l.Block(), true
	case actDelete:
		v.Title, v.Text, v.Button, v.Danger = l.BulkDeleteTitle(int64(n)), l.DeleteLead(), l.Delete(), true
	default:
		v.Title, v.Button = l.BulkExtendTitle(int64(n)), l.Extend()
		for _, days := range []int{7, 30, 90} {
			v.Durations = append(v.Durations, ui.Option{Value: strconv.Itoa(days) + "d", Label: l.InDays(int64(days)), Note: l.LongDate(l.Now.AddDate(0, 0, days)), Selected: days == 30})
		}
		v.Durations = append(v.Durations, ui.Option{Value: "never", Label: l.NeverExpires()})
	}
	hide := func(name, value string) {
		if value != "" {
			v.Hidden = append(v.Hidden, ui.Option{Label: name, Value: value})
		}
	}
	hide("action", action)
	if c.FormValue("all_matching") == "true" {
		for _, name := range []string{"all_matching", "q", "status", "team_id"} {
			hide(name, c.FormValue(name))
		}
	} else {
		for _, id := range formList(c, "keys") {
			hide("keys", id)
		}
	}
	return web.Render(c, keys.BulkPage(f, v), keys.BulkPart(f, v))
}

// bulkDone shows what was done, with a fresh list behind it.
func (h *Handlers) bulkDone(c *fiber.Ctx, v keys.BulkResult) error {
	f, err := h.view(c)
	if err != nil {
		return err
	}
	v.Page, v.Back = !web.IsPartial(c), h.url("/ui/keys")
	part := both{keys.BulkResultPart(f, v)}
	if web.IsPartial(c) {
		fresh, err := h.freshList(c, f)
		if err != nil {
			return err
		}
		part = append(part, fresh...)
	}
	return web.Render(c, keys.BulkResultPage(f, v), part)
}

// keyFind serves POST /ui/keys/find: a pasted secret is looked up by its hash and never shown again, nor put into a URL.
func (h *Handlers) keyFind(c *fiber.Ctx) error {
	l := h.lang(c)
	v, err := h.Keys.Info(c.UserContext(), web.Actor(c), strings.TrimSpace(c.FormValue("secret")))
	if no := fault.As(err); no != nil && (no.Kind == fault.NotFound || no.Kind == fault.Forbidden || no.Kind == fault.Invalid || no.Kind == fault.Unprocessable) {
		return h.done(c, h.url("/ui/keys"), l.KeyNotFoundBySecret())
	}
	if err != nil {
		return err
	}
	return c.Redirect(h.keyURL(v.Key.ID, ""), fiber.StatusSeeOther)
}

// exportMost is how many rows a list's CSV holds.
const exportMost = 10_000

// keyExport serves GET /ui/keys.csv with the filters of the list.
func (h *Handlers) keyExport(c *fiber.Ctx) error {
	s := h.readListState(c)
	q := s.query()
	q.Page, q.Size = 1, 100
	first, err := h.Keys.List(c.UserContext(), web.Actor(c), q)
	if err != nil {
		return err
	}
	if first.Total > exportMost {
		return fault.Newf(fault.Invalid, "%s", h.lang(c).TooManyRows(exportMost))
	}
	actor := web.Actor(c)
	head := []string{"key_id", "name", "last_4", "team", "owner", "models", "spend_usd", "budget_usd", "budget_period", "last_used_utc", "expires_utc", "status", "tags"}
	return h.sendCSV(c, "keys-"+day(today(h.locale(c))), head, func(ctx context.Context, row func(...string) error) error {
		page := first
		for {
			for i := range page.Items {
				if err := row(h.keyRecord(&page.Items[i])...); err != nil {
					return err
				}
			}
			if q.Page*q.Size >= first.Total {
				return nil
			}
			q.Page++
			var err error
			if page, err = h.Keys.List(ctx, actor, q); err != nil {
				return err
			}
		}
	})
}

func (h *Handlers) keyRecord(v *control.KeyView) []string {
	k := &v.Key
	team, owner := "", ""
	if k.TeamID != nil {
		if team = v.TeamAlias; team == "" {
			team = *k.TeamID
		}
	}
	if k.UserID != nil {
		owner = ownerName(v)
	}
	budget := ""
	if limit := budgetOf(v); limit != nil {
		budget = limit.String()
	}
	stamp := func(t *models.Time) string {
		if t == nil {
			return ""
		}
		return t.UTC().Format(time.RFC3339)
	}
	return []string{
		k.ID, textOf(k.Alias), strings.TrimPrefix(k.Name, "sk-..."), team, owner, strings.Join(k.Models, " "), v.Spend.String(), budget, textOf(k.BudgetDuration),
		stamp(v.LastUsedAt), stamp(k.ExpiresAt), h.state(v).Badge(i18n.EN).Text, strings.Join(tagsOf(k.Metadata), " "),
	}
}
