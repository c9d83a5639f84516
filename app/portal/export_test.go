package portal

import (
	"github.com/gofiber/fiber/v2"

	"gatehouse/app/control"
	"gatehouse/app/web"
	"gatehouse/views/keys"
)

// FinishedTable is a page of keys as the list shows it, with what finishTable adds.
func (h *Handlers) FinishedTable(c *fiber.Ctx) error {
	page, err := h.Keys.List(c.UserContext(), web.Actor(c), control.KeyQuery{Page: 1, Size: 2, All: true, SortBy: "key_alias", SortOrder: "asc"})
	if err != nil {
		return err
	}
	var t keys.Table
	for i := range page.Items {
		t.Rows = append(t.Rows, h.keyRow(c, &page.Items[i]))
	}
	if err := h.finishTable(c, &page, &t); err != nil {
		return err
	}
	return web.Render(c, keys.ListPart(h.Frame(c), t), nil)
}

// SignedIn is the guard of a page for a test's own route.
func (h *Handlers) SignedIn() fiber.Handler { return h.signedIn("key.list") }
