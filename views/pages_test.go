package views_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"gatehouse/views/i18n"
	"gatehouse/views/keys"
)

func render(t *testing.T, s sample, l i18n.Lang) string {
	t.Helper()
	var b bytes.Buffer
	if err := s.make(sampleFrame(l, s.path), sampleLocale(l)).Render(context.Background(), &b); err != nil {
		t.Fatalf("render %s: %v", s.name, err)
	}
	return b.String()
}

// parse reads a page, or a part inside a minimal page. Rows need a table around them, or the parser drops their tags.
func parse(t *testing.T, html string, part bool) *goquery.Document {
	t.Helper()
	if part {
		if strings.HasPrefix(strings.TrimSpace(html), "<tr") {
			end := strings.LastIndex(html, "</tr>") + len("</tr>")
			html = "<table><tbody>" + html[:end] + "</tbody></table>" + html[end:]
		}
		html = "<!doctype html><html lang=en><body>" + html + "</body></html>"
	}
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(html))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func everySample(t *testing.T, check func(t *testing.T, s sample, l i18n.Lang, html string, doc *goquery.Document)) {
	t.Helper()
	for _, s := range samples() {
		for _, l := range i18n.All() {
			t.Run(s.name+"/"+l.Code(), func(t *testing.T) {
				t.Parallel()
				html := render(t, s, l)
				check(t, s, l, html, parse(t, html, s.part))
			})
		}
	}
}

func TestPagesHaveOneHeadingATitleAndTheirLandmarks(t *testing.T) {
	t.Parallel()
	everySample(t, func(t *testing.T, s sample, l i18n.Lang, _ string, doc *goquery.Document) {
		if s.part {
			if n := doc.Find("h1").Length(); n != 0 {
				t.Errorf("a part has %d h1", n)
			}
			return
		}
		if n := doc.Find("h1").Length(); n != 1 {
			t.Errorf("%d h1, want 1", n)
		}
		if n := doc.Find("main#main").Length(); n != 1 {
			t.Errorf("%d main, want 1", n)
		}
		if got, _ := doc.Find("html").Attr("lang"); got != l.Code() {
			t.Errorf("lang %q", got)
		}
		if title := doc.Find("head title").Text(); !strings.HasSuffix(title, " · Gatehouse") || len(title) <= len(" · Gatehouse") {
			t.Errorf("title %q", title)
		}
		if doc.Find(`#toasts[role="status"]`).Length() != 1 || doc.Find(`#alerts[role="alert"]`).Length() != 1 {
			t.Error("the regions for notices are not in the first HTML")
		}
		level := 0
		doc.Find("h1,h2,h3,h4").Each(func(_ int, h *goquery.Selection) {
			if h.Closest("aside,dialog,template").Length() > 0 {
				return
			}
			now := int(goquery.NodeName(h)[1] - '0')
			if now > level+1 {
				t.Errorf("heading %q jumps from level %d to %d", h.Text(), level, now)
			}
			level = now
		})
	})
}

func TestNothingInlineThatTheCSPRefuses(t *testing.T) {
	t.Parallel()
	everySample(t, func(t *testing.T, _ sample, _ i18n.Lang, _ string, doc *goquery.Document) {
		doc.Find("*").Each(func(_ int, n *goquery.Selection) {
			for _, a := range n.Get(0).Attr {
				if a.Key == "style" || strings.HasPrefix(a.Key, "on") || strings.HasPrefix(a.Key, "hx-on") {
					t.Errorf("<%s> has %s", goquery.NodeName(n), a.Key)
				}
				if (a.Key == "href" || a.Key == "src") && (strings.HasPrefix(a.Val, "data:") || strings.HasPrefix(a.Val, "javascript:") || strings.HasPrefix(a.Val, "//")) {
					t.Errorf("<%s> leads to %s", goquery.NodeName(n), a.Val)
				}
			}
		})
		if doc.Find("style").Length() > 0 {
			t.Error("a style element")
		}
		doc.Find("script").Each(func(_ int, n *goquery.Selection) {
			src, _ := n.Attr("src")
			if !strings.HasPrefix(src, "/ui/static/") || strings.TrimSpace(n.Text()) != "" {
				t.Errorf("a script that is not one of ours: %q %q", src, n.Text())
			}
		})
	})
}

