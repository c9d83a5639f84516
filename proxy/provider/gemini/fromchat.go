package gemini

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"gatehouse/proxy/provider/chat"
	"gatehouse/proxy/wire"
)

// FromChat serves OpenAI's chat completions by generateContent: one call's bridge.
type FromChat struct {
	Now    func() time.Time
	ID     string // of the call
	Policy chat.Policy

	calls int // tool calls made so far, for their ids
	major int // generation of the model
}

// Request appends the generateContent body for a chat request. Errors: *wire.BadField, *provider.UnsupportedParam.
func (f *FromChat) Request(dst []byte, in *wire.Request, model string) ([]byte, error) {
	f.major, _ = generation(model)
	r, err := chat.Parse(in)
	if err != nil {
		return dst, err //nolint:wrapcheck // fit for the caller
	}
	if err := f.Policy.Settle(r, chat.Field{Name: "logit_bias", Raw: r.LogitBias}); err != nil {
		return dst, err //nolint:wrapcheck // as above
	}
	var o wire.Builder
	contents, err := f.contents(r)
	if err != nil {
		return dst, err
	}
	o.Raw("contents", contents)
	if text := chat.JoinText(r.System); text != "" {
		o.Raw("systemInstruction", content("", [][]byte{textPart(text)}))
	}
	tools, config := toolsOf(r)
	for i, p := range r.Rest {
		if p.Name == "web_search_options" {
			tools = append(tools, []byte(`{"googleSearch":{}}`))
			r.Rest[i].Raw = nil
		}
	}
	if len(tools) > 0 {
		o.Raw("tools", wire.List(tools))
		o.Raw("toolConfig", config)
	}
	generation := f.generation(r, model)
	for _, p := range r.Rest {
		switch p.Name {
		case "safetySettings", "safety_settings":
			o.Raw("safetySettings", p.Raw)
		case "cachedContent", "cached_content":
			o.Raw("cachedContent", p.Raw)
		case "labels":
			o.Raw("labels", p.Raw)
		default:
			generation.Raw(p.Name, p.Raw)
		}
	}
	if !generation.Empty() {
		o.Raw("generationConfig", generation.Bytes())
	}
	return append(dst, o.Bytes()...), nil
}

// generation reads which Gemini a model is: gemini-2.5-pro is 2 and 5. A name that does not tell is taken for the newest
// that thinks by budget.
func generation(model string) (major, minor int) {
	_, rest, ok := strings.Cut(model, "gemini-")
	if !ok {
		return 2, 5
	}
	version, _, _ := strings.Cut(rest, "-")
	a, b, _ := strings.Cut(version, ".")
	major, err := strconv.Atoi(a)
	if err != nil {
		return 2, 5
	}
	minor, _ = strconv.Atoi(b)
	return major, minor
}

// generation is generationConfig.
func (f *FromChat) generation(r *chat.Request, model string) *wire.Builder {
	var g wire.Builder
	g.Raw("maxOutputTokens", r.MaxTokens)
	g.Raw("temperature", r.Temperature)
	g.Raw("topP", r.TopP)
	g.Raw("topK", r.TopK)
	g.Raw("candidateCount", r.N)
	g.Raw("seed", r.Seed)
	g.Raw("presencePenalty", r.PresencePenalty)
	g.Raw("frequencyPenalty", r.FrequencyPenalty)
	if string(r.LogProbs) == "true" {
		g.Bool("responseLogprobs", true)
		g.Raw("logprobs", r.TopLogProbs)
	}
	if len(r.Stop) > 0 {
		items := make([][]byte, len(r.Stop))
		for i, s := range r.Stop {
			items[i] = wire.AppendString(nil, s)
		}
		g.Raw("stopSequences", wire.List(items))
	}
	switch r.Format.Kind {
	case "json_schema":
		g.Text("responseMimeType", "application/json")
		g.Raw("responseJsonSchema", r.Format.Schema)
	case "json_object":
		g.Text("responseMimeType", "application/json")
	}
	if wire.IsArray(r.Modalities) {
		var items [][]byte
		wire.EachElement(r.Modalities, func(e []byte) {
			s, _ := wire.String(e)
			items = append(items, wire.AppendString(nil, strings.ToUpper(s)))
		})
		g.Raw("responseModalities", wire.List(items))
	}
	g.Raw("thinkingConfig", f.thinking(r, model))
	return &g
}

