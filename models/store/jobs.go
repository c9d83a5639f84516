package store

import (
	"context"
	"database/sql"
	"errors"
	"hash/fnv"
)

// Exclusive runs a job unless another process runs it: ran says whether it did. The lock goes with its session, so a job
// of several steps calls held before each and stops at its error; each step must be safe to run twice all the same. On
// SQLite, which has one process, the job always runs. The job may use the store; the lock's own connection is apart.
func (s *Store) Exclusive(ctx context.Context, name string, job func(ctx context.Context, held func() error) error) (ran bool, err error) {
	if !s.postgres {
		return true, job(ctx, ctx.Err)
	}
	pool, err := s.feed.DB()
	if err != nil {
		return false, fail("lock a job", err)
	}
	conn, err := pool.Conn(ctx) // the lock belongs to this session
	if err != nil {
		return false, fail("lock a job", err)
	}
	defer func() { err = errors.Join(err, fail("unlock a job", conn.Close())) }()
	sum := fnv.New64a()
	_, _ = sum.Write([]byte("gatehouse job " + name)) // never fails
	lock := int64(sum.Sum64())                        //nolint:gosec // any 64 bits will do
	if err := conn.QueryRowContext(ctx, "SELECT pg_try_advisory_lock($1)", lock).Scan(&ran); err != nil || !ran {
		return false, fail("lock a job", err)
	}
	defer func() {
		// ctx may have ended; the pooled session must not keep the lock.
		_, unlockErr := conn.ExecContext(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock($1)", lock)
		if unlockErr != nil && !errors.Is(unlockErr, sql.ErrConnDone) {
			err = errors.Join(err, fail("unlock a job", unlockErr))
		}
	}()
	return true, job(ctx, func() error { return fail("hold the lock of a job", conn.PingContext(ctx)) })
}
