package budget

import (
	"math"
	"strings"
	"sync/atomic"
	"time"

	"gatehouse/models"
	"gatehouse/proxy/keyring"
)

// inlineParts is how many scopes a hold carries without a second allocation: key, user, team, member, organization,
// proxy.
const inlineParts = 6

// Hold is what one call has reserved. Whoever owns the call settles it, on every way out; the second and later times do
// nothing. Safe for concurrent use.
type Hold struct {
	// MaxTokens is the output cap to send upstream; 0: the call's own stands. Set in exact mode only.
	MaxTokens int64

	ledger *Ledger
	done   atomic.Bool
	est    models.Nano
	floor  models.Nano
	parts  []part
	inline [inlineParts]part
}

// part is one scope of a hold.
type part struct {
	account  *account
	window   int64 // the account's, at admission
	epoch    int64 // the account's, when something was last held in it
	resetsAt int64
	held     models.Nano
	lack     models.Nano // what the hold was shrunk by
	limit    keyring.Cap
	soft     keyring.Cap
	level    keyring.Level
	fresh    bool        // came with a fallback
	before   models.Nano // held, while that is being exchanged
	lacked   models.Nano // lack, likewise
	slice    int64       // that the call was admitted on; 0: none
	take     models.Nano // of its cost, what the slice had
}

// release takes what the part holds off its account, whose lock is held.
func (p *part) release() {
	if p.account.epoch == p.epoch {
		p.account.held -= p.held
		p.account.short -= p.lack
	}
}

// covered says whether what the part holds is lent: on a shared budget, only calls that it caps are.
func (p *part) covered() bool { return !p.account.shared || p.limit.Set }

// Est is what the call is taken to cost.
func (h *Hold) Est() models.Nano { return h.est }

// Floor is what is booked when nobody can tell what the call cost.
func (h *Hold) Floor() models.Nano { return h.floor }

// Charges appends the scopes and windows that the call is charged to, for the writer of the ledger.
func (h *Hold) Charges(to []models.ScopeCharge) []models.ScopeCharge {
	for i := range h.parts {
		p := &h.parts[i]
		c := models.ScopeCharge{Scope: p.account.scope, WindowStart: models.FromMicros(p.window), Slice: p.slice, Take: p.take}
		if p.resetsAt != 0 {
			end := models.FromMicros(p.resetsAt)
			c.ResetsAt = &end
		}
		to = append(to, c)
	}
	return to
}

// Reserve admits a call on all of its scopes or on none. wants are in the order in which a refusal is reported; the
// slice is not kept. Two wants of the same scope count once. Where budgets are shared it may wait for the database, 2 s at
// most. Errors: *Exhausted, ErrUnavailable.
func (l *Ledger) Reserve(wants []Want, ask Ask) (*Hold, error) {
	h := new(Hold)
	if err := l.ReserveInto(h, wants, ask); err != nil {
		return nil, err
	}
	return h, nil
}

// ReserveInto is Reserve in memory of the caller's, which held nothing or is settled, and which nobody else has any more.
func (l *Ledger) ReserveInto(h *Hold, wants []Want, ask Ask) error {
	*h = Hold{ledger: l, floor: ask.Floor}
	h.parts = h.inline[:0]
	for i := range wants {
		w := &wants[i]
		h.parts = append(h.parts, part{account: l.account(w.Scope), limit: w.Cap, soft: w.Soft, level: w.Level})
	}
	order := h.order(make([]uint8, 0, 16))
	var began time.Time
	for {
		now := l.micros()
		for _, i := range order {
			p := &h.parts[i]
			p.account.mu.Lock()
			if p.account.turn(&l.cal, wants[i].Duration, wants[i].ResetAt, now) {
				l.ask(p.account.scope)
			}
			p.window, p.resetsAt, p.epoch = p.account.start, p.account.resetsAt, p.account.epoch
		}
		short, est, err := h.short(order, &ask)
		if len(short) == 0 && err == nil {
			if refused := h.admit(&ask); refused >= 0 {
				err = exhausted(&wants[refused], h.parts[refused].account)
			}
		}
		for _, i := range order {
			h.parts[i].account.mu.Unlock()
		}
		if err != nil {
			return err
		}
		if len(short) == 0 {
			h.dropTwins()
			return nil
		}
		if began.IsZero() {
			began = l.opt.Now()
		} else if l.opt.Now().Sub(began) > needLimit {
			return ErrUnavailable
		}
		if err := l.banker.need(short, est); err != nil {
			return err
		}
	}
}

