package portal

import (
	"cmp"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"gatehouse/app/web"
	"gatehouse/models"
	"gatehouse/models/fault"
	"gatehouse/views/i18n"
	"gatehouse/views/layout"
	"gatehouse/views/ui"
)

// view is the frame of an answer: the whole one for a page, and for a part the one that asks the database nothing and
// leaves the notice of the page before for the next page.
func (h *Handlers) view(c *fiber.Ctx) (layout.Frame, error) {
	if web.IsPartial(c) {
		f := h.Frame(c)
		f.User.Email = web.Actor(c).Email
		return f, nil
	}
	return h.frame(c)
}

// queryOf is the request's query, its values copied.
func queryOf(c *fiber.Ctx) url.Values {
	v, err := url.ParseQuery(string(c.Request().URI().QueryString()))
	if err != nil {
		return url.Values{}
	}
	return v
}

// link is base with a query changed: pairs are name and value, and "" takes a name out.
func link(base string, query url.Values, pairs ...string) string {
	v := url.Values{}
	for name, list := range query {
		for _, one := range list {
			if one != "" {
				v.Add(name, one)
			}
		}
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		v.Del(pairs[i])
		if pairs[i+1] != "" {
			v.Set(pairs[i], pairs[i+1])
		}
	}
	if len(v) == 0 {
		return base
	}
	return base + "?" + v.Encode()
}

// list is a numbered list's place as the URL holds it.
type list struct {
	base       string
	query      url.Values
	page, size int
	sort       string // "-spend"
}

func (h *Handlers) readList(c *fiber.Ctx, path, sort string) list {
	s := list{base: h.url(path), query: queryOf(c), sort: sort}
	if given := s.query.Get("sort"); given != "" {
		s.sort = given
	}
	s.page, _ = strconv.Atoi(s.query.Get("page"))
	s.page = max(s.page, 1)
	s.size = h.pageSize(c, s.query.Get("size"))
	return s
}

// pageSize is the number of rows of a list: the one that was chosen, which this browser remembers, then the last choice.
func (h *Handlers) pageSize(c *fiber.Ctx, chosen string) int {
	if n := rows(chosen); n != 0 {
		if c.Cookies(cookieRows) != chosen {
			h.setCookie(c, cookieRows, chosen)
		}
		return n
	}
	return cmp.Or(rows(c.Cookies(cookieRows)), 25)
}

// rows reads a number of rows that lists offer, 0 for anything else.
func rows(text string) int {
	switch text {
	case "10", "25", "50", "100":
		n, _ := strconv.Atoi(text)
		return n
	}
	return 0
}

// by is the sort in the services' words.
func (s list) by() (field, order string) {
	if field, down := strings.CutPrefix(s.sort, "-"); down {
		return field, "desc"
	}
	return s.sort, "asc"
}

// head is a column's sort link; a column whose service cannot sort has field "".
func (s list) head(id, field, label string) ui.SortLink {
	link1 := ui.SortLink{Label: label, ID: "sort-" + id}
	if field == "" {
		return link1
	}
	next := "-" + field
	switch s.sort {
	case "-" + field:
		link1.Order, next = "descending", field
	case field:
		link1.Order = "ascending"
	}
	link1.Href = link(s.base, s.query, "sort", next, "page", "")
	return link1
}

// pager leads to the pages beside the present one.
func (s list) pager(l i18n.Locale, part, form string, shown, total int) ui.Pager {
	p := ui.Pager{List: part, Size: s.size}
	if form != "" {
		p.Sizes, p.FormID, p.SizeName = []int{10, 25, 50, 100}, form, "size"
	}
	first := (s.page - 1) * s.size
	if shown > 0 {
		p.Summary = l.PageSummary(int64(first+1), int64(first+shown), int64(total))
	}
	if s.page > 1 {
		p.Prev = link(s.base, s.query, "page", pageNumber(s.page-1))
	}
	if first+shown < total {
		p.Next = link(s.base, s.query, "page", strconv.Itoa(s.page+1))
	}
	return p
}

func pageNumber(n int) string {
	if n <= 1 {
		return ""
	}
	return strconv.Itoa(n)
}

// cut is the present page of rows that are all in memory.
func cut[T any](s list, rows []T) []T {
	from := min((s.page-1)*s.size, len(rows))
	return rows[from:min(from+s.size, len(rows))]
}

