package bench_test

import (
	"database/sql"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // sql.Open("pgx")
	_ "modernc.org/sqlite"             // sql.Open("sqlite")

	"gatehouse/e2e/bench"
	"gatehouse/internal/testkit"
	"gatehouse/models/store"
)

// BenchmarkPages asks the real binary for the pages that list something, as an admin's browser does, on both databases.
func BenchmarkPages(b *testing.B) {
	for _, kind := range []string{"sqlite", "postgres"} {
		b.Run(kind, func(b *testing.B) {
			opt := testkit.Options{Data: b.TempDir(), Config: strings.ReplaceAll(testkit.DefaultConfig, "${PROVIDER}", "http://127.0.0.1:9")}
			driver, dsn, address := "sqlite", filepath.Join(opt.Data, "gatehouse.db"), "sqlite:"+filepath.Join(opt.Data, "gatehouse.db")
			if kind == "postgres" {
				opt.Database = testkit.Postgres(b, nil)
				driver, dsn, address = "pgx", opt.Database, opt.Database
			}
			s, err := store.Open(b.Context(), address, store.Options{}) // migrates
			if err != nil {
				b.Fatal(err)
			}
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
			db, err := sql.Open(driver, dsn)
			if err != nil {
				b.Fatal(err)
			}
			if err := bench.SeedPages(b.Context(), db, time.Now().UTC()); err != nil {
				b.Fatal(err)
			}
			if err := db.Close(); err != nil {
				b.Fatal(err)
			}
			pages(b, testkit.Start(b, opt))
		})
	}
}

func pages(b *testing.B, s *testkit.Server) {
	b.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		b.Fatal(err)
	}
	browser := &http.Client{Jar: jar}
	ask := func(b *testing.B, path string) (size int) {
		req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, s.URL+path, nil)
		if err != nil {
			b.Fatal(err)
		}
		req.Header.Set("Accept-Encoding", "gzip") // said by hand, it is not unpacked
		res, err := browser.Do(req)
		if err != nil {
			b.Fatal(err)
		}
		n, err := io.Copy(io.Discard, res.Body)
		if err != nil || res.StatusCode != http.StatusOK || res.Request.URL.Path == "/login" {
			b.Fatalf("%s: %d at %s, %v", path, res.StatusCode, res.Request.URL, err)
		}
		_ = res.Body.Close()
		return int(n)
	}
	res, err := browser.PostForm(s.URL+"/login", url.Values{"username": {"admin"}, "password": {testkit.UIPassword}})
	if err != nil {
		b.Fatal(err)
	}
	_ = res.Body.Close()
	for _, path := range []string{
		"/ui/", "/ui/keys", "/ui/keys?q=app-9", "/ui/keys?page=300", "/ui/keys?sort=-spend", "/ui/keys?status=attention", "/ui/keys?size=100", "/ui/keys/key-9", "/ui/teams", "/ui/teams/team-7",
		"/ui/users", "/ui/users?q=person99", "/ui/logs", "/ui/logs?range=30d", "/ui/usage", "/ui/usage?tab=keys", "/ui/usage?range=90d", "/ui/budgets", "/ui/audit", "/ui/models",
	} {
		b.Run(strings.TrimPrefix(path, "/ui/"), func(b *testing.B) {
			size := 0
			quantiles(b, func() { size = ask(b, path) })
			b.ReportMetric(float64(size)/1024, "KB-gz")
		})
	}
}
