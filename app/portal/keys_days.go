package portal

import (
	"time"

	"github.com/gofiber/fiber/v2"

	"gatehouse/app/access"
	"gatehouse/app/control"
	"gatehouse/app/web"
	"gatehouse/models"
	"gatehouse/views/i18n"
	"gatehouse/views/keys"
	"gatehouse/views/ui"
)

const sparkDays = 14

// keyRows are keys as lists show them, each with its days and the month's spend.
func (h *Handlers) keyRows(c *fiber.Ctx, views []control.KeyView) ([]keys.Row, error) {
	var rows []keys.Row
	for i := range views {
		rows = append(rows, h.keyRow(c, &views[i]))
	}
	return rows, h.addDays(c, h.locale(c), views, rows)
}

// keyRowAgain is one row of the list after an act on it, with its box to choose it where the list has one.
func (h *Handlers) keyRowAgain(c *fiber.Ctx, v *control.KeyView) (keys.Row, error) {
	rows, err := h.keyRows(c, []control.KeyView{*v})
	if err != nil {
		return keys.Row{}, err
	}
	actor, key := web.Actor(c), access.Key(&v.Key)
	rows[0].Select = access.May(actor, access.KeyBlock, key) || access.May(actor, access.KeyUpdate, key) || access.May(actor, access.KeyDelete, key)
	return rows[0], nil
}

// addDays fills each row's last 14 days, and the calendar month's spend of keys without a budget period, in one query.
func (h *Handlers) addDays(c *fiber.Ctx, l i18n.Locale, views []control.KeyView, rows []keys.Row) error {
	first := lastDays(l, sparkDays).from
	month := monthStart(l)
	from := first
	if month.Before(from) {
		from = month
	}
	used, err := h.Spend.KeyDays(c.UserContext(), web.Actor(c), views, day(from))
	if err != nil {
		return err
	}
	for i := range rows {
		v := &views[i]
		days := used[v.Key.ID]
		rows[i].Days = make([]int64, sparkDays)
		for n := range sparkDays {
			rows[i].Days[n] = days[day(first.AddDate(0, 0, n))].Requests
		}
		if v.ResetsAt == nil && budgetOf(v) == nil {
			rows[i].Spend = spendOf(l, spentSince(days, month), nil)
		}
	}
	return nil
}

func spentSince(days map[string]control.Usage, from time.Time) models.Nano {
	var sum models.Nano
	for d, u := range days {
		if d >= day(from) {
			sum = sum.AddSat(u.Spend)
		}
	}
	return sum
}

// finishTable adds to a page of keys what one more query knows, and the bulk actions.
func (h *Handlers) finishTable(c *fiber.Ctx, page *control.Page[control.KeyView], t *keys.Table) error {
	l, actor := h.locale(c), web.Actor(c)
	var err error
	if t.Rows, err = h.keyRows(c, page.Items); err != nil {
		return err
	}
	var block, extend, remove bool // what the person may do to one row at least; the service decides row by row
	for i := range t.Rows {
		block = block || t.Rows[i].Links.Block != ""
		extend = extend || access.May(actor, access.KeyUpdate, access.Key(&page.Items[i].Key))
		remove = remove || t.Rows[i].Links.Delete != ""
	}
	if block {
		t.Bulk = append(t.Bulk, ui.BulkAction{Label: l.Block(), Value: "block"})
	}
	if extend {
		t.Bulk = append(t.Bulk, ui.BulkAction{Label: l.Extend(), Value: "extend"})
	}
	if remove {
		t.Bulk = append(t.Bulk, ui.BulkAction{Label: l.Delete(), Value: "delete", Danger: true})
	}
	if len(t.Bulk) == 0 {
		return nil
	}
	t.BulkURL = h.url("/ui/keys/bulk")
	for i := range t.Rows {
		t.Rows[i].Select = true
	}
	if page.Total > len(page.Items) {
		t.SelectAll = l.SelectAllMatching(int64(page.Total))
	}
	return nil
}
