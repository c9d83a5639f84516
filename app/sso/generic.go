package sso

import (
	"context"
	"log/slog"
	"net/url"
	"slices"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/markbates/goth"
	"golang.org/x/oauth2"

	"gatehouse/app/claim"
	"gatehouse/app/config"
	"gatehouse/app/control"
)

// genericProvider is any provider that the three endpoints describe.
func genericProvider(s *Service, c *config.Generic) *provider {
	p := &provider{
		service: s, name: Generic, label: nameOf(c.AuthorizationEndpoint), userinfo: c.UserinfoEndpoint,
		oauth: oauth2.Config{
			ClientID: c.ClientID, ClientSecret: c.ClientSecret.Reveal(), Scopes: c.Scopes,
			Endpoint: oauth2.Endpoint{AuthURL: c.AuthorizationEndpoint, TokenURL: c.TokenEndpoint},
		},
		keys: &keys{service: s, client: c.ClientID, authorize: c.AuthorizationEndpoint, token: c.TokenEndpoint},
	}
	if c.IncludeClientID {
		p.body = append(p.body, oauth2.SetAuthURLParam("client_id", c.ClientID))
	}
	origin := originOf(c.AuthorizationEndpoint)
	p.profile = func(ctx context.Context, user *goth.User) (control.SSOProfile, error) {
		out := s.common(user, c.Claims)
		out.Provider, out.Sub = Generic, claim.Text(user.RawData["sub"])
		if name := claim.Text(claim.Lookup(user.RawData, c.Claims.Provider)); name != "" && len(name) <= 64 {
			out.Provider = name
		}
		out.Issuer = claim.Text(user.RawData["iss"])
		if out.Issuer == "" {
			out.Issuer = origin
		}
		out.EmailVerified = claim.Flag(user.RawData["email_verified"])
		out.Role = highestRole(s.roleWords(ctx, user, c.Claims.Role))
		if c.RoleMappings != nil {
			groups, _ := claim.List(claim.Lookup(user.RawData, c.GroupClaim))
			if out.Role = mappedRole(c.RoleMappings, groups); out.Role == "" {
				out.Role = c.DefaultRole
			}
		}
		s.claimGroups(user, &out)
		return out, nil
	}
	return p
}

// common reads what every provider's claims say in the same way.
func (s *Service) common(user *goth.User, c config.Claims) control.SSOProfile {
	out := control.SSOProfile{
		Subject: claim.Text(claim.Lookup(user.RawData, c.ID)), Email: claim.Email(claim.Lookup(user.RawData, c.Email)), DisplayName: claim.Text(claim.Lookup(user.RawData, c.DisplayName)),
	}
	names := strings.TrimSpace(claim.Text(claim.Lookup(user.RawData, c.FirstName)) + " " + claim.Text(claim.Lookup(user.RawData, c.LastName)))
	if names != "" && (out.DisplayName == "" || out.DisplayName == claim.Text(user.RawData["sub"])) {
		out.DisplayName = names
	}
	return out
}

// roleWords are the values of the role claim; one that names no role is worth a line in the log.
func (s *Service) roleWords(ctx context.Context, user *goth.User, path string) []string {
	words, given := claim.List(claim.Lookup(user.RawData, path))
	if given && len(words) > 0 && highestRole(words) == "" {
		s.opt.Log.LogAttrs(ctx, slog.LevelWarn, "the role claim names no role and is ignored", slog.String("claim", path))
	}
	return words
}

// claimGroups reads the groups that become teams (litellm_jwtauth.team_ids_jwt_field).
func (s *Service) claimGroups(user *goth.User, out *control.SSOProfile) {
	if s.opt.Config.TeamIDsField == "" {
		return
	}
	ids, given := claim.List(claim.Lookup(user.RawData, s.opt.Config.TeamIDsField))
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		out.Groups = append(out.Groups, control.SSOGroup{ID: id})
	}
	out.GroupsKnown = given
}

func originOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	return u.Scheme + "://" + u.Host
}

// nameOf is what a button calls a provider that has no name of its own: the product where its address shows it.
func nameOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "SSO"
	}
	host := u.Hostname()
	switch {
	case strings.HasSuffix(host, ".okta.com") || strings.HasSuffix(host, ".oktapreview.com"):
		return "Okta"
	case strings.HasSuffix(host, ".auth0.com"):
		return "Auth0"
	case strings.HasSuffix(host, ".onelogin.com"):
		return "OneLogin"
	case strings.Contains(u.Path, "/realms/") && strings.Contains(u.Path, "/protocol/openid-connect/"):
		return "Keycloak"
	case strings.HasPrefix(host, "github."):
		return "GitHub"
	}
	return "SSO"
}

// googleProvider is Google, whose id token is always checked.
func googleProvider(s *Service, c *config.Google, e Endpoints) *provider {
	p := &provider{
		service: s, name: Google, label: "Google", userinfo: e.GoogleUserinfo,
		oauth: oauth2.Config{
			ClientID: c.ClientID, ClientSecret: c.ClientSecret.Reveal(), Scopes: []string{oidc.ScopeOpenID, "email", "profile"},
			Endpoint: oauth2.Endpoint{AuthURL: e.GoogleAuthorize, TokenURL: e.GoogleToken},
		},
		extra: []oauth2.AuthCodeOption{oauth2.AccessTypeOnline},
	}
	p.keys = &keys{service: s, client: c.ClientID, always: true}
	p.keys.fixed = func(_, lasting context.Context) (*checker, error) {
		known := (&oidc.ProviderConfig{IssuerURL: e.GoogleIssuer, JWKSURL: e.GoogleKeys, Algorithms: []string{oidc.RS256}}).NewProvider(lasting)
		return &checker{issuer: e.GoogleIssuer, verifier: known.VerifierContext(lasting, p.keys.config(false))}, nil
	}
	p.profile = func(_ context.Context, user *goth.User) (control.SSOProfile, error) {
		out := s.common(user, config.Claims{ID: "sub", Email: "email", DisplayName: "name", FirstName: "given_name", LastName: "family_name"})
		out.Provider, out.Issuer, out.Sub, out.EmailVerified = Google, e.GoogleIssuer, out.Subject, claim.Flag(user.RawData["email_verified"])
		s.claimGroups(user, &out)
		return out, nil
	}
	return p
}
