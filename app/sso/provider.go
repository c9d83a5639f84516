package sso

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/markbates/goth"
	"golang.org/x/oauth2"

	"gatehouse/app/claim"
	"gatehouse/app/control"
)

// maxAnswer bounds what a provider may send.
const maxAnswer = 4 << 20

// provider is one identity provider as goth sees it, with PKCE, a nonce and a checked id token behind it. The methods
// of goth.Provider that take no context run under the service's own limit.
type provider struct {
	service  *Service
	name     string
	label    string
	oauth    oauth2.Config // RedirectURL is the attempt's
	userinfo string
	extra    []oauth2.AuthCodeOption // further parameters of the authorization request
	body     []oauth2.AuthCodeOption // further parameters of the token request
	keys     *keys                   // how an id token is checked
	// profile reads who signed in from the claims.
	profile func(ctx context.Context, user *goth.User) (control.SSOProfile, error)
}

// session is a sign-in on its way, as far as the provider is concerned.
type session struct {
	Address  string `json:"-"`
	Redirect string `json:"r"`
	Nonce    string `json:"n"`
	Verifier string `json:"v"`

	token  *oauth2.Token
	claims map[string]any // of the id token, checked; nil without one
	issuer string         // of the id token; "" without one
}

// Name is the provider's id.
func (p *provider) Name() string { return p.name }

// SetName renames the provider, as goth's registries do.
func (p *provider) SetName(name string) { p.name = name }

// Debug is goth's switch for logging, which there is none of here.
func (p *provider) Debug(bool) {}

// RefreshTokenAvailable says no: a session of ours is not the provider's.
func (p *provider) RefreshTokenAvailable() bool { return false }

// RefreshToken is not offered.
func (p *provider) RefreshToken(string) (*oauth2.Token, error) {
	return nil, errors.New("sessions are not refreshed at the provider")
}

// BeginAuth starts an attempt at the configured redirect address.
func (p *provider) BeginAuth(state string) (goth.Session, error) {
	return p.begin(state, p.oauth.RedirectURL)
}

// begin makes the nonce and the PKCE verifier of an attempt, and its address.
func (p *provider) begin(state, redirect string) (*session, error) {
	nonce, err := randomText()
	if err != nil {
		return nil, err
	}
	s := &session{Redirect: redirect, Nonce: nonce, Verifier: oauth2.GenerateVerifier()}
	conf := p.oauth
	conf.RedirectURL = redirect
	options := append([]oauth2.AuthCodeOption{oidc.Nonce(nonce), oauth2.S256ChallengeOption(s.Verifier)}, p.extra...)
	s.Address = conf.AuthCodeURL(state, options...)
	return s, nil
}

// UnmarshalSession reads what Marshal wrote.
func (p *provider) UnmarshalSession(text string) (goth.Session, error) {
	s := new(session)
	if err := json.Unmarshal([]byte(text), s); err != nil {
		return nil, fmt.Errorf("read the sign-in's state: %w", err)
	}
	return s, nil
}

// FetchUser gives the claims of an authorized session.
func (p *provider) FetchUser(gs goth.Session) (goth.User, error) {
	ctx, cancel := context.WithTimeout(context.Background(), exchangeLimit)
	defer cancel()
	return p.fetch(ctx, gs)
}

// GetAuthURL is where the browser goes.
func (s *session) GetAuthURL() (string, error) {
	if s.Address == "" {
		return "", errors.New(goth.NoAuthUrlErrorMessage)
	}
	return s.Address, nil
}

// Marshal is the session as text; the tokens are never part of it.
func (s *session) Marshal() string {
	b, _ := json.Marshal(s) // strings alone: it cannot fail
	return string(b)
}

// Authorize redeems the code.
func (s *session) Authorize(gp goth.Provider, params goth.Params) (string, error) {
	p, ok := gp.(*provider)
	if !ok {
		return "", errors.New("this session belongs to another kind of provider")
	}
	ctx, cancel := context.WithTimeout(context.Background(), exchangeLimit)
	defer cancel()
	if err := p.redeem(ctx, s, params.Get("code")); err != nil {
		return "", err
	}
	return s.token.AccessToken, nil
}

// complete redeems the code and reads the claims.
func (p *provider) complete(ctx context.Context, gs goth.Session, query url.Values) (goth.User, error) {
	s, ok := gs.(*session)
	if !ok {
		return goth.User{}, errors.New("this session belongs to another kind of provider")
	}
	if err := p.redeem(ctx, s, query.Get("code")); err != nil {
		return goth.User{}, err
	}
	return p.fetch(ctx, s)
}

// redeem exchanges the code for tokens and checks the id token, if the provider sent one.
func (p *provider) redeem(ctx context.Context, s *session, code string) error {
	ctx = context.WithValue(ctx, oauth2.HTTPClient, p.service.opt.Client)
	conf := p.oauth
	conf.RedirectURL = s.Redirect
	options := append([]oauth2.AuthCodeOption{oauth2.VerifierOption(s.Verifier)}, p.body...)
	token, err := conf.Exchange(ctx, code, options...)
	if err != nil {
		var answered *oauth2.RetrieveError
		if !errors.As(err, &answered) || answered.Response.StatusCode >= http.StatusInternalServerError {
			return fmt.Errorf("%w: %w", errReach, err)
		}
		// The provider's words name the fault of an operator's set-up (invalid_client); its body may hold more.
		return refused("The provider did not accept the sign-in: %s", providerWord(answered.ErrorCode, answered.Response.StatusCode))
	}
	s.token = token
	raw, _ := token.Extra("id_token").(string)
	if raw == "" {
		if p.keys.always {
			return errors.New("the provider sent no id token")
		}
		return nil
	}
	check, err := p.keys.of(ctx)
	if err != nil {
		return err
	}
	if check == nil { // no discovery: the token cannot be checked, so nothing is taken from it
		return nil
	}
	return p.verify(ctx, check, s, raw)
}

