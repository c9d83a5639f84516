package portal

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"gatehouse/app/control"
	"gatehouse/app/web"
	"gatehouse/models"
	"gatehouse/models/fault"
	"gatehouse/views/i18n"
	"gatehouse/views/logs"
	"gatehouse/views/ui"
)

// The words of a call's status in the ledger.
const (
	statusSuccess = "success"
	statusFailure = "failure"
)

// countCap is where the store stops counting calls.
const countCap = 10_000

// logQuery is the list's state in the services' words. since, when not zero, narrows it to calls after a moment.
func (h *Handlers) logQuery(c *fiber.Ctx, l i18n.Locale, since time.Time) (control.SpendQuery, error) {
	v := queryOf(c)
	q := control.SpendQuery{
		Model: v.Get("model"), TeamID: v.Get("team_id"), UserID: v.Get("user_id"), RequestID: strings.TrimSpace(v.Get("request_id")),
		Size: h.pageSize(c, v.Get("size")), Cursor: v.Get("before"),
	}
	if key := v.Get("key"); key != "" {
		q.Key = control.ByID(key)
	}
	if tag := v.Get("tag"); tag != "" {
		q.Tags = []string{tag}
	}
	if least := v.Get("min_spend"); least != "" {
		n, err := strconv.ParseFloat(least, 64)
		if err != nil || n < 0 {
			return q, fault.BadField("min_spend", "%s", l.ErrAmount())
		}
		q.MinSpend = &n
	}
	switch v.Get("status") {
	case "ok":
		q.Status = statusSuccess
	case "failed":
		q.Status = statusFailure
	}
	from := l.Now.Add(-dayLength)
	switch logRange(v) {
	case "1h":
		from = l.Now.Add(-hourLength)
	case "7d":
		from = l.Now.Add(-7 * dayLength)
	case "30d":
		from = l.Now.Add(-30 * dayLength)
	case "custom":
		q.StartDate, q.EndDate = v.Get("from"), v.Get("to")
		from = time.Time{}
	}
	if since.After(from) {
		from = since
	}
	if !from.IsZero() {
		q.StartDate = from.UTC().Format(time.DateTime)
	}
	return q, nil
}

func logRange(v url.Values) string {
	switch r := v.Get("range"); r {
	case "1h", "7d", "30d", "custom":
		return r
	case "":
		if v.Get("from")+v.Get("to") != "" {
			return "custom"
		}
	}
	return "24h"
}

// logList serves GET /ui/logs; ?log= opens one request.
func (h *Handlers) logList(c *fiber.Ctx) error {
	l := h.locale(c)
	if web.IsPartial(c) && c.Query("log") != "" {
		d, err := h.logDetail(c, c.Query("log"))
		if err != nil {
			return err
		}
		part := logs.DrawerPart(h.Frame(c), *d)
		return web.Render(c, part, part)
	}
	f, err := h.view(c)
	if err != nil {
		return err
	}
	s := h.readList(c, "/ui/logs", "")
	q, err := h.logQuery(c, l, time.Time{})
	if err != nil {
		return err
	}
	v := logs.List{URL: s.base}
	page, err := h.Spend.Logs(c.UserContext(), web.Actor(c), q)
	if err != nil {
		if v.Table.Failure = h.failure(c, h.lang(c).Logs(), err); v.Table.Failure == nil {
			return err
		}
		page = &control.LogPage{}
	}
	h.logTable(c, l, s, page, &v)
	if v.Table.Stream != "" {
		f.Scripts = append(f.Scripts, f.Assets.Live)
	}
	if web.IsPartial(c) {
		return web.Render(c, logs.ListPart(f, v.Table), logs.ListPart(f, v.Table))
	}
	if err := h.logFilters(c, l, s, &v); err != nil {
		return err
	}
	if id := c.Query("log"); id != "" {
		if v.Drawer, err = h.logDetail(c, id); err != nil {
			return err
		}
	}
	return web.Render(c, logs.Page(f, v), nil)
}

func (h *Handlers) logTable(_ *fiber.Ctx, l i18n.Locale, s list, page *control.LogPage, v *logs.List) {
	t := &v.Table
	t.ClearURL = s.base
	for _, name := range []string{"status", "model", "key", "team_id", "user_id", "request_id", "tag", "min_spend"} {
		t.Filtered = t.Filtered || s.query.Get(name) != "" && s.query.Get(name) != "all"
	}
	for i := range page.Rows {
		t.Rows = append(t.Rows, h.logRowView(l, s, &page.Rows[i]))
	}
	v.LiveURL = link(s.base, s.query, "live", "1", "before", "", "log", "")
	if s.query.Get("live") == "1" && s.query.Get("before") == "" && !h.opt.Policy().General.NoSpendLogs {
		v.LiveURL, v.StopURL = "", link(s.base, s.query, "live", "", "log", "")
		t.Stream = link(h.url("/ui/logs/stream"), s.query, "live", "", "log", "")
	}
	t.Pager = ui.Pager{List: "list", Size: s.size, Sizes: []int{10, 25, 50, 100}, FormID: "filters", SizeName: "size"}
	if s.query.Get("before") != "" {
		t.Pager.Prev = link(s.base, s.query, "before", "")
	}
	if page.Next != "" {
		t.Pager.Next = link(s.base, s.query, "before", page.Next)
	}
	if h.opt.Policy().General.NoSpendLogs {
		t.Off = l.LogsOff()
	}
	now := strconv.FormatInt(l.Now.UnixMicro(), 10)
	v.Count = logs.Count{URL: link(h.url("/ui/logs/count"), s.query, "since", now, "before", "", "log", ""), Href: link(s.base, s.query, "before", "", "log", "")}
	if s.query.Get("before") == "" {
		v.Count.Text = l.RequestCount(int64(page.Total))
		if page.Total >= countCap {
			v.Count.Text = l.AtLeast(v.Count.Text)
		}
	}
}

