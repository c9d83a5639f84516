package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/testkit"
	"gatehouse/models"
	"gatehouse/models/fault"
	"gatehouse/models/store"
)

// hostile are texts that break what is glued together from strings.
var hostile = []string{
	"'; DROP TABLE keys; --", `"`, `\`, "%", "_", "?", "$1", "@name", "{{.}}", "a\x00b", "\xff\xfe", "\u202e", "<script>", "\x1f", "🙂", strings.Repeat("x", 2000),
}

func names(rows []store.KeyRow) string {
	var ids []string
	for _, r := range rows {
		ids = append(ids, strings.TrimPrefix(r.ID, "key-"))
	}
	return strings.Join(ids, " ")
}

// household has two teams, two people, and eight keys.
func household(t *testing.T, s *store.Store, clock *testkit.Clock) {
	t.Helper()
	ctx := t.Context()
	change(t, s, func(tx *store.Store) error {
		err := errors.Join(
			tx.InsertBudget(ctx, &models.Budget{ID: "b"}),
			tx.InsertUser(ctx, &models.User{ID: "ana", Email: ptr("Ana@Example.org"), Role: models.RoleAdmin}),
			tx.InsertUser(ctx, &models.User{ID: "bo", Email: ptr("bo@example.org"), Alias: ptr("Bo"), Role: models.RoleInternalUser}),
			tx.InsertTeam(ctx, &models.Team{ID: "red", Alias: ptr("Red team")}),
			tx.InsertTeam(ctx, &models.Team{ID: "blue"}),
			tx.InsertMembership(ctx, &models.Membership{TeamID: "red", UserID: "bo", Role: models.TeamMember}),
		)
		for n, adjust := range []func(*models.Key){
			func(k *models.Key) { k.UserID, k.Alias = ptr("ana"), ptr("ci-bot") },
			func(k *models.Key) { k.UserID, k.TeamID, k.MaxBudget = ptr("ana"), ptr("red"), ptr(models.USD) },
			func(k *models.Key) { k.UserID, k.TeamID, k.Alias = ptr("bo"), ptr("red"), ptr("100% bo") },
			func(k *models.Key) { k.TeamID, k.BudgetID = ptr("red"), ptr("b") }, // a service account
			func(k *models.Key) { k.UserID, k.CreatedBy = ptr("bo"), "ana" },
			func(k *models.Key) { k.TeamID, k.Blocked = ptr("blue"), ptr(true) },
			func(k *models.Key) {
				k.ExpiresAt, k.Metadata = models.AtPtr(clock.Now()), models.JSON(`{"tags":["nightly"]}`)
			},
			func(k *models.Key) { k.UserID, k.TeamID = ptr("ana"), ptr(models.UISessionTeam) },
		} {
			key := testKey(n)
			adjust(key)
			err = errors.Join(err, tx.InsertKey(ctx, key))
		}
		return err
	})
	for i, nano := range []models.Nano{5, 1, 9} {
		must(t, s.WriteSpend(ctx, []models.Spend{call(fmt.Sprint(i), fmt.Sprintf("key-%03d", i), "ana", "red", nano, clock.Now().Add(time.Duration(-i)*time.Hour))}))
	}
}

func TestListKeys(t *testing.T) {
	type test struct {
		filter store.KeyFilter
		page   store.Page
		want   string
		total  int64
	}
	tests := map[string]test{
		"nobody sees anything":       {},
		"all, as created":            {store.KeyFilter{Visible: everything}, store.Page{}, "000 001 002 003 004 005 006", 7},
		"newest first":               {store.KeyFilter{Visible: everything}, store.Page{Desc: true}, "006 005 004 003 002 001 000", 7},
		"second page":                {store.KeyFilter{Visible: everything}, store.Page{Number: 2, Size: 3}, "003 004 005", 7},
		"a page past the end":        {store.KeyFilter{Visible: everything}, store.Page{Number: 9, Size: 3}, "", 7},
		"own":                        {store.KeyFilter{Visible: store.Scope{UserID: "ana"}}, store.Page{}, "000 001", 2},
		"own and the team's":         {store.KeyFilter{Visible: store.Scope{UserID: "ana", TeamIDs: []string{"red"}}}, store.Page{}, "000 001 002 003", 4},
		"own and service accounts":   {store.KeyFilter{Visible: store.Scope{UserID: "bo", ServiceTeamIDs: []string{"red"}}}, store.Page{}, "002 003 004", 3},
		"itself":                     {store.KeyFilter{Visible: store.Scope{KeyIDs: []string{"key-005"}}}, store.Page{}, "005", 1},
		"made by her":                {store.KeyFilter{Visible: store.Scope{UserID: "ana", CreatedBy: "ana"}}, store.Page{}, "000 001 004", 3},
		"a filter does not widen":    {store.KeyFilter{Visible: store.Scope{UserID: "ana"}, TeamID: "blue"}, store.Page{}, "", 0},
		"by user":                    {store.KeyFilter{Visible: everything, UserID: "bo"}, store.Page{}, "002 004", 2},
		"by team":                    {store.KeyFilter{Visible: everything, TeamID: "red"}, store.Page{}, "001 002 003", 3},
		"by alias, the whole of it":  {store.KeyFilter{Visible: everything, Alias: "ci-bot"}, store.Page{}, "000", 1},
		"by hash":                    {store.KeyFilter{Visible: everything, Hash: "hash-004"}, store.Page{}, "004", 1},
		"by budget":                  {store.KeyFilter{Visible: everything, BudgetID: "b"}, store.Page{}, "003", 1},
		"blocked":                    {store.KeyFilter{Visible: everything, Blocked: ptr(true)}, store.Page{}, "005", 1},
		"expired":                    {store.KeyFilter{Visible: everything, Expired: ptr(true)}, store.Page{}, "006", 1},
		"not expired":                {store.KeyFilter{Visible: everything, Expired: ptr(false)}, store.Page{}, "000 001 002 003 004 005", 6},
		"personal":                   {store.KeyFilter{Visible: everything, Personal: true}, store.Page{}, "000 004 006", 3},
		"service":                    {store.KeyFilter{Visible: everything, Service: true}, store.Page{}, "003 005 006", 3},
		"search alias, any case":     {store.KeyFilter{Visible: everything, Search: "CI-b"}, store.Page{}, "000", 1},
		"search a percent sign":      {store.KeyFilter{Visible: everything, Search: "0%"}, store.Page{}, "002", 1},
		"search the end of a secret": {store.KeyFilter{Visible: everything, Search: "0003"}, store.Page{}, "003", 1},
		"search the owner's mail":    {store.KeyFilter{Visible: everything, Search: "ana@"}, store.Page{}, "000 001", 2},
		"search a tag":               {store.KeyFilter{Visible: everything, Search: "nightly"}, store.Page{}, "006", 1},
		"most spent":                 {store.KeyFilter{Visible: everything}, store.Page{Sort: "spend", Desc: true, Size: 3}, "002 000 001", 7},
		"last used":                  {store.KeyFilter{Visible: everything}, store.Page{Sort: "last_used", Desc: true, Size: 3}, "000 001 002", 7},
		"by alias, none last":        {store.KeyFilter{Visible: everything}, store.Page{Sort: "key_alias", Size: 3}, "002 000 001", 7},
		"by budget, none last":       {store.KeyFilter{Visible: everything}, store.Page{Sort: "max_budget", Desc: true, Size: 2}, "001 006", 7},
	}
	on(t, func(t *testing.T, s *store.Store, clock *testkit.Clock) {
		household(t, s, clock)
		for name, tc := range tests {
			t.Run(name, func(t *testing.T) {
				rows, total, err := s.ListKeys(t.Context(), tc.filter, tc.page)
				must(t, err)
				same(t, "keys", names(rows), tc.want)
				same(t, "total", total, tc.total)
			})
		}
		_, _, err := s.ListKeys(t.Context(), store.KeyFilter{Visible: everything}, store.Page{Sort: "hash; DROP TABLE keys"})
		refused(t, err, fault.Invalid, "sort_by")
		for _, text := range hostile {
			rows, _, err := s.ListKeys(t.Context(), store.KeyFilter{Visible: everything, Search: text + "!", Alias: text}, store.Page{})
			if err != nil && !fault.Is(err, fault.Invalid) || len(rows) != 0 {
				t.Errorf("searching %q: %d rows, %v", text, len(rows), err)
			}
		}
	})
}

func TestKeyRowsCarryTheirSpendAndNames(t *testing.T) {
	on(t, func(t *testing.T, s *store.Store, clock *testkit.Clock) {
		household(t, s, clock)
		rows, _, err := s.ListKeys(t.Context(), store.KeyFilter{Visible: everything, TeamID: "red"}, store.Page{Size: 1})
		must(t, err)
		r := rows[0]
		same(t, "spent", r.Spent, 1)
		same(t, "budget", *r.MaxBudget, models.USD)
		same(t, "team", *r.TeamAlias, "Red team")
		same(t, "owner", *r.OwnerEmail, "Ana@Example.org")
		same(t, "last used", r.LastUsedAt, models.At(clock.Now().Add(-time.Hour+time.Second)))
		if r.Seq == 0 {
			t.Error("the stamp is missing")
		}
		aliases, total, err := s.KeyAliases(t.Context(), store.KeyFilter{Visible: everything}, "B", store.Page{Size: 1, Number: 2})
		must(t, err)
		if total != 2 || !slices.Equal(aliases, []string{"ci-bot"}) {
			t.Errorf("got %q of %d", aliases, total)
		}
	})
}

// A list costs the same number of statements whatever it holds.
func TestListsTakeTwoStatements(t *testing.T) {
	t.Parallel()
	count := 0 // one goroutine
	clock := testkit.NewClock()
	s := open(t, testkit.Postgres(t, migrated), store.Options{Now: clock.Now, OnStatement: func(context.Context, string) { count++ }})
	household(t, s, clock)
	for name, list := range map[string]func() error{
		"keys": func() error {
			_, _, err := s.ListKeys(t.Context(), store.KeyFilter{Visible: everything}, store.Page{})
			return err
		},
		"users": func() error { _, _, err := s.ListUsers(t.Context(), store.UserFilter{}, store.Page{}); return err },
		"teams": func() error {
			_, _, err := s.ListTeams(t.Context(), store.TeamFilter{All: true}, store.Page{})
			return err
		},
		"calls": func() error {
			_, err := s.ListSpend(t.Context(), store.SpendQuery{Visible: everything, Counts: true})
			return err
		},
	} {
		count = 0
		must(t, list())
		same(t, name, count, 2)
	}
}

func TestListUsersAndTeams(t *testing.T) {
	on(t, func(t *testing.T, s *store.Store, clock *testkit.Clock) {
		household(t, s, clock)
		ctx := t.Context()
		users := func(f store.UserFilter, p store.Page) string {
			t.Helper()
			rows, total, err := s.ListUsers(ctx, f, p)
			must(t, err)
			var out []string
			for _, r := range rows {
				out = append(out, fmt.Sprintf("%s:%d:%d:%d", r.ID, r.KeyCount, r.TeamCount, r.Spent))
			}
			return fmt.Sprint(out, total)
		}
		same(t, "all", users(store.UserFilter{}, store.Page{}), "[ana:2:0:15 bo:2:1:0] 2")
		same(t, "by spend", users(store.UserFilter{}, store.Page{Sort: "spend", Size: 1}), "[bo:2:1:0] 2")
		same(t, "part of a mail", users(store.UserFilter{Email: "A@EX"}, store.Page{}), "[ana:2:0:15] 1")
		same(t, "a wildcard is a letter", users(store.UserFilter{Email: "%"}, store.Page{}), "[] 0")
		same(t, "role", users(store.UserFilter{Role: models.RoleInternalUser}, store.Page{}), "[bo:2:1:0] 1")
		same(t, "team", users(store.UserFilter{TeamIDs: []string{"red"}}, store.Page{}), "[bo:2:1:0] 1")
		_, _, err := s.ListUsers(ctx, store.UserFilter{}, store.Page{Sort: "password_hash"})
		refused(t, err, fault.Invalid, "sort_by")

		teams := func(f store.TeamFilter) string {
			t.Helper()
			rows, total, err := s.ListTeams(ctx, f, store.Page{Sort: "team_id"})
			must(t, err)
			var out []string
			for _, r := range rows {
				out = append(out, fmt.Sprintf("%s:%d:%d:%d", r.ID, r.MemberCount, r.KeyCount, r.Spent))
			}
			return fmt.Sprint(out, total)
		}
		same(t, "nobody's", teams(store.TeamFilter{}), "[] 0")
		same(t, "all", teams(store.TeamFilter{All: true}), "[blue:0:1:0 red:1:3:15] 2")
		same(t, "seen", teams(store.TeamFilter{VisibleTo: []string{"blue"}}), "[blue:0:1:0] 1")
		same(t, "of a member", teams(store.TeamFilter{All: true, MemberID: "bo"}), "[red:1:3:15] 1")
		same(t, "search", teams(store.TeamFilter{All: true, Search: "red T"}), "[red:1:3:15] 1")
	})
}

func TestListSpend(t *testing.T) {
	on(t, func(t *testing.T, s *store.Store, clock *testkit.Clock) {
		ctx := t.Context()
		var batch []models.Spend
		for i := range 10 {
			c := call(fmt.Sprintf("c%d", i), fmt.Sprintf("k%d", i%2), fmt.Sprintf("u%d", i%3), "t", models.Nano(i), clock.Now().Add(time.Duration(i/2)*time.Minute))
			if i == 4 {
				c.Row.Status, c.Row.EndUser, c.Row.Tags = "failure", "palantir", models.Strings{`we"ird`, "x"}
			}
			batch = append(batch, c)
		}
		must(t, s.WriteSpend(ctx, batch))
		list := func(q store.SpendQuery) string {
			t.Helper()
			page := got(s.ListSpend(ctx, q))(t)
			var ids []string
			for _, r := range page.Rows {
				ids = append(ids, r.ID)
			}
			return fmt.Sprint(ids, page.More)
		}
		same(t, "nobody's", list(store.SpendQuery{}), "[] false")
		same(t, "newest first", list(store.SpendQuery{Visible: everything, Page: store.Page{Size: 3}}), "[c9 c8 c7] true")
		same(t, "own", list(store.SpendQuery{Visible: store.Scope{UserID: "u0"}}), "[c9 c6 c3 c0] false")
		same(t, "another's", list(store.SpendQuery{Visible: store.Scope{UserID: "u0"}, UserID: "u1"}), "[] false")
		same(t, "a time", list(store.SpendQuery{Visible: everything, From: models.At(clock.Now().Add(time.Minute)), To: models.At(clock.Now().Add(2 * time.Minute))}), "[c3 c2] false")
		same(t, "spend", list(store.SpendQuery{Visible: everything, MinSpend: ptr(models.Nano(3)), MaxSpend: ptr(models.Nano(5))}), "[c5 c4 c3] false")
		same(t, "status", list(store.SpendQuery{Visible: everything, Status: "failure"}), "[c4] false")
		same(t, "tag", list(store.SpendQuery{Visible: everything, Tag: `we"ird`}), "[c4] false")
		same(t, "part of a tag", list(store.SpendQuery{Visible: everything, Tag: "pro"}), "[] false")
		same(t, "search", list(store.SpendQuery{Visible: everything, Search: "LANT"}), "[c4] false")
		same(t, "oldest first", list(store.SpendQuery{Visible: everything, Page: store.Page{Sort: "startTime", Size: 2}}), "[c0 c1] true")
		var walked []string
		var after *store.Cursor
		for {
			page := got(s.ListSpend(ctx, store.SpendQuery{Visible: everything, After: after, Page: store.Page{Size: 3}}))(t)
			for _, r := range page.Rows {
				walked = append(walked, r.ID)
			}
			if !page.More {
				break
			}
			last := page.Rows[len(page.Rows)-1]
			after = &store.Cursor{StartedAt: last.StartedAt, ID: last.ID}
		}
		same(t, "by cursor", fmt.Sprint(walked), "[c9 c8 c7 c6 c5 c4 c3 c2 c1 c0]")
		_, err := s.SpendRecord(ctx, store.Scope{UserID: "u0"}, "c4")
		refused(t, err, fault.NotFound, "")
		_, err = s.ListSpend(ctx, store.SpendQuery{Visible: everything, Page: store.Page{Sort: "ip"}})
		refused(t, err, fault.Invalid, "sort_by")
	})
}

