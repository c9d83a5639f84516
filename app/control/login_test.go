package control_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/app/access"
	"gatehouse/app/config"
	"gatehouse/app/control"
	"gatehouse/models"
	"gatehouse/models/duration"
	"gatehouse/models/fault"
	"gatehouse/models/store"
)

const goodPassword = "korrekt-pferd-batterie"

func from(ip string) access.Actor { return access.Actor{IP: ip, RequestID: "req"} }

// person makes somebody with a password.
func (e *env) person(id string, role models.Role) {
	e.t.Helper()
	e.user(id, role)
	_, err := e.Users.Update(e.t.Context(), admin(), parse[control.UserUpdate](e.t, `{"user_id":"`+id+`","password":"`+goodPassword+`"}`))
	ok(e.t, err)
}

func (e *env) login(ip, name, password string) (*control.SignedIn, error) {
	return e.Login.Password(e.t.Context(), from(ip), control.LoginInput{Username: name, Password: password})
}

func TestLoginRefusals(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, e *env) {
		e.person("ana", models.RoleInternalUser)
		e.user("fresh", models.RoleInternalUser)
		for name, in := range map[string][2]string{
			"wrong password":          {"ana@example.org", "wrong"},
			"nobody":                  {"nobody@example.org", goodPassword},
			"no password set":         {"fresh@example.org", ""},
			"operator, wrong":         {"admin", "wrong"},
			"operator, no password":   {"admin", ""},
			"user id for a name":      {"ana", goodPassword},
			"nothing":                 {"", ""},
			"master key for a person": {"ana@example.org", master},
		} {
			t.Run(name, func(t *testing.T) {
				_, err := e.login("192.0.2.9", in[0], in[1])
				refused(t, err, fault.Unauthenticated, "Invalid credentials used to access UI.")
				same(t, "param", fault.As(err).Param, "invalid_credentials")
			})
		}
		same(t, "failures are in the audit log", e.lastAudit().Action+" "+e.lastAudit().Outcome, "session.sign_in refused")

		in, err := e.login("192.0.2.9", " ANA@Example.org ", goodPassword)
		ok(t, err)
		same(t, "who", in.UserID+" "+string(in.Role)+" "+in.Method, "ana internal_user password")
		if after := string(e.lastAudit().After); !strings.Contains(after, `"new_network":true`) {
			t.Errorf("audit row %s", after)
		}
		in, err = e.login("192.0.2.9", "admin", master)
		ok(t, err)
		same(t, "who", in.UserID+" "+in.Method, "default_user_id master")
		e.policy.UI.Username, e.policy.UI.Password = "root", models.NewSecret("opensesame")
		_, err = e.login("192.0.2.9", "root", "opensesame")
		ok(t, err)
		_, err = e.login("192.0.2.9", "admin", master)
		refused(t, err, fault.Unauthenticated, "")

		e.policy.UI.AccessMode = config.AccessAdminOnly
		_, err = e.login("192.0.2.9", "ana@example.org", goodPassword)
		refused(t, err, fault.Unauthenticated, "User not allowed to access proxy. User role=internal_user, proxy mode=admin_only")
		e.policy.UI.AdminID = "ana"
		in, err = e.login("192.0.2.9", "ana@example.org", goodPassword)
		ok(t, err)
		same(t, "PROXY_ADMIN_ID", in.Role, models.RoleAdmin)
		same(t, "is kept in the row", e.as("ana").Role, models.RoleAdmin)
		e.policy.UI.AccessMode = config.AccessAll
		_, err = e.Users.Update(t.Context(), admin(), parse[control.UserUpdate](t, `{"user_id":"ana","blocked":true}`))
		ok(t, err)
		_, err = e.login("192.0.2.9", "ana@example.org", goodPassword)
		refused(t, err, fault.Forbidden, "blocked")
		_, err = e.login("192.0.2.9", "ana@example.org", "wrong")
		refused(t, err, fault.Unauthenticated, "Invalid credentials")
	})
}

