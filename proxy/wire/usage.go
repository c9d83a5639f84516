package wire

import (
	"gatehouse/models"
	"gatehouse/proxy/price"
)

// Usage is a usage object as the provider reported it.
type Usage struct {
	price.Reported
	Seen    bool        // there was a usage object with a token count in it
	Cost    models.Nano // what the provider itself says that the call cost (OpenRouter); HasCost says whether it did
	HasCost bool
	Bad     bool // a count was no Count: the figures cannot be trusted
}

// Merge takes what the later object of a stream says. Anthropic spreads usage over two events, each of which names only
// some of the counts; a count in u that next does not name stays.
func (u *Usage) Merge(next Usage) {
	if !next.Seen {
		return
	}
	keep := func(to *int64, v int64) {
		if v != 0 {
			*to = v
		}
	}
	keep(&u.Input, next.Input)
	keep(&u.Output, next.Output)
	keep(&u.CacheRead, next.CacheRead)
	keep(&u.CacheWrite5m, next.CacheWrite5m)
	keep(&u.CacheWrite1h, next.CacheWrite1h)
	keep(&u.InputAudio, next.InputAudio)
	keep(&u.InputImage, next.InputImage)
	keep(&u.Reasoning, next.Reasoning)
	keep(&u.OutputAudio, next.OutputAudio)
	keep(&u.OutputImage, next.OutputImage)
	keep(&u.WebSearches, next.WebSearches)
	keep(&u.SearchUnits, next.SearchUnits)
	u.InputExcludesCache = u.InputExcludesCache || next.InputExcludesCache
	u.OutputExcludesReasoning = next.OutputExcludesReasoning
	u.Seen = true
	u.Bad = u.Bad || next.Bad
	if next.HasCost {
		u.Cost, u.HasCost = next.Cost, true
	}
}

// ReadUsage reads a usage object of OpenAI's family (prompt_tokens, completion_tokens, their details and what DeepSeek,
// OpenRouter, Perplexity add) or of the Responses API (input_tokens with details).
func ReadUsage(raw []byte) Usage { return readUsage(raw, false) }

// ReadAnthropicUsage reads a usage object of Anthropic's Messages API, whose input_tokens leaves the cache out.
func ReadAnthropicUsage(raw []byte) Usage { return readUsage(raw, true) }

func readUsage(raw []byte, anthropic bool) Usage {
	u := Usage{}
	u.InputExcludesCache = anthropic
	if !IsObject(raw) {
		return u
	}
	var room [24]Member
	members, _, _, err := Members(raw, room[:0])
	if err != nil {
		return u
	}
	var total int64
	for _, m := range members {
		v := raw[m.Val:m.End]
		switch string(m.Name(raw)) {
		case "total_tokens":
			u.count(&total, v)
		case "prompt_tokens", "input_tokens":
			u.count(&u.Input, v)
			u.Seen = u.Seen || !Null(v)
		case "completion_tokens", "output_tokens":
			u.count(&u.Output, v)
			u.Seen = u.Seen || !Null(v)
		case "prompt_tokens_details", "input_tokens_details":
			u.inputDetails(v)
		case "completion_tokens_details", "output_tokens_details":
			u.outputDetails(v)
		case "prompt_cache_hit_tokens": // DeepSeek
			u.count(&u.CacheRead, v)
		case "cache_read_input_tokens":
			if anthropic {
				u.count(&u.CacheRead, v)
			}
		case "cache_creation_input_tokens":
			if anthropic && u.CacheWrite5m+u.CacheWrite1h == 0 {
				u.count(&u.CacheWrite5m, v)
			}
		case "cache_creation":
			if anthropic {
				u.cacheCreation(v)
			}
		case "server_tool_use":
			u.count(&u.WebSearches, Lookup(v, "web_search_requests"))
		case "num_search_queries": // Perplexity
			u.count(&u.WebSearches, v)
		case "cost":
			u.cost(v)
		}
	}
	// Some xAI models count reasoning beside the completion, which only the total gives away.
	u.OutputExcludesReasoning = u.Reasoning > 0 && total == u.Input+u.Output+u.Reasoning
	return u
}

func (u *Usage) inputDetails(raw []byte) {
	var room [12]Member
	members, _, _, err := Members(raw, room[:0])
	if err != nil {
		return
	}
	for _, m := range members {
		v := raw[m.Val:m.End]
		switch string(m.Name(raw)) {
		case "cached_tokens":
			u.count(&u.CacheRead, v)
		case "cache_write_tokens":
			u.count(&u.CacheWrite5m, v)
		case "audio_tokens":
			u.count(&u.InputAudio, v)
		case "image_tokens":
			u.count(&u.InputImage, v)
		}
	}
}

func (u *Usage) outputDetails(raw []byte) {
	var room [12]Member
	members, _, _, err := Members(raw, room[:0])
	if err != nil {
		return
	}
	for _, m := range members {
		v := raw[m.Val:m.End]
		switch string(m.Name(raw)) {
		case "reasoning_tokens", "thinking_tokens":
			u.count(&u.Reasoning, v)
		case "audio_tokens":
			u.count(&u.OutputAudio, v)
		case "image_tokens":
			u.count(&u.OutputImage, v)
		}
	}
}

func (u *Usage) cacheCreation(raw []byte) {
	var room [8]Member
	members, _, _, err := Members(raw, room[:0])
	if err != nil {
		return
	}
	var five, hour int64
	for _, m := range members {
		v := raw[m.Val:m.End]
		switch string(m.Name(raw)) {
		case "ephemeral_5m_input_tokens":
			u.count(&five, v)
		case "ephemeral_1h_input_tokens":
			u.count(&hour, v)
		}
	}
	if five+hour > 0 {
		u.CacheWrite5m, u.CacheWrite1h = five, hour
	}
}

func (u *Usage) count(to *int64, raw []byte) {
	if Null(raw) {
		return
	}
	n, ok := Count(raw)
	if !ok {
		u.Bad = true
		return
	}
	*to = n
}

// mostCount is the largest number that every JSON reader takes exactly, and so small that no sum of counts overflows.
const mostCount = 1 << 53

// Count decodes how many of something there were: a whole number that is not below nothing. ok is false for anything else,
// and for more than anybody could count.
func Count(raw []byte) (n int64, ok bool) {
	n, ok = Int(raw)
	if !ok || n < 0 || n > mostCount {
		return 0, false
	}
	return n, true
}

// AddCounts sums two counts. Lists of counts may be long: the sum is a count too.
func AddCounts(a, b int64) int64 { return min(a+b, mostCount) }

func (u *Usage) cost(raw []byte) {
	if Null(raw) || IsObject(raw) {
		return
	}
	if n, err := models.ParseNano(string(raw)); err == nil && n >= 0 {
		u.Cost, u.HasCost = n, true
	}
}
