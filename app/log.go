package app

import (
	"context"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"gatehouse/app/config"
)

const (
	// logDelay is how long a line may wait for others. A write for every call is a tenth of what a call costs.
	logDelay  = 20 * time.Millisecond
	logBuffer = 64 << 10
)

// logStatements is the variable that has every SQL statement logged.
const logStatements = "GATEHOUSE_LOG_SQL"

// newLogger logs to out through a buffer, which is the caller's to close. A warning or an error waits for nothing and takes
// everything before it along; nor does any line where statements are logged, by someone who watches what happens when.
func newLogger(c config.Log, out io.Writer) (*slog.Logger, *logLines) {
	level := slog.LevelInfo
	_ = level.UnmarshalText([]byte(c.Level)) // config has checked the word
	o := &slog.HandlerOptions{Level: level}
	l := newLogLines(out)
	l.direct = os.Getenv(logStatements) == "1" || level <= slog.LevelDebug
	if c.JSON {
		return slog.New(urgent{slog.NewJSONHandler(l, o), l}), l
	}
	return slog.New(urgent{slog.NewTextHandler(l, o), l}), l
}

// logLines gathers log lines for a moment before they are written. It sleeps while nothing is logged. Safe for concurrent use.
type logLines struct {
	out io.Writer

	mu     sync.Mutex
	buf    []byte
	direct bool // write at once: closed, or as asked

	wake, stop, stopped chan struct{}
}

func newLogLines(out io.Writer) *logLines {
	l := &logLines{out: out, wake: make(chan struct{}, 1), stop: make(chan struct{}), stopped: make(chan struct{})}
	go l.run()
	return l
}

// Write takes whole lines. An error may be about an earlier one.
func (l *logLines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	first := len(l.buf) == 0
	l.buf = append(l.buf, b...)
	if l.direct || len(l.buf) >= logBuffer {
		return len(b), l.flush()
	}
	if first {
		select {
		case l.wake <- struct{}{}:
		default:
		}
	}
	return len(b), nil
}

// flush writes what is there; the caller holds mu. What cannot be written is dropped: a full pipe must not fill memory.
func (l *logLines) flush() error {
	if len(l.buf) == 0 {
		return nil
	}
	_, err := l.out.Write(l.buf)
	l.buf = l.buf[:0]
	return err
}

// Flush writes what waits.
func (l *logLines) Flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = l.flush() // there is nobody to tell but the log
}

func (l *logLines) run() {
	defer close(l.stopped)
	t := time.NewTimer(logDelay)
	defer t.Stop()
	for {
		select {
		case <-l.wake:
		case <-l.stop:
			return
		}
		t.Reset(logDelay)
		select {
		case <-t.C:
		case <-l.stop:
			return
		}
		l.Flush()
	}
}

// Close writes what waits; lines that come later are written at once.
func (l *logLines) Close() {
	close(l.stop)
	<-l.stopped
	l.mu.Lock()
	defer l.mu.Unlock()
	l.direct = true
	_ = l.flush()
}

// urgent is a handler whose warnings and errors do not wait.
type urgent struct {
	slog.Handler
	lines *logLines
}

// Handle writes a record, and if someone should look at it, everything that waits.
func (u urgent) Handle(ctx context.Context, r slog.Record) error {
	err := u.Handler.Handle(ctx, r)
	if r.Level >= slog.LevelWarn {
		u.lines.Flush()
	}
	return err
}

// WithAttrs keeps the wrapping.
func (u urgent) WithAttrs(attrs []slog.Attr) slog.Handler {
	return urgent{u.Handler.WithAttrs(attrs), u.lines}
}

// WithGroup keeps the wrapping.
func (u urgent) WithGroup(name string) slog.Handler {
	return urgent{u.Handler.WithGroup(name), u.lines}
}
