package route

import (
	"fmt"
	"math"
	"slices"
	"time"

	"gatehouse/models"
	"gatehouse/proxy/keyring"
	"gatehouse/proxy/limit"
	"gatehouse/proxy/policy/glob"
)

// Request is a call as the router needs it.
type Request struct {
	Catalog *keyring.Catalog
	Model   string        // after aliases
	Match   keyring.Match // what policy resolved it to
	Team    string
	Stream  bool
	Tokens  int64 // that the call is expected to use

	Retries          *int // set by the call or its key; nil: the configured count
	Fallbacks        []Fallback
	ContextFallbacks []Fallback
	PolicyFallbacks  []Fallback // client's own chains: they replace the configured ones
	NoFallbacks      bool
	Deadline         time.Time // no attempt begins after it; zero: none

	Key, Session string // whose call it is, for Settings.Affinity; empty: nobody's

	Tags []string // of the call, its key and its team; they choose deployments under Settings.TagFiltering

	// Permit says whether the caller may use a fallback group, its name after aliases, and what it resolves to. nil:
	// everybody may.
	Permit func(model string) (string, keyring.Match, error)
	// Room says whether the prompt fits into a deployment's context window, for Settings.PreCallChecks. nil: it fits all.
	Room func(*models.Deployment) bool
	// Fit keeps out deployments that cannot serve the call, whatever the settings: region, mode. nil: all fit.
	Fit func(*models.Deployment) bool
	// Cost is what the call would cost there, for cost-based routing; ok is false without a price. nil: no prices.
	Cost func(*models.Deployment) (models.Nano, bool)
}

// Attempt is one try.
type Attempt struct {
	Deployment *models.Deployment
	Group      string         // the name asked for in this step: what is booked as the model group
	Model      string         // the provider's own name for it
	Overrides  map[string]any // body fields of a fallback step; nil: none
	Sleep      time.Duration  // before it is sent
	Retries    int            // made so far in this call
	Fallbacks  int            // taken so far in this call
}

// Reason is why nothing can be tried.
type Reason uint8

// The reasons.
const (
	Unfit    Reason = iota + 1 // no deployment serves this kind of call
	Cooling                    // all of them had failed lately
	Busy                       // all of them have as many calls as they take
	Limited                    // all of them are at their rate
	TooLong                    // the prompt is too long for all of them
	Untagged                   // none has the tags of the call
)

// Unavailable tells that no deployment of the group could be tried.
type Unavailable struct {
	Group      string
	Reason     Reason
	RetryAfter time.Duration // at least a second
}

// Error is the text for the caller.
func (u *Unavailable) Error() string {
	switch u.Reason {
	case TooLong:
		return "The prompt is too long for every deployment of " + u.Group + "."
	case Untagged:
		return "No deployment of " + u.Group + " has the tags of this call."
	case Unfit, Cooling, Busy, Limited:
	}
	return fmt.Sprintf("No deployments available for %s, try again in %d seconds.", u.Group, int64(math.Ceil(u.RetryAfter.Seconds())))
}

// Plan is the way of one call through deployments. One goroutine at a time.
type Plan struct {
	router   *Router
	settings *Settings
	req      Request

	step, root step
	pending    []Fallback // groups still to be tried, nearest first
	seen       []string   // groups that were entered
	own        bool       // the pending groups are the client's own
	attempts   int
	retries    int // in all
	fallbacks  int // in all
	first      *Outcome
	unable     *Unavailable
	elsewhere  *Unavailable // a limit that the calls of other replicas have used up
	full       bool         // some deployment had no slot left
	reached    int          // fallbacks that were tried
	current    *running
	finished   bool
	room       room
}

// room is memory for what most calls come to: a group of few deployments, and one attempt.
type room struct {
	fit     [4]*models.Deployment
	tier    [1][]*models.Deployment
	tried   [1]*models.Deployment
	seen    [1]string
	options [4]option
	running running
}

// step is the group being tried.
type step struct {
	group     string
	match     keyring.Match
	overrides map[string]any
	tiers     [][]*models.Deployment
	tier      int
	tries     int // in this tier
	tried     []*models.Deployment
	root      bool
	pin       uint64 // what the caller's deployment is remembered by; 0: nothing
	unfit     Reason // why tiers is empty: TooLong or Untagged; 0: it is not, or for no such reason
}

// budget names the retry budget of the step: names under a wildcard share the pattern's.
func (s *step) budget() string {
	if s.match.Group != "" {
		return s.match.Group
	}
	return s.group
}

// running is the attempt under way.
type running struct {
	d     *models.Deployment
	state *state
	slot  *limit.Slot // of the limits that replicas share; nil: there are none
	start int64       // Unix ns
	pin   uint64      // of the step
	alone bool
}

// Plan makes the plan of one call. The error is that of a fallback group which the client named and may not use.
func (r *Router) Plan(req Request) (*Plan, error) {
	p := new(Plan)
	if err := r.PlanInto(p, req); err != nil {
		return nil, err
	}
	return p, nil
}

