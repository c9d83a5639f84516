package sdk_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"
)

// python is the interpreter with the SDKs of requirements.txt. tools/need.sh installs them, at the first call after the
// list has changed.
func python(t *testing.T, ctx context.Context) string { //nolint:revive // the context is of no test alone
	t.Helper()
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	install := exec.CommandContext(ctx, "bash", filepath.Join(root, "tools", "need.sh"), "python")
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("install the Python SDKs: %v\n%s", err, out)
	}
	return filepath.Join(root, "bin", "tools", "python", "bin", "python")
}

// ranTests is what Python's test runner says at its end.
var ranTests = regexp.MustCompile(`Ran (\d+) tests`)

// The Python SDKs of OpenAI and Anthropic, and LangChain: their conversations stand in clients.py.
func TestPythonClients(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	program := python(t, ctx)
	server, _ := startModel(t, "")
	run := exec.CommandContext(ctx, program, "-B", "-W", "ignore", "-m", "unittest", "-v", "clients.py")
	run.Env = append(os.Environ(),
		"GATEHOUSE_URL="+server.URL, "GATEHOUSE_KEY="+server.GenerateKey(t, nil).Secret,
		"GATEHOUSE_NARROW_KEY="+server.GenerateKey(t, map[string]any{"models": []string{"gpt-4o-mini"}}).Secret,
		"GATEHOUSE_SPENT_KEY="+server.GenerateKey(t, map[string]any{"max_budget": 0}).Secret,
		"LANGSMITH_TRACING=false",
	)
	out, err := run.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if m := ranTests.FindSubmatch(out); m == nil || len(m[1]) < 2 {
		t.Errorf("too few tests ran:\n%s", out)
	}
}
