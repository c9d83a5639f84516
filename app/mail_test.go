package app

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/testkit"
	"gatehouse/models"
	"gatehouse/proxy/budget"
	"gatehouse/proxy/keyring"
)

// mailRig is the program with a mail server.
func mailRig(t *testing.T, env ...string) (*rig, *testkit.MailServer) {
	t.Helper()
	t.Parallel()
	m := testkit.NewMailServer(t, testkit.MailOptions{})
	return newRigWith(t, "gatehouse: {login_rate: 10000/min}\n", Options{Env: append([]string{
		"SMTP_HOST=" + m.Host, fmt.Sprintf("SMTP_PORT=%d", m.Port), "SMTP_TLS=False", "SMTP_SENDER_EMAIL=gate@acme.test", "PROXY_BASE_URL=https://llm.acme.test",
	}, env...)}), m
}

// recipients are those who got a mail with this subject, sorted.
func recipients(letters []testkit.Letter, subject string) []string {
	var out []string
	for _, l := range letters {
		if l.Subject == subject {
			out = append(out, l.To)
		}
	}
	slices.Sort(out)
	return out
}

func TestActsThatCauseMail(t *testing.T) {
	r, m := mailRig(t)
	made := r.admin("POST", "/user/new", `{"user_id":"ana","user_email":"ana@acme.test","user_role":"internal_user","send_invite_email":true,"auto_create_key":false}`)
	link, _ := made["invitation_link"].(string)
	r.admin("POST", "/user/new", `{"user_id":"quiet","user_email":"quiet@acme.test","user_role":"internal_user","auto_create_key":false}`)
	r.admin("POST", "/invitation/new", `{"user_id":"quiet"}`)
	key := r.admin("POST", "/key/generate", `{"user_id":"ana","key_alias":"ci-bot","send_invite_email":true}`)
	r.admin("POST", "/key/generate", `{"user_id":"ana","key_alias":"silent"}`)
	rotated := r.admin("POST", "/key/regenerate", fmt.Sprintf(`{"key":%q}`, key["key"]))
	letters := m.WaitLetters(t, 4)
	for subject, want := range map[string][]string{
		"You are invited to Gatehouse":      {"ana@acme.test", "quiet@acme.test"},
		"A key was created for you":         {"ana@acme.test"},
		"One of your keys has a new secret": {"ana@acme.test"},
	} {
		if got := recipients(letters, subject); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", subject, got, want)
		}
	}
	for _, l := range letters {
		for _, secret := range []any{key["key"], rotated["key"]} {
			if strings.Contains(l.Text+l.HTML, fmt.Sprint(secret)) {
				t.Errorf("the key is in a mail: %s", l.Subject)
			}
		}
		if l.To == "ana@acme.test" && strings.HasPrefix(l.Subject, "You are invited") && (link != "" && !strings.Contains(l.Text, link) || !strings.Contains(l.HTML, "https://llm.acme.test/ui/onboarding?id=")) {
			t.Errorf("the link is not whole: %s", l.Text)
		}
	}
}

// TestAHungMailServerHoldsNoRequest: acts that cause mail answer while the mail server says nothing at all.
func TestAHungMailServerHoldsNoRequest(t *testing.T) {
	r, m := mailRig(t)
	gate := make(chan struct{})
	m.Behave(func(testkit.MailStage, string) testkit.MailReply { return testkit.MailReply{Gate: gate} })
	for i := range 3 {
		r.admin("POST", "/user/new", fmt.Sprintf(`{"user_email":"p%d@acme.test","send_invite_email":true,"auto_create_key":false}`, i))
	}
	if n := len(m.Letters()); n != 0 {
		t.Fatalf("%d mails came through a closed gate", n)
	}
	close(gate)
	m.WaitLetters(t, 3)
}