// PlanInto is Plan in memory of the caller's, whose former plan ends.
func (r *Router) PlanInto(p *Plan, req Request) error {
	*p = Plan{router: r, settings: r.settings.Load(), req: req}
	if req.Permit != nil && !req.NoFallbacks {
		for _, chain := range [...][]Fallback{req.Fallbacks, req.ContextFallbacks, req.PolicyFallbacks} {
			for _, f := range chain {
				if _, _, err := req.Permit(f.Model); err != nil {
					return err
				}
			}
		}
	}
	p.seen = p.room.seen[:0]
	p.enter(req.Model, req.Match, nil)
	p.step.root = true
	p.step.tried = p.room.tried[:0]
	p.root = p.step
	return nil
}

// Next takes what became of the last attempt (nothing, the first time) and gives the next one; false when there is none:
// the call has ended, or Err and First tell why it failed. An attempt counts as in flight until the next Next or End.
func (p *Plan) Next(last Outcome) (Attempt, bool) {
	began := p.current != nil
	p.End(last)
	if p.finished {
		return Attempt{}, false
	}
	if !began {
		if p.attempts > 0 {
			return Attempt{}, false
		}
		return p.walk(Outcome{})
	}
	if last.Class == Success || last.Class == Cancelled || last.Committed {
		p.finished = true
		return Attempt{}, false
	}
	if p.step.root {
		out := last
		p.first = &out
	}
	if p.mayRetry(last) {
		if a, ok := p.try(last, true); ok {
			return a, true
		}
	}
	// What the tier could not do, the next tier tries: but not for a call that would fail anywhere.
	if last.Class != BadRequest && last.Class != ContextWindow && last.Class != ContentPolicy {
		for p.step.tier+1 < len(p.step.tiers) {
			p.step.tier++
			p.step.tries = 0
			if a, ok := p.try(last, false); ok {
				return a, true
			}
		}
	}
	p.branch(last.Class)
	return p.walk(last)
}

// End takes what became of the last attempt when nothing more will be tried. It acts once an attempt.
func (p *Plan) End(last Outcome) {
	if p.current == nil {
		return
	}
	run := p.current
	p.current = nil
	news, until := run.state.end(p.settings, run.d, &last, run.alone, run.start, p.router.opt.Now().UnixNano())
	p.router.tell(run.d.ID, news, until)
	if run.pin != 0 && last.Class.blames() {
		p.router.affinity.drop(run.pin, run.d.ID)
	}
	run.slot.Settle(last.TotalTokens)
}

// First is what became of the last attempt in the group that the client asked for: the answer when everything failed.
// nil when none was made there.
func (p *Plan) First() *Outcome { return p.first }

// Err is why nothing could be tried in the group that the client asked for; nil when something was.
func (p *Plan) Err() error {
	if p.first != nil || p.unable == nil {
		return nil
	}
	return p.unable
}

// Counts tells retries and fallbacks made so far, for headers.
func (p *Plan) Counts() (retries, fallbacks int) { return p.retries, p.reached }

// Full says that nothing could be tried, and that something could be as soon as a slot is free (max_parallel_requests).
func (p *Plan) Full() bool { return p.attempts == 0 && p.current == nil && p.full }

// Again begins a plan anew that was Full.
func (p *Plan) Again() {
	root := p.root
	root.tier = 0
	// The tiers of the root stand in the room.
	*p = Plan{router: p.router, settings: p.settings, req: p.req, step: root, root: root, seen: append(p.room.seen[:0], root.group), room: p.room}
}

// enter begins a group.
func (p *Plan) enter(group string, match keyring.Match, overrides map[string]any) {
	p.step = step{group: group, match: match, overrides: overrides}
	p.step.tiers, p.step.unfit = p.tiers(match)
	if want := p.settings.affinityOf(p.step.budget()); want != (Affinity{}) && len(match.Deployments) > 1 {
		p.step.pin = p.router.affinity.of(want, p.step.budget(), &p.req)
	}
	p.seen = append(p.seen, group)
	p.router.countCall(p.step.budget())
}

// tiers sorts the deployments that fit by `order`; those without one come last. When none is left, unfit may say why.
func (p *Plan) tiers(match keyring.Match) (tiers [][]*models.Deployment, unfit Reason) {
	rank := func(d *models.Deployment) int {
		if d.Order == 0 {
			return math.MaxInt
		}
		return d.Order
	}
	first := len(p.seen) == 0 // a later group leaves the first one's alone
	fit := p.room.fit[:0]
	if !first || len(match.Deployments) > len(p.room.fit) {
		fit = make([]*models.Deployment, 0, len(match.Deployments))
	}
	ordered := false
	for _, d := range match.Deployments {
		if d.Disabled != "" || d.Weight != nil && *d.Weight <= 0 && !match.Pinned || p.req.Fit != nil && !p.req.Fit(d) {
			continue
		}
		fit = append(fit, d)
		ordered = ordered || d.Order != 0
	}
	fit, unfit = p.suited(fit, match)
	if !ordered && first {
		p.room.tier[0] = fit
		return p.room.tier[:], unfit
	}
	if !ordered {
		return [][]*models.Deployment{fit}, unfit
	}
	slices.SortStableFunc(fit, func(a, b *models.Deployment) int {
		switch ra, rb := rank(a), rank(b); {
		case ra < rb:
			return -1
		case ra > rb:
			return 1
		}
		return 0
	})
	for i := 0; i < len(fit); {
		j := i + 1
		for j < len(fit) && rank(fit[j]) == rank(fit[i]) {
			j++
		}
		tiers = append(tiers, fit[i:j])
		i = j
	}
	return tiers, unfit
}

