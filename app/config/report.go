package config

import (
	"errors"
	"fmt"
	"io"
	"sort"
	"strings"
)

// ExitConfig is the exit status for a configuration that cannot be used (EX_CONFIG).
const ExitConfig = 78

// Finding is one fault or warning. File is "environment" for variables, and Line is 0 where there is none.
type Finding struct {
	File    string
	Line    int
	Path    string // dotted key path, or the name of the variable
	Message string
}

// String is "file:line: path: message".
func (f Finding) String() string {
	where := f.File
	if f.Line > 0 {
		where = fmt.Sprintf("%s:%d", f.File, f.Line)
	}
	if f.Path == "" {
		return where + ": " + f.Message
	}
	return where + ": " + f.Path + ": " + f.Message
}

// Report is what a load found. Faults forbid the start; warnings are to be logged.
type Report struct {
	Faults   []Finding
	Warnings []Finding
}

// Errors is a configuration with faults, as an error. Main exits with ExitConfig on it.
type Errors struct{ Faults []Finding }

// Error lists every fault on its own line.
func (e *Errors) Error() string {
	lines := make([]string, 0, len(e.Faults)+1)
	lines = append(lines, fmt.Sprintf("the configuration has %d fault(s)", len(e.Faults)))
	for _, f := range e.Faults {
		lines = append(lines, f.String())
	}
	return strings.Join(lines, "\n")
}

// ExitCode is the process's exit status for err: ExitConfig when it is about configuration, else 1.
func ExitCode(err error) int {
	var e *Errors
	if errors.As(err, &e) {
		return ExitConfig
	}
	return 1
}

// Err is nil when there is no fault, else an *Errors with all of them.
func (r *Report) Err() error {
	if len(r.Faults) == 0 {
		return nil
	}
	return &Errors{Faults: r.Faults}
}

// Write prints the outcome of --check-config: faults, then warnings, then one closing line.
func (r *Report) Write(w io.Writer) error {
	var b strings.Builder
	for _, f := range r.Faults {
		fmt.Fprintf(&b, "fault: %s\n", f)
	}
	for _, f := range r.Warnings {
		fmt.Fprintf(&b, "warning: %s\n", f)
	}
	verdict := "configuration is good"
	if len(r.Faults) > 0 {
		verdict = "configuration cannot be used"
	}
	fmt.Fprintf(&b, "%s: %d fault(s), %d warning(s)\n", verdict, len(r.Faults), len(r.Warnings))
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

func (r *Report) sort() {
	for _, list := range [][]Finding{r.Faults, r.Warnings} {
		sort.SliceStable(list, func(i, j int) bool {
			a, b := list[i], list[j]
			if a.File != b.File {
				return a.File < b.File
			}
			return a.Line < b.Line
		})
	}
}
