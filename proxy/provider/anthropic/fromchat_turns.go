package anthropic

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"gatehouse/proxy/wire"
)

// turn is one message under construction.
type turn struct {
	role   string
	blocks [][]byte
}

// turns splits a conversation into the system prompt and messages that alternate between user and assistant, with every
// tool's result first in the user's turn.
func (f *FromChat) turns(raw []byte) (system, messages []byte, err error) {
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
			blocks, err = f.parts(content, at)
			systems = append(systems, cached(blocks, cache)...)
			return
		case "user":
			if blocks, err = f.parts(content, at); err != nil {
				return
			}
		case "assistant":
			if blocks, err = f.spoken(m, content, at); err != nil {
				return
			}
		case "tool", "function":
			var block []byte
			if block, err = f.result(m, content, at); err != nil {
				return
			}
			blocks, role = [][]byte{block}, "user"
		default:
			err = badMessage(at, fmt.Sprintf("has the role %q", role))
			return
		}
		if blocks = cached(blocks, cache); len(blocks) == 0 {
			return // nothing but empty text, which the API refuses
		}
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
	f.unsigned = unsigned(out)
	var items [][]byte
	for _, t := range out {
		slices.SortStableFunc(t.blocks, func(a, b []byte) int { return order(a) - order(b) })
		t.blocks = answeredOnce(t.blocks)
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

// unsigned says whether the last turn answers calls of tools that came without thinking before them.
func unsigned(turns []turn) bool {
	n := len(turns)
	if n < 2 || turns[n-2].role != "assistant" || !slices.ContainsFunc(turns[n-1].blocks, isResult) {
		return false
	}
	return !slices.ContainsFunc(turns[n-2].blocks, func(b []byte) bool {
		kind, _ := wire.String(wire.Lookup(b, "type"))
		return kind == "thinking" || kind == "redacted_thinking"
	})
}

func isResult(block []byte) bool { return bytes.HasPrefix(block, []byte(`{"type":"tool_result"`)) }

// answeredOnce leaves one result for each call of a tool: the last, where a client has sent several. The API takes no more.
func answeredOnce(blocks [][]byte) [][]byte {
	id := func(b []byte) string { return string(wire.Lookup(b, "tool_use_id")) }
	out := blocks[:0]
	for i, b := range blocks {
		if isResult(b) && slices.ContainsFunc(blocks[i+1:], func(later []byte) bool { return isResult(later) && id(later) == id(b) }) {
			continue
		}
		out = append(out, b)
	}
	return out
}

// order puts tool results before anything else.
func order(block []byte) int {
	if isResult(block) {
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
func (f *FromChat) parts(content []byte, at int) ([][]byte, error) {
	if wire.Null(content) {
		return nil, nil
	}
	if s, ok := wire.String(content); ok {
		if strings.TrimSpace(s) == "" {
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
		block, partErr := f.partOf(part, at)
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

func (f *FromChat) partOf(part []byte, at int) ([]byte, error) {
	if !wire.IsObject(part) {
		return nil, badMessage(at, "has a part that is no object")
	}
	kind, _ := wire.String(wire.Lookup(part, "type"))
	cache := wire.Lookup(part, "cache_control")
	switch kind {
	case "text", "refusal":
		raw := wire.Lookup(part, kind)
		if s, _ := wire.String(raw); strings.TrimSpace(s) == "" {
			return nil, nil // the API refuses text of white space
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
		return document(wire.Lookup(part, "file"), cache, at)
	case "input_audio":
		return nil, f.unsupported("input_audio", part)
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

// document makes a document of a file: of its data, of the address or of the id that stands in for them.
func document(file, cache []byte, at int) ([]byte, error) {
	data, _ := wire.String(wire.Lookup(file, "file_data"))
	id, _ := wire.String(wire.Lookup(file, "file_id"))
	switch {
	case strings.HasPrefix(data, "data:text/"): // base64 is for PDFs alone there
		head, packed, _ := strings.Cut(data, ",")
		text, err := base64.StdEncoding.DecodeString(packed)
		if err != nil || !strings.HasSuffix(head, ";base64") || wire.Text(text) != nil {
			return nil, badMessage(at, "has a text file whose file_data is no base64 of text")
		}
		var source, o wire.Builder
		source.Text("type", "text")
		source.Text("media_type", "text/plain")
		source.Text("data", string(text))
		return titled(&o, source.Bytes(), file, cache), nil
	case data != "" && !strings.Contains(data, ":"): // base64 alone
		return media("document", "data:application/pdf;base64,"+data, cache), nil
	case data != "":
		return media("document", data, cache), nil
	case strings.HasPrefix(id, "https://"), strings.HasPrefix(id, "http://"): // LiteLLM takes addresses here
		return media("document", id, cache), nil
	case id != "":
		var source, o wire.Builder
		source.Text("type", "file")
		source.Text("file_id", id)
		return titled(&o, source.Bytes(), nil, cache), nil
	}
	return nil, badMessage(at, "has a file without data or id")
}

// titled ends a document.
func titled(o *wire.Builder, source, file, cache []byte) []byte {
	o.Text("type", "document")
	o.Raw("source", source)
	if name := wire.Lookup(file, "filename"); !wire.Null(name) {
		o.Raw("title", name)
	}
	if !wire.Null(cache) {
		o.Raw("cache_control", cache)
	}
	return o.Bytes()
}

// spoken is an assistant's turn: thinking first, then text, then the tools it called.
func (f *FromChat) spoken(m, content []byte, at int) ([][]byte, error) {
	var blocks [][]byte
	if thinking := wire.Lookup(m, "thinking_blocks"); wire.IsArray(thinking) {
		wire.EachElement(thinking, func(b []byte) {
			if sign := wire.Lookup(b, "signature"); sign != nil && len(sign) <= len(`""`) {
				return // another provider's: only what Anthropic has signed may come back to it
			}
			blocks = append(blocks, b)
		})
	}
	said, err := f.parts(content, at)
	if err != nil {
		return nil, err
	}
	blocks = append(blocks, said...)
	use := func(id, fn []byte) {
		arguments, _ := wire.String(wire.Lookup(fn, "arguments"))
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
		o.Raw("id", id)
		o.Raw("name", wire.Lookup(fn, "name"))
		o.Raw("input", []byte(arguments))
		blocks = append(blocks, o.Bytes())
	}
	wire.EachElement(wire.Lookup(m, "tool_calls"), func(call []byte) { use(wire.Lookup(call, "id"), wire.Lookup(call, "function")) })
	if fn := wire.Lookup(m, "function_call"); wire.IsObject(fn) {
		use(oldID(fn), fn)
	}
	return blocks, err
}

// oldID is the id of a call in the older form, which has none: its function's name.
func oldID(fn []byte) []byte {
	name, ok := wire.String(wire.Lookup(fn, "name"))
	if !ok {
		return nil
	}
	return wire.AppendString(nil, "call_"+name)
}

// result is what a tool answered.
func (f *FromChat) result(m, content []byte, at int) ([]byte, error) {
	id := wire.Lookup(m, "tool_call_id")
	if role, _ := wire.String(wire.Lookup(m, "role")); id == nil && role == "function" {
		id = oldID(m)
	}
	if id == nil {
		return nil, badMessage(at, "answers a tool without tool_call_id")
	}
	var o wire.Builder
	o.Text("type", "tool_result")
	o.Raw("tool_use_id", id)
	switch {
	case wire.IsArray(content):
		blocks, err := f.parts(content, at)
		if err != nil {
			return nil, err
		}
		o.Raw("content", wire.List(blocks))
	case !wire.Null(content):
		o.Raw("content", content)
	}
	if string(wire.Lookup(m, "is_error")) == "true" {
		o.Bool("is_error", true)
	}
	return o.Bytes(), nil
}
