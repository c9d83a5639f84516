package chat

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"gatehouse/proxy/wire"
)

// Kind says what a Part is.
type Kind uint8

// The kinds.
const (
	Text Kind = iota
	Image
	File
	Audio
	Call     // the assistant calls a tool
	Result   // what a tool answered
	Thinking // what the model thought, or Redacted
)

// Part is a piece of a message.
type Part struct {
	Kind      Kind
	Text      string // of Text and Thinking
	MediaType string // of Image, File and Audio
	Data      string // base64; or URL, or FileID
	URL       string
	FileID    string
	ID        string // of Call and Result
	Name      string // of the tool, or of the file
	Args      []byte // of Call: a JSON object
	Parts     []Part // of Result
	Failed    bool   // of Result
	Signature string // of Thinking, and of a Call whose provider signs it
	Redacted  string
	Cache     []byte // raw cache_control
	At        int    // index of the message
}

// Bad is a refusal that names the message at fault.
func Bad(at int, what string) error {
	return &wire.BadField{Field: "messages", Message: fmt.Sprintf("messages[%d] %s", at, what)}
}

func (r *Request) conversation(raw []byte) error {
	var err error
	n := 0
	wire.EachElement(raw, func(m []byte) {
		at := n
		n++
		if err == nil {
			err = r.message(m, at)
		}
	})
	if err != nil {
		return err
	}
	if len(r.Turns) == 0 || r.Turns[0].Role != "user" {
		r.Turns = slices.Insert(r.Turns, 0, Turn{"user", []Part{{Text: "."}}}) // a conversation begins with the user
	}
	for i := range r.Turns { // what tools answered comes before anything else
		slices.SortStableFunc(r.Turns[i].Parts, func(a, b Part) int { return rank(a) - rank(b) })
		r.Turns[i].Parts = answeredOnce(r.Turns[i].Parts)
	}
	return nil
}

// answeredOnce leaves one result for each call of a tool: the last, where a client has sent several.
func answeredOnce(parts []Part) []Part {
	out := parts[:0]
	for i := range parts {
		p := &parts[i]
		if p.Kind == Result && slices.ContainsFunc(parts[i+1:], func(later Part) bool { return later.Kind == Result && later.ID == p.ID }) {
			continue
		}
		out = append(out, *p)
	}
	return out
}

func rank(p Part) int {
	switch p.Kind { //nolint:exhaustive // the others stay where they are
	case Result, Thinking:
		return 0
	}
	return 1
}

func (r *Request) message(m []byte, at int) error {
	if !wire.IsObject(m) {
		return Bad(at, "is no object")
	}
	role, _ := wire.String(wire.Lookup(m, "role"))
	content := wire.Lookup(m, "content")
	var parts []Part
	var err error
	switch role {
	case "system", "developer":
		parts, err = contentOf(content, at)
		r.System = append(r.System, cached(parts, m)...)
		return err
	case "user":
		parts, err = contentOf(content, at)
	case "assistant":
		parts, err = spoken(m, content, at)
	case "tool", "function":
		parts, err = result(m, content, at)
		role = "user"
	default:
		return Bad(at, fmt.Sprintf("has the role %q", role))
	}
	if err != nil {
		return err
	}
	if parts = cached(parts, m); len(parts) == 0 {
		return nil
	}
	if last := len(r.Turns) - 1; last >= 0 && r.Turns[last].Role == role {
		r.Turns[last].Parts = append(r.Turns[last].Parts, parts...)
		return nil
	}
	r.Turns = append(r.Turns, Turn{role, parts})
	return nil
}

// cached puts a message's own cache_control on its last part.
func cached(parts []Part, m []byte) []Part {
	if cache := wire.Lookup(m, "cache_control"); !wire.Null(cache) && len(parts) > 0 {
		parts[len(parts)-1].Cache = cache
	}
	return parts
}

