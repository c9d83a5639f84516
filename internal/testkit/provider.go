package testkit

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"
)

// Provider is a fake model provider on a real listener of 127.0.0.1. It speaks OpenAI's wire (chat, completions,
// embeddings, responses, models) and Anthropic's (messages, count_tokens) under any path prefix, answers as its script
// says, and remembers what it was sent. Safe for concurrent use.
type Provider struct {
	// URL is http://127.0.0.1:PORT; an OpenAI client wants URL + "/v1" as its base.
	URL string

	server *http.Server

	mu       sync.Mutex
	changed  chan struct{} // closed and replaced whenever what tests wait for changes
	queue    []Reply
	always   Reply
	choose   func(Request) *Reply
	requests []Request
	gone     []Gone
	answered int
	closing  bool
}

// Request is one call as it arrived.
type Request struct {
	Number int // from 1, in order of arrival
	Method string
	Path   string
	Query  string
	Header http.Header
	Body   []byte // the raw bytes
	At     time.Time

	Model  string // read from the body, for convenience
	Stream bool
}

// Gone records a client that left before its answer was complete.
type Gone struct {
	Request int // Request.Number
	At      time.Time
	Sent    int // events of a stream written by then
}

// NewProvider starts a provider that stops with the test.
func NewProvider(tb testing.TB) *Provider {
	tb.Helper()
	p, err := ServeProvider("127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := p.Close(); err != nil {
			tb.Error(err)
		}
	})
	return p
}

// ServeProvider starts a provider on addr, for programs that are not Go tests. The caller closes it.
func ServeProvider(addr string) (*Provider, error) {
	listener, err := net.Listen("tcp", addr) //nolint:noctx // lives until Close
	if err != nil {
		return nil, fmt.Errorf("start the fake provider: %w", err)
	}
	p := &Provider{URL: "http://" + listener.Addr().String(), changed: make(chan struct{})}
	p.server = &http.Server{Handler: p, ReadHeaderTimeout: Patience}
	go func() { _ = p.server.Serve(listener) }() // ends with Close, always with ErrServerClosed
	return p, nil
}

// Close ends the provider and every answer under way.
func (p *Provider) Close() error {
	p.mu.Lock()
	p.closing = true
	p.mu.Unlock()
	return p.server.Close()
}

// Script queues replies: each answers one request, in order of arrival.
func (p *Provider) Script(replies ...Reply) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.queue = append(p.queue, replies...)
}

// Always sets the reply for requests that find the queue empty.
func (p *Provider) Always(reply Reply) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.always = reply
}

// Choose sets a function that picks the reply from the request, before the queue is looked at; nil leaves it to the
// queue. The function is called under a lock, one request at a time, and must not call the provider.
func (p *Provider) Choose(choose func(Request) *Reply) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.choose = choose
}

// Reset forgets the script and everything recorded.
func (p *Provider) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.queue, p.always, p.choose = nil, Reply{}, nil
	p.requests, p.gone, p.answered = nil, nil, 0
	p.notify()
}

// Requests returns what has arrived so far, GET models included.
func (p *Provider) Requests() []Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.requests)
}

// Answered counts the requests whose answer, a good one or an error status, was written to its end; a reply with a fault is not one.
func (p *Provider) Answered() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.answered
}

// Departures returns the clients that left early so far.
func (p *Provider) Departures() []Gone {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.gone)
}

// Last returns the newest request; without one the test fails.
func (p *Provider) Last(tb testing.TB) Request {
	tb.Helper()
	all := p.Requests()
	if len(all) == 0 {
		tb.Fatal("the provider was not called")
	}
	return all[len(all)-1]
}

// WaitRequests waits until n requests have arrived and returns all that have.
func (p *Provider) WaitRequests(tb testing.TB, n int) []Request {
	tb.Helper()
	p.wait(tb, fmt.Sprintf("%d requests at the provider", n), func() bool { return len(p.requests) >= n })
	return p.Requests()
}

// WaitAnswered waits until n answers are complete.
func (p *Provider) WaitAnswered(tb testing.TB, n int) {
	tb.Helper()
	p.wait(tb, fmt.Sprintf("%d complete answers", n), func() bool { return p.answered >= n })
}

// WaitGone waits until n clients have left early and returns them all.
func (p *Provider) WaitGone(tb testing.TB, n int) []Gone {
	tb.Helper()
	p.wait(tb, fmt.Sprintf("%d clients to leave the provider", n), func() bool { return len(p.gone) >= n })
	return p.Departures()
}

// wait blocks until done, which is called with mu held, or fails the test.
func (p *Provider) wait(tb testing.TB, what string, done func() bool) {
	tb.Helper()
	ctx, cancel := patient()
	defer cancel()
	for {
		p.mu.Lock()
		ok, changed := done(), p.changed
		p.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			tb.Fatalf("still waiting for %s after %s", what, Patience)
		}
	}
}

// notify wakes the waiters; the caller holds mu.
func (p *Provider) notify() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// ServeHTTP takes one request through the script. It never fails by itself: bodies that are not JSON just have no model.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client left while sending
	}
	request, reply := p.accept(r, body)
	sent, err := deliver(w, r, request, reply)
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case err == nil:
		p.answered++
	case errors.Is(err, errClientGone) && !p.closing:
		p.gone = append(p.gone, Gone{Request: request.Number, At: time.Now(), Sent: sent})
	}
	p.notify()
}

// accept records the request and picks its reply.
func (p *Provider) accept(r *http.Request, body []byte) (Request, Reply) {
	request := Request{
		Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery, Header: r.Header.Clone(), Body: body, At: time.Now(),
	}
	var known struct {
		Model  string `json:"model"`
		Stream bool   `json:"stream"`
	}
	if json.Unmarshal(body, &known) == nil {
		request.Model, request.Stream = known.Model, known.Stream
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	request.Number = len(p.requests) + 1
	p.requests = append(p.requests, request)
	p.notify()
	if p.choose != nil {
		if reply := p.choose(request); reply != nil {
			return request, *reply
		}
	}
	if len(p.queue) > 0 {
		reply := p.queue[0]
		p.queue = p.queue[1:]
		return request, reply
	}
	return request, p.always
}
