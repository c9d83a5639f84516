// Package responses serves OpenAI's Responses API by chat completions, for providers that do not speak it themselves
// (OpenAI API reference, Responses, 2026-08; proxy.md §5.4).
package responses

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"gatehouse/proxy/provider"
	"gatehouse/proxy/wire"
)

// ToChat is one call's bridge.
type ToChat struct {
	ID         string // of the response: resp_…
	CallID     string // ids of output items are made of it
	Now        func() time.Time
	DropParams bool
	// KeepThinking sends earlier reasoning along in the messages.
	KeepThinking bool

	echo    map[string][]byte // what the response repeats of its request
	customs map[string]bool   // names of the tools that take text
}

// echoed are the fields of a request that its response repeats.
var echoed = []string{ //nolint:gochecknoglobals // a table
	"instructions", "max_output_tokens", "metadata", "parallel_tool_calls", "reasoning", "temperature", "text", "tool_choice", "tools", "top_p",
	"truncation", "user",
}

// Request appends the chat request for a Responses request. Errors: *wire.BadField, *provider.UnsupportedParam.
func (t *ToChat) Request(dst []byte, in *wire.Request, _ string) ([]byte, error) {
	t.echo = map[string][]byte{}
	var o wire.Builder
	var instructions, input []byte
	for i := range in.Len() {
		name, raw := string(in.Name(i)), in.Raw(i)
		if slices.Contains(echoed, name) {
			t.echo[name] = slices.Clone(raw)
		}
		if in.Dropped(i) || wire.Null(raw) {
			continue
		}
		switch name {
		case "instructions":
			instructions = raw
		case "input":
			input = raw
		case "max_output_tokens":
			o.Raw("max_tokens", raw)
		case "temperature", "top_p", "user", "stream", "service_tier", "seed", "stop":
			o.Raw(name, raw)
		case "top_logprobs":
			o.Raw("logprobs", []byte("true"))
			o.Raw(name, raw)
		case "reasoning":
			o.Raw("reasoning_effort", scalar(wire.Lookup(raw, "effort")))
		case "text":
			o.Raw("response_format", format(wire.Lookup(raw, "format")))
		case "tools":
			tools, err := t.tools(raw)
			if err != nil {
				return dst, err
			}
			if o.Raw("tools", tools); tools != nil { // what is said about no tools is refused by most
				if i := in.Find("tool_choice"); i >= 0 && !in.Dropped(i) && !wire.Null(in.Raw(i)) {
					o.Raw("tool_choice", choice(in.Raw(i)))
				}
				if i := in.Find("parallel_tool_calls"); i >= 0 && !in.Dropped(i) && !wire.Null(in.Raw(i)) {
					o.Raw("parallel_tool_calls", in.Raw(i))
				}
			}
		case "previous_response_id", "conversation", "prompt":
			// What they name is kept by a provider; this one keeps nothing.
			return dst, &provider.UnsupportedParam{Name: name, Provider: "The provider of this model"}
		case "background":
			if string(raw) == "true" {
				return dst, &provider.UnsupportedParam{Name: name, Provider: "The provider of this model"}
			}
		}
	}
	messages, err := conversation(instructions, input, t.KeepThinking)
	if err != nil {
		return dst, err
	}
	o.Raw("messages", messages)
	return append(dst, o.Bytes()...), nil
}

// scalar is a value that is there and not null.
func scalar(raw []byte) []byte {
	if wire.Null(raw) {
		return nil
	}
	return raw
}

func format(raw []byte) []byte {
	kind, _ := wire.String(wire.Lookup(raw, "type"))
	switch kind {
	case "json_object":
		return []byte(`{"type":"json_object"}`)
	case "json_schema":
		var schema, o wire.Builder
		for _, name := range [...]string{"name", "description", "schema", "strict"} {
			schema.Raw(name, scalar(wire.Lookup(raw, name)))
		}
		o.Text("type", kind)
		o.Raw("json_schema", schema.Bytes())
		return o.Bytes()
	}
	return nil
}

func (t *ToChat) tools(raw []byte) ([]byte, error) {
	var items [][]byte
	var err error
	wire.EachElement(raw, func(e []byte) {
		kind, _ := wire.String(wire.Lookup(e, "type"))
		if kind == "custom" {
			items = append(items, t.custom(e))
			return
		}
		if kind != "function" {
			if !t.DropParams && err == nil {
				err = &provider.UnsupportedParam{Name: "tools[].type=" + kind, Provider: "The provider of this model"}
			}
			return
		}
		var fn, tool wire.Builder
		for _, name := range [...]string{"name", "description", "parameters", "strict"} {
			fn.Raw(name, scalar(wire.Lookup(e, name)))
		}
		tool.Text("type", "function")
		tool.Raw("function", fn.Bytes())
		items = append(items, tool.Bytes())
	})
	if err != nil || len(items) == 0 {
		return nil, err
	}
	return wire.List(items), nil
}

