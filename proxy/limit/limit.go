// Package limit keeps request rates, token rates and calls in parallel, per scope, in fixed windows. All scopes of a call
// are tested before any is charged, so that a call refused by one does not use up another.
package limit

import (
	"context"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"gatehouse/proxy/keyring"
)

// Want is one scope a call is counted in, with what that scope allows. A set limit of 0 lets nothing through.
type Want struct {
	Level              keyring.Level
	Scope              string // tells scopes apart: models.Scope… and, for a model of a key or team, its name
	ID                 string // for messages: the masked key, the id of the team, user, …
	Model              string // for messages and headers of a limit per model
	RPM, TPM, Parallel keyring.Cap
}

func (w *Want) limits() bool { return w.RPM.Set || w.TPM.Set || w.Parallel.Set }

// rates appends where the scope stands, requests and tokens being those of the window that ends in reset.
func (w *Want) rates(to []Rate, requests, tokens int64, reset time.Duration) []Rate {
	if w.RPM.Set {
		to = append(to, Rate{w.Level, w.Model, Requests, w.RPM.N, max(0, w.RPM.N-requests), reset})
	}
	if w.TPM.Set {
		to = append(to, Rate{w.Level, w.Model, Tokens, w.TPM.N, max(0, w.TPM.N-tokens), reset})
	}
	return to
}

// Kind is what ran out.
type Kind uint8

// The kinds of limit.
const (
	Requests Kind = iota
	Tokens
	Parallel
)

// String is the word of LiteLLM's rate_limit_type header.
func (k Kind) String() string {
	switch k {
	case Tokens:
		return "tokens"
	case Parallel:
		return "max_parallel_requests"
	case Requests:
	}
	return "requests"
}

// Refused is the refusal of a call by one limit of one scope.
type Refused struct {
	Level            keyring.Level
	Scope, ID, Model string
	Kind             Kind
	Limit, Remaining int64
	ResetsAt         time.Time     // UTC; when the window ends, or for calls in parallel, now
	RetryAfter       time.Duration // at least a second
}

// Error is the text for the caller (contract/admin-api.md §3.2).
func (r *Refused) Error() string {
	id := r.ID
	if r.Model != "" {
		id += " model=" + r.Model
	}
	return fmt.Sprintf("Rate limit exceeded for %s: %s. Limit type: %s. Current limit: %d, Remaining: %d. Limit resets at: %s UTC",
		Word(r.Level), id, r.Kind, r.Limit, r.Remaining, r.ResetsAt.Format(time.DateTime))
}

// RetrySeconds is the retry-after header.
func (r *Refused) RetrySeconds() string {
	return strconv.FormatInt(max(1, int64((r.RetryAfter+time.Second-1)/time.Second)), 10)
}

// Word is the level in the x-ratelimit headers, where a key is an api_key.
func Word(l keyring.Level) string {
	if l == keyring.LevelKey {
		return "api_key"
	}
	return l.String()
}

// Rate is where a scope stands once a call has been admitted, for headers.
type Rate struct {
	Level            keyring.Level
	Model            string
	Kind             Kind // Requests or Tokens
	Limit, Remaining int64
	Reset            time.Duration // until the window ends
}

// Limiter admits calls. Memory and Redis are the two.
type Limiter interface {
	// Take admits a call that is expected to use so many tokens, on all scopes or on none. wants are in the order in
	// which a refusal is reported; the slice is not kept. Errors: *Refused, or that ctx has ended.
	Take(ctx context.Context, wants []Want, tokens int64) (*Slot, error)
}

// Slot is a call that was admitted. Its owner ends it on every way out, by Settle or Cancel; the second and later times
// do nothing. A nil Slot, of a call without limits, may be ended too. Safe for concurrent use.
type Slot struct {
	done   atomic.Bool
	end    ender
	tokens int64
	lease  string    // of Redis: names the call among those in parallel
	since  time.Time // of Redis: when it was taken
	taken  []taken
	rates  []Rate
	also   *Slot // the same call in the limiter that stands in for this one
}

// ender is the limiter's side of a slot: give the parallel slots back, then correct the tokens by delta; undo says that
// the call never happened, so its request is given back as well.
type ender interface {
	finish(s *Slot, delta int64, undo bool)
}

// taken is one scope of a slot.
type taken struct {
	entry  *entry // of Memory
	scope  string // of Redis
	window int64  // which one was charged: the entry's turn, or its start at Redis in ms, -1 where that is not known
	sure   bool   // of Memory, with a Redis beside it: the call was let through, not only reserved
}

// Settle ends a call that used so many tokens.
func (s *Slot) Settle(tokens int64) {
	if s != nil && s.done.CompareAndSwap(false, true) {
		s.end.finish(s, max(0, tokens)-s.tokens, false)
		s.also.Settle(tokens)
	}
}

// Cancel ends a call that was not sent, and gives back what it was charged.
func (s *Slot) Cancel() {
	if s != nil && s.done.CompareAndSwap(false, true) {
		s.end.finish(s, -s.tokens, true)
		s.also.Cancel()
	}
}

// Rates tells where each scope with a rate stands after this call, in the order of the wants.
func (s *Slot) Rates() []Rate {
	if s == nil {
		return nil
	}
	return s.rates
}

// Tightest is the rate of one kind with the least left; ok is false when no scope has one.
func (s *Slot) Tightest(k Kind) (r Rate, ok bool) {
	for _, c := range s.Rates() {
		if c.Kind == k && (!ok || c.Remaining < r.Remaining) {
			r, ok = c, true
		}
	}
	return r, ok
}
