// Package store is the database: a file a noun, queries and nothing else. It runs the same on PostgreSQL and on
// SQLite. Rules live with the callers; what the store itself holds to are uniqueness, references and transactions.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"gorm.io/gorm"

	"gatehouse/models"
)

// Options say how to open a database. The zero value of every field is usable.
type Options struct {
	Now  func() time.Time // default: time.Now
	Log  *slog.Logger     // default: discards
	Zone *time.Location   // reporting zone that cuts days of the daily aggregates; default UTC

	MaxOpen          int           // connections for the control plane (PostgreSQL); default 10
	StatementTimeout time.Duration // for one statement of the control plane (PostgreSQL); default 30 s
	ConnectTimeout   time.Duration // for one connection attempt; default 5 s
	PollEvery        time.Duration // longest wait of Watch; default 2 s

	NoMigration      bool // refuse a database whose schema is older instead of migrating it
	DisableSpendLogs bool // keep counters and daily aggregates, but no row for each call

	// OnStatement, when set, is told of every SQL statement before its result is used: text with placeholders, no values.
	OnStatement func(ctx context.Context, query string)
}

// Store is one open database, or, inside [Store.Change], one transaction on it. Safe for concurrent use, except that a
// transaction belongs to the function it was given to.
type Store struct {
	opt      Options
	postgres bool
	schema   int64 // the newest migration

	read   *gorm.DB // plain reads
	write  *gorm.DB // the control plane's writes; one connection on SQLite
	ledger *gorm.DB // WriteSpend, apart, so that a slow report cannot hold up the books
	feed   *gorm.DB // the change feed and counters at start
	bank   *gorm.DB // slices of budgets, for which calls wait

	inTx   bool
	driver *sql.Conn           // in a transaction of BookSpend on SQLite: the connection that it runs on
	audit  *[]*models.AuditRow // in a transaction: what its end will append to the audit log
	pools  []*sql.DB
	closed *closedDays
	today  *presentDay           // nil: on PostgreSQL, where other replicas book calls too
	added  *[]*models.DailySpend // in a transaction of BookSpend: what it adds to the daily sums
	bell   *bell
	// windows moves a counter on to the window that it is in now (ShowWindows).
	windows *atomic.Pointer[func(models.Counter) models.Counter]
}

// Open connects to dsn, postgres://… or sqlite:PATH, and brings its schema up to date under a lock. Errors:
// fault.Invalid for another kind of address, fault.Unavailable when the server cannot be reached, fault.Conflict when
// the schema is newer than this program. Call Close when done.
func Open(ctx context.Context, dsn string, opt Options) (*Store, error) {
	opt = opt.withDefaults()
	s := &Store{opt: opt, bell: newBell(), windows: new(atomic.Pointer[func(models.Counter) models.Counter]), closed: new(closedDays)}
	var err error
	switch {
	case strings.HasPrefix(dsn, "postgres://"), strings.HasPrefix(dsn, "postgresql://"):
		s.postgres = true
		err = s.openPostgres(ctx, dsn)
	case strings.HasPrefix(dsn, "sqlite:"):
		s.today = new(presentDay)
		err = s.openSQLite(ctx, strings.TrimPrefix(dsn, "sqlite:"))
	default:
		err = badAddress("the database address must start with postgres:// or sqlite:")
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now //nolint:forbidigo // the default of an option; everything below is passed this one
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Zone == nil {
		o.Zone = time.UTC
	}
	if o.MaxOpen < 1 {
		o.MaxOpen = 10
	}
	if o.StatementTimeout <= 0 {
		o.StatementTimeout = 30 * time.Second
	}
	if o.ConnectTimeout <= 0 {
		o.ConnectTimeout = 5 * time.Second
	}
	if o.PollEvery <= 0 {
		o.PollEvery = 2 * time.Second
	}
	return o
}

// Close stops the listener and closes every connection. It waits for statements that run. Later calls do nothing.
func (s *Store) Close() error {
	s.bell.stop()
	var errs []error
	for _, pool := range s.pools {
		errs = append(errs, pool.Close())
	}
	s.pools = nil
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close the database: %w", err)
	}
	return nil
}

// Ping asks the database for a trivial answer, for the prober behind the health endpoints; slow reports do not stand in its
// way. It gives up after 2 s whatever ctx says. Errors: fault.Unavailable.
func (s *Store) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	var one int
	return fail("ping the database", s.feed.WithContext(ctx).Raw("SELECT 1").Find(&one).Error)
}

// IsPostgres says which of the two databases this is, for the start-up line and the readiness page.
func (s *Store) IsPostgres() bool { return s.postgres }

// bell wakes the watchers of the change feed.
type bell struct {
	mu      sync.Mutex
	seq     int64         // newest sequence known to be committed
	changed chan struct{} // closed and replaced when seq grows

	run    func(context.Context) // the listener; nil on SQLite
	listen sync.Once
	cancel context.CancelFunc
	done   chan struct{} // closed when the listener has ended; nil without one
	closed bool

	news map[string]func(string) // by channel, who is told what came over it
}

// tell passes on what came over a channel.
func (b *bell) tell(channel, news string) {
	b.mu.Lock()
	fn := b.news[channel]
	b.mu.Unlock()
	if fn != nil {
		fn(news)
	}
}

// on registers who is told.
func (b *bell) on(channel string, fn func(news string)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.news == nil {
		b.news = map[string]func(string){}
	}
	b.news[channel] = fn
}

func newBell() *bell { return &bell{changed: make(chan struct{})} }

// ring says that seq is committed; older news is ignored.
func (b *bell) ring(seq int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if seq > b.seq {
		b.seq = seq
		close(b.changed)
		b.changed = make(chan struct{})
	}
}

// state gives the newest sequence, and a channel that closes when there is a newer one.
func (b *bell) state() (int64, <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.seq, b.changed
}

// start runs the listener, if there is one, at the first watch: a command that watches nothing needs no connection for it.
func (b *bell) start() {
	b.listen.Do(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.closed || b.run == nil {
			return
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		b.cancel, b.done = cancel, done
		go func() {
			defer close(done)
			b.run(ctx)
		}()
	})
}

// stop ends the listener and waits for it.
func (b *bell) stop() {
	b.mu.Lock()
	b.closed = true
	cancel, done := b.cancel, b.done
	b.mu.Unlock()
	if done != nil {
		cancel()
		<-done
	}
}
