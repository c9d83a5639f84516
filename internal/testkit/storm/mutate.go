package storm

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"strconv"
)

// mutator changes inputs. Most changes keep to the structure of JSON, of lines and of binary frames, since bytes that are
// merely broken are refused at the door and reach nothing behind it. It is for one goroutine.
type mutator struct {
	rng    *rand.Rand
	words  [][]byte // strings, with their quotes, of the whole corpus
	out    []byte
	tmp    []byte
	tokens []token
	open   []int
}

// The sizes of inputs: nearly all are small, so that many can be tried; one in hugeEvery shows what grows with the input.
const (
	maxInput  = 1 << 10
	hugeInput = 64 << 10
	hugeEvery = 4096
	maxStack  = 5 // changes to one input
)

// numbers are what a provider should not count to.
//
//nolint:gochecknoglobals // a table
var numbers = []string{
	"0", "-1", "1", "-0", "-0.0", "0.5", "1e3", "10.0", "1E400", "1e308", "-1e308", "1e-400", "2147483647", "2147483648", "-2147483649",
	"4294967296", "9007199254740993", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809",
	"18446744073709551615", "99999999999999999999999999999999999", "50000001", "null", "true", "false", `"5"`, `""`, "[]", "{}", `"NaN"`,
}

// texts are what a text should not hold, between quotes.
//
//nolint:gochecknoglobals // a table
var texts = []string{
	`""`, `"\ud800"`, `"\udc00\ud800"`, `"\ud83d\ude00"`, "\"\xff\xfe\"", "\"\xc3\"", "\"\xed\xa0\x80\"", `"\u0000"`, `"\n"`, `"a\ndata: b\n\n"`,
	`"\r"`, `"\\"`, `"\""`, `"\/"`, `"[DONE]"`, `"data:image/png;base64,AA=="`, `"data:;base64,"`, `"AA=="`, `"="`, `"https://h.example/a.png"`,
	`"{\"a\":1}"`, `"{"`, `"[1,2"`, "\"\u2028\"", `"error"`, `"stop"`, `"tool_calls"`, `"NaN"`, `"0"`, `"-1"`, `"2006-01-02T15:04:05Z"`,
}

// lines are what a stream of events may hold between two events.
//
//nolint:gochecknoglobals // a table
var lines = []string{
	"\n", "\r\n", "\r", "[DONE]\n", "data: [DONE]\n\n", "data:\n", "event: error\n", "event:\n", ": c\n", "id: 1\n", "retry: 1\n", "\xef\xbb\xbf",
	"error|{\"message\":\"x\"}\n", "{}\n", "[]\n", "null\n", "0\r\n\r\n", "ffffffff\r\n", "-1\r\n",
}

// change makes a new input of src; other is a second one, whose parts may be taken. The result is valid until the next call.
func (m *mutator) change(src, other []byte) []byte {
	out := append(m.out[:0], src...)
	for n := 1 + m.stack(); n > 0; n-- {
		out = m.once(out, other)
		if len(out) > maxInput+len(src)/4 {
			from := 0
			if m.rng.IntN(4) == 0 {
				from = m.rng.IntN(len(out) - maxInput)
			}
			out = append(out[:0], out[from:from+min(maxInput, len(out)-from)]...)
		}
	}
	if m.rng.IntN(hugeEvery) == 0 {
		out = m.huge(out)
	}
	m.out = out
	return out
}

// stack draws how many changes come on top of the first: none half of the time, one a quarter of it.
func (m *mutator) stack() int {
	n := 0
	for n < maxStack && m.rng.IntN(2) == 0 {
		n++
	}
	return n
}

func (m *mutator) once(out, other []byte) []byte {
	if len(out) == 0 {
		return append(out, other...)
	}
	kind := m.rng.IntN(16)
	if kind < 10 {
		if m.scan(out); len(m.tokens) > 0 {
			return m.json(out, other)
		}
	}
	if kind < 13 {
		return m.line(out, other)
	}
	return m.raw(out, other)
}

// splice replaces out[from:to].
func (m *mutator) splice(out []byte, from, to int, with []byte) []byte {
	m.tmp = append(m.tmp[:0], with...)
	return slices.Replace(out, from, to, m.tmp...)
}

func pick[T any](m *mutator, from []T) T { return from[m.rng.IntN(len(from))] }

