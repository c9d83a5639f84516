package app_test

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gatehouse/app"
	"gatehouse/app/config"
)

// TestMigrateCommand walks a database's first days as one does who migrates apart from the start.
func TestMigrateCommand(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	file := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(file, []byte("general_settings:\n  disable_prisma_schema_update: true\n  master_key: sk-migrate-0123456789\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(name string, command func(args, env []string, out, errOut *bytes.Buffer) int, code int, says string) {
		t.Helper()
		var out, errOut bytes.Buffer
		if got := command([]string{"--config", file, "--data", data}, nil, &out, &errOut); got != code || !strings.Contains(out.String()+errOut.String(), says) {
			t.Errorf("%s: exit %d, printed %q and %q; want exit %d and %q", name, got, out.String(), errOut.String(), code, says)
		}
	}
	audit := func(args, env []string, out, errOut *bytes.Buffer) int {
		return app.AuditCommand(append([]string{"verify"}, args...), env, out, errOut)
	}
	migrate := func(args, env []string, out, errOut *bytes.Buffer) int {
		return app.MigrateCommand(args, env, out, errOut)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	start := func(_, env []string, out, errOut *bytes.Buffer) int {
		err := app.Run(t.Context(), app.Options{Overrides: config.Overrides{ConfigPath: file, DataDir: data, Host: "127.0.0.1", Port: port}, Env: env, Version: "test", Out: out, Err: errOut})
		if err == nil {
			return 0
		}
		errOut.WriteString(err.Error())
		return 1
	}
	run("verify before there is a folder", audit, 1, "database")
	if err := os.MkdirAll(data, 0o700); err != nil {
		t.Fatal(err)
	}
	run("a start", start, 1, "gatehouse migrate")
	run("verify", audit, 1, "gatehouse migrate")
	run("migrate", migrate, 0, "the database has schema version ")
	run("migrate again", migrate, 0, "the database has schema version ")
	run("verify after it", audit, 0, "the audit log is whole: 0 rows")
	var out, errOut bytes.Buffer
	if got := app.MigrateCommand([]string{"up"}, nil, &out, &errOut); got != 2 || !strings.Contains(errOut.String(), `"up"`) {
		t.Errorf("an argument that does not exist: exit %d, %q", got, errOut.String())
	}
}
