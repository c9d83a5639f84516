package tokens

import (
	"bytes"
	"encoding/base64"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
)

// What OpenAI documents for its chat format: three tokens around each message, three before the answer.
const (
	perMessage  = 3
	replyPrimer = 3
)

// Images: 85 tokens and 170 for each tile of 512 pixels; 250 where the size cannot be known (proxy.md §6.3).
const (
	imageBase    = 85
	imageTile    = 170
	imageUnknown = 250
	imageMost    = 4800 // more than any known provider takes for one image
)

// CountChat is the number of input tokens of a request body in any of the wires that are served: chat, completions,
// embeddings, Anthropic messages, responses, generateContent. The body is only read; nothing of it is kept.
func CountChat(model string, body []byte) int {
	c := counter{f: familyOf(model), limit: 1 << 20}
	return c.body(body)
}

// EstimateChat is CountChat with bounded work: of all text, about 8 KiB are counted and the rest is taken to be like it.
func EstimateChat(model string, body []byte) int {
	c := counter{f: familyOf(model), limit: 8 << 10}
	return c.body(body)
}

// UpperBound is a number of input tokens that no byte-level tokenizer passes for this body: a token for each byte that
// is not encoded media, and an allowance for media. It costs one pass over the bytes.
func UpperBound(body []byte) int {
	n := len(body) + 64
	for at := 0; ; {
		i := bytes.IndexByte(body[at:], '"')
		if i < 0 {
			return n
		}
		at += i
		end := endOfString(body, at)
		if end < 0 {
			return n
		}
		if s := body[at+1 : end-1]; mediaKey(body, at) && encoded(s) {
			n -= len(s)
			n += imageMost + len(s)/128
		} else if bytes.HasPrefix(s, []byte("http://")) || bytes.HasPrefix(s, []byte("https://")) {
			n += imageMost // perhaps a picture that the provider fetches
		}
		at = end
	}
}

// mediaKey reports that the string at i is the value of a member that providers read media from. What stands in any
// other place may reach the model as text, whatever it looks like.
func mediaKey(body []byte, i int) bool {
	head := bytes.TrimRight(body[:i], " \t\r\n")
	if len(head) == 0 || head[len(head)-1] != ':' {
		return false
	}
	head = bytes.TrimRight(head[:len(head)-1], " \t\r\n")
	for _, key := range [...]string{`"url"`, `"data"`, `"image_url"`, `"file_data"`, `"bytes"`} {
		if bytes.HasSuffix(head, []byte(key)) {
			return true
		}
	}
	return false
}

// encoded reports that a string is media in base64, to its end: a data URL, or a long run of the alphabet.
func encoded(s []byte) bool {
	if bytes.HasPrefix(s, []byte("data:")) {
		comma := bytes.IndexByte(s[:min(len(s), 256)], ',')
		if comma < 0 {
			return false
		}
		s = s[comma+1:]
	} else if len(s) < 1024 {
		return false
	}
	for _, c := range s {
		if !word(c) && c != '+' && c != '/' && c != '-' && c != '_' && c != '=' && c != '\\' {
			return false
		}
	}
	return true
}

// counter walks one body. Text is gathered and counted at the end, so that a limit holds for all of it.
type counter struct {
	f     family
	limit int
	text  []byte
	fixed int // tokens that are not text
	media int // tokens of images and files: no factor for these
	depth int
}

const maxDepth = 64

func (c *counter) body(body []byte) int {
	eachMember(body, func(key, value []byte) {
		switch string(key) {
		case "messages", "contents", "input":
			if len(value) > 0 && value[0] == '[' {
				c.list(value)
				return
			}
			c.value(value)
		case "system", "prompt", "instructions", "systemInstruction", "system_instruction", "query", "documents", "suffix":
			c.value(value)
		case "tools", "functions", "toolConfig":
			c.add(string(value)) // schemas reach the model as text much like their JSON
		}
	})
	text := string(c.text)
	return c.f.scale(c.f.sampled(text, c.limit)+c.fixed) + c.media + replyPrimer
}

// list is messages, or the inputs of an embedding.
func (c *counter) list(arr []byte) {
	eachElement(arr, func(v []byte) {
		if v[0] == '{' {
			c.fixed += perMessage
		}
		c.element(v)
	})
}

// element is a value in an array, where a number is a token id.
func (c *counter) element(v []byte) {
	if v[0] == '-' || v[0] >= '0' && v[0] <= '9' {
		c.fixed++
		return
	}
	c.value(v)
}

