package store_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"gatehouse/internal/testkit"
	"gatehouse/models"
	"gatehouse/models/fault"
	"gatehouse/models/store"
)

func fullKey(clock *testkit.Clock) *models.Key {
	return &models.Key{
		ID: "id", Hash: "hash", Name: "sk-...abcd", Alias: ptr("a"), UserID: ptr("u"), TeamID: ptr("t"), OrgID: ptr("o"),
		Models: models.Strings{"gpt-4", "é"}, Aliases: models.StringMap{"a": "b"}, AllowedRoutes: models.Strings{"/x"},
		AccessGroupIDs: models.Strings{"g"}, Blocked: ptr(false), BlockedReason: "why", ExpiresAt: models.AtPtr(clock.Now()),
		Limits: models.Limits{
			MaxBudget: ptr(models.Nano(0)), SoftBudget: ptr(models.USD), BudgetDuration: ptr("30d"), TPMLimit: ptr(int64(1)), RPMLimit: ptr(int64(0)),
			MaxParallel: ptr(int64(3)), ModelMaxBudget: models.ModelBudgets{"m": {Limit: 5, Duration: "1d"}},
			ModelRPMLimit: models.IntMap{"m": 1}, ModelTPMLimit: models.IntMap{"m": 2},
		},
		BudgetID: ptr("b"), TempBudgetIncrease: ptr(models.Nano(7)), TempBudgetExpiresAt: models.AtPtr(clock.Now()),
		RPMLimitType: ptr("x"), TPMLimitType: ptr("y"), AllowedCacheControls: models.Strings{"no-cache"}, EnforcedParams: models.Strings{"user"},
		Metadata: models.JSON(`{"n":1.50,"z":null}`), Permissions: models.JSON(`{"p":true}`), Config: models.JSON(`{"c":1}`), Extra: models.JSON(`{"e":[]}`),
		AutoRotate: true, RotationInterval: ptr("30d"),
		Audit: models.Audit{CreatedAt: models.At(clock.Now()), CreatedBy: "me", UpdatedAt: models.At(clock.Now()), UpdatedBy: "you"},
	}
}

func TestAKeyComesBackAsItWasWritten(t *testing.T) {
	on(t, func(t *testing.T, s *store.Store, clock *testkit.Clock) {
		ctx := t.Context()
		must(t, s.InsertBudget(ctx, &models.Budget{ID: "b"}))
		want := fullKey(clock)
		must(t, s.InsertKey(ctx, want))
		have := got(s.Key(ctx, "id"))(t)
		if have.Seq == 0 {
			t.Error("no stamp")
		}
		fed, _ := changes(t, s, 0)
		if sent := fed.keys["id"]; !reflect.DeepEqual(&sent, have) {
			t.Errorf("the feed sent\n     %+v\nwant %+v", sent, *have)
		}
		have.Seq = 0
		if !reflect.DeepEqual(have, want) {
			t.Errorf("got  %+v\nwant %+v", have, want)
		}
		for _, key := range []*models.Key{got(s.KeyByHash(ctx, "hash"))(t), got(s.KeyByAlias(ctx, "a"))(t)} {
			same(t, "id", key.ID, "id")
		}
		bare := &models.Key{ID: "bare", Hash: "other"}
		must(t, s.InsertKey(ctx, bare))
		have = got(s.Key(ctx, "bare"))(t)
		if have.MaxBudget != nil || have.Blocked != nil || have.ExpiresAt != nil || have.ModelRPMLimit != nil || len(have.Models) != 0 {
			t.Errorf("what was not set came back set: %+v", have)
		}

		want.Models, want.MaxBudget, want.Blocked, want.CreatedBy = nil, nil, ptr(true), "somebody else"
		must(t, s.UpdateKey(ctx, want))
		have = got(s.Key(ctx, "id"))(t)
		if len(have.Models) != 0 || have.MaxBudget != nil || !*have.Blocked || have.CreatedBy != "me" {
			t.Errorf("got %+v", have)
		}
		must(t, s.SetKey(ctx, "id", map[string]any{"blocked": false, "models": models.Strings{"m"}, "max_budget": models.USD, "expires_at": nil}))
		have = got(s.Key(ctx, "id"))(t)
		if len(have.Models) != 1 || *have.MaxBudget != models.USD || *have.Blocked || have.ExpiresAt != nil {
			t.Errorf("got %+v", have)
		}
	})
}

