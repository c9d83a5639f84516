package provider_test

import (
	"strings"
	"testing"

	"gatehouse/internal/testkit/bridgetest"
	"gatehouse/proxy/provider/anthropic"
	"gatehouse/proxy/stream"
)

func toMessages() bridgetest.Bridge { return &anthropic.FromChat{ID: "1", Now: now} }

func fromMessages() bridgetest.Bridge { return &anthropic.ToChat{ID: "1", InputTokens: 12} }

const (
	hi     = `"messages":[{"role":"user","content":"hi"}]`
	userHi = `"messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}]`
	tool   = `{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object","properties":{"x":{"type":"integer"}}}}}`
	called = `{"role":"assistant","content":null,"tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{\"x\":1}"}}]}`
)

// §5.1, first table: OpenAI chat request → Anthropic request.
func TestRowsChatToMessages(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("n", 70)
	requests(t, "claude-sonnet-4-5", toMessages, []row{
		{
			name: "messages[role=system,developer] → top-level system, in order",
			in:   `{"messages":[{"role":"system","content":"a"},{"role":"user","content":"hi"},{"role":"developer","content":[{"type":"text","text":"b"}]}]}`,
			want: `{"system":[{"type":"text","text":"a"},{"type":"text","text":"b"}],` + userHi + `}`,
		},
		{
			name: "consecutive same-role messages are merged",
			in:   `{"messages":[{"role":"user","content":"hi"},{"role":"user","content":"there"},{"role":"assistant","content":"a"},{"role":"assistant","content":"b"}]}`,
			want: `{"messages":[{"role":"user","content":[{"type":"text","text":"hi"},{"type":"text","text":"there"}]},{"role":"assistant","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}]}`,
		},
		{
			name: "merged over a message that is left out",
			in:   `{"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":""},{"role":"user","content":"there"}]}`,
			want: `{"messages":[{"role":"user","content":[{"type":"text","text":"hi"},{"type":"text","text":"there"}]}]}`,
		},
		{
			name: "first must be user: a placeholder",
			in:   `{"messages":[{"role":"assistant","content":"a"},{"role":"user","content":"hi"}]}`,
			want: `{"messages":[{"role":"user","content":[{"type":"text"}]},{"role":"assistant","content":[{"type":"text","text":"a"}]},{"role":"user","content":[{"type":"text","text":"hi"}]}]}`,
		},
		{
			name: "first must be user: an empty one counts for none",
			in:   `{"messages":[{"role":"user","content":" "},{"role":"assistant","content":"a"},{"role":"user","content":"hi"}]}`,
			want: `{"messages":[{"role":"user","content":[{"type":"text"}]},{"role":"assistant","content":[{"type":"text","text":"a"}]},{"role":"user","content":[{"type":"text","text":"hi"}]}]}`,
		},
		{
			name: "part text: empty blocks are dropped",
			in:   `{"messages":[{"role":"user","content":[{"type":"text","text":""},{"type":"text","text":"hi"},{"type":"text","text":" \n"}]}]}`,
			want: `{` + userHi + `}`,
		},
		{
			name: "part image_url data: URL → base64 source",
			in:   `{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA","detail":"low"}}]}]}`,
			want: `{"messages":[{"role":"user","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AAAA"}}]}]}`,
		},
		{
			name: "part image_url http(s) → url source",
			in:   `{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://h/a.png"}}]}]}`,
			want: `{"messages":[{"role":"user","content":[{"type":"image","source":{"type":"url","url":"https://h/a.png"}}]}]}`,
		},
		{
			name: "part file: a PDF",
			in:   `{"messages":[{"role":"user","content":[{"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,AAAA"}}]}]}`,
			want: `{"messages":[{"role":"user","content":[{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"AAAA"}}]}]}`,
		},
		{
			name: "part file: base64 alone",
			in:   `{"messages":[{"role":"user","content":[{"type":"file","file":{"file_data":"AAAA"}}]}]}`,
			want: `{"messages":[{"role":"user","content":[{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"AAAA"}}]}]}`,
		},
		{
			name: "part file: text",
			in:   `{"messages":[{"role":"user","content":[{"type":"file","file":{"filename":"a.txt","file_data":"data:text/plain;base64,aGVsbG8="},"cache_control":{"type":"ephemeral"}}]}]}`,
			want: `{"messages":[{"role":"user","content":[{"type":"document","source":{"type":"text","media_type":"text/plain","data":"hello"},"title":"a.txt","cache_control":{"type":"ephemeral"}}]}]}`,
		},
		{
			name: "part file: an address",
			in:   `{"messages":[{"role":"user","content":[{"type":"file","file":{"file_id":"https://h/a.pdf"}}]}]}`,
			want: `{"messages":[{"role":"user","content":[{"type":"document","source":{"type":"url","url":"https://h/a.pdf"}}]}]}`,
		},
		{
			name: "part file: an id",
			in:   `{"messages":[{"role":"user","content":[{"type":"file","file":{"file_id":"file_1"},"cache_control":{"type":"ephemeral"}}]}]}`,
			want: `{"messages":[{"role":"user","content":[{"type":"document","source":{"type":"file","file_id":"file_1"},"cache_control":{"type":"ephemeral"}}]}]}`,
		},
		{name: "part input_audio: unsupported", in: `{"messages":[{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"A","format":"wav"}}]}]}`, err: "input_audio"},
		{
			name: "assistant tool_calls → tool_use, arguments parsed",
			in:   `{"messages":[{"role":"user","content":"hi"},` + called + `]}`,
			want: `{"messages":[{},{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"f","input":{"x":1}}]}]}`,
		},
		{
			name: "assistant tool_calls: an empty string → {}",
			in:   `{"messages":[{"role":"user","content":"hi"},` + strings.Replace(called, `{\"x\":1}`, ``, 1) + `]}`,
			want: `{"messages":[{},{"role":"assistant","content":[{"type":"tool_use","input":{}}]}]}`,
		},
		{
			name: "assistant tool_calls: unparsable names the message",
			in:   `{"messages":[{"role":"user","content":"hi"},` + strings.Replace(called, `{\"x\":1}`, `{`, 1) + `]}`, err: "messages[1]",
		},
		{
			name: "role:tool → tool_result, all of a turn in one user message, before any text",
			in:   `{"messages":[{"role":"user","content":"hi"},` + strings.Replace(called, `]`, `,{"id":"b","type":"function","function":{"name":"f","arguments":"{}"}}]`, 1) + `,{"role":"tool","tool_call_id":"a","content":"1"},{"role":"user","content":"and"},{"role":"tool","tool_call_id":"b","content":[{"type":"text","text":"2"}],"is_error":true}]}`,
			want: `{"messages":[{},{},{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":"1"},{"type":"tool_result","tool_use_id":"b","content":[{"type":"text","text":"2"}],"is_error":true},{"type":"text","text":"and"}]}]}`,
		},
		{
			name: "role:tool: exactly one per id",
			in:   `{"messages":[{"role":"user","content":"hi"},` + called + `,{"role":"tool","tool_call_id":"a","content":"1"},{"role":"tool","tool_call_id":"a","content":"2"}]}`,
			want: `{"messages":[{},{},{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":"2"}]}]}`,
		},
		{name: "tools → input_schema", in: `{` + hi + `,"tools":[` + tool + `]}`, want: `{"tools":[{"name":"f","description":"d","input_schema":{"type":"object","properties":{"x":{"type":"integer"}}}}]}`},
		{name: "tools: type object is forced", in: `{` + hi + `,"tools":[{"type":"function","function":{"name":"f","parameters":{"type":null,"properties":{}}}},{"type":"function","function":{"name":"g"}},{"type":"function","function":{"name":"h","parameters":{}}}]}`, want: `{"tools":[{"input_schema":{"type":"object"}},{"input_schema":{"type":"object"}},{"input_schema":{"type":"object"}}]}`},
		{name: "tools: hosted ones pass to Anthropic", in: `{` + hi + `,"tools":[{"type":"web_search_20250305","name":"web_search","max_uses":3}]}`, want: `{"tools":[{"type":"web_search_20250305","name":"web_search","max_uses":3}]}`},
		{name: "tools: a long name is Anthropic's to judge", in: `{` + hi + `,"tools":[{"type":"function","function":{"name":"` + long + `"}}]}`, want: `{"tools":[{"name":"` + long + `"}]}`},
		{name: "tool_choice auto", in: `{` + hi + `,"tools":[` + tool + `],"tool_choice":"auto"}`, want: `{"tool_choice":{"type":"auto"}}`},
		{name: "tool_choice none", in: `{` + hi + `,"tools":[` + tool + `],"tool_choice":"none"}`, want: `{"tool_choice":{"type":"none"}}`},
		{name: "tool_choice required", in: `{` + hi + `,"tools":[` + tool + `],"tool_choice":"required"}`, want: `{"tool_choice":{"type":"any"}}`},
		{name: "tool_choice {function}", in: `{` + hi + `,"tools":[` + tool + `],"tool_choice":{"type":"function","function":{"name":"f"}}}`, want: `{"tool_choice":{"type":"tool","name":"f"}}`},
		{name: "parallel_tool_calls:false", in: `{` + hi + `,"tools":[` + tool + `],"parallel_tool_calls":false}`, want: `{"tool_choice":{"type":"auto","disable_parallel_tool_use":true}}`},
		{name: "parallel_tool_calls:false beside a choice", in: `{` + hi + `,"tools":[` + tool + `],"tool_choice":"required","parallel_tool_calls":false}`, want: `{"tool_choice":{"type":"any","disable_parallel_tool_use":true}}`},
		{name: "max_tokens", in: `{` + hi + `,"max_tokens":7}`, want: `{"max_tokens":7}`},
		{name: "max_completion_tokens", in: `{` + hi + `,"max_completion_tokens":7}`, want: `{"max_tokens":7,"max_completion_tokens":null}`},
		{name: "max tokens: else 4096", in: `{` + hi + `}`, want: `{"max_tokens":4096}`},
		{name: "temperature capped 1, top_p", in: `{` + hi + `,"temperature":1.7,"top_p":0.3}`, want: `{"temperature":1,"top_p":0.3}`},
		{name: "stop, a string", in: `{` + hi + `,"stop":"END"}`, want: `{"stop_sequences":["END"],"stop":null}`},
		{name: "stop, whitespace-only entries dropped", in: `{` + hi + `,"stop":["END"," ","\n"]}`, want: `{"stop_sequences":["END"]}`},
		{name: "stop, nothing left", in: `{` + hi + `,"stop":"\n"}`, want: `{"stop_sequences":null}`},
		{name: "user → metadata.user_id", in: `{` + hi + `,"user":"u"}`, want: `{"metadata":{"user_id":"u"},"user":null}`},
		{
			name: "response_format json_schema → output_config.format",
			in:   `{` + hi + `,"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object"}}}}`,
			want: `{"output_config":{"format":{"type":"json_schema","schema":{"type":"object"}}},"response_format":null}`,
		},
		{
			name: "response_format json_schema, older models: the forced tool json_tool_call", model: "claude-3-5-haiku-20241022",
			in:   `{` + hi + `,"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object"}}}}`,
			want: `{"tools":[{"name":"json_tool_call","input_schema":{"type":"object"}}],"tool_choice":{"type":"tool","name":"json_tool_call"},"output_config":null}`,
		},
		{name: "reasoning_effort, newer: effort and adaptive thinking", model: "claude-opus-4-6", in: `{` + hi + `,"reasoning_effort":"medium"}`, want: `{"thinking":{"type":"adaptive"},"output_config":{"effort":"medium"},"reasoning_effort":null}`},
		{name: "reasoning_effort, older: low 1024", in: `{` + hi + `,"reasoning_effort":"low"}`, want: `{"thinking":{"type":"enabled","budget_tokens":1024},"max_tokens":5120}`},
		{name: "reasoning_effort, older: medium 2048", in: `{` + hi + `,"reasoning_effort":"medium","max_tokens":9000}`, want: `{"thinking":{"type":"enabled","budget_tokens":2048},"max_tokens":9000}`},
		{name: "reasoning_effort, older: high 4096", in: `{` + hi + `,"reasoning_effort":"high","max_tokens":9000}`, want: `{"thinking":{"type":"enabled","budget_tokens":4096}}`},
		{name: "reasoning_effort: budget < max_tokens", in: `{` + hi + `,"reasoning_effort":"high","max_tokens":2000}`, want: `{"thinking":{"type":"enabled","budget_tokens":1999},"max_tokens":2000}`},
		{name: "reasoning_effort: budget ≥ 1024, or none", in: `{` + hi + `,"reasoning_effort":"high","max_tokens":1000}`, want: `{"thinking":null,"max_tokens":1000}`},
		{
			name: "assistant thinking_blocks → thinking, redacted_thinking first in content",
			in:   `{"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"a","reasoning_content":"hm","thinking_blocks":[{"type":"thinking","thinking":"hm","signature":"s"},{"type":"redacted_thinking","data":"r"}]},{"role":"user","content":"hi"}]}`,
			want: `{"messages":[{},{"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"s"},{"type":"redacted_thinking","data":"r"},{"type":"text","text":"a"}]},{}]}`,
		},
		{
			name: "thinking that did not come back: none for that turn",
			in:   `{"messages":[{"role":"user","content":"hi"},` + called + `,{"role":"tool","tool_call_id":"a","content":"1"}],"tools":[` + tool + `],"reasoning_effort":"low"}`, want: `{"thinking":null}`,
		},
		{
			name: "thinking that another provider made is not Anthropic's",
			in:   `{"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"a","thinking_blocks":[{"type":"thinking","thinking":"hm","signature":""}]},{"role":"user","content":"hi"}]}`,
			want: `{"messages":[{},{"content":[{"type":"text","text":"a"}]},{}]}`,
		},
		{
			name: "cache_control on a part",
			in:   `{"messages":[{"role":"user","content":[{"type":"text","text":"hi","cache_control":{"type":"ephemeral","ttl":"1h"}}]}]}`,
			want: `{"messages":[{"content":[{"type":"text","text":"hi","cache_control":{"type":"ephemeral","ttl":"1h"}}]}]}`,
		},
		{
			name: "cache_control on a tool",
			in:   `{` + hi + `,"tools":[{"type":"function","function":{"name":"f"},"cache_control":{"type":"ephemeral"}},{"type":"function","function":{"name":"g","cache_control":{"type":"ephemeral"}}}]}`,
			want: `{"tools":[{"name":"f","cache_control":{"type":"ephemeral"}},{"name":"g","cache_control":{"type":"ephemeral"}}]}`,
		},
		{
			name: "cache_control on a message",
			in:   `{"messages":[{"role":"user","content":"hi","cache_control":{"type":"ephemeral"}}]}`,
			want: `{"messages":[{"content":[{"type":"text","text":"hi","cache_control":{"type":"ephemeral"}}]}]}`,
		},
		{name: "n>1: unsupported", in: `{` + hi + `,"n":2}`, err: "parameter n;"},
		{name: "logprobs: unsupported", in: `{` + hi + `,"logprobs":true}`, err: "parameter logprobs"},
		{name: "logit_bias: unsupported", in: `{` + hi + `,"logit_bias":{"1":1}}`, err: "parameter logit_bias"},
		{name: "presence_penalty: unsupported", in: `{` + hi + `,"presence_penalty":1}`, err: "parameter presence_penalty"},
		{name: "frequency_penalty: unsupported", in: `{` + hi + `,"frequency_penalty":1}`, err: "parameter frequency_penalty"},
		{name: "seed: unsupported", in: `{` + hi + `,"seed":1}`, err: "parameter seed"},
		{name: "stream_options: Anthropic always reports usage", in: `{` + hi + `,"stream":true,"stream_options":{"include_usage":true}}`, want: `{"stream":true,"stream_options":null}`},
	})
	t.Run("max tokens: default the model's max output", func(t *testing.T) {
		t.Parallel()
		requests(t, "claude-sonnet-4-5", func() bridgetest.Bridge { return &anthropic.FromChat{Now: now, MaxOutput: 64000} }, []row{
			{name: "none named", in: `{` + hi + `}`, want: `{"max_tokens":64000}`},
			{name: "one named", in: `{` + hi + `,"max_tokens":5}`, want: `{"max_tokens":5}`},
		})
	})
	t.Run("sampling parameters of the newest models are dropped under drop_params", func(t *testing.T) {
		t.Parallel()
		requests(t, "claude-opus-4-7", func() bridgetest.Bridge { return &anthropic.FromChat{Now: now, DropParams: true} }, []row{
			{name: "all of them", in: `{` + hi + `,"temperature":0.2,"top_p":0.2,"top_k":3,"seed":1,"n":4}`, want: `{"temperature":null,"top_p":null,"top_k":null,"seed":null,"n":null}`},
		})
	})
}

