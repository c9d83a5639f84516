package store

import (
	"context"
	"database/sql"
	"net"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
)

// Sizes of the pools that the data plane depends on; the control plane's is Options.MaxOpen.
const (
	ledgerConns = 2 // one batch is written at a time; the second serves a retry while the first is being given up
	feedConns   = 3
	bankConns   = 3 // one grants, one beats, one returns
)

func (s *Store) openPostgres(ctx context.Context, dsn string) error {
	config, err := s.postgresConfig(dsn)
	if err != nil {
		return err
	}
	if err := s.migratePostgres(ctx, config); err != nil {
		return err
	}
	control := s.pool(config, s.opt.MaxOpen, s.opt.StatementTimeout)
	ledger := s.pool(config, ledgerConns, 30*time.Second)
	feed := s.pool(config, feedConns, 0) // loading a million keys takes as long as it takes; the caller's context bounds it
	bank := s.pool(config, bankConns, 5*time.Second)
	for _, open := range []struct {
		into *(*gorm.DB)
		pool *sql.DB
	}{{&s.write, control}, {&s.ledger, ledger}, {&s.feed, feed}, {&s.bank, bank}} {
		db, err := gorm.Open(postgres.New(postgres.Config{Conn: open.pool}), s.gormConfig())
		if err != nil {
			return fail("open the database", err)
		}
		*open.into = db
	}
	s.read = s.write
	s.bell.run = func(ctx context.Context) { s.listen(ctx, config) }
	return fail("reach the database", control.PingContext(ctx))
}

// postgresConfig reads the address and sets how connections are made.
func (s *Store) postgresConfig(dsn string) (*pgx.ConnConfig, error) {
	config, err := ParsePostgres(dsn)
	if err != nil {
		return nil, err
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = s.opt.ConnectTimeout
	}
	dialer := &net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 5 * time.Second, Interval: 5 * time.Second, Count: 3}}
	config.DialFunc = dialer.DialContext
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "gatehouse"
	}
	return config, nil
}

// pool opens a pool of its own, so that work of one kind cannot take the connections of another.
func (s *Store) pool(config *pgx.ConnConfig, size int, timeout time.Duration) *sql.DB {
	own := config.Copy()
	if timeout > 0 {
		own.RuntimeParams["statement_timeout"] = strconv.FormatInt(timeout.Milliseconds(), 10)
	}
	db := stdlib.OpenDB(*own)
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(size)
	db.SetConnMaxIdleTime(5 * time.Minute)
	s.pools = append(s.pools, db)
	return db
}
