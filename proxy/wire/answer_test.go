package wire

import (
	"strings"
	"testing"

	"gatehouse/models"
	"gatehouse/proxy/price"
)

func TestReadUsage(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		raw  string
		want price.Usage
		bad  bool
	}{
		"openai": {
			raw:  `{"prompt_tokens":1300,"completion_tokens":50,"total_tokens":1350,"prompt_tokens_details":{"cached_tokens":1000,"audio_tokens":null},"completion_tokens_details":{"reasoning_tokens":20}}`,
			want: price.Usage{InputUncached: 300, InputCacheRead: 1000, OutputText: 30, OutputReasoning: 20, Requests: 1},
		},
		"deepseek":                     {raw: `{"prompt_tokens":10,"completion_tokens":1,"prompt_cache_hit_tokens":4,"prompt_cache_miss_tokens":6}`, want: price.Usage{InputUncached: 6, InputCacheRead: 4, OutputText: 1, Requests: 1}},
		"responses":                    {raw: `{"input_tokens":10,"input_tokens_details":{"cached_tokens":3},"output_tokens":4,"output_tokens_details":{"reasoning_tokens":1}}`, want: price.Usage{InputUncached: 7, InputCacheRead: 3, OutputText: 3, OutputReasoning: 1, Requests: 1}},
		"xai counts reasoning outside": {raw: `{"prompt_tokens":10,"completion_tokens":5,"total_tokens":22,"completion_tokens_details":{"reasoning_tokens":7}}`, want: price.Usage{InputUncached: 10, OutputText: 5, OutputReasoning: 7, Requests: 1}},
		"negative":                     {raw: `{"prompt_tokens":-5,"completion_tokens":3}`, want: price.Usage{OutputText: 3, Requests: 1}, bad: true},
		"not a number":                 {raw: `{"prompt_tokens":"7","completion_tokens":3}`, want: price.Usage{OutputText: 3, Requests: 1}, bad: true},
		"more than anybody counts":     {raw: `{"prompt_tokens":9223372036854775807,"completion_tokens":3}`, want: price.Usage{OutputText: 3, Requests: 1}, bad: true},
		"as a fraction":                {raw: `{"prompt_tokens":7.0,"completion_tokens":3}`, want: price.Usage{InputUncached: 7, OutputText: 3, Requests: 1}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := ReadUsage([]byte(tt.raw))
			if got := u.Canonical(); got != tt.want || u.Bad != tt.bad || !u.Seen {
				t.Errorf("got %+v (bad %v, seen %v), want %+v (bad %v)", got, u.Bad, u.Seen, tt.want, tt.bad)
			}
		})
	}
}

