// Command gotest runs `go test` and keeps its output readable: a line a package, and everything a failed test printed.
// The numbers of tests that passed and failed go to a file, for the closing line of `make test`.
//
//	go run ./tools/gotest -out FILE -- [argument of go test]...
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"os/signal"
	"strings"
)

func main() {
	log.SetFlags(0)
	out := flag.String("out", "", "file for the two numbers")
	flag.Parse()
	// Ctrl-C reaches go test by itself, since both are in the terminal's group; here it only ends the reading.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	ok, err := run(ctx, *out, flag.Args())
	stop()
	if err != nil {
		log.Fatal("gotest: ", err)
	}
	if !ok {
		os.Exit(1)
	}
}

// run reports whether go test succeeded.
func run(ctx context.Context, out string, args []string) (bool, error) {
	cmd := exec.CommandContext(ctx, "go", append([]string{"test", "-json"}, args...)...)
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return false, fmt.Errorf("read from go test: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return false, fmt.Errorf("start go test: %w", err)
	}
	sum := tally{print: os.Stdout, output: map[string][]string{}}
	if err := sum.read(stdout); err != nil {
		return false, err
	}
	err = cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return false, fmt.Errorf("run go test: %w", err)
	}
	if out != "" {
		if err := os.WriteFile(out, fmt.Appendf(nil, "%d %d\n", sum.passed, sum.failed), 0o600); err != nil {
			return false, fmt.Errorf("write the numbers: %w", err)
		}
	}
	return err == nil, nil
}

// event is one line of `go test -json` (cmd/test2json, and build events as of Go 1.24).
type event struct {
	Action     string
	Package    string
	ImportPath string
	Test       string
	Elapsed    float64
	Output     string
}

// tally counts tests and holds back what they print until it is known whether they fail.
type tally struct {
	print          io.Writer
	output         map[string][]string // package and test -> lines
	failedTests    map[string]bool     // packages in which a test failed
	passed, failed int
}

func (t *tally) read(r io.Reader) error {
	t.failedTests = map[string]bool{}
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) != nil {
				fmt.Fprintf(t.print, "%s", line) // not from go test itself
			} else {
				t.take(e)
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read from go test: %w", err)
		}
	}
}

func (t *tally) take(e event) {
	key := e.Package + " " + e.Test
	switch e.Action {
	case "build-output":
		fmt.Fprint(t.print, e.Output)
	case "output":
		t.output[key] = append(t.output[key], e.Output)
	case "pass":
		delete(t.output, key)
		if e.Test != "" {
			t.passed++
			return
		}
		fmt.Fprintf(t.print, "ok    %s  %.1fs\n", e.Package, e.Elapsed)
	case "skip":
		delete(t.output, key)
		if e.Test != "" {
			fmt.Fprintf(t.print, "SKIP  %s\n", key)
		}
	case "fail":
		if e.Test != "" {
			t.failed++
			t.failedTests[e.Package] = true
			fmt.Fprintf(t.print, "FAIL  %s  %.1fs\n%s", key, e.Elapsed, strings.Join(t.output[key], ""))
			return
		}
		if !t.failedTests[e.Package] { // it did not build, or died outside a test
			t.failed++
			fmt.Fprint(t.print, strings.Join(t.output[key], ""))
		}
		fmt.Fprintf(t.print, "FAIL  %s  %.1fs\n", e.Package, e.Elapsed)
	}
}
