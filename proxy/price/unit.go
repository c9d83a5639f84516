// Package price knows what a call costs: canonical usage, prices in nano-USD per million units, the bill of a call
// line by line, and where a price is found (configuration, a LiteLLM price file, the embedded list).
package price

import (
	"fmt"
	"math/bits"
)

// Unit is one thing that has a price.
type Unit uint8

// The units. Token units first, then those that are counted singly.
const (
	Input Unit = iota
	Output
	CacheRead
	CacheWrite5m
	CacheWrite1h
	InputAudio
	InputImage
	OutputReasoning
	OutputAudio
	OutputImage
	Image       // one generated image
	Pixel       // one pixel of a generated image; turned into Image by Table.LookupImage
	AudioSecond // priced per second, counted in milliseconds
	Character
	SearchUnit
	WebSearch
	Request
	units // how many rates there are; the units below appear on bills only

	Uplift
	Discount
	Margin
)

var unitNames = [...]string{
	Input: "input", Output: "output", CacheRead: "cache_read", CacheWrite5m: "cache_write_5m", CacheWrite1h: "cache_write_1h",
	InputAudio: "input_audio", InputImage: "input_image", OutputReasoning: "output_reasoning", OutputAudio: "output_audio",
	OutputImage: "output_image", Image: "image", Pixel: "pixel", AudioSecond: "audio_second", Character: "character",
	SearchUnit: "search_unit", WebSearch: "web_search", Request: "request", units: "", Uplift: "uplift", Discount: "discount",
	Margin: "margin",
}

// String is the name on bills and in the embedded list: "cache_write_5m".
func (u Unit) String() string {
	if int(u) < len(unitNames) {
		return unitNames[u]
	}
	return "unknown"
}

// MarshalText writes the name.
func (u Unit) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// UnmarshalText reads the name.
func (u *Unit) UnmarshalText(b []byte) error {
	for i, name := range unitNames {
		if name != "" && name == string(b) {
			*u = Unit(i)
			return nil
		}
	}
	return fmt.Errorf("unknown price unit %q", b)
}

// Rates are prices by unit, in nano-USD per million units (per million seconds for AudioSecond). A rate that is not
// set differs from one that is 0. The zero value has none set.
type Rates struct {
	set  uint32
	nano [units]int64
}

// Get returns the rate of u; false when it is not set.
func (r *Rates) Get(u Unit) (int64, bool) {
	if u >= units || r.set&(1<<u) == 0 {
		return 0, false
	}
	return r.nano[u], true
}

// Set puts the rate of u.
func (r *Rates) Set(u Unit, nanoPerMillion int64) {
	if u < units {
		r.set |= 1 << u
		r.nano[u] = nanoPerMillion
	}
}

// Empty reports that no rate is set.
func (r *Rates) Empty() bool { return r.set == 0 }

// overlay puts every rate of o over those of r.
func (r *Rates) overlay(o *Rates) {
	for s := o.set; s != 0; s &= s - 1 {
		u := Unit(bits.TrailingZeros32(s))
		r.Set(u, o.nano[u])
	}
}

// first is the rate of the first unit that is set, 0 when none is.
func (r *Rates) first(order ...Unit) int64 {
	for _, u := range order {
		if v, ok := r.Get(u); ok {
			return v
		}
	}
	return 0
}

// paid reports that something here costs more than nothing.
func (r *Rates) paid() bool {
	for s := r.set; s != 0; s &= s - 1 {
		if r.nano[bits.TrailingZeros32(s)] > 0 {
			return true
		}
	}
	return false
}
