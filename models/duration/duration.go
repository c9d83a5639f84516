// Package duration is the one grammar of lengths of time that people write ("30d", "1mo", "30min"), with the
// calendar by which budgets reset (contract/admin-api.md §4.5). It does no I/O and reads no clock.
package duration

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// Unit is a unit of the grammar. Months have no fixed length, so they are never turned into seconds before use.
type Unit uint8

// The units. Never is the zero value: a Duration that was not set lasts for ever.
const (
	Never Unit = iota
	Second
	Minute
	Hour
	Day
	Week
	Month
)

// Duration is a whole number of one unit, as written: "24h" and "1d" stay apart in text and agree in effect.
// The zero Duration is "never". It is a plain value, comparable and safe to copy.
type Duration struct {
	N    int64
	Unit Unit
}

// maxSeconds keeps every Duration within a time.Duration (292 years).
const maxSeconds = 280 * 366 * 86400

// daysPerMonth is the longest a month can be; Seconds uses it so that "1mo" is never taken for less than it can last.
const daysPerMonth = 31

// Parse reads digits and a unit: s m h d w mo, and the spellings sec, min, mins, hr, hrs, day, days, month.
// "-1" is never. Zero, signs, spaces, fractions, other units and lengths beyond 280 years are errors whose text
// tells what is wrong without repeating the input.
func Parse(text string) (Duration, error) {
	if text == "-1" {
		return Duration{}, nil
	}
	digits := 0
	for digits < len(text) && text[digits] >= '0' && text[digits] <= '9' {
		digits++
	}
	if digits == 0 {
		return Duration{}, fmt.Errorf(`a duration is a number and a unit, as in "30m", "24h", "7d", "1mo"`)
	}
	unit, err := parseUnit(text[digits:])
	if err != nil {
		return Duration{}, err
	}
	n, err := strconv.ParseInt(text[:digits], 10, 64)
	if err != nil || n > maxSeconds {
		return Duration{}, fmt.Errorf("a duration of more than 280 years is not accepted")
	}
	if n == 0 {
		return Duration{}, fmt.Errorf("a duration must be longer than zero")
	}
	d := Duration{N: n, Unit: unit}
	if n > maxSeconds/d.unitSeconds() {
		return Duration{}, fmt.Errorf("a duration of more than 280 years is not accepted")
	}
	return d, nil
}

func parseUnit(text string) (Unit, error) {
	switch text {
	case "s", "sec":
		return Second, nil
	case "m", "min", "mins":
		return Minute, nil
	case "h", "hr", "hrs":
		return Hour, nil
	case "d", "day", "days":
		return Day, nil
	case "w":
		return Week, nil
	case "mo", "month":
		return Month, nil
	case "":
		return Never, fmt.Errorf(`unit missing: write "30d" for 30 days, "30m" for 30 minutes`)
	}
	return Never, fmt.Errorf("unknown unit: one of s, m, h, d, w, mo")
}

// IsNever says whether d has no end.
func (d Duration) IsNever() bool { return d.Unit == Never }

// Seconds is the length for comparisons; never is math.MaxInt64. A month counts 31 days, the longest it can be,
// so that an upper bound of "30d" is not passed by "1mo".
func (d Duration) Seconds() int64 {
	if d.IsNever() {
		return math.MaxInt64
	}
	return d.N * d.unitSeconds()
}

// Std is the length as a time.Duration, months as in Seconds; never is the longest one.
func (d Duration) Std() time.Duration {
	if d.IsNever() {
		return math.MaxInt64
	}
	return time.Duration(d.Seconds()) * time.Second
}

func (d Duration) unitSeconds() int64 {
	switch d.Unit {
	case Second:
		return 1
	case Minute:
		return 60
	case Hour:
		return 3600
	case Day:
		return 86400
	case Week:
		return 7 * 86400
	case Month:
		return daysPerMonth * 86400
	case Never:
	}
	return math.MaxInt64
}

// Add is the exact end of d after t: elapsed time for every unit but months, which go by the calendar in UTC and stop
// at the last day of a shorter month (31 January + 1mo is 28 or 29 February). The zero Time for never.
func (d Duration) Add(t time.Time) time.Time {
	switch d.Unit {
	case Never:
		return time.Time{}
	case Month:
		u := t.UTC()
		end := u.AddDate(0, int(d.N), 0)
		if end.Day() != u.Day() { // AddDate ran over into the month after
			end = end.AddDate(0, 0, -end.Day())
		}
		return end
	case Second, Minute, Hour, Day, Week:
	}
	return t.Add(d.Std())
}

// String is the canonical text, "" for never. Parse(d.String()) gives d back.
func (d Duration) String() string {
	suffix := ""
	switch d.Unit {
	case Never:
		return ""
	case Second:
		suffix = "s"
	case Minute:
		suffix = "m"
	case Hour:
		suffix = "h"
	case Day:
		suffix = "d"
	case Week:
		suffix = "w"
	case Month:
		suffix = "mo"
	}
	return strconv.FormatInt(d.N, 10) + suffix
}

// Ptr is the text for a nullable column: nil for never.
func (d Duration) Ptr() *string {
	if d.IsNever() {
		return nil
	}
	s := d.String()
	return &s
}