// The same table, read from right to left: what a client of Messages sends, for a provider of OpenAI's wire.
func TestRowsMessagesToChat(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("n", 70)
	const short = `nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn_`
	requests(t, "o4", fromMessages, []row{
		{name: "system → first system message", in: `{"system":[{"type":"text","text":"a"},{"type":"text","text":"b"}],` + hi + `}`, want: `{"messages":[{"role":"system","content":"a\nb"},{"role":"user","content":"hi"}]}`},
		{name: "role:system inside messages", in: `{"messages":[{"role":"user","content":"hi"},{"role":"system","content":"s"}]}`, want: `{"messages":[{"role":"user"},{"role":"system","content":"s"}]}`},
		{name: "image base64", in: `{"messages":[{"role":"user","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AAAA"}}]}]}`, want: `{"messages":[{"content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]}]}`},
		{name: "image url", in: `{"messages":[{"role":"user","content":[{"type":"image","source":{"type":"url","url":"https://h/a.png"}}]}]}`, want: `{"messages":[{"content":[{"type":"image_url","image_url":{"url":"https://h/a.png"}}]}]}`},
		{name: "image of the Files API: refused, not lost", in: `{"messages":[{"role":"user","content":[{"type":"image","source":{"type":"file","file_id":"x"}}]}]}`, err: "messages[0]"},
		{name: "document base64", in: `{"messages":[{"role":"user","content":[{"type":"document","title":"a.pdf","source":{"type":"base64","media_type":"application/pdf","data":"AAAA"}}]}]}`, want: `{"messages":[{"content":[{"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,AAAA"}}]}]}`},
		{name: "document text", in: `{"messages":[{"role":"user","content":[{"type":"document","title":"T","source":{"type":"text","media_type":"text/plain","data":"words"}}]}]}`, want: `{"messages":[{"content":[{"type":"text","text":"T\nwords"}]}]}`},
		{name: "document of blocks", in: `{"messages":[{"role":"user","content":[{"type":"document","source":{"type":"content","content":[{"type":"text","text":"one"},{"type":"text","text":"two"}]}}]}]}`, want: `{"messages":[{"content":[{"type":"text","text":"one\ntwo"}]}]}`},
		{name: "document file", in: `{"messages":[{"role":"user","content":[{"type":"document","source":{"type":"file","file_id":"f"}}]}]}`, want: `{"messages":[{"content":[{"type":"file","file":{"file_id":"f"}}]}]}`},
		{name: "search result", in: `{"messages":[{"role":"user","content":[{"type":"search_result","title":"T","source":"https://h","content":[{"type":"text","text":"words"}]}]}]}`, want: `{"messages":[{"content":[{"type":"text","text":"T\nhttps://h\nwords"}]}]}`},
		{
			name: "tool_use → tool_calls",
			in:   `{"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":[{"type":"text","text":"a"},{"type":"tool_use","id":"i","name":"f","input":{"x": 1}}]}]}`,
			want: `{"messages":[{},{"role":"assistant","content":"a","tool_calls":[{"id":"i","type":"function","function":{"name":"f","arguments":"{\"x\":1}"}}]}]}`,
		},
		{
			name: "tool_result → role:tool before the user's text; what it shows stands beside it",
			in:   `{"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"i","content":[{"type":"text","text":"7"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AAAA"}}]},{"type":"text","text":"and"}]}]}`,
			want: `{"messages":[{"role":"tool","tool_call_id":"i","content":"7"},{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}},{"type":"text","text":"and"}]}]}`,
		},
		{name: "tools", in: `{` + hi + `,"tools":[{"name":"f","description":"d","input_schema":{"type":"object"}},{"type":"custom","name":"g","input_schema":{}}]}`, want: `{"tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object"}}},{"type":"function","function":{"name":"g","parameters":{"type":"object"}}}]}`},
		{name: "names are cut to 55 + _ + 8 hex", in: `{` + hi + `,"tools":[{"name":"` + long + `","input_schema":{"type":"object"}}],"tool_choice":{"type":"tool","name":"` + long + `"}}`, want: `{"tool_choice":{"type":"function"}}`, not: []string{short + "n", long}},
		{name: "hosted tools pass only to Anthropic", in: `{` + hi + `,"tools":[{"type":"web_search_20250305","name":"web_search"},{"type":"bash_20250124","name":"bash"},{"name":"f","input_schema":{"type":"object"}}]}`, want: `{"tools":[{"function":{"name":"f"}}]}`},
		{name: "tool_choice any → required", in: `{` + hi + `,"tools":[{"name":"f","input_schema":{}}],"tool_choice":{"type":"any","disable_parallel_tool_use":true}}`, want: `{"tool_choice":"required","parallel_tool_calls":false}`},
		{name: "tool_choice auto", in: `{` + hi + `,"tools":[{"name":"f","input_schema":{}}],"tool_choice":{"type":"auto"}}`, want: `{"tool_choice":"auto"}`},
		{name: "tool_choice none", in: `{` + hi + `,"tools":[{"name":"f","input_schema":{}}],"tool_choice":{"type":"none"}}`, want: `{"tool_choice":"none"}`},
		{name: "max_tokens, temperature, top_p, stop_sequences", in: `{` + hi + `,"max_tokens":5,"temperature":0.5,"top_p":0.4,"stop_sequences":["a"]}`, want: `{"max_tokens":5,"temperature":0.5,"top_p":0.4,"stop":["a"]}`},
		{name: "metadata.user_id → user", in: `{` + hi + `,"metadata":{"user_id":"u"}}`, want: `{"user":"u","metadata":null}`},
		{name: "output_config.format → response_format", in: `{` + hi + `,"output_config":{"format":{"type":"json_schema","schema":{"type":"object"}}}}`, want: `{"response_format":{"type":"json_schema","json_schema":{"name":"answer","schema":{"type":"object"}}}}`},
		{name: "thinking ≥ 10000 → high", in: `{` + hi + `,"thinking":{"type":"enabled","budget_tokens":10000}}`, want: `{"reasoning_effort":"high","thinking":null}`},
		{name: "thinking ≥ 5000 → medium", in: `{` + hi + `,"thinking":{"type":"enabled","budget_tokens":5000}}`, want: `{"reasoning_effort":"medium"}`},
		{name: "thinking ≥ 2000 → low", in: `{` + hi + `,"thinking":{"type":"enabled","budget_tokens":2000}}`, want: `{"reasoning_effort":"low"}`},
		{name: "thinking below → minimal", in: `{` + hi + `,"thinking":{"type":"enabled","budget_tokens":1999}}`, want: `{"reasoning_effort":"minimal"}`},
		{name: "cache_control is kept for Anthropic's family only", in: `{"system":[{"type":"text","text":"a","cache_control":{"type":"ephemeral"}}],"messages":[{"role":"user","content":[{"type":"text","text":"hi","cache_control":{"type":"ephemeral"}}]}]}`, not: []string{"cache_control"}},
		{name: "thinking blocks of earlier turns are not OpenAI's", in: `{"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":"s"},{"type":"text","text":"a"}]}]}`, want: `{"messages":[{},{"role":"assistant","content":"a"}]}`, not: []string{"thinking"}},
	})
	t.Run("max_tokens over what the model writes is what it writes", func(t *testing.T) {
		t.Parallel()
		requests(t, "gpt-4o", func() bridgetest.Bridge { return &anthropic.ToChat{MaxOutput: 16384} }, []row{
			{name: "over", in: `{` + hi + `,"max_tokens":32000}`, want: `{"max_tokens":16384}`},
			{name: "under", in: `{` + hi + `,"max_tokens":5}`, want: `{"max_tokens":5}`},
		})
	})
}

