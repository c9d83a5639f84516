package testkit_test

import (
	"database/sql"
	"errors"
	"fmt"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/redis/go-redis/v9"

	"gatehouse/internal/testkit"
)

// migrate stands for the product's migrations.
func migrate(dsn string) error {
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		return err
	}
	_, err = db.Exec("create table things (name text primary key); insert into things values ('from the template')")
	return errors.Join(err, db.Close())
}

func TestPostgresGivesEachTestItsOwnCopy(t *testing.T) {
	t.Parallel()
	for i := range 4 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			db := open(t, testkit.Postgres(t, migrate))
			if _, err := db.ExecContext(t.Context(), "insert into things values ('mine')"); err != nil {
				t.Fatal(err) // a database shared with another test would refuse the second 'mine'
			}
			var count int
			if err := db.QueryRowContext(t.Context(), "select count(*) from things").Scan(&count); err != nil || count != 2 {
				t.Fatalf("%d rows, %v; want the template's row and mine", count, err)
			}
		})
	}
}

func TestPostgresDropsTheDatabase(t *testing.T) {
	t.Parallel()
	var name string
	t.Run("inner", func(t *testing.T) {
		db := open(t, testkit.Postgres(t, migrate))
		if err := db.QueryRowContext(t.Context(), "select current_database()").Scan(&name); err != nil {
			t.Fatal(err)
		}
	})
	var left int
	db := open(t, testkit.Postgres(t, nil))
	if err := db.QueryRowContext(t.Context(), "select count(*) from pg_database where datname = $1", name).Scan(&left); err != nil || left != 0 {
		t.Fatalf("database %q is still there (%d, %v)", name, left, err)
	}
}

func TestPostgresWithoutMigrateIsEmpty(t *testing.T) {
	t.Parallel()
	db := open(t, testkit.Postgres(t, nil))
	var tables int
	if err := db.QueryRowContext(t.Context(), "select count(*) from pg_tables where schemaname = 'public'").Scan(&tables); err != nil || tables != 0 {
		t.Fatalf("%d tables, %v; want none", tables, err)
	}
}

func open(t *testing.T, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func TestRedisGivesEachTestItsOwnDatabase(t *testing.T) {
	t.Parallel()
	for i := range 4 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			options, err := redis.ParseURL(testkit.Redis(t))
			if err != nil {
				t.Fatal(err)
			}
			client := redis.NewClient(options)
			defer func() {
				if err := client.Close(); err != nil {
					t.Error(err)
				}
			}()
			if got, err := client.Incr(t.Context(), "mine").Result(); err != nil || got != 1 {
				t.Fatalf("counter = %d, %v; want a fresh one", got, err)
			}
			if size, err := client.DBSize(t.Context()).Result(); err != nil || size != 1 {
				t.Fatalf("%d keys, %v; want only mine", size, err)
			}
		})
	}
}