// short gives the accounts, all locked, whose slice does not cover the call and that may be lent more, and what the call
// needs of each. Nothing is short in a budget that is not shared.
func (h *Hold) short(order []uint8, ask *Ask) (short []*account, est models.Nano, err error) {
	b := h.ledger.banker
	if b == nil || ask.Pricing != Priced {
		return nil, 0, nil
	}
	now := h.ledger.opt.Now()
	est = max(ask.Est, 1)
	left, capped := models.Nano(0), false
	for _, i := range order {
		p := &h.parts[i]
		if p.limit.Set || p.soft.Set {
			p.account.seen.limit, p.account.seen.soft, p.account.seen.level = p.limit, p.soft, p.level
		}
		if !p.limit.Set {
			continue
		}
		if lease := b.lease.Load(); lease == nil || !now.Before(*lease) {
			return nil, 0, ErrUnavailable
		}
		a := p.account
		a.see(p.limit)
		if free := a.reach(models.Nano(p.limit.N), now); !capped || free < left {
			left, capped = free, true
		}
	}
	if !capped {
		return nil, 0, nil
	}
	if ask.Mode == Exact {
		var ok bool
		if est, _, ok = ask.fit(left); !ok {
			est, _, _ = ask.fit(math.MaxInt64 / 4) // what it takes to learn how much is left
			if named := ask.MaxTokens; named <= 0 {
				est = ask.Input.AddSat(outputCost(defaultOutput, ask.OutputPerMillion))
			}
		}
	}
	for _, i := range order {
		p := &h.parts[i]
		a := p.account
		if p.limit.Set && a.free(0) < est && (now.After(a.slice.drained) || a.slice.recheck) {
			short = append(short, a)
		}
	}
	return short, est, nil
}

// order sorts the parts by scope, each account once.
func (h *Hold) order(order []uint8) []uint8 {
	for i := range h.parts {
		at := len(order)
		for at > 0 && strings.Compare(h.parts[order[at-1]].account.scope, h.parts[i].account.scope) > 0 {
			at--
		}
		if at > 0 && h.parts[order[at-1]].account == h.parts[i].account {
			h.parts[i].window = -1 // a twin
			continue
		}
		order = append(order, 0)
		copy(order[at+1:], order[at:])
		order[at] = uint8(i) //nolint:gosec // a call has a dozen scopes
	}
	return order
}

func (h *Hold) dropTwins() {
	kept := h.parts[:0]
	for i := range h.parts {
		if h.parts[i].window >= 0 {
			kept = append(kept, h.parts[i])
		}
	}
	h.parts = kept
}

// admit tests every part and then holds, with all accounts locked; it returns the first part that refuses, or -1.
func (h *Hold) admit(ask *Ask) int {
	est := ask.Est
	capped, left := -1, models.Nano(0)
	var now time.Time
	if h.ledger.banker != nil {
		now = h.ledger.opt.Now()
	}
	for i := range h.parts {
		p := &h.parts[i]
		if !p.limit.Set || ask.Pricing == Free {
			continue
		}
		limit := models.Nano(p.limit.N)
		if ask.Pricing == Unpriced {
			if p.account.spent > limit {
				return i
			}
			continue
		}
		free := p.account.free(limit)
		if free <= 0 {
			return i
		}
		if ask.Mode == Firm && free < est && p.account.shared && now.Before(p.account.slice.last) {
			return i // a crumb: the last call of the window runs elsewhere
		}
		if reach := p.account.reach(limit, now); capped < 0 || reach < left {
			capped, left = i, reach
		}
	}
	if ask.Pricing != Priced {
		h.hold(0)
		return -1
	}
	if ask.Mode == Exact && capped >= 0 {
		var ok bool
		if est, h.MaxTokens, ok = ask.fit(left); !ok {
			return capped
		}
	}
	// A priced call holds something, or a burst of calls taken to cost nothing would all pass a nearly empty budget.
	h.hold(max(est, 1))
	return -1
}

