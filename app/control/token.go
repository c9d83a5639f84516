package control

import (
	"context"
	"slices"

	"gatehouse/app/access"
	"gatehouse/models"
	"gatehouse/models/fault"
	"gatehouse/models/store"
)

// TokenProfile is somebody that a signed token names (general_settings.enable_jwt_auth).
type TokenProfile struct {
	Issuer        string
	Sub           string // the provider's own id of the person
	UserID        string // by litellm_jwtauth.user_id_jwt_field; may be empty
	Email         string
	EmailVerified *bool       // nil: the claim is absent
	Role          models.Role // by jwt_litellm_role_map; "" = no word about it
	MayMake       bool        // a person without a row gets one
	MakeTeam      string      // a team to make (team_id_upsert); "" = none
	Sync          *TokenSync  // nil: role and teams stay as they are
}

// TokenSync brings a person's role and teams to what the token says (sync_user_role_and_teams).
type TokenSync struct {
	Teams []string
	Known bool // the token said something about teams
}

// tokenActor is who makes rows for people that come with a signed token.
func tokenActor() access.Actor { return access.System("jwt") }

// FromToken finds the row of somebody that a verified token names: by id, by the provider's id, by the id that a sign-in
// bound, by email under the rules of a sign-in. It makes one where the profile allows that. Without an id and an email it
// only makes the team. Errors: NotFound, Unauthenticated for an email that belongs to somebody else, Conflict.
func (u *Users) FromToken(ctx context.Context, p TokenProfile) (string, error) {
	actor := tokenActor()
	id := ""
	err := u.change(ctx, actor, access.UserUpdate, p.UserID, func(tx *store.Store) error {
		if p.MakeTeam != "" && checkID("team_id", p.MakeTeam) == nil && p.MakeTeam != models.UISessionTeam {
			if _, err := tx.Team(ctx, p.MakeTeam); absent(err) {
				err = u.makeTeam(ctx, tx, actor, SSOGroup{ID: p.MakeTeam})
				if err != nil {
					return err
				}
			} else if err != nil {
				return err
			}
		}
		if p.UserID == "" && p.Email == "" {
			return nil
		}
		user, err := u.tokenUser(ctx, tx, actor, &p)
		if err != nil {
			return err
		}
		id = user.ID
		return u.tokenSync(ctx, tx, actor, user, &p)
	})
	return id, err
}

func (u *Users) tokenUser(ctx context.Context, tx *store.Store, actor access.Actor, p *TokenProfile) (*models.User, error) {
	type look func() (*models.User, error)
	var ways []look
	if p.UserID != "" {
		ways = append(ways,
			func() (*models.User, error) { return tx.User(ctx, p.UserID) },
			func() (*models.User, error) { return tx.UserBySSO(ctx, p.Issuer, p.UserID) },
			func() (*models.User, error) { return tx.UserBySSO(ctx, "", p.UserID) },
		)
	}
	ways = append(ways, func() (*models.User, error) { return tx.UserBySubject(ctx, p.Issuer, p.Sub) })
	for _, way := range ways {
		if user, err := way(); !absent(err) {
			return user, err
		}
	}
	if p.Email != "" {
		user, err := tx.UserByEmail(ctx, p.Email)
		if err == nil {
			if user.SSOUserID != nil && user.SSOIssuer != "" && user.SSOIssuer != p.Issuer || !u.mayLink(user, &SSOProfile{EmailVerified: p.EmailVerified}) {
				return nil, ssoRefused("An account with this email exists and this token cannot speak for it.")
			}
			return user, nil
		}
		if !absent(err) {
			return nil, err
		}
	}
	if !p.MayMake {
		return nil, fault.New(fault.NotFound, "no such user")
	}
	return u.tokenCreate(ctx, tx, actor, p)
}

func (u *Users) tokenCreate(ctx context.Context, tx *store.Store, actor access.Actor, p *TokenProfile) (*models.User, error) {
	in := NewUser{ID: p.UserID}
	if err := checkID("user_id", in.ID); err != nil {
		return nil, err
	}
	if in.ID == models.DefaultUserID {
		return nil, ssoRefused("The id %s is the gateway's own.", in.ID)
	}
	l := &u.policy().LiteLLM
	role := models.RoleInternalUser
	switch {
	case p.Role.Valid():
		role = p.Role
	case l.DefaultUser.Role != "":
		role = l.DefaultUser.Role
	}
	in.Role = Some(role)
	if p.Email != "" {
		in.Email = Some(p.Email)
	}
	in.Metadata = Some(models.JSON(`{"auth_provider":"jwt"}`))
	in.defaults(l)
	if !role.IsAdmin() {
		for _, t := range l.DefaultUser.Teams {
			if _, err := tx.Team(ctx, t.TeamID); err == nil {
				in.Teams.Value = append(in.Teams.Value, TeamPlace{TeamID: t.TeamID, MaxBudget: optPtr(t.MaxBudget), Role: string(t.Role)})
			}
		}
	}
	if err := in.check(); err != nil {
		return nil, err
	}
	return u.insertUser(ctx, tx, actor, &in, "")
}

// tokenSync writes what the token says of role and teams, as far as it differs.
func (u *Users) tokenSync(ctx context.Context, tx *store.Store, actor access.Actor, user *models.User, p *TokenProfile) error {
	if p.Sync == nil {
		return nil
	}
	if p.Role.Valid() && p.Role != user.Role {
		before := *user
		user.Role = p.Role
		u.stampChange(&user.Audit, actor)
		if err := tx.UpdateUser(ctx, user); err != nil {
			return err
		}
		if err := u.endAccess(ctx, tx, actor, &before, user); err != nil {
			return err
		}
		if err := u.audit(ctx, tx, actor, access.UserUpdate, user.ID, &before, user); err != nil {
			return err
		}
	}
	if !p.Sync.Known {
		return nil
	}
	rows, err := tx.MembershipsOfUsers(ctx, user.ID)
	if err != nil {
		return err
	}
	in := map[string]bool{}
	for i := range rows {
		in[rows[i].TeamID] = true
		if !slices.Contains(p.Sync.Teams, rows[i].TeamID) {
			if err := u.leave(ctx, tx, actor, &rows[i].Membership); err != nil {
				return err
			}
		}
	}
	for _, team := range p.Sync.Teams {
		if in[team] {
			continue
		}
		if _, err := tx.Team(ctx, team); absent(err) {
			continue
		} else if err != nil {
			return err
		}
		if err := u.join(ctx, tx, actor, team, user.ID, models.TeamMember, MemberLimits{}); err != nil {
			return err
		}
	}
	return nil
}
