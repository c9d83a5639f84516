package portal

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"gatehouse/app/control"
	"gatehouse/app/sso"
	"gatehouse/app/web"
	"gatehouse/models/fault"
	"gatehouse/views/auth"
	"gatehouse/views/i18n"
	"gatehouse/views/ui"
)

// ssoPages are the pages of signing in through a provider.
func (h *Handlers) ssoPages() []page {
	return []page{
		open(fiber.MethodGet, "/sso/key/generate", h.ssoStart),
		open(fiber.MethodGet, "/sso/callback", h.ssoCallback),
		open(fiber.MethodGet, "/sso/debug/login", h.ssoDebugStart),
		open(fiber.MethodGet, "/sso/debug/callback", h.ssoDebugCallback),
	}
}

// providers are the buttons of the sign-in page.
func (h *Handlers) providers(next string) []auth.Provider {
	if h.opt.SSO == nil {
		return nil
	}
	var out []auth.Provider
	for _, c := range h.opt.SSO().Choices() {
		href := h.url("/sso/key/generate") + "?provider=" + c.ID
		if next != "" {
			href += "&next=" + url.QueryEscape(next)
		}
		out = append(out, auth.Provider{Name: c.Name, Microsoft: c.ID == sso.Microsoft, Href: href})
	}
	return out
}

// ssoStart serves GET /sso/key/generate, the entry that LiteLLM's users know: to the provider named, else to the
// preferred one, else to the password form.
func (h *Handlers) ssoStart(c *fiber.Ctx) error {
	if h.opt.SSO == nil || len(h.opt.SSO().Choices()) == 0 {
		return h.signInPage(c)
	}
	if _, err := h.sessions.Actor(c); err == nil && c.Query("provider") == "" {
		return c.Redirect(h.next(c.Query("next")), fiber.StatusSeeOther)
	}
	return h.ssoBegin(c, sso.Start{Provider: c.Query("provider"), Redirect: h.opt.PublicBase(c) + "/sso/callback", Next: localNext(c.Query("next"))})
}

// ssoDebugStart serves GET /sso/debug/login.
func (h *Handlers) ssoDebugStart(c *fiber.Ctx) error {
	if h.opt.SSO == nil || len(h.opt.SSO().Choices()) == 0 {
		return fault.New(fault.NotFound, "No sign-in provider is configured.")
	}
	return h.ssoBegin(c, sso.Start{Provider: c.Query("provider"), Redirect: h.opt.PublicBase(c) + "/sso/debug/callback", Debug: true})
}

func (h *Handlers) ssoBegin(c *fiber.Ctx, in sso.Start) error {
	if err := h.Login.Try(c.UserContext(), h.visitor(c), "sso"); err != nil {
		return h.refuseSignIn(c, "", err)
	}
	address, cookie, err := h.opt.SSO().Begin(in)
	if err != nil {
		return err
	}
	h.attemptCookie(c, cookie)
	return c.Redirect(address, fiber.StatusSeeOther)
}

// attemptName is the cookie that ties a sign-in to its browser; on https browsers hold it to this host and https.
func (h *Handlers) attemptName() string {
	if h.opt.Web.Secure() {
		return "__Host-gh_sso"
	}
	return "gh_sso"
}

// attemptCookie sets the cookie of an attempt, or removes it.
func (h *Handlers) attemptCookie(c *fiber.Ctx, value string) {
	life := 600
	if value == "" {
		life = -1
	}
	c.Cookie(&fiber.Cookie{
		Name: h.attemptName(), Value: value, Path: "/", MaxAge: life, HTTPOnly: true, Secure: h.opt.Web.Secure(), SameSite: fiber.CookieSameSiteLaxMode,
	})
}

// ssoFinish takes the attempt of this browser, which ends here, hit or miss.
func (h *Handlers) ssoFinish(c *fiber.Ctx, debug bool) (*sso.Outcome, error) {
	if h.opt.SSO == nil {
		return nil, fault.New(fault.NotFound, "No sign-in provider is configured.")
	}
	cookie := c.Cookies(h.attemptName())
	h.attemptCookie(c, "")
	query, err := url.ParseQuery(string(c.Context().URI().QueryString()))
	if err != nil {
		return nil, fault.New(fault.Unauthenticated, "The provider's answer cannot be read.").WithType("auth_error").WithCause(err)
	}
	return h.opt.SSO().Finish(c.UserContext(), cookie, query, debug)
}

// ssoCallback serves GET /sso/callback.
func (h *Handlers) ssoCallback(c *fiber.Ctx) error {
	out, err := h.ssoFinish(c, false)
	if err != nil {
		return h.ssoRefused(c, out, err)
	}
	who, err := h.Users.SignInSSO(c.UserContext(), h.visitor(c), out.Profile)
	if err != nil {
		return h.ssoRefused(c, out, err)
	}
	if err := h.sessions.Start(c, who.UserID, who.Role, who.Method); err != nil {
		return err
	}
	if next := localNext(out.Next); next != "" {
		return c.Redirect(next, fiber.StatusSeeOther)
	}
	return c.Redirect(h.url("/ui/?login=success"), fiber.StatusSeeOther)
}

