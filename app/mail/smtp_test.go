package mail_test

import (
	"crypto/x509"
	"strings"
	"testing"

	"gatehouse/internal/testkit"
	"gatehouse/models"
)

func TestWaysToReachAServer(t *testing.T) {
	for name, tc := range map[string]struct {
		server testkit.MailOptions
		change func(*rig)
		refuse string // part of the error; "" = it arrives
	}{
		"an open relay":               {server: testkit.MailOptions{}},
		"a password without TLS":      {server: testkit.MailOptions{Password: "pw-canary"}},
		"STARTTLS":                    {server: testkit.MailOptions{StartTLS: true}},
		"STARTTLS and a password":     {server: testkit.MailOptions{StartTLS: true, Password: "pw-canary"}},
		"TLS from the first byte":     {server: testkit.MailOptions{Implicit: true, Password: "pw-canary"}},
		"STARTTLS, not offered":       {testkit.MailOptions{}, func(r *rig) { r.config.TLS = true }, "TLS"},
		"a password, STARTTLS absent": {testkit.MailOptions{Password: "pw-canary"}, func(r *rig) { r.config.TLS = true }, "TLS"},
		"a certificate of strangers":  {testkit.MailOptions{StartTLS: true}, func(r *rig) { r.server.Roots = x509.NewCertPool(); r.mailer = r.newMailer() }, "certificate"},
		"a wrong password":            {testkit.MailOptions{Password: "pw-canary"}, func(r *rig) { r.config.Password = models.NewSecret("other-canary") }, "535"},
		"no password":                 {testkit.MailOptions{Password: "pw-canary"}, func(r *rig) { r.config.Username = "" }, "uthenticat"},
		"a bad sender":                {testkit.MailOptions{}, func(r *rig) { r.config.Sender = "not an address" }, "SMTP_SENDER_EMAIL"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, tc.server)
			if tc.change != nil {
				tc.change(r)
			}
			err := r.mailer.Test(t.Context(), "ana@acme.test")
			if tc.refuse != "" {
				if err == nil || !strings.Contains(err.Error(), tc.refuse) || strings.Contains(err.Error(), "canary") {
					t.Fatalf("got %v, wanted an error with %q and no password", err, tc.refuse)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			l := r.server.WaitLetters(t, 1)[0]
			if secure := tc.server.StartTLS || tc.server.Implicit; l.TLS != secure {
				t.Errorf("TLS %v", l.TLS)
			}
			if l.From != "gate@acme.test" || l.Header.Get("From") != `"Gatehouse" <gate@acme.test>` || l.Header.Get("Auto-Submitted") != "auto-generated" {
				t.Errorf("from %q, %v", l.From, l.Header)
			}
			if (tc.server.Password != "") != (l.User == "mailer") {
				t.Errorf("signed in as %q", l.User)
			}
		})
	}
}
