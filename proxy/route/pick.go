package route

import (
	"math"
	"slices"
	"time"

	"gatehouse/models"
)

// mayRetry says whether the group may be tried again after this failure.
func (p *Plan) mayRetry(last Outcome) bool {
	others := p.untried() > 0
	switch last.Class {
	case Timeout, Conflict, Server, Connection:
	case RateLimit:
		if !others && p.noneHealthy() && p.hasFallback(last.Class) {
			return false
		}
	case Auth, Quota:
		if !others {
			return false
		}
	case ContextWindow, ContentPolicy:
		// With a policy of its own, a filter that answers by chance may be asked again.
		if p.hasFallback(last.Class) || !p.policySet(last.Class) {
			return false
		}
	case BadRequest:
		if !p.policySet(last.Class) {
			return false
		}
	case Success, Cancelled, Forbidden, NotFound, classes:
		return false
	}
	return p.step.tries <= p.allowed(last.Class)
}

// policySet says whether an operator asked for retries of a class that is otherwise not retried.
func (p *Plan) policySet(class Class) bool {
	word := class.policyWord() + "Retries"
	if n, ok := p.settings.GroupRetryPolicy[p.step.group][word]; ok {
		return n > 0
	}
	return p.settings.RetryPolicy[word] > 0
}

// allowed is the number of retries after a failure of this class: the call's own, the deployment's, that of the class for
// the group or for all, the general one.
func (p *Plan) allowed(class Class) int {
	if p.req.Retries != nil {
		return *p.req.Retries
	}
	if n := len(p.step.tried); n > 0 {
		if m := p.step.tried[n-1].MaxRetries; m != nil {
			return *m
		}
	}
	if word := class.policyWord(); word != "" {
		if n, ok := p.settings.GroupRetryPolicy[p.step.group][word+"Retries"]; ok {
			return n
		}
		if n, ok := p.settings.RetryPolicy[word+"Retries"]; ok {
			return n
		}
	}
	return p.settings.NumRetries
}

func (p *Plan) tierNow() []*models.Deployment {
	if p.step.tier < len(p.step.tiers) {
		return p.step.tiers[p.step.tier]
	}
	return nil
}

func (p *Plan) untried() int {
	n := 0
	for _, d := range p.tierNow() {
		if !slices.Contains(p.step.tried, d) {
			n++
		}
	}
	return n
}

func (p *Plan) noneHealthy() bool {
	now := p.router.opt.Now().UnixNano()
	for _, d := range p.tierNow() {
		if p.router.state(d.ID).view(now, p.req.Stream, p.settings.LatencyTTL).coolFor == 0 {
			// The only deployment of a group is never cooled: one that says 429 is not healthy for that.
			if len(p.step.match.Deployments) > 1 || !slices.Contains(p.step.tried, d) {
				return false
			}
		}
	}
	return true
}

// try begins an attempt in the current tier. A retry leaves out what has failed in this call while others remain.
func (p *Plan) try(last Outcome, retry bool) (Attempt, bool) {
	now := p.router.opt.Now()
	tier := p.tierNow()
	options, unable := p.options(tier, now.UnixNano(), true)
	fresh := len(options) > 0
	if !fresh && retry {
		options, unable = p.options(tier, now.UnixNano(), false)
	}
	if len(options) == 0 && retry && unable.Reason == Cooling {
		options = p.probes(tier, now.UnixNano())
	}
	if len(options) == 0 {
		if p.step.root && p.unable == nil {
			p.unable = unable
		}
		return Attempt{}, false
	}
	var sleep time.Duration
	if retry && !fresh {
		sleep = p.pause(last)
	}
	if !p.req.Deadline.IsZero() && p.attempts > 0 && !now.Add(sleep).Before(p.req.Deadline) {
		return Attempt{}, false
	}
	if retry && !p.router.mayRetry(p.step.budget()) {
		return Attempt{}, false
	}
	for len(options) > 0 {
		o := p.kept(options, now.UnixNano())
		if o == nil {
			o = p.choose(options)
		}
		if a, ok := p.begin(o.d, o.state, now.UnixNano(), sleep, retry); ok {
			return a, true
		}
		// Another call took the last slot since it was looked at.
		options = slices.DeleteFunc(options, func(x option) bool { return x.d == o.d })
	}
	if p.step.root && p.unable == nil {
		p.unable = &Unavailable{Group: p.step.group, Reason: Busy, RetryAfter: time.Second}
		if p.elsewhere != nil {
			p.unable = p.elsewhere
		}
	}
	return Attempt{}, false
}

