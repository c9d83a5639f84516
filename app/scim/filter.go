// Package scim is the language of SCIM 2.0 (RFC 7643, RFC 7644) as far as no database is needed for it: filters, the paths
// of a patch, and what a patch does to a resource. It takes the dialects of Okta and Entra. It does no I/O.
package scim

import (
	"encoding/json"
	"fmt"
	"strings"
)

// The kinds of error that a client can act on (RFC 7644 §3.12).
const (
	InvalidFilter = "invalidFilter"
	InvalidPath   = "invalidPath"
	InvalidValue  = "invalidValue"
	InvalidSyntax = "invalidSyntax"
	Uniqueness    = "uniqueness"
	Mutability    = "mutability"
	NoTarget      = "noTarget"
)

// Error is what a client did wrong.
type Error struct {
	Kind   string // one of the constants
	Detail string
}

// Error is the detail.
func (e *Error) Error() string { return e.Detail }

func wrong(kind, format string, args ...any) error {
	return &Error{kind, fmt.Sprintf(format, args...)}
}

// Term is one comparison of a filter: an attribute that equals a value.
type Term struct {
	Path  Path
	Value any // string, bool or json.Number
}

// maxFilter bounds a filter, maxTerms its comparisons.
const (
	maxFilter = 4096
	maxTerms  = 10
)

// ParseFilter reads `attr eq value`, several of them joined by `and`: what directories send to find the one resource they
// mean. Errors: *Error for anything else.
func ParseFilter(text string) ([]Term, error) {
	if len(text) > maxFilter {
		return nil, wrong(InvalidFilter, "the filter is too long")
	}
	var terms []Term
	rest := strings.TrimSpace(text)
	for {
		if len(terms) == maxTerms {
			return nil, wrong(InvalidFilter, "the filter has too many comparisons")
		}
		attr, after, err := attribute(rest)
		if err != nil {
			return nil, err
		}
		op, after, _ := strings.Cut(strings.TrimLeft(after, " "), " ")
		if !strings.EqualFold(op, "eq") {
			return nil, wrong(InvalidFilter, "only eq and and are understood in a filter, not %q", clip(op))
		}
		d := json.NewDecoder(strings.NewReader(after))
		d.UseNumber()
		var value any
		if err := d.Decode(&value); err != nil {
			return nil, wrong(InvalidFilter, "the value of %s must be JSON: a text in quotes, a number, true or false", clip(attr))
		}
		switch value.(type) {
		case string, bool, json.Number:
		default:
			return nil, wrong(InvalidFilter, "the value of %s must be a text, a number, true or false", clip(attr))
		}
		path, err := ParsePath(attr)
		if err != nil {
			return nil, wrong(InvalidFilter, "%s", err)
		}
		terms = append(terms, Term{path, value})
		rest = strings.TrimSpace(after[d.InputOffset():])
		if rest == "" {
			return terms, nil
		}
		word, more, _ := strings.Cut(rest, " ")
		if !strings.EqualFold(word, "and") {
			return nil, wrong(InvalidFilter, "only eq and and are understood in a filter, not %q", clip(word))
		}
		rest = strings.TrimSpace(more)
	}
}

// attribute cuts an attribute path off: to the next space outside of brackets.
func attribute(text string) (attr, rest string, err error) {
	depth, quoted := 0, false
	for i, r := range text {
		switch {
		case r == '"' && (i == 0 || text[i-1] != '\\'):
			quoted = !quoted
		case quoted:
		case r == '[':
			depth++
		case r == ']':
			depth--
		case r == ' ' && depth == 0:
			return text[:i], text[i+1:], nil
		}
	}
	return "", "", wrong(InvalidFilter, "the filter must be: attribute eq value")
}

func clip(s string) string {
	const most = 60
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