func TestReports(t *testing.T) {
	on(t, func(t *testing.T, s *store.Store, clock *testkit.Clock) {
		ctx := t.Context()
		var batch []models.Spend
		for i := range 12 {
			c := call(fmt.Sprintf("c%02d", i), fmt.Sprintf("k%d", i%2), fmt.Sprintf("u%d", i%3), "t", 10, clock.Now().AddDate(0, 0, i/6))
			c.Row.Model = fmt.Sprintf("m%d", i%2)
			if i == 0 {
				c.Row.Status, c.Row.EndUser = "failure", "e"
			}
			if i == 1 {
				c.Row.CacheHit, c.Row.Tags = true, models.Strings{"a", "b", "a"}
			}
			batch = append(batch, c)
		}
		must(t, s.WriteSpend(ctx, batch))
		days := got(s.Report(ctx, store.ReportFilter{Visible: everything}, store.ByDay, store.ByKey))(t)
		var text []string
		for _, r := range days {
			text = append(text, fmt.Sprintf("%s %s %d/%d", r.Day[8:], r.KeyID, r.Spend, r.Requests))
		}
		same(t, "by day and key", strings.Join(text, ", "), "15 k0 30/3, 15 k1 30/3, 16 k0 30/3, 16 k1 30/3")
		top := got(s.TopSpend(ctx, store.ReportFilter{Visible: store.Scope{UserID: "u0"}, From: "2026-01-15", To: "2026-01-15"}, store.ByModel, 1))(t)
		if len(top) != 1 || top[0].Model != "m0" || top[0].Spend != 10 || top[0].Failed != 1 {
			t.Errorf("got %+v", top)
		}
		total := got(s.TotalSpend(ctx, store.ReportFilter{Visible: everything, KeyIDs: []string{"k1"}}))(t)
		same(t, "cache hits", total.CacheHits, 1)
		same(t, "output from the cache", total.CachedOutput, 5)
		none := got(s.TotalSpend(ctx, store.ReportFilter{}))(t)
		same(t, "what nobody sees", none, store.Metrics{})
		_, err := s.Report(ctx, store.ReportFilter{Visible: everything}, "1; DROP TABLE keys")
		refused(t, err, fault.Invalid, "group_by")
		_, err = s.Report(ctx, store.ReportFilter{Visible: everything})
		refused(t, err, fault.Invalid, "group_by")
		same(t, "tags", fmt.Sprint(got(s.TagNames(ctx, everything))(t)), "[a b prod]")
		daily := got(s.DailyTags(ctx, store.ReportFilter{Visible: everything}, []string{"a"}))(t)
		if len(daily) != 1 || daily[0].Requests != 1 || daily[0].Day != "2026-01-15" {
			t.Errorf("got %+v", daily)
		}
		same(t, "end users", fmt.Sprint(got(s.EndUserNames(ctx, everything))(t)), "[e]")
		lines := got(s.Sparklines(ctx, []string{"k0", "k1", "k9"}, "2026-01-16"))(t)
		same(t, "lines", fmt.Sprint(lines), "map[k0:map[2026-01-16:0.00000003] k1:map[2026-01-16:0.00000003]]")
	})
}

