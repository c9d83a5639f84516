package portal

import (
	"cmp"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"gatehouse/app/access"
	"gatehouse/app/control"
	"gatehouse/app/web"
	"gatehouse/models"
	"gatehouse/views/i18n"
	"gatehouse/views/keys"
	"gatehouse/views/layout"
	"gatehouse/views/ui"
)

// expiresSoon is how long before its end a key is marked, nearLimit the share of a budget at which it is.
const (
	expiresSoon = 7 * 24 * time.Hour
	nearLimit   = 80
)

// listState is the list's state as the URL holds it.
type listState struct {
	q, status, team, sort string
	page, size            int
}

func (h *Handlers) readListState(c *fiber.Ctx) listState { return h.listState(c, queryOf(c)) }

func (h *Handlers) listState(c *fiber.Ctx, v url.Values) listState {
	s := listState{q: v.Get("q"), status: v.Get("status"), team: v.Get("team_id"), sort: cmp.Or(v.Get("sort"), "-last_used")}
	s.page, _ = strconv.Atoi(v.Get("page"))
	s.size = h.pageSize(c, v.Get("size"))
	s.page = max(s.page, 1)
	return s
}

// listBehind is the list of keys that a dialog stands before, as its address says; nil on every other page.
func (h *Handlers) listBehind(c *fiber.Ctx) *listState {
	at, err := url.Parse(c.Get("HX-Current-URL"))
	if err != nil || at.Path != h.url("/ui/keys") {
		return nil
	}
	s := h.listState(c, at.Query())
	return &s
}

// freshList is the list behind a dialog as it is now, and the number of keys in the side bar.
func (h *Handlers) freshList(c *fiber.Ctx, f layout.Frame) (both, error) {
	out := both{keys.CountSwap(f.Nav.KeyCount)}
	s := h.listBehind(c)
	if s == nil {
		return out, nil
	}
	table, err := h.keyTable(c, *s)
	return append(out, keys.ListSwap(f, table)), err
}

// url is the list's address with some of its state changed; pairs are name, value.
func (s listState) url(base string, pairs ...string) string {
	v := url.Values{}
	set := func(name, value, usual string) {
		if value != usual {
			v.Set(name, value)
		}
	}
	set("q", s.q, "")
	set("status", s.status, "")
	set("team_id", s.team, "")
	set("sort", s.sort, "-last_used")
	set("size", strconv.Itoa(s.size), "")
	set("page", strconv.Itoa(s.page), "1")
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			v.Del(pairs[i])
		} else {
			v.Set(pairs[i], pairs[i+1])
		}
	}
	if len(v) == 0 {
		return base
	}
	return base + "?" + v.Encode()
}

func (s listState) query() control.KeyQuery {
	field, order := strings.TrimPrefix(s.sort, "-"), "asc"
	if strings.HasPrefix(s.sort, "-") {
		order = "desc"
	}
	if field == "name" {
		field = "key_alias"
	}
	q := control.KeyQuery{Page: s.page, Size: s.size, Search: s.q, TeamID: s.team, SortBy: field, SortOrder: order, All: true}
	switch s.status {
	case "active", "blocked", "expired", "attention":
		q.State = s.status
	}
	return q
}

// keyList serves GET /ui/keys.
func (h *Handlers) keyList(c *fiber.Ctx) error {
	f, err := h.frame(c)
	if err != nil {
		return err
	}
	table, err := h.keyTable(c, h.readListState(c))
	if err != nil {
		if table.Failure = h.failure(c, h.lang(c).APIKeys(), err); table.Failure == nil {
			return err
		}
	}
	if web.IsPartial(c) {
		return web.Render(c, keys.ListPart(f, table), keys.ListPart(f, table))
	}
	list, err := h.keyListPage(c, table)
	if err != nil && table.Failure == nil {
		return err
	}
	return web.Render(c, keys.Page(f, list), nil)
}

func (h *Handlers) keyListPage(c *fiber.Ctx, table keys.Table) (keys.List, error) {
	t, s := h.lang(c), h.readListState(c)
	list := keys.List{URL: h.url("/ui/keys"), Search: s.q, Table: table, CreateURL: table.CreateURL, BulkURL: table.BulkURL}
	option := func(value, label string) ui.Option {
		return ui.Option{Value: value, Label: label, Selected: s.status == value}
	}
	list.Statuses = []ui.Option{option("", t.All()), option("active", t.StateActive()), option("blocked", t.StateBlocked()), option("expired", t.StateExpired()), option("attention", t.NeedsAttention())}
	var err error
	if list.Teams, err = h.teamOptions(c, h.locale(c), s.team); err != nil {
		return list, err
	}
	list.FindURL = h.url("/ui/keys/find")
	list.Stats, err = h.keyListStats(c)
	return list, err
}

