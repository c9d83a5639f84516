package control

import (
	"context"

	"github.com/google/uuid"

	"gatehouse/app/access"
	"gatehouse/app/control/password"
	"gatehouse/models"
	"gatehouse/models/fault"
	"gatehouse/models/store"
)

// New makes a user and, unless told otherwise, one personal key. Errors: Conflict for an id or an email that is taken,
// Invalid, Unprocessable (role, password), Forbidden, NotFound for an unknown team.
func (u *Users) New(ctx context.Context, who access.Actor, in NewUser) (*CreatedUser, error) {
	if err := u.gate(ctx, who, access.UserNew); err != nil {
		return nil, err
	}
	if err := u.checkNew(who, &in); err != nil {
		u.noteRefusal(ctx, who, access.UserNew, in.ID, err)
		return nil, err
	}
	hash, err := u.hashNew(ctx, in.Password, in.Email.Or(""), in.Alias.Or(""))
	if err != nil {
		return nil, err
	}
	secret, err := makeSecret(u.policy().Keys.Bytes)
	if err != nil {
		return nil, err
	}
	var made *CreatedUser
	err = u.change(ctx, who, access.UserNew, in.ID, func(tx *store.Store) error {
		made = &CreatedUser{}
		user, err := u.insertUser(ctx, tx, who, &in, hash)
		if err != nil {
			return err
		}
		if in.AutoCreateKey.Or(true) {
			if made.Key, err = u.autoKey(ctx, tx, who, &in, user, secret); err != nil {
				return err
			}
		}
		if in.SendEmail.Or(false) && user.Email != nil {
			if made.Invitation, err = u.invitations.make(ctx, tx, who, user); err != nil {
				return err
			}
		}
		view, err := u.userView(ctx, tx, user)
		if err != nil {
			return err
		}
		made.User = *view
		return nil
	})
	if err != nil {
		return nil, err
	}
	if in.Spend.Or(0) > 0 {
		u.Ledger.Reset(models.ScopeUser(made.User.User.ID), in.Spend.Value)
	}
	u.invitations.send(ctx, who, made.Invitation)
	return made, nil
}

// checkNew judges the request and fills the defaults in.
func (u *Users) checkNew(who access.Actor, in *NewUser) error {
	if err := in.check(); err != nil {
		return err
	}
	if err := checkID("user_id", in.ID); err != nil {
		return err
	}
	if in.ID == models.DefaultUserID {
		return fault.Newf(fault.Conflict, "User with id %s already exists", in.ID).WithParam("user_id")
	}
	l := &u.policy().LiteLLM
	if !in.Role.Has() {
		in.Role = Some(models.RoleInternalUser)
		if l.DefaultUser.Role != "" {
			in.Role = Some(l.DefaultUser.Role)
		}
	}
	if err := u.mayMake(who, in); err != nil {
		return err
	}
	in.defaults(l)
	if !in.Role.Value.IsAdmin() && !in.Teams.Sent {
		for _, t := range l.DefaultUser.Teams {
			in.Teams.Sent = true
			in.Teams.Value = append(in.Teams.Value, TeamPlace{TeamID: t.TeamID, MaxBudget: optPtr(t.MaxBudget), Role: string(t.Role)})
		}
	}
	return in.check()
}

func optPtr[T any](p *T) Opt[T] {
	if p == nil {
		return Opt[T]{}
	}
	return Some(*p)
}

// mayMake asks for the right in every organization named; an admin of an organization makes people in it, and no admins.
func (u *Users) mayMake(who access.Actor, in *NewUser) error {
	if who.IsAdmin() {
		return access.Check(who, access.UserNew, access.Target{})
	}
	if len(in.Organizations.Value) == 0 {
		return access.Check(who, access.UserNew, access.Target{})
	}
	for _, org := range in.Organizations.Value {
		target := access.Target{Org: org}
		if err := access.Check(who, access.UserNew, target); err != nil {
			return err
		}
		if err := in.permit(access.FieldsOf(who, access.UserNew, target), &models.User{}); err != nil {
			return err
		}
	}
	if in.Role.Value.IsAdmin() {
		return fault.New(fault.Forbidden, "Only proxy admins can create users with an admin role.").WithType("auth_error").WithParam("user_role")
	}
	return nil
}

// hashNew checks and hashes a password that came with a request; "" when none did.
func (b *base) hashNew(ctx context.Context, pw Opt[string], words ...string) (string, error) {
	if !pw.Has() {
		return "", nil
	}
	if err := password.Check(pw.Value, b.passwordMin(), words...); err != nil {
		return "", err
	}
	h, err := b.hasher()
	if err != nil {
		return "", err
	}
	return h.Hash(ctx, pw.Value)
}