func TestLoginThrottle(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, e *env) {
		e.person("ana", models.RoleInternalUser)
		_, err := e.login("192.0.2.1", "ana@example.org", goodPassword)
		ok(t, err)

		e.policy.Gatehouse.LoginRate = config.Rate{N: 3, Per: time.Minute}
		e.clock.Advance(time.Minute)
		for range 3 {
			_, err = e.login("198.51.100.20", "ana@example.org", "wrong")
			refused(t, err, fault.Unauthenticated, "")
		}
		_, err = e.login("198.51.100.20", "ana@example.org", goodPassword)
		refused(t, err, fault.Exhausted, "Too many tries")
		if wait := fault.As(err).RetryAfter; wait <= 0 || wait > time.Minute {
			t.Errorf("wait %s", wait)
		}
		_, err = e.login("203.0.113.5", "ana@example.org", goodPassword)
		refused(t, err, fault.Exhausted, "")
		_, err = e.login("192.0.2.1", "ana@example.org", goodPassword)
		ok(t, err) // a network that has proved itself is not shut out by strangers
		e.clock.Advance(time.Minute)
		_, err = e.login("203.0.113.5", "ana@example.org", goodPassword)
		ok(t, err)

		// IPv6 neighbours are one network.
		e.clock.Advance(time.Minute)
		for i := range 3 {
			_, err = e.login(fmt.Sprintf("2001:db8::%d", i+1), fmt.Sprintf("n%d@example.org", i), "wrong")
			refused(t, err, fault.Unauthenticated, "")
		}
		_, err = e.login("2001:db8::ffff", "n9@example.org", "wrong")
		refused(t, err, fault.Exhausted, "")
	})
}

func TestLoginWaitGrows(t *testing.T) {
	e := lite(t)
	e.person("ana", models.RoleInternalUser)
	for range 10 {
		_, err := e.login("192.0.2.1", "ana@example.org", "wrong")
		refused(t, err, fault.Unauthenticated, "")
	}
	_, err := e.login("192.0.2.1", "ana@example.org", goodPassword)
	refused(t, err, fault.Exhausted, "")
	e.clock.Advance(2 * time.Second)
	_, err = e.login("192.0.2.1", "ana@example.org", "wrong")
	refused(t, err, fault.Unauthenticated, "")
	e.clock.Advance(time.Second)
	_, err = e.login("192.0.2.1", "ana@example.org", goodPassword)
	refused(t, err, fault.Exhausted, "")
	e.clock.Advance(10 * time.Second)
	_, err = e.login("192.0.2.1", "ana@example.org", goodPassword)
	ok(t, err)
	_, err = e.login("192.0.2.1", "ana@example.org", "wrong")
	refused(t, err, fault.Unauthenticated, "") // a success clears the count
}

// TestLoginAfterManyFailures: past a hundred failures strangers are out, the owner's own network is not.
func TestLoginAfterManyFailures(t *testing.T) {
	e := lite(t)
	e.person("ana", models.RoleInternalUser)
	_, err := e.login("192.0.2.1", "ana@example.org", goodPassword)
	ok(t, err)
	for i := range 100 {
		_, err := e.login(fmt.Sprintf("198.51.%d.%d", i/250, i%250), "ana@example.org", "wrong")
		refused(t, err, fault.Unauthenticated, "")
	}
	_, err = e.login("203.0.113.77", "ana@example.org", goodPassword)
	refused(t, err, fault.Exhausted, "")
	_, err = e.login("192.0.2.1", "ana@example.org", goodPassword)
	ok(t, err)
}

func TestImportedPasswordIsRenewed(t *testing.T) {
	e := lite(t)
	e.user("old", models.RoleInternalUser)
	sum := sha256.Sum256([]byte("grandfathered"))
	ok(t, e.store.SetUser(t.Context(), "old", map[string]any{"password_hash": hex.EncodeToString(sum[:])}))
	_, err := e.login("192.0.2.1", "old@example.org", "wrong")
	refused(t, err, fault.Unauthenticated, "")
	_, err = e.login("192.0.2.1", "old@example.org", "grandfathered")
	ok(t, err)
	row, err := e.store.User(t.Context(), "old")
	ok(t, err)
	if !strings.HasPrefix(row.PasswordHash, "$argon2id$") {
		t.Fatalf("the hash is still %.10s", row.PasswordHash)
	}
	_, err = e.login("192.0.2.1", "old@example.org", "grandfathered")
	ok(t, err)
}

