package control_test

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gatehouse/app/access"
	"gatehouse/app/control"
	"gatehouse/app/control/totp"
	"gatehouse/models"
	"gatehouse/models/fault"
)

// patient lets a test try as often as it wants.
func (e *env) patient() {
	e.policy.Gatehouse.LoginRate.N, e.policy.Gatehouse.LoginRate.Per = 100_000, time.Minute
}

func as(id string, role models.Role) access.Actor {
	return access.Actor{UserID: id, Role: role, IP: "192.0.2.9", RequestID: "req"}
}

// code is what the person's app shows, some steps from now.
func (e *env) code(secret string, steps int) string {
	e.t.Helper()
	code, err := totp.Code(secret, e.clock.Now().Add(time.Duration(steps)*30*time.Second))
	ok(e.t, err)
	return code
}

// withFactor makes somebody with a second factor; the clock is in the step after that of the first code.
func (e *env) withFactor(id string, role models.Role) (secret string, recovery []string) {
	e.t.Helper()
	e.person(id, role)
	setup, err := e.Factors.Begin(e.t.Context(), as(id, role), goodPassword)
	ok(e.t, err)
	recovery, err = e.Factors.Confirm(e.t.Context(), as(id, role), e.code(setup.Secret, 0))
	ok(e.t, err)
	e.clock.Advance(30 * time.Second)
	return setup.Secret, recovery
}

// waits signs in by password and gives the token of the sign-in that waits.
func (e *env) waits(name, need string) string {
	e.t.Helper()
	in, err := e.login("192.0.2.9", name+"@example.org", goodPassword)
	ok(e.t, err)
	if in.Needs != need || in.UserID != "" || len(in.Pending) != 43 {
		e.t.Fatalf("%+v, wanted one that needs %q", in, need)
	}
	return in.Pending
}

func TestFactorSetup(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, e *env) {
		ctx := t.Context()
		e.patient()
		e.person("ana", models.RoleInternalUser)
		e.user("sso", models.RoleInternalUser)
		ana := as("ana", models.RoleInternalUser)
		for name, try := range map[string]func() error{
			"wrong password": func() error { _, err := e.Factors.Begin(ctx, ana, "wrong"); return err },
			"no password":    func() error { _, err := e.Factors.Begin(ctx, as("sso", models.RoleInternalUser), ""); return err },
			"operator": func() error {
				_, err := e.Factors.Begin(ctx, as(models.DefaultUserID, models.RoleAdmin), master)
				return err
			},
			"codes of none":     func() error { _, err := e.Factors.NewRecovery(ctx, ana, goodPassword); return err },
			"confirm nothing":   func() error { _, err := e.Factors.Confirm(ctx, ana, "123456"); return err },
			"off with a guess":  func() error { return e.Factors.Off(ctx, ana, "wrong") },
			"reset by a reader": func() error { return e.Factors.Reset(ctx, as("pv", models.RoleAdminViewer), "ana") },
			"reset by oneself":  func() error { return e.Factors.Reset(ctx, as("ana", models.RoleAdmin), "ana") },
			"reset of nobody":   func() error { return e.Factors.Reset(ctx, admin(), "nobody") },
		} {
			if fault.As(try()) == nil {
				t.Errorf("%s: passed", name)
			}
		}
		setup, err := e.Factors.Begin(ctx, ana, goodPassword)
		ok(t, err)
		if !strings.Contains(setup.Link, "ana@example.org") || !strings.Contains(setup.Link, setup.Secret) {
			t.Errorf("link %s", setup.Link)
		}
		row, err := e.store.SecondFactor(ctx, "ana")
		ok(t, err)
		if strings.Contains(row.Sealed, setup.Secret) {
			t.Errorf("the secret is readable: %s", row.Sealed)
		}
		in, err := e.login("192.0.2.9", "ana@example.org", goodPassword)
		ok(t, err)
		same(t, "before it is confirmed, nothing is asked", in.Needs, "")
		_, err = e.Factors.Confirm(ctx, ana, "000000")
		refused(t, err, fault.Unauthenticated, "")
		again, err := e.Factors.Pending(ctx, ana)
		ok(t, err)
		same(t, "the setup stands", again.Secret, setup.Secret)
		codes, err := e.Factors.Confirm(ctx, ana, " "+e.code(setup.Secret, 0)[:3]+" "+e.code(setup.Secret, 0)[3:])
		ok(t, err)
		same(t, "recovery codes", len(codes), totp.RecoveryCodes)
		same(t, "audit", e.lastAudit().Action, "user.factor_on")
		row, err = e.store.SecondFactor(ctx, "ana")
		ok(t, err)
		for _, c := range codes {
			if strings.Contains(strings.Join(row.Recovery, " "), strings.ReplaceAll(c, "-", "")) {
				t.Error("a recovery code is readable")
			}
		}
		view, err := e.Factors.View(ctx, ana)
		ok(t, err)
		same(t, "view", view.On && view.Offered && !view.Required && view.Left == totp.RecoveryCodes, true)
		_, err = e.Factors.Begin(ctx, ana, goodPassword)
		refused(t, err, fault.Conflict, "")
		_, err = e.Factors.Pending(ctx, ana)
		refused(t, err, fault.NotFound, "")
		ok(t, e.Factors.Off(ctx, ana, goodPassword))
		in, err = e.login("192.0.2.9", "ana@example.org", goodPassword)
		ok(t, err)
		same(t, "after it is off", in.Needs+in.UserID, "ana")
	})
}

