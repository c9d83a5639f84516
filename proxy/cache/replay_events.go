package cache

import (
	"gatehouse/proxy/wire"
)

// events writes events that have a name.
type events struct {
	out []byte
	n   int
}

// event writes one whose data begins with its type; the rest is further members, with a comma before each.
func (e *events) event(name string, rest ...[]byte) {
	e.out = append(append(append(e.out, "event: "...), name...), "\ndata: {\"type\":\""...)
	e.out = append(append(e.out, name...), '"')
	for _, r := range rest {
		e.out = append(e.out, r...)
	}
	e.out = append(e.out, "}\n\n"...)
	e.n++
}

// member is `,"name":value`.
func member(name string, value []byte) []byte {
	return append(append(append([]byte(`,"`), name...), `":`...), value...)
}

func number(name string, n int) []byte { return member(name, appendInt(nil, n)) }

// replayMessage writes the events of a Messages answer.
func replayMessage(body []byte) ([]byte, bool) {
	var e events
	var start wire.Object
	if start.Parse(body) != nil {
		return nil, false
	}
	var content, reason, sequence, usage []byte = nil, null, null, nil
	take := func(name string, to *[]byte) {
		if i := start.Find(name); i >= 0 {
			*to = start.Raw(i)
		}
	}
	take("content", &content)
	take("stop_reason", &reason)
	take("stop_sequence", &sequence)
	take("usage", &usage)
	start.Set("content", []byte("[]"))
	start.Set("stop_reason", null)
	start.Set("stop_sequence", null)
	e.event("message_start", member("message", start.Append(nil)))
	i := 0
	wire.EachElement(content, func(b []byte) { e.block(i, b); i++ })
	end := append(append([]byte(`{"stop_reason":`), reason...), `,"stop_sequence":`...)
	end = append(append(end, sequence...), '}')
	if wire.Null(usage) {
		usage = []byte("{}")
	}
	e.event("message_delta", member("delta", end), member("usage", usage))
	e.event("message_stop")
	return e.out, true
}

// block writes one block of content: its kind, its inside, its end.
func (e *events) block(i int, raw []byte) {
	var o wire.Object
	if o.Parse(raw) != nil {
		return
	}
	// Of a name that comes twice the last counts, as for whoever reads the answer whole.
	get := func(name string) (v []byte) {
		for i, first := 0, -1; i < o.Len(); i++ {
			switch {
			case string(o.Name(i)) != name:
			case first < 0:
				v, first = o.Raw(i), i
			default:
				v = o.Raw(i)
				o.Replace(first, v)
				o.Drop(i)
			}
		}
		return v
	}
	delta := func(kind, name string, v []byte) {
		inside := append(append([]byte(`{"type":"`), kind...), '"')
		e.event("content_block_delta", number("index", i), member("delta", append(append(inside, member(name, v)...), '}')))
	}
	kind, _ := wire.String(get("type"))
	text, thinking, signature, citations, input := get("text"), get("thinking"), get("signature"), get("citations"), get("input")
	switch {
	case kind == "text":
		o.Set("text", empty)
		if wire.IsArray(citations) {
			o.Set("citations", []byte("[]"))
		}
	case kind == "thinking":
		o.Set("thinking", empty)
		o.Set("signature", empty)
	case wire.IsObject(input):
		o.Set("input", []byte("{}"))
	}
	e.event("content_block_start", number("index", i), member("content_block", o.Append(nil)))
	switch {
	case kind == "text":
		pieces(text, func(p []byte) { delta("text_delta", "text", p) })
		wire.EachElement(citations, func(c []byte) { delta("citations_delta", "citation", c) })
	case kind == "thinking":
		pieces(thinking, func(p []byte) { delta("thinking_delta", "thinking", p) })
		if !wire.Null(signature) {
			delta("signature_delta", "signature", signature)
		}
	case wire.IsObject(input):
		delta("input_json_delta", "partial_json", wire.AppendString(nil, string(input)))
	}
	e.event("content_block_stop", number("index", i))
}

// replayResponse writes the events of a Responses answer, numbered as that wire wants it.
func replayResponse(body []byte) ([]byte, bool) {
	var e events
	var start wire.Object
	if start.Parse(body) != nil {
		return nil, false
	}
	var output []byte
	if i := start.Find("output"); i >= 0 {
		output = start.Raw(i)
	}
	for name, v := range map[string]string{"status": `"in_progress"`, "output": "[]", "usage": "null"} {
		start.Set(name, []byte(v))
	}
	begun := start.Append(nil)
	e.numbered("response.created", member("response", begun))
	e.numbered("response.in_progress", member("response", begun))
	i := 0
	wire.EachElement(output, func(item []byte) { e.item(i, item); i++ })
	e.numbered("response.completed", member("response", body))
	return e.out, true
}

func (e *events) numbered(name string, rest ...[]byte) {
	e.event(name, append(rest, number("sequence_number", e.n))...)
}

// item writes one item of the output.
func (e *events) item(i int, raw []byte) {
	var o wire.Object
	if o.Parse(raw) != nil {
		return
	}
	get := func(name string) []byte {
		if at := o.Find(name); at >= 0 {
			return o.Raw(at)
		}
		return null
	}
	where := append(number("output_index", i), member("item_id", get("id"))...)
	content, arguments := get("content"), get("arguments")
	if o.Has("status") {
		o.Set("status", []byte(`"in_progress"`))
	}
	kind, _ := wire.String(get("type"))
	switch kind {
	case "message":
		o.Set("content", []byte("[]"))
	case "function_call":
		o.Set("arguments", empty)
	}
	e.numbered("response.output_item.added", number("output_index", i), member("item", o.Append(nil)))
	switch kind {
	case "message":
		k := 0
		wire.EachElement(content, func(p []byte) { e.part(append(where[:len(where):len(where)], number("content_index", k)...), p); k++ })
	case "function_call":
		pieces(arguments, func(p []byte) { e.numbered("response.function_call_arguments.delta", where, member("delta", p)) })
		e.numbered("response.function_call_arguments.done", where, member("arguments", arguments))
	}
	e.numbered("response.output_item.done", number("output_index", i), member("item", raw))
}

// part writes one part of a message's content.
func (e *events) part(where, raw []byte) {
	var o wire.Object
	if o.Parse(raw) != nil {
		return
	}
	name, what := "text", "response.output_text"
	if i := o.Find("refusal"); i >= 0 {
		name, what = "refusal", "response.refusal"
	}
	at := o.Find(name)
	var text []byte
	if at >= 0 {
		text = o.Raw(at)
		o.Replace(at, empty)
	}
	e.numbered("response.content_part.added", where, member("part", o.Append(nil)))
	if at >= 0 {
		pieces(text, func(p []byte) { e.numbered(what+".delta", where, member("delta", p)) })
		e.numbered(what+".done", where, member(name, text))
	}
	e.numbered("response.content_part.done", where, member("part", raw))
}
