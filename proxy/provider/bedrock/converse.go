package bedrock

import (
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"gatehouse/proxy/provider/chat"
	"gatehouse/proxy/wire"
)

// FromChat serves OpenAI's chat completions by Converse: one call's bridge.
type FromChat struct {
	Now    func() time.Time
	ID     string // of the call
	Policy chat.Policy
	// Fetch gets what a URL points to, since Converse takes bytes alone; it guards against addresses that are not for
	// callers. nil: URLs are refused.
	Fetch func(url string) (mediaType string, data []byte, err error)

	jsonTool bool // the answer comes as the arguments of a tool, for response_format
}

// jsonTool is the tool that stands in for response_format (LiteLLM's name for it).
const jsonTool = "json_tool_call"

// Request appends the Converse request for a chat request. Errors: *wire.BadField, *provider.UnsupportedParam.
func (f *FromChat) Request(dst []byte, in *wire.Request, model string) ([]byte, error) {
	r, err := chat.Parse(in)
	if err != nil {
		return dst, err //nolint:wrapcheck // fit for the caller
	}
	if err := f.Policy.Settle(r,
		chat.Field{Name: "n", Raw: r.N},
		chat.Field{Name: "logprobs", Raw: r.LogProbs},
		chat.Field{Name: "top_logprobs", Raw: r.TopLogProbs},
		chat.Field{Name: "logit_bias", Raw: r.LogitBias},
		chat.Field{Name: "presence_penalty", Raw: r.PresencePenalty},
		chat.Field{Name: "frequency_penalty", Raw: r.FrequencyPenalty},
		chat.Field{Name: "seed", Raw: r.Seed},
		chat.Field{Name: "modalities", Raw: r.Modalities},
	); err != nil {
		return dst, err //nolint:wrapcheck // as above
	}
	f.jsonTool = r.Format.Kind == "json_schema"
	var o wire.Builder
	if len(r.System) > 0 {
		var items [][]byte
		for i := range r.System {
			if r.System[i].Kind == chat.Text {
				items = append(items, textOf(r.System[i].Text))
				items = appendCache(items, r.System[i].Cache)
			}
		}
		if len(items) > 0 {
			o.Raw("system", wire.List(items))
		}
	}
	messages := make([][]byte, 0, len(r.Turns))
	for i := range r.Turns {
		blocks, err := f.blocks(r.Turns[i].Parts)
		if err != nil {
			return dst, err
		}
		var m wire.Builder
		m.Text("role", r.Turns[i].Role)
		m.Raw("content", wire.List(blocks))
		messages = append(messages, m.Bytes())
	}
	o.Raw("messages", wire.List(messages))
	id, _ := split(model)
	more := additional(r, id)
	o.Raw("toolConfig", f.tools(r, isClaude(id) && claudeThinking(r) != nil))
	o.Raw("inferenceConfig", inference(r))
	for _, p := range r.Rest {
		switch p.Name {
		case "guardrailConfig", "performanceConfig", "requestMetadata", "promptVariables", "additionalModelResponseFieldPaths", "outputConfig":
			o.Raw(p.Name, p.Raw)
		case "top_k":
		default:
			more.Raw(p.Name, p.Raw)
		}
	}
	if tier, ok := wire.String(r.ServiceTier); ok && tier != "auto" {
		var t wire.Builder
		t.Text("type", tier)
		o.Raw("serviceTier", t.Bytes())
	}
	if !more.Empty() {
		o.Raw("additionalModelRequestFields", more.Bytes())
	}
	return append(dst, o.Bytes()...), nil
}

// inference is inferenceConfig.
func inference(r *chat.Request) []byte {
	var o wire.Builder
	o.Raw("maxTokens", r.MaxTokens)
	o.Raw("temperature", r.Temperature)
	o.Raw("topP", r.TopP)
	if len(r.Stop) > 0 {
		items := make([][]byte, len(r.Stop))
		for i, s := range r.Stop {
			items[i] = wire.AppendString(nil, s)
		}
		o.Raw("stopSequences", wire.List(items))
	}
	if o.Empty() {
		return nil
	}
	return o.Bytes()
}

