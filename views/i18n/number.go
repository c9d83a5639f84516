package i18n

import (
	"strconv"
	"strings"
	"time"
)

// Number writes a whole number with groups of three: 1204 -> "1,204".
func (l Lang) Number(n int64) string {
	s := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, s = "−", s[1:]
	}
	return sign + grouped(s)
}

func grouped(digits string) string {
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}

// Compact shortens a number for a tile: from a million on "1.31M" or "131万", below that as Number. Show the whole number beside it.
func (l Lang) Compact(n int64) string {
	if n < 1_000_000 && n > -1_000_000 {
		return l.Number(n)
	}
	type step struct {
		size int64
		unit string
	}
	steps := []step{{1_000_000_000_000, "T"}, {1_000_000_000, "B"}, {1_000_000, "M"}}
	if l == ZH {
		steps = []step{{100_000_000, "亿"}, {10_000, "万"}}
	}
	for _, s := range steps {
		if n >= s.size || n <= -s.size {
			return threeDigits(float64(n)/float64(s.size)) + s.unit
		}
	}
	return l.Number(n)
}

// threeDigits keeps three significant digits: 1.31, 13.1, 131, 1310.
func threeDigits(f float64) string {
	places := 0
	switch {
	case f < 10 && f > -10:
		places = 2
	case f < 100 && f > -100:
		places = 1
	}
	s := strconv.FormatFloat(f, 'f', places, 64)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

// nanoPerCent is how many nano-USD a cent has.
const nanoPerCent = 10_000_000

// Money writes an amount of nano-USD: "$1,198.36", and "$0.0042" where a cent is too coarse.
func (l Lang) Money(nano int64) string {
	sign, v := "", uint64(nano)
	if nano < 0 {
		sign, v = "−", -v
	}
	if v > 0 && v < nanoPerCent {
		s := strings.TrimRight(pad9(v), "0")
		// Two digits that say something are enough: 0.004213 -> 0.0042.
		lead := len(s) - len(strings.TrimLeft(s, "0"))
		if len(s) > lead+2 {
			s = s[:lead+2]
		}
		return sign + "$0." + s
	}
	cents := (v + nanoPerCent/2) / nanoPerCent
	frac := strconv.FormatUint(cents%100, 10)
	if len(frac) < 2 {
		frac = "0" + frac
	}
	return sign + "$" + grouped(strconv.FormatUint(cents/100, 10)) + "." + frac
}

// MoneyShort is Money without ".00": limits read better as "$600".
func (l Lang) MoneyShort(nano int64) string { return strings.TrimSuffix(l.Money(nano), ".00") }

// MoneyInput writes an amount for a form field: no sign, no groups, 2 to 9 decimals as needed ("50.00", "0.0042").
func MoneyInput(nano int64) string {
	sign, v := "", uint64(nano)
	if nano < 0 {
		sign, v = "-", -v
	}
	frac := strings.TrimRight(pad9(v%1_000_000_000), "0")
	for len(frac) < 2 {
		frac += "0"
	}
	return sign + strconv.FormatUint(v/1_000_000_000, 10) + "." + frac
}

func pad9(v uint64) string {
	s := strconv.FormatUint(v, 10)
	return strings.Repeat("0", max(0, 9-len(s))) + s
}

// Percent writes a share given in per cent, one decimal: 12.43 -> "12.4%"; a small share keeps two: "0.62%".
func (l Lang) Percent(share float64) string {
	places := 1
	if share < 1 && share > -1 && share != 0 {
		places = 2
	}
	s := strconv.FormatFloat(share, 'f', places, 64)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return strings.Replace(s, "-", "−", 1) + "%"
}

// Bytes writes a size: "16 KB", "1.2 MB".
func (l Lang) Bytes(n int64) string {
	switch {
	case n >= 1<<20:
		return threeDigits(float64(n)/(1<<20)) + " MB"
	case n >= 1<<10:
		return threeDigits(float64(n)/(1<<10)) + " KB"
	}
	return l.Number(n) + " B"
}

// Took writes how long a call took: "340 ms", "1.2 s", "2 min 5 s".
func (l Lang) Took(d time.Duration) string {
	switch {
	case d < time.Second:
		return l.Number(d.Milliseconds()) + l.pick(" ms", " 毫秒")
	case d < time.Minute:
		return threeDigits(d.Seconds()) + l.pick(" s", " 秒")
	}
	m, s := int64(d/time.Minute), int64(d%time.Minute/time.Second)
	return l.fill("%s min %s s", "%s 分 %s 秒", l.Number(m), l.Number(s))
}