func choice(raw []byte) []byte {
	if !wire.IsObject(raw) {
		return raw
	}
	kind, _ := wire.String(wire.Lookup(raw, "type"))
	switch kind {
	case "function", "custom":
		var fn, o wire.Builder
		fn.Raw("name", wire.Lookup(raw, "name"))
		o.Text("type", "function")
		o.Raw("function", fn.Bytes())
		return o.Bytes()
	case "allowed_tools":
		return wire.Lookup(raw, "mode")
	}
	return nil
}

// conversation is the messages of the chat. Items that an assistant's turn is made of (reasoning, text, calls) join into
// one message.
func conversation(instructions, input []byte, thinking bool) ([]byte, error) {
	c := turns{thinking: thinking}
	if !wire.Null(instructions) {
		c.add("system", instructions)
	}
	if _, ok := wire.String(input); ok {
		c.add("user", input)
		return c.list(), nil
	}
	if !wire.IsArray(input) {
		return nil, &wire.BadField{Field: "input", Message: "input must be text or a list of items"}
	}
	var err error
	n := 0
	wire.EachElement(input, func(item []byte) {
		if err == nil {
			err = c.item(item, n)
		}
		n++
	})
	return c.list(), err
}

// turns collects messages.
type turns struct {
	items    [][]byte
	said     spoken // the assistant's turn under way
	thinking bool
}

// spoken is an assistant's message under construction.
type spoken struct {
	open            bool
	content, blocks []byte
	thought         string
	calls           [][]byte
}

func (c *turns) add(role string, content []byte) {
	c.close()
	var o wire.Builder
	o.Text("role", role)
	o.Raw("content", content)
	c.items = append(c.items, o.Bytes())
}

// close ends the assistant's turn.
func (c *turns) close() {
	s := c.said
	if !s.open {
		return
	}
	c.said = spoken{}
	if s.content == nil && len(s.calls) == 0 {
		return // reasoning that led to nothing
	}
	var o wire.Builder
	o.Text("role", "assistant")
	o.RawOr("content", s.content, "null")
	if c.thinking {
		if s.thought != "" {
			o.Text("reasoning_content", s.thought)
		}
		o.Raw("thinking_blocks", s.blocks)
	}
	if len(s.calls) > 0 {
		o.Raw("tool_calls", wire.List(s.calls))
	}
	c.items = append(c.items, o.Bytes())
}

func (c *turns) list() []byte {
	c.close()
	return wire.List(c.items)
}

func badItem(at int, what string) error {
	return &wire.BadField{Field: "input", Message: fmt.Sprintf("input[%d] %s", at, what)}
}

// item takes one item of the input.
func (c *turns) item(item []byte, at int) error {
	if !wire.IsObject(item) {
		return badItem(at, "is no object")
	}
	kind, _ := wire.String(wire.Lookup(item, "type"))
	switch kind {
	case "", "message":
		return c.message(item, at)
	case "function_call", "custom_tool_call":
		c.said.open = true
		var fn, call wire.Builder
		fn.Raw("name", wire.Lookup(item, "name"))
		if kind == "custom_tool_call" {
			fn.Raw("arguments", customArguments(wire.Lookup(item, "input")))
		} else {
			fn.RawOr("arguments", scalar(wire.Lookup(item, "arguments")), `"{}"`)
		}
		call.Raw("id", wire.Lookup(item, "call_id"))
		call.Text("type", "function")
		call.Raw("function", fn.Bytes())
		c.said.calls = append(c.said.calls, call.Bytes())
		return nil
	case "function_call_output", "custom_tool_call_output":
		c.close()
		content, err := output(wire.Lookup(item, "output"), at)
		if err != nil {
			return err
		}
		var o wire.Builder
		o.Text("role", "tool")
		o.Raw("tool_call_id", wire.Lookup(item, "call_id"))
		o.Raw("content", content)
		c.items = append(c.items, o.Bytes())
		return nil
	case "reasoning":
		if c.said.content != nil || len(c.said.calls) > 0 {
			c.close()
		}
		c.reasoning(item)
		return nil
	}
	return badItem(at, fmt.Sprintf("has the type %q, which the provider of this model does not take", kind))
}

// sealedThinking marks thinking blocks that an answer of this gateway carried as encrypted content.
const sealedThinking = "gatehouse.thinking."

