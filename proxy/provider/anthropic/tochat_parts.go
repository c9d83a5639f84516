package anthropic

import (
	"strings"

	"gatehouse/proxy/wire"
)

// picture is an image, a document or a search result as a part of a chat message; nil for any other block. What only
// Anthropic's own store of files holds is refused: to leave it out would change what is asked.
func (t *ToChat) picture(block []byte, kind string, at int) ([]byte, error) {
	switch kind {
	case "image", "document":
	case "search_result":
		return t.marked(block, flat(block, "content", "source")), nil
	default:
		return nil, nil
	}
	source := wire.Lookup(block, "source")
	from, _ := wire.String(wire.Lookup(source, "type"))
	url := ""
	switch from {
	case "base64":
		mediaType, _ := wire.String(wire.Lookup(source, "media_type"))
		data, _ := wire.String(wire.Lookup(source, "data"))
		url = "data:" + mediaType + ";base64," + data
	case "url":
		url, _ = wire.String(wire.Lookup(source, "url"))
	case "text":
		return t.marked(block, flat(block, "source", "")), nil
	case "content":
		return t.marked(block, flat(block, "source", "")), nil
	case "file":
		if kind == "document" {
			var inner, o wire.Builder
			inner.Raw("file_id", wire.Lookup(source, "file_id"))
			o.Text("type", "file")
			o.Raw("file", inner.Bytes())
			t.mark(&o, block)
			return o.Bytes(), nil
		}
		return nil, badMessage(at, "shows an image of Anthropic's Files API, which the provider of this model cannot see; send its data")
	default:
		return nil, badMessage(at, "has an "+kind+" without a source that is known")
	}
	var inner, o wire.Builder
	if kind == "document" {
		name, _ := wire.String(wire.Lookup(block, "title"))
		if name == "" {
			name = "document.pdf"
		}
		inner.Text("filename", name)
		inner.Text("file_data", url)
		o.Text("type", "file")
		o.Raw("file", inner.Bytes())
		t.mark(&o, block)
		return o.Bytes(), nil
	}
	inner.Text("url", url)
	o.Text("type", "image_url")
	o.Raw("image_url", inner.Bytes())
	t.mark(&o, block)
	return o.Bytes(), nil
}

// marked is a text part that keeps the mark of the block it was.
func (t *ToChat) marked(block []byte, text string) []byte {
	var cache []byte
	if t.KeepMarks {
		cache = wire.Lookup(block, "cache_control")
	}
	return textBlock(wire.AppendString(nil, text), cache)
}

// flat is what a block of text says, under its title: what is in the member of that name, a text, a list of text blocks or a
// source that holds one of these.
func flat(block []byte, member, source string) string {
	var lines []string
	add := func(raw []byte) {
		if s, ok := wire.String(raw); ok && s != "" {
			lines = append(lines, s)
		}
	}
	add(wire.Lookup(block, "title"))
	if source != "" {
		add(wire.Lookup(block, source))
	}
	said := wire.Lookup(block, member)
	if wire.IsObject(said) {
		add(wire.Lookup(said, "data"))
		said = wire.Lookup(said, "content")
	}
	add(said)
	wire.EachElement(said, func(b []byte) { add(wire.Lookup(b, "text")) })
	return strings.Join(lines, "\n")
}
