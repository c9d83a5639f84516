package reliability_test

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
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"gatehouse/internal/testkit"
)

// patience bounds every wait. It is far above what a loaded two-core machine needs.
const patience = 60 * time.Second

// options say how a gateway is started; the zero value is the program as it comes, on SQLite.
type options struct {
	config   string            // text of config.yaml
	database string            // DATABASE_URL
	data     string            // data folder; a fresh one when empty
	env      map[string]string // further environment; a value of "-" takes a variable away
	args     []string
	wrap     []string // a command line that runs the program given behind it
}

// gateway is the program as a process that tests may kill and start as they like.
type gateway struct {
	*testkit.Server // requests; its process is not used

	database string
	config   string // path of config.yaml; empty without one
	args     []string
	env      []string
	wrap     []string
	out      output
	process  *exec.Cmd
	exited   chan error
}

// newGateway prepares a gateway without starting it. Its process ends with the test.
func newGateway(t *testing.T, o options) *gateway {
	t.Helper()
	port := freePort(t)
	if o.data == "" {
		o.data = t.TempDir()
	}
	g := &gateway{
		Server:   &testkit.Server{URL: "http://127.0.0.1:" + strconv.Itoa(port), MasterKey: testkit.MasterKey, Data: o.data, Port: port},
		database: o.database, wrap: o.wrap, args: []string{"--host", "127.0.0.1", "--port", strconv.Itoa(port), "--data", o.data},
	}
	if o.config != "" {
		g.config = filepath.Join(t.TempDir(), "config.yaml")
		g.write(t, o.config)
		g.args = append(g.args, "--config", g.config)
	}
	g.args = append(g.args, o.args...)
	env := map[string]string{
		"PATH": os.Getenv("PATH"), "HOME": os.TempDir(), "TZ": "UTC", "LITELLM_MASTER_KEY": testkit.MasterKey,
		"UI_USERNAME": "admin", "UI_PASSWORD": testkit.UIPassword,
	}
	if o.database != "" {
		env["DATABASE_URL"] = o.database
	}
	maps.Copy(env, o.env)
	for name, value := range env {
		if value != "-" {
			g.env = append(g.env, name+"="+value)
		}
	}
	t.Cleanup(func() {
		g.kill(t)
		if t.Failed() {
			t.Logf("log of gatehouse on port %d:\n%s", port, tail(g.out.String(), 20_000))
		}
	})
	return g
}

// startGateway prepares a gateway and starts it.
func startGateway(t *testing.T, o options) *gateway {
	t.Helper()
	g := newGateway(t, o)
	g.start(t)
	return g
}

func (g *gateway) write(t *testing.T, config string) {
	t.Helper()
	if err := os.WriteFile(g.config, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
}

// launch starts the process and does not wait for it.
func (g *gateway) launch(t *testing.T) {
	t.Helper()
	line := append(append(append([]string(nil), g.wrap...), testkit.Binary(t)), g.args...)
	g.process = exec.Command(line[0], line[1:]...) //nolint:noctx,gosec // ends by signal; the program is our own
	g.process.Env = g.env
	g.process.Stdout, g.process.Stderr = &g.out, &g.out
	if err := g.process.Start(); err != nil {
		t.Fatalf("start gatehouse: %v", err)
	}
	exited := make(chan error, 1)
	go func(p *exec.Cmd) { exited <- p.Wait() }(g.process)
	g.exited = exited
}

// start launches the process and waits until it serves. It returns how long that took.
func (g *gateway) start(t *testing.T) time.Duration {
	t.Helper()
	began := time.Now() //nolint:forbidigo // a figure for the log
	g.launch(t)
	within(t, "gatehouse serves", func() bool {
		select {
		case err := <-g.exited:
			g.process = nil
			t.Fatalf("gatehouse ended while starting: %v\n%s", err, tail(g.out.String(), 4000))
		default:
		}
		status, _ := g.get("/health/liveliness", "")
		return status == http.StatusOK
	})
	return time.Since(began) //nolint:forbidigo // a figure for the log
}

// kill ends the process as a crash would.
func (g *gateway) kill(t *testing.T) {
	t.Helper()
	if g.process != nil {
		_ = g.process.Process.Kill()
		_ = g.wait(t) // "signal: killed"
	}
}

// stop ends the process by SIGTERM and returns how long that took; it fails the test unless the exit status is 0.
func (g *gateway) stop(t *testing.T) time.Duration {
	t.Helper()
	began := time.Now() //nolint:forbidigo // a figure for the log
	g.signal(t, syscall.SIGTERM)
	if err := g.wait(t); err != nil {
		t.Errorf("gatehouse after SIGTERM: %v", err)
	}
	return time.Since(began) //nolint:forbidigo // a figure for the log
}

func (g *gateway) signal(t *testing.T, s os.Signal) {
	t.Helper()
	if err := g.process.Process.Signal(s); err != nil {
		t.Fatalf("signal gatehouse: %v", err)
	}
}

// wait returns the end of the process.
func (g *gateway) wait(t *testing.T) error {
	t.Helper()
	select {
	case err := <-g.exited:
		g.process = nil
		return err
	case <-time.After(patience):
		_ = g.process.Process.Kill()
		t.Fatalf("gatehouse still runs after %s", patience)
		return nil
	}
}

// exitCode runs the program to its end and returns its status and all that it printed.
func (g *gateway) exitCode(t *testing.T) (int, string) {
	t.Helper()
	g.launch(t)
	err := g.wait(t)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	code := 0
	if exit != nil {
		code = exit.ExitCode()
	}
	return code, g.out.String()
}

// get asks once, quickly, and gives 0 when there is no answer.
func (g *gateway) get(path, key string) (int, []byte) {
	r := g.send(http.MethodGet, path, key, "")
	return r.status, r.body
}

// reply is what came back for one request.
type reply struct {
	status int
	header http.Header
	body   []byte
	took   time.Duration
	err    error
}

// send makes one request on a connection of its own pool; its error is in the reply.
func (g *gateway) send(method, path, key, body string) reply {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, g.URL+path, strings.NewReader(body))
	if err != nil {
		return reply{err: err}
	}
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	began := time.Now() //nolint:forbidigo // a figure for the log
	resp, err := client.Do(req)
	if err != nil {
		return reply{err: err}
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, data, time.Since(began), err} //nolint:forbidigo // a figure for the log
}

// client keeps many connections, since tests make many calls at once.
var client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1000, IdleConnTimeout: 10 * time.Second}}

// within waits until done, or fails the test.
func within(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("still waiting after %s: %s", patience, what)
		}
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}

// output collects what a process prints, while tests read it.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

func (o *output) reset() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.buf.Reset()
}

// tail is the end of a long text.
func tail(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return fmt.Sprintf("… %d bytes left out …\n%s", len(s)-n, s[len(s)-n:])
}
