package chat

import (
	"gatehouse/proxy/wire"
)

// Answer is a chat completion to be.
type Answer struct {
	ID      string
	Created int64
	Model   []byte // JSON string; nil leaves it to the caller, who puts the asked name
	Choices []Said
	Usage   wire.Usage
	Tier    string
}

// Said is one choice of an Answer.
type Said struct {
	Text     string
	Thought  string
	Thinking [][]byte // thinking_blocks
	Images   []string // data URLs
	Calls    []Called
	Finish   string
	LogProbs []byte // raw, in OpenAI's form
	Extra    []byte // raw provider_specific_fields
}

// Called is a tool call.
type Called struct {
	ID, Name string
	Args     []byte // JSON object
	Extra    []byte // raw provider_specific_fields
}

// JSON is the call as an element of tool_calls.
func (c *Called) JSON(index int64) []byte {
	var fn, call wire.Builder
	fn.Text("name", c.Name)
	args := c.Args
	if len(args) == 0 {
		args = []byte("{}")
	}
	fn.Text("arguments", string(wire.Compact(args)))
	call.Int("index", index)
	call.Text("id", c.ID)
	call.Text("type", "function")
	call.Raw("function", fn.Bytes())
	call.Raw("provider_specific_fields", c.Extra)
	return call.Bytes()
}

// Append appends the completion.
func (a *Answer) Append(dst []byte) []byte {
	var out wire.Builder
	out.Text("id", a.ID)
	out.Text("object", "chat.completion")
	out.Int("created", a.Created)
	model := a.Model
	if model == nil {
		model = []byte(`""`)
	}
	out.Raw("model", model)
	if a.Tier != "" {
		out.Text("service_tier", a.Tier)
	}
	choices := make([][]byte, len(a.Choices))
	for i := range a.Choices {
		choices[i] = a.Choices[i].json(int64(i))
	}
	out.Raw("choices", wire.List(choices))
	if a.Usage.Seen {
		out.Raw("usage", AppendUsage(nil, a.Usage))
	}
	return append(dst, out.Bytes()...)
}

func (s *Said) json(index int64) []byte {
	var message, choice wire.Builder
	message.Text("role", "assistant")
	if s.Text == "" && len(s.Calls) > 0 {
		message.Raw("content", []byte("null"))
	} else {
		message.Text("content", s.Text)
	}
	if s.Thought != "" {
		message.Text("reasoning_content", s.Thought)
	}
	if len(s.Thinking) > 0 {
		message.Raw("thinking_blocks", wire.List(s.Thinking))
	}
	if len(s.Images) > 0 {
		images := make([][]byte, len(s.Images))
		for i, url := range s.Images {
			images[i] = Picture(url, int64(i))
		}
		message.Raw("images", wire.List(images))
	}
	if len(s.Calls) > 0 {
		calls := make([][]byte, len(s.Calls))
		for i := range s.Calls {
			calls[i] = s.Calls[i].JSON(int64(i))
		}
		message.Raw("tool_calls", wire.List(calls))
	}
	message.Raw("provider_specific_fields", s.Extra)
	choice.Int("index", index)
	choice.Raw("message", message.Bytes())
	choice.Raw("logprobs", s.LogProbs)
	choice.Text("finish_reason", s.Finish)
	return choice.Bytes()
}

// Picture is an element of images.
func Picture(url string, index int64) []byte {
	var inner, o wire.Builder
	inner.Text("url", url)
	o.Int("index", index)
	o.Text("type", "image_url")
	o.Raw("image_url", inner.Bytes())
	return o.Bytes()
}

// AppendUsage appends usage in OpenAI's form, with LiteLLM's fields for the cache.
func AppendUsage(dst []byte, u wire.Usage) []byte {
	c := u.Canonical()
	var o, in, out wire.Builder
	o.Int("prompt_tokens", c.InputTotal())
	o.Int("completion_tokens", c.OutputTotal())
	o.Int("total_tokens", c.InputTotal()+c.OutputTotal())
	in.Int("cached_tokens", c.InputCacheRead)
	in.Int("cache_write_tokens", c.CacheWrite())
	if c.InputAudio > 0 {
		in.Int("audio_tokens", c.InputAudio)
	}
	if c.InputImage > 0 {
		in.Int("image_tokens", c.InputImage)
	}
	o.Raw("prompt_tokens_details", in.Bytes())
	out.Int("reasoning_tokens", c.OutputReasoning)
	if c.OutputAudio > 0 {
		out.Int("audio_tokens", c.OutputAudio)
	}
	if c.OutputImage > 0 {
		out.Int("image_tokens", c.OutputImage)
	}
	o.Raw("completion_tokens_details", out.Bytes())
	o.Int("cache_read_input_tokens", c.InputCacheRead)
	o.Int("cache_creation_input_tokens", c.CacheWrite())
	return append(dst, o.Bytes()...)
}

// ThinkingBlock is a thinking block in the form that clients give back.
func ThinkingBlock(text, signature string) []byte {
	var o wire.Builder
	o.Text("type", "thinking")
	o.Text("thinking", text)
	o.Text("signature", signature)
	return o.Bytes()
}

// RedactedBlock is ThinkingBlock for thinking that only its provider can read.
func RedactedBlock(data string) []byte {
	var o wire.Builder
	o.Text("type", "redacted_thinking")
	o.Text("data", data)
	return o.Bytes()
}