// §5.1, second table: Anthropic response → OpenAI chat response.
func TestRowsMessageToCompletion(t *testing.T) {
	t.Parallel()
	message := func(content, stop, usage string) string {
		return `{"id":"msg_1","type":"message","role":"assistant","model":"c","content":[` + content + `],"stop_reason":"` + stop + `","usage":{` + usage + `}}`
	}
	text := `{"type":"text","text":"a"}`
	rows := []row{
		{name: "id: prefix chatcmpl-", in: message(text, "end_turn", ""), want: `{"id":"chatcmpl-msg_1","object":"chat.completion","created":7,"model":"c"}`},
		{name: "content[text] joined", in: message(text+`,{"type":"text","text":"b"}`, "end_turn", ""), want: `{"choices":[{"index":0,"message":{"role":"assistant","content":"ab"}}]}`},
		{name: "content null when only tools; arguments compact", in: message(`{"type":"tool_use","id":"i","name":"f","input":{ "x" : 1 }},{"type":"tool_use","id":"j","name":"g","input":{}}`, "tool_use", ""), want: `{"choices":[{"message":{"content":null,"tool_calls":[{"id":"i","type":"function","function":{"name":"f","arguments":"{\"x\":1}"}},{"id":"j","function":{"arguments":"{}"}}]},"finish_reason":"tool_calls"}]}`},
		{name: "content[thinking], [redacted_thinking]", in: message(`{"type":"thinking","thinking":"t","signature":"s"},{"type":"redacted_thinking","data":"r"},`+text, "end_turn", ""), want: `{"choices":[{"message":{"content":"a","reasoning_content":"t","thinking_blocks":[{"type":"thinking","thinking":"t","signature":"s"},{"type":"redacted_thinking","data":"r"}]}}]}`},
		{name: "usage: prompt_tokens = sum, cached, written", in: message(text, "end_turn", `"input_tokens":100,"cache_read_input_tokens":1000,"cache_creation_input_tokens":200,"output_tokens":50`), want: `{"usage":{"prompt_tokens":1300,"completion_tokens":50,"total_tokens":1350,"prompt_tokens_details":{"cached_tokens":1000,"cache_write_tokens":200},"cache_read_input_tokens":1000,"cache_creation_input_tokens":200}}`},
		{name: "usage: output_tokens_details.thinking_tokens", in: message(text, "end_turn", `"input_tokens":1,"output_tokens":50,"output_tokens_details":{"thinking_tokens":20}`), want: `{"usage":{"completion_tokens":50,"completion_tokens_details":{"reasoning_tokens":20}}}`},
		{name: "what is no message", in: `{"type":"error"}`, err: "no message"},
	}
	for stop, finish := range map[string]string{
		"end_turn": "stop", "stop_sequence": "stop", "pause_turn": "stop", "max_tokens": "length", "model_context_window_exceeded": "length", "tool_use": "tool_calls", "refusal": "content_filter",
	} {
		rows = append(rows, row{name: "stop_reason " + stop + " → " + finish, in: message(text, stop, ""), want: `{"choices":[{"finish_reason":"` + finish + `"}]}`})
	}
	answers(t, "claude-sonnet-4-5", "", toMessages, rows)
}

