package portal

import (
	"time"

	"github.com/gofiber/fiber/v2"

	"gatehouse/app/access"
	"gatehouse/app/web"
	"gatehouse/models"
	"gatehouse/models/fault"
	"gatehouse/views/account"
	"gatehouse/views/i18n"
	"gatehouse/views/ui"
)

const (
	cookieLang   = "gh_lang"
	cookieTheme  = "gh_theme"
	cookieZone   = "gh_zone"
	cookieKeys   = "gh_keys"
	cookieRows   = "gh_rows" // rows of a list
	cookieLength = 365 * 24 * 3600
)

// chosen is how the pages look to the person: by their account, then by this browser.
func chosen(c *fiber.Ctx) models.Preferences {
	return web.Actor(c).Prefs.Or(models.Preferences{
		Language: c.Cookies(cookieLang), Theme: c.Cookies(cookieTheme), TimeZone: c.Cookies(cookieZone), Shortcuts: c.Cookies(cookieKeys),
	})
}

// lang is the language of this answer: the person's choice, then what the browser asks for.
func (h *Handlers) lang(c *fiber.Ctx) i18n.Lang {
	if l, ok := i18n.Parse(chosen(c).Language); ok {
		return l
	}
	return i18n.Match(c.Get(fiber.HeaderAcceptLanguage), i18n.EN)
}

// locale is lang with the clock of this answer: days are cut by the reporting zone, clock times are in the zone that the
// person chose.
func (h *Handlers) locale(c *fiber.Ctx) i18n.Locale {
	l := i18n.Locale{Lang: h.lang(c), Zone: h.opt.Policy().Zone(), Now: h.opt.Now()}
	if name := chosen(c).TimeZone; name != "" && knownZone(name) {
		if zone, err := time.LoadLocation(name); err == nil {
			l.Own = zone
		}
	}
	return l
}

// preferencesForm is the part of the account page.
func (h *Handlers) preferencesForm(c *fiber.Ctx, l i18n.Locale) account.Preferences {
	now := chosen(c)
	p := account.Preferences{Action: h.url("/ui/preferences"), Next: h.url("/ui/account"), Shortcuts: now.Shortcuts != "off"}
	for _, lang := range i18n.All() {
		p.Languages = append(p.Languages, ui.Option{Value: lang.Code(), Label: lang.Name(), Selected: lang == l.Lang})
	}
	for _, o := range []struct{ value, label string }{{"system", l.ThemeSystem()}, {"light", l.ThemeLight()}, {"dark", l.ThemeDark()}} {
		p.Themes = append(p.Themes, ui.Option{Value: o.value, Label: o.label, Selected: o.value == now.Theme || o.value == "system" && now.Theme == ""})
	}
	p.Zones = []ui.Option{{Value: "report", Label: l.SameAsReports(), Selected: !knownZone(now.TimeZone)}}
	for _, name := range zones() {
		p.Zones = append(p.Zones, ui.Option{Value: name, Label: name, Selected: name == now.TimeZone})
	}
	return p
}

// preferences serves POST /ui/preferences: language, theme, time_zone ("report": that of the reports) and shortcuts, each
// on its own. With account=true it is the account page's form, where a box that is not ticked is sent as nothing. Everybody
// has them in this browser; who is signed in has them in every other one, too.
func (h *Handlers) preferences(c *fiber.Ctx) error {
	p, err := h.readPreferences(c)
	if err != nil {
		return err
	}
	for name, value := range map[string]string{cookieLang: p.Language, cookieTheme: p.Theme, cookieZone: p.TimeZone, cookieKeys: p.Shortcuts} {
		if value != "" {
			h.setCookie(c, name, value)
		}
	}
	actor, err := h.sessions.Actor(c)
	if err != nil && !fault.Is(err, fault.Unauthenticated) {
		return err
	}
	if err == nil && !isOperator(actor) { // the operator has no account to keep them in
		if err := h.Users.SetPreferences(c.UserContext(), actor, p.Or(actor.Prefs)); err != nil {
			return err
		}
	}
	if c.FormValue("account") == "true" && err == nil {
		l, _ := i18n.Parse(p.Language)
		return h.done(c, h.url("/ui/account"), l.ToastSaved())
	}
	if c.Get("HX-Request") == "true" || c.Get("X-Requested-With") == "fetch" {
		return c.SendStatus(fiber.StatusNoContent)
	}
	return c.Redirect(h.next(c.FormValue("next")), fiber.StatusSeeOther)
}

func (h *Handlers) setCookie(c *fiber.Ctx, name, value string) {
	c.Cookie(&fiber.Cookie{Name: name, Value: value, Path: "/", MaxAge: cookieLength, HTTPOnly: true, Secure: h.opt.Web.Secure(), SameSite: fiber.CookieSameSiteLaxMode})
}

// readPreferences reads what was sent and refuses what there is no such choice of.
func (h *Handlers) readPreferences(c *fiber.Ctx) (p models.Preferences, err error) {
	l := h.lang(c)
	if code := c.FormValue("language"); code != "" {
		lang, ok := i18n.Parse(code)
		if !ok {
			return p, fault.BadField("language", "%s", l.ErrChoice())
		}
		p.Language = lang.Code()
	}
	switch p.Theme = c.FormValue("theme"); p.Theme {
	case "", "light", "dark", "system":
	default:
		return p, fault.BadField("theme", "%s", l.ErrChoice())
	}
	if p.TimeZone = c.FormValue("time_zone"); p.TimeZone != "" && p.TimeZone != "report" && !knownZone(p.TimeZone) {
		return p, fault.BadField("time_zone", "%s", l.ErrChoice())
	}
	switch on := c.FormValue("shortcuts"); {
	case on == "true", on == "on":
		p.Shortcuts = "on"
	case on != "", c.FormValue("account") == "true":
		p.Shortcuts = "off"
	}
	if p == (models.Preferences{}) {
		return p, fault.BadField("language", "%s", l.ErrChoice())
	}
	return p, nil
}

// isOperator says whether the person signed in as UI_USERNAME, which has no account of its own.
func isOperator(a access.Actor) bool { return a.UserID == models.DefaultUserID }
