package portal

import (
	"github.com/gofiber/fiber/v2"

	"gatehouse/app/access"
	"gatehouse/app/web"
)

// page is one URL of the portal. Every one has its action, or is public on purpose.
type page struct {
	method, path string
	action       access.Action // "" only with public
	public       bool
	handle       fiber.Handler
}

func get(path string, action access.Action, handle fiber.Handler) page {
	return page{method: fiber.MethodGet, path: path, action: action, handle: handle}
}

func post(path string, action access.Action, handle fiber.Handler) page {
	return page{method: fiber.MethodPost, path: path, action: action, handle: handle}
}

func open(method, path string, handle fiber.Handler) page {
	return page{method: method, path: path, public: true, handle: handle}
}

// pages lists every URL of the portal. Order matters where a parameter could take a fixed word.
func (h *Handlers) pages() []page {
	return []page{
		open(fiber.MethodGet, "/login", h.signInPage),
		open(fiber.MethodGet, "/sso/key/generate", h.signInPage),
		open(fiber.MethodGet, "/fallback/login", h.signInPage),
		open(fiber.MethodPost, "/login", h.signIn),
		open(fiber.MethodPost, "/logout", h.signOut),
		open(fiber.MethodGet, "/ui/onboarding", h.onboarding),
		open(fiber.MethodPost, "/ui/onboarding", h.onboard),
		open(fiber.MethodPost, "/ui/preferences", h.preferences),

		get("/ui/welcome", access.UserRoles, h.welcome),

		get("/ui/keys", access.KeyList, h.keyList),
		get("/ui/keys/new", access.KeyList, h.keyForm),
		get("/ui/keys/new/options", access.KeyList, h.keyFormOptions),
		post("/ui/keys/new", access.KeyCreate, h.keyCreate),
		get("/ui/keys/:id/block", access.KeyBlock, h.keyBlockForm),
		post("/ui/keys/:id/block", access.KeyBlock, h.keyBlock),
		post("/ui/keys/:id/unblock", access.KeyUnblock, h.keyUnblock),
		get("/ui/keys/:id/delete", access.KeyDelete, h.keyDeleteForm),
		post("/ui/keys/:id/delete", access.KeyDelete, h.keyDelete),
		get("/ui/keys/:id/rotate", access.KeyRegenerate, h.keyRotateForm),
		post("/ui/keys/:id/rotate", access.KeyRegenerate, h.keyRotate),
	}
}

// Register puts the portal on the app. It panics on a page without an action that is not public.
func (h *Handlers) Register(app *fiber.App) {
	headers := web.PageHeaders(h.opt.Web)
	for _, p := range h.pages() {
		path := h.url(p.path)
		if p.public {
			app.Add(p.method, path, headers, p.handle)
			continue
		}
		if p.action == "" {
			panic("page without an action: " + p.path)
		}
		app.Add(p.method, path, headers, h.signedIn(p.action), p.handle)
	}
	app.Get(h.url("/ui/static/*"), h.asset)
	app.Get(h.url("/ui"), headers, func(c *fiber.Ctx) error { return c.Redirect(h.url("/ui/"), fiber.StatusFound) })
	app.Get(h.url("/ui/login"), headers, func(c *fiber.Ctx) error { return c.Redirect(h.url("/login"), fiber.StatusFound) })
	app.Get(h.url("/ui/*"), headers, h.signedIn(access.UserRoles), func(*fiber.Ctx) error { return fiber.ErrNotFound })
}
