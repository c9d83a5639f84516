package gemini

import (
	"bytes"
	"encoding/base64"
	"fmt"

	"gatehouse/proxy/provider"
	"gatehouse/proxy/provider/chat"
	"gatehouse/proxy/stream"
	"gatehouse/proxy/wire"
)

// finishReason is Google's in OpenAI's words; "" when raw is none.
func finishReason(raw []byte) string {
	s, _ := wire.String(raw)
	switch s {
	case "", "FINISH_REASON_UNSPECIFIED":
		return ""
	case "MAX_TOKENS":
		return "length"
	case "SAFETY", "PROHIBITED_CONTENT", "BLOCKLIST", "SPII", "RECITATION", "IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION", "LANGUAGE":
		return "content_filter"
	}
	return "stop" // STOP, MALFORMED_FUNCTION_CALL, OTHER
}

// oddFinish is a reason that reads as "stop" and is none: what the model wanted to say is not there. It is told as
// provider_specific_fields; nil for every other reason.
func oddFinish(raw []byte) []byte {
	s, _ := wire.String(raw)
	switch s {
	case "", "FINISH_REASON_UNSPECIFIED", "STOP":
		return nil
	}
	if finishReason(raw) != "stop" {
		return nil
	}
	var o wire.Builder
	o.Text("native_finish_reason", s)
	return o.Bytes()
}

// searches counts the web searches that a candidate was grounded by: one a prompt before generation 3, one a query since.
func searches(candidate []byte, major int) int64 {
	var n int64
	wire.EachElement(wire.Lookup(candidate, "groundingMetadata", "webSearchQueries"), func([]byte) { n++ })
	if major < 3 {
		n = min(n, 1)
	}
	return n
}

// blocked is a prompt that Google's filter has refused; nil when it was not.
func blocked(body []byte) []byte {
	reason, _ := wire.String(wire.Lookup(body, "promptFeedback", "blockReason"))
	if reason == "" {
		return nil
	}
	message, _ := wire.String(wire.Lookup(body, "promptFeedback", "blockReasonMessage"))
	if message == "" {
		message = "the provider's filter refused the prompt: " + reason
	}
	var o wire.Builder
	o.Text("message", message)
	o.Text("type", "invalid_request_error")
	o.Text("code", "content_policy_violation")
	return o.Bytes()
}

// callID is the id of a tool call that Google gave none, with the signature that must come back.
func (f *FromChat) callID(fn []byte, signature string) string {
	id, _ := wire.String(wire.Lookup(fn, "id"))
	if id == "" {
		id = fmt.Sprintf("call_%s_%d", f.ID, f.calls)
		f.calls++
	}
	if signature == "" {
		return id
	}
	raw, err := base64.StdEncoding.DecodeString(signature)
	if err != nil {
		return id
	}
	return id + thoughtMark + base64.RawURLEncoding.EncodeToString(raw)
}

// called reads a functionCall part.
func (f *FromChat) called(part []byte) (call chat.Called, ok bool) {
	fn := wire.Lookup(part, "functionCall")
	if fn == nil {
		return call, false
	}
	signature, _ := wire.String(wire.Lookup(part, "thoughtSignature"))
	call.ID = f.callID(fn, signature)
	call.Name, _ = wire.String(wire.Lookup(fn, "name"))
	if call.Args = wire.Lookup(fn, "args"); !wire.IsObject(call.Args) {
		call.Args = []byte("{}")
	}
	if signature != "" {
		var extra wire.Builder
		extra.Text("thought_signature", signature)
		call.Extra = extra.Bytes()
	}
	return call, true
}

// dataURL is an inlineData part; "" when it is none.
func dataURL(part []byte) string {
	data, _ := wire.String(wire.Lookup(part, "inlineData", "data"))
	if data == "" {
		return ""
	}
	mediaType, _ := wire.String(wire.Lookup(part, "inlineData", "mimeType"))
	return "data:" + mediaType + ";base64," + data
}

// Answer appends the chat completion for an answer of generateContent.
func (f *FromChat) Answer(dst, body []byte) ([]byte, wire.Usage, error) {
	usage := wire.ReadGeminiUsage(wire.Lookup(body, "usageMetadata"))
	a := chat.Answer{ID: "chatcmpl-" + f.ID, Created: f.Now().Unix(), Model: wire.Lookup(body, "modelVersion")}
	a.Tier, _ = wire.String(wire.Lookup(body, "usageMetadata", "trafficType"))
	wire.EachElement(wire.Lookup(body, "candidates"), func(c []byte) {
		a.Choices = append(a.Choices, f.said(c))
		usage.WebSearches += searches(c, f.major)
	})
	if len(a.Choices) == 0 {
		if refused := blocked(body); refused != nil {
			return dst, usage, provider.ParseHidden(refused)
		}
		return dst, usage, chat.ErrAnswer
	}
	a.Usage = usage
	return a.Append(dst), usage, nil
}

