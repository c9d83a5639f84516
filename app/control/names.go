package control

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"gatehouse/models/fault"
)

// maxAlias bounds names in characters.
const maxAlias = 255

// checkName refuses names that a terminal, a log or a page could not show as they are: control characters, line
// separators, and the marks that turn the direction of what follows. Everything else of Unicode is a name.
func checkName(field, name string) error {
	if len([]rune(name)) > maxAlias {
		return fault.BadField(field, "%s may have at most %d characters", field, maxAlias)
	}
	if strings.ContainsFunc(name, unshowable) {
		return fault.BadField(field, "%s may hold no control characters", field)
	}
	return nil
}

func unshowable(r rune) bool {
	switch {
	case unicode.IsControl(r), r == utf8.RuneError, r == '\u2028', r == '\u2029':
		return true
	case r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069':
		return true
	}
	return false
}

// cleanName makes a name of what an identity provider says.
func cleanName(name string) string {
	return clipRunes(strings.Map(func(r rune) rune {
		if unshowable(r) {
			return -1
		}
		return r
	}, name))
}
