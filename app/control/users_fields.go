package control

import (
	"strings"
	"unicode"

	"gatehouse/app/access"
	"gatehouse/app/config"
	"gatehouse/models"
	"gatehouse/models/fault"
)

// check refuses field values that mean nothing.
func (f *UserFields) check() error {
	if err := f.LimitFields.check(); err != nil {
		return err
	}
	if f.Role.Has() && !f.Role.Value.Valid() {
		return oneOf("user_role", string(models.RoleAdmin), string(models.RoleAdminViewer), string(models.RoleInternalUser), string(models.RoleInternalViewer))
	}
	if f.Spend.Has() && f.Spend.Value < 0 {
		return fault.BadField("spend", "spend cannot be negative. Received: %s", f.Spend.Value)
	}
	if err := checkName("user_alias", f.Alias.Or("")); err != nil {
		return err
	}
	if email := f.Email.Or(""); email != "" {
		return checkEmail(email)
	}
	return nil
}

// checkEmail asks for one @ with something on both sides, and nothing that a mail header could trip over.
func checkEmail(email string) error {
	name, domain, found := strings.Cut(email, "@")
	bad := strings.ContainsFunc(email, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || strings.ContainsRune("<>,;\"", r)
	})
	const longest = 254
	if !found || name == "" || domain == "" || strings.Contains(domain, "@") || bad || len(email) > longest {
		return fault.BadField("user_email", "This does not look like an email address.")
	}
	return nil
}

// checkID refuses ids that could not be written in a URL or a log line as they are. Empty is "make one".
func checkID(name, id string) error {
	const longest = 255
	if strings.ContainsFunc(id, unshowable) || len(id) > longest || id != strings.TrimSpace(id) {
		return fault.BadField(name, "%s may have at most %d characters, no control characters and no space at its ends", name, longest)
	}
	return nil
}

// apply writes the sent fields to the row but for the password, which the caller hashes first.
func (f *UserFields) apply(u *models.User) {
	setText(&u.Email, f.Email)
	setText(&u.Alias, f.Alias)
	setText(&u.SSOUserID, f.SSOID)
	if f.Role.Has() {
		u.Role = f.Role.Value
	}
	setList(&u.Models, f.Models)
	f.LimitFields.apply(&u.Limits)
	if f.Metadata.Sent {
		u.Metadata = f.Metadata.Value
	}
	if f.Blocked.Sent {
		u.Blocked = f.Blocked.Or(false)
	}
}

// permit refuses the sent fields that the actor may not set on this person.
func (f *UserFields) permit(may access.Fields, u *models.User) error {
	for _, name := range sent(f) {
		if may.Of(name) == access.Free || f.same(name, u) {
			continue
		}
		return may.Refuse(name)
	}
	return nil
}

func (f *UserFields) same(name string, u *models.User) bool {
	switch name {
	case "user_role":
		return f.Role.Or("") == u.Role
	case "user_alias":
		return f.Alias.Or("") == deref(u.Alias)
	case "user_email":
		return f.Email.Or("") == deref(u.Email)
	case "sso_user_id":
		return f.SSOID.Or("") == deref(u.SSOUserID)
	case "models":
		return sameJSON(models.Strings(f.Models.Value), u.Models)
	case "blocked":
		return f.Blocked.Or(false) == u.Blocked
	case "metadata":
		return sameJSON(f.Metadata.Value, u.Metadata)
	}
	same, _ := f.compare(name, &u.Limits)
	return same
}

// defaults fills what a new person without an admin role did not get (default_internal_user_params, then the budget of
// internal users).
func (f *UserFields) defaults(l *config.LiteLLM) {
	d := l.DefaultUser
	if f.Role.Or("").IsAdmin() {
		return
	}
	if d.Set {
		fill(&f.MaxBudget, d.MaxBudget)
		fillText(&f.BudgetDuration, d.BudgetDuration.String())
		fill(&f.TPMLimit, d.TPMLimit)
		fill(&f.RPMLimit, d.RPMLimit)
		fill(&f.MaxParallel, d.MaxParallel)
		if !f.Models.Sent && d.Models != nil {
			f.Models = Some(append([]string(nil), d.Models...))
		}
	}
	f.internalBudget(l)
}

// internalBudget gives internal users without a budget the configured one.
func (f *UserFields) internalBudget(l *config.LiteLLM) {
	if f.Role.Or("") != models.RoleInternalUser || f.MaxBudget.Has() || l.MaxInternalUserBudget == nil {
		return
	}
	fill(&f.MaxBudget, l.MaxInternalUserBudget)
	fillText(&f.BudgetDuration, l.InternalUserBudgetDuration.String())
}
