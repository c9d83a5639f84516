// Package wire reads and edits JSON bodies without decoding them: one pass over the top level finds the members the
// gateway must know, and an edit rewrites only what must change, so that every other byte reaches the provider as the
// client wrote it (1.0 stays 1.0). A 100 KB prompt costs little more than looking at it once.
package wire

import (
	"bytes"
	"errors"
	"unicode/utf8"
)

// MaxDepth bounds nesting, so that no body can make a decoder behind us recurse without end.
const MaxDepth = 512

// The ways a body can be refused. They are shown to the caller.
var (
	ErrNotObject = errors.New("the body must be one JSON object")
	ErrSyntax    = errors.New("the body is not valid JSON")
	ErrTrailing  = errors.New("there is more after the JSON object")
	ErrDepth     = errors.New("the JSON is nested too deeply")
	ErrEncoding  = errors.New("the body is not valid UTF-8")
)

// Member is one member of an object, as offsets into the body: the key with its quotes is [Key, KeyEnd), the value [Val, End).
type Member struct {
	Key, KeyEnd, Val, End int
}

// Members appends the members of the object in b to dst. It checks the whole grammar of JSON but for the inside of
// strings, which is skipped; so what a prompt says can never be taken for a member. Object says where it lies.
func Members(b []byte, dst []Member) (members []Member, open, end int, err error) {
	open = space(b, 0)
	if members, end, err = membersAt(b, open, dst); err != nil {
		return members, 0, 0, err
	}
	if space(b, end) != len(b) {
		return members, 0, 0, ErrTrailing
	}
	return members, open, end, nil
}

// membersAt is Members for the object that starts at b[i]; it returns the index after it.
func membersAt(b []byte, i int, dst []Member) (members []Member, end int, err error) {
	if i >= len(b) || b[i] != '{' {
		return dst, 0, ErrNotObject
	}
	i = space(b, i+1)
	if i < len(b) && b[i] == '}' {
		return dst, i + 1, nil
	}
	for {
		var m Member
		m.Key = i
		if m.KeyEnd = text(b, i); m.KeyEnd < 0 {
			return dst, 0, ErrSyntax
		}
		i = space(b, m.KeyEnd)
		if i >= len(b) || b[i] != ':' {
			return dst, 0, ErrSyntax
		}
		m.Val = space(b, i+1)
		if m.End, err = value(b, m.Val); err != nil {
			return dst, 0, err
		}
		dst = append(dst, m)
		i = space(b, m.End)
		if i >= len(b) {
			return dst, 0, ErrSyntax
		}
		if b[i] == '}' {
			return dst, i + 1, nil
		}
		if b[i] != ',' {
			return dst, 0, ErrSyntax
		}
		i = space(b, i+1)
	}
}

// Text says whether b may be JSON text at all: UTF-8 without a NUL.
func Text(b []byte) error {
	if bytes.IndexByte(b, 0) >= 0 || !utf8.Valid(b) {
		return ErrEncoding
	}
	return nil
}

func space(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// text returns the index after the string that starts at i, or -1.
func text(b []byte, i int) int {
	if i >= len(b) || b[i] != '"' {
		return -1
	}
	// Names and most values are short: looking at them byte by byte is cheaper than a call.
	j := i + 1
	for end := min(j+16, len(b)); j < end && b[j] != '\\'; j++ {
		if b[j] == '"' {
			return j + 1
		}
	}
	for {
		k := bytes.IndexByte(b[j:], '"')
		if k < 0 {
			return -1
		}
		j += k
		slashes := 0
		for p := j - 1; p > i && b[p] == '\\'; p-- {
			slashes++
		}
		j++
		if slashes%2 == 0 {
			return j
		}
	}
}

// value returns the index after the value that starts at i.
func value(b []byte, i int) (int, error) {
	if i >= len(b) {
		return 0, ErrSyntax
	}
	switch b[i] {
	case '"':
		if end := text(b, i); end >= 0 {
			return end, nil
		}
		return 0, ErrSyntax
	case '{', '[':
		return container(b, i)
	}
	if end := scalar(b, i); end >= 0 {
		return end, nil
	}
	return 0, ErrSyntax
}

// container walks a nested object or array. One bit a level remembers which of the two it is.
func container(b []byte, i int) (int, error) {
	var kinds [MaxDepth / 64]uint64 // bit set: object
	depth := 0
	object := false
	for {
		// i is at an opening bracket.
		if depth == MaxDepth {
			return 0, ErrDepth
		}
		object = b[i] == '{'
		if object {
			kinds[depth/64] |= 1 << (depth % 64)
		} else {
			kinds[depth/64] &^= 1 << (depth % 64)
		}
		depth++
		i = space(b, i+1)
		first := true
	inside:
		for {
			if i >= len(b) {
				return 0, ErrSyntax
			}
			closed := false
			switch {
			case first && (object && b[i] == '}' || !object && b[i] == ']'):
				closed = true
			default:
				if object {
					if i = text(b, i); i < 0 {
						return 0, ErrSyntax
					}
					if i = space(b, i); i >= len(b) || b[i] != ':' {
						return 0, ErrSyntax
					}
					i = space(b, i+1)
				}
				if i >= len(b) {
					return 0, ErrSyntax
				}
				switch b[i] {
				case '{', '[':
					break inside
				case '"':
					i = text(b, i)
				default:
					i = scalar(b, i)
				}
				if i < 0 {
					return 0, ErrSyntax
				}
			}
			for {
				if closed {
					i++
					depth--
					if depth == 0 {
						return i, nil
					}
					object = kinds[(depth-1)/64]&(1<<((depth-1)%64)) != 0
				}
				i = space(b, i)
				if i >= len(b) {
					return 0, ErrSyntax
				}
				closed = object && b[i] == '}' || !object && b[i] == ']'
				if !closed {
					break
				}
			}
			if b[i] != ',' {
				return 0, ErrSyntax
			}
			i = space(b, i+1)
			first = false
		}
	}
}

// scalar returns the index after the number, true, false or null that starts at i, or -1.
func scalar(b []byte, i int) int {
	if i >= len(b) {
		return -1
	}
	switch b[i] {
	case 't':
		return word(b, i, "true")
	case 'f':
		return word(b, i, "false")
	case 'n':
		return word(b, i, "null")
	}
	if b[i] == '-' {
		i++
	}
	j := digits(b, i)
	if j == i || b[i] == '0' && j > i+1 {
		return -1
	}
	if j < len(b) && b[j] == '.' {
		i = j + 1
		if j = digits(b, i); j == i {
			return -1
		}
	}
	if j < len(b) && (b[j] == 'e' || b[j] == 'E') {
		i = j + 1
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		if j = digits(b, i); j == i {
			return -1
		}
	}
	return j
}

func digits(b []byte, i int) int {
	for i < len(b) && b[i] >= '0' && b[i] <= '9' {
		i++
	}
	return i
}

func word(b []byte, i int, w string) int {
	if len(b)-i < len(w) || string(b[i:i+len(w)]) != w {
		return -1
	}
	return i + len(w)
}