func TestBudgetMail(t *testing.T) {
	r, m := mailRig(t)
	r.admin("POST", "/user/new", `{"user_id":"boss","user_email":"boss@acme.test","user_role":"proxy_admin","auto_create_key":false}`)
	r.admin("POST", "/user/new", `{"user_id":"lead","user_email":"lead@acme.test","auto_create_key":false}`)
	r.admin("POST", "/user/new", `{"user_id":"dev","user_email":"dev@acme.test","auto_create_key":false}`)
	r.admin("POST", "/team/new", `{"team_id":"checkout","team_alias":"Checkout","members_with_roles":[{"role":"admin","user_id":"lead"},{"role":"user","user_id":"dev"}]}`)
	r.admin("POST", "/team/new", `{"team_id":"headless","team_alias":"Headless"}`)
	key := r.admin("POST", "/key/generate", `{"user_id":"dev","key_alias":"ci-bot"}`)
	hash, _ := key["token"].(string)
	row, err := r.p.store.KeyByHash(t.Context(), hash)
	if err != nil {
		t.Fatal(err)
	}
	spend := func(scope string, amounts ...models.Nano) {
		t.Helper()
		for _, amount := range amounts {
			h, err := r.p.budget.Reserve([]budget.Want{{Scope: scope, Cap: keyring.Cap{N: int64(10 * models.USD), Set: true}}}, budget.Ask{Est: 1})
			if err != nil {
				t.Fatal(err)
			}
			h.Settle(amount)
		}
	}
	spend(models.ScopeTeam("checkout"), 7*models.USD, 2*models.USD, 1*models.USD)
	spend(models.ScopeKey(row.ID), 8*models.USD)
	spend(models.ScopeMember("checkout", "dev"), 8*models.USD)
	spend(models.ScopeUser("dev"), 8*models.USD)
	spend(models.ScopeTeam("headless"), 8*models.USD)
	spend(models.ScopeCustomer("palantir"), 8*models.USD)
	letters := m.WaitLetters(t, 7)
	got := map[string]int{}
	for _, l := range letters {
		for _, name := range []string{"team Checkout", "key ci-bot", "member dev@acme.test (Checkout)", "user dev@acme.test", "team Headless", "customer palantir"} {
			if strings.Contains(l.Text, "Budget of: "+name+"\n") {
				got[l.To+": "+l.Subject+": "+name]++
			}
		}
		if !strings.Contains(l.Text, "Budget: $10.00") {
			t.Errorf("the budget itself is missing:\n%s", l.Text)
		}
	}
	for _, want := range []string{
		"lead@acme.test: A budget is 80% used: team Checkout", "lead@acme.test: A budget is used up: team Checkout",
		"dev@acme.test: A budget is 80% used: key ci-bot", "dev@acme.test: A budget is 80% used: member dev@acme.test (Checkout)",
		"dev@acme.test: A budget is 80% used: user dev@acme.test", "boss@acme.test: A budget is 80% used: team Headless",
		"boss@acme.test: A budget is 80% used: customer palantir",
	} {
		if got[want] != 1 {
			t.Errorf("%q came %d times", want, got[want])
		}
	}
	if len(got) != 7 {
		t.Errorf("%v", got)
	}
}

func TestBudgetMailOnlyWhereItIsWanted(t *testing.T) {
	t.Parallel()
	m := testkit.NewMailServer(t, testkit.MailOptions{})
	r := newRigWith(t, "general_settings: {alerting: [webhook]}\n", Options{Env: []string{
		"SMTP_HOST=" + m.Host, fmt.Sprintf("SMTP_PORT=%d", m.Port), "SMTP_TLS=False", "SMTP_SENDER_EMAIL=gate@acme.test",
	}})
	r.admin("POST", "/user/new", `{"user_id":"boss","user_email":"boss@acme.test","user_role":"proxy_admin","auto_create_key":false}`)
	r.p.mailBudget(t.Context(), budget.Crossing{Kind: budget.CrossFull, Scope: models.ScopeProxy, Limit: models.USD, Cap: models.USD, Spent: models.USD})
	if c, err := r.p.store.CountMails(t.Context()); err != nil || c.Waiting != 0 || len(m.Letters()) != 0 {
		t.Fatalf("%+v, %v, %d mails", c, err, len(m.Letters()))
	}
}

