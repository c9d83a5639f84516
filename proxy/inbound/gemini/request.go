// Package gemini serves Google's generateContent by chat completions, for providers of other wires (Gemini API reference,
// v1beta, 2026; proxy.md §5.3 read backwards).
package gemini

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"gatehouse/proxy/provider"
	"gatehouse/proxy/wire"
)

// ToChat is one call's bridge.
type ToChat struct {
	ID     string // of the call
	Model  string // as the client knows it
	Stream bool
	// KeepThinking sends earlier thoughts along, and top_k, which OpenAI's own API refuses.
	KeepThinking bool
}

// get finds a member under its name in camel case or, as Google's JSON also allows, in snake case.
func get(raw []byte, name string) []byte {
	if v := wire.Lookup(raw, name); v != nil {
		return v
	}
	if s := snake(name); s != name {
		return wire.Lookup(raw, s)
	}
	return nil
}

func snake(name string) string {
	var out []byte
	for i := range len(name) {
		if c := name[i]; c >= 'A' && c <= 'Z' {
			out = append(out, '_', c+'a'-'A')
		} else {
			out = append(out, c)
		}
	}
	return string(out)
}

func scalar(raw []byte) []byte {
	if wire.Null(raw) {
		return nil
	}
	return raw
}

// Request appends the chat request for a generateContent request. Errors: *wire.BadField, *provider.UnsupportedParam.
func (t *ToChat) Request(dst []byte, in *wire.Request, _ string) ([]byte, error) {
	body := in.Object.Append(nil)
	c := conversation{thinking: t.KeepThinking}
	if system := get(body, "systemInstruction"); !wire.Null(system) {
		var texts []string
		wire.EachElement(get(system, "parts"), func(p []byte) {
			if s, ok := wire.String(wire.Lookup(p, "text")); ok {
				texts = append(texts, s)
			}
		})
		c.message("system", wire.AppendString(nil, strings.Join(texts, "\n")))
	}
	contents := get(body, "contents")
	if !wire.IsArray(contents) {
		return dst, &wire.BadField{Field: "contents", Message: "contents must be a list"}
	}
	var err error
	n := 0
	wire.EachElement(contents, func(e []byte) {
		if err == nil {
			err = c.content(e, n)
		}
		n++
	})
	if err != nil {
		return dst, err
	}
	if cached := get(body, "cachedContent"); !wire.Null(cached) {
		return dst, &provider.UnsupportedParam{Name: "cachedContent", Provider: "The provider of this model"}
	}
	var o wire.Builder
	o.Raw("messages", wire.List(c.items))
	if t.Stream {
		o.Bool("stream", true)
	}
	t.config(&o, get(body, "generationConfig"))
	tools(&o, get(body, "tools"), get(body, "toolConfig"))
	return append(dst, o.Bytes()...), nil
}

// config translates generationConfig.
func (t *ToChat) config(o *wire.Builder, raw []byte) {
	if !wire.IsObject(raw) {
		return
	}
	for _, name := range [...][2]string{
		{"temperature", "temperature"},
		{"topP", "top_p"},
		{"maxOutputTokens", "max_tokens"},
		{"stopSequences", "stop"},
		{"candidateCount", "n"},
		{"seed", "seed"},
		{"presencePenalty", "presence_penalty"},
		{"frequencyPenalty", "frequency_penalty"},
		{"responseLogprobs", "logprobs"},
		{"logprobs", "top_logprobs"},
	} {
		o.Raw(name[1], scalar(get(raw, name[0])))
	}
	if t.KeepThinking {
		o.Raw("top_k", scalar(whole(get(raw, "topK"))))
	}
	if kind, _ := wire.String(get(raw, "responseMimeType")); kind == "application/json" {
		schema := scalar(get(raw, "responseJsonSchema"))
		if schema == nil {
			schema = lower(scalar(get(raw, "responseSchema")))
		}
		if schema == nil {
			o.Raw("response_format", []byte(`{"type":"json_object"}`))
		} else {
			var js, rf wire.Builder
			js.Text("name", "answer")
			js.Raw("schema", schema)
			rf.Text("type", "json_schema")
			rf.Raw("json_schema", js.Bytes())
			o.Raw("response_format", rf.Bytes())
		}
	}
	if effort := effort(get(raw, "thinkingConfig")); effort != "" {
		o.Text("reasoning_effort", effort)
	}
}

// whole writes 40.0 as 40.
func whole(raw []byte) []byte {
	if n, ok := wire.Int(raw); ok {
		return strconv.AppendInt(nil, n, 10)
	}
	return raw
}

// effort is how much thinking is asked for, in OpenAI's word; "" when nothing is said.
func effort(raw []byte) string {
	if level, _ := wire.String(get(raw, "thinkingLevel")); level != "" {
		return strings.ToLower(level)
	}
	n, ok := wire.Int(get(raw, "thinkingBudget"))
	switch {
	case !ok || n < 0:
		return ""
	case n == 0:
		return "none"
	case n <= 512:
		return "minimal"
	case n <= 1024:
		return "low"
	case n <= 2048:
		return "medium"
	}
	return "high"
}

