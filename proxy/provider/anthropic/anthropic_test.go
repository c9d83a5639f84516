package anthropic

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"gatehouse/models"
	"gatehouse/proxy/provider"
	"gatehouse/proxy/stream"
	"gatehouse/proxy/wire"
)

func parsed(tb testing.TB, body string) *wire.Request {
	tb.Helper()
	var r wire.Request
	if err := r.Parse([]byte(body)); err != nil {
		tb.Fatal(err)
	}
	return &r
}

// same compares JSON without regard to the order of members and white space.
func same(tb testing.TB, got, want string) {
	tb.Helper()
	var g, w any
	if err := json.Unmarshal([]byte(got), &g); err != nil {
		tb.Fatalf("%s: %v", got, err)
	}
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		tb.Fatalf("%s: %v", want, err)
	}
	if !reflect.DeepEqual(g, w) {
		tb.Errorf("got  %s\nwant %s", got, want)
	}
}

func fromChat() *FromChat {
	return &FromChat{ID: "1", Now: func() time.Time { return time.Unix(7, 0) }}
}

func TestFromChatRefuses(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"message is text":         `{"messages":["x"]}`,
		"unknown role":            `{"messages":[{"role":"king","content":"x"}]}`,
		"content is a number":     `{"messages":[{"role":"user","content":5}]}`,
		"part is text":            `{"messages":[{"role":"user","content":["x"]}]}`,
		"part without a type":     `{"messages":[{"role":"user","content":[{"text":"x"}]}]}`,
		"arguments are no JSON":   `{"messages":[{"role":"user","content":"x"},{"role":"assistant","tool_calls":[{"id":"a","function":{"name":"f","arguments":"{"}}]}]}`,
		"arguments are a list":    `{"messages":[{"role":"assistant","tool_calls":[{"id":"a","function":{"name":"f","arguments":"[1]"}}]}]}`,
		"tool result without id":  `{"messages":[{"role":"tool","content":"x"}]}`,
		"tool without a name":     `{"messages":[],"tools":[{"type":"function","function":{}}]}`,
		"more than one choice":    `{"messages":[],"n":2}`,
		"log probabilities":       `{"messages":[],"logprobs":true}`,
		"seed":                    `{"messages":[],"seed":7}`,
		"presence penalty":        `{"messages":[],"presence_penalty":0.5}`,
		"file without any handle": `{"messages":[{"role":"user","content":[{"type":"file","file":{}}]}]}`,
		"audio":                   `{"messages":[{"role":"user","content":[{"type":"input_audio","input_audio":{}}]}]}`,
	}
	for name, body := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := fromChat().Request(nil, parsed(t, body), "m")
			var bad *wire.BadField
			var param *provider.UnsupportedParam
			if !errors.As(err, &bad) && !errors.As(err, &param) {
				t.Errorf("taken: %v", err)
			}
		})
	}
}