// mostHeld is what one call can hold of a scope without a cap: so little that no number of calls makes the sum stop at
// the largest number, from which taking them off again would go below zero.
const mostHeld = 1_000_000 * models.USD

// hold sets what each part holds: est, or what is left where that is less. What such a shrunk hold lacks comes first
// when calls end cheaper than they were held for: the next call is admitted once there is room for it beside that one.
func (h *Hold) hold(est models.Nano) {
	h.est = est
	for i := range h.parts {
		p := &h.parts[i]
		if p.window < 0 {
			continue
		}
		if !p.covered() {
			continue
		}
		p.held, p.lack = min(est, mostHeld), 0
		if p.limit.Set && est > 0 {
			p.held = min(est, max(0, p.account.free(models.Nano(p.limit.N))))
			p.lack = max(0, min(est, mostHeld)-p.held)
		}
		p.slice = p.account.slice.id
		p.account.held = p.account.held.AddSat(p.held)
		p.account.short += p.lack
	}
}

func exhausted(w *Want, a *account) *Exhausted {
	return &Exhausted{
		Level: w.Level, Scope: w.Scope, ID: w.ID, Of: w.Of, Model: w.Model,
		Limit: models.Nano(w.Cap.N), Spent: a.spent, Held: a.claimed(models.Nano(w.Cap.N)), ResetsAt: a.resetsAt,
	}
}

// Again replaces what is held by what another model would cost, before a call falls back to it: all scopes or none, and
// on a refusal the old hold stands. own is the key's budget for that model, nil when it has none; it counts in place of
// the one that the key has for the model before. Windows stay those of the admission.
// Errors: *Exhausted, ErrUnavailable.
func (h *Hold) Again(ask Ask, own *Want) error {
	if h.done.Load() {
		return nil
	}
	next := h.successor(own)
	order := next.order(make([]uint8, 0, 16))
	var began time.Time
	for {
		now := h.ledger.micros()
		for _, i := range order {
			p := &next.parts[i]
			p.account.mu.Lock()
			if p.fresh { // of the model that it falls back to
				if p.account.turn(&h.ledger.cal, own.Duration, own.ResetAt, now) {
					h.ledger.ask(p.account.scope)
				}
				p.window, p.resetsAt, p.epoch = p.account.start, p.account.resetsAt, p.account.epoch
			}
			p.before, p.lacked = p.held, p.lack
			p.release()
		}
		short, est, err := next.short(order, &ask)
		if err == nil && len(short) == 0 {
			err = next.replace(&ask, own)
		}
		for _, i := range order {
			p := &next.parts[i]
			current := p.account.epoch == p.epoch
			if err != nil || len(short) > 0 {
				p.held, p.lack = p.before, p.lacked
				if current {
					p.account.held = p.account.held.AddSat(p.held)
					p.account.short += p.lack
				}
			} else if !current { // the window has rolled: nothing is held in the new one
				p.account.held -= p.held
				p.account.short -= p.lack
			}
			p.account.mu.Unlock()
		}
		if err != nil {
			return err
		}
		if len(short) == 0 {
			h.become(next)
			return nil
		}
		if began.IsZero() {
			began = h.ledger.opt.Now()
		} else if h.ledger.opt.Now().Sub(began) > needLimit {
			return ErrUnavailable
		}
		if err := h.ledger.banker.need(short, est); err != nil {
			return err
		}
	}
}

// successor is the hold after a fallback, before anything is held for it: the parts of h, with the new model's budget in
// place of the old one's.
func (h *Hold) successor(own *Want) *Hold {
	next := &Hold{ledger: h.ledger, floor: h.floor, est: h.est, MaxTokens: h.MaxTokens, parts: make([]part, 0, len(h.parts)+1)}
	for _, p := range h.parts {
		if p.level == keyring.LevelKeyModel {
			if own == nil || p.account.scope != own.Scope {
				continue
			}
			own = nil // the same budget as before
		}
		next.parts = append(next.parts, p)
	}
	if own != nil {
		next.parts = append(next.parts, part{account: h.ledger.account(own.Scope), limit: own.Cap, soft: own.Soft, level: own.Level, fresh: true})
	}
	return next
}

