package portal_test

import (
	"net/url"
	"strings"
	"testing"

	"gatehouse/app/access"
	"gatehouse/app/control"
	"gatehouse/models"
)

// Whatever people put into names, tags and reasons, no page takes it for markup, and no link leads where it says.
func TestHostileTextStaysText(t *testing.T) {
	t.Parallel()
	const evil = `"><script>alert(1)</script><img src=x onerror=alert(2)>`
	r := newRig(t)
	k := r.key(dev, evil, true, func(in *control.NewKey) {
		in.Tags, in.Metadata = control.Some([]string{evil}), control.Some(models.JSON(`{"x":"</textarea><script>1</script>"}`))
		in.Aliases = control.Some(map[string]string{"a</textarea><script>": "b"})
	})
	if _, err := r.services.Keys.Block(t.Context(), access.Master(), control.ByID(k.Key.ID), evil); err != nil {
		t.Fatal(err)
	}
	in := control.TeamUpdate{ID: team}
	in.Alias = control.Some(evil)
	if _, err := r.services.Teams.Update(t.Context(), access.Master(), in); err != nil {
		t.Fatal(err)
	}
	user := control.UserUpdate{ID: dev}
	user.Alias = control.Some(evil)
	if _, err := r.services.Users.Update(t.Context(), access.Master(), user); err != nil {
		t.Fatal(err)
	}
	r.spend(&k.Key, "01EVIL", now, models.USD, func(row *models.SpendRow) {
		row.ModelGroup, row.Model, row.Provider, row.EndUser, row.ErrorCode, row.Status = evil, evil, evil, evil, evil, "failure"
		row.Tags, row.SessionID, row.Metadata = models.Strings{evil}, evil, models.JSON(`{"x":"</pre><script>1</script>"}`)
	})
	q := url.QueryEscape(evil)
	script := url.QueryEscape("javascript:alert(1)")
	b := r.as(admin)
	kinds := pagesOf(k.Key.ID)
	paths := append(append(kinds["all"], kinds["admins"]...), kinds["writing admins"]...)
	paths = append(paths, "/ui/keys?q="+q, "/ui/teams?q="+q, "/ui/users?q="+q, "/ui/usage?team_id="+q+"&model="+q+"&tag="+q, "/ui/usage?from="+q+"&to="+q, "/ui/logs?log=01EVIL",
		"/ui/logs?model="+q+"&request_id="+q+"&range=custom&from=2026-01-01&to=2026-11-21", "/ui/logs/01EVIL/body", "/ui/models?q="+q, "/ui/audit?q="+q+"&actor="+q, "/ui/audit?entry=3", "/ui/api?model="+q+"&key="+q,
		"/ui/playground?model="+q, "/ui/?page="+script, "/ui/users?sort="+q, "/ui/teams/"+team+"/members/"+dev+"/remove")
	for _, path := range paths {
		if strings.Contains(path, ".csv") {
			continue
		}
		for _, res := range []*answer{b.get(path), b.part(path)} {
			if res.status >= 500 {
				t.Errorf("%s: %d %s", path, res.status, clip(res.body))
				continue
			}
			if res.status >= 300 && res.status < 400 {
				continue
			}
			doc := res.page(res.status)
			for _, n := range doc.Find("script").Nodes {
				if s := doc.FindNodes(n); s.Text() != "" || !strings.HasPrefix(s.AttrOr("src", ""), "/ui/static/") {
					t.Errorf("%s: a script of %q", path, clip(s.Text()))
				}
			}
			hasNot(t, doc, "[onerror], [onclick], [style], [hx-on], img[src=x]")
			for _, n := range doc.Find("a[href], form[action], [hx-get], [hx-post]").Nodes {
				for _, a := range n.Attr {
					if (a.Key == "href" || a.Key == "action" || strings.HasPrefix(a.Key, "hx-")) && strings.HasPrefix(strings.ToLower(strings.TrimSpace(a.Val)), "javascript:") {
						t.Errorf("%s: %s=%q", path, a.Key, a.Val)
					}
				}
			}
		}
	}
}

// Every answer of a page carries the page's policy, and none may be kept.
func TestHeadersOfPages(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.as(admin)
	for _, path := range []string{"/ui/", "/ui/usage", "/ui/keys.csv", "/ui/nope", "/ui/teams/nope"} {
		res := b.get(path)
		if csp := res.header.Get("Content-Security-Policy"); !strings.Contains(csp, "script-src 'self'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: policy %q", path, csp)
		}
		if got := res.header.Get("Cache-Control"); got != "no-store" {
			t.Errorf("%s: Cache-Control %q", path, got)
		}
	}
	if vary := b.get("/ui/usage").header.Get("Vary"); !strings.Contains(vary, "HX-Request") {
		t.Errorf("Vary is %q", vary)
	}
}

func TestBothLanguages(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	k := r.key(dev, "web", true)
	r.spend(&k.Key, "01A", now, models.USD)
	b := r.as(admin)
	b.cookie += "; gh_lang=zh-CN"
	for _, kind := range []string{"all", "admins"} {
		for _, path := range pagesOf(k.Key.ID)[kind] {
			if res := b.get(path); res.status == 200 && strings.Contains(res.header.Get("Content-Type"), "html") {
				doc := res.page(200)
				if lang := doc.Find("html").AttrOr("lang", ""); lang != "zh-CN" && doc.Find("html head title").Length() > 0 {
					t.Errorf("%s: lang %q", path, lang)
				}
			}
		}
	}
	has(t, b.get("/ui/usage").page(200), "支出")
}
