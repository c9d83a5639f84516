package models

import (
	"bytes"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// Nano is an amount of money in nano-USD (1e-9 USD). It is the only form in which money is
// kept, added or compared; decimals exist at the JSON edge alone.
type Nano int64

// USD is one dollar.
const USD Nano = 1_000_000_000

// MaxNano is the largest amount that input may name: nine billion dollars.
const MaxNano = 9_000_000_000 * USD

// ParseNano reads a decimal dollar amount ("12", "0.5", "1e-4") exactly, rounding half away from
// zero below a nano-dollar. It refuses NaN, infinities and amounts beyond MaxNano.
func ParseNano(text string) (Nano, error) {
	text = strings.TrimSpace(text)
	if text == "" || len(text) > 64 || strings.ContainsAny(text, "_/xXpPnNiI") {
		return 0, fmt.Errorf("%q is not an amount of money", clip(text))
	}
	// An exponent is bounded before big.Rat sees it: "1e999999999" would be expanded in full.
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		if e, err := strconv.Atoi(text[i+1:]); err != nil || e > 12 || e < -40 {
			return 0, fmt.Errorf("%q is not an amount of money", clip(text))
		}
	}
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		return 0, fmt.Errorf("%q is not an amount of money", clip(text))
	}
	r.Mul(r, big.NewRat(int64(USD), 1))
	q := roundHalfAway(r)
	if !q.IsInt64() || q.Int64() > int64(MaxNano) || q.Int64() < -int64(MaxNano) {
		return 0, fmt.Errorf("%s is beyond the largest amount, %s", clip(text), MaxNano)
	}
	return Nano(q.Int64()), nil
}

func roundHalfAway(r *big.Rat) *big.Int {
	num, den := new(big.Int).Abs(r.Num()), r.Denom()
	num.Mul(num, big.NewInt(2)).Add(num, den)
	q := num.Quo(num, new(big.Int).Mul(den, big.NewInt(2)))
	if r.Sign() < 0 {
		q.Neg(q)
	}
	return q
}

func clip(s string) string {
	if len(s) > 40 {
		return s[:40] + "…"
	}
	return s
}

// AppendDecimal appends the exact decimal dollars with at least one decimal place: "100.0", "0.0000042".
func (n Nano) AppendDecimal(b []byte) []byte {
	u := uint64(n)
	if n < 0 {
		b = append(b, '-')
		u = -u
	}
	b = strconv.AppendUint(b, u/uint64(USD), 10)
	frac := u % uint64(USD)
	b = append(b, '.')
	if frac == 0 {
		return append(b, '0')
	}
	start := len(b)
	b = strconv.AppendUint(b, frac+uint64(USD), 10) // a leading 1 keeps the zeros
	b = append(b[:start], b[start+1:]...)
	return bytes.TrimRight(b, "0")
}

// String is the exact decimal dollars without a currency sign.
func (n Nano) String() string { return string(n.AppendDecimal(nil)) }

// MarshalJSON writes a JSON number in dollars, exact to the nano-dollar.
func (n Nano) MarshalJSON() ([]byte, error) { return n.AppendDecimal(nil), nil }

// UnmarshalJSON reads a JSON number, or a number in a string, in dollars.
func (n *Nano) UnmarshalJSON(b []byte) error {
	s := string(bytes.TrimSpace(b))
	if len(s) >= 2 && s[0] == '"' {
		s = s[1 : len(s)-1]
	}
	v, err := ParseNano(s)
	if err != nil {
		return err
	}
	*n = v
	return nil
}

// AddSat adds without overflow: money at the edge of int64 stays there.
func (n Nano) AddSat(m Nano) Nano {
	s := n + m
	switch {
	case n > 0 && m > 0 && s < 0:
		return math.MaxInt64
	case n < 0 && m < 0 && s >= 0:
		return math.MinInt64
	}
	return s
}