func TestAbsentRowsAreNotFound(t *testing.T) {
	on(t, func(t *testing.T, s *store.Store, _ *testkit.Clock) {
		ctx := t.Context()
		drop := func(_ any, err error) error { return err }
		for name, err := range map[string]error{
			"key":                   drop(s.Key(ctx, "x")),
			"key by hash":           drop(s.KeyByHash(ctx, "x")),
			"key by alias":          drop(s.KeyByAlias(ctx, "x")),
			"key update":            s.UpdateKey(ctx, testKey(1)),
			"key columns":           s.SetKey(ctx, "x", map[string]any{"alias": "y"}),
			"key rotation":          s.RotateKey(ctx, store.Rotation{KeyID: "x", Hash: "h"}),
			"user":                  drop(s.User(ctx, "x")),
			"user by mail":          drop(s.UserByEmail(ctx, "x")),
			"user by identity":      drop(s.UserBySSO(ctx, "x", "y")),
			"user update":           s.UpdateUser(ctx, &models.User{ID: "x"}),
			"user columns":          s.SetUser(ctx, "x", map[string]any{"alias": "y"}),
			"team":                  drop(s.Team(ctx, "x")),
			"team update":           s.UpdateTeam(ctx, &models.Team{ID: "x"}),
			"team columns":          s.SetTeam(ctx, "x", map[string]any{"alias": "y"}),
			"membership":            drop(s.Membership(ctx, "x", "y")),
			"membership update":     s.UpdateMembership(ctx, &models.Membership{TeamID: "x"}),
			"membership deletion":   s.DeleteMembership(ctx, "x", "y"),
			"organization":          drop(s.Organization(ctx, "x")),
			"organization update":   s.UpdateOrganization(ctx, &models.Organization{ID: "x"}),
			"org membership":        drop(s.OrgMembership(ctx, "x", "y")),
			"org membership update": s.UpdateOrgMembership(ctx, &models.OrgMembership{OrgID: "x"}),
			"org membership end":    s.DeleteOrgMembership(ctx, "x", "y"),
			"budget":                drop(s.Budget(ctx, "x")),
			"budget update":         s.UpdateBudget(ctx, &models.Budget{ID: "x"}),
			"budget deletion":       s.DeleteBudget(ctx, "x"),
			"customer":              drop(s.Customer(ctx, "x")),
			"customer update":       s.UpdateCustomer(ctx, &models.Customer{ID: "x"}),
			"invitation":            drop(s.Invitation(ctx, "x")),
			"invitation update":     s.UpdateInvitation(ctx, &models.Invitation{Hash: "x"}),
			"invitation deletion":   s.DeleteInvitation(ctx, "x"),
			"session":               drop(s.Session(ctx, "x")),
			"session message":       s.SetFlash(ctx, "x", "y"),
			"model":                 drop(s.Deployment(ctx, "x")),
			"model update":          s.UpdateDeployment(ctx, &models.DeploymentRow{ID: "x"}),
			"model secrets":         s.SetSealed(ctx, "x", "y"),
			"model deletion":        s.DeleteDeployment(ctx, "x"),
			"access group":          drop(s.AccessGroup(ctx, "x")),
			"access group update":   s.UpdateAccessGroup(ctx, &models.AccessGroup{Name: "x"}),
			"access group deletion": s.DeleteAccessGroup(ctx, "x"),
			"setting":               drop(s.Setting(ctx, "x")),
		} {
			if !fault.Is(err, fault.NotFound) {
				t.Errorf("%s: got %v", name, err)
			}
		}
	})
}

