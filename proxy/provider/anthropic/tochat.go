package anthropic

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"gatehouse/proxy/wire"
)

// ToChat serves Anthropic's Messages by a provider of OpenAI's wire: one call's bridge.
type ToChat struct {
	ID          string // of the call
	InputTokens int64  // the estimate that a stream begins with
	// KeepThinking sends earlier thinking along, as thinking_blocks and reasoning_content. OpenAI's own API refuses both.
	KeepThinking bool
	// KeepMarks sends along what OpenAI's wire has no word for and a provider of another wire has: cache_control, is_error, the
	// exact thinking budget.
	KeepMarks bool

	// MaxOutput is what the model writes at most; 0: not known. The API requires a cap, so agents name one whatever the model.
	MaxOutput int64

	names map[string]string // tool names that had to be cut, to what the client calls them
}

// Request appends the chat request for a Messages request. Errors: *wire.BadField.
func (t *ToChat) Request(dst []byte, in *wire.Request, _ string) ([]byte, error) {
	var o wire.Builder
	var system, messages, choice, tools, effort []byte
	for i := range in.Len() {
		if in.Dropped(i) || wire.Null(in.Raw(i)) {
			continue
		}
		name, raw := string(in.Name(i)), in.Raw(i)
		switch name {
		case "system":
			system = raw
		case "messages":
			messages = raw
		case "stop_sequences":
			o.Raw("stop", raw)
		case "max_tokens":
			if n, ok := wire.Int(raw); ok && t.MaxOutput > 0 && n > t.MaxOutput {
				raw = strconv.AppendInt(nil, t.MaxOutput, 10)
			}
			o.Raw(name, raw)
		case "service_tier":
			if wire.StringIs(raw, "standard_only") {
				raw = []byte(`"default"`)
			}
			o.Raw(name, raw)
		case "temperature", "top_p", "stream":
			o.Raw(name, raw)
		case "metadata":
			if id, ok := wire.String(wire.Lookup(raw, "user_id")); ok && id != "" {
				o.Text("user", endUser(id))
			}
		case "tools":
			tools = t.tools(raw)
		case "tool_choice":
			choice = raw
		case "top_k":
			if t.KeepMarks {
				o.Raw(name, raw)
			}
		case "thinking":
			if word := budgetWord(raw); word != nil {
				effort = word // an exact budget says more than a word
			}
			if t.KeepMarks {
				o.Raw(name, raw)
			}
		case "output_config":
			if word, ok := wire.String(wire.Lookup(raw, "effort")); ok && effort == nil {
				effort = wire.AppendString(nil, effortWord(word))
			}
			if format := wire.Lookup(raw, "format"); wire.IsObject(format) {
				var schema, rf wire.Builder
				schema.Text("name", "answer")
				schema.Raw("schema", wire.Lookup(format, "schema"))
				rf.Text("type", "json_schema")
				rf.Raw("json_schema", schema.Bytes())
				o.Raw("response_format", rf.Bytes())
			}
		}
	}
	out, err := t.conversation(system, messages)
	if err != nil {
		return dst, err
	}
	o.Raw("reasoning_effort", effort)
	o.Raw("messages", out)
	if o.Raw("tools", tools); len(tools) > 0 { // the choice among tools that are all Anthropic's own is none
		t.choice(&o, choice)
	}
	return append(dst, o.Bytes()...), nil
}

// longestUser is what OpenAI takes as the end user's name; agents send longer ones.
const longestUser = 64

// endUser is a name that fits: a longer one becomes its hash, the same for every call.
func endUser(id string) string {
	if len(id) <= longestUser {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:])
}

// effortWord is an effort as OpenAI says it.
func effortWord(word string) string {
	switch word {
	case "xhigh", "max":
		return "high"
	}
	return word
}

// budgetWord turns a thinking budget into the word that OpenAI has for it; nil without one.
func budgetWord(raw []byte) []byte {
	if kind, _ := wire.String(wire.Lookup(raw, "type")); kind != "enabled" {
		return nil
	}
	n, _ := wire.Int(wire.Lookup(raw, "budget_tokens"))
	switch {
	case n >= 10000:
		return []byte(`"high"`)
	case n >= 5000:
		return []byte(`"medium"`)
	case n >= 2000:
		return []byte(`"low"`)
	}
	return []byte(`"minimal"`)
}

