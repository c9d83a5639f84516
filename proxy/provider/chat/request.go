// Package chat takes OpenAI's chat requests apart for providers of another wire, and builds chat completions and their
// chunks out of what those answer. Each provider's own side is in its folder.
package chat

import (
	"fmt"
	"slices"
	"strings"

	"gatehouse/proxy/wire"
)

// Request is a chat request in parts. Raw values are views of the body.
type Request struct {
	System []Part
	Turns  []Turn // user and assistant in turns, the user first
	Tools  []Tool
	Choice Choice
	// Parallel is the raw parallel_tool_calls; nil when it is not said.
	Parallel []byte

	MaxTokens, Temperature, TopP, TopK    []byte
	N, Seed, LogProbs, TopLogProbs        []byte
	PresencePenalty, FrequencyPenalty     []byte
	LogitBias, User, Modalities, Thinking []byte
	ServiceTier                           []byte
	Stop                                  []string // without entries that are white space only
	Effort                                string   // reasoning_effort
	Format                                Format
	Rest                                  []Field // what OpenAI's chat does not know, in the client's order
}

// Field is a member of the body that has no meaning here.
type Field struct {
	Name string
	Raw  []byte
}

// Turn is one message of a conversation, neighbours of the same role joined.
type Turn struct {
	Role  string // "user" or "assistant"
	Parts []Part
}

// Tool is a function that the model may call; or, when Raw is set, something in the provider's own form.
type Tool struct {
	Name, Description string
	Parameters        []byte // JSON schema; nil when it has none
	Cache             []byte // raw cache_control
	Strict            bool
	Raw               []byte
}

// Choice is tool_choice: "", "auto", "none", "required", or "named" with a Name.
type Choice struct{ Kind, Name string }

// Format is response_format: "", "json_object" or "json_schema" with a schema.
type Format struct {
	Kind, Name string
	Schema     []byte
}

// idle are fields that ask for nothing a provider of another wire could do or refuse.
func idle(name string) bool {
	switch name {
	case "model", "stream", "stream_options", "store", "metadata", "prompt_cache_key", "prompt_cache_retention", "safety_identifier", "verbosity", "prediction", "audio":
		return true
	}
	return false
}

// Parse takes a request apart. Errors: *wire.BadField.
func Parse(in *wire.Request) (*Request, error) {
	r := new(Request)
	var messages []byte
	for i := range in.Len() {
		name, raw := string(in.Name(i)), in.Raw(i)
		if in.Dropped(i) || wire.Null(raw) {
			continue
		}
		if name == "messages" {
			messages = raw
			continue
		}
		if err := r.field(name, raw); err != nil {
			return nil, err
		}
	}
	if !wire.IsArray(messages) {
		return nil, &wire.BadField{Field: "messages", Message: "messages must be a list"}
	}
	return r, r.conversation(messages)
}

func (r *Request) field(name string, raw []byte) error {
	switch name {
	case "max_completion_tokens":
		r.MaxTokens = raw
	case "max_tokens":
		if r.MaxTokens == nil {
			r.MaxTokens = raw
		}
	case "temperature":
		r.Temperature = raw
	case "top_p":
		r.TopP = raw
	case "top_k":
		r.TopK = raw
	case "n":
		r.N = raw
	case "seed":
		r.Seed = raw
	case "logprobs":
		r.LogProbs = raw
	case "top_logprobs":
		r.TopLogProbs = raw
	case "presence_penalty":
		r.PresencePenalty = raw
	case "frequency_penalty":
		r.FrequencyPenalty = raw
	case "logit_bias":
		r.LogitBias = raw
	case "user":
		r.User = raw
	case "modalities":
		r.Modalities = raw
	case "thinking":
		r.Thinking = raw
	case "service_tier":
		r.ServiceTier = raw
	case "reasoning_effort":
		r.Effort, _ = wire.String(raw)
	case "stop":
		r.Stop = stops(raw)
	case "response_format":
		return r.format(raw)
	case "tools":
		return r.tools(raw)
	case "functions":
		return r.functions(raw)
	case "tool_choice", "function_call":
		r.choice(raw)
	case "parallel_tool_calls":
		r.Parallel = raw
	default:
		if !idle(name) {
			r.Rest = append(r.Rest, Field{name, raw})
		}
	}
	return nil
}

