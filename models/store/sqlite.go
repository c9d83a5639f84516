package store

import (
	"context"
	"database/sql"
	sqldriver "database/sql/driver"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	driver "modernc.org/sqlite"
)

// sqliteReaders is how many reads run side by side; readers and the writer do not block each other (WAL).
const sqliteReaders = 4

func (s *Store) openSQLite(ctx context.Context, path string) error {
	if path == "" || strings.Contains(path, ":memory:") {
		return badAddress("sqlite: needs the path of a file")
	}
	// SQLite would make the file readable by all; the files it puts beside it take over the mode. Whatever is wrong with the
	// path, opening the database says better.
	if f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600); err == nil {
		_ = f.Close()
	}
	if err := registerFold(); err != nil {
		return fail("open the database", err)
	}
	if err := s.migrateSQLite(ctx, path); err != nil {
		return err
	}
	// synchronous=FULL: the journal forgets a call once its batch has committed, so a commit must survive a power cut.
	write, err := s.sqlitePool(path, 1, "_txlock=immediate", "_pragma=synchronous(FULL)", "_pragma=temp_store(MEMORY)")
	if err != nil {
		return err
	}
	read, err := s.sqlitePool(path, sqliteReaders, "_pragma=query_only(1)")
	if err != nil {
		return err
	}
	s.write, s.ledger = write, write
	s.read, s.feed = read, read
	return nil
}

// registerFold gives SQLite what its own lower() does not do: letters beyond ASCII. PostgreSQL has a function of that name
// from a migration. It is registered for the driver, hence once a process.
var registerFold = sync.OnceValue(func() error {
	return driver.RegisterDeterministicScalarFunction("gatehouse_fold", 1, func(_ *driver.FunctionContext, args []sqldriver.Value) (sqldriver.Value, error) {
		if text, ok := args[0].(string); ok {
			return strings.ToLower(text), nil
		}
		return args[0], nil
	})
})

func (s *Store) sqlitePool(path string, size int, params ...string) (*gorm.DB, error) {
	pool, err := sql.Open("sqlite", sqliteDSN(path, params...))
	if err != nil {
		return nil, fail("open the database", err)
	}
	pool.SetMaxOpenConns(size)
	pool.SetMaxIdleConns(size)
	s.pools = append(s.pools, pool)
	db, err := gorm.Open(sqlite.New(sqlite.Config{DriverName: "sqlite", Conn: pool}), s.gormConfig())
	if err != nil {
		return nil, fail("open the database", err)
	}
	return db, nil
}

// sqliteDSN names the file as a URI, in which any character of a path can be written.
func sqliteDSN(path string, params ...string) string {
	all := append([]string{"_pragma=busy_timeout(5000)", "_pragma=foreign_keys(1)", "_pragma=journal_mode(WAL)"}, params...)
	file := url.URL{Scheme: "file", Opaque: (&url.URL{Path: filepath.ToSlash(path)}).EscapedPath(), RawQuery: strings.Join(all, "&")}
	return file.String()
}
