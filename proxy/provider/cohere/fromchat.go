package cohere

import (
	"bytes"
	"time"

	"gatehouse/proxy/provider/chat"
	"gatehouse/proxy/stream"
	"gatehouse/proxy/wire"
)

// FromChat serves OpenAI's chat completions by Cohere's chat: one call's bridge.
type FromChat struct {
	Now    func() time.Time
	ID     string // of the call
	Stream bool
	Policy chat.Policy
}

// Request appends the chat body. Errors: *wire.BadField, *provider.UnsupportedParam.
func (f *FromChat) Request(dst []byte, in *wire.Request, _ string) ([]byte, error) {
	r, err := chat.Parse(in)
	if err != nil {
		return dst, err //nolint:wrapcheck // fit for the caller
	}
	if err := f.Policy.Settle(r,
		chat.Field{Name: "n", Raw: r.N}, chat.Field{Name: "logit_bias", Raw: r.LogitBias}, chat.Field{Name: "top_logprobs", Raw: r.TopLogProbs}, chat.Field{Name: "modalities", Raw: r.Modalities},
	); err != nil {
		return dst, err //nolint:wrapcheck // as above
	}
	var o wire.Builder
	messages, err := f.messages(r)
	if err != nil {
		return dst, err
	}
	o.Bool("stream", f.Stream)
	o.Raw("messages", messages)
	o.Raw("max_tokens", r.MaxTokens)
	o.Raw("temperature", r.Temperature)
	o.Raw("p", r.TopP)
	o.Raw("k", r.TopK)
	o.Raw("seed", r.Seed)
	o.Raw("presence_penalty", r.PresencePenalty)
	o.Raw("frequency_penalty", r.FrequencyPenalty)
	if string(r.LogProbs) == "true" {
		o.Bool("logprobs", true)
	}
	if len(r.Stop) > 0 {
		items := make([][]byte, len(r.Stop))
		for i, s := range r.Stop {
			items[i] = wire.AppendString(nil, s)
		}
		o.Raw("stop_sequences", wire.List(items))
	}
	if r.Format.Kind != "" {
		var format wire.Builder
		format.Text("type", "json_object")
		format.Raw("json_schema", r.Format.Schema)
		o.Raw("response_format", format.Bytes())
	}
	o.Raw("thinking", thinking(r))
	tools(&o, r)
	for _, p := range r.Rest {
		o.Raw(p.Name, p.Raw)
	}
	return append(dst, o.Bytes()...), nil
}

func thinking(r *chat.Request) []byte {
	var o wire.Builder
	if r.Thinking != nil {
		kind, _ := wire.String(wire.Lookup(r.Thinking, "type"))
		o.Text("type", kind)
		o.Raw("token_budget", wire.Lookup(r.Thinking, "budget_tokens"))
		return o.Bytes()
	}
	switch r.Effort {
	case "":
		return nil
	case "none":
		o.Text("type", "disabled")
	default:
		o.Text("type", "enabled")
		o.Int("token_budget", chat.Budget(r.Effort))
	}
	return o.Bytes()
}

func tools(o *wire.Builder, r *chat.Request) {
	var items [][]byte
	for i := range r.Tools {
		t := &r.Tools[i]
		if t.Raw != nil || r.Choice.Kind == "named" && t.Name != r.Choice.Name {
			continue // Cohere can be held to a tool only by offering no other
		}
		var fn, item wire.Builder
		fn.Text("name", t.Name)
		if t.Description != "" {
			fn.Text("description", t.Description)
		}
		parameters := t.Parameters
		if parameters == nil {
			parameters = []byte(`{"type":"object","properties":{}}`)
		}
		fn.Raw("parameters", parameters)
		item.Text("type", "function")
		item.Raw("function", fn.Bytes())
		items = append(items, item.Bytes())
	}
	if len(items) == 0 {
		return
	}
	o.Raw("tools", wire.List(items))
	switch r.Choice.Kind {
	case "none":
		o.Text("tool_choice", "NONE")
	case "required", "named":
		o.Text("tool_choice", "REQUIRED")
	}
}

