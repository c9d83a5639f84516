package provider_test

import (
	"testing"

	"gatehouse/internal/testkit/bridgetest"
	"gatehouse/proxy/inbound/responses"
	"gatehouse/proxy/stream"
)

func responsesBridge() bridgetest.Bridge {
	return &responses.ToChat{ID: "resp_1", CallID: "1", Now: now, KeepThinking: true}
}

const patchTool = `{"type":"custom","name":"apply_patch","description":"Edits files.","format":{"type":"grammar","syntax":"lark","definition":"start: patch"}}`

// §5.4: Responses request → chat request.
func TestRowsResponsesToChat(t *testing.T) {
	t.Parallel()
	items := func(list string) string { return `{"input":[` + list + `]}` }
	requests(t, "m", responsesBridge, []row{
		{name: "instructions → system; input text → user", in: `{"instructions":"s","input":"hi"}`, want: `{"messages":[{"role":"system","content":"s"},{"role":"user","content":"hi"}]}`},
		{name: "message: input_text, input_image, input_file", in: items(`{"role":"user","content":[{"type":"input_text","text":"a"},{"type":"input_image","image_url":"data:image/png;base64,AAAA","detail":"low"},{"type":"input_file","filename":"a.pdf","file_data":"data:application/pdf;base64,AAAA"}]}`), want: `{"messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA","detail":"low"}},{"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,AAAA"}}]}]}`},
		{name: "message: input_file by its address", in: items(`{"role":"user","content":[{"type":"input_file","file_url":"https://h/a.pdf"}]}`), want: `{"messages":[{"content":[{"type":"file","file":{"file_id":"https://h/a.pdf"}}]}]}`},
		{name: "message: output_text; developer", in: items(`{"type":"message","role":"developer","content":"d"},{"type":"message","role":"assistant","content":[{"type":"output_text","text":"a","annotations":[]}]}`), want: `{"messages":[{"role":"system","content":"d"},{"role":"assistant","content":"a"}]}`},
		{name: "instructions, then developer: one system message at the beginning", in: `{"instructions":"s","input":[{"role":"developer","content":[{"type":"input_text","text":"d"}]},{"role":"user","content":"hi"},{"role":"developer","content":"later"}]}`, want: `{"messages":[{"role":"system","content":"s\n\nd"},{"role":"user","content":"hi"},{"role":"system","content":"later"}]}`},
		{name: "function_call → assistant tool_calls; function_call_output → tool message", in: items(`{"role":"user","content":"hi"},{"type":"function_call","call_id":"a","name":"f","arguments":"{\"x\":1}"},{"type":"function_call","call_id":"b","name":"g","arguments":"{}"},{"type":"function_call_output","call_id":"a","output":"7"},{"type":"function_call_output","call_id":"b","output":[{"type":"input_text","text":"8"}]}`), want: `{"messages":[{},{"role":"assistant","content":null,"tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{\"x\":1}"}},{"id":"b","function":{"name":"g"}}]},{"role":"tool","tool_call_id":"a","content":"7"},{"role":"tool","tool_call_id":"b","content":[{"type":"text","text":"8"}]}]}`},
		{name: "custom_tool_call → a function of one text, and its output", in: items(`{"type":"custom_tool_call","call_id":"a","name":"apply_patch","input":"*** \"x\""},{"type":"custom_tool_call_output","call_id":"a","output":"ok"}`), want: `{"messages":[{"role":"assistant","tool_calls":[{"id":"a","function":{"name":"apply_patch","arguments":"{\"input\":\"*** \\\"x\\\"\"}"}}]},{"role":"tool","tool_call_id":"a","content":"ok"}]}`},
		{name: "reasoning items join the turn they led to; another provider's sealed content does not pass", in: items(`{"role":"user","content":"hi"},{"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"t"}],"encrypted_content":"gAAAA"},{"type":"function_call","call_id":"a","name":"f","arguments":"{}"}`), want: `{"messages":[{},{"role":"assistant","reasoning_content":"t","tool_calls":[{"id":"a"}]}]}`, not: []string{"gAAAA"}},
		{name: "max_output_tokens", in: `{"input":"hi","max_output_tokens":5}`, want: `{"max_tokens":5}`},
		{name: "text.format json_schema → response_format", in: `{"input":"hi","text":{"format":{"type":"json_schema","name":"n","strict":true,"schema":{"type":"object"}}}}`, want: `{"response_format":{"type":"json_schema","json_schema":{"name":"n","strict":true,"schema":{"type":"object"}}}}`},
		{name: "text.format json_object", in: `{"input":"hi","text":{"format":{"type":"json_object"}}}`, want: `{"response_format":{"type":"json_object"}}`},
		{name: "text.format text", in: `{"input":"hi","text":{"format":{"type":"text"},"verbosity":"low"}}`, want: `{"response_format":null}`},
		{name: "reasoning.effort", in: `{"input":"hi","reasoning":{"effort":"high","summary":"auto"}}`, want: `{"reasoning_effort":"high","reasoning":null}`},
		{name: "flat tool objects → nested", in: `{"input":"hi","tools":[{"type":"function","name":"f","description":"d","parameters":{"type":"object"},"strict":false}],"tool_choice":{"type":"function","name":"f"},"parallel_tool_calls":false}`, want: `{"tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object"},"strict":false}}],"tool_choice":{"type":"function","function":{"name":"f"}},"parallel_tool_calls":false}`},
		{name: "custom tools → functions", in: `{"input":"hi","tools":[` + patchTool + `],"tool_choice":"auto"}`, want: `{"tools":[{"type":"function","function":{"name":"apply_patch","parameters":{"type":"object","properties":{"input":{"type":"string"}},"required":["input"]}}}],"tool_choice":"auto"}`},
		{name: "what is said about no tools is not sent", in: `{"input":"hi","tools":[],"tool_choice":"auto","parallel_tool_calls":true}`, want: `{"tools":null,"tool_choice":null,"parallel_tool_calls":null}`},
		{name: "what only OpenAI keeps or knows is not sent", in: `{"input":"hi","store":false,"include":["reasoning.encrypted_content"],"prompt_cache_key":"k","safety_identifier":"s","client_metadata":{"a":"b"},"truncation":"auto"}`, want: `{"messages":[{"role":"user","content":"hi"}]}`, not: []string{"store", "include", "prompt_cache_key", "safety_identifier", "client_metadata", "truncation"}},
		{name: "hosted tools: unsupported", in: `{"input":"hi","tools":[{"type":"web_search"}]}`, err: "web_search"},
		{name: "previous_response_id: unsupported", in: `{"input":"hi","previous_response_id":"resp_0"}`, err: "previous_response_id"},
		{name: "an item that nobody else knows", in: items(`{"type":"item_reference","id":"x"}`), err: "input[0]"},
	})
}