// ssoRefused shows the sign-in page with the reason and the way to try again; a script gets the wire error.
func (h *Handlers) ssoRefused(c *fiber.Ctx, out *sso.Outcome, err error) error {
	f := fault.As(err)
	if f == nil {
		return err
	}
	if !strings.Contains(c.Get(fiber.HeaderAccept), fiber.MIMETextHTML) {
		c.Locals("gatehouse.page", false)
		return err
	}
	name, retry, t := "SSO", h.url("/sso/key/generate"), h.lang(c)
	if out != nil {
		name, retry = out.Provider.Name, retry+"?provider="+out.Provider.ID
	}
	problem := t.ErrSSO(name, strings.TrimSuffix(f.Message, "."))
	if f.Param == "blocked" {
		problem = t.ErrAccountBlocked(h.contact(c))
	}
	return h.showSignInWith(c, web.Status(err), auth.SignIn{Error: problem, Retry: retry})
}

// ssoDebugCallback serves GET /sso/debug/callback: the claims, and what a sign-in would make of them. Nothing is created.
func (h *Handlers) ssoDebugCallback(c *fiber.Ctx) error {
	again := h.url("/sso/debug/login")
	out, err := h.ssoFinish(c, true)
	if err != nil {
		f := fault.As(err)
		if f == nil || out == nil || out.Claims == nil {
			return h.ssoRefused(c, out, err)
		}
		v := auth.SSODebug{Provider: out.Provider.Name, Problem: f.Message, Again: again + "?provider=" + out.Provider.ID}
		v.Claims, v.Raw = claimFacts(out)
		return web.RenderStatus(c, web.Status(err), auth.SSODebugPage(h.Frame(c), v), nil)
	}
	preview, err := h.Users.PreviewSSO(c.UserContext(), out.Profile)
	if err != nil {
		return err
	}
	v := auth.SSODebug{Provider: out.Provider.Name, Problem: preview.Reason, Result: previewFacts(h.lang(c), preview), Again: again + "?provider=" + out.Provider.ID}
	v.Claims, v.Raw = claimFacts(out)
	return web.Render(c, auth.SSODebugPage(h.Frame(c), v), nil)
}

// shownGroups is how many names of a long list a page shows.
const shownGroups = 50

func previewFacts(t i18n.Lang, p *control.SSOPreview) []ui.Fact {
	var facts []ui.Fact
	if p.UserID != "" {
		account := ui.Fact{Term: t.SSOAccount(), Text: p.UserID, Mono: true}
		if p.New {
			account.Note = t.SSONewAccount()
		}
		facts = append(facts, account, ui.Fact{Term: t.Role(), Text: string(p.Role), Mono: true})
	}
	for _, l := range []struct {
		term  string
		names []string
	}{{t.SSOJoins(), p.Join}, {t.SSOMakes(), p.Make}} {
		if len(l.names) > 0 {
			facts = append(facts, ui.Fact{Term: l.term, Chips: fewNames(l.names)})
		}
	}
	if p.Skip > 0 {
		facts = append(facts, ui.Fact{Term: t.SSOSkips(), Text: t.Number(int64(p.Skip))})
	}
	return facts
}

func fewNames(names []string) []string {
	if len(names) <= shownGroups {
		return names
	}
	return append(slices.Clone(names[:shownGroups]), fmt.Sprintf("+%d", len(names)-shownGroups))
}

// claimFacts lists the claims by name, and as JSON to copy. Groups that Graph told are among them.
func claimFacts(out *sso.Outcome) (facts []ui.Fact, raw string) {
	claims := sso.Showable(out.Claims)
	if out.Provider.ID == sso.Microsoft {
		groups := make([]any, 0, len(out.Groups))
		for _, g := range out.Groups {
			groups = append(groups, map[string]any{"id": g.ID, "displayName": g.Name})
		}
		claims["graph_api_user_groups"] = groups
	}
	names := make([]string, 0, len(claims))
	for name := range claims {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		fact := ui.Fact{Term: name, Mono: true}
		switch v := claims[name].(type) {
		case string:
			fact.Text = v
		case []any:
			var chips []string
			for _, one := range v {
				chips = append(chips, inWords(one))
			}
			fact.Chips = fewNames(chips)
		default:
			fact.Text = inWords(v)
		}
		facts = append(facts, fact)
	}
	b, err := json.MarshalIndent(claims, "", "  ")
	if err != nil {
		return facts, ""
	}
	return facts, string(b)
}

func inWords(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	b, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(b)
}
