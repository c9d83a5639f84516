package app

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/app/config"
)

// sink is a place for lines that counts the writes.
type sink struct {
	mu     sync.Mutex
	buf    bytes.Buffer
	writes int
	err    error
}

func (s *sink) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes++
	if s.err != nil {
		return 0, s.err
	}
	return s.buf.Write(b)
}

func (s *sink) state() (text string, writes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.String(), s.writes
}

func TestLogLinesAreWrittenTogether(t *testing.T) {
	t.Parallel()
	out := new(sink)
	log, lines := newLogger(config.Log{Level: "info", JSON: true}, out)
	defer lines.Close()
	for range 100 {
		log.Info("call")
	}
	deadline := time.After(20 * time.Second)
	for {
		text, writes := out.state()
		if strings.Count(text, "\n") == 100 {
			if writes >= 100 {
				t.Errorf("100 lines took %d writes", writes)
			}
			return
		}
		select {
		case <-deadline:
			t.Fatalf("the lines never came: %q", text)
		case <-time.After(time.Millisecond):
		}
	}
}

func TestAWarningDoesNotWait(t *testing.T) {
	t.Parallel()
	out := new(sink)
	log, lines := newLogger(config.Log{Level: "info"}, out)
	defer lines.Close()
	log.With(slog.String("a", "b")).WithGroup("g").Info("before")
	log.With(slog.String("a", "b")).WithGroup("g").Warn("trouble")
	if text, _ := out.state(); !strings.Contains(text, "before") || !strings.Contains(text, "trouble") {
		t.Errorf("%q", text)
	}
}

func TestNoLineIsLostAtTheEnd(t *testing.T) {
	t.Parallel()
	out := new(sink)
	log, lines := newLogger(config.Log{Level: "info"}, out)
	log.Info("last words")
	lines.Close()
	log.Info("after that")
	if text, _ := out.state(); !strings.Contains(text, "last words") || !strings.Contains(text, "after that") {
		t.Errorf("%q", text)
	}
}

func TestLinesThatCannotBeWrittenDoNotPileUp(t *testing.T) {
	t.Parallel()
	out := &sink{err: errors.New("broken pipe")}
	l := newLogLines(out)
	defer l.Close()
	line := []byte(strings.Repeat("x", 1023) + "\n")
	for range 1000 {
		_, _ = l.Write(line)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if cap(l.buf) > 4*logBuffer {
		t.Errorf("%d bytes are kept", cap(l.buf))
	}
}
