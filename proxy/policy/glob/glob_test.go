package glob_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"gatehouse/proxy/policy/glob"
)

func TestMatch(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, pattern, input string
		want                 bool
	}{
		{"end is anchored", "openai/gpt-4", "openai/gpt-4o", false},
		{"start is anchored", "gpt-4", "my-gpt-4", false},
		{"star in front still ends", "*-mini", "gpt-4o-mini-2", false},
		{"dot is no metacharacter", "gpt.4", "gptx4", false},
		{"question mark is no metacharacter", "gpt-?", "gpt-4", false},
		{"empty pattern", "", "a", false},
		{"two literals may not overlap", "ab*ba", "aba", false},
		{"case counts", "OpenAI/*", "openai/gpt-4", false},
		{"plain", "gpt-4", "gpt-4", true},
		{"star takes slashes", "bedrock/*", "bedrock/us/anthropic.claude", true},
		{"star takes nothing", "openai/*", "openai/", true},
		{"star alone takes the empty name", "*", "", true},
		{"two stars", "*/gpt-*", "azure/eu/gpt-5", true},
		{"backtracking", "*a*b", "xaabxb", true},
		{"double star", "openai/**", "openai/x", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := glob.Match(tc.pattern, tc.input); got != tc.want {
				t.Errorf("Match(%q, %q) = %v", tc.pattern, tc.input, got)
			}
		})
	}
}

func TestCapturesFill(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, pattern, input, into, want string }{
		{"tail", "openai/*", "openai/gpt-5", "*", "gpt-5"},
		{"tail with slashes", "bedrock/*", "bedrock/us/claude", "*", "us/claude"},
		{"inner", "eu-*-chat", "eu-gpt-5-chat", "*", "gpt-5"},
		{"two in order", "*/team-*", "azure/team-x", "*-*", "azure-x"},
		{"more stars than captures repeat the last", "*", "gpt-5", "*/*", "gpt-5/gpt-5"},
		{"no star in the target", "claude-*", "claude-4", "claude-4-latest", "claude-4-latest"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			captures, ok := glob.Captures(tc.pattern, tc.input)
			if got := glob.Fill(tc.into, captures); !ok || got != tc.want {
				t.Errorf("got %q (fits: %v), want %q", got, ok, tc.want)
			}
		})
	}
}

func TestCompare(t *testing.T) {
	t.Parallel()
	got := []string{"*", "openai/*", "openai/o1-*", "openai/o1**", "openai/gpt-4o-*", "azure/*"}
	slices.SortFunc(got, glob.Compare)
	want := []string{"openai/gpt-4o-*", "openai/o1-*", "openai/o1**", "openai/*", "azure/*", "*"}
	if !slices.Equal(got, want) {
		t.Errorf("order %q, want %q", got, want)
	}
}

// FuzzMatch holds the matcher to what the same pattern means as a regular expression, and Captures to Match.
func FuzzMatch(f *testing.F) {
	for _, seed := range [][2]string{
		{"openai/*", "openai/gpt-5"},
		{"*", ""},
		{"**", "a"},
		{"a*b*c", "aXbYc"},
		{"ab*ba", "aba"},
		{"*\n*", "a\nb"},
		{"(.*)", "(x)"},
		{"\\*", "\\a"},
		{"é*", "éa"},
		{"\xff*", "\xff\xfe"},
		{"*a*a*a*a*b", "aaaaaaaaaaaaaaaa"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, pattern, name string) {
		if len(pattern) > 60 || len(name) > 200 {
			return
		}
		got := glob.Match(pattern, name)
		captures, ok := glob.Captures(pattern, name)
		if ok != got {
			t.Fatalf("Match(%q, %q) = %v, Captures says %v", pattern, name, got, ok)
		}
		if ok && glob.Has(pattern) && glob.Fill(pattern, captures) != name {
			t.Fatalf("captures %q of %q do not give %q back", captures, pattern, name)
		}
		// Regular expressions read UTF-8, so bytes are turned into the characters of the same number first.
		expr := regexp.QuoteMeta(latin1(pattern))
		re := regexp.MustCompile(`(?s)\A` + strings.ReplaceAll(expr, `\*`, `.*`) + `\z`)
		if want := re.MatchString(latin1(name)); got != want {
			t.Fatalf("Match(%q, %q) = %v, regexp %s says %v", pattern, name, got, re, want)
		}
	})
}

func latin1(s string) string {
	r := make([]rune, len(s))
	for i := range len(s) {
		r[i] = rune(s[i])
	}
	return string(r)
}
