package store_test

import (
	"context"
	"database/sql"
	"errors"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	_ "github.com/jackc/pgx/v5/stdlib"

	"gatehouse/internal/testkit"
	"gatehouse/models"
	"gatehouse/models/fault"
	"gatehouse/models/store"
)

// raw opens the database behind the store's back.
func raw(t *testing.T, dsn string) *sql.DB {
	t.Helper()
	driver, address := "pgx", dsn
	if path, ok := strings.CutPrefix(dsn, "sqlite:"); ok {
		driver, address = "sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()
	}
	db := got(sql.Open(driver, address))(t)
	t.Cleanup(func() { must(t, db.Close()) })
	return db
}

func exec(t *testing.T, db *sql.DB, query string, args ...any) {
	t.Helper()
	_, err := db.ExecContext(t.Context(), query, args...)
	must(t, err)
}

func empty(t *testing.T) map[string]string {
	t.Helper()
	return map[string]string{
		"sqlite": "sqlite:" + filepath.Join(t.TempDir(), "a b?c#d%20.db"), "postgres": testkit.Postgres(t, nil),
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	for name, dsn := range map[string]string{
		"another database":  "mysql://u:geheim@h/db",
		"nothing":           "",
		"memory":            "sqlite::memory:",
		"no path":           "sqlite:",
		"a broken address":  "postgres://u:geheim@h:port/db",
		"an unknown option": "postgres://u:geheim@h/db?sslmode=geheim",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := store.Open(t.Context(), dsn, store.Options{})
			refused(t, err, fault.Invalid, "database_url")
			if strings.Contains(err.Error(), "geheim") {
				t.Errorf("the message shows the address: %v", err)
			}
		})
	}
	t.Run("a server that is not there", func(t *testing.T) {
		t.Parallel()
		l := got(net.Listen("tcp", "127.0.0.1:0"))(t) //nolint:noctx // closed on the next line
		must(t, l.Close())
		_, err := store.Open(t.Context(), "postgres://u@"+l.Addr().String()+"/db?sslmode=disable", store.Options{})
		refused(t, err, fault.Unavailable, "")
	})
	t.Run("a folder that is not there", func(t *testing.T) {
		t.Parallel()
		_, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "no", "where.db"), store.Options{})
		refused(t, err, fault.Unavailable, "")
	})
}

// TestPrismaAddress: an address written for LiteLLM has parameters of Prisma's, which PostgreSQL would refuse.
func TestPrismaAddress(t *testing.T) {
	t.Parallel()
	dsn := testkit.Postgres(t, nil)
	sign := "?"
	if strings.Contains(dsn, "?") {
		sign = "&"
	}
	s := open(t, dsn+sign+"connection_limit=10&pool_timeout=60&socket_timeout=5&sslaccept=accept_invalid_certs&schema=Lite LLM&pgbouncer=true", store.Options{})
	must(t, s.InsertTeam(t.Context(), &models.Team{ID: "t"}))
	same(t, "team", got(s.Team(t.Context(), "t"))(t).ID, "t")
	var n int
	must(t, raw(t, dsn).QueryRowContext(t.Context(), `SELECT count(*) FROM "Lite LLM".teams`).Scan(&n))
	same(t, "rows in the schema that was named", n, 1)
	must(t, raw(t, dsn).QueryRowContext(t.Context(), `SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'`).Scan(&n))
	same(t, "tables elsewhere", n, 0)
}

func TestANewerSchemaIsRefused(t *testing.T) {
	t.Parallel()
	for name, dsn := range empty(t) {
		t.Run(name, func(t *testing.T) {
			must(t, migrated(dsn))
			must(t, migrated(dsn)) // a second start finds nothing to do
			exec(t, raw(t, dsn), "INSERT INTO schema_version (version_id, is_applied) VALUES (9999, TRUE)")
			_, err := store.Open(t.Context(), dsn, store.Options{})
			refused(t, err, fault.Conflict, "")
			if !strings.Contains(err.Error(), "9999") {
				t.Errorf("the message does not name the version: %v", err)
			}
		})
	}
}

func TestManyStartAtOnce(t *testing.T) {
	t.Parallel()
	for name, dsn := range empty(t) {
		t.Run(name, func(t *testing.T) {
			var wait sync.WaitGroup
			for range 6 {
				wait.Go(func() {
					if err := migrated(dsn); err != nil {
						t.Error(err)
					}
				})
			}
			wait.Wait()
			var n int
			must(t, raw(t, dsn).QueryRowContext(t.Context(), "SELECT count(*) FROM schema_version WHERE version_id = 1").Scan(&n))
			same(t, "times that migration 1 ran", n, 1)
		})
	}
}

func TestClosedAndStopped(t *testing.T) {
	on(t, func(t *testing.T, s *store.Store, _ *testkit.Clock) {
		must(t, s.Ping(t.Context()))
		must(t, s.Watch(t.Context(), -1)) // the listener, if any, is up
		must(t, s.Close())
		must(t, s.Close())
		if err := s.Ping(t.Context()); err == nil {
			t.Error("a closed store answers")
		}
	})
}

// A NOTIFY that nobody heard must not delay a change for longer than the poll.
func TestALostNotifyIsMadeUpByThePoll(t *testing.T) {
	t.Parallel()
	dsn := testkit.Postgres(t, migrated)
	s := open(t, dsn, store.Options{PollEvery: 10 * time.Millisecond})
	other := raw(t, dsn)
	exec(t, other, "ALTER FUNCTION gatehouse_next_seq() RENAME TO loud")
	exec(t, other, `CREATE FUNCTION gatehouse_next_seq() RETURNS BIGINT LANGUAGE sql AS 'UPDATE config_seq SET seq = seq + 1 RETURNING seq'`)
	exec(t, other, "INSERT INTO teams (id) VALUES ('quiet')")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		must(t, s.Watch(ctx, 0))
		if r, _ := changes(t, s, 0); len(r.events) == 1 {
			return
		}
	}
}