func TestFromChatRequest(t *testing.T) {
	t.Parallel()
	const hi = `"messages":[{"role":"user","content":"hi"}]`
	const user = `"messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}]`
	tests := map[string]struct{ in, want string }{
		"least":                {`{` + hi + `}`, `{` + user + `,"max_tokens":4096}`},
		"caps":                 {`{` + hi + `,"max_tokens":5}`, `{` + user + `,"max_tokens":5}`},
		"completion cap":       {`{` + hi + `,"max_completion_tokens":6}`, `{` + user + `,"max_tokens":6}`},
		"sampling":             {`{` + hi + `,"temperature":1.7,"top_p":0.5,"stop":"X","stream":true}`, `{` + user + `,"max_tokens":4096,"temperature":1,"top_p":0.5,"stop_sequences":["X"],"stream":true}`},
		"what asks for naught": {`{` + hi + `,"n":1,"logprobs":false,"presence_penalty":0}`, `{` + user + `,"max_tokens":4096}`},
		"user":                 {`{` + hi + `,"user":"u"}`, `{` + user + `,"max_tokens":4096,"metadata":{"user_id":"u"}}`},
		"effort":               {`{` + hi + `,"reasoning_effort":"low"}`, `{` + user + `,"thinking":{"type":"enabled","budget_tokens":1024},"max_tokens":5120}`},
		"effort under a cap":   {`{` + hi + `,"reasoning_effort":"high","max_tokens":2000}`, `{` + user + `,"thinking":{"type":"enabled","budget_tokens":1999},"max_tokens":2000}`},
		"no room to think":     {`{` + hi + `,"reasoning_effort":"high","max_tokens":900}`, `{` + user + `,"max_tokens":900}`},
		"own thinking":         {`{` + hi + `,"reasoning_effort":"low","thinking":{"type":"adaptive"}}`, `{` + user + `,"max_tokens":4096,"thinking":{"type":"adaptive"}}`},
		"schema":               {`{` + hi + `,"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object"}}}}`, `{` + user + `,"max_tokens":4096,"output_config":{"format":{"type":"json_schema","schema":{"type":"object"}}}}`},
		"tools": {
			`{` + hi + `,"tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"properties":{}}}},{"type":"web_search_20250305","name":"web_search"}],"tool_choice":"required","parallel_tool_calls":false}`,
			`{` + user + `,"max_tokens":4096,"tools":[{"name":"f","description":"d","input_schema":{"properties":{},"type":"object"}},{"type":"web_search_20250305","name":"web_search"}],"tool_choice":{"type":"any","disable_parallel_tool_use":true}}`,
		},
		"one tool": {
			`{` + hi + `,"tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":{"type":"function","function":{"name":"f"}}}`,
			`{` + user + `,"max_tokens":4096,"tools":[{"name":"f","input_schema":{"type":"object","properties":{}}}],"tool_choice":{"type":"tool","name":"f"}}`,
		},
		"a choice without tools": {`{` + hi + `,"tool_choice":"auto","parallel_tool_calls":false}`, `{` + user + `,"max_tokens":4096}`},
		"system": {
			`{"messages":[{"role":"system","content":"a"},{"role":"developer","content":[{"type":"text","text":"b","cache_control":{"type":"ephemeral"}}]},{"role":"user","content":"hi"}]}`,
			`{"system":[{"type":"text","text":"a"},{"type":"text","text":"b","cache_control":{"type":"ephemeral"}}],` + user + `,"max_tokens":4096}`,
		},
		"conversation with tools": {
			`{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":null,"tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{\"x\": 1}"}},{"id":"b","type":"function","function":{"name":"g","arguments":""}}]},{"role":"tool","tool_call_id":"a","content":"1"},{"role":"tool","tool_call_id":"b","content":[{"type":"text","text":"2"}]},{"role":"user","content":"and?"}]}`,
			`{"messages":[{"role":"user","content":[{"type":"text","text":"q"}]},{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"f","input":{"x":1}},{"type":"tool_use","id":"b","name":"g","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":"1"},{"type":"tool_result","tool_use_id":"b","content":[{"type":"text","text":"2"}]},{"type":"text","text":"and?"}]}],"max_tokens":4096}`,
		},
		"assistant first, then empty text": {
			`{"messages":[{"role":"assistant","content":"a"},{"role":"user","content":""},{"role":"user","content":[{"type":"text","text":""},{"type":"text","text":"b"}]}]}`,
			`{"messages":[{"role":"user","content":[{"type":"text","text":"."}]},{"role":"assistant","content":[{"type":"text","text":"a"}]},{"role":"user","content":[{"type":"text","text":"b"}]}],"max_tokens":4096}`,
		},
		"media": {
			`{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}},{"type":"image_url","image_url":{"url":"https://x/y.png"}},{"type":"file","file":{"file_data":"data:application/pdf;base64,BBBB"}}]}]}`,
			`{"messages":[{"role":"user","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AAAA"}},{"type":"image","source":{"type":"url","url":"https://x/y.png"}},{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"BBBB"}}]}],"max_tokens":4096}`,
		},
		"thinking comes back first": {
			`{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a","thinking_blocks":[{"type":"thinking","thinking":"t","signature":"s"}]},{"role":"user","content":"hi"}]}`,
			`{"messages":[{"role":"user","content":[{"type":"text","text":"q"}]},{"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":"s"},{"type":"text","text":"a"}]},{"role":"user","content":[{"type":"text","text":"hi"}]}],"max_tokens":4096}`,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := fromChat().Request(nil, parsed(t, tt.in), "m")
			if err != nil {
				t.Fatal(err)
			}
			same(t, string(got), tt.want)
		})
	}
	dropping := fromChat()
	dropping.DropParams = true
	got, err := dropping.Request(nil, parsed(t, `{`+hi+`,"n":2,"seed":1,"logit_bias":{"1":2}}`), "m")
	if err != nil {
		t.Fatal(err)
	}
	same(t, string(got), `{`+user+`,"max_tokens":4096}`)
}

