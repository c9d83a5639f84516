package api_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/testkit"
)

// A script is a text with requests and the answers they get, in fenced blocks marked http:
//
//	POST /key/generate
//	Authorization: Bearer {key}
//	{"key_alias": "ci"}
//
//	200
//	{"key": "{made}", "key_alias": "ci"}
//
// Without the Authorization line a request is the master key's; "Authorization: none" sends no key. In an answer, fields
// that are left out may be anything, "…" is any value but null, "{name}" that stands alone keeps a value on its first sight
// and must be equal afterwards, and a list that ends in "…" may go on. Elsewhere {name} is replaced. A GET whose answer
// differs is sent again for a while: calls are counted a moment after they are answered.
type script struct {
	t      *testing.T
	s      *testkit.Server
	values map[string]string
}

// block is one request of a script, with its line for messages.
type block struct {
	line    int
	section string
	request string
	answer  string
}

var fence = regexp.MustCompile("(?m)^```http\n((?s:.*?))^```$|^## (.*)$")

// blocks reads a script file; sections are its headings of the second level.
func blocks(t *testing.T, path string) []block {
	t.Helper()
	text, err := os.ReadFile(path) //nolint:gosec // a file of this repository
	if err != nil {
		t.Fatal(err)
	}
	var out []block
	section := ""
	for _, at := range fence.FindAllSubmatchIndex(text, -1) {
		if at[4] >= 0 {
			section = string(text[at[4]:at[5]])
			continue
		}
		request, answer, found := strings.Cut(string(text[at[2]:at[3]]), "\n\n")
		line := strings.Count(string(text[:at[2]]), "\n") + 1
		if !found {
			t.Fatalf("%s:%d: the block has no answer", path, line)
		}
		out = append(out, block{line, section, request, strings.TrimSpace(answer)})
	}
	return out
}

// play sends a file's requests in their order, each section as a test of its own.
func play(t *testing.T, s *testkit.Server, path string, values map[string]string) {
	t.Helper()
	sc := &script{s: s, values: values}
	all := blocks(t, path)
	if len(all) == 0 {
		t.Fatalf("%s has no requests", path)
	}
	for len(all) > 0 {
		n := 1
		for n < len(all) && all[n].section == all[0].section {
			n++
		}
		part := all[:n]
		all = all[n:]
		t.Run(part[0].section, func(t *testing.T) {
			sc.t = t
			for _, b := range part {
				sc.send(b)
			}
		})
	}
}

var variable = regexp.MustCompile(`\{[a-z][a-z0-9_]*\}`)

func (sc *script) fill(text string) string {
	sc.t.Helper()
	return variable.ReplaceAllStringFunc(text, func(name string) string {
		v, known := sc.values[name[1:len(name)-1]]
		if !known {
			sc.t.Fatalf("%s is not known", name)
		}
		return v
	})
}

func (sc *script) send(b block) {
	sc.t.Helper()
	lines := strings.SplitN(b.request, "\n", 2)
	method, path, _ := strings.Cut(sc.fill(lines[0]), " ")
	headers := map[string]string{"Authorization": "Bearer " + sc.s.MasterKey, "Content-Type": "application/json"}
	body := ""
	for rest := strings.Join(lines[1:], ""); rest != ""; {
		if rest[0] == '{' || rest[0] == '[' {
			body = sc.fill(rest)
			break
		}
		line, after, _ := strings.Cut(rest, "\n")
		name, value, _ := strings.Cut(line, ": ")
		headers[name] = sc.fill(value)
		if headers[name] == "none" || strings.EqualFold(name, "x-api-key") {
			delete(headers, "Authorization")
		}
		rest = after
	}
	status, pattern, _ := strings.Cut(b.answer, "\n")
	var want any
	if pattern != "" {
		if err := json.Unmarshal([]byte(pattern), &want); err != nil {
			sc.t.Fatalf("line %d: the answer is not JSON: %v", b.line, err)
		}
	}
	for deadline := time.Now().Add(6 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		problem := sc.once(method, path, headers, body, status, want)
		if problem == "" {
			return
		}
		if method != http.MethodGet || time.Now().After(deadline) {
			sc.t.Fatalf("line %d: %s %s: %s", b.line, method, path, problem)
		}
	}
}

