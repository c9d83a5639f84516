package price

import (
	"math"
	"strconv"

	"gatehouse/models"
)

// Line is one item of a bill.
type Line struct {
	Unit     Unit        `json:"unit"`
	Quantity int64       `json:"quantity"` // tokens, images, …; milliseconds for audio_second
	Rate     int64       `json:"rate"`     // nano-USD per million units; parts per million for uplift, discount and margin
	Nano     models.Nano `json:"cost"`
}

// AppendLines appends a bill as JSON, the same as json.Marshal would; nothing for a bill without lines.
func AppendLines(dst []byte, bill []Line) []byte {
	if len(bill) == 0 {
		return dst
	}
	if dst == nil {
		dst = make([]byte, 0, 96*len(bill))
	}
	for i := range bill {
		l := &bill[i]
		sep := byte(',')
		if i == 0 {
			sep = '['
		}
		dst = append(append(append(append(dst, sep), `{"unit":"`...), l.Unit.String()...), `","quantity":`...)
		dst = strconv.AppendInt(dst, l.Quantity, 10)
		dst = strconv.AppendInt(append(dst, `,"rate":`...), l.Rate, 10)
		dst = append(l.Nano.AppendDecimal(append(dst, `,"cost":`...)), '}')
	}
	return append(dst, ']')
}

// Cost is the price of u at a service tier ("" = standard; the one the provider's answer named) and its bill. An
// unknown price costs 0 and has no lines.
func (p *Price) Cost(u Usage, tier string) (models.Nano, []Line) {
	if !p.Known {
		return 0, nil
	}
	return p.AppendCost(make([]Line, 0, 4), u, tier)
}

// AppendCost is Cost with the caller's slice for the lines.
func (p *Price) AppendCost(lines []Line, u Usage, tier string) (models.Nano, []Line) {
	if !p.Known {
		return 0, lines
	}
	r := p.At(tier, u.InputTotal())
	b := bill{lines: lines}
	b.add(Input, u.InputUncached, r.first(Input), million)
	b.add(CacheRead, u.InputCacheRead, r.first(CacheRead, Input), million)
	b.add(CacheWrite5m, u.InputCacheWrite5m, r.first(CacheWrite5m, Input), million)
	b.add(CacheWrite1h, u.InputCacheWrite1h, r.first(CacheWrite1h, CacheWrite5m, Input), million)
	b.add(InputAudio, u.InputAudio, r.first(InputAudio, Input), million)
	b.add(InputImage, u.InputImage, r.first(InputImage, Input), million)
	b.add(Output, u.OutputText, r.first(Output), million)
	b.add(OutputReasoning, u.OutputReasoning, r.first(OutputReasoning, Output), million)
	b.add(OutputAudio, u.OutputAudio, r.first(OutputAudio, Output), million)
	b.add(OutputImage, u.OutputImage, r.first(OutputImage, Output), million)
	b.single(&r, Image, u.Images, million)
	b.single(&r, AudioSecond, u.AudioMillis, million*1000)
	b.single(&r, Character, u.Characters, million)
	b.single(&r, SearchUnit, u.SearchUnits, million)
	b.single(&r, WebSearch, u.WebSearches, million)
	b.single(&r, Request, u.Requests, million)
	return b.sum, b.lines
}

const million = 1_000_000

type bill struct {
	sum   models.Nano
	lines []Line
}

// add books quantity at rate, rounded half up once for this line.
func (b *bill) add(u Unit, quantity, rate, per int64) {
	if quantity <= 0 {
		return
	}
	n := models.Nano(mulDiv(quantity, rate, per))
	b.sum = b.sum.AddSat(n)
	b.lines = append(b.lines, Line{Unit: u, Quantity: quantity, Rate: rate, Nano: n})
}

// single books a unit that has no other price to fall back on: without one there is no line.
func (b *bill) single(r *Rates, u Unit, quantity, per int64) {
	if rate, ok := r.Get(u); ok {
		b.add(u, quantity, rate, per)
	}
}

// Adjust changes a bill after the price list: provider surcharges for a region, agreed discounts, the operator's margin.
// Shares are parts per million. The zero value changes nothing.
type Adjust struct {
	UpliftPPM   int64
	DiscountPPM int64 // at most 1,000,000
	MarginPPM   int64
	MarginFixed models.Nano // a call
}

// Apply books the adjustments as lines of their own, in the order uplift, discount, margin, each on the sum so far. A
// call that cost nothing stays free.
func (a Adjust) Apply(sum models.Nano, lines []Line) (models.Nano, []Line) {
	if sum <= 0 || a == (Adjust{}) {
		return sum, lines
	}
	book := func(u Unit, ppm int64, n models.Nano) {
		if n != 0 {
			sum = sum.AddSat(n)
			lines = append(lines, Line{Unit: u, Quantity: 1, Rate: ppm, Nano: n})
		}
	}
	book(Uplift, a.UpliftPPM, models.Nano(mulDiv(int64(sum), a.UpliftPPM, million)))
	book(Discount, a.DiscountPPM, -models.Nano(mulDiv(int64(sum), min(a.DiscountPPM, million), million)))
	share := models.Nano(mulDiv(int64(sum), a.MarginPPM, million))
	book(Margin, a.MarginPPM, share.AddSat(min(max(a.MarginFixed, 0), math.MaxInt64)))
	return sum, lines
}

// CacheSaving is what the provider's prompt cache saved on u: the same input at the plain input price, less what it cost.
// Below 0 when writing the cache cost more than reading it saved.
func (p *Price) CacheSaving(u Usage, tier string) models.Nano {
	if !p.Known || u.InputCacheRead+u.CacheWrite() == 0 {
		return 0
	}
	plain := u
	plain.InputUncached += u.InputCacheRead + u.CacheWrite()
	plain.InputCacheRead, plain.InputCacheWrite5m, plain.InputCacheWrite1h = 0, 0, 0
	without, _ := p.AppendCost(nil, plain, tier)
	with, _ := p.AppendCost(nil, u, tier)
	return without - with
}

// Shift is a difference of two bills as the adjustments leave it; what is fixed a call is in both and falls out.
func (a Adjust) Shift(diff models.Nano) models.Nano {
	a.MarginFixed = 0
	if diff < 0 {
		n, _ := a.Apply(-diff, nil)
		return -n
	}
	n, _ := a.Apply(diff, nil)
	return n
}
