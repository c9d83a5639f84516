// Package sso signs people in through an identity provider: Google, Microsoft Entra, and any other that speaks OAuth2 or
// OpenID Connect (contract/admin-api.md §6, reliability.md §7). A Service begins an attempt, which gives the address to
// send the browser to and a sealed cookie, and finishes it, which gives what the provider vouched for. It decides
// nothing about accounts: that is control.Users.SignInSSO.
package sso

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/markbates/goth"

	"gatehouse/app/config"
	"gatehouse/app/control"
	"gatehouse/models/fault"
)

// The names of the providers, in the order in which they are preferred and offered.
const (
	Google    = "google"
	Microsoft = "microsoft"
	Generic   = "generic"
)

// attemptLife is how long somebody may take to sign in at their provider.
const attemptLife = 10 * time.Minute

// exchangeLimit bounds everything that one callback asks of the provider.
const exchangeLimit = 20 * time.Second

// Sealer closes and opens the cookie of an attempt.
type Sealer interface {
	Seal(place string, plain []byte) (string, error)
	Open(place, sealed string) ([]byte, error)
}

// Endpoints are where Google, Entra and Microsoft Graph are; a test points them at itself. The zero value is the real ones.
type Endpoints struct {
	GoogleIssuer    string // https://accounts.google.com
	GoogleAuthorize string
	GoogleToken     string
	GoogleKeys      string
	GoogleUserinfo  string
	Entra           string // https://login.microsoftonline.com
	Graph           string // https://graph.microsoft.com
}

// Options are what a Service is made of.
type Options struct {
	Config    config.SSO
	Sealer    Sealer
	Client    *http.Client // reaches providers; it follows no redirects that leave them
	Endpoints Endpoints
	// Spend notes that a state was used: false when it had been used before.
	Spend func(ctx context.Context, state string, life time.Duration) (bool, error)
	Now   func() time.Time
	Log   *slog.Logger
}

// Service is the configured providers. It is safe for concurrent use.
type Service struct {
	opt       Options
	providers []*provider
}

// New makes the service of a configuration; it calls nobody.
func New(opt Options) *Service {
	s := &Service{opt: opt}
	c, e := &s.opt.Config, opt.Endpoints.orReal()
	if c.Google != nil {
		s.providers = append(s.providers, googleProvider(s, c.Google, e))
	}
	if c.Microsoft != nil {
		s.providers = append(s.providers, microsoftProvider(s, c.Microsoft, e))
	}
	if c.Generic != nil {
		s.providers = append(s.providers, genericProvider(s, c.Generic))
	}
	return s
}

func (e Endpoints) orReal() Endpoints {
	set := func(to *string, real string) {
		if *to == "" {
			*to = real
		}
	}
	set(&e.GoogleIssuer, "https://accounts.google.com")
	set(&e.GoogleAuthorize, "https://accounts.google.com/o/oauth2/v2/auth")
	set(&e.GoogleToken, "https://oauth2.googleapis.com/token")
	set(&e.GoogleKeys, "https://www.googleapis.com/oauth2/v3/certs")
	set(&e.GoogleUserinfo, "https://openidconnect.googleapis.com/v1/userinfo")
	set(&e.Entra, "https://login.microsoftonline.com")
	set(&e.Graph, "https://graph.microsoft.com")
	return e
}

// Choice is one provider as the sign-in page offers it.
type Choice struct{ ID, Name string }

// Choices lists the configured providers, the preferred one first.
func (s *Service) Choices() []Choice {
	out := make([]Choice, len(s.providers))
	for i, p := range s.providers {
		out[i] = Choice{ID: p.name, Name: p.label}
	}
	return out
}

// find gives a provider by its id, "" the preferred one.
func (s *Service) find(id string) (*provider, error) {
	for _, p := range s.providers {
		if id == "" || p.name == id {
			return p, nil
		}
	}
	return nil, fault.New(fault.NotFound, "No such sign-in provider is configured.")
}

// Start says what an attempt is for.
type Start struct {
	Provider string // "" is the preferred one
	Redirect string // the address that the provider sends people back to: the one that is registered there
	Next     string // a path of our own to go to afterwards, checked by the caller
	Debug    bool   // it ends on the page that shows the claims
}

