package price

// Usage is what a call consumed, the same for every provider. The token fields are a partition: no token is counted
// in two of them, so that none is billed twice.
type Usage struct {
	InputUncached     int64 `json:"input_uncached,omitempty"`
	InputCacheRead    int64 `json:"input_cache_read,omitempty"`
	InputCacheWrite5m int64 `json:"input_cache_write_5m,omitempty"`
	InputCacheWrite1h int64 `json:"input_cache_write_1h,omitempty"`
	InputAudio        int64 `json:"input_audio,omitempty"`
	InputImage        int64 `json:"input_image,omitempty"`
	OutputText        int64 `json:"output_text,omitempty"`
	OutputReasoning   int64 `json:"output_reasoning,omitempty"`
	OutputAudio       int64 `json:"output_audio,omitempty"`
	OutputImage       int64 `json:"output_image,omitempty"`
	Images            int64 `json:"images,omitempty"`
	AudioMillis       int64 `json:"audio_ms,omitempty"` // seconds of audio, in thousandths
	Characters        int64 `json:"characters,omitempty"`
	SearchUnits       int64 `json:"search_units,omitempty"`
	WebSearches       int64 `json:"web_searches,omitempty"`
	Requests          int64 `json:"requests,omitempty"`
}

// fields lists the counters in a fixed order, which the journal's format depends on: append, never reorder.
func (u *Usage) fields() [16]*int64 {
	return [16]*int64{
		&u.InputUncached, &u.InputCacheRead, &u.InputCacheWrite5m, &u.InputCacheWrite1h, &u.InputAudio, &u.InputImage,
		&u.OutputText, &u.OutputReasoning, &u.OutputAudio, &u.OutputImage, &u.Images, &u.AudioMillis, &u.Characters,
		&u.SearchUnits, &u.WebSearches, &u.Requests,
	}
}

// Values are the counters in a fixed order that only ever grows at the end.
func (u *Usage) Values() [16]int64 {
	var out [16]int64
	for i, f := range u.fields() {
		out[i] = *f
	}
	return out
}

// SetValue puts the counter at index i of Values; an index that does not exist is ignored.
func (u *Usage) SetValue(i int, v int64) {
	if f := u.fields(); i >= 0 && i < len(f) {
		*f[i] = v
	}
}

// InputTotal is every input token, cached ones included: prompt_tokens of OpenAI.
func (u *Usage) InputTotal() int64 {
	return u.InputUncached + u.InputCacheRead + u.InputCacheWrite5m + u.InputCacheWrite1h + u.InputAudio + u.InputImage
}

// CacheWrite is every input token that was written to the provider's prompt cache.
func (u *Usage) CacheWrite() int64 { return u.InputCacheWrite5m + u.InputCacheWrite1h }

// OutputTotal is every output token: completion_tokens of OpenAI.
func (u *Usage) OutputTotal() int64 {
	return u.OutputText + u.OutputReasoning + u.OutputAudio + u.OutputImage
}

// Zero reports that nothing was counted.
func (u *Usage) Zero() bool { return *u == Usage{} }

// Add sums two usages, for a call that was billed at more than one attempt.
func (u *Usage) Add(o Usage) {
	to, from := u.fields(), o.fields()
	for i := range to {
		*to[i] = saturate(*to[i], *from[i])
	}
}

// Clamp sets negative counters to 0 and absurd ones to limit; it reports whether it changed anything, which marks the
// usage as estimated (a provider that lies).
func (u *Usage) Clamp(limit int64) bool {
	changed := false
	for _, f := range u.fields() {
		if *f < 0 {
			*f, changed = 0, true
		} else if *f > limit {
			*f, changed = limit, true
		}
	}
	return changed
}

// Reported is usage as providers report it: totals with details inside them.
type Reported struct {
	Input        int64
	CacheRead    int64
	CacheWrite5m int64
	CacheWrite1h int64
	InputAudio   int64
	AudioCached  int64 // audio that is inside CacheRead too
	InputImage   int64

	Output      int64
	Reasoning   int64
	OutputAudio int64
	OutputImage int64

	Images      int64
	AudioMillis int64
	Characters  int64
	SearchUnits int64
	WebSearches int64
	Requests    int64 // 0 counts as 1

	InputExcludesCache      bool // Anthropic, Bedrock: Input leaves cache reads and writes out
	OutputExcludesReasoning bool // Gemini, some xAI models: Output leaves reasoning out
}

// Canonical turns reported usage into the partition. Details are taken out of their total in a fixed order and never
// beyond it, so a token that two details claim is billed once.
func (r Reported) Canonical() Usage {
	u := Usage{
		Images: positive(r.Images), AudioMillis: positive(r.AudioMillis), Characters: positive(r.Characters),
		SearchUnits: positive(r.SearchUnits), WebSearches: positive(r.WebSearches), Requests: max(1, r.Requests),
	}
	left := positive(r.Input)
	if r.InputExcludesCache {
		left = saturate(saturate(left, positive(r.CacheRead)), saturate(positive(r.CacheWrite5m), positive(r.CacheWrite1h)))
	}
	u.InputCacheRead = take(&left, r.CacheRead)
	u.InputCacheWrite1h = take(&left, r.CacheWrite1h)
	u.InputCacheWrite5m = take(&left, r.CacheWrite5m)
	u.InputAudio = take(&left, r.InputAudio-positive(r.AudioCached))
	u.InputImage = take(&left, r.InputImage)
	u.InputUncached = left

	left = positive(r.Output)
	if r.OutputExcludesReasoning {
		left = saturate(left, positive(r.Reasoning))
	}
	u.OutputReasoning = take(&left, r.Reasoning)
	u.OutputAudio = take(&left, r.OutputAudio)
	u.OutputImage = take(&left, r.OutputImage)
	u.OutputText = left
	return u
}

func take(left *int64, want int64) int64 {
	n := min(positive(want), *left)
	*left -= n
	return n
}

func positive(n int64) int64 { return max(n, 0) }

func saturate(a, b int64) int64 {
	if s := a + b; s >= a {
		return s
	}
	return 1<<63 - 1
}
