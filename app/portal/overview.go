package portal

import (
	"net/url"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"gatehouse/app/access"
	"gatehouse/app/control"
	"gatehouse/app/web"
	"gatehouse/models"
	"gatehouse/models/fault"
	"gatehouse/views/i18n"
	"gatehouse/views/keys"
	"gatehouse/views/overview"
	"gatehouse/views/ui"
)

const (
	attentionMost = 8
	lastKeys      = 5
	unusedAfter   = 60 * dayLength
)

// oldPage is where a link of LiteLLM's portal leads today, "" for an unknown one.
func oldPage(name string) string {
	switch name {
	case "api-keys":
		return "/ui/keys"
	case "new_usage", "usage":
		return "/ui/usage"
	case "models", "teams", "users", "logs", "budgets":
		return "/ui/" + name
	case "llm-playground":
		return "/ui/playground"
	case "api_ref", "api-reference":
		return "/ui/api"
	case "caching":
		return "/ui/usage?tab=caching"
	case "admin-panel", "settings":
		return "/ui/settings/general"
	}
	return ""
}

// overviewPage serves GET /ui/, and sends old links on.
func (h *Handlers) overviewPage(c *fiber.Ctx) error {
	if to := oldPage(c.Query("page")); to != "" {
		return c.Redirect(h.url(to), fiber.StatusFound)
	}
	f, err := h.view(c)
	if err != nil {
		return err
	}
	actor, l := web.Actor(c), h.locale(c)
	v := overview.Overview{KeysURL: h.url("/ui/keys"), UsageURL: h.url("/ui/usage")}
	if mayCreate(actor) {
		v.CreateURL = h.url("/ui/keys/new")
	}
	recent, err := h.Spend.Recent(c.UserContext(), actor, l.Now.Add(-dayLength), actor.SeesAll())
	if err != nil {
		recent = &control.Recent{}
		if v.ErrorsFailed, err = h.tried(c, l.ProviderErrors(), err); err != nil {
			return err
		}
	}
	v.Tiles, err = h.tiles(c, l, recent)
	if v.Tiles.Failure, err = h.tried(c, l.Summary(), err); err != nil {
		return err
	}
	v.Attention, err = h.attention(c, l)
	if v.AttentionFailed, err = h.tried(c, l.NeedsAttention(), err); err != nil {
		return err
	}
	keyCount, err := h.lastKeys(c, &v)
	if v.KeysFailed, err = h.tried(c, l.LastKeys(), err); err != nil {
		return err
	}
	spent, err := h.breakDown(c, control.ByModelGroup, lastDays(l, 30).query(), topSeries)
	if v.ChartFailed, err = h.tried(c, l.SpendPerDay30(), err); err != nil {
		return err
	}
	if v.ChartFailed == nil {
		v.Chart = spent.chart(l, "spend", l.SpendPerDay30(), bySpend)
	}
	if actor.SeesAll() {
		if v.Admin, err = h.adminPart(c, l, recent, keyCount); err != nil {
			return err
		}
	}
	return web.Render(c, overview.Page(f, v), nil)
}

// lastKeys puts the keys that were used last on the page and gives the number of all.
func (h *Handlers) lastKeys(c *fiber.Ctx, v *overview.Overview) (int, error) {
	l := h.locale(c)
	last, err := h.Keys.List(c.UserContext(), web.Actor(c), control.KeyQuery{Page: 1, Size: lastKeys, All: true, SortBy: "last_used", SortOrder: "desc"})
	if err != nil {
		return 0, err
	}
	rows, err := h.keyRows(c, last.Items)
	if err != nil {
		return 0, err
	}
	for _, row := range rows {
		v.Keys = append(v.Keys, overview.Key{
			Name: row.Name, Short: row.Short, Href: row.Links.Open, Spend: row.Spend, LastUsed: row.LastUsed, Badge: row.State.Badge(l.Lang),
		})
	}
	return last.Total, nil
}

// overviewTiles serves GET /ui/tiles: the figures at the top, once a minute.
func (h *Handlers) overviewTiles(c *fiber.Ctx) error {
	l := h.locale(c)
	recent, err := h.Spend.Recent(c.UserContext(), web.Actor(c), l.Now.Add(-dayLength), false)
	if err != nil {
		return err
	}
	tiles, err := h.tiles(c, l, recent)
	if err != nil {
		return err
	}
	part := overview.TilesPart(h.Frame(c), tiles)
	if !web.IsPartial(c) {
		return c.Redirect(h.url("/ui/"), fiber.StatusFound)
	}
	return web.Render(c, part, part)
}