// conversation is the messages of a chat request.
func (t *ToChat) conversation(system, messages []byte) ([]byte, error) {
	var items [][]byte
	text, err := plainText(system, -1)
	switch {
	case err != nil:
		return nil, err
	case t.KeepMarks && bytes.Contains(system, []byte(`"cache_control"`)):
		items = append(items, message("system", t.texts(system)))
	case text != "":
		items = append(items, message("system", wire.AppendString(nil, text)))
	}
	n := 0
	wire.EachElement(messages, func(m []byte) {
		at := n
		n++
		if err != nil {
			return
		}
		var more [][]byte
		if more, err = t.said(m, at); err == nil {
			items = append(items, more...)
		}
	})
	return wire.List(items), err
}

// mark puts a block's cache_control on what became of it.
func (t *ToChat) mark(o *wire.Builder, block []byte) {
	if cache := wire.Lookup(block, "cache_control"); t.KeepMarks && !wire.Null(cache) {
		o.Raw("cache_control", cache)
	}
}

// texts are the text blocks of a list, each with its mark.
func (t *ToChat) texts(list []byte) []byte {
	var items [][]byte
	wire.EachElement(list, func(b []byte) {
		if raw := wire.Lookup(b, "text"); !wire.Null(raw) {
			items = append(items, textBlock(raw, wire.Lookup(b, "cache_control")))
		}
	})
	return wire.List(items)
}

func message(role string, content []byte) []byte {
	var o wire.Builder
	o.Text("role", role)
	o.Raw("content", content)
	return o.Bytes()
}

// said is one message, which may become several: every tool's result is a message of its own.
func (t *ToChat) said(m []byte, at int) ([][]byte, error) {
	if !wire.IsObject(m) {
		return nil, badMessage(at, "is no object")
	}
	role, _ := wire.String(wire.Lookup(m, "role"))
	content := wire.Lookup(m, "content")
	switch role {
	case "system":
		text, err := plainText(content, at)
		return [][]byte{message("system", wire.AppendString(nil, text))}, err
	case "user":
		return t.asked(content, at)
	case "assistant":
		return t.answered(content, at)
	}
	return nil, badMessage(at, fmt.Sprintf("has the role %q", role))
}

// plainText joins the text of a string or a list of blocks.
func plainText(raw []byte, at int) (string, error) {
	if wire.Null(raw) {
		return "", nil
	}
	if s, ok := wire.String(raw); ok {
		return s, nil
	}
	if !wire.IsArray(raw) {
		if at < 0 {
			return "", &wire.BadField{Field: "system", Message: "system must be text or a list of blocks"}
		}
		return "", badMessage(at, "has a content that is neither text nor a list")
	}
	var texts []string
	wire.EachElement(raw, func(b []byte) {
		if s, ok := wire.String(wire.Lookup(b, "text")); ok {
			texts = append(texts, s)
		}
	})
	return strings.Join(texts, "\n"), nil
}

// asked is a user's message.
func (t *ToChat) asked(content []byte, at int) ([][]byte, error) {
	if _, ok := wire.String(content); ok {
		return [][]byte{message("user", content)}, nil
	}
	if !wire.IsArray(content) {
		return nil, badMessage(at, "has a content that is neither text nor a list")
	}
	var results, shown [][]byte
	var err error
	wire.EachElement(content, func(b []byte) {
		kind, _ := wire.String(wire.Lookup(b, "type"))
		switch kind {
		case "tool_result":
			raw := wire.Lookup(b, "content")
			text, textErr := plainText(raw, at)
			if textErr != nil {
				err = textErr
			}
			wire.EachElement(raw, func(part []byte) { // a tool's message holds text alone: what it shows is shown beside it
				kind, _ := wire.String(wire.Lookup(part, "type"))
				p, partErr := t.picture(part, kind, at)
				if err == nil {
					err = partErr
				}
				if p != nil {
					shown = append(shown, p)
				}
			})
			var o wire.Builder
			o.Text("role", "tool")
			o.Raw("tool_call_id", wire.Lookup(b, "tool_use_id"))
			o.Text("content", text)
			if t.KeepMarks && string(wire.Lookup(b, "is_error")) == "true" {
				o.Bool("is_error", true)
			}
			t.mark(&o, b)
			results = append(results, o.Bytes())
		case "text":
			var cache []byte
			if t.KeepMarks {
				cache = wire.Lookup(b, "cache_control")
			}
			shown = append(shown, textBlock(wire.Lookup(b, "text"), cache))
		default:
			part, partErr := t.picture(b, kind, at)
			if err == nil {
				err = partErr
			}
			if part != nil {
				shown = append(shown, part)
			}
		}
	})
	if len(shown) > 0 {
		results = append(results, message("user", wire.List(shown)))
	}
	return results, err
}