func TestKeysThatEndAreToldOnce(t *testing.T) {
	r, m := mailRig(t)
	r.admin("POST", "/user/new", `{"user_id":"ana","user_email":"ana@acme.test","auto_create_key":false}`)
	for alias, duration := range map[string]string{"long": "30d", "later": "90d", "short": "2d", "for-ever": "-1"} {
		r.admin("POST", "/key/generate", fmt.Sprintf(`{"user_id":"ana","key_alias":%q,"duration":%q}`, alias, duration))
	}
	r.admin("POST", "/key/generate", `{"user_id":"ana","key_alias":"blocked","duration":"30d","blocked":true}`)
	r.admin("POST", "/key/generate", `{"user_id":"nobody-with-an-address","key_alias":"ownerless","duration":"30d"}`)
	sweep := func(later time.Duration) {
		t.Helper()
		j := &jobs{store: r.p.store, cfg: r.p.cfg.Load, mail: r.p.mail, now: func() time.Time { return time.Now().Add(later) }, log: r.p.log}
		if err := j.tellExpiry(t.Context(), func() error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	sweep(26 * 24 * time.Hour)
	if c, err := r.p.store.CountMails(t.Context()); err != nil || c.Waiting+int64(len(m.Letters())) != 0 {
		t.Fatalf("four days before: %+v, %v", c, err)
	}
	sweep(28 * 24 * time.Hour)
	sweep(28 * 24 * time.Hour)
	l := m.WaitLetters(t, 1)[0]
	if l.To != "ana@acme.test" || !strings.Contains(l.Text, "long") {
		t.Fatalf("%+v", l)
	}
	sweep(28 * 24 * time.Hour)
	r.admin("POST", "/user/new", `{"user_email":"last@acme.test","send_invite_email":true,"auto_create_key":false}`)
	if got := m.WaitLetters(t, 2); len(got) != 2 || got[1].To != "last@acme.test" { // mails go out in order: nothing stood before it
		t.Fatalf("%+v", got)
	}
}

func TestTryingMailOut(t *testing.T) {
	r, m := mailRig(t, "TEST_EMAIL_ADDRESS=ops@acme.test")
	r.admin("POST", "/user/new", `{"user_id":"ana","user_email":"ana@acme.test","user_role":"internal_user","auto_create_key":false}`)
	anas := r.admin("POST", "/key/generate", `{"user_id":"ana"}`)
	get := func(path, key string) answer { return r.do("GET", path, "", "Authorization", "Bearer "+key) }
	for path, want := range map[string]int{
		"/health/services": http.StatusUnprocessableEntity, "/health/services?service=pigeon": http.StatusBadRequest, "/health/services?service=webhook": http.StatusBadRequest,
	} {
		if a := get(path, rigMaster); a.status != want {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	if a := get("/health/services?service=email", fmt.Sprint(anas["key"])); a.status != http.StatusForbidden && a.status != http.StatusUnauthorized {
		t.Errorf("an internal user sends test mails: %d %s", a.status, a.body)
	}
	if a := get("/health/services?service=email", rigMaster); a.status != http.StatusOK || a.json()["status"] != "success" {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if l := m.WaitLetters(t, 1)[0]; l.To != "ops@acme.test" || l.Subject != "Mail from Gatehouse works" {
		t.Fatalf("%+v", l)
	}
	press := func(cookie string) answer {
		return r.do("POST", "/ui/settings/mail/test/mail", "", "Cookie", "__Host-"+cookie, "HX-Request", "true", "Sec-Fetch-Site", "same-origin")
	}
	admin := r.signIn(models.RoleAdmin, models.DefaultUserID)
	if page := r.do("GET", "/ui/settings/mail", "", "Cookie", "__Host-"+admin); !strings.Contains(page.body, "/ui/settings/mail/test/mail") {
		t.Error("the settings page has no button for a test mail")
	}
	if a := press(r.signIn(models.RoleInternalUser, "ana")); a.status != http.StatusForbidden {
		t.Errorf("an internal user presses it: %d", a.status)
	}
	if a := press(admin); a.status != http.StatusOK || !strings.Contains(a.body, "It works.") {
		t.Fatalf("%d %s", a.status, a.body)
	}
	m.WaitLetters(t, 2)
	m.Behave(func(testkit.MailStage, string) testkit.MailReply {
		return testkit.MailReply{Code: 554, Text: "go away"}
	})
	if a := get("/health/services?service=email", rigMaster); a.status != http.StatusServiceUnavailable || !strings.Contains(a.body, "go away") {
		t.Errorf("a refusal at /health/services: %d %s", a.status, a.body)
	}
	if a := press(admin); !strings.Contains(a.body, "go away") || len(m.Letters()) != 2 {
		t.Fatalf("a refusal is not told: %s", a.body)
	}
}
