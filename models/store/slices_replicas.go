package store

import (
	"context"
	"database/sql"
	"time"

	"gorm.io/gorm"

	"gatehouse/models"
)

// dbMicros is the database's clock, which is the one that slices and windows go by.
const dbMicros = "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)"

// heardFor is how long after its last beat a replica is taken to serve: a few beats.
const heardFor = 8 * time.Second

// Beat tells that a replica lives, and how many do. One that was not known, or that the others have given up since its
// last beat, is entered again and gets back what it lost. On SQLite there is one replica and nothing is written.
func (s *Store) Beat(ctx context.Context, replica string, ttl time.Duration) (b models.Beat, err error) {
	if !s.postgres {
		return models.Beat{Live: 1, Heard: 1, Lowest: true}, nil
	}
	err = s.transact(ctx, s.bank, func(tx *Store) error {
		db := tx.bank.WithContext(ctx)
		var row struct {
			Now   int64
			Fresh bool
		}
		err := db.Raw(`INSERT INTO replicas (id, seen_at, ttl, started_at) VALUES (?, `+dbMicros+`, ?, `+dbMicros+`)
ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at, ttl = excluded.ttl RETURNING seen_at AS now, (xmax = 0) AS fresh`,
			replica, ttl.Microseconds()).Find(&row).Error
		if err != nil {
			return err
		}
		var live struct {
			Count, Heard int64
			Lowest       string
		}
		err = db.Raw(`SELECT count(*) AS count, count(*) FILTER (WHERE seen_at > @recent) AS heard, min(id) FILTER (WHERE seen_at > @recent) AS lowest
FROM replicas WHERE seen_at + ttl > @now`, sql.Named("now", row.Now), sql.Named("recent", row.Now-heardFor.Microseconds())).Find(&live).Error
		if err != nil {
			return err
		}
		b = models.Beat{Now: models.FromMicros(row.Now), Live: live.Count, Heard: live.Heard, Lowest: live.Lowest == replica, Fresh: row.Fresh}
		if row.Fresh {
			return resume(db, replica)
		}
		return nil
	})
	return b, fail("tell that this replica lives", err)
}

// resume gives a replica back what it was given up with: nobody else has had it since.
func resume(db *gorm.DB, replica string) error {
	if err := lockScopesOf(db, replica); err != nil {
		return err
	}
	return db.Exec(`WITH back AS (UPDATE slices SET lost = 0 WHERE replica = ? AND lost = 1 RETURNING scope, window_start, balance)
UPDATE counters AS c SET sliced = c.sliced + b.balance, lost = c.lost - b.balance FROM back AS b
WHERE c.scope = b.scope AND c.window_start = b.window_start`, replica).Error
}

// lockScopesOf locks the counters of every scope that a replica has a slice of, in their order.
func lockScopesOf(db *gorm.DB, replica string) error {
	return db.Exec(`SELECT c.scope FROM counters AS c JOIN slices AS s ON s.scope = c.scope WHERE s.replica = ?
ORDER BY c.scope FOR UPDATE OF c`, replica).Error
}

// Leave takes a replica off the list and gives back all that it had: when it ends in order, and at its start, once what an
// earlier run of it had spent is in the books.
func (s *Store) Leave(ctx context.Context, replica string) error {
	if !s.postgres {
		return nil
	}
	return s.transact(ctx, s.bank, func(tx *Store) error {
		db := tx.bank.WithContext(ctx)
		if err := db.Exec("DELETE FROM replicas WHERE id = ?", replica).Error; err != nil {
			return fail("leave", err)
		}
		if err := lockScopesOf(db, replica); err != nil {
			return fail("leave", err)
		}
		if err := db.Exec(`WITH gone AS (DELETE FROM slices WHERE replica = ? RETURNING scope, window_start, balance, lost)
UPDATE counters AS c SET sliced = c.sliced - g.balance * (1 - g.lost), lost = c.lost - g.balance * g.lost FROM gone AS g
WHERE c.scope = g.scope AND c.window_start = g.window_start`, replica).Error; err != nil {
			return fail("give slices back", err)
		}
		return fail("forget open calls", db.Exec("DELETE FROM open_holds WHERE replica = ?", replica).Error)
	})
}
