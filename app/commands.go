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
	c := newCommand("migrate", env, errOut)
	return c.run(args, store.Options{}, func(_ context.Context, s *store.Store) error {
		_, _ = fmt.Fprintf(out, "the database has schema version %d\n", s.SchemaVersion())
		return nil
	})
}

// AuditCommand is `gatehouse audit verify`: it walks the audit log's chain and says whether it is whole.
func AuditCommand(args, env []string, out, errOut io.Writer) int {
	if len(args) == 0 || args[0] != "verify" {
		_, _ = fmt.Fprintln(errOut, "usage: gatehouse audit verify [--config config.yaml] [--data folder]")
		return 2
	}
	c := newCommand("audit verify", env, errOut)
	return c.run(args[1:], store.Options{NoMigration: true}, func(ctx context.Context, s *store.Store) error {
		r, err := s.VerifyAudit(ctx)
		if err != nil {
			return err
		}
		if r.BrokenAt != 0 {
			return fmt.Errorf("the audit log is broken at row %d: %s", r.BrokenAt, r.Reason)
		}
		_, _ = fmt.Fprintf(out, "the audit log is whole: %d rows, %d to %d\n", r.Rows, r.FirstSeq, r.LastSeq)
		return nil
	})
}

// command is one that works on the database without serving.
type command struct {
	name   string
	env    []string
	errOut io.Writer
	flags  *flag.FlagSet
	cfg    *config.Config // once it runs
}

func newCommand(name string, env []string, errOut io.Writer) *command {
	c := &command{name: name, env: env, errOut: errOut, flags: flag.NewFlagSet("gatehouse "+name, flag.ContinueOnError)}
	c.flags.SetOutput(errOut)
	return c
}

// run reads the flags that find the database besides the command's own, opens it and works on it until that ends or is
// interrupted. It returns the exit status.
func (c *command) run(args []string, opt store.Options, work func(context.Context, *store.Store) error) int {
	var o config.Overrides
	c.flags.StringVar(&o.ConfigPath, "config", "", "configuration file")
	c.flags.StringVar(&o.DataDir, "data", "", "data folder")
	if err := c.flags.Parse(args); err != nil {
		return 2
	}
	if c.flags.NArg() > 0 {
		_, _ = fmt.Fprintf(c.errOut, "gatehouse %s: unknown argument %q\n", c.name, c.flags.Arg(0))
		return 2
	}
	cfg, report := config.Start(o, c.env)
	err := report.Err()
	if err != nil {
		_, _ = fmt.Fprintln(c.errOut, "gatehouse:", err)
		return config.ExitConfig
	}
	c.cfg = cfg
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if !opt.NoMigration {
		err = os.MkdirAll(cfg.Server.DataDir, 0o700)
	}
	var s *store.Store
	if err == nil {
		s, err = store.Open(ctx, databaseAddress(cfg), opt)
	}
	if err == nil {
		defer func() { _ = s.Close() }()
		err = work(ctx, s)
	}
	if err != nil {
		_, _ = fmt.Fprintln(c.errOut, "gatehouse:", err)
		return 1
	}
	return 0
}

// databaseAddress is the configured database, else the file in the data folder.
func databaseAddress(cfg *config.Config) string {
	if dsn := cfg.General.DatabaseURL.Reveal(); dsn != "" {
		return dsn
	}
	return "sqlite:" + filepath.Join(cfg.Server.DataDir, "gatehouse.db")
}