func providerWord(code string, status int) string {
	if code == "" || len(code) > 60 {
		return fmt.Sprintf("it answered %d", status)
	}
	return providerError(code, "")[len("The provider refused: "):]
}

// verify checks signature, issuer, audience, authorised party, times, nonce and the access token's hash.
func (p *provider) verify(ctx context.Context, check *checker, s *session, raw string) error {
	token, err := check.verifier.Verify(ctx, raw)
	if err != nil {
		return fmt.Errorf("id token: %w", err)
	}
	if !sameText(token.Nonce, s.Nonce) {
		return errors.New("id token: the nonce is not ours")
	}
	var claims map[string]any
	decoder := func(v any) error { return token.Claims(v) }
	if err := decoder(&claims); err != nil {
		return fmt.Errorf("id token: %w", err)
	}
	if claims, err = exactNumbers(decoder); err != nil {
		return err
	}
	azp, _ := claims["azp"].(string)
	if azp != "" && azp != p.oauth.ClientID || azp == "" && len(token.Audience) > 1 {
		return errors.New("id token: it was made for another application")
	}
	if token.AccessTokenHash != "" {
		if err := token.VerifyAccessToken(s.token.AccessToken); err != nil {
			return fmt.Errorf("id token: %w", err)
		}
	}
	if check.issuerOK != nil && !check.issuerOK(token.Issuer, claims) {
		return fmt.Errorf("id token: the issuer is %q", token.Issuer)
	}
	s.claims, s.issuer = claims, token.Issuer
	return nil
}

// exactNumbers reads claims with numbers as they were written, since an id may be one.
func exactNumbers(decode func(any) error) (map[string]any, error) {
	var raw json.RawMessage
	if err := decode(&raw); err != nil {
		return nil, fmt.Errorf("read the claims: %w", err)
	}
	return object(raw)
}

func object(raw []byte) (map[string]any, error) {
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.UseNumber()
	var m map[string]any
	if err := d.Decode(&m); err != nil || m == nil {
		return nil, fmt.Errorf("the provider's answer is no JSON object: %w", err)
	}
	return m, nil
}

// fetch puts the claims together: those of the userinfo endpoint, and of the id token what that does not say.
func (p *provider) fetch(ctx context.Context, gs goth.Session) (goth.User, error) {
	s, ok := gs.(*session)
	if !ok || s.token == nil {
		return goth.User{}, errors.New("the session is not authorized")
	}
	user := goth.User{Provider: p.name, RawData: map[string]any{}, AccessToken: s.token.AccessToken}
	for name, v := range s.claims {
		if !protocolClaim(name) {
			user.RawData[name] = v
		}
	}
	if p.userinfo == "" {
		return user, nil
	}
	if s.claims == nil && !mayAsk(p.userinfo) {
		return user, refused("The userinfo endpoint is plain http and not on this network: nothing it says can be trusted.")
	}
	raw, err := p.service.get(ctx, p.userinfo, s.token.AccessToken)
	if err != nil {
		return user, err
	}
	info, err := object(raw)
	if err != nil {
		return user, err
	}
	if a, b := claim.Text(info["sub"]), claim.Text(s.claims["sub"]); a != "" && b != "" && a != b {
		return user, errors.New("userinfo is about another person than the id token")
	}
	maps.Copy(user.RawData, info)
	if s.issuer != "" {
		user.RawData["iss"] = s.issuer
	} else {
		delete(user.RawData, "iss") // nothing has proved it
	}
	return user, nil
}

// protocolClaim says whether a claim is about the token and not about the person.
func protocolClaim(name string) bool {
	switch name {
	case "aud", "azp", "exp", "iat", "nbf", "nonce", "at_hash", "c_hash", "s_hash", "jti", "rh", "uti", "aio":
		return true
	}
	return false
}

// mayIssue says whether an answer's issuer (RFC 9207) is this provider. While no id token was ever checked, nothing is
// known about it.
func (p *provider) mayIssue(iss string) bool { return p.keys.mayIssue(iss) }

// get reads one address of the provider with the person's token.
func (s *Service) get(ctx context.Context, address, token string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("ask the provider: %w", err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	req.Header.Set("Accept", "application/json")
	resp, err := s.opt.Client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errReach, err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errReach, err)
	}
	if len(raw) > maxAnswer {
		return nil, errors.New("the provider's answer is larger than 4 MiB")
	}
	if resp.StatusCode != http.StatusOK {
		return nil, &statusError{address: hostOf(address), status: resp.StatusCode}
	}
	return raw, nil
}

// statusError is an answer that is not 200.
type statusError struct {
	address string
	status  int
}

// Error names the host and the status.
func (e *statusError) Error() string { return fmt.Sprintf("%s answered %d", e.address, e.status) }

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "the provider"
	}
	return u.Host
}
