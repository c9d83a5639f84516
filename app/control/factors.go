package control

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"gatehouse/app/access"
	"gatehouse/app/control/totp"
	"gatehouse/models"
	"gatehouse/models/fault"
	"gatehouse/models/store"
)

// Factors are the acts on second factors: codes of an authenticator app, for people who sign in by password.
type Factors struct {
	base
	login *Login
}

// FactorView is how somebody's second factor stands.
type FactorView struct {
	Offered  bool // they sign in by a password of their own
	On       bool
	Since    time.Time // when it was turned on
	Left     int       // recovery codes
	Required bool      // their role may not be without one (gatehouse.require_mfa)
}

// FactorSetup is what an authenticator app takes in. Both are secrets.
type FactorSetup struct {
	Secret string
	Link   string // otpauth://…
}

func factorPlace(userID string) string { return "second_factors/sealed/" + userID }

// requires says whether this person may not sign in by password alone.
func (b *base) requires(user *models.User) bool {
	p := b.policy()
	return p.Gatehouse.RequireMFA && (user.Role.IsAdmin() || p.UI.AdminID != "" && user.ID == p.UI.AdminID)
}

// factor is a person's second factor, nil when there is none.
func (b *base) factor(ctx context.Context, s *store.Store, userID string) (*models.SecondFactor, error) {
	f, err := s.SecondFactor(ctx, userID)
	if absent(err) {
		return nil, nil //nolint:nilnil // none, and that is no error
	}
	return f, err
}

// View is how the caller's second factor stands.
func (f *Factors) View(ctx context.Context, who access.Actor) (FactorView, error) {
	user, err := f.Store.User(ctx, who.UserID)
	if absent(err) || err == nil && user.PasswordHash == "" {
		return FactorView{}, nil
	}
	if err != nil {
		return FactorView{}, err
	}
	v := FactorView{Offered: f.FactorSealer != nil, Required: f.requires(user)}
	row, err := f.factor(ctx, f.Store, user.ID)
	if err != nil || row == nil || row.ConfirmedAt == nil {
		return v, err
	}
	v.On, v.Since, v.Left = true, row.ConfirmedAt.Time, len(row.Recovery)
	return v, nil
}

// IsOn says whether a person has a second factor, for admins. Errors: those of access.
func (f *Factors) IsOn(ctx context.Context, who access.Actor, userID string) (bool, error) {
	if err := access.Check(who, access.UserInfo, access.User(userID, nil, nil)); err != nil {
		return false, err
	}
	row, err := f.factor(ctx, f.Store, userID)
	return row != nil && row.ConfirmedAt != nil, err
}

// proved is the caller's row, once they have typed their password. Errors: Forbidden for a sign-in without a password of
// its own, Unauthenticated with Param "current_password" for a wrong one, Exhausted.
func (f *Factors) proved(ctx context.Context, who access.Actor, password string) (*models.User, error) {
	if err := f.login.Try(ctx, who, "password"); err != nil {
		return nil, err
	}
	user, err := f.Store.User(ctx, who.UserID)
	if err != nil && !absent(err) {
		return nil, err
	}
	if user == nil || user.PasswordHash == "" || f.FactorSealer == nil {
		return nil, fault.New(fault.Forbidden, "This sign-in has no password of its own, so it has no second factor here.").WithType("auth_error")
	}
	h, err := f.hasher()
	if err != nil {
		return nil, err
	}
	ok, _, err := h.Verify(ctx, password, user.PasswordHash)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fault.New(fault.Unauthenticated, "The current password is wrong.").WithType("auth_error").WithParam("current_password")
	}
	return user, nil
}

// Begin makes a setup key, which holds nothing until a code of it was typed. Errors: those of proved, Conflict when there
// is a second factor already.
func (f *Factors) Begin(ctx context.Context, who access.Actor, password string) (*FactorSetup, error) {
	user, err := f.proved(ctx, who, password)
	if err != nil {
		return nil, err
	}
	return f.begin(ctx, who, user)
}

