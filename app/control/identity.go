package control

import (
	"context"
	"strings"
	"time"

	"gatehouse/app/access"
	"gatehouse/models"
	"gatehouse/models/fault"
)

// Identity turns credentials into an Actor. It reads the database, so it knows every change that has committed.
type Identity struct{ base }

// Secret is the actor of a bearer secret: the master key, or a virtual key. Errors: those of Key.
func (i *Identity) Secret(ctx context.Context, secret string) (access.Actor, error) {
	if i.IsMaster(secret) {
		return access.Master(), nil
	}
	who, _, err := i.Key(ctx, secret)
	return who, err
}

// IsMaster compares with the master key in constant time.
func (i *Identity) IsMaster(secret string) bool {
	master := i.policy().MasterKey
	return master.IsSet() && equalSecret(secret, master.Reveal())
}

// Key is the actor of a virtual key's secret. Errors: Unauthenticated with the texts of contract/admin-api.md §3.2 for an
// unknown, blocked or expired key, a blocked team or person; Unavailable when the database cannot say.
func (i *Identity) Key(ctx context.Context, secret string) (access.Actor, *models.Key, error) {
	if !strings.HasPrefix(secret, "sk-") {
		return access.Actor{}, nil, authError("LiteLLM Virtual Key expected. Received=%s, expected to start with 'sk-'", MaskSecret(secret))
	}
	hash := HashSecret(secret)
	key, err := i.Store.KeyByHash(ctx, hash)
	if absent(err) {
		key, err = i.Store.KeyByOldSecret(ctx, hash)
	}
	if absent(err) {
		return access.Actor{}, nil, fault.New(fault.Unauthenticated, "Authentication Error, Invalid proxy server token passed").
			WithType("token_not_found_in_db").WithParam("key")
	}
	if err != nil {
		return access.Actor{}, nil, cannotVerify(err)
	}
	who, err := i.ofKey(ctx, key)
	return who, key, cannotVerify(err)
}

func authError(format string, args ...any) *fault.Fault {
	return fault.Newf(fault.Unauthenticated, format, args...).WithType("auth_error")
}

// cannotVerify gives a database that is away the words of the contract: never 401 for our own failure.
func cannotVerify(err error) error {
	if f := fault.As(err); f != nil && f.Kind == fault.Unavailable {
		out := fault.New(fault.Unavailable, "Service unavailable: cannot verify key").WithType("no_db_connection").WithCause(err)
		out.RetryAfter = f.RetryAfter
		return out
	}
	return err
}

// ofKey is the actor of a key that was found: block, expiry and team are looked at in the order of the contract.
func (i *Identity) ofKey(ctx context.Context, key *models.Key) (access.Actor, error) {
	if key.Blocked != nil && *key.Blocked {
		return access.Actor{}, authError("Key is blocked.")
	}
	now := i.Now()
	if key.ExpiresAt != nil && !key.ExpiresAt.After(now) {
		return access.Actor{}, authError("Authentication Error - Expired Key. Key Expiry time %s and current time %s",
			key.ExpiresAt.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339)).WithType("expired_key").WithParam(key.Name)
	}
	if key.TeamID != nil {
		team, err := i.Store.Team(ctx, *key.TeamID)
		if err != nil && !absent(err) {
			return access.Actor{}, err
		}
		if team != nil && team.Blocked {
			return access.Actor{}, authError("Team=%s is blocked.", team.ID)
		}
	}
	who := access.Actor{Key: &access.Via{
		ID: key.ID, Hash: key.Hash, TeamID: deref(key.TeamID), OrgID: deref(key.OrgID), Models: key.Models, Routes: key.AllowedRoutes,
		MaxBudget: key.MaxBudget, ExpiresAt: key.ExpiresAt,
	}}
	if key.UserID == nil {
		return who, nil
	}
	// A key made or rotated by a team's admin for a member calls models for that member, but its maker must not become
	// the member by it: on the admin API it is a key without a user, until its owner or a proxy admin rotates it.
	if key.Delegated {
		_, err := i.addPerson(ctx, who, *key.UserID) // a blocked owner's key is dead all the same
		return who, err
	}
	return i.addPerson(ctx, who, *key.UserID)
}

// addPerson adds a person's role, teams and organizations. One without a row is an internal user: keys may name such.
func (i *Identity) addPerson(ctx context.Context, who access.Actor, id string) (access.Actor, error) {
	who.UserID, who.Role, who.AdminOnly = id, models.RoleInternalUser, i.policy().General.AdminOnlyRoutes
	user, err := i.Store.User(ctx, id)
	if err != nil && !absent(err) {
		return access.Actor{}, err
	}
	if user != nil {
		if user.Blocked {
			return access.Actor{}, authError("User=%s is blocked.", id)
		}
		who.Email, who.Prefs = deref(user.Email), models.PreferencesOf(user.Prefs)
		who.Role = i.roleOf(user)
	}
	teams, err := i.Store.MembershipsOfUsers(ctx, id)
	if err != nil {
		return access.Actor{}, err
	}
	who.Teams = make(map[string]models.TeamRole, len(teams))
	for _, m := range teams {
		who.Teams[m.TeamID] = m.Role
	}
	orgs, err := i.Store.OrgMembershipsOfUsers(ctx, id)
	if err != nil {
		return access.Actor{}, err
	}
	who.Orgs = make(map[string]models.Role, len(orgs))
	for _, m := range orgs {
		who.Orgs[m.OrgID] = m.Role
	}
	return who, nil
}

// roleOf is the role a row counts as: PROXY_ADMIN_ID is an admin, and words that are no role are internal_user.
func (i *Identity) roleOf(user *models.User) models.Role {
	if admin := i.policy().UI.AdminID; admin != "" && user.ID == admin {
		return models.RoleAdmin
	}
	if !user.Role.Valid() {
		return models.RoleInternalUser
	}
	return user.Role
}

// User is the actor of a person, with the role they have now. Errors: Unauthenticated for one who is gone or blocked.
func (i *Identity) User(ctx context.Context, id string) (access.Actor, error) {
	if _, err := i.Store.User(ctx, id); err != nil {
		if absent(err) {
			return access.Actor{}, authError("This account does not exist any more.")
		}
		return access.Actor{}, err
	}
	return i.addPerson(ctx, access.Actor{}, id)
}

// Session is the actor of a portal session. A sign-in by UI_USERNAME has no row: its role is the session's. Errors: those
// of User, and Unauthenticated for people whom ui_access_mode keeps out now.
func (i *Identity) Session(ctx context.Context, s *models.Session) (access.Actor, error) {
	if s.Role != "" && s.UserID == models.DefaultUserID {
		return access.Actor{UserID: s.UserID, Role: s.Role, SessionID: s.Hash}, nil
	}
	who, err := i.User(ctx, s.UserID)
	if err != nil {
		return access.Actor{}, err
	}
	if i.policy().UI.AccessMode == "admin_only" && !who.Role.IsAdmin() {
		return access.Actor{}, authError("User not allowed to access proxy. User role=%s, proxy mode=admin_only", who.Role)
	}
	who.SessionID = s.Hash
	return who, nil
}
