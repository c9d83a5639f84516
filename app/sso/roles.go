package sso

import (
	"strings"

	"gatehouse/models"
)

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
