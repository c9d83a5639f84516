package keyring_test

import (
	"slices"
	"testing"
	"time"

	"gatehouse/internal/testkit"
	"gatehouse/models"
	"gatehouse/proxy/keyring"
)

func TestLookup(t *testing.T) {
	t.Parallel()
	clock := testkit.NewClock()
	src := newFake()
	src.key(key("a", "sk-a"))
	src.key(key("b", "sk-b"))
	r := ring(t, src, clock)

	t.Run("unknown secret", func(t *testing.T) {
		if g := lookup(r, "sk-nobody", clock.Now()); g != nil {
			t.Errorf("found %s", g.ID())
		}
	})
	t.Run("the hash is no secret", func(t *testing.T) {
		if g := lookup(r, hexSum("sk-a"), clock.Now()); g != nil {
			t.Errorf("found %s", g.ID())
		}
	})
	t.Run("known secret", func(t *testing.T) {
		g := lookup(r, "sk-b", clock.Now())
		if g == nil || g.ID() != "b" || g.Scope() != models.ScopeKey("b") || g.Name() != "sk-...b" || g.Alias() != "" {
			t.Fatalf("got %+v", g)
		}
		if g.HashHex() != hexSum("sk-b") {
			t.Errorf("hash %s", g.HashHex())
		}
		if r.Snapshot().Grant("b") != g {
			t.Error("the id finds another grant than the secret")
		}
	})
	t.Run("deleted", func(t *testing.T) {
		before := r.Snapshot()
		src.drop("keys", "b")
		load(t, r)
		if lookup(r, "sk-b", clock.Now()) != nil || r.Snapshot().Grant("b") != nil || r.Snapshot().Keys() != 1 {
			t.Error("a deleted key is still found")
		}
		h := sum("sk-b")
		if before.Lookup(&h, clock.Now().UnixMicro()) == nil {
			t.Error("a snapshot changed after it was taken")
		}
	})
}

func TestRotation(t *testing.T) {
	t.Parallel()
	clock := testkit.NewClock()
	src := newFake()
	src.key(key("a", "sk-old"))
	r := ring(t, src, clock)

	end := clock.Now().Add(time.Hour)
	src.put("old_secrets", hexSum("sk-old"), func(s models.ChangeSink, seq int64) {
		s.OldSecret(&models.OldSecret{Hash: hexSum("sk-old"), KeyID: "a", ExpiresAt: models.At(end), Seq: seq})
	})
	src.key(key("a", "sk-new"))
	load(t, r)

	if g := lookup(r, "sk-new", clock.Now()); g == nil || g.ID() != "a" {
		t.Error("the new secret does not open")
	}
	if g := lookup(r, "sk-old", end.Add(-time.Microsecond)); g == nil || g.ID() != "a" {
		t.Error("the old secret is refused within its grace")
	}
	if lookup(r, "sk-old", end) != nil {
		t.Error("the old secret opens after its grace")
	}
	src.drop("old_secrets", hexSum("sk-old"))
	load(t, r)
	if lookup(r, "sk-old", clock.Now()) != nil {
		t.Error("a withdrawn old secret opens")
	}
	// Without a grace row the old hash dies with the rotation itself.
	src.key(key("a", "sk-third"))
	load(t, r)
	if lookup(r, "sk-new", clock.Now()) != nil {
		t.Error("a rotated secret without grace opens")
	}
	if got := ids(r); !slices.Equal(got, []string{"a"}) {
		t.Errorf("keys %q", got)
	}
}

