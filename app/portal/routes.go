package portal

import (
	"slices"

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
	return append(slices.Concat(h.ssoPages(), h.codePages(), h.factorPages()), []page{
		open(fiber.MethodGet, "/login", h.signInPage),
		open(fiber.MethodGet, "/fallback/login", h.signInPage),
		open(fiber.MethodPost, "/login", h.signIn),
		open(fiber.MethodPost, "/logout", h.signOut),
		open(fiber.MethodGet, "/ui/onboarding", h.onboarding),
		open(fiber.MethodPost, "/ui/onboarding", h.onboard),
		open(fiber.MethodGet, "/ui/forgot", h.forgotPage),
		open(fiber.MethodPost, "/ui/forgot", h.forgot),
		open(fiber.MethodGet, "/ui/reset", h.resetPage),
		open(fiber.MethodPost, "/ui/reset", h.reset),
		open(fiber.MethodGet, "/ui/reset/done", h.resetDone),
		open(fiber.MethodPost, "/ui/preferences", h.preferences),

		get("/ui/welcome", access.UserRoles, h.welcome),
		get("/ui/welcome/stream", access.UserRoles, h.welcomeStream),

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

		// Overview, a key's own page and what is done to several keys.
		get("/ui/", access.UserRoles, h.overviewPage),
		get("/ui/search", access.UserRoles, h.search),
		get("/ui/tiles", access.SpendRead, h.overviewTiles),
		get("/ui/keys.csv", access.KeyList, h.keyExport),
		post("/ui/keys/find", access.KeyInfo, h.keyFind),
		post("/ui/keys/bulk", access.KeyDelete, h.keyBulk),
		get("/ui/keys/:id/check", access.KeyInfo, h.keyCheck),
		get("/ui/keys/:id", access.KeyInfo, h.keyDetail),
		post("/ui/keys/:id", access.KeyUpdate, h.keyUpdate),

		// One's own account.
		get("/ui/account", access.SessionRead, h.accountPage),
		{method: fiber.MethodHead, path: "/ui/account", action: access.SessionRead, handle: staySignedIn},
		post("/ui/account", access.UserUpdate, h.accountSave),
		post("/ui/account/password", access.UserUpdate, h.accountPassword),
		post("/ui/account/sessions/end", access.SessionEnd, h.sessionsEnd),
		post("/ui/account/sessions/:session/end", access.SessionEnd, h.sessionEnd),

		// Teams and their members.
		get("/ui/teams", access.TeamList, h.teamList),
		get("/ui/teams/new", access.TeamNew, h.teamNewForm),
		post("/ui/teams/new", access.TeamNew, h.teamCreate),
		get("/ui/teams/:id", access.TeamInfo, h.teamDetail),
		post("/ui/teams/:id", access.TeamUpdate, h.teamUpdate),
		post("/ui/teams/:id/block", access.TeamBlock, h.teamBlock),
		post("/ui/teams/:id/unblock", access.TeamUnblock, h.teamUnblock),
		get("/ui/teams/:id/delete", access.TeamDelete, h.teamDeleteForm),
		post("/ui/teams/:id/delete", access.TeamDelete, h.teamDelete),
		post("/ui/teams/:id/members", access.MemberAdd, h.memberAdd),
		get("/ui/teams/:id/members/:user", access.MemberUpdate, h.memberForm),
		post("/ui/teams/:id/members/:user", access.MemberUpdate, h.memberUpdate),
		get("/ui/teams/:id/members/:user/remove", access.MemberDelete, h.memberRemoveForm),
		post("/ui/teams/:id/members/:user/remove", access.MemberDelete, h.memberRemove),

		// People.
		get("/ui/users", access.UserList, h.userList),
		get("/ui/users/invite", access.InvitationNew, h.inviteForm),
		post("/ui/users/invite", access.InvitationNew, h.invite),
		get("/ui/users/import", access.InvitationNew, h.importPage),
		post("/ui/users/import", access.InvitationNew, h.importUsers),
		get("/ui/users/import.csv", access.InvitationNew, h.importTemplate),
		get("/ui/users/:id", access.UserList, h.userDetail),
		post("/ui/users/:id", access.UserBulkUpdate, h.userUpdate),
		post("/ui/users/:id/block", access.UserBulkUpdate, h.userBlock),
		post("/ui/users/:id/unblock", access.UserBulkUpdate, h.userUnblock),
		post("/ui/users/:id/invite", access.InvitationNew, h.userInvite),
		post("/ui/users/:id/sessions/end", access.UserBulkUpdate, h.userSessionsEnd),
		get("/ui/users/:id/delete", access.UserDelete, h.userDeleteForm),
		post("/ui/users/:id/delete", access.UserDelete, h.userDelete),

		// Work on many rows, which only its own person sees.
		get("/ui/jobs/:id", access.UserRoles, h.jobPage),
		get("/ui/jobs/:id/result.csv", access.UserRoles, h.jobResult),
		post("/ui/jobs/:id/cancel", access.UserRoles, h.jobCancel),

		// Usage and single requests.
		get("/ui/usage", access.SpendRead, h.usagePage),
		get("/ui/usage.csv", access.SpendRead, h.usageExport),
		get("/ui/logs", access.SpendRead, h.logList),
		get("/ui/logs/stream", access.SpendRead, h.logStream),
		get("/ui/logs/count", access.SpendRead, h.logCount),
		get("/ui/logs/:id/body", access.SpendRead, h.logBody),

		// Models, how to call them, and trying them out.
		get("/ui/models", access.ModelRead, h.modelList),
		get("/ui/deployments/new", access.ModelWrite, h.modelForm),
		post("/ui/deployments/new", access.ModelWrite, h.modelCreate),
		get("/ui/deployments/:id", access.ModelWrite, h.deploymentForm),
		post("/ui/deployments/:id", access.ModelWrite, h.deploymentUpdate),
		get("/ui/deployments/:id/delete", access.ModelWrite, h.deploymentDeleteForm),
		post("/ui/deployments/:id/delete", access.ModelWrite, h.deploymentDelete),
		get("/ui/models/*", access.ModelRead, h.modelDetail),
		get("/ui/api", access.ModelRead, h.apiReference),
		get("/ui/playground", access.Playground, h.playgroundPage),
		post("/ui/playground", access.Playground, h.playgroundAsk),
		post("/ui/playground/stream", access.Playground, h.playgroundStream),

		// Administration.
		get("/ui/budgets", access.BudgetRead, h.budgetList),
		get("/ui/budgets/new", access.BudgetWrite, h.budgetForm),
		post("/ui/budgets/new", access.BudgetWrite, h.budgetCreate),
		get("/ui/budgets/:id", access.BudgetWrite, h.budgetEdit),
		post("/ui/budgets/:id", access.BudgetWrite, h.budgetUpdate),
		get("/ui/budgets/:id/delete", access.BudgetDelete, h.budgetDeleteForm),
		post("/ui/budgets/:id/delete", access.BudgetDelete, h.budgetDelete),
		get("/ui/audit", access.AuditRead, h.auditList),
		get("/ui/audit.csv", access.AuditRead, h.auditExport),
		get("/ui/settings", access.SettingsRead, h.settingsHome),
		get("/ui/settings/:section", access.SettingsRead, h.settingsPage),
		post("/ui/settings/:section/test/:id", access.HealthTest, h.settingsTest),
	}...)
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
