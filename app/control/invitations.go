package control

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/url"
	"time"

	"github.com/google/uuid"

	"gatehouse/app/access"
	"gatehouse/app/control/password"
	"gatehouse/models"
	"gatehouse/models/fault"
	"gatehouse/models/store"
)

// Invitations are the acts on invitation links. The id in a link is the bearer: only its hash is stored.
type Invitations struct {
	base
	login *Login
}

// inviteTTL is how long a link works.
func (i *Invitations) inviteTTL() time.Duration {
	if ttl := i.policy().Gatehouse.InviteTTL; ttl > 0 {
		return ttl
	}
	return 7 * 24 * time.Hour
}

// Link is the address that an invitation's mail and its maker get.
func (i *Invitations) Link(id string) string {
	p := i.policy()
	return p.BaseURL + p.RootPath + "/ui/onboarding?id=" + url.QueryEscape(id)
}

// make adds an invitation for a person and revokes their older ones.
func (i *Invitations) make(ctx context.Context, tx *store.Store, who access.Actor, user *models.User) (*CreatedInvitation, error) {
	id := uuid.NewString() // 122 random bits; the contract fixes the form
	now := i.Now()
	inv := models.Invitation{Hash: HashSecret(id), Prefix: id[:8], UserID: user.ID, ExpiresAt: models.At(now.Add(i.inviteTTL()))}
	i.stampNew(&inv.Audit, who)
	if err := tx.InsertInvitation(ctx, &inv); err != nil {
		return nil, err
	}
	out := &CreatedInvitation{InvitationView: InvitationView{ID: id, Invitation: inv, Email: deref(user.Email)}, Link: i.Link(id)}
	return out, i.audit(ctx, tx, who, access.InvitationNew, inv.Prefix, nil, map[string]any{"user_id": user.ID, "expires_at": inv.ExpiresAt})
}

// send mails an invitation that was asked for, if there is one.
func (i *Invitations) send(ctx context.Context, who access.Actor, inv *CreatedInvitation) {
	if inv == nil || inv.Email == "" {
		return
	}
	i.Mailer.Invitation(ctx, InvitationMail{To: inv.Email, InviterEmail: who.Email, Lang: who.Prefs.Language, Link: inv.Link, Expires: inv.Invitation.ExpiresAt.Time})
}

// New makes a link for a person, mails it where mail is set up, and revokes their older ones. Errors: Invalid for an
// unknown user and for callers who are no admins.
func (i *Invitations) New(ctx context.Context, who access.Actor, userID string) (*CreatedInvitation, error) {
	if err := i.gate(ctx, who, access.InvitationNew); err != nil {
		return nil, err
	}
	if userID == "" {
		return nil, fault.Missing("user_id")
	}
	var out *CreatedInvitation
	err := i.change(ctx, who, access.InvitationNew, userID, func(tx *store.Store) error {
		user, err := tx.User(ctx, userID)
		if absent(err) {
			return fault.BadField("user_id", "User id does not exist in 'LiteLLM_UserTable'. Fix this by creating user via /user/new")
		}
		if err != nil {
			return err
		}
		out, err = i.make(ctx, tx, who, user)
		return err
	})
	if err == nil {
		i.send(ctx, who, out)
	}
	return out, err
}

func noInvitation(err error) error {
	if !absent(err) {
		return err
	}
	return fault.BadField("invitation_id", "Invitation id does not exist in the database.")
}

// Info loads an invitation by the id that the link carries.
func (i *Invitations) Info(ctx context.Context, who access.Actor, id string) (*InvitationView, error) {
	if err := i.gate(ctx, who, access.InvitationRead); err != nil {
		return nil, err
	}
	if id == "" {
		return nil, fault.Missing("invitation_id")
	}
	inv, err := i.Store.Invitation(ctx, HashSecret(id))
	if err != nil {
		return nil, noInvitation(err)
	}
	return &InvitationView{ID: id, Invitation: *inv}, nil
}

// Update marks an invitation as accepted, or as not; a revoked one stays revoked.
func (i *Invitations) Update(ctx context.Context, who access.Actor, in UpdateInvitation) (*InvitationView, error) {
	return i.edit(ctx, who, in.ID, func(tx *store.Store, inv *models.Invitation) error {
		switch {
		case in.Accepted && inv.AcceptedAt == nil:
			inv.AcceptedAt = ptr(i.stamp())
		case !in.Accepted:
			inv.AcceptedAt = nil
		}
		return tx.UpdateInvitation(ctx, inv)
	})
}

// Delete removes an invitation; its link is unknown from then on.
func (i *Invitations) Delete(ctx context.Context, who access.Actor, id string) (*InvitationView, error) {
	return i.edit(ctx, who, id, func(tx *store.Store, inv *models.Invitation) error { return tx.DeleteInvitation(ctx, inv.Hash) })
}