func TestReadAnthropicUsage(t *testing.T) {
	t.Parallel()
	u := ReadAnthropicUsage([]byte(`{"input_tokens":100,"cache_read_input_tokens":1000,"cache_creation_input_tokens":200,"cache_creation":{"ephemeral_5m_input_tokens":150,"ephemeral_1h_input_tokens":50},"output_tokens":1}`))
	u.Merge(ReadAnthropicUsage([]byte(`{"output_tokens":50}`)))
	want := price.Usage{InputUncached: 100, InputCacheRead: 1000, InputCacheWrite5m: 150, InputCacheWrite1h: 50, OutputText: 50, Requests: 1}
	if got := u.Canonical(); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// Counts that are each sound must not come to less than nothing together.
func TestGeminiUsageSums(t *testing.T) {
	t.Parallel()
	list := `{"modality":"AUDIO","tokenCount":9007199254740992}`
	for name, raw := range map[string]string{
		"two totals": `{"promptTokenCount":9223372036854775807,"toolUsePromptTokenCount":9223372036854775807}`,
		"a list":     `{"promptTokenCount":5,"promptTokensDetails":[` + strings.Repeat(list+",", 2000) + list + `]}`,
	} {
		u := ReadGeminiUsage([]byte(raw))
		if c := u.Canonical(); u.Input < 0 || u.InputAudio < 0 || c.InputTotal() < 0 || c.InputTotal() > mostCount {
			t.Errorf("%s: %+v", name, u)
		}
	}
}

func TestObjectIn(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"a":1}`: `{"a":1}`, " {\"a\": [] }\n": `{"a": [] }`, "": "", "[]": "", "null": "", `{"a":1}x`: "", `{"a"`: "", "{\"a\":\"\n\"}": "",
		`{"city":"Par\is"}`: "", `{"dir":"C:\windows"}`: "", `{"a":` + strings.Repeat("[", MaxDepth) + strings.Repeat("]", MaxDepth) + "}": "",
	} {
		if got := string(ObjectIn(text)); got != want {
			t.Errorf("%.60q holds %q, want %q", text, got, want)
		}
	}
}

func TestUsageAbsent(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{"", "null", "{}", "[]", `{"prompt_tokens":null}`, `{"queue_time":0.1}`} {
		if u := ReadUsage([]byte(raw)); u.Seen {
			t.Errorf("%s counts as usage", raw)
		}
	}
}

func TestUsageCost(t *testing.T) {
	t.Parallel()
	u := ReadUsage([]byte(`{"prompt_tokens":1,"completion_tokens":1,"cost":0.00012}`))
	if !u.HasCost || u.Cost != models.Nano(120_000) {
		t.Errorf("cost %d, %v", u.Cost, u.HasCost)
	}
	if u := ReadUsage([]byte(`{"prompt_tokens":1,"cost":-1}`)); u.HasCost {
		t.Error("a negative cost was taken")
	}
}

func TestAnswer(t *testing.T) {
	t.Parallel()
	var a Answer
	if err := a.Parse([]byte(`{"id":"c","model":"fake","choices":[ ],"x_groq":{"usage":{"prompt_tokens":3,"completion_tokens":4}},"usage":null,"error":null,"service_tier":"flex"}`)); err != nil {
		t.Fatal(err)
	}
	if !a.EmptyChoices() || a.Failure() != nil || a.ServiceTier() != "flex" || a.Usage().Output != 4 || !a.HasUsage() || a.UsageRaw() != nil {
		t.Errorf("read wrong: %+v", a)
	}
	a.SetModel([]byte(`"gpt-4"`))
	a.DropUsage()
	want := `{"id":"c","model":"gpt-4","choices":[ ],"x_groq":{"usage":{"prompt_tokens":3,"completion_tokens":4}},"error":null,"service_tier":"flex"}`
	if got := string(a.Append(nil)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestEachDelta(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		choices  string
		anything bool
		text     string
	}{
		"role only":       {`[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]`, false, ""},
		"null content":    {`[{"index":0,"delta":{"role":"assistant","content":null,"refusal":null}}]`, false, ""},
		"content":         {`[{"index":0,"delta":{"content":"H\u0069"}}]`, true, "Hi"},
		"completion":      {`[{"index":0,"text":" there"}]`, true, " there"},
		"finish":          {`[{"index":0,"delta":{},"finish_reason":"stop"}]`, true, ""},
		"tools":           {`[{"index":0,"delta":{"tool_calls":[{"index":0}]}}]`, true, ""},
		"something new":   {`[{"index":0,"delta":{"audio":{"id":"x"}}}]`, true, ""},
		"reasoning first": {`[{"index":0,"delta":{"reasoning_content":"hm"}}]`, true, ""},
		"no choices":      {`[]`, false, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var a Answer
			if err := a.Parse([]byte(`{"choices":` + tt.choices + `}`)); err != nil {
				t.Fatal(err)
			}
			anything, text := false, []byte(nil)
			a.EachDelta(func(d Delta) {
				anything = anything || d.Anything
				if d.Text != nil {
					text = AppendText(text, d.Text)
				}
			})
			if anything != tt.anything || string(text) != tt.text {
				t.Errorf("got %v %q, want %v %q", anything, text, tt.anything, tt.text)
			}
		})
	}
}