// tiles are a person's own spend and budget, and the calls of the last day that they see.
func (h *Handlers) tiles(c *fiber.Ctx, l i18n.Locale, recent *control.Recent) (overview.Tiles, error) {
	actor := web.Actor(c)
	out := overview.Tiles{URL: h.url("/ui/tiles")}
	q := dates{from: monthStart(l), to: today(l)}.query()
	q.UserID = actor.UserID
	own, err := h.Spend.Days(c.UserContext(), actor, q)
	if err != nil {
		return out, err
	}
	left := ui.Stat{Label: l.BudgetLeft(), Value: l.NoLimitHint()}
	me, err := h.Users.Card(c.UserContext(), actor, "")
	if err != nil && !fault.Is(err, fault.NotFound) {
		return out, err
	}
	if me != nil && me.User.MaxBudget != nil {
		left.Value = l.Money(int64(max(*me.User.MaxBudget-me.Spend, 0)))
		left.Note = l.OfBudget(l.MoneyShort(int64(*me.User.MaxBudget)))
		if me.ResetsAt != nil {
			left.Note += " · " + l.Resets(l.Day(me.ResetsAt.Time))
		}
	}
	out.Stats = append([]ui.Stat{{Label: l.YourSpendThisMonth(), Value: l.Money(int64(total(own).Spend))}, left}, recentStats(l, recent)...)
	return out, nil
}

// recentStats are the calls of the last 24 hours and the share that failed.
func recentStats(l i18n.Locale, recent *control.Recent) []ui.Stat {
	if !recent.Known {
		return []ui.Stat{{Label: l.Requests24h(), Value: l.NotKnown()}, {Label: l.FailedRequests(), Value: l.NotKnown()}}
	}
	short, full := compact(l, recent.Requests)
	if recent.Capped {
		short, full = short+"+", ""
	}
	return []ui.Stat{{Label: l.Requests24h(), Value: short, Full: full}, {Label: l.FailedRequests(), Value: failedShare(l, recent.Failed, recent.Requests)}}
}

// attention lists the keys that want an answer, with one action each.
func (h *Handlers) attention(c *fiber.Ctx, l i18n.Locale) ([]overview.Attention, error) {
	actor := web.Actor(c)
	list, err := h.Keys.Attention(c.UserContext(), actor, attentionMost)
	if err != nil {
		return nil, err
	}
	var out []overview.Attention
	for i := range list {
		v := &list[i]
		open := h.keyURL(v.Key.ID, "")
		a := overview.Attention{Tone: ui.Warn, Name: keyName(&v.Key), Href: open, Action: l.Review(), URL: open}
		settings := ""
		if access.May(actor, access.KeyUpdate, access.Key(&v.Key)) {
			settings = open + "?tab=settings"
		}
		limit := budgetOf(v)
		switch h.state(v) {
		case keys.Blocked:
			a.Tone, a.Text = ui.Bad, l.AttnBlocked()
		case keys.OverBudget:
			a.Tone, a.Text = ui.Bad, l.AttnOverBudget(l.MoneyShort(int64(*limit)))
			h.raise(actor, v, &a, l, settings)
		case keys.NearLimit:
			a.Text = l.AttnBudgetShare(l.Percent(percent(v.Spend, *limit)), l.MoneyShort(int64(*limit)))
			h.raise(actor, v, &a, l, settings)
		case keys.Expired:
			a.Tone, a.Text = ui.Bad, l.AttnExpired(l.Relative(v.Key.ExpiresAt.Time).Text)
			extend(&a, l, settings)
		case keys.ExpiresSoon:
			a.Text = l.AttnExpires(l.Relative(v.Key.ExpiresAt.Time).Text)
			extend(&a, l, settings)
		case keys.Rotating, keys.Active:
			a.Text = l.AttnUnused(daysSince(l.Now, lastUse(v)))
			if access.May(actor, access.KeyDelete, access.Key(&v.Key)) {
				a.Action, a.URL, a.Dialog = l.Delete(), h.keyURL(v.Key.ID, "/delete"+backToOverview), true
			}
		}
		out = append(out, a)
	}
	return out, nil
}

// raise offers to raise a budget where the person may: owners may not raise their own.
func (h *Handlers) raise(actor access.Actor, v *control.KeyView, a *overview.Attention, l i18n.Locale, settings string) {
	if settings != "" && access.FieldsOf(actor, access.KeyUpdate, access.Key(&v.Key)).Of("max_budget") == access.Free {
		a.Action, a.URL = l.RaiseBudget(), settings
	}
}

func extend(a *overview.Attention, l i18n.Locale, settings string) {
	if settings != "" {
		a.Action, a.URL = l.Extend(), settings
	}
}