// lower writes the types of a schema as JSON Schema does: Google's own schemas have them in capitals.
func lower(raw []byte) []byte {
	if len(raw) == 0 {
		return nil
	}
	switch {
	case wire.IsObject(raw):
		var o wire.Object
		if o.Parse(raw) != nil {
			return raw
		}
		for i := range o.Len() {
			v := o.Raw(i)
			if s, ok := wire.String(v); ok && string(o.Name(i)) == "type" {
				o.Replace(i, wire.AppendString(nil, strings.ToLower(s)))
			} else if wire.IsObject(v) || wire.IsArray(v) {
				o.Replace(i, lower(v))
			}
		}
		return o.Append(nil)
	case wire.IsArray(raw):
		var items [][]byte
		wire.EachElement(raw, func(e []byte) { items = append(items, lower(e)) })
		return wire.List(items)
	}
	return raw
}

// tools translates function declarations; what Google itself runs stays out.
func tools(o *wire.Builder, raw, config []byte) {
	var items [][]byte
	wire.EachElement(raw, func(tool []byte) {
		wire.EachElement(get(tool, "functionDeclarations"), func(d []byte) {
			var fn, item wire.Builder
			fn.Raw("name", wire.Lookup(d, "name"))
			fn.Raw("description", scalar(wire.Lookup(d, "description")))
			schema := scalar(get(d, "parametersJsonSchema"))
			if schema == nil {
				schema = lower(scalar(wire.Lookup(d, "parameters")))
			}
			fn.RawOr("parameters", schema, `{"type":"object","properties":{}}`)
			item.Text("type", "function")
			item.Raw("function", fn.Bytes())
			items = append(items, item.Bytes())
		})
	})
	if len(items) == 0 {
		return
	}
	o.Raw("tools", wire.List(items))
	calling := get(config, "functionCallingConfig")
	mode, _ := wire.String(wire.Lookup(calling, "mode"))
	switch strings.ToUpper(mode) {
	case "AUTO", "VALIDATED": // a call or text
		o.Text("tool_choice", "auto")
	case "NONE":
		o.Text("tool_choice", "none")
	case "ANY":
		var names [][]byte
		wire.EachElement(get(calling, "allowedFunctionNames"), func(e []byte) { names = append(names, e) })
		if len(names) != 1 {
			o.Text("tool_choice", "required")
			return
		}
		var fn, choice wire.Builder
		fn.Raw("name", names[0])
		choice.Text("type", "function")
		choice.Raw("function", fn.Bytes())
		o.Raw("tool_choice", choice.Bytes())
	}
}

// conversation collects messages.
type conversation struct {
	items    [][]byte
	thinking bool
	calls    int
	open     []openCall // tool calls that no result has answered yet
}

type openCall struct{ id, name string }

func (c *conversation) message(role string, content []byte) {
	var o wire.Builder
	o.Text("role", role)
	o.Raw("content", content)
	c.items = append(c.items, o.Bytes())
}

func bad(at int, what string) error {
	return &wire.BadField{Field: "contents", Message: fmt.Sprintf("contents[%d] %s", at, what)}
}

// content takes one turn.
func (c *conversation) content(e []byte, at int) error {
	if !wire.IsObject(e) {
		return bad(at, "is no object")
	}
	parts := get(e, "parts")
	if !wire.IsArray(parts) {
		return bad(at, "has no parts")
	}
	role, _ := wire.String(wire.Lookup(e, "role"))
	switch role {
	case "", "user", "function", "tool":
		return c.asked(parts, at)
	case "model":
		return c.said(parts, at)
	}
	return bad(at, fmt.Sprintf("has the role %q", role))
}

// asked is a user's turn: results of tools become messages of their own, before the rest.
func (c *conversation) asked(parts []byte, at int) error {
	var shown [][]byte
	var err error
	wire.EachElement(parts, func(p []byte) {
		if r := get(p, "functionResponse"); r != nil {
			c.result(r)
			return
		}
		part := partOf(p)
		if part == nil && err == nil {
			err = bad(at, "has a part that the provider of this model does not take")
		}
		shown = append(shown, part)
	})
	if err == nil && len(shown) > 0 {
		c.message("user", wire.List(shown))
	}
	return err
}

// result is what a tool answered. Without an id it answers the oldest open call of its name.
func (c *conversation) result(r []byte) {
	name, _ := wire.String(wire.Lookup(r, "name"))
	id, _ := wire.String(wire.Lookup(r, "id"))
	for i, call := range c.open {
		if id == call.id || id == "" && name == call.name {
			id = call.id
			c.open = append(c.open[:i:i], c.open[i+1:]...)
			break
		}
	}
	response := wire.Lookup(r, "response")
	content := wire.AppendString(nil, string(response))
	if only := onlyResult(response); only != nil {
		content = only
	}
	var o wire.Builder
	o.Text("role", "tool")
	o.Text("tool_call_id", id)
	o.Raw("content", content)
	c.items = append(c.items, o.Bytes())
}

