package portal

import (
	"github.com/gofiber/fiber/v2"

	"gatehouse/app/web"
	"gatehouse/views/auth"
	"gatehouse/views/ui"
)

// RegisterOff puts on the app what is left of a portal that DISABLE_ADMIN_UI turned off: a page that says so, wherever
// people come in, and the assets, which the API's page needs as well.
func (h *Handlers) RegisterOff(app *fiber.App) {
	headers := web.PageHeaders(h.opt.Web)
	say := func(c *fiber.Ctx) error {
		f := h.Frame(c)
		return web.Render(c, auth.NoticePage(f, auth.Notice{Tone: ui.Info, Title: f.T.PortalOffTitle(), Text: f.T.PortalOffText()}), nil)
	}
	app.Get(h.url("/ui/static/*"), h.asset)
	for _, path := range [...]string{"/ui", "/ui/*", "/login", "/fallback/login", "/sso/key/generate"} {
		app.Get(h.url(path), headers, say)
	}
}