func (f *Factors) begin(ctx context.Context, who access.Actor, user *models.User) (*FactorSetup, error) {
	secret, err := totp.NewSecret()
	if err != nil {
		return nil, err
	}
	sealed, err := f.FactorSealer.Seal(factorPlace(user.ID), []byte(secret))
	if err != nil {
		return nil, err
	}
	err = f.change(ctx, who, "user.factor_setup", user.ID, func(tx *store.Store) error {
		row, err := f.factor(ctx, tx, user.ID)
		if err != nil {
			return err
		}
		if row != nil && row.ConfirmedAt != nil {
			return fault.New(fault.Conflict, "There is a second factor already. Turn it off first.")
		}
		return tx.SaveSecondFactor(ctx, &models.SecondFactor{UserID: user.ID, Sealed: sealed, Recovery: models.Strings{}, CreatedAt: f.stamp()})
	})
	if err != nil {
		return nil, err
	}
	return setupOf(secret, user)
}

func setupOf(secret string, user *models.User) (*FactorSetup, error) {
	link, err := totp.Link(secret, orElse(deref(user.Email), user.ID))
	return &FactorSetup{Secret: secret, Link: link}, err
}

func orElse(a, b string) string {
	if a == "" {
		return b
	}
	return a
}

// Pending is the setup that the caller has begun. Errors: NotFound.
func (f *Factors) Pending(ctx context.Context, who access.Actor) (*FactorSetup, error) {
	return f.pending(ctx, who.UserID)
}

func (f *Factors) pending(ctx context.Context, userID string) (*FactorSetup, error) {
	user, err := f.Store.User(ctx, userID)
	if err != nil {
		return nil, err
	}
	row, err := f.Store.SecondFactor(ctx, userID)
	if err != nil {
		return nil, err
	}
	if row.ConfirmedAt != nil {
		return nil, fault.New(fault.NotFound, "No setup was begun.")
	}
	secret, err := f.FactorSealer.Open(factorPlace(userID), row.Sealed)
	if err != nil {
		return nil, fault.New(fault.NotFound, "The setup cannot be read any more. Begin again.").WithCause(err)
	}
	return setupOf(string(secret), user)
}

// Confirm turns the second factor on with a first code, and gives the recovery codes, this once. Errors: Unauthenticated
// with Param "code" for a wrong one, NotFound without a setup, Exhausted.
func (f *Factors) Confirm(ctx context.Context, who access.Actor, code string) ([]string, error) {
	return f.confirm(ctx, who, who.UserID, code)
}

func (f *Factors) confirm(ctx context.Context, who access.Actor, userID, code string) ([]string, error) {
	if err := f.login.admitCode(ctx, userID); err != nil {
		return nil, err
	}
	var codes []string
	err := f.change(ctx, who, "user.factor_on", userID, func(tx *store.Store) error {
		row, err := tx.SecondFactor(ctx, userID)
		if err != nil {
			return err
		}
		if row.ConfirmedAt != nil {
			return fault.New(fault.NotFound, "No setup was begun.")
		}
		secret, err := f.FactorSealer.Open(factorPlace(userID), row.Sealed)
		if err != nil {
			return fault.New(fault.NotFound, "The setup cannot be read any more. Begin again.").WithCause(err)
		}
		step, ok := totp.Step(string(secret), totp.Clean(code), f.Now())
		if !ok {
			return errCode()
		}
		if codes, err = totp.NewRecovery(); err != nil {
			return err
		}
		row.LastStep, row.ConfirmedAt, row.Recovery = step, ptr(f.stamp()), hashCodes(codes)
		if err := tx.SaveSecondFactor(ctx, row); err != nil {
			return err
		}
		return f.audit(ctx, tx, who, "user.factor_on", userID, nil, map[string]any{"recovery_codes": len(codes)})
	})
	if isCodeError(err) {
		return nil, f.login.wrongCode(ctx, userID, err)
	}
	return codes, err
}

func hashCodes(codes []string) models.Strings {
	out := make(models.Strings, len(codes))
	for i, c := range codes {
		out[i] = HashSecret(totp.Clean(c))
	}
	return out
}

