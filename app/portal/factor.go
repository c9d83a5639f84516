package portal

import (
	"fmt"
	"strings"

	"github.com/boombuler/barcode/qr"
	"github.com/gofiber/fiber/v2"

	"gatehouse/app/access"
	"gatehouse/app/control"
	"gatehouse/app/web"
	"gatehouse/models/fault"
	"gatehouse/views/account"
	"gatehouse/views/ui"
)

// factorPages are the pages of the second factor of somebody who is signed in.
func (h *Handlers) factorPages() []page {
	return []page{
		post("/ui/account/factor", access.UserUpdate, h.factorSetup),
		post("/ui/account/factor/confirm", access.UserUpdate, h.factorConfirm),
		post("/ui/account/factor/recovery", access.UserUpdate, h.factorRecovery),
		post("/ui/account/factor/off", access.UserUpdate, h.factorOff),
		post("/ui/users/:id/factor/reset", access.UserBulkUpdate, h.userFactorReset),
	}
}

// fewCodes is when new recovery codes should be made.
const fewCodes = 3

// factorForm is the part of the account page as it stands; nil when no second factor is offered.
func (h *Handlers) factorForm(c *fiber.Ctx) (*account.Factor, error) {
	view, err := h.Factors.View(c.UserContext(), web.Actor(c))
	if err != nil || !view.Offered {
		return nil, err
	}
	l := h.locale(c)
	f := &account.Factor{
		On: view.On, Required: view.Required, Few: view.Left <= fewCodes,
		SetupURL: h.url("/ui/account/factor"), ConfirmURL: h.url("/ui/account/factor/confirm"), OffURL: h.url("/ui/account/factor/off"),
		RecoveryURL: h.url("/ui/account/factor/recovery"),
	}
	if view.On {
		f.Since, f.Left = l.FactorSince(l.LongDate(view.Since)), l.RecoveryLeft(view.Left)
	}
	return f, nil
}

// showFactor draws the part, or the account page with it, after change has filled in what happened.
func (h *Handlers) showFactor(c *fiber.Ctx, status int, change func(*account.Factor)) error {
	v, err := h.factorForm(c)
	if err != nil {
		return err
	}
	if v == nil {
		return fault.New(fault.NotFound, h.lang(c).NotFoundText())
	}
	change(v)
	c.Set(fiber.HeaderCacheControl, "no-store")
	if !web.IsPartial(c) {
		c.Locals(localFactor, v)
		return h.showAccount(c, status, nil, nil)
	}
	frame, err := h.view(c)
	if err != nil {
		return err
	}
	part := account.FactorPart(frame, *v)
	return web.RenderStatus(c, status, part, part)
}

// localFactor is the part of the account page as an act on it left it.
const localFactor = "gatehouse.factor"

// refusedFactor shows what a service refused beside the field that it is about.
func (h *Handlers) refusedFactor(c *fiber.Ctx, err error) error {
	no := fault.As(err)
	if no == nil {
		return err
	}
	l := h.lang(c)
	switch {
	case no.Param == "current_password":
		return h.showFactor(c, fiber.StatusUnprocessableEntity, func(v *account.Factor) { v.Password.Error = l.ErrPasswordWrong() })
	case no.Kind == fault.Exhausted:
		return h.showFactor(c, fiber.StatusTooManyRequests, func(v *account.Factor) { v.Problem = tooManyTries(l, no) })
	case no.Kind == fault.Conflict, no.Kind == fault.Forbidden, no.Kind == fault.NotFound:
		return h.showFactor(c, fiber.StatusUnprocessableEntity, func(v *account.Factor) { v.Problem = say(h.locale(c), no.Message) })
	}
	return err
}

// factorSetup serves POST /ui/account/factor: a new setup key.
func (h *Handlers) factorSetup(c *fiber.Ctx) error {
	setup, err := h.Factors.Begin(c.UserContext(), web.Actor(c), c.FormValue("current_password"))
	if err != nil {
		return h.refusedFactor(c, err)
	}
	return h.showSetup(c, fiber.StatusOK, setup, "")
}

func (h *Handlers) showSetup(c *fiber.Ctx, status int, setup *control.FactorSetup, problem string) error {
	shown, err := shownSetup(setup)
	if err != nil {
		return err
	}
	return h.showFactor(c, status, func(v *account.Factor) { v.Setup, v.Code.Error = &shown, problem })
}

// factorConfirm serves POST /ui/account/factor/confirm: the first code turns it on.
func (h *Handlers) factorConfirm(c *fiber.Ctx) error {
	actor := web.Actor(c)
	codes, err := h.Factors.Confirm(c.UserContext(), actor, c.FormValue("code"))
	if err == nil {
		return h.showFactor(c, fiber.StatusOK, func(v *account.Factor) { v.Codes = codes })
	}
	no := fault.As(err)
	if no == nil || no.Param != "code" && no.Kind != fault.Exhausted {
		return h.refusedFactor(c, err)
	}
	setup, perr := h.Factors.Pending(c.UserContext(), actor)
	if perr != nil {
		return h.refusedFactor(c, perr)
	}
	if no.Kind == fault.Exhausted {
		return h.showSetup(c, fiber.StatusTooManyRequests, setup, tooManyTries(h.lang(c), no))
	}
	return h.showSetup(c, fiber.StatusUnprocessableEntity, setup, h.lang(c).ErrCode())
}

// factorRecovery serves POST /ui/account/factor/recovery: new recovery codes.
func (h *Handlers) factorRecovery(c *fiber.Ctx) error {
	codes, err := h.Factors.NewRecovery(c.UserContext(), web.Actor(c), c.FormValue("current_password"))
	if err != nil {
		return h.refusedFactor(c, err)
	}
	return h.showFactor(c, fiber.StatusOK, func(v *account.Factor) { v.Codes = codes })
}

// factorOff serves POST /ui/account/factor/off.
func (h *Handlers) factorOff(c *fiber.Ctx) error {
	if err := h.Factors.Off(c.UserContext(), web.Actor(c), c.FormValue("current_password")); err != nil {
		return h.refusedFactor(c, err)
	}
	return h.done(c, h.url("/ui/account"), h.lang(c).ToastFactorOff())
}

// userFactorReset serves POST /ui/users/:id/factor/reset.
func (h *Handlers) userFactorReset(c *fiber.Ctx) error {
	u, err := h.userOf(c)
	if err != nil {
		return err
	}
	if err := h.Factors.Reset(c.UserContext(), web.Actor(c), u.User.ID); err != nil {
		return err
	}
	return h.done(c, h.userURL(u.User.ID, ""), h.lang(c).ToastFactorReset(userName(&u.User)))
}

// shownSetup is a setup with its QR code.
func shownSetup(setup *control.FactorSetup) (ui.FactorSetup, error) {
	code, err := qr.Encode(setup.Link, qr.M, qr.Auto)
	if err != nil {
		return ui.FactorSetup{}, fmt.Errorf("draw a QR code: %w", err)
	}
	size := code.Bounds().Dx()
	var path strings.Builder
	for y := range size {
		for x := 0; x < size; x++ {
			run := 0
			for x+run < size {
				if r, _, _, _ := code.At(x+run, y).RGBA(); r != 0 {
					break
				}
				run++
			}
			if run > 0 {
				fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", x, y, run, run)
				x += run
			}
		}
	}
	return ui.FactorSetup{Secret: setup.Secret, QR: ui.QRCode{Path: path.String(), Size: size}}, nil
}