func (i *Invitations) edit(ctx context.Context, who access.Actor, id string, fn func(*store.Store, *models.Invitation) error) (*InvitationView, error) {
	if err := i.gate(ctx, who, access.InvitationWrite); err != nil {
		return nil, err
	}
	if id == "" {
		return nil, fault.Missing("invitation_id")
	}
	var out *InvitationView
	err := i.change(ctx, who, access.InvitationWrite, "", func(tx *store.Store) error {
		inv, err := tx.Invitation(ctx, HashSecret(id))
		if err != nil {
			return noInvitation(err)
		}
		before := *inv
		i.stampChange(&inv.Audit, who)
		if err := fn(tx, inv); err != nil {
			return err
		}
		out = &InvitationView{ID: id, Invitation: *inv}
		return i.audit(ctx, tx, who, access.InvitationWrite, inv.Prefix, &before, inv)
	})
	return out, err
}

// Open says what a link is good for; it changes nothing, since mail scanners open links. who carries only the network.
// Errors: Exhausted after too many tries from there.
func (i *Invitations) Open(ctx context.Context, who access.Actor, id string) (*OpenInvitation, error) {
	if err := i.login.Try(ctx, who, "onboarding"); err != nil {
		return nil, err
	}
	inv, err := i.Store.Invitation(ctx, HashSecret(id))
	if absent(err) {
		return &OpenInvitation{State: InvitationUnknown}, nil
	}
	if err != nil {
		return nil, err
	}
	user, err := i.Store.User(ctx, inv.UserID)
	if absent(err) || err == nil && user.Blocked {
		return &OpenInvitation{State: InvitationUnknown}, nil
	}
	if err != nil {
		return nil, err
	}
	out := &OpenInvitation{UserID: inv.UserID, Email: deref(user.Email), Inviter: i.inviter(ctx, inv.CreatedBy)}
	switch {
	case inv.AcceptedAt != nil:
		out.State, out.At = InvitationUsed, inv.AcceptedAt
	case inv.RevokedAt != nil:
		out.State, out.At = InvitationExpired, inv.RevokedAt
	case !inv.ExpiresAt.After(i.Now()):
		out.State, out.At = InvitationExpired, models.AtPtr(inv.ExpiresAt.Time)
	default:
		out.State, out.Token = InvitationOpen, onboardingToken(id)
	}
	return out, nil
}

// inviter is whom to ask for a new link: the email of who made this one, "" when it is not known.
func (i *Invitations) inviter(ctx context.Context, id string) string {
	user, err := i.Store.User(ctx, id)
	if err != nil { // a name for a hint; the page does without it
		return ""
	}
	return deref(user.Email)
}

// onboardingToken is what /onboarding/get_token hands out. Whoever holds the link can make it, so it is worth no more.
func onboardingToken(id string) string {
	sum := sha256.Sum256([]byte("gatehouse onboarding token\x1f" + id))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Claim sets the password and uses the link up, in one transaction. Errors: Unauthenticated for a link that is not open
// or is for somebody else, Unprocessable for a password that breaks the rules (the link stays open), Exhausted.
func (i *Invitations) Claim(ctx context.Context, who access.Actor, in ClaimInvitation) (*UserView, error) {
	open, err := i.Open(ctx, who, in.ID)
	if err != nil {
		return nil, err
	}
	if err := claimable(open, in); err != nil {
		return nil, err
	}
	if err := password.Check(in.Password, i.passwordMin(), open.Email); err != nil {
		return nil, err
	}
	h, err := i.hasher()
	if err != nil {
		return nil, err
	}
	hash, err := h.Hash(ctx, in.Password)
	if err != nil {
		return nil, err
	}
	who.UserID = open.UserID
	var out *UserView
	err = i.change(ctx, who, access.InvitationWrite, "", func(tx *store.Store) error {
		id, err := tx.ClaimInvitation(ctx, HashSecret(in.ID))
		if fault.Is(err, fault.Unauthenticated) {
			return invitationRefused("Invitation link has already been used.")
		}
		if err != nil {
			return err
		}
		user, err := tx.User(ctx, id)
		if err != nil {
			return err
		}
		before := *user
		user.PasswordHash = hash
		i.stampChange(&user.Audit, who)
		if err := tx.UpdateUser(ctx, user); err != nil {
			return err
		}
		if err := i.endAccess(ctx, tx, who, &before, user); err != nil {
			return err
		}
		if out, err = i.userView(ctx, tx, user); err != nil {
			return err
		}
		return i.audit(ctx, tx, who, "invitation.accept", in.ID[:8], &before, user)
	})
	return out, err
}

func invitationRefused(text string) error {
	return fault.New(fault.Unauthenticated, text).WithType("auth_error").WithParam("invitation_link")
}

func claimable(open *OpenInvitation, in ClaimInvitation) error {
	switch open.State {
	case InvitationUnknown:
		return invitationRefused("Invitation link does not exist in db.")
	case InvitationUsed:
		return invitationRefused("Invitation link has already been used.")
	case InvitationExpired:
		return invitationRefused("Invitation link has expired.")
	case InvitationOpen:
	}
	if in.UserID != "" && in.UserID != open.UserID {
		return invitationRefused("Invalid invitation link: it is not for this user.")
	}
	if in.Token != "" && subtle.ConstantTimeCompare([]byte(in.Token), []byte(open.Token)) != 1 {
		return invitationRefused("Invalid onboarding token.")
	}
	return nil
}
