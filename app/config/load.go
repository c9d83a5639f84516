package config

import (
	"fmt"
	"path/filepath"
	"strings"
	_ "time/tzdata" // litellm_settings.timezone must work on a machine without a zone database

	"gatehouse/app/hooks"
	"gatehouse/models"
)

// loader carries one load: what is read from, what is built, what was found.
type loader struct {
	c      *Config
	report *Report
	env    map[string]string
	asked  map[string]bool // variables that were read
	read   map[string]bool // key paths that were read
	root   *value
	said   map[string]bool // findings already made, so that a shared anchor is reported once
}

func newLoader(path string, env []string) *loader {
	return &loader{
		c: &Config{Path: path, Exports: map[string]models.Secret{}}, report: &Report{}, env: splitEnv(env),
		asked: map[string]bool{}, read: map[string]bool{}, said: map[string]bool{},
	}
}

// Load reads config.yaml at path ("" for none) and env ("NAME=value" lines, as os.Environ gives them). The Config is
// usable only when the Report's Err is nil; it is never nil. Load reads files and nothing else: no network, no clock.
func Load(path string, env []string) (*Config, *Report) {
	l := newLoader(path, env)
	var root *value
	if path != "" {
		if root = l.readFile(path, ref{}); root != nil {
			l.include(root, filepath.Dir(path))
		}
	}
	l.run(root)
	return l.c, l.report
}

// run builds the Config from root, nil when there is no file or it could not be read.
func (l *loader) run(root *value) {
	if root == nil {
		root = &value{kind: kindMap, items: map[string]*value{}}
	}
	l.root = root
	l.exportVariables(root)
	delete(root.items, "environment_variables")
	l.resolve(root, "")

	top := l.section(ref{root, ""}, must)
	top.accept("include", "environment_variables", "guardrails", "mcp_servers", "credential_list", "vector_store_registry", "callback_settings",
		"files_settings", "assistant_settings", "model_list")
	litellm := l.section(top.ref("litellm_settings"), must)
	general := l.section(top.ref("general_settings"), must)
	router := l.section(top.ref("router_settings"), may)
	own := l.section(top.ref("gatehouse"), must)

	l.server()
	l.logging(litellm)
	l.models(top.ref("model_list"))
	l.litellm(litellm)
	l.general(general)
	l.redis(router)
	l.router(router, litellm, general)
	l.cache(litellm, own)
	l.gatehouse(own)
	l.ui(general)
	l.sso(general)
	l.mail()
	l.alerts(general, litellm)
	l.keys(litellm, general)
	l.hooks(general)
	l.check()

	top.done()
	litellm.done("langfuse_", "s3_", "mcp_", "ssl_", "prometheus_", "redis_", "REDIS_")
	general.done("key_management_", "oauth2_", "mcp_", "coordination_")
	router.done()
	own.done()
	l.report.sort()
}

// hooks checks that the operator's functions are there, so that a missing one is found now and not by the first caller.
func (l *loader) hooks(general *section) {
	h := &l.c.Hooks
	h.Dir, h.EgressAllow = filepath.Dir(l.c.Path), l.c.Gatehouse.EgressAllow
	for _, hook := range [...]struct {
		name string
		to   *string
	}{{"custom_auth", &h.Auth}, {"custom_key_generate", &h.KeyGenerate}} {
		r := general.ref(hook.name)
		*hook.to = l.text(r, must)
		if *hook.to == "" {
			continue
		}
		if err := hooks.Check(*h, *hook.to); err != nil {
			l.fault(r.value, r.path, "%s", err)
		}
	}
	if r := general.ref("custom_sso"); !r.isNull() {
		l.warn(r.value, r.path, "is not supported; the built-in sign-in is used")
	}
}

func (l *loader) faultAt(file string, line int, path, format string, args ...any) {
	l.add(&l.report.Faults, Finding{File: file, Line: line, Path: path, Message: fmt.Sprintf(format, args...)})
}

func (l *loader) warnAt(file string, line int, path, format string, args ...any) {
	l.add(&l.report.Warnings, Finding{File: file, Line: line, Path: path, Message: fmt.Sprintf(format, args...)})
}

func (l *loader) fault(v *value, path, format string, args ...any) {
	file, line := l.place(v)
	l.faultAt(file, line, path, format, args...)
}

func (l *loader) warn(v *value, path, format string, args ...any) {
	file, line := l.place(v)
	l.warnAt(file, line, path, format, args...)
}

func (l *loader) add(list *[]Finding, f Finding) {
	if key := f.String(); !l.said[key] {
		l.said[key] = true
		*list = append(*list, f)
	}
}

