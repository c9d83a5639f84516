package stream

import (
	"bytes"

	"gatehouse/proxy/wire"
)

// shape is what the chunks of a stream have in common. Nearly all of them differ in their text alone, so that once one
// has been read, the next is known by the bytes around its text, and what the client gets is made without reading it.
type shape struct {
	before, after       []byte // of the provider's chunk, around the JSON string of its text
	outBefore, outAfter []byte // of what the client got for it
	misses              int
}

// A stream whose chunks have no common shape (some providers pad each with noise) is not learned again and again.
const maxMisses = 4

// match returns the text, a JSON string, of a chunk that has the shape; nil for any other.
func (s *shape) match(data []byte) []byte {
	n := len(data) - len(s.after)
	if len(s.before) == 0 || n < len(s.before) || !bytes.HasPrefix(data, s.before) || !bytes.Equal(data[n:], s.after) {
		return nil
	}
	text := data[len(s.before):n]
	if !wire.IsString(text) || indexLineEnd(text) >= 0 {
		return nil
	}
	s.misses = 0
	return text
}

func (s *shape) append(out, text []byte) []byte {
	out = append(out, s.outBefore...)
	out = append(out, text...)
	return append(out, s.outAfter...)
}

// learn takes the shape of a chunk that said nothing but f.only, and of what was made of it.
func (f *OpenAI) learn(data, made []byte) {
	s := &f.shape
	if s.misses >= maxMisses || bytes.IndexByte(data, '\n') >= 0 {
		return
	}
	s.misses++
	// The text is a view of the chunk, so its place is known; in what was made of the chunk it stands as it was, and the
	// first place from the end at which it can stand is the right one if there is only one.
	at := cap(data) - cap(f.only)
	if at < 0 || at+len(f.only) > len(data) || bytes.Count(made, f.only) != 1 || bytes.Count(data, f.only) != 1 {
		s.misses-- // a text like "id" tells nothing; the next one will
		return
	}
	to := bytes.Index(made, f.only)
	s.before = append(s.before[:0], data[:at]...)
	s.after = append(s.after[:0], data[at+len(f.only):]...)
	s.outBefore = append(s.outBefore[:0], made[:to]...)
	s.outAfter = append(s.outAfter[:0], made[to+len(f.only):]...)
}