// contentOf reads content, a string or a list of parts. Text that is white space only is left out: most providers refuse it.
func contentOf(raw []byte, at int) ([]Part, error) {
	if wire.Null(raw) {
		return nil, nil
	}
	if s, ok := wire.String(raw); ok {
		if strings.TrimSpace(s) == "" {
			return nil, nil
		}
		return []Part{{Text: s, At: at}}, nil
	}
	if !wire.IsArray(raw) {
		return nil, Bad(at, "has a content that is neither text nor a list")
	}
	var parts []Part
	var err error
	wire.EachElement(raw, func(e []byte) {
		if err != nil {
			return
		}
		var p Part
		var ok bool
		if p, ok, err = partOf(e, at); ok {
			p.At = at
			if cache := wire.Lookup(e, "cache_control"); !wire.Null(cache) {
				p.Cache = cache
			}
			parts = append(parts, p)
		}
	})
	return parts, err
}

func partOf(e []byte, at int) (p Part, ok bool, err error) {
	if !wire.IsObject(e) {
		return p, false, Bad(at, "has a part that is no object")
	}
	kind, _ := wire.String(wire.Lookup(e, "type"))
	switch kind {
	case "text", "refusal":
		p.Text, _ = wire.String(wire.Lookup(e, kind))
		return p, strings.TrimSpace(p.Text) != "", nil
	case "image_url":
		raw := wire.Lookup(e, "image_url")
		if wire.IsObject(raw) {
			if format, ok := wire.String(wire.Lookup(raw, "format")); ok {
				p.MediaType = format
			}
			raw = wire.Lookup(raw, "url")
		}
		url, _ := wire.String(raw)
		if p.Kind = Image; !p.locate(url) {
			return p, false, Bad(at, "has an image_url that is no data: or http(s) URL")
		}
		return p, true, nil
	case "file":
		return fileOf(wire.Lookup(e, "file"), at)
	case "input_audio":
		p.Kind = Audio
		p.Data, _ = wire.String(wire.Lookup(e, "input_audio", "data"))
		format, _ := wire.String(wire.Lookup(e, "input_audio", "format"))
		p.MediaType = "audio/" + format
		return p, true, nil
	case "thinking", "redacted_thinking":
		return thought(e), true, nil
	case "":
		return p, false, Bad(at, "has a part without a type")
	}
	return p, false, Bad(at, fmt.Sprintf("has a part of the type %q, which this model's provider has no word for", kind))
}

func fileOf(file []byte, at int) (p Part, ok bool, err error) {
	p.Kind = File
	p.Name, _ = wire.String(wire.Lookup(file, "filename"))
	p.MediaType, _ = wire.String(wire.Lookup(file, "format"))
	if data, _ := wire.String(wire.Lookup(file, "file_data")); data != "" {
		if !p.locate(data) { // bare base64
			p.Data = data
			if p.MediaType == "" {
				p.MediaType = "application/pdf"
			}
		}
		return p, true, nil
	}
	id, _ := wire.String(wire.Lookup(file, "file_id"))
	switch {
	case id == "":
		return p, false, Bad(at, "has a file without data or id")
	case p.locate(id): // LiteLLM takes URLs here
	default:
		p.FileID = id
	}
	return p, true, nil
}

// locate reads a data: or web URL; false when it is neither.
func (p *Part) locate(url string) bool {
	if rest, ok := strings.CutPrefix(url, "data:"); ok {
		head, data, ok := strings.Cut(rest, ",")
		if !ok {
			return false
		}
		mediaType, _, _ := strings.Cut(head, ";")
		if mediaType != "" {
			p.MediaType = mediaType
		}
		p.Data = data
		return true
	}
	for _, scheme := range [...]string{"http://", "https://", "gs://", "s3://"} {
		if len(url) > len(scheme) && strings.EqualFold(url[:len(scheme)], scheme) {
			p.URL = url
			if p.MediaType == "" {
				p.MediaType = MediaTypeOf(url)
			}
			return true
		}
	}
	return false
}

