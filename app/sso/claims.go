package sso

import (
	"encoding/json"
	"strings"

	"gatehouse/models"
)

// lookup finds a claim by its name, or by a dotted path into objects. Names may hold dots themselves
// ("https://example.com/groups"), so the longest name that is there wins at every level.
func lookup(claims map[string]any, path string) any {
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
			if v := lookup(inner, path[i+1:]); v != nil {
				return v
			}
		}
	}
	return nil
}

// text is a claim of one value: a string without the space around it, or a number as it was written.
func text(v any) string {
	switch v := v.(type) {
	case string:
		return strings.TrimSpace(v)
	case json.Number:
		return v.String()
	}
	return ""
}

// flag is a claim that says yes or no, as a boolean or in words; nil when it is absent or says neither.
func flag(v any) *bool {
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

// maxGroups bounds how many groups of one person are looked at.
const maxGroups = 10_000

// list is a claim of several values: a list of strings, numbers or objects, a string with commas, or an object whose
// names are the values. given says whether the claim is there at all; an empty list is one.
func list(v any) (values []string, given bool) {
	add := func(s string) {
		if s != "" && len(values) < maxGroups {
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
			add(text(one))
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
		if s := text(o[name]); s != "" {
			return s
		}
	}
	return ""
}

// roles are the roles that a claim can give, the highest first.
func roles() []models.Role {
	return []models.Role{models.RoleAdmin, models.RoleAdminViewer, models.RoleInternalUser, models.RoleInternalViewer}
}

// highestRole is the highest role that one of these words names, without regard to case; "" when none does.
func highestRole(words []string) models.Role {
	for _, role := range roles() {
		for _, w := range words {
			if strings.EqualFold(w, string(role)) {
				return role
			}
		}
	}
	return ""
}

// mappedRole is the highest role that one of the groups gives.
func mappedRole(mappings map[string][]string, groups []string) models.Role {
	in := make(map[string]bool, len(groups))
	for _, g := range groups {
		in[g] = true
	}
	for _, role := range roles() {
		for _, g := range mappings[string(role)] {
			if in[g] {
				return role
			}
		}
	}
	return ""
}

// email is a claim that looks like an address; others are none.
func email(v any) string {
	s := text(v)
	name, domain, ok := strings.Cut(s, "@")
	if !ok || name == "" || domain == "" || len(s) > 254 || strings.Contains(domain, "@") || strings.ContainsAny(s, " \t\r\n<>,;") {
		return ""
	}
	return s
}

// Showable is a copy of claims that may be shown to the person they are about: whatever is, or may be, a credential is
// masked.
func Showable(claims map[string]any) map[string]any {
	out := make(map[string]any, len(claims))
	for name, v := range claims {
		out[name] = showable(name, v)
	}
	return out
}

func showable(name string, v any) any {
	switch v := v.(type) {
	case map[string]any:
		return Showable(v)
	case []any:
		out := make([]any, len(v))
		for i, one := range v {
			out[i] = showable(name, one)
		}
		return out
	case string:
		if secretName(name) || strings.HasPrefix(v, "eyJ") && strings.Count(v, ".") >= 2 || strings.HasPrefix(v, "sk-") {
			return "***"
		}
	}
	return v
}

func secretName(name string) bool {
	name = strings.ToLower(name)
	for _, word := range []string{"token", "secret", "password", "passwd", "credential", "api_key", "apikey", "private_key"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}
