package price

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"sync"
)

// rule is one alternative of a match: every test in it must hold. In the list it is a string or an array of strings.
type rule []string

// UnmarshalJSON reads either form.
func (r *rule) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '[' {
		var tests []string
		if err := json.Unmarshal(b, &tests); err != nil {
			return fmt.Errorf("match rule: %w", err)
		}
		*r = tests
		return nil
	}
	var test string
	if err := json.Unmarshal(b, &test); err != nil {
		return fmt.Errorf("match rule: %w", err)
	}
	*r = rule{test}
	return nil
}

func matchAny(rules []rule, name string, re *patterns) bool {
	for _, r := range rules {
		if r.match(name, re) {
			return true
		}
	}
	return false
}

func (r rule) match(name string, re *patterns) bool {
	for _, test := range r {
		if !holds(test, name, re) {
			return false
		}
	}
	return len(r) > 0
}

// holds applies one test to a lower-case name; tools/prices says what the first character means.
func holds(test, name string, re *patterns) bool {
	if test == "" {
		return false
	}
	arg := test[1:]
	switch test[0] {
	case '=':
		return name == arg
	case '^':
		return strings.HasPrefix(name, arg)
	case '$':
		return strings.HasSuffix(name, arg)
	case '*':
		return strings.Contains(name, arg)
	case '#':
		rest, ok := strings.CutPrefix(name, arg)
		return ok && rest != "" && digit(rest[0])
	case '8':
		rest, ok := strings.CutPrefix(name, arg)
		return ok && shaped(rest, "dddddddd")
	case 'd':
		rest, ok := strings.CutPrefix(name, arg)
		return ok && shaped(rest, "dddd-dd-dd")
	case '/':
		return re.match(arg, name)
	case '!':
		return !re.match(arg, name)
	}
	return false
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// shaped reports that s looks like pattern, where d is a digit and anything else is itself.
func shaped(s, pattern string) bool {
	if len(s) != len(pattern) {
		return false
	}
	for i := 0; i < len(s); i++ {
		if pattern[i] == 'd' && !digit(s[i]) || pattern[i] != 'd' && s[i] != pattern[i] {
			return false
		}
	}
	return true
}

// patterns compiles regular expressions when they are first needed. Safe for concurrent use.
type patterns struct {
	mu sync.Mutex
	re map[string]*regexp.Regexp
}

func (p *patterns) match(expr, name string) bool {
	p.mu.Lock()
	re, ok := p.re[expr]
	if !ok {
		re, _ = regexp.Compile(expr) // a test compiles every expression of the embedded list; nil matches nothing
		if p.re == nil {
			p.re = map[string]*regexp.Regexp{}
		}
		p.re[expr] = re
	}
	p.mu.Unlock()
	return re != nil && re.MatchString(name)
}