func TestIDsAreUniqueAndReferencesHold(t *testing.T) {
	t.Parallel()
	everySample(t, func(t *testing.T, s sample, _ i18n.Lang, _ string, doc *goquery.Document) {
		seen := map[string]bool{}
		doc.Find("[id]").Each(func(_ int, n *goquery.Selection) {
			id, _ := n.Attr("id")
			if id == "" || strings.ContainsAny(id, " \t\n") {
				t.Errorf("<%s> has the id %q", goquery.NodeName(n), id)
			}
			if seen[id] {
				t.Errorf("two elements with id %q", id)
			}
			seen[id] = true
		})
		for _, attr := range []string{"aria-labelledby", "aria-describedby", "aria-controls", "for"} {
			doc.Find("[" + attr + "]").Each(func(_ int, n *goquery.Selection) {
				if goquery.NodeName(n) == "dialog" {
					return // names what is swapped in
				}
				value, _ := n.Attr(attr)
				for id := range strings.FieldsSeq(value) {
					if !seen[id] {
						t.Errorf("<%s %s=%q> names nothing", goquery.NodeName(n), attr, id)
					}
				}
			})
		}
		if s.part {
			return
		}
		for _, attr := range []string{"hx-target", "form"} {
			doc.Find("[" + attr + "]").Each(func(_ int, n *goquery.Selection) {
				value, _ := n.Attr(attr)
				if id := strings.TrimPrefix(value, "#"); id != value && !seen[id] || attr == "form" && !seen[value] {
					t.Errorf("<%s %s=%q> names nothing", goquery.NodeName(n), attr, value)
				}
			})
		}
	})
}

func name(n *goquery.Selection) string {
	if v, ok := n.Attr("aria-label"); ok {
		return v
	}
	text := n.Clone()
	text.Find("svg,[aria-hidden=true]").Remove()
	return strings.TrimSpace(text.Text())
}

func TestEveryControlHasAName(t *testing.T) {
	t.Parallel()
	everySample(t, func(t *testing.T, _ sample, _ i18n.Lang, _ string, doc *goquery.Document) {
		doc.Find("input:not([type=hidden]),select,textarea").Each(func(_ int, n *goquery.Selection) {
			if _, hidden := n.Attr("aria-hidden"); hidden || n.Closest("label").Length() > 0 {
				return
			}
			if v, ok := n.Attr("aria-label"); ok && v != "" {
				return
			}
			id, _ := n.Attr("id")
			if id == "" || strings.TrimSpace(doc.Find(`label[for="`+id+`"]`).Text()) == "" {
				html, _ := goquery.OuterHtml(n)
				t.Errorf("no label for %s", html)
			}
		})
		doc.Find("button,a,summary").Each(func(_ int, n *goquery.Selection) {
			if name(n) == "" {
				html, _ := goquery.OuterHtml(n)
				t.Errorf("no name for %s", html)
			}
		})
		doc.Find(`svg[role="img"]`).Each(func(_ int, n *goquery.Selection) {
			if name(n) == "" {
				t.Error("a picture without a name")
			}
		})
		doc.Find("form").Each(func(_ int, n *goquery.Selection) {
			action, _ := n.Attr("action")
			method, _ := n.Attr("method")
			if action == "" || method != "get" && method != "post" {
				t.Errorf("a form that works only with scripts: action %q, method %q", action, method)
			}
		})
		doc.Find("[hx-get],[hx-post]").Each(func(_ int, n *goquery.Selection) {
			_, link := n.Attr("href")
			_, form := n.Attr("action")
			_, trigger := n.Attr("hx-trigger")
			if !link && !form && !trigger {
				html, _ := goquery.OuterHtml(n)
				t.Errorf("works only with scripts: %s", html)
			}
		})
	})
}