// thinking is thinkingConfig: a level from generation 3 on, a budget before.
func (f *FromChat) thinking(r *chat.Request, model string) []byte {
	var o wire.Builder
	if r.Thinking != nil {
		kind, _ := wire.String(wire.Lookup(r.Thinking, "type"))
		switch budget := wire.Lookup(r.Thinking, "budget_tokens"); {
		case kind == "disabled":
			o.Int("thinkingBudget", 0)
			return o.Bytes()
		case kind == "enabled" && budget != nil:
			o.Raw("thinkingBudget", budget)
		}
		o.Bool("includeThoughts", true)
		return o.Bytes()
	}
	switch {
	case r.Effort == "":
		return nil
	case f.major >= 3:
		level := r.Effort
		switch flash := strings.Contains(model, "flash"); {
		case level == "xhigh" || level == "max":
			level = "high"
		case (level == "none" || level == "minimal") && flash:
			level = "minimal"
		case level == "none" || level == "minimal":
			level = "low"
		}
		o.Text("thinkingLevel", level)
	case r.Effort == "none":
		o.Int("thinkingBudget", 0)
		return o.Bytes()
	default:
		o.Int("thinkingBudget", chat.Budget(r.Effort))
	}
	o.Bool("includeThoughts", true)
	return o.Bytes()
}

func textPart(text string) []byte {
	var o wire.Builder
	o.Text("text", text)
	return o.Bytes()
}

func content(role string, parts [][]byte) []byte {
	var o wire.Builder
	if role != "" {
		o.Text("role", role)
	}
	o.Raw("parts", wire.List(parts))
	return o.Bytes()
}

func (f *FromChat) contents(r *chat.Request) ([]byte, error) {
	var items [][]byte
	for i := range r.Turns {
		t := &r.Turns[i]
		var parts [][]byte
		signed := false
		for j := range t.Parts {
			p := &t.Parts[j]
			if p.Kind == chat.Call {
				parts = append(parts, f.call(p, !signed))
				signed = true
				continue
			}
			more, err := f.part(r, p)
			if err != nil {
				return nil, err
			}
			parts = append(parts, more...)
		}
		if len(parts) == 0 {
			continue
		}
		role := "user"
		if t.Role == "assistant" {
			role = "model"
		}
		items = append(items, content(role, parts))
	}
	return wire.List(items), nil
}

// thoughtMark parts a tool call's id from the signature that its model wants back. It travels in the id, since that is
// all that every client gives back as it was (LiteLLM's way).
const thoughtMark = "__thought__"

// noSignature is what Google takes for calls that another model has made (Gemini API, thought signatures, 2025-11).
const noSignature = "skip_thought_signature_validator"

// call is a tool call of an earlier turn; the first of a turn carries the signature.
func (f *FromChat) call(p *chat.Part, first bool) []byte {
	var fn, o wire.Builder
	fn.Text("name", p.Name)
	fn.Raw("args", p.Args)
	o.Raw("functionCall", fn.Bytes())
	signature := p.Signature
	if _, packed, ok := strings.Cut(p.ID, thoughtMark); ok && signature == "" {
		if raw, err := base64.RawURLEncoding.DecodeString(packed); err == nil {
			signature = base64.StdEncoding.EncodeToString(raw)
		}
	}
	if signature == "" && first && f.major >= 3 {
		signature = noSignature
	}
	if signature != "" {
		o.Text("thoughtSignature", signature)
	}
	return o.Bytes()
}

