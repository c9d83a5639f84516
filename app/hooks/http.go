package hooks

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

const (
	httpTime  = 2 * time.Second
	maxAnswer = 10 << 20
)

// endpoint is a rule behind a URL: the input goes there as JSON by POST, the answer comes back the same way.
type endpoint struct {
	url     string
	client  *http.Client
	timeout time.Duration
}

func openURL(s Settings, reference string) (*endpoint, error) {
	u, err := url.Parse(reference)
	if err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, fmt.Errorf("must be module.function or an https URL; see %s", docsPage)
	}
	if u.User != nil {
		return nil, fmt.Errorf("the URL must not hold a user name or a password; see %s", docsPage)
	}
	if u.Scheme == "http" && len(s.EgressAllow) == 0 {
		return nil, fmt.Errorf("the URL must be https: plain http is for addresses in gatehouse.egress_allow; see %s", docsPage)
	}
	egress := NewEgress(s.EgressAllow)
	plain := u.Scheme == "http"
	transport := &http.Transport{ // no Proxy: the environment must not decide where secrets go
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return egress.DialContext(ctx, network, address, plain)
		},
		TLSHandshakeTimeout: httpTime, MaxIdleConns: 64, MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true,
	}
	return &endpoint{url: u.String(), timeout: httpTime, client: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// run asks the endpoint. Its errors never hold the URL or the body, which may hold secrets.
func (e *endpoint) run(ctx context.Context, in []input) (any, error) {
	body := make(map[string]any, len(in))
	for _, i := range in {
		body[i.name] = i.value
	}
	payload, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("http hook: write the question: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url, bytes.NewReader(payload))
	if err != nil {
		return nil, errors.New("http hook: the URL cannot be used")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "gatehouse-hook")
	res, err := e.client.Do(req)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // without the address
		}
		return nil, fmt.Errorf("http hook: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("http hook: read the answer: %w", err)
	case len(answer) > maxAnswer:
		return nil, errors.New("http hook: the answer is larger than 10 MiB")
	case res.StatusCode < 200 || res.StatusCode > 299:
		return nil, fmt.Errorf("http hook: answered with status %d", res.StatusCode)
	}
	return decodeAnswer(answer)
}

func decodeAnswer(answer []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(answer))
	d.UseNumber()
	var out any
	if err := d.Decode(&out); err != nil {
		return nil, errors.New("http hook: the answer is not JSON")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("http hook: the answer goes on after its JSON")
	}
	return out, nil
}
