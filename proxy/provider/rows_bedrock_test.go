package provider_test

import (
	"errors"
	"strings"
	"testing"

	"gatehouse/internal/testkit/bridgetest"
	"gatehouse/proxy/provider/bedrock"
	"gatehouse/proxy/provider/chat"
)

func converse() bridgetest.Bridge {
	return &bedrock.FromChat{ID: "1", Now: now, Policy: chat.Policy{Provider: "Bedrock"}, Fetch: func(url string) (string, []byte, error) {
		if strings.Contains(url, "10.0.0.1") {
			return "", nil, errors.New("its address cannot be reached from here")
		}
		return "image/webp", []byte("abc"), nil
	}}
}

const claude = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"

func userOf(part string) string { return `{"messages":[{"role":"user","content":[` + part + `]}]}` }

// §5.2: OpenAI chat request → Converse.
func TestRowsChatToConverse(t *testing.T) {
	t.Parallel()
	block := func(b string) string { return `{"messages":[{"role":"user","content":[` + b + `]}]}` }
	requests(t, claude, converse, []row{
		{name: "system messages; cache_control → following cachePoint", in: `{"messages":[{"role":"system","content":[{"type":"text","text":"a","cache_control":{"type":"ephemeral"}}]},{"role":"system","content":"b"},{"role":"user","content":"hi"}]}`, want: `{"system":[{"text":"a"},{"cachePoint":{"type":"default"}},{"text":"b"}],"messages":[{"role":"user","content":[{"text":"hi"}]}]}`},
		{name: "user/assistant text; blank text dropped", in: `{"messages":[{"role":"user","content":[{"type":"text","text":"hi"},{"type":"text","text":" "}]},{"role":"assistant","content":"a"},{"role":"user","content":"b"}]}`, want: `{"messages":[{"role":"user","content":[{"text":"hi"}]},{"role":"assistant","content":[{"text":"a"}]},{"role":"user","content":[{"text":"b"}]}]}`},
		{name: "image data URL", in: userOf(`{"type":"image_url","image_url":{"url":"data:image/jpeg;base64,AAAA"}}`), want: block(`{"image":{"format":"jpeg","source":{"bytes":"AAAA"}}}`)},
		{name: "image http URL is fetched first", in: userOf(`{"type":"image_url","image_url":{"url":"https://h/a"}}`), want: block(`{"image":{"format":"webp","source":{"bytes":"YWJj"}}}`)},
		{name: "image http URL: the guard refuses", in: userOf(`{"type":"image_url","image_url":{"url":"http://10.0.0.1/a"}}`), err: "cannot be reached"},
		{name: "file: document by bytes, name in a limited charset", in: userOf(`{"type":"file","file":{"filename":"a/b_c (1).pdf","file_data":"data:application/pdf;base64,AAAA"}}`), want: block(`{"document":{"format":"pdf","name":"a b c (1)","source":{"bytes":"AAAA"}}}`)},
		{name: "file: s3Location", in: userOf(`{"type":"file","file":{"filename":"a.csv","format":"text/csv","file_id":"s3://bucket/a.csv"}}`), want: block(`{"document":{"format":"csv","source":{"s3Location":{"uri":"s3://bucket/a.csv"}}}}`)},
		{name: "video", in: userOf(`{"type":"file","file":{"file_data":"data:video/mp4;base64,AAAA"}}`), want: block(`{"video":{"format":"mp4","source":{"bytes":"AAAA"}}}`)},
		{name: "assistant tool_calls → toolUse; tool message → toolResult; consecutive user turns merged", in: `{"messages":[{"role":"user","content":"hi"},` + called + `,{"role":"tool","tool_call_id":"a","content":"7","is_error":true},{"role":"user","content":"and"}],"tools":[` + tool + `]}`, want: `{"messages":[{},{"role":"assistant","content":[{"toolUse":{"toolUseId":"a","name":"f","input":{"x":1}}}]},{"role":"user","content":[{"toolResult":{"toolUseId":"a","content":[{"text":"7"}],"status":"error"}},{"text":"and"}]}]}`},
		{name: "toolResult with an image", in: `{"messages":[{"role":"user","content":"hi"},` + called + `,{"role":"tool","tool_call_id":"a","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]}]}`, want: `{"messages":[{},{},{"content":[{"toolResult":{"content":[{"image":{"format":"png"}}]}}]}]}`},
		{name: "toolResult: one for each call", in: `{"messages":[{"role":"user","content":"hi"},` + called + `,{"role":"tool","tool_call_id":"a","content":"1"},{"role":"tool","tool_call_id":"a","content":"2"}]}`, want: `{"messages":[{},{},{"content":[{"toolResult":{"toolUseId":"a","content":[{"text":"2"}]}}]}]}`},
		{name: "tools → toolSpec", in: `{` + hi + `,"tools":[` + tool + `]}`, want: `{"toolConfig":{"tools":[{"toolSpec":{"name":"f","description":"d","inputSchema":{"json":{"type":"object","properties":{"x":{"type":"integer"}}}}}}],"toolChoice":null}}`},
		{name: "tool_choice auto", in: `{` + hi + `,"tools":[` + tool + `],"tool_choice":"auto"}`, want: `{"toolConfig":{"toolChoice":{"auto":{}}}}`},
		{name: "tool_choice required", in: `{` + hi + `,"tools":[` + tool + `],"tool_choice":"required"}`, want: `{"toolConfig":{"toolChoice":{"any":{}}}}`},
		{name: "tool_choice named", in: `{` + hi + `,"tools":[` + tool + `],"tool_choice":{"type":"function","function":{"name":"f"}}}`, want: `{"toolConfig":{"toolChoice":{"tool":{"name":"f"}}}}`},
		{name: "tool_choice none → no toolConfig", in: `{` + hi + `,"tools":[` + tool + `],"tool_choice":"none"}`, want: `{"toolConfig":null}`},
		{name: "tool_choice none, a history with toolUse → a dummy tool", in: `{"messages":[{"role":"user","content":"hi"},` + called + `,{"role":"tool","tool_call_id":"a","content":"7"}],"tools":[` + tool + `],"tool_choice":"none"}`, want: `{"toolConfig":{"tools":[{"toolSpec":{"name":"dummy_tool"}}]}}`},
		{name: "max tokens / temperature / top_p / stop", in: `{` + hi + `,"max_completion_tokens":5,"temperature":0.5,"top_p":0.4,"stop":"x"}`, want: `{"inferenceConfig":{"maxTokens":5,"temperature":0.5,"topP":0.4,"stopSequences":["x"]}}`},
		{name: "top_k, anthropic_beta, others → additionalModelRequestFields", in: `{` + hi + `,"top_k":5,"anthropic_beta":["b"],"own":1}`, want: `{"additionalModelRequestFields":{"top_k":5,"anthropic_beta":["b"],"own":1}}`},
		{name: "thinking", in: `{` + hi + `,"thinking":{"type":"enabled","budget_tokens":2000}}`, want: `{"additionalModelRequestFields":{"thinking":{"type":"enabled","budget_tokens":2000}}}`},
		{name: "reasoning_effort, Claude", in: `{` + hi + `,"reasoning_effort":"medium"}`, want: `{"additionalModelRequestFields":{"thinking":{"type":"enabled","budget_tokens":2048}}}`},
		{name: "reasoning_effort, Claude: not for a turn that began without thinking", in: `{"messages":[{"role":"user","content":"hi"},` + called + `,{"role":"tool","tool_call_id":"a","content":"7"}],"reasoning_effort":"medium"}`, want: `{"additionalModelRequestFields":null}`},
		{name: "reasoning_effort, Nova", model: "amazon.nova-2-lite-v1:0", in: `{` + hi + `,"reasoning_effort":"low"}`, want: `{"additionalModelRequestFields":{"reasoningConfig":{"type":"enabled","maxReasoningEffort":"low"}}}`},
		{name: "reasoning_effort, others", model: "openai.gpt-oss-120b-1:0", in: `{` + hi + `,"reasoning_effort":"low"}`, want: `{"additionalModelRequestFields":{"reasoning_effort":"low"}}`},
		{name: "thinking blocks", in: `{"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"a","thinking_blocks":[{"type":"thinking","thinking":"t","signature":"s"},{"type":"redacted_thinking","data":"r"}]},{"role":"user","content":"b"}]}`, want: `{"messages":[{},{"content":[{"reasoningContent":{"reasoningText":{"text":"t","signature":"s"}}},{"reasoningContent":{"redactedContent":"r"}},{"text":"a"}]},{}]}`},
		{name: "service_tier; performanceConfig; guardrailConfig passes", in: `{` + hi + `,"service_tier":"priority","performanceConfig":{"latency":"optimized"},"guardrailConfig":{"guardrailIdentifier":"g","guardrailVersion":"1"}}`, want: `{"serviceTier":{"type":"priority"},"performanceConfig":{"latency":"optimized"},"guardrailConfig":{"guardrailIdentifier":"g"}}`},
		{name: "response_format by a tool", in: `{` + hi + `,"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object"}}}}`, want: `{"toolConfig":{"tools":[{"toolSpec":{"name":"json_tool_call"}}],"toolChoice":{"tool":{"name":"json_tool_call"}}}}`},
		{name: "response_format of a model that thinks: left to it", in: `{` + hi + `,"reasoning_effort":"low","response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object"}}}}`, want: `{"toolConfig":{"tools":[{"toolSpec":{"name":"json_tool_call"}}],"toolChoice":null}}`},
		{name: "input_audio: unsupported", in: userOf(`{"type":"input_audio","input_audio":{"data":"A","format":"wav"}}`), err: "input_audio"},
		{name: "n>1: unsupported", in: `{` + hi + `,"n":2}`, err: "parameter n;"},
	})
}

