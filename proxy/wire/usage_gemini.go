package wire

// ReadGeminiUsage reads usageMetadata: the prompt includes what came from the cache, the candidates leave thoughts out.
func ReadGeminiUsage(raw []byte) Usage {
	var u Usage
	if !IsObject(raw) {
		return u
	}
	count := func(name string) int64 {
		var n int64
		v := Lookup(raw, name)
		u.count(&n, v)
		u.Seen = u.Seen || !Null(v)
		return n
	}
	u.Input = count("promptTokenCount") + count("toolUsePromptTokenCount")
	u.CacheRead = count("cachedContentTokenCount")
	u.Output = count("candidatesTokenCount")
	u.Reasoning = count("thoughtsTokenCount")
	u.OutputExcludesReasoning = true
	modality := func(list, name string) int64 {
		var n int64
		EachElement(Lookup(raw, list), func(e []byte) {
			if v, ok := Count(Lookup(e, "tokenCount")); ok && StringIs(Lookup(e, "modality"), name) {
				n = AddCounts(n, v)
			}
		})
		return n
	}
	u.InputAudio, u.InputImage = modality("promptTokensDetails", "AUDIO"), modality("promptTokensDetails", "IMAGE")
	u.AudioCached = modality("cacheTokensDetails", "AUDIO")
	u.OutputAudio, u.OutputImage = modality("candidatesTokensDetails", "AUDIO"), modality("candidatesTokensDetails", "IMAGE")
	return u
}