func message(role string, content []byte) []byte {
	var o wire.Builder
	o.Text("role", role)
	o.Raw("content", content)
	return o.Bytes()
}

func (f *FromChat) messages(r *chat.Request) ([]byte, error) {
	var items [][]byte
	if text := chat.JoinText(r.System); text != "" {
		items = append(items, message("system", wire.AppendString(nil, text)))
	}
	for i := range r.Turns {
		t := &r.Turns[i]
		var shown, calls [][]byte
		thought := ""
		for j := range t.Parts {
			p := &t.Parts[j]
			var o, inner wire.Builder
			switch p.Kind {
			case chat.Text:
				o.Text("type", "text")
				o.Text("text", p.Text)
				shown = append(shown, o.Bytes())
			case chat.Image:
				url := p.URL
				if url == "" {
					url = "data:" + p.MediaType + ";base64," + p.Data
				}
				inner.Text("url", url)
				o.Text("type", "image_url")
				o.Raw("image_url", inner.Bytes())
				shown = append(shown, o.Bytes())
			case chat.File, chat.Audio:
				if err := f.Policy.Unsupported("file", []byte("{}")); err != nil {
					return nil, err //nolint:wrapcheck // fit for the caller
				}
			case chat.Call:
				inner.Text("name", p.Name)
				inner.Text("arguments", string(p.Args))
				o.Text("id", p.ID)
				o.Text("type", "function")
				o.Raw("function", inner.Bytes())
				calls = append(calls, o.Bytes())
			case chat.Result:
				o.Text("role", "tool")
				o.Text("tool_call_id", p.ID)
				o.Text("content", chat.JoinText(p.Parts))
				items = append(items, o.Bytes())
			case chat.Thinking:
				thought += p.Text
			}
		}
		if len(shown) == 0 && len(calls) == 0 {
			continue
		}
		var o wire.Builder
		o.Text("role", t.Role)
		if thought != "" && len(calls) > 0 {
			o.Text("tool_plan", thought)
		}
		if len(shown) > 0 {
			o.Raw("content", wire.List(shown))
		}
		if len(calls) > 0 {
			o.Raw("tool_calls", wire.List(calls))
		}
		items = append(items, o.Bytes())
	}
	return wire.List(items), nil
}

func finishReason(s string) string {
	switch s {
	case "MAX_TOKENS":
		return "length"
	case "TOOL_CALL":
		return "tool_calls"
	case "ERROR_TOXIC":
		return "content_filter"
	}
	return "stop" // COMPLETE, STOP_SEQUENCE
}

// ReadUsage reads usage: tokens as the model saw them, or what is billed where those are missing.
func ReadUsage(raw []byte) wire.Usage {
	var u wire.Usage
	for _, name := range [...]string{"billed_units", "tokens"} {
		part := wire.Lookup(raw, name)
		for _, c := range [...]struct {
			name string
			to   *int64
		}{{"input_tokens", &u.Input}, {"output_tokens", &u.Output}, {"search_units", &u.SearchUnits}, {"images", &u.InputImage}} {
			if name == "tokens" && u.Seen {
				continue // Cohere bills fewer than the model saw: its own prompt is free
			}
			v := wire.Lookup(part, c.name)
			if wire.Null(v) {
				continue
			}
			if n, ok := wire.Count(v); ok {
				*c.to = n
			} else {
				u.Bad = true
			}
		}
		u.Seen = u.Seen || u.Input > 0 || u.Output > 0
	}
	if n, ok := wire.Count(wire.Lookup(raw, "cached_tokens")); ok {
		u.CacheRead = min(n, u.Input)
	}
	return u
}

