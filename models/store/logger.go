package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

// slowStatement is how long a statement may take before the log says so.
const slowStatement = time.Second

// gormConfig is the same for every pool: no hidden transactions, no clock of GORM's own, no values in the log.
func (s *Store) gormConfig() *gorm.Config {
	return &gorm.Config{
		SkipDefaultTransaction: true,
		Logger:                 &statementLog{log: s.opt.Log, hook: s.opt.OnStatement},
		NowFunc:                func() time.Time { return s.opt.Now().UTC() },
	}
}

// statementLog passes GORM's reports on to slog and to the hook.
type statementLog struct {
	log  *slog.Logger
	hook func(ctx context.Context, query string)
}

// LogMode is asked for by GORM; the level is slog's business.
func (l *statementLog) LogMode(logger.LogLevel) logger.Interface { return l }

// Info logs what GORM says about itself.
func (l *statementLog) Info(ctx context.Context, text string, args ...any) {
	l.log.DebugContext(ctx, "database library", slog.String("text", fmt.Sprintf(text, args...)))
}

// Warn logs what GORM warns of.
func (l *statementLog) Warn(ctx context.Context, text string, args ...any) {
	l.log.WarnContext(ctx, "database library", slog.String("text", fmt.Sprintf(text, args...)))
}

// Error logs what GORM complains of; errors of statements do not come this way.
func (l *statementLog) Error(ctx context.Context, text string, args ...any) {
	l.log.ErrorContext(ctx, "database library", slog.String("text", fmt.Sprintf(text, args...)))
}

// Trace is called after every statement. Its error is returned to the caller, who decides; so it is not logged here.
func (l *statementLog) Trace(ctx context.Context, begin time.Time, report func() (string, int64), err error) {
	took := time.Since(begin) //nolint:forbidigo // begin is GORM's reading of the real clock
	debug := l.log.Enabled(ctx, slog.LevelDebug)
	if l.hook == nil && !debug && took < slowStatement {
		return
	}
	query, rows := report()
	if l.hook != nil {
		l.hook(ctx, query)
	}
	switch {
	case took >= slowStatement:
		l.log.WarnContext(ctx, "slow statement", slog.String("sql", query), slog.Duration("took", took), slog.Int64("rows", rows))
	case debug:
		l.log.DebugContext(ctx, "statement", slog.String("sql", query), slog.Duration("took", took), slog.Int64("rows", rows),
			slog.Bool("failed", err != nil && !errors.Is(err, gorm.ErrRecordNotFound)))
	}
}

// ParamsFilter keeps values out of the text: they may be names, hashes or sealed secrets.
func (l *statementLog) ParamsFilter(_ context.Context, query string, _ ...any) (string, []any) {
	return query, nil
}
