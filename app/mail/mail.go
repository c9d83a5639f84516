// Package mail tells people by mail: invitations, keys, budgets, new passwords. A mail is written, sealed and queued in
// the database within the act that caused it, and sent by a worker that tries again for days, so that a mail server's
// outage delays mail and nothing else (contract/config.md §9, SMTP_*).
package mail

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"gatehouse/app/config"
	"gatehouse/app/control"
	"gatehouse/models"
)

// Rows is the queue, and whom an address belongs to.
type Rows interface {
	InsertMail(ctx context.Context, m *models.Mail) error
	ClaimMail(ctx context.Context, lease time.Duration) (*models.Mail, error)
	RetryMail(ctx context.Context, id string, next models.Time, problem string) error
	FinishMail(ctx context.Context, id, problem string) error
	UserByEmail(ctx context.Context, email string) (*models.User, error)
}

// Sealer closes and opens what a mail says.
type Sealer interface {
	Seal(place string, plain []byte) (string, error)
	Open(place, sealed string) ([]byte, error)
}

// Options are what a Mailer is made of.
type Options struct {
	Config func() config.Mail
	Rows   Rows
	Sealer Sealer
	Send   Sender
	// Site is where browsers reach the gateway: its address without a path, and SERVER_ROOT_PATH.
	Site func() (origin, root string)
	Zone func() *time.Location
	// Reset makes the link of a new password for an address; nil when nobody has it. It is asked when the mail is sent,
	// so that asking for one takes the same time whether the address is known.
	Reset func(ctx context.Context, email string) (*control.ResetLink, error)
	Now   func() time.Time
	Log   *slog.Logger
	// Retry is how long to wait after the nth failed attempt; nil is the usual growing wait.
	Retry func(attempt int64) time.Duration
}

// Sender hands one letter to a mail server. Errors: ErrNobody when the server knows no such recipient, so that there is
// no point in trying again.
type Sender interface {
	Send(ctx context.Context, l Letter) error
}

// Letter is one mail, ready to send.
type Letter struct {
	ID      string `json:"-"`
	To      string `json:"to"`
	Subject string `json:"subject"`
	Text    string `json:"text"`
	HTML    string `json:"html"`
	Reset   string `json:"reset,omitempty"` // the language of a reset mail, written when it is sent
}

// Mailer writes and queues mails; Run sends them. It is safe for concurrent use.
type Mailer struct {
	opt  Options
	bell chan struct{}
}

// New makes a mailer.
func New(opt Options) *Mailer {
	if opt.Retry == nil {
		opt.Retry = backoff
	}
	return &Mailer{opt: opt, bell: make(chan struct{}, 1)}
}

var _ control.Mailer = (*Mailer)(nil)

// Enabled says whether there is a mail server.
func (m *Mailer) Enabled() bool {
	c := m.opt.Config()
	return c.Works()
}

// Invitation asks somebody to set a password.
func (m *Mailer) Invitation(ctx context.Context, in control.InvitationMail) {
	lang := m.language(ctx, in.Lang, in.To, in.InviterEmail)
	m.queue(ctx, "invitation", in.To, m.invitation(lang, in))
}

// KeyCreated tells somebody about a new key of theirs, or a new secret of one.
func (m *Mailer) KeyCreated(ctx context.Context, in control.KeyMail) {
	kind := "key_created"
	if in.Rotated {
		kind = "key_rotated"
	}
	m.queue(ctx, kind, in.To, m.key(m.language(ctx, "", in.To), in))
}

// KeyExpiring tells somebody that a key of theirs ends soon.
func (m *Mailer) KeyExpiring(ctx context.Context, in control.ExpiryMail) {
	m.queue(ctx, "key_expiring", in.To, m.expiring(m.language(ctx, "", in.To), in))
}

// Budget tells somebody that a budget is nearly or wholly used up.
func (m *Mailer) Budget(ctx context.Context, in control.BudgetMail) {
	m.queue(ctx, "budget", in.To, m.budget(m.language(ctx, "", in.To), in))
}

// ResetRequested queues the mail with a link to set a new password, or nothing, which is found out when it is sent.
func (m *Mailer) ResetRequested(ctx context.Context, email, lang string) {
	m.enqueue(ctx, "password_reset", Letter{To: email, Reset: langOf(lang)})
}

// Test sends a mail now and says what came of it.
func (m *Mailer) Test(ctx context.Context, to string) error {
	if !m.Enabled() {
		return ErrOff
	}
	err := m.opt.Send.Send(ctx, m.letter(to, m.test(m.language(ctx, "", to))))
	if err == nil {
		return nil
	}
	return errors.New(problemOf(err, ""))
}

// language is that of the first of these addresses whose person has chosen one, else the one wished for, else English.
func (m *Mailer) language(ctx context.Context, wish string, emails ...string) string {
	for _, email := range emails {
		if email == "" {
			continue
		}
		user, err := m.opt.Rows.UserByEmail(ctx, email)
		if err != nil { // nobody's, or not to be had now: the mail goes out in another language
			continue
		}
		if lang := models.PreferencesOf(user.Prefs).Language; lang != "" {
			return langOf(lang)
		}
	}
	return langOf(wish)
}

// absolute makes a link whole that has only a path because PROXY_BASE_URL is not set.
func (m *Mailer) absolute(link string) string {
	if !strings.HasPrefix(link, "/") {
		return link
	}
	origin, _ := m.opt.Site()
	return origin + link
}

func (m *Mailer) letter(to string, c content) Letter {
	b := m.opt.Config()
	return Letter{To: to, Subject: oneLine(c.Subject), Text: asText(c, b), HTML: asHTML(c, b)}
}

func (m *Mailer) queue(ctx context.Context, kind, to string, c content) {
	if to == "" {
		return
	}
	m.enqueue(ctx, kind, m.letter(to, c))
}

// enqueue never fails an act: a mail that cannot be queued is a line in the log.
func (m *Mailer) enqueue(ctx context.Context, kind string, l Letter) {
	if !m.Enabled() {
		m.opt.Log.LogAttrs(ctx, slog.LevelInfo, "no mail server is configured; a mail was not written", slog.String("kind", kind), slog.Bool("email_sent", false))
		return
	}
	if err := m.insert(ctx, kind, l); err != nil {
		m.opt.Log.LogAttrs(ctx, slog.LevelError, "a mail could not be queued", slog.String("kind", kind), slog.Bool("email_sent", false), slog.Any("error", err))
		return
	}
	select {
	case m.bell <- struct{}{}:
	default:
	}
}

func place(id string) string { return "mails/sealed/" + id }

func (m *Mailer) insert(ctx context.Context, kind string, l Letter) error {
	id := ulid.Make().String()
	plain, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("write a mail: %w", err)
	}
	sealed, err := m.opt.Sealer.Seal(place(id), plain)
	if err != nil {
		return fmt.Errorf("seal a mail: %w", err)
	}
	now := models.At(m.opt.Now())
	return m.opt.Rows.InsertMail(ctx, &models.Mail{ID: id, Kind: kind, Sealed: sealed, NextAt: now, CreatedAt: now})
}

// oneLine keeps a subject to its line.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }), " ")
}
