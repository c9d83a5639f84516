package portal_test

import (
	"bytes"
	"encoding/csv"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"gatehouse/app/access"
	"gatehouse/app/control"
	"gatehouse/models"
)

func TestAccount(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.as(dev)
	doc := b.get("/ui/account").page(200)
	has(t, doc, dev, "Internal user", "Checkout", "This session", "203.0.113.9")

	bad := b.post("/ui/account", url.Values{"user_alias": {"Dev"}, "user_email": {"no address"}}).page(http.StatusUnprocessableEntity)
	has(t, bad, "This does not look like an email address.")
	if got := bad.Find(`[name="user_email"]`).AttrOr("value", ""); got != "no address" {
		t.Errorf("the address is not kept: %q", got)
	}
	has(t, b.post("/ui/account", url.Values{"user_alias": {"Dev"}, "user_email": {lead + "@acme.example"}}).page(http.StatusUnprocessableEntity), "has an account already")
	b.post("/ui/account", url.Values{"user_alias": {"Dev"}, "user_email": {dev + "@acme.example"}, "user_role": {"proxy_admin"}}).leadsTo("/ui/account")
	u, err := r.store.User(t.Context(), dev)
	if err != nil || *u.Alias != "Dev" || u.Role != models.RoleInternalUser {
		t.Fatalf("the account is now %+v, %v", u, err)
	}
	has(t, b.get("/ui/account").page(200), "Changes saved.")
}

func TestAccountPassword(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	in := control.UserUpdate{ID: dev}
	in.Password = control.Some("correct horse battery")
	if _, err := r.services.Users.Update(t.Context(), access.Master(), in); err != nil {
		t.Fatal(err)
	}
	elsewhere, b := r.as(dev), r.as(dev)
	send := func(current, next, repeat string) *answer {
		return b.post("/ui/account/password", url.Values{"current_password": {current}, "password": {next}, "password_repeat": {repeat}})
	}
	for name, c := range map[string]struct{ current, next, repeat, say string }{
		"wrong old one": {"nope", "a long new password", "a long new password", "wrong"}, "not the same": {"correct horse battery", "a long new password", "another", ""},
		"too short": {"correct horse battery", "short", "short", ""}, "empty": {"correct horse battery", "", "", ""},
	} {
		res := send(c.current, c.next, c.repeat)
		doc := res.page(http.StatusUnprocessableEntity)
		has(t, doc, c.say)
		if doc.Find(`#password-form [aria-invalid="true"]`).Length() == 0 {
			t.Errorf("%s: no field is marked", name)
		}
		if strings.Contains(res.body, "correct horse battery") || c.next != "" && strings.Contains(res.body, `value="`+c.next) {
			t.Errorf("%s: the page holds a password", name)
		}
	}
	if elsewhere.get("/ui/account").status != 200 {
		t.Fatal("a refused change ended a session")
	}
	send("correct horse battery", "a long new password", "a long new password").leadsTo("/ui/account")
	if b.get("/ui/account").status != 200 {
		t.Error("the own session ended")
	}
	if elsewhere.get("/ui/account").status != http.StatusSeeOther {
		t.Error("the other session lives on")
	}
}

func TestSessionsEnd(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	here, there, third := r.as(dev), r.as(dev), r.as(dev)
	foreign := r.as(lead)
	forms := here.get("/ui/account").page(200).Find(`form[action^="/ui/account/sessions/"][action$="/end"]`)
	if forms.Length() != 3 { // two others, and all of them
		t.Fatalf("%d forms end sessions", forms.Length())
	}
	one := forms.Eq(1).AttrOr("action", "")
	if res := foreign.post(one, nil); res.status != http.StatusSeeOther {
		t.Errorf("somebody else's session: %d", res.status)
	}
	if there.get("/ui/account").status != 200 || third.get("/ui/account").status != 200 {
		t.Fatal("a stranger ended a session")
	}
	here.post("/ui/account/sessions/end", nil).leadsTo("/ui/account")
	if here.get("/ui/account").status != 200 || there.get("/ui/account").status != http.StatusSeeOther || third.get("/ui/account").status != http.StatusSeeOther {
		t.Error("the wrong sessions ended")
	}
	if foreign.get("/ui/account").status != 200 {
		t.Error("a foreign session ended")
	}
}

