package provider

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/oauth2"
)

// Tokens is a Credential that sends a bearer token and renews it in time: while the old one still holds, calls go on with it.
type Tokens struct {
	now   func() time.Time
	fetch func(ctx context.Context) (*oauth2.Token, error)

	mu      sync.Mutex
	token   *oauth2.Token
	err     error         // of the last fetch
	pending chan struct{} // closed when the fetch under way ends
	retryAt time.Time     // no fetch before it after a failure
}

// NewTokens makes a Credential of a token source. fetch is called by one goroutine at a time.
func NewTokens(now func() time.Time, fetch func(ctx context.Context) (*oauth2.Token, error)) *Tokens {
	return &Tokens{now: now, fetch: fetch}
}

const (
	renewBefore = 5 * time.Minute  // a token that ends sooner is renewed behind the calls
	unusable    = 20 * time.Second // one that ends sooner is not sent any more
	retryTokens = 2 * time.Second  // between two fetches of which the first failed
)

var errNoToken = errors.New("the token endpoint gave no token in time")

// Append appends the Authorization header.
func (t *Tokens) Append(dst []byte, c *Unsigned) ([]byte, error) {
	token, wait, err := t.current()
	if wait != nil {
		timer := time.NewTimer(min(authTimeout, max(c.Deadline.Sub(c.Now), time.Millisecond)))
		select {
		case <-wait:
		case <-timer.C:
		}
		timer.Stop()
		if token, _, err = t.current(); token == "" && err == nil {
			err = errNoToken
		}
	}
	if err != nil {
		return dst, err
	}
	return AppendHeader(dst, "Authorization", "Bearer "+token)
}

// current is the token if it can be used, else what to wait for.
func (t *Tokens) current() (token string, wait <-chan struct{}, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	left := time.Duration(0)
	if t.token != nil {
		left = 24 * time.Hour // one without an end
		if !t.token.Expiry.IsZero() {
			left = t.token.Expiry.Sub(now)
		}
	}
	if left < renewBefore && t.pending == nil && !now.Before(t.retryAt) {
		t.pending = make(chan struct{})
		go t.renew(t.pending)
	}
	if left > unusable {
		return t.token.AccessToken, nil, nil
	}
	if t.pending != nil {
		return "", t.pending, nil
	}
	return "", nil, t.err
}

// renew fetches a token. It ends by itself: the fetch has a limit of its own.
func (t *Tokens) renew(done chan struct{}) {
	defer close(done)
	ctx, cancel := context.WithTimeout(context.Background(), authTimeout)
	defer cancel()
	token, err := t.fetch(ctx)
	if err == nil && token.AccessToken == "" {
		err = errNoToken
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pending = nil
	if err != nil {
		t.err, t.retryAt = fmt.Errorf("fetch a token: %w", plainOAuth(err)), t.now().Add(retryTokens)
		return
	}
	t.token, t.err, t.retryAt = token, nil, time.Time{}
}

// plainOAuth leaves out the body of a token endpoint's refusal, which may repeat what was sent.
func plainOAuth(err error) error {
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) && refused.Response != nil {
		return fmt.Errorf("the token endpoint answered %s %s", refused.Response.Status, refused.ErrorCode)
	}
	return err
}