// §5.4: the reply.
func TestRowsChatToResponse(t *testing.T) {
	t.Parallel()
	completion := func(message, finish string) string {
		return `{"id":"c","model":"m","choices":[{"index":0,"message":{"role":"assistant",` + message + `},"finish_reason":"` + finish + `"}],"usage":{"prompt_tokens":20,"completion_tokens":9,"total_tokens":29,"prompt_tokens_details":{"cached_tokens":5,"cache_write_tokens":2},"completion_tokens_details":{"reasoning_tokens":4}}}`
	}
	answers(t, "m", `{"input":"hi","tools":[`+patchTool+`],"max_output_tokens":77}`, responsesBridge, []row{
		{name: "output[] items: message", in: completion(`"content":"a"`, "stop"), want: `{"id":"resp_1","object":"response","status":"completed","max_output_tokens":77,"output":[{"type":"message","role":"assistant","status":"completed","content":[{"type":"output_text","text":"a","annotations":[]}]}]}`},
		{name: "output[] items: reasoning, function_call", in: completion(`"content":null,"reasoning_content":"t","tool_calls":[{"id":"i","type":"function","function":{"name":"f","arguments":"{}"}}]`, "tool_calls"), want: `{"output":[{"type":"reasoning","summary":[{"type":"summary_text","text":"t"}]},{"type":"function_call","call_id":"i","name":"f","arguments":"{}","status":"completed"}]}`},
		{name: "output[] items: custom_tool_call", in: completion(`"tool_calls":[{"id":"i","type":"function","function":{"name":"apply_patch","arguments":"{\"input\":\"*** x\"}"}}]`, "tool_calls"), want: `{"output":[{"type":"custom_tool_call","call_id":"i","name":"apply_patch","input":"*** x","status":"completed"}]}`},
		{name: "incomplete", in: completion(`"content":"a"`, "length"), want: `{"status":"incomplete","incomplete_details":{"reason":"max_output_tokens"}}`},
		{name: "filtered", in: completion(`"content":"a"`, "content_filter"), want: `{"status":"incomplete","incomplete_details":{"reason":"content_filter"}}`},
		{name: "usage", in: completion(`"content":"a"`, "stop"), want: `{"usage":{"input_tokens":20,"input_tokens_details":{"cached_tokens":5,"cache_write_tokens":2},"output_tokens":9,"output_tokens_details":{"reasoning_tokens":4},"total_tokens":29}}`},
	})
}