func TestPreferences(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.as(dev)
	all := func(more ...string) url.Values {
		v := url.Values{"language": {"zh-CN"}, "theme": {"dark"}, "time_zone": {"Asia/Tokyo"}, "shortcuts": {"true"}, "account": {"true"}}
		for i := 0; i+1 < len(more); i += 2 {
			v.Set(more[i], more[i+1])
		}
		return v
	}
	for field, value := range map[string]string{"language": "xx", "theme": "pink", "time_zone": "../../etc/passwd"} {
		if res := b.post("/ui/preferences", all(field, value)); res.status != http.StatusBadRequest || res.header.Get("Set-Cookie") != "" {
			t.Errorf("%s=%s: %d", field, value, res.status)
		}
	}
	if res := b.post("/ui/preferences", url.Values{"next": {"/ui/"}}); res.status != http.StatusBadRequest {
		t.Errorf("no choice at all: %d", res.status)
	}
	res := b.post("/ui/preferences", all())
	res.leadsTo("/ui/account")
	cookies := map[string]string{}
	for _, c := range (&http.Response{Header: res.header}).Cookies() {
		cookies[c.Name] = c.Value
		if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode {
			t.Errorf("cookie %s is open", c.Name)
		}
	}
	if cookies["gh_lang"] != "zh-CN" || cookies["gh_theme"] != "dark" || cookies["gh_zone"] != "Asia/Tokyo" || cookies["gh_keys"] != "on" {
		t.Errorf("cookies %v", cookies)
	}

	// Another browser of the same person has them, with no cookie of theirs.
	elsewhere := r.as(dev)
	doc := elsewhere.get("/ui/account").page(200)
	if lang, _ := doc.Find("html").Attr("lang"); lang != "zh-CN" {
		t.Errorf("the language elsewhere is %q", lang)
	}
	if theme, _ := doc.Find("html").Attr("data-theme"); theme != "dark" {
		t.Errorf("the theme elsewhere is %q", theme)
	}
	if _, on := doc.Find("body").Attr("data-shortcuts"); !on {
		t.Error("the shortcuts are off elsewhere")
	}
	if zone, _ := doc.Find("#time_zone option[selected]").Attr("value"); zone != "Asia/Tokyo" {
		t.Errorf("the zone elsewhere is %q", zone)
	}
	if full, _ := doc.Find("time[datetime]").First().Attr("title"); !strings.Contains(full, "JST") {
		t.Errorf("times elsewhere are %q", full)
	}

	// One choice leaves the others; a box that is not ticked is off; "report" takes the zone back.
	elsewhere.post("/ui/preferences", url.Values{"language": {"en"}, "next": {"/ui/keys"}}).leadsTo("/ui/keys")
	doc = b.get("/ui/account").page(200)
	if theme, _ := doc.Find("html").Attr("data-theme"); theme != "dark" {
		t.Error("a change of language lost the theme")
	}
	v := all("time_zone", "report", "language", "en")
	v.Del("shortcuts")
	b.post("/ui/preferences", v).leadsTo("/ui/account")
	doc = elsewhere.get("/ui/account").page(200)
	if _, on := doc.Find("body").Attr("data-shortcuts"); on {
		t.Error("the shortcuts stay on")
	}
	if full, _ := doc.Find("time[datetime]").First().Attr("title"); !strings.Contains(full, "UTC") {
		t.Errorf("the zone stays: %q", full)
	}
	// A viewer, who may write nothing else, has them too; a visitor has them in the browser.
	r.as(reader).post("/ui/preferences", url.Values{"theme": {"light"}}).leadsTo("/ui/")
	if u, err := r.store.User(t.Context(), reader); err != nil || models.PreferencesOf(u.Prefs).Theme != "light" {
		t.Errorf("a viewer's account keeps %s, %v", u.Prefs, err)
	}
	r.as("").post("/ui/preferences", url.Values{"theme": {"light"}, "next": {"/login"}}).leadsTo("/login")
}

