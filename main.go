// Gatehouse is an LLM gateway: keys, budgets and one address for every model provider.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"gatehouse/app"
	"gatehouse/app/config"
)

// version is set by the build (-ldflags "-X main.version=…").
var version = "dev"

func main() {
	readEnvFile()
	os.Exit(run(os.Args[1:]))
}

// readEnvFile joins ./.env to the environment, as LiteLLM does outside production. What is set already stays.
func readEnvFile() {
	if strings.EqualFold(os.Getenv("LITELLM_MODE"), "PRODUCTION") {
		return
	}
	found, problems, err := config.ReadEnvFile(".env", os.Environ())
	if err != nil {
		problems = append(problems, err.Error())
	}
	for _, line := range found {
		name, value, _ := strings.Cut(line, "=")
		if err := os.Setenv(name, value); err != nil {
			problems = append(problems, ".env: "+name+" cannot be set")
		}
	}
	for _, p := range problems {
		fmt.Fprintln(os.Stderr, "gatehouse:", p)
	}
}

// run parses the command line, starts what it asks for and prints one error. It returns the exit status.
func run(args []string) int {
	if len(args) > 0 {
		switch args[0] {
		case "hook":
			return app.HookCommand(args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr)
		case "import":
			return app.ImportCommand(args[1:], os.Environ(), os.Stdout, os.Stderr)
		case "migrate":
			return app.MigrateCommand(args[1:], os.Environ(), os.Stdout, os.Stderr)
		case "audit":
			return app.AuditCommand(args[1:], os.Environ(), os.Stdout, os.Stderr)
		}
	}
	fs := flag.NewFlagSet("gatehouse", flag.ContinueOnError)
	var o config.Overrides
	o.Flags(fs)
	check := fs.Bool("check-config", false, "say what is wrong with the configuration, and exit 0 or 78")
	show := fs.Bool("version", false, "print the version")
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return 2
	}
	if fs.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "gatehouse: unknown argument %q\n", fs.Arg(0))
		return 2
	}
	if *show {
		fmt.Println("gatehouse", version)
		return 0
	}
	if *check {
		return app.CheckConfig(o, os.Environ(), os.Stdout)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := app.Run(ctx, app.Options{Overrides: o, Env: os.Environ(), Version: version, Out: os.Stdout, Err: os.Stderr}); err != nil {
		fmt.Fprintln(os.Stderr, "gatehouse:", err)
		return config.ExitCode(err)
	}
	return 0
}
