package anthropic

import (
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
	Dropped    *provider.Dropped // told of what is dropped; may be nil
	Foreign    bool              // the client speaks another wire: what it says about sampling is left out where it cannot be taken
	MaxOutput  int64             // what the model writes at most, sent where the client names no cap; 0: not known

	jsonTool bool // the answer comes as the arguments of a tool, for response_format
	unsigned bool // the tool calls now being answered came without the thinking before them
}

// Request appends the Messages request for a chat request. Errors: *wire.BadField, *provider.UnsupportedParam.
func (f *FromChat) Request(dst []byte, in *wire.Request, model string) ([]byte, error) {
	var o wire.Builder
	var choice, parallel, limit []byte
	var tools [][]byte
	form := formTool(in, model)
	f.jsonTool = form != nil
	for i := range in.Len() {
		if in.Dropped(i) {
			continue
		}
		name, raw := string(in.Name(i)), in.Raw(i)
		if wire.Null(raw) {
			continue
		}
		switch name {
		case "model", "thinking", "stream_options", "store", "response_format", "reasoning_effort", "modalities", "prediction", "audio", "prompt_cache_key",
			"safety_identifier", "verbosity", "service_tier", "web_search_options":
		case "messages":
			system, messages, err := f.turns(raw)
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
			if f.takesSampling(name, model) {
				o.Raw(name, capped(raw))
			}
		case "user":
			var user wire.Builder
			user.Raw("user_id", raw)
			o.Raw("metadata", user.Bytes())
		case "metadata":
		case "tools", "functions":
			if name == "functions" && in.Find("tools") >= 0 {
				continue // one form or the other
			}
			var err error
			if tools, err = toolsOf(raw); err != nil {
				return dst, err
			}
			if form == nil && len(tools) > 0 {
				o.Raw("tools", wire.List(tools))
			}
		case "tool_choice", "function_call":
			choice = raw
		case "parallel_tool_calls":
			parallel = raw
		case "n", "logprobs", "top_logprobs", "logit_bias", "presence_penalty", "frequency_penalty", "seed":
			if err := f.unsupported(name, raw); err != nil {
				return dst, err
			}
			if slices.Contains(f.Allowed, name) {
				o.Raw(name, raw)
			}
		case "top_p", "top_k":
			if f.takesSampling(name, model) {
				o.Raw(name, raw)
			}
		default:
			o.Raw(name, raw) // stream and whatever the API will learn
		}
	}
	if choice = toolChoice(choice, parallel); len(tools) == 0 {
		choice = nil // the API refuses a choice among no tools
	}
	budget := f.output(&o, in, model, limit)
	if form != nil {
		tools, choice = withAnswer(tools, form, choice, budget > 0)
		o.Raw("tools", wire.List(tools))
	}
	o.Raw("tool_choice", choice)
	if limit == nil {
		if f.MaxOutput <= budget {
			f.MaxOutput = DefaultMaxTokens + budget
		}
		limit = strconv.AppendInt(nil, f.MaxOutput, 10)
	}
	o.Raw("max_tokens", limit)
	return append(dst, o.Bytes()...), nil
}

// takesSampling says whether sampling parameters are sent on: a model that refuses them is not sent what may be dropped.
func (f *FromChat) takesSampling(name, model string) bool {
	if !f.DropParams && !f.Foreign || !unsampled(model) {
		return true
	}
	f.Dropped.Note(name)
	return false
}

// unsupported refuses a parameter unless its value asks for nothing or dropping is on.
func (f *FromChat) unsupported(name string, raw []byte) error {
	idle := map[string][]string{"n": {"1"}, "logprobs": {"false"}, "presence_penalty": {"0", "0.0"}, "frequency_penalty": {"0", "0.0"}, "logit_bias": {"{}"}}[name]
	if slices.Contains(f.Allowed, name) || slices.Contains(idle, string(raw)) {
		return nil
	}
	if f.DropParams {
		f.Dropped.Note(name)
		return nil
	}
	return &provider.UnsupportedParam{Name: name, Provider: "Anthropic"}
}

