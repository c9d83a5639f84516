// Package claim reads what an identity provider says about somebody: a claim by its dotted path, as one value or as several,
// in the many shapes that providers give them. It does no I/O and believes nothing: whether the claims were proved is the
// caller's business.
package claim

import (
	"encoding/json"
	"strings"
)

// Lookup finds a claim by its name, or by a dotted path into objects. Names may hold dots themselves
// ("https://example.com/groups"), so the longest name that is there wins at every level.
func Lookup(claims map[string]any, path string) any {
	if path == "" {
		return nil
	}
	if v, ok := claims[path]; ok {
		return v
	}
	for i := len(path) - 1; i > 0; i-- {
		if path[i] != '.' {
			continue
		}
		if inner, ok := claims[path[:i]].(map[string]any); ok {
			if v := Lookup(inner, path[i+1:]); v != nil {
				return v
			}
		}
	}
	return nil
}

// Text is a claim of one value: a string without the space around it, or a number as it was written.
func Text(v any) string {
	switch v := v.(type) {
	case string:
		return strings.TrimSpace(v)
	case json.Number:
		return v.String()
	}
	return ""
}

// Flag is a claim that says yes or no, as a boolean or in words; nil when it is absent or says neither.
func Flag(v any) *bool {
	yes, no := true, false
	switch v := v.(type) {
	case bool:
		return &v
	case string:
		switch strings.ToLower(strings.TrimSpace(v)) {
		case "true":
			return &yes
		case "false":
			return &no
		}
	}
	return nil
}

// MaxValues bounds how many values of one claim are looked at.
const MaxValues = 10_000

// List is a claim of several values: a list of strings, numbers or objects, a string with commas, or an object whose
// names are the values. given says whether the claim is there at all; an empty list is one.
func List(v any) (values []string, given bool) {
	add := func(s string) {
		if s != "" && len(values) < MaxValues {
			values = append(values, s)
		}
	}
	switch v := v.(type) {
	case nil:
		return nil, false
	case string:
		for part := range strings.SplitSeq(v, ",") {
			add(strings.TrimSpace(part))
		}
	case json.Number:
		add(v.String())
	case []any:
		for _, one := range v {
			if o, ok := one.(map[string]any); ok {
				add(firstText(o, "id", "value", "name", "displayName", "display"))
				continue
			}
			add(Text(one))
		}
	case map[string]any:
		for name := range v {
			add(name)
		}
	default:
		return nil, false
	}
	return values, true
}

func firstText(o map[string]any, names ...string) string {
	for _, name := range names {
		if s := Text(o[name]); s != "" {
			return s
		}
	}
	return ""
}

// Email is a claim that looks like an address; others are none.
func Email(v any) string {
	s := Text(v)
	name, domain, ok := strings.Cut(s, "@")
	if !ok || name == "" || domain == "" || len(s) > 254 || strings.Contains(domain, "@") || strings.ContainsAny(s, " \t\r\n<>,;") {
		return ""
	}
	return s
}
