package control

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"time"

	"gatehouse/app/access"
	"gatehouse/models"
	"gatehouse/models/fault"
	"gatehouse/models/store"
)

// What a sign-in by password still waits for.
const (
	NeedsCode  = "code"  // of the second factor
	NeedsSetup = "setup" // of one: the role may not be without (gatehouse.require_mfa)
)

const (
	// pendingLife is how long a sign-in waits for its code.
	pendingLife = 10 * time.Minute
	// codePatience is how many wrong codes in a row there may be before the wait grows, and longestCodeWait where it stops
	// growing: whoever gets so far knows the password, and there are a million codes.
	codePatience    = 5
	longestCodeWait = 5 * time.Minute
)

// errCode is one text for every code that does not work: wrong, over, used.
func errCode() error {
	return fault.New(fault.Unauthenticated, "This code is wrong, has run out or was used.").WithType("auth_error").WithParam("code")
}

func isCodeError(err error) bool {
	f := fault.As(err)
	return f != nil && f.Kind == fault.Unauthenticated && f.Param == "code"
}

// errBeginAgain is for a sign-in that is over before its code came.
func errBeginAgain() error {
	return fault.New(fault.Unauthenticated, "This sign-in has taken too long. Begin again.").WithType("auth_error").WithParam("sign_in")
}

// needs says what a person who has proved their password still has to do: "" for nothing.
func (l *Login) needs(ctx context.Context, user *models.User) (string, error) {
	row, err := l.factor(ctx, l.Store, user.ID)
	switch {
	case err != nil:
		return "", err
	case row != nil && row.ConfirmedAt != nil:
		return NeedsCode, nil
	case l.requires(user):
		return NeedsSetup, nil
	}
	return "", nil
}

// wait makes a sign-in wait for what it needs: nobody is signed in by it yet.
func (l *Login) wait(ctx context.Context, who access.Actor, user *models.User, need string) (*SignedIn, error) {
	if need == NeedsSetup {
		if l.FactorSealer == nil {
			return nil, fault.New(fault.Forbidden, "Your role needs a second factor, and this gateway cannot keep any.").WithType("auth_error")
		}
		who.UserID = user.ID
		if _, err := l.factors.begin(ctx, who, user); err != nil {
			return nil, err
		}
	}
	b := make([]byte, 32)
	if _, err := rand.Read(b); err != nil {
		return nil, fmt.Errorf("read randomness: %w", err)
	}
	token, now := base64.RawURLEncoding.EncodeToString(b), l.Now()
	err := l.Store.InsertCode(ctx, &models.OneTimeCode{
		Hash: HashSecret(token), Purpose: "sign_in_" + need, UserID: user.ID, CreatedAt: models.At(now), ExpiresAt: models.At(now.Add(pendingLife)),
	})
	return &SignedIn{Needs: need, Pending: token}, err
}

// Proved is the sign-in of somebody who has just set their password by an invitation. Errors: Forbidden, NotFound.
func (l *Login) Proved(ctx context.Context, who access.Actor, userID string) (*SignedIn, error) {
	user, err := l.Store.User(ctx, userID)
	if err != nil {
		return nil, err
	}
	out, err := l.allowed(ctx, user, "password")
	if err != nil {
		return nil, err
	}
	need, err := l.needs(ctx, user)
	if err != nil || need == "" {
		return out, err
	}
	return l.wait(ctx, who, user, need)
}

// waiting is whose sign-in waits under this token. Errors: Unauthenticated with Param "sign_in".
func (l *Login) waiting(ctx context.Context, need, token string) (*models.User, error) {
	code, err := l.Store.OpenCode(ctx, "sign_in_"+need, HashSecret(token))
	if absent(err) {
		return nil, errBeginAgain()
	}
	if err != nil {
		return nil, err
	}
	user, err := l.Store.User(ctx, code.UserID)
	if absent(err) {
		return nil, errBeginAgain()
	}
	return user, err
}