func TestSignInByCode(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, e *env) {
		ctx := t.Context()
		e.patient()
		_, others := e.withFactor("bo", models.RoleInternalUser)
		secret, recovery := e.withFactor("ana", models.RoleInternalUser)
		wrong := func(what, token, code string) {
			t.Helper()
			_, err := e.Login.Code(ctx, from("192.0.2.9"), token, code)
			if !fault.Is(err, fault.Unauthenticated) {
				t.Errorf("%s: %v", what, err)
			}
		}
		token := e.waits("ana", control.NeedsCode)
		wrong("no sign-in", "", e.code(secret, 0))
		wrong("a made-up sign-in", strings.Repeat("x", 43), e.code(secret, 0))
		wrong("a recovery code of somebody else", token, others[0])
		wrong("nothing", token, "")
		wrong("the code that turned it on, replayed", token, e.code(secret, -1))
		in, err := e.Login.Code(ctx, from("192.0.2.9"), token, e.code(secret, 0))
		ok(t, err)
		same(t, "who", in.UserID+" "+in.Method+in.Needs, "ana password, code")
		if after := string(e.lastAudit().After); !strings.Contains(after, `"method":"password, code"`) {
			t.Errorf("audit row %s", after)
		}
		wrong("the sign-in is used up", token, e.code(secret, 1))

		token = e.waits("ana", control.NeedsCode)
		wrong("a replayed code", token, e.code(secret, 0))
		in, err = e.Login.Code(ctx, from("192.0.2.9"), token, strings.ToUpper(recovery[3]))
		ok(t, err)
		same(t, "who", in.UserID+" "+in.Method, "ana password, recovery code")
		wrong("a recovery code twice", e.waits("ana", control.NeedsCode), recovery[3])
		view, err := e.Factors.View(ctx, as("ana", models.RoleInternalUser))
		ok(t, err)
		same(t, "left", view.Left, totp.RecoveryCodes-1)
		fresh, err := e.Factors.NewRecovery(ctx, as("ana", models.RoleInternalUser), goodPassword)
		ok(t, err)
		e.clock.Advance(time.Hour)
		wrong("an older set", e.waits("ana", control.NeedsCode), recovery[4])
		_, err = e.Login.Code(ctx, from("192.0.2.9"), e.waits("ana", control.NeedsCode), fresh[4])
		ok(t, err)

		token = e.waits("ana", control.NeedsCode)
		e.clock.Advance(11 * time.Minute)
		wrong("too late", token, e.code(secret, 0))
		token = e.waits("ana", control.NeedsCode)
		ok(t, e.store.SetUser(ctx, "ana", map[string]any{"blocked": true}))
		_, err = e.Login.Code(ctx, from("192.0.2.9"), token, e.code(secret, 0))
		refused(t, err, fault.Forbidden, "")
	})
}

func TestACodeWorksOnce(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, e *env) {
		e.patient()
		secret, recovery := e.withFactor("ana", models.RoleInternalUser)
		for what, code := range map[string]string{"code": e.code(secret, 0), "recovery code": recovery[0]} {
			token := e.waits("ana", control.NeedsCode)
			var group sync.WaitGroup
			var passed atomic.Int64
			for range 8 {
				group.Go(func() {
					if _, err := e.Login.Code(t.Context(), from("192.0.2.9"), token, code); err == nil {
						passed.Add(1)
					}
				})
			}
			group.Wait()
			if n := passed.Load(); n != 1 {
				t.Errorf("%s: %d of 8 passed", what, n)
			}
			e.clock.Advance(10 * time.Minute) // the wait after wrong ones is over
		}
	})
}

