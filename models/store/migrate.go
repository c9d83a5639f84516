package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the driver named "sqlite"

	"gatehouse/migrations"
	"gatehouse/models/fault"
)

// migrationLock is the advisory lock that one process holds while it migrates; any constant of our own will do.
const migrationLock int64 = 0x6761746568

// schemaTable is where goose keeps what has run.
const schemaTable = "schema_version"

func (s *Store) migratePostgres(ctx context.Context, config *pgx.ConnConfig) (err error) {
	db := stdlib.OpenDB(*config)
	defer func() { err = errors.Join(err, db.Close()) }()
	lock, err := db.Conn(ctx)
	if err != nil {
		return fail("reach the database", err)
	}
	// The lock belongs to the session and goes with it, even when this process is killed.
	defer func() { err = errors.Join(err, lock.Close()) }()
	if _, err := lock.ExecContext(ctx, "SELECT pg_advisory_lock($1)", migrationLock); err != nil {
		return fail("lock the schema", err)
	}
	if schema := config.RuntimeParams["search_path"]; schema != "" && !strings.ContainsRune(schema, ',') {
		if _, err := lock.ExecContext(ctx, "CREATE SCHEMA IF NOT EXISTS "+schema); err != nil { // as Prisma does
			return fail("make the schema of the database address", err)
		}
	}
	files := migrations.Postgres()
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files,
		goose.WithDisableGlobalRegistry(true), goose.WithTableName(schemaTable), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	return s.migrate(ctx, provider)
}

func (s *Store) migrateSQLite(ctx context.Context, path string) (err error) {
	// The lock is on a file beside the database: SQLite's own exclusive lock cannot be had while another process, such
	// as a running gateway next to a command, has the database open.
	unlock, err := lockFile(ctx, path+".lock")
	if err != nil {
		return fault.New(fault.Unavailable, "the database file cannot be locked").WithCause(err)
	}
	defer unlock()
	db, err := sql.Open("sqlite", sqliteDSN(path))
	if err != nil {
		return fail("open the database", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1)
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, migrations.SQLite(),
		goose.WithDisableGlobalRegistry(true), goose.WithTableName(schemaTable), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	return s.migrate(ctx, provider)
}

// migrate runs what is missing, or refuses where that is left to the operator; the caller holds the lock.
func (s *Store) migrate(ctx context.Context, provider *goose.Provider) error {
	current, known, err := provider.GetVersions(ctx)
	if err != nil {
		return fail("read the schema version", err)
	}
	if current > known {
		return fault.Newf(fault.Conflict,
			"the database has schema version %d, but this program knows versions up to %d: run the newer program, or restore the backup made before it",
			current, known)
	}
	s.schema = known
	if current < known && s.opt.NoMigration {
		return fault.Newf(fault.Conflict,
			"the database has schema version %d and this program needs %d: run `gatehouse migrate`, or start the gateway without disable_prisma_schema_update",
			current, known)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fail("migrate the database", err)
	}
	return nil
}

// SchemaVersion is the number of the newest migration, which an open database has.
func (s *Store) SchemaVersion() int64 { return s.schema }
