package policy_test

import (
	"slices"
	"strings"
	"testing"

	"gatehouse/models"
	"gatehouse/proxy/keyring"
	"gatehouse/proxy/policy"
)

func TestModelAccess(t *testing.T) {
	t.Parallel()
	key := func(list ...string) models.Key { return models.Key{ID: "k", Models: list} }
	team := func(id string, list ...string) models.Key { k := key(list...); k.TeamID = &id; return k }
	user := func(k models.Key, id string) models.Key { k.UserID = &id; return k }
	groups := func(k models.Key, ids ...string) models.Key { k.AccessGroupIDs = ids; return k }
	alias := func(k models.Key, from, to string) models.Key { k.Aliases = models.StringMap{from: to}; return k }
	org := func(k models.Key, id string) models.Key { k.OrgID = &id; return k }

	for _, tc := range []struct {
		name   string
		key    models.Key
		model  string
		refuse string // wire type; empty: admitted
		served string // empty: the model itself
	}{
		{name: "other model", key: key("gpt-4"), model: "gpt-4o", refuse: "key_model_access_denied"},
		{name: "listed model", key: key("gpt-4", "gpt-4o"), model: "gpt-4o"},
		{name: "empty list restricts nothing", key: key(), model: "gpt-4o"},
		{name: "unknown model, unrestricted key", key: key(), model: "gpt-9", refuse: "invalid_request_error"},
		{name: "unknown model, restricted key, learns nothing", key: key("gpt-4"), model: "gpt-9", refuse: "key_model_access_denied"},
		{name: "unknown entry never means all", key: key("typo"), model: "gpt-4", refuse: "key_model_access_denied"},
		{name: "no-default-models on a key denies all", key: key("no-default-models"), model: "gpt-4", refuse: "key_model_access_denied"},
		{name: "special word as a model", key: key("no-default-models"), model: "no-default-models", refuse: "key_model_access_denied"},
		{name: "star", key: key("*"), model: "gpt-4o"},
		{name: "all-proxy-models", key: key("all-proxy-models"), model: "gpt-4o"},
		{name: "all-team-models without a team", key: key("all-team-models"), model: "gpt-4o"},
		{name: "a name that is no model is not widened by case", key: key("GPT-4"), model: "gpt-4", refuse: "key_model_access_denied"},

		{name: "access group", key: key("beta-models"), model: "gpt-4"},
		{name: "access group, other model", key: key("beta-models"), model: "gpt-4o", refuse: "key_model_access_denied"},
		{name: "group of the wildcard", key: key("default-models"), model: "openai/gpt-4"},
		{name: "group is read from the winning wildcard alone", key: key("default-models"), model: "openai/o1-mini", refuse: "key_model_access_denied"},
		{name: "the other group", key: key("restricted-models"), model: "openai/o1-mini"},
		{name: "literal wildcard admits what a narrower deployment serves", key: key("openai/*"), model: "openai/o1-mini"},
		{name: "wildcard entry is anchored", key: key("openai/gpt-4"), model: "openai/gpt-4o", refuse: "key_model_access_denied"},
		{name: "wildcard entry ends", key: key("openai/*-mini"), model: "openai/o1-mini-2", refuse: "key_model_access_denied"},
		{name: "name and group: as a name", key: key("both"), model: "both"},
		{name: "name and group: as a group", key: key("both"), model: "x"},
		{name: "bare name under the provider's wildcard", key: key("openai/*"), model: "gpt-4o"},
		{name: "an invented name says nothing about the provider", key: key("openai/*"), model: "renamed", refuse: "key_model_access_denied"},
		{name: "bare name under another provider", key: key("azure/*"), model: "gpt-4o", refuse: "key_model_access_denied"},
		{name: "a star is no model", key: key(), model: "openai/*", refuse: "invalid_request_error"},

		{name: "stored group", key: key("stored"), model: "gpt-4o"},
		{name: "stored group with a pattern", key: key("stored"), model: "openai/o1-mini"},
		{name: "stored group, other model", key: key("stored"), model: "gpt-4", refuse: "key_model_access_denied"},
		{name: "access_group_ids restrict an empty list", key: groups(key(), "stored"), model: "gpt-4", refuse: "key_model_access_denied"},
		{name: "access_group_ids admit", key: groups(key(), "stored"), model: "gpt-4o"},
		{name: "unknown access_group_ids admit nothing", key: groups(key(), "gone"), model: "gpt-4", refuse: "key_model_access_denied"},
		{name: "access_group_ids are never model names", key: groups(key(), "gpt-4"), model: "gpt-4", refuse: "key_model_access_denied"},

		{name: "deployment id of a listed model", key: key("gpt-4"), model: "id-gpt-4"},
		{name: "deployment id of another model", key: key("gpt-4o"), model: "id-gpt-4", refuse: "key_model_access_denied"},

		{name: "team list", key: team("gpt4"), model: "gpt-4o", refuse: "team_model_access_denied"},
		{name: "key and team: both must admit", key: team("gpt4", "gpt-4o"), model: "gpt-4o", refuse: "team_model_access_denied"},
		{name: "key list is told first", key: team("gpt4", "gpt-4"), model: "gpt-4o", refuse: "key_model_access_denied"},
		{name: "all-team-models leaves it to the team", key: team("gpt4", "all-team-models"), model: "gpt-4"},
		{name: "all-team-models is no more than the team's", key: team("gpt4", "all-team-models"), model: "gpt-4o", refuse: "team_model_access_denied"},
		{name: "team with an empty list", key: team("open"), model: "gpt-4o"},
		{name: "blocked team", key: team("blocked"), model: "gpt-4", refuse: "auth_error"},
		{name: "team that does not exist", key: team("gone"), model: "gpt-4", refuse: "auth_error"},
		{name: "another team's model", key: team("open"), model: "team-only", refuse: "invalid_request_error"},
		{name: "the team's own model", key: team("t-own"), model: "team-only"},

		{name: "user list, personal key", key: user(key(), "u-4o"), model: "gpt-4", refuse: "user_model_access_denied"},
		{name: "user list, admitted", key: user(key(), "u-4o"), model: "gpt-4o"},
		{name: "user list does not bind team keys", key: user(team("open"), "u-4o"), model: "gpt-4"},
		{name: "user list binds portal sessions", key: user(team(models.UISessionTeam), "u-4o"), model: "gpt-4", refuse: "user_model_access_denied"},
		{name: "no-default-models", key: user(key(), "u-none"), model: "gpt-4", refuse: "key_model_access_denied"},
		{name: "no-default-models does not bind team keys", key: user(team("open"), "u-none"), model: "gpt-4"},
		{name: "blocked user, team key", key: user(team("open"), "u-blocked"), model: "gpt-4", refuse: "auth_error"},
		{name: "unknown user has no limits", key: user(key(), "u-gone"), model: "gpt-4"},

		{name: "organization of the key", key: org(key(), "o-gpt4"), model: "gpt-4o", refuse: "org_model_access_denied"},
		{name: "organization of the team", key: team("in-org"), model: "gpt-4o", refuse: "org_model_access_denied"},
		{name: "organization admits", key: team("in-org"), model: "gpt-4"},
		{name: "organization that does not exist", key: org(key(), "gone"), model: "gpt-4", refuse: "auth_error"},

		{name: "key alias: target is tested", key: alias(key("my-free-tier"), "gpt-3.5-turbo", "my-free-tier"), model: "gpt-3.5-turbo", served: "my-free-tier"},
		{name: "key alias: the alias in the list does not open its target", key: alias(key("gpt-4"), "gpt-4", "gpt-4o"), model: "gpt-4", refuse: "key_model_access_denied"},
		{name: "key alias: the team must admit the target", key: alias(team("gpt4"), "gpt-4", "gpt-4o"), model: "gpt-4", refuse: "team_model_access_denied"},
		{name: "key alias: one hop", key: func() models.Key {
			k := key()
			k.Aliases = models.StringMap{"a": "b", "b": "gpt-4"}
			return k
		}(), model: "a", refuse: "invalid_request_error"},
		{name: "team alias: its name in the team's list", key: team("aliased"), model: "fast", served: "gpt-4o"},
		{name: "team alias: neither in the team's list", key: team("aliased"), model: "slow", refuse: "team_model_access_denied"},
		{name: "team alias: the key's list must name one", key: team("aliased", "gpt-4"), model: "fast", refuse: "key_model_access_denied"},
		{name: "team alias: the key names the target", key: team("aliased", "gpt-4o"), model: "fast", served: "gpt-4o"},
		{name: "team alias: not for others", key: team("open"), model: "fast", refuse: "invalid_request_error"},
		{name: "proxy alias", key: key("gpt-4"), model: "global", served: "gpt-4"},
		{name: "proxy alias by its own name", key: key("global"), model: "global", served: "gpt-4"},
		{name: "proxy alias, neither listed", key: key("gpt-4o"), model: "global", refuse: "key_model_access_denied"},
		{name: "proxy alias to nothing", key: key(), model: "nowhere", refuse: "invalid_request_error"},
		{name: "key alias, then proxy alias", key: alias(key("gpt-4"), "mine", "global"), model: "mine", served: "gpt-4"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := seed()
			w.keys = []models.Key{tc.key}
			s := w.snapshot(t)
			v, r := policy.Check(s, s.Grant("k"), policy.Call{Path: "/v1/chat/completions", Model: tc.model, Now: noon.UnixMicro()})
			switch {
			case tc.refuse == "" && r != nil:
				t.Fatalf("refused: %s", r)
			case tc.refuse != "" && r == nil:
				t.Fatalf("admitted as %q", v.Model)
			case tc.refuse != "":
				if r.Type() != tc.refuse {
					t.Errorf("%s (%s), want %s", r.Type(), r, tc.refuse)
				}
				return
			}
			want := tc.served
			if want == "" {
				want = tc.model
			}
			if v.Model != want || len(v.Match.Deployments) == 0 {
				t.Errorf("served %q by %d deployments, want %q", v.Model, len(v.Match.Deployments), want)
			}
		})
	}
}

