package app

import (
	"context"
	"errors"
	"net"
	"slices"
	"strconv"
	"time"

	"gatehouse/app/access"
	"gatehouse/app/config"
	"gatehouse/app/control"
	"gatehouse/app/mail"
	"gatehouse/app/seal"
	"gatehouse/models/fault"
)

// openMail makes the mailer. Whether there is a mail server, it asks the configuration of the moment.
func (p *process) openMail(cfg *config.Config) error {
	trust, err := outboundTLS(cfg.Server)
	if err != nil {
		return err
	}
	settings := func() config.Mail { return p.cfg.Load().Mail }
	p.mail = mail.New(mail.Options{
		Config: settings, Rows: p.store, Sealer: mailSealer{p.sealer}, Send: mail.SMTP{Config: settings, TLS: trust},
		Site: p.site, Zone: func() *time.Location { return p.policy.Load().Zone() },
		Reset: func(ctx context.Context, email string) (*control.ResetLink, error) {
			return p.services.Login.ResetLink(ctx, email)
		},
		Now: p.now, Log: p.log,
	})
	return nil
}

// mailSealer closes what mails say.
type mailSealer struct{ *seal.Sealer }

// Seal closes plain for one place.
func (s mailSealer) Seal(place string, plain []byte) (string, error) {
	return s.Sealer.Seal(seal.MailContent, place, plain)
}

// Open opens what was sealed for this place.
func (s mailSealer) Open(place, sealed string) ([]byte, error) {
	return s.Sealer.Open(seal.MailContent, place, sealed)
}

// factorSealer closes the secrets of second factors.
type factorSealer struct{ *seal.Sealer }

// Seal closes plain for one place.
func (s factorSealer) Seal(place string, plain []byte) (string, error) {
	return s.Sealer.Seal(seal.SecondFactor, place, plain)
}

// Open opens what was sealed for this place.
func (s factorSealer) Open(place, sealed string) ([]byte, error) {
	return s.Sealer.Open(seal.SecondFactor, place, sealed)
}

// site is where links of mails lead: PROXY_BASE_URL, else the listener's own address. Never what a request says, which
// anybody may write.
func (p *process) site() (origin, root string) {
	s := p.cfg.Load().Server
	if s.BaseURL != "" {
		return s.BaseURL, s.RootPath
	}
	host := s.Host
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, strconv.Itoa(s.Port)), s.RootPath
}

var errNoAddress = errors.New("there is no address to send it to: your account has none, and TEST_EMAIL_ADDRESS is not set")

// testMail sends a mail to who asks, else to TEST_EMAIL_ADDRESS, now.
func (p *process) testMail(ctx context.Context, who access.Actor) error {
	if !p.mail.Enabled() {
		return mail.ErrOff
	}
	to := who.Email
	if to == "" {
		to = p.cfg.Load().Mail.TestAddress
	}
	if to == "" {
		return errNoAddress
	}
	return p.mail.Test(ctx, to)
}

// testService is /health/services: tries one way of telling people.
func (p *process) testService(ctx context.Context, who access.Actor, service string) (done string, err error) {
	switch service {
	case "email", "smtp_email":
		if address := p.cfg.Load().Mail.TestAddress; address != "" { // LiteLLM's rule: the variable, whoever asks
			who.Email = address
		}
		done, err = "A test mail was sent.", p.testMail(ctx, who)
	case "slack", "slack_budget_alerts", "webhook":
		if len(p.testHooks()) == 0 {
			return "", fault.BadField("service", "No webhook is configured: set SLACK_WEBHOOK_URL or WEBHOOK_URL.")
		}
		done, err = "A test alert was sent.", p.testWebhooks(ctx, who)
	default:
		return "", fault.BadField("service", "Service must be one of email, webhook, slack. Received: %s", service)
	}
	switch {
	case errors.Is(err, mail.ErrOff), errors.Is(err, errNoAddress):
		return "", fault.BadField("service", "The test failed: %s", err)
	case err != nil:
		return "", fault.Newf(fault.Unavailable, "The test failed: %s", err).WithCause(err)
	}
	return done, nil
}

// mailsAlerts says whether budget alerts go out by mail: where there is a mail server, unless general_settings.alerting
// names other ways alone.
func mailsAlerts(c *config.Config) bool {
	return len(c.Alerts.Kinds) == 0 || c.Alerts.MailCallback || slices.Contains(c.Alerts.Kinds, "email")
}
