package portal

import (
	"strconv"

	"github.com/gofiber/fiber/v2"

	"gatehouse/app/web"
	"gatehouse/views/auth"
	"gatehouse/views/layout"
	"gatehouse/views/ui"
)

// ErrorPage shows an error to a person: in the frame when they are signed in, as a notice when HTMX asked for a part.
func (h *Handlers) ErrorPage(c *fiber.Ctx, p web.Problem) error {
	f, l := h.Frame(c), h.locale(c)
	n := auth.Notice{Tone: ui.Bad, Title: f.T.SomethingWrongShort(), Action: f.T.Overview(), Href: f.URL("/ui/")}
	switch {
	case p.Status == fiber.StatusNotFound:
		n.Title, n.Text = f.T.NotFoundTitle(), h.goneText(c)
	case p.Status == fiber.StatusForbidden:
		n.Title, n.Text = f.T.ForbiddenTitle(), h.forbiddenText(c, p.Message)
	case p.Status == fiber.StatusTooManyRequests:
		n.Text = f.T.TooManyTries(waitMinutes(c))
	case p.Status == fiber.StatusServiceUnavailable:
		n.Title, n.Text, n.RequestID = f.T.UnavailableTitle(), f.T.UnavailableText(), p.RequestID
	case p.Status >= fiber.StatusInternalServerError:
		n.Title, n.Text, n.RequestID = f.T.ErrorTitle(), f.T.ErrorText(), p.RequestID
	default:
		n.Text = say(l, p.Message)
	}
	if p.Status >= fiber.StatusInternalServerError && c.Method() == fiber.MethodGet {
		n.Action, n.Href = f.T.Retry(), c.OriginalURL()
	}
	c.Status(p.Status)
	if c.Get("HX-Request") == "true" {
		if n.RequestID != "" {
			n.Text = f.T.SomethingWrong() + " " + n.RequestID
		}
		c.Set("HX-Retarget", "#alerts")
		c.Set("HX-Reswap", "beforeend")
		return web.Render(c, ui.ToastItem(f.T, ui.Toast{Tone: ui.Bad, Text: n.Text}), nil)
	}
	if !isSignedIn(c) {
		return web.Render(c, auth.NoticePage(f, n), nil)
	}
	framed, err := h.frame(c)
	if err != nil {
		return web.Render(c, auth.NoticePage(f, n), nil)
	}
	if p.Status == fiber.StatusForbidden {
		return web.Render(c, layout.Denied(framed, layout.ItemNone, n.Title, n.Text, ""), nil)
	}
	return web.Render(c, auth.ErrorPage(framed, n), nil)
}

// waitMinutes is the answer's Retry-After in minutes, at least one.
func waitMinutes(c *fiber.Ctx) int64 {
	seconds, err := strconv.ParseInt(string(c.Response().Header.Peek(fiber.HeaderRetryAfter)), 10, 64)
	if err != nil {
		return 1
	}
	return max(1, (seconds+59)/60)
}
