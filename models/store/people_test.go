package store_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gatehouse/internal/testkit"
	"gatehouse/models"
	"gatehouse/models/fault"
	"gatehouse/models/store"
)

func TestInvitations(t *testing.T) {
	on(t, func(t *testing.T, s *store.Store, clock *testkit.Clock) {
		ctx := t.Context()
		must(t, s.InsertUser(ctx, &models.User{ID: "u"}))
		invite := func(hash string) {
			t.Helper()
			must(t, s.InsertInvitation(ctx, &models.Invitation{
				Hash: hash, Prefix: hash[:1], UserID: "u", ExpiresAt: models.At(clock.Now().Add(time.Hour)),
				Audit: models.Audit{CreatedAt: models.At(clock.Now()), CreatedBy: "admin"},
			}))
		}
		unusable := func(what, hash string) {
			t.Helper()
			if _, err := s.ClaimInvitation(ctx, hash); !fault.Is(err, fault.Unauthenticated) {
				t.Errorf("%s: got %v", what, err)
			}
		}
		unusable("unknown", "nothing")
		invite("older")
		invite("newer")
		unusable("replaced by a newer one", "older")

		var wait sync.WaitGroup
		var won atomic.Int64
		for range 100 {
			wait.Go(func() {
				_, err := s.Change(ctx, func(tx *store.Store) error {
					user, err := tx.ClaimInvitation(ctx, "newer")
					if err != nil {
						return err
					}
					return tx.SetUser(ctx, user, map[string]any{"password_hash": "phc"})
				})
				switch {
				case err == nil:
					won.Add(1)
				case !fault.Is(err, fault.Unauthenticated):
					t.Error(err)
				}
			})
		}
		wait.Wait()
		same(t, "claims that won", won.Load(), 1)
		unusable("used", "newer")
		used := got(s.Invitation(ctx, "newer"))(t)
		if used.AcceptedAt == nil || *used.AcceptedAt != models.At(clock.Now()) || used.RevokedAt != nil {
			t.Errorf("got %+v", used)
		}

		invite("late")
		clock.Advance(time.Hour)
		unusable("expired to the second", "late")
		invite("revoked")
		must(t, s.RevokeInvitations(ctx, "u", "admin"))
		unusable("revoked", "revoked")

		invite("rolled back")
		boom := errors.New("boom")
		if _, err := s.Change(ctx, func(tx *store.Store) error {
			if _, err := tx.ClaimInvitation(ctx, "rolled back"); err != nil {
				return err
			}
			return boom
		}); !errors.Is(err, boom) {
			t.Fatal(err)
		}
		_, err := s.ClaimInvitation(ctx, "rolled back")
		must(t, err)
		same(t, "invitations", len(got(s.InvitationsOfUsers(ctx, "u"))(t)), 5)
		_, err = s.DeleteUsers(ctx, []string{"u"})
		must(t, err)
		same(t, "invitations of a deleted user", len(got(s.InvitationsOfUsers(ctx, "u"))(t)), 0)
	})
}

func TestSessions(t *testing.T) {
	on(t, func(t *testing.T, s *store.Store, clock *testkit.Clock) {
		ctx := t.Context()
		at := func(d time.Duration) models.Time { return models.At(clock.Now().Add(d)) }
		sign := func(hash string) {
			t.Helper()
			must(t, s.InsertSession(ctx, &models.Session{Hash: hash, UserID: "u", Method: "password", CreatedAt: at(0), LastSeenAt: at(0), IdleEnds: at(time.Hour), ExpiresAt: at(3 * time.Hour)}))
		}
		gone := func(what, hash string) {
			t.Helper()
			if _, err := s.Session(ctx, hash); !fault.Is(err, fault.NotFound) {
				t.Errorf("%s: got %v", what, err)
			}
		}
		sign("idle")
		sign("busy")
		clock.Advance(50 * time.Minute)
		must(t, s.TouchSession(ctx, "busy", at(0), at(time.Hour)))
		must(t, s.TouchSession(ctx, "busy", at(-time.Minute), at(0))) // a slower request arrives late
		clock.Advance(10 * time.Minute)
		gone("idle for an hour", "idle")
		same(t, "idle end", got(s.Session(ctx, "busy"))(t).IdleEnds, at(50*time.Minute))
		sign("other")
		same(t, "sessions", len(got(s.SessionsOfUser(ctx, "u"))(t)), 2)
		same(t, "purged", got(s.PurgeSessions(ctx))(t), 1)
		must(t, s.SetFlash(ctx, "busy", "saved"))
		same(t, "message", got(s.TakeFlash(ctx, "busy"))(t), "saved")
		same(t, "message again", got(s.TakeFlash(ctx, "busy"))(t), "")
		same(t, "others ended", got(s.DeleteSessionsOfUser(ctx, "u", "busy"))(t), 1)
		gone("ended elsewhere", "other")
		must(t, s.DeleteSession(ctx, "busy"))
		must(t, s.DeleteSession(ctx, "busy"))
		gone("signed out", "busy")
		must(t, s.TouchSession(ctx, "busy", at(time.Minute), at(time.Hour)))
		gone("touched after signing out", "busy")
	})
}

func TestThrottles(t *testing.T) {
	on(t, func(t *testing.T, s *store.Store, clock *testkit.Clock) {
		ctx := t.Context()
		must(t, s.ClearThrottle(ctx, "x"))
		same(t, "before", got(s.Throttle(ctx, "x"))(t), models.Throttle{Subject: "x"})
		same(t, "first", got(s.CountAttempt(ctx, "x", time.Minute))(t).Attempts, 1)
		same(t, "second", got(s.CountAttempt(ctx, "x", time.Minute))(t).Attempts, 2)
		until := models.At(clock.Now().Add(time.Hour))
		same(t, "failures", got(s.CountFailure(ctx, "x", until))(t).Failures, 1)
		same(t, "a shorter block does not shorten", got(s.CountFailure(ctx, "x", models.At(clock.Now())))(t).BlockedUntil, until)
		clock.Advance(time.Minute)
		same(t, "in the next minute", got(s.CountAttempt(ctx, "x", time.Minute))(t).Attempts, 1)
		same(t, "failures stay", got(s.Throttle(ctx, "x"))(t).Failures, 2)
		same(t, "purged while blocked", got(s.PurgeThrottles(ctx, models.At(clock.Now().Add(time.Minute))))(t), 0)
		must(t, s.ClearThrottle(ctx, "x"))
		same(t, "after success", got(s.Throttle(ctx, "x"))(t).Failures, 0)
		for _, text := range hostile {
			same(t, "hostile subject", got(s.CountAttempt(ctx, text, time.Minute))(t).Attempts, 1)
		}

		same(t, "unknown network", got(s.KnownNetwork(ctx, "u", "10.0.0.0/8"))(t), false)
		must(t, s.NoteNetwork(ctx, "u", "10.0.0.0/8"))
		must(t, s.NoteNetwork(ctx, "u", "10.0.0.0/8"))
		same(t, "known network", got(s.KnownNetwork(ctx, "u", "10.0.0.0/8"))(t), true)

		same(t, "first alert", got(s.ClaimAlert(ctx, "key:k", "soft", 24*time.Hour))(t), true)
		same(t, "second alert", got(s.ClaimAlert(ctx, "key:k", "soft", 24*time.Hour))(t), false)
		clock.Advance(24 * time.Hour)
		same(t, "a day later", got(s.ClaimAlert(ctx, "key:k", "soft", 24*time.Hour))(t), true)
	})
}
