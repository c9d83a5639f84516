package store_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"gatehouse/internal/testkit"
	"gatehouse/models"
	"gatehouse/models/fault"
	"gatehouse/models/store"
)

// insertOneOfEach fills every configuration table.
func insertOneOfEach(ctx context.Context) func(tx *store.Store) error {
	return func(tx *store.Store) error {
		return errors.Join(
			tx.InsertBudget(ctx, &models.Budget{ID: "b"}),
			tx.InsertOrganization(ctx, &models.Organization{ID: "o", BudgetID: "b"}),
			tx.InsertTeam(ctx, &models.Team{ID: "t"}),
			tx.InsertUser(ctx, &models.User{ID: "u"}),
			tx.InsertMembership(ctx, &models.Membership{TeamID: "t", UserID: "u", Role: models.TeamAdmin}),
			tx.InsertOrgMembership(ctx, &models.OrgMembership{OrgID: "o", UserID: "u", Role: models.RoleOrgAdmin}),
			tx.InsertCustomer(ctx, &models.Customer{ID: "c"}),
			tx.InsertDeployment(ctx, &models.DeploymentRow{ID: "d", ModelName: "gpt"}),
			tx.InsertAccessGroup(ctx, &models.AccessGroup{Name: "g", Models: models.Strings{"gpt"}}),
			tx.PutSetting(ctx, &models.Setting{Name: "s", Value: models.JSON(`1`)}),
			tx.InsertKey(ctx, testKey(1)),
			tx.RotateKey(ctx, store.Rotation{KeyID: "key-001", Hash: "hash-new", OldUntil: models.AtPtr(testkit.Epoch)}),
		)
	}
}

var oneOfEach = []string{
	"budget b", "organization o", "team t", "user u", "membership t/u", "org_membership o/u", "customer c", "deployment d",
	"access_group g", "setting s", "key key-001", "old_secret hash-001",
}

func TestEveryConfigTableIsInTheFeed(t *testing.T) {
	on(t, func(t *testing.T, s *store.Store, _ *testkit.Clock) {
		ctx := t.Context()
		seq := change(t, s, insertOneOfEach(ctx))
		if seq == 0 {
			t.Fatal("a change of every table took no sequence number")
		}
		all, at := changes(t, s, 0)
		same(t, "sequence of the read", at, seq)
		if !slices.Equal(all.events, oneOfEach) {
			t.Errorf("got %q", all.events)
		}
		again, at := changes(t, s, seq)
		same(t, "sequence without news", at, seq)
		same(t, "rows without news", len(again.events), 0)

		gone := change(t, s, func(tx *store.Store) error {
			_, keys := tx.DeleteKeys(ctx, []string{"key-001"}, "me")
			_, users := tx.DeleteUsers(ctx, []string{"u"})
			_, teams := tx.DeleteTeams(ctx, []string{"t"})
			_, orgs := tx.DeleteOrganizations(ctx, []string{"o"})
			_, customers := tx.DeleteCustomers(ctx, []string{"c"})
			return errors.Join(keys, users, teams, orgs, customers, tx.DeleteBudget(ctx, "b"), tx.DeleteDeployment(ctx, "d"),
				tx.DeleteAccessGroup(ctx, "g"), tx.DeleteSetting(ctx, "s"))
		})
		news, at := changes(t, s, seq)
		same(t, "sequence after the deletions", at, gone)
		slices.Sort(news.events)
		want := []string{
			"deleted access_groups g", "deleted budgets b", "deleted customers c", "deleted deployments d", "deleted keys key-001",
			"deleted memberships t\x1fu", "deleted old_secrets hash-001", "deleted org_memberships o\x1fu", "deleted organizations o",
			"deleted settings s", "deleted teams t", "deleted users u",
		}
		if !slices.Equal(news.events, want) {
			t.Errorf("got %q", news.events)
		}
		empty, _ := changes(t, s, 0)
		same(t, "rows of a first read, which needs no tombstones", len(empty.events), 0)
	})
}

func TestCascadedDeletionsLeaveTombstones(t *testing.T) {
	on(t, func(t *testing.T, s *store.Store, _ *testkit.Clock) {
		ctx := t.Context()
		seq := change(t, s, insertOneOfEach(ctx))
		_, err := s.DeleteTeams(ctx, []string{"t"})
		must(t, err)
		news, _ := changes(t, s, seq)
		if !slices.Contains(news.events, "deleted memberships t\x1fu") {
			t.Errorf("got %q", news.events)
		}
	})
}

func TestARowThatCameBackIsSentAfterItsTombstone(t *testing.T) {
	on(t, func(t *testing.T, s *store.Store, _ *testkit.Clock) {
		ctx := t.Context()
		seq := change(t, s, insertOneOfEach(ctx))
		change(t, s, func(tx *store.Store) error {
			return errors.Join(tx.DeleteMembership(ctx, "t", "u"),
				tx.InsertMembership(ctx, &models.Membership{TeamID: "t", UserID: "u", Role: models.TeamMember}))
		})
		news, _ := changes(t, s, seq)
		want := []string{"deleted memberships t\x1fu", "membership t/u"}
		if !slices.Equal(news.events, want) {
			t.Errorf("got %q, want %q", news.events, want)
		}
	})
}

