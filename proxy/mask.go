package proxy

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// secretShapes are the forms in which secrets turn up in the texts of providers and in URLs.
//
//nolint:gochecknoglobals // compiled once, never written
var secretShapes = regexp.MustCompile(`(?i)(sk-[a-z0-9_\-]{6,}|AIza[0-9a-z_\-]{10,}|AKIA[0-9A-Z]{12,}|(?:bearer|basic)\s+[a-z0-9._~+/=\-]{6,}|` +
	`(?:api[_-]?key|key|token|secret|password)=[^\s&"']+|://[^/\s:@"]+:[^/\s@"]+@)`)

// maxMessage is where a provider's text is cut.
const maxMessage = 2000

// Mask replaces what looks like a secret, and the secrets named, by ***, and cuts the text at 2,000 characters. Every text
// of a provider passes it before anyone sees it.
func Mask(text string, secrets ...string) string {
	for _, s := range secrets {
		if len(s) >= 4 {
			text = strings.ReplaceAll(text, s, "***")
		}
	}
	text = secretShapes.ReplaceAllString(text, "***")
	if len(text) > maxMessage {
		n := 0
		for i := range text {
			if n == maxMessage {
				text = text[:i]
				break
			}
			n++
		}
	}
	if !utf8.ValidString(text) {
		text = strings.ToValidUTF8(text, "�")
	}
	return text
}