func TestChinesePagesHoldNoEnglishSentence(t *testing.T) {
	t.Parallel()
	// Two English words of the catalogue in a row; names, codes and what other systems said are left out.
	english := regexp.MustCompile(`\b(the|your|you|and|of|is|are|was|to|this|with|keys?|requests?)\b`)
	everySample(t, func(t *testing.T, _ sample, l i18n.Lang, _ string, doc *goquery.Document) {
		if l != i18n.ZH {
			return
		}
		doc.Find("code,pre,script,noscript,[data-row-name],.font-mono").Remove()
		doc.Find("body *").Contents().Each(func(_ int, n *goquery.Selection) {
			if goquery.NodeName(n) != "#text" {
				return
			}
			text := strings.TrimSpace(n.Text())
			if english.MatchString(text) && !strings.Contains(text, "more keys") && text != "$600 · resets 1 Dec" {
				t.Errorf("English on a Chinese page: %q", text)
			}
		})
	})
}

func TestKeyListStaysWithinItsSize(t *testing.T) {
	t.Parallel()
	c := sampleLocale(i18n.EN)
	v := keyList(c)
	rows := v.Table.Rows
	for i := len(rows); i < 25; i++ {
		row := rows[i%len(rows)]
		row.ID += "x"
		row.Name += string(rune('a' + i))
		v.Table.Rows = append(v.Table.Rows, row)
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if err := keys.Page(sampleFrame(i18n.EN, "/ui/keys"), v).Render(context.Background(), w); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if packed.Len() > 30<<10 {
		t.Errorf("25 rows are %d bytes packed, over 30 KB", packed.Len())
	}
}

func TestRootPathIsInFrontOfEveryAddressOfTheFrame(t *testing.T) {
	t.Parallel()
	f := sampleFrame(i18n.EN, "/ui/keys")
	f.Base = "/gate"
	var b bytes.Buffer
	if err := keys.SpentPage(f, keys.Spent{Page: true, Back: "/gate/ui/keys"}).Render(context.Background(), &b); err != nil {
		t.Fatal(err)
	}
	doc := parse(t, b.String(), false)
	for _, attr := range []string{"href", "src", "action", "data-url"} {
		doc.Find("[" + attr + "]").Each(func(_ int, n *goquery.Selection) {
			if value, _ := n.Attr(attr); strings.HasPrefix(value, "/") && !strings.HasPrefix(value, "/gate/") {
				t.Errorf("<%s %s=%q> has no root path", goquery.NodeName(n), attr, value)
			}
		})
	}
}

// TestPreview writes every sample to the folder named by GATEHOUSE_PREVIEW, for `npm run preview` to look at.
func TestPreview(t *testing.T) {
	dir := os.Getenv("GATEHOUSE_PREVIEW")
	if dir == "" {
		return
	}
	for _, l := range i18n.All() {
		var board bytes.Buffer
		c, f := sampleLocale(l), sampleFrame(l, "/ui/keys")
		if err := keys.Page(f, keyList(c)).Render(context.Background(), &board); err != nil {
			t.Fatal(err)
		}
		for _, s := range samples() {
			html := render(t, s, l)
			if s.part {
				if err := os.WriteFile(filepath.Join(dir, s.name+"."+l.Code()+".part"), []byte(html), 0o600); err != nil {
					t.Fatal(err)
				}
				if !s.open {
					continue
				}
				// A dialog's part stands in the dialog of the key list; the preview opens it.
				html = strings.Replace(board.String(), `<div data-slot></div>`, html, 1)
			}
			if err := os.WriteFile(filepath.Join(dir, s.name+"."+l.Code()+".html"), []byte(html), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}
