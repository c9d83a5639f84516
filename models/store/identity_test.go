package store_test

import (
	"sync"
	"testing"
	"time"

	"gatehouse/internal/testkit"
	"gatehouse/models"
	"gatehouse/models/fault"
	"gatehouse/models/store"
)

func TestCodesWorkOnce(t *testing.T) {
	on(t, func(t *testing.T, s *store.Store, clock *testkit.Clock) {
		ctx := t.Context()
		now := clock.Now()
		add := func(hash, user string) {
			t.Helper()
			must(t, s.InsertCode(ctx, &models.OneTimeCode{
				Hash: hash, Purpose: "password_reset", UserID: user, ExpiresAt: models.At(now.Add(time.Minute)), CreatedAt: models.At(now),
			}))
		}
		refused := func(what, purpose, hash string) {
			t.Helper()
			if _, err := s.ClaimCode(ctx, purpose, hash); !fault.Is(err, fault.Unauthenticated) {
				t.Errorf("%s: %v", what, err)
			}
		}
		add("a", "ana")
		refused("unknown", "password_reset", "zz")
		refused("another purpose", "sso_state", "a")
		add("b", "ana")
		refused("an older one of the same person", "password_reset", "a")
		if err := s.InsertCode(ctx, &models.OneTimeCode{Hash: "b", Purpose: "sso_state", CreatedAt: models.At(now)}); !fault.Is(err, fault.Conflict) {
			t.Errorf("twice the same: %v", err)
		}
		var wins sync.Map
		var group sync.WaitGroup
		for i := range 20 {
			group.Go(func() {
				if user, err := s.ClaimCode(ctx, "password_reset", "b"); err == nil && user == "ana" {
					wins.Store(i, true)
				}
			})
		}
		group.Wait()
		n := 0
		wins.Range(func(any, any) bool { n++; return true })
		same(t, "winners", n, 1)
		add("c", "bo")
		clock.Advance(time.Minute)
		refused("expired", "password_reset", "c")
		if _, err := s.OpenCode(ctx, "password_reset", "c"); !fault.Is(err, fault.NotFound) {
			t.Errorf("an expired code opens: %v", err)
		}
		clock.Advance(time.Second)
		same(t, "purged", got(s.PurgeCodes(ctx))(t) >= 3, true)
	})
}

func TestMailQueue(t *testing.T) {
	on(t, func(t *testing.T, s *store.Store, clock *testkit.Clock) {
		ctx := t.Context()
		if m := got(s.ClaimMail(ctx, time.Minute))(t); m != nil {
			t.Fatalf("a mail from an empty queue: %+v", m)
		}
		for _, id := range []string{"1", "2"} {
			must(t, s.InsertMail(ctx, &models.Mail{ID: id, Kind: "invitation", Sealed: "x" + id, NextAt: models.At(clock.Now()), CreatedAt: models.At(clock.Now())}))
		}
		first, second := got(s.ClaimMail(ctx, time.Minute))(t), got(s.ClaimMail(ctx, time.Minute))(t)
		if first == nil || second == nil || first.ID != "1" || second.ID != "2" || first.Attempts != 1 || first.Sealed != "x1" {
			t.Fatalf("claimed %+v and %+v", first, second)
		}
		if m := got(s.ClaimMail(ctx, time.Minute))(t); m != nil {
			t.Fatalf("a mail that somebody has: %+v", m)
		}
		must(t, s.FinishMail(ctx, "1", ""))
		must(t, s.RetryMail(ctx, "2", models.At(clock.Now().Add(time.Hour)), "451 later"))
		clock.Advance(time.Minute)
		if m := got(s.ClaimMail(ctx, time.Minute))(t); m != nil {
			t.Fatalf("tried too early: %+v", m)
		}
		clock.Advance(time.Hour)
		again := got(s.ClaimMail(ctx, time.Minute))(t)
		if again == nil || again.ID != "2" || again.Attempts != 2 {
			t.Fatalf("second attempt %+v", again)
		}
		same(t, "counts", got(s.CountMails(ctx))(t), store.MailCounts{Waiting: 1, LastError: "451 later"})
		must(t, s.FinishMail(ctx, "2", "550 no such mailbox"))
		same(t, "counts", got(s.CountMails(ctx))(t), store.MailCounts{Failed: 1, LastError: "550 no such mailbox"})
		clock.Advance(time.Hour)
		same(t, "purged", got(s.PurgeMails(ctx, models.At(clock.Now())))(t), int64(2))
	})
}

func TestSecondFactorSteps(t *testing.T) {
	on(t, func(t *testing.T, s *store.Store, clock *testkit.Clock) {
		ctx := t.Context()
		must(t, s.InsertUser(ctx, &models.User{ID: "ana", Role: models.RoleInternalUser}))
		if _, err := s.SecondFactor(ctx, "ana"); !fault.Is(err, fault.NotFound) {
			t.Fatalf("nobody set one up: %v", err)
		}
		must(t, s.SaveSecondFactor(ctx, &models.SecondFactor{UserID: "ana", Sealed: "s", Recovery: models.Strings{"h"}, CreatedAt: models.At(clock.Now())}))
		same(t, "a new step", got(s.SpendStep(ctx, "ana", 7))(t), true)
		same(t, "the same step", got(s.SpendStep(ctx, "ana", 7))(t), false)
		same(t, "an earlier one", got(s.SpendStep(ctx, "ana", 6))(t), false)
		same(t, "kept", got(s.SecondFactor(ctx, "ana"))(t).LastStep, int64(7))
		got(s.DeleteUsers(ctx, []string{"ana"}))(t)
		if _, err := s.SecondFactor(ctx, "ana"); !fault.Is(err, fault.NotFound) {
			t.Errorf("it outlived its owner: %v", err)
		}
	})
}
