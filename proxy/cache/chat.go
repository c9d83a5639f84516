package cache

import (
	"gatehouse/proxy/wire"
)

// maxParts bounds choices and tool calls of a stream: an index is a claim.
const maxParts = 128

// chat puts the chunks of a chat or completion call together.
type chat struct {
	legacy  bool // completions: the text stands in the choice itself
	top     record
	choices []*choice
	grown   int
	broken  bool
}

type choice struct {
	rest     record
	message  record
	logprobs record
	tools    []*tool
	function *record
}

type tool struct {
	rest     record
	function record
}

func (c *chat) event(data []byte) (int, bool) {
	c.grown = 0
	ok := each(data, func(name, v []byte) {
		switch string(name) {
		case "choices":
			i := int64(0)
			wire.EachElement(v, func(e []byte) { c.choice(i, e); i++ })
		case "id", "created", "model":
			c.grown += c.top.at(name).first(v)
		case "object", "obfuscation": // padding against those who measure packets
		case "error":
			c.broken = c.broken || !wire.Null(v)
		default:
			c.grown += c.top.at(name).last(v)
		}
	})
	return c.grown, ok && !c.broken
}

// index finds where a part belongs: where it says, or else at its place in the list.
func index(raw []byte, place int64) int64 {
	if n, ok := wire.Int(wire.Lookup(raw, "index")); ok {
		return n
	}
	return place
}

// part gives the element at an index, made with those before it; nil when the index makes no sense.
func part[T any](list *[]*T, i int64) *T {
	if i < 0 || i >= maxParts {
		return nil
	}
	for int64(len(*list)) <= i {
		*list = append(*list, new(T))
	}
	return (*list)[i]
}

func (c *chat) choice(place int64, raw []byte) {
	to := part(&c.choices, index(raw, place))
	if to == nil {
		c.broken = true
		return
	}
	each(raw, func(name, v []byte) {
		switch string(name) {
		case "index":
		case "delta", "message":
			c.delta(to, v)
		case "text":
			c.grown += to.rest.at(name).add(v)
		case "logprobs":
			if wire.IsObject(v) {
				each(v, func(name, v []byte) { c.grown += to.logprobs.at(name).add(v) })
			}
		default:
			c.grown += to.rest.at(name).last(v)
		}
	})
}

func (c *chat) delta(to *choice, raw []byte) {
	each(raw, func(name, v []byte) {
		switch string(name) {
		case "role":
			c.grown += to.message.at(name).first(v)
		case "tool_calls":
			i := int64(0)
			wire.EachElement(v, func(e []byte) { c.tool(to, i, e); i++ })
		case "function_call":
			if wire.IsObject(v) {
				if to.function == nil {
					to.function = new(record)
				}
				c.call(to.function, v)
			}
		case "audio": // comes in pieces of its own kind
			c.broken = c.broken || !wire.Null(v)
		default:
			c.grown += to.message.at(name).add(v)
		}
	})
}

func (c *chat) tool(to *choice, place int64, raw []byte) {
	t := part(&to.tools, index(raw, place))
	if t == nil {
		c.broken = true
		return
	}
	each(raw, func(name, v []byte) {
		switch string(name) {
		case "index":
		case "function":
			c.call(&t.function, v)
		case "id", "type":
			c.grown += t.rest.at(name).first(v)
		default:
			c.grown += t.rest.at(name).last(v)
		}
	})
}

// call adds to the name and the arguments of a function.
func (c *chat) call(to *record, raw []byte) {
	each(raw, func(name, v []byte) {
		if string(name) == "arguments" {
			c.grown += to.at(name).add(v)
			return
		}
		c.grown += to.at(name).first(v)
	})
}

func (c *chat) answer() ([]byte, bool) {
	if len(c.choices) == 0 {
		return nil, false
	}
	kind := "chat.completion"
	if c.legacy {
		kind = "text_completion"
	}
	out := append([]byte(`{"object":"`), kind...)
	out, _ = c.top.appendMembers(append(out, '"'), true)
	out = append(out, `,"choices":[`...)
	for i, ch := range c.choices {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, `{"index":`...)
		out = appendInt(out, i)
		if !c.legacy {
			out = append(out, `,"message":`...)
			out = ch.appendMessage(out)
		}
		out = append(out, `,"logprobs":`...)
		if len(ch.logprobs.members) > 0 {
			out = ch.logprobs.append(out)
		} else {
			out = append(out, "null"...)
		}
		out, _ = ch.rest.appendMembers(out, true)
		out = append(out, '}')
	}
	return append(out, "]}"...), true
}

func (ch *choice) appendMessage(out []byte) []byte {
	m := &ch.message
	if !m.has("role") {
		m.at([]byte("role")).set([]byte(`"assistant"`))
	}
	if !m.has("content") {
		m.at([]byte("content")).set([]byte("null"))
	}
	if len(ch.tools) > 0 && string(m.at([]byte("content")).buf) == `"` { // nothing was said beside the calls
		m.at([]byte("content")).set([]byte("null"))
	}
	out, _ = m.appendMembers(append(out, '{'), false)
	if len(ch.tools) > 0 {
		out = append(out, `,"tool_calls":[`...)
		for i, t := range ch.tools {
			if i > 0 {
				out = append(out, ',')
			}
			var open bool
			out, open = t.rest.appendMembers(append(out, '{'), false)
			if open {
				out = append(out, ',')
			}
			out = t.function.append(append(out, `"function":`...))
			out = append(out, '}')
		}
		out = append(out, ']')
	}
	if ch.function != nil {
		out = ch.function.append(append(out, `,"function_call":`...))
	}
	return append(out, '}')
}
