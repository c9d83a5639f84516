package control

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"time"

	"gatehouse/app/access"
	"gatehouse/app/control/password"
	"gatehouse/models"
	"gatehouse/models/fault"
	"gatehouse/models/store"
)

// resetLife is how long a link to set a new password works.
const resetLife = 30 * time.Minute

const purposeReset = "password_reset"

// ResetLink is a link to set a new password, and whose it is. The link is a secret.
type ResetLink struct {
	To      string
	Link    string
	Expires time.Time
}

// RequestReset asks for a link to set a new password. The answer and its time are the same for every address; whether
// anybody gets a mail is found out in the background. Errors: Exhausted after too many tries.
func (l *Login) RequestReset(ctx context.Context, who access.Actor, email, lang string) error {
	if err := l.Try(ctx, who, "reset"); err != nil {
		return err
	}
	if err := l.count(ctx, "reset:account:"+account(email)); err != nil {
		return err
	}
	email = strings.TrimSpace(email)
	if at := strings.LastIndexByte(email, '@'); at < 1 || len(email) > 254 {
		return nil
	}
	l.Mailer.ResetRequested(ctx, email, lang)
	return nil
}

// ResetLink makes the link for an address; nil for one that nobody has, whose owner is blocked, or signs in through a
// provider. Older links of the same person stop working.
func (l *Login) ResetLink(ctx context.Context, email string) (*ResetLink, error) {
	user, err := l.Store.UserByEmail(ctx, email)
	if absent(err) {
		return nil, nil //nolint:nilnil // nobody's, and that is no error
	}
	if err != nil {
		return nil, err
	}
	if user.Blocked || user.SSOIssuer != "" || user.Email == nil {
		return nil, nil //nolint:nilnil // as above
	}
	b := make([]byte, 32)
	if _, err := rand.Read(b); err != nil {
		return nil, fmt.Errorf("read randomness: %w", err)
	}
	token := base64.RawURLEncoding.EncodeToString(b)
	now := l.Now()
	out := &ResetLink{To: *user.Email, Expires: now.Add(resetLife)}
	p := l.policy()
	out.Link = p.BaseURL + p.RootPath + "/ui/reset?token=" + url.QueryEscape(token)
	return out, l.Store.InsertCode(ctx, &models.OneTimeCode{
		Hash: HashSecret(token), Purpose: purposeReset, UserID: user.ID, CreatedAt: models.At(now), ExpiresAt: models.At(out.Expires),
	})
}

func errResetLink() error {
	return fault.New(fault.Unauthenticated, "This link has been used or has expired. Ask for a new one.").WithType("auth_error")
}

// OpenReset says whose link it is; it changes nothing, since mail scanners open links. Errors: Unauthenticated for a link
// that does not work, Exhausted.
func (l *Login) OpenReset(ctx context.Context, who access.Actor, token string) (email string, err error) {
	if err := l.Try(ctx, who, "onboarding"); err != nil {
		return "", err
	}
	code, err := l.Store.OpenCode(ctx, purposeReset, HashSecret(token))
	if absent(err) {
		return "", errResetLink()
	}
	if err != nil {
		return "", err
	}
	user, err := l.Store.User(ctx, code.UserID)
	if absent(err) || err == nil && user.Blocked {
		return "", errResetLink()
	}
	if err != nil {
		return "", err
	}
	return deref(user.Email), nil
}

// Reset sets the password, uses the link up and ends every session of the person, in one transaction. A second factor
// stays. Errors: those of OpenReset, Unprocessable for a password that breaks the rules (the link stays good).
func (l *Login) Reset(ctx context.Context, who access.Actor, token, newPassword string) error {
	email, err := l.OpenReset(ctx, who, token)
	if err != nil {
		return err
	}
	if err := password.Check(newPassword, l.passwordMin(), email); err != nil {
		return err
	}
	h, err := l.hasher()
	if err != nil {
		return err
	}
	hash, err := h.Hash(ctx, newPassword)
	if err != nil {
		return err
	}
	return l.change(ctx, who, "user.reset_password", "", func(tx *store.Store) error {
		id, err := tx.ClaimCode(ctx, purposeReset, HashSecret(token))
		if fault.Is(err, fault.Unauthenticated) {
			return errResetLink()
		}
		if err != nil {
			return err
		}
		user, err := tx.User(ctx, id)
		if err != nil {
			return err
		}
		actor := who
		actor.UserID, actor.SessionID = id, ""
		before := *user
		user.PasswordHash = hash
		l.stampChange(&user.Audit, actor)
		if err := tx.UpdateUser(ctx, user); err != nil {
			return err
		}
		if err := l.endAccess(ctx, tx, actor, &before, user); err != nil {
			return err
		}
		// Whoever waited because of wrong passwords has proved themselves by their mailbox.
		if err := tx.ClearThrottle(ctx, "login:account:"+account(email)); err != nil {
			return err
		}
		return l.audit(ctx, tx, actor, "user.reset_password", id, &before, user)
	})
}