func TestInvitationRefusals(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, e *env) {
		e.user("ana", models.RoleInternalUser)
		e.user("pv", models.RoleAdminViewer)
		_, err := e.Invitations.New(t.Context(), e.as("ana"), "ana")
		refused(t, err, fault.Invalid, "Admin-only endpoint. Not allowed to access this., your role=internal_user")
		_, err = e.Invitations.New(t.Context(), e.as("pv"), "ana")
		refused(t, err, fault.Invalid, "your role=proxy_admin_viewer")
		_, err = e.Invitations.New(t.Context(), admin(), "ghost")
		refused(t, err, fault.Invalid, "User id does not exist in 'LiteLLM_UserTable'. Fix this by creating user via /user/new")
		_, err = e.Invitations.Info(t.Context(), admin(), "ghost")
		refused(t, err, fault.Invalid, "Invitation id does not exist in the database.")
		claim := func(in control.ClaimInvitation) error {
			_, err := e.Invitations.Claim(t.Context(), from("192.0.2.1"), in)
			return err
		}
		refused(t, claim(control.ClaimInvitation{ID: "nope", Password: goodPassword}), fault.Unauthenticated, "does not exist")
		inv, err := e.Invitations.New(t.Context(), admin(), "ana")
		ok(t, err)
		if stored, err := e.store.InvitationsOfUsers(t.Context(), "ana"); err != nil || stored[0].Hash == inv.ID || stored[0].Prefix != inv.ID[:8] {
			t.Errorf("stored as %+v, %v", stored, err)
		}
		same(t, "seven days", inv.Invitation.ExpiresAt.Time, e.clock.Now().Add(7*24*time.Hour))
		refused(t, claim(control.ClaimInvitation{ID: inv.ID, UserID: "pv", Password: goodPassword}), fault.Unauthenticated, "not for this user")
		refused(t, claim(control.ClaimInvitation{ID: inv.ID, Password: goodPassword, Token: "other"}), fault.Unauthenticated, "token")
		refused(t, claim(control.ClaimInvitation{ID: inv.ID, Password: "short"}), fault.Unprocessable, "at least 12")
		opened, err := e.Invitations.Open(t.Context(), from("192.0.2.1"), inv.ID)
		ok(t, err)
		same(t, "still open", opened.State, control.InvitationOpen)
		same(t, "for", opened.Email, "ana@example.org")
		e.clock.Advance(7 * 24 * time.Hour)
		refused(t, claim(control.ClaimInvitation{ID: inv.ID, Password: goodPassword}), fault.Unauthenticated, "expired")

		older, err := e.Invitations.New(t.Context(), admin(), "ana")
		ok(t, err)
		newer, err := e.Invitations.New(t.Context(), admin(), "ana")
		ok(t, err)
		refused(t, claim(control.ClaimInvitation{ID: older.ID, Password: goodPassword}), fault.Unauthenticated, "expired")
		ok(t, e.store.InsertSession(t.Context(), session("s1", "ana", e.clock.Now())))
		opened, err = e.Invitations.Open(t.Context(), from("192.0.2.1"), newer.ID)
		ok(t, err)
		ok(t, claim(control.ClaimInvitation{ID: newer.ID, UserID: "ana", Password: goodPassword, Token: opened.Token}))
		rows, err := e.store.SessionsOfUser(t.Context(), "ana")
		ok(t, err)
		same(t, "sessions end with the old password", len(rows), 0)
		same(t, "who did it", e.lastAudit().ActorID, "ana")
		refused(t, claim(control.ClaimInvitation{ID: newer.ID, Password: "another-password-1"}), fault.Unauthenticated, "already been used")
		_, err = e.login("192.0.2.1", "ana@example.org", goodPassword)
		ok(t, err)
		info, err := e.Invitations.Info(t.Context(), admin(), newer.ID)
		ok(t, err)
		if info.Invitation.AcceptedAt == nil {
			t.Error("not marked as accepted")
		}
		_, err = e.Invitations.Delete(t.Context(), admin(), newer.ID)
		ok(t, err)
		_, err = e.Invitations.Info(t.Context(), admin(), newer.ID)
		refused(t, err, fault.Invalid, "")
	})
}

// TestClaimsAtOnce: of many claims of one link one wins.
func TestClaimsAtOnce(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, e *env) {
		e.user("ana", models.RoleInternalUser)
		inv, err := e.Invitations.New(t.Context(), admin(), "ana")
		ok(t, err)
		var wg sync.WaitGroup
		var mu sync.Mutex
		won := 0
		for i := range 20 {
			wg.Go(func() {
				_, err := e.Invitations.Claim(t.Context(), from("192.0.2.1"), control.ClaimInvitation{ID: inv.ID, Password: fmt.Sprintf("password-number-%d", i)})
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					won++
				} else if !fault.Is(err, fault.Unauthenticated) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		same(t, "claims that won", won, 1)
	})
}