// become takes over what next holds, and lets go of the budget that no longer counts.
func (h *Hold) become(next *Hold) {
	for i := range h.parts {
		p := &h.parts[i]
		if p.level != keyring.LevelKeyModel || next.has(p.account) {
			continue
		}
		p.account.mu.Lock()
		p.release()
		p.account.mu.Unlock()
	}
	h.est, h.floor, h.MaxTokens, h.parts = next.est, next.floor, next.MaxTokens, next.parts
}

func (h *Hold) has(a *account) bool {
	for i := range h.parts {
		if h.parts[i].account == a {
			return true
		}
	}
	return false
}

// replace holds anew, all accounts locked and what was held taken off.
func (h *Hold) replace(ask *Ask, own *Want) error {
	h.MaxTokens = 0
	refused := h.admit(ask)
	if refused < 0 {
		h.floor = ask.Floor
		return nil
	}
	p := &h.parts[refused]
	out := &Exhausted{
		Level: p.level, Scope: p.account.scope, Limit: models.Nano(p.limit.N),
		Spent: p.account.spent, Held: p.account.claimed(models.Nano(p.limit.N)), ResetsAt: p.account.resetsAt,
	}
	if p.fresh {
		out.ID, out.Of, out.Model = own.ID, own.Of, own.Model
	}
	return out
}

// Settled is what a settle found.
type Settled struct {
	Overshoot models.Nano // how far this call took a scope past its cap: the most of all scopes
	First     bool        // false: somebody had settled before, and nothing was done
}

// Settle ends the hold with what the call did cost (never below zero). It acts once.
func (h *Hold) Settle(actual models.Nano) Settled {
	if !h.done.CompareAndSwap(false, true) {
		return Settled{}
	}
	actual = max(0, actual)
	out := Settled{First: true}
	var crossed [2 * inlineParts]Crossing
	lines := crossed[:0]
	var now time.Time
	if h.ledger.banker != nil {
		now = h.ledger.opt.Now()
	}
	for i := range h.parts {
		p := &h.parts[i]
		a := p.account
		a.mu.Lock()
		a.total = a.total.AddSat(actual)
		p.release()
		if a.start == p.window {
			before := a.spent
			a.spent = a.spent.AddSat(actual)
			if a.shared {
				a.slice.unbooked = a.slice.unbooked.AddSat(actual)
				p.slice, p.take = 0, 0
				if p.limit.Set {
					p.slice, p.take = a.spend(actual, now)
				}
			}
			if p.limit.Set && actual > 0 {
				over := a.spent.AddSat(-models.Nano(p.limit.N))
				out.Overshoot = max(out.Overshoot, min(over, actual))
			}
			if h.ledger.opt.OnCross != nil && actual > 0 && !a.shared {
				lines = p.crossings(lines, before, a.spent, h.ledger.opt.NearPercent)
			}
		}
		a.mu.Unlock()
	}
	for _, c := range lines {
		h.ledger.opt.OnCross(c)
	}
	return out
}

// Refund ends the hold of a call that cost nothing.
func (h *Hold) Refund() { h.Settle(0) }

// crossings appends the lines that lie between two amounts.
func (p *part) crossings(to []Crossing, before, after models.Nano, near int64) []Crossing {
	line := func(kind CrossKind, at models.Nano) {
		if before < at && after >= at {
			to = append(to, Crossing{
				Kind: kind, Level: p.level, Scope: p.account.scope, Limit: at, Spent: after, Cap: models.Nano(p.limit.N), WindowStart: p.window,
			})
		}
	}
	if p.soft.Set {
		line(CrossSoft, models.Nano(p.soft.N))
	}
	if p.limit.Set && p.limit.N > 0 {
		line(CrossNear, models.Nano(p.limit.N/100*near+p.limit.N%100*near/100))
		line(CrossFull, models.Nano(p.limit.N))
	}
	return to
}
