package mail_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gatehouse/app/control"
	"gatehouse/internal/testkit"
	"gatehouse/models"
)

func invitation(to string) control.InvitationMail {
	return control.InvitationMail{
		To: to, InviterEmail: "lead@acme.test", Link: "/gate/ui/onboarding?id=a2f0918f-secret", Expires: time.Date(2026, 11, 28, 15, 42, 0, 0, time.UTC),
	}
}

func TestAnOutageDelaysMailAndNothingElse(t *testing.T) {
	r := newRig(t, testkit.MailOptions{})
	port := r.server.Port
	r.server.Close() // nobody listens there any more
	r.mailer.Invitation(t.Context(), invitation("noor@acme.test"))
	if c := r.counts(); c.Waiting != 1 {
		t.Fatalf("the mail is not in the queue: %+v", c)
	}
	stop := r.run(r.mailer)
	deadline := time.Now().Add(testkit.Patience)
	for r.counts().LastError == "" {
		if time.Now().After(deadline) {
			t.Fatal("no attempt was noted")
		}
		time.Sleep(5 * time.Millisecond) // as settled does
	}
	stop()
	back, err := testkit.ServeMail(fmt.Sprintf("127.0.0.1:%d", port), testkit.MailOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(back.Close)
	r.run(r.newMailer()) // the next start of the program
	if l := back.WaitLetters(t, 1)[0]; l.To != "noor@acme.test" || !strings.Contains(l.Text, "https://llm.acme.test/gate/ui/onboarding?id=a2f0918f-secret") {
		t.Fatalf("%+v", l)
	}
	if c := r.settled(); c.Failed != 0 {
		t.Fatalf("%+v", c)
	}
}

func TestTroubleOnTheWay(t *testing.T) {
	for name, tc := range map[string]struct {
		stage  testkit.MailStage
		reply  testkit.MailReply
		copies int // of the one mail that arrive
	}{
		"the greeting is refused":                {testkit.MailHello, testkit.MailReply{Code: 421, Text: "too busy"}, 1},
		"the recipient is greylisted":            {testkit.MailRecipient, testkit.MailReply{Code: 451, Text: "try later"}, 1},
		"the mail is refused for now":            {testkit.MailContent, testkit.MailReply{Code: 452, Text: "no room"}, 1},
		"the mail is refused for good":           {testkit.MailContent, testkit.MailReply{Code: 554, Text: "looks like spam"}, 1},
		"it hangs up at the recipient":           {testkit.MailRecipient, testkit.MailReply{Drop: true}, 1},
		"it hangs up before it has the mail":     {testkit.MailContent, testkit.MailReply{Drop: true}, 1},
		"it has the mail and hangs up unsaid so": {testkit.MailContent, testkit.MailReply{Drop: true, Keep: true}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, testkit.MailOptions{})
			var left atomic.Int64
			left.Store(2)
			if tc.reply.Keep {
				left.Store(1)
			}
			r.server.Behave(func(stage testkit.MailStage, _ string) testkit.MailReply {
				if stage == tc.stage && left.Add(-1) >= 0 {
					return tc.reply
				}
				return testkit.MailReply{}
			})
			r.mailer.Invitation(t.Context(), invitation("noor@acme.test"))
			r.run(r.mailer)
			got := r.server.WaitLetters(t, tc.copies)
			if c := r.settled(); c.Failed != 0 || len(r.server.Letters()) != tc.copies {
				t.Fatalf("%+v with %d mails", c, len(r.server.Letters()))
			}
			for _, l := range got {
				if l.MessageID != got[0].MessageID || !strings.HasSuffix(l.MessageID, "@acme.test>") {
					t.Errorf("Message-ID %q and %q: the recipient cannot tell that they are one", got[0].MessageID, l.MessageID)
				}
			}
		})
	}
}

func TestNobodyThere(t *testing.T) {
	r := newRig(t, testkit.MailOptions{})
	r.server.Behave(func(stage testkit.MailStage, to string) testkit.MailReply {
		if stage == testkit.MailRecipient {
			return testkit.MailReply{Code: 550, Text: "no mailbox " + to}
		}
		return testkit.MailReply{}
	})
	r.mailer.Invitation(t.Context(), invitation("gone@acme.test"))
	r.run(r.mailer)
	c := r.settled()
	if c.Failed != 1 || !strings.Contains(c.LastError, "550") {
		t.Fatalf("%+v", c)
	}
	if r.server.Tries() != 1 {
		t.Errorf("tried %d times", r.server.Tries())
	}
	if strings.Contains(c.LastError, "gone@") || strings.Contains(r.logged(), "gone@") {
		t.Errorf("the address is in the row or the log: %s / %s", c.LastError, r.logged())
	}
}