func TestSignInSSO(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, e *env) {
		yes, no := true, false
		profile := func(sub, email string, verified *bool) control.SSOProfile {
			return control.SSOProfile{Provider: "generic", Issuer: "https://idp.example", Subject: sub, Email: email, EmailVerified: verified}
		}
		signIn := func(p control.SSOProfile) (*control.SignedIn, error) {
			return e.Users.SignInSSO(context.WithoutCancel(t.Context()), from("192.0.2.1"), p)
		}
		e.person("pa", models.RoleAdmin)
		e.person("ana", models.RoleInternalUser)
		e.person("bo", models.RoleInternalUser)
		for name, tc := range map[string]struct {
			p    control.SSOProfile
			text string
		}{
			"nobody":                    {control.SSOProfile{}, "neither an id nor an email"},
			"no id, mail not verified":  {profile("", "x@example.org", nil), "no id"},
			"mail said to be false":     {profile("s-ana", "ana@example.org", &no), "cannot be linked"},
			"admin without the claim":   {profile("s-pa", "pa@example.org", nil), "cannot be linked"},
			"id of an admin's row":      {profile("pa", "evil@example.org", &yes), ""},
			"mail of a foreign company": {profile("s-x", "x@evil.org", &yes), "is not an allowed email domain=['example.org']"},
		} {
			t.Run(name, func(t *testing.T) {
				if strings.HasPrefix(name, "mail of") {
					e.policy.SSO.AllowedDomains = []string{"example.org"}
					defer func() { e.policy.SSO.AllowedDomains = nil }()
				}
				in, err := signIn(tc.p)
				if tc.text == "" {
					if err == nil && in.UserID == "pa" {
						t.Fatal("an admin's row was taken over")
					}
					return
				}
				refused(t, err, fault.Unauthenticated, tc.text)
			})
		}
		in, err := signIn(profile("s-ana", "ANA@example.org", &yes))
		ok(t, err)
		same(t, "linked by email", in.UserID, "ana")
		_, err = e.login("192.0.2.1", "ana@example.org", goodPassword)
		refused(t, err, fault.Unauthenticated, "") // the password was somebody's, maybe not theirs
		in, err = signIn(profile("s-ana", "moved@example.org", &no))
		ok(t, err)
		same(t, "found by the pair alone", in.UserID, "ana")
		_, err = signIn(control.SSOProfile{Provider: "generic", Issuer: "https://other.example", Subject: "s-other", Email: "ana@example.org", EmailVerified: &yes})
		refused(t, err, fault.Unauthenticated, "cannot be linked")

		in, err = signIn(profile("s-new", "new@example.org", nil))
		ok(t, err)
		same(t, "new people are viewers", in.Role, models.RoleInternalViewer)
		same(t, "id", in.UserID, "s-new")
		hundred := 100 * models.USD
		e.policy.LiteLLM.DefaultUser = config.DefaultUserParams{Set: true, Role: models.RoleInternalUser, MaxBudget: &hundred, Models: []string{"gpt-4"}}
		p := profile("s-two", "two@example.org", nil)
		in, err = signIn(p)
		ok(t, err)
		same(t, "default role", in.Role, models.RoleInternalUser)
		card, err := e.Users.Card(t.Context(), admin(), "s-two")
		ok(t, err)
		same(t, "defaults", card.User.MaxBudget.String()+card.User.Models[0], "100.0gpt-4")
		same(t, "provider", string(card.User.Metadata), `{"auth_provider":"generic"}`)
		p = profile("s-three", "three@example.org", nil)
		p.Role = models.RoleAdminViewer
		in, err = signIn(p)
		ok(t, err)
		same(t, "the provider's role wins", in.Role, models.RoleAdminViewer)
		e.policy.UI.AdminID = "s-four"
		in, err = signIn(profile("s-four", "four@example.org", nil))
		ok(t, err)
		same(t, "PROXY_ADMIN_ID", in.Role, models.RoleAdmin)
		_, err = e.Users.Update(t.Context(), admin(), parse[control.UserUpdate](t, `{"user_id":"s-two","blocked":true}`))
		ok(t, err)
		_, err = signIn(profile("s-two", "two@example.org", nil))
		refused(t, err, fault.Forbidden, "blocked")
	})
}