func (c *counter) add(s string) {
	c.text = append(c.text, s...)
	c.text = append(c.text, '\n')
}

// value counts whatever text is inside.
func (c *counter) value(v []byte) {
	if len(v) == 0 || c.depth > maxDepth {
		return
	}
	c.depth++
	defer func() { c.depth-- }()
	switch v[0] {
	case '"':
		s, _ := raw(v)
		if encoded(s) {
			c.file(s)
			return
		}
		c.add(text(v))
	case '[':
		eachElement(v, c.element)
	case '{':
		c.object(v)
	}
}

func (c *counter) object(v []byte) {
	if c.picture(v) {
		return
	}
	eachMember(v, func(key, value []byte) {
		switch string(key) {
		case "type", "id", "tool_call_id", "tool_use_id", "call_id", "media_type", "mimeType", "mime_type", "cache_control",
			"signature", "encrypted_content", "status", "index", "detail", "format":
		case "image_url":
			c.image(value, nil)
		case "name":
			c.fixed++
			c.value(value)
		default:
			c.value(value)
		}
	})
}

// picture recognises a part that is an image and counts it.
func (c *counter) picture(part []byte) bool {
	switch text(member(part, "type")) {
	case "image_url", "input_image":
		c.image(member(part, "image_url"), member(part, "detail"))
		return true
	case "image":
		source := member(part, "source")
		if source == nil {
			return false
		}
		c.image(first(member(source, "data"), member(source, "url")), nil)
		return true
	}
	inline := first(member(part, "inlineData"), member(part, "inline_data"))
	if inline == nil {
		return false
	}
	data := member(inline, "data")
	if kind := text(first(member(inline, "mimeType"), member(inline, "mime_type"))); len(kind) > 6 && kind[:6] == "image/" {
		c.image(data, nil)
		return true
	}
	s, _ := raw(data)
	c.file(s)
	return true
}

func first(a, b []byte) []byte {
	if a != nil {
		return a
	}
	return b
}

// image counts an image given as a string or as {url, detail}.
func (c *counter) image(v, detail []byte) {
	if len(v) > 0 && v[0] == '{' {
		detail = first(member(v, "detail"), detail)
		v = member(v, "url")
	}
	if text(detail) == "low" {
		c.media += imageBase
		return
	}
	s, _ := raw(v)
	width, height := dimensions(s)
	c.media += imageTokens(width, height)
}

// imageTokens is OpenAI's rule: fit into 2048 x 2048, shrink the short side to 768, count tiles of 512.
func imageTokens(width, height int) int {
	if width <= 0 || height <= 0 {
		return imageUnknown
	}
	w, h := float64(width), float64(height)
	if m := max(w, h); m > 2048 {
		w, h = w*2048/m, h*2048/m
	}
	if m := min(w, h); m > 768 {
		w, h = w*768/m, h*768/m
	}
	across, down := max(1, (int(w+0.5)+511)/512), max(1, (int(h+0.5)+511)/512)
	return imageBase + imageTile*across*down
}

// dimensions reads the size of an image from the start of its data; 0 when it is not given here or not understood.
func dimensions(s []byte) (int, int) {
	if bytes.HasPrefix(s, []byte("data:")) {
		comma := bytes.IndexByte(s, ',')
		if comma < 0 || !bytes.HasSuffix(s[:comma], []byte(";base64")) {
			return 0, 0
		}
		s = s[comma+1:]
	}
	if len(s) < 32 {
		return 0, 0
	}
	const enough = 256 << 10 // JPEG has its size behind previews and colour profiles
	open := func() io.Reader {
		return base64.NewDecoder(base64.StdEncoding, bytes.NewReader(s[:min(len(s), enough)]))
	}
	if cfg, err := png.DecodeConfig(open()); err == nil {
		return cfg.Width, cfg.Height
	}
	if cfg, err := jpeg.DecodeConfig(open()); err == nil {
		return cfg.Width, cfg.Height
	}
	if cfg, err := gif.DecodeConfig(open()); err == nil {
		return cfg.Width, cfg.Height
	}
	return 0, 0
}

// file counts encoded data that is no image: a document or sound. Only the provider knows; this is about a page of text
// for each 100 KB.
func (c *counter) file(s []byte) {
	c.media += max(imageUnknown, len(s)/128)
}