// admitCode counts a code typed for somebody, and refuses while they have to wait. Errors: Exhausted.
func (l *Login) admitCode(ctx context.Context, userID string) error {
	if err := l.count(ctx, "code:user:"+userID); err != nil {
		return err
	}
	t, err := l.Store.Throttle(ctx, "code:failed:"+userID)
	if err != nil {
		return err
	}
	if wait := t.BlockedUntil.Sub(l.Now()); wait > 0 {
		return tooMany(wait)
	}
	return nil
}

// wrongCode counts a failure and gives the refusal back.
func (l *Login) wrongCode(ctx context.Context, userID string, refusal error) error {
	subject := "code:failed:" + userID
	before, err := l.Store.Throttle(ctx, subject)
	if err != nil {
		return err
	}
	until := models.Time{}
	if n := before.Failures + 1 - codePatience; n >= 0 {
		until = models.At(l.Now().Add(min(time.Second<<min(n, 9), longestCodeWait)))
	}
	if _, err := l.Store.CountFailure(ctx, subject, until); err != nil {
		return err
	}
	return refusal
}

// Code ends a sign-in that waits for a code of the second factor; who carries only the network. Errors: Unauthenticated
// with Param "code" for one that does not work, with "sign_in" for a sign-in that is over, Exhausted, Forbidden.
func (l *Login) Code(ctx context.Context, who access.Actor, token, typed string) (*SignedIn, error) {
	user, err := l.waiting(ctx, NeedsCode, token)
	if err != nil {
		return nil, err
	}
	if err := l.admitCode(ctx, user.ID); err != nil {
		return nil, err
	}
	how := ""
	who.UserID = user.ID
	err = l.change(ctx, who, "session.sign_in", user.ID, func(tx *store.Store) (err error) {
		if how, err = l.factors.accept(ctx, tx, user.ID, typed); err != nil {
			return err
		}
		if _, err := tx.ClaimCode(ctx, "sign_in_"+NeedsCode, HashSecret(token)); err != nil {
			return errBeginAgain()
		}
		return nil
	})
	switch {
	case absent(err): // the second factor was reset meanwhile
		return nil, errBeginAgain()
	case isCodeError(err):
		return nil, l.wrongCode(ctx, user.ID, err)
	case err != nil:
		return nil, err
	}
	return l.ended(ctx, who, user, "password, "+how)
}

// ended is a sign-in whose last step was passed.
func (l *Login) ended(ctx context.Context, who access.Actor, user *models.User, method string) (*SignedIn, error) {
	if err := l.Store.ClearThrottle(ctx, "code:failed:"+user.ID); err != nil {
		return nil, err
	}
	out, err := l.allowed(ctx, user, method)
	if err != nil {
		return nil, err
	}
	who.UserID = ""
	return l.signedIn(ctx, who, deref(user.Email), network(who.IP), out)
}

// Setup is the second factor that a waiting sign-in has to set up. Errors: Unauthenticated with Param "sign_in".
func (l *Login) Setup(ctx context.Context, token string) (*FactorSetup, error) {
	user, err := l.waiting(ctx, NeedsSetup, token)
	if err != nil {
		return nil, err
	}
	setup, err := l.factors.pending(ctx, user.ID)
	if absent(err) {
		return nil, errBeginAgain()
	}
	return setup, err
}

// ConfirmSetup turns the second factor on, ends the sign-in and gives the recovery codes, this once. Errors: those of Code.
func (l *Login) ConfirmSetup(ctx context.Context, who access.Actor, token, typed string) (*SignedIn, []string, error) {
	user, err := l.waiting(ctx, NeedsSetup, token)
	if err != nil {
		return nil, nil, err
	}
	who.UserID = user.ID
	codes, err := l.factors.confirm(ctx, who, user.ID, typed)
	if absent(err) {
		return nil, nil, errBeginAgain()
	}
	if err != nil {
		return nil, nil, err
	}
	if _, err := l.Store.ClaimCode(ctx, "sign_in_"+NeedsSetup, HashSecret(token)); err != nil {
		return nil, nil, errBeginAgain()
	}
	out, err := l.ended(ctx, who, user, "password, code")
	return out, codes, err
}
