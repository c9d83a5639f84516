package provider

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Fetcher gets what a URL in a prompt points to, for providers that take bytes alone. The URL is a stranger's: it goes to
// public addresses only, whatever the name resolves to and wherever it redirects. Safe for concurrent use.
type Fetcher struct{ client *http.Client }

// The limits of one fetch.
const (
	fetchTimeout   = 20 * time.Second
	fetchLimit     = 20 << 20
	fetchRedirects = 3
)

// Errors of Get, fit for the caller: they tell nothing of what is behind an address.
var (
	errFetchURL      = errors.New("only http and https URLs without a user name are fetched")
	errFetchRefused  = errors.New("its address cannot be reached from here")
	errFetchTooLarge = fmt.Errorf("it is larger than %d MB", fetchLimit>>20)
	errFetchSlow     = errors.New("it did not come in time")
	errRedirects     = errors.New("it redirects too often")
)

// NewFetcher makes a fetcher that connects by dialer, which judges addresses.
func NewFetcher(dialer Dialer, config *tls.Config) *Fetcher {
	client := httpClient(dialer, config)
	client.Timeout = fetchTimeout
	client.CheckRedirect = func(req *http.Request, via []*http.Request) error {
		if len(via) > fetchRedirects {
			return errRedirects
		}
		return fetchable(req.URL)
	}
	return &Fetcher{client}
}

func fetchable(u *url.URL) error {
	if u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
		return errFetchURL
	}
	return nil
}

// Get fetches a URL until the deadline; mediaType is what its server says it is.
func (f *Fetcher) Get(text string, deadline time.Time) (mediaType string, data []byte, err error) {
	u, err := url.Parse(text)
	if err != nil {
		return "", nil, errFetchURL
	}
	if err := fetchable(u); err != nil {
		return "", nil, err
	}
	ctx, cancel := within(fetchTimeout, deadline)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return "", nil, errFetchURL
	}
	req.Header.Set("User-Agent", "gatehouse")
	resp, err := f.client.Do(req)
	if err != nil {
		return "", nil, fetchError(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return "", nil, fmt.Errorf("its server answered %d", resp.StatusCode)
	}
	if resp.ContentLength > fetchLimit {
		return "", nil, errFetchTooLarge
	}
	if data, err = io.ReadAll(io.LimitReader(resp.Body, fetchLimit+1)); err != nil {
		return "", nil, fetchError(err)
	}
	if len(data) > fetchLimit {
		return "", nil, errFetchTooLarge
	}
	return mediaTypeOf(resp.Header.Get("Content-Type"), data), data, nil
}

// mediaTypeOf is what the server says, or what the bytes look like when that says nothing.
func mediaTypeOf(header string, data []byte) string {
	kind, _, err := mime.ParseMediaType(header)
	if err != nil || kind == "application/octet-stream" || kind == "binary/octet-stream" {
		kind, _, _ = strings.Cut(http.DetectContentType(data), ";")
	}
	return kind
}

func fetchError(err error) error {
	for _, known := range [...]error{errRedirects, errFetchURL} {
		if errors.Is(err, known) {
			return known
		}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return errFetchSlow
	}
	return errFetchRefused
}
