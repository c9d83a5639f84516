package route

import (
	"sync"
	"time"

	"gatehouse/models"
)

// latencySamples is how many calls the latency of a deployment is made of.
const latencySamples = 10

// timeoutPenalty is the latency that a timed-out call counts as, in seconds a token (LiteLLM's figure).
const timeoutPenalty = 1000

// state is what the router knows of one deployment. mu guards it.
type state struct {
	mu        sync.Mutex
	inFlight  int64
	coolUntil int64 // Unix ns; 0: not cooling
	coolSince int64 // when the present cooldown began
	probeAt   int64 // last call let through while cooling
	sickUntil int64 // a health check failed, and holds until then

	minute   int64 // which one the counts are of
	requests int64 // begun
	tokens   int64
	calls    int64 // ended, but for those that the client gave up
	fails    int64 // those that were the deployment's fault
	byClass  [classes]int64

	plain, streamed samples
}

// samples are the latest latencies, in seconds.
type samples struct {
	value [latencySamples]float64
	at    [latencySamples]int64
	next  int
}

func (s *samples) add(v float64, now int64) {
	s.value[s.next], s.at[s.next] = v, now
	s.next = (s.next + 1) % latencySamples
}

// mean is 0 when there is nothing recent: a deployment that was not tried is tried.
func (s *samples) mean(now int64, ttl time.Duration) float64 {
	sum, n := 0.0, 0
	for i := range s.at {
		if s.at[i] != 0 && now-s.at[i] < int64(ttl) {
			sum += s.value[i]
			n++
		}
	}
	if n == 0 {
		return 0
	}
	return sum / float64(n)
}

// turn starts the counts of a new minute.
func (s *state) turn(now int64) {
	if m := now / int64(time.Minute); m != s.minute {
		s.minute = m
		s.requests, s.tokens, s.calls, s.fails = 0, 0, 0, 0
		s.byClass = [classes]int64{}
	}
}

// view is a state as the picker sees it.
type view struct {
	inFlight, requests, tokens int64
	coolFor                    time.Duration
	sick                       bool
	latency                    float64
}

func (s *state) view(now int64, stream bool, ttl time.Duration) view {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turn(now)
	v := view{inFlight: s.inFlight, requests: s.requests, tokens: s.tokens, sick: s.sickUntil > now}
	if s.coolUntil > now {
		v.coolFor = time.Duration(s.coolUntil - now)
	}
	if stream {
		v.latency = s.streamed.mean(now, ttl)
	} else {
		v.latency = s.plain.mean(now, ttl)
	}
	return v
}

// begin counts a call, unless the deployment has no slot left; maxParallel 0 = no limit.
func (s *state) begin(now, maxParallel int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if maxParallel > 0 && s.inFlight >= maxParallel {
		return false
	}
	s.turn(now)
	s.inFlight++
	s.requests++
	return true
}

// undo takes back what begin counted, for a call that was not made.
func (s *state) undo() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inFlight--
	s.requests = max(0, s.requests-1) // the minute may have turned meanwhile
}

// probe lets one call a second through a cooling deployment.
func (s *state) probe(now int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.probeAt != 0 && now-s.probeAt < int64(time.Second) {
		return false
	}
	s.probeAt = now
	return true
}

// longestCooldown bounds what a provider's Retry-After can do to its deployment.
const longestCooldown = 5 * time.Minute

// cooling is what a call has done to the cooldown of its deployment.
type cooling uint8

const (
	same  cooling = iota
	began         // or lasts longer than before
	ended         // before its time
)

// end records what became of a call that was begun at the time start, and what that does to the cooldown, which now lasts until
// then. alone says that nothing else serves the group.
func (s *state) end(cfg *Settings, d *models.Deployment, out *Outcome, alone bool, start, now int64) (news cooling, until int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inFlight--
	s.turn(now)
	s.tokens += max(0, out.TotalTokens)
	if out.Class == Cancelled {
		return same, 0
	}
	s.calls++
	s.latencies(out, now)
	switch out.Class {
	case Success:
		// A call that was under way when the cooldown began says nothing of what has come since; a probe does.
		if s.coolUntil <= now || start <= s.coolSince {
			return same, 0
		}
		s.coolUntil = 0
		return ended, 0
	case BadRequest, ContextWindow, ContentPolicy, Forbidden, Conflict, Cancelled, classes:
		s.byClass[out.Class]++
		if !cfg.counting() { // the caller's doing, whatever serves it
			return same, 0
		}
	case Auth, NotFound, Timeout, RateLimit, Quota, Server, Connection:
		s.fails++
		s.byClass[out.Class]++
	}
	if cfg.NoCooldowns || !s.shouldCool(cfg, out.Class, alone) {
		return same, 0
	}
	length := cfg.Cooldown
	if d.CooldownTime != nil {
		length = *d.CooldownTime
	}
	if length <= 0 {
		return same, 0
	}
	length = max(length, min(out.RetryAfter, longestCooldown))
	if s.coolUntil <= now {
		s.coolSince = now
	}
	if now+int64(length) <= s.coolUntil {
		return same, 0
	}
	s.coolUntil = now + int64(length)
	return began, s.coolUntil
}

// counting says whether failures are simply counted (allowed_fails, allowed_fails_policy).
func (c *Settings) counting() bool {
	return len(c.AllowedFailsPolicy) > 0 || c.AllowedFails != nil && *c.AllowedFails != defaultAllowedFails
}

// The thresholds of LiteLLM's own rule.
const (
	failShareCalls = 5
	aloneCalls     = 1000
)

func (s *state) shouldCool(cfg *Settings, class Class, alone bool) bool {
	if cfg.counting() {
		if word := class.policyWord(); word != "" {
			if allowed, ok := cfg.AllowedFailsPolicy[word+"AllowedFails"]; ok {
				return s.named(word) > int64(allowed)
			}
		}
		allowed := defaultAllowedFails
		if cfg.AllowedFails != nil {
			allowed = *cfg.AllowedFails
		}
		return s.fails > int64(allowed)
	}
	if alone {
		return s.calls >= aloneCalls && s.fails == s.calls
	}
	switch class {
	case RateLimit, Quota, Auth, NotFound, Timeout:
		return true
	case Server, Connection:
		return s.calls >= failShareCalls && 2*s.fails > s.calls
	case Success, Cancelled, BadRequest, ContextWindow, ContentPolicy, Forbidden, Conflict, classes:
	}
	return false
}

// named counts the failures of this minute that go by one name in allowed_fails_policy.
func (s *state) named(word string) int64 {
	n := int64(0)
	for class := range classes {
		if class.policyWord() == word {
			n += s.byClass[class]
		}
	}
	return n
}

func (s *state) latencies(out *Outcome, now int64) {
	to := &s.plain
	if out.Stream {
		to = &s.streamed
	}
	switch {
	case out.Class == Timeout:
		to.add(timeoutPenalty, now)
	case out.Class != Success:
	case out.Stream && out.FirstByte > 0:
		to.add(out.FirstByte.Seconds(), now)
	case !out.Stream && out.Total > 0:
		to.add(out.Total.Seconds()/float64(max(1, out.OutputTokens)), now)
	}
}