func TestWhatMustBeUniqueIs(t *testing.T) {
	on(t, func(t *testing.T, s *store.Store, _ *testkit.Clock) {
		ctx := t.Context()
		change(t, s, insertOneOfEach(ctx))
		must(t, s.InsertKey(ctx, &models.Key{ID: "k", Hash: "h", Alias: ptr("taken")}))
		must(t, s.InsertUser(ctx, &models.User{ID: "who", Email: ptr("Ana@Example.org"), SSOIssuer: "i", SSOUserID: ptr("s")}))
		for name, tc := range map[string]struct {
			err   error
			param string
		}{
			"alias":                  {s.InsertKey(ctx, &models.Key{ID: "k2", Hash: "h2", Alias: ptr("taken")}), "key_alias"},
			"alias by update":        {s.SetKey(ctx, "key-001", map[string]any{"alias": "taken"}), "key_alias"},
			"secret":                 {s.InsertKey(ctx, &models.Key{ID: "k2", Hash: "h"}), "key"},
			"secret in grace":        {s.InsertKey(ctx, &models.Key{ID: "k2", Hash: "hash-001"}), "key"},
			"secret by rotation":     {s.RotateKey(ctx, store.Rotation{KeyID: "k", Hash: "hash-new"}), "key"},
			"old secret by rotation": {s.RotateKey(ctx, store.Rotation{KeyID: "k", Hash: "hash-001"}), "key"},
			"key id":                 {s.InsertKey(ctx, &models.Key{ID: "k", Hash: "h2"}), "key_id"},
			"mail in another case":   {s.InsertUser(ctx, &models.User{ID: "new", Email: ptr("ANA@example.ORG")}), "user_email"},
			"mail by update":         {s.SetUser(ctx, "u", map[string]any{"email": "ana@example.org"}), "user_email"},
			"user id":                {s.InsertUser(ctx, &models.User{ID: "who"}), "user_id"},
			"identity":               {s.InsertUser(ctx, &models.User{ID: "new", SSOIssuer: "i", SSOUserID: ptr("s")}), "sso_user_id"},
			"team":                   {s.InsertTeam(ctx, &models.Team{ID: "t"}), "team_id"},
			"member":                 {s.InsertMembership(ctx, &models.Membership{TeamID: "t", UserID: "u", Role: models.TeamAdmin}), "user_id"},
			"organization":           {s.InsertOrganization(ctx, &models.Organization{ID: "o", BudgetID: "b"}), "organization_id"},
			"organization member":    {s.InsertOrgMembership(ctx, &models.OrgMembership{OrgID: "o", UserID: "u"}), "user_id"},
			"budget":                 {s.InsertBudget(ctx, &models.Budget{ID: "b"}), "budget_id"},
			"customer":               {s.InsertCustomer(ctx, &models.Customer{ID: "c"}), "user_id"},
			"model":                  {s.InsertDeployment(ctx, &models.DeploymentRow{ID: "d"}), "id"},
			"access group":           {s.InsertAccessGroup(ctx, &models.AccessGroup{Name: "g"}), "access_group"},
			"budget in use":          {s.DeleteBudget(ctx, "b"), "budget_id"},
		} {
			if f := fault.As(tc.err); f == nil || f.Kind != fault.Conflict || f.Param != tc.param {
				t.Errorf("%s: got %v (%+v), want a conflict about %s", name, tc.err, f, tc.param)
			}
		}
		for name, err := range map[string]error{
			"a key's budget":       s.InsertKey(ctx, &models.Key{ID: "k2", Hash: "h2", BudgetID: ptr("no")}),
			"a member's team":      s.InsertMembership(ctx, &models.Membership{TeamID: "no", UserID: "u"}),
			"an invitation's user": s.InsertInvitation(ctx, &models.Invitation{Hash: "i", UserID: "no"}),
		} {
			if !fault.Is(err, fault.Invalid) {
				t.Errorf("%s that does not exist: got %v", name, err)
			}
		}
		// Nothing of what was refused is there, and a deleted key gives its alias and its secret back.
		same(t, "keys", got(s.CountKeys(ctx, store.KeyFilter{Visible: everything}))(t), 2)
		same(t, "deleted", got(s.DeleteKeys(ctx, []string{"k", "unknown"}, "me"))(t), 1)
		must(t, s.InsertKey(ctx, &models.Key{ID: "again", Hash: "h", Alias: ptr("taken")}))
	})
}