func stops(raw []byte) []string {
	var out []string
	keep := func(e []byte) {
		if s, ok := wire.String(e); ok && strings.TrimSpace(s) != "" {
			out = append(out, s)
		}
	}
	if wire.IsArray(raw) {
		wire.EachElement(raw, keep)
	} else {
		keep(raw)
	}
	return out
}

func (r *Request) format(raw []byte) error {
	r.Format.Kind, _ = wire.String(wire.Lookup(raw, "type"))
	switch r.Format.Kind {
	case "json_schema":
		r.Format.Name, _ = wire.String(wire.Lookup(raw, "json_schema", "name"))
		if r.Format.Schema = wire.Lookup(raw, "json_schema", "schema"); !wire.IsObject(r.Format.Schema) {
			return &wire.BadField{Field: "response_format", Message: "response_format.json_schema.schema must be an object"}
		}
	case "json_object":
	case "text":
		r.Format.Kind = ""
	default:
		return &wire.BadField{Field: "response_format", Message: "response_format.type must be text, json_object or json_schema"}
	}
	return nil
}

func (r *Request) tools(raw []byte) error {
	var err error
	n := 0
	wire.EachElement(raw, func(e []byte) {
		at := n
		n++
		fn := wire.Lookup(e, "function")
		if !wire.IsObject(fn) {
			r.Tools = append(r.Tools, Tool{Raw: e})
			return
		}
		t, ok := function(fn)
		if !ok && err == nil {
			err = &wire.BadField{Field: "tools", Message: fmt.Sprintf("tools[%d].function has no name", at)}
		}
		for _, from := range [...][]byte{e, fn} {
			if cache := wire.Lookup(from, "cache_control"); !wire.Null(cache) {
				t.Cache = cache
				break
			}
		}
		r.Tools = append(r.Tools, t)
	})
	return err
}

// functions reads the older form of tools.
func (r *Request) functions(raw []byte) error {
	var err error
	wire.EachElement(raw, func(e []byte) {
		t, ok := function(e)
		if !ok && err == nil {
			err = &wire.BadField{Field: "functions", Message: "a function has no name"}
		}
		r.Tools = append(r.Tools, t)
	})
	return err
}

func function(fn []byte) (t Tool, ok bool) {
	t.Name, ok = wire.String(wire.Lookup(fn, "name"))
	t.Description, _ = wire.String(wire.Lookup(fn, "description"))
	if p := wire.Lookup(fn, "parameters"); wire.IsObject(p) {
		t.Parameters = p
	}
	t.Strict = string(wire.Lookup(fn, "strict")) == "true"
	return t, ok && t.Name != ""
}

func (r *Request) choice(raw []byte) {
	if s, ok := wire.String(raw); ok {
		r.Choice.Kind = s
		return
	}
	name, ok := wire.String(wire.Lookup(raw, "function", "name"))
	if !ok {
		name, ok = wire.String(wire.Lookup(raw, "name"))
	}
	if ok {
		r.Choice = Choice{"named", name}
	}
}

// UsesTools says whether the conversation has tool calls in it.
func (r *Request) UsesTools() bool {
	for _, t := range r.Turns {
		for i := range t.Parts {
			if k := t.Parts[i].Kind; k == Call || k == Result {
				return true
			}
		}
	}
	return false
}

// Unthought says whether the last turn answers calls of tools that came without thinking before them.
func (r *Request) Unthought() bool {
	n := len(r.Turns)
	is := func(k Kind) func(Part) bool { return func(p Part) bool { return p.Kind == k } }
	return n > 1 && slices.ContainsFunc(r.Turns[n-1].Parts, is(Result)) && r.Turns[n-2].Role == "assistant" &&
		!slices.ContainsFunc(r.Turns[n-2].Parts, is(Thinking))
}

// CallName is the name of the tool whose call has that id; "" when there is none.
func (r *Request) CallName(id string) string {
	for _, t := range r.Turns {
		for i := range t.Parts {
			if p := &t.Parts[i]; p.Kind == Call && p.ID == id {
				return p.Name
			}
		}
	}
	return ""
}