// keyListStats are the figures over the list: the month's spend and where it leads, the last day's calls, and the keys that
// want looking at.
func (h *Handlers) keyListStats(c *fiber.Ctx) ([]ui.Stat, error) {
	l, actor := h.locale(c), web.Actor(c)
	month := dates{from: monthStart(l), to: today(l)}
	days, err := h.Spend.Days(c.UserContext(), actor, month.query())
	if err != nil {
		return nil, err
	}
	recent, err := h.Spend.Recent(c.UserContext(), actor, l.Now.Add(-dayLength), false)
	if err != nil {
		return nil, err
	}
	wanting, err := h.Keys.AttentionCount(c.UserContext(), actor)
	if err != nil {
		return nil, err
	}
	spent := total(days).Spend
	last := month.from.AddDate(0, 1, -1)
	projected := int64(spent) / int64(max(1, len(days))) * int64(last.Day())
	calls := recentStats(l, recent)
	calls[0].Note = l.FailedShare(calls[1].Value)
	return []ui.Stat{
		{Label: l.SpendThisMonth(), Value: l.Money(int64(spent))},
		{Label: l.ProjectedBy(l.Day(last)), Value: l.MoneyShort(projected), Note: l.AtThisPace()},
		calls[0],
		h.wanting(l, wanting),
	}, nil
}

// wanting counts the keys that need attention, names what for, and leads to them.
func (h *Handlers) wanting(l i18n.Locale, counts control.AttentionCount) ui.Stat {
	var all int64
	var parts []string
	for _, c := range []struct {
		keys int64
		say  func(int64) string
	}{
		{counts.OverBudget, l.CountOverBudget},
		{counts.NearBudget, l.CountNearLimit},
		{counts.Blocked, l.CountBlocked},
		{counts.Expired, l.CountExpired},
		{counts.Expiring, l.CountExpiring},
		{counts.Unused, l.CountUnused},
	} {
		if all += c.keys; c.keys > 0 {
			parts = append(parts, c.say(c.keys))
		}
	}
	stat := ui.Stat{Label: l.NeedsAttention(), Value: l.KeyCount(all), Note: l.Join(parts)}
	if all > 0 {
		stat.Href = h.url("/ui/keys?status=attention")
	}
	return stat
}

func teamName(t *models.Team) string {
	if t.Alias != nil && *t.Alias != "" {
		return *t.Alias
	}
	return t.ID
}

// keyTable is one page of the keys that the person sees.
func (h *Handlers) keyTable(c *fiber.Ctx, s listState) (keys.Table, error) {
	actor, l := web.Actor(c), h.locale(c)
	page, err := h.Keys.List(c.UserContext(), actor, s.query())
	if err != nil {
		return keys.Table{}, err
	}
	base := h.url("/ui/keys")
	t := keys.Table{
		Sort: s.sort, ClearURL: base, Filtered: s.q != "" || s.status != "" || s.team != "",
		Name: s.sortLink(base, "name", l.NameLabel()), Team: s.sortLink(base, "", l.TeamAndOwner()), Spend: s.sortLink(base, "spend", l.SpendThisMonth()),
		LastUsed: s.sortLink(base, "last_used", l.LastUsed()), Expires: s.sortLink(base, "expires", l.Expires()), SortedBy: l.LastUsed(),
		Pager: ui.Pager{List: "list", Size: s.size, Sizes: []int{10, 25, 50, 100}, FormID: "filters", SizeName: "size"},
	}
	t.Spend.Help = l.SpendColumnHelp()
	if mayCreate(actor) {
		t.CreateURL = h.url("/ui/keys/new")
	}
	first := (page.Page - 1) * page.Size
	if len(page.Items) > 0 {
		t.Pager.Summary = l.PageSummary(int64(first+1), int64(first+len(page.Items)), int64(page.Total))
	}
	if s.page > 1 {
		t.Pager.Prev = s.url(base, "page", strconv.Itoa(s.page-1))
	}
	if s.page < page.Pages() {
		t.Pager.Next = s.url(base, "page", strconv.Itoa(s.page+1))
	}
	t.ExportURL, t.ExportRows = s.url(h.url("/ui/keys.csv"), "page", "", "size", ""), l.RowCount(int64(page.Total))
	err = h.finishTable(c, &page, &t)
	return t, err
}

func (s listState) sortLink(base, field, label string) ui.SortLink {
	link := ui.SortLink{Label: label, ID: "sort-" + field}
	if field == "" {
		return ui.SortLink{Label: label, ID: "sort-team", Href: s.url(base, "page", "")}
	}
	next := "-" + field
	switch s.sort {
	case "-" + field:
		link.Order, next = "descending", field
	case field:
		link.Order = "ascending"
	}
	link.Href = s.url(base, "sort", next, "page", "")
	return link
}

// mayCreate says whether the person's role makes keys at all; the form says which.
func mayCreate(a access.Actor) bool {
	return access.Role(a, access.KeyCreate) == nil || access.Role(a, access.KeyCreateTeam) == nil
}

