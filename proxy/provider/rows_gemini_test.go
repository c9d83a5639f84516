package provider_test

import (
	"strings"
	"testing"

	"gatehouse/internal/testkit/bridgetest"
	"gatehouse/proxy/provider/chat"
	"gatehouse/proxy/provider/gemini"
)

func generate() bridgetest.Bridge {
	return &gemini.FromChat{ID: "1", Now: now, Policy: chat.Policy{Provider: "Gemini"}}
}

// §5.3: OpenAI chat request → generateContent.
func TestRowsChatToGenerate(t *testing.T) {
	t.Parallel()
	part := func(p string) string { return `{"contents":[{"role":"user","parts":[` + p + `]}]}` }
	const schema = `"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object","additionalProperties":false}}}`
	requests(t, "gemini-2.5-flash", generate, []row{
		{name: "system: all joined", in: `{"messages":[{"role":"system","content":"a"},{"role":"user","content":"hi"},{"role":"developer","content":"b"}]}`, want: `{"systemInstruction":{"parts":[{"text":"a\nb"}]},"contents":[{"role":"user","parts":[{"text":"hi"}]}]}`},
		{name: "user / assistant / tool; same-role neighbours merged", in: `{"messages":[{"role":"user","content":"hi"},{"role":"user","content":"there"},` + called + `,{"role":"tool","tool_call_id":"a","content":"7"},{"role":"user","content":"and"}]}`, want: `{"contents":[{"role":"user","parts":[{"text":"hi"},{"text":"there"}]},{"role":"model","parts":[{"functionCall":{"name":"f","args":{"x":1}}}]},{"role":"user","parts":[{"functionResponse":{"name":"f","response":{"result":"7"}}},{"text":"and"}]}]}`},
		{name: "data URL → inlineData", in: userOf(`{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}`), want: part(`{"inlineData":{"mimeType":"image/png","data":"AAAA"}}`)},
		{name: "file URL → fileData", in: userOf(`{"type":"image_url","image_url":{"url":"https://h/a.webp"}}`), want: part(`{"fileData":{"mimeType":"image/webp","fileUri":"https://h/a.webp"}}`)},
		{name: "a file of Cloud Storage", in: userOf(`{"type":"file","file":{"file_id":"gs://b/a.pdf"}}`), want: part(`{"fileData":{"mimeType":"application/pdf","fileUri":"gs://b/a.pdf"}}`)},
		{name: "audio → inlineData", in: userOf(`{"type":"input_audio","input_audio":{"data":"AAAA","format":"mp3"}}`), want: part(`{"inlineData":{"mimeType":"audio/mpeg","data":"AAAA"}}`)},
		{name: "tool_calls: the signature comes back, out of provider_specific_fields", in: `{"messages":[{"role":"user","content":"hi"},{"role":"assistant","tool_calls":[{"id":"a","function":{"name":"f","arguments":"{}"},"provider_specific_fields":{"thought_signature":"c2ln"}}]}]}`, want: `{"contents":[{},{"parts":[{"functionCall":{"name":"f"},"thoughtSignature":"c2ln"}]}]}`},
		{name: "tool_calls: the signature comes back, out of the id", in: `{"messages":[{"role":"user","content":"hi"},{"role":"assistant","tool_calls":[{"id":"a__thought__c2ln","function":{"name":"f","arguments":"{}"}}]}]}`, want: `{"contents":[{},{"parts":[{"functionCall":{"name":"f"},"thoughtSignature":"c2ln"}]}]}`},
		{name: "tool result: an object as it is", in: `{"messages":[{"role":"user","content":"hi"},` + called + `,{"role":"tool","tool_call_id":"a","content":"{\"t\":7}"}]}`, want: `{"contents":[{},{},{"parts":[{"functionResponse":{"name":"f","response":{"t":7}}}]}]}`},
		{name: "tool result: the call is not there", in: `{"messages":[{"role":"user","content":"hi"},{"role":"tool","tool_call_id":"zz","content":"7"}]}`, err: "messages[1]"},
		{name: "tools: functionDeclarations, the schema whole", in: `{` + hi + `,"tools":[` + tool + `,{"type":"function","function":{"name":"g","strict":true,"parameters":{"$schema":"s","type":"object","properties":{"y":{"$ref":"#/$defs/z"}},"$defs":{"z":{"type":["string","null"]}},"additionalProperties":false}}}]}`, want: `{"tools":[{"functionDeclarations":[{"name":"f","description":"d","parametersJsonSchema":{"type":"object"}},{"name":"g","parametersJsonSchema":{"type":"object","$defs":{"z":{"type":["string","null"]}}}}]}]}`, not: []string{`"strict"`}},
		{name: "tool_choice auto", in: `{` + hi + `,"tools":[` + tool + `],"tool_choice":"auto"}`, want: `{"toolConfig":{"functionCallingConfig":{"mode":"AUTO"}}}`},
		{name: "tool_choice required", in: `{` + hi + `,"tools":[` + tool + `],"tool_choice":"required"}`, want: `{"toolConfig":{"functionCallingConfig":{"mode":"ANY"}}}`},
		{name: "tool_choice none", in: `{` + hi + `,"tools":[` + tool + `],"tool_choice":"none"}`, want: `{"toolConfig":{"functionCallingConfig":{"mode":"NONE"}}}`},
		{name: "tool_choice named", in: `{` + hi + `,"tools":[` + tool + `],"tool_choice":{"type":"function","function":{"name":"f"}}}`, want: `{"toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["f"]}}}`},
		{
			name: "generationConfig",
			in:   `{` + hi + `,"max_tokens":5,"temperature":0.5,"top_p":0.4,"top_k":3,"stop":["x"],"n":2,"seed":7,"presence_penalty":0.1,"frequency_penalty":0.2,"logprobs":true,"top_logprobs":4}`,
			want: `{"generationConfig":{"maxOutputTokens":5,"temperature":0.5,"topP":0.4,"topK":3,"stopSequences":["x"],"candidateCount":2,"seed":7,"presencePenalty":0.1,"frequencyPenalty":0.2,"responseLogprobs":true,"logprobs":4}}`,
		},
		{name: "response_format json_schema", in: `{` + hi + `,` + schema + `}`, want: `{"generationConfig":{"responseMimeType":"application/json","responseJsonSchema":{"type":"object","additionalProperties":false}}}`},
		{name: "response_format json_object", in: `{` + hi + `,"response_format":{"type":"json_object"}}`, want: `{"generationConfig":{"responseMimeType":"application/json","responseJsonSchema":null}}`},
		{name: "reasoning_effort, 2.5: minimal 512", in: `{` + hi + `,"reasoning_effort":"minimal"}`, want: `{"generationConfig":{"thinkingConfig":{"thinkingBudget":512,"includeThoughts":true}}}`},
		{name: "reasoning_effort, 2.5: low 1024", in: `{` + hi + `,"reasoning_effort":"low"}`, want: `{"generationConfig":{"thinkingConfig":{"thinkingBudget":1024}}}`},
		{name: "reasoning_effort, 2.5: medium 2048", in: `{` + hi + `,"reasoning_effort":"medium"}`, want: `{"generationConfig":{"thinkingConfig":{"thinkingBudget":2048}}}`},
		{name: "reasoning_effort, 2.5: high 4096", in: `{` + hi + `,"reasoning_effort":"high"}`, want: `{"generationConfig":{"thinkingConfig":{"thinkingBudget":4096}}}`},
		{name: "reasoning_effort, 2.5: none 0", in: `{` + hi + `,"reasoning_effort":"none"}`, want: `{"generationConfig":{"thinkingConfig":{"thinkingBudget":0,"includeThoughts":null}}}`},
		{name: "reasoning_effort, 3+: thinkingLevel", model: "gemini-3-pro-preview", in: `{` + hi + `,"reasoning_effort":"high"}`, want: `{"generationConfig":{"thinkingConfig":{"thinkingLevel":"high","includeThoughts":true,"thinkingBudget":null}}}`},
		{name: "modalities", in: `{` + hi + `,"modalities":["text","image"]}`, want: `{"generationConfig":{"responseModalities":["TEXT","IMAGE"]}}`},
		{name: "logit_bias: unsupported", in: `{` + hi + `,"logit_bias":{"1":1}}`, err: "logit_bias"},
	})
}

