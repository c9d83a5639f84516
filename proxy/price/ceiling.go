package price

import (
	"math"
	"math/bits"

	"gatehouse/models"
)

// Kinds says which dearer kinds of token a request can lead to, beside plain text at the standard tier.
type Kinds struct {
	Cached bool // it asks for prompt caching, whose writes cost more than reading
	Media  bool // it has or wants sound or pictures
	Tiered bool // it asks for a service tier
}

// Ceiling is what a call can cost at most: its input of that many tokens, with what is charged a call, and a million
// tokens of its output in nano-USD. Every tier that the call could end in counts, since which one it was is only known
// from the answer.
func (p *Price) Ceiling(input int64, k Kinds) (in models.Nano, outputPerMillion int64) {
	if !p.Known {
		return 0, 0
	}
	var most [2]int64 // of a token read, of a token written
	var call int64
	services := [...]string{"", "flex", "batch", "priority"}
	tried := services[:1]
	if k.Tiered {
		tried = services[:]
	}
	for _, service := range tried {
		for _, size := range [...]int64{0, input} {
			r := p.At(service, size)
			most[0] = max(most[0], r.first(Input))
			most[1] = max(most[1], r.first(Output), r.first(OutputReasoning))
			if k.Cached {
				most[0] = max(most[0], r.first(CacheWrite5m), r.first(CacheWrite1h))
			}
			if k.Media {
				most[0] = max(most[0], r.first(InputAudio), r.first(InputImage))
				most[1] = max(most[1], r.first(OutputAudio), r.first(OutputImage))
			}
			call = max(call, r.first(Request))
		}
	}
	return models.Nano(mulDivUp(input, most[0], million)).AddSat(models.Nano(mulDivUp(1, call, million))), most[1]
}

// Ceiling puts the adjustments onto the bounds of a call: what they make of a bill is never more.
func (a Adjust) Ceiling(in models.Nano, outputPerMillion int64) (models.Nano, int64) {
	if a == (Adjust{}) {
		return in, outputPerMillion
	}
	grow := func(n int64) int64 {
		n = mulDivUp(n, million+max(0, a.UpliftPPM), million)
		n = mulDivUp(n, million-min(max(0, a.DiscountPPM), million), million)
		return mulDivUp(n, million+max(0, a.MarginPPM), million)
	}
	return models.Nano(grow(int64(in))).AddSat(max(a.MarginFixed, 0)), grow(outputPerMillion)
}

// mulDivUp is a*b/c rounded up, at most the largest number; 0 when a factor is not positive.
func mulDivUp(a, b, c int64) int64 { //nolint:unparam // the same shape as mulDiv
	if a <= 0 || b <= 0 || c <= 0 {
		return 0
	}
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	lo, carry := bits.Add64(lo, uint64(c)-1, 0)
	if hi += carry; hi >= uint64(c) {
		return math.MaxInt64
	}
	q, _ := bits.Div64(hi, lo, uint64(c))
	return int64(min(q, math.MaxInt64)) //nolint:gosec // just bounded
}
