package control

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"log/slog"
	"net/netip"
	"strings"
	"time"

	"gatehouse/app/access"
	"gatehouse/app/config"
	"gatehouse/models"
	"gatehouse/models/fault"
	"gatehouse/models/store"
)

// Login checks passwords, and counts tries. Counts are in the database, so replicas share them.
type Login struct {
	base
	factors *Factors
}

func newLogin(b base) *Login { return &Login{base: b} }

const (
	// patience is how many failures in a row from one network a person has before they wait.
	patience = 10
	// longestWait is where the growing wait stops growing.
	longestWait = time.Minute
	// onlyKnown is after how many failures in a row an account listens to networks alone that have signed in before: a
	// stranger can shut out strangers, never the owner.
	onlyKnown = 100
)

// errCredentials is one text for every cause, so that nobody learns which accounts exist.
func errCredentials() error {
	return fault.New(fault.Unauthenticated, "Invalid credentials used to access UI.").WithType("auth_error").WithParam("invalid_credentials")
}

// tooMany is the refusal of a try too many.
func tooMany(wait time.Duration) error {
	f := fault.New(fault.Exhausted, "Too many tries. Try again later.").WithType("throttling_error")
	f.RetryAfter = max(wait, time.Second)
	return f
}

// network is what a client address counts as: the address in IPv4, the /64 in IPv6.
func network(ip string) string {
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return "unknown"
	}
	addr = addr.Unmap().WithZone("")
	bits := 64
	if addr.Is4() {
		bits = 32
	}
	prefix, err := addr.Prefix(bits)
	if err != nil {
		return "unknown"
	}
	return prefix.String()
}

// account names a sign-in name in the throttle table without keeping the name.
func account(name string) string { return HashSecret(strings.ToLower(strings.TrimSpace(name)))[:32] }

func (l *Login) rate() config.Rate {
	if r := l.policy().Gatehouse.LoginRate; r.N > 0 && r.Per > 0 {
		return r
	}
	return config.Rate{N: 10, Per: time.Minute}
}

// count counts one try of a subject and refuses the one too many.
func (l *Login) count(ctx context.Context, subject string) error {
	r := l.rate()
	t, err := l.Store.CountAttempt(ctx, subject, r.Per)
	if err != nil {
		return err
	}
	if t.Attempts > int64(r.N) {
		return tooMany(t.WindowStart.Add(r.Per).Sub(l.Now()))
	}
	return nil
}

// Try counts one try of kind ("onboarding", "sso", "master") from the caller's network. Errors: Exhausted.
func (l *Login) Try(ctx context.Context, who access.Actor, kind string) error {
	return l.count(ctx, kind+":net:"+network(who.IP))
}

// admit counts a sign-in by account and by network. known says whether the account has signed in from there before.
func (l *Login) admit(ctx context.Context, name, net, userID string) error {
	if err := l.count(ctx, "login:net:"+net); err != nil {
		return err
	}
	pair, err := l.Store.Throttle(ctx, "login:pair:"+account(name)+":"+net)
	if err != nil {
		return err
	}
	if wait := pair.BlockedUntil.Sub(l.Now()); wait > 0 {
		return tooMany(wait)
	}
	known := false
	if userID != "" {
		if known, err = l.Store.KnownNetwork(ctx, userID, net); err != nil {
			return err
		}
	}
	if known { // what strangers do to the account does not touch a network that has proved itself
		return nil
	}
	if err := l.count(ctx, "login:account:"+account(name)); err != nil {
		return err
	}
	t, err := l.Store.Throttle(ctx, "login:account:"+account(name))
	if err != nil {
		return err
	}
	if t.Failures >= onlyKnown {
		return tooMany(longestWait)
	}
	return nil
}

// failed counts a failure and makes the same network wait longer each time.
func (l *Login) failed(ctx context.Context, who access.Actor, name, net, userID string) error {
	pair := "login:pair:" + account(name) + ":" + net
	before, err := l.Store.Throttle(ctx, pair)
	if err != nil {
		return err
	}
	until := models.Time{}
	if n := before.Failures + 1 - patience; n >= 0 {
		wait := min(time.Second<<min(n, 6), longestWait)
		until = models.At(l.Now().Add(wait))
	}
	if _, err := l.Store.CountFailure(ctx, pair, until); err != nil {
		return err
	}
	if _, err := l.Store.CountFailure(ctx, "login:account:"+account(name), models.Time{}); err != nil {
		return err
	}
	row := l.auditRow(who, "session.sign_in", userID)
	row.Outcome = "refused"
	return l.Store.AppendAudit(ctx, row)
}