func (c *turns) reasoning(item []byte) {
	c.said.open = true
	for _, list := range [...]string{"summary", "content"} {
		wire.EachElement(wire.Lookup(item, list), func(part []byte) {
			s, _ := wire.String(wire.Lookup(part, "text"))
			c.said.thought += s
		})
	}
	text, _ := wire.String(wire.Lookup(item, "encrypted_content"))
	if packed, ok := strings.CutPrefix(text, sealedThinking); ok {
		if blocks, err := base64.RawURLEncoding.DecodeString(packed); err == nil && wire.Text(blocks) == nil && wire.IsArray(blocks) {
			c.said.blocks = blocks
		}
	}
}

// output is what a function answered: text, or parts.
func output(raw []byte, at int) ([]byte, error) {
	if !wire.IsArray(raw) {
		if _, ok := wire.String(raw); ok {
			return raw, nil
		}
		return nil, badItem(at, "has an output that is neither text nor a list")
	}
	return parts(raw, at)
}

func (c *turns) message(item []byte, at int) error {
	role, _ := wire.String(wire.Lookup(item, "role"))
	content := wire.Lookup(item, "content")
	if wire.IsArray(content) {
		list, err := parts(content, at)
		if err != nil {
			return err
		}
		if content = plainText(list); content == nil {
			content = list
		}
	} else if _, ok := wire.String(content); !ok {
		return badItem(at, "has a content that is neither text nor a list")
	}
	switch role {
	case "user", "system", "developer":
		if role == "developer" {
			role = "system"
		}
		if role == "system" && c.lead(content) {
			return nil
		}
		c.add(role, content)
	case "assistant":
		if c.said.content != nil || len(c.said.calls) > 0 {
			c.close()
		}
		c.said.open, c.said.content = true, content
	default:
		return badItem(at, fmt.Sprintf("has the role %q", role))
	}
	return nil
}

// lead joins a system message that follows the first to it, as long as nothing else has been said: many servers take one, at
// the beginning.
func (c *turns) lead(content []byte) bool {
	text, ok := wire.String(content)
	if !ok || len(c.items) != 1 || c.said.open || !wire.StringIs(wire.Lookup(c.items[0], "role"), "system") {
		return false
	}
	first, ok := wire.String(wire.Lookup(c.items[0], "content"))
	if !ok {
		return false
	}
	c.items = nil
	c.add("system", wire.AppendString(nil, first+"\n\n"+text))
	return true
}

// plainText is a list of one part, a text, as that text: every server takes it so. nil: it is another list.
func plainText(list []byte) []byte {
	var text []byte
	n := 0
	wire.EachElement(list, func(part []byte) {
		n++
		if wire.StringIs(wire.Lookup(part, "type"), "text") {
			text = wire.Lookup(part, "text")
		}
	})
	if n != 1 {
		return nil
	}
	return text
}

// parts turns a content list into that of a chat message.
func parts(raw []byte, at int) ([]byte, error) {
	var items [][]byte
	var err error
	wire.EachElement(raw, func(p []byte) {
		part, partErr := partOf(p, at)
		if partErr != nil && err == nil {
			err = partErr
		}
		items = append(items, part)
	})
	return wire.List(items), err
}

func partOf(p []byte, at int) ([]byte, error) {
	kind, _ := wire.String(wire.Lookup(p, "type"))
	var o, inner wire.Builder
	switch kind {
	case "input_text", "output_text", "text", "summary_text":
		o.Text("type", "text")
		o.RawOr("text", scalar(wire.Lookup(p, "text")), `""`)
	case "refusal":
		o.Text("type", "text")
		o.RawOr("text", scalar(wire.Lookup(p, "refusal")), `""`)
	case "input_image":
		url := scalar(wire.Lookup(p, "image_url"))
		if url == nil {
			return nil, badItem(at, "has an image without image_url")
		}
		inner.Raw("url", url)
		inner.Raw("detail", scalar(wire.Lookup(p, "detail")))
		o.Text("type", "image_url")
		o.Raw("image_url", inner.Bytes())
	case "input_file":
		for _, name := range [...]string{"file_data", "file_id", "filename"} {
			inner.Raw(name, scalar(wire.Lookup(p, name)))
		}
		if at := scalar(wire.Lookup(p, "file_url")); at != nil {
			inner.Raw("file_id", at) // LiteLLM's place for addresses in a chat
		}
		if inner.Empty() {
			return nil, badItem(at, "has a file without file_data or file_id")
		}
		o.Text("type", "file")
		o.Raw("file", inner.Bytes())
	case "input_audio":
		o.Text("type", "input_audio")
		o.Raw("input_audio", wire.Lookup(p, "input_audio"))
	default:
		return nil, badItem(at, fmt.Sprintf("has a part of the type %q", kind))
	}
	return o.Bytes(), nil
}