// output adds what is said about the form of the answer and the effort put into it. budget is what thinking may take of
// the output.
func (f *FromChat) output(o *wire.Builder, in *wire.Request, model string, limit []byte) (budget int64) {
	var config wire.Builder
	if i := in.Find("response_format"); i >= 0 && !in.Dropped(i) {
		raw := in.Raw(i)
		if kind, _ := wire.String(wire.Lookup(raw, "type")); kind == "json_schema" && structured(model) {
			var format wire.Builder
			format.Text("type", "json_schema")
			format.Raw("schema", wire.Lookup(raw, "json_schema", "schema"))
			config.Raw("format", format.Bytes())
		}
	}
	if i := in.Find("thinking"); i >= 0 && !in.Dropped(i) && !wire.Null(in.Raw(i)) {
		budget, _ = wire.Int(wire.Lookup(in.Raw(i), "budget_tokens"))
		if budget > 0 && f.unsigned {
			budget = 0 // see below
		} else {
			o.Raw("thinking", in.Raw(i))
		}
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
			// A turn that began without thinking cannot be gone on with it: the API wants the thinking before a tool's call back.
			if budget = chat.ClaudeBudget(effort, limit); f.unsigned {
				budget = 0
			} else if budget > 0 {
				o.Raw("thinking", fmt.Appendf(nil, `{"type":"enabled","budget_tokens":%d}`, budget))
			}
		}
	}
	if !config.Empty() {
		o.Raw("output_config", config.Bytes())
	}
	return max(budget, 0)
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

func toolsOf(raw []byte) ([][]byte, error) {
	var items [][]byte
	var err error
	n := 0
	wire.EachElement(raw, func(e []byte) {
		at := n
		n++
		fn := wire.Lookup(e, "function")
		if !wire.IsObject(fn) {
			if wire.Lookup(e, "type") != nil || wire.Lookup(e, "input_schema") != nil {
				items = append(items, e) // a tool in Anthropic's own form
				return
			}
			fn = e // the older form
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
	return items, err
}

// schema makes sure that a tool's parameters are an object.
func schema(raw []byte) []byte {
	if !wire.IsObject(raw) {
		return []byte(`{"type":"object","properties":{}}`)
	}
	var o wire.Object
	if wire.StringIs(wire.Lookup(raw, "type"), "object") || o.Parse(raw) != nil {
		return raw
	}
	o.Set("type", []byte(`"object"`))
	return o.Append(nil)
}

// answerTool is the tool by which an older model gives its answer in the form of a schema (LiteLLM's name for it). A model that
// thinks cannot be made to call one: it is left to it.
const answerTool = "json_tool_call"

// formTool is that tool; nil when it is not needed.
func formTool(in *wire.Request, model string) []byte {
	i := in.Find("response_format")
	if i < 0 || in.Dropped(i) || structured(model) {
		return nil
	}
	form := wire.Lookup(in.Raw(i), "json_schema", "schema")
	if kind, _ := wire.String(wire.Lookup(in.Raw(i), "type")); kind != "json_schema" || !wire.IsObject(form) {
		return nil
	}
	var t wire.Builder
	t.Text("name", answerTool)
	t.Text("description", "Give the answer in this form.")
	t.Raw("input_schema", schema(form))
	return t.Bytes()
}

// withAnswer adds the tool to those of the client, and makes the model call one.
func withAnswer(tools [][]byte, form, choice []byte, thinks bool) (with [][]byte, must []byte) {
	switch none := string(wire.Lookup(choice, "type")) == `"none"`; {
	case thinks:
		choice = nil
	case none || len(tools) == 0:
		tools, choice = nil, []byte(`{"type":"tool","name":"`+answerTool+`"}`)
	default:
		choice = []byte(`{"type":"any"}`)
	}
	return append(tools, form), choice
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
		if name == nil && wire.Lookup(choice, "type") == nil {
			name = wire.Lookup(choice, "name") // the older form
		}
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
