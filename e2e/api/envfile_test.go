package api_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gatehouse/internal/testkit"
)

// TestEnvFile: .env in the working directory joins the environment of the program, which wins; in production it is not read.
func TestEnvFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, ".env"), []byte("what is this\nexport LITELLM_MASTER_KEY = \"no-key-of-ours\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	binary := testkit.Binary(t)
	for _, c := range []struct {
		name, env string
		status    int
		says      string
	}{
		{"read", "X=1", 78, "must start with sk-"},
		{"what is no assignment", "X=1", 78, ".env:1: not of the form NAME=value"},
		{"the environment wins", "LITELLM_MASTER_KEY=sk-of-the-process-0123456789", 0, ""},
		{"production", "LITELLM_MODE=PRODUCTION", 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), binary, "--check-config") //nolint:gosec // our own program
			cmd.Dir, cmd.Env = dir, []string{c.env}
			out, err := cmd.CombinedOutput()
			status := 0
			if exit := new(exec.ExitError); errors.As(err, &exit) {
				status = exit.ExitCode()
			}
			if status != c.status || !strings.Contains(string(out), c.says) || strings.Contains(string(out), "no-key-of-ours") {
				t.Errorf("status %d: %s", status, out)
			}
		})
	}
}