// NewRecovery replaces the recovery codes and gives the new ones, this once. Errors: those of proved, NotFound without a
// second factor.
func (f *Factors) NewRecovery(ctx context.Context, who access.Actor, password string) ([]string, error) {
	user, err := f.proved(ctx, who, password)
	if err != nil {
		return nil, err
	}
	codes, err := totp.NewRecovery()
	if err != nil {
		return nil, err
	}
	err = f.change(ctx, who, "user.factor_recovery", user.ID, func(tx *store.Store) error {
		row, err := tx.SecondFactor(ctx, user.ID)
		if err != nil {
			return err
		}
		if row.ConfirmedAt == nil {
			return fault.New(fault.NotFound, "There is no second factor.")
		}
		row.Recovery = hashCodes(codes)
		if err := tx.SaveSecondFactor(ctx, row); err != nil {
			return err
		}
		return f.audit(ctx, tx, who, "user.factor_recovery", user.ID, nil, map[string]any{"recovery_codes": len(codes)})
	})
	return codes, err
}

// Off turns the caller's second factor off. Errors: those of proved, Forbidden for a role that may not be without one.
func (f *Factors) Off(ctx context.Context, who access.Actor, password string) error {
	user, err := f.proved(ctx, who, password)
	if err != nil {
		return err
	}
	if f.requires(user) {
		return fault.New(fault.Forbidden, "Your role needs a second factor. Set up another one instead: ask an admin to reset this one.").WithType("auth_error")
	}
	return f.remove(ctx, who, user.ID, "user.factor_off")
}

// Reset removes somebody else's second factor, when they have lost it. Admins alone may. Errors: Forbidden, also for one's
// own; NotFound.
func (f *Factors) Reset(ctx context.Context, who access.Actor, userID string) error {
	if err := access.Check(who, access.UserBulkUpdate, access.User(userID, nil, nil)); err != nil {
		f.noteRefusal(ctx, who, access.UserBulkUpdate, userID, err)
		return err
	}
	if userID == who.UserID {
		return fault.New(fault.Forbidden, "Turn your own second factor off in your account, with your password.").WithType("auth_error")
	}
	if _, err := f.Store.User(ctx, userID); err != nil {
		return notFound("user", userID, err)
	}
	return f.remove(ctx, who, userID, "user.factor_reset")
}

func (f *Factors) remove(ctx context.Context, who access.Actor, userID string, action access.Action) error {
	return f.change(ctx, who, action, userID, func(tx *store.Store) error {
		if err := tx.DeleteSecondFactor(ctx, userID); err != nil {
			return err
		}
		if err := tx.RevokeCodes(ctx, userID); err != nil { // sign-ins that wait for a code
			return err
		}
		return f.audit(ctx, tx, who, action, userID, map[string]any{"second_factor": true}, nil)
	})
}

// accept uses a code or a recovery code up. Errors: errCode.
func (f *Factors) accept(ctx context.Context, tx *store.Store, userID, typed string) (how string, err error) {
	row, err := tx.SecondFactor(ctx, userID)
	if err != nil {
		return "", err
	}
	if row.ConfirmedAt == nil {
		return "", errCode()
	}
	code := totp.Clean(typed)
	if at := slices.Index(row.Recovery, HashSecret(code)); at >= 0 {
		row.Recovery = slices.Delete(row.Recovery, at, at+1)
		return "recovery code", tx.SaveSecondFactor(ctx, row)
	}
	if f.FactorSealer == nil {
		return "", errCode()
	}
	secret, err := f.FactorSealer.Open(factorPlace(userID), row.Sealed)
	if err != nil { // under another salt: recovery codes still work, and an admin can reset it
		f.Log.LogAttrs(ctx, slog.LevelError, "a second factor cannot be read: it was sealed under another LITELLM_SALT_KEY", slog.String("user_id", userID), slog.Any("error", err))
		return "", errCode()
	}
	step, ok := totp.Step(string(secret), code, f.Now())
	if !ok {
		return "", errCode()
	}
	mine, err := tx.SpendStep(ctx, userID, step)
	if err == nil && !mine { // replayed: this code, or a later one, was used
		err = errCode()
	}
	return "code", err
}