// failure is how a list or a panel shows that it could not be loaded, what being its title; nil where the error is the page's
// business, not the list's.
func (h *Handlers) failure(c *fiber.Ctx, what string, err error) *ui.Failure {
	if f := fault.As(err); err == nil || web.IsPartial(c) || f != nil && f.Kind != fault.Internal && f.Kind != fault.Unavailable {
		return nil
	}
	h.opt.Log.LogAttrs(c.UserContext(), slog.LevelError, "a list could not be loaded",
		slog.String("request_id", web.RequestID(c)), slog.String("route", c.Route().Path), slog.Any("error", err))
	c.Status(web.Status(err))
	return &ui.Failure{Text: h.lang(c).CouldNotLoad(what), Retry: c.OriginalURL(), RequestID: web.RequestID(c)}
}

// tried is failure for one panel of several: the panel shows it, and an error that is the page's business comes back.
func (h *Handlers) tried(c *fiber.Ctx, what string, err error) (*ui.Failure, error) {
	failed := h.failure(c, what, err)
	if failed != nil {
		return failed, nil
	}
	return nil, err
}

// formList is every value of a repeated form field.
func formList(c *fiber.Ctx, name string) []string {
	var out []string
	for _, v := range c.Context().PostArgs().PeekMulti(name) {
		out = append(out, string(v))
	}
	if form, err := c.MultipartForm(); err == nil {
		out = append(out, form.Value[name]...)
	}
	return out
}

// dialogAgain makes HTMX show an answer in the dialog, wherever the request's own target is: a form that came back.
func dialogAgain(c *fiber.Ctx) {
	c.Set("HX-Retarget", "#dialog")
	c.Set("HX-Reswap", "innerHTML")
}

// today is the present day in the reporting zone.
func today(l i18n.Locale) time.Time {
	zone := l.Zone
	if zone == nil {
		zone = time.UTC
	}
	y, m, d := l.Now.In(zone).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, zone)
}

// monthStart is the first day of the present month in the reporting zone.
func monthStart(l i18n.Locale) time.Time {
	t := today(l)
	return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, t.Location())
}

func day(t time.Time) string { return t.Format(time.DateOnly) }

func textOf(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

// orID is a name, or the id of what has none.
func orID(name *string, id string) string {
	if name != nil && *name != "" {
		return *name
	}
	return id
}

func whole(n *int64) string {
	if n == nil {
		return ""
	}
	return strconv.FormatInt(*n, 10)
}

func amountInput(n *models.Nano) string {
	if n == nil {
		return ""
	}
	return i18n.MoneyInput(int64(*n))
}

// spendOf is an amount against a limit, nil for none.
func spendOf(l i18n.Locale, spent models.Nano, limit *models.Nano) ui.Spend {
	s := ui.Spend{Amount: l.Money(int64(spent)), Of: l.NoLimit()}
	if limit == nil {
		return s
	}
	share := percent(spent, *limit)
	s.Of = l.OfBudget(l.MoneyShort(int64(*limit)))
	s.Meter = &ui.Meter{Percent: share, Label: l.BudgetUsed(int64(share))}
	return s
}

// amountPer is a budget in words: "$50.00 per month".
func amountPer(l i18n.Locale, limit *models.Nano, duration *string) string {
	if limit == nil {
		return l.NoLimitHint()
	}
	if duration == nil {
		return l.MoneyShort(int64(*limit))
	}
	return l.AmountPer(l.MoneyShort(int64(*limit)), period(l, *duration))
}

// periods are the choices of how often a budget resets; one of its own joins them.
func periods(l i18n.Locale, chosen string) []ui.Option {
	known := []struct{ value, label string }{{"", l.NoReset()}, {"1d", l.PerDay()}, {"7d", l.PerWeek()}, {"30d", l.PerMonth()}}
	var out []ui.Option
	found := false
	for _, p := range known {
		found = found || p.value == chosen
		out = append(out, ui.Option{Value: p.value, Label: p.label, Selected: p.value == chosen})
	}
	if !found {
		out = append(out, ui.Option{Value: chosen, Label: period(l, chosen), Selected: true})
	}
	return out
}

// compact is a number for a tile, with the whole one where it was shortened.
func compact(l i18n.Locale, n int64) (short, full string) {
	short = l.Compact(n)
	if full = l.Number(n); full == short {
		full = ""
	}
	return short, full
}

// failedShare is failed of all, in per cent.
func failedShare(l i18n.Locale, failed, all int64) string {
	if all == 0 {
		return l.Percent(0)
	}
	return l.Percent(float64(failed) * 100 / float64(all))
}
