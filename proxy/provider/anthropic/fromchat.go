package anthropic

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"gatehouse/proxy/provider"
	"gatehouse/proxy/provider/chat"
	"gatehouse/proxy/wire"
)

// FromChat serves OpenAI's chat completions by Anthropic's Messages: one call's bridge.
type FromChat struct {
	Now        func() time.Time
	ID         string // of the call
	DropParams bool
	Allowed    []string
}

// Request appends the Messages request for a chat request. Errors: *wire.BadField, *provider.UnsupportedParam.
func (f *FromChat) Request(dst []byte, in *wire.Request, model string) ([]byte, error) {
	var o wire.Builder
	var choice, parallel, limit []byte
	for i := range in.Len() {
		if in.Dropped(i) {
			continue
		}
		name, raw := string(in.Name(i)), in.Raw(i)
		if wire.Null(raw) {
			continue
		}
		switch name {
		case "model", "stream_options", "store", "response_format", "reasoning_effort", "modalities", "prediction", "audio", "prompt_cache_key",
			"safety_identifier", "verbosity", "functions", "function_call", "service_tier", "web_search_options":
		case "messages":
			system, messages, err := turns(raw)
			if err != nil {
				return dst, err
			}
			o.Raw("system", system)
			o.Raw("messages", messages)
		case "max_tokens", "max_completion_tokens":
			if limit == nil {
				limit = raw
			}
		case "stop":
			o.Raw("stop_sequences", stops(raw))
		case "temperature":
			o.Raw("temperature", capped(raw))
		case "user":
			var user wire.Builder
			user.Raw("user_id", raw)
			o.Raw("metadata", user.Bytes())
		case "metadata":
		case "tools":
			tools, err := toolsOf(raw)
			if err != nil {
				return dst, err
			}
			o.Raw("tools", tools)
		case "tool_choice":
			choice = raw
		case "parallel_tool_calls":
			parallel = raw
		case "n", "logprobs", "top_logprobs", "logit_bias", "presence_penalty", "frequency_penalty", "seed":
			if err := f.unsupported(name, raw); err != nil {
				return dst, err
			}
		default:
			o.Raw(name, raw) // stream, top_p, top_k, thinking and whatever the API will learn
		}
	}
	o.Raw("tool_choice", toolChoice(choice, parallel))
	budget := output(&o, in, model, limit)
	if limit == nil {
		limit = strconv.AppendInt(nil, DefaultMaxTokens+budget, 10)
	}
	o.Raw("max_tokens", limit)
	return append(dst, o.Bytes()...), nil
}

// unsupported refuses a parameter unless its value asks for nothing or dropping is on.
func (f *FromChat) unsupported(name string, raw []byte) error {
	idle := map[string][]string{"n": {"1"}, "logprobs": {"false"}, "presence_penalty": {"0", "0.0"}, "frequency_penalty": {"0", "0.0"}, "logit_bias": {"{}"}}[name]
	if f.DropParams || slices.Contains(f.Allowed, name) || slices.Contains(idle, string(raw)) {
		return nil
	}
	return &provider.UnsupportedParam{Name: name, Provider: "Anthropic"}
}

// output adds what is said about the form of the answer and the effort put into it. budget is what thinking may take of
// the output.
func output(o *wire.Builder, in *wire.Request, model string, limit []byte) (budget int64) {
	var config wire.Builder
	if i := in.Find("response_format"); i >= 0 && !in.Dropped(i) {
		raw := in.Raw(i)
		if kind, _ := wire.String(wire.Lookup(raw, "type")); kind == "json_schema" {
			var format wire.Builder
			format.Text("type", "json_schema")
			format.Raw("schema", wire.Lookup(raw, "json_schema", "schema"))
			config.Raw("format", format.Bytes())
		}
	}
	if i := in.Find("thinking"); i >= 0 && !in.Dropped(i) {
		budget, _ = wire.Int(wire.Lookup(in.Raw(i), "budget_tokens"))
	} else if i := in.Find("reasoning_effort"); i >= 0 && !in.Dropped(i) {
		effort, _ := wire.String(in.Raw(i))
		switch {
		case effort == "" || effort == "none":
		case adaptive(model):
			o.Raw("thinking", []byte(`{"type":"adaptive"}`))
			if effort == "minimal" {
				effort = "low"
			}
			config.Text("effort", effort)
		default:
			if budget = chat.ClaudeBudget(effort, limit); budget > 0 {
				o.Raw("thinking", fmt.Appendf(nil, `{"type":"enabled","budget_tokens":%d}`, budget))
			}
		}
	}
	if !config.Empty() {
		o.Raw("output_config", config.Bytes())
	}
	return max(budget, 0)
}

