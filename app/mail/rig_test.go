package mail_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"gatehouse/app/config"
	"gatehouse/app/control"
	"gatehouse/app/mail"
	"gatehouse/app/seal"
	"gatehouse/internal/testkit"
	"gatehouse/models"
	"gatehouse/models/store"
)

// rig is a mailer on a real queue with a real mail server.
type rig struct {
	t      *testing.T
	store  *store.Store
	server *testkit.MailServer
	config config.Mail
	mailer *mail.Mailer
	resets map[string]*control.ResetLink

	mu  sync.Mutex
	log bytes.Buffer
}

// Write takes the log's lines.
func (r *rig) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.Write(p)
}

func (r *rig) logged() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.String()
}

type sealer struct{ *seal.Sealer }

func (s sealer) Seal(place string, plain []byte) (string, error) {
	return s.Sealer.Seal(seal.MailContent, place, plain)
}

func (s sealer) Open(place, sealed string) ([]byte, error) {
	return s.Sealer.Open(seal.MailContent, place, sealed)
}

func newRig(t *testing.T, o testkit.MailOptions) *rig {
	t.Helper()
	t.Parallel()
	r := &rig{t: t, server: testkit.NewMailServer(t, o), resets: map[string]*control.ResetLink{}}
	s, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "m.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	r.store = s
	r.config = config.Mail{
		Enabled: true, Host: r.server.Host, Port: r.server.Port, Sender: "Gatehouse <gate@acme.test>", TLS: o.StartTLS, Implicit: o.Implicit,
	}
	if o.Password != "" {
		r.config.Username, r.config.Password = "mailer", models.NewSecret(o.Password)
	}
	r.mailer = r.newMailer()
	return r
}

// newMailer is another mailer on the same queue, as a second replica or the next start has it.
func (r *rig) newMailer() *mail.Mailer {
	box, err := seal.New("salt-of-the-mail-tests")
	if err != nil {
		r.t.Fatal(err)
	}
	settings := func() config.Mail { return r.config }
	return mail.New(mail.Options{
		Config: settings, Rows: r.store, Sealer: sealer{box}, Send: mail.SMTP{Config: settings, TLS: &tls.Config{RootCAs: r.server.Roots, MinVersion: tls.VersionTLS12}},
		Site: func() (string, string) { return "https://llm.acme.test", "/gate" }, Zone: func() *time.Location { return time.UTC },
		Reset: func(_ context.Context, email string) (*control.ResetLink, error) { return r.resets[email], nil },
		Now:   time.Now, Log: slog.New(slog.NewTextHandler(r, nil)), Retry: func(int64) time.Duration { return 20 * time.Millisecond },
	})
}

// run starts a worker; what it returns stops it and waits for its end.
func (r *rig) run(m *mail.Mailer) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	group.Go(func() {
		if err := m.Run(ctx); !errors.Is(err, context.Canceled) {
			r.t.Errorf("the worker ended: %v", err)
		}
	})
	stop = sync.OnceFunc(func() { cancel(); group.Wait() })
	r.t.Cleanup(stop)
	return stop
}

func (r *rig) person(id, email, lang string) {
	r.t.Helper()
	prefs, err := models.Preferences{Language: lang}.JSON()
	if err != nil {
		r.t.Fatal(err)
	}
	if err := r.store.InsertUser(r.t.Context(), &models.User{ID: id, Email: &email, Role: models.RoleInternalUser, Prefs: prefs}); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) counts() store.MailCounts {
	r.t.Helper()
	c, err := r.store.CountMails(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	return c
}

// settled waits until no mail waits, and gives the counts.
func (r *rig) settled() store.MailCounts {
	r.t.Helper()
	deadline := time.Now().Add(testkit.Patience)
	for {
		c := r.counts()
		if c.Waiting == 0 {
			return c
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("mails still wait: %+v", c)
		}
		time.Sleep(10 * time.Millisecond) // the condition is in the database, which tells nobody
	}
}
