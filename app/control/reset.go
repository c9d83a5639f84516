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

// One mailbox gets at most so many links in that time.
const (
	resetMost   = 3
	resetWindow = 15 * time.Minute
)

const purposeReset = "password_reset"

// ResetLink is a link to set a new password, and whose it is. The link is a secret.
type ResetLink struct {
	To      string
	Link    string
	Expires time.Time
}

// RequestReset asks for a link to set a new password. The answer and its time are the same for every address; whether
// anybody gets a mail is found out in the background. Whoever asks too often for one address is answered as ever, and
// nothing more is sent. Errors: Exhausted after too many tries from one network.
func (l *Login) RequestReset(ctx context.Context, who access.Actor, email, lang string) error {
	if err := l.Try(ctx, who, "reset"); err != nil {
		return err
	}
	email = strings.TrimSpace(email)
	if at := strings.LastIndexByte(email, '@'); at < 1 || len(email) > 254 {
		return nil
	}
	asked, err := l.Store.CountAttempt(ctx, "reset:account:"+account(email), resetWindow)
	if err != nil || asked.Attempts > resetMost {
		return err
	}
	l.Mailer.ResetRequested(ctx, email, lang)
	return nil
}

// ResetLink makes the link for an address; nil for one that nobody has, whose owner is blocked, signs in through a
// provider or has never had a password: who was invited has a link of their own. Older links of the same person stop
// working.
func (l *Login) ResetLink(ctx context.Context, email string) (*ResetLink, error) {
	user, err := l.Store.UserByEmail(ctx, email)
	if absent(err) {
		return nil, nil //nolint:nilnil // nobody's, and that is no error
	}
	if err != nil {
		return nil, err
	}
	if user.Blocked || user.SSOIssuer != "" || user.Email == nil || user.PasswordHash == "" {
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
	user, err := l.openReset(ctx, who, token)
	if err != nil {
		return "", err
	}
	return deref(user.Email), nil
}

func (l *Login) openReset(ctx context.Context, who access.Actor, token string) (*models.User, error) {
	if err := l.Try(ctx, who, "onboarding"); err != nil {
		return nil, err
	}
	code, err := l.Store.OpenCode(ctx, purposeReset, HashSecret(token))
	if absent(err) {
		return nil, errResetLink()
	}
	if err != nil {
		return nil, err
	}
	user, err := l.Store.User(ctx, code.UserID)
	if absent(err) || err == nil && user.Blocked {
		return nil, errResetLink()
	}
	return user, err
}

// Reset sets the password, uses the link up and ends every session of the person, in one transaction. A second factor
// stays. Errors: those of OpenReset, Unprocessable for a password that breaks the rules (the link stays good).
func (l *Login) Reset(ctx context.Context, who access.Actor, token, newPassword string) error {
	user, err := l.openReset(ctx, who, token)
	if err != nil {
		return err
	}
	if err := password.Check(newPassword, l.passwordMin(), deref(user.Email), deref(user.Alias)); err != nil {
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
	return l.change(ctx, who, "user.reset_password", user.ID, func(tx *store.Store) error {
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
		name := account(deref(user.Email))
		for _, subject := range []string{"login:account:" + name, "login:pair:" + name + ":" + network(who.IP)} {
			if err := tx.ClearThrottle(ctx, subject); err != nil {
				return err
			}
		}
		return l.audit(ctx, tx, actor, "user.reset_password", id, &before, user)
	})
}
