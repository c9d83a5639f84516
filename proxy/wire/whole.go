package wire

import "encoding/json"

// Whole tells when a JSON text that comes in pieces is there. It looks at every byte once, however many pieces there are.
type Whole struct {
	seen    int  // bytes looked at
	depth   int  // brackets that are open
	inside  bool // a string is open
	escaped bool // the byte before began an escape
	first   byte // of the value; 0 while only white space has come
	ended   bool // brackets and quotes have closed again
	broken  bool // no end can make it JSON
	checked bool // what has ended is JSON
}

// longestScalar is the longest number or word that counts as whole: only an end that is not in the text tells that one ends.
const longestScalar = 64

// Is says whether text is one JSON value. It is the text of the call before with more at its end.
func (w *Whole) Is(text []byte) bool {
	for ; w.seen < len(text) && !w.broken; w.seen++ {
		w.look(text[w.seen])
	}
	switch {
	case w.broken || w.first == 0:
		return false
	case w.first != '{' && w.first != '[' && w.first != '"':
		return len(text) <= longestScalar && json.Valid(text)
	case !w.ended:
		return false
	}
	if !w.checked {
		w.checked = json.Valid(text)
		w.broken = !w.checked
	}
	return w.checked
}

func (w *Whole) look(c byte) {
	blank := c == ' ' || c == '\n' || c == '\t' || c == '\r'
	switch {
	case w.inside:
		switch {
		case w.escaped:
			w.escaped = false
		case c == '\\':
			w.escaped = true
		case c == '"':
			w.inside, w.ended = false, w.depth == 0
		}
		return
	case blank:
		return
	case w.ended:
		w.broken = true
		return
	case w.first == 0:
		w.first = c
	}
	switch c {
	case '"':
		w.inside = true
	case '{', '[':
		w.depth++
	case '}', ']':
		w.depth--
		w.ended = w.depth == 0
		w.broken = w.depth < 0
	}
}
