package control

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"gatehouse/app/access"
	"gatehouse/app/config"
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
	if p.Subject == "" && p.Email == "" {
		return nil, ssoRefused("The provider named neither an id nor an email for you.")
	}
	if p.Subject == "" {
		if p.EmailVerified == nil || !*p.EmailVerified {
			return nil, ssoRefused("The provider named no id for you, and did not verify your email.")
		}
		p.Subject = strings.ToLower(p.Email)
	}
	if err := u.checkDomain(p.Email); err != nil {
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
			return fault.New(fault.Forbidden, "Your account is blocked.").WithType("auth_error").WithParam("blocked")
		}
		return u.syncTeams(ctx, tx, actor, user.ID, &p)
	})
	if err != nil {
		return nil, err
	}
	login := Login{base: u.base}
	in, err := login.allowed(ctx, user, "sso")
	if err != nil {
		return nil, err
	}
	return login.signedIn(ctx, who, deref(user.Email), network(who.IP), in)
}

// checkDomain compares exactly, without regard to case.
func (u *Users) checkDomain(email string) error {
	allowed := u.policy().SSO.AllowedDomains
	if len(allowed) == 0 {
		return nil
	}
	domain := strings.ToLower(email[strings.LastIndex(email, "@")+1:])
	if email != "" && slices.Contains(allowed, domain) {
		return nil
	}
	return ssoRefused("The email domain=%s, is not an allowed email domain=%s", domain, quoteList(allowed))
}

// ssoUser finds the row, binding it if it was not bound, or makes it.
func (u *Users) ssoUser(ctx context.Context, tx *store.Store, actor access.Actor, p *SSOProfile) (*models.User, error) {
	user, err := tx.UserBySSO(ctx, p.Issuer, p.Subject)
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
	user.SSOIssuer, user.SSOUserID, user.PasswordHash = p.Issuer, &p.Subject, ""
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
	user.SSOIssuer, user.SSOUserID = p.Issuer, &p.Subject
	return user, tx.UpdateUser(ctx, user)
}

func clipRunes(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most])
	}
	return s
}

// syncTeams adds the person to the teams of their groups, making teams where the operator said how they should be, and
// (sso_team_sync: full) takes them out of those teams that only a group had put them into.
func (u *Users) syncTeams(ctx context.Context, tx *store.Store, actor access.Actor, userID string, p *SSOProfile) error {
	sync := u.policy().Gatehouse.SSOTeamSync
	if sync == config.SyncOff || !p.GroupsKnown {
		return nil
	}
	rows, err := tx.MembershipsOfUsers(ctx, userID)
	if err != nil {
		return err
	}
	in := map[string]bool{}
	for i := range rows {
		in[rows[i].TeamID] = true
	}
	wanted := map[string]bool{}
	for _, g := range p.Groups {
		if g.ID == "" || wanted[g.ID] || checkID("team_id", g.ID) != nil {
			continue
		}
		wanted[g.ID] = true
		if in[g.ID] {
			continue
		}
		known, err := u.ssoTeam(ctx, tx, actor, g, p.CreateTeams)
		if err != nil {
			return err
		}
		if !known {
			continue
		}
		if err := u.join(ctx, tx, actor, g.ID, userID, models.TeamMember, Opt[models.Nano]{}); err != nil {
			return err
		}
	}
	if sync != config.SyncFull {
		return nil
	}
	for i := range rows {
		if !wanted[rows[i].TeamID] && rows[i].CreatedBy == actor.Name() {
			if err := u.leave(ctx, tx, actor, &rows[i].Membership); err != nil {
				return err
			}
		}
	}
	return nil
}

// ssoTeam says whether a group's team exists, making it if it should.
func (u *Users) ssoTeam(ctx context.Context, tx *store.Store, actor access.Actor, g SSOGroup, create bool) (bool, error) {
	_, err := tx.Team(ctx, g.ID)
	if !absent(err) {
		return err == nil, err
	}
	d := u.policy().LiteLLM.DefaultTeam
	if d == nil && !create || g.ID == models.UISessionTeam {
		return false, nil
	}
	in := NewTeam{ID: g.ID}
	if g.Name != "" {
		in.Alias = Some(cleanName(g.Name))
	}
	if d != nil {
		if len(d.Other) > 0 {
			text, err := json.Marshal(d.Other)
			if err != nil {
				return false, fmt.Errorf("encode default_team_params: %w", err)
			}
			if err := json.Unmarshal(text, &in.TeamFields); err != nil {
				return false, fmt.Errorf("default_team_params: %w", err)
			}
		}
		fill(&in.MaxBudget, d.MaxBudget)
		fillText(&in.BudgetDuration, d.BudgetDuration.String())
		fill(&in.TPMLimit, d.TPMLimit)
		fill(&in.RPMLimit, d.RPMLimit)
		fill(&in.MaxParallel, d.MaxParallel)
		if d.Models != nil {
			in.Models = Some(slices.Clone(d.Models))
		}
	}
	if err := in.check(); err != nil {
		return false, err
	}
	teams := Teams{base: u.base}
	_, err = teams.insertTeam(ctx, tx, actor, in)
	return err == nil, err
}