func TestRotationAndTheArchive(t *testing.T) {
	on(t, func(t *testing.T, s *store.Store, clock *testkit.Clock) {
		ctx := t.Context()
		must(t, s.InsertBudget(ctx, &models.Budget{ID: "b"}))
		first := fullKey(clock)
		must(t, s.InsertKey(ctx, first))
		must(t, s.WriteSpend(ctx, []models.Spend{call("c", "id", "u", "t", 5, clock.Now())}))
		until := models.AtPtr(clock.Now().Add(time.Hour))
		must(t, s.RotateKey(ctx, store.Rotation{KeyID: "id", Hash: "second", Name: "sk-...2222", By: "me", OldUntil: until}))
		key := got(s.Key(ctx, "id"))(t)
		if key.Hash != "second" || key.Name != "sk-...2222" || *key.Alias != "a" || *key.MaxBudget != 0 {
			t.Errorf("got %+v", key)
		}
		same(t, "spend", counter(t, s, models.ScopeKey("id")).Spent, 5)
		old := got(s.OldSecrets(ctx, "id"))(t)
		if len(old) != 1 || old[0].Hash != "hash" || old[0].ExpiresAt != *until {
			t.Errorf("got %+v", old)
		}
		same(t, "purged early", got(s.PurgeOldSecrets(ctx))(t), 0)
		clock.Advance(time.Hour)
		same(t, "purged", got(s.PurgeOldSecrets(ctx))(t), 1)

		must(t, s.RotateKey(ctx, store.Rotation{KeyID: "id", Hash: "third", OldUntil: until}))
		must(t, s.RotateKey(ctx, store.Rotation{KeyID: "id", Hash: "fourth"}))
		same(t, "old secrets after a rotation without grace", len(got(s.OldSecrets(ctx, "id"))(t)), 0)

		same(t, "deleted", got(s.DeleteKeys(ctx, []string{"id"}, "me"))(t), 1)
		archived := got(s.ArchivedKeys(ctx, []string{"hash", "fourth"}))(t)
		same(t, "archived", len(archived), 2)
		for _, k := range archived {
			if k.Hash != "hash" {
				continue
			}
			k.Seq = 0
			if !reflect.DeepEqual(&k.Key, first) {
				t.Errorf("got  %+v\nwant %+v", k.Key, *first)
			}
		}
		gone, total, err := s.ListDeletedKeys(ctx, store.KeyFilter{Visible: everything}, store.Page{})
		must(t, err)
		if total != 1 || gone[0].Hash != "fourth" || gone[0].DeletedBy != "me" || gone[0].Total != 5 || gone[0].DeletedAt != models.At(clock.Now()) {
			t.Errorf("got %d: %+v", total, gone)
		}
		name := got(s.KeyNames(ctx, []string{"id", "no"}))(t)
		if len(name) != 1 || *name["id"].Alias != "a" || !name["id"].Deleted {
			t.Errorf("got %+v", name)
		}
	})
}

// Of two rotations at once, one wins and the other changes nothing.
func TestConcurrentRotations(t *testing.T) {
	on(t, func(t *testing.T, s *store.Store, _ *testkit.Clock) {
		ctx := t.Context()
		must(t, s.InsertKey(ctx, testKey(1)))
		var wait sync.WaitGroup
		var won atomic.Int64
		for i := range 8 {
			wait.Go(func() {
				err := s.RotateKey(ctx, store.Rotation{KeyID: "key-001", Hash: fmt.Sprintf("new-%d", i), OldUntil: models.AtPtr(testkit.Epoch)})
				if err == nil {
					won.Add(1)
				} else if !fault.Is(err, fault.NotFound) {
					t.Error(err)
				}
			})
		}
		wait.Wait()
		same(t, "old secrets", int64(len(got(s.OldSecrets(ctx, "key-001"))(t))), won.Load())
		if won.Load() == 0 {
			t.Error("nobody won")
		}
	})
}

func TestCounters(t *testing.T) {
	on(t, func(t *testing.T, s *store.Store, clock *testkit.Clock) {
		ctx := t.Context()
		must(t, s.InsertKey(ctx, testKey(1)))
		all := map[string]models.Counter{}
		each := func(c models.Counter) { all[c.Scope] = c }
		must(t, s.EachCounter(ctx, each))
		same(t, "a key has a counter from the start", all["key:key-001"], models.Counter{Scope: "key:key-001"})
		same(t, "one that is not there", counter(t, s, "team:no"), models.Counter{Scope: "team:no"})

		soon, later := models.At(clock.Now().Add(time.Minute)), models.At(clock.Now().Add(time.Hour))
		must(t, s.SetReset(ctx, "key:key-001", &later))
		must(t, s.SetReset(ctx, "team:t", &soon))
		must(t, s.SetReset(ctx, "user:u", nil))
		same(t, "due early", len(got(s.DueCounters(ctx, 10))(t)), 0)
		clock.Advance(time.Hour)
		due := got(s.DueCounters(ctx, 10))(t)
		if len(due) != 2 || due[0].Scope != "team:t" || *due[1].ResetsAt != later {
			t.Errorf("got %+v", due)
		}
		same(t, "as many as asked for", len(got(s.DueCounters(ctx, 1))(t)), 1)

		must(t, s.WriteSpend(ctx, []models.Spend{call("c", "key-001", "u", "t", 9, clock.Now())}))
		before, after, err := s.SetSpent(ctx, "key:key-001", 4)
		must(t, err)
		same(t, "before", before.Spent, 9)
		same(t, "after", after.Spent, 4)
		same(t, "stored", counter(t, s, "key:key-001").Spent, 4)
		same(t, "total", counter(t, s, "key:key-001").Total, 9)
		scopes := got(s.ResetSpendOf(ctx, "key", "team"))(t)
		same(t, "reset", fmt.Sprint(scopes), "[key:key-001 team:t]")
		same(t, "user's spend", counter(t, s, "user:u").Spent, 9)

		must(t, s.InsertTeam(ctx, &models.Team{ID: "t"}))
		must(t, s.SetReset(ctx, models.ScopeMember("t", "u"), &soon))
		must(t, s.SetReset(ctx, models.ScopeMember("t/u", "v"), &soon)) // another team, whose name begins alike
		same(t, "teams deleted", got(s.DeleteTeams(ctx, []string{"t"}))(t), 1)
		same(t, "a deleted team's counter", counter(t, s, "team:t"), models.Counter{Scope: "team:t"})
		if counter(t, s, models.ScopeMember("t", "u")).ResetsAt != nil || counter(t, s, models.ScopeMember("t/u", "v")).ResetsAt == nil {
			t.Error("the wrong members' counters went")
		}
	})
}

