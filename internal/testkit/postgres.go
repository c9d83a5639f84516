package testkit

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Postgres returns the URL of a database that belongs to this test alone and is dropped when the test ends.
//
// The first call of a process for a given migrate function makes a template database and runs migrate on it; every
// test gets a copy, which takes a few dozen milliseconds. A nil migrate gives empty databases. Two closures of one
// function literal count as the same function. Close every connection before the test ends, or they are cut.
//
// The server is the one GATEHOUSE_TEST_POSTGRES names, else one started for this process from the programs found on
// the machine. Where neither is possible the test fails, unless GATEHOUSE_TEST_NO_SERVICES=1 asks to skip.
func Postgres(tb testing.TB, migrate func(dsn string) error) string {
	tb.Helper()
	needServices(tb)
	admin, err := postgresServer.address()
	if err != nil {
		tb.Fatal(err)
	}
	cluster, err := databases.open(admin)
	if err != nil {
		tb.Fatal(err)
	}
	template, err := cluster.template(migrate)
	if err != nil {
		tb.Fatal(err)
	}
	name, err := cluster.create(template)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := cluster.drop(name); err != nil {
			tb.Error(err)
		}
	})
	return databaseURL(admin, name)
}

// databases is the one cluster of this process; see [service] for why it is shared.
var databases pgCluster

// pgCluster makes and drops the databases of one test process. All their names begin with one prefix, and the process
// holds an advisory lock on it for as long as it lives, so that the next process can tell which databases are left over.
type pgCluster struct {
	once   sync.Once
	err    error
	admin  string
	prefix string
	number atomic.Int64

	mu        sync.Mutex // guards conn and templates
	conn      *pgx.Conn
	templates map[string]string // function name -> database
}

// open connects once, takes the lock and sweeps what dead processes left.
func (c *pgCluster) open(admin string) (*pgCluster, error) {
	c.once.Do(func() {
		ctx, cancel := patient()
		defer cancel()
		c.admin, c.templates = admin, map[string]string{}
		c.prefix = fmt.Sprintf("gh_%d_%d_", os.Getpid(), time.Now().UnixNano()%1e9)
		if c.conn, c.err = pgx.Connect(ctx, admin); c.err != nil {
			c.err = fmt.Errorf("connect to the test PostgreSQL: %w", c.err)
			return
		}
		if _, c.err = c.conn.Exec(ctx, "select pg_advisory_lock(hashtextextended($1, 0))", c.prefix); c.err != nil {
			return
		}
		c.err = c.sweep(ctx)
	})
	return c, c.err
}

// sweep drops the databases whose owner's lock is free.
func (c *pgCluster) sweep(ctx context.Context) error {
	rows, err := c.conn.Query(ctx, `select datname from pg_database where datname ~ '^gh_\d+_\d+_'`)
	if err != nil {
		return fmt.Errorf("list left-over databases: %w", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("list left-over databases: %w", err)
	}
	for _, name := range names {
		parts := strings.SplitAfterN(name, "_", 4)
		owner := strings.Join(parts[:3], "")
		if owner == c.prefix {
			continue
		}
		var free bool
		if err := c.conn.QueryRow(ctx, "select pg_try_advisory_lock(hashtextextended($1, 0))", owner).Scan(&free); err != nil {
			return fmt.Errorf("test the lock of %s: %w", owner, err)
		}
		if !free {
			continue
		}
		// Another process may sweep the same one at this moment; that it is gone is all we want.
		if _, err := c.conn.Exec(ctx, "drop database if exists "+name+" with (force)"); err != nil && ctx.Err() != nil {
			return fmt.Errorf("drop left-over %s: %w", name, err)
		}
		if _, err := c.conn.Exec(ctx, "select pg_advisory_unlock(hashtextextended($1, 0))", owner); err != nil {
			return fmt.Errorf("release the lock of %s: %w", owner, err)
		}
	}
	return nil
}

// template returns the database to copy for migrate, making it at the first call.
func (c *pgCluster) template(migrate func(dsn string) error) (string, error) {
	if migrate == nil {
		return "template0", nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	function := runtime.FuncForPC(reflect.ValueOf(migrate).Pointer()).Name()
	if name, ok := c.templates[function]; ok {
		return name, nil
	}
	name := fmt.Sprintf("%stemplate%d", c.prefix, len(c.templates))
	if err := c.exec("create database " + name + " template template0"); err != nil {
		return "", err
	}
	if err := migrate(databaseURL(c.admin, name)); err != nil {
		return "", errors.Join(fmt.Errorf("migrate the template database: %w", err), c.exec("drop database "+name+" with (force)"))
	}
	// A connection that migrate left open would make every copy fail.
	if err := c.exec("select pg_terminate_backend(pid) from pg_stat_activity where datname = '" + name + "'"); err != nil {
		return "", err
	}
	c.templates[function] = name
	return name, nil
}

// create copies template into a new database and returns its name.
func (c *pgCluster) create(template string) (string, error) {
	name := fmt.Sprintf("%s%d", c.prefix, c.number.Add(1))
	c.mu.Lock()
	defer c.mu.Unlock()
	return name, c.exec("create database " + name + " template " + template)
}

func (c *pgCluster) drop(name string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.exec("drop database if exists " + name + " with (force)")
}

// exec runs one statement; the caller holds mu. Names are made here, never taken from outside, so they need no quoting.
func (c *pgCluster) exec(sql string) error {
	ctx, cancel := patient()
	defer cancel()
	if _, err := c.conn.Exec(ctx, sql); err != nil {
		return fmt.Errorf("%s: %w", sql, err)
	}
	return nil
}

// databaseURL is admin's URL with another database.
func databaseURL(admin, database string) string {
	u, err := url.Parse(admin)
	if err != nil {
		return admin
	}
	u.Path = "/" + database
	return u.String()
}
