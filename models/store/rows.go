package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"gorm.io/gorm"

	"gatehouse/models"
)

// insert is a statement that writes many rows of one shape.
type insert struct {
	into    string // table
	columns string // "id text, spend bigint, cache_hit boolean": names, and the types that PostgreSQL is told
	ending  string // ON CONFLICT …
}

// insertRows writes rows, in their order. Values are string, int64, bool or *int64, as the columns' types say. first is told
// the first column of every row that was not left alone; nil: nobody asks.
//
// PostgreSQL gets one statement whose parameters are whole columns: one plan for every size of batch. SQLite gets a row at a
// time through one prepared statement, since its driver looks every parameter up among all others, and a statement of 256
// rows spent 9 in 10 of its time on that.
func (s *Store) insertRows(db *gorm.DB, in insert, rows [][]any, first func(string)) error {
	if len(rows) == 0 {
		return nil
	}
	names, kinds := in.parse()
	if s.postgres {
		returning := ""
		if first != nil {
			returning = names[0]
		}
		return s.insertColumns(db, in, rows, returning, func(rows *sql.Rows) error {
			var id string
			err := rows.Scan(&id)
			first(id)
			return err
		})
	}
	query := "INSERT INTO " + in.into + " (" + strings.Join(names, ", ") + ") VALUES (?" + strings.Repeat(",?", len(kinds)-1) + ") " + in.ending
	return s.traced(db, query, len(rows), func(ctx context.Context, conn gorm.ConnPool) (err error) {
		// A context that can end costs the driver a goroutine a row; between rows is soon enough.
		calm := context.WithoutCancel(ctx)
		stmt, err := conn.PrepareContext(calm, query)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, stmt.Close()) }()
		for _, row := range rows {
			if err := ctx.Err(); err != nil {
				return err
			}
			result, err := stmt.ExecContext(calm, row...)
			if err != nil {
				return err
			}
			if first == nil {
				continue
			}
			if n, err := result.RowsAffected(); err != nil {
				return err
			} else if n > 0 {
				id, _ := row[0].(string)
				first(id)
			}
		}
		return nil
	})
}

// insertColumns is insertRows on PostgreSQL with any list after RETURNING, whose rows are given to scan.
func (s *Store) insertColumns(db *gorm.DB, in insert, rows [][]any, returning string, scan func(*sql.Rows) error) error {
	if len(rows) == 0 {
		return nil
	}
	names, kinds := in.parse()
	places, args := make([]string, len(kinds)), make([]any, len(kinds))
	for i, kind := range kinds {
		places[i] = fmt.Sprintf("$%d::%s[]", i+1, kind)
		switch {
		case kind == "text":
			args[i] = column[string](rows, i)
		case kind == "boolean":
			args[i] = column[bool](rows, i)
		case strings.HasSuffix(kind, "bigint"):
			if _, null := rows[0][i].(*int64); null {
				args[i] = column[*int64](rows, i)
			} else {
				args[i] = column[int64](rows, i)
			}
		}
	}
	query := "INSERT INTO " + in.into + " (" + strings.Join(names, ", ") + ") SELECT * FROM unnest(" + strings.Join(places, ", ") + ") " + in.ending
	if returning != "" {
		query += " RETURNING " + returning
	}
	return s.traced(db, query, len(rows), func(ctx context.Context, conn gorm.ConnPool) (err error) {
		if returning == "" {
			_, err := conn.ExecContext(ctx, query, args...)
			return err
		}
		result, err := conn.QueryContext(ctx, query, args...)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, result.Close()) }()
		for result.Next() {
			if err := scan(result); err != nil {
				return err
			}
		}
		return result.Err()
	})
}

// parse splits the columns into names and types.
func (in insert) parse() (names, kinds []string) {
	for column := range strings.SplitSeq(in.columns, ",") {
		name, kind, _ := strings.Cut(strings.TrimSpace(column), " ")
		names, kinds = append(names, name), append(kinds, kind)
	}
	return names, kinds
}

// column is column i of the rows.
func column[T any](rows [][]any, i int) []T {
	values := make([]T, len(rows))
	for r := range rows {
		values[r], _ = rows[r][i].(T)
	}
	return values
}

// traced runs a statement that does not go through GORM and reports it as GORM would.
func (s *Store) traced(db *gorm.DB, query string, rows int, run func(context.Context, gorm.ConnPool) error) error {
	begin := time.Now() //nolint:forbidigo // measures, as GORM does
	ctx := db.Statement.Context
	err := run(ctx, db.Statement.ConnPool)
	db.Logger.Trace(ctx, begin, func() (string, int64) { return query, int64(rows) }, err)
	return err
}

// anyOf is the condition that column is one of values, with one parameter however many there are.
func (s *Store) anyOf(column string, values []string) (condition string, arg models.Strings) {
	if s.postgres {
		return column + " = ANY(ARRAY(SELECT json_array_elements_text(CAST(? AS JSON))))", values
	}
	return column + " IN (SELECT value FROM json_each(?))", values
}
