package completions

import (
	"strings"
	"testing"

	"gatehouse/internal/testkit/bridgetest"
	"gatehouse/proxy/stream"
	"gatehouse/proxy/wire"
)

func toChat() bridgetest.Bridge { return new(ToChat) }

// used is 3 and 4 tokens as a client is shown them.
const used = `{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7,"prompt_tokens_details":{"cached_tokens":0,"cache_write_tokens":0},"completion_tokens_details":{"reasoning_tokens":0},"cache_read_input_tokens":0,"cache_creation_input_tokens":0}`

func TestRequest(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ in, want, err string }{
		"text":              {`{"model":"m","prompt":"hi","max_tokens":5,"stop":["x"],"stream":true,"n":2}`, `{"model":"m","messages":[{"role":"user","content":"hi"}],"max_tokens":5,"stop":["x"],"stream":true,"n":2}`, ""},
		"a list of one":     {`{"prompt":["hi"]}`, `{"messages":[{"role":"user","content":"hi"}]}`, ""},
		"what asks nothing": {`{"prompt":"hi","suffix":"","echo":false,"best_of":1,"logprobs":null}`, `{"messages":[{"role":"user","content":"hi"}]}`, ""},
		"several prompts":   {`{"prompt":["a","b"]}`, "", "one prompt"},
		"tokens":            {`{"prompt":[1,2]}`, "", "one prompt"},
		"a token":           {`{"prompt":[1]}`, "", "must be text"},
		"a number":          {`{"prompt":5}`, "", "must be text"},
		"suffix":            {`{"prompt":"a","suffix":"b"}`, "", "suffix"},
		"echo":              {`{"prompt":"a","echo":true}`, "", "echo"},
		"logprobs":          {`{"prompt":"a","logprobs":1}`, "", "logprobs"},
		"best_of":           {`{"prompt":"a","best_of":3}`, "", "best_of"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var in wire.Request
			if err := in.Parse([]byte(tt.in)); err != nil {
				t.Fatal(err)
			}
			got, err := new(ToChat).Request(nil, &in, "m")
			if tt.err == "" && (err != nil || string(got) != tt.want) || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
				t.Errorf("%s (%v), want %s%s", got, err, tt.want, tt.err)
			}
		})
	}
	var in wire.Request
	if err := in.Parse([]byte(`{"prompt":"a","suffix":"b"}`)); err != nil {
		t.Fatal(err)
	}
	if got, err := (&ToChat{DropParams: true}).Request(nil, &in, "m"); err != nil || strings.Contains(string(got), "suffix") {
		t.Errorf("dropped: %s (%v)", got, err)
	}
}

func TestAnswer(t *testing.T) {
	t.Parallel()
	got, usage, err := new(ToChat).Answer(nil, []byte(`{"id":"c","object":"chat.completion","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"a \"b\"","reasoning_content":"t"},"finish_reason":"length"},{"index":1,"message":{"content":null},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":4}}`))
	want := `{"id":"c","object":"text_completion","model":"m","choices":[{"text":"a \"b\"","index":0,"logprobs":null,"finish_reason":"length"},{"text":"","index":1,"logprobs":null,"finish_reason":"stop"}],"usage":` + used + `}`
	if err != nil || string(got) != want || usage.Output != 4 {
		t.Errorf("%s (%v, %+v)", got, err, usage)
	}
	if _, _, err := new(ToChat).Answer(nil, []byte(`{"error":{}}`)); err == nil {
		t.Error("no answer was taken for one")
	}
}

func TestEvents(t *testing.T) {
	t.Parallel()
	f := new(ToChat).Filter(&stream.OpenAI{Asked: true})
	var out []byte
	var err error
	for _, e := range []string{
		`{"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}`,
		`{"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"reasoning_content":"t"}}]}`,
		`{"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"a"}}]}`,
		`{"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`,
		`{"id":"c","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}`,
		`[DONE]`,
	} {
		if out, err = f.Event(stream.Event{Data: []byte(e)}, out); err != nil {
			t.Fatal(err)
		}
	}
	want := `data: {"id":"c","object":"text_completion","choices":[{"text":"a","index":0,"logprobs":null,"finish_reason":null}]}` + "\n\n" +
		`data: {"id":"c","object":"text_completion","choices":[{"text":"","index":0,"logprobs":null,"finish_reason":"stop"}]}` + "\n\n" +
		`data: {"id":"c","choices":[],"usage":` + used + `}` + "\n\ndata: [DONE]\n\n"
	if got := strings.ReplaceAll(string(out), `,"usage":null`, ""); got != want {
		t.Errorf("got\n%s\nwant\n%s", out, want)
	}
	if s := f.State(); s.Usage.Output != 4 || !s.Finished {
		t.Errorf("%+v", s)
	}
	if out, err := f.Event(stream.Event{Data: []byte(`{`)}, nil); err == nil {
		t.Errorf("passed %s", out)
	}
}

func FuzzToChatRequest(f *testing.F) {
	bridgetest.Requests(f, toChat, `{"model":"m","prompt":"hi","stream":true}`, `{"prompt":["a"],"echo":false,"stop":"x"}`)
}

func FuzzToChatAnswer(f *testing.F) {
	bridgetest.Answers(f, toChat, func() stream.Filter { return &stream.OpenAI{} }, bridgetest.Seeds(f, "../../testdata/conformance/openai.json")...)
}