func (b *base) passwordMin() int {
	const standard = 12
	if n := b.policy().Gatehouse.PasswordMin; n > 0 {
		return n
	}
	return standard
}

// insertUser stores the row, its places and its counter.
func (b *base) insertUser(ctx context.Context, tx *store.Store, who access.Actor, in *NewUser, hash string) (*models.User, error) {
	user := &models.User{ID: in.ID, PasswordHash: hash}
	if user.ID == "" {
		user.ID = uuid.NewString()
	}
	in.apply(user)
	b.stampNew(&user.Audit, who)
	if err := b.checkUserFree(ctx, tx, user); err != nil {
		return nil, err
	}
	if err := tx.InsertUser(ctx, user); err != nil {
		return nil, userClash(err, user)
	}
	if err := b.reset(ctx, tx, models.ScopeUser(user.ID), user.BudgetDuration); err != nil {
		return nil, err
	}
	if in.Spend.Or(0) > 0 {
		if err := b.setSpent(ctx, tx, models.ScopeUser(user.ID), in.Spend.Value); err != nil {
			return nil, err
		}
	}
	for _, org := range in.Organizations.Value {
		if err := b.joinOrg(ctx, tx, who, org, user.ID, orgRole(user.Role), Opt[models.Nano]{}); err != nil {
			return nil, err
		}
	}
	for _, p := range in.Teams.Value {
		role, err := teamRole(p.Role)
		if err != nil {
			return nil, err
		}
		if err := b.join(ctx, tx, who, p.TeamID, user.ID, role, MemberLimits{MaxBudget: p.MaxBudget}); err != nil {
			return nil, err
		}
	}
	return user, b.audit(ctx, tx, who, access.UserNew, user.ID, nil, user)
}

// checkUserFree asks before the insert, since PostgreSQL ends a transaction at its first failed statement.
func (b *base) checkUserFree(ctx context.Context, tx *store.Store, user *models.User) error {
	if _, err := tx.User(ctx, user.ID); !absent(err) {
		if err != nil {
			return err
		}
		return userClash(fault.New(fault.Conflict, "taken").WithParam("user_id"), user)
	}
	return b.checkEmailFree(ctx, tx, user)
}

func (b *base) checkEmailFree(ctx context.Context, tx *store.Store, user *models.User) error {
	if user.Email == nil {
		return nil
	}
	other, err := tx.UserByEmail(ctx, *user.Email)
	if absent(err) || err == nil && other.ID == user.ID {
		return nil
	}
	if err != nil {
		return err
	}
	return userClash(fault.New(fault.Conflict, "taken").WithParam("user_email"), user)
}

func userClash(err error, user *models.User) error {
	err = clashText(err, "user_id", fault.Conflict, "User with id %s already exists", user.ID)
	return clashText(err, "user_email", fault.Conflict, "User with email %s already exists", deref(user.Email))
}

// autoKey makes the key that comes with a user: theirs, with their models and no budget of its own.
func (u *Users) autoKey(ctx context.Context, tx *store.Store, who access.Actor, in *NewUser, user *models.User, secret string) (*CreatedKey, error) {
	f := KeyFields{Alias: in.KeyAlias, Duration: in.Duration, TeamID: in.KeyTeamID, UserID: Some(user.ID), Models: Some([]string(user.Models)), Aliases: in.KeyAliases}
	if err := f.check(); err != nil {
		return nil, err
	}
	if err := checkAlias(f.Alias.Or(""), u.policy().Keys.AliasFormat); err != nil {
		return nil, err
	}
	if team := f.TeamID.Or(""); team != "" {
		if _, err := tx.Team(ctx, team); err != nil {
			return nil, notFound("team", team, err)
		}
	}
	key := &models.Key{ID: uuid.NewString(), Hash: HashSecret(secret), Name: keyName(secret, u.policy().Keys.StoreName)}
	if err := f.apply(key, u.Now()); err != nil {
		return nil, err
	}
	u.stampNew(&key.Audit, who)
	if err := u.keys.checkAliasFree(ctx, tx, key); err != nil {
		return nil, err
	}
	if err := tx.InsertKey(ctx, key); err != nil {
		return nil, keyClash(err, key)
	}
	if err := u.audit(ctx, tx, who, access.KeyCreate, key.ID, nil, key); err != nil {
		return nil, err
	}
	view, err := u.keyView(ctx, tx, key)
	if err != nil {
		return nil, err
	}
	return &CreatedKey{KeyView: *view, Secret: models.NewSecret(secret), Duration: in.Duration.Or("")}, nil
}
