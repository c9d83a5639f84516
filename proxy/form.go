package proxy

import (
	"bytes"
	"encoding/json"
	"errors"
	"mime"
	"slices"
	"strings"

	"gatehouse/proxy/wire"
)

// form is a multipart body: files with a few fields beside them. The file's bytes go upstream as they came; what the
// gateway must read of the fields is in json, as if the client had sent that.
type form struct {
	boundary string
	raw      []byte // the whole body
	parts    []formPart
	json     []byte // the fields that are no files, as an object
}

// formPart is one part; its slices are views of the body.
type formPart struct {
	name  string
	file  bool
	whole []byte // from its first header line to the end of its value
	value []byte
}

var errForm = errors.New("the multipart body cannot be read")

// maxParts bounds the parts of a form.
const maxParts = 256

// isForm says whether a content type is that of a form, and gives its boundary.
func isForm(contentType string) (boundary string, ok bool) {
	if !strings.HasPrefix(strings.ToLower(contentType), "multipart/form-data") {
		return "", false
	}
	_, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return "", true
	}
	return params["boundary"], true
}

// readForm takes a multipart body apart.
func readForm(boundary string, body []byte) (*form, error) {
	if boundary == "" || len(boundary) > 70 {
		return nil, errForm
	}
	f := &form{boundary: boundary, raw: body}
	mark := []byte("--" + boundary)
	rest, ok := bytes.CutPrefix(body, mark)
	if !ok {
		i := bytes.Index(body, append([]byte("\r\n"), mark...))
		if i < 0 {
			return nil, errForm
		}
		rest = body[i+2+len(mark):]
	}
	mark = append([]byte("\r\n"), mark...)
	for {
		if bytes.HasPrefix(rest, []byte("--")) {
			f.fields()
			return f, nil
		}
		if rest, ok = bytes.CutPrefix(rest, []byte("\r\n")); !ok || len(f.parts) == maxParts {
			return nil, errForm
		}
		whole, after, ok := bytes.Cut(rest, mark)
		if !ok {
			return nil, errForm
		}
		p, err := readPart(whole)
		if err != nil {
			return nil, err
		}
		f.parts = append(f.parts, p)
		rest = after
	}
}

func readPart(whole []byte) (formPart, error) {
	p := formPart{whole: whole}
	head, value, ok := bytes.Cut(whole, []byte("\r\n\r\n"))
	if !ok {
		return p, errForm
	}
	p.value = value
	for line := range bytes.SplitSeq(head, []byte("\r\n")) {
		name, text, _ := bytes.Cut(line, []byte{':'})
		if !strings.EqualFold(string(bytes.TrimSpace(name)), "content-disposition") {
			continue
		}
		_, params, err := mime.ParseMediaType(string(text))
		if err != nil {
			return p, errForm
		}
		_, p.file = params["filename"]
		p.name = params["name"]
	}
	if p.name == "" {
		return p, errForm
	}
	return p, nil
}

// fields makes json. A field that comes twice counts once there: the first decides, as no provider could say otherwise
// of the model that was checked, since a second model is a bad form.
func (f *form) fields() {
	var o wire.Builder
	var seen []string
	for _, p := range f.parts {
		if p.file || strings.HasSuffix(p.name, "[]") || slices.Contains(seen, p.name) {
			continue
		}
		seen = append(seen, p.name)
		switch p.name {
		case "n", "stream", "num_retries", "timeout", "request_timeout", "stream_timeout", "metadata", "litellm_metadata", "tags", "fallbacks",
			"disable_fallbacks", "drop_params", "cache", "gatehouse", "no-log":
			if len(p.value) > 0 && json.Valid(p.value) {
				o.Raw(p.name, bytes.TrimSpace(p.value))
				continue
			}
		}
		o.Text(p.name, string(p.value))
	}
	f.json = o.Bytes()
}

// twice says whether a field is there more than once.
func (f *form) twice(name string) bool {
	n := 0
	for _, p := range f.parts {
		if p.name == name {
			n++
		}
	}
	return n > 1
}

// file is the first file of that name, or with that name and [].
func (f *form) file(name string) []byte {
	for _, p := range f.parts {
		if strings.TrimSuffix(p.name, "[]") == name && p.file {
			return p.value
		}
	}
	return nil
}

// body is the form as it goes upstream: another model, and nothing that is for the gateway alone.
func (f *form) body(model string, drop func(name string) bool) (parts [][]byte, size int) {
	mark := []byte("--" + f.boundary + "\r\n")
	add := func(b []byte) {
		parts = append(parts, b)
		size += len(b)
	}
	field := func(name, value string) {
		add(mark)
		add([]byte("Content-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + value + "\r\n"))
	}
	field("model", model)
	for _, p := range f.parts {
		if p.name == "model" || drop(p.name) {
			continue
		}
		add(mark)
		add(p.whole)
		add([]byte("\r\n"))
	}
	add([]byte("--" + f.boundary + "--\r\n"))
	return parts, size
}