// onlyResult is the text of a response that is {"result": "text"} or {"output": "text"} alone.
func onlyResult(response []byte) []byte {
	var o wire.Object
	if !wire.IsObject(response) || o.Parse(response) != nil || o.Len() != 1 {
		return nil
	}
	if name := string(o.Name(0)); name != "result" && name != "output" {
		return nil
	}
	if _, ok := wire.String(o.Raw(0)); !ok {
		return nil
	}
	return o.Raw(0)
}

func partOf(p []byte) []byte {
	var o, inner wire.Builder
	if text := wire.Lookup(p, "text"); text != nil {
		o.Text("type", "text")
		o.Raw("text", text)
		return o.Bytes()
	}
	kind, url, name := "", "", ""
	if data := get(p, "inlineData"); data != nil {
		kind, _ = wire.String(get(data, "mimeType"))
		b64, _ := wire.String(wire.Lookup(data, "data"))
		url = "data:" + kind + ";base64," + b64
		if format, ok := strings.CutPrefix(kind, "audio/"); ok {
			inner.Text("data", b64)
			inner.Text("format", strings.TrimPrefix(strings.Replace(format, "mpeg", "mp3", 1), "x-"))
			o.Text("type", "input_audio")
			o.Raw("input_audio", inner.Bytes())
			return o.Bytes()
		}
		name, _ = wire.String(get(data, "displayName"))
	} else if file := get(p, "fileData"); file != nil {
		kind, _ = wire.String(get(file, "mimeType"))
		url, _ = wire.String(get(file, "fileUri"))
	} else {
		return nil
	}
	if strings.HasPrefix(kind, "image/") || kind == "" {
		inner.Text("url", url)
		o.Text("type", "image_url")
		o.Raw("image_url", inner.Bytes())
		return o.Bytes()
	}
	if name == "" {
		name = "document.pdf"
	}
	inner.Text("filename", name)
	inner.Text("file_data", url)
	o.Text("type", "file")
	o.Raw("file", inner.Bytes())
	return o.Bytes()
}

// said is the model's turn.
func (c *conversation) said(parts []byte, at int) error {
	var text, thought strings.Builder
	var calls, thinking [][]byte
	c.open = nil
	var err error
	wire.EachElement(parts, func(p []byte) {
		s, isText := wire.String(wire.Lookup(p, "text"))
		switch fn := get(p, "functionCall"); {
		case fn != nil:
			calls = append(calls, c.called(fn))
		case isText && string(wire.Lookup(p, "thought")) == "true":
			thought.WriteString(s)
			sign, _ := wire.String(get(p, "thoughtSignature"))
			if raw, decodeErr := base64.StdEncoding.DecodeString(sign); decodeErr == nil && len(raw) > 0 {
				var b wire.Builder
				b.Text("type", "thinking")
				b.Text("thinking", s)
				b.Text("signature", string(raw))
				thinking = append(thinking, b.Bytes())
			}
		case isText:
			text.WriteString(s)
		default:
			err = bad(at, "has a part that the provider of this model does not take")
		}
	})
	if err != nil {
		return err
	}
	var o wire.Builder
	o.Text("role", "assistant")
	if text.Len() > 0 || len(calls) == 0 {
		o.Text("content", text.String())
	} else {
		o.Raw("content", []byte("null"))
	}
	if c.thinking {
		if thought.Len() > 0 {
			o.Text("reasoning_content", thought.String())
		}
		if len(thinking) > 0 {
			o.Raw("thinking_blocks", wire.List(thinking))
		}
	}
	if len(calls) > 0 {
		o.Raw("tool_calls", wire.List(calls))
	}
	c.items = append(c.items, o.Bytes())
	return nil
}

// called is one tool call; a call without an id gets one that its result will find.
func (c *conversation) called(fn []byte) []byte {
	name, _ := wire.String(wire.Lookup(fn, "name"))
	id, _ := wire.String(wire.Lookup(fn, "id"))
	if id == "" {
		id = fmt.Sprintf("call_%d", c.calls)
	}
	c.calls++
	c.open = append(c.open, openCall{id, name})
	arguments := wire.Lookup(fn, "args")
	if !wire.IsObject(arguments) {
		arguments = []byte("{}")
	}
	var inner, call wire.Builder
	inner.Text("name", name)
	inner.Text("arguments", string(wire.Compact(arguments)))
	call.Text("id", id)
	call.Text("type", "function")
	call.Raw("function", inner.Bytes())
	return call.Bytes()
}