func TestFromChatAnswer(t *testing.T) {
	t.Parallel()
	got, usage, err := fromChat().Answer(nil, []byte(`{"id":"msg_1","type":"message","role":"assistant","model":"c","content":[{"type":"thinking","thinking":"hm","signature":"s"},{"type":"text","text":"Hi"},{"type":"tool_use","id":"t","name":"f","input":{ "a b" : [1, 2] }}],"stop_reason":"tool_use","usage":{"input_tokens":100,"cache_read_input_tokens":1000,"cache_creation_input_tokens":200,"output_tokens":50}}`))
	if err != nil {
		t.Fatal(err)
	}
	same(t, string(got), `{"id":"chatcmpl-msg_1","object":"chat.completion","created":7,"model":"c","choices":[{"index":0,"message":{"role":"assistant","content":"Hi","reasoning_content":"hm","thinking_blocks":[{"type":"thinking","thinking":"hm","signature":"s"}],"tool_calls":[{"index":0,"id":"t","type":"function","function":{"name":"f","arguments":"{\"a b\":[1,2]}"}}]},"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":1300,"completion_tokens":50,"total_tokens":1350,"prompt_tokens_details":{"cached_tokens":1000,"cache_write_tokens":200},"completion_tokens_details":{"reasoning_tokens":0},"cache_read_input_tokens":1000,"cache_creation_input_tokens":200}}`)
	if u := usage.Canonical(); u.InputUncached != 100 || u.InputCacheRead != 1000 || u.InputCacheWrite5m != 200 || u.OutputText != 50 {
		t.Errorf("usage %+v", u)
	}
	if _, _, err := fromChat().Answer(nil, []byte(`{"type":"message"}`)); err == nil {
		t.Error("a message without content was taken")
	}
}

func TestToChatRequest(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("n", 70)
	bridge := &ToChat{ID: "1"}
	got, err := bridge.Request(nil, parsed(t, `{"model":"m","max_tokens":9,"system":[{"type":"text","text":"a"},{"type":"text","text":"b"}],"stop_sequences":["X"],"metadata":{"user_id":"u"},"top_k":5,"thinking":{"type":"enabled","budget_tokens":6000},"tools":[{"name":"`+long+`","description":"d","input_schema":{"type":"object"}},{"type":"web_search_20250305","name":"w"}],"tool_choice":{"type":"any","disable_parallel_tool_use":true},"messages":[{"role":"user","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AA"}},{"type":"text","text":"q"}]},{"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":"s"},{"type":"text","text":"a"},{"type":"tool_use","id":"i","name":"f","input":{"x":1}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"i","content":[{"type":"text","text":"r"}]},{"type":"text","text":"next"}]}]}`), "m")
	if err != nil {
		t.Fatal(err)
	}
	short := bridge.toolName(long)
	if len(short) > 64 || bridge.original(short) != long {
		t.Errorf("name %q", short)
	}
	same(t, string(got), `{"max_tokens":9,"stop":["X"],"user":"u","reasoning_effort":"medium","tools":[{"type":"function","function":{"name":"`+short+`","description":"d","parameters":{"type":"object"}}}],"tool_choice":"required","parallel_tool_calls":false,"messages":[{"role":"system","content":"a\nb"},{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AA"}},{"type":"text","text":"q"}]},{"role":"assistant","content":"a","tool_calls":[{"id":"i","type":"function","function":{"name":"f","arguments":"{\"x\":1}"}}]},{"role":"tool","tool_call_id":"i","content":"r"},{"role":"user","content":[{"type":"text","text":"next"}]}]}`)
}