func TestAStopKeepsWhatIsOnItsWay(t *testing.T) {
	r := newRig(t, testkit.MailOptions{})
	gate := make(chan struct{})
	r.server.Behave(func(stage testkit.MailStage, _ string) testkit.MailReply {
		if stage == testkit.MailContent {
			return testkit.MailReply{Gate: gate}
		}
		return testkit.MailReply{}
	})
	r.mailer.Invitation(t.Context(), invitation("noor@acme.test"))
	r.mailer.Invitation(t.Context(), invitation("ana@acme.test"))
	stop := r.run(r.mailer)
	r.server.WaitTries(t, 1)
	ended := make(chan struct{})
	go func() { stop(); close(ended) }()
	close(gate) // within the grace that a mail on its way has
	<-ended
	if c := r.counts(); c.Waiting != 1 || len(r.server.Letters()) != 1 {
		t.Fatalf("%+v with %d mails: the first is done, the second waits", c, len(r.server.Letters()))
	}
	r.run(r.newMailer())
	r.server.WaitLetters(t, 2)
	if c := r.settled(); c.Failed != 0 || len(r.server.Letters()) != 2 {
		t.Fatalf("%+v with %d mails", c, len(r.server.Letters()))
	}
}

func TestReplicasSendEachMailOnce(t *testing.T) {
	r := newRig(t, testkit.MailOptions{})
	const mails = 30
	for i := range mails {
		r.mailer.KeyCreated(t.Context(), control.KeyMail{To: fmt.Sprintf("p%d@acme.test", i), Name: "sk-...abcd"})
	}
	for range 3 {
		r.run(r.newMailer())
	}
	got := r.server.WaitLetters(t, mails)
	r.settled()
	seen := map[string]int{}
	for _, l := range append(got, r.server.Letters()[len(got):]...) {
		seen[l.To]++
	}
	for to, n := range seen {
		if n != 1 {
			t.Errorf("%s got it %d times", to, n)
		}
	}
	if len(seen) != mails {
		t.Errorf("%d people got mail", len(seen))
	}
}

func TestTheQueueHoldsNoSecret(t *testing.T) {
	r := newRig(t, testkit.MailOptions{})
	r.mailer.Invitation(t.Context(), invitation("noor@acme.test"))
	row, err := r.store.ClaimMail(t.Context(), time.Minute)
	if err != nil || row == nil {
		t.Fatalf("%+v, %v", row, err)
	}
	if text := fmt.Sprintf("%+v", *row); strings.Contains(text, "secret") || strings.Contains(text, "noor@") {
		t.Errorf("readable in the database: %s", text)
	}
	if err := r.store.RetryMail(t.Context(), row.ID, models.At(time.Now()), ""); err != nil {
		t.Fatal(err)
	}
	r.run(r.mailer)
	r.server.WaitLetters(t, 1)
	r.settled()
}

func TestWithoutAServerNothingIsQueued(t *testing.T) {
	r := newRig(t, testkit.MailOptions{})
	r.config.Enabled = false
	r.mailer.Invitation(t.Context(), invitation("noor@acme.test"))
	if c := r.counts(); c.Waiting != 0 || !strings.Contains(r.logged(), "email_sent=false") {
		t.Fatalf("%+v, log %s", c, r.logged())
	}
	if err := r.mailer.Test(t.Context(), "noor@acme.test"); err == nil || !strings.Contains(err.Error(), "SMTP_HOST") {
		t.Fatalf("a test mail without a server: %v", err)
	}
}

func TestResetMailsAreWrittenWhenTheyAreSent(t *testing.T) {
	r := newRig(t, testkit.MailOptions{})
	r.resets["ana@acme.test"] = &control.ResetLink{To: "Ana@acme.test", Link: "https://llm.acme.test/gate/ui/reset?token=t0k3n", Expires: time.Now().Add(time.Hour)}
	r.mailer.ResetRequested(t.Context(), "nobody@acme.test", "en")
	r.mailer.ResetRequested(t.Context(), "ana@acme.test", "zh-CN")
	if c := r.counts(); c.Waiting != 2 {
		t.Fatalf("an address that nobody has is told apart: %+v", c)
	}
	r.run(r.mailer)
	l := r.server.WaitLetters(t, 1)[0]
	if c := r.settled(); c.Failed != 0 || len(r.server.Letters()) != 1 {
		t.Fatalf("%+v with %d mails", c, len(r.server.Letters()))
	}
	if l.To != "Ana@acme.test" || l.Subject != "设置新密码" || !strings.Contains(l.Text, "token=t0k3n") {
		t.Fatalf("%+v", l)
	}
}
