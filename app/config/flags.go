package config

import "flag"

// Flags registers what a start can be given on the command line. LiteLLM's own flags are among them, so that a container's
// arguments carry over: those for its logs have their effect, those for its Python server have none and are warned about.
func (o *Overrides) Flags(fs *flag.FlagSet) {
	fs.StringVar(&o.ConfigPath, "config", "", "configuration file in LiteLLM's format")
	fs.StringVar(&o.Host, "host", "", "address to listen on (default 0.0.0.0)")
	fs.IntVar(&o.Port, "port", 0, "port to listen on (default 4000)")
	fs.StringVar(&o.DataDir, "data", "", "folder of the SQLite file, the journal and the generated master key (default ./data)")
	for _, name := range [...]string{"debug", "detailed_debug"} {
		fs.BoolVar(&o.Debug, name, false, "log more, as LITELLM_LOG=DEBUG does")
	}
	for _, name := range [...]string{
		"num_workers", "telemetry", "keepalive_timeout", "max_requests_before_restart", "log_config", "request_timeout",
	} {
		fs.Func(name, "LiteLLM's; without effect", func(string) error { o.ignored = append(o.ignored, name); return nil })
	}
	for _, name := range [...]string{
		"run_gunicorn", "run_hypercorn", "run_granian", "use_prisma_db_push", "use_prisma_migrate", "enforce_prisma_migration_check",
	} {
		fs.BoolFunc(name, "LiteLLM's; without effect", func(string) error { o.ignored = append(o.ignored, name); return nil })
	}
}

// warnings names the flags that were given and do nothing.
func (o Overrides) warnings(report *Report) {
	for _, name := range o.ignored {
		report.Warnings = append(report.Warnings, Finding{
			File: "command line", Path: "--" + name, Message: "is LiteLLM's and has no effect here",
		})
	}
}