// The same table the other way: OpenAI chat response → Anthropic response.
func TestRowsCompletionToMessage(t *testing.T) {
	t.Parallel()
	completion := func(message, finish, usage string) string {
		return `{"id":"chatcmpl-1","model":"g","choices":[{"index":0,"message":{"role":"assistant",` + message + `},"finish_reason":"` + finish + `"}],"usage":{` + usage + `}}`
	}
	const said = `"content":"a"`
	rows := []row{
		{name: "id, type, role, model", in: completion(said, "stop", ""), want: `{"id":"msg_1","type":"message","role":"assistant","model":"g","content":[{"type":"text","text":"a"}],"stop_sequence":null}`},
		{name: "tool_calls → tool_use", in: completion(`"content":null,"tool_calls":[{"id":"i","type":"function","function":{"name":"f","arguments":"{\"x\":1}"}},{"id":"j","type":"function","function":{"name":"g","arguments":""}}]`, "tool_calls", ""), want: `{"content":[{"type":"tool_use","id":"i","name":"f","input":{"x":1}},{"type":"tool_use","id":"j","name":"g","input":{}}],"stop_reason":"tool_use"}`},
		{name: "reasoning_content → thinking", in: completion(`"reasoning_content":"t",`+said, "stop", ""), want: `{"content":[{"type":"thinking","thinking":"t"},{"type":"text","text":"a"}]}`},
		{name: "thinking_blocks verbatim", in: completion(`"reasoning_content":"t","thinking_blocks":[{"type":"thinking","thinking":"t","signature":"s"},{"type":"redacted_thinking","data":"r"}],`+said, "stop", ""), want: `{"content":[{"type":"thinking","thinking":"t","signature":"s"},{"type":"redacted_thinking","data":"r"},{"type":"text","text":"a"}]}`},
		{name: "refusal", in: completion(`"content":null,"refusal":"no"`, "stop", ""), want: `{"content":[{"type":"text","text":"no"}],"stop_reason":"refusal"}`},
		{name: "usage: input without the cache", in: completion(said, "stop", `"prompt_tokens":1300,"completion_tokens":50,"prompt_tokens_details":{"cached_tokens":1000,"cache_write_tokens":200}`), want: `{"usage":{"input_tokens":100,"cache_read_input_tokens":1000,"cache_creation_input_tokens":200,"output_tokens":50}}`},
		{name: "usage: the keys are always there", in: completion(said, "stop", `"prompt_tokens":3,"completion_tokens":5`), want: `{"usage":{"input_tokens":3,"cache_read_input_tokens":0,"cache_creation_input_tokens":0,"output_tokens":5}}`},
	}
	for finish, stop := range map[string]string{"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal"} {
		rows = append(rows, row{name: "finish_reason " + finish + " → " + stop, in: completion(said, finish, ""), want: `{"stop_reason":"` + stop + `"}`})
	}
	answers(t, "gpt-4o", "", fromMessages, rows)
	long := strings.Repeat("n", 70)
	ask := `{` + hi + `,"tools":[{"name":"` + long + `","input_schema":{"type":"object"}}]}`
	t.Run("a cut name is mapped back", func(t *testing.T) {
		t.Parallel()
		b := &anthropic.ToChat{ID: "1"}
		asked(t, b, ask, "m")
		cut := strings.Repeat("n", 55) + "_"
		got, _, err := b.Answer(nil, []byte(completion(`"tool_calls":[{"id":"i","function":{"name":"`+cut+hashOf(long)+`","arguments":"{}"}}]`, "tool_calls", "")))
		(&row{want: `{"content":[{"type":"tool_use","name":"` + long + `"}]}`}).check(t, got, err)
	})
}

