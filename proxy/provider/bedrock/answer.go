package bedrock

import (
	"bytes"

	"gatehouse/proxy/provider/chat"
	"gatehouse/proxy/stream"
	"gatehouse/proxy/wire"
)

// finishReason is Converse's stop reason in OpenAI's words.
func finishReason(stop string) string {
	switch stop {
	case "max_tokens", "model_context_window_exceeded":
		return "length"
	case "tool_use":
		return "tool_calls"
	case "guardrail_intervened", "content_filtered":
		return "content_filter"
	}
	return "stop" // end_turn, stop_sequence
}

// ReadUsage reads the usage of Converse, whose inputTokens leaves the cache out.
func ReadUsage(raw []byte) wire.Usage {
	var u wire.Usage
	u.InputExcludesCache = true
	if !wire.IsObject(raw) {
		return u
	}
	count := func(to *int64, names ...string) {
		v := wire.Lookup(raw, names...)
		if wire.Null(v) {
			return
		}
		n, ok := wire.Count(v)
		if !ok {
			u.Bad = true
			return
		}
		*to = n
		u.Seen = true
	}
	count(&u.Input, "inputTokens")
	count(&u.Output, "outputTokens")
	count(&u.CacheRead, "cacheReadInputTokens")
	count(&u.CacheWrite5m, "cacheWriteInputTokens")
	wire.EachElement(wire.Lookup(raw, "cacheDetails"), func(d []byte) {
		if ttl, _ := wire.String(wire.Lookup(d, "ttl")); ttl == "1h" {
			if n, ok := wire.Count(wire.Lookup(d, "inputTokens")); ok && n <= u.CacheWrite5m {
				u.CacheWrite5m -= n
				u.CacheWrite1h += n
			}
		}
	})
	return u
}

// Answer appends the chat completion for an answer of Converse.
func (f *FromChat) Answer(dst, body []byte) ([]byte, wire.Usage, error) {
	content := wire.Lookup(body, "output", "message", "content")
	if !wire.IsArray(content) {
		return dst, wire.Usage{}, chat.ErrAnswer
	}
	stop, _ := wire.String(wire.Lookup(body, "stopReason"))
	s := chat.Said{Finish: finishReason(stop)}
	wire.EachElement(content, func(b []byte) {
		if t, ok := wire.String(wire.Lookup(b, "text")); ok {
			s.Text += t
		}
		if use := wire.Lookup(b, "toolUse"); use != nil {
			call := chat.Called{Args: wire.Lookup(use, "input")}
			call.ID, _ = wire.String(wire.Lookup(use, "toolUseId"))
			call.Name, _ = wire.String(wire.Lookup(use, "name"))
			if f.jsonTool && call.Name == jsonTool {
				s.Text += string(call.Args)
				s.Finish = "stop"
				return
			}
			s.Calls = append(s.Calls, call)
		}
		if r := wire.Lookup(b, "reasoningContent"); r != nil {
			if data, ok := wire.String(wire.Lookup(r, "redactedContent")); ok {
				s.Thinking = append(s.Thinking, chat.RedactedBlock(data))
				return
			}
			t, _ := wire.String(wire.Lookup(r, "reasoningText", "text"))
			sign, _ := wire.String(wire.Lookup(r, "reasoningText", "signature"))
			s.Thought += t
			s.Thinking = append(s.Thinking, chat.ThinkingBlock(t, sign))
		}
	})
	if len(s.Calls) > 0 && f.jsonTool && s.Finish == "stop" {
		s.Finish = "tool_calls"
	}
	usage := ReadUsage(wire.Lookup(body, "usage"))
	a := chat.Answer{ID: "chatcmpl-" + f.ID, Created: f.Now().Unix(), Choices: []chat.Said{s}, Usage: usage}
	a.Tier, _ = wire.String(wire.Lookup(body, "serviceTier", "type"))
	return a.Append(dst), usage, nil
}

// Filter turns the events of ConverseStream into chunks for next.
func (f *FromChat) Filter(next stream.Filter) stream.Filter {
	return &events{Chunks: chat.Chunks{Next: next, ID: "chatcmpl-" + f.ID, Created: f.Now().Unix()}, jsonTool: f.jsonTool}
}

// events is the filter of FromChat.
type events struct {
	chat.Chunks
	jsonTool bool
	inJSON   bool   // the block under way is the answer in the form asked for
	answered bool   // there was such a block
	thought  []byte // thinking of the block under way
	sign     []byte
}

// Event turns one event into the chunks it means.
func (e *events) Event(ev stream.Event, out []byte) ([]byte, error) {
	data := bytes.TrimSpace(ev.Data)
	if len(data) == 0 {
		return out, nil
	}
	var probe wire.Object
	if probe.Parse(data) != nil {
		return out, chat.ErrEvent
	}
	switch string(ev.Name) {
	case "contentBlockStart":
		return e.start(wire.Lookup(data, "start", "toolUse"), out)
	case "contentBlockDelta":
		return e.grow(wire.Lookup(data, "delta"), out)
	case "contentBlockStop":
		return e.stop(out)
	case "messageStop":
		stop, _ := wire.String(wire.Lookup(data, "stopReason"))
		reason := finishReason(stop)
		if e.answered {
			if reason = "stop"; e.Called(0) > 0 {
				reason = "tool_calls"
			}
		}
		return e.Finish(0, reason, out)
	case "metadata":
		if u := ReadUsage(wire.Lookup(data, "usage")); u.Seen {
			e.Usage = u
		}
		return e.Close(out)
	case "error":
		if inner := wire.Lookup(data, "error"); inner != nil {
			data = inner
		}
		e.Fail(data)
	}
	return out, nil
}

func (e *events) start(use, out []byte) ([]byte, error) {
	if use == nil {
		return out, nil
	}
	var call chat.Called
	call.ID, _ = wire.String(wire.Lookup(use, "toolUseId"))
	call.Name, _ = wire.String(wire.Lookup(use, "name"))
	if e.jsonTool && call.Name == jsonTool {
		e.inJSON, e.answered = true, true
		return out, nil
	}
	return e.Call(0, &call, out)
}

func (e *events) grow(d, out []byte) ([]byte, error) {
	if s, ok := wire.String(wire.Lookup(d, "text")); ok {
		return e.Text(0, s, out)
	}
	if s, ok := wire.String(wire.Lookup(d, "toolUse", "input")); ok {
		if e.inJSON {
			return e.Text(0, s, out)
		}
		return e.Arguments(0, s, out)
	}
	r := wire.Lookup(d, "reasoningContent")
	if s, ok := wire.String(wire.Lookup(r, "text")); ok {
		e.thought = append(e.thought, s...)
		return e.Thought(0, s, out)
	}
	if s, ok := wire.String(wire.Lookup(r, "signature")); ok {
		e.sign = append(e.sign, s...)
	}
	if s, ok := wire.String(wire.Lookup(r, "redactedContent")); ok {
		return e.Thinking(0, chat.RedactedBlock(s), out)
	}
	return out, nil
}

func (e *events) stop(out []byte) ([]byte, error) {
	e.inJSON = false
	if len(e.sign) == 0 {
		e.thought = e.thought[:0]
		return out, nil
	}
	block := chat.ThinkingBlock(string(e.thought), string(e.sign))
	e.thought, e.sign = e.thought[:0], e.sign[:0]
	return e.Thinking(0, block, out)
}