// raw changes bytes whatever they mean.
func (m *mutator) raw(out, other []byte) []byte {
	at := m.rng.IntN(len(out))
	end := min(len(out), at+1+m.rng.IntN(1+min(64, len(out)-at)))
	switch m.rng.IntN(11) {
	case 0:
		out[at] ^= 1 << m.rng.IntN(8)
	case 1:
		out[at] = byte(m.rng.Uint32())
	case 2:
		out[at] = pick(m, []byte("\"\\{}[],: \n\r\t\x00\x7f\xff\xef0-9eE.+|;="))
	case 3:
		out = slices.Delete(out, at, end)
	case 4:
		out = m.splice(out, end, end, out[at:end])
	case 5:
		out = out[:at]
	case 6:
		out = append(out[:0], out[at:]...)
	case 7: // a length in a binary frame
		if len(out) >= 4 {
			at = min(at, len(out)-4) &^ (m.rng.IntN(2) * 3)
			v := []uint32{0, 1, 12, 15, 16, 17, uint32(len(out)), uint32(len(out) - at), uint32(len(out)) + 1, 1 << 16, 24 << 20, 24<<20 + 1, 1<<31 - 1, 1 << 31, 1<<32 - 1}
			binary.BigEndian.PutUint32(out[at:], pick(m, v))
		}
	case 8:
		if len(other) > 0 {
			from := m.rng.IntN(len(other))
			out = append(out[:at], other[from:]...)
		}
	case 9:
		if len(other) > 0 {
			from := m.rng.IntN(len(other))
			out = m.splice(out, at, at, other[from:min(len(other), from+1+m.rng.IntN(128))])
		}
	case 10: // a number, wherever it stands
		for ; at < len(out) && (out[at] < '0' || out[at] > '9'); at++ {
		}
		for end = at; end < len(out) && out[end] >= '0' && out[end] <= '9'; end++ {
		}
		if end > at {
			out = m.splice(out, at, end, []byte(pick(m, numbers)))
		}
	}
	return out
}

// line changes whole lines, and where lines end.
func (m *mutator) line(out, other []byte) []byte {
	from, to := m.oneLine(out)
	switch m.rng.IntN(7) {
	case 0:
		out = m.splice(out, to, to, out[from:to])
	case 1:
		out = slices.Delete(out, from, to)
	case 2:
		out = m.splice(out, from, from, []byte(pick(m, lines)))
	case 3:
		if len(other) > 0 {
			a, b := m.oneLine(other)
			out = m.splice(out, from, from, other[a:b])
		}
	case 4: // two change places
		if a, b := m.oneLine(out); a >= to {
			m.tmp = append(append(append(m.tmp[:0], out[a:b]...), out[to:a]...), out[from:to]...)
			copy(out[from:b], m.tmp)
		}
	case 5:
		if to > from && out[to-1] == '\n' {
			out = m.splice(out, to-1, to, []byte(pick(m, []string{"\r\n", "\r", "", "\n\n", " \n"})))
		}
	case 6: // the rest goes on in the middle of the line
		at := from + m.rng.IntN(to-from+1)
		out = m.splice(out, at, at, []byte{'\n'})
	}
	return out
}

// oneLine is where a line is, with its end.
func (m *mutator) oneLine(b []byte) (from, to int) {
	if len(b) == 0 {
		return 0, 0
	}
	at := m.rng.IntN(len(b))
	from = bytes.LastIndexByte(b[:at], '\n') + 1
	if i := bytes.IndexByte(b[at:], '\n'); i >= 0 {
		return from, at + i + 1
	}
	return from, len(b)
}

// huge repeats a part until the input is large.
func (m *mutator) huge(out []byte) []byte {
	if len(out) == 0 {
		out = append(out, '[')
	}
	at := m.rng.IntN(len(out))
	end := min(len(out), at+1+m.rng.IntN(64))
	if m.rng.IntN(2) == 0 {
		at, end = m.oneLine(out)
	}
	if m.scan(out); len(m.tokens) > 0 && m.rng.IntN(2) == 0 {
		at, end = m.member(pick(m, m.tokens), out)
	}
	if end <= at {
		return out
	}
	more := bytes.Repeat(out[at:end], hugeInput/(end-at))
	return slices.Insert(out, end, more...)
}

// number draws a whole number: small, or at the edge of a type.
func (m *mutator) number() int64 {
	if m.rng.IntN(4) == 0 {
		return int64(m.rng.Uint64()) >> m.rng.IntN(64)
	}
	if m.rng.IntN(2) == 0 {
		return int64(m.rng.IntN(600))
	}
	n, _ := strconv.ParseInt(pick(m, numbers), 10, 64)
	return n
}
