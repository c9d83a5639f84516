package mail_test

import (
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/PuerkitoBio/goquery"

	"gatehouse/app/control"
	"gatehouse/app/mail"
	"gatehouse/internal/testkit"
	"gatehouse/models"
)

func TestLetters(t *testing.T) {
	day := time.Date(2026, 11, 28, 15, 42, 0, 0, time.UTC)
	hostile := `<script>alert(1)</script>"&`
	for name, tc := range map[string]struct {
		write   func(*mail.Mailer, *testing.T)
		subject [2]string // English, Chinese
		says    []string  // in both
		link    string
	}{
		"invitation": {
			func(m *mail.Mailer, t *testing.T) { m.Invitation(t.Context(), invitation("ana@acme.test")) },
			[2]string{"You are invited to Gatehouse", "邀请您使用 Gatehouse"},
			[]string{"lead@acme.test", "15:42 UTC"},
			"https://llm.acme.test/gate/ui/onboarding?id=a2f0918f-secret",
		},
		"key created": {
			func(m *mail.Mailer, t *testing.T) {
				m.KeyCreated(t.Context(), control.KeyMail{To: "ana@acme.test", Alias: hostile, Name: "sk-...W8Ng", Secret: models.NewSecret("sk-canary")})
			},
			[2]string{"A key was created for you", "已为您创建密钥"},
			[]string{hostile, "sk-...W8Ng"},
			"https://llm.acme.test/gate/ui/keys",
		},
		"key rotated": {
			func(m *mail.Mailer, t *testing.T) {
				m.KeyCreated(t.Context(), control.KeyMail{To: "ana@acme.test", Alias: "ci-bot", Name: "sk-...W8Ng", Secret: models.NewSecret("sk-canary"), Rotated: true})
			},
			[2]string{"One of your keys has a new secret", "您的一个密钥已更换"},
			[]string{"ci-bot"},
			"https://llm.acme.test/gate/ui/keys",
		},
		"key that ends": {
			func(m *mail.Mailer, t *testing.T) {
				m.KeyExpiring(t.Context(), control.ExpiryMail{To: "ana@acme.test", Alias: "ci-bot", Name: "sk-...W8Ng", Expires: day})
			},
			[2]string{"One of your keys expires soon", "您的一个密钥即将到期"},
			[]string{"ci-bot", "15:42 UTC"},
			"https://llm.acme.test/gate/ui/keys",
		},
		"budget at 80 %": {
			func(m *mail.Mailer, t *testing.T) {
				m.Budget(t.Context(), control.BudgetMail{To: "ana@acme.test", Kind: control.BudgetNear, Scope: "team", Name: "Checkout", Percent: 80, Spent: 81 * models.USD, Limit: 100 * models.USD})
			},
			[2]string{"A budget is 80% used", "预算已使用 80%"},
			[]string{"Checkout", "$81.00", "$100.00"},
			"https://llm.acme.test/gate/ui/usage",
		},
		"budget at 100 %": {
			func(m *mail.Mailer, t *testing.T) {
				m.Budget(t.Context(), control.BudgetMail{To: "ana@acme.test", Kind: control.BudgetFull, Scope: "key", Name: "ci-bot", Spent: models.USD / 2, Limit: models.USD / 2})
			},
			[2]string{"A budget is used up", "预算已用完"},
			[]string{"ci-bot", "$0.50"},
			"https://llm.acme.test/gate/ui/usage",
		},
		"password reset": {
			func(m *mail.Mailer, t *testing.T) { m.ResetRequested(t.Context(), "ana@acme.test", "") },
			[2]string{"Set a new password", "设置新密码"},
			[]string{"15:42 UTC"},
			"https://llm.acme.test/gate/ui/reset?token=t0k3n",
		},
	} {
		for at, lang := range []string{"en", "zh-CN"} {
			t.Run(name+" "+lang, func(t *testing.T) {
				r := newRig(t, testkit.MailOptions{})
				r.person("ana", "ana@acme.test", lang)
				r.resets["ana@acme.test"] = &control.ResetLink{To: "ana@acme.test", Link: "/gate/ui/reset?token=t0k3n", Expires: day}
				r.config.Signature = `<b>The platform team</b><br>Room 4`
				r.config.SupportContact, r.config.LogoURL = "help@acme.test", "https://acme.test/logo.png"
				if name == "password reset" { // nobody knows whose address it is until it is sent, so the page's language holds
					r.mailer.ResetRequested(t.Context(), "ana@acme.test", lang)
				} else {
					tc.write(r.mailer, t)
				}
				r.run(r.mailer)
				l := r.server.WaitLetters(t, 1)[0]
				if l.Subject != tc.subject[at] {
					t.Errorf("subject %q", l.Subject)
				}
				page, err := goquery.NewDocumentFromReader(strings.NewReader(l.HTML))
				if err != nil {
					t.Fatal(err)
				}
				if got, _ := page.Find("html").Attr("lang"); got != lang {
					t.Errorf("lang %q", got)
				}
				for _, want := range append(tc.says, "help@acme.test", "Room 4", "The platform team") {
					if !strings.Contains(l.Text, want) || !strings.Contains(page.Text(), want) {
						t.Errorf("%q is missing:\n%s\n%s", want, l.Text, page.Text())
					}
				}
				if href, _ := page.Find("a").Attr("href"); href != tc.link || !strings.Contains(l.Text, tc.link) {
					t.Errorf("link %q", href)
				}
				if page.Find("script").Length() > 0 || page.Find("img[src='https://acme.test/logo.png']").Length() != 1 {
					t.Errorf("markup: %s", l.HTML)
				}
				if strings.Contains(l.Text+l.HTML, "sk-canary") {
					t.Error("the key is in the mail")
				}
				if lang == "zh-CN" && !strings.ContainsFunc(page.Find("p").Text(), func(r rune) bool { return unicode.Is(unicode.Han, r) }) {
					t.Error("not Chinese")
				}
			})
		}
	}
}

