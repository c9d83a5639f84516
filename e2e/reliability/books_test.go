package reliability_test

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver named "pgx"
	_ "modernc.org/sqlite"             // the driver named "sqlite"

	"gatehouse/internal/testkit"
)

// backend is one of the two databases that a test runs on.
type backend struct {
	name string
	url  func(t *testing.T) string // DATABASE_URL
}

// backends are both databases; a test of durability runs on each.
func backends() []backend {
	return []backend{
		{"sqlite", func(*testing.T) string { return "" }},
		{"postgres", func(t *testing.T) string { t.Helper(); return testkit.Postgres(t, nil) }},
	}
}

// books opens the gateway's database from outside.
func (g *gateway) books(t *testing.T) *sql.DB {
	t.Helper()
	driver, address := "sqlite", "file:"+filepath.Join(g.Data, "gatehouse.db")+"?_pragma=busy_timeout(20000)"
	if g.database != "" {
		driver, address = "pgx", g.database
	}
	db, err := sql.Open(driver, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// number reads one number.
func number(t *testing.T, db *sql.DB, query string) int64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var n sql.NullInt64
	if err := db.QueryRowContext(ctx, query).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n.Int64
}

// row is one call in the ledger, as far as tests look at it.
type row struct {
	id, user, status, settledBy, code string
	spend, prompt, output             int64
}

// rows reads the ledger, newest last.
func rows(t *testing.T, db *sql.DB) []row {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	found, err := db.QueryContext(ctx, `SELECT id, end_user, status, settled_by, error_code, spend, prompt_tokens, output_tokens
		FROM spend_records ORDER BY id`)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = found.Close() }()
	var all []row
	for found.Next() {
		var r row
		if err := found.Scan(&r.id, &r.user, &r.status, &r.settledBy, &r.code, &r.spend, &r.prompt, &r.output); err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	if err := found.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// sumsAgree checks that every place where money is added up says the same: the rows, the counters of key, team, user and
// proxy, and the daily sums.
func sumsAgree(t *testing.T, db *sql.DB) int64 {
	t.Helper()
	want := number(t, db, "SELECT sum(spend) FROM spend_records")
	for what, query := range map[string]string{
		"daily sums":     "SELECT sum(spend) FROM daily_spend",
		"keys":           "SELECT sum(total) FROM counters WHERE scope LIKE 'key:%'",
		"whole proxy":    "SELECT sum(total) FROM counters WHERE scope = 'proxy'",
		"proxy's window": "SELECT sum(spent) FROM counters WHERE scope = 'proxy'",
	} {
		if got := number(t, db, query); got != want {
			t.Errorf("%s: %d nano-USD, the rows say %d", what, got, want)
		}
	}
	for column, kind := range map[string]string{"key_id": "key", "team_id": "team", "user_id": "user", "end_user": "customer"} {
		query := fmt.Sprintf(`SELECT count(*) FROM
			(SELECT %[1]s AS id, sum(spend) AS spend FROM spend_records WHERE %[1]s <> '' GROUP BY %[1]s) r
			LEFT JOIN counters c ON c.scope = '%[2]s:' || r.id WHERE COALESCE(c.total, 0) <> r.spend OR COALESCE(c.spent, 0) <> r.spend`, column, kind)
		if n := number(t, db, query); n != 0 {
			t.Errorf("%d counters of kind %s differ from the rows", n, kind)
		}
	}
	if n, days := number(t, db, "SELECT count(*) FROM spend_records"), number(t, db, "SELECT sum(requests) FROM daily_spend"); n != days {
		t.Errorf("%d rows, but the daily sums count %d calls", n, days)
	}
	return want
}

// byUser finds each caller's rows: the loads of these tests give every call an end user of its own.
func byUser(all []row) map[string][]row {
	found := map[string][]row{}
	for _, r := range all {
		if strings.HasPrefix(r.user, "call-") {
			found[r.user] = append(found[r.user], r)
		}
	}
	return found
}