// A search finds letters beyond ASCII whatever their case, on both databases.
func TestSearchBeyondASCII(t *testing.T) {
	on(t, func(t *testing.T, s *store.Store, _ *testkit.Clock) {
		ctx := t.Context()
		change(t, s, func(tx *store.Store) error {
			key := testKey(1)
			key.Alias = ptr("Schlüssel für ÉCOLE")
			return errors.Join(
				tx.InsertKey(ctx, key),
				tx.InsertTeam(ctx, &models.Team{ID: "north", Alias: ptr("Åland ЖУРНАЛ")}),
				tx.InsertUser(ctx, &models.User{ID: "zoe", Alias: ptr("ZOË"), Role: models.RoleInternalUser}),
			)
		})
		for search, want := range map[string]int64{"SCHLÜSSEL": 1, "école": 1, "FÜR É": 1, "schlüsseln": 0} {
			_, total, err := s.ListKeys(ctx, store.KeyFilter{Visible: everything, Search: search}, store.Page{})
			must(t, err)
			same(t, "keys for "+search, total, want)
			names, total, err := s.KeyAliases(ctx, store.KeyFilter{Visible: everything}, search, store.Page{})
			must(t, err)
			same(t, "aliases for "+search, total, want)
			same(t, "aliases shown for "+search, int64(len(names)), want)
		}
		for search, want := range map[string]int64{"åland": 1, "журнал": 1, "ж": 1, "я": 0} {
			_, total, err := s.ListTeams(ctx, store.TeamFilter{All: true, Alias: search}, store.Page{})
			must(t, err)
			same(t, "teams for "+search, total, want)
		}
		_, total, err := s.ListUsers(ctx, store.UserFilter{Search: "zoë"}, store.Page{})
		must(t, err)
		same(t, "people", total, 1)
		_, total, err = s.ListKeys(ctx, store.KeyFilter{Visible: everything, Search: "schl"}, store.Page{Number: 2, Size: 1})
		must(t, err)
		same(t, "all that a search finds, told past its end", total, 1)
	})
}