// MediaTypeOf guesses by a URL's ending; "" when it tells nothing.
func MediaTypeOf(url string) string {
	url, _, _ = strings.Cut(url, "?")
	url, _, _ = strings.Cut(url, "#")
	switch strings.ToLower(path.Ext(url)) {
	case ".png":
		return "image/png"
	case ".jpg", ".jpeg":
		return "image/jpeg"
	case ".gif":
		return "image/gif"
	case ".webp":
		return "image/webp"
	case ".pdf":
		return "application/pdf"
	case ".txt":
		return "text/plain"
	case ".mp4":
		return "video/mp4"
	case ".mp3":
		return "audio/mpeg"
	case ".wav":
		return "audio/wav"
	}
	return ""
}

func thought(block []byte) Part {
	p := Part{Kind: Thinking}
	p.Text, _ = wire.String(wire.Lookup(block, "thinking"))
	p.Signature, _ = wire.String(wire.Lookup(block, "signature"))
	p.Redacted, _ = wire.String(wire.Lookup(block, "data"))
	return p
}

// spoken is an assistant's turn: what it thought, what it said, what it called.
func spoken(m, content []byte, at int) ([]Part, error) {
	var parts []Part
	wire.EachElement(wire.Lookup(m, "thinking_blocks"), func(b []byte) { parts = append(parts, thought(b)) })
	said, err := contentOf(content, at)
	if err != nil {
		return nil, err
	}
	parts = append(parts, said...)
	call := func(c []byte, id string) {
		p := Part{Kind: Call, ID: id, At: at}
		p.Name, _ = wire.String(wire.Lookup(c, "name"))
		for _, place := range [...][]string{{"provider_specific_fields", "thought_signature"}, {"thought_signature"}} {
			if s, ok := wire.String(wire.Lookup(c, place...)); ok {
				p.Signature = s
			}
		}
		text, _ := wire.String(wire.Lookup(c, "arguments"))
		if p.Args = bytes.TrimSpace([]byte(text)); len(p.Args) == 0 {
			p.Args = []byte("{}")
		}
		if err == nil && (!wire.IsObject(p.Args) || !json.Valid(p.Args)) {
			err = Bad(at, "calls a tool with arguments that are no JSON object")
		}
		parts = append(parts, p)
	}
	wire.EachElement(wire.Lookup(m, "tool_calls"), func(c []byte) {
		id, _ := wire.String(wire.Lookup(c, "id"))
		call(wire.Lookup(c, "function"), id)
		if s, ok := wire.String(wire.Lookup(c, "provider_specific_fields", "thought_signature")); ok {
			parts[len(parts)-1].Signature = s
		}
	})
	if c := wire.Lookup(m, "function_call"); wire.IsObject(c) {
		name, _ := wire.String(wire.Lookup(c, "name"))
		call(c, "call_"+name)
	}
	return parts, err
}

// result is what a tool answered.
func result(m, content []byte, at int) ([]Part, error) {
	p := Part{Kind: Result, At: at}
	p.Name, _ = wire.String(wire.Lookup(m, "name"))
	id, ok := wire.String(wire.Lookup(m, "tool_call_id"))
	if !ok {
		if role, _ := wire.String(wire.Lookup(m, "role")); role != "function" {
			return nil, Bad(at, "answers a tool without tool_call_id")
		}
		id = "call_" + p.Name
	}
	p.ID = id
	p.Failed = string(wire.Lookup(m, "is_error")) == "true"
	parts, err := contentOf(content, at)
	p.Parts = parts
	return []Part{p}, err
}

// JoinText joins the text of parts.
func JoinText(parts []Part) string {
	var texts []string
	for i := range parts {
		if parts[i].Kind == Text {
			texts = append(texts, parts[i].Text)
		}
	}
	return strings.Join(texts, "\n")
}
