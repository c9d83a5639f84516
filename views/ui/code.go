package ui

import (
	"context"
	"io"
	"strings"

	"github.com/a-h/templ"
)

type codeKind uint8

const (
	codePlain codeKind = iota
	codeString
	codeWord
)

type codePart struct {
	kind codeKind
	text string
}

// codeWords are the words that the snippets of this portal colour.
const codeWords = " curl from import const await new print async function return "

// paint splits a snippet into strings, coloured words and the rest. It knows just enough of shell, Python and JavaScript for the
// snippets written here; what it does not know stays plain.
func paint(code string) []codePart {
	var parts []codePart
	plain := strings.Builder{}
	flush := func() {
		if plain.Len() > 0 {
			parts = append(parts, codePart{codePlain, plain.String()})
			plain.Reset()
		}
	}
	isWord := func(b byte) bool {
		return b == '_' || b == '-' || b == '.' || '0' <= b && b <= '9' || 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z'
	}
	for i := 0; i < len(code); {
		switch c := code[i]; {
		case c == '"' || c == '\'':
			end := strings.IndexByte(code[i+1:], c)
			if end < 0 {
				plain.WriteString(code[i:])
				flush()
				return parts
			}
			flush()
			parts = append(parts, codePart{codeString, code[i : i+end+2]})
			i += end + 2
		case isWord(c):
			j := i
			for j < len(code) && isWord(code[j]) {
				j++
			}
			word := code[i:j]
			if strings.Contains(codeWords, " "+word+" ") {
				flush()
				parts = append(parts, codePart{codeWord, word})
			} else {
				plain.WriteString(word)
			}
			i = j
		default:
			plain.WriteByte(c)
			i++
		}
	}
	flush()
	return parts
}

// highlight writes a snippet byte for byte, its strings and words coloured.
func highlight(code string) templ.Component {
	return templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		var b strings.Builder
		for _, p := range paint(code) {
			text := templ.EscapeString(p.text)
			switch p.kind {
			case codeString:
				b.WriteString(`<span class="text-code-str">` + text + `</span>`)
			case codeWord:
				b.WriteString(`<span class="text-code-kw">` + text + `</span>`)
			default:
				b.WriteString(text)
			}
		}
		_, err := io.WriteString(w, b.String())
		return err
	})
}