func TestCheckOrder(t *testing.T) {
	t.Parallel()
	w := seed()
	past := models.AtPtr(noon)
	w.keys = []models.Key{
		{ID: "all-wrong", Blocked: ptr(true), ExpiresAt: past, AllowedRoutes: models.Strings{"/x"}, Models: models.Strings{"m"}, TeamID: ptr("blocked")},
		{ID: "expired", ExpiresAt: past, AllowedRoutes: models.Strings{"/x"}, Models: models.Strings{"m"}},
		{ID: "route", AllowedRoutes: models.Strings{"/embeddings"}, Models: models.Strings{"m"}, TeamID: ptr("blocked")},
		{ID: "model", Models: models.Strings{"m"}, TeamID: ptr("blocked")},
		{ID: "team", TeamID: ptr("blocked"), UserID: ptr("u-blocked")},
		{ID: "user", UserID: ptr("u-blocked")},
	}
	s := w.snapshot(t)
	for _, tc := range []struct {
		key, code, text string
		kind            policy.Kind
		status          int
	}{
		{"all-wrong", "key_blocked", "Key is blocked.", policy.KeyBlocked, 401},
		{"expired", "key_expired", "Authentication Error - Expired Key. Key Expiry time 2026-01-15T12:00:00.000000Z", policy.KeyExpired, 401},
		{"route", "route_not_allowed", "Virtual key is not allowed to call this route. Only allowed to call routes: ['/embeddings']. Tried to call route: /v1/chat/completions", policy.RouteDenied, 403},
		{"model", "model_access_denied", "key not allowed to access model. This key can only access models=['m']. Tried to access gpt-4", policy.ModelDenied, 403},
		{"team", "key_blocked", "Team=blocked is blocked.", policy.TeamBlocked, 401},
		{"user", "key_blocked", "User=u-blocked is blocked.", policy.UserBlocked, 401},
	} {
		_, r := policy.Check(s, s.Grant(tc.key), policy.Call{Path: "/v1/chat/completions", Model: "gpt-4", Now: noon.UnixMicro()})
		if r == nil || r.Kind != tc.kind || r.Code() != tc.code || r.Status() != tc.status || !strings.Contains(r.Message(), tc.text) {
			t.Errorf("%s: got %+v %q", tc.key, r, r)
		}
	}
	// A call without a model is refused for everything but models.
	for _, id := range []string{"team", "user"} {
		if _, r := policy.Check(s, s.Grant(id), policy.Call{Now: noon.UnixMicro()}); r == nil {
			t.Errorf("%s: listing models is allowed", id)
		}
	}
	if _, r := policy.Check(s, s.Grant("model"), policy.Call{Now: noon.UnixMicro() - 1}); r == nil || r.Kind != policy.TeamBlocked {
		t.Errorf("without a model: %+v", r)
	}
}