// Answer appends the chat completion for Cohere's answer.
func (f *FromChat) Answer(dst, body []byte) ([]byte, wire.Usage, error) {
	said := wire.Lookup(body, "message")
	if !wire.IsObject(said) {
		return dst, wire.Usage{}, chat.ErrAnswer
	}
	finish, _ := wire.String(wire.Lookup(body, "finish_reason"))
	s := chat.Said{Finish: finishReason(finish)}
	wire.EachElement(wire.Lookup(said, "content"), func(b []byte) {
		if t, ok := wire.String(wire.Lookup(b, "text")); ok {
			s.Text += t
		}
		if t, ok := wire.String(wire.Lookup(b, "thinking")); ok {
			s.Thought += t
		}
	})
	if plan, ok := wire.String(wire.Lookup(said, "tool_plan")); ok {
		s.Thought += plan
	}
	wire.EachElement(wire.Lookup(said, "tool_calls"), func(c []byte) { s.Calls = append(s.Calls, called(c)) })
	if raw := wire.Lookup(said, "citations"); wire.IsArray(raw) {
		var extra wire.Builder
		extra.Raw("citations", raw)
		s.Extra = extra.Bytes()
	}
	usage := ReadUsage(wire.Lookup(body, "usage"))
	a := chat.Answer{ID: "chatcmpl-" + f.ID, Created: f.Now().Unix(), Choices: []chat.Said{s}, Usage: usage}
	return a.Append(dst), usage, nil
}

func called(c []byte) chat.Called {
	var call chat.Called
	call.ID, _ = wire.String(wire.Lookup(c, "id"))
	call.Name, _ = wire.String(wire.Lookup(c, "function", "name"))
	args, _ := wire.String(wire.Lookup(c, "function", "arguments"))
	call.Args = bytes.TrimSpace([]byte(args))
	return call
}

// Filter turns the events of a chat stream into chunks for next.
func (f *FromChat) Filter(next stream.Filter) stream.Filter {
	return &events{chat.Chunks{Next: next, ID: "chatcmpl-" + f.ID, Created: f.Now().Unix()}}
}

// events is the filter of FromChat.
type events struct{ chat.Chunks }

// Event turns one event into the chunks it means.
func (e *events) Event(ev stream.Event, out []byte) ([]byte, error) {
	data := bytes.TrimSpace(ev.Data)
	if len(data) == 0 || string(data) == "[DONE]" {
		return out, nil
	}
	var a wire.Answer
	if a.Parse(data) != nil {
		return out, chat.ErrEvent
	}
	delta := wire.Lookup(data, "delta")
	kind, _ := wire.String(a.Type())
	switch kind {
	case "content-delta":
		if s, ok := wire.String(wire.Lookup(delta, "message", "content", "thinking")); ok {
			return e.Thought(0, s, out)
		}
		s, _ := wire.String(wire.Lookup(delta, "message", "content", "text"))
		return e.Text(0, s, out)
	case "tool-plan-delta":
		s, _ := wire.String(wire.Lookup(delta, "message", "tool_plan"))
		return e.Thought(0, s, out)
	case "tool-call-start":
		call := called(wire.Lookup(delta, "message", "tool_calls"))
		return e.Call(0, &call, out)
	case "tool-call-delta":
		s, _ := wire.String(wire.Lookup(delta, "message", "tool_calls", "function", "arguments"))
		return e.Arguments(0, s, out)
	case "message-end":
		return e.end(delta, out)
	}
	if failure := a.Failure(); failure != nil {
		e.Fail(failure)
	} else if kind == "" && wire.Lookup(data, "message") != nil {
		e.Fail(data) // {"message":"..."}: how Cohere's errors look everywhere
	}
	return out, nil
}

func (e *events) end(delta, out []byte) ([]byte, error) {
	finish, _ := wire.String(wire.Lookup(delta, "finish_reason"))
	if finish == "ERROR" || finish == "TIMEOUT" {
		var o wire.Builder
		message, _ := wire.String(wire.Lookup(delta, "error"))
		if message == "" {
			message = "the provider ended the stream with " + finish
		}
		o.Text("message", message)
		o.Text("type", "server_error")
		e.Fail(o.Bytes())
		return out, nil
	}
	if u := ReadUsage(wire.Lookup(delta, "usage")); u.Seen {
		e.Usage = u
	}
	out, err := e.Finish(0, finishReason(finish), out)
	if err != nil {
		return out, err //nolint:wrapcheck // the filter's own
	}
	return e.Close(out) //nolint:wrapcheck // as above
}
