package portal

import (
	"github.com/gofiber/fiber/v2"

	"gatehouse/app/web"
	"gatehouse/views/auth"
	"gatehouse/views/ui"
)

// ErrorPage shows an error to a person: in the frame when they are signed in, as a toast when HTMX asked for a part.
func (h *Handlers) ErrorPage(c *fiber.Ctx, p web.Problem) error {
	f := h.Frame(c)
	n := auth.Notice{Tone: ui.Bad, Title: f.T.SomethingWrongShort(), Text: p.Message}
	switch p.Status {
	case fiber.StatusNotFound:
		n.Title, n.Text = f.T.NotFoundTitle(), f.T.NotFoundText()
	case fiber.StatusForbidden:
		n.Title = f.T.ForbiddenTitle()
	case fiber.StatusTooManyRequests, fiber.StatusServiceUnavailable, fiber.StatusConflict, fiber.StatusBadRequest:
	default:
		if p.Status >= fiber.StatusInternalServerError {
			n.Text, n.RequestID = f.T.SomethingWrong(), p.RequestID
		}
	}
	c.Status(p.Status)
	if c.Get("HX-Request") == "true" {
		c.Set("HX-Retarget", "#alerts")
		c.Set("HX-Reswap", "beforeend")
		return web.Render(c, ui.ToastItem(f.T, ui.Toast{Tone: ui.Bad, Text: n.Text}), nil)
	}
	n.Action, n.Href = f.T.Overview(), f.URL("/ui/")
	if !isSignedIn(c) || p.Status >= fiber.StatusInternalServerError {
		return web.Render(c, auth.NoticePage(f, n), nil)
	}
	framed, err := h.frame(c)
	if err != nil {
		return web.Render(c, auth.NoticePage(f, n), nil)
	}
	return web.Render(c, auth.ErrorPage(framed, n), nil)
}
