package app

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"gatehouse/models/store"
)

// browser keeps cookies and follows nothing by itself.
type browser struct {
	t       *testing.T
	r       *rig
	cookies map[string]string
	headers map[string]string
}

func (r *rig) browser() *browser {
	return &browser{t: r.t, r: r, cookies: map[string]string{}, headers: map[string]string{"Accept": "text/html"}}
}

func (b *browser) get(path string) answer { b.t.Helper(); return b.send("GET", path, nil) }

func (b *browser) post(path string, form url.Values) answer {
	b.t.Helper()
	return b.send("POST", path, form)
}

func (b *browser) send(method, path string, form url.Values) answer {
	b.t.Helper()
	req := httptest.NewRequestWithContext(b.t.Context(), method, path, strings.NewReader(form.Encode()))
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for k, v := range b.headers {
		req.Header.Set(k, v)
	}
	if h := b.headers["Host"]; h != "" {
		req.Host = h
	}
	for name, value := range b.cookies {
		req.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	res, err := b.r.app.Test(req, -1)
	if err != nil {
		b.t.Fatal(err)
	}
	text, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := res.Body.Close(); err != nil {
		b.t.Fatal(err)
	}
	for _, c := range res.Cookies() {
		if c.MaxAge < 0 || c.Value == "" {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c.Value
		}
	}
	return answer{res.StatusCode, res.Header, string(text)}
}

// signedIn says whether this browser gets at a page of its account.
func (b *browser) signedIn() bool {
	b.t.Helper()
	return b.get("/ui/account").status == http.StatusOK
}

// begin starts a sign-in and goes to the provider; it returns the path that the provider sends the browser back to.
func (b *browser) begin(start string) string {
	b.t.Helper()
	a := b.get(start)
	if a.status != http.StatusSeeOther {
		b.t.Fatalf("%s: %d %s", start, a.status, a.body)
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, a.header.Get("Location"), nil)
	if err != nil {
		b.t.Fatal(err)
	}
	res, err := client.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close() //nolint:errcheck // nothing was written
	back, err := res.Location()
	if err != nil {
		b.t.Fatalf("the provider answered %d to %s", res.StatusCode, a.header.Get("Location"))
	}
	return back.RequestURI()
}

// through signs in from end to end and returns the last answer.
func (b *browser) through() answer {
	b.t.Helper()
	return b.get(b.begin("/sso/key/generate"))
}

func storeUsers() store.UserFilter { return store.UserFilter{} }
