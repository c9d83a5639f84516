package config

import "fmt"

// Overrides are what the command line says; they win over file and environment. Zero values say nothing.
type Overrides struct {
	ConfigPath string
	Host       string
	Port       int
	DataDir    string
	Debug      bool

	ignored []string // LiteLLM's flags that do nothing here
}

// Start finds the file, loads it and applies the command line: what main calls.
func Start(o Overrides, env []string) (*Config, *Report) {
	c, report := Load(o.Path(env), env)
	o.apply(c, report)
	return c, report
}

// Path is the configuration file: the flag, then CONFIG_FILE_PATH, then GATEHOUSE_CONFIG; "" for none.
func (o Overrides) Path(env []string) string {
	if o.ConfigPath != "" {
		return o.ConfigPath
	}
	vars := splitEnv(env)
	for _, name := range [...]string{"CONFIG_FILE_PATH", "GATEHOUSE_CONFIG"} {
		if p := vars[name]; p != "" {
			return p
		}
	}
	return ""
}

func (o Overrides) apply(c *Config, report *Report) {
	o.warnings(report)
	if o.Debug {
		c.Log.Level = "debug"
	}
	if o.Host != "" {
		c.Server.Host = o.Host
	}
	if o.DataDir != "" {
		c.Server.DataDir = o.DataDir
	}
	if o.Port == 0 {
		return
	}
	if o.Port < 1 || o.Port > 65535 {
		report.Faults = append(report.Faults, Finding{File: "command line", Path: "--port", Message: fmt.Sprintf("must be 1 to 65535, not %d", o.Port)})
		return
	}
	c.Server.Port = o.Port
}
