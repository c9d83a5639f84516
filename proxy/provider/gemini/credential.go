package gemini

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/jwt"

	"gatehouse/proxy/provider"
)

const (
	scope       = "https://www.googleapis.com/auth/cloud-platform"
	tokenURL    = "https://oauth2.googleapis.com/token" //nolint:gosec // an address
	metadataURL = "http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token"
)

// account is a credentials file of Google's.
type account struct {
	Type         string `json:"type"`
	ClientEmail  string `json:"client_email"`
	PrivateKey   string `json:"private_key"`
	PrivateKeyID string `json:"private_key_id"`
	TokenURI     string `json:"token_uri"`
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
	RefreshToken string `json:"refresh_token"`
}

// Credential fetches tokens for Vertex: for a service account, for a person's own credentials, or for the machine that
// this runs on.
func (p Provider) Credential(t *provider.Target, env provider.Env) (provider.Credential, error) {
	d := t.Deployment
	if !p.vertex || d.APIKey.IsSet() {
		return nil, nil //nolint:nilnil // Head has the key
	}
	text := strings.TrimSpace(d.Secrets["vertex_credentials"].Reveal())
	switch {
	case text == "" && !env.Trusted:
		return nil, errors.New("no vertex_credentials for Vertex AI")
	case text == "":
		return provider.NewTokens(env.Now, func(ctx context.Context) (*oauth2.Token, error) { return machine(ctx, env) }), nil
	case !strings.HasPrefix(text, "{"):
		if !env.Trusted {
			return nil, errors.New("vertex_credentials must be the JSON itself; a path is for config.yaml")
		}
		file, err := env.ReadFile(text)
		if err != nil {
			return nil, fmt.Errorf("read vertex_credentials: %w", err)
		}
		text = string(file)
	}
	var a account
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		return nil, errors.New("vertex_credentials is no JSON") //nolint:errorlint // the error would show a part of it
	}
	source, err := a.source(env)
	if err != nil {
		return nil, err
	}
	return provider.NewTokens(env.Now, source), nil
}

// source makes the way to a token out of the account.
func (a *account) source(env provider.Env) (func(context.Context) (*oauth2.Token, error), error) {
	uri := a.TokenURI
	if uri == "" {
		uri = tokenURL
	}
	switch a.Type {
	case "service_account":
		if a.ClientEmail == "" || a.PrivateKey == "" {
			return nil, errors.New("vertex_credentials has no client_email or no private_key")
		}
		config := &jwt.Config{
			Email: a.ClientEmail, PrivateKey: []byte(a.PrivateKey), PrivateKeyID: a.PrivateKeyID, Scopes: []string{scope}, TokenURL: uri,
		}
		return func(ctx context.Context) (*oauth2.Token, error) {
			return config.TokenSource(context.WithValue(ctx, oauth2.HTTPClient, env.HTTP)).Token() //nolint:wrapcheck // Tokens wraps it
		}, nil
	case "authorized_user":
		config := &oauth2.Config{ClientID: a.ClientID, ClientSecret: a.ClientSecret, Endpoint: oauth2.Endpoint{TokenURL: uri}}
		return func(ctx context.Context) (*oauth2.Token, error) {
			return config.TokenSource(context.WithValue(ctx, oauth2.HTTPClient, env.HTTP), &oauth2.Token{RefreshToken: a.RefreshToken}).Token() //nolint:wrapcheck // as above
		}, nil
	}
	return nil, errors.New("vertex_credentials is of a type that is not known here; service_account and authorized_user are")
}

// machine asks the metadata server of Google's own machines.
func machine(ctx context.Context, env provider.Env) (*oauth2.Token, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, metadataURL, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("ask the metadata server: %w", err)
	}
	req.Header.Set("Metadata-Flavor", "Google")
	resp, err := env.HTTP.Do(req)
	if err != nil {
		return nil, fmt.Errorf("no vertex_credentials, and no metadata server: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	var answer struct {
		Token  string `json:"access_token"`
		Expiry int64  `json:"expires_in"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(nil, resp.Body, 64<<10)).Decode(&answer); err != nil || resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the metadata server answered %s", resp.Status)
	}
	return &oauth2.Token{AccessToken: answer.Token, Expiry: env.Now().Add(time.Duration(answer.Expiry) * time.Second)}, nil
}
