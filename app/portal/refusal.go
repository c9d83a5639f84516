package portal

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"gatehouse/app/access"
	"gatehouse/app/web"
	"gatehouse/models"
	"gatehouse/models/fault"
	"gatehouse/views/i18n"
)

// What services refuse with is the API's text, which is English. Here are the refusals that people meet on pages, in the
// words and the language of the page.

// spoken is one message of a service and what a page says instead; part are the message's groups, part[0] all of it.
type spoken struct {
	pattern *regexp.Regexp
	say     func(l i18n.Locale, part []string) string
}

var spokenRefusals = []spoken{ //nolint:gochecknoglobals // a table that nothing writes
	{regexp.MustCompile(`^Key with alias '(.*)' already exists`), func(l i18n.Locale, p []string) string { return l.ErrNameTaken(p[1]) }},
	{regexp.MustCompile(`^key_alias must be 2-255 characters`), func(l i18n.Locale, _ []string) string { return l.ErrNameForm() }},
	{regexp.MustCompile(`^A key may not have models that its owner cannot call: (.*) is not open to team (.*)\.$`), func(l i18n.Locale, p []string) string { return l.ErrModelNotInTeam(p[1], p[2]) }},
	{regexp.MustCompile(`^A key may not have models that its owner cannot call: (.*) is not open to .*\.$`), func(l i18n.Locale, p []string) string { return l.ErrModelNotAllowed(p[1]) }},
	{regexp.MustCompile(`^Personal key(s are turned off| creation has been restricted)`), func(l i18n.Locale, _ []string) string { return l.PersonalKeysOff() }},
	{regexp.MustCompile(`^Your role may not make keys`), func(l i18n.Locale, _ []string) string { return l.ErrRoleNoKeys() }},
	{regexp.MustCompile(`^Only the admins of this team may make keys in it`), func(l i18n.Locale, _ []string) string { return l.OnlyTeamAdmins() }},
	{regexp.MustCompile(`^Required param .* not in data`), func(l i18n.Locale, _ []string) string { return l.ErrRequired() }},
	{regexp.MustCompile(`^Only proxy admins `), func(l i18n.Locale, _ []string) string { return l.OnlyAdminsChange() }},
	{regexp.MustCompile(`^Use at least (\d+) characters`), func(l i18n.Locale, p []string) string { return l.ErrPasswordShort(number(p[1])) }},
	{regexp.MustCompile(`^Use at most (\d+) characters`), func(l i18n.Locale, p []string) string { return l.ErrPasswordLong(number(p[1])) }},
	{regexp.MustCompile(`^This password is on a list`), func(l i18n.Locale, _ []string) string { return l.ErrPasswordCommon() }},
	{regexp.MustCompile(`^The password must not be your email`), func(l i18n.Locale, _ []string) string { return l.ErrPasswordPersonal() }},
	{regexp.MustCompile(`^This does not look like an email`), func(l i18n.Locale, _ []string) string { return l.ErrEmail() }},
	{regexp.MustCompile(`^User with email (.*) already exists`), func(l i18n.Locale, p []string) string { return l.ErrEmailTaken(p[1]) }},
	{regexp.MustCompile(`^Budget id = (.*) already exists`), func(l i18n.Locale, p []string) string { return l.ErrBudgetTaken(p[1]) }},
	{regexp.MustCompile(`^Budget .* is in use by (\d+) `), func(l i18n.Locale, p []string) string { return l.BudgetInUse(l.BudgetUses(int64(number(p[1])))) }},
	{regexp.MustCompile(`^Key not found`), func(l i18n.Locale, _ []string) string { return l.KeyGone() }},
	{regexp.MustCompile(`^Team not found`), func(l i18n.Locale, _ []string) string { return l.TeamGone() }},
	{regexp.MustCompile(`^User .* not found$`), func(l i18n.Locale, _ []string) string { return l.UserGone() }},
}

func number(digits string) int {
	n, err := strconv.Atoi(digits)
	if err != nil {
		return 0
	}
	return n
}

// say is a service's refusal as a page writes it.
func say(l i18n.Locale, message string) string {
	for _, s := range spokenRefusals {
		if part := s.pattern.FindStringSubmatch(message); part != nil {
			return s.say(l, part)
		}
	}
	return sentence(message)
}

// needs are the roles that may do what a page is for, in words: "Admin or Admin viewer".
func needs(l i18n.Locale, action access.Action) string {
	var names []string
	for _, role := range []models.Role{models.RoleAdmin, models.RoleAdminViewer, models.RoleInternalUser, models.RoleInternalViewer} {
		if access.Role(access.Actor{UserID: "anybody", Role: role}, action) == nil {
			names = append(names, globalRole(l, role))
		}
	}
	return i18n.Or(l.Lang, names)
}

// whoCan names the admins, for a refusal; begins says that a sentence begins with them.
func (h *Handlers) whoCan(c *fiber.Ctx, begins bool) string {
	t := h.lang(c)
	names, err := h.Users.Admins(c.UserContext(), web.Actor(c))
	if err != nil || len(names) == 0 {
		if begins {
			return t.UpperFirst(t.AnAdmin())
		}
		return t.AnAdmin()
	}
	return i18n.Or(t, names)
}

// refuseRole is the refusal of a page, or of a write, that the person's role never may.
func (h *Handlers) refuseRole(c *fiber.Ctx, action access.Action, err error) error {
	l := h.locale(c)
	if c.Method() != fiber.MethodGet && c.Method() != fiber.MethodHead {
		return fault.New(fault.Forbidden, l.Forbidden(h.whoCan(c, true))).WithCause(err)
	}
	return fault.New(fault.Forbidden, l.NeedsRole(needs(l, action))+" "+l.WhoHasRole(h.whoCan(c, false))).WithCause(err)
}

// forbiddenText is what a page says of a 403.
func (h *Handlers) forbiddenText(c *fiber.Ctx, message string) string {
	if strings.HasPrefix(message, "You may see this ") || strings.HasPrefix(message, "user not allowed to access this route") {
		return h.lang(c).Forbidden(h.whoCan(c, true))
	}
	l := h.locale(c)
	if strings.HasPrefix(message, "You are not allowed to ") || strings.HasPrefix(message, "Non-admin users can only view their own spend data") {
		return l.NeedsRole(i18n.Or(l.Lang, []string{l.RoleAdmin(), l.RoleAdminViewer()})) + " " + l.WhoHasRole(h.whoCan(c, false))
	}
	return say(l, message)
}

// goneText is what a page says of a 404: of what its address names.
func (h *Handlers) goneText(c *fiber.Ctx) string {
	t, path := h.lang(c), strings.TrimPrefix(c.Path(), h.opt.Web.RootPath)
	for _, at := range []struct{ prefix, text string }{{"/ui/keys/", t.KeyGone()}, {"/ui/teams/", t.TeamGone()}, {"/ui/users/", t.UserGone()}} {
		if strings.HasPrefix(path, at.prefix) {
			return at.text
		}
	}
	return t.NotFoundText()
}