func TestCustomers(t *testing.T) {
	on(t, func(t *testing.T, s *store.Store, _ *testkit.Clock) {
		ctx := t.Context()
		must(t, s.InsertBudget(ctx, &models.Budget{ID: "free"}))
		must(t, s.EnsureCustomers(ctx, []string{"a", "b", "a"}, ptr("free")))
		must(t, s.EnsureCustomers(ctx, []string{"a"}, nil))
		same(t, "budget stays", *got(s.Customer(ctx, "a"))(t).BudgetID, "free")
		must(t, s.SetCustomersBlocked(ctx, []string{"b", "new"}, true, "me"))
		same(t, "blocked", got(s.Customer(ctx, "b"))(t).Blocked, true)
		same(t, "blocked before the first call", got(s.Customer(ctx, "new"))(t).Blocked, true)
		must(t, s.SetCustomersBlocked(ctx, []string{"b"}, false, "me"))
		same(t, "unblocked", got(s.Customer(ctx, "b"))(t).Blocked, false)
		rows, total, err := s.ListCustomers(ctx, "", store.Page{Size: 2})
		must(t, err)
		same(t, "customers", fmt.Sprint(len(rows), total), "2 3")
		same(t, "links", got(s.BudgetLinks(ctx, "free"))(t), 2)
		refused(t, s.DeleteBudget(ctx, "free"), fault.Conflict, "budget_id")
		same(t, "deleted", got(s.DeleteCustomers(ctx, []string{"a", "b"}))(t), 2)
		must(t, s.DeleteBudget(ctx, "free"))
	})
}

func TestExclusiveJobs(t *testing.T) {
	t.Parallel()
	dsn := testkit.Postgres(t, migrated)
	one, two := open(t, dsn, store.Options{}), open(t, dsn, store.Options{})
	ctx := t.Context()
	ran, err := one.Exclusive(ctx, "sweep", func(ctx context.Context, held func() error) error {
		ran, err := two.Exclusive(ctx, "sweep", func(context.Context, func() error) error { return errors.New("both at once") })
		same(t, "the second", ran, false)
		must(t, err)
		ran, err = two.Exclusive(ctx, "another", func(context.Context, func() error) error { return nil })
		same(t, "another job", ran, true)
		must(t, err)
		return held()
	})
	same(t, "the first", ran, true)
	must(t, err)
	boom := errors.New("boom")
	if ran, err = two.Exclusive(ctx, "sweep", func(context.Context, func() error) error { return boom }); !ran || !errors.Is(err, boom) {
		t.Errorf("got %v, %v", ran, err)
	}
	ran, err = one.Exclusive(ctx, "sweep", func(context.Context, func() error) error { return nil })
	same(t, "after a failure", ran, true)
	must(t, err)
}

func TestHostileTextsAreTexts(t *testing.T) {
	on(t, func(t *testing.T, s *store.Store, _ *testkit.Clock) {
		ctx := t.Context()
		for i, text := range hostile {
			err := s.InsertKey(ctx, &models.Key{ID: fmt.Sprint(i), Hash: fmt.Sprint(i), Alias: &text, BlockedReason: text})
			if (strings.Contains(text, "\x00") || !utf8.ValidString(text)) && fault.Is(err, fault.Invalid) {
				continue // PostgreSQL cannot hold these and says so
			}
			must(t, err)
			same(t, "key", got(s.KeyByAlias(ctx, text))(t).BlockedReason, text)
		}
	})
}