// §5.3, the rows marked ←.
func TestRowsGenerateToChat(t *testing.T) {
	t.Parallel()
	said := func(parts, finish, usage string) string {
		return `{"candidates":[{"content":{"role":"model","parts":[` + parts + `]},"finishReason":"` + finish + `"}],"usageMetadata":{` + usage + `},"modelVersion":"gemini-2.5-flash"}`
	}
	rows := []row{
		{name: "text → content; thought → reasoning_content", in: said(`{"text":"t","thought":true},{"text":"a"},{"text":"b"}`, "STOP", ""), want: `{"model":"gemini-2.5-flash","choices":[{"message":{"content":"ab","reasoning_content":"t"},"finish_reason":"stop"}]}`},
		{name: "functionCall → tool_calls with a generated id; STOP → tool_calls", in: said(`{"functionCall":{"name":"f","args":{"x":1}}},{"functionCall":{"name":"g"}}`, "STOP", ""), want: `{"choices":[{"message":{"content":null,"tool_calls":[{"id":"call_1_0","type":"function","function":{"name":"f","arguments":"{\"x\":1}"}},{"id":"call_1_1","function":{"name":"g","arguments":"{}"}}]},"finish_reason":"tool_calls"}]}`},
		{name: "functionCall: its own id, and the signature kept", in: said(`{"functionCall":{"id":"i","name":"f","args":{}},"thoughtSignature":"c2ln"}`, "STOP", ""), want: `{"choices":[{"message":{"tool_calls":[{"id":"i__thought__c2ln","provider_specific_fields":{"thought_signature":"c2ln"}}]}}]}`},
		{name: "inlineData image → images[]", in: said(`{"inlineData":{"mimeType":"image/png","data":"AAAA"}}`, "STOP", ""), want: `{"choices":[{"message":{"images":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]}}]}`},
		{name: "no candidates + blockReason → content policy", in: `{"promptFeedback":{"blockReason":"SAFETY"}}`, err: "SAFETY"},
		{
			name: "usageMetadata",
			in:   said(`{"text":"a"}`, "STOP", `"promptTokenCount":1000,"cachedContentTokenCount":400,"candidatesTokenCount":50,"thoughtsTokenCount":30,"toolUsePromptTokenCount":7,"totalTokenCount":1087`),
			want: `{"usage":{"prompt_tokens":1007,"completion_tokens":80,"total_tokens":1087,"prompt_tokens_details":{"cached_tokens":400},"completion_tokens_details":{"reasoning_tokens":30}}}`,
		},
		{name: "trafficType picks the tier", in: said(`{"text":"a"}`, "STOP", `"promptTokenCount":1,"trafficType":"ON_DEMAND_PRIORITY"`), want: `{"service_tier":"ON_DEMAND_PRIORITY"}`},
	}
	for finish, want := range map[string]string{
		"STOP": "stop", "MAX_TOKENS": "length", "SAFETY": "content_filter", "PROHIBITED_CONTENT": "content_filter", "BLOCKLIST": "content_filter", "SPII": "content_filter",
		"RECITATION": "content_filter", "IMAGE_SAFETY": "content_filter", "LANGUAGE": "content_filter",
	} {
		rows = append(rows, row{name: "finishReason " + finish + " → " + want, in: said(`{"text":"a"}`, finish, ""), want: `{"choices":[{"finish_reason":"` + want + `","message":{"provider_specific_fields":null}}]}`})
	}
	for _, finish := range []string{"MALFORMED_FUNCTION_CALL", "OTHER"} {
		rows = append(rows, row{name: "finishReason " + finish + " → stop with a warning", in: said(`{"text":"a"}`, finish, ""), want: `{"choices":[{"finish_reason":"stop","message":{"provider_specific_fields":{"native_finish_reason":"` + finish + `"}}}]}`})
	}
	answers(t, "gemini-2.5-flash", "", generate, rows)
}

