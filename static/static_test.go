package static

import (
	"bytes"
	"compress/gzip"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
)

func TestLookupRefusesWhatIsNotBuiltIn(t *testing.T) {
	t.Parallel()
	for name, in := range map[string]string{
		"unknown name":    "nope.css",
		"empty":           "",
		"folder":          "fonts",
		"climbing":        "../static.go",
		"source":          "src/app.js",
		"an old hash":     "app.000000000000.css",
		"with the prefix": "/ui/static/app.css",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, ok := Lookup(in); ok {
				t.Fatalf("Lookup(%q) found something", in)
			}
		})
	}
}

func TestEveryAssetIsPresentAndTyped(t *testing.T) {
	t.Parallel()
	for name, wantType := range map[string]string{
		"app.css":                "text/css; charset=utf-8",
		"app.js":                 "text/javascript; charset=utf-8",
		"playground.js":          "text/javascript; charset=utf-8",
		"htmx.js":                "text/javascript; charset=utf-8",
		"live.js":                "text/javascript; charset=utf-8",
		"favicon.svg":            "image/svg+xml",
		"fonts/geist.woff2":      "font/woff2",
		"fonts/geist-mono.woff2": "font/woff2",
		"LICENSES.txt":           "text/plain; charset=utf-8",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plain, ok := Lookup(name)
			if !ok {
				t.Fatalf("%s is not built: run npm run build", name)
			}
			if plain.ContentType != wantType || plain.CacheControl != cacheCheck {
				t.Errorf("got %q, %q", plain.ContentType, plain.CacheControl)
			}
			hashed, ok := Lookup(strings.TrimPrefix(URL(name), Prefix))
			if !ok || hashed.CacheControl != cacheForever || hashed.ETag != plain.ETag || !bytes.Equal(hashed.Plain, plain.Plain) {
				t.Errorf("%s: the hashed address does not give the same file, cached for ever", URL(name))
			}
		})
	}
}

func TestBodyFollowsAcceptEncoding(t *testing.T) {
	t.Parallel()
	css, _ := Lookup("app.css")
	font, _ := Lookup("fonts/geist.woff2")
	cases := map[string]struct {
		asset  Asset
		header string
		want   string
	}{
		"nothing asked":         {css, "", ""},
		"unknown coding":        {css, "zstd", ""},
		"brotli refused":        {css, "br;q=0, gzip", "gzip"},
		"both refused":          {css, "br; q=0, gzip;q=0.0", ""},
		"brotli wins":           {css, "gzip, deflate, br", "br"},
		"gzip alone":            {css, "gzip", "gzip"},
		"low weight is allowed": {css, "br;q=0.5", "br"},
		"fonts are not packed":  {font, "gzip, br", ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body, encoding := c.asset.Body(c.header)
			if encoding != c.want {
				t.Fatalf("encoding %q, want %q", encoding, c.want)
			}
			var r io.Reader = bytes.NewReader(body)
			switch encoding {
			case "br":
				r = brotli.NewReader(r)
			case "gzip":
				z, err := gzip.NewReader(r)
				if err != nil {
					t.Fatal(err)
				}
				r = z
			}
			got, err := io.ReadAll(r)
			if err != nil || !bytes.Equal(got, c.asset.Plain) {
				t.Fatalf("the unpacked body differs from the file (%v)", err)
			}
		})
	}
}

func TestStylesNameHashedFontsAndNothingElse(t *testing.T) {
	t.Parallel()
	css, _ := Lookup("app.css")
	urls := regexp.MustCompile(`url\(["']?([^"')]+)`).FindAllSubmatch(css.Plain, -1)
	if len(urls) == 0 {
		t.Fatal("no font in the styles")
	}
	for _, u := range urls {
		a, ok := Lookup(string(u[1]))
		if !ok || a.CacheControl != cacheForever {
			t.Errorf("the styles name %s, which is not a hashed asset", u[1])
		}
	}
	if bytes.Contains(css.Plain, []byte("@import")) {
		t.Error("the styles import something")
	}
}

func TestBudgets(t *testing.T) {
	t.Parallel()
	size := func(names ...string) (sum int) {
		for _, name := range names {
			a, ok := Lookup(name)
			if !ok {
				t.Fatalf("no %s", name)
			}
			body, _ := a.Body("gzip")
			sum += len(body)
		}
		return sum
	}
	for name, c := range map[string]struct {
		got, limit int
	}{
		"scripts and styles": {size("app.css", "app.js", "playground.js", "htmx.js", "live.js"), 60 << 10},
		"styles":             {size("app.css"), 14 << 10},
		"own script":         {size("app.js"), 8 << 10},
		"playground":         {size("playground.js"), 4 << 10},
		"fonts":              {size("fonts/geist.woff2", "fonts/geist-mono.woff2"), 55 << 10},
	} {
		if c.got > c.limit {
			t.Errorf("%s: %d bytes, over the budget of %d", name, c.got, c.limit)
		}
	}
}