func (f *FromChat) part(r *chat.Request, p *chat.Part) ([][]byte, error) {
	switch p.Kind {
	case chat.Text:
		return [][]byte{textPart(p.Text)}, nil
	case chat.Image, chat.File, chat.Audio:
		part, err := media(p)
		return [][]byte{part}, err
	case chat.Result:
		return f.result(r, p)
	case chat.Thinking, chat.Call:
	}
	return nil, nil // thinking is Google's own only with a signature, which calls carry
}

func media(p *chat.Part) ([]byte, error) {
	var inner, o wire.Builder
	mediaType := p.MediaType
	switch {
	case p.Data != "":
		if p.Kind == chat.Audio {
			mediaType = audioType(mediaType)
		}
		if mediaType == "" {
			return nil, chat.Bad(p.At, "has a file whose media type is not known")
		}
		inner.Text("mimeType", mediaType)
		inner.Text("data", p.Data)
		o.Raw("inlineData", inner.Bytes())
	default:
		if mediaType != "" {
			inner.Text("mimeType", mediaType)
		} else if p.Kind == chat.Image {
			inner.Text("mimeType", "image/jpeg")
		}
		uri := p.URL
		if uri == "" {
			uri = p.FileID
		}
		inner.Text("fileUri", uri)
		o.Raw("fileData", inner.Bytes())
	}
	return o.Bytes(), nil
}

func audioType(mediaType string) string {
	if mediaType == "audio/mp3" {
		return "audio/mpeg"
	}
	return mediaType
}

// result is what a tool answered. Pictures in it stand beside it.
func (f *FromChat) result(r *chat.Request, p *chat.Part) ([][]byte, error) {
	name := r.CallName(p.ID)
	if name == "" {
		name = p.Name
	}
	if name == "" {
		return nil, chat.Bad(p.At, fmt.Sprintf("answers a tool call %q that is not in the conversation", p.ID))
	}
	var fn, o, wrap wire.Builder
	fn.Text("name", name)
	text := chat.JoinText(p.Parts)
	if object := wire.ObjectIn(text); object != nil {
		fn.Raw("response", object)
	} else {
		wrap.Text("result", text)
		fn.Raw("response", wrap.Bytes())
	}
	o.Raw("functionResponse", fn.Bytes())
	parts := [][]byte{o.Bytes()}
	for i := range p.Parts {
		if k := p.Parts[i].Kind; k == chat.Image || k == chat.File || k == chat.Audio {
			part, err := media(&p.Parts[i])
			if err != nil {
				return nil, err
			}
			parts = append(parts, part)
		}
	}
	return parts, nil
}

// toolsOf is tools, and toolConfig when the choice is said.
func toolsOf(r *chat.Request) (tools [][]byte, config []byte) {
	var functions [][]byte
	for i := range r.Tools {
		t := &r.Tools[i]
		if t.Raw != nil {
			if kind, _ := wire.String(wire.Lookup(t.Raw, "type")); strings.HasPrefix(kind, "web_search") {
				tools = append(tools, []byte(`{"googleSearch":{}}`))
			} else if kind == "" {
				tools = append(tools, t.Raw) // in Google's own form
			}
			continue
		}
		var fn wire.Builder
		fn.Text("name", t.Name)
		if t.Description != "" {
			fn.Text("description", t.Description)
		}
		fn.Raw("parametersJsonSchema", t.Parameters)
		functions = append(functions, fn.Bytes())
	}
	if len(functions) == 0 {
		return tools, nil
	}
	var o, fc, c wire.Builder
	o.Raw("functionDeclarations", wire.List(functions))
	tools = append(tools, o.Bytes())
	switch r.Choice.Kind {
	case "auto":
		fc.Text("mode", "AUTO")
	case "none":
		fc.Text("mode", "NONE")
	case "required":
		fc.Text("mode", "ANY")
	case "named":
		fc.Text("mode", "ANY")
		fc.Raw("allowedFunctionNames", wire.List([][]byte{wire.AppendString(nil, r.Choice.Name)}))
	default:
		return tools, nil
	}
	c.Raw("functionCallingConfig", fc.Bytes())
	return tools, c.Bytes()
}
