package reliability_test

import (
	"bytes"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// ownPostgres is a PostgreSQL server of one test's own, which may stop, hang and come back.
type ownPostgres struct {
	url  string
	dir  string
	port string
}

// startPostgres starts a server that ends with the test, or with this process if that dies first.
func startPostgres(t *testing.T) *ownPostgres {
	t.Helper()
	if os.Getenv("GATEHOUSE_TEST_NO_SERVICES") == "1" {
		t.Fatal("this test needs PostgreSQL: run it without GATEHOUSE_TEST_NO_SERVICES")
	}
	dir, err := os.MkdirTemp("", "gatehouse-outage-")
	if err != nil {
		t.Fatal(err)
	}
	script, err := filepath.Abs("../../tools/services.sh")
	if err != nil {
		t.Fatal(err)
	}
	up := exec.CommandContext(t.Context(), "bash", script, "up", dir, "postgres")
	var complaint bytes.Buffer
	up.Stderr = &complaint
	out, err := up.Output()
	if err != nil {
		t.Fatalf("start PostgreSQL: %v: %s", err, complaint.String())
	}
	// A shell waits for the end of this process, by the end of a pipe, and then takes the server down.
	guard := exec.Command("sh", "-c", `read -r _; exec bash "$0" down "$1"`, script, dir) //nolint:noctx // outlives the test
	guard.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	pipe, err := guard.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := guard.Start(); err != nil {
		t.Fatal(err)
	}
	p := &ownPostgres{dir: dir}
	t.Cleanup(func() {
		p.resume(t)
		_ = pipe.Close()
		_ = guard.Wait()
	})
	_, address, _ := strings.Cut(string(out), "'")
	p.url, _, _ = strings.Cut(address, "'")
	u, err := url.Parse(p.url)
	if err != nil {
		t.Fatal(err)
	}
	p.port = u.Port()
	return p
}

// stop ends the server at once, as its crash would.
func (p *ownPostgres) stop(t *testing.T) {
	t.Helper()
	p.control(t, "-m", "immediate", "stop")
}

// start brings it back on the same port.
func (p *ownPostgres) start(t *testing.T) {
	t.Helper()
	p.control(t, "-l", filepath.Join(p.dir, "postgres", "log"), "-o", "-p "+p.port, "start")
}

func (p *ownPostgres) control(t *testing.T, args ...string) {
	t.Helper()
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/pg_ctl")
	program := "pg_ctl"
	if err == nil && len(found) > 0 {
		program = found[len(found)-1]
	}
	line := append([]string{program, "-D", filepath.Join(p.dir, "postgres", "data"), "-w", "-t", "60", "-s"}, args...)
	if os.Getuid() == 0 {
		owner := "nobody"
		if exec.CommandContext(t.Context(), "id", "-u", "postgres").Run() == nil {
			owner = "postgres"
		}
		line = append([]string{"runuser", "-u", owner, "--"}, line...)
	}
	cmd := exec.CommandContext(t.Context(), line[0], line[1:]...) //nolint:gosec // our own arguments
	cmd.Dir = "/"
	// Not a pipe: the server inherits it, and reading it would wait for the server's end.
	if err := cmd.Run(); err != nil {
		t.Fatalf("pg_ctl %s: %v", strings.Join(args, " "), err)
	}
}

// freeze stops every process of the server in its tracks: connections stay open and nothing answers.
func (p *ownPostgres) freeze(t *testing.T) {
	t.Helper()
	// Twice, since the first round may miss a process that was just being made.
	for range 2 {
		if n := p.signal(syscall.SIGSTOP); n == 0 {
			t.Fatal("no PostgreSQL process found to stop")
		}
	}
}

// resume lets a frozen server go on.
func (p *ownPostgres) resume(t *testing.T) {
	t.Helper()
	p.signal(syscall.SIGCONT)
}

// signal reaches the postmaster, then its children, and returns how many there were.
func (p *ownPostgres) signal(s syscall.Signal) int {
	data, err := os.ReadFile(filepath.Join(p.dir, "postgres", "data", "postmaster.pid"))
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(data), "\n")
	master, err := strconv.Atoi(first)
	if err != nil || syscall.Kill(master, s) != nil {
		return 0
	}
	n := 1
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		data, err := os.ReadFile(path)
		if err != nil {
			continue // gone meanwhile
		}
		rest := string(data[bytes.LastIndexByte(data, ')')+1:])
		fields := strings.Fields(rest)
		if len(fields) > 1 && fields[1] == first {
			if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil && syscall.Kill(pid, s) == nil {
				n++
			}
		}
	}
	return n
}

// figures turns durations into what a document shows.
func figures(took []time.Duration) (median, p99, most time.Duration) {
	if len(took) == 0 {
		return 0, 0, 0
	}
	sorted := append([]time.Duration(nil), took...)
	slices.Sort(sorted)
	return sorted[len(sorted)/2], sorted[len(sorted)*99/100], sorted[len(sorted)-1]
}