// An older read must never bring back what a newer one took away.
func TestOlderReadsAreNotInstalled(t *testing.T) {
	t.Parallel()
	clock := testkit.NewClock()

	t.Run("a row with an old stamp", func(t *testing.T) {
		t.Parallel()
		src := newFake()
		src.key(key("a", "sk-a"))
		r := ring(t, src, clock)
		blocked := key("a", "sk-a")
		blocked.Blocked = ptr(true)
		src.key(blocked)
		load(t, r)
		src.put("teams", "t", func(s models.ChangeSink, _ int64) {
			stale := key("a", "sk-a")
			stale.Seq = 1
			s.Key(&stale)
			gone := key("z", "sk-z")
			gone.Seq = 2
			s.Key(&gone)
		})
		load(t, r)
		if g := lookup(r, "sk-a", clock.Now()); g == nil || !g.Blocked {
			t.Error("an old row unblocked a key")
		}
		if lookup(r, "sk-z", clock.Now()) != nil {
			t.Error("an old row made a key")
		}
	})
	t.Run("a database that lags behind", func(t *testing.T) {
		t.Parallel()
		src := newFake()
		src.key(key("a", "sk-a"))
		r := ring(t, src, clock)
		src.drop("keys", "a")
		load(t, r)
		src.answer = func(int64) int64 { return 1 }
		if err := r.Load(t.Context()); err == nil {
			t.Error("a read behind the snapshot was taken for good")
		}
		if lookup(r, "sk-a", clock.Now()) != nil || r.Snapshot().Seq() != 2 {
			t.Error("the deleted key is back")
		}
	})
	t.Run("a read that broke off", func(t *testing.T) {
		t.Parallel()
		src := newFake()
		src.key(key("a", "sk-a"))
		r := ring(t, src, clock)
		src.key(key("b", "sk-b"))
		src.fail(errTest)
		if err := r.Load(t.Context()); err == nil {
			t.Fatal("no error")
		}
		if lookup(r, "sk-b", clock.Now()) != nil || r.Snapshot().Seq() != 1 {
			t.Error("half a read was published")
		}
		src.fail(nil)
		load(t, r)
		if lookup(r, "sk-b", clock.Now()) == nil {
			t.Error("the next read does not make up for it")
		}
	})
	t.Run("a changed row that cannot be read ends the old rights", func(t *testing.T) {
		t.Parallel()
		src := newFake()
		src.key(key("a", "sk-a"))
		r := ring(t, src, clock)
		src.key(models.Key{ID: "a", Hash: "nonsense"})
		load(t, r)
		if lookup(r, "sk-a", clock.Now()) != nil {
			t.Error("the key still opens")
		}
	})
}

