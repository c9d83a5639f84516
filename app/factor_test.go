package app

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"gatehouse/app/control/totp"
	"gatehouse/models"
)

const factorPassword = "korrekt-pferd-batterie"

func parsed(t *testing.T, a answer) *goquery.Document {
	t.Helper()
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(a.body))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// setupKey is the setup key that a page shows.
func setupKey(t *testing.T, a answer) string {
	t.Helper()
	doc := parsed(t, a)
	key := strings.ReplaceAll(doc.Find("#factor-secret").AttrOr("value", ""), " ", "")
	if len(key) != 32 || doc.Find(`svg[role="img"] path`).Length() != 1 {
		t.Fatalf("%d: setup key %q, %d QR codes", a.status, key, doc.Find(`svg[role="img"]`).Length())
	}
	return key
}

func appCode(t *testing.T, key string, steps int) string {
	t.Helper()
	code, err := totp.Code(key, time.Now().Add(time.Duration(steps)*30*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	return code
}

func TestSecondFactorPages(t *testing.T) {
	t.Parallel()
	r := newRig(t, "gatehouse: {login_rate: 10000/min}\n")
	r.withPassword("ana", "internal_user", factorPassword)
	b := r.browser()
	if a := b.signIn("ana@acme.test", factorPassword); a.status != http.StatusSeeOther || !b.signedIn() {
		t.Fatalf("%d %s", a.status, a.body)
	}
	act := func(path string, form url.Values, want int) answer {
		t.Helper()
		a := b.post("/ui/account/factor"+path, form)
		if a.status != want {
			t.Fatalf("%s %v: %d, want %d\n%s", path, form, a.status, want, a.body)
		}
		return a
	}
	act("", url.Values{"current_password": {"wrong"}}, http.StatusUnprocessableEntity)
	act("/confirm", url.Values{"code": {"123456"}}, http.StatusUnprocessableEntity)
	a := act("", url.Values{"current_password": {factorPassword}}, http.StatusOK)
	key := setupKey(t, a)
	if a.header.Get("Cache-Control") != "no-store" {
		t.Error("the setup key may be kept by caches")
	}
	if again := setupKey(t, act("/confirm", url.Values{"code": {"000000"}}, http.StatusUnprocessableEntity)); again != key {
		t.Error("a wrong code changes the setup key")
	}
	codes := parsed(t, act("/confirm", url.Values{"code": {appCode(t, key, 0)}}, http.StatusOK)).Find("#factor li").Map(func(_ int, s *goquery.Selection) string { return s.Text() })
	if len(codes) != totp.RecoveryCodes {
		t.Fatalf("recovery codes %v", codes)
	}
	if page := b.get("/ui/account"); strings.Contains(page.body, key) || strings.Contains(page.body, codes[0]) || !strings.Contains(page.body, "10 recovery codes are left.") {
		t.Error("what is shown once is shown again, or the state is not")
	}

	other := r.browser()
	if a := other.get("/login/code"); a.status != http.StatusSeeOther || a.header.Get("Location") != "/login" {
		t.Errorf("a code without a sign-in: %d", a.status)
	}
	if a := other.post("/login", url.Values{"username": {"ana@acme.test"}, "password": {factorPassword}, "next": {"/ui/keys"}}); a.status != http.StatusSeeOther || a.header.Get("Location") != "/login/code?next=%2Fui%2Fkeys" {
		t.Fatalf("%d to %s", a.status, a.header.Get("Location"))
	}
	if other.signedIn() || other.cookies["gh_session"] != "" {
		t.Fatal("the password alone signs in")
	}
	if a := other.get("/login/code?next=https://evil.example/"); a.status != http.StatusOK || parsed(t, a).Find(`form[action="/login/code"] input[name=next]`).AttrOr("value", "?") != "" {
		t.Errorf("%d, or the form leads to another site", a.status)
	}
	stolen := r.browser() // the code alone is worth nothing in another browser
	if a := stolen.post("/login/code", url.Values{"code": {appCode(t, key, 1)}}); a.status != http.StatusUnauthorized || stolen.signedIn() {
		t.Errorf("a code in another browser: %d", a.status)
	}
	if a := other.post("/login/code", url.Values{"code": {"000000"}}); a.status != http.StatusUnauthorized || other.signedIn() {
		t.Errorf("a wrong code: %d", a.status)
	}
	if a := other.post("/login/code", url.Values{"code": {appCode(t, key, 1)}, "next": {"/ui/keys"}}); a.status != http.StatusSeeOther || a.header.Get("Location") != "/ui/keys" || !other.signedIn() {
		t.Fatalf("%d to %s", a.status, a.header.Get("Location"))
	}
	if other.cookies["gh_step"] != "" {
		t.Error("the cookie of the sign-in stays")
	}
	third := r.browser()
	third.signIn("ana@acme.test", factorPassword)
	if a := third.post("/login/code", url.Values{"code": {appCode(t, key, 1)}}); a.status != http.StatusUnauthorized || third.signedIn() {
		t.Errorf("a replayed code: %d", a.status)
	}
	if a := third.post("/login/code", url.Values{"code": {codes[0]}, "recovery": {"true"}}); a.status != http.StatusSeeOther || !third.signedIn() {
		t.Errorf("a recovery code: %d", a.status)
	}

	act("/off", url.Values{"current_password": {"wrong"}}, http.StatusUnprocessableEntity)
	admin := r.browser()
	admin.cookies["gh_session"] = strings.TrimPrefix(r.signIn(models.RoleAdmin, models.DefaultUserID), "gh_session=")
	if page := admin.get("/ui/users/ana"); !strings.Contains(page.body, "/ui/users/ana/factor/reset") {
		t.Error("an admin finds no way to reset it")
	}
	if a := b.post("/ui/users/ana/factor/reset", url.Values{}); a.status != http.StatusForbidden {
		t.Errorf("ana resets as admins do: %d", a.status)
	}
	if a := admin.post("/ui/users/ana/factor/reset", url.Values{}); a.status != http.StatusSeeOther {
		t.Fatalf("reset: %d", a.status)
	}
	fourth := r.browser()
	if a := fourth.signIn("ana@acme.test", factorPassword); a.status != http.StatusSeeOther || !fourth.signedIn() {
		t.Errorf("after the reset: %d", a.status)
	}
}

func TestSecondFactorIsRequired(t *testing.T) {
	t.Parallel()
	r := newRig(t, "gatehouse: {login_rate: 10000/min, require_mfa: true}\n")
	r.withPassword("boss", "proxy_admin", factorPassword)
	r.withPassword("ana", "internal_user", factorPassword)
	plain := r.browser()
	if plain.signIn("ana@acme.test", factorPassword); !plain.signedIn() {
		t.Error("a role that need not is asked")
	}
	b := r.browser()
	if a := b.signIn("boss@acme.test", factorPassword); a.header.Get("Location") != "/login/factor" || b.signedIn() {
		t.Fatalf("%d to %s", a.status, a.header.Get("Location"))
	}
	key := setupKey(t, b.get("/login/factor"))
	if again := setupKey(t, b.post("/login/factor", url.Values{"code": {"000000"}})); again != key || b.signedIn() {
		t.Error("a wrong code signs in, or changes the key")
	}
	a := b.post("/login/factor", url.Values{"code": {appCode(t, key, 0)}})
	if a.status != http.StatusOK || !b.signedIn() || parsed(t, a).Find("main li").Length() != totp.RecoveryCodes {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if page := b.get("/ui/account"); strings.Contains(page.body, "/ui/account/factor/off") {
		t.Error("the page offers to turn it off")
	}
	if a := b.post("/ui/account/factor/off", url.Values{"current_password": {factorPassword}}); a.status != http.StatusUnprocessableEntity {
		t.Errorf("turned off: %d", a.status)
	}
}
