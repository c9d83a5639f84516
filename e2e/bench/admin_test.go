package bench_test

import (
	"context"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"gatehouse/e2e/bench"
	"gatehouse/internal/testkit"
	"gatehouse/models"
	"gatehouse/models/store"
)

// size is what the environment asks for, else the full installation.
func size(tb testing.TB) bench.Size {
	tb.Helper()
	s := bench.Full()
	for name, to := range map[string]*int{"GATEHOUSE_BENCH_KEYS": &s.Keys, "GATEHOUSE_BENCH_USERS": &s.Users, "GATEHOUSE_BENCH_CALLS": &s.Calls} {
		if text := os.Getenv(name); text != "" {
			n, err := strconv.Atoi(text)
			if err != nil {
				tb.Fatalf("%s: %v", name, err)
			}
			*to = n
		}
	}
	return s
}

// seeded gives a database with everything in it: the one that GATEHOUSE_BENCH_DATABASE names, filled if it has no key, or one
// that goes with the benchmark.
func seeded(tb testing.TB) string {
	tb.Helper()
	dsn := os.Getenv("GATEHOUSE_BENCH_DATABASE")
	if dsn == "" {
		dsn = testkit.Postgres(tb, nil)
	}
	ctx := context.Background()
	s, err := store.Open(ctx, dsn, store.Options{}) // migrates
	if err != nil {
		tb.Fatal(err)
	}
	if err := s.Close(); err != nil {
		tb.Fatal(err)
	}
	db, err := pgx.Connect(ctx, dsn)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = db.Close(ctx) }()
	var keys int
	if err := db.QueryRow(ctx, "SELECT count(*) FROM keys").Scan(&keys); err != nil {
		tb.Fatal(err)
	}
	if keys == 0 {
		begin := time.Now()
		if err := bench.Seed(ctx, db, size(tb)); err != nil {
			tb.Fatal(err)
		}
		tb.Logf("filled in %s", time.Since(begin).Round(time.Second))
	}
	return dsn
}