// §5.2, the rows marked ←.
func TestRowsConverseToChat(t *testing.T) {
	t.Parallel()
	said := func(content, stop, usage string) string {
		return `{"output":{"message":{"role":"assistant","content":[` + content + `]}},"stopReason":"` + stop + `","usage":{` + usage + `}}`
	}
	rows := []row{
		{name: "text joined", in: said(`{"text":"a"},{"text":"b"}`, "end_turn", ""), want: `{"id":"chatcmpl-1","choices":[{"message":{"role":"assistant","content":"ab"}}]}`},
		{name: "toolUse → tool_calls", in: said(`{"toolUse":{"toolUseId":"i","name":"f","input":{ "x":1}}}`, "tool_use", ""), want: `{"choices":[{"message":{"content":null,"tool_calls":[{"id":"i","type":"function","function":{"name":"f","arguments":"{\"x\":1}"}}]}}]}`},
		{name: "reasoningContent → reasoning_content, thinking_blocks", in: said(`{"reasoningContent":{"reasoningText":{"text":"t","signature":"s"}}},{"reasoningContent":{"redactedContent":"r"}},{"text":"a"}`, "end_turn", ""), want: `{"choices":[{"message":{"content":"a","reasoning_content":"t","thinking_blocks":[{"type":"thinking","thinking":"t","signature":"s"},{"type":"redacted_thinking","data":"r"}]}}]}`},
		{name: "usage: inputTokens excludes the cache", in: said(`{"text":"a"}`, "end_turn", `"inputTokens":100,"outputTokens":50,"totalTokens":1350,"cacheReadInputTokens":1000,"cacheWriteInputTokens":200`), want: `{"usage":{"prompt_tokens":1300,"completion_tokens":50,"prompt_tokens_details":{"cached_tokens":1000,"cache_write_tokens":200}}}`},
	}
	for stop, finish := range map[string]string{
		"end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length", "model_context_window_exceeded": "length", "tool_use": "tool_calls",
		"guardrail_intervened": "content_filter", "content_filtered": "content_filter",
	} {
		rows = append(rows, row{name: "stopReason " + stop + " → " + finish, in: said(`{"text":"a"}`, stop, ""), want: `{"choices":[{"finish_reason":"` + finish + `"}]}`})
	}
	answers(t, claude, "", converse, rows)
}