func (sc *script) once(method, path string, headers map[string]string, body, status string, want any) string {
	sc.t.Helper()
	code, text := exchange(sc.t, sc.s, method, path, headers, body)
	if fmt.Sprint(code) != status {
		return fmt.Sprintf("got %d, want %s: %s", code, status, text)
	}
	if want == nil {
		return ""
	}
	var got any
	if err := json.Unmarshal(text, &got); err != nil {
		return fmt.Sprintf("not JSON: %s", text)
	}
	var kept []string
	problem := sc.match("", want, got, &kept)
	if problem == "" {
		return ""
	}
	for _, name := range kept { // of an answer that did not fit
		delete(sc.values, name)
	}
	return fmt.Sprintf("%s in %s", problem, text)
}

// capture is the name of a value that a pattern keeps.
func capture(pattern any) (name string, alone bool) {
	text, _ := pattern.(string)
	name = variable.FindString(text)
	if name == "" || name != text {
		return "", false
	}
	return name[1 : len(name)-1], true
}

// capturesFirst are the names of an object's fields: those that keep a value stand before those that may use it.
func capturesFirst(pattern object) []string {
	names := slices.Sorted(maps.Keys(pattern))
	slices.SortStableFunc(names, func(a, b string) int {
		_, x := capture(pattern[a])
		_, y := capture(pattern[b])
		switch {
		case x == y:
			return 0
		case x:
			return -1
		}
		return 1
	})
	return names
}

// match compares an answer with what a script says of it; "" = it fits.
func (sc *script) match(at string, want, got any, kept *[]string) string {
	switch want := want.(type) {
	case string:
		if want == "…" && got != nil {
			return ""
		}
		if name, alone := capture(want); alone {
			if _, known := sc.values[name]; !known && got != nil {
				sc.values[name] = fmt.Sprint(got)
				*kept = append(*kept, name)
				return ""
			}
		}
		want = sc.fill(want)
		if strings.Contains(want, "…") { // the text goes by its parts
			text := fmt.Sprint(got)
			for part := range strings.SplitSeq(want, "…") {
				i := strings.Index(text, part)
				if i < 0 {
					return fmt.Sprintf("%s: want %q, got %v", at, want, got)
				}
				text = text[i+len(part):]
			}
			return ""
		}
		if want != got {
			return fmt.Sprintf("%s: want %q, got %v", at, want, got)
		}
	case object:
		m, ok := got.(object)
		if !ok {
			return fmt.Sprintf("%s: want an object, got %v", at, got)
		}
		for _, name := range capturesFirst(want) {
			inner := want[name]
			v, has := m[sc.fill(name)]
			if !has {
				return fmt.Sprintf("%s.%s is missing", at, name)
			}
			if problem := sc.match(at+"."+name, inner, v, kept); problem != "" {
				return problem
			}
		}
	case []any:
		list, ok := got.([]any)
		open := len(want) > 0 && want[len(want)-1] == "…"
		if open {
			want = want[:len(want)-1]
		}
		if !ok || len(list) < len(want) || !open && len(list) != len(want) {
			return fmt.Sprintf("%s: want %d entries, got %v", at, len(want), got)
		}
		for i := range want {
			if problem := sc.match(fmt.Sprintf("%s[%d]", at, i), want[i], list[i], kept); problem != "" {
				return problem
			}
		}
	default:
		if !reflect.DeepEqual(want, got) {
			return fmt.Sprintf("%s: want %v, got %v", at, want, got)
		}
	}
	return ""
}
