package testkit

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// service is one test server: named by the environment, or started once by this test process.
type service struct {
	name string // as tools/services.sh knows it
	env  string // variable that holds the address of a running one
	once sync.Once
	url  string
	err  error
}

// The servers are shared by all tests of a process, since starting PostgreSQL costs more than most tests do.
var (
	postgresServer = &service{name: "postgres", env: "GATEHOUSE_TEST_POSTGRES"}
	redisServer    = &service{name: "redis", env: "GATEHOUSE_TEST_REDIS"}
)

// address returns where the service answers, starting it when the environment names none.
func (s *service) address() (string, error) {
	s.once.Do(func() {
		if s.url = os.Getenv(s.env); s.url == "" {
			s.url, s.err = s.start()
		}
	})
	return s.url, s.err
}

// start runs tools/services.sh up, and a shell that takes the server down again when this process has ended, however
// it ended: the shell waits for the end of a pipe whose other end only this process holds.
func (s *service) start() (string, error) {
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	script := filepath.Join(root, "tools", "services.sh")
	dir, err := os.MkdirTemp("", "gatehouse-"+s.name+"-")
	if err != nil {
		return "", fmt.Errorf("make a folder for %s: %w", s.name, err)
	}
	ctx, cancel := patient()
	defer cancel()
	up := exec.CommandContext(ctx, "bash", script, "up", dir, s.name)
	var complaint bytes.Buffer
	up.Stderr = &complaint
	out, err := up.Output()
	if err != nil {
		_ = os.RemoveAll(dir)
		return "", fmt.Errorf("start %s: %w: %s (or set %s, or %s=1 to skip such tests)",
			s.name, err, strings.TrimSpace(complaint.String()), s.env, noServices)
	}
	if err := guard(script, dir); err != nil {
		return "", err
	}
	_, value, found := strings.Cut(string(out), s.env+"='")
	url, _, closed := strings.Cut(value, "'")
	if !found || !closed {
		return "", fmt.Errorf("start %s: services.sh printed no %s: %q", s.name, s.env, out)
	}
	return url, nil
}

// guard leaves behind the shell described at [service.start].
func guard(script, dir string) error {
	read, write, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("make a pipe: %w", err)
	}
	// No context: the shell must outlive this process to clean up after it.
	cmd := exec.Command("sh", "-c", `read -r _; exec bash "$0" down "$1"`, script, dir) //nolint:noctx // see above
	cmd.Stdin = read
	cmd.SysProcAttr = ownGroup() // so that Ctrl-C reaches the tests first, and the server after them
	if err := cmd.Start(); err != nil {
		return errors.Join(fmt.Errorf("start the guard of %s: %w", dir, err), read.Close(), write.Close())
	}
	heldOpen.Store(dir, write) // never closed: the end of the process closes it
	if err := read.Close(); err != nil {
		return fmt.Errorf("close the guard's end of the pipe: %w", err)
	}
	return nil
}

// heldOpen keeps the pipes from being closed by the garbage collector.
var heldOpen sync.Map

// moduleRoot returns the folder of go.mod, found upwards from the working directory (the package under test).
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the module: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("find the module: no go.mod above the working directory")
		}
		dir = parent
	}
}
