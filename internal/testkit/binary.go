package testkit

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// Binary returns the path of the gatehouse program, built from this checkout at the first call of a process.
// GATEHOUSE_BINARY names one that is already built, as `make test` does for the packages that need it.
func Binary(tb testing.TB) string {
	tb.Helper()
	path, err := builtBinary()
	if err != nil {
		tb.Fatal(err)
	}
	return path
}

// builtBinary builds at most once a process. The result stays in bin/, where the next build finds it current.
var builtBinary = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("GATEHOUSE_BINARY"); path != "" {
		_, err := os.Stat(path) // go test sees this, and does not answer from its cache when the program has changed
		return path, err
	}
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	if err := touchSources(root); err != nil {
		return "", err
	}
	path := filepath.Join(root, "bin", "test", "gatehouse")
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute) // a first build with a cold cache is slow
	defer cancel()
	// Test processes run side by side: each builds under a name of its own and then moves it into place at once.
	draft := fmt.Sprintf("%s.%d", path, os.Getpid())
	build := exec.CommandContext(ctx, "go", "build", "-o", draft, ".")
	build.Dir = root
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build gatehouse: %w\n%s", err, out)
	}
	if err := os.Rename(draft, path); err != nil {
		return "", fmt.Errorf("put gatehouse into place: %w", err)
	}
	return path, nil
})

// touchSources looks at every source file of the module. go test notes which files a test looks at and answers from its
// cache only while they are unchanged; without this it would not know that the test depends on the program.
func touchSources(root string) error {
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() && (name == "node_modules" || name == "bin" || path != root && strings.HasPrefix(name, ".")) {
			return filepath.SkipDir
		}
		if strings.HasSuffix(name, ".go") {
			_, err = os.Stat(path)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("look at the sources: %w", err)
	}
	return nil
}
