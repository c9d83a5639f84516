package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/gorm"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"gatehouse/models/fault"
)

func badAddress(text string) error { return fault.New(fault.Invalid, text).WithParam("database_url") }

// clash is what a person reads when a unique index refuses a row.
type clash struct{ param, message string }

// uniqueClash gives the clash for an index, by its name in PostgreSQL. SQLite names the columns instead
// ("keys.alias"), or, for an index over an expression, the index.
func uniqueClash(name string) clash {
	switch name {
	case "keys_alias", "keys.alias":
		return clash{"key_alias", "a key with this alias already exists"}
	case "keys_hash", "keys.hash", "old_secrets_pkey", "old_secrets.hash":
		return clash{"key", "this key already exists"}
	case "keys_pkey", "keys.id":
		return clash{"key_id", "a key with this id already exists"}
	case "users_pkey", "users.id":
		return clash{"user_id", "a user with this id already exists"}
	case "users_email", "index 'users_email'":
		return clash{"user_email", "a user with this email already exists"}
	case "users_sso", "users.sso_issuer, users.sso_user_id", "users_sso_subject", "users.sso_issuer, users.sso_subject":
		return clash{"sso_user_id", "another user is bound to this sign-in identity"}
	case "teams_pkey", "teams.id":
		return clash{"team_id", "a team with this id already exists"}
	case "memberships_pkey", "memberships.team_id, memberships.user_id":
		return clash{"user_id", "this user is already a member of the team"}
	case "organizations_pkey", "organizations.id":
		return clash{"organization_id", "an organization with this id already exists"}
	case "org_memberships_pkey", "org_memberships.organization_id, org_memberships.user_id":
		return clash{"user_id", "this user is already a member of the organization"}
	case "budgets_pkey", "budgets.id":
		return clash{"budget_id", "a budget with this id already exists"}
	case "customers_pkey", "customers.id":
		return clash{"user_id", "a customer with this id already exists"}
	case "deployments_pkey", "deployments.id":
		return clash{"id", "a model with this id already exists"}
	case "access_groups_pkey", "access_groups.name":
		return clash{"access_group", "an access group with this name already exists"}
	}
	return clash{"", "this already exists"}
}

// fail turns a database error into a fault where a caller can tell it from a bug, and adds what was being done.
// Faults and nil pass unchanged. It maps unique violations to Conflict, dangling references and texts that the
// database cannot hold to Invalid, and everything that is not about the statement to Unavailable.
func fail(doing string, err error) error {
	switch {
	case err == nil:
		return nil
	case fault.As(err) != nil:
		return err
	case errors.Is(err, gorm.ErrRecordNotFound), errors.Is(err, sql.ErrNoRows):
		return fault.New(fault.NotFound, "not found").WithCause(fmt.Errorf("%s: %w", doing, err))
	}
	wrapped := fmt.Errorf("%s: %w", doing, err)
	if name, ok := uniqueViolation(err); ok {
		c := uniqueClash(name)
		return fault.New(fault.Conflict, c.message).WithParam(c.param).WithCause(wrapped)
	}
	switch {
	case isForeignKey(err):
		return fault.New(fault.Invalid, "it refers to something that does not exist").WithCause(wrapped)
	case isBadText(err):
		return fault.New(fault.Invalid, "the text holds characters that cannot be stored").WithCause(wrapped)
	case isUnavailable(err):
		f := fault.New(fault.Unavailable, "the database cannot be reached").WithCause(wrapped)
		f.RetryAfter = time.Second
		return f
	}
	return wrapped
}

// missing is fail for a read of one row, with the words for its absence.
func missing(doing, absent string, err error) error {
	if errors.Is(err, gorm.ErrRecordNotFound) || errors.Is(err, sql.ErrNoRows) {
		return fault.New(fault.NotFound, absent)
	}
	return fail(doing, err)
}

func pgCode(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	return ""
}

func sqliteCode(err error) int {
	var lite *sqlite.Error
	if errors.As(err, &lite) {
		return lite.Code()
	}
	return 0
}

func uniqueViolation(err error) (name string, ok bool) {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.ConstraintName, pg.Code == "23505"
	}
	switch sqliteCode(err) {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
		// "constraint failed: UNIQUE constraint failed: keys.alias (2067)"
		_, name, _ = strings.Cut(err.Error(), "UNIQUE constraint failed: ")
		if i := strings.LastIndex(name, " ("); i >= 0 {
			name = name[:i]
		}
		return name, true
	}
	return "", false
}

func isForeignKey(err error) bool {
	return pgCode(err) == "23503" || pgCode(err) == "23001" || sqliteCode(err) == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY
}

func isBadText(err error) bool {
	code := pgCode(err)
	return code == "22021" || code == "22P05" // not UTF-8, or a NUL
}

// isRetryable says whether the same transaction may succeed when run again at once.
func isRetryable(err error) bool {
	code := pgCode(err)
	return code == "40001" || code == "40P01"
}

func isUnavailable(err error) bool {
	if code := pgCode(err); code != "" {
		// Connection trouble, shutdown, out of connections, disk full, read-only standby, statement timeout.
		return strings.HasPrefix(code, "08") || strings.HasPrefix(code, "57P") || strings.HasPrefix(code, "53") ||
			code == "57014" || code == "25006" || isRetryable(err)
	}
	switch sqliteCode(err) & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN,
		sqlite3.SQLITE_READONLY, sqlite3.SQLITE_INTERRUPT:
		return true
	}
	var connect *pgconn.ConnectError
	var network net.Error
	return errors.As(err, &connect) || errors.As(err, &network) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, driver.ErrBadConn) ||
		errors.Is(err, sql.ErrConnDone) || pgconn.SafeToRetry(err) || pgconn.Timeout(err)
}
