package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"

	gomail "github.com/wneessen/go-mail"

	"gatehouse/app/config"
)

// SMTP sends through a mail server.
type SMTP struct {
	Config func() config.Mail
	// TLS is how far the server's certificate is trusted.
	TLS *tls.Config
}

// Send hands one letter over, in a connection of its own.
func (s SMTP) Send(ctx context.Context, l Letter) error {
	c := s.Config()
	msg := gomail.NewMsg()
	if err := msg.From(c.Sender); err != nil {
		return fmt.Errorf("SMTP_SENDER_EMAIL: %w", err)
	}
	if err := msg.To(l.To); err != nil {
		return fmt.Errorf("%w: %w", ErrNobody, err)
	}
	msg.Subject(l.Subject)
	msg.SetDate()
	if _, domain, ok := strings.Cut(strings.Trim(c.Sender, "<> "), "@"); ok && l.ID != "" {
		msg.SetMessageIDWithValue(l.ID + "@" + strings.Trim(domain, "<> ")) // the same for every attempt
	} else {
		msg.SetMessageID()
	}
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetBodyString(gomail.TypeTextPlain, l.Text)
	msg.AddAlternativeString(gomail.TypeTextHTML, l.HTML)
	client, err := gomail.NewClient(c.Host, s.options(c)...)
	if err != nil {
		return fmt.Errorf("mail server: %w", err)
	}
	err = client.DialAndSendWithContext(ctx, msg)
	var refused *gomail.SendError
	if errors.As(err, &refused) && refused.Reason == gomail.ErrSMTPRcptTo && refused.ErrorCode() >= 500 {
		return fmt.Errorf("%w: %w", ErrNobody, err)
	}
	if err != nil {
		return fmt.Errorf("mail server: %w", err)
	}
	return nil
}

func (s SMTP) options(c config.Mail) []gomail.Option {
	out := []gomail.Option{gomail.WithPort(c.Port), gomail.WithTimeout(attempt / 2), gomail.WithTLSConfig(s.trust(c.Host))}
	switch {
	case c.Implicit:
		out = append(out, gomail.WithSSL())
	case c.TLS:
		out = append(out, gomail.WithTLSPolicy(gomail.TLSMandatory))
	default:
		out = append(out, gomail.WithTLSPolicy(gomail.NoTLS))
	}
	if c.Username != "" {
		kind := gomail.SMTPAuthAutoDiscover
		if !c.Implicit && !c.TLS { // SMTP_TLS=False: the operator's word
			kind = gomail.SMTPAuthPlainNoEnc
		}
		out = append(out, gomail.WithSMTPAuth(kind), gomail.WithUsername(c.Username), gomail.WithPassword(c.Password.Reveal()))
	}
	return out
}

func (s SMTP) trust(host string) *tls.Config {
	t := &tls.Config{MinVersion: tls.VersionTLS12}
	if s.TLS != nil {
		t = s.TLS.Clone()
	}
	t.ServerName = host
	return t
}