func TestGrantFields(t *testing.T) {
	t.Parallel()
	clock := testkit.NewClock()
	src := newFake()
	k := key("a", "sk-a")
	k.Alias, k.TeamID, k.UserID, k.OrgID = ptr("ci-bot"), ptr("t"), ptr("u"), ptr("o")
	k.Models, k.Aliases = models.Strings{"gpt-4", "openai/*"}, models.StringMap{"x": "gpt-4"}
	k.AllowedRoutes, k.AllowedCacheControls, k.EnforcedParams = models.Strings{"/r"}, models.Strings{"no-cache"}, models.Strings{"user"}
	k.ExpiresAt = models.AtPtr(clock.Now().Add(time.Hour))
	k.Metadata = models.JSON(`{"tags":["prod","eu"],"budget_mode":"exact","disable_fallbacks":true,"app":{"x":1}}`)
	src.key(k)
	odd := key("b", "sk-b")
	odd.Name = ""
	odd.Metadata = models.JSON(`{"tags":"not a list","budget_mode":7}`)
	src.key(odd)
	r := ring(t, src, clock)

	g := r.Snapshot().Grant("a")
	if g.Alias() != "ci-bot" || g.TeamID != "t" || g.UserID != "u" || g.OrgID != "o" || g.Label() != "sk-...a" {
		t.Errorf("identity: %+v", g)
	}
	if !g.Models.Names("gpt-4") || g.Models.Names("gpt-5") || !slices.Equal(g.Models.Globs(), []string{"openai/*"}) {
		t.Errorf("models: %+v", g.Models)
	}
	if g.Aliases()["x"] != "gpt-4" || !slices.Equal(g.Tags(), []string{"prod", "eu"}) || g.BudgetMode() != "exact" || !g.DisableFallbacks() {
		t.Errorf("metadata: %q %q", g.Tags(), g.BudgetMode())
	}
	if !slices.Equal(g.AllowedRoutes(), []string{"/r"}) || !slices.Equal(g.CacheControls(), []string{"no-cache"}) || !slices.Equal(g.EnforcedParams(), []string{"user"}) {
		t.Error("lists are lost")
	}
	now := clock.Now().UnixMicro()
	if g.Expired(now) || !g.Expired(now+int64(time.Hour/time.Microsecond)) {
		t.Error("expiry is not exact")
	}
	b := r.Snapshot().Grant("b")
	if b.Tags() != nil || b.BudgetMode() != "" {
		t.Error("odd metadata was believed")
	}
	if want := "…" + hexSum("sk-b")[60:]; b.Label() != want {
		t.Errorf("label %q, want %q", b.Label(), want)
	}
	session := keyring.Grant{TeamID: models.UISessionTeam}
	if !session.Personal() {
		t.Error("a portal session is not personal")
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	clock := testkit.NewClock()
	src := newFake()
	until := clock.Now().Add(time.Hour)
	src.put("budgets", "row", func(s models.ChangeSink, seq int64) {
		s.Budget(&models.Budget{ID: "row", Seq: seq, ResetAt: models.AtPtr(until), Limits: models.Limits{
			MaxBudget: ptr(10 * models.USD), BudgetDuration: ptr("30d"), RPMLimit: ptr(int64(5)), TPMLimit: ptr(int64(500)),
		}})
	})
	bound := key("bound", "sk-1")
	bound.BudgetID, bound.RPMLimit = ptr("row"), ptr(int64(0))
	src.key(bound)
	own := key("own", "sk-2")
	own.BudgetID, own.MaxBudget, own.BudgetDuration = ptr("row"), ptr(models.USD), ptr("1d")
	own.TempBudgetIncrease, own.TempBudgetExpiresAt = ptr(2*models.USD), models.AtPtr(until)
	src.key(own)
	raised := key("raised", "sk-3")
	raised.TempBudgetIncrease, raised.TempBudgetExpiresAt = ptr(2*models.USD), models.AtPtr(until)
	src.key(raised)
	src.put("teams", "t", func(s models.ChangeSink, seq int64) {
		s.Team(&models.Team{ID: "t", Seq: seq, MemberBudget: ptr(3 * models.USD), MemberRPMLimit: ptr(int64(7))})
	})
	src.put("memberships", "t/u", func(s models.ChangeSink, seq int64) {
		s.Membership(&models.Membership{TeamID: "t", UserID: "u", BudgetID: ptr("row"), Seq: seq})
	})
	src.put("customers", "c", func(s models.ChangeSink, seq int64) { s.Customer(&models.Customer{ID: "c", Seq: seq}) })
	r := ring(t, src, clock)
	s, now := r.Snapshot(), clock.Now().UnixMicro()
	none := keyring.Cap{}
	usd := func(n int64) keyring.Cap { return keyring.Cap{N: n * int64(models.USD), Set: true} }

	for _, tc := range []struct {
		name     string
		got      keyring.Limits
		max, rpm keyring.Cap
		duration string
		resetAt  int64
	}{
		{"explicit fields beat the row", s.KeyLimits(s.Grant("own"), until.UnixMicro()), usd(1), keyring.Cap{N: 5, Set: true}, "1d", 0},
		{"a raise lasts until its end", s.KeyLimits(s.Grant("own"), now), usd(3), keyring.Cap{N: 5, Set: true}, "1d", 0},
		{"a raise of no budget is none", s.KeyLimits(s.Grant("raised"), now), none, none, "", 0},
		{"an explicit zero is a limit", s.KeyLimits(s.Grant("bound"), now), usd(10), keyring.Cap{N: 0, Set: true}, "30d", until.UnixMicro()},
		{"member's own row, then the team's default", s.MemberLimits(s.Team("t"), s.Member("t", "u")), usd(10), keyring.Cap{N: 5, Set: true}, "30d", until.UnixMicro()},
		{"team's default for a stranger", s.MemberLimits(s.Team("t"), s.Member("t", "x")), usd(3), keyring.Cap{N: 7, Set: true}, "", 0},
		{"end user without a figure", s.CustomerLimits(s.Customer("c"), "row"), usd(10), keyring.Cap{N: 5, Set: true}, "30d", until.UnixMicro()},
		{"unknown end user", s.CustomerLimits(nil, ""), none, none, "", 0},
	} {
		if tc.got.MaxBudget != tc.max || tc.got.RPM != tc.rpm || tc.got.Duration != tc.duration || tc.got.ResetAt != tc.resetAt {
			t.Errorf("%s: %+v", tc.name, tc.got)
		}
	}

	// A row that many keys share takes effect for all of them without touching one.
	src.put("budgets", "row", func(s models.ChangeSink, seq int64) {
		s.Budget(&models.Budget{ID: "row", Seq: seq, Limits: models.Limits{MaxBudget: ptr(4 * models.USD)}})
	})
	load(t, r)
	s = r.Snapshot()
	if l := s.KeyLimits(s.Grant("bound"), now); l.MaxBudget != usd(4) {
		t.Errorf("the key still has %+v", l.MaxBudget)
	}
}

func TestRowsComeAndGo(t *testing.T) {
	t.Parallel()
	clock := testkit.NewClock()
	src := newFake()
	send := map[string]func(models.ChangeSink, int64){
		"teams": func(s models.ChangeSink, seq int64) {
			s.Team(&models.Team{ID: "x", OrgID: ptr("x"), Blocked: true, ModelAliases: models.StringMap{"a": "b"}, Seq: seq})
		},
		"users": func(s models.ChangeSink, seq int64) { s.User(&models.User{ID: "x", Role: models.RoleAdmin, Seq: seq}) },
		"memberships": func(s models.ChangeSink, seq int64) {
			s.Membership(&models.Membership{TeamID: "x", UserID: "y", Seq: seq})
		},
		"organizations": func(s models.ChangeSink, seq int64) {
			s.Organization(&models.Organization{ID: "x", Models: models.Strings{"m"}, Seq: seq})
		},
		"customers": func(s models.ChangeSink, seq int64) { s.Customer(&models.Customer{ID: "x", Blocked: true, Seq: seq}) },
		"access_groups": func(s models.ChangeSink, seq int64) {
			s.AccessGroup(&models.AccessGroup{Name: "x", Models: models.Strings{"m"}, Seq: seq})
		},
		"settings": func(s models.ChangeSink, seq int64) {
			s.Setting(&models.Setting{Name: "x", Value: models.JSON(`1`), Seq: seq})
		},
		"deployments": func(s models.ChangeSink, seq int64) {
			s.Deployment(&models.DeploymentRow{ID: "x", ModelName: "m", Params: models.JSON(`{"Provider":"openai","Model":"gpt"}`), Seq: seq})
		},
	}
	have := func(s *keyring.Snapshot) map[string]bool {
		return map[string]bool{
			"teams": s.Team("x") != nil && s.Team("x").Blocked && s.Team("x").Aliases["a"] == "b",
			"users": s.User("x") != nil, "memberships": s.Member("x", "y") != nil, "organizations": s.Org("x") != nil,
			"customers": s.Customer("x") != nil, "access_groups": s.Catalog().GroupAdmits("x", "m"), "settings": string(s.Setting("x")) == "1",
			"deployments": s.Catalog().ByID("x") != nil,
		}
	}
	r := ring(t, src, clock)
	for table, fn := range send {
		src.put(table, "", fn)
	}
	load(t, r)
	full := r.Snapshot()
	for table, ok := range have(full) {
		if !ok {
			t.Errorf("%s: the row is missing", table)
		}
	}
	for table := range send {
		id := "x"
		if table == "memberships" {
			id = "x" + models.IDSep + "y"
		}
		src.drop(table, id)
	}
	load(t, r)
	for table, ok := range have(r.Snapshot()) {
		if ok {
			t.Errorf("%s: the deleted row is still there", table)
		}
	}
	for table, ok := range have(full) {
		if !ok {
			t.Errorf("%s: an older snapshot lost its row", table)
		}
	}
}

func TestLookupAllocatesNothing(t *testing.T) {
	src := newFake()
	for _, id := range []string{"a", "b", "c"} {
		k := key(id, "sk-"+id)
		k.TeamID, k.UserID = ptr("t"), ptr("u")
		src.key(k)
	}
	src.put("teams", "t", func(s models.ChangeSink, seq int64) { s.Team(&models.Team{ID: "t", Seq: seq}) })
	r := ring(t, src, testkit.NewClock())
	h, miss := sum("sk-b"), sum("sk-none")
	if n := testing.AllocsPerRun(100, func() {
		s := r.Snapshot()
		g := s.Lookup(&h, 1)
		if g == nil || s.Lookup(&miss, 1) != nil || s.Team(g.TeamID) == nil || s.Member(g.TeamID, g.UserID) != nil || g.Scope() == g.Alias() {
			panic("lookup")
		}
		_ = s.KeyLimits(g, 1)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
