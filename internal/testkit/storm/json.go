package storm

import (
	"bytes"
	"slices"
)

// token is a piece of JSON, or of what looks like it: a string, a number or a word, or a bracket.
type token struct {
	kind     byte // '"', '0', '{', '[', '}', ']'
	from, to int  // of an opening bracket: to the end of its value
	key      bool // a string with a colon after it
}

// scan finds the tokens of out, in the order of their starts. It takes any bytes.
func (m *mutator) scan(out []byte) {
	m.tokens, m.open = m.tokens[:0], m.open[:0]
	for i := 0; i < len(out); {
		switch c := out[i]; {
		case c == '"':
			end := i + 1
			for end < len(out) && out[end] != '"' && out[end] != '\n' {
				if out[end] == '\\' {
					end++
				}
				end++
			}
			end = min(end+1, len(out))
			key := end < len(out) && out[end] == ':'
			m.tokens = append(m.tokens, token{'"', i, end, key})
			i = end
		case c == '{' || c == '[':
			m.open = append(m.open, len(m.tokens))
			m.tokens = append(m.tokens, token{c, i, i + 1, false})
			i++
		case c == '}' || c == ']':
			i++
			if n := len(m.open); n > 0 {
				m.tokens[m.open[n-1]].to = i
				m.open = m.open[:n-1]
			}
		case c >= '0' && c <= '9' || c == '-' || c >= 'a' && c <= 'z':
			end := i + 1
			for end < len(out) && (out[end] >= '0' && out[end] <= '9' || out[end] >= 'a' && out[end] <= 'z' || bytes.IndexByte([]byte(".+-E"), out[end]) >= 0) {
				end++
			}
			m.tokens = append(m.tokens, token{'0', i, end, false})
			i = end
		default:
			i++
		}
	}
}

// member is where the member of an object stands that a key begins, without a comma; of any other token, where it stands.
func (m *mutator) member(t token, out []byte) (from, to int) {
	if !t.key {
		return t.from, t.to
	}
	i, ok := slices.BinarySearchFunc(m.tokens, t.to, func(t token, at int) int { return t.from - at })
	if !ok && i < len(m.tokens) && m.tokens[i].from > t.to+2 {
		return t.from, min(t.to+1, len(out))
	}
	if i >= len(m.tokens) {
		return t.from, t.to
	}
	return t.from, m.tokens[i].to
}

// json changes one token of out, or moves one.
func (m *mutator) json(out, other []byte) []byte {
	t := pick(m, m.tokens)
	switch m.rng.IntN(12) {
	case 0, 1:
		if t.kind == '"' {
			return m.splice(out, t.from, t.to, m.word(t.key))
		}
		return m.splice(out, t.from, t.to, []byte(pick(m, numbers)))
	case 2:
		return m.splice(out, t.from, t.to, m.word(t.key))
	case 3:
		if t.key {
			return out
		}
		return m.splice(out, t.from, t.to, []byte(pick(m, numbers)))
	case 4, 5: // a member or an element twice, perhaps with another value
		from, to := m.member(t, out)
		m.tmp = append(append(m.tmp[:0], out[from:to]...), ',')
		if t.key && m.rng.IntN(2) == 0 {
			m.tmp = append(append(m.tmp[:0], out[t.from:t.to]...), ':')
			m.tmp = append(append(m.tmp, pick(m, numbers)...), ',')
		}
		return slices.Insert(out, from, m.tmp...)
	case 6: // a member or an element less
		from, to := m.member(t, out)
		switch {
		case to < len(out) && out[to] == ',':
			to++
		case from > 0 && out[from-1] == ',':
			from--
		}
		return slices.Delete(out, from, to)
	case 7, 8: // a value from elsewhere
		if t.key {
			return out
		}
		if m.rng.IntN(2) == 0 {
			u := pick(m, m.tokens)
			return m.splice(out, t.from, t.to, out[u.from:u.to])
		}
		if m.scan(other); len(m.tokens) > 0 {
			u := pick(m, m.tokens)
			return m.splice(out, t.from, t.to, other[u.from:u.to])
		}
		return out
	case 9: // deeper
		if t.key {
			return out
		}
		depth := 1 + m.rng.IntN(3)
		if m.rng.IntN(64) == 0 {
			depth = 1 + m.rng.IntN(400)
		}
		before, after := []byte{'['}, []byte{']'}
		if m.rng.IntN(2) == 0 {
			before, after = append(append([]byte{'{'}, m.word(true)...), ':'), []byte{'}'}
		}
		m.tmp = append(append(m.tmp[:0], bytes.Repeat(before, depth)...), out[t.from:t.to]...)
		m.tmp = append(m.tmp, bytes.Repeat(after, depth)...)
		return slices.Replace(out, t.from, t.to, m.tmp...)
	case 10: // inside a string
		if t.kind != '"' || t.to-t.from < 3 {
			return out
		}
		at := t.from + 1 + m.rng.IntN(t.to-t.from-2)
		if m.rng.IntN(2) == 0 { // the same letter, escaped
			const hex = "0123456789abcdef"
			c := out[at]
			return m.splice(out, at, at+1, []byte{'\\', 'u', '0', '0', hex[c>>4], hex[c&15]})
		}
		inner := pick(m, texts)
		return m.splice(out, at, at, []byte(inner[1:len(inner)-1]))
	default: // white space between tokens
		return m.splice(out, t.from, t.from, []byte(pick(m, []string{" ", "\n", "\t", "\r", "\r\n", "  "})))
	}
}

// word is a string: one of the corpus, or one that should not be.
func (m *mutator) word(key bool) []byte {
	if len(m.words) > 0 && (key || m.rng.IntN(2) == 0) {
		return pick(m, m.words)
	}
	return []byte(pick(m, texts))
}

// learn takes the strings of an input for words.
func (m *mutator) learn(in []byte) {
	m.scan(in)
	for _, t := range m.tokens {
		w := in[t.from:t.to]
		if t.kind == '"' && len(w) < 48 && !slices.ContainsFunc(m.words, func(v []byte) bool { return bytes.Equal(v, w) }) && len(m.words) < 2000 {
			m.words = append(m.words, bytes.Clone(w))
		}
	}
}