func TestWhatIsNotConfigurationDoesNotMoveTheFeed(t *testing.T) {
	on(t, func(t *testing.T, s *store.Store, clock *testkit.Clock) {
		ctx := t.Context()
		before := change(t, s, insertOneOfEach(ctx))
		now := models.At(clock.Now())
		seq := change(t, s, func(tx *store.Store) error {
			_, _, spent := tx.SetSpent(ctx, models.ScopeKey("key-001"), 5)
			return errors.Join(spent,
				tx.InsertSession(ctx, &models.Session{Hash: "h", UserID: "u", CreatedAt: now, LastSeenAt: now, IdleEnds: now, ExpiresAt: now}),
				tx.InsertInvitation(ctx, &models.Invitation{Hash: "h", UserID: "u", ExpiresAt: now}),
				tx.AppendAudit(ctx, &models.AuditRow{Action: "login"}),
				tx.WriteSpend(ctx, []models.Spend{{Row: models.SpendRow{ID: "1"}}}))
		})
		same(t, "sequence of a change without configuration", seq, 0)
		_, at := changes(t, s, before)
		same(t, "sequence", at, before)
		must(t, s.EnsureCustomers(ctx, []string{"c"}, nil))
		_, at = changes(t, s, before)
		same(t, "sequence after a customer who was there already", at, before)
	})
}

func TestAFailedChangeLeavesNothing(t *testing.T) {
	on(t, func(t *testing.T, s *store.Store, _ *testkit.Clock) {
		ctx := t.Context()
		boom := errors.New("boom")
		seq, err := s.Change(ctx, func(tx *store.Store) error {
			if err := tx.InsertKey(ctx, testKey(1)); err != nil {
				return err
			}
			if _, err := tx.Change(ctx, func(inner *store.Store) error { return inner.InsertKey(ctx, testKey(2)) }); err != nil {
				return err
			}
			return boom
		})
		if !errors.Is(err, boom) || seq != 0 {
			t.Fatalf("got %d, %v", seq, err)
		}
		all, at := changes(t, s, 0)
		same(t, "rows", len(all.events), 0)
		same(t, "sequence", at, 0)
		_, err = s.Key(ctx, "key-001")
		refused(t, err, fault.NotFound, "")
	})
}

func TestConcurrentChangesNeverSkipASequence(t *testing.T) {
	on(t, func(t *testing.T, s *store.Store, _ *testkit.Clock) {
		ctx, stop := context.WithCancel(t.Context())
		const writers, each = 8, 6
		var seen sync.Map // key id -> true, as a follower of the feed learns it
		followed := make(chan error, 1)
		go func() { // reads as the loader does, while the writers commit
			var since int64
			for ctx.Err() == nil {
				r := new(recorder)
				seq, err := s.Changes(ctx, since, r)
				if err != nil {
					followed <- err
					return
				}
				for id := range r.keys {
					seen.Store(id, true)
				}
				since = seq
				count := 0
				seen.Range(func(any, any) bool { count++; return true })
				if count == writers*each {
					followed <- nil
					return
				}
				if err := s.Watch(ctx, since); err != nil {
					followed <- err
					return
				}
			}
			followed <- ctx.Err()
		}()
		var wait sync.WaitGroup
		seqs := make(chan int64, writers*each)
		for w := range writers {
			wait.Go(func() {
				for i := range each {
					seq, err := s.Change(ctx, func(tx *store.Store) error { return tx.InsertKey(ctx, testKey(w*each+i)) })
					if err != nil {
						t.Error(err)
					}
					seqs <- seq
				}
			})
		}
		wait.Wait()
		close(seqs)
		distinct := map[int64]bool{}
		for seq := range seqs {
			distinct[seq] = true
		}
		same(t, "distinct sequence numbers", len(distinct), writers*each)
		select {
		case err := <-followed:
			must(t, err)
		case <-time.After(patience):
			t.Error("the follower missed a change")
		}
		stop()
	})
}

func TestWatch(t *testing.T) {
	long := func(o *store.Options) { o.PollEvery = time.Hour }
	t.Run("a commit of this process wakes it", func(t *testing.T) {
		on(t, func(t *testing.T, s *store.Store, _ *testkit.Clock) {
			woken := make(chan error, 1)
			go func() { woken <- s.Watch(t.Context(), 0) }()
			must(t, s.InsertTeam(t.Context(), &models.Team{ID: "t"}))
			select {
			case err := <-woken:
				must(t, err)
			case <-time.After(patience):
				t.Fatal("not woken")
			}
		}, long)
	})
	t.Run("old news wakes it at once", func(t *testing.T) {
		on(t, func(t *testing.T, s *store.Store, _ *testkit.Clock) {
			seq := change(t, s, func(tx *store.Store) error { return tx.InsertTeam(t.Context(), &models.Team{ID: "t"}) })
			must(t, s.Watch(t.Context(), seq-1))
		}, long)
	})
	t.Run("its context ends it", func(t *testing.T) {
		on(t, func(t *testing.T, s *store.Store, _ *testkit.Clock) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if err := s.Watch(ctx, 0); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
		}, long)
	})
	t.Run("without news the poll ends it", func(t *testing.T) {
		on(t, func(t *testing.T, s *store.Store, _ *testkit.Clock) {
			must(t, s.Watch(t.Context(), 0))
		}, func(o *store.Options) { o.PollEvery = time.Millisecond })
	})
}

// A database that was restored from a backup knows less than the process.
func TestARewoundDatabaseIsReported(t *testing.T) {
	on(t, func(t *testing.T, s *store.Store, _ *testkit.Clock) {
		seq := change(t, s, insertOneOfEach(t.Context()))
		r, at := changes(t, s, seq+10)
		same(t, "sequence", at, seq)
		same(t, "rows", len(r.events), 0)
	})
}
