package anthropic

import (
	"crypto/sha256"
	"encoding/hex"

	"gatehouse/proxy/wire"
)

const longestName = 64

// toolName is a tool's name as OpenAI takes it: one that is too long is cut, and mapped back in the answer.
func (t *ToChat) toolName(name string) string {
	if len(name) <= longestName {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	short := name[:55] + "_" + hex.EncodeToString(sum[:4])
	if t.names == nil {
		t.names = map[string]string{}
	}
	t.names[short] = name
	return short
}

// original is the inverse of toolName.
func (t *ToChat) original(name string) string {
	if long, ok := t.names[name]; ok {
		return long
	}
	return name
}

func (t *ToChat) tools(raw []byte) []byte {
	var items [][]byte
	wire.EachElement(raw, func(e []byte) {
		if kind, ok := wire.String(wire.Lookup(e, "type")); ok && kind != "custom" {
			return // a tool that Anthropic itself runs
		}
		name, _ := wire.String(wire.Lookup(e, "name"))
		var fn, tool wire.Builder
		fn.Text("name", t.toolName(name))
		if d := wire.Lookup(e, "description"); !wire.Null(d) {
			fn.Raw("description", d)
		}
		fn.Raw("parameters", schema(wire.Lookup(e, "input_schema")))
		tool.Text("type", "function")
		tool.Raw("function", fn.Bytes())
		t.mark(&tool, e)
		items = append(items, tool.Bytes())
	})
	if len(items) == 0 {
		return nil
	}
	return wire.List(items)
}

func (t *ToChat) choice(o *wire.Builder, raw []byte) {
	if wire.Null(raw) {
		return
	}
	kind, _ := wire.String(wire.Lookup(raw, "type"))
	switch kind {
	case "auto", "none":
		o.Text("tool_choice", kind)
	case "any":
		o.Text("tool_choice", "required")
	case "tool":
		name, _ := wire.String(wire.Lookup(raw, "name"))
		var fn, tool wire.Builder
		fn.Text("name", t.toolName(name))
		tool.Text("type", "function")
		tool.Raw("function", fn.Bytes())
		o.Raw("tool_choice", tool.Bytes())
	}
	if string(wire.Lookup(raw, "disable_parallel_tool_use")) == "true" {
		o.Raw("parallel_tool_calls", []byte("false"))
	}
}