func TestTeamMembers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	held := r.key(dev, "dev-key", true)
	b := r.as(lead)
	path := "/ui/teams/" + team
	doc := b.get(path).page(200)
	has(t, doc, "Checkout", "Team admin", dev+"@acme.example")
	hasNot(t, r.as(dev).get(path).page(200), `form[action="`+path+`/members"], a[href$="/remove"]`)

	for name, c := range map[string]struct{ email, budget, say string }{
		"no address": {"nobody", "", "This does not look like an email address."}, "a member already": {dev + "@acme.example", "", "is in this team already."},
		"no amount": {"new@acme.example", "much", "Enter an amount like 25 or 0.50."},
	} {
		res := b.post(path+"/members", url.Values{"user_email": {c.email}, "role": {"user"}, "max_budget_in_team": {c.budget}})
		bad := res.page(http.StatusUnprocessableEntity)
		has(t, bad, c.say)
		if got := bad.Find(`[name="user_email"]`).AttrOr("value", ""); got != c.email {
			t.Errorf("%s: the address is not kept: %q", name, got)
		}
	}
	b.post(path+"/members", url.Values{"user_email": {"new@acme.example"}, "role": {"user"}, "max_budget_in_team": {"5"}}).leadsTo(path)
	has(t, b.get(path).page(200), "new@acme.example", "of $5", "new@acme.example is now in Checkout.")

	edit := b.get(path + "/members/" + dev).form(`main form[method="post"]`)
	edit.Set("role", "admin")
	b.post(path+"/members/"+dev, edit).leadsTo(path)
	m, err := r.store.Membership(t.Context(), team, dev)
	if err != nil || m.Role != models.TeamAdmin || m.BudgetID != nil {
		t.Fatalf("the place is now %+v, %v", m, err)
	}
	has(t, b.part(path+"/members/"+dev+"/remove").page(200), "Their 1 team key stops working at once.")
	b.post(path+"/members/"+dev+"/remove", nil).leadsTo(path)
	if _, err := r.store.Membership(t.Context(), team, dev); err == nil {
		t.Error("still a member")
	}
	if _, err := r.store.Key(t.Context(), held.Key.ID); err == nil {
		t.Error("the key of the team still works")
	}
	if res := b.get(path + "/members/" + dev); res.status != http.StatusNotFound {
		t.Errorf("a member who is gone: %d", res.status)
	}
}

func TestTeamSettings(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := "/ui/teams/" + team
	open := func(b *browser) url.Values { return b.get(path + "?tab=settings").form(`#tab form`) }
	b := r.as(lead)
	fields := open(b)
	fields.Set("max_budget", "500")
	has(t, b.post(path, fields).page(http.StatusUnprocessableEntity), "Only admins can change this.")
	fields.Set("max_budget", "50")
	fields.Set("team_alias", "Pay")
	b.post(path, fields).leadsTo(path + "?tab=settings")
	got, err := r.store.Team(t.Context(), team)
	if err != nil || *got.Alias != "Pay" || *got.MaxBudget != 50*models.USD || len(got.Models) != 2 || got.MemberPermissions != nil {
		t.Fatalf("the team is now %+v, %v", got, err)
	}
	fields = open(b)
	fields["team_member_permissions"] = []string{"/key/info"}
	b.post(path, fields).leadsTo(path + "?tab=settings")
	if got, err = r.store.Team(t.Context(), team); err != nil || got.MemberPermissions == nil || len(*got.MemberPermissions) != 4 {
		t.Errorf("members may now %v, %v", got.MemberPermissions, err)
	}
	fields = open(b)
	fields.Set("team_alias", "")
	has(t, b.post(path, fields).page(http.StatusUnprocessableEntity), "Give the team a name.")
	hasNot(t, r.as(dev).get(path+"?tab=settings").page(200), "#tab button[type=submit]")
}

