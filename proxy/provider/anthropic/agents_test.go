package anthropic

import (
	"fmt"
	"strings"
	"testing"

	"gatehouse/proxy/stream"
)

const question = `"messages":[{"role":"user","content":"hi"}]`

func TestOlderModelsGiveJSONByATool(t *testing.T) {
	t.Parallel()
	const form = `,"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object","properties":{"a":{"type":"string"}}}}}`
	const tool = `{"name":"json_tool_call","description":"Give the answer in this form.","input_schema":{"type":"object","properties":{"a":{"type":"string"}}}}`
	const own = `{"name":"f","input_schema":{"type":"object","properties":{}}}`
	const user = `{"messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}],"max_tokens":4096,`
	for name, tt := range map[string]struct{ model, more, want string }{
		"no other tool": {"claude-3-5-sonnet-20241022", "", user + `"tools":[` + tool + `],"tool_choice":{"type":"tool","name":"json_tool_call"}}`},
		"other tools": {
			"claude-sonnet-4-20250514", `,"tools":[{"type":"function","function":{"name":"f"}}]`,
			user + `"tools":[` + own + `,` + tool + `],"tool_choice":{"type":"any"}}`,
		},
		"other tools, not now": {
			"claude-sonnet-4-20250514", `,"tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"none"`,
			user + `"tools":[` + tool + `],"tool_choice":{"type":"tool","name":"json_tool_call"}}`,
		},
		"thinking": {
			"claude-3-7-sonnet-latest", `,"reasoning_effort":"low"`,
			`{"messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}],"max_tokens":5120,"thinking":{"type":"enabled","budget_tokens":1024},"tools":[` + tool + `]}`,
		},
		"a newer model": {"claude-sonnet-4-5", "", user + `"output_config":{"format":{"type":"json_schema","schema":{"type":"object","properties":{"a":{"type":"string"}}}}}}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := fromChat().Request(nil, parsed(t, `{`+question+form+tt.more+`}`), tt.model)
			if err != nil {
				t.Fatal(err)
			}
			same(t, string(got), tt.want)
		})
	}
	f := fromChat()
	if _, err := f.Request(nil, parsed(t, `{`+question+form+`}`), "claude-3-opus-20240229"); err != nil {
		t.Fatal(err)
	}
	got, _, err := f.Answer(nil, []byte(`{"id":"m","model":"c","content":[{"type":"tool_use","id":"t","name":"json_tool_call","input":{"a": "b"}}],"stop_reason":"tool_use"}`))
	if err != nil {
		t.Fatal(err)
	}
	same(t, string(got), `{"id":"chatcmpl-m","object":"chat.completion","created":7,"model":"c","choices":[{"index":0,"message":{"role":"assistant","content":"{\"a\":\"b\"}"},"finish_reason":"stop"}]}`)
	out := run(t, f.Filter(&stream.OpenAI{}),
		`{"type":"message_start","message":{"model":"c"}}`,
		`{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t","name":"json_tool_call","input":{}}}`,
		`{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"a\":"}}`,
		`{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"\"b\"}"}}`,
		`{"type":"message_delta","delta":{"stop_reason":"tool_use"}}`)
	if strings.Contains(out, "tool_calls") || !strings.Contains(out, `{"content":"{\"a\":"}`) || !strings.Contains(out, `"finish_reason":"stop"`) {
		t.Errorf("stream %s", out)
	}
}

// The thinking before a tool's call must come back with its result; a client that lost it is served without thinking.
func TestThinkingThatDidNotComeBack(t *testing.T) {
	t.Parallel()
	loop := func(thinking string) string {
		return `{"messages":[{"role":"user","content":"q"},{"role":"assistant"` + thinking + `,"tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"a","content":"1"}],"tools":[{"type":"function","function":{"name":"f"}}]`
	}
	const kept = `,"thinking_blocks":[{"type":"thinking","thinking":"t","signature":"s"}]`
	for name, tt := range map[string]struct {
		in, model string
		thinks    bool
	}{
		"effort, thinking lost":   {loop("") + `,"reasoning_effort":"low"}`, "claude-sonnet-4-5", false},
		"effort, thinking kept":   {loop(kept) + `,"reasoning_effort":"low"}`, "claude-sonnet-4-5", true},
		"budget, thinking lost":   {loop("") + `,"thinking":{"type":"enabled","budget_tokens":2000}}`, "claude-sonnet-4-5", false},
		"budget, thinking kept":   {loop(kept) + `,"thinking":{"type":"enabled","budget_tokens":2000}}`, "claude-sonnet-4-5", true},
		"adaptive, thinking lost": {loop("") + `,"reasoning_effort":"low"}`, "claude-opus-4-6", true},
		"a new question":          {`{` + question + `,"reasoning_effort":"low"}`, "claude-sonnet-4-5", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := fromChat().Request(nil, parsed(t, tt.in), tt.model)
			if err != nil || strings.Contains(string(got), `"thinking":{`) != tt.thinks {
				t.Errorf("%s (%v)", got, err)
			}
		})
	}
}

func TestFromChatOlderFunctions(t *testing.T) {
	t.Parallel()
	got, err := fromChat().Request(nil, parsed(t, `{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":null,"function_call":{"name":"f","arguments":"{\"x\":1}"}},{"role":"function","name":"f","content":"1"}],"functions":[{"name":"f","description":"d","parameters":{"type":"object"}}],"function_call":{"name":"f"}}`), "m")
	if err != nil {
		t.Fatal(err)
	}
	same(t, string(got), `{"messages":[{"role":"user","content":[{"type":"text","text":"q"}]},{"role":"assistant","content":[{"type":"tool_use","id":"call_f","name":"f","input":{"x":1}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"call_f","content":"1"}]}],"tools":[{"name":"f","description":"d","input_schema":{"type":"object"}}],"tool_choice":{"type":"tool","name":"f"},"max_tokens":4096}`)
}

func TestFromChatDrops(t *testing.T) {
	t.Parallel()
	f := fromChat()
	f.DropParams = true
	got, err := f.Request(nil, parsed(t, `{"messages":[{"role":"user","content":[{"type":"text","text":" \n"},{"type":"text","text":"hi"},{"type":"input_audio","input_audio":{"data":"AA","format":"wav"}}]}],"temperature":0.5,"top_p":0.5,"top_k":4}`), "claude-opus-4-7")
	if err != nil {
		t.Fatal(err)
	}
	same(t, string(got), `{"messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}],"max_tokens":4096}`)
	got, err = fromChat().Request(nil, parsed(t, `{`+question+`,"temperature":0.5,"top_p":0.5,"top_k":4}`), "claude-opus-4-7")
	if err != nil {
		t.Fatal(err)
	}
	same(t, string(got), `{"messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}],"max_tokens":4096,"temperature":0.5,"top_p":0.5,"top_k":4}`)
}

func TestVersions(t *testing.T) {
	t.Parallel()
	for model, want := range map[string][3]bool{ // structured, adaptive, unsampled
		"claude-3-opus-20240229": {}, "claude-3-7-sonnet-latest": {}, "claude-sonnet-4-20250514": {}, "claude-opus-4-1-20250805": {true, false, false},
		"claude-haiku-4-5": {true, false, false}, "us.anthropic.claude-sonnet-4-6-v1:0": {true, true, false}, "claude-opus-4-7@20260101": {true, true, true}, "claude-opus-5-5": {true, true, true},
		"my-own": {true, false, false},
	} {
		if got := [3]bool{structured(model), adaptive(model), unsampled(model)}; got != want {
			t.Errorf("%s: %v, want %v", model, got, want)
		}
	}
}

func TestToChatForAgents(t *testing.T) {
	t.Parallel()
	long := "user_" + strings.Repeat("f", 120)
	for name, tt := range map[string]struct {
		bridge   ToChat
		in, want string
	}{
		"effort":                    {ToChat{}, `{"messages":[],"output_config":{"effort":"max"},"thinking":{"type":"adaptive"}}`, `{"messages":[],"reasoning_effort":"high"}`},
		"an exact budget says more": {ToChat{}, `{"messages":[],"output_config":{"effort":"high"},"thinking":{"type":"enabled","budget_tokens":2000}}`, `{"messages":[],"reasoning_effort":"low"}`},
		"a choice among no tools":   {ToChat{}, `{"messages":[],"tools":[{"type":"web_search_20250305","name":"w"}],"tool_choice":{"type":"auto"}}`, `{"messages":[]}`},
		"marks for OpenAI": {
			ToChat{},
			`{"system":[{"type":"text","text":"s","cache_control":{"type":"ephemeral"}}],"messages":[{"role":"user","content":[{"type":"text","text":"q","cache_control":{"type":"ephemeral"}}]}]}`,
			`{"messages":[{"role":"system","content":"s"},{"role":"user","content":[{"type":"text","text":"q"}]}]}`,
		},
		"marks for who knows them": {
			ToChat{KeepMarks: true},
			`{"system":[{"type":"text","text":"s"},{"type":"text","text":"t","cache_control":{"type":"ephemeral","ttl":"1h"}}],"tools":[{"name":"f","input_schema":{"type":"object"},"cache_control":{"type":"ephemeral"}}],"thinking":{"type":"enabled","budget_tokens":9000},` +
				`"messages":[{"role":"user","content":[{"type":"text","text":"q","cache_control":{"type":"ephemeral"}}]},{"role":"assistant","content":[{"type":"text","text":"a","cache_control":{"type":"ephemeral"}},{"type":"tool_use","id":"i","name":"f","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"i","content":"no","is_error":true,"cache_control":{"type":"ephemeral"}}]}]}`,
			`{"messages":[{"role":"system","content":[{"type":"text","text":"s"},{"type":"text","text":"t","cache_control":{"type":"ephemeral","ttl":"1h"}}]},{"role":"user","content":[{"type":"text","text":"q","cache_control":{"type":"ephemeral"}}]},` +
				`{"role":"assistant","content":"a","tool_calls":[{"id":"i","type":"function","function":{"name":"f","arguments":"{}"}}],"cache_control":{"type":"ephemeral"}},{"role":"tool","tool_call_id":"i","content":"no","is_error":true,"cache_control":{"type":"ephemeral"}}],` +
				`"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}},"cache_control":{"type":"ephemeral"}}],"reasoning_effort":"medium","thinking":{"type":"enabled","budget_tokens":9000}}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := tt.bridge.Request(nil, parsed(t, tt.in), "m")
			if err != nil {
				t.Fatal(err)
			}
			same(t, string(got), tt.want)
		})
	}
	got, err := (&ToChat{}).Request(nil, parsed(t, `{"messages":[],"metadata":{"user_id":"`+long+`"}}`), "m")
	again, err2 := (&ToChat{}).Request(nil, parsed(t, `{"messages":[],"metadata":{"user_id":"`+long+`"}}`), "m")
	if err != nil || err2 != nil || string(got) != string(again) || strings.Contains(string(got), long) || !strings.Contains(string(got), `"user":"`) || len(got) > 64+len(`{"messages":[],"user":""}`) {
		t.Errorf("%s (%v)", got, err)
	}
}

// Tool calls of a stream keep their arguments whatever order their pieces come in.
func TestToChatStreamedCalls(t *testing.T) {
	t.Parallel()
	call := func(calls string) string { return `{"choices":[{"index":0,"delta":{"tool_calls":[` + calls + `]}}]}` }
	piece := func(index, id, args string) string {
		if id != "" {
			id = `"id":"` + id + `","type":"function",`
		}
		if index != "" {
			index = `"index":` + index + `,`
		}
		return fmt.Sprintf(`{%s%s"function":{"name":"f","arguments":%q}}`, index, id, args)
	}
	const x, y = `[x {"n":1}] [y {"n":2}]`, `[x {}] [y {"n":2}]`
	for name, tt := range map[string]struct {
		events []string
		want   string
	}{
		"one after the other":         {[]string{call(piece("0", "x", "")), call(piece("0", "", `{"n":`)), call(piece("0", "", `1}`)), call(piece("1", "y", `{"n":2}`))}, x},
		"in turns":                    {[]string{call(piece("0", "x", `{"n"`)), call(piece("1", "y", `{"n"`)), call(piece("0", "", `:1}`)), call(piece("1", "", `:2}`))}, x},
		"announced together":          {[]string{call(piece("0", "x", "") + "," + piece("1", "y", "")), call(piece("0", "", `{"n":1}`)), call(piece("1", "", `{"n":2}`))}, x},
		"whole, in one chunk":         {[]string{call(piece("0", "x", `{"n":1}`) + "," + piece("1", "y", `{"n":2}`))}, x},
		"without an index":            {[]string{call(piece("", "x", `{"n":1}`) + "," + piece("", "y", `{"n":2}`))}, x},
		"the same index for each":     {[]string{call(piece("0", "x", `{"n":1}`)), call(piece("0", "y", `{"n":2}`))}, x},
		"the id with every piece":     {[]string{call(piece("0", "x", `{"n":`)), call(piece("0", "x", `1}`)), call(piece("1", "y", `{"n":2}`))}, x},
		"no arguments":                {[]string{call(piece("0", "x", "")), call(piece("1", "y", `{"n":2}`))}, y},
		"the second ends first":       {[]string{call(piece("0", "x", `{"n":`)), call(piece("1", "y", `{"n":2}`)), call(piece("0", "", `1}`))}, x},
		"text while a call goes on":   {[]string{call(piece("0", "x", `{"n":`)), `{"choices":[{"index":0,"delta":{"content":"and"}}]}`, call(piece("0", "", `1}`)), call(piece("1", "y", `{"n":2}`))}, x + " and"},
		"text between them":           {[]string{call(piece("0", "x", `{"n":1}`)), `{"choices":[{"index":0,"delta":{"content":"and"}}]}`, call(piece("1", "y", `{"n":2}`))}, `[x {"n":1}] and [y {"n":2}]`},
		"an empty text in each chunk": {[]string{`{"choices":[{"index":0,"delta":{"content":"","tool_calls":[` + piece("0", "x", `{"n":`) + `]}}]}`, `{"choices":[{"index":0,"delta":{"content":"","tool_calls":[` + piece("0", "", `1}`) + `]}}]}`, call(piece("1", "y", `{"n":2}`))}, x},
	} {
		for _, finish := range []string{"tool_calls", "stop"} {
			t.Run(name+", "+finish, func(t *testing.T) {
				t.Parallel()
				events := append(tt.events[:len(tt.events):len(tt.events)], `{"choices":[{"index":0,"delta":{},"finish_reason":"`+finish+`"}]}`, `[DONE]`)
				blocks, stop := readMessage(t, run(t, (&ToChat{ID: "1"}).Filter(&stream.Anthropic{}), events...))
				if got := strings.Join(blocks, " "); got != tt.want || stop != "tool_use" {
					t.Errorf("got %s (%s), want %s", got, stop, tt.want)
				}
			})
		}
	}
}
