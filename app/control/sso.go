package control

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"gatehouse/app/access"
	"gatehouse/models"
	"gatehouse/models/fault"
	"gatehouse/models/store"
)

// ssoActor is who makes rows for people that sign in through their provider.
func ssoActor(who access.Actor) access.Actor {
	s := access.System("sso")
	s.IP, s.RequestID = who.IP, who.RequestID
	return s
}

func ssoRefused(format string, args ...any) error {
	return fault.Newf(fault.Unauthenticated, format, args...).WithType("auth_error")
}

// SignInSSO finds or makes the user that an identity provider vouched for, and brings their teams up to date
// (contract/admin-api.md §6). who carries only the network. A row that is bound to (issuer, subject) is found by that
// pair alone; others are bound at the first sign-in, and lose their password and sessions then, since whoever set them
// may be somebody else. Errors: Unauthenticated, Forbidden for a blocked person; an error is never a sign-in.
func (u *Users) SignInSSO(ctx context.Context, who access.Actor, p SSOProfile) (*SignedIn, error) {
	if err := u.acceptable(&p); err != nil {
		return nil, err
	}
	actor := ssoActor(who)
	var user *models.User
	err := u.change(ctx, actor, access.UserUpdate, p.Subject, func(tx *store.Store) error {
		var err error
		if user, err = u.ssoUser(ctx, tx, actor, &p); err != nil {
			return err
		}
		if user.Blocked {
			return errBlocked()
		}
		return u.syncTeams(ctx, tx, actor, user.ID, &p)
	})
	if err != nil {
		return nil, err
	}
	login := Login{base: u.base}
	if admin := u.policy().UI.AdminID; admin != "" && p.Subject == admin && user.Role != models.RoleAdmin {
		// PROXY_ADMIN_ID may be the SSO id of somebody whose row has another id.
		if err := u.Store.SetUser(ctx, user.ID, map[string]any{"role": models.RoleAdmin}); err != nil {
			return nil, err
		}
		user.Role = models.RoleAdmin
	}
	in, err := login.allowed(ctx, user, "sso")
	if err != nil {
		return nil, err
	}
	return login.signedIn(ctx, who, deref(user.Email), network(who.IP), in)
}

// acceptable refuses a profile that names nobody, or somebody from elsewhere. Without an id the verified email is one.
func (u *Users) acceptable(p *SSOProfile) error {
	if p.Subject == "" && p.Email == "" {
		return ssoRefused("The provider named neither an id nor an email for you.")
	}
	if p.Subject == "" {
		if p.EmailVerified == nil || !*p.EmailVerified {
			return ssoRefused("The provider named no id for you, and did not verify your email.")
		}
		p.Subject = strings.ToLower(p.Email)
	}
	return u.checkDomain(p)
}

// checkDomain compares exactly, without regard to case. An address that the provider says it has not verified may be
// anybody's, so it is of no domain.
func (u *Users) checkDomain(p *SSOProfile) error {
	allowed := u.policy().SSO.AllowedDomains
	if len(allowed) == 0 {
		return nil
	}
	domain := strings.ToLower(p.Email[strings.LastIndex(p.Email, "@")+1:])
	if p.EmailVerified != nil && !*p.EmailVerified {
		return ssoRefused("The provider has not verified your email, and this gateway admits certain email domains only.")
	}
	if p.Email != "" && slices.Contains(allowed, domain) {
		return nil
	}
	return ssoRefused("The email domain=%s, is not an allowed email domain=%s", domain, quoteList(allowed))
}