func TestSSOTeams(t *testing.T) {
	e := lite(t)
	e.team("known")
	e.policy.Gatehouse.SSOTeamSync = config.SyncAdd
	p := control.SSOProfile{
		Provider: "generic", Issuer: "i", Subject: "ana", Email: "ana@example.org", GroupsKnown: true,
		Groups: []control.SSOGroup{{ID: "known"}, {ID: "unknown", Name: "Unknown"}},
	}
	in := func() *access.Actor {
		t.Helper()
		_, err := e.Users.SignInSSO(t.Context(), from("192.0.2.1"), p)
		ok(t, err)
		who := e.as("ana")
		return &who
	}
	who := in()
	same(t, "teams without default_team_params", len(who.Teams), 1)
	five := 5 * models.USD
	e.policy.LiteLLM.DefaultTeam = &config.DefaultTeamParams{MaxBudget: &five, BudgetDuration: duration.Duration{N: 30, Unit: duration.Day}, Models: []string{"gpt-4"}, Other: map[string]any{"tpm_limit": 7}}
	who = in()
	same(t, "teams", len(who.Teams), 2)
	same(t, "place", who.Teams["unknown"], models.TeamMember)
	info, err := e.Teams.Info(t.Context(), admin(), "unknown")
	ok(t, err)
	same(t, "made as said", fmt.Sprint(*info.Team.Alias, info.Team.MaxBudget, info.Team.Models, *info.Team.TPMLimit, len(info.Members)), "Unknown5.0 [gpt-4] 7 1")
	known, err := e.Teams.Info(t.Context(), admin(), "known")
	ok(t, err)
	if known.Team.MaxBudget != nil {
		t.Error("a team that was there was changed")
	}
	_, err = e.Teams.AddMembers(t.Context(), admin(), control.AddMembers{TeamID: e.team("by-hand"), Members: control.MemberList{{UserID: "ana"}}})
	ok(t, err)
	p.Groups = p.Groups[:1]
	same(t, "add takes nobody out", len(in().Teams), 3)
	e.policy.Gatehouse.SSOTeamSync = config.SyncFull
	who = in()
	if _, still := who.Teams["unknown"]; still || who.Teams["by-hand"] == "" {
		t.Errorf("teams after a full sync: %v", who.Teams)
	}
	p.GroupsKnown = false
	same(t, "a provider that gave no list takes nobody out", len(in().Teams), 2)
}

func TestIdentity(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, e *env) {
		e.user("ana", models.RoleInternalUser)
		k := e.key(e.as("ana"), `{"duration":"1h"}`)
		for name, tc := range map[string]struct {
			secret, text, typ string
		}{
			"not a key": {"hello-there-123", "LiteLLM Virtual Key expected. Received=hell****-123, expected to start with 'sk-'", "auth_error"},
			"unknown":   {"sk-nobody-has-this", "Authentication Error, Invalid proxy server token passed", "token_not_found_in_db"},
			"the hash":  {k.Key.Hash, "expected to start with 'sk-'", "auth_error"},
		} {
			t.Run(name, func(t *testing.T) {
				_, err := e.Identity.Secret(t.Context(), tc.secret)
				refused(t, err, fault.Unauthenticated, tc.text)
				same(t, "type", fault.As(err).Type, tc.typ)
				if strings.Contains(err.Error(), tc.secret) {
					t.Error("the text repeats the secret")
				}
			})
		}
		who, err := e.Identity.Secret(t.Context(), master)
		ok(t, err)
		same(t, "master", who.Master, true)
		who, err = e.Identity.Secret(t.Context(), k.Secret.Reveal())
		ok(t, err)
		same(t, "person", who.UserID+" "+who.Email+" "+string(who.Role)+" "+who.Key.ID, "ana ana@example.org internal_user "+k.Key.ID)
		_, err = e.Users.Update(t.Context(), admin(), parse[control.UserUpdate](t, `{"user_id":"ana","user_role":"proxy_admin"}`))
		ok(t, err)
		who, err = e.Identity.Secret(t.Context(), k.Secret.Reveal())
		ok(t, err)
		same(t, "a new role holds at once", who.Role, models.RoleAdmin)
		e.clock.Advance(time.Hour)
		_, err = e.Identity.Secret(t.Context(), k.Secret.Reveal())
		refused(t, err, fault.Unauthenticated, "Authentication Error - Expired Key. Key Expiry time")
		same(t, "type", fault.As(err).Type, "expired_key")
		orphan := e.key(admin(), `{"user_id":"not-a-row"}`)
		who, err = e.Identity.Secret(t.Context(), orphan.Secret.Reveal())
		ok(t, err)
		same(t, "a person without a row", who.Role, models.RoleInternalUser)
		s := session("s1", "ana", e.clock.Now())
		who, err = e.Identity.Session(t.Context(), s)
		ok(t, err)
		same(t, "session", who.SessionID, s.Hash)
		e.policy.UI.AccessMode = config.AccessAdminOnly
		_, err = e.Identity.Session(t.Context(), s)
		ok(t, err)
		_, err = e.Users.Update(t.Context(), admin(), parse[control.UserUpdate](t, `{"user_id":"ana","user_role":"internal_user"}`))
		ok(t, err)
		_, err = e.Identity.Session(t.Context(), s)
		refused(t, err, fault.Unauthenticated, "admin_only")
		_, err = e.Identity.User(t.Context(), "ghost")
		refused(t, err, fault.Unauthenticated, "does not exist")
	})
}