// §5.1, streaming Anthropic → OpenAI.
func TestRowsMessageEvents(t *testing.T) {
	t.Parallel()
	start := `{"type":"message_start","message":{"id":"msg_1","model":"c","usage":{"input_tokens":12,"cache_read_input_tokens":3,"output_tokens":1}}}`
	block := func(i, content string) string {
		return `{"type":"content_block_start","index":` + i + `,"content_block":` + content + `}`
	}
	delta := func(i, d string) string { return `{"type":"content_block_delta","index":` + i + `,"delta":` + d + `}` }
	end := func(reason string) []string {
		return []string{`{"type":"message_delta","delta":{"stop_reason":"` + reason + `"},"usage":{"output_tokens":9}}`, `{"type":"message_stop"}`}
	}
	with := func(events ...string) []string { return append([]string{start}, events...) }
	streams(t, "claude-sonnet-4-5", "", toMessages, openAI, []flow{
		{name: "message_start → first chunk with the role; the input usage is remembered", in: append(with(), end("end_turn")...), out: []string{`"id":"chatcmpl-msg_1"`, `"delta":{"role":"assistant","content":""}`, `"prompt_tokens":15`, `"cached_tokens":3`}},
		{
			name: "content_block_start(tool_use): k counts tool blocks from 0",
			in:   with(block("0", `{"type":"text","text":""}`), delta("0", `{"type":"text_delta","text":"a"}`), block("1", `{"type":"tool_use","id":"i","name":"f","input":{}}`), block("2", `{"type":"tool_use","id":"j","name":"g","input":{}}`), delta("2", `{"type":"input_json_delta","partial_json":"{}"}`)),
			out:  []string{`{"content":"a"}`, `"tool_calls":[{"index":0,"id":"i","type":"function","function":{"name":"f","arguments":""}}]`, `"tool_calls":[{"index":1,"id":"j"`, `"tool_calls":[{"index":1,"function":{"arguments":"{}"}}]`},
		},
		{name: "thinking_delta → reasoning_content; signature_delta → closing thinking_blocks", in: with(block("0", `{"type":"thinking","thinking":""}`), delta("0", `{"type":"thinking_delta","thinking":"t"}`), delta("0", `{"type":"signature_delta","signature":"s"}`), `{"type":"content_block_stop","index":0}`), out: []string{`{"reasoning_content":"t"}`, `"thinking_blocks":[{"type":"thinking","thinking":"t","signature":"s"}]`}},
		{name: "citations_delta → dropped; content_block_stop → nothing", in: with(block("0", `{"type":"text","text":""}`), delta("0", `{"type":"citations_delta","citation":{"cited_text":"quoted"}}`), `{"type":"content_block_stop","index":0}`), out: []string{`"role":"assistant"`}, not: []string{"quoted", "content_block_stop"}},
		{name: "message_delta → finish_reason, cumulative usage; message_stop → usage chunk, [DONE]", in: append(with(`{"type":"message_delta","delta":{},"usage":{"output_tokens":4}}`), end("max_tokens")...), out: []string{`"finish_reason":"length"`, `"choices":[],"usage":{"prompt_tokens":15,"completion_tokens":9`, "data: [DONE]\n\n"}},
		{name: "ping → SSE comment", in: with(`{"type":"ping"}`), out: []string{": ping\n\n"}},
		{name: "error → error event", in: with(`{"type":"error","error":{"type":"overloaded_error","message":"busy"}}`), fail: "overloaded_error"},
	})
}