// Another replica's commit arrives by NOTIFY, over a new connection too when the old one was cut.
func TestAnotherReplicasCommitWakesTheWatcher(t *testing.T) {
	t.Parallel()
	dsn := testkit.Postgres(t, migrated)
	s := open(t, dsn, store.Options{PollEvery: time.Hour})
	other := open(t, dsn, store.Options{})
	db := raw(t, dsn)
	var since int64
	for round, id := range []string{"first", "second"} {
		woken := make(chan error, 1)
		go func() { woken <- s.Watch(t.Context(), since) }()
		pid := listener(t, db)
		if round == 1 { // cut the connection; the commit below happens while nobody listens, or after
			exec(t, db, "SELECT pg_terminate_backend($1)", pid)
		}
		must(t, other.InsertTeam(t.Context(), &models.Team{ID: id}))
		select {
		case err := <-woken:
			must(t, err)
		case <-time.After(patience):
			t.Fatalf("%s: not woken", id)
		}
		_, since = changes(t, s, since)
	}
}

// listener waits for the connection that listens, and gives its process id on the server.
func listener(t *testing.T, db *sql.DB) int {
	t.Helper()
	deadline := time.Now().Add(patience)
	for time.Now().Before(deadline) {
		var pid int
		err := db.QueryRowContext(t.Context(), `SELECT pid FROM pg_stat_activity WHERE datname = current_database()
AND state = 'idle' AND query IN ('LISTEN gatehouse_config', 'SELECT seq FROM config_seq') AND application_name = 'gatehouse'
ORDER BY query LIMIT 1`).Scan(&pid)
		if err == nil {
			return pid
		}
		if !errors.Is(err, sql.ErrNoRows) {
			t.Fatal(err)
		}
	}
	t.Fatal("nobody listens")
	return 0
}

// An idle gateway asks the database nothing but whether there is news.
func TestEveryStatementReachesTheHook(t *testing.T) {
	var mu sync.Mutex
	var seen []string
	t.Parallel()
	dsn := "sqlite:" + filepath.Join(t.TempDir(), "gatehouse.db")
	s := open(t, dsn, store.Options{OnStatement: func(_ context.Context, query string) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, query)
	}})
	seen = nil
	_, err := s.KeyByHash(t.Context(), "secret-hash")
	refused(t, err, fault.NotFound, "")
	must(t, s.WriteSpend(t.Context(), []models.Spend{{Row: models.SpendRow{ID: "a-call"}}}))
	all := strings.Join(seen, "\n")
	for _, part := range []string{"FROM `keys` WHERE hash = ?", "INTO spend_records", "INSERT INTO daily_spend"} {
		if !strings.Contains(all, part) {
			t.Errorf("the hook saw no %q in\n%s", part, all)
		}
	}
	for _, value := range []string{"secret-hash", "a-call"} {
		if strings.Contains(all, value) {
			t.Errorf("the hook saw the value %q in\n%s", value, all)
		}
	}
}

// A deadlock that PostgreSQL ends is run again, and nobody notices.
func TestADeadlockIsRunAgain(t *testing.T) {
	t.Parallel()
	s := open(t, testkit.Postgres(t, migrated), store.Options{})
	ctx := t.Context()
	_, _, err := s.SetSpent(ctx, "a", 0)
	must(t, err)
	_, _, err = s.SetSpent(ctx, "b", 0)
	must(t, err)
	var both sync.WaitGroup // each takes its first row before either asks for its second
	both.Add(2)
	runs := make(chan string, 10)
	cross := func(first, second string) error {
		var once sync.Once
		_, err := s.Change(ctx, func(tx *store.Store) error {
			runs <- first
			if _, _, err := tx.SetSpent(ctx, first, 1); err != nil {
				return err
			}
			once.Do(func() { both.Done(); both.Wait() })
			_, _, err := tx.SetSpent(ctx, second, 1)
			return err
		})
		return err
	}
	ends := make(chan error, 2)
	go func() { ends <- cross("a", "b") }()
	go func() { ends <- cross("b", "a") }()
	must(t, <-ends)
	must(t, <-ends)
	if len(runs) < 3 {
		t.Error("there was no deadlock, so the test shows nothing")
	}
}

func TestAHungServerIsUnavailable(t *testing.T) {
	t.Parallel()
	dsn := testkit.Postgres(t, migrated)
	s := open(t, dsn, store.Options{StatementTimeout: 50 * time.Millisecond})
	conn := got(pgx.Connect(t.Context(), dsn))(t)
	defer func() { must(t, conn.Close(context.Background())) }()
	tx := got(conn.Begin(t.Context()))(t)
	_, err := tx.Exec(t.Context(), "LOCK TABLE keys IN ACCESS EXCLUSIVE MODE")
	must(t, err)
	_, err = s.Key(t.Context(), "x")
	refused(t, err, fault.Unavailable, "")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err = s.Key(ctx, "x")
	refused(t, err, fault.Unavailable, "")
	must(t, tx.Rollback(t.Context()))
	_, err = s.Key(t.Context(), "x")
	refused(t, err, fault.NotFound, "")
}
