// Package imports takes over what a LiteLLM proxy keeps in its PostgreSQL database: keys by their hashes, so that every
// secret goes on working, with the people, teams, budgets and models around them, and what each has spent. The other
// database is only read.
package imports

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/stdlib"

	"gatehouse/models/fault"
	"gatehouse/models/store"
)

// Source is LiteLLM's database, seen as it was at one moment. Close it when done.
type Source struct {
	db *sql.DB
	tx *sql.Tx
}

// Open connects to LiteLLM's database. Errors: fault.Invalid for an address that cannot be read or a database that is not
// LiteLLM's, fault.Unavailable when it cannot be reached.
func Open(ctx context.Context, dsn string) (*Source, error) {
	config, err := store.ParsePostgres(dsn)
	if err != nil {
		return nil, err
	}
	config.RuntimeParams["application_name"] = "gatehouse import"
	s := &Source{db: stdlib.OpenDB(*config)}
	s.tx, err = s.db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return nil, errors.Join(fault.New(fault.Unavailable, "LiteLLM's database cannot be reached").WithCause(err), s.db.Close())
	}
	there, err := s.has(ctx, keyTable)
	if err == nil && !there {
		err = fault.Newf(fault.Invalid, "the database has no table %q: it is not LiteLLM's", keyTable).WithParam("from")
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Close ends the reading.
func (s *Source) Close() error {
	if err := s.tx.Rollback(); err != nil && !errors.Is(err, sql.ErrTxDone) {
		return errors.Join(err, s.db.Close())
	}
	return s.db.Close()
}

// has says whether a table exists: LiteLLM adds some with nearly every version.
func (s *Source) has(ctx context.Context, table string) (bool, error) {
	var there bool
	if err := s.tx.QueryRowContext(ctx, "SELECT to_regclass($1) IS NOT NULL", `"`+table+`"`).Scan(&there); err != nil {
		return false, fmt.Errorf("look for %s: %w", table, err)
	}
	return there, nil
}

// count is how many rows a table has; none where there is no such table.
func (s *Source) count(ctx context.Context, table string) (n int64, err error) {
	there, err := s.has(ctx, table)
	if err != nil || !there {
		return 0, err
	}
	if err := s.tx.QueryRowContext(ctx, `SELECT count(*) FROM "`+table+`"`).Scan(&n); err != nil { //nolint:gosec // one of our own constants
		return 0, fmt.Errorf("count %s: %w", table, err)
	}
	return n, nil
}

// each reads a table row by row, in the order of the named columns. Columns are found by name, and one that a version
// lacks is as if it were null.
func each[T any](ctx context.Context, s *Source, table, order string, use func(row *T, broken error) error) error {
	there, err := s.has(ctx, table)
	if err != nil || !there {
		return err
	}
	rows, err := s.tx.QueryContext(ctx, `SELECT row_to_json(t)::text FROM "`+table+`" AS t ORDER BY `+order) //nolint:gosec // our own constants
	if err != nil {
		return fmt.Errorf("read %s: %w", table, err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var text []byte
		if err := rows.Scan(&text); err != nil {
			return fmt.Errorf("read %s: %w", table, err)
		}
		row := new(T)
		if err := use(row, json.Unmarshal(text, row)); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read %s: %w", table, err)
	}
	return nil
}
