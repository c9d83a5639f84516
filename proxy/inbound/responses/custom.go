package responses

import (
	"gatehouse/proxy/wire"
)

// A custom tool takes text where a function takes JSON: Codex hands patches over by one. Chat completions know functions
// alone, so it goes there as a function of one text, and its calls come back as what the client knows.

// customInput is the one parameter of such a function.
const customInput = "input"

// custom is a custom tool as a function.
func (t *ToChat) custom(tool []byte) []byte {
	name, _ := wire.String(wire.Lookup(tool, "name"))
	if t.customs == nil {
		t.customs = map[string]bool{}
	}
	t.customs[name] = true
	description, _ := wire.String(wire.Lookup(tool, "description"))
	if grammar, _ := wire.String(wire.Lookup(tool, "format", "definition")); grammar != "" {
		syntax, _ := wire.String(wire.Lookup(tool, "format", "syntax"))
		description += "\n\nThe input must follow this grammar (" + syntax + "):\n" + grammar
	}
	var fn, o wire.Builder
	fn.Text("name", name)
	if description != "" {
		fn.Text("description", description)
	}
	fn.Raw("parameters", []byte(`{"type":"object","properties":{"`+customInput+`":{"type":"string"}},"required":["`+customInput+`"]}`))
	o.Text("type", "function")
	o.Raw("function", fn.Bytes())
	return o.Bytes()
}

// customArguments are the arguments of that function for an input, as a JSON string.
func customArguments(input []byte) []byte {
	var o wire.Builder
	o.RawOr(customInput, scalar(input), `""`)
	return wire.AppendString(nil, string(o.Bytes()))
}

// customText is the inverse: what a model that was told of a function meant as the text. One that gave the text alone is
// taken at its word.
func customText(arguments string) string {
	if s, ok := wire.String(wire.Lookup([]byte(arguments), customInput)); ok {
		return s
	}
	return arguments
}

// called is a call of a tool as an item of the output.
func (t *ToChat) called(n int, status, callID, name, arguments string) []byte {
	if !t.customs[name] {
		return function(t.id("fc", n), status, callID, name, arguments)
	}
	var o wire.Builder
	o.Text("id", t.id("ctc", n))
	o.Text("type", "custom_tool_call")
	o.Text("status", status)
	o.Text("call_id", callID)
	o.Text("name", name)
	o.Text("input", customText(arguments))
	return o.Bytes()
}
