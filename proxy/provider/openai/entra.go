package openai

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"gatehouse/proxy/provider"
)

// entraScope is what a token for Azure OpenAI is for.
const entraScope = "https://cognitiveservices.azure.com/.default"

// Credential fetches tokens of Entra ID for an Azure deployment that has no key: by a client secret, or by the token that
// Kubernetes gives a workload. Other providers need none.
func (p *Vendor) Credential(t *provider.Target, env provider.Env) (provider.Credential, error) {
	d := t.Deployment
	if p.v.quirks&azurePaths == 0 || d.APIKey.IsSet() || d.Secrets["azure_ad_token"].IsSet() {
		return nil, nil //nolint:nilnil // Head has what there is
	}
	text := func(name string) string { s, _ := d.Params[name].(string); return s }
	tenant, client, secret := text("tenant_id"), text("client_id"), d.Secrets["client_secret"].Reveal()
	file := ""
	if env.Trusted {
		file = env.Getenv("AZURE_FEDERATED_TOKEN_FILE")
	}
	if tenant == "" || client == "" || secret == "" && file == "" {
		return nil, nil //nolint:nilnil // a server in front may need none
	}
	host := strings.TrimRight(text("azure_authority_host"), "/")
	if host == "" && env.Trusted {
		host = strings.TrimRight(env.Getenv("AZURE_AUTHORITY_HOST"), "/")
	}
	if host == "" {
		host = "https://login.microsoftonline.com"
	}
	scope := text("azure_scope")
	if scope == "" {
		scope = entraScope
	}
	if u, err := url.Parse(host); err != nil || u.Host == "" {
		return nil, errors.New("azure_authority_host is no URL")
	}
	config := clientcredentials.Config{
		ClientID: client, ClientSecret: secret, Scopes: []string{scope}, AuthStyle: oauth2.AuthStyleInParams,
		TokenURL: host + "/" + url.PathEscape(tenant) + "/oauth2/v2.0/token",
	}
	return provider.NewTokens(env.Now, func(ctx context.Context) (*oauth2.Token, error) {
		ask := config
		if secret == "" {
			assertion, err := env.ReadFile(file)
			if err != nil {
				return nil, fmt.Errorf("read the federated token: %w", err)
			}
			ask.EndpointParams = url.Values{
				"client_assertion":      {strings.TrimSpace(string(assertion))},
				"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
			}
		}
		return ask.Token(context.WithValue(ctx, oauth2.HTTPClient, env.HTTP)) //nolint:wrapcheck // Tokens wraps it
	}), nil
}