// §5.1, streaming OpenAI → Anthropic.
func TestRowsCompletionEvents(t *testing.T) {
	t.Parallel()
	chunk := func(delta string) string {
		return `{"id":"c","model":"g","choices":[{"index":0,"delta":` + delta + `,"finish_reason":null}]}`
	}
	finish := func(reason string) string {
		return `{"choices":[{"index":0,"delta":{},"finish_reason":"` + reason + `"}]}`
	}
	usage := `{"choices":[],"usage":{"prompt_tokens":20,"completion_tokens":9,"prompt_tokens_details":{"cached_tokens":5}}}`
	streams(t, "gpt-4o", "", fromMessages, func() stream.Filter { return &stream.Anthropic{} }, []flow{
		{name: "message_start at once, with all usage keys", in: []string{chunk(`{"role":"assistant","content":""}`)}, out: []string{"event: message_start\ndata: ", `"usage":{"input_tokens":12,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":1}`}, not: []string{"content_block"}},
		{
			name: "blocks: opened on the first text, each tool, reasoning; the previous one is closed; indexes grow by one",
			in:   []string{chunk(`{"reasoning_content":"t"}`), chunk(`{"content":"a"}`), chunk(`{"content":"b"}`), chunk(`{"tool_calls":[{"index":0,"id":"i","type":"function","function":{"name":"f","arguments":""}}]}`), chunk(`{"tool_calls":[{"index":0,"function":{"arguments":"{\"x\":"}}]}`), chunk(`{"tool_calls":[{"index":0,"function":{"arguments":"1}"}}]}`), chunk(`{"tool_calls":[{"index":1,"id":"j","type":"function","function":{"name":"g","arguments":"{}"}}]}`), finish("tool_calls"), usage, "[DONE]"},
			out: []string{
				`"content_block_start","index":0,"content_block":{"type":"thinking"`, `"thinking_delta","thinking":"t"`, `"content_block_stop","index":0`,
				`"content_block_start","index":1,"content_block":{"type":"text","text":""}`, `"text_delta","text":"a"`, `"text_delta","text":"b"`, `"content_block_stop","index":1`,
				`"content_block_start","index":2,"content_block":{"type":"tool_use","id":"i","name":"f","input":{}}`, `"input_json_delta","partial_json":"{\"x\":"`, `"partial_json":"1}"`, `"content_block_stop","index":2`,
				`"content_block_start","index":3,"content_block":{"type":"tool_use","id":"j"`, `"partial_json":"{}"`, `"content_block_stop","index":3`,
				`"stop_reason":"tool_use","stop_sequence":null},"usage":{"input_tokens":15,"cache_creation_input_tokens":0,"cache_read_input_tokens":5,"output_tokens":9}`, "event: message_stop\n",
			},
		},
		{name: "every frame has an event: line", in: []string{chunk(`{"content":"a"}`), finish("length"), "[DONE]"}, out: []string{"event: message_start\ndata: ", "event: content_block_start\ndata: ", "event: content_block_delta\ndata: ", "event: content_block_stop\ndata: ", "event: message_delta\ndata: ", `"stop_reason":"max_tokens"`, "event: message_stop\ndata: "}, not: []string{"[DONE]", "\n\ndata:"}},
		{name: "error → the stream fails with it", in: []string{chunk(`{"content":"a"}`), `{"error":{"message":"boom","type":"server_error"}}`}, out: []string{`"text":"a"`}, fail: "boom"},
	})
}
