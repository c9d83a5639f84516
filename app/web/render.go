package web

import (
	"github.com/a-h/templ"
	"github.com/gofiber/fiber/v2"
)

// Render answers one URL twice over: the part when HTMX asked for a part, else the whole page. A nil part means
// the page has none.
func Render(c *fiber.Ctx, page, part templ.Component) error {
	c.Vary("HX-Request")
	if part != nil && IsPartial(c) {
		return send(c, part)
	}
	return send(c, page)
}

// RenderStatus is Render with a status, for forms that come back (422) and error pages.
func RenderStatus(c *fiber.Ctx, status int, page, part templ.Component) error {
	c.Status(status)
	return Render(c, page, part)
}

func send(c *fiber.Ctx, component templ.Component) error {
	c.Set(fiber.HeaderContentType, fiber.MIMETextHTMLCharsetUTF8)
	return component.Render(c.UserContext(), c.Response().BodyWriter())
}
