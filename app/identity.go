package app

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"gatehouse/app/config"
	"gatehouse/app/control"
	"gatehouse/app/seal"
	"gatehouse/app/sso"
	"gatehouse/models"
	"gatehouse/models/fault"
)

// openSSO makes the sign-in of a configuration; one that is replaced finishes the sign-ins that it began, since they are
// in the browsers' cookies.
func (p *process) openSSO(cfg *config.Config) error {
	sealer, err := p.cookieSealer(cfg)
	if err != nil {
		return err
	}
	client, err := providerClient(cfg.Server)
	if err != nil {
		return err
	}
	p.sso.Store(sso.New(sso.Options{
		Config: cfg.SSO, Sealer: sealer, Client: client, Endpoints: p.opt.Endpoints, Spend: p.spendState, Now: p.now, Log: p.log,
	}))
	return nil
}

// cookieSealer seals cookies: under gatehouse.session_secret, of which older ones still open, else under the salt.
func (p *process) cookieSealer(cfg *config.Config) (cookieSealer, error) {
	secrets := make([]string, 0, len(cfg.Gatehouse.SessionSecrets))
	for _, s := range cfg.Gatehouse.SessionSecrets {
		secrets = append(secrets, s.Reveal())
	}
	if len(secrets) == 0 {
		return cookieSealer{p.sealer}, nil
	}
	s, err := seal.New(secrets[0], secrets[1:]...)
	if err != nil {
		return cookieSealer{}, fmt.Errorf("gatehouse.session_secret: %w", err)
	}
	return cookieSealer{s}, nil
}

// cookieSealer seals what a browser keeps for a few minutes.
type cookieSealer struct{ *seal.Sealer }

// Seal closes plain for one place.
func (s cookieSealer) Seal(place string, plain []byte) (string, error) {
	return s.Sealer.Seal(seal.LoginAttempt, place, plain)
}

// Open opens what was sealed for this place.
func (s cookieSealer) Open(place, sealed string) ([]byte, error) {
	return s.Sealer.Open(seal.LoginAttempt, place, sealed)
}

// spendState notes that the state of a sign-in was used; every replica knows it then.
func (p *process) spendState(ctx context.Context, state string, life time.Duration) (bool, error) {
	now := p.now()
	err := p.store.InsertCode(ctx, &models.OneTimeCode{
		Hash: control.HashSecret(state), Purpose: "sso_state", CreatedAt: models.At(now), ExpiresAt: models.At(now.Add(2 * life)),
	})
	if fault.Is(err, fault.Conflict) {
		return false, nil
	}
	return err == nil, err
}

// providerClient reaches identity providers: through the proxy of the environment, by the operator's certificates, and
// without following redirects, which would carry tokens elsewhere.
func providerClient(s config.Server) (*http.Client, error) {
	trust, err := outboundTLS(s)
	if err != nil {
		return nil, err
	}
	return &http.Client{
		Timeout: 15 * time.Second,
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, TLSClientConfig: trust, TLSHandshakeTimeout: 5 * time.Second, ResponseHeaderTimeout: 10 * time.Second,
			MaxIdleConnsPerHost: 4, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// outboundTLS is how far others' certificates are trusted: SSL_CERT_FILE and SSL_VERIFY.
func outboundTLS(s config.Server) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: !s.SSLVerify} //nolint:gosec // SSL_VERIFY=false is the operator's word
	if s.SSLCertFile == "" {
		return c, nil
	}
	pem, err := os.ReadFile(s.SSLCertFile)
	if err != nil {
		return nil, fmt.Errorf("SSL_CERT_FILE: %w", err)
	}
	if c.RootCAs, err = x509.SystemCertPool(); err != nil {
		c.RootCAs = x509.NewCertPool()
	}
	if !c.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("SSL_CERT_FILE: %s holds no certificate", s.SSLCertFile)
	}
	return c, nil
}

// publicBase is where browsers reach this gateway, without a slash at its end: PROXY_BASE_URL, else the request's own
// address, for which a trusted proxy's word counts.
func (p *process) publicBase(c *fiber.Ctx) string {
	cfg := p.cfg.Load()
	s := cfg.Server
	if s.BaseURL != "" {
		return s.BaseURL + s.RootPath
	}
	scheme, host := "http", string(c.Context().Host())
	if peer, err := netip.ParseAddr(c.Context().RemoteIP().String()); err == nil && trustedProxy(cfg, peer) {
		if proto := firstOf(c.Get(fiber.HeaderXForwardedProto)); proto == "https" || proto == "http" {
			scheme = proto
		}
		if forwarded := firstOf(c.Get(fiber.HeaderXForwardedHost)); plainHost(forwarded) {
			host = forwarded
		}
	}
	if !plainHost(host) {
		host = "localhost"
	}
	return scheme + "://" + host + s.RootPath
}

func firstOf(list string) string {
	first, _, _ := strings.Cut(list, ",")
	return strings.ToLower(strings.TrimSpace(first))
}

// plainHost says whether text is a host with or without a port, and nothing else.
func plainHost(text string) bool {
	u, err := url.Parse("http://" + text)
	return err == nil && text != "" && u.Host == text && u.Hostname() != "" && u.User == nil
}