// A refusal at a level shows the caller no list that /v1/models would not show.
func TestRefusalHidesForeignLists(t *testing.T) {
	t.Parallel()
	w := seed()
	w.keys = []models.Key{
		{ID: "open", TeamID: ptr("gpt4")},
		{ID: "own", TeamID: ptr("gpt4"), Models: models.Strings{"gpt-4o"}},
		{ID: "personal", UserID: ptr("u-4o")},
		{ID: "org", OrgID: ptr("o-gpt4")},
	}
	s := w.snapshot(t)
	for _, tc := range []struct {
		key, model, want string
		shown            bool
	}{
		{"open", "gpt-4o", "team not allowed to access model. This team can only access models=['gpt-4']. Tried to access gpt-4o", true},
		{"own", "gpt-4o", "team not allowed to access model. Tried to access gpt-4o", false},
		{"personal", "gpt-4", "user not allowed to access model. Tried to access gpt-4", false},
		{"org", "gpt-4o", "org not allowed to access model. Tried to access gpt-4o", false},
	} {
		_, r := policy.Model(s, s.Grant(tc.key), tc.model)
		if r == nil || r.Message() != tc.want || r.Field() != "model" {
			t.Errorf("%s: %q", tc.key, r)
		}
	}
}

func TestMasterAndForeign(t *testing.T) {
	t.Parallel()
	w := seed()
	s := w.snapshot(t)
	master := keyring.NewMaster("litellm-master")
	if v, r := policy.Check(s, master, policy.Call{Path: "/v1/chat/completions", Model: "global", Now: 1}); r != nil || v.Model != "gpt-4" {
		t.Errorf("master: %v", r)
	}
	if b, r := policy.Exempt(s, master); !b || !r {
		t.Error("the master key is limited")
	}
	hash := strings.Repeat("ab", 32)
	hook, err := keyring.NewGrant(&models.Key{ID: "h", Hash: hash, TeamID: ptr("elsewhere"), OrgID: ptr("far")})
	if err != nil {
		t.Fatal(err)
	}
	if _, r := policy.Model(s, hook, "gpt-4"); r == nil {
		t.Error("a team that is not known here was taken for an open one")
	}
	hook.Foreign = true
	if _, r := policy.Model(s, hook, "gpt-4"); r != nil {
		t.Errorf("a hook's own team: %v", r)
	}
	admin, err := keyring.NewGrant(&models.Key{ID: "a", Hash: hash, UserID: ptr("admin")})
	if err != nil {
		t.Fatal(err)
	}
	if b, r := policy.Exempt(s, admin); b || !r {
		t.Errorf("an admin's key: budgets %v, rates %v", b, r)
	}
}