// §5.4: the events.
func TestRowsResponseEvents(t *testing.T) {
	t.Parallel()
	chunk := func(delta string) string {
		return `{"id":"c","model":"m","choices":[{"index":0,"delta":` + delta + `}]}`
	}
	call := func(calls string) string { return chunk(`{"tool_calls":[` + calls + `]}`) }
	finish := func(reason string) string {
		return `{"choices":[{"index":0,"delta":{},"finish_reason":"` + reason + `"}]}`
	}
	usage := `{"choices":[],"usage":{"prompt_tokens":20,"completion_tokens":9}}`
	next := func() stream.Filter { return &stream.Responses{} }
	streams(t, "m", `{"input":"hi","tools":[`+patchTool+`]}`, responsesBridge, next, []flow{
		{
			name: "text, its events in order, usage in the terminal one, no [DONE]",
			in:   []string{chunk(`{"role":"assistant","content":""}`), chunk(`{"content":"a"}`), chunk(`{"content":"b"}`), finish("stop"), usage, "[DONE]"},
			out: []string{
				"event: response.created\n", `"sequence_number":0`, "event: response.in_progress\n", `"sequence_number":1`, "event: response.output_item.added\n", "event: response.content_part.added\n",
				"event: response.output_text.delta\n", `"delta":"a"`, "event: response.output_text.delta\n", `"delta":"b"`, "event: response.output_text.done\n", `"text":"ab"`, "event: response.content_part.done\n",
				"event: response.output_item.done\n", "event: response.completed\n", `"usage":{"input_tokens":20`, `"sequence_number":9`,
			},
			not: []string{"[DONE]"},
		},
		{
			name: "reasoning, then a function call",
			in:   []string{chunk(`{"reasoning_content":"t"}`), call(`{"index":0,"id":"i","type":"function","function":{"name":"f","arguments":""}}`), call(`{"index":0,"function":{"arguments":"{}"}}`), finish("tool_calls"), "[DONE]"},
			out: []string{
				`"type":"reasoning"`, "event: response.reasoning_summary_text.delta\n", `"delta":"t"`, "event: response.reasoning_summary_text.done\n", "event: response.output_item.done\n", `"type":"function_call"`,
				"event: response.function_call_arguments.delta\n", `"delta":"{}"`, "event: response.function_call_arguments.done\n", `"arguments":"{}"`, "event: response.completed\n",
			},
		},
		{
			name: "pieces of two calls in turns",
			in: []string{
				call(`{"index":0,"id":"i","type":"function","function":{"name":"f","arguments":"{\"a\""}}`), call(`{"index":1,"id":"j","type":"function","function":{"name":"g","arguments":"{\"b\""}}`),
				call(`{"index":0,"function":{"arguments":":1}"}}`), call(`{"index":1,"function":{"arguments":":2}"}}`), finish("tool_calls"), "[DONE]",
			},
			out: []string{`"arguments":"{\"a\":1}","name":"f"`, `"arguments":"{\"b\":2}","name":"g"`, `"output":[{`, `"call_id":"i"`, `"call_id":"j"`},
		},
		{
			name: "text while a call goes on",
			in:   []string{call(`{"index":0,"id":"i","type":"function","function":{"name":"f","arguments":"{\"a\""}}`), chunk(`{"content":"and"}`), call(`{"index":0,"function":{"arguments":":1}"}}`), finish("tool_calls"), "[DONE]"},
			out:  []string{`"arguments":"{\"a\":1}","name":"f"`, `"delta":"and"`, "event: response.completed\n", `"call_id":"i"`, `"text":"and"`},
		},
		{
			name: "a custom tool",
			in:   []string{call(`{"index":0,"id":"i","type":"function","function":{"name":"apply_patch","arguments":"{\"inp"}}`), call(`{"index":0,"function":{"arguments":"ut\":\"*** x\"}"}}`), finish("tool_calls"), "[DONE]"},
			out:  []string{`"type":"custom_tool_call"`, "event: response.custom_tool_call_input.delta\n", `"delta":"*** x"`, "event: response.custom_tool_call_input.done\n", `"input":"*** x"`, "event: response.output_item.done\n", `"call_id":"i","name":"apply_patch","input":"*** x"`, "event: response.completed\n"},
			not:  []string{"function_call_arguments"},
		},
		{name: "incomplete", in: []string{chunk(`{"content":"a"}`), finish("length"), "[DONE]"}, out: []string{"event: response.incomplete\n", `"reason":"max_output_tokens"`}},
		{name: "an error", in: []string{chunk(`{"content":"a"}`), `{"error":{"message":"boom","code":"server_error"}}`}, fail: "boom"},
	})
}
