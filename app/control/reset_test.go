package control_test

import (
	"strings"
	"testing"
	"time"

	"gatehouse/app/control"
	"gatehouse/models"
	"gatehouse/models/fault"
)

// link asks for a new password and gives the token of the link; "" when there is none.
func (e *env) resetToken(email string) string {
	e.t.Helper()
	link, err := e.Login.ResetLink(e.t.Context(), email)
	ok(e.t, err)
	if link == nil {
		return ""
	}
	_, token, found := strings.Cut(link.Link, "/ui/reset?token=")
	if !found || len(token) != 43 {
		e.t.Fatalf("link %q", link.Link)
	}
	return token
}

func TestResetIsAskedForBlindly(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, e *env) {
		e.person("ana", models.RoleInternalUser)
		ctx := t.Context()
		e.policy.Gatehouse.LoginRate.N, e.policy.Gatehouse.LoginRate.Per = 10, time.Minute
		for _, email := range []string{"ana@example.org", "nobody@example.org", " ana@example.org "} {
			ok(t, e.Login.RequestReset(ctx, from("192.0.2.1"), email, "en"))
		}
		same(t, "asked for", strings.Join(e.mail.resets, ","), "ana@example.org,nobody@example.org,ana@example.org")
		for _, email := range []string{"", "ana", "@example.org", strings.Repeat("a", 250) + "@example.org"} {
			ok(t, e.Login.RequestReset(ctx, from("192.0.2.2"), email, "en"))
		}
		for range 5 { // more than one mailbox should get
			ok(t, e.Login.RequestReset(ctx, from("192.0.2.3"), "ANA@example.org", "en"))
		}
		same(t, "mails", len(e.mail.resets), 4)
		var err error
		for range 12 {
			if err = e.Login.RequestReset(ctx, from("192.0.2.4"), "x@example.org", "en"); err != nil {
				break
			}
		}
		refused(t, err, fault.Exhausted, "")
	})
}

func TestWhoGetsAResetLink(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, e *env) {
		for _, id := range []string{"ana", "blocked", "sso"} {
			e.person(id, models.RoleInternalUser)
		}
		e.user("invited", models.RoleInternalUser)
		ok(t, e.store.SetUser(t.Context(), "blocked", map[string]any{"blocked": true}))
		ok(t, e.store.SetUser(t.Context(), "sso", map[string]any{"sso_issuer": "https://idp.example"}))
		for _, id := range []string{"nobody", "blocked", "sso", "invited"} {
			same(t, id, e.resetToken(id+"@example.org"), "")
		}
		if e.resetToken("ANA@example.org") == "" {
			t.Error("ana has no link")
		}
	})
}

func TestReset(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, e *env) {
		ctx := t.Context()
		const next = "ein-neues-pferd-im-stall"
		e.person("ana", models.RoleInternalUser)
		bad := func(what, token string) {
			t.Helper()
			refused(t, e.Login.Reset(ctx, from("192.0.2.9"), token, next), fault.Unauthenticated, "This link has been used or has expired. Ask for a new one.")
			_, err := e.Login.OpenReset(ctx, from("192.0.2.9"), token)
			refused(t, err, fault.Unauthenticated, "")
		}
		e.policy.Gatehouse.LoginRate.N, e.policy.Gatehouse.LoginRate.Per = 1000, time.Minute
		bad("made up", strings.Repeat("x", 43))
		old := e.resetToken("ana@example.org")
		token := e.resetToken("ana@example.org")
		bad("an older one", old)
		e.clock.Advance(31 * time.Minute)
		bad("expired", token)

		token = e.resetToken("ana@example.org")
		for range 3 { // mail scanners open links
			email, err := e.Login.OpenReset(ctx, from("192.0.2.9"), token)
			ok(t, err)
			same(t, "whose", email, "ana@example.org")
		}
		for _, weak := range []string{"short", "password1234", "ana@example.org"} {
			refused(t, e.Login.Reset(ctx, from("192.0.2.9"), token, weak), fault.Unprocessable, "")
		}
		_, err := e.login("192.0.2.9", "ana@example.org", goodPassword)
		ok(t, err)
		now := e.clock.Now()
		for _, hash := range []string{"browser", "phone"} {
			ok(t, e.store.InsertSession(ctx, &models.Session{
				Hash: hash + strings.Repeat("0", 32), UserID: "ana", CreatedAt: models.At(now), LastSeenAt: models.At(now), IdleEnds: models.At(now.Add(time.Hour)), ExpiresAt: models.At(now.Add(time.Hour)),
			}))
		}
		ok(t, e.Login.Reset(ctx, from("192.0.2.9"), token, next))
		same(t, "audit", e.lastAudit().Action+" "+e.lastAudit().ActorID, "user.reset_password ana")
		if row := e.lastAudit(); strings.Contains(string(row.Before)+string(row.After), "$argon2id") {
			t.Errorf("the hash is in the audit log: %s", row.After)
		}
		left, err := e.store.SessionsOfUser(ctx, "ana")
		ok(t, err)
		same(t, "sessions left", len(left), 0)
		bad("used", token)
		_, err = e.login("192.0.2.9", "ana@example.org", goodPassword)
		refused(t, err, fault.Unauthenticated, "")
		_, err = e.login("192.0.2.9", "ana@example.org", next)
		ok(t, err)
	})
}

// A link in a mailbox dies with what it could change: the password, the address, the account's good standing.
func TestWhatEndsAResetLink(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, e *env) {
		for what, change := range map[string]string{
			"password": `{"user_id":"ana","password":"noch-ein-gutes-pferd"}`, "email": `{"user_id":"ana","user_email":"ana2@example.org"}`, "block": `{"user_id":"ana","blocked":true}`,
		} {
			e.person("ana", models.RoleInternalUser)
			token := e.resetToken("ana@example.org")
			_, err := e.Users.Update(t.Context(), admin(), parse[control.UserUpdate](t, change))
			ok(t, err)
			_, err = e.Login.OpenReset(t.Context(), from("192.0.2.9"), token)
			if !fault.Is(err, fault.Unauthenticated) {
				t.Errorf("%s: the link still works: %v", what, err)
			}
			_, err = e.Users.Delete(t.Context(), admin(), []string{"ana"})
			ok(t, err)
		}
	})
}

// A stranger who tries passwords shuts out strangers; the owner gets back in through the mailbox.
func TestResetClearsTheWait(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, e *env) {
		e.person("ana", models.RoleInternalUser)
		e.policy.Gatehouse.LoginRate.N, e.policy.Gatehouse.LoginRate.Per = 1000, time.Minute
		for range 100 {
			_, err := e.store.CountFailure(t.Context(), "login:account:"+control.HashSecret("ana@example.org")[:32], models.Time{})
			ok(t, err)
		}
		_, err := e.login("192.0.2.77", "ana@example.org", goodPassword)
		refused(t, err, fault.Exhausted, "")
		ok(t, e.Login.Reset(t.Context(), from("192.0.2.77"), e.resetToken("ana@example.org"), goodPassword+"-2"))
		_, err = e.login("192.0.2.77", "ana@example.org", goodPassword+"-2")
		ok(t, err)
	})
}