// adaptive says whether a model decides itself how long it thinks, and is told an effort: Claude 4.6 and later. A name
// is claude-FAMILY-MAJOR-MINOR, with a date or a platform's marks around it.
func adaptive(model string) bool {
	_, rest, ok := strings.Cut(model, "claude-")
	if !ok {
		return false
	}
	var version []int
	for part := range strings.SplitSeq(rest, "-") {
		n, err := strconv.Atoi(part)
		if err != nil || n > 99 {
			if len(version) > 0 {
				break
			}
			continue
		}
		version = append(version, n)
	}
	if len(version) == 0 {
		return false
	}
	return version[0] > 4 || version[0] == 4 && len(version) > 1 && version[1] >= 6
}

// stops brings stop to a list without entries that are white space only, which the API refuses.
func stops(raw []byte) []byte {
	var items [][]byte
	keep := func(e []byte) {
		if s, ok := wire.String(e); ok && strings.TrimSpace(s) != "" {
			items = append(items, e)
		}
	}
	if wire.IsArray(raw) {
		wire.EachElement(raw, keep)
	} else {
		keep(raw)
	}
	if len(items) == 0 {
		return nil
	}
	return wire.List(items)
}

// capped is a temperature, of which OpenAI knows twice as much.
func capped(raw []byte) []byte {
	if v, err := strconv.ParseFloat(string(raw), 64); err == nil && v > 1 {
		return []byte("1")
	}
	return raw
}

func toolsOf(raw []byte) ([]byte, error) {
	var items [][]byte
	var err error
	n := 0
	wire.EachElement(raw, func(e []byte) {
		at := n
		n++
		fn := wire.Lookup(e, "function")
		if !wire.IsObject(fn) {
			items = append(items, e) // a hosted tool in Anthropic's own form
			return
		}
		var t wire.Builder
		t.Raw("name", wire.Lookup(fn, "name"))
		if wire.Lookup(fn, "name") == nil && err == nil {
			err = &wire.BadField{Field: "tools", Message: fmt.Sprintf("tools[%d].function has no name", at)}
		}
		if d := wire.Lookup(fn, "description"); !wire.Null(d) {
			t.Raw("description", d)
		}
		t.Raw("input_schema", schema(wire.Lookup(fn, "parameters")))
		for _, from := range [...][]byte{e, fn} {
			if cc := wire.Lookup(from, "cache_control"); cc != nil {
				t.Raw("cache_control", cc)
				break
			}
		}
		items = append(items, t.Bytes())
	})
	if err != nil || len(items) == 0 {
		return nil, err
	}
	return wire.List(items), nil
}

// schema makes sure that a tool's parameters are an object.
func schema(raw []byte) []byte {
	if !wire.IsObject(raw) {
		return []byte(`{"type":"object","properties":{}}`)
	}
	if wire.Lookup(raw, "type") != nil {
		return raw
	}
	var o wire.Object
	if o.Parse(raw) != nil {
		return raw
	}
	o.Add("type", []byte(`"object"`))
	return o.Append(nil)
}

func toolChoice(choice, parallel []byte) []byte {
	var o wire.Builder
	switch s, _ := wire.String(choice); {
	case s == "auto":
		o.Text("type", "auto")
	case s == "none":
		o.Text("type", "none")
	case s == "required":
		o.Text("type", "any")
	case wire.IsObject(choice):
		name := wire.Lookup(choice, "function", "name")
		if name == nil {
			return choice
		}
		o.Text("type", "tool")
		o.Raw("name", name)
	default:
		if string(parallel) != "false" {
			return nil
		}
		o.Text("type", "auto")
	}
	if string(parallel) == "false" {
		o.Raw("disable_parallel_tool_use", []byte("true"))
	}
	return o.Bytes()
}

