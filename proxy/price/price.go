package price

import (
	"encoding/json"
	"math"
	"math/bits"
	"strconv"
	"strings"
)

// Price is everything that decides what one model's calls cost. It is a value: copy it freely, do not write to Tiers
// of one that came from a Table. The zero Price is "no price known", which is not the same as free.
type Price struct {
	Known   bool   // false: cost is 0 and the call is flagged unpriced
	Free    bool   // input and output are explicitly 0 and nothing else costs anything: budgets are skipped
	Version string // where the price came from, kept on every spend row so that a bill can be recomputed
	Base    Rates
	Tiers   []Tier // by service tier and context size; Base where none fits
}

// Tier changes rates for a service tier, for calls whose input is above a number of tokens, or for both.
type Tier struct {
	Service string // "", "flex", "priority", "batch"
	Above   int64  // input tokens; the whole call is at these rates when its input is larger. 0 = any
	Rates   Rates
}

// Rate is the standard rate of u in nano-USD per million units; false when there is none.
func (p *Price) Rate(u Unit) (int64, bool) { return p.Base.Get(u) }

// seal sets Known and Free from the rates.
func (p *Price) seal() {
	p.Known = !p.Base.Empty() || len(p.Tiers) > 0
	in, okIn := p.Base.Get(Input)
	out, okOut := p.Base.Get(Output)
	p.Free = okIn && okOut && in == 0 && out == 0 && !p.Base.paid()
	for i := range p.Tiers {
		p.Free = p.Free && !p.Tiers[i].Rates.paid()
	}
}

// Service brings the names that providers use for a service tier to the three that have prices; "" is the standard one.
func Service(name string) string {
	switch strings.ToLower(name) {
	case "flex", "on_demand_flex":
		return "flex"
	case "priority", "fast", "on_demand_priority":
		return "priority"
	case "batch", "batches":
		return "batch"
	}
	return ""
}

// At returns the rates of a call with that service tier (as the provider's answer names it) and that many input tokens.
// Where a list has a rate for the service and one for the size but none for both, the two factors are multiplied.
func (p *Price) At(service string, inputTokens int64) Rates {
	r := p.Base
	if len(p.Tiers) == 0 {
		return r
	}
	service = Service(service)
	size := p.tier("", inputTokens)
	if size != nil {
		r.overlay(&size.Rates)
	}
	if service == "" {
		return r
	}
	if plain := p.exact(service, 0); plain != nil {
		for u := Unit(0); u < units; u++ {
			rate, ok := plain.Rates.Get(u)
			if !ok {
				continue
			}
			base, _ := p.Base.Get(u)
			if sized, ok := sizeRate(size, u); ok && base > 0 {
				rate = mulDiv(rate, sized, base)
			}
			r.Set(u, rate)
		}
	}
	if both := p.tier(service, inputTokens); both != nil {
		r.overlay(&both.Rates)
	}
	return r
}

func sizeRate(size *Tier, u Unit) (int64, bool) {
	if size == nil {
		return 0, false
	}
	return size.Rates.Get(u)
}

// tier is the one with the highest threshold that the input is above.
func (p *Price) tier(service string, inputTokens int64) *Tier {
	var best *Tier
	for i := range p.Tiers {
		t := &p.Tiers[i]
		if t.Service == service && t.Above > 0 && inputTokens > t.Above && (best == nil || t.Above > best.Above) {
			best = t
		}
	}
	return best
}

// exact is the tier with that service and threshold, nil when there is none.
func (p *Price) exact(service string, above int64) *Tier {
	for i := range p.Tiers {
		if t := &p.Tiers[i]; t.Service == service && t.Above == above {
			return t
		}
	}
	return nil
}

// at returns the rates of a tier to be filled, made when missing.
func (p *Price) at(service string, above int64) *Rates {
	if service == "" && above == 0 {
		return &p.Base
	}
	if t := p.exact(service, above); t != nil {
		return &t.Rates
	}
	p.Tiers = append(p.Tiers, Tier{Service: service, Above: above})
	return &p.Tiers[len(p.Tiers)-1].Rates
}

// Fields are the prices under LiteLLM's names, as exact JSON numbers in USD per unit, for /model/info and its like.
func (p *Price) Fields() map[string]json.Number {
	out := make(map[string]json.Number)
	add := func(r *Rates, suffix string) {
		for u := Unit(0); u < units; u++ {
			if v, ok := r.Get(u); ok {
				out[unitKeys[u]+suffix] = PerUnit(v)
			}
		}
	}
	add(&p.Base, "")
	for i := range p.Tiers {
		t := &p.Tiers[i]
		suffix := ""
		if t.Above > 0 {
			suffix = "_above_" + strconv.FormatInt((t.Above+1)/1000, 10) + "k_tokens"
		}
		switch t.Service {
		case "":
		case "batch":
			suffix += "_batches"
		default:
			suffix += "_" + t.Service
		}
		add(&t.Rates, suffix)
	}
	return out
}

var unitKeys = [units]string{
	Input: "input_cost_per_token", Output: "output_cost_per_token", CacheRead: "cache_read_input_token_cost",
	CacheWrite5m: "cache_creation_input_token_cost", CacheWrite1h: "cache_creation_input_token_cost_above_1hr",
	InputAudio: "input_cost_per_audio_token", InputImage: "input_cost_per_image_token",
	OutputReasoning: "output_cost_per_reasoning_token", OutputAudio: "output_cost_per_audio_token",
	OutputImage: "output_cost_per_image_token", Image: "output_cost_per_image", Pixel: "input_cost_per_pixel",
	AudioSecond: "input_cost_per_second", Character: "input_cost_per_character", SearchUnit: "input_cost_per_query",
	WebSearch: "web_search_cost_per_query", Request: "input_cost_per_request",
}

// PerUnit writes a rate as exact decimal USD for one unit: 3_000_000_000 is "0.000003".
func PerUnit(nanoPerMillion int64) json.Number {
	const digits = 15
	neg := nanoPerMillion < 0
	s := strconv.FormatUint(absolute(nanoPerMillion), 10)
	if len(s) <= digits {
		s = strings.Repeat("0", digits+1-len(s)) + s
	}
	s = s[:len(s)-digits] + "." + s[len(s)-digits:]
	s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	if neg {
		s = "-" + s
	}
	return json.Number(s)
}

func absolute(v int64) uint64 {
	if v < 0 {
		return -uint64(v)
	}
	return uint64(v)
}

// mulDiv is a*b/c, rounded half up, for values that are not negative and c > 0; it stays at MaxInt64 instead of
// overflowing.
func mulDiv(a, b, c int64) int64 {
	if a <= 0 || b <= 0 || c <= 0 {
		return 0
	}
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	lo, carry := bits.Add64(lo, uint64(c)/2, 0)
	hi += carry
	if hi >= uint64(c) {
		return math.MaxInt64
	}
	q, _ := bits.Div64(hi, lo, uint64(c))
	if q > math.MaxInt64 {
		return math.MaxInt64
	}
	return int64(q)
}