func TestWhoseLanguage(t *testing.T) {
	r := newRig(t, testkit.MailOptions{})
	r.person("lead", "lead@acme.test", "zh-CN")
	r.person("noor", "noor@acme.test", "")
	first, second := invitation("noor@acme.test"), invitation("bo@acme.test")
	second.InviterEmail, second.Lang = "", "zh-CN"
	third := invitation("cy@acme.test")
	third.InviterEmail = ""
	r.mailer.Invitation(t.Context(), first)
	r.mailer.Invitation(t.Context(), second)
	r.mailer.Invitation(t.Context(), third)
	r.run(r.mailer)
	got := map[string]string{}
	for _, l := range r.server.WaitLetters(t, 3) {
		got[l.To] = l.Subject
	}
	want := map[string]string{"noor@acme.test": "邀请您使用 Gatehouse", "bo@acme.test": "邀请您使用 Gatehouse", "cy@acme.test": "You are invited to Gatehouse"}
	for to, subject := range want {
		if got[to] != subject {
			t.Errorf("%s got %q", to, got[to])
		}
	}
}

func TestBranding(t *testing.T) {
	r := newRig(t, testkit.MailOptions{})
	r.config.SubjectInvitation, r.config.SubjectKeyCreated, r.config.SubjectKeyRotated = "Join\r\nBcc: all@acme.test", "Your key", "Your new key"
	r.config.IncludeKey = true
	r.mailer.Invitation(t.Context(), invitation("ana@acme.test"))
	r.mailer.KeyCreated(t.Context(), control.KeyMail{To: "bo@acme.test", Secret: models.NewSecret("sk-canary")})
	r.mailer.KeyCreated(t.Context(), control.KeyMail{To: "cy@acme.test", Secret: models.NewSecret("sk-canary"), Rotated: true})
	r.run(r.mailer)
	subjects := map[string]string{"ana@acme.test": "Join Bcc: all@acme.test", "bo@acme.test": "Your key", "cy@acme.test": "Your new key"}
	for _, l := range r.server.WaitLetters(t, 3) {
		if l.Subject != subjects[l.To] || l.Header.Get("Bcc") != "" {
			t.Errorf("%s got %q, %v", l.To, l.Subject, l.Header)
		}
		if l.To != "ana@acme.test" && (!strings.Contains(l.Text, "sk-canary") || !strings.Contains(l.HTML, "sk-canary")) {
			t.Errorf("EMAIL_INCLUDE_API_KEY is on, and %s has no key:\n%s", l.To, l.Text)
		}
	}
}
