package sso

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/google/uuid"
	"github.com/markbates/goth"
	"golang.org/x/oauth2"

	"gatehouse/app/claim"
	"gatehouse/app/config"
	"gatehouse/app/control"
)

// microsoftProvider is Entra: an id token of the tenant, and Microsoft Graph for the person and their groups
// (learn.microsoft.com, "OpenID Connect on the Microsoft identity platform", "List a user's memberships").
func microsoftProvider(s *Service, c *config.Microsoft, e Endpoints) *provider {
	base := e.Entra + "/" + c.Tenant
	p := &provider{
		service: s, name: Microsoft, label: "Microsoft", userinfo: e.Graph + "/v1.0/me",
		oauth: oauth2.Config{
			ClientID: c.ClientID, ClientSecret: c.ClientSecret.Reveal(), Scopes: []string{oidc.ScopeOpenID, "email", "profile", "User.Read"},
			Endpoint: oauth2.Endpoint{AuthURL: base + "/oauth2/v2.0/authorize", TokenURL: base + "/oauth2/v2.0/token"},
		},
	}
	if c.UserinfoEndpoint != "" {
		p.userinfo = c.UserinfoEndpoint
	}
	p.keys = &keys{service: s, client: c.ClientID, always: true}
	if c.AuthorizationEndpoint != "" || c.TokenEndpoint != "" {
		// Another cloud, or a stand-in: its own document says how its tokens are checked.
		if c.AuthorizationEndpoint != "" {
			p.oauth.Endpoint.AuthURL = c.AuthorizationEndpoint
		}
		if c.TokenEndpoint != "" {
			p.oauth.Endpoint.TokenURL = c.TokenEndpoint
		}
		p.keys.always, p.keys.authorize, p.keys.token = false, p.oauth.Endpoint.AuthURL, p.oauth.Endpoint.TokenURL
	} else {
		p.keys.fixed = func(ctx, lasting context.Context) (*checker, error) {
			return entraChecker(ctx, lasting, p.keys, e.Entra, c.Tenant)
		}
	}
	p.profile = func(ctx context.Context, user *goth.User) (control.SSOProfile, error) {
		return s.microsoftProfile(ctx, c, e, user)
	}
	return p
}

// manyTenants says whether the tenant's name lets people of any organization in.
func manyTenants(tenant string) bool {
	switch strings.ToLower(tenant) {
	case "common", "organizations", "consumers":
		return true
	}
	return false
}

// entraChecker checks id tokens of one tenant. All tenants share Entra's keys, so the issuer, which holds the tenant's id,
// is what tells them apart; a tenant that is named by a domain tells its id in its document.
func entraChecker(ctx, lasting context.Context, k *keys, entra, tenant string) (*checker, error) {
	issuer, many := entra+"/"+tenant+"/v2.0", manyTenants(tenant)
	if !many && uuid.Validate(tenant) != nil {
		raw, err := k.service.get(ctx, issuer+"/.well-known/openid-configuration", "")
		if err != nil {
			return nil, fmt.Errorf("%w: the tenant's document: %w", errReach, err)
		}
		var d document
		if err := json.Unmarshal(raw, &d); err != nil || !strings.HasPrefix(d.Issuer, entra+"/") {
			return nil, errors.New("the tenant's document names no issuer of Entra")
		}
		issuer = d.Issuer
	}
	known := (&oidc.ProviderConfig{
		IssuerURL: issuer, JWKSURL: entra + "/" + tenant + "/discovery/v2.0/keys", Algorithms: []string{oidc.RS256},
	}).NewProvider(lasting)
	c := &checker{issuer: issuer, verifier: known.VerifierContext(lasting, k.config(many))}
	if many {
		c.issuerOK = func(issuer string, claims map[string]any) bool {
			tid := claim.Text(claims["tid"])
			return uuid.Validate(tid) == nil && issuer == entra+"/"+tid+"/v2.0"
		}
	}
	return c, nil
}

// microsoftProfile reads the person. Entra's email is whatever a tenant writes, so it counts as verified only where the
// claim says so, and never links an account when any tenant may come.
func (s *Service) microsoftProfile(ctx context.Context, c *config.Microsoft, e Endpoints, user *goth.User) (control.SSOProfile, error) {
	out := s.common(user, c.Claims)
	out.Provider, out.Issuer = Microsoft, claim.Text(user.RawData["iss"])
	if out.Issuer == "" {
		out.Issuer = e.Entra + "/" + c.Tenant + "/v2.0"
	}
	// oid is the person's id in the tenant, the same for every app; sub changes when the app is registered anew.
	if out.Sub = claim.Text(user.RawData["oid"]); out.Sub == "" {
		if out.Sub = claim.Text(user.RawData["id"]); out.Sub == "" {
			out.Sub = claim.Text(user.RawData["sub"])
		}
	}
	if out.Subject == "" {
		out.Subject = claim.Text(user.RawData["oid"])
	}
	if out.Email == "" {
		out.Email = claim.Email(user.RawData["mail"])
	}
	out.EmailVerified = claim.Flag(user.RawData["xms_edov"])
	if out.EmailVerified == nil {
		out.EmailVerified = claim.Flag(user.RawData["email_verified"])
	}
	if out.EmailVerified == nil && manyTenants(c.Tenant) {
		no := false
		out.EmailVerified = &no
	}
	out.Role = highestRole(s.roleWords(ctx, user, "roles")) // app roles
	s.claimGroups(user, &out)
	if err := s.graphGroups(ctx, c, e, user.AccessToken, &out); err != nil {
		// A sign-in does not depend on Graph; nobody loses a team because it could not be asked.
		s.opt.Log.LogAttrs(ctx, slog.LevelWarn, "Microsoft Graph did not tell the groups; the sign-in goes on without them", slog.Any("error", err))
	}
	return out, nil
}