// walk tries the current group if it was not, and then each pending one, until something can be tried. When nothing at all
// could be, the group that was asked for gets its probe.
func (p *Plan) walk(last Outcome) (Attempt, bool) {
	for fresh := p.attempts == 0; ; fresh = true {
		if fresh {
			for p.step.tier = range max(1, len(p.step.tiers)) {
				if a, ok := p.try(last, false); ok {
					return a, true
				}
			}
			if p.step.unfit == TooLong {
				p.branch(ContextWindow)
			} else {
				p.branch(Server) // nothing there: as good as down
			}
		}
		if !p.advance() {
			break
		}
		last = Outcome{}
	}
	p.finished = true
	if p.attempts > 0 {
		return Attempt{}, false
	}
	p.step = p.root
	a, ok := p.probe()
	p.finished = !ok
	return a, ok
}

// branch puts the chain of the group that has failed in front of what is pending.
func (p *Plan) branch(class Class) {
	if p.req.NoFallbacks {
		return
	}
	chain, own := p.chain(class)
	if own {
		p.own = true
	}
	if len(chain) > 0 {
		p.pending = append(slices.Clone(chain), p.pending...)
	}
}

// chain is what stands in for the group after a failure of this class. The client's own chain is all there is, so a
// group out of it has none of its own.
func (p *Plan) chain(class Class) (chain []Fallback, own bool) {
	mine, configured, special := p.req.Fallbacks, p.settings.Fallbacks, true
	switch class { //nolint:exhaustive // two classes have chains of their own
	case ContextWindow:
		mine, configured = p.req.ContextFallbacks, p.settings.ContextFallbacks
	case ContentPolicy:
		mine, configured = p.req.PolicyFallbacks, p.settings.PolicyFallbacks
	default:
		special = false
	}
	if p.own {
		return nil, true
	}
	if mine != nil && p.step.root {
		return mine, true
	}
	for _, name := range [...]string{p.step.group, p.step.match.Group, "*"} {
		if c, ok := configured[name]; ok {
			return c, false
		}
	}
	if special {
		return nil, false
	}
	for _, name := range p.settings.DefaultFallbacks {
		chain = append(chain, Fallback{Model: name})
	}
	return chain, false
}

// hasFallback says whether something else would be tried if the group were given up.
func (p *Plan) hasFallback(class Class) bool {
	if p.req.NoFallbacks || p.fallbacks >= p.settings.maxFallbacks() {
		return false
	}
	chain, _ := p.chain(class)
	for _, list := range [...][]Fallback{chain, p.pending} {
		for _, f := range list {
			if !slices.Contains(p.seen, f.Model) {
				return true
			}
		}
	}
	return false
}

// advance enters the next pending group that exists and that the caller may use.
func (p *Plan) advance() bool {
	for len(p.pending) > 0 {
		f := p.pending[0]
		p.pending = p.pending[1:]
		if p.fallbacks >= p.settings.maxFallbacks() {
			return false
		}
		if slices.Contains(p.seen, f.Model) {
			continue
		}
		name, match, ok := p.permitted(f.Model)
		if !ok {
			continue
		}
		p.fallbacks++
		p.seen = append(p.seen, f.Model) // under its alias too
		p.enter(name, match, f.Overrides)
		return true
	}
	return false
}

// permitted is what a fallback's name stands for, after aliases: an alias of a wildcard's member is served as that member.
func (p *Plan) permitted(model string) (name string, match keyring.Match, ok bool) {
	if p.req.Permit == nil {
		if alias, ok := p.req.Catalog.Alias(model); ok {
			model = alias.Model
		}
		match, ok = p.req.Catalog.Resolve(model, p.req.Team)
		return model, match, ok
	}
	name, match, err := p.req.Permit(model)
	return name, match, err == nil
}

// upstreamModel is the provider's own name: `*` takes what the wildcard stood for.
func upstreamModel(match keyring.Match, asked string, d *models.Deployment) string {
	if !glob.Has(d.Model) {
		return d.Model
	}
	if match.Wildcard {
		if captures, ok := glob.Captures(match.Group, asked); ok {
			return glob.Fill(d.Model, captures)
		}
	}
	return glob.Fill(d.Model, []string{asked})
}