// keyRow is one key as lists show it. What a person may do with it is asked of the same function that will decide.
func (h *Handlers) keyRow(c *fiber.Ctx, v *control.KeyView) keys.Row {
	l, actor, k := h.locale(c), web.Actor(c), &v.Key
	row := keys.Row{
		ID: k.ID, KeyID: k.Hash, Name: keyName(k), Short: shortName(k), Team: l.Personal(), Models: h.modelChips(l, v), Spend: spendCell(l, v), Period: l.ThisMonth(), State: h.state(v),
		Owner: ui.Person{Name: l.ServiceAccount(), Service: true}, Links: h.keyLinks(actor, k),
	}
	if k.TeamID != nil {
		if row.Team = v.TeamAlias; row.Team == "" {
			row.Team = *k.TeamID
		}
	}
	if k.UserID != nil {
		row.Owner = ui.Person{Name: ownerName(v)}
	}
	if v.ResetsAt != nil {
		row.Period = l.Resets(l.Day(v.ResetsAt.Time))
	}
	if v.LastUsedAt != nil {
		row.LastUsed = l.Relative(v.LastUsedAt.Time)
	}
	if k.ExpiresAt != nil {
		row.Expires = l.Relative(k.ExpiresAt.Time)
		row.Soon = k.ExpiresAt.Before(h.opt.Now().Add(expiresSoon))
	}
	return row
}

func keyName(k *models.Key) string {
	if k.Alias != nil && *k.Alias != "" {
		return *k.Alias
	}
	return shortName(k)
}

// shortName is the key as people recognise it: "sk-…7Qx2".
func shortName(k *models.Key) string {
	if k.Name == "" {
		return "sk-…"
	}
	return strings.Replace(k.Name, "...", "…", 1)
}

func ownerName(v *control.KeyView) string {
	if v.Owner != nil {
		if v.Owner.Alias != nil && *v.Owner.Alias != "" {
			return *v.Owner.Alias
		}
		if v.Owner.Email != nil && *v.Owner.Email != "" {
			return *v.Owner.Email
		}
	}
	if *v.Key.UserID == models.DefaultUserID {
		return "admin"
	}
	return *v.Key.UserID
}

func (h *Handlers) modelChips(l i18n.Locale, v *control.KeyView) ui.Chips {
	names := v.Key.Models
	if len(names) == 0 || len(names) == 1 && names[0] == "all-team-models" {
		if v.Key.TeamID != nil {
			return ui.Chips{Plain: l.AllTeamModels()}
		}
		return ui.Chips{Plain: l.AllModels()}
	}
	return ui.Chips{Names: names[:1], More: len(names) - 1, All: strings.Join(names, ", ")}
}

// budgetOf is what caps the key: its own budget, or that of the row it is linked to.
func budgetOf(v *control.KeyView) *models.Nano {
	if v.Key.MaxBudget == nil && v.Budget != nil {
		return v.Budget.MaxBudget
	}
	return v.Key.MaxBudget
}

func spendCell(l i18n.Locale, v *control.KeyView) ui.Spend {
	s := ui.Spend{Amount: l.Money(int64(v.Spend)), Of: l.NoLimit()}
	limit := budgetOf(v)
	if limit == nil {
		return s
	}
	s.Of = l.OfBudget(l.MoneyShort(int64(*limit)))
	share := percent(v.Spend, *limit)
	s.Meter = &ui.Meter{Percent: share, Label: l.BudgetUsed(int64(share))}
	return s
}

func percent(part, whole models.Nano) float64 {
	if whole <= 0 {
		return 100
	}
	return float64(part) * 100 / float64(whole)
}

// state is the first state that fits, in the order of ui.md §4.
func (h *Handlers) state(v *control.KeyView) keys.State {
	k, now := &v.Key, h.opt.Now()
	limit := budgetOf(v)
	switch {
	case k.Blocked != nil && *k.Blocked:
		return keys.Blocked
	case k.ExpiresAt != nil && !k.ExpiresAt.After(now):
		return keys.Expired
	case limit != nil && *limit > 0 && v.Spend >= *limit:
		return keys.OverBudget
	case k.ExpiresAt != nil && k.ExpiresAt.Before(now.Add(expiresSoon)):
		return keys.ExpiresSoon
	case limit != nil && *limit > 0 && percent(v.Spend, *limit) >= nearLimit:
		return keys.NearLimit
	case v.GraceEnds != nil:
		return keys.Rotating
	}
	return keys.Active
}

// keyLinks are the acts that the person may do on the key; what they may not do is absent.
func (h *Handlers) keyLinks(actor access.Actor, k *models.Key) keys.Links {
	at := func(action access.Action, suffix string) string {
		if !access.May(actor, action, access.Key(k)) {
			return ""
		}
		return h.url("/ui/keys/" + url.PathEscape(k.ID) + suffix)
	}
	links := keys.Links{Open: at(access.KeyInfo, ""), Rotate: at(access.KeyRegenerate, "/rotate"), Delete: at(access.KeyDelete, "/delete")}
	if mayCreate(actor) {
		links.Duplicate = h.url("/ui/keys/new?from=" + url.QueryEscape(k.ID))
	}
	if k.Blocked != nil && *k.Blocked {
		links.Unblock = at(access.KeyUnblock, "/unblock")
	} else {
		links.Block = at(access.KeyBlock, "/block")
	}
	return links
}

// keyOf loads the key that the path names.
func (h *Handlers) keyOf(c *fiber.Ctx) (*control.KeyView, error) {
	return h.Keys.Info(c.UserContext(), web.Actor(c), control.ByID(c.Params("id")))
}