func (l *loader) place(v *value) (string, int) {
	switch {
	case v != nil && v.file != "":
		return v.file, v.line
	case l.c.Path != "":
		return displayName(l.c.Path), 0
	}
	return envFile, 0
}

// source notes where a setting came from.
func (l *loader) source(setting string, r ref) {
	if r.isNull() {
		return
	}
	from := fmt.Sprintf("%s (%s:%d)", r.path, r.file, r.line)
	if r.file == envFile {
		from = "environment variable " + r.path
	}
	l.c.Sources = append(l.c.Sources, Source{Setting: setting, From: from})
}

// server reads where to listen and under which address Gatehouse is known.
func (l *loader) server() {
	s := &l.c.Server
	s.Host = l.textOr(either(l.variable("HOST"), l.variable("GATEHOUSE_HOST")), must, "0.0.0.0")
	s.Port = 4000
	port := either(l.variable("PORT"), l.variable("GATEHOUSE_PORT"))
	if v := l.whole(port, must, 1); v != nil {
		s.Port = int(min(*v, 1<<20))
		if *v > 65535 {
			l.fault(port.value, port.path, "must be a port, 1 to 65535")
		}
	}
	s.DataDir = l.textOr(l.variable("GATEHOUSE_DATA_DIR"), must, "data")
	if base := l.variable("PROXY_BASE_URL"); !base.isNull() {
		var ok bool
		if s.BaseURL, ok = webURL(l.text(base, must)); !ok {
			l.fault(base.value, base.path, "must be an http or https URL")
		}
	}
	if root := l.variable("SERVER_ROOT_PATH"); !root.isNull() {
		s.RootPath = l.rootPath(root)
		// Some write the prefix into both; it is never doubled.
		s.BaseURL = strings.TrimSuffix(s.BaseURL, s.RootPath)
	}
	s.DocsURL = l.textOr(l.variable("DOCS_URL"), may, "/")
	s.RedocURL = l.textOr(l.variable("REDOC_URL"), may, "/redoc")
	s.NoDocs = l.boolean(l.variable("NO_DOCS"), may, false)
	s.NoRedoc = l.boolean(l.variable("NO_REDOC"), may, false)
	s.RootRedirect = l.text(l.variable("ROOT_REDIRECT_URL"), may)
	s.SSLVerify = l.boolean(l.variable("SSL_VERIFY"), may, true)
	s.SSLCertFile = l.text(l.variable("SSL_CERT_FILE"), may)
	l.c.Production = l.oneOf(l.variable("LITELLM_MODE"), may, "DEV", "PRODUCTION", "DEV") == "PRODUCTION"
	l.c.Prices.Map = l.text(l.variable("LITELLM_MODEL_COST_MAP_URL"), may)
	l.c.Prices.Local = l.boolean(l.variable("LITELLM_LOCAL_MODEL_COST_MAP"), may, false)
}

func (l *loader) rootPath(r ref) string {
	text := l.text(r, must)
	if text == "/" {
		return ""
	}
	if text == "" || text[0] != '/' || text[len(text)-1] == '/' || !plainPath(text) {
		l.fault(r.value, r.path, "must start with / and have no / at its end")
		return ""
	}
	return text
}

func plainPath(text string) bool {
	for i, r := range text {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_', r == '.', r == '~':
		case r == '/' && (i == 0 || text[i-1] != '/'):
		default:
			return false
		}
	}
	return true
}

// logging reads how much is written.
func (l *loader) logging(litellm *section) {
	g := &l.c.Log
	g.Level = "info"
	switch l.oneOf(l.variable("LITELLM_LOG"), may, "INFO", "DEBUG", "INFO", "WARN", "WARNING", "ERROR", "CRITICAL") {
	case "DEBUG":
		g.Level = "debug"
	case "WARN", "WARNING":
		g.Level = "warn"
	case "ERROR", "CRITICAL":
		g.Level = "error"
	}
	verbose := either(litellm.ref("set_verbose"), l.variable("SET_VERBOSE"))
	if l.boolean(verbose, may, false) {
		g.Level = "debug"
		l.c.LiteLLM.Verbose = true
	}
	g.JSON = l.boolean(either(litellm.ref("json_logs"), l.variable("JSON_LOGS")), may, false)
	g.HideMessages = l.boolean(litellm.ref("turn_off_message_logging"), may, false)
	l.boolean(litellm.ref("redact_user_api_key_info"), may, false) // rows hold ids and hashes, and nobody else is told of a call
}