// §5.2, the stream: its frames are the event stream's own test's.
func TestRowsConverseEvents(t *testing.T) {
	t.Parallel()
	streams(t, claude, "", converse, openAI, []flow{
		{
			name: "text; metadata comes after messageStop",
			in:   []string{`messageStart|{"role":"assistant"}`, `contentBlockDelta|{"contentBlockIndex":0,"delta":{"text":"a"}}`, `contentBlockStop|{"contentBlockIndex":0}`, `messageStop|{"stopReason":"end_turn"}`, `metadata|{"usage":{"inputTokens":12,"outputTokens":3,"totalTokens":15},"metrics":{"latencyMs":5}}`},
			out:  []string{`"delta":{"role":"assistant","content":""}`, `"delta":{"content":"a"}`, `"finish_reason":"stop"`, `"choices":[],"usage":{"prompt_tokens":12,"completion_tokens":3,"total_tokens":15`, "data: [DONE]"},
		},
		{
			name: "toolUse",
			in:   []string{`contentBlockStart|{"contentBlockIndex":1,"start":{"toolUse":{"toolUseId":"i","name":"f"}}}`, `contentBlockDelta|{"contentBlockIndex":1,"delta":{"toolUse":{"input":"{\"x\":"}}}`, `contentBlockDelta|{"contentBlockIndex":1,"delta":{"toolUse":{"input":"1}"}}}`, `contentBlockStart|{"contentBlockIndex":2,"start":{"toolUse":{"toolUseId":"j","name":"g"}}}`, `messageStop|{"stopReason":"tool_use"}`},
			out:  []string{`"tool_calls":[{"index":0,"id":"i","type":"function","function":{"name":"f","arguments":""}}]`, `"arguments":"{\"x\":"`, `"arguments":"1}"`, `"tool_calls":[{"index":1,"id":"j"`, `"finish_reason":"tool_calls"`},
		},
		{
			name: "reasoningContent: text, signature, redactedContent",
			in:   []string{`contentBlockDelta|{"delta":{"reasoningContent":{"text":"t"}}}`, `contentBlockDelta|{"delta":{"reasoningContent":{"signature":"s"}}}`, `contentBlockStop|{}`, `contentBlockDelta|{"delta":{"reasoningContent":{"redactedContent":"r"}}}`},
			out:  []string{`"reasoning_content":"t"`, `"thinking_blocks":[{"type":"thinking","thinking":"t","signature":"s"}]`, `"thinking_blocks":[{"type":"redacted_thinking","data":"r"}]`},
		},
		{name: "an exception ends the stream with it", in: []string{`error|{"error":{"message":"slow down","type":"throttlingException"}}`}, fail: "throttlingException"},
	})
}