// additional is what only the model itself knows.
func additional(r *chat.Request, id string) *wire.Builder {
	more := new(wire.Builder)
	if r.TopK != nil {
		more.Raw("top_k", r.TopK)
	}
	if string(r.Parallel) == "false" && isClaude(id) && len(r.Tools) > 0 && (r.Choice.Kind == "" || r.Choice.Kind == "auto") {
		more.Raw("tool_choice", []byte(`{"type":"auto","disable_parallel_tool_use":true}`))
	}
	switch {
	case isClaude(id):
		more.Raw("thinking", claudeThinking(r))
	case r.Effort == "" || r.Effort == "none":
	case strings.Contains(id, "amazon.nova"):
		var c wire.Builder
		c.Text("type", "enabled")
		c.Text("maxReasoningEffort", r.Effort)
		more.Raw("reasoningConfig", c.Bytes())
	default:
		more.Text("reasoning_effort", r.Effort)
	}
	return more
}

// claudeThinking is what Claude is told about thinking; nil: nothing. A turn that began without thinking cannot be gone on
// with it: the model wants the thinking before a tool's call back.
func claudeThinking(r *chat.Request) []byte {
	if r.Thinking != nil {
		if budget, _ := wire.Int(wire.Lookup(r.Thinking, "budget_tokens")); budget > 0 && r.Unthought() {
			return nil
		}
		return r.Thinking
	}
	budget := chat.ClaudeBudget(r.Effort, r.MaxTokens)
	if budget == 0 || r.Unthought() {
		return nil
	}
	return fmt.Appendf(nil, `{"type":"enabled","budget_tokens":%d}`, budget)
}

func textOf(text string) []byte {
	var o wire.Builder
	o.Text("text", text)
	return o.Bytes()
}

// appendCache appends the cache point that a cache_control asks for.
func appendCache(items [][]byte, cache []byte) [][]byte {
	if wire.Null(cache) {
		return items
	}
	if ttl, _ := wire.String(wire.Lookup(cache, "ttl")); ttl == "1h" {
		return append(items, []byte(`{"cachePoint":{"type":"default","ttl":"1h"}}`))
	}
	return append(items, []byte(`{"cachePoint":{"type":"default"}}`))
}

func (f *FromChat) blocks(parts []chat.Part) ([][]byte, error) {
	var out [][]byte
	for i := range parts {
		block, err := f.block(&parts[i])
		if err != nil {
			return nil, err
		}
		if block != nil {
			out = appendCache(append(out, block), parts[i].Cache)
		}
	}
	return out, nil
}

func (f *FromChat) block(p *chat.Part) ([]byte, error) {
	var inner, o wire.Builder
	switch p.Kind {
	case chat.Text:
		return textOf(p.Text), nil
	case chat.Image, chat.File:
		return f.media(p)
	case chat.Audio:
		if err := f.Policy.Unsupported("input_audio", []byte("{}")); err != nil {
			return nil, err //nolint:wrapcheck // fit for the caller
		}
		return nil, nil
	case chat.Call:
		inner.Text("toolUseId", p.ID)
		inner.Text("name", p.Name)
		inner.Raw("input", p.Args)
		o.Raw("toolUse", inner.Bytes())
	case chat.Result:
		blocks, err := f.blocks(p.Parts)
		if err != nil {
			return nil, err
		}
		inner.Text("toolUseId", p.ID)
		inner.Raw("content", wire.List(blocks))
		if p.Failed {
			inner.Text("status", "error")
		}
		o.Raw("toolResult", inner.Bytes())
	case chat.Thinking:
		o.Raw("reasoningContent", reasoning(p))
	}
	return o.Bytes(), nil
}

func reasoning(p *chat.Part) []byte {
	var o, text wire.Builder
	if p.Redacted != "" {
		o.Text("redactedContent", p.Redacted)
		return o.Bytes()
	}
	text.Text("text", p.Text)
	if p.Signature != "" {
		text.Text("signature", p.Signature)
	}
	o.Raw("reasoningText", text.Bytes())
	return o.Bytes()
}

