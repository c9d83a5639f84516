package portal

import (
	"context"
	"slices"
	"time"

	"github.com/gofiber/fiber/v2"

	"gatehouse/app/access"
	"gatehouse/app/web"
	"gatehouse/models/fault"
	"gatehouse/views/i18n"
	"gatehouse/views/settings"
)

// tryLimit is the longest that a test of a setting may take.
const tryLimit = 15 * time.Second

// tests are the buttons of a section, for those who may press them.
func (h *Handlers) tests(c *fiber.Ctx, section string) []settings.Test {
	if access.Role(web.Actor(c), access.HealthTest) != nil {
		return nil
	}
	var out []settings.Test
	for _, one := range extra(c).Tests {
		if one.Section == section && one.Ready() {
			out = append(out, h.testPart(h.lang(c), &one))
		}
	}
	return out
}

func (h *Handlers) testPart(l i18n.Lang, one *SettingTest) settings.Test {
	t := settings.Test{ID: one.ID, URL: h.url("/ui/settings/" + one.Section + "/test/" + one.ID)}
	switch one.ID {
	case "mail":
		t.Label = l.SendTestMail()
	case "sso":
		t.Label = l.TestSSO()
	default:
		t.Label = l.TestWebhook()
	}
	return t
}

// settingsTest serves POST /ui/settings/:section/test/:id: tries a setting and says what came of it.
func (h *Handlers) settingsTest(c *fiber.Ctx) error {
	l, list := h.lang(c), extra(c).Tests
	at := slices.IndexFunc(list, func(t SettingTest) bool {
		return t.Section == c.Params("section") && t.ID == c.Params("id") && t.Ready()
	})
	if at < 0 {
		return fault.New(fault.NotFound, l.NotFoundText())
	}
	ctx, cancel := context.WithTimeout(c.UserContext(), tryLimit)
	defer cancel()
	t := h.testPart(l, &list[at])
	t.Result = &settings.Result{OK: true, Text: l.TestDone()}
	if err := list[at].Run(ctx, web.Actor(c)); err != nil {
		t.Result = &settings.Result{Text: l.TestFailed(err.Error())}
	}
	f, err := h.view(c)
	if err != nil {
		return err
	}
	if !web.IsPartial(c) {
		return h.done(c, h.url("/ui/settings/"+c.Params("section")), t.Result.Text)
	}
	return web.Render(c, nil, settings.TestPart(f, t))
}