func TestToChatAnswer(t *testing.T) {
	t.Parallel()
	got, _, err := (&ToChat{ID: "1"}).Answer(nil, []byte(`{"id":"c","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Hi","tool_calls":[{"id":"t","type":"function","function":{"name":"f","arguments":"{\"x\":1}"}},{"id":"u","type":"function","function":{"name":"g","arguments":"not JSON"}}]},"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":10,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":4}}}`))
	if err != nil {
		t.Fatal(err)
	}
	same(t, string(got), `{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"Hi"},{"type":"tool_use","id":"t","name":"f","input":{"x":1}},{"type":"tool_use","id":"u","name":"g","input":{}}],"stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":6,"cache_creation_input_tokens":0,"cache_read_input_tokens":4,"output_tokens":5}}`)
}

// run feeds events to a filter and returns what comes out.
func run(tb testing.TB, f stream.Filter, events ...string) string {
	tb.Helper()
	var out []byte
	var err error
	for _, e := range events {
		if out, err = f.Event(stream.Event{Data: []byte(e)}, out); err != nil {
			tb.Fatalf("%s: %v", e, err)
		}
	}
	return string(out)
}

func TestFromChatStream(t *testing.T) {
	t.Parallel()
	f := fromChat().Filter(&stream.OpenAI{Asked: true})
	got := run(t, f,
		`{"type":"message_start","message":{"model":"c","usage":{"input_tokens":12,"cache_read_input_tokens":3,"output_tokens":1}}}`,
		`{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":""}}`,
		`{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}`,
		`{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"sig"}}`,
		`{"type":"content_block_stop","index":0}`,
		`{"type":"ping"}`,
		`{"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}`,
		`{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"Hi"}}`,
		`{"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}}`,
		`{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{\"x\":"}}`,
		`{"type":"something_new"}`,
		`{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":20}}`,
		`{"type":"message_stop"}`)
	chunk := func(inner string) string {
		return `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":7,"model":"c","choices":[` + inner + "]}\n\n"
	}
	delta := func(d string) string { return chunk(`{"index":0,"delta":` + d + `,"finish_reason":null}`) }
	want := delta(`{"role":"assistant","content":""}`) + delta(`{"reasoning_content":"hm"}`) +
		delta(`{"thinking_blocks":[{"type":"thinking","thinking":"hm","signature":"sig"}]}`) + ": ping\n\n" + delta(`{"content":"Hi"}`) +
		delta(`{"tool_calls":[{"index":0,"id":"t","type":"function","function":{"name":"f","arguments":""}}]}`) +
		delta(`{"tool_calls":[{"index":0,"function":{"arguments":"{\"x\":"}}]}`) +
		chunk(`{"index":0,"delta":{},"finish_reason":"tool_calls"}`)
	if !strings.HasPrefix(got, want) || !strings.HasSuffix(got, "data: [DONE]\n\n") || !strings.Contains(got[len(want):], `"prompt_tokens":15,"completion_tokens":20`) {
		t.Errorf("got  %s\nwant %s…", got, want)
	}
	s := f.State()
	if u := s.Usage.Canonical(); u.InputUncached != 12 || u.InputCacheRead != 3 || u.OutputText != 20 || !s.Done || !s.Finished {
		t.Errorf("state %+v", s)
	}
}

func TestFromChatStreamError(t *testing.T) {
	t.Parallel()
	f := fromChat().Filter(&stream.OpenAI{})
	run(t, f, `{"type":"error","error":{"type":"overloaded_error","message":"busy"}}`)
	if got := string(f.State().Failure); got != `{"type":"overloaded_error","message":"busy"}` {
		t.Errorf("failure %s", got)
	}
}

