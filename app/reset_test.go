package app

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"gatehouse/internal/testkit"
)

// linkIn is the path and query of the link in a mail's text.
func linkIn(t *testing.T, l testkit.Letter, path string) string {
	t.Helper()
	m := regexp.MustCompile(`https://llm\.acme\.test(` + regexp.QuoteMeta(path) + `\?\S+)`).FindStringSubmatch(l.Text)
	if m == nil {
		t.Fatalf("no link to %s in %q:\n%s", path, l.Subject, l.Text)
	}
	return m[1]
}

// withPassword makes somebody by the API.
func (r *rig) withPassword(id, role, password string) {
	r.t.Helper()
	r.admin("POST", "/user/new", `{"user_id":"`+id+`","user_email":"`+id+`@acme.test","user_role":"`+role+`","password":"`+password+`","auto_create_key":false}`)
}

func (b *browser) signIn(email, password string) answer {
	b.t.Helper()
	return b.post("/login", url.Values{"username": {email}, "password": {password}})
}

func TestForgottenPassword(t *testing.T) {
	r, m := mailRig(t)
	const first, second = "korrekt-pferd-batterie", "ein-neues-pferd-im-stall"
	r.withPassword("ana", "internal_user", first)
	signedIn := r.browser()
	if a := signedIn.signIn("ana@acme.test", first); a.status != http.StatusSeeOther || !signedIn.signedIn() {
		t.Fatalf("%d %s", a.status, a.body)
	}
	b := r.browser()
	if page := b.get("/login"); !strings.Contains(page.body, `href="/ui/forgot"`) {
		t.Error("the sign-in page does not lead to a new password")
	}
	if a := b.post("/ui/forgot", url.Values{"user_email": {"ana"}}); a.status != http.StatusUnprocessableEntity {
		t.Errorf("no address: %d", a.status)
	}
	known, unknown := b.post("/ui/forgot", url.Values{"user_email": {"ana@acme.test"}}), b.post("/ui/forgot", url.Values{"user_email": {"bob@acme.test"}})
	if known.status != http.StatusOK || known.status != unknown.status || known.body != unknown.body {
		t.Errorf("it is told whether an account exists: %d and %d", known.status, unknown.status)
	}
	l := m.WaitLetters(t, 1)[0]
	link := linkIn(t, l, "/ui/reset")
	token, _ := url.QueryUnescape(strings.TrimPrefix(link, "/ui/reset?token="))
	for range 2 {
		if a := b.get(link); a.status != http.StatusOK || !strings.Contains(a.body, "ana@acme.test") {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	set := func(password, repeat string) answer {
		return b.post("/ui/reset", url.Values{"invitation_link": {token}, "password": {password}, "password_repeat": {repeat}})
	}
	for what, a := range map[string]answer{"short": set("short", "short"), "common": set("1q2w3e4r5t6y", "1q2w3e4r5t6y"), "differs": set(second, second+"x"), "own address": set("ana@acme.test", "ana@acme.test")} {
		if a.status != http.StatusUnprocessableEntity || strings.Contains(a.body, second) {
			t.Errorf("%s: %d", what, a.status)
		}
	}
	if !signedIn.signedIn() {
		t.Fatal("a link that was only opened has signed somebody out")
	}
	if a := set(second, second); a.status != http.StatusSeeOther || a.header.Get("Location") != "/ui/reset/done" {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if a := b.get("/ui/reset/done"); a.status != http.StatusOK {
		t.Errorf("done: %d", a.status)
	}
	if signedIn.signedIn() || b.signedIn() {
		t.Error("somebody is still, or now, signed in")
	}
	if a := b.get(link); a.status != http.StatusGone {
		t.Errorf("a used link: %d", a.status)
	}
	if a := set(first, first); a.status != http.StatusGone && a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, "/ui/forgot") {
		t.Errorf("a used link sets a password: %d", a.status)
	}
	if a := b.signIn("ana@acme.test", first); a.status != http.StatusUnauthorized {
		t.Errorf("the old password: %d", a.status)
	}
	if a := b.signIn("ana@acme.test", second); a.status != http.StatusSeeOther {
		t.Errorf("the new password: %d", a.status)
	}
	if len(m.Letters()) != 1 {
		t.Errorf("%d mails", len(m.Letters()))
	}
}

func TestForgottenPasswordRefusals(t *testing.T) {
	t.Parallel()
	r := newRig(t, "gatehouse: {login_rate: 3/min}\n")
	b := r.browser()
	if page := b.get("/login"); strings.Contains(page.body, "/ui/forgot") {
		t.Error("without mail, the sign-in page promises a link")
	}
	if a := b.get("/ui/forgot"); a.status != http.StatusOK || strings.Contains(a.body, "<form method=\"post\" action=\"/ui/forgot\"") {
		t.Errorf("without mail: %d", a.status)
	}
	b.headers["Sec-Fetch-Site"] = "cross-site"
	if a := b.post("/ui/reset", url.Values{"invitation_link": {"x"}}); a.status != http.StatusForbidden {
		t.Errorf("from another site: %d", a.status)
	}
	delete(b.headers, "Sec-Fetch-Site")
	var last answer
	for range 8 { // a new minute may begin on the way
		last = b.get("/ui/reset?token=guess")
	}
	if last.status != http.StatusTooManyRequests {
		t.Errorf("guessing links: %d", last.status)
	}
}