func TestTeamsNewBlockDelete(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.as(admin)
	bad := b.post("/ui/teams/new", url.Values{"team_alias": {""}, "max_budget": {"x"}}).page(http.StatusUnprocessableEntity)
	if n := bad.Find(`[role="alert"] a`).Length(); n != 2 {
		t.Errorf("the summary names %d problems", n)
	}
	res := b.post("/ui/teams/new", url.Values{"team_alias": {"Search"}, "models": {"gpt-5-mini", "claude"}, "max_budget": {"25"}, "budget_duration": {"30d"}}, "HX-Request", "true")
	to := res.header.Get("HX-Redirect")
	if res.status != http.StatusNoContent || !strings.HasPrefix(to, "/ui/teams/") {
		t.Fatalf("%d to %q", res.status, to)
	}
	has(t, b.get(to).page(200), "Search", "$25.00", "Team Search is created.")
	b.post(to+"/block", nil).leadsTo(to)
	has(t, b.get(to).page(200), "Blocked")
	b.post(to+"/unblock", nil).leadsTo(to)
	r.key(dev, "dev-key", true)
	has(t, b.post("/ui/teams/"+team+"/delete", url.Values{"confirm": {"wrong"}}).page(http.StatusUnprocessableEntity), "Type Checkout to delete it.")
	b.post("/ui/teams/"+team+"/delete", url.Values{"confirm": {"Checkout"}}).leadsTo("/ui/teams")
	b.post(to+"/delete", nil).leadsTo("/ui/teams")
	list := b.get("/ui/teams").page(200)
	has(t, list, "No teams yet.")
	has(t, b.get("/ui/teams?q=zzz").page(200), "No teams match.")
}

func TestInvite(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.as(admin)
	bad := b.post("/ui/users/invite", url.Values{"user_email": {"x"}, "user_role": {"king"}, "max_budget": {"-1"}}).page(http.StatusUnprocessableEntity)
	if n := bad.Find(`[role="alert"] a`).Length(); n != 3 {
		t.Errorf("the summary names %d problems", n)
	}
	has(t, b.post("/ui/users/invite", url.Values{"user_email": {"U-DEV@acme.example"}, "user_role": {"internal_user"}}).page(http.StatusUnprocessableEntity), "has an account already")
	res := b.post("/ui/users/invite", url.Values{"user_email": {"maya@acme.example"}, "user_role": {"internal_user"}, "teams": {team}, "max_budget": {"25"}})
	doc := res.page(200)
	link := doc.Find("#invite-link").AttrOr("value", "")
	if !strings.HasPrefix(link, "http://") || !strings.Contains(link, "/ui/onboarding?id=") {
		t.Fatalf("the link is %q", link)
	}
	if res.header.Get("Cache-Control") != "no-store" {
		t.Error("the link may be kept by caches")
	}
	has(t, doc, "28 November 2026")
	to := doc.Find(`a[data-close]`).AttrOr("href", "")
	again := b.get(to)
	has(t, again.page(200), "Invited", "Checkout", "of $25")
	if strings.Contains(again.body, "onboarding?id=") {
		t.Error("the link is shown twice")
	}
	has(t, b.get("/ui/users?state=invited").page(200), "maya@acme.example")
	if strings.Contains(text(b.get("/ui/users?state=blocked").page(200).Find("#list")), "@") {
		t.Error("the filter lets others through")
	}
	fresh := b.post(to+"/invite", nil).page(200).Find("#invite-link").AttrOr("value", "")
	if fresh == "" || fresh == link {
		t.Errorf("the new link is %q", fresh)
	}
}

func TestUserBlockAndDelete(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.key(dev, "dev-key", false)
	b, theirs := r.as(admin), r.as(dev)
	path := "/ui/users/" + dev
	b.post(path+"/block", nil).leadsTo(path)
	if res := theirs.get("/ui/"); res.status == 200 {
		t.Error("a blocked person is still let in")
	}
	has(t, b.get(path).page(200), "Blocked", "dev-key")
	b.post(path+"/unblock", nil).leadsTo(path)
	for _, act := range []string{"/block", "/delete"} {
		if res := b.post("/ui/users/"+admin+act, url.Values{"confirm": {admin}}); res.status != http.StatusForbidden {
			t.Errorf("%s on oneself: %d", act, res.status)
		}
	}
	has(t, b.post(path+"/delete", nil).page(http.StatusUnprocessableEntity), "Type "+dev+"@acme.example to delete it.")
	b.post(path+"/delete", url.Values{"confirm": {dev + "@acme.example"}}).leadsTo("/ui/users")
	if res := b.get(path); res.status != http.StatusNotFound {
		t.Errorf("after: %d", res.status)
	}
}

