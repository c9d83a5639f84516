// Package static holds the portal's built assets: styles, scripts, fonts and the site icon. Every file has an address with a hash
// of its content, so it may be cached for ever; gzip and brotli forms are made once, when a file is first asked for.
package static

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"sync"

	"github.com/andybalholm/brotli"
)

//go:embed dist
var dist embed.FS

// Prefix is the path under which URL places every asset. A server with a root path puts that in front.
const Prefix = "/ui/static/"

// Cache headers: a hashed address never changes its content, a plain one may after an upgrade.
const (
	cacheForever = "public, max-age=31536000, immutable"
	cacheCheck   = "public, no-cache"
)

// Asset is one file in the forms a browser may accept. Callers must not change the bytes.
type Asset struct {
	ContentType  string
	ETag         string // strong, quoted, of the plain content
	CacheControl string
	Plain        []byte
	Gzip         []byte // nil when compression does not help (fonts)
	Brotli       []byte // nil when compression does not help (fonts)
}

// Body picks the smallest form that an Accept-Encoding header allows, and the Content-Encoding to send with it ("" for plain).
// An answer made from it needs "Vary: Accept-Encoding".
func (a Asset) Body(acceptEncoding string) (body []byte, encoding string) {
	br, gz := accepts(acceptEncoding)
	switch {
	case br && a.Brotli != nil:
		return a.Brotli, "br"
	case gz && a.Gzip != nil:
		return a.Gzip, "gzip"
	}
	return a.Plain, ""
}

// accepts reads an Accept-Encoding header; a coding with q=0 is refused.
func accepts(header string) (br, gz bool) {
	for part := range strings.SplitSeq(header, ",") {
		name, params, _ := strings.Cut(part, ";")
		q := strings.ReplaceAll(params, " ", "")
		ok := q != "q=0" && !strings.HasPrefix(q, "q=0.0")
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "br":
			br = ok
		case "gzip":
			gz = ok
		}
	}
	return br, gz
}

// file is one embedded file and its lazily made forms.
type file struct {
	name string // as in dist: "fonts/geist.woff2"
	url  string // hashed: "fonts/geist.1f0e….woff2"
	load func() Asset
}

// index is built on first use and never written afterwards: hashing about 150 KB takes well under a millisecond.
var index = sync.OnceValue(func() map[string]*file {
	files := map[string]*file{}
	err := fs.WalkDir(dist, "dist", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := dist.ReadFile(name)
		if err != nil {
			return err
		}
		f := newFile(strings.TrimPrefix(name, "dist/"), content)
		files[f.name], files[f.url] = f, f
		return nil
	})
	if err != nil {
		panic(fmt.Sprintf("static: the embedded files cannot be read: %v", err)) // only a broken build gets here
	}
	return files
})

func newFile(name string, content []byte) *file {
	sum := sha256.Sum256(content)
	hash := hex.EncodeToString(sum[:])[:12]
	ext := path.Ext(name)
	return &file{
		name: name,
		url:  strings.TrimSuffix(name, ext) + "." + hash + ext,
		load: sync.OnceValue(func() Asset {
			a := Asset{ContentType: contentType(ext), ETag: `"` + hash + `"`, Plain: content}
			if ext != ".woff2" {
				a.Gzip, a.Brotli = gzipped(content), brotlied(content)
			}
			return a
		}),
	}
}

func contentType(ext string) string {
	switch ext {
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".woff2":
		return "font/woff2"
	case ".txt":
		return "text/plain; charset=utf-8"
	}
	return "application/octet-stream"
}

func gzipped(content []byte) []byte {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil
	}
	if _, err := w.Write(content); err != nil || w.Close() != nil || b.Len() >= len(content) {
		return nil
	}
	return b.Bytes()
}

func brotlied(content []byte) []byte {
	var b bytes.Buffer
	w := brotli.NewWriterLevel(&b, 9) // 10 and 11 save 3 per cent and make the first visitor wait ten times as long
	if _, err := w.Write(content); err != nil || w.Close() != nil || b.Len() >= len(content) {
		return nil
	}
	return b.Bytes()
}

// URL gives the address of an asset by its plain name: "app.css" -> "/ui/static/app.<hash>.css". It panics on a name that is not
// built in, which the first page rendered in any test finds. Safe for concurrent use.
func URL(name string) string {
	f, ok := index()[name]
	if !ok {
		panic("static: no asset called " + name)
	}
	return Prefix + f.url
}

// Lookup finds an asset by what follows Prefix in a request's path, hashed ("app.<hash>.css", cached for ever) or plain
// ("app.css", revalidated). An old hash is not found. Safe for concurrent use.
func Lookup(name string) (Asset, bool) {
	f, ok := index()[name]
	if !ok {
		return Asset{}, false
	}
	a := f.load()
	a.CacheControl = cacheForever
	if name == f.name {
		a.CacheControl = cacheCheck
	}
	return a, true
}
