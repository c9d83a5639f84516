package portal

import (
	"crypto/rand"
	"encoding/base64"

	"github.com/gofiber/fiber/v2"

	"gatehouse/app/control"
	"gatehouse/app/web"
	"gatehouse/models/fault"
	"gatehouse/views/keys"
	"gatehouse/views/ui"
)

// nonce marks one form, so that sending it twice makes one thing.
func nonce() (string, error) {
	var b [16]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(b[:]), nil
}

// keyBlockForm serves GET /ui/keys/:id/block.
func (h *Handlers) keyBlockForm(c *fiber.Ctx) error {
	f, err := h.frame(c)
	if err != nil {
		return err
	}
	v, err := h.keyOf(c)
	if err != nil {
		return err
	}
	form := keys.Block{
		Page: !web.IsPartial(c), Name: keyName(&v.Key), Action: h.url("/ui/keys/" + v.Key.ID + "/block"), Back: h.url("/ui/keys"), Swap: "#" + keys.RowID(v.Key.ID),
	}
	return web.Render(c, keys.BlockPage(f, form), keys.BlockPart(f, form))
}

// keyBlock serves POST /ui/keys/:id/block: the row again for HTMX, a redirect for a plain form.
func (h *Handlers) keyBlock(c *fiber.Ctx) error {
	v, err := h.Keys.Block(c.UserContext(), web.Actor(c), control.ByID(c.Params("id")), c.FormValue("reason"))
	return h.afterRowAct(c, v, err, h.lang(c).ToastBlocked)
}

// keyUnblock serves POST /ui/keys/:id/unblock.
func (h *Handlers) keyUnblock(c *fiber.Ctx) error {
	v, err := h.Keys.Unblock(c.UserContext(), web.Actor(c), control.ByID(c.Params("id")))
	return h.afterRowAct(c, v, err, h.lang(c).ToastUnblocked)
}

func (h *Handlers) afterRowAct(c *fiber.Ctx, v *control.KeyView, err error, words func(name string) string) error {
	f := h.Frame(c)
	if fault.Is(err, fault.NotFound) && web.IsPartial(c) {
		id := c.Params("id")
		return web.Render(c, keys.GoneRow(f, id, id), keys.GoneRow(f, id, id))
	}
	if err != nil {
		return err
	}
	text := words(keyName(&v.Key))
	if !web.IsPartial(c) {
		return h.done(c, h.url("/ui/keys"), text)
	}
	part := both{keys.TableRow(f, h.keyRow(c, v)), ui.ToastSwap(f.T, ui.Toast{Tone: ui.OK, Text: text})}
	return web.Render(c, part, part)
}

// keyDeleteForm serves GET /ui/keys/:id/delete.
func (h *Handlers) keyDeleteForm(c *fiber.Ctx) error { return h.showDelete(c, fiber.StatusOK, "") }

func (h *Handlers) showDelete(c *fiber.Ctx, status int, problem string) error {
	f, err := h.frame(c)
	if err != nil {
		return err
	}
	v, err := h.keyOf(c)
	if err != nil {
		return err
	}
	form := keys.Delete{
		Page: !web.IsPartial(c), Name: keyName(&v.Key), Action: h.url("/ui/keys/" + v.Key.ID + "/delete"), Back: h.url("/ui/keys"),
		Swap: "#" + keys.RowID(v.Key.ID), MustType: h.usedToday(v), Confirm: ui.Text{Error: problem},
	}
	l := h.locale(c)
	form.Used = l.NeverUsed()
	if v.LastUsedAt != nil {
		form.Used = l.UsedAt(l.Relative(v.LastUsedAt.Time).Text)
	}
	if status != fiber.StatusOK {
		c.Set("HX-Retarget", "#dialog")
		c.Set("HX-Reswap", "innerHTML")
	}
	return web.RenderStatus(c, status, keys.DeletePage(f, form), keys.DeletePart(f, form))
}

// usedToday says whether the key was used in the last 24 hours: deleting it then wants its name.
func (h *Handlers) usedToday(v *control.KeyView) bool {
	return v.LastUsedAt != nil && h.opt.Now().Sub(v.LastUsedAt.Time) < dayLength
}

// keyDelete serves POST /ui/keys/:id/delete.
func (h *Handlers) keyDelete(c *fiber.Ctx) error {
	v, err := h.keyOf(c)
	if err != nil {
		return err
	}
	name, l := keyName(&v.Key), h.lang(c)
	if h.usedToday(v) && c.FormValue("confirm") != name {
		return h.showDelete(c, fiber.StatusUnprocessableEntity, l.ErrConfirmName(name))
	}
	if _, err := h.Keys.Delete(c.UserContext(), web.Actor(c), []string{control.ByID(v.Key.ID)}); err != nil {
		return err
	}
	text := l.ToastDeleted(name)
	if !web.IsPartial(c) {
		return h.done(c, h.url("/ui/keys"), text)
	}
	part := ui.ToastSwap(l, ui.Toast{Tone: ui.OK, Text: text})
	return web.Render(c, part, part)
}

// keyRotateForm serves GET /ui/keys/:id/rotate.
func (h *Handlers) keyRotateForm(c *fiber.Ctx) error {
	f, err := h.frame(c)
	if err != nil {
		return err
	}
	v, err := h.keyOf(c)
	if err != nil {
		return err
	}
	once, err := nonce()
	if err != nil {
		return err
	}
	form := keys.Rotate{
		Page: !web.IsPartial(c), Name: keyName(&v.Key), Action: h.url("/ui/keys/" + v.Key.ID + "/rotate"), Back: h.url("/ui/keys"), Nonce: once,
		Graces: []ui.Option{
			{Value: "0s", Label: f.T.GraceNow()},
			{Value: "1h", Label: f.T.For(hourLength)},
			{Value: "24h", Label: f.T.For(dayLength), Selected: true},
			{Value: "7d", Label: f.T.For(7 * dayLength)},
		},
	}
	return web.Render(c, keys.RotatePage(f, form), keys.RotatePart(f, form))
}

// keyRotate serves POST /ui/keys/:id/rotate: the one view of the new secret.
func (h *Handlers) keyRotate(c *fiber.Ctx) error {
	in := control.RotateKey{Key: control.ByID(c.Params("id"))}
	switch grace := c.FormValue("grace_period"); grace {
	case "", "0s":
		in.GracePeriod = control.Null[string]()
	case "1h", "24h", "7d":
		in.GracePeriod = control.Some(grace)
	default:
		return fault.BadField("grace_period", "the time must be 0s, 1h, 24h or 7d")
	}
	created, err := h.Keys.Rotate(c.UserContext(), web.Actor(c), in)
	if err != nil {
		return err
	}
	return h.showCreated(c, created, true)
}