// quantiles runs fn again and again and reports the middle and the 95th percentile of its time in milliseconds, and the least,
// which tells most on a machine that does other things too.
func quantiles(b *testing.B, fn func()) {
	b.Helper()
	fn() // plans and caches
	var took []time.Duration
	for b.Loop() {
		begin := time.Now()
		fn()
		took = append(took, time.Since(begin))
	}
	slices.Sort(took)
	at := func(q float64) float64 { return float64(took[int(q*float64(len(took)-1))].Microseconds()) / 1000 }
	b.ReportMetric(at(0), "min-ms")
	b.ReportMetric(at(0.5), "p50-ms")
	b.ReportMetric(at(0.95), "p95-ms")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkAdmin asks the real binary, over HTTP, for what dashboards and scripts ask.
func BenchmarkAdmin(b *testing.B) {
	s := testkit.Start(b, testkit.Options{Database: seeded(b)})
	until := size(b).Until
	day := func(back int) string { return until.AddDate(0, 0, -back).Format(time.DateOnly) }
	month := "start_date=" + day(29) + "&end_date=" + day(0)
	logs := "/spend/logs/v2?start_date=" + url.PathEscape(day(6)+" 00:00:00") + "&end_date=" + url.PathEscape(day(0)+" 23:59:59") + "&page_size=50"
	everLogs := "/spend/logs/v2?start_date=" + url.PathEscape(day(90)+" 00:00:00") + "&end_date=" + url.PathEscape(day(0)+" 23:59:59") + "&page_size=50"
	teamAdmin := bench.Secret(1) // of user-1, who is the admin of team-1
	for _, c := range []struct{ name, key, path string }{
		{"key-list", "", "/key/list?page=1&size=10"},
		{"key-list/100", "", "/key/list?page=1&size=100"},
		{"key-list/deep", "", "/key/list?page=900&size=100"},
		{"key-list/by-spend", "", "/key/list?size=50&sort_by=spend&sort_order=desc"},
		{"key-list/by-alias", "", "/key/list?size=50&sort_by=key_alias&sort_order=asc"},
		{"key-list/by-alias-desc", "", "/key/list?size=50&sort_by=key_alias&sort_order=desc"},
		{"key-list/by-budget", "", "/key/list?size=50&sort_by=max_budget&sort_order=desc"},
		{"key-list/by-expires", "", "/key/list?size=50&sort_by=expires&sort_order=asc"},
		{"key-list/by-last-used", "", "/key/list?size=50&sort_by=last_used&sort_order=desc"},
		{"key-list/team", "", "/key/list?size=50&team_id=team-7"},
		{"key-list/user", "", "/key/list?size=50&user_id=user-77"},
		{"key-list/alias", "", "/key/list?size=50&key_alias=no-such-key"},
		{"key-list/team-admin", teamAdmin, "/key/list?size=50&include_team_keys=true"},
		{"key-aliases", "", "/key/aliases?search=search&page=1&size=50"},
		{"key-aliases/none", "", "/key/aliases?search=no-such-alias&page=1&size=50"},
		{"user-list", "", "/user/list?page=1&page_size=25"},
		{"user-list/100", "", "/user/list?page=1&page_size=100"},
		{"user-list/by-spend", "", "/user/list?page_size=50&sort_by=spend&sort_order=desc"},
		{"user-list/email", "", "/user/list?page_size=50&user_email=person123"},
		{"user-list/team", "", "/user/list?page_size=50&team=team-7"},
		{"team-list", "", "/v2/team/list?page=1&page_size=50"},
		{"spend-logs", "", "/spend/logs?limit=100"},
		{"spend-logs/page", "", logs},
		{"spend-logs/deep", "", logs + "&page=150"},
		{"spend-logs/key", "", everLogs + "&key_alias=search-none"},
		{"spend-logs/user", "", everLogs + "&user_id=user-11"},
		{"spend-logs/team", "", everLogs + "&team_id=team-11"},
		{"spend-logs/model", "", everLogs + "&model=gpt-4o"},
		{"spend-logs/no-such-model", "", everLogs + "&model=gpt-2"},
		{"spend-logs/provider", "", everLogs + "&custom_llm_provider=anthropic"},
		{"spend-logs/no-such-provider", "", everLogs + "&custom_llm_provider=nobody"},
		{"spend-logs/failed", "", everLogs + "&status_filter=failure"},
		{"spend-logs/end-user", "", everLogs + "&end_user=customer-70"},
		{"spend-logs/min-spend", "", everLogs + "&min_spend=0.009"},
		{"spend-logs/min-spend-none", "", everLogs + "&min_spend=1000"},
		{"spend-logs/max-spend-none", "", everLogs + "&max_spend=-1"},
		{"spend-logs/team-admin", teamAdmin, everLogs},
		{"spend-logs/team-admin-min", teamAdmin, everLogs + "&min_spend=1000"},
		{"spend-logs/summary", "", "/spend/logs?" + "start_date=" + day(6) + "&end_date=" + day(0)},
		{"report/activity", "", "/global/activity?" + month},
		{"report/models", "", "/global/activity/model?" + month},
		{"report/teams", "", "/global/spend/teams?" + month},
		{"report/keys", "", "/global/spend/keys?limit=10&" + month},
		{"report/tags", "", "/global/spend/tags?" + month},
		{"report/providers", "", "/global/spend/provider?" + month},
		{"report/end-users", "", "/global/all_end_users"},
		{"report/spend", "", "/global/spend"},
		{"report/by-team", "", "/global/spend/report?group_by=team&" + month},
		{"report/daily", "", "/user/daily/activity?page_size=1&" + month},
	} {
		b.Run(c.name, func(b *testing.B) {
			key := c.key
			if key == "" {
				key = s.MasterKey
			}
			quantiles(b, func() {
				if r := s.Do(b, http.MethodGet, c.path, key, nil); r.Status != http.StatusOK {
					b.Fatalf("%s: %d %.300s", c.path, r.Status, r.Body)
				}
			})
		})
	}
}

// BenchmarkPortal asks the store for what only the portal asks.
func BenchmarkPortal(b *testing.B) {
	s, err := store.Open(b.Context(), seeded(b), store.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	all := store.Scope{All: true}
	admin := store.Scope{UserID: "user-1", TeamIDs: []string{"team-1"}}
	until := size(b).Until
	month := store.ReportFilter{Visible: all, From: until.AddDate(0, 0, -29).Format(time.DateOnly)}
	keys := func(f store.KeyFilter, sort string) func() error {
		return func() error {
			_, _, err := s.ListKeys(b.Context(), f, store.Page{Size: 25, Sort: sort})
			return err
		}
	}
	calls := func(q store.SpendQuery, sort string) func() error {
		q.Page, q.Counts = store.Page{Size: 50, Sort: sort, Desc: true}, true
		return func() error {
			_, err := s.ListSpend(b.Context(), q)
			return err
		}
	}
	thousand := models.Nano(1_000_000_000_000)
	yes := true
	for _, c := range []struct {
		name string
		run  func() error
	}{
		{"key-search/part", keys(store.KeyFilter{Visible: all, Search: "search-a"}, "")},
		{"key-search/one", keys(store.KeyFilter{Visible: all, Search: "nightly-5"}, "")},
		{"key-search/common", keys(store.KeyFilter{Visible: all, Search: "ing"}, "")},
		{"key-search/two-letters", keys(store.KeyFilter{Visible: all, Search: "bi"}, "")},
		{"key-search/email", keys(store.KeyFilter{Visible: all, Search: "person1234@"}, "")},
		{"key-search/last4", keys(store.KeyFilter{Visible: all, Search: "4242"}, "")},
		{"key-search/tag", keys(store.KeyFilter{Visible: all, Search: "squad-17"}, "")},
		{"key-search/none", keys(store.KeyFilter{Visible: all, Search: "no such key"}, "")},
		{"key-search/by-spend", keys(store.KeyFilter{Visible: all, Search: "search-a"}, "spend")},
		{"key-search/team-admin", keys(store.KeyFilter{Visible: admin, Search: "search"}, "")},
		{"key-list/blocked", keys(store.KeyFilter{Visible: all, Blocked: &yes}, "")},
		{"key-list/expired", keys(store.KeyFilter{Visible: all, Expired: &yes}, "")},
		{"spend-logs/by-spend", calls(store.SpendQuery{Visible: all}, "spend")},
		{"spend-logs/by-tokens", calls(store.SpendQuery{Visible: all}, "total_tokens")},
		{"spend-logs/by-spend-week", calls(store.SpendQuery{Visible: all, From: models.At(until.AddDate(0, 0, -6))}, "spend")},
		{"spend-logs/by-spend-team-admin", calls(store.SpendQuery{Visible: admin}, "spend")},
		{"spend-logs/by-end", calls(store.SpendQuery{Visible: all}, "endTime")},
		{"spend-logs/search", calls(store.SpendQuery{Visible: all, Search: "customer-77", From: models.At(until.AddDate(0, 0, -1))}, "")},
		{"spend-logs/min-spend-none-team-admin", calls(store.SpendQuery{Visible: admin, MinSpend: &thousand}, "")},
		{"report/keys-by-day", func() error { _, err := s.TopSpend(b.Context(), month, store.ByKey, 10); return err }},
		{"report/users", func() error { _, err := s.TopSpend(b.Context(), month, store.ByUser, 10); return err }},
		{"report/days", func() error { _, err := s.Report(b.Context(), month, store.ByDay); return err }},
		{"report/team", func() error {
			f := month
			f.Visible = admin
			_, err := s.Report(b.Context(), f, store.ByDay)
			return err
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			quantiles(b, func() {
				if err := c.run(); err != nil {
					b.Fatal(err)
				}
			})
		})
	}
}
