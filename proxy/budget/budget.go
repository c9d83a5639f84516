// Package budget keeps what each scope may still spend. A call reserves what it is expected to cost before it is sent,
// on every scope it is counted in or on none, and settles once for what it did cost. Money is int64 nano-USD.
//
// One process that owns its database alone has the whole rest of each budget as its balance. Replicas that share one have
// what the database lent them (share.go, banker.go; docs/adr/0001-budget-slices.md).
package budget

import (
	"fmt"
	"math"
	"math/bits"

	"gatehouse/models"
	"gatehouse/proxy/keyring"
)

// Mode is how strictly a cap is kept (contract/proxy.md §14 (9)).
type Mode uint8

// The modes. Firm holds the expected cost, so the last call of a window can pass the cap by its own excess. Exact holds
// the worst case and lowers the output cap of the call until that fits.
const (
	Firm Mode = iota
	Exact
)

// ParseMode reads "firm" or "exact"; anything else is firm.
func ParseMode(s string) Mode {
	if s == "exact" {
		return Exact
	}
	return Firm
}

// Pricing is what is known of a call's price.
type Pricing uint8

// The kinds of price. A call without a known price is refused only once a budget is overdrawn; one whose price is
// explicitly zero is never refused.
const (
	Priced Pricing = iota
	Unpriced
	Free
)

// Want is one scope a call is counted in.
type Want struct {
	Level    keyring.Level
	Scope    string      // models.Scope…
	ID       string      // for messages: the masked key, the id of the team, user, …
	Of       string      // for messages: a member's team, a key's alias
	Model    string      // for messages: of a budget per model
	Cap      keyring.Cap // nano-USD; absent: the scope is counted, never refused
	Soft     keyring.Cap // nano-USD; crossing it is reported
	Duration string      // of the window, as written; empty: no window
	ResetAt  int64       // a reset that an operator fixed, Unix µs; 0: by the calendar
}

// Ask is what a call needs.
type Ask struct {
	Pricing Pricing
	Mode    Mode
	Est     models.Nano // expected cost (Firm, and Exact where no scope has a cap)
	Floor   models.Nano // what is booked when the process dies before the call ends

	// The rest is for Exact: the cost of the call is at most Input and, for each output token, OutputPerMillion / 1e6.
	Input            models.Nano // worst case of the input
	OutputPerMillion int64       // nano-USD for a million output tokens, times the number of choices; 0: no output is billed
	MaxTokens        int64       // output cap that the client named; 0: none
	ModelMax         int64       // most tokens the model can put out; 0: not known
	MinTokens        int64       // a call that could get fewer is refused; 0 = 16
}

const (
	defaultMinTokens = 16
	defaultOutput    = 1024 // tokens granted to a call without a cap, where half of what is left buys fewer
)

// outputCost is the cost of tokens, rounded up.
func outputCost(tokens, perMillion int64) models.Nano {
	if tokens <= 0 || perMillion <= 0 {
		return 0
	}
	hi, lo := bits.Mul64(uint64(tokens), uint64(perMillion))
	lo, carry := bits.Add64(lo, 999_999, 0)
	hi += carry
	if hi >= 1_000_000 {
		return math.MaxInt64
	}
	q, _ := bits.Div64(hi, lo, 1_000_000)
	if q > math.MaxInt64 {
		return math.MaxInt64
	}
	return models.Nano(q) //nolint:gosec // just tested
}

// tokensFor is how many tokens an amount buys.
func tokensFor(amount models.Nano, perMillion int64) int64 {
	if amount < 0 {
		return -1
	}
	hi, lo := bits.Mul64(uint64(amount), 1_000_000)
	if hi >= uint64(perMillion) {
		return math.MaxInt64
	}
	q, _ := bits.Div64(hi, lo, uint64(perMillion))
	return int64(min(q, math.MaxInt64)) //nolint:gosec // just bounded
}

// fit is the worst case of the call when left is what the tightest budget has free, and the output cap to send (0: the
// call's own stands). ok is false when too little is left.
func (a *Ask) fit(left models.Nano) (est models.Nano, maxTokens int64, ok bool) {
	if a.OutputPerMillion <= 0 {
		return a.Input, 0, a.Input <= left
	}
	least := a.MinTokens
	if least <= 0 {
		least = defaultMinTokens
	}
	all := tokensFor(left-a.Input, a.OutputPerMillion)
	var tokens int64
	if a.MaxTokens > 0 {
		tokens, least = min(a.MaxTokens, all), min(least, a.MaxTokens)
	} else {
		tokens = tokensFor(left/2-a.Input, a.OutputPerMillion)
		if tokens < defaultOutput && all >= defaultOutput {
			tokens = defaultOutput
		}
		if a.ModelMax > 0 {
			tokens, least = min(tokens, a.ModelMax), min(least, a.ModelMax)
		}
	}
	if tokens < least {
		return 0, 0, false
	}
	est = a.Input.AddSat(outputCost(tokens, a.OutputPerMillion))
	if tokens == a.MaxTokens {
		return est, 0, est <= left
	}
	return est, tokens, est <= left
}

// Exhausted is the refusal of a call because a budget is used up.
type Exhausted struct {
	Level              keyring.Level
	Scope, ID, Of      string
	Model              string
	Limit, Spent, Held models.Nano
	ResetsAt           int64 // Unix µs; 0: never
}

// Error is the text for the caller (contract/admin-api.md §3.2).
func (e *Exhausted) Error() string {
	switch e.Level {
	case keyring.LevelKeyModel:
		return fmt.Sprintf("LiteLLM Virtual Key: %s, key_alias: %s, exceeded budget for model=%s", e.ID, e.Of, e.Model)
	case keyring.LevelTeam:
		return fmt.Sprintf("Budget has been exceeded! Team=%s Current cost: %s, Max budget: %s", e.ID, e.Spent, e.Limit)
	case keyring.LevelMember:
		return fmt.Sprintf("Budget has been exceeded! User=%s in Team=%s Current cost: %s, Max budget: %s", e.ID, e.Of, e.Spent, e.Limit)
	case keyring.LevelOrg:
		return fmt.Sprintf("Budget has been exceeded! Organization=%s Current cost: %s, Max budget: %s", e.ID, e.Spent, e.Limit)
	case keyring.LevelUser:
		return fmt.Sprintf("ExceededBudget: User=%s over budget. Spend=%s, Budget=%s", e.ID, e.Spent, e.Limit)
	case keyring.LevelCustomer:
		return fmt.Sprintf("ExceededBudget: End User=%s over budget. Spend=%s, Budget=%s", e.ID, e.Spent, e.Limit)
	case keyring.LevelTag:
		return fmt.Sprintf("Budget has been exceeded! Tag=%s Current cost: %s, Max budget: %s", e.ID, e.Spent, e.Limit)
	case keyring.LevelKey, keyring.LevelTeamModel, keyring.LevelProxy, keyring.LevelSession, keyring.LevelDeployment:
	}
	return fmt.Sprintf("Budget has been exceeded! Current cost: %s, Max budget: %s", e.Spent, e.Limit)
}