func TestUserUpdate(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.as(admin)
	path := "/ui/users/" + dev
	fields := b.get(path).form("#edit form")
	fields.Set("user_role", "internal_user_viewer")
	fields.Set("max_budget", "12.5")
	b.post(path, fields).leadsTo(path)
	u, err := r.store.User(t.Context(), dev)
	if err != nil || u.Role != models.RoleInternalViewer || *u.MaxBudget != 12_500_000_000 || *u.Email != dev+"@acme.example" {
		t.Fatalf("now %+v, %v", u, err)
	}
	fields = b.get(path).form("#edit form")
	fields.Set("rpm_limit", "0")
	part := b.post(path, fields, "HX-Request", "true").page(http.StatusUnprocessableEntity)
	if part.Find("#edit").Length() != 1 || part.Find("h1").Length() != 0 {
		t.Error("HTMX gets more than the form")
	}
	own := b.get("/ui/users/" + admin).form("#edit form")
	own.Set("user_role", "internal_user")
	b.post("/ui/users/"+admin, own).leadsTo("/ui/users/" + admin)
	if u, err := r.store.User(t.Context(), admin); err != nil || u.Role != models.RoleAdmin {
		t.Errorf("an admin took their own role: %v %v", u.Role, err)
	}
}

func TestImport(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.as(admin)
	for name, c := range map[string]struct{ csv, say string }{
		"nothing": {"  \n", "Paste at least one row"}, "headings alone": {"email,role\n", "Paste at least one row"}, "broken": {"a@b.c,\"x\nb", "row "},
		"too many": {strings.Repeat("a@b.c\n", 501), "over 1 MB or 500 rows"}, "no text": {"a@b.c\xff\n", "Save the file as UTF-8."},
	} {
		doc := b.post("/ui/users/import", url.Values{"csv": {c.csv}}).page(http.StatusUnprocessableEntity)
		has(t, doc, c.say)
		_ = name
	}
	rows := "email,role,teams,budget\nmaya@acme.example,internal_user,checkout,25\nbob@acme.example,viewer,,\nnobody,,,\nmaya@acme.example,,,\nzoe@acme.example,,Nowhere,\n" +
		dev + "@acme.example,,,\n=cmd@acme.example,,,\n"
	preview := b.post("/ui/users/import", url.Values{"csv": {rows}}).page(200)
	has(t, preview, "row 3, Role: 'viewer' is not a role", "row 4, Email:", "row 5, Email: this address stands here twice", "row 6, Teams: there is no team 'Nowhere'", "Invite 3 users")
	if _, err := r.store.UserByEmail(t.Context(), "maya@acme.example"); err == nil {
		t.Fatal("the preview already invited")
	}
	fields := url.Values{"confirmed": {"true"}, "csv": {preview.Find(`input[name="csv"]`).AttrOr("value", "")}}
	res := b.post("/ui/users/import", fields)
	if got := res.header.Get("Content-Disposition"); !strings.Contains(got, "invitations-2026-11-21.csv") || res.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("the file is %q: %s", got, clip(res.body))
	}
	out, err := csv.NewReader(strings.NewReader(res.body)).ReadAll()
	if err != nil || len(out) != 8 {
		t.Fatalf("%d lines, %v", len(out), err)
	}
	if !strings.Contains(out[1][2], "/ui/onboarding?id=") || out[2][2] != "" || out[6][4] == "" || out[7][0] != "'=cmd@acme.example" {
		t.Errorf("the lines are %q", out)
	}
	u, err := r.store.UserByEmail(t.Context(), "maya@acme.example")
	if err != nil || *u.MaxBudget != 25*models.USD {
		t.Fatalf("maya is %+v, %v", u, err)
	}
	if _, err := r.store.Membership(t.Context(), team, u.ID); err != nil {
		t.Errorf("not in the team: %v", err)
	}
	has(t, b.get("/ui/users").page(200), "2 users invited.")
}

func TestImportFile(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	part, err := w.CreateFormFile("file", "people.csv")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := part.Write([]byte("\uFEFFemail,role\nzoe@acme.example,internal_user\n")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	req := httptest.NewRequest(http.MethodPost, "/ui/users/import", &body)
	req.Header.Set("Content-Type", w.FormDataContentType())
	has(t, r.as(admin).send(req).page(200), "zoe@acme.example", "Invite 1 user")
}
