package proxy

import (
	"bytes"
	"encoding/json"
	"time"

	"gatehouse/models"
	"gatehouse/proxy/cache"
	"gatehouse/proxy/provider"
	"gatehouse/proxy/stream"
	"gatehouse/proxy/wire"
)

// Said is what was asked and answered in one call, for operators who keep it (store_prompts_in_spend_logs). Both are one
// JSON value, or nothing; it owns its bytes.
type Said struct {
	CallID  string
	Start   time.Time
	Request []byte // an object of the fields that hold the prompt: no credential of the caller stands in them
	Answer  []byte
	// OptedOut: the caller said no-log, and there is neither.
	OptedOut bool
}

// maxSaid is how much of a request and of an answer is kept, in bytes.
const maxSaid = models.SaidMost

// promptFields are the fields of all wires that hold what the model is told. Anything else of a request stays out: callers
// may send credentials there.
//
//nolint:gochecknoglobals // never written
var promptFields = [...]string{
	"messages", "prompt", "input", "contents", "system", "instructions", "systemInstruction", "system_instruction", "tools", "query", "documents",
}

func (c *call) keepsWords() bool { return c.p.Said != nil && c.cfg.KeepPrompts && !c.noWords }

// say hands over what was asked and answered, once the call is settled.
func (c *call) say(e *ending) {
	if !c.keepsWords() {
		if c.noWords && c.p.Said != nil && c.cfg.KeepPrompts {
			c.p.Said(Said{CallID: c.id, Start: c.start, OptedOut: true})
		}
		return
	}
	answer := e.answer
	switch {
	case c.cache.hit != nil:
		answer = c.cache.hit.Body
	case c.cache.tap != nil:
		if body, ok := c.cache.tap.Answer(); ok {
			answer = body
		} else if len(e.text) > 0 { // cut off: as far as it came
			answer = wire.AppendString(nil, string(e.text))
		}
	}
	c.p.Said(Said{CallID: c.id, Start: c.start, Request: c.promptOf(), Answer: fitting(bytes.Clone(answer))})
}

// promptOf is the prompt's fields of the request as one object.
func (c *call) promptOf() []byte {
	out := []byte{'{'}
	for _, name := range promptFields {
		var raw []byte
		if c.op == provider.PassThrough { // such a body is not taken apart
			raw = wire.Lookup(c.s.body, name)
		} else if i := c.s.req.Find(name); i >= 0 {
			raw = c.s.req.Raw(i)
		}
		if len(raw) == 0 {
			continue
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(out, '"'), name...)
		out = append(append(out, `":`...), raw...)
	}
	return fitting(append(out, '}'))
}

// fitting is a JSON value within maxSaid; a larger one is its beginning, as a text.
func fitting(raw []byte) []byte {
	if len(raw) <= maxSaid && (len(raw) == 0 || json.Valid(raw)) {
		return raw
	}
	if len(raw) <= maxSaid {
		return wire.AppendString(nil, string(raw))
	}
	return wire.AppendString(nil, string(bytes.ToValidUTF8(raw[:maxSaid], nil))+"…")
}

// listened puts a tap before the filter of a stream whose words are kept.
func (c *call) listened(f stream.Filter) stream.Filter {
	switch c.op {
	case provider.Chat, provider.Completion, provider.Messages, provider.Responses:
	default:
		return f
	}
	if !c.keepsWords() || c.wire == provider.Gemini {
		return f
	}
	c.cache.tap = cache.NewTap(c.op, f, maxSaid)
	return c.cache.tap
}