// turn is one message under construction.
type turn struct {
	role   string
	blocks [][]byte
}

// turns splits a conversation into the system prompt and messages that alternate between user and assistant, with every
// tool's result first in the user's turn.
func turns(raw []byte) (system, messages []byte, err error) {
	var systems [][]byte
	var out []turn
	n := 0
	wire.EachElement(raw, func(m []byte) {
		if err != nil {
			return
		}
		at := n
		n++
		if !wire.IsObject(m) {
			err = badMessage(at, "is no object")
			return
		}
		role, _ := wire.String(wire.Lookup(m, "role"))
		content := wire.Lookup(m, "content")
		cache := wire.Lookup(m, "cache_control")
		var blocks [][]byte
		switch role {
		case "system", "developer":
			blocks, err = parts(content, at)
			systems = append(systems, cached(blocks, cache)...)
			return
		case "user":
			if blocks, err = parts(content, at); err != nil {
				return
			}
		case "assistant":
			if blocks, err = spoken(m, content, at); err != nil {
				return
			}
		case "tool", "function":
			var block []byte
			if block, err = result(m, content, at); err != nil {
				return
			}
			blocks, role = [][]byte{block}, "user"
		default:
			err = badMessage(at, fmt.Sprintf("has the role %q", role))
			return
		}
		blocks = cached(blocks, cache)
		if last := len(out) - 1; last >= 0 && out[last].role == role {
			out[last].blocks = append(out[last].blocks, blocks...)
			return
		}
		out = append(out, turn{role, blocks})
	})
	if err != nil {
		return nil, nil, err
	}
	if len(out) == 0 || out[0].role != "user" {
		out = slices.Insert(out, 0, turn{"user", [][]byte{[]byte(`{"type":"text","text":"."}`)}})
	}
	var items [][]byte
	for _, t := range out {
		if len(t.blocks) == 0 {
			continue // nothing but empty text, which the API refuses
		}
		slices.SortStableFunc(t.blocks, func(a, b []byte) int { return order(a) - order(b) })
		var o wire.Builder
		o.Text("role", t.role)
		o.Raw("content", wire.List(t.blocks))
		items = append(items, o.Bytes())
	}
	if len(systems) > 0 {
		system = wire.List(systems)
	}
	return system, wire.List(items), nil
}

// order puts tool results before anything else.
func order(block []byte) int {
	if bytes.HasPrefix(block, []byte(`{"type":"tool_result"`)) {
		return 0
	}
	return 1
}

func badMessage(at int, what string) error {
	return &wire.BadField{Field: "messages", Message: fmt.Sprintf("messages[%d] %s", at, what)}
}

// cached puts a message's cache_control on its last block.
func cached(blocks [][]byte, cache []byte) [][]byte {
	if wire.Null(cache) || len(blocks) == 0 {
		return blocks
	}
	var o wire.Object
	last := len(blocks) - 1
	if o.Parse(blocks[last]) == nil {
		o.Set("cache_control", cache)
		blocks[last] = o.Append(nil)
	}
	return blocks
}

// parts turns content, a string or a list of parts, into blocks.
func parts(content []byte, at int) ([][]byte, error) {
	if wire.Null(content) {
		return nil, nil
	}
	if s, ok := wire.String(content); ok {
		if s == "" {
			return nil, nil
		}
		return [][]byte{textBlock(content, nil)}, nil
	}
	if !wire.IsArray(content) {
		return nil, badMessage(at, "has a content that is neither text nor a list")
	}
	var blocks [][]byte
	var err error
	wire.EachElement(content, func(part []byte) {
		block, partErr := partOf(part, at)
		if partErr != nil && err == nil {
			err = partErr
		}
		if block != nil {
			blocks = append(blocks, block)
		}
	})
	return blocks, err
}

func textBlock(raw, cache []byte) []byte {
	var o wire.Builder
	o.Text("type", "text")
	o.Raw("text", raw)
	if !wire.Null(cache) {
		o.Raw("cache_control", cache)
	}
	return o.Bytes()
}

