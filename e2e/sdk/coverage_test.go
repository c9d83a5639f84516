package sdk_test

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// The table of README.md: every client has every kind of conversation, and each named test is there.
func TestCoverage(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	var columns []string
	var clients []string
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) < 3 || strings.HasPrefix(cells[0], "---") {
			continue
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if columns == nil {
			columns = cells
			continue
		}
		clients = append(clients, cells[0])
		var sources string
		for file := range strings.FieldsSeq(cells[1]) {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			sources += string(source)
		}
		for i, cell := range cells[2:] {
			what := cells[0] + ", " + columns[i+2]
			if cell == "—" {
				if columns[i+2] != "embeddings" || !strings.HasPrefix(cells[0], "Anthropic") {
					t.Errorf("%s is not tested", what)
				}
				continue
			}
			if !names(sources, strings.Trim(cell, "`")) {
				t.Errorf("%s: there is no test %s in %s", what, cell, cells[1])
			}
		}
	}
	wanted := []string{"plain", "stream", "tools there and back", "images", "structured output", "embeddings", "errors by class"}
	if len(columns) < 3 || !slices.Equal(columns[2:], wanted) || len(clients) < 11 {
		t.Errorf("columns %q, clients %q", columns, clients)
	}
}

// names says whether a source has a test of that name: "class C.m" is a method of a class of Python's.
func names(source, name string) bool {
	class, method, ok := strings.Cut(name, ".test_")
	if !ok || !strings.HasPrefix(name, "class ") {
		return strings.Contains(source, name)
	}
	_, body, found := strings.Cut(source, "\n"+class+"(")
	body, _, _ = strings.Cut(body, "\nclass ")
	return found && strings.Contains(body, "def test_"+method+"(")
}
