package app

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"gatehouse/app/config"
	"gatehouse/app/hooks"
	"gatehouse/models/store"
)

// HookCommand is `gatehouse hook test`: it runs one of the operator's rules on a sample and prints what it decided.
func HookCommand(args, env []string, in io.Reader, out, errOut io.Writer) int {
	fs := flag.NewFlagSet("gatehouse hook test", flag.ContinueOnError)
	fs.SetOutput(errOut)
	path := fs.String("config", "", "configuration file")
	sampleFile := fs.String("sample", "-", "JSON file with the sample; - reads standard input")
	which := fs.String("rule", hooks.TryKeyGenerate, "custom_auth or custom_key_generate")
	if len(args) == 0 || args[0] != "test" {
		_, _ = fmt.Fprintln(errOut, "usage: gatehouse hook test --config config.yaml --rule custom_key_generate --sample sample.json")
		return 2
	}
	if err := fs.Parse(args[1:]); err != nil {
		return 2
	}
	cfg, report := config.Start(config.Overrides{ConfigPath: *path}, env)
	if err := report.Err(); err != nil {
		_, _ = fmt.Fprintln(errOut, "gatehouse:", err)
		return config.ExitConfig
	}
	if *sampleFile != "-" {
		f, err := os.Open(*sampleFile)
		if err != nil {
			_, _ = fmt.Fprintln(errOut, "gatehouse:", err)
			return 1
		}
		defer func() { _ = f.Close() }()
		in = f
	}
	sample, err := io.ReadAll(io.LimitReader(in, 1<<20))
	if err == nil {
		var result hooks.Result
		if result, err = hooks.Try(context.Background(), cfg.Hooks, *which, sample); err == nil {
			enc := json.NewEncoder(out)
			enc.SetIndent("", "  ")
			err = enc.Encode(result)
		}
	}
	if err != nil {
		_, _ = fmt.Fprintln(errOut, "gatehouse:", err)
		return 1
	}
	return 0
}

// MigrateCommand is `gatehouse migrate`: it brings the database's schema up to date and ends, for those who do not want a
// gateway that starts to do it (disable_prisma_schema_update).
func MigrateCommand(args, env []string, out, errOut io.Writer) int {
	return withStore("migrate", args, env, errOut, store.Options{}, func(_ context.Context, s *store.Store) int {
		_, _ = fmt.Fprintf(out, "the database has schema version %d\n", s.SchemaVersion())
		return 0
	})
}

// AuditCommand is `gatehouse audit verify`: it walks the audit log's chain and says whether it is whole.
func AuditCommand(args, env []string, out, errOut io.Writer) int {
	if len(args) == 0 || args[0] != "verify" {
		_, _ = fmt.Fprintln(errOut, "usage: gatehouse audit verify [--config config.yaml] [--data folder]")
		return 2
	}
	return withStore("audit verify", args[1:], env, errOut, store.Options{NoMigration: true}, func(ctx context.Context, s *store.Store) int {
		r, err := s.VerifyAudit(ctx)
		if err != nil {
			_, _ = fmt.Fprintln(errOut, "gatehouse:", err)
			return 1
		}
		if r.BrokenAt != 0 {
			_, _ = fmt.Fprintf(out, "the audit log is broken at row %d: %s\n", r.BrokenAt, r.Reason)
			return 1
		}
		_, _ = fmt.Fprintf(out, "the audit log is whole: %d rows, %d to %d\n", r.Rows, r.FirstSeq, r.LastSeq)
		return 0
	})
}

// withStore reads the flags that find the database, opens it and runs a command on it until that ends or is interrupted.
func withStore(name string, args, env []string, errOut io.Writer, opt store.Options, run func(context.Context, *store.Store) int) int {
	fs := flag.NewFlagSet("gatehouse "+name, flag.ContinueOnError)
	fs.SetOutput(errOut)
	var o config.Overrides
	fs.StringVar(&o.ConfigPath, "config", "", "configuration file")
	fs.StringVar(&o.DataDir, "data", "", "data folder")
	if err := fs.Parse(args); err != nil {
		return 2
	}
	if fs.NArg() > 0 {
		_, _ = fmt.Fprintf(errOut, "gatehouse %s: unknown argument %q\n", name, fs.Arg(0))
		return 2
	}
	cfg, report := config.Start(o, env)
	err := report.Err()
	if err != nil {
		_, _ = fmt.Fprintln(errOut, "gatehouse:", err)
		return config.ExitConfig
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if !opt.NoMigration {
		err = os.MkdirAll(cfg.Server.DataDir, 0o700)
	}
	var s *store.Store
	if err == nil {
		s, err = store.Open(ctx, databaseAddress(cfg), opt)
	}
	if err != nil {
		_, _ = fmt.Fprintln(errOut, "gatehouse:", err)
		return 1
	}
	defer func() { _ = s.Close() }()
	return run(ctx, s)
}

// databaseAddress is the configured database, else the file in the data folder.
func databaseAddress(cfg *config.Config) string {
	if dsn := cfg.General.DatabaseURL.Reveal(); dsn != "" {
		return dsn
	}
	return "sqlite:" + filepath.Join(cfg.Server.DataDir, "gatehouse.db")
}