// Begin starts an attempt: where to send the browser, and the value of the cookie that ties the attempt to it.
func (s *Service) Begin(in Start) (address, cookie string, err error) {
	p, err := s.find(in.Provider)
	if err != nil {
		return "", "", err
	}
	state, err := randomText()
	if err != nil {
		return "", "", err
	}
	session, err := p.begin(state, in.Redirect)
	if err != nil {
		return "", "", err
	}
	if address, err = session.GetAuthURL(); err != nil {
		return "", "", fmt.Errorf("sign-in address: %w", err)
	}
	cookie, err = s.closeAttempt(attempt{
		State: state, Provider: p.name, Next: in.Next, Debug: in.Debug, Session: session.Marshal(), Ends: s.opt.Now().Add(attemptLife).Unix(),
	})
	return address, cookie, err
}

// Outcome is what a finished attempt gave.
type Outcome struct {
	Provider Choice
	Profile  control.SSOProfile
	Claims   map[string]any // what the provider said, verified; never a token
	Groups   []control.SSOGroup
	Next     string
}

// Finish ends an attempt with what the provider sent back. debug says which callback was called. It returns the provider
// of the attempt as soon as that is known, for the way back. Errors: Unauthenticated with words for people, Unavailable
// when the provider cannot be reached; an error is never a sign-in.
func (s *Service) Finish(ctx context.Context, cookie string, query url.Values, debug bool) (*Outcome, error) {
	a, err := s.openAttempt(cookie)
	if err != nil {
		return nil, err
	}
	p, err := s.find(a.Provider)
	if err != nil {
		return nil, refused("The provider of this sign-in is not configured any more.")
	}
	out := &Outcome{Provider: Choice{ID: p.name, Name: p.label}, Next: a.Next}
	if err := s.checkAnswer(ctx, p, a, query, debug); err != nil {
		return out, err
	}
	session, err := p.UnmarshalSession(a.Session)
	if err != nil {
		return out, refused("This sign-in cannot be read. Start again.")
	}
	ctx, cancel := context.WithTimeout(ctx, exchangeLimit)
	defer cancel()
	user, err := p.complete(ctx, session, query)
	if err != nil {
		return out, s.explain(ctx, p, err)
	}
	out.Claims = user.RawData
	out.Profile, err = p.profile(ctx, &user)
	out.Groups = out.Profile.Groups
	if err != nil {
		return out, s.explain(ctx, p, err)
	}
	return out, nil
}

// checkAnswer compares what came back with what was sent, before anything is asked of the provider.
func (s *Service) checkAnswer(ctx context.Context, p *provider, a *attempt, query url.Values, debug bool) error {
	if !s.opt.Now().Before(time.Unix(a.Ends, 0)) {
		return refused("This sign-in took too long. Start again.")
	}
	if len(query["state"]) != 1 || !sameText(query.Get("state"), a.State) || a.Debug != debug {
		return refused("This answer does not belong to a sign-in of this browser. Start again.")
	}
	fresh, err := s.opt.Spend(ctx, a.State, attemptLife)
	if err != nil {
		return err
	}
	if !fresh {
		return refused("This answer was used already. Start again.")
	}
	if iss := query.Get("iss"); iss != "" && !p.mayIssue(iss) {
		return refused("This answer came from another provider than the one you were sent to.")
	}
	if code := query.Get("error"); code != "" {
		return refused("%s", providerError(code, query.Get("error_description")))
	}
	if len(query["code"]) != 1 || query.Get("code") == "" {
		return refused("The provider sent no code.")
	}
	return nil
}

// providerError is a provider's refusal in printable words. It came through the browser, so it is bounded, and the page
// escapes it.
func providerError(code, description string) string {
	text := "The provider refused: " + code
	if description != "" {
		text += " (" + description + ")"
	}
	const most = 300
	if len(text) > most {
		text = text[:most] + "…"
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
}

// refused is a sign-in that is not one.
func refused(format string, args ...any) error {
	return fault.Newf(fault.Unauthenticated, format, args...).WithType("auth_error")
}

// errReach says that a provider could not be asked.
var errReach = errors.New("the provider cannot be reached")

// explain turns an error of an exchange into words, and keeps the details for the log.
func (s *Service) explain(ctx context.Context, p *provider, err error) error {
	s.opt.Log.LogAttrs(ctx, slog.LevelWarn, "a sign-in through a provider failed", slog.String("provider", p.name), slog.Any("error", err))
	if f := fault.As(err); f != nil {
		return err
	}
	if errors.Is(err, errReach) || errors.Is(err, context.DeadlineExceeded) {
		return fault.New(fault.Unavailable, "The sign-in provider cannot be reached. Try again in a moment.").WithCause(err)
	}
	return fault.New(fault.Unauthenticated, "The provider's answer could not be verified.").WithType("auth_error").WithCause(err)
}

var _ goth.Provider = (*provider)(nil)
