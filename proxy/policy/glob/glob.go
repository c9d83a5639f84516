// Package glob matches model names against the patterns of config files and access lists. A pattern is anchored at both
// ends, `*` stands for any run of characters, `/` and none at all included, and every other character is itself.
package glob

import "strings"

// Has says whether s is a pattern rather than a plain name.
func Has(s string) bool { return strings.IndexByte(s, '*') >= 0 }

// Match says whether the whole of name fits pattern. It takes time in O(len(pattern) × len(name)) at worst and
// allocates nothing.
func Match(pattern, name string) bool {
	p, n := 0, 0
	star, mark := -1, 0 // the last * met, and how far into name it has been stretched
	for n < len(name) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, n
			p++
		case p < len(pattern) && pattern[p] == name[n]:
			p++
			n++
		case star >= 0:
			mark++
			p, n = star+1, mark
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// Captures gives the text that each * of pattern stands for in name, leftmost star shortest, and whether name fits.
func Captures(pattern, name string) ([]string, bool) {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return nil, pattern == name
	}
	first, last := parts[0], parts[len(parts)-1]
	if len(name) < len(first)+len(last) || !strings.HasPrefix(name, first) || !strings.HasSuffix(name, last) {
		return nil, false
	}
	rest := name[len(first) : len(name)-len(last)]
	found := make([]string, 0, len(parts)-1)
	for _, literal := range parts[1 : len(parts)-1] {
		at := strings.Index(rest, literal)
		if at < 0 {
			return nil, false
		}
		found = append(found, rest[:at])
		rest = rest[at+len(literal):]
	}
	return append(found, rest), true
}

// Fill puts captures into the stars of pattern, in order. A star without a capture of its own takes the last one, and
// stays when there is none: `openai/*` with [gpt-5] gives openai/gpt-5.
func Fill(pattern string, captures []string) string {
	if !Has(pattern) || len(captures) == 0 {
		return pattern
	}
	var b strings.Builder
	i := 0
	for _, r := range []byte(pattern) {
		if r != '*' {
			b.WriteByte(r)
			continue
		}
		b.WriteString(captures[min(i, len(captures)-1)])
		i++
	}
	return b.String()
}

// Compare orders patterns by how specific they are, most specific first: the longer one, then the one with fewer stars
// (it spells out more), then plain string order, so that the answer never depends on the order of a config file.
func Compare(a, b string) int {
	if d := len(b) - len(a); d != 0 {
		return d
	}
	if d := strings.Count(a, "*") - strings.Count(b, "*"); d != 0 {
		return d
	}
	return strings.Compare(a, b)
}
