package mail

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"gatehouse/models"
)

const (
	lease    = 3 * time.Minute // longer than one attempt may take
	attempt  = time.Minute
	grace    = 5 * time.Second  // for a mail that is on its way when the process stops
	lookEach = 15 * time.Second // for mails that another process queued, or whose wait is over
	keepFor  = 72 * time.Hour   // a mail that could not be sent for so long is given up
)

// ErrNobody says that a server knows no such recipient.
var ErrNobody = errors.New("the mail server refused the recipient")

// ErrOff says that there is no mail server.
var ErrOff = errors.New("no mail server is configured: set SMTP_HOST and SMTP_SENDER_EMAIL")

// backoff is half a minute, doubled by each attempt up to an hour.
func backoff(n int64) time.Duration { return min(30*time.Second<<min(max(n-1, 0), 8), time.Hour) }

// Run sends what is queued until ctx ends.
func (m *Mailer) Run(ctx context.Context) error {
	for {
		for {
			more, err := m.sendOne(ctx)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				m.opt.Log.LogAttrs(ctx, slog.LevelWarn, "the mail queue cannot be read", slog.Any("error", err))
			}
			if !more {
				break
			}
		}
		wait := lookEach
		if r := m.opt.Retry(1); r < wait {
			wait = r
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-m.bell:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// sendOne tries the mail that has waited longest; more says that there was one.
func (m *Mailer) sendOne(ctx context.Context) (more bool, err error) {
	if !m.Enabled() {
		return false, nil
	}
	row, err := m.opt.Rows.ClaimMail(ctx, lease)
	if err != nil || row == nil {
		return false, err
	}
	to, err := m.deliver(ctx, row)
	stopped := ctx.Err() != nil
	ctx = context.WithoutCancel(ctx) // what became of it is written down in any case
	switch {
	case err == nil:
		return true, m.opt.Rows.FinishMail(ctx, row.ID, "")
	case stopped: // whoever runs next begins with it
		return false, m.opt.Rows.RetryMail(ctx, row.ID, models.At(m.opt.Now()), "the gateway stopped")
	}
	problem := problemOf(err, to)
	last := errors.Is(err, ErrNobody) || errors.Is(err, errUnreadable) || m.opt.Now().Sub(row.CreatedAt.Time) > keepFor
	m.opt.Log.LogAttrs(ctx, slog.LevelWarn, "a mail was not sent", slog.String("mail", row.ID), slog.String("kind", row.Kind),
		slog.Int64("attempt", row.Attempts), slog.Bool("given_up", last), slog.String("problem", problem))
	if last {
		return true, m.opt.Rows.FinishMail(ctx, row.ID, problem)
	}
	return true, m.opt.Rows.RetryMail(ctx, row.ID, models.At(m.opt.Now().Add(m.opt.Retry(row.Attempts))), problem)
}

var errUnreadable = errors.New("what the mail says cannot be opened: it was sealed under another LITELLM_SALT_KEY")

// deliver sends what a row says; to is whom it is for, once that is known.
func (m *Mailer) deliver(ctx context.Context, row *models.Mail) (to string, err error) {
	plain, err := m.opt.Sealer.Open(place(row.ID), row.Sealed)
	if err != nil {
		return "", errUnreadable
	}
	var l Letter
	if err := json.Unmarshal(plain, &l); err != nil {
		return "", fmt.Errorf("%w: %w", errUnreadable, err)
	}
	ctx, cancel := within(ctx, attempt, grace)
	defer cancel()
	if l.Reset != "" {
		link, err := m.opt.Reset(ctx, l.To)
		if err != nil {
			return l.To, err
		}
		if link == nil {
			return l.To, nil // nobody has this address; nobody is told so
		}
		l = m.letter(link.To, m.reset(l.Reset, *link))
	}
	l.ID = row.ID
	return l.To, m.opt.Send.Send(ctx, l)
}

// within is a context that ends after limit, and late after ctx does: what was begun may be brought to its end.
func within(ctx context.Context, limit, late time.Duration) (context.Context, context.CancelFunc) {
	out, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	stop := context.AfterFunc(ctx, func() {
		timer := time.NewTimer(late)
		defer timer.Stop()
		select {
		case <-timer.C:
			cancel()
		case <-out.Done():
		}
	})
	return out, func() { stop(); cancel() }
}

// problemOf bounds what a mail server said, and leaves the address out: logs hold none.
func problemOf(err error, to string) string {
	text := oneLine(err.Error())
	if to != "" {
		text = strings.ReplaceAll(text, to, "[recipient]")
	}
	if len(text) > 300 {
		text = strings.ToValidUTF8(text[:300], "")
	}
	return text
}