func TestVisible(t *testing.T) {
	t.Parallel()
	known := func(provider string) []string {
		if provider == "openai" {
			return []string{"gpt-5", "o1-mini", "o3"}
		}
		return nil
	}
	for _, tc := range []struct {
		name string
		key  models.Key
		how  policy.Listing
		want []string
	}{
		{"a restricted key sees its own", models.Key{Models: models.Strings{"gpt-4", "typo"}}, policy.Listing{}, []string{"global", "gpt-4"}},
		{"a group and its models", models.Key{Models: models.Strings{"beta-models"}}, policy.Listing{}, []string{"global", "gpt-4"}},
		{"wildcards are expanded by their winner", models.Key{Models: models.Strings{"default-models"}}, policy.Listing{Expand: known}, []string{"openai/gpt-5", "openai/o3"}},
		{"the narrower wildcard", models.Key{Models: models.Strings{"restricted-models"}}, policy.Listing{Expand: known}, []string{"openai/o1-mini"}},
		{"patterns when asked for", models.Key{Models: models.Strings{"restricted-models"}}, policy.Listing{Wildcards: true}, []string{"openai/o1-*"}},
		{"a name that only a wildcard serves", models.Key{Models: models.Strings{"openai/gpt-9"}}, policy.Listing{}, []string{"openai/gpt-9"}},
		{"the team's list stands in", models.Key{TeamID: ptr("gpt4")}, policy.Listing{}, []string{"global", "gpt-4"}},
		{"team aliases", models.Key{TeamID: ptr("aliased")}, policy.Listing{}, []string{"fast"}},
		{"key aliases", models.Key{Models: models.Strings{"my-free-tier"}, Aliases: models.StringMap{"gpt-3.5-turbo": "my-free-tier"}}, policy.Listing{}, []string{"gpt-3.5-turbo", "my-free-tier"}},
		{"a personal key of somebody without models", models.Key{UserID: ptr("u-none")}, policy.Listing{Expand: known}, nil},
		{"everything", models.Key{}, policy.Listing{}, []string{"both", "global", "gpt-4", "gpt-4o", "my-free-tier", "renamed", "x"}},
		{"the team's own", models.Key{TeamID: ptr("t-own"), Models: models.Strings{"team-only"}}, policy.Listing{}, []string{"team-only"}},
		{"groups alone", models.Key{Models: models.Strings{"beta-models", "stored"}}, policy.Listing{OnlyGroups: true}, []string{"beta-models", "stored"}},
		{"groups too", models.Key{Models: models.Strings{"beta-models"}}, policy.Listing{Groups: true}, []string{"beta-models", "global", "gpt-4"}},
	} {
		w := seed()
		tc.key.ID = "k"
		w.keys = []models.Key{tc.key}
		s := w.snapshot(t)
		got := policy.Visible(s, s.Grant("k"), tc.how)
		if !slices.Equal(got, tc.want) {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
		if tc.how.Wildcards || tc.how.Groups || tc.how.OnlyGroups {
			continue
		}
		for _, name := range got {
			if _, r := policy.Model(s, s.Grant("k"), name); r != nil {
				t.Errorf("%s: %q is listed and refused: %s", tc.name, name, r)
			}
		}
	}
}

func TestAdmits(t *testing.T) {
	t.Parallel()
	cat := seed().snapshot(t).Catalog()
	for _, tc := range []struct {
		list  []string
		model string
		want  bool
	}{
		{[]string{"gpt-4"}, "gpt-4o", false},
		{[]string{"default-models"}, "openai/o1-mini", false},
		{nil, "gpt-4", true},
		{[]string{"beta-models"}, "global", true},
		{[]string{"openai/*"}, "openai/o1-mini", true},
	} {
		if got := policy.Admits(cat, tc.list, tc.model, ""); got != tc.want {
			t.Errorf("%q, %s: %v", tc.list, tc.model, got)
		}
	}
}

func TestSmallChecks(t *testing.T) {
	t.Parallel()
	w := seed()
	w.keys = []models.Key{{ID: "k", EnforcedParams: models.Strings{"user", "metadata.generation_name"}, AllowedCacheControls: models.Strings{"no-cache"}}, {ID: "free"}}
	s := w.snapshot(t)
	k, free := s.Grant("k"), s.Grant("free")
	has := func(p string) bool { return p == "user" }
	if r := policy.Param(k, has); r == nil || r.Field() != "metadata.generation_name" || r.Status() != 400 {
		t.Errorf("missing parameter: %+v", r)
	}
	if policy.Param(k, func(string) bool { return true }) != nil || policy.Param(free, has) != nil {
		t.Error("a complete call is refused")
	}
	if policy.CacheControl(k, "no-store") == nil || policy.CacheControl(k, "no-cache") != nil || policy.CacheControl(free, "no-store") != nil {
		t.Error("cache controls")
	}
	if policy.Customer(s, "c-blocked") == nil || policy.Customer(s, "c") != nil || policy.Customer(s, "new") != nil || policy.Customer(s, "") != nil {
		t.Error("end users")
	}
}

func TestCheckAllocatesNothing(t *testing.T) {
	w := seed()
	w.members = []models.Membership{{TeamID: "aliased", UserID: "u-free"}}
	w.keys = []models.Key{{
		ID: "k", TeamID: ptr("aliased"), UserID: ptr("u-free"), Models: models.Strings{"gpt-4", "default-models", "gpt-4o"},
		AllowedRoutes: models.Strings{"llm_api_routes"},
	}}
	s := w.snapshot(t)
	g := s.Grant("k")
	call := policy.Call{Path: "/v1/chat/completions", Model: "fast", Now: noon.UnixMicro()}
	if n := testing.AllocsPerRun(100, func() {
		if v, r := policy.Check(s, g, call); r != nil || v.Model != "gpt-4o" {
			panic(r)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkCheck(b *testing.B) {
	w := seed()
	w.keys = []models.Key{{ID: "k", TeamID: ptr("aliased"), UserID: ptr("u-free"), Models: models.Strings{"gpt-4", "gpt-4o"}}}
	s := w.snapshot(b)
	g := s.Grant("k")
	b.ReportAllocs()
	for b.Loop() {
		if _, r := policy.Check(s, g, policy.Call{Path: "/v1/chat/completions", Model: "fast", Now: 1}); r != nil {
			b.Fatal(r)
		}
	}
}
