package provider

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"os"
	"time"
)

// Credential makes the header lines that say who calls, where they depend on the time (tokens that expire) or on the call
// (signatures). Implementations are safe for concurrent use.
type Credential interface {
	// Append appends header lines, each with CRLF. It may wait for a token, but not beyond the deadline. The error's text
	// is for the log.
	Append(dst []byte, c *Unsigned) ([]byte, error)
}

// Unsigned is a request that a Credential speaks for.
type Unsigned struct {
	Method   string
	Host     string
	Path     string // with its query
	Body     [][]byte
	Now      time.Time
	Deadline time.Time
}

// Env is what a Credential may use.
type Env struct {
	Now      func() time.Time
	HTTP     *http.Client // goes only where the deployment may go; follows no redirect
	ReadFile func(name string) ([]byte, error)
	Getenv   func(name string) string
	Trusted  bool // the deployment is one of config.yaml: files and this machine's identity are for it
}

// Authorizer is a provider whose deployments may need a Credential; it returns nil for one that does not.
type Authorizer interface {
	Credential(t *Target, env Env) (Credential, error)
}

// authTimeout bounds one exchange with a token endpoint.
const authTimeout = 10 * time.Second

// httpClient is for token endpoints: no proxy from the environment, no redirect, and only where dialer goes.
func httpClient(dialer Dialer, config *tls.Config) *http.Client {
	return &http.Client{
		Timeout: authTimeout,
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				return dialer.DialContext(ctx, network, address)
			},
			TLSClientConfig: config, TLSHandshakeTimeout: tlsTimeout, MaxIdleConns: 4, IdleConnTimeout: idleTimeout, ForceAttemptHTTP2: false,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func (r *Registry) env(dialer Dialer, trusted bool) Env {
	return Env{
		Now: r.client.now, HTTP: httpClient(dialer, r.client.tls.Clone()), ReadFile: os.ReadFile, Getenv: os.Getenv, Trusted: trusted,
	}
}
