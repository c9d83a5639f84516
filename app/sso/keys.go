package sso

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/sync/singleflight"
)

// checker checks id tokens of one issuer.
type checker struct {
	issuer   string
	verifier *oidc.IDTokenVerifier
	issuerOK func(issuer string, claims map[string]any) bool // where one key set serves many issuers
}

// keys finds out once how a provider's id tokens are checked: it is known, or its discovery document says.
type keys struct {
	service *Service
	client  string                                               // our client id, the audience
	always  bool                                                 // a sign-in without an id token is refused
	fixed   func(ctx, lasting context.Context) (*checker, error) // nil: the discovery document

	authorize, token string // the endpoints that a discovery document must name for it to be this provider's

	flight singleflight.Group
	mu     sync.Mutex
	found  *checker
	absent time.Time // there was no document then
}

// lookAgain is how long "no discovery document" holds.
const lookAgain = 10 * time.Minute

// of gives the checker; nil for a provider without discovery. Errors: errReach.
func (k *keys) of(ctx context.Context) (*checker, error) {
	k.mu.Lock()
	found, absent := k.found, k.absent
	k.mu.Unlock()
	now := k.service.opt.Now()
	if found != nil || !absent.IsZero() && now.Sub(absent) < lookAgain {
		return found, nil
	}
	// The keys outlive this request, so the context that they are fetched under does, too.
	lasting := oidc.ClientContext(context.WithoutCancel(ctx), k.service.opt.Client)
	v, err, _ := k.flight.Do("", func() (any, error) {
		if k.fixed != nil {
			return k.fixed(ctx, lasting)
		}
		return k.discover(ctx, lasting)
	})
	if err != nil {
		return nil, err
	}
	c, _ := v.(*checker)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.found = c; c == nil {
		k.absent = now
	}
	return c, nil
}

// mayIssue compares with the issuer as far as it is known.
func (k *keys) mayIssue(iss string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.found == nil || k.found.issuerOK != nil {
		return true
	}
	return k.found.issuer == iss
}

// document is what is needed of a discovery document (OpenID Connect Discovery 1.0 §3).
type document struct {
	Issuer     string   `json:"issuer"`
	Authorize  string   `json:"authorization_endpoint"`
	Token      string   `json:"token_endpoint"`
	Keys       string   `json:"jwks_uri"`
	Algorithms []string `json:"id_token_signing_alg_values_supported"`
}

// discover looks for the document above the authorization endpoint: providers put it at the issuer, which is some prefix
// of that address. One that names other endpoints is another provider's. nil: there is none.
func (k *keys) discover(ctx, lasting context.Context) (*checker, error) {
	u, err := url.Parse(k.authorize)
	if err != nil {
		return nil, fmt.Errorf("authorization endpoint: %w", err)
	}
	const suffix = "/.well-known/openid-configuration"
	path := strings.TrimRight(u.EscapedPath(), "/")
	for {
		cut := strings.LastIndexByte(path, '/')
		if cut < 0 {
			return nil, nil //nolint:nilnil // no document is no error
		}
		path = path[:cut]
		base := u.Scheme + "://" + u.Host + path
		raw, err := k.service.get(ctx, base+suffix, "")
		var status *statusError
		if errors.As(err, &status) && status.status < http.StatusInternalServerError {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%w: discovery: %w", errReach, err)
		}
		var d document
		if json.Unmarshal(raw, &d) != nil || d.Keys == "" || strings.TrimRight(d.Issuer, "/") != base || d.Authorize != k.authorize || d.Token != k.token {
			continue
		}
		known := (&oidc.ProviderConfig{IssuerURL: d.Issuer, JWKSURL: d.Keys, Algorithms: asymmetric(d.Algorithms)}).NewProvider(lasting)
		return &checker{issuer: d.Issuer, verifier: known.VerifierContext(lasting, k.config(false))}, nil
	}
}

// asymmetric leaves out algorithms that anybody can make: none, and those keyed by a shared secret.
func asymmetric(names []string) []string {
	var out []string
	for _, name := range names {
		switch name {
		case oidc.RS256, oidc.RS384, oidc.RS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.EdDSA:
			out = append(out, name)
		}
	}
	return out
}

func (k *keys) config(anyIssuer bool) *oidc.Config {
	return &oidc.Config{ClientID: k.client, SkipIssuerCheck: anyIssuer, Now: k.service.opt.Now}
}

// mayAsk says whether an unsigned answer from this address can be believed: it came by TLS, or did not leave this
// machine or the network of its neighbours.
func mayAsk(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	host := u.Hostname()
	if u.Scheme == "https" || host == "localhost" || !strings.Contains(host, ".") && !strings.Contains(host, ":") {
		return true
	}
	for _, end := range []string{".localhost", ".local", ".internal", ".svc"} {
		if strings.HasSuffix(host, end) {
			return true
		}
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && (ip.IsLoopback() || ip.IsPrivate())
}