// ssoUser finds the row, binding it if it was not bound, or makes it.
func (u *Users) ssoUser(ctx context.Context, tx *store.Store, actor access.Actor, p *SSOProfile) (*models.User, error) {
	user, err := tx.UserBySubject(ctx, p.Issuer, p.Sub)
	if !absent(err) {
		return user, err
	}
	user, err = tx.UserBySSO(ctx, p.Issuer, p.Subject)
	if err == nil && p.Sub != "" {
		if user.SSOSubject != "" { // the name was given to somebody else meanwhile
			return nil, ssoRefused("Another person's account has this name. Ask your admin.")
		}
		user.SSOSubject = p.Sub
		return user, tx.SetUser(ctx, user.ID, map[string]any{"sso_subject": p.Sub})
	}
	if !absent(err) {
		return user, err
	}
	// LiteLLM stored the subject without its issuer, or as the user's id.
	for _, load := range []func() (*models.User, error){
		func() (*models.User, error) { return tx.UserBySSO(ctx, "", p.Subject) },
		func() (*models.User, error) { return tx.User(ctx, p.Subject) },
	} {
		user, err := load()
		if absent(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if user.SSOIssuer == "" && u.mayBind(user, p) {
			return user, u.bind(ctx, tx, actor, user, p)
		}
	}
	if p.Email != "" {
		user, err := tx.UserByEmail(ctx, p.Email)
		if err == nil {
			if user.SSOUserID != nil || !u.mayLink(user, p) {
				return nil, ssoRefused("An account with this email exists and cannot be linked to your sign-in. Ask your admin.")
			}
			return user, u.bind(ctx, tx, actor, user, p)
		}
		if !absent(err) {
			return nil, err
		}
	}
	return u.ssoCreate(ctx, tx, actor, p)
}

// mayBind says whether a row found by its id may be taken: an admin's only when the provider verified the same mail.
func (u *Users) mayBind(user *models.User, p *SSOProfile) bool {
	if !user.Role.IsAdmin() {
		return true
	}
	verified := p.EmailVerified != nil && *p.EmailVerified
	return verified && user.Email != nil && sameEmail(*user.Email, p.Email) || user.ID == u.policy().UI.AdminID
}

// mayLink says whether a row found by its email may be taken. A claim that says "not verified" links nothing; where there
// is no such claim, only rows without an admin role link.
func (u *Users) mayLink(user *models.User, p *SSOProfile) bool {
	if p.EmailVerified == nil {
		return !user.Role.IsAdmin()
	}
	return *p.EmailVerified
}

func (u *Users) bind(ctx context.Context, tx *store.Store, actor access.Actor, user *models.User, p *SSOProfile) error {
	before := *user
	user.SSOIssuer, user.SSOUserID, user.SSOSubject, user.PasswordHash = p.Issuer, &p.Subject, p.Sub, ""
	if user.Email == nil && p.Email != "" {
		user.Email = &p.Email
		if err := u.checkEmailFree(ctx, tx, user); err != nil {
			user.Email = nil
		}
	}
	u.stampChange(&user.Audit, actor)
	if err := tx.UpdateUser(ctx, user); err != nil {
		return err
	}
	if err := u.endAccess(ctx, tx, actor, &before, user); err != nil {
		return err
	}
	return u.audit(ctx, tx, actor, access.UserUpdate, user.ID, &before, user)
}

// ssoCreate makes the row: role by the provider's claim, else the operator's default, else a viewer.
func (u *Users) ssoCreate(ctx context.Context, tx *store.Store, actor access.Actor, p *SSOProfile) (*models.User, error) {
	pol := u.policy()
	l := &pol.LiteLLM
	in := NewUser{ID: p.Subject}
	if checkID("user_id", in.ID) != nil || in.ID == models.DefaultUserID {
		in.ID = ""
	}
	if in.ID != "" {
		if _, err := tx.User(ctx, in.ID); !absent(err) { // taken by a row that is bound elsewhere
			if err != nil {
				return nil, err
			}
			in.ID = ""
		}
	}
	role := models.RoleInternalViewer
	switch {
	case in.ID != "" && in.ID == pol.UI.AdminID:
		role = models.RoleAdmin
	case p.Role.Valid():
		role = p.Role
	case l.DefaultUser.Role != "":
		role = l.DefaultUser.Role
	}
	in.Role = Some(role)
	if p.Email != "" {
		in.Email = Some(p.Email)
	}
	if p.DisplayName != "" {
		in.Alias = Some(cleanName(p.DisplayName))
	}
	meta, err := json.Marshal(map[string]string{"auth_provider": p.Provider})
	if err != nil {
		return nil, fmt.Errorf("encode metadata: %w", err)
	}
	in.Metadata = Some(models.JSON(meta))
	in.defaults(l)
	if !role.IsAdmin() {
		for _, t := range l.DefaultUser.Teams {
			if _, err := tx.Team(ctx, t.TeamID); err == nil { // a team that is gone keeps nobody out
				in.Teams.Value = append(in.Teams.Value, TeamPlace{TeamID: t.TeamID, MaxBudget: optPtr(t.MaxBudget), Role: string(t.Role)})
			}
		}
	}
	if err := in.check(); err != nil {
		return nil, err
	}
	user, err := u.insertUser(ctx, tx, actor, &in, "")
	if err != nil {
		return nil, err
	}
	user.SSOIssuer, user.SSOUserID, user.SSOSubject = p.Issuer, &p.Subject, p.Sub
	return user, tx.UpdateUser(ctx, user)
}

// clipRunes bounds a text to what a name may have.
func clipRunes(s string) string {
	const most = maxAlias
	if r := []rune(s); len(r) > most {
		return string(r[:most])
	}
	return s
}
