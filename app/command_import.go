package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"gatehouse/app/config"
	"gatehouse/app/imports"
	"gatehouse/app/seal"
	"gatehouse/models/store"
)

// ImportCommand is `gatehouse import litellm`: it takes over keys, people, teams, budgets, spend and models from the
// database of a LiteLLM proxy. It may be run again: what is here already stays.
func ImportCommand(args, env []string, out, errOut io.Writer) int {
	if len(args) == 0 || args[0] != "litellm" {
		_, _ = fmt.Fprintln(errOut, "usage: gatehouse import litellm [--from postgres://…] [--dry-run] [--json] [--config config.yaml] [--data folder]")
		return 2
	}
	c := newCommand("import litellm", env, errOut)
	from := c.flags.String("from", "", "address of LiteLLM's database (default: the configured database)")
	dryRun := c.flags.Bool("dry-run", false, "say what would be taken over, and keep nothing")
	asJSON := c.flags.Bool("json", false, "print the result as JSON")
	return c.run(args[1:], store.Options{}, func(ctx context.Context, s *store.Store) error {
		if *from == "" {
			*from = c.cfg.General.DatabaseURL.Reveal()
		}
		if *from == "" {
			return errors.New("no database to read: give --from, or set DATABASE_URL")
		}
		o, err := importOptions(c.cfg, env, s, out)
		if err != nil {
			return err
		}
		o.DryRun = *dryRun
		src, err := imports.Open(ctx, *from)
		if err != nil {
			return err
		}
		defer func() { _ = src.Close() }()
		report, err := imports.LiteLLM(ctx, src, o)
		if err != nil {
			return err
		}
		if *asJSON {
			return json.NewEncoder(out).Encode(report)
		}
		return printImport(out, report, *dryRun)
	})
}

// importOptions finds what seals the credentials of models: here, and in LiteLLM's database.
func importOptions(cfg *config.Config, env []string, s *store.Store, out io.Writer) (imports.Options, error) {
	master, salt := cfg.General.MasterKey, cfg.Keys.Salt
	if !master.IsSet() {
		var created bool
		var err error
		if master, created, err = config.EnsureMasterKey(cfg.Server.DataDir); err != nil {
			return imports.Options{}, err
		}
		if created {
			_, _ = fmt.Fprintf(out, "Master key  %s\n            kept in %s; it is not shown again\n\n", master.Reveal(), masterKeyFile(cfg))
		}
	}
	if !salt.IsSet() {
		salt = master
	}
	sealer, err := seal.New(salt.Reveal())
	if err != nil {
		return imports.Options{}, err
	}
	return imports.Options{
		Store: s, Seal: modelSealer{sealer}.Seal, Salts: []string{cfg.Keys.Salt.Reveal(), master.Reveal()}, Env: lookup(env),
		Zone: cfg.LiteLLM.Timezone, Now: time.Now, //nolint:forbidigo // a command of its own begins here
	}, nil
}

func printImport(out io.Writer, r *imports.Report, dryRun bool) error {
	t := tabwriter.NewWriter(out, 0, 8, 3, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(t, "\tread\ttaken over\there already\tleft\t")
	for _, c := range r.Counts {
		_, _ = fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t\n", c.Noun, c.Read, c.Made, c.Had, c.Left)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for i, n := range r.Notes {
		if i == 0 {
			_, _ = fmt.Fprintln(out)
		}
		_, _ = fmt.Fprintln(out, "-", n)
	}
	if dryRun {
		_, _ = fmt.Fprintln(out, "\nNothing was kept: this was a dry run.")
	}
	return nil
}

// lookup finds a variable in an environment of "NAME=value".
func lookup(env []string) func(name string) string {
	return func(name string) string {
		for _, pair := range slices.Backward(env) {
			if value, is := strings.CutPrefix(pair, name+"="); is {
				return value
			}
		}
		return ""
	}
}