// logRowView is one request as the list shows it.
func (h *Handlers) logRowView(l i18n.Locale, s list, r *control.LogRow) logs.Row {
	row := logs.Row{
		ID: r.ID, Micros: strconv.FormatInt(r.StartedAt.UnixMicro(), 10), Href: link(s.base, s.query, "log", r.ID), At: l.Second(r.StartedAt.Time), OK: r.Status == statusSuccess,
		Status: statusText(l, &r.SpendRow), Model: orDash(r.ModelGroup), Key: orDash(r.KeyAlias), In: l.Number(r.PromptTokens), Out: l.Number(r.OutputTokens),
		Cost: l.Money(int64(r.Spend)), Latency: l.Took(r.EndedAt.Sub(r.StartedAt.Time)), Cache: cacheText(l, &r.SpendRow),
	}
	if r.KeyAlias != "" {
		row.KeyHref = h.keyURL(r.KeyID, "")
	}
	return row
}

// statusText is a call's HTTP status, or the ledger's word where there is none.
func statusText(l i18n.Locale, r *models.SpendRow) string {
	if r.HTTPStatus != 0 {
		return strconv.Itoa(r.HTTPStatus)
	}
	switch r.Status {
	case statusSuccess:
		return l.StatusOK()
	case statusFailure:
		return l.StatusFailed()
	}
	return l.StatusCancelled()
}

func cacheText(l i18n.Locale, r *models.SpendRow) string {
	switch {
	case r.CacheHit:
		return l.CacheHit()
	case r.CacheRead > 0:
		return l.PromptRead(l.Number(r.CacheRead))
	}
	return ""
}

// logFilters fills the choices above the list.
func (h *Handlers) logFilters(c *fiber.Ctx, l i18n.Locale, s list, v *logs.List) error {
	at, status := logRange(s.query), s.query.Get("status")
	for _, o := range []struct{ value, label string }{{"1h", l.LastHours(1)}, {"24h", l.LastHours(24)}, {"7d", l.LastDays(7)}, {"30d", l.LastDays(30)}} {
		v.Ranges = append(v.Ranges, ui.Option{Value: o.value, Label: o.label, Selected: o.value == at})
	}
	if at == "custom" {
		v.Ranges = append(v.Ranges, ui.Option{Value: "custom", Label: s.query.Get("from") + " – " + s.query.Get("to"), Selected: true})
	}
	for _, o := range []struct{ value, label string }{{"all", l.All()}, {"ok", l.StatusOK()}, {"failed", l.StatusFailed()}} {
		v.Statuses = append(v.Statuses, ui.Option{Value: o.value, Label: o.label, Selected: o.value == status || o.value == "all" && status != "ok" && status != "failed"})
	}
	ctx, actor := c.UserContext(), web.Actor(c)
	q := lastDays(l, 30).query()
	most := topMost
	q.Limit = &most
	seen, err := h.Spend.Top(ctx, actor, control.ByModelGroup, q)
	if err != nil {
		return err
	}
	if v.Models = filterOptions(l, control.ByModelGroup, seen, s.query.Get("model")); len(v.Models) > 0 {
		v.Models[0].Label = l.ModelAll()
	}
	keys, err := h.Spend.Top(ctx, actor, control.ByKey, q)
	if err != nil {
		return err
	}
	v.Keys = filterOptions(l, control.ByKey, keys, s.query.Get("key"))
	if v.Teams, err = h.teamOptions(c, l, s.query.Get("team_id")); err != nil {
		return err
	}
	if actor.SeesAll() {
		people, err := h.Spend.Top(ctx, actor, control.ByUser, q)
		if err != nil {
			return err
		}
		v.Users = filterOptions(l, control.ByUser, people, s.query.Get("user_id"))
	}
	v.Request.Value = s.query.Get("request_id")
	for _, g := range []struct {
		name, label string
		options     []ui.Option
	}{{"key", l.APIKey(), v.Keys}, {"team_id", l.Team(), v.Teams}, {"user_id", l.User(), v.Users}, {"request_id", l.RequestIDLabel(), nil}, {"tag", l.Tag(), nil}} {
		if chosen := s.query.Get(g.name); chosen != "" {
			v.Active++
			label := g.label + ": " + optionLabel(g.options, chosen)
			v.Chips = append(v.Chips, ui.FilterChip{Label: label, Clear: link(s.base, s.query, g.name, "", "before", ""), Remove: l.Remove() + " " + label})
		}
	}
	return nil
}

// logCount serves GET /ui/logs/count: how many calls came since the page was loaded.
func (h *Handlers) logCount(c *fiber.Ctx) error {
	l := h.locale(c)
	us, err := strconv.ParseInt(c.Query("since"), 10, 64)
	if err != nil || us <= 0 {
		return fault.BadField("since", "since must be a time")
	}
	since := time.UnixMicro(us).Add(time.Second) // the query counts whole seconds
	q, err := h.logQuery(c, l, since)
	if err != nil {
		return err
	}
	q.Size, q.Cursor = 1, ""
	page, err := h.Spend.Logs(c.UserContext(), web.Actor(c), q)
	if err != nil {
		return err
	}
	query := queryOf(c)
	query.Del("since")
	v := logs.Count{URL: link(h.url("/ui/logs/count"), query, "since", c.Query("since")), Href: link(h.url("/ui/logs"), query)}
	if page.Total > 0 {
		v.New = l.NewRequests(int64(page.Total))
	}
	part := logs.CountPart(h.Frame(c), v)
	return web.Render(c, part, part)
}