// answered is an assistant's message.
func (t *ToChat) answered(content []byte, at int) ([][]byte, error) {
	if _, ok := wire.String(content); ok {
		return [][]byte{message("assistant", content)}, nil
	}
	if !wire.IsArray(content) {
		return nil, badMessage(at, "has a content that is neither text nor a list")
	}
	var text, thoughts []string
	var calls, thinking [][]byte
	var marked []byte // the last block that is to be cached
	wire.EachElement(content, func(b []byte) {
		kind, _ := wire.String(wire.Lookup(b, "type"))
		if !wire.Null(wire.Lookup(b, "cache_control")) {
			marked = b
		}
		switch kind {
		case "text":
			s, _ := wire.String(wire.Lookup(b, "text"))
			text = append(text, s)
		case "thinking", "redacted_thinking":
			thinking = append(thinking, b)
			if s, _ := wire.String(wire.Lookup(b, "thinking")); s != "" {
				thoughts = append(thoughts, s)
			}
		case "tool_use":
			name, _ := wire.String(wire.Lookup(b, "name"))
			var fn, call wire.Builder
			fn.Text("name", t.toolName(name))
			fn.Text("arguments", string(compactObject(wire.Lookup(b, "input"))))
			call.Raw("id", wire.Lookup(b, "id"))
			call.Text("type", "function")
			call.Raw("function", fn.Bytes())
			calls = append(calls, call.Bytes())
		}
	})
	var o wire.Builder
	o.Text("role", "assistant")
	if len(text) > 0 || len(calls) == 0 {
		o.Text("content", strings.Join(text, ""))
	} else {
		o.Raw("content", []byte("null"))
	}
	if t.KeepThinking && len(thinking) > 0 {
		if len(thoughts) > 0 {
			o.Text("reasoning_content", strings.Join(thoughts, ""))
		}
		o.Raw("thinking_blocks", wire.List(thinking))
	}
	if len(calls) > 0 {
		o.Raw("tool_calls", wire.List(calls))
	}
	t.mark(&o, marked)
	return [][]byte{o.Bytes()}, nil
}

// thoughts are the thinking blocks of an answer: as the provider made them, or its reasoning as one block.
func thoughts(said []byte) [][]byte {
	var blocks [][]byte
	wire.EachElement(wire.Lookup(said, "thinking_blocks"), func(b []byte) { blocks = append(blocks, b) })
	if len(blocks) > 0 {
		return blocks
	}
	for _, name := range [...]string{"reasoning_content", "reasoning"} {
		if raw := wire.Lookup(said, name); len(raw) > len(`""`) && raw[0] == '"' {
			var o wire.Builder
			o.Text("type", "thinking")
			o.Raw("thinking", raw)
			o.Text("signature", "")
			return [][]byte{o.Bytes()}
		}
	}
	return nil
}

// Answer appends the message for a chat completion.
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
	blocks, calls := thoughts(said), false
	if raw := wire.Lookup(said, "content"); len(raw) > len(`""`) && raw[0] == '"' {
		blocks = append(blocks, textBlock(raw, nil))
	}
	refused := false
	if raw := wire.Lookup(said, "refusal"); len(raw) > len(`""`) && raw[0] == '"' {
		blocks, refused = append(blocks, textBlock(raw, nil)), true
	}
	wire.EachElement(wire.Lookup(said, "tool_calls"), func(call []byte) {
		name, _ := wire.String(wire.Lookup(call, "function", "name"))
		arguments, _ := wire.String(wire.Lookup(call, "function", "arguments"))
		var o wire.Builder
		o.Text("type", "tool_use")
		o.Raw("id", wire.Lookup(call, "id"))
		o.Text("name", t.original(name))
		o.RawOr("input", wire.ObjectIn(arguments), "{}")
		blocks, calls = append(blocks, o.Bytes()), true
	})
	finish, _ := wire.String(wire.Lookup(choice, "finish_reason"))
	if refused {
		finish = "content_filter"
	}
	usage := a.Usage()
	var o wire.Builder
	o.Text("id", "msg_"+t.ID)
	o.Text("type", "message")
	o.Text("role", "assistant")
	o.Raw("model", bytes.Clone(a.Model()))
	o.Raw("content", wire.List(blocks))
	o.Text("stop_reason", stopReason(finish, calls))
	o.Raw("stop_sequence", []byte("null"))
	o.Raw("usage", messageUsage(usage))
	return append(dst, o.Bytes()...), usage, nil
}
