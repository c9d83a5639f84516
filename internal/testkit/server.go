package testkit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Options says how to start a [Server]. The zero value starts it on SQLite without any model.
type Options struct {
	Config   string            // text of config.yaml; none when empty and Provider is nil
	Provider *Provider         // without Config: serves [DefaultConfig] for it; with Config: fills ${PROVIDER} there
	Database string            // DATABASE_URL, as from [Postgres]; SQLite in the data folder when empty
	Redis    string            // REDIS_URL, as from [Redis]
	Data     string            // data folder; a fresh one when empty
	Env      map[string]string // further environment; the test's own environment is not passed on
	Args     []string          // further arguments
}

// MasterKey is the master key of every [Server]. UIPassword signs the admin in as "admin".
const (
	MasterKey  = "sk-testkit-master-0123456789abcdef"
	UIPassword = "testkit-password-of-the-admin"
)

// DefaultConfig is the config.yaml for a provider: two chat models and an embedding model on OpenAI's wire and a model
// on Anthropic's, priced at 1 USD per million input and 2 USD per million output tokens.
const DefaultConfig = `model_list:
  - model_name: gpt-4o
    litellm_params: {model: openai/gpt-4o, api_base: "${PROVIDER}/v1", api_key: sk-upstream, input_cost_per_token: 0.000001, output_cost_per_token: 0.000002}
  - model_name: gpt-4o-mini
    litellm_params: {model: openai/gpt-4o-mini, api_base: "${PROVIDER}/v1", api_key: sk-upstream, input_cost_per_token: 0.000001, output_cost_per_token: 0.000002}
  - model_name: text-embedding-3-small
    litellm_params: {model: openai/text-embedding-3-small, api_base: "${PROVIDER}/v1", api_key: sk-upstream, input_cost_per_token: 0.000001, output_cost_per_token: 0}
    model_info: {mode: embedding}
  - model_name: claude-sonnet-4-5
    litellm_params: {model: anthropic/claude-sonnet-4-5, api_base: "${PROVIDER}", api_key: sk-ant-upstream, input_cost_per_token: 0.000001, output_cost_per_token: 0.000002}
`

// Server is the gatehouse program running as a process of its own. Its methods are for one goroutine at
// a time, but for requests and Log, which any number may use.
type Server struct {
	URL       string // http://127.0.0.1:PORT
	MasterKey string
	Data      string // its data folder
	Port      int

	args []string
	env  []string
	log  syncBuffer

	process *exec.Cmd
	exited  chan error // gets the process's end, once
}

// Start runs the program on a free port and waits until it answers /health/liveliness. It is stopped with the test,
// and its log is printed if the test has failed.
func Start(tb testing.TB, opts Options) *Server {
	tb.Helper()
	s := &Server{MasterKey: MasterKey, Data: opts.Data, Port: freePort(tb)}
	if s.Data == "" {
		s.Data = tb.TempDir()
	}
	s.URL = "http://127.0.0.1:" + strconv.Itoa(s.Port)
	s.args = []string{"--host", "127.0.0.1", "--port", strconv.Itoa(s.Port), "--data", s.Data}
	if text := opts.configText(); text != "" {
		path := filepath.Join(tb.TempDir(), "config.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			tb.Fatal(err)
		}
		s.args = append(s.args, "--config", path)
	}
	s.args = append(s.args, opts.Args...)
	s.env = opts.environment()
	tb.Cleanup(func() {
		_ = s.end(syscall.SIGKILL) // always "signal: killed"
		if tb.Failed() {
			tb.Logf("log of gatehouse:\n%s", s.Log())
		}
	})
	s.Restart(tb)
	return s
}

func (o Options) configText() string {
	text := o.Config
	if text == "" && o.Provider != nil {
		text = DefaultConfig
	}
	if o.Provider != nil {
		text = strings.ReplaceAll(text, "${PROVIDER}", o.Provider.URL)
	}
	return text
}

// environment is a small one, so that what the developer has set cannot change a test.
func (o Options) environment() []string {
	env := map[string]string{
		"PATH": os.Getenv("PATH"), "HOME": os.TempDir(), "TZ": "UTC",
		"LITELLM_MASTER_KEY": MasterKey, "UI_USERNAME": "admin", "UI_PASSWORD": UIPassword,
	}
	if o.Database != "" {
		env["DATABASE_URL"] = o.Database
	}
	if o.Redis != "" {
		env["REDIS_URL"] = o.Redis
	}
	maps.Copy(env, o.Env)
	list := make([]string, 0, len(env))
	for name, value := range env {
		list = append(list, name+"="+value)
	}
	slices.Sort(list)
	return list
}

// Restart ends the process if it runs, by SIGTERM, and starts it again with the same data, port and settings.
func (s *Server) Restart(tb testing.TB) {
	tb.Helper()
	s.Stop(tb)
	s.process = exec.Command(Binary(tb), s.args...) //nolint:noctx,gosec // ends by signal; the program is our own
	s.process.Env = s.env
	s.process.Stdout, s.process.Stderr = &s.log, &s.log
	if err := s.process.Start(); err != nil {
		tb.Fatalf("start gatehouse: %v", err)
	}
	exited := make(chan error, 1)
	go func(process *exec.Cmd) { exited <- process.Wait() }(s.process)
	s.exited = exited
	s.waitReady(tb)
}

// waitReady asks until the server answers; it fails at once when the process has ended.
func (s *Server) waitReady(tb testing.TB) {
	tb.Helper()
	ctx, cancel := patient()
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if alive(ctx, s.URL+"/health/liveliness") {
			return
		}
		select {
		case err := <-s.exited:
			s.process = nil
			tb.Fatalf("gatehouse ended while starting: %v", err)
		case <-ctx.Done():
			tb.Fatalf("gatehouse did not answer within %s", Patience)
		case <-tick.C:
		}
	}
}

func alive(ctx context.Context, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return errors.Join(err, resp.Body.Close()) == nil && resp.StatusCode == http.StatusOK
}

// Stop ends the process by SIGTERM and waits for it, however many requests it still drains; the test fails when it does
// not end in order. Nothing happens when it does not run.
func (s *Server) Stop(tb testing.TB) {
	tb.Helper()
	if err := s.end(syscall.SIGTERM); err != nil {
		tb.Errorf("gatehouse after SIGTERM: %v", err)
	}
}

// Kill ends the process by SIGKILL, as a crash would.
func (s *Server) Kill(tb testing.TB) {
	tb.Helper()
	_ = s.end(syscall.SIGKILL) // always "signal: killed"
}

// Process returns the running process, to signal it (SIGHUP reads config.yaml again) or to look at its memory and files.
func (s *Server) Process() *os.Process { return s.process.Process }

// end sends the signal and waits for the process, which is killed after [Patience].
func (s *Server) end(signal os.Signal) error {
	if s.process == nil {
		return nil
	}
	process := s.process.Process
	s.process = nil
	if err := process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("signal gatehouse: %w", err)
	}
	select {
	case err := <-s.exited:
		return err
	case <-time.After(Patience):
		return errors.Join(fmt.Errorf("still running %s after %v", Patience, signal), process.Kill())
	}
}

// Log returns what all runs of the program have printed so far.
func (s *Server) Log() string { return s.log.String() }

// freePort finds a port that was free a moment ago.
func freePort(tb testing.TB) int {
	tb.Helper()
	listener, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	if err := listener.Close(); err != nil {
		tb.Fatal(err)
	}
	return port
}

// syncBuffer lets the process write while tests read.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
