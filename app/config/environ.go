package config

import (
	"fmt"
	"os"
	"strings"

	"gatehouse/models"
)

const environRef = "os.environ/"

// envFile is the File of findings about variables.
const envFile = "environment"

// splitEnv turns "NAME=value" lines into a map; the last of a name counts, as for a process.
func splitEnv(env []string) map[string]string {
	out := make(map[string]string, len(env))
	for _, line := range env {
		if name, v, ok := strings.Cut(line, "="); ok {
			out[name] = v
		}
	}
	return out
}

// ReadEnvFile reads the variables of a .env file that env ("NAME=value" lines) does not have, as NAME=value lines. Spaces
// around the = are trimmed, and so is a matching pair of quotes; `export` in front is allowed. Lines that are no assignment
// are left out and named in problems, without their text. A missing file has none. Errors: the file cannot be read.
func ReadEnvFile(path string, env []string) (found, problems []string, err error) {
	data, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read %s: %w", path, err)
	}
	have := splitEnv(env)
	for i, line := range strings.Split(string(data), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		name, v, ok := strings.Cut(strings.TrimPrefix(line, "export "), "=")
		name = strings.TrimSpace(name)
		if !ok || name == "" || strings.ContainsAny(name, " \t\"'") || strings.IndexByte(v, 0) >= 0 {
			problems = append(problems, fmt.Sprintf("%s:%d: not of the form NAME=value; left out", path, i+1))
			continue
		}
		if _, set := have[name]; !set {
			found = append(found, name+"="+envFileValue(strings.TrimSpace(v)))
		}
	}
	return found, problems, nil
}

// envFileValue takes off quotes, or the comment after an unquoted value.
func envFileValue(v string) string {
	if len(v) > 0 && (v[0] == '"' || v[0] == '\'') {
		if end := strings.IndexByte(v[1:], v[0]); end >= 0 {
			rest := strings.TrimSpace(v[end+2:])
			if rest == "" || rest[0] == '#' {
				return v[1 : end+1]
			}
		}
		return v
	}
	if i := strings.Index(v, " #"); i >= 0 {
		v = strings.TrimSpace(v[:i])
	}
	return v
}

// exportVariables honours environment_variables: they join the environment before any reference is resolved.
func (l *loader) exportVariables(root *value) {
	block := root.get("environment_variables")
	if block.isNull() {
		return
	}
	if block.kind != kindMap {
		l.fault(block, "environment_variables", "must be a map of names and values")
		return
	}
	for _, name := range block.names {
		e := block.items[name]
		path := "environment_variables." + name
		l.resolve(e, path)
		switch e.kind {
		case kindNull:
		case kindList, kindMap:
			l.fault(e, path, "must be a single value, not %s", e.kind)
		case kindBool:
			text := "False"
			if e.flag {
				text = "True"
			}
			l.export(name, text)
		case kindNumber, kindText:
			l.export(name, e.text)
		}
	}
}

func (l *loader) export(name, v string) {
	if name == "" || strings.ContainsAny(name, "=\x00") || strings.ContainsRune(v, 0) {
		return
	}
	l.env[name] = v
	l.c.Exports[name] = models.NewSecret(v)
}

// resolve replaces os.environ/NAME in v and everything below it. A variable that is not set leaves a null that remembers
// the name: inside litellm_params it disables that deployment, for the two settings without which no start is safe it
// is a fault, elsewhere a warning.
func (l *loader) resolve(v *value, path string) {
	if v == nil {
		return
	}
	switch v.kind {
	case kindText:
		if !strings.HasPrefix(v.text, environRef) {
			return
		}
		name := strings.TrimSpace(strings.TrimPrefix(v.text, environRef))
		found, set := l.env[name]
		if set {
			v.text, v.hidden = found, true
			return
		}
		v.kind, v.text, v.missing = kindNull, "", name
		switch {
		case path == "general_settings.master_key" || path == "general_settings.database_url":
			l.fault(v, path, "environment variable %s is not set", name)
		case inDeployment(path):
		default:
			l.warn(v, path, "environment variable %s is not set; the setting is left empty", name)
		}
	case kindList:
		for i, e := range v.list {
			l.resolve(e, fmt.Sprintf("%s[%d]", path, i))
		}
	case kindMap:
		for _, name := range v.names {
			l.resolve(v.items[name], join(path, name))
		}
	case kindNull, kindBool, kindNumber:
	}
}

func inDeployment(path string) bool {
	return strings.HasPrefix(path, "model_list[") && strings.Contains(path, "].litellm_params.")
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// missingBelow lists the unset variables that v and everything below it name.
func missingBelow(v *value) []string {
	if v == nil {
		return nil
	}
	var out []string
	if v.missing != "" {
		out = append(out, v.missing)
	}
	for _, e := range v.list {
		out = append(out, missingBelow(e)...)
	}
	for _, name := range v.names {
		out = append(out, missingBelow(v.items[name])...)
	}
	return out
}
