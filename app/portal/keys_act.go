package portal

import (
	"crypto/rand"
	"encoding/base64"

	"github.com/gofiber/fiber/v2"

	"gatehouse/app/access"
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

// keyPlace is where an act on a key was begun: ?back=key is the key's own page, ?back=overview the overview,
// ?back=welcome the first steps, else a list.
type keyPlace struct {
	back string // where a form's "Cancel" and its end lead
	swap string // the row that its answer replaces where a list is behind the dialog
	mark string // of a form's address
}

func (h *Handlers) keyPlace(c *fiber.Ctx, id string) keyPlace {
	switch c.Query("back") {
	case "key":
		return keyPlace{back: h.keyURL(id, ""), mark: backToKey}
	case "overview":
		return keyPlace{back: h.url("/ui/"), mark: backToOverview}
	case "welcome":
		return keyPlace{back: h.url("/ui/welcome"), mark: backToWelcome}
	}
	return keyPlace{back: h.url("/ui/keys"), swap: "#" + keys.RowID(id)}
}

const (
	backToKey      = "?back=key"
	backToOverview = "?back=overview"
	backToWelcome  = "?back=welcome" // the first steps
)

// fromKeyPage makes the links of a key's acts lead back to its own page.
func fromKeyPage(l keys.Links) keys.Links {
	for _, link := range []*string{&l.Rotate, &l.Block, &l.Unblock, &l.Delete} {
		if *link != "" {
			*link += backToKey
		}
	}
	return l
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
	at := h.keyPlace(c, v.Key.ID)
	form := keys.Block{Page: !web.IsPartial(c), Name: keyName(&v.Key), Action: h.keyURL(v.Key.ID, "/block"+at.mark), Back: at.back, Swap: at.swap}
	return web.Render(c, keys.BlockPage(f, form), keys.BlockPart(f, form))
}

// keyBlock serves POST /ui/keys/:id/block: the row again for HTMX, a redirect for a plain form.
func (h *Handlers) keyBlock(c *fiber.Ctx) error {
	v, err := h.Keys.Block(c.UserContext(), web.Actor(c), control.ByID(c.Params("id")), c.FormValue("reason"))
	return h.afterRowAct(c, v, err, h.lang(c).ToastBlocked, access.KeyUnblock)
}

// keyUnblock serves POST /ui/keys/:id/unblock.
func (h *Handlers) keyUnblock(c *fiber.Ctx) error {
	v, err := h.Keys.Unblock(c.UserContext(), web.Actor(c), control.ByID(c.Params("id")))
	return h.afterRowAct(c, v, err, h.lang(c).ToastUnblocked, "")
}

// afterRowAct shows the row again. undo is the act that takes it back, "" for none.
func (h *Handlers) afterRowAct(c *fiber.Ctx, v *control.KeyView, err error, words func(name string) string, undo access.Action) error {
	f := h.Frame(c)
	if fault.Is(err, fault.NotFound) && web.IsPartial(c) {
		id := c.Params("id")
		return web.Render(c, keys.GoneRow(f, id), keys.GoneRow(f, id))
	}
	if err != nil {
		return err
	}
	text := words(keyName(&v.Key))
	if !web.IsPartial(c) {
		return h.done(c, h.keyPlace(c, v.Key.ID).back, text)
	}
	row, err := h.keyRowAgain(c, v)
	if err != nil {
		return err
	}
	toast := ui.Toast{Tone: ui.OK, Text: text}
	if undo != "" && access.May(web.Actor(c), undo, access.Key(&v.Key)) {
		toast.Action, toast.URL, toast.Target = f.T.Undo(), h.keyURL(v.Key.ID, "/unblock"), "#"+keys.RowID(v.Key.ID)
	}
	part := both{keys.TableRow(f, row), ui.ToastSwap(f.T, toast)}
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
	at := h.keyPlace(c, v.Key.ID)
	form := keys.Delete{
		Page: !web.IsPartial(c), Name: keyName(&v.Key), Action: h.keyURL(v.Key.ID, "/delete"+at.mark), Back: at.back, Swap: at.swap,
		MustType: h.usedToday(v), Confirm: ui.Text{Error: problem},
	}
	if form.Used, err = h.usedWords(c, v); err != nil {
		return err
	}
	if status != fiber.StatusOK {
		c.Set("HX-Retarget", "#dialog")
		c.Set("HX-Reswap", "innerHTML")
	}
	return web.RenderStatus(c, status, keys.DeletePage(f, form), keys.DeletePart(f, form))
}

// usedWords is how much a key is used, for who is about to delete it.
func (h *Handlers) usedWords(c *fiber.Ctx, v *control.KeyView) (string, error) {
	l := h.locale(c)
	if v.LastUsedAt == nil {
		return l.NotUsedYet(), nil
	}
	if !h.usedToday(v) {
		return l.NotUsedFor(daysSince(l.Now, v.LastUsedAt.Time)), nil
	}
	calls, known, err := h.Spend.KeyRecent(c.UserContext(), web.Actor(c), &v.Key, l.Now.Add(-dayLength))
	if err != nil {
		return "", err
	}
	if !known || calls == 0 {
		return l.UsedLast(l.Relative(v.LastUsedAt.Time).Text), nil
	}
	return l.UsedTimes24h(calls), nil
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
		to := h.url("/ui/keys")
		if at := h.keyPlace(c, v.Key.ID); at.mark == backToOverview {
			to = at.back
		}
		return h.done(c, to, text)
	}
	f, err := h.frame(c) // with the number of keys as it is now
	if err != nil {
		return err
	}
	part := both{ui.ToastSwap(l, ui.Toast{Tone: ui.OK, Text: text}), keys.CountSwap(f.Nav.KeyCount)}
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
	at := h.keyPlace(c, v.Key.ID)
	form := keys.Rotate{
		Page: !web.IsPartial(c), Name: keyName(&v.Key), Action: h.keyURL(v.Key.ID, "/rotate"+at.mark), Back: at.back, Nonce: once,
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
