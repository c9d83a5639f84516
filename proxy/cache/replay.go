package cache

import (
	"bytes"
	"io"
	"strconv"
	"time"

	"gatehouse/proxy/provider"
	"gatehouse/proxy/wire"
)

// Source is a stream that is all there. It is a stream.Source.
type Source struct{ bytes.Reader }

// ReadBy has nothing to wait for.
func (*Source) ReadBy(time.Time) {}

var _ io.Reader = (*Source)(nil)

// Replay gives a kept answer as the events that a provider of the client's wire would send, usage included. What the
// client sees of them is up to the filter behind it. ok is false when the answer cannot be read.
func Replay(op provider.Op, body []byte) (src *Source, ok bool) {
	var out []byte
	if bytes.ContainsAny(body, "\r\n") { // an event's data is one line, however the provider sets its answers
		body = wire.Compact(body)
	}
	switch op {
	case provider.Messages:
		out, ok = replayMessage(body)
	case provider.Responses:
		out, ok = replayResponse(body)
	case provider.Chat, provider.Completion:
		out, ok = replayChat(body, op == provider.Completion)
	default:
	}
	if !ok {
		return nil, false
	}
	src = new(Source)
	src.Reset(out)
	return src, true
}

func appendInt(dst []byte, n int) []byte { return strconv.AppendInt(dst, int64(n), 10) }

// The text of an answer is replayed in pieces of so many bytes at least, and in so many pieces at most.
const (
	pieceBytes = 8
	pieceMost  = 64
)

// pieces cuts a raw JSON string into raw JSON strings, at blanks: one never stands inside an escape.
// What is no string, though one belongs there, is given as it is.
func pieces(raw []byte, f func(piece []byte)) {
	if !wire.IsString(raw) {
		if !wire.Null(raw) {
			f(raw)
		}
		return
	}
	inner := raw[1 : len(raw)-1]
	size := max(pieceBytes, len(inner)/pieceMost)
	var room [128]byte
	for len(inner) > 0 {
		n := len(inner)
		if n > size {
			if i := bytes.IndexByte(inner[size-1:], ' '); i >= 0 {
				n = size + i
			}
		}
		f(append(append(append(room[:0], '"'), inner[:n]...), '"'))
		inner = inner[n:]
	}
}

// chunks writes the chunks of one chat answer.
type chunks struct {
	out  []byte
	head []byte // every chunk up to its list of choices
}

func (c *chunks) open() {
	c.out = append(append(c.out, "data: "...), c.head...)
}

func (c *chunks) choice(index, inside []byte, finish []byte) {
	c.open()
	c.out = append(append(c.out, `[{"index":`...), index...)
	c.out = append(append(c.out, ','), inside...)
	c.out = append(append(c.out, `,"finish_reason":`...), finish...)
	c.out = append(c.out, "}]}\n\n"...)
}

func (c *chunks) delta(index []byte, name string, v []byte) {
	inside := append(wire.AppendString([]byte(`"delta":{`), name), ':')
	c.choice(index, append(append(inside, v...), '}'), null)
}

//nolint:gochecknoglobals // constants
var (
	null  = []byte("null")
	zero  = []byte("0")
	empty = []byte(`""`)
)

func replayChat(body []byte, legacy bool) ([]byte, bool) {
	kind := `{"object":"chat.completion.chunk"`
	if legacy {
		kind = `{"object":"text_completion"`
	}
	c := chunks{head: []byte(kind)}
	var usage, choices []byte
	ok := each(body, func(name, v []byte) {
		switch string(name) {
		case "object":
		case "usage":
			usage = v
		case "choices":
			choices = v
		default:
			c.head = append(wire.AppendString(append(c.head, ','), string(name)), ':')
			c.head = append(c.head, v...)
		}
	})
	if !ok {
		return nil, false
	}
	c.head = append(c.head, `,"choices":`...)
	wire.EachElement(choices, func(e []byte) { c.replay(e, legacy) })
	if !wire.Null(usage) {
		c.open()
		c.out = append(append(c.out, `[],"usage":`...), usage...)
		c.out = append(c.out, "}\n\n"...)
	}
	return append(c.out, "data: [DONE]\n\n"...), true
}

// replay writes the chunks of one choice.
func (c *chunks) replay(raw []byte, legacy bool) {
	index, finish, logprobs, message, text := zero, null, null, []byte(nil), empty
	rest := []byte(`"delta":{}`)
	if legacy {
		rest = []byte(`"text":""`)
	}
	each(raw, func(name, v []byte) {
		switch string(name) {
		case "index":
			index = v
		case "finish_reason":
			finish = v
		case "logprobs":
			logprobs = v
		case "message":
			message = v
		case "text":
			text = v
		default:
			rest = append(wire.AppendString(append(rest, ','), string(name)), ':')
			rest = append(rest, v...)
		}
	})
	whole := !wire.Null(logprobs) // its figures belong to the text as a whole
	if legacy {
		c.text(index, text, logprobs, whole)
	} else {
		c.message(index, message, logprobs, whole)
	}
	c.choice(index, rest, finish)
}

func (c *chunks) text(index, text, logprobs []byte, whole bool) {
	if whole {
		c.choice(index, append(append(append([]byte(`"text":`), text...), `,"logprobs":`...), logprobs...), null)
		return
	}
	pieces(text, func(p []byte) { c.choice(index, append([]byte(`"text":`), p...), null) })
}

func (c *chunks) message(index, raw, logprobs []byte, whole bool) {
	role, content := []byte(`"assistant"`), null
	each(raw, func(name, v []byte) {
		switch string(name) {
		case "role":
			role = v
		case "content":
			content = v
		}
	})
	first := append(append([]byte(`"delta":{"role":`), role...), `,"content":`...)
	if wire.IsString(content) {
		first = append(first, empty...)
	} else {
		first = append(first, null...)
	}
	c.choice(index, append(first, '}'), null)
	each(raw, func(name, v []byte) {
		switch string(name) {
		case "role", "content", "tool_calls", "function_call", "refusal":
			return
		}
		c.member(index, string(name), v)
	})
	switch {
	case whole && !wire.Null(content):
		inside := append(append([]byte(`"delta":{"content":`), content...), `},"logprobs":`...)
		c.choice(index, append(inside, logprobs...), null)
	default:
		c.member(index, "content", content)
	}
	each(raw, func(name, v []byte) {
		switch string(name) {
		case "refusal", "function_call":
			c.member(index, string(name), v)
		case "tool_calls":
			i := 0
			wire.EachElement(v, func(e []byte) {
				var o wire.Object
				if o.Parse(e) == nil {
					o.Set("index", appendInt(nil, i))
					c.delta(index, "tool_calls", append(append([]byte{'['}, o.Append(nil)...), ']'))
				}
				i++
			})
		}
	})
}

// member writes one member of a message: a text in pieces, anything else at once.
func (c *chunks) member(index []byte, name string, v []byte) {
	switch {
	case wire.Null(v) || string(v) == "[]":
	case wire.IsString(v):
		pieces(v, func(p []byte) { c.delta(index, name, p) })
	default:
		c.delta(index, name, v)
	}
}