// media is an image, a document or a video. What is at a web address is fetched; s3:// goes as it is.
func (f *FromChat) media(p *chat.Part) ([]byte, error) {
	mediaType, data := p.MediaType, p.Data
	var source, inner, o wire.Builder
	switch {
	case p.FileID != "":
		return nil, chat.Bad(p.At, "names a file by id, which Bedrock does not know; send its data")
	case strings.HasPrefix(p.URL, "s3://"):
		var at wire.Builder
		at.Text("uri", p.URL)
		source.Raw("s3Location", at.Bytes())
	case p.URL != "":
		if f.Fetch == nil {
			return nil, chat.Bad(p.At, "has a URL where this model takes data: URLs only")
		}
		kind, content, err := f.Fetch(p.URL)
		if err != nil {
			return nil, chat.Bad(p.At, "has a URL that could not be fetched: "+err.Error())
		}
		if kind != "" {
			mediaType = kind
		}
		data = base64.StdEncoding.EncodeToString(content)
		fallthrough
	default:
		source.Text("bytes", data)
	}
	what, format := formatOf(mediaType)
	if what == "" {
		return nil, chat.Bad(p.At, fmt.Sprintf("has a file of the type %q, which Bedrock does not take", mediaType))
	}
	inner.Text("format", format)
	if what == "document" {
		inner.Text("name", documentName(p.Name))
	}
	inner.Raw("source", source.Bytes())
	o.Raw(what, inner.Bytes())
	return o.Bytes(), nil
}

// formatOf is the kind of block for a media type and Bedrock's name for it.
func formatOf(mediaType string) (what, format string) {
	switch mediaType {
	case "image/png", "image/jpeg", "image/gif", "image/webp":
		return "image", strings.TrimPrefix(mediaType, "image/")
	case "image/jpg":
		return "image", "jpeg"
	case "application/pdf":
		return "document", "pdf"
	case "text/plain":
		return "document", "txt"
	case "text/csv":
		return "document", "csv"
	case "text/html":
		return "document", "html"
	case "text/markdown":
		return "document", "md"
	case "application/msword":
		return "document", "doc"
	case "application/vnd.openxmlformats-officedocument.wordprocessingml.document":
		return "document", "docx"
	case "application/vnd.ms-excel":
		return "document", "xls"
	case "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet":
		return "document", "xlsx"
	case "video/mp4", "video/webm", "video/mpeg":
		return "video", strings.TrimPrefix(mediaType, "video/")
	case "video/quicktime":
		return "video", "mov"
	case "video/x-matroska":
		return "video", "mkv"
	case "video/x-flv":
		return "video", "flv"
	case "video/3gpp":
		return "video", "three_gp"
	}
	return "", ""
}

// documentName keeps to the characters that Bedrock takes in a document's name.
func documentName(name string) string {
	if i := strings.LastIndexByte(name, '.'); i > 0 {
		name = name[:i]
	}
	name = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-()[]", r) {
			return r
		}
		return ' '
	}, name)
	if name = strings.Join(strings.Fields(name), " "); name == "" {
		return "document"
	}
	return name[:min(len(name), 200)]
}

// tools is toolConfig; nil without tools. A conversation that has tool calls in it needs one in any case.
// A model that thinks cannot be made to call one.
func (f *FromChat) tools(r *chat.Request, thinks bool) []byte {
	var items [][]byte
	none := r.Choice.Kind == "none"
	if !none {
		for i := range r.Tools {
			t := &r.Tools[i]
			if t.Raw != nil {
				items = append(items, t.Raw) // in Converse's own form
				continue
			}
			items = appendCache(append(items, spec(t.Name, t.Description, t.Parameters)), t.Cache)
		}
	}
	if f.jsonTool {
		items = append(items, spec(jsonTool, "Give the answer in this form.", r.Format.Schema))
	}
	if len(items) == 0 {
		if !r.UsesTools() {
			return nil
		}
		items = append(items, spec("dummy_tool", "This tool is not to be called.", nil))
	}
	var o, choice wire.Builder
	o.Raw("tools", wire.List(items))
	switch {
	case f.jsonTool && thinks:
	case f.jsonTool && (len(r.Tools) == 0 || none):
		choice.Raw("tool", []byte(`{"name":"`+jsonTool+`"}`))
	case f.jsonTool, r.Choice.Kind == "required":
		choice.Raw("any", []byte("{}"))
	case r.Choice.Kind == "auto":
		choice.Raw("auto", []byte("{}"))
	case r.Choice.Kind == "named":
		var name wire.Builder
		name.Text("name", r.Choice.Name)
		choice.Raw("tool", name.Bytes())
	}
	if !choice.Empty() {
		o.Raw("toolChoice", choice.Bytes())
	}
	return o.Bytes()
}

func spec(name, description string, schema []byte) []byte {
	var input, s, o wire.Builder
	if schema == nil {
		schema = []byte(`{"type":"object","properties":{}}`)
	}
	input.Raw("json", schema)
	s.Text("name", name)
	if description != "" {
		s.Text("description", description)
	}
	s.Raw("inputSchema", input.Bytes())
	o.Raw("toolSpec", s.Bytes())
	return o.Bytes()
}
