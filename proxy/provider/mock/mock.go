// Package mock makes answers without a provider, for mock_response: in a deployment of config.yaml to try things out, and
// in a request to test a client.
package mock

import (
	"io"
	"strconv"
	"strings"
	"time"

	"gatehouse/proxy/provider"
	"gatehouse/proxy/wire"
)

// The usage that a mock reports, as LiteLLM's does.
const (
	InputTokens  = 10
	OutputTokens = 20
)

// Answer is one made answer.
type Answer struct {
	ID      string
	Created int64 // Unix seconds
	Model   string
	Text    string // what the model says; a JSON object with choices is taken as the whole answer
	Op      provider.Op
}

// JSON appends the answer as one object.
func (a Answer) JSON(dst []byte) []byte {
	if raw := []byte(a.Text); wire.Lookup(raw, "choices") != nil || wire.Lookup(raw, "content") != nil {
		return append(dst, raw...)
	}
	switch a.Op {
	case provider.Embedding:
		dst = append(dst, `{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.1,0.2,0.3]}],"model":`...)
		dst = wire.AppendString(dst, a.Model)
		return append(dst, `,"usage":{"prompt_tokens":10,"total_tokens":10}}`...)
	case provider.Messages:
		dst = append(dst, `{"id":`...)
		dst = wire.AppendString(dst, "msg_"+a.ID)
		dst = append(dst, `,"type":"message","role":"assistant","model":`...)
		dst = wire.AppendString(dst, a.Model)
		dst = append(dst, `,"content":[{"type":"text","text":`...)
		dst = wire.AppendString(dst, a.Text)
		return append(dst, `}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":10,"output_tokens":20}}`...)
	case provider.Completion:
		dst = a.open(dst, "cmpl-", "text_completion")
		dst = append(dst, `{"index":0,"text":`...)
		dst = wire.AppendString(dst, a.Text)
		dst = append(dst, `,"logprobs":null,"finish_reason":"stop"}`...)
	default:
		dst = a.open(dst, "chatcmpl-", "chat.completion")
		dst = append(dst, `{"index":0,"message":{"role":"assistant","content":`...)
		dst = wire.AppendString(dst, a.Text)
		dst = append(dst, `},"finish_reason":"stop"}`...)
	}
	return append(dst, `],"usage":{"prompt_tokens":10,"completion_tokens":20,"total_tokens":30}}`...)
}

// open appends an object up to its first choice.
func (a Answer) open(dst []byte, prefix, object string) []byte {
	dst = append(dst, `{"id":`...)
	dst = wire.AppendString(dst, prefix+a.ID)
	dst = append(dst, `,"object":"`...)
	dst = append(dst, object...)
	dst = append(dst, `","created":`...)
	dst = strconv.AppendInt(dst, a.Created, 10)
	dst = append(dst, `,"model":`...)
	dst = wire.AppendString(dst, a.Model)
	return append(dst, `,"choices":[`...)
}

// source is a provider's stream that is all there.
type source struct{ strings.Reader }

// ReadBy has nothing to wait for.
func (*source) ReadBy(time.Time) {}

var _ io.Reader = (*source)(nil)

// Stream is the answer as events, word by word.
func (a Answer) Stream() interface {
	io.Reader
	ReadBy(t time.Time)
} {
	var out []byte
	if a.Op == provider.Messages {
		out = a.messages(out)
	} else {
		out = a.chunks(out)
	}
	s := new(source)
	s.Reset(string(out))
	return s
}

func (a Answer) chunks(out []byte) []byte {
	chunk := func(choice string) {
		out = append(out, "data: "...)
		if a.Op == provider.Completion {
			out = a.open(out, "cmpl-", "text_completion")
		} else {
			out = a.open(out, "chatcmpl-", "chat.completion.chunk")
		}
		out = append(out, choice...)
		out = append(out, "]}\n\n"...)
	}
	key := `"delta":{"content":`
	end := `},"finish_reason":null}`
	last := `{"index":0,"delta":{},"finish_reason":"stop"}`
	if a.Op == provider.Completion {
		key, end, last = `"text":`, `,"finish_reason":null}`, `{"index":0,"text":"","finish_reason":"stop"}`
	} else {
		chunk(`{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}`)
	}
	for word := range strings.SplitAfterSeq(a.Text, " ") {
		chunk(`{"index":0,` + key + string(wire.AppendString(nil, word)) + end)
	}
	chunk(last)
	out = append(out, "data: "...)
	out = a.open(out, "chatcmpl-", "chat.completion.chunk")
	return append(out, `],"usage":{"prompt_tokens":10,"completion_tokens":20,"total_tokens":30}}`+"\n\ndata: [DONE]\n\n"...)
}

func (a Answer) messages(out []byte) []byte {
	event := func(name, data string) { out = append(out, "event: "+name+"\ndata: "+data+"\n\n"...) }
	event("message_start", `{"type":"message_start","message":{"id":`+string(wire.AppendString(nil, "msg_"+a.ID))+
		`,"type":"message","role":"assistant","model":`+string(wire.AppendString(nil, a.Model))+
		`,"content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":10,"output_tokens":1}}}`)
	event("content_block_start", `{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}`)
	for word := range strings.SplitAfterSeq(a.Text, " ") {
		event("content_block_delta", `{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":`+string(wire.AppendString(nil, word))+`}}`)
	}
	event("content_block_stop", `{"type":"content_block_stop","index":0}`)
	event("message_delta", `{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":20}}`)
	event("message_stop", `{"type":"message_stop"}`)
	return out
}