// lastUse is when a key was used last, or made if it never was.
func lastUse(v *control.KeyView) time.Time {
	if v.LastUsedAt != nil {
		return v.LastUsedAt.Time
	}
	return v.Key.CreatedAt.Time
}

func daysSince(now, then time.Time) int64 { return int64(now.Sub(then) / dayLength) }

func (h *Handlers) keyURL(id, rest string) string {
	return h.url("/ui/keys/" + url.PathEscape(id) + rest)
}

// adminPart is what admins see besides: teams, providers that fail, and what is left to set up.
func (h *Handlers) adminPart(c *fiber.Ctx, l i18n.Locale, recent *control.Recent, keyCount int) (*overview.Admin, error) {
	actor := web.Actor(c)
	out := &overview.Admin{TeamsURL: h.url("/ui/usage?tab=teams"), LogsURL: h.url("/ui/logs?status=failed")}
	q := lastDays(l, 30).query()
	most := topMost
	q.Limit = &most
	top, err := h.Spend.Top(c.UserContext(), actor, control.ByTeam, q)
	if out.TeamsFailed, err = h.tried(c, l.TopTeams(), err); err != nil {
		return nil, err
	}
	var all control.Usage
	for _, t := range top {
		all.Add(t.Usage)
	}
	out.Teams = ranking(l, control.ByTeam, top, all, topSeries, h.sliceURL(control.ByTeam))
	for _, p := range recent.Providers {
		out.Errors = append(out.Errors, overview.ProviderErrors{
			Name: p.Provider, Text: failedShare(l, p.Failed, p.Requests), Last: failureWords(p.HTTPStatus, p.Code), At: l.Relative(p.At.Time),
		})
	}
	if actor.IsAdmin() {
		if out.Setup, err = h.setup(c, l, keyCount); err != nil {
			if h.failure(c, l.SetupTitle(), err) == nil {
				return nil, err
			}
			out.Setup = nil // it is not known what is left to do
		}
	}
	return out, nil
}

// failureWords is a failed call's status and code: "429 rate_limit_error".
func failureWords(status int, code string) string {
	if status == 0 {
		return code
	}
	return strconv.Itoa(status) + " " + code
}

// sliceURL leads from a value of a dimension to its own page.
func (h *Handlers) sliceURL(by control.Dimension) func(control.Slice) string {
	return func(s control.Slice) string {
		if s.Value == "" {
			return ""
		}
		switch by {
		case control.ByKey:
			if s.Label == "" {
				return ""
			}
			return h.keyURL(s.Value, "")
		case control.ByTeam:
			return h.url("/ui/teams/" + url.PathEscape(s.Value))
		case control.ByUser:
			return h.url("/ui/users/" + url.PathEscape(s.Value))
		case control.ByModelGroup:
			return h.modelURL(s.Value)
		case control.ByModel, control.ByProvider, control.ByOrg, control.ByEndUser, control.ByTag:
		}
		return ""
	}
}

// setup is the checklist until everything on it is done.
func (h *Handlers) setup(c *fiber.Ctx, l i18n.Locale, keyCount int) ([]overview.Step, error) {
	ctx, actor, p := c.UserContext(), web.Actor(c), h.opt.Policy()
	list, err := h.Models.List(ctx, actor, "")
	if err != nil {
		return nil, err
	}
	people, err := h.Users.List(ctx, actor, control.UserQuery{Page: 1, Size: 1})
	if err != nil {
		return nil, err
	}
	teams, err := h.Teams.Pages(ctx, actor, control.TeamQuery{Page: 1, Size: 1})
	if err != nil {
		return nil, err
	}
	steps := []overview.Step{
		{Text: l.SetupModels(), Href: h.url("/ui/models"), Done: len(list) > 0},
		{Text: l.SetupPassword(), Href: h.url("/ui/settings/sign-in"), Done: p.UI.Password.IsSet() || people.Total > 0 && actor.UserID != models.DefaultUserID},
		{Text: l.SetupInvite(), Href: h.url("/ui/users/invite"), Done: people.Total > 0},
		{Text: l.SetupTeam(), Href: h.url("/ui/teams/new"), Done: teams.Total > 0},
		{Text: l.SetupKeyStep(), Href: h.url("/ui/keys/new"), Done: keyCount > 0},
	}
	if config := extra(c).Config; config != nil {
		m := config().Mail
		steps = append(steps, overview.Step{Text: l.SetupMail(), Href: h.url("/ui/settings/mail"), Done: m.Works()})
	}
	steps = append(steps, overview.Step{Text: l.SetupSSO(), Href: h.url("/ui/settings/sign-in"), Done: p.SSO.Any()})
	for _, s := range steps {
		if !s.Done {
			return steps, nil
		}
	}
	return nil, nil
}
