package proxy

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"slices"
	"strings"

	"gatehouse/proxy/provider"
	"gatehouse/proxy/wire"
)

// form is a multipart body: files with a few fields beside them. The file's bytes go upstream as they came; what the
// gateway must read of the fields is in json, as if the client had sent that.
type form struct {
	boundary string
	raw      *formBytes // the whole body
	parts    []formPart
	json     []byte // the fields that are no files, as an object
}

// formPart is one part: where in the body it is.
type formPart struct {
	name            string
	file            bool
	from, value, to int64  // its first header line, its value, the end of that
	text            []byte // the value, of a field that is no file
}

var errForm = errors.New("the multipart body cannot be read")

// maxParts bounds the parts of a form.
const maxParts = 256

// isForm says whether a content type is that of a form, and gives its boundary.
func isForm(contentType []byte) (boundary string, ok bool) {
	const form = "multipart/form-data"
	if len(contentType) < len(form) || !bytes.EqualFold(contentType[:len(form)], []byte(form)) {
		return "", false
	}
	_, params, err := mime.ParseMediaType(string(contentType))
	if err != nil {
		return "", true
	}
	return params["boundary"], true
}

// The bounds of what is read into memory of a form.
const (
	maxPartHead = 16 << 10
	fieldsRoom  = 8 << 20 // of all the fields that are no files
)

// readForm takes a multipart body apart.
func readForm(boundary string, body *formBytes) (*form, error) {
	if boundary == "" || len(boundary) > 70 {
		return nil, errForm
	}
	f := &form{boundary: boundary, raw: body}
	mark := []byte("\r\n--" + boundary)
	at, err := f.start(mark)
	if err != nil {
		return nil, err
	}
	for room := int64(fieldsRoom); ; {
		after, err := body.text(at, min(at+2, body.size))
		switch {
		case err != nil:
			return nil, err
		case string(after) == "--":
			f.fields()
			return f, nil
		case string(after) != "\r\n" || len(f.parts) == maxParts:
			return nil, errForm
		}
		end, err := body.find(mark, at+2)
		if err != nil {
			return nil, err
		}
		if end < 0 {
			return nil, errForm
		}
		p, err := f.part(at+2, end)
		if err != nil {
			return nil, err
		}
		if !p.file {
			if room -= p.to - p.value; room < 0 {
				return nil, errForm
			}
			if p.text, err = body.text(p.value, p.to); err != nil {
				return nil, err
			}
		}
		f.parts = append(f.parts, p)
		at = end + int64(len(mark))
	}
}

// start is where the first boundary ends; it may be the first thing of the body, without a line end before it.
func (f *form) start(mark []byte) (int64, error) {
	first, err := f.raw.text(0, min(int64(len(mark)-2), f.raw.size))
	if err != nil {
		return 0, err
	}
	if bytes.Equal(first, mark[2:]) {
		return int64(len(first)), nil
	}
	at, err := f.raw.find(mark, 0)
	if err != nil {
		return 0, err
	}
	if at < 0 {
		return 0, errForm
	}
	return at + int64(len(mark)), nil
}

// part reads the head of a part that lies between two offsets.
func (f *form) part(from, to int64) (formPart, error) {
	p := formPart{from: from, to: to}
	top, err := f.raw.text(from, min(to, from+maxPartHead))
	if err != nil {
		return p, err
	}
	head, _, ok := bytes.Cut(top, []byte("\r\n\r\n"))
	if !ok {
		return p, errForm
	}
	p.value = from + int64(len(head)) + 4
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
			if len(p.text) > 0 && json.Valid(p.text) {
				o.Raw(p.name, bytes.TrimSpace(p.text))
				continue
			}
		}
		o.Text(p.name, string(p.text))
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

// file is the first file of that name, or with that name and []; nil when there is none.
func (f *form) file(name string) *io.SectionReader {
	for _, p := range f.parts {
		if strings.TrimSuffix(p.name, "[]") == name && p.file {
			return io.NewSectionReader(f.raw.src, p.value, p.to-p.value)
		}
	}
	return nil
}

// body is the form as it goes upstream: another model, and nothing that is for the gateway alone.
func (f *form) body(model string, drop func(name string) bool) (parts []provider.Section, size int) {
	add := func(s provider.Section) {
		parts = append(parts, s)
		size += int(s.Size)
	}
	text := func(s string) { add(provider.Section{Bytes: []byte(s), Size: int64(len(s))}) }
	mark := "--" + f.boundary + "\r\n"
	text(mark + "Content-Disposition: form-data; name=\"model\"\r\n\r\n" + model + "\r\n")
	for _, p := range f.parts {
		if p.name == "model" || drop(p.name) {
			continue
		}
		text(mark)
		add(f.raw.section(p.from, p.to))
		text("\r\n")
	}
	text("--" + f.boundary + "--\r\n")
	return parts, size
}

// whole is the form as it came.
func (u *formBytes) whole() ([]provider.Section, int) {
	return []provider.Section{u.section(0, u.size)}, int(u.size)
}