// Password checks a name and a password; who carries only the network. Errors: Unauthenticated with one text for every
// cause, Exhausted with RetryAfter, Forbidden for a blocked person (said only to who knows the password). Where the person
// has, or must have, a second factor, nobody is signed in yet: see SignedIn.Needs.
func (l *Login) Password(ctx context.Context, who access.Actor, in LoginInput) (*SignedIn, error) {
	net := network(who.IP)
	operator := l.isOperator(in.Username)
	user, err := l.person(ctx, in.Username, operator)
	if err != nil {
		return nil, err
	}
	userID := ""
	switch {
	case operator:
		userID = models.DefaultUserID
	case user != nil:
		userID = user.ID
	}
	if err := l.admit(ctx, in.Username, net, userID); err != nil {
		return nil, err
	}
	ok, stale, err := l.verify(ctx, in, operator, user)
	if err != nil {
		return nil, err
	}
	if !ok {
		if err := l.failed(ctx, who, in.Username, net, userID); err != nil {
			return nil, err
		}
		return nil, errCredentials()
	}
	if operator {
		return l.signedIn(ctx, who, in.Username, net, &SignedIn{UserID: models.DefaultUserID, Role: models.RoleAdmin, Method: "master"})
	}
	if stale {
		l.rehash(ctx, in.Password, user)
	}
	out, err := l.allowed(ctx, user, "password")
	if err != nil {
		return nil, err
	}
	need, err := l.needs(ctx, user)
	if err != nil {
		return nil, err
	}
	if need != "" {
		return l.wait(ctx, who, user, need)
	}
	return l.signedIn(ctx, who, in.Username, net, out)
}

// isOperator says whether the name is UI_USERNAME.
func (l *Login) isOperator(name string) bool {
	want := l.policy().UI.Username
	if want == "" {
		want = "admin"
	}
	return equalSecret(name, want)
}

// equalSecret compares in a time that does not depend on the values.
func equalSecret(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// person finds the account of a name; nil when there is none.
func (l *Login) person(ctx context.Context, name string, operator bool) (*models.User, error) {
	if operator || !strings.Contains(name, "@") {
		return nil, nil //nolint:nilnil // nobody's name, and that is no error
	}
	user, err := l.Store.UserByEmail(ctx, strings.TrimSpace(name))
	if absent(err) {
		return nil, nil //nolint:nilnil // as above
	}
	return user, err
}

// verify costs the time of one hash whatever the name is.
func (l *Login) verify(ctx context.Context, in LoginInput, operator bool, user *models.User) (ok, stale bool, err error) {
	if operator && l.operatorPassword(in.Password) {
		return true, false, nil
	}
	stored := ""
	if user != nil {
		stored = user.PasswordHash
	}
	h, err := l.hasher()
	if err != nil {
		return false, false, err
	}
	return h.Verify(ctx, in.Password, stored)
}

// operatorPassword compares with UI_PASSWORD, or with the master key while that is not set.
func (l *Login) operatorPassword(pw string) bool {
	p := l.policy()
	want := p.UI.Password
	if !want.IsSet() {
		want = p.MasterKey
	}
	return want.IsSet() && equalSecret(pw, want.Reveal())
}

// rehash stores a hash of today's strength. The sign-in goes on when that fails: the old hash still works.
func (l *Login) rehash(ctx context.Context, pw string, user *models.User) {
	h, err := l.hasher()
	if err == nil {
		var hash string
		if hash, err = h.Hash(ctx, pw); err == nil {
			err = l.Store.SetUser(ctx, user.ID, map[string]any{"password_hash": hash})
		}
	}
	if err != nil {
		l.Log.LogAttrs(ctx, slog.LevelWarn, "a password hash could not be renewed", slog.String("user_id", user.ID), slog.Any("error", err))
	}
}

// allowed asks whether a person who proved themselves may use the portal, and gives PROXY_ADMIN_ID its role.
func (l *Login) allowed(ctx context.Context, user *models.User, method string) (*SignedIn, error) {
	if user.Blocked {
		return nil, errBlocked()
	}
	p := l.policy()
	if p.UI.AdminID != "" && user.ID == p.UI.AdminID && user.Role != models.RoleAdmin {
		if err := l.Store.SetUser(ctx, user.ID, map[string]any{"role": models.RoleAdmin}); err != nil {
			return nil, err
		}
		user.Role = models.RoleAdmin
	}
	if err := l.admits(user); err != nil {
		return nil, err
	}
	return &SignedIn{UserID: user.ID, Role: user.Role, Method: method}, nil
}

func errBlocked() error {
	return fault.New(fault.Forbidden, "Your account is blocked.").WithType("auth_error").WithParam("blocked")
}

// admits says whether ui_access_mode lets a person of this role in.
func (b *base) admits(user *models.User) error {
	if p := b.policy(); p.UI.AccessMode != config.AccessAdminOnly || user.Role.IsAdmin() || p.UI.AdminID != "" && user.ID == p.UI.AdminID {
		return nil
	}
	return fault.Newf(fault.Unauthenticated, "User not allowed to access proxy. User role=%s, proxy mode=admin_only", user.Role).WithType("auth_error")
}

// signedIn forgets the failures, remembers the network and writes the audit row.
func (l *Login) signedIn(ctx context.Context, who access.Actor, name, net string, in *SignedIn) (*SignedIn, error) {
	known, err := l.Store.KnownNetwork(ctx, in.UserID, net)
	if err != nil {
		return nil, err
	}
	_, err = l.Store.Change(ctx, func(tx *store.Store) error {
		for _, subject := range []string{"login:pair:" + account(name) + ":" + net, "login:account:" + account(name)} {
			if err := tx.ClearThrottle(ctx, subject); err != nil {
				return err
			}
		}
		if err := tx.NoteNetwork(ctx, in.UserID, net); err != nil {
			return err
		}
		who.UserID = in.UserID
		return l.audit(ctx, tx, who, "session.sign_in", in.UserID, nil, map[string]any{"method": in.Method, "new_network": !known})
	})
	return in, err
}
