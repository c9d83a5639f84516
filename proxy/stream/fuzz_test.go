package stream_test

import (
	"testing"

	"gatehouse/internal/testkit/bridgetest"
	"gatehouse/proxy/stream"
)

// FuzzFilters passes the events of a provider through the filter of each client's wire. A filter that stands alone passes on
// what it does not know, so the events' names are the provider's own.
func FuzzFilters(f *testing.F) {
	for i, name := range []string{"openai", "anthropic", "gemini"} {
		for _, s := range bridgetest.Seeds(f, "../testdata/conformance/"+name+".json") {
			f.Add(uint8(i), []byte(s))
		}
	}
	f.Add(uint8(3), []byte(`{"type":"response.created","response":{"id":"r","model":"m"}}`+"\n"+`{"type":"response.completed","response":{"id":"r","usage":{"input_tokens":1}}}`))
	f.Add(uint8(4), []byte(`{"type":"image_generation.completed","usage":{"input_tokens":1}}`))
	f.Fuzz(func(t *testing.T, which uint8, text []byte) {
		filters := []stream.Filter{
			&stream.OpenAI{Model: []byte(`"mine"`), Asked: which >= 128}, &stream.Anthropic{Model: []byte(`"mine"`)}, &stream.Gemini{Model: []byte(`"mine"`)},
			&stream.Responses{Model: []byte(`"mine"`)}, &stream.Plain{},
		}
		bridgetest.Events(t, filters[int(which)%len(filters)], text)
	})
}
