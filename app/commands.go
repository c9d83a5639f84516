package app

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

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

// AuditCommand is `gatehouse audit verify`: it walks the audit log's chain and says whether it is whole.
func AuditCommand(args, env []string, out, errOut io.Writer) int {
	fs := flag.NewFlagSet("gatehouse audit verify", flag.ContinueOnError)
	fs.SetOutput(errOut)
	var o config.Overrides
	fs.StringVar(&o.ConfigPath, "config", "", "configuration file")
	fs.StringVar(&o.DataDir, "data", "", "data folder")
	if len(args) == 0 || args[0] != "verify" {
		_, _ = fmt.Fprintln(errOut, "usage: gatehouse audit verify [--config config.yaml] [--data folder]")
		return 2
	}
	if err := fs.Parse(args[1:]); err != nil {
		return 2
	}
	cfg, report := config.Start(o, env)
	if err := report.Err(); err != nil {
		_, _ = fmt.Fprintln(errOut, "gatehouse:", err)
		return config.ExitConfig
	}
	dsn := cfg.General.DatabaseURL.Reveal()
	if dsn == "" {
		dsn = "sqlite:" + filepath.Join(cfg.Server.DataDir, "gatehouse.db")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	s, err := store.Open(ctx, dsn, store.Options{})
	if err != nil {
		_, _ = fmt.Fprintln(errOut, "gatehouse:", err)
		return 1
	}
	defer func() { _ = s.Close() }()
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
}