func partOf(part []byte, at int) ([]byte, error) {
	if !wire.IsObject(part) {
		return nil, badMessage(at, "has a part that is no object")
	}
	kind, _ := wire.String(wire.Lookup(part, "type"))
	cache := wire.Lookup(part, "cache_control")
	switch kind {
	case "text", "refusal":
		raw := wire.Lookup(part, kind)
		if s, _ := wire.String(raw); s == "" {
			return nil, nil
		}
		return textBlock(raw, cache), nil
	case "image_url":
		raw := wire.Lookup(part, "image_url")
		if wire.IsObject(raw) {
			raw = wire.Lookup(raw, "url")
		}
		url, _ := wire.String(raw)
		return media("image", url, cache), nil
	case "file":
		file := wire.Lookup(part, "file")
		if data, _ := wire.String(wire.Lookup(file, "file_data")); data != "" {
			return media("document", data, cache), nil
		}
		if id := wire.Lookup(file, "file_id"); id != nil {
			var source, o wire.Builder
			source.Text("type", "file")
			source.Raw("file_id", id)
			o.Text("type", "document")
			o.Raw("source", source.Bytes())
			return o.Bytes(), nil
		}
		return nil, badMessage(at, "has a file without data or id")
	case "input_audio":
		return nil, &provider.UnsupportedParam{Name: "input_audio", Provider: "Anthropic"}
	case "":
		return nil, badMessage(at, "has a part without a type")
	}
	return part, nil // a block in Anthropic's own form
}

// media makes an image or document of a data URL or of a web address.
func media(kind, url string, cache []byte) []byte {
	var source, o wire.Builder
	if rest, ok := strings.CutPrefix(url, "data:"); ok {
		mediaType, data, _ := strings.Cut(rest, ",")
		source.Text("type", "base64")
		source.Text("media_type", strings.TrimSuffix(mediaType, ";base64"))
		source.Text("data", data)
	} else {
		source.Text("type", "url")
		source.Text("url", url)
	}
	o.Text("type", kind)
	o.Raw("source", source.Bytes())
	if !wire.Null(cache) {
		o.Raw("cache_control", cache)
	}
	return o.Bytes()
}

// spoken is an assistant's turn: thinking first, then text, then the tools it called.
func spoken(m, content []byte, at int) ([][]byte, error) {
	var blocks [][]byte
	if thinking := wire.Lookup(m, "thinking_blocks"); wire.IsArray(thinking) {
		wire.EachElement(thinking, func(b []byte) { blocks = append(blocks, b) })
	}
	said, err := parts(content, at)
	if err != nil {
		return nil, err
	}
	blocks = append(blocks, said...)
	wire.EachElement(wire.Lookup(m, "tool_calls"), func(call []byte) {
		arguments, _ := wire.String(wire.Lookup(call, "function", "arguments"))
		if strings.TrimSpace(arguments) == "" {
			arguments = "{}"
		}
		if !json.Valid([]byte(arguments)) || !wire.IsObject(bytes.TrimSpace([]byte(arguments))) {
			if err == nil {
				err = badMessage(at, "calls a tool with arguments that are no JSON object")
			}
			return
		}
		var o wire.Builder
		o.Text("type", "tool_use")
		o.Raw("id", wire.Lookup(call, "id"))
		o.Raw("name", wire.Lookup(call, "function", "name"))
		o.Raw("input", []byte(arguments))
		blocks = append(blocks, o.Bytes())
	})
	return blocks, err
}

// result is what a tool answered.
func result(m, content []byte, at int) ([]byte, error) {
	id := wire.Lookup(m, "tool_call_id")
	if id == nil {
		return nil, badMessage(at, "answers a tool without tool_call_id")
	}
	var o wire.Builder
	o.Text("type", "tool_result")
	o.Raw("tool_use_id", id)
	switch {
	case wire.IsArray(content):
		blocks, err := parts(content, at)
		if err != nil {
			return nil, err
		}
		o.Raw("content", wire.List(blocks))
	case !wire.Null(content):
		o.Raw("content", content)
	}
	return o.Bytes(), nil
}