// §5.3, the stream.
func TestRowsGenerateEvents(t *testing.T) {
	t.Parallel()
	streams(t, "gemini-2.5-flash", "", generate, openAI, []flow{
		{
			name: "each data is a whole partial response; usage is cumulative; no [DONE] comes, one goes out",
			in: []string{
				`{"candidates":[{"content":{"parts":[{"text":"t","thought":true}]}}],"usageMetadata":{"promptTokenCount":12,"candidatesTokenCount":1}}`,
				`{"candidates":[{"content":{"parts":[{"text":"a"}]}}],"usageMetadata":{"promptTokenCount":12,"candidatesTokenCount":2}}`,
				`{"candidates":[{"content":{"parts":[{"text":"b"}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":12,"candidatesTokenCount":3,"thoughtsTokenCount":4}}`,
			},
			out: []string{`"reasoning_content":"t"`, `"content":"a"`, `"content":"b"`, `"finish_reason":"stop"`},
		},
		{name: "function calls arrive complete in one chunk", in: []string{`{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{"x":1}}},{"functionCall":{"name":"g","args":{}}}]},"finishReason":"STOP"}]}`}, out: []string{`"tool_calls":[{"index":0,"id":"call_1_0","type":"function","function":{"name":"f","arguments":"{\"x\":1}"}}]`, `"tool_calls":[{"index":1,`, `"finish_reason":"tool_calls"`}},
		{name: "MALFORMED_FUNCTION_CALL → stop with a warning", in: []string{`{"candidates":[{"content":{},"finishReason":"MALFORMED_FUNCTION_CALL"}]}`}, out: []string{`"native_finish_reason":"MALFORMED_FUNCTION_CALL"`, `"finish_reason":"stop"`}},
		{name: "a blocked prompt", in: []string{`{"promptFeedback":{"blockReason":"PROHIBITED_CONTENT"}}`}, fail: "content_policy_violation"},
		{name: "an error within", in: []string{`{"error":{"code":503,"message":"overloaded","status":"UNAVAILABLE"}}`}, fail: "UNAVAILABLE"},
	})
	t.Run("the usage at the end", func(t *testing.T) {
		t.Parallel()
		f := generate().Filter(openAI())
		out := run(t, f, `{"candidates":[{"content":{"parts":[{"text":"b"}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":12,"candidatesTokenCount":3,"thoughtsTokenCount":4}}`)
		if out = f.End(out); !strings.Contains(string(out), `"prompt_tokens":12,"completion_tokens":7`) || !strings.HasSuffix(string(out), "data: [DONE]\n\n") {
			t.Errorf("%s", out)
		}
	})
}
