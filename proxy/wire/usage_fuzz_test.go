package wire

import (
	"testing"

	"gatehouse/internal/testkit/storm"
)

// FuzzUsage reads usage as every wire has it: no count is below nothing, nor so large that a sum of them is, whatever the
// provider says; and what a later object of a stream says is joined to the same.
func FuzzUsage(f *testing.F) {
	s := storm.New(f)
	for _, text := range []string{
		`{"prompt_tokens":9,"completion_tokens":5,"total_tokens":21,"prompt_tokens_details":{"cached_tokens":3,"audio_tokens":1},"completion_tokens_details":{"reasoning_tokens":7}}`,
		`{"input_tokens":9,"output_tokens":5,"cache_read_input_tokens":4,"cache_creation":{"ephemeral_5m_input_tokens":1,"ephemeral_1h_input_tokens":2},"server_tool_use":{"web_search_requests":1}}`,
		`{"promptTokenCount":9,"toolUsePromptTokenCount":1,"cachedContentTokenCount":2,"candidatesTokenCount":5,"thoughtsTokenCount":3,"promptTokensDetails":[{"modality":"AUDIO","tokenCount":4}]}`,
		`{"prompt_tokens":1,"prompt_cache_hit_tokens":1,"cost":0.00012,"num_search_queries":2,"input_tokens_details":{"image_tokens":1,"cache_write_tokens":1}}`,
	} {
		s.Add([]byte(text), []byte(`{"output_tokens":12}`))
	}
	s.Fuzz(func(tb testing.TB, first, second []byte) {
		var joined Usage
		for _, read := range []func([]byte) Usage{ReadUsage, ReadAnthropicUsage, ReadGeminiUsage} {
			one, two := read(first), read(second)
			joined.Merge(one)
			joined.Merge(two)
			for _, u := range [...]Usage{one, two, joined} {
				c := u.Canonical()
				sum := int64(0)
				for _, n := range c.Values() {
					if n < 0 || n > 8*mostCount {
						tb.Fatalf("%q and %q: %+v is billed as %+v", first, second, u, c)
					}
					sum += n
				}
				if sum < 0 || u.Input < 0 || u.Output < 0 || u.Cost < 0 {
					tb.Fatalf("%q and %q: %+v", first, second, u)
				}
			}
		}
	})
}
