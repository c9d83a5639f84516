// Package route turns a model name into the deployment that serves a call, and says what to try when that fails: the
// strategies, cooldowns, retries and fallback chains of contract/proxy.md §4. It does no I/O; its clock and its
// randomness are passed in. What it knows of a deployment is kept by id and outlives every change of configuration.
package route

import (
	"time"
)

// Strategy is how one of several deployments is picked.
type Strategy string

// The strategies, in LiteLLM's words.
const (
	Shuffle      Strategy = "simple-shuffle"
	LeastBusy    Strategy = "least-busy"
	LatencyBased Strategy = "latency-based-routing"
	UsageBased   Strategy = "usage-based-routing"
	UsageBasedV2 Strategy = "usage-based-routing-v2"
	CostBased    Strategy = "cost-based-routing"
)

// defaultAllowedFails is what a failure that allowed_fails_policy does not name is counted against.
const defaultAllowedFails = 3

// Fallback is one step of a chain: a group or deployment id, with body fields to put into the call.
type Fallback struct {
	Model     string
	Overrides map[string]any
}

// Settings are router_settings. The maps are kept and must not be written afterwards.
type Settings struct {
	Strategy      Strategy      // empty = Shuffle
	LatencyTTL    time.Duration // age after which a latency no longer counts; 0 = 1 h
	LatencyBuffer float64       // deployments within best × (1 + buffer) are as good as the best

	NumRetries       int           // retries after the first attempt
	RetryAfter       time.Duration // least wait before a retry on the same deployments
	RetryPolicy      map[string]int
	GroupRetryPolicy map[string]map[string]int

	Cooldown           time.Duration // 0 = never
	NoCooldowns        bool
	AllowedFails       *int // failures a minute; nil (or LiteLLM's default of 3, written out): its own rule of shares
	AllowedFailsPolicy map[string]int

	Fallbacks        map[string][]Fallback // "*" = any group
	ContextFallbacks map[string][]Fallback
	PolicyFallbacks  map[string][]Fallback
	DefaultFallbacks []string
	MaxFallbacks     int // 0 = 5

	TagFiltering  bool // the call's tags choose deployments
	TagsMatchAll  bool // all of them must be there, not any
	PreCallChecks bool // deployments whose context window is too small are left out

	Affinity      Affinity            // of every model
	GroupAffinity map[string]Affinity // more for single models
	AffinityTTL   time.Duration       // since the last call; 0 = 1 h

	EnforceRateLimits  bool // a deployment's rpm and tpm refuse instead of only steering
	DefaultMaxParallel *int64
}

func (s *Settings) maxFallbacks() int {
	if s.MaxFallbacks > 0 {
		return s.MaxFallbacks
	}
	return 5
}

// Class is what became of an attempt, as far as the router minds.
type Class uint8

// The classes. Success is the zero value of an attempt that was never made, too.
const (
	Success       Class = iota
	Cancelled           // the client left: nobody's failure
	BadRequest          // 400, 413, 422: would fail anywhere
	ContextWindow       // the prompt is too long for this model
	ContentPolicy       // the provider's filter
	Auth                // 401: our credential
	Forbidden           // 403
	NotFound            // 404
	Conflict            // 409
	Timeout             // 408 and our own deadlines
	RateLimit           // 429
	Quota               // 429 that no waiting cures
	Server              // 5xx, 529
	Connection          // refused, reset, DNS, TLS
	classes             // how many there are
)

// ClassOf reads a status where nothing more is known.
func ClassOf(status int) Class {
	switch {
	case status >= 200 && status < 400:
		return Success
	case status == 401:
		return Auth
	case status == 403:
		return Forbidden
	case status == 404:
		return NotFound
	case status == 408:
		return Timeout
	case status == 409:
		return Conflict
	case status == 429:
		return RateLimit
	case status >= 500:
		return Server
	}
	return BadRequest
}

// policyWord is the name of the class in retry_policy and allowed_fails_policy, empty when it has none.
func (c Class) policyWord() string {
	switch c {
	case BadRequest, ContextWindow:
		return "BadRequestError"
	case ContentPolicy:
		return "ContentPolicyViolationError"
	case Auth:
		return "AuthenticationError"
	case Timeout:
		return "TimeoutError"
	case RateLimit, Quota:
		return "RateLimitError"
	case Server, Connection:
		return "InternalServerError"
	case Success, Cancelled, Forbidden, NotFound, Conflict, classes:
	}
	return ""
}

// Outcome is what became of an attempt.
type Outcome struct {
	Class        Class
	Status       int           // of the upstream; 0: none came
	RetryAfter   time.Duration // that the upstream asked for; 0: none
	Committed    bool          // a byte has reached the client: nothing else may be tried
	FirstByte    time.Duration // from sending to the first byte or content chunk; 0: not known
	Total        time.Duration
	OutputTokens int64
	TotalTokens  int64
	Stream       bool
	Err          error // the caller's own, given back by Plan.First
}
