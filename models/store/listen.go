package store

import (
	"context"
	"log/slog"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

// configChannel is where the triggers of the config tables ring.
const configChannel = "gatehouse_config"

// How long the listener waits before it connects again, at first and at most.
const (
	reconnectFirst = 100 * time.Millisecond
	reconnectMost  = 2 * time.Second
)

// listen holds a connection of its own that hears of changes, of budgets and of deployments, and makes a new one whenever it is lost. What was
// said while nobody listened is found by reading the sequence after each connect. It ends with ctx.
func (s *Store) listen(ctx context.Context, config *pgx.ConnConfig) {
	wait := reconnectFirst
	for ctx.Err() == nil {
		heard, err := s.hear(ctx, config)
		if ctx.Err() != nil {
			return
		}
		if heard {
			wait = reconnectFirst
		}
		s.opt.Log.WarnContext(ctx, "lost the listening connection", slog.Any("error", err), slog.Duration("retry_in", wait))
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
		wait = min(wait*2, reconnectMost)
	}
}

// hear is one connection's life; heard says that it got as far as listening.
func (s *Store) hear(ctx context.Context, config *pgx.ConnConfig) (heard bool, err error) {
	conn, err := pgx.ConnectConfig(ctx, config.Copy())
	if err != nil {
		return false, err
	}
	defer func() {
		// ctx may have ended, and that is no reason to leave the server with half a connection.
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(closing)
	}()
	if _, err := conn.Exec(ctx, "LISTEN "+configChannel+"; LISTEN "+budgetChannel+"; LISTEN "+routeChannel); err != nil {
		return false, err
	}
	var seq int64
	if err := conn.QueryRow(ctx, "SELECT seq FROM config_seq").Scan(&seq); err != nil {
		return true, err
	}
	s.bell.ring(seq)
	s.bell.tell(budgetChannel, "set") // what was said while nobody listened
	for {
		note, err := conn.WaitForNotification(ctx)
		if err != nil {
			return true, err
		}
		if note.Channel != configChannel {
			s.bell.tell(note.Channel, note.Payload)
			continue
		}
		if seq, err := strconv.ParseInt(note.Payload, 10, 64); err == nil {
			s.bell.ring(seq)
		}
	}
}