func (p *Plan) begin(d *models.Deployment, s *state, now int64, sleep time.Duration, retry bool) (Attempt, bool) {
	if !s.begin(now, p.settings.maxParallel(d)) {
		p.full = true
		return Attempt{}, false
	}
	slot, full := p.router.share(p.settings, d, p.req.Tokens)
	if full != nil {
		full.Group, p.elsewhere = p.step.group, full
		p.full = p.full || full.Reason == Busy
		s.undo()
		return Attempt{}, false
	}
	p.room.running = running{d: d, state: s, slot: slot, start: now, pin: p.step.pin, alone: max(len(p.step.match.Deployments), p.step.match.Serve) == 1}
	p.current = &p.room.running
	if p.step.pin != 0 {
		p.router.affinity.set(p.step.pin, d.ID, now, p.settings.AffinityTTL)
	}
	p.attempts++
	p.reached = p.fallbacks
	p.step.tries++
	p.step.tried = append(p.step.tried, d)
	if retry {
		p.retries++
	}
	return Attempt{
		Deployment: d, Group: p.step.group, Model: upstreamModel(p.step.match, p.step.group, d), Overrides: p.step.overrides,
		Sleep: sleep, Retries: p.retries, Fallbacks: p.fallbacks,
	}, true
}

// options are the deployments of the tier that can be tried now; when there are none, why.
func (p *Plan) options(tier []*models.Deployment, now int64, untriedOnly bool) ([]option, *Unavailable) {
	reason := max(Unfit, p.step.unfit)
	var sick, limited []option
	options := p.room.options[:0]
	shortest := time.Duration(math.MaxInt64)
	for _, d := range tier {
		if untriedOnly && slices.Contains(p.step.tried, d) {
			continue
		}
		o := option{d: d, state: p.router.state(d.ID)}
		o.view = o.state.view(now, p.req.Stream, p.settings.LatencyTTL)
		full := p.settings.maxParallel(d)
		switch {
		case o.view.coolFor > 0 && !p.step.match.Pinned:
			reason = max(reason, Cooling)
			shortest = min(shortest, o.view.coolFor)
		case full > 0 && o.view.inFlight >= full:
			p.full = true
			reason = max(reason, Busy)
			shortest = min(shortest, time.Second)
		case o.view.sick && !p.step.match.Pinned:
			sick = append(sick, o)
		case overLimit(d, &o.view, p.req.Tokens):
			reason = max(reason, Limited)
			limited = append(limited, o)
			shortest = min(shortest, time.Duration((now/int64(time.Minute)+1)*int64(time.Minute)-now))
		default:
			options = append(options, o)
		}
	}
	switch {
	case len(options) > 0:
	case len(limited) > 0 && !p.settings.EnforceRateLimits:
		options = limited // the figures steer, they do not refuse
	case len(sick) > 0:
		options = sick // when all are said to be ill, the check is more likely wrong
	}
	if len(options) > 0 {
		return options, nil
	}
	unable := &Unavailable{Group: p.step.group, Reason: reason, RetryAfter: time.Second}
	if shortest != math.MaxInt64 {
		unable.RetryAfter = max(time.Second, shortest)
	}
	return nil, unable
}

func overLimit(d *models.Deployment, v *view, tokens int64) bool {
	return d.RPM != nil && v.requests+1 > *d.RPM || d.TPM != nil && v.tokens+tokens > *d.TPM
}

// probe lets one call a second through to a group of which everything cools and for which nothing stands in: half open,
// instead of refusing all.
func (p *Plan) probe() (Attempt, bool) {
	now := p.router.opt.Now().UnixNano()
	for tier := range p.step.tiers {
		p.step.tier = tier
		for _, o := range p.probes(p.tierNow(), now) {
			if a, ok := p.begin(o.d, o.state, now, 0, false); ok {
				return a, true
			}
		}
	}
	return Attempt{}, false
}

// probes takes the first cooling deployment that is due for a probe.
func (p *Plan) probes(tier []*models.Deployment, now int64) []option {
	for _, d := range tier {
		s := p.router.state(d.ID)
		v := s.view(now, p.req.Stream, p.settings.LatencyTTL)
		if full := p.settings.maxParallel(d); v.coolFor == 0 || full > 0 && v.inFlight >= full {
			continue
		}
		if s.probe(now) {
			return []option{{d: d, state: s, view: v}}
		}
	}
	return nil
}

// The wait before a retry on a deployment that has failed (LiteLLM's constants).
const (
	firstPause   = 0.5
	longestPause = 8.0
	pauseJitter  = 0.75
	longestAsked = 60 * time.Second
)

func (p *Plan) pause(last Outcome) time.Duration {
	wait := last.RetryAfter
	if wait <= 0 || wait > longestAsked {
		n := float64(max(0, p.step.tries-1))
		seconds := min(longestPause, firstPause*math.Pow(2, n)) + p.router.opt.Rand()*pauseJitter
		wait = time.Duration(seconds * float64(time.Second))
	}
	return max(wait, p.settings.RetryAfter)
}
