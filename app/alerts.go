package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"gatehouse/app/config"
	"gatehouse/models"
	"gatehouse/models/store"
	"gatehouse/proxy/budget"
)

const (
	alertQueue = 1024
	alertEvery = 24 * time.Hour // the same line of the same window is told once; of a soft budget, once a day
	alertLimit = 10 * time.Second
)

// budgetAlerts is the one of LiteLLM's alert_types that is sent here.
const budgetAlerts = "budget_alerts"

// alerts tells people that a budget is nearly or wholly used up: in the log, and to the webhooks of the configuration.
type alerts struct {
	store *store.Store
	now   func() time.Time
	log   *slog.Logger
	hooks []hook
	mail  func(context.Context, budget.Crossing) // nil: by webhook alone
	http  *http.Client
	queue chan budget.Crossing
}

// hook is one address to tell; slack ones want their own words.
type hook struct {
	url   models.Secret
	slack bool
}

func newAlerts(cfg *config.Config, s *store.Store, now func() time.Time, log *slog.Logger) *alerts {
	a := &alerts{store: s, now: now, log: log, queue: make(chan budget.Crossing, alertQueue)}
	// The addresses are the operator's own, from the file or the environment. Nothing is followed, and no proxy is taken
	// from the environment.
	a.http = &http.Client{
		Timeout:       alertLimit,
		Transport:     &http.Transport{Proxy: nil, MaxIdleConns: 4, IdleConnTimeout: time.Minute},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	c := &cfg.Alerts
	if len(c.Types) > 0 && !slices.Contains(c.Types, budgetAlerts) {
		return a
	}
	if c.WebhookURL.IsSet() && (len(c.Kinds) == 0 || slices.Contains(c.Kinds, "webhook")) {
		a.hooks = append(a.hooks, hook{url: c.WebhookURL})
	}
	if c.SlackURL.IsSet() && slices.Contains(c.Kinds, "slack") {
		a.hooks = append(a.hooks, hook{url: c.SlackURL, slack: true})
	}
	for _, url := range c.URLByType[budgetAlerts] {
		a.hooks = append(a.hooks, hook{url: url, slack: true})
	}
	return a
}

// crossed takes a line that was crossed. It does not wait: with a full queue the alert is dropped, and said so.
func (a *alerts) crossed(c budget.Crossing) {
	select {
	case a.queue <- c:
	default:
		a.log.Warn("a budget alert was dropped", slog.String("scope", c.Scope))
	}
}

// run tells until ctx ends.
func (a *alerts) run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case c := <-a.queue:
			a.tell(ctx, c)
		}
	}
}

// event is the name of a line, as LiteLLM's webhooks spell it.
func event(kind budget.CrossKind) string {
	switch kind {
	case budget.CrossSoft:
		return "soft_budget_crossed"
	case budget.CrossFull:
		return "budget_crossed"
	case budget.CrossNear:
	}
	return "threshold_crossed"
}

// tell says it once among all replicas.
func (a *alerts) tell(ctx context.Context, c budget.Crossing) {
	name := event(c.Kind)
	claim := "budget:" + name
	if c.Kind != budget.CrossSoft {
		claim += ":" + strconv.FormatInt(c.WindowStart, 10) + ":" + strconv.FormatInt(int64(c.Limit), 10)
	}
	mine, err := a.store.ClaimAlert(ctx, c.Scope, claim, alertEvery)
	if err != nil {
		a.log.WarnContext(ctx, "it cannot be told whether a budget alert was sent; it is sent", slog.Any("error", err))
	} else if !mine {
		return
	}
	a.log.WarnContext(ctx, "a budget line was crossed", slog.String("event", name), slog.String("scope", c.Scope),
		slog.String("limit", c.Limit.String()), slog.String("spent", c.Spent.String()))
	if a.mail != nil {
		a.mail(ctx, c)
	}
	if len(a.hooks) == 0 {
		return
	}
	told := a.describe(ctx, c)
	for _, h := range a.hooks {
		if err := a.send(ctx, h, &told); err != nil {
			a.log.WarnContext(ctx, "a budget alert was not delivered", slog.String("scope", c.Scope), slog.Any("error", err))
		}
	}
}

func (a *alerts) send(ctx context.Context, h hook, e *alertEvent) error {
	if h.slack {
		// Names are their owners' to choose: none of them calls the whole channel.
		plain := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(e.Message)
		return a.post(ctx, h, map[string]any{"text": plain})
	}
	return a.post(ctx, h, e)
}

// try sends an alert about nothing, so that an operator sees whether alerts arrive.
func (a *alerts) try(ctx context.Context, h hook) error {
	const text = "This is a test. Alerts of Gatehouse arrive here."
	body := map[string]any{"text": text}
	if !h.slack {
		body = map[string]any{"event": "test", "event_group": "proxy", "event_message": text, "at": models.At(a.now())}
	}
	return a.post(ctx, h, body)
}

func (a *alerts) post(ctx context.Context, h hook, body any) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("write the alert: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url.Reveal(), bytes.NewReader(raw))
	if err != nil {
		return errAlertAddress // the address may hold a secret
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := a.http.Do(req)
	if err != nil {
		return errAlertAddress
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	if resp.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("%w: it answered %d", errAlertAddress, resp.StatusCode)
	}
	return nil
}

// errAlertAddress hides the address, which may hold a secret.
var errAlertAddress = errors.New("a webhook did not take the alert")