func TestGuessingCodes(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, e *env) {
		e.patient()
		secret, _ := e.withFactor("ana", models.RoleInternalUser)
		var err error
		for range 5 {
			_, err = e.Login.Code(t.Context(), from("192.0.2.66"), e.waits("ana", control.NeedsCode), "000000")
			refused(t, err, fault.Unauthenticated, "")
		}
		_, err = e.Login.Code(t.Context(), from("192.0.2.67"), e.waits("ana", control.NeedsCode), e.code(secret, 0))
		refused(t, err, fault.Exhausted, "")
		_, err = e.Login.Code(t.Context(), from("192.0.2.67"), e.waits("ana", control.NeedsCode), "000000")
		refused(t, err, fault.Exhausted, "")
		e.clock.Advance(2 * time.Second)
		_, err = e.Login.Code(t.Context(), from("192.0.2.9"), e.waits("ana", control.NeedsCode), e.code(secret, 0))
		ok(t, err)
		e.policy.Gatehouse.LoginRate.N = 10
		e.clock.Advance(time.Minute)
		token := e.waits("ana", control.NeedsCode)
		for range 12 {
			e.clock.Advance(time.Second) // stays within the minute
			if _, err = e.Login.Code(t.Context(), from("192.0.2.66"), token, "000000"); fault.Is(err, fault.Exhausted) {
				break
			}
		}
		refused(t, err, fault.Exhausted, "")
	})
}

func TestLostFactor(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, e *env) {
		e.patient()
		secret, _ := e.withFactor("ana", models.RoleInternalUser)
		token := e.waits("ana", control.NeedsCode)
		ok(t, e.Factors.Reset(t.Context(), admin(), "ana"))
		same(t, "audit", e.lastAudit().Action+" "+e.lastAudit().ObjectID, "user.factor_reset ana")
		_, err := e.Login.Code(t.Context(), from("192.0.2.9"), token, e.code(secret, 0))
		refused(t, err, fault.Unauthenticated, "")
		in, err := e.login("192.0.2.9", "ana@example.org", goodPassword)
		ok(t, err)
		same(t, "signed in", in.UserID, "ana")
	})
}

// A new password, by mail or by a new invitation, is no way around the second factor.
func TestNoWayAroundTheFactor(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, e *env) {
		e.patient()
		e.withFactor("ana", models.RoleInternalUser)
		ok(t, e.Login.Reset(t.Context(), from("192.0.2.9"), e.resetToken("ana@example.org"), goodPassword+"-2"))
		in, err := e.login("192.0.2.9", "ana@example.org", goodPassword+"-2")
		ok(t, err)
		same(t, "after a reset", in.Needs, control.NeedsCode)
		inv, err := e.Invitations.New(t.Context(), admin(), "ana")
		ok(t, err)
		_, err = e.Invitations.Claim(t.Context(), from("192.0.2.9"), control.ClaimInvitation{ID: inv.ID, Password: goodPassword + "-3"})
		ok(t, err)
		in, err = e.Login.Proved(t.Context(), from("192.0.2.9"), "ana")
		ok(t, err)
		same(t, "after an invitation", in.Needs+in.UserID, control.NeedsCode)
	})
}

func TestRolesThatNeedAFactor(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, e *env) {
		ctx := t.Context()
		e.patient()
		e.policy.Gatehouse.RequireMFA = true
		e.person("ana", models.RoleInternalUser)
		e.person("pa", models.RoleAdmin)
		in, err := e.login("192.0.2.9", "ana@example.org", goodPassword)
		ok(t, err)
		same(t, "others are not asked", in.UserID, "ana")
		token := e.waits("pa", control.NeedsSetup)
		_, err = e.Login.Code(ctx, from("192.0.2.9"), token, "123456")
		refused(t, err, fault.Unauthenticated, "")
		setup, err := e.Login.Setup(ctx, token)
		ok(t, err)
		_, _, err = e.Login.ConfirmSetup(ctx, from("192.0.2.9"), token, "000000")
		refused(t, err, fault.Unauthenticated, "")
		who, codes, err := e.Login.ConfirmSetup(ctx, from("192.0.2.9"), token, e.code(setup.Secret, 0))
		ok(t, err)
		same(t, "who", who.UserID+who.Needs, "pa")
		same(t, "codes", len(codes), totp.RecoveryCodes)
		_, err = e.Login.Setup(ctx, token)
		refused(t, err, fault.Unauthenticated, "")
		refused(t, e.Factors.Off(ctx, as("pa", models.RoleAdmin), goodPassword), fault.Forbidden, "")
		e.waits("pa", control.NeedsCode)
		e.policy.Gatehouse.RequireMFA = false
		ok(t, e.Factors.Off(ctx, as("pa", models.RoleAdmin), goodPassword))
	})
}
