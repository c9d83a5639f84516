package responses

import (
	"encoding/base64"
	"errors"
	"strconv"

	"gatehouse/proxy/wire"
)

var errAnswer = errors.New("the answer is no chat completion")

// id makes the id of an output item.
func (t *ToChat) id(prefix string, n int) string {
	return prefix + "_" + t.CallID + "_" + strconv.Itoa(n)
}

// Answer appends the response for a chat completion.
func (t *ToChat) Answer(dst, body []byte) ([]byte, wire.Usage, error) {
	var a wire.Answer
	if err := a.Parse(body); err != nil {
		return dst, wire.Usage{}, errAnswer
	}
	var choice []byte
	wire.EachElement(a.Choices(), func(e []byte) {
		if choice == nil {
			choice = e
		}
	})
	said := wire.Lookup(choice, "message")
	if said == nil {
		return dst, wire.Usage{}, errAnswer
	}
	finish, _ := wire.String(wire.Lookup(choice, "finish_reason"))
	var items [][]byte
	thought, _ := wire.String(wire.Lookup(said, "reasoning_content"))
	blocks := wire.Lookup(said, "thinking_blocks")
	if thought == "" {
		thought, _ = wire.String(wire.Lookup(said, "reasoning"))
	}
	if thought != "" || wire.IsArray(blocks) {
		items = append(items, reasoning(t.id("rs", len(items)), thought, blocks))
	}
	if text, ok := wire.String(wire.Lookup(said, "content")); ok && text != "" {
		items = append(items, message(t.id("msg", len(items)), "completed", textPart(text)))
	} else if no, ok := wire.String(wire.Lookup(said, "refusal")); ok && no != "" {
		var part wire.Builder
		part.Text("type", "refusal")
		part.Text("refusal", no)
		items = append(items, message(t.id("msg", len(items)), "completed", part.Bytes()))
	}
	wire.EachElement(wire.Lookup(said, "tool_calls"), func(call []byte) {
		name, _ := wire.String(wire.Lookup(call, "function", "name"))
		arguments, _ := wire.String(wire.Lookup(call, "function", "arguments"))
		callID, _ := wire.String(wire.Lookup(call, "id"))
		items = append(items, t.called(len(items), "completed", callID, name, arguments))
	})
	usage := a.Usage()
	status, details := ended(finish)
	return append(dst, t.response(status, details, a.Model(), items, &usage)...), usage, nil
}

// ended is how a finish reason reads as a status.
func ended(finish string) (status, details string) {
	switch finish {
	case "length", "model_length":
		return "incomplete", `{"reason":"max_output_tokens"}`
	case "content_filter":
		return "incomplete", `{"reason":"content_filter"}`
	}
	return "completed", "null"
}

// response is the response object; usage is nil while it goes on.
func (t *ToChat) response(status, details string, model []byte, items [][]byte, usage *wire.Usage) []byte {
	var o wire.Builder
	o.Text("id", t.ID)
	o.Text("object", "response")
	o.Int("created_at", t.Now().Unix())
	o.Text("status", status)
	o.Raw("background", []byte("false"))
	o.Raw("error", []byte("null"))
	o.Raw("incomplete_details", []byte(details))
	e := t.echo
	o.RawOr("instructions", e["instructions"], "null")
	o.RawOr("max_output_tokens", e["max_output_tokens"], "null")
	o.RawOr("model", model, `""`)
	o.Raw("output", wire.List(items))
	o.RawOr("parallel_tool_calls", e["parallel_tool_calls"], "true")
	o.Raw("previous_response_id", []byte("null"))
	o.RawOr("reasoning", e["reasoning"], `{"effort":null,"summary":null}`)
	o.Raw("store", []byte("false"))
	o.RawOr("temperature", e["temperature"], "1")
	o.RawOr("text", e["text"], `{"format":{"type":"text"}}`)
	o.RawOr("tool_choice", e["tool_choice"], `"auto"`)
	o.RawOr("tools", e["tools"], "[]")
	o.RawOr("top_p", e["top_p"], "1")
	o.RawOr("truncation", e["truncation"], `"disabled"`)
	if usage != nil && usage.Seen {
		o.Raw("usage", usageOf(*usage))
	} else {
		o.Raw("usage", []byte("null"))
	}
	o.RawOr("user", e["user"], "null")
	o.RawOr("metadata", e["metadata"], "{}")
	return o.Bytes()
}

// usageOf is usage in the form of this API.
func usageOf(u wire.Usage) []byte {
	c := u.Canonical()
	var o, in, out wire.Builder
	o.Int("input_tokens", c.InputTotal())
	in.Int("cached_tokens", c.InputCacheRead)
	if w := c.CacheWrite(); w > 0 {
		in.Int("cache_write_tokens", w)
	}
	o.Raw("input_tokens_details", in.Bytes())
	o.Int("output_tokens", c.OutputTotal())
	out.Int("reasoning_tokens", c.OutputReasoning)
	o.Raw("output_tokens_details", out.Bytes())
	o.Int("total_tokens", c.InputTotal()+c.OutputTotal())
	return o.Bytes()
}

func textPart(text string) []byte {
	var part wire.Builder
	part.Text("type", "output_text")
	part.Raw("annotations", []byte("[]"))
	part.Raw("logprobs", []byte("[]"))
	part.Text("text", text)
	return part.Bytes()
}

func message(id, status string, parts ...[]byte) []byte {
	var o wire.Builder
	o.Text("id", id)
	o.Text("type", "message")
	o.Text("status", status)
	o.Raw("content", wire.List(parts))
	o.Text("role", "assistant")
	return o.Bytes()
}

func function(id, status, callID, name, arguments string) []byte {
	var o wire.Builder
	o.Text("id", id)
	o.Text("type", "function_call")
	o.Text("status", status)
	o.Text("arguments", arguments)
	o.Text("call_id", callID)
	o.Text("name", name)
	return o.Bytes()
}

// reasoning is a reasoning item. Signed thinking travels as encrypted content, so that a later turn can give it back.
func reasoning(id, text string, blocks []byte) []byte {
	var o wire.Builder
	o.Text("id", id)
	o.Text("type", "reasoning")
	var parts [][]byte
	if text != "" {
		parts = append(parts, summary(text))
	}
	o.Raw("summary", wire.List(parts))
	if wire.IsArray(blocks) {
		o.Text("encrypted_content", sealedThinking+base64.RawURLEncoding.EncodeToString(blocks))
	}
	return o.Bytes()
}

func summary(text string) []byte {
	var part wire.Builder
	part.Text("type", "summary_text")
	part.Text("text", text)
	return part.Bytes()
}