func TestSessions(t *testing.T) {
	e := lite(t)
	e.user("ana", models.RoleInternalUser)
	e.user("bo", models.RoleInternalUser)
	for _, h := range []string{"s1", "s2", "s3"} {
		ok(t, e.store.InsertSession(t.Context(), session(h, "ana", e.clock.Now())))
	}
	_, err := e.Sessions.List(t.Context(), e.as("bo"), "ana")
	refused(t, err, fault.NotFound, "")
	refused(t, e.Sessions.EndAll(t.Context(), e.as("bo"), "ana"), fault.NotFound, "")
	list, err := e.Sessions.List(t.Context(), e.as("ana"), "")
	ok(t, err)
	same(t, "sessions", len(list), 3)
	same(t, "no hash is shown", list[0].Session.Hash, "")
	ok(t, e.Sessions.End(t.Context(), e.as("ana"), "", list[0].ID))
	refused(t, e.Sessions.End(t.Context(), e.as("ana"), "", list[0].ID), fault.NotFound, "ended already")
	ok(t, e.Sessions.EndAll(t.Context(), admin(), "ana"))
	list, err = e.Sessions.List(t.Context(), e.as("ana"), "")
	ok(t, err)
	same(t, "left", len(list), 0)
}

func TestAuditLog(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, e *env) {
		e.user("ana", models.RoleInternalUser)
		e.user("bo", models.RoleInternalUser)
		k := e.key(e.as("ana"), `{}`)
		who := admin()
		who.ChangedBy = "hr@example.org"
		_, err := e.Keys.Block(t.Context(), who, k.Key.Hash, "")
		ok(t, err)
		same(t, "the human behind the key", e.lastAudit().ChangedBy, "hr@example.org")
		same(t, "request", e.lastAudit().RequestID+" "+e.lastAudit().IP, "req-master 198.51.100.1")
		_, err = e.Audit.List(t.Context(), e.as("ana"), control.AuditQuery{})
		refused(t, err, fault.Unauthenticated, "")
		_, err = e.Audit.OfKey(t.Context(), e.as("bo"), k.Key.Hash, control.AuditQuery{})
		refused(t, err, fault.Forbidden, "")
		page, err := e.Audit.OfKey(t.Context(), e.as("ana"), k.Key.Hash, control.AuditQuery{Size: 1})
		ok(t, err)
		same(t, "newest first", page.Rows[0].Action, "key.block")
		page, err = e.Audit.OfKey(t.Context(), e.as("ana"), k.Key.Hash, control.AuditQuery{Size: 1, Before: page.Next})
		ok(t, err)
		same(t, "the page after", page.Rows[0].Action, "key.create")
		_, err = e.Audit.List(t.Context(), admin(), control.AuditQuery{Before: "x"})
		refused(t, err, fault.Invalid, "cursor")
		ok(t, e.Audit.Note(t.Context(), admin(), "spend.export", "spend", "", "done"))
		same(t, "note", e.lastAudit().Action, "spend.export")
	})
}

// TestNoAuditNoChange: what cannot be written to the audit log is not done.
func TestNoAuditNoChange(t *testing.T) {
	e := lite(t)
	e.user("ana", models.RoleInternalUser)
	before, _, err := e.store.ListAudit(t.Context(), store.AuditFilter{Size: 1000})
	ok(t, err)
	who := e.as("ana")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = e.Keys.Create(ctx, who, newKey(t, `{"key_alias":"never"}`))
	if err == nil {
		t.Fatal("a change went through under a context that has ended")
	}
	after, _, err := e.store.ListAudit(t.Context(), store.AuditFilter{Size: 1000})
	ok(t, err)
	same(t, "audit rows", len(after), len(before))
	if _, err := e.store.KeyByAlias(t.Context(), "never"); !fault.Is(err, fault.NotFound) {
		t.Fatalf("the key is there: %v", err)
	}
}