func (f *FromChat) said(candidate []byte) chat.Said {
	finish := wire.Lookup(candidate, "finishReason")
	s := chat.Said{Finish: finishReason(finish), Extra: oddFinish(finish)}
	wire.EachElement(wire.Lookup(candidate, "content", "parts"), func(part []byte) {
		text, _ := wire.String(wire.Lookup(part, "text"))
		if call, ok := f.called(part); ok {
			s.Calls = append(s.Calls, call)
		} else if url := dataURL(part); url != "" {
			s.Images = append(s.Images, url)
		} else if string(wire.Lookup(part, "thought")) == "true" {
			s.Thought += text
		} else {
			s.Text += text
		}
	})
	s.LogProbs = logProbs(wire.Lookup(candidate, "logprobsResult"))
	switch {
	case len(s.Calls) > 0 && (s.Finish == "stop" || s.Finish == ""):
		s.Finish = "tool_calls"
	case s.Finish == "":
		s.Finish = "stop"
	}
	return s
}

// logProbs brings logprobsResult to OpenAI's form; nil when there is none.
func logProbs(raw []byte) []byte {
	if !wire.IsObject(raw) {
		return nil
	}
	entry := func(e []byte, o *wire.Builder) {
		token, _ := wire.String(wire.Lookup(e, "token"))
		o.Text("token", token)
		o.Raw("logprob", wire.Lookup(e, "logProbability"))
		o.Raw("bytes", []byte("null"))
	}
	var tops [][]byte
	wire.EachElement(wire.Lookup(raw, "topCandidates"), func(e []byte) {
		var items [][]byte
		wire.EachElement(wire.Lookup(e, "candidates"), func(c []byte) {
			var o wire.Builder
			entry(c, &o)
			items = append(items, o.Bytes())
		})
		tops = append(tops, wire.List(items))
	})
	var items [][]byte
	wire.EachElement(wire.Lookup(raw, "chosenCandidates"), func(e []byte) {
		var o wire.Builder
		entry(e, &o)
		top := []byte("[]")
		if n := len(items); n < len(tops) {
			top = tops[n]
		}
		o.Raw("top_logprobs", top)
		items = append(items, o.Bytes())
	})
	var o wire.Builder
	o.Raw("content", wire.List(items))
	return o.Bytes()
}

// Filter turns the events of streamGenerateContent into chunks for next.
func (f *FromChat) Filter(next stream.Filter) stream.Filter {
	return &events{Chunks: chat.Chunks{Next: next, ID: "chatcmpl-" + f.ID, Created: f.Now().Unix()}, f: f}
}

// events is the filter of FromChat. Every event is a partial answer; usage is of the whole so far.
type events struct {
	chat.Chunks
	f        *FromChat
	searches int64
}

// Event turns one partial answer into the chunks it means.
func (e *events) Event(ev stream.Event, out []byte) ([]byte, error) {
	data := bytes.TrimSpace(ev.Data)
	if len(data) == 0 {
		return out, nil
	}
	var a wire.Answer
	if a.Parse(data) != nil {
		return out, chat.ErrEvent
	}
	if failure := a.Failure(); failure != nil {
		e.Fail(failure)
		return out, nil
	}
	if e.Model == nil {
		e.Model = bytes.Clone(wire.Lookup(data, "modelVersion"))
	}
	if u := wire.ReadGeminiUsage(wire.Lookup(data, "usageMetadata")); u.Seen {
		e.Usage = u
		if tier, ok := wire.String(wire.Lookup(data, "usageMetadata", "trafficType")); ok {
			e.State().ServiceTier = tier
		}
	}
	candidates := 0
	var err error
	wire.EachElement(wire.Lookup(data, "candidates"), func(c []byte) {
		candidates++
		if err == nil {
			out, err = e.candidate(c, out)
		}
	})
	e.Usage.WebSearches = e.searches
	e.State().Usage = e.Usage
	if candidates == 0 && e.State().Events == 0 {
		if refused := blocked(data); refused != nil {
			e.Fail(refused)
		}
	}
	return out, err
}

func (e *events) candidate(c, out []byte) ([]byte, error) {
	index, _ := wire.Int(wire.Lookup(c, "index"))
	e.searches = max(e.searches, searches(c, e.f.major))
	var err error
	wire.EachElement(wire.Lookup(c, "content", "parts"), func(part []byte) {
		if err != nil {
			return
		}
		text, _ := wire.String(wire.Lookup(part, "text"))
		call, isCall := e.f.called(part)
		switch url := dataURL(part); {
		case isCall:
			out, err = e.Call(index, &call, out)
		case url != "":
			out, err = e.Image(index, url, out)
		case text == "":
		case string(wire.Lookup(part, "thought")) == "true":
			out, err = e.Thought(index, text, out)
		default:
			out, err = e.Text(index, text, out)
		}
	})
	if err != nil {
		return out, err //nolint:wrapcheck // the filter's own
	}
	if reason := finishReason(wire.Lookup(c, "finishReason")); reason != "" {
		if reason == "stop" && e.Called(index) > 0 {
			reason = "tool_calls"
		}
		var last wire.Builder
		last.Raw("provider_specific_fields", oddFinish(wire.Lookup(c, "finishReason")))
		return e.Delta(index, &last, reason, out) //nolint:wrapcheck // as above
	}
	return out, nil
}
