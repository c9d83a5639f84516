// Package password says which passwords are good enough, and keeps them as argon2id hashes.
package password

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"fmt"
	"io"
	"strings"
	"sync"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"gatehouse/models/fault"
)

// MaxLength is the longest password in code points; it bounds the work of one hash.
const MaxLength = 256

//go:embed common.txt.gz
var commonList []byte

// common unpacks the list at the first question.
var common = sync.OnceValues(func() (map[string]struct{}, error) {
	zr, err := gzip.NewReader(bytes.NewReader(commonList))
	if err != nil {
		return nil, fmt.Errorf("open the list of common passwords: %w", err)
	}
	text, err := io.ReadAll(zr)
	if err != nil {
		return nil, fmt.Errorf("read the list of common passwords: %w", err)
	}
	set := make(map[string]struct{}, bytes.Count(text, []byte("\n")))
	for line := range strings.Lines(string(text)) {
		set[strings.TrimSuffix(line, "\n")] = struct{}{}
	}
	return set, nil
})

// Check refuses a password that is shorter than minLength code points, longer than MaxLength, on the list of common
// ones, or one of the words (the person's email, alias, the service's name). Nothing else is asked: no composition
// rules. Errors: fault.Unprocessable with Param "password".
func Check(password string, minLength int, words ...string) error {
	p := normal(password)
	n := utf8.RuneCountInString(p)
	switch {
	case !utf8.ValidString(password):
		return refuse("The password is not valid text.")
	case n < minLength:
		return refuse(fmt.Sprintf("Use at least %d characters.", minLength))
	case n > MaxLength:
		return refuse(fmt.Sprintf("Use at most %d characters.", MaxLength))
	}
	list, err := common()
	if err != nil {
		return err
	}
	folded := strings.ToLower(p)
	if _, known := list[folded]; known {
		return refuse("This password is on a list of common passwords.")
	}
	for _, word := range append(words, "gatehouse", "litellm") {
		if tooClose(folded, strings.ToLower(normal(word))) {
			return refuse("The password must not be your email, your name or the name of this service.")
		}
	}
	return nil
}

// tooClose says whether the password is the word, the name part of an email, or either one repeated.
func tooClose(password, word string) bool {
	name, _, _ := strings.Cut(word, "@")
	for _, w := range []string{word, name} {
		if len(w) < 3 {
			continue
		}
		if rest := strings.ReplaceAll(password, w, ""); strings.Trim(rest, " -_.@0123456789!") == "" {
			return true
		}
	}
	return false
}

// normal is the form in which passwords are measured, compared and hashed, so that two keyboards agree.
func normal(s string) string { return norm.NFKC.String(s) }

func refuse(msg string) error {
	f := fault.New(fault.Unprocessable, msg).WithParam("password")
	f.Issues = []fault.Issue{{Type: "value_error", Loc: []string{"body", "password"}, Msg: msg}}
	return f
}