func TestToChatStream(t *testing.T) {
	t.Parallel()
	f := (&ToChat{ID: "1", InputTokens: 12}).Filter(&stream.Anthropic{Model: []byte(`"claude-x"`)})
	got := run(t, f,
		`{"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}`,
		`{"model":"m","choices":[{"index":0,"delta":{"content":"Hi"}}]}`,
		`{"model":"m","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"t1","type":"function","function":{"name":"f","arguments":""}}]}}]}`,
		`{"model":"m","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"x\":1}"}}]}}]}`,
		`{"model":"m","choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"id":"t2","type":"function","function":{"name":"g","arguments":""}}]}}]}`,
		`{"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}`,
		`{"model":"m","choices":[],"usage":{"prompt_tokens":13,"completion_tokens":20,"prompt_tokens_details":{"cached_tokens":1}}}`,
		`[DONE]`)
	ev := func(name, data string) string {
		return "event: " + name + "\ndata: {\"type\":\"" + name + "\"" + data + "}\n\n"
	}
	want := ev("message_start", `,"message":{"id":"msg_1","type":"message","role":"assistant","model":"claude-x","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":12,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":1}}`) +
		ev("content_block_start", `,"index":0,"content_block":{"type":"text","text":""}`) +
		ev("content_block_delta", `,"index":0,"delta":{"type":"text_delta","text":"Hi"}`) +
		ev("content_block_stop", `,"index":0`) +
		ev("content_block_start", `,"index":1,"content_block":{"type":"tool_use","id":"t1","name":"f","input":{}}`) +
		ev("content_block_delta", `,"index":1,"delta":{"type":"input_json_delta","partial_json":"{\"x\":1}"}`) +
		ev("content_block_stop", `,"index":1`) +
		ev("content_block_start", `,"index":2,"content_block":{"type":"tool_use","id":"t2","name":"g","input":{}}`) +
		ev("content_block_stop", `,"index":2`) +
		ev("message_delta", `,"delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"input_tokens":12,"cache_creation_input_tokens":0,"cache_read_input_tokens":1,"output_tokens":20}`) +
		ev("message_stop", "")
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if u := f.State().Usage.Canonical(); u.InputUncached != 12 || u.InputCacheRead != 1 || u.OutputText != 20 {
		t.Errorf("usage %+v", u)
	}
}

// A provider that reports no usage leaves none behind: what the stream began with was an estimate for show.
func TestToChatStreamWithoutUsage(t *testing.T) {
	t.Parallel()
	f := (&ToChat{ID: "1", InputTokens: 12}).Filter(&stream.Anthropic{})
	run(t, f, `{"model":"m","choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":"stop"}]}`)
	out := f.End(nil)
	if s := f.State(); s.Usage.Seen || !s.Done || !strings.HasSuffix(string(out), "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n") || string(s.Text) != "Hi" {
		t.Errorf("state %+v, out %s", s, out)
	}
}

func TestReady(t *testing.T) {
	t.Parallel()
	for base, want := range map[string]string{"": "https://api.anthropic.com", "http://h/": "http://h", "http://h/v1": "http://h", "http://h/x/v1/messages": "http://h/x"} {
		target, err := New().Ready(&models.Deployment{APIBase: base, APIKey: models.NewSecret("k")})
		if err != nil || target.Base.String() != want || !strings.Contains(string(target.Head), "X-Api-Key: k\r\n") {
			t.Errorf("%q: %+v, %v", base, target, err)
		}
	}
	if _, err := New().Ready(&models.Deployment{}); err == nil {
		t.Error("no key was taken")
	}
	target, err := New().Ready(&models.Deployment{Secrets: map[string]models.Secret{"auth_token": models.NewSecret("t")}})
	if err != nil || !strings.Contains(string(target.Head), "Authorization: Bearer t\r\n") {
		t.Errorf("%+v, %v", target, err)
	}
}
